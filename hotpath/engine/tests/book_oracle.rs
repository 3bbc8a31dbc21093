//! The book against a naive ordered map: random and adversarial updates must leave the same book.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use corelane_engine::book::{BookConfig, BookState, L2Book, Part};
use corelane_engine::state::{StateError, StateReader};
use std::collections::BTreeMap;
use wire::market::{BookSide, Level};
use wire::{PriceTicks, QtyLots};

/// What makes a book unusable.
type Ruin = fn(&mut L2Book);

const SIDES: [BookSide; 2] = [BookSide::Bid, BookSide::Ask];

/// The obvious book.
#[derive(Default)]
struct Oracle {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Oracle {
    fn set(&mut self, side: BookSide, level: Level) {
        let levels = match side {
            BookSide::Bid => &mut self.bids,
            BookSide::Ask => &mut self.asks,
        };
        match level.qty_lots.get() {
            0 => levels.remove(&level.price_ticks.get()),
            qty => levels.insert(level.price_ticks.get(), qty),
        };
    }

    fn levels(&self, side: BookSide) -> Vec<Level> {
        let level = |(&price, &qty): (&i64, &i64)| new_level(price, qty);
        match side {
            BookSide::Bid => self.bids.iter().rev().map(level).collect(),
            BookSide::Ask => self.asks.iter().map(level).collect(),
        }
    }
}

fn new_level(price: i64, qty: i64) -> Level {
    Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) }
}

/// A small generator with a fixed seed (`SplitMix64`).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> i64 {
        i64::try_from(self.next() % n).unwrap()
    }
}

fn check_best(book: &L2Book, oracle: &Oracle) {
    let level = |(&price, &qty): (&i64, &i64)| new_level(price, qty);
    assert_eq!(book.best_bid(), oracle.bids.last_key_value().map(level));
    assert_eq!(book.best_ask(), oracle.asks.first_key_value().map(level));
}

fn check_all(book: &L2Book, oracle: &Oracle) {
    check_best(book, oracle);
    let mut hashed = Vec::new();
    book.hash_into(&mut |word| hashed.push(word));
    let mut hashed = hashed.into_iter().skip(3);
    for side in SIDES {
        let want = oracle.levels(side);
        assert_eq!(book.depth(side), want.len());
        assert!(book.levels(side).eq(want.iter().copied()));
        for levels in [0, 1, 10] {
            let shown = want.iter().take(levels).map(|l| l.qty_lots.get());
            let all = shown.clone().fold(0, i64::saturating_add);
            assert_eq!(book.best_lots(side, levels, |_| false), all);
            let mut sums = shown.scan(0_i64, |sum, lots| {
                *sum = sum.saturating_add(lots);
                Some(*sum)
            });
            let enough = sums.find(|sum| *sum >= all / 2).unwrap_or(0);
            assert_eq!(book.best_lots(side, levels, |sum| sum >= all / 2), enough);
        }
        let mut top = [new_level(0, 0); 10];
        let count = book.top(side, &mut top);
        assert_eq!(top[..count], want[..want.len().min(10)]);
        assert_eq!(hashed.next(), Some(want.len() as u64));
        for level in want {
            assert_eq!(book.qty_at(side, level.price_ticks), level.qty_lots);
            assert_eq!(hashed.next(), Some(level.price_ticks.get().cast_unsigned()));
            assert_eq!(hashed.next(), Some(level.qty_lots.get().cast_unsigned()));
        }
    }
    assert_eq!(hashed.next(), None);
}

/// Plays updates made by `draw` into book and oracle and compares them all the way.
fn play(config: BookConfig, steps: u32, mut draw: impl FnMut(&mut Rng, u32) -> (BookSide, Level)) {
    for seed in 0..3 {
        let mut rng = Rng(seed);
        let mut book = L2Book::new(config);
        let mut oracle = Oracle::default();
        book.apply_snapshot(&[], &[], 1);
        for step in 0..steps {
            let (side, level) = draw(&mut rng, step);
            book.apply_level(side, level.price_ticks, level.qty_lots);
            oracle.set(side, level);
            assert!(book.usable(), "step {step}");
            assert_eq!(book.qty_at(side, level.price_ticks), level.qty_lots);
            check_best(&book, &oracle);
            if step % 257 == 0 {
                check_all(&book, &oracle);
            }
            // Now and then the whole book is replaced by itself, in frames of any size.
            if step % 1999 == 1998 {
                replace_by_itself(&mut book, &oracle, &mut rng);
                check_all(&book, &oracle);
            }
            // Or by one that was loaded from what it fed to the hash.
            if step % 1499 == 1498 {
                book = loaded(&book, config);
                check_all(&book, &oracle);
            }
        }
        check_all(&book, &oracle);
    }
}

fn loaded(book: &L2Book, config: BookConfig) -> L2Book {
    let words = hash(book);
    let mut loaded = L2Book::new(config);
    let mut from = StateReader::new(&words);
    loaded.load_from(&mut from).unwrap();
    from.end().unwrap();
    loaded
}

fn replace_by_itself(book: &mut L2Book, oracle: &Oracle, rng: &mut Rng) {
    let (mut bids, mut asks) = (oracle.levels(BookSide::Bid), oracle.levels(BookSide::Ask));
    if rng.below(2) == 0 {
        bids.reverse();
        asks.reverse();
    }
    let chunk = 1 + usize::try_from(rng.below(50)).unwrap();
    let frames = bids.len().max(asks.len()).div_ceil(chunk).max(1);
    for frame in 0..frames {
        let part = Part { first: frame == 0, last: frame + 1 == frames };
        let cut = |levels: &[Level]| {
            let from = (frame * chunk).min(levels.len());
            levels[from..(from + chunk).min(levels.len())].to_vec()
        };
        book.on_snapshot_frame(part, &cut(&bids), &cut(&asks), 7);
        assert_eq!(book.usable(), part.last);
    }
}

fn small() -> BookConfig {
    BookConfig { window_ticks: 4096, max_levels: 16_384 }
}

fn side_of(rng: &mut Rng) -> BookSide {
    SIDES[usize::from(rng.below(2) == 0)]
}

#[test]
fn near_prices() {
    play(small(), 20_000, |rng, _| {
        let (side, price) = (side_of(rng), rng.below(300) - 150);
        (side, new_level(price, rng.below(3)))
    });
}

#[test]
fn prices_around_and_beyond_the_window() {
    play(small(), 20_000, |rng, _| {
        let (side, qty) = (side_of(rng), rng.below(4));
        let width = [50, 4096, 20_000, 1 << 40][usize::try_from(rng.below(4)).unwrap()];
        (side, new_level(rng.below(width) - rng.below(width), qty))
    });
}

#[test]
fn a_drifting_touch_drags_the_window_along() {
    play(small(), 20_000, |rng, step| {
        let side = side_of(rng);
        let turn = i64::from(step % 8000);
        let center = if turn < 4000 { turn * 5 } else { (8000 - turn) * 5 };
        (side, new_level(center + rng.below(4000) - 2000, rng.below(3)))
    });
}

#[test]
fn the_ends_of_the_number_range() {
    let edges = [i64::MIN + 1, i64::MAX, i64::MAX - 4095, i64::MIN + 4096, 0, -1, 1, 1 << 62];
    play(small(), 20_000, |rng, _| {
        let side = side_of(rng);
        let edge = edges[usize::try_from(rng.below(8)).unwrap()];
        let price = edge.saturating_add(rng.below(40) - 20).max(i64::MIN + 1);
        (side, new_level(price, if rng.below(2) == 0 { 0 } else { i64::MAX }))
    });
}

#[test]
fn a_storm_of_far_best_prices() {
    // A level of a deep book, then a best price out of every window, then its removal.
    play(small(), 10_000, |rng, step| {
        let side = side_of(rng);
        match step % 4 {
            0 => (BookSide::Bid, new_level(1 << 40, 5)),
            1 => (BookSide::Bid, new_level(1 << 40, 0)),
            _ => (side, new_level(rng.below(30_000), rng.below(5))),
        }
    });
}

#[test]
fn a_side_that_empties_level_by_level() {
    play(small(), 12_000, |rng, step| {
        let fill = (step / 2000) % 2 == 0;
        let price = rng.below(2000) * 37;
        (BookSide::Ask, new_level(price, if fill { 1 + rng.below(9) } else { 0 }))
    });
}

#[test]
fn the_very_edge_of_the_window() {
    // The best level goes; every level behind it, at any distance, must come forth in order.
    for best in [0, 5000, i64::MAX, i64::MIN + 10_000] {
        for distance in (3550..3650).chain(4050..4150).chain(6550..6600) {
            let mut book = L2Book::new(small());
            let behind = [new_level(best - distance, 1), new_level(best - distance - 1, 2)];
            book.apply_snapshot(&[new_level(best, 3)], &[], 1);
            book.apply_delta(&behind, &[]);
            // Another level in between decides how far the window follows.
            for step in [1, 1000, 1800, 3000] {
                let next = new_level(best - step, 4);
                book.apply_delta(&[new_level(best, 3), next, new_level(best, 0)], &[]);
                let all = [next, behind[0], behind[1]];
                assert!(book.levels(BookSide::Bid).eq(all));
                for level in all {
                    assert_eq!(book.qty_at(BookSide::Bid, level.price_ticks), level.qty_lots);
                }
                book.apply_delta(&[new_level(next.price_ticks.get(), 0)], &[]);
                assert!(book.levels(BookSide::Bid).eq(behind));
            }
        }
    }
}

#[test]
fn whole_messages_equal_single_levels() {
    let (mut whole, mut single) = (L2Book::new(small()), L2Book::new(BookConfig::default()));
    whole.apply_snapshot(&[], &[], 1);
    single.apply_snapshot(&[], &[], 1);
    let mut rng = Rng(11);
    for _ in 0..500 {
        let mut draw = |_| new_level(rng.below(50_000), rng.below(3));
        let (bids, asks): (Vec<_>, Vec<_>) =
            ((0..20).map(&mut draw).collect(), (0..9).map(draw).collect());
        whole.apply_delta(&bids, &asks);
        for (side, levels) in [(BookSide::Bid, &bids), (BookSide::Ask, &asks)] {
            for level in levels {
                single.apply_level(side, level.price_ticks, level.qty_lots);
            }
        }
        // Also: where the windows lie and how large they are has no part in the hash.
        assert!(hash(&whole) == hash(&single));
    }
    assert!(whole.counters().window_moves > 0);
}

fn hash(book: &L2Book) -> Vec<u64> {
    let mut words = Vec::new();
    book.hash_into(&mut |word| words.push(word));
    words
}

#[test]
fn every_part_of_the_state_is_in_the_hash() {
    let base = || {
        let mut book = L2Book::new(small());
        book.apply_snapshot(&[new_level(9, 1)], &[new_level(11, 1), new_level(1 << 50, 1)], 5);
        book
    };
    let first_only = Part { first: true, last: false };
    let changes: [fn(&mut L2Book); 9] = [
        |book| book.apply_level(BookSide::Bid, PriceTicks(9), QtyLots(2)),
        |book| book.apply_level(BookSide::Bid, PriceTicks(8), QtyLots(1)),
        |book| book.apply_level(BookSide::Ask, PriceTicks(9), QtyLots(1)),
        |book| book.apply_level(BookSide::Ask, PriceTicks(1 << 50), QtyLots(2)),
        |book| book.on_delta_frame(Part::WHOLE, &[], &[], 6),
        |book| book.on_delta_frame(Part { first: true, last: false }, &[], &[], 5),
        |book| book.mark_gapped(),
        |book| book.clear(),
        |book| book.apply_level(BookSide::Bid, PriceTicks::UNDEF, QtyLots(2)),
    ];
    for change in changes {
        let mut book = base();
        change(&mut book);
        assert_ne!(hash(&book), hash(&base()));
    }
    // Inside a message of the one kind, inside one of the other.
    let (mut delta, mut snapshot) = (base(), base());
    delta.on_delta_frame(first_only, &[], &[], 5);
    let levels = |side| base().levels(side).collect::<Vec<_>>();
    let (bids, asks) = (levels(BookSide::Bid), levels(BookSide::Ask));
    snapshot.on_snapshot_frame(first_only, &bids, &asks, 5);
    assert_ne!(hash(&delta), hash(&snapshot));
}

#[test]
fn an_unusable_book_shows_nothing_until_the_next_snapshot() {
    let bid = [new_level(9, 4)];
    let ask = [new_level(11, 6)];
    let ruin: [(BookState, Ruin); 6] = [
        (BookState::Gapped, |book| book.mark_gapped()),
        (BookState::Empty, |book| book.clear()),
        (BookState::Malformed, |book| {
            book.apply_level(BookSide::Bid, PriceTicks(1), QtyLots(-1));
        }),
        (BookState::Malformed, |book| {
            book.apply_level(BookSide::Ask, PriceTicks::UNDEF, QtyLots(1));
        }),
        (BookState::Malformed, |book| {
            book.on_delta_frame(Part { first: false, last: true }, &[], &[], 3);
        }),
        (BookState::Malformed, |book| {
            book.on_snapshot_frame(Part { first: false, last: true }, &[], &[], 3);
        }),
    ];
    for (state, ruin) in ruin {
        let mut book = L2Book::new(small());
        book.apply_delta(&bid, &ask);
        assert_eq!((book.state(), book.depth(BookSide::Bid)), (BookState::Empty, 0));
        book.apply_snapshot(&bid, &ask, 1);
        assert_eq!(book.mid_x2(), Some(20));
        ruin(&mut book);
        assert_eq!(book.state(), state);
        book.apply_delta(&bid, &ask);
        assert!(!book.usable());
        assert_eq!((book.best_bid(), book.best_ask(), book.mid_x2()), (None, None, None));
        assert_eq!(book.qty_at(BookSide::Ask, PriceTicks(11)), QtyLots(0));
        assert_eq!(book.top(BookSide::Ask, &mut [new_level(0, 0)]), 0);
        assert_eq!(book.counters().ignored, 2);
        book.apply_snapshot(&bid, &[], 9);
        assert_eq!((book.best_bid(), book.best_ask()), (Some(bid[0]), None));
        assert_eq!(book.last_update_id(), 9);
    }
}

#[test]
fn a_message_of_several_frames_is_read_after_its_last() {
    let mut book = L2Book::new(small());
    book.apply_snapshot(&[new_level(9, 4)], &[], 1);
    book.on_delta_frame(Part { first: true, last: false }, &[new_level(10, 1)], &[], 2);
    assert!(!book.usable() && book.state() == BookState::Usable);
    book.on_delta_frame(Part { first: false, last: false }, &[new_level(11, 1)], &[], 2);
    book.on_delta_frame(Part { first: false, last: true }, &[new_level(12, 1)], &[], 2);
    assert_eq!(book.best_bid(), Some(new_level(12, 1)));
    assert_eq!(book.depth(BookSide::Bid), 4);
    // A message that never ends makes the next one malformed.
    book.on_delta_frame(Part { first: true, last: false }, &[], &[], 3);
    book.on_delta_frame(Part::WHOLE, &[], &[], 4);
    assert_eq!((book.state(), book.counters().malformed), (BookState::Malformed, 1));
}

#[test]
fn one_level_too_many_makes_the_book_unusable_and_is_counted() {
    let config = BookConfig { window_ticks: 4096, max_levels: 100 };
    for spacing in [1, 3, 1000, 1 << 50] {
        let mut book = L2Book::new(config);
        let level = |i: i64| new_level(-i * spacing, 1);
        let snapshot: Vec<_> = (0..99).map(level).collect();
        book.apply_snapshot(&snapshot, &[], 1);
        book.apply_delta(&[level(99)], &[]);
        assert!(book.usable(), "at the limit");
        book.apply_delta(&[level(100)], &[]);
        assert_eq!((book.state(), book.counters().overflows), (BookState::Overflowed, 1));
        book.apply_snapshot(&snapshot, &[], 2);
        assert!(book.usable());
        assert_eq!(book.depth(BookSide::Bid), 99);
    }
    // A frame beyond every bound is as loud.
    let mut book = L2Book::new(config);
    let flood: Vec<_> = (0..9000).map(|i| new_level(i * 5000, 1)).collect();
    book.apply_snapshot(&[], &flood, 1);
    assert_eq!((book.state(), book.counters().overflows), (BookState::Overflowed, 1));
    book.apply_snapshot(&[], &[flood[7]], 2);
    assert_eq!(book.best_ask(), Some(flood[7]));
}

#[test]
fn derived_values_are_exact_integers() {
    let mut book = L2Book::new(small());
    book.apply_snapshot(
        &[new_level(100, 3), new_level(99, 5), new_level(98, 100)],
        &[new_level(103, 1), new_level(104, 1)],
        1,
    );
    assert_eq!(book.mid_x2(), Some(203));
    // (100 * 1 + 103 * 3) / 4 = 102.25
    assert_eq!(book.microprice_e6(), Some(102_250_000));
    assert_eq!(book.imbalance_e6(1), Some(500_000));
    assert_eq!(book.imbalance_e6(2), Some(600_000));
    assert_eq!(book.imbalance_e6(0), None);
    assert!(!book.is_crossed());
    book.apply_level(BookSide::Bid, PriceTicks(103), QtyLots(1));
    assert!(book.is_crossed());

    // Rounded down, below zero too: -1/3 of the way gives -99.666...67.
    book.apply_snapshot(&[new_level(-100, 1)], &[new_level(-99, 2)], 2);
    assert_eq!(book.microprice_e6(), Some(-99_666_667));
    assert_eq!(book.imbalance_e6(9), Some(-333_333));

    // Values that do not fit are none, never wrong.
    let far = new_level(i64::MAX, i64::MAX);
    book.apply_snapshot(&[new_level(1, i64::MAX)], &[far], 3);
    assert_eq!((book.mid_x2(), book.microprice_e6()), (None, None));
    assert_eq!(book.imbalance_e6(1), Some(0));
}

#[test]
fn words_that_are_no_book_are_refused() {
    let mut book = L2Book::new(small());
    let (bids, asks) = ([new_level(9, 4), new_level(7, 1)], [new_level(11, 6)]);
    book.apply_snapshot(&bids, &asks, 1);
    let words = hash(&book);
    let refused = |at: usize, word: i64| {
        let mut words = words.clone();
        words[at] = word.cast_unsigned();
        L2Book::new(small()).load_from(&mut StateReader::new(&words))
    };
    assert_eq!(refused(6, 8), Ok(()), "another level behind the first");
    // State, flags, more levels than fit, a level before the one before, twice, or undefined, and
    // quantities that are none.
    for (at, word) in
        [(0, 5), (1, 4), (3, 1 << 20), (6, 10), (6, 9), (4, i64::MIN), (5, 0), (7, -1)]
    {
        assert_eq!(refused(at, word), Err(StateError::Value { at }), "{word}");
    }
    let cut = &words[..words.len() - 1];
    let short = L2Book::new(small()).load_from(&mut StateReader::new(cut));
    assert_eq!(short, Err(StateError::Short));
}
