//! `SESSION_DOWN`: no order while the order session to the venue is down.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 3,
    code: "SESSION_DOWN",
    rule: "the order session is up",
    unit: "flag",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_least(1, i64::from(i.venue.session_up))
}
