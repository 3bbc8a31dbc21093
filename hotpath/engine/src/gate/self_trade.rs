//! `SELF_TRADE`: the order would not meet an own order across: rejected here, before the venue's
//! own prevention.
use super::{Check, Inquiry, Measure, When};
use crate::risk::NO_PRICE;
use core::hint::select_unpredictable;
use wire::order::{OrdType, Side};

pub(super) const CHECK: Check = Check {
    id: 58,
    code: "SELF_TRADE",
    rule: "a buy is below every own working sell, a sell above every own working buy; a stop waits",
    unit: "ticks",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let (o, is_buy) = (i.order, i.order.side == Side::Buy);
    let price = o.price_ticks.get();
    let own = select_unpredictable(is_buy, i.symbol.own_ask_ticks, i.symbol.own_bid_ticks);
    let meets = select_unpredictable(is_buy, price >= own, price <= own);
    // A stop meets nothing before it is triggered; what rests in its way has traded by then.
    let crosses = (o.ord_type == OrdType::Market) | (meets & (o.ord_type == OrdType::Limit));
    Measure::new(!crosses | (own == NO_PRICE), own, price)
}
