//! The command line: what can be asked for, in words. Runs once; decides nothing.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use venues::player::Speed;

/// Corelane: an AI trading station for one Linux box.
#[derive(Debug, Parser)]
#[command(name = "corelane", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the engine and its sidecars, play the configured recording, show the result.
    Run(RunArgs),
    /// Play a recording through the real threads, rings, sockets and sidecars: measures latency.
    Replay(ReplayArgs),
    /// Run strategies over a recording in event time on one thread: evaluates, and repeats exactly.
    Backtest(BacktestArgs),
    /// Write the start of something of your own.
    New {
        /// What to write.
        #[command(subcommand)]
        command: NewCommand,
    },
    /// Turn a venue's raw recording into a Corelane recording.
    Import(Box<crate::import::ImportArgs>),
    /// Show the frames of a recording or record, as text or JSON lines.
    Print(PrintArgs),
    /// Show the best bid and offer after every book message, as CSV.
    Book(BookArgs),
    /// Write the model's training samples: ten-level snapshots on a fixed grid of engine time.
    Features(FeaturesArgs),
    /// Write orders, fills, best prices, scores, alarms, kills or modes of a run as CSV.
    Export(ExportArgs),
    /// Say why an order of a run exists or was denied: market, score, limits, every check.
    ///
    /// Builds the run's engine again from the run's folder, feeds it the recorded inputs, compares
    /// every output with the record on the way, and shows the moment the order was decided: the
    /// input that led to it, what the strategy wished, book, score, mode, advice and limits in
    /// force, exposure, profit, every check with limit and value, and what became of the order.
    Explain(ExplainArgs),
    /// Feed a run's journal to a fresh engine and compare every output byte for byte.
    ///
    /// Needs the run's folder and nothing else: no recording, no sidecar, no venue; their answers
    /// are inputs. Exit code 30 with both frames side by side where one differs.
    Verify(VerifyArgs),
    /// Check a run's journal and its checkpoints: is it what was written, and who vouches for it?
    ///
    /// Reads every record, computes the hash chain anew and holds it against the run's checkpoint
    /// log and every anchor. Ends with 31 where something is not as it was written, and says the
    /// first bad record, what kind of change it was, and which records no anchor covers.
    Audit(AuditArgs),
    /// Look at measured latencies.
    Latency {
        /// What to look at.
        #[command(subcommand)]
        command: crate::latency::args::LatencyCommand,
    },
    /// Speak to a running engine.
    Ctl(CtlArgs),
    /// Check, sign and verify limits files; make the keys for it.
    Limits {
        /// What to do.
        #[command(subcommand)]
        command: LimitsCommand,
    },
    /// Check configuration files, or say what a key means.
    Config {
        /// What to do.
        #[command(subcommand)]
        command: crate::config::ConfigCommand,
    },
    /// Write station, limits and topology files from what is found on this host.
    ///
    /// Looks for cores, cards, model servers and ONNX Runtime; overwrites nothing; what it writes
    /// passes `corelane config check` and plays with `corelane run`.
    Init(Box<crate::init::InitArgs>),
    /// Watch a running engine in the terminal: mode, feeds, orders, positions, sidecars, doctor.
    ///
    /// Reads the run's counters page and journal; the engine is never asked. Ends with q, with
    /// Ctrl-C, or with the run.
    Top(crate::top::TopArgs),
    /// Look at the GPU calendar: which models are resident when.
    Calendar {
        /// What to do.
        #[command(subcommand)]
        command: crate::calendar::args::CalendarCommand,
    },
    /// Look at the LLM roles that advise, and ask one of them.
    Agents {
        /// What to do.
        #[command(subcommand)]
        command: crate::agents::AgentsCommand,
    },
    /// Keep the model store, and change the model of a running signal sidecar.
    Models(crate::models::ModelsArgs),
    /// Make the signal model better from what was recorded.
    Train {
        /// How.
        #[command(subcommand)]
        command: crate::nightly::args::TrainCommand,
    },
    /// Is this box fit to trade on? Host settings, what they are here, and what to do.
    ///
    /// Reads only, starts no program, needs no root. Exit 0 all good, 1 warnings, 2 failures, 3
    /// something that must be good could not be read.
    Doctor(crate::host::DoctorArgs),
    /// Make this box as a topology says: boot line, settings, fences, systemd units.
    Isolate(crate::isolate::IsolateArgs),
    /// How long does a message take there and back?
    Pingpong(crate::pingpong::PingpongArgs),
    /// What is taken from a thread that wants its CPU for itself, and by whom?
    Jitter(crate::jitter::JitterArgs),
    /// Look at the signal sidecar.
    Signal {
        /// What to look at.
        #[command(subcommand)]
        command: SignalCommand,
    },
}

/// How results are shown.
#[derive(Args, Clone, Copy, Debug)]
pub struct Show {
    /// No progress line and no table.
    #[arg(long)]
    pub quiet: bool,
    /// Print the summary as one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// `corelane run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How results are shown.
    #[command(flatten)]
    pub show: Show,
}

/// `corelane replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Configuration file: strategies, limits, venue, sidecars.
    #[arg(long, value_name = "FILE", default_value = "config/demo.toml")]
    pub config: PathBuf,
    /// Recording to play instead of the configured one.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Times recorded speed, or `max` for as fast as possible (throughput, no latency).
    #[arg(long, value_name = "N|max")]
    pub speed: Option<Speed>,
    /// How results are shown.
    #[command(flatten)]
    pub show: Show,
}

/// `corelane backtest`.
#[derive(Args, Debug)]
pub struct BacktestArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Recording to run over instead of the configured one.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Keep only the strategy of this name.
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// Run once for each value of a strategy's parameter, over all CPUs: `NAME.param=a,b,c`.
    /// Repeated, once for each combination.
    #[arg(long, value_name = "KEY=A,B,C")]
    pub set: Vec<String>,
    /// Take scores from the record of this run (`runs/<id>`) instead of the model, or from a table
    /// `symbol,ts_recv_ns,score_e6,p_up_e6,p_down_e6`, whose name ends in `.csv`.
    #[arg(long, value_name = "RUNDIR|CSV")]
    pub scores: Option<PathBuf>,
    /// Engine time from a signal request to its answer, microseconds.
    #[arg(long, value_name = "US", default_value_t = 1_000)]
    pub signal_latency_us: u64,
    /// The same, drawn from a file with one recorded number of nanoseconds a line.
    #[arg(long, value_name = "FILE", conflicts_with = "signal_latency_us")]
    pub signal_latency: Option<PathBuf>,
    /// Print one JSON object; with --set one row in it for each combination.
    #[arg(long)]
    pub json: bool,
}

/// `corelane new ...`.
#[derive(Debug, Subcommand)]
pub enum NewCommand {
    /// A crate with a strategy, a program that backtests it and one test.
    Strategy(NewStrategyArgs),
}

/// `corelane new strategy`.
#[derive(Args, Debug)]
pub struct NewStrategyArgs {
    /// Name of the crate and of the strategy.
    pub name: String,
    /// Folder to make the crate's folder in.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Checkout of Corelane to build on; without it the one this program or the working directory
    /// lies in.
    #[arg(long, value_name = "DIR")]
    pub corelane: Option<PathBuf>,
}

/// `corelane print`.
#[derive(Args, Debug)]
pub struct PrintArgs {
    /// Recording or record (`.clrec`).
    pub file: PathBuf,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Only frames of this kind (`trade`, `new-order`, ...; repeatable).
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// At most this many frames.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// `corelane book`.
#[derive(Args, Debug)]
pub struct BookArgs {
    /// Recording.
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// Symbol, as the recording's instrument table spells it.
    #[arg(long, value_name = "SYMBOL")]
    pub instrument: String,
    /// CSV on standard output (the only form; may be left out).
    #[arg(long)]
    pub csv: bool,
}

/// `corelane features`.
#[derive(Args, Debug)]
pub struct FeaturesArgs {
    /// Recording.
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// Symbol; may be left out where the recording has one instrument.
    #[arg(long, value_name = "SYMBOL")]
    pub instrument: Option<String>,
    /// Engine time between samples, milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub interval_ms: u64,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// What `corelane export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Orders sent, amended and canceled, and orders denied.
    Orders,
    /// Fills.
    Fills,
    /// Best bid and offer after each change.
    Bbo,
    /// Model scores taken.
    Scores,
    /// Alarms raised.
    Alarms,
    /// Kill switches: latched, confirmed, released, and what was left.
    Kills,
    /// Changes of the mode.
    Modes,
}

/// Output format of `corelane export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated values with a header line.
    Csv,
    /// Parquet files, beside the record where no directory is named; only in a build with the
    /// feature `parquet`.
    Parquet,
}

/// `corelane export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Directory of a run (`runs/<id>`).
    pub run_dir: PathBuf,
    /// What to write; one is printed, several go to files.
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    pub what: Vec<What>,
    /// Format.
    #[arg(long, value_enum, default_value = "csv")]
    pub format: Format,
    /// Directory for the files; without it one table is printed and several go beside the record.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `corelane explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Directory of a run (`runs/<id>`).
    pub run_dir: PathBuf,
    /// The order: its client order id as a number or as EPOCH:COUNTER. An id that was denied and
    /// asked for again is shown each time; `corelane export RUNDIR --what=orders` lists the ids.
    #[arg(long, value_name = "ID", required_unless_present = "seq", conflicts_with = "seq")]
    pub order: Option<String>,
    /// The decision with this sequence number: a new-order, replace-order or denied frame.
    #[arg(long, value_name = "N")]
    pub seq: Option<u64>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `corelane verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Directory of a run (`runs/<id>`).
    pub run_dir: PathBuf,
    /// Write a snapshot of the engine's state beside the journal at each segment's end.
    #[arg(long)]
    pub snapshots: bool,
    /// Begin at the newest sound snapshot and repeat only what follows it.
    #[arg(long)]
    pub from_snapshot: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `corelane audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// Directory of a run (`runs/<id>`).
    pub run_dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Public key of the notary; without it signatures are not checked and nothing is proven.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Checkpoint log of an anchor (repeatable); the run's own is read too.
    #[arg(long, value_name = "FILE")]
    pub checkpoints: Vec<PathBuf>,
    /// The instance the journal must be of, 32 hex digits.
    #[arg(long, value_name = "HEX", value_parser = instance)]
    pub instance: Option<[u8; 16]>,
    /// Threads that read segments side by side; without it one a CPU.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_024))]
    pub threads: Option<u64>,
}

fn instance(text: &str) -> Result<[u8; 16], String> {
    crate::audit::from_hex(text).ok_or_else(|| "32 hex digits".into())
}

/// `corelane ctl ...`.
#[derive(Args, Debug)]
pub struct CtlArgs {
    /// Control socket of the engine; without it the newest running engine's is taken.
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// What to say.
    #[command(subcommand)]
    pub command: CtlCommand,
}

/// What an operator can say to an engine.
#[derive(Debug, Subcommand)]
pub enum CtlCommand {
    /// Print the engine's state as JSON.
    Status,
    /// Latch the kill switch: no new order, everything canceled.
    Halt {
        /// What to halt: firm, venue:NAME, strategy:NAME or symbol:SYMBOL.
        #[arg(long, value_name = "SCOPE", default_value = "firm")]
        scope: String,
        /// Why, for the record.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Leave HALTED through RECONCILE, or release the kill switch of a scope.
    Resume {
        /// What to release: firm, venue:NAME, strategy:NAME or symbol:SYMBOL.
        #[arg(long, value_name = "SCOPE", default_value = "firm")]
        scope: String,
        /// Why it is safe.
        #[arg(long)]
        reason: String,
    },
    /// Ask for a mode: live, reducing, draining, maintenance, reconcile.
    Mode {
        /// The mode.
        mode: String,
    },
    /// Close every position with reduce-only orders.
    Flatten {
        /// What to close: firm or symbol:SYMBOL.
        #[arg(long, value_name = "SCOPE", default_value = "firm")]
        scope: String,
        /// Why, for the record.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let a disabled strategy trade again, or measure the station's drawdown from here on.
    Rearm {
        /// Its name; the station without it, in MAINTENANCE.
        #[arg(long, value_name = "NAME")]
        strategy: Option<String>,
        /// Why it is safe.
        #[arg(long)]
        reason: String,
    },
    /// Begin a new trading day: the day's counts and losses start anew.
    Roll {
        /// Why now.
        #[arg(long)]
        reason: String,
    },
    /// Take over an order the venue lists and we do not know.
    Adopt {
        /// The venue's order id.
        #[arg(long, value_name = "ID")]
        order: u64,
    },
    /// Take the venue's positions for ours.
    Accept {
        /// Why they are right.
        #[arg(long)]
        reason: String,
    },
    /// Listen no more to an advice source.
    Mute {
        /// Its index.
        #[arg(long, value_name = "N")]
        source: u64,
    },
    /// Name the model whose scores may be used from here.
    Model {
        /// Its hash, as the status prints it: up to 16 hex digits.
        #[arg(long, value_name = "HEX")]
        hash: String,
    },
    /// Print the limits that run, tighten one, or take the configured file.
    Limits {
        /// What to do; without it the limits that run are printed.
        #[command(subcommand)]
        command: Option<CtlLimits>,
    },
    /// End the session in good order.
    Shutdown,
}

/// What an operator can do with the limits of a running engine.
#[derive(Debug, Subcommand)]
pub enum CtlLimits {
    /// Tighten one limit until a new file is taken.
    Set {
        /// Whose: firm, venue:NAME, strategy:NAME or symbol:SYMBOL.
        scope: String,
        /// Key, as in the limits file.
        field: String,
        /// The new value, in the key's unit.
        #[arg(allow_negative_numbers = true)]
        value: i64,
    },
    /// Take the configured limits file, in MAINTENANCE: signed, with a higher epoch.
    Load {
        /// The file that was looked at: the engine takes its own path only if it holds the same.
        file: PathBuf,
    },
}

/// `corelane limits ...`.
#[derive(Debug, Subcommand)]
pub enum LimitsCommand {
    /// List every problem of a limits file, or say what it holds.
    Check {
        /// Limits file.
        file: PathBuf,
        /// Configuration and its recording to join it with.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make a key pair: `limits.key` for the signer alone, `limits.pub` for the station.
    Keygen {
        /// Folder for both.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Sign a limits file that has no problem; writes FILE.sig.
    Sign {
        /// Private key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Limits file.
        file: PathBuf,
    },
    /// Check the signature of a limits file.
    Verify {
        /// Public key.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        /// Limits file.
        file: PathBuf,
    },
}

/// `corelane signal ...`.
#[derive(Debug, Subcommand)]
pub enum SignalCommand {
    /// Say which model back ends work on this machine, which is live, and why.
    Doctor {
        /// Model directory.
        #[arg(long, value_name = "DIR", default_value = "sidecars/signal/models/bin_ctabl")]
        model: PathBuf,
        /// Back end to ask for: auto, fused, tract, onnxruntime, onnxruntime-cuda,
        /// onnxruntime-tensorrt.
        #[arg(long, default_value = "auto")]
        backend: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Say how full the GPU's and the host's memory are, and what the memory guard makes of it.
    Memory {
        /// Index of the GPU.
        #[arg(long, value_name = "N", default_value_t = 0)]
        gpu: u32,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}
