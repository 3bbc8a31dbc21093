//! Every bit of every head, a sample of payload bytes, every bit of a checkpoint log: one changed,
//! and the audit finds it there.

use crate::journal::write_files;
use crate::{Desk, found, whole};
use corelane_tools::audit::Kind;
use std::fs;

/// Writes one segment's file with one bit changed.
fn flip(desk: &Desk, segment: usize, bytes: &[u8], bit: usize) {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(desk.run().join(format!("journal/{:06}.clj", segment + 1)), bytes).unwrap();
}

#[test]
fn every_bit_of_every_segment_head() {
    let journal = whole();
    let desk = Desk::with(&journal, &[20]);
    let files = journal.files();
    for (segment, first_seq) in [1, 17, 32].into_iter().enumerate() {
        for bit in 0..256 * 8 {
            flip(&desk, segment, &files[segment], bit);
            let place = found(&desk.audit_alone(), Kind::Edit, first_seq);
            assert_eq!(place.byte, 0);
        }
        write_files(&desk.run(), &files);
    }
}

/// A flipped bit is an edit, except where it makes a whole record out of a whole record: nothing
/// does, the CRC covers the head.
#[test]
fn every_bit_of_every_record_head_and_every_seventh_of_its_payload() {
    let journal = whole();
    let desk = Desk::with(&journal, &[20]);
    let files = journal.files();
    let mut tried = 0;
    for (index, segment) in journal.segments.iter().enumerate() {
        for (n, record) in segment.records.iter().enumerate() {
            // Nothing stands behind the last seal that could vouch for it.
            if record.head.seq == journal.last_seq() {
                continue;
            }
            let start = segment.offset(n);
            let head = (0..56 * 8).step_by(if n < 3 { 1 } else { 5 });
            let payload = (56 * 8..record.len() * 8).step_by(7 * 8 + 1).take(24);
            for bit in head.chain(payload) {
                flip(&desk, index, &files[index], start * 8 + bit);
                let place = found(&desk.audit_alone(), Kind::Edit, record.head.seq);
                assert_eq!(place.byte, start as u64);
                tried += 1;
            }
        }
        write_files(&desk.run(), &files);
    }
    assert!(tried > 6_000, "{tried} bits");
}

#[test]
fn the_last_seal_is_covered_by_its_checkpoint() {
    let journal = whole();
    let desk = Desk::with(&journal, &[20, 46]);
    let files = journal.files();
    let start = journal.segments[2].offset(14);
    for bit in start * 8..(start + 72) * 8 {
        flip(&desk, 2, &files[2], bit);
        found(&desk.audit(), Kind::Edit, 46);
    }
}

#[test]
fn every_bit_of_a_checkpoint_log() {
    let journal = whole();
    let desk = Desk::with(&journal, &[7, 16, 46]);
    let log = fs::read(desk.anchor()).unwrap();
    for bit in 0..log.len() * 8 {
        let mut changed = log.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        fs::write(desk.anchor(), changed).unwrap();
        let report = desk.audit();
        let first = report.first().unwrap_or_else(|| panic!("bit {bit} is not seen"));
        assert_eq!(first.byte, (bit / 8 / 208 * 208) as u64, "bit {bit}");
        let byte = bit / 8 % 208;
        let expected =
            if (128..136).contains(&byte) { Kind::KeyChange } else { Kind::ForgedCheckpoint };
        assert_eq!(first.kind, expected, "byte {byte}");
    }
}

/// Random bytes over random places: nothing panics, and what is below a checkpoint is found.
#[test]
fn whatever_is_written_over_a_journal_is_found() {
    let journal = whole();
    let desk = Desk::with(&journal, &[46]);
    let files = journal.files();
    let mut seed = 42_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for round in 0..2_000 {
        let segment = next(3);
        let mut bytes = files[segment].clone();
        let end = journal.segments[segment].end();
        let (from, len) = (next(end), 1 + next(300));
        for byte in &mut bytes[from..(from + len).min(end)] {
            *byte = u8::try_from(next(256)).unwrap();
        }
        if bytes == files[segment] {
            continue;
        }
        fs::write(desk.run().join(format!("journal/{:06}.clj", segment + 1)), bytes).unwrap();
        let report = desk.audit();
        let first = report.first().unwrap_or_else(|| panic!("round {round} is not seen"));
        let index = (0..journal.segments[segment].records.len())
            .rev()
            .find(|n| journal.segments[segment].offset(*n) <= from);
        let first_seq = [1, 17, 32][segment];
        let due = first_seq + index.unwrap_or(0) as u64;
        assert_eq!(first.seqs.map(|seqs| seqs.0), Some(due), "round {round}: {first:?}");
        write_files(&desk.run(), &files);
    }
}
