//! `corelane top`: a running engine at a glance, in the terminal.
//!
//! Reads the counters page and the journal of a run, and runs the doctor's checks now and then; the
//! engine is never asked and never touched. Must never: write into a run's folder, show what it
//! does not know, or leave the terminal as it did not find it.

mod desk;
mod follow;
mod notary;
pub mod screen;
pub(crate) mod source;
mod view;

use crate::host::ProfileName;
use crate::latency::watch::Follow;
use crate::output::Output;
use clap::Args;
use clock::Clock;
use desk::Desk;
use follow::Follower;
use isolation::{Gpu, Host, Plan, Profile, Report};
use screen::Screen;
use source::{Page, Source};
use station::doctor::topology_of_run;
use station::operator::Failure;
use station::run_dir::JOURNAL;
use station::sys;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use view::{Shown, Verdict};
use wire::counters::Counter;
use wire::exit::Exit;
use wire::journal::JournalCheckpoint;

/// Time between two frames.
const FRAME: Duration = Duration::from_millis(250);
/// Chunks of the journal a frame at most: the picture moves while a long one is caught up with.
const CHUNKS: u32 = 32;
/// Time between two looks of the doctor.
const DOCTOR: Duration = Duration::from_mins(1);
const NS_PER_S: u64 = 1_000_000_000;

/// `corelane top`.
#[derive(Args, Debug)]
pub struct TopArgs {
    /// The run's folder, or its control socket (default: the newest run below `runs`).
    #[arg(value_name = "RUN")]
    pub run: Option<PathBuf>,
    /// Print one plain frame and end.
    #[arg(long)]
    pub once: bool,
    /// What the doctor holds the host against.
    #[arg(long, value_enum, default_value = "live")]
    pub profile: ProfileName,
}

/// Runs the command.
///
/// # Errors
/// RESOURCE where no run is found, the terminal is none, or the engine went without an end.
pub fn top(args: &TopArgs) -> Result<(), Failure> {
    let source = Source::open(args.run.as_deref())?;
    let mut watch = Watch::new(source, args.profile.into())?;
    let is_over = watch.page.is_done() || !watch.source.is_alive();
    if args.once || is_over {
        watch.catch_up();
        watch.doctor = Some(verdict(args.profile.into(), &watch.source.dir)?);
        return print(&watch);
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let next = "print one plain frame: corelane top --once";
        return Err(Failure::new(Exit::Resource, "standard output is no terminal", "", next));
    }
    sys::catch_stop_signals().map_err(|error| lost(&error))?;
    let is_ended = follow(&mut watch)?;
    if is_ended {
        // The terminal is the user's again: the last frame stays on it.
        watch.catch_up();
        print(&watch)?;
        if !watch.page.is_done() {
            let fields = format!("pid={} run_dir={}", watch.source.pid, watch.source.dir.display());
            let next = "the next start writes to its journal what is on the tape";
            return Err(Failure::new(
                Exit::Resource,
                "the engine went without an end",
                fields,
                next,
            ));
        }
    }
    Ok(())
}

/// Draws until the user or the run ends. Whether it was the run.
fn follow(watch: &mut Watch) -> Result<bool, Failure> {
    let (asks, doctor) = doctor(watch.profile, watch.source.dir.clone());
    let mut screen = Screen::open().map_err(|error| lost(&error))?;
    let title = format!("corelane top  {}", watch.source.dir.display());
    loop {
        watch.look()?;
        while let Ok(said) = doctor.try_recv() {
            watch.doctor = Some(said?);
        }
        screen.draw(&title, &view::panels(&watch.shown())).map_err(|error| lost(&error))?;
        if watch.page.is_done() || !watch.source.is_alive() {
            return Ok(true);
        }
        if screen::wants_end(FRAME).map_err(|error| lost(&error))? || sys::stop_signal().is_some() {
            drop(asks);
            return Ok(false);
        }
    }
}

/// Everything that is watched.
struct Watch {
    source: Source,
    page: Page,
    before: Option<(u64, Page)>,
    rates: Option<(u64, u64)>,
    desk: Desk,
    follower: Follower,
    fault: Option<String>,
    doctor: Option<Verdict>,
    latencies: Follow,
    checkpoint: Option<JournalCheckpoint>,
    latency_fault: Option<String>,
    profile: Profile,
    clock: Clock,
}

impl Watch {
    fn new(source: Source, profile: Profile) -> Result<Self, Failure> {
        let page = source.page()?;
        let follower = Follower::new(&source.dir.join(JOURNAL));
        let latencies = Follow::new(&source.dir);
        Ok(Self {
            page,
            before: None,
            rates: None,
            desk: Desk::default(),
            follower,
            fault: None,
            doctor: None,
            latencies,
            checkpoint: None,
            latency_fault: None,
            profile,
            clock: Clock::calibrate(),
            source,
        })
    }

    /// The page of now, and what the journal has since the last look.
    fn look(&mut self) -> Result<(), Failure> {
        self.page = self.source.page()?;
        let now_ns = self.clock.monotonic_ns();
        if let Some((then_ns, before)) = &self.before
            && let Some(span_ns) = now_ns.checked_sub(*then_ns).filter(|span| *span > 0)
        {
            let rate = |counter| {
                let more = self.page.get(counter).saturating_sub(before.get(counter));
                u64::try_from(u128::from(more) * u128::from(NS_PER_S) / u128::from(span_ns))
                    .unwrap_or(u64::MAX)
            };
            self.rates = Some((rate(Counter::EdgeEvents), rate(Counter::LoopTurns)));
        }
        self.before = Some((now_ns, self.page.clone()));
        self.read();
        Ok(())
    }

    /// Reads on in the journal; whether more may follow at once.
    fn read(&mut self) -> bool {
        self.checkpoint = notary::newest(&self.source.dir);
        if self.latency_fault.is_none() {
            self.latency_fault = self.latencies.more().err().map(|failure| failure.to_string());
        }
        let desk = &mut self.desk;
        match self.follower.read(CHUNKS, |frame| desk.take(frame)) {
            Ok(more) => more,
            Err(error) => {
                self.fault = Some(error.to_string());
                false
            }
        }
    }

    /// Reads the journal as far as it goes.
    fn catch_up(&mut self) {
        while self.read() {}
    }

    fn shown(&self) -> Shown<'_> {
        Shown {
            source: &self.source,
            page: &self.page,
            rates: self.rates,
            desk: &self.desk,
            followed: self.follower.frames,
            journal_fault: self.fault.as_deref(),
            doctor: self.doctor.as_ref(),
            latencies: &self.latencies,
            checkpoint: self.checkpoint.as_ref(),
            latency_fault: self.latency_fault.as_deref(),
            now_ns: self.clock.wall_ns(),
        }
    }
}

fn print(watch: &Watch) -> Result<(), Failure> {
    let mut out = Output::stdout();
    out.line(format_args!("corelane top  {}", watch.source.dir.display()))?;
    out.write(view::plain(&watch.shown()).as_bytes())?;
    out.finish()
}

/// Has the doctor look on a thread of its own, now and then, until the sender is dropped.
fn doctor(profile: Profile, run: PathBuf) -> (Sender<()>, Receiver<Result<Verdict, Failure>>) {
    let (asks, asked) = channel::<()>();
    let (says, said) = channel();
    std::thread::spawn(move || {
        // The first send fails where nobody listens any more.
        while says.send(verdict(profile, &run)).is_ok() {
            if asked.recv_timeout(DOCTOR) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    });
    (asks, said)
}

/// The doctor's verdict on this host, held against what the run's was.
fn verdict(profile: Profile, run: &Path) -> Result<Verdict, Failure> {
    let mut host = Host::live();
    let plan = topology_of_run(run)?.unwrap_or_else(|| Plan::of(&host));
    isolation::ask(&mut host, Duration::ZERO, Gpu::Ask);
    let Report { counts, hash, .. } = isolation::examine(&host, &plan, profile);
    let counts: Vec<_> = ["FAIL", "UNKNOWN", "CONFLICT", "DRIFT", "WARN", "PASS"]
        .into_iter()
        .filter_map(|name| counts.get(name).map(|count| (name, count)))
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let said = format!("{}: {}", profile.name(), counts.join(", "));
    Ok(Verdict { said, hash: station::doctor::short(&hash) })
}

fn lost(error: &io::Error) -> Failure {
    let fields = format!("error=\"{error}\"");
    let next = "print one plain frame: corelane top --once";
    Failure::new(Exit::Resource, "terminal cannot be used", fields, next)
}
