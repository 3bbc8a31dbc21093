//! Journals for tests and benches, made from JOURNAL.md and the wire structs alone.
//!
//! Owns nothing of the station: not the writer's code, not the audit's. A [`Journal`] is records in
//! memory that can be changed one by one; [`Journal::refit`] is the careful attacker, who puts
//! every number, count, CRC and chain head right again. Tests only.
#![allow(dead_code, reason = "each user takes a part")]

use bytemuck::{Zeroable, bytes_of};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wire::TsNs;
use wire::journal::{
    CHECKPOINT_MAGIC, JOURNAL_VERSION, JournalCheckpoint, JournalRecord, JournalSeal,
    JournalSegment, RECORD_MAGIC, RecordKind, SEGMENT_MAGIC,
};

/// Nanoseconds between two records.
pub(crate) const STEP_NS: u64 = 1_000_000;
/// Wall clock of record 0.
pub(crate) const START_NS: u64 = 1_723_161_254_000_000_000;
/// Bytes of zeros behind the last record of a segment, unless a test wants others.
pub(crate) const SPARE: usize = 4_096;

/// A record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) head: JournalRecord,
    pub(crate) payload: Vec<u8>,
}

impl Record {
    pub(crate) fn new(kind: RecordKind, payload: Vec<u8>) -> Self {
        let mut head = JournalRecord::zeroed();
        (head.magic, head.version, head.kind) = (RECORD_MAGIC, JOURNAL_VERSION, kind.code());
        Self { head, payload }
    }

    pub(crate) fn kind(&self) -> RecordKind {
        RecordKind::from_code(self.head.kind).unwrap()
    }

    /// Puts length and CRC right.
    pub(crate) fn fit(&mut self) {
        self.head.len_bytes = u32::try_from(self.payload.len()).unwrap();
        self.head.crc32c = 0;
        let crc = crc32c::crc32c(bytes_of(&self.head));
        self.head.crc32c = crc32c::crc32c_append(crc, &self.payload);
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [bytes_of(&self.head), &self.payload].concat()
    }

    pub(crate) fn len(&self) -> usize {
        56 + self.payload.len()
    }
}

/// A segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) head: JournalSegment,
    pub(crate) records: Vec<Record>,
    /// Zeros behind the last record.
    pub(crate) spare: usize,
}

impl Segment {
    pub(crate) fn fit_head(&mut self) {
        self.head.crc32c = crc32c::crc32c(&bytes_of(&self.head)[..248]);
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = bytes_of(&self.head).to_vec();
        for record in &self.records {
            bytes.extend(record.bytes());
        }
        bytes.resize(bytes.len() + self.spare, 0);
        bytes
    }

    /// Where a record begins.
    pub(crate) fn offset(&self, index: usize) -> usize {
        256 + self.records[..index].iter().map(Record::len).sum::<usize>()
    }

    pub(crate) fn end(&self) -> usize {
        self.offset(self.records.len())
    }
}

/// A journal.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    pub(crate) instance: [u8; 16],
    pub(crate) segments: Vec<Segment>,
}

/// How a journal is cut up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Frames in a segment.
    pub(crate) segment: usize,
    /// Frames between two synced records.
    pub(crate) sync: usize,
    /// It ends with a seal.
    pub(crate) closed: bool,
}

impl Journal {
    /// A whole journal of these frames.
    pub(crate) fn of(instance: [u8; 16], frames: &[Vec<u8>], shape: Shape) -> Self {
        let mut open = br#"{"session":"test","epoch":1}"#.to_vec();
        open.resize(open.len().next_multiple_of(8), b' ');
        let mut journal = Self { instance, segments: Vec::new() };
        let pieces = frames.chunks(shape.segment).count();
        for (index, piece) in frames.chunks(shape.segment).enumerate() {
            let mut records = Vec::new();
            if index == 0 {
                records.push(Record::new(RecordKind::Open, open.clone()));
            }
            for (n, frame) in piece.iter().enumerate() {
                if n > 0 && n.is_multiple_of(shape.sync) {
                    records.push(Record::new(RecordKind::Synced, vec![0; 8]));
                }
                records.push(Record::new(RecordKind::Frame, frame.clone()));
            }
            if shape.closed || index + 1 < pieces {
                records.push(Record::new(RecordKind::Seal, vec![0; 16]));
            }
            let head = JournalSegment::zeroed();
            journal.segments.push(Segment { head, records, spare: SPARE });
        }
        journal.refit();
        journal
    }

    /// Puts every number, count, CRC and chain head right, as a writer would have made them.
    pub(crate) fn refit(&mut self) {
        let (mut seq, mut frames) = (0, 0);
        let count = self.segments.len();
        for (index, segment) in self.segments.iter_mut().enumerate() {
            let number = index as u64 + 1;
            let head = &mut segment.head;
            (head.magic, head.version, head.header_bytes) = (SEGMENT_MAGIC, 1, 256);
            (head.instance, head.segment) = (self.instance, number);
            (head.first_seq, head.first_frame) = (seq + 1, frames + 1);
            head.utc_ns = TsNs(START_NS + seq * STEP_NS);
            for record in &mut segment.records {
                seq += 1;
                record.head.instance.copy_from_slice(&self.instance[..8]);
                (record.head.segment, record.head.seq) = (number, seq);
                record.head.mono_ns = seq * STEP_NS;
                record.head.utc_ns = TsNs(START_NS + seq * STEP_NS);
                match record.kind() {
                    RecordKind::Frame => frames += 1,
                    RecordKind::Synced => {
                        record.payload = (seq - 1).to_le_bytes().to_vec();
                    }
                    RecordKind::Seal => {
                        let next = if index + 1 < count { number + 1 } else { 0 };
                        let seal = JournalSeal { frames, next_segment: next };
                        record.payload = bytes_of(&seal).to_vec();
                    }
                    RecordKind::Open | RecordKind::Recovered => {}
                }
            }
        }
        self.fit_crcs();
        self.chain();
    }

    /// Puts CRCs alone right.
    pub(crate) fn fit_crcs(&mut self) {
        for segment in &mut self.segments {
            segment.records.iter_mut().for_each(Record::fit);
            segment.fit_head();
        }
    }

    /// Puts the chain right.
    pub(crate) fn chain(&mut self) {
        let mut prev = genesis(self.instance);
        for segment in &mut self.segments {
            segment.head.prev_head = prev;
            segment.fit_head();
            prev = Sha256::digest(&segment.bytes()[..segment.end()]).into();
        }
    }

    /// Writes the segments into `RUNDIR/journal`.
    pub(crate) fn write(&self, run: &Path) {
        write_files(run, &self.files());
    }

    /// Each segment's bytes.
    pub(crate) fn files(&self) -> Vec<Vec<u8>> {
        self.segments.iter().map(Segment::bytes).collect()
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.segments.iter().map(|segment| segment.records.len() as u64).sum()
    }

    /// Segment index and record index of a sequence.
    pub(crate) fn place(&self, seq: u64) -> (usize, usize) {
        let mut left = usize::try_from(seq).unwrap() - 1;
        for (index, segment) in self.segments.iter().enumerate() {
            if left < segment.records.len() {
                return (index, left);
            }
            left -= segment.records.len();
        }
        panic!("no record {seq}");
    }

    pub(crate) fn record(&mut self, seq: u64) -> &mut Record {
        let (segment, index) = self.place(seq);
        &mut self.segments[segment].records[index]
    }

    /// The chain head after a record, as a checkpoint without number and signature.
    pub(crate) fn head_at(&self, seq: u64) -> JournalCheckpoint {
        let (index, record) = self.place(seq);
        let segment = &self.segments[index];
        let end = segment.offset(record + 1);
        let mut checkpoint = JournalCheckpoint::zeroed();
        (checkpoint.magic, checkpoint.instance) = (CHECKPOINT_MAGIC, self.instance);
        (checkpoint.segment, checkpoint.seq) = (segment.head.segment, seq);
        checkpoint.segment_bytes = end as u64;
        checkpoint.head = Sha256::digest(&segment.bytes()[..end]).into();
        checkpoint.utc_ns = TsNs(START_NS + seq * STEP_NS);
        checkpoint
    }
}

/// Writes files as segments, named by their place.
pub(crate) fn write_files(run: &Path, files: &[Vec<u8>]) {
    let folder = run.join("journal");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    for (index, bytes) in files.iter().enumerate() {
        std::fs::write(folder.join(format!("{:06}.clj", index + 1)), bytes).unwrap();
    }
}

pub(crate) fn genesis(instance: [u8; 16]) -> [u8; 32] {
    Sha256::digest([&b"corelane journal genesis"[..], &instance].concat()).into()
}

/// A notary's key and its log.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) key: SigningKey,
    pub(crate) log: Vec<JournalCheckpoint>,
}

impl Signer {
    pub(crate) fn new(seed: u8) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]), log: Vec::new() }
    }

    /// Signs what a journal is up to each of these sequences.
    pub(crate) fn sign(&mut self, journal: &Journal, seqs: &[u64]) {
        for seq in seqs {
            self.add(journal.head_at(*seq));
        }
    }

    pub(crate) fn add(&mut self, mut checkpoint: JournalCheckpoint) {
        checkpoint.number = self.log.len() as u64 + 1;
        if let Some(last) = self.log.last() {
            checkpoint.prev_checkpoint = Sha256::digest(bytes_of(last)).into();
        }
        self.seal(&mut checkpoint);
        self.log.push(checkpoint);
    }

    /// Key id and signature.
    pub(crate) fn seal(&self, checkpoint: &mut JournalCheckpoint) {
        let public = Sha256::digest(self.key.verifying_key().as_bytes());
        checkpoint.key_id.copy_from_slice(&public[..8]);
        checkpoint.signature = self.key.sign(&bytes_of(checkpoint)[..144]).to_bytes();
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        bytemuck::cast_slice(&self.log).to_vec()
    }

    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, self.bytes()).unwrap();
    }

    pub(crate) fn write_public_key(&self, folder: &Path) -> PathBuf {
        write_hex(&folder.join("notary.pub"), self.key.verifying_key().as_bytes())
    }

    pub(crate) fn write_private_key(&self, folder: &Path) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = write_hex(&folder.join("notary.key"), &self.key.to_bytes());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

fn write_hex(path: &Path, bytes: &[u8]) -> PathBuf {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    std::fs::write(path, text + "\n").unwrap();
    path.to_owned()
}
