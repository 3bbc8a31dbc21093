//! The feed handler: messages in, wire frames out, continuity kept per instrument.
//!
//! Must never: perform I/O, read a clock, or emit a depth frame that does not continue the book.
//! Runs on the edge thread and in the importer; after warm-up the fast path allocates nothing.

use super::decode::{Decoder, DepthEvent, Event, MessageError, SnapshotEvent};
use super::frames::{Frames, Stamp};
use super::symbols::TableError;
use super::sync::{BookState, Ids, Kept, Pending, Sync, Verdict};
use wire::instrument::Instrument;
use wire::market::GapReason;
use wire::units::SEQ_UNDEF;
use wire::{FrameSink, InstrumentId, QtyLots, TsNs, VenueId};

/// Why the feed refused an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A snapshot for an instrument that is not in the table.
    #[error("instrument id {0} is not in this feed's table; next: hand over a row of the table")]
    UnknownInstrument(InstrumentId),
}

/// What the feed has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages taken, refused ones included.
    pub messages: u64,
    /// Messages refused with an error.
    pub refused: u64,
    /// Messages the fast path left to the general parser.
    pub general: u64,
    /// Frames emitted.
    pub frames: u64,
    /// Depth differences that were already in the book.
    pub stale: u64,
    /// Losses of continuity.
    pub gaps: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Snapshots too old for the differences kept, or no newer than the book.
    pub snapshots_unused: u64,
    /// Kept differences let go because too many waited for a snapshot.
    pub pending_dropped: u64,
    /// Trades of quantity 0 (futures events that are no market trade), not emitted.
    pub zero_trades: u64,
}

#[derive(Clone, Debug)]
struct Book {
    id: InstrumentId,
    venue: VenueId,
    sync: Sync,
    pending: Pending,
}

/// Turns Binance messages into frames. Sans-I/O: the caller reads sockets or files, and fetches
/// the snapshots that [`Feed::wants_snapshot`] asks for.
#[derive(Clone, Debug)]
pub struct Feed {
    decoder: Decoder,
    books: Vec<Book>,
    frames: Frames,
    /// Swapped with a book's store while that is replayed, so that none is allocated.
    replay: Pending,
    counters: Counters,
}

impl Feed {
    /// A feed for these instruments; none is synced.
    ///
    /// # Errors
    /// A [`TableError`] that names the row.
    pub fn new(instruments: &[Instrument]) -> Result<Self, TableError> {
        let decoder = Decoder::new(instruments)?;
        let book = |symbol: &super::symbols::Symbol| Book {
            id: symbol.id,
            venue: symbol.venue,
            sync: Sync::new(symbol.futures),
            pending: Pending::default(),
        };
        let books = decoder.symbols().rows().iter().map(book).collect();
        Ok(Self {
            decoder,
            books,
            frames: Frames::new(),
            replay: Pending::default(),
            counters: Counters::default(),
        })
    }

    /// Takes one message: a combined-stream frame, a raw one, or a REST depth answer that names
    /// its symbol (or needs not, where the table has one instrument only).
    ///
    /// Differences kept for a snapshot go out behind it, stamped with the snapshot's `ts_recv_ns`:
    /// that is when they became usable, and time never runs backwards in the output.
    ///
    /// # Errors
    /// A [`FeedError`]; the book's continuity rules then find what is missing.
    #[inline]
    pub fn message<S: FrameSink>(
        &mut self,
        text: &[u8],
        ts_recv_ns: TsNs,
        out: &mut S,
    ) -> Result<(), FeedError> {
        self.counters.messages += 1;
        let Self { decoder, books, frames, replay, counters } = self;
        let event = match decoder.decode(text) {
            Ok(event) => event,
            Err(error) => {
                counters.refused += 1;
                return Err(error.into());
            }
        };
        let mut turn = Turn { books, frames, replay, counters, ts_recv_ns };
        turn.event(&event, out);
        Ok(())
    }

    /// Takes the REST depth answer of an instrument.
    ///
    /// # Errors
    /// A [`FeedError`].
    pub fn snapshot<S: FrameSink>(
        &mut self,
        instrument_id: InstrumentId,
        text: &[u8],
        ts_recv_ns: TsNs,
        out: &mut S,
    ) -> Result<(), FeedError> {
        self.counters.messages += 1;
        let Self { decoder, books, frames, replay, counters } = self;
        let Some(row) = books.iter().position(|book| book.id == instrument_id) else {
            counters.refused += 1;
            return Err(FeedError::UnknownInstrument(instrument_id));
        };
        let event = match decoder.decode_snapshot(row, text) {
            Ok(event) => event,
            Err(error) => {
                counters.refused += 1;
                return Err(error.into());
            }
        };
        Turn { books, frames, replay, counters, ts_recv_ns }.event(&event, out);
        Ok(())
    }

    /// The session was lost: every usable book becomes unusable, with a gap frame each.
    pub fn disconnected<S: FrameSink>(&mut self, ts_recv_ns: TsNs, out: &mut S) {
        for book in &mut self.books {
            book.pending.clear();
            if let Some(due) = book.sync.lose() {
                let (id, venue) = (book.id, book.venue);
                let stamp = Stamp { id, venue, ts_event_ns: TsNs::UNDEF, ts_recv_ns };
                self.counters.gaps += 1;
                self.frames.gap(stamp, due, SEQ_UNDEF, GapReason::Disconnected, out);
            }
        }
    }

    /// Instruments whose book is unusable until a snapshot is handed over.
    pub fn wants_snapshot(&self) -> impl Iterator<Item = InstrumentId> + '_ {
        self.books
            .iter()
            .filter(|book| book.sync.state() == BookState::NeedsSnapshot)
            .map(|book| book.id)
    }

    /// What the feed knows of an instrument's book; `None` where it is not in the table.
    #[must_use]
    pub fn book_state(&self, instrument_id: InstrumentId) -> Option<BookState> {
        let book = self.books.iter().find(|book| book.id == instrument_id)?;
        Some(book.sync.state())
    }

    /// What the feed has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (general, frames) = (self.decoder.general_count(), self.frames.made);
        Counters { general, frames, ..self.counters }
    }
}

/// The feed while one message is handled: its parts without the decoder, which lends the event.
struct Turn<'a> {
    books: &'a mut [Book],
    frames: &'a mut Frames,
    replay: &'a mut Pending,
    counters: &'a mut Counters,
    ts_recv_ns: TsNs,
}

impl Turn<'_> {
    #[inline]
    fn event<S: FrameSink>(&mut self, event: &Event<'_>, out: &mut S) {
        match event {
            Event::Depth(depth) => self.depth(depth, out),
            Event::Snapshot(snapshot) => self.snapshot(snapshot, out),
            Event::Trade(trade) if trade.qty_lots == QtyLots(0) => self.counters.zero_trades += 1,
            Event::Trade(trade) => {
                if let Some(stamp) = self.stamp(trade.row, trade.ts_event_ns) {
                    self.frames.trade(stamp, trade, out);
                }
            }
            Event::Quote(quote) => {
                if let Some(stamp) = self.stamp(quote.row, quote.ts_event_ns) {
                    self.frames.quote(stamp, quote, out);
                }
            }
            Event::Reply | Event::ServerShutdown => {}
        }
    }

    #[inline]
    fn stamp(&self, row: usize, ts_event_ns: TsNs) -> Option<Stamp> {
        let book = self.books.get(row)?;
        Some(Stamp { id: book.id, venue: book.venue, ts_event_ns, ts_recv_ns: self.ts_recv_ns })
    }

    #[inline]
    fn depth<S: FrameSink>(&mut self, depth: &DepthEvent<'_>, out: &mut S) {
        let Some(stamp) = self.stamp(depth.row, depth.ts_event_ns) else {
            return;
        };
        let Some(book) = self.books.get_mut(depth.row) else {
            return;
        };
        let ids = Ids {
            first: depth.first_update_id,
            last: depth.last_update_id,
            prev: depth.prev_update_id,
        };
        let keep = match book.sync.depth(ids) {
            Verdict::Apply => {
                self.frames.depth(stamp, ids, depth.bids, depth.asks, out);
                false
            }
            Verdict::Stale => {
                self.counters.stale += 1;
                false
            }
            Verdict::Keep => true,
            Verdict::Gap { expected, received } => {
                self.counters.gaps += 1;
                self.frames.gap(stamp, expected, received, GapReason::Sequence, out);
                true
            }
        };
        if keep {
            let kept = Kept {
                ids,
                ts_event_ns: depth.ts_event_ns,
                bids: depth.bids.len(),
                levels: depth.bids.len() + depth.asks.len(),
            };
            self.counters.pending_dropped += book.pending.keep(kept, depth.bids, depth.asks);
        }
    }

    fn snapshot<S: FrameSink>(&mut self, snapshot: &SnapshotEvent<'_>, out: &mut S) {
        let row = snapshot.row;
        let Some(stamp) = self.stamp(row, snapshot.ts_event_ns) else {
            return;
        };
        let Some(book) = self.books.get_mut(row) else {
            return;
        };
        let last = snapshot.last_update_id;
        if !book.sync.snapshot(last, book.pending.kept.iter().map(|kept| kept.ids)) {
            self.counters.snapshots_unused += 1;
            return;
        }
        self.counters.snapshots += 1;
        self.frames.snapshot(stamp, last, snapshot.bids, snapshot.asks, out);
        // A gap among the kept differences puts the rest of them back into the book's own store.
        std::mem::swap(&mut book.pending, self.replay);
        let replay = std::mem::take(self.replay);
        let mut levels = replay.levels.as_slice();
        for kept in &replay.kept {
            let Some((these, rest)) = levels.split_at_checked(kept.levels) else {
                break;
            };
            let Some((bids, asks)) = these.split_at_checked(kept.bids) else {
                break;
            };
            levels = rest;
            let depth = DepthEvent {
                row,
                ts_event_ns: kept.ts_event_ns,
                first_update_id: kept.ids.first,
                last_update_id: kept.ids.last,
                prev_update_id: kept.ids.prev,
                bids,
                asks,
            };
            self.depth(&depth, out);
        }
        *self.replay = replay;
        self.replay.clear();
    }
}
