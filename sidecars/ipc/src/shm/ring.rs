//! One direction of the shared memory: a ring of frames between two processes that do not trust
//! each other.
//!
//! The memory is words that both sides may change at any time, so each access is atomic: what a
//! hostile peer writes can be wrong, never undefined. Each end keeps its own position in private
//! memory and only ever publishes it; the other's position is read, and must lie where an honest
//! peer's can ([`RingFault`]). A record is a word with the frame's length in bytes, then the frame's
//! words. The reader reads the length once, judges it, then copies each word once: what is decoded
//! is the copy, which nobody can change any more.
//!
//! Positions count words and only grow. INVARIANT: `head <= tail <= head + capacity`.
//!
//! A reader that sleeps says so first ([`Reader::park`]) and looks once more; a writer that has
//! published asks after that ([`Pushed::Bell`]). Between the store and the look of each side stands
//! a sequentially consistent fence, so at least one of the two sees the other: no frame lies in the
//! ring of a sleeper whom nobody wakes.
//!
//! Must never: wait, allocate, read a word twice, or index by a number it has not judged. All atomics
//! come through the module `sync`: the loom tests compile this file against loom's (`tests/loom.rs`).

use super::sync::{AtomicU64, Ordering, fence};

/// Bytes of a word.
pub(crate) const WORD: usize = 8;

/// How the peer broke the rules of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingFault {
    /// A position that no honest peer can have reached.
    #[error("the peer's position {theirs} cannot be: ours is {ours}")]
    Position {
        /// The peer's.
        theirs: u64,
        /// This side's.
        ours: u64,
    },
    /// A record's length is no frame's, or goes beyond what is published.
    #[error("a record claims a frame of {0} bytes")]
    Length(u64),
}

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a full ring drops the frame: count it; a bell must be rung"]
pub(crate) enum Pushed {
    /// No room: the frame is dropped.
    Full,
    /// Published; the reader looks by itself.
    Quiet,
    /// Published, and the reader sleeps: wake it.
    Bell,
}

/// Where one direction lies in the area, in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    /// Position of the writer. Written by the writer.
    pub(crate) tail: usize,
    /// Position of the reader. Written by the reader.
    pub(crate) head: usize,
    /// Not 0 while the reader sleeps. Set by the reader, cleared by both.
    pub(crate) parked: usize,
    /// First word of the records.
    pub(crate) first: usize,
    /// Words for records: a power of two.
    pub(crate) capacity: usize,
}

fn word(area: &[AtomicU64], at: usize) -> &AtomicU64 {
    area.get(at).unwrap_or_else(|| unreachable!("the area holds its lanes: see `shm`"))
}

impl Lane {
    /// The `n` words from position `at` on: up to the end of the records, then from their start.
    fn run<'a>(
        &self,
        area: &'a [AtomicU64],
        at: u64,
        n: usize,
    ) -> (&'a [AtomicU64], &'a [AtomicU64]) {
        let records = area.get(self.first..self.first + self.capacity).unwrap_or(&[]);
        let offset = self.offset(at);
        let to_end = n.min(self.capacity - offset);
        let head = records.get(offset..offset + to_end).unwrap_or(&[]);
        (head, records.get(..n - to_end).unwrap_or(&[]))
    }

    fn offset(&self, at: u64) -> usize {
        usize::try_from(at & (count(self.capacity) - 1)).unwrap_or(0)
    }
}

fn count(words: usize) -> u64 {
    u64::try_from(words).unwrap_or(u64::MAX)
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct Writer {
    lane: Lane,
    /// Our own position, equal to the one published.
    tail: u64,
    /// The reader's position when we last looked; the real one may be ahead.
    seen_head: u64,
}

impl Writer {
    /// An end over a lane whose positions both stand at `start`.
    pub(crate) fn new(lane: Lane, start: u64) -> Self {
        Self { lane, tail: start, seen_head: start }
    }

    /// Bytes of the largest frame that can ever fit.
    pub(crate) fn largest(&self) -> usize {
        (self.lane.capacity - 1) * WORD
    }

    /// Appends one frame, whole words of it, and publishes it.
    pub(crate) fn push(&mut self, area: &[AtomicU64], frame: &[u8]) -> Result<Pushed, RingFault> {
        let words = frame.len() / WORD;
        if !self.has_room(area, words + 1)? {
            return Ok(Pushed::Full);
        }
        let (length, _) = self.lane.run(area, self.tail, 1);
        for cell in length {
            // ORDERING: relaxed; published by the release store of the tail below.
            cell.store(count(frame.len()), Ordering::Relaxed);
        }
        let (first, second) = self.lane.run(area, self.tail.wrapping_add(1), words);
        let (parts, _whole_words) = frame.as_chunks::<WORD>();
        for (cell, part) in first.iter().chain(second).zip(parts) {
            // ORDERING: relaxed; as above.
            cell.store(u64::from_le_bytes(*part), Ordering::Relaxed);
        }
        self.tail = self.tail.wrapping_add(count(words + 1));
        // ORDERING: pairs with the load in `Reader::look`: the record is written before the reader
        // can see that it is there.
        word(area, self.lane.tail).store(self.tail, Ordering::Release);
        Ok(self.bell(area))
    }

    /// Whether the reader sleeps; asked after publishing. Whoever clears the word rings.
    fn bell(&self, area: &[AtomicU64]) -> Pushed {
        let parked = word(area, self.lane.parked);
        // ORDERING: pairs with the fence in `Reader::park`: either we see that it sleeps, or it sees
        // the tail stored before this.
        fence(Ordering::SeqCst);
        // ORDERING: relaxed; the fence orders it, and the word guards no other memory.
        if parked.load(Ordering::Relaxed) != 0 && parked.swap(0, Ordering::Relaxed) != 0 {
            Pushed::Bell
        } else {
            Pushed::Quiet
        }
    }

    /// Whether `n` words are free, looking at the reader's position only where need be.
    fn has_room(&mut self, area: &[AtomicU64], n: usize) -> Result<bool, RingFault> {
        let fits = |used: u64| used.saturating_add(count(n)) <= count(self.lane.capacity);
        if fits(self.tail.wrapping_sub(self.seen_head)) {
            return Ok(true);
        }
        // ORDERING: pairs with the store in `Reader::pop`: the reader has copied what lay there
        // before we write it again.
        let head = word(area, self.lane.head).load(Ordering::Acquire);
        let used = self.tail.wrapping_sub(head);
        if used > self.tail.wrapping_sub(self.seen_head) {
            return Err(RingFault::Position { theirs: head, ours: self.tail });
        }
        self.seen_head = head;
        Ok(fits(used))
    }
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Reader {
    lane: Lane,
    /// Our own position, equal to the one published.
    head: u64,
    /// The writer's position when we last looked; the real one may be ahead.
    seen_tail: u64,
}

impl Reader {
    /// An end over a lane whose positions both stand at `start`.
    pub(crate) fn new(lane: Lane, start: u64) -> Self {
        Self { lane, head: start, seen_tail: start }
    }

    /// Copies the oldest frame to the start of `out` and gives its place back; its length in bytes,
    /// or `None` where there is none.
    pub(crate) fn pop(
        &mut self,
        area: &[AtomicU64],
        out: &mut [u64],
    ) -> Result<Option<usize>, RingFault> {
        if self.seen_tail == self.head && !self.look(area)? {
            return Ok(None);
        }
        let mut bytes = 0;
        let (length, _) = self.lane.run(area, self.head, 1);
        for cell in length {
            // ORDERING: relaxed; ordered by the acquire load in `look`.
            bytes = cell.load(Ordering::Relaxed);
        }
        let words = self.judge(bytes, out.len())?;
        let (first, second) = self.lane.run(area, self.head.wrapping_add(1), words);
        for (cell, to) in first.iter().chain(second).zip(out.iter_mut()) {
            // ORDERING: relaxed; as above.
            *to = cell.load(Ordering::Relaxed).to_le();
        }
        self.head = self.head.wrapping_add(count(words + 1));
        // ORDERING: pairs with the load in `Writer::has_room`: our copy is made before the writer
        // may use the place again.
        word(area, self.lane.head).store(self.head, Ordering::Release);
        Ok(Some(words * WORD))
    }

    /// The words of a frame so long, where one can be that long and is published whole.
    fn judge(&self, bytes: u64, room: usize) -> Result<usize, RingFault> {
        let fault = RingFault::Length(bytes);
        let length = usize::try_from(bytes).map_err(|_too_long| fault)?;
        let words = length / WORD;
        let published = self.seen_tail.wrapping_sub(self.head) - 1;
        let sound = length.is_multiple_of(WORD) && words > 0 && words <= room;
        if sound && count(words) <= published { Ok(words) } else { Err(fault) }
    }

    /// Looks how far the writer is; whether there is anything.
    fn look(&mut self, area: &[AtomicU64]) -> Result<bool, RingFault> {
        // ORDERING: pairs with the store in `Writer::push`: what lies up to this position is written.
        let tail = word(area, self.lane.tail).load(Ordering::Acquire);
        let there = tail.wrapping_sub(self.head);
        let seen = self.seen_tail.wrapping_sub(self.head);
        if there > count(self.lane.capacity) || there < seen {
            return Err(RingFault::Position { theirs: tail, ours: self.head });
        }
        self.seen_tail = tail;
        Ok(there > 0)
    }

    /// Says that this reader is about to sleep, then looks once more: `true` where it may sleep.
    pub(crate) fn park(&mut self, area: &[AtomicU64]) -> Result<bool, RingFault> {
        let parked = word(area, self.lane.parked);
        // ORDERING: relaxed; ordered before the look by the fence.
        parked.store(1, Ordering::Relaxed);
        // ORDERING: pairs with the fence in `Writer::bell`.
        fence(Ordering::SeqCst);
        let is_empty = self.seen_tail == self.head && !self.look(area)?;
        if !is_empty {
            self.unpark(area);
        }
        Ok(is_empty)
    }

    /// Says that this reader looks by itself again.
    pub(crate) fn unpark(&mut self, area: &[AtomicU64]) {
        // ORDERING: relaxed; the word guards no other memory. A writer that still saw it set rings
        // once for nothing.
        word(area, self.lane.parked).store(0, Ordering::Relaxed);
    }
}
