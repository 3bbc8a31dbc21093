//! Promise 2 on the bundled recording: event time gives the same state every time, and the record
//! of a threaded run rebuilds it.

use crate::support::{clean, config, corelane, json, only_run, root, set, without};
use engine::{Engine, Sink};
use station::config::{Config, Overrides};
use std::collections::BTreeMap;
use wire::{Frame, FrameKind, decode};

#[test]
fn two_backtests_end_in_the_same_state() {
    let run = || json(&clean(corelane(&["backtest", "--config=config/demo.toml", "--json"])));
    let (first, second) = (run(), run());
    assert_eq!(first["state_hash"], second["state_hash"]);
    assert!(first["orders"].as_u64().unwrap() > 0, "{first}");
    assert!(first["signal"]["answers"].as_u64().unwrap() > 0, "{first}");
    let other = json(&clean(corelane(&[
        "backtest",
        "--config=config/demo.toml",
        "--json",
        "--signal-latency-us=250000",
    ])));
    assert_ne!(first["state_hash"], other["state_hash"], "the signal's latency matters");
}

/// The answers of a run's record, given again: to the same requests, with the file in the state.
#[test]
fn recorded_scores_are_given_again() {
    let record = || {
        let dir = tempfile::tempdir().unwrap();
        let file = config(dir.path(), |text| set(&text, "speed", "\"max\""));
        clean(corelane(&["run", &format!("--config={}", file.display()), "--json"]));
        let run = only_run(dir.path());
        (dir, run)
    };
    let (_dir, run) = record();
    let recording = tape::read_all(run.join("journal")).unwrap();
    let at = |frame: &[u8]| wire::frame::header(frame).unwrap().ts_recv_ns;
    let is_market = |frame: &[u8]| {
        matches!(decode(frame), Ok(Frame::DepthDelta(_) | Frame::Trade(_) | Frame::Quote(_)))
    };
    let is_answer = |frame: &[u8]| matches!(decode(frame), Ok(Frame::SignalResponse(_)));
    // A backtest ends with the last event: what a slow machine's model says at that time or after it
    // counts no more.
    let end = recording.frames().filter(|frame| is_market(frame)).map(at).max().unwrap();
    let in_time = |frame: &&[u8]| is_answer(frame) && at(frame) < end;
    let answers = recording.frames().filter(in_time).count() as u64;
    assert!(answers > 0, "the model answered");
    let backtest = |run: &std::path::Path| {
        let scores = format!("--scores={}", run.display());
        json(&clean(corelane(&["backtest", "--config=config/demo.toml", "--json", &scores])))
    };
    let (first, second) = (backtest(&run), backtest(&run));
    assert_eq!(first["state_hash"], second["state_hash"]);
    assert_eq!(first["signal"]["received"], answers);
    let by_model = json(&clean(corelane(&["backtest", "--config=config/demo.toml", "--json"])));
    assert_ne!(first["state_hash"], by_model["state_hash"], "the file is in the state");
    let output = corelane(&["backtest", "--config=config/demo.toml", "--scores=config"]);
    assert!(!output.status.success() && output.stdout.is_empty());
    let samples = run.join("latency.txt");
    std::fs::write(&samples, "900000\n1500000\n40000000\n").unwrap();
    let (scores, drawn) =
        (format!("--scores={}", run.display()), format!("--signal-latency={}", samples.display()));
    let drawn = ["backtest", "--config=config/demo.toml", "--json", &scores, &drawn];
    let (third, fourth) = (json(&clean(corelane(&drawn))), json(&clean(corelane(&drawn))));
    assert_eq!(third["state_hash"], fourth["state_hash"]);
    assert_eq!(third["signal"]["latency_ns"]["samples"], 3);
    assert_ne!(third["state_hash"], first["state_hash"]);
    let output = corelane(&["backtest", "--config=config/demo.toml", "--signal-latency=none"]);
    assert!(!output.status.success() && output.stdout.is_empty());
}

/// A table of scores gives what the record gives that it was written from, and bad ones are refused.
#[test]
fn a_table_of_scores_gives_what_the_record_of_a_run_gives() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path(), |text| set(&text, "speed", "\"max\""));
    clean(corelane(&["run", &format!("--config={}", file.display()), "--json"]));
    let run = only_run(dir.path());
    let recording = tape::read_all(run.join("journal")).unwrap();
    let (mut asked, mut lines) = (BTreeMap::new(), Vec::new());
    for frame in recording.frames() {
        match decode(frame) {
            Ok(Frame::SignalRequest(request)) => {
                asked.insert(request.request_id, request.header.ts_recv_ns);
            }
            Ok(Frame::SignalResponse(said)) => lines.push(format!(
                "BTCUSDT,{},{},{},{}\n",
                asked[&said.request_id], said.score_e6, said.p_up_e6, said.p_down_e6
            )),
            _ => {}
        }
    }
    let head = "symbol,ts_recv_ns,score_e6,p_up_e6,p_down_e6\n";
    let table = dir.path().join("scores.csv");
    let backtest = |scores: &std::path::Path| {
        let scores = format!("--scores={}", scores.display());
        corelane(&["backtest", "--config=config/demo.toml", "--json", &scores])
    };
    std::fs::write(&table, format!("{head}{}", lines.concat())).unwrap();
    let (recorded, tabled) = (json(&clean(backtest(&run))), json(&clean(backtest(&table))));
    for key in ["signal", "orders", "fills"] {
        assert_eq!(recorded[key], tabled[key], "{key}");
    }
    assert!(tabled["fills"].as_u64().unwrap() > 0, "{tabled}");
    assert_ne!(recorded["state_hash"], tabled["state_hash"], "the table is in the state");
    let first = &lines[0];
    for bad in [
        String::new(),
        head.to_owned(),
        lines.concat(),
        format!("{head}{first}{first}"),
        format!("{head}{}", first.replace("BTCUSDT", "ETHUSDT")),
        format!("{head}{}", first.replace(',', ";")),
    ] {
        std::fs::write(&table, &bad).unwrap();
        let output = backtest(&table);
        assert!(!output.status.success() && output.stdout.is_empty(), "{bad}");
    }
    assert!(!backtest(&dir.path().join("none.csv")).status.success());
}

/// Three strategies whose orders go out on one event or on events close together: what the edge
/// says back comes at other places of the input, and must be as much.
#[test]
fn a_replay_at_full_speed_without_a_model_ends_in_the_state_of_a_backtest() {
    let read = |name: &str| std::fs::read_to_string(root().join("config").join(name)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let limits =
        without(&read("strategies.limits.toml"), "[strategy.signal-taker]", "[strategy.momentum]");
    let limits = limits.replace("\"signal-taker\", ", "");
    std::fs::write(dir.path().join("limits.toml"), limits).unwrap();
    let text = without(&read("strategies.toml"), "# Takes liquidity", "# Follows a moving")
        .replace("\"demo/", &format!("\"{}/config/demo/", root().display()))
        .replace("\"../", &format!("\"{}/", root().display()));
    let text = set(&set(&text, "enabled", "false"), "file", "\"limits.toml\"");
    let text = set(&text, "dir", &format!("\"{}\"", dir.path().join("runs").display()));
    let file = dir.path().join("three.toml");
    std::fs::write(&file, text).unwrap();
    let file = format!("--config={}", file.display());
    let backtest = json(&clean(corelane(&["backtest", &file, "--json"])));
    let replay = json(&clean(corelane(&["replay", &file, "--speed=max", "--json"])));
    for key in ["orders", "fills", "denied", "alarms", "inputs", "state_hash"] {
        assert_eq!(backtest[key], replay[key], "{key}");
    }
    assert!(backtest["orders"].as_u64() > Some(100), "{backtest}");
}

#[derive(Default)]
struct Frames(Vec<Vec<u8>>);

impl Sink for Frames {
    fn input(&mut self, frame: &[u8]) {
        self.0.push(frame.to_vec());
    }
    fn output(&mut self, frame: &[u8]) {
        self.0.push(frame.to_vec());
    }
}

/// The inputs of a threaded run, fed to a fresh engine, give the same outputs byte for byte and
/// the state hash of the summary.
#[test]
fn the_record_of_a_threaded_run_rebuilds_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path(), |text| set(&text, "speed", "\"max\""));
    let summary =
        json(&clean(corelane(&["run", &format!("--config={}", file.display()), "--json"])));
    let run = only_run(dir.path());
    let recording = tape::read_all(run.join("journal")).unwrap();
    let config = Config::load(&file, &Overrides::default()).unwrap();
    let plan = config.plan(recording.instruments(), &recording.path).unwrap();
    let mut engine = Engine::new(plan.setup).unwrap();
    let mut made = Frames::default();
    let mut recorded = Vec::new();
    for frame in recording.frames() {
        let decoded = decode(frame).unwrap();
        let border =
            matches!(decoded, Frame::Instrument(_) | Frame::SessionStart(_) | Frame::SessionEnd(_));
        if border {
            continue;
        }
        recorded.push(frame.to_vec());
        let kind = FrameKind::from_code(wire::frame::header(frame).unwrap().kind).unwrap();
        if kind.is_outer_input() {
            let mut words = vec![0_u64; frame.len() / 8];
            bytemuck::cast_slice_mut(&mut words).copy_from_slice(frame);
            engine.input(bytemuck::cast_slice_mut(&mut words), &mut made).unwrap();
        }
    }
    assert_eq!(made.0.len(), recorded.len());
    let different = made.0.iter().zip(&recorded).position(|(a, b)| a != b);
    assert_eq!(different, None, "the first frame that differs");
    assert_eq!(summary["state_hash"], format!("{:016x}", engine.state_hash()));
}
