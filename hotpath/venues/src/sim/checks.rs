//! What a request must be to be accepted: the checks in their order.
//!
//! Must never: change anything. Runs wherever the simulated venue runs; may allocate.

use super::market::Market;
use super::order::{Kind, Order, reducible};
use super::outbox::Refusal;
use super::{IdUse, SimVenue, across};
use wire::market::TradingStatus;
use wire::order::{
    ExecInst, NewOrder, OrdStatus, OrdType, RejectReason, ReplaceOrder, Side, TimeInForce,
};
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, PriceTicks, QtyLots, TsNs};

/// A day of venue time, nanoseconds.
const DAY_NS: u64 = 86_400_000_000_000;

/// A new order that passed every check.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    pub(crate) market: usize,
    pub(crate) kind: Kind,
}

/// What an order asks for, as the checks on price, quantity, market and value see it.
#[derive(Clone, Copy)]
struct Terms {
    side: Side,
    /// None: a market or a stop order.
    limit: Option<PriceTicks>,
    /// A trigger that has not come yet.
    stop: Option<PriceTicks>,
    qty: QtyLots,
    /// What of it would work.
    leaves: i64,
    is_post_only: bool,
    is_reduce_only: bool,
}

impl SimVenue {
    /// The checks of a new order, in the order they are made.
    pub(super) fn check_new(
        &self,
        request: &NewOrder,
        is_external: bool,
        at: TsNs,
    ) -> Result<Ticket, RejectReason> {
        let market =
            self.market_index(request.header.instrument_id).ok_or(RejectReason::UnknownSymbol)?;
        if self.ids.contains_key(&request.cl_ord_id) {
            return Err(RejectReason::DuplicateOrder);
        }
        if request.cl_ord_id == ClOrdId::UNDEF && !is_external {
            return Err(RejectReason::Unsupported);
        }
        let kind = kind_of(request, at)?;
        check_prices(request, kind.ord_type)?;
        if kind.expires_at.is_some_and(|expires_at| expires_at <= at) {
            return Err(RejectReason::Expired);
        }
        let limit = request.price_ticks.is_defined().then_some(request.price_ticks);
        let terms = Terms {
            side: kind.side,
            limit,
            stop: kind.is_stop().then_some(request.stop_px_ticks),
            qty: request.qty_lots,
            leaves: request.qty_lots.get(),
            is_post_only: kind.is_post_only,
            is_reduce_only: kind.is_reduce_only,
        };
        self.check_terms(market, terms)?;
        let is_whole = || self.markets[market].fills_whole(kind.side, limit, terms.qty);
        if kind.tif == TimeInForce::Fok && !kind.is_stop() && !is_whole() {
            return Err(RejectReason::NoLiquidity);
        }
        Ok(Ticket { market, kind })
    }

    /// The checks of a replace, in the order they are made.
    pub(super) fn check_replace(&self, request: &ReplaceOrder) -> Result<usize, Refusal> {
        let index = self.find_live(request.orig_cl_ord_id, request.order_id)?;
        let order = &self.orders[index];
        let refuse = |reason| refusal(order, reason);
        if order.cl_ord_id != request.orig_cl_ord_id {
            return Err(refuse(RejectReason::TooLate));
        }
        if request.cl_ord_id == ClOrdId::UNDEF || self.ids.contains_key(&request.cl_ord_id) {
            return Err(refuse(RejectReason::DuplicateOrder));
        }
        if request.price_ticks.is_defined() != order.price_ticks.is_defined() {
            return Err(refuse(RejectReason::BadPrice));
        }
        let terms = Terms {
            side: order.kind.side,
            limit: request.price_ticks.is_defined().then_some(request.price_ticks),
            stop: order.is_waiting().then_some(order.stop_px_ticks),
            qty: request.qty_lots,
            leaves: request.qty_lots.get() - order.cum_qty_lots.get(),
            is_post_only: order.kind.is_post_only,
            is_reduce_only: order.kind.is_reduce_only,
        };
        let Some(market) = self.market_index(order.owner.instrument_id) else {
            return Err(refuse(RejectReason::UnknownSymbol));
        };
        self.check_terms(market, terms).map_err(refuse)?;
        if request.qty_lots <= order.cum_qty_lots {
            return Err(refuse(RejectReason::TooLate));
        }
        Ok(index)
    }

    /// The part of the checks new and replace share.
    fn check_terms(&self, market: usize, terms: Terms) -> Result<(), RejectReason> {
        let market = &self.markets[market];
        market.check_terms(terms)?;
        let position = self.ledger.position(market.row.header.instrument_id).get();
        if terms.is_reduce_only && terms.leaves > reducible(position, terms.side) {
            return Err(RejectReason::WouldIncrease);
        }
        if terms.is_post_only && market.book.would_take(across(terms.side), terms.limit) {
            return Err(RejectReason::WouldTake);
        }
        Ok(())
    }

    /// The working order behind an id it has or had. A defined `order_id` must agree.
    pub(super) fn find_live(&self, orig: ClOrdId, order_id: u64) -> Result<usize, Refusal> {
        let index = self.find(orig, order_id)?;
        let order = &self.orders[index];
        if order.is_open() { Ok(index) } else { Err(refusal(order, RejectReason::TooLate)) }
    }

    /// The order behind an id it has or had, done or not. A defined `order_id` must agree.
    pub(super) fn find(&self, orig: ClOrdId, order_id: u64) -> Result<usize, Refusal> {
        let unknown = Refusal {
            order_id: SEQ_UNDEF,
            status: OrdStatus::Unknown,
            reason: RejectReason::UnknownOrder,
        };
        let index = match self.ids.get(&orig) {
            Some(IdUse::Order(index)) => *index,
            Some(IdUse::Rejected(_)) => {
                let status = OrdStatus::Rejected;
                return Err(Refusal { status, reason: RejectReason::TooLate, ..unknown });
            }
            // Orders of the venue's own making may have no other name.
            None if orig == ClOrdId::UNDEF => {
                return self.index_of(order_id).ok_or(unknown);
            }
            None => return Err(unknown),
        };
        if order_id != SEQ_UNDEF && order_id != self.orders[index].order_id {
            return Err(unknown);
        }
        Ok(index)
    }

    /// The place of an order in the record; order ids rise with it.
    pub(super) fn index_of(&self, order_id: u64) -> Option<usize> {
        self.orders.place_of(order_id)
    }
}

/// How an order stands that a request is refused for.
fn refusal(order: &Order, reason: RejectReason) -> Refusal {
    Refusal { order_id: order.order_id, status: order.status(), reason }
}

/// Codes, instructions and times that go together.
fn kind_of(request: &NewOrder, at: TsNs) -> Result<Kind, RejectReason> {
    let codes = (
        Side::from_code(request.side),
        OrdType::from_code(request.ord_type),
        TimeInForce::from_code(request.time_in_force),
        ExecInst::from_code(request.exec_inst),
    );
    let (Some(side), Some(ord_type), Some(tif), Some(exec_inst)) = codes else {
        return Err(RejectReason::Unsupported);
    };
    let has_expiry = request.expire_ns != TsNs::UNDEF;
    if has_expiry != (tif == TimeInForce::Gtd) {
        return Err(RejectReason::Unsupported);
    }
    let expires_at = match tif {
        TimeInForce::Gtd => Some(request.expire_ns),
        TimeInForce::Day => {
            Some(TsNs((at.get() / DAY_NS).saturating_add(1).saturating_mul(DAY_NS)))
        }
        TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => None,
    };
    let is_post_only = exec_inst == ExecInst::PostOnly;
    let is_reduce_only = exec_inst == ExecInst::ReduceOnly;
    let kind = Kind { side, ord_type, tif, is_post_only, is_reduce_only, expires_at };
    if is_post_only && !(ord_type == OrdType::Limit && kind.rests()) {
        return Err(RejectReason::Unsupported);
    }
    Ok(kind)
}

/// A limit and a trigger where the type has one, and only there.
fn check_prices(request: &NewOrder, ord_type: OrdType) -> Result<(), RejectReason> {
    let (limit, stop) = match ord_type {
        OrdType::Market => (false, false),
        OrdType::Limit => (true, false),
        OrdType::Stop => (false, true),
        OrdType::StopLimit => (true, true),
    };
    let found = (request.price_ticks.is_defined(), request.stop_px_ticks.is_defined());
    if found == (limit, stop) { Ok(()) } else { Err(RejectReason::BadPrice) }
}

impl Market {
    /// Whether an order can fill whole from what is displayed.
    pub(super) fn fills_whole(&self, side: Side, limit: Option<PriceTicks>, qty: QtyLots) -> bool {
        let levels = self.book.takeable(across(side), limit, qty);
        levels.iter().map(|level| level.qty_lots.get()).sum::<i64>() >= qty.get()
    }

    /// Quantity, price, market, trigger, liquidity, value.
    fn check_terms(&self, terms: Terms) -> Result<(), RejectReason> {
        if terms.qty < self.row.min_qty_lots || terms.qty > self.row.max_qty_lots {
            return Err(RejectReason::BadQuantity);
        }
        let mut prices = terms.limit.into_iter().chain(terms.stop);
        if prices.any(|price| price.get() <= 0) {
            return Err(RejectReason::BadPrice);
        }
        if !self.is_open() {
            return Err(RejectReason::MarketClosed);
        }
        if let (Some(stop), Some(last)) = (terms.stop, self.last_trade)
            && is_triggered(terms.side, stop, last)
        {
            return Err(RejectReason::WrongTrigger);
        }
        let best = self.book.best(across(terms.side));
        let price = match terms.limit.or(terms.stop) {
            Some(price) => price,
            None => best.ok_or(RejectReason::NoLiquidity)?.price_ticks,
        };
        let value_e9 =
            self.valuation.value_e9(price, terms.qty).ok_or(RejectReason::ExceedsLimit)?;
        if value_e9 < self.row.min_notional_e9 {
            return Err(RejectReason::BadQuantity);
        }
        Ok(())
    }

    /// Whether orders can be matched.
    pub(super) fn is_open(&self) -> bool {
        self.status == TradingStatus::Trading && self.book.is_usable()
    }
}

/// Whether a trade is at or through a trigger.
pub(super) fn is_triggered(side: Side, stop: PriceTicks, trade: PriceTicks) -> bool {
    match side {
        Side::Buy => trade >= stop,
        Side::Sell => trade <= stop,
    }
}
