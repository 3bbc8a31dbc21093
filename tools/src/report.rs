//! `report.html`: one self-contained page of a run, no script, no network, opens in any browser.
//!
//! Owns the page. Figures come from `summary.json`, the `.hgrm` files and the record of frames.
//! Floats are for drawing only.

pub(crate) mod chart;
mod series;

use crate::record;
use crate::recording;
use crate::table;
use chart::{Axis, Chart, Marks};
use serde_json::Value;
use series::{Pnl, Series};
use station::operator::Failure;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// Stages of the order path, in order, as the latency plot shows them.
const PATH: [&str; 6] = [
    "recv_to_dequeue",
    "dequeue_to_decided",
    "decided_to_gated",
    "gated_to_framed",
    "framed_to_sent",
    "recv_to_send",
];

/// Writes `report.html` into a run's directory; gives its path.
///
/// # Errors
/// A failure of the record or of the file.
pub fn write(run_dir: &Path, summary: &Value) -> Result<PathBuf, Failure> {
    let (recording, fault) = recording::open(&record::path_of(run_dir)?)?;
    let series = Series::of(&recording);
    let mut page = String::with_capacity(1 << 20);
    head(&mut page, summary);
    if let Some(fault) = &fault {
        let _ = writeln!(page, "<p class=warn>{}</p>", escape(&fault.to_string()));
    }
    facts(&mut page, summary);
    latency_section(&mut page, run_dir, summary);
    for instrument in &series.instruments {
        instrument_section(&mut page, instrument);
    }
    denied_section(&mut page, summary);
    signal_section(&mut page, run_dir, &series, summary);
    page.push_str("</main></body></html>\n");
    let path = run_dir.join("report.html");
    std::fs::write(&path, page).map_err(|error| {
        Failure::new(
            Exit::Resource,
            "cannot write the report",
            format!("path={} error=\"{error}\"", path.display()),
            "check the free space; the record beside it is complete",
        )
    })?;
    Ok(path)
}

/// The style of every page of ours.
pub(crate) const STYLE: &str = "
body{font:15px/1.5 system-ui,sans-serif;margin:0;background:#f6f7f9;color:#1c2430}
main{max-width:1060px;margin:0 auto;padding:24px}
h1{font-size:26px;margin:0 0 4px} h2{font-size:19px;margin:34px 0 8px}
.sub{color:#5b6675;margin:0 0 18px} .warn{background:#fff3cd;padding:10px;border-radius:6px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px}
.card{background:#fff;border:1px solid #e1e5ea;border-radius:8px;padding:10px 14px}
.card b{display:block;font-size:21px;font-variant-numeric:tabular-nums}
.card span{color:#5b6675;font-size:13px}
table{border-collapse:collapse;background:#fff;border:1px solid #e1e5ea;width:100%}
th,td{padding:5px 10px;text-align:right;font-variant-numeric:tabular-nums;border-top:1px solid #eef0f3}
th:first-child,td:first-child{text-align:left} th{background:#eef1f5;font-weight:600}
svg{background:#fff;border:1px solid #e1e5ea;border-radius:8px;width:100%;height:auto}
.bar{background:#4c78a8;height:12px;display:inline-block;border-radius:2px}
.note{color:#5b6675;font-size:13px}
";

fn head(page: &mut String, summary: &Value) {
    let id = text(summary, "/id");
    let _ = write!(
        page,
        "<!doctype html><html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>Corelane run {id}</title><style>{STYLE}</style></head><body><main>\
         <h1>Corelane run {id}</h1><p class=sub>{} at speed {}, ended: {}</p>",
        text(summary, "/data/file"),
        text(summary, "/host/speed"),
        text(summary, "/exit/cause"),
    );
}

fn facts(page: &mut String, summary: &Value) {
    page.push_str("<div class=cards>");
    let cards = [
        ("market events", text(summary, "/events")),
        ("orders", text(summary, "/orders")),
        ("fills", text(summary, "/fills")),
        ("denied", table::denied_total(summary).to_string()),
        ("alarms", text(summary, "/alarms")),
        ("limits epoch", text(summary, "/limits/epoch")),
        ("recv to send p50, ns", text(summary, "/latency/recv_to_send/p50_ns")),
        ("recv to send p99, ns", text(summary, "/latency/recv_to_send/p99_ns")),
        ("signal answers", text(summary, "/signal/answers")),
        ("clock", text(summary, "/clock/source")),
    ];
    for (name, value) in cards {
        let _ = write!(page, "<div class=card><b>{value}</b><span>{name}</span></div>");
    }
    let _ = write!(
        page,
        "</div><p class=note>state_hash {}; strategies and venue are a simulation on recorded \
         events; latencies are wall time of this host by its cycle counter.</p>",
        text(summary, "/state_hash")
    );
}

fn latency_section(page: &mut String, run_dir: &Path, summary: &Value) {
    page.push_str("<h2>Latency by stage</h2>");
    let lines: Vec<(String, Vec<(f64, f64)>)> = PATH
        .iter()
        .map(|stage| ((*stage).to_owned(), percentiles(&run_dir.join(format!("{stage}.hgrm")))))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    if lines.is_empty() {
        page.push_str("<p class=note>No order went out, or the replay ran at full speed.</p>");
    } else {
        page.push_str(&percentile_chart("Percentiles of the order path", &lines));
    }
    let mut body = String::new();
    if let Some(stages) = summary.get("latency").and_then(Value::as_object) {
        for (stage, row) in stages {
            let cell = |key: &str| row.get(key).map_or_else(|| "n/a".into(), table::plain);
            let _ = write!(
                body,
                "<tr><td>{stage}<td>{}<td>{}<td>{}<td>{}<td>{}",
                cell("n"),
                cell("p50_ns"),
                cell("p99_ns"),
                cell("p99_9_ns"),
                cell("max_ns")
            );
        }
    }
    let _ = write!(
        page,
        "<table><tr><th>stage, ns<th>n<th>p50<th>p99<th>p99.9<th>max{body}</table>\
         <p class=note>Each stage has its own histogram; recv_to_send is measured, not summed. \
         n/a: fewer than ten samples beyond the quantile.</p>"
    );
}

/// Percentile chart: a logarithmic axis of "one in n" and one of nanoseconds.
pub(crate) fn percentile_chart(title: &str, lines: &[(String, Vec<(f64, f64)>)]) -> String {
    Chart {
        title,
        x: Axis::Nines,
        y: Axis::LogNanoseconds,
        lines: lines.iter().map(|(n, p)| (n.as_str(), p.as_slice())).collect(),
        marks: Vec::new(),
        steps: false,
    }
    .svg()
}

/// `(log10 of 1 in n, log10 of ns)` of a percentile file.
fn percentiles(path: &Path) -> Vec<(f64, f64)> {
    let Ok(text) = std::fs::read_to_string(path) else { return Vec::new() };
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let value: f64 = words.next()?.parse().ok()?;
            let one_in: f64 = words.nth(2)?.parse().ok()?;
            (value > 0.0).then(|| (one_in.log10(), value.log10()))
        })
        .collect()
}

fn instrument_section(page: &mut String, instrument: &series::InstrumentSeries) {
    let symbol = escape(&instrument.symbol);
    let _ = write!(page, "<h2>{symbol}</h2>");
    if instrument.mid.is_empty() {
        page.push_str("<p class=note>No usable book in the record.</p>");
        return;
    }
    page.push_str(
        &Chart {
            title: "Mid price with fills",
            x: Axis::Seconds,
            y: Axis::Plain("price"),
            lines: vec![("mid", &instrument.mid)],
            marks: vec![
                ("buy", Marks::Up, instrument.buys.as_slice()),
                ("sell", Marks::Down, instrument.sells.as_slice()),
            ],
            steps: false,
        }
        .svg(),
    );
    page.push_str(
        &Chart {
            title: "Position",
            x: Axis::Seconds,
            y: Axis::Plain("base quantity"),
            lines: vec![("position", &instrument.position)],
            marks: Vec::new(),
            steps: true,
        }
        .svg(),
    );
    let Pnl { net, before_fees } = &instrument.pnl;
    page.push_str(
        &Chart {
            title: "Profit and loss, marked at the closing side",
            x: Axis::Seconds,
            y: Axis::Plain("quote currency"),
            lines: vec![("net of fees", net), ("before fees", before_fees)],
            marks: Vec::new(),
            steps: false,
        }
        .svg(),
    );
}

fn denied_section(page: &mut String, summary: &Value) {
    page.push_str("<h2>Denied by the gate</h2>");
    let denied = summary.get("denied").and_then(Value::as_object);
    let rows: Vec<(&String, u64)> = denied
        .into_iter()
        .flatten()
        .filter_map(|(code, n)| n.as_u64().map(|n| (code, n)))
        .filter(|(_, n)| *n > 0)
        .collect();
    let Some(most) = rows.iter().map(|(_, n)| *n).max() else {
        page.push_str("<p class=note>Nothing was denied.</p>");
        return;
    };
    page.push_str("<table><tr><th>code<th>orders<th style=\"width:60%;text-align:left\">");
    for (code, count) in rows {
        let _ = write!(
            page,
            "<tr><td>{}<td>{count}<td style=\"text-align:left\"><span class=bar \
             style=\"width:{}%\"></span>",
            escape(code),
            (count * 100 / most).max(1)
        );
    }
    page.push_str("</table>");
}

fn signal_section(page: &mut String, run_dir: &Path, series: &Series, summary: &Value) {
    page.push_str("<h2>Signal sidecar</h2><div class=cards>");
    for key in ["requests", "answers", "stale", "overwritten"] {
        let value = text(summary, &format!("/signal/{key}"));
        let _ = write!(page, "<div class=card><b>{value}</b><span>{key}</span></div>");
    }
    page.push_str("</div>");
    let trips = percentiles(&run_dir.join("signal_round_trip.hgrm"));
    if trips.is_empty() {
        page.push_str("<p class=note>No answer came: the sidecar was off or absent.</p>");
        return;
    }
    page.push_str(&percentile_chart(
        "Round trip of a request, bridge to model and back",
        &[("signal_round_trip".to_owned(), trips)],
    ));
    for instrument in series.instruments.iter().filter(|i| !i.scores.is_empty()) {
        page.push_str(
            &Chart {
                title: &format!("Score, {} (up minus down)", escape(&instrument.symbol)),
                x: Axis::Seconds,
                y: Axis::Plain("score"),
                lines: vec![("score", &instrument.scores)],
                marks: Vec::new(),
                steps: false,
            }
            .svg(),
        );
    }
}

fn text(summary: &Value, pointer: &str) -> String {
    summary.pointer(pointer).map_or_else(|| "n/a".into(), |v| escape(&table::plain(v)))
}

/// Text that a page may hold as it is.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
