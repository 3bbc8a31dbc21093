//! Queue position of a resting order: how many lots of others must trade or leave before it.
//!
//! Owns: the queue models and the position's arithmetic, in integers only.
//! Must never: fill an order (only a trade does, see `trades`), or use a float. Runs wherever the
//! simulated venue runs; allocates nothing.

use super::config::SimError;
use wire::QtyLots;

/// What a shrinking level means for the queue ahead, beyond what trades explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueModel {
    /// Nothing: whoever leaves was behind us. Only trades advance the order; the lower bound.
    RiskAverse,
    /// Those who left stood ahead or behind in proportion: `Power { exponent: 1 }`.
    Proportional,
    /// Those who left stood ahead with probability `ahead^n / (ahead^n + behind^n)`; the queue
    /// advances by that share, rounded down. As in hftbacktest's power queue function.
    Power {
        /// n, 1 to 3.
        exponent: u8,
    },
}

impl QueueModel {
    /// Checks the exponent.
    ///
    /// # Errors
    /// [`SimError::BadExponent`].
    pub fn validate(self) -> Result<(), SimError> {
        match self {
            Self::Power { exponent } if !(1..=3).contains(&exponent) => {
                Err(SimError::BadExponent(exponent))
            }
            Self::RiskAverse | Self::Proportional | Self::Power { .. } => Ok(()),
        }
    }

    const fn exponent(self) -> Option<u32> {
        match self {
            Self::RiskAverse => None,
            Self::Proportional => Some(1),
            Self::Power { exponent } => Some(exponent as u32),
        }
    }
}

/// Where a resting order stands at its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuePosition {
    /// Lots of others ahead.
    pub(crate) ahead: i64,
    /// Displayed quantity the position was last brought in line with, lots.
    seen: i64,
    /// Lots traded at the price that no depth message has shown yet.
    traded: i64,
    /// Depth messages below this update number are older than `seen` and are passed over.
    as_of_update: u64,
}

impl QueuePosition {
    /// At the end of what is displayed; behind `own_ahead`, the queue of our own order before it.
    pub(crate) fn at_end(displayed: QtyLots, own_ahead: i64, as_of_update: u64) -> Self {
        let seen = displayed.get();
        Self { ahead: seen.max(own_ahead), seen, traded: 0, as_of_update }
    }

    /// A trade of `qty` at the price, `eaten` of it from the queue of others.
    pub(crate) fn on_trade(&mut self, qty: i64, eaten: i64) {
        self.ahead = (self.ahead - eaten).max(0);
        self.traded = self.traded.saturating_add(qty);
    }

    /// A trade beyond the price: the queue of others at it is gone.
    pub(crate) fn on_trade_through(&mut self) {
        self.ahead = 0;
    }

    /// The venue's depth messages stand at `update` and show `new` lots at the price.
    pub(crate) fn on_depth(&mut self, model: QueueModel, new: QtyLots, update: u64) {
        if update < self.as_of_update {
            return;
        }
        let new = new.get();
        let drop = self.seen - new;
        let explained = drop.min(self.traded).max(0);
        let before = self.seen - explained;
        self.seen = new;
        self.traded = if drop < 0 { 0 } else { self.traded - explained };
        let Some(exponent) = model.exponent() else {
            return;
        };
        let left = drop - explained;
        if left > 0 {
            let behind = (before - self.ahead).max(0);
            self.ahead -= left_from_ahead(self.ahead, behind, left, exponent);
        }
        self.ahead = self.ahead.min(new);
    }

    /// After a gap nothing is known of what left: the queue is at most what the snapshot shows.
    pub(crate) fn on_resync(&mut self, model: QueueModel, new: QtyLots) {
        self.seen = new.get();
        self.traded = 0;
        self.as_of_update = 0;
        if model.exponent().is_some() {
            self.ahead = self.ahead.min(self.seen);
        }
    }
}

/// Of `left` lots that went, how many stood among the `ahead`: `left * a^n / (a^n + b^n)` rounded
/// down, at least what cannot have stood behind, at most all that stood ahead.
fn left_from_ahead(ahead: i64, behind: i64, left: i64, exponent: u32) -> i64 {
    let (ahead_u, behind_u) = (ahead.unsigned_abs(), behind.unsigned_abs());
    // Both sides are scaled to 60/n bits so that the product with `left` fits 128 bits.
    let bits = 64 - ahead_u.max(behind_u).leading_zeros();
    let shift = bits.saturating_sub(60 / exponent);
    let a = u128::from(ahead_u >> shift).pow(exponent);
    let b = u128::from(behind_u >> shift).pow(exponent);
    let share = match a + b {
        0 => 0,
        sum => u128::from(left.unsigned_abs()) * a / sum,
    };
    i64::try_from(share).unwrap_or(i64::MAX).max(left - behind).min(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POWER_3: QueueModel = QueueModel::Power { exponent: 3 };

    fn position(displayed: i64) -> QueuePosition {
        QueuePosition::at_end(QtyLots(displayed), 0, 0)
    }

    #[test]
    fn exponents_outside_one_to_three_are_refused() {
        for (exponent, good) in [(0, false), (1, true), (3, true), (4, false)] {
            assert_eq!(QueueModel::Power { exponent }.validate().is_ok(), good, "{exponent}");
        }
    }

    #[test]
    fn shares_are_as_computed_by_hand() {
        // 10 leave from 30 ahead and 30 behind: 5 whatever the power.
        for exponent in 1..=3 {
            assert_eq!(left_from_ahead(30, 30, 10, exponent), 5);
        }
        // 10 leave from 10 ahead, 30 behind: 10/40 = 2.5; 100/1000 = 1; 1000/28000 = 0.36.
        assert_eq!(left_from_ahead(10, 30, 10, 1), 2);
        assert_eq!(left_from_ahead(10, 30, 10, 2), 1);
        assert_eq!(left_from_ahead(10, 30, 10, 3), 0);
        // 35 leave: 5 cannot have stood behind; 41 of 40: no more than all ahead.
        assert_eq!(left_from_ahead(10, 30, 35, 3), 5);
        assert_eq!(left_from_ahead(10, 30, 40, 3), 10);
        assert_eq!(left_from_ahead(0, 30, 10, 1), 0);
        assert_eq!(left_from_ahead(10, 0, 4, 2), 4);
        assert_eq!(left_from_ahead(0, 0, 4, 2), 0);
        // The largest numbers do not overflow.
        assert_eq!(left_from_ahead(i64::MAX, i64::MAX, i64::MAX, 3), i64::MAX / 2);
    }

    #[test]
    fn only_trades_advance_the_risk_averse_queue() {
        let mut queue = position(20);
        queue.on_depth(QueueModel::RiskAverse, QtyLots(5), 1);
        assert_eq!(queue.ahead, 20);
        queue.on_trade(7, 7);
        assert_eq!(queue.ahead, 13);
        queue.on_depth(QueueModel::RiskAverse, QtyLots(0), 2);
        assert_eq!(queue.ahead, 13);
        queue.on_trade_through();
        assert_eq!(queue.ahead, 0);
    }

    #[test]
    fn a_drop_that_trades_explain_does_not_count_twice() {
        let mut queue = position(20);
        queue.on_trade(8, 8);
        queue.on_depth(QueueModel::Proportional, QtyLots(20), 1);
        assert_eq!(queue.ahead, 12, "the depth message does not show the trade yet");
        queue.on_depth(QueueModel::Proportional, QtyLots(12), 2);
        assert_eq!(queue.ahead, 12);
        queue.on_depth(QueueModel::Proportional, QtyLots(22), 3);
        assert_eq!(queue.ahead, 12, "newcomers stand behind");
        // 11 of 22 leave; 12 ahead, 10 behind: 11 * 12 / 22 = 6.
        queue.on_depth(QueueModel::Proportional, QtyLots(11), 4);
        assert_eq!(queue.ahead, 6);
        queue.on_depth(QueueModel::Proportional, QtyLots(3), 5);
        assert!(queue.ahead <= 3);
    }

    #[test]
    fn part_explained_drops_count_the_rest() {
        let mut queue = position(20);
        queue.on_depth(POWER_3, QtyLots(30), 1);
        queue.on_trade(5, 5);
        // 30 to 20: 5 traded, 5 left; 15 ahead, 10 behind of 25: 5 * 3375 / 4375 = 3.
        queue.on_depth(POWER_3, QtyLots(20), 2);
        assert_eq!(queue.ahead, 12);
    }

    #[test]
    fn older_depth_messages_do_not_move_the_queue() {
        let mut queue = QueuePosition::at_end(QtyLots(20), 0, 100);
        queue.on_depth(QueueModel::Proportional, QtyLots(1), 99);
        assert_eq!(queue.ahead, 20);
        queue.on_depth(QueueModel::Proportional, QtyLots(10), 100);
        assert_eq!(queue.ahead, 10);
    }

    #[test]
    fn an_own_order_ahead_bounds_the_position() {
        assert_eq!(QueuePosition::at_end(QtyLots(3), 9, 0).ahead, 9);
        assert_eq!(QueuePosition::at_end(QtyLots(9), 3, 0).ahead, 9);
    }

    #[test]
    fn a_resync_clamps_to_the_snapshot_unless_risk_averse() {
        let mut queue = position(20);
        queue.on_resync(QueueModel::RiskAverse, QtyLots(4));
        assert_eq!(queue.ahead, 20);
        queue.on_resync(POWER_3, QtyLots(4));
        assert_eq!(queue.ahead, 4);
    }
}
