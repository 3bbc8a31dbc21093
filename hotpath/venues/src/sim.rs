//! The simulated venue: takes order frames, plays recorded market frames against them, and
//! answers with execution reports. A state machine without I/O, in recorded time.
//!
//! Owns: its own book, its own record of every order, both latencies, the fees. Must never: share
//! code with the engine's order states, read a clock, use a float, or fill a resting order without
//! a recorded trade at or through its price. Runs on the edge thread in a replay and inline in a
//! backtest; may allocate.
//!
//! # Time
//! The venue lives on the receive clock of the recording (`ts_recv_ns` of market frames): one
//! clock for market, orders and reports. What the feed delayed is therefore in the book already,
//! and the entry latency should cover the way to the venue *and* the feed's way back.
//! A request takes effect at sending time plus entry latency, a report is delivered at venue time
//! plus response latency. Each direction is first in, first out. In a report `ts_event_ns` is the
//! venue's time and `ts_recv_ns` the delivery.
//! At one nanosecond the order is: market frames as they come, requests as they were sent,
//! reports as they were made. [`SimVenue::on_market`] at `t` therefore runs everything before `t`
//! only; [`SimVenue::advance`] to `t` closes `t`, and a market frame stamped at or before a closed
//! time is applied at the venue's present.
//!
//! # What a new order meets, in this order
//! unknown symbol; `ClOrdID` used before, also by a rejected order (`DuplicateOrder`); no id, or
//! post-only that is not GTC limit (`Unsupported`); a limit without or a market order with a price
//! (`BadPrice`); quantity outside minimum and maximum (`BadQuantity`); price not positive; not
//! trading, or the book unusable (before the first snapshot, after a gap, in the middle of a
//! message: `MarketClosed`); nothing to take for a market order (`NoLiquidity`); value beyond 64
//! bits (`ExceedsLimit`) or below the minimum (`BadQuantity`; a market order is valued at the
//! touch); post-only that would take (`WouldTake`); fill-or-kill that cannot fill whole from what
//! is displayed (`NoLiquidity`). Instruments start as trading. Inverse perpetuals are taken, their
//! contracts at [`SimConfig::inverse_contract_value`].
//!
//! # Fills
//! - *Taking*: at arrival, level by level, what is displayed up to the limit. Displayed is the
//!   depth, or for the touch the quote while its update number is newer: better levels of the
//!   depth are then gone, worse ones stand. What was taken stays taken until the venue shows
//!   another quantity for that level. A remainder rests (GTC limit) or expires (all else; a market
//!   order is immediate whatever it says). Our own orders never meet each other.
//! - *Resting*: behind the quantity displayed at its price, and behind our own earlier orders. A
//!   trade whose aggressor hits our side (unknown hits both, buys first) at the price first uses
//!   up the queue ahead, then fills; a trade through the price fills at once, at our limit. All our
//!   orders together never get more lots than the trade had. Quotes never move a queue, depth
//!   messages only by the [`QueueModel`]. Trades count also in a gap or halt: they are evidence.
//!
//! # Cancel and replace
//! A cancel may name any id the order ever had; a replace only the present one. Unknown id or a
//! wrong order id: `UnknownOrder`; done, superseded, or a new quantity not above what is filled:
//! `TooLate`. A replace passes the checks of a new order or changes nothing. It keeps the queue
//! where the price stays and the quantity does not rise; else it goes to the end and may take.

mod book;
mod entry;
mod fees;
mod latency;
mod order;
mod queue;
mod trades;

pub use fees::Fees;
pub use latency::{Latency, Quantile};
pub use queue::QueueModel;

use book::{Applied, SimBook};
use entry::along;
use fees::Valuation;
use latency::{Link, SplitMix64};
use order::{Fill, Order, Outbox, State};
use std::collections::{BTreeMap, VecDeque};
use trades::Resting;
use wire::instrument::Instrument;
use wire::market::{AggressorSide, Status, Trade, TradingStatus};
use wire::order::{CancelOrder, Liquidity, NewOrder, ReplaceOrder, Side};
use wire::{
    ClOrdId, DecodeError, Frame, FrameHeader, FrameSink, InstrumentId, PriceTicks, QtyLots, TsNs,
};

/// How the simulated venue behaves.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// From sending an order to the venue taking it up.
    pub entry_latency: Latency,
    /// From the venue's decision to the report's arrival here.
    pub response_latency: Latency,
    /// What a shrinking level means for the queue ahead.
    pub queue_model: QueueModel,
    /// Maker and taker fee.
    pub fees: Fees,
    /// What one contract of an inverse perpetual is worth, whole units of quote currency.
    pub inverse_contract_value: u32,
    /// Seed of the latency draws; the only chance in the venue.
    pub seed: u64,
}

impl Default for SimConfig {
    /// 1 ms each way, risk-averse queue, no fees, 100 a contract, seed 1.
    fn default() -> Self {
        Self {
            entry_latency: Latency::Constant(1_000_000),
            response_latency: Latency::Constant(1_000_000),
            queue_model: QueueModel::RiskAverse,
            fees: Fees::default(),
            inverse_contract_value: 100,
            seed: 1,
        }
    }
}

/// Why a simulated venue cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// A sampled latency without samples.
    #[error("latency samples are empty")]
    NoSamples,
    /// A quantile table that does not start at 0, end at 1,000,000 and rise.
    #[error("latency quantiles must run from 0 to 1000000 millionths and never fall")]
    BadQuantiles,
    /// Exponent of the power queue model outside 1 to 3.
    #[error("queue model exponent {0} is not 1 to 3")]
    BadExponent(u8),
    /// A fee rate beyond 10 %.
    #[error("fee rate {0} is not -100000 to 100000 millionths")]
    BadFeeRate(i32),
    /// The table's rows are not numbered by their index.
    #[error("row {row} of the instrument table has instrument id {found}")]
    BadTable {
        /// Row, from 0.
        row: usize,
        /// Instrument id found there.
        found: u32,
    },
    /// An instrument whose increments cannot be accounted for exactly.
    #[error("instrument `{symbol}`: value of a tick on a lot is not whole billionths")]
    NotAccountable {
        /// Venue symbol.
        symbol: String,
    },
}

/// Why bytes are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Not a frame.
    #[error("order frame cannot be decoded")]
    Frame(#[source] DecodeError),
    /// A frame of another kind, by its code.
    #[error("frame kind {0} is no order request")]
    NotARequest(u16),
}

#[derive(Clone, Copy, Debug)]
enum Request {
    New(NewOrder),
    Cancel(CancelOrder),
    Replace(ReplaceOrder),
}

/// What a client order id stands for.
#[derive(Clone, Copy, Debug)]
enum IdUse {
    Order(usize),
    Rejected,
}

#[derive(Debug)]
struct Market {
    row: Instrument,
    valuation: Valuation,
    book: SimBook,
    status: TradingStatus,
    buys: Resting,
    sells: Resting,
}

impl Market {
    fn resting(&self, side: Side) -> &Resting {
        match side {
            Side::Buy => &self.buys,
            Side::Sell => &self.sells,
        }
    }

    fn resting_mut(&mut self, side: Side) -> &mut Resting {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }
}

/// The simulated venue; the module says its rules.
#[derive(Debug)]
pub struct SimVenue {
    clock: TsNs,
    queue_model: QueueModel,
    markets: Vec<Market>,
    orders: Vec<Order>,
    ids: BTreeMap<ClOrdId, IdUse>,
    entry: Link,
    inbox: VecDeque<(TsNs, Request)>,
    outbox: Outbox,
    last_rank: u64,
}

impl SimVenue {
    /// A venue that lists these instruments; row i must have instrument id i.
    ///
    /// # Errors
    /// The first [`SimError`] found.
    pub fn new(config: SimConfig, table: &[Instrument]) -> Result<Self, SimError> {
        config.entry_latency.validate()?;
        config.response_latency.validate()?;
        config.queue_model.validate()?;
        config.fees.validate()?;
        let mut markets = Vec::with_capacity(table.len());
        for (row, instrument) in table.iter().enumerate() {
            let id = instrument.header.instrument_id;
            if usize::try_from(id.get()).ok() != Some(row) {
                return Err(SimError::BadTable { row, found: id.get() });
            }
            let valuation = Valuation::of(instrument, config.inverse_contract_value)
                .ok_or_else(|| SimError::NotAccountable { symbol: instrument.symbol().into() })?;
            markets.push(Market {
                row: *instrument,
                valuation,
                book: SimBook::new(),
                status: TradingStatus::Trading,
                buys: Resting::default(),
                sells: Resting::default(),
            });
        }
        // Each direction has a stream of its own: a report more does not shift entry latencies.
        let mut seeds = SplitMix64::new(config.seed);
        let entry = Link::new(config.entry_latency, seeds.next());
        let response = Link::new(config.response_latency, seeds.next());
        Ok(Self {
            clock: TsNs(0),
            queue_model: config.queue_model,
            markets,
            orders: Vec::new(),
            ids: BTreeMap::new(),
            entry,
            inbox: VecDeque::new(),
            outbox: Outbox::new(response, config.fees),
            last_rank: 0,
        })
    }

    /// Takes a market frame at its `ts_recv_ns`: runs what was due before, then applies it.
    /// Frames that are no market event, and instruments not in the table, are passed over.
    pub fn on_market(&mut self, frame: &Frame<'_>, out: &mut impl FrameSink) {
        let Some(header) = market_header(frame) else {
            return;
        };
        let stamped = header.ts_recv_ns;
        let at = if stamped == TsNs::UNDEF { self.clock } else { stamped.max(self.clock) };
        self.run(at, false, out);
        self.clock = at;
        if let Some(index) = self.market_index(header.instrument_id) {
            self.apply(index, frame);
        }
    }

    /// Takes an order frame (new, cancel, replace) that left at `sent_at`; returns when it arrives.
    /// An arrival the venue has already played past is taken up at the venue's present.
    ///
    /// # Errors
    /// An [`OrderError`]; nothing is taken.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "three kinds are requests, the rest are not"
    )]
    pub fn on_order(&mut self, frame: &[u8], sent_at: TsNs) -> Result<TsNs, OrderError> {
        let request = match wire::decode(frame).map_err(OrderError::Frame)? {
            Frame::NewOrder(f) => Request::New(*f),
            Frame::CancelOrder(f) => Request::Cancel(*f),
            Frame::ReplaceOrder(f) => Request::Replace(*f),
            _ => {
                let kind = wire::frame::header(frame).map_err(OrderError::Frame)?.kind;
                return Err(OrderError::NotARequest(kind));
            }
        };
        let arrival = self.entry.arrival(sent_at, self.clock);
        self.inbox.push_back((arrival, request));
        Ok(arrival)
    }

    /// Runs everything due at or before `now` and hands out the reports, in delivery order.
    pub fn advance(&mut self, now: TsNs, out: &mut impl FrameSink) {
        self.run(now, true, out);
        self.clock = self.clock.max(now);
    }

    /// When something happens next without a market frame: a request arrives or a report is due.
    #[must_use]
    pub fn next_due(&self) -> Option<TsNs> {
        let arrival = self.inbox.front().map(|(at, _)| *at);
        match (arrival, self.outbox.next_due()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The venue's time: the latest it was taken to.
    #[must_use]
    pub fn now(&self) -> TsNs {
        self.clock
    }

    /// Orders in the book.
    #[must_use]
    pub fn open_orders(&self) -> usize {
        self.markets.iter().map(|m| m.buys.len() + m.sells.len()).sum()
    }

    /// Lots of others ahead of a resting order; `None` where it does not rest.
    #[must_use]
    pub fn queue_ahead(&self, cl_ord_id: ClOrdId) -> Option<QtyLots> {
        let Some(IdUse::Order(index)) = self.ids.get(&cl_ord_id) else {
            return None;
        };
        match self.orders.get(*index)?.state {
            State::Resting(queue) => Some(QtyLots(queue.ahead)),
            State::Taking | State::Done(_) => None,
        }
    }

    fn run(&mut self, now: TsNs, inclusive: bool, out: &mut impl FrameSink) {
        while let Some((at, request)) = self.inbox.front().copied() {
            if at > now || (at == now && !inclusive) {
                break;
            }
            self.inbox.pop_front();
            self.clock = self.clock.max(at);
            match request {
                Request::New(frame) => self.on_new(&frame, at),
                Request::Cancel(frame) => self.on_cancel(&frame, at),
                Request::Replace(frame) => self.on_replace(&frame, at),
            }
        }
        self.outbox.deliver(now, inclusive, out);
    }

    fn market_index(&self, id: InstrumentId) -> Option<usize> {
        usize::try_from(id.get()).ok().filter(|index| *index < self.markets.len())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "market_header lets market kinds through")]
    fn apply(&mut self, index: usize, frame: &Frame<'_>) {
        let book = &mut self.markets[index].book;
        match frame {
            Frame::BookSnapshot(depth) => {
                let applied = book.on_snapshot(depth);
                self.move_queues(index, applied);
            }
            Frame::DepthDelta(depth) => {
                let applied = book.on_delta(depth);
                self.move_queues(index, applied);
            }
            Frame::Quote(quote) => book.on_quote(quote),
            Frame::Gap(_) => book.on_gap(),
            Frame::Status(status) => self.markets[index].status = trading_status(status),
            Frame::Trade(trade) => self.on_trade(index, trade),
            _ => {}
        }
    }

    fn move_queues(&mut self, index: usize, applied: Applied) {
        if applied == Applied::Incomplete {
            return;
        }
        let market = &self.markets[index];
        for side in [Side::Buy, Side::Sell] {
            let resting = market.resting(side);
            for i in resting.iter() {
                let order = &mut self.orders[i];
                let (new, update) = market.book.depth_at(along(side), order.price_ticks);
                let State::Resting(queue) = &mut order.state else {
                    continue;
                };
                match applied {
                    Applied::Snapshot => queue.on_resync(self.queue_model, new),
                    Applied::Delta => queue.on_depth(self.queue_model, new, update),
                    Applied::Incomplete => {}
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
    }

    fn share_out(&mut self, index: usize, side: Side, price: PriceTicks, qty: QtyLots) -> QtyLots {
        let market = &mut self.markets[index];
        let (fills, left) = market.resting(side).share_out(&mut self.orders, price, qty);
        for (i, qty_lots) in fills {
            let order = &mut self.orders[i];
            order.credit(qty_lots);
            let fill =
                Fill { price_ticks: order.price_ticks, qty_lots, liquidity: Liquidity::Maker };
            self.outbox.fill(order, fill, market.valuation, self.clock);
            if order.leaves().get() == 0 {
                market.resting_mut(side).remove(i);
            }
        }
        left
    }
}

fn trading_status(status: &Status) -> TradingStatus {
    TradingStatus::from_code(status.status).unwrap_or(TradingStatus::Unknown)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only market kinds are market events")]
fn market_header<'a>(frame: &Frame<'a>) -> Option<&'a FrameHeader> {
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
