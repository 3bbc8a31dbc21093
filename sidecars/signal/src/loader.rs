//! The loader: one thread that owns a model's life from the store to its end.
//!
//! It resolves the link once, opens, hashes, parses, makes a session, runs the golden vectors, warms
//! up, compares on live requests, hands the finished model to the serving thread by one pointer, and
//! frees the one that comes back. Before it loads it asks the memory guard, where there is one
//! ([`Guarding`]). Must never: touch the model that serves, make the serving thread
//! wait, or leave a failure without a line and a count: the old model then serves on. The serving
//! thread holds [`Loader`]; it only tries channels.

mod memory;
mod progress;

pub use memory::Guarding;
pub use progress::{Cause, Progress, Stage, SwapCounts};

use crate::backend::Backend;
use crate::error::ModelError;
use crate::guard::gate::{GateState, Ticket};
use crate::guard::watch::Watch;
use crate::model::Model;
use crate::scorer::Scorer;
use crate::shadow::{Sample, Shadow, ShadowBounds, ShadowReport};
use crate::store::{Address, Store};
use crate::sys;
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
    /// Name in the store whose `current` serves: a model's, or a role (a name that is not that of the
    /// model which serves at the start), in which models of any name may serve.
    pub name: String,
    /// Live requests a candidate is tried on where a command does not say.
    pub answers: u32,
    /// Longest wait for so many live requests, nanoseconds.
    pub patience_ns: u64,
    /// What a candidate may differ in.
    pub bounds: ShadowBounds,
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

/// What the loader's thread is to do next.
#[derive(Debug)]
enum Task {
    /// This job.
    Job(u64, Wish),
    /// Look at what the memory guard wants.
    Follow,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<(Progress, SwapCounts)>,
    end: AtomicBool,
    /// The CPU model serves in place of the GPU's.
    on_cpu: AtomicBool,
    /// A [`Task::Follow`] is on its way.
    nudged: AtomicBool,
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
    jobs: Option<SyncSender<Task>>,
    guarding: Option<Guarding>,
    watch: Option<Watch>,
    words: Receiver<Word>,
    retired: Sender<Box<Scorer>>,
    tap: Option<SyncSender<Sample>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    next_job: u64,
}

impl Loader {
    /// Starts the thread, for loads that ask nobody. `serving` is the model that serves now,
    /// candidates run on `backend`.
    ///
    /// # Errors
    /// [`ModelError::System`] where there is no thread to be had.
    pub fn start(
        store: Store,
        serving: &Model,
        backend: &'static dyn Backend,
        options: LoaderOptions,
    ) -> Result<Self, ModelError> {
        Self::start_guarded(store, serving, backend, options, None)
    }

    /// The same, for loads through the memory guard.
    ///
    /// # Errors
    /// As [`Loader::start`].
    pub fn start_guarded(
        store: Store,
        serving: &Model,
        backend: &'static dyn Backend,
        options: LoaderOptions,
        guarding: Option<Guarding>,
    ) -> Result<Self, ModelError> {
        // One job and one nudge at most.
        let (jobs, jobs_in) = sync_channel(2);
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
            is_role: serving.manifest().name != options.name,
            interval_ns: serving.manifest().sample_interval_ns,
            address: serving.address(),
            memory: guarding.as_ref().map(|guarding| guarding.hold(serving)),
            words: words_out,
            retired: retired_in,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new()
            .name("loader".into())
            .spawn(move || worker.run(&jobs_in))
            .map_err(|source| ModelError::System { call: "clone", source })?;
        let watch = guarding.as_ref().map(|guarding| guarding.watch(&shared, jobs.clone()));
        Ok(Self {
            options,
            root,
            jobs: Some(jobs),
            watch: watch.transpose()?,
            guarding,
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
        if jobs.is_none_or(|jobs| jobs.try_send(Task::Job(job, wish)).is_err()) {
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

    /// What the memory guard sees and did, where loads go through it.
    #[must_use]
    pub fn memory(&self) -> Option<GateState> {
        self.guarding.as_ref().map(|guarding| guarding.gate.state())
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
        // It holds an end of the jobs' channel.
        self.watch = None;
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
    is_role: bool,
    interval_ns: u64,
    address: Address,
    memory: Option<memory::Memory>,
    words: Sender<Word>,
    retired: Receiver<Box<Scorer>>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(mut self, jobs: &Receiver<Task>) {
        self.keep_standby();
        while let Ok(task) = jobs.recv() {
            if let Task::Job(job, wish) = task {
                self.job(job, wish);
            }
            self.follow_guard();
        }
    }

    fn job(&mut self, job: u64, wish: Wish) {
        let outcome = self.work(job, wish);
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

    fn work(&mut self, job: u64, wish: Wish) -> Result<Stage, Failed> {
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
        let answers = wish.answers.unwrap_or(self.options.answers);
        let mut ticket = self.admit(job, &bundle, wish.serve && answers == 0)?;
        let mut candidate = Scorer::new(Model::of(bundle, self.place()).map_err(model)?);
        if let Some(ticket) = &ticket {
            ticket.loaded();
        }
        if answers > 0 {
            self.shared.state().0.stage = Stage::Shadowing;
            let report = self.compare(&mut candidate, answers, ticket.as_ref())?;
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
        if ticket.as_mut().is_some_and(|ticket| !ticket.serves()) {
            return Err(memory::sent_away());
        }
        drop(self.publish(candidate)?);
        self.address = address;
        self.took_over(ticket);
        Ok(Stage::Served)
    }

    /// Of the name this process serves, or of any but the role's own where it serves a role; and for
    /// requests as they are sampled. That it takes and gives the same shapes is asked of every model.
    fn same_kind(&self, manifest: &crate::manifest::Manifest) -> Result<(), Failed> {
        let (name, interval) = (&manifest.name, manifest.sample_interval_ns);
        if (*name == self.options.name) != self.is_role && interval == self.interval_ns {
            return Ok(());
        }
        let kind = if self.is_role { "role" } else { "serving" };
        let why = format!(
            "CONFIGURATION: model is of another kind: name={name} sample_interval_ns={interval} \
             {kind}={} sample_interval_ns={}; next: start a sidecar of its own for it",
            self.options.name, self.interval_ns
        );
        Err((Cause::Other, why))
    }

    /// Runs the candidate on copies of live requests.
    fn compare(
        &self,
        candidate: &mut Scorer,
        answers: u32,
        ticket: Option<&Ticket>,
    ) -> Result<ShadowReport, Failed> {
        let (tap, samples) = sync_channel(SAMPLES_WAITING);
        self.words.send(Word::Tap(tap)).map_err(|_| ended())?;
        let start_ns = sys::monotonic_ns();
        let mut shadow = Shadow::default();
        while shadow.count() < u64::from(answers) {
            if self.shared.ends() {
                return Err(ended());
            }
            if ticket.is_some_and(Ticket::must_go) || self.must_move() {
                return Err(memory::sent_away());
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

    /// Hands the model over and waits for the old one, to be freed here, where it was made.
    fn publish(&self, candidate: Scorer) -> Result<Box<Scorer>, Failed> {
        let which = |scorer: &Scorer| (scorer.model().address(), scorer.model().provider());
        let published = which(&candidate);
        self.words.send(Word::Publish(Box::new(candidate))).map_err(|_| ended())?;
        loop {
            match self.retired.recv_timeout(LOOK) {
                Ok(old) if which(&old) == published => {
                    let why = "BUG: there is no higher generation; next: start the sidecar again";
                    return Err((Cause::Other, why.into()));
                }
                Ok(old) => return Ok(old),
                Err(RecvTimeoutError::Timeout) if !self.shared.ends() => {}
                Err(_) => return Err(ended()),
            }
        }
    }
}

fn ended() -> Failed {
    (Cause::Ended, "the server ended".into())
}
