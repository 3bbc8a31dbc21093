//! One run: starts the lanes, collects what they tell, and puts it together.
//!
//! Must never: run on a CPU that is measured where another is allowed, and then say nothing of it.
//! The calling thread is the collector.

use super::cause::Source;
use super::counters::Text;
use super::gap::{self, Gap, Gate, Told};
use super::log::Log;
use super::measured::Measured;
use super::moment::Moment;
use super::series::Series;
use super::wake::{self, Request};
use super::{JitterArgs, Mode, cores};
use crate::probes::{Machine, Percentile, float, micros, shown};
use clock::{Anchor, Clock};
use ring::Consumer;
use station::operator::Failure;
use station::pin::{Pinned, pin_current};
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt as _;
use std::thread::ScopedJoinHandle;
use wire::exit::Exit;

/// Nanoseconds between two collections, and the length of a log's row.
const COLLECT_NS: u64 = 1_000_000_000;
/// Nanoseconds of a block with or without the request for short wake-ups.
const BLOCK_NS: u64 = 500_000_000;
/// Collections between two lines of a soak.
const SOAK_LINE: u64 = 60;
/// Medians so many times apart are put down to idle states.
const GAIN: f64 = 1.2;

/// What every mode does before its lanes start; the words for the head, and objections.
pub(super) fn prepare(machine: &Machine, cpus: &[usize]) -> (Vec<String>, Vec<String>) {
    let mut head = Vec::new();
    let mut objections = Vec::new();
    // Without handlers Ctrl-C ends the run without a report, as it would anyway.
    let _unhandled = station::sys::catch_stop_signals();
    let cpu = gap::collector_cpu(machine, cpus);
    if let (Some(cpu), Pinned::To(_)) = (cpu, pin_current(cpu)) {
        head.push(format!("collector: on cpu {cpu}, which is not measured"));
    } else {
        head.push("collector: on a CPU that is measured; its wake-ups are in the figures".into());
        objections.push("every allowed CPU is measured, the collector's own too".into());
    }
    (head, objections)
}

fn lock(head: &mut Vec<String>, objections: &mut Vec<String>) {
    match station::sys::lock_memory() {
        Ok(()) => head.push("memory: locked".into()),
        Err(error) => {
            head.push(format!("memory: not locked: {error} (ulimit -l, or CAP_IPC_LOCK)"));
            objections.push("memory is not locked (M03)".into());
        }
    }
}

fn refused(error: &io::Error) -> Failure {
    let next = "name other CPUs with --cpus; --fifo needs CAP_SYS_NICE; the request needs root";
    Failure::new(Exit::Resource, "cannot measure", format!("error=\"{error}\""), next)
}

fn panicked() -> Failure {
    Failure::new(Exit::Bug, "a measuring thread panicked", "", "report it")
}

/// Waits for every lane; its failure where one failed.
fn joined<T>(lanes: Vec<ScopedJoinHandle<'_, io::Result<Option<T>>>>) -> Result<Vec<T>, Failure> {
    let ends: Vec<_> = lanes.into_iter().map(ScopedJoinHandle::join).collect();
    let mut told = Vec::new();
    for end in ends {
        let end = end.map_err(|_| panicked())?;
        told.extend(end.map_err(|error| refused(&error))?);
    }
    Ok(told)
}

/// Gap mode.
///
/// # Errors
/// RESOURCE for a CPU, policy or file refused.
pub fn gap(
    args: &JitterArgs,
    machine: &Machine,
    cpus: &[usize],
    clock: &Clock,
) -> Result<Measured, Failure> {
    let (mut head, mut objections) = prepare(machine, cpus);
    let plan = gap::Plan { time_ns: args.time_ns(), threshold_ns: args.threshold, fifo: args.fifo };
    let name = |cpu: &usize| Series::new(format!("cpu {cpu}"), format!("gap_cpu{cpu}"), *cpu);
    let mut series: Vec<Series> = cpus.iter().map(name).collect();
    let mut log = log(args, clock, &series)?;
    let gate = Gate::default();
    let (told, moments) = std::thread::scope(|scope| {
        let (mut lanes, mut rings) = (Vec::new(), Vec::new());
        for cpu in cpus.iter().copied() {
            let (out, taken) = gap::lane();
            rings.push(taken);
            lanes.push(scope.spawn({
                let (plan, gate) = (&plan, &gate);
                move || gap::watch(cpu, plan, clock, gate, out)
            }));
        }
        if !gate.wait_for(lanes.len()) {
            return joined(lanes).and_then(|_: Vec<Told>| Err(panicked()));
        }
        lock(&mut head, &mut objections);
        let before = Moment::read(cpus);
        let mut collector = Collector::new(clock, &mut series, rings, log.as_mut(), args);
        gate.open();
        let is_done = || lanes.iter().all(ScopedJoinHandle::is_finished);
        let collected = collector.run(&gate, is_done);
        if collected.is_err() {
            gate.stop();
        }
        let told = joined(lanes)?;
        collected?;
        Ok((told, (before, Moment::read(cpus))))
    })?;
    log.map_or(Ok(()), Log::close)?;
    let mut elapsed_ns = 0;
    for (place, (series, told)) in series.iter_mut().zip(told).enumerate() {
        let (window, notes) = moments.0.until(&moments.1, place, told.cpu);
        (series.window, series.notes) = (window, notes);
        elapsed_ns = elapsed_ns.max(told.elapsed_ns);
        head.extend(put_in(series, &told, args.threshold.is_some(), &mut objections));
    }
    objections.extend(steal(&series));
    Ok(measured(Mode::Gap, machine, cpus, elapsed_ns, head, series, objections))
}

fn measured(
    mode: Mode,
    machine: &Machine,
    cpus: &[usize],
    elapsed_ns: u64,
    head: Vec<String>,
    series: Vec<Series>,
    objections: Vec<String>,
) -> Measured {
    Measured {
        mode,
        cpus: cpus.to_vec(),
        machine: machine.clone(),
        elapsed_ns,
        clock: String::new(),
        head,
        series,
        cells: Vec::new(),
        objections,
    }
}

/// Puts what a lane told into its series; lines for the head.
fn put_in(
    series: &mut Series,
    told: &Told,
    is_asked: bool,
    objections: &mut Vec<String>,
) -> Vec<String> {
    series.observed_ns = told.observed_ns;
    series.total_ns = told.total_ns;
    series.max_ns = told.max_ns;
    series.sources = told.watch.sources().to_vec();
    let mut head = vec![format!(
        "cpu {}: threshold {} ns ({}), reading counters took {:.2} % of the time",
        told.cpu,
        told.threshold_ns,
        if is_asked {
            "as asked for".to_owned()
        } else {
            format!("8 times the shortest turn, {} ns", micros(told.turn_ps))
        },
        100.0 * float(told.reading_ns) / float(told.elapsed_ns.max(1)),
    )];
    if told.watch.is_lost() {
        head.push(format!("cpu {}: interrupts came or went: attribution ended there", told.cpu));
    }
    if told.dropped > 0 {
        let dropped = format!("cpu {}: {} gaps found the ring full", told.cpu, told.dropped);
        objections.push(dropped);
    }
    head
}

fn steal(series: &[Series]) -> Option<String> {
    let is_steal = |source: &Source| source.text == Text::Stat;
    let moved = series.iter().flat_map(|series| &series.window).filter(|(s, _)| is_steal(s));
    let ticks: u64 = moved.map(|(_, ticks)| *ticks).sum();
    (ticks > 0).then(|| format!("a hypervisor took {ticks} ticks of 10 ms (I22)"))
}

fn log(args: &JitterArgs, clock: &Clock, series: &[Series]) -> Result<Option<Log>, Failure> {
    let tags = || series.iter().map(|series| series.tag.clone()).collect();
    let create = |path: &std::path::PathBuf| Log::create(path, clock.wall_ns(), tags());
    args.hlog.as_ref().map(create).transpose()
}

/// Takes gaps from the lanes' rings.
struct Collector<'a> {
    clock: &'a Clock,
    anchor: Anchor,
    series: &'a mut [Series],
    rings: Vec<Consumer<Gap>>,
    log: Option<&'a mut Log>,
    is_soak: bool,
}

impl<'a> Collector<'a> {
    fn new(
        clock: &'a Clock,
        series: &'a mut [Series],
        rings: Vec<Consumer<Gap>>,
        log: Option<&'a mut Log>,
        args: &JitterArgs,
    ) -> Self {
        let anchor = clock.anchor();
        Self { clock, anchor, series, rings, log, is_soak: args.soak.is_some() }
    }

    /// Collects until the lanes are done, or told to stop.
    fn run(&mut self, gate: &Gate, is_done: impl Fn() -> bool) -> Result<(), Failure> {
        let start = self.clock.monotonic_ns();
        let (mut until, mut last, mut count) = (start, start, 0_u64);
        loop {
            until += COLLECT_NS;
            while self.clock.monotonic_ns() < until && !is_done() {
                wake::sleep_until(until.min(self.clock.monotonic_ns() + COLLECT_NS / 10));
                if station::sys::stop_signal().is_some() {
                    gate.stop();
                }
            }
            let is_over = is_done();
            self.drain();
            let now = self.clock.monotonic_ns();
            if let Some(log) = &mut self.log {
                log.interval(last.saturating_sub(start), now.saturating_sub(last))?;
            }
            last = now;
            count += 1;
            if self.is_soak && count.is_multiple_of(SOAK_LINE) {
                self.say(now.saturating_sub(start));
            }
            if is_over {
                return Ok(());
            }
        }
    }

    fn drain(&mut self) {
        for (place, (ring, series)) in self.rings.iter_mut().zip(self.series.iter_mut()).enumerate()
        {
            while let Some(gap) = ring.try_pop() {
                let ns = self.clock.cycles_to_ns(gap.cycles);
                let wall_ns = self.clock.wall_ns_at(&self.anchor, gap.end_cycles);
                series.take(ns, wall_ns, Some(gap.seen));
                if let Some(log) = &mut self.log {
                    log.take(place, ns);
                }
            }
        }
    }

    fn say(&self, elapsed_ns: u64) {
        use station::operator::{Line, Operator as _, Stderr};
        for series in self.series.iter() {
            let max = micros(series.max_ns);
            let fields = format!(
                "{} seconds={} gaps={} max_us={max}",
                series.name.replace(' ', "="),
                elapsed_ns / 1_000_000_000,
                series.histogram.len()
            );
            Stderr.say(&Line::new("soak goes on", fields, "").with_code("NOTE"));
        }
    }
}

/// Wake mode.
///
/// # Errors
/// RESOURCE for a CPU, policy, request or file refused.
pub fn wake(
    args: &JitterArgs,
    machine: &Machine,
    cpus: &[usize],
    clock: &Clock,
) -> Result<Measured, Failure> {
    let (mut head, mut objections) = prepare(machine, cpus);
    let plan = wake::Plan {
        time_ns: args.time_ns(),
        interval_ns: args.interval,
        slack_ns: NonZeroU64::new(args.timer_slack).unwrap_or(NonZeroU64::MIN),
        fifo: args.fifo,
    };
    head.push(format!(
        "timer: every {} us, slack {} us; a wake's lateness is by CLOCK_MONOTONIC",
        micros(plan.interval_ns),
        micros(plan.slack_ns.get())
    ));
    head.push(request_line(args.hold_latency));
    if args.hold_latency {
        wake::hold().map_err(|error| refused(&error))?;
    }
    let (gate, request) = (Gate::default(), Request::default());
    let start = clock.anchor();
    let (pairs, moments, elapsed_ns) = std::thread::scope(|scope| {
        let lane = |cpu: usize| {
            let (plan, gate, request) = (&plan, &gate, &request);
            scope.spawn(move || wake::watch(cpu, plan, clock, gate, request))
        };
        let lanes: Vec<_> = cpus.iter().copied().map(lane).collect();
        if !gate.wait_for(lanes.len()) {
            return joined(lanes).and_then(|_: Vec<wake::Pair>| Err(panicked()));
        }
        lock(&mut head, &mut objections);
        let before = Moment::read(cpus);
        let opened_ns = clock.monotonic_ns();
        gate.open();
        let waited = hold_in_turn(args, clock, &gate, &request);
        if waited.is_err() {
            gate.stop();
        }
        let pairs = joined(lanes)?;
        let elapsed_ns = clock.monotonic_ns().saturating_sub(opened_ns);
        waited.map_err(|error| refused(&error))?;
        Ok((pairs, (before, Moment::read(cpus)), elapsed_ns))
    })?;
    let mut series = Vec::new();
    for (place, [free, held]) in pairs.into_iter().enumerate() {
        let mut free = free;
        (free.window, free.notes) = moments.0.until(&moments.1, place, free.cpu);
        series.push(free);
        series.extend(args.hold_latency.then_some(held));
    }
    if args.hold_latency {
        head.extend(gains(&series));
    }
    objections.extend(steal(&series));
    write_log(args, clock, start.wall_ns, &series)?;
    Ok(measured(Mode::Wake, machine, cpus, elapsed_ns, head, series, objections))
}

/// What the request gains, CPU by CPU.
fn gains(series: &[Series]) -> Vec<String> {
    let pairs = series.chunks_exact(2).filter_map(|pair| <&[Series; 2]>::try_from(pair).ok());
    pairs
        .map(|[free, held]| {
            let (without, with) = (free.at(Percentile::P50), held.at(Percentile::P50));
            let factor = match (without, with) {
                (Some(without), Some(with)) => float(without) / float(with.max(1)),
                _ => return format!("{}: too few wakes to tell the gain", free.name),
            };
            let (without, with) = (shown(without), shown(with));
            let name = &free.name;
            // Deep idle states are then what a sleeper waits for.
            let checks = if factor >= GAIN { " (W06, W07)" } else { "" };
            format!(
                "{name}: median {without} us, held {with} us: the request gains {factor:.2} \
                 times{checks}"
            )
        })
        .collect()
}

fn request_line(is_held: bool) -> String {
    let now = File::open(wake::REQUEST).and_then(|file| {
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, 0).map(|()| i32::from_le_bytes(bytes))
    });
    let others = match now {
        Ok(limit) => format!("before the run {limit} us were asked for by all"),
        Err(error) => format!("what others ask for cannot be read: {error}"),
    };
    let ours = if is_held { "held at 0 in every second half second" } else { "not held" };
    format!("{}: {ours}; {others}", wake::REQUEST)
}

fn hold_in_turn(
    args: &JitterArgs,
    clock: &Clock,
    gate: &Gate,
    request: &Request,
) -> io::Result<()> {
    if args.hold_latency {
        return wake::alternate(clock, args.time_ns(), BLOCK_NS, gate, request);
    }
    let until = clock.monotonic_ns().saturating_add(args.time_ns());
    while clock.monotonic_ns() < until && !gate.is_stopped() {
        wake::sleep_until(until.min(clock.monotonic_ns() + COLLECT_NS));
        if station::sys::stop_signal().is_some() {
            gate.stop();
        }
    }
    Ok(())
}

fn write_log(
    args: &JitterArgs,
    clock: &Clock,
    start_ns: u64,
    all: &[Series],
) -> Result<(), Failure> {
    let Some(path) = &args.hlog else { return Ok(()) };
    let length_ns = clock.wall_ns().saturating_sub(start_ns);
    Log::whole(path, start_ns, length_ns, all)
}

/// Cores mode.
///
/// # Errors
/// RESOURCE for a CPU refused.
pub fn cores(machine: &Machine, cpus: &[usize], clock: &Clock) -> Result<Measured, Failure> {
    let start = clock.monotonic_ns();
    let (mut head, mut objections) = (Vec::new(), Vec::new());
    lock(&mut head, &mut objections);
    let mut cells = Vec::new();
    for (at, from) in cpus.iter().enumerate() {
        for to in cpus.iter().skip(at + 1) {
            cells.push(cores::pair(clock, *from, *to).map_err(|error| refused(&error))?);
        }
    }
    if cells.iter().any(|cell| cell.ratios.len() < cores::KEEP) {
        objections.push("CPUs moved between bursts: too few probes agreed".into());
    }
    let elapsed_ns = clock.monotonic_ns().saturating_sub(start);
    let whole = measured(Mode::Cores, machine, cpus, elapsed_ns, head, Vec::new(), objections);
    Ok(Measured { cells, ..whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_of_the_request_names_the_checks_of_idle_states() {
        let of = |name: &str, ns: u64| {
            let mut series = Series::new(name.into(), "wake".into(), 1);
            (0..100).for_each(|_| series.take(ns, 0, None));
            series
        };
        let told = gains(&[of("cpu 1", 50_000), of("cpu 1 held", 5_000)]);
        assert!(told[0].contains("gains 10.0") && told[0].ends_with("(W06, W07)"), "{told:?}");
        let told = gains(&[of("cpu 1", 5_100), of("cpu 1 held", 5_000)]);
        assert!(told[0].ends_with("times"), "{told:?}");
        let few = gains(&[Series::new("cpu 1".into(), "wake".into(), 1), of("cpu 1 held", 5_000)]);
        assert!(few[0].contains("too few wakes"), "{few:?}");
    }
}
