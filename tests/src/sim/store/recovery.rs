//! What a session leaves behind when it ends without a word, and what the next start makes of it.

use super::super::cover::Fault;
use super::super::plan::Faults;
use super::disk::files;
use super::{Disk, PATH, Store, moment, proof};
use std::path::Path;
use tape::journal::model::{Fault as Call, ModelDisk};
use tape::journal::{JournalWriter, Outside, Recovered, recover};
use tape::tape::TapeReader;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The process was killed: page cache and tape are there.
    Killed,
    /// The power went: only the disk is there, and of what was not synced some sectors.
    PowerLost,
    /// The journal could not be written or synced, and the process ended.
    Failed,
}

/// What a recovery says, for comparison with a second one.
fn facts(of: &Recovered) -> (u64, u64, u64, u64, bool, bool) {
    (of.segment, of.offset, of.seq, of.frames, of.is_sealed, of.is_closed)
}

impl Store {
    /// Recovers the session's journal, as the next start would, and holds what it finds against
    /// what was: nothing synced is lost, what is there is true, twice is once, the chain is whole.
    pub(crate) fn recover(mut self, end: End, faults: &mut Faults) -> Result<(), String> {
        self.journal = None;
        let plant = self.disk.plant();
        let mut image = self.disk.image();
        let mut tape = None;
        if end == End::PowerLost {
            let odds = self.dice.span(0, 1_000);
            image = image.after_power_loss(|| self.dice.per_mille(odds));
        } else {
            image = image.restarted();
            tape = Some(self.reader.as_left());
        }
        image.set_room(0);
        let outside = tape.as_ref().map_or(Outside::default(), |tape| Outside {
            synced_frame: tape.number(),
            has_failed: tape.had_failed(),
            checkpoint_seq: 0,
        });
        if faults.strikes(Fault::RecoveryKilled) {
            image = self.cut_short(image, &outside);
        }
        let say = |why| format!("after {end:?} the journal is not recovered: {why}");
        let found = recover(&mut image, Path::new(PATH), &outside).map_err(say)?;
        let Some(found) = found else {
            faults.cover.recovered("no segment yet", 1);
            let lost = self.synced;
            return if lost == 0 { Ok(()) } else { Err(format!("{lost} synced frames are gone")) };
        };
        self.mark(&found, &outside, end, faults);
        if found.frames < self.synced {
            let (have, due) = (found.frames, self.synced);
            return Err(format!("after {end:?} {have} frames are there, {due} were synced"));
        }
        let mut again = image.clone();
        let second = recover(&mut again, Path::new(PATH), &outside).map_err(say)?;
        let same = second.is_some_and(|s| facts(&s) == facts(&found) && s.cut_bytes == 0);
        if !same || files(&mut again) != files(&mut image) {
            return Err(format!("after {end:?} a second recovery differs from the first"));
        }
        self.go_on(image, found, tape, (end, plant), faults)
    }

    /// A recovery that dies in some call; what it left behind.
    fn cut_short(&mut self, mut image: ModelDisk, outside: &Outside) -> ModelDisk {
        let how = if self.dice.one_in(2) { Call::Kill } else { Call::KillInside };
        image.fault_at(image.calls() + 1 + self.dice.below(3), how);
        // Whether it came to its end does not matter: the next one must.
        let _ = recover(&mut image, Path::new(PATH), outside);
        image.restarted()
    }

    fn mark(&self, found: &Recovered, outside: &Outside, end: End, faults: &mut Faults) {
        let rest = self.hashes.len() as u64 - found.frames.min(self.hashes.len() as u64);
        let cases = [
            ("nothing to cut", found.cut_bytes == 0),
            ("tail cut", found.cut_bytes > 0),
            ("last segment sealed", found.is_sealed),
            ("first segment", found.segment == 1),
            ("later segment", found.segment > 1),
            ("no frame yet", found.frames == 0),
            ("after a failed journal", outside.has_failed),
            ("power lost, all there", end == End::PowerLost && rest == 0),
            ("power lost, some lost", end == End::PowerLost && rest > 0),
            ("frames from the tape", end != End::PowerLost && rest > 0),
            ("nothing from the tape", end != End::PowerLost && rest == 0),
            ("no segment yet", false),
        ];
        for (case, is_met) in cases {
            faults.cover.recovered(case, u64::from(is_met));
        }
    }

    /// The next start gives the journal what the tape still has, and ends it in good order.
    fn go_on(
        &mut self,
        image: ModelDisk,
        found: Recovered,
        tape: Option<TapeReader>,
        (end, plant): (End, Option<super::Plant>),
        _: &mut Faults,
    ) -> Result<(), String> {
        let (path, at) = (Path::new(PATH), moment(self.now));
        let say = |why| format!("after {end:?} the journal does not go on: {why}");
        let (have, total) = (found.frames, self.hashes.len() as u64);
        let is_whole = tape.is_some();
        if found.is_closed {
            return Err("a journal that was not ended is closed".into());
        }
        let disk = Disk::of(image, plant);
        let rest = if is_whole { total - have } else { 0 };
        let mut writer = JournalWriter::resume(disk.clone(), path, found, rest, at).map_err(say)?;
        if let Some(mut tape) = tape {
            while let Some(record) = tape.next() {
                if record.number > have {
                    writer.push(record.frame, moment(record.stamp)).map_err(say)?;
                }
            }
        }
        writer.finish(at).map_err(say)?;
        let read = proof::read(&disk.files(), &mut |_| {});
        let read =
            read.map_err(|why| format!("after {end:?} the journal does not verify: {why}"))?;
        let due = if is_whole { self.hashes.len() } else { read.len() };
        if read.len() != due || read[..] != self.hashes[..due] {
            let (found, due) = (read.len(), self.hashes.len());
            return Err(format!("after {end:?} the journal holds {found} frames of {due}"));
        }
        Ok(())
    }
}
