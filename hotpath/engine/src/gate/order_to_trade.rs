//! `ORDER_TO_TRADE`: a strategy that sends and sends and never trades: messages per fill, from the
//! hundredth message on.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 56,
    code: "ORDER_TO_TRADE",
    rule: "messages + 1 <= max_order_to_trade x fills (at least 1) from the 100th message, or the order opens nothing",
    unit: "messages",
    key: "max_order_to_trade",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let t = i.strategy;
    let (allowed, is_all) = t.limits.max_order_to_trade.overflowing_mul(t.fills.max(1));
    let allowed = if is_all { i64::MAX } else { allowed.max(99) };
    Measure::one_more(allowed, t.messages)
}
