//! What an engine is made from: instruments, limits, strategies, signal settings.
//!
//! Owns: the checks that need no file: relations between limits and instruments. The station's
//! configuration loader turns text into a [`Setup`]. Runs once, before the loop starts.

use crate::advice::AdvicePolicy;
use crate::limits::{LimitSet, Row};
use crate::strategy::Strategy;
use crate::strategy::mean_reversion::MeanReversion;
use crate::strategy::momentum::Momentum;
use crate::strategy::quoting::Quoting;
use crate::strategy::signal_taker::SignalTaker;
use core::fmt;
use wire::InstrumentId;
use wire::instrument::Instrument;

/// Most strategies of one station: the permission matrix has a bit for each.
pub const MAX_STRATEGIES: usize = 64;

/// How signals are sampled and how long an answer lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalSetup {
    /// Engine time between two snapshots, nanoseconds; as in training.
    pub sample_interval_ns: u64,
    /// Oldest answer that may be used, counted from its request in engine time, nanoseconds.
    pub ttl_ns: u64,
}

/// A strategy's own parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyParams {
    /// See [`crate::strategy::signal_taker`].
    SignalTaker(crate::strategy::signal_taker::Params),
    /// See [`crate::strategy::momentum`].
    Momentum(crate::strategy::momentum::Params),
    /// See [`crate::strategy::quoting`].
    Quoting(crate::strategy::quoting::Params),
    /// See [`crate::strategy::mean_reversion`].
    MeanReversion(crate::strategy::mean_reversion::Params),
}

impl StrategyParams {
    /// Whether the strategy trades on model scores.
    #[must_use]
    pub const fn uses_signal(&self) -> bool {
        matches!(self, Self::SignalTaker(_))
    }

    /// The first parameter outside its range, and what is allowed.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::SignalTaker(p) => p.problem(),
            Self::Momentum(p) => p.problem(),
            Self::Quoting(p) => p.problem(),
            Self::MeanReversion(p) => p.problem(),
        }
    }

    /// The strategy of these parameters, flat and without history.
    pub(crate) fn strategy(self) -> Box<dyn Strategy> {
        match self {
            Self::SignalTaker(p) => Box::new(SignalTaker::new(p)),
            Self::Momentum(p) => Box::new(Momentum::new(p)),
            Self::Quoting(p) => Box::new(Quoting::new(p)),
            Self::MeanReversion(p) => Box::new(MeanReversion::new(p)),
        }
    }
}

/// One strategy on one instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategySetup {
    /// Name, as reports print it.
    pub name: String,
    /// Instrument it trades.
    pub instrument: InstrumentId,
    /// Parameters.
    pub params: StrategyParams,
}

/// How long the engine waits for a venue, engine time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the first word about an order, a cancel or an amendment; then the order is unknown.
    pub ack_ns: u64,
    /// For the answer to a mass status.
    pub status_ns: u64,
    /// Between two comparisons with the venue; 0 for none but at start and reconnect.
    pub reconcile_ns: u64,
    /// For a kill's cancels to be confirmed.
    pub kill_ns: u64,
    /// For the edge to have sent what was approved.
    pub wire_ns: u64,
}

impl Default for Patience {
    /// 2 s for an order, 5 s for a status, a kill and the edge, a comparison each minute.
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            ack_ns: 2 * SECOND,
            status_ns: 5 * SECOND,
            reconcile_ns: 60 * SECOND,
            kill_ns: 5 * SECOND,
            wire_ns: 5 * SECOND,
        }
    }
}

/// Everything an engine is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Session epoch: the upper half of every client order id; rises with every session.
    pub epoch: u32,
    /// The instrument table; a row's `instrument_id` is its index.
    pub instruments: Vec<Instrument>,
    /// The limits in force at the start.
    pub limits: LimitSet,
    /// What advice may do.
    pub advice: AdvicePolicy,
    /// How long the engine waits for a venue, and how often it compares itself with one.
    pub patience: Patience,
    /// The strategies; their order gives their ids.
    pub strategies: Vec<StrategySetup>,
    /// Signal settings; `None` where no strategy uses signals.
    pub signal: Option<SignalSetup>,
    /// Slots of the order table.
    pub order_capacity: usize,
}

/// Why a setup was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// No instrument at all.
    NoInstruments,
    /// A row's `instrument_id` is not its index.
    InstrumentId {
        /// Index of the row.
        index: usize,
    },
    /// Tick times lot is not a whole positive number of billionths.
    TickValue {
        /// Symbol.
        symbol: String,
    },
    /// The limits have another number of rows than the instruments or strategies.
    LimitRows {
        /// Rows of limits.
        found: usize,
        /// Rows of instruments or strategies.
        expected: usize,
    },
    /// A limit is outside its range.
    Limit {
        /// Whose row.
        row: String,
        /// Key.
        key: &'static str,
        /// Lowest value allowed.
        low: i64,
        /// Highest value allowed.
        high: i64,
    },
    /// The limits have no epoch.
    LimitEpoch,
    /// A strategy names no instrument of the table.
    StrategyInstrument {
        /// Strategy name.
        name: String,
    },
    /// A strategy's parameter is outside its range.
    StrategyParam {
        /// Strategy name.
        name: String,
        /// Key.
        key: &'static str,
        /// Allowed.
        allowed: &'static str,
    },
    /// More strategies than ids.
    TooManyStrategies,
    /// A strategy uses signals but there are no signal settings.
    SignalMissing {
        /// Strategy name.
        name: String,
    },
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInstruments => f.write_str("the instrument table is empty"),
            Self::InstrumentId { index } => {
                write!(f, "instrument row {index} does not carry its own index")
            }
            Self::TickValue { symbol } => write!(
                f,
                "instrument {symbol}: tick x lot is no whole positive number of 1e-9 of the quote \
                 currency"
            ),
            Self::LimitRows { found, expected } => {
                write!(f, "{found} rows of limits for {expected} instruments or strategies")
            }
            Self::Limit { row, key, low, high } => {
                write!(f, "limits of {row}: {key} must be {low} to {high}")
            }
            Self::LimitEpoch => f.write_str("the limits' epoch must be 1 or above"),
            Self::StrategyInstrument { name } => {
                write!(f, "strategy {name} trades an instrument that is not in the table")
            }
            Self::StrategyParam { name, key, allowed } => {
                write!(f, "strategy {name}: {key} must be {allowed}")
            }
            Self::TooManyStrategies => f.write_str("more strategies than ids"),
            Self::SignalMissing { name } => {
                write!(f, "strategy {name} uses signals, but signals are switched off")
            }
        }
    }
}

impl core::error::Error for SetupError {}

impl Setup {
    /// Every problem of the setup.
    #[must_use]
    pub fn problems(&self) -> Vec<SetupError> {
        let mut problems = Vec::new();
        if self.instruments.is_empty() {
            problems.push(SetupError::NoInstruments);
        }
        for (index, row) in self.instruments.iter().enumerate() {
            if usize::try_from(row.header.instrument_id.get()) != Ok(index) {
                problems.push(SetupError::InstrumentId { index });
            }
            if row.tick_value_e9().is_none() {
                problems.push(SetupError::TickValue { symbol: row.symbol().to_owned() });
            }
        }
        self.limit_problems(&mut problems);
        if self.strategies.len() > MAX_STRATEGIES {
            problems.push(SetupError::TooManyStrategies);
        }
        for strategy in &self.strategies {
            let name = strategy.name.clone();
            let known = usize::try_from(strategy.instrument.get())
                .is_ok_and(|i| i < self.instruments.len());
            if !known {
                problems.push(SetupError::StrategyInstrument { name: name.clone() });
            }
            if strategy.params.uses_signal() && self.signal.is_none() {
                problems.push(SetupError::SignalMissing { name: name.clone() });
            }
            if let Some((key, allowed)) = strategy.params.problem() {
                problems.push(SetupError::StrategyParam { name, key, allowed });
            }
        }
        problems
    }
}

impl Setup {
    fn limit_problems(&self, problems: &mut Vec<SetupError>) {
        let limits = &self.limits;
        for (found, expected) in [
            (limits.symbols.len(), self.instruments.len()),
            (limits.strategies.len(), self.strategies.len()),
        ] {
            // Strategies of the caller's own follow those of the setup and bring rows of their own.
            if found < expected {
                problems.push(SetupError::LimitRows { found, expected });
            }
        }
        if limits.epoch == 0 {
            problems.push(SetupError::LimitEpoch);
        }
        outside(&limits.firm, "the firm", problems);
        for (instrument, row) in self.instruments.iter().zip(&limits.symbols) {
            if let Some(row) = row {
                outside(&row.limits, instrument.symbol(), problems);
            }
        }
        for (n, row) in limits.strategies.iter().enumerate() {
            if let Some(row) = row {
                let name = self.strategies.get(n).map_or("a strategy", |s| s.name.as_str());
                outside(row, name, problems);
            }
        }
        for (venue, row) in &limits.venues {
            outside(row, &format!("venue {venue}"), problems);
        }
    }
}

fn outside<R: Row>(row: &R, name: &str, problems: &mut Vec<SetupError>) {
    problems.extend(row.outside().into_iter().map(|spec| SetupError::Limit {
        row: name.to_owned(),
        key: spec.field.name(),
        low: *spec.range.start(),
        high: *spec.range.end(),
    }));
}
