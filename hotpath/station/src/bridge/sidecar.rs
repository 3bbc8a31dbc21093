//! The bridge's side of the signal sidecar's socket: connect, greet, ask, judge answers.
//!
//! Owns the connection, its reconnect timetable and the list of open requests. What the sidecar
//! sends is hostile input: an answer passes only if it decodes, names an open request of the same
//! instrument and carries the model hash and generation of the handshake, or of the change announced
//! since, which must raise the generation. Must never: wait, or stop the run
//! because the sidecar is gone. The bridge's thread runs it.

use super::memory::{Memory, Transport};
use crate::loop_task::RequestCell;
use ipc::handshake::{ClientHandshake, Identity, PeerInfo, Phase};
use ipc::shm::RingFault;
use ipc::{Backoff, FrameBuffer, IoBackend, PeerPolicy, Reconnector, Token};
use std::collections::VecDeque;
use std::path::PathBuf;
use wire::counters::Counter;
use wire::handshake::Role;
use wire::signal::{SignalRequest, SignalResponse};
use wire::{Frame, InstrumentId, TsNs};

/// Requests remembered; an answer to an older one is refused.
const OPEN_REQUESTS: usize = 256;
/// Time the sidecar has for its `HelloAck`, nanoseconds.
const GREETING_NS: u64 = 2_000_000_000;
/// Time after a request in which its answer is looked for without sleep, nanoseconds.
const EXPECT_NS: u64 = 100_000;

#[derive(Debug)]
enum State {
    Down,
    Greeting { token: Token, handshake: ClientHandshake },
    Up { token: Token, peer: PeerInfo },
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its answer goes to the loop.
    Answer,
    /// Its answer only shows how the sidecar does: another one was asked too.
    Probe,
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    request_id: u64,
    instrument_id: InstrumentId,
    /// Engine time the request was made at.
    pub(crate) asked_at: TsNs,
    /// Cycle counter when the loop wrote the request.
    pub(crate) framed_cycles: u64,
    /// The bridge's time when it was sent, nanoseconds.
    pub(crate) sent_ns: u64,
    /// What for.
    pub(crate) purpose: Purpose,
}

/// What a frame of the sidecar came to.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The greeting is done; the sidecar serves this model.
    Up(PeerInfo),
    /// A valid answer.
    Answer {
        /// The answer.
        response: SignalResponse,
        /// The request it closes.
        open: Open,
    },
    /// Something is in shared memory.
    Bell,
    /// Another model answers from here.
    Changed(PeerInfo),
    /// Refused; counted by its cause.
    Refused(Cause),
    /// A change of the model that cannot be: the connection is of no more use.
    BadChange(String),
    /// Refused, and the connection is of no more use.
    Broken(String),
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is on its way.
    Sent,
    /// Nobody listens, or there is no room.
    Dropped,
    /// Its deadline passed before it could be sent.
    Late,
}

impl Asked {
    pub(crate) const fn counter(self) -> Counter {
        match self {
            Self::Sent => Counter::BridgeSignalSent,
            Self::Dropped => Counter::BridgeSignalDropped,
            Self::Late => Counter::BridgeSignalLate,
        }
    }
}

/// Why a frame of the sidecar is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An answer of another model or generation than announced.
    WrongModel,
    /// An answer no open request asked for.
    Unasked,
    /// A frame before the greeting or after the end.
    NotUp,
}

/// The signal sidecar as the bridge sees it.
#[derive(Debug)]
pub(crate) struct Sidecar {
    path: PathBuf,
    policy: PeerPolicy,
    me: Identity,
    reconnector: Reconnector,
    state: State,
    memory: Memory,
    asked_ns: u64,
    /// Since when something is asked and nothing was heard, the bridge's time, nanoseconds.
    silent_since_ns: Option<u64>,
    open: VecDeque<Open>,
    outage_told: bool,
}

/// What a tick changed.
#[derive(Debug)]
pub(crate) enum Tick {
    /// Nothing to tell.
    Quiet,
    /// The first failed attempt of an outage, and why.
    Missing(String),
}

impl Sidecar {
    /// `place` gives each of several its own timetable.
    pub(crate) fn new(path: PathBuf, transport: Transport, place: u32) -> Self {
        let seed = u64::from(std::process::id()).wrapping_add(u64::from(place) << 32);
        Self {
            memory: Memory::new(transport),
            asked_ns: 0,
            silent_since_ns: None,
            path,
            policy: PeerPolicy::same_user(),
            me: Identity::new(Role::Engine),
            reconnector: Reconnector::new(Backoff::default(), seed),
            state: State::Down,
            open: VecDeque::with_capacity(OPEN_REQUESTS),
            outage_told: false,
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// The model's back end and provider, while the sidecar is up.
    pub(crate) fn peer(&self) -> Option<&PeerInfo> {
        match &self.state {
            State::Up { peer, .. } => Some(peer),
            State::Down | State::Greeting { .. } => None,
        }
    }

    /// The connection, from its greeting on.
    pub(crate) fn token(&self) -> Option<Token> {
        match self.state {
            State::Greeting { token, .. } | State::Up { token, .. } => Some(token),
            State::Down => None,
        }
    }

    pub(crate) fn owns(&self, token: Token) -> bool {
        self.token() == Some(token)
    }

    /// Connects where it is time to.
    pub(crate) fn tick(&mut self, now_ns: u64, io: &mut dyn IoBackend) -> Tick {
        if let State::Greeting { token, handshake } = &self.state
            && handshake.is_overdue(now_ns)
        {
            io.remove(*token);
            return self.down(now_ns, "no answer to the greeting".to_owned());
        }
        if !self.reconnector.is_due(now_ns) || self.token().is_some() {
            return Tick::Quiet;
        }
        match self.connect(now_ns, io) {
            Ok(()) => Tick::Quiet,
            Err(why) => self.down(now_ns, why),
        }
    }

    fn connect(&mut self, now_ns: u64, io: &mut dyn IoBackend) -> Result<(), String> {
        let connection = ipc::connect(&self.path, &self.policy).map_err(|e| e.to_string())?;
        let me = self.memory.greet(self.me, &connection)?;
        let token = io.add_connection(connection).map_err(|e| e.to_string())?;
        let handshake = ClientHandshake::new(me, Role::Signal, now_ns, GREETING_NS);
        self.state = State::Greeting { token, handshake };
        Ok(())
    }

    /// Goes down; tells why once an outage.
    pub(crate) fn down(&mut self, now_ns: u64, why: String) -> Tick {
        self.state = State::Down;
        self.memory.drop_all();
        self.open.clear();
        self.silent_since_ns = None;
        self.reconnector.failed(now_ns);
        if std::mem::replace(&mut self.outage_told, true) {
            Tick::Quiet
        } else {
            Tick::Missing(why)
        }
    }

    /// Whether an answer may come through shared memory any moment: worth looking without sleep.
    pub(crate) fn expects(&self, now_ns: u64) -> bool {
        let asked_lately = now_ns.saturating_sub(self.asked_ns) < EXPECT_NS;
        asked_lately && self.memory.is_used() && !self.open.is_empty()
    }

    /// How long it has left what it was asked without any answer, nanoseconds.
    pub(crate) fn silent_ns(&self, now_ns: u64) -> u64 {
        self.silent_since_ns.map_or(0, |since| now_ns.saturating_sub(since))
    }

    /// No answer to what is on its way goes to the loop any more.
    pub(crate) fn only_probes(&mut self) {
        for open in &mut self.open {
            open.purpose = Purpose::Probe;
        }
    }

    /// The shared memory of this connection.
    pub(super) fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Whether the operator wanted shared memory that the sidecar did not take.
    pub(crate) fn is_declined(&self) -> bool {
        self.memory.is_declined()
    }

    /// The transport that is live, as the operator's line and the summary spell it.
    pub(crate) fn transport(&self) -> Transport {
        if self.memory.is_used() { Transport::Shm } else { Transport::Socket }
    }

    /// The next frame in shared memory, and whose connection it belongs to.
    pub(crate) fn receive<'b>(
        &mut self,
        buffer: &'b mut FrameBuffer,
    ) -> Option<(Token, Result<&'b [u8], RingFault>)> {
        let State::Up { token, .. } = self.state else { return None };
        self.memory.receive(buffer).transpose().map(|frame| (token, frame))
    }

    /// Sends a request with its deadline, or drops it where nobody listens or the socket is full.
    pub(crate) fn ask(
        &mut self,
        cell: &RequestCell,
        (now_ns, expires_mono_ns): (u64, u64),
        purpose: Purpose,
        io: &mut dyn IoBackend,
    ) -> Asked {
        let State::Up { token, .. } = self.state else { return Asked::Dropped };
        let request = SignalRequest { expires_mono_ns, ..cell.request };
        if !self.memory.send(token, bytemuck::bytes_of(&request), io) {
            return Asked::Dropped;
        }
        self.asked_ns = now_ns;
        self.silent_since_ns.get_or_insert(now_ns);
        if self.open.len() == OPEN_REQUESTS {
            self.open.pop_front();
        }
        self.open.push_back(Open {
            request_id: cell.request.request_id,
            instrument_id: cell.request.header.instrument_id,
            asked_at: cell.request.header.ts_recv_ns,
            framed_cycles: cell.framed_cycles,
            sent_ns: now_ns,
            purpose,
        });
        Asked::Sent
    }

    /// Judges one frame of the sidecar.
    pub(crate) fn hear(&mut self, frame: &[u8], now_ns: u64) -> Heard {
        match &mut self.state {
            State::Down => Heard::Refused(Cause::NotUp),
            State::Greeting { token, handshake } => match handshake.on_frame(frame) {
                Phase::Ready(peer) => {
                    self.memory.settle(&peer);
                    self.state = State::Up { token: *token, peer };
                    self.reconnector.connected(now_ns);
                    self.outage_told = false;
                    Heard::Up(peer)
                }
                Phase::Failed(error) => Heard::Broken(error.to_string()),
                Phase::AwaitingAck { .. } => Heard::Refused(Cause::NotUp),
            },
            State::Up { peer, .. } => match wire::decode(frame) {
                Ok(Frame::SignalResponse(response))
                    if response.model_hash == peer.model_hash
                        && response.generation == peer.generation =>
                {
                    let response = *response;
                    self.silent_since_ns = None;
                    self.answer(response)
                }
                Ok(Frame::Doorbell(_)) if self.memory.is_used() => Heard::Bell,
                Ok(Frame::SignalResponse(_)) => Heard::Refused(Cause::WrongModel),
                Ok(Frame::ModelChange(change)) if change.generation > peer.generation => {
                    peer.model_hash = change.model_hash;
                    peer.generation = change.generation;
                    peer.backend = change.backend;
                    Heard::Changed(*peer)
                }
                Ok(Frame::ModelChange(change)) => Heard::BadChange(format!(
                    "announced generation {} after {}",
                    change.generation, peer.generation
                )),
                Ok(_) => Heard::Broken("sent a frame that is no answer".to_owned()),
                Err(error) => Heard::Broken(error.to_string()),
            },
        }
    }

    fn answer(&mut self, response: SignalResponse) -> Heard {
        let fits = |open: &Open| {
            open.request_id == response.request_id
                && open.instrument_id == response.header.instrument_id
        };
        // An answer closes its request: the same one does not pass twice.
        let found = self.open.iter().position(fits).and_then(|at| self.open.remove(at));
        found.map_or(Heard::Refused(Cause::Unasked), |open| Heard::Answer { response, open })
    }
}
