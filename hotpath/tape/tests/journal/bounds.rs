//! Values and bounds that no other test looks at: each is here for a change that once went unseen.

use crate::support::{PATH, at, frame, options, recovered, write};
use corelane_tape::TapeError;
use corelane_tape::journal::model::ModelDisk;
use corelane_tape::journal::record::genesis;
use corelane_tape::journal::{
    Folder, JournalReader, JournalWriter, Outside, SegmentHead, Storage as _,
};
use sha2::{Digest as _, Sha256};
use std::path::Path;

#[test]
fn a_chain_begins_with_its_instance_and_a_head_keeps_both_clocks() {
    let due = Sha256::digest([&b"corelane journal genesis"[..], b"instance of test"].concat());
    assert_eq!(genesis(*b"instance of test")[..], due[..]);
    let (disk, _) = write(ModelDisk::default(), 8 << 10, 0, 1, false);
    let bytes = disk.expect("written").read("000001.clj").expect("there");
    let head = SegmentHead::parse(&bytes).expect("a head");
    assert_eq!((head.begun, head.prev_head), (at(0), genesis(*b"instance of test")));
    assert_eq!((head.segment, head.first_seq, head.first_frame, head.epoch), (1, 1, 1, 3));
}

#[test]
fn a_folder_clears_a_file_to_zeros_at_its_length() {
    let dir = tempfile::tempdir().expect("folder");
    let mut folder = Folder::open(dir.path()).expect("free");
    folder.allocate("000001.clj", 8_192).expect("room");
    assert_eq!(folder.write_at("000001.clj", 100, &[7; 5_000]).expect("written"), 5_000);
    folder.clear_from("000001.clj", 200, 8_192).expect("cleared");
    let bytes = folder.read("000001.clj").expect("there");
    assert!(bytes.len() == 8_192 && bytes[100..200] == [7; 100] && bytes[200..] == [0; 7_992]);
    folder.shrink("000001.clj", 150).expect("shorter");
    assert_eq!(folder.read("000001.clj").expect("there").len(), 150);
}

#[test]
fn a_cut_is_kept_under_the_name_of_its_place() {
    let (disk, _) = write(ModelDisk::default(), 8 << 10, 10, 5, false);
    let mut disk = disk.expect("written");
    let whole = recovered(&mut disk, &Outside::default()).expect("whole");
    let end = usize::try_from(whole.offset).expect("small");
    disk.bytes_mut("000001.clj").expect("there")[end] = 9;
    let found = recovered(&mut disk, &Outside::default()).expect("above the watermark");
    let name = format!("cut-000001-{end}.bin");
    assert_eq!((found.cut_file.as_deref(), found.cut_bytes), (Some(name.as_str()), 1));
    assert_eq!(disk.read(&name).expect("kept"), [9]);
}

/// A journal that ended in good order is as short as its records, and nobody need vouch for it.
#[test]
fn a_closed_journal_is_short_and_whole() {
    let (disk, _) = write(ModelDisk::default(), 8 << 10, 10, 5, true);
    let mut disk = disk.expect("written");
    let before = disk.read("000001.clj").expect("there");
    assert!(before.len() < 8 << 10);
    assert!(recovered(&mut disk, &Outside::default()).expect("whole").is_closed);
    assert_eq!(disk.read("000001.clj").expect("there"), before, "nothing is made longer");
}

#[test]
fn zeros_inside_a_segment_that_others_follow_are_damage() {
    let (disk, _) = write(ModelDisk::default(), 8 << 10, 100, 10, true);
    let dir = tempfile::tempdir().expect("folder");
    let mut disk = disk.expect("written");
    disk.bytes_mut("000001.clj").expect("there")[4_000..].fill(0);
    disk.bytes_mut("000001.clj").expect("there")[256 + 56 + 24..].fill(0);
    for name in disk.names() {
        let bytes = disk.bytes_mut(&name).expect("listed").clone();
        std::fs::write(dir.path().join(name), bytes).expect("written");
    }
    let mut reader = JournalReader::open(dir.path()).expect("heads are right");
    let error = reader.next_frame().expect_err("others follow");
    assert!(error.to_string().contains("ends without its seal"), "{error}");
    // Shorter than a head: damage too, and no failure of the system.
    std::fs::write(dir.path().join("000001.clj"), [1; 100]).expect("written");
    let error = JournalReader::open(dir.path()).expect_err("no head");
    assert!(matches!(error, TapeError::JournalDamaged { .. }), "{error}");
}

#[test]
fn an_opening_record_that_just_fits_is_taken() {
    // Head, record, text, the next multiple of 8, seal.
    let about = "x".repeat(40);
    let options = options((256 + 56 + about.len() + 8) as u64 + 72);
    let writer =
        JournalWriter::create(ModelDisk::default(), Path::new(PATH), options, &about, at(0));
    assert_eq!(writer.expect("fits").synced().seq, 1);
}

#[test]
fn frames_pushed_while_a_sync_is_due_do_not_announce_it_twice() {
    let disk = ModelDisk::default();
    let mut writer =
        JournalWriter::create(disk, Path::new(PATH), options(8 << 10), "{}", at(0)).expect("begun");
    // The opening record is announced by the first batch, once.
    for n in 1..=3 {
        writer.push(&frame(n), at(n)).expect("taken");
    }
    assert_eq!(writer.write().expect("written").seq, 1 + 1 + 3);
    // Nothing was synced since: the next batch has nothing to announce.
    writer.push(&frame(4), at(4)).expect("taken");
    assert_eq!(writer.write().expect("written").seq, 5 + 1);
}
