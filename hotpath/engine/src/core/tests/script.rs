//! A station of several instruments, venues and scripted strategies: a strategy wishes what the
//! test puts into its queue, at the next trade of its instrument.

use super::rig::{Reload, Rig, T0, instrument, patience, setup};
use super::*;
use crate::testing::open_limits;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use wire::advice::{Advice, AdviceField};
use wire::control::{Command, Control};
use wire::frame::WireFrame;
use wire::instrument::padded;
use wire::market::{BookSnapshot, FLAG_FIRST, Level, Trade};
use wire::order::{ExecType, ExecutionReport, NewOrder, OrdStatus, Side};
use wire::reconcile::{
    MassStatusEnd, MassStatusRequest, OrderStatusReport, OrderStatusRequest, PositionReport,
    SessionState, VenueSession,
};
use wire::risk::{
    ChangeSource, EpochStage, KillReport, KillStage, LimitChange, LimitField, LimitsEpoch,
    RiskField, RiskInput, Scope,
};
use wire::station::ModeChange;
use wire::{MoneyE9, PositionLots, PriceTicks, QtyLots};

pub(super) const SECOND: u64 = 1_000_000_000;

pub(super) type Queue = Arc<Mutex<VecDeque<Intent>>>;

/// Wishes what stands in its queue, one wish a trade.
#[derive(Debug)]
struct Scripted(Queue);

impl Strategy for Scripted {
    fn on_event(&mut self, event: &Event<'_>, _: &Context<'_>, wishes: &mut Intents) {
        if matches!(event, Event::Trade(_)) {
            let next = self.0.lock().expect("one thread").pop_front();
            if let Some(intent) = next {
                wishes.push(intent);
            }
        }
    }
    fn on_order(&mut self, _: &crate::strategy::OrderUpdate<'_>) {}
    fn hash_into(&self, _: &mut crate::hash::StateHasher) {}
    fn load_from(
        &mut self,
        _: &mut crate::state::StateReader<'_>,
    ) -> Result<(), crate::state::StateError> {
        Ok(())
    }
}

/// Outputs, typed.
pub(super) struct Outs(Vec<Vec<u64>>);

macro_rules! typed {
    ($($name:ident: $kind:ident),*) => {
        $(pub(super) fn $name(&self) -> Vec<$kind> {
            self.pick(|f| if let Frame::$kind(frame) = f { Some(**frame) } else { None })
        })*
    };
}

impl Outs {
    fn pick<T>(&self, mut f: impl FnMut(&Frame<'_>) -> Option<T>) -> Vec<T> {
        let decoded = |w: &Vec<u64>| f(&decode(bytemuck::cast_slice(w)).expect("outputs decode"));
        self.0.iter().filter_map(decoded).collect()
    }

    typed!(orders: NewOrder, kills: KillReport, asked_orders: OrderStatusRequest);
    typed!(denied: Denied, concerns: Alarm, mode_changes: ModeChange);

    /// The orders the cancels name.
    pub(super) fn cancels(&self) -> Vec<ClOrdId> {
        self.pick(|f| if let Frame::CancelOrder(c) = f { Some(c.orig_cl_ord_id) } else { None })
    }

    pub(super) fn stages(&self) -> Vec<KillStage> {
        self.kills().iter().filter_map(|k| KillStage::from_code(k.stage)).collect()
    }

    pub(super) fn alarms(&self) -> Vec<AlarmCode> {
        self.concerns().iter().filter_map(|a| AlarmCode::from_code(a.code)).collect()
    }

    /// Modes entered.
    pub(super) fn modes(&self) -> Vec<Mode> {
        self.mode_changes().iter().filter_map(|m| Mode::from_code(m.to)).collect()
    }

    /// Mass status questions, each the venue and its number.
    pub(super) fn asked(&self) -> Vec<(u16, u32)> {
        let asked = |r: &MassStatusRequest| (r.header.venue_id.get(), r.mass_status_id);
        self.pick(|f| if let Frame::MassStatusRequest(r) = f { Some(asked(r)) } else { None })
    }

    pub(super) fn kinds(&self) -> Vec<FrameKind> {
        let kind = |w: &Vec<u64>| {
            let header = frame::header(bytemuck::cast_slice(w)).expect("header");
            FrameKind::from_code(header.kind).expect("known")
        };
        self.0.iter().map(kind).collect()
    }
}

/// An engine whose strategies wish what stands in these queues.
fn scripted(setup: Setup, strategies: &[u32], queues: &[Queue]) -> Engine {
    let own = strategies.iter().zip(queues).enumerate().map(|(n, (on, queue))| OwnStrategy {
        name: format!("scripted {n}"),
        instrument: InstrumentId(*on),
        uses_signal: false,
        logic: Box::new(Scripted(Arc::clone(queue))),
    });
    Engine::with_strategies(setup, own.collect()).expect("sound")
}

pub(super) struct Desk {
    pub(super) rig: Rig,
    queues: Vec<Queue>,
    setup: Setup,
    on: Vec<u32>,
    venues: Vec<u16>,
    read: usize,
    asked: Vec<(u16, u32)>,
    execs: u64,
    advice_ids: u64,
}

impl Desk {
    /// One instrument for each entry of `venues`, one strategy for each entry of `strategies` (the
    /// instrument it trades), every limit open but for what `tweak` changes.
    pub(super) fn new(venues: &[u16], strategies: &[u32], tweak: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup { strategies: Vec::new(), signal: None, ..setup() };
        setup.patience = patience();
        let mut ids: Vec<VenueId> = venues.iter().map(|v| VenueId(*v)).collect();
        ids.dedup();
        setup.limits = open_limits(venues.len(), strategies.len(), &ids);
        setup.instruments = venues
            .iter()
            .zip(0..)
            .map(|(v, n)| {
                let mut row = instrument();
                (row.header.instrument_id, row.header.venue_id) = (InstrumentId(n), VenueId(*v));
                row
            })
            .collect();
        setup.limits.symbols.iter_mut().flatten().for_each(|r| r.limits.max_aggression_ticks = 5);
        tweak(&mut setup);
        let queues: Vec<Queue> = strategies.iter().map(|_| Queue::default()).collect();
        Self {
            rig: Rig::of(scripted(setup.clone(), strategies, &queues)),
            queues,
            setup,
            on: strategies.to_vec(),
            venues: venues.to_vec(),
            read: 0,
            asked: Vec::new(),
            execs: 0,
            advice_ids: 0,
        }
    }

    /// From here on a fresh engine goes on now and then in the place of the one before.
    pub(super) fn reload(&mut self, one_in: u64, seed: u64) {
        let (setup, on, queues) = (self.setup.clone(), self.on.clone(), self.queues.clone());
        let fresh = move || scripted(setup.clone(), &on, &queues);
        self.rig.reload = Some(Reload::one_in(one_in, seed, fresh));
    }

    /// In LIVE, flat, with a book of 9,999 to 10,001 in every instrument.
    pub(super) fn live(venues: &[u16], strategies: &[u32], tweak: impl FnOnce(&mut Setup)) -> Self {
        let mut desk = Self::new(venues, strategies, tweak);
        desk.open_up();
        desk.mode(Mode::Live);
        assert_eq!(desk.rig.engine.mode(), Mode::Live);
        desk.take();
        desk
    }

    /// In MAINTENANCE after a clean comparison with every venue.
    pub(super) fn open_up(&mut self) {
        self.risk(RiskField::ClockOffset, 0);
        for n in 0..self.venues.len() {
            self.book(u32::try_from(n).expect("few"), 9_999, 10_001);
        }
        let mut ids = self.venues.clone();
        ids.dedup();
        for venue in ids {
            self.session(venue, SessionState::Up);
            self.answer(venue, &[], &[]);
        }
        assert_eq!(self.rig.engine.mode(), Mode::Maintenance);
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.rig.engine
    }

    /// The outputs since the last look.
    pub(super) fn take(&mut self) -> Outs {
        let outs = self.rig.record.outputs[self.read..].to_vec();
        self.read = self.rig.record.outputs.len();
        let outs = Outs(outs);
        self.asked.extend(outs.asked());
        outs
    }

    /// Drops the record so far: for tests of a million frames.
    pub(super) fn forget(&mut self) {
        self.take();
        self.rig.record = super::rig::Record::default();
        self.read = 0;
    }

    /// One frame, now.
    pub(super) fn feed<T: WireFrame>(&mut self, mut frame: T) {
        let now = self.rig.engine.now().max(TsNs(T0));
        let bytes = bytemuck::bytes_of_mut(&mut frame);
        let (head, _) = bytes.split_at_mut(size_of::<FrameHeader>());
        let header: &mut FrameHeader = bytemuck::from_bytes_mut(head);
        header.ts_recv_ns = now;
        self.rig.feed(bytemuck::bytes_of(&frame));
    }

    /// So much later; timers due before fire.
    pub(super) fn wait(&mut self, ns: u64) {
        let mut frame = RiskInput::new(RiskField::ClockOffset, 0);
        frame.header.ts_recv_ns = self.rig.engine.now().saturating_add(ns);
        self.rig.feed(bytemuck::bytes_of(&frame));
    }

    pub(super) fn risk(&mut self, field: RiskField, value: i64) {
        self.feed(RiskInput::new(field, value));
    }

    pub(super) fn session(&mut self, venue: u16, state: SessionState) {
        self.feed(VenueSession::new(VenueId(venue), state));
    }

    pub(super) fn book(&mut self, on: u32, bid: i64, ask: i64) {
        let level = |price| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(1_000_000) };
        let levels = [level(bid), level(ask)];
        let mut head = BookSnapshot::zeroed();
        let len = size_of::<BookSnapshot>() + size_of_val(&levels);
        head.header = FrameHeader::with_len(BookSnapshot::KIND, len);
        head.header.flags = FLAG_FIRST | FLAG_LAST;
        head.header.instrument_id = InstrumentId(on);
        head.header.ts_recv_ns = self.rig.engine.now().max(TsNs(T0));
        (head.last_update_id, head.bid_count, head.ask_count) = (1, 1, 1);
        let mut frame = bytemuck::bytes_of(&head).to_vec();
        frame.extend_from_slice(bytemuck::cast_slice(&levels));
        self.rig.feed(&frame);
    }

    pub(super) fn trade(&mut self, on: u32) {
        let mut trade = Trade::zeroed();
        trade.header = FrameHeader::new::<Trade>();
        trade.header.instrument_id = InstrumentId(on);
        (trade.price_ticks, trade.qty_lots) = (PriceTicks(10_000), QtyLots(1));
        trade.aggressor = b'B';
        self.feed(trade);
    }

    /// A strategy wishes something.
    pub(super) fn wish(&mut self, strategy: usize, intent: Intent) {
        self.queues[strategy].lock().expect("one thread").push_back(intent);
        self.trade(self.on[strategy]);
    }

    /// A strategy places an order: it as sent, or what denied it.
    pub(super) fn place(
        &mut self,
        strategy: usize,
        want: crate::strategy::Placement,
    ) -> Result<NewOrder, Option<Denied>> {
        let from = self.rig.record.outputs.len();
        self.wish(strategy, Intent::Place(want));
        let new = Outs(self.rig.record.outputs[from..].to_vec());
        new.orders().first().copied().ok_or_else(|| new.denied().first().copied())
    }

    /// A resting buy or sell far from the market, acknowledged.
    pub(super) fn rest(&mut self, strategy: usize, side: Side, qty: i64) -> NewOrder {
        let price = if side == Side::Buy { 9_990 } else { 10_010 };
        let want = crate::strategy::Placement::limit(side, PriceTicks(price), QtyLots(qty));
        let order = self.place(strategy, want).expect("passes");
        self.report(&order, ExecType::New, 0);
        order
    }

    /// A position by an immediate order, filled.
    pub(super) fn hold(&mut self, strategy: usize, lots: i64) {
        let (side, price) = if lots > 0 { (Side::Buy, 10_001) } else { (Side::Sell, 9_999) };
        let qty = QtyLots(lots.abs());
        let want = crate::strategy::Placement::ioc(side, PriceTicks(price), qty);
        let order = self.place(strategy, want).expect("passes");
        self.report(&order, ExecType::Trade, lots.abs());
    }

    /// The venue's word about an order; fills are numbered.
    pub(super) fn report(&mut self, order: &NewOrder, exec: ExecType, fill: i64) -> u64 {
        self.execs += 1;
        self.report_as(order, exec, fill, self.execs);
        self.execs
    }

    pub(super) fn report_as(&mut self, order: &NewOrder, exec: ExecType, fill: i64, exec_id: u64) {
        let mut report = ExecutionReport::zeroed();
        report.header = FrameHeader::new::<ExecutionReport>();
        report.header.instrument_id = order.header.instrument_id;
        (report.cl_ord_id, report.orig_cl_ord_id) = (order.cl_ord_id, ClOrdId::UNDEF);
        (report.order_id, report.exec_id) = (900 + order.cl_ord_id.get(), exec_id);
        report.last_px_ticks = if fill > 0 { order.price_ticks } else { PriceTicks::UNDEF };
        report.last_qty_lots = QtyLots(fill);
        (report.exec_type, report.ord_status) = (exec.code(), OrdStatus::New.code());
        report.side = order.side;
        self.feed(report);
    }

    /// A venue's view of an order, as an answer by name (`listed` 0) or in a list.
    pub(super) fn view(order: &NewOrder, status: OrdStatus, cum: i64) -> OrderStatusReport {
        let mut report = OrderStatusReport::zeroed();
        report.header = FrameHeader::new::<OrderStatusReport>();
        report.header.instrument_id = order.header.instrument_id;
        report.header.venue_id = order.header.venue_id;
        (report.cl_ord_id, report.order_id) = (order.cl_ord_id, 900 + order.cl_ord_id.get());
        (report.price_ticks, report.qty_lots) = (order.price_ticks, order.qty_lots);
        report.cum_qty_lots = QtyLots(cum);
        report.leaves_qty_lots = QtyLots(order.qty_lots.get() - cum);
        (report.ord_status, report.side) = (status.code(), order.side);
        (report.ord_type, report.time_in_force) = (order.ord_type, order.time_in_force);
        report
    }

    /// The newest question a venue was asked.
    pub(super) fn newest(&mut self, venue: u16) -> u32 {
        let outs = Outs(self.rig.record.outputs[self.read..].to_vec());
        let all = self.asked.iter().copied().chain(outs.asked());
        all.filter(|(v, _)| *v == venue).map(|(_, id)| id).max().expect("asked")
    }

    /// Answers a venue's newest question: these orders; each position an instrument, its lots and
    /// average price. Instruments not named are flat.
    pub(super) fn answer(
        &mut self,
        venue: u16,
        orders: &[OrderStatusReport],
        positions: &[(u32, i64, Option<i64>)],
    ) {
        let id = self.newest(venue);
        let mut count = 0;
        for order in orders {
            let mut order = *order;
            (order.mass_status_id, order.header.venue_id) = (id, VenueId(venue));
            self.feed(order);
        }
        for (n, of) in (0..).zip(self.venues.clone()) {
            if of == venue {
                let named = positions.iter().find(|p| p.0 == n);
                let (_, lots, price) = named.copied().unwrap_or((n, 0, None));
                self.position(venue, id, n, lots, price);
                count += 1;
            }
        }
        self.end(venue, id, u32::try_from(orders.len()).expect("few"), count);
    }

    pub(super) fn position(&mut self, venue: u16, id: u32, on: u32, lots: i64, px: Option<i64>) {
        let mut report = PositionReport::zeroed();
        report.header = FrameHeader::new::<PositionReport>();
        (report.header.instrument_id, report.header.venue_id) = (InstrumentId(on), VenueId(venue));
        (report.position_lots, report.mass_status_id) = (PositionLots(lots), id);
        report.avg_px_ticks = px.map_or(PriceTicks::UNDEF, PriceTicks);
        report.balance_e9 = MoneyE9(i64::MAX);
        self.feed(report);
    }

    pub(super) fn end(&mut self, venue: u16, id: u32, orders: u32, positions: u32) {
        let mut end = MassStatusEnd::zeroed();
        end.header = FrameHeader::new::<MassStatusEnd>();
        end.header.venue_id = VenueId(venue);
        (end.mass_status_id, end.orders, end.positions) = (id, orders, positions);
        self.feed(end);
    }

    pub(super) fn mode(&mut self, mode: Mode) {
        self.control(Command::Mode, u64::from(mode.code()), "", |_| {});
    }

    /// A command; whether it was done.
    pub(super) fn control(
        &mut self,
        command: Command,
        argument: u64,
        reason: &str,
        name: impl FnOnce(&mut FrameHeader),
    ) -> bool {
        let mut control = Control::zeroed();
        control.header = FrameHeader::new::<Control>();
        name(&mut control.header);
        (control.command, control.argument) = (command.code(), argument);
        control.reason = padded(reason).expect("short");
        let refused = self.engine().counters().refused_commands;
        self.feed(control);
        self.engine().counters().refused_commands == refused
    }

    pub(super) fn advise(&mut self, field: AdviceField, value: i64, life_ns: u64) {
        self.advice_ids += 1;
        let now = self.engine().now();
        let frame = advice_frame(self.advice_ids, field.code(), value, now.saturating_add(life_ns));
        self.feed(frame);
    }

    pub(super) fn change(
        &mut self,
        source: ChangeSource,
        scope: Scope,
        field: LimitField,
        value: i64,
    ) {
        let mut change = LimitChange::zeroed();
        change.header = FrameHeader::new::<LimitChange>();
        change.header.instrument_id = InstrumentId(0);
        change.header.strategy_id = StrategyId(0);
        change.header.venue_id = VenueId(self.venues[0]);
        (change.field, change.scope) = (field.code(), scope.code());
        (change.source, change.value) = (source.code(), value);
        self.feed(change);
    }

    pub(super) fn epoch(&mut self, stage: EpochStage, epoch: u64, sha: u8) {
        let mut frame = LimitsEpoch::zeroed();
        frame.header = FrameHeader::new::<LimitsEpoch>();
        (frame.stage, frame.epoch, frame.sha256) = (stage.code(), epoch, [sha; 64]);
        self.feed(frame);
    }
}

pub(super) fn advice_frame(id: u64, field: u8, value: i64, expires_ns: TsNs) -> Advice {
    let mut advice = Advice::zeroed();
    advice.header = FrameHeader::new::<Advice>();
    (advice.advice_id, advice.value, advice.field) = (id, value, field);
    advice.expires_ns = expires_ns;
    advice
}

/// Numbers from a seed.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}
