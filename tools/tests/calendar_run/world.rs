//! A real sidecar with a store, an engine that asks it without a pause, and a station and a clock that
//! are played: the station's modes by the engine's own table.

use crate::greet::greet;
use crate::two_models::{ROLE, make};
use bytemuck::{Zeroable, bytes_of};
use corelane_tools::calendar::Calendar;
use corelane_tools::calendar::run::{Clock, RunFile, Runner, Station, Tally};
use engine::mode::{ModeEvent, transition};
use ipc::{BackendKind, PeerPolicy, Received, Sent};
use serde_json::Value;
use signal::batch::QueuePolicy;
use signal::loader::{Loader, LoaderOptions};
use signal::server::{Idle, Server, ServerOptions};
use signal::shadow::ShadowBounds;
use signal::store::{Address, Store};
use signal::{BackendChoice, RuntimeOptions, Scorer, runtime};
use station::operator::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use wire::exit::Exit;
use wire::frame::FrameHeader;
use wire::handshake::Role;
use wire::signal::SignalRequest;
use wire::station::Mode;
use wire::{Frame, PriceTicks, QtyLots};

pub(crate) struct World {
    dir: TempDir,
    pub(crate) bundled: Address,
    pub(crate) small: Address,
}

/// What an engine saw that asked all the time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    /// Answers of a model that was not announced, or without a score.
    pub(crate) wrong: u64,
    pub(crate) changes: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (bundled, small) = make(&dir.path().join("store"));
        Self { dir, bundled, small }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("signal.sock")
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("store"), None).unwrap()
    }

    /// Current and previous of the role.
    pub(crate) fn links(&self) -> (Address, Option<Address>) {
        (self.store().current(ROLE).unwrap(), self.store().previous(ROLE).unwrap())
    }

    pub(crate) fn file(&self, on_failure: &str) -> RunFile {
        let text = format!(
            "[run]\ncalendar = \"calendar.toml\"\nstate_dir = \"state\"\n\
             on_failure = \"{on_failure}\"\npatience_s = 5\n\
             [[sidecar]]\nrole = \"{ROLE}\"\nsocket = \"signal.sock\"\nstore = \"store\"\n"
        );
        let path = self.path("run.toml");
        fs::write(&path, text).unwrap();
        RunFile::load(&path).unwrap()
    }

    /// The record so far.
    pub(crate) fn record(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("state/calendar.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs the sidecar and an engine that asks it, while `body` runs.
    pub(crate) fn serve<R>(&self, body: impl FnOnce() -> R) -> (Load, R) {
        let (over, quiet) = (AtomicBool::new(false), AtomicBool::new(false));
        let (ready, wait) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                let mut server = self.server();
                ready.send(()).unwrap();
                // ORDERING: relaxed; a lone flag.
                while !over.load(Ordering::Relaxed) {
                    server.turn(Duration::from_millis(1)).unwrap();
                }
                server.counters().answers_dropped
            });
            wait.recv().unwrap();
            let engine = scope.spawn(|| load(&self.socket(), &quiet));
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            quiet.store(true, Ordering::Relaxed); // ORDERING: relaxed; a lone flag.
            let load = engine.join().unwrap();
            over.store(true, Ordering::Relaxed); // ORDERING: relaxed; a lone flag.
            assert_eq!(server.join().unwrap(), 0, "no answer is dropped");
            match ended {
                Ok(given) => (load, given),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn server(&self) -> Server {
        let tract =
            RuntimeOptions { choice: BackendChoice::Tract, dylib: None, engine_cache: None };
        let scorer = Scorer::load_current(&self.store(), ROLE, &tract).unwrap();
        let options = LoaderOptions {
            name: ROLE.into(),
            answers: 8,
            patience_ns: 0,
            bounds: ShadowBounds::default(),
        };
        let backend = runtime::start(&tract).unwrap();
        let loader = Loader::start(self.store(), scorer.model(), backend, options).unwrap();
        let options = ServerOptions {
            socket: self.socket(),
            policy: PeerPolicy::same_user(),
            io: BackendKind::Libc,
            queue: QueuePolicy::at_once(16),
            max_peers: 8,
            idle: Idle::Park,
        };
        Server::listen(scorer, options).unwrap().with_loader(loader)
    }
}

/// Asks one by one until it is told to be quiet.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other frame belongs here")]
fn load(socket: &Path, quiet: &AtomicBool) -> Load {
    let (connection, mut buffer, peer) = greet(socket, Role::Engine);
    let mut model = (peer.model_hash, peer.generation);
    let mut load = Load::default();
    // ORDERING: relaxed; a lone flag.
    while !quiet.load(Ordering::Relaxed) {
        load.sent += 1;
        assert_eq!(connection.try_send(bytes_of(&request(load.sent))), Ok(Sent::Sent));
        while load.answered < load.sent {
            match connection.try_recv(&mut buffer).unwrap() {
                Received::Frame(frame) => match wire::decode(frame).unwrap() {
                    Frame::ModelChange(change) => {
                        model = (change.model_hash, change.generation);
                        load.changes += 1;
                    }
                    Frame::SignalResponse(answer) => {
                        let of = (answer.model_hash, answer.generation);
                        load.wrong += u64::from(of != model || answer.status != b'0');
                        load.answered += 1;
                    }
                    other => panic!("{other:?}"),
                },
                Received::WouldBlock => std::thread::yield_now(),
                Received::Closed => panic!("the server closed the connection"),
            }
        }
    }
    load
}

fn request(id: u64) -> SignalRequest {
    let mut request = SignalRequest::zeroed();
    request.header = FrameHeader::new::<SignalRequest>();
    request.request_id = id;
    request.sample_interval_ns = 100_000_000;
    request.snapshots = 10;
    request.levels = 10;
    for (n, level) in (0..).zip(request.window.iter_mut()) {
        level.ask_price_ticks = PriceTicks(600_001 + n % 10);
        level.bid_price_ticks = PriceTicks(600_000 - n % 10);
        level.ask_qty_lots = QtyLots(1_000 * (1 + n % 7));
        level.bid_qty_lots = QtyLots(1_000 * (1 + n % 5));
    }
    request
}

/// A clock that shows what it is set to and moves a little with each look.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) now_ns: u64,
}

impl Clock for Played {
    fn now_ns(&mut self) -> u64 {
        self.now_ns
    }

    fn mono_ns(&mut self) -> u64 {
        self.now_ns += 1_000;
        self.now_ns
    }

    fn pause(&mut self) {
        self.now_ns += 5_000_000;
        // The sidecar is real.
        std::thread::yield_now();
    }

    fn wait_until(&mut self, at_ns: u64) {
        self.now_ns = self.now_ns.max(at_ns);
    }
}

/// A station whose modes move as the engine's do.
#[derive(Debug)]
pub(crate) struct PlayedStation {
    pub(crate) socket: PathBuf,
    pub(crate) mode: Mode,
    /// The model whose scores count; none before one is named.
    pub(crate) named: Option<u64>,
    /// A model it is never told of.
    pub(crate) deaf_to: Option<u64>,
    /// The call it dies in, and with it who made it.
    pub(crate) dies_at: Option<u64>,
    pub(crate) calls: u64,
    /// Times it was LIVE with a model that was not named.
    pub(crate) exposed: u64,
}

impl PlayedStation {
    pub(crate) fn new(world: &World, mode: Mode) -> Self {
        Self {
            socket: world.socket(),
            mode,
            named: None,
            deaf_to: None,
            dies_at: None,
            calls: 0,
            exposed: 0,
        }
    }

    fn call(&mut self) {
        self.calls += 1;
        assert_ne!(self.dies_at, Some(self.calls), "the planted crash");
        if self.mode == Mode::Live && self.named.is_some() {
            let serving = greet(&self.socket, Role::Engine).2.model_hash;
            self.exposed += u64::from(self.named != Some(serving));
        }
    }
}

impl Station for PlayedStation {
    fn mode(&mut self) -> Result<Mode, Failure> {
        self.call();
        let shown = self.mode;
        // What is canceled is canceled by the next look.
        if let Some(next) = transition(self.mode, ModeEvent::AllDone) {
            self.mode = next;
        }
        Ok(shown)
    }

    fn ask(&mut self, mode: Mode) -> Result<(), Failure> {
        self.call();
        let next = transition(self.mode, ModeEvent::Command(mode)).ok_or_else(|| {
            let fields = format!("from={} to={}", self.mode.name(), mode.name());
            Failure::new(Exit::CheckFailed, "no command leads there", fields, "wait")
        })?;
        self.mode = next;
        Ok(())
    }

    fn name_model(&mut self, hash: u64) -> Result<(), Failure> {
        self.call();
        self.named = Some(hash);
        Ok(())
    }

    fn hears(&mut self) -> Result<Option<(u64, u64)>, Failure> {
        self.call();
        let peer = greet(&self.socket, Role::Engine).2;
        let told = self.deaf_to != Some(peer.model_hash);
        Ok(told.then_some((peer.model_hash, u64::from(peer.generation))))
    }
}

/// Runs a calendar over all of it.
pub(crate) fn follow(
    calendar: &Calendar,
    file: &RunFile,
    clock: &mut Played,
    station: &mut PlayedStation,
    until_ns: Option<u64>,
) -> Result<Tally, Failure> {
    let mut say = |_: &Value| Ok(());
    let mut runner = Runner::new(calendar, file, clock, station, &mut say)?;
    runner.run(until_ns, until_ns.is_none())
}
