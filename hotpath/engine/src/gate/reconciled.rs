//! `NOT_RECONCILED`: no order that opens anything until the last comparison with the venue ended
//! clean.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 2,
    code: "NOT_RECONCILED",
    rule: "the venue's last comparison was clean, or the order opens nothing",
    unit: "flag",
    key: "-",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_least(1, i64::from(i.venue.reconciled))
}
