//! Live mode: what was taken from the order loop of a running engine.
//!
//! Reads the hiccups the engine itself wrote: from the beginning of an idle turn of the loop to that
//! of the next, where that took a microsecond or more. The engine is never asked and does not know.
//! Must never: take a hiccup from before the watch, or call it the host's where the loop's own idle
//! strategy gives the CPU away. One thread; allocates.

use super::JitterArgs;
use super::measured::Measured;
use super::moment::Moment;
use super::run::prepare;
use super::series::Series;
use super::{Mode, wake};
use crate::latency::hlog::Row;
use crate::latency::watch::Follow;
use crate::probes::Machine;
use crate::top::source::Source;
use clock::Clock;
use serde_json::Value;
use station::latency::Stage;
use station::operator::Failure;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use wire::exit::Exit;

/// Nanoseconds between two looks at the log.
const LOOK_NS: u64 = 100_000_000;
/// Name of the loop's thread.
const THREAD: &str = "loop";

/// The loop's thread, as the kernel tells of it.
struct LoopThread {
    /// Its folder beneath `/proc`.
    folder: String,
    /// CPUs it may run on.
    cpus: Vec<usize>,
}

impl LoopThread {
    fn find(source: &Source) -> Result<Self, Failure> {
        let tasks = format!("/proc/{}/task", source.pid);
        let refused = |why: &str| {
            let fields = format!("path={tasks} why=\"{why}\"");
            let next = "watch an engine that runs on this host";
            Failure::new(Exit::Resource, "the engine's loop is not to be found", fields, next)
        };
        let entries = fs::read_dir(&tasks).map_err(|error| refused(&error.to_string()))?;
        for entry in entries.flatten() {
            let folder = entry.path().display().to_string();
            let is_it = |text: String| text.trim_end() == THREAD;
            if !fs::read_to_string(format!("{folder}/comm")).is_ok_and(is_it) {
                continue;
            }
            let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
            let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
            let set = list.and_then(|list| isolation::CpuSet::from_list(list.trim()));
            let set = set.ok_or_else(|| refused("its CPUs are not told"))?;
            let cpus = set.iter().filter_map(|cpu| usize::try_from(cpu).ok()).collect();
            return Ok(Self { folder, cpus });
        }
        Err(refused("no thread of that name"))
    }

    /// Times it was switched out: of its own will, against it.
    fn switches(&self) -> BTreeMap<&'static str, u64> {
        let status = fs::read_to_string(format!("{}/status", self.folder)).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').trim().parse().ok()
        };
        ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"]
            .into_iter()
            .filter_map(|name| Some((name, field(name)?)))
            .collect()
    }
}

/// Live mode.
///
/// # Errors
/// RESOURCE where no engine runs, its log cannot be read, or it ended before an interval was over.
pub fn live(args: &JitterArgs, machine: &Machine, clock: &Clock) -> Result<Measured, Failure> {
    let source = Source::open(args.run.as_deref())?;
    if source.page()?.is_done() || !source.is_alive() {
        return Err(over(&source.dir, "it has ended"));
    }
    let thread = LoopThread::find(&source)?;
    let (mut head, mut objections) = prepare(machine, &thread.cpus);
    head.insert(0, format!("run: {}, engine {}", source.dir.display(), source.pid));
    let cpu = of_one(&thread, &mut head, &mut objections);
    told_by(&source.dir, &mut head, &mut objections);
    let mut series = Series::new("loop".into(), "hiccup".into(), cpu);
    let mut follow = Follow::new(&source.dir);
    // What is there already was before the watch.
    follow.more()?;
    let (first, before) = (thread.switches(), Moment::read(&[cpu]));
    let start = clock.monotonic_ns();
    let until = start.saturating_add(args.time_ns());
    let mut watched = Watched::default();
    loop {
        let now = clock.monotonic_ns();
        let is_over = now >= until || station::sys::stop_signal().is_some() || !source.is_alive();
        let is_closed = follow.is_closed();
        let start_ns = follow.start_ns();
        follow.more_with(&mut |row| watched.take(row, start_ns, &mut series))?;
        if is_over || is_closed {
            break;
        }
        wake::sleep_until(until.min(now + LOOK_NS));
    }
    if watched.intervals == 0 {
        return Err(over(&source.dir, "no second of its log was over"));
    }
    series.observed_ns = watched.observed_ns;
    (series.window, series.notes) = before.until(&Moment::read(&[cpu]), 0, cpu);
    // A thread that is gone tells nothing.
    for (name, now) in thread.switches() {
        let then = first.get(name).copied().unwrap_or(0);
        series.notes.push(format!("{name} of the loop +{}", now.saturating_sub(then)));
    }
    Ok(Measured {
        mode: Mode::Live,
        cpus: thread.cpus,
        machine: machine.clone(),
        elapsed_ns: watched.observed_ns,
        clock: String::new(),
        head,
        series: vec![series],
        cells: Vec::new(),
        objections,
    })
}

/// What the watch saw.
#[derive(Debug, Default)]
struct Watched {
    intervals: u64,
    /// End of the last interval, nanoseconds after the log's start.
    end_ns: u64,
    observed_ns: u64,
}

impl Watched {
    /// Takes a row of the log: each moves the time on, the hiccups' are counted.
    fn take(&mut self, row: &Row, start_ns: Option<u64>, series: &mut Series) {
        let end_ns = row.offset_ns.saturating_add(row.length_ns);
        if end_ns > self.end_ns {
            self.end_ns = end_ns;
            self.intervals += 1;
            self.observed_ns = self.observed_ns.saturating_add(row.length_ns);
        }
        if row.tag.as_deref() == Some(Stage::Hiccup.name()) {
            let wall_ns = start_ns.unwrap_or(0).saturating_add(end_ns);
            for (ns, count) in row.counts.iter() {
                series.take_many(ns, count, wall_ns);
            }
        }
    }
}

/// The CPU whose counters are told: the loop's only one, or else the first it may run on.
fn of_one(thread: &LoopThread, head: &mut Vec<String>, objections: &mut Vec<String>) -> usize {
    if let [cpu] = thread.cpus[..] {
        head.push(format!("loop: on cpu {cpu} alone"));
        return cpu;
    }
    head.push(format!("loop: may run on cpus {:?}; counters are the first's", thread.cpus));
    objections.push("the loop is not pinned to one CPU (C04)".into());
    thread.cpus.first().copied().unwrap_or(0)
}

/// What the run's configuration says of how the loop waits.
fn told_by(dir: &Path, head: &mut Vec<String>, objections: &mut Vec<String>) {
    let text = fs::read_to_string(dir.join("config.json")).unwrap_or_default();
    let config: Value = serde_json::from_str(&text).unwrap_or_default();
    let word = |key: &str| config.pointer(key).and_then(Value::as_str).unwrap_or("unknown");
    let (idle, threads) = (word("/station/idle"), word("/station/threads"));
    head.push(format!("hiccup: 1 us or more between idle turns; idle {idle}, threads {threads}"));
    if idle != "busy" {
        objections.push(format!("idle = {idle}: what the loop gave away itself is in the figures"));
    }
}

fn over(dir: &Path, why: &str) -> Failure {
    let fields = format!("run_dir={} why=\"{why}\"", dir.display());
    let next = "watch a run that goes on for some seconds more, or read its hiccup.hgrm";
    Failure::new(Exit::Resource, "the engine cannot be watched", fields, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::counts::{Cells, Counts};

    fn row(tag: &str, offset_ns: u64, values: &[(u64, u64)]) -> Row {
        let mut counts = Counts::new(Cells::NS);
        for (ns, n) in values {
            counts.add(*ns, *n).expect("few");
        }
        Row { tag: Some(tag.to_owned()), offset_ns, length_ns: 1_000_000_000, counts }
    }

    #[test]
    fn seconds_count_once_and_hiccups_alone_are_taken() {
        let mut series = Series::new("loop".into(), "hiccup".into(), 1);
        let mut watched = Watched::default();
        let rows = [
            row("event", 3_000_000_000, &[(900, 7)]),
            row("hiccup", 3_000_000_000, &[(2_000, 30), (50_000, 1)]),
            row("event", 4_000_000_000, &[(900, 7)]),
            row("hiccup", 5_000_000_000, &[(1_500, 2)]),
        ];
        for row in &rows {
            watched.take(row, Some(1_000), &mut series);
        }
        assert_eq!((watched.intervals, watched.observed_ns), (3, 3_000_000_000));
        assert_eq!(series.histogram.len(), 33);
        let worst = &series.worst[0];
        assert_eq!((worst.ns / 1_000, worst.wall_ns), (50, 4_000_001_000));
        assert!((113_000..114_000).contains(&series.total_ns), "{}", series.total_ns);
    }
}
