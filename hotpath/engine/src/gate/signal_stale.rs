//! `SIGNAL_STALE`: a strategy that trades on scores has one that is young enough. Age counts in
//! engine time from the request, so a slow model cannot make an old view look new. An order that
//! only reduces the position needs no signal.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 10,
    code: "SIGNAL_STALE",
    rule: "now - request of the last usable answer <= ttl_ns, unless the order reduces",
    unit: "ns of engine time",
    key: "signal.ttl_ms",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let ttl = i.signal_ttl_ns?;
    if i.reduces() {
        return None;
    }
    let age = i.instrument?.signal.map_or(u64::MAX, |signal| i.now.since(signal.requested_ns));
    (age > ttl).then(|| {
        Breach::new(i64::try_from(ttl).unwrap_or(i64::MAX), i64::try_from(age).unwrap_or(i64::MAX))
    })
}
