//! `corelane latency watch`: the latencies of a run while it writes them.
//!
//! Reads the run's log as it grows; the engine is never asked and does not know. On a terminal the
//! table is drawn anew in its place and `q` or Ctrl-C ends it; elsewhere each interval is a line.
//! Must never: leave a terminal other than it was found. One thread; allocates.

mod follow;
mod keys;

use crate::output::Output;
use crate::top::source::Source;
pub(crate) use follow::{Follow, Stage};
use keys::Keys;
use station::operator::Failure;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;
use wire::exit::Exit;

/// Time between two looks at the log.
const LOOK: Duration = Duration::from_millis(250);

/// Follows a run to its end.
///
/// # Errors
/// RESOURCE where the folder is none, its log is damaged, it ended without one, or its engine went
/// without an end.
pub fn watch(run_dir: &Path) -> Result<(), Failure> {
    if !run_dir.is_dir() {
        let fields = format!("path={}", run_dir.display());
        let next = "name the folder of a run below runs/";
        return Err(Failure::new(Exit::Resource, "no folder of a run", fields, next));
    }
    let is_terminal = std::io::stdout().is_terminal();
    let keys = Keys::new();
    let mut follow = Follow::new(run_dir);
    let mut drawn = 0;
    let mut engine = None;
    loop {
        let before = follow.intervals();
        // There once the engine has its counters page.
        engine = engine.or_else(|| Source::open(Some(run_dir)).ok());
        // Asked before the log is read: what was written until the end is then in what is read.
        let is_gone = engine.as_ref().is_some_and(|engine| !engine.is_alive());
        let has_summary = run_dir.join("summary.json").is_file();
        follow.more()?;
        let is_over = follow.is_closed() || has_summary;
        if is_terminal {
            let text = table(run_dir, &follow, is_over);
            if !say(&format!("{}{text}", up(drawn)))? {
                return Ok(());
            }
            drawn = text.lines().count();
        } else if follow.intervals() > before && !say(&line(&follow))? {
            return Ok(());
        }
        if is_over {
            if !follow.is_there() {
                let fields = format!("path={}", run_dir.join("latency.hlog").display());
                let what = "the run ended without a log of latencies";
                return Err(Failure::new(
                    Exit::Resource,
                    what,
                    fields,
                    "watch a run that measures",
                ));
            }
            if !is_terminal {
                say(&table(run_dir, &follow, true))?;
            }
            return Ok(());
        }
        if is_gone {
            if !is_terminal && follow.is_there() {
                say(&table(run_dir, &follow, true))?;
            }
            let fields = format!("path={}", run_dir.display());
            let next = "`corelane latency merge --partial` takes what was written";
            return Err(Failure::new(
                Exit::Resource,
                "the engine went without an end",
                fields,
                next,
            ));
        }
        if keys.wait(LOOK) {
            return Ok(());
        }
    }
}

/// Writes to standard output now; whether anybody reads on.
fn say(text: &str) -> Result<bool, Failure> {
    let mut out = Output::stdout();
    let goes_on = out.write(text.as_bytes())?;
    out.finish()?;
    Ok(goes_on)
}

/// Back to where the table begins, and nothing below.
fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A\r\x1b[J") }
}

/// A quantile, or that there are too few samples for it.
pub(crate) fn figure(value: Option<u64>) -> String {
    value.map_or_else(|| "n/a".to_owned(), |value| value.to_string())
}

/// All stages: the last interval, and the run so far.
fn table(run_dir: &Path, follow: &Follow, is_over: bool) -> String {
    let state = match (is_over, follow.is_there()) {
        (true, _) => "ended",
        (false, true) => "running; q ends the watch",
        (false, false) => "waiting for the log; q ends the watch",
    };
    let mut out = format!(
        "{}: {} s, {state}\n{:<22}{:>10}{:>10}{:>10}{:>12}{:>12}{:>10}{:>10}{:>12}\n",
        run_dir.display(),
        follow.end_ns() / 1_000_000_000,
        "latency, ns",
        "last n",
        "p50",
        "p99",
        "max",
        "whole n",
        "p50",
        "p99",
        "max",
    );
    for stage in follow.stages() {
        let Stage { name, last, whole, .. } = stage;
        let _ = writeln!(
            out,
            "{name:<22}{:>10}{:>10}{:>10}{:>12}{:>12}{:>10}{:>10}{:>12}",
            last.total(),
            figure(last.quantile(2)),
            figure(last.quantile(100)),
            figure(last.max()),
            whole.total(),
            figure(whole.quantile(2)),
            figure(whole.quantile(100)),
            figure(whole.max()),
        );
    }
    out
}

/// The last interval in one line.
fn line(follow: &Follow) -> String {
    let mut out = format!("{} s:", follow.end_ns() / 1_000_000_000);
    for Stage { name, last, until_ns, .. } in follow.stages() {
        if *until_ns == follow.end_ns() {
            let (n, p50) = (last.total(), figure(last.quantile(2)));
            let _ = write!(out, "  {name} n={n} p50={p50} max={}", figure(last.max()));
        }
    }
    out.push('\n');
    out
}
