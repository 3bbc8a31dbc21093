//! The sections `[session] [data] [venue] [station] [signal] [limits] [record] [tape] [journal]
//! [notary]`.
//!
//! One function a section; each says the keys, their bounds and their defaults. Runs once at start.

use super::reader::{Problems, Table, shown};
use super::{
    Data, Journal, ModelChanges, Notary, Profile, Session, Signal, SignalStore, Station, Tape,
    Threads,
};
use crate::bridge::Transport;
use crate::idle::Idle;
use crate::limits::{EpochState, Source};
use crate::pin::CpuChoice;
use ipc::BackendKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;
use venues::player::Speed;
use venues::sim::{Budget, Fees, Latency, QueueModel, SimConfig, Throttle};
use wire::station::Mode;

/// Everything but strategies.
pub(super) struct Sections {
    pub(super) session: Session,
    pub(super) data: Data,
    pub(super) venue: SimConfig,
    pub(super) station: Station,
    pub(super) signal: Signal,
    pub(super) limits: Source,
    pub(super) record_dir: PathBuf,
    pub(super) tape: Tape,
    pub(super) journal: Journal,
    pub(super) notary: Option<Notary>,
}

/// The folder a configuration lies in.
pub(super) struct Folder<'a> {
    /// Where.
    pub(super) path: &'a Path,
    /// Whether it is a run's folder, with the files of samples under names of its own.
    pub(super) kept: bool,
}

pub(super) fn read(
    folder: &Folder<'_>,
    root: &mut Table<'_, '_>,
    problems: &mut Problems<'_>,
) -> Sections {
    let base = folder.path;
    let session = session(root.table("session", problems), problems);
    let state = session.state_dir.as_deref().map(EpochState::new);
    Sections {
        session,
        data: data(base, root.table("data", problems), problems),
        venue: venue(folder, root.table("venue", problems), problems),
        station: station(base, root.table("station", problems), problems),
        signal: signal(base, root.table("signal", problems), problems),
        limits: limits(base, state, root.table("limits", problems), problems),
        record_dir: record(root.table("record", problems), problems),
        tape: tape(root.table("tape", problems), problems),
        journal: journal(root.table("journal", problems), problems),
        notary: notary(base, root.table("notary", problems), problems),
    }
}

fn session(mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> Session {
    let name = table.text_required("name", problems);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.value.chars().all(plain) || name.value.starts_with('.') || name.value.len() > 64 {
        let found = format!("\"{}\"", name.value.escape_debug());
        let allowed = "up to 64 letters, digits, '-', '_' or '.', not starting with '.'";
        problems.add(name.line, "session.name", found, allowed);
    }
    let epoch = table.integer_or("epoch", 1..=i64::from(u32::MAX), 1, problems);
    let modes =
        [("MAINTENANCE", Mode::Maintenance), ("REDUCING", Mode::Reducing), ("LIVE", Mode::Live)];
    let start_mode = table.choice_or("start_mode", &modes, Mode::Maintenance, problems);
    let state_dir = table.text("state_dir", problems).map(|at| PathBuf::from(at.value));
    table.finish(problems);
    let epoch = u32::try_from(epoch).unwrap_or(1);
    Session { name: name.value, epoch, start_mode, state_dir }
}

fn data(base: &Path, mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> Data {
    let recording = table.text_required("recording", problems);
    let speed = table.value("speed", problems).map_or(Some(Speed::REAL_TIME), |found| {
        let text = match found.value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.as_str().to_owned(),
            other @ (DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_)) => shown(other),
        };
        let speed = text.parse::<Speed>().ok();
        if speed.is_none() {
            let allowed = "\"max\" or a number such as 1, 8 or 0.5 (3 decimals at most)";
            problems.add(found.line, "data.speed", shown(found.value), allowed);
        }
        speed
    });
    table.finish(problems);
    Data { recording: base.join(recording.value), speed: speed.unwrap_or(Speed::REAL_TIME) }
}

fn venue(folder: &Folder<'_>, mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> SimConfig {
    let default = SimConfig::default();
    table.choice_or("kind", &[(super::VENUE, ())], (), problems);
    let entry_latency = latency(folder, &mut table, "entry_latency_ns", problems);
    let response_latency = latency(folder, &mut table, "response_latency_ns", problems);
    let models = [
        ("risk-averse", QueueModel::RiskAverse),
        ("proportional", QueueModel::Proportional),
        ("power-2", QueueModel::Power { exponent: 2 }),
        ("power-3", QueueModel::Power { exponent: 3 }),
        ("log", QueueModel::Log),
        ("l3-fifo", QueueModel::L3Fifo),
    ];
    let queue_model = table.choice_or("queue_model", &models, default.queue_model, problems);
    let mut rate = |key| {
        let rate = table.integer_or(key, -100_000..=100_000, 0, problems);
        i32::try_from(rate).unwrap_or(0)
    };
    let (maker_rate_e6, taker_rate_e6) = (rate("maker_fee_e6"), rate("taker_fee_e6"));
    let inverse = i64::from(default.inverse_contract_value);
    let bounds = 1..=1_000_000;
    let inverse = table.integer_or("inverse_contract_value", bounds, inverse, problems);
    let balance = default.starting_balance_e9;
    let balance = table.integer_or("starting_balance_e9", 0..=i64::MAX, balance, problems);
    let throttle = throttle(&mut table, problems);
    let seed = table.integer_or("seed", 0..=i64::MAX, 1, problems);
    table.finish(problems);
    SimConfig {
        entry_latency: entry_latency.unwrap_or(default.entry_latency),
        response_latency: response_latency.unwrap_or(default.response_latency),
        queue_model,
        fees: Fees { maker_rate_e6, taker_rate_e6 },
        inverse_contract_value: u32::try_from(inverse).unwrap_or(1),
        starting_balance_e9: balance,
        throttle,
        seed: u64::try_from(seed).unwrap_or(1),
        ..default
    }
}

/// What the venue takes a second; a rate of 0 is no throttle, a burst of 0 that of one second.
fn throttle(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Option<Throttle> {
    const MOST: i64 = 1_000_000;
    let mut budget = |rate: &'static str, burst: &'static str| {
        let mut count = |key| {
            let count = table.integer_or(key, 0..=MOST, 0, problems);
            u32::try_from(count).unwrap_or(0)
        };
        let (per_s, burst) = (count(rate), count(burst));
        (per_s > 0).then_some(Budget { per_s, burst: if burst > 0 { burst } else { per_s } })
    };
    let messages = budget("throttle_per_s", "throttle_burst");
    let cancels = budget("throttle_cancel_per_s", "throttle_cancel_burst");
    if let (None, Some(cancels)) = (messages, cancels) {
        let allowed = "0 while venue.throttle_per_s = 0: nothing is throttled then";
        let key = table.key("throttle_cancel_per_s");
        problems.add(table.line(), &key, cancels.per_s, allowed);
    }
    messages.map(|messages| Throttle { messages, cancels })
}

/// A constant, or the name of a file with one sample a line.
fn latency(
    folder: &Folder<'_>,
    table: &mut Table<'_, '_>,
    key: &'static str,
    problems: &mut Problems<'_>,
) -> Option<Latency> {
    const LIMIT_NS: u64 = 60_000_000_000;
    let found = table.value(key, problems)?;
    let allowed = "nanoseconds from 0 to 60000000000, or a file with one such number a line";
    let in_bounds = |text: &str| text.parse::<u64>().ok().filter(|ns| *ns <= LIMIT_NS);
    let latency = match found.value {
        DeValue::Integer(number) => in_bounds(number.as_str()).map(Latency::Constant),
        DeValue::String(name) => {
            let name = if folder.kept { super::kept::samples(key) } else { name.to_string() };
            let text = std::fs::read_to_string(folder.path.join(name)).unwrap_or_default();
            let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
            let samples: Option<Vec<u64>> = lines.map(in_bounds).collect();
            samples.filter(|samples| !samples.is_empty()).map(Latency::Samples)
        }
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    };
    if latency.is_none() {
        problems.add(found.line, &table.key(key), shown(found.value), allowed);
    }
    latency
}

fn station(base: &Path, mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> Station {
    let threads = [("one", Threads::One), ("two", Threads::Two)];
    let threads = table.choice_or("threads", &threads, Threads::Two, problems);
    let loop_cpu = cpu(&mut table, "loop_cpu", problems);
    let edge_cpu = cpu(&mut table, "edge_cpu", problems);
    let idles = [("busy", Idle::Busy), ("yield", Idle::Yield), ("park", Idle::Park)];
    let idle = table.choice_or("idle", &idles, Idle::Yield, problems);
    let lock_memory = table.boolean_or("lock_memory", true, problems);
    let kinds = [("libc", BackendKind::Libc), ("io_uring", BackendKind::IoUring)];
    let io = table.choice_or("io", &kinds, BackendKind::Libc, problems);
    let profiles = [("dev", Profile::Dev), ("live", Profile::Live)];
    let profile = table.choice_or("profile", &profiles, Profile::Dev, problems);
    let topology = table.text("topology", problems).map(|at| base.join(at.value));
    let order_capacity = table.integer_or("order_capacity", 16..=65_536, 1_024, problems);
    table.finish(problems);
    Station {
        threads,
        loop_cpu,
        edge_cpu,
        idle,
        lock_memory,
        io,
        profile,
        topology,
        order_capacity: usize::try_from(order_capacity).unwrap_or(1_024),
    }
}

fn cpu(table: &mut Table<'_, '_>, key: &'static str, problems: &mut Problems<'_>) -> CpuChoice {
    let Some(found) = table.value(key, problems) else { return CpuChoice::Auto };
    let choice = match found.value {
        DeValue::String(word) if word == "auto" => Some(CpuChoice::Auto),
        DeValue::String(word) if word == "none" => Some(CpuChoice::None),
        DeValue::Integer(number) => {
            let id = number.as_str().parse::<usize>().ok().filter(|id| *id < 1_024);
            id.map(CpuChoice::Id)
        }
        DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    };
    choice.unwrap_or_else(|| {
        let allowed = "\"auto\", \"none\" or a CPU id from 0 to 1023";
        problems.add(found.line, &table.key(key), shown(found.value), allowed);
        CpuChoice::Auto
    })
}

const MODEL_CHANGES: &[(&str, ModelChanges)] =
    &[("named", ModelChanges::Named), ("followed", ModelChanges::Followed)];

/// `store`, `name` and `public_key` of `[signal]`; the last alone also goes with a folder.
fn signal_store(
    base: &Path,
    has_folder: bool,
    table: &mut Table<'_, '_>,
    problems: &mut Problems<'_>,
) -> Option<SignalStore> {
    let root = table.text("store", problems);
    let name = table.text("name", problems);
    let key = table.text("public_key", problems);
    if let Some(root) = &root
        && has_folder
    {
        let allowed = "signal.model or signal.store, not both";
        problems.add(root.line, "signal.store", format!("\"{}\"", root.value), allowed);
    }
    let line = root.as_ref().map_or(0, |root| root.line);
    match (root, name) {
        (Some(root), Some(name)) => Some(SignalStore {
            root: base.join(root.value),
            name: name.value,
            public_key: key.map(|key| base.join(key.value)),
        }),
        (Some(_), None) => {
            problems.add(line, "signal.name", "nothing", "a model's name beside signal.store");
            None
        }
        (None, given) => {
            for at in [given, key].into_iter().flatten() {
                let found = format!("\"{}\"", at.value);
                problems.add(at.line, "signal.store", found, "a store beside name and public_key");
            }
            None
        }
    }
}

/// Back ends that compute on a device which may fail where the CPU does not.
const GPU_BACKENDS: [&str; 2] = ["onnxruntime-cuda", "onnxruntime-tensorrt"];
/// Back ends a standby may have.
const STANDBYS: [&str; 5] = ["none", "auto", "fused", "tract", "onnxruntime"];

/// `standby` of `[signal]`: beside a GPU's back end there is one unless it says otherwise.
fn standby(
    backend: &str,
    is_started: bool,
    table: &mut Table<'_, '_>,
    problems: &mut Problems<'_>,
) -> Option<String> {
    let wanted = if is_started && GPU_BACKENDS.contains(&backend) { "auto" } else { "none" };
    let choices = STANDBYS.map(|word| (word, word));
    let word = table.choice_or("standby", &choices, wanted, problems);
    (word != "none").then(|| word.to_owned())
}

/// `gpu` of `[signal]`: only a back end that computes on a card has one.
fn gpu(backend: &str, table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Option<u32> {
    let gpu = table.integer("gpu", 0..=63, problems)?;
    if !GPU_BACKENDS.contains(&backend) {
        let allowed = format!("no key while signal.backend is none of {}", GPU_BACKENDS.join(", "));
        problems.add(gpu.line, &table.key("gpu"), gpu.value, &allowed);
    }
    u32::try_from(gpu.value).ok()
}

fn signal(base: &Path, mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> Signal {
    let enabled = table.boolean_or("enabled", false, problems);
    let socket = table.text("socket", problems).map(|at| PathBuf::from(at.value));
    let transports = [Transport::Socket, Transport::Shm].map(|t| (t.name(), t));
    let transport = table.choice_or("transport", &transports, Transport::Socket, problems);
    let model = table.text("model", problems).map(|at| base.join(at.value));
    let backend = table.text("backend", problems).map_or("auto".to_owned(), |at| at.value);
    let small = |ms: i64| u32::try_from(ms).unwrap_or(1);
    let ttl_ms = small(table.integer_or("ttl_ms", 1..=600_000, 500, problems));
    let interval = table.integer_or("sample_interval_ms", 1..=600_000, 100, problems);
    let store = signal_store(base, model.is_some(), &mut table, problems);
    let standby = standby(&backend, model.is_some() || store.is_some(), &mut table, problems);
    let gpu = gpu(&backend, &mut table, problems);
    let named = ModelChanges::Named;
    let model_changes = table.choice_or("model_changes", MODEL_CHANGES, named, problems);
    if enabled && model.is_none() && store.is_none() && socket.is_none() {
        let allowed = "a model's folder, signal.store, or the socket of a sidecar that runs already, \
                       while signal.enabled = true";
        problems.add(table.line(), "signal.model", "nothing", allowed);
    }
    table.finish(problems);
    let sample_interval_ms = small(interval);
    Signal {
        enabled,
        socket,
        transport,
        model,
        store,
        model_changes,
        backend,
        gpu,
        standby,
        ttl_ms,
        sample_interval_ms,
    }
}

/// Where limits come from. An empty path after a problem: there is no default file.
fn limits(
    base: &Path,
    state: Option<EpochState>,
    mut table: Table<'_, '_>,
    problems: &mut Problems<'_>,
) -> Source {
    let file = table.text_required("file", problems).value;
    let public_key = table.text("public_key", problems).map(|at| base.join(at.value));
    table.finish(problems);
    let file = if file.is_empty() { PathBuf::new() } else { base.join(file) };
    Source { file, public_key, state }
}

fn record(mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> PathBuf {
    let dir = table.text("dir", problems).map_or("runs".to_owned(), |at| at.value);
    table.finish(problems);
    PathBuf::from(dir)
}

/// A folder of the user's own on the one tmpfs every Linux has: it outlives a process and a logout.
fn default_tape_dir() -> PathBuf {
    PathBuf::from(format!("/dev/shm/corelane-{}", crate::sys::user_id()))
}

fn tape(mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> Tape {
    let dir = table.text("dir", problems).map_or_else(default_tape_dir, |at| at.value.into());
    let mib = table.integer_or("size_mib", 2..=4_096, 32, problems);
    table.finish(problems);
    Tape { dir, bytes: usize::try_from(mib).unwrap_or(32) << 20 }
}

fn journal(mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> Journal {
    let mib = table.integer_or("segment_mib", 1..=4_096, 16, problems);
    let sync_ms = table.integer_or("sync_ms", 0..=1_000, 5, problems);
    table.finish(problems);
    Journal {
        segment_bytes: u64::try_from(mib).unwrap_or(16) << 20,
        sync_every: Duration::from_millis(u64::try_from(sync_ms).unwrap_or(5)),
    }
}

fn notary(base: &Path, mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> Option<Notary> {
    if table.is_absent() {
        return None;
    }
    let key = table.text_required("key", problems);
    let every = table.integer_or("every_ms", 1..=3_600_000, 1_000, problems);
    let mut anchors = Vec::new();
    if let Some(found) = table.value("anchors", problems) {
        let text = |value: &toml::Spanned<DeValue<'_>>| {
            value.get_ref().as_str().filter(|text| !text.is_empty()).map(PathBuf::from)
        };
        let list = found.value.as_array().and_then(|list| list.iter().map(text).collect());
        if let Some(list) = list {
            anchors = list;
        } else {
            let allowed = "a list of file names, such as [\"/mnt/other/anchor.clk\"]";
            problems.add(found.line, "notary.anchors", shown(found.value), allowed);
        }
    }
    table.finish(problems);
    Some(Notary {
        key: base.join(key.value),
        anchors,
        every_ms: u32::try_from(every).unwrap_or(1_000),
    })
}
