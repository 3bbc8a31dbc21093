//! Promise 7 and the control socket, on real processes: a sidecar killed or stopped in the middle
//! costs its signal and nothing else; an operator can look, halt and resume.

use crate::support::{clean, command, config, corelane, json, only_run, set};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tools::progress;
use wire::counters::Counter;

/// A run at a speed that leaves a few seconds to act in.
struct Running {
    child: Child,
    dir: tempfile::TempDir,
}

impl Running {
    fn start(change: impl Fn(String) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = config(dir.path(), |text| change(set(&text, "speed", "24")));
        let child = command(&["run", "--json", &format!("--config={}", file.display())])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    /// Waits until a counter of the engine has reached a value; panics when the run ends before.
    fn wait_for(&mut self, counter: Counter, at_least: u64) {
        loop {
            let runs = self.dir.path().join("runs");
            let page = std::fs::read_dir(&runs)
                .ok()
                .and_then(|mut entries| entries.next())
                .and_then(|entry| progress::read(&entry.ok()?.path().join("counters")));
            if page.is_some_and(|page| progress::value(&page, counter) >= at_least) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the run ended before {} was {at_least}", counter.name());
            std::thread::yield_now();
        }
    }

    /// Process ids of the children by name.
    fn child_of_name(&self, name: &str) -> String {
        let pid = self.child.id();
        // Children are listed by the thread that started them.
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        for task in tasks {
            let list = task.unwrap().path().join("children");
            for child in std::fs::read_to_string(list).unwrap_or_default().split_whitespace() {
                let comm = std::fs::read_to_string(format!("/proc/{child}/comm"));
                // The kernel keeps 15 bytes of a name.
                if comm.is_ok_and(|c| name.starts_with(c.trim())) {
                    return child.to_owned();
                }
            }
        }
        panic!("no child {name}");
    }

    fn signal(&self, signal: &str, name: &str) {
        let pid = self.child_of_name(name);
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
    }

    fn finish(self) -> (Value, String) {
        let output = self.child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {said}", output.status);
        let run = only_run(self.dir.path());
        for file in ["summary.json", "report.html", "journal/000001.clj", "latency.hlog"] {
            assert!(run.join(file).is_file(), "{file} is missing");
        }
        let recording = tape::read_all(run.join("journal")).unwrap();
        assert!(recording.summary.frames > 50_000);
        (json(&String::from_utf8_lossy(&output.stdout)), said)
    }
}

fn plays_on(summary: &Value) {
    assert_eq!(summary["events"], summary["data"]["events"], "every event went through");
    assert!(summary["signal"]["requests"].as_u64() > summary["signal"]["answers"].as_u64());
}

#[test]
fn a_sidecar_killed_in_the_middle_costs_its_signal_only() {
    let mut run = Running::start(|text| text);
    run.wait_for(Counter::LoopSignalAnswers, 50);
    run.signal("-KILL", "corelane-signal");
    let (summary, said) = run.finish();
    plays_on(&summary);
    assert!(summary["signal"]["answers"].as_u64().unwrap() >= 50);
    assert!(said.contains("sidecar ended"), "the run says that the sidecar went: {said:?}");
}

#[test]
fn a_sidecar_that_stops_answering_costs_its_signal_only() {
    let mut run = Running::start(|text| text);
    run.wait_for(Counter::LoopSignalAnswers, 50);
    run.signal("-STOP", "corelane-signal");
    run.wait_for(Counter::LoopInputs, 50_000);
    run.signal("-CONT", "corelane-signal");
    let (summary, _) = run.finish();
    plays_on(&summary);
}

#[test]
fn the_same_station_runs_on_one_thread_and_on_io_uring() {
    for (key, value) in [("threads", "\"one\""), ("io", "\"io_uring\""), ("idle", "\"park\"")] {
        let run = Running::start(|text| set(&text, key, value));
        let (summary, _) = run.finish();
        assert_eq!(summary["events"], summary["data"]["events"], "{key} = {value}");
        assert!(summary["signal"]["answers"].as_u64().unwrap() > 0, "{key} = {value}: {summary}");
    }
}

fn ctl(dir: &Path, args: &[&str]) -> std::process::Output {
    let run = only_run(dir);
    let socket = format!("--socket={}", station::config::control_socket(&run).display());
    corelane(&[&["ctl", socket.as_str()], args].concat())
}

#[test]
fn an_operator_looks_halts_and_resumes() {
    let mut run = Running::start(|text| text);
    run.wait_for(Counter::LoopInputs, 5_000);
    let dir = run.dir.path().to_owned();
    let text = |output: std::process::Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(json(&text(ctl(&dir, &["status"])))["mode"], "LIVE");
    text(ctl(&dir, &["halt", "--reason=test"]));
    run.wait_for(Counter::LoopMode, u64::from(b'H'));
    let status = json(&text(ctl(&dir, &["status"])));
    assert_eq!(status["mode"], "HALTED");
    for counter in ["alarms", "replaces", "open_orders", "unknown_orders"] {
        let value = &status["counters"][format!("loop.{counter}")];
        assert!(value.is_u64(), "loop.{counter}: {value}");
    }
    let refused = ctl(&dir, &["mode", "live"]);
    assert_eq!(refused.status.code(), Some(31), "HALTED is left only by a resume");
    let empty = ctl(&dir, &["resume", "--reason= "]);
    assert_eq!(empty.status.code(), Some(31), "a resume needs a reason");
    text(ctl(&dir, &["resume", "--reason=looked"]));
    while json(&text(ctl(&dir, &["status"])))["mode"] != "MAINTENANCE" {}
    text(ctl(&dir, &["shutdown"]));
    let output = run.child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    the_record_tells_the_kill(&only_run(&dir));
    let summary = json(&String::from_utf8_lossy(&output.stdout));
    assert!(summary["reconciled"].as_u64() >= Some(2), "at the start and at the resume");
    assert_eq!(summary["limits"]["epoch"], 1);
    assert!(summary["events"].as_u64() < summary["data"]["events"].as_u64(), "ended early");
}

/// `export` and `print` show what the operator did, by name.
fn the_record_tells_the_kill(run: &Path) {
    let kills = clean(corelane(&["export", run.to_str().unwrap(), "--what=kills"]));
    let rows: Vec<&str> = kills.lines().collect();
    assert!(rows.iter().any(|row| row.contains(",firm,,,,command,latched,")), "{kills}");
    assert!(rows.iter().any(|row| row.contains(",firm,,,,command,confirmed,")), "{kills}");
    assert!(rows.iter().any(|row| row.contains(",firm,,,,command,released,")), "{kills}");
    let record = run.join("journal").display().to_string();
    let print = |kind: &str| {
        let text = clean(corelane(&["print", &record, "--json", &format!("--kind={kind}")]));
        text.lines().map(json).collect::<Vec<_>>()
    };
    let latched = print("kill-report");
    assert_eq!(latched[0]["stage_name"], "latched", "{latched:?}");
    assert_eq!(latched[0]["scope_name"], "firm", "{latched:?}");
    let modes = print("mode-change");
    let halted = modes.iter().find(|mode| mode["to_name"] == "HALTED").expect("a halt");
    assert_eq!(
        (&halted["from_name"], &halted["cause_kind_name"]),
        (&"LIVE".into(), &"control".into())
    );
    for denied in print("denied") {
        let name = denied["primary_name"].as_str().expect("a name");
        let id = denied["primary"].as_u64().and_then(|id| u8::try_from(id).ok());
        assert_eq!(id.and_then(engine::gate::code_of), Some(name), "{denied}");
    }
}

/// The transport changes the way, not what travels: the same kind of run, verified to the byte.
#[test]
fn the_demo_runs_through_shared_memory_and_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path(), |text| set(&set(&text, "speed", "24"), "transport", "\"shm\""));
    let said = clean(corelane(&["run", "--json", &format!("--config={}", file.display())]));
    let signal = &json(&said)["signal"];
    assert_eq!(signal["transport"], "shm", "{signal:#}");
    assert!(signal["answers"].as_u64().unwrap() > 0, "{signal:#}");
    assert_eq!((&signal["refused"], &signal["faults"]), (&0.into(), &0.into()), "{signal:#}");
    assert_eq!(signal["connects"], 1);
    let run = only_run(dir.path());
    clean(corelane(&["verify", &run.display().to_string()]));
}
