//! `PRICE_COLLAR`: the price lies within a band round the reference: the mid, else the last trade,
//! else the prior close; a stop-limit's limit round its own trigger. No reference, no order.
use super::{Check, Inquiry, Measure, When};
use wire::order::OrdType;

pub(super) const CHECK: Check = Check {
    id: 28,
    code: "PRICE_COLLAR",
    rule: "|2 price - reference| <= max(price_collar_bp x reference / 10000, 2 price_collar_ticks), reference = bid + ask; as advised where the order opens something",
    unit: "basis points of the reference",
    key: "price_collar_bp, price_collar_ticks",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let is_stop_limit = i.order.ord_type == OrdType::StopLimit;
    let reference_x2 = i.reference_x2;
    let limits = &i.symbol.limits;
    let advised_bp = if i.opens { i.symbol.advised.price_collar_bp } else { i64::MAX };
    let limit_bp = limits.price_collar_bp.min(advised_bp);
    let (price_x2, is_far) = i.price_ticks.overflowing_mul(2);
    let (distance_x2, is_farther) = price_x2.overflowing_sub(reference_x2);
    let (distance_x2, is_farthest) = distance_x2.overflowing_abs();
    let (scaled, is_cut) = distance_x2.overflowing_mul(10_000);
    let is_cut = is_far | is_farther | is_farthest | is_cut;
    let (allowed, is_all) = limit_bp.overflowing_mul(reference_x2);
    let in_bp = (scaled <= allowed) | (is_all & (limit_bp > 0));
    let in_ticks =
        distance_x2 <= limits.price_collar_ticks.saturating_add(limits.price_collar_ticks);
    let good = (reference_x2 > 0) & !is_cut & (in_bp | in_ticks);
    // Rounded up: a price just outside the band is outside.
    let bp = scaled.saturating_add(reference_x2.saturating_sub(1)).checked_div(reference_x2);
    let is_limited = is_stop_limit | (i.order.ord_type == OrdType::Limit);
    let shown = bp.filter(|_| (reference_x2 > 0) & !is_cut).unwrap_or(i64::MAX);
    Measure::new(good, limit_bp, shown).only_if(is_limited | (reference_x2 <= 0))
}
