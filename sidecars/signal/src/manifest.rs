//! The manifest beside a model: which bytes it is, its shapes, and numbers it must reproduce.
//!
//! `manifest.json` holds at least:
//! ```json
//! {
//!   "format": 1,
//!   "name": "bin_ctabl",
//!   "file": "model.onnx",
//!   "sha256": "hex of the file's bytes",
//!   "input": { "name": "window", "type": "f32", "shape": ["N", 10, 40] },
//!   "output": { "name": "probs", "type": "f32", "shape": ["N", 3] },
//!   "classes": ["down", "flat", "up"],
//!   "sample_interval_ns": 100000000,
//!   "golden": {
//!     "tolerance": 1e-5,
//!     "vectors": [ { "book": ["400"], "input": ["400"], "probs": [0.2, 0.5, 0.3] } ]
//!   }
//! }
//! ```
//! A golden vector's `book` (raw levels, as a request carries them) may be left out; where it is
//! there, this program must make the same `input` of it as the training did.
//! Other keys (training data, scores, versions) are for people and are not read.
//! Must never: name a file outside its own folder. Runs while loading; may allocate.

use crate::error::ModelError;
use serde::Deserialize;
use std::path::{Component, Path};
use wire::signal::{FEATURES, InputWindow, SnapshotLevel, WINDOW, input_window};

/// Numbers of one output row: down, flat, up.
pub const CLASSES: usize = 3;
/// Format this program reads.
pub const FORMAT: u32 = 1;
/// Largest tolerance a manifest may ask for.
pub const TOLERANCE_MAX: f32 = 1e-2;

/// A tensor by name and shape.
#[derive(Clone, Debug, Deserialize)]
pub struct TensorSpec {
    /// Its name in the model.
    pub name: String,
    /// Type of its numbers.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its dimensions; the first is the batch and may be text or -1.
    pub shape: Vec<serde_json::Value>,
}

/// One input with the output it must give.
#[derive(Clone, Debug, Deserialize)]
pub struct GoldenVector {
    /// Raw levels, oldest snapshot first: ask price, ask quantity, bid price, bid quantity.
    pub book: Option<Vec<i64>>,
    /// The model's integer input, row by row.
    pub input: Vec<i64>,
    /// Probabilities of down, flat, up.
    pub probs: [f32; CLASSES],
}

/// Numbers the model must reproduce.
#[derive(Clone, Debug, Deserialize)]
pub struct Golden {
    /// Largest difference of a probability that passes.
    pub tolerance: f32,
    /// The vectors; at least one.
    pub vectors: Vec<GoldenVector>,
}

impl Golden {
    /// The windows, as the scorer takes them.
    #[must_use]
    pub fn windows(&self) -> Vec<InputWindow> {
        self.vectors.iter().filter_map(|v| InputWindow::try_from(v.input.as_slice()).ok()).collect()
    }
}

/// The manifest.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// Version of this format: 1.
    pub format: u32,
    /// Name of the model.
    pub name: String,
    /// File of the model, in the manifest's folder.
    pub file: String,
    /// SHA-256 of that file's bytes, hexadecimal.
    pub sha256: String,
    /// The one input.
    pub input: TensorSpec,
    /// The output that is read.
    pub output: TensorSpec,
    /// Meaning of each number of an output row.
    pub classes: Vec<String>,
    /// Engine time between two snapshots in training, nanoseconds: requests sampled otherwise are
    /// refused.
    pub sample_interval_ns: u64,
    /// Numbers the model must reproduce.
    pub golden: Golden,
}

impl Manifest {
    /// Reads and checks a manifest; `path` is for messages.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] naming the key.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ModelError> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| ModelError::Manifest {
            path: path.into(),
            key: "(whole)".into(),
            source: Box::new(e),
        })?;
        match manifest.fault() {
            None => Ok(manifest),
            Some((key, what)) => Err(ModelError::Manifest {
                path: path.into(),
                key: key.into(),
                source: what.into(),
            }),
        }
    }

    /// The first key that is wrong, and how.
    fn fault(&self) -> Option<(&'static str, String)> {
        if self.format != FORMAT {
            return Some(("format", format!("{} is not known, {FORMAT} is", self.format)));
        }
        let mut parts = Path::new(&self.file).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Some(("file", format!("`{}` is no plain file name", self.file)));
        }
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Some(("sha256", "64 hexadecimal digits are wanted".into()));
        }
        if self.input.kind != "f32" || tail(&self.input.shape) != Some(vec![WINDOW, FEATURES]) {
            return Some(("input", format!("f32 [N,{WINDOW},{FEATURES}] is wanted")));
        }
        if self.output.kind != "f32" || tail(&self.output.shape) != Some(vec![CLASSES]) {
            return Some(("output", format!("f32 [N,{CLASSES}] is wanted")));
        }
        if self.classes != ["down", "flat", "up"] {
            return Some(("classes", "[\"down\",\"flat\",\"up\"] is wanted".into()));
        }
        if self.sample_interval_ns == 0 {
            return Some(("sample_interval_ns", "above 0 is wanted".into()));
        }
        self.golden_fault()
    }

    fn golden_fault(&self) -> Option<(&'static str, String)> {
        let tolerance = self.golden.tolerance;
        if !(tolerance > 0.0 && tolerance <= TOLERANCE_MAX) {
            return Some(("golden.tolerance", format!("above 0 to {TOLERANCE_MAX} is wanted")));
        }
        if self.golden.vectors.is_empty() {
            return Some(("golden.vectors", "at least one is wanted".into()));
        }
        for (n, vector) in self.golden.vectors.iter().enumerate() {
            if vector.input.len() != WINDOW * FEATURES {
                let len = vector.input.len();
                return Some(("golden.vectors", format!("vector {n} has {len} inputs")));
            }
            if let Some(book) = &vector.book
                && input_of(book).as_deref() != Some(vector.input.as_slice())
            {
                let what = format!("this program makes another input of the book of vector {n}");
                return Some(("golden.vectors", what));
            }
            if !vector.probs.iter().all(|p| (0.0..=1.0).contains(p)) {
                return Some(("golden.vectors", format!("vector {n} has no probabilities")));
            }
        }
        None
    }
}

/// The input this program makes of raw levels; `None` where they are no window.
fn input_of(book: &[i64]) -> Option<Vec<i64>> {
    let levels: &[SnapshotLevel] = bytemuck::try_cast_slice(book).ok()?;
    input_window(levels.try_into().ok()?).map(|input| input.to_vec())
}

/// The dimensions after the batch.
fn tail(shape: &[serde_json::Value]) -> Option<Vec<usize>> {
    let (_batch, rest) = shape.split_first()?;
    rest.iter().map(|d| d.as_u64().and_then(|d| usize::try_from(d).ok())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn good() -> Value {
        let (book, input) = ([101, 5, 99, 7], [10_000_000, 5, -10_000_000, 7]);
        json!({
            "format": 1, "name": "m", "file": "model.onnx", "sha256": "ab".repeat(32),
            "input": { "name": "window", "type": "f32", "shape": ["N", 10, 40] },
            "output": { "name": "probs", "type": "f32", "shape": [-1, 3] },
            "classes": ["down", "flat", "up"],
            "sample_interval_ns": 100_000_000,
            "golden": { "tolerance": 1e-4, "vectors": [
                { "input": vec![1; 400], "probs": [0.25, 0.25, 0.5] },
                { "book": book.repeat(100), "input": input.repeat(100),
                  "probs": [0.25, 0.25, 0.5] },
            ] },
            "training": "for people",
        })
    }

    fn fault(value: &Value) -> String {
        let path = Path::new("manifest.json");
        match Manifest::parse(path, value.to_string().as_bytes()) {
            Err(ModelError::Manifest { key, .. }) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_manifest_is_read_and_unknown_keys_are_for_people() {
        let manifest =
            Manifest::parse(Path::new("manifest.json"), good().to_string().as_bytes()).unwrap();
        let windows = manifest.golden.windows();
        assert_eq!((windows.len(), windows[0]), (2, [1; 400]));
    }

    #[test]
    fn each_fault_names_its_key() {
        for (pointer, value, key) in [
            ("/file", json!("../model.onnx"), "file"),
            ("/file", json!("/model.onnx"), "file"),
            ("/file", json!(""), "file"),
            ("/sha256", json!("abc"), "sha256"),
            ("/sha256", json!("zz".repeat(32)), "sha256"),
            ("/format", json!(2), "format"),
            ("/input/shape", json!(["N", 40, 10]), "input"),
            ("/input/shape", json!([]), "input"),
            ("/input/type", json!("f64"), "input"),
            ("/output/shape", json!(["N", 2]), "output"),
            ("/classes", json!(["up", "flat", "down"]), "classes"),
            ("/sample_interval_ns", json!(0), "sample_interval_ns"),
            ("/golden/tolerance", json!(0.0), "golden.tolerance"),
            ("/golden/tolerance", json!(0.5), "golden.tolerance"),
            ("/golden/vectors", json!([]), "golden.vectors"),
            ("/golden/vectors/0/input", json!([1, 2]), "golden.vectors"),
            ("/golden/vectors/1/book/0", json!(102), "golden.vectors"),
            ("/golden/vectors/1/book", json!([1]), "golden.vectors"),
            ("/golden/vectors/0/probs", json!([0.1, 0.2, 1.5]), "golden.vectors"),
            ("/golden/vectors/0/probs", json!([0.1]), "(whole)"),
            ("/golden", json!(null), "(whole)"),
        ] {
            let mut manifest = good();
            *manifest.pointer_mut(pointer).unwrap() = value;
            assert_eq!(fault(&manifest), key, "{pointer}");
        }
    }
}
