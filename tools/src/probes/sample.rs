//! Every sample of one quantity, kept: exact quantiles, and the figures of sfnt-pingpong's columns.
//!
//! Must never: allocate while it is filled (its room is fixed when it is made), or round a mean
//! through a float.

use super::Percentile;

/// Samples in nanoseconds, in rising order once taken.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    values: Vec<u64>,
}

impl Sample {
    /// Takes values in any order.
    #[must_use]
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        Self { values }
    }

    /// Several put together.
    #[must_use]
    pub fn join<'a>(samples: impl Iterator<Item = &'a Self>) -> Self {
        Self::of(samples.flat_map(|sample| sample.values.iter().copied()).collect())
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> u64 {
        u64::try_from(self.values.len()).unwrap_or(u64::MAX)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The smallest.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        self.values.first().copied()
    }

    /// The largest.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.values.last().copied()
    }

    /// A quantile; `None` without ten samples beyond it.
    #[must_use]
    pub fn at(&self, percentile: Percentile) -> Option<u64> {
        let place = percentile.place(self.len())?;
        self.values.get(usize::try_from(place).ok()?).copied()
    }

    /// The mean, rounded down.
    #[must_use]
    pub fn mean(&self) -> Option<u64> {
        let sum: u128 = self.values.iter().copied().map(u128::from).sum();
        u64::try_from(sum.checked_div(u128::from(self.len()))?).ok()
    }

    /// The standard deviation, rounded down.
    #[must_use]
    pub fn deviation(&self) -> Option<u64> {
        let mean = self.mean()?;
        let square = |value: &u64| u128::from(value.abs_diff(mean)).pow(2);
        let squares = self.values.iter().map(square).try_fold(0_u128, u128::checked_add)?;
        u64::try_from((squares / u128::from(self.len())).isqrt()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Percentile, Sample};

    #[test]
    fn the_figures_are_exact() {
        let sample = Sample::of((1..=1_100).rev().collect());
        assert_eq!((sample.min(), sample.max()), (Some(1), Some(1_100)));
        assert_eq!(sample.at(Percentile::P50), Some(551));
        assert_eq!(sample.at(Percentile::P99), Some(1_090));
        assert_eq!(sample.at(Percentile::P99_9), None);
        assert_eq!(Sample::of(vec![2, 4, 4, 4, 5, 5, 7, 9]).mean(), Some(5));
        assert_eq!(Sample::of(vec![2, 4, 4, 4, 5, 5, 7, 9]).deviation(), Some(2));
    }

    #[test]
    fn nothing_has_no_figures() {
        let none = Sample::default();
        assert_eq!(
            (none.mean(), none.deviation(), none.min(), none.max()),
            (None, None, None, None)
        );
    }
}
