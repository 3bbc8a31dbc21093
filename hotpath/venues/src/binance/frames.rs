//! Makes wire frames out of events, in one buffer that is reused.
//!
//! Must never: make a frame that `wire::decode` refuses. Runs on the edge; allocates once, when it
//! is made.

use super::decode::{QuoteEvent, TradeEvent};
use super::sync::Ids;
use bytemuck::Pod;
use wire::frame::{FrameHeader, MAX_FRAME_BYTES, WireFrame};
use wire::market::{
    BookSnapshot, DepthDelta, FLAG_FIRST, FLAG_LAST, Gap, GapReason, Level, MAX_LEVELS, Quote,
    Trade,
};
use wire::{FrameSink, InstrumentId, TsNs, VenueId};

/// What every frame of an event carries in its header.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Instrument.
    pub id: InstrumentId,
    /// Venue.
    pub venue: VenueId,
    /// Venue time.
    pub ts_event_ns: TsNs,
    /// When it was taken in.
    pub ts_recv_ns: TsNs,
}

impl Stamp {
    fn header<T: WireFrame>(self, levels: usize, flags: u8) -> FrameHeader {
        let len = size_of::<T>() + levels * size_of::<Level>();
        FrameHeader {
            flags,
            instrument_id: self.id,
            venue_id: self.venue,
            ts_event_ns: self.ts_event_ns,
            ts_recv_ns: self.ts_recv_ns,
            ..FrameHeader::with_len(T::KIND, len)
        }
    }
}

/// Makes frames of events, in one buffer.
#[derive(Clone, Debug)]
pub struct Frames {
    words: Vec<u64>,
    /// Frames made so far.
    pub made: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

impl Frames {
    /// A buffer for the largest frame.
    #[must_use]
    pub fn new() -> Self {
        Self { words: vec![0; MAX_FRAME_BYTES / 8], made: 0 }
    }

    /// Writes head and levels one after the other and hands them over as one frame.
    #[inline]
    fn push<T: Pod, S: FrameSink>(
        &mut self,
        head: &T,
        bids: &[Level],
        asks: &[Level],
        out: &mut S,
    ) {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.words);
        let parts: [&[u8]; 3] =
            [bytemuck::bytes_of(head), bytemuck::cast_slice(bids), bytemuck::cast_slice(asks)];
        let mut len = 0;
        for part in parts {
            // INVARIANT: at most MAX_LEVELS levels reach here, so head and levels fit.
            bytes[len..len + part.len()].copy_from_slice(part);
            len += part.len();
        }
        self.made += 1;
        out.push(&bytes[..len]);
    }

    /// A depth difference, in as many frames as it takes.
    #[inline]
    pub(super) fn depth<S: FrameSink>(
        &mut self,
        stamp: Stamp,
        ids: Ids,
        bids: &[Level],
        asks: &[Level],
        out: &mut S,
    ) {
        for part in parts(bids, asks) {
            let head = DepthDelta {
                header: stamp.header::<DepthDelta>(part.bids.len() + part.asks.len(), part.flags),
                first_update_id: ids.first,
                last_update_id: ids.last,
                prev_update_id: ids.prev,
                bid_count: count(part.bids),
                ask_count: count(part.asks),
                reserved: [0; 4],
            };
            self.push(&head, part.bids, part.asks, out);
        }
    }

    /// A snapshot, in as many frames as it takes.
    pub fn snapshot<S: FrameSink>(
        &mut self,
        stamp: Stamp,
        last_update_id: u64,
        bids: &[Level],
        asks: &[Level],
        out: &mut S,
    ) {
        for part in parts(bids, asks) {
            let head = BookSnapshot {
                header: stamp.header::<BookSnapshot>(part.bids.len() + part.asks.len(), part.flags),
                last_update_id,
                bid_count: count(part.bids),
                ask_count: count(part.asks),
                reserved: [0; 4],
            };
            self.push(&head, part.bids, part.asks, out);
        }
    }

    /// A trade.
    #[inline]
    pub fn trade<S: FrameSink>(&mut self, stamp: Stamp, trade: &TradeEvent, out: &mut S) {
        let frame = Trade {
            header: stamp.header::<Trade>(0, 0),
            price_ticks: trade.price_ticks,
            qty_lots: trade.qty_lots,
            trade_id: trade.trade_id,
            aggressor: trade.aggressor.code(),
            reserved: [0; 7],
        };
        self.push(&frame, &[], &[], out);
    }

    /// A best bid and offer.
    #[inline]
    pub(super) fn quote<S: FrameSink>(&mut self, stamp: Stamp, quote: &QuoteEvent, out: &mut S) {
        let frame = Quote {
            header: stamp.header::<Quote>(0, 0),
            bid_price_ticks: quote.bid_price_ticks,
            bid_qty_lots: quote.bid_qty_lots,
            ask_price_ticks: quote.ask_price_ticks,
            ask_qty_lots: quote.ask_qty_lots,
            update_id: quote.update_id,
        };
        self.push(&frame, &[], &[], out);
    }

    /// A loss of continuity.
    pub(super) fn gap<S: FrameSink>(
        &mut self,
        stamp: Stamp,
        expected_id: u64,
        received_id: u64,
        reason: GapReason,
        out: &mut S,
    ) {
        let frame = Gap {
            header: stamp.header::<Gap>(0, 0),
            expected_id,
            received_id,
            reason: reason.code(),
            reserved: [0; 7],
        };
        self.push(&frame, &[], &[], out);
    }
}

fn count(levels: &[Level]) -> u16 {
    u16::try_from(levels.len()).unwrap_or(u16::MAX)
}

/// One frame's share of a message.
struct Part<'a> {
    flags: u8,
    bids: &'a [Level],
    asks: &'a [Level],
}

/// Splits a message into frames of at most [`MAX_LEVELS`]: bids first; an empty message is one
/// empty frame.
fn parts<'a>(bids: &'a [Level], asks: &'a [Level]) -> impl Iterator<Item = Part<'a>> {
    let mut rest = Some((bids, asks));
    let mut flags = FLAG_FIRST;
    std::iter::from_fn(move || {
        let (bids, asks) = rest?;
        let (bids, bids_left) = bids.split_at(bids.len().min(MAX_LEVELS));
        let (asks, asks_left) = asks.split_at(asks.len().min(MAX_LEVELS - bids.len()));
        rest = (!bids_left.is_empty() || !asks_left.is_empty()).then_some((bids_left, asks_left));
        let last = if rest.is_none() { FLAG_LAST } else { 0 };
        Some(Part { flags: std::mem::take(&mut flags) | last, bids, asks })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Frame, PriceTicks, QtyLots};

    #[derive(Debug, PartialEq)]
    struct Seen {
        flags: u8,
        bids: Vec<Level>,
        asks: Vec<Level>,
    }

    struct Collect(Vec<Seen>);

    impl FrameSink for Collect {
        fn push(&mut self, frame: &[u8]) {
            let flags = wire::frame::header(frame).unwrap().flags;
            #[expect(clippy::wildcard_enum_match_arm, reason = "another kind fails the test")]
            let (bids, asks) = match wire::decode(frame).unwrap() {
                Frame::DepthDelta(d) => (d.bids.to_vec(), d.asks.to_vec()),
                Frame::BookSnapshot(d) => (d.bids.to_vec(), d.asks.to_vec()),
                other => panic!("{other:?}"),
            };
            self.0.push(Seen { flags, bids, asks });
        }
    }

    fn levels(n: usize) -> Vec<Level> {
        let level = |n| Level { price_ticks: PriceTicks(n), qty_lots: QtyLots(n) };
        (0..i64::try_from(n).unwrap()).map(level).collect()
    }

    #[test]
    fn splits_at_the_limit_and_loses_no_level() {
        let stamp = Stamp {
            id: InstrumentId(0),
            venue: VenueId(1),
            ts_event_ns: TsNs(1),
            ts_recv_ns: TsNs(2),
        };
        let both = FLAG_FIRST | FLAG_LAST;
        for (bids, asks, flags) in [
            (0, 0, &[both][..]),
            (MAX_LEVELS, 0, &[both]),
            (MAX_LEVELS - 1, 1, &[both]),
            (MAX_LEVELS, 1, &[FLAG_FIRST, FLAG_LAST]),
            (5000, 5000, &[FLAG_FIRST, 0, FLAG_LAST]),
        ] {
            let (bids, asks) = (levels(bids), levels(asks));
            let mut out = Collect(Vec::new());
            let mut frames = Frames::new();
            frames.snapshot(stamp, 7, &bids, &asks, &mut out);
            let ids = Ids { first: 1, last: 2, prev: 3 };
            frames.depth(stamp, ids, &bids, &asks, &mut out);
            let (snapshot, depth) = out.0.split_at(flags.len());
            assert_eq!(snapshot, depth);
            assert_eq!(snapshot.iter().map(|seen| seen.flags).collect::<Vec<_>>(), flags);
            let all = |side: fn(&Seen) -> &Vec<Level>| {
                snapshot.iter().flat_map(|seen| side(seen).clone()).collect::<Vec<_>>()
            };
            assert_eq!(all(|seen| &seen.bids), bids);
            assert_eq!(all(|seen| &seen.asks), asks);
        }
    }
}
