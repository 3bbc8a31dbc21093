//! The bridge's way of a request and of its answer: out of the loop's slot, to a sidecar, back to the
//! loop.
//!
//! Which sidecar is asked, and whose answer passes, is `servers.rs`; what an operator hears of it is
//! here. Must never: let an answer pass before the loop was told of its model, or stop the run because
//! a sidecar is gone. The bridge's thread runs it.

use super::failover::{Lane, PROBES};
use super::servers::{Event, Moment, Servers, Verdict};
use super::sidecar::{Asked, Cause, Heard, Open};
use super::{ANSWER_BATCH, Bridge};
use crate::latency::Stage;
use ipc::Token;
use ipc::handshake::PeerInfo;
use wire::TsNs;
use wire::counters::Counter;
use wire::signal::{SignalResponse, SignalStatus};

const MISSING_NEXT: &str = "the run goes on without scores and tries again; start corelane-signal";
const STANDBY_NEXT: &str = "the signal sidecar has nobody beside it now; start the standby again";
const UNLIKE_NEXT: &str = "it is not asked: it has another model than the one in effect; promote the \
                           same one in both";

fn peer_fields(peer: &PeerInfo) -> String {
    format!(
        "pid={} backend={} model_hash={:016x} generation={}",
        peer.pid,
        peer.backend_text(),
        peer.model_hash,
        peer.generation
    )
}

impl Bridge {
    fn moment(&self) -> Moment {
        Moment { now_ns: self.now_ns(), clock: self.clock, lifetime: self.lifetime }
    }

    /// Takes what lies in the slots, and asks.
    pub(super) fn take_requests(&mut self) -> usize {
        let moment = self.moment();
        let mut taken = 0;
        for (at, slot) in self.ports.requests.iter_mut().enumerate() {
            let Some(cell) = slot.take() else { continue };
            taken += 1;
            let asked = match &mut self.servers {
                None => Asked::Dropped,
                Some(servers) => servers.ask(at, cell, moment, self.io.as_mut()),
            };
            self.counters.add(asked.counter(), 1);
        }
        self.tell_events();
        taken
    }

    /// Connects where it is time to, and looks for who is silent.
    pub(super) fn tick_servers(&mut self) {
        let moment = self.moment();
        if let Some(servers) = &mut self.servers {
            servers.tick(moment, self.io.as_mut());
        }
        self.tell_events();
    }

    /// Tells the operator, and the loop where another model is in effect, what the servers did.
    fn tell_events(&mut self) {
        let events = self.servers.as_mut().map(Servers::take_events).unwrap_or_default();
        for event in events {
            match event {
                Event::Missing(lane, why) => self.tell_outage(lane, "is not there", &why),
                Event::Gone(lane, why) => self.tell_outage(lane, "is gone", &why),
                Event::Over(fault, peer, again) => {
                    let fields = format!(
                        "cause={} backend={} model_hash={:016x} asked_again={again}",
                        fault.name(),
                        peer.backend_text(),
                        peer.model_hash
                    );
                    let next = "find out what the signal sidecar lacks; it serves again after \
                                answering well for a while";
                    self.note("standby sidecar answers", fields, next);
                    self.turned_to("standby sidecar is the first to answer", peer);
                }
                Event::Back(peer) => {
                    let hash = peer.model_hash;
                    let fields = format!("backend={} model_hash={hash:016x}", peer.backend_text());
                    self.note("signal sidecar answers again", fields, "");
                    self.turned_to("signal sidecar serves", peer);
                }
            }
        }
    }

    fn tell_outage(&mut self, lane: Lane, what: &str, why: &str) {
        let path = self.servers.as_ref().map(|servers| servers.at(lane).path().to_path_buf());
        let next = if lane == Lane::First { MISSING_NEXT } else { STANDBY_NEXT };
        let fields = format!("socket={} why=\"{why}\"", path.unwrap_or_default().display());
        self.note(&format!("{} {what}", lane.name()), fields, next);
    }

    /// Another process answers: of the model in effect, or bringing its own.
    fn turned_to(&mut self, what: &str, peer: PeerInfo) {
        if self.last_peer.is_some_and(|before| before.model_hash == peer.model_hash) {
            self.last_peer = Some(peer);
        } else {
            self.takes_model(what, peer);
        }
    }

    /// Takes what lies in shared memory, a bounded number of frames.
    pub(super) fn take_answers(&mut self) -> usize {
        let Some(mut buffer) = self.buffer.take() else { return 0 };
        let mut count = 0;
        for lane in Lane::BOTH {
            for _ in 0..ANSWER_BATCH {
                let next = self.servers.as_mut().and_then(|s| s.receive(lane, &mut buffer));
                match next {
                    None => break,
                    Some((token, Ok(frame))) => self.on_signal_frame(lane, token, frame),
                    Some((token, Err(fault))) => {
                        self.counters.add(Counter::BridgeSignalFaults, 1);
                        self.io.remove(token);
                        self.on_sidecar_gone(lane, fault.to_string());
                    }
                }
                count += 1;
            }
        }
        self.buffer = Some(buffer);
        count
    }

    /// A sidecar's connection is no more.
    pub(super) fn on_sidecar_gone(&mut self, lane: Lane, why: String) {
        let moment = self.moment();
        if let Some(servers) = &mut self.servers {
            let fault = super::failover::Fault::Gone;
            servers.gone(lane, why, fault, moment, self.io.as_mut());
        }
        self.tell_events();
        self.publish();
    }

    /// Judges one frame of a sidecar and does what it leads to.
    pub(super) fn on_signal_frame(&mut self, lane: Lane, token: Token, frame: &[u8]) {
        let moment = self.moment();
        let Some(servers) = &mut self.servers else { return };
        match servers.hear(lane, frame, moment.now_ns) {
            Heard::Up(peer) => {
                let connects = u64::from(lane == Lane::First);
                self.counters.add(Counter::BridgeSignalConnects, connects);
                self.hears_of_model(lane, true, &format!("{} is up", lane.name()), peer);
                self.publish();
            }
            Heard::Changed(peer) => {
                self.counters.add(Counter::BridgeModelChanges, u64::from(lane == Lane::First));
                let what = match lane {
                    Lane::First => "signal model changed",
                    Lane::Standby => "standby model changed",
                };
                self.hears_of_model(lane, false, what, peer);
            }
            Heard::Answer { .. } if self.unnamed.is_some() => self.refuse_model(),
            Heard::Answer { response, open } => self.on_answer(lane, response, &open, moment),
            Heard::Bell => {}
            Heard::Refused(Cause::WrongModel) => self.refuse_model(),
            Heard::Refused(cause) => {
                self.counters.add(Counter::BridgeRefused, 1);
                let unasked = u64::from(cause == Cause::Unasked);
                self.counters.add(Counter::BridgeSignalUnasked, unasked);
            }
            Heard::BadChange(why) => {
                self.counters.add(Counter::BridgeModelRefused, 1);
                self.break_off(lane, token, why);
            }
            Heard::Broken(why) => self.break_off(lane, token, why),
        }
    }

    fn refuse_model(&mut self) {
        self.counters.add(Counter::BridgeRefused, 1);
        self.counters.add(Counter::BridgeSignalWrongModel, 1);
    }

    /// A sidecar says which model it has: that is in effect from here, or it waits beside.
    fn hears_of_model(&mut self, lane: Lane, fresh: bool, what: &str, peer: PeerInfo) {
        let moment = self.moment();
        let Some(servers) = &mut self.servers else { return };
        if servers.brings_model(lane, fresh, moment) {
            self.takes_model(what, peer);
            return self.tells_of_unlike(lane);
        }
        let next = match (lane, servers.is_alike(lane)) {
            (Lane::Standby, true) => "nothing: it answers where the signal sidecar does not".into(),
            (Lane::First, true) => {
                format!("nothing: it serves again after {PROBES} good answers in a row")
            }
            (_, false) => UNLIKE_NEXT.to_owned(),
        };
        self.note(what, peer_fields(&peer), &next);
    }

    /// A model is in effect from here: whether the other sidecar, there before, can still stand in.
    fn tells_of_unlike(&mut self, lane: Lane) {
        let Some(servers) = &self.servers else { return };
        let other = lane.other();
        let unlike = servers.at(other).peer().filter(|_| !servers.is_alike(other)).copied();
        if let Some(peer) = unlike {
            let what = format!("{} is unlike the model in effect", other.name());
            self.note(&what, peer_fields(&peer), UNLIKE_NEXT);
        }
    }

    /// What was too late for the sidecar is too late for the engine: it hears of it as of no answer.
    fn on_answer(&mut self, lane: Lane, response: SignalResponse, open: &Open, moment: Moment) {
        let Some(servers) = &mut self.servers else { return };
        let verdict = servers.judge(lane, &response, open, moment, self.io.as_mut());
        self.tell_events();
        match verdict {
            Verdict::Done => return,
            Verdict::WrongModel => return self.refuse_model(),
            Verdict::Pass => {}
        }
        let status = SignalStatus::from_code(response.status);
        if status == Some(SignalStatus::Expired) {
            self.counters.add(Counter::BridgeSignalExpired, 1);
            return;
        }
        let shed = u64::from(status == Some(SignalStatus::Shed));
        self.counters.add(Counter::BridgeSignalShed, shed);
        self.counters.add(Counter::BridgeSignalReceived, 1);
        self.pass(response, open.asked_at, open.framed_cycles);
    }

    fn break_off(&mut self, lane: Lane, token: Token, why: String) {
        self.counters.add(Counter::BridgeRefused, 1);
        self.io.remove(token);
        self.on_sidecar_gone(lane, why);
    }

    /// Hands a valid answer to the loop with the engine time of its arrival.
    fn pass(&mut self, mut response: SignalResponse, asked_at: TsNs, framed_cycles: u64) {
        let cycles = self.clock.cycles();
        let engine_time = TsNs(self.counters.get(Counter::LoopEngineTime));
        response.header.ts_recv_ns = engine_time.max(asked_at);
        response.header.seq = 0;
        let round_trip = self.clock.cycles_to_ns(cycles.saturating_sub(framed_cycles));
        if self.ports.to_loop.push([cycles, 0], bytemuck::bytes_of(&response)) {
            self.latency.record(Stage::SignalRoundTrip, round_trip);
            let age = response.header.ts_recv_ns.since(asked_at);
            self.latency.record(Stage::SignalAge, age);
        } else {
            self.counters.add(Counter::BridgeRefused, 1);
        }
    }
}
