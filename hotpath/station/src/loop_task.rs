//! The order loop: takes inputs from its two rings, runs the engine, hands outputs to rings.
//!
//! Owns the engine. Inside [`LoopTask::turn`] it must never: make a system call, allocate, take a
//! lock, wait, log, or read a clock other than the cycle counter. An input starts only when every
//! output ring has room for the worst it can lead to, so no push inside a turn can fail. One
//! pinned thread runs it; between turns the caller idles.

use crate::approval::goes_to_venue;
use crate::counters::Counters;
use crate::inputs::StartMode;
use crate::link::{LinkRx, LinkTx, cells_for, cells_max};
use crate::shared::Shared;
use crate::stamps::{EventStamp, INPUT_STAMPS, ORDER_STAMPS, OrderStamp, RECORD_STAMPS};
use bytemuck::{Pod, Zeroable};
use clock::Clock;
use engine::{Engine, Setup, Sink, Stage};
use ring::{Producer, SlotWriter};
use std::mem::{offset_of, size_of};
use std::sync::Arc;
use wire::counters::Counter;
use wire::signal::SignalRequest;
use wire::{FrameHeader, FrameKind, TsNs};

/// Inputs a turn takes at most, so that a turn is bounded.
const BATCH: usize = 32;
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
    /// Every input and output to the recorder.
    pub record: LinkTx<RECORD_STAMPS>,
    /// One latest-value slot an instrument.
    pub requests: Vec<SlotWriter<RequestCell>>,
    /// Stamps to the bridge.
    pub stamps: Producer<EventStamp>,
}

/// Cells for the alarms, mode changes and kill reports of one input beside those of its orders.
const REPORTS: usize = 256;

/// Cells the outputs of one input may take at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// In the ring to the edge.
    pub orders: usize,
    /// In the ring to the recorder.
    pub record: usize,
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
        let request = cells_for(RECORD_STAMPS, size_of::<SignalRequest>());
        // Of each working order: its cancel, a question about it, and for the record an alarm; a
        // session that is lost, a kill or a comparison says all three of every order at once.
        Self {
            orders: (2 * working + wishes) * one,
            record: cells_max(RECORD_STAMPS)
                + request
                + runs
                + (3 * working + 2 * wishes) * one
                + REPORTS
                + BATCH,
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
    reserve: Reserve,
    counters: Counters,
    shared: Arc<Shared>,
    start: StartMode,
    stall_cycles: u64,
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
}

/// Where one input's outputs go: the engine's sink.
#[derive(Debug)]
struct Outputs {
    clock: Clock,
    orders: LinkTx<ORDER_STAMPS>,
    record: LinkTx<RECORD_STAMPS>,
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
        self.lost += u64::from(!self.record.push([0; RECORD_STAMPS], frame));
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
    /// # Panics
    /// If an output ring could never hold what one input may lead to.
    #[must_use]
    pub fn new(
        engine: Engine,
        reserve: Reserve,
        ports: LoopPorts,
        start: StartMode,
        (clock, counters, shared): (Clock, Counters, Arc<Shared>),
    ) -> Self {
        assert!(reserve.orders <= ports.orders.capacity(), "order ring holds one input's outputs");
        assert!(reserve.record <= ports.record.capacity(), "record ring holds one input's frames");
        let out = Outputs {
            clock,
            orders: ports.orders,
            record: ports.record,
            requests: ports.requests,
            stamp: OrderStamp::default(),
            lost: 0,
            overwritten: 0,
        };
        let (from_bridge, from_edge) = (ports.from_bridge, ports.from_edge);
        let stall_cycles = clock.ns_to_cycles(STALL_NS);
        let (stamps, tally) = (ports.stamps, Tally::default());
        Self {
            engine,
            from_bridge,
            from_edge,
            out,
            stamps,
            reserve,
            counters,
            shared,
            start,
            stall_cycles,
            tally,
        }
    }

    /// One turn: takes up to a batch of inputs, operator and signals first.
    ///
    /// # Latency
    /// Bounded by the batch; `loop.turn_cycles_max` shows the longest, the histograms `event` and
    /// `recv_to_dequeue` show each input's share.
    pub fn turn(&mut self) -> Turn {
        let start = self.out.clock.cycles();
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
            self.tally.idle_turns += 1;
            if self.tally.idle_turns.is_multiple_of(IDLE_PUBLISH) {
                self.publish();
                self.publish_positions();
            }
        }
        Turn { inputs, done: inputs == 0 && self.is_done() }
    }

    fn has_room(&mut self) -> bool {
        self.out.orders.has_room(self.reserve.orders)
            && self.out.record.has_room(self.reserve.record)
    }

    fn is_done(&mut self) -> bool {
        // The flag is read before the ring: whatever was pushed before it went up is visible.
        // Without room nothing was looked at, so nothing is known to be empty.
        self.shared.is_edge_done() && self.from_edge.is_empty() && self.has_room()
    }

    /// Takes one input of the bridge; it happens at the engine's present, or later if it says so.
    fn take_bridge(&mut self) -> bool {
        let now = self.engine.now();
        let Some(message) = self.from_bridge.take() else { return false };
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
        let now = self.engine.now();
        let Some(message) = self.from_edge.take() else { return false };
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
        let is_market = is_market_event(message.frame);
        let taken = self.engine.input(message.frame, &mut self.out);
        self.tally.bad_inputs += u64::from(taken.is_err());
        // A session that ends before it was live does not go live any more.
        let due = if self.shared.is_ending() {
            None
        } else {
            self.start.due(self.engine.mode(), self.engine.now())
        };
        if let Some(mut command) = due {
            let taken = self.engine.input(bytemuck::bytes_of_mut(&mut command), &mut self.out);
            self.tally.bad_inputs += u64::from(taken.is_err());
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
fn is_market_event(frame: &[u8]) -> bool {
    (FrameKind::DepthDelta.code()..=FrameKind::Status.code()).contains(&kind_of(frame))
}

fn stamp_recv(frame: &mut [u8], at: TsNs) {
    const AT: usize = offset_of!(FrameHeader, ts_recv_ns);
    if let Some(field) = frame.get_mut(AT..AT + 8) {
        field.copy_from_slice(&at.get().to_le_bytes());
    }
}
