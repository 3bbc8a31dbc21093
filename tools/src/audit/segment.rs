//! One segment from its head to its end: every record, the chain head, and where it stops.
//!
//! Owns the rules that need one segment alone. Must never: look at another segment, or decide
//! whether a stop is a crash or a crime; [`super::journal`] knows what vouches for what.

use super::damage::{self, Damage};
use super::finding::{Finding, Kind, Unreadable};
use super::record::{RECORD_HEAD, Record, SEGMENT_HEAD, whole};
use super::window::{Window, first_other_than_zero};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use wire::journal::{JournalRecovered, JournalSeal, JournalSegment, RecordKind};

/// The chain head after a record that somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// The record.
    pub(crate) seq: u64,
    /// The segment it stands in.
    pub(crate) segment: u64,
    /// Bytes of the segment up to its end.
    pub(crate) segment_bytes: u64,
    /// The chain head after it.
    pub(crate) head: [u8; 32],
}

/// Why reading a segment stopped.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// After its seal, and nothing follows.
    Sealed(JournalSeal),
    /// At zeros to the end of the file, or at the end of the file.
    Open,
    /// At something else.
    Damage(Damage),
}

/// A segment as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its size, bytes.
    pub(crate) file_bytes: u64,
    /// Its head.
    pub(crate) head: JournalSegment,
    /// Whole records in their places.
    pub(crate) records: u64,
    /// Frames among them.
    pub(crate) frames: u64,
    /// Bytes of head and records.
    pub(crate) bytes: u64,
    /// The chain head after the last of them.
    pub(crate) chain: [u8; 32],
    /// When the last of them was written, wall clock.
    pub(crate) utc_ns: u64,
    /// Highest sequence that a synced record shows to be on the disk.
    pub(crate) synced: u64,
    /// Heads that were asked for, in order.
    pub(crate) probes: Vec<Probe>,
    /// The first whole record that breaks a rule.
    pub(crate) broken: Option<Finding>,
    /// Why it stopped.
    pub(crate) stop: Stop,
}

impl Scan {
    /// Sequence of the last record; of a segment without one, that of the record before it.
    pub(crate) fn last_seq(&self) -> u64 {
        (self.head.first_seq + self.records).saturating_sub(1)
    }

    /// Frames of the journal up to its end.
    pub(crate) fn frames_so_far(&self) -> u64 {
        (self.head.first_frame + self.frames).saturating_sub(1)
    }
}

/// Reads a segment whose head is whole; `asked` are sequences in rising order.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn scan(path: &Path, head: &JournalSegment, asked: &[u64]) -> Result<Scan, Unreadable> {
    let failed = Unreadable::at("read", path);
    let file = File::open(path).map_err(Unreadable::at("open", path))?;
    let mut walk = Walk::new(path, &file, head, asked).map_err(&failed)?;
    let stop = walk.run(&file).map_err(&failed)?;
    let file_bytes = file.metadata().map_err(&failed)?.len();
    Ok(walk.end(file_bytes, stop))
}

/// The reader's place in a segment.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    path: &'a Path,
    head: &'a JournalSegment,
    asked: &'a [u64],
    hash: Sha256,
    offset: u64,
    seq: u64,
    frames: u64,
    utc_ns: u64,
    synced: u64,
    probes: Vec<Probe>,
    broken: Option<Finding>,
    seal: Option<JournalSeal>,
}

impl<'a> Walk<'a> {
    fn new(
        path: &'a Path,
        file: &File,
        head: &'a JournalSegment,
        asked: &'a [u64],
    ) -> io::Result<Self> {
        let mut bytes = [0; SEGMENT_HEAD];
        std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, 0)?;
        let mut hash = Sha256::new();
        hash.update(bytes);
        let from = asked.partition_point(|seq| *seq < head.first_seq);
        Ok(Self {
            path,
            head,
            asked: &asked[from..],
            hash,
            offset: SEGMENT_HEAD as u64,
            seq: head.first_seq,
            frames: 0,
            utc_ns: head.utc_ns.get(),
            synced: 0,
            probes: Vec::new(),
            broken: None,
            seal: None,
        })
    }

    fn run(&mut self, file: &File) -> io::Result<Stop> {
        let mut window = Window::new(file);
        loop {
            let (bytes, _) = window.at(self.offset)?;
            let more = self.take(bytes);
            if self.seal.is_some() {
                return self.after_seal(file);
            }
            if more {
                continue;
            }
            let Some(place) = first_other_than_zero(file, self.offset)? else {
                return Ok(Stop::Open);
            };
            let due = damage::Due { head: self.head, seq: self.seq, byte: self.offset };
            let damage = damage::look(file, &due, place)?;
            // A live journal grows while it is read: what is whole by now was never damaged.
            window.forget();
            let (bytes, _) = window.at(self.offset)?;
            if self.in_place(bytes).is_none() {
                return Ok(Stop::Damage(damage));
            }
        }
    }

    /// Takes every record in its place; `false` where not one was.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let (mut used, mut hashed) = (0, 0);
        // Whatever is cut off at the end of the view is in the next one.
        while let Some(record) = self.in_place(&bytes[used..]) {
            used += record.len();
            self.offset += record.len() as u64;
            self.note(&record);
            if self.asked.first() == Some(&record.head.seq) {
                self.hash.update(&bytes[hashed..used]);
                hashed = used;
                self.probe(record.head.seq);
            }
            self.seq += 1;
            if self.seal.is_some() {
                break;
            }
        }
        self.hash.update(&bytes[hashed..used]);
        used > 0
    }

    /// The record that is due, if it is what the bytes begin with.
    fn in_place<'b>(&self, bytes: &'b [u8]) -> Option<Record<'b>> {
        let record = whole(bytes)?;
        let fits = record.head.instance == self.head.instance[..8]
            && record.head.segment == self.head.segment
            && record.head.seq == self.seq;
        fits.then_some(record)
    }

    fn probe(&mut self, seq: u64) {
        self.asked = &self.asked[1..];
        let (segment, segment_bytes) = (self.head.segment, self.offset);
        let head = self.hash.clone().finalize().into();
        self.probes.push(Probe { seq, segment, segment_bytes, head });
    }

    /// Counts a record in its place and checks what it says.
    fn note(&mut self, record: &Record<'_>) {
        self.utc_ns = record.head.utc_ns.get();
        self.synced = self.synced.max(record.synced().map_or(0, |synced| synced.seq));
        let before = self.head.first_frame + self.frames - 1;
        let first = record.head.seq == 1;
        let wrong = match record.kind {
            RecordKind::Open if first => None,
            RecordKind::Open => Some((Kind::Insert, "an open record that is not the first")),
            _ if first => Some((Kind::Delete, "the journal does not begin with an open record")),
            RecordKind::Frame => {
                self.frames += 1;
                None
            }
            RecordKind::Synced => {
                let fits = record.synced().is_some_and(|synced| synced.seq < record.head.seq);
                (!fits).then_some((Kind::Edit, "a synced record that vouches for what follows it"))
            }
            RecordKind::Seal => self.seal(record, before),
            RecordKind::Recovered => {
                let is = record.payload.len() == size_of::<JournalRecovered>();
                let held = is.then(|| bytemuck::pod_read_unaligned(record.payload));
                let fits = held.is_some_and(|held: JournalRecovered| held.frames == before);
                (!fits).then_some((Kind::Edit, "a recovered record with another count of frames"))
            }
        };
        if let Some((kind, what)) = wrong {
            let byte = self.offset - record.len() as u64;
            self.break_rule(kind, (record.head.seq, record.head.seq), byte, what);
        }
    }

    fn seal(&mut self, record: &Record<'_>, frames: u64) -> Option<(Kind, &'static str)> {
        let Some(seal) = record.seal() else {
            return Some((Kind::Edit, "a seal of another size"));
        };
        self.seal = Some(seal);
        let whole = (self.head.first_seq, record.head.seq);
        let byte = self.offset - record.len() as u64;
        if seal.frames > frames {
            self.break_rule(
                Kind::Delete,
                whole,
                byte,
                "the seal counts more frames than there are",
            );
        } else if seal.frames < frames {
            let what = "the seal counts fewer frames than there are";
            self.break_rule(Kind::Insert, whole, byte, what);
        }
        let next = seal.next_segment == 0 || seal.next_segment == self.head.segment + 1;
        (!next).then_some((Kind::Edit, "a seal that names another segment than the next"))
    }

    fn break_rule(&mut self, kind: Kind, seqs: (u64, u64), byte: u64, what: &str) {
        if self.broken.is_none() {
            self.broken = Some(Finding::new(kind, seqs, self.path, byte, what));
        }
    }

    fn after_seal(&mut self, file: &File) -> io::Result<Stop> {
        if let Some(byte) = first_other_than_zero(file, self.offset)? {
            let what = "bytes after the seal";
            self.break_rule(Kind::Insert, (self.seq, self.seq), byte, what);
        }
        let seal = self.seal.unwrap_or(JournalSeal { frames: 0, next_segment: 0 });
        Ok(Stop::Sealed(seal))
    }

    fn end(self, file_bytes: u64, stop: Stop) -> Scan {
        Scan {
            file: self.path.to_owned(),
            file_bytes,
            head: *self.head,
            records: self.seq - self.head.first_seq,
            frames: self.frames,
            bytes: self.offset,
            chain: self.hash.finalize().into(),
            utc_ns: self.utc_ns,
            synced: self.synced,
            probes: self.probes,
            broken: self.broken,
            stop,
        }
    }
}

/// Where two files of one segment begin to differ: the first sequence that is not the same in both.
///
/// # Errors
/// Where a file cannot be read.
pub(crate) fn first_difference(
    one: &Path,
    other: &Path,
    first_seq: u64,
) -> Result<u64, Unreadable> {
    let open = |path: &Path| File::open(path).map_err(Unreadable::at("open", path));
    let (one_file, other_file) = (open(one)?, open(other)?);
    let (mut a, mut b) = (Window::new(&one_file), Window::new(&other_file));
    let (mut offset, mut seq) = (SEGMENT_HEAD as u64, first_seq);
    loop {
        let (left, _) = a.at(offset).map_err(Unreadable::at("read", one))?;
        let (right, _) = b.at(offset).map_err(Unreadable::at("read", other))?;
        let len = whole(left).map_or(RECORD_HEAD, |record| record.len());
        let same = left.get(..len).is_some_and(|left| right.get(..len) == Some(left));
        if !same || whole(left).is_none() {
            return Ok(seq);
        }
        offset += len as u64;
        seq += 1;
    }
}
