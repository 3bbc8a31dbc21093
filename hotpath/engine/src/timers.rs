//! Timers in engine time: a small fixed table, because a strategy holds at most a few.
//!
//! A due timer becomes a numbered input like any other, so a replay fires it at the same place.

use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use wire::TsNs;

/// Timers each strategy may hold, numbered from 0.
pub(crate) const TIMERS_PER_STRATEGY: usize = 4;

/// Timers of the engine itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineTimer {
    /// A request of ours the venue owes an answer to.
    Ack,
    /// The next comparison with the venues.
    Reconcile,
    /// The answer to a mass status is overdue.
    Status,
    /// Cancels that waited for the message budget.
    Cancels,
    /// A kill's cancels are to be confirmed.
    Kill,
    /// The next slice of a parent.
    Parents,
    /// The next advice is over.
    Advice,
    /// The next attempt to flatten.
    Flatten,
    /// The edge is to have sent what was approved.
    Wire,
}

impl EngineTimer {
    const ALL: [Self; 9] = [
        Self::Ack,
        Self::Reconcile,
        Self::Status,
        Self::Cancels,
        Self::Kill,
        Self::Parents,
        Self::Advice,
        Self::Flatten,
        Self::Wire,
    ];
}

/// Whose a timer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A strategy, and its own number for it.
    Strategy(usize, usize),
    /// The engine.
    Engine(EngineTimer),
}

/// The table: one deadline per timer, undefined where it is not set.
#[derive(Debug)]
pub(crate) struct Timers {
    deadlines: Vec<TsNs>,
    strategies: usize,
    earliest: TsNs,
    /// The lowest number among those set to the earliest; any where none is set.
    first: usize,
}

impl Timers {
    pub(crate) fn new(strategies: usize) -> Self {
        Self {
            deadlines: vec![TsNs::UNDEF; strategies * TIMERS_PER_STRATEGY + EngineTimer::ALL.len()],
            strategies,
            earliest: TsNs::UNDEF,
            first: 0,
        }
    }

    /// The number of a strategy's timer, or `None` where the strategy has no such timer.
    pub(crate) fn id(strategy: usize, timer: usize) -> Option<u32> {
        (timer < TIMERS_PER_STRATEGY)
            .then(|| u32::try_from(strategy * TIMERS_PER_STRATEGY + timer).ok())
            .flatten()
    }

    /// Whose a timer is; `None` for a number beyond the table.
    pub(crate) fn owner(&self, id: u32) -> Option<Owner> {
        let id = usize::try_from(id).ok()?;
        let own = self.strategies * TIMERS_PER_STRATEGY;
        if id < own {
            return Some(Owner::Strategy(id / TIMERS_PER_STRATEGY, id % TIMERS_PER_STRATEGY));
        }
        EngineTimer::ALL.get(id - own).copied().map(Owner::Engine)
    }

    /// Sets one of the engine's own timers; undefined clears it.
    pub(crate) fn set_engine(&mut self, timer: EngineTimer, at: TsNs) {
        let place = EngineTimer::ALL.iter().position(|t| *t == timer).unwrap_or(0);
        let id = self.strategies * TIMERS_PER_STRATEGY + place;
        self.set(u32::try_from(id).unwrap_or(u32::MAX), at);
    }

    /// Sets one of the engine's own timers where it is not set yet or set to a later moment.
    pub(crate) fn pull_engine(&mut self, timer: EngineTimer, at: TsNs) {
        let place = EngineTimer::ALL.iter().position(|t| *t == timer).unwrap_or(0);
        let id = self.strategies * TIMERS_PER_STRATEGY + place;
        if self.deadlines.get(id).is_some_and(|d| *d > at) {
            self.set_engine(timer, at);
        }
    }

    /// Timers in the table.
    pub(crate) fn len(&self) -> usize {
        self.deadlines.len()
    }

    pub(crate) fn set(&mut self, id: u32, at: TsNs) {
        let Ok(id) = usize::try_from(id) else { return };
        let Some(slot) = self.deadlines.get_mut(id) else { return };
        *slot = at;
        if (at, id) <= (self.earliest, self.first) {
            (self.earliest, self.first) = (at, id);
        } else if id == self.first {
            // The earliest went: the table says which is next.
            self.find_earliest();
        }
    }

    fn find_earliest(&mut self) {
        let next = self.deadlines.iter().copied().zip(0..).min();
        (self.earliest, self.first) = next.unwrap_or((TsNs::UNDEF, 0));
    }

    pub(crate) fn earliest(&self) -> Option<TsNs> {
        (self.earliest != TsNs::UNDEF).then_some(self.earliest)
    }

    /// The earliest timer due at or before `now`; the lowest number first among equals. It stays
    /// set until [`Timers::set`] clears it.
    pub(crate) fn due(&self, now: TsNs) -> Option<(u32, TsNs)> {
        if self.earliest == TsNs::UNDEF || self.earliest > now {
            return None;
        }
        Some((u32::try_from(self.first).ok()?, self.earliest))
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.deadlines.iter().for_each(|d| h.u64(d.get()));
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for deadline in &mut self.deadlines {
            *deadline = from.time()?;
        }
        self.find_earliest();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_in_order_of_time_then_number() {
        let mut timers = Timers::new(2);
        timers.set(5, TsNs(10));
        timers.set(1, TsNs(20));
        timers.set(3, TsNs(10));
        assert_eq!(timers.earliest(), Some(TsNs(10)));
        assert_eq!(timers.due(TsNs(9)), None);
        let mut fired = Vec::new();
        while let Some((id, at)) = timers.due(TsNs(20)) {
            timers.set(id, TsNs::UNDEF);
            fired.push((id, at.get()));
        }
        assert_eq!(fired, [(3, 10), (5, 10), (1, 20)]);
        assert_eq!(timers.earliest(), None);
        assert_eq!(timers.owner(5), Some(Owner::Strategy(1, 1)));
        assert_eq!(timers.owner(8), Some(Owner::Engine(EngineTimer::Ack)));
        assert_eq!(timers.owner(17), None);
        timers.set_engine(EngineTimer::Wire, TsNs(50));
        timers.pull_engine(EngineTimer::Wire, TsNs(60));
        assert_eq!(timers.due(TsNs(50)), Some((16, TsNs(50))), "pulled only forward");
        assert_eq!(Timers::id(1, 1), Some(5));
        assert_eq!(Timers::id(1, TIMERS_PER_STRATEGY), None);
    }
    /// The table against one that looks through all deadlines every time.
    #[test]
    fn the_earliest_is_what_a_search_finds() {
        let mut timers = Timers::new(2);
        let mut random = 7_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (id, at) = ((random >> 40) % 17, (random >> 33) % 6);
            let at = if at == 0 { TsNs::UNDEF } else { TsNs(at) };
            timers.set(u32::try_from(id).unwrap(), at);
            let least = timers.deadlines.iter().min().copied().filter(|at| *at != TsNs::UNDEF);
            assert_eq!(timers.earliest(), least);
            let due = least.map(|at| {
                let first = timers.deadlines.iter().position(|d| *d == at).unwrap();
                (u32::try_from(first).unwrap(), at)
            });
            assert_eq!(timers.due(TsNs(10)), due);
        }
    }
}
