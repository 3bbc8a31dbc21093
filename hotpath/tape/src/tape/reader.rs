//! The journaler's end of a tape: takes records in order, and gives their room free.
//!
//! Must never: hand out a record that is not whole, or trust a length, number or position it reads.
//! One housekeeping thread runs it; it allocates once, when it is made.

use super::{RECORD_WORDS, Ring, SKIP, at, record_bytes};
use std::sync::atomic::Ordering;
use wire::frame::MAX_FRAME_BYTES;

/// One record, in the reader's own memory.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Number of the frame, from 1.
    pub number: u64,
    /// What the writer stamped it with: its cycle counter.
    pub stamp: u64,
    /// The frame, aligned to 8 bytes; its content is not checked.
    pub frame: &'a [u8],
}

/// The journaler's end.
#[derive(Debug)]
pub struct TapeReader {
    ring: Ring,
    start: usize,
    position: u64,
    seen_head: u64,
    number: u64,
    frame: Box<[u64]>,
}

impl TapeReader {
    /// A reader at the first record not given free.
    pub(super) fn new(ring: Ring) -> Self {
        let seen_head = ring.head().load(Ordering::Acquire);
        let position = ring.word(at::TAIL).load(Ordering::Acquire);
        let synced = ring.word(at::SYNCED).load(Ordering::Acquire);
        let start = (position / 8) % ring.size as u64;
        let start = usize::try_from(start).unwrap_or(0);
        let frame = vec![0; MAX_FRAME_BYTES / 8].into_boxed_slice();
        let mut reader = Self { ring, start, position, seen_head, number: synced, frame };
        if position != seen_head {
            // A process killed between the two stores of `free_taken` leaves the number ahead.
            let first = reader.head_at(reader.skip().0).map_or(1, |(_, number, _)| number);
            reader.number = first.saturating_sub(1).min(synced);
        }
        reader
    }

    /// Where the next record begins: word of the ring, and position.
    fn skip(&self) -> (usize, u64) {
        let word = self.ring.body().get(self.start);
        if word.is_some_and(|word| word.load(Ordering::Relaxed) == SKIP) {
            let rest = (self.ring.size - self.start) * 8;
            (0, self.position.saturating_add(rest as u64))
        } else {
            (self.start, self.position)
        }
    }

    /// Length, number and stamp of the record at a word.
    fn head_at(&self, start: usize) -> Option<(usize, u64, u64)> {
        let [len, number, stamp] = self.ring.body().get(start..start + RECORD_WORDS)? else {
            return None;
        };
        let len = usize::try_from(len.load(Ordering::Relaxed)).ok()?;
        Some((len, number.load(Ordering::Relaxed), stamp.load(Ordering::Relaxed)))
    }

    /// Takes the next record, if one is there. Its room is not free yet.
    ///
    /// A record whose head is damaged ends the tape: see [`TapeReader::is_damaged`].
    #[expect(clippy::should_implement_trait, reason = "a record borrows from the reader")]
    pub fn next(&mut self) -> Option<Record<'_>> {
        if self.position == self.seen_head {
            // ORDERING: acquire; pairs with the release store of `push`.
            self.seen_head = self.ring.head().load(Ordering::Acquire);
            if self.position == self.seen_head {
                return None;
            }
        }
        let (start, position) = self.skip();
        let (len, number, stamp) = self.head_at(start)?;
        let is_sound = len <= MAX_FRAME_BYTES && len.is_multiple_of(8);
        if !is_sound || self.number.checked_add(1) != Some(number) {
            return None;
        }
        let after = position.checked_add(record_bytes(len) as u64)?;
        if after > self.seen_head {
            return None;
        }
        let from = start + RECORD_WORDS;
        let payload = self.ring.body().get(from..from + len / 8)?;
        let frame = self.frame.get_mut(..len / 8)?;
        for (to, word) in frame.iter_mut().zip(payload) {
            *to = word.load(Ordering::Relaxed);
        }
        let end = from + len / 8;
        self.start = if end == self.ring.size { 0 } else { end };
        self.position = after;
        self.number = number;
        Some(Record { number, stamp, frame: bytemuck::cast_slice(frame) })
    }

    /// Whether records lie ahead that cannot be read: only where something else wrote to the tape.
    #[must_use]
    pub fn is_damaged(&mut self) -> bool {
        // ORDERING: acquire; pairs with the release store of `push`.
        self.seen_head = self.ring.head().load(Ordering::Acquire);
        let before = (self.start, self.position, self.number);
        let damaged = before.1 != self.seen_head && self.next().is_none();
        (self.start, self.position, self.number) = before;
        damaged
    }

    /// Gives free the room of every record taken so far.
    pub fn free_taken(&mut self) {
        self.ring.word(at::SYNCED).store(self.number, Ordering::Relaxed);
        // ORDERING: release; pairs with the writer's acquire load before it writes there again.
        self.ring.word(at::TAIL).store(self.position, Ordering::Release);
    }

    /// Says that what is taken from here on cannot be kept.
    pub fn fail(&self) {
        // ORDERING: release; pairs with `TapeWriter::has_failed`.
        self.ring.word(at::FAILED).store(1, Ordering::Release);
    }

    /// Takes that back: the journal was cut to what is safe, and who writes it now says for itself.
    pub fn clear_failure(&self) {
        // ORDERING: release; pairs with `TapeReader::had_failed` of a later process.
        self.ring.word(at::FAILED).store(0, Ordering::Release);
    }

    /// Whether an earlier process said so.
    #[must_use]
    pub fn had_failed(&self) -> bool {
        self.ring.word(at::FAILED).load(Ordering::Acquire) != 0
    }

    /// The reading end as the next process would find it: at the first record not given free. For
    /// tapes in memory, which cannot be opened again; for tests and simulations.
    #[must_use]
    pub fn as_left(&self) -> Self {
        Self::new(self.ring.clone())
    }

    /// Every word of the tape as it stands: for tests, see [`Tape::of_image`].
    #[must_use]
    pub fn image(&self) -> Vec<u64> {
        self.ring.words.all().iter().map(|word| word.load(Ordering::Relaxed)).collect()
    }

    /// Number of the last frame on the tape, as far as it can be read; nothing is taken.
    pub fn last_number(&mut self) -> u64 {
        let before = (self.start, self.position, self.number);
        while self.next().is_some() {}
        let last = self.number;
        (self.start, self.position, self.number) = before;
        last
    }

    /// Number of the last frame taken; before the first, of the last one given free.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of the ring that are in use, and bytes of the ring.
    #[must_use]
    pub fn fill(&self) -> (u64, u64) {
        let head = self.ring.head().load(Ordering::Relaxed);
        let tail = self.ring.word(at::TAIL).load(Ordering::Relaxed);
        (head.saturating_sub(tail), self.ring.size as u64 * 8)
    }
}
