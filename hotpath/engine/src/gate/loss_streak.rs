//! `LOSS_STREAK`: losing round trips of a strategy, one after another.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 52,
    code: "LOSS_STREAK",
    rule: "losing round trips in a row <= max_loss_streak, or the order opens nothing",
    unit: "round trips",
    key: "max_loss_streak",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(i.strategy.limits.max_loss_streak, i.strategy.loss_streak)
}
