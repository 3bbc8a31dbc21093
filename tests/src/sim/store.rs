//! The station's memory: the real tape, the real journal, and a disk that keeps what is synced and
//! what is only written apart.
//!
//! Everything the engine takes and gives goes to the tape; a journaler's turn takes it to the
//! journal and, once that is synced, gives the tape its room back. The hash of every frame is kept
//! here, for what a recovery finds is held against it. Must never: know better than the files.

mod disk;
mod proof;
mod recovery;

use super::cover::Fault;
use super::dice::Dice;
use super::frames::Trace;
use super::plan::{Faults, Plan};
use super::plant::Plant;
pub(crate) use disk::Disk;
pub(crate) use recovery::End;
use std::path::Path;
use tape::TapeError;
use tape::journal::{JournalWriter, Moment, Options};
use tape::tape::{MIN_BYTES, Tape, TapeReader, TapeWriter};

/// Bytes of tape beyond what is kept free for the outputs of one input: small, so that it fills.
const SLACK: usize = 192 << 10;
/// Name of the journal in errors.
const PATH: &str = "journal";

/// The memory of one session.
pub(crate) struct Store {
    writer: TapeWriter,
    reader: TapeReader,
    journal: Option<JournalWriter<Disk>>,
    pub(super) disk: Disk,
    /// Hash of every frame, in order.
    hashes: Vec<u64>,
    /// Frames the journal said are on the disk.
    synced: u64,
    /// A frame found no room on the tape.
    overflow: bool,
    /// A write or a sync failed, or the process died in one.
    pub(super) failure: Option<End>,
    stalled_until: u64,
    now: u64,
    dice: Dice,
    first: bool,
}

fn moment(now: u64) -> Moment {
    Moment { mono_ns: now, utc_ns: now }
}

/// Hash of one frame.
pub(crate) fn hash_of(frame: &[u8]) -> u64 {
    let mut trace = Trace(frame.len() as u64);
    trace.bytes(frame);
    trace.0
}

impl Store {
    pub(crate) fn new(
        plan: &Plan,
        session: u32,
        plant: Option<Plant>,
        faults: &mut Faults,
    ) -> Self {
        let mut dice = Dice::of(plan.seed, 600 + u64::from(session));
        let (writer, reader) = Tape::in_memory(MIN_BYTES).split();
        let disk = Disk::new(plant);
        disk.arm_start(faults, &mut dice);
        let options = Options {
            instance: (u128::from(plan.seed) << 64 | u128::from(session)).to_le_bytes(),
            epoch: u64::from(session),
            segment_bytes: 1 << dice.span(14, 17),
        };
        let begun = JournalWriter::create(disk.clone(), Path::new(PATH), options, "{}", moment(1));
        let failure = begun.is_err().then_some(End::Killed);
        Self {
            writer,
            reader,
            journal: begun.ok(),
            disk,
            hashes: Vec::with_capacity(1 << 14),
            synced: 0,
            overflow: false,
            failure,
            stalled_until: 0,
            now: 1,
            dice,
            first: true,
        }
    }

    /// Keeps a frame the engine took or gave.
    pub(crate) fn record(&mut self, frame: &[u8]) {
        self.hashes.push(hash_of(frame));
        self.overflow |= !self.writer.push(self.now, frame);
    }

    /// Whether the outputs of one more input fit the tape.
    pub(crate) fn has_room(&mut self) -> bool {
        let kept = self.writer.capacity() - SLACK;
        self.writer.has_room(kept)
    }

    /// Whether a frame was lost for want of room.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.overflow
    }

    /// How full the tape is, thousandths of what it may hold before the loop waits.
    pub(crate) fn fill_e3(&mut self) -> i64 {
        let used = self.writer.used().min(SLACK) * 1_000 / SLACK;
        i64::try_from(used).unwrap_or(1_000)
    }

    /// Nothing is wrong any more.
    pub(crate) fn heal(&mut self) {
        self.stalled_until = 0;
        self.disk.heal();
    }

    /// The journaler's turn: some records, a write, now and then a sync.
    pub(crate) fn turn(&mut self, now: u64, faults: &mut Faults) {
        self.now = now;
        if !self.dice.one_in(6) || self.failure.is_some() {
            return;
        }
        if faults.strikes(Fault::DiskSlow) {
            self.stalled_until = now + self.dice.span(1, 500) * 1_000_000;
        }
        if self.stalled_until != u64::MAX && faults.strikes(Fault::TapeFull) {
            // Until nothing fits any more.
            self.stalled_until = u64::MAX;
        }
        if self.stalled_until == u64::MAX && !self.has_room() {
            self.stalled_until = now + self.dice.span(1, 50) * 1_000_000;
        }
        if now < self.stalled_until {
            return;
        }
        let outcome = self.journal_some(faults);
        if outcome.is_err() {
            let is_killed = self.disk.is_killed();
            if !is_killed {
                // What lives on says so; a process that died says nothing.
                self.reader.fail();
            }
            self.failure = Some(if is_killed { End::Killed } else { End::Failed });
        }
    }

    fn journal_some(&mut self, faults: &mut Faults) -> Result<(), TapeError> {
        let Some(journal) = self.journal.as_mut() else { return Ok(()) };
        self.disk.arm(faults, &mut self.dice, false);
        let most = self.dice.span(1, 400);
        for _ in 0..most {
            let Some(record) = self.reader.next() else { break };
            let at = moment(record.stamp);
            journal.push(record.frame, at)?;
        }
        journal.write()?;
        if self.dice.one_in(3) || self.first {
            self.disk.arm(faults, &mut self.dice, true);
            self.synced = journal.sync()?.frame;
            self.reader.free_taken();
            self.first = false;
            // A disk without room says so here first; the journal goes on while its segment lasts.
            let _ = journal.prepare_next();
        }
        Ok(())
    }

    /// Ends the journal in good order; what it then holds is proven.
    pub(crate) fn close(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        let Some(journal) = self.journal.as_mut() else { return Ok(()) };
        let say = |why: TapeError| format!("the journal does not end: {why}");
        while let Some(record) = self.reader.next() {
            let at = moment(record.stamp);
            journal.push(record.frame, at).map_err(say)?;
        }
        journal.finish(moment(self.now)).map_err(say)?;
        let found = proof::read(&self.disk.files(), each)?;
        if found == self.hashes {
            return Ok(());
        }
        Err(format!("the journal holds {} frames, {} were kept", found.len(), self.hashes.len()))
    }
}
