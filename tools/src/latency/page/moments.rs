//! The worst moments, and what else was recorded of the same seconds.
//!
//! Must never: name a cause. A row of a log covers an interval; that two things lie in one interval
//! is all it knows.

use crate::latency::hlog::{Log, Row};
use crate::latency::input::{Input, Kind};
use crate::report::escape;
use jiff::Timestamp;
use station::latency::Stage;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Moments shown.
const WORST: usize = 10;

/// What the worst moments of a log are told by: the whole of an order, else of an event.
const MEASURES: [Stage; 2] = [Stage::RecvToSend, Stage::Event];

/// The worst intervals of an input's log.
pub(super) fn worst(page: &mut String, input: &Input, all: &[Input]) {
    let Some(log) = &input.log else { return };
    let measure = MEASURES
        .iter()
        .map(|stage| stage.name())
        .find(|name| log.rows.iter().any(|row| row.tag.as_deref() == Some(*name)));
    let measure = measure.map(str::to_owned).or_else(|| log.rows.first()?.tag.clone());
    let is_measured = |row: &&Row| row.tag == measure && row.counts.total() > 0;
    let mut rows: Vec<&Row> = log.rows.iter().filter(is_measured).collect();
    let intervals = rows.len();
    if intervals < 2 {
        page.push_str(
            "<h3>Worst moments</h3><p class=note>The log has one interval: it does not say when \
             its worst sample came.</p>",
        );
        return;
    }
    rows.sort_by_key(|row| (std::cmp::Reverse(row.counts.max()), row.offset_ns));
    rows.truncate(WORST);
    let name = measure.as_deref().unwrap_or("untagged");
    let _ = write!(page, "<h3>Worst moments of {}</h3>", escape(name));
    let logs: Vec<&Input> = all
        .iter()
        .filter(|other| other.path != input.path)
        .filter(|other| other.log.as_ref().is_some_and(|log| log.start_ns.is_some()))
        .collect();
    let rates = Rates::of(log);
    page.push_str("<table><tr><th>interval<th>worst, ns<th>samples<th>longest stages of it, ns");
    if input.kind == Kind::Run {
        page.push_str("<th>market events a second<th>times the median<th>hiccups of the loop");
    }
    for other in &logs {
        let name = other.path.file_name().map(|n| n.to_string_lossy().into_owned());
        let _ = write!(page, "<th>at that time in {}", escape(&name.unwrap_or_default()));
    }
    for row in rows {
        let max = row.counts.max().unwrap_or(0);
        let (when, stages) = (when(log, row), stages(log, row));
        let _ = write!(page, "<tr><td>{when}<td>{max}<td>{}<td>{stages}", row.counts.total());
        if input.kind == Kind::Run {
            let (rate, times) = rates.at(row.offset_ns);
            let _ = write!(page, "<td>{rate}<td>{times}<td>{}", hiccups(log, row));
        }
        for other in &logs {
            let _ = write!(page, "<td>{}", beside(log, row, other));
        }
    }
    let _ = write!(
        page,
        "</table><p class=note>Of {intervals} intervals. What stands in one row was recorded in \
         the same interval; that the one caused the other is not recorded. {}</p>",
        if logs.is_empty() {
            "Of other CPUs no record of jitter was given: name a jitter log as a further input, and \
             what it has at these times is shown."
        } else {
            "Other logs are joined by wall clock."
        }
    );
}

fn when(log: &Log, row: &Row) -> String {
    let (s, ms) = (row.offset_ns / 1_000_000_000, row.offset_ns / 1_000_000 % 1_000);
    let wall = log.start_ns.and_then(|start| start.checked_add(row.offset_ns));
    let wall = wall.and_then(|ns| Timestamp::from_nanosecond(i128::from(ns)).ok());
    let wall = wall.map_or_else(String::new, |at| format!("{at:.3}, "));
    let length_ms = row.length_ns / 1_000_000;
    format!("{wall}{s}.{ms:03} s from the start, {length_ms} ms long")
}

/// The three highest maxima of other stages in the same interval.
fn stages(log: &Log, row: &Row) -> String {
    let same = log.rows.iter().filter(|other| {
        other.offset_ns == row.offset_ns && other.tag != row.tag && other.tag.is_some()
    });
    // A score's age is no part of an order's way; response time is another measure of the same.
    // Hiccups are the host's, and have a column of their own.
    let skip = [Stage::SignalAge, Stage::IntendedToSend, Stage::IntendedToDequeue, Stage::Hiccup];
    let skip = skip.map(Stage::name);
    let mut maxima: Vec<(u64, &str)> = same
        .filter_map(|other| Some((other.counts.max()?, other.tag.as_deref()?)))
        .filter(|(_, tag)| !skip.contains(tag))
        .collect();
    maxima.sort_unstable();
    let shown = maxima.iter().rev().take(3);
    let shown: Vec<String> = shown.map(|(ns, tag)| format!("{} {ns}", escape(tag))).collect();
    shown.join("<br>")
}

/// What was taken from the loop in the same interval: how often, and the longest.
fn hiccups(log: &Log, row: &Row) -> String {
    let is_of = |other: &&Row| {
        other.offset_ns == row.offset_ns && other.tag.as_deref() == Some(Stage::Hiccup.name())
    };
    let is_kept = log.rows.iter().any(|other| other.tag.as_deref() == Some(Stage::Hiccup.name()));
    match log.rows.iter().find(is_of).map(|row| &row.counts) {
        Some(counts) => format!("{}, longest {} ns", counts.total(), counts.max().unwrap_or(0)),
        None if is_kept => "none".to_owned(),
        None => "not recorded".to_owned(),
    }
}

/// Market events a second, by the start of the interval.
struct Rates {
    by_start: BTreeMap<u64, u64>,
    median: u64,
}

impl Rates {
    fn of(log: &Log) -> Self {
        let events = log.rows.iter().filter(|row| row.tag.as_deref() == Some(Stage::Event.name()));
        let by_start: BTreeMap<u64, u64> = events
            .map(|row| {
                let scaled = u128::from(row.counts.total()) * 1_000_000_000;
                let rate = scaled / u128::from(row.length_ns.max(1));
                (row.offset_ns, u64::try_from(rate).unwrap_or(u64::MAX))
            })
            .collect();
        let mut sorted: Vec<u64> = by_start.values().copied().collect();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        Self { by_start, median }
    }

    fn at(&self, start: u64) -> (String, String) {
        let Some(rate) = self.by_start.get(&start) else {
            return ("not recorded".into(), "n/a".into());
        };
        let tenths = rate.saturating_mul(10).checked_div(self.median);
        let times = tenths.map_or("n/a".into(), |t| format!("{}.{}", t / 10, t % 10));
        (rate.to_string(), times)
    }
}

/// The highest sample of another log in the rows that share time with this one.
fn beside(log: &Log, row: &Row, other: &Input) -> String {
    let unknown = "not recorded".to_owned();
    let Some((log_ns, other_log)) = log.start_ns.zip(other.log.as_ref()) else { return unknown };
    let Some(other_ns) = other_log.start_ns else { return unknown };
    let span = |base: u64, row: &Row| {
        let from = base.saturating_add(row.offset_ns);
        (from, from.saturating_add(row.length_ns))
    };
    let (from, to) = span(log_ns, row);
    let shared = other_log.rows.iter().filter(|one| {
        let (start, end) = span(other_ns, one);
        start < to && from < end
    });
    let most = shared.filter_map(|one| Some((one.counts.max()?, one))).max_by_key(|(ns, _)| *ns);
    most.map_or(unknown, |(ns, one)| {
        let tag = one.tag.as_deref().map_or_else(String::new, |tag| format!("{} ", escape(tag)));
        format!("{tag}{ns} ns")
    })
}
