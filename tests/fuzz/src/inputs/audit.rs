//! A fuzzer's bytes as a run's folder to audit: a journal as `journal.rs` makes it, and two
//! checkpoint logs of it, one of which may be damaged.
//!
//! Shared by the fuzz target and by the test that replays its corpus.

#[path = "journal.rs"]
#[expect(dead_code, reason = "most of it is for other targets")]
mod journal;

use corelane_tape::journal::Storage as _;
use corelane_tape::journal::model::ModelDisk;
use journal::Bytes;
pub(crate) use journal::check_audited;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use wire::journal::{CHECKPOINT_MAGIC, JournalCheckpoint};

/// Where a log lies: the anchor's, or the run's own.
#[must_use]
pub(crate) fn log(run_dir: &Path, external: bool) -> PathBuf {
    if external { run_dir.with_extension("anchor.clk") } else { run_dir.join("checkpoints.clk") }
}

/// Byte 0: bits 0 to 2 how many checkpoints, 3 a byte of the run's own log is changed, 4 it ends
/// early. Then a byte a checkpoint: bits 0 to 6 the sequence, 7 another head. Then, where bit 3 or 4
/// is set, a place (2 bytes) and a value. Then the journal.
///
/// Writes all of it; the journal as it was written.
pub(crate) fn write(bytes: &[u8], run_dir: &Path) -> ModelDisk {
    let mut bytes = Bytes(bytes);
    let how = bytes.next();
    let signed: Vec<u8> = (0..how & 7).map(|_| bytes.next()).collect();
    let change = (how & 0x18 != 0).then(|| (bytes.offset(), bytes.next()));
    let (place, value) = change.unwrap_or_default();
    let mut disk = journal::input(bytes.0).disk;
    journal::write_to(&mut disk, &run_dir.join("journal"));
    let whole = entries(&mut disk, &signed);
    let mut own = whole.clone();
    if let Some(byte) = own.get_mut(place)
        && how & 0x08 != 0
    {
        *byte ^= value;
    }
    if how & 0x10 != 0 {
        own.truncate(place);
    }
    std::fs::write(log(run_dir, true), whole).expect("written");
    std::fs::write(log(run_dir, false), own).expect("written");
    disk
}

/// A log of these sequences: of each the head of the first segment up to where it may end, so that
/// some fit the journal and some do not.
fn entries(disk: &mut ModelDisk, signed: &[u8]) -> Vec<u8> {
    let segment = disk.read("000001.clj").unwrap_or_default();
    let ends = journal::ends(&segment);
    let mut log = Vec::new();
    let mut before = [0; 32];
    for (number, byte) in (1..).zip(signed) {
        let seq = u64::from(byte & 127);
        let end = usize::from(byte & 127).checked_sub(1).and_then(|at| ends.get(at)).copied();
        let mut head: [u8; 32] =
            Sha256::digest(segment.get(..end.unwrap_or(0)).unwrap_or_default()).into();
        head[0] ^= byte >> 7;
        let entry = JournalCheckpoint {
            magic: CHECKPOINT_MAGIC,
            instance: [7; 16],
            number,
            segment: 1,
            seq,
            segment_bytes: end.unwrap_or(0) as u64,
            head,
            prev_checkpoint: before,
            signature: [1; 64],
            ..bytemuck::Zeroable::zeroed()
        };
        before = Sha256::digest(bytemuck::bytes_of(&entry)).into();
        log.extend_from_slice(bytemuck::bytes_of(&entry));
    }
    log
}
