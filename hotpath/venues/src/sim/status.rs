//! Answers about the venue's own state, orders that came from elsewhere, and what tests may read.
//!
//! Owns: mass status and order status. Must never: answer with anything but what is true at the
//! moment of the answer. Runs wherever the simulated venue runs; may allocate.

use super::order::Order;
use super::outbox::Message;
use super::{Ledger, SimVenue};
use wire::order::{NewOrder, OrdStatus, OrdType, RejectReason, Side, TimeInForce};
use wire::reconcile::{
    MassStatusEnd, MassStatusRequest, OrderStatusReport, OrderStatusRequest, PositionReport,
};
use wire::{ClOrdId, FrameHeader, InstrumentId, PriceTicks, QtyLots, TsNs, VenueId};

/// An order as the venue sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// The venue's order id.
    pub order_id: u64,
    /// The id it has now; undefined for an external order without one.
    pub cl_ord_id: ClOrdId,
    /// Instrument.
    pub instrument_id: InstrumentId,
    /// Side.
    pub side: Side,
    /// Type.
    pub ord_type: OrdType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Limit; undefined where it has none.
    pub price_ticks: PriceTicks,
    /// Trigger; undefined where it has none.
    pub stop_px_ticks: PriceTicks,
    /// Quantity.
    pub qty_lots: QtyLots,
    /// Filled so far, less what was taken back.
    pub cum_qty_lots: QtyLots,
    /// Still working.
    pub leaves_qty_lots: QtyLots,
    /// State.
    pub status: OrdStatus,
    /// Whether it is a stop that has not acted yet.
    pub is_waiting: bool,
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.order_id,
            cl_ord_id: order.cl_ord_id,
            instrument_id: order.owner.instrument_id,
            side: order.kind.side,
            ord_type: order.kind.ord_type,
            time_in_force: order.kind.tif,
            price_ticks: order.price_ticks,
            stop_px_ticks: order.stop_px_ticks,
            qty_lots: order.qty_lots,
            cum_qty_lots: order.cum_qty_lots,
            leaves_qty_lots: order.leaves(),
            status: order.status(),
            is_waiting: order.is_waiting(),
        }
    }
}

impl SimVenue {
    /// Places an order that did not come over the session, at the venue's present: another desk's,
    /// or one of a session before. It has no latency and spends no throttle, may have no client
    /// order id, and is not canceled when the session is lost. `is_reported` says whether the
    /// client hears of it without asking. Returns the venue's order id.
    ///
    /// # Errors
    /// Why the venue refuses it; then it leaves no trace.
    pub fn place_external(
        &mut self,
        request: &NewOrder,
        is_reported: bool,
    ) -> Result<u64, RejectReason> {
        let at = self.clock;
        let ticket = self.check_new(request, true, at)?;
        let index = self.enter(request, ticket);
        self.orders[index].is_external = true;
        self.orders[index].is_silent = !is_reported;
        self.begin(index, at);
        self.after_event(at);
        Ok(self.orders[index].order_id)
    }

    /// What is true at the venue: positions, money, and the fills it remembers.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Orders in the book and stops that wait.
    #[must_use]
    pub fn open_orders(&self) -> usize {
        self.markets.iter().map(|market| market.open().count()).sum()
    }

    /// Every order the venue accepted and remembers ([`super::REMEMBERED`]), in order of arrival.
    pub fn orders(&self) -> impl Iterator<Item = OrderView> + '_ {
        self.orders.iter().map(OrderView::from)
    }

    /// The order behind an id it has or had.
    #[must_use]
    pub fn order(&self, cl_ord_id: ClOrdId) -> Option<OrderView> {
        let index = self.find(cl_ord_id, wire::units::SEQ_UNDEF).ok()?;
        self.orders.get(index).map(OrderView::from)
    }

    pub(super) fn on_mass_status(&mut self, request: &MassStatusRequest, at: TsNs) {
        let venue_id = request.header.venue_id;
        let id = request.mass_status_id;
        let is_asked = |of: VenueId| venue_id == VenueId::UNDEF || of == venue_id;
        let mut orders = 0;
        for index in self.open_indices() {
            if is_asked(self.orders[index].owner.venue_id) {
                let report = status_report(&self.orders[index], id, at);
                self.outbox.send(at, Message::Status(report));
                orders += 1;
            }
        }
        let mut positions = 0;
        for market in &self.markets {
            let of = market.row.header;
            if !is_asked(of.venue_id) {
                continue;
            }
            let mut header = FrameHeader::new::<PositionReport>();
            header.instrument_id = of.instrument_id;
            (header.venue_id, header.ts_event_ns) = (of.venue_id, at);
            let report = PositionReport {
                header,
                position_lots: self.ledger.position(of.instrument_id),
                avg_px_ticks: self.ledger.avg_px_ticks(of.instrument_id),
                balance_e9: self.ledger.balance_e9(of.instrument_id),
                fills: self.ledger.fill_count(of.instrument_id),
                mass_status_id: id,
                reserved: [0; 4],
            };
            self.outbox.send(at, Message::Position(report));
            positions += 1;
        }
        let mut header = FrameHeader::new::<MassStatusEnd>();
        (header.venue_id, header.ts_event_ns) = (venue_id, at);
        let end = MassStatusEnd { header, mass_status_id: id, orders, positions, reserved: [0; 4] };
        self.outbox.send(at, Message::End(end));
    }

    pub(super) fn on_order_status(&mut self, request: &OrderStatusRequest, at: TsNs) {
        let index = match self.find(request.cl_ord_id, request.order_id) {
            Ok(index) => index,
            Err(refusal) => {
                let report = unknown_report(request, refusal.status, at);
                return self.outbox.send(at, Message::Status(report));
            }
        };
        let order = &self.orders[index];
        for fill in self.ledger.fills_of(order.order_id) {
            self.outbox.send(at, Message::Again(fill.report));
            if let Some(bust) = fill.bust {
                self.outbox.send(at, Message::Again(bust));
            }
        }
        self.outbox.send(at, Message::Status(status_report(order, 0, at)));
    }
}

fn status_report(order: &Order, mass_status_id: u32, at: TsNs) -> OrderStatusReport {
    OrderStatusReport {
        header: order.owner.header(FrameHeader::new::<OrderStatusReport>(), at),
        cl_ord_id: order.cl_ord_id,
        order_id: order.order_id,
        price_ticks: order.price_ticks,
        qty_lots: order.qty_lots,
        cum_qty_lots: order.cum_qty_lots,
        leaves_qty_lots: order.leaves(),
        mass_status_id,
        ord_status: order.status().code(),
        side: order.kind.side.code(),
        ord_type: order.kind.ord_type.code(),
        time_in_force: order.kind.tif.code(),
        reserved: [0; 8],
    }
}

/// The answer about an order the venue never accepted: what it was asked for, said back.
fn unknown_report(request: &OrderStatusRequest, status: OrdStatus, at: TsNs) -> OrderStatusReport {
    let owner = super::order::Owner::of(&request.header);
    OrderStatusReport {
        header: owner.header(FrameHeader::new::<OrderStatusReport>(), at),
        cl_ord_id: request.cl_ord_id,
        order_id: wire::units::SEQ_UNDEF,
        price_ticks: PriceTicks::UNDEF,
        qty_lots: QtyLots(0),
        cum_qty_lots: QtyLots(0),
        leaves_qty_lots: QtyLots(0),
        mass_status_id: 0,
        ord_status: status.code(),
        side: Side::Buy.code(),
        ord_type: OrdType::Limit.code(),
        time_in_force: TimeInForce::Gtc.code(),
        reserved: [0; 8],
    }
}
