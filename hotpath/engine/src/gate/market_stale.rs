//! `STALE_MARKET_DATA`: the market was heard of lately.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 32,
    code: "STALE_MARKET_DATA",
    rule: "now - last market event <= max_market_age_ns",
    unit: "ns of engine time",
    key: "max_market_age_ns",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(i.symbol.limits.max_market_age_ns, i.age_ns(i.symbol.last_market_ns))
}
