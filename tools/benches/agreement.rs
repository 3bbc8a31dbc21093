//! The probes beside the tools everybody knows, in turn on the same CPUs: pingpong and sockperf,
//! wake mode and cyclictest, gap mode and oslat. They agree where the medians of the two lie no further
//! apart than the runs of either.
//!
//! `cargo bench -p corelane-tools --bench agreement`; the smoke size of `cargo test` runs each
//! once, for a moment, and shows that both are understood. Must never: fail because two figures differ.

use serde_json::Value;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Turns of each pair, and how long one measures.
struct Size {
    turns: usize,
    seconds: u32,
}

/// A pair of measurements of one quantity, microseconds.
struct Pair {
    name: String,
    needs: &'static str,
    ours: Box<dyn Fn() -> Option<f64>>,
    theirs: Box<dyn Fn() -> Option<f64>>,
}

fn main() {
    let is_real = std::env::args().any(|word| word == "--bench" || word == "--real");
    let size = if is_real { Size { turns: 7, seconds: 1 } } else { Size { turns: 1, seconds: 1 } };
    let cpus = station::sys::affinity().unwrap_or_default();
    let [.., client, server] = cpus[..] else {
        say("SKIPPED agreement: two CPUs are needed");
        return;
    };
    let mut pairs = Vec::new();
    for mode in ["udp", "tcp"] {
        for wait in ["spinning", "blocking"] {
            pairs.push(round_trip(mode, wait, (client, server), size.seconds));
        }
    }
    pairs.push(wake(server, size.seconds));
    pairs.push(gap(server, size.seconds));
    say(&format!(
        "{:<34}{:>6}{:>22}{:>22}{:>8}  verdict",
        "median, us", "turns", "ours (range)", "theirs (range)", "ratio"
    ));
    for pair in pairs {
        if !is_there(pair.needs) {
            say(&format!("SKIPPED {}: no {} on the PATH", pair.name, pair.needs));
            continue;
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..size.turns {
            ours.extend((pair.ours)());
            theirs.extend((pair.theirs)());
        }
        assert!(!ours.is_empty(), "{}: no figure of ours", pair.name);
        assert!(!theirs.is_empty(), "{}: no figure of {}", pair.name, pair.needs);
        say(&compared(&pair.name, ours, theirs));
    }
}

fn say(line: &str) {
    // A closed standard output leaves nobody to tell.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

fn is_there(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// One line: both medians with their ranges, and whether the ranges explain the distance.
fn compared(name: &str, mut ours: Vec<f64>, mut theirs: Vec<f64>) -> String {
    let figures = |values: &mut Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or_default();
        (at(values.len() / 2), at(0), at(values.len() - 1))
    };
    let turns = ours.len().min(theirs.len());
    let ((one, low, high), (other, least, most)) = (figures(&mut ours), figures(&mut theirs));
    let spread = (high - low).max(most - least);
    let verdict = match (turns, (one - other).abs() <= spread) {
        (1, _) => "one turn: no spread to judge by",
        (_, true) => "agree within their spread",
        (_, false) => "differ by more than their spread",
    };
    format!(
        "{name:<34}{turns:>6}{:>22}{:>22}{:>8.2}  {verdict}",
        format!("{one:.2} ({low:.2}-{high:.2})"),
        format!("{other:.2} ({least:.2}-{most:.2})"),
        one / other
    )
}

/// Output of `corelane` with arguments; what it thinks of a limit does not matter here.
fn corelane(words: &[String]) -> Option<Value> {
    let run = Command::new(env!("CARGO_BIN_EXE_corelane")).args(words).output().ok()?;
    serde_json::from_slice(&run.stdout).ok()
}

fn us(value: &Value) -> Option<f64> {
    value.as_f64().map(|ns| ns / 1_000.0)
}

fn round_trip(mode: &str, wait: &str, (client, server): (usize, usize), seconds: u32) -> Pair {
    let words: Vec<String> = [
        "pingpong",
        mode,
        "--tool=builtin",
        "--json",
        &format!("--wait={wait}"),
        &format!("--affinity={client},{server}"),
        &format!("--time={seconds}s"),
    ]
    .map(str::to_owned)
    .to_vec();
    let (is_tcp, is_spinning) = (mode == "tcp", wait == "spinning");
    Pair {
        name: format!("round trip {mode} {wait} 64 B"),
        needs: "sockperf",
        ours: Box::new(move || us(&corelane(&words)?["rows"][0]["rtt_ns"]["median"])),
        theirs: Box::new(move || sockperf(is_tcp, is_spinning, (client, server), seconds)),
    }
}

/// The answering side; ended with its owner.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn sockperf(is_tcp: bool, is_spinning: bool, cpus: (usize, usize), seconds: u32) -> Option<f64> {
    const PORT: &str = "17117";
    let pinned = |cpu: usize, what: &str| {
        let mut command = Command::new("taskset");
        command.args(["-c", &cpu.to_string(), "sockperf", what, "-i", "127.0.0.1", "-p", PORT]);
        command.args(is_tcp.then_some("--tcp")).args(is_spinning.then_some("--nonblocked"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let _server = Server(pinned(cpus.1, "sr").spawn().ok()?);
    // A server that does not listen yet refuses: the client is asked again.
    (0..50).find_map(|_| {
        let mut client = pinned(cpus.0, "pp");
        client.args(["-m", "64", "--full-rtt", "-t", &seconds.to_string()]);
        let output: Output = client.stdout(Stdio::piped()).output().ok()?;
        percentile(&String::from_utf8_lossy(&output.stdout), "percentile 50.000")
    })
}

/// A figure of sockperf's summary, which has colours in it even in a pipe.
fn percentile(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.contains(name))?;
    let figure = line.split_once('=')?.1;
    let figure: String =
        figure.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    figure.parse().ok()
}

fn wake(cpu: usize, seconds: u32) -> Pair {
    let words: Vec<String> = [
        "jitter",
        "wake",
        "--json",
        // Both leave an ordinary thread's slack as it is, and the request for short wake-ups alone.
        "--timer-slack=50us",
        &format!("--cpus={cpu}"),
        &format!("--time={seconds}s"),
    ]
    .map(str::to_owned)
    .to_vec();
    Pair {
        name: format!("wake on cpu {cpu}, every ms"),
        needs: "cyclictest",
        ours: Box::new(move || us(&corelane(&words)?["series"][0]["p50_ns"])),
        theirs: Box::new(move || {
            let threads = ["-q", "--default-system", "-t", "1", "-i", "1000", "-h", "100000"];
            let mut command = Command::new("cyclictest");
            command.args(threads).args(["-a", &cpu.to_string(), "-D", &seconds.to_string()]);
            median_of(&json_of(command)?["thread"]["0"]["histogram"], 0)
        }),
    }
}

fn gap(cpu: usize, seconds: u32) -> Pair {
    let words: Vec<String> = [
        "jitter",
        "gap",
        "--json",
        "--threshold=1us",
        &format!("--cpus={cpu}"),
        &format!("--time={seconds}s"),
    ]
    .map(str::to_owned)
    .to_vec();
    Pair {
        name: format!("gaps over 1 us on cpu {cpu}"),
        needs: "oslat",
        ours: Box::new(move || us(&corelane(&words)?["series"][0]["p50_ns"])),
        theirs: Box::new(move || {
            let mut command = Command::new("oslat");
            command.args(["-q", "-b", "1000", "-c", &cpu.to_string(), "-D", &seconds.to_string()]);
            // Its first bucket holds every turn below a microsecond.
            median_of(&json_of(command)?["thread"]["0"]["histogram"], 1)
        }),
    }
}

/// What a program of rt-tests writes with `--json`.
fn json_of(mut command: Command) -> Option<Value> {
    let folder = tempfile::tempdir().ok()?;
    let path = folder.path().join("result.json");
    command.arg(format!("--json={}", path.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().ok()?;
    read(&path)
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Median of a histogram of microseconds above a bucket: the middle of its own bucket.
fn median_of(histogram: &Value, above: u64) -> Option<f64> {
    let rows = histogram.as_object()?.iter();
    let row = |(us, n): (&String, &Value)| Some((us.parse::<u64>().ok()?, n.as_u64()?));
    let mut rows: Vec<(u64, u64)> = rows.filter_map(row).filter(|(us, _)| *us > above).collect();
    rows.sort_unstable();
    let half = rows.iter().map(|(_, n)| n).sum::<u64>().div_ceil(2);
    let mut below = 0;
    let found = rows.iter().find(|(_, n)| {
        below += n;
        below >= half
    });
    found.and_then(|(us, _)| u32::try_from(*us).ok()).map(f64::from)
}
