//! A journal of a few segments and batches, written the same way every time.

use corelane_tape::TapeError;
use corelane_tape::journal::model::ModelDisk;
use corelane_tape::journal::writer::Mark;
use corelane_tape::journal::{JournalWriter, Moment, Options, Outside, Recovered, recover};
use std::path::Path;
use wire::{FrameHeader, FrameKind, TsNs};

/// Where the journal would be, in errors.
pub(crate) const PATH: &str = "runs/x/journal";

/// The `n`-th frame, of a length that changes from frame to frame.
pub(crate) fn frame(n: u64) -> Vec<u8> {
    let len = 40 + usize::try_from(n * 7 % 23).expect("small") * 8;
    let header = FrameHeader {
        seq: n,
        ts_recv_ns: TsNs(n * 1_000),
        ..FrameHeader::with_len(FrameKind::DepthDelta, len)
    };
    let mut bytes = bytemuck::bytes_of(&header).to_vec();
    bytes.resize(len, n.to_le_bytes()[0]);
    bytes
}

pub(crate) fn at(n: u64) -> Moment {
    Moment { mono_ns: n, utc_ns: 1_000_000 + n }
}

pub(crate) fn options(segment_bytes: u64) -> Options {
    Options { instance: *b"instance of test", epoch: 3, segment_bytes }
}

/// What a writer had said when it stopped.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Frames it had taken.
    pub(crate) pushed: u64,
    /// Highest mark it called synced.
    pub(crate) synced: Mark,
    /// Last frame of the last batch that was synced: what the tape's reader is told.
    pub(crate) told: u64,
    pub(crate) failed: Option<TapeError>,
}

/// Writes `frames` frames, a sync every `batch`; what was said up to the end or the first failure.
pub(crate) fn write(
    disk: ModelDisk,
    segment_bytes: u64,
    frames: u64,
    batch: u64,
    ends: bool,
) -> (Option<ModelDisk>, Said) {
    let about = "{\"source\":\"test\"}";
    let created =
        JournalWriter::create(disk, Path::new(PATH), options(segment_bytes), about, at(0));
    let mut said = Said::default();
    let mut writer = match created {
        Ok(writer) => writer,
        Err(error) => return (None, Said { failed: Some(error), ..said }),
    };
    said.synced = writer.synced();
    let mut result = push_all(&mut writer, 1..=frames, batch, &mut said);
    if result.is_ok() && ends {
        result = writer.finish(at(frames)).map(drop);
    }
    said.failed = result.err();
    // A full segment is synced between two batches.
    said.synced = writer.synced();
    (Some(writer.into_storage()), said)
}

pub(crate) fn push_all(
    writer: &mut JournalWriter<ModelDisk>,
    frames: std::ops::RangeInclusive<u64>,
    batch: u64,
    said: &mut Said,
) -> Result<(), TapeError> {
    for n in frames {
        writer.push(&frame(n), at(n))?;
        said.pushed = n;
        if n % batch == 0 {
            writer.write()?;
            said.told = writer.sync()?.frame;
            // A full disk is met again, and reported, when the room is needed.
            let _ = writer.prepare_next();
        }
    }
    Ok(())
}

pub(crate) fn recovered(disk: &mut ModelDisk, outside: &Outside) -> Result<Recovered, TapeError> {
    recover(disk, Path::new(PATH), outside).map(|found| found.expect("a journal is there"))
}

/// Every frame of the journal on `disk`, read the way a reader of a folder does.
pub(crate) fn frames_of(disk: &mut ModelDisk) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().expect("folder");
    for name in disk.names() {
        let bytes = disk.bytes_mut(&name).expect("listed").clone();
        std::fs::write(dir.path().join(name), bytes).expect("written");
    }
    read(dir.path())
}

pub(crate) fn read(dir: &Path) -> Vec<Vec<u8>> {
    let mut reader = corelane_tape::journal::JournalReader::open(dir).expect("a journal");
    let mut frames = Vec::new();
    while let Some(entry) = reader.next_frame().expect("whole") {
        assert_eq!(entry.frame_number, frames.len() as u64 + 1);
        assert_eq!(entry.frame.as_ptr().align_offset(8), 0);
        frames.push(entry.frame.to_vec());
    }
    frames
}

/// Whether these are the first frames, all of them whole; how many.
pub(crate) fn prefix(frames: &[Vec<u8>]) -> u64 {
    for (n, found) in (1..).zip(frames) {
        assert!(*found == frame(n), "frame {n} is not the one that was pushed");
    }
    frames.len() as u64
}
