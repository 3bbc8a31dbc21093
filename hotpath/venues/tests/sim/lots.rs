//! The naive model of passive fills: every lot of every queue in a list. Shares no code with the
//! venue and no idea but the rule.

use std::collections::BTreeMap;
use wire::market::AggressorSide;
use wire::order::Side;

/// One lot in the queue at a price: someone else's, or of our order with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lot {
    Other,
    Own(u64),
}

/// The naive model: every lot of every queue in a list, trades taken off lot by lot.
#[derive(Default)]
pub(crate) struct LotByLot {
    pub(crate) shown: [BTreeMap<i64, i64>; 2],
    pub(crate) queues: [BTreeMap<i64, Vec<Lot>>; 2],
    pub(crate) filled: BTreeMap<u64, i64>,
}

pub(crate) fn at(side: Side) -> usize {
    usize::from(side == Side::Sell)
}

impl LotByLot {
    pub(crate) fn new() -> Self {
        let mut model = Self::default();
        model.shown[0].extend([(100, 10), (99, 20)]);
        model.shown[1].extend([(102, 10), (103, 20), (105, 40)]);
        model
    }

    pub(crate) fn show(&mut self, side: Side, level: Option<(i64, i64)>) {
        match level {
            Some((price, 0)) => self.shown[at(side)].remove(&price),
            Some((price, qty)) => self.shown[at(side)].insert(price, qty),
            None => None,
        };
    }

    /// A post-only order; false where it would take.
    pub(crate) fn place(&mut self, id: u64, side: Side, price: i64, qty: i64) -> bool {
        let takes = match side {
            Side::Buy => self.shown[1].keys().next().is_some_and(|ask| *ask <= price),
            Side::Sell => self.shown[0].keys().next_back().is_some_and(|bid| *bid >= price),
        };
        if takes {
            return false;
        }
        let shown = self.shown[at(side)].get(&price).copied().unwrap_or(0);
        let queue = self.queues[at(side)].entry(price).or_default();
        // Others behind our last lot are what is displayed beyond those ahead of it.
        let last_own = queue.iter().rposition(|lot| *lot != Lot::Other);
        queue.truncate(last_own.map_or(0, |last| last + 1));
        let others = queue.iter().filter(|lot| **lot == Lot::Other).count();
        let missing = usize::try_from(shown).expect("positive").saturating_sub(others);
        queue.extend(std::iter::repeat_n(Lot::Other, missing));
        queue.extend(std::iter::repeat_n(Lot::Own(id), usize::try_from(qty).expect("positive")));
        true
    }

    pub(crate) fn cancel(&mut self, id: u64) {
        for queue in self.queues.iter_mut().flat_map(BTreeMap::values_mut) {
            queue.retain(|lot| *lot != Lot::Own(id));
        }
    }

    pub(crate) fn trade(&mut self, price: i64, qty: i64, aggressor: AggressorSide) {
        let mut left = qty;
        if aggressor != AggressorSide::Buy {
            let mut prices: Vec<i64> = self.queues[0].range(price..).map(|(p, _)| *p).collect();
            prices.reverse();
            left = self.consume(0, &prices, price, left);
        }
        if aggressor != AggressorSide::Sell {
            let prices: Vec<i64> = self.queues[1].range(..=price).map(|(p, _)| *p).collect();
            self.consume(1, &prices, price, left);
        }
    }

    pub(crate) fn consume(
        &mut self,
        side: usize,
        prices: &[i64],
        price: i64,
        mut left: i64,
    ) -> i64 {
        for p in prices {
            let queue = self.queues[side].get_mut(p).expect("listed");
            if *p != price {
                queue.retain(|lot| *lot != Lot::Other);
            }
            // Others behind our last lot are no queue of ours.
            let ours = queue.iter().rposition(|lot| *lot != Lot::Other).map_or(0, |i| i + 1);
            queue.truncate(ours);
            while left > 0 && !queue.is_empty() {
                left -= 1;
                if let Lot::Own(id) = queue.remove(0) {
                    *self.filled.entry(id).or_default() += 1;
                }
            }
        }
        left
    }
}
