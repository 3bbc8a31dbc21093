//! Signal requests and answers between the bridge and the model server.
//!
//! A request is self-contained: the last [`WINDOW`] snapshots of [`DEPTH`] levels as integers,
//! sampled as in training. The server turns integers into floats with [`SignalRequest::input`],
//! the same function `corelane features` uses, so training and serving see the same numbers.

#![deny(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]

use crate::frame::FrameHeader;
use crate::layout::{FieldType, WireField, wire_code, wire_struct};
use crate::units::{PriceTicks, QtyLots};

/// Snapshots in a request, oldest first.
pub const WINDOW: usize = 10;
/// Levels a side in a snapshot, best first.
pub const DEPTH: usize = 10;
/// Numbers a snapshot: ask price, ask quantity, bid price, bid quantity for each level.
pub const FEATURES: usize = DEPTH * 4;
/// Parts of a price relative to the newest mid are counted in billionths.
pub const OFFSET_SCALE: i64 = 1_000_000_000;
/// Bound of a score: `score_e6` lies within plus and minus this.
pub const SCORE_LIMIT_E6: i32 = 1_000_000;

wire_code! {
    /// Outcome of a request.
    SignalStatus: u8 {
        /// A score.
        Ok = b'0', "ok";
        /// The model gave no usable number; `score_e6` is 0.
        Abstain = b'A', "abstain";
        /// The request was refused: malformed, wrong shape or wrong version.
        Refused = b'R', "refused";
        /// The server dropped the request because newer ones waited.
        Shed = b'S', "shed";
        /// The server dropped the request, unread by the model, because its deadline had passed.
        Expired = b'E', "expired";
    }
}

wire_struct! {
    /// One level of a sampled book, both sides.
    SnapshotLevel, size = 32 {
        /// Ask price at this level, ticks.
        ask_price_ticks: PriceTicks,
        /// Ask quantity, lots.
        ask_qty_lots: QtyLots,
        /// Bid price at this level, ticks.
        bid_price_ticks: PriceTicks,
        /// Bid quantity, lots.
        bid_qty_lots: QtyLots,
    }
}

impl WireField for [SnapshotLevel; WINDOW * DEPTH] {
    const TYPE: FieldType = FieldType::StructArray("SnapshotLevel", WINDOW * DEPTH);
}

wire_struct! {
    /// Ask for a score.
    SignalRequest, size = 3272 {
        /// Kind 32; instrument and strategy are in the header, `ts_recv_ns` is the engine time.
        header: FrameHeader,
        /// Number of the request: rises by one per station, never reused in a session.
        request_id: u64,
        /// Engine time between two snapshots, nanoseconds.
        sample_interval_ns: u64,
        /// Moment from which an answer is of no use, nanoseconds of the host's `CLOCK_MONOTONIC`,
        /// which every process of the box reads alike; 0: none. The bridge writes it into what it
        /// sends; the engine's own frame, and so every record, has 0.
        expires_mono_ns: u64,
        /// Snapshots that follow: 10.
        snapshots: u16,
        /// Levels a side in each: 10.
        levels: u16,
        /// Zero.
        reserved: [u8; 4],
        /// Snapshots oldest first, levels best first.
        window: [SnapshotLevel; 100],
    }
}

wire_struct! {
    /// A score.
    SignalResponse, size = 96 {
        /// Kind 33; `ts_recv_ns` is stamped by the bridge with the engine time of arrival.
        header: FrameHeader,
        /// The request this answers.
        request_id: u64,
        /// First eight bytes of the model file's SHA-256, little-endian.
        model_hash: u64,
        /// Time the server spent in inference for the batch, nanoseconds of its own clock.
        infer_ns: u64,
        /// Score, millionths: up minus down, within -1000000 to 1000000.
        score_e6: i32,
        /// Probability of a rise, millionths.
        p_up_e6: u32,
        /// Probability of a fall, millionths.
        p_down_e6: u32,
        /// Model generation: rises by one with every swap, from 1.
        generation: u32,
        /// Requests answered together with this one, itself included.
        batch: u16,
        /// Outcome: '0' ok, 'A' abstain, 'R' refused, 'S' shed, 'E' expired.
        status: u8,
        /// Zero.
        reserved: [u8; 13],
    }
}

/// Integer model input of one window: `WINDOW x FEATURES`, prices as billionths of the newest mid
/// away from it, quantities in lots.
pub type InputWindow = [i64; WINDOW * FEATURES];

/// Turns a window of levels into the model's integer input, row by row, oldest first; each row is
/// `ask price, ask quantity, bid price, bid quantity` from the best level down.
///
/// A price `p` becomes `trunc((2 p - m) * 1e9 / m)` with `m` = best bid + best ask of the newest
/// snapshot, in ticks.
///
/// `None` where the newest mid is not positive or a product leaves 64 bits.
#[must_use]
pub fn input_window(window: &[SnapshotLevel; WINDOW * DEPTH]) -> Option<InputWindow> {
    let newest = window.get((WINDOW - 1) * DEPTH)?;
    let mid_x2 = newest
        .bid_price_ticks
        .get()
        .checked_add(newest.ask_price_ticks.get())
        .filter(|m| *m > 0)?;
    let offset = |price: PriceTicks| {
        price
            .get()
            .checked_mul(2)
            .and_then(|p| p.checked_sub(mid_x2))
            .and_then(|d| d.checked_mul(OFFSET_SCALE))
            .and_then(|d| d.checked_div(mid_x2))
    };
    let mut out = [0; WINDOW * FEATURES];
    for (cell, level) in out.chunks_exact_mut(4).zip(window.iter()) {
        cell.copy_from_slice(&[
            offset(level.ask_price_ticks)?,
            level.ask_qty_lots.get(),
            offset(level.bid_price_ticks)?,
            level.bid_qty_lots.get(),
        ]);
    }
    Some(out)
}

impl SignalRequest {
    /// The model's integer input; see [`input_window`].
    #[must_use]
    pub fn input(&self) -> Option<InputWindow> {
        input_window(&self.window)
    }
}
