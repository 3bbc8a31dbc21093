//! Promise 2 on the bundled recording: event time gives the same state every time, and the record
//! of a threaded run rebuilds it.

use crate::support::{clean, config, corelane, json, only_run, set};
use engine::{Engine, Sink};
use station::config::{Config, Overrides};
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
    let recording = tape::read_all(run.join("frames.clrec")).unwrap();
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
        if is_input(kind) {
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

/// Inputs that come from outside; timers the engine makes itself.
fn is_input(kind: FrameKind) -> bool {
    !matches!(
        kind,
        FrameKind::Timer
            | FrameKind::NewOrder
            | FrameKind::CancelOrder
            | FrameKind::ReplaceOrder
            | FrameKind::Denied
            | FrameKind::SignalRequest
            | FrameKind::ModeChange
    )
}
