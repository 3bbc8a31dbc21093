//! From a configuration to everything a replay or a backtest starts from.
//!
//! Owns: reading the recording, building engine and venue, and turning their errors into operator
//! lines. Runs once on the main thread, before any other; allocates.

use crate::config::{Config, Plan};
use crate::limits::Member;
use crate::operator::Failure;
use engine::{Engine, OwnStrategy};
use std::error::Error;
use tape::{Recording, TapeError};
use venues::sim::SimVenue;
use wire::exit::Exit;
use wire::instrument::Instrument;
use wire::{FrameHeader, FrameKind, InstrumentId, TsNs};

/// Everything a replay or a backtest starts from.
#[derive(Debug)]
pub struct Prepared {
    /// The recording, in memory.
    pub recording: Recording,
    /// The engine's setup and the configuration's hash.
    pub plan: Plan,
    /// The engine, in BOOT.
    pub engine: Engine,
    /// The simulated venue.
    pub venue: SimVenue,
    /// Receive time of the first recorded event.
    pub start: TsNs,
    /// Events in the recording, the instrument table aside.
    pub events: u64,
    /// First eight bytes of the SHA-256 of the recording's frames.
    pub data_hash: u64,
}

/// What [`ready`] makes of a configuration and a recording.
#[derive(Debug)]
pub struct Ready {
    /// The engine's setup and the configuration's hash.
    pub plan: Plan,
    /// The engine, in BOOT.
    pub engine: Engine,
    /// The simulated venue.
    pub venue: SimVenue,
    /// Receive time of the first recorded event.
    pub start: TsNs,
    /// Events in the recording, the instrument table aside.
    pub events: u64,
}

/// Reads the recording and builds engine and venue.
///
/// # Errors
/// A [`Failure`] with the exit code that fits: recording missing, damaged or of another version;
/// a symbol it lacks; a venue that cannot be set up.
pub fn prepare(config: &Config) -> Result<Prepared, Failure> {
    let recording = read(config)?;
    let Ready { plan, engine, venue, start, events } = ready(config, &recording, Vec::new())?;
    let data_hash = hash_of(&recording.summary.sha256);
    Ok(Prepared { recording, plan, engine, venue, start, events, data_hash })
}

/// Reads the configured recording.
///
/// # Errors
/// As [`prepare`].
pub fn read(config: &Config) -> Result<Recording, Failure> {
    let path = &config.data.recording;
    let recording = tape::read_all(path).map_err(|error| of_tape(&error))?;
    if recording.instruments().is_empty() {
        return Err(Failure::new(
            Exit::Resource,
            "recording has no instrument table",
            format!("path={}", path.display()),
            "import it again with `corelane import`",
        ));
    }
    Ok(recording)
}

/// Builds engine and venue for a recording that is in memory, with strategies of the caller's own
/// after those of the configuration.
///
/// # Errors
/// As [`prepare`]; `CONFIGURATION` where an own strategy has no row in the limits file.
pub fn ready(
    config: &Config,
    recording: &Recording,
    own: Vec<OwnStrategy>,
) -> Result<Ready, Failure> {
    let table = recording.instruments();
    let member = |strategy: &OwnStrategy| {
        let index = usize::try_from(strategy.instrument.get()).unwrap_or(usize::MAX);
        let symbol = table.get(index).map_or("", Instrument::symbol).to_owned();
        Member { name: strategy.name.clone(), symbol }
    };
    let members: Vec<Member> = own.iter().map(member).collect();
    let plan = config.plan_with(table, &config.data.recording, &members)?;
    let refused = |what: &str, why: &dyn std::fmt::Display, next: &str| {
        let fields = format!("file={} why=\"{why}\"", config.file.display());
        Failure::new(Exit::Configuration, what, fields, next)
    };
    let engine = Engine::with_strategies(plan.setup.clone(), own)
        .map_err(|error| refused("engine refuses its setup", &error, "correct the file"))?;
    let venue = SimVenue::new(config.venue.clone(), recording.instruments()).map_err(|error| {
        refused("simulated venue refuses its setup", &error, "correct section [venue]")
    })?;
    let events = || recording.frames().filter_map(|frame| wire::frame::header(frame).ok());
    let is_event = |header: &&FrameHeader| header.kind != FrameKind::Instrument.code();
    let start = events().find(is_event).map_or(TsNs(0), |header| header.ts_recv_ns);
    let count = events().filter(is_event).count();
    let events = u64::try_from(count).unwrap_or(u64::MAX);
    Ok(Ready { plan, engine, venue, start, events })
}

/// The id of a symbol in a recording's instrument table.
///
/// # Errors
/// `ARGUMENTS` naming the symbol and what the recording has.
pub fn instrument_of(recording: &Recording, symbol: &str) -> Result<InstrumentId, Failure> {
    let rows = recording.instruments();
    let found = rows.iter().find(|row| row.symbol() == symbol);
    found.map(|row| row.header.instrument_id).ok_or_else(|| {
        let symbols: Vec<_> = rows.iter().map(Instrument::symbol).collect();
        let path = recording.path.display();
        let fields = format!("symbol={symbol} path={path} has={}", symbols.join(","));
        Failure::new(Exit::Arguments, "recording has no such symbol", fields, "name one it has")
    })
}

/// First eight bytes of a hex digest, little-endian as all hashes on the wire.
fn hash_of(hex: &str) -> u64 {
    let head = hex.get(..16).and_then(|head| u64::from_str_radix(head, 16).ok());
    head.map_or(0, u64::swap_bytes)
}

/// A recording's error as the operator reads it. Its text carries the next step already.
#[must_use]
pub fn of_tape(error: &TapeError) -> Failure {
    let text = error.to_string();
    let (what, next) = text.split_once("; next: ").unwrap_or((&text, ""));
    let fields = error.source().map_or(String::new(), |source| format!("cause=\"{source}\""));
    Failure::new(error.exit(), what, fields, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_becomes_the_hash_of_its_first_eight_bytes() {
        assert_eq!(hash_of("0102030405060708ff"), u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(hash_of(""), 0);
    }

    #[test]
    fn a_missing_recording_names_path_cause_and_next_step() {
        let error = tape::read_all("no/such.clrec").expect_err("not there");
        let failure = of_tape(&error);
        assert_eq!(failure.exit, Exit::Resource);
        let line = failure.to_string();
        assert!(line.contains("no/such.clrec") && line.contains("next: "), "{line}");
    }
}
