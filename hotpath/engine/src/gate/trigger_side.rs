//! `TRIGGER_WRONG_SIDE`: a stop waits: a buy triggers above the market, a sell below it. One that
//! is through already would be a market order by another name.
use super::{Check, Inquiry, Measure, When};
use crate::risk::NO_PRICE;
use core::hint::select_unpredictable;
use wire::order::{OrdType, Side};

pub(super) const CHECK: Check = Check {
    id: 18,
    code: "TRIGGER_WRONG_SIDE",
    rule: "a buy's trigger is above the best ask and the last trade, a sell's below the best bid and the last trade",
    unit: "ticks",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let (trigger, s, is_buy) = (i.order.stop_px_ticks.get(), i.symbol, i.order.side == Side::Buy);
    let (touch, last) = (s.across_ticks(i.order.side), s.last_trade_ticks);
    let beyond = select_unpredictable(is_buy, touch.max(last), touch.min(last));
    let market = if last == NO_PRICE { touch } else { beyond };
    let waits = select_unpredictable(is_buy, trigger > market, trigger < market);
    let is_stop = matches!(i.order.ord_type, OrdType::Stop | OrdType::StopLimit);
    Measure::new(waits & (market != NO_PRICE), market, trigger).only_if(is_stop)
}
