//! Flattening: closing the positions of a target with reduce-only orders, attempt by attempt, in
//! REDUCING only. A separate act of an operator, never a part of a kill; a kill ends it.
//!
//! Must never: open anything, or go on outside REDUCING. Loop thread; no allocation.

use super::kill::Target;
use super::{Engine, strategy_id};
use crate::hash::StateHasher;
use crate::sink::Sink;
use crate::state::{StateError, StateReader};
use crate::timers::EngineTimer;
use wire::order::Side;
use wire::risk::AlarmCode;
use wire::station::Mode;
use wire::{MoneyE9, QtyLots};

/// Attempts to flatten without progress before the engine gives up and says so.
const FLATTEN_ATTEMPTS: u32 = 20;
/// Engine time between two attempts, nanoseconds.
const FLATTEN_NS: u64 = 1_000_000_000;

/// Positions being closed, attempt by attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flatten {
    target: Target,
    /// Attempts left without progress.
    left: u32,
    /// Lots open at the last attempt.
    lots: i64,
}

impl Flatten {
    pub(super) const fn begin(target: Target, lots: i64) -> Self {
        Self { target, left: FLATTEN_ATTEMPTS, lots }
    }

    pub(super) fn hash_into(&self, h: &mut StateHasher) {
        self.target.hash_into(h);
        h.u64(u64::from(self.left));
        h.i64(self.lots);
    }

    pub(super) fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self { target: Target::loaded(from)?, left: from.fit()?, lots: from.i64()? })
    }
}

impl Engine {
    /// Begins to close positions, in REDUCING only: `false` elsewhere, and for what is latched.
    pub(super) fn begin_flatten<S: Sink>(&mut self, target: Option<Target>, out: &mut S) -> bool {
        let Some(target) = target else { return false };
        let is_open = self.firm.mode == Mode::Reducing && !self.firm.killed;
        if !is_open || self.latch_of(target).is_none_or(|latch| *latch) {
            return false;
        }
        self.flatten = Some(Flatten::begin(target, self.open_lots(target)));
        self.stop_parents(|engine, p| engine.covers_parent(target, p), out);
        self.cancel_in(target, out);
        // Asked for again, it comes no later.
        self.timers.pull_engine(EngineTimer::Flatten, self.now.saturating_add(FLATTEN_NS));
        true
    }

    /// Lots within a target that are not flat, long and short alike.
    fn open_lots(&self, target: Target) -> i64 {
        if let Target::Strategy(id) = target {
            let slot = self.strategies.get(usize::from(id.get()));
            return slot.map_or(0, |s| s.position.lots().get().saturating_abs());
        }
        let inside = self.instruments.iter().enumerate().filter(|(n, _)| self.spans(target, *n));
        inside.fold(0, |sum: i64, (_, state)| {
            sum.saturating_add(state.position.lots().get().saturating_abs())
        })
    }

    /// Whether an instrument, or the strategy's own, lies within a target.
    fn spans(&self, target: Target, index: usize) -> bool {
        match target {
            Target::Firm => true,
            Target::Venue(id) => {
                self.instruments.get(index).is_some_and(|s| s.row.header.venue_id == id)
            }
            Target::Symbol(id) => Self::is_wanted(index, id),
            Target::Strategy(id) => self.instrument_of(usize::from(id.get())) == index,
        }
    }

    /// One attempt: every position of the target with nothing working is taken off.
    pub(super) fn flatten_step<S: Sink>(&mut self, out: &mut S) {
        let Some(flatten) = self.flatten.take() else { return };
        let lots = self.open_lots(flatten.target);
        if lots == 0 || self.firm.mode != Mode::Reducing || self.firm.killed {
            return;
        }
        // Attempts that make headway do not count.
        let left = if lots < flatten.lots { FLATTEN_ATTEMPTS } else { flatten.left };
        if left == 0 {
            self.alarm(&flatten.target.concern(AlarmCode::Unprotected, 0, lots), out);
            return;
        }
        self.flatten = Some(Flatten { left: left - 1, lots, ..flatten });
        for index in 0..self.instruments.len() {
            if self.spans(flatten.target, index) {
                self.flatten_instrument(index, flatten.target, out);
            }
        }
        self.timers.set_engine(EngineTimer::Flatten, self.now.saturating_add(FLATTEN_NS));
    }

    fn flatten_instrument<S: Sink>(&mut self, index: usize, target: Target, out: &mut S) {
        if !matches!(target, Target::Strategy(_)) {
            self.attribute_rest(index);
        }
        let held = self.instruments[index].position.lots().get();
        let mut rest = held.saturating_abs();
        for n in 0..self.on_instrument[index].len() {
            let strategy = self.on_instrument[index][n];
            let id = strategy_id(strategy);
            if matches!(target, Target::Strategy(only) if only != id) {
                continue;
            }
            // Only what the station's own position falls by: strategies may stand against each
            // other.
            let own = self.strategies[strategy].position.lots().get();
            let lots =
                if own.signum() == held.signum() { own.saturating_abs().min(rest) } else { 0 };
            let is_busy = self.orders.iter_working().any(|o| o.request.strategy == id);
            rest -= lots;
            if lots > 0 && !is_busy {
                self.take_off(strategy, lots, out);
            }
        }
    }

    /// What no strategy holds (a position the session began with, a fill of an unknown order)
    /// goes at the market to the first strategy of the instrument that may trade it, so that it can
    /// be taken off.
    fn attribute_rest(&mut self, index: usize) {
        let state = &self.instruments[index];
        let may = |s: &&usize| {
            let allowed =
                u32::try_from(**s).ok().and_then(|n| state.risk.rules.strategies.checked_shr(n));
            allowed.is_some_and(|bits| bits & 1 == 1) && self.strategies[**s].risk.epoch != 0
        };
        let on = &self.on_instrument[index];
        let Some(first) = on.iter().find(may).or(on.first()).copied() else { return };
        let held = state.position.lots().get();
        let owners = self.on_instrument[index].iter().map(|s| &self.strategies[*s].position);
        let owned = owners.fold(0_i64, |sum, p| sum.saturating_add(p.lots().get()));
        let rest = held.saturating_sub(owned);
        let Some(mark) = state.mark_of(rest).filter(|_| held != 0 && rest != 0) else { return };
        let side = if rest > 0 { Side::Buy } else { Side::Sell };
        let slot = &mut self.strategies[first];
        let booked = slot.position.fill(side, mark, QtyLots(rest.saturating_abs()), MoneyE9(0));
        if booked.is_ok() {
            slot.risk.position_lots = slot.position.lots().get();
        }
    }
}
