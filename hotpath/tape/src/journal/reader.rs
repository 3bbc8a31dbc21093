//! Hands out the frames of a journal, whose segments threads read and hash ahead ([`ahead`]).
//!
//! Checks what recovery checks of the part it reads, and the chain; where the chain fits a whole
//! segment, its records' own checksums add nothing and are not computed. Takes no lock, so it may
//! read while a station writes. Must never: change a file, or hand out a frame that is not whole.

mod ahead;

use super::is_segment_name;
use super::record::{Checksum, HEAD_BYTES, Moment, SegmentHead, Step, genesis, step, step_with};
use super::storage::Storage;
use crate::error::TapeError;
use ahead::{Ahead, Loaded};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use wire::journal::{JournalSeal, RecordKind};

/// How a journal ends, for one who reads it to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Not there yet.
    #[default]
    Reading,
    /// Sealed in good order.
    Closed,
    /// It stops without a seal: its writer goes on, or was killed.
    Open,
    /// Bytes that are no record follow: its writer is inside a write, or was killed there.
    Torn(&'static str),
}

/// Reads a journal.
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    segments: Vec<(PathBuf, SegmentHead)>,
    /// The segments' bytes where they are in memory, in the same order.
    memory: Option<Vec<Loaded>>,
    current: usize,
    ahead: Ahead,
    /// The current one.
    loaded: Loaded,
    checksum: Checksum,
    offset: usize,
    seq: u64,
    frames: u64,
    about: String,
    ending: Ending,
}

/// One frame of a journal.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its number, from 1.
    pub frame_number: u64,
    /// The number of its record, from 1.
    pub seq: u64,
    /// The segment it stands in.
    pub segment: u64,
    /// When it was written to the tape.
    pub at: Moment,
    /// The frame, aligned to 8 bytes.
    pub frame: &'a [u8],
    /// The segment it stands in, up to the end of the frame before; its head alone before its first.
    pub before: &'a [u8],
}

impl JournalReader {
    /// Opens the journal in a folder.
    ///
    /// # Errors
    /// [`TapeError::NotAJournal`], [`TapeError::JournalDamaged`], [`TapeError::Io`].
    pub fn open(path: &Path) -> Result<Self, TapeError> {
        let io = |source| TapeError::Io { op: "read", path: path.to_path_buf(), source };
        let is_one = |file: &PathBuf| {
            file.file_name().is_some_and(|name| is_segment_name(&name.to_string_lossy()))
        };
        let entries = std::fs::read_dir(path).map_err(io)?;
        let files = entries.map(|entry| Ok(entry.map_err(io)?.path()));
        let mut files: Vec<PathBuf> = files.collect::<Result<_, TapeError>>()?;
        files.retain(is_one);
        // Of two that are wrong the folder's own order must not say which is told.
        files.sort_unstable();
        let mut segments = Vec::new();
        for file in files {
            // A file that ends before its head does is told from one whose head ends in zeros.
            let mut bytes = Vec::with_capacity(HEAD_BYTES);
            let opened = File::open(&file).map_err(io)?;
            opened.take(HEAD_BYTES as u64).read_to_end(&mut bytes).map_err(io)?;
            let damage = |what| damaged(path, &file, (0, 0), what);
            let head = SegmentHead::parse(&bytes).map_err(damage)?;
            segments.push((file, head));
        }
        segments.sort_by_key(|(_, head)| head.segment);
        Self::begin(path, segments, None)
    }

    /// Opens a journal of any storage; its segments are read at once and kept. `path` stands in
    /// errors.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn open_in(storage: &mut impl Storage, path: &Path) -> Result<Self, TapeError> {
        let io = |source| TapeError::Io { op: "read", path: path.to_path_buf(), source };
        let mut segments = Vec::new();
        for name in storage.segments().map_err(io)? {
            let bytes = storage.read(&name).map_err(io)?;
            let file = path.join(name);
            let damage = |what| damaged(path, &file, (0, 0), what);
            let head = SegmentHead::parse(&bytes).map_err(damage)?;
            segments.push(((file, head), bytes));
        }
        segments.sort_by_key(|((_, head), _)| head.segment);
        let last = segments.len().saturating_sub(1);
        let (segments, bytes): (Vec<_>, Vec<_>) = segments.into_iter().unzip();
        let loaded = bytes.iter().enumerate().map(|(index, bytes)| Loaded::of(bytes, index < last));
        Self::begin(path, segments, Some(loaded.collect()))
    }

    /// At the first record of its segments, which are in order.
    fn begin(
        path: &Path,
        segments: Vec<(PathBuf, SegmentHead)>,
        memory: Option<Vec<Loaded>>,
    ) -> Result<Self, TapeError> {
        if segments.is_empty() {
            return Err(TapeError::NotAJournal { path: path.to_path_buf() });
        }
        let mut reader = Self {
            path: path.to_path_buf(),
            segments,
            memory,
            current: 0,
            ahead: Ahead::of_memory(&[]),
            loaded: Loaded::default(),
            checksum: Checksum::Due,
            offset: 0,
            seq: 0,
            frames: 0,
            about: String::new(),
            ending: Ending::Reading,
        };
        reader.ahead = reader.ahead_of(0);
        reader.load(None)?;
        let about = reader.bytes().get(reader.offset..).map(|rest| step(rest, reader.of(), 1));
        if let Some(Step::Record(record)) = about
            && record.kind == RecordKind::Open
        {
            reader.about = String::from_utf8_lossy(record.payload).trim_end().to_owned();
        }
        Ok(reader)
    }

    /// Segments from one on, as they are ready.
    fn ahead_of(&self, index: usize) -> Ahead {
        let files = self.segments.iter().skip(index).map(|(file, _)| file.clone());
        let kept = self.memory.as_deref().and_then(|memory| memory.get(index..));
        kept.map_or_else(|| Ahead::of_files(&files.collect::<Vec<_>>()), Ahead::of_memory)
    }

    /// What the session said of itself when it began: a JSON object.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.about
    }

    /// The journal's instance and session epoch.
    #[must_use]
    pub fn identity(&self) -> ([u8; 16], u64) {
        self.segments.first().map_or(([0; 16], 0), |(_, head)| (head.instance, head.epoch))
    }

    /// The heads of the segments, in order, as they were when it was opened.
    pub fn heads(&self) -> impl Iterator<Item = &SegmentHead> {
        self.segments.iter().map(|(_, head)| head)
    }

    /// Goes on at the beginning of a segment. Of those between only the heads are looked at: that none
    /// is missing and each begins after the one before. What their records and the chain say stays
    /// unread: whoever skips them must know by other means what they held.
    ///
    /// # Errors
    /// [`TapeError::JournalDamaged`], [`TapeError::JournalLayouts`], [`TapeError::Io`]; for a segment
    /// that is not there or lies behind as for a damaged journal.
    pub fn skip_to(&mut self, segment: u64) -> Result<(), TapeError> {
        let heads: Vec<SegmentHead> = self.heads().copied().collect();
        let index = heads.iter().position(|head| head.segment == segment);
        let Some(index) = index.filter(|index| *index >= self.current) else {
            return Err(self.damaged("the segment to go on at is missing, or was read already"));
        };
        let follows = |pair: &[SegmentHead]| match pair {
            [one, next] => {
                let is_next = Some(next.segment) == one.segment.checked_add(1);
                is_next && next.first_seq > one.first_seq && next.first_frame >= one.first_frame
            }
            _ => true,
        };
        let whole = heads.get(..=index).unwrap_or_default();
        if whole.first().is_some_and(|head| head.segment != 1) || !whole.windows(2).all(follows) {
            return Err(self.damaged("a segment is missing, twice there, or of another journal"));
        }
        let Some(head) = heads.get(index) else { return Ok(()) };
        self.ahead = self.ahead_of(index);
        self.current = index;
        (self.seq, self.frames) =
            (head.first_seq.saturating_sub(1), head.first_frame.saturating_sub(1));
        self.ending = Ending::Reading;
        let chain = head.prev_head;
        self.load(Some(chain))
    }

    /// Records and frames read so far.
    #[must_use]
    pub fn read_so_far(&self) -> (u64, u64) {
        (self.seq, self.frames)
    }

    /// SHA-256 of the segment up to the end of the frame read last, or of its head alone: as
    /// [`Entry::before`] of the next frame, where that stands in the same segment.
    #[must_use]
    pub fn chain_here(&self) -> [u8; 32] {
        Sha256::digest(self.bytes().get(..self.offset).unwrap_or_default()).into()
    }

    /// How it ends, once [`JournalReader::next_frame`] has given `None`.
    #[must_use]
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// What a reader who expects a whole session finds wrong with the end; nothing before the end is
    /// reached.
    #[must_use]
    pub fn fault_at_end(&self) -> Option<TapeError> {
        match self.ending {
            Ending::Reading | Ending::Closed => None,
            Ending::Open | Ending::Torn(_) => Some(TapeError::Truncated {
                path: self.segments.get(self.current).map(|(f, _)| f.clone()).unwrap_or_default(),
                offset: self.offset as u64,
                frames: self.frames,
            }),
        }
    }

    /// The next frame; `None` at the end of what is whole.
    ///
    /// # Errors
    /// [`TapeError::JournalDamaged`] inside or between segments that others follow,
    /// [`TapeError::Io`].
    pub fn next_frame(&mut self) -> Result<Option<Entry<'_>>, TapeError> {
        let mut before = self.offset;
        loop {
            if self.ending != Ending::Reading {
                return Ok(None);
            }
            let is_last = self.current + 1 == self.segments.len();
            let rest = self.bytes().get(self.offset..).unwrap_or_default();
            let record = match step_with(rest, self.of(), self.seq + 1, self.checksum) {
                Step::Record(record) => record,
                Step::End if is_last => {
                    self.ending = Ending::Open;
                    continue;
                }
                Step::Bad(what) if is_last => {
                    self.ending = Ending::Torn(what);
                    continue;
                }
                Step::End => return Err(self.damaged("the segment ends without its seal")),
                Step::Bad(what) => return Err(self.damaged(what)),
            };
            let (kind, bytes, at) = (record.kind, record.bytes(), record.at);
            let payload = self.offset + bytes - record.payload.len()..self.offset + bytes;
            let next_segment = record.payload_as::<JournalSeal>().map_or(0, |s| s.next_segment);
            self.seq = record.seq;
            self.offset += bytes;
            match kind {
                RecordKind::Frame => {
                    self.frames += 1;
                    let (frame_number, seq) = (self.frames, self.seq);
                    let (_, segment) = self.of();
                    let frame = self.bytes().get(payload).unwrap_or_default();
                    let before = self.bytes().get(..before).unwrap_or_default();
                    return Ok(Some(Entry { frame_number, seq, segment, at, frame, before }));
                }
                RecordKind::Seal if next_segment == 0 => self.ending = Ending::Closed,
                RecordKind::Seal if is_last => self.ending = Ending::Open,
                RecordKind::Seal => {
                    let hashed = self.loaded.chain.filter(|_| self.offset == self.loaded.end());
                    let chain = hashed.unwrap_or_else(|| self.chain_here());
                    self.current += 1;
                    self.load(Some(chain))?;
                    before = self.offset;
                }
                RecordKind::Open | RecordKind::Synced | RecordKind::Recovered => {}
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        self.loaded.bytes()
    }

    fn of(&self) -> ([u8; 16], u64) {
        let head = self.segments.get(self.current).map(|(_, head)| head);
        head.map_or(([0; 16], 0), |head| (head.instance, head.segment))
    }

    fn damaged(&self, what: &'static str) -> TapeError {
        let file =
            self.segments.get(self.current).map(|(file, _)| file.clone()).unwrap_or_default();
        damaged(&self.path, &file, (self.seq + 1, self.offset), what)
    }

    /// Reads the current segment; `chain` is the head after the one before.
    fn load(&mut self, chain: Option<[u8; 32]>) -> Result<(), TapeError> {
        self.offset = 0;
        let Some((file, head)) = self.segments.get(self.current) else { return Ok(()) };
        // Each for itself: another build may have taken the journal up again.
        if head.schema_hash != wire::frame::schema_hash() {
            return Err(TapeError::JournalLayouts { path: self.path.clone() });
        }
        let io = |source| TapeError::Io { op: "read", path: file.clone(), source };
        self.ahead.next(&mut self.loaded).map_err(io)?;
        let next = self.segments.get(self.current + 1).map(|(_, next)| next.prev_head);
        let vouched = next.is_some() && self.loaded.chain == next;
        self.checksum = if vouched { Checksum::Vouched } else { Checksum::Due };
        let first = self.segments.first().map_or(head, |(_, first)| first);
        let due = self.current as u64 + 1;
        let chain = chain.unwrap_or_else(|| genesis(first.instance));
        if head.segment != due || head.instance != first.instance {
            return Err(self.damaged("a segment is missing, twice there, or of another journal"));
        }
        if head.first_seq != self.seq + 1 || head.first_frame != self.frames + 1 {
            return Err(self.damaged("the segment does not begin where the one before ended"));
        }
        if head.prev_head != chain {
            return Err(self.damaged("the chain is broken at the segment's head"));
        }
        self.offset = HEAD_BYTES;
        Ok(())
    }
}

fn damaged(path: &Path, file: &Path, (seq, offset): (u64, usize), what: &'static str) -> TapeError {
    TapeError::JournalDamaged {
        path: path.to_path_buf(),
        seq,
        file: file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        offset: offset as u64,
        what,
        watermark: seq,
    }
}
