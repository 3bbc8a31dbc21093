//! The keys of a station's file.

use super::Absent::{Means, Refused, Value};
use super::Allowed::{Flag, Said, Text, Whole, Words};
use super::{FileKind, Key, Row, Section, of};

const CPU: &str = "\"auto\", \"none\" or a CPU id from 0 to 1023";
const LATENCY: &str = "nanoseconds from 0 to 60000000000, or a file with one such number a line";
const ANY: i64 = i64::MAX;
/// Largest count of lots or ticks.
const COUNT: i64 = 1_000_000_000_000_000;
const DAY_MS: i64 = 86_400_000;
const MILLION: i64 = 1_000_000;

const ENGINE: &str = "corelane-engine";
const RUN: &str = "corelane run, for corelane-signal";

pub(super) fn keys() -> impl Iterator<Item = Key> {
    of(FileKind::Station, SECTIONS).chain(STRATEGIES.iter().flat_map(|(kinds, section)| {
        section.keys(FileKind::Station).map(|mut key| {
            key.more.push(("of kind", kinds.join(", ")));
            key
        })
    }))
}

const SECTIONS: &[Section] = &[
    Section { path: "session", reader: ENGINE, rows: SESSION },
    Section { path: "data", reader: ENGINE, rows: DATA },
    Section { path: "venue", reader: ENGINE, rows: VENUE },
    Section { path: "station", reader: ENGINE, rows: STATION },
    Section { path: "signal", reader: ENGINE, rows: SIGNAL },
    Section { path: "signal", reader: RUN, rows: SIDECAR },
    Section { path: "limits", reader: ENGINE, rows: LIMITS },
    Section { path: "record", reader: "corelane-engine, corelane run", rows: RECORD },
    Section { path: "tape", reader: ENGINE, rows: TAPE },
    Section { path: "journal", reader: ENGINE, rows: JOURNAL },
    Section { path: "notary", reader: "corelane run, for corelane-notary", rows: NOTARY },
    Section { path: "strategy", reader: ENGINE, rows: STRATEGY },
];

const SESSION: &[Row] = &[
    Row("name", "-", Text, Refused, "Name of the session: the first part of a run folder's name."),
    Row("epoch", "-", Whole(1, 4_294_967_295), Value("1"), "Upper half of every client order id."),
    Row(
        "start_mode",
        "-",
        Words(&["MAINTENANCE", "REDUCING", "LIVE"]),
        Value("\"MAINTENANCE\""),
        "The mode asked for once the engine has reconciled; MAINTENANCE alone with profile live.",
    ),
    Row(
        "state_dir",
        "folder",
        Text,
        Means("nothing is kept from one session to the next"),
        "What outlives a session: the last limits epoch. Seen from the working directory.",
    ),
];

const DATA: &[Row] = &[
    Row("recording", "file", Text, Refused, "The recording to play. Seen from this file's folder."),
    Row(
        "speed",
        "recorded seconds a second",
        Said("\"max\" or a number such as 1, 8 or 0.5 (3 decimals at most)"),
        Value("1"),
        "How fast it is played; \"max\" as fast as the engine takes it, without latencies.",
    ),
];

const VENUE: &[Row] = &[
    Row("kind", "-", Words(&["sim"]), Value("\"sim\""), "The venue: the simulated one."),
    Row(
        "entry_latency_ns",
        "ns",
        Said(LATENCY),
        Value("1000000"),
        "From the edge's send to the venue.",
    ),
    Row(
        "response_latency_ns",
        "ns",
        Said(LATENCY),
        Value("1000000"),
        "From the venue back to the edge.",
    ),
    Row(
        "queue_model",
        "-",
        Words(&["risk-averse", "proportional", "power-2", "power-3", "log", "l3-fifo"]),
        Value("\"risk-averse\""),
        "What a shrinking level means for the queue ahead of a resting order; l3-fifo needs a \
         recording order by order.",
    ),
    Row(
        "maker_fee_e6",
        "millionths of the traded value",
        Whole(-100_000, 100_000),
        Value("0"),
        "Fee of a resting order's fill; negative is a rebate.",
    ),
    Row(
        "taker_fee_e6",
        "millionths of the traded value",
        Whole(-100_000, 100_000),
        Value("0"),
        "Fee of a crossing order's fill.",
    ),
    Row(
        "inverse_contract_value",
        "units of the quote currency",
        Whole(1, MILLION),
        Value("100"),
        "What one contract of an inverse perpetual is worth.",
    ),
    Row(
        "starting_balance_e9",
        "billionths of the quote currency",
        Whole(0, ANY),
        Value("1000000000000000000"),
        "What the account holds at the start.",
    ),
    Row(
        "throttle_per_s",
        "messages a second",
        Whole(0, MILLION),
        Value("0"),
        "What the venue takes; 0 takes all.",
    ),
    Row(
        "throttle_burst",
        "messages",
        Whole(0, MILLION),
        Value("0"),
        "What it takes at once after a pause; 0 is one second's worth.",
    ),
    Row(
        "throttle_cancel_per_s",
        "messages a second",
        Whole(0, MILLION),
        Value("0"),
        "A budget of their own for cancels; 0 is none. Needs throttle_per_s.",
    ),
    Row(
        "throttle_cancel_burst",
        "messages",
        Whole(0, MILLION),
        Value("0"),
        "Cancels at once after a pause; 0 is one second's worth.",
    ),
    Row("seed", "-", Whole(0, ANY), Value("1"), "Seed of what the venue draws by lot."),
];

const STATION: &[Row] = &[
    Row(
        "threads",
        "-",
        Words(&["one", "two"]),
        Value("\"two\""),
        "Loop and edge on a thread each, or both on one.",
    ),
    Row(
        "loop_cpu",
        "CPU id",
        Said(CPU),
        Value("\"auto\""),
        "CPU of the order loop; auto pins where a CPU remains for the rest.",
    ),
    Row(
        "edge_cpu",
        "CPU id",
        Said(CPU),
        Value("\"auto\""),
        "CPU of the edge; another than loop_cpu, and no id with one thread.",
    ),
    Row(
        "idle",
        "-",
        Words(&["busy", "yield", "park"]),
        Value("\"yield\""),
        "How hot threads wait: busy for CPUs of their own, yield for shared ones, park for a \
         single one.",
    ),
    Row("lock_memory", "-", Flag, Value("true"), "Whether memory is locked: no page fault."),
    Row("io", "-", Words(&["libc", "io_uring"]), Value("\"libc\""), "How the bridge does its I/O."),
    Row(
        "profile",
        "-",
        Words(&["dev", "live"]),
        Value("\"dev\""),
        "dev says what the host lacks; live refuses, and demands signed limits.",
    ),
    Row(
        "topology",
        "file",
        Text,
        Means("the CPUs that the host isolates are the hot ones"),
        "What the doctor holds the host against at start; `corelane doctor gate` takes the same file.",
    ),
    Row("order_capacity", "orders", Whole(16, 65_536), Value("1024"), "Slots of the order table."),
];

const SIGNAL: &[Row] = &[
    Row("enabled", "-", Flag, Value("false"), "Whether scores are asked for at all."),
    Row(
        "socket",
        "file",
        Text,
        Means("signal.sock in the run's folder"),
        "The sidecar's socket. Seen from the working directory.",
    ),
    Row(
        "transport",
        "-",
        Words(&["socket", "shm"]),
        Value("\"socket\""),
        "How requests and answers travel: over the socket, or shared memory passed over it.",
    ),
    Row(
        "model_changes",
        "-",
        Words(&["named", "followed"]),
        Value("\"named\""),
        "Another model's scores open nothing until an operator names it, or at once.",
    ),
    Row(
        "ttl_ms",
        "ms of engine time",
        Whole(1, 600_000),
        Value("500"),
        "Oldest usable answer, from its request.",
    ),
    Row(
        "sample_interval_ms",
        "ms of engine time",
        Whole(1, 600_000),
        Value("100"),
        "Time between two snapshots of the book.",
    ),
];

const SIDECAR: &[Row] = &[
    Row(
        "model",
        "folder",
        Text,
        Means("signal.store, or a sidecar that listens at signal.socket already"),
        "The model's folder. Seen from this file's folder.",
    ),
    Row(
        "store",
        "folder",
        Text,
        Means("signal.model"),
        "A model store, with signal.name; not beside signal.model. Seen from this file's folder.",
    ),
    Row("name", "-", Text, Means("no store"), "The name in the store whose current model serves."),
    Row(
        "public_key",
        "file",
        Text,
        Means("signatures are not checked"),
        "The key the store's models must be signed by. Seen from this file's folder.",
    ),
    Row(
        "backend",
        "-",
        Text,
        Value("\"auto\""),
        "What computes: auto, fused, tract, onnxruntime, onnxruntime-cuda, onnxruntime-tensorrt, \
         or torch. auto takes the fused kernel where it knows the model.",
    ),
    Row(
        "gpu",
        "index",
        Whole(0, 63),
        Means("the first card the CUDA library finds"),
        "The graphics card a GPU's back end computes on, by its place on the bus as nvidia-smi \
         numbers them; the sidecar sees no other. Only with onnxruntime-cuda or \
         onnxruntime-tensorrt.",
    ),
    Row(
        "standby",
        "-",
        Words(&["none", "auto", "fused", "tract", "onnxruntime"]),
        Means("\"auto\" beside a GPU's back end that `corelane run` starts, else \"none\""),
        "A second sidecar, warm beside the first, that answers where that one does not: its back \
         end. The engine hands over and back by itself.",
    ),
];

const LIMITS: &[Row] = &[
    Row(
        "file",
        "file",
        Text,
        Refused,
        "The limits file, the only source of limits. Seen from this file's folder.",
    ),
    Row(
        "public_key",
        "file",
        Text,
        Means("the signature is not checked; profile live refuses"),
        "The key the limits file must be signed by. Seen from this file's folder.",
    ),
];

const RECORD: &[Row] = &[Row(
    "dir",
    "folder",
    Text,
    Value("\"runs\""),
    "Where run folders are made. Seen from the working directory.",
)];

const TAPE: &[Row] = &[
    Row(
        "dir",
        "folder",
        Text,
        Means("/dev/shm/corelane-UID"),
        "Folder on tmpfs that outlives the engine.",
    ),
    Row(
        "size_mib",
        "MiB",
        Whole(2, 4_096),
        Value("32"),
        "The ring all inputs and outputs go through.",
    ),
];

const JOURNAL: &[Row] = &[
    Row("segment_mib", "MiB", Whole(1, 4_096), Value("16"), "Size of one segment's file."),
    Row(
        "sync_ms",
        "ms",
        Whole(0, 1_000),
        Value("5"),
        "Longest wait of a frame for the disk; 0 syncs every batch.",
    ),
];

const NOTARY: &[Row] = &[
    Row("key", "file", Text, Refused, "The notary's private key. Seen from this file's folder."),
    Row(
        "anchors",
        "files",
        Said("a list of file names, such as [\"/mnt/other/anchor.clk\"]"),
        Value("[]"),
        "Files outside the run's folder that get every checkpoint too.",
    ),
    Row(
        "every_ms",
        "ms",
        Whole(1, 3_600_000),
        Value("1000"),
        "Least time between two checkpoints.",
    ),
];

const STRATEGY: &[Row] = &[
    Row("name", "-", Text, Refused, "Name, unique; its limits stand in [strategy.NAME]."),
    Row("instrument", "-", Text, Refused, "The symbol it trades, one of the recording's."),
    Row(
        "kind",
        "-",
        Words(&["signal-taker", "momentum", "quoting", "mean-reversion"]),
        Refused,
        "What it does; the other keys depend on it.",
    ),
    Row("qty_lots", "lots", Whole(1, COUNT), Refused, "Size of one order."),
];

const TAKER: &[&str] = &["signal-taker"];
const MOMENTUM: &[&str] = &["momentum"];
const QUOTING: &[&str] = &["quoting"];
const REVERSION: &[&str] = &["mean-reversion"];

/// Parameters, and the kinds that have them.
const STRATEGIES: &[(&[&str], Section)] = &[
    (TAKER, Section { path: "strategy", reader: ENGINE, rows: TAKER_KEYS }),
    (MOMENTUM, Section { path: "strategy", reader: ENGINE, rows: MOMENTUM_KEYS }),
    (QUOTING, Section { path: "strategy", reader: ENGINE, rows: QUOTING_KEYS }),
    (REVERSION, Section { path: "strategy", reader: ENGINE, rows: REVERSION_KEYS }),
    (
        &["signal-taker", "mean-reversion"],
        Section { path: "strategy", reader: ENGINE, rows: HOLD_KEYS },
    ),
    (
        &["momentum", "mean-reversion"],
        Section { path: "strategy", reader: ENGINE, rows: ORDER_TTL_KEYS },
    ),
];

const TAKER_KEYS: &[Row] = &[
    Row("entry_score_e6", "millionths", Whole(1, MILLION), Refused, "Score from which it opens."),
    Row("exit_score_e6", "millionths", Whole(0, MILLION), Refused, "Score below which it leaves."),
    Row("max_spread_ticks", "ticks", Whole(1, COUNT), Refused, "Widest spread it crosses."),
    Row("slip_ticks", "ticks", Whole(0, MILLION), Refused, "How far beyond the touch it goes."),
    Row("cooldown_ms", "ms", Whole(0, DAY_MS), Refused, "Pause after it left."),
];

const MOMENTUM_KEYS: &[Row] = &[
    Row("fast_bars", "bars", Whole(1, 128), Refused, "Length of the fast average."),
    Row("slow_bars", "bars", Whole(2, 128), Refused, "Length of the slow average."),
    Row("threshold_e6", "millionths", Whole(0, MILLION), Refused, "Least distance of the two."),
];

const QUOTING_KEYS: &[Row] = &[
    Row("max_inventory_lots", "lots", Whole(1, COUNT), Refused, "Largest position to either side."),
    Row("gamma_e6", "millionths", Whole(1, MILLION), Refused, "Risk aversion for one tick."),
    Row(
        "kappa_e6",
        "millionths",
        Whole(1, MILLION),
        Refused,
        "Decay of the fill rate for one tick.",
    ),
    Row("horizon_ms", "ms", Whole(1, DAY_MS), Refused, "The horizon it quotes for, engine time."),
    Row(
        "sigma_bars",
        "samples",
        Whole(2, 3_600),
        Refused,
        "Samples of the variance before the first quote, and its memory after.",
    ),
    Row(
        "requote_ticks",
        "ticks",
        Whole(1, MILLION),
        Refused,
        "Distance to the wanted price from which a quote is moved.",
    ),
    Row(
        "pause_ms",
        "ms",
        Whole(1, DAY_MS),
        Refused,
        "Engine time between two requests for one side.",
    ),
];

const REVERSION_KEYS: &[Row] = &[
    Row("window_bars", "bars", Whole(3, 128), Refused, "Bars mean and spread are taken from."),
    Row("entry_z_e3", "thousandths", Whole(1, 10_000), Refused, "Deviations from which it opens."),
    Row("exit_z_e3", "thousandths", Whole(0, 10_000), Refused, "Deviations below which it leaves."),
];

const HOLD_KEYS: &[Row] =
    &[Row("hold_ms", "ms", Whole(1, DAY_MS), Refused, "Longest time it holds a position.")];

const ORDER_TTL_KEYS: &[Row] =
    &[Row("order_ttl_ms", "ms", Whole(1, DAY_MS), Refused, "Longest life of a resting order.")];
