//! Latency histograms: one a stage, fixed bounds, owned by the bridge.
//!
//! Owns the list of stages with what each measures from and to. Must never: resize a histogram,
//! sum stages into an end-to-end figure, or show a quantile with fewer than ten samples beyond it.
//! Runs on housekeeping threads; allocates only when made and when it writes files.

pub mod hgrm;
pub mod hlog;
mod intervals;

use crate::stamps::{EventStamp, OrderStamp};
use hdrhistogram::Histogram;
use intervals::{Intervals, Set};
use serde_json::{Map, Value, json};
use std::io;
use std::path::Path;

/// Highest value a histogram tells apart, nanoseconds: one minute. Larger ones count as this.
pub const MAX_NS: u64 = 60_000_000_000;
/// Samples a quantile needs beyond it before it is shown, wherever Corelane shows one.
pub const BEYOND: u64 = 10;

macro_rules! stages {
    ($($stage:ident = $name:literal, $from:literal, $to:literal, $clock:literal;)*) => {
        /// A measured piece of the path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(usize)]
        pub enum Stage {
            $(#[doc = concat!("From ", $from, " to ", $to, ".")] $stage,)*
        }

        impl Stage {
            /// Every stage, in the order of the path.
            pub const ALL: &'static [Stage] = &[$(Stage::$stage,)*];

            /// Stable name: file name, tag and key.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Stage::$stage => $name,)* }
            }

            /// What it measures from, what to, and by which clock.
            #[must_use]
            pub const fn measures(self) -> (&'static str, &'static str, &'static str) {
                match self { $(Stage::$stage => ($from, $to, $clock),)* }
            }
        }
    };
}

stages! {
    RecvToDequeue = "recv_to_dequeue",
        "edge has the event that led to the order", "loop takes it from the ring", "cycles";
    DequeueToDecided = "dequeue_to_decided",
        "loop takes the event", "strategy has decided", "cycles";
    DecidedToGated = "decided_to_gated", "strategy has decided", "gate has approved", "cycles";
    GatedToFramed = "gated_to_framed", "gate has approved", "order frame is written", "cycles";
    FramedToSent = "framed_to_sent",
        "order frame is written", "edge's send to the venue returns", "cycles";
    RecvToSend = "recv_to_send",
        "edge has the event that led to the order", "edge's send to the venue returns", "cycles";
    IntendedToSend = "intended_to_send",
        "intended arrival of the event (open loop)", "edge's send to the venue returns", "cycles";
    EventWait = "event_wait", "edge has a market event", "loop takes it from the ring", "cycles";
    IntendedToDequeue = "intended_to_dequeue",
        "intended arrival of a market event (open loop)", "loop takes it from the ring", "cycles";
    Event = "event", "loop takes a market event", "the turn is done with it", "cycles";
    SignalRoundTrip = "signal_round_trip",
        "loop has written the request", "bridge has a valid answer", "cycles";
    Hiccup = "hiccup",
        "an idle turn of the loop begins",
        "its next turn begins, where that is 1 us later or more", "cycles";
    SignalAge = "signal_age",
        "newest snapshot of the request", "bridge hands the answer to the loop", "engine time";
}

impl Stage {
    /// Whether the figure says anything in a replay as fast as possible: there the rings are full
    /// by intent, and only what happens inside one turn is a latency.
    #[must_use]
    pub const fn holds_at_full_speed(self) -> bool {
        matches!(
            self,
            Self::DequeueToDecided
                | Self::DecidedToGated
                | Self::GatedToFramed
                | Self::Event
                | Self::Hiccup
        )
    }
}

/// All histograms of a run.
#[derive(Debug)]
pub struct Latency {
    histograms: Set,
    full_speed: bool,
    log: Log,
}

/// Where the log of a run stands.
#[derive(Debug)]
enum Log {
    /// None is kept while the run goes on; it is written at the end.
    None,
    /// Written a second at a time; the histograms hold the present one.
    Open(Intervals),
    /// Written to its end; the histograms hold the sums.
    Closed(io::Result<()>),
}

impl Latency {
    /// Empty histograms. `full_speed`: the replay runs as fast as possible.
    #[must_use]
    pub fn new(full_speed: bool) -> Self {
        Self { histograms: Self::set(), full_speed, log: Log::None }
    }

    /// Empty histograms, one a stage.
    fn set() -> Set {
        let bounds = || Histogram::new_with_bounds(1, MAX_NS, 3);
        Stage::ALL.iter().filter_map(|_| bounds().ok()).collect()
    }

    /// The same, with a log that grows while the run goes on: a row a stage and second, from
    /// `start_ns` of the wall clock. A log that cannot be made is told by [`Latency::write_files`].
    #[must_use]
    pub fn with_log(mut self, path: &Path, start_ns: u64) -> Self {
        self.log = match Intervals::begin(path, start_ns) {
            Ok(intervals) => Log::Open(intervals),
            Err(error) => Log::Closed(Err(error)),
        };
        self
    }

    /// Once in a while, with the time since the log's start: hands a full second over. Never waits.
    pub fn tick(&mut self, now_ns: u64) {
        if let Log::Open(intervals) = &mut self.log {
            intervals.tick(&mut self.histograms, now_ns);
        }
    }

    /// Ends the log, where there is one; then the histograms hold the whole run.
    #[must_use]
    pub fn close(self, now_ns: u64) -> Self {
        let Self { histograms, full_speed, log } = self;
        match log {
            Log::Open(intervals) => {
                let (histograms, result) = intervals.end(histograms, now_ns);
                Self { histograms, full_speed, log: Log::Closed(result) }
            }
            log @ (Log::None | Log::Closed(_)) => Self { histograms, full_speed, log },
        }
    }

    /// Counts one value, nanoseconds.
    pub fn record(&mut self, stage: Stage, ns: u64) {
        if self.full_speed && !stage.holds_at_full_speed() {
            return;
        }
        if let Some(histogram) = self.histograms.get_mut(stage as usize) {
            histogram.saturating_record(ns);
        }
    }

    /// Counts what the loop stamped for one market event; `to_ns` turns cycles into nanoseconds.
    pub fn event(&mut self, stamp: &EventStamp, to_ns: impl Fn(u64) -> u64) {
        let mut span = |stage, from: u64, to: u64| {
            if from != 0 {
                self.record(stage, to_ns(to.saturating_sub(from)));
            }
        };
        span(Stage::EventWait, stamp.recv_cycles, stamp.dequeue_cycles);
        span(Stage::IntendedToDequeue, stamp.intended_cycles, stamp.dequeue_cycles);
        span(Stage::Event, stamp.dequeue_cycles, stamp.done_cycles);
    }

    /// Counts one order's way; stages it did not pass have no stamp and are left out.
    pub fn order(&mut self, stamp: &OrderStamp, to_ns: impl Fn(u64) -> u64) {
        let mut span = |stage, from: u64, to: u64| {
            if from != 0 && to != 0 {
                self.record(stage, to_ns(to.saturating_sub(from)));
            }
        };
        span(Stage::RecvToDequeue, stamp.recv_cycles, stamp.dequeue_cycles);
        span(Stage::DequeueToDecided, stamp.dequeue_cycles, stamp.decided_cycles);
        span(Stage::DecidedToGated, stamp.decided_cycles, stamp.gated_cycles);
        span(Stage::GatedToFramed, stamp.gated_cycles, stamp.framed_cycles);
        span(Stage::FramedToSent, stamp.framed_cycles, stamp.sent_cycles);
        span(Stage::RecvToSend, stamp.recv_cycles, stamp.sent_cycles);
        span(Stage::IntendedToSend, stamp.intended_cycles, stamp.sent_cycles);
    }

    /// Samples of a stage.
    #[must_use]
    pub fn count(&self, stage: Stage) -> u64 {
        self.histograms.get(stage as usize).map_or(0, Histogram::len)
    }

    /// A quantile of a stage, nanoseconds; `None` with fewer than ten samples beyond it.
    #[must_use]
    pub fn quantile(&self, stage: Stage, quantile: Quantile) -> Option<u64> {
        let histogram = self.histograms.get(stage as usize)?;
        let enough = histogram.len() / quantile.one_in >= BEYOND;
        enough.then(|| histogram.value_at_quantile(quantile.at))
    }

    /// The stages as the summary shows them: count, quantiles, maximum, and what they measure.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        for (stage, histogram) in Stage::ALL.iter().zip(&self.histograms) {
            let (from, to, clock) = stage.measures();
            let n = histogram.len();
            let row = json!({
                "n": n,
                "min_ns": (n > 0).then(|| histogram.min()),
                "p50_ns": self.quantile(*stage, P50),
                "p99_ns": self.quantile(*stage, P99),
                "p99_9_ns": self.quantile(*stage, P99_9),
                "p99_99_ns": self.quantile(*stage, P99_99),
                "max_ns": (n > 0).then(|| histogram.max()),
                "from": from,
                "to": to,
                "clock": clock,
            });
            out.insert(stage.name().to_owned(), row);
        }
        Value::Object(out)
    }

    /// Writes `<stage>.hgrm` for every stage into `dir`, and `latency.hlog` for all where none was
    /// written while the run went on.
    ///
    /// # Errors
    /// Any error of the file system, that of such a log among them.
    pub fn write_files(&self, dir: &Path, start_ns: u64, length_ns: u64) -> io::Result<()> {
        for (stage, histogram) in Stage::ALL.iter().zip(&self.histograms) {
            std::fs::write(dir.join(format!("{}.hgrm", stage.name())), hgrm::text(histogram))?;
        }
        if let Log::Closed(result) = &self.log {
            return result.as_ref().map_or_else(
                |error| Err(io::Error::new(error.kind(), error.to_string())),
                |()| Ok(()),
            );
        }
        let tagged = Stage::ALL.iter().zip(&self.histograms).map(|(s, h)| (s.name(), h));
        std::fs::write(dir.join("latency.hlog"), hlog::text(tagged, start_ns, length_ns)?)
    }
}

/// A quantile and the share of samples beyond it, as "one in".
#[derive(Clone, Copy, Debug)]
pub struct Quantile {
    at: f64,
    one_in: u64,
}

/// The median.
pub const P50: Quantile = Quantile { at: 0.5, one_in: 2 };
/// 99 %.
pub const P99: Quantile = Quantile { at: 0.99, one_in: 100 };
/// 99.9 %.
pub const P99_9: Quantile = Quantile { at: 0.999, one_in: 1_000 };
/// 99.99 %.
pub const P99_99: Quantile = Quantile { at: 0.9999, one_in: 10_000 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_needs_ten_samples_beyond_it() {
        let mut latency = Latency::new(false);
        for ns in 1..=999 {
            latency.record(Stage::RecvToSend, ns);
        }
        assert_eq!(latency.quantile(Stage::RecvToSend, P99), None);
        latency.record(Stage::RecvToSend, 1_000);
        assert_eq!(latency.quantile(Stage::RecvToSend, P99), Some(990));
        let json = latency.to_json();
        let row = json.get("recv_to_send").expect("stage");
        assert_eq!(row["n"], 1_000);
        assert_eq!(row["p99_ns"], 990);
        assert_eq!(row["p99_9_ns"], Value::Null);
        assert_eq!(row["max_ns"], 1_000);
        assert_eq!(json["event"]["max_ns"], Value::Null);
    }

    #[test]
    fn full_speed_counts_no_waiting() {
        let mut latency = Latency::new(true);
        let stamp =
            EventStamp { recv_cycles: 1, intended_cycles: 1, dequeue_cycles: 5, done_cycles: 9 };
        latency.event(&stamp, |cycles| cycles);
        assert_eq!(latency.count(Stage::EventWait), 0);
        assert_eq!(latency.count(Stage::Event), 1);
    }

    #[test]
    fn an_order_without_a_gate_stamp_counts_end_to_end_only() {
        let mut latency = Latency::new(false);
        let stamp = OrderStamp {
            recv_cycles: 10,
            dequeue_cycles: 20,
            sent_cycles: 90,
            ..OrderStamp::default()
        };
        latency.order(&stamp, |cycles| cycles);
        assert_eq!(latency.count(Stage::RecvToSend), 1);
        assert_eq!(latency.count(Stage::RecvToDequeue), 1);
        for stage in [Stage::DecidedToGated, Stage::GatedToFramed, Stage::IntendedToSend] {
            assert_eq!(latency.count(stage), 0, "{}", stage.name());
        }
    }
}
