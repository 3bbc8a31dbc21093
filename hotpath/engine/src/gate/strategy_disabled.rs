//! `STRATEGY_DISABLED`: a strategy that a loss, a streak, repeated executions or rejects switched
//! off opens nothing until an operator rearms it with a reason.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 4,
    code: "STRATEGY_DISABLED",
    rule: "the strategy is not disabled, or the order opens nothing",
    unit: "reason: 1 day's loss, 2 drawdown, 3 loss streak, 4 loss velocity, 5 executions, 6 rejects",
    key: "-",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(0, i64::from(crate::risk::disabled_code(i.strategy.disabled)))
}
