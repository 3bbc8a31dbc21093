//! `ORDER_RATE`: token buckets in integer engine time, of the instrument, the strategy and the
//! venue. Only an approved order takes a token, and a cancel never does.
use super::{Check, Inquiry, Measure, When};
use crate::risk::Bucket;

pub(super) const CHECK: Check = Check {
    id: 54,
    code: "ORDER_RATE",
    rule: "the order fits into order_burst and order_rate_per_s of instrument, strategy and venue, and as advised where it opens something",
    unit: "orders in the bucket",
    key: "order_rate_per_s, order_burst",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let fits = |bucket: &Bucket, burst: i64| {
        Measure::new(bucket.fits(i.now), burst, bucket.used_after(i.now))
    };
    fits(&i.symbol.orders, i.symbol.limits.order_burst)
        .and(fits(&i.strategy.orders, i.strategy.limits.order_burst))
        .and(fits(&i.venue.orders, i.venue.limits.order_burst))
        .and(fits(&i.symbol.advised.orders, i.symbol.advised.orders.burst()).if_opens(i))
}
