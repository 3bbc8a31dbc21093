//! Everything that can be wrong with a recording, each with the file, the byte and the next step.
//!
//! Must never: print or exit; the caller does. Runs on housekeeping threads; may allocate.

use std::path::PathBuf;
use wire::DecodeError;
use wire::exit::Exit;

/// Why a recording could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The operating system refused.
    #[error("failed to {op} `{path}`; next: check that the path exists, is readable and has room")]
    Io {
        /// What was tried: `create`, `open`, `read`, `write`, `sync`.
        op: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The first bytes are not those of a recording.
    #[error(
        "`{path}` is no recording: its first 8 bytes are not the .clrec magic; next: make one \
         with `corelane import`, or check the path"
    )]
    NotARecording {
        /// The file.
        path: PathBuf,
    },
    /// Another version of the file format.
    #[error(
        "`{path}` has recording format {found} at byte 5, this build reads {expected}; next: \
         import the source files again with this build"
    )]
    FormatVersion {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u8,
        /// Version of this build.
        expected: u8,
    },
    /// Frames of another wire version.
    #[error(
        "`{path}` holds frames of wire version {found} (header at byte 16), this build speaks \
         {expected}; next: import the source files again with this build"
    )]
    WireVersion {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u8,
        /// Version of this build.
        expected: u8,
    },
    /// The same wire version, but one layout differs.
    #[error(
        "`{path}` holds frames whose layout of `{name}` differs from this build's (header at \
         byte 16); next: import the source files again with this build"
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// The wire struct that differs.
        name: String,
    },
    /// The file ends before its END block: its writer was killed, or the copy was cut.
    #[error(
        "`{path}` is truncated at byte {offset} after {frames} whole frames; next: use what was \
         read (every frame before is good), or copy or import the file again"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where the first incomplete part begins.
        offset: u64,
        /// Frames that were read before it.
        frames: u64,
    },
    /// Bytes that cannot be right.
    #[error(
        "`{path}` is corrupt at byte {offset} after {frames} whole frames: {what}; next: copy or \
         import the file again"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damaged part begins.
        offset: u64,
        /// Frames that were read before it.
        frames: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A frame in the file, or handed to the writer, is no frame.
    #[error("record {record} of `{path}` is no frame: {why}; next: report it with the file")]
    BadFrame {
        /// The file.
        path: PathBuf,
        /// Number of the frame in the file, from 0.
        record: u64,
        /// What is wrong with it.
        why: DecodeError,
    },
    /// The instrument table at the start is not rows 0, 1, 2 and so on.
    #[error(
        "record {record} of `{path}` is instrument row {found}, row {expected} was due; next: \
         import the source files again"
    )]
    BadTable {
        /// The file.
        path: PathBuf,
        /// Number of the frame in the file, from 0.
        record: u64,
        /// Row found.
        found: u32,
        /// Row due.
        expected: u64,
    },
    /// More frames than the caller wants in memory.
    #[error(
        "`{path}` holds more than {limit} bytes of frames; next: read it as a stream, or cut it \
         with `corelane import --from --to`"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The caller's limit, bytes.
        limit: u64,
    },
    /// The header handed to the writer does not fit the format.
    #[error(
        "the header for `{path}` takes {len} bytes, the format allows {limit}; next: shorten it"
    )]
    HeaderTooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes of JSON.
        len: usize,
        /// The format's limit.
        limit: usize,
    },
    /// A file for a tape is there already.
    #[error("`{path}` is there already; next: stop the station that uses it, or remove the file")]
    TapeExists {
        /// The file.
        path: PathBuf,
    },
    /// A tape would lie on a disk.
    #[error(
        "`{path}` is not on tmpfs: storing to a mapped file on a disk stops the order loop for \
         milliseconds; next: name a folder on tmpfs, such as /dev/shm, in tape.dir"
    )]
    NotInMemory {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the file.
    #[error("`{path}` is in use by another process; next: stop that one first")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A path that does not fit a tape's head.
    #[error("`{path}` is longer than {limit} bytes; next: use a shorter path for the run folder")]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Most bytes.
        limit: usize,
    },
    /// A file in the tape's folder that is no tape.
    #[error("`{path}` is no tape: {what}; next: move the file away")]
    BadTape {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// A folder without a segment.
    #[error(
        "`{path}` holds no journal; next: name the folder of a run, as `corelane run` prints it"
    )]
    NotAJournal {
        /// The folder.
        path: PathBuf,
    },
    /// A journal of a build with other layouts.
    #[error(
        "journal `{path}` holds frames of a build with other layouts; next: read it with the build \
         that wrote it"
    )]
    JournalLayouts {
        /// The folder.
        path: PathBuf,
    },
    /// A journal that cannot be trusted: damage below its synced watermark.
    #[error(
        "journal `{path}` is damaged at record {seq} ({file} byte {offset}): {what}; records up to \
         {watermark} were on the disk once; next: restore the folder from a backup, and find out \
         what wrote there (`corelane audit`)"
    )]
    JournalDamaged {
        /// Folder of the journal.
        path: PathBuf,
        /// First record that is not whole.
        seq: u64,
        /// Segment file.
        file: String,
        /// Byte in it.
        offset: u64,
        /// What is wrong.
        what: &'static str,
        /// Highest sequence something vouches for.
        watermark: u64,
    },
    /// The journal's writer failed; what its tape holds is kept.
    #[error(
        "journal `{path}` cannot be written: {op} failed at record {seq}; next: free room or \
         replace the disk and start again: what is on the tape is written then"
    )]
    JournalFailed {
        /// Folder of the journal.
        path: PathBuf,
        /// What was tried.
        op: &'static str,
        /// First record that is not safe.
        seq: u64,
        /// The system's word.
        source: std::io::Error,
    },
    /// The reader or writer has failed before and cannot go on.
    #[error("`{path}` failed earlier and cannot be used further; next: see the first error")]
    Failed {
        /// The file.
        path: PathBuf,
    },
}

impl TapeError {
    /// The process exit that fits the error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::FormatVersion { .. }
            | Self::WireVersion { .. }
            | Self::Layout { .. }
            | Self::JournalLayouts { .. } => Exit::WireVersion,
            Self::Io { op: "create" | "write" | "sync" | "allocate", .. }
            | Self::HeaderTooLarge { .. }
            | Self::JournalFailed { .. } => Exit::Journal,
            Self::Io { .. }
            | Self::NotARecording { .. }
            | Self::Truncated { .. }
            | Self::Corrupt { .. }
            | Self::BadFrame { .. }
            | Self::BadTable { .. }
            | Self::TooLarge { .. }
            | Self::TapeExists { .. }
            | Self::NotInMemory { .. }
            | Self::Busy { .. }
            | Self::PathTooLong { .. }
            | Self::BadTape { .. }
            | Self::NotAJournal { .. }
            | Self::JournalDamaged { .. }
            | Self::Failed { .. } => Exit::Resource,
        }
    }

    /// Whether the file merely ends too early, so that all that was read before is good.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        matches!(self, Self::Truncated { .. })
    }
}
