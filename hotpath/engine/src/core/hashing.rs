//! The state: everything that can influence a later output, hashed, saved and loaded.
//!
//! One walk feeds the hash and the saved words, another takes the words back in the same order;
//! what is not among them is the setup's, or follows from what is. Must never: load a state without
//! feeding it again and comparing every word, or allocate for a hash.

use super::kill::{Kill, MAX_KILLS};
use super::{Engine, Execution, External, Request, externals, flatten};
use crate::hash::StateHasher;
use crate::orders::OrderRequest;
use crate::state::{StateError, StateReader};

impl Engine {
    /// A hash of everything that can influence a later output: books, orders, positions, PnL,
    /// limits, advice, kills, venues, timers, strategy state, sequence numbers.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut h = StateHasher::default();
        self.hash_into(&mut h);
        h.finish()
    }

    /// Saves the whole state between two inputs: what [`Engine::state_hash`] covers, and what was
    /// counted. `words` is emptied first and grows as needed: not for the loop's turn. Gives the
    /// state hash.
    pub fn save(&self, words: &mut Vec<u64>) -> u64 {
        let mut h = StateHasher::keeping(core::mem::take(words));
        self.hash_into(&mut h);
        let hash = h.finish();
        *words = h.into_kept();
        hash
    }

    /// A fresh engine with a saved state: from here on it gives the same outputs as the one that was
    /// saved. It must be made from the same setup; own strategies must be able to take their state
    /// back ([`crate::strategy::Strategy::load_from`]).
    ///
    /// # Errors
    /// [`StateError`]: words that are no state, or of another setup, or whose state is not the one of
    /// the hash. The engine is gone then: nothing half loaded is left.
    pub fn load(mut self, words: &[u64], state_hash: u64) -> Result<Self, StateError> {
        if self.seq != 0 || self.counters.inputs != 0 {
            return Err(StateError::NotFresh);
        }
        let mut from = StateReader::new(words);
        self.load_from(&mut from)?;
        from.end()?;
        let mut again = Vec::with_capacity(words.len());
        let made = self.save(&mut again);
        if let Some(at) = again.iter().zip(words).position(|(made, due)| made != due) {
            return Err(StateError::Differs { at });
        }
        if again.len() != words.len() {
            return Err(StateError::Long { words: again.len() });
        }
        if made != state_hash {
            return Err(StateError::Hash { due: state_hash, made });
        }
        Ok(self)
    }

    fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.now.get());
        h.u64(self.seq);
        h.u64(self.approvals);
        h.u64(self.wire_spent);
        h.bool(self.loss_latched);
        h.u64(self.wire_mark);
        h.bool(self.flatten.is_some());
        if let Some(flatten) = &self.flatten {
            flatten.hash_into(h);
        }
        self.firm.hash_into(h);
        self.venues.iter().for_each(|v| v.hash_into(h));
        self.instruments.iter().for_each(|i| i.hash_into(h));
        for slot in &self.strategies {
            h.u64(slot.instrument as u64);
            h.bool(slot.uses_signal);
            slot.logic.hash_into(h);
            slot.position.hash_into(h);
            h.i64(slot.day_base_e9);
            slot.risk.hash_into(h);
        }
        self.orders.hash_into(h);
        self.parents.hash_into(h);
        self.links.hash_into(h);
        h.u64(self.externals.len() as u64);
        self.externals.iter().for_each(|e| e.hash_into(h));
        h.u64(self.kills.len() as u64);
        self.kills.iter().for_each(|k| k.hash_into(h));
        self.layers.hash_into(h);
        self.advice.hash_into(h);
        self.timers.hash_into(h);
        h.u64(self.signal_ttl_ns);
        h.u64(self.request_ids);
        self.requests.iter().for_each(|request| request.hash_into(h));
        self.executions.iter().for_each(|execution| execution.hash_into(h));
        h.u64(self.executions_next as u64);
        self.counters.hash_into(h);
    }

    fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.now = from.time()?;
        self.seq = from.counter()?;
        self.approvals = from.counter()?;
        self.wire_spent = from.u64()?;
        self.loss_latched = from.bool()?;
        self.wire_mark = from.u64()?;
        self.flatten = if from.bool()? { Some(flatten::Flatten::loaded(from)?) } else { None };
        self.firm.load_from(from)?;
        for venue in &mut self.venues {
            venue.load_from(from)?;
        }
        for state in &mut self.instruments {
            state.load_from(from)?;
        }
        self.load_strategies(from)?;
        let (instruments, strategies) = (self.instruments.len(), self.strategies.len());
        let belongs = |request: &OrderRequest| {
            super::index_of(request.instrument) < instruments
                && usize::from(request.strategy.get()) < strategies
        };
        self.orders.load_from(from, belongs)?;
        self.parents.load_from(from, strategies)?;
        self.links.load_from(from)?;
        for _ in 0..from.count(externals::MAX_EXTERNALS)? {
            self.externals.push(External::loaded(from)?);
        }
        for _ in 0..from.count(MAX_KILLS)? {
            self.kills.push(Kill::loaded(from)?);
        }
        self.layers.load_from(from)?;
        self.advice.load_from(from)?;
        self.timers.load_from(from)?;
        from.same(self.signal_ttl_ns)?;
        self.request_ids = from.counter()?;
        for request in &mut self.requests {
            *request = Request::loaded(from)?;
        }
        for execution in &mut self.executions {
            *execution = Execution::loaded(from)?;
        }
        // Counts on beyond the log: what it remembers is taken by its remainder.
        let executions = from.counter()?;
        self.executions_next = usize::try_from(executions).map_err(|_| from.bad())?;
        self.counters.load_from(from)
    }

    fn load_strategies(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for slot in &mut self.strategies {
            from.same(slot.instrument as u64)?;
            from.same(u64::from(slot.uses_signal))?;
            slot.logic.load_from(from).map_err(|why| match why {
                StateError::Strategy { .. } => StateError::Strategy { name: slot.name.clone() },
                StateError::NotFresh
                | StateError::Short
                | StateError::Long { .. }
                | StateError::Value { .. }
                | StateError::Setup { .. }
                | StateError::Differs { .. }
                | StateError::Hash { .. } => why,
            })?;
            slot.position.load_from(from)?;
            slot.day_base_e9 = from.i64()?;
            slot.risk.load_from(from)?;
        }
        Ok(())
    }
}

impl Request {
    fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.id);
        h.u64(u64::from(self.instrument));
        h.u64(self.nth);
        h.u64(self.at.get());
    }

    fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self { id: from.u64()?, instrument: from.fit()?, nth: from.u64()?, at: from.time()? })
    }
}

impl Execution {
    fn hash_into(&self, h: &mut StateHasher) {
        h.u64(u64::from(self.instrument));
        h.bool(self.is_bust);
        h.u64(self.id);
    }

    fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self { instrument: from.fit()?, is_bust: from.bool()?, id: from.u64()? })
    }
}
