//! `MAX_POSITION`: the worst case stays within the bounds: position, plus every working order of the
//! same side, plus this one. Exposure is reserved at approval and released only on the venue's
//! word.
use super::{Breach, Check, Inquiry};
use wire::order::Side;

pub(super) const CHECK: Check = Check {
    id: 14,
    code: "MAX_POSITION",
    rule: "position + working buys + qty <= max_long_lots; mirrored for sells and max_short_lots",
    unit: "lots",
    key: "max_long, max_short",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let (state, limits) = (i.instrument?, i.limits?);
    let lots = state.position.lots().get();
    let (limit, base, working) = match i.order.side {
        Side::Buy => (limits.max_long_lots, Some(lots), state.reserved.buy_lots),
        Side::Sell => (limits.max_short_lots, lots.checked_neg(), state.reserved.sell_lots),
    };
    let worst = base
        .and_then(|b| b.checked_add(working))
        .and_then(|b| b.checked_add(i.order.qty_lots.get()))
        .unwrap_or(i64::MAX);
    (worst > limit).then_some(Breach::new(limit, worst))
}
