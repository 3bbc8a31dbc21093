//! The bridge over real sockets: a sidecar that answers, lies and dies; an operator who commands.

mod common;

use bytemuck::bytes_of;
use common::{MODEL_HASH, World, response};
use corelane_station::config::{Config, control_socket};
use corelane_station::inputs::control;
use corelane_station::limits::changes::{Target, change, stage};
use corelane_station::limits::{LimitsFile, sign};
use corelane_station::run::{Outcome, replay};
use ipc::handshake::{self, Identity};
use ipc::{BackendKind, Connection, FrameBuffer, Listener, PeerPolicy, Received};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use wire::control::{Command, Control, ReplyCode};
use wire::exit::Exit;
use wire::handshake::{HelloStatus, Role};
use wire::model::ModelChange;
use wire::risk::{ChangeSource, EpochStage, LimitField};
use wire::signal::SignalResponse;
use wire::station::Mode;
use wire::{Frame, FrameHeader, InstrumentId, TsNs};

/// How the sidecar of a test behaves after its greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Honest,
    /// Every answer comes with another model's hash, then for an unknown request, then twice.
    Lies,
    /// Gone after so many answers.
    Dies(u64),
    /// Another model after so many answers.
    Swaps(u64),
    /// After so many answers it announces a generation that is none.
    SwapsBack(u64),
}

const NEXT_HASH: u64 = 0xbcde;
const CHANGE_AFTER: u64 = 60;

fn another_model(generation: u32) -> ModelChange {
    ModelChange {
        header: FrameHeader::new::<ModelChange>(),
        model_hash: NEXT_HASH,
        generation,
        reserved: [0; 4],
        backend: Identity::new(Role::Signal)
            .with_model(0, 0, "next/cpu")
            .ack(HelloStatus::Accepted)
            .backend,
    }
}

/// Receives one frame, or `None` when the peer is gone or `over` is up.
fn receive(
    connection: &Connection,
    buffer: &mut FrameBuffer,
    over: &AtomicBool,
) -> Option<Vec<u64>> {
    loop {
        match connection.try_recv(buffer) {
            Ok(Received::Frame(frame)) => {
                let mut words = vec![0; frame.len() / 8];
                bytemuck::cast_slice_mut(&mut words).copy_from_slice(frame);
                return Some(words);
            }
            // ORDERING: acquire; pairs with the test's release store when the run has ended.
            Ok(Received::WouldBlock) if !over.load(Ordering::Acquire) => std::thread::yield_now(),
            Ok(_) | Err(_) => return None,
        }
    }
}

/// A sidecar: serves one engine, and returns the number of its answers.
fn sidecar(listener: &Listener, manner: Manner, over: &AtomicBool) -> u64 {
    let me = Identity::new(Role::Signal).with_model(MODEL_HASH, 1, "test/cpu");
    let mut buffer = FrameBuffer::new();
    let connection = loop {
        if let Some(connection) = listener.accept().expect("same user") {
            break connection;
        }
        if over.load(Ordering::Acquire) {
            return 0;
        }
        std::thread::yield_now();
    };
    let hello = receive(&connection, &mut buffer, over).expect("a greeting");
    handshake::accept(&me, &[Role::Engine], bytemuck::cast_slice(&hello)).expect("an engine");
    let send = |frame: &[u8]| connection.try_send(frame).is_ok();
    assert!(send(bytes_of(&me.ack(HelloStatus::Accepted))));
    let mut answers = 0;
    while let Some(words) = receive(&connection, &mut buffer, over) {
        let Ok(Frame::SignalRequest(request)) = wire::decode(bytemuck::cast_slice(&words)) else {
            panic!("the engine sends requests only");
        };
        let good = response(request);
        match manner {
            Manner::Lies => {
                send(bytes_of(&SignalResponse { model_hash: 1, ..good }));
                send(bytes_of(&SignalResponse { request_id: good.request_id + 1_000, ..good }));
                send(bytes_of(&good));
                send(bytes_of(&good));
            }
            Manner::Dies(after) if answers == after => return answers,
            Manner::Swaps(after) if answers >= after => {
                let next = SignalResponse { model_hash: NEXT_HASH, generation: 2, ..good };
                if answers == after {
                    // Of the next model, and not announced yet.
                    send(bytes_of(&next));
                    send(bytes_of(&another_model(2)));
                    // Of the model before, and not any more.
                    send(bytes_of(&good));
                }
                send(bytes_of(&next));
            }
            Manner::SwapsBack(after) if answers == after => {
                send(bytes_of(&another_model(1)));
            }
            Manner::Honest | Manner::Dies(_) | Manner::Swaps(_) | Manner::SwapsBack(_) => {
                send(bytes_of(&good));
            }
        }
        answers += 1;
    }
    answers
}

/// Plays a paced run with a sidecar of this manner.
fn play_with(manner: Manner, io: &str) -> (Outcome, Vec<String>, u64) {
    let (outcome, said, answers, _) = play(manner, io, "named");
    (outcome, said, answers)
}

/// The same, with a rule for other models; the run's folder lies in the world's.
fn play(manner: Manner, io: &str, changes: &str) -> (Outcome, Vec<String>, u64, World) {
    let world = World::new(3_000, &format!("io = \"{io}\""), true);
    let text = common::text("day.clrec", &format!("io = \"{io}\""), true);
    let rule = format!("[signal]\nmodel_changes = \"{changes}\"");
    let text = text.replace("\"max\"", "15").replace("[signal]", &rule);
    let config = common::config(world.dir.path(), &text);
    let dir = world.path("run");
    std::fs::create_dir(&dir).expect("folder");
    let listener = Listener::bind(&config.signal_socket(&dir), PeerPolicy::same_user());
    let listener = listener.expect("socket");
    let over = AtomicBool::new(false);
    let mut said = Vec::new();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| sidecar(&listener, manner, &over));
        let outcome = replay(&config, Some(&dir), &mut said);
        // ORDERING: release; pairs with the sidecar's acquire load.
        over.store(true, Ordering::Release);
        let answers = server.join().expect("sidecar");
        (outcome.unwrap_or_else(|failure| panic!("{failure}")), said.clone(), answers, world)
    })
}

/// Scores and names of models in the order of a run's record.
fn models_on_record(world: &World) -> Vec<(&'static str, u64)> {
    let record = tape::read_all(world.path("run/journal")).expect("the record is whole");
    let mut list = Vec::new();
    for frame in record.frames() {
        match wire::decode(frame) {
            Ok(Frame::SignalResponse(answer)) => list.push(("score", answer.model_hash)),
            Ok(Frame::Control(control)) if control.command == Command::Model.code() => {
                list.push(("name", control.argument));
            }
            _ => {}
        }
    }
    list.dedup();
    list
}

#[test]
fn a_changed_model_is_taken_in_order_and_named_where_the_configuration_follows() {
    let (outcome, said, answers, world) = play(Manner::Swaps(CHANGE_AFTER), "libc", "followed");
    assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
    let signal = &outcome.summary["signal"];
    assert!(answers > CHANGE_AFTER + 50, "{answers}");
    assert_eq!((&signal["model_changes"], &signal["model_refused"]), (&json!(1), &json!(0)));
    assert_eq!(signal["wrong_model"], 2, "one too early, one too late: {signal:#}");
    assert_eq!((&signal["connects"], &signal["generation"]), (&json!(1), &json!(2)));
    assert_eq!(signal["model_hash"], format!("{NEXT_HASH:016x}"));
    assert_eq!(signal["backend"], "next/cpu");
    let order = [("score", MODEL_HASH), ("name", NEXT_HASH), ("score", NEXT_HASH)];
    assert_eq!(models_on_record(&world), order);
    assert_eq!(outcome.summary["denied"].get("SIGNAL_MODEL"), None, "{:#}", outcome.summary);
}

#[test]
fn a_changed_model_nobody_named_opens_nothing() {
    let (outcome, said, answers, world) = play(Manner::Swaps(CHANGE_AFTER), "libc", "named");
    assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
    assert!(answers > CHANGE_AFTER + 50, "{answers}");
    assert_eq!(outcome.summary["signal"]["model_changes"], 1);
    assert_eq!(models_on_record(&world), [("score", MODEL_HASH), ("score", NEXT_HASH)]);
    let hint = format!("corelane ctl model --hash={NEXT_HASH:016x}");
    assert!(said.iter().any(|line| line.contains(&hint)), "{said:?}");
    let summary = outcome.summary.to_string();
    assert!(summary.contains("SIGNAL_MODEL"), "openings were denied: {summary}");
}

#[test]
fn a_generation_that_does_not_rise_ends_the_talk() {
    let (outcome, said, _, world) = play(Manner::SwapsBack(CHANGE_AFTER), "libc", "followed");
    assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
    let signal = &outcome.summary["signal"];
    assert_eq!((&signal["model_changes"], &signal["model_refused"]), (&json!(0), &json!(1)));
    assert_eq!(models_on_record(&world), [("score", MODEL_HASH)]);
    let gone = said.iter().filter(|line| line.contains("announced generation 1 after 1")).count();
    assert_eq!(gone, 1, "{said:?}");
}

#[test]
fn scores_reach_the_strategy_over_both_back_ends() {
    for kind in BackendKind::ALL {
        if let Err(error) = ipc::open(kind) {
            eprintln!("SKIPPED bridge over {}: {error}", kind.name());
            continue;
        }
        let (outcome, said, answers) = play_with(Manner::Honest, kind.name());
        assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
        let signal = &outcome.summary["signal"];
        assert!(answers > 100, "{answers}");
        assert!(signal["answers"].as_u64() > Some(50), "{signal:#}");
        assert_eq!(signal["backend"], "test/cpu");
        assert_eq!(signal["refused"], 0, "{signal:#}");
        assert_eq!(signal["connects"], 1);
        assert!(outcome.summary["strategies"]["taker"]["fills"].as_u64() > Some(0));
        assert_eq!(outcome.summary["host"]["io"], kind.name());
        let trip = &outcome.summary["latency"]["signal_round_trip"];
        assert_eq!(trip["n"], signal["received"]);
        assert!(trip["p50_ns"].is_u64(), "{trip:#}");
    }
}

#[test]
fn lies_are_refused_and_one_good_answer_each_passes() {
    let (outcome, said, answers) = play_with(Manner::Lies, "libc");
    assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
    let signal = &outcome.summary["signal"];
    let (received, refused) = (signal["received"].as_u64(), signal["refused"].as_u64());
    // The last round of lies may be cut off by the end of the run.
    assert!(received.is_some_and(|n| n <= answers && n + 1 >= answers), "{signal:#} {answers}");
    assert!(refused.is_some_and(|n| n >= 3 * (answers - 1) && n <= 3 * answers), "{signal:#}");
    let (wrong, unasked) = (signal["wrong_model"].as_u64(), signal["unasked"].as_u64());
    assert_eq!(wrong.zip(unasked).map(|(wrong, unasked)| wrong + unasked), refused, "by cause");
    assert!(wrong >= Some(answers - 1) && unasked >= Some(2 * (answers - 1)), "{signal:#}");
    assert_eq!(signal["unusable"], 0, "nothing false came through");
}

#[test]
fn a_dead_sidecar_changes_counters_and_not_the_run() {
    let (outcome, said, answers) = play_with(Manner::Dies(30), "libc");
    assert_eq!(outcome.exit, Exit::Clean, "{said:?}");
    assert_eq!(answers, 30);
    let signal = &outcome.summary["signal"];
    assert_eq!(outcome.summary["events"], 3_000, "the run went on to its end");
    assert_eq!(signal["received"], 30);
    assert!(signal["dropped"].as_u64() > Some(50), "{signal:#}");
    let gone = said.iter().filter(|line| line.contains("signal sidecar is gone")).count();
    assert_eq!(gone, 1, "{said:?}");
}

/// An operator at the control socket of a run.
struct Operator {
    connection: Connection,
    buffer: FrameBuffer,
    next: u64,
    over: AtomicBool,
}

impl Operator {
    fn connect(path: &Path) -> Self {
        let connection = loop {
            match ipc::connect(path, &PeerPolicy::same_user()) {
                Ok(connection) => break connection,
                Err(error) if error.is_transient() => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        let mut operator =
            Self { connection, buffer: FrameBuffer::new(), next: 0, over: AtomicBool::new(false) };
        let me = Identity::new(Role::Ctl);
        operator.send(bytes_of(&me.hello()));
        let ack = operator.receive();
        handshake::confirm(&me, Role::Engine, bytemuck::cast_slice(&ack)).expect("greeted");
        operator
    }

    fn send(&self, frame: &[u8]) {
        assert_eq!(self.connection.try_send(frame).expect("sent"), ipc::Sent::Sent);
    }

    fn receive(&mut self) -> Vec<u64> {
        receive(&self.connection, &mut self.buffer, &self.over).expect("an answer")
    }

    fn ask(&mut self, command: Command, argument: u64, reason: &str) -> (ReplyCode, String) {
        self.next += 1;
        let frame =
            Control { request_id: self.next, ..control(command, argument, reason, TsNs::UNDEF) };
        self.exchange(bytes_of(&frame), self.next)
    }

    fn exchange(&mut self, frame: &[u8], id: u64) -> (ReplyCode, String) {
        self.send(frame);
        let answer = self.receive();
        let Ok(Frame::ControlReply(head, text)) = wire::decode(bytemuck::cast_slice(&answer))
        else {
            panic!("no reply");
        };
        assert_eq!(head.request_id, id);
        let code = ReplyCode::from_code(head.code).expect("a code");
        (code, String::from_utf8(text.to_vec()).expect("text"))
    }

    fn until_mode(&mut self, mode: Mode) -> Value {
        loop {
            let (code, text) = self.ask(Command::Status, 0, "");
            assert_eq!(code, ReplyCode::Ok);
            let status: Value = serde_json::from_str(&text).expect("JSON");
            if status["mode"] == mode.name() {
                return status;
            }
            assert_eq!(status["ending"], false, "the run ended before {}", mode.name());
            std::thread::yield_now();
        }
    }
}

fn command(path: &Path) {
    let mut operator = Operator::connect(path);
    operator.until_mode(Mode::Live);
    assert_eq!(operator.ask(Command::Halt, 0, "test").0, ReplyCode::Ok);
    operator.until_mode(Mode::Halted);
    assert_eq!(operator.ask(Command::Resume, 0, "").0, ReplyCode::Refused, "no reason");
    let live = u64::from(Mode::Live.code());
    assert_eq!(operator.ask(Command::Mode, live, "").0, ReplyCode::Refused, "halted");
    assert_eq!(operator.ask(Command::Resume, 0, "looked at it").0, ReplyCode::Ok);
    operator.until_mode(Mode::Maintenance);
    assert_eq!(operator.ask(Command::Mode, live, "").0, ReplyCode::Ok);
    let status = operator.until_mode(Mode::Live);
    assert!(status["counters"]["loop.inputs"].as_u64() > Some(0));
    operator.send(bytes_of(&Identity::new(Role::Ctl).hello()));
    let answer = operator.receive();
    let refused = wire::decode(bytemuck::cast_slice(&answer));
    assert!(matches!(refused, Ok(Frame::ControlReply(head, _)) if head.code == b'M'));
    assert_eq!(operator.ask(Command::Shutdown, 0, "").0, ReplyCode::Ok);
}

fn command_a_run(config: &Config, dir: &Path) -> Outcome {
    let path = control_socket(dir);
    std::thread::scope(|scope| {
        let operator = scope.spawn(|| command(&path));
        let outcome = replay(config, Some(dir), &mut Vec::new());
        operator.join().expect("operator");
        outcome.unwrap_or_else(|failure| panic!("{failure}"))
    })
}

#[test]
fn an_operator_halts_resumes_and_ends_a_run() {
    let world = World::new(60_000, "", false);
    let text = common::text("day.clrec", "", false).replace("\"max\"", "4");
    let config = common::config(world.dir.path(), &text);
    let outcome = command_a_run(&config, &world.path("run"));
    assert_eq!(outcome.exit, Exit::Clean);
    assert!(outcome.summary["events"].as_u64() < Some(60_000));
    assert_eq!(outcome.summary["mode"], "MAINTENANCE");
    assert!(outcome.summary["station"]["commands"].as_u64() > Some(6));
}

/// Writes a limits file and signs it.
fn sign_limits(dir: &Path, text: &str) -> LimitsFile {
    let path = dir.join("limits.toml");
    std::fs::write(&path, text).expect("limits");
    let file = LimitsFile::load(&path).expect("good");
    sign::sign(&dir.join("limits.key"), &file).expect("signed");
    file
}

/// Tightens one limit, is refused what loosens, and takes a signed file in MAINTENANCE.
fn tend_limits(dir: &Path, path: &Path) {
    let mut operator = Operator::connect(path);
    let status = operator.until_mode(Mode::Live);
    assert_eq!(status["limits"]["epoch"], 1);
    assert_eq!(status["names"]["symbol"][0], "BTCUSDT");
    let long = |value| {
        let symbol = Target::Symbol(InstrumentId(0));
        change(symbol, LimitField::MaxLong, value, 77, ChangeSource::Runtime)
    };
    let (code, text) = operator.exchange(bytes_of(&long(501)), 77);
    assert_eq!(code, ReplyCode::Refused);
    assert!(text.contains("no tighter than 500"), "{text}");
    let (code, text) = operator.exchange(bytes_of(&long(400)), 77);
    assert_eq!(code, ReplyCode::Ok, "{text}");
    let file = sign_limits(dir, &common::limits(false).replace("epoch = 1", "epoch = 2"));
    let asked = stage(file.epoch, file.sha256, EpochStage::Begin);
    let (code, text) = operator.exchange(bytes_of(&asked), 2);
    assert_eq!(code, ReplyCode::Refused);
    assert!(text.contains("not MAINTENANCE"), "{text}");
    let maintenance = u64::from(Mode::Maintenance.code());
    assert_eq!(operator.ask(Command::Mode, maintenance, "").0, ReplyCode::Ok);
    operator.until_mode(Mode::Maintenance);
    let (code, text) = operator.exchange(bytes_of(&asked), 2);
    assert_eq!(code, ReplyCode::Ok, "{text}");
    let status = loop {
        let status = operator.until_mode(Mode::Maintenance);
        if status["limits"]["taking"] == false {
            break status;
        }
    };
    assert_eq!(status["limits"]["epoch"], 2);
    assert_eq!(status["limits"]["sha256"], file.sha256_text());
    assert_eq!(status["limits"]["tightened"], Value::Array(Vec::new()));
    // Signed for another text: refused, and nothing changes.
    let looser = common::limits(false).replace("epoch = 1", "epoch = 3");
    std::fs::write(dir.join("limits.toml"), &looser).expect("limits");
    let file = LimitsFile::load(&dir.join("limits.toml")).expect("good");
    let asked = stage(file.epoch, file.sha256, EpochStage::Begin);
    let (code, text) = operator.exchange(bytes_of(&asked), 3);
    assert_eq!(code, ReplyCode::Refused);
    assert!(text.contains("key=(signature)"), "{text}");
    assert_eq!(operator.until_mode(Mode::Maintenance)["limits"], status["limits"]);
    assert_eq!(operator.ask(Command::Shutdown, 0, "").0, ReplyCode::Ok);
}

#[test]
fn limits_tighten_at_run_time_and_loosen_only_by_a_signed_file_on_the_record() {
    let world = World::new(60_000, "", false);
    let dir = world.dir.path();
    sign::keygen(dir).expect("keys");
    sign_limits(dir, &common::limits(false));
    let state = format!("[session]\nstate_dir = \"{}\"", world.path("state").display());
    let text = common::text("day.clrec", "", false)
        .replace("\"max\"", "4")
        .replace("[session]", &state)
        .replace("\"limits.toml\"", "\"limits.toml\"\npublic_key = \"limits.pub\"");
    let config = common::config(dir, &text);
    let run = world.path("run");
    let path = control_socket(&run);
    let outcome = std::thread::scope(|scope| {
        let operator = scope.spawn(|| tend_limits(dir, &path));
        let outcome = replay(&config, Some(&run), &mut Vec::new());
        operator.join().expect("operator");
        outcome.unwrap_or_else(|failure| panic!("{failure}"))
    });
    assert_eq!(outcome.exit, Exit::Clean);
    let record = tape::read_all(run.join("journal")).expect("the record is whole");
    let (mut runtime, mut stages, mut values) = (Vec::new(), Vec::new(), 0);
    for frame in record.frames() {
        match wire::decode(frame) {
            Ok(Frame::LimitsEpoch(edge)) => stages.push((edge.epoch, edge.stage)),
            Ok(Frame::LimitChange(change)) if change.source == ChangeSource::Epoch.code() => {
                assert_eq!(stages.last(), Some(&(2, EpochStage::Begin.code())));
                values += 1;
            }
            Ok(Frame::LimitChange(change)) => runtime.push((change.field, change.value)),
            _ => {}
        }
    }
    assert_eq!(runtime, [(LimitField::MaxLong.code(), 400)], "what was refused is not there");
    let expected = [(1, EpochStage::Running), (2, EpochStage::Begin), (2, EpochStage::Commit)];
    assert_eq!(stages, expected.map(|(epoch, stage)| (epoch, stage.code())));
    assert!(values > 60, "{values}");
    let kept = std::fs::read_to_string(world.path("state/limits.epoch")).expect("state");
    assert!(kept.starts_with("2 "), "{kept}");
    // The next session refuses the file of the first epoch.
    sign_limits(dir, &common::limits(false));
    let failure = replay(&config, Some(&world.path("next")), &mut Vec::new());
    let failure = failure.expect_err("stale").to_string();
    assert!(failure.contains("a stale epoch"), "{failure}");
}
