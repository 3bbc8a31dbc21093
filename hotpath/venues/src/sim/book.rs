//! The simulated venue's own view of one book: depth, the fresher touch of a quote, and what our
//! own aggressive orders have taken out of it.
//!
//! Owns: displayed and available quantity per price. Must never: see an order, or change for a
//! trade (a trade shows in the next depth or quote message). Runs wherever the simulated venue
//! runs; may allocate (tree nodes).

use super::ladder::Ladder;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use wire::frame::Depth;
use wire::market::{BookSide, BookSnapshot, DepthDelta, FLAG_FIRST, FLAG_LAST, Level, Quote};
use wire::units::SEQ_UNDEF;
use wire::{PriceTicks, QtyLots};

/// What a depth frame completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Nothing: more frames of its message follow, or no snapshot came yet.
    Incomplete,
    /// A depth message.
    Delta,
    /// A snapshot.
    Snapshot,
}

/// Liquidity we took at a price and what was displayed there at the time.
#[derive(Clone, Copy, Debug)]
struct Taken {
    taken: i64,
    displayed: i64,
}

/// A quote that is newer than the depth.
#[derive(Clone, Copy, Debug)]
struct Touch {
    bid: Option<Level>,
    ask: Option<Level>,
    update_id: u64,
}

/// What is known of the best level of one side.
enum Best {
    /// The depth is as new as any quote.
    ByDepth,
    /// A newer quote shows none: the side is empty.
    Nowhere,
    /// A newer quote shows this.
    At(Level),
}

/// One instrument's book.
#[derive(Debug)]
pub(crate) struct SimBook {
    bids: Ladder,
    asks: Ladder,
    touch: Option<Touch>,
    taken_bids: BTreeMap<PriceTicks, Taken>,
    taken_asks: BTreeMap<PriceTicks, Taken>,
    last_update_id: u64,
    has_snapshot: bool,
    mid_message: bool,
}

impl SimBook {
    /// An empty book that waits for its snapshot.
    pub(crate) fn new() -> Self {
        Self {
            bids: Ladder::new(BookSide::Bid),
            asks: Ladder::new(BookSide::Ask),
            touch: None,
            taken_bids: BTreeMap::new(),
            taken_asks: BTreeMap::new(),
            last_update_id: 0,
            has_snapshot: false,
            mid_message: false,
        }
    }

    /// Whether orders can be judged by it: a snapshot came, no gap since, no message half applied.
    pub(crate) fn is_usable(&self) -> bool {
        self.has_snapshot && !self.mid_message
    }

    /// Continuity was lost: what is displayed is void until the next snapshot. What we took is
    /// remembered: a gap refreshes nothing.
    pub(crate) fn on_gap(&mut self) {
        self.touch = None;
        self.clear_depth();
    }

    fn clear_depth(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.last_update_id = 0;
        self.has_snapshot = false;
        self.mid_message = false;
    }

    pub(crate) fn on_snapshot(&mut self, depth: &Depth<'_, BookSnapshot>) -> Applied {
        let flags = depth.head.header.flags;
        if flags & FLAG_FIRST != 0 {
            self.clear_depth();
        } else if !self.mid_message {
            // The rest of a message whose start never came.
            return Applied::Incomplete;
        }
        self.has_snapshot = true;
        self.set_levels(depth.bids, depth.asks);
        self.finish(flags, depth.head.last_update_id, Applied::Snapshot)
    }

    /// Levels are absolute: without a snapshot they say nothing and are passed over.
    pub(crate) fn on_delta(&mut self, depth: &Depth<'_, DepthDelta>) -> Applied {
        if !self.has_snapshot {
            return Applied::Incomplete;
        }
        self.set_levels(depth.bids, depth.asks);
        self.finish(depth.head.header.flags, depth.head.last_update_id, Applied::Delta)
    }

    /// A quote counts while it is newer than the depth by the venue's own update number.
    pub(crate) fn on_quote(&mut self, quote: &Quote) {
        let is_newer = quote.update_id == SEQ_UNDEF || quote.update_id > self.last_update_id;
        let is_newest = self
            .touch
            .is_none_or(|touch| touch.update_id == SEQ_UNDEF || quote.update_id >= touch.update_id);
        if !is_newer || !is_newest {
            return;
        }
        let level = |price_ticks: PriceTicks, qty_lots: QtyLots| {
            let there = price_ticks.is_defined() && qty_lots.get() > 0;
            there.then_some(Level { price_ticks, qty_lots })
        };
        self.touch = Some(Touch {
            bid: level(quote.bid_price_ticks, quote.bid_qty_lots),
            ask: level(quote.ask_price_ticks, quote.ask_qty_lots),
            update_id: quote.update_id,
        });
        if self.is_usable() {
            self.forget_refreshed();
        }
    }

    fn set_levels(&mut self, bids: &[Level], asks: &[Level]) {
        self.bids.set_all(bids);
        self.asks.set_all(asks);
    }

    fn finish(&mut self, flags: u8, last_update_id: u64, applied: Applied) -> Applied {
        self.mid_message = flags & FLAG_LAST == 0;
        if self.mid_message {
            return Applied::Incomplete;
        }
        self.last_update_id = if last_update_id == SEQ_UNDEF { 0 } else { last_update_id };
        let outdated = |touch: Touch| {
            touch.update_id == SEQ_UNDEF
                || last_update_id == SEQ_UNDEF
                || touch.update_id <= last_update_id
        };
        if self.touch.is_some_and(outdated) {
            self.touch = None;
        }
        self.forget_refreshed();
        applied
    }

    /// A level is refreshed when the venue shows another quantity for it than when we took from
    /// it; the same quantity stated again is no refresh.
    fn forget_refreshed(&mut self) {
        if self.taken_bids.is_empty() && self.taken_asks.is_empty() {
            return;
        }
        for side in [BookSide::Bid, BookSide::Ask] {
            let mut taken = std::mem::take(self.taken_mut(side));
            taken.retain(|price, t| self.displayed(side, *price).get() == t.displayed);
            *self.taken_mut(side) = taken;
        }
    }

    fn taken(&self, side: BookSide) -> &BTreeMap<PriceTicks, Taken> {
        match side {
            BookSide::Bid => &self.taken_bids,
            BookSide::Ask => &self.taken_asks,
        }
    }

    fn taken_mut(&mut self, side: BookSide) -> &mut BTreeMap<PriceTicks, Taken> {
        match side {
            BookSide::Bid => &mut self.taken_bids,
            BookSide::Ask => &mut self.taken_asks,
        }
    }

    fn best_by_quote(&self, side: BookSide) -> Best {
        let Some(touch) = self.touch else {
            return Best::ByDepth;
        };
        let level = match side {
            BookSide::Bid => touch.bid,
            BookSide::Ask => touch.ask,
        };
        level.map_or(Best::Nowhere, Best::At)
    }

    fn depth(&self, side: BookSide) -> &Ladder {
        match side {
            BookSide::Bid => &self.bids,
            BookSide::Ask => &self.asks,
        }
    }

    fn in_depth(&self, side: BookSide, price: PriceTicks) -> QtyLots {
        self.depth(side).get(price)
    }

    /// Quantity the venue shows at a price by the newest message that says so.
    pub(crate) fn displayed(&self, side: BookSide, price: PriceTicks) -> QtyLots {
        match self.best_by_quote(side) {
            Best::Nowhere => QtyLots(0),
            Best::At(best) if best.price_ticks == price => best.qty_lots,
            Best::At(best) if is_better(side, price, best.price_ticks) => QtyLots(0),
            Best::At(_) | Best::ByDepth => self.in_depth(side, price),
        }
    }

    /// Quantity the depth messages alone show at a price, and the update number they stand at.
    pub(crate) fn depth_at(&self, side: BookSide, price: PriceTicks) -> (QtyLots, u64) {
        (self.in_depth(side, price), self.last_update_id)
    }

    /// The update number behind [`Self::displayed`].
    pub(crate) fn as_of_update(&self) -> u64 {
        match self.touch {
            Some(touch) if touch.update_id != SEQ_UNDEF => touch.update_id,
            Some(_) | None => self.last_update_id,
        }
    }

    /// Visits what is displayed, best first, less what we took.
    fn walk(&self, side: BookSide, mut visit: impl FnMut(Level) -> ControlFlow<()>) {
        let mut each = |price_ticks: PriceTicks, qty_lots: QtyLots| {
            let taken = self.taken(side).get(&price_ticks).map_or(0, |t| t.taken);
            let left = qty_lots.get() - taken;
            if left <= 0 {
                return ControlFlow::Continue(());
            }
            visit(Level { price_ticks, qty_lots: QtyLots(left) })
        };
        let best = match self.best_by_quote(side) {
            Best::Nowhere => return,
            Best::At(level) => Some(level),
            Best::ByDepth => None,
        };
        if best.is_some_and(|level| each(level.price_ticks, level.qty_lots).is_break()) {
            return;
        }
        let behind =
            |price: PriceTicks| best.is_none_or(|level| is_better(side, level.price_ticks, price));
        self.depth(side).walk(|level| {
            let (price, qty) = (level.price_ticks, level.qty_lots);
            if behind(price) { each(price, qty) } else { ControlFlow::Continue(()) }
        });
    }

    /// The best level with something left to take.
    pub(crate) fn best(&self, side: BookSide) -> Option<Level> {
        let mut best = None;
        self.walk(side, |level| {
            best = Some(level);
            ControlFlow::Break(())
        });
        best
    }

    /// Whether an order with this limit (none: a market order) would find anything to take.
    pub(crate) fn would_take(&self, side: BookSide, limit: Option<PriceTicks>) -> bool {
        self.best(side).is_some_and(|level| within(side, level.price_ticks, limit))
    }

    /// What can be taken up to the limit, at most `wanted` in all, best first.
    pub(crate) fn takeable(
        &self,
        side: BookSide,
        limit: Option<PriceTicks>,
        wanted: QtyLots,
    ) -> Vec<Level> {
        let mut levels = Vec::new();
        let mut left = wanted.get();
        self.walk(side, |level| {
            if left == 0 || !within(side, level.price_ticks, limit) {
                return ControlFlow::Break(());
            }
            let qty = level.qty_lots.get().min(left);
            left -= qty;
            levels.push(Level { price_ticks: level.price_ticks, qty_lots: QtyLots(qty) });
            ControlFlow::Continue(())
        });
        levels
    }

    /// Remembers that `level` was taken, until the venue refreshes it.
    pub(crate) fn take(&mut self, side: BookSide, level: Level) {
        let displayed = self.displayed(side, level.price_ticks).get();
        let entry =
            self.taken_mut(side).entry(level.price_ticks).or_insert(Taken { taken: 0, displayed });
        entry.taken += level.qty_lots.get();
        assert!(entry.taken <= displayed, "took more than the venue shows");
    }
}

/// Whether `a` is nearer the touch than `b`.
fn is_better(side: BookSide, a: PriceTicks, b: PriceTicks) -> bool {
    match side {
        BookSide::Bid => a > b,
        BookSide::Ask => a < b,
    }
}

/// Whether a level on `side` is at or better than the limit of an order that takes from it.
fn within(side: BookSide, price: PriceTicks, limit: Option<PriceTicks>) -> bool {
    limit.is_none_or(|limit| !is_better(side, limit, price))
}
