//! From a checked configuration and a recording's instrument table to an engine's setup.
//!
//! The only place that knows both. Must never: accept a symbol the recording does not carry. Runs
//! once at start.

use super::{Config, Problem, failure};
use crate::operator::Failure;
use engine::{Setup, SignalSetup, StrategySetup};
use sha2::{Digest, Sha256};
use std::path::Path;
use wire::InstrumentId;
use wire::instrument::Instrument;

const NS_PER_MS: u64 = 1_000_000;

/// An engine's setup with what identifies it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The setup.
    pub setup: Setup,
    /// First eight bytes of the SHA-256 of the effective configuration.
    pub config_hash: u64,
}

impl Config {
    /// Joins the configuration with the instrument table of the recording at `data`.
    ///
    /// # Errors
    /// A [`Failure`] with one line for each symbol the recording lacks and each relation that does
    /// not hold.
    pub fn plan(&self, table: &[Instrument], data: &Path) -> Result<Plan, Failure> {
        let find = |symbol: &str| table.iter().position(|row| row.symbol() == symbol);
        let symbols: Vec<_> = table.iter().map(Instrument::symbol).collect();
        let allowed = format!("one of {} of recording {}", symbols.join(", "), data.display());
        let mut problems = Vec::new();
        let mut missing = |line, key: String, symbol: &str| {
            let (found, allowed) = (format!("\"{symbol}\""), allowed.clone());
            problems.push(Problem { line, key, found, allowed });
        };
        let mut limits = vec![None; table.len()];
        for row in &self.limits {
            match find(&row.symbol).and_then(|index| limits.get_mut(index)) {
                Some(slot) => *slot = Some(row.limits),
                None => missing(row.line, format!("limits.{}", row.symbol), &row.symbol),
            }
        }
        let mut strategies = Vec::new();
        for (i, strategy) in self.strategies.iter().enumerate() {
            let found = find(&strategy.symbol);
            if found.is_none() {
                missing(strategy.line, format!("strategy[{i}].instrument"), &strategy.symbol);
            }
            strategies.push(StrategySetup {
                name: strategy.name.clone(),
                instrument: found
                    .and_then(|index| u32::try_from(index).ok())
                    .map_or(InstrumentId::UNDEF, InstrumentId),
                params: strategy.params,
            });
        }
        let signal = self.signal.enabled.then(|| SignalSetup {
            sample_interval_ns: u64::from(self.signal.sample_interval_ms) * NS_PER_MS,
            ttl_ns: u64::from(self.signal.ttl_ms) * NS_PER_MS,
        });
        let setup = Setup {
            epoch: self.session.epoch,
            instruments: table.to_vec(),
            limits,
            strategies,
            signal,
            order_capacity: self.station.order_capacity,
        };
        if problems.is_empty() {
            problems.extend(setup.problems().iter().map(|problem| Problem {
                line: 0,
                key: "(setup)".to_owned(),
                found: problem.to_string(),
                allowed: "what the engine takes".to_owned(),
            }));
        }
        if problems.is_empty() {
            Ok(Plan { setup, config_hash: self.hash() })
        } else {
            Err(failure(&self.file, problems))
        }
    }

    /// First eight bytes of the SHA-256 of the effective configuration, little-endian.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let digest = Sha256::digest(self.effective().to_string().as_bytes());
        u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default())
    }
}
