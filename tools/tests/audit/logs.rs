//! What is done to checkpoint logs.

use crate::journal::{Journal, Signer};
use crate::{Desk, INSTANCE, OTHER, SHAPE, fine, found_in, frames, whole};
use corelane_tools::audit::{Kind, Report, check};
use std::fs;

const SIGNED: [u64; 5] = [7, 16, 25, 26, 40];

/// The audit's first word is about a log, at an entry.
fn found_log(report: &Report, kind: Kind, entry: u64) {
    let first = report.first().unwrap_or_else(|| panic!("nothing found, not {kind}"));
    assert_eq!((first.kind, first.seqs), (kind, None), "{:#?}", report.findings);
    assert_eq!(first.byte, (entry - 1) * 208);
}

/// A desk whose anchor, and not the run's own log, is changed.
fn anchor(change: impl FnOnce(&mut Signer)) -> Desk {
    let desk = Desk::with(&whole(), &SIGNED);
    let mut signer = desk.signer.clone();
    change(&mut signer);
    signer.write(&desk.anchor());
    desk
}

#[test]
fn a_forged_checkpoint() {
    // Bytes alone.
    let desk = anchor(|signer| signer.log[2].seq += 1);
    found_log(&desk.audit(), Kind::ForgedCheckpoint, 3);
    // With the key's id and another key's signature.
    let desk = anchor(|signer| {
        let id = signer.log[2].key_id;
        let forger = Signer::new(8);
        forger.seal(&mut signer.log[2]);
        signer.log[2].key_id = id;
    });
    let mut report = desk.audit();
    report.findings.retain(|finding| finding.kind != Kind::Fork);
    found_log(&report, Kind::ForgedCheckpoint, 3);
    // A limits file's signature is none here, nor is one over something else.
    let desk = anchor(|signer| {
        let wrong = signer.log[1].signature;
        signer.log[2].signature = wrong;
    });
    found_log(&desk.audit(), Kind::ForgedCheckpoint, 3);
}

#[test]
fn another_key() {
    let forge = |from: usize| {
        anchor(|signer| {
            let mut forger = Signer::new(8);
            forger.log = signer.log[..from].to_vec();
            forger.sign(&whole(), &SIGNED[from..]);
            signer.log = forger.log;
        })
    };
    for from in 0..5 {
        let report = forge(from).audit();
        found_log(&report, Kind::KeyChange, from as u64 + 1);
    }
    // Without the public key the logs contradict each other, or a log itself.
    for from in 0..5 {
        let mut request = forge(from).request();
        request.public_key = None;
        let desk = forge(from);
        request.run_dir = desk.run();
        request.checkpoints = vec![desk.anchor()];
        let report = check(&request).unwrap();
        assert!(report.findings.iter().any(|finding| finding.kind == Kind::KeyChange), "{from}");
    }
}

#[test]
fn a_careful_attacker_with_a_key_of_his_own() {
    let desk = Desk::with(&whole(), &SIGNED);
    let mut forged = whole();
    forged.record(20).payload[50] ^= 1;
    forged.refit();
    forged.write(&desk.run());
    let mut own_key = Signer::new(8);
    own_key.sign(&forged, &SIGNED);
    own_key.write(&desk.own_log());
    // The anchor tells where; the log tells of the key.
    let report = desk.audit();
    found_in(&report, Kind::Rewrite, (17, 25));
    assert!(report.findings.iter().any(|finding| finding.kind == Kind::KeyChange));
    fs::remove_file(desk.anchor()).unwrap();
    found_log(&desk.audit(), Kind::KeyChange, 1);
}

#[test]
fn checkpoints_of_another_instance() {
    let other = Journal::of(OTHER, &frames(36), SHAPE);
    let desk = anchor(|signer| {
        signer.log.clear();
        signer.sign(&other, &SIGNED);
    });
    crate::found(&desk.audit(), Kind::WrongInstance, 1);
    // In the middle of a log.
    let desk = anchor(|signer| {
        signer.log.truncate(3);
        signer.sign(&other, &SIGNED[3..]);
    });
    found_log(&desk.audit(), Kind::WrongInstance, 4);
}

#[test]
fn checkpoints_that_are_missing_or_stand_again() {
    for index in 0..4 {
        let desk = anchor(|signer| {
            signer.log.remove(index);
        });
        found_log(&desk.audit(), Kind::MissingCheckpoint, index as u64 + 1);
    }
    let desk = anchor(|signer| {
        let old = signer.log[1];
        signer.log.push(old);
    });
    found_log(&desk.audit(), Kind::ReplayedCheckpoint, 6);
    let desk = anchor(|signer| signer.log.swap(1, 2));
    found_log(&desk.audit(), Kind::MissingCheckpoint, 2);
}

#[test]
fn two_heads_of_one_size_are_a_fork() {
    // The notary was made to sign two pasts: a copy of the machine, or of its disk.
    let mut past = whole();
    past.record(20).payload[50] ^= 1;
    past.refit();
    let desk = anchor(|signer| {
        signer.log.truncate(2);
        signer.sign(&past, &SIGNED[2..]);
    });
    // Both logs are whole, and signed.
    let report = desk.audit();
    found_in(&report, Kind::Fork, (17, 25));
    // Whichever journal is shown.
    past.write(&desk.run());
    found_in(&desk.audit(), Kind::Fork, (17, 25));
    // One log that goes on from another past than it has.
    let desk = anchor(|signer| {
        let mut other = signer.clone();
        other.log.truncate(2);
        other.sign(&past, &SIGNED[2..]);
        signer.log[3] = other.log[3];
        signer.log.truncate(4);
    });
    let report = desk.audit();
    assert!(report.findings.iter().any(|finding| finding.kind == Kind::Fork), "{report:#?}");
}

#[test]
fn several_anchors_are_all_checked() {
    let desk = Desk::with(&whole(), &SIGNED);
    let mut request = desk.request();
    let second = desk.path().join("second.clk");
    fs::copy(desk.anchor(), &second).unwrap();
    request.checkpoints.push(second.clone());
    let report = check(&request).unwrap();
    fine(&report);
    assert_eq!(report.json()["checkpoints"].as_array().unwrap().len(), 3);
    // One that is behind says less, and nothing wrong.
    let bytes = fs::read(&second).unwrap();
    fs::write(&second, &bytes[..208]).unwrap();
    fine(&check(&request).unwrap());
    fs::write(&second, []).unwrap();
    fine(&check(&request).unwrap());
    let mut bytes = bytes;
    bytes[208 * 4 + 100] ^= 1;
    fs::write(&second, bytes).unwrap();
    found_log(&check(&request).unwrap(), Kind::ForgedCheckpoint, 5);
}

#[test]
fn a_torn_last_entry_is_no_tampering() {
    let desk = Desk::with(&whole(), &SIGNED);
    let bytes = fs::read(desk.anchor()).unwrap();
    for cut in 4 * 208 + 1..5 * 208 {
        fs::write(desk.anchor(), &bytes[..cut]).unwrap();
        let report = desk.audit();
        fine(&report);
        assert_eq!(report.blind.from_seq, 27);
    }
    // By a loss of power: zeros from some sector on.
    for sector in [0, 16, 96, 192] {
        let mut torn = bytes.clone();
        torn[4 * 208 + sector..].fill(0);
        fs::write(desk.anchor(), torn).unwrap();
        let report = desk.audit();
        fine(&report);
        assert_eq!(report.json()["checkpoints"][0]["torn_bytes"], 208);
    }
    // In the middle it is not torn.
    let mut torn = bytes;
    torn[2 * 208..3 * 208].fill(0);
    fs::write(desk.anchor(), torn).unwrap();
    found_log(&desk.audit(), Kind::ForgedCheckpoint, 3);
    assert_eq!(desk.audit().instance, Some(INSTANCE));
}
