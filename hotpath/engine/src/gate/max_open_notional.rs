//! `MAX_OPEN_NOTIONAL`: the value of everything that is not done, this order included from the
//! moment it is sent.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 42,
    code: "MAX_OPEN_NOTIONAL",
    rule: "value of orders not done + this one's <= max_open_notional_e9 of the instrument, and of the station in base currency",
    unit: "1e-9 quote or base currency",
    key: "max_open_notional_e9",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let (s, f) = (i.symbol, i.firm);
    let limits = (s.limits.max_open_notional_e9, f.limits.max_open_notional_e9);
    Measure::sum_at_most(limits.0, s.open_e9, i.added_value_e9).and(Measure::sum_at_most(
        limits.1,
        f.exposure.open_e9,
        i.added_base_e9,
    ))
}
