//! Orders out: every new order through the gate, cancels within the venue's message budget.

use super::{Concern, Engine, index_of, strategy_id};
use crate::gate::{self, Amend, Approval, Envelope, Inquiry, Verdict, World};
use crate::order::{OrderEvent, is_done, may_cancel, step};
use crate::orders::{Entry, OrderRequest};
use crate::risk::{DuplicateLog, NO_SLOPE};
use crate::sink::{Sink, Stage};
use crate::strategy::{OrderUpdate, Placement};
use crate::timers::EngineTimer;
use wire::order::{CancelOrder, Denied, ExecInst, NewOrder, OrdStatus, Side};
use wire::risk::AlarmCode;
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, QtyLots, TsNs};

/// What an order belongs to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    /// Its parent; 0 for none.
    pub(super) parent_id: u32,
    /// Its link group; 0 for none.
    pub(super) link_id: u32,
}

impl Engine {
    /// One wish of a strategy for one order.
    pub(super) fn wish<S: Sink>(
        &mut self,
        strategy: usize,
        want: &Placement,
        out: &mut S,
    ) -> Option<ClOrdId> {
        self.place(strategy, want, Group::default(), out)
    }

    /// Whether a kill switch over the strategy is latched: then its wishes for orders are dropped,
    /// not denied one by one.
    pub(super) fn is_stopped(&self, strategy: usize) -> bool {
        let Some(slot) = self.strategies.get(strategy) else { return true };
        let Some(state) = self.instruments.get(slot.instrument) else { return true };
        let venue = self.venues.get(state.venue).is_some_and(|v| v.risk.killed);
        self.firm.killed || slot.risk.killed || state.risk.killed || venue
    }

    /// Puts one order through the gate: it goes out, or a denial with its reasons.
    pub(super) fn place<S: Sink>(
        &mut self,
        strategy: usize,
        want: &Placement,
        group: Group,
        out: &mut S,
    ) -> Option<ClOrdId> {
        if self.is_stopped(strategy) {
            self.counters.suppressed += 1;
            return None;
        }
        let index = self.strategies.get(strategy)?.instrument;
        let order = OrderRequest {
            instrument: self.instruments.get(index)?.row.header.instrument_id,
            strategy: strategy_id(strategy),
            side: want.side,
            ord_type: want.ord_type,
            time_in_force: want.time_in_force,
            exec_inst: want.exec_inst,
            price_ticks: want.price_ticks,
            stop_px_ticks: want.stop_px_ticks,
            qty_lots: want.qty_lots,
            expire_ns: want.expire_ns,
            parent_id: group.parent_id,
            link_id: group.link_id,
        };
        self.prepare(index, order.side, order.qty_lots);
        let (verdict, approval, value_px) = self.ask(&order, None, out);
        match (approval, self.orders.peek_id()) {
            (Some(approval), Some(id)) => {
                out.mark(Stage::Gated);
                self.send(approval, &order, id, value_px, out);
                Some(id)
            }
            // A full order table reads as too many open orders: the limit stands far below it.
            (Some(_), None) => {
                self.deny(&order, &self.table_full(), out);
                None
            }
            (None, _) => {
                self.deny(&order, &verdict, out);
                None
            }
        }
    }

    /// Brings the figures that an order of this side is judged by up to now.
    pub(super) fn prepare(&mut self, index: usize, side: Side, qty: QtyLots) {
        let now = self.now;
        if let Some(state) = self.instruments.get_mut(index) {
            state.publish_depth(side, qty);
            let window = state.risk.limits.fill_window_ns;
            state.risk.fills.advance(now, window);
        }
        if self.instruments.get(index).is_some_and(|s| s.risk.var_slope_e9 == NO_SLOPE) {
            // Before the first second of the market is over: the cold-start figure.
            self.estimate_var(index);
        }
        self.refresh(index);
    }

    /// The inquiry about an order, for the gate and for explanations.
    fn world(&self, order: &OrderRequest, amend: Option<Amend>) -> Option<World<'_>> {
        let state = self.instruments.get(index_of(order.instrument))?;
        let slot = self.strategies.get(usize::from(order.strategy.get()))?;
        let parent = self.parents.get(order.parent_id);
        let amended = amend.map_or(ClOrdId::UNDEF, |a| a.cl_ord_id);
        let linked = |o: &&crate::orders::Order| {
            o.cl_ord_id != amended
                && o.request.link_id == order.link_id
                && o.request.side == order.side
                && o.request.instrument == order.instrument
        };
        // Only orders that are to reduce look for their like: of two orders of which the first to
        // fill ends the other, one counts.
        let mut linked_lots = 0_i64;
        if order.link_id != 0 {
            linked_lots = self
                .orders
                .iter_working()
                .filter(linked)
                .fold(0, |sum, o| o.reserved_lots.saturating_add(sum));
        }
        if order.link_id != 0 || order.exec_inst == ExecInst::ReduceOnly {
            let spare = self.links.spare_lots(&self.orders, order);
            linked_lots = linked_lots.saturating_add(spare);
        }
        Some(World {
            symbol: &state.risk,
            strategy: &slot.risk,
            venue: &self.venues.get(state.venue)?.risk,
            firm: &self.firm,
            parent: parent
                .filter(|p| p.is_working())
                .map(|p| (p.spec.qty_lots.get(), p.used_lots())),
            amend,
            linked_lots,
            signal_ttl_ns: self.signal_ttl_ns,
            now: self.now,
        })
    }

    pub(super) fn ask<S: Sink>(
        &self,
        order: &OrderRequest,
        amend: Option<Amend>,
        out: &mut S,
    ) -> (Verdict, Option<Approval>, i64) {
        let Some(world) = self.world(order, amend) else {
            return (self.table_full(), None, 0);
        };
        out.judging(self, order);
        let verdict = gate::judge(order, &world);
        // Left out where the sink does not look at it.
        out.judged(&Inquiry::new(order, &world), &verdict);
        let approval = Approval::of(&verdict, order, self.approvals + 1);
        (verdict, approval, gate::value_price(order, world.symbol))
    }

    fn send<S: Sink>(
        &mut self,
        approval: Approval,
        order: &OrderRequest,
        id: ClOrdId,
        value_px_ticks: i64,
        out: &mut S,
    ) {
        let venue = self.spend(order);
        self.seq += 1;
        let to = Envelope { cl_ord_id: id, venue, now: self.now, seq: self.seq };
        let frame: NewOrder = approval.into_frame(&to);
        self.counters.orders += 1;
        let entry = Entry {
            request: *order,
            value_px_ticks,
            status: OrdStatus::PendingNew,
            cum_qty_lots: QtyLots(0),
            order_id: SEQ_UNDEF,
            sent_ns: self.now,
            reserved_lots: order.qty_lots.get(),
        };
        self.orders.insert(id, &entry);
        // Counted before it can be seen outside.
        self.count_in(id);
        out.mark(Stage::Framed);
        self.emit(&frame, out);
        let slot = self.strategies.get_mut(usize::from(order.strategy.get()));
        if let (Some(slot), Some(sent)) = (slot, self.orders.get(id)) {
            slot.logic.on_order(&OrderUpdate::Sent(sent));
        }
        self.await_answer();
    }

    /// Takes what an approval costs: tokens, counts of the day, the log of duplicates.
    pub(super) fn spend(&mut self, order: &OrderRequest) -> wire::VenueId {
        self.approvals += 1;
        let now = self.now;
        let mut id = wire::VenueId::UNDEF;
        if let Some(state) = self.instruments.get_mut(index_of(order.instrument)) {
            id = state.row.header.venue_id;
            state.risk.orders.take(now);
            state.risk.advised.orders.take(now);
            state.risk.duplicates.add(DuplicateLog::key(order), now);
            if let Some(venue) = self.venues.get_mut(state.venue) {
                venue.risk.orders.take(now);
                venue.risk.messages.take(now);
            }
        }
        if let Some(slot) = self.strategies.get_mut(usize::from(order.strategy.get())) {
            slot.risk.orders.take(now);
            slot.risk.messages = slot.risk.messages.saturating_add(1);
            slot.risk.orders_today = slot.risk.orders_today.saturating_add(1);
        }
        self.firm.orders_today = self.firm.orders_today.saturating_add(1);
        let due = now.saturating_add(self.patience.wire_ns);
        self.timers.pull_engine(EngineTimer::Wire, due);
        id
    }

    pub(super) fn deny<S: Sink>(&mut self, order: &OrderRequest, verdict: &Verdict, out: &mut S) {
        let (primary, breach) =
            verdict.primary.unwrap_or((0, gate::Breach { limit: 0, actual: 0 }));
        if let Some(count) = self.counters.denied.get_mut(usize::from(primary)) {
            *count += 1;
        }
        let mut header = self.next_header::<Denied>();
        header.instrument_id = order.instrument;
        header.strategy_id = order.strategy;
        let frame = Denied {
            header,
            cl_ord_id: self.orders.peek_id().unwrap_or(ClOrdId::UNDEF),
            mask: verdict.mask,
            price_ticks: order.price_ticks,
            qty_lots: order.qty_lots,
            limit: breach.limit,
            actual: breach.actual,
            primary,
            side: order.side.code(),
            reserved: [0; 14],
        };
        self.emit(&frame, out);
        let strategy = usize::from(order.strategy.get());
        if let Some(slot) = self.strategies.get_mut(strategy) {
            slot.logic.on_order(&OrderUpdate::Denied(verdict.mask));
        }
        self.count_reject(strategy, out);
    }

    /// A strategy's wish to cancel an order: of its own only.
    pub(super) fn cancel_own<S: Sink>(&mut self, strategy: usize, id: ClOrdId, out: &mut S) {
        let own = |o: &&crate::orders::Order| o.request.strategy == strategy_id(strategy);
        if let Some(id) = self.orders.get(id).filter(own).map(|o| o.cl_ord_id) {
            self.cancel(id, out);
        }
    }

    /// Sends a cancel where the order's state allows one. Cancels pass in every mode; beyond the
    /// venue's message budget they wait their turn.
    pub(super) fn cancel<S: Sink>(&mut self, id: ClOrdId, out: &mut S) {
        let Some(order) = self.orders.get(id).copied() else {
            return;
        };
        if !may_cancel(order.status) || order.cancel_wanted {
            return;
        }
        self.change(id, |o| o.cancel_wanted = true);
        self.send_cancel(id, out);
    }

    /// Sends a wanted cancel now, or sets the timer that will.
    fn send_cancel<S: Sink>(&mut self, id: ClOrdId, out: &mut S) {
        let Some(order) = self.orders.get(id).copied() else { return };
        let Some(state) = self.instruments.get(index_of(order.request.instrument)) else {
            return;
        };
        let venue_id = state.row.header.venue_id;
        let now = self.now;
        if let Some(venue) = self.venues.get_mut(state.venue) {
            if !venue.risk.session_up {
                // Nowhere to send it: it goes out once the venue has said that the order works.
                return;
            }
            if !venue.risk.messages.fits(now) {
                let ready = venue.risk.messages.ready_at();
                self.timers.pull_engine(EngineTimer::Cancels, ready);
                return;
            }
            venue.risk.messages.take(now);
        }
        self.change(id, |o| {
            o.cancel_sent = true;
            o.waiting_ns = now;
            o.status = step(o.status, OrderEvent::CancelSent, o.cum_qty_lots.get() > 0).next;
        });
        if let Some(slot) = self.strategies.get_mut(usize::from(order.request.strategy.get())) {
            slot.risk.messages = slot.risk.messages.saturating_add(1);
        }
        let request = self.orders.take_request_id();
        let mut header = self.next_header::<CancelOrder>();
        header.instrument_id = order.request.instrument;
        header.strategy_id = order.request.strategy;
        header.venue_id = venue_id;
        self.counters.cancels += 1;
        self.count_kill_cancel(&order);
        let frame = CancelOrder {
            header,
            cl_ord_id: request,
            orig_cl_ord_id: id,
            order_id: order.order_id,
        };
        self.emit(&frame, out);
        self.await_answer();
    }

    /// Sends the cancels that waited for the message budget, as far as it reaches now.
    pub(super) fn send_waiting_cancels<S: Sink>(&mut self, out: &mut S) {
        for slot in 0..self.orders.capacity() {
            let waits = |o: &&crate::orders::Order| {
                o.cancel_wanted && !o.cancel_sent && may_cancel(o.status)
            };
            // One that does not fit sets the timer anew; another venue's may still fit.
            if let Some(id) = self.orders.at(slot).filter(waits).map(|o| o.cl_ord_id) {
                self.send_cancel(id, out);
            }
        }
    }

    /// Cancels everything that works and fits the filter.
    pub(super) fn cancel_where<S: Sink>(
        &mut self,
        wanted: impl Fn(&OrderRequest) -> bool,
        out: &mut S,
    ) {
        for slot in 0..self.orders.capacity() {
            let fits = |o: &&crate::orders::Order| may_cancel(o.status) && wanted(&o.request);
            if let Some(id) = self.orders.at(slot).filter(fits).map(|o| o.cl_ord_id) {
                self.cancel(id, out);
            }
        }
    }

    /// Sets the timer that asks after requests the venue has not answered.
    pub(super) fn await_answer(&mut self) {
        let due = self.now.saturating_add(self.patience.ack_ns);
        self.timers.pull_engine(EngineTimer::Ack, due);
    }

    /// Orders the venue owes an answer for too long become unknown, and are asked after.
    pub(super) fn check_waiting<S: Sink>(&mut self, out: &mut S) {
        let mut next = TsNs::UNDEF;
        for slot in 0..self.orders.capacity() {
            let waits = |o: &&crate::orders::Order| !is_done(o.status) && o.is_waiting();
            let Some(order) = self.orders.at(slot).filter(waits).copied() else { continue };
            let due = order.waiting_ns.saturating_add(self.patience.ack_ns);
            if due > self.now {
                next = next.min(due);
                continue;
            }
            let code = if order.cancel_sent {
                AlarmCode::CancelUnconfirmed
            } else {
                AlarmCode::AckTimeout
            };
            let waited = i64::try_from(self.now.since(order.waiting_ns)).unwrap_or(i64::MAX);
            let limit = i64::try_from(self.patience.ack_ns).unwrap_or(i64::MAX);
            self.alarm(&Concern::of(code, limit, waited).on_order(&order), out);
            let now = self.now;
            self.change(order.cl_ord_id, |o| {
                o.status = step(o.status, OrderEvent::SessionLost, o.cum_qty_lots.get() > 0).next;
                o.waiting_ns = now;
            });
            self.ask_status(order.cl_ord_id, out);
            next = next.min(now.saturating_add(self.patience.ack_ns));
        }
        self.timers.set_engine(EngineTimer::Ack, next);
    }

    pub(super) fn tell(&mut self, order: &crate::orders::Order, update: OrderUpdate<'_>) {
        if let Some(slot) = self.strategies.get_mut(usize::from(order.request.strategy.get())) {
            slot.logic.on_order(&update);
        }
    }

    pub(super) fn table_full(&self) -> Verdict {
        let id = gate::id_of("MAX_OPEN_ORDERS").unwrap_or(0);
        let limit = i64::try_from(self.orders.capacity()).unwrap_or(i64::MAX);
        let actual = i64::try_from(self.orders.working() + 1).unwrap_or(i64::MAX);
        Verdict { mask: 1 << id, primary: Some((id, gate::Breach { limit, actual })) }
    }
}
