//! `UNKNOWN_INSTRUMENT`: the instrument is in the table, can be accounted for exactly, and is no
//! inverse contract.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 11,
    code: "UNKNOWN_INSTRUMENT",
    rule: "the instrument is in the table and is no inverse contract",
    unit: "flag",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_least(1, i64::from(i.symbol.tradable))
}
