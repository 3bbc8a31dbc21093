//! Every back end of this program, tried where this process can try it, with the next step where it
//! is not usable.
//!
//! Must never: call a back end usable that was not tried, or leave one out.

use super::BackendState;
use crate::backend::Backend;
use crate::error::ModelError;
use crate::fused::{self, Fused};
use crate::model::Model;
use crate::runtime::{BackendChoice, DYLIB_VARIABLE, Runtime, RuntimeOptions};
use crate::session::Provider;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program that computes TorchScript, a process of its own.
const TORCH: &str = "corelane-torch";
const NO_TORCH_NEXT: &str = "run `make libtorch`, export the line it prints, and run `make torch`";
const NO_LIBRARY_NEXT: &str = "run `make onnxruntime` and export the line it prints";
const NO_GPU_LIBRARY_NEXT: &str = "run `make onnxruntime-gpu` and export the lines it prints";

/// The state of every back end. `live` is the provider that serves, `errors` what went wrong.
pub(super) fn all(
    options: &RuntimeOptions,
    started: Option<&Runtime>,
    model: Option<&Path>,
    live: Option<&str>,
    errors: &[ModelError],
) -> Vec<BackendState> {
    let library =
        started.and_then(Runtime::fallback).or_else(|| errors.iter().find(|e| is_library(e)));
    let state = |name: &str, (usable, why): (Option<bool>, String)| {
        let is_live = live == Some(name);
        let (usable, why) = if is_live { (Some(true), "live".into()) } else { (usable, why) };
        BackendState { name: name.into(), live: is_live, usable, why }
    };
    let mut states = vec![
        state(fused::PROVIDER, fused(model)),
        state(Provider::Tract.text(), (Some(true), built_in(options.choice).into())),
    ];
    for (provider, next) in [
        (Provider::Cpu, NO_LIBRARY_NEXT),
        (Provider::Cuda, NO_GPU_LIBRARY_NEXT),
        (Provider::TensorRt, NO_GPU_LIBRARY_NEXT),
    ] {
        let found = match (&options.dylib, library) {
            (_, Some(error)) => (Some(false), error.operator_line()),
            (None, None) => (
                Some(false),
                format!("no library is named (--ort-dylib=PATH or {DYLIB_VARIABLE}); next: {next}"),
            ),
            (Some(path), None) => on_library(path, started, provider, model),
        };
        states.push(state(provider.text(), found));
    }
    states.push(state("torch/cpu", torch(model)));
    states
}

/// What the other program says of itself: whether it is there, finds libtorch, and computes the model.
fn torch(model: Option<&Path>) -> (Option<bool>, String) {
    let here = std::env::current_exe().ok().map(|here| here.with_file_name(TORCH));
    let Some(program) = here.filter(|path| path.is_file()) else {
        return (
            Some(false),
            format!("{TORCH} is not built beside this program; next: {NO_TORCH_NEXT}"),
        );
    };
    let model = model.map(|dir| format!("--model={}", dir.display()));
    let asked = Command::new(&program).arg("--doctor").args(model).stdin(Stdio::null()).output();
    let output = match asked {
        Ok(output) => output,
        Err(error) => {
            let path = program.display();
            return (Some(false), format!("{path} cannot be started: {error}; next: make torch"));
        }
    };
    // The loader's complaint about a library is on standard error, like every other.
    let said = if output.status.success() { &output.stdout } else { &output.stderr };
    let said = String::from_utf8_lossy(said);
    let line = said.lines().next().unwrap_or("it says nothing").to_owned();
    // The program's own lines say what to do; the loader's and a crash do not.
    let has_next = output.status.success() || line.contains("; next: ");
    let next = if has_next { String::new() } else { format!("; next: {NO_TORCH_NEXT}") };
    (Some(output.status.success()), format!("{line}{next}"))
}

fn is_library(error: &ModelError) -> bool {
    matches!(error, ModelError::Library { .. } | ModelError::NoLibrary { .. })
}

fn built_in(choice: BackendChoice) -> &'static str {
    match choice {
        BackendChoice::Auto => "built in; auto takes it where it knows no better",
        BackendChoice::Fused
        | BackendChoice::Tract
        | BackendChoice::OnnxRuntime
        | BackendChoice::OnnxRuntimeCuda
        | BackendChoice::OnnxRuntimeTensorRt => "built in; another one is chosen",
    }
}

fn fused(model: Option<&Path>) -> (Option<bool>, String) {
    match model {
        None => (None, "built in; whether it knows a model shows when one is named".into()),
        Some(dir) => tried(dir, &Fused),
    }
}

/// A provider of the library this process has loaded.
fn on_library(
    path: &Path,
    started: Option<&Runtime>,
    provider: Provider,
    model: Option<&Path>,
) -> (Option<bool>, String) {
    let loaded =
        started.filter(|r| ![Provider::Tract.text(), fused::PROVIDER].contains(&r.provider()));
    match (loaded.and_then(|runtime| runtime.with_provider(provider)), model) {
        (Some(runtime), Some(dir)) => tried(dir, &runtime),
        (Some(_), None) if provider == Provider::Cpu => {
            (Some(true), "its library is loaded".into())
        }
        (Some(_), None) => (None, "not tried; next: name a model to try it on".into()),
        (None, _) => {
            let name = provider.name();
            let path = path.display();
            (None, format!("not tried, library {path}; next: ask again with --backend={name}"))
        }
    }
}

/// Loads the model, golden vectors and all.
fn tried(dir: &Path, backend: &dyn Backend) -> (Option<bool>, String) {
    match Model::load(dir, backend) {
        Ok(_) => (Some(true), "loads the model and reproduces its golden vectors".into()),
        Err(error) => (Some(false), error.operator_line()),
    }
}
