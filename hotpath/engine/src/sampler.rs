//! Samples the book as the model was trained: one ten-level snapshot per interval of engine time,
//! the last ten in a window.
//!
//! A sample is taken right after the first book event at or after each interval boundary; several
//! boundaries without an event give one sample. A book that is crossed, locked, or has fewer than
//! ten levels a side gives none. A pause of more than [`MAX_PAUSE_INTERVALS`] intervals between two
//! samples, or a gap of the feed, empties the window. `corelane features` runs the same code.

use crate::book::L2Book;
use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use wire::market::{BookSide, Level};
use wire::signal::{DEPTH, SnapshotLevel, WINDOW};
use wire::{PriceTicks, QtyLots, TsNs};

/// Intervals that may pass between two samples of one window.
pub const MAX_PAUSE_INTERVALS: u64 = 10;

/// The levels of one snapshot, best first.
pub type Snapshot = [SnapshotLevel; DEPTH];

/// The sampler of one instrument.
#[derive(Clone, Debug)]
pub struct Sampler {
    interval_ns: u64,
    last_boundary: u64,
    last_sample: TsNs,
    filled: usize,
    window: [SnapshotLevel; WINDOW * DEPTH],
}

/// A level no book has: what an empty window holds.
const EMPTY: SnapshotLevel = SnapshotLevel {
    ask_price_ticks: PriceTicks::UNDEF,
    ask_qty_lots: QtyLots(0),
    bid_price_ticks: PriceTicks::UNDEF,
    bid_qty_lots: QtyLots(0),
};

impl Sampler {
    /// A sampler with an interval of engine time, nanoseconds, at least 1.
    #[must_use]
    pub fn new(interval_ns: u64) -> Self {
        Self {
            interval_ns: interval_ns.max(1),
            last_boundary: 0,
            last_sample: TsNs(0),
            filled: 0,
            window: [EMPTY; WINDOW * DEPTH],
        }
    }

    /// Forgets the window: the feed lost continuity.
    pub fn reset(&mut self) {
        self.filled = 0;
    }

    /// Offers the book right after a book event; gives the new snapshot where one was due.
    pub fn on_book(&mut self, book: &L2Book, now: TsNs) -> Option<&Snapshot> {
        let boundary = now.get() / self.interval_ns;
        if boundary == self.last_boundary {
            return None;
        }
        self.last_boundary = boundary;
        let mut bids = [Level { price_ticks: PriceTicks::UNDEF, qty_lots: QtyLots(0) }; DEPTH];
        let mut asks = bids;
        if book.is_crossed()
            || book.top(BookSide::Bid, &mut bids) < DEPTH
            || book.top(BookSide::Ask, &mut asks) < DEPTH
        {
            return None;
        }
        if now.since(self.last_sample) > self.interval_ns.saturating_mul(MAX_PAUSE_INTERVALS) {
            self.filled = 0;
        }
        self.last_sample = now;
        self.window.copy_within(DEPTH.., 0);
        let newest = &mut self.window[(WINDOW - 1) * DEPTH..];
        for (level, (bid, ask)) in newest.iter_mut().zip(bids.iter().zip(asks.iter())) {
            *level = SnapshotLevel {
                ask_price_ticks: ask.price_ticks,
                ask_qty_lots: ask.qty_lots,
                bid_price_ticks: bid.price_ticks,
                bid_qty_lots: bid.qty_lots,
            };
        }
        self.filled = (self.filled + 1).min(WINDOW);
        self.window[(WINDOW - 1) * DEPTH..].first_chunk()
    }

    /// The window, once it is full.
    #[must_use]
    pub fn window(&self) -> Option<&[SnapshotLevel; WINDOW * DEPTH]> {
        (self.filled == WINDOW).then_some(&self.window)
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.last_boundary);
        h.u64(self.last_sample.get());
        h.u64(self.filled as u64);
        for level in &self.window[(WINDOW - self.filled) * DEPTH..] {
            h.i64(level.ask_price_ticks.get());
            h.i64(level.ask_qty_lots.get());
            h.i64(level.bid_price_ticks.get());
            h.i64(level.bid_qty_lots.get());
        }
    }

    /// Takes back what was fed; of a window that is not full the rest is never looked at.
    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.last_boundary = from.u64()?;
        self.last_sample = from.time()?;
        self.filled = from.count(WINDOW)?;
        for level in &mut self.window[(WINDOW - self.filled) * DEPTH..] {
            *level = SnapshotLevel {
                ask_price_ticks: PriceTicks(from.i64()?),
                ask_qty_lots: QtyLots(from.i64()?),
                bid_price_ticks: PriceTicks(from.i64()?),
                bid_qty_lots: QtyLots(from.i64()?),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::BookConfig;

    const INTERVAL: u64 = 100;

    fn book() -> L2Book {
        let level = |price, qty| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
        let bids: Vec<Level> = (0..12).map(|n| level(999 - n, 5)).collect();
        let asks: Vec<Level> = (0..12).map(|n| level(1_001 + n, 5)).collect();
        let mut book = L2Book::new(BookConfig { window_ticks: 4096, max_levels: 64 });
        book.apply_snapshot(&bids, &asks, 1);
        book
    }

    fn samples(sampler: &mut Sampler, book: &L2Book, at: &[u64]) -> usize {
        at.iter().filter(|ns| sampler.on_book(book, TsNs(**ns)).is_some()).count()
    }

    #[test]
    fn one_sample_an_interval_and_ten_make_a_window() {
        let (book, mut sampler) = (book(), Sampler::new(INTERVAL));
        assert_eq!(samples(&mut sampler, &book, &[100, 150, 199, 200, 555, 599]), 3);
        assert!(sampler.window().is_none());
        let more: Vec<u64> = (6..13).map(|n| n * INTERVAL).collect();
        assert_eq!(samples(&mut sampler, &book, &more), 7);
        assert!(sampler.window().is_some());
        sampler.reset();
        assert!(sampler.window().is_none());
    }

    #[test]
    fn a_pause_of_more_than_ten_intervals_empties_the_window() {
        for (pause, whole) in [(10 * INTERVAL, true), (10 * INTERVAL + 1, false)] {
            let (book, mut sampler) = (book(), Sampler::new(INTERVAL));
            let first: Vec<u64> = (10..20).map(|n| n * INTERVAL).collect();
            samples(&mut sampler, &book, &first);
            assert_eq!(samples(&mut sampler, &book, &[19 * INTERVAL + pause]), 1);
            assert_eq!(sampler.window().is_some(), whole, "pause {pause}");
        }
    }

    #[test]
    fn a_crossed_or_thin_book_gives_no_sample_and_keeps_the_window() {
        let (mut book, mut sampler) = (book(), Sampler::new(INTERVAL));
        let first: Vec<u64> = (10..20).map(|n| n * INTERVAL).collect();
        samples(&mut sampler, &book, &first);
        let bid = |price, qty| [Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) }];
        book.apply_delta(&bid(1_001, 1), &[]);
        assert_eq!(samples(&mut sampler, &book, &[2_000]), 0, "locked");
        book.apply_delta(&bid(1_001, 0), &[]);
        assert_eq!(samples(&mut sampler, &book, &[2_050, 2_100]), 1, "once a boundary");
        assert!(sampler.window().is_some());
        for price in 990..993 {
            book.apply_delta(&bid(price, 0), &[]);
        }
        assert_eq!(samples(&mut sampler, &book, &[2_200]), 0, "nine bids");
    }
}
