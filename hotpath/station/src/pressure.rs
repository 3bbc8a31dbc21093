//! How full the tape is, and what the loop does about it (promise 7).
//!
//! From three quarters on the station only reduces; from nine tenths on the loop takes no market
//! data: the last tenth is for fills and cancels. A replay at full speed waits for the journaler
//! instead. Owns the levels; the loop acts on them. Runs inside a turn: no allocation, no call.

use tape::tape::TapeWriter;

/// What the engine is told when the journal cannot be written: nothing that opens passes the gate,
/// what reduces does.
pub const FAILED_E3: i64 = 999;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Below three quarters, or below half after it was above.
    Room,
    /// From three quarters on, or while a journal lacks room for its next segment.
    Tight,
    /// The journal takes nothing more.
    Failed,
}

/// The levels of a tape.
#[derive(Clone, Copy, Debug)]
pub struct Pressure {
    /// Whether the loop waits for the journaler while that one works.
    waits: bool,
    level: Level,
    /// Bytes the outputs of one input may take.
    reserve: usize,
    /// The last tenth.
    kept: usize,
}

/// What a change of level means for the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// How full the tape is, thousandths, as the gate is to see it.
    pub fill_e3: i64,
    /// Whether a live station is to be told to reduce.
    pub reduces: bool,
}

impl Pressure {
    /// For a tape of `capacity` bytes and a worst case of `reserve` bytes an input.
    #[must_use]
    pub fn new(waits: bool, capacity: usize, reserve: usize) -> Self {
        Self { waits, level: Level::Room, reserve, kept: capacity / 10 }
    }

    /// The smallest tape for a worst case of `reserve` bytes an input: its last tenth holds the
    /// outputs of one more input, and then those of a halt.
    #[must_use]
    pub const fn least_capacity(reserve: usize) -> usize {
        20 * reserve
    }

    /// The level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Looks at the tape; what the engine must be told.
    pub fn look(&mut self, tape: &mut TapeWriter, journal_is_short: bool) -> Option<Change> {
        let has_failed = tape.has_failed();
        let (used, capacity) = (tape.used(), tape.capacity());
        let low = used < capacity / 2 && !journal_is_short;
        let tight = used >= capacity / 4 * 3 || journal_is_short;
        let level = match self.level {
            _ if has_failed => Level::Failed,
            Level::Room if tight && !self.waits => Level::Tight,
            Level::Tight if low => Level::Room,
            level @ (Level::Room | Level::Tight | Level::Failed) => level,
        };
        if level == self.level {
            return None;
        }
        self.level = level;
        let fill_e3 = match level {
            Level::Room => 0,
            Level::Tight => i64::try_from(used * 1_000 / capacity).unwrap_or(FAILED_E3).max(750),
            Level::Failed => FAILED_E3,
        };
        Some(Change { fill_e3, reduces: level != Level::Room })
    }

    /// Whether the loop is to wait for room before it takes anything.
    #[inline]
    pub fn must_wait(&self, tape: &mut TapeWriter) -> bool {
        self.waits && self.level != Level::Failed && !self.takes_market(tape)
    }

    /// Whether a market event may be taken.
    #[inline]
    pub fn takes_market(&self, tape: &mut TapeWriter) -> bool {
        tape.has_room(self.reserve + self.kept)
    }

    /// Whether any input may be taken; after the last one there is room for a halt.
    #[inline]
    pub fn takes_any(&self, tape: &mut TapeWriter) -> bool {
        tape.has_room(2 * self.reserve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape::tape::{MIN_BYTES, Tape};

    const RESERVE: usize = 1_000;

    fn fill(tape: &mut TapeWriter, bytes: usize) {
        let frame = wire::FrameHeader::with_len(wire::FrameKind::Timer, 40);
        while tape.used() < bytes {
            assert!(tape.push(0, bytemuck::bytes_of(&frame)));
        }
    }

    #[test]
    fn levels_rise_at_three_quarters_and_nine_tenths_and_fall_below_half() {
        let (mut tape, mut reader) = Tape::in_memory(MIN_BYTES).split();
        let mut pressure = Pressure::new(false, MIN_BYTES, RESERVE);
        assert_eq!(pressure.look(&mut tape, false), None);
        fill(&mut tape, MIN_BYTES / 4 * 3);
        let change = pressure.look(&mut tape, false).expect("three quarters");
        assert_eq!(change, Change { fill_e3: 750, reduces: true });
        assert_eq!(pressure.look(&mut tape, false), None, "told once");
        assert!(pressure.takes_market(&mut tape) && pressure.takes_any(&mut tape));
        // A ring may leave less than one record unused at its end, so the ninth tenth comes sooner.
        fill(&mut tape, MIN_BYTES / 10 * 9);
        assert!(!pressure.takes_market(&mut tape));
        while reader.next().is_some() {}
        reader.free_taken();
        let change = pressure.look(&mut tape, false).expect("empty again");
        assert_eq!(change, Change { fill_e3: 0, reduces: false });
        assert!(!pressure.must_wait(&mut tape));
    }

    #[test]
    fn a_full_speed_replay_waits_until_the_journal_fails() {
        let (mut tape, reader) = Tape::in_memory(MIN_BYTES).split();
        let mut pressure = Pressure::new(true, MIN_BYTES, RESERVE);
        fill(&mut tape, MIN_BYTES / 10 * 9);
        assert_eq!(pressure.look(&mut tape, false), None, "waiting is no level");
        assert!(pressure.must_wait(&mut tape));
        reader.fail();
        let change = pressure.look(&mut tape, false).expect("failed");
        assert_eq!(change, Change { fill_e3: FAILED_E3, reduces: true });
        assert!(!pressure.must_wait(&mut tape), "nobody will make room");
        assert_eq!(pressure.level(), Level::Failed);
    }

    #[test]
    fn a_disk_without_room_for_the_next_segment_is_as_tight_as_a_full_tape() {
        let (mut tape, _reader) = Tape::in_memory(MIN_BYTES).split();
        let mut pressure = Pressure::new(false, MIN_BYTES, RESERVE);
        let change = pressure.look(&mut tape, true).expect("short");
        assert_eq!(change, Change { fill_e3: 750, reduces: true });
        let change = pressure.look(&mut tape, false).expect("room again");
        assert_eq!(change.fill_e3, 0);
    }
}
