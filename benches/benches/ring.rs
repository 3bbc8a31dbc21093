//! One hop of a 64-byte frame between two cores: our ring beside `rtrb` and crossbeam's
//! `ArrayQueue`, on the same two CPUs, in turns, in one run.
//!
//! Measures throughput (one by one, and 16 at a time), round trip (two rings) and one way (one
//! frame a microsecond), each burst between two line probes; a burst whose probes disagree is
//! dropped. The figures to keep are the ratios of paired turns. `--smoke`, `--real`, `--record`.

use clock::Clock;
use contender::{Array, Contender, Ours, Rtrb};
use corelane_benches::{
    CounterOffset, Placement, Ratio, Report, Sample, Size, allowed_cpus, counter_offset, float,
    jitter, line_probe, median, pin, timer_cost,
};
use measure::{BATCH, Bench, CAPACITY, Sizes, flood, paced, round_trips};

#[path = "ring/contender.rs"]
mod contender;
#[path = "ring/measure.rs"]
mod measure;

/// The limit on ours against the best rival.
const LIMIT: f64 = 1.1;
/// Rounds below which no bound is claimed, and which are run even past the time budget.
const ROUNDS_MIN: usize = 30;

/// What is measured of each contender in each turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Metric {
    RoundTrip,
    OneWay,
    OneByOne,
    Batched,
}

impl Metric {
    const ALL: [Self; 4] = [Self::RoundTrip, Self::OneWay, Self::OneByOne, Self::Batched];

    fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round trip p50",
            Self::OneWay => "one way p50",
            Self::OneByOne => "ns/frame one by one",
            Self::Batched => "ns/frame 16 at a time",
        }
    }
}

/// One contender's turn: a figure for each metric (`None`: has no such way to push), the samples
/// behind two of them, and the placement (`None`: the probes disagreed).
struct Turn {
    placement: Option<Placement>,
    line_ns: f64,
    figures: [Option<f64>; 4],
    round_trip: Sample,
    one_way: Sample,
}

fn main() {
    let size = Size::from_args();
    let clock = Clock::calibrate();
    let cpus = allowed_cpus();
    let [here, peer, ..] = cpus[..] else {
        eprintln!("SKIPPED ring bench: two CPUs are needed, {} allowed", cpus.len());
        return;
    };
    if !pin(here) {
        eprintln!("SKIPPED ring bench: this process may not pin itself to CPU {here}");
        return;
    }
    let sizes = Sizes {
        rounds: size.pick(7, 200),
        budget_ns: size.pick(2_000_000_000, 60_000_000_000),
        trips: size.pick(400, 4_000),
        bursts: size.pick(2, 9),
    };
    let start = clock.anchor();
    let bench = Bench { clock, peer, sizes };
    let mut report = Report::start("ring", &clock, size);
    floor(&mut report, &bench, size);
    let turns = run(&bench);
    for placement in Placement::ALL {
        show(&mut report, &turns, placement);
    }
    let dropped = turns.iter().flatten().filter(|turn| turn.placement.is_none()).count();
    let all = turns.len() * NAMES.len();
    report.line(&format!("turns dropped because their probes disagreed: {dropped} of {all}"));
    report.line(&format!("every frame of every turn arrived in order; capacity {CAPACITY}"));
    report.line(&format!("clock drift over the run: {}", clock.check_drift(&start)));
    if let Err(fault) = report.finish() {
        eprintln!("the record could not be written: {fault}");
    }
}

/// States what lies under every figure.
fn floor(report: &mut Report, bench: &Bench, size: Size) {
    let CounterOffset { ahead_ns, bound_ns } = counter_offset(&bench.clock, bench.peer);
    report.line(&format!(
        "peer's counter is {ahead_ns} ns (+-{bound_ns}) ahead: one-way figures are off by as much"
    ));
    report.line(&Sample::headings("floor, ns"));
    report
        .line(&timer_cost(&bench.clock, size.pick(20_000, 200_000)).row("timer, pair of readings"));
    let span_ns = size.pick(5_000_000, 200_000_000);
    let mut gaps = jitter(&bench.clock, span_ns);
    report.line(&gaps.row(&format!("empty loop, gaps > 1 us in {} ms", span_ns / 1_000_000)));
}

/// Names of the contenders in the order of their figures; ours is first.
const NAMES: [&str; 3] = [Ours::NAME, Rtrb::NAME, Array::NAME];

/// All rounds: in each, every contender has one turn, and who begins changes with the round.
fn run(bench: &Bench) -> Vec<[Turn; 3]> {
    let round = |round: usize| {
        let mut turns = [None, None, None];
        for step in 0..3 {
            let who = (round + step) % 3;
            turns[who] = Some(match who {
                0 => turn::<Ours>(bench),
                1 => turn::<Rtrb>(bench),
                _ => turn::<Array>(bench),
            });
        }
        turns.map(|turn| turn.expect("each had its turn"))
    };
    let start = bench.clock.cycles();
    let enough = move |done: usize| {
        let spent = bench.clock.cycles_to_ns(bench.clock.cycles().saturating_sub(start));
        spent > bench.sizes.budget_ns && done >= ROUNDS_MIN.min(bench.sizes.rounds)
    };
    (0..bench.sizes.rounds).take_while(|done| !enough(*done)).map(round).collect()
}

/// One contender's turn between two line probes.
fn turn<C: Contender>(bench: &Bench) -> Turn {
    let before = line_probe(&bench.clock, bench.peer);
    let mut round_trip = round_trips::<C>(bench);
    let mut one_way = paced::<C>(bench);
    let one_by_one = flood::<C>(bench, 1);
    let batched = C::BATCHES.then(|| flood::<C>(bench, BATCH));
    let after = line_probe(&bench.clock, bench.peer);
    let figures = [
        round_trip.quantile(5_000).map(float),
        one_way.quantile(5_000).map(float),
        Some(one_by_one),
        batched,
    ];
    let line_ns = f64::midpoint(before.round_trip_ns, after.round_trip_ns);
    Turn { placement: before.agrees(&after), line_ns, figures, round_trip, one_way }
}

/// The tables of one placement: distributions, medians, and the ratios of paired turns.
fn show(report: &mut Report, turns: &[[Turn; 3]], placement: Placement) {
    let kept = |turn: &Turn| turn.placement == Some(placement);
    let n = turns.iter().flatten().filter(|turn| kept(turn)).count();
    if n == 0 {
        report.line(&format!("-- {placement}: no turn"));
        return;
    }
    let mut lines: Vec<_> = turns.iter().flatten().filter(|t| kept(t)).map(|t| t.line_ns).collect();
    let line_ns = median(&mut lines).unwrap_or_default();
    report.line(&format!("-- {placement}: {n} turns, line round trip L = {line_ns:.0} ns"));
    report.line(&Sample::headings("ns, 64-byte frame, all turns"));
    for (who, name) in NAMES.iter().enumerate() {
        let (mut trip, mut way) = (Sample::default(), Sample::default());
        for turn in turns.iter().map(|round| &round[who]).filter(|turn| kept(turn)) {
            trip.extend(&turn.round_trip);
            way.extend(&turn.one_way);
        }
        report.line(&trip.row(&format!("{name}, round trip")));
        report.line(&way.row(&format!("{name}, one way")));
    }
    for (index, metric) in Metric::ALL.into_iter().enumerate() {
        show_metric(report, turns, placement, (index, metric));
    }
}

/// Medians of one metric over the turns, and ours against the best rival in paired turns.
fn show_metric(
    report: &mut Report,
    turns: &[[Turn; 3]],
    placement: Placement,
    (index, metric): (usize, Metric),
) {
    let figure = |turn: &Turn| {
        let kept = turn.placement == Some(placement);
        turn.figures[index].filter(|_| kept)
    };
    let medians: [Option<f64>; 3] = std::array::from_fn(|who| {
        median(&mut turns.iter().filter_map(|round| figure(&round[who])).collect::<Vec<_>>())
    });
    let shown = NAMES.iter().zip(medians).map(|(name, median)| {
        median.map_or(format!("{name} n/a"), |median| format!("{name} {median:.1}"))
    });
    report.line(&format!("{}: {}", metric.name(), shown.collect::<Vec<_>>().join(", ")));
    let best = (1..3)
        .filter_map(|who| medians[who].map(|median| (who, median)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let Some((best, _)) = best else { return };
    let pairs: Vec<_> = turns
        .iter()
        .filter_map(|round| Some((figure(&round[0])?, figure(&round[best])?)))
        .collect();
    let verdict = match Ratio::of(&pairs) {
        None => format!("n/a, {} pairs are too few", pairs.len()),
        Some(ratio) if ratio.pairs < ROUNDS_MIN => {
            format!("{ratio}, fewer than {ROUNDS_MIN} pairs decide nothing")
        }
        Some(ratio) if ratio.high <= LIMIT => format!("{ratio}, within {LIMIT}"),
        Some(ratio) if ratio.low <= LIMIT => format!("{ratio}, not shown to be within {LIMIT}"),
        Some(ratio) => format!("{ratio}, BEYOND {LIMIT}"),
    };
    report.line(&format!("    ours / {} (best rival): {verdict}", NAMES[best]));
    if metric == Metric::RoundTrip {
        let to_line = |turn: &Turn| figure(turn).map(|trip| (trip, turn.line_ns));
        let pairs: Vec<_> = turns.iter().filter_map(|round| to_line(&round[0])).collect();
        let ratio = Ratio::of(&pairs).map_or("n/a".to_owned(), |ratio| ratio.to_string());
        report.line(&format!("    ours / L: {ratio}"));
    }
}
