//! `corelane-signal`: serves one ONNX model on one Unix socket until SIGTERM.
//!
//! Owns the command line, the first and last line on the terminal, and the exit code. Must never:
//! read a configuration file, or open a network socket.

use clap::Parser;
use clap::error::ErrorKind;
use corelane_signal::backend::Backend;
use corelane_signal::batch::QueuePolicy;
use corelane_signal::doctor::doctor;
use corelane_signal::guard::Action;
use corelane_signal::guard::gate::{Gate, HostSense, Machine};
use corelane_signal::guard::log::Log;
use corelane_signal::guard::sensor::{Budget, Host, SensorError, Vram};
use corelane_signal::loader::{Guarding, Loader, LoaderOptions};
use corelane_signal::model::{BATCH_MAX, Model};
use corelane_signal::resident::Device;
use corelane_signal::runtime::Runtime;
use corelane_signal::sandbox::{Policy, Sandbox, SandboxMode};
use corelane_signal::server::{Idle, Server, ServerOptions};
use corelane_signal::shadow::ShadowBounds;
use corelane_signal::store::{Bundle, PublicKey, Store};
use corelane_signal::{BackendChoice, ModelError, RuntimeOptions, Scorer, process, runtime};
use ipc::{BackendKind, PeerPolicy};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
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
    /// What memory allows.
    #[command(flatten)]
    guard: GuardArgs,
    /// Model back end: auto, fused, tract, onnxruntime, onnxruntime-cuda, onnxruntime-tensorrt.
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = backend)]
    backend: BackendChoice,
    /// ONNX Runtime library, 1.24 or newer; else the variable `ORT_DYLIB_PATH`.
    #[arg(long, value_name = "PATH")]
    ort_dylib: Option<PathBuf>,
    /// Folder where TensorRT keeps the engines it has built.
    #[arg(long, value_name = "DIR")]
    engine_cache: Option<PathBuf>,
    /// Most requests answered together.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = batch)]
    max_batch: usize,
    /// Most requests that wait for a later batch; the oldest beyond are shed.
    #[arg(long, value_name = "N", default_value_t = QueuePolicy::MAX_QUEUE, value_parser = queue)]
    max_queue: usize,
    /// Longest wait for a batch to fill, microseconds; 0 runs what is there.
    #[arg(long, value_name = "US", default_value_t = 0, value_parser = timeout_us)]
    batch_timeout: u64,
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

/// The memory guard, which loads of a store go through.
#[derive(Clone, Debug, clap::Args)]
struct GuardArgs {
    /// Whether loads go through the memory guard: on, off.
    #[arg(long = "memory-guard", value_name = "MODE", default_value = "on", value_parser = switch)]
    is_on: bool,
    /// Bytes this process may have resident, in place of the host's own figures.
    #[arg(long = "memory-budget", value_name = "BYTES", value_parser = budget)]
    budget: Option<u64>,
    /// The GPU whose memory is watched, by NVML's index.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    gpu: u32,
    /// Time between two looks at memory, milliseconds.
    #[arg(long = "memory-every-ms", value_name = "MS", default_value_t = 250,
          value_parser = clap::value_parser!(u64).range(10..=60_000))]
    every_ms: u64,
    /// Folder for guard.jsonl, the guard's record; without it none is kept.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
}

/// What must be open before the files' fence closes.
struct Watched {
    host: HostSense,
    log: Option<Log>,
}

impl GuardArgs {
    fn open(&self) -> Result<Watched, ModelError> {
        let sensor = |error: SensorError| ModelError::Guard { found: error.to_string() };
        let host = match self.budget {
            Some(bytes) => HostSense::Budget(Budget::open(bytes).map_err(sensor)?),
            None => HostSense::Host(Host::default().open().map_err(sensor)?),
        };
        let log = self.log_dir.as_deref().map(|dir| {
            let found = |error| format!("folder={} error=\"{error}\"", dir.display());
            Log::open(dir).map_err(|error| ModelError::Guard { found: found(error) })
        });
        Ok(Watched { host, log: log.transpose()? })
    }

    /// The gate, once the runtime is live.
    fn guarding(&self, watched: Watched, live: &Runtime) -> Guarding {
        let Watched { host, log } = watched;
        let fallback = live.on_cpu();
        let vram = fallback.map(|_| Vram::open(self.gpu).map_err(|error| error.to_string()));
        if let Some(Err(why)) = &vram {
            eprintln!(
                "corelane-signal: RESOURCE: the GPU's memory cannot be watched, so no other model is \
                 loaded into it: gpu={} reason=\"{why}\"; next: install NVML with the driver, or start \
                 with --memory-guard=off",
                self.gpu
            );
        }
        let device = if fallback.is_some() { Device::Gpu } else { Device::Cpu };
        let gate = Gate::new(Box::new(Machine { host, vram }), log);
        let every = Duration::from_millis(self.every_ms);
        let fallback = fallback.map(|runtime| runtime as &'static dyn Backend);
        Guarding { gate, device, fallback, every }
    }
}

fn switch(name: &str) -> Result<bool, String> {
    match name {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off".into()),
    }
}

fn budget(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|bytes| *bytes > 0).ok_or_else(|| "bytes, from 1".into())
}

fn backend(name: &str) -> Result<BackendChoice, String> {
    BackendChoice::from_name(name).ok_or_else(|| BackendChoice::NAMES.into())
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

fn queue(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n <= 65_536).ok_or_else(|| "0 to 65536".into())
}

fn timeout_us(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|us| *us <= 1_000_000).ok_or_else(|| "0 to 1000000".into())
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
    runtime.engine_cache.clone_from(&args.engine_cache);
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
    let guards = args.guard.is_on && args.store.is_some();
    let watched = guards.then(|| args.guard.open()).transpose()?;
    let mut sandbox = Sandbox::new(args.sandbox, policy(&args, runtime));
    sandbox.close_files()?;
    let store = args.store.as_deref().map(|root| Store::open(root, key.clone())).transpose()?;
    let name = args.name.clone().unwrap_or_default();
    let bundle = match &store {
        Some(store) => store.object(store.current(&name)?)?,
        None => Bundle::open(args.model.as_deref().unwrap_or(Path::new("")), key.as_ref())?,
    };
    let live = runtime::start(runtime)?;
    let scorer = Scorer::new(Model::of(bundle, live)?);
    let guarding = watched.map(|watched| args.guard.guarding(watched, live));
    let loader = store.map(|store| {
        let options = args.shadow.options(name);
        Loader::start_guarded(store, scorer.model(), live, options, guarding)
    });
    if let Some(error) = live.fallback() {
        let serving = scorer.model().provider();
        eprintln!("corelane-signal: {serving} serves instead; {}", error.operator_line());
    }
    let mut policy = PeerPolicy::same_user();
    for uid in args.allow_uid {
        policy = policy.allow(uid);
    }
    let options = ServerOptions {
        socket: socket.clone(),
        policy,
        io: args.io,
        queue: QueuePolicy {
            max_batch: args.max_batch,
            max_queue: args.max_queue,
            batch_timeout_ns: args.batch_timeout * 1_000,
        },
        max_peers: args.max_peers,
        idle: args.idle,
    };
    let mut server = Server::listen(scorer, options)?;
    if let Some(loader) = loader.transpose()? {
        server = server.with_loader(loader);
    }
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
    let models = args.model_root.as_ref().or(args.store.as_ref()).or(args.model.as_ref());
    let socket = args.socket.as_deref().unwrap_or(Path::new(""));
    let mut policy = Policy::new(models.map_or(Path::new(""), PathBuf::as_path), socket);
    policy.io_uring = args.io == BackendKind::IoUring;
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

fn say_ready(server: &Server, socket: &Path, sandbox: &Sandbox) {
    eprintln!(
        "corelane-signal: ready: socket={} model={} sha256={} backend={} io={} sandbox={}",
        socket.display(),
        server.scorer().model().manifest().name,
        server.scorer().model().sha256(),
        server.scorer().model().provider(),
        server.io_name(),
        sandbox.closed(),
    );
}

fn say_ended(server: &Server) {
    let (c, swaps) = (server.counters(), server.swaps());
    let memory = server.memory().unwrap_or_default();
    eprintln!(
        "corelane-signal: ended: peers={} requests={} scored={} abstained={} refused={} \
         refused_interval={} shed={} expired={} answers_dropped={} violations={} \
         handshakes_refused={} connections_refused={} shared={} memory_refused={} memory_faults={} \
         batches={} infer_ns_max={} failures={} generation={} swaps={} swaps_failed={} \
         loads_denied={} unloads={} trips={}",
        c.peers,
        c.requests,
        c.scored,
        c.abstained,
        c.refused,
        c.refused_interval,
        c.shed,
        c.expired,
        c.answers_dropped,
        c.violations,
        c.handshakes_refused,
        c.connections_refused,
        c.shared,
        c.memory_refused,
        c.memory_faults,
        c.batches,
        c.infer_ns_max,
        server.scorer().failures(),
        server.generation(),
        swaps.served,
        swaps.failed(),
        memory.count(Action::Deny),
        memory.count(Action::Unload),
        swaps.trips,
    );
}

fn ipc_line(error: &ipc::IpcError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
