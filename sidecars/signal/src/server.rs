//! The serving loop: sockets in, one micro-batch at a time through the model, answers out.
//!
//! Owns the back end, the listener and the model; `server/models.rs` changes it.
//! Must never: wait for a peer, keep an answer a
//! full socket will not take (dropped and counted), or print more than one line a cause. One
//! thread; parked it costs one wake-up in [`LOOK_AROUND`].

mod models;

use crate::batch::Waiting;
use crate::error::ModelError;
use crate::loader::{Loader, SwapCounts};
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
    /// Most requests in one batch, 1 to [`crate::model::BATCH_MAX`].
    pub max_batch: usize,
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
    options: ServerOptions,
    io_fallback: Option<IpcError>,
    actions: Vec<Action>,
    batch: Vec<Waiting>,
    shed: Vec<Waiting>,
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
        Ok(Self {
            io,
            scorer,
            serving,
            loader: None,
            options,
            io_fallback,
            actions: Vec::new(),
            batch: Vec::new(),
            shed: Vec::new(),
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
            let timeout = match self.options.idle {
                _ if !self.serving.batcher.is_empty() => Duration::ZERO,
                Idle::Busy | Idle::Yield => Duration::ZERO,
                Idle::Park => LOOK_AROUND,
            };
            let events = self.turn(timeout)?;
            if let Some(line) = self.serving.notice() {
                eprintln!("{line}");
            }
            if events == 0 && self.options.idle == Idle::Yield {
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    /// One turn: take what is there, run one batch, answer. Returns the number of socket events.
    ///
    /// # Errors
    /// What makes the I/O back end unusable.
    pub fn turn(&mut self, timeout: Duration) -> Result<usize, ModelError> {
        let mut events = self.poll(timeout)?;
        let mut more = events;
        while more > 0 && self.serving.batcher.len() < READ_AHEAD {
            more = self.poll(Duration::ZERO)?;
            events += more;
        }
        // A batch's border: the one place where the model changes.
        self.change_model();
        self.run_batch();
        for token in self.serving.overdue(sys::monotonic_ns()) {
            self.io.remove(token);
        }
        Ok(events)
    }

    fn poll(&mut self, timeout: Duration) -> Result<usize, ModelError> {
        let Self { io, serving, actions, .. } = self;
        let count = io.poll(Some(timeout), &mut |token, event| match event {
            IoEvent::Accepted(connection) => actions.push(Action::Adopt(connection)),
            IoEvent::AcceptFailed(_) => serving.counters.connections_refused += 1,
            IoEvent::Frame(frame) => {
                let verdict = serving.on_frame(token, frame);
                actions.extend(verdict.map(|verdict| Action::Do(token, verdict)));
            }
            IoEvent::Closed => serving.left(token),
            IoEvent::Failed(_) => {
                serving.counters.violations += 1;
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
            Verdict::Greet(ack) => {
                if !matches!(self.io.send(token, bytes_of(ack)), Ok(Sent::Sent)) {
                    self.close(token);
                }
            }
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
        self.serving.left(token);
        self.io.remove(token);
    }

    fn answer(&mut self, token: Token, response: &SignalResponse) {
        if !self.tell(token) {
            self.serving.counters.answers_dropped += 1;
            return;
        }
        match self.io.send(token, bytes_of(response)) {
            Ok(Sent::Sent) => {}
            Ok(Sent::WouldBlock) | Err(_) => self.serving.counters.answers_dropped += 1,
        }
    }

    fn run_batch(&mut self) {
        if self.serving.batcher.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        let mut shed = std::mem::take(&mut self.shed);
        self.serving.batcher.take(self.options.max_batch, &mut batch, &mut shed);
        for request in shed.drain(..) {
            let response = self.serving.shed(&request);
            self.answer(request.peer, &response);
        }
        let windows: Vec<_> = batch.iter().map(|request| request.window).collect();
        let start_ns = sys::monotonic_ns();
        let scores = self.scorer.score(&windows);
        let infer_ns = sys::monotonic_ns().saturating_sub(start_ns);
        self.copy_live(&batch, &scores, infer_ns);
        self.serving.counters.batches += 1;
        self.serving.counters.infer_ns_max = self.serving.counters.infer_ns_max.max(infer_ns);
        for (request, score) in batch.iter().zip(scores) {
            let response = self.serving.scored(request, score, infer_ns, batch.len());
            self.answer(request.peer, &response);
        }
        batch.clear();
        self.batch = batch;
        self.shed = shed;
    }
}
