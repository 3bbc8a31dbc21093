//! External orders: what a venue lists that is not ours. Shown, counted as unknown, adopted where
//! an operator says so, dropped only when the venue lists them no more.
//!
//! Must never: drop one in silence, or take one over by itself. Loop thread; no allocation.

use super::{Concern, Engine, index_of, strategy_id};
use crate::hash::StateHasher;
use crate::order::is_done;
use crate::orders::{Entry, OrderRequest};
use crate::risk::value_e9;
use crate::sink::Sink;
use crate::state::{StateError, StateReader};
use wire::order::{ExecInst, ExecutionReport, OrdStatus, OrdType, Side, TimeInForce};
use wire::reconcile::OrderStatusReport;
use wire::risk::AlarmCode;
use wire::{ClOrdId, InstrumentId, PriceTicks, QtyLots, TsNs, VenueId};

/// External orders that are remembered; more are alarmed each time they are listed.
pub(super) const MAX_EXTERNALS: usize = 64;
/// Largest value of an order that may be adopted, billionths: far from the end of the numbers.
const MAX_VALUE_E9: i64 = i64::MAX / 4;

/// An order at the venue that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External {
    /// The venue.
    pub venue: VenueId,
    /// The venue's order id.
    pub order_id: u64,
    /// Client order id, as the venue has it.
    pub cl_ord_id: ClOrdId,
    /// Instrument.
    pub instrument: InstrumentId,
    /// Side.
    pub side: Side,
    /// Type.
    pub ord_type: OrdType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Limit price, ticks; undefined for an order without one.
    pub price_ticks: PriceTicks,
    /// Order quantity, lots.
    pub qty_lots: QtyLots,
    /// Filled, lots.
    pub cum_qty_lots: QtyLots,
    /// Mass status that last listed it.
    pub seen_in: u32,
}

impl External {
    fn of(report: &OrderStatusReport, venue: VenueId) -> Option<Self> {
        Some(Self {
            venue,
            order_id: report.order_id,
            cl_ord_id: report.cl_ord_id,
            instrument: report.header.instrument_id,
            side: Side::from_code(report.side)?,
            ord_type: OrdType::from_code(report.ord_type)?,
            time_in_force: TimeInForce::from_code(report.time_in_force)?,
            price_ticks: report.price_ticks,
            qty_lots: report.qty_lots,
            cum_qty_lots: report.cum_qty_lots,
            seen_in: report.mass_status_id,
        })
    }

    fn leaves_lots(&self) -> i64 {
        self.qty_lots.get().saturating_sub(self.cum_qty_lots.get()).max(0)
    }

    pub(super) fn hash_into(&self, h: &mut StateHasher) {
        h.u64(u64::from(self.venue.get()));
        h.u64(self.order_id);
        h.u64(self.cl_ord_id.get());
        h.u64(u64::from(self.instrument.get()));
        h.u64(u64::from(u32::from_le_bytes([
            self.side.code(),
            self.ord_type.code(),
            self.time_in_force.code(),
            0,
        ])));
        h.i64(self.price_ticks.get());
        h.i64(self.qty_lots.get());
        h.i64(self.cum_qty_lots.get());
        h.u64(u64::from(self.seen_in));
    }

    pub(super) fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let (venue, order_id) = (VenueId(from.fit()?), from.u64()?);
        let (cl_ord_id, instrument) = (ClOrdId(from.u64()?), InstrumentId(from.fit()?));
        let [side, ord_type, time_in_force, _] = from.bytes()?;
        let codes = (
            Side::from_code(side),
            OrdType::from_code(ord_type),
            TimeInForce::from_code(time_in_force),
        );
        let (Some(side), Some(ord_type), Some(time_in_force)) = codes else {
            return Err(from.bad());
        };
        Ok(Self {
            venue,
            order_id,
            cl_ord_id,
            instrument,
            side,
            ord_type,
            time_in_force,
            price_ticks: PriceTicks(from.i64()?),
            qty_lots: QtyLots(from.i64()?),
            cum_qty_lots: QtyLots(from.i64()?),
            seen_in: from.fit()?,
        })
    }
}

impl Engine {
    /// A list names an open order that is not ours.
    pub(super) fn see_external<S: Sink>(
        &mut self,
        index: usize,
        report: &OrderStatusReport,
        out: &mut S,
    ) {
        let venue = self.venues[index].risk.id;
        // The decoder lets only known codes through.
        let Some(external) = External::of(report, venue) else { return };
        let same = |e: &&mut External| (e.venue, e.order_id) == (venue, external.order_id);
        if let Some(known) = self.externals.iter_mut().find(same) {
            *known = external;
            return;
        }
        let leaves = report.leaves_qty_lots.get();
        let mut concern = Concern::of(AlarmCode::ExternalOrder, 0, leaves);
        (concern.instrument, concern.venue) = (external.instrument, venue);
        concern.order = external.cl_ord_id;
        self.found_difference(Some(index), &concern, out);
        if self.externals.len() < MAX_EXTERNALS {
            self.externals.push(external);
            self.firm.unknown_orders += 1;
        }
    }

    /// An external order filled: its fill was booked on the instrument already.
    pub(super) fn follow_external(&mut self, report: &ExecutionReport) {
        let id = (report.order_id, report.header.instrument_id);
        for external in self.externals.iter_mut().filter(|e| (e.order_id, e.instrument) == id) {
            let filled = external.cum_qty_lots.get().saturating_add(report.last_qty_lots.get());
            external.cum_qty_lots = QtyLots(filled.max(report.cum_qty_lots.get()));
        }
    }

    /// Takes an external order over as one of ours, of the first strategy on its instrument: under
    /// the client order id the venue has, for its reports will carry that. `false`: no such order,
    /// or one without an id, a price or a size that we could hold.
    pub(super) fn adopt(&mut self, order_id: u64, venue: VenueId) -> bool {
        let named =
            |e: &External| e.order_id == order_id && (venue == VenueId::UNDEF || e.venue == venue);
        let Some(at) = self.externals.iter().position(named) else { return false };
        let external = self.externals[at];
        let Some(entry) = self.entry_of(&external) else { return false };
        let id = external.cl_ord_id;
        // An id still to be given out would come twice.
        let is_old = self.orders.peek_id().is_some_and(|next| id < next);
        if !is_old || self.orders.insert_reserved(id, &entry).is_none() {
            return false;
        }
        self.orders.update(id, |o| o.seen_in = external.seen_in);
        self.count_in(id);
        self.externals.remove(at);
        self.firm.unknown_orders -= 1;
        true
    }

    /// The place an external order would have in the order table.
    fn entry_of(&self, external: &External) -> Option<Entry> {
        let index = index_of(external.instrument);
        let strategy = *self.on_instrument.get(index)?.first()?;
        let state = self.instruments.get(index)?;
        let reference = state.risk.reference_x2().map(|x2| x2 / 2);
        let price = external.price_ticks;
        let value_px = if price.is_defined() { Some(price.get()) } else { reference };
        let value_px_ticks = value_px.filter(|px| *px > 0)?;
        let value = value_e9(value_px_ticks, external.qty_lots.get(), state.tick_value_e9)?;
        if value > MAX_VALUE_E9 || external.leaves_lots() == 0 {
            return None;
        }
        let filled = external.cum_qty_lots;
        let request = OrderRequest {
            instrument: external.instrument,
            strategy: strategy_id(strategy),
            side: external.side,
            ord_type: external.ord_type,
            time_in_force: external.time_in_force,
            exec_inst: ExecInst::None,
            price_ticks: price,
            stop_px_ticks: PriceTicks::UNDEF,
            qty_lots: external.qty_lots,
            expire_ns: TsNs::UNDEF,
            parent_id: 0,
            link_id: 0,
        };
        Some(Entry {
            request,
            value_px_ticks,
            status: if filled.get() > 0 { OrdStatus::PartiallyFilled } else { OrdStatus::New },
            cum_qty_lots: filled,
            order_id: external.order_id,
            sent_ns: self.now,
            reserved_lots: external.leaves_lots(),
        })
    }

    /// External orders the venue lists no longer are done.
    pub(super) fn drop_gone_externals(&mut self, index: usize, id: u32) {
        let venue = self.venues[index].risk.id;
        let before = self.externals.len();
        self.externals.retain(|e| e.venue != venue || e.seen_in >= id);
        let gone = i64::try_from(before - self.externals.len()).unwrap_or(0);
        self.firm.unknown_orders -= gone;
    }

    /// Whether a venue lists orders that are not ours.
    pub(super) fn has_externals(&self, index: usize) -> bool {
        let venue = self.venues[index].risk.id;
        self.externals.iter().any(|e| e.venue == venue)
    }
}

/// Whether a list's word about an order says that it is open.
pub(super) fn is_open(status: OrdStatus) -> bool {
    !is_done(status) && status != OrdStatus::Unknown
}
