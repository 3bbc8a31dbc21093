//! Two model servers beside a run, on two back ends of the CPU in place of a GPU's and its stand-in:
//! the first killed, started again by the run, stopped; models that change in both.

use crate::support::{clean, command, config, corelane, json, only_run, root, set};
use serde_json::Value;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use tools::progress;
use wire::counters::Counter;

/// A run at a speed that leaves some seconds to act in.
struct Running {
    child: Child,
    dir: tempfile::TempDir,
}

impl Running {
    fn start(
        dir: tempfile::TempDir,
        (first, standby): (&str, &str),
        change: impl Fn(String) -> String,
    ) -> Self {
        let file = config(dir.path(), |text| {
            // A lifetime of half a second of the wall: what a busy machine does is no silence.
            let text = set(&set(&text, "speed", "12"), "ttl_ms", "6000");
            change(set(&text, "backend", &format!("\"{first}\"\nstandby = \"{standby}\"")))
        });
        let child = command(&["run", "--json", &format!("--config={}", file.display())])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    fn counter(&self, counter: Counter) -> u64 {
        let entry = std::fs::read_dir(self.dir.path().join("runs")).ok();
        let run = entry.and_then(|mut entries| entries.next()).and_then(Result::ok);
        let page = run.and_then(|run| progress::read(&run.path().join("counters")));
        page.map_or(0, |page| progress::value(&page, counter))
    }

    fn until(&mut self, counter: Counter, at_least: u64) {
        while self.counter(counter) < at_least {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the run ended before {} was {at_least}", counter.name());
            std::thread::yield_now();
        }
    }

    fn status(&self) -> Value {
        let run = only_run(self.dir.path());
        let socket = format!("--socket={}", station::config::control_socket(&run).display());
        json(&clean(corelane(&["ctl", &socket, "status"])))
    }

    /// The model server behind a socket of the run.
    fn pid_of(&self, socket: &str) -> String {
        let socket = only_run(self.dir.path()).join(socket).display().to_string();
        let wanted = format!("--socket={socket}");
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut pids = processes.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let is_it = |pid: &String| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|word| word == wanted.as_bytes())
        };
        pids.find(is_it).unwrap_or_else(|| panic!("nobody serves {socket}"))
    }

    fn finish(self) -> (Value, String) {
        let output = self.child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {said}", output.status);
        let run = only_run(self.dir.path());
        clean(corelane(&["verify", &run.display().to_string()]));
        for socket in ["signal.sock", "signal-standby.sock"] {
            assert!(!run.join(socket).exists(), "{socket} stays behind");
        }
        let summary = json(&String::from_utf8_lossy(&output.stdout));
        assert_eq!(summary["events"], summary["data"]["events"], "every event went through");
        assert_eq!(summary["signal"]["wrong_model"], 0, "{:#}", summary["signal"]);
        (summary, said)
    }
}

fn signal(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

#[test]
fn a_killed_server_is_answered_for_started_again_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Running::start(dir, ("fused", "tract"), |text| text);
    run.until(Counter::BridgeStandbyReady, 1);
    run.until(Counter::BridgeSignalReceived, 50);
    let killed = run.pid_of("signal.sock");
    signal("-KILL", &killed);
    run.until(Counter::BridgeStandbyServes, 1);
    let signal = run.status()["signal"].clone();
    assert_eq!(signal["up"], true, "{signal:#}");
    assert_eq!(signal["standby"]["backend"], "tract/cpu", "{signal:#}");
    run.until(Counter::BridgeStandbyReceived, 5);
    // The run starts it again; it loads, greets, and answers its probes.
    run.until(Counter::BridgeFailbacks, 1);
    assert_ne!(run.pid_of("signal.sock"), killed);
    let received = run.counter(Counter::BridgeSignalReceived);
    run.until(Counter::BridgeSignalReceived, received + 20);
    let (summary, said) = run.finish();
    let signal = &summary["signal"];
    assert_eq!(signal["backend"], "fused/cpu", "{signal:#}");
    assert!(signal["standby"]["failovers"]["gone"].as_u64() >= Some(1), "{signal:#}");
    assert!(signal["standby"]["probes_good"].as_u64() >= Some(16), "{signal:#}");
    assert!(said.contains("SIGKILL") && said.contains("it is started again"), "{said}");
    let gap_us = signal["standby"]["gap_ns_max"].as_u64().unwrap_or(0) / 1_000;
    println!("killed: longest gap between two answers at a change {gap_us} us");
}

#[test]
fn a_stopped_server_is_answered_for_through_shared_memory_too() {
    let dir = tempfile::tempdir().unwrap();
    let through_memory = |text: String| set(&text, "transport", "\"shm\"");
    let mut run = Running::start(dir, ("tract", "fused"), through_memory);
    run.until(Counter::BridgeStandbyReady, 1);
    run.until(Counter::BridgeSignalReceived, 50);
    let stopped = run.pid_of("signal.sock");
    signal("-STOP", &stopped);
    run.until(Counter::BridgeStandbyReceived, 20);
    signal("-CONT", &stopped);
    run.until(Counter::BridgeFailbacks, 1);
    assert_eq!(run.pid_of("signal.sock"), stopped, "it is the same process");
    let (summary, _) = run.finish();
    let standby = &summary["signal"]["standby"];
    assert!(standby["failovers"]["silent"].as_u64() >= Some(1), "{standby:#}");
    assert!(standby["asked_again"].as_u64() >= Some(1), "{standby:#}");
    let gap_us = standby["gap_ns_max"].as_u64().unwrap_or(0) / 1_000;
    println!("stopped: longest gap between two answers at a change {gap_us} us");
}

/// `corelane models promote` changes both, and the standby answers with the new model.
#[test]
fn a_promoted_model_serves_in_both() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let bundled = root().join("sidecars/signal/models/bin_ctabl");
    let store = format!("--store={}", at("store"));
    let models = |more: &[&str]| clean(corelane(&[&["models", store.as_str()], more].concat()));
    let address = |text: &str| {
        let word = text.split_whitespace().find_map(|word| word.strip_prefix("address="));
        word.unwrap().to_owned()
    };
    let first = address(&models(&["add", &bundled.display().to_string()]));
    let second = address(&models(&["add", &another_version(dir.path(), &bundled)]));
    models(&["promote", &first]);
    let keys =
        format!("store = \"{}\"\nname = \"bin_ctabl\"\nmodel_changes = \"followed\"", at("store"));
    let from_store = |text: String| set(&text, "model", "\"\"").replace("model = \"\"", &keys);
    let mut run = Running::start(dir, ("fused", "tract"), from_store);
    run.until(Counter::BridgeStandbyReady, 1);
    run.until(Counter::BridgeSignalReceived, 20);
    let before = run.status()["signal"].clone();
    let socket = only_run(run.dir.path()).join("signal.sock").display().to_string();
    let store = format!("--store={}", run.dir.path().join("store").display());
    let models = |more: &[&str]| {
        let fixed = ["models", store.as_str(), "--socket", socket.as_str()];
        clean(corelane(&[&fixed[..], more].concat()))
    };
    let said = models(&["promote", "--answers=4", &second]);
    assert!(said.contains("sidecar serves") && said.contains("; standby sidecar serves"), "{said}");
    assert_eq!(said.matches(&second[..16]).count(), 3, "both serve it: {said}");
    assert_eq!(said.matches("generation=2").count(), 2, "{said}");
    let listed = json(&models(&["list", "--json"]));
    assert_eq!(listed["sidecar"]["serving"]["address"], second.as_str(), "{listed:#}");
    assert_eq!(listed["standby"]["serving"]["address"], second.as_str(), "{listed:#}");
    run.until(Counter::BridgeStandbyReady, 1);
    let after = run.status()["signal"].clone();
    assert_eq!(after["generation"], 2, "{before:#} {after:#}");
    assert_eq!(after["generation"], after["standby"]["generation"], "{after:#}");
    assert_eq!(after["model_hash"], after["standby"]["model_hash"], "{after:#}");
    // Each asked its own memory guard, and kept its own record of it.
    for name in ["guard.jsonl", "guard-standby.jsonl"] {
        let record = std::fs::read_to_string(only_run(run.dir.path()).join(name)).unwrap();
        let of = |action: &str| record.lines().filter(|l| json(l)["action"] == action).count();
        assert_eq!((of("admit"), of("loaded"), of("deny")), (1, 1, 0), "{name}: {record}");
    }
    let killed = run.pid_of("signal.sock");
    signal("-KILL", &killed);
    run.until(Counter::BridgeStandbyReceived, 5);
    run.finish();
}

/// The same network under another version: another manifest, another address.
fn another_version(dir: &Path, bundled: &Path) -> String {
    let two = dir.join("two");
    std::fs::create_dir(&two).unwrap();
    for file in std::fs::read_dir(bundled).unwrap() {
        let file = file.unwrap().path();
        std::fs::copy(&file, two.join(file.file_name().unwrap())).unwrap();
    }
    let manifest = std::fs::read_to_string(bundled.join("manifest.json")).unwrap();
    let second = manifest.replacen("\"version\": \"1\"", "\"version\": \"2\"", 1);
    assert_ne!(manifest, second);
    std::fs::write(two.join("manifest.json"), second).unwrap();
    two.display().to_string()
}
