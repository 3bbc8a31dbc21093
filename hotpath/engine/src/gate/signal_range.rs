//! `SIGNAL_RANGE`: the score is within -1 to 1, and has not stood still: a model that gives the
//! same answer again and again is broken.
use super::{Check, Inquiry, Measure, When};

const SCORE: i64 = 1_000_000;
const _: () = assert!(wire::signal::SCORE_LIMIT_E6 == 1_000_000);

pub(super) const CHECK: Check = Check {
    id: 38,
    code: "SIGNAL_RANGE",
    rule: "|score| <= 1000000 and equal scores in a row <= max_signal_repeats, or the order opens nothing",
    unit: "millionths, or equal scores",
    key: "max_signal_repeats",
    when: When::Scored,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let signal = &i.symbol.signal;
    let range = Measure::at_most(SCORE, i64::from(signal.score_e6).saturating_abs());
    let repeats = Measure::at_most(i.symbol.limits.max_signal_repeats, i64::from(signal.repeats));
    range.and(repeats)
}
