//! One measured thing, as counts or as figures another program told.
//!
//! Owns what may be said of it. Must never: give a quantile without the samples for it, or one that
//! lies among samples of which only the number is known. Integers only. Allocates.

use super::counts::{Counts, QUANTILES};
use station::latency::BEYOND;

/// A series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// A stage of ours, or what the file calls it.
    pub name: String,
    /// What its figures are: clock, half or whole round trip, resolution.
    pub about: String,
    /// The samples.
    pub samples: Samples,
}

/// What is known of the samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// Each counted, in nanoseconds.
    Counted(Counted),
    /// Figures of another program: name, and nanoseconds, which may be negative.
    Told {
        /// Samples they are of, where it tells.
        n: Option<u64>,
        /// The figures: `min`, `mean`, `max`, `p50`, ...
        figures: Vec<(String, i64)>,
    },
}

/// Counted samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The counts.
    pub counts: Counts,
    /// Samples above all of these, of which only the number is known.
    pub unseen: u64,
    /// The highest sample where it is known apart from the counts.
    pub max_ns: Option<u64>,
    /// Whether each sample lies at the upper end of a range of percentiles.
    pub is_upper_bound: bool,
}

impl Counted {
    /// Counts with nothing hidden.
    #[must_use]
    pub const fn whole(counts: Counts) -> Self {
        Self { counts, unseen: 0, max_ns: None, is_upper_bound: false }
    }

    /// Samples, counted or not.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.counts.total().saturating_add(self.unseen)
    }

    /// The quantile with one sample in `one_in` beyond it; `None` with fewer than ten there, or
    /// where it lies among the unseen.
    #[must_use]
    pub fn quantile(&self, one_in: u64) -> Option<u64> {
        let beyond = self.total() / one_in;
        let rank = self.total() - beyond;
        let is_known = beyond >= BEYOND && rank <= self.counts.total();
        is_known.then(|| self.counts.ranked().value(rank))
    }

    /// The highest sample; `None` without samples, or where it is among the unseen.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.max_ns.or_else(|| if self.unseen == 0 { self.counts.max() } else { None })
    }
}

impl Series {
    /// A series of counts.
    pub fn counted(name: impl Into<String>, about: impl Into<String>, counted: Counted) -> Self {
        Self { name: name.into(), about: about.into(), samples: Samples::Counted(counted) }
    }

    /// Samples, where known.
    #[must_use]
    pub fn n(&self) -> Option<u64> {
        match &self.samples {
            Samples::Counted(counted) => Some(counted.total()),
            Samples::Told { n, .. } => *n,
        }
    }

    /// A figure by name: `min`, `max`, `mean` (told ones only), `p50`, `p99.9`, ...
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<i64> {
        match &self.samples {
            Samples::Told { figures, .. } => {
                figures.iter().find(|(known, _)| known == name).map(|(_, ns)| *ns)
            }
            Samples::Counted(counted) => {
                let ns = match name {
                    "min" => counted.counts.min(),
                    "max" => counted.max(),
                    _ => {
                        let (_, one_in) = QUANTILES.iter().find(|(known, _)| *known == name)?;
                        counted.quantile(*one_in)
                    }
                };
                ns.and_then(|ns| i64::try_from(ns).ok())
            }
        }
    }

    /// The counts, where there are.
    #[must_use]
    pub const fn as_counted(&self) -> Option<&Counted> {
        match &self.samples {
            Samples::Counted(counted) => Some(counted),
            Samples::Told { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::counts::Cells;
    use super::*;

    #[test]
    fn no_quantile_lies_among_the_unseen() {
        let mut counts = Counts::new(Cells::NS);
        counts.add(100, 940).expect("few");
        let counted = Counted { counts, unseen: 60, max_ns: Some(9_000), is_upper_bound: false };
        let series = Series::counted("a", "", counted);
        assert_eq!(series.n(), Some(1_000));
        assert_eq!(series.figure("p50"), Some(100));
        assert_eq!(series.figure("p90"), Some(100));
        assert_eq!(series.figure("p99"), None, "it is one of the sixty");
        assert_eq!(series.figure("p99.9"), None, "one sample beyond");
        assert_eq!(series.figure("max"), Some(9_000));
        let mut hidden = series.as_counted().expect("counts").clone();
        hidden.max_ns = None;
        assert_eq!(hidden.max(), None);
    }
}
