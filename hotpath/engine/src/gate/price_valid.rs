//! `INVALID_PRICE`: a limit and a stop-limit order have a price, a stop and a stop-limit order a
//! trigger, no other has; each is above 0 and a multiple of the price step.
use super::{Check, Inquiry, Measure};
use crate::risk::NO_PRICE;
use wire::order::OrdType;

pub(super) const CHECK: Check = Check {
    id: 13,
    code: "INVALID_PRICE",
    rule: "price and trigger are there exactly where the type has them, above 0, and a multiple of price_step_ticks",
    unit: "ticks",
    key: "price_step_ticks",
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let step = i.symbol.limits.price_step_ticks;
    let fits = |price: i64, due: bool| {
        let on_step = (step > 0) & (price.checked_rem(step.max(1)) == Some(0));
        if due { (price > 0) & on_step } else { price == NO_PRICE }
    };
    let has_limit = matches!(i.order.ord_type, OrdType::Limit | OrdType::StopLimit);
    let has_stop = matches!(i.order.ord_type, OrdType::Stop | OrdType::StopLimit);
    let (price, trigger) = (i.order.price_ticks.get(), i.order.stop_px_ticks.get());
    let good_price = fits(price, has_limit);
    let good = good_price & fits(trigger, has_stop);
    Measure::new(good, step, if good_price { trigger } else { price })
}
