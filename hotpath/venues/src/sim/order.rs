//! The venue's record of an order.
//!
//! Owns: the venue's own states of an order (waiting for its trigger, resting, done; an order on
//! its way is only a message). Must never: know how the engine sees an order. Runs wherever the
//! simulated venue runs; may allocate.

use super::queue::QueuePosition;
use wire::order::{NewOrder, OrdStatus, OrdType, Side, TimeInForce};
use wire::{ClOrdId, FrameHeader, InstrumentId, PriceTicks, QtyLots, StrategyId, TsNs, VenueId};

/// Where an order stands with the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A stop that has not acted yet; triggered, it waits for the market to be open.
    Waiting { is_triggered: bool },
    /// Being matched on arrival or trigger; no other message sees this.
    Taking,
    /// In the book.
    Resting(QueuePosition),
    /// Finished, with the status reports name from now on.
    Done(OrdStatus),
}

/// Who an order or a request belongs to, as every report repeats it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "named as in the frame header")]
pub(crate) struct Owner {
    pub(crate) instrument_id: InstrumentId,
    pub(crate) venue_id: VenueId,
    pub(crate) strategy_id: StrategyId,
}

impl Owner {
    pub(crate) fn of(header: &FrameHeader) -> Self {
        Self {
            instrument_id: header.instrument_id,
            venue_id: header.venue_id,
            strategy_id: header.strategy_id,
        }
    }

    pub(crate) fn header(self, mut header: FrameHeader, at: TsNs) -> FrameHeader {
        header.instrument_id = self.instrument_id;
        header.venue_id = self.venue_id;
        header.strategy_id = self.strategy_id;
        header.ts_event_ns = at;
        header
    }
}

/// What of an order its arrival settles for good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) side: Side,
    pub(crate) ord_type: OrdType,
    pub(crate) tif: TimeInForce,
    pub(crate) is_post_only: bool,
    pub(crate) is_reduce_only: bool,
    /// When it ends by itself, where it can.
    pub(crate) expires_at: Option<TsNs>,
}

impl Kind {
    pub(crate) const fn is_stop(&self) -> bool {
        matches!(self.ord_type, OrdType::Stop | OrdType::StopLimit)
    }

    /// Whether what it does not take goes into the book.
    pub(crate) const fn rests(&self) -> bool {
        matches!(self.ord_type, OrdType::Limit | OrdType::StopLimit)
            && matches!(self.tif, TimeInForce::Gtc | TimeInForce::Day | TimeInForce::Gtd)
    }
}

/// An accepted order.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "named as in FIX")]
pub(crate) struct Order {
    pub(crate) owner: Owner,
    pub(crate) cl_ord_id: ClOrdId,
    pub(crate) order_id: u64,
    pub(crate) kind: Kind,
    /// Limit, ticks; undefined for a market or a stop order.
    pub(crate) price_ticks: PriceTicks,
    /// Trigger, ticks; undefined where it is no stop.
    pub(crate) stop_px_ticks: PriceTicks,
    pub(crate) qty_lots: QtyLots,
    pub(crate) cum_qty_lots: QtyLots,
    /// Lots filled beyond the quantity, by a fault.
    pub(crate) over_lots: i64,
    /// Arrival rank in time priority: lower came first.
    pub(crate) rank: u64,
    /// Whether it came from elsewhere than the session.
    pub(crate) is_external: bool,
    /// Whether the client never hears of it but by asking.
    pub(crate) is_silent: bool,
    pub(crate) state: State,
}

impl Order {
    pub(crate) fn new(request: &NewOrder, kind: Kind, venue_id: VenueId, rank: u64) -> Self {
        let owner = Owner { venue_id, ..Owner::of(&request.header) };
        Self {
            owner,
            cl_ord_id: request.cl_ord_id,
            order_id: rank,
            kind,
            price_ticks: request.price_ticks,
            stop_px_ticks: request.stop_px_ticks,
            qty_lots: request.qty_lots,
            cum_qty_lots: QtyLots(0),
            over_lots: 0,
            rank,
            is_external: false,
            is_silent: false,
            state: State::Taking,
        }
    }

    pub(crate) fn limit(&self) -> Option<PriceTicks> {
        self.price_ticks.is_defined().then_some(self.price_ticks)
    }

    pub(crate) const fn is_open(&self) -> bool {
        !matches!(self.state, State::Done(_))
    }

    pub(crate) const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// Lots not filled yet; 0 once done.
    pub(crate) fn leaves(&self) -> QtyLots {
        if self.is_open() {
            QtyLots(self.qty_lots.get() - self.cum_qty_lots.get())
        } else {
            QtyLots(0)
        }
    }

    /// Status as reports name it.
    pub(crate) fn status(&self) -> OrdStatus {
        match self.state {
            State::Done(status) => status,
            State::Waiting { .. } | State::Taking | State::Resting(_) => {
                let is_partly = self.cum_qty_lots.get() > 0;
                if is_partly { OrdStatus::PartiallyFilled } else { OrdStatus::New }
            }
        }
    }

    /// Credits a fill exactly; the order is done when nothing is left.
    pub(crate) fn credit(&mut self, qty: QtyLots) {
        assert!(qty.get() > 0 && qty <= self.leaves(), "fill beyond what is left of an order");
        self.cum_qty_lots = QtyLots(self.cum_qty_lots.get() + qty.get());
        if self.leaves().get() == 0 {
            self.state = State::Done(OrdStatus::Filled);
        }
    }

    /// Credits a fill of a done order beyond its quantity.
    pub(crate) fn overfill(&mut self, qty: QtyLots) {
        self.cum_qty_lots = QtyLots(self.cum_qty_lots.get() + qty.get());
        self.over_lots += qty.get();
    }

    /// Whether it would enlarge or turn a position of `position` lots.
    pub(crate) fn would_increase(&self, position: i64) -> bool {
        self.kind.is_reduce_only && self.leaves().get() > reducible(position, self.kind.side)
    }
}

/// Lots an order of this side can trade and only reduce a position.
pub(crate) fn reducible(position: i64, side: Side) -> i64 {
    match side {
        Side::Buy => position.saturating_neg().max(0),
        Side::Sell => position.max(0),
    }
}

/// Lots as a position counts them: buys up, sells down.
pub(crate) const fn signed(side: Side, lots: i64) -> i64 {
    match side {
        Side::Buy => lots,
        Side::Sell => -lots,
    }
}
