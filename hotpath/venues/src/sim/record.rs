//! The venue's record of orders: the open ones, and so many of those that are done.
//!
//! Owns: the place of each order, which never changes, and which are forgotten. Must never: forget an
//! order that is open, or one that arrived before another that is. Runs wherever the simulated venue
//! runs; may allocate.
//!
//! A venue does not answer for ever for what is done, and one that did would take more memory the
//! longer it ran.

use super::order::Order;
use std::ops::{Index, IndexMut};

/// Orders the venue remembers at most, as long as the oldest of them are done.
pub const REMEMBERED: usize = 1_024;
/// Orders it still has after it forgot.
const KEPT: usize = REMEMBERED / 2;

/// Orders in order of arrival, each at its own place from the first ever on.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// Place of the first that is remembered.
    first: usize,
    kept: Vec<Order>,
}

impl Orders {
    /// The place the next order gets.
    pub(crate) fn next(&self) -> usize {
        self.first + self.kept.len()
    }

    pub(crate) fn push(&mut self, order: Order) {
        self.kept.push(order);
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Order> {
        self.kept.get(place.checked_sub(self.first)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.kept.iter()
    }

    /// The place of an order; order ids rise with it.
    pub(crate) fn place_of(&self, order_id: u64) -> Option<usize> {
        let found = self.kept.binary_search_by_key(&order_id, |order| order.order_id);
        found.ok().map(|index| self.first + index)
    }

    /// Forgets the oldest that are done, where there are too many. The first place and the first
    /// order id that are left.
    pub(crate) fn forget(&mut self) -> Option<(usize, u64)> {
        if self.kept.len() < REMEMBERED {
            return None;
        }
        let oldest = self.kept.iter().take(self.kept.len() - KEPT);
        let done = oldest.take_while(|order| !order.is_open()).count();
        self.kept.drain(..done);
        self.first += done;
        self.kept.first().filter(|_| done > 0).map(|order| (self.first, order.order_id))
    }
}

impl Index<usize> for Orders {
    type Output = Order;

    fn index(&self, place: usize) -> &Order {
        &self.kept[place - self.first]
    }
}

impl IndexMut<usize> for Orders {
    fn index_mut(&mut self, place: usize) -> &mut Order {
        &mut self.kept[place - self.first]
    }
}
