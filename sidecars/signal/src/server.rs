//! The serving loop: frames in from sockets and shared memory, one micro-batch at a time through the
//! model, answers out the way the request came.
//!
//! Owns the back end, the listener, the shared memory and the model; `server/models.rs` changes it.
//! Must never: wait for a peer, keep an answer a full socket will not take (dropped and counted), or
//! print more than one line a cause. One thread; parked it costs one wake-up in [`LOOK_AROUND`].

mod models;

use crate::batch::{QueuePolicy, Taken};
use crate::error::ModelError;
use crate::guard::gate::GateState;
use crate::loader::{Loader, SwapCounts};
use crate::rings::{Answered, Rings, bell};
use crate::scorer::Scorer;
use crate::serving::{Serving, Verdict};
use crate::sys;
use bytemuck::bytes_of;
use ipc::{
    BackendKind, Connection, IoBackend, IoEvent, IpcError, Listener, PeerPolicy, Sent, Token,
    open_or_libc,
};
use std::path::PathBuf;
use std::time::Duration;
use wire::handshake::HelloAck;
use wire::signal::SignalResponse;

pub use crate::serving::Counters;

/// Longest wait without a look at the end signal and at peers that do not greet.
pub const LOOK_AROUND: Duration = Duration::from_millis(100);
/// Requests that wait before the sockets are left alone until a batch has run.
const READ_AHEAD: usize = 512;

/// What the server does while nobody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Idle {
    /// Looks without a pause: shortest wait for an answer, one whole core.
    Busy,
    /// Looks, and offers the core to others in between.
    Yield,
    /// Sleeps until a socket wakes it.
    #[default]
    Park,
}

impl Idle {
    /// The idle strategy behind a configured name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "busy" => Some(Self::Busy),
            "yield" => Some(Self::Yield),
            "park" => Some(Self::Park),
            _ => None,
        }
    }
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where to listen.
    pub socket: PathBuf,
    /// Which users may connect.
    pub policy: PeerPolicy,
    /// Which I/O back end.
    pub io: BackendKind,
    /// How requests queue; batches of 1 to [`crate::model::BATCH_MAX`].
    pub queue: QueuePolicy,
    /// Most peers at a time.
    pub max_peers: usize,
    /// What to do while nobody asks.
    pub idle: Idle,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    io: Box<dyn IoBackend>,
    scorer: Scorer,
    serving: Serving,
    loader: Option<Loader>,
    rings: Rings,
    options: ServerOptions,
    io_fallback: Option<IpcError>,
    actions: Vec<Action>,
    taken: Taken,
}

#[derive(Debug)]
enum Action {
    Adopt(Connection),
    Do(Token, Verdict),
}

impl Server {
    /// Opens the socket. From here on engines can connect.
    ///
    /// # Errors
    /// [`ModelError::Socket`].
    pub fn listen(scorer: Scorer, options: ServerOptions) -> Result<Self, ModelError> {
        let (mut io, io_fallback) = open_or_libc(options.io)?;
        let listener = Listener::bind(&options.socket, options.policy.clone())?;
        io.add_listener(listener)?;
        let provider = scorer.model().provider();
        let interval_ns = scorer.model().manifest().sample_interval_ns;
        let serving = Serving::new(scorer.model_hash(), provider, interval_ns);
        let serving = serving.queueing(options.queue);
        Ok(Self {
            io,
            scorer,
            serving,
            loader: None,
            rings: Rings::default(),
            options,
            io_fallback,
            actions: Vec::new(),
            taken: Taken::default(),
        })
    }

    /// The same server, whose model can be changed through this loader.
    #[must_use]
    pub fn with_loader(mut self, loader: Loader) -> Self {
        self.loader = Some(loader);
        self
    }

    /// Why the I/O back end is not the one asked for.
    #[must_use]
    pub fn io_fallback(&self) -> Option<&IpcError> {
        self.io_fallback.as_ref()
    }

    /// The live I/O back end.
    #[must_use]
    pub fn io_name(&self) -> &'static str {
        self.io.name()
    }

    /// The scorer behind the server.
    #[must_use]
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// Generation of the model that serves, from 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.serving.generation()
    }

    /// What became of changes of the model.
    #[must_use]
    pub fn swaps(&self) -> SwapCounts {
        self.loader.as_ref().map(|loader| loader.state().1).unwrap_or_default()
    }

    /// What the memory guard sees and did, where loads go through it.
    #[must_use]
    pub fn memory(&self) -> Option<GateState> {
        self.loader.as_ref().and_then(Loader::memory)
    }

    /// The loader, where the model can be changed.
    pub fn loader(&mut self) -> Option<&mut Loader> {
        self.loader.as_mut()
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.serving.counters
    }

    /// Serves until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// What makes the I/O back end unusable.
    pub fn run(&mut self) -> Result<(), ModelError> {
        while !sys::end_requested() {
            let events = self.turn(self.patience())?;
            if let Some(line) = self.serving.notice() {
                eprintln!("{line}");
            }
            if events == 0 && self.options.idle == Idle::Yield {
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    /// How long the next turn may sleep. The kernel counts a wait in milliseconds and rounds up: the
    /// last part of a wait for a batch to fill is spent looking.
    fn patience(&self) -> Duration {
        if self.options.idle != Idle::Park {
            return Duration::ZERO;
        }
        let due_in_ns = self.serving.batcher.due_in_ns(sys::monotonic_ns());
        due_in_ns.map_or(LOOK_AROUND, |ns| Duration::from_millis(ns / 1_000_000).min(LOOK_AROUND))
    }

    /// One turn: take what is there, run one batch, answer. Returns the number of frames and socket
    /// events.
    ///
    /// # Errors
    /// What makes the I/O back end unusable.
    pub fn turn(&mut self, timeout: Duration) -> Result<usize, ModelError> {
        let mut events = self.read_rings();
        let sleeps = events == 0 && !timeout.is_zero() && self.rings.park();
        let looks_at_sockets = sleeps || self.rings.sockets_are_due();
        if looks_at_sockets {
            events += self.read_sockets(if sleeps { timeout } else { Duration::ZERO })?;
        }
        if sleeps {
            self.rings.unpark();
            events += self.read_rings();
        }
        // A batch's border: the one place where the model changes.
        self.change_model();
        if !self.serving.batcher.is_empty() {
            let now_ns = sys::monotonic_ns();
            if self.serving.batcher.due_in_ns(now_ns) == Some(0) {
                self.run_batch(now_ns);
            }
        }
        if looks_at_sockets {
            for token in self.serving.overdue(sys::monotonic_ns()) {
                self.io.remove(token);
            }
        }
        Ok(events)
    }

    fn read_sockets(&mut self, timeout: Duration) -> Result<usize, ModelError> {
        let mut events = self.poll(timeout)?;
        let mut more = events;
        while more > 0 && self.serving.batcher.len() < READ_AHEAD {
            more = self.poll(Duration::ZERO)?;
            events += more;
        }
        Ok(events)
    }

    fn read_rings(&mut self) -> usize {
        if self.serving.batcher.len() >= READ_AHEAD {
            return 0;
        }
        let Self { rings, serving, actions, .. } = self;
        let count = rings.read(&mut |token, frame| {
            serving.now_ns = sys::monotonic_ns();
            let verdict = match frame {
                Ok(frame) => serving.on_frame(token, frame),
                Err(_) => Some(Verdict::Close).inspect(|_| serving.broke_memory()),
            };
            actions.extend(verdict.map(|verdict| Action::Do(token, verdict)));
        });
        self.act();
        count
    }

    fn poll(&mut self, timeout: Duration) -> Result<usize, ModelError> {
        let Self { io, serving, rings, actions, .. } = self;
        let count = io.poll(Some(timeout), &mut |token, event| match event {
            IoEvent::Accepted(connection) => actions.push(Action::Adopt(connection)),
            IoEvent::AcceptFailed(_) => serving.counters.connections_refused += 1,
            IoEvent::Frame(frame) if rings.is_bell(token, frame) => {}
            IoEvent::Frame(frame) => {
                serving.now_ns = sys::monotonic_ns();
                let verdict = serving.on_frame(token, frame);
                actions.extend(verdict.map(|verdict| Action::Do(token, verdict)));
            }
            IoEvent::Closed => {
                rings.remove(token);
                serving.left(token);
            }
            IoEvent::Failed(_) => {
                serving.counters.violations += 1;
                rings.remove(token);
                serving.left(token);
            }
        })?;
        self.act();
        Ok(count)
    }

    fn act(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Adopt(connection) => self.adopt(connection),
                Action::Do(token, verdict) => self.carry_out(token, &verdict),
            }
        }
        self.actions = actions;
    }

    fn carry_out(&mut self, token: Token, verdict: &Verdict) {
        match verdict {
            Verdict::Greet(ack) => self.greet(token, ack),
            Verdict::Refuse(ack) => {
                // Closed either way; a refusal that does not arrive is seen as end of file.
                let _closing = self.io.send(token, bytes_of(ack));
                self.close(token);
            }
            Verdict::Close => self.close(token),
            Verdict::Answer(response) => self.answer(token, response),
            Verdict::Command(command) => self.obey(token, command),
        }
    }

    fn greet(&mut self, token: Token, ack: &HelloAck) {
        // What came with the greeting is closed here unless it is taken.
        let passed = self.io.take_passed(token);
        if ack.shared_memory != 0 {
            let is_taken = passed.is_some_and(|fd| self.rings.adopt(token, &fd).is_ok());
            if !is_taken {
                let refusal = Verdict::Refuse(self.serving.no_memory());
                return self.carry_out(token, &refusal);
            }
            self.serving.counters.shared += 1;
        }
        if !matches!(self.io.send(token, bytes_of(ack)), Ok(Sent::Sent)) {
            self.close(token);
        }
    }

    fn adopt(&mut self, connection: Connection) {
        if self.serving.peers() >= self.options.max_peers {
            self.serving.counters.connections_refused += 1;
            // Dropped either way; a refusal that does not arrive is seen as end of file.
            let _closing = connection.try_send(bytes_of(&self.serving.busy()));
            return;
        }
        match self.io.add_connection(connection) {
            Ok(token) => self.serving.joined(token, sys::monotonic_ns()),
            Err(_) => self.serving.counters.connections_refused += 1,
        }
    }

    fn close(&mut self, token: Token) {
        self.rings.remove(token);
        self.serving.left(token);
        self.io.remove(token);
    }

    fn answer(&mut self, token: Token, response: &SignalResponse) {
        let sent = self.tell(token) && self.send(token, response);
        self.serving.counters.answers_dropped += u64::from(!sent);
    }

    /// Puts a frame where the peer reads: its ring, or its socket. Whether there was room.
    fn send<T: bytemuck::NoUninit>(&mut self, token: Token, frame: &T) -> bool {
        match self.rings.answer(token, frame) {
            None => matches!(self.io.send(token, bytes_of(frame)), Ok(Sent::Sent)),
            Some(Answered::Yes) => true,
            Some(Answered::Ring) => {
                // A socket without room has something to read: the sleeper wakes all the same.
                let _heard = self.io.send(token, bytes_of(&bell()));
                true
            }
            Some(Answered::Dropped) => false,
            Some(Answered::Broken) => {
                self.serving.broke_memory();
                self.close(token);
                false
            }
        }
    }

    fn run_batch(&mut self, now_ns: u64) {
        let mut taken = std::mem::take(&mut self.taken);
        self.serving.batcher.take(now_ns, &mut taken);
        for request in taken.shed.drain(..) {
            let response = self.serving.shed(&request);
            self.answer(request.peer, &response);
        }
        for request in taken.expired.drain(..) {
            let response = self.serving.expired(&request);
            self.answer(request.peer, &response);
        }
        if !taken.batch.is_empty() {
            self.infer(&taken);
        }
        taken.batch.clear();
        self.taken = taken;
    }

    fn infer(&mut self, taken: &Taken) {
        let batch = &taken.batch;
        let windows: Vec<_> = batch.iter().map(|request| request.window).collect();
        let start_ns = sys::monotonic_ns();
        let scores = self.scorer.score(&windows);
        let infer_ns = sys::monotonic_ns().saturating_sub(start_ns);
        self.copy_live(batch, &scores, infer_ns);
        self.serving.counters.batches += 1;
        self.serving.counters.infer_ns_max = self.serving.counters.infer_ns_max.max(infer_ns);
        for (request, score) in batch.iter().zip(scores) {
            let response = self.serving.scored(request, score, infer_ns, batch.len());
            self.answer(request.peer, &response);
        }
    }
}
