//! Queue position of a resting order: how many lots of others must trade or leave before it.
//!
//! Owns: the queue models and the position's arithmetic. Quantities are integers; the share of the
//! logarithmic model comes from `libm`, the same bits on every machine. Must never: fill an order
//! (only a trade does, see `trades`). Runs wherever the simulated venue runs; allocates nothing.

use super::config::SimError;
use wire::QtyLots;

/// What a shrinking level means for the queue ahead, beyond what trades explain.
///
/// Proportional, power and logarithm are hftbacktest's: of the lots that left a level `f(behind) /
/// (f(behind) + f(ahead))` stood behind, and what was traded at the price since the level was last
/// named is taken off what left. `behind` is what the level showed before, less what is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueModel {
    /// Nothing: whoever leaves was behind us. Only trades advance the order; the lower bound.
    RiskAverse,
    /// `f(x) = x`: `Power { exponent: 1 }`.
    Proportional,
    /// `f(x) = x^n`.
    Power {
        /// n, 1 to 3.
        exponent: u8,
    },
    /// `f(x) = ln(1 + x)`, x in whole units of the base currency (contracts for inverse).
    Log,
    /// First in, first out, order by order: who leaves is known, so nothing is estimated. Needs a
    /// recording whose depth names orders; of the rest it says the least, as `RiskAverse`.
    L3Fifo,
}

/// Parts a share is counted in.
const WHOLE_SHARE: u64 = 1 << SHARE_BITS;
const SHARE_BITS: u32 = 32;

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
            Self::RiskAverse
            | Self::Proportional
            | Self::Power { .. }
            | Self::Log
            | Self::L3Fifo => Ok(()),
        }
    }

    /// Whether depth messages move a queue.
    pub(crate) const fn follows_depth(self) -> bool {
        !matches!(self, Self::RiskAverse)
    }

    /// Of the lots that left, the share that stood behind, in parts of [`WHOLE_SHARE`].
    fn share_behind(self, ahead: Lots, behind: Lots, lot_size_e9: i64) -> u64 {
        match self {
            Self::RiskAverse | Self::L3Fifo => WHOLE_SHARE,
            Self::Proportional => power_share(ahead, behind, 1),
            Self::Power { exponent } => power_share(ahead, behind, u32::from(exponent)),
            Self::Log => log_share(ahead, behind, lot_size_e9),
        }
    }
}

/// Lots with a fraction, in parts of [`ONE_LOT`].
type Lots = i128;

const ONE_LOT: Lots = 1 << 20;
const HALF_LOT: Lots = ONE_LOT / 2;

fn lots(whole: i64) -> Lots {
    Lots::from(whole) * ONE_LOT
}

/// Where a resting order stands at its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuePosition {
    /// Lots of others ahead; below 0, by half a lot at most, where a trade took the whole of a lot
    /// of which the model had let a part leave.
    ahead: Lots,
    /// Displayed quantity the position was last brought in line with, lots.
    seen: i64,
    /// Lots traded at the price since a depth message last named it.
    traded: i64,
    /// Depth messages below this update number are older than `seen` and are passed over.
    as_of_update: u64,
    /// Whether the depth message in progress names the price.
    is_named: bool,
    /// Its place among the arrivals of the book by order, where there is one.
    pub(crate) arrival: u64,
}

impl QueuePosition {
    /// At the end of what is displayed; behind `own_ahead`, the queue of our own order before it.
    pub(crate) fn at_end(displayed: QtyLots, own_ahead: i64, as_of_update: u64) -> Self {
        let seen = displayed.get();
        let ahead = lots(seen.max(own_ahead));
        Self { ahead, seen, traded: 0, as_of_update, is_named: false, arrival: 0 }
    }

    /// Whole lots ahead: half a lot and less is none.
    pub(crate) fn ahead(&self) -> i64 {
        let whole = (self.ahead + HALF_LOT - 1).div_euclid(ONE_LOT);
        i64::try_from(whole.max(0)).unwrap_or(i64::MAX)
    }

    /// Never ahead of an earlier order of our own at the price.
    pub(crate) fn keep_behind(&mut self, earlier: &Self) {
        self.ahead = self.ahead.max(earlier.ahead);
    }

    /// A trade of `qty` at the price, `eaten` of it from the queue of others.
    pub(crate) fn on_trade(&mut self, qty: i64, eaten: i64) {
        self.ahead -= lots(eaten.min(self.ahead()));
        self.traded = self.traded.saturating_add(qty);
    }

    /// The order trades: nobody is ahead.
    pub(crate) fn reach_front(&mut self) {
        self.ahead = 0;
    }

    /// The depth message in progress names the price.
    pub(crate) fn name(&mut self) {
        self.is_named = true;
    }

    /// A depth message is complete: the venue's book stands at `update` and shows `new` lots at
    /// the price. Nothing where the message did not name the price.
    pub(crate) fn on_depth(
        &mut self,
        model: QueueModel,
        (new, update): (QtyLots, u64),
        lot_size_e9: i64,
    ) {
        if !std::mem::take(&mut self.is_named) || update < self.as_of_update {
            return;
        }
        let new = new.get();
        let before = std::mem::replace(&mut self.seen, new);
        let left = lots(before) - lots(new) - lots(std::mem::take(&mut self.traded));
        if left >= 0 {
            let behind = (lots(before) - self.ahead).max(0);
            let share = model.share_behind(self.ahead.max(0), behind, lot_size_e9);
            let from_behind = (left * i128::from(share)) >> SHARE_BITS;
            // What cannot have stood behind stood ahead, and no more than stood there. Only the
            // logarithm can ask for more; hftbacktest then counts below none, and back again.
            let ahead = self.ahead + from_behind - left + (behind - from_behind).min(0);
            self.ahead = ahead.max(self.ahead.min(0));
        }
        self.ahead = self.ahead.min(lots(new));
    }

    /// The book by order knows what is ahead, once the message in progress is complete.
    pub(crate) fn on_orders(&mut self, ahead: QtyLots) {
        if std::mem::take(&mut self.is_named) {
            self.ahead = lots(ahead.get());
        }
    }

    /// After a gap nothing is known of what left: the queue is at most what the snapshot shows.
    pub(crate) fn on_resync(&mut self, new: QtyLots) {
        self.seen = new.get();
        self.traded = 0;
        self.as_of_update = 0;
        self.is_named = false;
        self.ahead = self.ahead.min(lots(self.seen));
    }
}

/// `behind^n / (ahead^n + behind^n)`, rounded down; neither may be negative.
fn power_share(ahead: Lots, behind: Lots, exponent: u32) -> u64 {
    // Both sides are scaled so that the larger has 120/n bits: its power then has 120, exactly.
    let (ahead, behind) = (ahead.unsigned_abs(), behind.unsigned_abs());
    let bits = 128 - ahead.max(behind).leading_zeros();
    let most = 120 / exponent;
    let scaled = |side: u128| match most.checked_sub(bits) {
        Some(up) => side.checked_shl(up).unwrap_or(0),
        None => side >> (bits - most),
    };
    let (a, b) = (scaled(ahead).pow(exponent), scaled(behind).pow(exponent));
    let parts = b.checked_div((a + b) >> SHARE_BITS).unwrap_or(u128::from(WHOLE_SHARE));
    u64::try_from(parts).map_or(WHOLE_SHARE, |parts| parts.min(WHOLE_SHARE))
}

/// `ln(1 + behind) / (ln(1 + behind) + ln(1 + ahead))` of quantities in whole base units.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits than a float has")]
fn log_share(ahead: Lots, behind: Lots, lot_size_e9: i64) -> u64 {
    let unit = lot_size_e9 as f64 / 1e9 / ONE_LOT as f64;
    let f = |side: Lots| libm::log1p(side as f64 * unit);
    let (ahead, behind) = (f(ahead), f(behind));
    let sum = ahead + behind;
    if sum > 0.0 { parts_of(behind / sum) } else { WHOLE_SHARE }
}

/// A share from 0 to 1 in parts of [`WHOLE_SHARE`], rounded down.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held to 0 to 2^32")]
#[expect(clippy::cast_precision_loss, reason = "2^32 is exact")]
fn parts_of(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * WHOLE_SHARE as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const POWER_3: QueueModel = QueueModel::Power { exponent: 3 };
    const LOT: i64 = 1_000_000_000;

    fn position(displayed: i64) -> QueuePosition {
        QueuePosition::at_end(QtyLots(displayed), 0, 0)
    }

    impl QueuePosition {
        /// A whole message that names the price.
        fn shows(&mut self, model: QueueModel, new: i64, update: u64) {
            self.name();
            self.on_depth(model, (QtyLots(new), update), LOT);
        }

        fn parts(&self) -> Lots {
            self.ahead
        }
    }

    #[test]
    fn exponents_outside_one_to_three_are_refused() {
        for (exponent, good) in [(0, false), (1, true), (3, true), (4, false)] {
            assert_eq!(QueueModel::Power { exponent }.validate().is_ok(), good, "{exponent}");
        }
    }

    /// `part / whole` in parts of a whole share, rounded down.
    fn share(part: u64, whole: u64) -> u64 {
        u64::try_from(u128::from(WHOLE_SHARE) * u128::from(part) / u128::from(whole)).unwrap_or(0)
    }

    #[test]
    fn power_shares_are_as_computed_by_hand() {
        for exponent in 1..=3 {
            assert_eq!(power_share(30, 30, exponent), WHOLE_SHARE / 2);
            assert_eq!(power_share(lots(30), 0, exponent), 0);
            assert_eq!(power_share(0, lots(1), exponent), WHOLE_SHARE);
            assert_eq!(
                power_share(0, 0, exponent),
                WHOLE_SHARE,
                "nobody: nothing is left to share"
            );
        }
        // 10 ahead and 30 behind: 30/40, 900/1000, 27000/28000.
        assert_eq!(power_share(lots(10), lots(30), 1), share(3, 4));
        assert_eq!(power_share(lots(10), lots(30), 2), share(9, 10));
        assert_eq!(power_share(lots(10), lots(30), 3), share(27, 28));
        // The largest numbers do not overflow, and a large factor leaves no share.
        assert_eq!(power_share(lots(i64::MAX), lots(i64::MAX), 3), WHOLE_SHARE / 2);
        assert_eq!(power_share(lots(i64::MAX), 1, 3), 0);
        assert_eq!(power_share(1, lots(i64::MAX), 3), WHOLE_SHARE);
    }

    #[test]
    fn log_shares_are_in_base_units() {
        // ln(1 + 3) / (ln(1 + 3) + ln(1 + 1)) = 2/3 with whole units.
        let two_thirds = share(2, 3);
        let close = |a: u64, b: u64| a.abs_diff(b) <= 2;
        assert!(close(log_share(lots(1), lots(3), LOT), two_thirds));
        assert!(close(log_share(lots(1_000), lots(3_000), LOT / 1_000), two_thirds));
        assert_eq!(log_share(0, 0, LOT), WHOLE_SHARE);
        assert_eq!(log_share(lots(5), 0, LOT), 0);
        assert_eq!(log_share(0, lots(5), LOT), WHOLE_SHARE);
        // Of tiny quantities it is the proportion, of huge ones a half.
        assert!(close(log_share(lots(1), lots(3), 1), share(3, 4)));
        assert!(log_share(lots(1 << 60), lots(3 << 59), LOT).abs_diff(WHOLE_SHARE / 2) < 1 << 28);
    }

    #[test]
    fn half_a_lot_and_less_is_none_ahead() {
        let mut queue = position(0);
        for (parts, whole) in [(1, 1), (0, 0), (-1, 0)] {
            queue.ahead = HALF_LOT + parts;
            assert_eq!(queue.ahead(), whole, "{parts}");
        }
        queue.ahead = lots(2) + HALF_LOT;
        assert_eq!(queue.ahead(), 2);
        queue.ahead = -lots(3);
        assert_eq!(queue.ahead(), 0);
    }

    #[test]
    fn only_trades_advance_the_risk_averse_queue() {
        assert!(!QueueModel::RiskAverse.follows_depth());
        let mut queue = position(20);
        queue.on_trade(7, 7);
        assert_eq!(queue.ahead(), 13);
        queue.reach_front();
        assert_eq!(queue.ahead(), 0);
    }

    #[test]
    fn what_trades_explain_does_not_count_twice() {
        let mut queue = position(20);
        queue.on_trade(8, 8);
        queue.shows(QueueModel::Proportional, 12, 2);
        assert_eq!(queue.ahead(), 12, "all of the drop was traded");
        queue.shows(QueueModel::Proportional, 22, 3);
        assert_eq!(queue.ahead(), 12, "newcomers stand behind");
        // 11 of 22 leave; 12 ahead, 10 behind: 11 * 12 / 22 = 6.
        queue.shows(QueueModel::Proportional, 11, 4);
        assert_eq!(queue.ahead(), 6);
        queue.shows(QueueModel::Proportional, 3, 5);
        assert!(queue.ahead() <= 3);
    }

    #[test]
    fn fractions_add_up() {
        let mut queue = position(10);
        queue.shows(POWER_3, 40, 1);
        // One of 40 leaves, 10 ahead and 30 behind: 1/28 of it stood ahead, 28 times nearly one.
        queue.shows(POWER_3, 39, 2);
        assert_eq!(queue.ahead(), 10);
        let gone = lots(10) - queue.parts();
        assert_eq!(gone, ONE_LOT - i128::from(share(27, 28) >> 12));
        for (update, shown) in (3..).zip((20..39).rev()) {
            queue.shows(POWER_3, shown, update);
        }
        assert!(queue.ahead() < 10 && queue.ahead() > 5, "{}", queue.ahead());
    }

    #[test]
    fn part_explained_drops_count_the_rest() {
        let mut queue = position(20);
        queue.shows(POWER_3, 30, 1);
        queue.on_trade(5, 5);
        // 30 to 20: 5 traded, 5 left; 15 ahead and 15 behind of 30: half of them.
        queue.shows(POWER_3, 20, 2);
        assert_eq!(queue.parts(), lots(12) + HALF_LOT);
        assert_eq!(queue.ahead(), 12);
    }

    #[test]
    fn what_cannot_have_stood_behind_stood_ahead() {
        let mut queue = position(10);
        queue.shows(POWER_3, 40, 1);
        queue.shows(POWER_3, 5, 2);
        assert_eq!(queue.ahead(), 5, "35 left, 30 of them at most from behind");
    }

    #[test]
    fn no_more_leave_than_stood_ahead() {
        let milli = LOT / 1_000;
        let mut queue = position(97);
        for (update, shown) in [(1, 3_251), (2, 97)] {
            queue.name();
            queue.on_depth(QueueModel::Log, (QtyLots(shown), update), milli);
        }
        // 3,154 leave: ln(4.154) / (ln(4.154) + ln(1.097)) of them from behind, 192 from the 97.
        assert_eq!(queue.parts(), 0);
    }

    #[test]
    fn a_message_that_does_not_name_the_price_is_none() {
        let mut queue = position(20);
        queue.on_depth(QueueModel::Proportional, (QtyLots(1), 1), LOT);
        assert_eq!(queue.ahead(), 20);
        queue.on_trade(3, 3);
        queue.shows(QueueModel::Proportional, 20, 2);
        // Named with what it had: what was traded came back behind, and is forgotten.
        queue.shows(QueueModel::Proportional, 17, 3);
        assert_eq!(queue.parts(), lots(17) - lots(3) * 17 / 20 - 1);
    }

    #[test]
    fn older_depth_messages_do_not_move_the_queue() {
        let mut queue = QueuePosition::at_end(QtyLots(20), 0, 100);
        queue.shows(QueueModel::Proportional, 1, 99);
        assert_eq!(queue.ahead(), 20);
        queue.shows(QueueModel::Proportional, 10, 100);
        assert_eq!(queue.ahead(), 10);
    }

    #[test]
    fn an_own_order_ahead_bounds_the_position() {
        assert_eq!(QueuePosition::at_end(QtyLots(3), 9, 0).ahead(), 9);
        assert_eq!(QueuePosition::at_end(QtyLots(9), 3, 0).ahead(), 9);
    }

    #[test]
    fn a_resync_clamps_to_the_snapshot() {
        let mut queue = position(20);
        queue.on_resync(QtyLots(4));
        assert_eq!(queue.ahead(), 4);
    }
}
