//! A percentile as an exact number: `99.9` is 99,900,000 of a hundred million. Must never: be shown
//! with fewer than ten samples beyond it.

use station::latency::BEYOND;
use std::fmt;
use std::str::FromStr;

/// Parts that are all samples.
const ALL: u64 = 100_000_000;

/// A share of the samples, above none and below all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentile(u64);

impl Percentile {
    /// The median.
    pub const P50: Self = Self(ALL / 2);
    /// 99 %.
    pub const P99: Self = Self(ALL / 100 * 99);
    /// 99.9 %.
    pub const P99_9: Self = Self(ALL / 1_000 * 999);
    /// 99.99 %.
    pub const P99_99: Self = Self(ALL / 10_000 * 9_999);

    /// Samples needed before it may be shown.
    #[must_use]
    pub const fn needs(self) -> u64 {
        ((BEYOND + 1) * ALL).div_ceil(ALL - self.0)
    }

    /// Place of its value among `n` samples in rising order; `None` without ten beyond it.
    #[must_use]
    pub fn place(self, n: u64) -> Option<u64> {
        let at = u128::from(n) * u128::from(self.0) / u128::from(ALL);
        let at = u64::try_from(at).ok()?;
        (n.checked_sub(at.checked_add(1)?)? >= BEYOND).then_some(at)
    }

    /// The share as a fraction of one, for a histogram.
    #[must_use]
    pub fn fraction(self) -> f64 {
        super::float(self.0) / super::float(ALL)
    }
}

impl FromStr for Percentile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no percentile: a number such as 99.9, above 0, below 100");
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str, most: usize| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole, 2) || !is_number(part, 6) {
            return Err(wrong());
        }
        let parts = format!("{whole}{part:0<6}").parse::<u64>().map_err(|_| wrong())?;
        if parts == 0 { Err(wrong()) } else { Ok(Self(parts)) }
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{part:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::Percentile;

    #[test]
    fn text_and_number_agree() {
        for text in ["50", "99", "99.9", "99.99", "99.999", "0.000001", "99.999999"] {
            assert_eq!(text.parse::<Percentile>().unwrap().to_string(), text);
        }
        assert_eq!("99.90".parse(), Ok(Percentile::P99_9));
        for wrong in ["", "0", "100", "99.", ".9", "-1", "+5", "99.9999999", "99,9", "p99", "0.0"] {
            assert!(wrong.parse::<Percentile>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ten_samples_lie_beyond_what_is_shown() {
        assert_eq!(Percentile::P99.needs(), 1_100);
        assert_eq!(Percentile::P99.place(1_100), Some(1_089));
        assert_eq!(Percentile::P99.place(1_000), None);
        assert_eq!(Percentile::P50.place(22), Some(11));
        assert_eq!(Percentile::P50.place(0), None);
        for percentile in [Percentile::P50, Percentile::P99_9, Percentile::P99_99] {
            assert!(percentile.place(percentile.needs()).is_some(), "{percentile}");
        }
    }
}
