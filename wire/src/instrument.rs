//! The instrument table row: what one tradable is, in integers. It travels as a frame, so a
//! recording carries the table it was made with.

#![deny(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]

use crate::decimal::E9;
use crate::frame::FrameHeader;
use crate::layout::{wire_code, wire_struct};
use crate::units::QtyLots;

wire_code! {
    /// What kind of contract an instrument is.
    InstrumentType: u8 {
        /// Spot pair: quantity in base currency, money in quote currency.
        Spot = b'S', "spot";
        /// Linear perpetual: quantity in base currency, profit in quote currency.
        LinearPerp = b'L', "linear-perp";
        /// Inverse perpetual: contracts worth a fixed sum of quote currency. Market data only:
        /// orders for it are denied.
        InversePerp = b'I', "inverse-perp";
    }
}

wire_struct! {
    /// One row of the instrument table.
    Instrument, size = 128 {
        /// Kind 7; `instrument_id` is the row's index, `venue_id` the venue.
        header: FrameHeader,
        /// Venue symbol, UTF-8, zero-padded (`BTCUSDT`).
        symbol: [u8; 24],
        /// Price increment, billionths of the quote currency; positive.
        tick_size_e9: i64,
        /// Size increment, billionths of the base currency (contracts for inverse); positive.
        lot_size_e9: i64,
        /// Smallest order, lots; at least 1.
        min_qty_lots: QtyLots,
        /// Largest order the venue takes, lots.
        max_qty_lots: QtyLots,
        /// Smallest order value, billionths of the quote currency; 0 where the venue has none.
        min_notional_e9: i64,
        /// Instrument type: 'S' spot, 'L' linear perpetual, 'I' inverse perpetual.
        instrument_type: u8,
        /// Zero.
        reserved: [u8; 23],
    }
}

impl Instrument {
    /// Value of one tick on one lot, billionths of the quote currency.
    ///
    /// `None` where the increments' product is not a whole positive number of billionths: such an
    /// instrument cannot be accounted for exactly and is refused when a table is loaded.
    #[must_use]
    pub fn tick_value_e9(&self) -> Option<i64> {
        let product = i128::from(self.tick_size_e9).checked_mul(self.lot_size_e9.into())?;
        if product <= 0 || product.checked_rem(E9.into())? != 0 {
            return None;
        }
        i64::try_from(product.checked_div(E9.into())?).ok()
    }

    /// The symbol as text; empty where the bytes are not UTF-8.
    #[must_use]
    pub fn symbol(&self) -> &str {
        text_of(&self.symbol)
    }
}

/// Zero-padded bytes as text; empty where they are not UTF-8.
#[must_use]
pub fn text_of(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    core::str::from_utf8(bytes.get(..end).unwrap_or(&[])).unwrap_or("")
}

/// Text as zero-padded bytes, or `None` where it is longer than the field.
#[must_use]
pub fn padded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    out.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    Some(out)
}
