//! Follows a run's journal as it grows: every frame once, in order.
//!
//! Reads the segments' files and never asks the engine. Must never: write, hand out a record whose
//! checksum does not fit, or hold more than one chunk. It vouches for nothing: that is for
//! `corelane audit`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use tape::journal::record::{HEAD_BYTES, RECORD_MAX, Step, step};
use tape::journal::{SegmentHead, segment_name};
use wire::journal::{JournalSeal, RecordKind};

/// Bytes read at once: several of the largest records.
const CHUNK: usize = 1 << 20;
const _: () = assert!(CHUNK >= 2 * RECORD_MAX, "a record fits a chunk");

/// A place in a journal.
#[derive(Debug)]
pub(super) struct Follower {
    folder: PathBuf,
    open: Option<Segment>,
    next: u64,
    /// Frames handed out.
    pub(super) frames: u64,
    chunk: Vec<u8>,
    /// A frame must lie on a boundary of eight to be decoded.
    words: Vec<u64>,
}

#[derive(Debug)]
struct Segment {
    file: File,
    head: SegmentHead,
    at: u64,
    seq: u64,
}

impl Follower {
    /// Starts at the first segment of the journal in `folder`, which need not be there yet.
    pub(super) fn new(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder, open: None, next: 1, frames: 0, chunk: vec![0; CHUNK], words: Vec::new() }
    }

    /// Hands what follows to `visit`, up to `chunks` of reading. Whether more may be there at once.
    ///
    /// # Errors
    /// What the system says of a file.
    pub(super) fn read(&mut self, chunks: u32, mut visit: impl FnMut(&[u8])) -> io::Result<bool> {
        for _ in 0..chunks {
            if !self.advance(&mut visit)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One chunk; `false` where nothing follows yet.
    fn advance(&mut self, visit: &mut impl FnMut(&[u8])) -> io::Result<bool> {
        if self.open.is_none() {
            self.open = Segment::open(&self.folder, self.next)?;
        }
        let Some(segment) = &mut self.open else { return Ok(false) };
        let count = read_at(&segment.file, &mut self.chunk, segment.at)?;
        let bytes = self.chunk.get(..count).unwrap_or(&[]);
        let of = (segment.head.instance, segment.head.segment);
        let (mut from, mut next) = (0, None);
        // The last records of a full chunk may be cut: they are read again with the next.
        while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
            let Step::Record(record) = step(rest, of, segment.seq) else { break };
            from += record.bytes();
            segment.seq += 1;
            match record.kind {
                RecordKind::Frame => {
                    self.frames += 1;
                    self.words.resize(record.payload.len() / 8, 0);
                    bytemuck::cast_slice_mut(&mut self.words).copy_from_slice(record.payload);
                    visit(bytemuck::cast_slice(&self.words));
                }
                RecordKind::Seal => {
                    next = record.payload_as::<JournalSeal>().map(|seal| seal.next_segment);
                    break;
                }
                RecordKind::Open | RecordKind::Synced | RecordKind::Recovered => {}
            }
        }
        segment.at += from as u64;
        match next {
            // The end, in good order: it stays open and nothing follows.
            Some(0) => Ok(false),
            Some(next) => {
                (self.next, self.open) = (next, None);
                Ok(true)
            }
            None => Ok(from > 0),
        }
    }
}

impl Segment {
    /// `None` where it is not there yet, or its head is not written.
    fn open(folder: &Path, number: u64) -> io::Result<Option<Self>> {
        let file = match File::open(folder.join(segment_name(number))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut head = [0; HEAD_BYTES];
        let count = read_at(&file, &mut head, 0)?;
        let head = SegmentHead::parse(head.get(..count).unwrap_or(&[])).ok();
        Ok(head.map(|head| Self { file, seq: head.first_seq, at: HEAD_BYTES as u64, head }))
    }
}

/// As much as there is from `at` on, up to the buffer's end.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable as _;
    use tape::journal::{Folder, JournalWriter, Moment, Options};
    use wire::FrameHeader;
    use wire::station::Timer;

    fn timer(number: u64) -> Timer {
        let header = FrameHeader { seq: number, ..FrameHeader::new::<Timer>() };
        Timer { header, ..Timer::zeroed() }
    }

    fn followed(follower: &mut Follower) -> Vec<u64> {
        let mut seen = Vec::new();
        let mut visit = |frame: &[u8]| {
            let timer: Timer = bytemuck::pod_read_unaligned(frame);
            seen.push(timer.header.seq);
        };
        while follower.read(1, &mut visit).expect("a file") {}
        seen
    }

    /// Written in pieces, over many segments: each frame comes once, in order, once it is there.
    #[test]
    fn a_journal_that_grows_is_followed_over_its_segments() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut follower = Follower::new(dir.path());
        assert!(followed(&mut follower).is_empty(), "nothing is there yet");
        let folder = Folder::open(dir.path()).expect("a folder");
        let options = Options { instance: [7; 16], epoch: 1, segment_bytes: 4_096 };
        let mut writer =
            JournalWriter::create(folder, dir.path(), options, "{}", Moment::default())
                .expect("a journal");
        let mut due = 1;
        for part in [1_u64, 2, 40, 400, 1] {
            let first = due;
            for _ in 0..part {
                writer.push(bytemuck::bytes_of(&timer(due)), Moment::default()).expect("room");
                writer.write().expect("written");
                writer.prepare_next().expect("room for the next");
                due += 1;
            }
            assert_eq!(followed(&mut follower), (first..due).collect::<Vec<_>>());
        }
        writer.finish(Moment::default()).expect("closed");
        assert!(followed(&mut follower).is_empty() && followed(&mut follower).is_empty());
        assert_eq!(follower.frames, due - 1);
        assert!(follower.next > 3, "several segments: {}", follower.next);
    }

    #[test]
    fn a_damaged_record_is_not_handed_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(dir.path()).expect("a folder");
        let options = Options { instance: [7; 16], epoch: 1, segment_bytes: 1 << 16 };
        let mut writer =
            JournalWriter::create(folder, dir.path(), options, "{}", Moment::default())
                .expect("a journal");
        for number in 1..=3 {
            writer.push(bytemuck::bytes_of(&timer(number)), Moment::default()).expect("room");
        }
        writer.finish(Moment::default()).expect("closed");
        let path = dir.path().join(segment_name(1));
        let mut bytes = std::fs::read(&path).expect("a segment");
        let mine = timer(3);
        let frame = bytemuck::bytes_of(&mine);
        let at = bytes.windows(frame.len()).position(|part| part == frame).expect("the third");
        bytes[at + frame.len() - 1] ^= 0x40;
        std::fs::write(&path, bytes).expect("a segment");
        assert_eq!(followed(&mut Follower::new(dir.path())), [1, 2]);
    }
}
