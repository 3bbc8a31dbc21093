//! `PARENT_CONSERVATION`: the slices of a parent never add up to more than the parent, counted by
//! the gate itself from approvals and the venue's reports, not by whoever slices.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 30,
    code: "PARENT_CONSERVATION",
    rule: "filled + working + qty <= the parent's quantity; a slice names a parent that is there",
    unit: "lots",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::sum_at_most(i.parent_qty_lots, i.parent_used_lots, i.added_lots)
        .only_if(i.order.parent_id != 0)
}
