//! The engine of a run again, from the run's folder: from the journal's beginning, or from a snapshot
//! and the tail after it.
//!
//! Owns the choice of the snapshot and what is held against it. A snapshot is never needed: one that
//! is damaged, of another journal, configuration or build is left out with a line, and the one before
//! it, or the beginning, is taken. Must never: write, or call an engine recovered whose state is not
//! the one the snapshot, and at its end the session, names. For commands and a start, not for a hot
//! thread.

use crate::config::Config;
use crate::operator::{Failure, Line, Operator};
use crate::prepare::of_tape;
use crate::run_dir::JOURNAL;
use engine::{Engine, Setup, sink::NullSink};
use std::path::Path;
use tape::TapeError;
use tape::journal::{JournalReader, SnapshotHead, read_snapshot, snapshots};
use wire::exit::Exit;
use wire::instrument::Instrument;
use wire::station::{SessionEnd, SessionStart};
use wire::{Frame, FrameKind};

/// An engine that stands before the next frame of its journal.
#[derive(Debug)]
pub struct Begun {
    /// The engine: in BOOT, or with the state of the snapshot.
    pub engine: Engine,
    /// The journal, at the next frame.
    pub reader: JournalReader,
    /// What the session said when it began.
    pub start: SessionStart,
    /// The snapshot, where one was used.
    pub from: Option<SnapshotHead>,
}

/// An engine with the state of the journal's end.
#[derive(Debug)]
pub struct Recovered {
    /// The engine.
    pub engine: Engine,
    /// Frames of the journal, and how many of them were read after the snapshot.
    pub frames: (u64, u64),
    /// The snapshot, where one was used.
    pub from: Option<SnapshotHead>,
}

/// The engine of a run with the state it had at the end of its journal: snapshot and tail where there
/// is a snapshot, else everything. Snapshots that are left out are told to `operator`.
///
/// # Errors
/// As [`begin`]; `DIVERGED` where the session's end names another state.
pub fn recovered(run_dir: &Path, operator: &mut dyn Operator) -> Result<Recovered, Failure> {
    let Begun { mut engine, mut reader, from, .. } = begin(run_dir, true, operator)?;
    let (_, first) = reader.read_so_far();
    let (mut input, mut end) = (Vec::new(), None);
    while let Some(entry) = reader.next_frame().map_err(|e| of_tape(&e))? {
        let kind = wire::frame::header(entry.frame).ok().and_then(|h| FrameKind::from_code(h.kind));
        if kind == Some(FrameKind::SessionEnd) {
            end = bytemuck::try_pod_read_unaligned::<SessionEnd>(entry.frame).ok();
        } else if kind.is_some_and(FrameKind::is_outer_input) {
            input.clear();
            input.extend(entry.frame.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w)));
            let taken = engine.input(bytemuck::cast_slice_mut(&mut input), &mut NullSink);
            taken.map_err(|why| no_frame(entry.frame_number, &why))?;
        }
    }
    let made = engine.state_hash();
    if let Some(end) = end.filter(|end| end.state_hash != made) {
        let fields = format!("state_hash={:016x} made={made:016x}", end.state_hash);
        let next = "use the build that made the run; with the same build, report it";
        return Err(Failure::new(Exit::Diverged, "the engine ends in another state", fields, next));
    }
    let (_, last) = reader.read_so_far();
    Ok(Recovered { engine, frames: (last, last - first), from })
}

/// A recorded input that does not decode.
#[must_use]
pub fn no_frame(frame: u64, why: &wire::DecodeError) -> Failure {
    let next = "the journal is damaged there; use an undamaged copy";
    let fields = format!("frame={frame} why=\"{why}\"");
    Failure::new(Exit::Resource, "recorded input is no frame", fields, next)
}

/// Opens a run's journal and makes its engine: at the newest snapshot that is sound where
/// `from_snapshot` asks for one, else before the first input.
///
/// # Errors
/// `RESOURCE` for a damaged journal, one without a session start, or files that are missing;
/// `CONFIGURATION` where the folder's configuration is not the journal's.
pub fn begin(
    run_dir: &Path,
    from_snapshot: bool,
    operator: &mut dyn Operator,
) -> Result<Begun, Failure> {
    let path = run_dir.join(JOURNAL);
    let of = |error: TapeError| of_tape(&error);
    let mut reader = JournalReader::open(&path).map_err(of)?;
    let (table, start) = opening(&mut reader, &path)?;
    let setup = setup_of(run_dir, &table, &start, &path)?;
    let found = if from_snapshot { snapshots(&path).map_err(of)? } else { Vec::new() };
    for file in found {
        match at_snapshot(&file, &setup, &start, &mut reader) {
            Ok((engine, head)) => return Ok(Begun { engine, reader, start, from: Some(head) }),
            Err(why) => {
                let fields = format!("file={} why=\"{why}\"", file.display());
                let line = Line::new("snapshot left out", fields, "");
                operator.say(&line.with_code("NOTE"));
                reader = JournalReader::open(&path).map_err(of)?;
                opening(&mut reader, &path)?;
            }
        }
    }
    let engine = engine_from(setup, run_dir)?;
    Ok(Begun { engine, reader, start, from: None })
}

/// Reads the instrument table and the session start.
fn opening(
    reader: &mut JournalReader,
    path: &Path,
) -> Result<(Vec<Instrument>, SessionStart), Failure> {
    let mut table = Vec::new();
    while let Some(entry) = reader.next_frame().map_err(|e| of_tape(&e))? {
        match wire::decode(entry.frame) {
            Ok(Frame::Instrument(row)) => table.push(*row),
            Ok(Frame::SessionStart(start)) => return Ok((table, *start)),
            _ => break,
        }
    }
    let fields = format!("path={}", path.display());
    let next = "name the folder of a run that got past its start";
    Err(Failure::new(Exit::Resource, "journal has no session start", fields, next))
}

/// The engine as a snapshot has it, with the reader behind the snapshot's frame; or why not.
fn at_snapshot(
    file: &Path,
    setup: &Setup,
    start: &SessionStart,
    reader: &mut JournalReader,
) -> Result<(Engine, SnapshotHead), String> {
    let (head, words) =
        read_snapshot(file).map_err(|error| error.to_string())?.map_err(str::to_owned)?;
    if head.instance != reader.identity().0 {
        return Err("it is of another journal".to_owned());
    }
    if head.schema_hash != wire::frame::schema_hash() {
        return Err("it is of a build with other layouts".to_owned());
    }
    if head.config_hash != start.config_hash {
        return Err("it is of another configuration".to_owned());
    }
    if !reader.heads().any(|segment| segment.segment == head.tail_segment) {
        return Err("the journal does not have the segment it goes on in".to_owned());
    }
    go_to(reader, &head)?;
    // The segment's head holds the chain before it, so this covers all that led to the state.
    if reader.chain_here() != head.tail_head {
        return Err("the journal has another history up to there".to_owned());
    }
    let fresh = Engine::new(setup.clone()).map_err(|error| error.to_string())?;
    let engine = fresh.load(&words, head.state_hash).map_err(|error| error.to_string())?;
    Ok((engine, head))
}

/// Puts the reader behind the frame a snapshot stands after.
fn go_to(reader: &mut JournalReader, head: &SnapshotHead) -> Result<(), String> {
    reader.skip_to(head.tail_segment).map_err(|error| error.to_string())?;
    let (before, frame) = reader.read_so_far();
    let mut at = (before >= head.seq && frame == head.frame).then_some(head.seq);
    while reader.read_so_far().1 < head.frame {
        let Some(entry) = reader.next_frame().map_err(|error| error.to_string())? else { break };
        at = Some(entry.seq).filter(|_| entry.frame_number == head.frame);
    }
    if at == Some(head.seq) {
        return Ok(());
    }
    Err("the journal does not hold the record it stands after".to_owned())
}

/// What the engine of a run is made from: its folder, and its journal's table and session start.
fn setup_of(
    dir: &Path,
    table: &[Instrument],
    start: &SessionStart,
    journal: &Path,
) -> Result<Setup, Failure> {
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
    Ok(plan.setup)
}

fn engine_from(setup: Setup, dir: &Path) -> Result<Engine, Failure> {
    Engine::new(setup).map_err(|error| {
        let fields = format!("run_dir={} why=\"{error}\"", dir.display());
        let next = "use the build that made the run";
        Failure::new(Exit::Configuration, "engine refuses its setup", fields, next)
    })
}

/// The engine of a run in BOOT: from its folder, and from its journal's table and session start.
///
/// # Errors
/// `RESOURCE` where a kept file is missing, `CONFIGURATION` where it is not the journal's.
pub fn engine_of(
    dir: &Path,
    table: &[Instrument],
    start: &SessionStart,
    journal: &Path,
) -> Result<Engine, Failure> {
    engine_from(setup_of(dir, table, start, journal)?, dir)
}
