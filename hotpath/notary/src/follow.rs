//! Follows a journal that grows, and knows the chain head of what is on the disk.
//!
//! Two cursors run over a segment: one looks ahead for what vouches (a synced record, a seal), the
//! other hashes no further than that, and checks each record again as it does. Must never: write
//! to the journal, hash past what is vouched for, or go on over a contradiction.

use crate::error::NotaryError;
use crate::key::hex;
use crate::record::{SEGMENT_HEAD, View, genesis, segment_head};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use wire::journal::{JournalCheckpoint, JournalSeal, JournalSegment, RecordKind};

/// Turns without a record after which the follower asks whether it is stuck.
const STUCK_TURNS: u64 = 64;

/// A place in the journal and its chain head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which journal.
    pub(crate) instance: [u8; 16],
    /// Segment of the last record.
    pub(crate) segment: u64,
    /// Sequence of the last record.
    pub(crate) seq: u64,
    /// Bytes of the segment up to its end.
    pub(crate) segment_bytes: u64,
    /// The chain head after it.
    pub(crate) head: [u8; 32],
}

/// A journal's follower.
#[derive(Debug)]
pub(crate) struct Follower {
    folder: PathBuf,
    current: Option<Segment>,
    /// The last record is the journal's last seal, and is hashed.
    ended: bool,
    /// Turns without a new record.
    still: u64,
}

/// The segment that is followed.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    head: JournalSegment,
    /// The last record of the segment before it.
    before: Option<Place>,
    ahead: Cursor,
    hashed: Cursor,
    hash: Sha256,
    /// Highest sequence something whole vouches for.
    vouched: u64,
    seal: Option<JournalSeal>,
}

/// Where the next record is due.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    offset: u64,
    seq: u64,
}

impl Follower {
    /// Follows the journal of a run's folder from its beginning.
    pub(crate) fn new(run_dir: &Path) -> Self {
        Self { folder: run_dir.join("journal"), current: None, ended: false, still: 0 }
    }

    /// Goes on behind a checkpoint, after its head was computed anew and fits.
    ///
    /// # Errors
    /// A contradiction where the journal is not the one that was signed.
    pub(crate) fn resume(run_dir: &Path, last: &JournalCheckpoint) -> Result<Self, NotaryError> {
        let mut follower = Self::new(run_dir);
        let signed = || format!("checkpoint={} seq={}", last.number, last.seq);
        let folder = &follower.folder;
        let Some(found) = find(folder, last.segment, Some(last.instance))? else {
            let fields = format!("segment={} {}", last.segment, signed());
            let what = "a segment that was signed is missing";
            return Err(NotaryError::contradiction(what, folder, fields));
        };
        let mut segment = Segment::new(found, None)?;
        if !segment.hash_to(last.seq)? {
            let fields = format!("ends_at={} {}", segment.hashed.seq - 1, signed());
            let what = "the journal ends before what was signed";
            return Err(NotaryError::contradiction(what, &segment.path, fields));
        }
        let now = segment.chain();
        if (now, segment.hashed.offset) != (last.head, last.segment_bytes) {
            let fields = format!("{} head={} now={}", signed(), hex(&last.head), hex(&now));
            let what = "the journal is not what was signed";
            return Err(NotaryError::contradiction(what, &segment.path, fields));
        }
        follower.current = Some(segment);
        Ok(follower)
    }

    /// The last record that is on the disk.
    pub(crate) fn place(&self) -> Option<Place> {
        self.current.as_ref().and_then(Segment::place)
    }

    /// Which journal it is, once one is begun.
    pub(crate) fn instance(&self) -> Option<[u8; 16]> {
        self.current.as_ref().map(|segment| segment.head.instance)
    }

    /// Whether the journal was closed and is hashed to its end.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Takes what has come since. The text is for the operator: something stands where the next
    /// record is due, and stays.
    ///
    /// # Errors
    /// Where a file cannot be read or the journal contradicts itself.
    pub(crate) fn advance(&mut self) -> Result<Option<String>, NotaryError> {
        if self.current.is_none() {
            let Some(found) = find(&self.folder, 1, None)? else { return Ok(None) };
            check_first(&found)?;
            self.current = Some(Segment::new(found, None)?);
        }
        loop {
            let Some(segment) = &mut self.current else { return Ok(None) };
            if segment.look_ahead()? {
                self.still = 0;
            } else {
                self.still += 1;
            }
            let next = match segment.seal {
                Some(seal) if seal.next_segment == 0 => {
                    // Nothing comes behind it that could vouch for it.
                    let synced = segment.file.sync_data();
                    synced.map_err(NotaryError::read("sync", &segment.path))?;
                    segment.vouched = segment.ahead.seq - 1;
                    self.ended = true;
                    None
                }
                Some(seal) => find(&self.folder, seal.next_segment, Some(segment.head.instance))?,
                None if self.still > 0 && self.still.is_multiple_of(STUCK_TURNS) => {
                    return self.stuck();
                }
                None => None,
            };
            if next.is_some() {
                segment.vouched = segment.ahead.seq - 1;
            }
            let vouched = segment.vouched;
            if vouched >= segment.hashed.seq && !segment.hash_to(vouched)? {
                let fields = format!("seq={} vouched={vouched}", segment.hashed.seq);
                let what = "a record that was on the disk is not there";
                return Err(NotaryError::contradiction(what, &segment.path, fields));
            }
            let Some(next) = next else { return Ok(None) };
            segment.check_next(&next)?;
            let before = segment.place();
            self.current = Some(Segment::new(next, before)?);
        }
    }

    /// No record came for a while, and no seal was read.
    fn stuck(&mut self) -> Result<Option<String>, NotaryError> {
        let Some(segment) = &mut self.current else { return Ok(None) };
        let next = segment.head.segment + 1;
        if find(&self.folder, next, Some(segment.head.instance))?.is_some() {
            // It may have been sealed since.
            if !segment.look_ahead()? {
                let fields = format!("seq={} byte={}", segment.ahead.seq, segment.ahead.offset);
                let what = "a segment ends without a seal, and the next one is begun";
                return Err(NotaryError::contradiction(what, &segment.path, fields));
            }
            self.still = 0;
        }
        let bytes = segment.view().head_at(segment.ahead.offset);
        let bytes = bytes.map_err(NotaryError::read("read", &segment.path))?;
        let first_time = self.still == STUCK_TURNS;
        let stands = bytes.iter().any(|byte| *byte != 0) && first_time;
        Ok(stands.then(|| {
            format!(
                "NOTE: no record where one is due: file={} byte={} seq={}; next: none if a start \
                 recovers the journal, else run `corelane audit`",
                segment.path.display(),
                segment.ahead.offset,
                segment.ahead.seq
            )
        }))
    }
}

impl Segment {
    fn new((path, file, head): Found, before: Option<Place>) -> Result<Self, NotaryError> {
        let mut bytes = [0; SEGMENT_HEAD];
        file.read_exact_at(&mut bytes, 0).map_err(NotaryError::read("read", &path))?;
        let mut hash = Sha256::new();
        hash.update(bytes);
        let start = Cursor { offset: SEGMENT_HEAD as u64, seq: head.first_seq };
        // The segment before it was synced before this head was written.
        let vouched = head.first_seq - 1;
        Ok(Self {
            path,
            file,
            head,
            before,
            ahead: start,
            hashed: start,
            hash,
            vouched,
            seal: None,
        })
    }

    fn view(&self) -> View<'_> {
        View::new(&self.file, &self.head)
    }

    fn chain(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// The last record that is hashed: of a segment of which none is, that of the one before it.
    fn place(&self) -> Option<Place> {
        if self.hashed.seq == self.head.first_seq {
            return self.before;
        }
        Some(Place {
            instance: self.head.instance,
            segment: self.head.segment,
            seq: self.hashed.seq - 1,
            segment_bytes: self.hashed.offset,
            head: self.chain(),
        })
    }

    /// Reads on for what vouches; whether a record came.
    fn look_ahead(&mut self) -> Result<bool, NotaryError> {
        let start = self.ahead;
        if self.seal.is_some() {
            return Ok(false);
        }
        let mut view = View::new(&self.file, &self.head);
        loop {
            let record = view.record(self.ahead.offset, self.ahead.seq);
            let Some(record) = record.map_err(NotaryError::read("read", &self.path))? else {
                return Ok(self.ahead.seq > start.seq);
            };
            self.ahead = Cursor {
                offset: self.ahead.offset + record.bytes.len() as u64,
                seq: self.ahead.seq + 1,
            };
            match record.kind {
                RecordKind::Synced => {
                    // What it names is before it; a head is hashed from the disk in any case.
                    let named = record.synced().min(self.ahead.seq - 2);
                    self.vouched = self.vouched.max(named);
                }
                RecordKind::Seal => {
                    self.seal = record.seal();
                    return Ok(true);
                }
                RecordKind::Frame | RecordKind::Open | RecordKind::Recovered => {}
            }
        }
    }

    /// Hashes up to a record; `false` where it is not there.
    fn hash_to(&mut self, seq: u64) -> Result<bool, NotaryError> {
        let mut view = View::new(&self.file, &self.head);
        let mut seal = None;
        while self.hashed.seq <= seq {
            let record = view.record(self.hashed.offset, self.hashed.seq);
            let Some(record) = record.map_err(NotaryError::read("read", &self.path))? else {
                return Ok(false);
            };
            self.hash.update(record.bytes);
            seal = (record.kind == RecordKind::Seal).then(|| record.seal()).flatten();
            self.hashed.offset += record.bytes.len() as u64;
            self.hashed.seq += 1;
        }
        // After a start, what was signed is hashed before it is looked at.
        if self.ahead.seq < self.hashed.seq {
            self.ahead = self.hashed;
            self.vouched = self.vouched.max(seq);
            self.seal = seal;
        }
        Ok(true)
    }

    /// Holds the following segment against this one.
    fn check_next(&self, (path, _, next): &Found) -> Result<(), NotaryError> {
        let due = self.hashed.seq;
        if next.prev_head == self.chain() && next.first_seq == due {
            return Ok(());
        }
        let fields = format!("segment={} first_seq={} due={due}", next.segment, next.first_seq);
        let what = "a segment does not follow the one before it";
        Err(NotaryError::contradiction(what, path, fields))
    }
}

fn check_first((path, _, head): &Found) -> Result<(), NotaryError> {
    let numbers = (head.first_seq, head.first_frame);
    if numbers == (1, 1) && head.prev_head == genesis(head.instance) {
        return Ok(());
    }
    let fields = format!("segment=1 first_seq={} first_frame={}", numbers.0, numbers.1);
    let what = "the first segment does not follow the genesis";
    Err(NotaryError::contradiction(what, path, fields))
}

/// A segment file with its head.
type Found = (PathBuf, File, JournalSegment);

/// The segment of a number, whatever its file's name; of this instance, where one is known.
fn find(
    folder: &Path,
    number: u64,
    instance: Option<[u8; 16]>,
) -> Result<Option<Found>, NotaryError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // The engine has not begun one yet.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(NotaryError::read("list", folder)(error)),
    };
    let mut found: Option<Found> = None;
    for entry in entries {
        let path = entry.map_err(NotaryError::read("list", folder))?.path();
        if path.extension().is_none_or(|extension| extension != "clj") {
            continue;
        }
        let file = match File::open(&path) {
            Ok(file) => file,
            // Renamed since it was listed: the next turn finds it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(NotaryError::read("open", &path)(error)),
        };
        let head = segment_head(&file).map_err(NotaryError::read("read", &path))?;
        let Some(head) = head.filter(|head| head.segment == number) else { continue };
        if instance.is_some_and(|instance| instance != head.instance) {
            let fields = format!("segment={number} instance={}", hex(&head.instance));
            let what = "a segment of another instance than was signed";
            return Err(NotaryError::contradiction(what, &path, fields));
        }
        if let Some((first, ..)) = &found {
            let fields = format!("segment={number} also={}", first.display());
            let what = "two segments of one number";
            return Err(NotaryError::contradiction(what, &path, fields));
        }
        found = Some((path, file, head));
    }
    Ok(found)
}
