//! Limits as an operator writes them: `p99.9<=5us,max<=50us`, and what a measurement makes of them.
//!
//! ```text
//! limits   = limit *("," limit)
//! limit    = quantity ("<=" / "<") time
//! quantity = "max" / "median" / "p" percentile      ; above 0, below 100
//! time     = number ("ns" / "us" / "ms" / "s")      ; whole nanoseconds
//! ```
//!
//! Must never: call a quantile held that lacks its samples, unless the maximum holds the limit too:
//! then every quantile does.

use super::{Percentile, shown};
use std::fmt;
use std::str::FromStr;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The largest sample.
    Max,
    /// A quantile.
    At(Percentile),
}

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is limited.
    pub quantity: Quantity,
    /// Nanoseconds.
    pub ns: u64,
    /// Whether the limit itself is too much.
    pub is_strict: bool,
}

/// Every limit of one option; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits(pub Vec<Limit>);

/// What became of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Held, with the value seen; `None` where only the maximum shows it.
    Held(Option<u64>),
    /// Not held, with the value seen.
    Broken(u64),
    /// Too few samples to say.
    TooFew,
}

impl Limit {
    /// Holds a measurement against this limit. `at` gives a quantile that has its samples.
    #[must_use]
    pub fn judge(&self, max: Option<u64>, at: impl Fn(Percentile) -> Option<u64>) -> Judged {
        let holds = |ns: u64| if self.is_strict { ns < self.ns } else { ns <= self.ns };
        let value = match self.quantity {
            Quantity::Max => max,
            Quantity::At(percentile) => at(percentile),
        };
        match (value, max) {
            (Some(ns), _) if holds(ns) => Judged::Held(Some(ns)),
            (Some(ns), _) => Judged::Broken(ns),
            (None, Some(max)) if holds(max) => Judged::Held(None),
            (None, _) => Judged::TooFew,
        }
    }

    /// The limit and what became of it, in one line.
    #[must_use]
    pub fn told(&self, judged: Judged) -> String {
        match judged {
            Judged::Held(Some(ns)) => format!("{self} held: {} us", shown(Some(ns))),
            Judged::Held(None) => format!("{self} held: even the maximum is below it"),
            Judged::Broken(ns) => format!("{self} broken: {} us", shown(Some(ns))),
            Judged::TooFew => format!("{self} not judged: too few samples"),
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            |what: &str| format!("{what} in {text:?}: write limits such as p99.9<=5us,max<=50us");
        let (name, rest) = text.trim().split_once('<').ok_or_else(|| wrong("no < or <="))?;
        let (is_strict, value) = match rest.strip_prefix('=') {
            Some(value) => (false, value),
            None => (true, rest),
        };
        let quantity = match name.trim() {
            "max" => Quantity::Max,
            "median" => Quantity::At(Percentile::P50),
            other => {
                let digits = other.strip_prefix('p').ok_or_else(|| wrong("unknown quantity"))?;
                Quantity::At(digits.parse().map_err(|_| wrong("no percentile"))?)
            }
        };
        let ns =
            time(value.trim()).ok_or_else(|| wrong("no time with a unit of ns, us, ms or s"))?;
        Ok(Self { quantity, ns, is_strict })
    }
}

/// A time with its unit, nanoseconds; at most three digits behind the point.
#[must_use]
pub fn time(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let ns: u64 = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 3 || !is_number(whole) || !is_number(part) {
        return None;
    }
    let thousandths = whole.parse::<u64>().ok()?.checked_mul(1_000)?;
    let thousandths = thousandths.checked_add(format!("{part:0<3}").parse().ok()?)?;
    let ns = u128::from(thousandths) * u128::from(ns);
    if ns % 1_000 != 0 { None } else { u64::try_from(ns / 1_000).ok() }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quantity {
            Quantity::Max => f.write_str("max")?,
            Quantity::At(percentile) => write!(f, "p{percentile}")?,
        }
        let sign = if self.is_strict { "<" } else { "<=" };
        write!(f, "{sign}{} us", super::micros(self.ns))
    }
}

impl FromStr for Limits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.split(',').map(str::parse).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_whole() {
        let Limits(limits) = "p99.9<=5us,max<50us, median<=1.5us".parse().unwrap();
        let p99_9 = Quantity::At(Percentile::P99_9);
        assert_eq!(limits[0], Limit { quantity: p99_9, ns: 5_000, is_strict: false });
        assert_eq!(limits[1], Limit { quantity: Quantity::Max, ns: 50_000, is_strict: true });
        assert_eq!(limits[2].ns, 1_500);
        assert_eq!(limits[0].to_string(), "p99.9<=5.000 us");
    }

    #[test]
    fn what_is_no_limit_is_refused_with_its_text() {
        for text in [
            "",
            "max",
            "max=5us",
            "max>=5us",
            "max<=5",
            "max<=us",
            "max<=-5us",
            "p100<=5us",
            "p<=5us",
            "p99<=5us,",
            "mean<=5us",
            "max<=5 parsec",
            "max<=0.0001us",
            "max<=0.5ns",
            "max<==5us",
        ] {
            let error = text.parse::<Limits>().expect_err(text);
            assert!(error.contains("p99.9<=5us") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(time("24h"), Some(86_400_000_000_000));
        assert_eq!(time("1.5ms"), Some(1_500_000));
        assert_eq!(time("99999999999999999999s"), None);
        assert_eq!(time("99999999999s"), None, "past the end of u64");
    }

    #[test]
    fn a_limit_is_held_at_and_broken_above() {
        let limit: Limit = "p99.9<=5us".parse().unwrap();
        let judge = |value, max| limit.judge(max, |_| value);
        assert_eq!(judge(Some(5_000), Some(9_000)), Judged::Held(Some(5_000)));
        assert_eq!(judge(Some(5_001), Some(9_000)), Judged::Broken(5_001));
        assert_eq!(judge(None, Some(5_000)), Judged::Held(None), "the maximum shows it");
        assert_eq!(judge(None, Some(5_001)), Judged::TooFew);
        assert_eq!(judge(None, None), Judged::TooFew, "nothing was seen");
        let strict: Limit = "max<5us".parse().unwrap();
        assert_eq!(strict.judge(Some(5_000), |_| None), Judged::Broken(5_000));
    }
}
