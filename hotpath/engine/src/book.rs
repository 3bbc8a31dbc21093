//! The level-2 book of one instrument: any price, fast near the touch, never silently wrong.
//!
//! Owns: the levels of both sides and whether they may be believed. A book that lost continuity,
//! was fed nonsense or ran out of room shows nothing until the next snapshot, and counts why.
//!
//! Must never: allocate after construction, drop a level unsaid, or use a float. Runs on the order
//! loop.
//!
//! A side is a circular window of quantities by price (`book/side.rs`) with a three-layer bitmap of
//! the occupied prices (`book/occupancy.rs`), and a sorted store for the levels far behind the
//! touch (`book/far.rs`). An update inside the window is one store and three bitmap words, wherever
//! in the window it falls.

mod far;
mod occupancy;
mod side;

use crate::state::{StateError, StateReader};
use side::Side;
use wire::market::{BookSide, FLAG_FIRST, FLAG_LAST, Level, MAX_LEVELS};
use wire::units::SEQ_UNDEF;
use wire::{PriceTicks, QtyLots};

/// One, in the fixed point of [`L2Book::imbalance_e6`] and [`L2Book::microprice_e6`].
const ONE_E6: i128 = 1_000_000;

/// Sizes of a book, fixed at construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookConfig {
    /// Prices a side keeps in its fast window, ticks. Rounded up to a power of two and held to
    /// 4,096 ..= 262,144. Each takes 8 bytes; prices outside are kept too, only slower.
    pub window_ticks: usize,
    /// Most levels a side may hold after a frame, at least 16. More make the book
    /// [`BookState::Overflowed`]. Each takes about 62 bytes.
    pub max_levels: usize,
}

impl Default for BookConfig {
    /// 131,072 ticks and 16,384 levels: about 5 MB for a book. Recorded books of the largest
    /// Binance pairs hold 3,000 levels a side, and 95 % to 99 % of their updates fall within it.
    fn default() -> Self {
        Self { window_ticks: 1 << 17, max_levels: 1 << 14 }
    }
}

/// Whether a book may be believed, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookState {
    /// No snapshot has come yet.
    Empty,
    /// In step with the venue.
    Usable,
    /// The feed lost continuity.
    Gapped,
    /// A side held more levels than it has room for.
    Overflowed,
    /// A level had an undefined price or a negative quantity, or frames of a message were missing.
    Malformed,
}

impl BookState {
    /// The state's number in the state hash.
    const fn code(self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Usable => 1,
            Self::Gapped => 2,
            Self::Overflowed => 3,
            Self::Malformed => 4,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Empty),
            1 => Some(Self::Usable),
            2 => Some(Self::Gapped),
            3 => Some(Self::Overflowed),
            4 => Some(Self::Malformed),
            _ => None,
        }
    }
}

/// Which part of a depth message a frame is; a message of many levels takes several frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first frame of its message.
    pub first: bool,
    /// The last frame of its message: the book may be read after it.
    pub last: bool,
}

impl Part {
    /// A message in one frame.
    pub const WHOLE: Self = Self { first: true, last: true };

    /// Reads the flags of a depth frame's header.
    #[must_use]
    pub const fn from_flags(flags: u8) -> Self {
        Self { first: flags & FLAG_FIRST != 0, last: flags & FLAG_LAST != 0 }
    }
}

/// What has happened to a book since construction. Saved with the state, no part of its hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookCounters {
    /// Snapshots begun.
    pub snapshots: u64,
    /// Times the feed reported a gap.
    pub gaps: u64,
    /// Times a side ran out of room.
    pub overflows: u64,
    /// Frames with a malformed level or out of order in their message.
    pub malformed: u64,
    /// Frames that came while the book was waiting for a snapshot, and were not applied.
    pub ignored: u64,
    /// Moves of a side's window.
    pub window_moves: u64,
    /// Levels these moves took from the window to the far store or back.
    pub moved_levels: u64,
}

impl BookCounters {
    pub(crate) const fn words(&self) -> [u64; 7] {
        [
            self.snapshots,
            self.gaps,
            self.overflows,
            self.malformed,
            self.ignored,
            self.window_moves,
            self.moved_levels,
        ]
    }

    pub(crate) fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            snapshots: from.counter()?,
            gaps: from.counter()?,
            overflows: from.counter()?,
            malformed: from.counter()?,
            ignored: from.counter()?,
            window_moves: from.counter()?,
            moved_levels: from.counter()?,
        })
    }
}

/// The book of one instrument.
#[derive(Debug)]
pub struct L2Book {
    bids: Side,
    asks: Side,
    state: BookState,
    /// A message's last frame is still to come.
    in_message: bool,
    /// The message in progress is a snapshot.
    in_snapshot: bool,
    last_update_id: u64,
    max_levels: usize,
    counters: BookCounters,
}

impl L2Book {
    /// An empty book. Takes all its memory here and touches every page of it.
    #[must_use]
    pub fn new(config: BookConfig) -> Self {
        let window = config.window_ticks.clamp(4096, occupancy::MAX_POSITIONS).next_power_of_two();
        let max_levels = config.max_levels.max(16);
        // A frame may take a side above its limit before the check at its end.
        let far_capacity = max_levels.saturating_add(MAX_LEVELS);
        Self {
            bids: Side::new(BookSide::Bid, window, far_capacity),
            asks: Side::new(BookSide::Ask, window, far_capacity),
            state: BookState::Empty,
            in_message: false,
            in_snapshot: false,
            last_update_id: SEQ_UNDEF,
            max_levels,
            counters: BookCounters::default(),
        }
    }

    // ---- changes ----

    /// Replaces the whole book with a snapshot that stands at venue update `last_update_id`.
    pub fn apply_snapshot(&mut self, bids: &[Level], asks: &[Level], last_update_id: u64) {
        self.on_snapshot_frame(Part::WHOLE, bids, asks, last_update_id);
    }

    /// Applies a change: absolute quantities, 0 removes. Bids first, each side in order.
    ///
    /// # Latency
    /// 5 to 10 ns a level on recorded updates with both best levels read after each message, on a
    /// busy two-CPU virtual machine (`benches/benches/book.rs`).
    pub fn apply_delta(&mut self, bids: &[Level], asks: &[Level]) {
        self.on_delta_frame(Part::WHOLE, bids, asks, self.last_update_id);
    }

    /// Applies a change of one level: an absolute quantity, 0 removes.
    pub fn apply_level(&mut self, side: BookSide, price_ticks: PriceTicks, qty_lots: QtyLots) {
        let level = [Level { price_ticks, qty_lots }];
        match side {
            BookSide::Bid => self.apply_delta(&level, &[]),
            BookSide::Ask => self.apply_delta(&[], &level),
        }
    }

    /// Applies one frame of a snapshot. The book is usable after its last frame.
    pub fn on_snapshot_frame(
        &mut self,
        part: Part,
        bids: &[Level],
        asks: &[Level],
        last_update_id: u64,
    ) {
        if part.first {
            self.clear();
            self.counters.snapshots += 1;
            self.state = BookState::Usable;
        } else if self.state != BookState::Usable {
            self.counters.ignored += 1;
            return;
        } else if !(self.in_message && self.in_snapshot) {
            self.fail_malformed();
            return;
        }
        self.in_snapshot = true;
        self.in_message = !part.last;
        self.last_update_id = last_update_id;
        self.apply(bids, asks);
    }

    /// Applies one frame of a change. The book is usable after its last frame; frames that come
    /// while the book waits for a snapshot are counted and not applied.
    pub fn on_delta_frame(
        &mut self,
        part: Part,
        bids: &[Level],
        asks: &[Level],
        last_update_id: u64,
    ) {
        if self.state != BookState::Usable {
            self.counters.ignored += 1;
            return;
        }
        if part.first == self.in_message || (self.in_message && self.in_snapshot) {
            self.fail_malformed();
            return;
        }
        self.in_snapshot = false;
        self.in_message = !part.last;
        self.last_update_id = last_update_id;
        self.apply(bids, asks);
    }

    /// The feed lost continuity: nothing can be read until the next snapshot.
    pub fn mark_gapped(&mut self) {
        self.counters.gaps += 1;
        self.in_message = false;
        self.state = BookState::Gapped;
    }

    /// Forgets every level; the book waits for a snapshot.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.state = BookState::Empty;
        self.in_message = false;
        self.in_snapshot = false;
        self.last_update_id = SEQ_UNDEF;
    }

    // ---- what it says of itself ----

    /// Whether the book may be read: in step with the venue, and not inside a message.
    #[inline]
    #[must_use]
    pub fn usable(&self) -> bool {
        self.state == BookState::Usable && !self.in_message
    }

    /// Whether the book may be believed, and if not, why.
    #[must_use]
    pub fn state(&self) -> BookState {
        self.state
    }

    /// Venue update number the book stands at; `SEQ_UNDEF` before the first snapshot.
    #[must_use]
    pub fn last_update_id(&self) -> u64 {
        self.last_update_id
    }

    /// What has happened to the book since construction.
    #[must_use]
    pub fn counters(&self) -> BookCounters {
        BookCounters {
            window_moves: self.bids.moves + self.asks.moves,
            moved_levels: self.bids.moved_levels + self.asks.moved_levels,
            ..self.counters
        }
    }

    // ---- readers: an unusable book has no levels ----

    /// The best bid.
    #[inline]
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        if self.usable() { self.bids.best() } else { None }
    }

    /// The best ask.
    #[inline]
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        if self.usable() { self.asks.best() } else { None }
    }

    /// Copies the best levels of a side into `out`, best first; returns how many there were.
    pub fn top(&self, side: BookSide, out: &mut [Level]) -> usize {
        let mut count = 0;
        for (slot, level) in out.iter_mut().zip(self.levels(side)) {
            *slot = level;
            count += 1;
        }
        count
    }

    /// Every level of a side, best first.
    pub fn levels(&self, side: BookSide) -> impl Iterator<Item = Level> + '_ {
        self.readable(side).into_iter().flat_map(Side::iter)
    }

    /// What the best `levels` of a side show together, lots, or as many of them as are enough; cut at
    /// 64 bits.
    #[must_use]
    pub fn best_lots(&self, side: BookSide, levels: usize, is_enough: impl Fn(i64) -> bool) -> i64 {
        self.readable(side).map_or(0, |side| side.best_lots(levels, is_enough))
    }

    /// Levels on a side.
    #[must_use]
    pub fn depth(&self, side: BookSide) -> usize {
        self.readable(side).map_or(0, Side::len)
    }

    /// The quantity at a price, 0 where there is no level.
    #[must_use]
    pub fn qty_at(&self, side: BookSide, price_ticks: PriceTicks) -> QtyLots {
        QtyLots(self.readable(side).map_or(0, |side| side.qty_at(price_ticks.get())))
    }

    /// Best bid plus best ask: twice the mid price, ticks. `None` where a side is empty or the sum
    /// is not an `i64`.
    #[must_use]
    pub fn mid_x2(&self) -> Option<i64> {
        let (bid, ask) = (self.best_bid()?, self.best_ask()?);
        bid.price_ticks.get().checked_add(ask.price_ticks.get())
    }

    /// The price between best bid and best ask weighted by the quantity of the *other* side,
    /// millionths of a tick, rounded down: `(bid * ask_qty + ask * bid_qty) / (bid_qty + ask_qty)`.
    /// `None` where a side is empty or the result does not fit.
    #[must_use]
    pub fn microprice_e6(&self) -> Option<i64> {
        let (bid, ask) = (self.best_bid()?, self.best_ask()?);
        let (bid_qty, ask_qty) = (wide(bid.qty_lots), wide(ask.qty_lots));
        let bid_price = i128::from(bid.price_ticks.get());
        let spread = i128::from(ask.price_ticks.get()) - bid_price;
        let part = spread.checked_mul(bid_qty)?.checked_mul(ONE_E6)?;
        let above_bid = part.div_euclid(bid_qty + ask_qty);
        i64::try_from(bid_price * ONE_E6 + above_bid).ok()
    }

    /// `(bids - asks) / (bids + asks)` of the quantities in the best `levels` levels of each side,
    /// millionths from -1,000,000 to 1,000,000, rounded towards 0. `None` where a side is empty.
    #[must_use]
    pub fn imbalance_e6(&self, levels: usize) -> Option<i32> {
        let (bids, asks) = (self.sum(BookSide::Bid, levels), self.sum(BookSide::Ask, levels));
        if bids == 0 || asks == 0 {
            return None;
        }
        i32::try_from((bids - asks) * ONE_E6 / (bids + asks)).ok()
    }

    /// Whether the best bid is at or above the best ask. Between the frames of an auction that is
    /// genuine; in continuous trading it is an error of the feed.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        match (self.best_bid(), self.best_ask()) {
            (Some(bid), Some(ask)) => bid.price_ticks >= ask.price_ticks,
            _ => false,
        }
    }

    /// Feeds the book's state to a hash: the state's code, whether a message is in progress and of
    /// which kind, the venue update number, then per side the number of levels and each level, best
    /// first. Also what an unusable book still holds. Where the windows lie has no part in it.
    pub fn hash_into(&self, add: &mut impl FnMut(u64)) {
        add(self.state.code());
        add(u64::from(self.in_message) | u64::from(self.in_snapshot) << 1);
        add(self.last_update_id);
        for side in [&self.bids, &self.asks] {
            add(side.len() as u64);
            for level in side.iter() {
                add(level.price_ticks.get().cast_unsigned());
                add(level.qty_lots.get().cast_unsigned());
            }
        }
    }

    /// Takes back what [`L2Book::hash_into`] fed, into any book of the same sizes.
    ///
    /// # Errors
    /// [`StateError`]; then it is half loaded.
    pub fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.clear();
        self.state = from.code(BookState::from_code)?;
        let flags = from.count(3)?;
        (self.in_message, self.in_snapshot) = (flags & 1 != 0, flags & 2 != 0);
        self.last_update_id = from.u64()?;
        let most = self.max_levels.saturating_add(MAX_LEVELS);
        for side in [&mut self.bids, &mut self.asks] {
            for _ in 0..from.count(most)? {
                let price = from.i64()?;
                if !PriceTicks(price).is_defined() || !side.is_behind(price) {
                    return Err(from.bad());
                }
                let qty = from.i64()?;
                if qty <= 0 {
                    return Err(from.bad());
                }
                side.set(price, qty);
            }
        }
        Ok(())
    }

    /// Takes over what another book has counted.
    pub(crate) fn set_counters(&mut self, counters: BookCounters) {
        self.counters = counters;
        (self.bids.moves, self.asks.moves) = (counters.window_moves, 0);
        (self.bids.moved_levels, self.asks.moved_levels) = (counters.moved_levels, 0);
    }

    fn readable(&self, side: BookSide) -> Option<&Side> {
        self.usable().then_some(match side {
            BookSide::Bid => &self.bids,
            BookSide::Ask => &self.asks,
        })
    }

    fn sum(&self, side: BookSide, levels: usize) -> i128 {
        self.levels(side).take(levels).map(|level| wide(level.qty_lots)).sum()
    }

    fn apply(&mut self, bids: &[Level], asks: &[Level]) {
        let sound = set_all(&mut self.bids, bids) & set_all(&mut self.asks, asks);
        if !sound {
            self.fail_malformed();
        }
        let most = self.bids.len().max(self.asks.len());
        if most > self.max_levels || self.bids.lost() || self.asks.lost() {
            self.fail_overflowed();
        }
    }

    #[cold]
    fn fail_malformed(&mut self) {
        self.counters.malformed += 1;
        self.state = BookState::Malformed;
        self.in_message = false;
    }

    #[cold]
    fn fail_overflowed(&mut self) {
        self.counters.overflows += 1;
        self.state = BookState::Overflowed;
        self.in_message = false;
    }
}

/// Sets levels of one side; false where one was malformed: the rest is not applied.
#[inline]
fn set_all(side: &mut Side, levels: &[Level]) -> bool {
    for level in levels {
        if level.qty_lots.get() < 0 || !level.price_ticks.is_defined() {
            return false;
        }
        side.set(level.price_ticks.get(), level.qty_lots.get());
    }
    true
}

fn wide(qty_lots: QtyLots) -> i128 {
    i128::from(qty_lots.get())
}

/// A slice of `len` copies of `value`, every page of it touched: zeroed memory fresh from the
/// allocator would fault on first use, in the middle of a turn.
fn touched<T: Copy>(len: usize, value: T) -> Box<[T]> {
    let mut slice = vec![value; len].into_boxed_slice();
    core::hint::black_box(&mut slice).fill(value);
    slice
}
