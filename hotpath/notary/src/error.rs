//! What ends the notary or holds it up, with the operator's line and the exit code.
//!
//! Must never: hold a byte of the private key.

use std::io;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// Why the notary does not sign.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotaryError {
    /// No key was named.
    #[error("no key")]
    NoKey,
    /// A key file that must not be used.
    #[error(
        "key is not acceptable: file={} found=({found}) allowed=({allowed})",
        .path.display()
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What it must be.
        allowed: &'static str,
    },
    /// A file cannot be read.
    #[error("failed to {op}: path={}", .path.display())]
    Read {
        /// What was tried.
        op: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A log cannot be written.
    #[error("checkpoint not written: path={}", .path.display())]
    Write {
        /// The log.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// There is nothing to sign.
    #[error("no journal found: folder={}", .folder.display())]
    NoJournal {
        /// Where one should be.
        folder: PathBuf,
    },
    /// Another notary has the log.
    #[error("checkpoint log is in use: path={}", .path.display())]
    InUse {
        /// The log.
        path: PathBuf,
    },
    /// What lies on the disk is not what was signed, or not what a journal is.
    #[error("{what}: file={} {fields}", .path.display())]
    Contradiction {
        /// What contradicts what.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// `key=value` pairs.
        fields: String,
    },
    /// An anchor that takes no checkpoints.
    #[error("anchor does not have every checkpoint: path={}", .path.display())]
    Behind {
        /// The anchor.
        path: PathBuf,
    },
    /// The kernel refused a call.
    #[error("system call failed: call={call}")]
    System {
        /// Which.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl NotaryError {
    /// Ties a read error to its file.
    pub(crate) fn read(op: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Read { op, path: path.to_owned(), source }
    }

    /// Ties a write error to its log.
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    /// A contradiction at a file.
    pub(crate) fn contradiction(what: &'static str, path: &Path, fields: String) -> Self {
        Self::Contradiction { what, path: path.to_owned(), fields }
    }

    /// The process's exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::NoKey => Exit::Arguments,
            Self::Key { .. } => Exit::Configuration,
            Self::Read { .. } | Self::NoJournal { .. } | Self::InUse { .. } => Exit::Resource,
            Self::Write { .. } | Self::Behind { .. } => Exit::Journal,
            Self::Contradiction { .. } => Exit::CheckFailed,
            Self::System { .. } => Exit::Host,
        }
    }

    /// What to do.
    fn next(&self) -> &'static str {
        match self {
            Self::NoKey => "name one with --key, or give systemd LoadCredential=notary-key:FILE",
            Self::Key { .. } => "make a pair with `corelane limits keygen`",
            Self::Read { .. } => "check the path and its permissions",
            Self::Write { .. } => "check the mount and its free space; missed ones follow later",
            Self::NoJournal { .. } => "name the folder of a run that keeps a journal",
            Self::InUse { .. } => "let one notary alone sign a journal",
            Self::Contradiction { .. } => {
                "keep everything as it is and run `corelane audit` on the run's folder"
            }
            Self::Behind { .. } => "mend it; a notary started again on the run makes up for it",
            Self::System { .. } => "check the sandbox",
        }
    }

    /// The line for the operator.
    pub(crate) fn operator_line(&self) -> String {
        let cause = std::error::Error::source(self);
        let cause = cause.map_or_else(String::new, |cause| format!(" error=\"{cause}\""));
        format!("{}: {self}{cause}; next: {}", self.exit().name(), self.next())
    }
}
