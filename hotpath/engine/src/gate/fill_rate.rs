//! `FILL_RATE`: filled too fast, something is wrong with the price: pull back.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 60,
    code: "FILL_RATE",
    rule: "lots filled within fill_window_ns <= max_fill_lots, or the order opens nothing",
    unit: "lots",
    key: "max_fill_lots, fill_window_ns",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(i.symbol.limits.max_fill_lots, i.symbol.fills.total())
}
