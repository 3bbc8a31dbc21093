//! The host as files beneath a root: the live one, or a captured tree of another.
//!
//! Owns: how a path is read and what it means that it could not be. Must never: follow a path out
//! of the root of a captured tree, read more than [`MOST_BYTES`] of a file, keep what `redact`
//! leaves out, or write. A captured tree says in the file `DENIED` which paths its host did not let
//! be read, one `PATH<tab>REASON` a line.

use crate::redact;
use crate::tree::{Node, Tree};
use std::cell::RefCell;
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
enum Source {
    /// The host this runs on.
    Live,
    /// A captured tree, unpacked.
    Folder(PathBuf),
    /// A captured tree, in memory.
    Tree(Tree),
}

/// What is asked of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    Bytes,
    Names,
    Link,
    There,
}

/// What a path answered.
#[derive(Clone, Debug)]
enum Answer {
    Bytes(Vec<u8>),
    Names(Vec<String>),
    Link(String),
    There(bool),
}

/// Every answer so far. The first one of a path stands, so that what was recorded agrees with
/// itself.
type Trace = BTreeMap<(Ask, String), Result<Answer, Missing>>;

/// The host's files.
#[derive(Clone, Debug)]
pub struct Host {
    source: Source,
    denied: BTreeMap<String, String>,
    /// What is no file of the host: answers of a driver or a system call, gathered beforehand.
    told: BTreeMap<String, String>,
    trace: Option<RefCell<Trace>>,
}

impl Host {
    fn of(source: Source, denied: &str) -> Self {
        let denied = denied
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(path, why)| (path.to_owned(), why.to_owned()))
            .collect();
        Self { source, denied, told: BTreeMap::new(), trace: None }
    }

    /// The host this runs on.
    #[must_use]
    pub fn live() -> Self {
        Self::of(Source::Live, "")
    }

    /// A captured tree in a folder.
    ///
    /// # Errors
    /// What the system says of the folder or of its list of denied paths.
    pub fn at(root: &Path) -> io::Result<Self> {
        fs::read_dir(root)?;
        let denied = match fs::read_to_string(root.join(DENIED)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        Ok(Self::of(Source::Folder(root.to_owned()), &denied))
    }

    /// A captured tree in memory.
    #[must_use]
    pub fn in_tree(tree: Tree) -> Self {
        let denied = match tree.get(DENIED) {
            Some(Node::File(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        Self::of(Source::Tree(tree), &denied)
    }

    /// Whether this is the host this runs on.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.source, Source::Live)
    }

    /// Adds what is no file of the host (a driver's answer) under a path of its own.
    pub fn tell(&mut self, path: &str, text: String) {
        self.told.insert(path.to_owned(), text);
    }

    /// Adds why such an answer could not be had.
    pub fn deny(&mut self, path: &str, why: &str) {
        self.denied.insert(path.to_owned(), why.to_owned());
    }

    /// The same host, which from now on remembers what it answers.
    #[must_use]
    pub fn recorded(self) -> Self {
        Self { trace: Some(RefCell::default()), ..self }
    }

    /// All that was asked since [`Host::recorded`], as a tree that answers the same.
    #[must_use]
    pub fn heard(&self) -> Tree {
        let (mut tree, mut denied) = (Tree::default(), BTreeMap::new());
        let trace = self.trace.as_ref().map(|trace| trace.borrow().clone()).unwrap_or_default();
        for ((_, path), answer) in trace {
            match answer {
                Ok(Answer::Bytes(bytes)) => tree.put(&path, Node::File(bytes)),
                Ok(Answer::Link(to)) => tree.put(&path, Node::Link(to)),
                Ok(Answer::Names(names)) => {
                    tree.put(&path, Node::Folder);
                    for name in names {
                        tree.put(&format!("{path}/{name}"), Node::Folder);
                    }
                }
                Ok(Answer::There(is_there)) if is_there => tree.put(&path, Node::Folder),
                Err(Missing::Denied(path, why)) => {
                    denied.insert(path, why);
                }
                Ok(Answer::There(_)) | Err(Missing::Absent(_) | Missing::Strange(..)) => {}
            }
        }
        if !denied.is_empty() {
            let line = |(path, why): (&String, &String)| format!("{path}\t{why}\n");
            let text: String = denied.iter().map(line).collect();
            tree.put(DENIED, Node::File(text.into_bytes()));
        }
        tree
    }

    /// The text at a path, without blanks at its ends.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn text(&self, path: &str) -> Result<String, Missing> {
        let text = String::from_utf8(self.bytes(path)?)
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

    /// The bytes at a path, as far as they are kept.
    ///
    /// # Errors
    /// Why they were not read.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, Missing> {
        match self.ask(Ask::Bytes, path)? {
            Answer::Bytes(bytes) => Ok(bytes),
            Answer::Names(_) | Answer::Link(_) | Answer::There(_) => {
                Err(Missing::Absent(path.to_owned()))
            }
        }
    }

    /// Every byte of a file, for who edits it: nothing is left out of it, and nothing of it is
    /// recorded. Of no use to a check, whose reading may be shown.
    ///
    /// # Errors
    /// Why it was not read; a file too long to be read whole.
    pub fn whole(&self, path: &str) -> Result<Vec<u8>, Missing> {
        match self.unredacted(Ask::Bytes, path)? {
            Answer::Bytes(bytes) if bytes.len() as u64 >= MOST_BYTES => {
                Err(Missing::Strange(path.to_owned(), format!("{MOST_BYTES} bytes or more")))
            }
            Answer::Bytes(bytes) => Ok(bytes),
            Answer::Names(_) | Answer::Link(_) | Answer::There(_) => {
                Err(Missing::Absent(path.to_owned()))
            }
        }
    }

    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Missing> {
        match self.ask(Ask::Names, path)? {
            Answer::Names(names) => Ok(names),
            Answer::Bytes(_) | Answer::Link(_) | Answer::There(_) => {
                Err(Missing::Absent(path.to_owned()))
            }
        }
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
        match self.ask(Ask::Link, path)? {
            Answer::Link(to) => Ok(to),
            Answer::Bytes(_) | Answer::Names(_) | Answer::There(_) => {
                Err(Missing::Absent(path.to_owned()))
            }
        }
    }

    /// Whether something is at a path.
    #[must_use]
    pub fn is_there(&self, path: &str) -> bool {
        matches!(self.ask(Ask::There, path), Ok(Answer::There(true)))
    }

    fn ask(&self, ask: Ask, path: &str) -> Result<Answer, Missing> {
        let Some(trace) = &self.trace else { return self.answer(ask, path) };
        let key = (ask, path.to_owned());
        if let Some(answer) = trace.borrow().get(&key) {
            return answer.clone();
        }
        let answer = self.answer(ask, path);
        trace.borrow_mut().insert(key, answer.clone());
        answer
    }

    fn answer(&self, ask: Ask, path: &str) -> Result<Answer, Missing> {
        match self.unredacted(ask, path)? {
            Answer::Bytes(bytes) => redact::kept(path, bytes).map(Answer::Bytes),
            other @ (Answer::Names(_) | Answer::Link(_) | Answer::There(_)) => Ok(other),
        }
    }

    fn unredacted(&self, ask: Ask, path: &str) -> Result<Answer, Missing> {
        if let Some(text) = self.told.get(path) {
            return match ask {
                Ask::Bytes => Ok(Answer::Bytes(text.clone().into_bytes())),
                Ask::There => Ok(Answer::There(true)),
                Ask::Names | Ask::Link => Err(Missing::Absent(path.to_owned())),
            };
        }
        let is_plain =
            Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain {
            return Err(Missing::Denied(path.to_owned(), "the path leaves the root".into()));
        }
        // Whether a path is there can be seen of one that may not be read.
        if let Some(why) = self.denied.get(path).filter(|_| ask != Ask::There) {
            return Err(Missing::Denied(path.to_owned(), why.clone()));
        }
        match &self.source {
            Source::Tree(tree) => in_memory(tree, ask, path),
            Source::Live => on_disk(&Path::new("/").join(path), ask, path),
            Source::Folder(root) => {
                stays(root, ask, path).and_then(|file| on_disk(&file, ask, path))
            }
        }
    }
}

/// The file of a path in a captured tree. It is of somebody else's making: a link in it may point
/// anywhere, so what it leads to must be in the tree.
fn stays(root: &Path, ask: Ask, path: &str) -> Result<PathBuf, Missing> {
    let file = root.join(path);
    // Of a link itself only its folder is gone to.
    let gone_to = match ask {
        Ask::Bytes | Ask::Names => Some(file.as_path()),
        Ask::Link | Ask::There => file.parent(),
    };
    if let Some(real) = gone_to.and_then(|file| file.canonicalize().ok()) {
        let root = root.canonicalize().map_err(|error| fault(path, &error))?;
        if !real.starts_with(root) {
            return Err(Missing::Denied(path.to_owned(), "a link leaves the root".into()));
        }
    }
    Ok(file)
}

fn on_disk(file: &Path, ask: Ask, path: &str) -> Result<Answer, Missing> {
    let answer = match ask {
        Ask::Bytes => {
            let mut bytes = Vec::new();
            File::open(file)
                .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes))
                .map(|_| Answer::Bytes(bytes))
        }
        Ask::Names => fs::read_dir(file).map(|entries| {
            let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            let mut names: Vec<String> = names.collect();
            names.sort();
            Answer::Names(names)
        }),
        Ask::Link => fs::read_link(file).map(|to| Answer::Link(to.to_string_lossy().into_owned())),
        Ask::There => Ok(Answer::There(fs::symlink_metadata(file).is_ok())),
    };
    answer.map_err(|error| fault(path, &error))
}

fn in_memory(tree: &Tree, ask: Ask, path: &str) -> Result<Answer, Missing> {
    let absent = || Missing::Absent(path.to_owned());
    match (ask, tree.get(path)) {
        (Ask::There, node) => Ok(Answer::There(node.is_some())),
        (Ask::Bytes, Some(Node::File(bytes))) => Ok(Answer::Bytes(bytes.clone())),
        (Ask::Link, Some(Node::Link(to))) => Ok(Answer::Link(to.clone())),
        (Ask::Names, Some(Node::Folder)) => Ok(Answer::Names(tree.names(path))),
        (Ask::Bytes | Ask::Names | Ask::Link, _) => Err(absent()),
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
        // The link itself is in the tree: sockets of a process are told apart by where they point.
        assert!(host.link("out").is_ok_and(|to| to.ends_with("secret")));
    }

    #[test]
    fn what_was_heard_answers_the_same() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("proc/1/fd")).expect("a folder");
        fs::write(dir.path().join("proc/a"), "7\n").expect("a file");
        fs::write(dir.path().join("proc/unread"), "secret").expect("a file");
        std::os::unix::fs::symlink("socket:[7]", dir.path().join("proc/1/fd/3")).expect("a link");
        fs::write(dir.path().join(DENIED), "proc/d\tOperation not permitted\n").expect("a file");
        let mut host = Host::at(dir.path()).expect("a tree");
        host.tell("told/x", "8".into());
        let host = host.recorded();
        let asked = |host: &Host| {
            (
                (
                    host.text("proc/a"),
                    host.text("proc/b"),
                    host.text("proc/d"),
                    host.text("told/x"),
                ),
                (host.names("proc"), host.link("proc/1/fd/3"), host.names("proc/none")),
                (host.is_there("proc/unread"), host.is_there("proc/none")),
            )
        };
        let said = asked(&host);
        // What changes meanwhile does not change what was heard.
        fs::write(dir.path().join("proc/a"), "9").expect("a file");
        assert_eq!(asked(&host), said);
        let tree = host.heard();
        assert_eq!(asked(&Host::in_tree(tree.clone())), said);
        assert!(!matches!(tree.get("proc/unread"), Some(Node::File(_))), "it was never read");
    }
}
