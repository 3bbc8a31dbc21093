//! The session with a venue, and the comparison of its view with ours: at start, at reconnect, and
//! every so often.
//!
//! Reports and answers come over one first-in first-out link, so when a mass status is complete our
//! state is as of the venue's answer, but for what was sent after the question. A difference makes
//! the order unknown, raises an alarm and forbids new exposure; an order that is not ours is shown,
//! counted as unknown, and may be adopted. Must never: drop an order because a venue does not list
//! it; it is asked about by name, and only the answer ends it.

use super::externals::is_open;
use super::reports::status_event;
use super::{Concern, Engine, index_of, kind_code};
use crate::hash::StateHasher;
use crate::mode::ModeEvent;
use crate::order::{OrderEvent, is_done};
use crate::orders::{Order, OrderRequest};
use crate::risk::VenueRisk;
use crate::sink::Sink;
use crate::state::{StateError, StateReader};
use crate::timers::EngineTimer;
use wire::order::OrdStatus;
use wire::reconcile::{
    MassStatusEnd, MassStatusRequest, OrderStatusReport, OrderStatusRequest, SessionState,
    VenueSession,
};
use wire::risk::AlarmCode;
use wire::station::Mode;
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, FrameKind, QtyLots, TsNs, VenueId};

/// Engine time after which a comparison that was not clean is repeated, nanoseconds.
const RETRY_NS: u64 = 1_000_000_000;

/// A venue, and how far the comparison with it is.
#[derive(Debug)]
pub(super) struct Venue {
    pub(super) risk: VenueRisk,
    pub(super) reconcile: Reconcile,
}

/// A comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reconcile {
    /// Number of the last question; 0 before the first.
    pub(super) id: u32,
    /// Whether its answer is complete.
    pub(super) is_open: bool,
    /// Engine time of the question.
    asked_ns: u64,
    /// Order reports that came for it.
    orders: u32,
    /// Position reports that came for it.
    pub(super) positions: u32,
    /// Differences found in it.
    differences: u32,
    /// Whether the session's first comparison is over: from then on a position must be explained.
    pub(super) is_taken: bool,
    /// Whether a position was reported for which there is no price yet.
    pub(super) is_unpriced: bool,
}

impl Venue {
    pub(super) fn hash_into(&self, h: &mut StateHasher) {
        self.risk.hash_into(h);
        let r = &self.reconcile;
        for n in [r.id, r.orders, r.positions, r.differences] {
            h.u64(u64::from(n));
        }
        h.bool(r.is_open);
        h.u64(r.asked_ns);
        h.bool(r.is_taken);
        h.bool(r.is_unpriced);
    }

    pub(super) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.risk.load_from(from)?;
        self.reconcile = Reconcile {
            id: from.fit()?,
            orders: from.fit()?,
            positions: from.fit()?,
            differences: from.fit()?,
            is_open: from.bool()?,
            asked_ns: from.u64()?,
            is_taken: from.bool()?,
            is_unpriced: from.bool()?,
        };
        Ok(())
    }
}

impl Engine {
    pub(super) fn venue_of(&self, id: VenueId) -> Option<usize> {
        self.venues.iter().position(|v| v.risk.id == id)
    }

    fn venue_of_order(&self, order: &OrderRequest) -> Option<usize> {
        self.instruments.get(index_of(order.instrument)).map(|state| state.venue)
    }

    pub(super) fn on_session<S: Sink>(&mut self, session: &VenueSession, out: &mut S) {
        let Some(index) = self.venue_of(session.header.venue_id) else {
            self.counters.ignored += 1;
            return;
        };
        let is_up = session.state == SessionState::Up.code();
        let was_up = self.venues[index].risk.session_up;
        self.venues[index].risk.session_up = is_up;
        // What was asked over an earlier session is not answered any more.
        self.venues[index].reconcile.is_open = false;
        if is_up {
            self.ask_venue(index, out);
            return;
        }
        self.venues[index].risk.reconciled = false;
        self.await_status();
        if !was_up {
            return;
        }
        let mut lost = 0_i64;
        for slot in 0..self.orders.capacity() {
            let order = self.orders.at(slot).filter(|o| !is_done(o.status)).copied();
            let Some(order) = order.filter(|o| self.venue_of_order(&o.request) == Some(index))
            else {
                continue;
            };
            lost += 1;
            self.lose(&order, out);
        }
        let venue = self.venues[index].risk.id;
        let concern = Concern { venue, ..Concern::of(AlarmCode::SessionLost, 0, lost) };
        self.difference(&concern, out);
    }

    /// An order whose fate we cannot know any more.
    fn lose<S: Sink>(&mut self, order: &Order, out: &mut S) {
        let lost = OrderEvent::SessionLost;
        self.advance_order(order, lost, SEQ_UNDEF, QtyLots(0), false, out);
        self.change(order.cl_ord_id, |o| o.waiting_ns = TsNs::UNDEF);
    }

    /// Asks every venue for everything open.
    pub(super) fn ask_all_venues<S: Sink>(&mut self, out: &mut S) {
        for index in 0..self.venues.len() {
            self.ask_venue(index, out);
        }
    }

    /// Nothing counts as compared any more: every venue is asked anew.
    pub(super) fn compare_afresh<S: Sink>(&mut self, out: &mut S) {
        for venue in &mut self.venues {
            venue.risk.reconciled = false;
            venue.reconcile.is_open = false;
        }
        self.ask_all_venues(out);
        self.await_status();
    }

    /// It is time for a comparison: with every venue that is not being asked already. Orders that
    /// are unknown and could not be asked about yet come first.
    pub(super) fn compare_again<S: Sink>(&mut self, out: &mut S) {
        for index in 0..self.venues.len() {
            if !self.venues[index].reconcile.is_open {
                self.ask_unknown(index, out);
                self.ask_venue(index, out);
            }
        }
    }

    fn ask_unknown<S: Sink>(&mut self, index: usize, out: &mut S) {
        for slot in 0..self.orders.capacity() {
            let unasked = |o: &&Order| o.status == OrdStatus::Unknown && !o.is_waiting();
            let Some(order) = self.orders.at(slot).filter(unasked).copied() else { continue };
            if self.venue_of_order(&order.request) == Some(index) {
                self.ask_status(order.cl_ord_id, out);
            }
        }
    }

    /// Whether a question fits into a venue's message budget; where not, the comparison comes
    /// when it does.
    fn may_ask(&mut self, index: usize) -> bool {
        let venue = &self.venues[index].risk;
        if venue.session_up && !venue.messages.fits(self.now) {
            let ready = venue.messages.ready_at();
            self.timers.pull_engine(EngineTimer::Reconcile, ready);
            return false;
        }
        venue.session_up
    }

    fn ask_venue<S: Sink>(&mut self, index: usize, out: &mut S) {
        if !self.may_ask(index) {
            return;
        }
        let now = self.now;
        let venue = &mut self.venues[index];
        venue.risk.messages.take(now);
        let r = &mut venue.reconcile;
        *r = Reconcile {
            id: r.id.saturating_add(1),
            is_open: true,
            asked_ns: now.get(),
            is_taken: r.is_taken,
            ..Reconcile::default()
        };
        let (id, venue_id) = (r.id, venue.risk.id);
        let mut header = self.next_header::<MassStatusRequest>();
        header.venue_id = venue_id;
        let frame = MassStatusRequest { header, mass_status_id: id, reserved: [0; 4] };
        self.emit(&frame, out);
        self.await_status();
    }

    /// Sets the timer to the first moment at which a venue's answer is overdue.
    fn await_status(&mut self) {
        let patience = self.patience.status_ns;
        let open = self.venues.iter().filter(|v| v.reconcile.is_open);
        let due = open.map(|v| TsNs(v.reconcile.asked_ns).saturating_add(patience)).min();
        self.timers.set_engine(EngineTimer::Status, due.unwrap_or(TsNs::UNDEF));
    }

    /// Asks for one order, as far as the venue's message budget reaches.
    pub(super) fn ask_status<S: Sink>(&mut self, id: ClOrdId, out: &mut S) {
        let Some(order) = self.orders.get(id).copied() else { return };
        let Some(index) = self.venue_of_order(&order.request) else { return };
        if !self.may_ask(index) {
            return;
        }
        let now = self.now;
        self.venues[index].risk.messages.take(now);
        self.change(id, |o| o.waiting_ns = now);
        let venue_id = self.venues[index].risk.id;
        let mut header = self.next_header::<OrderStatusRequest>();
        header.instrument_id = order.request.instrument;
        header.strategy_id = order.request.strategy;
        header.venue_id = venue_id;
        let frame = OrderStatusRequest { header, cl_ord_id: id, order_id: order.order_id };
        self.emit(&frame, out);
        self.await_answer();
    }

    /// A mass status that was not answered: said, and asked again.
    pub(super) fn status_overdue<S: Sink>(&mut self, out: &mut S) {
        for index in 0..self.venues.len() {
            let r = self.venues[index].reconcile;
            let waited = self.now.get().saturating_sub(r.asked_ns);
            if !r.is_open || waited < self.patience.status_ns {
                continue;
            }
            self.venues[index].reconcile.is_open = false;
            self.not_answered(index, number(self.patience.status_ns), number(waited), out);
            self.ask_venue(index, out);
        }
        self.await_status();
    }

    /// A venue's answer did not come, or not whole.
    fn not_answered<S: Sink>(&mut self, index: usize, limit: i64, actual: i64, out: &mut S) {
        self.venues[index].risk.reconciled = false;
        let venue = self.venues[index].risk.id;
        let concern = Concern::of(AlarmCode::ReconcileTimeout, limit, actual);
        self.difference(&Concern { venue, ..concern }, out);
    }

    pub(super) fn on_order_status<S: Sink>(&mut self, report: &OrderStatusReport, out: &mut S) {
        let listed = report.mass_status_id;
        let instrument = index_of(report.header.instrument_id);
        let index = self
            .venue_of(report.header.venue_id)
            .or_else(|| self.instruments.get(instrument).map(|state| state.venue));
        let Some(index) = index else {
            self.counters.ignored += 1;
            return;
        };
        let status = OrdStatus::from_code(report.ord_status).unwrap_or(OrdStatus::Unknown);
        if listed != 0 {
            let r = &mut self.venues[index].reconcile;
            if r.id != listed || !r.is_open {
                self.counters.late_reports += 1;
                return;
            }
            r.orders = r.orders.saturating_add(1);
            // A list is of what is open: an order it calls done counts as not listed.
            if !is_open(status) {
                return;
            }
        }
        let order = self.order_of_status(report, out);
        match order.filter(|o| self.venue_of_order(&o.request) == Some(index)) {
            Some(order) => self.compare_order(index, &order, status, report, out),
            None if listed != 0 => self.see_external(index, report, out),
            None => self.counters.late_reports += 1,
        }
    }

    /// The venue's word about an order of ours against our own.
    fn compare_order<S: Sink>(
        &mut self,
        index: usize,
        order: &Order,
        status: OrdStatus,
        report: &OrderStatusReport,
        out: &mut S,
    ) {
        let (listed, id) = (report.mass_status_id, order.cl_ord_id);
        self.change(id, |o| o.seen_in = o.seen_in.max(listed));
        let (ours, theirs) = (order.cum_qty_lots.get(), report.cum_qty_lots.get());
        if ours != theirs {
            // Fills we never heard of: asked for by name, they come again with the answer.
            let concern = Concern::of(AlarmCode::FillMismatch, ours, theirs).on_order(order);
            self.found_difference(Some(index), &concern, out);
            // Every fill it knows came with the answer: it denies one of ours, and says that the
            // order is over. What it denies shows in the position.
            let is_over = ours > theirs && is_done(status) && !is_done(order.status);
            if listed != 0 {
                self.ask_status(id, out);
            } else if let Some(event) = status_event(status).filter(|_| is_over) {
                self.advance_order(order, event, report.order_id, QtyLots(0), false, out);
            } else {
                self.lose(order, out);
            }
            return;
        }
        let event = if status == OrdStatus::Unknown {
            // Asked by name over this session, the venue knows no such order: without a fill it never
            // arrived, and cannot any more; with fills on both sides it was there and is over.
            Some(if ours == 0 { OrderEvent::Rejected } else { OrderEvent::Canceled })
        } else {
            status_event(status)
        };
        let works = |e| matches!(e, OrderEvent::StatusWorking | OrderEvent::StatusPartFilled);
        // A list is no news of an order that works as we hold it to, and the end of an order is
        // none of one that is done; one that works though we hold it for done is.
        let is_news = match event {
            Some(event) if is_done(order.status) => works(event),
            Some(_) => listed == 0 || order.status == OrdStatus::Unknown,
            None => false,
        };
        let Some(event) = event.filter(|_| is_news) else { return };
        let in_flight = matches!(order.status, OrdStatus::PendingNew | OrdStatus::Unknown);
        let event = if event == OrderEvent::Rejected && !in_flight {
            OrderEvent::RequestRefusedUnknown
        } else {
            event
        };
        self.advance_order(order, event, report.order_id, QtyLots(0), false, out);
        if is_done(order.status) {
            // Back from its end: what was sent for it then is over.
            self.change(id, |o| (o.cancel_wanted, o.cancel_sent) = (false, false));
            let r = &mut self.venues[index].reconcile;
            r.differences = r.differences.saturating_add(1);
            self.ask_status(id, out);
        }
        self.resume_cancel(id, out);
    }

    /// A cancel that was wanted while the order was unknown is asked for again once it works; an
    /// order under a latch is canceled whoever brought it back.
    fn resume_cancel<S: Sink>(&mut self, id: ClOrdId, out: &mut S) {
        let Some(order) = self.orders.get(id).copied() else { return };
        let works = matches!(order.status, OrdStatus::New | OrdStatus::PartiallyFilled);
        if order.cancel_wanted && works {
            self.change(id, |o| (o.cancel_wanted, o.cancel_sent) = (false, false));
            self.cancel(id, out);
        } else if !order.cancel_wanted && self.is_killed(&order.request) {
            self.cancel(id, out);
        }
    }

    pub(super) fn found_difference<S: Sink>(
        &mut self,
        venue: Option<usize>,
        concern: &Concern,
        out: &mut S,
    ) {
        if let Some(venue) = venue.and_then(|i| self.venues.get_mut(i)) {
            venue.reconcile.differences = venue.reconcile.differences.saturating_add(1);
        }
        self.difference(concern, out);
    }

    pub(super) fn on_mass_status_end<S: Sink>(&mut self, end: &MassStatusEnd, out: &mut S) {
        let Some(index) = self.venue_of(end.header.venue_id) else {
            self.counters.ignored += 1;
            return;
        };
        let r = self.venues[index].reconcile;
        if r.id != end.mass_status_id || !r.is_open {
            self.counters.late_reports += 1;
            return;
        }
        self.venues[index].reconcile.is_open = false;
        self.await_status();
        let is_whole = r.orders == end.orders && r.positions == end.positions;
        if is_whole {
            self.missing_orders(index, &r, out);
            self.drop_gone_externals(index, r.id);
        } else {
            let told = u64::from(end.orders) + u64::from(end.positions);
            let came = u64::from(r.orders) + u64::from(r.positions);
            self.not_answered(index, number(told), number(came), out);
        }
        self.venues[index].reconcile.is_taken |= is_whole && !r.is_unpriced;
        let unknown = self.orders.iter_working().any(|o| {
            o.status == OrdStatus::Unknown && self.venue_of_order(&o.request) == Some(index)
        });
        let is_clean = is_whole
            && self.venues[index].reconcile.differences == 0
            && !unknown
            && !self.has_externals(index);
        self.venues[index].risk.reconciled = is_clean;
        if is_clean {
            self.counters.reconciled += 1;
            self.firm.checked_ns = self.now.get();
        }
        let wait = if is_clean { self.patience.reconcile_ns } else { RETRY_NS };
        if wait > 0 {
            self.timers.pull_engine(EngineTimer::Reconcile, self.now.saturating_add(wait));
        }
        if matches!(self.firm.mode, Mode::Draining | Mode::Halted) {
            // What a venue refused to cancel is canceled again.
            self.cancel_where(|_| true, out);
        }
        self.follow_kills(out);
        self.settle_mode(out);
        let all_clean = self.venues.iter().all(|v| v.risk.reconciled);
        if self.firm.mode == Mode::Reconcile && all_clean {
            self.change_mode(ModeEvent::Reconciled, kind_code(FrameKind::MassStatusEnd), out);
        }
    }

    /// Orders we hold for working, sent before the question, that the venue did not list.
    fn missing_orders<S: Sink>(&mut self, index: usize, r: &Reconcile, out: &mut S) {
        for slot in 0..self.orders.capacity() {
            let missing =
                |o: &&Order| !is_done(o.status) && o.sent_ns.get() < r.asked_ns && o.seen_in < r.id;
            let Some(order) = self.orders.at(slot).filter(missing).copied() else { continue };
            if self.venue_of_order(&order.request) != Some(index) {
                continue;
            }
            if order.status != OrdStatus::Unknown {
                let leaves = order.leaves_qty_lots.get();
                let concern = Concern::of(AlarmCode::MissingAtVenue, leaves, 0).on_order(&order);
                self.found_difference(Some(index), &concern, out);
                self.lose(&order, out);
            }
            self.ask_status(order.cl_ord_id, out);
        }
    }
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
