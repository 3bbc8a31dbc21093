//! The fuzzers' corpus, replayed: what once reached another branch of recovery, of the reader of a
//! folder, of heads and records or of a tape must keep to its rules (`tests/fuzz`).

#[path = "../../../tests/fuzz/src/inputs/journal.rs"]
#[expect(dead_code, reason = "some of it is for the audit")]
mod journal;
#[path = "../../../tests/fuzz/src/inputs/tape.rs"]
mod tape;

use std::path::Path;

/// Gives every seed of a fuzz target to `check`; how many it took and how many it refused.
fn replay(target: &str, check: impl Fn(&[u8]) -> bool) -> (usize, usize) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
    let (mut taken, mut refused) = (0, 0);
    for entry in std::fs::read_dir(seeds).expect("seeds") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a seed");
        *if check(&bytes) { &mut taken } else { &mut refused } += 1;
    }
    (taken, refused)
}

#[test]
fn journals_are_recovered_twice_as_once_or_refused() {
    let (taken, refused) = replay("journal", |seed| journal::check_recovery(journal::input(seed)));
    assert!(taken >= 20 && refused >= 20, "{taken} taken, {refused} refused");
}

#[test]
fn a_reader_sees_what_recovery_takes() {
    let (taken, refused) = replay("journal", |seed| journal::check_reader(journal::input(seed)));
    assert!(taken >= 20 && refused >= 20, "{taken} taken, {refused} refused");
}

#[test]
fn a_reader_of_the_folder_sees_what_one_in_memory_sees() {
    let dir = tempfile::tempdir().expect("folder");
    let folder = dir.path().join("journal");
    let check = |seed: &[u8]| journal::check_folder(journal::input(seed), &folder);
    let (taken, refused) = replay("journal", check);
    assert!(taken >= 20 && refused >= 20, "{taken} taken, {refused} refused");
}

#[test]
fn heads_and_records_are_taken_as_they_encode_or_refused() {
    let (taken, refused) = replay("record", journal::check_records);
    assert!(taken >= 10 && refused >= 5, "{taken} taken, {refused} refused");
}

#[test]
fn tapes_are_read_to_their_end_or_refused() {
    let (taken, refused) = replay("tape", tape::check);
    assert!(taken >= 5 && refused >= 5, "{taken} taken, {refused} refused");
}
