//! The three rings behind one interface, each by its own natural calls.

use crossbeam::queue::ArrayQueue;
use std::sync::Arc;

/// A frame of one cache line: number, stamp, and six words that follow from them. Aligned to its
/// line, so that rivals which do not align their memory lose nothing by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Frame([u64; 8]);

impl Frame {
    /// The frame with this number and stamp.
    #[inline]
    pub(crate) fn new(number: u64, stamp: u64) -> Self {
        let rest = number ^ stamp;
        Self([number, stamp, rest, !rest, number, !number, rest, !number])
    }

    /// The stamp.
    #[inline]
    pub(crate) fn stamp(&self) -> u64 {
        self.0[1]
    }
}

/// A ring under test.
pub(crate) trait Contender {
    /// Its name in the tables.
    const NAME: &'static str;
    /// Whether it can push several frames at once.
    const BATCHES: bool;
    /// Writing end.
    type Tx: Send;
    /// Reading end.
    type Rx: Send;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx);
    /// Pushes one frame; `false` when full.
    fn push(tx: &mut Self::Tx, frame: Frame) -> bool;
    fn pop(rx: &mut Self::Rx) -> Option<Frame>;
    /// Pushes all frames or none.
    fn push_batch(tx: &mut Self::Tx, frames: &[Frame]) -> bool;
    /// Pops what is there, up to the length of `out`; returns how many.
    fn pop_batch(rx: &mut Self::Rx, out: &mut [Frame]) -> usize;
}

/// Corelane's ring.
pub(crate) struct Ours;

impl Contender for Ours {
    const NAME: &'static str = "corelane";
    const BATCHES: bool = true;
    type Tx = ring::Producer<Frame>;
    type Rx = ring::Consumer<Frame>;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        ring::ring(capacity)
    }

    #[inline]
    fn push(tx: &mut Self::Tx, frame: Frame) -> bool {
        tx.try_push(frame).is_ok()
    }

    #[inline]
    fn pop(rx: &mut Self::Rx) -> Option<Frame> {
        rx.try_pop()
    }

    #[inline]
    fn push_batch(tx: &mut Self::Tx, frames: &[Frame]) -> bool {
        tx.try_push_slice(frames)
    }

    #[inline]
    fn pop_batch(rx: &mut Self::Rx, out: &mut [Frame]) -> usize {
        rx.try_pop_slice(out)
    }
}

/// The crate `rtrb`.
pub(crate) struct Rtrb;

impl Contender for Rtrb {
    const NAME: &'static str = "rtrb";
    const BATCHES: bool = true;
    type Tx = rtrb::Producer<Frame>;
    type Rx = rtrb::Consumer<Frame>;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        rtrb::RingBuffer::new(capacity)
    }

    #[inline]
    fn push(tx: &mut Self::Tx, frame: Frame) -> bool {
        tx.push(frame).is_ok()
    }

    #[inline]
    fn pop(rx: &mut Self::Rx) -> Option<Frame> {
        rx.pop().ok()
    }

    #[inline]
    fn push_batch(tx: &mut Self::Tx, frames: &[Frame]) -> bool {
        tx.push_entire_slice(frames).is_ok()
    }

    #[inline]
    fn pop_batch(rx: &mut Self::Rx, out: &mut [Frame]) -> usize {
        rx.pop_partial_slice(out).0.len()
    }
}

/// The crate `crossbeam`: a queue of many producers and consumers, used by one of each.
pub(crate) struct Array;

impl Contender for Array {
    const NAME: &'static str = "ArrayQueue";
    const BATCHES: bool = false;
    type Tx = Arc<ArrayQueue<Frame>>;
    type Rx = Arc<ArrayQueue<Frame>>;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        let queue = Arc::new(ArrayQueue::new(capacity));
        (Arc::clone(&queue), queue)
    }

    #[inline]
    fn push(tx: &mut Self::Tx, frame: Frame) -> bool {
        tx.push(frame).is_ok()
    }

    #[inline]
    fn pop(rx: &mut Self::Rx) -> Option<Frame> {
        rx.pop()
    }

    fn push_batch(_: &mut Self::Tx, _: &[Frame]) -> bool {
        unreachable!("has no batches")
    }

    fn pop_batch(_: &mut Self::Rx, _: &mut [Frame]) -> usize {
        unreachable!("has no batches")
    }
}
