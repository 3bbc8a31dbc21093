//! The market of one instrument as it truly is, and the line its messages come over: gaps,
//! duplicates, messages out of order, crossed and one-sided books, bursts, silence.
//!
//! The line numbers its messages; what it lets through continues the book, and where it cannot it
//! says so with a gap and sends a snapshot later, as a feed handler must. What the station's book
//! is compared with stands here.

use super::cover::Fault;
use super::dice::Dice;
use super::frames::{Depth, Frames};
use super::plan::{Faults, Plan};
use super::setup::{START_TICKS, instrument_id, venue_id, venue_of};
use bytemuck::Zeroable;
use wire::TsNs;
use wire::frame::FrameHeader;
use wire::market::{FLAG_FIRST, Gap, GapReason, Quote, Status, Trade, TradingStatus};
use wire::order::Side;
use wire::{PriceTicks, QtyLots};

/// Levels a side.
const LEVELS: usize = 12;
const MS: u64 = 1_000_000;

/// A trade on the market.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Print {
    pub(crate) px: i64,
    pub(crate) qty: i64,
    /// Who took.
    pub(crate) aggressor: Side,
}

/// The market and its line.
#[derive(Debug)]
pub(crate) struct Market {
    header: FrameHeader,
    /// Best first: price and lots.
    pub(crate) bids: Vec<(i64, i64)>,
    /// Best first: price and lots.
    pub(crate) asks: Vec<(i64, i64)>,
    id: u64,
    trades: u64,
    /// Whether the station's book is in step with this one.
    pub(crate) in_step: bool,
    /// When the snapshot comes that brings it back in step.
    snapshot_ns: Option<u64>,
    silent_until: u64,
    halted_until: u64,
    is_halted: bool,
    /// A level that crosses the book, to be taken out again.
    crossing: Option<(Side, i64)>,
    dice: Dice,
    changed: [Vec<(i64, i64)>; 2],
}

fn side_index(side: Side) -> usize {
    usize::from(side == Side::Sell)
}

impl Market {
    pub(crate) fn new(plan: &Plan, instrument: usize) -> Self {
        let mut header = FrameHeader::new::<Trade>();
        header.instrument_id = instrument_id(instrument);
        header.venue_id = venue_id(venue_of(plan, instrument));
        let level = |n: usize| i64::try_from(n).unwrap_or(0);
        Self {
            header,
            bids: (0..LEVELS).map(|n| (START_TICKS - 1 - level(n), 40)).collect(),
            asks: (0..LEVELS).map(|n| (START_TICKS + 1 + level(n), 40)).collect(),
            id: 1,
            trades: 0,
            in_step: false,
            snapshot_ns: Some(0),
            silent_until: 0,
            halted_until: 0,
            is_halted: false,
            crossing: None,
            dice: Dice::of(plan.seed, 100 + instrument as u64),
            changed: [Vec::new(), Vec::new()],
        }
    }

    /// The session to the station begins anew: its book is empty.
    pub(crate) fn restart(&mut self, now: u64) {
        self.in_step = false;
        self.snapshot_ns = Some(now);
    }

    /// Nothing is wrong any more.
    pub(crate) fn heal(&mut self, now: u64) {
        (self.silent_until, self.halted_until) = (0, 0);
        if !self.in_step {
            self.snapshot_ns = Some(now);
        }
    }

    /// Best bid and ask.
    pub(crate) fn touch(&self) -> Option<(i64, i64)> {
        Some((self.bids.first()?.0, self.asks.first()?.0))
    }

    /// Lots shown at the best price a side would take from.
    pub(crate) fn shown(&self, taker: Side) -> Option<(i64, i64)> {
        match taker {
            Side::Buy => self.asks.first().copied(),
            Side::Sell => self.bids.first().copied(),
        }
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.is_halted
    }

    fn levels(&mut self, side: Side) -> &mut Vec<(i64, i64)> {
        if side == Side::Buy { &mut self.bids } else { &mut self.asks }
    }

    /// Something happens in the market; what the station gets to see of it goes to `out`.
    pub(crate) fn step(
        &mut self,
        now: u64,
        faults: &mut Faults,
        out: &mut Frames,
        prints: &mut Vec<Print>,
    ) {
        self.header.ts_event_ns = TsNs(now);
        if faults.strikes(Fault::FeedEventTime) {
            let hour = 3_600_000 * MS;
            let odd = [0, u64::MAX - 1, now.saturating_sub(hour), now + hour];
            self.header.ts_event_ns = TsNs(self.dice.pick(&odd).unwrap_or(now));
        }
        self.status(now, faults, out);
        if now < self.silent_until {
            return;
        }
        if faults.strikes(Fault::FeedSilence) {
            self.silent_until = now + self.dice.span(50, 6_000) * MS;
            return;
        }
        if self.snapshot_ns.is_some_and(|at| at <= now) {
            return self.snapshot(out);
        }
        let count = if faults.strikes(Fault::FeedBurst) { self.dice.span(10, 40) } else { 1 };
        for _ in 0..count {
            match self.dice.below(10) {
                0..=5 => self.change(now, faults, out),
                6..=7 => prints.push(self.trade(out)),
                8 => self.quote(out),
                _ => self.move_touch(now, faults, out),
            }
        }
    }

    fn status(&mut self, now: u64, faults: &mut Faults, out: &mut Frames) {
        let say = if self.is_halted && now >= self.halted_until {
            self.is_halted = false;
            TradingStatus::Trading
        } else if !self.is_halted && faults.strikes(Fault::FeedHalt) {
            self.is_halted = true;
            self.halted_until = now + self.dice.span(20, 3_000) * MS;
            let kinds = [TradingStatus::Halted, TradingStatus::Auction, TradingStatus::Closed];
            self.dice.pick(&kinds).unwrap_or(TradingStatus::Unknown)
        } else {
            return;
        };
        let mut frame = Status::zeroed();
        frame.header = self.head(FrameHeader::new::<Status>());
        frame.status = say.code();
        out.put(&frame);
    }

    fn head(&self, mut header: FrameHeader) -> FrameHeader {
        header.instrument_id = self.header.instrument_id;
        header.venue_id = self.header.venue_id;
        header.ts_event_ns = self.header.ts_event_ns;
        header
    }

    /// What is known already, once more: a quote and a trade for nothing.
    pub(crate) fn repeat(&mut self, out: &mut Frames) {
        self.quote(out);
        self.trade(out);
    }

    fn trade(&mut self, out: &mut Frames) -> Print {
        let aggressor = if self.dice.one_in(2) { Side::Buy } else { Side::Sell };
        let (px, shown) = self.shown(aggressor).unwrap_or((START_TICKS, 1));
        let through = if self.dice.one_in(8) { self.dice.from(1, 4) } else { 0 };
        let px = if aggressor == Side::Buy { px + through } else { px - through };
        let print = Print { px, qty: self.dice.from(1, shown.max(2)), aggressor };
        self.trades += 1;
        let mut frame = Trade::zeroed();
        frame.header = self.head(FrameHeader::new::<Trade>());
        frame.price_ticks = PriceTicks(px);
        frame.qty_lots = QtyLots(print.qty);
        frame.trade_id = self.trades;
        let codes: [u8; 2] = if self.dice.one_in(12) { [b'U', b'U'] } else { [b'B', b'S'] };
        frame.aggressor = codes[side_index(aggressor)];
        out.put(&frame);
        print
    }

    fn quote(&mut self, out: &mut Frames) {
        let none = (PriceTicks::UNDEF.get(), 0);
        let bid = self.bids.first().copied().unwrap_or(none);
        let ask = self.asks.first().copied().unwrap_or(none);
        let mut frame = Quote::zeroed();
        frame.header = self.head(FrameHeader::new::<Quote>());
        (frame.bid_price_ticks, frame.bid_qty_lots) = (PriceTicks(bid.0), QtyLots(bid.1));
        (frame.ask_price_ticks, frame.ask_qty_lots) = (PriceTicks(ask.0), QtyLots(ask.1));
        frame.update_id = self.id;
        out.put(&frame);
    }

    /// Lots at some levels become others; the book stays where it is.
    fn change(&mut self, now: u64, faults: &mut Faults, out: &mut Frames) {
        for _ in 0..self.dice.span(1, 3) {
            let side = if self.dice.one_in(2) { Side::Buy } else { Side::Sell };
            let (n, qty) = (self.dice.index(LEVELS), self.dice.from(1, 90));
            if let Some(level) = self.levels(side).get_mut(n) {
                level.1 = qty;
                let level = *level;
                self.changed[side_index(side)].push(level);
            }
        }
        self.send(now, faults, out);
    }

    /// The touch moves a tick, crosses, comes back, or a side goes empty.
    fn move_touch(&mut self, now: u64, faults: &mut Faults, out: &mut Frames) {
        if let Some((side, px)) = self.crossing.take() {
            self.levels(side).retain(|level| level.0 != px);
            self.changed[side_index(side)].push((px, 0));
        } else if self.bids.is_empty() || self.asks.is_empty() {
            self.refill();
        } else if faults.strikes(Fault::FeedOneSided) {
            let side = if self.dice.one_in(2) { Side::Buy } else { Side::Sell };
            let gone = std::mem::take(self.levels(side));
            self.changed[side_index(side)].extend(gone.iter().map(|(px, _)| (*px, 0)));
        } else if faults.strikes(Fault::FeedCrossed) {
            let (bid, ask) = self.touch().unwrap_or((START_TICKS, START_TICKS + 1));
            let side = if self.dice.one_in(2) { Side::Buy } else { Side::Sell };
            // Locked or crossed.
            let over = self.dice.from(0, 2);
            let px = if side == Side::Buy { ask + over } else { bid - over };
            self.levels(side).insert(0, (px, 5));
            self.changed[side_index(side)].push((px, 5));
            self.crossing = Some((side, px));
        } else {
            self.walk();
        }
        self.send(now, faults, out);
    }

    fn refill(&mut self) {
        let mid = self.bids.first().map(|b| b.0 + 2);
        let mid = mid.or(self.asks.first().map(|a| a.0 - 2)).unwrap_or(START_TICKS);
        for n in 0..i64::try_from(LEVELS).unwrap_or(0) {
            if self.asks.len() < LEVELS {
                self.asks.push((mid + n, 30));
                self.changed[1].push((mid + n, 30));
            }
            if self.bids.len() < LEVELS {
                self.bids.push((mid - n, 30));
                self.changed[0].push((mid - n, 30));
            }
        }
    }

    /// One side gives way and the other follows, mostly; the spread breathes.
    fn walk(&mut self) {
        let (bid, ask) = self.touch().unwrap_or((START_TICKS - 1, START_TICKS + 1));
        let low = bid < START_TICKS - 1_500;
        let up = low || (ask < START_TICKS + 1_500 && self.dice.one_in(2));
        let (leads, follows) = if up { (Side::Sell, Side::Buy) } else { (Side::Buy, Side::Sell) };
        let wide = ask - bid;
        if wide <= 6 {
            self.levels(leads).remove(0);
            self.changed[side_index(leads)].push((if up { ask } else { bid }, 0));
            let last = self.levels(leads).last().map_or(START_TICKS, |l| l.0);
            let px = if up { last + 1 } else { last - 1 };
            self.levels(leads).push((px, 30));
            self.changed[side_index(leads)].push((px, 30));
        }
        if wide > 1 {
            let px = if up { bid + 1 } else { ask - 1 };
            let qty = self.dice.from(1, 60);
            self.levels(follows).insert(0, (px, qty));
            self.changed[side_index(follows)].push((px, qty));
            if self.levels(follows).len() > LEVELS
                && let Some((px, _)) = self.levels(follows).pop()
            {
                self.changed[side_index(follows)].push((px, 0));
            }
        }
    }

    fn depth(&self, is_snapshot: bool, flags: u8) -> Depth {
        Depth { header: self.header, is_snapshot, id: self.id, flags }
    }

    /// A change goes over the line.
    fn send(&mut self, now: u64, faults: &mut Faults, out: &mut Frames) {
        self.id += 1;
        let [bids, asks] = std::mem::take(&mut self.changed);
        if !self.in_step {
            // The station waits for a snapshot; what comes before it is of no use to it.
            out.depth(&self.depth(false, Depth::WHOLE), &bids, &asks);
        } else if faults.strikes(Fault::FeedGap) || faults.strikes(Fault::FeedReorder) {
            self.gap(now, GapReason::Sequence, out);
        } else if faults.strikes(Fault::FeedDown) {
            self.gap(now, GapReason::Disconnected, out);
        } else if faults.strikes(Fault::FeedRingFull) {
            self.gap(now, GapReason::RingFull, out);
        } else if faults.strikes(Fault::FeedTornMessage) {
            out.depth(&self.depth(false, FLAG_FIRST), &bids, &[]);
            out.depth(&self.depth(false, Depth::WHOLE), &[], &asks);
            (self.in_step, self.snapshot_ns) = (false, Some(now + MS));
        } else {
            out.depth(&self.depth(false, Depth::WHOLE), &bids, &asks);
            if faults.strikes(Fault::FeedDuplicate) {
                out.depth(&self.depth(false, Depth::WHOLE), &bids, &asks);
            }
        }
        self.changed = [bids, asks];
        self.changed.iter_mut().for_each(Vec::clear);
    }

    fn gap(&mut self, now: u64, reason: GapReason, out: &mut Frames) {
        let mut frame = Gap::zeroed();
        frame.header = self.head(FrameHeader::new::<Gap>());
        (frame.expected_id, frame.received_id) = (self.id, self.id + 1);
        frame.reason = reason.code();
        out.put(&frame);
        let wait = self.dice.span(1, 400) * MS;
        (self.in_step, self.snapshot_ns) = (false, Some(now + wait));
    }

    fn snapshot(&mut self, out: &mut Frames) {
        let (bids, asks) = (std::mem::take(&mut self.bids), std::mem::take(&mut self.asks));
        if bids.len() > 2 && self.dice.one_in(4) {
            // In two frames.
            let (near, far) = bids.split_at(2);
            out.depth(&self.depth(true, FLAG_FIRST), near, &[]);
            out.depth(&self.depth(true, Depth::WHOLE & !FLAG_FIRST), far, &asks);
        } else {
            out.depth(&self.depth(true, Depth::WHOLE), &bids, &asks);
        }
        (self.bids, self.asks) = (bids, asks);
        (self.in_step, self.snapshot_ns) = (true, None);
    }
}
