//! `corelane jitter`: what is taken from a thread that wants its CPU for itself, and by whom.
//!
//! Owns gap, wake, cores and live mode. Must never: certify a virtual machine, hide time that nothing
//! explains, or allocate on a measuring thread.

pub mod baseline;
pub mod cause;
pub mod cores;
pub mod counters;
pub mod gap;
pub mod live;
pub mod log;
pub mod measured;
mod moment;
pub mod report;
pub mod run;
pub mod series;
pub mod wake;
pub mod watch;

use crate::output::Output;
use crate::pingpong::duration;
use crate::probes::{Limits, Machine, limits};
use clap::{Args, ValueEnum};
use clock::Clock;
use measured::Measured;
use station::operator::Failure;
use std::path::PathBuf;
use wire::exit::Exit;

/// Shortest run whose figures are a certificate, nanoseconds.
pub const HONEST_NS: u64 = 60_000_000_000;

/// Exit code 0: measured, and every limit held. 31: a limit of `--fail` broken, or worse than the
/// baseline. 12: held, but what was measured is no certificate, because this is a virtual machine
/// or for another reason it prints. 23: the clock drifted.
#[derive(Args, Debug)]
pub struct JitterArgs {
    /// What to measure.
    #[arg(value_enum, default_value = "gap")]
    pub mode: Mode,
    /// live: the run's folder, or its control socket (default: the newest run below `runs`).
    #[arg(long, value_name = "RUN")]
    pub run: Option<PathBuf>,
    /// CPUs, such as `2-3`; without it those the host isolates, else all but the first allowed.
    #[arg(long, value_name = "LIST")]
    pub cpus: Option<String>,
    /// How long.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub time: u64,
    /// Measure for so long (`24h`), in gap mode with a line each minute; Ctrl-C ends it with a whole
    /// report.
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "time")]
    pub soak: Option<u64>,
    /// gap: what counts as one, such as `1us`; eight times the loop's shortest turn without it.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub threshold: Option<u64>,
    /// wake: time between two wakes.
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "1ms")]
    pub interval: u64,
    /// wake: how far the kernel may put a wake off; ordinary threads have 50us.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1ns")]
    pub timer_slack: u64,
    /// wake: hold `/dev/cpu_dma_latency` at 0 in every second block of half a second and show both.
    #[arg(long)]
    pub hold_latency: bool,
    /// Run the measuring threads under `SCHED_FIFO` with this priority.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=98))]
    pub fifo: Option<u8>,
    /// Limits, such as `p99.9<=5us,max<=50us`; with --hold-latency of what was seen while held.
    #[arg(long, value_name = "LIMITS")]
    pub fail: Option<Limits>,
    /// Limits that are held where it proves nothing (a virtual machine, a short run) end with 0.
    #[arg(long)]
    pub uncertified: bool,
    /// Compare with a report of `--json`.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write a histogram log, a row a second and CPU.
    #[arg(long, value_name = "FILE")]
    pub hlog: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// What is taken from a thread that spins.
    Gap,
    /// How late a thread wakes from a timer.
    Wake,
    /// Round trips through two rings between every two CPUs.
    Cores,
    /// What was taken from the order loop of a running engine, by the engine's own log.
    Live,
}

impl Mode {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Wake => "wake",
            Self::Cores => "cores",
            Self::Live => "live",
        }
    }
}

fn time(text: &str) -> Result<u64, String> {
    let ns = limits::time(text).filter(|ns| (1..=1_000_000_000).contains(ns));
    ns.ok_or_else(|| format!("{text:?}: a time from 1ns to 1s with its unit such as 500ns, 50us"))
}

fn interval(text: &str) -> Result<u64, String> {
    let ns = limits::time(text).filter(|ns| (10_000..=1_000_000_000).contains(ns));
    ns.ok_or_else(|| format!("{text:?}: a time from 10us to 1s with its unit such as 100us, 1ms"))
}

impl JitterArgs {
    /// How long to measure, nanoseconds.
    #[must_use]
    pub fn time_ns(&self) -> u64 {
        self.soak.unwrap_or(self.time)
    }
}

/// Runs the command.
///
/// # Errors
/// ARGUMENTS for what cannot be measured, RESOURCE for a file, CLOCK for a clock that drifted,
/// `CHECK_FAILED` for a broken limit, HOST for limits held where it proves nothing.
pub fn jitter(args: &JitterArgs) -> Result<(), Failure> {
    let machine = Machine::look();
    let cpus = chosen(args, &machine)?;
    check(args, &cpus, &machine)?;
    let baseline = args.baseline.as_deref().map(|path| baseline::read(path, args.mode));
    let baseline = baseline.transpose()?;
    let clock = Clock::calibrate();
    let start = clock.anchor();
    let mut measured = match args.mode {
        Mode::Gap => run::gap(args, &machine, &cpus, &clock)?,
        Mode::Wake => run::wake(args, &machine, &cpus, &clock)?,
        Mode::Cores => run::cores(&machine, &cpus, &clock)?,
        Mode::Live => live::live(args, &machine, &clock)?,
    };
    let drift = clock.check_drift(&start);
    measured.clock = format!("{}, {} Hz, drift {drift}", clock.source(), clock.cycles_per_second());
    if drift.is_excessive() {
        let next = "look at check I21 of `corelane doctor`";
        return Err(Failure::new(Exit::Clock, "the clock drifted", drift.to_string(), next));
    }
    finish(args, &measured, baseline.as_ref())
}

fn finish(
    args: &JitterArgs,
    measured: &Measured,
    baseline: Option<&baseline::Baseline>,
) -> Result<(), Failure> {
    let verdict = measured.judge(args, baseline);
    let mut out = Output::stdout();
    let shown = if args.json {
        format!("{}\n", report::json(measured, &verdict))
    } else {
        report::text(measured, &verdict)
    };
    out.write(shown.as_bytes())?;
    out.finish()?;
    if verdict.exit == Exit::Clean {
        return Ok(());
    }
    // The verdict says why.
    Err(Failure { exit: verdict.exit, lines: Vec::new() })
}

fn chosen(args: &JitterArgs, machine: &Machine) -> Result<Vec<usize>, Failure> {
    let Some(list) = &args.cpus else {
        return Ok(if args.mode == Mode::Cores {
            machine.allowed.clone()
        } else {
            machine.hot_cpus()
        });
    };
    let refused = |what: &str| {
        let found = format!("cpus={list:?} allowed={:?}", machine.allowed);
        Failure::new(Exit::Arguments, what, found, "name allowed CPUs, such as --cpus=2-3")
    };
    let set = isolation::CpuSet::from_list(list).filter(|set| !set.is_empty());
    let set = set.ok_or_else(|| refused("no list of CPUs"))?;
    let is_named = |cpu: &usize| u32::try_from(*cpu).is_ok_and(|cpu| set.has(cpu));
    let cpus: Vec<usize> = machine.allowed.iter().copied().filter(is_named).collect();
    if cpus.len() == set.len() { Ok(cpus) } else { Err(refused("a CPU may not be used")) }
}

fn check(args: &JitterArgs, cpus: &[usize], machine: &Machine) -> Result<(), Failure> {
    let refused = |what: &str, found: String, next: &str| {
        Err(Failure::new(Exit::Arguments, what, found, next))
    };
    let is_measuring = args.fifo.is_some()
        || args.cpus.is_some()
        || args.threshold.is_some()
        || args.hlog.is_some();
    if args.mode == Mode::Live && is_measuring {
        let next = "leave --cpus, --threshold, --fifo and --hlog away: the engine measures, and its \
                    latency.hlog has the rows";
        return refused("live mode looks on and has no such option", "mode=live".into(), next);
    }
    if args.mode != Mode::Live
        && let Some(run) = &args.run
    {
        let found = format!("mode={} run={}", args.mode.name(), run.display());
        return refused("only live mode has a run", found, "take `corelane jitter live`");
    }
    let found = format!("cpus={cpus:?} allowed={:?}", machine.allowed);
    if args.mode == Mode::Cores && cpus.len() < 2 {
        return refused("a round trip needs two CPUs", found, "name two with --cpus");
    }
    if args.fifo.is_some() && gap::collector_cpu(machine, cpus).is_none() {
        let next = "leave one allowed CPU out of --cpus, or leave --fifo away";
        return refused("FIFO threads on every CPU would starve the collector", found, next);
    }
    let is_cores = args.mode == Mode::Cores;
    let timed = args.fail.is_some() || args.hlog.is_some() || args.soak.is_some();
    if is_cores && (timed || args.fifo.is_some()) {
        let next = "leave --fail, --hlog, --soak and --fifo away, or take gap or wake";
        return refused("cores mode has bursts and no such option", "mode=cores".into(), next);
    }
    if args.hold_latency && args.mode != Mode::Wake {
        let found = format!("mode={}", args.mode.name());
        return refused("only a sleeper feels the request", found, "take `corelane jitter wake`");
    }
    Ok(())
}
