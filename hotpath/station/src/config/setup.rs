//! From a checked configuration and a recording's instrument table to an engine's setup.
//!
//! The only place that knows both. Must never: accept a symbol the recording does not carry. Runs
//! once at start.

use super::{Config, Problem, failure};
use crate::limits::{Member, Roster};
use crate::operator::Failure;
use engine::limits::LimitSet;
use engine::{Patience, Setup, SignalSetup, StrategySetup};
use sha2::{Digest, Sha256};
use std::path::Path;
use venues::player::Speed;
use wire::InstrumentId;
use wire::exit::Exit;
use wire::instrument::Instrument;

const NS_PER_MS: u64 = 1_000_000;

/// An engine's setup with what identifies it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The setup.
    pub setup: Setup,
    /// The limits, by id.
    pub limits: LimitSet,
    /// What limits and commands can be about.
    pub roster: Roster,
    /// First eight bytes of the SHA-256 of the effective configuration.
    pub config_hash: u64,
}

/// How long the engine waits, in engine time. A paced replay passes more of it while a thread of this
/// host waits for its CPU, so there the waits for this host's own threads are that much longer; at
/// full speed, as in a backtest, nobody moves on before the others are done.
fn patience(speed: Speed) -> Patience {
    let plain = Patience::default();
    let Speed::Ratio { num, den } = speed else { return plain };
    let factor = u64::from(num.get()).div_ceil(u64::from(den.get())).max(1);
    let longer = |ns: u64| ns.saturating_mul(factor);
    Patience {
        ack_ns: longer(plain.ack_ns),
        status_ns: longer(plain.status_ns),
        kill_ns: longer(plain.kill_ns),
        wire_ns: longer(plain.wire_ns),
        ..plain
    }
}

impl Config {
    /// Joins the configuration with the instrument table of the recording at `data`.
    ///
    /// # Errors
    /// A [`Failure`] with one line for each symbol the recording lacks and each relation that does
    /// not hold.
    pub fn plan(&self, table: &[Instrument], data: &Path) -> Result<Plan, Failure> {
        self.plan_with(table, data, &[])
    }

    /// The same with strategies of the caller's own, after those of the configuration; each needs a
    /// row in the limits file like any other.
    ///
    /// # Errors
    /// As [`Config::plan`].
    pub fn plan_with(
        &self,
        table: &[Instrument],
        data: &Path,
        own: &[Member],
    ) -> Result<Plan, Failure> {
        let find = |symbol: &str| table.iter().position(|row| row.symbol() == symbol);
        let symbols: Vec<_> = table.iter().map(Instrument::symbol).collect();
        let allowed = format!("one of {} of recording {}", symbols.join(", "), data.display());
        let mut problems = Vec::new();
        let mut missing = |line, key: String, symbol: &str| {
            let (found, allowed) = (format!("\"{symbol}\""), allowed.clone());
            problems.push(Problem { line, key, found, allowed });
        };
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
        let mut roster = self.roster(table);
        roster.strategies.extend_from_slice(own);
        let limits = match self.limits_file.join(&roster) {
            Ok(limits) if problems.is_empty() => limits,
            Ok(_) => return Err(failure(&self.file, problems)),
            Err(other) => {
                let lines = failure(&self.file, problems).lines.into_iter().chain(other.lines);
                return Err(Failure { exit: Exit::Configuration, lines: lines.collect() });
            }
        };
        let setup = Setup {
            epoch: self.session.epoch,
            instruments: table.to_vec(),
            limits: limits.clone(),
            advice: engine::advice::AdvicePolicy::default(),
            patience: patience(self.data.speed),
            strategies,
            signal,
            order_capacity: self.station.order_capacity,
        };
        problems.extend(setup.problems().iter().map(|problem| Problem {
            line: 0,
            key: "(setup)".to_owned(),
            found: problem.to_string(),
            allowed: "what the engine takes".to_owned(),
        }));
        if problems.is_empty() {
            Ok(Plan { setup, limits, roster, config_hash: self.hash() })
        } else {
            Err(failure(&self.file, problems))
        }
    }

    /// What limits and commands can be about.
    fn roster(&self, table: &[Instrument]) -> Roster {
        let mut venues = Vec::new();
        for row in table {
            // The one venue there is plays every instrument of the table.
            let venue = (super::VENUE.to_owned(), row.header.venue_id);
            if !venues.contains(&venue) {
                venues.push(venue);
            }
        }
        let member = |strategy: &super::Strategy| Member {
            name: strategy.name.clone(),
            symbol: strategy.symbol.clone(),
        };
        Roster {
            instruments: table.to_vec(),
            strategies: self.strategies.iter().map(member).collect(),
            left_out: self.left_out.clone(),
            venues,
        }
    }

    /// First eight bytes of the SHA-256 of the effective configuration, little-endian.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let digest = Sha256::digest(self.effective().to_string().as_bytes());
        u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default())
    }
}
