//! `DUPLICATE_ORDER`: the same order again and again: equal strategy, side, type, prices and
//! quantity within a short window.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 57,
    code: "DUPLICATE_ORDER",
    rule: "equal orders within duplicate_window_ns, this one included, <= max_duplicates",
    unit: "orders",
    key: "max_duplicates, duplicate_window_ns",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let limits = &i.symbol.limits;
    Measure::one_more(limits.max_duplicates, i.duplicates)
}
