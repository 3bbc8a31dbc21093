//! Counted samples: how many fell into each cell of an HDR histogram, and nothing more.
//!
//! Owns rank and quantile. A log of an hour holds tens of thousands of histograms, so only cells
//! that were hit are kept. Must never: give a quantile with fewer than ten samples beyond it, or
//! add up what was counted in other cells. Integers only. Ordinary threads; allocates.

use hdrhistogram::Histogram;
use station::latency::BEYOND;
use std::collections::BTreeMap;

/// The quantiles shown, as one sample in so many beyond them, with their names.
pub const QUANTILES: [(&str, u64); 6] = [
    ("p50", 2),
    ("p90", 10),
    ("p99", 100),
    ("p99.9", 1_000),
    ("p99.99", 10_000),
    ("p99.999", 100_000),
];

/// Which values a histogram tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Least value told from zero, from 1.
    pub low: u64,
    /// Significant decimal digits, 1 to 5.
    pub digits: u8,
}

impl Cells {
    /// Cells of one nanosecond and three digits.
    pub const NS: Self = Self { low: 1, digits: 3 };

    /// Bits below the least value told apart, and bits of half a bucket.
    fn bits(self) -> (u32, u32) {
        let precise = 2 * 10_u64.pow(u32::from(self.digits));
        (self.low.max(1).ilog2(), precise.next_power_of_two().ilog2() - 1)
    }

    /// Least value of a cell by its index in the file; `None` beyond 64 bits.
    #[must_use]
    pub fn value_at(self, index: u64) -> Option<u64> {
        let (unit, half) = self.bits();
        let bucket = index >> half;
        let within = index & ((1 << half) - 1);
        let (shift, sub) = match bucket.checked_sub(1) {
            None => (0, within),
            Some(bucket) => (u32::try_from(bucket).ok()?, within + (1 << half)),
        };
        let by = shift.checked_add(unit)?;
        (by < 64 && sub.leading_zeros() >= by).then(|| sub << by)
    }

    /// Least and highest value of the cell a value falls into.
    #[must_use]
    pub fn around(self, value: u64) -> (u64, u64) {
        let (unit, half) = self.bits();
        let top = (value >> unit).checked_ilog2().unwrap_or(0);
        let size = 1_u64 << (top.saturating_sub(half) + unit);
        let low = value & !(size - 1);
        (low, low | (size - 1))
    }
}

/// Samples by cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    cells: Cells,
    /// Highest value the histogram was made for.
    high: u64,
    /// Count by the least value of the cell.
    by_value: BTreeMap<u64, u64>,
    total: u64,
}

impl Counts {
    /// None yet.
    #[must_use]
    pub const fn new(cells: Cells) -> Self {
        Self { cells, high: 2, by_value: BTreeMap::new(), total: 0 }
    }

    /// Takes `count` samples of a value. `None` where the total does not fit 63 bits.
    #[must_use]
    pub fn add(&mut self, value: u64, count: u64) -> Option<()> {
        if count == 0 {
            return Some(());
        }
        let total = self.total.checked_add(count).filter(|sum| i64::try_from(*sum).is_ok())?;
        *self.by_value.entry(self.cells.around(value).0).or_default() += count;
        self.total = total;
        self.high = self.high.max(self.cells.around(value).1);
        Some(())
    }

    /// Remembers the highest value the histogram was made for.
    pub fn reach(&mut self, high: u64) {
        self.high = self.high.max(high);
    }

    /// Takes all samples of others.
    ///
    /// # Errors
    /// What differs in the cells, or that the sum does not fit.
    pub fn take(&mut self, other: &Self) -> Result<(), String> {
        if self.cells != other.cells {
            let show = |c: Cells| format!("{} digits from {}", c.digits, c.low);
            return Err(format!("{} and {}", show(self.cells), show(other.cells)));
        }
        self.reach(other.high);
        for (value, count) in &other.by_value {
            self.add(*value, *count).ok_or("more than 2^63 samples")?;
        }
        Ok(())
    }

    /// Which values are told apart.
    #[must_use]
    pub const fn cells(&self) -> Cells {
        self.cells
    }

    /// Samples.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Each cell that was hit: its high edge, and its samples.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.by_value.iter().map(|(value, count)| (self.cells.around(*value).1, *count))
    }

    /// Least value, to the cell's low edge; `None` without samples.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        self.by_value.keys().next().copied()
    }

    /// Highest value, to the cell's high edge; `None` without samples.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.by_value.keys().next_back().map(|value| self.cells.around(*value).1)
    }

    /// Value of the quantile with one sample in `one_in` beyond it, to the cell's high edge.
    /// `None` with fewer than ten samples beyond.
    #[must_use]
    pub fn quantile(&self, one_in: u64) -> Option<u64> {
        let beyond = self.total / one_in;
        (beyond >= BEYOND).then(|| self.ranked().value(self.total - beyond))
    }

    /// The cells in order, for many looks by rank.
    #[must_use]
    pub fn ranked(&self) -> Ranked {
        let mut sum = 0;
        let edges = self.by_value.iter().map(|(value, count)| {
            sum += count;
            (sum, self.cells.around(*value).1)
        });
        Ranked(edges.collect())
    }

    /// The same as a histogram of the crate, for its writers. `None` where its bounds are none.
    #[must_use]
    pub fn histogram(&self) -> Option<Histogram<u64>> {
        let Cells { low, digits } = self.cells;
        let high = self.high.max(low.checked_mul(2)?);
        let mut out = Histogram::new_with_bounds(low, high, digits).ok()?;
        for (value, count) in &self.by_value {
            out.record_n(*value, *count).ok()?;
        }
        Some(out)
    }
}

/// Cumulative counts with the high edge of their cell.
#[derive(Clone, Debug)]
pub struct Ranked(Vec<(u64, u64)>);

impl Ranked {
    /// Value of the sample of this rank, from 1; 0 without samples.
    #[must_use]
    pub fn value(&self, rank: u64) -> u64 {
        let at = self.0.partition_point(|(sum, _)| *sum < rank);
        self.0.get(at).or_else(|| self.0.last()).map_or(0, |(_, value)| *value)
    }

    /// Samples up to each cell, and the cell's high edge.
    #[must_use]
    pub fn edges(&self) -> &[(u64, u64)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64], cells: Cells) -> Counts {
        let mut counts = Counts::new(cells);
        for value in values {
            counts.add(*value, 1).expect("few");
        }
        counts
    }

    proptest! {
        #[test]
        fn agrees_with_the_crate(
            values in prop::collection::vec(0_u64..1 << 40, 1..400),
            digits in 1_u8..=5,
            low in prop::sample::select(vec![1_u64, 2, 7, 1_000]),
        ) {
            let cells = Cells { low, digits };
            let counts = of(&values, cells);
            let theirs = counts.histogram().expect("bounds");
            prop_assert_eq!(theirs.len(), counts.total());
            prop_assert_eq!(Some(theirs.max()), counts.max());
            for value in &values {
                let (low, high) = cells.around(*value);
                prop_assert_eq!(low, theirs.lowest_equivalent(*value));
                prop_assert_eq!(high, theirs.highest_equivalent(*value));
            }
            let n = counts.total();
            for one_in in [2_u64, 10, 100] {
                let mine = counts.quantile(one_in);
                prop_assert_eq!(mine.is_some(), n / one_in >= BEYOND);
                if let Some(mine) = mine {
                    let rank = n - n / one_in;
                    let mut sorted = values.clone();
                    sorted.sort_unstable();
                    let exact = sorted[usize::try_from(rank).expect("small") - 1];
                    prop_assert_eq!(mine, theirs.highest_equivalent(exact));
                }
            }
        }

        #[test]
        fn a_cell_of_the_file_begins_where_it_says(index in 0_u64..60_000, digits in 1_u8..=5) {
            let cells = Cells { low: 1, digits };
            if let Some(value) = cells.value_at(index) {
                prop_assert_eq!(cells.around(value).0, value);
                if let Some(next) = cells.value_at(index + 1) {
                    prop_assert_eq!(cells.around(value).1 + 1, next);
                }
            }
        }
    }

    #[test]
    fn other_cells_are_not_added() {
        let mut three = of(&[1], Cells::NS);
        let two = of(&[1], Cells { low: 1, digits: 2 });
        assert_eq!(three.take(&two), Err("3 digits from 1 and 2 digits from 1".to_owned()));
        assert_eq!(three.take(&of(&[5, 9], Cells::NS)), Ok(()));
        assert_eq!((three.total(), three.min(), three.max()), (3, Some(1), Some(9)));
        assert_eq!(three.add(1, u64::MAX), None);
    }
}
