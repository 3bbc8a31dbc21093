//! `corelane latency compare`: is B slower than A?
//!
//! Owns the verdict. A change is told from noise by a bootstrap of each side: over stretches of
//! time where the log has enough of them, for neighbouring samples are alike, else over samples.
//! Must never: compare a quantile without ten samples beyond it on both sides, or use chance other
//! than its seed's. Floats: a ratio is no amount of money. Ordinary threads; allocates.

mod bootstrap;

use super::counts::QUANTILES;
use super::input::{self, Input};
use super::series::Series;
use crate::latency::hgrm::Unit;
use crate::output::Output;
use bootstrap::{Draws, Side};
use serde_json::json;
use station::operator::Failure;
use std::path::Path;
use std::process::ExitCode;
use wire::exit::Exit;

/// Confidence of the interval, per cent.
pub const CONFIDENCE: usize = 99;
/// Exit status where nothing can be said either way, as of the benches.
pub const INCONCLUSIVE: u8 = 3;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Compare<'a> {
    /// Before.
    pub before: &'a Path,
    /// After.
    pub after: &'a Path,
    /// Only this stage.
    pub stage: Option<&'a str>,
    /// Change that counts as none, per cent.
    pub tolerance: f64,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Whether a log without its last line is taken.
    pub partial: bool,
    /// Print JSON.
    pub json: bool,
    /// Unit of `.hgrm` files.
    pub unit: Unit,
}

/// What is said of one quantile, and of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Surely above the tolerance.
    Slower,
    /// The interval holds both change and none.
    Inconclusive,
    /// Surely below the tolerance.
    Faster,
    /// Surely within the tolerance.
    Same,
}

impl Verdict {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Slower => "slower",
            Self::Inconclusive => "inconclusive",
            Self::Faster => "faster",
            Self::Same => "same",
        }
    }

    /// By an interval of the relative change.
    #[must_use]
    pub fn of(low: f64, high: f64, tolerance: f64) -> Self {
        if low > tolerance {
            Self::Slower
        } else if high < -tolerance {
            Self::Faster
        } else if low >= -tolerance && high <= tolerance {
            Self::Same
        } else {
            Self::Inconclusive
        }
    }

    /// Of many: slower if one is, else inconclusive if one is, else faster if one is.
    #[must_use]
    pub fn all(verdicts: impl Iterator<Item = Self>) -> Self {
        let rank = |v: &Self| match v {
            Self::Slower => 3,
            Self::Inconclusive => 2,
            Self::Faster => 1,
            Self::Same => 0,
        };
        verdicts.max_by_key(rank).unwrap_or(Self::Inconclusive)
    }

    /// The process exit status.
    #[must_use]
    pub fn exit(self) -> ExitCode {
        match self {
            Self::Slower => Exit::CheckFailed.into(),
            Self::Inconclusive => ExitCode::from(INCONCLUSIVE),
            Self::Faster | Self::Same => Exit::Clean.into(),
        }
    }
}

/// One quantile of one stage.
#[derive(Clone, Debug)]
pub struct Row {
    /// Stage.
    pub stage: String,
    /// Quantile.
    pub quantile: &'static str,
    /// Both values, nanoseconds; `None` where one is not known.
    pub values: Option<(u64, u64)>,
    /// Interval of the relative change, and the verdict; `None` as above.
    pub change: Option<(f64, f64, Verdict)>,
}

/// Compares, prints, gives the exit status.
///
/// # Errors
/// ARGUMENTS where there is nothing to compare; RESOURCE for a file.
pub fn compare(asked: &Compare<'_>) -> Result<ExitCode, Failure> {
    let read = |path| -> Result<Input, Failure> {
        let input = input::read(path, asked.unit)?;
        if !asked.partial {
            input.must_be_closed()?;
        }
        Ok(input)
    };
    let (before, after) = (read(asked.before)?, read(asked.after)?);
    let pairs = pairs(&before, &after, asked)?;
    let mut rows = Vec::new();
    let mut grounds = Vec::new();
    for (a, b) in pairs {
        let sides = Side::of(&before, a).zip(Side::of(&after, b));
        let Some((a_side, b_side)) = sides else { continue };
        grounds.push(format!("{}: {} and {}", a.name, a_side.ground(), b_side.ground()));
        let mut draws = Draws::new(&a_side, &b_side, asked.seed);
        for (quantile, one_in) in QUANTILES {
            rows.push(row(a, b, quantile, one_in, &mut draws, asked.tolerance));
        }
    }
    let verdict = Verdict::all(rows.iter().filter_map(|row| row.change.map(|(_, _, v)| v)));
    let mut out = Output::stdout();
    if asked.json {
        out.line(format_args!("{}", as_json(&rows, verdict, asked)))?;
    } else {
        out.write(text(&rows, &grounds, verdict, asked, &before, &after).as_bytes())?;
    }
    out.finish()?;
    Ok(verdict.exit())
}

/// The series both sides have.
fn pairs<'a>(
    before: &'a Input,
    after: &'a Input,
    asked: &Compare<'_>,
) -> Result<Vec<(&'a Series, &'a Series)>, Failure> {
    let counted = |input: &'a Input| -> Vec<&'a Series> {
        let wanted = |s: &&Series| asked.stage.is_none_or(|stage| s.name == stage);
        input.series.iter().filter(|s| s.as_counted().is_some()).filter(wanted).collect()
    };
    for input in [before, after] {
        if !input.series.is_empty() && input.series.iter().all(|s| s.as_counted().is_none()) {
            let fields = format!("path={} kind=\"{}\"", input.path.display(), input.kind.name());
            let next = "compare logs, percentile files or histograms";
            let what = "a table of percentiles has no spread to compare by";
            return Err(Failure::new(Exit::Arguments, what, fields, next));
        }
    }
    let (a, b) = (counted(before), counted(after));
    let pairs: Vec<_> = match (a.as_slice(), b.as_slice()) {
        ([a], [b]) => vec![(*a, *b)],
        _ => {
            a.iter().filter_map(|a| b.iter().find(|b| b.name == a.name).map(|b| (*a, *b))).collect()
        }
    };
    if pairs.is_empty() {
        let names = |input: &Input| {
            let names: Vec<&str> = input.series.iter().map(|s| s.name.as_str()).collect();
            names.join(",")
        };
        let fields = format!("a=\"{}\" b=\"{}\"", names(before), names(after));
        let next = "name a stage both have with --stage";
        return Err(Failure::new(Exit::Arguments, "no stage in common", fields, next));
    }
    Ok(pairs)
}

fn row(
    a: &Series,
    b: &Series,
    quantile: &'static str,
    one_in: u64,
    draws: &mut Draws<'_>,
    tolerance: f64,
) -> Row {
    let value = |series: &Series| series.as_counted().and_then(|c| c.quantile(one_in));
    let values = value(a).zip(value(b));
    let change = values.map(|_| {
        let (low, high) = draws.interval(one_in);
        (low, high, Verdict::of(low, high, tolerance / 100.0))
    });
    let name = if a.name == b.name { a.name.clone() } else { format!("{} / {}", a.name, b.name) };
    Row { stage: name, quantile, values, change }
}

fn text(
    rows: &[Row],
    grounds: &[String],
    verdict: Verdict,
    asked: &Compare<'_>,
    before: &Input,
    after: &Input,
) -> String {
    use std::fmt::Write as _;
    let mut out = format!("A {}\nB {}\n", before.path.display(), after.path.display());
    for (name, input) in [("A", before), ("B", after)] {
        for note in &input.notes {
            let _ = writeln!(out, "{name}: {note}");
        }
    }
    let _ = writeln!(
        out,
        "{:<22}{:>8}{:>13}{:>13}{:>10}  {:<22}verdict",
        "latency, ns",
        "",
        "A",
        "B",
        "change",
        format!("{CONFIDENCE} % interval")
    );
    for Row { stage, quantile, values, change } in rows {
        let _ = write!(out, "{stage:<22}{quantile:>8}");
        match (values, change) {
            (Some((a, b)), Some((low, high, verdict))) => {
                let interval = format!("[{}, {}]", percent(*low), percent(*high));
                let change = percent(ratio(*a, *b));
                let word = verdict.word();
                let _ = writeln!(out, "{a:>13}{b:>13}{change:>10}  {interval:<22}{word}");
            }
            _ => {
                let _ = writeln!(out, "{:>13}{:>13}", "n/a", "n/a");
            }
        }
    }
    for ground in grounds {
        let _ = writeln!(out, "resampled {ground}");
    }
    let _ = writeln!(
        out,
        "n/a: fewer than ten samples beyond the quantile on a side; tolerance {} %, seed {}, {} \
         draws",
        asked.tolerance,
        asked.seed,
        bootstrap::DRAWS
    );
    let _ = writeln!(
        out,
        "B is {}",
        match verdict {
            Verdict::Slower => "slower",
            Verdict::Faster => "faster",
            Verdict::Same => "the same",
            Verdict::Inconclusive => "not known to be slower or faster: inconclusive",
        }
    );
    out
}

fn as_json(rows: &[Row], verdict: Verdict, asked: &Compare<'_>) -> serde_json::Value {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "stage": row.stage,
                "quantile": row.quantile,
                "a_ns": row.values.map(|(a, _)| a),
                "b_ns": row.values.map(|(_, b)| b),
                "change_low": row.change.map(|(low, _, _)| low),
                "change_high": row.change.map(|(_, high, _)| high),
                "verdict": row.change.map(|(_, _, verdict)| verdict.word()),
            })
        })
        .collect();
    json!({
        "version": 1,
        "verdict": verdict.word(),
        "confidence_percent": CONFIDENCE,
        "tolerance_percent": asked.tolerance,
        "seed": asked.seed,
        "rows": rows,
    })
}

fn percent(ratio: f64) -> String {
    format!("{:+.1} %", ratio * 100.0)
}

/// Relative change from a to b.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal of a per cent")]
fn ratio(a: u64, b: u64) -> f64 {
    (b as f64 - a as f64) / (a.max(1) as f64)
}

#[cfg(test)]
mod tests;
