//! Outputs written here by hand in the tools' form, and damaged.

use super::*;
use crate::latency::series::Samples;

const JSON: &str = r#"{
  "file_version": 1,
  "cmdline:": "cyclictest -q -D 2 -h 30 --json=x",
  "rt_test_version:": "2.40",
  "return_code": 0,
  "sysinfo": {"sysname": "Linux", "realtime": 0},
  "num_threads": 2,
  "resolution_in_ns": 0,
  "thread": {
    "0": {
      "histogram": {"3": 900, "4": 90, "7": 9},
      "cycles": 1000,
      "min": 3,
      "max": 6380,
      "avg": 9.50,
      "cpu": 1,
      "node": 0
    },
    "1": {"histogram": {"3": 900, "12": 100}, "cycles": 1000, "min": 3, "max": 12, "avg": 4.00,
      "cpu": 0, "node": 0}
  }
}
"#;

#[test]
fn overflows_of_cyclictest_are_what_the_histogram_lacks() {
    let series = json::parse(JSON).expect("cyclictest");
    let one = series[0].as_counted().expect("counts");
    assert_eq!((one.total(), one.unseen, one.max()), (1_000, 1, Some(6_380_000)));
    assert_eq!(series[0].figure("p90"), Some(3_001), "3 us, to the cell's edge");
    assert_eq!(series[0].figure("p99"), Some(4_001));
    assert_eq!(series[1].as_counted().expect("counts").unseen, 0);
    // Spelt without the colon, a quote in the command line, and nanoseconds.
    let other = JSON
        .replace("\"cmdline:\"", "\"cmdline\"")
        .replace("--json=x", "--title \"a\\b\"")
        .replace("\"resolution_in_ns\": 0", "\"resolution_in_ns\": 1");
    assert_eq!(json::parse(&other).expect("quotes")[0].figure("p99"), Some(4));
}

#[test]
fn a_run_without_a_histogram_has_its_own_figures_alone() {
    let text = JSON.replace(r#"{"3": 900, "4": 90, "7": 9}"#, "{}");
    let series = json::parse(&text).expect("no histogram");
    let told = [("min".to_owned(), 3_000), ("max".to_owned(), 6_380_000)];
    let samples = Samples::Told { n: Some(1_000), figures: told.to_vec() };
    assert_eq!(series[0].samples, samples);
    assert_eq!(series[0].figure("p50"), None);
}

const OSLAT_JSON: &str = r#"{
  "file_version": 1, "cmdline:": "oslat -D 1", "return_code": 0, "num_threads": 1,
  "resolution_in_ns": 0,
  "thread": {"0": {"cpu": 2, "freq": 2597, "min": 1, "avg": 1.001, "max": 52468, "duration": 19.9,
    "histogram": {"1": 1000000, "2": 1800, "32": 127}}}
}
"#;

#[test]
fn the_last_bucket_of_oslat_is_a_clamp() {
    let series = json::parse(OSLAT_JSON).expect("oslat");
    let one = series[0].as_counted().expect("counts");
    assert_eq!((one.counts.total(), one.unseen, one.max()), (1_001_800, 127, Some(52_468_000)));
    assert_eq!(series[0].figure("p99.99"), None, "a hundred samples beyond, all of them unseen");
    let calm = OSLAT_JSON.replace("52468", "32");
    assert_eq!(json::parse(&calm).expect("calm")[0].as_counted().expect("counts").unseen, 0);
}

const HIST: &str = "# /dev/cpu_dma_latency set to 0us\n# Histogram\n\
    000000 000000\t000000\n000001 000900\t000100\n000002 000099\t000899\n\
    # Total: 000000999 000000999\n# Min Latencies: 00001 00001\n# Avg Latencies: 00001 00002\n\
    # Max Latencies: 00044 00002\n# Histogram Overflows: 00001 00000\n\
    # Histogram Overflow at cycle number:\n# Thread 0: 00500\n# Thread 1:\n";

#[test]
fn the_text_of_a_histogram_has_its_overflows() {
    let series = text::histogram(HIST).expect("-h");
    let one = series[0].as_counted().expect("counts");
    assert_eq!((one.total(), one.unseen, one.max()), (1_000, 1, Some(44_000)));
    assert_eq!(series[1].figure("p50"), Some(2_000), "2 us");
    for (from, to, what) in [
        ("000900", "000800", "rows and `# Total` differ: rows are missing"),
        ("000001 000900\t000100", "000001 000900", "a row of another form"),
        ("000002 ", "000001 ", "a row that does not rise"),
        ("00044 00002", "00044", "foot and rows differ in columns"),
        ("Max Latencies: 00044", "Max Latencies: 00001", "histogram and min, max differ"),
        ("# Histogram Overflows: 00001 00000\n", "", "the foot is not whole: the file is cut"),
        ("000900", "x00900", "count"),
    ] {
        let damaged = HIST.replacen(from, to, 1);
        assert_ne!(damaged, HIST, "{from:?}");
        let found = text::histogram(&damaged);
        if what == "histogram and min, max differ" {
            // Its max is below an occupied bucket.
            assert!(found.is_err(), "{from:?}");
            continue;
        }
        assert_eq!(found.expect_err(to).what, what, "{from:?} to {to:?}");
    }
}

const PLAIN: &str = "$ cyclictest -m -p 90 -t 2 -D 15 -q\n# /dev/cpu_dma_latency set to 0us\n\
    T: 0 ( 8228) P:90 I:1000 C:  14991 Min:      7 Act:   14 Avg:   13 Max:    7056\n\
    T: 1 ( 8229) P:90 I:1500 C:   9996 Min:      8 Act:   13 Avg:   15 Max:    6889\n";

#[test]
fn plain_text_has_its_own_figures_alone() {
    let series = text::plain(PLAIN).expect("cyclictest");
    assert_eq!(series[1].n(), Some(9_996));
    assert_eq!(series[1].figure("max"), Some(6_889_000));
    assert_eq!(series[1].figure("p99"), None);
    for (from, to) in [
        ("T: 1 (", "T: 2 ("),
        ("Avg:   13", "Avg:    3"),
        ("C:  14991", "C:  1499i"),
        ("Max:    7056\n", "Max:    7056 7\n"),
        ("T: 0", "X: 0"),
    ] {
        let damaged = PLAIN.replacen(from, to, 1);
        assert!(text::plain(&damaged).is_err(), "{from:?} to {to:?}");
    }
}

const OSLAT: &str = "oslat V 2.40\nTotal runtime: \t\t20 seconds\nCPU list: \t\t0-1\n\n\
    Test starts...\nTest completed.\n\n        Core:\t 0 1\nCounter Freq:\t 2597 2597 (Mhz)\n    \
    001 (us):\t 1000 999\n    002 (us):\t 30 40\n    003 (us):\t 7 0 (including overflows)\n     \
    Minimum:\t 1 1 (us)\n     Average:\t 1.001 1.000 (us)\n     Maximum:\t 52 2 (us)\n     \
    Max-Min:\t 51 1 (us)\n    Duration:\t 19.992 19.992 (sec)\n\n";

#[test]
fn the_text_of_oslat_hides_what_it_clamped() {
    let series = text::oslat(OSLAT).expect("oslat");
    let (one, two) = (series[0].as_counted().expect("a"), series[1].as_counted().expect("b"));
    assert_eq!((one.counts.total(), one.unseen, one.max()), (1_030, 7, Some(52_000)));
    assert_eq!((two.counts.total(), two.unseen, two.max()), (1_039, 0, Some(2_000)));
    for (from, to) in [
        ("002 (us)", "003 (us)"),
        ("30 40", "30"),
        (" (including overflows)", ""),
        ("52 2 (us)", "53 2 (us)"),
        ("Minimum", "Minimun"),
        ("    Duration:\t 19.992 19.992 (sec)\n", ""),
    ] {
        let damaged = OSLAT.replacen(from, to, 1);
        assert_ne!(damaged, OSLAT, "{from:?}");
        assert!(text::oslat(&damaged).is_err(), "{from:?} to {to:?}");
    }
}

/// Cuts: an error each, but for what stands below the foot.
#[test]
fn no_cut_passes_for_a_whole_output() {
    type Parse = fn(&str) -> Result<Vec<Series>, Fault>;
    let all: [(&str, &str, Parse, &str); 5] = [
        ("json", JSON, json::parse, "}\n}\n"),
        ("oslat json", OSLAT_JSON, json::parse, "}\n"),
        ("-h", HIST, text::histogram, "# Histogram Overflow at"),
        ("plain", PLAIN, text::plain, ""),
        ("oslat", OSLAT, text::oslat, "\n"),
    ];
    for (name, text, parse, tail) in all {
        let whole = parse(text).expect(name);
        let enough = text.rfind(tail).filter(|_| !tail.is_empty()).unwrap_or(text.len());
        for end in 0..text.len() {
            match parse(&text[..end]) {
                Err(fault) => assert!(fault.line <= text.lines().count() + 1, "{name}"),
                Ok(read) => {
                    assert!(end >= enough, "{name} cut at byte {end} passes");
                    assert_eq!(read, whole, "{name} cut at byte {end}");
                }
            }
        }
    }
}
