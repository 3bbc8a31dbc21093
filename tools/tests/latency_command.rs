//! `corelane latency` as a person calls it, on logs made here.

use corelane_tools::latency::counts::{Cells, Counts};
use corelane_tools::latency::hlog::{Log, Row};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use wire::counters::{COUNTERS_MAGIC, CountersHeader};

const SECONDS: u64 = 30;

/// A log of `event` near `base` and of a few `signal_age`.
fn log(base: u64, start_s: u64) -> String {
    let row = |tag: &str, second: u64, values: &mut dyn Iterator<Item = u64>| {
        let mut counts = Counts::new(Cells::NS);
        for value in values {
            counts.add(value, 1).expect("few");
        }
        let (offset_ns, length_ns) = (second * 1_000_000_000, 1_000_000_000);
        Row { tag: Some(tag.to_owned()), offset_ns, length_ns, counts }
    };
    let mut rows = Vec::new();
    for second in 0..SECONDS {
        let mut values = (0..2_000).map(|n| base + (n * n + second) % (base / 3));
        rows.push(row("event", second, &mut values));
        rows.push(row("signal_age", second, &mut std::iter::once(5_000_000)));
    }
    let log = Log { start_ns: Some(start_s * 1_000_000_000), rows, ..Log::default() };
    log.text().expect("log")
}

fn corelane(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_corelane")).arg("latency").args(args).output().expect("starts")
}

fn clean(args: &[&str]) -> String {
    let output = corelane(args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {err}");
    String::from_utf8(output.stdout).expect("text")
}

/// Exit status and standard error of a refusal.
fn refused(args: &[&str]) -> (i32, String) {
    let output = corelane(args);
    (output.status.code().expect("a status"), String::from_utf8_lossy(&output.stderr).into_owned())
}

struct Files {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let root = dir.path().to_owned();
        fs::write(root.join("a.hlog"), log(3_000, 1_760_000_000)).expect("a");
        fs::write(root.join("b.hlog"), log(3_000, 1_760_000_100)).expect("b");
        fs::write(root.join("slow.hlog"), log(4_000, 1_760_000_200)).expect("slow");
        let cut = log(3_000, 0);
        let end = cut.rfind("#[Closed").expect("a last line");
        fs::write(root.join("cut.hlog"), &cut[..end]).expect("cut");
        Self { _dir: dir, root }
    }

    fn path(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }
}

#[test]
fn merged_logs_hold_the_samples_of_both() {
    let files = Files::new();
    let (a, b, out) = (files.path("a.hlog"), files.path("b.hlog"), files.path("ab.hlog"));
    clean(&["merge", &b, &a, "-o", &out]);
    let merged = Log::parse(&fs::read_to_string(&out).expect("merged")).expect("whole");
    assert_eq!(merged.start_ns, Some(1_760_000_000_000_000_000));
    assert_eq!(merged.rows.len(), 4 * 30);
    let last = merged.rows.last().expect("rows");
    assert_eq!(last.offset_ns, (100 + SECONDS - 1) * 1_000_000_000, "by wall clock");
    let sums = merged.by_tag().expect("same cells");
    let event = &sums.iter().find(|(tag, _)| tag == "event").expect("event").1;
    assert_eq!(event.total(), 2 * SECONDS * 2_000);

    let (one, two) = (files.path("one.hgrm"), files.path("two.hgrm"));
    clean(&["merge", &a, "-o", &one, "--stage=event"]);
    let copy = files.path("copy.hgrm");
    fs::copy(&one, &copy).expect("copied");
    clean(&["merge", &one, &copy, "-o", &two]);
    let json: Value =
        serde_json::from_str(&clean(&["report", "--json", &one, &two])).expect("json");
    let figure = |n: usize, name: &str| json["inputs"][n]["series"][0][name].clone();
    assert_eq!(figure(0, "n"), SECONDS * 2_000);
    assert_eq!(figure(1, "n"), 2 * SECONDS * 2_000);
    assert_eq!(figure(0, "figures")["p99_ns"], figure(1, "figures")["p99_ns"]);
}

#[test]
fn what_cannot_be_merged_is_refused_with_a_line() {
    let files = Files::new();
    let (a, cut, out) = (files.path("a.hlog"), files.path("cut.hlog"), files.path("out.hlog"));
    let text = files.path("x.hgrm");
    clean(&["merge", &a, "-o", &text, "--stage=event"]);
    let mut coarse = Counts::new(Cells { low: 1, digits: 2 });
    coarse.add(5, 1).expect("one");
    let tag = Some("event".to_owned());
    let rows = vec![Row { tag, offset_ns: 0, length_ns: 1, counts: coarse }];
    let coarse = Log { start_ns: Some(9_000_000_000), rows, ..Log::default() };
    let two = files.path("two.hlog");
    fs::write(&two, coarse.text().expect("log")).expect("written");
    let table = files.path("cyclictest.txt");
    let line = "T: 0 (1) P:90 I:1000 C: 10 Min: 7 Act: 14 Avg: 13 Max: 56\n";
    fs::write(&table, line).expect("written");
    for (inputs, said, exit) in [
        (vec![&a, &text], "they cannot be merged", 10),
        (vec![&a, &two], "histograms with other cells cannot be merged", 10),
        (vec![&a, &table], "percentiles cannot be merged", 10),
        (vec![&text], "percentile text cannot become a log", 10),
        (vec![&a, &a], "an input comes twice", 10),
        (vec![&a, &cut], "the log has no last line", 14),
        (vec![&out], "cannot be read", 14),
    ] {
        let mut args = vec!["merge", "-o", out.as_str()];
        args.extend(inputs.iter().map(|path| path.as_str()));
        let (code, err) = refused(&args);
        assert_eq!(code, exit, "{err}");
        assert!(err.contains(said) && err.lines().count() == 1, "{err}");
        assert!(!Path::new(&out).exists(), "nothing is written");
    }
    let (code, err) = refused(&["merge", &a, "-o", &a]);
    assert!(code == 10 && err.contains("the output is an input"), "{err}");
    assert_eq!(fs::read_to_string(&a).expect("untouched"), log(3_000, 1_760_000_000));
    clean(&["merge", "--partial", &cut, "-o", &out]);
}

#[test]
fn a_comparison_ends_with_its_verdict() {
    let files = Files::new();
    let (a, b, slow) = (files.path("a.hlog"), files.path("b.hlog"), files.path("slow.hlog"));
    let status = |args: &[&str]| {
        let output = corelane(args);
        (
            output.status.code().expect("a status"),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, said) = status(&["compare", &a, &b, "--stage=event"]);
    assert!(code == 0 && said.ends_with("B is the same\n"), "{code} {said}");
    let (code, said) = status(&["compare", &a, &slow, "--stage=event"]);
    assert!(code == 31 && said.ends_with("B is slower\n"), "{code} {said}");
    let (code, said) = status(&["compare", &slow, &a, "--stage=event"]);
    assert!(code == 0 && said.ends_with("B is faster\n"), "{code} {said}");
    assert!(said.contains("p99.999") && said.contains("n/a"), "{said}");
    let again = status(&["compare", &slow, &a, "--stage=event"]);
    assert_eq!(again, (code, said), "the same seed, the same figures");
    let (code, said) =
        status(&["compare", &a, &slow, "--stage=event", "--tolerance=100", "--json"]);
    let json: Value = serde_json::from_str(&said).expect("json");
    assert!(code == 0 && json["verdict"] == "same", "{said}");
    let (code, err) = refused(&["compare", &a, &slow, "--stage=none"]);
    assert!(code == 10 && err.contains("no stage in common"), "{err}");
}

#[test]
fn a_page_stands_alone_and_a_watch_ends_with_the_run() {
    let files = Files::new();
    let run = files.root.join("run");
    fs::create_dir(&run).expect("folder");
    fs::copy(files.path("a.hlog"), run.join("latency.hlog")).expect("log");
    let (run, page) = (run.display().to_string(), files.path("page.html"));
    let said = clean(&["watch", &run]);
    assert!(said.contains("30 s, ended") && said.contains("signal_age"), "{said}");
    assert!(!said.contains('\x1b'), "plain lines where there is no terminal");
    clean(&["report", &run, &files.path("b.hlog"), "-o", &page]);
    let page = fs::read_to_string(page).expect("page");
    assert!(page.contains("Worst moments of event") && page.contains("<svg"));
    for outside in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "the page must stand alone: {outside}");
    }
    // An engine that was killed leaves neither a summary nor the log's last line.
    let run = files.root.join("killed");
    fs::create_dir(&run).expect("folder");
    let whole = fs::read_to_string(files.path("a.hlog")).expect("log");
    let cut: Vec<&str> = whole.lines().filter(|line| !line.starts_with("#[Closed")).collect();
    fs::write(run.join("latency.hlog"), cut.join("\n") + "\n").expect("log");
    let mut gone = Command::new("true").spawn().expect("starts");
    let header = CountersHeader {
        magic: COUNTERS_MAGIC,
        pid: u64::from(gone.id()),
        ..bytemuck::Zeroable::zeroed()
    };
    gone.wait().expect("ends");
    fs::write(run.join("counters"), bytemuck::bytes_of(&header)).expect("page");
    let (code, err) = refused(&["watch", &run.display().to_string()]);
    assert!(code == 14 && err.contains("the engine went without an end"), "{code} {err}");
    let (code, err) = refused(&["watch", &files.path("nowhere")]);
    assert!(code == 14 && err.contains("no folder of a run"), "{err}");
}
