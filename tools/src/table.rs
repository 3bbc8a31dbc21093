//! The summary of a run as a person reads it on a terminal.

use serde_json::Value;
use std::fmt::Write as _;

/// The table of a `summary.json`.
#[must_use]
pub fn summary(summary: &Value) -> String {
    let mut text = String::new();
    let number = |path: &str| summary.pointer(path).map_or_else(|| "n/a".into(), plain);
    let _ = writeln!(
        text,
        "events {} ({} a second of wall time)  orders {}  fills {}  denied {}  mode at end {}",
        number("/events"),
        number("/events_per_s"),
        number("/orders"),
        number("/fills"),
        denied_total(summary),
        number("/mode"),
    );
    let _ = writeln!(
        text,
        "signal: requests {}  answers {}  stale {}  overwritten {}",
        number("/signal/requests"),
        number("/signal/answers"),
        number("/signal/stale"),
        number("/signal/overwritten"),
    );
    let _ = writeln!(
        text,
        "limits: epoch {}  alarms {}  amendments {}  suppressed {}  reconciled {}",
        number("/limits/epoch"),
        number("/alarms"),
        number("/replaces"),
        number("/suppressed"),
        number("/reconciled"),
    );
    if let Some(denied) = summary.get("denied").and_then(Value::as_object) {
        for (code, count) in denied.iter().filter(|(_, n)| n.as_u64() != Some(0)) {
            let _ = writeln!(text, "  denied by {code:<20} {:>8}", plain(count));
        }
    }
    positions(summary, &mut text);
    latencies(summary, &mut text);
    let _ =
        writeln!(text, "clock {}  state_hash {}", number("/clock/source"), number("/state_hash"));
    text
}

fn positions(summary: &Value, text: &mut String) {
    let Some(lots) = summary.get("position_lots").and_then(Value::as_object) else { return };
    for (symbol, position) in lots {
        let pnl = summary.get("pnl").and_then(|p| p.get(symbol));
        let _ = write!(text, "{symbol}: position_lots {}", plain(position));
        if let Some(fields) = pnl.and_then(Value::as_object) {
            for (key, value) in fields {
                let _ = write!(text, "  {key} {}", plain(value));
            }
        }
        text.push('\n');
    }
}

/// The stages of a summary, one line each.
pub fn latencies(summary: &Value, text: &mut String) {
    let Some(stages) = summary.get("latency").and_then(Value::as_object) else { return };
    let _ = writeln!(
        text,
        "{:<22}{:>10}{:>12}{:>12}{:>12}{:>12}",
        "latency, ns", "n", "p50", "p99", "p99.9", "max"
    );
    for (stage, row) in stages {
        let cell = |key: &str| row.get(key).map_or_else(|| "n/a".into(), plain);
        let _ = writeln!(
            text,
            "{stage:<22}{:>10}{:>12}{:>12}{:>12}{:>12}",
            cell("n"),
            cell("p50_ns"),
            cell("p99_ns"),
            cell("p99_9_ns"),
            cell("max_ns"),
        );
    }
}

/// Orders denied, all codes together.
#[must_use]
pub fn denied_total(summary: &Value) -> u64 {
    summary
        .get("denied")
        .and_then(Value::as_object)
        .map_or(0, |d| d.values().filter_map(Value::as_u64).sum())
}

/// A value without quotes; `n/a` for null.
#[must_use]
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "n/a".into(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
