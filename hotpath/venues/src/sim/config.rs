//! How the simulated venue is set up, and what refuses it or its callers.
//!
//! Must never: hold a rule of the venue. Runs once at start; allocates.

use super::faults::FaultPlan;
use super::fees::Fees;
use super::latency::Latency;
use super::queue::QueueModel;
use super::throttle::Throttle;
use wire::DecodeError;

/// How the simulated venue behaves.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// From sending an order to the venue taking it up.
    pub entry_latency: Latency,
    /// From the venue's decision to the report's arrival here.
    pub response_latency: Latency,
    /// What a shrinking level means for the queue ahead.
    pub queue_model: QueueModel,
    /// Maker and taker fee.
    pub fees: Fees,
    /// What one contract of an inverse perpetual is worth, whole units of quote currency.
    pub inverse_contract_value: u32,
    /// What each venue's account holds at the start, billionths of the quote currency; the
    /// instruments of a venue are taken to share one.
    pub starting_balance_e9: i64,
    /// Messages a second the venue takes; `None` takes all.
    pub throttle: Option<Throttle>,
    /// What goes wrong, and when; empty: nothing.
    pub faults: FaultPlan,
    /// Seed of the latency draws; the only chance in the venue.
    pub seed: u64,
}

/// One billion units: more than a test or a demonstration trades.
pub const DEFAULT_BALANCE_E9: i64 = 1_000_000_000_000_000_000;

impl Default for SimConfig {
    /// 1 ms each way, risk-averse queue, no fees, 100 a contract, a billion of balance, no
    /// throttle, no faults, seed 1.
    fn default() -> Self {
        Self {
            entry_latency: Latency::Constant(1_000_000),
            response_latency: Latency::Constant(1_000_000),
            queue_model: QueueModel::RiskAverse,
            fees: Fees::default(),
            inverse_contract_value: 100,
            starting_balance_e9: DEFAULT_BALANCE_E9,
            throttle: None,
            faults: FaultPlan::default(),
            seed: 1,
        }
    }
}

impl SimConfig {
    /// Checks every part.
    ///
    /// # Errors
    /// The first [`SimError`] found.
    pub fn validate(&self) -> Result<(), SimError> {
        self.entry_latency.validate()?;
        self.response_latency.validate()?;
        self.queue_model.validate()?;
        self.fees.validate()?;
        self.throttle.map_or(Ok(()), Throttle::validate)
    }
}

/// Why a simulated venue cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// A sampled latency without samples.
    #[error("latency samples are empty")]
    NoSamples,
    /// A quantile table that does not start at 0, end at 1,000,000 and rise.
    #[error("latency quantiles must run from 0 to 1000000 millionths and never fall")]
    BadQuantiles,
    /// Exponent of the power queue model outside 1 to 3.
    #[error("queue model exponent {0} is not 1 to 3")]
    BadExponent(u8),
    /// A fee rate beyond 10 %.
    #[error("fee rate {0} is not -100000 to 100000 millionths")]
    BadFeeRate(i32),
    /// A throttle that would never let a message through.
    #[error("a throttle needs a burst and a rate of at least 1")]
    BadThrottle,
    /// The table's rows are not numbered by their index.
    #[error("row {row} of the instrument table has instrument id {found}")]
    BadTable {
        /// Row, from 0.
        row: usize,
        /// Instrument id found there.
        found: u32,
    },
    /// An instrument whose increments cannot be accounted for exactly.
    #[error("instrument `{symbol}`: value of a tick on a lot is not whole billionths")]
    NotAccountable {
        /// Venue symbol.
        symbol: String,
    },
}

/// Why bytes are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Not a frame.
    #[error("order frame cannot be decoded")]
    Frame(#[source] DecodeError),
    /// A frame of another kind, by its code.
    #[error("frame kind {0} is no order request")]
    NotARequest(u16),
}
