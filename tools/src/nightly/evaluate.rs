//! Stage 4, evaluate: candidate and incumbent on the held-out samples, with the code that serves.
//!
//! What is scored is the ONNX file that would serve, on the back end that is configured. Must never:
//! score one of them on a sample the other did not get. Main thread.

use super::build::{Built, FEATURES};
use super::config::{JudgeKeys, ModelKeys};
use super::gather::Gathered;
use super::held::Rows;
use super::metrics::{MetricKind, Pair, Scored, Trading, by_window};
use super::night::{Night, read};
use super::script::CANDIDATE;
use crate::backtest::model_failure;
use serde::{Deserialize, Serialize};
use signal::model::Model;
use signal::store::Bundle;
use signal::{RuntimeOptions, runtime};
use station::operator::Failure;
use wire::exit::Exit;
use wire::signal::InputWindow;

/// Both models' scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Evaluated {
    /// Back ends that computed candidate and incumbent.
    pub(super) backends: [String; 2],
    /// Samples in each window.
    pub(super) samples: Vec<u64>,
    /// Each metric, the main one first.
    pub(super) metrics: Vec<Scored>,
}

/// Evaluates.
///
/// # Errors
/// `RESOURCE` for a model that does not load or run, or a feature file that is damaged.
pub(super) fn evaluate(
    model: &ModelKeys,
    judge: &JudgeKeys,
    gathered: &Gathered,
    built: &Built,
    night: &Night,
) -> Result<Evaluated, Failure> {
    let (mut samples, mut inputs) = (Vec::new(), Vec::new());
    for source in &built.sources {
        let path = night.path().join(FEATURES).join(&source.file);
        let rows = Rows::parse(&read(&path)?).ok_or_else(|| {
            let fields = format!("path={}", path.display());
            Failure::new(Exit::Resource, "no feature file", fields, "begin anew with --anew")
        })?;
        let (held, windows) = rows.held_out(&gathered.parent.labels, built.cut_ns);
        samples.extend(held);
        inputs.extend(windows);
    }
    let candidate = Bundle::open(&night.path().join(CANDIDATE), None);
    let candidate = candidate.map_err(|error| model_failure(&error))?;
    let incumbent = super::gather::object(model, &gathered.parent.address)?;
    let (ours, our_backend) = probabilities(model, candidate, &inputs)?;
    let (theirs, their_backend) = probabilities(model, incumbent, &inputs)?;
    let kinds: Vec<MetricKind> =
        std::iter::once(judge.main).chain(judge.others.iter().copied()).collect();
    let pair = Pair { candidate: &ours, incumbent: &theirs };
    let (metrics, samples) = by_window(&kinds, &samples, pair, judge.window_ns, trading(judge));
    Ok(Evaluated { backends: [our_backend, their_backend], samples, metrics })
}

#[expect(clippy::cast_precision_loss, reason = "at most a thousand million")]
pub(super) fn trading(judge: &JudgeKeys) -> Trading {
    Trading {
        entry_score: judge.entry_score_e6 as f64 / 1e6,
        cost_bps: judge.cost_bps_e6 as f64 / 1e6,
    }
}

/// A model's answers, and what computed them.
fn probabilities(
    keys: &ModelKeys,
    bundle: Bundle,
    inputs: &[InputWindow],
) -> Result<(Vec<[f32; 3]>, String), Failure> {
    let failed = |error: signal::ModelError| model_failure(&error);
    let live = runtime::start(&RuntimeOptions::from_environment(keys.backend)).map_err(failed)?;
    let mut model = Model::of(bundle, live).map_err(failed)?;
    let mut out = Vec::with_capacity(inputs.len());
    model.run(inputs, &mut out).map_err(failed)?;
    Ok((out, model.provider().to_owned()))
}
