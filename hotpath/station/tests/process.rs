//! The binary: exit codes, signals, a bad disk. Every end leaves its files.

mod common;

use common::{limits, record, text};
use corelane_station::sys;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use wire::counters::{Counter, CountersHeader};
use wire::station::Mode;

const ENGINE: &str = env!("CARGO_BIN_EXE_corelane-engine");

fn engine(dir: &Path, args: &[&str]) -> Output {
    Command::new(ENGINE).current_dir(dir).args(args).output().expect("engine runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn world(events: u64, speed: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("folder");
    record(&dir.path().join("day.clrec"), events);
    let text = text("day.clrec", "", false).replace("\"max\"", speed);
    std::fs::write(dir.path().join("c.toml"), text).expect("configuration");
    std::fs::write(dir.path().join("limits.toml"), limits(false)).expect("limits");
    dir
}

fn summary(dir: &Path) -> Value {
    let text = std::fs::read_to_string(dir.join("run/summary.json")).expect("summary");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_run_prints_its_summary_and_ends_clean() {
    let dir = world(900, "\"max\"");
    let output = engine(dir.path(), &["--config=c.toml", "--run-dir=run", "--json", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(said(&output), "", "quiet");
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(printed, summary(dir.path()));
    let output = engine(dir.path(), &["--config=c.toml", "--speed=max"]);
    assert!(said(&output).contains("OK: session ended: events=900 "), "{}", said(&output));
    assert!(dir.path().join("runs").read_dir().expect("runs").next().is_some());
}

#[test]
fn bad_input_is_told_and_has_its_exit_code() {
    let dir = world(30, "\"max\"");
    let at = dir.path();
    let code = |args: &[&str]| {
        let output = engine(at, args);
        let (text, code) = (said(&output), output.status.code());
        (code, text)
    };
    assert_eq!(code(&["--nonsense"]).0, Some(10));
    assert_eq!(code(&["--config=c.toml", "--speed=fast"]).0, Some(10));
    let (exit, text) = code(&["--config=none.toml"]);
    assert_eq!(exit, Some(14));
    assert!(text.contains("none.toml") && text.contains("; next: "), "{text}");
    let (exit, text) = code(&["--config=c.toml", "--data=none.clrec"]);
    assert_eq!(exit, Some(14));
    assert!(text.starts_with("RESOURCE: ") && text.contains("none.clrec"), "{text}");
    let bad = text_with(at, "[station]\n", "[station]\nidel = \"busy\"\nthreads = \"three\"\n");
    let (exit, text) = code(&[&format!("--config={bad}")]);
    assert_eq!(exit, Some(11));
    assert_eq!(text.lines().count(), 2, "{text}");
    let other = text_with(at, "BTCUSDT", "ETHUSDT");
    let (exit, text) = code(&[&format!("--config={other}")]);
    assert_eq!(exit, Some(11));
    assert!(text.contains("ETHUSDT") && text.contains("BTCUSDT"), "{text}");
}

fn text_with(dir: &Path, from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(dir.join("c.toml")).expect("configuration");
    let name = "bad.toml";
    std::fs::write(dir.join(name), text.replace(from, to)).expect("configuration");
    name.to_owned()
}

fn counter(page: &Path, counter: Counter) -> u64 {
    let bytes = std::fs::read(page).unwrap_or_default();
    let at = size_of::<CountersHeader>() + usize::from(counter.code()) * 8;
    let cell = bytes.get(at..at + 8).and_then(|cell| cell.try_into().ok());
    cell.map_or(0, u64::from_le_bytes)
}

/// Waits until the engine has taken inputs; panics if it ends before.
fn until_it_plays(child: &mut Child, dir: &Path) {
    while counter(&dir.join("run/counters"), Counter::LoopInputs) < 3 {
        assert!(child.try_wait().expect("child").is_none(), "the engine ended early");
        std::thread::yield_now();
    }
}

#[test]
fn sigterm_ends_in_good_order_with_all_files() {
    let dir = world(60_000, "1");
    let mut child = Command::new(ENGINE)
        .current_dir(dir.path())
        .args(["--config=c.toml", "--run-dir=run"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("engine starts");
    until_it_plays(&mut child, dir.path());
    sys::terminate(child.id()).expect("signal");
    let output = child.wait_with_output().expect("engine ends");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let summary = summary(dir.path());
    assert!(summary["events"].as_u64() < Some(60_000));
    assert_eq!(summary["mode"], "MAINTENANCE");
    assert!(tape::read_all(dir.path().join("run/journal")).is_ok(), "the record is whole");
    assert_eq!(counter(&dir.path().join("run/counters"), Counter::Done), 1);
}

/// Waits until a counter of a running engine has a value; panics if it ends before.
fn until(child: &mut Child, dir: &Path, which: Counter, value: u64) {
    while counter(&dir.join("run/counters"), which) != value {
        assert!(child.try_wait().expect("child").is_none(), "the engine ended early");
        std::thread::yield_now();
    }
}

/// The kill switch from outside the control socket: no sidecar, no command line, no socket.
#[test]
fn a_signal_and_a_file_pull_the_kill_switch() {
    for by_file in [false, true] {
        let dir = world(60_000, "1");
        let mut child = Command::new(ENGINE)
            .current_dir(dir.path())
            .args(["--config=c.toml", "--run-dir=run"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("engine starts");
        until(&mut child, dir.path(), Counter::LoopMode, u64::from(Mode::Live.code()));
        if by_file {
            std::fs::write(dir.path().join("run/HALT"), "").expect("file");
        } else {
            sys::ask_to_halt(child.id()).expect("signal");
        }
        until(&mut child, dir.path(), Counter::LoopMode, u64::from(Mode::Halted.code()));
        sys::terminate(child.id()).expect("signal");
        let output = child.wait_with_output().expect("engine ends");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let cause = if by_file { "halt file" } else { "signal SIGUSR1" };
        assert!(said(&output).contains(cause), "{}", said(&output));
        let summary = summary(dir.path());
        assert_eq!((&summary["mode"], &summary["killed"]), (&"HALTED".into(), &true.into()));
    }
}

#[test]
fn a_session_has_a_higher_epoch_than_the_one_before_and_keeps_its_marks() {
    let dir = world(900, "\"max\"");
    let file = dir.path().join("c.toml");
    let text = std::fs::read_to_string(&file).expect("configuration");
    let text = text.replace("[session]\n", "[session]\nstate_dir = \"state\"\n");
    std::fs::write(&file, text).expect("configuration");
    let mut epochs = Vec::new();
    for run in ["run", "other"] {
        let arg = format!("--run-dir={run}");
        let output = engine(dir.path(), &["--config=c.toml", &arg, "--json", "--quiet"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        epochs.push(summary["epoch"].as_u64().expect("epoch"));
    }
    assert_eq!(epochs[1], epochs[0] + 1);
    let kept = std::fs::read_to_string(dir.path().join("state/session.json")).expect("state");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(kept["session_epoch"].as_u64(), Some(epochs[1]));
    assert!(kept["strategies"]["mom"]["high_water_e9"].is_i64(), "{kept}");
}

#[test]
fn a_disk_without_room_is_known_before_the_session_starts() {
    let dir = world(300, "\"max\"");
    // A file size limit of the shell stands in for a full disk: a segment gets no room.
    let script = format!("ulimit -f 200; exec {ENGINE} --config=c.toml --run-dir=run");
    let shell = Command::new("sh").current_dir(dir.path()).args(["-c", &script]).output();
    let output = shell.expect("shell");
    assert_eq!(output.status.code(), Some(15), "{}", said(&output));
    assert!(said(&output).contains("JOURNAL: journal `"), "{}", said(&output));
    assert!(said(&output).contains("allocate failed") && said(&output).contains("; next: "));
}

/// A folder for tapes of this test alone, on tmpfs; `None`, said by name, where there is none.
fn tape_dir(test: &str, world: &Path) -> Option<tempfile::TempDir> {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("SKIPPED {test}: /dev/shm is not there");
        return None;
    };
    let toml = std::fs::read_to_string(world.join("c.toml")).expect("configuration");
    let tape = format!("{toml}[tape]\ndir = \"{}\"\n", dir.path().display());
    std::fs::write(world.join("c.toml"), tape).expect("configuration");
    Some(dir)
}

fn tape_files(dir: &Path) -> Vec<String> {
    let entries = dir.read_dir().expect("folder");
    entries.map(|e| e.expect("entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_killed_engine_loses_nothing_its_tape_had_and_the_next_start_writes_it() {
    let dir = world(60_000, "50");
    let Some(tapes) = tape_dir("a_killed_engine_loses_nothing", dir.path()) else { return };
    // Only the tape: with a sync a second most of what is on it is not synced at the kill.
    let text = std::fs::read_to_string(dir.path().join("c.toml")).expect("configuration");
    let text = format!("{text}[journal]\nsync_ms = 1000\nsegment_mib = 1\n");
    std::fs::write(dir.path().join("c.toml"), text).expect("configuration");
    let page = dir.path().join("run/counters");
    let mut child = Command::new(ENGINE)
        .current_dir(dir.path())
        .args(["--config=c.toml", "--run-dir=run", "--quiet"])
        .spawn()
        .expect("engine starts");
    while counter(&page, Counter::TapeFrame) < 3_000 {
        assert!(child.try_wait().expect("child").is_none(), "the engine ended early");
        std::thread::yield_now();
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("dead");
    let on_tape = counter(&page, Counter::TapeFrame);
    assert_eq!(tape_files(tapes.path()).len(), 1, "the tape outlives its writer");
    let journal = dir.path().join("run/journal");
    let (before, fault) = tape::recover(&journal).expect("readable at any moment");
    assert!(fault.is_some_and(|fault| fault.is_truncated()), "no end was written");
    let args = ["--config=c.toml", "--run-dir=other", "--speed=max"];
    let output = engine(dir.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("a killed engine's tape was written out"), "{}", said(&output));
    assert_eq!(tape_files(tapes.path()), Vec::<String>::new());
    let whole = tape::read_all(&journal).expect("closed in good order");
    let (had, has) = (before.frames().count() as u64, whole.frames().count() as u64);
    assert!(has >= on_tape && has >= had, "{has} frames, the tape had {on_tape}, before {had}");
    // What was done again is what was done: the same recording gives the same frames.
    let again = tape::read_all(dir.path().join("other/journal")).expect("whole");
    let of_engine = |recording: &tape::Recording| {
        let market = recording
            .frames()
            .filter(|frame| matches!(wire::decode(frame), Ok(wire::Frame::Trade(_))));
        market.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let (first, second) = (of_engine(&whole), of_engine(&again));
    assert!(first.len() > 100 && second.len() > first.len());
    let same = first.iter().zip(&second).all(|(a, b)| a.get(40..) == b.get(40..));
    assert!(same, "every trade the tape had is the recording's");
}

#[test]
fn a_tape_whose_journal_is_gone_is_kept_and_said() {
    let dir = world(60_000, "50");
    let Some(tapes) = tape_dir("a_tape_whose_journal_is_gone", dir.path()) else { return };
    let mut child = Command::new(ENGINE)
        .current_dir(dir.path())
        .args(["--config=c.toml", "--run-dir=run", "--quiet"])
        .spawn()
        .expect("engine starts");
    until_it_plays(&mut child, dir.path());
    child.kill().expect("SIGKILL");
    child.wait().expect("dead");
    std::fs::remove_dir_all(dir.path().join("run")).expect("removed by somebody");
    let args = ["--config=c.toml", "--run-dir=other", "--speed=max"];
    let output = engine(dir.path(), &args);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("has no journal any more"), "{}", said(&output));
    let kept = tape_files(tapes.path());
    assert!(kept.len() == 1 && kept[0].ends_with(".orphan"), "{kept:?}");
}

#[test]
fn a_tape_folder_on_a_disk_and_a_tape_too_small_are_refused() {
    let dir = world(30, "\"max\"");
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("folder");
    let path = dir.path().join("c.toml");
    let text = std::fs::read_to_string(&path).expect("configuration");
    let with = |tape: &str| {
        std::fs::write(&path, format!("{text}[tape]\n{tape}\n")).expect("configuration");
        let output = engine(dir.path(), &["--config=c.toml", "--run-dir=run"]);
        std::fs::remove_dir_all(dir.path().join("run")).expect("removed");
        (output.status.code(), said(&output))
    };
    let (exit, told) = with("size_mib = 4");
    assert_eq!(exit, Some(11), "{told}");
    assert!(told.contains("tape.size_mib") && told.contains("at least"), "{told}");
    let (exit, told) = with(&format!("dir = \"{}\"", disk.path().display()));
    if exit == Some(0) {
        eprintln!("SKIPPED a_tape_folder_on_a_disk: the build folder is on tmpfs");
        return;
    }
    assert_eq!(exit, Some(14), "{told}");
    assert!(told.contains("is not on tmpfs") && told.contains("/dev/shm"), "{told}");
}
