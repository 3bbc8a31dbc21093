//! `DAILY_LOSS`: the day's loss of strategy and station, marked at the side that hurts, fees
//! included.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 50,
    code: "DAILY_LOSS",
    rule: "loss of the day <= max_daily_loss_e9 of strategy and station, or the order opens nothing",
    unit: "1e-9 base currency",
    key: "max_daily_loss_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::loss_at_most(i.strategy.limits.max_daily_loss_e9, i.strategy.pnl_e9)
        .and(Measure::loss_at_most(i.firm.limits.max_daily_loss_e9, i.firm.pnl_e9))
}
