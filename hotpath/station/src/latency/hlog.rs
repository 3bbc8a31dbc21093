//! The histogram log (`.hlog`, version 1.3): rows of V2 compressed histograms, each with a tag.
//!
//! Owns the form of head, row and last line, as the readers in Java and Python expect it. The
//! crate's own writer knows neither the version line nor the legend, so the lines are made here.
//! Runs on housekeeping threads; allocates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};
use std::fmt::Write as _;
use std::io;

/// The line of column names.
pub const LEGEND: &str =
    "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"";
/// What the column `Interval_Max` is divided by: nanoseconds are shown as milliseconds.
pub const MAX_DIVISOR: u64 = 1_000_000;
/// Begin of the last line of a log that was ended in good order; the count of rows follows.
pub const CLOSED: &str = "#[Closed: rows=";

/// The lines above the rows. `start_ns` is wall clock; rows give their start relative to it.
#[must_use]
pub fn head(start_ns: u64) -> String {
    let (s, ms) = (start_ns / 1_000_000_000, start_ns / 1_000_000 % 1_000);
    format!(
        "#[Histogram log format version 1.3]\n\
         #[Values in nanoseconds; Interval_Max in milliseconds]\n\
         #[StartTime: {s}.{ms:03} (seconds since epoch)]\n\
         #[BaseTime: {s}.{ms:03} (seconds since epoch)]\n\
         #[MaxValueDivisor: {MAX_DIVISOR}.000]\n\
         {LEGEND}\n"
    )
}

/// One row: what was counted in `length_ns` from `offset_ns` after the log's start. A tag holds no
/// comma, space or line end.
///
/// # Errors
/// Serialisation errors, as I/O errors.
pub fn row(
    tag: Option<&str>,
    offset_ns: u64,
    length_ns: u64,
    histogram: &Histogram<u64>,
) -> io::Result<String> {
    let mut bytes = Vec::new();
    let serialised = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    serialised.map_err(|error| io::Error::other(error.to_string()))?;
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 64);
    if let Some(tag) = tag {
        let _ = write!(out, "Tag={tag},");
    }
    let max = if histogram.is_empty() { 0 } else { histogram.max() };
    let _ = writeln!(
        out,
        "{},{},{},{}",
        thousandths(offset_ns, 1_000_000_000),
        thousandths(length_ns, 1_000_000_000),
        thousandths(max, MAX_DIVISOR),
        STANDARD.encode(bytes)
    );
    Ok(out)
}

/// The last line of a whole log.
#[must_use]
pub fn closed(rows: u64) -> String {
    format!("{CLOSED}{rows}]\n")
}

/// `value / unit` with three decimals, rounded down; `unit` is a multiple of a thousand.
fn thousandths(value: u64, unit: u64) -> String {
    format!("{}.{:03}", value / unit, value % unit / (unit / 1_000))
}

/// The text of a log with one row a stage, over the whole run.
///
/// # Errors
/// Serialisation errors, as I/O errors.
pub fn text<'a>(
    stages: impl Iterator<Item = (&'static str, &'a Histogram<u64>)>,
    start_ns: u64,
    length_ns: u64,
) -> io::Result<String> {
    let mut out = head(start_ns);
    let mut rows = 0;
    for (name, histogram) in stages {
        out.push_str(&row(Some(name), 0, length_ns, histogram)?);
        rows += 1;
    }
    out.push_str(&closed(rows));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn has_the_standard_head_and_compressed_rows() {
        let mut histogram = Histogram::new_with_bounds(1, super::super::MAX_NS, 3).expect("bounds");
        histogram.record(2_000_000).expect("in bounds");
        let stages = [("event", &histogram), ("recv_to_send", &histogram)];
        let text = text(stages.into_iter(), 1_700_000_000_123_000_000, 5_000_000_000).expect("log");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "#[Histogram log format version 1.3]");
        assert_eq!(lines[2], "#[StartTime: 1700000000.123 (seconds since epoch)]");
        assert!(lines.contains(&LEGEND));
        assert_eq!(lines.last(), Some(&"#[Closed: rows=2]"));
        let row = lines[lines.len() - 2];
        assert!(row.starts_with("Tag=recv_to_send,0.000,5.000,2.000,"), "{row}");
        assert_eq!(row.split(',').nth(4).map(|b| &b[..8]), Some("HISTFAAA"), "{row}");
    }

    #[test]
    fn another_reader_finds_every_tag_and_value() {
        use hdrhistogram::serialization::Deserializer;
        let mut histogram = Histogram::new_with_bounds(1, 1_000, 3).expect("bounds");
        histogram.record(7).expect("in bounds");
        let text = text([("event", &histogram)].into_iter(), 0, 1).expect("log");
        let without_legend = text.replace(&format!("{LEGEND}\n"), "");
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(without_legend.as_bytes()).filter_map(Result::ok) {
            let LogEntry::Interval(row) = entry else { continue };
            let bytes = STANDARD.decode(row.encoded_histogram()).expect("base64");
            let read: Histogram<u64> =
                Deserializer::new().deserialize(&mut bytes.as_slice()).expect("V2");
            found.push((row.tag().map(|tag| tag.as_str().to_owned()), read.max(), read.len()));
        }
        assert_eq!(found, [(Some("event".to_owned()), 7, 1)]);
    }
}
