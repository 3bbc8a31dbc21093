//! `sim`: lives through seeds of the simulation, on as many threads as asked, and says what came of
//! them. A seed that fails is printed with the one command that repeats it.

use corelane_tests::sim::{self, Plant, Report};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const USAGE: &str =
    "sim --seed=N [--seeds=COUNT] [--events=M] [--threads=T] [--plant=BUG] [--json] \
                     [--describe] [--log]
  lives through COUNT seeds (1) from N on, M events (10000) each, every one twice, then heals it
  --plant    plants a bug: drop-fill, forget-reservation, reuse-id, ignore-staleness, skip-chain,
             lose-sync, double-fill; the run then succeeds when a seed finds it
  --log      prints the last frames before the seed's failure, market frames and denials aside
  --describe says what the world of the seed is like, and lives through nothing";

#[derive(Clone, Debug)]
struct Options {
    seed: u64,
    seeds: u64,
    events: u64,
    threads: u64,
    plant: Option<Plant>,
    is_json: bool,
    describes: bool,
    is_log: bool,
}

fn options() -> Option<Options> {
    let mut options = Options {
        seed: 1,
        seeds: 1,
        events: 10_000,
        threads: 1,
        plant: None,
        is_json: false,
        describes: false,
        is_log: false,
    };
    for argument in std::env::args().skip(1) {
        let (key, value) = argument.split_once('=').unwrap_or((argument.as_str(), ""));
        let number = || value.replace('_', "").parse::<u64>().ok();
        match key {
            "--seed" => options.seed = number()?,
            "--seeds" => options.seeds = number()?,
            "--events" => options.events = number()?,
            "--threads" => options.threads = number()?.max(1),
            "--plant" => {
                let named = |plant: &Plant| plant.name() == value;
                options.plant = Some(Plant::ALL.into_iter().find(named)?);
            }
            "--json" => options.is_json = true,
            "--log" => options.is_log = true,
            "--describe" => options.describes = true,
            _ => return None,
        }
    }
    Some(options)
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads: nothing to tell.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What the threads share.
struct Run {
    options: Options,
    next: AtomicU64,
    /// Seeds that failed, and why.
    failed: Mutex<Vec<(u64, String)>>,
    report: Mutex<Report>,
}

impl Run {
    fn work(&self) {
        let mut report = Report::default();
        loop {
            let nth = self.next.fetch_add(1, Ordering::Relaxed);
            if nth >= self.options.seeds {
                break;
            }
            let seed = self.options.seed + nth;
            on_panic(seed, self.options.events);
            let life = sim::live(seed, self.options.events, self.options.plant);
            report.add(&life);
            if let Some(why) = life.failure {
                if let Ok(mut failed) = self.failed.lock() {
                    failed.push((seed, why));
                }
                // A planted bug need be found once.
                if self.options.plant.is_some() {
                    self.next.store(u64::MAX / 2, Ordering::Relaxed);
                }
            }
        }
        if let Ok(mut all) = self.report.lock() {
            all.join(&report);
        }
    }
}

std::thread_local! {
    static SEED: std::cell::Cell<(u64, u64)> = const { std::cell::Cell::new((0, 0)) };
}

/// A panic ends the program at once: the seed is said before.
fn on_panic(seed: u64, events: u64) {
    SEED.with(|cell| cell.set((seed, events)));
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        say(USAGE);
        return ExitCode::from(10);
    };
    if options.describes {
        say(&sim::describe(options.seed, options.events));
        return ExitCode::SUCCESS;
    }
    if options.is_log {
        for line in sim::log(options.seed, options.events, options.plant) {
            say(&line);
        }
        return ExitCode::SUCCESS;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let (seed, events) = SEED.with(std::cell::Cell::get);
        say(&format!("FAILED seed {seed}: a panic\n  {}", sim::command(seed, events)));
        before(info);
    }));
    let run = Run {
        next: AtomicU64::new(0),
        failed: Mutex::new(Vec::new()),
        report: Mutex::new(Report::default()),
        options,
    };
    std::thread::scope(|scope| {
        for _ in 1..run.options.threads {
            scope.spawn(|| run.work());
        }
        run.work();
    });
    finish(run)
}

fn finish(run: Run) -> ExitCode {
    let report = run.report.into_inner().unwrap_or_default();
    let mut failed = run.failed.into_inner().unwrap_or_default();
    failed.sort_unstable();
    say(&if run.options.is_json { report.json() } else { report.table() });
    for (seed, why) in failed.iter().take(20) {
        say(&format!("FAILED seed {seed}: {why}\n  {}", sim::command(*seed, run.options.events)));
    }
    say(&format!("{} seeds, {} failed", report.seeds, failed.len()));
    if failed.is_empty() == run.options.plant.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(31)
    }
}
