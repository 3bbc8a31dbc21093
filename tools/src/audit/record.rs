//! What a whole record and a whole segment head are, byte by byte, whatever stands round them.
//!
//! Written from JOURNAL.md and the wire structs. Must never: allocate, or trust a length before
//! it is checked.

use bytemuck::pod_read_unaligned;
use sha2::{Digest as _, Sha256};
use wire::frame::MAX_FRAME_BYTES;
use wire::journal::{
    JOURNAL_VERSION, JournalRecord, JournalSeal, JournalSegment, JournalSynced, RECORD_MAGIC,
    RecordKind, SEGMENT_MAGIC,
};

/// Bytes of a segment's head.
pub(crate) const SEGMENT_HEAD: usize = size_of::<JournalSegment>();
/// Bytes of a record's head.
pub(crate) const RECORD_HEAD: usize = size_of::<JournalRecord>();
/// Bytes of the longest record.
pub(crate) const RECORD_MAX: usize = RECORD_HEAD + MAX_FRAME_BYTES;
/// No journal counts so far; what is added to a number below it cannot run over.
const NUMBER_MAX: u64 = 1 << 62;
/// Where a segment head's CRC stands; it covers the bytes before.
const SEGMENT_CRC: usize = 248;
/// Bytes of a record before what its CRC covers as it stands: the magic and the CRC.
const RECORD_CRC_END: usize = 8;

/// A record that is whole by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// Its head.
    pub(crate) head: JournalRecord,
    /// What it holds.
    pub(crate) kind: RecordKind,
    /// Its payload.
    pub(crate) payload: &'a [u8],
}

impl Record<'_> {
    /// Bytes it takes in the file.
    pub(crate) fn len(&self) -> usize {
        RECORD_HEAD + self.payload.len()
    }

    /// The payload of a synced record.
    pub(crate) fn synced(&self) -> Option<JournalSynced> {
        let is = self.kind == RecordKind::Synced && self.payload.len() == 8;
        is.then(|| pod_read_unaligned(self.payload))
    }

    /// The payload of a seal.
    pub(crate) fn seal(&self) -> Option<JournalSeal> {
        let is = self.kind == RecordKind::Seal && self.payload.len() == 16;
        is.then(|| pod_read_unaligned(self.payload))
    }

    /// The highest sequence it shows to be on the disk.
    pub(crate) fn vouches(&self) -> u64 {
        match (self.synced(), self.seal()) {
            (Some(synced), _) => synced.seq,
            // What a seal ends is synced before it is written.
            (_, Some(_)) => self.head.seq.saturating_sub(1),
            _ => 0,
        }
    }
}

/// The whole record at the start of `bytes`: magic, version, kind, length, zeros and CRC are right.
pub(crate) fn whole(bytes: &[u8]) -> Option<Record<'_>> {
    let head: JournalRecord = pod_read_unaligned(bytes.get(..RECORD_HEAD)?);
    let kind = RecordKind::from_code(head.kind)?;
    let len = usize::try_from(head.len_bytes).ok()?;
    let fits = head.magic == RECORD_MAGIC
        && head.version == JOURNAL_VERSION
        && head.reserved == [0; 2]
        && len.is_multiple_of(8)
        && len <= MAX_FRAME_BYTES;
    if !fits {
        return None;
    }
    let bytes = bytes.get(..RECORD_HEAD + len)?;
    let mut start = [0; RECORD_CRC_END];
    start[..4].copy_from_slice(&RECORD_MAGIC.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&start), &bytes[RECORD_CRC_END..]);
    let payload = &bytes[RECORD_HEAD..];
    (crc == head.crc32c).then_some(Record { head, kind, payload })
}

/// What the first bytes of a segment file are.
#[derive(Clone, Debug)]
pub(crate) enum Head {
    /// Zeros, or nothing: allocated, not begun.
    Unbegun,
    /// A head of this version, whole.
    Whole(Box<JournalSegment>),
    /// A whole head of another version.
    Version(u32),
    /// Something else.
    Damaged,
}

/// Reads a segment's head.
pub(crate) fn segment_head(bytes: &[u8]) -> Head {
    if bytes.iter().all(|byte| *byte == 0) {
        return Head::Unbegun;
    }
    let Some(bytes) = bytes.get(..SEGMENT_HEAD) else { return Head::Damaged };
    let head: JournalSegment = pod_read_unaligned(bytes);
    if head.magic != SEGMENT_MAGIC || crc32c::crc32c(&bytes[..SEGMENT_CRC]) != head.crc32c {
        return Head::Damaged;
    }
    if head.version != u32::from(JOURNAL_VERSION) {
        return Head::Version(head.version);
    }
    let size = usize::try_from(head.header_bytes) == Ok(SEGMENT_HEAD);
    let zeros = head.reserved == [0; 120] && head.reserved_end == [0; 4];
    let numbers = [head.segment, head.first_seq, head.first_frame];
    let numbered = numbers.iter().all(|number| (1..NUMBER_MAX).contains(number));
    if size && zeros && numbered { Head::Whole(Box::new(head)) } else { Head::Damaged }
}

/// The head of the chain before an instance's first segment.
pub(crate) fn genesis(instance: [u8; 16]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"corelane journal genesis");
    hash.update(instance);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heads_are_where_the_layouts_say() {
        let crc = JournalSegment::LAYOUT.fields.iter().find(|field| field.name == "crc32c");
        assert_eq!(crc.map(|field| field.offset), Some(SEGMENT_CRC));
        let crc = JournalRecord::LAYOUT.fields.iter().find(|field| field.name == "crc32c");
        assert_eq!(crc.map(|field| field.offset + field.size), Some(RECORD_CRC_END));
    }

    #[test]
    fn nothing_and_zeros_are_no_head_and_no_record() {
        assert!(matches!(segment_head(&[]), Head::Unbegun));
        assert!(matches!(segment_head(&[0; SEGMENT_HEAD]), Head::Unbegun));
        assert!(matches!(segment_head(&[1; SEGMENT_HEAD]), Head::Damaged));
        assert!(matches!(segment_head(&[1; 8]), Head::Damaged));
        assert!(whole(&[0; RECORD_HEAD]).is_none());
        assert!(whole(&[]).is_none());
    }
}
