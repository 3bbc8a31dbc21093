//! One side of a book: a dense window of quantities by price around the touch, and a sorted store
//! for what lies behind it.
//!
//! The window is circular: a price's cell never changes while the window moves, so a move touches
//! only the levels that enter or leave it. Prices are turned into keys so that a higher key is a
//! better price on both sides: a bid's key is its price, an ask's the complement of its price.
//!
//! Must never: allocate after construction, or lose a level without raising `lost`. Runs on the
//! order loop.

use super::far::Far;
use super::occupancy::Occupancy;
use wire::market::{BookSide, Level};
use wire::{PriceTicks, QtyLots};

/// One side of a book.
///
/// INVARIANT: every key in the window is in `base .. base + window`; every key in `far` is below
/// `base`; where the side has a level, the window has one, and `best` is the highest.
#[derive(Debug)]
pub(super) struct Side {
    /// Lowest key of the window; at most `i64::MAX - window + 1`.
    base: i64,
    /// Highest key; `i64::MIN` where the side is empty.
    best: i64,
    /// Keys in the window, a power of two.
    window: u64,
    /// `price ^ flip` is a key and `key ^ flip` a price: 0 for bids, -1 for asks.
    flip: i64,
    /// Levels in the window.
    near_len: usize,
    /// Quantity by `key mod window`; 0 where there is no level.
    qtys: Box<[i64]>,
    occupied: Occupancy,
    far: Far,
    /// A level had no room; the side is not to be believed until it is cleared.
    lost: bool,
    /// Moves of the window, and the levels they moved.
    pub(super) moves: u64,
    pub(super) moved_levels: u64,
}

impl Side {
    /// An empty side; `window` is a power of two from 4096 to 2^18.
    pub(super) fn new(side: BookSide, window: usize, far_capacity: usize) -> Self {
        Self {
            base: 0,
            best: i64::MIN,
            window: window as u64,
            flip: match side {
                BookSide::Bid => 0,
                BookSide::Ask => -1,
            },
            near_len: 0,
            qtys: super::touched(window, 0),
            occupied: Occupancy::new(window),
            far: Far::new(far_capacity),
            lost: false,
            moves: 0,
            moved_levels: 0,
        }
    }

    /// Levels on this side.
    pub(super) fn len(&self) -> usize {
        self.near_len + self.far.len()
    }

    /// Whether a level had no room since the side was last cleared.
    pub(super) fn lost(&self) -> bool {
        self.lost
    }

    /// Whether a price is worse than that of every level.
    pub(super) fn is_behind(&self, price: i64) -> bool {
        let key = price ^ self.flip;
        let worst = self.far.first().map(|(key, _)| key).or_else(|| self.lowest_near());
        worst.is_none_or(|worst| key < worst)
    }

    /// The lowest key in the window.
    fn lowest_near(&self) -> Option<i64> {
        let bottom = self.pos(self.base);
        let lowest = self.occupied.at_or_above(bottom).or_else(|| self.occupied.first());
        lowest.map(|pos| self.key(pos))
    }

    /// Takes every level out; work grows with the levels, not with the window.
    pub(super) fn clear(&mut self) {
        while let Some(pos) = self.occupied.last() {
            self.occupied.put(pos, false);
            self.qtys[pos] = 0;
        }
        self.far.clear();
        self.near_len = 0;
        self.best = i64::MIN;
        self.lost = false;
    }

    /// Sets the quantity at a price; 0 removes the level.
    #[inline]
    pub(super) fn set(&mut self, price: i64, qty: i64) {
        let key = price ^ self.flip;
        if self.offset(key) < self.window {
            self.set_near(key, qty);
        } else {
            self.set_outside(key, qty);
        }
    }

    /// The quantity at a price, 0 where there is no level.
    pub(super) fn qty_at(&self, price: i64) -> i64 {
        let key = price ^ self.flip;
        if self.offset(key) < self.window { self.qtys[self.pos(key)] } else { self.far.get(key) }
    }

    /// The best level.
    #[inline]
    pub(super) fn best(&self) -> Option<Level> {
        (self.near_len != 0).then(|| self.level(self.best, self.qtys[self.pos(self.best)]))
    }

    /// Every level, best first.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        let first = (self.near_len != 0).then_some(self.best);
        core::iter::successors(first, |&key| self.next_near(key))
            .map(|key| (key, self.qtys[self.pos(key)]))
            .chain(self.far.iter_down())
            .map(|(key, qty)| self.level(key, qty))
    }

    /// The sum of the quantities from the best level on, until it is enough or that of `levels`, or
    /// of all where there are fewer; cut at 64 bits.
    #[inline]
    pub(super) fn best_lots(&self, levels: usize, is_enough: impl Fn(i64) -> bool) -> i64 {
        let mut sum = 0_i64;
        for level in self.iter().take(levels) {
            sum = sum.saturating_add(level.qty_lots.get());
            if is_enough(sum) {
                break;
            }
        }
        sum
    }

    /// Distance of a key from the bottom of the window; below `window` exactly where the key is in
    /// it. Wraps: `base` is so bounded that a key below it never comes out small.
    #[inline]
    fn offset(&self, key: i64) -> u64 {
        key.wrapping_sub(self.base).cast_unsigned()
    }

    /// The cell of a key.
    #[inline]
    fn pos(&self, key: i64) -> usize {
        usize::try_from(key.cast_unsigned() & (self.window - 1)).unwrap_or(0)
    }

    /// The key of a cell of the window.
    #[inline]
    fn key(&self, pos: usize) -> i64 {
        let offset = (pos as u64).wrapping_sub(self.base.cast_unsigned()) & (self.window - 1);
        self.base.wrapping_add(offset.cast_signed())
    }

    fn level(&self, key: i64, qty: i64) -> Level {
        Level { price_ticks: PriceTicks(key ^ self.flip), qty_lots: QtyLots(qty) }
    }

    #[inline]
    fn set_near(&mut self, key: i64, qty: i64) {
        let pos = self.pos(key);
        let present = qty != 0;
        self.qtys[pos] = qty;
        let was_present = self.occupied.put(pos, present);
        self.near_len =
            self.near_len.wrapping_add(usize::from(present)).wrapping_sub(usize::from(was_present));
        if key >= self.best {
            self.touch(key, present, was_present);
        }
    }

    /// A level at or above the best changed.
    fn touch(&mut self, key: i64, present: bool, was_present: bool) {
        if present {
            self.best = key;
        } else if was_present {
            self.best = self.next_near(key).unwrap_or(i64::MIN);
            self.follow_down();
        }
    }

    /// The next lower key in the window.
    #[inline]
    fn next_near(&self, key: i64) -> Option<i64> {
        let pos = self.pos(key);
        let bottom = self.pos(self.base);
        // The circle is cut at the bottom: cells from there up to `pos` are lower, others higher.
        let below = self.occupied.below(pos);
        let next = if pos < bottom {
            below.or_else(|| self.occupied.last().filter(|&next| next >= bottom))
        } else {
            below.filter(|&next| next >= bottom)
        };
        next.map(|pos| self.key(pos))
    }

    #[cold]
    #[inline(never)]
    fn set_outside(&mut self, key: i64, qty: i64) {
        // INVARIANT: nothing in the window means nothing anywhere.
        if key < self.base && self.near_len != 0 {
            self.lost |= self.far.set(key, qty).is_err();
            return;
        }
        if qty != 0 {
            self.move_to(key);
            self.set_near(key, qty);
        }
    }

    /// Moves the window down where the best level has left its upper half, so that the levels
    /// behind the touch stay near.
    fn follow_down(&mut self) {
        if self.near_len == 0 {
            if let Some((key, _)) = self.far.last() {
                self.move_to(key);
                self.best = key;
            }
        } else if self.offset(self.best) < self.window / 2 {
            self.move_to(self.best);
        }
    }

    /// Moves the window so that `key`, which is or becomes the best, has seven eighths of the
    /// window behind it.
    fn move_to(&mut self, key: i64) {
        let window = self.window.cast_signed();
        let base = key.saturating_sub(window - window / 8).min(i64::MAX - window + 1);
        if base == self.base {
            return;
        }
        self.moves += 1;
        if base > self.base {
            self.move_up(base);
        } else {
            self.move_down(base);
        }
    }

    fn move_up(&mut self, base: i64) {
        let bottom = self.pos(self.base);
        while self.near_len != 0 {
            // The lowest key: the first cell from the bottom on, around the circle.
            let lowest = self.occupied.at_or_above(bottom).or_else(|| self.occupied.first());
            let Some(pos) = lowest else { break };
            let key = self.key(pos);
            if key >= base {
                break;
            }
            self.lost |= self.far.push_last(key, self.qtys[pos]).is_err();
            self.qtys[pos] = 0;
            self.occupied.put(pos, false);
            self.near_len -= 1;
            self.moved_levels += 1;
        }
        self.base = base;
    }

    fn move_down(&mut self, base: i64) {
        self.base = base;
        while let Some((key, _)) = self.far.last().filter(|&(key, _)| key >= base) {
            let Some((_, qty)) = self.far.pop_last() else {
                break;
            };
            let pos = self.pos(key);
            self.qtys[pos] = qty;
            self.occupied.put(pos, true);
            self.near_len += 1;
            self.moved_levels += 1;
        }
    }
}
