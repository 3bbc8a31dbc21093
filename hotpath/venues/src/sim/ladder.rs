//! Quantities by price on one side of the venue's book: a window of cells near the touch, with a
//! bitmap of those in use, and a tree for the prices outside it.
//!
//! Prices are turned into keys, so that a higher key is a better price on both sides: a bid's key
//! is its price, an ask's the complement of its price. Owns: the levels of one side. Must never:
//! lose a level, or know what is displayed or taken. Runs wherever the simulated venue runs; may
//! allocate (tree nodes).

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use wire::market::{BookSide, Level};
use wire::{PriceTicks, QtyLots};

/// Cells of the window.
const WINDOW: usize = 1 << 17;
/// The same as a distance between keys.
const SPAN: i64 = 1 << 17;
/// Levels set outside the window before it moves to the touch.
const PATIENCE: u32 = 4_096;

/// The levels of one side.
///
/// INVARIANT: a key in `base .. base + SPAN` is in `cells`, every other in `far`.
#[derive(Debug)]
pub(crate) struct Ladder {
    /// `price ^ flip` is a key and `key ^ flip` a price: 0 for bids, -1 for asks.
    flip: i64,
    /// Lowest key of the window; at most `i64::MAX - SPAN`.
    base: i64,
    /// Quantity by distance from the base; 0 where there is no level.
    cells: Box<[i64]>,
    /// A bit for each cell in use.
    words: Box<[u64]>,
    /// A bit for each word that is not 0.
    groups: [u64; WINDOW / 64 / 64],
    far: BTreeMap<i64, i64>,
    /// Levels set outside the window since it moved.
    missed: u32,
}

impl Ladder {
    pub(crate) fn new(side: BookSide) -> Self {
        Self {
            flip: match side {
                BookSide::Bid => 0,
                BookSide::Ask => -1,
            },
            base: 0,
            cells: vec![0; WINDOW].into_boxed_slice(),
            words: vec![0; WINDOW / 64].into_boxed_slice(),
            groups: [0; WINDOW / 64 / 64],
            far: BTreeMap::new(),
            // The first level brings the window.
            missed: PATIENCE,
        }
    }

    /// Takes every level out; the window goes where the next one is set.
    pub(crate) fn clear(&mut self) {
        while let Some(cell) = self.highest_below(WINDOW) {
            self.put(cell, 0);
        }
        self.far.clear();
        self.missed = PATIENCE;
    }

    /// Sets levels in order; a quantity of 0 removes.
    pub(crate) fn set_all(&mut self, levels: &[Level]) {
        for level in levels {
            let (key, qty) = (level.price_ticks.get() ^ self.flip, level.qty_lots.get());
            match self.cell(key) {
                Some(cell) => self.put(cell, qty),
                None => self.set_far(key, qty),
            }
        }
    }

    /// The quantity at a price, 0 where there is no level.
    pub(crate) fn get(&self, price: PriceTicks) -> QtyLots {
        let key = price.get() ^ self.flip;
        QtyLots(match self.cell(key) {
            Some(cell) => self.cells[cell],
            None => self.far.get(&key).copied().unwrap_or(0),
        })
    }

    /// Visits every level, best first, until the visitor breaks.
    pub(crate) fn walk(&self, mut visit: impl FnMut(Level) -> ControlFlow<()>) {
        let mut each = |(key, qty): (i64, i64)| {
            visit(Level { price_ticks: PriceTicks(key ^ self.flip), qty_lots: QtyLots(qty) })
        };
        let far = |(key, qty): (&i64, &i64)| (*key, *qty);
        let first = self.highest_below(WINDOW);
        let near = std::iter::successors(first, |cell| self.highest_below(*cell))
            .map(|cell| (self.key(cell), self.cells[cell]));
        let _stopped = (self.far.range(self.base + SPAN..).rev().map(far))
            .chain(near)
            .chain(self.far.range(..self.base).rev().map(far))
            .try_for_each(&mut each);
    }

    /// The cell of a key in the window. Wraps: the base is so bounded that a key outside never
    /// comes out small.
    #[inline]
    fn cell(&self, key: i64) -> Option<usize> {
        let offset = usize::try_from(key.wrapping_sub(self.base).cast_unsigned()).ok()?;
        (offset < WINDOW).then_some(offset)
    }

    fn key(&self, cell: usize) -> i64 {
        self.base.wrapping_add((cell as u64).cast_signed())
    }

    #[inline]
    fn put(&mut self, cell: usize, qty: i64) {
        self.cells[cell] = qty;
        let bit = 1_u64 << (cell & 63);
        let word = &mut self.words[cell >> 6];
        let used = u64::from(qty != 0).wrapping_neg();
        *word = (*word & !bit) | (bit & used);
        let (group, bit) = (&mut self.groups[cell >> 12], 1_u64 << ((cell >> 6) & 63));
        let used = u64::from(*word != 0).wrapping_neg();
        *group = (*group & !bit) | (bit & used);
    }

    /// The highest cell in use below one, or below the end of the window.
    fn highest_below(&self, end: usize) -> Option<usize> {
        // The bits of `word` below bit `at`.
        let below = |word: u64, at: usize| word & !(u64::MAX << at);
        let highest = |word: u64| 63 - usize::try_from(word.leading_zeros()).unwrap_or(0);
        let in_word = self.words.get(end >> 6).map_or(0, |word| below(*word, end & 63));
        if in_word != 0 {
            return Some((end & !63) | highest(in_word));
        }
        let group = end >> 12;
        let in_group = self.groups.get(group).map_or(0, |bits| below(*bits, (end >> 6) & 63));
        let (group, bits) = if in_group != 0 {
            (group, in_group)
        } else {
            let at = self.groups[..group].iter().rposition(|bits| *bits != 0)?;
            (at, self.groups[at])
        };
        let word = (group << 6) | highest(bits);
        Some((word << 6) | highest(self.words[word]))
    }

    #[cold]
    #[inline(never)]
    fn set_far(&mut self, key: i64, qty: i64) {
        if qty == 0 {
            self.far.remove(&key);
        } else {
            self.far.insert(key, qty);
        }
        self.missed = self.missed.saturating_add(1);
        if self.missed > PATIENCE {
            self.follow();
        }
    }

    /// Moves the window so that the best level has seven eighths of it behind it.
    fn follow(&mut self) {
        self.missed = 0;
        let mut best = None;
        self.walk(|level| {
            best = Some(level.price_ticks.get() ^ self.flip);
            ControlFlow::Break(())
        });
        let Some(best) = best else { return };
        while let Some(cell) = self.highest_below(WINDOW) {
            self.far.insert(self.key(cell), self.cells[cell]);
            self.put(cell, 0);
        }
        self.base = best.saturating_sub(SPAN - SPAN / 8).min(i64::MAX - SPAN);
        let mut near = self.far.split_off(&self.base);
        let mut above = near.split_off(&(self.base + SPAN));
        self.far.append(&mut above);
        for (key, qty) in near {
            if let Some(cell) = self.cell(key) {
                self.put(cell, qty);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn walked(ladder: &Ladder) -> Vec<(i64, i64)> {
        let mut all = Vec::new();
        ladder.walk(|level| {
            all.push((level.price_ticks.get(), level.qty_lots.get()));
            ControlFlow::Continue(())
        });
        all
    }

    fn level(price: i64, qty: i64) -> Level {
        Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) }
    }

    /// Prices near, at the ends of the window, and as far as they go.
    fn price() -> impl Strategy<Value = i64> {
        prop_oneof![
            4 => 0..40_i64,
            2 => (0..40_i64).prop_map(|n| n * SPAN / 16),
            1 => (0..3_i64).prop_map(|n| i64::MAX - n),
            1 => (1..3_i64).prop_map(|n| i64::MIN + n),
        ]
    }

    proptest! {
        #[test]
        fn levels_equal_those_of_a_tree(
            is_bid in any::<bool>(),
            steps in vec((price(), prop_oneof![Just(0_i64), 1..9_i64], 0..40_u8), 0..300),
        ) {
            let side = if is_bid { BookSide::Bid } else { BookSide::Ask };
            let (mut ladder, mut tree) = (Ladder::new(side), BTreeMap::new());
            for (price, qty, what) in steps {
                match what {
                    0 => {
                        ladder.clear();
                        tree.clear();
                    }
                    1 => ladder.follow(),
                    _ => {
                        ladder.set_all(&[level(price, qty)]);
                        if qty == 0 { tree.remove(&price); } else { tree.insert(price, qty); }
                    }
                }
                let expected = *tree.get(&price).unwrap_or(&0);
                prop_assert_eq!(ladder.get(PriceTicks(price)).get(), expected);
                let mut expected: Vec<_> = tree.iter().map(|(p, q)| (*p, *q)).collect();
                if is_bid {
                    expected.reverse();
                }
                prop_assert_eq!(walked(&ladder), expected);
            }
        }
    }

    #[test]
    fn the_window_follows_the_touch_once_enough_levels_missed_it() {
        let mut ladder = Ladder::new(BookSide::Bid);
        ladder.set_all(&[level(1_000, 1), level(900, 2)]);
        assert!(ladder.far.len() == 1 || ladder.far.is_empty(), "the first brings the window");
        let far = 10 * SPAN;
        for n in 0..=i64::from(PATIENCE) {
            ladder.set_all(&[level(far, n + 1)]);
        }
        assert!(ladder.cell(far).is_some() && ladder.cell(1_000).is_none());
        assert_eq!(walked(&ladder), [(far, i64::from(PATIENCE) + 1), (1_000, 1), (900, 2)]);
    }
}
