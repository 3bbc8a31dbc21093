//! The engine driven frame by frame, with a venue that answers what it is told to.

use super::super::*;
use crate::advice::AdvicePolicy;
use crate::setup::{SignalSetup, StrategyParams, StrategySetup};
use crate::strategy::{momentum, signal_taker};
use crate::testing::open_limits;
use wire::control::{Command, Control};
use wire::frame::WireFrame;
use wire::instrument::{Instrument, InstrumentType, padded};
use wire::market::{BookSnapshot, DepthDelta, FLAG_FIRST, Level, Trade};
use wire::order::{ExecType, ExecutionReport, NewOrder, OrdStatus};
use wire::reconcile::{
    MassStatusEnd, MassStatusRequest, OrderStatusReport, PositionReport, SessionState, VenueSession,
};
use wire::risk::{RiskField, RiskInput};
use wire::signal::{SignalResponse, SignalStatus};
use wire::{ClOrdId, MoneyE9, PositionLots, PriceTicks, QtyLots, VenueId};

pub(super) const SECOND: u64 = 1_000_000_000;
pub(super) const T0: u64 = 1_000 * SECOND;
pub(super) const INTERVAL: u64 = SECOND / 10;

pub(super) fn instrument() -> Instrument {
    let mut header = FrameHeader::new::<Instrument>();
    header.instrument_id = InstrumentId(0);
    header.venue_id = VenueId(1);
    Instrument {
        header,
        symbol: padded("TESTUSDT").expect("short"),
        tick_size_e9: 10_000_000,
        lot_size_e9: 1_000_000,
        min_qty_lots: QtyLots(1),
        max_qty_lots: QtyLots(100_000),
        min_notional_e9: 0,
        instrument_type: InstrumentType::Spot.code(),
        reserved: [0; 23],
    }
}

/// Wide open but for what the tests below run into.
pub(super) fn limits() -> crate::limits::LimitSet {
    let mut limits = open_limits(1, 2, &[VenueId(1)]);
    if let Some(Some(row)) = limits.symbols.first_mut() {
        let l = &mut row.limits;
        (l.max_order_qty_lots, l.max_long_lots, l.max_short_lots) = (1_000, 1_000, 1_000);
        (l.max_open_orders, l.price_collar_bp, l.max_market_age_ns) = (10, 1_000, 1_000_000_000);
        (l.order_rate_per_s, l.order_burst) = (1_000, 100);
    }
    limits
}

/// Long enough that only the tests that are about waiting run into it.
pub(super) fn patience() -> Patience {
    let long = 3_600 * SECOND;
    Patience { ack_ns: long, status_ns: long, reconcile_ns: 0, kill_ns: long, wire_ns: long }
}

pub(super) fn setup() -> Setup {
    Setup {
        epoch: 7,
        instruments: vec![instrument()],
        limits: limits(),
        advice: AdvicePolicy::default(),
        patience: patience(),
        strategies: vec![
            StrategySetup {
                name: "taker".into(),
                instrument: InstrumentId(0),
                params: StrategyParams::SignalTaker(signal_taker::Params {
                    qty_lots: QtyLots(10),
                    entry_score_e6: 500_000,
                    exit_score_e6: 100_000,
                    max_spread_ticks: 10,
                    slip_ticks: 0,
                    hold_ns: 5 * SECOND,
                    cooldown_ns: 0,
                }),
            },
            StrategySetup {
                name: "momentum".into(),
                instrument: InstrumentId(0),
                params: StrategyParams::Momentum(momentum::Params {
                    qty_lots: QtyLots(20),
                    fast_bars: 1,
                    slow_bars: 3,
                    threshold_e6: 100,
                    order_ttl_ns: 2 * SECOND,
                }),
            },
        ],
        signal: Some(SignalSetup { sample_interval_ns: INTERVAL, ttl_ns: SECOND / 2 }),
        order_capacity: 64,
    }
}

#[derive(Default)]
pub(super) struct Record {
    pub(super) inputs: Vec<Vec<u64>>,
    pub(super) outputs: Vec<Vec<u64>>,
    pub(super) marks: Vec<Stage>,
}

pub(super) fn words(frame: &[u8]) -> Vec<u64> {
    let word = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().expect("whole words"));
    frame.chunks_exact(8).map(word).collect()
}

impl Sink for Record {
    fn input(&mut self, frame: &[u8]) {
        self.inputs.push(words(frame));
    }
    fn output(&mut self, frame: &[u8]) {
        self.outputs.push(words(frame));
    }
    fn mark(&mut self, stage: Stage) {
        self.marks.push(stage);
    }
}

pub(super) struct Rig {
    pub(super) engine: Engine,
    pub(super) record: Record,
    pub(super) read: usize,
    answered: u32,
    /// Where it is there, a fresh engine now and then goes on in the place of this one.
    pub(super) reload: Option<Reload>,
}

/// Saves the engine before some of its inputs and loads the state into a fresh one.
pub(super) struct Reload {
    fresh: Box<dyn Fn() -> Engine>,
    seed: u64,
    one_in: u64,
    /// How often it was done.
    pub(super) done: u64,
}

impl Reload {
    /// Before one input in so many, by a seed.
    pub(super) fn one_in(one_in: u64, seed: u64, fresh: impl Fn() -> Engine + 'static) -> Self {
        Self { fresh: Box::new(fresh), seed, one_in, done: 0 }
    }

    fn before_input(&mut self, engine: &mut Engine) {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if (self.seed >> 33).is_multiple_of(self.one_in) {
            *engine = reloaded(engine, (self.fresh)());
            self.done += 1;
        }
    }
}

/// A fresh engine with the state of another.
pub(super) fn reloaded(engine: &Engine, fresh: Engine) -> Engine {
    let mut words = vec![7; 3];
    let hash = engine.save(&mut words);
    assert_eq!(hash, engine.state_hash());
    let loaded = fresh.load(&words, hash).expect("a state of its own");
    assert_eq!((loaded.state_hash(), loaded.counters()), (hash, engine.counters()));
    check_same(&loaded, engine);
    loaded
}

/// The figures of both, those included that follow from what is saved.
fn check_same(one: &Engine, other: &Engine) {
    assert_eq!(one.firm, other.firm);
    assert!(one.venues().eq(other.venues()));
    for (a, b) in one.instruments.iter().zip(&other.instruments) {
        assert_eq!((&a.risk, a.quote, a.touch()), (&b.risk, b.quote, b.touch()));
        assert_eq!(a.book.counters(), b.book.counters());
        assert_eq!(a.bars.next_close_ns(), b.bars.next_close_ns());
    }
    for (a, b) in one.strategies.iter().zip(&other.strategies) {
        assert_eq!((&a.risk, a.position), (&b.risk, b.position));
    }
    let (a, b) = (&one.orders, &other.orders);
    assert!(a.iter_working().eq(b.iter_working()) && a.iter().eq(b.iter()));
    assert_eq!((a.working(), a.peek_id()), (b.working(), b.peek_id()));
    assert_eq!(one.next_deadline(), other.next_deadline());
    assert_eq!((&one.kills, one.flatten), (&other.kills, other.flatten));
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::of(Engine::new(setup()).expect("sound"))
    }

    pub(super) fn of(engine: Engine) -> Self {
        Self { engine, record: Record::default(), read: 0, answered: 0, reload: None }
    }

    /// A rig in LIVE with a book of 12 levels a side round 10,000 ticks.
    pub(super) fn live() -> Self {
        Self::new().go_live()
    }

    pub(super) fn go_live(mut self) -> Self {
        self.snapshot(0);
        self.connect();
        self.answer_mass_status(&[], 0, 0);
        self.command(Command::Mode, u64::from(Mode::Live.code()), "");
        assert_eq!(self.engine.mode(), Mode::Live);
        self.read = self.record.outputs.len();
        self
    }

    /// The clock is in step, the session is up.
    pub(super) fn connect(&mut self) {
        self.send(RiskInput::new(RiskField::ClockOffset, 0), 0);
        let at = self.engine.now().get() - T0;
        self.session(SessionState::Up, at);
    }

    pub(super) fn session(&mut self, state: SessionState, at: u64) {
        let mut frame = VenueSession::new(VenueId(1), state);
        frame.header.ts_recv_ns = TsNs(T0 + at);
        self.feed(bytemuck::bytes_of(&frame));
    }

    pub(super) fn risk(&mut self, field: RiskField, value: i64) {
        let at = self.engine.now().get() - T0;
        self.send(RiskInput::new(field, value), at);
    }

    /// The number of the newest mass status asked for.
    pub(super) fn asked(&self) -> u32 {
        let mut newest = 0;
        for frame in &self.record.outputs {
            if let Ok(Frame::MassStatusRequest(MassStatusRequest { mass_status_id, .. })) =
                decode(bytemuck::cast_slice(frame))
            {
                newest = *mass_status_id;
            }
        }
        newest
    }

    /// Answers the newest mass status: these orders, this position.
    pub(super) fn answer_mass_status(
        &mut self,
        orders: &[OrderStatusReport],
        position: i64,
        at: u64,
    ) {
        let id = self.asked();
        assert!(id > self.answered, "nothing was asked");
        self.answered = id;
        for order in orders {
            let mut order = *order;
            order.mass_status_id = id;
            order.header.venue_id = VenueId(1);
            self.send(order, at);
        }
        let mut report = PositionReport::zeroed();
        report.header = FrameHeader::new::<PositionReport>();
        report.header.venue_id = VenueId(1);
        (report.position_lots, report.mass_status_id) = (PositionLots(position), id);
        report.avg_px_ticks = PriceTicks::UNDEF;
        report.balance_e9 = MoneyE9(i64::MAX);
        self.send(report, at);
        let mut end = MassStatusEnd::zeroed();
        end.header = FrameHeader::new::<MassStatusEnd>();
        end.header.venue_id = VenueId(1);
        end.mass_status_id = id;
        end.orders = u32::try_from(orders.len()).expect("few");
        end.positions = 1;
        self.send(end, at);
    }

    pub(super) fn feed(&mut self, frame: &[u8]) {
        if let Some(reload) = &mut self.reload {
            reload.before_input(&mut self.engine);
        }
        let mut frame = words(frame);
        self.engine
            .input(bytemuck::cast_slice_mut(&mut frame), &mut self.record)
            .expect("sound frame");
    }

    pub(super) fn send<T: WireFrame>(&mut self, mut frame: T, at: u64) {
        let bytes = bytemuck::bytes_of_mut(&mut frame);
        let (head, _) = bytes.split_at_mut(size_of::<FrameHeader>());
        let header: &mut FrameHeader = bytemuck::from_bytes_mut(head);
        header.instrument_id = InstrumentId(0);
        header.ts_recv_ns = TsNs(T0 + at);
        self.feed(bytemuck::bytes_of(&frame));
    }

    pub(super) fn depth<T: WireFrame>(&mut self, mut head: T, levels: &[Level], at: u64) {
        {
            let bytes = bytemuck::bytes_of_mut(&mut head);
            let (head, _) = bytes.split_at_mut(size_of::<FrameHeader>());
            let header: &mut FrameHeader = bytemuck::from_bytes_mut(head);
            *header = FrameHeader::with_len(T::KIND, size_of::<T>() + size_of_val(levels));
            header.flags = FLAG_FIRST | FLAG_LAST;
            header.instrument_id = InstrumentId(0);
            header.ts_recv_ns = TsNs(T0 + at);
        }
        let mut frame = bytemuck::bytes_of(&head).to_vec();
        frame.extend_from_slice(bytemuck::cast_slice(levels));
        self.feed(&frame);
    }

    pub(super) fn snapshot(&mut self, at: u64) {
        let level = |price, qty| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
        let mut levels: Vec<Level> = (0..12).map(|n| level(9_999 - n, 50)).collect();
        levels.extend((0..12).map(|n| level(10_001 + n, 50)));
        let mut head = BookSnapshot::zeroed();
        head.last_update_id = 1;
        (head.bid_count, head.ask_count) = (12, 12);
        self.depth(head, &levels, at);
    }

    pub(super) fn delta(&mut self, at: u64) {
        let level = Level { price_ticks: PriceTicks(9_990), qty_lots: QtyLots(51) };
        let mut head = DepthDelta::zeroed();
        (head.first_update_id, head.last_update_id) = (2, 2);
        head.bid_count = 1;
        self.depth(head, &[level], at);
    }

    pub(super) fn trade(&mut self, price: i64, at: u64) {
        let mut trade = Trade::zeroed();
        trade.header = FrameHeader::new::<Trade>();
        trade.price_ticks = PriceTicks(price);
        trade.qty_lots = QtyLots(1);
        trade.aggressor = b'B';
        self.send(trade, at);
    }

    pub(super) fn command(&mut self, command: Command, argument: u64, reason: &str) {
        let mut control = Control::zeroed();
        control.header = FrameHeader::new::<Control>();
        control.command = command.code();
        control.argument = argument;
        control.reason = padded(reason).expect("short");
        self.feed(bytemuck::bytes_of(&control));
    }

    /// Deltas until a signal request is out; gives its id and time.
    pub(super) fn request(&mut self) -> (u64, u64) {
        let before = self.engine.counters().signal_requests;
        let start = self.engine.now().get() - T0;
        for n in 1..=20 {
            self.delta(start + n * INTERVAL);
            if self.engine.counters().signal_requests > before {
                return (self.engine.request_ids, start + n * INTERVAL);
            }
        }
        panic!("no signal request after twenty samples");
    }

    pub(super) fn answer(&mut self, id: u64, score_e6: i32, at: u64) {
        let mut response = SignalResponse::zeroed();
        response.header = FrameHeader::new::<SignalResponse>();
        response.request_id = id;
        response.score_e6 = score_e6;
        response.model_hash = 5;
        response.status = SignalStatus::Ok.code();
        self.send(response, at);
    }

    /// The outputs since the last call, decoded for `f`.
    pub(super) fn drain(&mut self, mut f: impl FnMut(Frame<'_>)) {
        for frame in &self.record.outputs[self.read..] {
            f(decode(bytemuck::cast_slice(frame)).expect("outputs decode"));
        }
        self.read = self.record.outputs.len();
    }

    pub(super) fn new_orders(&mut self) -> Vec<NewOrder> {
        let mut orders = Vec::new();
        self.drain(|f| {
            if let Frame::NewOrder(order) = f {
                orders.push(*order);
            }
        });
        orders
    }

    pub(super) fn report(
        &mut self,
        order: &NewOrder,
        exec: ExecType,
        fill: i64,
        exec_id: u64,
        at: u64,
    ) {
        let mut report = ExecutionReport::zeroed();
        report.header = FrameHeader::new::<ExecutionReport>();
        report.cl_ord_id = order.cl_ord_id;
        report.orig_cl_ord_id = ClOrdId::UNDEF;
        report.order_id = 900;
        report.exec_id = exec_id;
        report.last_px_ticks = if fill > 0 { order.price_ticks } else { PriceTicks::UNDEF };
        report.last_qty_lots = QtyLots(fill);
        report.fee_e9 = MoneyE9(if fill > 0 { 3 } else { 0 });
        report.exec_type = exec.code();
        report.ord_status = OrdStatus::New.code();
        report.side = order.side;
        self.send(report, at);
    }

    /// One long order of the taker, just sent.
    pub(super) fn one_order(&mut self) -> (NewOrder, u64) {
        let (id, at) = self.request();
        self.answer(id, 900_000, at + 1);
        let orders = self.new_orders();
        assert_eq!(orders.len(), 1, "{orders:?}, denied {:?}", self.denials());
        (orders[0], at + 1)
    }

    pub(super) fn reserved(&self) -> (i64, i64, i64) {
        let r = &self.engine.instruments[0].risk;
        (r.buy_lots, r.sell_lots, r.open_orders)
    }

    pub(super) fn lots(&self) -> i64 {
        self.engine.instruments[0].position.lots().get()
    }
}
