//! `MIN_NOTIONAL`: the order is worth at least what the venue asks for.
use super::{Breach, Check, Inquiry, approval::notional_e9};

pub(super) const CHECK: Check = Check {
    id: 7,
    code: "MIN_NOTIONAL",
    rule: "price x qty >= min_notional_e9 of the instrument",
    unit: "1e-9 quote currency",
    key: "-",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let min = i.instrument?.row.min_notional_e9;
    // What cannot be computed is caught by MAX_ORDER_NOTIONAL.
    let value = notional_e9(i)?;
    (value < min).then_some(Breach::new(min, value))
}
