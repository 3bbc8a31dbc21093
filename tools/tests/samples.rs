//! Outputs of other tools, recorded on a machine, against their readers: each is read, and each
//! damage of it is an error or changes nothing that is shown beyond the place it stands in.
//!
//! SKIPPED without the recordings.

use corelane_tools::latency::hgrm::Unit;
use corelane_tools::latency::input::{self, Kind};
use corelane_tools::latency::series::{Samples, Series};
use std::fs;
use std::path::{Path, PathBuf};

fn samples(test: &str) -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference/samples");
    let Ok(folder) = fs::read_dir(&shared) else {
        eprintln!("SKIPPED {test}: there is no ../shared/reference/samples");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = folder.filter_map(Result::ok).map(|e| e.path()).collect();
    paths.sort();
    assert!(paths.len() > 20, "{} samples", paths.len());
    paths
}

#[test]
fn every_sample_is_read() {
    for path in samples("every_sample_is_read") {
        let input = input::read(&path, Unit::Ns).unwrap_or_else(|e| panic!("{e}"));
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        let starts: &[(&str, Kind)] = &[
            ("sfnt-pingpong", Kind::Pingpong),
            ("sfnt-stream", Kind::Stream),
            ("cyclictest", Kind::Cyclictest),
            ("oslat", Kind::Oslat),
            ("sockperf", Kind::Sockperf),
            ("iceoryx2", Kind::Iceoryx2),
        ];
        let kind = starts.iter().find(|(start, _)| name.starts_with(start)).map(|(_, kind)| *kind);
        assert_eq!(Some(input.kind), kind, "{name}");
        let holds_none = name.ends_with(".server") || name.contains("-tp-");
        assert_eq!(input.series.is_empty(), holds_none, "{name}");
    }
}

/// Figures of three samples, by hand from the files.
#[test]
fn figures_are_those_of_the_file() {
    let paths = samples("figures_are_those_of_the_file");
    let figure = |file: &str, series: &str, name: &str| {
        let path = paths.iter().find(|p| p.ends_with(file))?;
        let input = input::read(path, Unit::Ns).expect("a sample");
        let found = input.series.iter().find(|s| s.name == series).expect("series");
        found.figure(name)
    };
    if paths.is_empty() {
        return;
    }
    let half = "sfnt-pingpong-tcp.txt";
    assert_eq!(figure(half, "64 bytes, half", "p50"), Some(25_698));
    assert_eq!(figure(half, "64 bytes, whole round trip", "p50"), Some(51_396));
    let whole = "sfnt-pingpong-udp-rtt-percentile999.txt";
    assert_eq!(figure(whole, "64 bytes, whole round trip", "p99.9"), Some(21_431));
    assert_eq!(figure(whole, "64 bytes, half", "p99.9"), Some(10_715));
    assert_eq!(figure(whole, "64 bytes, half", "p99"), None);
    assert_eq!(figure("sfnt-stream-udp.txt", "40000 a second", "min"), Some(-577));
    assert_eq!(figure("cyclictest-fifo90.txt", "thread 0", "max"), Some(7_056_000));
    assert_eq!(figure("oslat-cpu0-fifo.txt", "core 0", "max"), Some(52_468_000));
    assert_eq!(figure("sockperf-pp-tcp-block.txt", "sockperf", "p99.999"), Some(4_052_774));
}

/// What a person is shown of a series, figure by figure.
fn shown(series: &[Series]) -> Vec<(String, String, i64)> {
    let mut out = Vec::new();
    for one in series {
        let n = one.n().and_then(|n| i64::try_from(n).ok()).unwrap_or(-1);
        out.push((one.name.clone(), "n".to_owned(), n));
        match &one.samples {
            Samples::Told { figures, .. } => {
                out.extend(figures.iter().map(|(k, ns)| (one.name.clone(), k.clone(), *ns)));
            }
            Samples::Counted(counted) => {
                let max = counted.max().and_then(|ns| i64::try_from(ns).ok());
                out.push((one.name.clone(), "max".to_owned(), max.unwrap_or(-1)));
                for (sum, edge) in counted.counts.ranked().edges() {
                    let sum = i64::try_from(*sum).expect("few");
                    out.push((one.name.clone(), edge.to_string(), sum));
                }
            }
        }
    }
    out
}

/// Every byte changed to each of a handful, every line taken away, every cut. No panic; a fault
/// names a line of the file. What is read all the same must have the same names and columns unless
/// the change stands in a digit of the file: no figure is lost or gained unseen.
#[test]
fn no_damage_passes_unseen() {
    for path in samples("no_damage_passes_unseen") {
        let text = fs::read_to_string(&path).expect("a sample");
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        let whole = input::parse(&path, text.as_bytes(), Unit::Ns).expect("a sample").series;
        // Names stand in comments and paths too: what counts is which figures there are.
        let shape = |series: &[Series]| -> Vec<String> {
            shown(series).into_iter().map(|(_, figure, _)| figure).collect()
        };
        let read = |bytes: &[u8]| match input::parse(&path, bytes, Unit::Ns) {
            Ok(input) => Some(input.series),
            Err(fault) => {
                assert!(
                    fault.line >= 1 && fault.line <= text.lines().count() + 2,
                    "{name} {fault}"
                );
                None
            }
        };
        let bytes = text.as_bytes();
        for at in 0..bytes.len() {
            for other in [b'x', b' ', b'\t', b'\n', b'#', 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[at] = other;
                let Some(series) = read(&damaged) else { continue };
                let is_figure = bytes[at].is_ascii_digit();
                assert!(
                    shape(&series) == shape(&whole) || is_figure,
                    "{name}: byte {at} as {other}"
                );
            }
        }
        for end in (1..bytes.len()).filter(|end| bytes[end - 1] != b'\n') {
            // Below the last figure stand a transcript's own lines: without their end they are cut.
            assert!(read(&bytes[..end]).is_none(), "{name}: cut within a line at byte {end}");
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for out in 0..lines.len() {
            let left: String = (0..lines.len()).filter(|n| *n != out).map(|n| lines[n]).collect();
            let Some(series) = read(left.as_bytes()) else { continue };
            if name.starts_with("cyclictest") && out == 0 || name.starts_with("iceoryx2") {
                // Without its command nobody can tell how many there were.
                continue;
            }
            assert_eq!(shown(&series), shown(&whole), "{name}: without line {}", out + 1);
        }
    }
}
