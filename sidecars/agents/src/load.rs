//! Which of several servers of a model is asked: two are drawn, the less loaded of them is taken.
//!
//! Load is the peak of the answer times, which a slow answer raises at once and time lets fall by
//! half in ten seconds, times the questions that are out, by the server's weight. Integers on the
//! time that is given, and a generator of its own: the same calls draw the same servers. Must
//! never: read a clock. Pure; no allocation.

/// In this time a peak falls to a half, nanoseconds.
const HALF_NS: u128 = 10_000_000_000;

/// The load of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    peak_ns: u64,
    at_ns: u64,
    /// Questions that are out.
    pub in_flight: u32,
}

impl Load {
    /// The peak as it is now: p / (1 + t / 10 s).
    #[must_use]
    pub fn peak_ns(&self, now_ns: u64) -> u64 {
        let age = u128::from(now_ns.saturating_sub(self.at_ns));
        let fallen = u128::from(self.peak_ns) * HALF_NS / (HALF_NS + age);
        u64::try_from(fallen).unwrap_or(u64::MAX)
    }

    /// Takes the time of one answer, or of one failure.
    pub fn observe(&mut self, now_ns: u64, took_ns: u64) {
        let peak = self.peak_ns(now_ns);
        // Up at once, down by an eighth of the way.
        self.peak_ns = if took_ns > peak { took_ns } else { peak - (peak - took_ns) / 8 };
        self.at_ns = now_ns;
    }

    /// What one more question would meet, in nanoseconds by the server's weight.
    #[must_use]
    pub fn cost(&self, now_ns: u64, weight: u32) -> u128 {
        // A server nobody knows yet is as good as the best.
        let peak = u128::from(self.peak_ns(now_ns).max(1));
        peak * (u128::from(self.in_flight) + 1) * 1_000 / u128::from(weight.max(1))
    }
}

/// Draws pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw(u64);

impl Draw {
    /// A generator with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64: a counter through a mixer, every value once in 2^64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from(z % bound).unwrap_or(0)
    }

    /// The cheaper of two that are drawn from `costs`; `None` where there is none.
    pub fn choose(&mut self, costs: &[u128]) -> Option<usize> {
        if costs.len() < 2 {
            return (!costs.is_empty()).then_some(0);
        }
        let first = self.below(costs.len());
        let second = (first + 1 + self.below(costs.len() - 1)) % costs.len();
        Some(if costs[second] < costs[first] { second } else { first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slow_answer_counts_at_once_and_fades() {
        let mut load = Load::default();
        load.observe(0, 1_000_000);
        load.observe(1, 80_000_000);
        assert_eq!(load.peak_ns(1), 80_000_000);
        assert_eq!(load.peak_ns(10_000_000_001), 40_000_000, "half in ten seconds");
        load.observe(1, 0);
        assert_eq!(load.peak_ns(1), 70_000_000, "a quick one takes an eighth off");
        assert_eq!(load.cost(1, 1), 7 * load.cost(1, 7));
        let busy = Load { in_flight: 3, ..load };
        assert_eq!(busy.cost(1, 1), 4 * load.cost(1, 1));
    }

    proptest! {
        #[test]
        fn the_dearest_is_never_taken_and_every_other_is(
            costs in prop::collection::vec(0..1_000_u128, 2..8), seed in any::<u64>()
        ) {
            let mut draw = Draw::new(seed);
            let dearest = *costs.iter().max().expect("two at least");
            let single = costs.iter().filter(|cost| **cost == dearest).count() == 1;
            let mut taken = vec![false; costs.len()];
            for _ in 0..1_000 {
                let at = draw.choose(&costs).expect("there is one");
                taken[at] = true;
                prop_assert!(!single || costs[at] != dearest);
            }
            let missed =
                taken.iter().zip(&costs).filter(|(taken, cost)| !**taken && **cost != dearest);
            prop_assert_eq!(missed.count(), 0);
        }
    }
}
