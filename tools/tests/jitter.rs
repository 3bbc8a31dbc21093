//! `corelane jitter` as it is used: what it writes, what it refuses, and that it names an intruder.
//!
//! No test here says how long anything took, nor that nothing came between.

use serde_json::Value;
use std::process::{Command, Output, Stdio};

fn jitter(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corelane"));
    command.arg("jitter").args(words).stdin(Stdio::null()).output().expect("corelane starts")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&text(output)).unwrap_or_else(|e| panic!("{e}: {}", error(output)))
}

fn is_virtual() -> bool {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    cpuinfo.split_ascii_whitespace().any(|flag| flag == "hypervisor")
}

#[test]
fn every_gap_and_nanosecond_is_put_down_to_something() {
    let output = jitter(&["gap", "--time=300ms", "--json"]);
    assert!(output.status.success(), "{}", error(&output));
    let json = json(&output);
    let series = json["series"].as_array().unwrap();
    assert!(!series.is_empty());
    for series in series {
        let number = |key: &str| series[key].as_u64().unwrap();
        let causes = series["causes"].as_array().unwrap();
        let gaps: u64 = causes.iter().map(|cause| cause["gaps"].as_u64().unwrap()).sum();
        let ns: u64 = causes.iter().map(|cause| cause["ns"].as_u64().unwrap()).sum();
        assert_eq!(gaps, number("n"), "{series}");
        // The whole is converted from cycles once, the parts one by one.
        assert!(number("total_ns").abs_diff(ns) <= gaps, "{series}");
    }
    assert_eq!(json["verdict"]["certified"], false, "300 ms certify nothing");
}

/// Processes that want the measured CPU take it away, and the switch is named with its checks.
#[test]
fn an_intruder_on_the_cpu_is_named() {
    let cpus = station::sys::affinity().unwrap();
    if std::fs::read_to_string("/proc/thread-self/schedstat").is_err() {
        eprintln!("SKIPPED an_intruder_on_the_cpu_is_named: the kernel counts no switches");
        return;
    }
    let cpu = *cpus.last().unwrap();
    let intruder = std::thread::spawn(move || {
        assert_eq!(station::pin::pin_current(Some(cpu)), station::pin::Pinned::To(cpu));
        let list = format!("--cpus={cpu}");
        let mut child = Command::new(env!("CARGO_BIN_EXE_corelane"))
            .args(["jitter", "gap", "--time=2s", "--json", &list])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // This thread works on the same CPU until the other is done.
        while child.try_wait().unwrap().is_none() {
            assert!((0..100_000_u64).map(std::hint::black_box).sum::<u64>() > 0);
        }
        child.wait_with_output().unwrap()
    });
    let output = intruder.join().unwrap();
    let json = json(&output);
    let causes = json["series"][0]["causes"].as_array().unwrap();
    let switch = causes.iter().find(|cause| cause["cause"].as_str().unwrap().starts_with("switch"));
    let switch = switch.unwrap_or_else(|| panic!("no switch seen: {json}"));
    assert!(switch["checks"].as_array().unwrap().contains(&"I08".into()), "{switch}");
}

#[test]
fn a_virtual_machine_is_not_certified() {
    let output = jitter(&["gap", "--time=50ms", "--fail=max<=1h"]);
    assert_eq!(output.status.code(), Some(12), "{}", text(&output));
    assert!(text(&output).contains("certified: no"), "{}", text(&output));
    assert!(text(&output).contains("not certifiable: shorter than 60 s"));
    assert_eq!(text(&output).contains("virtual machine"), is_virtual());
    let output = jitter(&["gap", "--time=50ms", "--fail=max<=1h", "--uncertified"]);
    assert!(output.status.success(), "{}", text(&output));
    let output = jitter(&["wake", "--time=50ms", "--fail=max<1ns", "--uncertified"]);
    assert_eq!(output.status.code(), Some(31), "{}", text(&output));
}

#[test]
fn what_cannot_be_measured_is_refused_in_one_line() {
    for (words, named) in [
        (&["gap", "--cpus=8000"][..], "may not be used"),
        (&["gap", "--cpus=9999"], "no list of CPUs"),
        (&["gap", "--cpus=x"], "no list of CPUs"),
        (&["cores", "--cpus=0"], "two CPUs"),
        (&["cores", "--fail=max<=5us"], "cores mode"),
        (&["gap", "--hold-latency"], "request"),
        (&["gap", "--baseline=/nonexistent"], "/nonexistent"),
    ] {
        let output = jitter(words);
        assert!(matches!(output.status.code(), Some(10 | 14)), "{words:?}: {}", error(&output));
        assert!(error(&output).contains(named), "{words:?}: {}", error(&output));
        assert_eq!(error(&output).lines().count(), 1, "{}", error(&output));
    }
    for words in [["--fail=p99.9"], ["--fail=max<=5"], ["--time=1"], ["--interval=1us"]] {
        let output = jitter(&words);
        assert_eq!(output.status.code(), Some(10), "{words:?}");
    }
    let output = jitter(&["--fail=p99.9<=5"]);
    assert!(error(&output).contains("p99.9<=5us,max<=50us"), "{}", error(&output));
}

#[test]
fn a_log_has_a_row_for_every_cpu_and_its_end() {
    let folder = tempfile::tempdir().unwrap();
    for (mode, tag) in [("gap", "Tag=gap_cpu"), ("wake", "Tag=wake_cpu")] {
        let path = folder.path().join(mode);
        let hlog = format!("--hlog={}", path.display());
        assert!(jitter(&[mode, "--time=200ms", &hlog]).status.success());
        let log = std::fs::read_to_string(&path).unwrap();
        let rows: Vec<&str> = log.lines().filter(|line| line.starts_with(tag)).collect();
        assert!(!rows.is_empty(), "{log}");
        assert!(rows.iter().all(|row| row.split(',').nth(4).unwrap().starts_with("HISTFAAA")));
        assert_eq!(log.lines().last().unwrap(), format!("#[Closed: rows={}]", rows.len()));
    }
    let nowhere = jitter(&["gap", "--time=50ms", "--hlog=/nonexistent/log"]);
    assert_eq!(nowhere.status.code(), Some(14));
}

#[test]
fn a_report_is_the_baseline_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.json");
    let old = jitter(&["wake", "--time=200ms", "--json"]);
    // The settling wakes are no samples; the time is the whole.
    assert!(json(&old)["elapsed_ns"].as_u64().unwrap() >= 200_000_000, "{}", text(&old));
    std::fs::write(&path, text(&old)).unwrap();
    let baseline = format!("--baseline={}", path.display());
    let output = jitter(&["wake", "--time=200ms", &baseline, "--uncertified"]);
    assert!(matches!(output.status.code(), Some(0 | 31)), "{}", error(&output));
    assert!(text(&output).contains(" p50: baseline "), "{}", text(&output));
    let other = jitter(&["gap", "--time=50ms", &baseline]);
    assert_eq!(other.status.code(), Some(10), "a report of another mode");
}

#[test]
fn holding_the_request_is_shown_beside_not_holding_it() {
    let output = jitter(&["wake", "--time=1100ms", "--interval=100us", "--hold-latency", "--json"]);
    if error(&output).contains("cannot measure") {
        let why = error(&output);
        eprintln!("SKIPPED holding_the_request_is_shown_beside_not_holding_it: {why}");
        return;
    }
    let json = json(&output);
    let names: Vec<&str> =
        json["series"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(names.len() >= 2 && names[1] == format!("{} held", names[0]), "{names:?}");
    assert!(json["series"][1]["n"].as_u64().unwrap() > 0, "half a second of wakes: {json}");
}

#[test]
fn cores_are_measured_beside_the_line_probe() {
    let cpus = station::sys::affinity().unwrap();
    let Some([one, two]) = cpus.last_chunk() else {
        let output = jitter(&["cores", "--json"]);
        assert_eq!(output.status.code(), Some(10));
        eprintln!("SKIPPED cores_are_measured_beside_the_line_probe: one CPU");
        return;
    };
    // Two of them: every pair of a large host would take minutes.
    let output = jitter(&["cores", "--json", &format!("--cpus={one},{two}")]);
    assert!(output.status.success(), "{}", error(&output));
    let json = json(&output);
    let pairs = json["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 1);
    for pair in pairs {
        let number = |key: &str| pair[key].as_u64().unwrap();
        let (kept, dropped) = (number("bursts_kept"), number("bursts_dropped"));
        assert!((5..=20).contains(&(kept + dropped)), "{pair}");
        assert_eq!(number("n"), kept * 4_000, "{pair}");
    }
}
