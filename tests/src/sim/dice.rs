//! Chance: one seed, and from it a stream of its own for each actor, so that one more draw of one
//! actor shifts no other's.

/// A stream of numbers (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    /// The stream of one actor of a seed.
    pub(crate) fn of(seed: u64, actor: u64) -> Self {
        Self(mix(seed ^ mix(actor.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// 0 to `n - 1`; 0 where `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// An index into something of `len`.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// `low` to `high`, both included.
    pub(crate) fn from(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low).saturating_add(1);
        low.saturating_add_unsigned(self.below(span))
    }

    /// `low` to `high`, both included.
    pub(crate) fn span(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// Whether a thing of so many in a thousand happens.
    pub(crate) fn per_mille(&mut self, chance: u64) -> bool {
        chance != 0 && self.below(1000) < chance
    }

    /// Whether a thing of so many in a million happens.
    pub(crate) fn per_million(&mut self, chance: u64) -> bool {
        chance != 0 && self.below(1_000_000) < chance
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.index(from.len())).copied()
    }

    /// A span round `mean`, with a long tail: mostly below it, now and then eight times as long.
    pub(crate) fn around(&mut self, mean: u64) -> u64 {
        let long = if self.one_in(16) { 8 } else { 1 };
        self.below(mean.saturating_mul(2).saturating_add(1)).saturating_mul(long)
    }
}
