//! The order path of a run: its stages one below the other, and service beside response time.

use crate::latency::input::Input;
use crate::latency::series::{Counted, Series};
use crate::report::percentile_chart;
use station::latency::Stage;
use std::fmt::Write as _;

/// Pieces of the way of an order, in order.
const PATH: [Stage; 5] = [
    Stage::RecvToDequeue,
    Stage::DequeueToDecided,
    Stage::DecidedToGated,
    Stage::GatedToFramed,
    Stage::FramedToSent,
];

fn counted(input: &Input, stage: Stage) -> Option<&Counted> {
    let series = input.series.iter().find(|series| series.name == stage.name());
    series.and_then(Series::as_counted).filter(|counted| counted.total() > 0)
}

/// Bars of the stages' medians, each beginning where the one before ends, and below them the
/// measured whole, which is not their sum.
pub(super) fn waterfall(page: &mut String, input: &Input) {
    page.push_str("<h3>Stages of an order, medians</h3>");
    let median = |stage| counted(input, stage).and_then(|c| c.quantile(2));
    let parts: Vec<(Stage, Option<u64>)> = PATH.iter().map(|s| (*s, median(*s))).collect();
    let whole = median(Stage::RecvToSend);
    let sum = parts.iter().filter_map(|(_, ns)| *ns).fold(0, u64::saturating_add);
    let scale = sum.max(whole.unwrap_or(0)).max(1);
    if whole.is_none() && sum == 0 {
        page.push_str("<p class=note>Too few orders went out for a median.</p>");
        return;
    }
    page.push_str("<div class=fall>");
    let mut from = 0;
    let bar = |page: &mut String, name: &str, class: &str, from: u64, ns: Option<u64>| {
        let share = |ns: u64| ns.saturating_mul(10_000) / scale;
        let (left, wide) = (share(from), share(ns.unwrap_or(0)));
        let text = ns.map_or_else(|| "n/a".to_owned(), |ns| format!("{ns} ns"));
        let _ = write!(
            page,
            "<div class=\"{class}\"><span>{name}</span><i style=\"margin-left:{}.{:02}%;\
             width:{}.{:02}%\"></i><b>{text}</b></div>",
            left / 100,
            left % 100,
            wide / 100,
            wide % 100
        );
    };
    for (stage, ns) in parts {
        bar(page, stage.name(), "part", from, ns);
        from += ns.unwrap_or(0);
    }
    bar(page, Stage::RecvToSend.name(), "whole", 0, whole);
    page.push_str(
        "</div><p class=note>recv_to_send is measured from end to end; medians of stages do not \
         add up to it, and no quantile of it was made from theirs.</p>",
    );
}

/// Time from the event's arrival beside time from when it was to arrive.
pub(super) fn service_and_response(page: &mut String, input: &Input) {
    page.push_str("<h3>Service and response time</h3>");
    let pairs = [
        ("order", Stage::RecvToSend, Stage::IntendedToSend),
        ("market event", Stage::EventWait, Stage::IntendedToDequeue),
    ];
    let mut rows = String::new();
    for (what, service, response) in pairs {
        let (Some(a), Some(b)) = (counted(input, service), counted(input, response)) else {
            continue;
        };
        let lines: Vec<(String, Vec<(f64, f64)>)> = [("service", a), ("response", b)]
            .map(|(kind, counted)| (format!("{what}, {kind}"), super::curve(counted)))
            .into_iter()
            .filter(|(_, points)| points.len() > 1)
            .collect();
        if !lines.is_empty() {
            let title = format!("Service and response, {what}");
            page.push_str(&percentile_chart(&title, &lines));
        }
        for (kind, stage, counted) in [("service", service, a), ("response", response, b)] {
            let _ =
                write!(rows, "<tr><td>{what}, {kind} ({})<td>{}", stage.name(), counted.total());
            for one_in in [2, 100, 1_000, 10_000] {
                let cell = counted.quantile(one_in).map_or("n/a".to_owned(), |ns| ns.to_string());
                let _ = write!(rows, "<td>{cell}");
            }
            let max = counted.max().map_or("n/a".to_owned(), |ns| ns.to_string());
            let _ = write!(rows, "<td>{max}");
        }
    }
    if rows.is_empty() {
        page.push_str("<p class=note>No intended arrivals: the run was as fast as possible.</p>");
        return;
    }
    let _ = write!(
        page,
        "<table><tr><th>ns<th>n<th>p50<th>p99<th>p99.9<th>p99.99<th>max{rows}</table>\
         <p class=note>Service: from the event's arrival at the edge. Response: from the moment \
         the recording's pace meant it to arrive (open loop), so that waiting behind a slow moment \
         counts.</p>"
    );
}
