//! What two models are compared by: a number a sample, and its mean a window of time.
//!
//! A window is so many nanoseconds of engine time; one without a sample is left out for both models,
//! so what stands next to each other stays in the order of time and a block of N windows spans at
//! least N of them. Must never: score two models on different samples. Pure; allocates.

use super::held::Sample;
use crate::promotion::Better;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Least probability a logarithm is taken of, as in `training/metrics.py`.
const TINY: f64 = 1e-12;

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MetricKind {
    /// Mean negative logarithm of the probability given to what happened.
    LogLoss,
    /// Mean squared distance of the probabilities to what happened.
    Brier,
    /// Share of samples whose likeliest class happened.
    Accuracy,
    /// What following a score of `entry_score` or more would earn within the horizon after the spread
    /// and the configured cost, basis points of mid a sample.
    Pnl,
}

impl MetricKind {
    /// Every metric.
    pub(super) const ALL: [Self; 4] = [Self::LogLoss, Self::Brier, Self::Accuracy, Self::Pnl];

    /// The word in files.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::Accuracy => "accuracy",
            Self::Pnl => "pnl_bps",
        }
    }

    /// The metric behind a word.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Which way it is better.
    pub(super) const fn better(self) -> Better {
        match self {
            Self::LogLoss | Self::Brier => Better::Lower,
            Self::Accuracy | Self::Pnl => Better::Higher,
        }
    }
}

/// When `pnl_bps` trades and what that costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trading {
    /// Least distance of up and down probability.
    pub(super) entry_score: f64,
    /// Basis points of mid a trade costs beside the spread.
    pub(super) cost_bps: f64,
}

/// A model's number for one sample.
fn of(kind: MetricKind, sample: &Sample, probs: [f32; 3], trading: Trading) -> f64 {
    let probs = probs.map(f64::from);
    let truth = probs.get(sample.label).copied().unwrap_or(f64::NAN);
    match kind {
        MetricKind::LogLoss => -libm::log(truth.max(TINY)),
        MetricKind::Brier => {
            let apart = |(class, p): (usize, f64)| {
                let wanted = if class == sample.label { 1.0 } else { 0.0 };
                (p - wanted) * (p - wanted)
            };
            probs.into_iter().enumerate().map(apart).sum()
        }
        MetricKind::Accuracy => {
            // A tie is the first class's, as numpy's argmax has it.
            let best = probs.iter().enumerate().fold(0, |best, (class, p)| {
                if probs.get(best).is_some_and(|top| p > top) { class } else { best }
            });
            if best == sample.label { 1.0 } else { 0.0 }
        }
        MetricKind::Pnl => {
            let score = probs[2] - probs[0];
            if score.abs() < trading.entry_score {
                return 0.0;
            }
            score.signum() * sample.move_bps - sample.spread_bps - trading.cost_bps
        }
    }
}

/// One metric of both models in every window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scored {
    /// Its name.
    pub(super) name: String,
    /// The candidate's, in the order of time.
    pub(super) candidate: Vec<f64>,
    /// The incumbent's in the same windows.
    pub(super) incumbent: Vec<f64>,
}

/// The two models' probabilities for the same samples, in the same order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'p> {
    /// The candidate's.
    pub(super) candidate: &'p [[f32; 3]],
    /// The incumbent's.
    pub(super) incumbent: &'p [[f32; 3]],
}

/// Means a window, of each metric in turn, and the samples in each window.
pub(super) fn by_window(
    kinds: &[MetricKind],
    samples: &[Sample],
    pair: Pair<'_>,
    window_ns: u64,
    trading: Trading,
) -> (Vec<Scored>, Vec<u64>) {
    let mut windows: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (n, sample) in samples.iter().enumerate() {
        windows.entry(sample.ts_ns / window_ns.max(1)).or_default().push(n);
    }
    let mean = |kind, probs: &[[f32; 3]], rows: &Vec<usize>| {
        let each = rows.iter().map(|row| match (samples.get(*row), probs.get(*row)) {
            (Some(sample), Some(probs)) => of(kind, sample, *probs, trading),
            // Not scored: no number, which the rule refuses.
            _ => f64::NAN,
        });
        each.sum::<f64>() / f64::from(u32::try_from(rows.len()).unwrap_or(u32::MAX))
    };
    let scored = kinds.iter().map(|kind| Scored {
        name: kind.name().to_owned(),
        candidate: windows.values().map(|rows| mean(*kind, pair.candidate, rows)).collect(),
        incumbent: windows.values().map(|rows| mean(*kind, pair.incumbent, rows)).collect(),
    });
    let scored = scored.collect();
    (scored, windows.values().map(|rows| rows.len() as u64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRADING: Trading = Trading { entry_score: 0.35, cost_bps: 0.5 };

    fn sample(ts_ns: u64, label: usize) -> Sample {
        Sample { ts_ns, label, move_bps: 2.0, spread_bps: 0.25 }
    }

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-6, "{found} for {wanted}");
    }

    #[test]
    fn each_metric_is_its_formula() {
        let up = sample(0, 2);
        let probs = [0.125, 0.25, 0.625];
        near(of(MetricKind::LogLoss, &up, probs, TRADING), 0.470_003_6);
        near(of(MetricKind::Brier, &up, probs, TRADING), 0.015_625 + 0.0625 + 0.140_625);
        near(of(MetricKind::Accuracy, &up, probs, TRADING), 1.0);
        near(of(MetricKind::Accuracy, &sample(0, 0), probs, TRADING), 0.0);
        near(of(MetricKind::Pnl, &up, probs, TRADING), 2.0 - 0.75);
        near(of(MetricKind::Pnl, &up, [0.625, 0.25, 0.125], TRADING), -2.0 - 0.75);
        near(of(MetricKind::Pnl, &up, [0.3, 0.25, 0.45], TRADING), 0.0);
        assert!(of(MetricKind::LogLoss, &up, [0.5, 0.5, 0.0], TRADING) < 28.0, "no infinity");
        // What is no probability is no number, and no abstention either.
        assert!(of(MetricKind::Pnl, &up, [f32::NAN, 0.5, 0.5], TRADING).is_nan());
    }

    #[test]
    fn windows_are_means_in_the_order_of_time_and_empty_ones_are_left_out() {
        let samples = [sample(35, 2), sample(5, 2), sample(9, 0)];
        let (hit, miss) = ([0.0, 0.0, 1.0], [1.0, 0.0, 0.0]);
        let pair = Pair { candidate: &[miss, hit, hit], incumbent: &[hit, hit, miss] };
        let (scored, counts) = by_window(&[MetricKind::Accuracy], &samples, pair, 10, TRADING);
        assert_eq!(counts, [2, 1]);
        assert_eq!(scored[0].name, "accuracy");
        assert!(scored[0].candidate == [0.5, 0.0] && scored[0].incumbent == [1.0, 1.0]);
    }
}
