//! The bridge: everything between the hot threads and the rest of the world but the feed.
//!
//! Owns the sidecar's socket, the control socket, the histograms and the counters page. Hot
//! threads never wait for it: it polls their rings. Must never: let a frame of a sidecar or an
//! operator reach the loop unchecked, or stop the run because a sidecar is gone. One housekeeping
//! thread runs it; it may allocate and make system calls.

pub(crate) mod control;
mod deadline;
mod failover;
mod memory;
mod model;
mod operator;
mod servers;
mod sidecar;
mod signals;

pub use deadline::Lifetime;
pub use memory::Transport;

use crate::config::ModelChanges;
use crate::counters::Counters;
use crate::idle::Idle;
use crate::latency::{Latency, Stage};
use crate::limits::desk::Desk;
use crate::link::LinkTx;
use crate::loop_task::RequestCell;
use crate::map::CountersPage;
use crate::operator::Line;
use crate::shared::Shared;
use crate::stamps::{EventStamp, INPUT_STAMPS, OrderStamp};
use clock::Clock;
use failover::Lane;
use ipc::handshake::{Identity, PeerInfo};
use ipc::{Connection, FrameBuffer, IoBackend, IoEvent, IpcError, Listener, Token};
use ring::{Consumer, SlotReader};
use serde_json::Value;
use servers::Servers;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wire::counters::Counter;
use wire::handshake::Role;

/// Longest wait for a socket while nothing else is to do.
const WAIT: Duration = Duration::from_micros(200);
/// Stamps taken a turn at most.
const STAMP_BATCH: usize = 4_096;
/// Frames of shared memory taken a turn at most.
const ANSWER_BATCH: usize = 64;
/// While answers are looked for in shared memory, sockets are looked after once in so many turns.
const SOCKETS_EVERY: u32 = 64;
/// Time between two updates of the counters page, nanoseconds.
const PAGE_EVERY_NS: u64 = 1_000_000;

/// The bridge's ends of the rings.
#[derive(Debug)]
pub struct BridgePorts {
    /// Control and signals to the loop.
    pub to_loop: LinkTx<INPUT_STAMPS>,
    /// One latest-value slot an instrument.
    pub requests: Vec<SlotReader<RequestCell>>,
    /// Stamps of the loop.
    pub events: Consumer<EventStamp>,
    /// Stamps of the edge.
    pub orders: Consumer<OrderStamp>,
    /// Lengths of the loop's hiccups, cycles.
    pub hiccups: Consumer<u64>,
}

/// What happened on a socket, kept until the back end is free to send.
#[derive(Debug)]
enum Happened {
    Accepted(Connection),
    Frame(Vec<u64>),
    Gone(Option<String>),
}

/// The bridge.
#[derive(Debug)]
pub struct Bridge {
    io: Box<dyn IoBackend>,
    me: Identity,
    peers: BTreeSet<Token>,
    greeted: BTreeSet<Token>,
    servers: Option<Servers>,
    lifetime: Lifetime,
    idle: Idle,
    turns: u32,
    /// For frames of shared memory; there while it is not in use.
    buffer: Option<FrameBuffer>,
    ports: BridgePorts,
    latency: Latency,
    page: Option<CountersPage>,
    page_due_ns: u64,
    clock: Clock,
    start_cycles: u64,
    counters: Counters,
    shared: Arc<Shared>,
    record_failure_told: bool,
    lines: Vec<Line>,
    inbox: Vec<(Token, Happened)>,
    last_peer: Option<PeerInfo>,
    model_changes: ModelChanges,
    /// A model the loop is still to be told of; no answer passes before.
    unnamed: Option<u64>,
    desk: Desk,
}

impl Bridge {
    /// A bridge over an open back end. `control` is the socket for operators, `sidecar` the path
    /// of the signal sidecar's socket; both may be left out.
    ///
    /// # Errors
    /// The back end's refusal to take the listener.
    #[expect(clippy::too_many_arguments, reason = "one call, in `run`, puts the thread together")]
    pub fn new(
        mut io: Box<dyn IoBackend>,
        control: Option<Listener>,
        sidecar: Option<PathBuf>,
        ports: BridgePorts,
        latency: Latency,
        page: Option<CountersPage>,
        clock: Clock,
        counters: Counters,
        shared: Arc<Shared>,
    ) -> Result<Self, IpcError> {
        if let Some(listener) = control {
            io.add_listener(listener)?;
        }
        Ok(Self {
            io,
            me: Identity::new(Role::Engine),
            peers: BTreeSet::new(),
            greeted: BTreeSet::new(),
            servers: sidecar.map(|path| Servers::new(path, Transport::Socket)),
            idle: Idle::Park,
            turns: 0,
            buffer: None,
            lifetime: Lifetime::default(),
            ports,
            latency,
            page,
            page_due_ns: 0,
            clock,
            start_cycles: clock.cycles(),
            counters,
            shared,
            record_failure_told: false,
            lines: Vec::new(),
            inbox: Vec::new(),
            last_peer: None,
            model_changes: ModelChanges::default(),
            unnamed: None,
            desk: Desk::default(),
        })
    }

    /// The same, for operators who may name what this desk knows.
    #[must_use]
    pub fn with_desk(mut self, desk: Desk) -> Self {
        self.desk = desk;
        self
    }

    /// The same, for requests whose answers are of use this long.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The same over another transport. While an answer may come through shared memory any moment,
    /// the bridge idles this way instead of sleeping on its sockets; [`Idle::Park`] sleeps.
    #[must_use]
    pub fn with_transport(mut self, transport: Transport, idle: Idle) -> Self {
        let path = self.servers.map(|servers| servers.path());
        self.servers = path.map(|path| Servers::new(path, transport));
        self.buffer = (transport == Transport::Shm).then(FrameBuffer::new);
        self.idle = idle;
        self
    }

    /// The same with a second sidecar at this socket, which answers where the first does not. After
    /// [`Bridge::with_transport`], which it follows.
    #[must_use]
    pub fn with_standby(mut self, socket: Option<PathBuf>) -> Self {
        let instruments = self.ports.requests.len();
        self.servers = match (self.servers, socket) {
            (Some(servers), Some(path)) => Some(servers.with_standby(path, instruments)),
            (servers, _) => servers,
        };
        self
    }

    /// The same, for another model as the configuration says.
    #[must_use]
    pub fn with_model_changes(mut self, changes: ModelChanges) -> Self {
        self.model_changes = changes;
        self
    }

    /// One turn. Waits a moment for the sockets only where `may_wait` and nothing else was to do.
    ///
    /// # Errors
    /// Only what makes the I/O back end itself unusable.
    pub fn turn(&mut self, may_wait: bool) -> Result<usize, IpcError> {
        let now_ns = self.now_ns();
        self.watch_record();
        let mut work = self.take_requests() + self.take_stamps();
        self.tick_servers();
        work += self.pass_limits();
        self.name_model();
        work += self.take_answers();
        let expects = self.idle != Idle::Park
            && self.servers.as_ref().is_some_and(|servers| servers.expects(now_ns));
        self.turns = self.turns.wrapping_add(1);
        if !expects || self.turns.is_multiple_of(SOCKETS_EVERY) {
            work += self.poll(Some(Duration::ZERO))?;
        }
        if work == 0 && may_wait {
            work += if expects { self.look_again() } else { self.sleep()? };
        }
        if now_ns >= self.page_due_ns {
            self.page_due_ns = now_ns + PAGE_EVERY_NS;
            self.publish();
            self.latency.tick(now_ns);
        }
        Ok(work)
    }

    /// Lines for the operator since the last call, to be said with the code `NOTE`.
    pub fn take_lines(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines)
    }

    /// The back end's name.
    #[must_use]
    pub fn io_name(&self) -> &'static str {
        self.io.name()
    }

    /// The sidecar that served last, if one did.
    #[must_use]
    pub fn last_peer(&self) -> Option<&PeerInfo> {
        self.last_peer.as_ref()
    }

    /// The standby's section of the summary; `None` where there is none.
    #[must_use]
    pub fn standby(&self) -> Option<Value> {
        self.servers.as_ref().and_then(Servers::standby_json)
    }

    /// Takes what is left in the stamp rings, publishes the last counts, and hands the histograms
    /// over.
    #[must_use]
    pub fn finish(mut self) -> Latency {
        while self.take_stamps() > 0 {}
        self.counters.set(Counter::Done, 1);
        self.publish();
        let now_ns = self.now_ns();
        self.latency.close(now_ns)
    }

    fn now_ns(&self) -> u64 {
        self.clock.cycles_to_ns(self.clock.cycles().saturating_sub(self.start_cycles))
    }

    fn publish(&self) {
        let serving = self.servers.as_ref().map(Servers::serving);
        let up = serving.is_some_and(sidecar::Sidecar::is_up);
        self.counters.set(Counter::BridgeSignalUp, u64::from(up));
        let shared = serving.is_some_and(|s| s.transport() == Transport::Shm);
        self.counters.set(Counter::BridgeSignalShared, u64::from(shared));
        if let Some(servers) = &self.servers
            && let Some(counts) = servers.counts()
        {
            let set = |counter, value| self.counters.set(counter, value);
            set(Counter::BridgeStandbyReady, u64::from(servers.is_alike(Lane::Standby)));
            set(Counter::BridgeStandbyServes, u64::from(servers.lane() == Lane::Standby));
            set(Counter::BridgeStandbySent, counts.sent);
            set(Counter::BridgeStandbyReceived, counts.received);
            set(Counter::BridgeFailovers, counts.failovers());
            set(Counter::BridgeFailbacks, counts.failbacks);
        }
        if let Some(page) = &self.page {
            page.publish(&self.counters);
        }
    }

    fn note(&mut self, what: &str, fields: String, next: &str) {
        self.lines.push(Line::new(what, fields, next));
    }

    /// The loop reduces by itself when the journal cannot be written; the operator is told here.
    fn watch_record(&mut self) {
        if self.record_failure_told || !self.shared.is_record_failed() {
            return;
        }
        self.record_failure_told = true;
        let next = "nothing opens any more, cancels and what reduces go on; free room or replace the \
                    disk, then end the session: the next start writes what the tape holds";
        self.note("journal cannot be written", String::new(), next);
    }

    fn take_stamps(&mut self) -> usize {
        let (clock, latency) = (self.clock, &mut self.latency);
        let to_ns = |cycles| clock.cycles_to_ns(cycles);
        let mut taken = 0;
        while taken < STAMP_BATCH {
            let event = self.ports.events.try_pop();
            if let Some(stamp) = &event {
                latency.event(stamp, to_ns);
            }
            let order = self.ports.orders.try_pop();
            if let Some(stamp) = &order {
                latency.order(stamp, to_ns);
            }
            let hiccup = self.ports.hiccups.try_pop();
            if let Some(cycles) = hiccup {
                latency.record(Stage::Hiccup, to_ns(cycles));
            }
            if event.is_none() && order.is_none() && hiccup.is_none() {
                break;
            }
            taken += 1;
        }
        taken
    }

    fn look_again(&self) -> usize {
        self.idle.wait();
        0
    }

    /// Waits for the sockets, and for the bell where frames come through shared memory.
    fn sleep(&mut self) -> Result<usize, IpcError> {
        let may_sleep = self.servers.as_mut().is_none_or(Servers::park);
        if !may_sleep {
            return Ok(0);
        }
        let work = self.poll(Some(WAIT))?;
        if let Some(servers) = &mut self.servers {
            servers.unpark();
        }
        Ok(work)
    }

    fn poll(&mut self, timeout: Option<Duration>) -> Result<usize, IpcError> {
        let mut inbox = std::mem::take(&mut self.inbox);
        let count = self.io.poll(timeout, &mut |token, event| {
            let happened = match event {
                IoEvent::Accepted(connection) => Happened::Accepted(connection),
                IoEvent::Frame(bytes) => Happened::Frame(aligned(bytes)),
                IoEvent::Closed => Happened::Gone(None),
                IoEvent::Failed(error) => Happened::Gone(Some(error.to_string())),
                // The peer is gone already; its attempt is counted with the refused frames.
                IoEvent::AcceptFailed(_) => Happened::Frame(Vec::new()),
            };
            inbox.push((token, happened));
        })?;
        for (token, happened) in inbox.drain(..) {
            match happened {
                Happened::Accepted(connection) => {
                    if let Ok(token) = self.io.add_connection(connection) {
                        self.peers.insert(token);
                    }
                }
                Happened::Frame(words) => self.on_frame(token, bytemuck::cast_slice(&words)),
                Happened::Gone(why) => self.on_gone(token, why),
            }
        }
        self.inbox = inbox;
        Ok(count)
    }

    fn on_gone(&mut self, token: Token, why: Option<String>) {
        self.peers.remove(&token);
        self.greeted.remove(&token);
        let Some(lane) = self.lane_of(token) else { return };
        self.on_sidecar_gone(lane, why.unwrap_or_else(|| "it closed the socket".to_owned()));
    }

    fn lane_of(&self, token: Token) -> Option<Lane> {
        self.servers.as_ref().and_then(|servers| servers.lane_of(token))
    }

    fn on_frame(&mut self, token: Token, frame: &[u8]) {
        if let Some(lane) = self.lane_of(token) {
            self.on_signal_frame(lane, token, frame);
        } else if self.greeted.contains(&token) {
            self.on_command(token, frame);
        } else if self.peers.contains(&token) {
            let (ack, good) = control::greet(&self.me, frame);
            let sent = self.io.send(token, bytemuck::bytes_of(&ack)).is_ok();
            if good && sent {
                self.greeted.insert(token);
            } else {
                self.refuse(token);
            }
        } else {
            self.counters.add(Counter::BridgeRefused, 1);
        }
    }

    fn refuse(&mut self, token: Token) {
        self.counters.add(Counter::BridgeRefused, 1);
        self.io.remove(token);
        self.peers.remove(&token);
        self.greeted.remove(&token);
    }
}

/// A frame's bytes as words of our own, aligned; frames are whole words or do not decode.
fn aligned(bytes: &[u8]) -> Vec<u64> {
    let mut words = vec![0_u64; bytes.len().div_ceil(8)];
    if let Some(head) = bytemuck::cast_slice_mut::<u64, u8>(&mut words).get_mut(..bytes.len()) {
        head.copy_from_slice(bytes);
    }
    words
}
