//! The simulated venue: takes order frames, plays recorded market frames against them, and
//! answers with execution reports. A state machine without I/O, in recorded time.
//!
//! Owns: its own book, its own record of every order, its own positions and money, both latencies,
//! the fees, and what is scripted to go wrong. Must never: share code with the engine's order
//! states, read a clock, use a float (but for the share of the logarithmic queue model, from
//! `libm`), or fill a resting order without a recorded trade at or through its price. Runs on the
//! edge thread in a replay and inline in a backtest; may allocate.
//!
//! # Time
//! The venue lives on the receive clock of the recording (`ts_recv_ns` of market frames): one
//! clock for market, orders and reports. What the feed delayed is therefore in the book already,
//! and the entry latency should cover the way to the venue *and* the feed's way back.
//! A request takes effect at sending time plus entry latency, a report is delivered at venue time
//! plus response latency. Each direction is first in, first out. In a report `ts_event_ns` is the
//! venue's time and `ts_recv_ns` the delivery.
//! At one nanosecond the order is: market frames as they come, requests as they were sent, orders
//! that expire, faults of the script, a session that comes back, reports as they were made.
//! [`SimVenue::on_market`] at `t` therefore runs everything before `t` only; [`SimVenue::advance`]
//! to `t` closes `t`, and a market frame stamped at or before a closed time is applied at the
//! venue's present.
//!
//! # What a new order meets, in this order
//! the throttle (`Throttled`); a scripted reject; unknown symbol; `ClOrdID` used before, also by a
//! rejected order (`DuplicateOrder`); no id, an expiry that is not a good-till-date order's or
//! lacks there, or post-only that is not a limit order that rests (`Unsupported`); a limit or
//! trigger lacking where the type has one, or there where it has none (`BadPrice`); an expiry at or
//! before now (`Expired`); quantity outside minimum and maximum (`BadQuantity`); price or trigger
//! not positive (`BadPrice`); not trading, or the book unusable (before the first snapshot, after a
//! gap, in the middle of a message: `MarketClosed`); a trigger the last recorded trade is at or
//! through (`WrongTrigger`; before the first trade no trigger is wrong); nothing to take for a
//! market order (`NoLiquidity`); value beyond 64 bits (`ExceedsLimit`) or below the minimum
//! (`BadQuantity`; a market order is valued at the touch, a stop at its trigger); reduce-only for
//! more than would flatten the position (`WouldIncrease`); post-only that would take (`WouldTake`);
//! fill-or-kill that cannot fill whole from what is displayed (`NoLiquidity`; a stop is asked at
//! its trigger). Instruments start as trading. Inverse perpetuals are taken, their contracts at
//! [`SimConfig::inverse_contract_value`].
//!
//! # Fills
//! - *Taking*: at arrival, level by level, what is displayed up to the limit. Displayed is the
//!   depth, or for the touch the quote while its update number is newer: better levels of the
//!   depth are then gone, worse ones stand. What was taken stays taken until the venue shows
//!   another quantity for that level. A remainder rests (limit, good for longer than at once) or
//!   expires (all else; a market order is immediate whatever it says). Our own orders never meet
//!   each other.
//! - *Resting*: behind the quantity displayed at its price, and behind our own earlier orders. A
//!   trade whose aggressor hits our side (unknown hits both, buys first) at the price first uses
//!   up the queue ahead, then fills; a trade through the price fills at once, at our limit. All our
//!   orders together never get more lots than the trade had. Quotes never move a queue, depth
//!   messages only by the [`QueueModel`]. Trades count also in a gap or halt: they are evidence.
//!
//! # Stops
//! A stop is accepted and waits. A recorded trade at or through its trigger, whoever was the
//! aggressor, sets it off after the fills of that trade; quotes and our own fills never do. It then
//! acts as a market order (stop) or limit order (stop-limit) that arrives at that moment, so that
//! no lot of the trade that set it off is its own; in a gap or halt that moment is when the market
//! is open again. Several act in order of arrival. Immediate-or-cancel and fill-or-kill speak of
//! the moment after the trigger. Reduce-only is checked at arrival and again at the trigger, where
//! one that the position has no room for is canceled.
//!
//! # The end of an order's time
//! Good-till-date ends at its expiry, a day order (day stop too) at the end of the UTC day of
//! venue time it came in; a trade or cancel of that very nanosecond still reaches it.
//!
//! # Reduce-only
//! The position is the venue's own: all fills of the instrument, external orders' too. A resting
//! order is canceled, not cut, as soon as what is left of it alone would more than flatten the
//! position; within one trade the fills of the orders before it count already.
//!
//! # Cancel and replace
//! A cancel may name any id the order ever had, or without one the venue's order id alone; a
//! replace only the present id. Unknown id or a wrong order id: `UnknownOrder`; done, superseded,
//! or a new quantity not above what is filled: `TooLate`. A replace passes the checks of a new
//! order or changes nothing. It keeps the queue where the price stays and the quantity does not
//! rise; else it goes to the end and may take. Of a waiting stop it changes quantity and limit, not
//! the trigger.
//!
//! # Status
//! A mass status is answered for the venue in the request's header (undefined: all) with every open
//! order by arrival, every position, and their count. An order status is every fill again, one
//! taken back followed by its `TradeCancel`, then how the order stands, under its present id. All
//! of it is true at the moment the request takes effect, and travels the link like any report.
//!
//! # Faults
//! A [`FaultPlan`] says what goes wrong and when; without one nothing does. A fill taken back
//! lowers what is filled and goes back to work where the order still works; an order that was
//! filled ends as canceled. While the session is down nothing made for the client is ever sent;
//! what was on its way before still comes, and after it the word that the session is down.

mod book;
mod checks;
mod config;
mod entry;
mod faults;
mod fees;
mod ladder;
mod latency;
mod ledger;
mod market;
mod order;
mod outbox;
mod queue;
mod record;
mod session;
mod status;
mod throttle;
mod trades;

pub use config::{DEFAULT_BALANCE_E9, OrderError, SimConfig, SimError};
pub use faults::{Fault, FaultPlan, Outage, Requests, Scripted, When, Which};
pub use fees::Fees;
pub use latency::{Latency, Link, Quantile};
pub use ledger::{Ledger, VenueFill};
pub use queue::QueueModel;
pub use record::REMEMBERED;
pub use status::OrderView;
pub use throttle::{Budget, Throttle};

use faults::Faults;
use fees::Valuation;
use latency::SplitMix64;
use market::{Market, market_header};
use order::Owner;
use outbox::Outbox;
use record::Orders;
use session::Session;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use throttle::Throttling;
use wire::instrument::Instrument;
use wire::market::BookSide;
use wire::order::{CancelOrder, NewOrder, RejectReason, ReplaceOrder, Side};
use wire::reconcile::{MassStatusRequest, OrderStatusRequest};
use wire::{ClOrdId, Frame, FrameSink, InstrumentId, TsNs};

#[derive(Clone, Copy, Debug)]
enum Request {
    New(NewOrder),
    Cancel(CancelOrder),
    Replace(ReplaceOrder),
    MassStatus(MassStatusRequest),
    OrderStatus(OrderStatusRequest),
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
struct Underway {
    sent_at: TsNs,
    arrival: TsNs,
    request: Request,
}

/// What a client order id stands for.
#[derive(Clone, Copy, Debug)]
enum IdUse {
    Order(usize),
    /// Of an order that never was; the place of the one that came next.
    Rejected(usize),
}

/// What the venue does next without a market frame; in this order at one nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Request,
    Expiry,
    Fault,
    SessionUp,
}

/// The simulated venue; the module says its rules.
#[derive(Debug)]
pub struct SimVenue {
    clock: TsNs,
    queue_model: QueueModel,
    markets: Vec<Market>,
    orders: Orders,
    ids: BTreeMap<ClOrdId, IdUse>,
    /// When open orders end by themselves.
    expiries: BTreeSet<(TsNs, usize)>,
    ledger: Ledger,
    entry: Link,
    inbox: VecDeque<Underway>,
    throttling: Option<Throttling>,
    session: Session,
    outbox: Outbox,
    last_rank: u64,
}

impl SimVenue {
    /// A venue that lists these instruments; row i must have instrument id i.
    ///
    /// # Errors
    /// The first [`SimError`] found.
    pub fn new(config: SimConfig, table: &[Instrument]) -> Result<Self, SimError> {
        config.validate()?;
        let mut markets = Vec::with_capacity(table.len());
        let mut ledger = Ledger::new(config.starting_balance_e9);
        for (row, instrument) in table.iter().enumerate() {
            let id = instrument.header.instrument_id;
            if usize::try_from(id.get()).ok() != Some(row) {
                return Err(SimError::BadTable { row, found: id.get() });
            }
            let valuation = Valuation::of(instrument, config.inverse_contract_value)
                .ok_or_else(|| SimError::NotAccountable { symbol: instrument.symbol().into() })?;
            markets.push(Market::new(*instrument, valuation));
            ledger.add(instrument.header.venue_id, instrument.instrument_type, valuation);
        }
        // Each direction has a stream of its own: a report more does not shift entry latencies.
        let mut seeds = SplitMix64::new(config.seed);
        let entry = Link::new(config.entry_latency, seeds.next());
        let response = Link::new(config.response_latency, seeds.next());
        Ok(Self {
            clock: TsNs(0),
            queue_model: config.queue_model,
            markets,
            orders: Orders::default(),
            ids: BTreeMap::new(),
            expiries: BTreeSet::new(),
            ledger,
            entry,
            inbox: VecDeque::new(),
            throttling: config.throttle.map(Throttling::new),
            session: Session::default(),
            outbox: Outbox::new(response, config.fees, Faults::new(&config.faults)),
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
            self.after_event(at);
        }
    }

    /// Takes a request frame (new, cancel, replace, mass status, order status) that left at
    /// `sent_at`; returns when it arrives. An arrival the venue has already played past is taken
    /// up at the venue's present.
    ///
    /// # Errors
    /// An [`OrderError`]; nothing is taken.
    #[expect(clippy::wildcard_enum_match_arm, reason = "five kinds are requests, the rest are not")]
    pub fn on_order(&mut self, frame: &[u8], sent_at: TsNs) -> Result<TsNs, OrderError> {
        let request = match wire::decode(frame).map_err(OrderError::Frame)? {
            Frame::NewOrder(f) => Request::New(*f),
            Frame::CancelOrder(f) => Request::Cancel(*f),
            Frame::ReplaceOrder(f) => Request::Replace(*f),
            Frame::MassStatusRequest(f) => Request::MassStatus(*f),
            Frame::OrderStatusRequest(f) => Request::OrderStatus(*f),
            _ => {
                let kind = wire::frame::header(frame).map_err(OrderError::Frame)?.kind;
                return Err(OrderError::NotARequest(kind));
            }
        };
        let arrival = self.entry.arrival(sent_at, self.clock);
        self.inbox.push_back(Underway { sent_at, arrival, request });
        Ok(arrival)
    }

    /// Runs everything due at or before `now` and hands out the reports, in delivery order.
    pub fn advance(&mut self, now: TsNs, out: &mut impl FrameSink) {
        self.run(now, true, out);
        self.clock = self.clock.max(now);
    }

    /// When something happens next without a market frame: a message arrives, an order expires, a
    /// fault of the script is due, the session comes back.
    #[must_use]
    pub fn next_due(&self) -> Option<TsNs> {
        earlier(self.next_event().map(|(at, _)| at), self.outbox.next_due())
    }

    /// When the next message that is on its way arrives, either way: what a session that ends
    /// still waits for.
    #[must_use]
    pub fn next_in_flight(&self) -> Option<TsNs> {
        earlier(self.inbox.front().map(|sent| sent.arrival), self.outbox.next_due())
    }

    /// The venue's time: the latest it was taken to.
    #[must_use]
    pub fn now(&self) -> TsNs {
        self.clock
    }

    /// Asked at every market frame: the usual answer, nothing, comes from four look-ups.
    #[inline]
    fn next_event(&self) -> Option<(TsNs, Event)> {
        let mut next: Option<(TsNs, Event)> = None;
        let mut take = |at: Option<TsNs>, event| {
            // At one nanosecond the event asked for first goes first.
            if let Some(at) = at
                && next.is_none_or(|(earliest, _)| at < earliest)
            {
                next = Some((at, event));
            }
        };
        take(self.inbox.front().map(|sent| sent.arrival), Event::Request);
        take(self.expiries.first().map(|(at, _)| *at), Event::Expiry);
        take(self.outbox.faults.next_timed(), Event::Fault);
        take(self.session.up_at(), Event::SessionUp);
        next
    }

    fn run(&mut self, now: TsNs, inclusive: bool, out: &mut impl FrameSink) {
        while let Some((due, event)) = self.next_event() {
            if due > now || (due == now && !inclusive) {
                break;
            }
            self.clock = self.clock.max(due);
            let at = self.clock;
            match event {
                Event::Request => self.take_up(at),
                Event::Expiry => self.expire(at),
                Event::Fault => self.outbox.faults.arm_timed(),
                Event::SessionUp => self.restore_session(at),
            }
            self.after_event(at);
        }
        self.outbox.deliver(now, inclusive, out);
    }

    /// The request that is due: lost with the session, throttled, or done.
    fn take_up(&mut self, at: TsNs) {
        let Some(Underway { sent_at, request, .. }) = self.inbox.pop_front() else { return };
        if self.session.loses(sent_at) {
            return;
        }
        self.outbox.faults.count_request();
        let is_cancel = matches!(request, Request::Cancel(_));
        let is_order = is_cancel || matches!(request, Request::New(_) | Request::Replace(_));
        let throttled = is_order
            && self.throttling.as_mut().is_some_and(|buckets| !buckets.passes(is_cancel, at));
        let reason = RejectReason::Throttled;
        match request {
            Request::New(frame) if throttled => self.reject(&frame, reason, at),
            Request::New(frame) => match self.outbox.faults.rejects_order() {
                Some(reason) => self.reject(&frame, reason, at),
                None => self.on_new(&frame, at),
            },
            Request::Cancel(frame) if throttled => {
                let ids = (frame.cl_ord_id, frame.orig_cl_ord_id);
                self.refuse(Owner::of(&frame.header), ids, (frame.order_id, reason), at);
            }
            Request::Replace(frame) if throttled => {
                let ids = (frame.cl_ord_id, frame.orig_cl_ord_id);
                self.refuse(Owner::of(&frame.header), ids, (frame.order_id, reason), at);
            }
            Request::Cancel(frame) => self.on_cancel(&frame, at),
            Request::Replace(frame) => self.on_replace(&frame, at),
            Request::MassStatus(frame) => self.on_mass_status(&frame, at),
            Request::OrderStatus(frame) => self.on_order_status(&frame, at),
        }
    }

    fn market_index(&self, id: InstrumentId) -> Option<usize> {
        usize::try_from(id.get()).ok().filter(|index| *index < self.markets.len())
    }
}

fn earlier(a: Option<TsNs>, b: Option<TsNs>) -> Option<TsNs> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
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
fn along(side: Side) -> BookSide {
    match side {
        Side::Buy => BookSide::Bid,
        Side::Sell => BookSide::Ask,
    }
}
