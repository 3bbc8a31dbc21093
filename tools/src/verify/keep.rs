//! Snapshots written while a journal is repeated: one at each segment's end.
//!
//! A snapshot stands where all the engine made has been met in the journal: at the end of a segment,
//! or a few frames into the next. It is written only of what repeated byte for byte so far. Must
//! never: cost the verification its verdict; a snapshot that cannot be written is said at the end.

use super::repeat::Repeat;
use crate::recording::tape_failure;
use engine::Engine;
use sha2::{Digest as _, Sha256};
use station::operator::Failure;
use std::path::PathBuf;
use tape::journal::reader::Entry;
use tape::journal::{SnapshotHead, write_snapshot};
use wire::station::SessionStart;

/// Who writes them.
#[derive(Debug)]
pub(super) struct Keeper {
    folder: PathBuf,
    instance: [u8; 16],
    config_hash: u64,
    /// The last segment at whose end one was written, or was there.
    done: u64,
    words: Vec<u64>,
    written: Vec<u64>,
    failed: Option<Failure>,
}

impl Keeper {
    /// `from` is the segment of the snapshot the repetition begins at, 0 for the beginning.
    pub(super) fn new(
        folder: PathBuf,
        instance: [u8; 16],
        start: &SessionStart,
        from: u64,
    ) -> Self {
        let config_hash = start.config_hash;
        let (words, written) = (Vec::new(), Vec::new());
        Self { folder, instance, config_hash, done: from, words, written, failed: None }
    }

    /// Before a frame, with the record and frame before it; `ends` where it is the session's last, so
    /// that its segment ends with it.
    pub(super) fn before(
        &mut self,
        repeat: &Repeat,
        next: &Entry<'_>,
        last: (u64, u64),
        ends: bool,
    ) {
        let segment = next.segment;
        let ended = if ends { segment } else { segment.saturating_sub(1) };
        if ended <= self.done || !repeat.has_met_all() || self.failed.is_some() {
            return;
        }
        self.done = ended;
        if let Err(why) = self.write(repeat.engine(), ended, next, last) {
            self.failed = Some(why);
        }
    }

    fn write(
        &mut self,
        engine: &Engine,
        ended: u64,
        next: &Entry<'_>,
        (seq, frame): (u64, u64),
    ) -> Result<(), Failure> {
        let state_hash = engine.save(&mut self.words);
        let head = SnapshotHead {
            instance: self.instance,
            segment: ended,
            seq,
            frame,
            tail_segment: next.segment,
            tail_head: Sha256::digest(next.before).into(),
            config_hash: self.config_hash,
            schema_hash: wire::frame::schema_hash(),
            state_hash,
        };
        write_snapshot(&self.folder, &head, &self.words).map_err(|e| tape_failure(&e))?;
        self.written.push(ended);
        Ok(())
    }

    /// The segments at whose ends one was written, and why no more were.
    pub(super) fn finish(self) -> (Vec<u64>, Option<Failure>) {
        (self.written, self.failed)
    }
}
