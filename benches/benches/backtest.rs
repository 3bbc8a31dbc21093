//! How fast is a backtest of the bundled recording on one core?
//!
//! The recording is in memory, as for hftbacktest's figures; each run has an engine and a venue of
//! its own. Two rows: a strategy that never asks for anything, and a market maker on a clock of
//! 10 ms (`tests/maker`, power queue, 1 ms each way). A level update is one level of a recorded
//! depth frame, counted once though two books take it; trades and quotes are worked and not
//! counted. Time is this thread's CPU time: *whole* with engine and venue being made, *run* without,
//! less what making them took just before. Two runs of a row must end in the same state. `--smoke`, `--real`,
//! `--record`; `--once` plays each row one time, for instruction counts under callgrind.

use clock::Clock;
use corelane_benches::{Report, Size, allowed_cpus, float, pin};
use engine::OwnStrategy;
use maker::{Maker, NAME, Params};
use rustix::time::{ClockId, clock_gettime};
use station::backtest::{Options, Ticks, backtest_on};
use station::config::{Config, Overrides};
use station::operator::Failure;
use station::prepare::ready;
use std::num::NonZeroU64;
use std::path::Path;
use tape::Recording;
use wire::{Frame, InstrumentId};

#[path = "../../tests/maker/maker.rs"]
mod maker;

/// Time between two decisions of the maker.
const PERIOD: NonZeroU64 = NonZeroU64::new(10_000_000).expect("not 0");

/// What is run, and what it is held against, millions of level updates a second.
struct Row {
    name: &'static str,
    aim: f64,
    peer: f64,
    clock: Option<NonZeroU64>,
}

const ROWS: [Row; 2] = [
    Row { name: "no orders", aim: 25.0, peer: 13.7, clock: None },
    Row { name: "market maker, 10 ms", aim: 15.0, peer: 10.6, clock: Some(PERIOD) },
];

/// What the runs took, and what came of it.
#[derive(Debug, Default)]
struct Runs {
    run_ns: Vec<u64>,
    whole_ns: Vec<u64>,
    state: Option<u64>,
    told: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let size = Size::from_args();
    let once = std::env::args().any(|word| word == "--once");
    let clock = Clock::calibrate();
    let pinned = allowed_cpus().last().is_some_and(|cpu| pin(*cpu));
    let mut report = Report::start("backtest", &clock, size);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let load = || -> Result<_, Failure> {
        let config = Config::load(&root.join("../tests/maker/maker.toml"), &Overrides::default())?;
        let recording = station::prepare::read(&config)?;
        Ok((config, recording))
    };
    let (config, recording) = load().map_err(|failure| failure.to_string())?;
    let levels = levels(&recording);
    report.line(&format!("{levels} level updates in {} frames", recording.summary.frames));
    let rounds = if once { 1 } else { size.pick(2, 41) };
    let mut runs: [Runs; 2] = Default::default();
    for _ in 0..rounds {
        for (row, runs) in ROWS.iter().zip(&mut runs) {
            play(&config, &recording, row, runs).map_err(|failure| failure.to_string())?;
        }
    }
    report.line(&format!(
        "{:<28}{:>7}{:>10}{:>10}{:>10}",
        "M level updates/s", "runs", "min", "p50", "max"
    ));
    for (row, runs) in ROWS.iter().zip(&mut runs) {
        let run = show(&mut report, &format!("{}: run", row.name), levels, &mut runs.run_ns);
        show(&mut report, &format!("{}: whole", row.name), levels, &mut runs.whole_ns);
        let verdict = match size {
            Size::Smoke => "not a figure at this size",
            Size::Real if run >= row.aim => "met",
            Size::Real => "MISSED",
        };
        report.line(&format!("  {}", runs.told));
        report.line(&format!(
            "  p50 {run:.1}, aim {:.0}: {verdict}; hftbacktest 2.4.4 with its hash book on its own \
             BTCUSDT recording, same kind of machine: {}",
            row.aim, row.peer
        ));
    }
    report.line(&format!("pinned: {pinned}"));
    Ok(report.finish()?)
}

/// The row's strategy.
fn own(clock: Option<Ticks>) -> Vec<OwnStrategy> {
    let params = Params { qty_lots: 10_000, max_lots: 1_000_000, offset_ticks: 1, clock };
    vec![OwnStrategy {
        name: NAME.to_owned(),
        instrument: InstrumentId(0),
        uses_signal: false,
        logic: Box::new(Maker::new(params)),
    }]
}

/// One backtest of a row.
fn play(config: &Config, recording: &Recording, row: &Row, runs: &mut Runs) -> Result<(), Failure> {
    let clock = row.clock.map(|period_ns| Ticks { period_ns, phase_ns: 0 });
    let start = thread_cpu_ns();
    let made = ready(config, recording, own(clock))?;
    let making = thread_cpu_ns() - start;
    drop(made);
    let start = thread_cpu_ns();
    let options = Options { own: own(clock), clock, ..Options::default() };
    let done = backtest_on(config, recording, options)?;
    let whole = thread_cpu_ns() - start;
    runs.whole_ns.push(whole);
    runs.run_ns.push(whole.saturating_sub(making).max(1));
    let state = *runs.state.get_or_insert(done.state_hash);
    assert_eq!(state, done.state_hash, "two runs end in the same state");
    let (orders, fills) = (&done.summary["orders"], &done.summary["fills"]);
    assert_eq!(orders.as_u64() > Some(0), row.clock.is_some(), "{orders} orders");
    let inputs = &done.summary["inputs"];
    runs.told = format!("{inputs} inputs, {orders} orders, {fills} fills, state {state:016x}");
    Ok(())
}

/// Levels of all depth frames.
fn levels(recording: &Recording) -> u64 {
    let of = |frame| match wire::decode(frame) {
        Ok(Frame::DepthDelta(depth)) => depth.bids.len() + depth.asks.len(),
        Ok(Frame::BookSnapshot(depth)) => depth.bids.len() + depth.asks.len(),
        _ => 0,
    };
    recording.frames().map(of).sum::<usize>() as u64
}

/// One line of the table; gives the median back.
fn show(report: &mut Report, name: &str, levels: u64, ns: &mut [u64]) -> f64 {
    ns.sort_unstable();
    let rate = |index: usize| {
        let ns = ns.get(index).copied().unwrap_or(u64::MAX);
        float(levels) * 1_000.0 / float(ns)
    };
    let (slowest, median, fastest) = (rate(ns.len() - 1), rate(ns.len() / 2), rate(0));
    report.line(&format!("{name:<28}{:>7}{slowest:>10.2}{median:>10.2}{fastest:>10.2}", ns.len()));
    median
}

/// CPU time of this thread, ns.
fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
