//! `corelane-signal`: serves one ONNX model on one Unix socket until SIGTERM.
//!
//! Owns the command line, the first and last line on the terminal, and the exit code. Must never:
//! read a configuration file, or open a network socket.

use clap::Parser;
use clap::error::ErrorKind;
use corelane_signal::doctor::doctor;
use corelane_signal::loader::{Loader, LoaderOptions};
use corelane_signal::model::{BATCH_MAX, Model};
use corelane_signal::server::{Idle, Server, ServerOptions};
use corelane_signal::shadow::ShadowBounds;
use corelane_signal::store::{Bundle, PublicKey, Store};
use corelane_signal::{BackendChoice, ModelError, RuntimeOptions, Scorer, process, runtime};
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
    #[arg(long, value_name = "DIR", required_unless_present_any = ["doctor", "store"])]
    model: Option<PathBuf>,
    /// Model store, instead of a folder: its model can be changed while it serves.
    #[arg(long, value_name = "DIR", conflicts_with = "model", requires = "name")]
    store: Option<PathBuf>,
    /// Name in the store whose `current` serves.
    #[arg(long, value_name = "NAME", requires = "store")]
    name: Option<String>,
    /// Public key models must be signed by.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// How a candidate is tried beside the model that serves.
    #[command(flatten)]
    shadow: ShadowArgs,
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

/// How a candidate is tried before it serves.
#[derive(Clone, Copy, Debug, clap::Args)]
struct ShadowArgs {
    /// Live requests a candidate answers beside the model that serves, where a command names none.
    #[arg(long = "shadow-answers", value_name = "N", default_value_t = 64)]
    answers: u32,
    /// Longest wait for them, seconds.
    #[arg(long = "shadow-patience-s", value_name = "S", default_value_t = 60)]
    patience_s: u64,
    /// Largest mean difference of two scores, millionths.
    #[arg(
        long = "shadow-drift-mean-e6",
        value_name = "N",
        default_value_t = ShadowBounds::default().drift_mean_e6
    )]
    drift_mean_e6: u64,
    /// Largest difference of two scores, millionths.
    #[arg(
        long = "shadow-drift-max-e6",
        value_name = "N",
        default_value_t = ShadowBounds::default().drift_max_e6
    )]
    drift_max_e6: u64,
    /// Largest ratio of the median inference times, thousandths.
    #[arg(
        long = "shadow-latency-ratio-e3",
        value_name = "N",
        default_value_t = ShadowBounds::default().latency_ratio_e3
    )]
    latency_ratio_e3: u64,
    /// Requests it may abstain from though the model that serves answers.
    #[arg(long = "shadow-abstentions", value_name = "N", default_value_t = 0)]
    abstentions: u64,
}

impl ShadowArgs {
    fn options(self, name: String) -> LoaderOptions {
        LoaderOptions {
            name,
            answers: self.answers,
            patience_ns: self.patience_s.saturating_mul(1_000_000_000),
            bounds: ShadowBounds {
                drift_mean_e6: self.drift_mean_e6,
                drift_max_e6: self.drift_max_e6,
                latency_ratio_e3: self.latency_ratio_e3,
                abstentions: self.abstentions,
                ..ShadowBounds::default()
            },
        }
    }
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
    // The command line demands it, and a model or a store, without --doctor.
    let socket = args.socket.clone().unwrap_or_default();
    let key = args.public_key.as_deref().map(PublicKey::read).transpose()?;
    let store = args.store.as_deref().map(|root| Store::open(root, key.clone())).transpose()?;
    let name = args.name.clone().unwrap_or_default();
    let bundle = match &store {
        Some(store) => store.object(store.current(&name)?)?,
        None => Bundle::open(args.model.as_deref().unwrap_or(Path::new("")), key.as_ref())?,
    };
    let live = runtime::start(runtime)?;
    let scorer = Scorer::new(Model::of(bundle, live)?);
    let loader = store
        .map(|store| Loader::start(store, scorer.model(), live, args.shadow.options(name)))
        .transpose()?;
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
    if let Some(loader) = loader {
        server = server.with_loader(loader);
    }
    if let Some(error) = server.io_fallback() {
        eprintln!("corelane-signal: libc sockets serve instead; {}", ipc_line(error));
    }
    say_ready(&server, &socket);
    let outcome = server.run();
    say_ended(&server);
    outcome
}

fn say_ready(server: &Server, socket: &Path) {
    eprintln!(
        "corelane-signal: ready: socket={} model={} sha256={} backend={} io={}",
        socket.display(),
        server.scorer().model().manifest().name,
        server.scorer().model().sha256(),
        server.scorer().model().provider(),
        server.io_name(),
    );
}

fn say_ended(server: &Server) {
    let (c, swaps) = (server.counters(), server.swaps());
    eprintln!(
        "corelane-signal: ended: peers={} requests={} scored={} abstained={} refused={} \
         refused_interval={} shed={} answers_dropped={} violations={} handshakes_refused={} \
         connections_refused={} batches={} infer_ns_max={} failures={} generation={} swaps={} \
         swaps_failed={}",
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
        server.generation(),
        swaps.served,
        swaps.failed(),
    );
}

fn ipc_line(error: &ipc::IpcError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
