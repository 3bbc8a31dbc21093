//! The journal of prior values: what stood at each path before we wrote there.
//!
//! It is on the disk, whole, before the first of its paths changes; it is replaced by a rename, so
//! that a kill leaves the old one or the new one. Must never: forget the first prior value of a
//! path while ours may stand there.

use super::disk::{Disk, Owner};
use super::settings::Form;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Version of the journal's form.
const VERSION: u32 = 1;
/// Ending of a file that is not in its place yet.
pub(super) const ASIDE: &str = ".corelane-aside";

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum State {
    /// Nothing.
    Absent,
    /// A file with this text.
    File {
        /// The text.
        text: String,
        /// Whose it is.
        owner: Owner,
    },
    /// A symbolic link.
    Link {
        /// Where to.
        to: PathBuf,
    },
    /// A value of the running kernel.
    Value(String),
}

impl State {
    /// The text, where there is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::File { text, .. } | Self::Value(text) => Some(text),
            Self::Absent | Self::Link { .. } => None,
        }
    }
}

/// One path that is or was about to be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Path beneath the root.
    pub path: String,
    /// What stood there before us.
    pub prior: State,
    /// What we write there.
    pub wanted: String,
    /// What an earlier apply wrote there, which may still stand.
    pub earlier: Option<String>,
    /// How a value is compared; `None` for a file.
    pub form: Option<Form>,
    /// A second path, and the value that undoes this one.
    pub twin: Option<(String, String)>,
}

impl Entry {
    /// Whether this is something we wrote.
    #[must_use]
    pub fn is_ours(&self, now: &State) -> bool {
        let texts = || [Some(&self.wanted), self.earlier.as_ref()].into_iter().flatten();
        match (now, self.form) {
            (State::File { text, .. }, None) => texts().any(|ours| ours == text),
            (State::Value(text), Some(form)) => texts().any(|ours| form.holds(text, ours)),
            _ => false,
        }
    }

    /// Whether this is what stood there before us.
    #[must_use]
    pub fn is_prior(&self, now: &State) -> bool {
        match (now, &self.prior, self.form) {
            (State::Value(now), State::Value(prior), Some(form)) => {
                form.canonical(now) == form.canonical(prior)
            }
            (now, prior, _) => now == prior,
        }
    }
}

/// The journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    version: u32,
    /// Folders we made, in the order of their making.
    pub folders: Vec<String>,
    /// The paths.
    pub entries: Vec<Entry>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { version: VERSION, folders: Vec::new(), entries: Vec::new() }
    }
}

impl Journal {
    /// Reads one; `None` where there is none.
    ///
    /// # Errors
    /// The system's, or that it is none or of another version.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let journal: Self = serde_json::from_str(&text)?;
        if journal.version == VERSION {
            return Ok(Some(journal));
        }
        let what = format!("version {}, this program reads {VERSION}", journal.version);
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }

    /// Replaces the one on the disk, durably.
    ///
    /// # Errors
    /// The system's; the old one stands then, or the new one whole.
    pub fn write(&self, path: &Path, disk: &mut dyn Disk) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let owner = Owner { mode: 0o600, uid: None, gid: None };
        replace(path, text.as_bytes(), owner, disk)
    }

    /// The entry of a path.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path)
    }
}

/// The name of a path's file while it is written.
pub(super) fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ASIDE);
    PathBuf::from(name)
}

/// Puts a whole file in place of what is there.
pub(super) fn replace(
    path: &Path,
    bytes: &[u8],
    owner: Owner,
    disk: &mut dyn Disk,
) -> io::Result<()> {
    let aside = aside(path);
    disk.put(&aside, bytes, owner)?;
    disk.rename(&aside, path)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new("/")))
}

/// What is at a path of a file.
///
/// # Errors
/// The system's; that it is neither a text file nor a link.
pub fn look(path: &Path) -> io::Result<State> {
    let meta = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Absent),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(State::Absent),
        other => other?,
    };
    if meta.is_symlink() {
        return Ok(State::Link { to: fs::read_link(path)? });
    }
    if !meta.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "neither a file nor a link"));
    }
    let text = fs::read_to_string(path)?;
    let owner = Owner { mode: meta.mode() & 0o7777, uid: Some(meta.uid()), gid: Some(meta.gid()) };
    Ok(State::File { text, owner })
}
