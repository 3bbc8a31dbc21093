//! The book order by order (level 3): who stands where in the queue of each price.
//!
//! Owns: the orders of both sides in order of arrival, from depth frames. One with [`FLAG_ORDER`]
//! is the change of one order; of any other only the levels' totals are known, and whoever left was
//! the last of the queue, which is the least that can be said. Must never: hold a level whose
//! orders do not add up to what the frames show. Runs in the importer and wherever the simulated venue
//! runs; may allocate.

use std::collections::BTreeMap;
use wire::frame::Depth;
use wire::market::{BookSide, BookSnapshot, DepthDelta, FLAG_FIRST, FLAG_ORDER, Level};
use wire::units::SEQ_UNDEF;
use wire::{PriceTicks, QtyLots};

/// An order in the queue of its price, or quantity of which no order is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The venue's number; undefined where it is not known.
    order_id: u64,
    qty: i64,
    /// Higher came later.
    arrival: u64,
}

/// The orders of one instrument.
#[derive(Clone, Debug, Default)]
pub struct OrderBook {
    bids: BTreeMap<i64, Vec<Entry>>,
    asks: BTreeMap<i64, Vec<Entry>>,
    arrivals: u64,
}

impl OrderBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes every order out. Arrivals are counted on.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Takes a frame of a snapshot.
    pub fn on_snapshot(&mut self, depth: &Depth<'_, BookSnapshot>) {
        if depth.head.header.flags & FLAG_FIRST != 0 {
            self.clear();
        }
        self.set_levels(depth.bids, depth.asks);
    }

    /// Takes a frame of a change.
    pub fn on_delta(&mut self, depth: &Depth<'_, DepthDelta>) {
        if depth.head.header.flags & FLAG_ORDER == 0 {
            return self.set_levels(depth.bids, depth.asks);
        }
        for (side, levels) in [(BookSide::Bid, depth.bids), (BookSide::Ask, depth.asks)] {
            for level in levels {
                self.change(side, depth.head.prev_update_id, *level);
            }
        }
    }

    fn set_levels(&mut self, bids: &[Level], asks: &[Level]) {
        for (side, levels) in [(BookSide::Bid, bids), (BookSide::Ask, asks)] {
            for level in levels {
                self.set_level(side, *level);
            }
        }
    }

    /// A level holds so much now, and nobody says by whose doing.
    pub fn set_level(&mut self, side: BookSide, level: Level) {
        let (price, qty) = (level.price_ticks.get(), level.qty_lots.get());
        let arrival = self.next_arrival();
        let queue = self.side_mut(side).entry(price).or_default();
        let surplus = total(queue) - qty;
        if surplus < 0 {
            queue.push(Entry { order_id: SEQ_UNDEF, qty: -surplus, arrival });
        }
        cut_from_the_end(queue, surplus);
        self.drop_if_empty(side, price);
    }

    /// A level holds so much now by the doing of one order: what came is behind all others, what
    /// left was its. What it cannot have had left stood first of what is not known by order, else
    /// last.
    pub fn change(&mut self, side: BookSide, order_id: u64, level: Level) {
        let (price, qty) = (level.price_ticks.get(), level.qty_lots.get());
        let arrival = self.next_arrival();
        let queue = self.side_mut(side).entry(price).or_default();
        let mut left = total(queue) - qty;
        if left < 0 {
            queue.push(Entry { order_id, qty: -left, arrival });
        }
        for id in [order_id, SEQ_UNDEF] {
            for entry in queue.iter_mut().filter(|entry| entry.order_id == id) {
                let taken = left.clamp(0, entry.qty);
                entry.qty -= taken;
                left -= taken;
            }
        }
        queue.retain(|entry| entry.qty > 0);
        cut_from_the_end(queue, left);
        self.drop_if_empty(side, price);
    }

    /// What a level holds.
    #[must_use]
    pub fn qty_at(&self, side: BookSide, price_ticks: PriceTicks) -> QtyLots {
        QtyLots(self.side(side).get(&price_ticks.get()).map_or(0, |queue| total(queue)))
    }

    /// What is left of an order at its price; `None` where it is not known there.
    #[must_use]
    pub fn order(&self, side: BookSide, price_ticks: PriceTicks, order_id: u64) -> Option<QtyLots> {
        let queue = self.side(side).get(&price_ticks.get())?;
        queue.iter().find(|entry| entry.order_id == order_id).map(|entry| QtyLots(entry.qty))
    }

    /// Every level of a side, best first.
    pub fn levels(&self, side: BookSide) -> impl Iterator<Item = Level> + '_ {
        let queues = self.side(side);
        let (down, up) = match side {
            BookSide::Bid => (Some(queues.iter().rev()), None),
            BookSide::Ask => (None, Some(queues.iter())),
        };
        let level = |(price, queue): (&i64, &Vec<Entry>)| Level {
            price_ticks: PriceTicks(*price),
            qty_lots: QtyLots(total(queue)),
        };
        down.into_iter().flatten().chain(up.into_iter().flatten()).map(level)
    }

    /// The number of the next arrival: an order of our own that comes now stands before it.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.arrivals
    }

    /// Lots at a price that arrived before `arrival`.
    #[must_use]
    pub fn ahead(&self, side: BookSide, price_ticks: PriceTicks, arrival: u64) -> QtyLots {
        let Some(queue) = self.side(side).get(&price_ticks.get()) else { return QtyLots(0) };
        let before = queue.iter().filter(|entry| entry.arrival < arrival);
        QtyLots(before.map(|entry| entry.qty).sum())
    }

    fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals - 1
    }

    fn side(&self, side: BookSide) -> &BTreeMap<i64, Vec<Entry>> {
        match side {
            BookSide::Bid => &self.bids,
            BookSide::Ask => &self.asks,
        }
    }

    fn side_mut(&mut self, side: BookSide) -> &mut BTreeMap<i64, Vec<Entry>> {
        match side {
            BookSide::Bid => &mut self.bids,
            BookSide::Ask => &mut self.asks,
        }
    }

    fn drop_if_empty(&mut self, side: BookSide, price: i64) {
        let queues = self.side_mut(side);
        if queues.get(&price).is_some_and(Vec::is_empty) {
            queues.remove(&price);
        }
    }
}

fn total(queue: &[Entry]) -> i64 {
    queue.iter().map(|entry| entry.qty).sum()
}

/// Takes so many lots out, the latest first.
fn cut_from_the_end(queue: &mut Vec<Entry>, mut surplus: i64) {
    while surplus > 0
        && let Some(last) = queue.last_mut()
    {
        let taken = surplus.min(last.qty);
        last.qty -= taken;
        surplus -= taken;
        if last.qty == 0 {
            queue.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const BID: BookSide = BookSide::Bid;
    const PRICE: PriceTicks = PriceTicks(100);

    fn level(qty: i64) -> Level {
        Level { price_ticks: PRICE, qty_lots: QtyLots(qty) }
    }

    /// 5 of order 1, 3 of order 2, 4 of order 3; ours came before order 3.
    fn three() -> (OrderBook, u64) {
        let mut book = OrderBook::new();
        book.change(BID, 1, level(5));
        book.change(BID, 2, level(8));
        let ours = book.next();
        book.change(BID, 3, level(12));
        (book, ours)
    }

    #[test]
    fn whoever_leaves_behind_us_changes_nothing() {
        let (mut book, ours) = three();
        assert_eq!(book.ahead(BID, PRICE, ours), QtyLots(8));
        book.change(BID, 3, level(8));
        assert_eq!(book.ahead(BID, PRICE, ours), QtyLots(8));
        book.change(BID, 2, level(6));
        assert_eq!(book.ahead(BID, PRICE, ours), QtyLots(6));
        assert_eq!(book.order(BID, PRICE, 2), Some(QtyLots(1)));
        book.change(BID, 1, level(1));
        assert_eq!(book.order(BID, PRICE, 1), None);
        assert_eq!(book.ahead(BID, PRICE, ours), QtyLots(1));
    }

    #[test]
    fn what_nobody_says_leaves_from_the_end_and_comes_to_it() {
        let (mut book, ours) = three();
        book.set_level(BID, level(9));
        assert_eq!(
            (book.ahead(BID, PRICE, ours), book.order(BID, PRICE, 3)),
            (QtyLots(8), Some(QtyLots(1)))
        );
        book.set_level(BID, level(20));
        assert_eq!(book.ahead(BID, PRICE, ours), QtyLots(8));
        book.set_level(BID, level(7));
        assert_eq!(book.ahead(BID, PRICE, ours), QtyLots(7));
        book.set_level(BID, level(0));
        assert_eq!(book.levels(BID).count(), 0);
    }

    #[test]
    fn an_order_that_is_not_known_was_among_what_is_not_known() {
        let mut book = OrderBook::new();
        book.set_level(BID, level(10));
        book.change(BID, 7, level(14));
        book.change(BID, 99, level(11));
        assert_eq!(book.order(BID, PRICE, 7), Some(QtyLots(4)));
        assert_eq!(book.qty_at(BID, PRICE), QtyLots(11));
        // More than is not known: the rest was the last of the queue.
        book.change(BID, 98, level(3));
        assert_eq!(book.order(BID, PRICE, 7), Some(QtyLots(3)));
    }

    #[test]
    fn levels_come_best_first() {
        let mut book = OrderBook::new();
        for side in [BID, BookSide::Ask] {
            for price in [3, 1, 2] {
                let level = Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(price) };
                book.set_level(side, level);
            }
        }
        let prices = |side| book.levels(side).map(|l| l.price_ticks.get()).collect::<Vec<_>>();
        assert_eq!((prices(BID), prices(BookSide::Ask)), (vec![3, 2, 1], vec![1, 2, 3]));
    }

    proptest! {
        #[test]
        fn a_level_is_always_what_the_frames_show(
            steps in vec((0..3_i64, 0..30_i64, 0..5_u64, any::<bool>()), 1..200),
        ) {
            let (mut book, mut shown) = (OrderBook::new(), BTreeMap::new());
            for (price, qty, id, by_order) in steps {
                let level = Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
                if by_order { book.change(BID, id, level) } else { book.set_level(BID, level) }
                if qty == 0 { shown.remove(&price); } else { shown.insert(price, qty); }
                let levels: Vec<_> =
                    book.levels(BID).map(|l| (l.price_ticks.get(), l.qty_lots.get())).collect();
                let expected: Vec<_> = shown.iter().rev().map(|(p, q)| (*p, *q)).collect();
                prop_assert_eq!(levels, expected);
                let all = book.ahead(BID, level.price_ticks, book.next());
                prop_assert_eq!(all, book.qty_at(BID, level.price_ticks));
            }
        }
    }
}
