//! The station that is soaked: the demo's configuration over a longer recording, the real programs,
//! and what `corelane audit` and `corelane verify` say of its run.
//!
//! Must never: leave out a limit. Those that add up over a session are widened by as much as the
//! session is longer, so that it trades to its end.

use crate::soak::watch::{Sample, Watch};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Limits on what a whole session or day may add up to.
const ADDING_UP: [&str; 7] = [
    "max_daily_loss_e9",
    "max_drawdown_e9",
    "max_daily_turnover_e9",
    "max_daily_orders",
    "max_loss_streak",
    "max_executions",
    "capital_e9",
];
/// Where the counting library looks for the folder it writes to.
const COUNTS: &str = "CORELANE_ALLOCATIONS";

/// The programs and the folder of one soak.
#[derive(Debug)]
pub(super) struct Station {
    /// Folder of `corelane` and the others.
    pub(super) programs: PathBuf,
    /// The repository.
    pub(super) root: PathBuf,
    /// Everything that is written.
    pub(super) dir: PathBuf,
}

/// How the session went.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) status: ExitStatus,
    pub(super) run_dir: PathBuf,
    pub(super) samples: Vec<Sample>,
}

impl Station {
    fn library(&self) -> PathBuf {
        self.programs.join("examples/liballocations.so")
    }

    /// Whether everything is built.
    pub(super) fn check(&self) -> Result<(), String> {
        let names = ["corelane", "corelane-engine", "corelane-signal", "corelane-notary"];
        let programs = names.map(|name| self.programs.join(name));
        let missing = programs.into_iter().chain([self.library()]).find(|path| !path.is_file());
        missing.map_or(Ok(()), |path| {
            Err(format!("{} is missing: `make soak` builds it", path.display()))
        })
    }

    /// Writes configuration, limits and the notary's key. The configuration's file.
    pub(super) fn configure(
        &self,
        recording: &Path,
        speed: &str,
        rounds: u64,
    ) -> Result<PathBuf, String> {
        let demo = self.root.join("config");
        let limits = self.dir.join("limits.toml");
        let text = read(&demo.join("limits.toml"))?;
        write(&limits, &widened(&text, rounds + 1))?;
        self.corelane(&["limits", "keygen", &format!("--out={}", self.dir.display())])?;
        let quoted = |path: &Path| format!("\"{}\"", path.display());
        let mut text = read(&demo.join("demo.toml"))?;
        let model = self.root.join("sidecars/signal/models/bin_ctabl");
        for (key, value) in [
            ("recording", quoted(recording)),
            ("speed", speed.to_owned()),
            ("model", quoted(&model)),
            ("file", quoted(&limits)),
            // `[record]` comes before `[tape]`, whose own is a comment.
            ("dir", quoted(&self.dir.join("runs"))),
            // Beside other work for an hour: no thread spins.
            ("idle", "\"park\"".to_owned()),
        ] {
            text = set(&text, key, &value)?;
        }
        let (key, anchor) = (self.dir.join("limits.key"), self.anchor());
        let notary =
            format!("\n[notary]\nkey = {}\nanchors = [{}]\n", quoted(&key), quoted(&anchor));
        let file = self.dir.join("soak.toml");
        write(&file, &(text + &notary))?;
        Ok(file)
    }

    fn anchor(&self) -> PathBuf {
        self.dir.join("anchor.clk")
    }

    /// Plays the session to its end with all its processes, and looks at them every so often.
    pub(super) fn play(
        &self,
        config: &Path,
        every: Duration,
        told: &mut dyn FnMut(&Sample),
    ) -> Result<Played, String> {
        let counts = self.dir.join("allocations");
        let runs = self.dir.join("runs");
        for folder in [&counts, &runs] {
            fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        let mut command = Command::new(self.programs.join("corelane"));
        command.args(["run", "--quiet"]).arg(format!("--config={}", config.display()));
        command.env("LD_PRELOAD", self.library()).env(COUNTS, &counts);
        command.env_remove("ORT_DYLIB_PATH").stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().map_err(|e| format!("corelane does not start: {e}"))?;
        let (status, samples) = look_until_it_ends(child, &runs, &counts, every, told)?;
        let run_dir = only_run(&runs).ok_or("the station made no folder for its run")?;
        Ok(Played { status, run_dir, samples })
    }

    /// What `corelane audit` says of a run, with the notary's key and anchor.
    pub(super) fn audit(&self, run_dir: &Path) -> Result<Value, String> {
        let key = format!("--public-key={}", self.dir.join("limits.pub").display());
        let anchor = format!("--checkpoints={}", self.anchor().display());
        self.answer(&["audit", "--json", &key, &anchor, &run_dir.display().to_string()])
    }

    /// What `corelane verify` says of a run.
    pub(super) fn verify(&self, run_dir: &Path) -> Result<Value, String> {
        self.answer(&["verify", "--json", &run_dir.display().to_string()])
    }

    /// The JSON object a command prints, whatever it exits with.
    fn answer(&self, args: &[&str]) -> Result<Value, String> {
        let output = self.command(args).output().map_err(|e| format!("corelane: {e}"))?;
        serde_json::from_slice(&output.stdout).map_err(|e| {
            format!("`corelane {}`: {e}; {}", args[0], String::from_utf8_lossy(&output.stderr))
        })
    }

    fn corelane(&self, args: &[&str]) -> Result<(), String> {
        let output = self.command(args).output().map_err(|e| format!("corelane: {e}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or(said)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("corelane"));
        command.args(args).stdin(Stdio::null());
        command
    }
}

fn look_until_it_ends(
    mut child: Child,
    runs: &Path,
    counts: &Path,
    every: Duration,
    told: &mut dyn FnMut(&Sample),
) -> Result<(ExitStatus, Vec<Sample>), String> {
    let pid = child.id();
    let (sender, ended) = channel();
    let waiter = std::thread::spawn(move || {
        // The receiver is waited on until it has this.
        let _ = sender.send(child.wait());
    });
    let mut watch: Option<Watch> = None;
    let mut samples = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "the time of samples is no part of a station")]
    let begun = Instant::now();
    let status = loop {
        match ended.recv_timeout(every) {
            Ok(status) => {
                break status.map_err(|e| format!("corelane cannot be waited for: {e}"))?;
            }
            Err(RecvTimeoutError::Disconnected) => return Err("the waiting thread ended".into()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if watch.is_none() {
            watch = only_run(runs).map(|run_dir| Watch::new(pid, &run_dir, counts));
        }
        let seconds = begun.elapsed().as_secs_f64();
        if let Some(sample) = watch.as_mut().and_then(|watch| watch.look(seconds)) {
            told(&sample);
            samples.push(sample);
        }
    };
    let _ = waiter.join();
    Ok((status, samples))
}

fn only_run(runs: &Path) -> Option<PathBuf> {
    fs::read_dir(runs).ok()?.next()?.ok().map(|entry| entry.path())
}

/// Limits text with what adds up `times` as wide.
fn widened(text: &str, times: u64) -> String {
    let line = |line: &str| {
        let (key, rest) = line.split_once('=')?;
        let (number, comment) = rest.split_once('#').unwrap_or((rest, ""));
        let number: u64 = number.trim().replace('_', "").parse().ok()?;
        let is_one = ADDING_UP.contains(&key.trim());
        is_one.then(|| format!("{key}= {} #{comment}", number.saturating_mul(times)))
    };
    text.lines().map(|l| line(l).unwrap_or_else(|| l.to_owned()) + "\n").collect()
}

/// The text with `key = value` in place of the key's first line.
fn set(text: &str, key: &str, value: &str) -> Result<String, String> {
    let is_it = |line: &&str| line.split('=').next().is_some_and(|k| k.trim() == key);
    let line = text.lines().find(is_it).ok_or_else(|| format!("the demo has no key {key}"))?;
    Ok(text.replacen(line, &format!("{key} = {value}"), 1))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_adds_up_is_widened_and_nothing_else() {
        let text = "[firm]\nmax_daily_orders = 20_000\nmax_open_orders = 12\n\
                    max_drawdown_e9 = 100_000       # 100\n";
        let wide = widened(text, 3);
        assert!(wide.contains("max_daily_orders = 60000 #\n"), "{wide}");
        assert!(wide.contains("max_open_orders = 12\n"), "{wide}");
        assert!(wide.contains("max_drawdown_e9 = 300000 # 100\n"), "{wide}");
        assert!(wide.starts_with("[firm]\n"), "{wide}");
    }

    #[test]
    fn a_key_is_set_once_or_missed() {
        let text = "# dir = 1\n[record]\ndir = \"runs\"\n[tape]\n";
        assert_eq!(set(text, "dir", "2").unwrap(), "# dir = 1\n[record]\ndir = 2\n[tape]\n");
        assert!(set(text, "speed", "2").is_err());
    }
}
