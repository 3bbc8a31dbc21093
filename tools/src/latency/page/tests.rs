//! The page of a run with a jitter log beside it.

use super::*;
use crate::latency::counts::{Cells, Counts};
use crate::latency::hlog::{Log, Row};
use serde_json::json;
use std::path::PathBuf;

fn counts(value: u64, n: u64) -> Counts {
    let mut counts = Counts::new(Cells::NS);
    counts.add(value, n).expect("few");
    counts
}

fn log(rows: &[(&str, u64, u64, u64)], start_ns: u64) -> Log {
    let rows = rows.iter().map(|(tag, second, value, n)| Row {
        tag: Some((*tag).to_owned()),
        offset_ns: second * 1_000_000_000,
        length_ns: 1_000_000_000,
        counts: counts(*value, *n),
    });
    Log { start_ns: Some(start_ns), rows: rows.collect(), ..Log::default() }
}

fn input(path: &str, kind: Kind, log: Log) -> Input {
    let tags = log.by_tag().expect("same cells");
    Input {
        path: PathBuf::from(path),
        kind,
        series: tags
            .into_iter()
            .map(|(tag, counts)| Series::counted(tag, "", Counted::whole(counts)))
            .collect(),
        notes: Vec::new(),
        log: Some(log),
        summary: None,
    }
}

const START: u64 = 1_760_000_000_000_000_000;

fn run() -> Input {
    let mut run = input(
        "runs/<1>",
        Kind::Run,
        log(
            &[
                ("recv_to_send", 0, 4_000, 500),
                ("event", 0, 300, 1_000),
                ("recv_to_send", 1, 900_000, 500),
                ("framed_to_sent", 1, 890_000, 500),
                ("event", 1, 310, 7_000),
                ("hiccup", 1, 880_000, 2),
                ("event", 2, 310, 1_000),
                ("recv_to_send", 2, 4_100, 500),
                ("intended_to_send", 2, 950_000, 1_500),
            ],
            START,
        ),
    );
    run.summary = Some(json!({ "host": { "kernel": "6.18.1" }, "build": { "commit": null } }));
    run
}

#[test]
fn the_worst_second_stands_first_with_what_else_it_held() {
    let jitter =
        input("jitter.hlog", Kind::Hlog, log(&[("gap", 11, 870_000, 3)], START - 10_000_000_000));
    let page = page(&[run(), jitter]);
    let worst = page.split("Worst moments of recv_to_send").nth(1).expect("worst moments");
    let row = worst.split("<tr>").nth(2).expect("a row");
    assert!(row.contains("1.000 s from the start"), "{row}");
    assert!(row.contains("<td>900095<td>500<td>framed_to_sent 890"), "{row}");
    assert!(row.contains("<td>7000<td>7.0"), "seven times the median rate: {row}");
    assert!(row.contains("gap 870"), "joined by wall clock: {row}");
    assert!(row.contains("<td>2, longest 880"), "the loop's own: {row}");
    let calm = worst.split("<tr>").nth(3).expect("a row");
    assert!(calm.contains("not recorded") && calm.contains("<td>none"), "{calm}");
}

#[test]
fn the_page_stands_alone_and_says_what_is_not_known() {
    let page = page(&[run()]);
    assert!(page.contains("runs/&lt;1&gt;") && !page.contains("runs/<1>"));
    assert!(page.contains("<tr><td>kernel<td>6.18.1"));
    assert!(page.contains("<tr><td>commit<td>not recorded"));
    assert!(page.contains("no record of jitter was given"));
    assert!(page.contains("order, response (intended_to_send)<td>1500"));
    assert!(page.contains("<svg"));
    for outside in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "the page must stand alone: {outside}");
    }
}

#[test]
fn a_curve_ends_where_ten_samples_are_beyond() {
    let mut counts = counts(100, 989);
    counts.add(200, 1).expect("few");
    counts.add(5_000, 9).expect("few");
    counts.add(9_000, 1).expect("few");
    let points = curve(&Counted::whole(counts));
    assert_eq!(points.len(), 3, "{points:?}");
    assert!((points[2].0 - 2.0).abs() < 1e-9 && (points[2].1 - libm::log10(200.0)).abs() < 1e-9);
}
