//! From a configuration to everything a replay or a backtest starts from.
//!
//! Owns: reading the recording, building engine and venue, and turning their errors into operator
//! lines. Runs once on the main thread, before any other; allocates.

use crate::config::{Config, Plan};
use crate::operator::Failure;
use engine::Engine;
use std::error::Error;
use tape::{Recording, TapeError};
use venues::sim::SimVenue;
use wire::exit::Exit;
use wire::{FrameHeader, FrameKind, TsNs};

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

/// Reads the recording and builds engine and venue.
///
/// # Errors
/// A [`Failure`] with the exit code that fits: recording missing, damaged or of another version;
/// a symbol it lacks; a venue that cannot be set up.
pub fn prepare(config: &Config) -> Result<Prepared, Failure> {
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
    let plan = config.plan(recording.instruments(), path)?;
    let engine = Engine::new(plan.setup.clone()).map_err(|error| {
        let fields = format!("file={} why=\"{error}\"", config.file.display());
        Failure::new(Exit::Configuration, "engine refuses its setup", fields, "correct the file")
    })?;
    let venue = SimVenue::new(config.venue.clone(), recording.instruments()).map_err(|error| {
        let fields = format!("file={} why=\"{error}\"", config.file.display());
        let what = "simulated venue refuses its setup";
        Failure::new(Exit::Configuration, what, fields, "correct section [venue]")
    })?;
    let events = || recording.frames().filter_map(|frame| wire::frame::header(frame).ok());
    let is_event = |header: &&FrameHeader| header.kind != FrameKind::Instrument.code();
    let start = events().find(is_event).map_or(TsNs(0), |header| header.ts_recv_ns);
    let count = events().filter(is_event).count();
    let data_hash = hash_of(&recording.summary.sha256);
    Ok(Prepared {
        events: u64::try_from(count).unwrap_or(u64::MAX),
        data_hash,
        start,
        plan,
        engine,
        venue,
        recording,
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
