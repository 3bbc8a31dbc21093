//! Requests at the simulated venue: what an accepted one does, and how an order ends.
//!
//! Owns: new, cancel and replace, taking and resting, expiry. Must never: change anything for a
//! request it refuses. Runs wherever the simulated venue runs; may allocate.

use super::checks::Ticket;
use super::order::{Order, Owner, State};
use super::outbox::{Fill, Refusal};
use super::queue::QueuePosition;
use super::{IdUse, SimVenue, across, along};
use wire::order::{
    CancelOrder, ExecType, Liquidity, NewOrder, OrdStatus, RejectReason, ReplaceOrder, Side,
    TimeInForce,
};
use wire::{ClOrdId, QtyLots, TsNs};

impl SimVenue {
    pub(super) fn on_new(&mut self, request: &NewOrder, at: TsNs) {
        match self.check_new(request, false, at) {
            Ok(ticket) => {
                let index = self.enter(request, ticket);
                self.begin(index, at);
            }
            Err(reason) => self.reject(request, reason, at),
        }
    }

    /// Refuses a new order: its id is used up all the same.
    pub(super) fn reject(&mut self, request: &NewOrder, reason: RejectReason, at: TsNs) {
        let next = self.orders.next();
        self.ids.entry(request.cl_ord_id).or_insert(IdUse::Rejected(next));
        let side = Side::from_code(request.side).unwrap_or(Side::Buy);
        let owner = Owner::of(&request.header);
        self.outbox.rejected(owner, (request.cl_ord_id, side), reason, at);
    }

    /// Writes an accepted order into the venue's record.
    pub(super) fn enter(&mut self, request: &NewOrder, ticket: Ticket) -> usize {
        let index = self.orders.next();
        let rank = self.next_rank();
        if request.cl_ord_id != ClOrdId::UNDEF {
            self.ids.insert(request.cl_ord_id, IdUse::Order(index));
        }
        let venue_id = self.markets[ticket.market].row.header.venue_id;
        self.orders.push(Order::new(request, ticket.kind, venue_id, rank));
        index
    }

    /// An order's first act: a stop waits, all else is matched.
    pub(super) fn begin(&mut self, index: usize, at: TsNs) {
        self.outbox.event(&self.orders[index], ExecType::New, at);
        let kind = self.orders[index].kind;
        if let Some(expires_at) = kind.expires_at
            && (kind.rests() || kind.is_stop())
        {
            self.expiries.insert((expires_at, index));
        }
        if !kind.is_stop() {
            return self.act(index, at);
        }
        self.orders[index].state = State::Waiting { is_triggered: false };
        if let Some(market) = self.market_index(self.orders[index].owner.instrument_id) {
            self.markets[market].stops.push(index);
        }
    }

    /// Takes what is displayed; what is left rests or expires.
    pub(super) fn act(&mut self, index: usize, at: TsNs) {
        let Some(market) = self.market_index(self.orders[index].owner.instrument_id) else {
            return;
        };
        let order = &mut self.orders[index];
        order.state = State::Taking;
        let (kind, limit, leaves) = (order.kind, order.limit(), order.leaves());
        let is_whole = || self.markets[market].fills_whole(kind.side, limit, leaves);
        if kind.tif != TimeInForce::Fok || is_whole() {
            self.take(index, at);
        }
        if !self.orders[index].is_open() {
            self.forget_expiry(index);
        } else if kind.rests() {
            self.rest(index);
        } else {
            self.end(index, OrdStatus::Expired, ExecType::Expired, at);
        }
        self.drop_what_increases(market, at);
    }

    pub(super) fn on_cancel(&mut self, request: &CancelOrder, at: TsNs) {
        let ids = (request.cl_ord_id, request.orig_cl_ord_id);
        match self.find_live(ids.1, request.order_id) {
            Ok(index) => {
                self.close(index, OrdStatus::Canceled);
                self.outbox.on_request(&self.orders[index], ExecType::Canceled, ids, at);
            }
            Err(refusal) => {
                let owner = Owner::of(&request.header);
                self.outbox.request_rejected(owner, ids, refusal, at);
            }
        }
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
        let keeps_queue = order.is_waiting()
            || (order.price_ticks == request.price_ticks && request.qty_lots <= order.qty_lots);
        order.cl_ord_id = request.cl_ord_id;
        order.qty_lots = request.qty_lots;
        if keeps_queue {
            order.price_ticks = request.price_ticks;
            return self.outbox.on_request(&self.orders[index], ExecType::Replaced, ids, at);
        }
        self.unrest(index);
        let rank = self.next_rank();
        let order = &mut self.orders[index];
        order.price_ticks = request.price_ticks;
        order.rank = rank;
        order.state = State::Taking;
        self.outbox.on_request(&self.orders[index], ExecType::Replaced, ids, at);
        self.act(index, at);
    }

    /// Refuses a cancel or replace without a look at what it asks for.
    pub(super) fn refuse(
        &mut self,
        owner: Owner,
        ids: (ClOrdId, ClOrdId),
        (order_id, reason): (u64, RejectReason),
        at: TsNs,
    ) {
        let refusal = match self.find(ids.1, order_id) {
            Ok(index) => {
                let order = &self.orders[index];
                Refusal { order_id: order.order_id, status: order.status(), reason }
            }
            Err(refusal) => Refusal { reason, ..refusal },
        };
        self.outbox.request_rejected(owner, ids, refusal, at);
    }

    /// Takes displayed liquidity level by level up to the limit, one fill a level.
    fn take(&mut self, index: usize, at: TsNs) {
        let order = &self.orders[index];
        let Some(market) = self.market_index(order.owner.instrument_id) else {
            return;
        };
        let side = across(order.kind.side);
        let book = &self.markets[market].book;
        for level in book.takeable(side, order.limit(), order.leaves()) {
            self.markets[market].book.take(side, level);
            let fill = Fill {
                price_ticks: level.price_ticks,
                qty_lots: level.qty_lots,
                liquidity: Liquidity::Taker,
            };
            self.fill(market, index, fill, at);
        }
    }

    /// Books a fill with order and ledger, and reports it. A fault may have it happen twice.
    pub(super) fn fill(&mut self, market: usize, index: usize, fill: Fill, at: TsNs) {
        let order = &mut self.orders[index];
        let valuation = self.markets[market].valuation;
        order.credit(fill.qty_lots);
        let report = self.outbox.fill(order, fill, valuation, at);
        self.ledger.book(order, report, false);
        self.outbox.about_order(order, report, at);
        if order.is_open() {
            return;
        }
        match self.outbox.faults.take_overfill() {
            Some(true) => {
                order.overfill(fill.qty_lots);
                let report = self.outbox.fill(order, fill, valuation, at);
                self.ledger.book(order, report, true);
                self.outbox.about_order(order, report, at);
            }
            Some(false) => {
                let report = self.outbox.renumbered(report);
                self.outbox.about_order(order, report, at);
            }
            None => {}
        }
    }

    /// Puts what is left of an order at the end of the queue at its price.
    fn rest(&mut self, index: usize) {
        let order = &self.orders[index];
        let (side, price) = (order.kind.side, order.price_ticks);
        let Some(market) = self.market_index(order.owner.instrument_id) else {
            return;
        };
        let market = &mut self.markets[market];
        let displayed = market.book.displayed(along(side), price);
        let own_ahead = market.resting(side).own_ahead(&self.orders, price);
        let mut queue = QueuePosition::at_end(displayed, own_ahead, market.book.as_of_update());
        queue.arrival = market.orders.next();
        self.orders[index].state = State::Resting(queue);
        market.resting_mut(side).insert(&self.orders, index);
    }

    /// Takes an order out of the book, or out of the stops.
    fn unrest(&mut self, index: usize) {
        let order = &self.orders[index];
        if let Some(market) = self.market_index(order.owner.instrument_id) {
            let market = &mut self.markets[market];
            if order.is_waiting() {
                market.stops.retain(|stop| *stop != index);
            } else {
                market.resting_mut(order.kind.side).remove(index);
            }
        }
    }

    /// Ends an open order without a word.
    fn close(&mut self, index: usize, status: OrdStatus) {
        self.unrest(index);
        self.orders[index].state = State::Done(status);
        self.forget_expiry(index);
    }

    /// Ends an open order without a request.
    pub(super) fn end(&mut self, index: usize, status: OrdStatus, exec_type: ExecType, at: TsNs) {
        self.close(index, status);
        self.outbox.event(&self.orders[index], exec_type, at);
    }

    /// Ends the orders whose time is over at `at`.
    pub(super) fn expire(&mut self, at: TsNs) {
        while let Some((due, index)) = self.expiries.first().copied()
            && due <= at
        {
            self.end(index, OrdStatus::Expired, ExecType::Expired, at);
        }
    }

    pub(super) fn forget_expiry(&mut self, index: usize) {
        if let Some(expires_at) = self.orders[index].kind.expires_at {
            self.expiries.remove(&(expires_at, index));
        }
    }

    /// Cancels resting reduce-only orders that the position has no room for any more.
    pub(super) fn drop_what_increases(&mut self, market: usize, at: TsNs) {
        for side in [Side::Buy, Side::Sell] {
            let rests = &self.markets[market];
            let position = self.ledger.position(rests.row.header.instrument_id).get();
            let increases = |index: &usize| self.orders[*index].would_increase(position);
            let dropped: Vec<usize> = rests.resting(side).iter().filter(increases).collect();
            for index in dropped {
                self.end(index, OrdStatus::Canceled, ExecType::Canceled, at);
            }
        }
    }

    fn next_rank(&mut self) -> u64 {
        self.last_rank += 1;
        self.last_rank
    }

    /// Lots of others ahead of a resting order; `None` where it does not rest.
    #[must_use]
    pub fn queue_ahead(&self, cl_ord_id: ClOrdId) -> Option<QtyLots> {
        let Some(IdUse::Order(index)) = self.ids.get(&cl_ord_id) else {
            return None;
        };
        match self.orders.get(*index)?.state {
            State::Resting(queue) => Some(QtyLots(queue.ahead())),
            State::Waiting { .. } | State::Taking | State::Done(_) => None,
        }
    }
}
