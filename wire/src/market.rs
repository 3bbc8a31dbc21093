//! Market events: what the feed handlers make of a venue's messages.
//!
//! A depth delta or snapshot is a fixed head followed by `bid_count + ask_count` [`Level`]s, bids
//! first. A message with more levels than one frame holds goes out as several: the first carries
//! [`FLAG_FIRST`], the last [`FLAG_LAST`], a single frame both. A reader may use the book only
//! after a frame with [`FLAG_LAST`].

use crate::frame::FrameHeader;
use crate::layout::{wire_code, wire_struct};
use crate::units::{PriceTicks, QtyLots};

/// Header flag of depth deltas and snapshots: the first frame of its message.
pub const FLAG_FIRST: u8 = 1;
/// Header flag of depth deltas and snapshots: the last frame of its message.
pub const FLAG_LAST: u8 = 2;
/// Header flag of depth deltas: the change of one order, whose venue number is `prev_update_id`.
/// The frame names its level alone, with what the whole level holds after it.
pub const FLAG_ORDER: u8 = 4;

/// Levels that fit one depth frame beside its head.
pub const MAX_LEVELS: usize = 4000;

wire_code! {
    /// A side of the book.
    BookSide: u8 {
        /// Buyers.
        Bid = b'B', "bid";
        /// Sellers.
        Ask = b'A', "ask";
    }
}

wire_code! {
    /// Who crossed the spread in a trade.
    AggressorSide: u8 {
        /// The buyer took liquidity.
        Buy = b'B', "buy";
        /// The seller took liquidity.
        Sell = b'S', "sell";
        /// The venue did not say.
        Unknown = b'U', "unknown";
    }
}

wire_code! {
    /// Why the feed handler lost continuity.
    GapReason: u8 {
        /// The venue's update numbers skipped.
        Sequence = b'S', "sequence";
        /// The market ring was full and events were merged or dropped.
        RingFull = b'R', "ring-full";
        /// The session to the venue was lost.
        Disconnected = b'D', "disconnected";
        /// A message could not be decoded.
        Malformed = b'M', "malformed";
    }
}

wire_code! {
    /// Trading status of an instrument.
    TradingStatus: u8 {
        /// Continuous trading.
        Trading = b'T', "trading";
        /// Halted by the venue.
        Halted = b'H', "halted";
        /// Outside trading hours.
        Closed = b'C', "closed";
        /// Auction or pre-open: crossed books are genuine.
        Auction = b'A', "auction";
        /// Not known; to be taken as halted.
        Unknown = b'U', "unknown";
    }
}

wire_struct! {
    /// One price level: an absolute quantity; 0 removes the level.
    Level, size = 16 {
        /// Price, ticks.
        price_ticks: PriceTicks,
        /// Quantity at that price, lots; 0 removes.
        qty_lots: QtyLots,
    }
}

wire_struct! {
    /// A change of the book: absolute quantities for the levels it names.
    DepthDelta, size = 72 {
        /// Kind 1.
        header: FrameHeader,
        /// First venue update number in this message.
        first_update_id: u64,
        /// Last venue update number in this message.
        last_update_id: u64,
        /// Last update number of the message before, where the venue says so; else undefined. With
        /// the flag for one order: the venue's number of that order.
        prev_update_id: u64,
        /// Bid levels that follow.
        bid_count: u16,
        /// Ask levels that follow the bids.
        ask_count: u16,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// A whole book: replaces everything known of the instrument.
    BookSnapshot, size = 56 {
        /// Kind 2.
        header: FrameHeader,
        /// Venue update number the snapshot stands at.
        last_update_id: u64,
        /// Bid levels that follow.
        bid_count: u16,
        /// Ask levels that follow the bids.
        ask_count: u16,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// A trade on the venue.
    Trade, size = 72 {
        /// Kind 3.
        header: FrameHeader,
        /// Price, ticks.
        price_ticks: PriceTicks,
        /// Quantity, lots; positive.
        qty_lots: QtyLots,
        /// Venue trade number (of an aggregate: the last one in it).
        trade_id: u64,
        /// Aggressor: 'B', 'S' or 'U'.
        aggressor: u8,
        /// Zero.
        reserved: [u8; 7],
    }
}

wire_struct! {
    /// The venue's own best bid and offer.
    Quote, size = 80 {
        /// Kind 4.
        header: FrameHeader,
        /// Best bid, ticks; undefined where there is none.
        bid_price_ticks: PriceTicks,
        /// Quantity at the best bid, lots.
        bid_qty_lots: QtyLots,
        /// Best ask, ticks; undefined where there is none.
        ask_price_ticks: PriceTicks,
        /// Quantity at the best ask, lots.
        ask_qty_lots: QtyLots,
        /// Venue update number, in the numbering of the depth messages.
        update_id: u64,
    }
}

wire_struct! {
    /// Continuity was lost: the book is unusable until the next snapshot.
    Gap, size = 64 {
        /// Kind 5.
        header: FrameHeader,
        /// Update number that was due.
        expected_id: u64,
        /// Update number that came.
        received_id: u64,
        /// Reason: 'S' sequence, 'R' ring full, 'D' disconnected, 'M' malformed.
        reason: u8,
        /// Zero.
        reserved: [u8; 7],
    }
}

wire_struct! {
    /// Trading status of an instrument.
    Status, size = 48 {
        /// Kind 6.
        header: FrameHeader,
        /// Status: 'T' trading, 'H' halted, 'C' closed, 'A' auction, 'U' unknown.
        status: u8,
        /// Zero.
        reserved: [u8; 7],
    }
}
