//! What may be read of the engine from outside. Must never: change anything, or hand out what can.

use super::{Counters, Engine, External, SessionLimits, index_of};
use crate::advice::AdviceBoard;
use crate::instrument::InstrumentState;
use crate::limits::LimitSet;
use crate::orders::OrderTable;
use crate::parents::ParentTable;
use crate::position::Position;
use crate::risk::{FirmRisk, StrategyRisk, VenueRisk};
use wire::station::Mode;
use wire::{InstrumentId, StrategyId, TsNs};

impl Engine {
    /// Engine time: the time of the last input.
    #[must_use]
    pub fn now(&self) -> TsNs {
        self.now
    }

    /// Number of the last input or output.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.firm.mode
    }

    /// Whether the station's kill switch is latched.
    #[must_use]
    pub fn killed(&self) -> bool {
        self.firm.killed
    }

    /// The station's figures.
    #[must_use]
    pub fn firm(&self) -> &FirmRisk {
        &self.firm
    }

    /// The figures of each venue.
    pub fn venues(&self) -> impl Iterator<Item = &VenueRisk> {
        self.venues.iter().map(|v| &v.risk)
    }

    /// The figures of a strategy.
    #[must_use]
    pub fn strategy_risk(&self, strategy: StrategyId) -> Option<&StrategyRisk> {
        self.strategies.get(usize::from(strategy.get())).map(|s| &s.risk)
    }

    /// Orders at the venue that are not ours.
    #[must_use]
    pub fn externals(&self) -> &[External] {
        &self.externals
    }

    /// The parent orders.
    #[must_use]
    pub fn parents(&self) -> &ParentTable {
        &self.parents
    }

    /// The limits of the running epoch, as the operator's file gave them.
    #[must_use]
    pub fn operator_limits(&self) -> &LimitSet {
        self.layers.operator()
    }

    /// What was tightened since those limits were taken.
    #[must_use]
    pub fn session_limits(&self) -> &SessionLimits {
        self.layers.session()
    }

    /// The advice in force.
    #[must_use]
    pub fn advice(&self) -> &AdviceBoard {
        &self.advice
    }

    /// When the next timer is due: a live station feeds a time input then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<TsNs> {
        self.timers.earliest()
    }

    /// What it has counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Everything held for an instrument.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> Option<&InstrumentState> {
        self.instruments.get(index_of(id))
    }

    /// Every instrument, by id.
    #[must_use]
    pub fn instruments(&self) -> &[InstrumentState] {
        &self.instruments
    }

    /// The orders.
    #[must_use]
    pub fn orders(&self) -> &OrderTable {
        &self.orders
    }

    /// Name and position of each strategy, by id.
    pub fn strategies(&self) -> impl Iterator<Item = (&str, &Position)> {
        self.strategies.iter().map(|s| (s.name.as_str(), &s.position))
    }
}
