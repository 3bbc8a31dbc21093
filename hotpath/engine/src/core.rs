//! The engine: takes numbered inputs, keeps the state, gives numbered outputs.
//!
//! Owns: the order in which things happen within one input; market events are here. Its parts, one
//! file each under `core/`: `orders` (out), `amends`, `reports` (back), `exposure` (reserved, summed),
//! `marks` (profit, and what trips on it), `links` (pairs and brackets), `slices` (parents), `kill`,
//! `flatten`, `venue` (session and reconciliation), `positions` (as the venue has them), `externals`
//! (orders that are not ours), `changes` (limits, advice, outside figures), `control` (modes and
//! commands), `signals`, `hashing`.
//!
//! Must never: do anything that is not a function of the inputs so far. Allocates only in
//! [`Engine::new`]. Runs on the loop's thread.

mod amends;
mod changes;
mod control;
mod counters;
mod exposure;
mod externals;
mod flatten;
mod hashing;
mod kill;
mod links;
mod marks;
mod orders;
mod positions;
mod reports;
mod signals;
mod slices;
mod venue;
mod views;

use crate::advice::AdviceBoard;
use crate::bars::{BarAggregator, BarInterval};
use crate::book::{BookConfig, L2Book, Part};
use crate::instrument::InstrumentState;
use crate::mode::ModeEvent;
use crate::orders::OrderTable;
use crate::parents::ParentTable;
use crate::position::Position;
use crate::risk::{FirmRisk, StrategyRisk, SymbolRisk, VenueRisk};
use crate::sampler::Sampler;
use crate::setup::{MAX_STRATEGIES, Patience, Setup, SetupError};
use crate::sink::{Sink, Stage};
use crate::strategy::{Context, Event, Intent, Intents, Strategy};
use crate::timers::{EngineTimer, Owner, Timers};
use bytemuck::Zeroable;
use changes::Layers;
use kill::Kill;
use links::LinkTable;
use venue::{Reconcile, Venue};
use wire::frame::{self, FrameHeader};
use wire::market::{AggressorSide, FLAG_LAST, TradingStatus};
use wire::risk::{Alarm, AlarmCode};
use wire::signal::SignalRequest;
use wire::station::{Mode, Timer};
use wire::{
    ClOrdId, DecodeError, Frame, FrameKind, InstrumentId, StrategyId, TsNs, VenueId, decode,
};

pub use changes::SessionLimits;
pub use counters::Counters;
pub use externals::External;

/// A strategy that is not one of [`StrategyParams`]: somebody's own code behind the trait. Its row of
/// limits follows those of the setup's strategies.
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
    /// Profit of the days before, as the position counts it.
    day_base_e9: i64,
    risk: StrategyRisk,
}

/// Requests whose answers are still accepted; an answer to an older one is overtaken anyway.
const REQUEST_LOG: usize = 64;
/// Execution ids remembered to recognise a repeated fill.
const EXEC_LOG: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Request {
    id: u64,
    instrument: u32,
    /// Which request of the instrument it was, from 1.
    nth: u64,
    at: TsNs,
}

/// A fill or the taking back of one, as it is recognised when it comes again: a venue counts its
/// executions, some count them by instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Execution {
    instrument: u32,
    is_bust: bool,
    id: u64,
}

impl Execution {
    const NONE: Self = Self { instrument: u32::MAX, is_bust: false, id: u64::MAX };
}

/// The deterministic core.
#[derive(Debug)]
pub struct Engine {
    now: TsNs,
    seq: u64,
    approvals: u64,
    firm: FirmRisk,
    venues: Vec<Venue>,
    instruments: Vec<InstrumentState>,
    strategies: Vec<Slot>,
    on_instrument: Vec<Vec<usize>>,
    orders: OrderTable,
    parents: ParentTable,
    links: LinkTable,
    externals: Vec<External>,
    kills: Vec<Kill>,
    layers: Layers,
    advice: AdviceBoard,
    patience: Patience,
    /// Approvals the edge said it spent.
    wire_spent: u64,
    /// The approval the edge is to have spent when the timer for it fires.
    wire_mark: u64,
    /// A loss of the station leads back to LIVE only over a new trading day.
    loss_latched: bool,
    /// Positions being closed.
    flatten: Option<flatten::Flatten>,
    timers: Timers,
    intents: Intents,
    signal_ttl_ns: u64,
    request_ids: u64,
    requests: [Request; REQUEST_LOG],
    executions: Vec<Execution>,
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
    pub fn with_strategies(mut setup: Setup, own: Vec<OwnStrategy>) -> Result<Self, SetupError> {
        if let Some(problem) = setup.problems().into_iter().next() {
            return Err(problem);
        }
        let strategies = slots(&mut setup, own)?;
        let mut on_instrument = vec![Vec::new(); setup.instruments.len()];
        for (id, slot) in strategies.iter().enumerate() {
            let name = || slot.name.clone();
            let Some(list) = on_instrument.get_mut(slot.instrument) else {
                return Err(SetupError::StrategyInstrument { name: name() });
            };
            if slot.uses_signal && setup.signal.is_none() {
                return Err(SetupError::SignalMissing { name: name() });
            }
            list.push(id);
        }
        let signal = setup.signal;
        let mut venues: Vec<Venue> = Vec::new();
        let mut instruments = Vec::with_capacity(setup.instruments.len());
        for (row, on) in setup.instruments.iter().zip(&on_instrument) {
            let venue = venue_index(&mut venues, row.header.venue_id);
            let wanted = on.iter().any(|s: &usize| strategies[*s].uses_signal);
            instruments.push(InstrumentState {
                tick_value_e9: row.tick_value_e9().unwrap_or(0),
                row: *row,
                venue,
                book: L2Book::new(BookConfig::default()),
                quote: None,
                bars: BarAggregator::new(),
                position: Position::default(),
                opening: None,
                venue_lots: None,
                unexplained_lots: 0,
                pnl_e9: 0,
                day_base_e9: 0,
                sampler: signal.filter(|_| wanted).map(|s| Sampler::new(s.sample_interval_ns)),
                signal: None,
                requests_made: 0,
                risk: SymbolRisk::new(row),
            });
        }
        let mut scratch = Box::new(SignalRequest::zeroed());
        scratch.header = FrameHeader::new::<SignalRequest>();
        scratch.sample_interval_ns = signal.map_or(0, |s| s.sample_interval_ns);
        scratch.snapshots = 10;
        scratch.levels = 10;
        let none = Request { id: u64::MAX, instrument: 0, nth: 0, at: TsNs(0) };
        let mut engine = Self {
            now: TsNs(0),
            seq: 0,
            approvals: 0,
            firm: FirmRisk::new(),
            venues,
            instruments,
            timers: Timers::new(strategies.len()),
            strategies,
            on_instrument,
            orders: OrderTable::new(setup.order_capacity, setup.epoch),
            parents: ParentTable::new(),
            links: LinkTable::new(),
            externals: Vec::with_capacity(externals::MAX_EXTERNALS),
            kills: Vec::with_capacity(kill::MAX_KILLS),
            layers: Layers::new(setup.limits),
            advice: AdviceBoard::new(setup.advice),
            patience: setup.patience,
            wire_spent: 0,
            wire_mark: 1,
            loss_latched: false,
            flatten: None,
            intents: Intents::default(),
            signal_ttl_ns: signal.map_or(0, |s| s.ttl_ns),
            request_ids: 0,
            requests: [none; REQUEST_LOG],
            executions: vec![Execution::NONE; EXEC_LOG],
            executions_next: 0,
            scratch,
            counters: Counters::ZERO,
        };
        engine.take_rows();
        Ok(engine)
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
        if self.firm.mode == Mode::Boot {
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
                state.risk.last_market_ns = now.get();
                state.risk.last_trade_ticks = trade.price_ticks.get();
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
                state.risk.last_market_ns = now.get();
                state.quote = Some(**quote);
                state.publish_touch();
                self.close_bars(index, out);
                self.dispatch(index, &Event::Quote, out);
            }
            Frame::Gap(gap) => {
                let Some(index) = self.market(&gap.header) else {
                    return;
                };
                let state = &mut self.instruments[index];
                state.book.mark_gapped();
                state.risk.lose_book();
                if let Some(sampler) = &mut state.sampler {
                    sampler.reset();
                }
            }
            Frame::Status(status) => {
                let Some(index) = self.market(&status.header) else {
                    return;
                };
                self.instruments[index].risk.status =
                    TradingStatus::from_code(status.status).unwrap_or(TradingStatus::Unknown);
            }
            Frame::ExecutionReport(report) => self.on_report(report, out),
            Frame::CancelReject(reject) => self.on_cancel_reject(reject, out),
            Frame::SignalResponse(response) => self.on_signal(response, out),
            Frame::Control(control) => self.on_control(control, out),
            Frame::Advice(advice) => self.on_advice(advice, out),
            Frame::RiskInput(input) => self.on_risk_input(input, out),
            Frame::LimitChange(change) => self.on_limit_change(change, out),
            Frame::LimitsEpoch(epoch) => self.on_limits_epoch(epoch, out),
            Frame::VenueSession(session) => self.on_session(session, out),
            Frame::OrderStatusReport(report) => self.on_order_status(report, out),
            Frame::PositionReport(report) => self.on_position_report(report, out),
            Frame::MassStatusEnd(end) => self.on_mass_status_end(end, out),
            Frame::Timer(_)
            | Frame::Instrument(_)
            | Frame::NewOrder(_)
            | Frame::CancelOrder(_)
            | Frame::ReplaceOrder(_)
            | Frame::Denied(_)
            | Frame::SignalRequest(_)
            | Frame::Hello(_)
            | Frame::HelloAck(_)
            | Frame::ModelCommand(_)
            | Frame::ModelChange(_)
            | Frame::Doorbell(_)
            | Frame::ControlReply(..)
            | Frame::ModeChange(_)
            | Frame::SessionStart(_)
            | Frame::SessionEnd(_)
            | Frame::ParentOrder(_)
            | Frame::MassStatusRequest(_)
            | Frame::OrderStatusRequest(_)
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
        state.risk.last_market_ns = now.get();
        if header.flags & FLAG_LAST != 0 {
            state.publish_touch();
        }
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
            if bar.interval == BarInterval::Second {
                self.on_second(index, out);
            }
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
                Some(Intent::Place(placement)) => {
                    self.wish(strategy, &placement, out);
                }
                Some(Intent::Cancel(id)) => self.cancel_own(strategy, id, out),
                Some(Intent::Replace(id, price, qty)) => {
                    self.replace(strategy, id, price, qty, out);
                }
                Some(Intent::OneCancelsOther(one, other)) => {
                    self.place_pair(strategy, &one, &other, out);
                }
                Some(Intent::Bracket(bracket)) => self.place_bracket(strategy, &bracket, out),
                Some(Intent::Work(spec)) => self.start_parent(strategy, spec, out),
                Some(Intent::StopWork(id)) => self.stop_parent(strategy, id, out),
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
        // against the bound, so nobody can hold the loop.
        for _ in 0..self.timers.len() * 4 {
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
            match self.timers.owner(id) {
                Some(Owner::Strategy(strategy, timer)) => {
                    self.run_strategy(strategy, &Event::Timer(timer), out);
                }
                Some(Owner::Engine(timer)) => self.on_engine_timer(timer, out),
                None => {}
            }
        }
    }

    fn on_engine_timer<S: Sink>(&mut self, timer: EngineTimer, out: &mut S) {
        match timer {
            EngineTimer::Ack => self.check_waiting(out),
            EngineTimer::Reconcile => self.compare_again(out),
            EngineTimer::Status => self.status_overdue(out),
            EngineTimer::Cancels => self.send_waiting_cancels(out),
            EngineTimer::Kill => self.kills_overdue(out),
            EngineTimer::Parents => self.work_parents(out),
            EngineTimer::Advice => self.expire_advice(),
            EngineTimer::Flatten => self.flatten_step(out),
            EngineTimer::Wire => self.check_wire(out),
        }
    }

    /// Raises an alarm: a frame for the record and the operator.
    fn alarm<S: Sink>(&mut self, alarm: &Concern, out: &mut S) {
        self.counters.alarms += 1;
        let mut header = self.next_header::<Alarm>();
        header.instrument_id = alarm.instrument;
        header.strategy_id = alarm.strategy;
        header.venue_id = alarm.venue;
        let frame = Alarm {
            header,
            cl_ord_id: alarm.order,
            limit: alarm.limit,
            actual: alarm.actual,
            code: alarm.code.code(),
            reserved: [0; 7],
        };
        self.emit(&frame, out);
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
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug)]
struct Concern {
    code: AlarmCode,
    instrument: InstrumentId,
    strategy: StrategyId,
    venue: VenueId,
    order: ClOrdId,
    limit: i64,
    actual: i64,
}

impl Concern {
    const fn of(code: AlarmCode, limit: i64, actual: i64) -> Self {
        Self {
            code,
            instrument: InstrumentId::UNDEF,
            strategy: StrategyId::UNDEF,
            venue: VenueId::UNDEF,
            order: ClOrdId::UNDEF,
            limit,
            actual,
        }
    }

    const fn on_order(mut self, order: &crate::orders::Order) -> Self {
        self.instrument = order.request.instrument;
        self.strategy = order.request.strategy;
        self.order = order.cl_ord_id;
        self
    }
}

/// The strategies of the setup and those of the caller's own, each with its row of limits.
fn slots(setup: &mut Setup, own: Vec<OwnStrategy>) -> Result<Vec<Slot>, SetupError> {
    let mut slots = Vec::with_capacity(setup.strategies.len() + own.len());
    for strategy in std::mem::take(&mut setup.strategies) {
        let uses_signal = strategy.params.uses_signal();
        slots.push(Slot {
            name: strategy.name,
            instrument: index_of(strategy.instrument),
            uses_signal,
            logic: strategy.params.strategy(),
            position: Position::default(),
            day_base_e9: 0,
            risk: StrategyRisk::new(uses_signal),
        });
    }
    for OwnStrategy { name, instrument, uses_signal, logic } in own {
        slots.push(Slot {
            name,
            instrument: index_of(instrument),
            uses_signal,
            logic,
            position: Position::default(),
            day_base_e9: 0,
            risk: StrategyRisk::new(uses_signal),
        });
    }
    setup.limits.strategies.resize(slots.len(), None);
    if slots.len() > MAX_STRATEGIES {
        return Err(SetupError::TooManyStrategies);
    }
    Ok(slots)
}

fn venue_index(venues: &mut Vec<Venue>, id: VenueId) -> usize {
    if let Some(index) = venues.iter().position(|v| v.risk.id == id) {
        return index;
    }
    venues.push(Venue { risk: VenueRisk::new(id), reconcile: Reconcile::default() });
    venues.len() - 1
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
