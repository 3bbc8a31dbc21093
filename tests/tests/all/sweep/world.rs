//! A small station in a folder on tmpfs, started under `strace` with one call that kills or fails.

use crate::support::{program, recording, root, set, without};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use tape::{Compression, Header, RecordingReader, RecordingWriter};
use wire::counters::{Counter, CountersHeader};

/// Frames of the bundled recording that are played: a journal of three segments.
const FRAMES: usize = 13_000;
/// Frames a station plays that is started to write out what another left.
const FEW: usize = 40;
const TRACED: &str = "trace=pwrite64,fdatasync,fsync,fallocate,rename,ftruncate,unlink,mkdir";

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// SIGKILL before it.
    Kill,
    /// It does nothing and fails with `EIO`.
    Error,
}

/// The `when`-th call of a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) call: &'static str,
    pub(super) when: usize,
    pub(super) fault: Fault,
    /// Of the main thread; else of whichever thread comes to so many first.
    pub(super) main_only: bool,
}

/// How a program under `strace` ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) said: String,
    /// Whether the fault came.
    pub(super) is_injected: bool,
}

/// Every `n`-th of `count` calls so that about `few` are left, the first and the last among them;
/// all of them with `CORELANE_SWEEP=all`.
pub(super) fn sampled(count: usize, few: usize) -> impl Iterator<Item = usize> {
    let all = std::env::var("CORELANE_SWEEP").is_ok_and(|value| value == "all");
    let step = if all { 1 } else { count.saturating_sub(1).div_ceil(few.max(2) - 1).max(1) };
    (1..=count).filter(move |n| (n - 1).is_multiple_of(step) || *n == count)
}

/// A folder with recordings and configurations, and one place for tapes.
pub(super) struct World {
    dir: tempfile::TempDir,
    /// What every station is started by, if not by the test.
    starter: Vec<String>,
}

impl World {
    /// `None`, said by name, where it cannot be had.
    pub(super) fn new(test: &str) -> Option<Self> {
        let traced = Command::new("strace")
            .args(["-f", "--seccomp-bpf", "-qq", "-e", "trace=rename", "-o", "/dev/null", "true"])
            .stdin(Stdio::null())
            .output();
        match traced {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
                eprintln!("SKIPPED {test}: strace may not trace here: {said}");
                return None;
            }
            Err(error) => {
                eprintln!("SKIPPED {test}: strace cannot be started: {error}");
                return None;
            }
        }
        let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
            eprintln!("SKIPPED {test}: /dev/shm is not there");
            return None;
        };
        let world = Self { dir, starter: Vec::new() };
        world.configure("day", FRAMES);
        world.configure("few", FEW);
        Some(world)
    }

    /// The same, with every station started by this program.
    pub(super) fn started_by(mut self, starter: &[&str]) -> Self {
        self.starter = starter.iter().map(|&part| part.to_owned()).collect();
        self
    }

    /// The same, with the folder of tapes elsewhere.
    pub(super) fn with_tapes(self, folder: &str) -> Self {
        for name in ["day", "few"] {
            let path = self.path(&format!("{name}.toml"));
            let text = fs::read_to_string(&path).expect("configuration");
            fs::write(&path, set(&text, "dir", &format!("\"{folder}\""))).expect("configuration");
        }
        std::os::unix::fs::symlink(folder, self.path("tapes")).expect("link");
        self
    }

    fn command(&self, program: &Path) -> Command {
        let Some((starter, args)) = self.starter.split_first() else {
            return Command::new(program);
        };
        let mut command = Command::new(starter);
        command.args(args).arg(program);
        command
    }

    fn configure(&self, name: &str, frames: usize) {
        let mut reader = RecordingReader::open(recording()).expect("bundled");
        let path = self.path(&format!("{name}.clrec"));
        let mut writer =
            RecordingWriter::create(&path, &Header::default(), Compression::Zstd(1)).expect("made");
        for _ in 0..frames {
            writer.push(reader.next_frame().expect("whole").expect("long enough")).expect("taken");
        }
        writer.finish().expect("written");
        let read = |file: &str| fs::read_to_string(root().join("config").join(file)).expect(file);
        let text = without(&read("demo.toml"), "# Takes liquidity", "# Follows a moving");
        let text = set(&text, "recording", &format!("\"{name}.clrec\""));
        let text = set(&set(&text, "enabled", "false"), "speed", "\"max\"");
        let text = set(&set(&text, "sync_ms", "0"), "segment_mib", "1");
        let text = set(&text, "size_mib", "32\ndir = \"tapes\"");
        fs::write(self.path(&format!("{name}.toml")), text).expect("configuration");
        let limits =
            without(&read("limits.toml"), "[strategy.signal-taker]", "[strategy.momentum]");
        let limits = limits.replace("\"signal-taker\", ", "");
        fs::write(self.path("limits.toml"), limits).expect("limits");
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn end(&self, mut command: Command) -> Ended {
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        let Output { status, stderr, .. } = command.output().expect("it starts");
        let is_injected = self.logs().iter().any(|log| log.contains("(INJECTED)"));
        Ended { status, said: String::from_utf8_lossy(&stderr).into_owned(), is_injected }
    }

    fn engine(&self, strace: &[&str], config: &str, run: &str) -> Ended {
        self.forget_logs();
        let mut command = self.command(Path::new("strace"));
        command.args(["-qq", "-o", "trace.log"]).args(strace).arg(program("corelane-engine"));
        command.args([&format!("--config={config}.toml"), &format!("--run-dir={run}")]);
        self.end(command)
    }

    /// Plays `config` with a fault.
    pub(super) fn run_at(&self, point: &Point, config: &str, run: &str) -> Ended {
        let Point { call, when, fault, main_only } = point;
        let how = match fault {
            Fault::Kill => "signal=KILL",
            Fault::Error => "error=EIO",
        };
        let inject = format!("inject={call}:{how}:when={when}");
        let traced = format!("{TRACED},{call}");
        let mut args = vec!["-e", &traced, "-e", &inject];
        if !main_only {
            args.extend(["-f", "-ff"]);
            // Quicker, but strace 6.1 then forgets to send the signal.
            args.extend((*fault == Fault::Error).then_some("--seccomp-bpf"));
        }
        self.engine(&args, config, run)
    }

    /// Starts a station that has little to do but to write out what is on the tapes.
    pub(super) fn start_again(&self, run: &str) -> Ended {
        self.forget_logs();
        let mut command = self.command(&program("corelane-engine"));
        command.args(["--config=few.toml", &format!("--run-dir={run}")]);
        self.end(command)
    }

    /// `corelane` with one argument: a run's folder. Its exit code, and what it said.
    pub(super) fn corelane(&self, verb: &str, run: &str) -> (Option<i32>, String) {
        let mut command = Command::new(program("corelane"));
        command.args([verb, run]);
        let Ended { status, said, .. } = self.end(command);
        (status.code(), said)
    }

    /// The calls each thread makes in a run that nothing happens to: the main thread's first.
    pub(super) fn count(&self, config: &str) -> Counts {
        let traced = format!("{TRACED},openat");
        let args = ["-f", "-ff", "--seccomp-bpf", "-e", &traced];
        let ended = self.engine(&args, config, "counted");
        assert!(ended.status.success(), "{}", ended.said);
        let (main, others): (Vec<_>, Vec<_>) =
            self.logs().into_iter().partition(|log| log.contains("mkdir("));
        let counts = Counts { main: main.concat(), journaler: others.concat() };
        fs::remove_dir_all(self.path("counted")).expect("counted");
        counts
    }

    /// What `strace` wrote, one text a thread, the main thread's first.
    pub(super) fn logs(&self) -> Vec<String> {
        let mut logs: Vec<String> = self
            .names(".")
            .into_iter()
            .filter(|name| name.starts_with("trace.log"))
            .map(|name| fs::read_to_string(self.path(&name)).expect("log"))
            .collect();
        logs.sort_by_key(|log| !log.contains("mkdir("));
        logs
    }

    fn forget_logs(&self) {
        for name in self.names(".").into_iter().filter(|name| name.starts_with("trace.log")) {
            fs::remove_file(self.path(&name)).expect("log");
        }
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| name(entry.expect("entry"))).collect();
        names.sort_unstable();
        names
    }

    /// Files in the folder of tapes.
    pub(super) fn tapes(&self) -> Vec<String> {
        self.names("tapes")
    }

    /// Every file of a folder, by name.
    pub(super) fn bytes_of(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let read = |name: String| {
            let bytes = fs::read(self.path(folder).join(&name)).expect("file");
            (name, bytes)
        };
        self.names(folder).into_iter().map(read).collect()
    }

    /// Puts files into a folder that then has no others.
    pub(super) fn put_back(&self, folder: &str, files: &[(String, Vec<u8>)]) {
        let folder = self.path(folder);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("folder");
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).expect("put back");
        }
    }

    /// The tapes that have their name.
    pub(super) fn whole_tapes(&self) -> Vec<(String, Vec<u8>)> {
        let files = self.bytes_of("tapes").into_iter();
        files.filter(|(name, _)| Path::new(name).extension().is_some_and(|e| e == "tape")).collect()
    }

    /// A cell of a run's counters page; 0 where there is none yet.
    pub(super) fn counter(&self, run: &str, counter: Counter) -> u64 {
        let bytes = fs::read(self.path(run).join("counters")).unwrap_or_default();
        let at = size_of::<CountersHeader>() + usize::from(counter.code()) * 8;
        let cell = bytes.get(at..at + 8).and_then(|cell| cell.try_into().ok());
        cell.map_or(0, u64::from_le_bytes)
    }

    /// Removes every run and tape.
    pub(super) fn clean(&self) {
        for folder in ["run", "next", "again", "tapes"] {
            let _ = fs::remove_dir_all(self.path(folder));
        }
    }
}

/// What each thread called.
pub(super) struct Counts {
    main: String,
    journaler: String,
}

impl Counts {
    fn of(log: &str, call: &str) -> usize {
        log.lines().filter(|line| line.split('(').next() == Some(call)).count()
    }

    /// Calls of the main thread.
    pub(super) fn main(&self, call: &str) -> usize {
        Self::of(&self.main, call)
    }

    /// Those of them before the journaler runs: up to the tape's name.
    pub(super) fn main_first(&self, call: &str) -> usize {
        let (first, _) = self.main.split_once(".tape\")").expect("the tape gets its name");
        Self::of(first, call)
    }

    /// The main thread's calls up to the removal of the first tape.
    pub(super) fn main_until_drained(&self) -> Self {
        let lines: Vec<&str> = self.main.lines().collect();
        let end = lines.iter().position(|line| line.contains(".tape\") = 0"));
        let end = end.expect("a tape was removed") + 1;
        let main = lines.into_iter().take(end).flat_map(|line| [line, "\n"]).collect();
        Self { main, journaler: String::new() }
    }

    /// Calls of the journaler, which alone of the other threads makes any.
    pub(super) fn journaler(&self, call: &str) -> usize {
        Self::of(&self.journaler, call)
    }
}
