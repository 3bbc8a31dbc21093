//! The decoder: one JSON message in, one event with integers out.
//!
//! The fast path ([`super::fast`]) knows the shapes the venue sends, in the order it sends them;
//! whatever is not exactly one of them goes to the general parser ([`super::general`]), which
//! alone decides about errors. Must never: give different results on the two ways (held by
//! differential tests). Runs on the edge; allocates only in the general parser.

use super::symbols::{Symbols, TableError};
use super::{fast, general};
use wire::instrument::Instrument;
use wire::market::{AggressorSide, Level};
use wire::{PriceTicks, QtyLots, TsNs};

/// Longest message taken, bytes.
pub const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Not JSON, or a field is missing or of another type.
    #[error("not a market data message: {what}; next: check the stream's format")]
    Malformed {
        /// What the parser says.
        what: String,
    },
    /// A message longer than any the venue sends.
    #[error("a message of {len} bytes, {limit} are allowed; next: check the stream's source")]
    TooLong {
        /// Its length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// A symbol that is not in the instrument table.
    #[error("symbol `{symbol}` is not in the instrument table; next: add it, or unsubscribe")]
    UnknownSymbol {
        /// The symbol.
        symbol: String,
    },
    /// A snapshot without a symbol where the table has several instruments.
    #[error("a depth snapshot names no symbol; next: hand it over with its instrument")]
    NoSymbol,
    /// An event this feed does not handle.
    #[error(
        "event `{event}` is not handled; next: subscribe to depth, trade, aggTrade, bookTicker"
    )]
    UnknownEvent {
        /// Its name.
        event: String,
    },
    /// An error answer of the venue.
    #[error("the venue answered with error {code}: {text}; next: see the venue's error list")]
    Venue {
        /// Code.
        code: i64,
        /// Text.
        text: String,
    },
    /// A price that is no whole number of ticks.
    #[error("price `{text}` of `{symbol}` is not on its tick {tick}; next: give a finer tick size")]
    PriceNotOnTick {
        /// Instrument.
        symbol: String,
        /// The price as sent.
        text: String,
        /// The tick size, decimal text.
        tick: String,
    },
    /// A quantity that is no whole number of lots.
    #[error("quantity `{text}` of `{symbol}` is not on its lot {lot}; next: give a finer lot size")]
    QtyNotOnLot {
        /// Instrument.
        symbol: String,
        /// The quantity as sent.
        text: String,
        /// The lot size, decimal text.
        lot: String,
    },
    /// A price or quantity that is no acceptable decimal.
    #[error("`{text}` of `{symbol}` is no price or quantity: {why}; next: check the stream")]
    BadDecimal {
        /// Instrument.
        symbol: String,
        /// The text as sent.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A time that is no number of milliseconds in this or the next centuries.
    #[error("time {value} is not in milliseconds; next: subscribe without timeUnit")]
    BadTime {
        /// The number as sent.
        value: u64,
    },
}

/// A depth difference: absolute quantities, 0 removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthEvent<'a> {
    /// Row of the instrument table.
    pub row: usize,
    /// Venue time.
    pub ts_event_ns: TsNs,
    /// `U`.
    pub first_update_id: u64,
    /// `u`.
    pub last_update_id: u64,
    /// `pu`; [`wire::units::SEQ_UNDEF`] on spot.
    pub prev_update_id: u64,
    /// Bids as sent.
    pub bids: &'a [Level],
    /// Asks as sent.
    pub asks: &'a [Level],
}

/// A REST depth snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotEvent<'a> {
    /// Row of the instrument table.
    pub row: usize,
    /// Venue time; undefined on spot.
    pub ts_event_ns: TsNs,
    /// `lastUpdateId`.
    pub last_update_id: u64,
    /// Bids as sent, best first.
    pub bids: &'a [Level],
    /// Asks as sent, best first.
    pub asks: &'a [Level],
}

/// A trade, or an aggregate of trades at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeEvent {
    /// Row of the instrument table.
    pub row: usize,
    /// Trade time.
    pub ts_event_ns: TsNs,
    /// Price.
    pub price_ticks: PriceTicks,
    /// Quantity; futures send 0 on events that are no market trade.
    pub qty_lots: QtyLots,
    /// Trade number; of an aggregate the last one in it.
    pub trade_id: u64,
    /// Who crossed the spread.
    pub aggressor: AggressorSide,
}

/// The venue's best bid and offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteEvent {
    /// Row of the instrument table.
    pub row: usize,
    /// Venue time; undefined on spot.
    pub ts_event_ns: TsNs,
    /// Best bid; undefined where the venue sends price 0.
    pub bid_price_ticks: PriceTicks,
    /// Quantity there.
    pub bid_qty_lots: QtyLots,
    /// Best ask; undefined where the venue sends price 0.
    pub ask_price_ticks: PriceTicks,
    /// Quantity there.
    pub ask_qty_lots: QtyLots,
    /// `u`.
    pub update_id: u64,
}

/// A decoded message; levels are borrowed from the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// `depthUpdate`.
    Depth(DepthEvent<'a>),
    /// REST depth answer.
    Snapshot(SnapshotEvent<'a>),
    /// `trade`, `aggTrade`.
    Trade(TradeEvent),
    /// `bookTicker`.
    Quote(QuoteEvent),
    /// The answer to a subscription.
    Reply,
    /// The venue closes this connection soon.
    ServerShutdown,
}

/// A message whose levels lie in the decoder's buffer: bids first, then asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Depth { row: usize, ts: TsNs, first: u64, last: u64, prev: u64, bids: usize },
    Snapshot { row: Option<usize>, ts: TsNs, last: u64, bids: usize },
    Trade(TradeEvent),
    Quote(QuoteEvent),
    Reply,
    ServerShutdown,
}

/// Decodes messages for one instrument table.
#[derive(Clone, Debug)]
pub struct Decoder {
    symbols: Symbols,
    levels: Vec<Level>,
    general: u64,
}

impl Decoder {
    /// A decoder for these instruments.
    ///
    /// # Errors
    /// A [`TableError`] that names the row.
    pub fn new(instruments: &[Instrument]) -> Result<Self, TableError> {
        let levels = Vec::with_capacity(8192);
        Ok(Self { symbols: Symbols::new(instruments)?, levels, general: 0 })
    }

    /// Decodes one message: a combined-stream frame, a raw one, or a REST depth answer.
    ///
    /// # Errors
    /// A [`MessageError`] that names what and why.
    ///
    /// # Latency
    /// Under a microsecond for a depth message of 2 kB; see `benches/benches/decode.rs`.
    #[inline]
    pub fn decode(&mut self, text: &[u8]) -> Result<Event<'_>, MessageError> {
        self.levels.clear();
        let message = match fast::parse(text, &mut self.symbols, &mut self.levels) {
            Some(message) => message,
            None => self.general(text)?,
        };
        self.event(message, None)
    }

    /// Decodes a REST depth answer of a known instrument.
    ///
    /// # Errors
    /// A [`MessageError`] that names what and why.
    pub fn decode_snapshot(&mut self, row: usize, text: &[u8]) -> Result<Event<'_>, MessageError> {
        self.levels.clear();
        let message = general::parse(text, &mut self.symbols, &mut self.levels, Some(row))?;
        self.event(message, Some(row))
    }

    /// As [`Decoder::decode`], by the general parser alone: the reference for tests and benches.
    ///
    /// # Errors
    /// A [`MessageError`] that names what and why.
    pub fn decode_general(&mut self, text: &[u8]) -> Result<Event<'_>, MessageError> {
        self.levels.clear();
        let message = self.general(text)?;
        self.event(message, None)
    }

    /// How many messages the fast path left to the general parser.
    #[must_use]
    pub fn general_count(&self) -> u64 {
        self.general
    }

    pub(super) fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    #[cold]
    fn general(&mut self, text: &[u8]) -> Result<Message, MessageError> {
        self.general += 1;
        self.levels.clear();
        general::parse(text, &mut self.symbols, &mut self.levels, None)
    }

    #[inline]
    fn event(&self, message: Message, given: Option<usize>) -> Result<Event<'_>, MessageError> {
        Ok(match message {
            Message::Depth { row, ts, first, last, prev, bids } => {
                let (bids, asks) = self.levels.split_at_checked(bids).unwrap_or_default();
                Event::Depth(DepthEvent {
                    row,
                    ts_event_ns: ts,
                    first_update_id: first,
                    last_update_id: last,
                    prev_update_id: prev,
                    bids,
                    asks,
                })
            }
            Message::Snapshot { row, ts, last, bids } => {
                let (bids, asks) = self.levels.split_at_checked(bids).unwrap_or_default();
                let row = given.or(row).ok_or(MessageError::NoSymbol)?;
                let last_update_id = last;
                Event::Snapshot(SnapshotEvent { row, ts_event_ns: ts, last_update_id, bids, asks })
            }
            Message::Trade(trade) => Event::Trade(trade),
            Message::Quote(quote) => Event::Quote(quote),
            Message::Reply => Event::Reply,
            Message::ServerShutdown => Event::ServerShutdown,
        })
    }
}

/// Milliseconds as sent to nanoseconds; `None` beyond the year 2500 (then it was no millisecond).
#[inline]
pub(super) fn ts_ns(ms: u64) -> Option<TsNs> {
    const LAST_MS: u64 = 16_725_225_600_000;
    (ms < LAST_MS).then(|| TsNs(ms * 1_000_000))
}

/// The venue's "no price" is 0.
#[inline]
pub(super) fn quote_price(ticks: i64) -> PriceTicks {
    if ticks == 0 { PriceTicks::UNDEF } else { PriceTicks(ticks) }
}

/// `m`: the buyer was the maker, so the seller crossed.
#[inline]
pub(super) fn aggressor(buyer_is_maker: bool) -> AggressorSide {
    if buyer_is_maker { AggressorSide::Sell } else { AggressorSide::Buy }
}
