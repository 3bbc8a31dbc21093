//! `UNAPPROVED_WIRE`: the edge never sent an order that the gate did not approve, and lost none
//! that it did. A difference of one stops everything.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 31,
    code: "UNAPPROVED_WIRE",
    rule: "orders on the wire and approvals agree",
    unit: "orders",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let difference = i.firm.wire_difference;
    Measure::new(difference == 0, 0, difference.saturating_abs())
}
