//! Advice: what an agent may suggest. It can only tighten a limit, is bounded, and expires back to
//! the operator's value. A bridge checks source, sequence, range and expiry before the loop sees
//! it.

use crate::frame::FrameHeader;
use crate::layout::{wire_code, wire_struct};
use crate::units::TsNs;

wire_code! {
    /// The limit an advice concerns. The value's unit is the limit's own.
    AdviceField: u8 {
        /// Largest order, lots.
        MaxOrderQty = b'Q', "max-order-qty";
        /// Largest position, lots.
        MaxPosition = b'P', "max-position";
        /// Orders per second.
        OrderRate = b'R', "order-rate";
        /// Price collar, basis points.
        PriceCollar = b'C', "price-collar";
        /// Reduce only: value 1.
        ReduceOnly = b'O', "reduce-only";
    }
}

wire_struct! {
    /// One piece of advice.
    Advice, size = 80 {
        /// Kind 40; the instrument it concerns, or undefined for all.
        header: FrameHeader,
        /// Number of the advice: rises per source.
        advice_id: u64,
        /// The tighter value.
        value: i64,
        /// Engine time after which the operator's value holds again.
        expires_ns: TsNs,
        /// Field: 'Q', 'P', 'R', 'C' or 'O'.
        field: u8,
        /// Zero.
        reserved: [u8; 7],
        /// Stable code of the reason, from the source's own list.
        reason_code: u32,
        /// Source: index of the agent role.
        source: u32,
    }
}
