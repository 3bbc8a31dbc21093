//! libFuzzer target: any damage to any journal and its checkpoint logs through the audit's own
//! reader; it must never panic, and of what it finds nothing wrong with the journal's reader and its
//! recovery must see as much.
//!
//! The reader's files are taken as they are: the command round them would bring the whole station
//! into the build. `tools/tests/audit` replays the corpus through the command's own function.
#![no_main]

#[path = "inputs/audit.rs"]
mod input;

#[path = "inputs/reader.rs"]
#[allow(dead_code)]
mod audit;

use audit::{checkpoints, compare, folder, journal};
use libfuzzer_sys::fuzz_target;
use std::path::{Path, PathBuf};

thread_local! {
    /// On tmpfs where there is one.
    static FOLDER: PathBuf = {
        let shm = PathBuf::from("/dev/shm");
        let base = if shm.is_dir() { shm } else { std::env::temp_dir() };
        base.join(format!("corelane-fuzz-{}", std::process::id()))
    };
}

/// Frames and whether it is closed, of a journal that nothing is wrong with, as `audit::check`; and
/// whether every file in it is a segment.
fn audited(run_dir: &Path) -> Option<((u64, bool), bool)> {
    let logs = [true, false].map(|external| {
        checkpoints::read(&input::log(run_dir, external), external, None).expect("readable")
    });
    let mut asked: Vec<u64> =
        logs.iter().flat_map(|log| &log.entries).map(|entry| entry.seq).collect();
    asked.sort_unstable();
    asked.dedup();
    let mut folder = folder::read(&run_dir.join("journal")).expect("readable");
    if folder.foreign_version.is_some() || folder.segments.is_empty() {
        return None;
    }
    let instance = folder::most_common_instance(&folder.segments)?;
    let mut findings = folder::keep_instance(&mut folder, instance);
    let mut journal = journal::read(&folder, &asked, 1).expect("readable");
    let compared = compare::compare(&mut journal, &logs);
    findings.append(&mut journal.findings);
    findings.extend(compared);
    findings.extend(logs.iter().filter_map(|log| log.finding.clone()));
    findings.extend(checkpoints::forks(&logs));
    let _ = compare::last_good(&journal, &logs, |_| true);
    for keyed in [true, false] {
        let _ = compare::blind(&journal, &logs, keyed);
    }
    let frames = journal.scans.iter().map(|scan| scan.frames).sum();
    let all_begun = folder.headless.is_empty();
    findings.is_empty().then_some(((frames, journal.closed), all_begun))
}

fuzz_target!(|data: &[u8]| {
    FOLDER.with(|folder| {
        let disk = input::write(data, folder);
        let (fine, all_begun) = audited(folder).unzip();
        input::check_audited(disk, fine, all_begun == Some(true));
    });
});
