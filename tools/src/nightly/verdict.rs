//! Stage 5, judge: the rule of [`crate::promotion`] on the scores.
//!
//! Scores that allow no verdict are a refusal with a reason: the incumbent stays. Must never: have a
//! rule of its own. Pure.

use super::config::JudgeKeys;
use super::evaluate::Evaluated;
use super::gather::Gathered;
use super::metrics::{MetricKind, Scored};
use crate::promotion::{Better, Metric, Trial, judge};
use serde::{Deserialize, Serialize};

/// The verdict, and what led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Judged {
    /// `promote`, `refuse`, or `no-verdict`.
    pub(super) word: String,
    /// Every reason against the candidate.
    pub(super) reasons: Vec<String>,
    /// What each metric gained, the main one first.
    pub(super) gains: Vec<Gained>,
    /// Windows of held-out time.
    pub(super) windows: u64,
    /// Windows in a block; 0 where there is no verdict.
    pub(super) block: u64,
    /// How far ahead a label looks, nanoseconds.
    pub(super) horizon_ns: u64,
    /// Length of a window, nanoseconds.
    pub(super) window_ns: u64,
    /// Seed of the bootstrap.
    pub(super) seed: u64,
}

/// One metric of the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Gained {
    /// Its name.
    pub(super) metric: String,
    /// Mean of the candidate.
    pub(super) candidate: f64,
    /// Mean of the incumbent.
    pub(super) incumbent: f64,
    /// Mean gain, above 0 where the candidate is better, and its interval.
    pub(super) gain: f64,
    /// Lower end.
    pub(super) low: f64,
    /// Upper end.
    pub(super) high: f64,
}

pub(super) const PROMOTE: &str = "promote";
pub(super) const REFUSE: &str = "refuse";
pub(super) const NO_VERDICT: &str = "no-verdict";

/// Judges.
pub(super) fn judged(keys: &JudgeKeys, gathered: &Gathered, scores: &Evaluated) -> Judged {
    let horizon_ns = gathered.parent.labels.horizon_ns;
    let trial = Trial { window_ns: keys.window_ns, horizon_ns, seed: keys.seed };
    let mut metrics = scores.metrics.iter().map(metric);
    let none = Metric { name: "(none)", better: Better::Higher, candidate: &[], incumbent: &[] };
    let main = metrics.next().unwrap_or(none);
    let others: Vec<Metric<'_>> = metrics.collect();
    let windows = scores.samples.len() as u64;
    let base = Judged {
        word: NO_VERDICT.to_owned(),
        reasons: Vec::new(),
        gains: Vec::new(),
        windows,
        block: 0,
        horizon_ns,
        window_ns: keys.window_ns,
        seed: keys.seed,
    };
    let verdict = match judge(trial, &main, &others) {
        Ok(verdict) => verdict,
        Err(why) => return Judged { reasons: vec![why.to_string()], ..base },
    };
    let gains = verdict.gains.iter().zip(&scores.metrics).map(|(gain, scored)| Gained {
        metric: gain.metric.clone(),
        candidate: mean(&scored.candidate),
        incumbent: mean(&scored.incumbent),
        gain: gain.mean,
        low: gain.low,
        high: gain.high,
    });
    Judged {
        word: if verdict.promotes() { PROMOTE } else { REFUSE }.to_owned(),
        reasons: verdict.refusals.iter().map(ToString::to_string).collect(),
        gains: gains.collect(),
        block: verdict.block as u64,
        ..base
    }
}

fn metric(scored: &Scored) -> Metric<'_> {
    let better = MetricKind::from_name(&scored.name).map_or(Better::Higher, MetricKind::better);
    Metric {
        name: &scored.name,
        better,
        candidate: &scored.candidate,
        incumbent: &scored.incumbent,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX))
}
