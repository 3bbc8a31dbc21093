//! `INVALID_PRICE`: a limit and a stop-limit order have a price, a stop and a stop-limit order a
//! trigger, no other has; each is above 0 and a multiple of the price step.
use super::inquiry::{has_limit, has_stop};
use super::{Check, Inquiry, Measure, When};
use crate::risk::NO_PRICE;

pub(super) const CHECK: Check = Check {
    id: 13,
    code: "INVALID_PRICE",
    rule: "price and trigger are there exactly where the type has them, above 0, and a multiple of price_step_ticks",
    unit: "ticks",
    key: "price_step_ticks",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let step = i.symbol.limits.price_step_ticks;
    let fits = |price: i64, is_due: bool, is_on_step: bool| {
        let is_price = (price > 0) & (step > 0) & is_on_step;
        (is_due & is_price) | (!is_due & (price == NO_PRICE))
    };
    let (price, trigger) = (i.order.price_ticks.get(), i.order.stop_px_ticks.get());
    let good_price = fits(price, has_limit(i.order), i.price_on_step);
    let good = good_price & fits(trigger, has_stop(i.order), i.trigger_on_step);
    Measure::new(good, step, if good_price { trigger } else { price })
}
