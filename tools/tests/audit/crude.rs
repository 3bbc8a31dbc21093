//! The attacker who changes bytes, or records and their CRCs, and leaves the chain.

use crate::journal::{Journal, Record, SPARE, Segment, Shape, genesis, write_files};
use crate::{Desk, INSTANCE, OTHER, SHAPE, fine, found, found_in, frames, open, whole};
use corelane_tools::audit::Kind;
use wire::journal::RecordKind;

/// A journal without checkpoints, changed.
fn alone(change: impl FnOnce(&mut Journal)) -> Desk {
    let mut journal = whole();
    change(&mut journal);
    let desk = Desk::new();
    journal.write(&desk.run());
    desk
}

/// Numbers the middle segment anew.
fn renumber(journal: &mut Journal) {
    for (seq, record) in (17_u64..).zip(&mut journal.segments[1].records) {
        record.head.seq = seq;
        if record.kind() == RecordKind::Synced {
            record.payload = (seq - 1).to_le_bytes().to_vec();
        }
    }
}

/// Segment index and record index of the middle segment's sixth record, number 22.
const PLACE: (usize, usize) = (1, 5);

#[test]
fn a_whole_journal_is_fine_and_says_what_it_is() {
    let journal = whole();
    for threads in [1, 2, 3, 8] {
        let mut desk = Desk::with(&journal, &[10, 46]);
        desk.threads = threads;
        let report = desk.audit();
        fine(&report);
        assert_eq!((report.records, report.frames, report.segments), (46, 36, 3));
        assert_eq!(report.head, Some(journal.head_at(46).head));
        assert_eq!(report.instance, Some(INSTANCE));
        assert!(report.closed);
        let bytes: usize = journal.segments.iter().map(Segment::end).sum();
        assert_eq!(report.bytes, bytes as u64);
        assert_eq!(report.blind.records, 0);
        assert_eq!(report.last_checkpoint.unwrap().1.seq, 46);
    }
}

#[test]
fn an_open_end_is_no_tampering() {
    let journal = open();
    let desk = Desk::with(&journal, &[40]);
    let report = desk.audit();
    fine(&report);
    assert!(!report.closed);
    assert_eq!(report.json()["tail"]["state"], "nothing");
    assert_eq!(report.json()["tail"]["byte"], journal.segments[2].end());
    assert_eq!(report.synced_seq, 40);
    assert_eq!((report.blind.from_seq, report.blind.records), (41, 5));
    assert_eq!(report.blind.ns, 5 * crate::journal::STEP_NS);
}

#[test]
fn a_sealed_segment_whose_next_was_never_begun_is_an_open_end() {
    let mut journal = whole();
    journal.segments.pop();
    let desk = Desk::new();
    let mut files = journal.files();
    // The next one, allocated.
    files.push(vec![0; SPARE]);
    write_files(&desk.run(), &files);
    let report = desk.audit_alone();
    fine(&report);
    assert_eq!(report.json()["tail"]["state"], "seal");
    // Begun and torn: a head of which a sector was not written.
    let torn = &whole().segments[2].bytes()[..128];
    files[2][..128].copy_from_slice(torn);
    write_files(&desk.run(), &files);
    fine(&desk.audit_alone());
    // Begun, without a record yet.
    files[2][..256].copy_from_slice(&whole().segments[2].bytes()[..256]);
    write_files(&desk.run(), &files);
    let report = desk.audit_alone();
    fine(&report);
    assert_eq!((report.segments, report.synced_seq), (3, 31));
}

#[test]
fn an_edited_record() {
    for seq in 1..=45 {
        let desk = alone(|journal| journal.record(seq).payload[1] ^= 1);
        found(&desk.audit_alone(), Kind::Edit, seq);
    }
}

#[test]
fn an_edited_record_with_its_crc_right_breaks_the_chain() {
    let edit = |journal: &mut Journal| {
        let record = journal.record(22);
        record.payload[20] ^= 1;
        record.fit();
    };
    found_in(&alone(edit).audit_alone(), Kind::Edit, (17, 31));
    // Checkpoints say more closely where.
    let mut journal = whole();
    let desk = Desk::with(&journal, &[19, 25, 28]);
    edit(&mut journal);
    journal.write(&desk.run());
    found_in(&desk.audit(), Kind::Rewrite, (20, 25));
}

#[test]
fn a_head_that_is_chained_to_something_else() {
    let desk = alone(|journal| {
        journal.segments[2].head.prev_head[0] ^= 1;
        journal.segments[2].fit_head();
    });
    found_in(&desk.audit_alone(), Kind::Edit, (17, 31));
    // With the segment's last record signed, it is the next one's head.
    let journal = whole();
    let desk = Desk::with(&journal, &[31]);
    let mut changed = journal.clone();
    changed.segments[2].head.prev_head[0] ^= 1;
    changed.segments[2].fit_head();
    changed.write(&desk.run());
    found(&desk.audit(), Kind::Edit, 32);
}

#[test]
fn a_deleted_record() {
    for seq in (1..=30).filter(|seq| *seq != 16) {
        let desk = alone(|journal| {
            let (segment, index) = journal.place(seq);
            journal.segments[segment].records.remove(index);
        });
        found(&desk.audit_alone(), Kind::Delete, seq);
    }
    // A segment's seal: nothing follows it in its file, but another segment does.
    let desk = alone(|journal| {
        journal.segments[0].records.pop();
    });
    found(&desk.audit_alone(), Kind::Delete, 16);
}

#[test]
fn a_deleted_record_with_numbers_and_crcs_right_is_missed_by_the_seal() {
    let desk = alone(|journal| {
        journal.segments[PLACE.0].records.remove(PLACE.1);
        renumber(journal);
        journal.fit_crcs();
    });
    found_in(&desk.audit_alone(), Kind::Delete, (17, 30));
}

#[test]
fn a_record_wiped_out_with_zeros() {
    let desk = alone(|_| {});
    let journal = whole();
    let mut files = journal.files();
    let (from, to) = (journal.segments[1].offset(5), journal.segments[1].offset(6));
    files[1][from..to].fill(0);
    write_files(&desk.run(), &files);
    found(&desk.audit_alone(), Kind::Delete, 22);
    // The rest of a segment before another one.
    let end = files[1].len();
    files[1][from..end].fill(0);
    write_files(&desk.run(), &files);
    found(&desk.audit_alone(), Kind::Delete, 22);
    files[1].truncate(from);
    write_files(&desk.run(), &files);
    found(&desk.audit_alone(), Kind::Delete, 22);
    files[1].truncate(from - 1);
    write_files(&desk.run(), &files);
    found(&desk.audit_alone(), Kind::Edit, 21);
}

#[test]
fn an_inserted_record() {
    // With the number that is due: then the true one comes again.
    let desk = alone(|journal| {
        let mut record = journal.segments[1].records[5].clone();
        record.payload[30] ^= 1;
        record.fit();
        journal.segments[1].records.insert(5, record);
    });
    found(&desk.audit_alone(), Kind::Insert, 22);
    // With an old number.
    let desk = alone(|journal| {
        let mut record = journal.segments[1].records[2].clone();
        record.payload[30] ^= 1;
        record.fit();
        journal.segments[1].records.insert(5, record);
    });
    found(&desk.audit_alone(), Kind::Insert, 19);
    // Bytes that are no record, of any length.
    for len in [1, 8, 55, 56, 200, 5_000] {
        for byte in [0x5a, 0] {
            let mut files = whole().files();
            let at = whole().segments[1].offset(5);
            files[1].splice(at..at, vec![byte; len]);
            write_files(&desk.run(), &files);
            found(&desk.audit_alone(), Kind::Insert, 22);
        }
    }
}

#[test]
fn an_inserted_record_with_numbers_and_crcs_right_is_one_too_many_for_the_seal() {
    let desk = alone(|journal| {
        let record = journal.segments[1].records[3].clone();
        journal.segments[1].records.insert(3, record);
        renumber(journal);
        journal.fit_crcs();
    });
    found_in(&desk.audit_alone(), Kind::Insert, (17, 32));
}

#[test]
fn bytes_and_segments_after_a_seal() {
    let desk = alone(|_| {});
    let mut files = whole().files();
    let end = whole().segments[0].end();
    files[0][end + 100] = 1;
    write_files(&desk.run(), &files);
    found(&desk.audit_alone(), Kind::Insert, 17);
    // The journal was closed, and yet goes on.
    let desk = alone(|journal| {
        let seal = &mut journal.segments[1].records[14];
        seal.payload[8..].fill(0);
        seal.fit();
        journal.chain();
    });
    found(&desk.audit_alone(), Kind::Insert, 32);
    let desk = alone(|_| {});
    std::fs::write(desk.run().join("journal/000009.clj"), [1; 300]).unwrap();
    found(&desk.audit_alone(), Kind::Insert, 47);
}

#[test]
fn swapped_records() {
    for (one, other) in [(18, 19), (18, 30), (2, 14), (33, 45)] {
        let desk = alone(|journal| {
            let ((segment, a), (_, b)) = (journal.place(one), journal.place(other));
            journal.segments[segment].records.swap(a, b);
        });
        found(&desk.audit_alone(), Kind::Swap, one);
    }
}

#[test]
fn a_record_that_stands_twice() {
    for (from, to) in [(5, 6), (5, 11), (0, 1), (13, 14)] {
        let desk = alone(|journal| {
            let record = journal.segments[1].records[from].clone();
            journal.segments[1].records.insert(to, record);
        });
        found(&desk.audit_alone(), Kind::Duplicate, 17 + to as u64);
    }
}

#[test]
fn records_of_elsewhere() {
    // Another journal's.
    let other = Journal::of(OTHER, &frames(36), SHAPE);
    let desk = alone(|journal| {
        journal.segments[1].records[5] = other.segments[1].records[5].clone();
    });
    found(&desk.audit_alone(), Kind::Splice, 22);
    // Another segment's, as a lost write leaves it.
    let desk = alone(|journal| {
        journal.segments[1].records[5] = journal.segments[0].records[5].clone();
    });
    found(&desk.audit_alone(), Kind::Splice, 22);
    // Whole segments of another journal.
    for index in 0..3 {
        let desk = alone(|journal| journal.segments[index] = other.segments[index].clone());
        found(&desk.audit_alone(), Kind::Splice, [1, 17, 32][index]);
    }
    // Of another past of the same journal.
    let mut past = whole();
    past.record(20).payload[20] ^= 1;
    past.refit();
    let desk = alone(|journal| journal.segments[1] = past.segments[1].clone());
    found_in(&desk.audit_alone(), Kind::Edit, (17, 31));
}

#[test]
fn a_chain_that_starts_again() {
    let desk = alone(|journal| {
        journal.segments[1].head.prev_head = genesis(INSTANCE);
        journal.segments[1].fit_head();
    });
    found(&desk.audit_alone(), Kind::ResetGenesis, 17);
    let desk = alone(|journal| {
        journal.segments[0].head.prev_head = genesis(OTHER);
        journal.chain();
        journal.segments[0].head.prev_head = genesis(OTHER);
        journal.segments[0].fit_head();
    });
    found(&desk.audit_alone(), Kind::ResetGenesis, 1);
    let desk = alone(|journal| {
        journal.segments.remove(0);
        journal.segments[0].head.prev_head = genesis(INSTANCE);
        journal.segments[0].fit_head();
    });
    found(&desk.audit_alone(), Kind::ResetGenesis, 1);
}

#[test]
fn a_journal_that_does_not_begin_with_its_first_record() {
    let desk = alone(|journal| {
        journal.segments[0].records.remove(0);
        journal.refit();
    });
    found(&desk.audit_alone(), Kind::Delete, 1);
    let desk = alone(|journal| {
        let open = journal.record(1).clone();
        journal.segments[1].records.insert(3, open);
        journal.refit();
    });
    found(&desk.audit_alone(), Kind::Insert, 20);
}

#[test]
fn records_that_say_what_cannot_be() {
    // Each is chained and sealed as it should be.
    let cases: [(u64, RecordKind, Vec<u8>, Kind); 4] = [
        (20, RecordKind::Synced, 20_u64.to_le_bytes().to_vec(), Kind::Edit),
        (20, RecordKind::Synced, vec![0; 16], Kind::Edit),
        (20, RecordKind::Recovered, vec![0; 24], Kind::Edit),
        (20, RecordKind::Recovered, vec![0; 16], Kind::Edit),
    ];
    for (seq, kind, payload, expected) in cases {
        let mut journal = whole();
        let (segment, index) = journal.place(seq);
        journal.segments[segment].records.insert(index, Record::new(kind, vec![0; 8]));
        journal.refit();
        journal.record(seq).payload = payload;
        journal.fit_crcs();
        journal.chain();
        let desk = Desk::new();
        journal.write(&desk.run());
        found(&desk.audit_alone(), expected, seq);
    }
    let desk = alone(|journal| {
        journal.record(31).payload[8] = 9;
        journal.fit_crcs();
        journal.chain();
    });
    found(&desk.audit_alone(), Kind::Edit, 31);
}

#[test]
fn a_recovered_journal_is_whole() {
    let mut journal = open();
    let mut payload = vec![0; 24];
    payload[0] = 27;
    journal.segments[2].records.insert(3, Record::new(RecordKind::Recovered, payload));
    journal.refit();
    let desk = Desk::new();
    journal.write(&desk.run());
    fine(&desk.audit_alone());
}

#[test]
fn damage_above_what_was_synced_is_an_open_end_and_below_it_is_not() {
    let shape = Shape { segment: 12, sync: 4, closed: false };
    for seq in 32..=46 {
        let mut journal = Journal::of(INSTANCE, &frames(37), Shape { segment: 13, ..shape });
        let last = journal.last_seq();
        let synced =
            journal.segments[2].records.iter().rposition(|r| r.kind() == RecordKind::Synced);
        let synced = journal.segments[2].records[synced.unwrap()].head.seq;
        let seq = (seq + 2).min(last);
        journal.record(seq).payload[1] ^= 1;
        let desk = Desk::new();
        journal.write(&desk.run());
        let report = desk.audit_alone();
        if seq < synced {
            found(&report, Kind::Edit, seq);
        } else {
            fine(&report);
            assert_eq!(report.json()["tail"]["state"], "damage");
            assert_eq!(report.json()["tail"]["records_behind"], last - seq);
            assert_eq!(report.records, seq - 1);
        }
    }
}
