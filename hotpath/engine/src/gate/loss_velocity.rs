//! `PNL_VELOCITY`: the fall of the profit within a minute, of strategy and station.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 53,
    code: "PNL_VELOCITY",
    rule: "fall from the last minute's highest profit <= max_loss_per_min_e9 of strategy and station, or the order opens nothing",
    unit: "1e-9 base currency",
    key: "max_loss_per_min_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(i.strategy.limits.max_loss_per_min_e9, i.strategy.minute_loss_e9)
        .and(Measure::at_most(i.firm.limits.max_loss_per_min_e9, i.firm.minute_loss_e9))
}
