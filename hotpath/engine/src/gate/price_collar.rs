//! `PRICE_COLLAR`: the price lies within a band round the reference, the mid of the freshest touch.
//! No reference, no order.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 13,
    code: "PRICE_COLLAR",
    rule: "|2 price - reference| * 10000 <= price_collar_bp * reference, reference = bid + ask",
    unit: "basis points of the reference",
    key: "price_collar_bp",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let limit = i64::from(i.limits?.price_collar_bp);
    let Some(reference) = i.instrument?.reference_x2().filter(|r| *r > 0) else {
        return Some(Breach::new(limit, i64::MAX));
    };
    let distance_bp = i
        .order
        .price_ticks
        .get()
        .checked_mul(2)
        .and_then(|p| p.checked_sub(reference))
        .and_then(i64::checked_abs)
        .and_then(|d| i128::from(d).checked_mul(10_000))
        // Rounded up: a price just outside the band is outside.
        .and_then(|d| d.checked_add(i128::from(reference).checked_sub(1)?))
        .and_then(|d| d.checked_div(i128::from(reference)))
        .and_then(|d| i64::try_from(d).ok())
        .unwrap_or(i64::MAX);
    (distance_bp > limit).then_some(Breach::new(limit, distance_bp))
}
