//! The state hash: everything that can influence a later output.

use super::Engine;
use crate::hash::StateHasher;

impl Engine {
    /// A hash of everything that can influence a later output: books, orders, positions, PnL,
    /// limits, advice, kills, venues, timers, strategy state, sequence numbers.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut h = StateHasher::default();
        h.u64(self.now.get());
        h.u64(self.seq);
        h.u64(self.approvals);
        h.u64(self.wire_spent);
        h.bool(self.loss_latched);
        h.u64(self.wire_mark);
        h.bool(self.flatten.is_some());
        if let Some(flatten) = &self.flatten {
            flatten.hash_into(&mut h);
        }
        self.firm.hash_into(&mut h);
        self.venues.iter().for_each(|v| v.hash_into(&mut h));
        self.instruments.iter().for_each(|i| i.hash_into(&mut h));
        for slot in &self.strategies {
            h.u64(slot.instrument as u64);
            h.bool(slot.uses_signal);
            slot.logic.hash_into(&mut h);
            slot.position.hash_into(&mut h);
            h.i64(slot.day_base_e9);
            slot.risk.hash_into(&mut h);
        }
        self.orders.hash_into(&mut h);
        self.parents.hash_into(&mut h);
        self.links.hash_into(&mut h);
        self.externals.iter().for_each(|e| e.hash_into(&mut h));
        self.kills.iter().for_each(|k| k.hash_into(&mut h));
        self.layers.hash_into(&mut h);
        self.advice.hash_into(&mut h);
        self.timers.hash_into(&mut h);
        h.u64(self.signal_ttl_ns);
        h.u64(self.request_ids);
        for request in &self.requests {
            h.u64(request.id);
            h.u64(u64::from(request.instrument));
            h.u64(request.nth);
            h.u64(request.at.get());
        }
        for e in &self.executions {
            h.u64(u64::from(e.instrument));
            h.bool(e.is_bust);
            h.u64(e.id);
        }
        h.u64(self.executions_next as u64);
        h.finish()
    }
}
