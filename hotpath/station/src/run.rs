//! A replay from start to end: threads, pinning, locked memory, an orderly end, the files.
//!
//! Owns the threads. The main thread runs the bridge; the journaler has its own; loop and edge have
//! one each or share one. What a killed engine left on its tape is written before anything else. Every end but a crash writes the summary: end of the recording, a
//! signal, an operator's word, a tripped rule, a bad disk. Must never: stop because a sidecar is
//! missing.

mod counts;

use crate::assembly::{Parts, Tasks, assemble};
use crate::bridge::{Bridge, Lifetime};
use crate::carried::Carried;
use crate::config::{Config, Profile, Threads, control_socket, speed_text};
use crate::counters::Counters;
use crate::doctor::Doctor;
use crate::edge_task::EdgeTask;
use crate::host::Host;
use crate::idle::Idle;
use crate::journaler::Moments;
use crate::latency::Latency;
use crate::leftovers::drain_all;
use crate::limits::desk::Desk;
use crate::loop_task::LoopTask;
use crate::map::CountersPage;
use crate::operator::{Failure, Line, Operator, Stderr};
use crate::pin::{self, Pinned, Placement};
use crate::prepare::{Prepared, prepare};
use crate::records::Records;
use crate::shared::Shared;
use crate::summary::{ClockFacts, Facts, summary};
use crate::{ending, run_dir, sys};
use clock::{Anchor, Clock, Source};
use ipc::{Listener, PeerPolicy};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::thread::{Scope, ScopedJoinHandle};
use tape::TapeError;
use tape::journal::writer::Mark;
use venues::player::Speed;
use wire::TsNs;
use wire::counters::Counter;
use wire::exit::Exit;

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit of the process.
    pub exit: Exit,
    /// Why, for the operator, with the exit's name as code; empty after a clean end.
    pub lines: Vec<Line>,
    /// What `summary.json` holds.
    pub summary: Value,
    /// The run's folder.
    pub run_dir: PathBuf,
}

/// Plays the configured recording through the whole station.
///
/// # Errors
/// A [`Failure`] before the first turn; after it every end is an [`Outcome`], unless its files
/// cannot be written.
pub fn replay(
    config: &Config,
    asked_dir: Option<&Path>,
    operator: &mut dyn Operator,
) -> Result<Outcome, Failure> {
    let unchecked = admit_limits(config)?;
    let clock = Clock::calibrate();
    let moments = Moments::new(clock);
    drain_all(&config.tape.dir, moments, operator)?;
    let carried = match &config.session.state_dir {
        Some(folder) => Some((folder.as_path(), Carried::begin(folder, config.session.epoch)?)),
        None => None,
    };
    let mut config = config.clone();
    if let Some((_, carried)) = &carried {
        config.session.epoch = carried.session_epoch;
    }
    let config = &config;
    let prepared = prepare(config)?;
    check_clock(config, &clock)?;
    take_limits(config, &unchecked, operator)?;
    let doctor = Doctor::look(config)?;
    let start_ns = clock.wall_ns();
    let dir = run_dir::make(config, asked_dir, start_ns)?;
    config.keep(&dir)?;
    doctor.keep(&dir)?;
    write(&dir.join("config.json"), &format!("{:#}\n", config.effective()))?;
    let page = CountersPage::create(&dir.join("counters"), start_ns)
        .map_err(|error| run_dir::refused(&dir.join("counters"), &error))?;
    let mut station = Station::build(config, &prepared, &dir, clock, page, operator)?;
    let anchor = clock.anchor();
    let flags = (station.counters.clone(), Arc::clone(&station.shared));
    let (tape, records) = Records::open(config, &dir, &prepared, doctor.hash(), moments, flags)?;
    let Prepared { recording, plan, engine, venue, start, events, .. } = prepared;
    station.counters.set(Counter::EdgeEventsTotal, events);
    let inputs = carried.as_ref().map_or(Vec::new(), |(_, carried)| carried.inputs(&engine));
    let tasks = assemble(Parts {
        recording: &recording,
        speed: config.data.speed,
        engine,
        setup: &plan.setup,
        venue,
        entry_latency: &config.venue.entry_latency,
        start_mode: config.session.start_mode,
        start,
        carried: &inputs,
        tape,
        clock,
        counters: station.counters.clone(),
        shared: Arc::clone(&station.shared),
    });
    let played = station.play(config, &dir, tasks, records, operator)?;
    let facts = Ended { config, dir: &dir, clock, anchor, start_ns, events, doctor: &doctor };
    let outcome = finish(&facts, &recording, plan.config_hash, &station, &played)?;
    if let Some((folder, carried)) = carried {
        carried.end(folder, played.order_loop.engine())?;
    }
    Ok(outcome)
}

fn check_clock(config: &Config, clock: &Clock) -> Result<(), Failure> {
    if config.station.profile == Profile::Live && clock.source_kind() != Source::Tsc {
        let fields = format!("clock.source={} profile=live", clock.source());
        let next = "run on a host with an invariant TSC, or with station.profile = \"dev\"";
        return Err(Failure::new(Exit::Clock, "cycle counter is not trusted", fields, next));
    }
    Ok(())
}

/// Whether the session may start with its limits. What of them was not checked.
fn admit_limits(config: &Config) -> Result<Vec<&'static str>, Failure> {
    let must_sign = (config.station.profile == Profile::Live)
        .then_some("with station.profile = \"live\" limits are signed");
    config.limits.admit(&config.limits_file, must_sign)
}

/// Keeps the limits' epoch, before anything runs, and says what was taken.
fn take_limits(
    config: &Config,
    missing: &[&str],
    operator: &mut dyn Operator,
) -> Result<(), Failure> {
    let file = &config.limits_file;
    config.limits.take(file)?;
    let unchecked = match missing {
        [] => String::new(),
        missing => format!(" unchecked=\"{}\"", missing.join("; ")),
    };
    let (path, epoch, sha256) = (file.path.display(), file.epoch, file.sha256_text());
    let fields = format!("file={path} epoch={epoch} sha256={sha256}{unchecked}");
    say(operator, "limits are taken", fields, "");
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| run_dir::refused(path, &error))
}

/// What the main thread holds while a run goes on.
struct Station {
    sockets: Option<Sockets>,
    io_name: &'static str,
    counters: Counters,
    shared: Arc<Shared>,
    clock: Clock,
}

/// What the bridge is made from.
struct Sockets {
    io: Box<dyn ipc::IoBackend>,
    control: Listener,
    sidecar: Option<PathBuf>,
    standby: Option<PathBuf>,
    page: CountersPage,
    latency: Latency,
    desk: Desk,
}

/// Everything the threads gave back.
struct Played<'a> {
    order_loop: LoopTask,
    edge: EdgeTask<'a>,
    latency: Latency,
    journal: Result<Mark, TapeError>,
    host: Host,
    signal_peer: Option<ipc::handshake::PeerInfo>,
    standby: Option<Value>,
    wall_ns: u64,
}

impl Station {
    fn build(
        config: &Config,
        prepared: &Prepared,
        dir: &Path,
        clock: Clock,
        page: CountersPage,
        operator: &mut dyn Operator,
    ) -> Result<Self, Failure> {
        let refused = |error: ipc::IpcError| {
            let fields = format!("run_dir={} why=\"{error}\"", dir.display());
            let next = "free the path, or name another folder with --run-dir=";
            Failure::new(Exit::Resource, "socket cannot be opened", fields, next)
        };
        let (io, fallback) = ipc::open_or_libc(config.station.io).map_err(refused)?;
        if let Some(reason) = fallback {
            let fields = format!("why=\"{reason}\" io=libc");
            say(operator, "io_uring is not to be had", fields, "nothing: libc is used instead");
        }
        let socket = control_socket(dir);
        let control = Listener::bind(&socket, PeerPolicy::same_user()).map_err(refused)?;
        let asks = prepared.plan.setup.strategies.iter().any(|s| s.params.uses_signal());
        let sidecar = (config.signal.enabled && asks).then(|| config.signal_socket(dir));
        let standby = sidecar.as_ref().and_then(|_| config.standby_socket(dir));
        let fields = format!(
            "run_dir={} counters={} control={}",
            dir.display(),
            page.path().display(),
            socket.display()
        );
        say(operator, "station starts", fields, "");
        let latency = Latency::new(config.data.speed == Speed::Max);
        let (roster, limits) = (prepared.plan.roster.clone(), prepared.plan.limits.clone());
        let desk = Desk::new(roster, Some(config.limits.clone()), Some(limits));
        Ok(Self {
            io_name: io.name(),
            sockets: Some(Sockets { io, control, sidecar, standby, page, latency, desk }),
            counters: Counters::default(),
            shared: Arc::new(Shared::default()),
            clock,
        })
    }

    /// Runs the threads until the session has ended.
    fn play<'a>(
        &mut self,
        config: &Config,
        dir: &Path,
        tasks: Tasks<'a>,
        records: Records,
        operator: &mut dyn Operator,
    ) -> Result<Played<'a>, Failure> {
        let Tasks { order_loop, edge, bridge: ports } = tasks;
        let unusable = |error: ipc::IpcError| {
            let next = "try the other back end with station.io";
            Failure::new(Exit::Resource, "I/O back end fails", format!("why=\"{error}\""), next)
        };
        let Some(sockets) = self.sockets.take() else {
            return Err(Failure::new(Exit::Bug, "a station plays once", "", "report it"));
        };
        let (counters, shared) = (self.counters.clone(), Arc::clone(&self.shared));
        let Sockets { io, control, sidecar, standby, page, latency, desk } = sockets;
        let latency = latency.with_log(&dir.join("latency.hlog"), self.clock.wall_ns());
        let mut bridge = Bridge::new(
            io,
            Some(control),
            sidecar,
            ports,
            latency,
            Some(page),
            self.clock,
            counters,
            Arc::clone(&shared),
        )
        .map_err(unusable)?
        .with_desk(desk)
        .with_transport(config.signal.transport, config.station.idle)
        .with_standby(standby)
        .with_lifetime(Lifetime::new(config.signal.ttl_ms, config.data.speed))
        .with_model_changes(config.signal.model_changes);
        let mut host = Host::survey(config);
        let halt_file = dir.join(HALT_FILE);
        let start = self.clock.cycles();
        let (joined, records) = std::thread::scope(|scope| {
            let barrier = Arc::new(Barrier::new(host.hot_threads() + 1));
            let placement = host.placement;
            let running = Hot::spawn(scope, config, placement, order_loop, edge, &barrier);
            let journaler = spawn(scope, "journaler", move || journal_all(records));
            // Pinned and waiting: what is mapped now, stacks included, is what a turn touches.
            barrier.wait();
            host.lock_memory(config, operator);
            barrier.wait();
            tend(&mut bridge, &shared, &halt_file, operator, || {
                running.is_finished() && journaler.is_finished()
            });
            (running.join(), journaler.join())
        });
        let wall_ns = self.clock.cycles_to_ns(self.clock.cycles().saturating_sub(start));
        let crashed = |_| Failure::new(Exit::Bug, "a thread panicked", "", "report it");
        let (mut order_loop, edge, pinned) = joined.map_err(crashed)?;
        let records = records.map_err(crashed)?;
        host.pinned(pinned, operator);
        let (signal_peer, standby) = (bridge.last_peer().copied(), bridge.standby());
        let latency = bridge.finish();
        let journal = records.end(&mut order_loop);
        Ok(Played { order_loop, edge, latency, journal, host, signal_peer, standby, wall_ns })
    }
}

fn say(operator: &mut dyn Operator, what: &str, fields: String, next: &str) {
    operator.say(&Line::new(what, fields, next).with_code("NOTE"));
}

/// The main thread's work while the others run: the bridge, the stop and halt signals, the halt file.
fn tend(
    bridge: &mut Bridge,
    shared: &Shared,
    halt_file: &Path,
    operator: &mut dyn Operator,
    is_over: impl Fn() -> bool,
) {
    let mut usable = true;
    let mut signalled = false;
    let mut halts = HaltWatch::default();
    while !is_over() {
        if let Some(reason) = halts.wanted(halt_file)
            && bridge.halt(reason)
        {
            halts.done();
            let fields = format!("cause=\"{reason}\" file={}", halt_file.display());
            let next = "find the cause, remove the file, then `corelane ctl resume --reason=...`";
            say(operator, "kill switch is pulled", fields, next);
        }
        if usable {
            if let Err(error) = bridge.turn(true) {
                let fields = format!("why=\"{error}\"");
                say(operator, "I/O back end fails", fields, "the session ends in good order");
                shared.request_stop();
                usable = false;
            }
        } else {
            Idle::Park.wait();
        }
        for line in bridge.take_lines() {
            operator.say(&line.with_code("NOTE"));
        }
        if let Some(number) = sys::stop_signal()
            && !signalled
        {
            signalled = true;
            let fields = format!("signal={number}");
            say(operator, "stop signal", fields, "orders are canceled, then the session ends");
            shared.request_stop();
        }
    }
}

/// The halt file in a run's folder: while it is there, the switch was pulled.
pub const HALT_FILE: &str = "HALT";
/// Turns between two looks for the halt file.
const HALT_LOOK_TURNS: u32 = 64;

/// Halts from outside the control socket: each signal pulls the switch once, the file once for as
/// long as it is there.
#[derive(Debug, Default)]
struct HaltWatch {
    signals: i32,
    file_was_there: bool,
    turns: u32,
    pending: Option<&'static str>,
}

impl HaltWatch {
    fn wanted(&mut self, file: &Path) -> Option<&'static str> {
        let signals = sys::halt_signals();
        if signals != self.signals {
            self.signals = signals;
            self.pending = Some("signal SIGUSR1");
        }
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(HALT_LOOK_TURNS) {
            // A folder that cannot be looked into holds no file we could act on.
            let is_there = file.try_exists().unwrap_or(false);
            if is_there && !self.file_was_there {
                self.pending = Some("halt file");
            }
            self.file_was_there = is_there;
        }
        self.pending
    }

    fn done(&mut self) {
        self.pending = None;
    }
}

fn journal_all(mut records: Records) -> Records {
    while !records.journaler.is_done() {
        if records.journaler.turn() == 0 {
            std::thread::park_timeout(JOURNALER_NAP);
        }
    }
    records
}

/// The journaler's wait when the tape is empty: long enough to leave a shared CPU to the others,
/// short enough that the tape never fills at a market's pace.
const JOURNALER_NAP: std::time::Duration = std::time::Duration::from_millis(1);

/// The hot threads: one each, or one for both.
enum Hot<'scope, 'a> {
    Two(
        ScopedJoinHandle<'scope, (LoopTask, Pinned)>,
        ScopedJoinHandle<'scope, (EdgeTask<'a>, Pinned)>,
    ),
    One(ScopedJoinHandle<'scope, (LoopTask, EdgeTask<'a>, Pinned)>),
}

type Joined<'a> = std::thread::Result<(LoopTask, EdgeTask<'a>, (Pinned, Pinned))>;

impl<'scope, 'a: 'scope> Hot<'scope, 'a> {
    fn spawn(
        scope: &'scope Scope<'scope, '_>,
        config: &Config,
        placement: Placement,
        mut order_loop: LoopTask,
        mut edge: EdgeTask<'a>,
        barrier: &Arc<Barrier>,
    ) -> Self {
        let idle = config.station.idle;
        let Placement { loop_cpu, edge_cpu } = placement;
        let line_up = |barrier: &Barrier, cpu| {
            let pinned = pin::pin_current(cpu);
            barrier.wait();
            barrier.wait();
            pinned
        };
        let (first, second) = (Arc::clone(barrier), Arc::clone(barrier));
        match config.station.threads {
            Threads::Two => Self::Two(
                spawn(scope, "loop", move || {
                    let pinned = line_up(&first, loop_cpu);
                    loop {
                        let turn = order_loop.turn();
                        if turn.done {
                            break;
                        }
                        if turn.inputs == 0 {
                            idle.wait();
                        }
                    }
                    order_loop.finish();
                    (order_loop, pinned)
                }),
                spawn(scope, "edge", move || {
                    let pinned = line_up(&second, edge_cpu);
                    while !edge.is_done() {
                        if edge.turn() == 0 {
                            idle.wait();
                        }
                    }
                    (edge, pinned)
                }),
            ),
            Threads::One => Self::One(spawn(scope, "loop", move || {
                let pinned = line_up(&first, loop_cpu);
                loop {
                    let work = edge.turn();
                    if work > 0 {
                        order_loop.was_away();
                    }
                    let turn = order_loop.turn();
                    if turn.done {
                        break;
                    }
                    if work + turn.inputs == 0 {
                        idle.wait();
                    }
                }
                order_loop.finish();
                (order_loop, edge, pinned)
            })),
        }
    }

    fn is_finished(&self) -> bool {
        match self {
            Self::Two(a, b) => a.is_finished() && b.is_finished(),
            Self::One(a) => a.is_finished(),
        }
    }

    fn join(self) -> Joined<'a> {
        match self {
            Self::Two(a, b) => {
                let ((order_loop, first), (edge, second)) = (a.join()?, b.join()?);
                Ok((order_loop, edge, (first, second)))
            }
            Self::One(a) => {
                let (order_loop, edge, pinned) = a.join()?;
                Ok((order_loop, edge, (pinned, pinned)))
            }
        }
    }
}

/// Ends the process when a thread panics: the others would wait for it for ever. Release builds
/// abort anyway.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let guarded = move || {
        let _guard = AbortOnPanic;
        work()
    };
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn_scoped(scope, guarded).unwrap_or_else(|error| no_thread(name, &error))
}

/// Ends the process: threads that already wait at the barrier cannot be told otherwise.
#[expect(clippy::exit, reason = "nothing was played yet, and the others wait for ever")]
fn no_thread(name: &str, error: &std::io::Error) -> ! {
    let fields = format!("thread={name} error=\"{error}\"");
    let next = "raise the limit on threads (ulimit -u, TasksMax=)";
    let failure = Failure::new(Exit::Resource, "thread cannot be started", fields, next);
    Stderr.say(&failure.to_string());
    std::process::exit(i32::from(failure.exit.code()))
}

/// What the end of a run needs to know of its start.
struct Ended<'a> {
    config: &'a Config,
    dir: &'a Path,
    clock: Clock,
    anchor: Anchor,
    start_ns: u64,
    events: u64,
    doctor: &'a Doctor,
}

fn finish(
    ended: &Ended<'_>,
    recording: &tape::Recording,
    config_hash: u64,
    station: &Station,
    played: &Played<'_>,
) -> Result<Outcome, Failure> {
    let Ended { config, dir, clock, anchor, start_ns, events, doctor } = ended;
    let drift = clock.check_drift(anchor);
    let engine = played.order_loop.engine();
    let failed = played.journal.as_ref().err();
    let (exit, lines) = ending::of(&station.shared, &played.edge, engine, failed);
    let cause = lines.first().map_or_else(|| "session ended".to_owned(), |l| l.what.clone());
    let (order_loop, counters) = (&played.order_loop, &station.counters);
    let file = recording.path.file_name().map(|n| n.to_string_lossy().into_owned());
    let facts = Facts {
        kind: "replay",
        name: &config.session.name,
        id: dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        epoch: config.session.epoch,
        config_hash,
        data: (file.unwrap_or_default(), recording.summary.sha256.clone()),
        events_total: *events,
        start: TsNs(*start_ns),
        wall_ns: played.wall_ns,
        clock: ClockFacts {
            source: clock.source(),
            drift_ppm: Some((clock.calibration().ppm, drift.ppm)),
            excessive: drift.is_excessive(),
        },
        latency: Some(&played.latency),
        signal: counts::signal(
            order_loop,
            counters,
            played.signal_peer.as_ref(),
            played.standby.as_ref(),
        ),
        host: played.host.to_json(
            config,
            station.io_name,
            &speed_text(config.data.speed),
            &doctor.to_json(),
        ),
        station: counts::threads(order_loop, &played.edge, counters),
        exit: (exit, cause),
    };
    let summary = summary(order_loop.engine(), &facts);
    let histograms = played.latency.write_files(dir, *start_ns, played.wall_ns);
    histograms.map_err(|error| run_dir::refused(dir, &error))?;
    write(&dir.join("summary.json"), &format!("{summary:#}\n"))?;
    Ok(Outcome { exit, lines, summary, run_dir: dir.to_path_buf() })
}
