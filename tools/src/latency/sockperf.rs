//! Outputs of `sockperf` ping-pong and under load, and of its throughput mode and server, which
//! hold no latency; and the benches of iceoryx2, which tell a mean alone.

use super::fault::{self, Fault};
use super::series::{Samples, Series};

/// The latencies of a client's output; none of a throughput run or a server.
///
/// # Errors
/// The first figure that is not as the tool writes it, and an output that was cut.
pub fn parse(text: &str) -> Result<Vec<Series>, Fault> {
    let (mut about, mut n, mut summary) = ("", None, None);
    let mut figures: Vec<(String, i64)> = Vec::new();
    let (mut is_over, mut has_end, mut end) = (false, false, 1);
    for (line, found) in fault::lines(text)? {
        end = line + 1;
        let Some(said) = found.strip_prefix("sockperf: ").map(plain) else { continue };
        has_end |= said.starts_with("Summary: BandWidth") || said == "cleanupAfterLoop() exit";
        if let Some(rest) = said.strip_prefix("Summary: ") {
            about = match rest {
                _ if rest.starts_with("Round trip is ") => "whole round trip",
                _ if rest.starts_with("Latency is ") => "half round trip",
                _ => about,
            };
            summary =
                rest.split(" is ").nth(1).and_then(|r| r.split(' ').next()).map(str::to_owned);
        } else if let Some(rest) = said.strip_prefix("====> avg-") {
            let mean = rest.split(['=', ' ']).nth(1).unwrap_or_default();
            figures.push(("mean".to_owned(), ns(line, mean)?));
        } else if let Some(rest) = said.strip_prefix("Total ") {
            if let Some((count, _)) = rest.split_once(" observations") {
                n = Some(fault::number(line, "observations", count)?);
            }
        } else if let Some(rest) = said.strip_prefix("---> ") {
            let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
            let name = match name.trim() {
                "<MAX> observation" => "max".to_owned(),
                "<MIN> observation" => {
                    is_over = true;
                    "min".to_owned()
                }
                name => percentile(line, name)?,
            };
            figures.push((name, ns(line, value.trim())?));
        }
    }
    if figures.is_empty() && has_end {
        return Ok(Vec::new());
    }
    let tail: Vec<i64> = figures.iter().skip(1).map(|(_, ns)| *ns).collect();
    let is_mean = figures.first().is_some_and(|(name, mean)| {
        name == "mean" && summary.as_ref().is_some_and(|s| ns(end, s) == Ok(*mean))
    });
    if !is_over || n.is_none() || !is_mean || figures.len() != 11 {
        let what = "the figures are not whole: the file is cut";
        return Err(Fault::new(end, what, "end of file", "from avg to <MIN> observation"));
    }
    if tail.is_sorted_by(|a, b| a >= b) {
        let (name, about) = ("sockperf".to_owned(), about.to_owned());
        return Ok(vec![Series { name, about, samples: Samples::Told { n, figures } }]);
    }
    Err(Fault::new(end, "percentiles that do not fall", "figures", "from <MAX> down to <MIN>"))
}

/// The line without a terminal's colours.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

/// Microseconds with three decimals, as nanoseconds.
fn ns(line: usize, found: &str) -> Result<i64, Fault> {
    let micro = fault::micro(line, "microseconds", found)?;
    i64::try_from(micro / 1_000).map_err(|_| Fault::new(line, "microseconds", found, "fewer"))
}

fn percentile(line: usize, name: &str) -> Result<String, Fault> {
    let known = ["99.999", "99.990", "99.900", "99.000", "90.000", "75.000", "50.000", "25.000"];
    match name.strip_prefix("percentile ").filter(|at| known.contains(at)) {
        Some(at) => Ok(format!("p{}", at.trim_end_matches('0').trim_end_matches('.'))),
        None => Err(Fault::new(line, "a figure of no known name", name, known.join(", "))),
    }
}

/// `NAME ::: Iterations: 10000, Time: 0.28 s, Latency: 14236 ns`, one a service.
///
/// # Errors
/// The first line that is not as the benches write it.
pub fn iceoryx2(text: &str) -> Result<Vec<Series>, Fault> {
    let mut out = Vec::new();
    let mut end = 1;
    for (line, found) in fault::lines(text)? {
        end = line + 1;
        let is_comment = found.starts_with("$ ") || found.starts_with("# ");
        if is_comment && !found.contains(" ::: ") {
            continue;
        }
        let allowed = "NAME ::: Iterations: N, Time: T s, Latency: L ns";
        let wrong = || Fault::new(line, "a line of no known form", found, allowed);
        let (name, rest) = found
            .split_once(" ::: ")
            .filter(|(_, rest)| !is_comment && !rest.contains(":::"))
            .ok_or_else(wrong)?;
        let of = |key: &str| {
            rest.split(", ").find_map(|part| part.strip_prefix(key)?.strip_prefix(": "))
        };
        let n = fault::number(line, "iterations", of("Iterations").ok_or_else(wrong)?)?;
        let mean = of("Latency").and_then(|l| l.strip_suffix(" ns")).ok_or_else(wrong)?;
        let seconds = of("Time").and_then(|l| l.strip_suffix(" s")).ok_or_else(wrong)?;
        let mean = fault::number(line, "latency, ns", mean)?;
        // Each iteration goes there and back: its latency is half of its time.
        let whole: f64 = seconds.parse().map_err(|_| wrong())?;
        let is = to_f64(mean) * 2.0 * to_f64(n) / 1e9;
        if !whole.is_finite() || (is - whole).abs() > 0.02 * whole + to_f64(n) * 3e-9 {
            let what = "time, iterations and latency do not fit";
            return Err(Fault::new(line, what, found, "time / iterations / 2"));
        }
        let mean = i64::try_from(mean).map_err(|_| wrong())?;
        out.push(Series {
            name: name.to_owned(),
            about: "half round trip, a mean alone".to_owned(),
            samples: Samples::Told { n: Some(n), figures: vec![("mean".to_owned(), mean)] },
        });
    }
    if out.is_empty() {
        return Err(Fault::new(end, "no figure", "end of file", "a line with `:::`"));
    }
    Ok(out)
}

#[expect(clippy::cast_precision_loss, reason = "held against a figure of three digits")]
fn to_f64(value: u64) -> f64 {
    value as f64
}
