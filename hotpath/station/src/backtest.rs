//! A backtest: engine and simulated venue in event time on one thread, as fast as the core allows.
//!
//! The same engine, venue and configuration as a replay, without threads, rings or wall time, so
//! two runs over the same recording give the same state hash. An order leaves at the engine time
//! of its decision; a score arrives a stated latency after its request. Must never: read a clock
//! for anything but the throughput figure.

use crate::approval::{ApprovalCheck, Checked, goes_to_venue};
use crate::config::Config;
use crate::inputs::{StartMode, control, start_inputs, wire_count};
use crate::operator::Failure;
use crate::prepare::{self, Ready};
use crate::summary::{ClockFacts, Facts, summary};
use clock::Clock;
use engine::{Engine, OwnStrategy, Sink};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::OnceLock;
use tape::Recording;
use venues::player::Speed;
use venues::sim::{Latency, Link, QueueModel, SimVenue};
use wire::control::Command;
use wire::exit::Exit;
use wire::market::FLAG_ORDER;
use wire::risk::{RiskField, RiskInput};
use wire::signal::{SignalRequest, SignalResponse};
use wire::{FrameKind, FrameSink, TsNs};

/// Calibrated once: a sweep runs thousands of backtests, and calibrating spins.
static CLOCK: OnceLock<Clock> = OnceLock::new();

/// Makes a score of a request; `None` is an abstention that never arrives.
pub type ScoreFn<'a> = dyn FnMut(&SignalRequest) -> Option<SignalResponse> + 'a;

/// Sees every input and output of the engine, in order.
pub type Observer<'a> = dyn FnMut(&[u8]) + 'a;

/// Where scores come from.
pub struct Scorer<'a> {
    /// The model.
    pub score: &'a mut ScoreFn<'a>,
    /// From request to answer, engine time; first in, first out. Draws follow `venue.seed`.
    pub latency: Latency,
}

impl fmt::Debug for Scorer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scorer").field("latency", &self.latency).finish_non_exhaustive()
    }
}

/// What a backtest may be given besides its configuration.
#[derive(Default)]
pub struct Options<'a> {
    /// Scores; without it every request stays unanswered.
    pub scorer: Option<Scorer<'a>>,
    /// Sees every input and output of the engine, in order.
    pub observer: Option<&'a mut Observer<'a>>,
    /// Strategies of the caller's own; they follow those of the configuration.
    pub own: Vec<OwnStrategy>,
    /// A fixed clock: an engine's timers fire with its next input, and where the market is silent
    /// that may be late. Without it they wait for the market, as in a replay.
    pub clock: Option<Ticks>,
}

/// Moments of engine time at which the engine is told that its clock is in step, whatever the
/// market does: all multiples of the period, plus the phase, after the first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// From one to the next, nanoseconds; at least 1.
    pub period_ns: NonZeroU64,
    /// Added to each, nanoseconds.
    pub phase_ns: u64,
}

impl Ticks {
    /// The first one after a moment.
    #[must_use]
    pub fn after(self, now: TsNs) -> TsNs {
        let period = self.period_ns.get();
        let periods = now.get().saturating_sub(self.phase_ns) / period;
        TsNs(periods.saturating_add(1).saturating_mul(period).saturating_add(self.phase_ns))
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("scorer", &self.scorer).finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Backtest {
    /// The summary, with the keys of a replay's; `latency` is empty.
    pub summary: Value,
    /// Hash of the engine's whole state at the end.
    pub state_hash: u64,
    /// The engine, for further questions.
    pub engine: Engine,
}

/// Runs the configured recording through engine and venue; `data.speed` is of no account.
///
/// # Errors
/// As [`prepare::prepare`] and [`backtest_on`].
pub fn backtest(config: &Config, options: Options<'_>) -> Result<Backtest, Failure> {
    backtest_on(config, &prepare::read(config)?, options)
}

/// Runs a recording that is in memory already through engine and venue.
///
/// # Errors
/// As [`prepare::ready`]; `CONFIGURATION` where the queue model needs orders the recording does not
/// name; `ARGUMENTS` for a latency without samples; `RESOURCE` where a recorded event is no frame;
/// `KILLED` where an order has not the next approval.
pub fn backtest_on(
    config: &Config,
    recording: &Recording,
    options: Options<'_>,
) -> Result<Backtest, Failure> {
    check_orders(config, recording)?;
    let score_link = score_link(config, options.scorer.as_ref())?;
    let mut event_time = config.clone();
    event_time.data.speed = Speed::Max;
    let Ready { engine, venue, start, events, .. } =
        prepare::ready(&event_time, recording, options.own)?;
    let clock = CLOCK.get_or_init(Clock::calibrate);
    let begin = clock.cycles();
    let start_ns = clock.wall_ns();
    let mut world = World {
        engine,
        venue,
        approval: ApprovalCheck::default(),
        seen: Seen { observer: options.observer, ..Seen::default() },
        scorer: options.scorer,
        score_link,
        scores: VecDeque::new(),
        reports: Queue::default(),
        scratch: Vec::new(),
        start: StartMode::new(config.session.start_mode),
        ticks: options.clock,
        tick: options.clock.map(|ticks| ticks.after(start)),
        signal_received: 0,
    };
    for frame in start_inputs(&world.engine, &[], start) {
        world.feed(&frame)?;
    }
    for (record, frame) in recording.frames().enumerate() {
        world.market(record, frame)?;
    }
    world.end()?;
    let wall_ns = clock.cycles_to_ns(clock.cycles().saturating_sub(begin));
    let engine = &world.engine;
    let file = recording.path.file_name().map(|n| n.to_string_lossy().into_owned());
    let facts = Facts {
        kind: "backtest",
        name: &config.session.name,
        id: String::new(),
        epoch: config.session.epoch,
        config_hash: config.hash(),
        data: (file.unwrap_or_default(), recording.summary.sha256.clone()),
        events_total: events,
        start: TsNs(start_ns),
        wall_ns,
        clock: ClockFacts { source: clock.source(), drift_ppm: None, excessive: false },
        latency: None,
        signal: json!({
            "requests": engine.counters().signal_requests,
            "answers": engine.counters().signal_answers,
            "stale": engine.counters().signal_stale,
            "unusable": engine.counters().signal_unusable,
            "overwritten": 0,
            "received": world.signal_received,
            "latency_ns": world.scorer.as_ref().map(|scorer| stated(&scorer.latency)),
        }),
        host: json!({ "threads": 1, "speed": "event time" }),
        station: json!({ "approvals_spent": world.approval.spent() }),
        exit: (Exit::Clean, "end of the recording".to_owned()),
    };
    let summary = summary(engine, &facts);
    let state_hash = engine.state_hash();
    Ok(Backtest { summary, state_hash, engine: world.engine })
}

/// The way of the scores, with draws of its own: the venue's come from the seed itself.
fn score_link(config: &Config, scorer: Option<&Scorer<'_>>) -> Result<Link, Failure> {
    let latency = scorer.map_or(Latency::Constant(0), |scorer| scorer.latency.clone());
    latency.validate().map_err(|why| {
        let (what, fields) = ("latency of scores is refused", format!("why=\"{why}\""));
        Failure::new(Exit::Arguments, what, fields, "give at least one sample")
    })?;
    let seed = config.venue.seed.rotate_left(32) ^ u64::from_le_bytes(*b"scorelat");
    Ok(Link::new(latency, seed))
}

/// A latency model as the summary states it.
fn stated(latency: &Latency) -> Value {
    match latency {
        Latency::Constant(ns) => json!(ns),
        Latency::Samples(samples) => json!({ "samples": samples.len() }),
        Latency::Quantiles(rows) => json!({ "quantiles": rows.len() }),
    }
}

/// A queue kept by order needs a recording that names orders.
fn check_orders(config: &Config, recording: &Recording) -> Result<(), Failure> {
    let names_orders = |frame| {
        let header = wire::frame::header(frame).ok();
        header.is_some_and(|h| h.flags & FLAG_ORDER != 0)
    };
    if config.venue.queue_model != QueueModel::L3Fifo || recording.frames().any(names_orders) {
        return Ok(());
    }
    let what = "recording has no orders one by one for queue model l3-fifo";
    let fields = format!("file={} path={}", config.file.display(), recording.path.display());
    let next = "import order by order data, or set another venue.queue_model";
    Err(Failure::new(Exit::Configuration, what, fields, next))
}

/// Frames one behind the other, kept until somebody takes them; the memory is kept longer.
#[derive(Debug, Default)]
struct Queue {
    words: Vec<u64>,
    /// Where the first frame not taken begins.
    next: usize,
}

impl FrameSink for Queue {
    fn push(&mut self, frame: &[u8]) {
        self.words.extend_from_slice(bytemuck::cast_slice(frame));
    }
}

impl Queue {
    /// The words of the first frame not taken yet, which is taken herewith.
    #[inline]
    fn take(&mut self) -> Option<&[u64]> {
        if self.words.is_empty() {
            return None;
        }
        let rest = self.words.get(self.next..).unwrap_or(&[]);
        let Ok(header) = wire::frame::header(bytemuck::cast_slice(rest)) else {
            self.words.clear();
            self.next = 0;
            return None;
        };
        let (begin, len) = (self.next, header.len_bytes as usize / 8);
        self.next += len;
        self.words.get(begin..self.next)
    }
}

/// The engine's outputs of one input.
#[derive(Default)]
struct Seen<'a> {
    orders: Queue,
    requests: Vec<SignalRequest>,
    observer: Option<&'a mut Observer<'a>>,
}

impl Sink for Seen<'_> {
    fn input(&mut self, frame: &[u8]) {
        if let Some(observer) = &mut self.observer {
            observer(frame);
        }
    }

    fn output(&mut self, frame: &[u8]) {
        if let Some(observer) = &mut self.observer {
            observer(frame);
        }
        let kind = wire::frame::header(frame).ok().and_then(|h| FrameKind::from_code(h.kind));
        if kind == Some(FrameKind::SignalRequest) {
            self.requests.extend(bytemuck::try_from_bytes::<SignalRequest>(frame).ok().copied());
        } else if kind.is_some_and(goes_to_venue) {
            self.orders.push(frame);
        }
    }
}

struct World<'a> {
    engine: Engine,
    venue: SimVenue,
    approval: ApprovalCheck,
    seen: Seen<'a>,
    scorer: Option<Scorer<'a>>,
    score_link: Link,
    scores: VecDeque<(TsNs, SignalResponse)>,
    reports: Queue,
    scratch: Vec<u64>,
    start: StartMode,
    signal_received: u64,
    ticks: Option<Ticks>,
    /// The next tick of the fixed clock.
    tick: Option<TsNs>,
}

impl World<'_> {
    /// Plays one recorded event: first whatever was due before it.
    fn market(&mut self, record: usize, frame: &[u8]) -> Result<(), Failure> {
        let bad = |why: wire::DecodeError| {
            let fields = format!("record={record} why=\"{why}\"");
            let next = "import the recording again with `corelane import`";
            Failure::new(Exit::Resource, "recorded event is no frame", fields, next)
        };
        let decoded = wire::decode(frame).map_err(bad)?;
        let header = wire::frame::header(frame).map_err(bad)?;
        if header.kind == FrameKind::Instrument.code() {
            return Ok(());
        }
        while let Some(due) = self.next_due().filter(|due| *due < header.ts_recv_ns) {
            self.step(due)?;
        }
        self.venue.on_market(&decoded, &mut self.reports);
        self.deliver()?;
        self.feed(frame)
    }

    /// When something happens next without a market event.
    fn next_due(&self) -> Option<TsNs> {
        let or_never = |at: Option<TsNs>| at.unwrap_or(TsNs::UNDEF);
        let score = or_never(self.scores.front().map(|(at, _)| *at));
        let next = or_never(self.venue.next_due()).min(score).min(or_never(self.tick));
        (next != TsNs::UNDEF).then_some(next)
    }

    /// Runs what is due at `at`: the venue first, then one score, then the clock.
    fn step(&mut self, at: TsNs) -> Result<(), Failure> {
        if self.venue.next_due().is_some_and(|due| due <= at) {
            self.venue.advance(at, &mut self.reports);
            return self.deliver();
        }
        if self.scores.front().is_some_and(|(due, _)| *due <= at)
            && let Some((due, mut response)) = self.scores.pop_front()
        {
            response.header.ts_recv_ns = due;
            response.header.seq = 0;
            self.signal_received += 1;
            return self.feed(bytemuck::bytes_of(&response));
        }
        if let (Some(ticks), Some(due)) = (self.ticks, self.tick.filter(|due| *due <= at)) {
            self.tick = Some(ticks.after(due));
            let mut input = RiskInput::new(RiskField::ClockOffset, 0);
            input.header.ts_recv_ns = due;
            return self.feed(bytemuck::bytes_of(&input));
        }
        Ok(())
    }

    fn deliver(&mut self) -> Result<(), Failure> {
        while let Some(words) = self.reports.take() {
            self.scratch.clear();
            self.scratch.extend_from_slice(words);
            self.feed_scratch()?;
        }
        Ok(())
    }

    /// One input of the engine, and what its outputs set going.
    fn feed(&mut self, frame: &[u8]) -> Result<(), Failure> {
        self.scratch.clear();
        self.scratch.extend_from_slice(bytemuck::cast_slice(frame));
        self.feed_scratch()
    }

    fn feed_scratch(&mut self) -> Result<(), Failure> {
        let bytes = bytemuck::cast_slice_mut(&mut self.scratch);
        self.engine.input(bytes, &mut self.seen).map_err(|why| {
            let fields = format!("why=\"{why}\"");
            Failure::new(Exit::Bug, "engine refuses an input", fields, "report it")
        })?;
        if let Some(command) = self.start.due(self.engine.mode(), self.engine.now()) {
            self.feed(bytemuck::bytes_of(&command))?;
        }
        if !self.seen.orders.words.is_empty() {
            self.send_orders()?;
        }
        if self.seen.requests.is_empty() {
            return Ok(());
        }
        for request in std::mem::take(&mut self.seen.requests) {
            let Some(scorer) = &mut self.scorer else { continue };
            if let Some(response) = (scorer.score)(&request) {
                let due = self.score_link.arrival(self.engine.now(), TsNs(0));
                self.scores.push_back((due, response));
            }
        }
        Ok(())
    }

    /// Hands the engine's orders to the venue, as the edge of a replay does.
    fn send_orders(&mut self) -> Result<(), Failure> {
        let spent = self.approval.spent();
        let now = self.engine.now();
        while let Some(words) = self.seen.orders.take() {
            let frame = bytemuck::cast_slice(words);
            let judged = self.approval.judge(frame);
            let is_taken = matches!(judged, Ok(Checked::Send { .. }))
                && self.venue.on_order(frame, now).is_ok();
            if !is_taken {
                let what = "order without its approval was refused";
                let fields = format!("judged=\"{judged:?}\"");
                let next = "report it: something wrote an order past the gate";
                return Err(Failure::new(Exit::Killed, what, fields, next));
            }
        }
        // One for each, as the edge of a replay says it.
        for spent in spent + 1..=self.approval.spent() {
            let count = wire_count(spent, self.engine.now());
            self.feed(bytemuck::bytes_of(&count))?;
        }
        Ok(())
    }

    /// Ends in good order: working orders are canceled, reports come in, late scores do not count.
    fn end(&mut self) -> Result<(), Failure> {
        self.scores.clear();
        self.tick = None;
        let at = self.engine.now().max(self.venue.now());
        let shutdown = control(Command::Shutdown, 0, "end of the recording", at);
        self.feed(bytemuck::bytes_of(&shutdown))?;
        // Only what is on its way: an order that would expire tomorrow keeps no run waiting.
        while let Some(due) = self.venue.next_in_flight() {
            self.step(due)?;
        }
        self.scores.clear();
        Ok(())
    }
}
