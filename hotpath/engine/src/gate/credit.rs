//! `CREDIT_INSUFFICIENT`: orders claim no more than a share of the free balance the venue told; an
//! unknown balance covers nothing.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 46,
    code: "CREDIT_INSUFFICIENT",
    rule: "claimed + this order's value <= credit_use_bp x free balance / 10000, or the order opens nothing",
    unit: "1e-9 base currency",
    key: "credit_use_bp",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::sum_at_most(i.venue.credit_e9, i.venue.claimed_e9, i.added_base_e9)
}
