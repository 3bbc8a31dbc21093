//! `SIGNAL_STALE`: a strategy that trades on scores has one that is young enough to open on. Age
//! counts in engine time from the request, so a slow model cannot make an old view look new.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 36,
    code: "SIGNAL_STALE",
    rule: "now - request of the last usable answer <= signal.ttl_ns, or the order opens nothing",
    unit: "ns of engine time",
    key: "signal.ttl_ms",
    when: When::Scored,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    // Below the age of a score that never came, however long scores live.
    let ttl = i64::try_from(i.signal_ttl_ns).unwrap_or(i64::MAX).min(i64::MAX - 1);
    Measure::at_most(ttl, i.age_ns(i.symbol.signal.requested_ns))
}
