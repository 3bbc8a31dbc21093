//! The server's rules without its sockets: who may ask, what is answered, who is shown the door.
//!
//! Sans-I/O: frames and moments in, verdicts and answers out. Must never: answer before the
//! handshake, trust a length or a code that was not decoded, or keep a peer after its first
//! violation. Serving thread; allocates per peer, not per request once it has run a while.

use crate::batch::{Batcher, QueuePolicy, Waiting};
use crate::score::Score;
use bytemuck::Zeroable;
use ipc::Token;
use ipc::handshake::{Identity, accept};
use std::collections::BTreeMap;
use wire::frame::FrameHeader;
use wire::handshake::{HelloAck, HelloStatus, Role};
use wire::model::{ModelChange, ModelCommand};
use wire::signal::{SignalRequest, SignalResponse, SignalStatus};
use wire::{Frame, decode};

/// A peer must greet within this, nanoseconds.
const GREETING_LIMIT_NS: u64 = 2_000_000_000;
/// Generation of the model a process starts with; it rises by one with every change.
const FIRST_GENERATION: u32 = 1;

/// What happened, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handshakes accepted.
    pub peers: u64,
    /// Handshakes refused: version, schema, role, or too late.
    pub handshakes_refused: u64,
    /// Connections refused: another user, or too many peers.
    pub connections_refused: u64,
    /// Peers disconnected because what they sent is no frame or does not belong here.
    pub violations: u64,
    /// Requests taken.
    pub requests: u64,
    /// Answers with a score.
    pub scored: u64,
    /// Answers where the model had no usable number.
    pub abstained: u64,
    /// Requests refused: the window makes no input, or was sampled otherwise than in training.
    pub refused: u64,
    /// The part of `refused` that was sampled otherwise than in training.
    pub refused_interval: u64,
    /// Requests shed because newer ones waited.
    pub shed: u64,
    /// Requests dropped before inference because their deadline had passed.
    pub expired: u64,
    /// Peers whose requests and answers go through shared memory, among `peers`.
    pub shared: u64,
    /// Shared memory refused: not there, not sealed, another size or layout.
    pub memory_refused: u64,
    /// The part of `violations` that broke the rules of the shared memory.
    pub memory_faults: u64,
    /// Answers dropped because the peer's socket or ring was full, or it was gone.
    pub answers_dropped: u64,
    /// Commands about models taken.
    pub commands: u64,
    /// Batches run.
    pub batches: u64,
    /// Longest batch, nanoseconds of the monotonic clock.
    pub infer_ns_max: u64,
}

/// What to do about a frame that needs an answer now, or ends its peer.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Greet back.
    Greet(HelloAck),
    /// Say why, then close.
    Refuse(HelloAck),
    /// Close.
    Close,
    /// Answer at once.
    Answer(SignalResponse),
    /// Do what the command line wants.
    Command(ModelCommand),
}

#[derive(Debug)]
enum Peer {
    Greeting {
        since_ns: u64,
    },
    /// An engine, and the generation it was told of last.
    Ready {
        told: u32,
    },
    /// The command line.
    Operator,
}

#[derive(Debug)]
pub(crate) struct Serving {
    identity: Identity,
    model_hash: u64,
    generation: u32,
    provider: [u8; 48],
    sample_interval_ns: u64,
    notice: Option<String>,
    peers: BTreeMap<Token, Peer>,
    /// The present, nanoseconds of the monotonic clock; the caller keeps it.
    pub(crate) now_ns: u64,
    pub(crate) batcher: Batcher,
    pub(crate) counters: Counters,
}

impl Serving {
    pub(crate) fn new(model_hash: u64, provider: &str, sample_interval_ns: u64) -> Self {
        let generation = FIRST_GENERATION;
        let identity = Identity::new(Role::Signal).with_model(model_hash, generation, provider);
        Self {
            identity,
            model_hash,
            generation,
            provider: identity.ack(HelloStatus::Accepted).backend,
            sample_interval_ns,
            notice: None,
            peers: BTreeMap::new(),
            now_ns: 0,
            batcher: Batcher::default(),
            counters: Counters::default(),
        }
    }

    /// From here on another model answers: every later answer and greeting names it.
    ///
    /// Returns `false`, and changes nothing, where there is no higher generation.
    pub(crate) fn change_model(&mut self, model_hash: u64, provider: &str) -> bool {
        let Some(generation) = self.generation.checked_add(1) else { return false };
        self.generation = generation;
        self.model_hash = model_hash;
        self.identity = Identity::new(Role::Signal).with_model(model_hash, generation, provider);
        self.provider = self.identity.ack(HelloStatus::Accepted).backend;
        true
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Engines that do not know yet which model answers.
    pub(crate) fn untold(&self) -> Vec<Token> {
        self.peers.keys().copied().filter(|peer| self.must_tell(*peer)).collect()
    }

    /// Whether a peer must be told of the model before it gets another answer.
    pub(crate) fn must_tell(&self, peer: Token) -> bool {
        let peer = self.peers.get(&peer);
        matches!(peer, Some(Peer::Ready { told }) if *told != self.generation)
    }

    /// What it is told.
    pub(crate) fn change(&self) -> ModelChange {
        ModelChange {
            header: FrameHeader::new::<ModelChange>(),
            model_hash: self.model_hash,
            generation: self.generation,
            reserved: [0; 4],
            backend: self.provider,
        }
    }

    /// It was told.
    pub(crate) fn told(&mut self, peer: Token) {
        if let Some(Peer::Ready { told }) = self.peers.get_mut(&peer) {
            *told = self.generation;
        }
    }

    /// The same under another queue policy; before the first request.
    pub(crate) fn queueing(mut self, policy: QueuePolicy) -> Self {
        self.batcher = Batcher::new(policy);
        self
    }

    /// A line the operator should see, once.
    pub(crate) fn notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    pub(crate) fn peers(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn busy(&self) -> HelloAck {
        self.identity.ack(HelloStatus::Busy)
    }

    /// A peer broke the rules of its shared memory; the caller closes it.
    pub(crate) fn broke_memory(&mut self) {
        self.counters.violations += 1;
        self.counters.memory_faults += 1;
    }

    /// The answer to a peer whose shared memory cannot be taken.
    pub(crate) fn no_memory(&mut self) -> HelloAck {
        self.counters.memory_refused += 1;
        self.counters.handshakes_refused += 1;
        self.identity.ack(HelloStatus::Memory)
    }

    pub(crate) fn joined(&mut self, peer: Token, now_ns: u64) {
        self.peers.insert(peer, Peer::Greeting { since_ns: now_ns });
    }

    pub(crate) fn left(&mut self, peer: Token) {
        self.peers.remove(&peer);
        self.batcher.forget(peer);
    }

    /// Peers that did not greet in time; the caller closes them.
    pub(crate) fn overdue(&mut self, now_ns: u64) -> Vec<Token> {
        let late = |peer: &Peer| {
            matches!(peer, Peer::Greeting { since_ns }
                if now_ns.saturating_sub(*since_ns) >= GREETING_LIMIT_NS)
        };
        let tokens: Vec<Token> =
            self.peers.iter().filter(|(_, p)| late(p)).map(|(t, _)| *t).collect();
        for token in &tokens {
            self.counters.handshakes_refused += 1;
            self.left(*token);
        }
        tokens
    }

    /// Judges one message of a peer.
    pub(crate) fn on_frame(&mut self, peer: Token, frame: &[u8]) -> Option<Verdict> {
        match self.peers.get_mut(&peer) {
            None => None, // It is being closed; what it still sent counts no more.
            Some(state @ Peer::Greeting { .. }) => {
                match accept(&self.identity, &[Role::Engine, Role::Ctl], frame) {
                    Ok(info) => {
                        *state = match info.role {
                            Role::Ctl => Peer::Operator,
                            Role::Engine | Role::Signal | Role::Agents => {
                                Peer::Ready { told: self.generation }
                            }
                        };
                        self.counters.peers += 1;
                        let me = self.identity.with_shared_memory(info.shared_memory);
                        Some(Verdict::Greet(me.ack(HelloStatus::Accepted)))
                    }
                    Err(error) => {
                        self.left(peer);
                        if let Some(status) = error.status() {
                            self.counters.handshakes_refused += 1;
                            Some(Verdict::Refuse(self.identity.ack(status)))
                        } else {
                            self.counters.violations += 1;
                            Some(Verdict::Close)
                        }
                    }
                }
            }
            Some(state) => match (state, decode(frame)) {
                (Peer::Ready { .. }, Ok(Frame::SignalRequest(request))) => {
                    self.on_request(peer, request)
                }
                (Peer::Operator, Ok(Frame::ModelCommand(command))) => {
                    self.counters.commands += 1;
                    Some(Verdict::Command(*command))
                }
                _ => {
                    self.counters.violations += 1;
                    self.left(peer);
                    Some(Verdict::Close)
                }
            },
        }
    }

    fn on_request(&mut self, peer: Token, request: &SignalRequest) -> Option<Verdict> {
        self.counters.requests += 1;
        let (header, request_id) = (request.header, request.request_id);
        let sampled_as_trained = request.sample_interval_ns == self.sample_interval_ns;
        if !sampled_as_trained && self.counters.refused_interval == 0 {
            self.notice = Some(format!(
                "CONFIGURATION: requests are refused: sample_interval_ns={} model={}; next: set \
                 the engine's sample interval to the model's",
                request.sample_interval_ns, self.sample_interval_ns
            ));
        }
        self.counters.refused_interval += u64::from(!sampled_as_trained);
        let Some(window) = request.input().filter(|_| sampled_as_trained) else {
            self.counters.refused += 1;
            let refused = Score { status: SignalStatus::Refused, ..Score::ABSTAIN };
            return Some(Verdict::Answer(self.answer(&header, request_id, refused, 0, 1)));
        };
        let (since_ns, expires_ns) = (self.now_ns, request.expires_mono_ns);
        self.batcher.push(Waiting { peer, header, request_id, window, since_ns, expires_ns });
        None
    }

    /// The answer to a request that was shed.
    pub(crate) fn shed(&mut self, request: &Waiting) -> SignalResponse {
        self.counters.shed += 1;
        let score = Score { status: SignalStatus::Shed, ..Score::ABSTAIN };
        self.answer(&request.header, request.request_id, score, 0, 1)
    }

    /// The answer to a request that was too late to be run.
    pub(crate) fn expired(&mut self, request: &Waiting) -> SignalResponse {
        self.counters.expired += 1;
        let score = Score { status: SignalStatus::Expired, ..Score::ABSTAIN };
        self.answer(&request.header, request.request_id, score, 0, 1)
    }

    /// The answer to a request that was run.
    pub(crate) fn scored(
        &mut self,
        request: &Waiting,
        score: Score,
        infer_ns: u64,
        batch: usize,
    ) -> SignalResponse {
        if score.status == SignalStatus::Ok {
            self.counters.scored += 1;
        } else {
            self.counters.abstained += 1;
        }
        self.answer(&request.header, request.request_id, score, infer_ns, batch)
    }

    fn answer(
        &self,
        asked: &FrameHeader,
        request_id: u64,
        score: Score,
        infer_ns: u64,
        batch: usize,
    ) -> SignalResponse {
        let mut header = FrameHeader::new::<SignalResponse>();
        header.instrument_id = asked.instrument_id;
        header.venue_id = asked.venue_id;
        header.strategy_id = asked.strategy_id;
        SignalResponse {
            header,
            request_id,
            model_hash: self.model_hash,
            infer_ns,
            score_e6: score.score_e6,
            p_up_e6: score.p_up_e6,
            p_down_e6: score.p_down_e6,
            generation: self.generation,
            batch: u16::try_from(batch).unwrap_or(u16::MAX),
            status: score.status.code(),
            reserved: Zeroable::zeroed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Taken;
    use bytemuck::bytes_of;
    use wire::{InstrumentId, PriceTicks, QtyLots, StrategyId};

    const PEER: Token = Token::from_raw(5);

    fn serving() -> Serving {
        let mut serving = Serving::new(0xfeed, "tract/cpu", 100);
        serving.joined(PEER, 0);
        serving
    }

    fn ready() -> Serving {
        let mut serving = serving();
        let hello = Identity::new(Role::Engine).hello();
        let Some(Verdict::Greet(ack)) = serving.on_frame(PEER, bytes_of(&hello)) else {
            panic!("not greeted")
        };
        assert_eq!((ack.model_hash, ack.generation), (0xfeed, 1));
        serving
    }

    fn request() -> SignalRequest {
        let mut request = SignalRequest::zeroed();
        request.header = FrameHeader::new::<SignalRequest>();
        request.header.instrument_id = InstrumentId(3);
        request.header.strategy_id = StrategyId(1);
        request.request_id = 77;
        request.sample_interval_ns = 100;
        request.snapshots = 10;
        request.levels = 10;
        for level in &mut request.window {
            level.ask_price_ticks = PriceTicks(101);
            level.bid_price_ticks = PriceTicks(99);
            level.ask_qty_lots = QtyLots(1);
        }
        request
    }

    #[test]
    fn a_request_after_the_greeting_waits_and_is_answered_to_its_sender() {
        let mut serving = ready();
        assert!(serving.on_frame(PEER, bytes_of(&request())).is_none());
        let mut taken = Taken::default();
        serving.batcher.take(0, &mut taken);
        assert_eq!((taken.batch.len(), taken.shed.len(), taken.expired.len()), (1, 0, 0));
        let answer = serving.scored(&taken.batch[0], Score::ABSTAIN, 9, 1);
        assert_eq!((answer.request_id, answer.model_hash, answer.infer_ns), (77, 0xfeed, 9));
        assert_eq!(answer.header.instrument_id, InstrumentId(3));
        assert_eq!(answer.header.strategy_id, StrategyId(1));
        assert!(decode(bytes_of(&answer)).is_ok());
        assert_eq!((serving.counters.requests, serving.counters.abstained), (1, 1));
    }

    #[test]
    fn a_late_request_is_answered_as_expired_and_counted() {
        let mut serving = ready();
        let late = SignalRequest { expires_mono_ns: 500, ..request() };
        assert!(serving.on_frame(PEER, bytes_of(&late)).is_none());
        let mut taken = Taken::default();
        serving.batcher.take(500, &mut taken);
        let answer = serving.expired(&taken.expired[0]);
        assert_eq!((answer.request_id, answer.status), (77, SignalStatus::Expired.code()));
        assert!(decode(bytes_of(&answer)).is_ok());
        assert_eq!((serving.counters.expired, serving.counters.scored), (1, 0));
    }

    #[test]
    fn a_request_before_the_greeting_is_a_violation() {
        let mut serving = serving();
        assert!(matches!(serving.on_frame(PEER, bytes_of(&request())), Some(Verdict::Close)));
        assert_eq!((serving.counters.violations, serving.peers()), (1, 0));
    }

    #[test]
    fn a_wrong_version_is_told_and_closed() {
        let mut serving = serving();
        let mut hello = Identity::new(Role::Engine).hello();
        hello.wire_version += 1;
        let Some(Verdict::Refuse(ack)) = serving.on_frame(PEER, bytes_of(&hello)) else {
            panic!("not refused")
        };
        assert_eq!(ack.status, HelloStatus::Version.code());
        assert_eq!((serving.counters.handshakes_refused, serving.peers()), (1, 0));
    }

    #[test]
    fn an_operator_may_command_and_not_ask_and_an_engine_the_other_way_round() {
        let command = ModelCommand {
            header: FrameHeader::new::<ModelCommand>(),
            request_id: 1,
            answers: 0,
            action: wire::model::ModelAction::Status.code(),
            reserved: [0; 3],
            address: [0; 64],
        };
        let mut serving = serving();
        let hello = Identity::new(Role::Ctl).hello();
        assert!(matches!(serving.on_frame(PEER, bytes_of(&hello)), Some(Verdict::Greet(_))));
        let verdict = serving.on_frame(PEER, bytes_of(&command));
        assert!(matches!(verdict, Some(Verdict::Command(taken)) if taken.request_id == 1));
        assert!(matches!(serving.on_frame(PEER, bytes_of(&request())), Some(Verdict::Close)));
        let mut serving = ready();
        assert!(matches!(serving.on_frame(PEER, bytes_of(&command)), Some(Verdict::Close)));
    }

    #[test]
    fn after_a_change_an_engine_is_told_before_its_next_answer_and_once() {
        let mut serving = ready();
        serving.on_frame(PEER, bytes_of(&request()));
        let mut taken = Taken::default();
        serving.batcher.take(0, &mut taken);
        assert!(!serving.must_tell(PEER) && serving.untold().is_empty());
        assert!(serving.change_model(0xbeef, "fused/cpu"));
        assert_eq!((serving.generation(), serving.untold()), (2, vec![PEER]));
        let change = serving.change();
        assert_eq!((change.model_hash, change.generation), (0xbeef, 2));
        assert!(decode(bytes_of(&change)).is_ok());
        // What waited is answered by the new model and says so.
        let answer = serving.scored(&taken.batch[0], Score::ABSTAIN, 9, 1);
        assert_eq!((answer.model_hash, answer.generation), (0xbeef, 2));
        serving.told(PEER);
        assert!(!serving.must_tell(PEER));
        // Whoever greets now needs no word of it.
        let other = Token::from_raw(6);
        serving.joined(other, 0);
        let hello = Identity::new(Role::Engine).hello();
        let Some(Verdict::Greet(ack)) = serving.on_frame(other, bytes_of(&hello)) else {
            panic!("not greeted")
        };
        assert_eq!((ack.model_hash, ack.generation), (0xbeef, 2));
        assert!(serving.untold().is_empty());
    }

    #[test]
    fn a_generation_that_cannot_rise_changes_nothing() {
        let mut serving = ready();
        serving.generation = u32::MAX;
        assert!(!serving.change_model(0xbeef, "x"));
        assert_eq!((serving.model_hash, serving.generation), (0xfeed, u32::MAX));
    }

    #[test]
    fn other_roles_are_not_served() {
        let mut serving = serving();
        let hello = Identity::new(Role::Agents).hello();
        let Some(Verdict::Refuse(ack)) = serving.on_frame(PEER, bytes_of(&hello)) else {
            panic!("not refused")
        };
        assert_eq!(ack.status, HelloStatus::Role.code());
    }

    #[test]
    fn garbage_or_a_second_greeting_ends_a_peer_and_its_requests() {
        for bad in [vec![0xff; 64], bytes_of(&Identity::new(Role::Engine).hello()).to_vec()] {
            let mut serving = ready();
            serving.on_frame(PEER, bytes_of(&request()));
            assert!(matches!(serving.on_frame(PEER, &bad), Some(Verdict::Close)));
            assert_eq!((serving.counters.violations, serving.batcher.len()), (1, 0));
        }
    }

    #[test]
    fn a_window_that_makes_no_input_is_refused_not_run() {
        let mut serving = ready();
        let mut bad = request();
        bad.window[90].ask_price_ticks = PriceTicks(-99);
        let Some(Verdict::Answer(answer)) = serving.on_frame(PEER, bytes_of(&bad)) else {
            panic!("not answered")
        };
        assert_eq!((answer.status, answer.score_e6), (SignalStatus::Refused.code(), 0));
        assert!(serving.batcher.is_empty());
    }

    #[test]
    fn another_sample_interval_is_refused_and_said_once() {
        let mut serving = ready();
        let other = SignalRequest { sample_interval_ns: 101, ..request() };
        for _ in 0..3 {
            let Some(Verdict::Answer(answer)) = serving.on_frame(PEER, bytes_of(&other)) else {
                panic!("not answered")
            };
            assert_eq!(answer.status, SignalStatus::Refused.code());
        }
        assert_eq!((serving.counters.refused, serving.counters.refused_interval), (3, 3));
        assert!(serving.notice().unwrap().contains("sample_interval_ns=101 model=100"));
        assert_eq!(serving.notice(), None);
    }

    #[test]
    fn a_peer_that_does_not_greet_is_overdue_exactly_at_the_limit() {
        let mut serving = serving();
        assert!(serving.overdue(GREETING_LIMIT_NS - 1).is_empty());
        assert_eq!(serving.overdue(GREETING_LIMIT_NS), vec![PEER]);
        let mut serving = ready();
        assert!(serving.overdue(u64::MAX).is_empty());
    }
}
