//! Tapes that killed engines left: what is on them goes to their journals before anything else.
//!
//! A tape's head names its journal. One that belongs to a living engine is left alone; one whose
//! journal is gone is kept under another name and said; a file that a killed start was still making
//! into a tape is removed. Must never: remove a tape whose frames are not on the disk, or trust a
//! journal after a write or a sync of its own failed. Runs on the main thread at start.

use crate::journaler::Moments;
use crate::operator::{Failure, Line, Operator};
use crate::prepare::of_tape;
use std::path::{Path, PathBuf};
use tape::TapeError;
use tape::journal::{Folder, JournalWriter, Outside, recover};
use tape::tape::{Tape, TapeReader};
use wire::exit::Exit;

/// Ending of a tape's file name.
pub const EXTENSION: &str = "tape";
/// Ending of one whose journal is gone.
const ORPHAN: &str = "orphan";

/// What one tape gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    /// The journal's folder.
    pub journal: PathBuf,
    /// Frames it held.
    pub held: u64,
    /// Frames the tape gave it.
    pub from_tape: u64,
    /// Bytes cut from its end and kept aside.
    pub cut_bytes: u64,
}

/// Brings every tape in `folder` that no engine holds to its journal.
///
/// # Errors
/// `RESOURCE` where a journal is damaged below its synced watermark or a tape is no tape,
/// `JOURNAL` where one cannot be written, `WIRE_VERSION` for frames of another build. The tape stays.
pub fn drain_all(
    folder: &Path,
    moments: Moments,
    operator: &mut dyn Operator,
) -> Result<(), Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let fields = format!("path={} error=\"{error}\"", folder.display());
            let next = "name a folder on tmpfs in tape.dir";
            return Err(Failure::new(Exit::Resource, "tape folder cannot be read", fields, next));
        }
    };
    let paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    for path in &paths {
        // What cannot be removed takes room in memory and is tried again by the next start.
        let _ = Tape::remove_half_made(path);
    }
    let is_tape = |path: &PathBuf| path.extension().is_some_and(|e| e == EXTENSION);
    let mut tapes: Vec<PathBuf> = paths.into_iter().filter(is_tape).collect();
    tapes.sort_unstable();
    for path in tapes {
        match drain(&path, moments) {
            Ok(Some(drained)) => {
                let Drained { journal, held, from_tape, cut_bytes } = drained;
                let fields = format!(
                    "journal={} frames_held={held} from_tape={from_tape} cut_bytes={cut_bytes}",
                    journal.display()
                );
                let next = "read it: `corelane explain`, `corelane verify`, `corelane export`";
                let line = Line::new("a killed engine's tape was written out", fields, next);
                operator.say(&line.with_code("NOTE"));
            }
            Ok(None) => set_aside(&path, operator)?,
            Err(TapeError::Busy { .. }) => {}
            Err(error) => {
                let mut failure = of_tape(&error);
                if let Some(line) = failure.lines.first_mut() {
                    line.fields = format!("tape={} {}", path.display(), line.fields);
                }
                return Err(failure);
            }
        }
    }
    Ok(())
}

/// Brings one tape to its journal and removes it. `None` where the journal is gone.
///
/// # Errors
/// Any [`TapeError`]; the tape is still there.
pub fn drain(path: &Path, moments: Moments) -> Result<Option<Drained>, TapeError> {
    let tape = Tape::open(path)?;
    let place = tape.place().clone();
    if !tape.is_of_this_build() {
        return Err(TapeError::JournalLayouts { path: path.to_path_buf() });
    }
    let mut reader = tape.into_reader();
    if !place.journal.is_dir() {
        return Ok(None);
    }
    let mut folder = Folder::open(&place.journal)?;
    let outside = Outside {
        synced_frame: reader.number(),
        has_failed: reader.had_failed(),
        ..Outside::default()
    };
    let Some(found) = recover(&mut folder, &place.journal, &outside)? else { return Ok(None) };
    if found.options.instance != place.instance {
        return Err(TapeError::BadTape {
            path: path.to_path_buf(),
            what: "its journal's folder holds another session's journal",
        });
    }
    let (held, cut_bytes) = (found.frames, found.cut_bytes);
    let mut drained = Drained { journal: place.journal.clone(), held, from_tape: 0, cut_bytes };
    if !found.is_closed {
        let now = moments.now();
        let ahead = reader.last_number().saturating_sub(held);
        let resumed = JournalWriter::resume(folder, &place.journal, found, ahead, now);
        let written = resumed.and_then(|journal| write_out(&mut reader, journal, held, moments));
        if matches!(written, Err(TapeError::JournalFailed { .. })) {
            // Nothing after its last sync may be trusted by the next start.
            reader.fail();
        }
        drained.from_tape = written?;
    }
    if reader.is_damaged() {
        return Err(TapeError::BadTape {
            path: path.to_path_buf(),
            what: "a record on it cannot be read; what stands before it is in the journal",
        });
    }
    std::fs::remove_file(path).map_err(|source| TapeError::Io {
        op: "remove",
        path: path.to_path_buf(),
        source,
    })?;
    Ok(Some(drained))
}

/// Writes what the tape holds behind frame `held` and ends the journal; how many frames.
fn write_out(
    reader: &mut TapeReader,
    mut journal: JournalWriter<Folder>,
    held: u64,
    moments: Moments,
) -> Result<u64, TapeError> {
    // What is there was cut to what is safe, and synced: a kill from here on loses none of it.
    reader.clear_failure();
    let mut from_tape = 0;
    while let Some(record) = reader.next() {
        // What the journal has already was written, and not yet given free.
        if record.number > held {
            journal.push(record.frame, moments.of(record.stamp))?;
            from_tape += 1;
        }
    }
    journal.finish(moments.now())?;
    Ok(from_tape)
}

/// Keeps a tape whose journal is gone, where no start looks for it again.
fn set_aside(path: &Path, operator: &mut dyn Operator) -> Result<(), Failure> {
    let aside = path.with_extension(ORPHAN);
    std::fs::rename(path, &aside).map_err(|error| {
        let fields = format!("path={} error=\"{error}\"", path.display());
        Failure::new(Exit::Resource, "tape cannot be set aside", fields, "move it away")
    })?;
    let fields = format!("path={}", aside.display());
    let next = "remove it, if the run's folder was removed on purpose";
    let line = Line::new("a killed engine's tape has no journal any more", fields, next);
    operator.say(&line.with_code("NOTE"));
    Ok(())
}
