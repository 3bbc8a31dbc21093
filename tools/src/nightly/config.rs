//! The nightly pipeline's configuration: read key by key, every problem of it told in one run.
//!
//! Files it names are relative to it, folders to the working directory. Must never: accept a key
//! nobody asked for. Runs once at start; allocates.

use super::metrics::MetricKind;
use signal::BackendChoice;
use signal::manifest::is_plain_name;
use station::config::document;
use station::config::reader::{Problems, Table, shown};
use station::operator::Failure;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::de::DeValue;
use wire::exit::Exit;

/// The whole file.
#[derive(Clone, Debug)]
pub struct NightConfig {
    /// Its bytes, as they are archived.
    pub(super) text: String,
    pub(super) model: ModelKeys,
    pub(super) data: DataKeys,
    pub(super) train: TrainKeys,
    pub(super) judge: JudgeKeys,
    pub(super) promote: PromoteKeys,
    pub(super) host: HostKeys,
    /// Where the nights are kept, a folder each.
    pub(super) archive: PathBuf,
}

/// `[model]`: which name of which store is fine-tuned.
#[derive(Clone, Debug)]
pub(super) struct ModelKeys {
    pub(super) store: PathBuf,
    pub(super) name: String,
    /// Private key a candidate is signed with.
    pub(super) key: Option<PathBuf>,
    /// Public key models of the store must be signed by.
    pub(super) public_key: Option<PathBuf>,
    /// Back end both models are scored on.
    pub(super) backend: BackendChoice,
}

/// `[data]`: what is gathered.
#[derive(Clone, Debug)]
pub(super) struct DataKeys {
    pub(super) runs: PathBuf,
    /// Gaps in the market data a journal may have.
    pub(super) gaps_max: u64,
    /// Whether each journal is repeated in a fresh engine.
    pub(super) repeat: bool,
    /// Whether the night goes on without a journal that is refused.
    pub(super) leave_out: bool,
    /// Time at the end of the data that is not trained on, nanoseconds.
    pub(super) held_out_ns: u64,
}

/// `[train]`: the script and its settings.
#[derive(Clone, Debug)]
pub(super) struct TrainKeys {
    pub(super) python: String,
    pub(super) script: PathBuf,
    pub(super) epochs: i64,
    pub(super) batch: i64,
    /// Millionths.
    pub(super) learning_rate_e6: i64,
    pub(super) validation_percent: i64,
    pub(super) seed: i64,
    pub(super) threads: i64,
    /// Seconds after which the script is ended.
    pub(super) limit_s: u64,
}

/// `[judge]`: what the two models are compared by.
#[derive(Clone, Debug)]
pub(super) struct JudgeKeys {
    pub(super) window_ns: u64,
    pub(super) main: MetricKind,
    pub(super) others: Vec<MetricKind>,
    /// Score from which `pnl_bps` trades, millionths.
    pub(super) entry_score_e6: i64,
    /// What a trade costs beside the spread, millionths of a basis point.
    pub(super) cost_bps_e6: i64,
    pub(super) seed: u64,
}

/// `[promote]`: when a winner may take its place.
#[derive(Clone, Debug)]
pub(super) struct PromoteKeys {
    pub(super) calendar: Option<PathBuf>,
    pub(super) while_live: bool,
    /// Live requests a running sidecar tries the candidate on.
    pub(super) answers: u32,
    pub(super) socket: Option<PathBuf>,
}

/// `[host]`: how the night keeps out of the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostKeys {
    pub(super) nice: i64,
    pub(super) idle: bool,
}

impl NightConfig {
    /// Loads and checks a file.
    ///
    /// # Errors
    /// One line a problem: `CONFIGURATION`, or `RESOURCE` where the file cannot be read.
    pub(super) fn load(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            let fields = format!("file={} error=\"{error}\"", file.display());
            let next = "name an existing file with --config=";
            Failure::new(Exit::Resource, "nightly configuration cannot be read", fields, next)
        })?;
        Self::parse(file, &text)
    }

    /// Checks the text of a file.
    ///
    /// # Errors
    /// `CONFIGURATION`, one line a problem.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Failure> {
        let base = file.parent().unwrap_or(Path::new(""));
        document(file, text, |root, problems| read(base, text, root, problems))
    }

    /// The calendar that keeps a winner out while it says LIVE, where there is one.
    #[must_use]
    pub fn calendar(&self) -> Option<&Path> {
        self.promote.calendar.as_deref()
    }

    /// The script that tunes.
    #[must_use]
    pub fn script(&self) -> &Path {
        &self.train.script
    }

    /// What its keys come to, whatever its text.
    #[must_use]
    pub fn keys(&self) -> impl fmt::Debug {
        let Self { archive, model, data, train, judge, promote, host, text: _ } = self;
        (archive, model, data, train, judge, promote, host)
    }
}

/// In words: what is tuned, on what, judged by what.
impl fmt::Display for NightConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, store) = (&self.model.name, self.model.store.display());
        let (runs, main) = (self.data.runs.display(), self.judge.main.name());
        write!(f, "model {name} of {store}, runs in {runs}, judged by {main}")
    }
}

fn read(
    base: &Path,
    text: &str,
    root: &mut Table<'_, '_>,
    problems: &mut Problems<'_>,
) -> NightConfig {
    let archive = PathBuf::from(root.text_required("archive", problems).value);
    NightConfig {
        text: text.to_owned(),
        model: model(base, root.table("model", problems), problems),
        data: data(root.table("data", problems), problems),
        train: train(base, root.table("train", problems), problems),
        judge: judge(root.table("judge", problems), problems),
        promote: promote(base, root.table("promote", problems), problems),
        host: host(root.table("host", problems), problems),
        archive,
    }
}

fn model(base: &Path, mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> ModelKeys {
    let store = PathBuf::from(table.text_required("store", problems).value);
    let name = table.text_required("name", problems);
    if !name.value.is_empty() && !is_plain_name(&name.value) {
        problems.add(name.line, &table.key("name"), &name.value, "[a-z0-9_-], at most 64");
    }
    let mut file =
        |key, problems: &mut Problems<'_>| table.text(key, problems).map(|at| base.join(at.value));
    let (key, public_key) = (file("key", problems), file("public_key", problems));
    let found = table.text("backend", problems);
    let backend = found
        .as_ref()
        .map_or(Some(BackendChoice::default()), |at| BackendChoice::from_name(&at.value));
    if let (None, Some(at)) = (backend, &found) {
        problems.add(at.line, &table.key("backend"), &at.value, BackendChoice::NAMES);
    }
    table.finish(problems);
    ModelKeys { store, name: name.value, key, public_key, backend: backend.unwrap_or_default() }
}

fn data(mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> DataKeys {
    let runs = table.text_required("runs", problems).value;
    let gaps_max = table.integer_or("gaps_max", 0..=1_000_000, 0, problems);
    let repeat = table.boolean_or("repeat", true, problems);
    let leave_out = table.boolean_or("leave_out", false, problems);
    let held_out_s = table.integer_required("held_out_s", 1..=604_800, problems);
    table.finish(problems);
    DataKeys {
        runs: runs.into(),
        gaps_max: positive(gaps_max),
        repeat,
        leave_out,
        held_out_ns: positive(held_out_s).saturating_mul(1_000_000_000),
    }
}

fn train(base: &Path, mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> TrainKeys {
    let python = table.text_required("python", problems).value;
    let script = base.join(table.text_required("script", problems).value);
    let keys = TrainKeys {
        python,
        script,
        epochs: table.integer_or("epochs", 1..=1_000, 8, problems),
        batch: table.integer_or("batch", 1..=65_536, 128, problems),
        learning_rate_e6: table.integer_or("learning_rate_e6", 1..=1_000_000, 300, problems),
        validation_percent: table.integer_or("validation_percent", 5..=50, 20, problems),
        seed: table.integer_or("seed", 0..=i64::from(u32::MAX), 1, problems),
        threads: table.integer_or("threads", 1..=64, 1, problems),
        limit_s: positive(table.integer_or("limit_s", 1..=86_400, 7_200, problems)),
    };
    table.finish(problems);
    keys
}

fn judge(mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> JudgeKeys {
    let span_ms = table.integer_or("window_ms", 1..=86_400_000, 1_000, problems);
    let words = MetricKind::ALL.map(|kind| (kind.name(), kind));
    let main = table.choice_or("main", &words, MetricKind::LogLoss, problems);
    let others = others(&mut table, main, problems);
    let entry_score_e6 = table.integer_or("entry_score_e6", 0..=1_000_000, 350_000, problems);
    let cost_bps_e6 = table.integer_or("cost_bps_e6", 0..=1_000_000_000, 0, problems);
    let seed = positive(table.integer_or("seed", 0..=i64::from(u32::MAX), 1, problems));
    table.finish(problems);
    let window_ns = positive(span_ms).saturating_mul(1_000_000);
    JudgeKeys { window_ns, main, others, entry_score_e6, cost_bps_e6, seed }
}

/// The metrics beside the main one, each once.
fn others(
    table: &mut Table<'_, '_>,
    main: MetricKind,
    problems: &mut Problems<'_>,
) -> Vec<MetricKind> {
    let rest = || MetricKind::ALL.into_iter().filter(|kind| *kind != main).collect();
    let Some(found) = table.value("others", problems) else { return rest() };
    let kind = |value: &toml::Spanned<DeValue<'_>>| {
        let kind = value.get_ref().as_str().and_then(MetricKind::from_name);
        kind.filter(|kind| *kind != main)
    };
    let list: Option<Vec<_>> =
        found.value.as_array().and_then(|list| list.iter().map(kind).collect());
    let once = |list: &Vec<MetricKind>| {
        list.iter().enumerate().all(|(n, kind)| !list.iter().skip(n + 1).any(|k| k == kind))
    };
    list.filter(once).unwrap_or_else(|| {
        let names = MetricKind::ALL.map(MetricKind::name).join(", ");
        let allowed = format!("a list without the main metric, each once, of {names}");
        problems.add(found.line, &table.key("others"), shown(found.value), &allowed);
        rest()
    })
}

fn promote(base: &Path, mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> PromoteKeys {
    let calendar = table.text("calendar", problems).map(|at| base.join(at.value));
    let while_live = table.boolean_or("while_live", false, problems);
    let answers = table.integer_or("answers", 0..=1_000_000, 0, problems);
    let socket = table.text("socket", problems).map(|at| PathBuf::from(at.value));
    table.finish(problems);
    PromoteKeys { calendar, while_live, answers: u32::try_from(answers).unwrap_or(0), socket }
}

fn host(mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> HostKeys {
    let nice = table.integer_or("nice", 0..=19, 19, problems);
    let idle = table.boolean_or("idle", true, problems);
    table.finish(problems);
    HostKeys { nice, idle }
}

/// A number whose bounds were checked.
fn positive(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
