//! The last limits epoch a station took, kept over its sessions.
//!
//! Owns `limits.epoch` in the state folder: epoch and SHA-256 on one line. Must never: go back, or
//! take a file that differs under an epoch already taken. Runs at start and on an operator's word.

use super::{LimitsFile, guarded, refusal};
use crate::operator::Failure;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// Name of the file in the state folder.
const NAME: &str = "limits.epoch";
/// Longest state file, bytes.
const FILE_MAX: u64 = 1_024;

/// The file that keeps the last epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochState {
    folder: PathBuf,
}

impl EpochState {
    /// The state in a folder, which `take` makes where it is not there.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// The last epoch taken and the hash of its file; `None` before the first.
    ///
    /// # Errors
    /// `RESOURCE` where the file is there and cannot be read, `CONFIGURATION` where it is damaged or
    /// others may write it.
    pub fn last(&self) -> Result<Option<(u64, String)>, Failure> {
        let path = self.path();
        let there = path.try_exists().map_err(|error| guarded::unreadable(&path, &error))?;
        if !there {
            return Ok(None);
        }
        let bytes = guarded::read(&path, FILE_MAX)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let parsed = text.trim_end().split_once(' ').and_then(|(epoch, sha256)| {
            let whole = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
            Some((epoch.parse().ok()?, sha256.to_owned())).filter(|_| whole)
        });
        let allowed = "an epoch and a SHA-256; restore it from the newest run's config.json";
        parsed.map(Some).ok_or_else(|| refusal(&path, "(state)", "something else", allowed))
    }

    /// Whether a file may follow the last one: a higher epoch, or the same file again.
    ///
    /// # Errors
    /// A [`Failure`]: stale epoch, or another file under the same epoch.
    pub fn check(&self, file: &LimitsFile) -> Result<(), Failure> {
        let Some((last, sha256)) = self.last()? else { return Ok(()) };
        let found = file.epoch.to_string();
        if file.epoch < last {
            let allowed = format!("{last} or above: a stale epoch");
            return Err(refusal(&file.path, "epoch", &found, &allowed));
        }
        if file.epoch == last && file.sha256_text() != sha256 {
            let found = format!("{found} again, with another file");
            let allowed = format!("above {last}: a stale epoch, taken with sha256 {sha256}");
            return Err(refusal(&file.path, "epoch", &found, &allowed));
        }
        Ok(())
    }

    /// Keeps a file's epoch as the last one. On disk when it returns.
    ///
    /// # Errors
    /// `JOURNAL` where it cannot be written.
    pub fn take(&self, file: &LimitsFile) -> Result<(), Failure> {
        let path = self.path();
        let fresh = self.folder.join(format!("{NAME}.new"));
        let write = || {
            std::fs::create_dir_all(&self.folder)?;
            let mut out = File::create(&fresh)?;
            writeln!(out, "{} {}", file.epoch, file.sha256_text())?;
            out.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| {
            let fields = format!("path={} error=\"{error}\"", path.display());
            let next = "make the folder of session.state_dir writable";
            Failure::new(Exit::Journal, "limits epoch cannot be kept", fields, next)
        })
    }
}
