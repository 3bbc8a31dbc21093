//! `soak`: the real station over the bundled recording, again and again for as long as asked; one
//! table at the end, exit code 31 where something did not hold. `tests/TESTING.md` says more.

use corelane_tests::soak::judge::Verdict;
use corelane_tests::soak::watch::Sample;
use corelane_tests::soak::{Options, RECORDING, looped, soak, table};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use wire::counters::Counter;

const USAGE: &str = "soak [--minutes=M] [--speed=S] [--dir=DIR] [--keep]
  plays the bundled recording for M minutes (60) at S times its pace (8) through engine, signal
  sidecar and notary, and looks at what they hold
  --dir   where to write (target/soak/PID): about 35 MB a minute, taken away if all held
  --keep  leave it there";
/// Below this many minutes slopes are shown and not judged.
const JUDGED_MINUTES: u64 = 10;
/// Looks at a session, at most one a fifth of a second.
const LOOKS: u64 = 720;

struct Asked {
    minutes: u64,
    speed: u64,
    dir: Option<PathBuf>,
    keep: bool,
}

fn asked() -> Option<Asked> {
    let mut asked = Asked { minutes: 60, speed: 8, dir: None, keep: false };
    for argument in std::env::args().skip(1) {
        let (key, value) = argument.split_once('=').unwrap_or((argument.as_str(), ""));
        let number = || value.parse::<u64>().ok().filter(|number| (1..100_000).contains(number));
        match key {
            "--minutes" => asked.minutes = number()?,
            "--speed" => asked.speed = number()?,
            "--dir" => asked.dir = Some(PathBuf::from(value)),
            "--keep" => asked.keep = true,
            _ => return None,
        }
    }
    Some(asked)
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads: nothing to tell.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn options(asked: &Asked) -> Result<Options, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no folder above")?;
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let round_ns = looped::round_ns(&root.join(RECORDING))?;
    let recorded_ns = asked.minutes * 60_000_000_000 * asked.speed;
    let dir = || root.join("target/soak").join(std::process::id().to_string());
    Ok(Options {
        root: root.to_owned(),
        programs: here.parent().ok_or("no folder of this program")?.to_owned(),
        dir: asked.dir.clone().unwrap_or_else(dir),
        speed: asked.speed.to_string(),
        rounds: recorded_ns.div_ceil(round_ns),
        every: Duration::from_millis((asked.minutes * 60_000 / LOOKS).max(200)),
        slopes: asked.minutes >= JUDGED_MINUTES,
    })
}

fn main() -> ExitCode {
    let Some(asked) = asked() else {
        say(USAGE);
        return ExitCode::from(10);
    };
    match run(&asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(31),
        Err(why) => {
            say(&format!("RESOURCE: the soak cannot go on: {why}"));
            ExitCode::from(14)
        }
    }
}

fn run(asked: &Asked) -> Result<bool, String> {
    let options = options(asked)?;
    let mut told_at = 0.0;
    let mut told = |sample: &Sample| {
        if sample.seconds - told_at >= 60.0 || told_at == 0.0 {
            told_at = sample.seconds;
            say(&progress(sample));
        }
    };
    let rows = soak(&options, &mut told)?;
    say(&table(&rows));
    let held = rows.iter().all(|row| row.verdict != Verdict::Failed);
    if held && !asked.keep {
        let _ = std::fs::remove_dir_all(&options.dir);
    } else {
        say(&format!("everything is in {}", options.dir.display()));
    }
    Ok(held)
}

fn progress(sample: &Sample) -> String {
    let of = |counter| sample.counter(counter);
    let memory = sample.processes[0].map_or(0, |engine| engine.anonymous_kib);
    format!(
        "{:>6.1} min  events {}/{}  orders {}  fills {}  segments {}  engine {memory} KiB",
        sample.seconds / 60.0,
        of(Counter::LoopMarketEvents),
        of(Counter::EdgeEventsTotal),
        of(Counter::LoopOrders),
        of(Counter::LoopFills),
        sample.segments,
    )
}
