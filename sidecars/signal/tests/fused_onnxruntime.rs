//! The fused kernel beside ONNX Runtime, to 1e-5, where `ORT_DYLIB_PATH` names its library.
//!
//! A process of its own: one runtime per process, and `tests/fused.rs` runs tract.

#[path = "fused/windows.rs"]
mod windows;

use corelane_signal::fused::Fused;
use corelane_signal::model::Model;
use corelane_signal::{BackendChoice, RuntimeOptions, runtime};

#[test]
fn it_gives_the_probabilities_of_onnx_runtime() {
    let options = RuntimeOptions::from_environment(BackendChoice::OnnxRuntime);
    if options.dylib.is_none() {
        eprintln!(
            "SKIPPED it_gives_the_probabilities_of_onnx_runtime: ORT_DYLIB_PATH names no library"
        );
        return;
    }
    let mut other = Model::load(&windows::bundled(), runtime::start(&options).unwrap()).unwrap();
    windows::compare(&mut Model::load(&windows::bundled(), &Fused).unwrap(), &mut other);
}
