//! What an audit can find, and where: the kinds with their stable names.
//!
//! Must never: change a name that is out; scripts read them.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

macro_rules! kinds {
    ($( #[doc = $doc:literal] $variant:ident = $name:literal, )*) => {
        /// How a journal or a checkpoint log is not what was written.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind { $( #[doc = $doc] $variant, )* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Kind] = &[ $( Kind::$variant, )* ];

            /// The stable name, lower case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Kind::$variant => $name, )* }
            }
        }
    };
}

kinds! {
    /// Bytes of a record or a segment head are others than were written.
    Edit = "edit",
    /// Records or segments that were there are missing, and what follows them is there.
    Delete = "delete",
    /// Records or bytes that were never written stand between others.
    Insert = "insert",
    /// Records stand in another order.
    Swap = "swap",
    /// A record or a segment is there twice.
    Duplicate = "duplicate",
    /// A record or a segment of another journal, or of another segment.
    Splice = "splice",
    /// The chain starts from something else than the instance's genesis, or starts again.
    ResetGenesis = "reset-genesis",
    /// Whole and chained, but not what the notary signed: written anew from some record on.
    Rewrite = "rewrite",
    /// The end is missing: the run's own checkpoint log vouches for more.
    Truncation = "truncation",
    /// An older copy: journal and checkpoint log of the run both end before an anchor's checkpoint.
    Rollback = "rollback",
    /// The notary signed two different heads of one size, or there are two of one segment.
    Fork = "fork",
    /// A checkpoint is by another key than the one given, or than the one before.
    KeyChange = "key-change",
    /// Journal or checkpoints belong to another instance.
    WrongInstance = "wrong-instance",
    /// A checkpoint is not as its key signed it.
    ForgedCheckpoint = "forged-checkpoint",
    /// Checkpoints are missing from a log.
    MissingCheckpoint = "missing-checkpoint",
    /// A checkpoint stands in a log again.
    ReplayedCheckpoint = "replayed-checkpoint",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// First and last sequence that the first bad record can have; equal where it is known.
    /// `None` where a checkpoint log and not the journal is bad.
    pub seqs: Option<(u64, u64)>,
    /// The file.
    pub file: PathBuf,
    /// The place in it, bytes from its start.
    pub byte: u64,
    /// What was seen, in words.
    pub what: String,
}

impl Finding {
    /// A finding whose first bad record is one of `first..=last`.
    pub(crate) fn new(
        kind: Kind,
        (first, last): (u64, u64),
        file: &Path,
        byte: u64,
        what: impl Into<String>,
    ) -> Self {
        let seqs = Some((first, last.max(first)));
        Self { kind, seqs, file: file.to_owned(), byte, what: what.into() }
    }

    /// A finding about a checkpoint log.
    pub(crate) fn log(kind: Kind, file: &Path, byte: u64, what: impl Into<String>) -> Self {
        Self { kind, seqs: None, file: file.to_owned(), byte, what: what.into() }
    }
}

/// A file that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to {op} `{}`", .path.display())]
pub(crate) struct Unreadable {
    /// What was tried.
    pub(crate) op: &'static str,
    /// The file or folder.
    pub(crate) path: PathBuf,
    /// The system's word.
    pub(crate) source: std::io::Error,
}

impl Unreadable {
    /// Ties an error to its file.
    pub(crate) fn at(op: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self { op, path: path.to_owned(), source }
    }
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
