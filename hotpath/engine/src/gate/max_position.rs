//! `MAX_POSITION`: the worst case stays within the bounds of instrument and strategy: position,
//! plus every order of the same side that is not done, plus this one. Exposure is reserved at
//! approval and released only on the venue's word.
use super::{Check, Inquiry, Measure};
use core::hint::select_unpredictable;
use wire::order::Side;

pub(super) const CHECK: Check = Check {
    id: 40,
    code: "MAX_POSITION",
    rule: "position + working buys + qty <= max_long_lots of instrument and strategy; mirrored for sells and max_short_lots; as advised where the order opens something",
    unit: "lots",
    key: "max_long_lots, max_short_lots",
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let (s, t, is_buy) = (i.symbol, i.strategy, i.order.side == Side::Buy);
    let within = |position: i64, working: [i64; 2], limits: [i64; 2]| {
        let pick = |pair: [i64; 2]| select_unpredictable(is_buy, pair[0], pair[1]);
        // The other way round a position that has no opposite does not fit either.
        let held = select_unpredictable(is_buy, position, position.saturating_neg());
        let (sum, is_cut) = held.overflowing_add(pick(working));
        let (sum, is_cut_too) = sum.overflowing_add(i.added_lots);
        let sum = if is_cut | is_cut_too { i64::MAX } else { sum };
        Measure::at_most(pick(limits), sum)
    };
    let limits = [s.limits.max_long_lots, s.limits.max_short_lots];
    let of_strategy = [t.limits.max_long_lots, t.limits.max_short_lots];
    let advised = [s.advised.max_long_lots, s.advised.max_short_lots];
    let working = [s.buy_lots, s.sell_lots];
    within(s.position_lots, working, limits)
        .and(within(t.position_lots, [t.buy_lots, t.sell_lots], of_strategy))
        .and(within(s.position_lots, working, advised).if_opens(i))
}
