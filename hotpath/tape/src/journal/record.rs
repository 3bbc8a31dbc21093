//! Segment heads and records as bytes: made here, checked here, and nowhere else in this crate.
//!
//! Must never: perform I/O, or read past what it was given.

use bytemuck::Zeroable as _;
use sha2::{Digest as _, Sha256};
use std::mem::{offset_of, size_of};
use wire::TsNs;
use wire::frame::MAX_FRAME_BYTES;
use wire::journal::{
    JOURNAL_VERSION, JournalRecord, JournalRecovered, JournalSeal, JournalSegment, JournalSynced,
    RECORD_MAGIC, RecordKind, SEGMENT_MAGIC,
};

/// Bytes of a segment's head.
pub const HEAD_BYTES: usize = size_of::<JournalSegment>();
/// Bytes of a record's head.
pub const RECORD_BYTES: usize = size_of::<JournalRecord>();
/// Bytes of the largest record.
pub const RECORD_MAX: usize = RECORD_BYTES + MAX_FRAME_BYTES;
const CRC_AT: usize = offset_of!(JournalSegment, crc32c);

/// One moment on both clocks, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Monotonic clock of the host.
    pub mono_ns: u64,
    /// Wall clock.
    pub utc_ns: u64,
}

/// Chain head of an instance before its first segment.
#[must_use]
pub fn genesis(instance: [u8; 16]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"corelane journal genesis");
    hash.update(instance);
    hash.finalize().into()
}

/// What a segment's head says that differs from segment to segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    /// The journal's instance.
    pub instance: [u8; 16],
    /// Number, from 1.
    pub segment: u64,
    /// Sequence of its first record.
    pub first_seq: u64,
    /// Number of its first frame.
    pub first_frame: u64,
    /// When it was begun.
    pub begun: Moment,
    /// Bytes the file was given.
    pub capacity_bytes: u64,
    /// Hash of every wire layout.
    pub schema_hash: u64,
    /// Session epoch.
    pub epoch: u64,
    /// Chain head after the segment before.
    pub prev_head: [u8; 32],
}

/// Why bytes are not what they should be.
pub type Bad = &'static str;

impl SegmentHead {
    /// The head as it lies on the disk.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEAD_BYTES] {
        let mut head = JournalSegment {
            magic: SEGMENT_MAGIC,
            version: u32::from(JOURNAL_VERSION),
            header_bytes: u32::try_from(HEAD_BYTES).unwrap_or(0),
            instance: self.instance,
            segment: self.segment,
            first_seq: self.first_seq,
            first_frame: self.first_frame,
            mono_ns: self.begun.mono_ns,
            utc_ns: TsNs(self.begun.utc_ns),
            capacity_bytes: self.capacity_bytes,
            schema_hash: self.schema_hash,
            epoch: self.epoch,
            prev_head: self.prev_head,
            ..JournalSegment::zeroed()
        };
        head.crc32c = crc_before(bytemuck::bytes_of(&head));
        bytemuck::cast(head)
    }

    /// Reads a head.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Bad> {
        let bytes = bytes.get(..HEAD_BYTES).ok_or("the file is shorter than a segment's head")?;
        let head: JournalSegment = bytemuck::pod_read_unaligned(bytes);
        if head.magic != SEGMENT_MAGIC {
            return Err("the first 8 bytes are not those of a segment");
        }
        if head.crc32c != crc_before(bytes) {
            return Err("the checksum of the segment's head does not fit");
        }
        if head.version != u32::from(JOURNAL_VERSION) {
            return Err("the segment has another journal version");
        }
        let zeros = head.reserved.iter().chain(&head.reserved_end).all(|byte| *byte == 0);
        if head.header_bytes as usize != HEAD_BYTES || !zeros {
            return Err("the segment's head is not as this version writes it");
        }
        Ok(Self {
            instance: head.instance,
            segment: head.segment,
            first_seq: head.first_seq,
            first_frame: head.first_frame,
            begun: Moment { mono_ns: head.mono_ns, utc_ns: head.utc_ns.get() },
            capacity_bytes: head.capacity_bytes,
            schema_hash: head.schema_hash,
            epoch: head.epoch,
            prev_head: head.prev_head,
        })
    }
}

fn crc_before(head: &[u8]) -> u32 {
    crc32c::crc32c(head.get(..CRC_AT).unwrap_or_default())
}

/// Appends a record to `out`.
///
/// # Panics
/// For a payload no record may have: the caller's bug.
pub fn encode(
    out: &mut Vec<u8>,
    kind: RecordKind,
    (instance, segment, seq): ([u8; 16], u64, u64),
    at: Moment,
    payload: &[u8],
) {
    assert!(
        payload.len().is_multiple_of(8) && payload.len() <= MAX_FRAME_BYTES,
        "length of a payload"
    );
    let mut head = JournalRecord {
        magic: RECORD_MAGIC,
        crc32c: 0,
        len_bytes: u32::try_from(payload.len()).unwrap_or(u32::MAX),
        version: JOURNAL_VERSION,
        kind: kind.code(),
        reserved: [0; 2],
        instance: first_half(instance),
        segment,
        seq,
        mono_ns: at.mono_ns,
        utc_ns: TsNs(at.utc_ns),
    };
    head.crc32c = crc32c::crc32c_append(crc32c::crc32c(bytemuck::bytes_of(&head)), payload);
    out.extend_from_slice(bytemuck::bytes_of(&head));
    out.extend_from_slice(payload);
}

fn first_half(instance: [u8; 16]) -> [u8; 8] {
    *instance.first_chunk().unwrap_or(&[0; 8])
}

/// A record, checked.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What it holds.
    pub kind: RecordKind,
    /// Its number.
    pub seq: u64,
    /// When it was written to the tape.
    pub at: Moment,
    /// What it holds, as bytes.
    pub payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record that `bytes` begin with: `seq` is the number due, `None` takes any.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &'a [u8], of: ([u8; 16], u64), seq: Option<u64>) -> Result<Self, Bad> {
        Self::read(bytes, of, seq, Checksum::Due)
    }

    fn read(
        bytes: &'a [u8],
        (instance, segment): ([u8; 16], u64),
        seq: Option<u64>,
        checksum: Checksum,
    ) -> Result<Self, Bad> {
        let head = bytes.get(..RECORD_BYTES).ok_or("the file ends inside a record's head")?;
        let mut head: JournalRecord = bytemuck::pod_read_unaligned(head);
        if head.magic != RECORD_MAGIC {
            return Err("no record begins here");
        }
        let len = head.len_bytes as usize;
        if len > MAX_FRAME_BYTES || !len.is_multiple_of(8) {
            return Err("the record's length is out of bounds");
        }
        let end = RECORD_BYTES + len;
        let payload = bytes.get(RECORD_BYTES..end).ok_or("the file ends inside a record")?;
        let crc32c = std::mem::take(&mut head.crc32c);
        let fits = || {
            let of_head = crc32c::crc32c(bytemuck::bytes_of(&head));
            crc32c == crc32c::crc32c_append(of_head, payload)
        };
        if checksum == Checksum::Due && !fits() {
            return Err("the record's checksum does not fit");
        }
        if head.version != JOURNAL_VERSION || head.reserved != [0; 2] {
            return Err("the record is not as this version writes it");
        }
        if head.instance != first_half(instance) {
            return Err("the record is of another journal");
        }
        if head.segment != segment {
            return Err("the record is of another segment");
        }
        if seq.is_some_and(|seq| seq != head.seq) {
            return Err("the record's number is not the next");
        }
        let kind = RecordKind::from_code(head.kind).ok_or("the record's kind is not known")?;
        let due = match kind {
            RecordKind::Synced => size_of::<JournalSynced>(),
            RecordKind::Seal => size_of::<JournalSeal>(),
            RecordKind::Recovered => size_of::<JournalRecovered>(),
            RecordKind::Frame | RecordKind::Open => len,
        };
        if len != due {
            return Err("the record's length is not the one its kind has");
        }
        let vouched = || bytemuck::try_pod_read_unaligned::<JournalSynced>(payload).ok();
        if kind == RecordKind::Synced && vouched().is_none_or(|synced| synced.seq >= head.seq) {
            return Err("the record vouches for what was not written before it");
        }
        let at = Moment { mono_ns: head.mono_ns, utc_ns: head.utc_ns.get() };
        Ok(Self { kind, seq: head.seq, at, payload })
    }

    /// Bytes it takes on the disk.
    #[must_use]
    pub fn bytes(&self) -> usize {
        RECORD_BYTES + self.payload.len()
    }

    /// The payload as a plain struct, where it has that length.
    #[must_use]
    pub fn payload_as<T: bytemuck::AnyBitPattern>(&self) -> Option<T> {
        bytemuck::try_pod_read_unaligned(self.payload).ok()
    }
}

/// What lies where the next record would begin.
#[derive(Debug)]
pub enum Step<'a> {
    /// A record.
    Record(Record<'a>),
    /// Zeros: nothing was written here.
    End,
    /// Neither.
    Bad(Bad),
}

/// Whether a record's checksum says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It is all there is.
    Due,
    /// The bytes are known to be the written ones: the chain's SHA-256 of all of them fits.
    Vouched,
}

/// Looks at what lies at the start of `bytes`.
#[must_use]
pub fn step(bytes: &[u8], of: ([u8; 16], u64), seq: u64) -> Step<'_> {
    step_with(bytes, of, seq, Checksum::Due)
}

/// As [`step`], for bytes whose checksums may be vouched for.
#[must_use]
pub fn step_with(bytes: &[u8], of: ([u8; 16], u64), seq: u64, checksum: Checksum) -> Step<'_> {
    let head = bytes.get(..RECORD_BYTES).unwrap_or(bytes);
    if head.iter().all(|byte| *byte == 0) {
        return Step::End;
    }
    match Record::read(bytes, of, Some(seq), checksum) {
        Ok(record) => Step::Record(record),
        Err(what) => Step::Bad(what),
    }
}
