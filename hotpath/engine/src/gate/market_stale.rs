//! `STALE_MARKET_DATA`: the last market event of the instrument is young enough.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 9,
    code: "STALE_MARKET_DATA",
    rule: "now - last market event <= max_market_age_ns",
    unit: "ns of engine time",
    key: "max_market_age_ms",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let (state, limits) = (i.instrument?, i.limits?);
    let age = i.now.since(state.last_market_ns);
    (age > limits.max_market_age_ns).then(|| {
        Breach::new(
            i64::try_from(limits.max_market_age_ns).unwrap_or(i64::MAX),
            i64::try_from(age).unwrap_or(i64::MAX),
        )
    })
}
