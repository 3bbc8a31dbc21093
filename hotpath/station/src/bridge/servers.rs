//! The signal sidecar and, where one is configured, the standby beside it: who is asked, what is
//! asked again, whose answer passes.
//!
//! A request has one answer that can pass: where it is asked again of the other, the one it was asked
//! of before is listened to no more. Both must have the model in effect, the one the serving side
//! announced last; a standby of another model is connected and not asked. Must never: wait, or hand
//! on an answer of a process that was not asked for it. The bridge's thread runs it.

use super::deadline::Lifetime;
use super::failover::{Failover, Fault, Lane};
use super::memory::Transport;
use super::sidecar::{Asked, Heard, Open, Purpose, Sidecar, Tick};
use crate::loop_task::RequestCell;
use clock::Clock;
use ipc::handshake::PeerInfo;
use ipc::shm::RingFault;
use ipc::{FrameBuffer, IoBackend, Token};
use serde_json::{Value, json};
use std::path::PathBuf;
use wire::InstrumentId;
use wire::signal::{SignalResponse, SignalStatus};

/// A moment of the bridge, and what deadlines are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The bridge's time, nanoseconds.
    pub(crate) now_ns: u64,
    pub(crate) clock: Clock,
    pub(crate) lifetime: Lifetime,
}

impl Moment {
    /// The deadline of a request sent now; `None` where it is late already.
    fn deadline_ns(&self, cell: &RequestCell) -> Option<u64> {
        let waited = self.clock.cycles().saturating_sub(cell.framed_cycles);
        let waited_ns = self.clock.cycles_to_ns(waited);
        self.lifetime.deadline_ns(self.clock.monotonic_ns(), waited_ns)
    }
}

/// What the operator is to hear of.
#[derive(Debug)]
pub(crate) enum Event {
    /// A sidecar is not to be had: which, and why.
    Missing(Lane, String),
    /// A sidecar is no more: which, and why.
    Gone(Lane, String),
    /// The standby answers from here: why, and how many requests it was asked again.
    Over(Fault, PeerInfo, u64),
    /// The first answers from here.
    Back(PeerInfo),
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes to the loop.
    Pass,
    /// It has done its work: it was a probe, or its request is asked again.
    Done,
    /// It is of another model than the one in effect.
    WrongModel,
}

/// One sidecar, or two.
#[derive(Debug)]
pub(crate) struct Servers {
    first: Sidecar,
    standby: Option<Sidecar>,
    transport: Transport,
    failover: Failover,
    /// The newest request of each instrument that has no answer yet; only with a standby.
    kept: Vec<Option<RequestCell>>,
    /// Hash of the model in effect.
    effect: Option<u64>,
    events: Vec<Event>,
}

impl Servers {
    /// Of one sidecar.
    pub(crate) fn new(path: PathBuf, transport: Transport) -> Self {
        Self {
            first: Sidecar::new(path, transport, 0),
            standby: None,
            transport,
            failover: Failover::default(),
            kept: Vec::new(),
            effect: None,
            events: Vec::new(),
        }
    }

    /// The same with a standby, for requests of so many instruments.
    pub(crate) fn with_standby(mut self, path: PathBuf, instruments: usize) -> Self {
        self.standby = Some(Sidecar::new(path, self.transport, 1));
        self.kept = vec![None; instruments];
        self
    }

    /// Where the first listens.
    pub(crate) fn path(&self) -> PathBuf {
        self.first.path().to_path_buf()
    }

    /// The one in this place; the first where there is no other.
    pub(crate) fn at(&self, lane: Lane) -> &Sidecar {
        self.standby.as_ref().filter(|_| lane == Lane::Standby).unwrap_or(&self.first)
    }

    fn at_mut(&mut self, lane: Lane) -> &mut Sidecar {
        match &mut self.standby {
            Some(standby) if lane == Lane::Standby => standby,
            _ => &mut self.first,
        }
    }

    /// The places that are taken.
    fn lanes(&self) -> impl Iterator<Item = Lane> + use<> {
        Lane::BOTH.into_iter().take(1 + usize::from(self.standby.is_some()))
    }

    /// Which one a connection belongs to.
    pub(crate) fn lane_of(&self, token: Token) -> Option<Lane> {
        self.lanes().find(|lane| self.at(*lane).owns(token))
    }

    /// Who is asked for answers.
    pub(crate) fn lane(&self) -> Lane {
        self.failover.lane()
    }

    /// The one that answers.
    pub(crate) fn serving(&self) -> &Sidecar {
        self.at(self.lane())
    }

    /// From here on this model is in effect.
    pub(crate) fn take_effect(&mut self, model_hash: u64) {
        self.effect = Some(model_hash);
    }

    /// Whether this one may answer as the other does: it is up, with the model in effect.
    pub(crate) fn is_alike(&self, lane: Lane) -> bool {
        let hash = self.at(lane).peer().map(|peer| peer.model_hash);
        hash.is_some() && (self.effect.is_none() || hash == self.effect)
    }

    /// What happened since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Connects where it is time to, and leaves whoever is silent for too long.
    pub(crate) fn tick(&mut self, moment: Moment, io: &mut dyn IoBackend) {
        let patience_ns = moment.lifetime.patience_ns();
        for lane in self.lanes() {
            let silent_ns = self.at(lane).silent_ns(moment.now_ns);
            // Where nobody else can answer it may as well go on being asked.
            if silent_ns > patience_ns && self.lanes().any(|l| l != lane && self.is_alike(l)) {
                if let Some(token) = self.at(lane).token() {
                    io.remove(token);
                }
                let why = format!("no answer for {} ms", silent_ns / 1_000_000);
                self.gone(lane, why, Fault::Silent, moment, io);
            }
            if let Tick::Missing(why) = self.at_mut(lane).tick(moment.now_ns, io) {
                self.events.push(Event::Missing(lane, why));
            }
        }
    }

    /// A connection is no more; the other takes over what it can.
    pub(crate) fn gone(
        &mut self,
        lane: Lane,
        why: String,
        fault: Fault,
        moment: Moment,
        io: &mut dyn IoBackend,
    ) {
        if let Tick::Missing(why) = self.at_mut(lane).down(moment.now_ns, why) {
            self.events.push(Event::Gone(lane, why));
        }
        match (lane, self.lane()) {
            (Lane::First, Lane::First) => {
                self.fail_over(fault, moment, io);
            }
            (Lane::First, Lane::Standby) => self.failover.forget_probes(),
            (Lane::Standby, Lane::Standby) => self.take_back(moment, io),
            (Lane::Standby, Lane::First) => {}
        }
    }

    /// Asks whoever serves; the request lies in the slot of its instrument.
    pub(crate) fn ask(
        &mut self,
        slot: usize,
        cell: &RequestCell,
        moment: Moment,
        io: &mut dyn IoBackend,
    ) -> Asked {
        let Some(expires_ns) = moment.deadline_ns(cell) else { return Asked::Late };
        let at = (moment.now_ns, expires_ns);
        if let Some(kept) = self.kept.get_mut(slot) {
            // Overtaken: it is not asked again.
            *kept = None;
        }
        if self.lane() == Lane::First {
            let asked = self.first.ask(cell, at, Purpose::Answer, io);
            if asked == Asked::Sent {
                self.keep(slot, cell);
                return asked;
            }
            let fault = if self.first.is_up() { Fault::Full } else { Fault::Gone };
            if !self.fail_over(fault, moment, io) {
                return asked;
            }
        }
        if !self.is_alike(Lane::Standby) {
            self.take_back(moment, io);
            if self.lane() == Lane::Standby {
                return Asked::Dropped;
            }
        }
        let asked = self.at_mut(self.lane()).ask(cell, at, Purpose::Answer, io);
        if asked == Asked::Sent {
            self.keep(slot, cell);
        }
        if asked == Asked::Sent && self.lane() == Lane::Standby {
            self.failover.counts.sent += 1;
            if self.is_alike(Lane::First) {
                // Lost where it has no room: then it is not what it should be.
                let _probed = self.first.ask(cell, at, Purpose::Probe, io);
            }
        }
        asked
    }

    fn keep(&mut self, slot: usize, cell: &RequestCell) {
        if let Some(kept) = self.kept.get_mut(slot) {
            *kept = Some(*cell);
        }
    }

    /// Turns to the standby, if it can answer; asks it again what has no answer yet.
    fn fail_over(&mut self, why: Fault, moment: Moment, io: &mut dyn IoBackend) -> bool {
        let peer = self.standby.as_ref().and_then(Sidecar::peer).copied();
        let Some(peer) = peer.filter(|_| self.is_alike(Lane::Standby)) else { return false };
        self.failover.leave(why, moment.now_ns);
        self.first.only_probes();
        let again = self.ask_again(Lane::Standby, moment, io);
        self.events.push(Event::Over(why, peer, again));
        true
    }

    /// Turns to the first while the standby is not there: better than nobody.
    fn take_back(&mut self, moment: Moment, io: &mut dyn IoBackend) {
        let Some(peer) = self.first.peer().copied() else { return };
        self.failover.come_back(moment.now_ns);
        self.events.push(Event::Back(peer));
        self.ask_again(Lane::First, moment, io);
    }

    /// Asks whatever has no answer yet, and is not late; how many requests.
    fn ask_again(&mut self, lane: Lane, moment: Moment, io: &mut dyn IoBackend) -> u64 {
        let mut again = 0;
        for slot in 0..self.kept.len() {
            let Some(cell) = self.kept.get(slot).copied().flatten() else { continue };
            again += u64::from(self.ask_one_again(lane, &cell, moment, io));
        }
        again
    }

    fn ask_one_again(
        &mut self,
        lane: Lane,
        cell: &RequestCell,
        moment: Moment,
        io: &mut dyn IoBackend,
    ) -> bool {
        let Some(expires_ns) = moment.deadline_ns(cell) else { return false };
        let at = (moment.now_ns, expires_ns);
        let asked = self.at_mut(lane).ask(cell, at, Purpose::Answer, io) == Asked::Sent;
        if asked && lane == Lane::Standby {
            self.failover.counts.sent += 1;
            self.failover.counts.again += 1;
        }
        asked
    }

    /// Judges one frame of a sidecar.
    pub(crate) fn hear(&mut self, lane: Lane, frame: &[u8], now_ns: u64) -> Heard {
        self.at_mut(lane).hear(frame, now_ns)
    }

    /// A sidecar has greeted (`fresh`) or changed its model; `true`: its model is in effect from
    /// here. A standby that comes anew with another model than the one in effect never brings it in.
    pub(crate) fn brings_model(&mut self, lane: Lane, fresh: bool, moment: Moment) -> bool {
        match (lane, self.lane()) {
            (Lane::First, Lane::First) => true,
            (Lane::First, Lane::Standby) => {
                self.failover.forget_probes();
                let alone = !self.is_alike(Lane::Standby);
                if alone {
                    self.failover.come_back(moment.now_ns);
                }
                alone
            }
            (Lane::Standby, Lane::First) => false,
            (Lane::Standby, Lane::Standby) => !fresh || self.is_alike(Lane::Standby),
        }
    }

    /// Judges an answer that an open request asked for, and turns to whom it speaks for.
    pub(crate) fn judge(
        &mut self,
        lane: Lane,
        response: &SignalResponse,
        open: &Open,
        moment: Moment,
        io: &mut dyn IoBackend,
    ) -> Verdict {
        let alike = self.effect.is_none_or(|hash| hash == response.model_hash);
        let status = SignalStatus::from_code(response.status);
        let waited_ns = moment.now_ns.saturating_sub(open.sent_ns);
        let in_time = waited_ns <= moment.lifetime.patience_ns();
        if open.purpose == Purpose::Probe {
            let well = alike && in_time && status == Some(SignalStatus::Ok);
            if self.lane() == Lane::Standby
                && self.failover.probed(well)
                && let Some(peer) = self.first.peer().copied()
            {
                self.failover.come_back(moment.now_ns);
                self.events.push(Event::Back(peer));
            }
            return Verdict::Done;
        }
        if !alike {
            return Verdict::WrongModel;
        }
        let is_judged = self.standby.is_some() && lane == Lane::First && self.lane() == lane;
        if is_judged && self.is_asked_again(status, in_time, response, moment, io) {
            return Verdict::Done;
        }
        if let Some(kept) = self.kept_of(response) {
            *kept = None;
        }
        self.failover.passed(lane, moment.now_ns);
        Verdict::Pass
    }

    /// Whether an answer of the first, which serves, does not count because the standby was asked.
    fn is_asked_again(
        &mut self,
        status: Option<SignalStatus>,
        in_time: bool,
        response: &SignalResponse,
        moment: Moment,
        io: &mut dyn IoBackend,
    ) -> bool {
        let well = match status {
            // Of the request, not of the one that answers.
            Some(SignalStatus::Shed | SignalStatus::Refused) => return false,
            Some(SignalStatus::Ok) => in_time,
            Some(SignalStatus::Abstain | SignalStatus::Expired) | None => false,
        };
        let has_score = status == Some(SignalStatus::Ok);
        if has_score && let Some(kept) = self.kept_of(response) {
            *kept = None;
        }
        let left = self.failover.answered(well) && self.fail_over(Fault::NoScore, moment, io);
        let kept = self.kept_of(response).and_then(|kept| *kept);
        let Some(kept) = kept.filter(|_| status == Some(SignalStatus::Abstain)) else {
            return false;
        };
        left || (self.is_alike(Lane::Standby)
            && self.ask_one_again(Lane::Standby, &kept, moment, io))
    }

    /// Where the request of an answer is kept, if it is the newest of its instrument.
    fn kept_of(&mut self, response: &SignalResponse) -> Option<&mut Option<RequestCell>> {
        let id: InstrumentId = response.header.instrument_id;
        self.kept.iter_mut().find(|kept| {
            kept.as_ref().is_some_and(|cell| {
                cell.request.request_id == response.request_id
                    && cell.request.header.instrument_id == id
            })
        })
    }

    /// Whether an answer may come through shared memory any moment.
    pub(crate) fn expects(&self, now_ns: u64) -> bool {
        self.lanes().any(|lane| self.at(lane).expects(now_ns))
    }

    /// The next frame in shared memory, and whose connection it belongs to.
    pub(crate) fn receive<'b>(
        &mut self,
        lane: Lane,
        buffer: &'b mut FrameBuffer,
    ) -> Option<(Token, Result<&'b [u8], RingFault>)> {
        if lane == Lane::Standby && self.standby.is_none() {
            return None;
        }
        self.at_mut(lane).receive(buffer)
    }

    /// Whether the bridge may sleep on its sockets; says so in the memories.
    pub(crate) fn park(&mut self) -> bool {
        let mut may_sleep = true;
        for lane in self.lanes() {
            // Every one is told: an answer of any must ring.
            may_sleep &= self.at_mut(lane).memory().park();
        }
        may_sleep
    }

    /// It is awake again.
    pub(crate) fn unpark(&mut self) {
        for lane in self.lanes() {
            self.at_mut(lane).memory().unpark();
        }
    }

    /// What happened with the two, counted; `None` where there is no standby.
    pub(crate) fn counts(&self) -> Option<super::failover::Counts> {
        self.standby.as_ref().map(|_| self.failover.counts)
    }

    /// The standby's section of status and summary.
    pub(crate) fn standby_json(&self) -> Option<Value> {
        let standby = self.standby.as_ref()?;
        let peer = standby.peer();
        let mut json = self.failover.counts.to_json();
        let more = json!({
            "up": peer.is_some(),
            "ready": self.is_alike(Lane::Standby),
            "serves": self.lane() == Lane::Standby,
            "backend": peer.map(PeerInfo::backend_text),
            "model_hash": peer.map(|peer| format!("{:016x}", peer.model_hash)),
            "generation": peer.map(|peer| peer.generation),
        });
        if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
            json.extend(more);
        }
        Some(json)
    }
}
