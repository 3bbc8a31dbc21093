//! Binance market data: spot, USD-M and COIN-M futures, JSON over WebSocket.
//!
//! Owns: the decoder from JSON text to integer events ([`Decoder`]), the continuity rules of the
//! depth stream against a REST snapshot, and the feed handler that turns both into wire frames
//! ([`Feed`]).
//!
//! Must never: perform I/O, read a clock, or use a float. Runs on the edge thread and in the
//! importer; after warm-up the fast path allocates nothing.
//!
//! Source of every rule: Binance's public API documentation of the depth streams ("How to manage
//! a local order book correctly"), checked on recordings.

mod decimal;
mod decode;
mod fast;
mod feed;
mod frames;
mod general;
mod levels;
mod symbols;
mod sync;

pub use decode::{
    Decoder, DepthEvent, Event, MAX_MESSAGE_BYTES, MessageError, QuoteEvent, SnapshotEvent,
    TradeEvent,
};
pub use feed::{Counters, Feed, FeedError};
pub use frames::{Frames, Stamp};
pub use symbols::TableError;
pub use sync::BookState;
