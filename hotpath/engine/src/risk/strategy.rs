//! What the gate knows of a strategy.

use super::{Bucket, MinutePeak};
use crate::hash::StateHasher;
use crate::limits::{Row, StrategyLimits};
use crate::state::{StateError, StateReader};

/// Why a strategy may not trade until an operator rearms it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Disabled {
    /// It may.
    No = 0,
    /// Loss of the day.
    DailyLoss = 1,
    /// Fall from the high-water mark.
    Drawdown = 2,
    /// Losing round trips in a row.
    LossStreak = 3,
    /// Loss within a minute.
    LossVelocity = 4,
    /// As many fills as it may without an operator.
    Executions = 5,
    /// Denials and rejects in a row.
    Rejects = 6,
}

/// Figures of one strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyRisk {
    /// Effective limits.
    pub limits: StrategyLimits,
    /// Epoch of its row; 0 where it has none.
    pub epoch: u64,
    /// Whether its kill switch is latched.
    pub killed: bool,
    /// Whether and why it is disabled.
    pub disabled: Disabled,
    /// Whether it trades on model scores: then every opening order needs a usable one.
    pub uses_signal: bool,
    /// Position, lots of its instrument.
    pub position_lots: i64,
    /// Its buys that are not done, lots.
    pub buy_lots: i64,
    /// Its sells that are not done, lots.
    pub sell_lots: i64,
    /// Its orders that are not done.
    pub open_orders: i64,
    /// New and amended orders.
    pub orders: Bucket,
    /// Messages and fills of the day, for the ratio of both.
    pub messages: i64,
    /// Fills of the day.
    pub fills: i64,
    /// Fills since an operator last looked.
    pub executions: i64,
    /// Denials and rejects in a row.
    pub rejects: i64,
    /// Losing round trips in a row.
    pub loss_streak: i64,
    /// Orders of the day.
    pub orders_today: i64,
    /// Traded value of the day, base currency.
    pub turnover_e9: i64,
    /// Profit of the day so far, marked at the adverse side, base currency.
    pub pnl_e9: i64,
    /// Highest profit ever, carried over from earlier sessions, base currency.
    pub high_water_e9: i64,
    /// Profit of earlier sessions, base currency.
    pub carried_e9: i64,
    /// Fall from the highest profit of the last minute, base currency.
    pub minute_loss_e9: i64,
    /// Where that is measured from.
    pub minute: MinutePeak,
    /// Realised profit at the last moment it was flat, for the streak.
    pub flat_pnl_e9: i64,
}

impl StrategyRisk {
    /// A strategy without a row.
    #[must_use]
    pub fn new(uses_signal: bool) -> Self {
        let limits = StrategyLimits::LOOSEST;
        Self {
            limits,
            epoch: 0,
            killed: false,
            disabled: Disabled::No,
            uses_signal,
            position_lots: 0,
            buy_lots: 0,
            sell_lots: 0,
            open_orders: 0,
            orders: Bucket::new(limits.order_rate_per_s, limits.order_burst),
            messages: 0,
            fills: 0,
            executions: 0,
            rejects: 0,
            loss_streak: 0,
            orders_today: 0,
            turnover_e9: 0,
            pnl_e9: 0,
            high_water_e9: 0,
            carried_e9: 0,
            minute_loss_e9: 0,
            minute: MinutePeak::default(),
            flat_pnl_e9: 0,
        }
    }

    /// Takes effective limits.
    pub fn set_limits(&mut self, limits: StrategyLimits, epoch: u64) {
        (self.limits, self.epoch) = (limits, epoch);
        self.orders.set(limits.order_rate_per_s, limits.order_burst);
    }

    /// How far the profit of all sessions lies below its highest; the largest number where that
    /// does not fit.
    #[inline]
    #[must_use]
    pub fn drawdown_e9(&self) -> i64 {
        super::drawdown_e9(self.high_water_e9, self.carried_e9, self.pnl_e9)
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.limits.hash_into(h);
        h.u64(self.epoch);
        h.bool(self.killed);
        h.bool(self.uses_signal);
        self.orders.hash_into(h);
        for figure in [
            i64::from(code(self.disabled)),
            self.position_lots,
            self.buy_lots,
            self.sell_lots,
            self.open_orders,
            self.messages,
            self.fills,
            self.executions,
            self.rejects,
            self.loss_streak,
            self.orders_today,
            self.turnover_e9,
            self.pnl_e9,
            self.high_water_e9,
            self.carried_e9,
            self.minute_loss_e9,
            self.flat_pnl_e9,
        ] {
            h.i64(figure);
        }
        self.minute.hash_into(h);
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.limits.load_from(from)?;
        self.epoch = from.u64()?;
        self.killed = from.bool()?;
        from.same(u64::from(self.uses_signal))?;
        self.orders.load_from(from)?;
        self.disabled = from.code(disabled_of)?;
        for figure in [
            &mut self.position_lots,
            &mut self.buy_lots,
            &mut self.sell_lots,
            &mut self.open_orders,
            &mut self.messages,
            &mut self.fills,
            &mut self.executions,
            &mut self.rejects,
            &mut self.loss_streak,
            &mut self.orders_today,
            &mut self.turnover_e9,
            &mut self.pnl_e9,
            &mut self.high_water_e9,
            &mut self.carried_e9,
            &mut self.minute_loss_e9,
            &mut self.flat_pnl_e9,
        ] {
            *figure = from.i64()?;
        }
        self.minute.load_from(from)
    }
}

/// The number of a reason.
#[must_use]
pub(crate) const fn code(disabled: Disabled) -> u8 {
    match disabled {
        Disabled::No => 0,
        Disabled::DailyLoss => 1,
        Disabled::Drawdown => 2,
        Disabled::LossStreak => 3,
        Disabled::LossVelocity => 4,
        Disabled::Executions => 5,
        Disabled::Rejects => 6,
    }
}

/// The reason with a number.
const fn disabled_of(code: u8) -> Option<Disabled> {
    match code {
        0 => Some(Disabled::No),
        1 => Some(Disabled::DailyLoss),
        2 => Some(Disabled::Drawdown),
        3 => Some(Disabled::LossStreak),
        4 => Some(Disabled::LossVelocity),
        5 => Some(Disabled::Executions),
        6 => Some(Disabled::Rejects),
        _ => None,
    }
}
