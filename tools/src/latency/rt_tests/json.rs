//! `cyclictest --json` and `oslat --json`.
//!
//! Two keys of theirs end in a colon inside the quotes, the command line is written without JSON's
//! escapes, and cyclictest leaves overflows out of the histogram: their number is what is missing
//! from `cycles`.

use super::Thread;
use crate::latency::fault::{self, Fault};
use crate::latency::series::{Samples, Series};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::fmt;

#[derive(Debug, Deserialize)]
struct File {
    #[serde(rename = "file_version")]
    version: u64,
    #[serde(rename = "cmdline:", alias = "cmdline")]
    cmdline: String,
    return_code: i64,
    num_threads: u64,
    #[serde(default)]
    resolution_in_ns: u64,
    thread: Pairs<Row>,
}

/// A thread of cyclictest (`cycles`) or a core of oslat (`duration`).
#[derive(Debug, Deserialize)]
struct Row {
    histogram: Pairs<u64>,
    cycles: Option<u64>,
    duration: Option<f64>,
    min: u64,
    max: u64,
    avg: f64,
    cpu: u64,
}

/// An object in the order of the file, each key a number and higher than the one before: a key
/// that comes twice is not lost.
#[derive(Debug)]
struct Pairs<T>(Vec<(u64, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Taker<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with numbers as keys, rising")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut out: Vec<(u64, T)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, T>()? {
                    let wrong = || A::Error::custom(format!("key {key:?}: a number, rising"));
                    let at = fault::number(0, "key", &key).map_err(|_| wrong())?;
                    if out.last().is_some_and(|(last, _)| *last >= at) {
                        return Err(wrong());
                    }
                    out.push((at, value));
                }
                Ok(Pairs(out))
            }
        }
        deserializer.deserialize_map(Taker(std::marker::PhantomData))
    }
}

/// The threads of a file: one series each.
///
/// # Errors
/// What is no JSON, lacks a key, or contradicts itself, with its line.
pub fn parse(text: &str) -> Result<Vec<Series>, Fault> {
    let escaped = escape_command_line(text);
    let file: File = serde_json::from_str(&escaped).map_err(|error| {
        let line = error.line().max(1);
        let found = text.lines().nth(line - 1).unwrap_or_default().trim();
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or(&why).to_owned();
        Fault::new(
            line,
            format!("not the JSON of rt-tests: {why}"),
            found,
            "--json of rt-tests 2.x",
        )
    })?;
    let line_of = |needle: &str| {
        text.lines().position(|line| line.contains(needle)).map_or(1, |index| index + 1)
    };
    let wrong = |key: &str, what, found: String, allowed: String| {
        Fault::new(line_of(&format!("\"{key}\"")), what, &found, allowed)
    };
    if file.version != 1 {
        let version = file.version.to_string();
        return Err(wrong("file_version", "version of the file", version, "1".into()));
    }
    if file.return_code != 0 {
        let code = file.return_code.to_string();
        return Err(wrong("return_code", "the tool failed", code, "return_code 0".into()));
    }
    let threads = file.thread.0.len();
    if file.resolution_in_ns > 1 || usize::try_from(file.num_threads).ok() != Some(threads) {
        let what = "threads and num_threads differ, or an unknown resolution";
        return Err(wrong("num_threads", what, threads.to_string(), file.num_threads.to_string()));
    }
    let is_ns = file.resolution_in_ns == 1;
    let mut out = Vec::new();
    for (index, row) in file.thread.0 {
        let line = line_of(&format!("\"{index}\": {{")).max(line_of("\"thread\""));
        out.push(series(line, index, row, is_ns, &file.cmdline)?);
    }
    Ok(out)
}

fn series(line: usize, index: u64, row: Row, is_ns: bool, cmdline: &str) -> Result<Series, Fault> {
    let Row { histogram: Pairs(buckets), cycles, duration, min, max, avg, cpu } = row;
    let fault =
        |what, found: String, allowed: &'static str| Fault::new(line, what, &found, allowed);
    let is_inside = to_f64(min) <= avg + 1.0 && avg <= to_f64(max) + 1.0;
    if !is_inside || min > max {
        let found = format!("min {min} avg {avg} max {max}");
        return Err(fault("min, avg and max contradict each other", found, "min <= avg <= max"));
    }
    let sum = buckets.iter().try_fold(0_u64, |sum, (_, count)| sum.checked_add(*count));
    let sum = sum.ok_or_else(|| fault("too many samples", "a sum".into(), "below 2^64"))?;
    let unit = if is_ns { "ns" } else { "us, rounded down" };
    let about = format!("{unit}; {cmdline}");
    let unit_ns = if is_ns { 1 } else { 1_000 };
    let (mut buckets, name) = (buckets, format!("thread {index} cpu {cpu}"));
    let unseen = match (cycles, duration) {
        (Some(cycles), None) => cycles.checked_sub(sum).ok_or_else(|| {
            fault("more in the histogram than cycles", sum.to_string(), "cycles or fewer")
        })?,
        // oslat puts what is above the last bucket into the last.
        (None, Some(_)) => match buckets.last() {
            Some((last, _)) if *last < max => buckets.pop().map_or(0, |(_, count)| count),
            _ => 0,
        },
        _ => {
            let allowed = "cycles (cyclictest) or duration (oslat)";
            return Err(fault("neither cyclictest nor oslat", name, allowed));
        }
    };
    if buckets.is_empty() {
        let told = |value: u64| i64::try_from(value.saturating_mul(unit_ns)).unwrap_or(i64::MAX);
        let figures = vec![("min".to_owned(), told(min)), ("max".to_owned(), told(max))];
        return Ok(Series { name, about, samples: Samples::Told { n: cycles, figures } });
    }
    Thread { name, buckets, unseen, unit_ns, min, max }.series(line, &about)
}

#[expect(clippy::cast_precision_loss, reason = "held against an average of the tool's own")]
fn to_f64(value: u64) -> f64 {
    value as f64
}

/// Quotes and backslashes within the command line's value, which the tools write as they are.
fn escape_command_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let is_command = line.trim_start().starts_with("\"cmdline");
        let parts = line.split_once("\": \"").zip(line.rfind("\","));
        match parts {
            Some(((key, rest), end)) if is_command && end >= key.len() + 4 => {
                let at = key.len() + 4;
                let value = line.get(at..end).unwrap_or_default();
                let tail = rest.get(end - at..).unwrap_or_default();
                // Already escaped by a newer version: nothing to do.
                let is_good = serde_json::from_str::<String>(&format!("\"{value}\"")).is_ok();
                let value = if is_good {
                    value.to_owned()
                } else {
                    value.replace('\\', "\\\\").replace('"', "\\\"")
                };
                out.push_str(key);
                out.push_str("\": \"");
                out.push_str(&value);
                out.push_str(tail);
            }
            _ => out.push_str(line),
        }
    }
    out
}
