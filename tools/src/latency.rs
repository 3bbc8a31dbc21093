//! `corelane latency`: what was measured, by us or by other tools, shown, merged, compared.
//!
//! Owns the command and its terminal form. Must never: show a quantile without ten samples beyond
//! it, average percentiles, or take half a round trip for a whole one. `tools/LATENCY.md` is its
//! document.

pub mod args;
pub mod compare;
pub mod counts;
pub mod fault;
pub mod hgrm;
pub mod hlog;
pub mod input;
pub mod merge;
pub mod page;
pub mod rt_tests;
pub mod series;
pub mod sfnt;
pub mod sockperf;
pub mod watch;

use crate::output::Output;
use crate::table;
use args::LatencyCommand;
use input::Input;
use serde_json::{Value, json};
use series::Series;
use station::operator::Failure;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wire::exit::Exit;

/// Runs the command.
///
/// # Errors
/// A failure of an input or the output.
pub fn latency(command: &LatencyCommand) -> Result<ExitCode, Failure> {
    match command {
        LatencyCommand::Report { inputs, out: Some(out), unit, .. } => write(inputs, out, *unit)?,
        LatencyCommand::Report { inputs, json, unit, .. } => report(inputs, *json, *unit)?,
        LatencyCommand::Watch { run_dir } => watch::watch(run_dir)?,
        LatencyCommand::Merge { inputs, out, stage, partial, unit } => {
            let (stage, partial, unit) = (stage.as_deref(), *partial, *unit);
            merge::merge(&merge::Merge { inputs, out, stage, partial, unit })?;
        }
        LatencyCommand::Compare { before, after, stage, tolerance, seed, partial, json, unit } => {
            return compare::compare(&compare::Compare {
                before,
                after,
                stage: stage.as_deref(),
                tolerance: *tolerance,
                seed: *seed,
                partial: *partial,
                json: *json,
                unit: *unit,
            });
        }
    }
    Ok(Exit::Clean.into())
}

fn report(paths: &[PathBuf], is_json: bool, unit: hgrm::Unit) -> Result<(), Failure> {
    if let [run_dir] = paths
        && run_dir.join("summary.json").is_file()
    {
        return summary(run_dir, is_json);
    }
    let inputs = read(paths, unit)?;
    let mut out = Output::stdout();
    if is_json {
        out.line(format_args!("{}", as_json(&inputs)))?;
    } else {
        for input in &inputs {
            out.write(text(input).as_bytes())?;
        }
        out.line(format_args!(
            "a quantile with fewer than ten samples beyond it shows n/a; other programs' own \
             figures are shown as they told them"
        ))?;
    }
    out.finish()
}

fn read(paths: &[PathBuf], unit: hgrm::Unit) -> Result<Vec<Input>, Failure> {
    paths.iter().map(|path| input::read(path, unit)).collect()
}

/// The page of all inputs.
fn write(paths: &[PathBuf], path: &Path, unit: hgrm::Unit) -> Result<(), Failure> {
    let page = page::page(&read(paths, unit)?);
    let mut file = Output::file(path)?;
    file.write(page.as_bytes())?;
    file.finish()?;
    let mut out = Output::stdout();
    out.line(format_args!("{}", path.display()))?;
    out.finish()
}

/// One run that has ended, as its summary has it.
fn summary(run_dir: &Path, is_json: bool) -> Result<(), Failure> {
    let summary = read_summary(run_dir)?;
    let mut out = Output::stdout();
    if is_json {
        let latency = summary.get("latency").cloned().unwrap_or_default();
        out.line(format_args!("{latency}"))?;
    } else {
        let mut text = String::new();
        table::latencies(&summary, &mut text);
        out.write(text.as_bytes())?;
        let clock = summary.pointer("/clock/source").map_or_else(String::new, table::plain);
        out.line(format_args!(
            "clock {clock}; a quantile with fewer than ten samples beyond it shows n/a"
        ))?;
    }
    out.finish()
}

/// Columns of a table: the usual ones, and those another program told.
fn columns(series: &[Series]) -> Vec<String> {
    let mut names: Vec<String> = ["min", "p50", "p90", "p99", "p99.9", "p99.99", "max"]
        .into_iter()
        .filter(|name| series.iter().any(|s| s.figure(name).is_some() || s.as_counted().is_some()))
        .map(str::to_owned)
        .collect();
    for one in series {
        let series::Samples::Told { figures, .. } = &one.samples else { continue };
        for (name, _) in figures {
            if !names.contains(name) {
                let at = names.iter().position(|known| rank(known) > rank(name));
                names.insert(at.unwrap_or(names.len()), name.clone());
            }
        }
    }
    names
}

/// Place of a column: least, mean, quantiles by their number, most.
fn rank(name: &str) -> (u8, u64) {
    match name {
        "min" => (0, 0),
        "mean" => (1, 0),
        "max" => (3, 0),
        _ => {
            let at = name.strip_prefix('p').unwrap_or(name);
            (2, fault::micro(1, "percentile", at).unwrap_or(0))
        }
    }
}

fn text(input: &Input) -> String {
    let mut out = format!("{} ({})\n", input.path.display(), input.kind.name());
    for note in &input.notes {
        let _ = writeln!(out, "  {note}");
    }
    if input.series.is_empty() {
        return out;
    }
    let names = columns(&input.series);
    let wide = input.series.iter().map(|s| s.name.chars().count()).max().unwrap_or(0).max(22) + 1;
    let _ = write!(out, "{:<wide$}{:>11}", "latency, ns", "n");
    for name in &names {
        let _ = write!(out, "{name:>12}");
    }
    out.push('\n');
    for series in &input.series {
        let n = series.n().map_or_else(|| "n/a".to_owned(), |n| n.to_string());
        let _ = write!(out, "{:<wide$}{n:>11}", series.name);
        for name in &names {
            let cell = series.figure(name).map_or_else(|| "n/a".to_owned(), |ns| ns.to_string());
            let _ = write!(out, "{cell:>12}");
        }
        out.push('\n');
    }
    out
}

fn as_json(inputs: &[Input]) -> Value {
    let of = |series: &Series| {
        let names = columns(std::slice::from_ref(series));
        let figures = names.iter().map(|name| (format!("{name}_ns"), json!(series.figure(name))));
        let figures: serde_json::Map<String, Value> = figures.collect();
        json!({
            "name": series.name,
            "about": series.about,
            "n": series.n(),
            "is_counted": series.as_counted().is_some(),
            "figures": figures,
        })
    };
    let inputs: Vec<Value> = inputs
        .iter()
        .map(|input| {
            json!({
                "path": input.path.display().to_string(),
                "kind": input.kind.name(),
                "notes": input.notes,
                "is_closed": input.is_closed(),
                "series": input.series.iter().map(of).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "version": 1, "inputs": inputs })
}

/// The summary of a run.
///
/// # Errors
/// RESOURCE where it is missing or no JSON.
pub fn read_summary(run_dir: &Path) -> Result<Value, Failure> {
    let path = run_dir.join("summary.json");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(
            Exit::Resource,
            "cannot read the summary",
            format!("path={} error=\"{error}\"", path.display()),
            "name a directory below runs/ whose run has ended",
        )
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(
            Exit::Resource,
            "the summary is no JSON",
            format!("path={} error=\"{error}\"", path.display()),
            "run again; the record beside it is still good",
        )
    })
}
