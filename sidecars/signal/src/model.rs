//! One loaded model: its bytes verified, its shapes checked, its golden vectors reproduced, warm.
//!
//! Must never: parse other bytes than those it hashed, read data outside the model's folder, or
//! serve a model that does not reproduce its golden vectors. One thread at a time, any thread;
//! allocates while loading.

use crate::backend::{Backend, ModelFile, Network};
use crate::error::ModelError;
use crate::manifest::Manifest;
use crate::store::{Address, Bundle};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wire::signal::InputWindow;

pub use crate::backend::Probabilities;

/// Largest model file, bytes.
pub const MODEL_BYTES_MAX: u64 = 256 << 20;
/// Largest manifest, bytes.
pub const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// Largest batch the server and the scorer hand to a network at once.
pub const BATCH_MAX: usize = 64;
const WARM_UP_RUNS: usize = 20;

/// A model that is ready to run. Several may be loaded at a time, each on any thread.
#[derive(Debug)]
pub struct Model {
    network: Box<dyn Network>,
    manifest: Manifest,
    path: PathBuf,
    address: Address,
    hash: [u8; 32],
    golden_difference: f32,
}

impl Model {
    /// Loads `dir/manifest.json` and the file it names on `backend`, verifies and warms up.
    ///
    /// # Errors
    /// [`ModelError`], one for each thing that can be wrong; none leaves a model behind.
    pub fn load(dir: &Path, backend: &dyn Backend) -> Result<Self, ModelError> {
        Self::of(Bundle::open(dir, None)?, backend)
    }

    /// The same of files that were read and hashed already.
    ///
    /// # Errors
    /// As [`Model::load`], from the parsing on.
    pub fn of(bundle: Bundle, backend: &dyn Backend) -> Result<Self, ModelError> {
        let mut bundle = match backend.file_name() {
            Some(name) => bundle.choosing(name)?,
            None => bundle,
        };
        let bytes = bundle.take_model();
        let Bundle { manifest, path, address, hash, .. } = bundle;
        let file = ModelFile { path: &path, bytes: &bytes, manifest: &manifest };
        let network = backend.load(&file)?;
        let mut model = Self { network, manifest, path, address, hash, golden_difference: 0.0 };
        model.verify()?;
        model.warm_up()?;
        // Once more: a device records its work while warming up and only replays it from then on.
        model.golden_difference = model.verify()?;
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
        let backend = self.network.backend();
        for batch in windows.chunks(self.network.batch_max().clamp(1, BATCH_MAX)) {
            self.network.run(batch, out).map_err(|source| ModelError::Run {
                backend,
                batch: batch.len(),
                source,
            })?;
        }
        if out.len() != windows.len() {
            return Err(ModelError::Output { found: out.len(), wanted: windows.len() });
        }
        Ok(())
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
                        backend: self.network.backend(),
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
        if self.batches() {
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

    /// Name of the back end that computes it: `tract`.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.network.backend()
    }

    /// Back end and provider, as the handshake carries it: `tract/cpu`.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.network.provider()
    }

    /// Largest difference from the golden vectors, alone and in a batch.
    #[must_use]
    pub fn golden_difference(&self) -> f32 {
        self.golden_difference
    }

    /// Whether one run takes a whole batch, or a batch is a loop of single windows.
    #[must_use]
    pub fn batches(&self) -> bool {
        self.network.batch_max() > 1
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
