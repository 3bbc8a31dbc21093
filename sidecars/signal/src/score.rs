//! From three probabilities to the fixed-point score that crosses the socket.
//!
//! Must never: let a number through that is not finite or no probability; such an answer abstains.

use wire::signal::{SCORE_LIMIT_E6, SignalStatus};

/// Probabilities must add up to one within this.
pub(crate) const SUM_TOLERANCE: f64 = 1e-3;

/// One answer of the model: what [`wire::signal::SignalResponse`] carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// [`SignalStatus::Ok`], or [`SignalStatus::Abstain`] with zeroes.
    pub status: SignalStatus,
    /// Up minus down, millionths.
    pub score_e6: i32,
    /// Probability of a rise, millionths.
    pub p_up_e6: u32,
    /// Probability of a fall, millionths.
    pub p_down_e6: u32,
}

impl Score {
    /// No usable number.
    pub const ABSTAIN: Self =
        Self { status: SignalStatus::Abstain, score_e6: 0, p_up_e6: 0, p_down_e6: 0 };

    /// Reads the model's output `[down, flat, up]`. Numbers that are not finite, lie outside 0 to
    /// 1 or do not add up to one within [`SUM_TOLERANCE`] abstain.
    #[must_use]
    pub fn from_probabilities(probabilities: [f32; 3]) -> Self {
        let [down, flat, up] = probabilities.map(f64::from);
        let is_probability = |p: f64| (-SUM_TOLERANCE..=1.0 + SUM_TOLERANCE).contains(&p);
        let sum = down + flat + up;
        // NaN and infinities are in no range.
        if ![down, flat, up].into_iter().all(is_probability)
            || !(1.0 - SUM_TOLERANCE..=1.0 + SUM_TOLERANCE).contains(&sum)
        {
            return Self::ABSTAIN;
        }
        let unsigned = |p: f64| u32::try_from(millionths(p).max(0)).unwrap_or(0);
        Self {
            status: SignalStatus::Ok,
            score_e6: millionths(up - down),
            p_up_e6: unsigned(up),
            p_down_e6: unsigned(down),
        }
    }
}

/// Rounds half away from zero, and clamps to plus and minus one million.
#[expect(clippy::cast_possible_truncation, reason = "clamped to plus and minus 1000000 before")]
fn millionths(value: f64) -> i32 {
    let limit = f64::from(SCORE_LIMIT_E6);
    (value * 1e6).round().clamp(-limit, limit) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_up_minus_down() {
        let score = Score::from_probabilities([0.25, 0.25, 0.5]);
        assert_eq!(score.status, SignalStatus::Ok);
        assert_eq!((score.score_e6, score.p_up_e6, score.p_down_e6), (250_000, 500_000, 250_000));
        let score = Score::from_probabilities([1.0, 0.0, 0.0]);
        assert_eq!((score.score_e6, score.p_up_e6, score.p_down_e6), (-1_000_000, 0, 1_000_000));
    }

    #[test]
    fn what_is_no_probability_abstains() {
        for bad in [
            [f32::NAN, 0.5, 0.5],
            [0.5, f32::INFINITY, 0.5],
            [0.5, 0.5, f32::NEG_INFINITY],
            [-0.5, 0.5, 1.0],
            [2.0, -0.5, -0.5],
            [0.3, 0.3, 0.3],
            [0.5, 0.5, 0.5],
            [0.0, 0.0, 0.0],
        ] {
            assert_eq!(Score::from_probabilities(bad), Score::ABSTAIN, "{bad:?}");
        }
    }

    #[test]
    fn the_sum_may_be_off_by_the_tolerance_and_no_more() {
        let at = Score::from_probabilities([0.0, 0.0, 1.0009]);
        assert_eq!((at.status, at.score_e6, at.p_up_e6), (SignalStatus::Ok, 1_000_000, 1_000_000));
        assert_eq!(Score::from_probabilities([0.0, 0.0, 1.0011]), Score::ABSTAIN);
        let below = Score::from_probabilities([-0.0005, 0.5, 0.5]);
        assert_eq!((below.status, below.p_down_e6), (SignalStatus::Ok, 0));
    }
}
