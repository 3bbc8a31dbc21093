//! Which positions of the near window hold a level: a bitmap with two summary layers, so that the
//! next occupied position is three word look-ups away, however sparse the window is.
//!
//! Must never: allocate after construction, or scan. Runs on the order loop.

/// Most positions three layers of 64-bit words can cover.
pub(super) const MAX_POSITIONS: usize = 64 * 64 * 64;

/// A set of positions below a fixed power of two.
#[derive(Debug)]
pub(super) struct Occupancy {
    /// One bit a position.
    words: Box<[u64]>,
    /// One bit a word: set where the word is not 0.
    groups: Box<[u64]>,
    /// One bit a group: set where the group is not 0.
    root: u64,
}

impl Occupancy {
    /// An empty set over `positions`, a power of two from 4096 to [`MAX_POSITIONS`].
    pub(super) fn new(positions: usize) -> Self {
        Self {
            words: super::touched(positions / 64, 0),
            groups: super::touched(positions / 4096, 0),
            root: 0,
        }
    }

    /// Adds or removes a position; true where it was in the set before.
    ///
    /// # Latency
    /// No branch depends on `present`: adds and removals alternate without a pattern in real data.
    /// The one branch asks whether the word became empty or ceased to be; taking it always was
    /// slower on dense books and no faster on sparse ones.
    #[inline]
    pub(super) fn put(&mut self, pos: usize, present: bool) -> bool {
        let (word_at, bit) = (pos >> 6, 1_u64 << (pos & 63));
        let word = &mut self.words[word_at];
        let old = *word;
        let new = (old & !bit) | (bit & u64::from(present).wrapping_neg());
        *word = new;
        if (old == 0) != (new == 0) {
            self.put_word(word_at, new != 0);
        }
        old & bit != 0
    }

    /// Brings the summary of a word up to date.
    #[inline]
    fn put_word(&mut self, word_at: usize, present: bool) {
        let (group_at, bit) = (word_at >> 6, 1_u64 << (word_at & 63));
        let group = &mut self.groups[group_at];
        *group = (*group & !bit) | (bit & u64::from(present).wrapping_neg());
        let bit = 1_u64 << (group_at & 63);
        self.root = (self.root & !bit) | (bit & u64::from(*group != 0).wrapping_neg());
    }

    /// The highest position below `pos`.
    #[inline]
    pub(super) fn below(&self, pos: usize) -> Option<usize> {
        let (word_at, bit) = (pos >> 6, pos & 63);
        let word = self.words[word_at] & ((1 << bit) - 1);
        if word != 0 {
            return Some(join(word_at, highest(word)));
        }
        let (group_at, bit) = (word_at >> 6, word_at & 63);
        let group = self.groups[group_at] & ((1 << bit) - 1);
        if group != 0 {
            return Some(self.highest_of_word(join(group_at, highest(group))));
        }
        let root = self.root & ((1 << group_at) - 1);
        (root != 0).then(|| self.highest_of_group(highest(root)))
    }

    /// The highest position of all.
    #[inline]
    pub(super) fn last(&self) -> Option<usize> {
        (self.root != 0).then(|| self.highest_of_group(highest(self.root)))
    }

    /// The lowest position at or above `pos`.
    pub(super) fn at_or_above(&self, pos: usize) -> Option<usize> {
        let (word_at, bit) = (pos >> 6, pos & 63);
        let word = self.words[word_at] & (u64::MAX << bit);
        if word != 0 {
            return Some(join(word_at, lowest(word)));
        }
        let (group_at, bit) = (word_at >> 6, word_at & 63);
        let group = self.groups[group_at] & above(bit);
        if group != 0 {
            return Some(self.lowest_of_word(join(group_at, lowest(group))));
        }
        let root = self.root & above(group_at);
        (root != 0).then(|| self.lowest_of_group(lowest(root)))
    }

    /// The lowest position of all.
    pub(super) fn first(&self) -> Option<usize> {
        (self.root != 0).then(|| self.lowest_of_group(lowest(self.root)))
    }

    fn highest_of_group(&self, group_at: usize) -> usize {
        self.highest_of_word(join(group_at, highest(self.groups[group_at])))
    }

    fn highest_of_word(&self, word_at: usize) -> usize {
        join(word_at, highest(self.words[word_at]))
    }

    fn lowest_of_group(&self, group_at: usize) -> usize {
        self.lowest_of_word(join(group_at, lowest(self.groups[group_at])))
    }

    fn lowest_of_word(&self, word_at: usize) -> usize {
        join(word_at, lowest(self.words[word_at]))
    }
}

const fn join(index: usize, bit: usize) -> usize {
    (index << 6) | bit
}

/// Bits above `bit`, which is at most 63.
const fn above(bit: usize) -> u64 {
    (u64::MAX << bit) << 1
}

/// Index of the highest set bit of a word that is not 0.
const fn highest(word: u64) -> usize {
    (word.leading_zeros() ^ 63) as usize
}

/// Index of the lowest set bit of a word that is not 0.
const fn lowest(word: u64) -> usize {
    word.trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn agrees_with_an_ordered_set() {
        for positions in [4096, 32_768, MAX_POSITIONS] {
            let mut ours = Occupancy::new(positions);
            let mut oracle = BTreeSet::new();
            let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
            for step in 0..20_000 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
                let pos = usize::try_from(seed >> 33).unwrap() % positions;
                // Mostly removals in the second half, so that summary bits go out again.
                let present = (seed >> 20) % 16 < if step < 10_000 { 10 } else { 3 };
                let pos = if present { pos } else { *oracle.range(pos..).next().unwrap_or(&pos) };
                assert_eq!(ours.put(pos, present), oracle.contains(&pos));
                if present {
                    oracle.insert(pos)
                } else {
                    oracle.remove(&pos)
                };
                let probe = usize::try_from(seed >> 13).unwrap() % positions;
                assert_eq!(ours.below(probe), oracle.range(..probe).next_back().copied());
                assert_eq!(ours.at_or_above(probe), oracle.range(probe..).next().copied());
                assert_eq!(ours.last(), oracle.last().copied());
                assert_eq!(ours.first(), oracle.first().copied());
            }
        }
    }
}
