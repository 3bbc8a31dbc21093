//! The default model without a runtime: BiN-CTABL as one fixed-shape kernel in safe Rust.
//!
//! Owns the back end `fused`. It reads the weights out of the very file the other back ends load,
//! and only if the file's graph is the one the kernel computes, node for node ([`graph`]); any
//! other graph is refused by name. The numbers are the same bits in every build on every machine
//! ([`kernel`]).
//!
//! Must never: guess at a graph, or serve weights that are no numbers. Allocates while loading, not
//! while running.

mod graph;
mod kernel;

use crate::backend::{Backend, BackendError, ModelFile, Network, Probabilities};
use crate::error::ModelError;
use crate::onnx::Onnx;
use crate::sys;
use kernel::{Scratch, Weights};
use wire::signal::InputWindow;

/// Its name, as `--backend` spells it.
pub const NAME: &str = "fused";
/// Its name with the provider, as the handshake carries it.
pub const PROVIDER: &str = "fused/cpu";

/// The back end. It needs nothing of the machine and has no state of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fused;

impl Fused {
    /// Makes the kernel of a parsed file.
    pub(crate) fn of(onnx: &Onnx, file: &ModelFile<'_>) -> Result<FusedNetwork, ModelError> {
        let weights = graph::weights(onnx, file.manifest)
            .map_err(|found| ModelError::NotFused { path: file.path.to_path_buf(), found })?;
        let weights = Weights::arrange(&weights);
        Ok(FusedNetwork { weights: Box::new(weights), scratch: Box::default() })
    }
}

impl Backend for Fused {
    fn name(&self) -> &'static str {
        NAME
    }

    fn build_info(&self) -> String {
        "fixed-shape kernel for BiN-CTABL, 10 x 40".into()
    }

    fn load(&self, file: &ModelFile<'_>) -> Result<Box<dyn Network>, ModelError> {
        Ok(Box::new(Self::of(&Onnx::admit(file, NAME)?, file)?))
    }
}

/// One model's weights as the kernel reads them, and the memory of one run.
#[derive(Debug)]
pub(crate) struct FusedNetwork {
    weights: Box<Weights>,
    scratch: Box<Scratch>,
}

impl Network for FusedNetwork {
    fn backend(&self) -> &'static str {
        NAME
    }

    fn provider(&self) -> &'static str {
        PROVIDER
    }

    fn batch_max(&self) -> usize {
        1
    }

    fn run(
        &mut self,
        batch: &[InputWindow],
        out: &mut Vec<Probabilities>,
    ) -> Result<(), BackendError> {
        sys::clear_upper_halves();
        out.extend(batch.iter().map(|window| self.weights.run(window, &mut self.scratch)));
        Ok(())
    }
}
