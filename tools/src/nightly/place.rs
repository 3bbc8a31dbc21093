//! Stage 6, promote: the winner into the store and into the incumbent's place, with the code of
//! `corelane models add` and `promote`.
//!
//! While the calendar's window or a running station is LIVE nothing is promoted unless the
//! configuration allows it: the stage stays unfinished, and a later start goes on here. Must never:
//! move a link for a candidate the rule refused.

use super::config::{ModelKeys, NightConfig};
use super::gather::Gathered;
use super::night::Night;
use super::script::{CANDIDATE, Trained};
use super::verdict::{Judged, PROMOTE};
use crate::backtest::model_failure;
use crate::calendar::{Calendar, StationMode};
use crate::ctl;
use crate::models::{self, ModelsArgs, ModelsCommand};
use crate::output::Output;
use serde::{Deserialize, Serialize};
use signal::store::{Address, Keeper, PublicKey};
use station::operator::Failure;
use wire::exit::Exit;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Placed {
    /// `promoted`, `refused`, `no-verdict`, or `not-served`: the rule promotes, and the running
    /// sidecar does not take it.
    pub(super) outcome: String,
    /// Every reason against the candidate.
    pub(super) reasons: Vec<String>,
}

pub(super) const PROMOTED: &str = "promoted";
pub(super) const NOT_SERVED: &str = "not-served";

/// Puts the candidate into its place where the verdict says so.
///
/// # Errors
/// `CHECK_FAILED` while something is LIVE; what is wrong with store, key or sidecar.
pub(super) fn place(
    config: &NightConfig,
    gathered: &Gathered,
    trained: &Trained,
    judged: &Judged,
    night: &Night,
    at_ns: u64,
) -> Result<Placed, Failure> {
    if judged.word != PROMOTE {
        let outcome = if judged.word == super::verdict::REFUSE { "refused" } else { &judged.word };
        return Ok(Placed { outcome: outcome.to_owned(), reasons: judged.reasons.clone() });
    }
    refuse_while_live(config, at_ns)?;
    put_back(&config.model, gathered, trained)?;
    let keys = &config.model;
    let (model, answers) = (trained.address.clone(), Some(config.promote.answers));
    let args = ModelsArgs {
        store: keys.store.clone(),
        public_key: keys.public_key.clone(),
        socket: config.promote.socket.clone(),
        command: ModelsCommand::Promote { model, answers, role: None },
    };
    let mut out = Output::stdout();
    let candidate = night.path().join(CANDIDATE);
    let said = models::add(&args, &candidate, keys.key.as_deref(), keys.backend.name())?;
    out.line(format_args!("{said}"))?;
    match models::promote(&args, &trained.address, answers, None) {
        Ok(said) => {
            out.line(format_args!("{said}"))?;
            out.finish()?;
            Ok(Placed { outcome: PROMOTED.to_owned(), reasons: Vec::new() })
        }
        Err(failure) if failure.exit == Exit::CheckFailed => {
            let reasons = failure.lines.iter().map(|line| line.with_code(failure.exit.name()));
            Ok(Placed { outcome: NOT_SERVED.to_owned(), reasons: reasons.collect() })
        }
        Err(failure) => Err(failure),
    }
}

/// Links that a start which was cut off moved before the sidecar had answered go back first, so that a
/// refusal leads to where the night began.
fn put_back(keys: &ModelKeys, gathered: &Gathered, trained: &Trained) -> Result<(), Failure> {
    let failed = |error: signal::ModelError| model_failure(&error);
    let key = keys.public_key.as_deref().map(PublicKey::read).transpose().map_err(failed)?;
    let keeper = Keeper::open(&keys.store, key).map_err(failed)?;
    let current = keeper.store().current(&keys.name).map_err(failed)?;
    if current.to_string() != trained.address {
        return Ok(());
    }
    let before = Address::from_hex(&gathered.parent.address);
    let previous = gathered.parent.previous.as_deref().and_then(Address::from_hex);
    keeper.restore(&keys.name, before, previous).map_err(failed)
}

fn refuse_while_live(config: &NightConfig, at_ns: u64) -> Result<(), Failure> {
    if config.promote.while_live {
        return Ok(());
    }
    let next = "start it again when that is over: it goes on here; or set promote.while_live";
    let live = |fields: String| {
        let what = "a winner is not promoted while something is live";
        Failure::new(Exit::CheckFailed, what, fields, next)
    };
    if let Some(file) = &config.promote.calendar {
        let calendar = Calendar::load(file)?;
        let now = calendar.at(at_ns).map_err(|error| live(format!("calendar=\"{error}\"")))?;
        if now.window.station == StationMode::Live {
            let fields = format!("calendar={} window={}", calendar.name(), now.window.name);
            return Err(live(fields));
        }
    }
    match ctl::newest_mode(&config.data.runs) {
        Some(mode) if mode == "LIVE" => Err(live(format!("station_mode={mode}"))),
        _ => Ok(()),
    }
}
