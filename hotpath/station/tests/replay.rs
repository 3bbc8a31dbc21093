//! The threads: a whole run through rings, bridge and recorder, and the ways it can end.

mod common;

use common::World;
use corelane_station::backtest::{Options, backtest};
use corelane_station::config::{Config, control_socket};
use corelane_station::run::{Outcome, replay};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::Path;
use wire::exit::Exit;
use wire::{Frame, FrameKind};

fn play(config: &Config, dir: &Path) -> (Outcome, Vec<String>) {
    let mut said = Vec::new();
    let outcome = replay(config, Some(dir), &mut said);
    (outcome.unwrap_or_else(|failure| panic!("{failure}")), said)
}

/// Keeps every frame of an engine.
struct All<'a>(&'a mut VecDeque<Vec<u8>>);

impl engine::Sink for All<'_> {
    fn input(&mut self, frame: &[u8]) {
        self.0.push_back(frame.to_vec());
    }

    fn output(&mut self, frame: &[u8]) {
        self.0.push_back(frame.to_vec());
    }
}

/// Whether a recorded frame is an input from outside; the engine makes its timers itself.
fn is_outer_input(frame: &[u8]) -> bool {
    let kind = wire::frame::header(frame).expect("frame").kind;
    FrameKind::from_code(kind).is_some_and(FrameKind::is_outer_input)
}

/// The record's inputs, fed to a fresh engine, give the record again, byte for byte, and its state
/// hash.
fn verify(config: &Config, dir: &Path, summary: &Value) {
    let record = tape::read_all(dir.join("journal")).expect("record");
    let table = record.instruments();
    let start = record.frames().nth(table.len()).map(wire::decode);
    let Some(Ok(Frame::SessionStart(start))) = start else { panic!("no session start") };
    let hash = summary["host"]["doctor"]["hash"].as_str().expect("a hash");
    assert_eq!(format!("{:016x}", start.host_hash), hash[..16], "the doctor's report, on the tape");
    let plan = config.plan(table, Path::new("record")).expect("plan");
    let mut engine = engine::Engine::new(plan.setup).expect("engine");
    let mut made = VecDeque::new();
    let frames: Vec<&[u8]> = record.frames().skip(table.len() + 1).collect();
    let (last, frames) = frames.split_last().expect("session end");
    for frame in frames.iter().filter(|frame| is_outer_input(frame)) {
        let mut words = vec![0_u64; frame.len() / 8];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        bytes.copy_from_slice(frame);
        engine.input(bytes, &mut All(&mut made)).expect("input");
    }
    assert!(frames.len() > 100);
    assert_eq!(made.len(), frames.len());
    for (n, (made, recorded)) in made.iter().zip(frames).enumerate() {
        assert_eq!(made, recorded, "frame {n}");
    }
    let Ok(Frame::SessionEnd(end)) = wire::decode(last) else { panic!("no session end") };
    assert_eq!(end.state_hash, engine.state_hash());
    assert_eq!(end.inputs, engine.counters().inputs);
    assert_eq!(summary["state_hash"], format!("{:016x}", end.state_hash));
}

fn json(dir: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(dir.join(name)).expect("file");
    serde_json::from_str(&text).expect("JSON")
}

fn complete(dir: &Path, summary: &Value) {
    for name in ["config.json", "counters", "latency.hlog", "recv_to_send.hgrm", "event.hgrm"] {
        assert!(dir.join(name).is_file(), "{name}");
    }
    assert_eq!(&json(dir, "summary.json"), summary);
    for key in ["requests", "answers", "stale", "overwritten"] {
        assert!(summary["signal"][key].is_u64(), "signal.{key}");
    }
    for key in ["n", "p50_ns", "p99_ns", "p99_9_ns", "max_ns"] {
        assert!(summary["latency"]["recv_to_send"].get(key).is_some(), "recv_to_send.{key}");
    }
    assert!(summary["clock"]["source"].is_string());
    assert!(summary["denied"].is_object());
    assert!(summary["host"]["memory_locked"].is_boolean());
    let doctor = &summary["host"]["doctor"];
    let open = doctor["open"].as_object().expect("checks").len();
    let counts = doctor["counts"].as_object().expect("counts");
    let count = |status: &&str| counts[*status].as_u64().expect("a count");
    let counted: u64 =
        ["WARN", "FAIL", "UNKNOWN", "CONFLICT", "DRIFT", "STALE"].iter().map(count).sum();
    assert_eq!(open as u64, counted, "{doctor:#}");
    assert!(!control_socket(dir).exists(), "the socket is gone with the run");
}

#[test]
fn two_threads_play_everything_and_the_record_verifies() {
    let world = World::new(6_000, "", false);
    let dir = world.path("run");
    let (outcome, said) = play(&world.config, &dir);
    assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
    let summary = &outcome.summary;
    assert_eq!(summary["events"], 6_000);
    assert!(summary["orders"].as_u64() > Some(0), "{summary:#}");
    let threads = &summary["station"];
    assert_eq!(threads["approvals_spent"], summary["orders"], "each approval was spent once");
    assert_eq!(threads["edge_orders"], summary["orders"]);
    assert!(summary["fills"].as_u64() > Some(0), "{summary:#}");
    assert_eq!(summary["mode"], "MAINTENANCE", "drained");
    complete(&dir, summary);
    verify(&world.config, &dir, summary);
    let alone = backtest(&world.config, Options::default()).expect("backtest");
    assert_eq!(summary["state_hash"], alone.summary["state_hash"], "as in event time");
}

#[test]
fn one_thread_and_each_idle_strategy_and_back_end_play_the_same_events() {
    for extra in ["threads = \"one\"", "threads = \"one\"\nio = \"io_uring\"\nlock_memory = false"]
    {
        let world = World::new(1_500, extra, false);
        let (outcome, said) = play(&world.config, &world.path("run"));
        assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
        assert_eq!(outcome.summary["events"], 1_500);
        let alone = backtest(&world.config, Options::default()).expect("backtest");
        assert_eq!(outcome.summary["state_hash"], alone.summary["state_hash"], "{extra}");
        let io = outcome.summary["host"]["io"].as_str().expect("name").to_owned();
        if extra.contains("io_uring") && io != "io_uring" {
            assert!(said.iter().any(|line| line.contains("io_uring")), "{said:?}");
            eprintln!("SKIPPED io_uring back end of the bridge: refused by this host");
        }
    }
    for idle in ["busy", "park"] {
        let world = World::new(300, "", false);
        let text = common::text("day.clrec", "", false)
            .replace("idle = \"yield\"", &format!("idle = \"{idle}\""));
        let config = common::config(world.dir.path(), &text);
        let (outcome, _) = play(&config, &world.path("run"));
        assert_eq!(outcome.summary["events"], 300, "{idle}");
    }
}

#[test]
fn a_paced_run_measures_and_goes_on_without_its_sidecar() {
    let world = World::new(1_500, "", true);
    let text = common::text("day.clrec", "", true).replace("\"max\"", "100");
    let config = common::config(world.dir.path(), &text);
    let dir = world.path("run");
    let (outcome, said) = play(&config, &dir);
    assert_eq!(outcome.exit, Exit::Clean);
    let missing = said.iter().filter(|l| l.contains("signal sidecar is not there")).count();
    assert_eq!(missing, 1, "said once: {said:?}");
    let summary = &outcome.summary;
    assert!(summary["signal"]["requests"].as_u64() > Some(10));
    assert_eq!(summary["signal"]["answers"], 0);
    assert!(summary["signal"]["dropped"].as_u64() > Some(0));
    assert_eq!(summary["latency"]["event"]["n"], 1_500);
    assert_eq!(summary["latency"]["intended_to_dequeue"]["n"], 1_500);
    assert!(summary["latency"]["event"]["p50_ns"].is_u64());
    let orders = summary["orders"].as_u64();
    assert!(orders > Some(0));
    assert_eq!(summary["latency"]["recv_to_send"]["n"].as_u64(), orders);
    complete(&dir, summary);
    verify(&config, &dir, summary);
}

#[test]
fn a_folder_with_a_run_is_not_overwritten() {
    let world = World::new(30, "", false);
    let dir = world.path("run");
    play(&world.config, &dir);
    let failure = replay(&world.config, Some(&dir), &mut Vec::new()).expect_err("refused");
    assert_eq!(failure.exit, Exit::Arguments);
}

#[test]
fn a_truncated_or_missing_recording_is_one_line_with_its_exit() {
    let world = World::new(3_000, "", false);
    let path = world.path("day.clrec");
    let bytes = std::fs::read(&path).expect("recording");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("cut");
    let failure = replay(&world.config, None, &mut Vec::new()).expect_err("refused");
    assert_eq!((failure.exit, failure.lines.len()), (Exit::Resource, 1), "{failure}");
    std::fs::remove_file(&path).expect("removed");
    let failure = replay(&world.config, None, &mut Vec::new()).expect_err("refused");
    assert_eq!((failure.exit, failure.lines.len()), (Exit::Resource, 1), "{failure}");
    assert!(failure.to_string().contains("day.clrec"), "{failure}");
}

#[test]
fn the_host_is_held_against_the_topology_of_the_configuration() {
    let topology = "topology = \"box.toml\"";
    let world = World::new(300, topology, false);
    let refused = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(world.path("box.toml"), text).expect("a file");
        }
        let failure = replay(&world.config, Some(&world.path("run")), &mut Vec::new());
        let failure = failure.expect_err("no session starts");
        assert!(failure.to_string().contains("box.toml"), "{failure}");
        assert!(!world.path("run").exists(), "nothing was begun");
        failure.exit
    };
    assert_eq!(refused(None), Exit::Resource);
    assert_eq!(
        refused(Some("[topology]\nhot = \"0\"\nhousekeeping = \"1-2\"\n")),
        Exit::Configuration
    );
    let mut hashes = Vec::new();
    for hot in ["2", "3"] {
        let text = format!("[topology]\nhot = \"{hot}\"\nhousekeeping = \"0-1\"\n");
        std::fs::write(world.path("box.toml"), text).expect("a file");
        let (outcome, _) = play(&world.config, &world.path(hot));
        assert_eq!(outcome.exit, Exit::Clean);
        assert!(world.path(hot).join("topology.toml").is_file(), "kept with the run");
        hashes.push(outcome.summary["host"]["doctor"]["hash"].to_string());
    }
    assert_ne!(hashes[0], hashes[1], "another topology");
}
