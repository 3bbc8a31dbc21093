//! The order table: a fixed number of slots, an order's slot is its counter modulo the capacity.
//!
//! No hash map, no allocation: lookup is one index and one compare. A counter whose slot still
//! holds a working order is skipped, so a done order stays findable for late fills until its slot
//! comes round again.

use crate::hash::StateHasher;
use crate::order::is_done;
use wire::order::{ExecInst, NewOrder, OrdStatus, OrdType, Side, TimeInForce};
use wire::units::SEQ_UNDEF;
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
    /// Limit price, ticks; undefined for a market order.
    pub price_ticks: PriceTicks,
    /// Quantity, lots.
    pub qty_lots: QtyLots,
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
    /// A cancel is to be sent as soon as the state allows, or has been.
    pub cancel_wanted: bool,
}

/// The table.
#[derive(Debug)]
pub struct OrderTable {
    slots: Vec<Option<Order>>,
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
        Self { slots: vec![None; capacity], mask, epoch, next: 1, working: 0 }
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

    /// The id the next order gets, or `None` where every slot works or the counter is used up.
    #[must_use]
    pub fn peek_id(&self) -> Option<ClOrdId> {
        // Bounded: at most one turn round the table.
        for step in 0..=self.mask {
            let counter = self.next.checked_add(step)?;
            let id = ClOrdId::new(self.epoch, counter);
            let free = self.slots.get(self.slot_of(id))?.is_none_or(|o| is_done(o.status));
            if free {
                return Some(id);
            }
        }
        None
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
    pub fn insert(&mut self, id: ClOrdId, request: OrderRequest, now: TsNs) -> &Order {
        assert_eq!(self.peek_id(), Some(id), "client order ids are taken in order");
        let counter = u32::try_from(id.get() & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        self.next = counter.saturating_add(1);
        self.working += 1;
        let slot = self.slot_of(id);
        self.slots[slot].insert(Order {
            cl_ord_id: id,
            order_id: SEQ_UNDEF,
            request,
            status: OrdStatus::PendingNew,
            cum_qty_lots: QtyLots(0),
            leaves_qty_lots: request.qty_lots,
            sent_ns: now,
            cancel_wanted: false,
        })
    }

    /// The order with this id.
    #[must_use]
    pub fn get(&self, id: ClOrdId) -> Option<&Order> {
        self.slots.get(self.slot_of(id))?.as_ref().filter(|o| o.cl_ord_id == id)
    }

    /// Changes the order with this id through `f`, keeping the count of working orders right.
    ///
    /// # Panics
    /// When `f` leaves `leaves + cum` different from the quantity while the order works.
    pub fn update<R>(&mut self, id: ClOrdId, f: impl FnOnce(&mut Order) -> R) -> Option<R> {
        let slot = self.slot_of(id);
        let order = self.slots.get_mut(slot)?.as_mut().filter(|o| o.cl_ord_id == id)?;
        let was_done = is_done(order.status);
        let result = f(order);
        let done = is_done(order.status);
        let total = order.leaves_qty_lots.get().checked_add(order.cum_qty_lots.get());
        assert!(
            done || total == Some(order.request.qty_lots.get()),
            "leaves + cum = quantity while an order works"
        );
        assert!(!done || order.leaves_qty_lots == QtyLots(0), "a done order has no leaves");
        match (was_done, done) {
            (false, true) => self.working -= 1,
            (true, false) => self.working += 1,
            _ => {}
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
        self.slots.iter().flatten().filter(|o| !is_done(o.status))
    }

    /// Every order known, done or not, by slot.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.slots.iter().flatten()
    }

    /// Folds the table into a state hash.
    pub fn hash_into(&self, h: &mut StateHasher) {
        h.u64(u64::from(self.epoch));
        h.u64(u64::from(self.next));
        for order in self.iter() {
            h.u64(order.cl_ord_id.get());
            h.u64(order.order_id);
            h.u64(u64::from(order.request.instrument.get()));
            h.u64(u64::from(order.request.strategy.get()));
            h.u64(u64::from(u32::from_le_bytes([
                order.request.side.code(),
                order.request.ord_type.code(),
                order.request.time_in_force.code(),
                order.request.exec_inst.code(),
            ])));
            h.i64(order.request.price_ticks.get());
            h.i64(order.request.qty_lots.get());
            h.u64(u64::from(order.status.code()));
            h.i64(order.cum_qty_lots.get());
            h.i64(order.leaves_qty_lots.get());
            h.u64(order.sent_ns.get());
            h.bool(order.cancel_wanted);
        }
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
            qty_lots: frame.qty_lots,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn request() -> OrderRequest {
        OrderRequest {
            instrument: InstrumentId(0),
            strategy: StrategyId(0),
            side: Side::Buy,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            exec_inst: ExecInst::None,
            price_ticks: PriceTicks(100),
            qty_lots: QtyLots(5),
        }
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
            table.insert(id, request(), TsNs(1));
            ids.push(id);
        }
        assert_eq!(table.peek_id(), None, "every slot works");
        assert_eq!(table.working(), 4);
        finish(&mut table, ids[1]);
        let id = table.peek_id().expect("slot of the canceled order");
        assert_eq!(id, ClOrdId::new(7, 6), "5 shares a slot with a working order and is skipped");
        assert!(table.get(ids[1]).is_some(), "findable until its slot is reused");
        table.insert(id, request(), TsNs(2));
        assert!(table.get(ids[1]).is_none());
        assert_eq!(table.working(), 4);
        assert!(ids.iter().all(|old| *old < id), "ids only rise");
    }

    #[test]
    #[should_panic(expected = "leaves + cum")]
    fn lost_quantity_is_a_bug() {
        let mut table = OrderTable::new(4, 1);
        let id = table.peek_id().expect("free");
        table.insert(id, request(), TsNs(1));
        table.update(id, |o| o.cum_qty_lots = QtyLots(1));
    }
}
