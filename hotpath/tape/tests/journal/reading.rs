//! What a reader of a folder says of a journal that is not whole.

use crate::support::{PATH, at, frame, options, write};
use corelane_tape::TapeError;
use corelane_tape::journal::model::ModelDisk;
use corelane_tape::journal::reader::Ending;
use corelane_tape::journal::{JournalReader, JournalWriter, SegmentHead, Storage as _};
use sha2::Digest as _;
use std::path::Path;

type Change = Box<dyn Fn(&mut ModelDisk)>;

/// Three segments in a folder, changed; the reader after its last frame, or its error.
fn read(
    ends: bool,
    change: impl Fn(&mut ModelDisk),
) -> (tempfile::TempDir, Result<(JournalReader, u64), TapeError>) {
    let (disk, _) = write(ModelDisk::default(), 16 << 10, 200, 10, ends);
    let mut disk = disk.expect("written");
    change(&mut disk);
    let dir = tempfile::tempdir().expect("folder");
    for name in disk.names() {
        let bytes = disk.bytes_mut(&name).expect("listed").clone();
        std::fs::write(dir.path().join(name), bytes).expect("written");
    }
    let read = || {
        let mut reader = JournalReader::open(dir.path())?;
        let mut frames = 0;
        while reader.next_frame()?.is_some() {
            frames += 1;
        }
        Ok((reader, frames))
    };
    let read = read();
    (dir, read)
}

#[test]
fn an_end_without_a_seal_is_a_fault_and_a_seal_is_none() {
    let (_dir, closed) = read(true, |_| ());
    let (reader, frames) = closed.expect("whole");
    assert_eq!((reader.ending(), frames), (&Ending::Closed, 200));
    assert!(reader.fault_at_end().is_none());
    let (_dir, open) = read(false, |_| ());
    let (reader, frames) = open.expect("whole so far");
    assert_eq!((reader.ending(), frames), (&Ending::Open, 200));
    let fault = reader.fault_at_end().expect("no seal");
    assert!(matches!(fault, TapeError::Truncated { frames: 200, .. }), "{fault}");
    let (_dir, torn) = read(false, |disk| {
        let file = disk.bytes_mut("000003.clj").expect("three");
        let end = file.iter().rposition(|byte| *byte != 0).expect("written");
        file[end - 2] ^= 1;
    });
    let (reader, frames) = torn.expect("whole up to the last record");
    assert!(matches!(reader.ending(), Ending::Torn(what) if what.contains("checksum")));
    assert_eq!((frames, reader.fault_at_end().is_some()), (199, true));
    let (_dir, gone) = read(false, |disk| disk.remove("000003.clj").expect("there"));
    let (reader, frames) = gone.expect("the last one is gone: nothing in the folder says so");
    assert!((1..200).contains(&frames), "{frames}");
    assert_eq!((reader.ending(), reader.read_so_far().1), (&Ending::Open, frames));
}

#[test]
fn a_journal_read_as_a_recording_has_the_digest_of_its_frames() {
    let (dir, _) = read(true, |_| ());
    let recording = corelane_tape::read_all(dir.path()).expect("whole");
    let frames: Vec<u8> = (1..=200).flat_map(frame).collect();
    assert_eq!(recording.frames().flatten().copied().collect::<Vec<_>>(), frames);
    let digest = corelane_tape::header::hex(&sha2::Sha256::digest(&frames));
    assert_eq!(recording.summary.sha256, digest);
}

#[test]
fn a_segment_that_does_not_follow_is_damage() {
    let of_segments = |change: fn(&mut SegmentHead), name: &'static str| {
        move |disk: &mut ModelDisk| {
            let file = disk.bytes_mut(name).expect("there");
            let mut head = SegmentHead::parse(file).expect("a head");
            change(&mut head);
            file[..256].copy_from_slice(&head.to_bytes());
        }
    };
    let cases: [(&str, Change); 6] = [
        ("missing", Box::new(|disk| disk.remove("000002.clj").expect("there"))),
        ("missing", Box::new(of_segments(|head| head.instance[0] ^= 1, "000002.clj"))),
        ("does not begin", Box::new(of_segments(|head| head.first_seq += 1, "000002.clj"))),
        ("does not begin", Box::new(of_segments(|head| head.first_frame += 1, "000003.clj"))),
        ("chain", Box::new(of_segments(|head| head.prev_head[9] ^= 1, "000001.clj"))),
        ("chain", Box::new(of_segments(|head| head.epoch += 1, "000002.clj"))),
    ];
    for (index, (what, change)) in cases.into_iter().enumerate() {
        let (_dir, result) = read(true, change);
        let error = result.err().unwrap_or_else(|| panic!("case {index}: taken"));
        assert!(matches!(error, TapeError::JournalDamaged { .. }), "case {index}: {error}");
        assert!(error.to_string().contains(what), "case {index}: {error}");
    }
    // Bytes behind a seal, which the thread that reads ahead takes for a part of the segment.
    let (_dir, behind) = read(true, |disk| {
        *disk.bytes_mut("000001.clj").expect("there").last_mut().expect("bytes") = 1;
    });
    assert_eq!(behind.expect("the seal ends it").1, 200);
}

/// Its last bytes are zeros, which is also what stands where nothing was read.
#[test]
fn a_head_without_its_last_byte_is_no_head() {
    let cut = |disk: &mut ModelDisk| disk.bytes_mut("000003.clj").expect("there").truncate(255);
    let (dir, result) = read(false, cut);
    let error = result.err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("000003.clj byte 0")), "taken for a head");
    std::fs::write(dir.path().join("000003.clj"), b"").expect("written");
    assert!(JournalReader::open(dir.path()).is_err(), "nor is nothing");
}

/// A later segment may be of another build, which took the journal up again.
#[test]
fn a_segment_of_other_layouts_is_refused_where_it_begins() {
    let other = |disk: &mut ModelDisk| {
        let file = disk.bytes_mut("000003.clj").expect("there");
        let mut head = SegmentHead::parse(file).expect("a head");
        head.schema_hash ^= 1;
        file[..256].copy_from_slice(&head.to_bytes());
    };
    let (_dir, result) = read(false, other);
    let Err(error) = result else { panic!("frames of unknown layouts are handed out") };
    assert!(matches!(error, TapeError::JournalLayouts { .. }), "{error}");
}

#[test]
fn a_changed_byte_is_found_at_its_record_in_a_segment_that_others_follow() {
    // Its records' checksums are computed only where the chain does not fit: here it does not.
    for name in ["000001.clj", "000002.clj"] {
        for at in (256..7 << 10).step_by(89) {
            let (_dir, result) =
                read(true, |disk| disk.bytes_mut(name).expect("there")[at] ^= 0x10);
            match result {
                Err(TapeError::JournalDamaged { file, offset, .. }) => {
                    assert_eq!(file, name, "byte {at}");
                    assert!((offset..offset + 512).contains(&(at as u64)), "{at}: {offset}");
                }
                other => panic!("byte {at} of {name}: {other:?}"),
            }
        }
    }
}

#[test]
fn what_a_writer_says_of_itself_is_so() {
    let disk = ModelDisk::default();
    let mut writer =
        JournalWriter::create(disk, Path::new(PATH), options(8 << 10), "{}", at(0)).expect("begun");
    assert_eq!((writer.segment(), writer.batched(), writer.has_next()), (1, 0, false));
    writer.push(&frame(1), at(1)).expect("taken");
    // The opening record is on the disk already, which the batch says first.
    assert_eq!(writer.batched(), (56 + 8) + 56 + frame(1).len());
    assert_eq!((writer.written().frame, writer.synced().frame), (0, 0));
    writer.write().expect("written");
    assert_eq!((writer.batched(), writer.written().frame, writer.synced().frame), (0, 1, 0));
    writer.sync().expect("synced");
    assert_eq!((writer.written().seq, writer.synced().seq, writer.synced().frame), (3, 3, 1));
    writer.prepare_next().expect("room");
    assert!(writer.has_next());
    let calls = writer.into_storage().calls();
    // Allocate, write, sync and name the first segment; its first record; a frame; the next.
    assert_eq!(calls, 4 + 2 + 2 + 1);
}
