//! The histogram log (`.hlog`, version 1.3): every stage as a V2 compressed histogram with a tag.
//!
//! The crate's writer knows neither the version line nor the legend that other readers expect, so
//! both are put in here. Runs on housekeeping threads; allocates.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::io;
use std::time::{Duration, UNIX_EPOCH};

const LEGEND: &str =
    "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// The text of a log with one interval a stage, over the whole run. Values are nanoseconds, the
/// readable maximum column milliseconds.
///
/// # Errors
/// Serialisation errors, as I/O errors.
pub fn text<'a>(
    stages: impl Iterator<Item = (&'static str, &'a Histogram<u64>)>,
    start_ns: u64,
    length_ns: u64,
) -> io::Result<String> {
    let start = UNIX_EPOCH + Duration::from_nanos(start_ns);
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[Values in nanoseconds; Interval_Max in milliseconds]")
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut bytes, &mut serializer)?;
    for (name, histogram) in stages {
        let length = Duration::from_nanos(length_ns);
        log.write_histogram(histogram, Duration::ZERO, length, Tag::new(name))
            .map_err(|error| io::Error::other(error.to_string()))?;
    }
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    let head = text.find("Tag=").unwrap_or(text.len());
    let (head, rows) = text.split_at(head);
    Ok(format!("{head}{LEGEND}{rows}"))
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
        assert!(lines.contains(&LEGEND.trim_end()));
        let row = lines.last().expect("rows");
        assert!(row.starts_with("Tag=recv_to_send,0.000,5.000,2."), "{row}");
        assert_eq!(row.split(',').nth(4).map(|b| &b[..8]), Some("HISTFAAA"), "{row}");
    }

    #[test]
    fn another_reader_finds_every_tag() {
        let histogram = Histogram::new_with_bounds(1, 1_000, 3).expect("bounds");
        let text = text([("event", &histogram)].into_iter(), 0, 1).expect("log");
        let without_legend = text.replace(LEGEND, "");
        let tags: Vec<_> = IntervalLogIterator::new(without_legend.as_bytes())
            .filter_map(Result::ok)
            .filter_map(|entry| match entry {
                LogEntry::Interval(row) => row.tag().map(|tag| tag.as_str().to_owned()),
                LogEntry::StartTime(_) | LogEntry::BaseTime(_) => None,
            })
            .collect();
        assert_eq!(tags, ["event"]);
    }
}
