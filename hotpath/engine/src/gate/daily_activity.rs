//! `DAILY_ACTIVITY`: orders and traded value of the day, of strategy and station.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 62,
    code: "DAILY_ACTIVITY",
    rule: "orders of the day + 1 <= max_daily_orders and turnover + value <= max_daily_turnover_e9, of strategy and station, or the order opens nothing",
    unit: "orders, or 1e-9 base currency",
    key: "max_daily_orders, max_daily_turnover_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let (t, f) = (i.strategy, i.firm);
    Measure::one_more(t.limits.max_daily_orders, t.orders_today)
        .and(Measure::one_more(f.limits.max_daily_orders, f.orders_today))
        .and(Measure::sum_at_most(t.limits.max_daily_turnover_e9, t.turnover_e9, i.base_e9))
        .and(Measure::sum_at_most(f.limits.max_daily_turnover_e9, f.turnover_e9, i.base_e9))
}
