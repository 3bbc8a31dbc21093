//! Exposure: what orders that are not done may still do, counted at its worst from approval to the
//! venue's last word, for the instrument, the strategy, the venue and the station.
//!
//! One function changes an order ([`Engine::change`]); the sums follow from the difference it made,
//! so they cannot drift from the orders. Must never: release anything on our own word.

use super::{Engine, index_of};
use crate::order::is_done;
use crate::orders::{Order, OrderRequest};
use crate::risk::{Contribution, value_e9};
use wire::ClOrdId;
use wire::order::{OrdStatus, Side};

/// What one order adds to the sums, and the price at which it could meet an own order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Footprint {
    lots: i64,
    value_e9: i64,
    orders: i64,
    unknown: i64,
    unknown_e9: i64,
    standing_px: Option<i64>,
}

impl Footprint {
    fn of(order: &Order, tick_value_e9: i64) -> Self {
        let is_open = !is_done(order.status);
        let lots = if is_open { order.reserved_lots } else { 0 };
        let value = value_e9(order.dearest_px(), lots, tick_value_e9).unwrap_or(i64::MAX);
        let is_unknown = order.status == OrdStatus::Unknown;
        Self {
            lots,
            value_e9: value,
            orders: i64::from(is_open),
            unknown: i64::from(is_unknown),
            unknown_e9: if is_unknown { value } else { 0 },
            standing_px: order.standing_px(),
        }
    }

    /// The difference to what it added before.
    fn less(self, before: Self) -> Self {
        Self {
            lots: self.lots.saturating_sub(before.lots),
            value_e9: self.value_e9.saturating_sub(before.value_e9),
            orders: self.orders - before.orders,
            unknown: self.unknown - before.unknown,
            unknown_e9: self.unknown_e9.saturating_sub(before.unknown_e9),
            ..self
        }
    }
}

/// Adds a difference to a sum that may not fall below zero. `false`: the sum is or was beyond 64
/// bits; it stands at the largest number, which denies, and is to be summed anew.
#[must_use]
fn add(sum: &mut i64, difference: i64) -> bool {
    let exact = (*sum != i64::MAX).then(|| sum.checked_add(difference)).flatten();
    *sum = exact.unwrap_or(i64::MAX);
    assert!(*sum >= 0, "no more exposure is released than was reserved");
    *sum != i64::MAX
}

impl Engine {
    /// Changes one order and every sum it is part of; the order as it is then.
    pub(super) fn change(&mut self, id: ClOrdId, f: impl FnOnce(&mut Order)) -> Option<Order> {
        let order = self.orders.get(id)?;
        let tick = self.tick_of(index_of(order.request.instrument));
        let before = Footprint::of(order, tick);
        let after = self.orders.update(id, |order| {
            f(order);
            *order
        })?;
        self.account(&after.request, before, Footprint::of(&after, tick));
        Some(after)
    }

    /// Adds an order that is new to the table to every sum it is part of.
    pub(super) fn count_in(&mut self, id: ClOrdId) {
        let Some(order) = self.orders.get(id) else { return };
        let request = order.request;
        let print = Footprint::of(order, self.tick_of(index_of(request.instrument)));
        self.account(&request, Footprint::default(), print);
    }

    /// Value of one tick on one lot of an instrument; 0 of one that is not there.
    fn tick_of(&self, index: usize) -> i64 {
        self.instruments.get(index).map_or(0, |state| state.tick_value_e9)
    }

    /// Brings the sums from what an order added to what it adds.
    fn account(&mut self, of: &OrderRequest, before: Footprint, after: Footprint) {
        let index = index_of(of.instrument);
        let Some(state) = self.instruments.get_mut(index) else { return };
        let moved = after.less(before);
        let risk = &mut state.risk;
        let lots = match of.side {
            Side::Buy => &mut risk.buy_lots,
            Side::Sell => &mut risk.sell_lots,
        };
        let mut exact = add(lots, moved.lots);
        exact &= add(&mut risk.open_orders, moved.orders);
        exact &= add(&mut risk.open_e9, moved.value_e9);
        exact &= add(&mut risk.unknown_e9, moved.unknown_e9);
        let venue = state.venue;
        if let Some(slot) = self.strategies.get_mut(usize::from(of.strategy.get())) {
            let lots = match of.side {
                Side::Buy => &mut slot.risk.buy_lots,
                Side::Sell => &mut slot.risk.sell_lots,
            };
            exact &= add(lots, moved.lots);
            exact &= add(&mut slot.risk.open_orders, moved.orders);
        }
        if let Some(venue) = self.venues.get_mut(venue) {
            exact &= add(&mut venue.risk.open_orders, moved.orders);
        }
        exact &= add(&mut self.firm.open_orders, moved.orders);
        exact &= add(&mut self.firm.unknown_orders, moved.unknown);
        if let Some(parent) = self.parents.get_mut(of.parent_id) {
            exact &= add(&mut parent.working_lots, moved.lots);
        }
        if !exact {
            self.sum_anew(index);
        }
        self.follow_own_touch(of, before.standing_px, after.standing_px);
        self.refresh(index);
    }

    /// Sums what the orders of an instrument reserve from the orders themselves: a sum that was cut
    /// at 64 bits no longer says what to take off it. Only a venue's nonsense leads here.
    #[cold]
    fn sum_anew(&mut self, index: usize) {
        let Some(state) = self.instruments.get_mut(index) else { return };
        let tick = state.tick_value_e9;
        let risk = &mut state.risk;
        (risk.buy_lots, risk.sell_lots, risk.open_e9, risk.unknown_e9) = (0, 0, 0, 0);
        for slot in self.strategies.iter_mut().filter(|s| s.instrument == index) {
            (slot.risk.buy_lots, slot.risk.sell_lots) = (0, 0);
        }
        let instrument = state.row.header.instrument_id;
        let of_it = |o: &&Order| o.request.instrument == instrument;
        for order in self.orders.iter_working().filter(of_it) {
            if let Some(parent) = self.parents.get_mut(order.request.parent_id) {
                parent.working_lots = 0;
            }
        }
        for order in self.orders.iter_working().filter(of_it) {
            let print = Footprint::of(order, tick);
            let slot = self.strategies.get_mut(usize::from(order.request.strategy.get()));
            let own = slot.map(|s| match order.request.side {
                Side::Buy => &mut s.risk.buy_lots,
                Side::Sell => &mut s.risk.sell_lots,
            });
            let lots = match order.request.side {
                Side::Buy => &mut risk.buy_lots,
                Side::Sell => &mut risk.sell_lots,
            };
            let parent = self.parents.get_mut(order.request.parent_id);
            let sums = [Some(lots), own, parent.map(|p| &mut p.working_lots)];
            for sum in sums.into_iter().flatten() {
                *sum = sum.saturating_add(print.lots);
            }
            risk.open_e9 = risk.open_e9.saturating_add(print.value_e9);
            risk.unknown_e9 = risk.unknown_e9.saturating_add(print.unknown_e9);
        }
    }

    /// Keeps the best own working prices, against which self-trades are recognised.
    fn follow_own_touch(&mut self, of: &OrderRequest, was: Option<i64>, is: Option<i64>) {
        if was == is {
            return;
        }
        let Some(state) = self.instruments.get_mut(index_of(of.instrument)) else { return };
        let side = of.side;
        let none = wire::PriceTicks::UNDEF.get();
        let is_better = |px: i64, than: i64| match side {
            Side::Buy => px > than || than == none,
            Side::Sell => px < than || than == none,
        };
        let best = match side {
            Side::Buy => &mut state.risk.own_bid_ticks,
            Side::Sell => &mut state.risk.own_ask_ticks,
        };
        if let Some(px) = is.filter(|px| is_better(*px, *best)) {
            *best = px;
            return;
        }
        if was != Some(*best) {
            return;
        }
        // The best one is gone: look for the next, if anything works. Bounded by the table.
        let (instrument, mut found) = (of.instrument, none);
        if state.risk.open_orders == 0 {
            *best = none;
            return;
        }
        for other in self.orders.iter_working() {
            let same = other.request.instrument == instrument && other.request.side == side;
            if let Some(px) = other.standing_px().filter(|px| same && is_better(*px, found)) {
                found = px;
            }
        }
        *best = found;
    }

    /// Brings an instrument's share of the station's sums up to date with position, orders and
    /// market.
    pub(super) fn refresh(&mut self, index: usize) {
        let Some(state) = self.instruments.get_mut(index) else { return };
        let risk = &mut state.risk;
        risk.position_lots = state.position.lots().get();
        let new = if risk.is_exposed() { risk.contribution_now() } else { Contribution::default() };
        let old = core::mem::replace(&mut risk.contribution, new);
        if old == new {
            return;
        }
        let venue = state.venue;
        // The station's sums are kept in full; a venue's that was cut is summed anew.
        self.firm.exposure.replace(&old, &new);
        let Some(of_venue) = self.venues.get_mut(venue) else { return };
        let was_cut = of_venue.risk.claimed_e9 == i64::MAX || old.open_e9 == i64::MAX;
        let claimed = of_venue.risk.claimed_e9.saturating_sub(old.open_e9);
        of_venue.risk.claimed_e9 = claimed.saturating_add(new.open_e9);
        if was_cut {
            self.sum_venue_anew(venue);
        }
    }

    /// What a venue's orders claim, from every instrument's share.
    #[cold]
    fn sum_venue_anew(&mut self, venue: usize) {
        let of_venue = self.instruments.iter().filter(|state| state.venue == venue);
        let claimed =
            of_venue.fold(0_i64, |sum, state| sum.saturating_add(state.risk.contribution.open_e9));
        if let Some(venue) = self.venues.get_mut(venue) {
            venue.risk.claimed_e9 = claimed;
        }
    }
}
