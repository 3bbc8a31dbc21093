//! The answer of an audit as text and as one JSON object.
//!
//! Must never: judge; the report is made before it is shown.

use super::finding::hex;
use super::{Finding, Report, VERSION};
use serde_json::{Value, json};
use std::fmt::Write as _;
use wire::journal::JournalCheckpoint;

/// The JSON object; its keys are told in the README of a version that changes them.
pub(crate) fn json(report: &Report) -> Value {
    let first = report.first();
    let seqs = first.and_then(|finding| finding.seqs);
    json!({
        "version": VERSION,
        "verdict": report.verdict(),
        "state": report.state(),
        "instance": report.instance.map(|instance| hex(&instance)),
        "records": report.records,
        "frames": report.frames,
        "segments": report.segments,
        "bytes": report.bytes,
        "head": report.head.map(|head| hex(&head)),
        "synced_seq": report.synced_seq,
        "first_bad_seq": seqs.map(|(first, _)| first),
        "first_bad_seq_max": seqs.map(|(_, last)| last),
        "kind": first.map(|finding| finding.kind.name()),
        "where": first.map(place),
        "what": first.map(|finding| &finding.what),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "tail": report.tail.as_ref().map(|tail| json!({
            "file": tail.file.display().to_string(),
            "byte": tail.byte,
            "state": tail.state,
            "records_behind": tail.records_behind,
        })),
        "signatures": report.signatures(),
        "checkpoints": report.logs.iter().map(log).collect::<Vec<_>>(),
        "last_checkpoint": report.last_checkpoint.as_ref().map(|(_, entry)| checkpoint(entry)),
        "blind": {
            "from_seq": report.blind.from_seq,
            "records": report.blind.records,
            "ns": report.blind.ns,
            "why": report.blind.why,
        },
    })
}

fn place(finding: &Finding) -> Value {
    json!({"file": finding.file.display().to_string(), "byte": finding.byte})
}

fn finding(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind.name(),
        "first_bad_seq": finding.seqs.map(|(first, _)| first),
        "first_bad_seq_max": finding.seqs.map(|(_, last)| last),
        "where": place(finding),
        "what": finding.what,
    })
}

fn checkpoint(entry: &JournalCheckpoint) -> Value {
    json!({
        "number": entry.number,
        "seq": entry.seq,
        "head": hex(&entry.head),
        "utc_ns": entry.utc_ns.get(),
        "key_id": hex(&entry.key_id),
    })
}

fn log(log: &super::checkpoints::Log) -> Value {
    json!({
        "file": log.path.display().to_string(),
        "external": log.external,
        "entries": log.entries.len(),
        "last": log.last().map(checkpoint),
        "torn_bytes": log.torn_bytes,
    })
}

/// The same as lines.
pub(crate) fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:<16} {value}");
    };
    line("verdict", report.verdict().into());
    line("state", state(report));
    line("instance", report.instance.map_or_else(|| "none".into(), |instance| hex(&instance)));
    line("records", format!("{} (frames {})", report.records, report.frames));
    line("segments", format!("{} ({} bytes)", report.segments, report.bytes));
    line("head", report.head.map_or_else(|| "unknown".into(), |head| hex(&head)));
    for finding in &report.findings {
        line("found", found(finding));
    }
    for log in &report.logs {
        let place = if log.external { "anchor" } else { "the run's own" };
        let last = log.last().map_or(0, |last| last.seq);
        let torn = if log.torn_bytes > 0 { ", its last entry is not whole" } else { "" };
        let entries = log.entries.len();
        let file = log.path.display();
        line("checkpoints", format!("{file} ({place}): {entries}, up to record {last}{torn}"));
    }
    line("signatures", report.signatures().into());
    if let Some((path, entry)) = &report.last_checkpoint {
        let file = path.display();
        line("last checkpoint", format!("{} of {} records in {file}", entry.number, entry.seq));
    }
    let blind = &report.blind;
    let ms = blind.ns / 1_000_000;
    let what =
        format!("{} records, {}.{:03} s; {}", blind.records, ms / 1_000, ms % 1_000, blind.why);
    line("blind window", what);
    text
}

fn state(report: &Report) -> String {
    let Some(tail) = &report.tail else { return report.state().into() };
    let behind = match tail.state {
        "seal" => "a next segment was announced and not begun".to_owned(),
        "damage" => format!(
            "bytes that are no record, {} whole records behind them, above what was synced",
            tail.records_behind
        ),
        _ => "nothing follows".to_owned(),
    };
    format!("{}: {} byte {}: {behind}", report.state(), tail.file.display(), tail.byte)
}

fn found(finding: &Finding) -> String {
    let seqs = match finding.seqs {
        Some((first, last)) if first == last => format!(" record {first}"),
        Some((first, last)) => format!(" one of the records {first} to {last}"),
        None => String::new(),
    };
    let Finding { kind, file, byte, what, .. } = finding;
    format!("{kind}{seqs}, {} byte {byte}: {what}", file.display())
}
