//! TorchScript behind the model server's trait: libtorch in a process of its own.
//!
//! Owns the back end `torch`. Everything else of the process - socket, queue, store, swaps, fences -
//! is `corelane-signal`'s library, so that the two programs cannot differ in it. Must never: load
//! other bytes than were hashed, start threads beyond its caller's, keep gradients, or hand on an
//! output of another shape than the manifest's. One runtime per process: this program has no other.

use signal::ModelError;
use signal::backend::{Backend, BackendError, ModelFile, Network, Probabilities};
use signal::manifest::CLASSES;
use signal::model::BATCH_MAX;
use std::path::Path;
use std::sync::Once;
use tch::{CModule, Device, Kind, Tensor};
use wire::signal::{FEATURES, InputWindow, WINDOW};

/// The back end's name.
pub const NAME: &str = "torch";
/// Back end and provider, as the handshake carries it.
pub const PROVIDER: &str = "torch/cpu";
/// The TorchScript file of a model's folder.
pub const FILE: &str = "model.pt";

static THREADS: Once = Once::new();

/// libtorch on the CPU, one thread.
#[derive(Debug)]
pub struct Torch(());

impl Torch {
    /// Sets libtorch to one thread and to the plain executor: no profiling, no fused kernels made
    /// while it serves, which the second fence would refuse. Before a model is loaded.
    ///
    /// # Errors
    /// [`ModelError::Load`] where libtorch refuses.
    pub fn start() -> Result<Self, ModelError> {
        tch::set_num_threads(1);
        // It takes this one once a process.
        THREADS.call_once(|| tch::set_num_interop_threads(1));
        tch::jit::f_set_profiling_mode(false)
            .and_then(|()| tch::jit::f_set_tensor_expr_fuser_enabled(false))
            .map_err(|error| failed(Path::new(""), error))?;
        Ok(Self(()))
    }
}

fn failed(path: &Path, source: impl Into<BackendError>) -> ModelError {
    ModelError::Load { path: path.into(), backend: NAME, source: source.into() }
}

impl Backend for Torch {
    fn name(&self) -> &'static str {
        NAME
    }

    fn build_info(&self) -> String {
        format!("libtorch through tch 0.26, {} thread", tch::get_num_threads())
    }

    fn file_name(&self) -> Option<&'static str> {
        Some(FILE)
    }

    fn load(&self, file: &ModelFile<'_>) -> Result<Box<dyn Network>, ModelError> {
        let ModelFile { path, mut bytes, .. } = *file;
        let mut module = CModule::load_data(&mut bytes).map_err(|error| failed(path, error))?;
        module.f_set_eval().map_err(|error| failed(path, error))?;
        for (name, tensor) in module.named_parameters().map_err(|error| failed(path, error))? {
            let fault = fault_of(&tensor).map_err(|error| failed(path, error))?;
            if let Some(fault) = fault {
                let found = format!("parameter `{name}` {fault}");
                return Err(ModelError::Forbidden { path: path.into(), found });
            }
        }
        let mut script = Script { module, batch_max: 1 };
        let zeroes = [[0; WINDOW * FEATURES]; 2];
        script.check_shape(path, &zeroes[..1])?;
        if script.check_shape(path, &zeroes).is_ok() {
            script.batch_max = BATCH_MAX;
        }
        Ok(Box::new(script))
    }
}

/// What is wrong with a parameter.
fn fault_of(tensor: &Tensor) -> Result<Option<&'static str>, tch::TchError> {
    if tensor.device() != Device::Cpu {
        return Ok(Some("is not on the CPU"));
    }
    let finite = tensor.f_isfinite()?.f_all()?;
    Ok((!bool::try_from(finite)?).then_some("is not finite"))
}

/// A loaded TorchScript module.
#[derive(Debug)]
struct Script {
    module: CModule,
    batch_max: usize,
}

impl Script {
    /// One run over windows, without gradients.
    fn forward(&self, batch: &[InputWindow]) -> Result<Tensor, tch::TchError> {
        #[expect(clippy::cast_precision_loss, reason = "the model was trained on the same cast")]
        let cells: Vec<f32> = batch.iter().flatten().map(|cell| *cell as f32).collect();
        let shape = [batch.len(), WINDOW, FEATURES].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let input = Tensor::f_from_slice(&cells)?.f_view(shape)?;
        tch::no_grad(|| self.module.forward_ts(&[input]))
    }

    /// Runs it and judges what comes out, number type and shape.
    fn check_shape(&self, path: &Path, batch: &[InputWindow]) -> Result<(), ModelError> {
        let output = self.forward(batch).map_err(|error| failed(path, error))?;
        let size = output.size();
        let is_it = output.kind() == Kind::Float && is_shape(&size, batch.len());
        is_it.then_some(()).ok_or_else(|| ModelError::Shape {
            path: path.into(),
            which: "outputs",
            found: format!("{:?}{size:?}", output.kind()).replace(' ', ""),
            wanted: format!("f32[{},{CLASSES}]", batch.len()),
        })
    }
}

fn is_shape(size: &[i64], batch: usize) -> bool {
    size.len() == 2
        && size
            .iter()
            .zip([batch, CLASSES])
            .all(|(found, wanted)| usize::try_from(*found) == Ok(wanted))
}

impl Network for Script {
    fn backend(&self) -> &'static str {
        NAME
    }

    fn provider(&self) -> &'static str {
        PROVIDER
    }

    fn batch_max(&self) -> usize {
        self.batch_max
    }

    fn run(
        &mut self,
        batch: &[InputWindow],
        out: &mut Vec<Probabilities>,
    ) -> Result<(), BackendError> {
        let output = self.forward(batch)?;
        if output.kind() != Kind::Float || !is_shape(&output.size(), batch.len()) {
            return Err(format!("output {:?}{:?}", output.kind(), output.size()).into());
        }
        let mut numbers = vec![0.0_f32; batch.len() * CLASSES];
        let count = numbers.len();
        output.f_contiguous()?.f_copy_data(&mut numbers, count)?;
        let rows = numbers.chunks_exact(CLASSES);
        out.extend(rows.filter_map(|row| Probabilities::try_from(row).ok()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_no_number_is_seen() {
        for (numbers, is_bad) in
            [([0.0, -1.0], false), ([0.0, f32::NAN], true), ([f32::INFINITY, 1.0], true)]
        {
            let fault = fault_of(&Tensor::from_slice(&numbers)).expect("it can be looked at");
            assert_eq!(fault.is_some(), is_bad, "{numbers:?}");
        }
    }
}
