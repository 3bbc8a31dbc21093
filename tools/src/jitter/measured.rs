//! What a run measured, and what is to be said of it.
//!
//! Pure. Must never: certify where an objection stands.

use super::baseline::Baseline;
use super::cores::Cell;
use super::series::Series;
use super::{HONEST_NS, JitterArgs, Mode};
use crate::probes::{Judged, Machine};
use wire::exit::Exit;

/// A whole run.
#[derive(Debug)]
pub struct Measured {
    /// The mode.
    pub mode: Mode,
    /// CPUs measured.
    pub cpus: Vec<usize>,
    /// The machine.
    pub machine: Machine,
    /// Nanoseconds it took.
    pub elapsed_ns: u64,
    /// The clock, in words.
    pub clock: String,
    /// What must be known of the run: threshold, memory, collector, request.
    pub head: Vec<String>,
    /// Distributions of gap and wake mode.
    pub series: Vec<Series>,
    /// Pairs of cores mode.
    pub cells: Vec<Cell>,
    /// Why it is no certificate, beside the machine.
    pub objections: Vec<String>,
}

/// What is said of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Each limit and each comparison, in words.
    pub lines: Vec<String>,
    /// Why it is no certificate.
    pub objections: Vec<String>,
    /// Whether limits were asked for, all were held, and nothing stands against it.
    pub is_certified: bool,
    /// How the process ends.
    pub exit: Exit,
}

impl Measured {
    /// Judges limits and baseline.
    #[must_use]
    pub fn judge(&self, args: &JitterArgs, baseline: Option<&Baseline>) -> Verdict {
        let mut lines = Vec::new();
        let mut is_good = true;
        let is_judged = |series: &&Series| !args.hold_latency || series.name.ends_with(" held");
        for limit in args.fail.iter().flat_map(|limits| &limits.0) {
            for series in self.series.iter().filter(is_judged) {
                let judged = limit.judge(series.max(), |at| series.at(at));
                is_good &= matches!(judged, Judged::Held(_)) || self.is_silent(series);
                let told = if self.is_silent(series) {
                    format!("{limit} held: no gap at all")
                } else {
                    limit.told(judged)
                };
                lines.push(format!("{}: {told}", series.name));
            }
        }
        if let Some(baseline) = baseline {
            let (told, is_worse) = baseline.compare(&self.series, &self.cells);
            lines.extend(told);
            is_good &= !is_worse;
        }
        let is_asked = args.fail.is_some() || baseline.is_some();
        let objections = self.objections();
        let exit = match (is_good, objections.is_empty() || args.uncertified || !is_asked) {
            (false, _) => Exit::CheckFailed,
            (true, true) => Exit::Clean,
            (true, false) => Exit::Host,
        };
        let is_certified = args.fail.is_some() && is_good && objections.is_empty();
        Verdict { lines, objections, is_certified, exit }
    }

    /// A CPU or a loop from which nothing was taken at all holds every limit.
    fn is_silent(&self, series: &Series) -> bool {
        matches!(self.mode, Mode::Gap | Mode::Live) && series.histogram.is_empty()
    }

    fn objections(&self) -> Vec<String> {
        let mut all = self.machine.objections.clone();
        all.extend(self.objections.iter().cloned());
        if self.mode != Mode::Cores && self.elapsed_ns < HONEST_NS {
            all.push("shorter than 60 s".into());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: JitterArgs,
    }

    fn judge(objections: &[&str], elapsed_ns: u64, values: &[u64], words: &[&str]) -> Verdict {
        let line =
            Line::try_parse_from([&["jitter"], words].concat()).unwrap_or_else(|e| panic!("{e}"));
        let mut series = Series::new("cpu 1".into(), "gap_cpu1".into(), 1);
        for ns in values {
            series.take(*ns, 0, None);
        }
        let machine = Machine {
            cpu: "x".into(),
            kernel: "6".into(),
            objections: objections.iter().map(ToString::to_string).collect(),
            allowed: vec![0, 1],
            isolated: vec![1],
        };
        let measured = Measured {
            mode: Mode::Gap,
            cpus: vec![1],
            machine,
            elapsed_ns,
            clock: String::new(),
            head: Vec::new(),
            series: vec![series],
            cells: Vec::new(),
            objections: Vec::new(),
        };
        measured.judge(&line.args, None)
    }

    #[test]
    fn a_virtual_machine_is_never_certified() {
        let held = judge(&["virtual machine"], HONEST_NS, &[4_000], &["--fail=max<=5us"]);
        assert_eq!((held.exit, held.is_certified), (Exit::Host, false));
        let words = ["--fail=max<=5us", "--uncertified"];
        let held = judge(&["virtual machine"], HONEST_NS, &[4_000], &words);
        assert_eq!((held.exit, held.is_certified), (Exit::Clean, false));
        let broken = judge(&["virtual machine"], HONEST_NS, &[6_000], &words);
        assert_eq!(broken.exit, Exit::CheckFailed);
        let unasked = judge(&["virtual machine"], HONEST_NS, &[6_000], &[]);
        assert_eq!((unasked.exit, unasked.is_certified), (Exit::Clean, false));
    }

    #[test]
    fn metal_is_certified_after_a_minute() {
        let metal = judge(&[], HONEST_NS, &[4_000], &["--fail=max<=5us"]);
        assert_eq!((metal.exit, metal.is_certified), (Exit::Clean, true));
        let hasty = judge(&[], HONEST_NS - 1, &[4_000], &["--fail=max<=5us"]);
        assert_eq!((hasty.exit, hasty.is_certified), (Exit::Host, false));
        let silent = judge(&[], HONEST_NS, &[], &["--fail=p99.9<=5us,max<=5us"]);
        assert_eq!((silent.exit, silent.is_certified), (Exit::Clean, true), "no gap at all");
        let few = judge(&[], HONEST_NS, &[4_000, 9_000], &["--fail=p99.9<=5us"]);
        assert_eq!(few.exit, Exit::CheckFailed, "two values say nothing of p99.9");
    }
}
