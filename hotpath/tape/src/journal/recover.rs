//! Opens a journal a killed process left: checks all of it, and cuts what cannot be whole.
//!
//! Damage at or below the synced watermark refuses and changes nothing; above it everything from the
//! first invalid record on is kept aside and cleared. Doing it twice is doing it once.
//!
//! Must never: skip a record, or take zeros, a seal or a checksum for more than they are.

use super::record::{HEAD_BYTES, Record, SegmentHead, Step, genesis, step};
use super::storage::Storage;
use super::writer::{LEAST_SEGMENT_BYTES, Options};
use crate::error::TapeError;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use wire::journal::{JournalSeal, JournalSynced, RecordKind};

/// What is known of a journal from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// The tape's word: frames up to this number were synced.
    pub synced_frame: u64,
    /// The tape's word: a write or a sync failed after that frame, so nothing after it is trusted.
    pub has_failed: bool,
    /// A checkpoint's word: records up to this sequence were there.
    pub checkpoint_seq: u64,
}

/// A journal that can be gone on with.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// What it was made with.
    pub options: Options,
    /// Number of its last segment.
    pub segment: u64,
    /// File name of that segment.
    pub name: String,
    /// Where its next record goes.
    pub offset: u64,
    /// Last record.
    pub seq: u64,
    /// Frames.
    pub frames: u64,
    /// Chain of the last segment up to `offset`.
    pub hash: Sha256,
    /// Bytes cut and kept aside, this time.
    pub cut_bytes: u64,
    /// Name of the file they are in.
    pub cut_file: Option<String>,
    /// Whether the last segment is sealed: what follows goes to a new one.
    pub is_sealed: bool,
    /// Whether it ended in good order: nothing may follow.
    pub is_closed: bool,
    /// Highest sequence known to have been on the disk.
    pub watermark: u64,
}

/// One segment, read.
struct Loaded {
    name: String,
    bytes: Vec<u8>,
    head: SegmentHead,
}

/// Where a walk over a segment ended.
struct Walk {
    offset: usize,
    seq: u64,
    frames: u64,
    synced: u64,
    seal: Option<JournalSeal>,
    bad: Option<&'static str>,
}

/// Recovers the journal behind `storage`; `path` is its name in errors. `None` where there is none.
///
/// # Errors
/// [`TapeError::JournalDamaged`] and nothing changed; [`TapeError::Io`].
pub fn recover<S: Storage>(
    storage: &mut S,
    path: &Path,
    outside: &Outside,
) -> Result<Option<Recovered>, TapeError> {
    let io = |op| move |source| TapeError::Io { op, path: path.to_path_buf(), source };
    let segments = load(storage, path)?;
    let Some(last) = segments.last() else { return Ok(None) };
    let frames = check_sealed(path, &segments, outside)?;
    let walk = walk(last, frames);
    let vouched = beyond(last, walk.offset);
    let watermark = walk
        .synced
        .max(vouched)
        .max(last.head.first_seq.saturating_sub(1))
        .max(outside.checkpoint_seq);
    let here = |what| damaged(path, last, (walk.offset, walk.seq + 1), watermark, what);
    let is_whole = walk.seal.is_some();
    if walk.seq < watermark || walk.frames < outside.synced_frame {
        return Err(here(walk.bad.unwrap_or("the journal ends before what was synced")));
    }
    let is_short = (last.bytes.len() as u64) < last.head.capacity_bytes;
    let is_being_cut = is_short && walk.offset == last.bytes.len() && {
        storage.read(&cut_name(last.head.segment, walk.offset)).is_ok()
    };
    let is_vouched = outside.synced_frame > 0 || outside.checkpoint_seq > 0 || is_being_cut;
    if is_short && !is_whole && !is_vouched {
        return Err(here("the file is shorter than it was made, and nothing says what it held"));
    }
    let (offset, seq, frames) = if outside.has_failed {
        safe(last, frames, outside)
    } else {
        (walk.offset, walk.seq, walk.frames)
    };
    let seal = walk.seal.filter(|_| offset == walk.offset);
    let tail = last.bytes.get(offset..).unwrap_or_default();
    let tail_end = tail.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    let mut cut_file = None;
    if tail_end > 0 {
        let name = cut_name(last.head.segment, offset);
        let kept = tail.get(..tail_end).unwrap_or_default();
        storage.keep(&name, kept).map_err(io("write"))?;
        cut_file = Some(name);
    }
    let is_closed = seal.is_some_and(|seal| seal.next_segment == 0);
    if tail_end > 0 || (is_short && !is_closed) {
        let capacity = last.head.capacity_bytes;
        storage.clear_from(&last.name, offset as u64, capacity).map_err(io("write"))?;
    }
    let hashed = last.bytes.get(..offset).unwrap_or_default();
    Ok(Some(Recovered {
        options: Options {
            instance: last.head.instance,
            epoch: last.head.epoch,
            segment_bytes: last.head.capacity_bytes,
        },
        segment: last.head.segment,
        name: last.name.clone(),
        offset: offset as u64,
        seq,
        frames,
        hash: Sha256::new().chain_update(hashed),
        cut_bytes: tail_end as u64,
        cut_file,
        is_sealed: seal.is_some(),
        is_closed,
        watermark,
    }))
}

/// Name of the file that keeps what was cut from a segment behind `offset`.
fn cut_name(segment: u64, offset: usize) -> String {
    format!("cut-{segment:06}-{offset}.bin")
}

/// Checks every head, and every record of the segments before the last one; their frames.
fn check_sealed(path: &Path, segments: &[Loaded], outside: &Outside) -> Result<u64, TapeError> {
    let Some(last) = segments.last() else { return Ok(0) };
    // All before the last segment was synced before that one was begun.
    let below = last.head.first_seq.saturating_sub(1).max(outside.checkpoint_seq);
    let mut chain = genesis(last.head.instance);
    let (mut seq, mut frames) = (0, 0);
    for (due, segment) in (1..).zip(segments) {
        let head = &segment.head;
        let wrong = if head.segment != due {
            Some("a segment is missing or there twice")
        } else if head.instance != last.head.instance {
            Some("the segment is of another journal")
        } else if head.capacity_bytes < LEAST_SEGMENT_BYTES {
            Some("the segment's head leaves no room for its records")
        } else if head.first_seq != seq + 1 || head.first_frame != frames + 1 {
            Some("the segment does not begin where the one before ended")
        } else if head.prev_head != chain {
            Some("the chain is broken: the head of the segment before does not fit")
        } else {
            None
        };
        if let Some(what) = wrong {
            return Err(damaged(path, segment, (0, seq + 1), below, what));
        }
        if due == segments.len() as u64 {
            break;
        }
        let walk = walk(segment, frames);
        let follows = walk.seal.is_some_and(|seal| seal.next_segment != 0);
        if !follows {
            let what = walk.bad.unwrap_or("the segment ends without its seal");
            return Err(damaged(path, segment, (walk.offset, walk.seq + 1), below, what));
        }
        (seq, frames) = (walk.seq, walk.frames);
        chain = Sha256::digest(segment.bytes.get(..walk.offset).unwrap_or_default()).into();
    }
    Ok(frames)
}

fn damaged(
    path: &Path,
    segment: &Loaded,
    (offset, seq): (usize, u64),
    watermark: u64,
    what: &'static str,
) -> TapeError {
    TapeError::JournalDamaged {
        path: path.to_path_buf(),
        seq,
        file: segment.name.clone(),
        offset: offset as u64,
        what,
        watermark,
    }
}

/// Reads every segment, in the order of their numbers.
fn load<S: Storage>(storage: &mut S, path: &Path) -> Result<Vec<Loaded>, TapeError> {
    let io = |op| move |source| TapeError::Io { op, path: path.to_path_buf(), source };
    let mut segments = Vec::new();
    for name in storage.segments().map_err(io("read"))? {
        let bytes = storage.read(&name).map_err(io("read"))?;
        // A segment has its name only after its head was synced.
        let head = SegmentHead::parse(&bytes).map_err(|what| TapeError::JournalDamaged {
            path: path.to_path_buf(),
            seq: 0,
            file: name.clone(),
            offset: 0,
            what,
            watermark: 0,
        })?;
        segments.push(Loaded { name, bytes, head });
    }
    segments.sort_by_key(|segment| segment.head.segment);
    Ok(segments)
}

fn walk(segment: &Loaded, frames: u64) -> Walk {
    let of = (segment.head.instance, segment.head.segment);
    let mut walk = Walk {
        offset: HEAD_BYTES,
        seq: segment.head.first_seq - 1,
        frames,
        synced: 0,
        seal: None,
        bad: None,
    };
    loop {
        let rest = segment.bytes.get(walk.offset..).unwrap_or_default();
        let record = match step(rest, of, walk.seq + 1) {
            Step::Record(record) => record,
            Step::End => return walk,
            Step::Bad(what) => {
                walk.bad = Some(what);
                return walk;
            }
        };
        if record.kind == RecordKind::Seal {
            let next = [0, segment.head.segment + 1];
            let seal = record.payload_as::<JournalSeal>();
            let fits = |s: &JournalSeal| s.frames == walk.frames && next.contains(&s.next_segment);
            walk.seal = seal.filter(fits);
            if walk.seal.is_none() {
                walk.bad = Some("the seal does not fit its segment");
                return walk;
            }
        }
        walk.offset += record.bytes();
        walk.seq = record.seq;
        match record.kind {
            RecordKind::Frame => walk.frames += 1,
            RecordKind::Synced => {
                let synced = record.payload_as::<JournalSynced>().map_or(0, |synced| synced.seq);
                walk.synced = walk.synced.max(synced);
            }
            RecordKind::Seal => return walk,
            RecordKind::Open | RecordKind::Recovered => {}
        }
    }
}

/// Where the last segment of a failed journal is cut: behind what is known from elsewhere to be
/// safe, and never before its first record. All before that segment was synced before it was begun,
/// whether or not the tape was still told. Offset, sequence and frames.
fn safe(segment: &Loaded, frames: u64, outside: &Outside) -> (usize, u64, u64) {
    let of = (segment.head.instance, segment.head.segment);
    let (mut offset, mut seq, mut frames) = (HEAD_BYTES, segment.head.first_seq - 1, frames);
    loop {
        let rest = segment.bytes.get(offset..).unwrap_or_default();
        let Step::Record(record) = step(rest, of, seq + 1) else { break };
        let is_told = seq < outside.checkpoint_seq || frames < outside.synced_frame;
        if !is_told && record.kind != RecordKind::Open {
            break;
        }
        offset += record.bytes();
        seq = record.seq;
        frames += u64::from(record.kind == RecordKind::Frame);
    }
    (offset, seq, frames)
}

/// The highest sequence a whole `synced` record or seal behind the end of the walk vouches for.
fn beyond(segment: &Loaded, offset: usize) -> u64 {
    let of = (segment.head.instance, segment.head.segment);
    let starts = (offset..segment.bytes.len()).step_by(8);
    let records = starts.filter_map(|at| {
        let bytes = segment.bytes.get(at..)?;
        // Most of a segment's rest is zeros.
        if bytes.first() == Some(&0) {
            return None;
        }
        Record::parse(bytes, of, None).ok()
    });
    records
        .filter_map(|record| match record.kind {
            RecordKind::Synced => record.payload_as::<JournalSynced>().map(|synced| synced.seq),
            // A segment is synced before its seal is written.
            RecordKind::Seal => Some(record.seq.saturating_sub(1)),
            RecordKind::Frame | RecordKind::Open | RecordKind::Recovered => None,
        })
        .max()
        .unwrap_or(0)
}
