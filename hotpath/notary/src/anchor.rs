//! An anchor: a copy of the checkpoint log outside the journal, kept by a thread of its own.
//!
//! The thread copies what the run's own log has and the anchor lacks, so whatever was missed while
//! the anchor could not be written follows with the next checkpoint. Must never: hold up the notary
//! or another anchor, write a byte the run's own log does not have on the disk, or write behind
//! bytes that are not that log's.

use crate::error::NotaryError;
use crate::log::piece;
use crate::{say, sys};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What notary and thread tell each other.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes of the log that are on its disk.
    target: u64,
    /// Times the notary asked.
    asked: u64,
    /// Times the thread has tried since.
    tried: u64,
    /// No more will come.
    ending: bool,
    /// How the last try ended.
    outcome: Option<Outcome>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Complete,
    Behind,
    Contradiction,
}

/// An anchor.
#[derive(Debug)]
pub(crate) struct Anchor {
    path: PathBuf,
    log: PathBuf,
    shared: Arc<Shared>,
}

impl Anchor {
    /// Begins to copy a log of `bytes` bytes to `path`; in a folder, to a file with the instance's
    /// name.
    ///
    /// # Errors
    /// Where no thread can be made.
    pub(crate) fn start(
        path: &Path,
        log: &Path,
        bytes: u64,
        instance: &str,
    ) -> Result<Self, NotaryError> {
        let path = if path.is_dir() { path.join(format!("{instance}.clk")) } else { path.into() };
        let shared = Arc::new(Shared::default());
        let mut copier =
            Copier { path: path.clone(), log: log.into(), file: None, has: 0, said: String::new() };
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("anchor".into());
        let spawned = thread.spawn(move || copier.run(&theirs));
        spawned.map_err(|source| NotaryError::System { call: "clone", source })?;
        let anchor = Self { path, log: log.into(), shared };
        anchor.ask(bytes);
        Ok(anchor)
    }

    /// The log has so many bytes on its disk.
    pub(crate) fn ask(&self, bytes: u64) {
        let mut state = lock(&self.shared.state);
        state.target = bytes;
        state.asked += 1;
        self.shared.changed.notify_all();
    }

    /// Waits for the try that was asked for last, until `until` of the monotonic clock.
    ///
    /// # Errors
    /// A contradiction where the anchor holds something else than the log.
    pub(crate) fn settle(&self, until_ns: u64) -> Result<(), NotaryError> {
        match self.wait(until_ns) {
            Some(Outcome::Contradiction) => Err(self.contradiction()),
            Some(Outcome::Complete | Outcome::Behind) | None => Ok(()),
        }
    }

    /// Ends the thread after a last try.
    ///
    /// # Errors
    /// Where the anchor has not every checkpoint.
    pub(crate) fn end(&self, until_ns: u64) -> Result<(), NotaryError> {
        let mut state = lock(&self.shared.state);
        state.ending = true;
        state.asked += 1;
        self.shared.changed.notify_all();
        drop(state);
        match self.wait(until_ns) {
            Some(Outcome::Complete) => Ok(()),
            Some(Outcome::Contradiction) => Err(self.contradiction()),
            Some(Outcome::Behind) | None => Err(NotaryError::Behind { path: self.path.clone() }),
        }
    }

    fn contradiction(&self) -> NotaryError {
        let what = "an anchor holds something else than the run's own log";
        NotaryError::contradiction(what, &self.path, format!("log={}", self.log.display()))
    }

    fn wait(&self, until_ns: u64) -> Option<Outcome> {
        let mut state = lock(&self.shared.state);
        let asked = state.asked;
        while state.tried < asked {
            let left = until_ns.saturating_sub(sys::monotonic_ns());
            if left == 0 {
                return None;
            }
            let waited = self.shared.changed.wait_timeout(state, Duration::from_nanos(left));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.outcome.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A thread that panicked ends the process in release builds; its state is whole in any case.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's own.
struct Copier {
    path: PathBuf,
    log: PathBuf,
    file: Option<File>,
    /// Bytes the anchor has.
    has: u64,
    /// What was said last, so that a lasting failure is said once.
    said: String,
}

impl Copier {
    fn run(&mut self, shared: &Shared) {
        loop {
            let mut state = lock(&shared.state);
            while state.tried == state.asked {
                let waited = shared.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
            let (asked, target, ending) = (state.asked, state.target, state.ending);
            drop(state);
            let outcome = self.copy(target);
            let mut state = lock(&shared.state);
            state.tried = asked;
            state.outcome = Some(outcome);
            shared.changed.notify_all();
            if ending {
                return;
            }
        }
    }

    fn copy(&mut self, target: u64) -> Outcome {
        match self.append(target) {
            Ok(true) => {
                if !self.said.is_empty() {
                    say(&format!(
                        "NOTE: anchor has every checkpoint again: path={} bytes={}; next: none",
                        self.path.display(),
                        self.has
                    ));
                    self.said.clear();
                }
                Outcome::Complete
            }
            Ok(false) => Outcome::Contradiction,
            Err(error) => {
                // Opened anew, and compared, at the next try.
                self.file = None;
                let line = NotaryError::write(&self.path)(error).operator_line();
                if line != self.said {
                    say(&line);
                    self.said = line;
                }
                Outcome::Behind
            }
        }
    }

    /// Appends what is missing; `false` where the anchor holds something else.
    fn append(&mut self, target: u64) -> io::Result<bool> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => match self.open(target)? {
                Some(file) => file,
                None => return Ok(false),
            },
        };
        if self.has < target {
            let bytes = piece(&self.log, self.has, target)?;
            if file.write(&bytes)? != bytes.len() {
                return Err(io::ErrorKind::WriteZero.into());
            }
            file.sync_data()?;
            self.has = target;
        }
        self.file = Some(file);
        Ok(true)
    }

    /// Opens the anchor; `None` where its bytes are not the log's first.
    fn open(&mut self, target: u64) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o644);
        let mut file = options.open(&self.path)?;
        let mut has = Vec::new();
        (&mut file).take(target + 1).read_to_end(&mut has)?;
        let len = has.len() as u64;
        let log = piece(&self.log, 0, target)?;
        let same = has.iter().zip(&log).take_while(|(a, b)| a == b).count();
        if same < has.len() {
            // Zeros at the end are what a loss of power leaves of a write.
            let rest = file.metadata()?.len() == len && has[same..].iter().all(|byte| *byte == 0);
            if !rest {
                return Ok(None);
            }
            file.set_len(same as u64)?;
        }
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        self.has = same as u64;
        Ok(Some(file))
    }
}
