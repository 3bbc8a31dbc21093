//! Requests at the simulated venue: the checks in their order, and what an accepted one does.
//!
//! Owns: new, cancel and replace. Must never: change anything for a request it refuses. Runs
//! wherever the simulated venue runs; may allocate.

use super::order::{Fill, Order, Owner, Refusal, State};
use super::queue::QueuePosition;
use super::{IdUse, Market, SimVenue};
use wire::market::{BookSide, TradingStatus};
use wire::order::{
    CancelOrder, ExecInst, ExecType, Liquidity, NewOrder, OrdStatus, OrdType, RejectReason,
    ReplaceOrder, Side, TimeInForce,
};
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, PriceTicks, QtyLots, TsNs};

/// A new order that passed every check.
struct Ticket {
    market: usize,
    side: Side,
    /// None: a market order.
    limit: Option<PriceTicks>,
    rests: bool,
    is_post_only: bool,
}

/// What an order asks for, as the checks on price, quantity and value see it.
#[derive(Clone, Copy)]
struct Terms {
    side: Side,
    limit: Option<PriceTicks>,
    qty: QtyLots,
    is_post_only: bool,
}

impl SimVenue {
    pub(super) fn on_new(&mut self, request: &NewOrder, at: TsNs) {
        let ticket = match self.check_new(request) {
            Ok(ticket) => ticket,
            Err(reason) => {
                self.ids.entry(request.cl_ord_id).or_insert(IdUse::Rejected);
                let side = Side::from_code(request.side).unwrap_or(Side::Buy);
                let owner = Owner::of(&request.header);
                return self.outbox.rejected(owner, (request.cl_ord_id, side), reason, at);
            }
        };
        let index = self.orders.len();
        let rank = self.next_rank();
        self.ids.insert(request.cl_ord_id, IdUse::Order(index));
        let mut owner = Owner::of(&request.header);
        owner.venue_id = self.markets[ticket.market].row.header.venue_id;
        self.orders.push(Order {
            owner,
            cl_ord_id: request.cl_ord_id,
            order_id: rank,
            side: ticket.side,
            price_ticks: request.price_ticks,
            qty_lots: request.qty_lots,
            cum_qty_lots: QtyLots(0),
            is_post_only: ticket.is_post_only,
            rank,
            state: State::Taking,
        });
        self.outbox.event(&self.orders[index], ExecType::New, at);
        self.take(index, ticket.limit, at);
        if self.orders[index].leaves().get() == 0 {
            return;
        }
        if ticket.rests {
            self.rest(index);
        } else {
            self.orders[index].state = State::Done(OrdStatus::Expired);
            self.outbox.event(&self.orders[index], ExecType::Expired, at);
        }
    }

    /// The checks of a new order, in the order they are made.
    fn check_new(&self, request: &NewOrder) -> Result<Ticket, RejectReason> {
        let market =
            self.market_index(request.header.instrument_id).ok_or(RejectReason::UnknownSymbol)?;
        if self.ids.contains_key(&request.cl_ord_id) {
            return Err(RejectReason::DuplicateOrder);
        }
        let codes = (
            Side::from_code(request.side),
            OrdType::from_code(request.ord_type),
            TimeInForce::from_code(request.time_in_force),
            ExecInst::from_code(request.exec_inst),
        );
        let (Some(side), Some(ord_type), Some(tif), Some(exec_inst)) = codes else {
            return Err(RejectReason::Unsupported);
        };
        let rests = ord_type == OrdType::Limit && tif == TimeInForce::Gtc;
        let is_post_only = exec_inst == ExecInst::PostOnly;
        if request.cl_ord_id == ClOrdId::UNDEF || (is_post_only && !rests) {
            return Err(RejectReason::Unsupported);
        }
        let limit = match (ord_type, request.price_ticks.is_defined()) {
            (OrdType::Limit, true) => Some(request.price_ticks),
            (OrdType::Market, false) => None,
            (OrdType::Limit, false) | (OrdType::Market, true) => {
                return Err(RejectReason::BadPrice);
            }
            (OrdType::Stop | OrdType::StopLimit, _) => return Err(RejectReason::Unsupported),
        };
        let terms = Terms { side, limit, qty: request.qty_lots, is_post_only };
        self.markets[market].check_terms(terms)?;
        if tif == TimeInForce::Fok {
            let levels = self.markets[market].book.takeable(across(side), limit, terms.qty);
            let found: i64 = levels.iter().map(|level| level.qty_lots.get()).sum();
            if found < terms.qty.get() {
                return Err(RejectReason::NoLiquidity);
            }
        }
        Ok(Ticket { market, side, limit, rests, is_post_only })
    }

    pub(super) fn on_cancel(&mut self, request: &CancelOrder, at: TsNs) {
        let ids = (request.cl_ord_id, request.orig_cl_ord_id);
        let index = match self.find_live(ids.1, request.order_id) {
            Ok(index) => index,
            Err(refusal) => {
                let owner = Owner::of(&request.header);
                return self.outbox.request_rejected(owner, ids, refusal, at);
            }
        };
        self.unrest(index);
        self.orders[index].state = State::Done(OrdStatus::Canceled);
        self.outbox.on_request(&self.orders[index], ExecType::Canceled, ids, at);
    }

    pub(super) fn on_replace(&mut self, request: &ReplaceOrder, at: TsNs) {
        let ids = (request.cl_ord_id, request.orig_cl_ord_id);
        let index = match self.check_replace(request) {
            Ok(index) => index,
            Err(refusal) => {
                let owner = Owner::of(&request.header);
                return self.outbox.request_rejected(owner, ids, refusal, at);
            }
        };
        self.ids.insert(request.cl_ord_id, IdUse::Order(index));
        let order = &mut self.orders[index];
        let keeps_queue =
            order.price_ticks == request.price_ticks && request.qty_lots <= order.qty_lots;
        order.cl_ord_id = request.cl_ord_id;
        order.qty_lots = request.qty_lots;
        if keeps_queue {
            return self.outbox.on_request(&self.orders[index], ExecType::Replaced, ids, at);
        }
        self.unrest(index);
        let rank = self.next_rank();
        let order = &mut self.orders[index];
        order.price_ticks = request.price_ticks;
        order.rank = rank;
        order.state = State::Taking;
        self.outbox.on_request(&self.orders[index], ExecType::Replaced, ids, at);
        self.take(index, Some(request.price_ticks), at);
        if self.orders[index].leaves().get() > 0 {
            self.rest(index);
        }
    }

    /// The checks of a replace, in the order they are made.
    fn check_replace(&self, request: &ReplaceOrder) -> Result<usize, Refusal> {
        let index = self.find_live(request.orig_cl_ord_id, request.order_id)?;
        let order = &self.orders[index];
        let refuse =
            |reason| Err(Refusal { order_id: order.order_id, status: order.status(), reason });
        if order.cl_ord_id != request.orig_cl_ord_id {
            return refuse(RejectReason::TooLate);
        }
        if request.cl_ord_id == ClOrdId::UNDEF || self.ids.contains_key(&request.cl_ord_id) {
            return refuse(RejectReason::DuplicateOrder);
        }
        if !request.price_ticks.is_defined() {
            return refuse(RejectReason::BadPrice);
        }
        let terms = Terms {
            side: order.side,
            limit: Some(request.price_ticks),
            qty: request.qty_lots,
            is_post_only: order.is_post_only,
        };
        let Some(market) = self.market_index(order.owner.instrument_id) else {
            return refuse(RejectReason::UnknownSymbol);
        };
        if let Err(reason) = self.markets[market].check_terms(terms) {
            return refuse(reason);
        }
        if request.qty_lots <= order.cum_qty_lots {
            return refuse(RejectReason::TooLate);
        }
        Ok(index)
    }

    /// The working order behind an id it has or had. A defined `order_id` must agree.
    fn find_live(&self, orig: ClOrdId, order_id: u64) -> Result<usize, Refusal> {
        let unknown = Refusal {
            order_id: SEQ_UNDEF,
            status: OrdStatus::Unknown,
            reason: RejectReason::UnknownOrder,
        };
        let index = match self.ids.get(&orig) {
            Some(IdUse::Order(index)) => *index,
            Some(IdUse::Rejected) => {
                let status = OrdStatus::Rejected;
                return Err(Refusal { status, reason: RejectReason::TooLate, ..unknown });
            }
            None => return Err(unknown),
        };
        let order = &self.orders[index];
        if order_id != SEQ_UNDEF && order_id != order.order_id {
            return Err(unknown);
        }
        if let State::Done(status) = order.state {
            let reason = RejectReason::TooLate;
            return Err(Refusal { order_id: order.order_id, status, reason });
        }
        Ok(index)
    }

    /// Takes displayed liquidity level by level up to the limit, one fill a level.
    fn take(&mut self, index: usize, limit: Option<PriceTicks>, at: TsNs) {
        let Some(market) = self.market_index(self.orders[index].owner.instrument_id) else {
            return;
        };
        let market = &mut self.markets[market];
        let order = &mut self.orders[index];
        let side = across(order.side);
        for level in market.book.takeable(side, limit, order.leaves()) {
            market.book.take(side, level);
            order.credit(level.qty_lots);
            let fill = Fill {
                price_ticks: level.price_ticks,
                qty_lots: level.qty_lots,
                liquidity: Liquidity::Taker,
            };
            self.outbox.fill(order, fill, market.valuation, at);
        }
    }

    /// Puts what is left of an order at the end of the queue at its price.
    fn rest(&mut self, index: usize) {
        let order = &self.orders[index];
        let (side, price) = (order.side, order.price_ticks);
        let Some(market) = self.market_index(order.owner.instrument_id) else {
            return;
        };
        let market = &mut self.markets[market];
        let displayed = market.book.displayed(along(side), price);
        let own_ahead = market.resting(side).own_ahead(&self.orders, price);
        let queue = QueuePosition::at_end(displayed, own_ahead, market.book.as_of_update());
        self.orders[index].state = State::Resting(queue);
        market.resting_mut(side).insert(&self.orders, index);
    }

    fn unrest(&mut self, index: usize) {
        let order = &self.orders[index];
        if let Some(market) = self.market_index(order.owner.instrument_id) {
            self.markets[market].resting_mut(order.side).remove(index);
        }
    }

    fn next_rank(&mut self) -> u64 {
        self.last_rank += 1;
        self.last_rank
    }
}

impl Market {
    /// Quantity, price, market, value, liquidity: the part of the checks new and replace share.
    fn check_terms(&self, terms: Terms) -> Result<(), RejectReason> {
        if terms.qty < self.row.min_qty_lots || terms.qty > self.row.max_qty_lots {
            return Err(RejectReason::BadQuantity);
        }
        if terms.limit.is_some_and(|price| price.get() <= 0) {
            return Err(RejectReason::BadPrice);
        }
        if self.status != TradingStatus::Trading || !self.book.is_usable() {
            return Err(RejectReason::MarketClosed);
        }
        let best = self.book.best(across(terms.side));
        let price = match terms.limit {
            Some(limit) => limit,
            None => best.ok_or(RejectReason::NoLiquidity)?.price_ticks,
        };
        let value_e9 =
            self.valuation.value_e9(price, terms.qty).ok_or(RejectReason::ExceedsLimit)?;
        if value_e9 < self.row.min_notional_e9 {
            return Err(RejectReason::BadQuantity);
        }
        if terms.is_post_only && self.book.would_take(across(terms.side), terms.limit) {
            return Err(RejectReason::WouldTake);
        }
        Ok(())
    }
}

/// The side of the book an order takes from.
fn across(side: Side) -> BookSide {
    match side {
        Side::Buy => BookSide::Ask,
        Side::Sell => BookSide::Bid,
    }
}

/// The side of the book an order rests on.
pub(super) fn along(side: Side) -> BookSide {
    match side {
        Side::Buy => BookSide::Bid,
        Side::Sell => BookSide::Ask,
    }
}
