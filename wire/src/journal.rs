//! The journal's segments and records, the notary's checkpoints, and snapshots, as they lie on disk.
//!
//! A segment file is a [`JournalSegment`] and then records: a [`JournalRecord`] head and a payload.
//! Heads stand on disk beside frames, never on a socket. How they chain, and what a reader does
//! with damage, is in `hotpath/tape/JOURNAL.md`.

use crate::layout::{wire_code, wire_struct};
use crate::units::TsNs;

/// First eight bytes of a segment file.
pub const SEGMENT_MAGIC: u64 = u64::from_le_bytes(*b"CLJSEG1\n");
/// First four bytes of a record.
pub const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"CLR1");
/// First eight bytes of a checkpoint.
pub const CHECKPOINT_MAGIC: u64 = u64::from_le_bytes(*b"CLCHKPT1");
/// First eight bytes of a snapshot.
pub const SNAPSHOT_MAGIC: u64 = u64::from_le_bytes(*b"CLSNAP1\n");
/// Version of the journal's layouts.
pub const JOURNAL_VERSION: u8 = 1;

wire_code! {
    /// What a journal record holds.
    RecordKind: u8 {
        /// One input or output frame of the engine, as it was on the tape.
        Frame = 1, "frame";
        /// What the session is, as a JSON object padded with spaces; the first record.
        Open = 2, "open";
        /// A [`JournalSynced`]: everything up to there is on the disk.
        Synced = 3, "synced";
        /// A [`JournalSeal`]: the last record of a segment.
        Seal = 4, "seal";
        /// A [`JournalRecovered`]: a later start went on where a killed one had stopped.
        Recovered = 5, "recovered";
    }
}

wire_struct! {
    /// Head of a segment file.
    JournalSegment, size = 256 {
        /// `CLJSEG1` and a line feed.
        magic: u64,
        /// 1.
        version: u32,
        /// Bytes of this head: 256.
        header_bytes: u32,
        /// Random, drawn once a session: which journal the segment belongs to.
        instance: [u8; 16],
        /// Number of the segment, from 1.
        segment: u64,
        /// Sequence of its first record.
        first_seq: u64,
        /// Number its first frame has among all frames of the journal, from 1.
        first_frame: u64,
        /// When it was begun, monotonic clock of the host, nanoseconds.
        mono_ns: u64,
        /// When it was begun, wall clock.
        utc_ns: TsNs,
        /// Bytes the file was given before its first record.
        capacity_bytes: u64,
        /// Hash of every wire layout.
        schema_hash: u64,
        /// Session epoch: upper half of every client order id.
        epoch: u64,
        /// Chain head after the segment before; of the first, the genesis of the instance.
        prev_head: [u8; 32],
        /// Zero.
        reserved: [u8; 120],
        /// CRC-32C of the bytes before this field.
        crc32c: u32,
        /// Zero.
        reserved_end: [u8; 4],
    }
}

wire_struct! {
    /// Head of a record; the payload follows.
    JournalRecord, size = 56 {
        /// `CLR1`.
        magic: u32,
        /// CRC-32C of this head with a zero in this place, and of the payload.
        crc32c: u32,
        /// Bytes of payload, a multiple of 8, at most the largest frame.
        len_bytes: u32,
        /// 1.
        version: u8,
        /// [`RecordKind`].
        kind: u8,
        /// Zero.
        reserved: [u8; 2],
        /// First half of the instance.
        instance: [u8; 8],
        /// Number of the segment it stands in.
        segment: u64,
        /// Its number among all records of the journal, from 1, without a hole.
        seq: u64,
        /// When the loop wrote it to the tape, monotonic clock of the host, nanoseconds; of the
        /// journal's own records, when they were written.
        mono_ns: u64,
        /// The same moment by the wall clock.
        utc_ns: TsNs,
    }
}

wire_struct! {
    /// Payload of a synced record.
    JournalSynced, size = 8 {
        /// Every record up to this sequence was on the disk when this one was written.
        seq: u64,
    }
}

wire_struct! {
    /// Payload of a seal.
    JournalSeal, size = 16 {
        /// Frames in the journal up to here.
        frames: u64,
        /// Number of the segment that follows; 0 where the journal ends here in good order.
        next_segment: u64,
    }
}

wire_struct! {
    /// Payload of a recovered record.
    JournalRecovered, size = 24 {
        /// Frames the journal held when it was opened again.
        frames: u64,
        /// Bytes that were cut from its end and kept aside.
        cut_bytes: u64,
        /// Frames the tape gave back; they follow.
        from_tape: u64,
    }
}

wire_struct! {
    /// What the notary signs: so many records, this chain head.
    JournalCheckpoint, size = 208 {
        /// `CLCHKPT1`.
        magic: u64,
        /// The journal's instance.
        instance: [u8; 16],
        /// Number of the checkpoint, from 1, without a hole.
        number: u64,
        /// Segment the last covered record stands in.
        segment: u64,
        /// Sequence of the last covered record: the journal's size in records.
        seq: u64,
        /// Bytes of the segment up to the end of that record.
        segment_bytes: u64,
        /// Chain head after that record.
        head: [u8; 32],
        /// When it was signed, wall clock.
        utc_ns: TsNs,
        /// SHA-256 of the checkpoint before, signature included; zeros before the first.
        prev_checkpoint: [u8; 32],
        /// First eight bytes of the SHA-256 of the public key.
        key_id: [u8; 8],
        /// Zero.
        reserved: [u8; 8],
        /// Ed25519 over the bytes before this field.
        signature: [u8; 64],
    }
}

wire_struct! {
    /// Head of a snapshot: the engine's whole state after a frame of the journal. The state's words
    /// follow, 8 bytes each, little-endian, in the order in which the engine feeds them to its state
    /// hash; nothing follows them.
    JournalSnapshot, size = 160 {
        /// `CLSNAP1` and a line feed.
        magic: u64,
        /// 1.
        version: u32,
        /// Bytes of this head: 160.
        header_bytes: u32,
        /// The journal's instance.
        instance: [u8; 16],
        /// Segment at whose end it was taken.
        segment: u64,
        /// Sequence of the record it stands after.
        seq: u64,
        /// Number of the frame it stands after.
        frame: u64,
        /// Segment the next frame stands in: from there the journal is read.
        tail_segment: u64,
        /// SHA-256 of that segment up to the end of the frame it stands after, of its head alone where
        /// that frame stands before it: the history the state came from.
        tail_head: [u8; 32],
        /// First eight bytes of the SHA-256 of the effective configuration, as in the session start.
        config_hash: u64,
        /// Hash of every wire layout.
        schema_hash: u64,
        /// The engine's state hash.
        state_hash: u64,
        /// Words that follow.
        words: u64,
        /// Zero.
        reserved: [u8; 28],
        /// CRC-32C of the bytes before this field, and of the words.
        crc32c: u32,
    }
}
