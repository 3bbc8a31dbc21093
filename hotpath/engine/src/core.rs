//! The engine: takes numbered inputs, keeps the state, gives numbered outputs.
//!
//! Owns: the order in which things happen within one input. Market events are here; orders and
//! their reports are in `core/orders.rs`, modes, control and signals in `core/control.rs`.
//!
//! Must never: do anything that is not a function of the inputs so far. Allocates only in
//! [`Engine::new`]. Runs on the loop's thread.

mod control;
mod orders;

use crate::bars::BarAggregator;
use crate::book::{BookConfig, L2Book, Part};
use crate::gate;
use crate::hash::StateHasher;
use crate::instrument::{InstrumentState, RateBucket, Reserved};
use crate::mode::ModeEvent;
use crate::orders::OrderTable;
use crate::position::Position;
use crate::sampler::Sampler;
use crate::setup::{Setup, SetupError};
use crate::sink::{Sink, Stage};
use crate::strategy::{Context, Event, Intent, Intents, Strategy};
use crate::timers::Timers;
use bytemuck::Zeroable;
use wire::frame::{self, FrameHeader};
use wire::market::{AggressorSide, FLAG_LAST, TradingStatus};
use wire::signal::SignalRequest;
use wire::station::{Mode, Timer};
use wire::{DecodeError, Frame, FrameKind, InstrumentId, PriceTicks, StrategyId, TsNs, decode};

/// What the engine has counted since its start. Part of no decision and of no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Inputs taken, timers included.
    pub inputs: u64,
    /// Outputs given.
    pub outputs: u64,
    /// Market events among the inputs.
    pub market_events: u64,
    /// New orders approved and sent.
    pub orders: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Orders denied, by primary check.
    pub denied: [u64; gate::CHECKS.len()],
    /// Fills booked.
    pub fills: u64,
    /// Orders the venue rejected.
    pub rejects: u64,
    /// Signal requests made.
    pub signal_requests: u64,
    /// Usable answers taken.
    pub signal_answers: u64,
    /// Answers older than their time to live, or overtaken by a newer one.
    pub signal_stale: u64,
    /// Answers without a score, or for no known request.
    pub signal_unusable: u64,
    /// Reports for an order or execution already dealt with.
    pub late_reports: u64,
    /// Reports that contradict what we hold, or name no order of ours.
    pub anomalies: u64,
    /// Inputs a live engine has no use for: frames of other kinds, instruments not in the table.
    pub ignored: u64,
    /// Control commands refused in the present mode.
    pub refused_commands: u64,
}

impl Counters {
    /// Orders denied, all checks together.
    #[must_use]
    pub fn denied_total(&self) -> u64 {
        self.denied.iter().sum()
    }
}

/// A strategy that is not one of [`StrategyParams`]: somebody's own code behind the trait.
#[derive(Debug)]
pub struct OwnStrategy {
    /// Name, as reports print it.
    pub name: String,
    /// Instrument it trades.
    pub instrument: InstrumentId,
    /// Whether it trades on model scores: then a stale score denies its orders.
    pub uses_signal: bool,
    /// The strategy.
    pub logic: Box<dyn Strategy>,
}

#[derive(Debug)]
struct Slot {
    name: String,
    instrument: usize,
    uses_signal: bool,
    logic: Box<dyn Strategy>,
    position: Position,
}

/// Requests whose answers are still accepted; an answer to an older one is overtaken anyway.
const REQUEST_LOG: usize = 64;
/// Execution ids remembered to recognise a repeated fill.
const EXEC_LOG: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Request {
    id: u64,
    instrument: u32,
    at: TsNs,
}

/// The deterministic core.
#[derive(Debug)]
pub struct Engine {
    now: TsNs,
    seq: u64,
    approvals: u64,
    mode: Mode,
    killed: bool,
    instruments: Vec<InstrumentState>,
    strategies: Vec<Slot>,
    on_instrument: Vec<Vec<usize>>,
    orders: OrderTable,
    timers: Timers,
    intents: Intents,
    signal_ttl_ns: u64,
    request_ids: u64,
    requests: [Request; REQUEST_LOG],
    executions: Vec<u64>,
    executions_next: usize,
    scratch: Box<SignalRequest>,
    counters: Counters,
}

impl Engine {
    /// An engine in BOOT, with all its memory taken.
    ///
    /// # Errors
    /// The first of [`Setup::problems`].
    pub fn new(setup: Setup) -> Result<Self, SetupError> {
        Self::with_strategies(setup, Vec::new())
    }

    /// An engine that also runs strategies of the caller's own; they follow those of the setup.
    ///
    /// # Errors
    /// The first of [`Setup::problems`]; [`SetupError::StrategyInstrument`] and
    /// [`SetupError::SignalMissing`] for an own strategy likewise.
    pub fn with_strategies(setup: Setup, own: Vec<OwnStrategy>) -> Result<Self, SetupError> {
        if let Some(problem) = setup.problems().into_iter().next() {
            return Err(problem);
        }
        let mut on_instrument = vec![Vec::new(); setup.instruments.len()];
        let mut strategies = Vec::with_capacity(setup.strategies.len() + own.len());
        for strategy in setup.strategies {
            strategies.push(Slot {
                name: strategy.name,
                instrument: index_of(strategy.instrument),
                uses_signal: strategy.params.uses_signal(),
                logic: strategy.params.strategy(),
                position: Position::default(),
            });
        }
        for OwnStrategy { name, instrument, uses_signal, logic } in own {
            let instrument = index_of(instrument);
            let position = Position::default();
            strategies.push(Slot { name, instrument, uses_signal, logic, position });
        }
        let signal = setup.signal;
        for (id, slot) in strategies.iter().enumerate() {
            let name = || slot.name.clone();
            let Some(list) = on_instrument.get_mut(slot.instrument) else {
                return Err(SetupError::StrategyInstrument { name: name() });
            };
            if slot.uses_signal && signal.is_none() {
                return Err(SetupError::SignalMissing { name: name() });
            }
            list.push(id);
        }
        let instruments = setup
            .instruments
            .into_iter()
            .zip(setup.limits)
            .enumerate()
            .map(|(index, (row, limits))| {
                let wanted = on_instrument[index].iter().any(|s| strategies[*s].uses_signal);
                InstrumentState {
                    tick_value_e9: row.tick_value_e9().unwrap_or(0),
                    row,
                    limits,
                    book: L2Book::new(BookConfig::default()),
                    quote: None,
                    last_trade_ticks: PriceTicks::UNDEF,
                    status: TradingStatus::Trading,
                    last_market_ns: TsNs(0),
                    bars: BarAggregator::new(),
                    position: Position::default(),
                    reserved: Reserved::default(),
                    rate: RateBucket::default(),
                    sampler: signal.filter(|_| wanted).map(|s| Sampler::new(s.sample_interval_ns)),
                    signal: None,
                }
            })
            .collect();
        let mut scratch = Box::new(SignalRequest::zeroed());
        scratch.header = FrameHeader::new::<SignalRequest>();
        scratch.sample_interval_ns = signal.map_or(0, |s| s.sample_interval_ns);
        scratch.snapshots = 10;
        scratch.levels = 10;
        Ok(Self {
            now: TsNs(0),
            seq: 0,
            approvals: 0,
            mode: Mode::Boot,
            killed: false,
            instruments,
            timers: Timers::new(strategies.len()),
            strategies,
            on_instrument,
            orders: OrderTable::new(setup.order_capacity, setup.epoch),
            intents: Intents::default(),
            signal_ttl_ns: signal.map_or(0, |s| s.ttl_ns),
            request_ids: 0,
            requests: [Request { id: u64::MAX, instrument: 0, at: TsNs(0) }; REQUEST_LOG],
            executions: vec![u64::MAX; EXEC_LOG],
            executions_next: 0,
            scratch,
            counters: Counters {
                inputs: 0,
                outputs: 0,
                market_events: 0,
                orders: 0,
                cancels: 0,
                denied: [0; gate::CHECKS.len()],
                fills: 0,
                rejects: 0,
                signal_requests: 0,
                signal_answers: 0,
                signal_stale: 0,
                signal_unusable: 0,
                late_reports: 0,
                anomalies: 0,
                ignored: 0,
                refused_commands: 0,
            },
        })
    }

    /// Takes one input frame: fires every timer due at or before its `ts_recv_ns`, stamps the
    /// frame's number, applies it. Time never goes back: an earlier `ts_recv_ns` counts as now.
    ///
    /// # Errors
    /// A frame that does not decode changes nothing.
    pub fn input<S: Sink>(&mut self, frame: &mut [u8], out: &mut S) -> Result<(), DecodeError> {
        let at = frame::header(frame)?.ts_recv_ns;
        let at = if at == TsNs::UNDEF { self.now } else { at };
        if self.timers.earliest().is_some_and(|due| due <= at) {
            decode(frame)?;
            self.fire_timers(at, out);
        }
        let seq = self.seq + 1;
        stamp_seq(frame, seq);
        let decoded = decode(frame)?;
        self.seq = seq;
        self.counters.inputs += 1;
        self.now = self.now.max(at);
        out.input(frame);
        if self.mode == Mode::Boot {
            self.change_mode(ModeEvent::Started, 0, out);
        }
        self.apply(&decoded, out);
        Ok(())
    }

    fn apply<S: Sink>(&mut self, frame: &Frame<'_>, out: &mut S) {
        match frame {
            Frame::DepthDelta(depth) => {
                let h = &depth.head.header;
                let part = Part::from_flags(h.flags);
                let id = depth.head.last_update_id;
                self.on_book(h, out, |book| {
                    book.on_delta_frame(part, depth.bids, depth.asks, id);
                });
            }
            Frame::BookSnapshot(depth) => {
                let h = &depth.head.header;
                let part = Part::from_flags(h.flags);
                let id = depth.head.last_update_id;
                self.on_book(h, out, |book| {
                    book.on_snapshot_frame(part, depth.bids, depth.asks, id);
                });
            }
            Frame::Trade(trade) => {
                let Some(index) = self.market(&trade.header) else {
                    return;
                };
                let now = self.now;
                self.close_bars(index, out);
                let state = &mut self.instruments[index];
                state.last_market_ns = now;
                state.last_trade_ticks = trade.price_ticks;
                let aggressor =
                    AggressorSide::from_code(trade.aggressor).unwrap_or(AggressorSide::Unknown);
                // Bars were closed just above, and the decoder let only sound trades through.
                let taken = state.bars.on_trade(now, trade.price_ticks, trade.qty_lots, aggressor);
                self.counters.ignored += u64::from(taken.is_err());
                self.dispatch(index, &Event::Trade(trade), out);
            }
            Frame::Quote(quote) => {
                let Some(index) = self.market(&quote.header) else {
                    return;
                };
                let now = self.now;
                let state = &mut self.instruments[index];
                state.last_market_ns = now;
                state.quote = Some(**quote);
                self.close_bars(index, out);
                self.dispatch(index, &Event::Quote, out);
            }
            Frame::Gap(gap) => {
                let Some(index) = self.market(&gap.header) else {
                    return;
                };
                let state = &mut self.instruments[index];
                state.book.mark_gapped();
                if let Some(sampler) = &mut state.sampler {
                    sampler.reset();
                }
            }
            Frame::Status(status) => {
                let Some(index) = self.market(&status.header) else {
                    return;
                };
                self.instruments[index].status =
                    TradingStatus::from_code(status.status).unwrap_or(TradingStatus::Unknown);
            }
            Frame::ExecutionReport(report) => self.on_report(report, out),
            Frame::CancelReject(reject) => self.on_cancel_reject(reject, out),
            Frame::SignalResponse(response) => self.on_signal(response, out),
            Frame::Control(control) => self.on_control(control, out),
            // Advice changes limits only through the full gate; an engine without it ignores it,
            // which is the safe side: the operator's values hold.
            Frame::Advice(_)
            | Frame::Timer(_)
            | Frame::Instrument(_)
            | Frame::NewOrder(_)
            | Frame::CancelOrder(_)
            | Frame::ReplaceOrder(_)
            | Frame::Denied(_)
            | Frame::SignalRequest(_)
            | Frame::Hello(_)
            | Frame::HelloAck(_)
            | Frame::ControlReply(..)
            | Frame::ModeChange(_)
            | Frame::SessionStart(_)
            | Frame::SessionEnd(_)
            | Frame::ParentOrder(_)
            | Frame::MassStatusRequest(_)
            | Frame::OrderStatusRequest(_)
            | Frame::OrderStatusReport(_)
            | Frame::PositionReport(_)
            | Frame::MassStatusEnd(_)
            | Frame::VenueSession(_)
            | Frame::RiskInput(_)
            | Frame::LimitChange(_)
            | Frame::LimitsEpoch(_)
            | Frame::Alarm(_)
            | Frame::KillReport(_) => self.counters.ignored += 1,
        }
    }

    fn market(&mut self, header: &FrameHeader) -> Option<usize> {
        let index = index_of(header.instrument_id);
        if index < self.instruments.len() {
            self.counters.market_events += 1;
            Some(index)
        } else {
            self.counters.ignored += 1;
            None
        }
    }

    fn on_book<S: Sink>(
        &mut self,
        header: &FrameHeader,
        out: &mut S,
        change: impl FnOnce(&mut L2Book),
    ) {
        let Some(index) = self.market(header) else {
            return;
        };
        let now = self.now;
        let state = &mut self.instruments[index];
        change(&mut state.book);
        state.last_market_ns = now;
        if header.flags & FLAG_LAST == 0 || !state.book.usable() {
            return;
        }
        let sampled = state
            .sampler
            .as_mut()
            .is_some_and(|sampler| sampler.on_book(&state.book, now).is_some());
        if sampled {
            self.ask_for_signal(index, out);
        }
        self.close_bars(index, out);
        self.dispatch(index, &Event::Book, out);
    }

    fn close_bars<S: Sink>(&mut self, index: usize, out: &mut S) {
        let now = self.now;
        let closed = self.instruments[index].bars.advance(now);
        for bar in closed.iter() {
            self.dispatch(index, &Event::Bar(bar), out);
        }
    }

    fn dispatch<S: Sink>(&mut self, index: usize, event: &Event<'_>, out: &mut S) {
        for n in 0..self.on_instrument[index].len() {
            let strategy = self.on_instrument[index][n];
            self.run_strategy(strategy, event, out);
        }
    }

    fn run_strategy<S: Sink>(&mut self, strategy: usize, event: &Event<'_>, out: &mut S) {
        let slot = &mut self.strategies[strategy];
        let context = Context {
            now: self.now,
            instrument: &self.instruments[slot.instrument],
            position: &slot.position,
        };
        self.intents.clear();
        slot.logic.on_event(event, &context, &mut self.intents);
        if self.intents.is_empty() {
            return;
        }
        out.mark(Stage::Decided);
        for n in 0..self.intents.len() {
            match self.intents.get(n) {
                Some(Intent::Place(placement)) => self.place(strategy, &placement, out),
                Some(Intent::Cancel(id)) => self.cancel(id, out),
                Some(Intent::Timer(timer, at)) => {
                    if let Some(id) = Timers::id(strategy, timer) {
                        self.timers.set(id, at);
                    }
                }
                None => {}
            }
        }
    }

    fn fire_timers<S: Sink>(&mut self, until: TsNs, out: &mut S) {
        // Bounded: a timer set while firing lies in the future of its own deadline or is counted
        // against the bound, so no strategy can hold the loop.
        for _ in 0..self.strategies.len() * crate::timers::TIMERS_PER_STRATEGY * 4 {
            let Some((id, deadline)) = self.timers.due(until) else {
                return;
            };
            self.timers.set(id, TsNs::UNDEF);
            self.now = self.now.max(deadline);
            self.seq += 1;
            self.counters.inputs += 1;
            let mut header = FrameHeader::new::<Timer>();
            header.seq = self.seq;
            header.ts_recv_ns = deadline;
            let frame = Timer { header, deadline_ns: deadline, timer_id: id, reserved: [0; 4] };
            out.input(bytemuck::bytes_of(&frame));
            let (strategy, timer) = Timers::owner(id);
            if strategy < self.strategies.len() {
                self.run_strategy(strategy, &Event::Timer(timer), out);
            }
        }
    }

    /// Stamps and gives out one output.
    fn emit<S: Sink, T: wire::frame::WireFrame>(&mut self, frame: &T, out: &mut S) {
        debug_assert_eq!(frame::header(bytemuck::bytes_of(frame)).map(|h| h.seq), Ok(self.seq));
        self.counters.outputs += 1;
        out.output(bytemuck::bytes_of(frame));
    }

    /// A header for the next output.
    fn next_header<T: wire::frame::WireFrame>(&mut self) -> FrameHeader {
        self.seq += 1;
        let mut header = FrameHeader::new::<T>();
        header.seq = self.seq;
        header.ts_recv_ns = self.now;
        header
    }

    // ---- what it says of itself ----

    /// Engine time: the time of the last input.
    #[must_use]
    pub fn now(&self) -> TsNs {
        self.now
    }

    /// Number of the last input or output.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the kill switch is latched.
    #[must_use]
    pub fn killed(&self) -> bool {
        self.killed
    }

    /// When the next timer is due: a live station feeds a time input then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<TsNs> {
        self.timers.earliest()
    }

    /// What it has counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Everything held for an instrument.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> Option<&InstrumentState> {
        self.instruments.get(index_of(id))
    }

    /// Every instrument, by id.
    #[must_use]
    pub fn instruments(&self) -> &[InstrumentState] {
        &self.instruments
    }

    /// The orders.
    #[must_use]
    pub fn orders(&self) -> &OrderTable {
        &self.orders
    }

    /// Name and position of each strategy, by id.
    pub fn strategies(&self) -> impl Iterator<Item = (&str, &Position)> {
        self.strategies.iter().map(|s| (s.name.as_str(), &s.position))
    }

    /// A hash of everything that can influence a later output: books, orders, positions, PnL,
    /// limits, timers, strategy state, sequence numbers.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut h = StateHasher::default();
        h.u64(self.now.get());
        h.u64(self.seq);
        h.u64(self.approvals);
        h.u64(u64::from(self.mode.code()));
        h.bool(self.killed);
        self.instruments.iter().for_each(|i| i.hash_into(&mut h));
        for slot in &self.strategies {
            h.u64(slot.instrument as u64);
            h.bool(slot.uses_signal);
            slot.logic.hash_into(&mut h);
            slot.position.hash_into(&mut h);
        }
        self.orders.hash_into(&mut h);
        self.timers.hash_into(&mut h);
        h.u64(self.signal_ttl_ns);
        h.u64(self.request_ids);
        for request in &self.requests {
            h.u64(request.id);
            h.u64(u64::from(request.instrument));
            h.u64(request.at.get());
        }
        self.executions.iter().for_each(|e| h.u64(*e));
        h.u64(self.executions_next as u64);
        h.finish()
    }
}

fn index_of(id: InstrumentId) -> usize {
    usize::try_from(id.get()).unwrap_or(usize::MAX)
}

fn strategy_id(index: usize) -> StrategyId {
    StrategyId(u16::try_from(index).unwrap_or(StrategyId::UNDEF.get()))
}

fn kind_code(kind: FrameKind) -> u8 {
    u8::try_from(kind.code()).unwrap_or(u8::MAX)
}

/// Writes the sequence number into a frame's header.
fn stamp_seq(frame: &mut [u8], seq: u64) {
    const AT: usize = core::mem::offset_of!(FrameHeader, seq);
    if let Some(field) = frame.get_mut(AT..AT + 8) {
        field.copy_from_slice(&seq.to_le_bytes());
    }
}

#[cfg(test)]
mod tests;
