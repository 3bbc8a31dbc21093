//! `corelane-signal`: serves one ONNX model on one Unix socket until SIGTERM.
//!
//! Owns the command line, the first and last line on the terminal, and the exit code. Must never:
//! read a configuration file, open a network socket, or start threads of its own.

use clap::Parser;
use clap::error::ErrorKind;
use corelane_signal::doctor::doctor;
use corelane_signal::model::BATCH_MAX;
use corelane_signal::sandbox::{Policy, Sandbox, SandboxMode};
use corelane_signal::server::{Idle, Server, ServerOptions};
use corelane_signal::{BackendChoice, ModelError, RuntimeOptions, Scorer, process};
use ipc::{BackendKind, PeerPolicy};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wire::exit::Exit;

/// Serves an ONNX model to Corelane's engine on a Unix socket.
#[derive(Debug, Parser)]
#[command(name = "corelane-signal")]
struct Args {
    /// Socket to listen on; its folder must be private.
    #[arg(long, value_name = "PATH", required_unless_present = "doctor")]
    socket: Option<PathBuf>,
    /// Folder with model.onnx and manifest.json.
    #[arg(long, value_name = "DIR", required_unless_present = "doctor")]
    model: Option<PathBuf>,
    /// Model back end: auto, tract, onnxruntime.
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = backend)]
    backend: BackendChoice,
    /// ONNX Runtime library, 1.24 or newer; else the variable `ORT_DYLIB_PATH`.
    #[arg(long, value_name = "PATH")]
    ort_dylib: Option<PathBuf>,
    /// Most requests answered together.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = batch)]
    max_batch: usize,
    /// Most engines connected at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = peers)]
    max_peers: usize,
    /// While nobody asks: busy, yield, park.
    #[arg(long, value_name = "NAME", default_value = "park", value_parser = idle)]
    idle: Idle,
    /// Socket back end: libc, `io_uring`.
    #[arg(long, value_name = "NAME", default_value = "libc", value_parser = io)]
    io: BackendKind,
    /// One more user, by uid, whose processes may connect; may be repeated.
    #[arg(long, value_name = "UID")]
    allow_uid: Vec<u32>,
    /// What the process may do once it serves: on, best-effort, off.
    #[arg(long, value_name = "MODE", default_value = "best-effort", value_parser = sandbox)]
    sandbox: SandboxMode,
    /// The one folder beneath which models are read; else the model's own.
    #[arg(long, value_name = "DIR")]
    model_root: Option<PathBuf>,
    /// Ends when the process that started this one ends.
    #[arg(long)]
    shutdown_with_parent: bool,
    /// Says which back end is live and why, checks the model if one is named, and ends.
    #[arg(long)]
    doctor: bool,
    /// The doctor's report as JSON.
    #[arg(long, requires = "doctor")]
    json: bool,
}

fn backend(name: &str) -> Result<BackendChoice, String> {
    BackendChoice::from_name(name).ok_or_else(|| "auto, tract or onnxruntime".into())
}

fn idle(name: &str) -> Result<Idle, String> {
    Idle::from_name(name).ok_or_else(|| "busy, yield or park".into())
}

fn io(name: &str) -> Result<BackendKind, String> {
    BackendKind::from_name(name).ok_or_else(|| "libc or io_uring".into())
}

fn sandbox(name: &str) -> Result<SandboxMode, String> {
    SandboxMode::from_name(name).ok_or_else(|| "on, best-effort or off".into())
}

fn batch(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=BATCH_MAX).contains(n))
        .ok_or_else(|| format!("1 to {BATCH_MAX}"))
}

fn peers(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=64).contains(n)).ok_or_else(|| "1 to 64".into())
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
    if args.doctor {
        return report(&args, &runtime);
    }
    match serve(args, &runtime) {
        Ok(()) => Exit::Clean.into(),
        Err(error) => {
            eprintln!("{}", error.operator_line());
            error.exit().into()
        }
    }
}

fn report(args: &Args, runtime: &RuntimeOptions) -> ExitCode {
    let report = doctor(runtime, args.model.as_deref());
    let text = match serde_json::to_string_pretty(&report) {
        Ok(json) if args.json => json + "\n",
        _ => report.text(),
    };
    // A reader that has closed the pipe has read enough.
    let _closed = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(report.exit_code)
}

fn serve(args: Args, runtime: &RuntimeOptions) -> Result<(), ModelError> {
    process::set_up(args.shutdown_with_parent)?;
    let mut sandbox = Sandbox::new(args.sandbox, policy(&args, runtime));
    sandbox.close_files()?;
    // Both are there: the command line demands them without --doctor.
    let (socket, model) = (args.socket.unwrap_or_default(), args.model.unwrap_or_default());
    let scorer = Scorer::load(&model, runtime)?;
    let live = scorer.model().runtime();
    if let Some(error) = live.fallback() {
        eprintln!("corelane-signal: {} serves instead; {}", live.provider(), error.operator_line());
    }
    let mut policy = PeerPolicy::same_user();
    for uid in args.allow_uid {
        policy = policy.allow(uid);
    }
    let options = ServerOptions {
        socket: socket.clone(),
        policy,
        io: args.io,
        max_batch: args.max_batch,
        max_peers: args.max_peers,
        idle: args.idle,
    };
    let mut server = Server::listen(scorer, options)?;
    if let Some(error) = server.io_fallback() {
        eprintln!("corelane-signal: libc sockets serve instead; {}", ipc_line(error));
    }
    sandbox.close_calls()?;
    for line in sandbox.take_missing() {
        eprintln!("corelane-signal: {line}");
    }
    say_ready(&server, &socket, &sandbox);
    let outcome = server.run();
    say_ended(&server);
    outcome
}

/// What this server needs of the machine once it serves.
fn policy(args: &Args, runtime: &RuntimeOptions) -> Policy {
    let model = args.model.as_deref().unwrap_or(Path::new(""));
    let socket = args.socket.as_deref().unwrap_or(Path::new(""));
    let mut policy = Policy::new(args.model_root.as_deref().unwrap_or(model), socket);
    policy.io_uring = args.io == BackendKind::IoUring;
    match (&runtime.dylib, runtime.choice) {
        (Some(library), BackendChoice::Auto | BackendChoice::OnnxRuntime) => {
            policy.with_library(library)
        }
        (None, _) | (_, BackendChoice::Tract) => policy,
    }
}

fn say_ready(server: &Server, socket: &Path, sandbox: &Sandbox) {
    eprintln!(
        "corelane-signal: ready: socket={} model={} sha256={} backend={} io={} sandbox={}",
        socket.display(),
        server.scorer().model().manifest().name,
        server.scorer().model().sha256(),
        server.scorer().model().runtime().provider(),
        server.io_name(),
        sandbox.closed(),
    );
}

fn say_ended(server: &Server) {
    let c = server.counters();
    eprintln!(
        "corelane-signal: ended: peers={} requests={} scored={} abstained={} refused={} \
         refused_interval={} shed={} answers_dropped={} violations={} handshakes_refused={} \
         connections_refused={} batches={} infer_ns_max={} failures={}",
        c.peers,
        c.requests,
        c.scored,
        c.abstained,
        c.refused,
        c.refused_interval,
        c.shed,
        c.answers_dropped,
        c.violations,
        c.handshakes_refused,
        c.connections_refused,
        c.batches,
        c.infer_ns_max,
        server.scorer().failures(),
    );
}

fn ipc_line(error: &ipc::IpcError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
