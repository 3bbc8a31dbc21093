//! Link groups: pairs of which the first to fill whole ends the other, and brackets, an entry whose
//! fills are each guarded by such a pair.
//!
//! Both orders of a pair stand at the venue and both count in full in every sum: for the moment
//! between a fill and the cancel they may both fill, which is said and counted. The legs of a
//! bracket are reduce-only, so that even then the venue turns no position round. A stop that is
//! denied, rejected or ended by the venue leaves the position alone: an alarm, and an order across
//! the spread takes that quantity off, once. A target that is denied or rejected leaves the stop
//! standing.

use super::orders::Group;
use super::{Concern, Engine, index_of};
use crate::hash::StateHasher;
use crate::order::is_done;
use crate::orders::{Order, OrderRequest, OrderTable};
use crate::sink::Sink;
use crate::state::{StateError, StateReader};
use crate::strategy::{Bracket, Placement};
use wire::order::{OrdStatus, Side};
use wire::risk::AlarmCode;
use wire::{ClOrdId, PriceTicks, QtyLots};

/// Groups that may work at once.
const MAX_LINKS: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// The first to fill whole ends the other; where they protect, the first is the stop.
    Pair { legs: [ClOrdId; 2], protects: bool },
    /// An entry, and where its protection goes. One that is over stays while its place is not
    /// needed: a fill that comes late is guarded too.
    Entry { order: ClOrdId, bracket: Bracket, is_over: bool },
}

/// The groups. A group's place comes free when its orders are done.
#[derive(Debug)]
pub(super) struct LinkTable {
    places: Vec<Option<(u32, Link)>>,
    next: u32,
}

impl LinkTable {
    pub(super) fn new() -> Self {
        Self { places: vec![None; MAX_LINKS], next: 1 }
    }

    fn is_free(place: Option<&(u32, Link)>) -> bool {
        place.is_none_or(|(_, link)| matches!(link, Link::Entry { is_over: true, .. }))
    }

    fn has_room(&self, places: usize) -> bool {
        self.places.iter().filter(|p| Self::is_free(p.as_ref())).count() >= places
    }

    fn take_id(&mut self) -> u32 {
        let id = self.next;
        self.next = self.next.wrapping_add(1).max(1);
        id
    }

    fn put(&mut self, id: u32, link: Link) {
        let empty = self.places.iter().position(Option::is_none);
        let place = empty.or_else(|| self.places.iter().position(|p| Self::is_free(p.as_ref())));
        if let Some(place) = place.and_then(|n| self.places.get_mut(n)) {
            *place = Some((id, link));
        }
    }

    fn get(&self, id: u32) -> Option<Link> {
        self.places.iter().flatten().find(|(n, _)| *n == id).map(|(_, link)| *link)
    }

    /// An entry is over.
    fn entry_over(&mut self, id: u32) {
        for (n, link) in self.places.iter_mut().flatten() {
            if let Link::Entry { is_over, .. } = link
                && *n == id
            {
                *is_over = true;
            }
        }
    }

    fn remove(&mut self, id: u32) {
        for place in &mut self.places {
            if place.is_some_and(|(n, _)| n == id) {
                *place = None;
            }
        }
    }

    /// An order goes on under another id.
    pub(super) fn renamed(&mut self, from: ClOrdId, to: ClOrdId) {
        for (_, link) in self.places.iter_mut().flatten() {
            match link {
                Link::Pair { legs, .. } => {
                    legs.iter_mut().filter(|leg| **leg == from).for_each(|leg| *leg = to);
                }
                Link::Entry { order, .. } if *order == from => *order = to,
                Link::Entry { .. } => {}
            }
        }
    }

    /// Of every other pair on the order's side of its instrument, the smaller leg: only one of the
    /// two is meant to fill.
    pub(super) fn spare_lots(&self, orders: &OrderTable, order: &OrderRequest) -> i64 {
        let lots = |id: ClOrdId| {
            let same = |o: &&Order| {
                o.request.instrument == order.instrument && o.request.side == order.side
            };
            orders.get(id).filter(same).map_or(0, |o| o.reserved_lots)
        };
        let spare = self.places.iter().flatten().map(|(id, link)| match link {
            Link::Pair { legs, .. } if *id != order.link_id => lots(legs[0]).min(lots(legs[1])),
            Link::Pair { .. } | Link::Entry { .. } => 0,
        });
        spare.fold(0, i64::saturating_add)
    }

    /// Groups of which something may still work.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.places.iter().filter(|p| !Self::is_free(p.as_ref())).count()
    }

    /// Takes every place that is left; how many.
    #[cfg(test)]
    pub(super) fn fill_up(&mut self) -> usize {
        let free = self.places.iter().filter(|p| Self::is_free(p.as_ref())).count();
        for _ in 0..free {
            let id = self.take_id();
            self.put(id, Link::Pair { legs: [ClOrdId::UNDEF; 2], protects: false });
        }
        free
    }

    /// The place of a group counts too: it says which entry that is over gives way first.
    pub(super) fn hash_into(&self, h: &mut StateHasher) {
        h.u64(u64::from(self.next));
        for place in &self.places {
            match place {
                None => h.u64(0),
                Some((id, Link::Pair { legs, protects })) => {
                    h.u64(1);
                    h.u64(u64::from(*id));
                    h.u64(legs[0].get());
                    h.u64(legs[1].get());
                    h.bool(*protects);
                }
                Some((id, Link::Entry { order, bracket, is_over })) => {
                    h.u64(2);
                    h.u64(u64::from(*id));
                    h.u64(order.get());
                    h.bool(*is_over);
                    bracket.entry.hash_into(h);
                    h.i64(bracket.target_px_ticks.get());
                    h.i64(bracket.stop_px_ticks.get());
                    h.i64(bracket.stop_limit_px_ticks.get());
                }
            }
        }
    }

    pub(super) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.next = from.fit()?;
        for place in &mut self.places {
            *place = match from.count(2)? {
                0 => None,
                1 => Some((
                    from.fit()?,
                    Link::Pair {
                        legs: [ClOrdId(from.u64()?), ClOrdId(from.u64()?)],
                        protects: from.bool()?,
                    },
                )),
                _ => Some((
                    from.fit()?,
                    Link::Entry {
                        order: ClOrdId(from.u64()?),
                        is_over: from.bool()?,
                        bracket: Bracket {
                            entry: Placement::loaded(from)?,
                            target_px_ticks: PriceTicks(from.i64()?),
                            stop_px_ticks: PriceTicks(from.i64()?),
                            stop_limit_px_ticks: PriceTicks(from.i64()?),
                        },
                    },
                )),
            };
        }
        Ok(())
    }
}

impl Engine {
    /// Two orders of which the first to fill whole ends the other. Where one is denied the other
    /// does not stand alone.
    pub(super) fn place_pair<S: Sink>(
        &mut self,
        strategy: usize,
        one: &Placement,
        other: &Placement,
        out: &mut S,
    ) {
        self.place_linked(strategy, one, other, false, out);
    }

    /// Whether the legs went out; of a protecting pair, whether its stop did.
    fn place_linked<S: Sink>(
        &mut self,
        strategy: usize,
        one: &Placement,
        other: &Placement,
        protects: bool,
        out: &mut S,
    ) -> bool {
        if !self.links.has_room(1) {
            self.counters.suppressed += 1;
            return false;
        }
        let link_id = self.links.take_id();
        let group = Group { link_id, parent_id: 0 };
        let Some(first) = self.place(strategy, one, group, out) else { return false };
        let second = self.place(strategy, other, group, out);
        if second.is_none() && !protects {
            self.cancel(first, out);
            return false;
        }
        // Without its target the stop still guards the position.
        let legs = [first, second.unwrap_or(ClOrdId::UNDEF)];
        self.links.put(link_id, Link::Pair { legs, protects });
        true
    }

    /// An entry whose fills are guarded.
    pub(super) fn place_bracket<S: Sink>(
        &mut self,
        strategy: usize,
        bracket: &Bracket,
        out: &mut S,
    ) {
        let entry = &bracket.entry;
        let (target, stop) = (bracket.target_px_ticks, bracket.stop_px_ticks);
        let in_order = match entry.side {
            Side::Buy => target > stop && bracket.stop_limit_px_ticks <= stop,
            Side::Sell => target < stop && bracket.stop_limit_px_ticks >= stop,
        };
        // Room for the entry and for the pairs its fills will need.
        if !in_order || !self.links.has_room(4) {
            self.counters.suppressed += 1;
            return;
        }
        let link_id = self.links.take_id();
        if let Some(order) = self.place(strategy, entry, Group { link_id, parent_id: 0 }, out) {
            self.links.put(link_id, Link::Entry { order, bracket: *bracket, is_over: false });
        }
    }

    /// An order changed: its group follows.
    pub(super) fn follow_links<S: Sink>(
        &mut self,
        before: &Order,
        after: &Order,
        fill_lots: i64,
        is_fill: bool,
        out: &mut S,
    ) {
        let id = after.request.link_id;
        let Some(link) = (id != 0).then(|| self.links.get(id)).flatten() else { return };
        let ended = is_done(after.status) && !is_done(before.status);
        match link {
            Link::Entry { bracket, .. } => {
                if is_fill {
                    self.protect(after, &bracket, fill_lots, out);
                }
                if ended {
                    self.links.entry_over(id);
                }
            }
            Link::Pair { legs, protects } if ended && legs.contains(&after.cl_ord_id) => {
                self.leg_ended(id, legs, protects, after, out);
            }
            Link::Pair { .. } => {}
        }
    }

    /// One leg of a pair is done.
    fn leg_ended<S: Sink>(
        &mut self,
        id: u32,
        legs: [ClOrdId; 2],
        protects: bool,
        leg: &Order,
        out: &mut S,
    ) {
        let is_first = legs[0] == leg.cl_ord_id;
        let other = self.orders.get(legs[usize::from(is_first)]).copied();
        let is_open = other.is_some_and(|o| !is_done(o.status));
        if !is_open {
            self.links.remove(id);
        }
        let whole = leg.status == OrdStatus::Filled;
        if let Some(other) = other.filter(|o| whole && o.status == OrdStatus::Filled) {
            // Both filled before either cancel took effect.
            self.counters.anomalies += 1;
            let (one, both) = (leg.request.qty_lots.get(), leg.cum_qty_lots.get());
            let both = both.saturating_add(other.cum_qty_lots.get());
            self.alarm(&Concern::of(AlarmCode::Overfill, one, both).on_order(leg), out);
        }
        // A stop that the venue ended without our asking guards no more.
        let is_lost = protects && is_first && !whole && !leg.cancel_wanted;
        let is_alone = leg.status == OrdStatus::Rejected && !protects;
        if let Some(other) = other.filter(|_| is_open && (whole || is_lost || is_alone)) {
            self.cancel(other.cl_ord_id, out);
        }
        let target_filled = other.is_some_and(|o| o.status == OrdStatus::Filled);
        if is_lost && !target_filled {
            let done = other.map_or(0, |o| o.cum_qty_lots.get());
            let used = leg.cum_qty_lots.get().saturating_add(done);
            let lots = leg.request.qty_lots.get().saturating_sub(used).max(0);
            self.unprotected(leg, lots, id, out);
        }
    }

    /// Guards one fill of an entry with its own pair.
    fn protect<S: Sink>(&mut self, entry: &Order, bracket: &Bracket, lots: i64, out: &mut S) {
        let side = match entry.request.side {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        };
        let qty = QtyLots(lots);
        let target = Placement::limit(side, bracket.target_px_ticks, qty).reduce_only();
        let limit = bracket.stop_limit_px_ticks;
        let stop = Placement::stop_limit(side, bracket.stop_px_ticks, limit, qty).reduce_only();
        let strategy = usize::from(entry.request.strategy.get());
        // The stop first: were only one to stand, it is to be this one.
        if !self.place_linked(strategy, &stop, &target, true, out) {
            self.unprotected(entry, lots, 0, out);
        }
    }

    /// A position stands without its protection: say so, and take it off across the spread.
    /// It goes out as one of the group, whose other leg may hold the quantity until its cancel is
    /// confirmed.
    fn unprotected<S: Sink>(&mut self, order: &Order, lots: i64, link_id: u32, out: &mut S) {
        self.alarm(&Concern::of(AlarmCode::Unprotected, lots, 0).on_order(order), out);
        let strategy = usize::from(order.request.strategy.get());
        let Some(slot) = self.strategies.get(strategy) else { return };
        let lots = lots.min(slot.position.lots().get().saturating_abs());
        self.take_off_in(strategy, lots, Group { link_id, parent_id: 0 }, out);
    }

    /// Takes so many lots off a strategy's position with an immediate reduce-only order at the
    /// widest price the limits allow; whether one went out.
    pub(super) fn take_off<S: Sink>(&mut self, strategy: usize, lots: i64, out: &mut S) -> bool {
        self.take_off_in(strategy, lots, Group::default(), out)
    }

    fn take_off_in<S: Sink>(
        &mut self,
        strategy: usize,
        lots: i64,
        group: Group,
        out: &mut S,
    ) -> bool {
        let Some(slot) = self.strategies.get(strategy) else { return false };
        let held = slot.position.lots().get();
        let Some(state) = self.instruments.get(slot.instrument) else { return false };
        let limits = &state.risk.limits;
        let most = limits.max_order_qty_lots.min(state.risk.max_qty_lots);
        let step = limits.qty_step_lots.max(1);
        let qty = lots.min(most) / step * step;
        let Some(touch) = state.touch().filter(|_| qty > 0 && held != 0) else { return false };
        // As far as both the aggression limit and the collar reach.
        let slack = limits.max_aggression_ticks;
        let Some(middle_x2) = touch.mid_x2() else { return false };
        let collar_x2 = i128::from(middle_x2) * i128::from(limits.price_collar_bp) / 10_000;
        let collar_x2 = i64::try_from(collar_x2).unwrap_or(i64::MAX);
        let collar_x2 = collar_x2.max(limits.price_collar_ticks.saturating_mul(2));
        let (side, price) = if held > 0 {
            // Rounded into the collar.
            let least = (middle_x2.saturating_sub(collar_x2).saturating_add(1)) >> 1;
            let price = touch.bid.price_ticks.get().saturating_sub(slack).max(least);
            (Side::Sell, price.max(1))
        } else {
            let most = middle_x2.saturating_add(collar_x2) >> 1;
            (Side::Buy, touch.ask.price_ticks.get().saturating_add(slack).min(most))
        };
        let price_step = limits.price_step_ticks.max(1);
        let price = match side {
            // On the price step, towards the market.
            Side::Sell => (price + price_step - 1) / price_step * price_step,
            Side::Buy => price / price_step * price_step,
        };
        let order = Placement::ioc(side, PriceTicks(price), QtyLots(qty)).reduce_only();
        self.place(strategy, &order, group, out).is_some()
    }

    /// The instrument of a strategy, as an index.
    pub(super) fn instrument_of(&self, strategy: usize) -> usize {
        self.strategies.get(strategy).map_or(usize::MAX, |s| s.instrument)
    }

    /// Whether an instrument is the one named, or none was.
    pub(super) fn is_wanted(index: usize, wanted: wire::InstrumentId) -> bool {
        wanted == wire::InstrumentId::UNDEF || index_of(wanted) == index
    }
}
