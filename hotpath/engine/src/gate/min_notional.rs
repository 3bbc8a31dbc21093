//! `MIN_NOTIONAL`: the value is at least the venue's smallest.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 15,
    code: "MIN_NOTIONAL",
    rule: "price x qty >= min_notional of the instrument",
    unit: "1e-9 quote currency",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_least(i.symbol.min_notional_e9, i.value_e9)
}
