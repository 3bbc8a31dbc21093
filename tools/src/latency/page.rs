//! `corelane latency report -o FILE.html`: one page that stands alone, no script, no network.
//!
//! Owns what is on it. Must never: show what was not recorded, add up quantiles of stages, or draw
//! a curve where fewer than ten samples lie beyond. Floats are for drawing only.

mod moments;
mod stages;

use super::columns;
use super::input::{Input, Kind};
use super::series::{Counted, Series};
use crate::report::{STYLE, escape, percentile_chart};
use crate::table;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

/// Lines of one chart: it has so many colours.
const LINES: usize = 6;

/// The page of all inputs.
#[must_use]
pub fn page(inputs: &[Input]) -> String {
    let mut page = String::with_capacity(1 << 18);
    let _ = write!(
        page,
        "<!doctype html><html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>Corelane latency</title><style>{STYLE}{MORE}</style></head><body><main>\
         <h1>Latency</h1><p class=sub>{} inputs</p>",
        inputs.len()
    );
    for input in inputs {
        one(&mut page, input, inputs);
    }
    page.push_str(
        "<p class=note>A quantile with fewer than ten samples beyond it shows n/a, and no curve is \
         drawn there. Figures of other programs are shown as they told them.</p>\
         </main></body></html>\n",
    );
    page
}

/// Styles of this page alone.
const MORE: &str = "
.fall{background:#fff;border:1px solid #e1e5ea;border-radius:8px;padding:10px 14px}
.fall div{display:grid;grid-template-columns:190px 1fr 110px;align-items:center;gap:8px}
.fall i{display:block;height:12px;background:#4c78a8;border-radius:2px;min-width:1px}
.fall .whole i{background:#f58518} .fall b{font-weight:400;text-align:right}
pre{background:#fff;border:1px solid #e1e5ea;padding:10px;overflow:auto;font-size:12px}
";

fn one(page: &mut String, input: &Input, all: &[Input]) {
    let path = escape(&input.path.display().to_string());
    let _ = write!(page, "<h2>{path}</h2><p class=sub>{}</p>", input.kind.name());
    for note in &input.notes {
        let _ = write!(page, "<p class=warn>{}</p>", escape(note));
    }
    curves(page, &input.series);
    figures(page, &input.series);
    if input.kind == Kind::Run {
        stages::waterfall(page, input);
        stages::service_and_response(page, input);
    }
    moments::worst(page, input, all);
    if let Some(log) = &input.log
        && !log.comments.is_empty()
    {
        let lines: Vec<String> = log.comments.iter().map(|text| escape(text)).collect();
        let _ = write!(page, "<h3>Comments of the log</h3><pre>{}</pre>", lines.join("\n"));
    }
    if input.kind == Kind::Run {
        fingerprint(page, input);
    }
}

fn curves(page: &mut String, series: &[Series]) {
    let lines: Vec<(String, Vec<(f64, f64)>)> = series
        .iter()
        .filter_map(|s| s.as_counted().map(|counted| (s.name.clone(), curve(counted))))
        .filter(|(_, points)| points.len() > 1)
        .collect();
    for part in lines.chunks(LINES) {
        page.push_str(&percentile_chart("Percentiles", part));
    }
}

/// `(log10 of 1 in n, log10 of ns)`, up to where ten samples are beyond.
fn curve(counted: &Counted) -> Vec<(f64, f64)> {
    let total = counted.total();
    let mut points = Vec::new();
    for (sum, edge) in counted.counts.ranked().edges() {
        let beyond = total - sum;
        if beyond < station::latency::BEYOND {
            break;
        }
        let height = log10((*edge).max(1));
        if points.is_empty() {
            points.push((0.0, height));
        }
        points.push((log10(total) - log10(beyond), height));
    }
    points
}

#[expect(clippy::cast_precision_loss, reason = "for drawing only")]
fn log10(value: u64) -> f64 {
    libm::log10(value as f64)
}

fn figures(page: &mut String, series: &[Series]) {
    if series.is_empty() {
        return;
    }
    let names = columns(series);
    page.push_str("<table><tr><th>latency, ns<th>n");
    for name in &names {
        let _ = write!(page, "<th>{}", escape(name));
    }
    for one in series {
        let n = one.n().map_or_else(|| "n/a".to_owned(), |n| n.to_string());
        let _ = write!(page, "<tr><td>{}<td>{n}", escape(&one.name));
        for name in &names {
            let cell = one.figure(name).map_or_else(|| "n/a".to_owned(), |ns| ns.to_string());
            let _ = write!(page, "<td>{cell}");
        }
    }
    page.push_str("</table>");
    let told = series.iter().filter(|one| !one.about.is_empty());
    let told: Vec<String> =
        told.map(|one| format!("<li>{}: {}", escape(&one.name), escape(&one.about))).collect();
    if !told.is_empty() {
        let _ = write!(
            page,
            "<details class=note><summary>What each is</summary><ul>{}</ul></details>",
            told.join("")
        );
    }
}

/// What the run recorded of host, kernel, configuration and build.
fn fingerprint(page: &mut String, input: &Input) {
    page.push_str("<h3>Host and configuration, as the run recorded them</h3>");
    let Some(summary) = &input.summary else {
        page.push_str("<p class=note>The run left no summary.</p>");
        return;
    };
    let rows = [
        ("commit", "/build/commit"),
        ("version", "/build/version"),
        ("kernel", "/host/kernel"),
        ("boot line", "/host/boot_line"),
        ("CPU", "/host/cpu_model"),
        ("CPUs allowed", "/host/cpus"),
        ("loop", "/host/loop"),
        ("edge", "/host/edge"),
        ("profile", "/host/profile"),
        ("memory locked", "/host/memory_locked"),
        ("wake latency held", "/host/wake_latency_held"),
        ("doctor's hash", "/host/doctor/hash"),
        ("doctor's open checks", "/host/doctor/open"),
        ("idle", "/host/idle"),
        ("I/O", "/host/io"),
        ("speed", "/host/speed"),
        ("clock", "/clock/source"),
        ("clock drift, ppm", "/clock/drift_ppm"),
        ("configuration hash", "/config_hash"),
        ("limits epoch", "/limits/epoch"),
        ("limits sha256", "/limits/sha256"),
        ("recording", "/data/file"),
        ("recording sha256", "/data/sha256"),
        ("run", "/id"),
    ];
    page.push_str("<table><tr><th>what<th>value");
    for (name, pointer) in rows {
        let value = match summary.pointer(pointer) {
            None | Some(Value::Null) => "not recorded".to_owned(),
            Some(value) => escape(&table::plain(value)),
        };
        let _ = write!(page, "<tr><td>{name}<td>{value}");
    }
    page.push_str("</table>");
    if let Ok(text) = fs::read_to_string(input.path.join("config.json")) {
        let _ = write!(
            page,
            "<details><summary>Effective configuration</summary><pre>{}</pre></details>",
            escape(&text)
        );
    }
}

#[cfg(test)]
mod tests;
