//! The journaler: takes every input and output of the engine from the tape, in order, into the
//! journal.
//!
//! Owns both. Gives the tape's room free only for what is synced. Must never: hold the loop up on a
//! bad disk, or go on after a write or a sync that failed: from then on the tape keeps what comes,
//! the loop is told, and the next start writes it. One housekeeping thread runs it; it makes system
//! calls and allocates.

use crate::counters::Counters;
use crate::shared::Shared;
use clock::{Anchor, Clock};
use std::sync::Arc;
use std::time::Duration;
use tape::TapeError;
use tape::journal::writer::Mark;
use tape::journal::{JournalWriter, Moment, Storage};
use tape::tape::TapeReader;
use wire::counters::Counter;

/// Bytes a batch is written at.
const BATCH_BYTES: usize = 1 << 20;
/// Turns between two attempts to give the next segment its room, after one that failed.
const ROOM_TURNS: u32 = 1_000;

/// Cycle counter readings as moments on the host's clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    clock: Clock,
    anchor: Anchor,
}

impl Moments {
    /// By the clocks as they stand now.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, anchor: clock.anchor() }
    }

    /// The moment of a reading.
    #[must_use]
    pub fn of(&self, cycles: u64) -> Moment {
        let Anchor { cycles: then, raw_ns, .. } = self.anchor;
        let mono_ns = if cycles >= then {
            raw_ns.saturating_add(self.clock.cycles_to_ns(cycles - then))
        } else {
            raw_ns.saturating_sub(self.clock.cycles_to_ns(then - cycles))
        };
        Moment { mono_ns, utc_ns: self.clock.wall_ns_at(&self.anchor, cycles) }
    }

    /// The cycle counter now.
    #[must_use]
    pub fn cycles(&self) -> u64 {
        self.clock.cycles()
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.of(self.clock.cycles())
    }
}

/// The journaler.
#[derive(Debug)]
pub struct Journaler<S> {
    tape: TapeReader,
    journal: JournalWriter<S>,
    failure: Option<TapeError>,
    moments: Moments,
    sync_every: Duration,
    /// Cycle counter when the oldest frame that is not synced was taken.
    waiting_since: Option<u64>,
    turns_to_room: u32,
    counters: Counters,
    shared: Arc<Shared>,
}

impl<S: Storage> Journaler<S> {
    /// A journaler over a tape and a journal that has begun; a sync at least every `sync_every`
    /// while frames come.
    #[must_use]
    pub fn new(
        tape: TapeReader,
        journal: JournalWriter<S>,
        moments: Moments,
        sync_every: Duration,
        counters: Counters,
        shared: Arc<Shared>,
    ) -> Self {
        let (failure, waiting_since) = (None, None);
        let turns_to_room = 0;
        Self {
            tape,
            journal,
            failure,
            moments,
            sync_every,
            waiting_since,
            turns_to_room,
            counters,
            shared,
        }
    }

    /// One turn; returns the frames taken.
    pub fn turn(&mut self) -> usize {
        if self.failure.is_some() {
            return 0;
        }
        match self.take_and_write() {
            Ok(taken) => taken,
            Err(error) => {
                self.fail(error);
                0
            }
        }
    }

    fn take_and_write(&mut self) -> Result<usize, TapeError> {
        let mut taken = 0;
        let mut bytes = 0;
        while self.journal.batched() < BATCH_BYTES {
            let Some(record) = self.tape.next() else { break };
            taken += 1;
            bytes += record.frame.len();
            self.journal.push(record.frame, self.moments.of(record.stamp))?;
        }
        if taken > 0 {
            self.waiting_since.get_or_insert(self.moments.clock.cycles());
            let mark = self.journal.write()?;
            self.counters.set(Counter::JournalWritten, mark.frame);
            self.counters.add(Counter::RecorderFrames, taken as u64);
            self.counters.add(Counter::RecorderBytes, bytes as u64);
        }
        if self.is_sync_due() {
            self.sync()?;
        }
        self.prepare_next();
        Ok(taken)
    }

    /// A sync is due after its time, or when a quarter of the tape waits for it.
    fn is_sync_due(&self) -> bool {
        let Some(since) = self.waiting_since else { return false };
        let clock = &self.moments.clock;
        let waited = Duration::from_nanos(clock.cycles_to_ns(clock.cycles().saturating_sub(since)));
        let (used, size) = self.tape.fill();
        waited >= self.sync_every || used >= size / 4
    }

    fn sync(&mut self) -> Result<(), TapeError> {
        let clock = self.moments.clock;
        let start = clock.cycles();
        let mark = self.journal.sync()?;
        let took = clock.cycles_to_ns(clock.cycles().saturating_sub(start));
        self.waiting_since = None;
        self.tape.free_taken();
        let counters = &self.counters;
        counters.set(Counter::JournalSynced, mark.frame);
        counters.add(Counter::JournalSyncs, 1);
        counters.set(Counter::JournalSyncMax, counters.get(Counter::JournalSyncMax).max(took));
        counters.set(Counter::JournalSegment, self.journal.segment());
        Ok(())
    }

    /// The next segment has its room before it is needed; no room for it is said while there is
    /// still some in this one.
    fn prepare_next(&mut self) {
        if self.journal.has_next() {
            return;
        }
        self.turns_to_room = self.turns_to_room.saturating_sub(1);
        if self.turns_to_room == 0 {
            let has_room = self.journal.prepare_next().is_ok();
            self.turns_to_room = ROOM_TURNS;
            self.shared.set_journal_short(!has_room);
        }
    }

    /// Whether the loop has ended and every frame of it is taken, or none will be.
    pub fn is_done(&mut self) -> bool {
        // The flag is read before the tape: whatever the loop pushed before it is visible.
        let loop_done = self.shared.is_loop_done();
        let (used, _) = self.tape.fill();
        loop_done && (self.failure.is_some() || used == 0)
    }

    fn fail(&mut self, error: TapeError) {
        self.failure.get_or_insert(error);
        self.tape.fail();
        self.counters.set(Counter::JournalFailed, 1);
        self.shared.fail_record();
    }

    /// Takes what is left and ends the journal in good order.
    ///
    /// # Errors
    /// The first failure of the run, or of ending; [`TapeError::Failed`] where the tape holds
    /// something that cannot be read.
    pub fn finish(mut self) -> Result<Mark, TapeError> {
        while self.turn() > 0 {}
        if let Some(error) = self.failure {
            return Err(error);
        }
        if self.tape.is_damaged() {
            self.tape.fail();
            return Err(TapeError::Failed { path: "the tape".into() });
        }
        let mark = self.journal.finish(self.moments.now());
        if mark.is_err() {
            self.tape.fail();
        }
        let mark = mark?;
        self.tape.free_taken();
        self.counters.set(Counter::JournalWritten, mark.frame);
        self.counters.set(Counter::JournalSynced, mark.frame);
        Ok(mark)
    }
}
