//! The order loop: takes inputs from its two rings, runs the engine, writes inputs and outputs to the
//! tape and hands outputs to rings.
//!
//! Owns the engine and the tape's writing end. An output is on the tape before it is in a ring.
//! Inside [`LoopTask::turn`] it must never: make a system call, allocate, take a
//! lock, wait, log, or read a clock other than the cycle counter. An input starts only when every
//! output ring has room for the worst it can lead to, so no push inside a turn can fail. One
//! pinned thread runs it; between turns the caller idles.

use crate::approval::goes_to_venue;
use crate::counters::Counters;
use crate::inputs::{StartMode, ask_mode, control};
use crate::link::{LinkRx, LinkTx, cells_for};
use crate::pressure::{Level, Pressure};
use crate::shared::Shared;
use crate::stamps::{EventStamp, INPUT_STAMPS, ORDER_STAMPS, OrderStamp};
use bytemuck::{Pod, Zeroable};
use clock::Clock;
use engine::{Engine, Setup, Sink, Stage};
use ring::{Producer, SlotWriter};
use std::mem::{offset_of, size_of};
use std::sync::Arc;
use tape::tape::{TapeWriter, record_bytes};
use wire::control::Command;
use wire::counters::Counter;
use wire::frame::MAX_FRAME_BYTES;
use wire::market::{Gap, GapReason};
use wire::risk::{RiskField, RiskInput};
use wire::signal::SignalRequest;
use wire::station::Mode;
use wire::{FrameHeader, FrameKind, InstrumentId, TsNs};

/// Inputs a turn takes at most, so that a turn is bounded.
const BATCH: usize = 32;
/// From the beginning of an idle turn to that of the next: what takes so long was taken from the
/// loop, by its own idle strategy or by somebody else, nanoseconds.
const HICCUP_NS: u64 = 1_000;
/// A turn longer than this counts as a stall, nanoseconds.
const STALL_NS: u64 = 1_000_000;
/// Idle turns between two looks of the counters.
const IDLE_PUBLISH: u64 = 256;

/// A signal request on its way to the bridge, with the moment the loop wrote it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct RequestCell {
    /// Cycle counter when the request was written.
    pub framed_cycles: u64,
    /// The request.
    pub request: SignalRequest,
}

/// The loop's ends of all rings.
#[derive(Debug)]
pub struct LoopPorts {
    /// Inputs of the bridge: control and signals.
    pub from_bridge: LinkRx<INPUT_STAMPS>,
    /// Inputs of the edge: market events and reports.
    pub from_edge: LinkRx<INPUT_STAMPS>,
    /// Orders to the edge.
    pub orders: LinkTx<ORDER_STAMPS>,
    /// Every input and output.
    pub tape: TapeWriter,
    /// One latest-value slot an instrument.
    pub requests: Vec<SlotWriter<RequestCell>>,
    /// Stamps to the bridge.
    pub stamps: Producer<EventStamp>,
    /// Lengths of hiccups to the bridge, cycles.
    pub hiccups: Producer<u64>,
}

/// Alarms, mode changes and kill reports of one input beside those of its orders.
const REPORTS: usize = 256;

/// What the outputs of one input may take at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// In the ring to the edge, cells.
    pub orders: usize,
    /// On the tape, bytes.
    pub tape: usize,
}

impl Reserve {
    /// The bound for an engine made from `setup` with so many strategies in all: a halt cancels
    /// every order that may work, and each strategy may be run by every timer firing and every bar
    /// closing at once.
    #[must_use]
    pub fn of(setup: &Setup, strategies: usize) -> Self {
        /// Timer firings and bar closings one input may bring a strategy, with room to spare.
        const RUNS: usize = 32;
        let open = usize::try_from(setup.limits.firm.max_open_orders).unwrap_or(usize::MAX);
        let working = setup.order_capacity.min(open);
        let runs = strategies * RUNS;
        // A wish is a pair of orders at most, and a fill of a bracket as well.
        let wishes = runs * engine::strategy::MAX_INTENTS * 2;
        let one = cells_for(ORDER_STAMPS, size_of::<wire::order::NewOrder>());
        let on_tape = record_bytes(size_of::<wire::order::NewOrder>());
        let request = record_bytes(size_of::<SignalRequest>());
        // Of each working order: its cancel, a question about it, and for the record an alarm; a
        // session that is lost, a kill or a comparison says all three of every order at once.
        Self {
            orders: (2 * working + wishes) * one,
            tape: record_bytes(MAX_FRAME_BYTES)
                + request
                + (runs + 3 * working + 2 * wishes + REPORTS + BATCH) * on_tape,
        }
    }
}

/// What a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Inputs taken.
    pub inputs: usize,
    /// Whether the loop is done: the edge has ended and nothing waits.
    pub done: bool,
}

/// The order loop.
#[derive(Debug)]
pub struct LoopTask {
    engine: Engine,
    from_bridge: LinkRx<INPUT_STAMPS>,
    from_edge: LinkRx<INPUT_STAMPS>,
    out: Outputs,
    stamps: Producer<EventStamp>,
    hiccups: Producer<u64>,
    reserve: Reserve,
    pressure: Pressure,
    /// Instruments whose market events were left out while the tape was too full for them.
    left_out: Box<[bool]>,
    counters: Counters,
    shared: Arc<Shared>,
    start: StartMode,
    stall_cycles: u64,
    hiccup_cycles: u64,
    /// When the last turn began, where it was idle.
    idle_since: Option<u64>,
    tally: Tally,
}

/// The loop's own counts, published after a turn.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    turns: u64,
    idle_turns: u64,
    turn_cycles_max: u64,
    stalls: u64,
    back_pressure: u64,
    consumed: u64,
    stamps_lost: u64,
    bad_inputs: u64,
    market_left_out: u64,
    inputs_lost: u64,
}

/// Where one input's outputs go: the engine's sink.
#[derive(Debug)]
struct Outputs {
    clock: Clock,
    orders: LinkTx<ORDER_STAMPS>,
    tape: TapeWriter,
    requests: Vec<SlotWriter<RequestCell>>,
    stamp: OrderStamp,
    lost: u64,
    overwritten: u64,
}

impl Sink for Outputs {
    fn input(&mut self, frame: &[u8]) {
        self.keep(frame);
    }

    fn output(&mut self, frame: &[u8]) {
        self.keep(frame);
        let kind = kind_of(frame);
        if kind == FrameKind::NewOrder.code() || kind == FrameKind::ReplaceOrder.code() {
            self.send(self.stamp.words(), frame);
        } else if FrameKind::from_code(kind).is_some_and(goes_to_venue) {
            let stamp = OrderStamp { gated_cycles: 0, framed_cycles: 0, ..self.stamp };
            self.send(stamp.words(), frame);
        } else if kind == FrameKind::SignalRequest.code() {
            self.ask(frame);
        }
    }

    fn mark(&mut self, stage: Stage) {
        let now = self.clock.cycles();
        match stage {
            Stage::Decided => self.stamp.decided_cycles = now,
            Stage::Gated => self.stamp.gated_cycles = now,
            Stage::Framed => self.stamp.framed_cycles = now,
        }
    }
}

impl Outputs {
    fn keep(&mut self, frame: &[u8]) {
        self.lost += u64::from(!self.tape.push(self.stamp.dequeue_cycles, frame));
    }

    fn send(&mut self, stamps: [u64; ORDER_STAMPS], frame: &[u8]) {
        self.lost += u64::from(!self.orders.push(stamps, frame));
    }

    fn ask(&mut self, frame: &[u8]) {
        let Ok(request) = bytemuck::try_from_bytes::<SignalRequest>(frame) else { return };
        let index = usize::try_from(request.header.instrument_id.get()).unwrap_or(usize::MAX);
        let framed_cycles = self.clock.cycles();
        if let Some(slot) = self.requests.get_mut(index) {
            let unread = slot.write(|cell| {
                cell.framed_cycles = framed_cycles;
                cell.request = *request;
            });
            self.overwritten += u64::from(unread);
        }
    }
}

impl LoopTask {
    /// A loop over an engine that has taken nothing yet.
    ///
    /// `waits`: a replay at full speed, which waits for the journaler where the tape is full.
    ///
    /// # Panics
    /// If an output ring or the tape could never hold what one input may lead to.
    #[must_use]
    pub fn new(
        engine: Engine,
        reserve: Reserve,
        ports: LoopPorts,
        (start, waits): (StartMode, bool),
        (clock, counters, shared): (Clock, Counters, Arc<Shared>),
    ) -> Self {
        assert!(reserve.orders <= ports.orders.capacity(), "order ring holds one input's outputs");
        let least = Pressure::least_capacity(reserve.tape);
        assert!(least <= ports.tape.capacity(), "the tape's last tenth holds a halt");
        let pressure = Pressure::new(waits, ports.tape.capacity(), reserve.tape);
        let left_out = vec![false; engine.instruments().len()].into_boxed_slice();
        let out = Outputs {
            clock,
            orders: ports.orders,
            tape: ports.tape,
            requests: ports.requests,
            stamp: OrderStamp::default(),
            lost: 0,
            overwritten: 0,
        };
        let (from_bridge, from_edge) = (ports.from_bridge, ports.from_edge);
        let stall_cycles = clock.ns_to_cycles(STALL_NS);
        let hiccup_cycles = clock.ns_to_cycles(HICCUP_NS);
        let (stamps, hiccups, tally) = (ports.stamps, ports.hiccups, Tally::default());
        Self {
            engine,
            from_bridge,
            from_edge,
            out,
            stamps,
            hiccups,
            reserve,
            pressure,
            left_out,
            counters,
            shared,
            start,
            stall_cycles,
            hiccup_cycles,
            idle_since: None,
            tally,
        }
    }

    /// The loop's thread has done something else since the last turn: the time until the next is not
    /// a hiccup.
    pub fn was_away(&mut self) {
        self.idle_since = None;
    }

    /// One turn: takes up to a batch of inputs, operator and signals first.
    ///
    /// # Latency
    /// Bounded by the batch; `loop.turn_cycles_max` shows the longest, the histograms `event` and
    /// `recv_to_dequeue` show each input's share.
    pub fn turn(&mut self) -> Turn {
        let start = self.out.clock.cycles();
        self.look_back(start);
        self.watch_tape();
        let mut inputs = 0;
        while inputs < BATCH {
            if !self.has_room() {
                self.tally.back_pressure += 1;
                break;
            }
            if !self.take_bridge() && !self.take_edge() {
                break;
            }
            inputs += 1;
        }
        self.tally.turns += 1;
        if inputs > 0 {
            self.shared.set_consumed(self.tally.consumed);
            let cycles = self.out.clock.cycles().saturating_sub(start);
            self.tally.turn_cycles_max = self.tally.turn_cycles_max.max(cycles);
            self.tally.stalls += u64::from(cycles > self.stall_cycles);
            self.publish();
        } else {
            self.idle_since = Some(start);
            self.tally.idle_turns += 1;
            if self.tally.idle_turns.is_multiple_of(IDLE_PUBLISH) {
                self.publish();
                self.publish_positions();
            }
        }
        Turn { inputs, done: inputs == 0 && self.is_done() }
    }

    /// Tells of a hiccup: the turn before was idle, and this one begins late.
    #[inline]
    fn look_back(&mut self, start: u64) {
        let Some(since) = self.idle_since.take() else { return };
        let cycles = start.saturating_sub(since);
        if cycles >= self.hiccup_cycles {
            self.tally.stamps_lost += u64::from(self.hiccups.try_push(cycles).is_err());
        }
    }

    fn has_room(&mut self) -> bool {
        self.out.orders.has_room(self.reserve.orders)
            && !self.pressure.must_wait(&mut self.out.tape)
    }

    /// Tells the engine how full the tape is, where that has come to a level.
    fn watch_tape(&mut self) {
        if !self.out.orders.has_room(self.reserve.orders) {
            return;
        }
        let short = self.shared.is_journal_short();
        let Some(change) = self.pressure.look(&mut self.out.tape, short) else { return };
        if !self.may_take() {
            return;
        }
        let now = self.engine.now();
        let mut fill = RiskInput::new(RiskField::AuditFill, change.fill_e3);
        fill.header.ts_recv_ns = now;
        self.make_input(bytemuck::bytes_of_mut(&mut fill));
        if change.reduces && self.engine.mode() == Mode::Live && self.may_take() {
            let reason = match self.pressure.level() {
                Level::Failed => "journal cannot be written",
                Level::Room | Level::Tight => "tape is filling up",
            };
            self.make_input(bytemuck::bytes_of_mut(&mut ask_mode(Mode::Reducing, reason, now)));
        }
    }

    /// An input of the loop's own.
    fn make_input(&mut self, frame: &mut [u8]) {
        self.out.stamp.dequeue_cycles = self.out.clock.cycles();
        let taken = self.engine.input(frame, &mut self.out);
        self.tally.bad_inputs += u64::from(taken.is_err());
    }

    /// Whether one more input has its place on the tape. The first that has none is answered with a
    /// halt, for which there is room: the cancels go out, and nothing is taken any more.
    fn may_take(&mut self) -> bool {
        if self.shared.is_tape_full() {
            return false;
        }
        if self.pressure.takes_any(&mut self.out.tape) {
            return true;
        }
        let now = self.engine.now();
        let mut halt = control(Command::Halt, 0, "tape is full", now);
        self.make_input(bytemuck::bytes_of_mut(&mut halt));
        self.shared.exhaust_tape();
        self.shared.request_stop();
        false
    }

    /// Whether a market event of this instrument may be taken; the first one taken after some that
    /// were not is led in by a gap.
    fn may_take_market(&mut self, instrument: InstrumentId) -> bool {
        let index = usize::try_from(instrument.get()).unwrap_or(usize::MAX);
        let Some(left_out) = self.left_out.get_mut(index) else { return true };
        if !self.pressure.takes_market(&mut self.out.tape) {
            *left_out = true;
            self.tally.market_left_out += 1;
            return false;
        }
        if std::mem::take(left_out) {
            let mut gap = Gap {
                header: FrameHeader {
                    instrument_id: instrument,
                    ts_recv_ns: self.engine.now(),
                    ..FrameHeader::new::<Gap>()
                },
                reason: GapReason::RingFull.code(),
                ..Zeroable::zeroed()
            };
            self.make_input(bytemuck::bytes_of_mut(&mut gap));
        }
        true
    }

    fn is_done(&mut self) -> bool {
        // The flag is read before the ring: whatever was pushed before it went up is visible.
        self.shared.is_edge_done() && self.from_edge.is_empty()
    }

    /// Takes one input of the bridge; it happens at the engine's present, or later if it says so.
    fn take_bridge(&mut self) -> bool {
        if self.from_bridge.is_empty() {
            return false;
        }
        let may_take = self.may_take();
        let now = self.engine.now();
        let Some(message) = self.from_bridge.take() else { return false };
        if !may_take {
            self.tally.inputs_lost += 1;
            return true;
        }
        let at = wire::frame::header(message.frame).map_or(TsNs::UNDEF, |h| h.ts_recv_ns);
        let at = if at == TsNs::UNDEF { now } else { at.max(now) };
        stamp_recv(message.frame, at);
        self.out.stamp = OrderStamp {
            recv_cycles: message.stamps[0],
            taken_ns: at.get(),
            dequeue_cycles: self.out.clock.cycles(),
            ..OrderStamp::default()
        };
        let taken = self.engine.input(message.frame, &mut self.out);
        self.tally.bad_inputs += u64::from(taken.is_err());
        true
    }

    /// Takes one input of the edge; it carries its time.
    fn take_edge(&mut self) -> bool {
        let Some((kind, instrument)) = self.from_edge.peek_head() else { return false };
        let is_market = is_market_kind(kind);
        let may_take = self.may_take() && (!is_market || self.may_take_market(instrument));
        let now = self.engine.now();
        let Some(message) = self.from_edge.take() else { return false };
        if !may_take {
            self.tally.inputs_lost += u64::from(!is_market);
            self.tally.consumed += 1;
            return true;
        }
        let [recv_cycles, intended_cycles] = message.stamps;
        let dequeue_cycles = self.out.clock.cycles();
        let at = wire::frame::header(message.frame).map_or(now, |h| h.ts_recv_ns);
        self.out.stamp = OrderStamp {
            recv_cycles,
            intended_cycles,
            dequeue_cycles,
            taken_ns: if at == TsNs::UNDEF { now } else { at.max(now) }.get(),
            ..OrderStamp::default()
        };
        let taken = self.engine.input(message.frame, &mut self.out);
        self.tally.bad_inputs += u64::from(taken.is_err());
        // A session that ends before it was live does not go live any more.
        let due = if self.shared.is_ending() {
            None
        } else {
            self.start.due(self.engine.mode(), self.engine.now())
        };
        if let Some(mut command) = due
            && self.may_take()
        {
            self.make_input(bytemuck::bytes_of_mut(&mut command));
        }
        self.tally.consumed += 1;
        if is_market {
            let done_cycles = self.out.clock.cycles();
            let stamp = EventStamp { recv_cycles, intended_cycles, dequeue_cycles, done_cycles };
            self.tally.stamps_lost += u64::from(self.stamps.try_push(stamp).is_err());
        }
        true
    }

    fn publish(&self) {
        let (counters, tally, engine) = (&self.counters, &self.tally, self.engine.counters());
        let firm = self.engine.firm();
        let unknown = u64::try_from(firm.unknown_orders).unwrap_or(0);
        // One call each and no table: the place of a counter is then known to the compiler.
        let set = |counter, value| counters.set(counter, value);
        set(Counter::LoopInputs, engine.inputs);
        set(Counter::LoopTurns, tally.turns);
        set(Counter::LoopTurnCyclesMax, tally.turn_cycles_max);
        set(Counter::LoopStalls, tally.stalls);
        set(Counter::LoopMarketEvents, engine.market_events);
        set(Counter::LoopOrders, engine.orders);
        set(Counter::LoopDenied, engine.denied_total());
        set(Counter::LoopFills, engine.fills);
        set(Counter::LoopCancels, engine.cancels);
        set(Counter::LoopRejects, engine.rejects);
        set(Counter::LoopSignalRequests, engine.signal_requests);
        set(Counter::LoopSignalAnswers, engine.signal_answers);
        set(Counter::LoopSignalStale, engine.signal_stale);
        set(Counter::LoopBackPressure, tally.back_pressure);
        set(Counter::LoopMode, u64::from(self.engine.mode().code()));
        set(Counter::LoopEngineTime, self.engine.now().get());
        set(Counter::LoopAlarms, engine.alarms);
        set(Counter::LoopReplaces, engine.replaces);
        set(Counter::LoopOpenOrders, self.engine.orders().working() as u64);
        set(Counter::LoopUnknownOrders, unknown);
        set(Counter::LoopGross, u64::try_from(firm.exposure.gross_e9).unwrap_or(0));
        set(Counter::LoopLimitsEpoch, firm.epoch);
        set(Counter::LoopLimitChanges, engine.limit_changes);
        set(Counter::TapeFrame, self.out.tape.number());
        set(Counter::TapeFill, self.out.tape.fill_e3());
        if self.out.overwritten > counters.get(Counter::BridgeSignalOverwritten) {
            counters.set(Counter::BridgeSignalOverwritten, self.out.overwritten);
        }
        if self.out.lost > 0 {
            self.shared.report_overflow();
        }
    }

    /// What takes a look at every instrument: on idle turns only.
    fn publish_positions(&self) {
        let held = self.engine.instruments().iter().filter(|i| i.position.lots().get() != 0);
        self.counters.set(Counter::LoopPositions, held.count() as u64);
    }

    /// Publishes the last counts and says that the loop has ended. Call it after the last turn.
    pub fn finish(&mut self) {
        self.publish();
        self.publish_positions();
        self.shared.finish_loop();
    }

    /// Writes the session's last frame to the tape. `false` where there is no room left.
    pub fn write_last(&mut self, frame: &[u8]) -> bool {
        self.out.tape.push(self.out.clock.cycles(), frame)
    }

    /// Market events left out because the tape was too full for them.
    #[must_use]
    pub fn market_left_out(&self) -> u64 {
        self.tally.market_left_out
    }

    /// Reports, answers and commands the engine never saw because the tape was full.
    #[must_use]
    pub fn inputs_lost(&self) -> u64 {
        self.tally.inputs_lost
    }

    /// The engine, for the summary.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Signal requests overwritten before the bridge took them.
    #[must_use]
    pub fn overwritten(&self) -> u64 {
        self.out.overwritten
    }

    /// Stamps lost to a full ring: samples the histograms lack.
    #[must_use]
    pub fn stamps_lost(&self) -> u64 {
        self.tally.stamps_lost
    }

    /// Inputs that did not decode; the senders check theirs, so any is a bug.
    #[must_use]
    pub fn bad_inputs(&self) -> u64 {
        self.tally.bad_inputs
    }
}

fn kind_of(frame: &[u8]) -> u16 {
    const AT: usize = offset_of!(FrameHeader, kind);
    frame.get(AT..AT + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

/// The market kinds are numbered 1 to 6.
fn is_market_kind(kind: u16) -> bool {
    (FrameKind::DepthDelta.code()..=FrameKind::Status.code()).contains(&kind)
}

fn stamp_recv(frame: &mut [u8], at: TsNs) {
    const AT: usize = offset_of!(FrameHeader, ts_recv_ns);
    if let Some(field) = frame.get_mut(AT..AT + 8) {
        field.copy_from_slice(&at.get().to_le_bytes());
    }
}
