//! The only place where a resting order fills: a recorded trade, shared out over our own orders.
//!
//! Owns: price-time order of our own orders on one side, and how many lots of one trade each gets.
//! Must never: hand out more lots than the trade had, or any lot without a trade at or through the
//! order's price. Runs wherever the simulated venue runs; may allocate.

use super::order::{Order, State, signed};
use super::queue::QueuePosition;
use super::record::Orders;
use wire::order::Side;
use wire::{PriceTicks, QtyLots};

/// Indices of our resting orders on one side, best price first, then earliest rank.
#[derive(Debug, Default)]
pub(crate) struct Resting(Vec<usize>);

impl Resting {
    /// Where an order of this side, price and rank belongs.
    fn place(&self, orders: &Orders, new: &Order) -> usize {
        self.0.partition_point(|i| {
            let old = &orders[*i];
            is_ahead(new.kind.side, old.price_ticks, new.price_ticks)
                || (old.price_ticks == new.price_ticks && old.rank < new.rank)
        })
    }

    pub(crate) fn insert(&mut self, orders: &Orders, index: usize) {
        let place = self.place(orders, &orders[index]);
        self.0.insert(place, index);
    }

    pub(crate) fn remove(&mut self, index: usize) {
        self.0.retain(|i| *i != index);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// Lots of others ahead of the last of our orders at this price.
    pub(crate) fn own_ahead(&self, orders: &Orders, price: PriceTicks) -> i64 {
        self.iter().fold(0, |most, i| match (&orders[i].state, orders[i].price_ticks == price) {
            (State::Resting(queue), true) => most.max(queue.ahead()),
            _ => most,
        })
    }

    /// Of our own orders at one price the later never stands ahead of the earlier.
    pub(crate) fn keep_time_order(&self, orders: &mut Orders) {
        let mut previous: Option<(PriceTicks, QueuePosition)> = None;
        for i in self.iter() {
            let order = &mut orders[i];
            let State::Resting(queue) = &mut order.state else {
                continue;
            };
            if let Some((price, earlier)) = previous
                && price == order.price_ticks
            {
                queue.keep_behind(&earlier);
            }
            previous = Some((order.price_ticks, *queue));
        }
    }

    /// Shares out a trade of `qty` at `price` and returns each fill with the quantity not used.
    ///
    /// Our orders come in price-time order. One with a better price than the trade was passed
    /// through: the queue at its price is gone and it fills at once. One at the price first lets
    /// the others ahead of it trade. Others ahead of two of our orders are counted once. A
    /// reduce-only order that the position, as the fills before it leave it, has no room for is
    /// passed over. `position` is that of the instrument before the trade.
    pub(crate) fn share_out(
        &self,
        orders: &mut Orders,
        (price, qty): (PriceTicks, QtyLots),
        mut position: i64,
    ) -> (Vec<(usize, QtyLots)>, QtyLots) {
        let mut fills = Vec::new();
        let mut left = qty.get();
        let mut eaten = 0;
        for i in self.iter() {
            let order = &mut orders[i];
            let leaves = order.leaves().get();
            let through = is_ahead(order.kind.side, order.price_ticks, price);
            if !through && order.price_ticks != price {
                break;
            }
            if order.would_increase(position) {
                continue;
            }
            let State::Resting(queue) = &mut order.state else {
                continue;
            };
            if through {
                queue.reach_front();
            } else {
                let eats = (queue.ahead() - eaten).clamp(0, left);
                eaten += eats;
                left -= eats;
                queue.on_trade(qty.get(), eaten);
            }
            let filled = if queue.ahead() == 0 { leaves.min(left) } else { 0 };
            if filled > 0 {
                queue.reach_front();
                left -= filled;
                position = position.saturating_add(signed(order.kind.side, filled));
                fills.push((i, QtyLots(filled)));
            }
        }
        let given: i64 = fills.iter().map(|(_, lots)| lots.get()).sum();
        assert!(left >= 0 && given + eaten + left == qty.get(), "a trade's lots are used once");
        (fills, QtyLots(left))
    }
}

/// Whether price `a` trades before price `b` for resting orders of this side.
fn is_ahead(side: Side, a: PriceTicks, b: PriceTicks) -> bool {
    match side {
        Side::Buy => a > b,
        Side::Sell => a < b,
    }
}
