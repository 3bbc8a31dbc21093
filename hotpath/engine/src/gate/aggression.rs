//! `AGGRESSION`: a limit price reaches at most so many ticks beyond the opposite touch; a stop-
//! limit's, beyond its trigger.
use super::{Check, Inquiry, Measure, When};
use crate::risk::NO_PRICE;
use core::hint::select_unpredictable;
use wire::order::{OrdType, Side};

pub(super) const CHECK: Check = Check {
    id: 29,
    code: "AGGRESSION",
    rule: "price beyond the opposite touch (or the trigger) by at most max_aggression_ticks",
    unit: "ticks",
    key: "max_aggression_ticks",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let s = i.symbol;
    let (price, stop) = (i.order.price_ticks.get(), i.order.stop_px_ticks.get());
    let (from, has_price) = match i.order.ord_type {
        OrdType::Limit => (s.across_ticks(i.order.side), true),
        OrdType::StopLimit => (stop, true),
        OrdType::Market | OrdType::Stop => (NO_PRICE, false),
    };
    let is_buy = i.order.side == Side::Buy;
    let (above, below) = (price.saturating_sub(from), from.saturating_sub(price));
    let beyond = select_unpredictable(is_buy, above, below);
    Measure::at_most(s.limits.max_aggression_ticks, beyond).only_if(has_price & (from != NO_PRICE))
}
