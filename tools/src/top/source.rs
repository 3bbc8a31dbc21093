//! Where a run is and what its counters page says.
//!
//! The page is a small file the engine's bridge writes and anyone may read; nobody asks the engine.
//! Must never: write, or take a page for ours that does not say so.

use crate::ctl::newest_socket;
use station::operator::Failure;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use wire::counters::{COUNTER_SLOTS, COUNTERS_MAGIC, Counter, CountersHeader};
use wire::exit::Exit;

/// Name of the page in a run's folder.
const PAGE: &str = "counters";
const HEAD_BYTES: usize = size_of::<CountersHeader>();

/// A run's folder and its open counters page.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) dir: PathBuf,
    page: File,
    /// Process id of the engine.
    pub(crate) pid: u64,
    /// Wall clock at its start, nanoseconds since the UNIX epoch.
    pub(crate) start_ns: u64,
}

/// The counters at one moment; each is whole, and they are of no common one.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    slots: Vec<u64>,
}

impl Source {
    /// Opens the run in a folder, or that of a control socket; else the newest below `runs`.
    ///
    /// # Errors
    /// RESOURCE where there is none.
    pub(crate) fn open(named: Option<&Path>) -> Result<Self, Failure> {
        let named = match named {
            Some(path) => path.to_owned(),
            None => newest_socket(Path::new("runs")).map_err(|_| {
                let next = "start one with `corelane run`, or name the folder of a run";
                Failure::new(Exit::Resource, "no running engine found", "looked_in=runs", next)
            })?,
        };
        let folder = named.is_dir().then(|| named.clone());
        let dir = folder.or_else(|| named.parent().map(Path::to_owned)).unwrap_or_default();
        let path = dir.join(PAGE);
        let page = File::open(&path).map_err(|error| missing(&path, &error.to_string()))?;
        let mut head = [0; HEAD_BYTES];
        let header: CountersHeader = match page.read_exact_at(&mut head, 0) {
            Ok(()) => bytemuck::pod_read_unaligned(&head),
            Err(error) => return Err(missing(&path, &error.to_string())),
        };
        if header.magic != COUNTERS_MAGIC {
            return Err(missing(&path, "no counters page"));
        }
        Ok(Self { dir, page, pid: header.pid, start_ns: header.start_ns })
    }

    /// The counters of now.
    ///
    /// # Errors
    /// RESOURCE where the page can no longer be read.
    pub(crate) fn page(&self) -> Result<Page, Failure> {
        let mut bytes = [0; COUNTER_SLOTS * 8];
        let path = self.dir.join(PAGE);
        let at = HEAD_BYTES as u64;
        self.page
            .read_exact_at(&mut bytes, at)
            .map_err(|error| missing(&path, &error.to_string()))?;
        let word = |word: &[u8]| word.try_into().map_or(0, u64::from_le_bytes);
        Ok(Page { slots: bytes.chunks_exact(8).map(word).collect() })
    }

    /// Whether the engine's process is there.
    pub(crate) fn is_alive(&self) -> bool {
        Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

impl Page {
    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.slots.get(usize::from(counter.code())).copied().unwrap_or(0)
    }

    /// Whether the session ended.
    pub(crate) fn is_done(&self) -> bool {
        self.get(Counter::Done) != 0
    }
}

fn missing(path: &Path, why: &str) -> Failure {
    Failure::new(
        Exit::Resource,
        "no counters of a run here",
        format!("path={} error=\"{why}\"", path.display()),
        "name a folder below runs/, as `corelane run` prints it, or its control.sock",
    )
}
