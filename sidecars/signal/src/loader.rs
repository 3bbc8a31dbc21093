//! The loader: one thread that owns a model's life from the store to its end.
//!
//! It resolves the link once, opens, hashes, parses, makes a session, runs the golden vectors, warms
//! up, compares on live requests, hands the finished model to the serving thread by one pointer, and
//! frees the one that comes back. Must never: touch the model that serves, make the serving thread
//! wait, or leave a failure without a line and a count: the old model then serves on. The serving
//! thread holds [`Loader`]; it only tries channels.

use crate::backend::Backend;
use crate::error::ModelError;
use crate::model::Model;
use crate::scorer::Scorer;
use crate::shadow::{Sample, Shadow, ShadowBounds, ShadowFault, ShadowReport};
use crate::store::{Address, Store};
use crate::sys;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Live requests that wait for the candidate; beyond it they are not compared.
const SAMPLES_WAITING: usize = 64;
/// Longest wait of the loader without a look at the end.
const LOOK: Duration = Duration::from_millis(50);

/// How models are changed.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// Name in the store whose `current` serves.
    pub name: String,
    /// Live requests a candidate is tried on where a command does not say.
    pub answers: u32,
    /// Longest wait for so many live requests, nanoseconds.
    pub patience_ns: u64,
    /// What a candidate may differ in.
    pub bounds: ShadowBounds,
}

/// What became of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// There was none yet.
    #[default]
    Idle,
    /// The model is read, verified and warmed up.
    Loading,
    /// It answers beside the one that serves.
    Shadowing,
    /// It waits for the serving thread's next turn.
    Publishing,
    /// It serves.
    Served,
    /// It serves already: nothing was done.
    Already,
    /// It was compared and freed.
    Compared,
    /// It does not serve; the old one does.
    Failed,
}

/// Why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It cannot be read, verified, loaded or run.
    Model,
    /// It has another name or sample interval than what serves.
    Other,
    /// It broke a bound on live requests.
    Shadow(ShadowFault),
    /// Too few live requests came.
    Quiet,
    /// The server ended.
    Ended,
}

/// The last job, for the status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Its number, from 1.
    pub job: u64,
    /// Where it stands.
    pub stage: Stage,
    /// The object it is about, once known.
    pub address: Option<String>,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// The same in one line.
    pub why: Option<String>,
    /// What the comparison found.
    pub shadow: Option<ShadowReport>,
}

/// Jobs by their ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SwapCounts {
    /// Models that came to serve.
    pub served: u64,
    /// Models compared only.
    pub compared: u64,
    /// Jobs refused because another was on its way.
    pub busy: u64,
    /// Models that could not be read, verified, loaded or run.
    pub failed_model: u64,
    /// Models of another name or sample interval.
    pub failed_other: u64,
    /// Models whose scores drifted too far.
    pub failed_drift: u64,
    /// Models that were too slow.
    pub failed_latency: u64,
    /// Models whose scores covered too little or too much.
    pub failed_range: u64,
    /// Models that abstained too often.
    pub failed_abstains: u64,
    /// Jobs without enough live requests.
    pub failed_quiet: u64,
}

impl SwapCounts {
    fn count(&mut self, cause: Cause) {
        let counter = match cause {
            Cause::Model => &mut self.failed_model,
            Cause::Other => &mut self.failed_other,
            Cause::Shadow(ShadowFault::Drift) => &mut self.failed_drift,
            Cause::Shadow(ShadowFault::Latency) => &mut self.failed_latency,
            Cause::Shadow(ShadowFault::Range) => &mut self.failed_range,
            Cause::Shadow(ShadowFault::Abstains) => &mut self.failed_abstains,
            Cause::Quiet => &mut self.failed_quiet,
            Cause::Ended => return,
        };
        *counter += 1;
    }

    /// Jobs that left the old model serving.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let by_bound =
            self.failed_drift + self.failed_latency + self.failed_range + self.failed_abstains;
        self.failed_model + self.failed_other + self.failed_quiet + by_bound
    }
}

/// What the loader says to the serving thread.
#[derive(Debug)]
pub(crate) enum Word {
    /// Copy live requests here from now on.
    Tap(SyncSender<Sample>),
    /// No more.
    Untap,
    /// Serve this one and send the old one back.
    Publish(Box<Scorer>),
}

/// A wish about the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The object; `None` for what `current` points at.
    pub address: Option<Address>,
    /// Live requests it is tried on; `None` for what the options say.
    pub answers: Option<u32>,
    /// Whether it is to serve; else it is only compared.
    pub serve: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<(Progress, SwapCounts)>,
    end: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, (Progress, SwapCounts)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> bool {
        // ORDERING: relaxed; a lone flag, pairs with the store in `Loader::drop`.
        self.end.load(Ordering::Relaxed)
    }
}

/// The serving thread's end of the loader.
#[derive(Debug)]
pub struct Loader {
    options: LoaderOptions,
    root: String,
    jobs: Option<SyncSender<(u64, Wish)>>,
    words: Receiver<Word>,
    retired: Sender<Box<Scorer>>,
    tap: Option<SyncSender<Sample>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    next_job: u64,
}

impl Loader {
    /// Starts the thread. `serving` is the model that serves now, candidates run on `backend`.
    ///
    /// # Errors
    /// [`ModelError::System`] where there is no thread to be had.
    pub fn start(
        store: Store,
        serving: &Model,
        backend: &'static dyn Backend,
        options: LoaderOptions,
    ) -> Result<Self, ModelError> {
        let (jobs, jobs_in) = sync_channel(1);
        let (words_out, words) = channel();
        let (retired, retired_in) = channel();
        let shared = Arc::new(Shared::default());
        // Whoever compares it stands in another folder.
        let root = std::path::absolute(store.root()).unwrap_or_else(|_| store.root().to_owned());
        let root = root.display().to_string();
        let worker = Worker {
            store,
            options: options.clone(),
            backend,
            interval_ns: serving.manifest().sample_interval_ns,
            address: serving.address(),
            words: words_out,
            retired: retired_in,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new()
            .name("loader".into())
            .spawn(move || worker.run(&jobs_in))
            .map_err(|source| ModelError::System { call: "clone", source })?;
        Ok(Self {
            options,
            root,
            jobs: Some(jobs),
            words,
            retired,
            tap: None,
            shared,
            thread: Some(thread),
            next_job: 0,
        })
    }

    /// Takes a wish up; the number of its job, or `None` where another is on its way.
    pub fn ask(&mut self, wish: Wish) -> Option<u64> {
        let job = self.next_job + 1;
        let mut state = self.shared.state();
        let under_way =
            matches!(state.0.stage, Stage::Loading | Stage::Shadowing | Stage::Publishing);
        let jobs = self.jobs.as_ref().filter(|_| !under_way);
        if jobs.is_none_or(|jobs| jobs.try_send((job, wish)).is_err()) {
            state.1.busy += 1;
            return None;
        }
        state.0 = Progress { job, stage: Stage::Loading, ..Progress::default() };
        drop(state);
        self.next_job = job;
        Some(job)
    }

    /// The last job and what came of all.
    #[must_use]
    pub fn state(&self) -> (Progress, SwapCounts) {
        self.shared.state().clone()
    }

    /// The options it was started with.
    #[must_use]
    pub fn options(&self) -> &LoaderOptions {
        &self.options
    }

    /// The store's root, for the status.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// A finished model that is to serve from here, if there is one. Never waits.
    pub(crate) fn published(&mut self) -> Option<Box<Scorer>> {
        loop {
            match self.words.try_recv().ok()? {
                Word::Tap(tap) => self.tap = Some(tap),
                Word::Untap => self.tap = None,
                Word::Publish(scorer) => return Some(scorer),
            }
        }
    }

    /// Sends the model that served back to be freed.
    pub(crate) fn retire(&mut self, scorer: Box<Scorer>) {
        // The loader waits for it; where it has ended the model is freed here.
        let _freed_here = self.retired.send(scorer);
    }

    /// Whether live requests are asked for.
    pub(crate) fn is_tapped(&self) -> bool {
        self.tap.is_some()
    }

    /// Copies a live request to the candidate; where it has too many already it is not compared.
    pub(crate) fn copy(&self, sample: Sample) {
        if let Some(tap) = &self.tap {
            let _not_compared = tap.try_send(sample);
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // ORDERING: relaxed; pairs with the load in `Shared::ends`.
        self.shared.end.store(true, Ordering::Relaxed);
        self.jobs = None;
        self.tap = None;
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed; there is nothing to free that it held.
            let _panicked = thread.join();
        }
    }
}

/// Why a job came to nothing, and in which words.
type Failed = (Cause, String);

/// The loader's thread.
struct Worker {
    store: Store,
    options: LoaderOptions,
    backend: &'static dyn Backend,
    interval_ns: u64,
    address: Address,
    words: Sender<Word>,
    retired: Receiver<Box<Scorer>>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<(u64, Wish)>) {
        while let Ok((job, wish)) = jobs.recv() {
            let outcome = self.work(wish);
            // Whatever the end, nothing is copied any more.
            let _server_ended = self.words.send(Word::Untap);
            let mut state = self.shared.state();
            match outcome {
                Ok(end) => {
                    state.1.served += u64::from(end == Stage::Served);
                    state.1.compared += u64::from(end == Stage::Compared);
                    state.0.stage = end;
                }
                Err((cause, why)) => {
                    state.1.count(cause);
                    if cause != Cause::Ended {
                        eprintln!("corelane-signal: the old model serves on: job={job} {why}");
                    }
                    state.0.cause = Some(cause);
                    state.0.why = Some(why);
                    state.0.stage = Stage::Failed;
                }
            }
        }
    }

    fn work(&mut self, wish: Wish) -> Result<Stage, Failed> {
        let model = |error: ModelError| (Cause::Model, error.operator_line());
        // The one look at the link.
        let address = match wish.address {
            Some(address) => address,
            None => self.store.current(&self.options.name).map_err(model)?,
        };
        self.shared.state().0.address = Some(address.to_string());
        if wish.serve && address == self.address {
            return Ok(Stage::Already);
        }
        let bundle = self.store.object(address).map_err(model)?;
        self.same_kind(&bundle.manifest)?;
        let mut candidate = Scorer::new(Model::of(bundle, self.backend).map_err(model)?);
        let answers = wish.answers.unwrap_or(self.options.answers);
        if answers > 0 {
            self.shared.state().0.stage = Stage::Shadowing;
            let report = self.compare(&mut candidate, answers)?;
            let fault = report.fault(&self.options.bounds);
            let words = format!("model is out of bounds on live requests: {report:?}");
            self.shared.state().0.shadow = Some(report);
            if let Some(fault) = fault {
                let next = "look at `corelane models shadow`";
                return Err((Cause::Shadow(fault), format!("CHECK_FAILED: {words}; next: {next}")));
            }
        }
        if !wish.serve {
            return Ok(Stage::Compared);
        }
        self.shared.state().0.stage = Stage::Publishing;
        self.publish(candidate)?;
        self.address = address;
        Ok(Stage::Served)
    }

    /// Of the name this process serves, and for requests as they are sampled.
    fn same_kind(&self, manifest: &crate::manifest::Manifest) -> Result<(), Failed> {
        let (name, interval) = (&manifest.name, manifest.sample_interval_ns);
        if *name == self.options.name && interval == self.interval_ns {
            return Ok(());
        }
        let why = format!(
            "CONFIGURATION: model is of another kind: name={name} sample_interval_ns={interval} \
             serving={} sample_interval_ns={}; next: start a sidecar of its own for it",
            self.options.name, self.interval_ns
        );
        Err((Cause::Other, why))
    }

    /// Runs the candidate on copies of live requests.
    fn compare(&self, candidate: &mut Scorer, answers: u32) -> Result<ShadowReport, Failed> {
        let (tap, samples) = sync_channel(SAMPLES_WAITING);
        self.words.send(Word::Tap(tap)).map_err(|_| ended())?;
        let start_ns = sys::monotonic_ns();
        let mut shadow = Shadow::default();
        while shadow.count() < u64::from(answers) {
            if self.shared.ends() {
                return Err(ended());
            }
            match samples.recv_timeout(LOOK) {
                Ok(sample) => {
                    let before_ns = sys::monotonic_ns();
                    let scores = candidate.score(std::slice::from_ref(&sample.window));
                    let spent_ns = sys::monotonic_ns().saturating_sub(before_ns);
                    if let Some(score) = scores.first() {
                        shadow.add(&sample, *score, spent_ns);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
            }
            let waited_ns = sys::monotonic_ns().saturating_sub(start_ns);
            if waited_ns >= self.options.patience_ns && shadow.count() < u64::from(answers) {
                let why = format!(
                    "RESOURCE: too few live requests to try the model on: came={} wanted={answers}; \
                     next: try again while the market is open, or with --answers=0",
                    shadow.count()
                );
                return Err((Cause::Quiet, why));
            }
        }
        Ok(shadow.report())
    }

    /// Hands the model over, waits for the old one and frees it here.
    fn publish(&self, candidate: Scorer) -> Result<(), Failed> {
        let address = candidate.model().address();
        self.words.send(Word::Publish(Box::new(candidate))).map_err(|_| ended())?;
        loop {
            match self.retired.recv_timeout(LOOK) {
                Ok(old) if old.model().address() == address => {
                    let why = "BUG: there is no higher generation; next: start the sidecar again";
                    return Err((Cause::Other, why.into()));
                }
                // Freed here, where it was made.
                Ok(_old) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if !self.shared.ends() => {}
                Err(_) => return Err(ended()),
            }
        }
    }
}

fn ended() -> Failed {
    (Cause::Ended, "the server ended".into())
}
