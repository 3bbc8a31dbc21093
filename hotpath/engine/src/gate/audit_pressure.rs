//! `AUDIT_BACKPRESSURE`: what cannot be recorded must not be done: from three quarters full
//! nothing opens, when full nothing passes. Cancels always do.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 9,
    code: "AUDIT_BACKPRESSURE",
    rule: "audit buffers below 750 thousandths full for an order that opens, below 1000 for any",
    unit: "thousandths",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let limit = if i.opens { 749 } else { 999 };
    Measure::at_most(limit, i.firm.audit_fill)
}
