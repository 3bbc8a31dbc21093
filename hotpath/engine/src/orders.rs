//! The order table: a fixed number of slots, an order's slot is its counter modulo the capacity.
//!
//! No hash map, no allocation: lookup is one index and one compare. A counter whose slot still
//! holds a working order is skipped, so a done order stays findable for late fills until its slot
//! comes round again. An amendment holds the slot of the id it will give: until the venue decides
//! the order answers to both ids, and nothing can take the new one's place.

mod saved;

use crate::order::is_done;
use wire::order::{ExecInst, NewOrder, OrdStatus, OrdType, Side, TimeInForce};
use wire::{ClOrdId, InstrumentId, PriceTicks, QtyLots, StrategyId, TsNs};

/// What a strategy wants placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// Instrument.
    pub instrument: InstrumentId,
    /// Strategy that asks.
    pub strategy: StrategyId,
    /// Side.
    pub side: Side,
    /// Type.
    pub ord_type: OrdType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// Instruction.
    pub exec_inst: ExecInst,
    /// Limit price, ticks; undefined for a market or a stop order.
    pub price_ticks: PriceTicks,
    /// Trigger, ticks; undefined where it is no stop.
    pub stop_px_ticks: PriceTicks,
    /// Quantity, lots.
    pub qty_lots: QtyLots,
    /// End of a good-till-date order; undefined for all others.
    pub expire_ns: TsNs,
    /// The parent it is a slice of; 0 for none.
    pub parent_id: u32,
    /// Its link group; 0 for none.
    pub link_id: u32,
}

/// One order as the engine knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Our id.
    pub cl_ord_id: ClOrdId,
    /// The venue's id, undefined until it says.
    pub order_id: u64,
    /// What was asked.
    pub request: OrderRequest,
    /// State.
    pub status: OrdStatus,
    /// Filled, lots.
    pub cum_qty_lots: QtyLots,
    /// Still able to fill, lots; 0 once done.
    pub leaves_qty_lots: QtyLots,
    /// Engine time it was sent.
    pub sent_ns: TsNs,
    /// A cancel is to be sent as soon as state and message budget allow, or has been.
    pub cancel_wanted: bool,
    /// The cancel is on its way.
    pub cancel_sent: bool,
    /// Engine time of the request the venue has not answered yet; undefined where it owes nothing.
    pub waiting_ns: TsNs,
    /// The price its value is reserved at, ticks.
    pub value_px_ticks: i64,
    /// Lots reserved for it: what it may still fill at worst.
    pub reserved_lots: i64,
    /// The amendment on its way.
    pub replacing: Option<Replacing>,
    /// The id it went on under when an amendment took effect; undefined where it did not.
    pub went_on_as: ClOrdId,
    /// Last mass status that listed it.
    pub seen_in: u32,
}

/// An amendment on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacing {
    /// The id the order will have.
    pub id: ClOrdId,
    /// New price, ticks.
    pub price_ticks: PriceTicks,
    /// New whole quantity, lots.
    pub qty_lots: QtyLots,
    /// The price its value would be reserved at, ticks.
    pub value_px_ticks: i64,
    /// Last mass status asked for before it was sent: what a later one lists, it lists after it.
    pub asked_in: u32,
}

/// Where a new entry of the table starts from.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What is asked.
    pub request: OrderRequest,
    /// The price its value is reserved at, ticks.
    pub value_px_ticks: i64,
    /// State.
    pub status: OrdStatus,
    /// Filled under an earlier id, lots.
    pub cum_qty_lots: QtyLots,
    /// The venue's id, where it is known.
    pub order_id: u64,
    /// Engine time of sending.
    pub sent_ns: TsNs,
    /// Lots reserved for it.
    pub reserved_lots: i64,
}

impl Order {
    /// Whether the venue has not said yet what became of a request.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting_ns != TsNs::UNDEF
    }

    /// Lots it may still fill at worst: the more of what was ordered and of what an amendment on
    /// its way would make of it; 0 once done.
    #[must_use]
    pub fn may_fill_lots(&self) -> i64 {
        if is_done(self.status) {
            return 0;
        }
        let amended = self.replacing.map_or(0, |r| r.qty_lots.get());
        let whole = self.request.qty_lots.get().max(amended);
        whole.saturating_sub(self.cum_qty_lots.get()).max(0)
    }

    /// The price its value is to be reserved at: the dearer, where an amendment is on its way.
    #[must_use]
    pub fn dearest_px(&self) -> i64 {
        self.replacing.map_or(self.value_px_ticks, |r| r.value_px_ticks.max(self.value_px_ticks))
    }

    /// The price at which it could meet an own order: that of a working limit order, the nearer to
    /// the other side where an amendment is on its way.
    #[must_use]
    pub fn standing_px(&self) -> Option<i64> {
        if is_done(self.status) || self.request.ord_type != OrdType::Limit {
            return None;
        }
        let px = self.request.price_ticks.get();
        let amended = self.replacing.map_or(px, |r| r.price_ticks.get());
        Some(match self.request.side {
            Side::Buy => px.max(amended),
            Side::Sell => px.min(amended),
        })
    }
}

/// Bits of a word of [`OrderTable`]'s map of working orders.
const BITS: usize = 64;

/// The table.
#[derive(Debug)]
pub struct OrderTable {
    slots: Vec<Option<Order>>,
    /// For each slot the order whose amendment holds it; undefined where none does.
    held: Vec<ClOrdId>,
    /// One bit a slot: whether its order is not done. Going over all slots for the few that work
    /// would put the table into the place of what the loop needs next.
    open: Vec<u64>,
    mask: u32,
    epoch: u32,
    next: u32,
    working: usize,
}

impl OrderTable {
    /// A table of `capacity` slots (a power of two), for ids of session `epoch`.
    #[must_use]
    pub fn new(capacity: usize, epoch: u32) -> Self {
        let capacity = capacity.next_power_of_two().clamp(2, 1 << 20);
        let mask = u32::try_from(capacity - 1).unwrap_or(u32::MAX);
        let held = vec![ClOrdId::UNDEF; capacity];
        let open = vec![0; capacity.div_ceil(BITS)];
        Self { slots: vec![None; capacity], held, open, mask, epoch, next: 1, working: 0 }
    }

    /// Orders that are not done.
    #[must_use]
    pub fn working(&self) -> usize {
        self.working
    }

    fn slot_of(&self, id: ClOrdId) -> usize {
        let counter = u32::try_from(id.get() & u64::from(u32::MAX)).unwrap_or(0);
        usize::try_from(counter & self.mask).unwrap_or(0)
    }

    fn mark(&mut self, slot: usize, is_open: bool) {
        let Some(word) = self.open.get_mut(slot / BITS) else { return };
        let bit = 1_u64 << (slot % BITS);
        let was_open = *word & bit != 0;
        *word = if is_open { *word | bit } else { *word & !bit };
        match (was_open, is_open) {
            (false, true) => self.working += 1,
            (true, false) => self.working -= 1,
            _ => {}
        }
    }

    /// The id the next order gets, or `None` where every slot works or the counter is used up.
    #[must_use]
    pub fn peek_id(&self) -> Option<ClOrdId> {
        // Bounded: at most one turn round the table.
        for step in 0..=self.mask {
            let counter = self.next.checked_add(step)?;
            let id = ClOrdId::new(self.epoch, counter);
            if self.is_free(id) {
                return Some(id);
            }
        }
        None
    }

    /// Whether an order may take this id: its slot holds nothing that works, no amendment waits for
    /// the slot, and the id itself was never there.
    fn is_free(&self, id: ClOrdId) -> bool {
        let slot = self.slot_of(id);
        let vacant = |o: &Order| is_done(o.status) && o.cl_ord_id != id;
        self.slots.get(slot).is_some_and(|o| o.as_ref().is_none_or(vacant))
            && self.held.get(slot).is_some_and(|h| *h == ClOrdId::UNDEF)
    }

    /// Takes an id for an amendment of `order` and holds its slot until the order is done or its
    /// [`Order::replacing`] is gone; `None` where there is no free slot.
    pub fn hold_id(&mut self, order: ClOrdId) -> Option<ClOrdId> {
        let id = self.peek_id()?;
        let counter = u32::try_from(id.get() & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        self.next = counter.saturating_add(1);
        let slot = self.slot_of(id);
        *self.held.get_mut(slot)? = order;
        Some(id)
    }

    /// Whether this session has given an id out.
    #[must_use]
    pub fn was_given(&self, id: ClOrdId) -> bool {
        (ClOrdId::new(self.epoch, 1)..ClOrdId::new(self.epoch, self.next)).contains(&id)
    }

    /// Takes an id for a request that is no order (a cancel), so that ids stay unique.
    pub fn take_request_id(&mut self) -> ClOrdId {
        let id = ClOrdId::new(self.epoch, self.next);
        self.next = self.next.saturating_add(1);
        id
    }

    /// Puts a sent order into its slot.
    ///
    /// # Panics
    /// When the id was not the one [`OrderTable::peek_id`] gave: reuse of an id is a bug.
    pub fn insert(&mut self, id: ClOrdId, entry: &Entry) -> &Order {
        assert_eq!(self.peek_id(), Some(id), "client order ids are taken in order");
        let counter = u32::try_from(id.get() & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        self.next = counter.saturating_add(1);
        self.put(id, entry)
    }

    /// Puts an order with an id that is not the next one (an amendment's, a venue's) into its slot;
    /// `None` where something that is not done holds the slot, or the id was there before.
    pub fn insert_reserved(&mut self, id: ClOrdId, entry: &Entry) -> Option<&Order> {
        self.is_free(id).then(|| self.put(id, entry))
    }

    fn put(&mut self, id: ClOrdId, entry: &Entry) -> &Order {
        let rest = entry.request.qty_lots.get().saturating_sub(entry.cum_qty_lots.get());
        let leaves = if is_done(entry.status) { 0 } else { rest };
        let slot = self.slot_of(id);
        self.mark(slot, !is_done(entry.status));
        let is_new = entry.status == OrdStatus::PendingNew;
        self.slots[slot].insert(Order {
            cl_ord_id: id,
            order_id: entry.order_id,
            request: entry.request,
            status: entry.status,
            cum_qty_lots: entry.cum_qty_lots,
            leaves_qty_lots: QtyLots(leaves),
            sent_ns: entry.sent_ns,
            cancel_wanted: false,
            cancel_sent: false,
            waiting_ns: if is_new { entry.sent_ns } else { TsNs::UNDEF },
            value_px_ticks: entry.value_px_ticks,
            reserved_lots: entry.reserved_lots,
            replacing: None,
            went_on_as: ClOrdId::UNDEF,
            seen_in: 0,
        })
    }

    /// The slot of the order with this id, or with an amendment to this id on its way.
    fn find(&self, id: ClOrdId) -> Option<usize> {
        let at = |id: ClOrdId| {
            let slot = self.slot_of(id);
            self.slots.get(slot)?.as_ref().filter(|o| o.cl_ord_id == id).map(|o| (slot, o))
        };
        if let Some((slot, _)) = at(id) {
            return Some(slot);
        }
        let (slot, order) = at(*self.held.get(self.slot_of(id))?)?;
        order.replacing.is_some_and(|r| r.id == id).then_some(slot)
    }

    /// The order with this id, or with an amendment to this id on its way.
    #[must_use]
    pub fn get(&self, id: ClOrdId) -> Option<&Order> {
        self.slots.get(self.find(id)?)?.as_ref()
    }

    /// The order as it goes on after every amendment of it that took effect.
    #[must_use]
    pub fn newest(&self, order: &Order) -> Order {
        let mut newest = *order;
        // Bounded: each amendment took a slot of its own.
        for _ in 0..self.slots.len() {
            let Some(next) = self.get(newest.went_on_as) else { break };
            newest = *next;
        }
        newest
    }

    /// Changes the order with this id through `f`, keeping the count of working orders right.
    ///
    /// # Panics
    /// When `f` leaves `leaves + cum` different from the quantity while the order works.
    pub fn update<R>(&mut self, id: ClOrdId, f: impl FnOnce(&mut Order) -> R) -> Option<R> {
        let slot = self.find(id)?;
        let order = self.slots.get_mut(slot)?.as_mut()?;
        let held = order.replacing;
        let result = f(order);
        if is_done(order.status) {
            order.replacing = None;
        }
        let gone = held.filter(|h| order.replacing.is_none_or(|r| r.id != h.id));
        let done = is_done(order.status);
        let total = order.leaves_qty_lots.get().checked_add(order.cum_qty_lots.get());
        let over = order.cum_qty_lots > order.request.qty_lots && order.leaves_qty_lots.get() == 0;
        assert!(
            done || over || total == Some(order.request.qty_lots.get()),
            "leaves + cum = quantity while an order works"
        );
        assert!(!done || order.leaves_qty_lots == QtyLots(0), "a done order has no leaves");
        self.mark(slot, !done);
        if let Some(gone) = gone {
            let slot = self.slot_of(gone.id);
            self.held[slot] = ClOrdId::UNDEF;
        }
        Some(result)
    }

    /// Slots of the table.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The order in a slot, done or not.
    #[must_use]
    pub fn at(&self, slot: usize) -> Option<&Order> {
        self.slots.get(slot)?.as_ref()
    }

    /// Every order that is not done, by slot.
    pub fn iter_working(&self) -> impl Iterator<Item = &Order> {
        let of_word = |(n, word): (usize, &u64)| {
            let mut left = *word;
            core::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let bit = usize::try_from(left.trailing_zeros()).unwrap_or(0);
                left &= left - 1;
                Some(n * BITS + bit)
            })
        };
        let slots = self.open.iter().enumerate().flat_map(of_word);
        slots.filter_map(|slot| self.slots.get(slot)?.as_ref())
    }

    /// Every order known, done or not, by slot.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.slots.iter().flatten()
    }
}

impl OrderRequest {
    /// The request behind a frame; used by tests and tools. `None` where a code is not known.
    #[must_use]
    pub fn of_frame(frame: &NewOrder) -> Option<Self> {
        Some(Self {
            instrument: frame.header.instrument_id,
            strategy: frame.header.strategy_id,
            side: Side::from_code(frame.side)?,
            ord_type: OrdType::from_code(frame.ord_type)?,
            time_in_force: TimeInForce::from_code(frame.time_in_force)?,
            exec_inst: ExecInst::from_code(frame.exec_inst)?,
            price_ticks: frame.price_ticks,
            stop_px_ticks: frame.stop_px_ticks,
            qty_lots: frame.qty_lots,
            expire_ns: frame.expire_ns,
            parent_id: frame.parent_id,
            link_id: frame.link_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::units::SEQ_UNDEF;

    pub(crate) fn request() -> OrderRequest {
        OrderRequest {
            instrument: InstrumentId(0),
            strategy: StrategyId(0),
            side: Side::Buy,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            exec_inst: ExecInst::None,
            price_ticks: PriceTicks(100),
            stop_px_ticks: PriceTicks::UNDEF,
            qty_lots: QtyLots(5),
            expire_ns: TsNs::UNDEF,
            parent_id: 0,
            link_id: 0,
        }
    }

    fn insert(table: &mut OrderTable, id: ClOrdId, now: TsNs) {
        let entry = Entry {
            request: request(),
            value_px_ticks: 100,
            status: OrdStatus::PendingNew,
            cum_qty_lots: QtyLots(0),
            order_id: SEQ_UNDEF,
            sent_ns: now,
            reserved_lots: 0,
        };
        table.insert(id, &entry);
    }

    fn finish(table: &mut OrderTable, id: ClOrdId) {
        table.update(id, |o| {
            o.status = OrdStatus::Canceled;
            o.leaves_qty_lots = QtyLots(0);
        });
    }

    #[test]
    fn ids_rise_and_skip_slots_that_still_work() {
        let mut table = OrderTable::new(4, 7);
        let mut ids = Vec::new();
        for _ in 0..4 {
            let id = table.peek_id().expect("free slot");
            insert(&mut table, id, TsNs(1));
            ids.push(id);
        }
        assert_eq!(table.peek_id(), None, "every slot works");
        assert_eq!(table.working(), 4);
        finish(&mut table, ids[1]);
        let id = table.peek_id().expect("slot of the canceled order");
        assert_eq!(id, ClOrdId::new(7, 6), "5 shares a slot with a working order and is skipped");
        assert!(table.get(ids[1]).is_some(), "findable until its slot is reused");
        insert(&mut table, id, TsNs(2));
        assert!(table.get(ids[1]).is_none());
        assert_eq!(table.working(), 4);
        assert!(ids.iter().all(|old| *old < id), "ids only rise");
    }

    proptest::proptest! {
        /// Orders come, end and come back: the map of those that work is what their states say.
        #[test]
        fn working_orders_are_those_that_are_not_done(
            steps in proptest::collection::vec((0_u8..4, 0_usize..200), 1..400),
        ) {
            let mut table = OrderTable::new(128, 1);
            for (what, slot) in steps {
                let at = table.at(slot % 128).map(|o| o.cl_ord_id);
                match (what, at) {
                    (2, Some(id)) => finish(&mut table, id),
                    (3, Some(id)) => {
                        table.update(id, |o| {
                            o.status = OrdStatus::Unknown;
                            o.leaves_qty_lots = o.request.qty_lots;
                        });
                    }
                    _ => {
                        let Some(id) = table.peek_id() else { continue };
                        insert(&mut table, id, TsNs(1));
                    }
                }
                let by_state = table.iter().filter(|o| !is_done(o.status)).map(|o| o.cl_ord_id);
                let by_state: Vec<_> = by_state.collect();
                let by_map: Vec<_> = table.iter_working().map(|o| o.cl_ord_id).collect();
                proptest::prop_assert_eq!(table.working(), by_state.len());
                proptest::prop_assert_eq!(by_map, by_state);
            }
        }
    }

    #[test]
    #[should_panic(expected = "leaves + cum")]
    fn lost_quantity_is_a_bug() {
        let mut table = OrderTable::new(4, 1);
        let id = table.peek_id().expect("free");
        insert(&mut table, id, TsNs(1));
        table.update(id, |o| o.cum_qty_lots = QtyLots(1));
    }
}
