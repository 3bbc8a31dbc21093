//! `AMEND`: an amendment goes to an order that works, on the venue's word, and leaves it more than
//! is filled already.
use super::{Check, Inquiry, Measure, When};
use wire::order::OrdStatus;

pub(super) const CHECK: Check = Check {
    id: 63,
    code: "AMEND",
    rule: "an amended order is working, and its new quantity is above what is filled",
    unit: "lots, or order state",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let Some(amend) = i.amend else { return Measure::PASS };
    let works = matches!(amend.status, OrdStatus::New | OrdStatus::PartiallyFilled);
    let state =
        Measure::new(works, i64::from(OrdStatus::New.code()), i64::from(amend.status.code()));
    let (filled, qty) = (amend.cum_lots, i.order.qty_lots.get());
    state.and(Measure::new(qty > filled, filled.saturating_add(1), qty))
}
