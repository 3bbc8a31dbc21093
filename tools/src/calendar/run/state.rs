//! What a run of the calendar must find again after a crash, and the record of what it did.
//!
//! `calendar.state.json` is written aside, synced and renamed before a change touches anything, and
//! again when it is over; `calendar.jsonl` gets one line a change, synced. A lock keeps a second run of
//! the same folder out. Must never: begin a change that is not written down.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use signal::store::Address;
use station::operator::Failure;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

const STATE: &str = "calendar.state.json";
/// The record's name in the state folder.
pub const RECORD: &str = "calendar.jsonl";
const LOCK: &str = "calendar.lock";
const FORMAT: u32 = 1;

/// One sidecar before a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Its role.
    pub role: String,
    /// The object it served.
    pub serving: String,
    /// Where the role's links pointed.
    pub current: Option<String>,
    /// The other link.
    pub previous: Option<String>,
}

impl Before {
    /// The object it served.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        Address::from_hex(&self.serving)
    }
}

/// A change that has begun and is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// The window it leads to.
    pub window: String,
    /// When it began, UNIX nanoseconds.
    pub began_ns: u64,
    /// When MAINTENANCE was confirmed, if it was LIVE before, UNIX nanoseconds.
    pub held_ns: Option<u64>,
    /// Whether the station was LIVE.
    pub was_live: bool,
    /// Whether LIVE may follow by this program's hand.
    pub may_go_live: bool,
    /// The sidecars it changes.
    pub before: Vec<Before>,
}

/// In whose hands the station was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// LIVE.
    Live,
    /// In MAINTENANCE, because the window wants it: the next one may lead to LIVE.
    Held,
    /// In MAINTENANCE after a failure, or because somebody else put it there: LIVE is an operator's.
    Stopped,
}

/// All that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    format: u32,
    /// The change on its way.
    pub begun: Option<Begun>,
    /// How the last change left the station; none before the first.
    pub left: Option<Left>,
}

/// The open state folder.
#[derive(Debug)]
pub struct StateDir {
    folder: PathBuf,
    record: File,
    _lock: File,
    /// What is kept.
    pub kept: Kept,
}

impl StateDir {
    /// Opens a folder, makes it where there is none, and reads what is kept.
    ///
    /// # Errors
    /// RESOURCE where it cannot be used, another run holds it, or the state is damaged.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let io = |what: &Path| {
            let what = what.to_owned();
            move |error: io::Error| failed(&what, &error.to_string())
        };
        fs::create_dir_all(folder).map_err(io(folder))?;
        let path = folder.join(LOCK);
        let open = || OpenOptions::new().append(true).create(true).mode(0o600).clone();
        let lock = open().open(&path).map_err(io(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failed(&path, "another `corelane calendar run` holds it"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&path, &error.to_string())),
        }
        let path = folder.join(RECORD);
        let record = open().open(&path).map_err(io(&path))?;
        let path = folder.join(STATE);
        let kept = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(failed(&path, &error.to_string())),
            Ok(bytes) => serde_json::from_slice::<Kept>(&bytes)
                .map_err(|error| failed(&path, &error.to_string()))?,
        };
        if kept.format > FORMAT {
            return Err(failed(&path, &format!("format {} is of a later build", kept.format)));
        }
        Ok(Self { folder: folder.to_owned(), record, _lock: lock, kept })
    }

    /// Writes what is kept, so that a crash leaves the old state or this one.
    ///
    /// # Errors
    /// RESOURCE.
    pub fn save(&mut self) -> Result<(), Failure> {
        self.kept.format = FORMAT;
        let path = self.folder.join(STATE);
        let aside = self.folder.join(format!(".new-{STATE}"));
        let write = || {
            let text = serde_json::to_vec_pretty(&self.kept)?;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&aside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error: io::Error| failed(&path, &error.to_string()))
    }

    /// Appends one line to the record.
    ///
    /// # Errors
    /// RESOURCE.
    pub fn record(&mut self, line: &Value) -> Result<(), Failure> {
        let text = format!("{line}\n");
        let written = self.record.write_all(text.as_bytes()).and_then(|()| self.record.sync_data());
        written.map_err(|error| failed(&self.folder.join(RECORD), &error.to_string()))
    }
}

fn failed(path: &Path, error: &str) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    let next = "check run.state_dir; the station is left as it is";
    Failure::new(Exit::Resource, "the calendar's state cannot be used", fields, next)
}
