//! The order table as words: fed to the hash, taken back from a saved state.

use super::{Order, OrderRequest, OrderTable, Replacing};
use crate::hash::StateHasher;
use crate::order::is_done;
use crate::state::{StateError, StateReader};
use crate::strategy::order_codes;
use wire::order::OrdStatus;
use wire::{ClOrdId, InstrumentId, PriceTicks, QtyLots, StrategyId};

impl OrderTable {
    /// Folds the table into a state hash.
    pub fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.slots.len() as u64);
        h.u64(u64::from(self.epoch));
        h.u64(u64::from(self.next));
        h.u64(self.iter().count() as u64);
        self.iter().for_each(|order| order.hash_into(h));
        self.held.iter().for_each(|id| h.u64(id.get()));
    }

    /// Takes back what [`OrderTable::hash_into`] fed, into an empty table of the same size and epoch.
    /// `belongs` says whether a request names an instrument and a strategy that are there.
    pub(crate) fn load_from(
        &mut self,
        from: &mut StateReader<'_>,
        belongs: impl Fn(&OrderRequest) -> bool,
    ) -> Result<(), StateError> {
        from.same(self.slots.len() as u64)?;
        from.same(u64::from(self.epoch))?;
        self.next = from.fit()?;
        let mut free = 0;
        for _ in 0..from.count(self.slots.len())? {
            let order = Order::loaded(from)?;
            let slot = self.slot_of(order.cl_ord_id);
            if slot < free || !order.adds_up() || !belongs(&order.request) {
                return Err(from.bad());
            }
            free = slot + 1;
            self.mark(slot, !is_done(order.status));
            self.slots[slot] = Some(order);
        }
        for held in &mut self.held {
            *held = ClOrdId(from.u64()?);
        }
        Ok(())
    }
}

impl Order {
    /// Whether its quantities are such as [`OrderTable::update`] leaves them.
    fn adds_up(&self) -> bool {
        let (cum, leaves) = (self.cum_qty_lots.get(), self.leaves_qty_lots.get());
        let whole = self.request.qty_lots.get();
        if is_done(self.status) {
            return leaves == 0 && self.replacing.is_none();
        }
        leaves.checked_add(cum) == Some(whole) || (cum > whole && leaves == 0)
    }

    fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.cl_ord_id.get());
        h.u64(self.order_id);
        self.request.hash_into(h);
        h.u64(u64::from(self.status.code()));
        h.i64(self.cum_qty_lots.get());
        h.i64(self.leaves_qty_lots.get());
        h.u64(self.sent_ns.get());
        h.bool(self.cancel_wanted);
        h.bool(self.cancel_sent);
        h.u64(self.waiting_ns.get());
        h.i64(self.value_px_ticks);
        h.i64(self.reserved_lots);
        h.u64(u64::from(self.seen_in));
        h.u64(self.went_on_as.get());
        h.bool(self.replacing.is_some());
        if let Some(r) = &self.replacing {
            h.u64(r.id.get());
            h.i64(r.price_ticks.get());
            h.i64(r.qty_lots.get());
            h.i64(r.value_px_ticks);
            h.u64(u64::from(r.asked_in));
        }
    }

    fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            cl_ord_id: ClOrdId(from.u64()?),
            order_id: from.u64()?,
            request: OrderRequest::loaded(from)?,
            status: from.code(OrdStatus::from_code)?,
            cum_qty_lots: QtyLots(from.i64()?),
            leaves_qty_lots: QtyLots(from.i64()?),
            sent_ns: from.time()?,
            cancel_wanted: from.bool()?,
            cancel_sent: from.bool()?,
            waiting_ns: from.time()?,
            value_px_ticks: from.i64()?,
            reserved_lots: from.i64()?,
            seen_in: from.fit()?,
            went_on_as: ClOrdId(from.u64()?),
            replacing: if from.bool()? { Some(Replacing::loaded(from)?) } else { None },
        })
    }
}

impl Replacing {
    fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            id: ClOrdId(from.u64()?),
            price_ticks: PriceTicks(from.i64()?),
            qty_lots: QtyLots(from.i64()?),
            value_px_ticks: from.i64()?,
            asked_in: from.fit()?,
        })
    }
}

impl OrderRequest {
    fn hash_into(&self, h: &mut StateHasher) {
        h.u64(u64::from(self.instrument.get()));
        h.u64(u64::from(self.strategy.get()));
        h.u64(u64::from(u32::from_le_bytes([
            self.side.code(),
            self.ord_type.code(),
            self.time_in_force.code(),
            self.exec_inst.code(),
        ])));
        h.i64(self.price_ticks.get());
        h.i64(self.stop_px_ticks.get());
        h.i64(self.qty_lots.get());
        h.u64(self.expire_ns.get());
        h.u64(u64::from(self.parent_id));
        h.u64(u64::from(self.link_id));
    }

    fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let instrument = InstrumentId(from.fit()?);
        let strategy = StrategyId(from.fit()?);
        let (side, ord_type, time_in_force, exec_inst) = order_codes(from)?;
        Ok(Self {
            instrument,
            strategy,
            side,
            ord_type,
            time_in_force,
            exec_inst,
            price_ticks: PriceTicks(from.i64()?),
            stop_px_ticks: PriceTicks(from.i64()?),
            qty_lots: QtyLots(from.i64()?),
            expire_ns: from.time()?,
            parent_id: from.fit()?,
            link_id: from.fit()?,
        })
    }
}
