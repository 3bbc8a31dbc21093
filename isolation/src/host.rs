//! The host as files beneath a root: the live one, or a captured tree of another.
//!
//! Owns: how a path is read and what it means that it could not be. Must never: follow a path out of
//! the root of a captured tree, read more than [`MOST_BYTES`] of a file, or write. A captured tree
//! says in the file `DENIED` which paths its host did not let be read, one `PATH<tab>REASON` a line.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

/// Bytes of a file that are read; what the kernel shows of a setting is far shorter.
pub const MOST_BYTES: u64 = 1 << 20;
/// What the kernel says of a process that is no more (`ESRCH`).
const NO_SUCH_PROCESS: i32 = 3;
/// The list of paths that a captured tree's host did not let be read.
pub const DENIED: &str = "DENIED";

/// Why something was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is not there.
    Absent(String),
    /// It is there and may not be read, or reading failed: path and reason.
    Denied(String, String),
    /// It was read and is not what the kernel writes there: path and what was found.
    Strange(String, String),
}

impl Missing {
    /// Whether there is no such path.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(path) => write!(f, "{path} is not there"),
            Self::Denied(path, why) => write!(f, "{path} could not be read: {why}"),
            Self::Strange(path, found) => write!(f, "{path} holds {found:?}"),
        }
    }
}

/// Where the host's files are.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
    is_live: bool,
    denied: BTreeMap<String, String>,
    /// What is no file of the host: answers of a driver, gathered by the caller.
    told: BTreeMap<String, String>,
}

impl Host {
    /// The host this runs on.
    #[must_use]
    pub fn live() -> Self {
        let root = PathBuf::from("/");
        Self { root, is_live: true, denied: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// A captured tree.
    ///
    /// # Errors
    /// What the system says of the folder or of its list of denied paths.
    pub fn at(root: &Path) -> io::Result<Self> {
        fs::read_dir(root)?;
        let list = match fs::read_to_string(root.join(DENIED)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        let denied = list
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(path, why)| (path.to_owned(), why.to_owned()))
            .collect();
        Ok(Self { root: root.to_owned(), is_live: false, denied, told: BTreeMap::new() })
    }

    /// Whether this is the host this runs on.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Adds what is no file of the host (a driver's answer) under a path of its own.
    pub fn tell(&mut self, path: &str, text: String) {
        self.told.insert(path.to_owned(), text);
    }

    /// The text at a path, without blanks at its ends.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn text(&self, path: &str) -> Result<String, Missing> {
        let bytes = self.bytes(path)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Missing::Strange(path.to_owned(), "bytes that are no text".into()))?;
        Ok(text.trim().to_owned())
    }

    /// The same where the path is there.
    ///
    /// # Errors
    /// Why it was not read, other than that it is not there.
    pub fn optional(&self, path: &str) -> Result<Option<String>, Missing> {
        match self.text(path) {
            Err(Missing::Absent(_)) => Ok(None),
            other => other.map(Some),
        }
    }

    /// A whole number at a path.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn number(&self, path: &str) -> Result<i64, Missing> {
        let text = self.text(path)?;
        text.parse().map_err(|_| Missing::Strange(path.to_owned(), text))
    }

    /// The bytes at a path.
    ///
    /// # Errors
    /// Why they were not read.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, Missing> {
        if let Some(text) = self.told.get(path) {
            return Ok(text.clone().into_bytes());
        }
        let file = self.beneath(path)?;
        let mut bytes = Vec::new();
        File::open(file)
            .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes))
            .map_err(|error| fault(path, &error))?;
        Ok(bytes)
    }

    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Missing> {
        let entries = fs::read_dir(self.beneath(path)?).map_err(|error| fault(path, &error))?;
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// The same where the folder is there.
    ///
    /// # Errors
    /// Why it was not read, other than that it is not there.
    pub fn names_if_there(&self, path: &str) -> Result<Option<Vec<String>>, Missing> {
        match self.names(path) {
            Err(Missing::Absent(_)) => Ok(None),
            other => other.map(Some),
        }
    }

    /// What a link points to.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn link(&self, path: &str) -> Result<String, Missing> {
        let to = fs::read_link(self.beneath(path)?).map_err(|error| fault(path, &error))?;
        Ok(to.to_string_lossy().into_owned())
    }

    /// Whether something is at a path.
    #[must_use]
    pub fn is_there(&self, path: &str) -> bool {
        self.told.contains_key(path)
            || self.beneath(path).is_ok_and(|file| fs::symlink_metadata(file).is_ok())
    }

    fn beneath(&self, path: &str) -> Result<PathBuf, Missing> {
        if let Some(why) = self.denied.get(path) {
            return Err(Missing::Denied(path.to_owned(), why.clone()));
        }
        let relative = Path::new(path);
        let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain {
            return Err(Missing::Denied(path.to_owned(), "the path leaves the root".into()));
        }
        let file = self.root.join(relative);
        // A captured tree is files of somebody else's making: a link in it may point anywhere.
        if !self.is_live
            && let Ok(real) = file.canonicalize()
        {
            let root = self.root.canonicalize().map_err(|error| fault(path, &error))?;
            if !real.starts_with(root) {
                return Err(Missing::Denied(path.to_owned(), "a link leaves the root".into()));
            }
        }
        Ok(file)
    }
}

fn fault(path: &str, error: &io::Error) -> Missing {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    // A process that ended between opening its file and reading it.
    let is_gone = error.raw_os_error() == Some(NO_SUCH_PROCESS);
    if is_gone || matches!(error.kind(), NotFound | NotADirectory | IsADirectory) {
        return Missing::Absent(path.to_owned());
    }
    Missing::Denied(path.to_owned(), error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_gives_text_names_and_reasons() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("proc")).expect("a folder");
        fs::write(dir.path().join("proc/a"), " 7\n").expect("a file");
        fs::write(dir.path().join("proc/b"), "x").expect("a file");
        fs::write(dir.path().join("proc/c"), [0xff]).expect("a file");
        fs::write(dir.path().join(DENIED), "proc/d\tOperation not permitted\n").expect("a file");
        let host = Host::at(dir.path()).expect("a tree");
        assert_eq!(host.number("proc/a"), Ok(7));
        assert_eq!(host.number("proc/b"), Err(Missing::Strange("proc/b".into(), "x".into())));
        assert!(matches!(host.text("proc/c"), Err(Missing::Strange(..))));
        assert!(matches!(host.text("proc/d"), Err(Missing::Denied(..))));
        assert_eq!(host.text("proc/e"), Err(Missing::Absent("proc/e".into())));
        assert_eq!(host.optional("proc/e"), Ok(None));
        assert_eq!(host.names("proc"), Ok(vec!["a".into(), "b".into(), "c".into()]));
        assert!(Host::at(&dir.path().join("none")).is_err());
    }

    #[test]
    fn no_path_and_no_link_leaves_a_tree() {
        let (dir, other) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        fs::write(other.path().join("secret"), "1").expect("a file");
        let link = dir.path().join("out");
        std::os::unix::fs::symlink(other.path().join("secret"), link).expect("a link");
        let host = Host::at(dir.path()).expect("a tree");
        for path in ["../x", "/etc/passwd", "out", "a/../b"] {
            assert!(matches!(host.text(path), Err(Missing::Denied(..))), "{path}");
        }
    }
}
