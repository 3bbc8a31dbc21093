//! A model server's process from its command line to its last line, whatever computes the model.
//!
//! Owns what every such program takes as arguments, the order in which its fences close, and the
//! lines it says. Must never: name a back end, read a configuration file, or open a network socket.
//! Main thread.
#![expect(clippy::print_stderr, reason = "the lines a supervisor and an operator read")]

mod memory;

use self::memory::GuardArgs;
use crate::backend::Backend;
use crate::batch::QueuePolicy;
use crate::error::ModelError;
use crate::guard::Action;
use crate::loader::{Loader, LoaderOptions};
use crate::model::{BATCH_MAX, Model};
use crate::process;
use crate::sandbox::{Policy, Sandbox, SandboxMode};
use crate::scorer::Scorer;
use crate::server::{Idle, Server, ServerOptions};
use crate::shadow::ShadowBounds;
use crate::store::{Bundle, PublicKey, Store};
use ipc::{BackendKind, PeerPolicy};
use std::path::{Path, PathBuf};

/// What every model server is told.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerArgs {
    /// Socket to listen on; its folder must be private.
    #[arg(long, value_name = "PATH", required_unless_present = "doctor")]
    pub socket: Option<PathBuf>,
    /// Folder with manifest.json and the model's files.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["doctor", "store"])]
    pub model: Option<PathBuf>,
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
    /// Says what can compute here and why, checks the model if one is named, and ends.
    #[arg(long)]
    pub doctor: bool,
}

impl ServerArgs {
    /// What this server needs of the machine once it serves, on a runtime that is built in.
    fn policy(&self) -> Policy {
        let models = self.model_root.as_ref().or(self.store.as_ref()).or(self.model.as_ref());
        let socket = self.socket.as_deref().unwrap_or(Path::new(""));
        let mut policy = Policy::new(models.map_or(Path::new(""), PathBuf::as_path), socket);
        policy.io_uring = self.io == BackendKind::IoUring;
        policy
    }

    fn options(&self, socket: PathBuf) -> ServerOptions {
        let mut policy = PeerPolicy::same_user();
        for uid in &self.allow_uid {
            policy = policy.allow(*uid);
        }
        ServerOptions {
            socket,
            policy,
            io: self.io,
            queue: QueuePolicy {
                max_batch: self.max_batch,
                max_queue: self.max_queue,
                batch_timeout_ns: self.batch_timeout * 1_000,
            },
            max_peers: self.max_peers,
            idle: self.idle,
        }
    }
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

/// What computes, as a program has started it.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// The back end.
    pub backend: &'static dyn Backend,
    /// Why it is not the one that would have been taken first.
    pub fallback: Option<&'static ModelError>,
    /// Where it computes on a GPU: what computes the same on the CPU. None where it is on the CPU.
    pub on_cpu: Option<&'static dyn Backend>,
}

/// Serves until SIGTERM. `program` is the name in its lines; `adapt` opens the fences for what its
/// back end needs, and `start` starts that, between the first fence and the second.
///
/// # Errors
/// [`ModelError`] with its operator line and exit code.
pub fn serve(
    program: &str,
    args: &ServerArgs,
    adapt: impl FnOnce(Policy) -> Policy,
    start: impl FnOnce() -> Result<Started, ModelError>,
) -> Result<(), ModelError> {
    process::set_up(args.shutdown_with_parent)?;
    // The command line demands it, and a model or a store, without --doctor.
    let socket = args.socket.clone().unwrap_or_default();
    let key = args.public_key.as_deref().map(PublicKey::read).transpose()?;
    let guards = args.guard.is_on && args.store.is_some();
    let watched = guards.then(|| args.guard.open()).transpose()?;
    let mut sandbox = Sandbox::new(args.sandbox, adapt(args.policy()));
    sandbox.close_files()?;
    let store = args.store.as_deref().map(|root| Store::open(root, key.clone())).transpose()?;
    let name = args.name.clone().unwrap_or_default();
    let bundle = match &store {
        Some(store) => store.object(store.current(&name)?)?,
        None => Bundle::open(args.model.as_deref().unwrap_or(Path::new("")), key.as_ref())?,
    };
    let live = start()?;
    let scorer = Scorer::new(Model::of(bundle, live.backend)?);
    let guarding = watched.map(|watched| args.guard.guarding(program, watched, &live));
    let loader = store.map(|store| {
        let options = args.shadow.options(name);
        Loader::start_guarded(store, scorer.model(), live.backend, options, guarding)
    });
    if let Some(error) = live.fallback {
        let serving = scorer.model().provider();
        eprintln!("{program}: {serving} serves instead; {}", error.operator_line());
    }
    let mut server = Server::listen(scorer, args.options(socket.clone()))?;
    if let Some(loader) = loader.transpose()? {
        server = server.with_loader(loader);
    }
    if let Some(error) = server.io_fallback() {
        eprintln!("{program}: libc sockets serve instead; {}", ipc_line(error));
    }
    sandbox.close_calls()?;
    for line in sandbox.take_missing() {
        eprintln!("{program}: {line}");
    }
    say_ready(program, &server, &socket, &sandbox);
    let outcome = server.run();
    say_ended(program, &server);
    outcome
}

fn say_ready(program: &str, server: &Server, socket: &Path, sandbox: &Sandbox) {
    eprintln!(
        "{program}: ready: socket={} model={} sha256={} backend={} io={} sandbox={}",
        socket.display(),
        server.scorer().model().manifest().name,
        server.scorer().model().sha256(),
        server.scorer().model().provider(),
        server.io_name(),
        sandbox.closed(),
    );
}

fn say_ended(program: &str, server: &Server) {
    let (c, swaps) = (server.counters(), server.swaps());
    let memory = server.memory().unwrap_or_default();
    eprintln!(
        "{program}: ended: peers={} requests={} scored={} abstained={} refused={} \
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
