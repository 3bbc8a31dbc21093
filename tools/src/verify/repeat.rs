//! An engine beside a journal that is read frame by frame.
//!
//! The engine makes timers and outputs by itself, before and after the input that leads to them, so
//! what it makes and what was recorded are two streams of the same frames: whichever is ahead waits.

use super::end_of;
use bytemuck::cast_slice;
use engine::{Engine, Sink};
use std::mem::size_of;
use wire::frame::{self, HEADER_BYTES};
use wire::station::SessionEnd;
use wire::{DecodeError, FrameKind};

/// The first frame that is not the same; an empty one is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Its number in the journal, from 1.
    pub(super) frame_number: u64,
    /// What the journal has.
    pub(super) recorded: Vec<u8>,
    /// What the engine makes.
    pub(super) made: Vec<u8>,
}

/// Whole frames, one after the other.
#[derive(Debug, Default)]
struct Stream {
    words: Vec<u64>,
    taken: usize,
}

impl Stream {
    fn push(&mut self, frame: &[u8]) {
        let words = frame.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        self.words.extend(words);
    }

    /// The first frame, whose header was checked when it was pushed.
    fn first(&self) -> Option<&[u8]> {
        let bytes: &[u8] = cast_slice(self.words.get(self.taken..)?);
        let len = bytes.get(..4)?.try_into().ok().map(u32::from_le_bytes)?;
        bytes.get(..usize::try_from(len).ok()?.max(HEADER_BYTES))
    }

    fn drop_first(&mut self) {
        self.taken += self.first().map_or(0, |frame| frame.len() / 8);
        if self.taken == self.words.len() {
            self.words.clear();
            self.taken = 0;
        }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    fn count(&mut self) -> usize {
        let mut count = 0;
        while !self.is_empty() {
            self.drop_first();
            count += 1;
        }
        count
    }
}

/// What an engine makes of one recorded input: first of all that input, which is held against the
/// recorded one where it stands.
struct Making<'a> {
    /// Until the first frame is made.
    recorded: Option<&'a [u8]>,
    made: &'a mut Stream,
    /// The first frame made was the recorded one.
    met: bool,
}

impl Making<'_> {
    fn take(&mut self, frame: &[u8]) {
        match self.recorded.take() {
            Some(recorded) if recorded == frame => self.met = true,
            _ => self.made.push(frame),
        }
    }
}

impl Sink for Making<'_> {
    fn input(&mut self, frame: &[u8]) {
        self.take(frame);
    }

    fn output(&mut self, frame: &[u8]) {
        self.take(frame);
    }
}

/// An engine that repeats a journal.
#[derive(Debug)]
pub(super) struct Repeat {
    engine: Engine,
    /// Made, and not yet met in the journal.
    made: Stream,
    /// Met in the journal, and not yet made: timers before the input that fires them.
    waiting: Stream,
    input: Vec<u64>,
    inputs: u64,
    end: Option<SessionEnd>,
    unwritten: usize,
}

impl Repeat {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            made: Stream::default(),
            waiting: Stream::default(),
            input: Vec::new(),
            inputs: 0,
            end: None,
            unwritten: 0,
        }
    }

    /// The next frame of the journal; the difference, where there is one.
    ///
    /// # Errors
    /// A recorded input that is no frame.
    pub(super) fn take(
        &mut self,
        frame_number: u64,
        recorded: &[u8],
    ) -> Result<Option<Difference>, DecodeError> {
        if let Some(made) = self.made.first() {
            if made != recorded {
                return Ok(Some(difference(frame_number, recorded, made)));
            }
            self.made.drop_first();
            return Ok(None);
        }
        let kind = FrameKind::from_code(frame::header(recorded)?.kind);
        if kind == Some(FrameKind::SessionEnd) && self.waiting.is_empty() && self.end.is_none() {
            self.end = wire_end(recorded);
            let end = end_of(&self.engine);
            let made = bytemuck::bytes_of(&end);
            let is_same = recorded == made;
            return Ok((!is_same).then(|| difference(frame_number, recorded, made)));
        }
        if !kind.is_some_and(FrameKind::is_outer_input) || self.end.is_some() {
            self.waiting.push(recorded);
            return Ok(None);
        }
        self.input.clear();
        self.input.extend(recorded.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w)));
        let alone = Some(recorded).filter(|_| self.waiting.is_empty());
        let mut making = Making { recorded: alone, made: &mut self.made, met: false };
        self.engine.input(bytemuck::cast_slice_mut(&mut self.input), &mut making)?;
        self.inputs += 1;
        if making.met {
            return Ok(None);
        }
        self.waiting.push(recorded);
        Ok(self.meet(frame_number))
    }

    /// What waited must be what was made first.
    fn meet(&mut self, frame_number: u64) -> Option<Difference> {
        let (mut ahead, total) = (0, self.waiting.words.len());
        while let Some(recorded) = self.waiting.first() {
            let made = self.made.first().unwrap_or_default();
            if made != recorded {
                // Frames that wait stand before the one just taken.
                let left = count_frames(self.waiting.words.get(self.waiting.taken..)?);
                let number = (frame_number + 1).saturating_sub(left);
                return Some(difference(number, recorded, made));
            }
            ahead += recorded.len() / 8;
            self.waiting.drop_first();
            self.made.drop_first();
        }
        debug_assert_eq!(ahead, total, "all that waited was met");
        None
    }

    /// After the last frame of the journal.
    pub(super) fn end(&mut self, frames: u64, is_whole: bool) -> Option<Difference> {
        if let Some(recorded) = self.waiting.first() {
            // A journal cut between timers and the input that fires them ends so.
            return is_whole.then(|| difference(frames, recorded, &[]));
        }
        if let Some(made) = self.made.first().filter(|_| is_whole) {
            return Some(difference(frames + 1, &[], made));
        }
        self.unwritten = self.made.count();
        None
    }

    /// Whether all that was made was met and nothing waits: then the engine's state is the journal's
    /// at this place.
    pub(super) fn has_met_all(&self) -> bool {
        self.made.is_empty() && self.waiting.is_empty() && self.end.is_none()
    }

    /// Whether the session's end was met.
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn inputs(&self) -> u64 {
        self.inputs
    }

    pub(super) fn unwritten(&self) -> usize {
        self.unwritten
    }
}

fn wire_end(frame: &[u8]) -> Option<SessionEnd> {
    bytemuck::try_pod_read_unaligned(frame.get(..size_of::<SessionEnd>())?).ok()
}

fn count_frames(words: &[u64]) -> u64 {
    let mut rest: &[u8] = cast_slice(words);
    let mut count = 0;
    while let Ok(header) = frame::header(rest) {
        rest = rest.get(header.len_bytes as usize..).unwrap_or_default();
        count += 1;
    }
    count
}

fn difference(frame_number: u64, recorded: &[u8], made: &[u8]) -> Difference {
    Difference { frame_number, recorded: recorded.to_vec(), made: made.to_vec() }
}
