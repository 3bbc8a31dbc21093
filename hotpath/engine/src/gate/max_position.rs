//! `MAX_POSITION`: the worst case stays within the bounds of instrument and strategy: position,
//! plus every order of the same side that is not done, plus this one. Exposure is reserved at
//! approval and released only on the venue's word.
use super::{Check, Inquiry, Measure, When};
use core::hint::select_unpredictable;
use wire::order::Side;

pub(super) const CHECK: Check = Check {
    id: 40,
    code: "MAX_POSITION",
    rule: "position + working buys + qty <= max_long_lots of instrument and strategy; mirrored for sells and max_short_lots; as advised where the order opens something",
    unit: "lots",
    key: "max_long_lots, max_short_lots",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let (s, t, is_buy) = (i.symbol, i.strategy, i.order.side == Side::Buy);
    let pick = |long: i64, short: i64| select_unpredictable(is_buy, long, short);
    let of_symbol = pick(s.limits.max_long_lots, s.limits.max_short_lots);
    let of_strategy = pick(t.limits.max_long_lots, t.limits.max_short_lots);
    let advised = pick(s.advised.max_long_lots, s.advised.max_short_lots);
    Measure::at_most(of_symbol, i.reach_lots)
        .and(Measure::at_most(of_strategy, i.strategy_reach_lots))
        .and(Measure::at_most(advised, i.reach_lots).if_opens(i))
}
