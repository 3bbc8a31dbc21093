//! TorchScript through the model server's own loading: what is computed, what is refused by name.
//!
//! The networks are traced here, with libtorch itself; what they must answer is computed beside them.
#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

use corelane_torch::{PROVIDER, Torch};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use signal::model::Model;
use signal::{ModelError, Scorer};
use std::fs;
use std::path::{Path, PathBuf};
use tch::{CModule, Kind, Tensor};
use wire::signal::{FEATURES, InputWindow, SignalStatus, WINDOW};

fn torch() -> Torch {
    Torch::start().unwrap()
}

/// Softmax over the sums of three thirds of the window, in thousandths.
fn thirds(window: &Tensor) -> Tensor {
    let flat = window.flatten(1, 2) / 1_000.0;
    let parts = [(0, 130), (130, 130), (260, 140)];
    let sums =
        parts.map(|(from, len)| flat.narrow(1, from, len).sum_dim_intlist(1, false, Kind::Float));
    Tensor::stack(&sums, 1).softmax(1, Kind::Float)
}

fn window(seed: i64) -> InputWindow {
    let mut window = [0; WINDOW * FEATURES];
    for (at, cell) in window.iter_mut().enumerate() {
        *cell = (i64::try_from(at).unwrap() * 7 + seed * 13) % 11 - 5;
    }
    window
}

/// The same by hand, in double precision.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "small numbers, compared within a tolerance"
)]
fn expected(window: &InputWindow) -> [f32; 3] {
    let sum = |cells: &[i64]| cells.iter().map(|cell| *cell as f64 / 1_000.0).sum::<f64>().exp();
    let sums = [sum(&window[..130]), sum(&window[130..260]), sum(&window[260..])];
    sums.map(|one| (one / sums.iter().sum::<f64>()) as f32)
}

/// A model folder whose TorchScript is traced from a function, or made of bytes.
struct Draft {
    dir: tempfile::TempDir,
    manifest: Value,
}

impl Draft {
    fn traced(function: impl Fn(&Tensor) -> Tensor, batch: i64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let example = Tensor::zeros([batch, 10, 40], (Kind::Float, tch::Device::Cpu));
        let mut closure = |inputs: &[Tensor]| vec![function(&inputs[0])];
        let module =
            CModule::create_by_tracing("Model", "forward", &[example], &mut closure).unwrap();
        module.save(dir.path().join("model.pt")).unwrap();
        let bytes = fs::read(dir.path().join("model.pt")).unwrap();
        Self::of(dir, &bytes)
    }

    fn of(dir: tempfile::TempDir, bytes: &[u8]) -> Self {
        fs::write(dir.path().join("model.pt"), bytes).unwrap();
        fs::write(dir.path().join("model.onnx"), "not read here").unwrap();
        let row = |name: &str, bytes: &[u8]| json!({ "name": name, "bytes": bytes.len(), "sha256": hex(bytes) });
        let vectors = [0, 1, 2].map(|seed| {
            let input = window(seed);
            json!({ "input": input.to_vec(), "probs": expected(&input) })
        });
        let manifest = json!({
            "format": 2, "name": "thirds", "file": "model.onnx", "sha256": hex(b"not read here"),
            "files": [row("model.onnx", b"not read here"), row("model.pt", bytes)],
            "operators": ["Softmax"], "training_data": "none",
            "input": { "name": "window", "type": "f32", "shape": ["N", 10, 40] },
            "output": { "name": "probs", "type": "f32", "shape": ["N", 3] },
            "classes": ["down", "flat", "up"], "sample_interval_ns": 100_000_000,
            "golden": { "tolerance": 1e-5, "vectors": vectors },
        });
        Self { dir, manifest }
    }

    fn load(&self) -> Result<Model, ModelError> {
        fs::write(self.dir.path().join("manifest.json"), self.manifest.to_string()).unwrap();
        Model::load(self.dir.path(), &torch())
    }

    fn refused(&self, parts: &[&str]) {
        let line = self.load().unwrap_err().operator_line();
        for part in parts {
            assert!(line.contains(part), "{part:?} in {line}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[test]
fn a_traced_network_answers_alone_as_in_a_batch_and_its_file_s_hash_is_the_model_s() {
    let draft = Draft::traced(thirds, 2);
    let model = draft.load().unwrap();
    assert_eq!(model.provider(), PROVIDER);
    assert!(model.batches());
    assert_eq!(tch::get_num_threads(), 1);
    let file = fs::read(draft.dir.path().join("model.pt")).unwrap();
    assert_eq!(model.sha256(), hex(&file));
    let windows: Vec<_> = (0..100).map(window).collect();
    let mut scorer = Scorer::new(model);
    let together = scorer.score(&windows);
    for (one, score) in windows.iter().zip(&together) {
        assert_eq!(score.status, SignalStatus::Ok);
        let alone = scorer.score(std::slice::from_ref(one))[0];
        let [down, _, up] = expected(one).map(|p| f64::from(p) * 1e6);
        for (found, wanted) in [
            (score.p_up_e6, up),
            (score.p_down_e6, down),
            (alone.p_up_e6, up),
            (alone.p_down_e6, down),
        ] {
            assert!((f64::from(found) - wanted).abs() < 2.0, "{found} {wanted}");
        }
    }
    assert_eq!(scorer.failures(), 0);
}

#[test]
fn a_network_of_one_window_runs_one_at_a_time() {
    let one = |window: &Tensor| thirds(&window.reshape([1, 10, 40]));
    let mut model = Draft::traced(one, 1).load().unwrap();
    assert!(!model.batches());
    let mut out = Vec::new();
    model.run(&[window(5), window(6)], &mut out).unwrap();
    assert!((out[1][0] - expected(&window(6))[0]).abs() < 1e-5);
}

#[test]
fn what_is_not_as_the_manifest_says_is_refused_by_name() {
    let wrong = Draft::traced(|window| thirds(window).narrow(1, 0, 2), 2);
    wrong.refused(&["wrong shape", "[1,2]", "wanted=f32[1,3]", "model.pt"]);
    let doubles = Draft::traced(|window| thirds(window).to_kind(Kind::Double), 2);
    doubles.refused(&["wrong shape", "Double"]);
    let other = Draft::traced(|window| thirds(&(window * 2.0)), 2);
    other.refused(&["does not reproduce its golden vectors", "backend=torch"]);
    let nothing = Draft::traced(|window| thirds(&(window / 0.0)), 2);
    nothing.refused(&["does not reproduce its golden vectors", "NaN"]);
    let dir = tempfile::tempdir().unwrap();
    Draft::of(dir, b"PK\x03\x04 and no archive").refused(&["cannot be loaded", "backend=torch"]);
    let mut changed = Draft::traced(thirds, 2);
    let path = changed.dir.path().join("model.pt");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    changed.refused(&["model.pt", "not the one its manifest names"]);
    changed.manifest["files"].as_array_mut().unwrap().pop();
    changed.refused(&["`model.pt` is not listed"]);
}

#[test]
fn a_file_cut_short_that_the_manifest_names_is_refused() {
    let whole = fs::read(Draft::traced(thirds, 2).dir.path().join("model.pt")).unwrap();
    for len in [1, 100, whole.len() / 2, whole.len() - 1] {
        let dir = tempfile::tempdir().unwrap();
        Draft::of(dir, &whole[..len]).refused(&["cannot be loaded", "backend=torch"]);
    }
}

#[test]
fn the_bundled_models_reproduce_their_golden_vectors_where_they_have_torchscript() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signal/models");
    let folders: Vec<PathBuf> = fs::read_dir(models).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(!folders.is_empty());
    for folder in folders {
        if !folder.join("model.pt").is_file() {
            eprintln!("SKIPPED golden vectors of {}: it has no model.pt", folder.display());
            continue;
        }
        let model = Model::load(&folder, &torch()).unwrap();
        assert!(model.golden_difference() < 1e-5, "{}", folder.display());
    }
}
