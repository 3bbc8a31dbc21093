//! What must hold of a soak, each with its figure and its bound.
//!
//! Must never: hold for proven what was not measured: a figure that is missing fails. Pure.

use crate::soak::slope::{self, Slope, figure, median};
use crate::soak::watch::{PROCESSES, Process, Sample};
use serde_json::Value;
use wire::counters::Counter;
use wire::station::Mode;

/// KiB a minute that a process may be shown to grow: the lower end of the 95 % interval of its slope
/// must not be above. Of a process that leaks a page a minute it would be 4.
pub const SLOPE_BOUND_KIB: f64 = 2.0;
/// Part of the session that warms up, in hundredths of its events.
const WARM: u64 = 15;
/// Looks after this part are left out: the loop may be at its end.
const LAST: u64 = 99;
/// Segments of the journal that may be there before or after their time.
const SEGMENTS_OFF: f64 = 2.0;

/// Whether something held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It held.
    Held,
    /// It did not.
    Failed,
    /// A figure that nothing depends on.
    Shown,
}

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Of what.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What may be.
    pub bound: String,
    /// Whether it held.
    pub verdict: Verdict,
}

impl Row {
    /// A row that is judged.
    pub(super) fn held(held: bool, what: &str, found: String, bound: &str) -> Self {
        let verdict = if held { Verdict::Held } else { Verdict::Failed };
        Self { what: what.to_owned(), found, bound: bound.to_owned(), verdict }
    }

    /// A row that is only shown.
    pub(super) fn shown(what: &str, found: String) -> Self {
        let (what, bound) = (what.to_owned(), String::new());
        Self { what, found, bound, verdict: Verdict::Shown }
    }
}

/// What was seen while a station ran.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Every look, in order.
    pub samples: &'a [Sample],
    /// Whether slopes are judged: a short run has none worth it.
    pub slopes: bool,
    /// Segments of the journal at the end.
    pub segments: u64,
}

impl Seen<'_> {
    /// Looks after warm-up and before the end.
    fn window(&self) -> Vec<&Sample> {
        let is_in = |sample: &&Sample| {
            let done = sample.counter(Counter::LoopMarketEvents) * 100;
            let total = sample.counter(Counter::EdgeEventsTotal);
            done >= total * WARM && done <= total * LAST && total > 0
        };
        self.samples.iter().filter(is_in).collect()
    }

    /// The rows about memory, files, threads, the loop and the journal's growth.
    #[must_use]
    pub fn judge(&self) -> Vec<Row> {
        let window = self.window();
        let (Some(first), Some(last)) = (window.first(), window.last()) else {
            let found = format!("{} looks, none after warm-up", self.samples.len());
            return vec![Row::held(false, "looks after warm-up", found, "some")];
        };
        let minutes = (last.seconds - first.seconds) / 60.0;
        let looks = format!("{} of {}, over {minutes:.1} min", window.len(), self.samples.len());
        let mut rows = vec![Row::shown("looks after warm-up", looks)];
        for (place, name) in PROCESSES.into_iter().enumerate() {
            rows.extend(self.process(&window, place, name));
        }
        rows.extend(loop_rows(first, last));
        rows.push(trading(&window));
        rows.push(self.journal(&window));
        rows
    }

    fn process(&self, window: &[&Sample], place: usize, name: &str) -> Vec<Row> {
        let of = |sample: &&Sample| sample.processes.get(place).copied().flatten();
        let held: Vec<(f64, Process)> =
            window.iter().filter_map(|sample| Some((sample.seconds / 60.0, of(sample)?))).collect();
        let one = held.first().map(|(_, process)| process.pid);
        let same = held.iter().all(|(_, process)| Some(process.pid) == one);
        if held.len() < window.len() || !same {
            let found = format!("in {} of {} looks", held.len(), window.len());
            return vec![Row::held(false, &format!("{name} is there"), found, "always, the same")];
        }
        let row = |what: &str, of: fn(&Process) -> u64| {
            let points: Vec<(f64, f64)> =
                held.iter().map(|(minutes, process)| (*minutes, kib(of(process)))).collect();
            self.growth(&format!("{name} {what}"), &points)
        };
        vec![
            row("anonymous memory", |process| process.anonymous_kib),
            row("mapped files", |process| process.mapped_kib),
            flat(&format!("{name} open files"), held.iter().map(|(_, p)| p.files)),
            flat(&format!("{name} threads"), held.iter().map(|(_, p)| p.threads)),
        ]
    }

    fn growth(&self, what: &str, points: &[(f64, f64)]) -> Row {
        let ends = (points.first().map_or(0.0, |p| p.1), points.last().map_or(0.0, |p| p.1));
        let Some(Slope { low, mid, high }) = slope::of(points) else {
            let found = format!("{:.0} to {:.0} KiB, too few looks for a slope", ends.0, ends.1);
            return if self.slopes {
                Row::held(false, what, found, "a slope")
            } else {
                Row::shown(what, found)
            };
        };
        let found = format!(
            "{:.0} to {:.0} KiB; {mid:+.2} KiB/min [{low:+.2}, {high:+.2}]",
            ends.0, ends.1
        );
        if !self.slopes {
            return Row::shown(what, found);
        }
        let bound = format!("lower end <= {SLOPE_BOUND_KIB} KiB/min");
        Row::held(low <= SLOPE_BOUND_KIB, what, found, &bound)
    }

    /// Segments come as events do.
    fn journal(&self, window: &[&Sample]) -> Row {
        let off = window.iter().map(|sample| {
            let part = ratio(
                sample.counter(Counter::LoopMarketEvents),
                sample.counter(Counter::EdgeEventsTotal),
            );
            (kib(sample.segments) - kib(self.segments) * part).abs()
        });
        let most = off.fold(0.0, f64::max);
        let found = format!("{} segments, at most {most:.1} off their time", self.segments);
        let bound = format!("off by <= {SEGMENTS_OFF}");
        Row::held(
            most <= SEGMENTS_OFF && self.segments > 0,
            "journal grows as events do",
            found,
            &bound,
        )
    }
}

/// The first and the last third of the looks have the same median.
fn flat(what: &str, counts: impl Iterator<Item = u64>) -> Row {
    let counts: Vec<f64> = counts.map(kib).collect();
    let third = counts.len().div_ceil(3);
    let of = |part: &[f64]| median(part.iter().copied());
    let first = of(counts.get(..third).unwrap_or_default());
    let last = of(counts.get(counts.len() - third..).unwrap_or_default());
    let most = counts.iter().copied().fold(0.0, f64::max);
    let found = format!("{first:.0} to {last:.0}, at most {most:.0}");
    Row::held(last <= first, what, found, "no more at the end")
}

fn loop_rows(first: &Sample, last: &Sample) -> [Row; 2] {
    let inputs = last.counter(Counter::LoopInputs) - first.counter(Counter::LoopInputs);
    let counted = first.loop_allocations.zip(last.loop_allocations);
    let made = counted.map(|(before, after)| after.saturating_sub(before));
    let found =
        made.map_or_else(|| "not counted".to_owned(), |made| format!("{made} in {inputs} inputs"));
    let held = made == Some(0) && inputs > 0;
    let faults = last.loop_faults.saturating_sub(first.loop_faults);
    [
        Row::held(held, "allocations and frees of the loop", found, "0, in some inputs"),
        Row::shown("page faults of the loop's thread", faults.to_string()),
    ]
}

/// The loop works in the last quarter as it did before: live, with orders and fills.
fn trading(window: &[&Sample]) -> Row {
    let quarter = window.get(window.len() - window.len().div_ceil(4)..).unwrap_or_default();
    let (first, last) = (window.first(), window.last());
    let gained = |from: Option<&&Sample>, counter: Counter| {
        let of = |sample: Option<&&Sample>| sample.map_or(0, |s| s.counter(counter));
        of(last).saturating_sub(of(from))
    };
    let from = if quarter.len() > 8 { quarter.first() } else { first };
    let live = last.is_some_and(|s| s.counter(Counter::LoopMode) == u64::from(Mode::Live.code()));
    let [orders, fills, answers] =
        [Counter::LoopOrders, Counter::LoopFills, Counter::LoopSignalAnswers]
            .map(|counter| gained(from, counter));
    let found = format!(
        "{}, {orders} orders, {fills} fills, {answers} answers of the model",
        if live { "LIVE" } else { "not LIVE" }
    );
    let held = live && orders > 0 && fills > 0 && answers > 0;
    Row::held(held, "it trades to the end (last quarter)", found, "LIVE, some of each")
}

/// What audit and verify say of the run, against what the run says of itself.
#[must_use]
pub fn afterwards(audit: &Value, verify: &Value, summary: &Value) -> Vec<Row> {
    let text = |value: &Value, key: &str| value[key].to_string();
    let frames = &summary["station"]["recorded_frames"];
    let audited = audit["verdict"] == "ok" && audit["state"] == "closed";
    let covered = audit["blind"]["records"] == 0 && audit["signatures"] == "checked";
    let repeated = verify["repeated"] == true && verify["state_hash"] == summary["state_hash"];
    let events = summary["events"].as_u64();
    let played = events > Some(0) && events == summary["data"]["events"].as_u64();
    vec![
        Row::held(played, "events played", text(summary, "events"), "all of the recording"),
        Row::held(
            audited && audit["frames"] == verify["frames"] && !frames.is_null(),
            "audit",
            format!(
                "{} frames in {} segments, {}",
                audit["frames"], audit["segments"], audit["verdict"]
            ),
            "ok, closed, the frames verified",
        ),
        Row::held(
            covered,
            "signed by the notary",
            format!("all but {} records", audit["blind"]["records"]),
            "all, signatures checked",
        ),
        Row::held(
            repeated,
            "verify",
            format!("{} inputs, repeated: {}", verify["inputs"], verify["repeated"]),
            "repeats, the same state hash",
        ),
    ]
}

fn kib(count: u64) -> f64 {
    usize::try_from(count).map_or(f64::INFINITY, figure)
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { kib(part) / kib(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: u64 = 3_600;

    /// An hour of looks, one a second, of processes that hold what `of` says.
    fn hour(of: impl Fn(u64) -> Process) -> Vec<Sample> {
        let look = |second: u64| {
            let mut counters = vec![0; 64];
            let mut set = |counter: Counter, value| counters[usize::from(counter.code())] = value;
            set(Counter::LoopMarketEvents, second);
            set(Counter::EdgeEventsTotal, TOTAL);
            set(Counter::LoopMode, u64::from(Mode::Live.code()));
            for counter in [
                Counter::LoopInputs,
                Counter::LoopOrders,
                Counter::LoopFills,
                Counter::LoopSignalAnswers,
            ] {
                set(counter, second);
            }
            Sample {
                seconds: kib(second),
                processes: [Some(of(second)); 4],
                loop_allocations: Some(77),
                loop_faults: 5,
                counters,
                segments: second / 60,
            }
        };
        (0..TOTAL).map(look).collect()
    }

    fn sound(second: u64) -> Process {
        // Noise of a quarter of a MiB, and a file open now and then.
        let noise = second.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        let files = 20 + u64::from(second.is_multiple_of(40));
        Process { pid: 7, anonymous_kib: 90_000 + noise, mapped_kib: 8_000, files, threads: 5 }
    }

    fn failed(samples: &[Sample]) -> Vec<String> {
        let seen = Seen { samples, slopes: true, segments: 60 };
        let rows = seen.judge();
        let failed = rows.into_iter().filter(|row| row.verdict == Verdict::Failed);
        failed.map(|row| row.what).collect()
    }

    #[test]
    fn an_hour_of_a_sound_station_holds() {
        assert_eq!(failed(&hour(sound)), Vec::<String>::new());
    }

    #[test]
    fn a_leak_of_a_page_a_minute_is_seen_in_its_process() {
        let leaking = |second: u64| {
            let sound = sound(second);
            Process { anonymous_kib: sound.anonymous_kib + second / 60 * 4, ..sound }
        };
        let mut samples = hour(sound);
        for (second, leaky) in hour(leaking).iter().enumerate() {
            samples[second].processes[1] = leaky.processes[1];
        }
        assert_eq!(failed(&samples), ["corelane-signal anonymous memory"]);
    }

    #[test]
    fn a_file_a_segment_a_thread_more_and_a_process_gone_are_seen() {
        let files = |second: u64| Process { files: 20 + second / 60, ..sound(second) };
        assert!(failed(&hour(files)).contains(&"corelane-engine open files".to_owned()));
        let threads = |second: u64| Process { threads: 5 + second / 2_000, ..sound(second) };
        assert!(failed(&hour(threads)).contains(&"corelane threads".to_owned()));
        let mut samples = hour(sound);
        samples.iter_mut().skip(3_000).for_each(|sample| sample.processes[2] = None);
        assert_eq!(failed(&samples), ["corelane-notary is there"]);
        let restarted =
            |second: u64| Process { pid: 7 + u32::from(second > 2_000), ..sound(second) };
        assert_eq!(failed(&hour(restarted)).len(), 4);
    }

    #[test]
    fn an_allocation_of_the_loop_is_seen_after_warm_up_only_and_so_is_nobody_who_counts() {
        let with = |from: usize, calls: Option<u64>| {
            let mut samples = hour(sound);
            samples.iter_mut().skip(from).for_each(|sample| sample.loop_allocations = calls);
            failed(&samples)
        };
        let wanted = ["allocations and frees of the loop"];
        assert_eq!(with(2_000, Some(78)), wanted);
        assert_eq!(with(0, None), wanted);
        assert_eq!(with(100, Some(90)), Vec::<String>::new(), "before");
        assert_eq!(with(3_590, Some(90)), Vec::<String>::new(), "the thread's own end");
    }

    #[test]
    fn a_station_that_stops_trading_or_writing_is_seen() {
        let stopped = |change: fn(&mut Sample)| {
            let mut samples = hour(sound);
            samples.iter_mut().skip(1_800).for_each(change);
            failed(&samples)
        };
        let orders = |s: &mut Sample| s.counters[usize::from(Counter::LoopOrders.code())] = 9;
        assert_eq!(stopped(orders), ["it trades to the end (last quarter)"]);
        let mode = |s: &mut Sample| s.counters[usize::from(Counter::LoopMode.code())] = 0;
        assert_eq!(stopped(mode), ["it trades to the end (last quarter)"]);
        assert_eq!(stopped(|s| s.segments = 30), ["journal grows as events do"]);
    }

    #[test]
    fn a_run_without_looks_and_answers_that_do_not_fit_fail() {
        assert_eq!(failed(&[]), ["looks after warm-up"]);
        let rows = afterwards(&Value::Null, &Value::Null, &Value::Null);
        assert!(rows.iter().all(|row| row.verdict == Verdict::Failed), "{rows:?}");
    }
}
