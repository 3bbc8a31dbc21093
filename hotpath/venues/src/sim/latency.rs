//! Message latency of the simulated venue: constant, or drawn from a recorded distribution.
//!
//! Owns: the distributions, the generator behind them, and one direction of the session ([`Link`]).
//! Must never: read a clock or any source of chance but its seed; reorder messages of one
//! direction. Runs wherever the simulated venue runs; allocates only when it is configured.

use super::config::SimError;
use wire::TsNs;

/// How long a message takes one way, nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always this long.
    Constant(u64),
    /// Each draw takes one of these recorded samples, all equally likely.
    Samples(Vec<u64>),
    /// A table of quantiles, interpolated linearly in integers.
    Quantiles(Vec<Quantile>),
}

/// One row of a quantile table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantile {
    /// Share of messages at or below `ns`, millionths: the first row is 0, the last 1,000,000.
    pub at_e6: u32,
    /// Latency there, nanoseconds; never falls from row to row.
    pub ns: u64,
}

const QUANTILE_END: u32 = 1_000_000;

impl Latency {
    /// Checks that there is something to draw from.
    ///
    /// # Errors
    /// [`SimError::NoSamples`] or [`SimError::BadQuantiles`].
    pub fn validate(&self) -> Result<(), SimError> {
        match self {
            Self::Samples(samples) if samples.is_empty() => Err(SimError::NoSamples),
            Self::Constant(_) | Self::Samples(_) => Ok(()),
            Self::Quantiles(rows) => {
                let ends = rows.len() >= 2
                    && rows.first().is_some_and(|r| r.at_e6 == 0)
                    && rows.last().is_some_and(|r| r.at_e6 == QUANTILE_END);
                let rises = rows.windows(2).all(|w| w[0].at_e6 < w[1].at_e6 && w[0].ns <= w[1].ns);
                if ends && rises { Ok(()) } else { Err(SimError::BadQuantiles) }
            }
        }
    }

    /// The latency of the next message.
    fn draw(&self, random: &mut SplitMix64) -> u64 {
        match self {
            Self::Constant(ns) => *ns,
            Self::Samples(samples) => {
                let count = u64::try_from(samples.len()).unwrap_or(u64::MAX);
                let at = usize::try_from(random.below(count)).unwrap_or(0);
                samples.get(at).copied().unwrap_or(0)
            }
            Self::Quantiles(rows) => {
                let at = random.below(u64::from(QUANTILE_END));
                let upper = rows.partition_point(|r| u64::from(r.at_e6) <= at);
                let (Some(low), Some(high)) = (rows.get(upper.wrapping_sub(1)), rows.get(upper))
                else {
                    return 0;
                };
                interpolate(*low, *high, at)
            }
        }
    }
}

/// Latency at `at` millionths between two rows, rounded down.
fn interpolate(low: Quantile, high: Quantile, at: u64) -> u64 {
    let span = u128::from(high.at_e6 - low.at_e6);
    let rise = u128::from(high.ns - low.ns) * (u128::from(at) - u128::from(low.at_e6)) / span;
    low.ns + u64::try_from(rise).unwrap_or(0)
}

/// `SplitMix64` (Steele, Lea, Flood 2014): the simulated venue's only source of chance.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` by multiply and shift; the bias is below `bound` / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let scaled = (u128::from(self.next()) * u128::from(bound)) >> 64;
        u64::try_from(scaled).unwrap_or(0)
    }
}

/// One direction of a connection: first in, first out, as TCP is. A message that draws a shorter
/// latency than the one before waits behind it.
#[derive(Clone, Debug)]
pub struct Link {
    latency: Latency,
    random: SplitMix64,
    last_arrival: TsNs,
}

impl Link {
    /// A link with draws of its own.
    #[must_use]
    pub fn new(latency: Latency, seed: u64) -> Self {
        Self { latency, random: SplitMix64::new(seed), last_arrival: TsNs(0) }
    }

    /// When a message sent at `sent_at` arrives: never before `not_before`, never before the one
    /// sent ahead of it.
    pub fn arrival(&mut self, sent_at: TsNs, not_before: TsNs) -> TsNs {
        let drawn = sent_at.saturating_add(self.latency.draw(&mut self.random));
        self.last_arrival = drawn.max(not_before).max(self.last_arrival);
        self.last_arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at_e6: u32, ns: u64) -> Quantile {
        Quantile { at_e6, ns }
    }

    #[test]
    fn splitmix_gives_the_published_sequence() {
        // First outputs for seed 1234567, from the reference implementation of SplitMix64.
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
        assert_eq!(random.next(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn tables_are_checked() {
        assert_eq!(Latency::Samples(vec![]).validate(), Err(SimError::NoSamples));
        assert_eq!(Latency::Samples(vec![5]).validate(), Ok(()));
        let good = vec![row(0, 10), row(500_000, 20), row(1_000_000, 20)];
        assert_eq!(Latency::Quantiles(good).validate(), Ok(()));
        for bad in [
            vec![],
            vec![row(0, 1)],
            vec![row(1, 1), row(1_000_000, 2)],
            vec![row(0, 1), row(999_999, 2)],
            vec![row(0, 1), row(0, 2), row(1_000_000, 3)],
            vec![row(0, 2), row(1_000_000, 1)],
        ] {
            assert_eq!(Latency::Quantiles(bad).validate(), Err(SimError::BadQuantiles));
        }
    }

    #[test]
    fn quantiles_interpolate_between_their_rows() {
        let (low, high) = (row(500_000, 100), row(1_000_000, 300));
        assert_eq!(interpolate(low, high, 500_000), 100);
        assert_eq!(interpolate(low, high, 750_000), 200);
        assert_eq!(interpolate(low, high, 999_999), 299);
        let table = Latency::Quantiles(vec![row(0, 50), row(500_000, 100), row(1_000_000, 300)]);
        let mut random = SplitMix64::new(7);
        let mut drawn: Vec<u64> = (0..20_001).map(|_| table.draw(&mut random)).collect();
        drawn.sort_unstable();
        assert!(drawn[0] >= 50 && drawn[20_000] < 300);
        assert!((97..=103).contains(&drawn[10_000]), "median {}", drawn[10_000]);
    }

    #[test]
    fn samples_are_all_drawn_and_a_seed_repeats() {
        let latency = Latency::Samples(vec![3, 1, 2]);
        let draw = |seed| {
            let mut random = SplitMix64::new(seed);
            (0..64).map(|_| latency.draw(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!([1, 2, 3].iter().all(|ns| draw(1).contains(ns)));
    }

    #[test]
    fn a_link_never_reorders() {
        let mut link = Link::new(Latency::Samples(vec![1, 1_000]), 3);
        let mut last = TsNs(0);
        for sent in 0..500 {
            let arrival = link.arrival(TsNs(sent), TsNs(0));
            assert!(arrival >= last && arrival > TsNs(sent));
            last = arrival;
        }
        assert_eq!(link.arrival(TsNs(0), TsNs(9_999)), TsNs(9_999));
    }
}
