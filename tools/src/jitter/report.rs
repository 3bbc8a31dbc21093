//! A run as text and as JSON.
//!
//! Must never: leave out that nothing here is a certificate. Times in text are microseconds.

use super::Mode;
use super::cores;
use super::measured::{Measured, Verdict};
use super::series::{Series, headings};
use crate::probes::{float, micros};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The whole report.
#[must_use]
pub fn text(measured: &Measured, verdict: &Verdict) -> String {
    let mut text = String::new();
    let mut line = |told: &str| {
        let _ = writeln!(text, "{told}");
    };
    let seconds = float(measured.elapsed_ns / 1_000_000) / 1_000.0;
    let (mode, cpus) = (measured.mode.name(), &measured.cpus);
    line(&format!("jitter {mode}: cpus {cpus:?}, {seconds:.1} s"));
    line(&format!("machine: {}", measured.machine.line()));
    line(&format!("clock: {}", measured.clock));
    measured.head.iter().for_each(|told| line(told));
    if !measured.series.is_empty() {
        let of = match measured.mode {
            Mode::Gap => "gaps, us",
            Mode::Live => "hiccups, us",
            Mode::Wake | Mode::Cores => "late, us",
        };
        line(&headings(of));
    }
    measured.series.iter().for_each(|series| line(&series.row()));
    if measured.mode == Mode::Cores {
        for told in cores::text(&measured.cpus, &measured.cells) {
            line(&told);
        }
    }
    let is_virtual = !measured.machine.objections.is_empty();
    for series in &measured.series {
        for told in details(series, measured.mode, is_virtual) {
            line(&told);
        }
    }
    verdict.lines.iter().for_each(|told| line(told));
    let certified = if verdict.is_certified { "yes" } else { "no" };
    let why = if verdict.is_certified || !verdict.objections.is_empty() {
        ""
    } else {
        ", no limit was held against it"
    };
    line(&format!("certified: {certified}{why}"));
    verdict.objections.iter().for_each(|why| line(&format!("  not certifiable: {why}")));
    text
}

fn details(series: &Series, mode: Mode, is_virtual: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if matches!(mode, Mode::Gap | Mode::Live) {
        lines.push(format!(
            "{}: {:.4} % of {:.1} s lost, {:.1} {} a second",
            series.name,
            series.lost_percent(),
            float(series.observed_ns / 1_000_000) / 1_000.0,
            float(series.histogram.len()) * 1e9 / float(series.observed_ns.max(1)),
            if mode == Mode::Gap { "gaps" } else { "hiccups" },
        ));
    }
    if mode == Mode::Gap {
        lines.push(format!(
            "  {:<44}{:>9}{:>14}{:>8}  checks",
            "put down to", "gaps", "us", "share"
        ));
    }
    for (name, count, ns, checks) in series.causes(is_virtual) {
        let share = 100.0 * float(ns) / float(series.total_ns.max(1));
        let checks = checks.join(" ");
        lines.push(format!("  {name:<44}{count:>9}{:>14}{share:>7.2}%  {checks}", micros(ns)));
    }
    if !series.window.is_empty() {
        let moved = |(source, n): &(super::cause::Source, u64)| format!("{} +{n}", source.name());
        let moved: Vec<String> = series.window.iter().map(moved).collect();
        lines.push(format!("  {} counters over the run: {}", series.name, moved.join(", ")));
    }
    if let Some(first) = series.worst.first().filter(|worst| worst.ns > 0) {
        lines.push(format!("  {} worst (largest {} us):", series.name, micros(first.ns)));
    }
    for worst in series.worst.iter().filter(|worst| worst.ns > 0) {
        let (s, us) = (worst.wall_ns / 1_000_000_000, worst.wall_ns / 1_000 % 1_000_000);
        let seen = if mode == Mode::Gap { series.seen_in(worst) } else { String::new() };
        lines.push(format!("    {:>14} us at {s}.{us:06}  {seen}", micros(worst.ns)));
    }
    lines.extend(series.notes.iter().map(|note| format!("  {note}")));
    lines
}

/// The series of a report, as JSON.
#[must_use]
pub fn series_json(series: &[Series], is_virtual: bool) -> Vec<Value> {
    series.iter().map(|series| series.to_json(is_virtual)).collect()
}

/// The whole report as JSON.
#[must_use]
pub fn json(measured: &Measured, verdict: &Verdict) -> Value {
    let is_virtual = !measured.machine.objections.is_empty();
    let pairs: Vec<Value> = measured.cells.iter().map(cores::Cell::to_json).collect();
    json!({
        "version": 1,
        "mode": measured.mode.name(),
        "cpus": measured.cpus,
        "elapsed_ns": measured.elapsed_ns,
        "machine": measured.machine.to_json(),
        "clock": measured.clock,
        "head": measured.head,
        "series": series_json(&measured.series, is_virtual),
        "pairs": pairs,
        "verdict": {
            "lines": verdict.lines,
            "certified": verdict.is_certified,
            "not_certifiable": verdict.objections,
            "exit": verdict.exit.code(),
        },
    })
}
