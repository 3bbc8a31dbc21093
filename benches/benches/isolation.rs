//! Does a sidecar that misbehaves make the order loop slower?
//!
//! The real loop alone on one CPU; the feeder, the station's real bridge and the sidecar, a process
//! of its own behind the real socket, on the other. Burst after burst over the same events of the
//! bundled recording, in pairs: beside a quiet sidecar, and beside one that misbehaves. Of each
//! burst the p99.9 of two spans: "inside", from the loop's take of a market event to its order in
//! the ring to the edge, and "whole", from when the event is in the ring to the loop, so that what
//! the loop does before it takes it (answers of the sidecar go first) is in it. The ratio of each
//! pair, the median over the pairs and its 95 % interval; both upper ends must be at most 1.10.
//!
//! Two more pairs say whether this machine can tell at all: quiet against quiet, and quiet against
//! a loop whose strategy waits 2 us in each event. If the first differ or the second do not, the
//! answer is "inconclusive". With `--judge` that is exit status 3, a slower loop 31.
//!
//! Each burst also shows that every event was processed, that every one led to its order, and that
//! what the sidecar did wrong was counted by its cause.

use burst::{Burst, Condition, Plan, play};
use clock::Clock;
use corelane_benches::isolation::{self, FEWEST_PAIRS, LIMIT, Verdict, judge};
use corelane_benches::{
    Placement, Ratio, Report, Sample, Size, allowed_cpus, float, jitter, line_probe, median, pin,
    plot, timer_cost,
};
use sidecar::Manner;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use wire::counters::Counter;
use wire::exit::Exit;
use world::Market;

#[path = "isolation/burst.rs"]
mod burst;
#[path = "isolation/sidecar.rs"]
mod sidecar;
#[path = "isolation/venue.rs"]
mod venue;
#[path = "isolation/world.rs"]
mod world;

/// Exit status with `--judge` where this machine cannot tell.
const INCONCLUSIVE: u8 = 3;
/// Busy wait of the planted delay, nanoseconds.
const PLANT_NS: u64 = 2_000;
/// Events of a burst before those that count, and those: smoke and real.
const EVENTS: ((usize, usize), (usize, usize)) = ((200, 1_500), (2_000, 20_000));
/// p99.9, in parts of ten thousand.
const QUANTILE: usize = 9_990;
/// The figures of a pair, as the table names them.
const FIGURES: [&str; 2] = ["inside: taken to order", "whole: in the ring to order"];

/// Counters of the bridge and the loop that stand in the table.
const SHOWN: [(Counter, &str); 11] = [
    (Counter::BridgeSignalConnects, "connects"),
    (Counter::BridgeSignalSent, "sent"),
    (Counter::BridgeSignalDropped, "dropped"),
    (Counter::BridgeSignalOverwritten, "overwr."),
    (Counter::BridgeSignalReceived, "received"),
    (Counter::LoopSignalAnswers, "used"),
    (Counter::LoopSignalStale, "stale"),
    (Counter::BridgeRefused, "refused"),
    (Counter::BridgeSignalWrongModel, "model"),
    (Counter::BridgeSignalUnasked, "unasked"),
    (Counter::BridgeSignalFaults, "faults"),
];

const QUIET: Condition = Condition {
    name: "idle",
    manner: Manner::Idle,
    stopped: false,
    plant_ns: 0,
    rises: &[(Counter::BridgeSignalSent, 1)],
    stays: &[Counter::BridgeSignalReceived, Counter::BridgeRefused],
};

/// The control, the plant, and what is asked.
const CONDITIONS: [Condition; 13] = [
    Condition { name: "idle (control)", ..QUIET },
    Condition { name: "2 us planted", plant_ns: PLANT_NS, ..QUIET },
    Condition {
        name: "busy",
        manner: Manner::Busy,
        rises: &[(Counter::LoopSignalAnswers, 1)],
        stays: &[Counter::BridgeRefused],
        ..QUIET
    },
    Condition {
        name: "stopped",
        stopped: true,
        rises: &[(Counter::BridgeSignalDropped, 1)],
        ..QUIET
    },
    Condition {
        name: "killed in a loop",
        manner: Manner::Killed,
        rises: &[
            (Counter::BridgeSignalConnects, 3),
            (Counter::BridgeSignalDropped, 1),
            (Counter::BridgeSignalReceived, 1),
        ],
        stays: &[],
        ..QUIET
    },
    Condition {
        name: "flooding",
        manner: Manner::Flooding,
        rises: &[(Counter::BridgeSignalUnasked, 100), (Counter::BridgeSignalReceived, 1)],
        stays: &[Counter::BridgeSignalWrongModel],
        ..QUIET
    },
    Condition { name: "a byte a message", manner: Manner::Drip, ..BROKEN },
    Condition { name: "garbage", manner: Manner::Garbage, ..BROKEN },
    Condition { name: "half frames", manner: Manner::Half, ..BROKEN },
    Condition { name: "NaN", manner: Manner::Nan, ..BROKEN },
    Condition {
        name: "stale",
        manner: Manner::Stale,
        rises: &[(Counter::LoopSignalStale, 1)],
        stays: &[Counter::BridgeRefused, Counter::LoopSignalAnswers],
        ..QUIET
    },
    Condition {
        name: "wrong hash",
        manner: Manner::WrongHash,
        rises: &[(Counter::BridgeSignalWrongModel, 1)],
        stays: &[Counter::BridgeSignalReceived, Counter::BridgeSignalUnasked],
        ..QUIET
    },
    Condition {
        name: "never reading",
        manner: Manner::NeverReading,
        rises: &[(Counter::BridgeSignalDropped, 1)],
        ..QUIET
    },
];

/// A frame that breaks the rules: refused, the connection ended, and made again.
const BROKEN: Condition = Condition {
    rises: &[(Counter::BridgeRefused, 2), (Counter::BridgeSignalConnects, 2)],
    stays: &[
        Counter::BridgeSignalReceived,
        Counter::BridgeSignalWrongModel,
        Counter::BridgeSignalUnasked,
    ],
    ..QUIET
};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [first, manner, path] = &words[..]
        && first == "sidecar"
    {
        return match sidecar::run(manner, Path::new(path)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("sidecar {manner}: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let size = Size::from_args();
    let clock = Clock::calibrate();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/demo/btcusdt-20240809.clrec");
    let recording = match tape::read_all(&path) {
        Ok(recording) => recording,
        Err(error) => return skipped(&error.to_string()),
    };
    let Some(market) = Market::of(&recording) else { return skipped("no market frame") };
    let [house_cpu, .., loop_cpu] = *allowed_cpus().as_slice() else {
        return skipped("it needs two CPUs");
    };
    if !pin(house_cpu) {
        return skipped("this process may not pin itself");
    }
    let plan = Plan { clock, loop_cpu, events: size.pick(EVENTS.0, EVENTS.1) };
    let mut report = Report::start("isolation", &clock, size);
    report.line(&format!("loop alone on CPU {loop_cpu}, all else on CPU {house_cpu}"));
    report.line(&Sample::headings("ns"));
    report.line(&timer_cost(&clock, 20_000).row("floor: pair of readings"));
    report.line(&jitter(&clock, size.pick(5_000_000, 500_000_000)).row("floor: gaps > 1 us"));
    let mut rows: Vec<Row> = CONDITIONS.iter().map(Row::new).collect();
    let pairs = pairs_asked(&words).unwrap_or(size.pick(1, FEWEST_PAIRS + 2));
    let mixed = measure(&plan, &market, &mut rows, pairs);
    let (counted, memory) = (plan.events.1, station::sys::lock_memory().is_ok());
    report.line(&format!(
        "{counted} events a burst after {} that do not count; pairs dropped, the CPUs' placement \
         changed: {mixed}; memory locked: {memory}",
        plan.events.0
    ));
    show(&mut report, &mut rows);
    let verdict = end(&mut report, &rows);
    if let Err(fault) = report.finish() {
        eprintln!("the record could not be written: {fault}");
    }
    match verdict {
        _ if size == Size::Smoke || !words.iter().any(|word| word == "--judge") => {
            ExitCode::SUCCESS
        }
        Verdict::Holds => ExitCode::SUCCESS,
        Verdict::Slower(_) => ExitCode::from(Exit::CheckFailed.code()),
        Verdict::Inconclusive(_) => ExitCode::from(INCONCLUSIVE),
    }
}

fn skipped(why: &str) -> ExitCode {
    eprintln!("SKIPPED isolation bench: {why}");
    ExitCode::SUCCESS
}

/// `--pairs=N`.
fn pairs_asked(words: &[String]) -> Option<usize> {
    words.iter().find_map(|word| word.strip_prefix("--pairs=")?.parse().ok())
}

/// One condition and what was measured beside it.
struct Row {
    condition: &'static Condition,
    /// p99.9 beside it and beside the quiet one, of each figure.
    pairs: [Vec<(f64, f64)>; 2],
    /// All events of all bursts beside it, each figure.
    beside: [Sample; 2],
    /// The same beside the quiet one.
    quiet: [Sample; 2],
    /// Pairs measured and kept.
    kept: usize,
    near: usize,
    counts: [u64; SHOWN.len()],
    events: usize,
    put_off: u64,
}

impl Row {
    fn new(condition: &'static Condition) -> Self {
        Self {
            condition,
            pairs: [Vec::new(), Vec::new()],
            beside: [Sample::default(), Sample::default()],
            quiet: [Sample::default(), Sample::default()],
            kept: 0,
            near: 0,
            counts: [0; SHOWN.len()],
            events: 0,
            put_off: 0,
        }
    }

    fn keep(&mut self, beside: Burst, quiet: Burst, placement: Placement) {
        self.kept += 1;
        self.near += usize::from(placement == Placement::Near);
        let mut bursts = [[beside.inside, quiet.inside], [beside.whole, quiet.whole]];
        let all = self.beside.iter_mut().zip(&mut self.quiet).zip(&bursts);
        for ((beside, quiet), [burst, other]) in all {
            beside.extend(burst);
            quiet.extend(other);
        }
        for (pairs, [beside, quiet]) in self.pairs.iter_mut().zip(&mut bursts) {
            let both = beside.quantile(QUANTILE).zip(quiet.quantile(QUANTILE));
            pairs.extend(both.map(|(a, b)| (float(a), float(b))));
        }
        for (sum, (counter, _)) in self.counts.iter_mut().zip(SHOWN) {
            *sum += beside.counters.get(counter);
        }
        self.events += beside.events;
        self.put_off += beside.put_off;
    }

    fn judged(&self) -> isolation::Condition {
        let ratios = self.pairs.iter().map(|pairs| Ratio::of(pairs)).collect();
        isolation::Condition { name: self.condition.name.to_owned(), ratios }
    }
}

/// Pairs of every condition in turns until each has enough; which member of a pair comes first, and
/// which condition, changes from round to round. The number of pairs between whose probes the
/// placement changed: they do not count.
fn measure(plan: &Plan, market: &Market<'_>, rows: &mut [Row], pairs: usize) -> usize {
    let mut mixed = 0;
    for round in 0..2 * pairs {
        let first = round % rows.len();
        for nth in 0..rows.len() {
            let place = (first + nth) % rows.len();
            let row = &mut rows[place];
            if row.kept >= pairs {
                continue;
            }
            let before = line_probe(&plan.clock, plan.loop_cpu);
            let (beside, quiet) = if round.is_multiple_of(2) {
                let quiet = play(plan, market, &QUIET);
                (play(plan, market, row.condition), quiet)
            } else {
                let beside = play(plan, market, row.condition);
                (beside, play(plan, market, &QUIET))
            };
            let after = line_probe(&plan.clock, plan.loop_cpu);
            match before.agrees(&after) {
                Some(placement) => row.keep(beside, quiet, placement),
                None => mixed += 1,
            }
        }
    }
    mixed
}

fn show(report: &mut Report, rows: &mut [Row]) {
    report.line("");
    report.line("p99.9 beside it, beside the idle one (medians over the pairs, ns), their ratio");
    report.line(&format!(
        "{:<18}{:>6}{:>6}  {:<42}{:<42}finding",
        "sidecar", "pairs", "near", FIGURES[0], FIGURES[1]
    ));
    for row in rows.iter() {
        let mut text = format!("{:<18}{:>6}{:>6}  ", row.condition.name, row.kept, row.near);
        for pairs in &row.pairs {
            let _ = write!(text, "{:<42}", figure(pairs));
        }
        report.line(&format!("{text}{}", row.judged().finding()));
    }
    report.line("");
    report.line("what was counted while it ran, all its bursts together");
    let heads: Vec<_> = SHOWN.iter().map(|(_, name)| format!("{name:>10}")).collect();
    let heads = heads.concat();
    report.line(&format!("{:<18}{:>9}{heads}{:>9}", "sidecar", "events", "put off"));
    for row in rows.iter() {
        let counts: Vec<_> = row.counts.iter().map(|count| format!("{count:>10}")).collect();
        let counts = counts.concat();
        let (name, put_off) = (row.condition.name, row.put_off);
        report.line(&format!("{name:<18}{:>9}{counts}{put_off:>9}", row.events));
    }
    report.line("");
    report.line(&Sample::headings("all events, ns"));
    for (nth, what) in ["inside", "whole"].into_iter().enumerate() {
        let mut quiet = Sample::default();
        for row in rows.iter() {
            quiet.extend(&row.quiet[nth]);
        }
        report.line(&quiet.row(&format!("{what}: beside the idle ones")));
        for row in rows.iter_mut() {
            report.line(&row.beside[nth].row(&format!("{what}: {}", row.condition.name)));
        }
    }
}

fn figure(pairs: &[(f64, f64)]) -> String {
    let of = |pick: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(pick).collect();
        median(&mut values).map_or("n/a".to_owned(), |value| format!("{value:.0}"))
    };
    let ratio = Ratio::of(pairs).map_or("n/a".to_owned(), |ratio| {
        format!("{:.3} [{:.3}, {:.3}]", ratio.median, ratio.low, ratio.high)
    });
    format!("{:>7} {:>7}  {ratio}", of(|pair| pair.0), of(|pair| pair.1))
}

/// The verdict's line, and the plot.
fn end(report: &mut Report, rows: &[Row]) -> Verdict {
    let judged: Vec<_> = rows.iter().map(Row::judged).collect();
    let [control, planted, rest @ ..] = &judged[..] else {
        return Verdict::Inconclusive(vec!["nothing was measured".to_owned()]);
    };
    let verdict = judge(control, planted, rest);
    report.line("");
    let said = match &verdict {
        Verdict::Holds => {
            format!(
                "verdict: holds: every upper 95 % bound is at most {LIMIT:.2}, the plant is found"
            )
        }
        Verdict::Slower(names) => format!("verdict: SLOWER beside: {}", names.join(", ")),
        Verdict::Inconclusive(why) => format!("verdict: inconclusive: {}", why.join("; ")),
    };
    report.line(&said);
    let title = "The order loop beside a misbehaving sidecar: p99.9, ratio to an idle one";
    let svg = plot::intervals(title, &said, &FIGURES, &judged);
    // The folder that cargo keeps for benches, within `target`.
    if let Err(fault) = report.attach("svg", &svg, Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        eprintln!("the plot could not be written: {fault}");
    }
    verdict
}
