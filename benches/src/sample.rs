//! A distribution: all samples kept, exact quantiles, honest about its tail.

use core::fmt::Write as _;

/// Samples that must lie beyond a quantile before it is shown.
const BEYOND: usize = 10;

/// The quantiles of a table, in parts of ten thousand, with their headings.
const QUANTILES: [(usize, &str); 4] =
    [(5_000, "p50"), (9_900, "p99"), (9_990, "p99.9"), (9_999, "p99.99")];

/// Samples of one quantity in one unit.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    values: Vec<u64>,
    sorted: bool,
}

impl Sample {
    /// An empty sample with room for `n` values, so that adding them does not allocate.
    #[must_use]
    pub fn with_capacity(n: usize) -> Self {
        Self { values: Vec::with_capacity(n), sorted: false }
    }

    /// Adds one value.
    #[inline]
    pub fn push(&mut self, value: u64) {
        self.values.push(value);
        self.sorted = false;
    }

    /// Adds all values of another sample.
    pub fn extend(&mut self, other: &Self) {
        self.values.extend_from_slice(&other.values);
        self.sorted = false;
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value below which `parts` of ten thousand lie, or `None` where fewer than ten samples
    /// lie beyond it.
    pub fn quantile(&mut self, parts: usize) -> Option<u64> {
        self.sort();
        let index = self.values.len().checked_mul(parts)? / 10_000;
        let beyond = self.values.len().checked_sub(index + 1)?;
        if beyond < BEYOND { None } else { self.values.get(index).copied() }
    }

    /// The smallest value.
    pub fn min(&mut self) -> Option<u64> {
        self.sort();
        self.values.first().copied()
    }

    /// The largest value.
    pub fn max(&mut self) -> Option<u64> {
        self.sort();
        self.values.last().copied()
    }

    /// Headings of the columns of [`row`](Self::row).
    #[must_use]
    pub fn headings(label: &str) -> String {
        let mut text = format!("{label:<34}{:>9}{:>9}", "n", "min");
        for (_, name) in QUANTILES {
            let _ = write!(text, "{name:>9}");
        }
        let _ = write!(text, "{:>10}", "max");
        text
    }

    /// One line of a table: count, minimum, quantiles (n/a without ten samples beyond), maximum.
    pub fn row(&mut self, label: &str) -> String {
        let show = |value: Option<u64>| value.map_or("n/a".to_owned(), |value| value.to_string());
        // The blank is outside the width: numbers too wide for it still stand apart.
        let mut text = format!("{label:<34} {:>8} {:>8}", self.len(), show(self.min()));
        for (parts, _) in QUANTILES {
            let _ = write!(text, " {:>8}", show(self.quantile(parts)));
        }
        let _ = write!(text, " {:>9}", show(self.max()));
        text
    }

    fn sort(&mut self) {
        if !self.sorted {
            self.values.sort_unstable();
            self.sorted = true;
        }
    }
}

impl Extend<u64> for Sample {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, values: I) {
        self.values.extend(values);
        self.sorted = false;
    }
}

#[cfg(test)]
mod tests {
    use super::Sample;

    fn up_to(n: u64) -> Sample {
        let mut sample = Sample::default();
        Extend::extend(&mut sample, (0..n).rev());
        sample
    }

    #[test]
    fn a_quantile_needs_ten_samples_beyond_it() {
        assert_eq!(up_to(20).quantile(5_000), None);
        assert_eq!(up_to(21).quantile(5_000), Some(10));
        assert_eq!(up_to(1_000).quantile(9_900), None);
        assert_eq!(up_to(1_100).quantile(9_900), Some(1_089));
        assert_eq!(up_to(0).quantile(5_000), None);
    }

    #[test]
    fn a_row_shows_what_is_not_known() {
        let row = up_to(1_100).row("x");
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words, ["x", "1100", "0", "550", "1089", "n/a", "n/a", "1099"]);
        assert_eq!(Sample::headings("x").split_whitespace().count(), words.len());
        let mut wide = Sample::default();
        Extend::extend(&mut wide, (0..30).map(|_| 1_234_567_890));
        assert!(wide.row("x").contains("1234567890 1234567890 "), "numbers run together");
    }
}
