//! Position, average price, realised and unrealised PnL, fees: exact integers.
//!
//! Method: average cost. The cost of the open lots is kept in tick-lots (price ticks times lots),
//! signed like the position. Closing `c` of `p` lots releases `trunc(cost * c / p)`; what the
//! division leaves stays in the cost of the rest, so realised plus unrealised is always exactly
//! cash flow plus position at the mark. Money is in billionths of the quote currency.
#![deny(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]

use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use wire::order::Side;
use wire::{MoneyE9, PositionLots, PriceTicks, QtyLots};

/// A sum left 64 (or 128) bits: the position can no longer be accounted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// One position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    lots: i64,
    open_cost: i128,
    realised_tick_lots: i128,
    fees_e9: i64,
    bought_lots: i64,
    sold_lots: i64,
    turnover_tick_lots: i128,
    fills: u64,
}

impl Position {
    /// Signed position, lots.
    #[must_use]
    pub fn lots(&self) -> PositionLots {
        PositionLots(self.lots)
    }

    /// Fills booked.
    #[must_use]
    pub fn fills(&self) -> u64 {
        self.fills
    }

    /// Fees paid, billionths of the quote currency; negative is a net rebate.
    #[must_use]
    pub fn fees_e9(&self) -> MoneyE9 {
        MoneyE9(self.fees_e9)
    }

    /// Lots bought and lots sold so far.
    #[must_use]
    pub fn bought_sold(&self) -> (QtyLots, QtyLots) {
        (QtyLots(self.bought_lots), QtyLots(self.sold_lots))
    }

    /// Average price of the open lots, millionths of a tick; `None` when flat.
    #[must_use]
    pub fn average_price_e6(&self) -> Option<i128> {
        self.open_cost.checked_mul(1_000_000)?.checked_div(i128::from(self.lots))
    }

    /// Books one fill.
    ///
    /// # Errors
    /// [`Overflow`] leaves the position as it was.
    pub fn fill(
        &mut self,
        side: Side,
        price: PriceTicks,
        qty: QtyLots,
        fee: MoneyE9,
    ) -> Result<(), Overflow> {
        *self = self.filled(side, price, qty, fee).ok_or(Overflow)?;
        Ok(())
    }

    fn filled(mut self, side: Side, price: PriceTicks, qty: QtyLots, fee: MoneyE9) -> Option<Self> {
        let (price, qty) = (i128::from(price.get()), qty.get());
        let signed = match side {
            Side::Buy => qty,
            Side::Sell => qty.checked_neg()?,
        };
        match side {
            Side::Buy => self.bought_lots = self.bought_lots.checked_add(qty)?,
            Side::Sell => self.sold_lots = self.sold_lots.checked_add(qty)?,
        }
        self.turnover_tick_lots = price
            .checked_abs()?
            .checked_mul(i128::from(qty))?
            .checked_add(self.turnover_tick_lots)?;
        let closes = if self.lots.signum().checked_mul(signed.signum())? < 0 {
            self.lots.checked_abs()?.min(qty)
        } else {
            0
        };
        if closes > 0 {
            let released = self
                .open_cost
                .checked_mul(i128::from(closes))?
                .checked_div(i128::from(self.lots.checked_abs()?))?;
            let proceeds = price
                .checked_mul(i128::from(closes))?
                .checked_mul(i128::from(self.lots.signum()))?;
            self.realised_tick_lots =
                proceeds.checked_sub(released)?.checked_add(self.realised_tick_lots)?;
            self.open_cost = self.open_cost.checked_sub(released)?;
        }
        let opens =
            i128::from(signed.signum()).checked_mul(i128::from(qty.checked_sub(closes)?))?;
        self.open_cost = opens.checked_mul(price)?.checked_add(self.open_cost)?;
        self.lots = self.lots.checked_add(signed)?;
        self.fees_e9 = self.fees_e9.checked_add(fee.get())?;
        self.fills = self.fills.checked_add(1)?;
        Some(self)
    }

    /// Realised PnL before fees, billionths of the quote currency.
    ///
    /// # Errors
    /// [`Overflow`] where the sum leaves 64 bits.
    pub fn realised_e9(&self, tick_value_e9: i64) -> Result<MoneyE9, Overflow> {
        to_money(self.realised_tick_lots, tick_value_e9)
    }

    /// Unrealised PnL with the open lots marked at `mark` ticks.
    ///
    /// # Errors
    /// [`Overflow`] where the sum leaves 64 bits.
    pub fn unrealised_e9(&self, mark: PriceTicks, tick_value_e9: i64) -> Result<MoneyE9, Overflow> {
        let value = i128::from(self.lots)
            .checked_mul(i128::from(mark.get()))
            .and_then(|v| v.checked_sub(self.open_cost))
            .ok_or(Overflow)?;
        to_money(value, tick_value_e9)
    }

    /// Realised plus unrealised less fees.
    ///
    /// # Errors
    /// [`Overflow`] where the sum leaves 64 bits.
    pub fn net_e9(&self, mark: PriceTicks, tick_value_e9: i64) -> Result<MoneyE9, Overflow> {
        self.realised_e9(tick_value_e9)?
            .get()
            .checked_add(self.unrealised_e9(mark, tick_value_e9)?.get())
            .and_then(|sum| sum.checked_sub(self.fees_e9))
            .map(MoneyE9)
            .ok_or(Overflow)
    }

    /// Traded value, billionths of the quote currency.
    ///
    /// # Errors
    /// [`Overflow`] where the sum leaves 64 bits.
    pub fn turnover_e9(&self, tick_value_e9: i64) -> Result<MoneyE9, Overflow> {
        to_money(self.turnover_tick_lots, tick_value_e9)
    }

    /// Folds the position into a state hash.
    pub fn hash_into(&self, h: &mut StateHasher) {
        h.i64(self.lots);
        h.i128(self.open_cost);
        h.i128(self.realised_tick_lots);
        h.i64(self.fees_e9);
        h.i64(self.bought_lots);
        h.i64(self.sold_lots);
        h.i128(self.turnover_tick_lots);
        h.u64(self.fills);
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        *self = Self {
            lots: from.i64()?,
            open_cost: from.i128()?,
            realised_tick_lots: from.i128()?,
            fees_e9: from.i64()?,
            bought_lots: from.i64()?,
            sold_lots: from.i64()?,
            turnover_tick_lots: from.i128()?,
            fills: from.counter()?,
        };
        Ok(())
    }
}

fn to_money(tick_lots: i128, tick_value_e9: i64) -> Result<MoneyE9, Overflow> {
    tick_lots
        .checked_mul(i128::from(tick_value_e9))
        .and_then(|v| i64::try_from(v).ok())
        .map(MoneyE9)
        .ok_or(Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(p: &mut Position, side: Side, price: i64, qty: i64) {
        p.fill(side, PriceTicks(price), QtyLots(qty), MoneyE9(1)).expect("no overflow");
    }

    #[test]
    fn books_open_reduce_flip_and_flat() {
        let mut p = Position::default();
        fill(&mut p, Side::Buy, 100, 10);
        fill(&mut p, Side::Buy, 110, 10);
        assert_eq!(p.average_price_e6(), Some(105_000_000));
        fill(&mut p, Side::Sell, 120, 5);
        assert_eq!(p.realised_e9(1), Ok(MoneyE9(75)));
        // Flip: closes 15, opens 5 short at 90.
        fill(&mut p, Side::Sell, 90, 20);
        assert_eq!(p.lots(), PositionLots(-5));
        assert_eq!(p.realised_e9(1), Ok(MoneyE9(75 - 225)));
        assert_eq!(p.average_price_e6(), Some(90_000_000));
        assert_eq!(p.unrealised_e9(PriceTicks(80), 1), Ok(MoneyE9(50)));
        fill(&mut p, Side::Buy, 80, 5);
        assert_eq!(p.lots(), PositionLots(0));
        assert_eq!(p.average_price_e6(), None);
        assert_eq!(p.realised_e9(10), Ok(MoneyE9(-1000)));
        assert_eq!(p.fees_e9(), MoneyE9(5));
        assert_eq!(p.net_e9(PriceTicks(0), 10), Ok(MoneyE9(-1005)));
    }

    /// Whatever the order of fills, realised + unrealised equals cash flow + position at the mark,
    /// to the last unit: no rounding is lost.
    #[test]
    fn total_is_exact_for_any_fills() {
        let mut seed = 42_u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from((seed >> 33) % n).expect("small")
        };
        for _ in 0..200 {
            let (mut p, mut cash, mut lots) = (Position::default(), 0_i128, 0_i64);
            for _ in 0..50 {
                let (price, qty) = (next(1000) + 1, next(17) + 1);
                let side = if next(2) == 0 { Side::Buy } else { Side::Sell };
                fill(&mut p, side, price, qty);
                let signed = if side == Side::Buy { qty } else { -qty };
                cash -= i128::from(signed) * i128::from(price);
                lots += signed;
                let mark = next(1000) + 1;
                let total = p.realised_e9(7).expect("fits").get()
                    + p.unrealised_e9(PriceTicks(mark), 7).expect("fits").get();
                let exact = (cash + i128::from(lots) * i128::from(mark)) * 7;
                assert_eq!(i128::from(total), exact);
            }
        }
    }

    #[test]
    fn overflow_refuses_and_keeps_the_position() {
        let mut p = Position::default();
        fill(&mut p, Side::Buy, 100, i64::MAX - 1);
        let before = p;
        let got = p.fill(Side::Buy, PriceTicks(100), QtyLots(2), MoneyE9(0));
        assert_eq!((got, p), (Err(Overflow), before));
        assert_eq!(p.unrealised_e9(PriceTicks(i64::MAX), 1), Err(Overflow));
    }
}
