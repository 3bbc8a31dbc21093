//! What the notary signed last: the newest whole checkpoint in the run's own log.
//!
//! Must never: call it good; `corelane audit` checks signatures and chain.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use wire::journal::{CHECKPOINT_MAGIC, JournalCheckpoint};

/// Bytes of a checkpoint.
const ENTRY: u64 = size_of::<JournalCheckpoint>() as u64;

/// The newest checkpoint of a run; `None` where no notary signs it, or none yet.
pub(super) fn newest(run: &Path) -> Option<JournalCheckpoint> {
    let read = || -> io::Result<JournalCheckpoint> {
        let file = File::open(run.join("checkpoints.clk"))?;
        let whole = file.metadata()?.len() / ENTRY;
        let at = whole.checked_sub(1).ok_or(io::ErrorKind::UnexpectedEof)? * ENTRY;
        let mut bytes = [0; size_of::<JournalCheckpoint>()];
        file.read_exact_at(&mut bytes, at)?;
        Ok(bytemuck::pod_read_unaligned(&bytes))
    };
    read().ok().filter(|entry| entry.magic == CHECKPOINT_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_entry_is_taken_and_nothing_that_is_none() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(newest(dir.path()), None, "no log");
        let entry = |number| JournalCheckpoint {
            magic: CHECKPOINT_MAGIC,
            number,
            ..bytemuck::Zeroable::zeroed()
        };
        let log = dir.path().join("checkpoints.clk");
        let mut bytes = bytemuck::bytes_of(&entry(1)).to_vec();
        bytes.truncate(100);
        std::fs::write(&log, &bytes).expect("a file");
        assert_eq!(newest(dir.path()), None, "not whole");
        let mut bytes =
            [entry(1), entry(2)].map(|entry| bytemuck::bytes_of(&entry).to_vec()).concat();
        bytes.extend([1; 100]);
        std::fs::write(&log, &bytes).expect("a file");
        assert_eq!(newest(dir.path()).map(|entry| entry.number), Some(2));
        bytes[208] ^= 1;
        std::fs::write(&log, &bytes).expect("a file");
        assert_eq!(newest(dir.path()), None, "no checkpoint");
    }
}
