//! Is the round trip as short as it must be, and may this link and machine say so?
//!
//! Pure. Must never: certify loopback, a virtual machine or an unproven Onload, or hold half a
//! round trip against a limit of a whole one.

use crate::latency::sfnt::Row;
use crate::probes::{Judged, Limit, Limits, Percentile, Quantity};
use serde_json::{Value, json};
use wire::exit::Exit;

/// The size and limits that count where none are named: 64 bytes, under 9 microseconds.
pub const SIZE: u64 = 64;
/// Nanoseconds of the round trip.
const RTT_NS: u64 = 9_000;

/// What is to be judged.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Limits of the round trip, where some were asked for.
    pub target: Option<&'a Limits>,
    /// Bytes of the message whose row is judged.
    pub size: u64,
    /// The percentile of the table's column.
    pub percentile: Percentile,
    /// Why nothing measured here is a certificate: machine, link, stack.
    pub objections: Vec<String>,
    /// Judge all the same.
    pub is_uncertified_allowed: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// One word: `meets`, `misses`, `held, not certified` or `not judged`.
    pub word: &'static str,
    /// Each limit with its value.
    pub limits: Vec<String>,
    /// Why it is no certificate.
    pub objections: Vec<String>,
    /// How the process ends.
    pub exit: Exit,
}

/// Limits of the default target: median and the table's percentile.
fn default_limits(percentile: Percentile) -> Vec<Limit> {
    let limit = |at| Limit { quantity: Quantity::At(at), ns: RTT_NS, is_strict: true };
    vec![limit(Percentile::P50), limit(percentile)]
}

impl Question<'_> {
    /// Judges the rows, which hold whole round trips.
    #[must_use]
    pub fn answer(&self, rows: &[Row]) -> Verdict {
        let asked = self.target.map(|limits| limits.0.clone());
        let limits = asked.unwrap_or_else(|| default_limits(self.percentile));
        let row = rows.iter().find(|row| row.size == self.size);
        let judged: Vec<(Limit, Judged)> =
            limits.into_iter().map(|limit| (limit, self.judge(&limit, row))).collect();
        let is_held = judged.iter().all(|(_, judged)| matches!(judged, Judged::Held(_)));
        let told = judged.iter().map(|(limit, judged)| limit.told(*judged)).collect();
        let (word, exit) = match (self.target, is_held, self.objections.is_empty()) {
            (None, _, false) => ("not judged", Exit::Clean),
            (_, false, _) => ("misses", Exit::CheckFailed),
            (_, true, true) => ("meets", Exit::Clean),
            (Some(_), true, false) if self.is_uncertified_allowed => {
                ("held, not certified", Exit::Clean)
            }
            (Some(_), true, false) => ("held, not certified", Exit::Host),
        };
        Verdict { word, limits: told, objections: self.objections.clone(), exit }
    }

    fn judge(&self, limit: &Limit, row: Option<&Row>) -> Judged {
        let Some(row) = row else { return Judged::TooFew };
        limit.judge(Some(row.max_ns), |at| {
            at.place(row.iter)?;
            match at {
                Percentile::P50 => Some(row.median_ns),
                at if at == self.percentile => Some(row.percentile_ns),
                _ => None,
            }
        })
    }
}

impl Verdict {
    /// The lines below the table.
    #[must_use]
    pub fn lines(&self, size: u64) -> Vec<String> {
        let mut lines = vec![format!("verdict: {} (RTT of {size} bytes)", self.word)];
        lines.extend(self.limits.iter().map(|limit| format!("  {limit}")));
        lines.extend(self.objections.iter().map(|why| format!("  no certificate: {why}")));
        lines
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "word": self.word,
            "limits": self.limits,
            "not_certified": self.objections,
            "exit": self.exit.code(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(median_ns: u64, percentile_ns: u64) -> Row {
        Row {
            size: 64,
            mean_ns: median_ns,
            min_ns: 1,
            median_ns,
            max_ns: 1_000_000,
            percentile_ns,
            stddev_ns: 0,
            iter: 100_000,
        }
    }

    fn ask(target: Option<&Limits>, objections: &[&str], row: &Row) -> Verdict {
        let question = Question {
            target,
            size: SIZE,
            percentile: Percentile::P99_9,
            objections: objections.iter().map(ToString::to_string).collect(),
            is_uncertified_allowed: false,
        };
        question.answer(std::slice::from_ref(row))
    }

    #[test]
    fn the_default_target_is_nine_microseconds_of_the_whole_round_trip() {
        assert_eq!(ask(None, &[], &row(2_000, 8_999)).word, "meets");
        let at = ask(None, &[], &row(2_000, 9_000));
        assert_eq!((at.word, at.exit), ("misses", Exit::CheckFailed));
        assert_eq!(ask(None, &[], &row(9_000, 9_001)).word, "misses");
    }

    #[test]
    fn loopback_is_a_baseline_and_a_held_limit_no_certificate() {
        let baseline = ask(None, &["loopback"], &row(90_000, 99_000));
        assert_eq!((baseline.word, baseline.exit), ("not judged", Exit::Clean));
        let limits: Limits = "p50<=9us,p99.9<=9us".parse().unwrap();
        let held = ask(Some(&limits), &["loopback"], &row(2_000, 9_000));
        assert_eq!((held.word, held.exit), ("held, not certified", Exit::Host));
        let broken = ask(Some(&limits), &["loopback"], &row(2_000, 9_001));
        assert_eq!(broken.exit, Exit::CheckFailed);
        assert_eq!(ask(Some(&limits), &[], &row(2_000, 9_000)).word, "meets");
    }

    #[test]
    fn what_was_not_measured_is_not_held() {
        let limits: Limits = "p99<=9us".parse().unwrap();
        let other = ask(Some(&limits), &[], &row(2_000, 3_000));
        assert_eq!(other.exit, Exit::CheckFailed, "the table holds p99.9, not p99");
        assert!(other.limits[0].contains("not judged"), "{other:?}");
        let mut few = row(2_000, 3_000);
        few.iter = 15;
        let limits: Limits = "p50<=9us".parse().unwrap();
        assert_eq!(ask(Some(&limits), &[], &few).exit, Exit::CheckFailed);
        few.size = 32;
        assert_eq!(ask(Some(&limits), &[], &few).exit, Exit::CheckFailed);
    }
}
