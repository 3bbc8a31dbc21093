//! Amendments: out through the gate, and what the venue makes of them.
//!
//! From sending to the venue's word an order counts as the worse of what it was and what it is to
//! be, at the dearer price, and answers to both ids. When the amendment took effect the order goes
//! on under its new id with what it has filled; refused, it is again what it was. An amendment the
//! venue made by itself is believed and looked into. Must never: let an order the venue may still
//! fill go out of sight.

use super::{Concern, Engine, index_of, strategy_id};
use crate::gate::{Amend, Envelope};
use crate::order::{OrderEvent, is_done, step};
use crate::orders::{Entry, Order, OrderRequest, Replacing};
use crate::sink::{Sink, Stage};
use crate::strategy::OrderUpdate;
use wire::order::{ExecutionReport, OrdStatus, ReplaceOrder};
use wire::reconcile::OrderStatusReport;
use wire::risk::AlarmCode;
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, PriceTicks, QtyLots, TsNs};

/// What an order goes on as.
#[derive(Clone, Copy, Debug)]
struct Onward {
    id: ClOrdId,
    price_ticks: PriceTicks,
    value_px_ticks: i64,
    /// Lots that may still fill.
    rest_lots: i64,
    order_id: u64,
    /// Whether we asked for it.
    is_ours: bool,
}

impl Onward {
    /// As an amendment of ours wants it.
    fn wanted(order: &Order, r: &Replacing) -> Self {
        Self {
            id: r.id,
            price_ticks: r.price_ticks,
            value_px_ticks: r.value_px_ticks,
            rest_lots: r.qty_lots.get().saturating_sub(order.cum_qty_lots.get()).max(0),
            order_id: order.order_id,
            is_ours: true,
        }
    }
}

impl Engine {
    /// Puts an amendment through the gate and sends it: price and whole quantity of a working
    /// order.
    pub(super) fn replace<S: Sink>(
        &mut self,
        strategy: usize,
        id: ClOrdId,
        price: PriceTicks,
        qty: QtyLots,
        out: &mut S,
    ) {
        let Some(order) = self.orders.get(id).copied() else { return };
        if order.request.strategy != strategy_id(strategy) {
            return;
        }
        if self.is_stopped(strategy) {
            self.counters.suppressed += 1;
            return;
        }
        let index = index_of(order.request.instrument);
        let Some(state) = self.instruments.get(index) else { return };
        let asked_in = self.venues.get(state.venue).map_or(0, |v| v.reconcile.id);
        let reserved = order.reserved_lots;
        let value = crate::risk::value_e9(order.value_px_ticks, reserved, state.tick_value_e9);
        let amend = Amend {
            cl_ord_id: order.cl_ord_id,
            status: amendable(&order),
            cum_lots: order.cum_qty_lots.get(),
            leaves_lots: reserved,
            value_e9: value.unwrap_or(i64::MAX),
        };
        let request = OrderRequest { price_ticks: price, qty_lots: qty, ..order.request };
        self.prepare(index, request.side, request.qty_lots);
        let (verdict, approval, value_px) = self.ask(&request, Some(amend), out);
        let Some(approval) = approval else {
            return self.deny(&request, &verdict, out);
        };
        let Some(new_id) = self.orders.hold_id(order.cl_ord_id) else {
            return self.deny(&request, &self.table_full(), out);
        };
        out.mark(Stage::Gated);
        let venue = self.spend(&request);
        let now = self.now;
        self.change(order.cl_ord_id, |o| {
            o.status = step(o.status, OrderEvent::ReplaceSent, o.cum_qty_lots.get() > 0).next;
            o.replacing = Some(Replacing {
                id: new_id,
                price_ticks: price,
                qty_lots: qty,
                value_px_ticks: value_px,
                asked_in,
            });
            o.waiting_ns = now;
            o.reserved_lots = o.may_fill_lots();
        });
        self.seq += 1;
        let to = Envelope { cl_ord_id: new_id, venue, now, seq: self.seq };
        let frame: ReplaceOrder = approval.into_replace(&to, order.cl_ord_id, order.order_id);
        self.counters.replaces += 1;
        out.mark(Stage::Framed);
        self.emit(&frame, out);
        self.await_answer();
    }

    /// The venue replaced an order: it goes on as the report says.
    pub(super) fn replaced<S: Sink>(
        &mut self,
        report: &ExecutionReport,
        order: &Order,
        out: &mut S,
    ) {
        // Fills the venue counts and we have not heard of yet are still to come to us.
        let unheard = report.cum_qty_lots.get().saturating_sub(order.cum_qty_lots.get()).max(0);
        let rest_lots = report.leaves_qty_lots.get().saturating_add(unheard);
        let wanted = order.replacing.filter(|r| r.id == report.cl_ord_id);
        let whole = report.leaves_qty_lots.get().saturating_add(report.cum_qty_lots.get());
        let is_known = report.cl_ord_id == order.went_on_as
            || (report.cl_ord_id == order.cl_ord_id && whole == order.request.qty_lots.get());
        if wanted.is_none() && (is_known || (is_done(order.status) && rest_lots == 0)) {
            self.counters.late_reports += 1;
            return;
        }
        let mut onward = wanted.map_or(
            Onward {
                id: report.cl_ord_id,
                price_ticks: order.request.price_ticks,
                value_px_ticks: order.dearest_px(),
                rest_lots,
                order_id: order.order_id,
                is_ours: false,
            },
            |r| Onward::wanted(order, &r),
        );
        let asked = onward.rest_lots;
        onward.rest_lots = rest_lots;
        if report.order_id != SEQ_UNDEF {
            onward.order_id = report.order_id;
        }
        let moved = step(order.status, OrderEvent::Replaced, order.cum_qty_lots.get() > 0);
        onward.is_ours &= moved.anomaly.is_none() && rest_lots <= asked;
        let is_ours = onward.is_ours;
        self.go_on(order, &onward, out);
        if !is_ours {
            // The venue replaced what we did not ask to replace: look at it.
            let was = order.request.qty_lots.get();
            let concern = Concern::of(AlarmCode::Contradiction, was, rest_lots);
            self.counters.anomalies += 1;
            self.difference(&concern.on_order(order), out);
            self.ask_all_venues(out);
        }
        self.follow_kills(out);
        self.settle_mode(out);
    }

    /// The venue speaks of an order by the id of an amendment on its way: it took effect, its own
    /// word is late or lost. The order as it is then.
    pub(super) fn take_effect<S: Sink>(&mut self, order: &Order, out: &mut S) -> Order {
        let Some(replacing) = order.replacing else { return *order };
        let onward = Onward::wanted(order, &replacing);
        self.go_on(order, &onward, out);
        self.orders.get(replacing.id).copied().unwrap_or(*order)
    }

    /// The order a status answer is about. One that names an amendment on its way says whether that
    /// took effect.
    pub(super) fn order_of_status<S: Sink>(
        &mut self,
        report: &OrderStatusReport,
        out: &mut S,
    ) -> Option<Order> {
        let order = *self.orders.get(report.cl_ord_id)?;
        let is_unknown = OrdStatus::from_code(report.ord_status) == Some(OrdStatus::Unknown);
        if order.cl_ord_id == report.cl_ord_id {
            let Some(replacing) = order.replacing else { return Some(order) };
            if is_unknown {
                // Said of the old id: it may go on under the new one.
                self.ask_status(replacing.id, out);
                return None;
            }
            // Listed under the old id after the amendment was sent: it was refused, or lost.
            let is_over = report.mass_status_id > replacing.asked_in
                && order.cum_qty_lots < order.request.qty_lots;
            if is_over && order.status == OrdStatus::PendingReplace {
                self.refused(&order, replacing.id, report.order_id, out);
            } else if is_over {
                self.drop_amendment(&order);
            }
            return self.orders.get(order.cl_ord_id).copied();
        }
        if !is_unknown {
            return Some(self.take_effect(&order, out));
        }
        // It knows the new id no more than the old: the amendment never arrived. The question about
        // the old id, asked again, now decides.
        self.drop_amendment(&order);
        self.ask_status(order.cl_ord_id, out);
        None
    }

    /// An amendment is on its way no more; the order is what it was.
    fn drop_amendment(&mut self, order: &Order) {
        self.change(order.cl_ord_id, |o| {
            o.replacing = None;
            o.reserved_lots = o.may_fill_lots();
        });
    }

    /// Moves an order to what it goes on as, with what it has filled; where its new id cannot be
    /// taken it goes on under the old one, unknown.
    fn go_on<S: Sink>(&mut self, order: &Order, to: &Onward, out: &mut S) {
        let filled = order.cum_qty_lots.get();
        let whole = QtyLots(filled.saturating_add(to.rest_lots));
        let working = if filled > 0 { OrdStatus::PartiallyFilled } else { OrdStatus::New };
        let status = match (to.rest_lots, to.is_ours) {
            (0, _) if filled > 0 => OrdStatus::Filled,
            (0, _) => OrdStatus::Canceled,
            (_, true) => working,
            (_, false) => OrdStatus::Unknown,
        };
        let request =
            OrderRequest { price_ticks: to.price_ticks, qty_lots: whole, ..order.request };
        let entry = Entry {
            request,
            value_px_ticks: to.value_px_ticks,
            status,
            cum_qty_lots: order.cum_qty_lots,
            order_id: to.order_id,
            sent_ns: self.now,
            reserved_lots: 0,
        };
        // The old id first lets go of the slot it holds; both happen before anything is told.
        let moved = step(order.status, OrderEvent::Replaced, filled > 0);
        let before = self.change(order.cl_ord_id, |o| o.replacing = None);
        let fits = to.id != order.cl_ord_id && self.orders.insert_reserved(to.id, &entry).is_some();
        if !fits {
            let kept = self.change(order.cl_ord_id, |o| {
                (o.request, o.status, o.order_id) = (request, status, to.order_id);
                o.leaves_qty_lots = QtyLots(if is_done(status) { 0 } else { to.rest_lots });
                o.reserved_lots = o.may_fill_lots();
            });
            if let Some(kept) = kept {
                self.tell(&kept, OrderUpdate::Changed(&kept));
                self.follow_end(order, &kept, out);
            }
            return;
        }
        self.change(order.cl_ord_id, |o| {
            o.status = if is_done(o.status) { o.status } else { moved.next };
            (o.leaves_qty_lots, o.reserved_lots) = (QtyLots(0), 0);
            (o.went_on_as, o.waiting_ns) = (to.id, TsNs::UNDEF);
        });
        let wants_cancel = before.is_some_and(|o| o.cancel_wanted);
        let now = self.orders.update(to.id, |o| {
            o.reserved_lots = o.may_fill_lots();
            o.seen_in = order.seen_in;
            *o
        });
        let Some(now) = now else { return };
        self.count_in(to.id);
        let from = order.cl_ord_id;
        self.links.renamed(from, now.cl_ord_id);
        self.tell(&now, OrderUpdate::Replaced { from, order: &now });
        if is_done(now.status) {
            self.tell(&now, OrderUpdate::Changed(&now));
            self.follow_end(order, &now, out);
        } else if wants_cancel {
            // A cancel that was on its way named the old id: it is asked for again.
            self.cancel(now.cl_ord_id, out);
        }
    }

    /// What follows from an amendment that leaves nothing to fill.
    fn follow_end<S: Sink>(&mut self, before: &Order, after: &Order, out: &mut S) {
        self.follow_links(before, after, 0, false, out);
        if is_done(after.status) {
            self.follow_parent(after, out);
        }
    }
}

/// The state the gate is to see: an order that is to be canceled, or is being amended already, is
/// not to be amended.
fn amendable(order: &Order) -> OrdStatus {
    if order.replacing.is_some() {
        OrdStatus::PendingReplace
    } else if order.cancel_wanted {
        OrdStatus::PendingCancel
    } else {
        order.status
    }
}
