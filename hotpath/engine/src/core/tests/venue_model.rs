//! Exposure under an honest venue over a bad line: messages in flight both ways, twice, or lost
//! with the session. At every moment what the venue has filled and may still fill is within what
//! the engine has booked and reserved; when the line is quiet both hold the same.

use super::super::*;
use super::exposure::{Dice, check_sums, placement};
use super::rig::*;
use super::say::*;
use std::collections::VecDeque;
use wire::frame::WireFrame;
use wire::order::{
    CancelReject, ExecType, ExecutionReport, NewOrder, OrdStatus, RejectReason, Side,
};
use wire::reconcile::{
    MassStatusEnd, OrderStatusReport, PositionReport, SessionState, VenueSession,
};
use wire::{MoneyE9, PositionLots, PriceTicks, QtyLots};

const CASES: u64 = 1_500;
const STEPS: usize = 250;

/// An order as the venue has it.
#[derive(Clone, Debug)]
struct Resting {
    id: ClOrdId,
    new: NewOrder,
    cum: i64,
    leaves: i64,
    /// How it ended.
    done: Option<OrdStatus>,
    fills: Vec<(u64, i64)>,
}

/// The venue, and what is on its way to and from it.
#[derive(Default)]
struct Model {
    orders: Vec<Resting>,
    to_venue: VecDeque<Vec<u64>>,
    to_engine: VecDeque<Vec<u64>>,
    execs: u64,
    bought: [i64; 2],
}

fn side_of(order: &NewOrder) -> usize {
    usize::from(order.side == Side::Sell.code())
}

impl Model {
    fn say<T: WireFrame>(&mut self, mut frame: T) {
        let bytes = bytemuck::bytes_of_mut(&mut frame);
        let (head, _) = bytes.split_at_mut(size_of::<FrameHeader>());
        let header: &mut FrameHeader = bytemuck::from_bytes_mut(head);
        *header = FrameHeader::new::<T>();
        (header.instrument_id, header.venue_id) = (InstrumentId(0), VenueId(1));
        header.ts_recv_ns = TsNs::UNDEF;
        self.to_engine.push_back(words(bytemuck::bytes_of(&frame)));
    }

    fn report(&mut self, n: usize, exec: ExecType, ids: (ClOrdId, ClOrdId), fill: (u64, i64)) {
        let order = &self.orders[n];
        let mut report = ExecutionReport::zeroed();
        (report.cl_ord_id, report.orig_cl_ord_id) = ids;
        report.order_id = n as u64;
        (report.exec_id, report.last_qty_lots) = (fill.0, QtyLots(fill.1));
        report.last_px_ticks = PriceTicks(10_000);
        (report.cum_qty_lots, report.leaves_qty_lots) = (QtyLots(order.cum), QtyLots(order.leaves));
        (report.exec_type, report.ord_status) = (exec.code(), self.status(n).code());
        report.side = order.new.side;
        self.say(report);
    }

    fn status(&self, n: usize) -> OrdStatus {
        let order = &self.orders[n];
        let working = if order.cum > 0 { OrdStatus::PartiallyFilled } else { OrdStatus::New };
        order.done.unwrap_or(working)
    }

    fn refuse(&mut self, request: ClOrdId, order: ClOrdId, known: Option<usize>) {
        let mut reject = CancelReject::zeroed();
        (reject.cl_ord_id, reject.orig_cl_ord_id) = (request, order);
        reject.order_id = wire::units::SEQ_UNDEF;
        let status = known.map_or(OrdStatus::Unknown, |n| self.status(n));
        let why = if known.is_some() { RejectReason::TooLate } else { RejectReason::UnknownOrder };
        (reject.ord_status, reject.reject_reason) = (status.code(), why.code());
        self.say(reject);
    }

    fn end(&mut self, n: usize, how: OrdStatus) {
        (self.orders[n].leaves, self.orders[n].done) = (0, Some(how));
    }

    /// Takes the next message of the engine.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not for a venue")]
    fn take(&mut self, dice: &mut Dice) {
        let Some(words) = self.to_venue.pop_front() else { return };
        match decode(bytemuck::cast_slice(&words)).expect("sound") {
            Frame::NewOrder(new) => {
                let (id, leaves) = (new.cl_ord_id, new.qty_lots.get());
                let order =
                    Resting { id, new: *new, cum: 0, leaves, done: None, fills: Vec::new() };
                self.orders.push(order);
                let (n, is_bad) = (self.orders.len() - 1, dice.one_in(10));
                if is_bad {
                    self.end(n, OrdStatus::Rejected);
                }
                let exec = if is_bad { ExecType::Rejected } else { ExecType::New };
                self.report(n, exec, (id, ClOrdId::UNDEF), (0, 0));
            }
            Frame::CancelOrder(c) => {
                let (request, id) = (c.cl_ord_id, c.orig_cl_ord_id);
                match self.orders.iter().position(|o| o.id == id) {
                    Some(n) if self.orders[n].done.is_none() && !dice.one_in(8) => {
                        self.end(n, OrdStatus::Canceled);
                        self.report(n, ExecType::Canceled, (request, id), (0, 0));
                    }
                    known => self.refuse(request, id, known),
                }
            }
            Frame::ReplaceOrder(r) => {
                let (request, id, qty) = (r.cl_ord_id, r.orig_cl_ord_id, r.qty_lots.get());
                match self.orders.iter().position(|o| o.id == id) {
                    Some(n) if self.orders[n].done.is_none() && qty > self.orders[n].cum => {
                        self.orders[n].id = request;
                        self.orders[n].leaves = qty - self.orders[n].cum;
                        self.report(n, ExecType::Replaced, (request, id), (0, 0));
                    }
                    known => self.refuse(request, id, known),
                }
            }
            Frame::OrderStatusRequest(r) => {
                let (id, known) =
                    (r.cl_ord_id, self.orders.iter().position(|o| o.id == r.cl_ord_id));
                if let Some(n) = known {
                    for fill in self.orders[n].fills.clone() {
                        self.report(n, ExecType::Trade, (id, ClOrdId::UNDEF), fill);
                    }
                }
                self.list(id, known, 0);
            }
            Frame::MassStatusRequest(m) => {
                let live: Vec<usize> =
                    (0..self.orders.len()).filter(|n| self.orders[*n].done.is_none()).collect();
                for n in &live {
                    self.list(self.orders[*n].id, Some(*n), m.mass_status_id);
                }
                let mut position = PositionReport::zeroed();
                position.position_lots = PositionLots(self.bought[0] - self.bought[1]);
                (position.avg_px_ticks, position.balance_e9) =
                    (PriceTicks::UNDEF, MoneyE9(i64::MAX));
                position.mass_status_id = m.mass_status_id;
                self.say(position);
                let mut end = MassStatusEnd::zeroed();
                (end.mass_status_id, end.positions) = (m.mass_status_id, 1);
                end.orders = u32::try_from(live.len()).expect("few");
                self.say(end);
            }
            _ => {}
        }
    }

    fn list(&mut self, id: ClOrdId, known: Option<usize>, mass: u32) {
        let mut report = OrderStatusReport::zeroed();
        (report.cl_ord_id, report.order_id, report.mass_status_id) = (id, 0, mass);
        (report.ord_status, report.side) = (OrdStatus::Unknown.code(), Side::Buy.code());
        (report.ord_type, report.time_in_force) = (b'2', b'1');
        if let Some(n) = known {
            let order = &self.orders[n];
            (report.order_id, report.side) = (n as u64, order.new.side);
            (report.cum_qty_lots, report.leaves_qty_lots) =
                (QtyLots(order.cum), QtyLots(order.leaves));
            report.ord_status = self.status(n).code();
        }
        self.say(report);
    }

    /// Something happens in the market.
    fn fill(&mut self, dice: &mut Dice) {
        let live: Vec<usize> =
            (0..self.orders.len()).filter(|n| self.orders[*n].done.is_none()).collect();
        if live.is_empty() {
            return;
        }
        let n = dice.pick(&live);
        let lots = dice.from(1, self.orders[n].leaves);
        self.execs += 1;
        let fill = (self.execs, lots);
        let order = &mut self.orders[n];
        order.cum += lots;
        order.leaves -= lots;
        order.fills.push(fill);
        let side = side_of(&order.new);
        self.bought[side] += lots;
        if self.orders[n].leaves == 0 {
            self.end(n, OrdStatus::Filled);
        }
        self.report(n, ExecType::Trade, (self.orders[n].id, ClOrdId::UNDEF), fill);
    }

    /// What it has filled, may fill, and what is on its way to it, by side.
    fn worst(&self) -> [i64; 2] {
        let mut worst = self.bought;
        for order in &self.orders {
            worst[side_of(&order.new)] += order.leaves;
        }
        for words in &self.to_venue {
            if let Ok(Frame::NewOrder(new)) = decode(bytemuck::cast_slice(words)) {
                worst[side_of(new)] += new.qty_lots.get();
            }
        }
        worst
    }
}

/// Engine, venue and line.
pub(super) struct World {
    pub(super) rig: Rig,
    venue: Model,
    read: usize,
    is_up: bool,
}

impl World {
    /// Its engine, in BOOT.
    pub(super) fn engine() -> Engine {
        let mut setup = setup();
        let patience = Patience::default();
        (setup.patience, setup.order_capacity) = (Patience { wire_ns: 1 << 60, ..patience }, 32);
        Engine::new(setup).expect("sound")
    }

    pub(super) fn new() -> Self {
        let rig = Rig::of(Self::engine()).go_live();
        let read = rig.record.outputs.len();
        Self { rig, venue: Model::default(), read, is_up: true }
    }

    /// What the engine sent goes on its way.
    fn collect(&mut self) {
        for frame in &self.rig.record.outputs[self.read..] {
            if self.is_up {
                self.venue.to_venue.push_back(frame.clone());
            }
        }
        self.read = self.rig.record.outputs.len();
    }

    fn deliver(&mut self, dice: &mut Dice) {
        let Some(frame) = self.venue.to_engine.pop_front() else { return };
        let is_report =
            matches!(decode(bytemuck::cast_slice(&frame)), Ok(Frame::ExecutionReport(_)));
        for _ in 0..=u64::from(is_report && dice.one_in(8)) {
            self.rig.feed(bytemuck::cast_slice(&frame));
        }
        self.collect();
    }

    fn session(&mut self, is_up: bool) {
        if self.is_up == is_up {
            return;
        }
        self.venue.to_venue.clear();
        self.venue.to_engine.clear();
        self.is_up = is_up;
        let state = if is_up { SessionState::Up } else { SessionState::Down };
        let mut frame = VenueSession::new(VenueId(1), state);
        frame.header.ts_recv_ns = TsNs::UNDEF;
        self.rig.feed(bytemuck::bytes_of(&frame));
        self.collect();
    }

    fn wait(&mut self, ns: u64) {
        let at = self.rig.engine.now().get() - T0 + ns;
        self.rig.delta(at);
        self.collect();
    }

    fn wish(&mut self, dice: &mut Dice) {
        // Modes are tested elsewhere: here the strategy always may.
        self.rig.engine.firm.mode = Mode::Live;
        self.rig.engine.venues[0].risk.reconciled = true;
        let out = &mut self.rig.record;
        let working: Vec<ClOrdId> =
            self.rig.engine.orders().iter_working().map(|o| o.cl_ord_id).collect();
        match dice.below(4) {
            0 if !working.is_empty() => self.rig.engine.cancel_own(OWN, dice.pick(&working), out),
            1 if !working.is_empty() => {
                let (price, qty) = (dice.from(9_980, 9_999), dice.from(1, 30));
                let id = dice.pick(&working);
                self.rig.engine.replace(OWN, id, PriceTicks(price), QtyLots(qty), out);
            }
            _ => {
                let want = placement(dice);
                let _ = self.rig.engine.wish(OWN, &want, out);
            }
        }
        self.collect();
    }

    /// One thing happens; whether it was the session that went down.
    pub(super) fn step(&mut self, dice: &mut Dice) -> bool {
        let was_up = self.is_up;
        match dice.below(20) {
            0..=5 => self.wish(dice),
            6..=10 => self.venue.take(dice),
            11..=12 => self.venue.fill(dice),
            13..=17 => self.deliver(dice),
            18 => self.wait(dice.below(SECOND / 2)),
            _ if dice.one_in(3) => self.session(!self.is_up),
            _ => {}
        }
        was_up && !self.is_up
    }

    fn check(&self, what: &str) {
        let state = &self.rig.engine.instruments[0];
        let (bought, sold) = state.position.bought_sold();
        let ours = [bought.get() + state.risk.buy_lots, sold.get() + state.risk.sell_lots];
        let theirs = self.venue.worst();
        assert!(ours[0] >= theirs[0] && ours[1] >= theirs[1], "{what}: {ours:?} for {theirs:?}");
        check_sums(&self.rig.engine, what);
    }
}

#[test]
fn what_the_venue_may_still_fill_is_reserved_at_every_moment() {
    let (mut orders, mut replaces, mut lost) = (0, 0, 0);
    for seed in 1..=CASES {
        let mut dice = Dice::new(seed);
        let mut world = World::new();
        for n in 0..STEPS {
            lost += u64::from(world.step(&mut dice));
            world.check(&format!("seed {seed}, step {n}"));
        }
        // The line gets well: all that is on its way arrives, questions are asked and answered.
        world.session(true);
        for round in 0..40 {
            while !(world.venue.to_venue.is_empty() && world.venue.to_engine.is_empty()) {
                world.venue.take(&mut dice);
                world.deliver(&mut dice);
                world.check(&format!("seed {seed}, round {round}"));
            }
            world.wait(SECOND);
        }
        let engine = &world.rig.engine;
        let mut theirs: Vec<(ClOrdId, i64)> = Vec::new();
        let live = world.venue.orders.iter().filter(|o| o.done.is_none());
        theirs.extend(live.map(|o| (o.id, o.leaves)));
        let working = engine.orders().iter_working();
        let mut ours: Vec<_> = working.map(|o| (o.cl_ord_id, o.reserved_lots)).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, theirs, "seed {seed}");
        let net = world.venue.bought[0] - world.venue.bought[1];
        assert_eq!(world.rig.lots(), net, "seed {seed}");
        assert_eq!((engine.firm.unknown_orders, engine.externals().len()), (0, 0), "seed {seed}");
        orders += engine.counters().orders;
        replaces += engine.counters().replaces;
    }
    let what = format!("{orders} orders, {replaces} amendments, {lost} sessions lost");
    assert!(orders > CASES * 10 && replaces > CASES / 2 && lost > CASES, "{what}");
}
