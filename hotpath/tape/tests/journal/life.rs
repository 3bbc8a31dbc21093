//! A journal that nothing happens to.

use crate::support::{at, frame, options, prefix, read, recovered, write};
use corelane_tape::TapeError;
use corelane_tape::journal::Storage as _;
use corelane_tape::journal::model::ModelDisk;
use corelane_tape::journal::reader::Ending;
use corelane_tape::journal::record::{Step, step};
use corelane_tape::journal::{Folder, JournalReader, JournalWriter, Outside, recover};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use wire::journal::RecordKind;

#[test]
fn frames_come_back_in_order_over_many_segments_and_the_end_is_known() {
    let dir = tempfile::tempdir().expect("folder");
    let folder = Folder::open(dir.path()).expect("locked");
    let mut writer =
        JournalWriter::create(folder, dir.path(), options(16 << 10), "{\"a\":1}", at(0))
            .expect("begun");
    for n in 1..=400 {
        writer.push(&frame(n), at(n)).expect("taken");
        if n % 10 == 0 {
            writer.write().expect("written");
            assert_eq!(writer.sync().expect("synced").frame, n);
            writer.prepare_next().expect("room");
        }
        if n == 200 {
            // A reader beside the writer sees what is written.
            assert_eq!(prefix(&read(dir.path())), 200);
        }
    }
    assert!(writer.segment() > 4, "{} segments", writer.segment());
    writer.finish(at(401)).expect("ended");
    assert!(writer.push(&frame(1), at(402)).is_err(), "it takes no more");
    drop(writer);
    let mut reader = JournalReader::open(dir.path()).expect("a journal");
    assert_eq!((reader.about(), reader.identity()), ("{\"a\":1}", (*b"instance of test", 3)));
    while reader.next_frame().expect("whole").is_some() {}
    assert_eq!((reader.ending(), reader.read_so_far().1), (&Ending::Closed, 400));
    assert_eq!(prefix(&read(dir.path())), 400);
    let mut folder = Folder::open(dir.path()).expect("free again");
    let found = recover(&mut folder, dir.path(), &Outside::default()).expect("whole");
    let found = found.expect("there");
    assert!(found.is_closed && found.cut_bytes == 0 && found.frames == 400, "{found:?}");
    assert!(!dir.path().join("next.clj").exists(), "room that was not used goes back");
}

/// Files of a folder that this process has open.
fn open_files(folder: &std::path::Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").expect("Linux");
    let links = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|file| file.starts_with(folder)).count()
}

/// One file a segment would end a station of some weeks: with 16 MiB each and 1,024 files, after
/// 16 GiB.
#[test]
fn a_segment_that_has_ended_is_open_no_more() {
    let dir = tempfile::tempdir().expect("folder");
    let folder = Folder::open(dir.path()).expect("locked");
    let mut writer =
        JournalWriter::create(folder, dir.path(), options(8 << 10), "{}", at(0)).expect("begun");
    for n in 1..=400 {
        writer.push(&frame(n), at(n)).expect("taken");
        writer.prepare_next().expect("room");
    }
    assert!(writer.segment() > 8, "{} segments", writer.segment());
    let open = open_files(dir.path());
    assert!((1..=2).contains(&open), "{open} files open: the lock and one segment would do");
}

#[test]
fn a_reader_goes_on_at_any_segment_and_back_at_none() {
    let dir = tempfile::tempdir().expect("folder");
    let folder = Folder::open(dir.path()).expect("locked");
    let mut writer =
        JournalWriter::create(folder, dir.path(), options(16 << 10), "{}", at(0)).expect("begun");
    for n in 1..=400 {
        writer.push(&frame(n), at(n)).expect("taken");
    }
    writer.finish(at(401)).expect("ended");
    drop(writer);
    let open = || JournalReader::open(dir.path()).expect("a journal");
    let heads: Vec<_> = open().heads().copied().collect();
    assert!(heads.len() > 4, "{}", heads.len());
    for head in &heads {
        let mut reader = open();
        reader.skip_to(head.segment).expect("there");
        assert_eq!(reader.read_so_far(), (head.first_seq - 1, head.first_frame - 1));
        let mut next = head.first_frame;
        while let Some(entry) = reader.next_frame().expect("whole") {
            assert_eq!((entry.frame_number, entry.frame), (next, &*frame(next)));
            let of = heads.iter().rfind(|h| h.first_frame <= next).expect("a segment");
            assert_eq!(entry.segment, of.segment, "frame {next}");
            assert!(entry.seq > of.first_seq - 1);
            next += 1;
        }
        assert_eq!((next, reader.ending()), (401, &Ending::Closed));
    }
    let mut reader = open();
    reader.skip_to(3).expect("there");
    for gone in [0, 2, heads.len() as u64 + 1, u64::MAX] {
        let refused = reader.skip_to(gone).expect_err("behind, or not there");
        assert!(matches!(refused, TapeError::JournalDamaged { .. }), "{refused}");
    }
    // One that is skipped may be missing no more than one that is read.
    std::fs::remove_file(dir.path().join("000002.clj")).expect("removed");
    let refused = open().skip_to(4).expect_err("a hole");
    assert!(matches!(refused, TapeError::JournalDamaged { .. }), "{refused}");
}

#[test]
fn the_names_of_segments_mean_nothing() {
    let (disk, _) = write(ModelDisk::default(), 16 << 10, 300, 10, false);
    let mut disk = disk.expect("written");
    disk.rename("000001.clj", "000009.clj").expect("renamed");
    assert_eq!(recovered(&mut disk, &Outside::default()).expect("whole").frames, 300);
}

#[test]
fn a_segment_under_the_name_of_the_next_is_not_written_over() {
    let (disk, said) = write(ModelDisk::default(), 16 << 10, 100, 10, false);
    let mut disk = disk.expect("written");
    disk.rename("000002.clj", "000003.clj").expect("renamed by somebody");
    let found = recovered(&mut disk, &Outside::default()).expect("whole");
    assert_eq!((found.segment, said.synced.frame), (2, 100));
    let mut writer =
        JournalWriter::resume(disk, std::path::Path::new("x"), found, 300, at(1)).expect("goes on");
    let error = (101..400).find_map(|n| writer.push(&frame(n), at(n)).err()).expect("full");
    assert!(matches!(error, TapeError::JournalFailed { op: "rename", .. }), "{error}");
    assert!(prefix(&crate::support::frames_of(&mut writer.into_storage())) > 100);
}

#[test]
fn every_sync_is_announced_by_the_next_batch() {
    let (disk, said) = write(ModelDisk::default(), 64 << 10, 50, 10, false);
    let bytes = disk.expect("written").read("000001.clj").expect("one segment");
    let (mut at, mut seq, mut announced) = (256, 1, Vec::new());
    while let Step::Record(record) = step(&bytes[at..], (*b"instance of test", 1), seq) {
        if let (RecordKind::Synced, Some(seq)) = (record.kind, record.payload_as::<u64>()) {
            announced.push(seq);
        }
        at += record.bytes();
        seq += 1;
    }
    // The opening record, then such a record and ten frames a batch.
    assert_eq!(announced, [1, 12, 23, 34, 45]);
    assert_eq!(said.synced.seq, seq - 1);
}

#[test]
fn a_folder_has_one_writer() {
    let dir = tempfile::tempdir().expect("folder");
    let first = Folder::open(dir.path()).expect("free");
    let second = Folder::open(dir.path()).expect_err("two writers");
    assert!(matches!(second, TapeError::Busy { .. }), "{second}");
    drop(first);
    Folder::open(dir.path()).expect("free again");
}

#[test]
fn what_is_no_frame_or_too_long_is_refused_and_nothing_is_lost() {
    let mut writer = JournalWriter::create(
        ModelDisk::default(),
        std::path::Path::new("x"),
        options(4 << 10),
        "{}",
        at(0),
    )
    .expect("begun");
    let mut long = frame(1);
    long.resize(8 << 10, 0);
    long[0..4].copy_from_slice(&(8_u32 << 10).to_le_bytes());
    for bad in [&[0_u8; 40][..], &frame(1)[..40], &long] {
        let error = writer.push(bad, at(1)).expect_err("no frame of this journal");
        assert!(matches!(error, TapeError::BadFrame { .. }), "{error}");
    }
    writer.push(&frame(1), at(1)).expect("still usable");
    writer.write().expect("written");
    assert_eq!(writer.sync().expect("synced").frame, 1);
}

#[test]
fn a_folder_without_a_journal_says_so() {
    let dir = tempfile::tempdir().expect("folder");
    let error = JournalReader::open(dir.path()).expect_err("empty");
    assert!(error.to_string().contains("holds no journal"), "{error}");
    let mut folder = Folder::open(dir.path()).expect("free");
    assert!(recover(&mut folder, dir.path(), &Outside::default()).expect("empty").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// Whatever the batches and segments, what is read is what was pushed.
    #[test]
    fn any_batching_gives_the_same_frames(
        frames in 1_u64..300, batch in 1_u64..40, kib in 2_u64..40, ends in any::<bool>(),
    ) {
        let (disk, said) = write(ModelDisk::default(), kib << 10, frames, batch, ends);
        let mut disk = disk.expect("nothing failed");
        for name in disk.names() {
            let len = disk.bytes_mut(&name).expect("listed").len() as u64;
            assert!(len <= kib << 10, "{name}: {len} bytes of {kib} KiB");
        }
        let whole = if ends { frames } else { said.synced.frame };
        prop_assert_eq!(prefix(&crate::support::frames_of(&mut disk)), whole);
    }
}
