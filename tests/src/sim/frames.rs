//! Frames on their way, one after the other in one piece of memory that is used again.

use bytemuck::Zeroable;
use wire::frame::{FrameHeader, WireFrame};
use wire::market::{BookSnapshot, DepthDelta, FLAG_FIRST, FLAG_LAST, Level};

/// A queue of frames that is filled, read and emptied.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    words: Vec<u64>,
    at: Vec<(usize, usize)>,
}

impl Frames {
    pub(crate) fn push(&mut self, frame: &[u8]) {
        let from = self.words.len();
        self.words.extend(frame.chunks(8).map(word));
        self.at.push((from, frame.len()));
    }

    pub(crate) fn put<T: WireFrame>(&mut self, frame: &T) {
        self.push(bytemuck::bytes_of(frame));
    }

    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The n-th frame.
    pub(crate) fn get(&self, n: usize) -> &[u8] {
        let Some((from, len)) = self.at.get(n).copied() else { return &[] };
        let words = self.words.get(from..).unwrap_or(&[]);
        bytemuck::cast_slice(words).get(..len).unwrap_or(&[])
    }

    pub(crate) fn get_mut(&mut self, n: usize) -> &mut [u8] {
        let Some((from, len)) = self.at.get(n).copied() else { return &mut [] };
        let words = self.words.get_mut(from..).unwrap_or(&mut []);
        bytemuck::cast_slice_mut(words).get_mut(..len).unwrap_or(&mut [])
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.at.clear();
    }

    /// One frame of a depth message.
    pub(crate) fn depth(&mut self, of: &Depth, bids: &[(i64, i64)], asks: &[(i64, i64)]) {
        let level = |(px, qty): &(i64, i64)| Level {
            price_ticks: wire::PriceTicks(*px),
            qty_lots: wire::QtyLots(*qty),
        };
        let bytes = (bids.len() + asks.len()) * size_of::<Level>();
        let count = |levels: &[(i64, i64)]| u16::try_from(levels.len()).unwrap_or(u16::MAX);
        if of.is_snapshot {
            let mut head = BookSnapshot::zeroed();
            let len = size_of::<BookSnapshot>() + bytes;
            head.header = of.stamped(FrameHeader::with_len(BookSnapshot::KIND, len));
            head.last_update_id = of.id;
            (head.bid_count, head.ask_count) = (count(bids), count(asks));
            self.put(&head);
        } else {
            let mut head = DepthDelta::zeroed();
            let len = size_of::<DepthDelta>() + bytes;
            head.header = of.stamped(FrameHeader::with_len(DepthDelta::KIND, len));
            (head.first_update_id, head.last_update_id) = (of.id, of.id);
            head.prev_update_id = of.id.wrapping_sub(1);
            (head.bid_count, head.ask_count) = (count(bids), count(asks));
            self.put(&head);
        }
        for pair in bids.iter().chain(asks) {
            let level = level(pair);
            self.words.extend(bytemuck::bytes_of(&level).chunks(8).map(word));
        }
        if let Some((_, len)) = self.at.last_mut() {
            *len += bytes;
        }
    }
}

/// What a depth message is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    pub(crate) header: FrameHeader,
    pub(crate) is_snapshot: bool,
    pub(crate) id: u64,
    pub(crate) flags: u8,
}

impl Depth {
    /// A message in one frame.
    pub(crate) const WHOLE: u8 = FLAG_FIRST | FLAG_LAST;

    fn stamped(&self, mut header: FrameHeader) -> FrameHeader {
        header.flags = self.flags;
        header.instrument_id = self.header.instrument_id;
        header.venue_id = self.header.venue_id;
        header.ts_event_ns = self.header.ts_event_ns;
        header
    }
}

fn word(chunk: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(chunk) {
        *to = *from;
    }
    u64::from_le_bytes(bytes)
}

/// Folds words into a hash of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace(pub(crate) u64);

impl Trace {
    pub(crate) fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25).rotate_left(29);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        bytes.chunks(8).map(word).for_each(|w| self.word(w));
    }
}
