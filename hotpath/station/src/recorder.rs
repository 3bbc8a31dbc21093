//! The recorder: every input and output of the engine, in order, into one file.
//!
//! Owns the writer. Must never: hold the loop up on a bad disk: after a failure it goes on taking
//! frames, counts no more, and raises the flag that halts the station; what was written stays
//! readable. One housekeeping thread runs it; it makes system calls and allocates.

use crate::counters::Counters;
use crate::link::LinkRx;
use crate::shared::Shared;
use crate::stamps::RECORD_STAMPS;
use std::sync::Arc;
use tape::{RecordingWriter, TapeError};
use wire::counters::Counter;

/// Frames a turn takes at most.
const BATCH: usize = 1_024;
/// Idle turns after which what is held is written out, so that a reader of a quiet run sees it.
const IDLE_FLUSH: u32 = 500;

/// The recorder.
#[derive(Debug)]
pub struct Recorder {
    rx: LinkRx<RECORD_STAMPS>,
    writer: Option<RecordingWriter>,
    failure: Option<TapeError>,
    idle_turns: u32,
    counters: Counters,
    shared: Arc<Shared>,
}

impl Recorder {
    /// A recorder over an open file.
    #[must_use]
    pub fn new(
        rx: LinkRx<RECORD_STAMPS>,
        writer: RecordingWriter,
        counters: Counters,
        shared: Arc<Shared>,
    ) -> Self {
        Self { rx, writer: Some(writer), failure: None, idle_turns: 0, counters, shared }
    }

    /// One turn; returns the frames taken.
    pub fn turn(&mut self) -> usize {
        let mut taken = 0;
        let mut bytes = 0;
        while taken < BATCH {
            let Some(message) = self.rx.take() else { break };
            taken += 1;
            bytes += message.frame.len();
            let result = self.writer.as_mut().map_or(Ok(()), |w| w.push(message.frame));
            if let Err(error) = result {
                self.fail(error);
            }
        }
        if taken > 0 {
            self.idle_turns = 0;
            if self.failure.is_none() {
                self.counters.add(Counter::RecorderFrames, taken as u64);
                self.counters.add(Counter::RecorderBytes, bytes as u64);
            }
        } else {
            self.idle_turns = self.idle_turns.saturating_add(1);
            if self.idle_turns == IDLE_FLUSH {
                self.flush();
            }
        }
        taken
    }

    /// Whether the loop has ended and every frame of it is taken.
    pub fn is_done(&mut self) -> bool {
        // The flag is read before the ring: whatever the loop pushed before it is visible.
        self.shared.is_loop_done() && self.rx.is_empty()
    }

    fn flush(&mut self) {
        let result = self.writer.as_mut().map_or(Ok(()), RecordingWriter::flush);
        if let Err(error) = result {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: TapeError) {
        self.writer = None;
        self.failure.get_or_insert(error);
        self.shared.fail_record();
    }

    /// Writes one last frame and closes the file.
    ///
    /// # Errors
    /// The first failure of the run, or of closing.
    pub fn finish(mut self, last: &[u8]) -> Result<tape::Summary, TapeError> {
        match (self.failure, self.writer.take()) {
            (Some(error), _) => Err(error),
            (None, Some(mut writer)) => {
                writer.push(last)?;
                writer.finish()
            }
            (None, None) => Ok(tape::Summary::default()),
        }
    }
}
