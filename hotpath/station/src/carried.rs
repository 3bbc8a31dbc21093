//! What a station carries from one session to the next: the session epoch, and profit and
//! high-water mark of the station and of each strategy.
//!
//! Owns `session.json` in the state folder. The epoch is on disk before a session starts, so that no
//! client order id is ever used twice; the marks are written when it ends. Must never: lower an
//! epoch or a mark. Runs on the main thread at start and end.

use crate::operator::Failure;
use engine::Engine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use wire::StrategyId;
use wire::exit::Exit;
use wire::risk::{RiskField, RiskInput};

/// Name of the file in the state folder.
const NAME: &str = "session.json";

/// Profit of all sessions so far and the highest it ever was, billionths of the base currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Profit.
    pub profit_e9: i64,
    /// Its highest value.
    pub high_water_e9: i64,
}

/// What is carried over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// Epoch of the last session that began.
    pub session_epoch: u32,
    /// The station.
    pub firm: Mark,
    /// Each strategy that ever traded, by name.
    pub strategies: BTreeMap<String, Mark>,
}

impl Carried {
    /// Begins a session: what earlier ones left, with the next epoch, or `least` where that is
    /// higher. The epoch is on disk when it returns.
    ///
    /// # Errors
    /// `RESOURCE` where the file cannot be read, `CONFIGURATION` where it is damaged or the epochs
    /// are used up, `JOURNAL` where it cannot be written.
    pub fn begin(folder: &Path, least: u32) -> Result<Self, Failure> {
        let path = folder.join(NAME);
        let mut carried = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| damaged(&path, &error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                let fields = format!("path={} error=\"{error}\"", path.display());
                let next = "make the folder of session.state_dir readable";
                return Err(Failure::new(Exit::Resource, "state cannot be read", fields, next));
            }
        };
        let next = carried.session_epoch.checked_add(1).ok_or_else(|| {
            damaged(&path, &"session_epoch is at its end: no client order id is left")
        })?;
        carried.session_epoch = next.max(least);
        carried.save(folder)?;
        Ok(carried)
    }

    /// Ends a session: takes the engine's marks and writes them.
    ///
    /// # Errors
    /// `JOURNAL` where the file cannot be written.
    pub fn end(mut self, folder: &Path, engine: &Engine) -> Result<(), Failure> {
        let firm = engine.firm();
        self.firm = Mark {
            profit_e9: firm.carried_e9.saturating_add(firm.pnl_e9),
            high_water_e9: firm.high_water_e9,
        };
        for (id, (name, _)) in (0..).zip(engine.strategies()) {
            let Some(risk) = engine.strategy_risk(StrategyId(id)) else { continue };
            let mark = Mark {
                profit_e9: risk.carried_e9.saturating_add(risk.pnl_e9),
                high_water_e9: risk.high_water_e9,
            };
            self.strategies.insert(name.to_owned(), mark);
        }
        self.save(folder)
    }

    /// The marks as inputs of a fresh engine.
    #[must_use]
    pub fn inputs(&self, engine: &Engine) -> Vec<RiskInput> {
        let mut inputs = of_mark(&self.firm, StrategyId::UNDEF);
        for (id, (name, _)) in (0..).zip(engine.strategies()) {
            if let Some(mark) = self.strategies.get(name) {
                inputs.extend(of_mark(mark, StrategyId(id)));
            }
        }
        inputs
    }

    fn save(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(NAME);
        let fresh = folder.join(format!("{NAME}.new"));
        let write = || {
            std::fs::create_dir_all(folder)?;
            let mut out = File::create(&fresh)?;
            out.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            out.write_all(b"\n")?;
            out.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error: std::io::Error| {
            let fields = format!("path={} error=\"{error}\"", path.display());
            let next = "make the folder of session.state_dir writable";
            Failure::new(Exit::Journal, "state cannot be kept", fields, next)
        })
    }
}

fn of_mark(mark: &Mark, strategy: StrategyId) -> Vec<RiskInput> {
    let of = |field, value| {
        let mut input = RiskInput::new(field, value);
        input.header.strategy_id = strategy;
        input
    };
    vec![of(RiskField::CarriedProfit, mark.profit_e9), of(RiskField::HighWater, mark.high_water_e9)]
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let fields = format!("path={} why=\"{why}\"", path.display());
    let next = "restore it from a backup; a lower session_epoch would repeat client order ids";
    Failure::new(Exit::Configuration, "state is damaged", fields, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_has_a_higher_epoch_and_marks_come_back() {
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().join("state");
        let first = Carried::begin(&folder, 5).expect("a fresh folder");
        assert_eq!((first.session_epoch, first.firm), (5, Mark::default()));
        let marks = Carried {
            firm: Mark { profit_e9: -7, high_water_e9: 9 },
            strategies: [("quotes".to_owned(), Mark { profit_e9: 1, high_water_e9: 2 })].into(),
            ..first
        };
        marks.save(&folder).expect("kept");
        let second = Carried::begin(&folder, 1).expect("there");
        assert_eq!(second, Carried { session_epoch: 6, ..marks });
        // A crash before the end loses no epoch.
        assert_eq!(Carried::begin(&folder, 1).expect("there").session_epoch, 7);
    }

    #[test]
    fn damage_and_the_last_epoch_are_refused_and_nothing_is_lost() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join(NAME);
        for bad in [
            "",
            "{}",
            "{\"session_epoch\":4294967295,\"firm\":{\"profit_e9\":0,\"high_water_e9\":0},\"strategies\":{}}",
        ] {
            std::fs::write(&path, bad).expect("written");
            let failure = Carried::begin(dir.path(), 1).expect_err("damaged");
            assert_eq!(failure.exit, Exit::Configuration, "{failure}");
            assert!(failure.to_string().contains("session.json"), "{failure}");
            assert_eq!(std::fs::read_to_string(&path).expect("kept"), bad);
        }
    }
}
