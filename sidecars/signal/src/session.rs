//! A network in an `ort` session: on the pure-Rust runtime, or on ONNX Runtime.
//!
//! Must never: see a file before [`Onnx`] has, or let a runtime start threads beyond its caller's.
//! Allocates while loading, and one input tensor per batch size the first time it is used.

mod raw;

use crate::backend::{BackendError, ModelFile, Network, Probabilities};
use crate::error::ModelError;
use crate::manifest::{CLASSES, Manifest};
use crate::model::BATCH_MAX;
use crate::onnx::Onnx;
use crate::runtime::{Runtime, TRACT};
use ort::memory::Allocator;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{Outlet, Tensor, TensorElementType};
use std::fmt::Write as _;
use std::path::Path;
use wire::signal::{FEATURES, InputWindow, WINDOW};

/// A session with the tensors it reads from.
#[derive(Debug)]
pub(crate) struct OrtNetwork {
    session: Session,
    backend: &'static str,
    provider: &'static str,
    input: String,
    output: String,
    batch_max: usize,
    /// Input tensors of batch size 1, 2, ...
    inputs: Vec<Option<Tensor<f32>>>,
}

impl OrtNetwork {
    pub(crate) fn load(runtime: &Runtime, file: &ModelFile<'_>) -> Result<Self, ModelError> {
        let ModelFile { path, bytes, manifest } = *file;
        let load = |source: BackendError| ModelError::Load {
            path: path.to_path_buf(),
            backend: runtime.backend(),
            source,
        };
        let onnx = Onnx::admit(file, runtime.backend())?;
        // tract pays for a free batch at every run: of one window it takes 2.3 times as long, and
        // only from about 8 windows on is a whole batch cheaper (examples/batch_cost.rs). One
        // window a run is also the same number in any batch.
        let one = (runtime.backend() == TRACT).then(|| onnx.of_one_window());
        let session = builder(runtime)
            .and_then(|mut builder| builder.commit_from_memory(one.as_deref().unwrap_or(bytes)))
            .map_err(|e| load(e.into()))?;
        let single = check_shapes(path, &session, manifest)?;
        let batch_max = if single { 1 } else { BATCH_MAX };
        Ok(Self {
            session,
            backend: runtime.backend(),
            provider: runtime.provider(),
            input: manifest.input.name.clone(),
            output: manifest.output.name.clone(),
            batch_max,
            inputs: (0..batch_max).map(|_| None).collect(),
        })
    }
}

impl Network for OrtNetwork {
    fn backend(&self) -> &'static str {
        self.backend
    }

    fn provider(&self) -> &'static str {
        self.provider
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

fn builder(runtime: &Runtime) -> Result<SessionBuilder, ort::Error> {
    let builder = Session::builder(runtime.environment())?
        .with_optimization_level(GraphOptimizationLevel::All)?;
    if runtime.backend() == TRACT {
        return Ok(builder);
    }
    // One thread that does not spin: the box's other cores belong to others.
    Ok(builder.with_intra_threads(1)?.with_inter_threads(1)?.with_intra_op_spinning(false)?)
}

fn tensor(batch: usize) -> Result<Tensor<f32>, ort::Error> {
    Tensor::<f32>::new(&Allocator::default(), [batch, WINDOW, FEATURES])
}

#[expect(clippy::cast_precision_loss, reason = "the model was trained on the same cast")]
fn write_window(row: &mut [f32], window: &InputWindow) {
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
