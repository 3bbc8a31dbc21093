//! How long does a score take, bare and over the socket, on each model back end?
//!
//! The bundled model. One server process a back end, all on one CPU, the client on another; bursts
//! of requests in turns, and while one server is asked the others are stopped. Our server over its
//! socket and through shared memory; beside it two that a person would write in Python, with ONNX
//! Runtime and `IoBinding`: behind the same socket, and as a `FastAPI` application. "bare" is the
//! server's own reading round the model's run, in the answer; "whole" is the client's, from before
//! the request is sent until the answer is decoded; "above" is the difference, request by request.
//! First the bare kernel in this process, beside tract, run by run. ONNX Runtime is there where
//! `ORT_DYLIB_PATH` names its library. It lives in this crate so that no other bench builds a model
//! runtime.

use clock::Clock;
use corelane_benches::{Report, Sample, Size, allowed_cpus, jitter, pin, timer_cost};
use corelane_signal::fused::Fused;
use corelane_signal::model::Model;
use corelane_signal::{BackendChoice, RuntimeOptions, runtime};
use peer::{Client, Server, model_backends, request};
use rivals::Process;
use std::hint::black_box;
use std::io;
use std::path::Path;
use way::{Memory, Way};
use wire::signal::{InputWindow, SignalStatus};

#[path = "../tests/server/peer.rs"]
#[expect(dead_code, reason = "the tests' own, of which a part is used here")]
#[expect(clippy::unwrap_used, reason = "the tests' own")]
mod peer;
#[path = "signal/rivals.rs"]
mod rivals;
#[path = "signal/way.rs"]
mod way;

/// Bursts a back end, smoke and real.
const BURSTS: (usize, usize) = (2, 40);
/// Requests of a burst that are timed, smoke and real.
const TIMED: (u64, u64) = (20, 500);
/// Requests of a burst before those: the server's core wakes, its caches fill.
const UNTIMED: u64 = 50;
/// Runs in process a model, smoke and real.
const RUNS: (usize, usize) = (50, 20_000);
/// Millionths by which two servers' scores of one request may differ.
const ALIKE: u32 = 50;

fn main() -> io::Result<()> {
    let size = Size::from_args();
    let clock = Clock::calibrate();
    let mut report = Report::start("signal", &clock, size);
    let cpus = allowed_cpus();
    let [server_cpu, .., client_cpu] = *cpus.as_slice() else {
        report.line("SKIPPED signal bench: it needs two CPUs");
        return report.finish();
    };
    // A child takes its parent's mask.
    report.line(&format!("servers on CPU {server_cpu}: {}", pin(server_cpu)));
    let (mut rows, missing) = servers();
    report.line(&format!("client on CPU {client_cpu}: {}", pin(client_cpu)));
    report.line(&timer_cost(&clock, 100_000).row("timer"));
    report.line(&jitter(&clock, size.pick(1_000_000, 200_000_000)).row("empty loop"));
    in_process(&mut report, &clock, size);
    for _ in 0..size.pick(BURSTS.0, BURSTS.1) {
        for row in &mut rows {
            row.burst(&clock, size.pick(TIMED.0, TIMED.1));
        }
    }
    report.line("");
    report.line("over the socket, through shared memory (shm), over HTTP (FastAPI), ns");
    report.line(&Sample::headings("back end, server idle, what"));
    for row in &mut rows {
        for (what, sample) in
            [("bare", &mut row.bare), ("whole", &mut row.whole), ("above", &mut row.above)]
        {
            report.line(&sample.row(&format!("{} {what}", row.name)));
        }
    }
    for why in missing {
        report.line(&why);
    }
    report.finish()
}

fn bundled() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/bin_ctabl"))
}

fn model(loaded: Result<Model, corelane_signal::ModelError>) -> Model {
    loaded.unwrap_or_else(|why| panic!("{}", why.operator_line()))
}

/// The bare run of one window: the kernel and tract, in turns.
fn in_process(report: &mut Report, clock: &Clock, size: Size) {
    let options = RuntimeOptions { choice: BackendChoice::Tract, ..RuntimeOptions::default() };
    let tract = runtime::start(&options).unwrap_or_else(|why| panic!("{}", why.operator_line()));
    let mut models = [model(Model::load(bundled(), &Fused)), model(Model::load(bundled(), tract))];
    let windows = models[0].manifest().golden.windows();
    let windows: Vec<_> = windows.iter().cycle().take(size.pick(RUNS.0, RUNS.1)).collect();
    let mut samples = [Sample::default(), Sample::default()];
    let mut alone = [Sample::default(), Sample::default()];
    for (model, sample) in models.iter_mut().zip(&mut alone) {
        for window in &windows {
            sample.push(timed(model, clock, window));
        }
    }
    for window in &windows {
        for (model, sample) in models.iter_mut().zip(&mut samples) {
            sample.push(timed(model, clock, window));
        }
    }
    report.line("");
    report.line("in process, one window a run, one back end after the other and in turns, ns");
    report.line(&Sample::headings("back end"));
    for (how, samples) in [("alone", &mut alone), ("in turns", &mut samples)] {
        for (model, sample) in models.iter().zip(samples) {
            report.line(&sample.row(&format!("{} {how}", model.provider())));
        }
    }
}

fn timed(model: &mut Model, clock: &Clock, window: &InputWindow) -> u64 {
    let mut out = Vec::with_capacity(1);
    let start = clock.cycles();
    let ran = model.run(black_box(std::slice::from_ref(window)), &mut out);
    let ns = clock.cycles_to_ns(clock.cycles().saturating_sub(start));
    assert!(ran.is_ok() && out.len() == 1, "a run failed");
    ns
}

/// One server and what was measured of it.
struct Row {
    name: String,
    program: Program,
    way: Way,
    asked: u64,
    bare: Sample,
    whole: Sample,
    above: Sample,
}

/// Ours, or a rival.
enum Program {
    Ours(Server),
    Rival(Process),
}

impl Program {
    fn stop(&self) {
        match self {
            Self::Ours(server) => server.stop(),
            Self::Rival(process) => process.stop(),
        }
    }

    fn proceed(&self) {
        match self {
            Self::Ours(server) => server.proceed(),
            Self::Rival(process) => process.proceed(),
        }
    }
}

/// Every back end there is here, each with a server that looks all the time and one that sleeps,
/// over both transports, then the rivals; and why a rival is missing.
fn servers() -> (Vec<Row>, Vec<String>) {
    let mut backends = vec!["--backend=fused".to_owned()];
    backends.extend(model_backends("signal bench"));
    let mut rows = Vec::new();
    for backend in backends {
        for idle in ["busy", "park"] {
            rows.push(Row::ours(&backend, idle, false));
        }
        rows.push(Row::ours(&backend, "busy", true));
    }
    let mut missing = Vec::new();
    for rival in rivals::start(bundled()) {
        match rival {
            Ok(rival) => {
                let name = rival.name.to_owned();
                rows.push(Row::new(name, Program::Rival(rival.process), rival.way));
            }
            Err(why) => {
                eprintln!("{why}");
                missing.push(why);
            }
        }
    }
    let scores: Vec<_> = rows.iter_mut().map(|row| (row.name.clone(), row.first_score())).collect();
    for (name, score) in &scores {
        assert!(score.abs_diff(scores[0].1) <= ALIKE, "{name} scores otherwise: {scores:?}");
    }
    (rows, missing)
}

impl Row {
    fn ours(backend: &str, idle: &str, through_memory: bool) -> Self {
        let model = format!("--model={}", bundled().display());
        let server = Server::start("", &[backend, &model, &format!("--idle={idle}")]);
        let client = Client::greeted(&server.socket());
        let name = client.peer.backend_text().to_owned();
        let (way, transport) = if through_memory {
            drop(client);
            (Way::Memory(Memory::greeted(&server.socket())), " shm")
        } else {
            (Way::Socket(client), "")
        };
        Self::new(format!("{name} {idle}{transport}"), Program::Ours(server), way)
    }

    fn new(name: String, program: Program, way: Way) -> Self {
        let (bare, whole, above) = (Sample::default(), Sample::default(), Sample::default());
        program.stop();
        Self { name, program, way, asked: 0, bare, whole, above }
    }

    /// The score of one request, the same of every server.
    fn first_score(&mut self) -> i32 {
        self.program.proceed();
        let answer = self.way.ask(&request(0));
        self.program.stop();
        answer.score_e6
    }

    fn burst(&mut self, clock: &Clock, timed: u64) {
        self.program.proceed();
        for n in 0..UNTIMED + timed {
            self.asked += 1;
            let asked = request(self.asked);
            let start = clock.cycles();
            let answer = self.way.ask(&asked);
            let whole_ns = clock.cycles_to_ns(clock.cycles().saturating_sub(start));
            assert_eq!(answer.request_id, self.asked, "{} is void", self.name);
            assert_eq!(answer.status, SignalStatus::Ok.code(), "{} is void", self.name);
            if n >= UNTIMED {
                self.bare.push(answer.infer_ns);
                self.whole.push(whole_ns);
                self.above.push(whole_ns.saturating_sub(answer.infer_ns));
            }
        }
        self.program.stop();
    }
}
