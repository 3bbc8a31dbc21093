//! Histogram files against another reader and writer of them: `hdrhistogram` of `PyPI`.
//!
//! Owns the proof that the files of both sides mean the same. SKIPPED where the package is missing.

use corelane_tools::latency::counts::{Cells, Counts};
use corelane_tools::latency::hgrm::{self, Unit};
use corelane_tools::latency::hlog::{Log, Row};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Percentiles compared, as Python takes them.
const PERCENTILES: [&str; 8] = ["1", "25", "50", "90", "99", "99.9", "99.99", "100"];

fn python(test: &str, script: &str, args: &[&Path]) -> Option<String> {
    let has = Command::new("python3").args(["-c", "import hdrh.log"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED {test}: python3 with the package hdrhistogram is not installed");
        return None;
    }
    let output = Command::new("python3").args(["-c", script]).args(args).output().expect("starts");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// A tail like that of a latency: most near `base`, some far out. The same in every run.
fn samples(base: u64, count: u64) -> Counts {
    let mut counts = Counts::new(Cells::NS);
    let mut state = base;
    for _ in 0..count {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let tail = 1_u64 << ((state >> 59) & 31).min(22).saturating_sub(8);
        counts.add(base + (state >> 33) % (1 + base / 10 * tail), 1).expect("few");
    }
    counts.reach(60_000_000_000);
    counts
}

fn percentiles(counts: &Counts) -> String {
    let ranked = counts.ranked();
    let value = |percentile: &str| {
        let (whole, part) = percentile.split_once('.').unwrap_or((percentile, ""));
        let e2: u64 = format!("{whole}{part:0<2}").parse().expect("number");
        // Rank as the Java reader takes it: half up.
        let rank = (counts.total() * e2 + 5_000) / 10_000;
        ranked.value(rank.max(1)).to_string()
    };
    PERCENTILES.map(value).join(" ")
}

const READ: &str = r#"
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 60000000000, 3))
while True:
    h = reader.get_next_interval_histogram()
    if h is None:
        break
    values = [h.get_value_at_percentile(float(p)) for p in "1 25 50 90 99 99.9 99.99 100".split()]
    print(h.get_tag(), h.get_total_count(), *values)
print("start %.3f" % reader.get_start_time_sec())
"#;

#[test]
fn python_reads_our_log_with_equal_percentiles() {
    let dir = tempfile::tempdir().expect("folder");
    let row = |tag: &str, offset_s: u64, base, count| Row {
        tag: Some(tag.to_owned()),
        offset_ns: offset_s * 1_000_000_000,
        length_ns: 1_000_000_000,
        counts: samples(base, count),
    };
    let log = Log {
        start_ns: Some(1_760_000_000_123_000_000),
        rows: vec![
            row("recv_to_send", 0, 2_400, 60_000),
            row("event", 0, 310, 200_000),
            row("recv_to_send", 1, 2_450, 4_000),
            row("signal_age", 1, 40_000_000, 12),
        ],
        ..Log::default()
    };
    let path = dir.path().join("ours.hlog");
    fs::write(&path, log.text().expect("log")).expect("written");
    let test = "python_reads_our_log_with_equal_percentiles";
    let Some(said) = python(test, READ, &[&path]) else { return };
    let mut wanted = String::new();
    for row in &log.rows {
        let (tag, counts) = (row.tag.as_deref().expect("tag"), &row.counts);
        let _ = writeln!(wanted, "{tag} {} {}", counts.total(), percentiles(counts));
    }
    assert_eq!(said, format!("{wanted}start 1760000000.123\n"));
}

const WRITE: &str = r#"
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter
with open(sys.argv[1], "w", encoding="utf-8") as out:
    writer = HistogramLogWriter(out)
    writer.output_log_format_version()
    writer.output_comment("[written by Python]")
    writer.output_legend()
    for start in range(3):
        h = HdrHistogram(1, 3600000000000, 3)
        for n in range(1, 5000):
            h.record_value(400 + n * n * (start + 1) % 99991)
        writer.output_interval_histogram(h, start + 1.5, start + 2.5)
        points = [float(p) for p in "1 25 50 90 99 99.9 99.99 100".split()]
        print(h.get_total_count(), *[h.get_value_at_percentile(p) for p in points])
with open(sys.argv[2], "wb") as out:
    h.output_percentile_distribution(out, 1000.0)
"#;

#[test]
fn we_read_what_python_writes_with_equal_percentiles() {
    let dir = tempfile::tempdir().expect("folder");
    let (their_log, their_text) = (dir.path().join("theirs.hlog"), dir.path().join("theirs.hgrm"));
    let test = "we_read_what_python_writes_with_equal_percentiles";
    let Some(said) = python(test, WRITE, &[&their_log, &their_text]) else { return };
    let log = Log::parse(&fs::read_to_string(their_log).expect("a log")).expect("their log");
    let mut ours = String::new();
    for row in &log.rows {
        let _ = writeln!(ours, "{} {}", row.counts.total(), percentiles(&row.counts));
    }
    assert_eq!(ours, said);
    assert_eq!(log.comments, ["written by Python"]);
    let shown =
        hgrm::parse(&fs::read_to_string(their_text).expect("text"), Unit::Us).expect("theirs");
    let exact = &log.rows[2].counts;
    assert_eq!((shown.total(), shown.max()), (exact.total(), exact.max()));
    for one_in in [2, 10, 100] {
        assert!(shown.quantile(one_in) >= exact.quantile(one_in), "an upper bound");
    }
}
