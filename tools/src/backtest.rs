//! `corelane backtest`: strategies over a recording in event time, scores from the model in this
//! process, from the record of a run or from a table.
//!
//! Two runs over the same recording give the same `state_hash`.

use crate::cli::BacktestArgs;
use crate::output::Output;
use crate::scores::Scores;
use crate::table;
use signal::{BackendChoice, ModelError, RuntimeOptions};
use station::backtest::{Backtest, Options, Scorer, backtest_on};
use station::config::{Config, Overrides, Setting, SignalStore};
use station::operator::Failure;
use station::prepare;
use tape::Recording;
use venues::sim::Latency;
use wire::exit::Exit;
use wire::signal::{SignalRequest, SignalResponse};
use wire::{FrameHeader, TsNs};

/// Runs the command.
///
/// # Errors
/// A failure of the configuration, the recording or the model.
pub fn backtest(args: &BacktestArgs) -> Result<(), Failure> {
    if !args.set.is_empty() {
        return crate::sweep::sweep(args);
    }
    let config = Config::load(&args.config, &overrides(args, Vec::new()))?;
    let recording = prepare::read(&config)?;
    let scores = args.scores.as_deref().map(|path| Scores::read(path, &recording)).transpose()?;
    let mut model = Model::load(&config, scores.as_ref())?;
    let done = model.run(&config, &recording, &latency(args)?)?;
    let mut out = Output::stdout();
    if args.json {
        out.line(format_args!("{}", done.summary))?;
    } else {
        out.write(table::summary(&done.summary).as_bytes())?;
    }
    out.finish()
}

/// What the arguments change in the configuration, with these parameters besides.
pub(crate) fn overrides(args: &BacktestArgs, set: Vec<Setting>) -> Overrides {
    let (recording, strategy) = (args.data.clone(), args.strategy.clone());
    Overrides { recording, strategy, set, ..Overrides::default() }
}

/// From a signal request to its answer, as the arguments have it.
pub(crate) fn latency(args: &BacktestArgs) -> Result<Latency, Failure> {
    let Some(path) = &args.signal_latency else {
        return Ok(Latency::Constant(args.signal_latency_us.saturating_mul(1_000)));
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let samples: Option<Vec<u64>> = lines.map(|line| line.parse().ok()).collect();
    samples.filter(|samples| !samples.is_empty()).map(Latency::Samples).ok_or_else(|| {
        let allowed = "a file with one number of nanoseconds a line";
        let fields = format!("key=--signal-latency found={} allowed=({allowed})", path.display());
        Failure::new(Exit::Arguments, "argument is not understood", fields, "correct the argument")
    })
}

/// Where scores come from.
pub(crate) enum Model<'a> {
    /// Nowhere: every request stays unanswered.
    None,
    /// The configured model in this process.
    InProcess(Box<signal::Scorer>),
    /// The record of a run, or a table.
    Recorded(&'a Scores),
}

impl<'a> Model<'a> {
    /// Recorded scores where they are given, else the model a configuration names.
    pub(crate) fn load(config: &Config, scores: Option<&'a Scores>) -> Result<Self, Failure> {
        if let Some(scores) = scores.filter(|_| config.signal.enabled) {
            return Ok(Self::Recorded(scores));
        }
        if !config.signal.enabled {
            return Ok(Self::None);
        }
        let backend = &config.signal.backend;
        let choice = BackendChoice::from_name(backend).ok_or_else(|| {
            Failure::new(
                Exit::Configuration,
                "unknown model back end",
                format!("key=signal.backend found={backend} allowed={}", BackendChoice::NAMES),
                "name one of the allowed back ends",
            )
        })?;
        let options = RuntimeOptions::from_environment(choice);
        let loaded = match (&config.signal.model, &config.signal.store) {
            (Some(dir), _) => signal::Scorer::load(dir, &options),
            (None, Some(store)) => current(store, &options),
            (None, None) => return Ok(Self::None),
        };
        Ok(Self::InProcess(Box::new(loaded.map_err(|e| model_failure(&e))?)))
    }

    /// One backtest with its scores.
    pub(crate) fn run(
        &mut self,
        config: &Config,
        recording: &Recording,
        latency: &Latency,
    ) -> Result<Backtest, Failure> {
        let mut score = |request: &SignalRequest| match self {
            Self::None => None,
            Self::Recorded(scores) => scores.answer(request),
            Self::InProcess(scorer) => {
                let window = request.input()?;
                let score = scorer.score(&[window]).into_iter().next()?;
                Some(answer(request, &score, scorer.model_hash()))
            }
        };
        let latency = latency.clone();
        let scorer = config.signal.enabled.then_some(Scorer { score: &mut score, latency });
        backtest_on(config, recording, Options { scorer, ..Options::default() })
    }
}

/// The model a name of a store stands for, signed where a key is configured.
fn current(named: &SignalStore, options: &RuntimeOptions) -> Result<signal::Scorer, ModelError> {
    let key = named.public_key.as_deref().map(signal::store::PublicKey::read).transpose()?;
    let store = signal::store::Store::open(&named.root, key)?;
    signal::Scorer::load_current(&store, &named.name, options)
}

/// The response the sidecar would give.
fn answer(request: &SignalRequest, score: &signal::Score, model_hash: u64) -> SignalResponse {
    let mut header = FrameHeader::new::<SignalResponse>();
    header.instrument_id = request.header.instrument_id;
    header.strategy_id = request.header.strategy_id;
    header.ts_event_ns = TsNs::UNDEF;
    SignalResponse {
        header,
        request_id: request.request_id,
        model_hash,
        infer_ns: 0,
        score_e6: score.score_e6,
        p_up_e6: score.p_up_e6,
        p_down_e6: score.p_down_e6,
        generation: 1,
        batch: 1,
        status: score.status.code(),
        reserved: [0; 13],
    }
}

pub(crate) fn model_failure(error: &ModelError) -> Failure {
    let line = error.operator_line();
    let text = line.split_once(": ").map_or(line.as_str(), |(_, text)| text);
    let (what, next) = text.split_once("; next: ").unwrap_or((text, ""));
    Failure::new(error.exit(), what, "", next)
}
