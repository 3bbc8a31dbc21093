//! The journal of prior values: what stood at each path before we wrote there.
//!
//! It is on the disk, whole, before the first of its paths changes; it is replaced by a rename, so
//! that a kill leaves the old one or the new one. Must never: forget the first prior value of a
//! path while ours may stand there.

use super::disk::{Disk, Owner};
use super::edit::Edit;
use super::settings::Form;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Version of the journal's form.
const VERSION: u32 = 2;
/// Ending of a file that is not in its place yet.
pub(super) const ASIDE: &str = ".corelane-aside";

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum State {
    /// Nothing.
    Absent,
    /// A file with these bytes.
    File {
        /// The bytes.
        #[serde(with = "readable")]
        bytes: Vec<u8>,
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
    /// The bytes, where there are any.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::File { bytes, .. } => Some(bytes),
            Self::Value(text) => Some(text.as_bytes()),
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
    /// What of the file is ours; `None` where all of it is.
    pub edit: Option<Edit>,
}

impl Entry {
    /// Whether this is something we wrote. A value that is merely as good was not.
    #[must_use]
    pub fn is_ours(&self, now: &State) -> bool {
        let mut texts = [Some(&self.wanted), self.earlier.as_ref()].into_iter().flatten();
        match (now, self.form) {
            (State::File { bytes, .. }, None) => texts.any(|ours| ours.as_bytes() == bytes),
            (State::Value(text), Some(form)) => {
                texts.any(|ours| form.canonical(text) == form.canonical(ours))
            }
            _ => false,
        }
    }

    /// Whether this is what stood there before us. We change nobody's rights, so they do not count.
    #[must_use]
    pub fn is_prior(&self, now: &State) -> bool {
        match (now, &self.prior, self.form) {
            (State::Value(now), State::Value(prior), Some(form)) => {
                form.canonical(now) == form.canonical(prior)
            }
            (State::File { bytes: now, .. }, State::File { bytes: prior, .. }, _) => now == prior,
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
    /// The system's; `InvalidData` where it is none, `Unsupported` where it is of another version.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let damaged = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let Head { version } = serde_json::from_slice(&text).map_err(damaged)?;
        if version != VERSION {
            let what = format!("version {version}, this program reads {VERSION}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        serde_json::from_slice(&text).map(Some).map_err(damaged)
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

/// Bytes as text where they are one, so that a journal can be read by who must take back by hand.
mod readable {
    use serde::de::Deserializer;
    use serde::ser::Serializer;
    use serde::{Deserialize as _, Serialize as _};

    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.serialize(to),
            Err(_) => bytes.serialize(to),
        }
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
        Either::deserialize(from).map(|either| match either {
            Either::Text(text) => text.into_bytes(),
            Either::Bytes(bytes) => bytes,
        })
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
/// The system's; that it is neither a file nor a link.
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
    let bytes = fs::read(path)?;
    let owner = Owner { mode: meta.mode() & 0o7777, uid: Some(meta.uid()), gid: Some(meta.gid()) };
    Ok(State::File { bytes, owner })
}
