//! `corelane verify`: a journal's inputs into a fresh engine, every output held against the journal,
//! byte for byte.
//!
//! Owns the comparison. It needs the run's folder alone: what sidecars and venue said are inputs.
//! Must never: go on past the first frame that differs, or call a journal repeated that was not read
//! to its end.

mod differ;
mod repeat;

use crate::cli::VerifyArgs;
use crate::output::Output;
use crate::record;
use crate::recording::tape_failure;
use clock::Clock;
use engine::Engine;
use repeat::{Difference, Repeat};
use serde_json::{Value, json};
use station::config::Config;
use station::operator::Failure;
use std::path::Path;
use std::time::Duration;
use tape::journal::JournalReader;
use tape::journal::reader::Ending;
use wire::exit::Exit;
use wire::instrument::Instrument;
use wire::station::{SessionEnd, SessionStart};
use wire::{Frame, FrameKind};

/// Version of the JSON object.
const VERSION: u32 = 1;

/// Runs the command.
///
/// # Errors
/// `DIVERGED` with both frames; `ARGUMENTS` for a folder without a journal, `RESOURCE` for a damaged
/// one or files that are missing, `CONFIGURATION` where the folder's configuration is not the
/// journal's. A journal that was cut is verified as far as it goes, then that is the failure.
pub fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let path = record::path_of(&args.run_dir)?;
    let clock = Clock::calibrate();
    let started_ns = clock.monotonic_ns();
    let mut reader = JournalReader::open(&path).map_err(|e| tape_failure(&e))?;
    let verdict = run(&args.run_dir, &path, &mut reader)?;
    let took = clock.monotonic_ns().saturating_sub(started_ns);
    let seconds = Duration::from_nanos(took).as_secs_f64();
    let fault = reader.fault_at_end().map(|error| tape_failure(&error));
    let mut out = Output::stdout();
    let answer = answer(&path, &verdict, &reader, seconds);
    if args.json {
        out.line(format_args!("{answer}"))?;
    } else {
        out.line(format_args!("{}", verdict.line(seconds)))?;
        if let Some(difference) = &verdict.difference {
            out.write(differ::side_by_side(difference).as_bytes())?;
        }
    }
    out.finish()?;
    match (&verdict.difference, fault) {
        (Some(difference), _) => Err(diverged(difference)),
        (None, Some(fault)) => Err(fault),
        (None, None) => Ok(()),
    }
}

/// What a verification showed.
#[derive(Debug)]
struct Verdict {
    inputs: u64,
    frames: u64,
    state_hash: u64,
    /// Outputs of the last input that a cut journal lacks.
    unwritten: usize,
    difference: Option<Difference>,
}

impl Verdict {
    fn line(&self, seconds: f64) -> String {
        let word = if self.difference.is_some() { "DIVERGED" } else { "repeated" };
        let rate = whole(self.rate(seconds));
        format!(
            "{word}: {} frames, {} inputs in {seconds:.2} s ({rate} inputs/s), state_hash {:016x}",
            self.frames, self.inputs, self.state_hash
        )
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for display")]
    fn rate(&self, seconds: f64) -> f64 {
        self.inputs as f64 / seconds.max(1e-9)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for display, saturated"
)]
fn whole(rate: f64) -> u64 {
    rate as u64
}

/// Feeds the journal to the engine of its run.
fn run(dir: &Path, path: &Path, reader: &mut JournalReader) -> Result<Verdict, Failure> {
    let mut table: Vec<Instrument> = Vec::new();
    let mut repeat: Option<Repeat> = None;
    let mut difference = None;
    let mut frames = 0;
    while let Some(entry) = reader.next_frame().map_err(|e| tape_failure(&e))? {
        frames = entry.frame_number;
        if let Some(repeat) = &mut repeat {
            difference = repeat.take(entry.frame_number, entry.frame).map_err(|why| {
                let fields = format!("frame={frames} why=\"{why}\"");
                let next = "the journal is damaged there; use an undamaged copy";
                Failure::new(Exit::Resource, "recorded input is no frame", fields, next)
            })?;
            if difference.is_some() {
                break;
            }
            continue;
        }
        match wire::decode(entry.frame) {
            Ok(Frame::Instrument(row)) => table.push(*row),
            Ok(Frame::SessionStart(start)) => {
                repeat = Some(Repeat::new(engine_of(dir, &table, start, path)?));
            }
            _ => break,
        }
    }
    let Some(mut repeat) = repeat else {
        let fields = format!("path={}", path.display());
        let next = "name the folder of a run that got past its start";
        return Err(Failure::new(Exit::Resource, "journal has no session start", fields, next));
    };
    if difference.is_none() {
        let is_whole = *reader.ending() == Ending::Closed && repeat.has_ended();
        difference = repeat.end(frames, is_whole);
    }
    Ok(Verdict {
        inputs: repeat.inputs(),
        frames,
        state_hash: repeat.engine().state_hash(),
        unwritten: repeat.unwritten(),
        difference,
    })
}

fn answer(path: &Path, verdict: &Verdict, reader: &JournalReader, seconds: f64) -> Value {
    let ending = match reader.ending() {
        Ending::Closed => "closed",
        Ending::Open => "open",
        Ending::Torn(_) => "torn",
        Ending::Reading => "not reached",
    };
    json!({
        "version": VERSION,
        "journal": path.display().to_string(),
        "ending": ending,
        "frames": verdict.frames,
        "inputs": verdict.inputs,
        "outputs_unwritten": verdict.unwritten,
        "repeated": verdict.difference.is_none(),
        "state_hash": format!("{:016x}", verdict.state_hash),
        "seconds": seconds,
        "inputs_per_s": whole(verdict.rate(seconds)),
        "difference": verdict.difference.as_ref().map(differ::to_json),
    })
}

fn diverged(difference: &Difference) -> Failure {
    let name = |frame: &[u8]| {
        let kind = wire::frame::header(frame).ok().and_then(|h| FrameKind::from_code(h.kind));
        kind.map_or("nothing", FrameKind::name)
    };
    let fields = format!(
        "frame={} recorded={} made={}",
        difference.frame_number,
        name(&difference.recorded),
        name(&difference.made)
    );
    let next = "use the build that made the run; with the same build, report it";
    Failure::new(Exit::Diverged, "the engine does not repeat the journal", fields, next)
}

/// The engine of a run: from its folder, and from its journal's table and session start.
///
/// # Errors
/// `RESOURCE` where a kept file is missing, `CONFIGURATION` where it is not the journal's.
pub fn engine_of(
    dir: &Path,
    table: &[Instrument],
    start: &SessionStart,
    journal: &Path,
) -> Result<Engine, Failure> {
    let config = Config::of_run(dir)?;
    let plan = config.plan(table, journal)?;
    if plan.config_hash != start.config_hash {
        let fields = format!(
            "run_dir={} config_hash={:016x} record={:016x}",
            dir.display(),
            plan.config_hash,
            start.config_hash
        );
        let next = "use the folder's own config.toml, limits.toml and overrides.json, unchanged, \
                    and the build that made the run";
        let what = "configuration is not the one of the record";
        return Err(Failure::new(Exit::Configuration, what, fields, next));
    }
    Engine::new(plan.setup).map_err(|error| {
        let fields = format!("run_dir={} why=\"{error}\"", dir.display());
        let next = "use the build that made the run";
        Failure::new(Exit::Configuration, "engine refuses its setup", fields, next)
    })
}

/// What the end of a session says of an engine that took all of it.
fn end_of(engine: &Engine) -> SessionEnd {
    station::session_frames::end(engine)
}
