//! What an engine is made from: instruments, limits, strategies, signal settings.
//!
//! Owns: the checks that need no file: relations between limits and instruments. The station's
//! configuration loader turns text into a [`Setup`]. Runs once, before the loop starts.

use crate::strategy::Strategy;
use crate::strategy::mean_reversion::MeanReversion;
use crate::strategy::momentum::Momentum;
use crate::strategy::quoting::Quoting;
use crate::strategy::signal_taker::SignalTaker;
use core::fmt;
use wire::instrument::Instrument;
use wire::{InstrumentId, QtyLots, StrategyId};

/// The limits of one instrument. Every field is required: there is no default row and no bypass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest order, lots.
    pub max_order_qty_lots: QtyLots,
    /// Largest order value, billionths of the quote currency.
    pub max_order_notional_e9: i64,
    /// Largest long position, working buys included, lots.
    pub max_long_lots: i64,
    /// Largest short position, working sells included, lots; 0 forbids shorts.
    pub max_short_lots: i64,
    /// Most working orders.
    pub max_open_orders: u32,
    /// Farthest a limit price may lie from the reference, basis points of the reference.
    pub price_collar_bp: u32,
    /// Orders per second, sustained.
    pub order_rate_per_s: u32,
    /// Orders at once, before the rate binds.
    pub order_burst: u32,
    /// Oldest market data an order may be based on, nanoseconds of engine time.
    pub max_market_age_ns: u64,
}

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

/// Everything an engine is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Session epoch: the upper half of every client order id; rises with every session.
    pub epoch: u32,
    /// The instrument table; a row's `instrument_id` is its index.
    pub instruments: Vec<Instrument>,
    /// One row for each instrument that may be traded; `None` denies every order.
    pub limits: Vec<Option<Limits>>,
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
    /// `limits` has another length than `instruments`.
    LimitRows {
        /// Rows of limits.
        found: usize,
        /// Rows of instruments.
        expected: usize,
    },
    /// A limit is outside its range.
    Limit {
        /// Symbol.
        symbol: String,
        /// Key.
        key: &'static str,
        /// Allowed.
        allowed: &'static str,
    },
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
                write!(f, "{found} rows of limits for {expected} instruments")
            }
            Self::Limit { symbol, key, allowed } => {
                write!(f, "limits of {symbol}: {key} must be {allowed}")
            }
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
        let (found, expected) = (self.limits.len(), self.instruments.len());
        if found != expected {
            problems.push(SetupError::LimitRows { found, expected });
        }
        for (row, limits) in self.instruments.iter().zip(&self.limits) {
            if let Some(limits) = limits {
                limits.problems(row.symbol(), &mut problems);
            }
        }
        if self.strategies.len() >= usize::from(StrategyId::UNDEF.get()) {
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

impl Limits {
    fn problems(&self, symbol: &str, problems: &mut Vec<SetupError>) {
        let rows: [(&'static str, bool, &'static str); 9] = [
            ("max_order_qty_lots", self.max_order_qty_lots.get() > 0, "above 0"),
            ("max_order_notional_e9", self.max_order_notional_e9 > 0, "above 0"),
            ("max_long_lots", self.max_long_lots >= 0, "0 or above"),
            ("max_short_lots", self.max_short_lots >= 0, "0 or above"),
            ("max_open_orders", self.max_open_orders > 0, "above 0"),
            (
                "price_collar_bp",
                (1..=10_000).contains(&self.price_collar_bp),
                "1 to 10000 basis points",
            ),
            (
                "order_rate_per_s",
                (1..=1_000_000).contains(&self.order_rate_per_s),
                "1 to 1000000 per second",
            ),
            ("order_burst", (1..=1_000_000).contains(&self.order_burst), "1 to 1000000"),
            ("max_market_age_ns", self.max_market_age_ns > 0, "above 0"),
        ];
        for (key, good, allowed) in rows {
            if !good {
                problems.push(SetupError::Limit { symbol: symbol.to_owned(), key, allowed });
            }
        }
    }
}
