//! A candidate beside the model that serves: the same live requests, two answers, and whether the
//! difference stays within bounds.
//!
//! Must never: decide by a float. Loader thread; allocates one number a request.

use crate::score::Score;
use serde::Serialize;
use wire::signal::{InputWindow, SignalStatus};

/// What a candidate may differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowBounds {
    /// Largest mean of the absolute difference of two scores, millionths.
    pub drift_mean_e6: u64,
    /// Largest absolute difference of two scores, millionths.
    pub drift_max_e6: u64,
    /// Largest ratio of the median times of an inference, thousandths.
    pub latency_ratio_e3: u64,
    /// Smallest and largest ratio of the ranges the scores cover, thousandths.
    pub range_ratio_e3: (u64, u64),
    /// Requests the candidate may abstain from though the model that serves answers.
    pub abstentions: u64,
}

impl Default for ShadowBounds {
    fn default() -> Self {
        Self {
            drift_mean_e6: 250_000,
            drift_max_e6: 1_500_000,
            latency_ratio_e3: 4_000,
            range_ratio_e3: (100, 10_000),
            abstentions: 0,
        }
    }
}

/// One live request as it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) window: InputWindow,
    pub(crate) score: Score,
    /// Nanoseconds of inference, of a batch its part.
    pub(crate) infer_ns: u64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShadowReport {
    /// Live requests both models answered.
    pub compared: u64,
    /// Requests the candidate alone abstained from.
    pub abstentions: u64,
    /// Mean absolute difference of the scores, millionths.
    pub drift_mean_e6: u64,
    /// Largest absolute difference, millionths.
    pub drift_max_e6: u64,
    /// Median time of an inference of the model that serves, nanoseconds.
    pub live_ns_p50: u64,
    /// Median time of an inference of the candidate, nanoseconds.
    pub candidate_ns_p50: u64,
    /// Lowest and highest score of the model that serves.
    pub live_range_e6: (i32, i32),
    /// Lowest and highest score of the candidate.
    pub candidate_range_e6: (i32, i32),
}

/// Which bound a candidate broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShadowFault {
    /// Scores differ too much.
    Drift,
    /// It is too slow.
    Latency,
    /// Its scores cover too little or too much.
    Range,
    /// It abstains where the other answers.
    Abstains,
}

/// A comparison on its way.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    abstentions: u64,
    drift_sum_e6: u64,
    drift_max_e6: u64,
    live_ns: Vec<u64>,
    candidate_ns: Vec<u64>,
    live_range: Option<(i32, i32)>,
    candidate_range: Option<(i32, i32)>,
}

impl Shadow {
    /// One request both have answered. Counts only where the model that serves had a number.
    pub(crate) fn add(&mut self, live: &Sample, candidate: Score, candidate_ns: u64) {
        if live.score.status != SignalStatus::Ok {
            return;
        }
        self.live_ns.push(live.infer_ns);
        self.candidate_ns.push(candidate_ns);
        if candidate.status != SignalStatus::Ok {
            self.abstentions += 1;
            return;
        }
        let drift = u64::from(live.score.score_e6.abs_diff(candidate.score_e6));
        self.drift_sum_e6 = self.drift_sum_e6.saturating_add(drift);
        self.drift_max_e6 = self.drift_max_e6.max(drift);
        widen(&mut self.live_range, live.score.score_e6);
        widen(&mut self.candidate_range, candidate.score_e6);
    }

    /// Requests that counted.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.live_ns.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn report(mut self) -> ShadowReport {
        let compared = self.count();
        let answered = compared.saturating_sub(self.abstentions);
        ShadowReport {
            compared,
            abstentions: self.abstentions,
            drift_mean_e6: self.drift_sum_e6.checked_div(answered).unwrap_or(0),
            drift_max_e6: self.drift_max_e6,
            live_ns_p50: median(&mut self.live_ns),
            candidate_ns_p50: median(&mut self.candidate_ns),
            live_range_e6: self.live_range.unwrap_or_default(),
            candidate_range_e6: self.candidate_range.unwrap_or_default(),
        }
    }
}

impl ShadowReport {
    /// The first bound that is broken, if one is.
    #[must_use]
    pub fn fault(&self, bounds: &ShadowBounds) -> Option<ShadowFault> {
        if self.abstentions > bounds.abstentions {
            return Some(ShadowFault::Abstains);
        }
        if self.drift_mean_e6 > bounds.drift_mean_e6 || self.drift_max_e6 > bounds.drift_max_e6 {
            return Some(ShadowFault::Drift);
        }
        let over = |part: u64, whole: u64, ratio_e3: u64| {
            u128::from(part) * 1_000 > u128::from(whole) * u128::from(ratio_e3)
        };
        if over(self.candidate_ns_p50, self.live_ns_p50.max(1), bounds.latency_ratio_e3) {
            return Some(ShadowFault::Latency);
        }
        let (live, candidate) = (width(self.live_range_e6), width(self.candidate_range_e6));
        let (low_e3, high_e3) = bounds.range_ratio_e3;
        let too_narrow = u128::from(candidate) * 1_000 < u128::from(live) * u128::from(low_e3);
        // Of one request, or of a market that stands still, no range can be asked for.
        let out = live > 0 && (too_narrow || over(candidate, live, high_e3));
        out.then_some(ShadowFault::Range)
    }
}

fn widen(range: &mut Option<(i32, i32)>, score: i32) {
    let (low, high) = range.unwrap_or((score, score));
    *range = Some((low.min(score), high.max(score)));
}

fn width((low, high): (i32, i32)) -> u64 {
    u64::from(high.abs_diff(low))
}

fn median(numbers: &mut [u64]) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(score_e6: i32) -> Score {
        Score { status: SignalStatus::Ok, score_e6, p_up_e6: 0, p_down_e6: 0 }
    }

    fn sample(score_e6: i32, infer_ns: u64) -> Sample {
        Sample { window: [0; 400], score: score(score_e6), infer_ns }
    }

    fn compared(pairs: &[(i32, i32)]) -> ShadowReport {
        let mut shadow = Shadow::default();
        for (live, candidate) in pairs {
            shadow.add(&sample(*live, 100), score(*candidate), 200);
        }
        shadow.report()
    }

    #[test]
    fn a_report_says_mean_largest_range_and_medians() {
        let report = compared(&[(0, 10), (100, 70), (-50, -50)]);
        assert_eq!((report.compared, report.abstentions), (3, 0));
        assert_eq!((report.drift_mean_e6, report.drift_max_e6), (13, 30));
        assert_eq!((report.live_range_e6, report.candidate_range_e6), ((-50, 100), (-50, 70)));
        assert_eq!((report.live_ns_p50, report.candidate_ns_p50), (100, 200));
    }

    #[test]
    fn a_live_abstention_does_not_count_and_a_candidates_alone_does() {
        let mut shadow = Shadow::default();
        let silent = Sample { score: Score::ABSTAIN, ..sample(0, 1) };
        shadow.add(&silent, Score::ABSTAIN, 1);
        assert_eq!(shadow.count(), 0);
        shadow.add(&sample(5, 1), Score::ABSTAIN, 1);
        let report = shadow.report();
        assert_eq!((report.compared, report.abstentions, report.drift_mean_e6), (1, 1, 0));
        assert_eq!(report.fault(&ShadowBounds::default()), Some(ShadowFault::Abstains));
        let bounds = ShadowBounds { abstentions: 1, ..ShadowBounds::default() };
        assert_eq!(report.fault(&bounds), None);
    }

    #[test]
    fn each_bound_passes_at_its_limit_and_breaks_above() {
        let report = compared(&[(0, 10), (100, 70), (-50, -50)]);
        let wide = ShadowBounds {
            drift_mean_e6: 13,
            drift_max_e6: 30,
            latency_ratio_e3: 2_000,
            range_ratio_e3: (800, 800),
            abstentions: 0,
        };
        assert_eq!(report.fault(&wide), None);
        for (bounds, fault) in [
            (ShadowBounds { drift_mean_e6: 12, ..wide }, ShadowFault::Drift),
            (ShadowBounds { drift_max_e6: 29, ..wide }, ShadowFault::Drift),
            (ShadowBounds { latency_ratio_e3: 1_999, ..wide }, ShadowFault::Latency),
            (ShadowBounds { range_ratio_e3: (801, 900), ..wide }, ShadowFault::Range),
            (ShadowBounds { range_ratio_e3: (0, 799), ..wide }, ShadowFault::Range),
        ] {
            assert_eq!(report.fault(&bounds), Some(fault), "{bounds:?}");
        }
    }

    #[test]
    fn a_constant_candidate_beside_a_live_model_is_out_of_range() {
        let report = compared(&[(0, 10), (100, 10), (-50, 10)]);
        assert_eq!(report.fault(&ShadowBounds::default()), Some(ShadowFault::Range));
        assert_eq!(compared(&[(3, 3), (3, 3)]).fault(&ShadowBounds::default()), None);
    }
}
