//! Value at risk of one lot, from the instrument's own one-second returns: a background figure, not
//! an order's.
//!
//! An exponentially weighted mean of squared one-second changes of the mid (half-life about three
//! minutes, integer shifts), scaled to a day by the square root of 86,400 and to the 99 % quantile
//! of a normal distribution (2.326). Until [`WARM`] changes have been seen the day's standard
//! deviation counts as a tenth of the price, so a cold start is tight, not loose. Portfolio figures add the
//! instruments' up as if all fell together: no benefit of diversification is taken.

use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};

/// Changes before the estimate replaces the cold-start figure.
pub(super) const WARM: u32 = 30;
/// Weight of a new squared change: 2^-8.
const SHIFT: u32 = 8;

/// Running estimate for one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volatility {
    /// Twice the mid at the last second, ticks; 0 for none.
    last_x2: i64,
    /// Mean squared change of twice the mid, times 2^16.
    mean_square: u64,
    seen: u32,
}

impl Volatility {
    /// Takes twice the mid at the end of a second.
    pub fn on_second(&mut self, mid_x2: i64) {
        if self.last_x2 != 0 {
            let change = mid_x2.saturating_sub(self.last_x2).unsigned_abs().min(1 << 23);
            let square = change.saturating_mul(change) << 16_u32;
            if self.seen < WARM {
                // Plain mean while warming up.
                let n = u64::from(self.seen);
                let sum = u128::from(self.mean_square).saturating_mul(u128::from(n));
                let mean = sum.saturating_add(u128::from(square));
                let mean = mean.checked_div(u128::from(n.saturating_add(1))).unwrap_or(mean);
                self.mean_square = u64::try_from(mean).unwrap_or(u64::MAX);
            } else {
                let keep = self.mean_square.saturating_sub(self.mean_square >> SHIFT);
                self.mean_square = keep.saturating_add(square >> SHIFT);
            }
            self.seen = self.seen.saturating_add(1);
        }
        self.last_x2 = mid_x2;
    }

    /// The 99 % loss of one lot over a day, billionths of the quote currency; the largest number
    /// where it does not fit.
    #[must_use]
    pub fn var_of_a_lot(&self, mid_x2: i64, tick_value_e9: i64) -> i64 {
        // In hundredths of half a tick: 2.326 standard deviations of a day.
        let ticks_x2_e2 = if self.seen < WARM {
            u128::from(mid_x2.unsigned_abs()).saturating_mul(2_326) / 100
        } else {
            // sqrt(mean_square / 2^16 * 86,400) * 232.6, the root taken of the scaled square.
            let day = u128::from(self.mean_square).saturating_mul(86_400);
            (day.isqrt()).saturating_mul(2_326) / (256 * 10)
        };
        let value = ticks_x2_e2.saturating_mul(u128::from(tick_value_e9.unsigned_abs())) / 200;
        i64::try_from(value.saturating_add(1)).unwrap_or(i64::MAX)
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        h.i64(self.last_x2);
        h.u64(self.mean_square);
        h.u64(u64::from(self.seen));
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.last_x2 = from.i64()?;
        self.mean_square = from.u64()?;
        self.seen = from.fit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_start_is_a_tenth_of_the_price_times_the_quantile() {
        let v = Volatility::default();
        // Mid 10,000 ticks at 1 a tick: 1,000 a day, 2,326 at 99 %.
        assert_eq!(v.var_of_a_lot(20_000, 1), 2_327);
    }

    #[test]
    fn a_steady_walk_gives_the_closed_form() {
        let mut v = Volatility::default();
        // One tick up and down each second: standard deviation 1 tick a second.
        for n in 0..2_000_i64 {
            v.on_second(20_000 + 2 * (n % 2));
        }
        let exact = 2.326 * 86_400_f64.sqrt() * 1_000.0;
        let got = v.var_of_a_lot(20_000, 1_000);
        let off = (f64::from(i32::try_from(got).expect("small")) - exact).abs() / exact;
        assert!(off < 0.01, "{got} against {exact}");
    }

    /// Warming up, every change weighs the same, however early it came.
    #[test]
    fn the_first_estimate_is_the_plain_mean() {
        let mut v = Volatility::default();
        let mut mid = 20_000;
        v.on_second(mid);
        for n in 0..WARM {
            // Two ticks up fifteen times, then nothing: a mean square of 8 in half ticks.
            mid += if n < WARM / 2 { 4 } else { 0 };
            v.on_second(mid);
        }
        let exact = 2.326 * (8.0 * 86_400_f64).sqrt() / 2.0 * 1_000.0;
        let got = v.var_of_a_lot(mid, 1_000);
        let off = (f64::from(i32::try_from(got).expect("small")) - exact).abs() / exact;
        assert!(off < 0.001, "{got} against {exact}");
    }

    #[test]
    fn extremes_do_not_wrap() {
        let mut v = Volatility::default();
        for n in 0..100 {
            v.on_second(if n % 2 == 0 { 1 } else { i64::MAX });
        }
        assert!(v.var_of_a_lot(i64::MAX, i64::MAX) > 0);
        assert_eq!(Volatility::default().var_of_a_lot(i64::MAX, i64::MAX), i64::MAX);
    }
}
