//! Every bit and every length of a 64 KiB journal, sectors of other segments: refused below the
//! synced watermark, cut above it, never taken for whole.

use crate::support::{prefix, recovered, write};
use corelane_tape::TapeError;
use corelane_tape::journal::model::{ModelDisk, SECTOR_BYTES};
use corelane_tape::journal::{Outside, Recovered, Storage as _};
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const SEGMENT: u64 = 16 << 10;
const FRAMES: u64 = 320;

/// Four segments of 16 KiB, the last one open, its last batch not synced.
pub(crate) fn journal() -> (ModelDisk, u64) {
    let (disk, said) = write(ModelDisk::default(), SEGMENT, FRAMES, 9, false);
    let mut disk = disk.expect("written");
    let segments = disk.names().into_iter().filter(|name| name.starts_with('0')).count();
    assert_eq!(segments, 4, "64 KiB in four segments");
    let whole = recovered(&mut disk, &Outside::default()).expect("whole");
    assert_eq!((whole.frames, said.synced.frame), (315, 315));
    (disk, said.synced.frame)
}

/// No wrong accept: what is recovered is a prefix of what was written, with all that was synced.
fn judge(
    result: Result<Recovered, TapeError>,
    disk: &mut ModelDisk,
    synced: u64,
    looks: bool,
    what: &str,
) -> bool {
    match result {
        Err(TapeError::JournalDamaged { .. }) => true,
        Err(other) => panic!("{what}: {other}"),
        Ok(found) => {
            assert!(found.frames >= synced, "{what}: lost {} of {synced}", synced - found.frames);
            if looks {
                assert_eq!(prefix(&crate::support::frames_of(disk)), found.frames, "{what}");
            }
            false
        }
    }
}

#[test]
fn every_flipped_bit_of_64_kib_is_refused_or_changes_nothing() {
    let (disk, synced) = journal();
    let outside = Outside { synced_frame: synced, ..Outside::default() };
    let names: Vec<String> =
        disk.names().into_iter().filter(|name| name.starts_with('0')).collect();
    let (flips, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (names, flips, refused) = (&names, &flips, &refused);
            let mut disk = disk.clone();
            scope.spawn(move || {
                for name in names {
                    let len = disk.bytes_mut(name).expect("there").len();
                    for at in (worker..len).step_by(workers) {
                        for bit in 0..8 {
                            let pristine = disk.bytes_mut(name).expect("there").clone();
                            if let Some(byte) = disk.bytes_mut(name).expect("there").get_mut(at) {
                                *byte ^= 1 << bit;
                            }
                            let result = recovered(&mut disk, &outside);
                            let accepted = result.is_ok();
                            let no =
                                judge(result, &mut disk, synced, false, &format!("{name} {at}"));
                            flips.fetch_add(1, Ordering::Relaxed);
                            refused.fetch_add(u64::from(no), Ordering::Relaxed);
                            if accepted {
                                // Only where nothing was written: behind a seal or the end.
                                let was = pristine.get(at..).unwrap_or_default();
                                assert!(was.iter().all(|b| *b == 0), "{name} byte {at} bit {bit}");
                            }
                            *disk.bytes_mut(name).expect("there") = pristine;
                        }
                    }
                }
            });
        }
    });
    let (flips, refused) = (flips.into_inner(), refused.into_inner());
    assert_eq!(flips, 4 * SEGMENT * 8);
    assert!(refused * 10 > flips * 8, "{refused} of {flips}: most of the journal is written");
}

#[test]
fn every_length_is_refused_below_the_watermark_and_cut_above_it() {
    let (disk, synced) = journal();
    let outside = Outside { synced_frame: synced, ..Outside::default() };
    let last = disk.names().into_iter().filter(|name| name.starts_with('0')).max().expect("four");
    let mut accepted = 0;
    for len in 0..usize::try_from(SEGMENT).expect("small") {
        let mut disk = disk.clone();
        disk.bytes_mut(&last).expect("there").truncate(len);
        let result = recovered(&mut disk, &outside);
        accepted += u64::from(!judge(result, &mut disk, synced, len % 512 == 0, &format!("{len}")));
    }
    assert!(accepted > 0, "what follows the last record may be cut");
    // Without anybody's word for what was there a shortened file is not believed.
    for len in [300, 4_000, 9_000] {
        let mut disk = disk.clone();
        disk.bytes_mut(&last).expect("there").truncate(len);
        let error = recovered(&mut disk, &Outside::default()).expect_err("shortened");
        assert!(matches!(error, TapeError::JournalDamaged { .. }), "{error}");
    }
}

#[test]
fn sectors_of_other_segments_and_other_journals_are_never_taken() {
    let (disk, synced) = journal();
    let outside = Outside { synced_frame: synced, ..Outside::default() };
    let names: Vec<String> =
        disk.names().into_iter().filter(|name| name.starts_with('0')).collect();
    for (from, to) in names.iter().flat_map(|from| names.iter().map(move |to| (from, to))) {
        let sectors = usize::try_from(SEGMENT).expect("small") / SECTOR_BYTES;
        for sector in 0..sectors {
            let mut disk = disk.clone();
            let place = sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES;
            // Also one sector off: a write that went astray.
            let source = (sector + 1) % sectors * SECTOR_BYTES;
            let wrong = disk.bytes_mut(from).expect("there")[source..][..SECTOR_BYTES].to_vec();
            let before = disk.bytes_mut(to).expect("there")[place.clone()].to_vec();
            disk.bytes_mut(to).expect("there")[place].copy_from_slice(&wrong);
            let result = recovered(&mut disk, &outside);
            let accepted =
                !judge(result, &mut disk, synced, true, &format!("{from} {to} {sector}"));
            let blank = |bytes: &[u8]| bytes.iter().all(|b| *b == 0);
            assert!(!accepted || before == wrong || blank(&before), "{from} to {to} at {sector}");
        }
    }
}

#[test]
fn damage_above_the_watermark_is_cut_kept_aside_and_counted() {
    let (mut disk, synced) = journal();
    let last = disk.names().into_iter().filter(|name| name.starts_with('0')).max().expect("four");
    let whole = recovered(&mut disk, &Outside::default()).expect("whole");
    // A batch that was torn: the second half of a record is missing, rubbish follows.
    let end = usize::try_from(whole.offset).expect("small");
    let torn = &mut disk.bytes_mut(&last).expect("there")[end..end + 64];
    torn.copy_from_slice(&[b'C'; 64]);
    let outside = Outside { synced_frame: synced, ..Outside::default() };
    let found = recovered(&mut disk, &outside).expect("above the watermark");
    assert_eq!((found.frames, found.cut_bytes), (synced, 64));
    let aside = found.cut_file.expect("kept aside");
    assert_eq!(disk.bytes_mut(&aside).expect("kept"), &vec![b'C'; 64]);
    let again = recovered(&mut disk, &outside).expect("whole now");
    assert_eq!((again.frames, again.cut_bytes, again.cut_file), (synced, 0, None));
}

#[test]
fn a_segment_missing_twice_there_or_of_another_journal_is_refused() {
    let (disk, _) = journal();
    for gone in ["000001.clj", "000002.clj", "000003.clj"] {
        let mut disk = disk.clone();
        disk.remove(gone).expect("removed");
        let error = recovered(&mut disk, &Outside::default()).expect_err("a hole");
        assert!(error.to_string().contains("missing or there twice"), "{error}");
    }
    let mut twice = disk.clone();
    let copy = twice.bytes_mut("000002.clj").expect("there").clone();
    twice.keep("000007.clj", &copy).expect("copied");
    let error = recovered(&mut twice, &Outside::default()).expect_err("twice");
    assert!(error.to_string().contains("missing or there twice"), "{error}");
    let mut gone = disk;
    gone.remove("000004.clj").expect("removed");
    let word = Outside { synced_frame: 315, ..Outside::default() };
    assert!(recovered(&mut gone, &word).is_err(), "the tape knows of more");
    let word = Outside { checkpoint_seq: 330, ..Outside::default() };
    assert!(recovered(&mut gone, &word).is_err(), "the notary knows of more");
}
