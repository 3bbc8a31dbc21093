//! One loaded model: its bytes verified, its shapes checked, its golden vectors reproduced, warm.
//!
//! Must never: parse other bytes than those it hashed, read data outside the model's folder, or
//! serve a model that does not reproduce its golden vectors. One thread; allocates while loading,
//! and one input tensor per batch size the first time it is used.

use crate::error::ModelError;
use crate::manifest::{CLASSES, Manifest};
use crate::onnx::Onnx;
use crate::runtime::Runtime;
use crate::store::{Address, Bundle};
use ort::memory::Allocator;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionOutputs};
use ort::value::{Outlet, Tensor, TensorElementType};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wire::signal::{FEATURES, InputWindow, WINDOW};

/// Largest model file, bytes.
pub const MODEL_BYTES_MAX: u64 = 256 << 20;
/// Largest manifest, bytes.
pub const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// Largest batch the server and the scorer hand to the runtime at once.
pub const BATCH_MAX: usize = 64;
const WARM_UP_RUNS: usize = 20;

/// Probabilities of down, flat, up.
pub type Probabilities = [f32; CLASSES];

/// A model that is ready to run.
#[derive(Debug)]
pub struct Model {
    session: Session,
    runtime: &'static Runtime,
    manifest: Manifest,
    path: PathBuf,
    address: Address,
    hash: [u8; 32],
    /// The model takes one window a run; a batch is a loop.
    single: bool,
    /// Input tensors of batch size 1, 2, ...
    inputs: Vec<Option<Tensor<f32>>>,
    golden_difference: f32,
}

impl Model {
    /// Loads `dir/manifest.json` and the file it names, verifies and warms up.
    ///
    /// # Errors
    /// [`ModelError`], one for each thing that can be wrong; none leaves a model behind.
    pub fn load(dir: &Path, runtime: &'static Runtime) -> Result<Self, ModelError> {
        Self::of(Bundle::open(dir, None)?, runtime)
    }

    /// Makes a model of files that were read and hashed, verifies and warms up.
    ///
    /// # Errors
    /// [`ModelError`], one for each thing that can be wrong; none leaves a model behind.
    pub fn of(mut bundle: Bundle, runtime: &'static Runtime) -> Result<Self, ModelError> {
        let bytes = bundle.take_model();
        let Bundle { manifest, path, address, hash, .. } = bundle;
        let load = |source: Box<dyn std::error::Error + Send + Sync>| ModelError::Load {
            path: path.clone(),
            backend: runtime.backend(),
            source,
        };
        let onnx = Onnx::parse(&bytes).map_err(|e| load(e.into()))?;
        if let Some(found) = onnx.forbidden(manifest.allowed_operators()) {
            return Err(ModelError::Forbidden { path, found });
        }
        // tract pays for a free batch at every run: of one window it takes 2.3 times as long, and
        // only from about 8 windows on is a whole batch cheaper (examples/batch_cost.rs). One
        // window a run is also the same number in any batch.
        let bytes = if runtime.backend() == "tract" { onnx.of_one_window() } else { bytes };
        let session = builder(runtime)
            .and_then(|mut builder| builder.commit_from_memory(&bytes))
            .map_err(|e| load(e.into()))?;
        let single = check_shapes(&path, &session, &manifest)?;
        let inputs = (0..BATCH_MAX).map(|_| None).collect();
        let mut model = Self {
            session,
            runtime,
            manifest,
            path,
            address,
            hash,
            single,
            inputs,
            golden_difference: 0.0,
        };
        model.golden_difference = model.verify()?;
        model.warm_up()?;
        Ok(model)
    }

    /// Runs the model over `windows` and fills `out` with as many probabilities, in order.
    ///
    /// # Errors
    /// [`ModelError::Run`] or [`ModelError::Output`]; `out` is then of no use.
    pub fn run(
        &mut self,
        windows: &[InputWindow],
        out: &mut Vec<Probabilities>,
    ) -> Result<(), ModelError> {
        out.clear();
        let largest = if self.single { 1 } else { BATCH_MAX };
        for batch in windows.chunks(largest) {
            self.run_batch(batch, out)?;
        }
        Ok(())
    }

    fn run_batch(
        &mut self,
        batch: &[InputWindow],
        out: &mut Vec<Probabilities>,
    ) -> Result<(), ModelError> {
        let backend = self.runtime.backend();
        let failed = |source| ModelError::Run { backend, batch: batch.len(), source };
        let wrong = ModelError::Output { found: 0, wanted: batch.len() };
        let Some(place) = self.inputs.get_mut(batch.len().wrapping_sub(1)) else {
            return Err(wrong);
        };
        let input = match place {
            Some(tensor) => tensor,
            None => place.insert(tensor(batch.len()).map_err(failed)?),
        };
        let (_, cells) = input.extract_tensor_mut();
        for (row, window) in cells.chunks_exact_mut(WINDOW * FEATURES).zip(batch) {
            write_window(row, window);
        }
        let name = self.manifest.input.name.as_str();
        let outputs = self.session.run(ort::inputs![name => &*input]).map_err(failed)?;
        collect(&outputs, &self.manifest.output.name, batch.len(), backend, out)
    }

    /// Runs every golden vector, alone and in one batch; returns the largest difference.
    fn verify(&mut self) -> Result<f32, ModelError> {
        let windows = self.manifest.golden.windows();
        let mut alone = Vec::new();
        let mut got = Vec::new();
        for window in &windows {
            self.run(std::slice::from_ref(window), &mut got)?;
            alone.append(&mut got);
        }
        self.run(&windows, &mut got)?;
        Ok(self.compare(&alone)?.max(self.compare(&got)?))
    }

    fn compare(&self, got: &[Probabilities]) -> Result<f32, ModelError> {
        let golden = &self.manifest.golden;
        let mut largest = 0.0_f32;
        for (vector, (found, wanted)) in got.iter().zip(&golden.vectors).enumerate() {
            for (f, w) in found.iter().zip(&wanted.probs) {
                let difference = (f - w).abs();
                if difference.is_nan() || difference > golden.tolerance {
                    return Err(ModelError::Golden {
                        path: self.path.clone(),
                        backend: self.runtime.backend(),
                        vector,
                        found: format!("{found:?}"),
                        wanted: format!("{:?}", wanted.probs),
                        tolerance: golden.tolerance,
                    });
                }
                largest = largest.max(difference);
            }
        }
        Ok(largest)
    }

    fn warm_up(&mut self) -> Result<(), ModelError> {
        let windows = self.manifest.golden.windows();
        let batch: Vec<InputWindow> = windows.iter().cycle().take(BATCH_MAX).copied().collect();
        let mut out = Vec::with_capacity(BATCH_MAX);
        for _ in 0..WARM_UP_RUNS {
            self.run(batch.get(..1).unwrap_or(&[]), &mut out)?;
        }
        if !self.single {
            for size in 1..=BATCH_MAX {
                self.run(batch.get(..size).unwrap_or(&[]), &mut out)?;
            }
        }
        Ok(())
    }

    /// First eight bytes of the file's SHA-256, little-endian: as frames carry it.
    #[must_use]
    pub fn model_hash(&self) -> u64 {
        self.hash.first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
    }

    /// The file's SHA-256, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&self.hash)
    }

    /// SHA-256 of its manifest: its address in a store.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The runtime it runs on.
    #[must_use]
    pub fn runtime(&self) -> &'static Runtime {
        self.runtime
    }

    /// Largest difference from the golden vectors, alone and in a batch.
    #[must_use]
    pub fn golden_difference(&self) -> f32 {
        self.golden_difference
    }

    /// Whether one run takes a whole batch, or a batch is a loop of single windows.
    #[must_use]
    pub fn batches(&self) -> bool {
        !self.single
    }
}

fn builder(runtime: &Runtime) -> Result<SessionBuilder, ort::Error> {
    let builder = Session::builder(runtime.environment())?
        .with_optimization_level(GraphOptimizationLevel::All)?;
    if runtime.backend() == "tract" {
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

fn collect(
    outputs: &SessionOutputs<'_>,
    name: &str,
    batch: usize,
    backend: &'static str,
    out: &mut Vec<Probabilities>,
) -> Result<(), ModelError> {
    let wanted = batch * CLASSES;
    let output = outputs.get(name).ok_or(ModelError::Output { found: 0, wanted })?;
    let (_, numbers) = output.try_extract_tensor::<f32>().map_err(|source| ModelError::Run {
        backend,
        batch,
        source,
    })?;
    if numbers.len() != wanted {
        return Err(ModelError::Output { found: numbers.len(), wanted });
    }
    out.extend(numbers.chunks_exact(CLASSES).filter_map(|row| Probabilities::try_from(row).ok()));
    Ok(())
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
