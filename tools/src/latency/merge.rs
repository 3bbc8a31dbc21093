//! `corelane latency merge`: several logs into one, or several percentile files into one.
//!
//! Must never: average percentiles, put counts of other cells together, or write over an input.

use super::counts::Counts;
use super::hgrm::{self, Unit};
use super::hlog::{Log, Row};
use super::input::{self, Input, Kind};
use crate::output::Output;
use station::operator::Failure;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Merge<'a> {
    /// Files and folders of runs.
    pub inputs: &'a [PathBuf],
    /// File to write.
    pub out: &'a Path,
    /// The stage of a `.hgrm` file.
    pub stage: Option<&'a str>,
    /// Whether a log without its last line is taken.
    pub partial: bool,
    /// Unit of `.hgrm` files.
    pub unit: Unit,
}

/// Reads all, writes one.
///
/// # Errors
/// ARGUMENTS where the inputs or the output cannot go together; RESOURCE for a file.
pub fn merge(asked: &Merge<'_>) -> Result<(), Failure> {
    let form = asked.out.extension().and_then(|name| name.to_str()).unwrap_or_default();
    if !matches!(form, "hlog" | "hgrm") {
        return Err(refused("the output has no known name", asked.out, "name it .hlog or .hgrm"));
    }
    let same = |path: &PathBuf| {
        let file = if path.is_dir() { path.join("latency.hlog") } else { path.clone() };
        let (a, b) = (file.canonicalize().ok(), asked.out.canonicalize().ok());
        a.is_some() && a == b
    };
    if asked.inputs.iter().any(same) {
        return Err(refused("the output is an input", asked.out, "name another file with -o"));
    }
    let places: Vec<_> = asked.inputs.iter().map(|path| path.canonicalize().ok()).collect();
    for (at, place) in places.iter().enumerate().filter(|(_, place)| place.is_some()) {
        if let (true, Some(path)) = (places[..at].contains(place), asked.inputs.get(at)) {
            let next = "name each once: its samples would count twice";
            return Err(refused("an input comes twice", path, next));
        }
    }
    let mut inputs = Vec::new();
    for path in asked.inputs {
        let input = input::read(path, asked.unit)?;
        if !asked.partial {
            input.must_be_closed()?;
        }
        inputs.push(input);
    }
    let is_log = |input: &Input| matches!(input.kind, Kind::Run | Kind::Hlog);
    let is_text = |input: &Input| input.kind == Kind::Hgrm;
    if let Some(other) = inputs.iter().find(|input| !is_log(input) && !is_text(input)) {
        let what = "a table of percentiles has no counts: percentiles cannot be merged";
        return Err(refused(what, &other.path, "merge .hlog or .hgrm files"));
    }
    let text = if inputs.iter().all(is_log) {
        let log = logs(&inputs)?;
        if form == "hlog" {
            log.text().map_err(|error| unwritten(&error))?
        } else {
            stage(&log, asked)?
        }
    } else if let (true, Some(first)) =
        (inputs.iter().any(is_log), inputs.iter().find(|i| is_text(i)))
    {
        let what = "a log counts each sample, percentile text does not: they cannot be merged";
        return Err(refused(what, &first.path, "merge .hlog with .hlog, .hgrm with .hgrm"));
    } else if form == "hlog" {
        let what = "percentile text cannot become a log: counts between its rows are lost";
        return Err(refused(what, asked.out, "name the output .hgrm"));
    } else {
        texts(&inputs)?
    };
    let mut out = Output::file(asked.out)?;
    out.write(text.as_bytes())?;
    out.finish()
}

/// One log with the rows of all, in the order of time.
fn logs(inputs: &[Input]) -> Result<Log, Failure> {
    let parts: Vec<(&Path, &Log)> = inputs
        .iter()
        .filter_map(|input| input.log.as_ref().map(|log| (input.path.as_path(), log)))
        .collect();
    let starts: Vec<Option<u64>> = parts.iter().map(|(_, log)| log.start_ns).collect();
    if starts.iter().any(Option::is_none) && starts.iter().any(Option::is_some) {
        let lost = parts.iter().find(|(_, log)| log.start_ns.is_none());
        let path = lost.map_or_else(|| Path::new(""), |(path, _)| path);
        let what = "a log without a start beside one with: their rows cannot be put in order";
        return Err(refused(what, path, "merge logs of one kind"));
    }
    let start_ns = starts.iter().flatten().min().copied();
    let mut sums: Vec<(String, Counts, &Path)> = Vec::new();
    let mut merged = Log { start_ns, ..Log::default() };
    for (path, log) in parts {
        for (tag, counts) in log.by_tag().map_err(|why| unlike(path, path, &why))? {
            match sums.iter_mut().find(|(name, _, _)| *name == tag) {
                Some((_, sum, first)) => {
                    sum.take(&counts).map_err(|why| unlike(first, path, &why))?;
                }
                None => sums.push((tag, counts, path)),
            }
        }
        let shift = log.start_ns.unwrap_or(0).saturating_sub(start_ns.unwrap_or(0));
        merged.comments.push(format!("Merged from {}", path.display()));
        merged.comments.extend(log.comments.iter().cloned());
        merged.rows.extend(
            log.rows
                .iter()
                .map(|row| Row { offset_ns: row.offset_ns.saturating_add(shift), ..row.clone() }),
        );
    }
    merged.comments.dedup();
    merged.rows.sort_by_key(|row| row.offset_ns);
    Ok(merged)
}

/// Percentile text of one stage of a log.
fn stage(log: &Log, asked: &Merge<'_>) -> Result<String, Failure> {
    let tags = log.by_tag().map_err(|why| unlike(asked.out, asked.out, &why))?;
    let names: Vec<&str> = tags.iter().map(|(name, _)| name.as_str()).collect();
    let found = match (asked.stage, tags.as_slice()) {
        (None, [(_, counts)]) => Some(counts),
        (None, _) => None,
        (Some(stage), tags) => tags.iter().find(|(name, _)| name == stage).map(|(_, c)| c),
    };
    let Some(counts) = found else {
        let fields = format!("stages={}", names.join(","));
        let next = "name one with --stage, or an .hlog file for all";
        return Err(Failure::new(Exit::Arguments, "percentile text is of one stage", fields, next));
    };
    hgrm::text(counts).map_err(|error| unwritten(&error))
}

/// Percentile text of percentile texts: each sample at the row that covered it.
fn texts(inputs: &[Input]) -> Result<String, Failure> {
    let mut parts = inputs.iter().filter_map(|input| {
        input.series.first().and_then(|s| s.as_counted()).map(|c| (input.path.as_path(), &c.counts))
    });
    let Some((first, counts)) = parts.next() else {
        return Err(refused("nothing to merge", Path::new(""), "name .hgrm files"));
    };
    let mut sum = counts.clone();
    for (path, counts) in parts {
        sum.take(counts).map_err(|why| unlike(first, path, &why))?;
    }
    let mut text = hgrm::text(&sum).map_err(|error| unwritten(&error))?;
    text.push_str(&hgrm::merged(inputs.len()));
    Ok(text)
}

fn refused(what: &str, path: &Path, next: &str) -> Failure {
    Failure::new(Exit::Arguments, what, format!("path={}", path.display()), next)
}

fn unlike(first: &Path, second: &Path, why: &str) -> Failure {
    let fields = format!("first={} second={} cells=\"{why}\"", first.display(), second.display());
    let what = "histograms with other cells cannot be merged";
    Failure::new(Exit::Arguments, what, fields, "merge files of one digits setting")
}

fn unwritten(error: &std::io::Error) -> Failure {
    let fields = format!("error=\"{error}\"");
    Failure::new(Exit::Resource, "the histogram cannot be written", fields, "look at the inputs")
}
