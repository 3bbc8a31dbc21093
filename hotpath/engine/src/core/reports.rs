//! Reports back: the venue's word about orders, and the fills, which are facts whatever state an
//! order is in.

use super::{Concern, Engine, Execution, index_of, kind_code};
use crate::mode::ModeEvent;
use crate::order::{Anomaly, OrderEvent, is_done, step};
use crate::orders::{Order, Replacing};
use crate::sink::Sink;
use crate::strategy::{Context, OrderUpdate};
use wire::order::{CancelReject, ExecType, ExecutionReport, OrdStatus, RejectReason, Side};
use wire::risk::AlarmCode;
use wire::station::Mode;
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, FrameKind, QtyLots, TsNs};

impl Engine {
    pub(super) fn on_report<S: Sink>(&mut self, report: &ExecutionReport, out: &mut S) {
        let exec = ExecType::from_code(report.exec_type);
        let is_fill = exec == Some(ExecType::Trade);
        let is_bust = exec == Some(ExecType::TradeCancel);
        if (is_fill || is_bust) && self.seen_execution(report, is_bust) {
            self.counters.late_reports += 1;
            return;
        }
        if is_fill && self.knows_execution(report, true) {
            // Taken back before it came: it never counts.
            self.counters.late_reports += 1;
            return;
        }
        let is_booked = is_bust && self.was_booked(report);
        let Some(order) = self.order_of(report, is_fill || is_bust, out) else {
            self.unattributed(report, is_fill || is_booked, out);
            return;
        };
        let Some(event) = event_of(report, &order) else {
            return;
        };
        let is_open = !is_done(order.status);
        let unheard = report.cum_qty_lots.get() > order.cum_qty_lots.get() && !is_fill;
        match event {
            OrderEvent::Acked if order.status == OrdStatus::PendingNew => {
                self.clear_rejects(&order);
            }
            OrderEvent::FillBusted => return self.bust(report, &order, is_booked, out),
            OrderEvent::Replaced => return self.replaced(report, &order, out),
            OrderEvent::RequestRefused => {
                return self.refused(&order, report.cl_ord_id, report.order_id, out);
            }
            // Only the end and a status are about all that happened before.
            OrderEvent::Canceled
            | OrderEvent::Expired
            | OrderEvent::AllFilled
            | OrderEvent::StatusWorking
            | OrderEvent::StatusPartFilled
                if is_open && unheard =>
            {
                return self.fills_missing(report, &order, out);
            }
            OrderEvent::Acked
            | OrderEvent::PartFilled
            | OrderEvent::AllFilled
            | OrderEvent::Canceled
            | OrderEvent::Expired
            | OrderEvent::Rejected
            | OrderEvent::CancelSent
            | OrderEvent::CancelPending
            | OrderEvent::RequestRefusedUnknown
            | OrderEvent::ReplaceSent
            | OrderEvent::ReplacePending
            | OrderEvent::SessionLost
            | OrderEvent::StatusWorking
            | OrderEvent::StatusPartFilled => {}
        }
        if is_fill {
            if order.status == OrdStatus::Unknown {
                // It may be one the venue's last list had counted already.
                self.doubt_position(report.header.instrument_id);
            }
            self.book_fill(report, usize::from(order.request.strategy.get()), out);
            if let Some(parent) = self.parents.get_mut(order.request.parent_id) {
                parent.cum_lots = parent.cum_lots.saturating_add(report.last_qty_lots.get());
            }
        }
        self.advance_order(&order, event, report.order_id, report.last_qty_lots, is_fill, out);
        // What trips comes last: it cancels what still works.
        if is_fill {
            self.after_fill(report, out);
        }
        if event == OrderEvent::Rejected && is_open {
            self.counters.rejects += 1;
            self.count_reject(usize::from(order.request.strategy.get()), out);
        }
    }

    /// The order a report is about: as it goes on, where the report is of a fill and the order was
    /// amended since. `None` where a fill's side or instrument is not the order's.
    fn order_of<S: Sink>(
        &mut self,
        report: &ExecutionReport,
        is_execution: bool,
        out: &mut S,
    ) -> Option<Order> {
        // An answer to a request carries the request's id in 11 and the order's in 41.
        let named = self.orders.get(report.orig_cl_ord_id);
        let order = *named.or_else(|| self.orders.get(report.cl_ord_id))?;
        let fits = order.request.instrument == report.header.instrument_id
            && order.request.side.code() == report.side;
        if is_execution && !fits {
            return None;
        }
        let is_of_amendment = order.replacing.is_some_and(|r| r.id == report.cl_ord_id);
        let decides = matches!(
            ExecType::from_code(report.exec_type),
            Some(
                ExecType::Replaced
                    | ExecType::Rejected
                    | ExecType::PendingNew
                    | ExecType::PendingReplace
            )
        );
        if is_of_amendment && !decides {
            return Some(self.take_effect(&order, out));
        }
        Some(if is_execution { self.orders.newest(&order) } else { order })
    }

    /// The venue counts fills of an order we never heard of: asked for by name, they come again
    /// with the answer; until then the order is unknown, whatever its state is said to be.
    fn fills_missing<S: Sink>(&mut self, report: &ExecutionReport, order: &Order, out: &mut S) {
        let (ours, theirs) = (order.cum_qty_lots.get(), report.cum_qty_lots.get());
        self.counters.anomalies += 1;
        let concern = Concern::of(AlarmCode::FillMismatch, ours, theirs).on_order(order);
        self.difference(&concern, out);
        let lost = OrderEvent::SessionLost;
        self.advance_order(order, lost, report.order_id, QtyLots(0), false, out);
        self.ask_status(order.cl_ord_id, out);
    }

    pub(super) fn on_cancel_reject<S: Sink>(&mut self, reject: &CancelReject, out: &mut S) {
        let Some(order) = self.orders.get(reject.orig_cl_ord_id).copied() else {
            self.counters.anomalies += 1;
            return;
        };
        let venue_done = OrdStatus::from_code(reject.ord_status).is_some_and(is_done);
        let is_whole = order.cum_qty_lots >= order.request.qty_lots;
        if reject.reject_reason == RejectReason::UnknownOrder.code() {
            let event = OrderEvent::RequestRefusedUnknown;
            self.advance_order(&order, event, reject.order_id, QtyLots(0), false, out);
            if !is_done(order.status) {
                self.ask_status(order.cl_ord_id, out);
            }
        } else if venue_done && !is_done(order.status) && !is_whole {
            // Too late: the report that ended the order is on its way and will tell how.
            self.counters.late_reports += 1;
        } else {
            self.refused(&order, reject.cl_ord_id, reject.order_id, out);
        }
    }

    /// The venue refused a cancel or an amendment: what was refused is no longer on its way, the
    /// other may still be.
    pub(super) fn refused<S: Sink>(
        &mut self,
        order: &Order,
        request: ClOrdId,
        order_id: u64,
        out: &mut S,
    ) {
        let is_open = !is_done(order.status);
        // A request of ours that is not the amendment is a cancel, this one or an earlier.
        let is_cancel = self.orders.was_given(request);
        let is_of = |r: &Replacing| r.id == request || !(is_cancel || order.cancel_sent);
        let amendment = order.replacing.filter(is_of);
        let before = self.change(order.cl_ord_id, |o| {
            if amendment.is_some() {
                o.replacing = None;
            } else {
                (o.cancel_wanted, o.cancel_sent) = (false, false);
            }
            o.reserved_lots = o.may_fill_lots();
        });
        let Some(before) = before else { return };
        let is_whole = before.cum_qty_lots >= before.request.qty_lots;
        let event = if is_open && before.replacing.is_none() && is_whole {
            // All of it had filled while the amendment was on its way.
            OrderEvent::AllFilled
        } else if amendment.is_some() && before.status == OrdStatus::PendingCancel {
            // The cancel is still on its way.
            OrderEvent::CancelPending
        } else {
            OrderEvent::RequestRefused
        };
        self.advance_order(&before, event, order_id, QtyLots(0), false, out);
    }

    /// Moves one order, keeps the reservation equal to what it may still fill at worst, tells the
    /// strategy.
    pub(super) fn advance_order<S: Sink>(
        &mut self,
        before: &Order,
        event: OrderEvent,
        order_id: u64,
        fill: QtyLots,
        is_fill: bool,
        out: &mut S,
    ) {
        if let Some(replacing) = before.replacing.filter(|_| event == OrderEvent::Rejected) {
            // "No such order", said of the old id: it may go on under the new one.
            self.ask_status(replacing.id, out);
            return;
        }
        let moved = step(before.status, event, before.cum_qty_lots.get() > 0);
        let after = self.change(before.cl_ord_id, |o| {
            if is_fill {
                o.cum_qty_lots = QtyLots(o.cum_qty_lots.get().saturating_add(fill.get()));
            }
            o.status = moved.next;
            if event == OrderEvent::RequestRefused && o.replacing.is_some() && !is_done(o.status) {
                // The cancel was refused; the amendment is still on its way.
                o.status = step(o.status, OrderEvent::ReplaceSent, false).next;
            }
            let rest = o.request.qty_lots.get().saturating_sub(o.cum_qty_lots.get()).max(0);
            o.leaves_qty_lots = QtyLots(if is_done(o.status) { 0 } else { rest });
            o.reserved_lots = o.may_fill_lots();
            if order_id != SEQ_UNDEF {
                o.order_id = order_id;
            }
            if is_answer(o, event) {
                o.waiting_ns = TsNs::UNDEF;
            }
        });
        let Some(after) = after else { return };
        if is_fill && after.cum_qty_lots > after.request.qty_lots {
            let (limit, actual) = (after.request.qty_lots.get(), after.cum_qty_lots.get());
            let concern = Concern::of(AlarmCode::Overfill, limit, actual).on_order(&after);
            self.difference(&concern, out);
        }
        self.note_anomaly(moved.anomaly, before, &after, out);
        self.tell(&after, OrderUpdate::Changed(&after));
        self.follow_links(before, &after, fill.get(), is_fill, out);
        if is_done(after.status) {
            self.follow_parent(&after, out);
        }
        self.follow_kills(out);
        self.settle_mode(out);
    }

    /// Counts what was odd about a step; a contradiction or a fill after the end is also said.
    fn note_anomaly<S: Sink>(
        &mut self,
        anomaly: Option<Anomaly>,
        before: &Order,
        after: &Order,
        out: &mut S,
    ) {
        let code = match anomaly {
            None => return,
            Some(Anomaly::Late | Anomaly::NotAllowed) => {
                self.counters.late_reports += 1;
                return;
            }
            Some(Anomaly::FillAfterDone) => AlarmCode::FillAfterDone,
            Some(Anomaly::Contradiction) => AlarmCode::Contradiction,
        };
        self.counters.anomalies += 1;
        let (was, is) = (before.status.code(), after.status.code());
        let concern = Concern::of(code, i64::from(was), i64::from(is)).on_order(after);
        self.difference(&concern, out);
    }

    /// A fill was taken back: the position goes back with it, no more than the order has filled;
    /// the order is asked after. One that was never booked has nothing to give back, and will not
    /// count when it comes.
    fn bust<S: Sink>(
        &mut self,
        report: &ExecutionReport,
        order: &Order,
        is_booked: bool,
        out: &mut S,
    ) {
        let qty = report.last_qty_lots.get().min(order.cum_qty_lots.get());
        let qty = if is_booked { qty } else { 0 };
        self.counters.anomalies += 1;
        let concern = Concern::of(AlarmCode::FillBusted, order.cum_qty_lots.get(), qty);
        self.difference(&concern.on_order(order), out);
        if qty == 0 {
            if !is_booked && !is_done(order.status) {
                self.ask_status(order.cl_ord_id, out);
            }
            return;
        }
        let undo = ExecutionReport { last_qty_lots: QtyLots(qty), ..reversed(report) };
        self.book_fill(&undo, usize::from(order.request.strategy.get()), out);
        if let Some(parent) = self.parents.get_mut(order.request.parent_id) {
            parent.cum_lots = parent.cum_lots.saturating_sub(qty).max(0);
        }
        let moved = step(order.status, OrderEvent::FillBusted, order.cum_qty_lots.get() > 0);
        let after = self.change(order.cl_ord_id, |o| {
            o.cum_qty_lots = QtyLots(o.cum_qty_lots.get() - qty);
            o.status = moved.next;
            let rest = o.request.qty_lots.get().saturating_sub(o.cum_qty_lots.get()).max(0);
            o.leaves_qty_lots = QtyLots(if is_done(o.status) { 0 } else { rest });
            o.reserved_lots = o.may_fill_lots();
        });
        if let Some(after) = after {
            self.tell(&after, OrderUpdate::Changed(&after));
            if !is_done(after.status) {
                self.ask_status(after.cl_ord_id, out);
            }
        }
        self.mark(index_of(report.header.instrument_id), out);
    }

    /// Something does not fit the venue's view: an alarm, and no new exposure.
    pub(super) fn difference<S: Sink>(&mut self, concern: &Concern, out: &mut S) {
        self.alarm(concern, out);
        self.change_mode(ModeEvent::Anomaly, kind_code(FrameKind::Alarm), out);
    }

    /// A report that names no order of ours: a fill is a fact and is booked on the instrument, and so
    /// is the taking back of one that was.
    fn unattributed<S: Sink>(&mut self, report: &ExecutionReport, counts: bool, out: &mut S) {
        if !counts {
            self.counters.late_reports += 1;
            return;
        }
        let is_fill = report.exec_type == ExecType::Trade.code();
        let booked = if is_fill { *report } else { reversed(report) };
        self.book_fill(&booked, usize::MAX, out);
        self.after_fill(&booked, out);
        self.counters.anomalies += 1;
        let code = if is_fill { AlarmCode::UnattributedFill } else { AlarmCode::FillBusted };
        let mut concern = Concern::of(code, 0, report.last_qty_lots.get());
        concern.instrument = report.header.instrument_id;
        concern.order = report.cl_ord_id;
        self.difference(&concern, out);
        if is_fill {
            self.follow_external(report);
        }
    }

    fn book_fill<S: Sink>(&mut self, report: &ExecutionReport, strategy: usize, out: &mut S) {
        let Some(side) = Side::from_code(report.side) else {
            return;
        };
        let (price, qty, fee) = (report.last_px_ticks, report.last_qty_lots, report.fee_e9);
        let index = index_of(report.header.instrument_id);
        let now = self.now;
        let Some(state) = self.instruments.get_mut(index) else {
            self.counters.anomalies += 1;
            return;
        };
        let booked = state.position.fill(side, price, qty, fee);
        // What was taken back is no execution: it counts towards no rate and no turnover.
        let is_fill = report.exec_type == ExecType::Trade.code();
        let mut base = 0;
        if is_fill {
            self.counters.fills += 1;
            let window = state.risk.limits.fill_window_ns;
            state.risk.fills.add(now, window, qty.get());
            let value = crate::risk::value_e9(price.get(), qty.get(), state.tick_value_e9);
            base = state.risk.fx.convert(value.unwrap_or(i64::MAX));
            self.firm.turnover_e9 = self.firm.turnover_e9.saturating_add(base);
        }
        let mut ended = false;
        let of_strategy = match self.strategies.get_mut(strategy) {
            Some(slot) => {
                let count = i64::from(is_fill);
                slot.risk.fills = slot.risk.fills.saturating_add(count);
                slot.risk.executions = slot.risk.executions.saturating_add(count);
                slot.risk.turnover_e9 = slot.risk.turnover_e9.saturating_add(base);
                let was = slot.position.lots().get();
                let filled = slot.position.fill(side, price, qty, fee);
                slot.risk.position_lots = slot.position.lots().get();
                // Flat, or through it to the other side: a round trip is over.
                ended = is_fill && was != 0 && was.signum() != slot.risk.position_lots.signum();
                filled
            }
            None => Ok(()),
        };
        if booked.is_err() || of_strategy.is_err() {
            // A position that cannot be accounted for: nothing more may be added to it.
            self.counters.anomalies += 1;
            self.alarm(&Concern::of(AlarmCode::Overflow, 0, qty.get()), out);
            self.trip_firm(out);
        }
        self.refresh(index);
        if ended {
            self.after_round_trip(index, strategy);
        }
    }

    /// What a booked fill may trip.
    fn after_fill<S: Sink>(&mut self, report: &ExecutionReport, out: &mut S) {
        let index = index_of(report.header.instrument_id);
        self.mark(index, out);
        self.check_fill_rate(index, report.last_qty_lots.get(), out);
    }

    /// Whether a fill, or the taking back of one, came already; remembers it if not.
    fn seen_execution(&mut self, report: &ExecutionReport, is_bust: bool) -> bool {
        if self.knows_execution(report, is_bust) {
            return true;
        }
        let slot = self.executions_next % self.executions.len();
        self.executions[slot] = execution_of(report, is_bust);
        self.executions_next += 1;
        false
    }

    /// Whether a fill, or the taking back of one, is among those remembered.
    fn knows_execution(&self, report: &ExecutionReport, is_bust: bool) -> bool {
        self.executions.contains(&execution_of(report, is_bust))
    }

    /// Whether the fill that a report takes back was booked: it is remembered, or may be older than
    /// what is.
    fn was_booked(&self, report: &ExecutionReport) -> bool {
        self.executions_next > self.executions.len() || self.knows_execution(report, false)
    }

    fn clear_rejects(&mut self, order: &Order) {
        if let Some(slot) = self.strategies.get_mut(usize::from(order.request.strategy.get())) {
            slot.risk.rejects = 0;
        }
    }

    /// Leaves DRAINING when the orders allow it.
    pub(super) fn settle_mode<S: Sink>(&mut self, out: &mut S) {
        if self.firm.mode == Mode::Draining && self.orders.working() == 0 {
            let cause = kind_code(FrameKind::ExecutionReport);
            self.change_mode(ModeEvent::AllDone, cause, out);
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

/// A fill, or the taking back of one, as it is remembered: both carry the fill's number.
fn execution_of(report: &ExecutionReport, is_bust: bool) -> Execution {
    Execution { instrument: report.header.instrument_id.get(), is_bust, id: report.exec_id }
}

/// What takes a fill back from a position: the other side of it, its fee returned.
fn reversed(report: &ExecutionReport) -> ExecutionReport {
    let side = if report.side == Side::Buy.code() { Side::Sell } else { Side::Buy };
    let fee_e9 = wire::MoneyE9(report.fee_e9.get().saturating_neg());
    ExecutionReport { side: side.code(), fee_e9, ..*report }
}

/// Whether an event answers what the venue owed us about an order.
fn is_answer(order: &Order, event: OrderEvent) -> bool {
    if is_done(order.status) || event == OrderEvent::RequestRefused {
        return true;
    }
    // A pending cancel or amendment is answered by its own word only.
    let request_open = (order.cancel_sent || order.replacing.is_some())
        && order.status != OrdStatus::New
        && order.status != OrdStatus::PartiallyFilled;
    order.status != OrdStatus::Unknown && !request_open
}

/// The event a report stands for; `None` where it says nothing new of the order.
fn event_of(report: &ExecutionReport, order: &Order) -> Option<OrderEvent> {
    let filled = order.cum_qty_lots.get().saturating_add(report.last_qty_lots.get());
    // An amendment to more that is on its way may leave more to fill than was ordered.
    let amended = order.replacing.map_or(QtyLots(0), |r| r.qty_lots);
    let whole = order.request.qty_lots.max(amended).get();
    Some(match ExecType::from_code(report.exec_type)? {
        ExecType::New => OrderEvent::Acked,
        ExecType::Trade if filled >= whole => OrderEvent::AllFilled,
        ExecType::Trade => OrderEvent::PartFilled,
        ExecType::Canceled => OrderEvent::Canceled,
        ExecType::Expired => OrderEvent::Expired,
        // A reject under another id than the order's is of a request about it.
        ExecType::Rejected if report.cl_ord_id != order.cl_ord_id => OrderEvent::RequestRefused,
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
        ExecType::OrderStatus => {
            let event = status_event(OrdStatus::from_code(report.ord_status)?)?;
            // That a done order is done is no news.
            return (event != OrderEvent::AllFilled || !is_done(order.status)).then_some(event);
        }
    })
}

/// The event a status stands for; `None` where it says nothing by itself.
pub(super) fn status_event(status: OrdStatus) -> Option<OrderEvent> {
    Some(match status {
        OrdStatus::New => OrderEvent::StatusWorking,
        OrdStatus::PartiallyFilled => OrderEvent::StatusPartFilled,
        // Books nothing: a status that counts fills we have not booked never comes this far.
        OrdStatus::Filled => OrderEvent::AllFilled,
        OrdStatus::Canceled => OrderEvent::Canceled,
        OrdStatus::Expired => OrderEvent::Expired,
        OrdStatus::Rejected => OrderEvent::Rejected,
        OrdStatus::PendingCancel
        | OrdStatus::PendingNew
        | OrdStatus::PendingReplace
        | OrdStatus::Unknown => return None,
    })
}
