//! The journal: what the tape held, in segments on the disk, chained.
//!
//! `record` makes and checks records, `storage` is the file system behind it (and the seam where
//! tests break it), `writer` appends, `recover` opens a journal a killed process left, `reader`
//! hands out its frames, `snapshot` keeps states beside them; `model` is a disk for tests. The format is in `JOURNAL.md` beside this crate's sources.
//!
//! Must never: trust a sync after one that failed, call something synced whose writes were not
//! whole, or change a byte at or below the synced watermark. Runs on housekeeping threads.

pub mod model;
pub mod reader;
pub mod record;
pub mod recover;
pub mod snapshot;
pub mod storage;
pub mod writer;

pub use reader::JournalReader;
pub use record::{Moment, SegmentHead};
pub use recover::{Outside, Recovered, recover};
pub use snapshot::{SnapshotHead, read_snapshot, snapshots, write_snapshot};
pub use storage::{Folder, Storage};
pub use writer::{JournalWriter, Options};

/// File name of a segment.
#[must_use]
pub fn segment_name(segment: u64) -> String {
    format!("{segment:06}.clj")
}

/// Whether a file is named like a segment.
#[must_use]
pub fn is_segment_name(name: &str) -> bool {
    let number = name.strip_suffix(".clj");
    number.is_some_and(|n| n.len() >= 6 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// File name of the segment that will follow.
pub const NEXT: &str = "next.clj";
