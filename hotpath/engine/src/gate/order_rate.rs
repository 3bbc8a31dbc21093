//! `ORDER_RATE`: a token bucket in integer engine time. Only an approved order takes a token, and a
//! cancel never does.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 16,
    code: "ORDER_RATE",
    rule: "at most order_burst orders at once, then order_rate_per_s",
    unit: "orders in the bucket",
    key: "order_rate_per_s, order_burst",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let (state, limits) = (i.instrument?, i.limits?);
    let used = state.rate.used_after(i.now, limits.order_rate_per_s);
    (used > u64::from(limits.order_burst)).then(|| {
        Breach::new(i64::from(limits.order_burst), i64::try_from(used).unwrap_or(i64::MAX))
    })
}
