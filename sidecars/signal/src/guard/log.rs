//! The guard's records on disk: one line of JSON each, appended, never rewritten.
//!
//! The file is opened before the sandbox closes and nothing else is opened after. The lines of one
//! event are one write and one `fdatasync`: decisions are rare, and none of these threads answers a
//! request. A line that cannot be written is counted and told once; the guard decides on. Must never:
//! be written by the serving thread.

use super::Record;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// An open record file.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    failed: u64,
}

impl Log {
    /// Opens the file, and makes it where there is none; only its owner reads it.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        Ok(Self { path: path.to_owned(), file, failed: 0 })
    }

    /// The same over a file that is open already, named `path` in what it says.
    #[must_use]
    pub fn over(file: File, path: PathBuf) -> Self {
        Self { path, file, failed: 0 }
    }

    /// Records that could not be written.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Appends the records of one event.
    pub(super) fn append(&mut self, records: &[Record]) {
        let mut text = String::new();
        for record in records {
            text.push_str(&record.line());
            text.push('\n');
        }
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            if self.failed == 0 {
                eprintln!(
                    "corelane-signal: RESOURCE: the memory guard's records cannot be written: \
                     path={} error=\"{error}\"; next: make room; it decides on and counts them",
                    self.path.display()
                );
            }
            self.failed += u64::try_from(records.len()).unwrap_or(u64::MAX);
        }
    }
}
