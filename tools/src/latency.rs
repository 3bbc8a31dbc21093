//! `corelane latency report`: the percentiles of a finished run, from its `summary.json`.

pub mod counts;
pub mod fault;
pub mod hgrm;
pub mod hlog;
pub mod sfnt;

use crate::cli::LatencyCommand;
use crate::output::Output;
use crate::table;
use serde_json::Value;
use station::operator::Failure;
use std::path::Path;
use wire::exit::Exit;

/// Runs the command.
///
/// # Errors
/// A failure of the summary or the output.
pub fn latency(command: &LatencyCommand) -> Result<(), Failure> {
    let LatencyCommand::Report { run_dir, json } = command;
    let summary = read_summary(run_dir)?;
    let mut out = Output::stdout();
    if *json {
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
