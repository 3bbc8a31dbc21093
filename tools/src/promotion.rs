//! The promotion rule: whether a candidate model takes the incumbent's place.
//!
//! It does if it is at least as good by every metric and better by the main one with 95 % confidence.
//! Scores come in pairs, one a window of held-out time, in the order of time. What labels overlap
//! makes neighbouring windows alike, so confidence comes from a moving-block bootstrap with blocks of
//! at least ten label horizons (Kuensch, 1989), studentised by the blocks' own spread (Goetze and
//! Kuensch, 1996). Must never: promote on scores it cannot read, on too few blocks, or on a tie; use
//! randomness other than its seed's. Pure, the same bits on every machine; allocates.

use crate::random::Random;
use serde::Serialize;
use std::fmt;

/// Label horizons a block spans at least.
pub const HORIZONS_PER_BLOCK: u64 = 10;
/// Blocks the held-out time must hold: with fewer their spread says little.
pub const BLOCKS_MIN: usize = 20;
/// Draws of the bootstrap.
pub const DRAWS: usize = 2_000;
/// Confidence of the interval, percent; its lower end must lie above nothing gained.
pub const CONFIDENCE_PERCENT: usize = 95;

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Profit, an F1 score.
    Higher,
    /// A loss, a calibration error, a latency.
    Lower,
}

/// One metric in every window.
#[derive(Clone, Debug)]
pub struct Metric<'s> {
    /// Its name.
    pub name: &'s str,
    /// Which way it is better.
    pub better: Better,
    /// The candidate's scores, in the order of time.
    pub candidate: &'s [f64],
    /// The incumbent's in the same windows.
    pub incumbent: &'s [f64],
}

/// How windows and labels lie in time, and the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// Length of a window, nanoseconds.
    pub window_ns: u64,
    /// How far ahead a label looks, nanoseconds.
    pub horizon_ns: u64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Trial {
    /// Windows in a block: ten label horizons or more, and one at least.
    fn block(&self) -> Option<usize> {
        let span = self.horizon_ns.checked_mul(HORIZONS_PER_BLOCK)?;
        let windows = span.checked_add(self.window_ns.checked_sub(1)?)? / self.window_ns;
        usize::try_from(windows.max(1)).ok()
    }
}

/// What a metric showed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// Its name.
    pub metric: String,
    /// Mean gain of the candidate over the incumbent; above 0 is better, whichever way the metric is.
    pub mean: f64,
    /// Lower end of the confidence interval of the mean gain.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Why a candidate is refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Worse by this metric on average.
    Worse(String),
    /// Not better by the main metric with the confidence that is asked for.
    NotSurelyBetter(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worse(metric) => write!(f, "worse by {metric}"),
            Self::NotSurelyBetter(metric) => {
                write!(f, "not better by {metric} with {CONFIDENCE_PERCENT} % confidence")
            }
        }
    }
}

/// The verdict with all that led to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Every reason against it; none where the candidate is promoted.
    pub refusals: Vec<Refusal>,
    /// Each metric, the main one first.
    pub gains: Vec<Gain>,
    /// Windows of held-out time.
    pub windows: usize,
    /// Windows in a block.
    pub block: usize,
    /// The trial.
    pub trial: Trial,
}

impl Verdict {
    /// Whether the candidate takes the incumbent's place.
    #[must_use]
    pub fn promotes(&self) -> bool {
        self.refusals.is_empty()
    }
}

/// Why no verdict can be given; the incumbent stays.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoVerdict {
    /// Without a window's length there are no blocks.
    #[error("a window or a block has no length: window_ns={window_ns} horizon_ns={horizon_ns}")]
    NoBlock {
        /// Length of a window.
        window_ns: u64,
        /// Horizon of a label.
        horizon_ns: u64,
    },
    /// The two models were not scored in the same windows.
    #[error("scores are not paired: metric={metric} candidate={candidate} incumbent={incumbent}")]
    NotPaired {
        /// The metric.
        metric: String,
        /// Windows of the candidate.
        candidate: usize,
        /// Windows of the incumbent.
        incumbent: usize,
    },
    /// A score is no number.
    #[error("a score is not finite: metric={metric} window={window}")]
    NotFinite {
        /// The metric.
        metric: String,
        /// Index of the window.
        window: usize,
    },
    /// Held-out time is too short.
    #[error("held-out time is too short: windows={windows} wanted={wanted}")]
    TooShort {
        /// Windows there are.
        windows: usize,
        /// Windows there must be.
        wanted: usize,
    },
}

/// Judges a candidate by its main metric and the others.
///
/// # Errors
/// [`NoVerdict`] where the scores allow none: then nothing is promoted.
pub fn judge(trial: Trial, main: &Metric<'_>, others: &[Metric<'_>]) -> Result<Verdict, NoVerdict> {
    let Trial { window_ns, horizon_ns, seed } = trial;
    let block = trial.block().ok_or(NoVerdict::NoBlock { window_ns, horizon_ns })?;
    let wanted = block.saturating_mul(BLOCKS_MIN);
    let windows = main.candidate.len();
    let mut gains = Vec::new();
    for metric in std::iter::once(main).chain(others) {
        let gained = paired(metric, windows)?;
        if windows < wanted {
            return Err(NoVerdict::TooShort { windows, wanted });
        }
        gains.push(interval(metric.name, &gained, block, seed));
    }
    let worse = gains.iter().filter(|gain| gain.mean < 0.0);
    let mut refusals: Vec<_> = worse.map(|gain| Refusal::Worse(gain.metric.clone())).collect();
    if !gains.first().is_some_and(|gain| gain.low > 0.0) {
        refusals.push(Refusal::NotSurelyBetter(main.name.to_owned()));
    }
    Ok(Verdict { refusals, gains, windows, block, trial })
}

/// What the candidate gained in each window.
fn paired(metric: &Metric<'_>, windows: usize) -> Result<Vec<f64>, NoVerdict> {
    let (candidate, incumbent) = (metric.candidate.len(), metric.incumbent.len());
    let name = || metric.name.to_owned();
    if candidate != windows || incumbent != windows {
        return Err(NoVerdict::NotPaired { metric: name(), candidate, incumbent });
    }
    let pairs = metric.candidate.iter().zip(metric.incumbent);
    let gained: Vec<f64> = pairs
        .map(|(candidate, incumbent)| match metric.better {
            Better::Higher => candidate - incumbent,
            Better::Lower => incumbent - candidate,
        })
        .collect();
    match gained.iter().position(|gain| !gain.is_finite()) {
        Some(window) => Err(NoVerdict::NotFinite { metric: name(), window }),
        None => Ok(gained),
    }
}

/// The mean gain and its interval.
fn interval(name: &str, gained: &[f64], block: usize, seed: u64) -> Gain {
    let means: Vec<f64> = gained.windows(block).map(mean).collect();
    let blocks = gained.len() / block;
    let centre = mean(&means);
    let error = (spread(&means, centre) / count(blocks)).sqrt();
    let mut random = Random(seed);
    let mut drawn = vec![0.0; blocks];
    let mut ratios: Vec<f64> = (0..DRAWS)
        .map(|_| {
            for place in &mut drawn {
                *place = means.get(random.below(means.len())).copied().unwrap_or(centre);
            }
            let middle = mean(&drawn);
            let away = middle - centre;
            let error = (spread(&drawn, middle) / count(blocks)).sqrt();
            if error > 0.0 {
                away / error
            } else if away == 0.0 {
                0.0
            } else {
                // A draw of equal blocks: as far out as can be.
                f64::INFINITY.copysign(away)
            }
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let tail = DRAWS * (100 - CONFIDENCE_PERCENT) / 200;
    let ratio = |place: usize| ratios.get(place).copied().unwrap_or(0.0);
    let gain = mean(gained);
    // Without any spread every draw is the mean itself.
    let bound = |ratio: f64| if error > 0.0 { gain - ratio * error } else { gain };
    Gain {
        metric: name.to_owned(),
        mean: gain,
        low: bound(ratio(DRAWS - 1 - tail)),
        high: bound(ratio(tail)),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len())
}

/// Variance round `middle`, as of a sample.
fn spread(values: &[f64], middle: f64) -> f64 {
    let squares: f64 = values.iter().map(|value| (value - middle) * (value - middle)).sum();
    squares / count(values.len().saturating_sub(1).max(1))
}

/// A count as a float, exact up to 2^32; at least 1.
fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n.max(1)).unwrap_or(u32::MAX))
}
