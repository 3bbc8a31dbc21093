//! What must hold of a run's folder and of a tape, whatever happened to their station.

use super::world::World;
use std::path::Path;
use tape::journal::record::{HEAD_BYTES, SegmentHead, Step, step};
use tape::tape::Tape;
use wire::exit::Exit;
use wire::journal::RecordKind;

/// Every whole frame of a journal, in order; none where there is no segment.
pub(super) fn frames_of(journal: &Path) -> Vec<Vec<u8>> {
    match tape::recover(journal) {
        Ok((recording, _)) => recording.frames().map(<[u8]>::to_vec).collect(),
        Err(_) => Vec::new(),
    }
}

/// The journal of a run ends in good order and passes the audit, and the engine repeats it, as far
/// as a session had begun. Its frames.
pub(super) fn is_whole(world: &World, run: &str, what: &str) -> Vec<Vec<u8>> {
    let journal = world.path(run).join("journal");
    let whole = tape::read_all(&journal).unwrap_or_else(|error| panic!("{what}: {error}"));
    let frames: Vec<Vec<u8>> = whole.frames().map(<[u8]>::to_vec).collect();
    let (code, said) = world.corelane("audit", run);
    assert_eq!(code, Some(0), "{what}: audit: {said}");
    let (code, said) = world.corelane("verify", run);
    let no_start = Some(i32::from(Exit::Resource.code()));
    let is_early = code == no_start && said.contains("no session start");
    assert!(code == Some(0) || is_early, "{what}: verify: {code:?} {said}");
    frames
}

/// What a tape says was synced, and whether its journal failed.
pub(super) fn tape_of(path: &Path) -> (u64, bool) {
    let reader = Tape::open(path).expect("no one holds it").into_reader();
    (reader.number(), reader.had_failed())
}

/// Frames of a run's journal that a sync which worked had brought to the disk, by what `strace` saw;
/// `None` where the journaler's calls were not traced.
pub(super) fn shown_on_disk(world: &World, run: &str) -> Option<u64> {
    let logs = world.logs();
    if logs.len() < 2 {
        return None;
    }
    let (mut written, mut synced) = (0, 0);
    for line in logs.iter().flat_map(|log| log.lines()) {
        let result = line.rsplit_once(" = ").map_or("", |(_, result)| result);
        if line.starts_with("pwrite64(") {
            written += result.parse::<usize>().unwrap_or(0);
        } else if line.starts_with("fdatasync(") && result == "0" {
            synced = written;
        }
    }
    // Segments are written one after the other, without a gap.
    let (mut at, mut frames) = (0, 0);
    for (name, bytes) in world.bytes_of(&format!("{run}/journal")) {
        if !tape::journal::is_segment_name(&name) {
            continue;
        }
        let head = SegmentHead::parse(&bytes).expect("a head");
        let (mut offset, mut seq) = (HEAD_BYTES, head.first_seq);
        while let Some(rest) = bytes.get(offset..)
            && let Step::Record(record) = step(rest, (head.instance, head.segment), seq)
        {
            offset += record.bytes();
            seq += 1;
            frames += u64::from(record.kind == RecordKind::Frame && at + offset <= synced);
            if record.kind == RecordKind::Seal {
                break;
            }
        }
        at += offset;
    }
    Some(frames)
}
