//! Frames over a ring: `S` stamp words and a frame, cut into cells of 128 bytes.
//!
//! Owns the cell and the two ends of a link. A message is published whole or not at all, so a
//! reader that sees its first cell has all of it. Stamps travel beside the frame, never in its
//! bytes: frames stay the same from run to run. Must never: allocate, wait or decode after it was
//! made. Hot threads run both ends; pushing a frame that fits one cell copies it once.

use bytemuck::{Pod, Zeroable};
use ring::{Consumer, Producer};
use std::mem::size_of;
use wire::InstrumentId;
use wire::frame::MAX_FRAME_BYTES;

/// Words of a cell.
const WORDS: usize = 16;
/// Bytes of a cell: two cache lines, which Intel's prefetcher fetches as a pair.
pub const CELL_BYTES: usize = WORDS * 8;

/// One ring element.
#[repr(C, align(128))]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Cell([u64; WORDS]);

impl Cell {
    const EMPTY: Self = Self([0; WORDS]);
}

/// Cells a message of `stamps` words and `frame_bytes` bytes takes.
#[must_use]
pub const fn cells_for(stamps: usize, frame_bytes: usize) -> usize {
    (stamps * 8 + frame_bytes).div_ceil(CELL_BYTES)
}

/// Cells of the largest message.
#[must_use]
pub const fn cells_max(stamps: usize) -> usize {
    cells_for(stamps, MAX_FRAME_BYTES)
}

/// Makes a link with room for `cells` cells.
///
/// # Panics
/// If a largest frame does not fit: a link that can never pass a legal frame is a bug.
#[must_use]
pub fn link<const S: usize>(cells: usize) -> (LinkTx<S>, LinkRx<S>) {
    assert!(cells >= cells_max(S), "a link holds at least one largest frame");
    const { assert!(S >= 1 && S + 1 < WORDS, "the first cell holds the stamps and a frame's head") };
    let (producer, consumer) = ring::ring(cells);
    let scratch = || vec![Cell::EMPTY; cells_max(S)].into_boxed_slice();
    (LinkTx { producer, scratch: scratch() }, LinkRx { consumer, scratch: scratch() })
}

/// The sending end.
#[derive(Debug)]
pub struct LinkTx<const S: usize> {
    producer: Producer<Cell>,
    scratch: Box<[Cell]>,
}

/// The receiving end.
#[derive(Debug)]
pub struct LinkRx<const S: usize> {
    consumer: Consumer<Cell>,
    scratch: Box<[Cell]>,
}

/// One message: stamps beside a frame, in the receiver's own memory.
#[derive(Debug)]
pub struct Message<'a, const S: usize> {
    /// The stamp words, as the sender wrote them.
    pub stamps: [u64; S],
    /// The frame, aligned to 8 bytes.
    pub frame: &'a mut [u8],
}

impl<const S: usize> LinkTx<S> {
    /// Whether `cells` cells are free.
    pub fn has_room(&mut self, cells: usize) -> bool {
        self.producer.free() >= cells
    }

    /// Free cells.
    pub fn free(&mut self) -> usize {
        self.producer.free()
    }

    /// Cells in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.producer.capacity()
    }

    /// Sends one message. `false`, and nothing sent, where there is no room.
    ///
    /// # Panics
    /// If the frame is longer than the largest legal one: the sender's bug.
    #[must_use]
    pub fn push(&mut self, stamps: [u64; S], frame: &[u8]) -> bool {
        assert!(frame.len() <= MAX_FRAME_BYTES, "frame longer than a frame may be");
        let cells = cells_for(S, frame.len());
        if cells == 1 {
            let mut cell = Cell::EMPTY;
            write_message(bytemuck::bytes_of_mut(&mut cell), stamps, frame);
            return self.producer.try_push(cell).is_ok();
        }
        let Some(scratch) = self.scratch.get_mut(..cells) else { return false };
        write_message(bytemuck::cast_slice_mut(scratch), stamps, frame);
        self.producer.try_push_slice(scratch)
    }
}

/// Lays stamps and frame at the start of `bytes`, which holds both.
#[expect(clippy::indexing_slicing, reason = "the caller sized `bytes` with `cells_for`")]
fn write_message<const S: usize>(bytes: &mut [u8], stamps: [u64; S], frame: &[u8]) {
    let (head, body) = bytes.split_at_mut(S * 8);
    head.copy_from_slice(bytemuck::cast_slice(&stamps));
    body[..frame.len()].copy_from_slice(frame);
}

impl<const S: usize> LinkRx<S> {
    /// Takes the next message, if one is there.
    ///
    /// # Panics
    /// If the ring holds something that no sender of ours wrote.
    pub fn take(&mut self) -> Option<Message<'_, S>> {
        let first = *self.consumer.peek()?;
        let frame_bytes = frame_len(&first.0, S);
        assert!(frame_bytes <= MAX_FRAME_BYTES, "length of a message in the ring");
        let cells = cells_for(S, frame_bytes);
        if cells == 1 {
            *self.scratch.first_mut()? = first;
        } else {
            let (left, right) = self.consumer.chunk(cells)?;
            let (to_left, rest) = self.scratch.split_at_mut_checked(left.len())?;
            to_left.copy_from_slice(left);
            rest.get_mut(..right.len())?.copy_from_slice(right);
        }
        self.consumer.consume(cells);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(self.scratch.get_mut(..cells)?);
        let (head, body) = bytes.split_at_mut_checked(S * 8)?;
        let mut stamps = [0; S];
        bytemuck::bytes_of_mut(&mut stamps).copy_from_slice(head);
        Some(Message { stamps, frame: body.get_mut(..frame_bytes)? })
    }

    /// Kind and instrument of the next message's frame, if one waits; it stays there.
    pub fn peek_head(&mut self) -> Option<(u16, InstrumentId)> {
        // The second half of a header's first word, and the first half of its second.
        let Cell(words) = self.consumer.peek()?;
        let (first, second) = (words.get(S)?, words.get(S + 1)?);
        let kind = u16::try_from((first >> 32) & u64::from(u16::MAX)).unwrap_or(0);
        let instrument = u32::try_from(second & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        Some((kind, InstrumentId(instrument)))
    }

    /// Whether a message waits.
    pub fn is_empty(&mut self) -> bool {
        self.consumer.peek().is_none()
    }

    /// Cells that wait.
    pub fn readable(&mut self) -> usize {
        self.consumer.readable()
    }
}

/// The frame's own length: the lower half of its first word.
fn frame_len(words: &[u64; WORDS], stamps: usize) -> usize {
    let first = words.get(stamps).copied().unwrap_or(0);
    usize::try_from(first & u64::from(u32::MAX)).unwrap_or(usize::MAX)
}

const _: () = assert!(size_of::<Cell>() == CELL_BYTES);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use wire::frame::{FrameHeader, FrameKind};

    fn frame(len: usize, fill: u8) -> Vec<u8> {
        let header = FrameHeader {
            instrument_id: InstrumentId(7),
            ..FrameHeader::with_len(FrameKind::DepthDelta, len)
        };
        let mut bytes = bytemuck::bytes_of(&header).to_vec();
        bytes.resize(len, fill);
        bytes
    }

    #[test]
    fn frames_of_every_length_come_out_as_they_went_in_and_aligned() {
        let (mut tx, mut rx) = link::<2>(2 * cells_max(2));
        let mut waiting = VecDeque::new();
        let (mut sent, mut taken, mut refused) = (0_u64, 0, 0);
        let lens = [40, 72, 80, 112, 120, 128, 240, 1_000, 3_264, 16_000, MAX_FRAME_BYTES];
        for round in 0..400_u64 {
            let len = lens[usize::try_from(round * 7 % 11).expect("small")];
            let bytes = frame(len, round.to_le_bytes()[0]);
            if tx.push([round, !round], &bytes) {
                waiting.push_back((round, bytes));
                sent += 1;
            } else {
                assert!(!tx.has_room(cells_for(2, len)), "refused only without room");
                refused += 1;
            }
            if round % 3 != 0 {
                let head = rx.peek_head();
                let message = rx.take();
                let expected: Option<(u64, Vec<u8>)> = waiting.pop_front();
                assert_eq!(head.is_some(), expected.is_some());
                let kind = FrameKind::DepthDelta.code();
                assert!(head.is_none_or(|head| head == (kind, InstrumentId(7))));
                assert_eq!(message.is_some(), expected.is_some());
                if let (Some(message), Some((stamp, bytes))) = (message, expected) {
                    assert_eq!(message.stamps, [stamp, !stamp]);
                    assert_eq!(message.frame, &bytes[..]);
                    assert_eq!(message.frame.as_ptr().align_offset(8), 0);
                    taken += 1;
                }
            }
        }
        assert!(refused > 0 && taken > 100 && sent > taken, "{sent} {taken} {refused}");
    }

    #[test]
    fn a_quote_is_one_cell_and_an_order_with_six_stamps_two() {
        assert_eq!(cells_for(6, size_of::<wire::order::NewOrder>()), 2);
        assert_eq!(cells_for(2, size_of::<wire::market::Quote>()), 1);
        assert_eq!(cells_for(2, 120), 2);
    }
}
