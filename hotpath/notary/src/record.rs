//! Segment heads and records as the notary reads them, from JOURNAL.md and the wire structs.
//!
//! Must never: hand out a record that is not whole and in its place.

use bytemuck::pod_read_unaligned;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use wire::frame::MAX_FRAME_BYTES;
use wire::journal::{
    JOURNAL_VERSION, JournalRecord, JournalSeal, JournalSegment, JournalSynced, RECORD_MAGIC,
    RecordKind, SEGMENT_MAGIC,
};

/// Bytes of a segment's head.
pub(crate) const SEGMENT_HEAD: usize = size_of::<JournalSegment>();
/// Bytes of a record's head.
const RECORD_HEAD: usize = size_of::<JournalRecord>();
/// Bytes of the longest record.
const RECORD_MAX: usize = RECORD_HEAD + MAX_FRAME_BYTES;
/// Bytes read at a time.
const PIECE: usize = 256 << 10;
/// No journal counts so far.
const NUMBER_MAX: u64 = 1 << 62;

/// The whole head of a segment file, if it has one.
pub(crate) fn segment_head(file: &File) -> io::Result<Option<JournalSegment>> {
    let mut bytes = [0; SEGMENT_HEAD];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let head: JournalSegment = pod_read_unaligned(&bytes);
    let crc = crc32c::crc32c(&bytes[..std::mem::offset_of!(JournalSegment, crc32c)]);
    let numbers = [head.segment, head.first_seq, head.first_frame];
    let whole = head.magic == SEGMENT_MAGIC
        && head.crc32c == crc
        && head.version == u32::from(JOURNAL_VERSION)
        && usize::try_from(head.header_bytes) == Ok(SEGMENT_HEAD)
        && numbers.iter().all(|number| (1..NUMBER_MAX).contains(number));
    Ok(whole.then_some(head))
}

/// The head of the chain before an instance's first segment.
pub(crate) fn genesis(instance: [u8; 16]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"corelane journal genesis");
    hash.update(instance);
    hash.finalize().into()
}

/// A whole record in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// What it holds.
    pub(crate) kind: RecordKind,
    /// Head and payload.
    pub(crate) bytes: &'a [u8],
}

impl Record<'_> {
    /// The sequence a synced record names; 0 where it is none.
    pub(crate) fn synced(&self) -> u64 {
        let payload = &self.bytes[RECORD_HEAD..];
        let is = payload.len() == size_of::<JournalSynced>();
        if is { pod_read_unaligned::<JournalSynced>(payload).seq } else { 0 }
    }

    /// A seal's payload.
    pub(crate) fn seal(&self) -> Option<JournalSeal> {
        let payload = &self.bytes[RECORD_HEAD..];
        (payload.len() == size_of::<JournalSeal>()).then(|| pod_read_unaligned(payload))
    }
}

/// Reads a segment from front to back.
#[derive(Debug)]
pub(crate) struct View<'a> {
    file: &'a File,
    head: &'a JournalSegment,
    buffer: Vec<u8>,
    start: u64,
}

impl<'a> View<'a> {
    /// A view that has read nothing.
    pub(crate) fn new(file: &'a File, head: &'a JournalSegment) -> Self {
        Self { file, head, buffer: Vec::new(), start: 0 }
    }

    /// The bytes of a record's head, fewer at the end of the file.
    pub(crate) fn head_at(&self, offset: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; RECORD_HEAD];
        let count = self.file.read_at(&mut bytes, offset)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// The record with this sequence, if it stands whole at this place.
    pub(crate) fn record(&mut self, offset: u64, seq: u64) -> io::Result<Option<Record<'_>>> {
        let from = offset.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let from = from.filter(|from| self.buffer.len().saturating_sub(*from) >= RECORD_MAX);
        let from = match from {
            Some(from) => from,
            // Mostly there is nothing yet: the head alone tells.
            None if !self.begins(&self.head_at(offset)?, seq) => return Ok(None),
            None => {
                self.fill(offset)?;
                0
            }
        };
        let bytes = &self.buffer[from..];
        if !self.begins(bytes, seq) {
            return Ok(None);
        }
        Ok(whole(bytes))
    }

    /// Whether a head with this sequence and of this segment stands there.
    fn begins(&self, bytes: &[u8], seq: u64) -> bool {
        let Some(bytes) = bytes.get(..RECORD_HEAD) else { return false };
        let head: JournalRecord = pod_read_unaligned(bytes);
        head.magic == RECORD_MAGIC
            && head.version == JOURNAL_VERSION
            && head.instance == self.head.instance[..8]
            && head.segment == self.head.segment
            && head.seq == seq
    }

    fn fill(&mut self, offset: u64) -> io::Result<()> {
        self.buffer.resize(PIECE + RECORD_MAX, 0);
        self.start = offset;
        let mut filled = 0;
        while filled < self.buffer.len() {
            match self.file.read_at(&mut self.buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}

fn whole(bytes: &[u8]) -> Option<Record<'_>> {
    let mut head: JournalRecord = pod_read_unaligned(bytes.get(..RECORD_HEAD)?);
    let kind = RecordKind::from_code(head.kind)?;
    let len = usize::try_from(head.len_bytes).ok()?;
    if !len.is_multiple_of(8) || len > MAX_FRAME_BYTES {
        return None;
    }
    let bytes = bytes.get(..RECORD_HEAD + len)?;
    let crc = std::mem::take(&mut head.crc32c);
    let sum = crc32c::crc32c(bytemuck::bytes_of(&head));
    let fits = crc32c::crc32c_append(sum, &bytes[RECORD_HEAD..]) == crc;
    fits.then_some(Record { kind, bytes })
}
