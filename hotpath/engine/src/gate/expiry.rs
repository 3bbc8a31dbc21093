//! `EXPIRE_IN_PAST`: a good-till-date order has an end, and it lies ahead; no other order has one.
use super::{Check, Inquiry, Measure, When};
use wire::TsNs;
use wire::order::TimeInForce;

pub(super) const CHECK: Check = Check {
    id: 17,
    code: "EXPIRE_IN_PAST",
    rule: "a good-till-date order ends after now; others have no end",
    unit: "ns of engine time",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let end = i.order.expire_ns;
    let ends = (end != TsNs::UNDEF) & (end > i.now);
    let has_end = i.order.time_in_force == TimeInForce::Gtd;
    let good = (has_end & ends) | (!has_end & (end == TsNs::UNDEF));
    let ns = |at: TsNs| i64::try_from(at.get()).unwrap_or(i64::MAX);
    Measure::new(good, ns(i.now), ns(end))
}
