//! Samples the book as the model was trained: one ten-level snapshot per interval of engine time,
//! the last ten in a window.
//!
//! A sample is taken right after the first book event at or after each interval boundary; several
//! boundaries without an event give one sample. A pause longer than [`MAX_PAUSE_INTERVALS`]
//! intervals, a gap of the feed, or a book with fewer than ten levels a side empties the window.
//! `corelane features` runs the same code.

use crate::book::L2Book;
use crate::hash::StateHasher;
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
        let pause = boundary - self.last_boundary.min(boundary);
        self.last_boundary = boundary;
        if pause > MAX_PAUSE_INTERVALS {
            self.filled = 0;
        }
        let mut bids = [Level { price_ticks: PriceTicks::UNDEF, qty_lots: QtyLots(0) }; DEPTH];
        let mut asks = bids;
        if book.top(BookSide::Bid, &mut bids) < DEPTH || book.top(BookSide::Ask, &mut asks) < DEPTH
        {
            self.filled = 0;
            return None;
        }
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
        h.u64(self.filled as u64);
        for level in &self.window[(WINDOW - self.filled) * DEPTH..] {
            h.i64(level.ask_price_ticks.get());
            h.i64(level.ask_qty_lots.get());
            h.i64(level.bid_price_ticks.get());
            h.i64(level.bid_qty_lots.get());
        }
    }
}
