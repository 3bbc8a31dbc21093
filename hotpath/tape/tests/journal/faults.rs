//! Every call of a run fails once, is short once, is the last once; then the power goes.

use crate::support::{PATH, Said, at, frames_of, prefix, push_all, recovered, write};
use corelane_tape::TapeError;
use corelane_tape::journal::model::{Fault, ModelDisk};
use corelane_tape::journal::{JournalWriter, Outside, Storage as _};
use std::io::ErrorKind;
use std::path::Path;

const SEGMENT: u64 = 8 << 10;
const FRAMES: u64 = 150;
const BATCH: u64 = 7;

fn calls_of_a_run() -> u64 {
    let (disk, said) = write(ModelDisk::default(), SEGMENT, FRAMES, BATCH, true);
    assert!(said.failed.is_none());
    disk.expect("ended").calls()
}

/// What must hold of any disk after any end: nothing synced is lost, nothing is made up, doing it
/// twice is doing it once, and the journal can be gone on with to its end.
fn recovers(mut disk: ModelDisk, said: &Said, has_failed: bool, context: &str) {
    let outside = Outside { synced_frame: said.synced.frame, has_failed, ..Outside::default() };
    if disk.names().iter().all(|name| !name.starts_with("00")) {
        assert_eq!(said.synced.frame, 0, "{context}: nothing there but something synced");
        return;
    }
    let first = match recovered(&mut disk, &outside) {
        Ok(found) => found,
        Err(error) => panic!("{context}: {error}"),
    };
    assert!(first.frames >= said.synced.frame, "{context}: {first:?} {said:?}");
    assert!(first.frames <= said.pushed, "{context}: {first:?} {said:?}");
    if has_failed {
        assert_eq!(first.frames, said.synced.frame, "{context}: more than was synced is trusted");
    }
    let second = recovered(&mut disk, &outside).expect("again");
    assert_eq!(
        (second.frames, second.seq, second.cut_bytes),
        (first.frames, first.seq, 0),
        "{context}"
    );
    assert_eq!(prefix(&frames_of(&mut disk)), first.frames, "{context}");
    if second.is_closed {
        return;
    }
    let frames = second.frames;
    let mut writer = JournalWriter::resume(disk, Path::new(PATH), second, FRAMES - frames, at(1))
        .expect("goes on");
    push_all(&mut writer, frames + 1..=FRAMES, BATCH, &mut Said::default()).expect("a good disk");
    let mark = writer.finish(at(2)).expect("ends");
    let mut disk = writer.into_storage();
    assert_eq!(mark.frame, FRAMES, "{context}");
    assert_eq!(prefix(&frames_of(&mut disk)), FRAMES, "{context}");
    assert!(recovered(&mut disk, &Outside::default()).expect("whole").is_closed, "{context}");
}

#[test]
fn a_kill_at_every_call_loses_nothing_the_operating_system_had() {
    for call in 1..=calls_of_a_run() {
        for fault in [Fault::Kill, Fault::KillInside] {
            let mut disk = ModelDisk::default();
            disk.fault_at(call, fault);
            let (disk, said) = write(disk, SEGMENT, FRAMES, BATCH, true);
            let Some(disk) = disk else { continue };
            assert!(disk.is_killed(), "call {call}: every call up to the last is reached");
            recovers(disk.restarted(), &said, false, &format!("call {call} {fault:?}"));
        }
    }
}

#[test]
fn a_loss_of_power_at_every_call_loses_nothing_that_was_synced() {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for call in 1..=calls_of_a_run() {
        for round in 0..8 {
            let mut disk = ModelDisk::default();
            disk.fault_at(call, Fault::KillInside);
            let (disk, said) = write(disk, SEGMENT, FRAMES, BATCH, true);
            let Some(disk) = disk else { continue };
            // None, all, or any choice of the sectors that were not synced.
            let disk = disk.after_power_loss(|| match round {
                0 => false,
                1 => true,
                _ => next() % 2 == 0,
            });
            recovers(disk, &said, false, &format!("call {call} round {round}"));
        }
    }
}

#[test]
fn a_failed_call_is_the_last_and_nothing_after_the_last_good_sync_is_trusted() {
    for call in 1..=calls_of_a_run() {
        for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
            let mut disk = ModelDisk::default();
            disk.fault_at(call, Fault::Error(kind));
            let (disk, said) = write(disk, SEGMENT, FRAMES, BATCH, true);
            let Some(disk) = disk else { continue };
            match &said.failed {
                Some(TapeError::JournalFailed { seq, source, .. }) => {
                    assert_eq!(source.kind(), kind, "call {call}");
                    assert_eq!(*seq, said.synced.seq + 1, "call {call}: what is not safe");
                    let before = disk.calls();
                    assert_eq!(before, call, "call {call}: nothing was tried after the failure");
                    // With and without the power going too.
                    recovers(disk.clone().restarted(), &said, true, &format!("call {call}"));
                    recovers(disk.after_power_loss(|| true), &said, true, &format!("call {call}"));
                }
                Some(other) => panic!("call {call}: {other}"),
                // Room for the next segment, or giving room back: asked for again, or not needed.
                None => assert_eq!(said.synced.frame, FRAMES, "call {call}"),
            }
        }
    }
}

/// A full segment is synced between two batches, and the tape does not hear of it before the batch
/// ends: its word is behind what the segments themselves show.
#[test]
fn a_failure_behind_a_segment_the_tape_has_not_heard_of_is_cut_at_that_segment() {
    const LONG_BATCH: u64 = 60;
    let (disk, _) = write(ModelDisk::default(), SEGMENT, FRAMES, LONG_BATCH, true);
    let (mut behind, mut failed) = (0, 0);
    for call in 1..=disk.expect("ended").calls() {
        let mut disk = ModelDisk::default();
        disk.fault_at(call, Fault::Error(ErrorKind::Other));
        let (disk, said) = write(disk, SEGMENT, FRAMES, LONG_BATCH, true);
        let (Some(disk), Some(_)) = (disk, &said.failed) else { continue };
        failed += 1;
        behind += u64::from(said.told < said.synced.frame);
        let outside = Outside { synced_frame: said.told, has_failed: true, ..Outside::default() };
        for mut disk in [disk.clone().restarted(), disk.after_power_loss(|| true)] {
            let found = recovered(&mut disk, &outside)
                .unwrap_or_else(|error| panic!("call {call}: {error}"));
            assert!(found.frames >= said.told, "call {call}: {found:?} {said:?}");
            assert!(found.frames <= said.synced.frame, "call {call}: {found:?} {said:?}");
            assert_eq!(prefix(&frames_of(&mut disk)), found.frames, "call {call}");
            let again = recovered(&mut disk, &outside).expect("again");
            assert_eq!((again.seq, again.cut_bytes), (found.seq, 0), "call {call}");
        }
    }
    assert!(behind > 3 && failed > behind, "{behind} of {failed} with the tape's word behind");
}

#[test]
fn a_recovery_that_is_killed_at_any_call_is_made_good_by_the_next() {
    let mut struck = 0;
    // Failures early, where the tape has no frame to vouch for, and late.
    for call in (4..40).chain(calls_of_a_run() - 6..=calls_of_a_run()) {
        let mut disk = ModelDisk::default();
        disk.fault_at(call, Fault::Error(ErrorKind::Other));
        let (disk, said) = write(disk, SEGMENT, FRAMES, BATCH, true);
        let (Some(disk), Some(_)) = (disk, &said.failed) else { continue };
        let outside =
            Outside { synced_frame: said.synced.frame, has_failed: true, ..Outside::default() };
        let mut undisturbed = disk.clone().restarted();
        let due = recovered(&mut undisturbed, &outside).expect("undisturbed");
        for (at_call, fault) in (1..=2).flat_map(|n| [(n, Fault::Kill), (n, Fault::KillInside)]) {
            let mut disk = disk.clone().restarted();
            disk.fault_at(disk.calls() + at_call, fault);
            if recovered(&mut disk, &outside).is_ok() {
                continue;
            }
            struck += 1;
            let mut disk = disk.restarted();
            let found = recovered(&mut disk, &outside)
                .unwrap_or_else(|error| panic!("call {call}, {fault:?} {at_call}: {error}"));
            assert_eq!((found.seq, found.offset), (due.seq, due.offset), "{call} {at_call}");
            let names = disk.names();
            assert_eq!(names, undisturbed.names(), "{call} {fault:?} {at_call}");
            for name in names {
                let same = disk.bytes_mut(&name) == undisturbed.bytes_mut(&name);
                assert!(same, "{call} {fault:?} {at_call}: {name} differs");
            }
        }
    }
    assert!(struck > 50, "{struck} struck");
}

#[test]
fn a_short_write_goes_on_where_it_stopped() {
    for call in 1..=calls_of_a_run() {
        for most in [0, 1, 57] {
            let mut disk = ModelDisk::default();
            disk.fault_at(call, Fault::Short(most));
            let (disk, said) = write(disk, SEGMENT, FRAMES, BATCH, true);
            match said.failed {
                None => {
                    let mut disk = disk.expect("ended");
                    assert_eq!(prefix(&frames_of(&mut disk)), FRAMES, "call {call}");
                }
                // A write that takes nothing at all is an error.
                Some(TapeError::JournalFailed { op: "write", .. }) => assert_eq!(most, 0),
                Some(other) => panic!("call {call}: {other}"),
            }
        }
    }
}

#[test]
fn a_full_disk_is_known_before_the_room_is_needed() {
    // Room for two segments: the third cannot be given.
    let disk = ModelDisk::with_room(2 * SEGMENT);
    let mut writer =
        JournalWriter::create(disk, Path::new(PATH), crate::support::options(SEGMENT), "{}", at(0))
            .expect("begun");
    writer.prepare_next().expect("the second has room");
    let mut said = Said::default();
    let error = push_all(&mut writer, 1..=FRAMES, BATCH, &mut said).expect_err("full");
    said.synced = writer.synced();
    assert!(matches!(error, TapeError::JournalFailed { op: "allocate", .. }), "{error}");
    assert!(error.to_string().contains("free room"), "{error}");
    assert!(!writer.has_next() && writer.prepare_next().is_err(), "and it was known before");
    assert!(writer.push(&crate::support::frame(1), at(1)).is_err(), "no more is taken");
    let mut disk = writer.into_storage();
    disk.set_room(0);
    recovers(disk.restarted(), &said, true, "full");
}

/// A batch that goes over into a new segment syncs the old one by itself; the tape hears only of
/// whole batches. If the batch then fails, its word is behind the segment, and the segment counts.
#[test]
fn a_tape_that_was_not_told_of_a_sealed_segment_contradicts_no_journal() {
    let mut behind = 0;
    for call in 1..=calls_of_a_run() {
        let mut disk = ModelDisk::default();
        disk.fault_at(call, Fault::Error(ErrorKind::Other));
        let (disk, said) = write(disk, SEGMENT, FRAMES, BATCH, true);
        let Some(mut disk) = disk.filter(|_| said.failed.is_some()) else { continue };
        let told = said.synced.frame / BATCH * BATCH;
        let outside = Outside { synced_frame: told, has_failed: true, ..Outside::default() };
        let found = match recovered(&mut disk, &outside) {
            Ok(found) => found.frames,
            Err(error) => panic!("call {call}: {error}"),
        };
        assert!((told..=said.synced.frame).contains(&found), "call {call}: {found} {said:?}");
        behind += u64::from(found > told);
    }
    assert!(behind > 0, "some failure came after a new segment");
}

#[test]
fn a_kill_inside_a_write_leaves_half_of_it_and_before_it_nothing() {
    for (fault, left) in [(Fault::Kill, 0), (Fault::KillInside, 50), (Fault::Short(30), 30)] {
        let mut disk = ModelDisk::default();
        disk.allocate("a", 200).expect("room");
        disk.fault_at(disk.calls() + 1, fault);
        let written = disk.write_at("a", 0, &[7; 100]);
        assert_eq!(written.ok(), (fault == Fault::Short(30)).then_some(30), "{fault:?}");
        assert_eq!(disk.is_killed(), fault != Fault::Short(30), "{fault:?}");
        let bytes = disk.restarted().read("a").expect("there");
        assert_eq!(bytes, [vec![7; left], vec![0; 200 - left]].concat(), "{fault:?}");
    }
}
