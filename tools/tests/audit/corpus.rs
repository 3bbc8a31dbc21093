//! The fuzzer's corpus, replayed: runs' folders that once reached another branch of the audit, through
//! the command's own function (`tests/fuzz`).

use crate::check;
use corelane_tools::audit::Request;
use std::path::Path;

#[path = "../../../tests/fuzz/src/inputs/audit.rs"]
mod input;

#[test]
fn what_the_audit_finds_nothing_wrong_with_others_see_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("run");
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds/audit");
    let (mut fine, mut bad) = (0, 0);
    for seed in std::fs::read_dir(seeds).unwrap() {
        let bytes = std::fs::read(seed.unwrap().path()).unwrap();
        let disk = input::write(&bytes, &run_dir);
        let anchor = input::log(&run_dir, true);
        let run_dir = run_dir.clone();
        let checkpoints = vec![anchor];
        let report = check(&Request { run_dir, checkpoints, threads: 1, ..Request::default() });
        // Of a folder without a segment, or of another version, there is no report.
        let found = report.ok().filter(|report| report.findings.is_empty());
        let found = found.map(|found| (found.frames, found.closed));
        let taken = input::check_audited(disk, found, false);
        *if taken { &mut fine } else { &mut bad } += 1;
    }
    assert!(fine >= 20 && bad >= 20, "{fine} fine, {bad} bad");
}
