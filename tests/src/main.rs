//! `make test`: runs every test of the project and says at the end what passed, what failed and
//! what was skipped, by name and with the reason.
//!
//! Owns no test. A test that lacks an optional tool prints `SKIPPED <name>: <reason>` and returns;
//! this program finds those lines, so a skip is never silent and never counts as a pass. A failed
//! test is named at the end with the lines of its panic: whoever sees only the end of the output
//! knows what to look at. The full output is in `target/test-log.txt`.

use corelane_tests::libtorch;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The crate beside the workspace, and the interpreter of Python's tests.
const TORCH: &str = "sidecars/torch";
const PYTHON: &str = "python3";

/// One kind of tests and the command that runs it.
struct Stage {
    name: &'static str,
    command: Command,
}

/// Totals over all stages.
#[derive(Default)]
struct Totals {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    broken: Vec<String>,
    failures: Failures,
}

/// What the failed tests said, so that the end of the output names them and says why.
#[derive(Default)]
struct Failures {
    /// Names in the order of the harness's own lists, a section of `failures:` each.
    names: Vec<String>,
    /// Panics of all threads: the thread's name, and the lines told. Of a failed test its own
    /// are shown; a test's thread bears the test's name.
    panics: Vec<(String, Vec<String>)>,
    in_list: bool,
    in_panic: bool,
}

/// Lines kept of one panic; the rest is in the log.
const PANIC_LINES: usize = 12;

impl Failures {
    fn hear(&mut self, line: &str) {
        if line == "failures:" {
            self.in_list = true;
            return;
        }
        let thread = line.split_once("thread '").and_then(|(_, rest)| rest.split_once('\''));
        let place = thread.and_then(|(_, told)| told.split_once("panicked at "));
        if let (Some((name, _)), Some((_, place))) = (thread, place) {
            self.panics.push((name.to_owned(), vec![place.to_owned()]));
            self.in_panic = true;
            return;
        }
        if self.in_panic {
            let lines = self.panics.last_mut().map(|(_, lines)| lines);
            match lines.filter(|lines| lines.len() < PANIC_LINES && !line.starts_with("note: ")) {
                Some(lines) => lines.push(line.to_owned()),
                None => self.in_panic = false,
            }
        }
        if self.in_list {
            match line.strip_prefix("    ").filter(|name| !name.is_empty()) {
                Some(name) => self.names.push(name.to_owned()),
                None => self.in_list = false,
            }
        } else if let Some(name) = ["FAIL: ", "ERROR: "].iter().find_map(|p| line.strip_prefix(p)) {
            // Python's unittest heads its account of a failure so.
            self.names.push(name.to_owned());
        }
    }

    /// A line for each failed test, and the lines of its panic beneath.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for name in &self.names {
            lines.push(format!("FAILED {name}"));
            for (_, told) in self.panics.iter().filter(|(thread, _)| thread == name) {
                lines.extend(told.iter().map(|line| format!("   {line}")));
            }
        }
        lines
    }
}

fn main() -> ExitCode {
    let root = root();
    let log_path = root.join("target/test-log.txt");
    let log = std::fs::create_dir_all(root.join("target")).and_then(|()| File::create(&log_path));
    let mut log = match log {
        Ok(log) => log,
        Err(error) => {
            say(&format!("cannot write {}: {error}", log_path.display()));
            return ExitCode::FAILURE;
        }
    };
    let mut totals = Totals::default();
    let stages = stages(&root);
    if stages.iter().all(|stage| stage.name != TORCH) {
        totals.passed += 1;
        totals.skipped.push(format!("SKIPPED {TORCH}: there is no libtorch (make libtorch)"));
    }
    for stage in stages {
        run(stage, &mut log, &mut totals);
    }
    say("");
    for line in &totals.skipped {
        say(line);
    }
    for line in totals.failures.lines() {
        say(&line);
    }
    for line in &totals.broken {
        say(&format!("FAILED {line}; the output is in target/test-log.txt"));
    }
    let skipped = totals.skipped.len() as u64;
    // A skipped test returns early and is counted as passed by the test harness.
    let passed = totals.passed.saturating_sub(skipped);
    say(&format!("{passed} passed, {} failed, {skipped} skipped", totals.failed));
    if totals.failed == 0 && totals.broken.is_empty() && totals.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

fn stages(root: &Path) -> Vec<Stage> {
    let command = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(root).env_remove("RUST_BACKTRACE");
        command
    };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut stages = Vec::new();
    if let Some(libtorch) = libtorch::folder(root) {
        // First: the process tests start the program it builds.
        let mut torch = command(&cargo, &["test", "--locked", "--no-fail-fast", "--target-dir"]);
        torch.arg(root.join("target")).args(["--", "--nocapture"]);
        torch.current_dir(root.join("sidecars/torch")).env("LIBTORCH", libtorch);
        stages.push(Stage { name: TORCH, command: torch });
    }
    // Without capture: skips are told on standard error. Building the tests of every package also
    // builds the programs that the process tests start.
    let all = ["test", "--workspace", "--no-fail-fast", "--", "--nocapture"];
    stages.push(Stage { name: "unit, property and process tests", command: command(&cargo, &all) });
    let trainer = std::env::var("CORELANE_TRAINING_PYTHON").ok().filter(|name| !name.is_empty());
    let trainer = trainer.as_deref().unwrap_or(PYTHON);
    for (folder, python) in [("sidecars/python", PYTHON), ("sidecars/signal/training", trainer)] {
        let args = ["-m", "unittest", "discover", "-v", "-s", folder, "-p", "test_*.py"];
        stages.push(Stage { name: folder, command: command(python, &args) });
    }
    stages
}

fn run(mut stage: Stage, log: &mut File, totals: &mut Totals) {
    say(&format!("== {}", stage.name));
    let before = totals.failed;
    let child = stage.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match child.spawn() {
        Ok(child) => child,
        Err(error) if stage.name.contains('/') => {
            totals.passed += 1;
            totals.skipped.push(format!("SKIPPED {}: python3: {error}", stage.name));
            return;
        }
        Err(error) => {
            totals.broken.push(format!("{}: {error}", stage.name));
            return;
        }
    };
    let (sender, lines) = std::sync::mpsc::channel();
    let mut readers = Vec::new();
    for stream in [
        child.stdout.take().map(|s| Box::new(s) as Box<dyn std::io::Read + Send>),
        child.stderr.take().map(|s| Box::new(s) as Box<dyn std::io::Read + Send>),
    ]
    .into_iter()
    .flatten()
    {
        let sender = sender.clone();
        readers.push(std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                // The receiver lives until every sender is gone.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        }));
    }
    drop(sender);
    for line in lines {
        // The log is a help; what counts is shown and counted here.
        let _ = writeln!(log, "{line}");
        totals.failures.hear(&line);
        if let Some(shown) = take(&line, totals) {
            say(&format!("   {shown}"));
        }
    }
    for reader in readers {
        let _ = reader.join();
    }
    let status = child.wait();
    if !status.as_ref().is_ok_and(std::process::ExitStatus::success) {
        totals.broken.push(format!("{}: {status:?}", stage.name));
        totals.failed = totals.failed.max(before + 1);
    }
}

/// Counts what a line says; gives it back where a person waits for it.
fn take<'a>(line: &'a str, totals: &mut Totals) -> Option<&'a str> {
    if let Some(at) = line.find("SKIPPED ") {
        totals.skipped.push(line[at..].to_owned());
        return None;
    }
    if line.contains("skipped '") {
        let (name, reason) = line.split_once(" ... skipped ").unwrap_or((line, ""));
        totals.skipped.push(format!("SKIPPED {}: {reason}", name.trim()));
        return None;
    }
    let text = line.trim();
    if text.starts_with("test result:") {
        totals.passed += number_before(text, " passed");
        totals.failed += number_before(text, " failed");
        return Some(text);
    }
    if let Some(rest) = line.strip_prefix("Ran ") {
        // Python's unittest.
        totals.passed += number_before(&format!(" {rest}"), " test");
        return Some(text);
    }
    let shown = text.starts_with("Running ")
        || text.starts_with("Doc-tests ")
        || line.starts_with("error")
        || line.ends_with("FAILED");
    shown.then_some(text)
}

fn number_before(line: &str, word: &str) -> u64 {
    let head = line.split(word).next().unwrap_or("");
    head.rsplit([' ', '.']).next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads: nothing to tell.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn lines_are_counted_and_skips_are_kept() {
        let mut totals = Totals::default();
        for line in [
            " test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out",
            "test a::b ... SKIPPED b: no ../shared/data",
            "test result: FAILED. 5 passed; 2 failed; 0 ignored",
            "Ran 4 tests in 0.1s",
            "test_x (test_client.Client) ... skipped 'no numpy'",
        ] {
            take(line, &mut totals);
        }
        assert_eq!((totals.passed, totals.failed), (21, 2));
        assert_eq!(totals.skipped.len(), 2);
        assert!(totals.skipped[1].contains("no numpy"), "{:?}", totals.skipped);
    }

    #[test]
    fn a_failed_test_is_named_with_its_panic_and_no_other_ones() {
        let mut failures = Failures::default();
        for line in [
            "test a::good ... ok",
            "thread 'helper' (12) panicked at src/other.rs:1:1:",
            "a panic that a test expects",
            "note: run with `RUST_BACKTRACE=1`",
            "test a::bad ... thread 'a::bad' (11) panicked at src/a.rs:7:5:",
            "assertion `left == right` failed",
            "  left: 1",
            " right: 2",
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            "FAILED",
            "",
            "failures:",
            "",
            "failures:",
            "    a::bad",
            "",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored",
            "    Running unittests src/lib.rs",
            "FAIL: test_x (test_client.Client.test_x)",
        ] {
            failures.hear(line);
        }
        assert_eq!(
            failures.lines(),
            [
                "FAILED a::bad",
                "   src/a.rs:7:5:",
                "   assertion `left == right` failed",
                "     left: 1",
                "    right: 2",
                "FAILED test_x (test_client.Client.test_x)",
            ]
        );
    }
}
