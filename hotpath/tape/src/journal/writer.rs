//! Appends to a journal, batch by batch: encode, write at full length, sync.
//!
//! Must never: sync a batch whose writes are not whole, write anything after a write or a sync
//! failed, or write a segment's head before the segment before it is sealed and synced.

use super::record::{self, HEAD_BYTES, Moment, RECORD_BYTES, RECORD_MAX, SegmentHead};
use super::recover::Recovered;
use super::storage::Storage;
use super::{NEXT, segment_name};
use crate::error::TapeError;
use sha2::{Digest as _, Sha256};
use std::io::{self, ErrorKind::AlreadyExists};
use std::mem::size_of;
use std::path::{Path, PathBuf};
use wire::frame::{self, MAX_FRAME_BYTES};
use wire::journal::{JournalRecovered, JournalSeal, JournalSynced, RecordKind};

/// Bytes a seal takes; every segment keeps room for it.
const SEAL_BYTES: u64 = (RECORD_BYTES + size_of::<JournalSeal>()) as u64;
/// Smallest segment there can be: its head, the record of a recovery and a seal.
pub(super) const LEAST_SEGMENT_BYTES: u64 =
    (HEAD_BYTES + RECORD_BYTES + size_of::<JournalRecovered>()) as u64 + SEAL_BYTES;
/// Smallest segment that takes every frame: its head and a few of the largest records.
pub const MIN_SEGMENT_BYTES: u64 = (HEAD_BYTES + 4 * RECORD_MAX) as u64;

/// What a journal is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which journal it is: random, drawn once.
    pub instance: [u8; 16],
    /// Session epoch.
    pub epoch: u64,
    /// Bytes of a segment.
    pub segment_bytes: u64,
}

/// How far something has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Sequence of the last record.
    pub seq: u64,
    /// Number of the last frame.
    pub frame: u64,
}

/// A journal being written.
#[derive(Debug)]
pub struct JournalWriter<S> {
    storage: S,
    path: PathBuf,
    options: Options,
    segment: u64,
    name: String,
    /// Where the batch goes.
    offset: u64,
    /// Chain of the segment up to there.
    hash: Sha256,
    batch: Vec<u8>,
    /// Last record in the batch.
    given: Mark,
    written: Mark,
    synced: Mark,
    /// Sequence the last `synced` record names.
    announced: u64,
    has_next: bool,
    /// Failed, or ended in good order.
    has_ended: bool,
}

impl<S: Storage> JournalWriter<S> {
    /// Begins a journal in an empty folder; `about` is a JSON object that says what the session
    /// is. All of that is synced when it returns.
    ///
    /// # Errors
    /// [`TapeError::JournalFailed`].
    ///
    /// # Panics
    /// For an `about` longer than a frame or a segment.
    pub fn create(
        storage: S,
        path: &Path,
        options: Options,
        about: &str,
        at: Moment,
    ) -> Result<Self, TapeError> {
        assert!(about.len() <= MAX_FRAME_BYTES, "the opening record is no longer than a frame");
        let least = (HEAD_BYTES + RECORD_BYTES + about.len() + 8) as u64 + SEAL_BYTES;
        assert!(options.segment_bytes >= least, "the opening record fits a segment");
        let mut writer = Self {
            storage,
            path: path.to_path_buf(),
            options,
            segment: 0,
            name: String::new(),
            offset: 0,
            hash: Sha256::new(),
            batch: Vec::with_capacity(1 << 20),
            given: Mark::default(),
            written: Mark::default(),
            synced: Mark::default(),
            announced: 0,
            has_next: false,
            has_ended: false,
        };
        writer.begin_segment(record::genesis(options.instance), at)?;
        let mut padded = about.as_bytes().to_vec();
        padded.resize(padded.len().next_multiple_of(8), b' ');
        writer.encode(RecordKind::Open, at, &padded);
        writer.write()?;
        writer.sync()?;
        Ok(writer)
    }

    /// Goes on with a journal that was recovered: `from_tape` frames are about to follow.
    ///
    /// # Errors
    /// [`TapeError::JournalFailed`].
    pub fn resume(
        storage: S,
        path: &Path,
        recovered: Recovered,
        from_tape: u64,
        at: Moment,
    ) -> Result<Self, TapeError> {
        let mark = Mark { seq: recovered.seq, frame: recovered.frames };
        let mut writer = Self {
            storage,
            path: path.to_path_buf(),
            options: recovered.options,
            segment: recovered.segment,
            name: recovered.name,
            offset: recovered.offset,
            hash: recovered.hash,
            batch: Vec::with_capacity(1 << 20),
            given: mark,
            written: mark,
            synced: mark,
            announced: mark.seq,
            has_next: false,
            has_ended: false,
        };
        // What was read may have come from the page cache of a process that died before its sync.
        writer.try_sync("sync")?;
        if recovered.is_sealed {
            let head = writer.hash.clone().finalize().into();
            writer.begin_segment(head, at)?;
        }
        let payload =
            JournalRecovered { frames: mark.frame, cut_bytes: recovered.cut_bytes, from_tape };
        writer.make_room(RECORD_BYTES + size_of::<JournalRecovered>(), at)?;
        writer.encode(RecordKind::Recovered, at, bytemuck::bytes_of(&payload));
        Ok(writer)
    }

    /// Adds one frame to the batch; a full segment is written, synced and followed by the next.
    ///
    /// # Errors
    /// [`TapeError::BadFrame`] also for a frame longer than a segment (nothing was added),
    /// [`TapeError::JournalFailed`], [`TapeError::Failed`].
    pub fn push(&mut self, frame: &[u8], at: Moment) -> Result<(), TapeError> {
        let bad =
            |why| TapeError::BadFrame { path: self.path.clone(), record: self.given.seq, why };
        let header = frame::header(frame).map_err(bad)?;
        let fits = self.options.segment_bytes - SEAL_BYTES - HEAD_BYTES as u64;
        let bytes = RECORD_BYTES + frame.len();
        if header.len_bytes as usize != frame.len() || bytes as u64 > fits {
            return Err(bad(wire::DecodeError::BadLength));
        }
        if self.batch.is_empty() && self.announced < self.synced.seq {
            self.announce(at)?;
        }
        self.make_room(bytes, at)?;
        self.encode(RecordKind::Frame, at, frame);
        Ok(())
    }

    /// Writes the batch to its segment, at full length.
    ///
    /// # Errors
    /// [`TapeError::JournalFailed`]: the journal takes no more; [`TapeError::Failed`] later.
    pub fn write(&mut self) -> Result<Mark, TapeError> {
        self.usable()?;
        let mut rest = self.batch.as_slice();
        let mut offset = self.offset;
        while !rest.is_empty() {
            let written = match self.storage.write_at(&self.name, offset, rest) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                Err(error) => Err(error),
            };
            let count = match written {
                Ok(count) => count.min(rest.len()),
                Err(source) => return Err(self.fail("write", source)),
            };
            offset += count as u64;
            rest = rest.get(count..).unwrap_or_default();
        }
        self.hash.update(&self.batch);
        self.offset = offset;
        self.batch.clear();
        self.written = self.given;
        Ok(self.written)
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// [`TapeError::JournalFailed`]: nothing since the last success may be assumed there, and it
    /// is not tried again; [`TapeError::Failed`] later.
    pub fn sync(&mut self) -> Result<Mark, TapeError> {
        self.usable()?;
        if self.synced != self.written {
            self.try_sync("sync")?;
            self.synced = self.written;
        }
        Ok(self.synced)
    }

    /// Gives the next segment its room, unless it has it. A failure leaves the journal usable until
    /// this segment is full.
    ///
    /// # Errors
    /// What the system says.
    pub fn prepare_next(&mut self) -> io::Result<()> {
        if !self.has_next {
            self.storage.allocate(NEXT, self.options.segment_bytes)?;
            self.has_next = true;
        }
        Ok(())
    }

    /// Writes and syncs what is left, and ends the journal in good order: it takes no more.
    ///
    /// # Errors
    /// As [`JournalWriter::write`] and [`JournalWriter::sync`].
    pub fn finish(&mut self, at: Moment) -> Result<Mark, TapeError> {
        self.usable()?;
        self.seal(0, at)?;
        self.has_ended = true;
        // Room that was never used goes back; the journal is whole with or without it.
        let _ = self.storage.shrink(&self.name, self.offset);
        let _ = self.storage.remove(NEXT);
        Ok(self.synced)
    }

    /// Last record and frame whose bytes the operating system has.
    #[must_use]
    pub fn written(&self) -> Mark {
        self.written
    }

    /// Last record and frame on the disk.
    #[must_use]
    pub fn synced(&self) -> Mark {
        self.synced
    }

    /// Number of the segment being written.
    #[must_use]
    pub fn segment(&self) -> u64 {
        self.segment
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn batched(&self) -> usize {
        self.batch.len()
    }

    /// Whether the next segment has its room.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.has_next
    }

    /// The storage, for whoever looks at it afterwards.
    #[must_use]
    pub fn into_storage(self) -> S {
        self.storage
    }

    fn announce(&mut self, at: Moment) -> Result<(), TapeError> {
        self.make_room(RECORD_BYTES + size_of::<JournalSynced>(), at)?;
        let payload = JournalSynced { seq: self.synced.seq };
        self.encode(RecordKind::Synced, at, bytemuck::bytes_of(&payload));
        self.announced = self.synced.seq;
        Ok(())
    }

    fn encode(&mut self, kind: RecordKind, at: Moment, payload: &[u8]) {
        self.given.seq += 1;
        self.given.frame += u64::from(kind == RecordKind::Frame);
        let place = (self.options.instance, self.segment, self.given.seq);
        record::encode(&mut self.batch, kind, place, at, payload);
    }

    /// Makes room for a record of so many bytes: in this segment, or in the next.
    fn make_room(&mut self, bytes: usize, at: Moment) -> Result<(), TapeError> {
        self.usable()?;
        let end = self.offset + (self.batch.len() + bytes) as u64 + SEAL_BYTES;
        if end <= self.options.segment_bytes {
            return Ok(());
        }
        self.seal(self.segment + 1, at)?;
        let head = self.hash.clone().finalize().into();
        self.begin_segment(head, at)
    }

    /// Seals the segment. All before the seal is synced first, so that a seal vouches for it.
    fn seal(&mut self, next_segment: u64, at: Moment) -> Result<(), TapeError> {
        self.write()?;
        self.sync()?;
        let payload = JournalSeal { frames: self.given.frame, next_segment };
        self.encode(RecordKind::Seal, at, bytemuck::bytes_of(&payload));
        self.write()?;
        self.sync().map(drop)
    }

    /// Writes the head of the next segment and gives the file its name.
    fn begin_segment(&mut self, prev_head: [u8; 32], at: Moment) -> Result<(), TapeError> {
        if let Err(source) = self.prepare_next() {
            return Err(self.fail("allocate", source));
        }
        let head = SegmentHead {
            instance: self.options.instance,
            segment: self.segment + 1,
            first_seq: self.given.seq + 1,
            first_frame: self.given.frame + 1,
            begun: at,
            capacity_bytes: self.options.segment_bytes,
            schema_hash: wire::frame::schema_hash(),
            epoch: self.options.epoch,
            prev_head,
        };
        NEXT.clone_into(&mut self.name);
        self.offset = 0;
        self.hash = Sha256::new();
        self.batch.extend_from_slice(&head.to_bytes());
        self.write()?;
        self.try_sync("sync")?;
        let name = segment_name(head.segment);
        // Another segment may have the name, from whoever renamed it: it is not written over.
        let named = self.storage.segments().and_then(|names| {
            let is_free = !names.contains(&name);
            if is_free { self.storage.rename(NEXT, &name) } else { Err(AlreadyExists.into()) }
        });
        if let Err(source) = named {
            return Err(self.fail("rename", source));
        }
        self.name = name;
        self.segment = head.segment;
        self.has_next = false;
        self.announced = self.synced.seq;
        Ok(())
    }

    fn try_sync(&mut self, op: &'static str) -> Result<(), TapeError> {
        match self.storage.sync(&self.name) {
            Ok(()) => Ok(()),
            Err(source) => Err(self.fail(op, source)),
        }
    }

    fn usable(&self) -> Result<(), TapeError> {
        if self.has_ended { Err(TapeError::Failed { path: self.path.clone() }) } else { Ok(()) }
    }

    fn fail(&mut self, op: &'static str, source: io::Error) -> TapeError {
        self.has_ended = true;
        TapeError::JournalFailed { path: self.path.clone(), op, seq: self.synced.seq + 1, source }
    }
}
