//! `corelane verify`: a journal's inputs into a fresh engine, every output held against the journal,
//! byte for byte.
//!
//! Owns the comparison. It needs the run's folder alone: what sidecars and venue said are inputs. On
//! the way it may write a snapshot at each segment's end, or begin at one and repeat the tail alone:
//! then it says which, and vouches for nothing before it. Must never: go on past the first frame that
//! differs, or call a journal repeated that was not read to its end.

mod differ;
mod keep;
mod repeat;

use crate::cli::VerifyArgs;
use crate::output::Output;
use crate::record;
use crate::recording::tape_failure;
use clock::Clock;
use engine::Engine;
use keep::Keeper;
use repeat::{Difference, Repeat};
use serde_json::{Value, json};
use station::operator::{Failure, Stderr};
use station::recovery::{Begun, begin, no_frame};
use std::path::Path;
use std::time::Duration;
use tape::journal::reader::Ending;
use tape::journal::{JournalReader, SnapshotHead};
use wire::FrameKind;
use wire::exit::Exit;
use wire::station::SessionEnd;

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
    let begun = begin(&args.run_dir, args.from_snapshot, &mut Stderr)?;
    let (verdict, reader) = run(begun, args, &path)?;
    let took = clock.monotonic_ns().saturating_sub(started_ns);
    let seconds = Duration::from_nanos(took).as_secs_f64();
    let fault = reader.fault_at_end().map(|error| tape_failure(&error));
    let mut out = Output::stdout();
    let answer = answer(&path, &verdict, &reader, seconds);
    if args.json {
        out.line(format_args!("{answer}"))?;
    } else {
        for line in verdict.snapshot_lines() {
            out.line(format_args!("{line}"))?;
        }
        out.line(format_args!("{}", verdict.line(seconds)))?;
        if let Some(difference) = &verdict.difference {
            out.write(differ::side_by_side(difference).as_bytes())?;
        }
    }
    out.finish()?;
    match (&verdict.difference, fault) {
        (Some(difference), _) => Err(diverged(difference)),
        (None, Some(fault)) => Err(fault),
        (None, None) => verdict.unkept.map_or(Ok(()), Err),
    }
}

/// Repeats a run's journal from its beginning to its end; the engine's state hash then.
///
/// # Errors
/// As [`verify`].
pub(crate) fn repeated(run_dir: &Path) -> Result<u64, Failure> {
    let path = record::path_of(run_dir)?;
    let args = VerifyArgs {
        run_dir: run_dir.to_owned(),
        snapshots: false,
        from_snapshot: false,
        json: false,
    };
    let (verdict, reader) = run(begin(run_dir, false, &mut Stderr)?, &args, &path)?;
    match (&verdict.difference, reader.fault_at_end()) {
        (Some(difference), _) => Err(diverged(difference)),
        (None, Some(fault)) => Err(tape_failure(&fault)),
        (None, None) => Ok(verdict.state_hash),
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
    /// The snapshot it began at.
    from: Option<SnapshotHead>,
    /// Segments at whose ends a snapshot was written.
    written: Vec<u64>,
    /// Why no more were.
    unkept: Option<Failure>,
}

impl Verdict {
    fn snapshot_lines(&self) -> Vec<String> {
        let from = self.from.map(|head| {
            format!(
                "from the snapshot of segment {}: frames 1 to {} were not repeated",
                head.segment, head.frame
            )
        });
        let written = (!self.written.is_empty())
            .then(|| format!("snapshots written: {}", self.written.len()));
        from.into_iter().chain(written).collect()
    }

    fn line(&self, seconds: f64) -> String {
        let word = if self.difference.is_some() { "DIVERGED" } else { "repeated" };
        let rate = whole(self.rate(seconds));
        let frames = self.frames - self.from.map_or(0, |head| head.frame);
        format!(
            "{word}: {frames} frames, {} inputs in {seconds:.2} s ({rate} inputs/s), state_hash {:016x}",
            self.inputs, self.state_hash
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

/// Repeats the journal from where the engine stands.
fn run(begun: Begun, args: &VerifyArgs, path: &Path) -> Result<(Verdict, JournalReader), Failure> {
    let Begun { engine, mut reader, start, from } = begun;
    let mut keeper = args.snapshots.then(|| {
        let after = from.map_or(0, |head| head.segment);
        Keeper::new(path.to_path_buf(), reader.identity().0, &start, after)
    });
    let mut repeat = Repeat::new(engine);
    let mut difference = None;
    let (_, mut frames) = reader.read_so_far();
    let mut last = reader.read_so_far();
    while let Some(entry) = reader.next_frame().map_err(|e| tape_failure(&e))? {
        frames = entry.frame_number;
        if let Some(keeper) = &mut keeper {
            keeper.before(&repeat, &entry, last, is_end(entry.frame));
        }
        last = (entry.seq, entry.frame_number);
        difference = repeat.take(frames, entry.frame).map_err(|why| no_frame(frames, &why))?;
        if difference.is_some() {
            break;
        }
    }
    if difference.is_none() {
        let is_whole = *reader.ending() == Ending::Closed && repeat.has_ended();
        difference = repeat.end(frames, is_whole);
    }
    let (written, unkept) = keeper.map(Keeper::finish).unwrap_or_default();
    let verdict = Verdict {
        inputs: repeat.inputs(),
        frames,
        state_hash: repeat.engine().state_hash(),
        unwritten: repeat.unwritten(),
        difference,
        from,
        written,
        unkept,
    };
    Ok((verdict, reader))
}

fn is_end(frame: &[u8]) -> bool {
    wire::frame::header(frame).is_ok_and(|header| header.kind == FrameKind::SessionEnd.code())
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
        "from_snapshot": verdict.from.map(|head| json!({
            "segment": head.segment,
            "frame": head.frame,
            "seq": head.seq,
            "state_hash": format!("{:016x}", head.state_hash),
        })),
        "snapshots_written": verdict.written,
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

/// What the end of a session says of an engine that took all of it.
fn end_of(engine: &Engine) -> SessionEnd {
    station::session_frames::end(engine)
}
