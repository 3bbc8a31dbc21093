//! Order value and fees in exact integers.
//!
//! Must never: use a float, or round a fee in our favour. Runs wherever the simulated venue runs;
//! allocates nothing.

use super::config::SimError;
use wire::instrument::{Instrument, InstrumentType};
use wire::order::Liquidity;
use wire::{MoneyE9, PriceTicks, QtyLots};

/// Fee rates, millionths of the traded value; negative is a rebate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// For a fill that added liquidity, -100,000 to 100,000.
    pub maker_rate_e6: i32,
    /// For a fill that removed liquidity, -100,000 to 100,000.
    pub taker_rate_e6: i32,
}

const RATE_LIMIT_E6: i32 = 100_000;
const RATE_SCALE: i128 = 1_000_000;

impl Fees {
    /// Checks the rates.
    ///
    /// # Errors
    /// [`SimError::BadFeeRate`].
    pub fn validate(self) -> Result<(), SimError> {
        for rate_e6 in [self.maker_rate_e6, self.taker_rate_e6] {
            if !(-RATE_LIMIT_E6..=RATE_LIMIT_E6).contains(&rate_e6) {
                return Err(SimError::BadFeeRate(rate_e6));
            }
        }
        Ok(())
    }

    /// Fee of a fill worth `value_e9`: value times rate, rounded towards plus infinity, so that a
    /// fraction of a billionth raises a fee and lowers a rebate. Saturates beyond 64 bits, which
    /// takes a fill worth more than 92 billion.
    pub(crate) fn of(self, value_e9: i128, liquidity: Liquidity) -> MoneyE9 {
        let rate_e6 = match liquidity {
            Liquidity::Maker => self.maker_rate_e6,
            Liquidity::Taker => self.taker_rate_e6,
            Liquidity::None => 0,
        };
        let scaled = value_e9.saturating_mul(i128::from(rate_e6));
        let has_rest = scaled.rem_euclid(RATE_SCALE) != 0;
        let rounded_up = scaled.div_euclid(RATE_SCALE) + i128::from(has_rest);
        MoneyE9(i64::try_from(rounded_up).unwrap_or(if rate_e6 < 0 { i64::MIN } else { i64::MAX }))
    }
}

/// How a price and a quantity become money, billionths of the quote currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Valuation {
    /// Price times quantity times the value of a tick on a lot.
    Linear { tick_value_e9: i64 },
    /// Contracts of a fixed value in the quote currency: the price does not matter.
    Inverse { lot_value_e9: i128 },
}

impl Valuation {
    /// Of an instrument; `None` where its increments cannot be accounted for exactly.
    /// `contract_value` is what one inverse contract is worth, whole units of quote currency.
    pub(crate) fn of(row: &Instrument, contract_value: u32) -> Option<Self> {
        if InstrumentType::from_code(row.instrument_type)? == InstrumentType::InversePerp {
            let lot_value_e9 = i128::from(row.lot_size_e9) * i128::from(contract_value);
            return (lot_value_e9 > 0).then_some(Self::Inverse { lot_value_e9 });
        }
        row.tick_value_e9().map(|tick_value_e9| Self::Linear { tick_value_e9 })
    }

    /// Value of `qty` at `price`; `None` beyond 64 bits of billionths.
    pub(crate) fn value_e9(self, price: PriceTicks, qty: QtyLots) -> Option<i64> {
        i64::try_from(self.wide_e9(price, qty)?).ok()
    }

    /// As [`Self::value_e9`] with room for any legal fill.
    pub(crate) fn wide_e9(self, price: PriceTicks, qty: QtyLots) -> Option<i128> {
        let qty = i128::from(qty.get());
        match self {
            Self::Linear { tick_value_e9 } => {
                (i128::from(price.get()) * qty).checked_mul(i128::from(tick_value_e9))
            }
            Self::Inverse { lot_value_e9 } => qty.checked_mul(lot_value_e9),
        }
    }

    /// Profit of closing `lots` that cost `cost` (ticks times lots) with a gain of `gain` in the
    /// same unit, rounded towards zero; an inverse contract's is valued at the closing price.
    pub(crate) fn profit_e9(self, gain: i128, lots: i128, cost: i128) -> i128 {
        match self {
            Self::Linear { tick_value_e9 } => gain.saturating_mul(i128::from(tick_value_e9)),
            Self::Inverse { lot_value_e9 } => lots
                .saturating_mul(lot_value_e9)
                .saturating_mul(gain)
                .checked_div(cost)
                .unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEES: Fees = Fees { maker_rate_e6: -100, taker_rate_e6: 450 };

    #[test]
    fn fees_round_against_us() {
        // 0.045 % of 100.000000000: exactly 0.045.
        assert_eq!(FEES.of(100_000_000_000, Liquidity::Taker), MoneyE9(45_000_000));
        // 450 * 2222 / 1e6 = 0.9999: up to 1; 450 * 2223 = 1.00035: up to 2.
        assert_eq!(FEES.of(2_222, Liquidity::Taker), MoneyE9(1));
        assert_eq!(FEES.of(2_223, Liquidity::Taker), MoneyE9(2));
        // A rebate loses its fraction: -100 * 19,999 / 1e6 = -1.9999 becomes -1.
        assert_eq!(FEES.of(19_999, Liquidity::Maker), MoneyE9(-1));
        assert_eq!(FEES.of(20_000, Liquidity::Maker), MoneyE9(-2));
        assert_eq!(FEES.of(1, Liquidity::Maker), MoneyE9(0));
        assert_eq!(FEES.of(i128::MAX, Liquidity::Taker), MoneyE9(i64::MAX));
        assert_eq!(FEES.of(i128::MAX, Liquidity::Maker), MoneyE9(i64::MIN));
    }

    #[test]
    fn rates_beyond_ten_percent_are_refused() {
        for (rate, good) in [(100_000, true), (100_001, false), (-100_000, true), (-100_001, false)]
        {
            assert_eq!(Fees { maker_rate_e6: rate, taker_rate_e6: 0 }.validate().is_ok(), good);
            assert_eq!(Fees { maker_rate_e6: 0, taker_rate_e6: rate }.validate().is_ok(), good);
        }
    }

    #[test]
    fn inverse_contracts_are_worth_the_same_at_any_price() {
        let value = Valuation::Inverse { lot_value_e9: 100_000_000_000 };
        assert_eq!(value.value_e9(PriceTicks(1), QtyLots(3)), Some(300_000_000_000));
        assert_eq!(value.value_e9(PriceTicks(999), QtyLots(3)), Some(300_000_000_000));
        let linear = Valuation::Linear { tick_value_e9: 100 };
        assert_eq!(linear.value_e9(PriceTicks(6_173_763), QtyLots(2)), Some(1_234_752_600));
        assert_eq!(linear.value_e9(PriceTicks(i64::MAX), QtyLots(2)), None);
        assert!(linear.wide_e9(PriceTicks(i64::MAX), QtyLots(2)).is_some());
    }
}
