//! The attacker who knows everything but the notary's key: only what was signed tells.

use crate::journal::{Journal, Record};
use crate::{Desk, INSTANCE, OTHER, SHAPE, fine, found, found_in, frames, open, whole};
use corelane_tools::audit::{Kind, check};

/// What was signed.
const SIGNED: [u64; 5] = [7, 16, 25, 26, 40];

/// One way to change a journal at a record.
type Attack = (&'static str, fn(&mut Journal, u64));

fn records(journal: &mut Journal, seq: u64) -> (&mut Vec<Record>, usize) {
    let (segment, index) = journal.place(seq);
    (&mut journal.segments[segment].records, index)
}

const ATTACKS: [Attack; 6] = [
    ("edit", |journal, seq| {
        let payload = &mut journal.record(seq).payload;
        let last = payload.len() - 1;
        payload[last] ^= 0x80;
    }),
    ("delete", |journal, seq| {
        let (records, index) = records(journal, seq);
        records.remove(index);
    }),
    ("insert", |journal, seq| {
        let (records, index) = records(journal, seq);
        let mut record = records[index].clone();
        record.payload[24] ^= 1;
        records.insert(index, record);
    }),
    ("swap", |journal, seq| {
        let (records, index) = records(journal, seq);
        records.swap(index, index + 1);
    }),
    ("duplicate", |journal, seq| {
        let (records, index) = records(journal, seq);
        let record = records[index].clone();
        records.insert(index + 1, record);
    }),
    ("splice", |journal, seq| {
        let other = Journal::of(OTHER, &frames(72)[36..], SHAPE);
        let (segment, index) = other.place(seq);
        *journal.record(seq) = other.segments[segment].records[index].clone();
    }),
];

/// The checkpoints round a record: the first it can be told from, and the last that fits.
fn bounds(seq: u64) -> Option<(u64, u64)> {
    let next = SIGNED.iter().find(|signed| **signed >= seq)?;
    let before = SIGNED.iter().rev().find(|signed| **signed < seq).unwrap_or(&0);
    Some((before + 1, *next))
}

#[test]
fn every_change_below_a_checkpoint_is_a_rewrite_between_two_of_them() {
    let is_frame = |journal: &mut Journal, seq| journal.record(seq).payload.len() > 24;
    for (name, attack) in ATTACKS {
        for seq in 2..=40 {
            let mut journal = whole();
            if !is_frame(&mut journal, seq) || !is_frame(&mut journal, seq + 1) {
                continue;
            }
            let desk = Desk::with(&journal, &SIGNED);
            attack(&mut journal, seq);
            journal.refit();
            journal.write(&desk.run());
            fine(&desk.audit_alone());
            let report = desk.audit();
            let (first, last) = bounds(seq).unwrap();
            // Of a duplicate the first of the two is as it was.
            let (first, last) =
                if name == "duplicate" { bounds(seq + 1).unwrap() } else { (first, last) };
            found_in(&report, Kind::Rewrite, (first, last));
        }
    }
}

#[test]
fn a_rewrite_from_any_record_is_seen_up_to_the_last_checkpoint_and_told_as_blind_behind_it() {
    let journal = open();
    for seq in 2..=45 {
        let desk = Desk::with(&journal, &SIGNED);
        let mut forged =
            Journal::of(INSTANCE, &frames(36), crate::Shape { closed: false, ..SHAPE });
        let mut changed = false;
        for at in seq..=45 {
            let record = forged.record(at);
            if record.kind() == wire::journal::RecordKind::Frame {
                let last = record.payload.len() - 1;
                record.payload[last] ^= 1;
                changed = true;
            }
        }
        forged.refit();
        forged.write(&desk.run());
        assert!(changed);
        fine(&desk.audit_alone());
        let report = desk.audit();
        if seq <= 40 {
            let first = report.first().unwrap();
            assert_eq!(first.kind, Kind::Rewrite);
            let (low, high) = first.seqs.unwrap();
            let frame =
                (seq..=46).find(|at| forged.record(*at).kind() == wire::journal::RecordKind::Frame);
            assert!(low <= frame.unwrap() && frame.unwrap() <= high, "{seq} in {low}..={high}");
        } else {
            fine(&report);
            assert!(
                (report.blind.from_seq..report.blind.from_seq + report.blind.records)
                    .contains(&seq)
            );
            assert_eq!((report.blind.from_seq, report.blind.records), (41, 5));
            assert!(report.blind.why.contains("written after the last checkpoint"));
            assert!(report.blind.why.contains("written anew"), "{}", report.blind.why);
        }
    }
}

#[test]
fn without_a_checkpoint_a_full_rewrite_cannot_be_seen_and_the_audit_says_so() {
    let mut journal = whole();
    let desk = Desk::new();
    journal.record(5).payload[60] ^= 1;
    journal.refit();
    journal.write(&desk.run());
    let report = desk.audit();
    fine(&report);
    assert_eq!(report.blind.why, "no checkpoint: a full rewrite cannot be seen");
    assert_eq!((report.blind.from_seq, report.blind.records), (1, 46));
    assert_eq!(report.signatures(), "none");
}

#[test]
fn the_run_s_own_log_alone_leaves_everything_blind() {
    let journal = whole();
    let desk = Desk::with(&journal, &SIGNED);
    std::fs::remove_file(desk.anchor()).unwrap();
    // It sees a rewrite that leaves it as it is,
    let mut forged = journal.clone();
    forged.record(30).payload[60] ^= 1;
    forged.refit();
    forged.write(&desk.run());
    found_in(&desk.audit(), Kind::Rewrite, (27, 40));
    // but not one that cuts it back too.
    let log = std::fs::read(desk.own_log()).unwrap();
    std::fs::write(desk.own_log(), &log[..4 * 208]).unwrap();
    let report = desk.audit();
    fine(&report);
    assert_eq!((report.blind.from_seq, report.blind.records), (1, 46));
    assert!(report.blind.why.contains("no anchor outside"), "{}", report.blind.why);
    // A log in the run's folder is no anchor, whatever its name.
    std::fs::copy(desk.own_log(), desk.run().join("anchor.clk")).unwrap();
    let mut request = desk.request();
    request.checkpoints = vec![desk.run().join("anchor.clk"), desk.own_log()];
    let report = check(&request).unwrap();
    assert_eq!(report.blind.records, 46);
    assert_eq!(report.json()["checkpoints"].as_array().unwrap().len(), 2);
}

#[test]
fn without_a_public_key_everything_is_blind() {
    let desk = Desk::with(&whole(), &SIGNED);
    let mut request = desk.request();
    request.public_key = None;
    let report = check(&request).unwrap();
    fine(&report);
    assert_eq!((report.signatures(), report.blind.records), ("unchecked", 46));
    assert!(report.blind.why.contains("no public key"), "{}", report.blind.why);
}

#[test]
fn a_journal_begun_anew_under_the_same_instance() {
    let journal = whole();
    let desk = Desk::with(&journal, &SIGNED);
    let mut anew = journal;
    anew.segments.remove(0);
    anew.segments[0].records.insert(0, whole().record(1).clone());
    anew.refit();
    anew.write(&desk.run());
    fine(&desk.audit_alone());
    found_in(&desk.audit(), Kind::Rewrite, (1, 7));
}

#[test]
fn a_journal_begun_anew_under_another_instance() {
    let desk = Desk::with(&whole(), &SIGNED);
    Journal::of(OTHER, &frames(36), SHAPE).write(&desk.run());
    fine(&desk.audit_alone());
    found(&desk.audit(), Kind::WrongInstance, 1);
    // Without a checkpoint the instance that was expected tells.
    let mut request = desk.request();
    request.checkpoints.clear();
    std::fs::remove_file(desk.own_log()).unwrap();
    request.instance = Some(INSTANCE);
    found(&check(&request).unwrap(), Kind::WrongInstance, 1);
    request.instance = Some(OTHER);
    fine(&check(&request).unwrap());
}

#[test]
fn a_segment_replaced_with_its_chain_right_behind_it() {
    for index in 0..3 {
        let journal = whole();
        let desk = Desk::with(&journal, &[16, 31, 46]);
        let mut forged = journal.clone();
        let other = Journal::of(OTHER, &frames(72)[36..], SHAPE);
        forged.segments[index].records = other.segments[index].records.clone();
        forged.refit();
        forged.write(&desk.run());
        fine(&desk.audit_alone());
        let (first, last) = [(1, 16), (17, 31), (32, 46)][index];
        found_in(&desk.audit(), Kind::Rewrite, (first, last));
    }
}
