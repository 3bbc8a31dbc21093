//! What is done to files: cut, renamed, swapped, doubled, removed, taken from an older copy.

use crate::journal::{Journal, Segment, Signer, write_files};
use crate::{Desk, INSTANCE, SHAPE, fine, found, found_in, frames, open, whole};
use corelane_tools::audit::{Kind, check};
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use wire::exit::Exit;

#[test]
fn names_mean_nothing() {
    let desk = Desk::with(&whole(), &[10, 46]);
    let mut files = whole().files();
    files.reverse();
    write_files(&desk.run(), &files);
    fine(&desk.audit());
    let folder = desk.run().join("journal");
    fs::rename(folder.join("000002.clj"), folder.join("next.clj")).unwrap();
    fs::write(folder.join("lock"), "1").unwrap();
    fs::write(folder.join("cut-3-512.bin"), [7; 99]).unwrap();
    let report = desk.audit();
    fine(&report);
    assert_eq!(report.segments, 3);
}

#[test]
fn a_missing_segment() {
    let desk = Desk::with(&whole(), &[10, 40]);
    for (index, seq) in [1, 17].into_iter().enumerate() {
        let mut files = whole().files();
        files.remove(index);
        write_files(&desk.run(), &files);
        found(&desk.audit(), Kind::Delete, seq);
        found(&desk.audit_alone(), Kind::Delete, seq);
    }
    // Of the last one the journal itself does not know.
    let mut files = whole().files();
    files.pop();
    write_files(&desk.run(), &files);
    fine(&desk.audit_alone());
    found(&desk.audit(), Kind::Truncation, 32);
    // All of them.
    write_files(&desk.run(), &[]);
    found(&desk.audit(), Kind::Truncation, 1);
}

#[test]
fn a_doubled_segment() {
    let desk = Desk::with(&whole(), &[46]);
    for (index, seq) in [1, 17, 32].into_iter().enumerate() {
        let mut files = whole().files();
        files.push(files[index].clone());
        write_files(&desk.run(), &files);
        found(&desk.audit(), Kind::Duplicate, seq);
    }
    // Two of one number that are not the same.
    let mut past = whole();
    past.record(24).payload[50] ^= 1;
    past.refit();
    let mut files = whole().files();
    files.push(past.files()[1].clone());
    write_files(&desk.run(), &files);
    found(&desk.audit(), Kind::Fork, 24);
}

#[test]
fn segments_that_changed_numbers() {
    let mut journal = whole();
    let desk = Desk::with(&journal, &[46]);
    // Heads alone, with their CRC right: their records do not follow.
    (journal.segments[0].head.segment, journal.segments[1].head.segment) = (2, 1);
    journal.segments.iter_mut().for_each(Segment::fit_head);
    journal.write(&desk.run());
    found(&desk.audit(), Kind::ResetGenesis, 1);
    // Records too, all chained, but not counted anew.
    let mut journal = whole();
    let doubled = journal.segments[1].clone();
    journal.segments.insert(2, doubled);
    for (number, segment) in (1..).zip(&mut journal.segments) {
        segment.head.segment = number;
        segment.records.iter_mut().for_each(|record| record.head.segment = number);
        let seal = segment.records.last_mut().unwrap();
        seal.payload[8] = if number < 4 { u8::try_from(number).unwrap() + 1 } else { 0 };
    }
    journal.fit_crcs();
    journal.chain();
    journal.write(&desk.run());
    found_in(&desk.audit(), Kind::Duplicate, (17, 32));
}

/// Every byte round every end of a record, and every end of a segment.
#[test]
fn a_cut_end_is_open_without_an_anchor_and_a_truncation_with_one() {
    let journal = open();
    let signed = [20, 46 - 1];
    let desk = Desk::with(&journal, &signed);
    let files = journal.files();
    let last = &journal.segments[2];
    for index in 0..=last.records.len() {
        let end = last.offset(index);
        for cut in [end - 1, end, end + 1] {
            let mut files = files.clone();
            files[2].truncate(cut);
            write_files(&desk.run(), &files);
            let whole = last.offset(last.records.len()) <= cut;
            let kept = (0..=last.records.len()).rev().find(|n| last.offset(*n) <= cut);
            let report = desk.audit_alone();
            fine(&report);
            assert_eq!(report.records, 31 + kept.unwrap_or(0) as u64, "{cut}");
            let report = desk.audit();
            if whole {
                fine(&report);
            } else {
                found(&report, Kind::Truncation, 32 + kept.unwrap_or(0) as u64);
            }
        }
    }
}

#[test]
fn a_cut_in_front_of_zeros_is_seen_the_same() {
    let journal = open();
    let desk = Desk::with(&journal, &[45]);
    let last = &journal.segments[2];
    for index in 0..last.records.len() {
        let mut files = journal.files();
        files[2][last.offset(index)..].fill(0);
        write_files(&desk.run(), &files);
        found(&desk.audit(), Kind::Truncation, 32 + index as u64);
    }
}

#[test]
fn damage_in_the_open_end_that_was_signed_is_no_crash() {
    let journal = open();
    for seq in 42..=45 {
        let desk = Desk::with(&journal, &[45]);
        let mut damaged = journal.clone();
        damaged.record(seq).payload[0] ^= 1;
        damaged.write(&desk.run());
        fine(&desk.audit_alone());
        found(&desk.audit(), Kind::Edit, seq);
    }
}

#[test]
fn an_older_copy() {
    let journal = whole();
    for (frames_kept, seqs) in [(30, vec![7, 16, 25]), (12, vec![7])] {
        let older =
            Journal::of(INSTANCE, &frames(frames_kept), crate::Shape { closed: false, ..SHAPE });
        let end = older.last_seq();
        let desk = Desk::with(&journal, &[7, 16, 25, 40, 46]);
        older.write(&desk.run());
        let mut old_log = Signer::new(7);
        old_log.sign(&journal, &seqs);
        old_log.write(&desk.own_log());
        // With the anchor.
        found(&desk.audit(), Kind::Rollback, end + 1);
        // The log was not rolled back with it.
        desk.signer.write(&desk.own_log());
        found(&desk.audit(), Kind::Truncation, end + 1);
        // Without an anchor it cannot be seen, and everything is told as blind.
        old_log.write(&desk.own_log());
        fs::remove_file(desk.anchor()).unwrap();
        let report = desk.audit();
        fine(&report);
        assert_eq!(report.blind.records, end);
    }
}

#[test]
fn the_run_s_own_log_cut_back_alone() {
    let desk = Desk::with(&whole(), &[7, 16, 46]);
    let log = fs::read(desk.own_log()).unwrap();
    fs::write(desk.own_log(), &log[..2 * 208]).unwrap();
    let report = desk.audit();
    let first = report.first().unwrap();
    assert_eq!((first.kind, first.seqs, first.byte), (Kind::Truncation, None, 2 * 208));
    assert!(first.file.ends_with("checkpoints.clk"));
    // Without it an anchor is enough.
    fs::remove_file(desk.own_log()).unwrap();
    fine(&desk.audit());
}

/// Written in pieces that end anywhere, each segment allocated under another name first.
fn grow(journal: &Journal, folder: &Path) {
    for (number, bytes) in (1..).zip(journal.files()) {
        let next = folder.join("next.clj");
        let file = fs::File::create(&next).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        fs::rename(next, folder.join(format!("{number:06}.clj"))).unwrap();
        for (index, piece) in bytes.chunks(37).enumerate() {
            file.write_all_at(piece, 37 * index as u64).unwrap();
        }
    }
}

#[test]
fn a_journal_is_fine_at_every_moment_of_its_growth() {
    let journal = Journal::of(INSTANCE, &frames(3_000), SHAPE);
    let desk = Desk::new();
    let folder = desk.run().join("journal");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("next.clj"), [0; 256]).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| grow(&journal, &folder));
        let mut seen = 0;
        while !writer.is_finished() {
            match check(&desk.request()) {
                Ok(report) => {
                    fine(&report);
                    assert!(report.records >= seen, "it only grows");
                    seen = report.records;
                }
                // Before its first segment is begun.
                Err(failure) => assert_eq!((failure.exit, seen), (Exit::Resource, 0)),
            }
        }
    });
    assert_eq!(desk.audit().records, journal.last_seq());
}

#[test]
fn what_cannot_be_read_is_no_verdict() {
    let desk = Desk::new();
    let exit = |request: &corelane_tools::audit::Request| check(request).unwrap_err().exit;
    assert_eq!(exit(&desk.request()), Exit::Resource);
    fs::create_dir(desk.run().join("journal")).unwrap();
    assert_eq!(exit(&desk.request()), Exit::Resource);
    whole().write(&desk.run());
    fine(&desk.audit());
    let mut request = desk.request();
    request.checkpoints = vec![desk.path().join("none.clk")];
    assert_eq!(exit(&request), Exit::Resource);
    let mut request = desk.request();
    request.run_dir = desk.path().join("none");
    assert_eq!(exit(&request), Exit::Resource);
    for text in ["", "zz", &"0".repeat(64), &"7".repeat(63)] {
        fs::write(desk.public_key(), text).unwrap();
        assert_eq!(exit(&desk.request()), Exit::Resource, "{text}");
    }
    // A journal of a version to come.
    let mut journal = whole();
    journal.segments[1].head.version = 2;
    journal.segments[1].fit_head();
    journal.write(&desk.run());
    let failure = check(&desk.request()).unwrap_err();
    assert_eq!(failure.exit, Exit::Resource, "the key first");
    desk.signer.write_public_key(desk.path());
    assert_eq!(exit(&desk.request()), Exit::WireVersion);
}
