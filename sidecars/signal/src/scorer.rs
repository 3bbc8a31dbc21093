//! The model without the socket: what a backtest uses, and what the server wraps.
//!
//! Must never: differ from the server; both call [`Scorer::score`]. One thread; allocates the
//! answer's vector.

use crate::error::ModelError;
use crate::model::{Model, Probabilities};
use crate::runtime::{self, RuntimeOptions};
use crate::score::Score;
use crate::store::Store;
use std::path::Path;
use wire::signal::InputWindow;

/// A model that turns windows into scores.
#[derive(Debug)]
pub struct Scorer {
    model: Model,
    probabilities: Vec<Probabilities>,
    failures: u64,
}

impl Scorer {
    /// Starts the runtime if none is live, loads, verifies and warms up the model in `dir`.
    ///
    /// # Errors
    /// [`ModelError`] with its operator line and exit code.
    pub fn load(dir: &Path, options: &RuntimeOptions) -> Result<Self, ModelError> {
        Ok(Self::new(Model::load(dir, runtime::start(options)?)?))
    }

    /// The same for the model a name of a store stands for.
    ///
    /// # Errors
    /// [`ModelError`] with its operator line and exit code.
    pub fn load_current(
        store: &Store,
        name: &str,
        options: &RuntimeOptions,
    ) -> Result<Self, ModelError> {
        let bundle = store.object(store.current(name)?)?;
        Ok(Self::new(Model::of(bundle, runtime::start(options)?)?))
    }

    /// Scores with a model that is loaded already, on whatever back end.
    #[must_use]
    pub fn new(model: Model) -> Self {
        Self { model, probabilities: Vec::new(), failures: 0 }
    }

    /// Scores windows, one answer each in the same order. A window the model has no usable number
    /// for abstains; if the runtime fails, all of them do and [`Scorer::failures`] rises.
    ///
    /// On tract a window scores the same in every batch. On ONNX Runtime the last bits of a
    /// probability may depend on the batch it was computed in: a backtest that must repeat hands
    /// over the same batches (or single windows) each time, and names its back end.
    #[must_use]
    pub fn score(&mut self, windows: &[InputWindow]) -> Vec<Score> {
        let ran = self.model.run(windows, &mut self.probabilities);
        if ran.is_err() || self.probabilities.len() != windows.len() {
            self.failures += 1;
            return vec![Score::ABSTAIN; windows.len()];
        }
        self.probabilities.iter().map(|p| Score::from_probabilities(*p)).collect()
    }

    /// Times the runtime failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// First eight bytes of the model file's SHA-256, little-endian.
    #[must_use]
    pub fn model_hash(&self) -> u64 {
        self.model.model_hash()
    }

    /// The model behind it.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }
}
