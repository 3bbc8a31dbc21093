//! A server with a store in this process, engines that load it, and an operator who changes its
//! model: what the tests of the swap and its bench share.
//!
//! Must never: sleep, or count an answer it did not hold against the model the answer names.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]
#![allow(dead_code, reason = "tests and bench each use their part")]

#[path = "greet.rs"]
mod greet;

use super::make::Draft;
use bytemuck::{Zeroable, bytes_of};
use corelane_signal::batch::QueuePolicy;
use corelane_signal::loader::{Guarding, Loader, LoaderOptions, SwapCounts};
use corelane_signal::server::{Counters, Idle, Server, ServerOptions};
use corelane_signal::shadow::ShadowBounds;
use corelane_signal::store::{Address, Bundle, Keeper, Store};
use corelane_signal::{BackendChoice, RuntimeOptions, Score, Scorer, runtime};
use greet::greet;
use ipc::{BackendKind, Connection, FrameBuffer, PeerPolicy, Received, Sent};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wire::control::ReplyCode;
use wire::frame::FrameHeader;
use wire::handshake::Role;
use wire::model::{ModelAction, ModelCommand};
use wire::signal::SignalRequest;
use wire::{Frame, InstrumentId, PriceTicks, QtyLots};

/// Name of every model of these tests.
pub(crate) const NAME: &str = "scores";
/// Windows that differ.
const WINDOWS: u64 = 97;
/// Requests an engine has open at a time: less than a batch, so that none is shed.
const OPEN: usize = 4;

pub(crate) fn tract() -> RuntimeOptions {
    RuntimeOptions { choice: BackendChoice::Tract, dylib: None, engine_cache: None }
}

/// Bounds nothing breaks: for tests that are not about them.
pub(crate) fn anything() -> ShadowBounds {
    ShadowBounds {
        drift_mean_e6: u64::MAX,
        drift_max_e6: u64::MAX,
        latency_ratio_e3: u64::MAX,
        range_ratio_e3: (0, u64::MAX),
        abstentions: u64::MAX,
    }
}

pub(crate) fn options(bounds: ShadowBounds) -> LoaderOptions {
    LoaderOptions { name: NAME.into(), answers: 0, patience_ns: 60_000_000_000, bounds }
}

/// A request whose window depends on its number.
pub(crate) fn request(id: u64) -> SignalRequest {
    let mut request = SignalRequest::zeroed();
    request.header = FrameHeader::new::<SignalRequest>();
    request.header.instrument_id = InstrumentId(u32::try_from(id % 4).unwrap());
    request.request_id = id;
    request.sample_interval_ns = 100_000_000;
    request.snapshots = 10;
    request.levels = 10;
    let shift = i64::try_from(id % WINDOWS).unwrap();
    for (n, level) in (0..).zip(request.window.iter_mut()) {
        let depth = n % 10;
        level.ask_price_ticks = PriceTicks(600_001 + depth + (shift * n) % 7);
        level.bid_price_ticks = PriceTicks(600_000 - depth);
        level.ask_qty_lots = QtyLots(1_000 * (1 + (n * shift) % 31));
        level.bid_qty_lots = QtyLots(1_000 * (1 + (n + shift) % 29));
    }
    request
}

/// Every model's score of every window.
type Truth = BTreeMap<u64, Vec<Score>>;

/// A store with two models that answer differently, `first` serving.
pub(crate) struct World {
    dir: TempDir,
    pub(crate) first: Address,
    pub(crate) second: Address,
    /// What loads go through; none without a memory guard.
    pub(crate) guarding: Option<Guarding>,
    truth: Truth,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let nothing = Address([0; 32]);
        let mut world =
            Self { dir, first: nothing, second: nothing, guarding: None, truth: Truth::new() };
        world.first = world.add(Draft::named("good", NAME));
        world.second = world.add(Draft::named("bin_ctabl", NAME));
        world.keeper().promote(world.first).unwrap();
        let windows: Vec<_> = (0..WINDOWS).map(|id| request(id).input().unwrap()).collect();
        for address in [world.first, world.second] {
            let mut model = world.scorer(address);
            let scores = model.score(&windows);
            world.truth.insert(model.model_hash(), scores);
        }
        let mut tables = world.truth.values();
        let (one, other) = (tables.next().unwrap(), tables.next().unwrap());
        let apart = |(a, b): (&Score, &Score)| a.score_e6 != b.score_e6;
        assert!(one.iter().zip(other).all(apart), "the two models can be told apart");
        world
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    pub(crate) fn keeper(&self) -> Keeper {
        Keeper::open(&self.root(), None).unwrap()
    }

    fn store(&self) -> Store {
        Store::open(&self.root(), None).unwrap()
    }

    fn scorer(&self, address: Address) -> Scorer {
        let bundle = self.store().object(address).unwrap();
        let backend = runtime::start(&tract()).unwrap();
        Scorer::new(corelane_signal::model::Model::of(bundle, backend).unwrap())
    }

    /// Puts a model into the store, whatever a runtime would say of it.
    pub(crate) fn add(&self, draft: Draft) -> Address {
        let source = tempfile::tempdir().unwrap();
        draft.write(source.path());
        self.keeper().add(&Bundle::open(source.path(), None).unwrap()).unwrap()
    }

    /// Runs a server while `body` runs; what it counted, and what `body` gave.
    pub(crate) fn serve<R>(
        &self,
        options: LoaderOptions,
        body: impl FnOnce(&Path) -> R,
    ) -> (Counters, SwapCounts, R) {
        let socket = self.dir.path().join("signal.sock");
        let over = AtomicBool::new(false);
        let (ready, wait) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                let mut server = self.server(&socket, options);
                ready.send(()).unwrap();
                // ORDERING: relaxed; a lone flag, pairs with the store below.
                while !over.load(Ordering::Relaxed) {
                    server.turn(Duration::from_millis(1)).unwrap();
                }
                (server.counters(), server.swaps())
            });
            wait.recv().unwrap();
            let end = OnDrop(|| over.store(true, Ordering::Relaxed)); // ORDERING: as above.
            let given = body(&socket);
            drop(end);
            let (counters, swaps) = server.join().unwrap();
            (counters, swaps, given)
        })
    }

    fn server(&self, socket: &Path, options: LoaderOptions) -> Server {
        let scorer = Scorer::load_current(&self.store(), &options.name, &tract()).unwrap();
        let backend = runtime::start(&tract()).unwrap();
        let guarding = self.guarding.clone();
        let loader =
            Loader::start_guarded(self.store(), scorer.model(), backend, options, guarding)
                .unwrap();
        let options = ServerOptions {
            socket: socket.to_owned(),
            policy: PeerPolicy::same_user(),
            io: BackendKind::Libc,
            queue: QueuePolicy::at_once(16),
            max_peers: 8,
            idle: Idle::Park,
        };
        Server::listen(scorer, options).unwrap().with_loader(loader)
    }

    /// Asks without a pause until `over`, then takes what is open, and asks once more: a change is told
    /// before the first answer of the new model, so that the last change is heard too.
    pub(crate) fn load(&self, socket: &Path, over: &AtomicBool, gap: &AtomicU64) -> Load {
        let mut engine = Engine::connect(socket, &self.truth);
        let mut last = now();
        // ORDERING: relaxed; a lone flag.
        while !over.load(Ordering::Relaxed) || !engine.open.is_empty() {
            // ORDERING: relaxed, as above.
            while engine.open.len() < OPEN && !over.load(Ordering::Relaxed) {
                engine.ask();
            }
            if engine.hear() {
                let time = now();
                let spent = u64::try_from((time - last).as_nanos()).unwrap();
                // ORDERING: relaxed; one writer, the reader takes whole values.
                gap.fetch_max(spent, Ordering::Relaxed);
                last = time;
            }
        }
        engine.ask();
        while !engine.open.is_empty() {
            engine.hear();
        }
        engine.load
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures, outside the station's clock")]
fn now() -> Instant {
    Instant::now()
}

/// Runs at the end of its scope, also of one that panics: no thread waits for a failed test.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// What an engine saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    /// Answers without a score.
    pub(crate) empty: u64,
    /// Answers that are not what the model they name says, or name one that was not announced.
    pub(crate) wrong: u64,
    /// Changes announced.
    pub(crate) changes: u64,
    /// Generation at the end.
    pub(crate) generation: u32,
}

/// The engine's side.
pub(crate) struct Engine<'a> {
    connection: Connection,
    buffer: FrameBuffer,
    truth: &'a Truth,
    model: (u64, u32),
    next: u64,
    open: VecDeque<u64>,
    load: Load,
}

impl<'a> Engine<'a> {
    fn connect(socket: &Path, truth: &'a Truth) -> Self {
        let (connection, buffer, peer) = greet(socket, Role::Engine);
        Self {
            connection,
            buffer,
            truth,
            model: (peer.model_hash, peer.generation),
            next: 0,
            open: VecDeque::new(),
            load: Load { generation: peer.generation, ..Load::default() },
        }
    }

    fn ask(&mut self) {
        self.next += 1;
        let sent = self.connection.try_send(bytes_of(&request(self.next))).unwrap();
        assert_eq!(sent, Sent::Sent, "four requests always fit");
        self.open.push_back(self.next);
        self.load.sent += 1;
    }

    /// Takes one frame if there is one; whether it was an answer.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other frame belongs here")]
    fn hear(&mut self) -> bool {
        let frame = match self.connection.try_recv(&mut self.buffer).unwrap() {
            Received::Frame(frame) => wire::decode(frame).unwrap(),
            Received::WouldBlock => {
                std::thread::yield_now();
                return false;
            }
            Received::Closed => panic!("the server closed the connection"),
        };
        match frame {
            Frame::ModelChange(change) => {
                assert_eq!(change.generation, self.model.1 + 1, "rises by one");
                self.model = (change.model_hash, change.generation);
                self.load.changes += 1;
                self.load.generation = change.generation;
                false
            }
            Frame::SignalResponse(answer) => {
                let at = self.open.iter().position(|id| *id == answer.request_id);
                self.open.remove(at.expect("an answer to an open request, once")).unwrap();
                self.load.answered += 1;
                self.load.empty += u64::from(answer.status != b'0');
                let window = usize::try_from(answer.request_id % WINDOWS).unwrap();
                let right = (answer.model_hash, answer.generation) == self.model
                    && self.truth.get(&answer.model_hash).is_some_and(|scores| {
                        scores[window].score_e6 == answer.score_e6
                            && scores[window].p_up_e6 == answer.p_up_e6
                    });
                self.load.wrong += u64::from(!right);
                true
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The command line's side.
pub(crate) struct Operator {
    connection: Connection,
    buffer: FrameBuffer,
    next: u64,
}

impl Operator {
    pub(crate) fn connect(socket: &Path) -> Self {
        let (connection, buffer, _) = greet(socket, Role::Ctl);
        Self { connection, buffer, next: 0 }
    }

    pub(crate) fn ask(
        &mut self,
        action: ModelAction,
        address: Option<Address>,
        answers: u32,
    ) -> Result<Value, String> {
        self.next += 1;
        let mut command = ModelCommand {
            header: FrameHeader::new::<ModelCommand>(),
            request_id: self.next,
            answers,
            action: action.code(),
            reserved: [0; 3],
            address: [0; 64],
        };
        if let Some(address) = address {
            command.address.copy_from_slice(address.to_string().as_bytes());
        }
        assert_eq!(self.connection.try_send(bytes_of(&command)), Ok(Sent::Sent));
        loop {
            match self.connection.try_recv(&mut self.buffer).unwrap() {
                Received::Frame(frame) => {
                    let Ok(Frame::ControlReply(head, text)) = wire::decode(frame) else {
                        panic!("no reply")
                    };
                    assert_eq!(head.request_id, self.next);
                    let text = String::from_utf8(text.to_vec()).unwrap();
                    return match ReplyCode::from_code(head.code).unwrap() {
                        ReplyCode::Ok => Ok(serde_json::from_str(&text).unwrap()),
                        ReplyCode::Refused | ReplyCode::Malformed => Err(text),
                    };
                }
                Received::WouldBlock => std::thread::yield_now(),
                Received::Closed => panic!("the server closed the connection"),
            }
        }
    }

    pub(crate) fn status(&mut self) -> Value {
        self.ask(ModelAction::Status, None, 0).unwrap()
    }

    /// Waits until the last job has ended; the status then.
    pub(crate) fn done(&mut self) -> Value {
        loop {
            let status = self.status();
            let stage = status["job"]["stage"].as_str().unwrap();
            if !["loading", "shadowing", "publishing"].contains(&stage) {
                return status;
            }
            std::thread::yield_now();
        }
    }

    /// Changes the model and waits for the end of it.
    pub(crate) fn serve(&mut self, address: Address, answers: u32) -> Value {
        self.ask(ModelAction::Serve, Some(address), answers).unwrap();
        self.done()
    }
}

/// Resident memory of this process, KiB.
pub(crate) fn resident_kib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4
}

/// Runs `body` while an engine asks without a pause.
pub(crate) fn under_load<R: Send>(
    world: &World,
    bounds: ShadowBounds,
    body: impl FnOnce(&mut Operator) -> R + Send,
) -> (SwapCounts, Load, R) {
    under_load_with(world, bounds, &AtomicU64::new(0), body)
}

/// The same; the engine's worst gap between two answers goes to `gap`, nanoseconds.
pub(crate) fn under_load_with<R: Send>(
    world: &World,
    bounds: ShadowBounds,
    gap: &AtomicU64,
    body: impl FnOnce(&mut Operator) -> R + Send,
) -> (SwapCounts, Load, R) {
    let (counters, swaps, (load, given)) = world.serve(options(bounds), |socket| {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let engine = scope.spawn(|| world.load(socket, &over, gap));
            // ORDERING: relaxed; a lone flag.
            let end = OnDrop(|| over.store(true, Ordering::Relaxed));
            let given = body(&mut Operator::connect(socket));
            drop(end);
            (engine.join().unwrap(), given)
        })
    });
    assert_eq!(counters.answers_dropped, 0);
    assert_eq!((counters.requests, counters.shed, counters.refused), (load.sent, 0, 0));
    (swaps, load, given)
}
