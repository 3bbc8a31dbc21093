//! One instrument at the venue, and what market frames do to the orders on it.
//!
//! Owns: queues that move with depth, fills and triggers that trades bring. Must never: fill a
//! resting order without a recorded trade (see `trades`), or let a quote trigger a stop. Runs
//! wherever the simulated venue runs; may allocate.

use super::book::{Applied, SimBook};
use super::checks::is_triggered;
use super::fees::Valuation;
use super::order::State;
use super::outbox::Fill;
use super::queue::{QueueModel, QueuePosition};
use super::trades::Resting;
use super::{SimVenue, along};
use crate::by_order::OrderBook;
use wire::instrument::Instrument;
use wire::market::{AggressorSide, Level, Status, Trade, TradingStatus};
use wire::order::{ExecType, Liquidity, OrdStatus, Side};
use wire::{Frame, FrameHeader, PriceTicks, QtyLots};

#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) row: Instrument,
    pub(crate) valuation: Valuation,
    pub(crate) book: SimBook,
    /// The book by order, kept only for the queue model that asks it.
    pub(crate) orders: OrderBook,
    pub(crate) status: TradingStatus,
    /// Price of the last recorded trade.
    pub(crate) last_trade: Option<PriceTicks>,
    buys: Resting,
    sells: Resting,
    /// Stops that have not acted yet, in order of arrival.
    pub(crate) stops: Vec<usize>,
}

impl Market {
    pub(crate) fn new(row: Instrument, valuation: Valuation) -> Self {
        Self {
            row,
            valuation,
            book: SimBook::new(),
            orders: OrderBook::new(),
            status: TradingStatus::Trading,
            last_trade: None,
            buys: Resting::default(),
            sells: Resting::default(),
            stops: Vec::new(),
        }
    }

    pub(crate) fn resting(&self, side: Side) -> &Resting {
        match side {
            Side::Buy => &self.buys,
            Side::Sell => &self.sells,
        }
    }

    pub(crate) fn resting_mut(&mut self, side: Side) -> &mut Resting {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    /// Orders that are not done, in no order.
    pub(crate) fn open(&self) -> impl Iterator<Item = usize> + '_ {
        self.buys.iter().chain(self.sells.iter()).chain(self.stops.iter().copied())
    }
}

impl SimVenue {
    #[expect(clippy::wildcard_enum_match_arm, reason = "market_header lets market kinds through")]
    pub(super) fn apply(&mut self, index: usize, frame: &Frame<'_>) {
        let by_order = self.queue_model == QueueModel::L3Fifo;
        let Market { book, orders, .. } = &mut self.markets[index];
        match frame {
            Frame::BookSnapshot(depth) => {
                let applied = book.on_snapshot(depth);
                if by_order {
                    orders.on_snapshot(depth);
                }
                self.move_queues(index, applied);
            }
            Frame::DepthDelta(depth) => {
                let applied = book.on_delta(depth);
                if by_order {
                    orders.on_delta(depth);
                }
                self.name_levels(index, [depth.bids, depth.asks]);
                self.move_queues(index, applied);
            }
            Frame::Quote(quote) => book.on_quote(quote),
            Frame::Gap(_) => book.on_gap(),
            Frame::Status(status) => self.markets[index].status = trading_status(status),
            Frame::Trade(trade) => self.on_trade(index, trade),
            _ => {}
        }
        self.release_stops(index);
    }

    /// Tells the orders at the prices a depth frame names; it counts at its message's end.
    fn name_levels(&mut self, index: usize, levels: [&[Level]; 2]) {
        if !self.queue_model.follows_depth() {
            return;
        }
        for (side, levels) in [Side::Buy, Side::Sell].into_iter().zip(levels) {
            for i in self.markets[index].resting(side).iter() {
                let order = &mut self.orders[i];
                if let State::Resting(queue) = &mut order.state
                    && levels.iter().any(|level| level.price_ticks == order.price_ticks)
                {
                    queue.name();
                }
            }
        }
    }

    fn move_queues(&mut self, index: usize, applied: Applied) {
        if applied == Applied::Incomplete || !self.queue_model.follows_depth() {
            return;
        }
        let market = &self.markets[index];
        let lot_size_e9 = market.row.lot_size_e9;
        for side in [Side::Buy, Side::Sell] {
            let resting = market.resting(side);
            for i in resting.iter() {
                let order = &mut self.orders[i];
                let shown = market.book.depth_at(along(side), order.price_ticks);
                let State::Resting(queue) = &mut order.state else {
                    continue;
                };
                let price = order.price_ticks;
                match (applied, self.queue_model) {
                    (Applied::Snapshot, QueueModel::L3Fifo) => {
                        // Who stands where is not known any more: all of it is ahead.
                        *queue = QueuePosition::at_end(shown.0, 0, 0);
                        queue.arrival = market.orders.next();
                    }
                    (Applied::Snapshot, _) => queue.on_resync(shown.0),
                    (Applied::Delta, QueueModel::L3Fifo) => {
                        queue.on_orders(market.orders.ahead(along(side), price, queue.arrival));
                    }
                    (Applied::Delta, _) => queue.on_depth(self.queue_model, shown, lot_size_e9),
                    (Applied::Incomplete, _) => {}
                }
            }
            resting.keep_time_order(&mut self.orders);
        }
    }

    fn on_trade(&mut self, index: usize, trade: &Trade) {
        let sides: &[Side] = match AggressorSide::from_code(trade.aggressor) {
            Some(AggressorSide::Sell) => &[Side::Buy],
            Some(AggressorSide::Buy) => &[Side::Sell],
            Some(AggressorSide::Unknown) | None => &[Side::Buy, Side::Sell],
        };
        let mut left = trade.qty_lots;
        for side in sides {
            left = self.share_out(index, *side, trade.price_ticks, left);
        }
        self.markets[index].last_trade = Some(trade.price_ticks);
        for stop in &self.markets[index].stops {
            let order = &mut self.orders[*stop];
            if is_triggered(order.kind.side, order.stop_px_ticks, trade.price_ticks) {
                order.state = State::Waiting { is_triggered: true };
            }
        }
    }

    fn share_out(&mut self, index: usize, side: Side, price: PriceTicks, qty: QtyLots) -> QtyLots {
        let market = &self.markets[index];
        let position = self.ledger.position(market.row.header.instrument_id).get();
        let resting = market.resting(side);
        let (fills, left) = resting.share_out(&mut self.orders, (price, qty), position);
        for (i, qty_lots) in fills {
            let price_ticks = self.orders[i].price_ticks;
            let fill = Fill { price_ticks, qty_lots, liquidity: Liquidity::Maker };
            self.fill(index, i, fill, self.clock);
            if !self.orders[i].is_open() {
                self.markets[index].resting_mut(side).remove(i);
                self.forget_expiry(i);
            }
        }
        self.drop_what_increases(index, self.clock);
        left
    }

    /// Lets triggered stops act, in order of arrival, if the market is open.
    fn release_stops(&mut self, index: usize) {
        let market = &mut self.markets[index];
        if market.stops.is_empty() || !market.is_open() {
            return;
        }
        let is_ready = |i: &usize| self.orders[*i].state == State::Waiting { is_triggered: true };
        let ready: Vec<usize> = market.stops.iter().copied().filter(is_ready).collect();
        for i in ready {
            let market = &self.markets[index];
            let position = self.ledger.position(market.row.header.instrument_id).get();
            if self.orders[i].would_increase(position) {
                self.end(i, OrdStatus::Canceled, ExecType::Canceled, self.clock);
            } else {
                self.markets[index].stops.retain(|stop| *stop != i);
                self.act(i, self.clock);
            }
        }
    }
}

fn trading_status(status: &Status) -> TradingStatus {
    TradingStatus::from_code(status.status).unwrap_or(TradingStatus::Unknown)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only market kinds are market events")]
pub(super) fn market_header<'a>(frame: &Frame<'a>) -> Option<&'a FrameHeader> {
    match frame {
        Frame::DepthDelta(depth) => Some(&depth.head.header),
        Frame::BookSnapshot(depth) => Some(&depth.head.header),
        Frame::Trade(f) => Some(&f.header),
        Frame::Quote(f) => Some(&f.header),
        Frame::Gap(f) => Some(&f.header),
        Frame::Status(f) => Some(&f.header),
        _ => None,
    }
}
