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
//! Format 2 adds what the model store needs, and every file of the folder is then held to it:
//! ```json
//! {
//!   "format": 2,
//!   "files": [ { "name": "model.onnx", "bytes": 54906, "sha256": "hex of the file's bytes" } ],
//!   "operators": ["Add", "MatMul", "Softmax"],
//!   "training_data": "sha256:... of the raw files it was trained on, or another name for them"
//! }
//! ```
//! `files` lists every file but manifest and signature, the model itself among them; `operators` is
//! all the model may use.
//! A golden vector's `book` (raw levels, as a request carries them) may be left out; where it is
//! there, this program must make the same `input` of it as the training did.
//! Other keys (training data, scores, versions) are for people and are not read.
//! Must never: name a file outside its own folder. Runs while loading; may allocate.

use crate::error::ModelError;
use crate::model::MODEL_BYTES_MAX;
use crate::store::{MANIFEST, SIGNATURE};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Component, Path};
use wire::signal::{FEATURES, InputWindow, SnapshotLevel, WINDOW, input_window};

/// Numbers of one output row: down, flat, up.
pub const CLASSES: usize = 3;
/// The first format: a model file and its hash.
pub const FORMAT: u32 = 1;
/// The format that lists files, operators and training data, as the store wants it.
pub const FORMAT_LISTED: u32 = 2;
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

/// A file of the model.
#[derive(Clone, Debug, Deserialize)]
pub struct FileSpec {
    /// Its name in the manifest's folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
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
    /// Version of this format: 1 or 2.
    pub format: u32,
    /// Name of the model.
    pub name: String,
    /// File of the model, in the manifest's folder.
    pub file: String,
    /// SHA-256 of that file's bytes, hexadecimal.
    pub sha256: String,
    /// Every file, from format 2 on.
    #[serde(default)]
    pub files: Vec<FileSpec>,
    /// Operators the model may use, from format 2 on.
    #[serde(default)]
    pub operators: Vec<String>,
    /// What it was trained on, from format 2 on.
    #[serde(default)]
    pub training_data: String,
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

    /// What the model may use; `None` in the first format, which does not say.
    #[must_use]
    pub fn allowed_operators(&self) -> Option<&[String]> {
        (self.format >= FORMAT_LISTED).then_some(self.operators.as_slice())
    }

    /// The first key that is wrong, and how.
    fn fault(&self) -> Option<(&'static str, String)> {
        if !matches!(self.format, FORMAT | FORMAT_LISTED) {
            let what = format!("{} is not known, {FORMAT} and {FORMAT_LISTED} are", self.format);
            return Some(("format", what));
        }
        if !is_plain_file(&self.file) {
            return Some(("file", format!("`{}` is no plain file name", self.file)));
        }
        if !is_sha256(&self.sha256) {
            return Some(("sha256", "64 hexadecimal digits are wanted".into()));
        }
        if self.format >= FORMAT_LISTED
            && let Some(fault) = self.listed_fault()
        {
            return Some(fault);
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

    /// What format 2 adds.
    fn listed_fault(&self) -> Option<(&'static str, String)> {
        if !is_plain_name(&self.name) {
            return Some(("name", format!("`{}` is not of [a-z0-9_-], at most 64", self.name)));
        }
        let mut names = BTreeSet::new();
        for file in &self.files {
            let name = &file.name;
            if !is_plain_file(name) || [MANIFEST, SIGNATURE].contains(&name.as_str()) {
                return Some(("files", format!("`{name}` is no plain file name")));
            }
            if !names.insert(name) {
                return Some(("files", format!("`{name}` is there twice")));
            }
            if !is_sha256(&file.sha256) {
                return Some(("files", format!("`{name}` has no sha256 of 64 digits")));
            }
            if !(1..=MODEL_BYTES_MAX).contains(&file.bytes) {
                let what = format!("`{name}` of 1 to {MODEL_BYTES_MAX} bytes is wanted");
                return Some(("files", what));
            }
        }
        let model = self.files.iter().find(|file| file.name == self.file);
        if model.is_none_or(|model| model.sha256 != self.sha256) {
            return Some(("files", format!("`{}` with the model's sha256 is wanted", self.file)));
        }
        if self.operators.is_empty() {
            return Some(("operators", "at least one is wanted".into()));
        }
        if self.training_data.trim().is_empty() {
            return Some(("training_data", "a name for the data is wanted".into()));
        }
        None
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

/// Whether a text is one name in its folder and no way out of it.
fn is_plain_file(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    one && !name.ends_with('/') && !name.starts_with('.')
}

/// Whether a text may name a model in a store.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
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

    fn listed() -> Value {
        let mut manifest = good();
        let sha256 = "ab".repeat(32);
        manifest["format"] = 2.into();
        manifest["files"] = json!([
            { "name": "model.onnx", "bytes": 10, "sha256": sha256 },
            { "name": "CARD.md", "bytes": 1, "sha256": sha256 },
        ]);
        manifest["operators"] = json!(["Add"]);
        manifest["training_data"] = "day-1".into();
        manifest
    }

    #[test]
    fn each_fault_of_the_second_format_names_its_key() {
        let path = Path::new("manifest.json");
        assert!(Manifest::parse(path, listed().to_string().as_bytes()).is_ok());
        for (pointer, value, key) in [
            ("/name", json!("../m"), "name"),
            ("/name", json!("M"), "name"),
            ("/name", json!(""), "name"),
            ("/files", json!([]), "files"),
            ("/files/0/name", json!("a/model.onnx"), "files"),
            ("/files/1/name", json!("../CARD.md"), "files"),
            ("/files/1/name", json!("/etc/passwd"), "files"),
            ("/files/1/name", json!("manifest.sig"), "files"),
            ("/files/1/name", json!(".hidden"), "files"),
            ("/files/1/name", json!("model.onnx"), "files"),
            ("/files/1/sha256", json!("zz"), "files"),
            ("/files/0/sha256", json!("cd".repeat(32)), "files"),
            ("/files/0/bytes", json!(0), "files"),
            ("/files/0/bytes", json!(MODEL_BYTES_MAX + 1), "files"),
            ("/files/0/bytes", json!(-1), "(whole)"),
            ("/operators", json!([]), "operators"),
            ("/training_data", json!(" "), "training_data"),
        ] {
            let mut manifest = listed();
            *manifest.pointer_mut(pointer).unwrap() = value;
            assert_eq!(fault(&manifest), key, "{pointer}");
        }
    }

    #[test]
    fn each_fault_names_its_key() {
        for (pointer, value, key) in [
            ("/file", json!("../model.onnx"), "file"),
            ("/file", json!("/model.onnx"), "file"),
            ("/file", json!(""), "file"),
            ("/sha256", json!("abc"), "sha256"),
            ("/sha256", json!("zz".repeat(32)), "sha256"),
            ("/format", json!(3), "format"),
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
