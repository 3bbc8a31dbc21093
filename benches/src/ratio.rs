//! Ratios of paired measurements: ours and a rival's, taken side by side in the same second.

use core::fmt;

/// Most pairs that count; more would only slow the exact bound down.
const MOST: usize = 1_000;

/// The median of paired ratios with a 95 % interval from order statistics, which assumes nothing
/// about the distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Median of the ratios.
    pub median: f64,
    /// Lower end of the 95 % interval of the median.
    pub low: f64,
    /// Upper end of the 95 % interval of the median: the figure that a limit is held against.
    pub high: f64,
    /// Number of pairs.
    pub pairs: usize,
}

impl Ratio {
    /// Ratio of the first to the second of each pair; `None` with fewer than six usable pairs,
    /// where no 95 % interval exists. Only the first thousand pairs count.
    #[must_use]
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let usable = pairs.iter().filter(|(_, second)| *second > 0.0).take(MOST);
        let mut ratios: Vec<f64> = usable.map(|(first, second)| first / second).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let skip = skipped(ratios.len())?;
        let low = *ratios.get(skip)?;
        let high = *ratios.get(ratios.len().checked_sub(skip + 1)?)?;
        Some(Self { median: median(&mut ratios)?, low, high, pairs: ratios.len() })
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, low, high, pairs } = self;
        write!(f, "{median:.3} (95 % of the median {low:.3} to {high:.3}, {pairs} pairs)")
    }
}

/// The median, or `None` of nothing. Sorts `values`.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// How many order statistics can be left out at each end of `n` so that the rest still covers the
/// median with 95 %: the largest k with P(Binomial(n, 1/2) <= k) <= 2.5 %.
fn skipped(n: usize) -> Option<usize> {
    let trials = f64::from(u32::try_from(n).ok()?);
    let mut chance = 0.5_f64.powi(i32::try_from(n).ok()?);
    let (mut sum, mut successes, mut k) = (chance, 0.0, 0);
    if sum > 0.025 {
        return None;
    }
    loop {
        chance *= (trials - successes) / (successes + 1.0);
        sum += chance;
        if sum > 0.025 {
            return Some(k);
        }
        successes += 1.0;
        k += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Ratio, median, skipped};

    #[test]
    fn the_interval_is_the_binomial_one() {
        // From tables of the sign test: at 5 % two-sided, n = 6: 0, 10: 1, 30: 9, 100: 39.
        assert_eq!(skipped(5), None);
        assert_eq!(skipped(6), Some(0));
        assert_eq!(skipped(10), Some(1));
        assert_eq!(skipped(30), Some(9));
        assert_eq!(skipped(100), Some(39));
        assert!(skipped(1_000).is_some_and(|k| (465..=470).contains(&k)));
    }

    #[test]
    fn ratios_are_paired_and_bounded() {
        let pairs: Vec<_> = (1..=31).map(|i| (f64::from(i) * 2.0, 2.0)).collect();
        let ratio = Ratio::of(&pairs).expect("enough pairs");
        assert!((ratio.median - 16.0).abs() < 1e-9);
        assert!((ratio.low - 10.0).abs() < 1e-9 && (ratio.high - 22.0).abs() < 1e-9);
        assert_eq!(Ratio::of(&pairs[..5]), None);
        assert_eq!(Ratio::of(&[(1.0, 0.0); 40]), None, "no division by zero");
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [4.0, 1.0]), Some(2.5));
    }
}
