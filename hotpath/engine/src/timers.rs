//! Timers in engine time: a small fixed table, because a strategy holds at most a few.
//!
//! A due timer becomes a numbered input like any other, so a replay fires it at the same place.

use crate::hash::StateHasher;
use wire::TsNs;

/// Timers each strategy may hold, numbered from 0.
pub(crate) const TIMERS_PER_STRATEGY: usize = 4;

/// The table: one deadline per timer, undefined where it is not set.
#[derive(Debug)]
pub(crate) struct Timers {
    deadlines: Vec<TsNs>,
    earliest: TsNs,
}

impl Timers {
    pub(crate) fn new(strategies: usize) -> Self {
        Self {
            deadlines: vec![TsNs::UNDEF; strategies * TIMERS_PER_STRATEGY],
            earliest: TsNs::UNDEF,
        }
    }

    /// The number of a strategy's timer, or `None` where the strategy has no such timer.
    pub(crate) fn id(strategy: usize, timer: usize) -> Option<u32> {
        (timer < TIMERS_PER_STRATEGY)
            .then(|| u32::try_from(strategy * TIMERS_PER_STRATEGY + timer).ok())
            .flatten()
    }

    /// The strategy and its own timer number behind a timer id.
    pub(crate) fn owner(id: u32) -> (usize, usize) {
        let id = usize::try_from(id).unwrap_or(usize::MAX);
        (id / TIMERS_PER_STRATEGY, id % TIMERS_PER_STRATEGY)
    }

    pub(crate) fn set(&mut self, id: u32, at: TsNs) {
        if let Some(slot) = usize::try_from(id).ok().and_then(|i| self.deadlines.get_mut(i)) {
            *slot = at;
            self.earliest = self.deadlines.iter().copied().min().unwrap_or(TsNs::UNDEF);
        }
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
        let index = self.deadlines.iter().position(|d| *d == self.earliest)?;
        Some((u32::try_from(index).ok()?, self.earliest))
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.deadlines.iter().for_each(|d| h.u64(d.get()));
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
        assert_eq!(Timers::owner(5), (1, 1));
        assert_eq!(Timers::id(1, 1), Some(5));
        assert_eq!(Timers::id(1, TIMERS_PER_STRATEGY), None);
    }
}
