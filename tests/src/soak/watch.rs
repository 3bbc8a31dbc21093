//! What a process holds while it runs: memory, files, threads, and the loop's allocations.
//!
//! Reads `/proc`, the counters page, the journal's folder and what the counting library writes.
//! Must never: ask the engine, or take a figure of a process that is gone.

use std::fs;
use std::path::{Path, PathBuf};
use wire::counters::{COUNTERS_MAGIC, Counter, CountersHeader};

/// Processes of a station, by the names they run under (15 characters at most).
pub const PROCESSES: [&str; 4] =
    ["corelane-engine", "corelane-signal", "corelane-notary", "corelane"];
/// The loop's thread in the engine.
const LOOP: &str = "loop";
/// Bytes of one thread's entry in the counting library's file: thread id, calls.
const ENTRY: usize = 16;

/// What one process holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Memory of its own, KiB: no file behind it.
    pub anonymous_kib: u64,
    /// Pages of files it has mapped and touched, KiB: programs, the tape, the counters page.
    pub mapped_kib: u64,
    /// Open files.
    pub files: u64,
    /// Threads.
    pub threads: u64,
}

/// One look at a station.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Time since the first look, seconds.
    pub seconds: f64,
    /// Its processes, as [`PROCESSES`] names them; `None` of one that is not there.
    pub processes: [Option<Process>; 4],
    /// Allocations and frees the loop's thread has made; `None` where nobody counts them.
    pub loop_allocations: Option<u64>,
    /// Page faults the loop's thread has taken.
    pub loop_faults: u64,
    /// The counters page, read after the two above.
    pub counters: Vec<u64>,
    /// Segments of the journal.
    pub segments: u64,
}

impl Sample {
    /// A counter of the page.
    #[must_use]
    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters.get(usize::from(counter.code())).copied().unwrap_or(0)
    }
}

/// Looks at one station.
#[derive(Debug)]
pub struct Watch {
    parent: u32,
    run_dir: PathBuf,
    allocations: PathBuf,
    pids: [Option<u32>; 4],
    loop_thread: Option<u32>,
}

impl Watch {
    /// Of the `corelane` of this process id, its run's folder, and where allocations are counted.
    #[must_use]
    pub fn new(parent: u32, run_dir: &Path, allocations: &Path) -> Self {
        Self {
            parent,
            run_dir: run_dir.to_owned(),
            allocations: allocations.to_owned(),
            pids: [None, None, None, Some(parent)],
            loop_thread: None,
        }
    }

    /// One look; `None` before the engine has its loop.
    pub fn look(&mut self, seconds: f64) -> Option<Sample> {
        if self.pids.contains(&None) {
            self.find();
        }
        let [Some(engine), ..] = self.pids else { return None };
        if self.loop_thread.is_none() {
            self.loop_thread = thread_named(engine, LOOP);
        }
        let thread = self.loop_thread?;
        let loop_allocations = self.allocations_of(engine, thread);
        let loop_faults = faults(engine, thread)?;
        let counters = counters(&self.run_dir.join("counters"))?;
        let processes = self.pids.map(|pid| pid.and_then(process));
        let segments = segments(&self.run_dir.join("journal"));
        Some(Sample { seconds, processes, loop_allocations, loop_faults, counters, segments })
    }

    fn find(&mut self) {
        for pid in numbers(Path::new("/proc")) {
            let Some((name, parent)) = name_and_parent(pid) else { continue };
            let place = PROCESSES.iter().position(|process| *process == name);
            if let (true, Some(place)) = (parent == self.parent, place)
                && let Some(slot) = self.pids.get_mut(place)
            {
                slot.get_or_insert(pid);
            }
        }
    }

    fn allocations_of(&self, pid: u32, thread: u32) -> Option<u64> {
        let bytes = fs::read(self.allocations.join(pid.to_string())).ok()?;
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
        let mut entries = bytes.chunks_exact(ENTRY).map(|entry| entry.split_at(8));
        entries.find(|(id, _)| word(id) == u64::from(thread)).map(|(_, calls)| word(calls))
    }
}

fn numbers(folder: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    names.filter_map(|name| name.to_str()?.parse().ok()).collect()
}

/// The numbers behind a process's name in its `stat`, from the state on, and the name.
fn stat(path: &str) -> Option<(String, Vec<String>)> {
    let text = fs::read_to_string(path).ok()?;
    let (head, rest) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    Some((name, rest.split_whitespace().map(str::to_owned).collect()))
}

fn name_and_parent(pid: u32) -> Option<(String, u32)> {
    let (name, fields) = stat(&format!("/proc/{pid}/stat"))?;
    Some((name, fields.get(1)?.parse().ok()?))
}

fn thread_named(pid: u32, name: &str) -> Option<u32> {
    let tasks = format!("/proc/{pid}/task");
    let is_it = |thread: &u32| {
        let comm = fs::read_to_string(format!("{tasks}/{thread}/comm"));
        comm.is_ok_and(|comm| comm.trim_end() == name)
    };
    numbers(Path::new(&tasks)).into_iter().find(is_it)
}

/// Minor and major page faults of a thread.
fn faults(pid: u32, thread: u32) -> Option<u64> {
    let (_, fields) = stat(&format!("/proc/{pid}/task/{thread}/stat"))?;
    let field = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(field(7)? + field(9)?)
}

/// What a process holds. `smaps_rollup` counts its pages; the quicker figures of `status` may be
/// off by some dozens of pages a CPU.
fn process(pid: u32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kib = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    let (resident, anonymous_kib) = (kib("Rss:")?, kib("Anonymous:")?);
    let entries = |folder: &str| fs::read_dir(format!("/proc/{pid}/{folder}")).ok();
    Some(Process {
        pid,
        anonymous_kib,
        mapped_kib: resident.saturating_sub(anonymous_kib),
        files: entries("fd")?.count() as u64,
        threads: entries("task")?.count() as u64,
    })
}

fn counters(page: &Path) -> Option<Vec<u64>> {
    let bytes = fs::read(page).ok()?;
    let (head, slots) = bytes.split_at_checked(size_of::<CountersHeader>())?;
    let header: CountersHeader = bytemuck::pod_read_unaligned(head);
    (header.magic == COUNTERS_MAGIC).then(|| {
        slots.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes)).collect()
    })
}

fn segments(journal: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(journal) else { return 0 };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let is_one =
        |name: &std::ffi::OsString| tape::journal::is_segment_name(&name.to_string_lossy());
    names.filter(is_one).count() as u64
}
