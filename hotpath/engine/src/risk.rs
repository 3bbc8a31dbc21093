//! What the gate looks at: compact figures of an instrument, a strategy, a venue and the station.
//!
//! Owns: the figures, kept up to date by the engine between orders, so that a check is a load and a
//! compare. Money of an instrument is in billionths of its quote currency; everything summed over
//! instruments is in billionths of the base currency, rounded away from zero. Must never: hold a
//! book, an order or anything else that does not fit a few cache lines, or allocate. The loop's
//! thread writes it; the gate only reads.
#![deny(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]
#![allow(clippy::needless_bitwise_bool, reason = "no branch where both sides cost nothing")]

use core::hint::select_unpredictable;

mod bucket;
mod duplicates;
mod exposure;
mod firm;
mod strategy;
mod symbol;
mod var;
mod venue;
mod window;

pub use bucket::Bucket;
pub use duplicates::DuplicateLog;
pub use exposure::{Contribution, Exposure};
pub use firm::FirmRisk;
pub(crate) use strategy::code as disabled_code;
pub use strategy::{Disabled, StrategyRisk};
pub use symbol::{Advised, BookState, SignalView, SymbolRisk};
pub use var::Volatility;
pub use venue::VenueRisk;
pub use window::{MinutePeak, WindowSum};

/// A price that is not there.
pub(crate) const NO_PRICE: i64 = i64::MIN;

/// A value at risk of one lot that is not known yet.
pub(crate) const NO_SLOPE: i64 = i64::MAX;

/// An exchange rate as a multiple of 2^-32, rounded up: base currency for one unit of quote
/// currency. 0 is "not known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FxRate(i64);

impl FxRate {
    /// The quote currency is the base currency.
    pub const ONE: Self = Self(1 << 32);

    /// A rate in billionths; `None` where it is not positive or beyond 2^31.
    #[must_use]
    pub fn from_e9(rate_e9: i64) -> Option<Self> {
        let rate = u128::try_from(rate_e9).ok().filter(|r| *r > 0)?;
        let scaled = rate.checked_mul(1 << 32)?.div_ceil(1_000_000_000);
        i64::try_from(scaled).ok().map(Self)
    }

    /// Whether a rate is there.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.0 != 0
    }

    /// A sum that is not negative, in base currency, rounded up; the largest number where it does
    /// not fit, or did not before.
    #[inline]
    #[must_use]
    pub fn convert(self, quote_e9: i64) -> i64 {
        if self == Self::ONE {
            // Most of what is traded is quoted in the base currency.
            return quote_e9;
        }
        // 64 by 64 bits fit 127: no product and no sum here leaves 128.
        let product = i128::from(quote_e9).wrapping_mul(i128::from(self.0));
        let rounded = product.wrapping_add(0xffff_ffff) >> 32_u32;
        let base = i64::try_from(rounded).unwrap_or((quote_e9 >> 63_u32) ^ i64::MAX);
        select_unpredictable(quote_e9 == i64::MAX, i64::MAX, base)
    }

    pub(crate) const fn raw(self) -> u64 {
        self.0.cast_unsigned()
    }

    /// The rate [`FxRate::raw`] gave; `None` for what none can be.
    pub(crate) fn from_raw(raw: u64) -> Option<Self> {
        i64::try_from(raw).ok().map(Self)
    }
}

/// `price x lots x tick value`, billionths of the quote currency; `None` beyond 64 bits.
#[inline]
#[must_use]
pub fn value_e9(price_ticks: i64, lots: i64, tick_value_e9: i64) -> Option<i64> {
    let (value, fits) = value_or_most(price_ticks, lots, tick_value_e9);
    fits.then_some(value)
}

/// The same and whether it fits; the largest number where it does not. Without a branch.
#[inline]
pub(crate) fn value_or_most(price_ticks: i64, lots: i64, tick_value_e9: i64) -> (i64, bool) {
    let (product, is_cut) = price_ticks.overflowing_mul(lots);
    let (value, is_cut_too) = product.overflowing_mul(tick_value_e9);
    let fits = !(is_cut | is_cut_too);
    (if fits { value } else { i64::MAX }, fits)
}

/// How far the profit of all sessions (`carried + pnl`) lies below its highest; the largest number
/// where that does not fit.
#[inline]
fn drawdown_e9(high_water_e9: i64, carried_e9: i64, pnl_e9: i64) -> i64 {
    let (profit, is_cut) = carried_e9.overflowing_add(pnl_e9);
    let (fall, is_cut_too) = high_water_e9.overflowing_sub(profit);
    if is_cut | is_cut_too { i64::MAX } else { fall }
}

/// The larger of the two worst cases of a position: all buys filled and no sell, or the reverse,
/// in lots.
#[inline]
#[must_use]
pub fn worst_lots(position_lots: i64, buy_lots: i64, sell_lots: i64) -> i64 {
    let up = position_lots.saturating_add(buy_lots).unsigned_abs();
    let down = position_lots.saturating_sub(sell_lots).unsigned_abs();
    i64::try_from(up.max(down)).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "risk/tests.rs"]
mod figures;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_convert_exactly_and_round_away_from_the_loose_side() {
        assert_eq!(FxRate::from_e9(1_000_000_000), Some(FxRate::ONE));
        for bad in [0, -1, i64::MIN] {
            assert_eq!(FxRate::from_e9(bad), None);
        }
        assert!(!FxRate::default().is_known());
        let half = FxRate::from_e9(500_000_000).expect("positive");
        assert_eq!((half.convert(10), half.convert(11)), (5, 6));
        let third = FxRate::from_e9(333_333_333).expect("positive");
        for sum in [1, 2, 3, 1_000_000_007, 9_000_000_000_000_000_000] {
            let exact = i128::from(sum) * 333_333_333;
            let up = (exact + 999_999_999) / 1_000_000_000;
            let got = i128::from(third.convert(sum));
            assert!(got >= up && got <= up + i128::from(sum >> 31) + 1, "{sum}: {got} {up}");
        }
        let high = FxRate::from_e9(2_000_000_000).expect("positive");
        assert_eq!(high.convert(i64::MAX), i64::MAX, "no wrap");
        assert_eq!(half.convert(i64::MAX), i64::MAX, "what did not fit fits no better");
        assert_eq!(high.convert(i64::MAX / 2 + 1), i64::MAX);
        assert_eq!(high.convert(i64::MIN), i64::MIN);
    }

    #[test]
    fn the_worst_case_takes_the_worse_side() {
        assert_eq!(worst_lots(0, 0, 0), 0);
        assert_eq!(worst_lots(5, 3, 4), 8);
        assert_eq!(worst_lots(5, 3, 20), 15);
        assert_eq!(worst_lots(-5, 3, 4), 9);
        assert_eq!(worst_lots(i64::MAX, 1, 0), i64::MAX);
        assert_eq!(value_e9(3, 4, 5), Some(60));
        assert_eq!(value_e9(i64::MAX, 2, 1), None);
    }
}
