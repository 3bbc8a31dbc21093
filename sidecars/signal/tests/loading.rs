//! Loading: what is verified, what each fault says, and that answers are what the model says.
//!
//! Runs in process on the pure-Rust runtime; `tests/server.rs` repeats the essentials on ONNX
//! Runtime where its library is there. The fixtures are made by `fixtures/make_fixtures.py`.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

use corelane_signal::{BackendChoice, ModelError, RuntimeOptions, Score, Scorer, doctor::doctor};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use wire::signal::{InputWindow, SignalStatus};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn tract() -> RuntimeOptions {
    RuntimeOptions { choice: BackendChoice::Tract, ..RuntimeOptions::default() }
}

fn load(dir: &Path) -> Result<Scorer, ModelError> {
    Scorer::load(dir, &tract())
}

/// A copy of the good model that a test may damage.
fn copy() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["model.onnx", "manifest.json"] {
        fs::copy(fixture("good").join(file), dir.path().join(file)).unwrap();
    }
    dir
}

fn fails(dir: &Path, exit: u8, parts: &[&str]) {
    let error = load(dir).unwrap_err();
    let line = error.operator_line();
    assert_eq!(error.exit().code(), exit, "{line}");
    assert!(!line.contains('\n'), "one line: {line}");
    assert!(line.contains("; next: "), "{line}");
    for part in parts {
        assert!(line.contains(part), "`{part}` in: {line}");
    }
}

fn window(seed: i64) -> InputWindow {
    let mut window = [0; 400];
    for (n, cell) in window.iter_mut().enumerate() {
        *cell = (seed * 7_919 + i64::try_from(n).unwrap() * 104_729) % 50_000;
    }
    window
}

#[test]
fn scores_are_the_golden_ones() {
    let mut scorer = load(&fixture("good")).unwrap();
    let golden = scorer.model().manifest().golden.clone();
    let answers = scorer.score(&golden.windows());
    assert_eq!(answers.len(), golden.vectors.len());
    let mut distinct = std::collections::BTreeSet::new();
    for (score, vector) in answers.iter().zip(&golden.vectors) {
        let wanted = Score::from_probabilities(vector.probs);
        assert_eq!(score.status, SignalStatus::Ok);
        assert!((score.score_e6 - wanted.score_e6).abs() <= 2, "{score:?} {wanted:?}");
        assert!(score.p_up_e6.abs_diff(wanted.p_up_e6) <= 1);
        assert!(score.p_down_e6.abs_diff(wanted.p_down_e6) <= 1);
        distinct.insert(score.score_e6);
    }
    assert_eq!(distinct.len(), golden.vectors.len(), "the model looks at its input");
}

#[test]
fn a_batch_of_any_size_scores_like_its_windows_alone() {
    for name in ["good", "batch_one"] {
        let mut scorer = load(&fixture(name)).unwrap();
        assert!(!scorer.model().batches(), "on this runtime a batch is a loop");
        let windows: Vec<InputWindow> = (0..150).map(window).collect();
        let alone: Vec<Score> = windows.iter().flat_map(|w| scorer.score(&[*w])).collect();
        for size in [0, 1, 2, 7, 63, 64, 65, 150] {
            let answers = scorer.score(&windows[..size]);
            assert_eq!(answers.len(), size);
            for (n, (batched, alone)) in answers.iter().zip(&alone).enumerate() {
                assert_eq!(batched, alone, "{name} window {n} of {size}");
            }
        }
        assert_eq!(scorer.failures(), 0);
    }
}

#[test]
fn one_model_serves_while_another_is_made_on_another_thread_and_handed_over() {
    let mut serving = load(&fixture("good")).unwrap();
    let alone = serving.score(&[window(1)]);
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/bin_ctabl");
    let loader = std::thread::spawn(move || load(&bundled).unwrap());
    while !loader.is_finished() {
        assert_eq!(serving.score(&[window(1)]), alone);
    }
    let mut next = loader.join().unwrap();
    let first = next.score(&[window(1)]);
    assert_ne!(first, alone, "they are two models");
    assert_eq!(serving.score(&[window(1)]), alone);
    drop(serving);
    assert_eq!(next.score(&[window(1)]), first);
}

#[test]
fn the_same_batch_scores_the_same_every_time() {
    let windows: Vec<InputWindow> = (0..20).map(window).collect();
    let first = load(&fixture("good")).unwrap().score(&windows);
    let second = load(&fixture("good")).unwrap().score(&windows);
    assert_eq!(first, second);
}

#[test]
fn extreme_integers_give_a_number_or_abstain() {
    let mut scorer = load(&fixture("good")).unwrap();
    for value in [i64::MIN, -1, 0, 1, i64::MAX] {
        let score = scorer.score(&[[value; 400]])[0];
        assert!(score.score_e6.abs() <= 1_000_000, "{score:?}");
    }
}

#[test]
fn a_window_the_model_has_no_number_for_abstains_and_its_neighbours_do_not() {
    let mut scorer = load(&fixture("nan_where_negative")).unwrap();
    let mut bad = window(1);
    bad[0] = -1;
    let answers = scorer.score(&[window(1), bad, window(2)]);
    assert_eq!(answers[1], Score::ABSTAIN);
    assert_eq!((answers[0].status, answers[2].status), (SignalStatus::Ok, SignalStatus::Ok));
}

#[test]
fn the_model_hash_is_the_head_of_the_files_sha256() {
    let scorer = load(&fixture("good")).unwrap();
    let hex = format!("{:016x}", scorer.model_hash().swap_bytes());
    assert_eq!(hex, scorer.model().sha256()[..16]);
    assert_eq!(scorer.model().sha256(), scorer.model().manifest().sha256);
}

#[test]
fn a_missing_model_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    fails(dir.path(), 14, &["RESOURCE: model file cannot be read: path=", "manifest.json"]);
    let dir = copy();
    fs::remove_file(dir.path().join("model.onnx")).unwrap();
    fails(dir.path(), 14, &["model file cannot be read", "model.onnx"]);
    fs::create_dir(dir.path().join("model.onnx")).unwrap();
    fails(dir.path(), 14, &["model file cannot be read", "not a regular file"]);
}

#[test]
fn one_changed_bit_is_another_model() {
    let dir = copy();
    let path = dir.path().join("model.onnx");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    fails(dir.path(), 14, &["model file is not the one its manifest names", "sha256="]);
}

#[test]
fn a_cut_model_with_a_matching_manifest_cannot_be_loaded() {
    use sha2::{Digest, Sha256};
    let dir = copy();
    let path = dir.path().join("model.onnx");
    let bytes = fs::read(&path).unwrap();
    let cut = &bytes[..bytes.len() / 2];
    fs::write(&path, cut).unwrap();
    let hash = format!("{:x}", Sha256::digest(cut));
    let manifest = fs::read_to_string(dir.path().join("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["sha256"] = hash.into();
    fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
    fails(dir.path(), 14, &["model cannot be loaded", "backend=tract"]);
}

#[test]
fn data_outside_the_file_and_foreign_operators_are_not_acceptable() {
    let parts = ["RESOURCE: model is not acceptable", "data outside its file: weights"];
    fails(&fixture("external_data"), 14, &parts);
    let parts = ["model is not acceptable", "operators of domain com.example"];
    fails(&fixture("foreign_operator"), 14, &parts);
}

#[test]
fn a_damaged_manifest_names_the_key() {
    let dir = copy();
    fs::write(dir.path().join("manifest.json"), "{").unwrap();
    fails(dir.path(), 14, &["model manifest is damaged", "key=(whole)"]);
}

#[test]
fn wrong_shapes_name_what_was_found_and_wanted() {
    let found = ["wrong shape", "inputs found=window:[1,10,20]", "wanted=window:f32[N,10,40]"];
    fails(&fixture("wrong_input"), 14, &found);
    let found = ["wrong shape", "outputs found=probs:[1,2]", "wanted=probs:f32[N,3]"];
    fails(&fixture("wrong_output"), 14, &found);
}

#[test]
fn a_model_of_no_numbers_fails_its_golden_vectors() {
    let parts = ["CHECK_FAILED: model does not reproduce its golden vectors", "vector=0", "NaN"];
    fails(&fixture("nan_always"), 31, &parts);
}

#[test]
fn another_runtime_in_the_same_process_is_refused() {
    load(&fixture("good")).unwrap();
    let other = RuntimeOptions { choice: BackendChoice::OnnxRuntime, ..RuntimeOptions::default() };
    let error = Scorer::load(&fixture("good"), &other).unwrap_err();
    assert!(matches!(error, ModelError::RuntimeTaken { live: "tract", asked: "onnxruntime" }));
    let any = RuntimeOptions { choice: BackendChoice::Auto, ..RuntimeOptions::default() };
    assert!(Scorer::load(&fixture("good"), &any).is_ok());
}

#[test]
fn the_doctor_reports_the_live_back_end_the_model_and_each_problem() {
    let report = doctor(&tract(), Some(&fixture("good")));
    assert_eq!(report.exit_code, 0);
    assert_eq!(report.live.as_ref().unwrap().provider, "tract/cpu");
    let model = report.model.as_ref().unwrap();
    assert_eq!(model.golden_vectors, 4);
    assert!(model.golden_difference_max <= 1e-4 && model.infer_ns.p50 > 0);
    assert!(report.backends.iter().filter(|b| b.live).count() == 1);
    let names: Vec<&str> = report.backends.iter().map(|b| b.name.as_str()).collect();
    let all = [
        "fused/cpu",
        "tract/cpu",
        "onnxruntime/cpu",
        "onnxruntime/cuda",
        "onnxruntime/tensorrt",
        "torch/cpu",
    ];
    assert_eq!(names, all);
    for state in report.backends.iter().filter(|b| b.usable != Some(true)) {
        assert!(state.why.contains("; next: "), "{state:?}");
    }
    assert!(report.text().contains("live"));

    let report = doctor(&tract(), Some(&fixture("nan_always")));
    assert_eq!((report.exit_code, report.model.is_none()), (31, true));
    assert_eq!(report.problems.len(), 1);
}

#[test]
fn the_bundled_model_loads_reproduces_its_vectors_and_is_no_constant() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/bin_ctabl");
    let mut scorer = load(&dir).unwrap();
    let golden = scorer.model().manifest().golden.clone();
    assert!(golden.vectors.iter().all(|v| v.book.is_some()), "features are checked as well");
    let answers = scorer.score(&golden.windows());
    assert!(answers.iter().all(|s| s.status == SignalStatus::Ok));
    let lowest = answers.iter().map(|s| s.score_e6).min().unwrap();
    let highest = answers.iter().map(|s| s.score_e6).max().unwrap();
    assert!(highest - lowest > 10_000, "scores from {lowest} to {highest}");
}
