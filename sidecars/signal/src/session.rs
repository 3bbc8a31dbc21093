//! A network in an `ort` session: on the pure-Rust runtime, or on ONNX Runtime.
//!
//! Must never: see a file before [`Onnx`] has, let a runtime start threads beyond its caller's, or
//! compute anything elsewhere than on the provider it names. Allocates while loading, and one input
//! tensor per batch size the first time it is used.

mod raw;

use crate::backend::{BackendError, ModelFile, Network, Probabilities};
use crate::bound::BoundNetwork;
use crate::error::ModelError;
use crate::manifest::{CLASSES, Manifest};
use crate::model::BATCH_MAX;
use crate::onnx::Onnx;
use ort::environment::Environment;
use ort::ep::{self, ExecutionProviderDispatch};
use ort::memory::Allocator;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{Outlet, Tensor, TensorElementType};
use std::fmt::Write as _;
use std::path::Path;
use wire::signal::{FEATURES, InputWindow, WINDOW};

/// Where a session computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Provider {
    Tract,
    Cpu,
    Cuda,
    TensorRt,
}

impl Provider {
    /// The back end's name, as `--backend` spells it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tract => "tract",
            Self::Cpu => "onnxruntime",
            Self::Cuda => "onnxruntime-cuda",
            Self::TensorRt => "onnxruntime-tensorrt",
        }
    }

    /// As the handshake carries it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Tract => "tract/cpu",
            Self::Cpu => "onnxruntime/cpu",
            Self::Cuda => "onnxruntime/cuda",
            Self::TensorRt => "onnxruntime/tensorrt",
        }
    }

    pub(crate) const fn is_gpu(self) -> bool {
        matches!(self, Self::Cuda | Self::TensorRt)
    }

    /// What is registered, first choice first, each an error where it fails. TensorRT leaves what
    /// it does not know to CUDA. A CUDA graph holds the launches of a whole run; reduced
    /// precision is off because the golden vectors are of full f32.
    fn registered(self, engine_cache: Option<&Path>) -> Vec<ExecutionProviderDispatch> {
        let cuda = ep::CUDA::default().with_tf32(false);
        match self {
            Self::Tract | Self::Cpu => Vec::new(),
            Self::Cuda => vec![cuda.with_cuda_graph(true).build().error_on_failure()],
            Self::TensorRt => {
                let mut tensorrt = ep::TensorRT::default().with_cuda_graph(true);
                if let Some(folder) = engine_cache {
                    let folder = folder.display().to_string();
                    tensorrt = tensorrt
                        .with_engine_cache(true)
                        .with_engine_cache_path(&folder)
                        .with_timing_cache(true)
                        .with_timing_cache_path(folder);
                }
                vec![tensorrt.build().error_on_failure(), cuda.build().error_on_failure()]
            }
        }
    }
}

/// A network on `provider`, or an error; never one on another provider.
pub(crate) fn load(
    environment: &Environment,
    provider: Provider,
    engine_cache: Option<&Path>,
    onnx: Onnx,
    file: &ModelFile<'_>,
) -> Result<Box<dyn Network>, ModelError> {
    let ModelFile { path, bytes, manifest } = *file;
    let failed = |source: BackendError| ModelError::Load {
        path: path.to_path_buf(),
        backend: provider.name(),
        source,
    };
    // tract pays for a free batch at every run: of one window it takes 2.3 times as long, and only
    // from about 8 windows on is a whole batch cheaper (examples/batch_cost.rs). One window a run
    // is also the same number in any batch. A CUDA graph and a TensorRT engine are of one shape.
    let one = (provider != Provider::Cpu).then(|| onnx.of_one_window());
    let mut builder = plain(environment, provider).map_err(|e| failed(e.into()))?;
    if provider.is_gpu() {
        let unusable = |e: ort::Error<SessionBuilder>| ModelError::Provider {
            backend: provider.name(),
            source: e.to_string().into(),
        };
        builder = builder
            .with_execution_providers(provider.registered(engine_cache))
            .and_then(SessionBuilder::with_disable_cpu_fallback)
            .map_err(unusable)?;
    }
    let session = builder.commit_from_memory(one.as_deref().unwrap_or(bytes));
    let session = session.map_err(|e| {
        if provider.is_gpu() {
            ModelError::Provider { backend: provider.name(), source: e.into() }
        } else {
            failed(e.into())
        }
    })?;
    let single = check_shapes(path, &session, manifest)?;
    if provider.is_gpu() {
        let network = BoundNetwork::bind(session, provider, true, manifest);
        return Ok(Box::new(network.map_err(|e| failed(e.into()))?));
    }
    let batch_max = if single { 1 } else { BATCH_MAX };
    Ok(Box::new(OrtNetwork {
        session,
        provider,
        input: manifest.input.name.clone(),
        output: manifest.output.name.clone(),
        batch_max,
        inputs: (0..batch_max).map(|_| None).collect(),
    }))
}

/// A session with the tensors it reads from.
#[derive(Debug)]
struct OrtNetwork {
    session: Session,
    provider: Provider,
    input: String,
    output: String,
    batch_max: usize,
    /// Input tensors of batch size 1, 2, ...
    inputs: Vec<Option<Tensor<f32>>>,
}

impl Network for OrtNetwork {
    fn backend(&self) -> &'static str {
        self.provider.name()
    }

    fn provider(&self) -> &'static str {
        self.provider.text()
    }

    fn batch_max(&self) -> usize {
        self.batch_max
    }

    fn run(
        &mut self,
        batch: &[InputWindow],
        out: &mut Vec<Probabilities>,
    ) -> Result<(), BackendError> {
        let Some(place) = self.inputs.get_mut(batch.len().wrapping_sub(1)) else {
            return Err(format!("a batch of {} windows", batch.len()).into());
        };
        let input = match place {
            Some(tensor) => tensor,
            None => place.insert(tensor(batch.len())?),
        };
        let (_, cells) = input.extract_tensor_mut();
        for (row, window) in cells.chunks_exact_mut(WINDOW * FEATURES).zip(batch) {
            write_window(row, window);
        }
        let wanted = batch.len() * CLASSES;
        raw::run(&mut self.session, (&self.input, input), &self.output, wanted, |numbers| {
            let rows = numbers.chunks_exact(CLASSES);
            out.extend(rows.filter_map(|row| Probabilities::try_from(row).ok()));
        })
    }
}

fn plain(environment: &Environment, provider: Provider) -> Result<SessionBuilder, ort::Error> {
    let builder =
        Session::builder(environment)?.with_optimization_level(GraphOptimizationLevel::All)?;
    if provider == Provider::Tract {
        return Ok(builder);
    }
    // One thread that does not spin: the box's other cores belong to others.
    Ok(builder.with_intra_threads(1)?.with_inter_threads(1)?.with_intra_op_spinning(false)?)
}

fn tensor(batch: usize) -> Result<Tensor<f32>, ort::Error> {
    Tensor::<f32>::new(&Allocator::default(), [batch, WINDOW, FEATURES])
}

#[expect(clippy::cast_precision_loss, reason = "the model was trained on the same cast")]
pub(crate) fn write_window(row: &mut [f32], window: &InputWindow) {
    for (cell, value) in row.iter_mut().zip(window) {
        *cell = *value as f32;
    }
}

/// Checks names, types and shapes; says whether the model takes only one window a run.
fn check_shapes(path: &Path, session: &Session, manifest: &Manifest) -> Result<bool, ModelError> {
    let shape = |which, found: String, wanted: &str| ModelError::Shape {
        path: path.to_path_buf(),
        which,
        found,
        wanted: wanted.into(),
    };
    let wanted = format!("{}:f32[N,{WINDOW},{FEATURES}]", manifest.input.name);
    let inputs = describe(session.inputs());
    let [input] = session.inputs() else {
        return Err(shape("inputs", inputs, &wanted));
    };
    let batch = batch_of(input, &manifest.input.name, &[WINDOW, FEATURES]);
    let Some(batch) = batch.filter(|b| matches!(b, -1 | 1)) else {
        return Err(shape("inputs", inputs, &wanted));
    };
    let wanted = format!("{}:f32[N,{CLASSES}]", manifest.output.name);
    let mut outputs = session.outputs().iter();
    if !outputs.any(|o| batch_of(o, &manifest.output.name, &[CLASSES]) == Some(batch)) {
        return Err(shape("outputs", describe(session.outputs()), &wanted));
    }
    Ok(batch == 1)
}

/// The batch dimension (-1 where it is free) of an outlet of this name and shape.
fn batch_of(outlet: &Outlet, name: &str, rest: &[usize]) -> Option<i64> {
    if outlet.name() != name || outlet.dtype().tensor_type() != Some(TensorElementType::Float32) {
        return None;
    }
    let (batch, found) = outlet.dtype().tensor_shape()?.split_first()?;
    let same = found.len() == rest.len()
        && found.iter().zip(rest).all(|(f, r)| usize::try_from(*f) == Ok(*r));
    same.then_some(*batch)
}

fn describe(outlets: &[Outlet]) -> String {
    let mut text = String::new();
    for (n, outlet) in outlets.iter().enumerate() {
        let dims = match outlet.dtype().tensor_shape() {
            Some(shape) => format!("{:?}", &shape[..]).replace(' ', "").replace("-1", "N"),
            None => "(no tensor)".into(),
        };
        let comma = if n == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{comma}{}:{dims}", outlet.name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Backend as _;
    use crate::fused::Fused;
    use crate::runtime::{self, BackendChoice, RuntimeOptions};

    /// What a device does, without one: every step of a bound run but where its tensors lie.
    #[test]
    fn bound_tensors_carry_each_window_in_and_its_answer_out() {
        let options = RuntimeOptions::from_environment(BackendChoice::OnnxRuntime);
        if options.dylib.is_none() {
            eprintln!(
                "SKIPPED bound_tensors_carry_each_window_in_and_its_answer_out: ORT_DYLIB_PATH \
                 names no library"
            );
            return;
        }
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/bin_ctabl");
        let bytes = std::fs::read(dir.join("model.onnx")).unwrap();
        let manifest = std::fs::read(dir.join("manifest.json")).unwrap();
        let manifest = Manifest::parse(&dir, &manifest).unwrap();
        let file = ModelFile { path: &dir, bytes: &bytes, manifest: &manifest };
        let environment = runtime::start(&options).unwrap().environment().unwrap();
        let one = Onnx::admit(&file, "onnxruntime").unwrap().of_one_window();
        let session = plain(environment, Provider::Cpu).unwrap().commit_from_memory(&one).unwrap();
        let mut bound = BoundNetwork::bind(session, Provider::Cpu, false, &manifest).unwrap();
        let mut fused = Fused.load(&file).unwrap();
        let (mut found, mut wanted) = (Vec::new(), Vec::new());
        for window in manifest.golden.windows() {
            bound.run(&[window], &mut found).unwrap();
            fused.run(&[window], &mut wanted).unwrap();
        }
        let apart = (found[0][0] - found[1][0]).abs();
        assert!(apart > 1e-3, "they are different windows: {found:?}");
        for (found, wanted) in found.iter().zip(&wanted) {
            for (f, w) in found.iter().zip(wanted) {
                assert!((f - w).abs() <= 1e-5, "{found:?} {wanted:?}");
            }
        }
    }
}
