//! `MAX_DRAWDOWN`: the fall from the highest profit of all sessions, of strategy and station.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 51,
    code: "MAX_DRAWDOWN",
    rule: "high-water mark - profit <= max_drawdown_e9 of strategy and station, or the order opens nothing",
    unit: "1e-9 base currency",
    key: "max_drawdown_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(i.strategy.limits.max_drawdown_e9, i.strategy.drawdown_e9())
        .and(Measure::at_most(i.firm.limits.max_drawdown_e9, i.firm.drawdown_e9()))
}
