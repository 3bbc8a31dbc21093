//! What changes the figures the gate compares with: limits files, tightenings at run time, advice,
//! figures from outside.
//!
//! The effective value of a limit is the tightest of its layers: compiled cap, operator's file,
//! session, advice. Must never: let anything but a whole limits file, in MAINTENANCE, make a value
//! looser. The record has each change before it takes effect, because it is an input.

mod saved;

use super::{Concern, Engine, index_of};
use crate::limits::{
    FirmLimits, FxSource, LimitSet, Row, StrategyLimits, SymbolLimits, Tighter, VenueLimits,
};
use crate::risk::FxRate;
use crate::sink::Sink;
use crate::timers::EngineTimer;
use wire::advice::Advice;
use wire::risk::{
    AlarmCode, ChangeSource, EpochStage, LimitChange, LimitField, LimitsEpoch, RiskField,
    RiskInput, Scope,
};
use wire::station::Mode;
use wire::{InstrumentId, StrategyId, TsNs, VenueId};

/// The operator's file, the session's tightenings, and a file on its way in.
#[derive(Debug)]
pub(super) struct Layers {
    operator: LimitSet,
    session: SessionLimits,
    staged: Option<Box<LimitSet>>,
    /// Memory for the next file.
    spare: Option<Box<LimitSet>>,
}

/// What was tightened since the limits file was taken; a field nobody touched is at its loose end.
#[derive(Debug)]
pub struct SessionLimits {
    /// The station.
    pub firm: FirmLimits,
    /// Each instrument, by id.
    pub symbols: Vec<SymbolLimits>,
    /// Each strategy, by id.
    pub strategies: Vec<StrategyLimits>,
    /// Each venue, in the order of the operator's rows.
    pub venues: Vec<VenueLimits>,
}

impl SessionLimits {
    fn loosest(of: &LimitSet) -> Self {
        Self {
            firm: FirmLimits::LOOSEST,
            symbols: vec![SymbolLimits::LOOSEST; of.symbols.len()],
            strategies: vec![StrategyLimits::LOOSEST; of.strategies.len()],
            venues: vec![VenueLimits::LOOSEST; of.venues.len()],
        }
    }

    fn loosen(&mut self) {
        self.firm = FirmLimits::LOOSEST;
        self.symbols.fill(SymbolLimits::LOOSEST);
        self.strategies.fill(StrategyLimits::LOOSEST);
        self.venues.fill(VenueLimits::LOOSEST);
    }
}

impl Layers {
    pub(super) fn new(operator: LimitSet) -> Self {
        let session = SessionLimits::loosest(&operator);
        let spare = Some(Box::new(operator.clone()));
        Self { operator, session, staged: None, spare }
    }

    pub(super) fn operator(&self) -> &LimitSet {
        &self.operator
    }

    pub(super) fn session(&self) -> &SessionLimits {
        &self.session
    }

    fn venue(&self, id: VenueId) -> Option<usize> {
        self.operator.venues.iter().position(|(v, _)| *v == id)
    }

    /// Its own hash, for tests.
    #[cfg(test)]
    pub(super) fn hash(&self) -> u64 {
        let mut h = crate::hash::StateHasher::default();
        self.hash_into(&mut h);
        h.finish()
    }

    /// Where the memory of the running and the next file lies, and how much it is.
    #[cfg(test)]
    pub(super) fn memory(&self) -> Vec<[usize; 6]> {
        let sets = [Some(&self.operator), self.staged.as_deref(), self.spare.as_deref()];
        let of = |s: &LimitSet| {
            let at = [s.symbols.as_ptr().addr(), s.strategies.as_ptr().addr()];
            let size = [s.symbols.capacity(), s.strategies.capacity(), s.venues.capacity()];
            [at[0], at[1], s.venues.as_ptr().addr(), size[0], size[1], size[2]]
        };
        sets.into_iter().flatten().map(of).collect()
    }
}

/// A value becomes another where it is tighter; what it was is the error.
fn tighten<R: Row>(
    row: Option<&R>,
    session: &mut R,
    field: LimitField,
    value: i64,
) -> Result<(), i64> {
    let Some(spec) = R::spec(field) else { return Err(i64::MIN) };
    let Some(row) = row else { return Err(i64::MIN) };
    let now = row.tightest(session).get(field).unwrap_or(i64::MIN);
    let is_tighter = match spec.tighter {
        Tighter::Lower => value <= now,
        Tighter::Higher => value >= now,
    };
    if !is_tighter || !spec.range.contains(&value) || !session.set(field, value) {
        return Err(now);
    }
    Ok(())
}

fn set_row<R: Row>(row: Option<&mut R>, field: LimitField, value: i64) -> Result<(), i64> {
    let good = R::spec(field).is_some_and(|spec| spec.range.contains(&value));
    match row {
        Some(row) => {
            let was = row.get(field).unwrap_or(i64::MIN);
            if good && row.set(field, value) { Ok(()) } else { Err(was) }
        }
        None => Err(i64::MIN),
    }
}

impl Engine {
    /// Gives every figure its operator's row, then the effective limits.
    pub(super) fn take_rows(&mut self) {
        let (layers, epoch) = (&self.layers, self.layers.operator.epoch);
        for (state, row) in self.instruments.iter_mut().zip(&layers.operator.symbols) {
            if let Some(row) = row {
                state.risk.set_row(row, epoch);
            }
        }
        self.apply_limits();
    }

    /// Brings the effective limits up to date with every layer.
    pub(super) fn apply_limits(&mut self) {
        let (layers, advice) = (&self.layers, &self.advice);
        let epoch = layers.operator.epoch;
        let operator = &layers.operator;
        for (n, state) in self.instruments.iter_mut().enumerate() {
            let row = operator.symbols.get(n).copied().flatten();
            let (Some(row), Some(session)) = (row, layers.session.symbols.get(n)) else {
                continue;
            };
            let base = row.limits.tightest(session);
            let id = state.row.header.instrument_id;
            let (limits, reduce_only) = advice.applied(id, &row.limits, &base);
            state.risk.set_limits(base, epoch);
            state.risk.set_advised(&limits);
            state.risk.reduce_only = reduce_only;
        }
        for (n, slot) in self.strategies.iter_mut().enumerate() {
            let row = operator.strategies.get(n).copied().flatten();
            if let (Some(row), Some(session)) = (row, layers.session.strategies.get(n)) {
                slot.risk.set_limits(row.tightest(session), epoch);
            }
        }
        for ((id, row), session) in operator.venues.iter().zip(&layers.session.venues) {
            if let Some(venue) = self.venues.iter_mut().find(|v| v.risk.id == *id) {
                venue.risk.set_limits(row.tightest(session), epoch);
            }
        }
        self.firm.set_limits(operator.firm.tightest(&layers.session.firm), epoch);
        let use_bp = self.firm.limits.credit_use_bp;
        for venue in &mut self.venues {
            if venue.risk.balance_e9 >= 0 {
                venue.risk.set_balance(venue.risk.balance_e9, use_bp);
            }
        }
    }

    pub(super) fn on_limit_change<S: Sink>(&mut self, change: &LimitChange, out: &mut S) {
        let codes = (
            LimitField::from_code(change.field),
            Scope::from_code(change.scope),
            ChangeSource::from_code(change.source),
        );
        let (Some(field), Some(scope), Some(source)) = codes else { return };
        let (i, s, v) = (
            index_of(change.header.instrument_id),
            usize::from(change.header.strategy_id.get()),
            change.header.venue_id,
        );
        let value = change.value;
        let taken = match source {
            ChangeSource::Runtime => self.tighten_session(scope, (i, s, v), field, value),
            ChangeSource::Epoch => self.stage_value(scope, (i, s, v), field, value),
        };
        match taken {
            Ok(()) => {
                self.counters.limit_changes += 1;
                if source == ChangeSource::Runtime {
                    self.apply_limits();
                }
            }
            Err(now) => {
                let mut concern = Concern::of(AlarmCode::LimitRefused, now, value);
                concern.instrument = change.header.instrument_id;
                concern.strategy = change.header.strategy_id;
                concern.venue = change.header.venue_id;
                if source == ChangeSource::Epoch {
                    // A file with one value that cannot be is no file.
                    self.drop_staged();
                }
                self.alarm(&concern, out);
            }
        }
    }

    fn tighten_session(
        &mut self,
        scope: Scope,
        (i, s, v): (usize, usize, VenueId),
        field: LimitField,
        value: i64,
    ) -> Result<(), i64> {
        let none = i64::MIN;
        let layers = &mut self.layers;
        let operator = &layers.operator;
        match scope {
            Scope::Firm => tighten(Some(&operator.firm), &mut layers.session.firm, field, value),
            Scope::Symbol => {
                let row = operator.symbols.get(i).and_then(Option::as_ref).map(|r| &r.limits);
                let session = layers.session.symbols.get_mut(i).ok_or(none)?;
                tighten(row, session, field, value)
            }
            Scope::Strategy => {
                let row = operator.strategies.get(s).and_then(Option::as_ref);
                let session = layers.session.strategies.get_mut(s).ok_or(none)?;
                tighten(row, session, field, value)
            }
            Scope::Venue => {
                let at = layers.venue(v).ok_or(none)?;
                let row = layers.operator.venues.get(at).map(|(_, row)| row);
                let session = layers.session.venues.get_mut(at).ok_or(none)?;
                tighten(row, session, field, value)
            }
        }
    }

    fn stage_value(
        &mut self,
        scope: Scope,
        (i, s, v): (usize, usize, VenueId),
        field: LimitField,
        value: i64,
    ) -> Result<(), i64> {
        let staged = self.layers.staged.as_mut().ok_or(i64::MIN)?;
        match scope {
            Scope::Firm => set_row(Some(&mut staged.firm), field, value),
            Scope::Symbol => {
                let row = staged.symbols.get_mut(i).and_then(Option::as_mut);
                set_row(row.map(|r| &mut r.limits), field, value)
            }
            Scope::Strategy => {
                let row = staged.strategies.get_mut(s).and_then(Option::as_mut);
                set_row(row, field, value)
            }
            Scope::Venue => {
                let row = staged.venues.iter_mut().find(|(id, _)| *id == v);
                set_row(row.map(|(_, row)| row), field, value)
            }
        }
    }

    pub(super) fn on_limits_epoch<S: Sink>(&mut self, epoch: &LimitsEpoch, out: &mut S) {
        let running = self.layers.operator.epoch;
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let done = match EpochStage::from_code(epoch.stage) {
            Some(EpochStage::Running) => {
                (epoch.epoch, &epoch.sha256) == (running, &self.layers.operator.sha256)
            }
            Some(EpochStage::Begin) => {
                let may = self.firm.mode == Mode::Maintenance && epoch.epoch > running;
                if may {
                    // A file that begins anew takes nothing over from one that was broken off.
                    self.drop_staged();
                    self.layers.staged = self.layers.spare.take();
                    if let Some(staged) = &mut self.layers.staged {
                        staged.copy_from(&self.layers.operator);
                        (staged.epoch, staged.sha256) = (epoch.epoch, epoch.sha256);
                    }
                }
                may
            }
            Some(EpochStage::Commit) => self.commit_epoch(epoch),
            None => false,
        };
        if !done {
            self.drop_staged();
            let concern =
                Concern::of(AlarmCode::LimitRefused, number(running), number(epoch.epoch));
            self.alarm(&concern, out);
        }
    }

    fn commit_epoch(&mut self, epoch: &LimitsEpoch) -> bool {
        let fits = self.firm.mode == Mode::Maintenance
            && self
                .layers
                .staged
                .as_ref()
                .is_some_and(|s| s.epoch == epoch.epoch && s.sha256 == epoch.sha256);
        if !fits {
            return false;
        }
        if let Some(mut staged) = self.layers.staged.take() {
            core::mem::swap(&mut self.layers.operator, &mut staged);
            self.layers.spare = Some(staged);
        }
        self.layers.session.loosen();
        self.apply_limits();
        true
    }

    fn drop_staged(&mut self) {
        if let Some(staged) = self.layers.staged.take() {
            self.layers.spare = Some(staged);
        }
    }

    pub(super) fn on_advice<S: Sink>(&mut self, advice: &Advice, out: &mut S) {
        let mut concern = match self.advice.take(advice, self.instruments.len(), self.now) {
            Ok(()) => {
                self.counters.advice_taken += 1;
                self.apply_limits();
                let next = self.advice.next_expiry().unwrap_or(TsNs::UNDEF);
                self.timers.set_engine(EngineTimer::Advice, next);
                Concern::of(AlarmCode::AdviceTaken, i64::from(advice.source), advice.value)
            }
            Err(why) => {
                self.counters.advice_refused += 1;
                // A flood of refused advice is counted, and said each time the count has doubled.
                if !self.counters.advice_refused.is_power_of_two() {
                    return;
                }
                Concern::of(AlarmCode::AdviceRefused, i64::from(advice.source), why.code())
            }
        };
        concern.instrument = advice.header.instrument_id;
        self.alarm(&concern, out);
    }

    pub(super) fn expire_advice(&mut self) {
        if self.advice.expire(self.now) {
            self.apply_limits();
        }
        let next = self.advice.next_expiry().unwrap_or(TsNs::UNDEF);
        self.timers.set_engine(EngineTimer::Advice, next);
    }

    pub(super) fn mute(&mut self, source: u64) -> bool {
        let muted = u32::try_from(source).is_ok_and(|source| self.advice.mute(source));
        if muted {
            self.apply_limits();
        }
        muted
    }

    pub(super) fn on_risk_input<S: Sink>(&mut self, input: &RiskInput, out: &mut S) {
        let Some(field) = RiskField::from_code(input.field) else { return };
        let (value, now) = (input.value, self.now.get());
        let index = index_of(input.header.instrument_id);
        match field {
            RiskField::Var => {
                (self.firm.var_e9, self.firm.var_ns) = (value, now);
                self.firm.var_external = true;
            }
            RiskField::AuditFill => self.firm.audit_fill = value,
            RiskField::ClockOffset => self.firm.clock_offset_ns = value,
            RiskField::WireCount => self.on_wire_count(value.cast_unsigned(), out),
            RiskField::HighWater | RiskField::CarriedProfit => {
                self.carry(input.header.strategy_id, field, value);
            }
            RiskField::Balance => {
                let use_bp = self.firm.limits.credit_use_bp;
                let id = input.header.venue_id;
                if let Some(venue) = self.venues.iter_mut().find(|v| v.risk.id == id) {
                    venue.risk.set_balance(value, use_bp);
                }
            }
            RiskField::FxRate
            | RiskField::ShortLots
            | RiskField::BandLow
            | RiskField::BandHigh
            | RiskField::Adv
            | RiskField::VarSlope
            | RiskField::PriorClose => self.on_symbol_input(index, field, value),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller took the other fields")]
    fn on_symbol_input(&mut self, index: usize, field: RiskField, value: i64) {
        let now = self.now.get();
        let Some(state) = self.instruments.get_mut(index) else {
            self.counters.ignored += 1;
            return;
        };
        let risk = &mut state.risk;
        match field {
            RiskField::FxRate if risk.rules.fx == FxSource::Feed => {
                // A rate that cannot be is no rate: the next check denies.
                risk.fx = FxRate::from_e9(value).unwrap_or_default();
                risk.fx_ns = now;
            }
            RiskField::ShortLots => risk.locate_lots = value,
            RiskField::BandLow => risk.band_low_ticks = value,
            RiskField::BandHigh => risk.band_high_ticks = value,
            RiskField::Adv => risk.adv_lots = value,
            RiskField::VarSlope => {
                risk.var_slope_e9 = value;
                self.firm.var_external = true;
            }
            RiskField::PriorClose => risk.prior_close_ticks = value,
            _ => self.counters.ignored += 1,
        }
        self.refresh(index);
    }

    /// High-water mark or profit of earlier sessions, of a strategy or the station.
    fn carry(&mut self, strategy: StrategyId, field: RiskField, value: i64) {
        let (profit, high_water) = if strategy == StrategyId::UNDEF {
            (&mut self.firm.carried_e9, &mut self.firm.high_water_e9)
        } else if let Some(slot) = self.strategies.get_mut(usize::from(strategy.get())) {
            (&mut slot.risk.carried_e9, &mut slot.risk.high_water_e9)
        } else {
            self.counters.ignored += 1;
            return;
        };
        if field == RiskField::CarriedProfit {
            *profit = value;
        }
        // A mark only rises.
        *high_water = (*high_water).max(value);
    }

    /// The effective limits of an instrument for orders that open something, all layers taken together.
    #[must_use]
    pub fn effective_limits(&self, instrument: InstrumentId) -> Option<SymbolLimits> {
        let index = index_of(instrument);
        let operator = &self.layers.operator.symbols.get(index).copied().flatten()?.limits;
        let base = operator.tightest(self.layers.session.symbols.get(index)?);
        Some(self.advice.applied(instrument, operator, &base).0)
    }
}
