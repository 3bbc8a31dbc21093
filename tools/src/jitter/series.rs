//! What one CPU showed in one mode: its distribution, what it is put down to, the worst of it.
//!
//! Must never: drop a value that is too large for the histogram (it counts as the largest).
//! Collector's thread; allocates.

use super::cause::{NOT_LOOKED, Owner, Seen, Source, UNEXPLAINED, unexplained_checks};
use crate::probes::{Percentile, float, micros};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use station::latency::MAX_NS;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Worst values kept.
const WORST: usize = 10;
/// The quantiles of every table.
pub const QUANTILES: [Percentile; 4] =
    [Percentile::P50, Percentile::P99, Percentile::P99_9, Percentile::P99_99];

/// One of the worst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worst {
    /// Nanoseconds.
    pub ns: u64,
    /// Wall clock at its end, UNIX nanoseconds.
    pub wall_ns: u64,
    /// Counters that moved.
    pub seen: Seen,
}

/// A distribution with its causes.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name in tables, such as `cpu 3`.
    pub name: String,
    /// Tag in logs, such as `gap_cpu3`.
    pub tag: String,
    /// The CPU.
    pub cpu: usize,
    /// Values, nanoseconds.
    pub histogram: Histogram<u64>,
    /// Largest value, exactly.
    pub max_ns: u64,
    /// Time watched, nanoseconds.
    pub observed_ns: u64,
    /// All values together, nanoseconds.
    pub total_ns: u64,
    /// The kernel's counters.
    pub sources: Vec<Source>,
    /// Count and time by what they are put down to; empty where the mode does not tell.
    pub owners: BTreeMap<Owner, (u64, u64)>,
    /// The worst, largest first.
    pub worst: Vec<Worst>,
    /// Counters that moved over the whole run, and how far.
    pub window: Vec<(Source, u64)>,
    /// What else must be known of it.
    pub notes: Vec<String>,
}

/// An empty histogram of the bounds every log of the project has.
///
/// # Panics
/// Never: the bounds are constants that the crate takes.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_NS, 3).unwrap_or_else(|error| unreachable!("{error}"))
}

impl Series {
    /// An empty one.
    #[must_use]
    pub fn new(name: String, tag: String, cpu: usize) -> Self {
        Self {
            name,
            tag,
            cpu,
            histogram: histogram(),
            max_ns: 0,
            observed_ns: 0,
            total_ns: 0,
            sources: Vec::new(),
            owners: BTreeMap::new(),
            worst: Vec::new(),
            window: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Counts one value, with what was seen in it where the mode tells.
    pub fn take(&mut self, ns: u64, wall_ns: u64, seen: Option<Seen>) {
        self.histogram.saturating_record(ns);
        self.max_ns = self.max_ns.max(ns);
        self.total_ns = self.total_ns.saturating_add(ns);
        if let Some(seen) = seen {
            let (count, time) = self.owners.entry(seen.owner()).or_default();
            *count += 1;
            *time += ns;
        }
        let is_worse = |last: &Worst| ns > last.ns;
        if self.worst.len() < WORST || self.worst.last().is_some_and(is_worse) {
            let at = self.worst.partition_point(|other| other.ns >= ns);
            self.worst.insert(at, Worst { ns, wall_ns, seen: seen.unwrap_or(Seen::NOT) });
            self.worst.truncate(WORST);
        }
    }

    /// Counts many of one value, of which nothing else is known.
    pub fn take_many(&mut self, ns: u64, count: u64, wall_ns: u64) {
        let Some(rest) = count.checked_sub(1) else { return };
        self.take(ns, wall_ns, None);
        // A histogram of the house's bounds takes what its own bounds allow.
        let _clipped = self.histogram.record_n(ns.min(MAX_NS), rest);
        self.total_ns = self.total_ns.saturating_add(ns.saturating_mul(rest));
    }

    /// A quantile; `None` without ten values beyond it.
    #[must_use]
    pub fn at(&self, percentile: Percentile) -> Option<u64> {
        percentile.place(self.histogram.len())?;
        Some(self.histogram.value_at_quantile(percentile.fraction()).min(self.max_ns))
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (!self.histogram.is_empty()).then_some(self.max_ns)
    }

    /// The smallest value.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        (!self.histogram.is_empty()).then(|| self.histogram.min())
    }

    /// Share of the watched time that was lost, percent.
    #[must_use]
    pub fn lost_percent(&self) -> f64 {
        100.0 * float(self.total_ns) / float(self.observed_ns.max(1))
    }

    /// What the time is put down to: name, count, nanoseconds, checks; the longest first.
    #[must_use]
    pub fn causes(&self, is_virtual: bool) -> Vec<(String, u64, u64, &'static [&'static str])> {
        let told = |owner: &Owner| match owner {
            Owner::Unexplained => (UNEXPLAINED.to_owned(), unexplained_checks(is_virtual)),
            Owner::NotLooked => (NOT_LOOKED.to_owned(), &[][..]),
            Owner::Source(place) => match self.sources.get(usize::from(*place)) {
                Some(source) => (source.name(), source.checks()),
                None => (UNEXPLAINED.to_owned(), &[][..]),
            },
        };
        let mut causes: Vec<_> = self
            .owners
            .iter()
            .map(|(owner, (count, ns))| {
                let (name, checks) = told(owner);
                (name, *count, *ns, checks)
            })
            .collect();
        causes.sort_by_key(|(_, _, ns, _)| std::cmp::Reverse(*ns));
        causes
    }

    /// Names of what was seen in one of the worst.
    #[must_use]
    pub fn seen_in(&self, worst: &Worst) -> String {
        let name = |place: &u16| self.sources.get(usize::from(*place)).map(Source::name);
        let names: Vec<String> = worst.seen.places().iter().filter_map(name).collect();
        match (worst.seen.is_looked, names.is_empty()) {
            (false, _) => NOT_LOOKED.into(),
            (true, true) => UNEXPLAINED.into(),
            (true, false) => names.join(" + "),
        }
    }

    /// As JSON, times in nanoseconds.
    #[must_use]
    pub fn to_json(&self, is_virtual: bool) -> Value {
        let causes: Vec<Value> = self
            .causes(is_virtual)
            .into_iter()
            .map(|(name, count, ns, checks)| {
                json!({ "cause": name, "gaps": count, "ns": ns, "checks": checks })
            })
            .collect();
        let moved = |(source, n): &(Source, u64)| json!({ "counter": source.name(), "moved": n });
        let worst = |worst: &Worst| {
            let seen = self.seen_in(worst);
            json!({ "ns": worst.ns, "wall_ns": worst.wall_ns, "seen": seen })
        };
        json!({
            "name": self.name,
            "cpu": self.cpu,
            "n": self.histogram.len(),
            "observed_ns": self.observed_ns,
            "total_ns": self.total_ns,
            "min_ns": self.min(),
            "p50_ns": self.at(Percentile::P50),
            "p99_ns": self.at(Percentile::P99),
            "p99_9_ns": self.at(Percentile::P99_9),
            "p99_99_ns": self.at(Percentile::P99_99),
            "max_ns": self.max(),
            "causes": causes,
            "counters": self.window.iter().map(moved).collect::<Vec<_>>(),
            "worst": self.worst.iter().map(worst).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    /// A line of the table.
    #[must_use]
    pub fn row(&self) -> String {
        let cell = |ns: Option<u64>| ns.map_or_else(|| "n/a".into(), micros);
        let mut row =
            format!("{:<18} {:>9} {:>10}", self.name, self.histogram.len(), cell(self.min()));
        for quantile in QUANTILES {
            let _ = write!(row, " {:>10}", cell(self.at(quantile)));
        }
        let _ = write!(row, " {:>11}", cell(self.max()));
        row
    }
}

/// Headings over [`Series::row`].
#[must_use]
pub fn headings(of: &str) -> String {
    let mut head = format!("{of:<18} {:>9} {:>10}", "n", "min");
    for quantile in QUANTILES {
        let _ = write!(head, " {:>10}", format!("p{quantile}"));
    }
    let _ = write!(head, " {:>11}", "max");
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jitter::counters::Text;

    fn looked(places: &[u16]) -> Seen {
        let mut seen = Seen { is_looked: true, ..Seen::NOT };
        for place in places {
            seen.note(*place, |place| u8::try_from(place).unwrap());
        }
        seen
    }

    #[test]
    fn every_nanosecond_is_put_down_to_something() {
        let mut series = Series::new("cpu 1".into(), "gap_cpu1".into(), 1);
        let tick = Source {
            text: Text::Interrupts,
            label: "LOC".into(),
            words: "Local timer interrupts".into(),
        };
        series.sources = vec![tick];
        series.take(100, 1, Some(looked(&[0])));
        series.take(300, 2, Some(looked(&[0])));
        series.take(50, 3, Some(looked(&[])));
        series.take(9, 4, Some(Seen::NOT));
        let causes = series.causes(true);
        let names: Vec<_> =
            causes.iter().map(|cause| (cause.0.as_str(), cause.1, cause.2)).collect();
        let expected =
            [("LOC Local timer interrupts", 2, 400), (UNEXPLAINED, 1, 50), (NOT_LOOKED, 1, 9)];
        assert_eq!(names, expected);
        assert_eq!(causes[0].3, ["I02", "I11"]);
        assert_eq!(causes[1].3, ["I22"]);
        assert_eq!(causes.iter().map(|cause| cause.2).sum::<u64>(), series.total_ns);
        assert_eq!(series.seen_in(&series.worst[0]), "LOC Local timer interrupts");
    }

    #[test]
    fn the_ten_worst_are_kept_in_order() {
        let mut series = Series::new("cpu 1".into(), "gap_cpu1".into(), 1);
        for ns in [5, 100, 7, 3, 90, 1, 2, 80, 60, 4, 70, 50, 6, 100] {
            series.take(ns, ns, None);
        }
        let worst: Vec<u64> = series.worst.iter().map(|worst| worst.ns).collect();
        assert_eq!(worst, [100, 100, 90, 80, 70, 60, 50, 7, 6, 5]);
        assert_eq!(series.max(), Some(100));
        assert_eq!(series.at(Percentile::P50), None, "14 values are too few");
        series.take(u64::MAX, 0, None);
        assert_eq!(series.max(), Some(u64::MAX), "longer than the histogram tells apart");
    }
}
