//! `corelane-signal`: serves one ONNX model on one Unix socket until SIGTERM.
//!
//! Owns the choice of the back end and the exit code; the rest is `program`. Must never: read a
//! configuration file, or open a network socket.

use clap::Parser;
use clap::error::ErrorKind;
use corelane_signal::backend::Backend;
use corelane_signal::doctor::doctor;
use corelane_signal::program::{ServerArgs, Started, serve};
use corelane_signal::sandbox::Policy;
use corelane_signal::{BackendChoice, RuntimeOptions, runtime};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wire::exit::Exit;

/// Serves an ONNX model to Corelane's engine on a Unix socket.
#[derive(Debug, Parser)]
#[command(name = "corelane-signal")]
struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Model back end: auto, fused, tract, onnxruntime, onnxruntime-cuda, onnxruntime-tensorrt.
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = backend)]
    backend: BackendChoice,
    /// ONNX Runtime library, 1.24 or newer; else the variable `ORT_DYLIB_PATH`.
    #[arg(long, value_name = "PATH")]
    ort_dylib: Option<PathBuf>,
    /// Folder where TensorRT keeps the engines it has built.
    #[arg(long, value_name = "DIR")]
    engine_cache: Option<PathBuf>,
    /// The doctor's report as JSON.
    #[arg(long, requires = "doctor")]
    json: bool,
}

fn backend(name: &str) -> Result<BackendChoice, String> {
    BackendChoice::from_name(name).ok_or_else(|| BackendChoice::NAMES.into())
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Nowhere to say it if the terminal is gone.
            let _unsaid = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { Exit::Clean } else { Exit::Arguments }.into();
        }
    };
    let mut runtime = RuntimeOptions::from_environment(args.backend);
    if args.ort_dylib.is_some() {
        runtime.dylib.clone_from(&args.ort_dylib);
    }
    runtime.engine_cache.clone_from(&args.engine_cache);
    if args.server.doctor {
        return report(&args, &runtime);
    }
    let start = || {
        let live = runtime::start(&runtime)?;
        let on_cpu = live.on_cpu().map(|twin| twin as &'static dyn Backend);
        Ok(Started { backend: live, fallback: live.fallback(), on_cpu })
    };
    match serve("corelane-signal", &args.server, |policy| adapt(policy, &runtime), start) {
        Ok(()) => Exit::Clean.into(),
        Err(error) => {
            eprintln!("{}", error.operator_line());
            error.exit().into()
        }
    }
}

fn report(args: &Args, runtime: &RuntimeOptions) -> ExitCode {
    let report = doctor(runtime, args.server.model.as_deref());
    let text = match serde_json::to_string_pretty(&report) {
        Ok(json) if args.json => json + "\n",
        _ => report.text(),
    };
    // A reader that has closed the pipe has read enough.
    let _closed = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(report.exit_code)
}

/// What the chosen back end needs of the machine once it serves.
fn adapt(mut policy: Policy, runtime: &RuntimeOptions) -> Policy {
    // Read only: engines are built before, outside.
    policy.libraries.extend(runtime.engine_cache.clone());
    match (&runtime.dylib, runtime.choice) {
        (Some(library), BackendChoice::Auto | BackendChoice::OnnxRuntime) => {
            policy.with_library(library)
        }
        (Some(library), BackendChoice::OnnxRuntimeCuda | BackendChoice::OnnxRuntimeTensorRt) => {
            policy.with_library(library).with_gpu(Path::new("/dev"))
        }
        (None, _) | (_, BackendChoice::Tract | BackendChoice::Fused) => policy,
    }
}
