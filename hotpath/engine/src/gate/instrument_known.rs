//! `UNKNOWN_INSTRUMENT`: the instrument is in the table and can be accounted for in integers.
use super::{Breach, Check, Inquiry};
use wire::instrument::InstrumentType;

pub(super) const CHECK: Check = Check {
    id: 3,
    code: "UNKNOWN_INSTRUMENT",
    rule: "the instrument is in the table and is no inverse contract",
    unit: "instrument id",
    key: "-",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let known = i.instrument.is_some_and(|state| {
        InstrumentType::from_code(state.row.instrument_type)
            .is_some_and(|t| t != InstrumentType::InversePerp)
    });
    (!known).then_some(Breach::new(0, i64::from(i.order.instrument.get())))
}
