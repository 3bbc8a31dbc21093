//! The station's configuration: one TOML file, checked whole before anything starts.
//!
//! Owns the sections and their relations. Every problem of a file is reported in one run, with
//! file, line, key, what was found and what is allowed; unknown keys are problems. Input files it
//! names (recording, model, latency samples) are relative to the file's folder, output folders to
//! the working directory. The limits file it names is checked with it. Must never: default a limit
//! or a live mode. Runs once, on the main thread, before any other; allocates.

mod effective;
pub mod kept;
pub mod reader;
mod sections;
mod settings;
mod setup;
mod trading;

pub(crate) use effective::speed_text;
pub use reader::Problem;
pub use settings::Setting;
pub use setup::Plan;

use crate::bridge::Transport;
use crate::idle::Idle;
use crate::limits::{LimitsFile, Source};
use crate::operator::{Failure, Line};
use crate::pin::CpuChoice;
use engine::StrategyParams;
use ipc::BackendKind;
use reader::{Problems, Table};
use sections::Folder;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
use toml::de::DeTable;
use venues::player::Speed;
use venues::sim::SimConfig;
use wire::exit::Exit;
use wire::station::Mode;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from, as the operator named it.
    pub file: PathBuf,
    /// `[session]`.
    pub session: Session,
    /// `[data]`.
    pub data: Data,
    /// `[venue]`.
    pub venue: SimConfig,
    /// `[station]`.
    pub station: Station,
    /// `[signal]`.
    pub signal: Signal,
    /// `[[strategy]]`, in the order of the file.
    pub strategies: Vec<Strategy>,
    /// Names of strategies an override left out.
    pub left_out: Vec<String>,
    /// `[limits]`: where limits come from.
    pub limits: Source,
    /// The limits file, checked.
    pub limits_file: LimitsFile,
    /// `[record] dir`: where run folders are made.
    pub record_dir: PathBuf,
    /// `[tape]`.
    pub tape: Tape,
    /// `[journal]`.
    pub journal: Journal,
    /// `[notary]`, where checkpoints are to be signed.
    pub notary: Option<Notary>,
    /// The file's text, as read.
    text: String,
    /// What the command line changed.
    overrides: Overrides,
}

/// `[session]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Name: first part of a run's id.
    pub name: String,
    /// Upper half of every client order id.
    pub epoch: u32,
    /// The mode the station asks for once the engine has reconciled.
    pub start_mode: Mode,
    /// Folder for what outlives a session (the last limits epoch), where one is kept.
    pub state_dir: Option<PathBuf>,
}

/// `[data]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// The recording to play.
    pub recording: PathBuf,
    /// How fast.
    pub speed: Speed,
}

/// Name of the simulated venue: its `venue.kind`, and its row in the limits file.
pub(crate) const VENUE: &str = "sim";

/// Hot threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// Loop and edge take turns on one thread.
    One,
    /// One thread each.
    Two,
}

/// What the station demands of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Says what is missing and goes on.
    Dev,
    /// Refuses to start without a trusted cycle counter.
    Live,
}

/// `[station]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Hot threads.
    pub threads: Threads,
    /// CPU of the loop.
    pub loop_cpu: CpuChoice,
    /// CPU of the edge.
    pub edge_cpu: CpuChoice,
    /// Idle strategy of the hot threads.
    pub idle: Idle,
    /// Whether memory is locked.
    pub lock_memory: bool,
    /// I/O back end of the bridge.
    pub io: BackendKind,
    /// Demands on the host.
    pub profile: Profile,
    /// The topology the host is held against; `None` takes it from the host.
    pub topology: Option<PathBuf>,
    /// Slots of the engine's order table.
    pub order_capacity: usize,
}

/// `[signal]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Whether requests are made at all.
    pub enabled: bool,
    /// The sidecar's socket; `None` puts it into the run's folder.
    pub socket: Option<PathBuf>,
    /// How requests and answers travel.
    pub transport: Transport,
    /// The model's folder, for whoever starts the sidecar; `None` where one listens at `socket`.
    pub model: Option<PathBuf>,
    /// A name in a model store instead, for whoever starts the sidecar.
    pub store: Option<SignalStore>,
    /// What happens when the sidecar announces another model.
    pub model_changes: ModelChanges,
    /// The sidecar's back end, for whoever starts it.
    pub backend: String,
    /// The graphics card of a sidecar that computes on one, by its place on the bus; `None` leaves
    /// the choice to the library. For whoever starts it.
    pub gpu: Option<u32>,
    /// The back end of a second sidecar that answers where the first does not; `None` without one.
    pub standby: Option<String>,
    /// Oldest usable answer, milliseconds of engine time from its request.
    pub ttl_ms: u32,
    /// Engine time between two snapshots, milliseconds.
    pub sample_interval_ms: u32,
}

/// Where the sidecar takes its model from, and may take another one from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalStore {
    /// The store's root.
    pub root: PathBuf,
    /// The name in it whose `current` serves.
    pub name: String,
    /// The key models must be signed by.
    pub public_key: Option<PathBuf>,
}

/// What a running station does about another model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ModelChanges {
    /// Its scores open nothing until an operator names it: `corelane ctl model`.
    #[default]
    Named,
    /// It is named by the station itself, on the record, as the sidecar announces it.
    Followed,
}

impl ModelChanges {
    /// The word in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Followed => "followed",
        }
    }
}

/// `[tape]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    /// Folder on tmpfs, one that outlives the engine.
    pub dir: PathBuf,
    /// Bytes of the ring.
    pub bytes: usize,
}

/// `[journal]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Bytes of a segment.
    pub segment_bytes: u64,
    /// Longest time a frame waits for its sync while the disk keeps up.
    pub sync_every: Duration,
}

/// `[notary]`: for whoever starts `corelane-notary`; the engine reads nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notary {
    /// The notary's private key.
    pub key: PathBuf,
    /// Files outside the journal that get every checkpoint too.
    pub anchors: Vec<PathBuf>,
    /// Least time between two checkpoints, milliseconds.
    pub every_ms: u32,
}

/// One `[[strategy]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// Name, unique.
    pub name: String,
    /// Symbol it trades.
    pub symbol: String,
    /// Parameters.
    pub params: StrategyParams,
    line: usize,
}

/// What the command line may change.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another recording.
    pub recording: Option<PathBuf>,
    /// Another speed.
    pub speed: Option<Speed>,
    /// Only the strategy of this name.
    pub strategy: Option<String>,
    /// Parameters of strategies, put in place of the file's before it is checked.
    pub set: Vec<Setting>,
    /// Another limits file.
    pub limits: Option<PathBuf>,
}

impl Config {
    /// Loads and checks a file.
    ///
    /// # Errors
    /// A [`Failure`] with one line a problem: `CONFIGURATION`, or `RESOURCE` where the file cannot
    /// be read.
    pub fn load(file: &Path, overrides: &Overrides) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            let fields = format!("file={} error=\"{error}\"", file.display());
            let next = "name an existing file with --config=";
            Failure::new(Exit::Resource, "configuration file cannot be read", fields, next)
        })?;
        Self::parse(file, &text, overrides)
    }

    /// Checks the text of a file.
    ///
    /// # Errors
    /// A [`Failure`] with one line a problem.
    pub fn parse(file: &Path, text: &str, overrides: &Overrides) -> Result<Self, Failure> {
        Self::parse_in(file, text, overrides, false, &LimitsFile::load)
    }

    /// The same; `kept` where the file lies in a run's folder with the files it names.
    fn parse_in(
        file: &Path,
        text: &str,
        overrides: &Overrides,
        kept: bool,
        load: &dyn Fn(&Path) -> Result<LimitsFile, Failure>,
    ) -> Result<Self, Failure> {
        let (mut document, problems) = parsed(text);
        let mut problems = sound(file, problems)?;
        let names = settings::put(document.get_mut(), overrides, &mut problems);
        let mut root = Table::root(document.get_ref());
        let mut config = Self::read(file, kept, &mut root, &mut problems);
        root.finish(&mut problems);
        (config.text, config.overrides) = (text.to_owned(), overrides.clone());
        config.apply(overrides, &mut problems);
        config.check_relations(&mut problems);
        let mut problems = problems.into_list();
        settings::rename(&mut problems, &names, &overrides.set);
        let mut lines = failure(file, problems).lines;
        let mut exit = Exit::Configuration;
        // Without the key there is no file to look for; its absence is a problem already.
        if let Some(limits) = config.limits_named().map(load) {
            match limits {
                Ok(limits) => config.limits_file = limits,
                Err(failure) => {
                    if lines.is_empty() {
                        exit = failure.exit;
                    }
                    lines.extend(failure.lines);
                }
            }
        }
        if lines.is_empty() { Ok(config) } else { Err(Failure { exit, lines }) }
    }

    fn limits_named(&self) -> Option<&Path> {
        Some(self.limits.file.as_path()).filter(|file| !file.as_os_str().is_empty())
    }

    fn read(
        file: &Path,
        kept: bool,
        root: &mut Table<'_, '_>,
        problems: &mut Problems<'_>,
    ) -> Self {
        let base = file.parent().unwrap_or(Path::new(""));
        let sections = sections::read(&Folder { path: base, kept }, root, problems);
        let strategies = trading::strategies(root, problems);
        Self {
            file: file.to_owned(),
            session: sections.session,
            data: sections.data,
            venue: sections.venue,
            station: sections.station,
            signal: sections.signal,
            strategies,
            left_out: Vec::new(),
            limits_file: LimitsFile::none(&sections.limits.file),
            limits: sections.limits,
            record_dir: sections.record_dir,
            tape: sections.tape,
            journal: sections.journal,
            notary: sections.notary,
            text: String::new(),
            overrides: Overrides::default(),
        }
    }

    fn apply(&mut self, overrides: &Overrides, problems: &mut Problems<'_>) {
        if let Some(recording) = &overrides.recording {
            self.data.recording.clone_from(recording);
        }
        if let Some(file) = &overrides.limits {
            self.limits.file.clone_from(file);
        }
        if let Some(speed) = overrides.speed {
            self.data.speed = speed;
        }
        if let Some(name) = &overrides.strategy {
            let names: Vec<_> = self.strategies.iter().map(|s| s.name.clone()).collect();
            self.strategies.retain(|strategy| strategy.name == *name);
            self.left_out = names.iter().filter(|other| *other != name).cloned().collect();
            if self.strategies.is_empty() {
                let allowed = format!("one of the strategies {}", names.join(", "));
                problems.add(0, "--strategy", format!("\"{name}\""), &allowed);
            }
        }
    }

    /// Keys that are fine alone and contradict each other.
    fn check_relations(&self, problems: &mut Problems<'_>) {
        let station = &self.station;
        if station.threads == Threads::One && matches!(station.edge_cpu, CpuChoice::Id(_)) {
            let allowed = "no id while station.threads = \"one\": edge and loop share loop_cpu";
            problems.add(0, "station.edge_cpu", "a CPU id", allowed);
        }
        if let (CpuChoice::Id(a), CpuChoice::Id(b)) = (station.loop_cpu, station.edge_cpu)
            && a == b
        {
            let allowed = "another CPU than station.loop_cpu, or station.threads = \"one\"";
            problems.add(0, "station.edge_cpu", b, allowed);
        }
        if station.profile == Profile::Live && self.session.start_mode != Mode::Maintenance {
            let allowed = "\"MAINTENANCE\" with station.profile = \"live\": \
                           a live station trades only on an operator's command";
            let found = format!("\"{}\"", self.session.start_mode.name());
            problems.add(0, "session.start_mode", found, allowed);
        }
        for strategy in &self.strategies {
            if strategy.params.uses_signal() && !self.signal.enabled {
                let found = format!("false, and strategy \"{}\" trades on scores", strategy.name);
                problems.add(strategy.line, "signal.enabled", found, "true");
            }
            let same = |other: &&Strategy| other.name == strategy.name;
            if self.strategies.iter().filter(same).count() > 1 {
                let found = format!("\"{}\" twice", strategy.name);
                problems.add(strategy.line, "strategy.name", found, "a name of its own");
            }
        }
    }

    /// The sidecar's socket for a run.
    #[must_use]
    pub fn signal_socket(&self, run_dir: &Path) -> PathBuf {
        self.signal.socket.clone().unwrap_or_else(|| run_dir.join("signal.sock"))
    }

    /// The standby's socket for a run, where there is one.
    #[must_use]
    pub fn standby_socket(&self, run_dir: &Path) -> Option<PathBuf> {
        self.signal.standby.as_ref().map(|_| standby_of(&self.signal_socket(run_dir)))
    }
}

/// Where the standby of the sidecar at `socket` listens: `signal.sock` and `signal-standby.sock`.
#[must_use]
pub fn standby_of(socket: &Path) -> PathBuf {
    let mut name = socket.file_stem().unwrap_or_default().to_os_string();
    name.push("-standby");
    if let Some(extension) = socket.extension() {
        name.push(".");
        name.push(extension);
    }
    socket.with_file_name(name)
}

/// Where `corelane ctl` finds the engine of a run.
#[must_use]
pub fn control_socket(run_dir: &Path) -> PathBuf {
    run_dir.join("control.sock")
}

/// Reads a TOML file of another command: its text to a table, the table to what `read` makes of it.
///
/// # Errors
/// CONFIGURATION with one operator line a problem; keys that `read` did not ask for are problems.
pub fn document<T>(
    file: &Path,
    text: &str,
    read: impl FnOnce(&mut Table<'_, '_>, &mut Problems<'_>) -> T,
) -> Result<T, Failure> {
    let (document, problems) = parsed(text);
    let mut problems = sound(file, problems)?;
    let mut root = Table::root(document.get_ref());
    let made = read(&mut root, &mut problems);
    root.finish(&mut problems);
    sound(file, problems).map(|_| made)
}

/// The document, and what is wrong with its syntax.
fn parsed(text: &str) -> (Spanned<DeTable<'_>>, Problems<'_>) {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut problems = Problems::new(text);
    for error in &syntax {
        let line = error.span().map_or(0, |span| problems.line_of(span.start));
        problems.add(line, "(syntax)", error.message(), "TOML 1.0");
    }
    (document, problems)
}

/// No problem so far, or all of them.
fn sound<'t>(file: &Path, problems: Problems<'t>) -> Result<Problems<'t>, Failure> {
    if problems.is_empty() { Ok(problems) } else { Err(failure(file, problems.into_list())) }
}

/// One operator line a problem of `file`; what the station and every command with a TOML file of its
/// own says.
#[must_use]
pub fn failure(file: &Path, problems: Vec<Problem>) -> Failure {
    let line = |Problem { line, key, found, allowed }: Problem| {
        let at = if line == 0 { String::new() } else { format!(" line={line}") };
        let file = file.display();
        let fields = format!("file={file}{at} key={key} found={found} allowed=({allowed})");
        let next = if key.starts_with("--") { "correct the argument" } else { "correct the file" };
        Line::new("key is not acceptable", fields, next)
    };
    Failure { exit: Exit::Configuration, lines: problems.into_iter().map(line).collect() }
}

#[cfg(test)]
mod tests;
