//! Logs written here, read again, and damaged.

use super::*;
use crate::latency::counts::Cells;

fn counts(values: &[u64]) -> Counts {
    let mut counts = Counts::new(Cells::NS);
    for value in values {
        counts.add(*value, 1).expect("few");
    }
    counts
}

fn log() -> Log {
    let row = |tag: &str, offset_ns, values: &[u64]| Row {
        tag: Some(tag.to_owned()),
        offset_ns,
        length_ns: 1_000_000_000,
        counts: counts(values),
    };
    Log {
        start_ns: Some(1_760_000_000_123_000_000),
        comments: vec!["Merged from a and b".to_owned()],
        rows: vec![
            row("event", 0, &[120, 130, 90_000]),
            row("recv_to_send", 0, &[9_001]),
            row("event", 1_000_000_000, &[44]),
        ],
        is_closed: Some(true),
    }
}

#[test]
fn a_log_reads_as_it_was_written() {
    let text = log().text().expect("log");
    let read = Log::parse(&text).expect("whole");
    assert_eq!(read, log());
    let sums = read.by_tag().expect("same cells");
    let shown: Vec<_> = sums.iter().map(|(t, c)| (t.as_str(), c.total(), c.max())).collect();
    assert_eq!(shown, [("event", 4, Some(90_047)), ("recv_to_send", 1, Some(9_007))]);
}

/// The row of the format's own documentation, as other tools write one: no tag, no divisor named.
#[test]
fn rows_of_other_writers_are_read() {
    let text = "#[Logged by another tool]\n\
        #[Histogram log format version 1.3]\n\
        #[StartTime: 1441812279.474 (seconds since epoch), Wed Sep 09 08:24:39 PDT 2015]\n\
        \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n\
        0.127,1.007,2.769,HISTFAAAAEV42pNpmSzMwMCgyAABTBDKT4GBgdnNYMcCBvsPEBEJISEuATEZMQ4uASkhIR4n\
        rxg9v2lMaxhvMekILGZkKmcCAEf2CsI=\n";
    let log = Log::parse(text).expect("a log of another tool");
    assert_eq!((log.start_ns, log.is_closed), (Some(1_441_812_279_474_000_000), None));
    let row = &log.rows[0];
    assert_eq!((row.offset_ns, row.length_ns, &row.tag), (127_000_000, 1_007_000_000, &None));
    let max = row.counts.max().expect("samples");
    assert_eq!((max + 500) / 1_000, 2_769, "Interval_Max in milliseconds");
}

#[test]
fn starts_of_rows_are_relative_to_base_start_or_epoch() {
    let row = log().text().expect("log");
    let row = row.lines().find(|l| l.starts_with("Tag=event,1.000")).expect("row").to_owned();
    let at = |head: &str, start: &str| {
        let row = row.replacen("1.000", start, 1);
        Log::parse(&format!("{head}{row}\n")).expect("log").rows[0].offset_ns
    };
    let head = "#[StartTime: 1500000000.000 (seconds since epoch)]\n";
    assert_eq!(at(head, "2.500"), 2_500_000_000);
    assert_eq!(at(head, "1500000002.500"), 2_500_000_000);
    let base = "#[BaseTime: 1499999990.000 (seconds since epoch)]\n";
    assert_eq!(at(&format!("{head}{base}"), "12.500"), 2_500_000_000);
    assert_eq!(at("", "2.500"), 2_500_000_000);
}

#[test]
fn what_no_reader_of_java_opens_is_named() {
    let text = "0.000,1.000,0.001,HISTEwAAAAMAAAAAAAAAAwAAAAAAAAABAAAAAAAAA+g/8AAAAAAAAAED\n";
    let fault = Log::parse(text).expect_err("not compressed");
    assert_eq!((fault.line, fault.what.as_ref()), (1, "the histogram is not compressed"));
}

/// Every cut and every changed byte is an error, or changes nothing but a comment, a name or a
/// time: never a count.
#[test]
fn no_damage_changes_a_count_unseen() {
    let text = log().text().expect("log");
    for end in 0..text.len() - 1 {
        let seen = Log::parse(&text[..end]).map(|log| log.is_closed);
        assert!(!matches!(seen, Ok(Some(true))), "cut at byte {end} passes for closed");
    }
    let whole: Vec<Counts> = log().rows.into_iter().map(|row| row.counts).collect();
    for at in 0..text.len() {
        for other in [b'0', b'7', b'A', b'#', b',', b'\n', b' '] {
            let mut bytes = text.clone().into_bytes();
            if bytes[at] == other {
                continue;
            }
            bytes[at] = other;
            let text = String::from_utf8(bytes).expect("ascii");
            let Ok(read) = Log::parse(&text) else { continue };
            let read: Vec<Counts> = read.rows.into_iter().map(|row| row.counts).collect();
            assert_eq!(read, whole, "byte {at} as {:?}", char::from(other));
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    for out in 0..lines.len() {
        let left: String =
            (0..lines.len()).filter(|n| *n != out).flat_map(|n| [lines[n], "\n"]).collect();
        if let Ok(read) = Log::parse(&left) {
            let is_same = read.rows.iter().map(|row| &row.counts).eq(&whole);
            assert!(
                is_same && (read.is_closed != Some(true) || out < 7),
                "without {:?}",
                lines[out]
            );
        }
    }
}
