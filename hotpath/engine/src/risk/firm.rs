//! What the gate knows of the whole station.

use super::{Exposure, MinutePeak};
use crate::hash::StateHasher;
use crate::limits::{FirmLimits, Row};
use crate::state::{StateError, StateReader};
use wire::station::Mode;

/// Figures of the whole station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmRisk {
    /// Effective limits.
    pub limits: FirmLimits,
    /// Epoch of the limits in force; 0 where there are none.
    pub epoch: u64,
    /// Whether the station's kill switch is latched.
    pub killed: bool,
    /// Mode.
    pub mode: Mode,
    /// Engine time of the last clean comparison with a venue, nanoseconds; 0 for never.
    pub checked_ns: u64,
    /// How full the audit trail's buffers are, thousandths.
    pub audit_fill: i64,
    /// Clock error against UTC, nanoseconds; negative while it is not known.
    pub clock_offset_ns: i64,
    /// Approvals the edge says it spent beyond those given, or fewer than it must have.
    pub wire_difference: i64,
    /// Sums over all instruments.
    pub exposure: Exposure,
    /// Largest worst case one instrument may have: the concentration limit as money.
    pub name_limit_e9: i64,
    /// Orders that are not done.
    pub open_orders: i64,
    /// Orders whose state is unknown.
    pub unknown_orders: i64,
    /// Value at risk.
    pub var_e9: i64,
    /// Engine time of the value at risk, nanoseconds; 0 for never.
    pub var_ns: u64,
    /// Whether the value at risk comes from outside.
    pub var_external: bool,
    /// Orders of the day.
    pub orders_today: i64,
    /// Traded value of the day.
    pub turnover_e9: i64,
    /// Profit of the day, marked at the adverse side.
    pub pnl_e9: i64,
    /// Profit of earlier sessions.
    pub carried_e9: i64,
    /// Highest profit ever.
    pub high_water_e9: i64,
    /// Fall from the highest profit of the last minute.
    pub minute_loss_e9: i64,
    /// Where that is measured from.
    pub minute: MinutePeak,
}

impl FirmRisk {
    /// A station without limits.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limits: FirmLimits::LOOSEST,
            epoch: 0,
            killed: false,
            mode: Mode::Boot,
            checked_ns: 0,
            audit_fill: 0,
            clock_offset_ns: -1,
            wire_difference: 0,
            exposure: Exposure::default(),
            name_limit_e9: 0,
            open_orders: 0,
            unknown_orders: 0,
            var_e9: 0,
            var_ns: 0,
            var_external: false,
            orders_today: 0,
            turnover_e9: 0,
            pnl_e9: 0,
            carried_e9: 0,
            high_water_e9: 0,
            minute_loss_e9: 0,
            minute: MinutePeak::default(),
        }
    }

    /// Takes effective limits.
    pub fn set_limits(&mut self, limits: FirmLimits, epoch: u64) {
        (self.limits, self.epoch) = (limits, epoch);
        let share = i128::from(limits.max_gross_e9)
            .saturating_mul(i128::from(limits.max_concentration_bp))
            / 10_000;
        self.name_limit_e9 = i64::try_from(share).unwrap_or(i64::MAX);
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
        h.u64(u64::from(self.mode.code()));
        h.u64(self.checked_ns);
        h.u64(self.var_ns);
        h.bool(self.var_external);
        self.exposure.hash_into(h);
        for figure in [
            self.audit_fill,
            self.clock_offset_ns,
            self.wire_difference,
            self.name_limit_e9,
            self.open_orders,
            self.unknown_orders,
            self.var_e9,
            self.orders_today,
            self.turnover_e9,
            self.pnl_e9,
            self.carried_e9,
            self.high_water_e9,
            self.minute_loss_e9,
        ] {
            h.i64(figure);
        }
        self.minute.hash_into(h);
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.limits.load_from(from)?;
        self.epoch = from.u64()?;
        self.killed = from.bool()?;
        self.mode = from.code(Mode::from_code)?;
        self.checked_ns = from.u64()?;
        self.var_ns = from.u64()?;
        self.var_external = from.bool()?;
        self.exposure.load_from(from)?;
        for figure in [
            &mut self.audit_fill,
            &mut self.clock_offset_ns,
            &mut self.wire_difference,
            &mut self.name_limit_e9,
            &mut self.open_orders,
            &mut self.unknown_orders,
            &mut self.var_e9,
            &mut self.orders_today,
            &mut self.turnover_e9,
            &mut self.pnl_e9,
            &mut self.carried_e9,
            &mut self.high_water_e9,
            &mut self.minute_loss_e9,
        ] {
            *figure = from.i64()?;
        }
        self.minute.load_from(from)
    }
}

impl Default for FirmRisk {
    fn default() -> Self {
        Self::new()
    }
}
