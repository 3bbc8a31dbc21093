//! A report of another day to be compared with.
//!
//! Must never: gate on a maximum. Between two runs of one machine in one state p50 repeats within
//! 5 %, p99 within 10 %, p99.9 within a factor of two and the maximum within ten: what differs less
//! is the same.

use super::Mode;
use super::cores::Cell;
use super::series::Series;
use crate::probes::{Percentile, float, micros};
use serde_json::Value;
use station::operator::Failure;
use std::path::Path;
use wire::exit::Exit;

/// Quantiles compared: key, percentile, and the factor within which two are the same.
const QUANTILES: [(&str, Percentile, f64); 3] = [
    ("p50_ns", Percentile::P50, 1.05),
    ("p99_ns", Percentile::P99, 1.10),
    ("p99_9_ns", Percentile::P99_9, 2.0),
];

/// A report of `--json`.
#[derive(Clone, Debug)]
pub struct Baseline(Value);

/// Reads one.
///
/// # Errors
/// RESOURCE where it cannot be read, ARGUMENTS where it is no report of this mode.
pub fn read(path: &Path, mode: Mode) -> Result<Baseline, Failure> {
    let fields = |what: String| format!("file={} {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| {
        let fields = fields(format!("error=\"{error}\""));
        Failure::new(Exit::Resource, "baseline cannot be read", fields, "name another file")
    })?;
    let refused = |what: String| {
        let next = format!("make one with `corelane jitter {} --json`", mode.name());
        Failure::new(Exit::Arguments, "no baseline for this mode", fields(what), next)
    };
    let value: Value =
        serde_json::from_str(&text).map_err(|error| refused(format!("error=\"{error}\"")))?;
    let found = value.get("mode").and_then(Value::as_str).unwrap_or("none");
    if found != mode.name() || value.get("version") != Some(&Value::from(1)) {
        return Err(refused(format!("mode={found} expected={} version=1", mode.name())));
    }
    Ok(Baseline(value))
}

impl Baseline {
    /// Compares series by name and pairs by their CPUs: the lines, and whether anything is worse.
    #[must_use]
    pub fn compare(&self, series: &[Series], cells: &[Cell]) -> (Vec<String>, bool) {
        let (mut lines, mut is_worse) = (Vec::new(), false);
        for series in series {
            let old =
                self.row("series", |row| row.get("name") == Some(&series.name.as_str().into()));
            for (key, percentile, factor) in QUANTILES {
                let old = old.and_then(|row| row.get(key)).and_then(Value::as_u64);
                let (told, worse) =
                    against(old.map(float), series.at(percentile).map(float), factor);
                let shown = (old.map(micros), series.at(percentile).map(micros));
                lines.push(told_of(&format!("{} p{percentile}", series.name), shown, "us", told));
                is_worse |= worse;
            }
        }
        for cell in cells {
            let is_it = |row: &Value| {
                let cpu = |key| row.get(key).and_then(Value::as_u64);
                let ours = |cpu: usize| u64::try_from(cpu).ok();
                cpu("from") == ours(cell.from) && cpu("to") == ours(cell.to)
            };
            // Across a change of placement only the ratio to the line says anything.
            let old = self.row("pairs", is_it).and_then(|row| row.get("ratio")?.as_f64());
            let new = cell.ratios.get(cell.ratios.len() / 2).copied();
            let (told, worse) = against(old, new, 1.15);
            let ratio = |ratio: f64| format!("{ratio:.3}");
            let name = format!("cpus {}-{} p50 / line", cell.from, cell.to);
            lines.push(told_of(&name, (old.map(ratio), new.map(ratio)), "", told));
            is_worse |= worse;
        }
        (lines, is_worse)
    }

    fn row(&self, list: &str, is_it: impl Fn(&Value) -> bool) -> Option<&Value> {
        self.0.get(list)?.as_array()?.iter().find(|row| is_it(row))
    }
}

fn told_of(
    name: &str,
    (old, new): (Option<String>, Option<String>),
    unit: &str,
    told: &str,
) -> String {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "n/a".into());
    format!("{name}: baseline {} now {} {unit}: {told}", shown(old), shown(new))
}

/// One comparison in a word, and whether it is worse.
fn against(old: Option<f64>, new: Option<f64>, factor: f64) -> (&'static str, bool) {
    match (old, new) {
        (Some(old), Some(new)) if new > old * factor => ("worse", true),
        (Some(old), Some(new)) if new * factor < old => ("better", false),
        (Some(_), Some(_)) => ("same", false),
        (None, _) | (_, None) => ("not compared", false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jitter::report::series_json;

    fn series(ns: u64) -> Series {
        let mut series = Series::new("cpu 1".into(), "gap_cpu1".into(), 1);
        (0..12_000).for_each(|_| series.take(ns, 0, None));
        series
    }

    fn against_old(old: u64, new: u64) -> (Vec<String>, bool) {
        let rows = series_json(&[series(old)], false);
        let baseline = Baseline(serde_json::json!({ "series": rows }));
        baseline.compare(&[series(new)], &[])
    }

    #[test]
    fn worse_is_what_repeats_do_not_explain() {
        let (same, is_worse) = against_old(100_000, 104_000);
        assert!(!is_worse && same.iter().all(|line| line.ends_with("same")), "{same:?}");
        let (lines, is_worse) = against_old(100_000, 108_000);
        assert!(is_worse && lines[0].ends_with("worse") && lines[1].ends_with("same"), "{lines:?}");
        let (lines, is_worse) = against_old(100_000, 40_000);
        assert!(!is_worse && lines[0].ends_with("better"), "{lines:?}");
    }

    #[test]
    fn what_one_side_lacks_is_not_compared() {
        let baseline = Baseline(serde_json::json!({ "series": [] }));
        let (lines, is_worse) = baseline.compare(&[series(5)], &[]);
        assert!(!is_worse && lines.iter().all(|line| line.ends_with("not compared")));
    }

    #[test]
    fn another_mode_s_report_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.json");
        std::fs::write(&path, r#"{"version":1,"mode":"wake"}"#).unwrap();
        assert!(read(&path, Mode::Wake).is_ok());
        assert_eq!(read(&path, Mode::Gap).unwrap_err().exit, Exit::Arguments);
        std::fs::write(&path, "rubbish").unwrap();
        assert_eq!(read(&path, Mode::Gap).unwrap_err().exit, Exit::Arguments);
        assert_eq!(read(dir.path(), Mode::Gap).unwrap_err().exit, Exit::Resource);
    }
}
