//! Marks: profit of instruments, strategies and the station, and what trips on it.
//!
//! Marked at the side that hurts, fees included, each second of the market and after each fill. A
//! strategy that trips is disabled until an operator rearms it; a station that trips goes to
//! REDUCING and stays out of LIVE until a new trading day is begun by hand.

use super::{Concern, Engine, index_of, kind_code, strategy_id};
use crate::instrument::InstrumentState;
use crate::mode::ModeEvent;
use crate::position::Position;
use crate::risk::Disabled;
use crate::sink::Sink;
use wire::risk::AlarmCode;
use wire::{FrameKind, InstrumentId};

/// Profit of a position in base currency, marked at the side that hurts; `None` where something is
/// open and there is neither a price nor a rate to mark it at: the last mark stands.
fn profit_e9(position: &Position, state: &InstrumentState) -> Option<i64> {
    let lots = position.lots().get();
    let mark = state.mark_of(lots).or((lots == 0).then_some(wire::PriceTicks(0)))?;
    let net = position.net_e9(mark, state.tick_value_e9).map_or(i64::MIN, wire::MoneyE9::get);
    if net == 0 {
        return Some(0);
    }
    state.risk.fx.is_known().then(|| state.risk.fx.convert(net))
}

impl Engine {
    /// A second of an instrument's market is over.
    pub(super) fn on_second<S: Sink>(&mut self, index: usize, out: &mut S) {
        if let Some(state) = self.instruments.get_mut(index)
            && let Some(mid_x2) = state.risk.reference_x2()
        {
            state.risk.volatility.on_second(mid_x2);
        }
        self.estimate_var(index);
        self.refresh(index);
        self.mark(index, out);
    }

    /// The instrument's own value at risk of a lot, unless the figure comes from outside.
    pub(super) fn estimate_var(&mut self, index: usize) {
        if self.firm.var_external {
            return;
        }
        if let Some(state) = self.instruments.get_mut(index)
            && let Some(mid_x2) = state.risk.reference_x2()
        {
            let lot = state.risk.volatility.var_of_a_lot(mid_x2, state.tick_value_e9);
            state.risk.var_slope_e9 = state.risk.fx.convert(lot);
        }
    }

    /// Marks an instrument, its strategies and the station, and trips what is to trip.
    pub(super) fn mark<S: Sink>(&mut self, index: usize, out: &mut S) {
        let now = self.now;
        let Some(state) = self.instruments.get_mut(index) else { return };
        let profit = profit_e9(&state.position, state);
        let profit = profit.map_or(state.pnl_e9, |p| p.saturating_sub(state.day_base_e9));
        let change = profit.saturating_sub(state.pnl_e9);
        state.pnl_e9 = profit;
        self.firm.pnl_e9 = self.firm.pnl_e9.saturating_add(change);
        let total = self.firm.carried_e9.saturating_add(self.firm.pnl_e9);
        self.firm.high_water_e9 = self.firm.high_water_e9.max(total);
        self.firm.minute_loss_e9 = self.firm.minute.fall(now, self.firm.pnl_e9);
        for n in 0..self.on_instrument[index].len() {
            let strategy = self.on_instrument[index][n];
            let state = &self.instruments[index];
            let slot = &mut self.strategies[strategy];
            let risk = &mut slot.risk;
            if let Some(profit) = profit_e9(&slot.position, state) {
                risk.pnl_e9 = profit.saturating_sub(slot.day_base_e9);
            }
            let total = risk.carried_e9.saturating_add(risk.pnl_e9);
            risk.high_water_e9 = risk.high_water_e9.max(total);
            risk.minute_loss_e9 = risk.minute.fall(now, risk.pnl_e9);
            self.trip_strategy(strategy, out);
        }
        self.trip_losses(out);
    }

    /// A strategy's round trip is over: it won or it lost.
    pub(super) fn after_round_trip(&mut self, index: usize, strategy: usize) {
        let Some(state) = self.instruments.get(index) else { return };
        let Some(slot) = self.strategies.get_mut(strategy) else { return };
        let realised = slot
            .position
            .realised_e9(state.tick_value_e9)
            .map_or(i64::MIN, wire::MoneyE9::get)
            .saturating_sub(slot.position.fees_e9().get());
        let lost = realised < slot.risk.flat_pnl_e9;
        slot.risk.loss_streak = if lost { slot.risk.loss_streak.saturating_add(1) } else { 0 };
        slot.risk.flat_pnl_e9 = realised;
    }

    /// Pulls everything that opens in an instrument that filled too fast; the gate lets nothing
    /// more open. Said when the limit is passed, not at every fill beyond.
    pub(super) fn check_fill_rate<S: Sink>(&mut self, index: usize, lots: i64, out: &mut S) {
        let Some(state) = self.instruments.get(index) else { return };
        let (limit, filled) = (state.risk.limits.max_fill_lots, state.risk.fills.total());
        if filled <= limit {
            return;
        }
        let instrument = state.row.header.instrument_id;
        if filled.saturating_sub(lots) <= limit {
            let concern = Concern { instrument, ..Concern::of(AlarmCode::FillRate, limit, filled) };
            self.alarm(&concern, out);
        }
        self.cancel_where(|o| o.instrument == instrument && !is_protective(o), out);
    }

    /// Counts a denial or reject; too many in a row disable the strategy.
    pub(super) fn count_reject<S: Sink>(&mut self, strategy: usize, out: &mut S) {
        let Some(slot) = self.strategies.get_mut(strategy) else { return };
        slot.risk.rejects = slot.risk.rejects.saturating_add(1);
        let (limit, found) = (slot.risk.limits.max_consecutive_rejects, slot.risk.rejects);
        if found > limit {
            self.disable(strategy, Disabled::Rejects, limit, found, out);
        }
    }

    fn trip_strategy<S: Sink>(&mut self, strategy: usize, out: &mut S) {
        let Some(slot) = self.strategies.get(strategy) else { return };
        let (r, l) = (&slot.risk, &slot.risk.limits);
        let trips = [
            (Disabled::DailyLoss, l.max_daily_loss_e9, r.pnl_e9.saturating_neg()),
            (Disabled::Drawdown, l.max_drawdown_e9, r.drawdown_e9()),
            (Disabled::LossStreak, l.max_loss_streak, r.loss_streak),
            (Disabled::LossVelocity, l.max_loss_per_min_e9, r.minute_loss_e9),
            // At the limit already: one more fill would exceed it.
            (Disabled::Executions, l.max_executions, r.executions.saturating_add(1)),
        ];
        if let Some((why, limit, found)) = trips.into_iter().find(|(_, limit, found)| found > limit)
        {
            self.disable(strategy, why, limit, found, out);
        }
    }

    /// Disables a strategy until an operator rearms it; its orders that open are canceled.
    fn disable<S: Sink>(
        &mut self,
        strategy: usize,
        why: Disabled,
        limit: i64,
        found: i64,
        out: &mut S,
    ) {
        let id = strategy_id(strategy);
        let Some(slot) = self.strategies.get_mut(strategy) else { return };
        if slot.risk.disabled != Disabled::No {
            return;
        }
        slot.risk.disabled = why;
        let code = match why {
            Disabled::No | Disabled::DailyLoss => AlarmCode::DailyLoss,
            Disabled::Drawdown => AlarmCode::Drawdown,
            Disabled::LossStreak => AlarmCode::LossStreak,
            Disabled::LossVelocity => AlarmCode::LossVelocity,
            Disabled::Executions => AlarmCode::RepeatedExecution,
            Disabled::Rejects => AlarmCode::ConsecutiveRejects,
        };
        let concern = Concern { strategy: id, ..Concern::of(code, limit, found) };
        self.alarm(&concern, out);
        self.cancel_where(|o| o.strategy == id && !is_protective(o), out);
    }

    fn trip_losses<S: Sink>(&mut self, out: &mut S) {
        if self.loss_latched {
            return;
        }
        let (f, l) = (&self.firm, &self.firm.limits);
        let trips = [
            (AlarmCode::DailyLoss, l.max_daily_loss_e9, f.pnl_e9.saturating_neg()),
            (AlarmCode::Drawdown, l.max_drawdown_e9, f.drawdown_e9()),
            (AlarmCode::LossVelocity, l.max_loss_per_min_e9, f.minute_loss_e9),
        ];
        let tripped = trips.into_iter().find(|(_, limit, found)| found > limit);
        let Some((code, limit, found)) = tripped else { return };
        self.loss_latched = true;
        self.alarm(&Concern::of(code, limit, found), out);
        self.change_mode(ModeEvent::Anomaly, kind_code(FrameKind::Alarm), out);
        self.cancel_where(|o| !is_protective(o), out);
    }

    /// Begins a new trading day: counts, losses and latches of the day start anew; what was earned
    /// is carried over.
    pub(super) fn roll_day(&mut self) {
        self.firm.carried_e9 = self.firm.carried_e9.saturating_add(self.firm.pnl_e9);
        self.firm.pnl_e9 = 0;
        (self.firm.orders_today, self.firm.turnover_e9) = (0, 0);
        self.firm.minute = crate::risk::MinutePeak::default();
        self.firm.minute_loss_e9 = 0;
        self.loss_latched = false;
        for state in &mut self.instruments {
            state.day_base_e9 = state.day_base_e9.saturating_add(state.pnl_e9);
            state.pnl_e9 = 0;
        }
        for slot in &mut self.strategies {
            let risk = &mut slot.risk;
            slot.day_base_e9 = slot.day_base_e9.saturating_add(risk.pnl_e9);
            risk.carried_e9 = risk.carried_e9.saturating_add(risk.pnl_e9);
            risk.pnl_e9 = 0;
            (risk.orders_today, risk.turnover_e9, risk.messages, risk.fills) = (0, 0, 0, 0);
            (risk.minute, risk.minute_loss_e9) = (crate::risk::MinutePeak::default(), 0);
        }
    }

    /// Profit of one instrument, as last marked, base currency.
    #[must_use]
    pub fn marked_e9(&self, instrument: InstrumentId) -> i64 {
        self.instruments.get(index_of(instrument)).map_or(0, |state| state.pnl_e9)
    }
}

/// Whether an order only guards a position: what trips on losses leaves it standing.
fn is_protective(order: &crate::orders::OrderRequest) -> bool {
    order.exec_inst == wire::order::ExecInst::ReduceOnly
}
