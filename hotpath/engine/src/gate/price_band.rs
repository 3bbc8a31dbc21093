//! `PRICE_BAND`: the price lies in the band the venue publishes (US limit up, limit down). Where a
//! band is due, a missing one denies; the band is never computed here.
use super::{Check, Inquiry, Measure, When};
use crate::risk::NO_PRICE;

pub(super) const CHECK: Check = Check {
    id: 20,
    code: "PRICE_BAND",
    rule: "band low <= price <= band high; the band is there where it is due",
    unit: "ticks",
    key: "symbol.band",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let (low, high) = (i.symbol.band_low_ticks, i.symbol.band_high_ticks);
    let price = i.asked_ticks;
    let is_there = (low != NO_PRICE) & (high != NO_PRICE);
    let inside = (price >= low) & (price <= high);
    let good = if is_there { inside } else { !i.symbol.rules.band_due };
    Measure::new(good, if price < low { low } else { high }, price)
}
