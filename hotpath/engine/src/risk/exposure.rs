//! What instruments add to the sums of the station, and the sums: exact, however large a part of
//! them was for a while.

use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};

/// What an instrument adds to the sums of the station, billionths of the base currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contribution {
    /// Worst case either way.
    pub gross_e9: i64,
    /// Position with every buy filled; negative where it is short even so.
    pub up_e9: i64,
    /// Position with every sell filled, sign changed: positive is short.
    pub down_e9: i64,
    /// Value of orders that are not done.
    pub open_e9: i64,
    /// Value of orders whose state is unknown.
    pub unknown_e9: i64,
    /// Value at risk.
    pub var_e9: i64,
}

impl Contribution {
    const fn figures(&self) -> [i64; 6] {
        [self.gross_e9, self.up_e9, self.down_e9, self.open_e9, self.unknown_e9, self.var_e9]
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.figures().into_iter().for_each(|figure| h.i64(figure));
    }

    pub(crate) fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            gross_e9: from.i64()?,
            up_e9: from.i64()?,
            down_e9: from.i64()?,
            open_e9: from.i64()?,
            unknown_e9: from.i64()?,
            var_e9: from.i64()?,
        })
    }
}

/// The sums over all instruments, billionths of the base currency; the largest number where one
/// does not fit, which denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Worst case either way.
    pub gross_e9: i64,
    /// Net, with every buy filled.
    pub up_e9: i64,
    /// Net, with every sell filled, sign changed: positive is short.
    pub down_e9: i64,
    /// Value of orders that are not done.
    pub open_e9: i64,
    /// Value of orders whose state is unknown.
    pub unknown_e9: i64,
    /// Value at risk.
    pub var_e9: i64,
    /// The same sums in full: a sum cut to 64 bits could not be taken back.
    exact: [i128; 6],
}

impl Exposure {
    /// Takes what an instrument added (`old`) out, and what it adds now (`new`) in.
    pub fn replace(&mut self, old: &Contribution, new: &Contribution) {
        let parts = old.figures().into_iter().zip(new.figures());
        for ((cut, exact), (old, new)) in self.sums().into_iter().zip(parts) {
            // Most changes move a few of them; 128 bits are dear for the others. They hold the sum
            // of as many parts as 64 bits can count.
            if old != new {
                *exact = exact.wrapping_add(i128::from(new).wrapping_sub(i128::from(old)));
                *cut = cut_to_64(*exact);
            }
        }
    }

    /// Each sum as it is shown, and in full.
    fn sums(&mut self) -> [(&mut i64, &mut i128); 6] {
        let [gross, up, down, open, unknown, var] = &mut self.exact;
        [
            (&mut self.gross_e9, gross),
            (&mut self.up_e9, up),
            (&mut self.down_e9, down),
            (&mut self.open_e9, open),
            (&mut self.unknown_e9, unknown),
            (&mut self.var_e9, var),
        ]
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.exact.into_iter().for_each(|sum| h.i128(sum));
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for (cut, exact) in self.sums() {
            *exact = from.i128()?;
            *cut = cut_to_64(*exact);
        }
        Ok(())
    }
}

/// A sum as far as 64 bits go.
fn cut_to_64(exact: i128) -> i64 {
    i64::try_from(exact).unwrap_or(if exact < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(e9: i64) -> Contribution {
        Contribution {
            gross_e9: e9,
            up_e9: e9.saturating_neg(),
            down_e9: e9,
            open_e9: e9,
            unknown_e9: e9,
            var_e9: e9,
        }
    }

    #[test]
    fn sums_follow_their_parts() {
        let mut sums = Exposure::default();
        sums.replace(&all(0), &all(5));
        sums.replace(&all(0), &all(7));
        sums.replace(&all(5), &all(6));
        let shown = [sums.gross_e9, sums.up_e9, sums.down_e9];
        assert_eq!(shown, [13, -13, 13]);
        assert_eq!([sums.open_e9, sums.unknown_e9, sums.var_e9], [13, 13, 13]);
    }

    #[test]
    fn a_sum_that_did_not_fit_for_a_while_loses_nothing() {
        let mut sums = Exposure::default();
        sums.replace(&all(0), &all(5));
        sums.replace(&all(0), &all(i64::MAX));
        assert_eq!((sums.gross_e9, sums.up_e9), (i64::MAX, i64::MIN));
        sums.replace(&all(i64::MAX), &all(10));
        assert_eq!((sums.gross_e9, sums.up_e9, sums.var_e9), (15, -15, 15));
        sums.replace(&all(10), &all(0));
        sums.replace(&all(5), &all(0));
        assert_eq!(sums, Exposure::default());
    }
}
