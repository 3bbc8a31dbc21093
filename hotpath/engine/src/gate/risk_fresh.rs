//! `RISK_STATE_STALE`: the last clean comparison with a venue and, where it comes from outside,
//! the value at risk are young enough to open anything on.
use super::{Check, Inquiry, Measure, When};
use core::hint::select_unpredictable;

pub(super) const CHECK: Check = Check {
    id: 8,
    code: "RISK_STATE_STALE",
    rule: "now - last clean comparison (and outside value at risk) <= max_risk_age_ns, or the order opens nothing",
    unit: "ns of engine time",
    key: "max_risk_age_ns",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let outside = select_unpredictable(i.firm.var_external, i.age_ns(i.firm.var_ns), 0);
    let age = i.age_ns(i.firm.checked_ns).max(outside);
    Measure::at_most(i.firm.limits.max_risk_age_ns, age)
}
