//! The fused kernel beside the pure-Rust runtime: the same probabilities on every window, the same
//! bits every time, and a refusal by name of every model it does not know.
//!
//! `tests/fused_onnxruntime.rs` holds it against ONNX Runtime, which needs a process of its own.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

#[path = "fused/windows.rs"]
mod windows;

use corelane_signal::backend::Backend;
use corelane_signal::fused::Fused;
use corelane_signal::model::Model;
use corelane_signal::{BackendChoice, ModelError, RuntimeOptions, Score, Scorer, runtime};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tract_onnx::pb::ModelProto;
use wire::signal::{InputWindow, SignalStatus};

fn options(choice: BackendChoice) -> RuntimeOptions {
    RuntimeOptions { choice, ..RuntimeOptions::default() }
}

fn fused() -> Model {
    Model::load(&windows::bundled(), &Fused).unwrap()
}

fn tract() -> Model {
    Model::load(&windows::bundled(), runtime::start(&options(BackendChoice::Tract)).unwrap())
        .unwrap()
}

#[test]
fn it_gives_the_probabilities_of_tract_on_recorded_random_and_extreme_windows() {
    windows::compare(&mut fused(), &mut tract());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_window_at_all_gives_the_probabilities_of_tract(
        cells in prop::collection::vec(any::<i64>(), 400),
        shift in 0_u32..63,
    ) {
        thread_local! {
            static MODELS: std::cell::RefCell<(Model, Model)> =
                std::cell::RefCell::new((fused(), tract()));
        }
        let window: InputWindow = std::array::from_fn(|n| cells[n] >> shift);
        MODELS.with_borrow_mut(|(fused, tract)| windows::same(fused, tract, &window));
    }
}

#[test]
fn the_bits_are_those_of_every_other_build_and_machine() {
    let mut model = fused();
    let mut digest = Sha256::new();
    let mut out = Vec::new();
    for window in windows::all(&model) {
        model.run(&[window], &mut out).unwrap();
        out[0].iter().for_each(|p| digest.update(p.to_le_bytes()));
    }
    let found = format!("{:x}", digest.finalize());
    // Changes only with the kernel, the bundled model or the windows of this test.
    assert_eq!(found, "22f8f2abca8ea3945b5ee57e9d26fe506827ac6220261cf8b2f1edf5eaa5f1b8");
}

#[test]
fn auto_takes_it_for_a_model_it_knows_and_tract_for_any_other() {
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/good");
    // tract is live in this process, and auto is content with what is live: a process of its own.
    let report = |dir: &Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_corelane-signal"));
        command.env_remove("ORT_DYLIB_PATH").args(["--doctor", "--json"]).arg("--model").arg(dir);
        let output = command.output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let known = report(&windows::bundled());
    assert_eq!(known["live"]["provider"], "fused/cpu");
    assert!(known["problems"].as_array().unwrap().is_empty());
    let other = report(&good);
    assert_eq!(other["live"]["provider"], "tract/cpu");
    let fused = &other["backends"][0];
    assert_eq!((&fused["name"], &fused["usable"]), (&"fused/cpu".into(), &false.into()));
    assert!(fused["why"].as_str().unwrap().contains("fused kernel does not know this model"));
}

#[test]
fn it_may_be_chosen_beside_a_runtime_and_refuses_a_model_it_does_not_know() {
    let _live = tract();
    let mut scorer = Scorer::load(&windows::bundled(), &options(BackendChoice::Fused)).unwrap();
    assert_eq!(scorer.model().provider(), "fused/cpu");
    assert_eq!(scorer.score(&[[1; 400]])[0].status, SignalStatus::Ok);
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/good");
    let error = Scorer::load(&good, &options(BackendChoice::Fused)).unwrap_err();
    assert!(matches!(error, ModelError::NotFused { .. }));
    assert_eq!(error.exit().code(), 14);
    let line = error.operator_line();
    assert!(line.contains("line 2 of its graph is `%0 = Flatten window axis=1`"), "{line}");
}

/// Loads the bundled model after a change to its graph, with the hash that belongs to it.
fn changed(change: impl FnOnce(&mut ModelProto)) -> Result<Scorer, ModelError> {
    let dir = tempfile::tempdir().unwrap();
    let mut model =
        ModelProto::decode(&*fs::read(windows::bundled().join("model.onnx")).unwrap()).unwrap();
    change(&mut model);
    let bytes = model.encode_to_vec();
    let manifest = fs::read_to_string(windows::bundled().join("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let sha256 = format!("{:x}", Sha256::digest(&bytes));
    manifest["sha256"] = sha256.as_str().into();
    manifest["files"] = json!([{ "name": "model.onnx", "bytes": bytes.len(), "sha256": sha256 }]);
    // The list of operators is not what refuses here.
    let nodes = model.graph.iter().flat_map(|graph| &graph.node);
    let operators: BTreeSet<&String> = nodes.map(|node| &node.op_type).collect();
    manifest["operators"] = json!(operators);
    fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
    fs::write(dir.path().join("model.onnx"), bytes).unwrap();
    Scorer::load(dir.path(), &options(BackendChoice::Fused))
}

fn refusal(change: impl FnOnce(&mut ModelProto)) -> String {
    let error = changed(change).unwrap_err();
    // What no back end takes is refused before the kernel sees it.
    let (ModelError::NotFused { found, .. } | ModelError::Forbidden { found, .. }) = error else {
        panic!("{}", error.operator_line())
    };
    found
}

#[test]
fn a_graph_that_differs_anywhere_is_refused_with_the_place() {
    assert!(changed(|_| {}).is_ok());
    let nodes = fs::read(windows::bundled().join("model.onnx")).unwrap();
    let nodes = ModelProto::decode(&*nodes).unwrap().graph.unwrap().node.len();
    // Another operator, an operand more, an attribute less or more: at every node.
    for n in 0..nodes {
        refusal(|m| m.graph.as_mut().unwrap().node[n].op_type = "Abs".into());
        refusal(|m| m.graph.as_mut().unwrap().node[n].input.push("window".into()));
        refusal(|m| {
            let attributes = &mut m.graph.as_mut().unwrap().node[n].attribute;
            if attributes.pop().is_none() {
                attributes.push(tract_onnx::pb::AttributeProto::default());
            }
        });
    }
    let found = refusal(|m| m.opset_import[0].version = 18);
    assert_eq!(found, "line 0 of its graph is `opset 18`, not `opset 17`");
    let found = refusal(|m| {
        let graph = m.graph.as_mut().unwrap();
        let log = graph.node.iter_mut().find(|n| n.op_type == "Log").unwrap();
        log.op_type = "Sqrt".into();
    });
    assert_eq!(found, "line 10 of its graph is `%8 = Sqrt %7`, not `%8 = Log %7`");
    let found = refusal(|m| {
        let graph = m.graph.as_mut().unwrap();
        graph.output.push(graph.output[0].clone());
    });
    assert_eq!(found, "its graph goes on with `output %54 f32[N,3]`");
}

#[test]
fn a_constant_a_weights_shape_or_a_weight_that_is_no_number_is_refused() {
    let graph = |m: &mut ModelProto, change: &dyn Fn(&mut tract_onnx::pb::GraphProto)| {
        change(m.graph.as_mut().unwrap());
    };
    let found = refusal(|m| {
        graph(m, &|g| {
            let constants = g.node.iter_mut().filter(|n| n.op_type == "Constant");
            for tensor in constants.filter_map(|n| n.attribute[0].t.as_mut()) {
                if tensor.raw_data == 20_000_f32.to_le_bytes() {
                    tensor.raw_data = 20_001_f32.to_le_bytes().to_vec();
                }
            }
        });
    });
    assert_eq!(found, "line 4 of its graph is `%2 = Div %1 20001.0`, not `%2 = Div %1 20000.0`");
    let found = refusal(|m| graph(m, &|g| g.initializer[4].dims = vec![40, 60]));
    assert!(found.contains("`%34 = MatMul w[40,60] %33`"), "{found}");
    let found = refusal(|m| graph(m, &|g| g.initializer[4].dims = vec![60, 41]));
    assert_eq!(found, "weights that are cut short: model.first.left");
    for bad in [f32::NAN, f32::INFINITY] {
        let found = refusal(|m| {
            graph(m, &|g| g.initializer[4].raw_data[..4].copy_from_slice(&bad.to_le_bytes()));
        });
        assert_eq!(found, "weights that are not finite: model.first.left");
    }
}

#[test]
fn a_weight_so_large_that_the_answer_is_no_number_abstains() {
    // Past the golden vectors: the kernel alone, on weights no training would give.
    let mut manifest = fused().manifest().clone();
    let bytes = fs::read(windows::bundled().join("model.onnx")).unwrap();
    let mut model = ModelProto::decode(&*bytes).unwrap();
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        if tensor.name.ends_with("left") {
            let huge = 1e30_f32.to_le_bytes();
            tensor.raw_data.chunks_exact_mut(4).for_each(|cell| cell.copy_from_slice(&huge));
        }
    }
    let bytes = model.encode_to_vec();
    manifest.sha256 = format!("{:x}", Sha256::digest(&bytes));
    let path = Path::new("model.onnx");
    let file = corelane_signal::backend::ModelFile { path, bytes: &bytes, manifest: &manifest };
    let mut network = Fused.load(&file).unwrap();
    let mut out = Vec::new();
    network.run(&[windows::random(3)], &mut out).unwrap();
    assert!(out[0].iter().any(|p| p.is_nan()), "{out:?}");
    assert_eq!(Score::from_probabilities(out[0]), Score::ABSTAIN);
}
