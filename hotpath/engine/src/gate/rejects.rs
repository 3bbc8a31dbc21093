//! `CONSECUTIVE_REJECTS`: denials and rejects one after another: asking again does not help.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 61,
    code: "CONSECUTIVE_REJECTS",
    rule: "denials and rejects in a row <= max_consecutive_rejects, or the order opens nothing",
    unit: "orders",
    key: "max_consecutive_rejects",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(i.strategy.limits.max_consecutive_rejects, i.strategy.rejects)
}
