//! The venue as it truly is: orders, fills, positions, and every rule it may break.
//!
//! Shares nothing with the engine's order states, nor with the simulated venue of backtests: it is
//! what both are held against. It keeps the truth (what it filled, what may still fill) apart from
//! what it says, and what it says may be late, twice, wrong or lost.

mod acts;
mod answers;
mod fills;

use super::cover::Fault;
use super::dice::Dice;
use super::market::Market;
use super::plan::{Faults, Plan};
use super::setup::{venue_id, venue_of};
use std::collections::BTreeMap;
use wire::order::{
    CancelOrder, ExecInst, ExecType, NewOrder, OrdStatus, OrdType, RejectReason, ReplaceOrder,
    Side, TimeInForce,
};
use wire::reconcile::{MassStatusRequest, OrderStatusRequest};
use wire::{ClOrdId, Frame, VenueId};

pub(crate) use answers::Said;
use answers::Word;

const MS: u64 = 1_000_000;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It works.
    Open,
    /// A stop that waits for its trigger.
    Waiting,
    /// It ended.
    Done(OrdStatus),
}

/// An order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Its present client order id.
    pub(crate) id: u64,
    /// Whose it is: the session of ours that sent it; 0 for somebody else's.
    pub(crate) session: u32,
    pub(crate) instrument: usize,
    pub(crate) side: Side,
    ord_type: OrdType,
    time_in_force: TimeInForce,
    pub(crate) px: i64,
    stop: i64,
    pub(crate) qty: i64,
    pub(crate) cum: i64,
    pub(crate) state: State,
    number: u64,
    expire_ns: u64,
    /// Lots of fills taken back that we still hold for filled.
    pub(crate) back: i64,
    /// Lots of its fills that are still to be told.
    unheard: i64,
    fills: Vec<usize>,
}

impl Order {
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, State::Done(_))
    }

    /// Lots that may still fill.
    pub(crate) fn leaves(&self) -> i64 {
        if self.is_open() { (self.qty - self.cum).max(0) } else { 0 }
    }

    fn status(&self) -> OrdStatus {
        match self.state {
            State::Done(how) => how,
            State::Open | State::Waiting if self.cum > 0 => OrdStatus::PartiallyFilled,
            State::Open | State::Waiting => OrdStatus::New,
        }
    }
}

/// A fill.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what is true of it, each by itself")]
struct Fill {
    order: usize,
    exec_id: u64,
    qty: i64,
    px: i64,
    /// Counts in what an honest station must have reserved.
    is_owed: bool,
    is_heard: bool,
    is_busted: bool,
    is_bust_heard: bool,
}

/// The venue.
#[derive(Debug)]
pub(crate) struct Venue {
    pub(crate) id: VenueId,
    index: usize,
    /// Instruments it lists.
    listed: Vec<usize>,
    /// The session of ours that is on.
    session: u32,
    pub(crate) orders: Vec<Order>,
    /// Orders that are not done.
    pub(crate) open: Vec<usize>,
    by_id: BTreeMap<u64, usize>,
    fills: Vec<Fill>,
    execs: BTreeMap<(usize, u64), usize>,
    counts: Vec<u64>,
    execs_by_instrument: bool,
    /// What it holds for us, by instrument.
    pub(crate) positions: Vec<i64>,
    /// Orders that are done and have fills we have not been told of.
    untold: Vec<usize>,
    /// Cancels taken up and not done yet: when, which order, under which request.
    late: Vec<(u64, usize, u64)>,
    /// Fills kept back until something else is said of their order.
    kept: Vec<(usize, usize)>,
    halted_until: u64,
    storm: u64,
    dice: Dice,
    /// Orders that came under an id that was used before: must stay empty.
    pub(crate) reused: Vec<u64>,
}

/// The place of a side.
pub(crate) fn side_index(side: Side) -> usize {
    usize::from(side == Side::Sell)
}

/// What the venue acts in.
pub(crate) struct Scene<'a> {
    pub(crate) now: u64,
    pub(crate) markets: &'a [Market],
    pub(crate) faults: &'a mut Faults,
    pub(crate) out: &'a mut Vec<Said>,
}

impl Venue {
    pub(crate) fn new(plan: &Plan, index: usize) -> Self {
        Self {
            id: venue_id(index),
            index,
            listed: (0..plan.instruments).filter(|n| venue_of(plan, *n) == index).collect(),
            session: 1,
            orders: Vec::new(),
            open: Vec::new(),
            by_id: BTreeMap::new(),
            fills: Vec::new(),
            execs: BTreeMap::new(),
            counts: vec![0; plan.instruments],
            execs_by_instrument: plan.execs_by_instrument,
            positions: vec![0; plan.instruments],
            untold: Vec::new(),
            late: Vec::new(),
            kept: Vec::new(),
            halted_until: 0,
            storm: 0,
            dice: Dice::of(plan.seed, 200 + index as u64),
            reused: Vec::new(),
        }
    }

    /// A new session of ours begins: what was filled before is history.
    pub(crate) fn begin_session(&mut self, session: u32) {
        self.session = session;
        self.untold.clear();
        self.orders.iter_mut().for_each(|o| (o.unheard, o.back) = (0, 0));
        self.fills.iter_mut().for_each(|f| f.is_owed = false);
    }

    /// Whether an order is of the session that is on.
    pub(crate) fn is_ours(&self, order: &Order) -> bool {
        order.session == self.session
    }

    /// Lots that orders of this session have filled unheard or may still fill, by side.
    pub(crate) fn owed(&self, instrument: usize) -> [i64; 2] {
        let mut owed = [0; 2];
        for n in self.open.iter().chain(&self.untold) {
            let order = &self.orders[*n];
            if order.instrument == instrument && self.is_ours(order) {
                let due = order.leaves() + order.unheard - order.back;
                owed[side_index(order.side)] += due.max(0);
            }
        }
        owed
    }

    /// The order under an id, present or past.
    pub(crate) fn order(&self, id: ClOrdId) -> Option<&Order> {
        self.by_id.get(&id.get()).map(|n| &self.orders[*n])
    }

    /// Nothing is wrong any more; what was kept back is told late.
    pub(crate) fn heal(&mut self) {
        (self.halted_until, self.storm) = (0, 0);
        self.kept.clear();
    }

    /// Takes a request.
    pub(crate) fn take(&mut self, frame: &[u8], scene: &mut Scene<'_>) {
        match wire::decode(frame) {
            Ok(Frame::NewOrder(new)) => self.on_new(new, scene),
            Ok(Frame::CancelOrder(cancel)) => self.on_cancel(cancel, scene),
            Ok(Frame::ReplaceOrder(replace)) => self.on_replace(replace, scene),
            Ok(Frame::OrderStatusRequest(ask)) => self.on_status(ask, scene),
            Ok(Frame::MassStatusRequest(ask)) => self.on_mass_status(ask, scene),
            _ => {}
        }
    }

    fn on_new(&mut self, new: &NewOrder, scene: &mut Scene<'_>) {
        let instrument = usize::try_from(new.header.instrument_id.get()).unwrap_or(0);
        let id = new.cl_ord_id.get();
        if self.by_id.contains_key(&id) {
            self.reused.push(id);
            return;
        }
        let number = self.orders.len();
        let side = Side::from_code(new.side).unwrap_or(Side::Buy);
        let ord_type = OrdType::from_code(new.ord_type).unwrap_or(OrdType::Limit);
        let is_stop = matches!(ord_type, OrdType::Stop | OrdType::StopLimit);
        self.orders.push(Order {
            id,
            session: u32::try_from(id >> 32).unwrap_or(0),
            instrument,
            side,
            ord_type,
            time_in_force: TimeInForce::from_code(new.time_in_force).unwrap_or(TimeInForce::Gtc),
            px: new.price_ticks.get(),
            stop: new.stop_px_ticks.get(),
            qty: new.qty_lots.get(),
            cum: 0,
            state: if is_stop { State::Waiting } else { State::Open },
            number: 1_000 * (self.index as u64 + 1) + number as u64 * 10,
            expire_ns: new.expire_ns.get(),
            back: 0,
            unheard: 0,
            fills: Vec::new(),
        });
        self.by_id.insert(id, number);
        if let Some(reason) = self.refusal(new, instrument, scene) {
            self.orders[number].state = State::Done(OrdStatus::Rejected);
            self.say(number, &Word { reason, ..Word::of(ExecType::Rejected) }, scene);
            return;
        }
        self.open.push(number);
        if scene.faults.strikes(Fault::VenuePendingNew) {
            self.say(number, &Word::of(ExecType::PendingNew), scene);
        }
        self.enter(number, scene);
    }

    /// Why an order is not taken.
    fn refusal(
        &mut self,
        new: &NewOrder,
        instrument: usize,
        scene: &mut Scene<'_>,
    ) -> Option<RejectReason> {
        if self.is_halted(instrument, scene) {
            return Some(RejectReason::MarketClosed);
        }
        if self.storm > 0 {
            self.storm -= 1;
            return Some(RejectReason::ExceedsLimit);
        }
        if scene.faults.strikes(Fault::VenueStorm) {
            self.storm = self.dice.span(3, 12);
            return Some(RejectReason::ExceedsLimit);
        }
        if scene.faults.strikes(Fault::VenueThrottle) {
            return Some(RejectReason::Throttled);
        }
        if scene.faults.strikes(Fault::VenueReject) {
            let reasons = [RejectReason::BadPrice, RejectReason::BadQuantity, RejectReason::None];
            return self.dice.pick(&reasons);
        }
        let held = self.positions[instrument];
        let shorts = if new.side == Side::Buy.code() { -held } else { held };
        let reduces = ExecInst::from_code(new.exec_inst) == Some(ExecInst::ReduceOnly);
        (reduces && new.qty_lots.get() > shorts).then_some(RejectReason::WouldIncrease)
    }

    fn is_halted(&mut self, instrument: usize, scene: &mut Scene<'_>) -> bool {
        if scene.now >= self.halted_until && scene.faults.strikes(Fault::VenueHalt) {
            self.halted_until = scene.now + self.dice.span(5, 500) * MS;
        }
        scene.now < self.halted_until || scene.markets[instrument].is_halted()
    }

    fn on_cancel(&mut self, cancel: &CancelOrder, scene: &mut Scene<'_>) {
        let (request, named) = (cancel.cl_ord_id.get(), cancel.orig_cl_ord_id.get());
        let Some(number) = self.by_id.get(&named).copied() else {
            return self.refuse((request, named), None, RejectReason::UnknownOrder, scene);
        };
        let is_present = self.orders[number].id == named;
        if !self.orders[number].is_open() || !is_present {
            return self.refuse((request, named), Some(number), RejectReason::TooLate, scene);
        }
        if scene.faults.strikes(Fault::VenueCancelReject) {
            let reasons = [RejectReason::Throttled, RejectReason::MarketClosed];
            let reason = self.dice.pick(&reasons).unwrap_or(RejectReason::Throttled);
            return self.refuse((request, named), Some(number), reason, scene);
        }
        if scene.faults.strikes(Fault::VenueLateCancel) {
            if self.dice.one_in(2) {
                let word = Word { request: Some(request), ..Word::of(ExecType::PendingCancel) };
                self.say(number, &word, scene);
            }
            let due = scene.now + self.dice.span(1, 300) * MS;
            self.late.push((due, number, request));
            return;
        }
        self.end(number, OrdStatus::Canceled, Some(request), scene);
    }

    fn on_replace(&mut self, replace: &ReplaceOrder, scene: &mut Scene<'_>) {
        let (request, named) = (replace.cl_ord_id.get(), replace.orig_cl_ord_id.get());
        let Some(number) = self.by_id.get(&named).copied() else {
            return self.refuse((request, named), None, RejectReason::UnknownOrder, scene);
        };
        if self.by_id.contains_key(&request) {
            self.reused.push(request);
            return;
        }
        let (qty, instrument) = (replace.qty_lots.get(), self.orders[number].instrument);
        let is_present = self.orders[number].id == named;
        if !self.orders[number].is_open() || !is_present || qty <= self.orders[number].cum {
            return self.refuse((request, named), Some(number), RejectReason::TooLate, scene);
        }
        if self.is_halted(instrument, scene) || scene.faults.strikes(Fault::VenueCancelReject) {
            let reason = RejectReason::MarketClosed;
            return self.refuse((request, named), Some(number), reason, scene);
        }
        self.by_id.insert(request, number);
        let order = &mut self.orders[number];
        (order.id, order.px, order.qty) = (request, replace.price_ticks.get(), qty);
        let word =
            Word { request: Some(request), named: Some(named), ..Word::of(ExecType::Replaced) };
        self.say(number, &word, scene);
        if self.orders[number].state == State::Open {
            self.meet(number, scene);
        }
    }

    fn on_status(&mut self, ask: &OrderStatusRequest, scene: &mut Scene<'_>) {
        let id = ask.cl_ord_id;
        let Some(number) = self.by_id.get(&id.get()).copied() else {
            return self.list_unknown(id, ask.header.instrument_id, scene);
        };
        for n in self.orders[number].fills.clone() {
            self.tell(n, scene);
            if self.fills[n].is_busted {
                self.tell_bust(n, scene);
            }
        }
        self.kept.retain(|(order, _)| *order != number);
        self.list(number, 0, scene);
    }

    fn on_mass_status(&mut self, ask: &MassStatusRequest, scene: &mut Scene<'_>) {
        let id = ask.mass_status_id;
        for n in self.open.clone() {
            self.list(n, id, scene);
        }
        self.list_positions(id, scene);
    }

    /// An order ends.
    fn end(&mut self, number: usize, how: OrdStatus, request: Option<u64>, scene: &mut Scene<'_>) {
        self.finish(number, how);
        let exec = if how == OrdStatus::Expired { ExecType::Expired } else { ExecType::Canceled };
        self.say(number, &Word { request, ..Word::of(exec) }, scene);
        self.tell_kept(number, scene);
    }

    fn finish(&mut self, number: usize, how: OrdStatus) {
        let order = &mut self.orders[number];
        order.state = State::Done(how);
        if order.unheard > 0 {
            self.untold.push(number);
        }
        self.open.retain(|n| *n != number);
        self.late.retain(|(_, n, _)| *n != number);
    }
}
