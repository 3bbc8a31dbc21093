//! Orders out, reports back: the gate, the reservation of exposure, the booking of fills.

use super::{Engine, index_of, kind_code, strategy_id};
use crate::gate::{self, Approval, Inquiry, Verdict};
use crate::mode::ModeEvent;
use crate::order::{Anomaly, OrderEvent, is_done, may_cancel, step};
use crate::orders::{Order, OrderRequest};
use crate::sink::{Sink, Stage};
use crate::strategy::{Context, OrderUpdate, Placement};
use wire::order::{
    CancelOrder, CancelReject, Denied, ExecType, ExecutionReport, NewOrder, OrdStatus,
    RejectReason, Side,
};
use wire::station::Mode;
use wire::{ClOrdId, FrameKind, QtyLots};

impl Engine {
    /// Puts one wish through the gate: an order goes out, or a denial with its reasons.
    pub(super) fn place<S: Sink>(&mut self, strategy: usize, want: &Placement, out: &mut S) {
        let slot = &self.strategies[strategy];
        let index = slot.instrument;
        let order = OrderRequest {
            instrument: self.instruments[index].row.header.instrument_id,
            strategy: strategy_id(strategy),
            side: want.side,
            ord_type: want.ord_type,
            time_in_force: want.time_in_force,
            exec_inst: want.exec_inst,
            price_ticks: want.price_ticks,
            qty_lots: want.qty_lots,
        };
        let state = &self.instruments[index];
        let inquiry = Inquiry {
            order: &order,
            instrument: Some(state),
            limits: state.limits.as_ref(),
            killed: self.killed,
            mode: self.mode,
            signal_ttl_ns: slot.uses_signal.then_some(self.signal_ttl_ns),
            now: self.now,
        };
        let verdict = gate::evaluate(&inquiry);
        let id = self.orders.peek_id();
        match (Approval::of(&verdict, &inquiry, self.approvals + 1), id) {
            (Some(approval), Some(id)) => {
                out.mark(Stage::Gated);
                self.send(approval, &order, id, out);
            }
            // A full order table reads as too many open orders: the limit stands far below it.
            (Some(_), None) => self.deny(&order, &table_full(), out),
            (None, _) => self.deny(&order, &verdict, out),
        }
    }

    fn send<S: Sink>(
        &mut self,
        approval: Approval,
        order: &OrderRequest,
        id: ClOrdId,
        out: &mut S,
    ) {
        self.approvals += 1;
        let index = index_of(order.instrument);
        let state = &mut self.instruments[index];
        let rate = state.limits.map_or(1, |l| l.order_rate_per_s);
        state.rate.take(self.now, rate);
        state.reserve(order.side, order.qty_lots, 1);
        let venue = state.row.header.venue_id;
        self.seq += 1;
        let frame: NewOrder = approval.into_frame(id, venue, self.now, self.seq);
        self.counters.orders += 1;
        let sent = *self.orders.insert(id, *order, self.now);
        out.mark(Stage::Framed);
        self.emit(&frame, out);
        self.tell(&sent, OrderUpdate::Sent(&sent));
    }

    fn deny<S: Sink>(&mut self, order: &OrderRequest, verdict: &Verdict, out: &mut S) {
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
        if let Some(slot) = self.strategies.get_mut(usize::from(order.strategy.get())) {
            slot.logic.on_order(&OrderUpdate::Denied(verdict.mask));
        }
    }

    /// Sends a cancel where the order's state allows one. Cancels pass in every mode.
    pub(super) fn cancel<S: Sink>(&mut self, id: ClOrdId, out: &mut S) {
        let Some(order) = self.orders.get(id).copied() else {
            return;
        };
        if !may_cancel(order.status) || order.cancel_wanted {
            return;
        }
        self.orders.update(id, |o| {
            o.cancel_wanted = true;
            o.status = step(o.status, OrderEvent::CancelSent, o.cum_qty_lots.get() > 0).next;
        });
        let request = self.orders.take_request_id();
        let mut header = self.next_header::<CancelOrder>();
        header.instrument_id = order.request.instrument;
        header.strategy_id = order.request.strategy;
        header.venue_id = self.instruments[index_of(order.request.instrument)].row.header.venue_id;
        self.counters.cancels += 1;
        let frame = CancelOrder {
            header,
            cl_ord_id: request,
            orig_cl_ord_id: id,
            order_id: order.order_id,
        };
        self.emit(&frame, out);
    }

    /// Cancels everything that works: on the way to HALTED and DRAINING.
    pub(super) fn cancel_all<S: Sink>(&mut self, out: &mut S) {
        for slot in 0..self.orders.capacity() {
            let order = self.orders.at(slot);
            if let Some(id) = order.filter(|o| may_cancel(o.status)).map(|o| o.cl_ord_id) {
                self.cancel(id, out);
            }
        }
    }

    pub(super) fn on_report<S: Sink>(&mut self, report: &ExecutionReport, out: &mut S) {
        let exec = ExecType::from_code(report.exec_type);
        let is_fill = exec == Some(ExecType::Trade);
        if is_fill && self.seen_execution(report.exec_id) {
            self.counters.late_reports += 1;
            return;
        }
        // An answer to a request carries the request's id in 11 and the order's in 41.
        let named = self.orders.get(report.orig_cl_ord_id);
        let Some(order) = named.or_else(|| self.orders.get(report.cl_ord_id)).copied() else {
            self.unattributed(report, is_fill, out);
            return;
        };
        let Some(event) = event_of(report, &order) else {
            return;
        };
        if event == OrderEvent::Rejected {
            self.counters.rejects += 1;
        }
        if is_fill {
            self.book_fill(report, usize::from(order.request.strategy.get()));
        }
        self.advance_order(&order, event, report.order_id, report.last_qty_lots, is_fill, out);
    }

    pub(super) fn on_cancel_reject<S: Sink>(&mut self, reject: &CancelReject, out: &mut S) {
        let Some(order) = self.orders.get(reject.orig_cl_ord_id).copied() else {
            self.counters.anomalies += 1;
            return;
        };
        let venue_done = OrdStatus::from_code(reject.ord_status).is_some_and(is_done);
        let event = if reject.reject_reason == RejectReason::UnknownOrder.code() {
            OrderEvent::RequestRefusedUnknown
        } else if venue_done && !is_done(order.status) {
            // Too late: the report that ended the order is on its way and will tell how.
            self.counters.late_reports += 1;
            return;
        } else {
            OrderEvent::RequestRefused
        };
        self.advance_order(&order, event, reject.order_id, QtyLots(0), false, out);
    }

    /// Moves one order, keeps the reservation equal to what it may still fill, tells the strategy.
    fn advance_order<S: Sink>(
        &mut self,
        before: &Order,
        event: OrderEvent,
        order_id: u64,
        fill: QtyLots,
        is_fill: bool,
        out: &mut S,
    ) {
        let moved = step(before.status, event, before.cum_qty_lots.get() > 0);
        let refused = event == OrderEvent::RequestRefused;
        let after = self.orders.update(before.cl_ord_id, |o| {
            if is_fill {
                o.cum_qty_lots = QtyLots(o.cum_qty_lots.get().saturating_add(fill.get()));
            }
            o.status = moved.next;
            let rest = o.request.qty_lots.get().saturating_sub(o.cum_qty_lots.get()).max(0);
            o.leaves_qty_lots = QtyLots(if is_done(o.status) { 0 } else { rest });
            if order_id != wire::units::SEQ_UNDEF {
                o.order_id = order_id;
            }
            o.cancel_wanted &= !refused;
            *o
        });
        let Some(after) = after else { return };
        let change = after.leaves_qty_lots.get() - before.leaves_qty_lots.get();
        let orders = i32::from(!is_done(after.status)) - i32::from(!is_done(before.status));
        let index = index_of(before.request.instrument);
        self.instruments[index].reserve(before.request.side, QtyLots(change), orders);
        match moved.anomaly {
            None => {}
            Some(Anomaly::Late | Anomaly::NotAllowed) => self.counters.late_reports += 1,
            Some(Anomaly::FillAfterDone | Anomaly::Contradiction) => self.anomaly(out),
        }
        self.tell(&after, OrderUpdate::Changed(&after));
        self.settle_mode(out);
    }

    fn anomaly<S: Sink>(&mut self, out: &mut S) {
        self.counters.anomalies += 1;
        self.change_mode(ModeEvent::Anomaly, kind_code(FrameKind::ExecutionReport), out);
    }

    /// A report that names no order of ours: a fill is a fact and is booked on the instrument.
    fn unattributed<S: Sink>(&mut self, report: &ExecutionReport, is_fill: bool, out: &mut S) {
        if is_fill {
            self.book_fill(report, usize::MAX);
            self.anomaly(out);
        } else {
            self.counters.late_reports += 1;
        }
    }

    fn book_fill(&mut self, report: &ExecutionReport, strategy: usize) {
        let Some(side) = Side::from_code(report.side) else {
            return;
        };
        let (price, qty, fee) = (report.last_px_ticks, report.last_qty_lots, report.fee_e9);
        let Some(state) = self.instruments.get_mut(index_of(report.header.instrument_id)) else {
            self.counters.anomalies += 1;
            return;
        };
        self.counters.fills += 1;
        let booked = state.position.fill(side, price, qty, fee);
        let of_strategy = match self.strategies.get_mut(strategy) {
            Some(slot) => slot.position.fill(side, price, qty, fee),
            None => Ok(()),
        };
        if booked.is_err() || of_strategy.is_err() {
            // A position that cannot be accounted for: nothing more may be added to it.
            self.counters.anomalies += 1;
            self.killed = true;
        }
    }

    /// Whether a fill was booked already; remembers it if not.
    fn seen_execution(&mut self, exec_id: u64) -> bool {
        if self.executions.contains(&exec_id) {
            return true;
        }
        let slot = self.executions_next % self.executions.len();
        self.executions[slot] = exec_id;
        self.executions_next += 1;
        false
    }

    fn tell(&mut self, order: &Order, update: OrderUpdate<'_>) {
        if let Some(slot) = self.strategies.get_mut(usize::from(order.request.strategy.get())) {
            slot.logic.on_order(&update);
        }
    }

    /// Leaves RECONCILE and DRAINING when the orders allow it.
    pub(super) fn settle_mode<S: Sink>(&mut self, out: &mut S) {
        let cause = kind_code(FrameKind::ExecutionReport);
        if self.mode == Mode::Draining && self.orders.working() == 0 {
            self.change_mode(ModeEvent::AllDone, cause, out);
        }
        if self.mode == Mode::Reconcile
            && !self.orders.iter_working().any(|o| o.status == OrdStatus::Unknown)
        {
            self.change_mode(ModeEvent::Reconciled, cause, out);
        }
    }

    /// What a strategy sees; used by tests and tools.
    #[must_use]
    pub fn context_of(&self, strategy: usize) -> Option<Context<'_>> {
        let slot = self.strategies.get(strategy)?;
        let instrument = self.instruments.get(slot.instrument)?;
        Some(Context { now: self.now, instrument, position: &slot.position })
    }
}

fn table_full() -> Verdict {
    let id = 15;
    Verdict { mask: 1 << id, primary: Some((id, gate::Breach { limit: 0, actual: 1 })) }
}

/// The event a report stands for; `None` where it says nothing new of the order.
fn event_of(report: &ExecutionReport, order: &Order) -> Option<OrderEvent> {
    let filled = order.cum_qty_lots.get().saturating_add(report.last_qty_lots.get());
    Some(match ExecType::from_code(report.exec_type)? {
        ExecType::New => OrderEvent::Acked,
        ExecType::Trade if filled >= order.request.qty_lots.get() => OrderEvent::AllFilled,
        ExecType::Trade => OrderEvent::PartFilled,
        ExecType::Canceled => OrderEvent::Canceled,
        ExecType::Expired => OrderEvent::Expired,
        // The venue refused a second order under this id: the first one lives on.
        ExecType::Rejected if report.reject_reason == RejectReason::DuplicateOrder.code() => {
            return None;
        }
        ExecType::Rejected => OrderEvent::Rejected,
        ExecType::Replaced => OrderEvent::Replaced,
        ExecType::PendingCancel => OrderEvent::CancelPending,
        ExecType::PendingReplace => OrderEvent::ReplacePending,
        ExecType::TradeCancel => OrderEvent::FillBusted,
        ExecType::PendingNew => return None,
        ExecType::OrderStatus => match OrdStatus::from_code(report.ord_status)? {
            OrdStatus::New => OrderEvent::StatusWorking,
            OrdStatus::PartiallyFilled => OrderEvent::StatusPartFilled,
            OrdStatus::Canceled => OrderEvent::Canceled,
            OrdStatus::Expired => OrderEvent::Expired,
            OrdStatus::Rejected => OrderEvent::Rejected,
            // The fill reports tell how; a status alone books nothing.
            OrdStatus::Filled
            | OrdStatus::PendingCancel
            | OrdStatus::PendingNew
            | OrdStatus::PendingReplace
            | OrdStatus::Unknown => return None,
        },
    })
}
