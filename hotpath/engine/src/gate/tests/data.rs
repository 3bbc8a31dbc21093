//! Checks 32 to 39: market and score are what they seem.

use super::*;

#[test]
fn the_market_was_heard_of_lately() {
    passes(|r| r.symbol.last_market_ns = NOW - 1_000);
    denies("STALE_MARKET_DATA", 1_000, 1_001, |r| r.symbol.last_market_ns = NOW - 1_001);
}

#[test]
fn the_book_is_whole_and_not_crossed() {
    passes(|r| r.symbol.set_touch(9_999, 10_000));
    denies("BOOK_CROSSED", 10_000, 10_000, |r| r.symbol.set_touch(10_000, 10_000));
    denies("BOOK_CROSSED", 10_000, 10_001, |r| r.symbol.set_touch(10_001, 10_000));
    denies("BOOK_GAPPED", 0, 1, |r| r.symbol.lose_book());
    denies("BOOK_GAPPED", 0, 1, |r| r.symbol.set_touch(i64::MIN, 10_001));
    denies("BOOK_GAPPED", 0, 1, |r| r.symbol.set_touch(9_999, i64::MIN));
    // One good touch makes it whole again.
    passes(|r| {
        r.symbol.lose_book();
        r.symbol.set_touch(9_999, 10_001);
    });
}

#[test]
fn the_spread_is_within_ticks_and_medians() {
    let spread = |bid, median_x256, ticks| {
        move |r: &mut Rig| {
            (r.symbol.bid_ticks, r.symbol.spread_median_x256) = (bid, median_x256);
            r.symbol.limits.max_spread_ticks = ticks;
        }
    };
    // Ask 10,001.
    passes(spread(9_981, 5 * 256, 20));
    denies("SPREAD_TOO_WIDE", 20, 21, spread(9_980, 5 * 256, 20));
    // Five medians of 2 ticks.
    passes(spread(9_991, 2 * 256, 20));
    denies("SPREAD_TOO_WIDE", 10, 11, spread(9_990, 2 * 256, 20));
    denies("SPREAD_TOO_WIDE", 9, 10, spread(9_991, 2 * 256 - 1, 20));
    denies("SPREAD_TOO_WIDE", 0, 2, spread(9_999, 0, 20));
    passes(spread(9_999, i64::MAX, 2));
    // A book that is no book has no spread: its own check denies.
    denies("BOOK_GAPPED", 0, 1, |r| {
        spread(9_000, 0, 1)(r);
        r.symbol.book = BookState::Gapped;
    });
    denies("BOOK_CROSSED", 10_001, 9_000, |r| {
        spread(9_000, 0, 1)(r);
        r.symbol.book = BookState::Crossed;
    });
}

#[test]
fn the_score_is_young() {
    passes(|r| r.symbol.signal.requested_ns = NOW - 500);
    denies("SIGNAL_STALE", 500, 501, |r| r.symbol.signal.requested_ns = NOW - 501);
    denies("SIGNAL_STALE", 0, 1, |r| {
        (r.signal_ttl_ns, r.symbol.signal.requested_ns) = (0, NOW - 1);
    });
}

#[test]
fn the_score_answers_a_new_request() {
    passes(|r| r.symbol.signal.lag = 3);
    denies("SIGNAL_SEQ", 3, 4, |r| r.symbol.signal.lag = 4);
    denies("SIGNAL_SEQ", 3, i64::from(u32::MAX), |r| r.symbol.signal.lag = u32::MAX);
}

#[test]
fn the_score_is_in_range_and_moves() {
    for score in [1_000_000, -1_000_000, 0] {
        passes(|r| r.symbol.signal.score_e6 = score);
    }
    denies("SIGNAL_RANGE", 1_000_000, 1_000_001, |r| r.symbol.signal.score_e6 = 1_000_001);
    denies("SIGNAL_RANGE", 1_000_000, 1_000_001, |r| r.symbol.signal.score_e6 = -1_000_001);
    denies("SIGNAL_RANGE", 1_000_000, 1 << 31, |r| r.symbol.signal.score_e6 = i32::MIN);
    passes(|r| r.symbol.signal.repeats = 4);
    denies("SIGNAL_RANGE", 4, 5, |r| r.symbol.signal.repeats = 5);
}

#[test]
fn the_score_is_of_the_pinned_model() {
    denies("SIGNAL_MODEL", 7, 8, |r| r.symbol.signal.model_hash = 8);
    denies("SIGNAL_MODEL", 8, 7, |r| r.symbol.signal.pinned_hash = 8);
    denies("SIGNAL_MODEL", 0, 7, |r| r.symbol.signal.pinned_hash = 0);
    denies("SIGNAL_MODEL", 0, 0, |r| {
        (r.symbol.signal.pinned_hash, r.symbol.signal.model_hash) = (0, 0);
    });
    passes(|r| (r.symbol.signal.pinned_hash, r.symbol.signal.model_hash) = (u64::MAX, u64::MAX));
}

/// A strategy that trades without scores needs none.
#[test]
fn scores_matter_only_to_strategies_that_use_them() {
    let without = |r: &mut Rig| r.symbol.signal = crate::risk::SignalView::default();
    fails(&["SIGNAL_STALE", "SIGNAL_MODEL"], without);
    passes(|r| {
        without(r);
        (r.symbol.signal.lag, r.symbol.signal.repeats) = (9, 9);
        r.symbol.signal.score_e6 = i32::MAX;
        r.strategy.uses_signal = false;
    });
}
