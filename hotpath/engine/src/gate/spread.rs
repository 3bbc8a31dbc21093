//! `SPREAD_TOO_WIDE`: a market that nobody makes is no market to open in: the spread is below a
//! fixed bound and a multiple of its own running median.
use super::{Check, Inquiry, Measure, When};
use crate::risk::BookState;

pub(super) const CHECK: Check = Check {
    id: 35,
    code: "SPREAD_TOO_WIDE",
    rule: "spread <= max_spread_ticks and <= max_spread_medians x median, or the order opens nothing",
    unit: "ticks",
    key: "max_spread_ticks, max_spread_medians",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let s = i.symbol;
    let spread = s.ask_ticks.saturating_sub(s.bid_ticks);
    let (medians, is_all) = s.limits.max_spread_medians.overflowing_mul(s.spread_median_x256);
    let medians = if is_all { i64::MAX } else { medians };
    // Whole ticks: a spread of so many 256ths is at most the bound where its ticks are.
    let limit = s.limits.max_spread_ticks.min(medians >> 8_u32);
    Measure::at_most(limit, spread).only_if(s.book == BookState::Good)
}
