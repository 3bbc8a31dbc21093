//! Frames outside a process: on the tape, in the journal, in recordings.
//!
//! Owns: the [`mod@tape`] (a ring on tmpfs that outlives its writer), the [`journal`] (chained
//! segments on a disk, and the recovery of what a killed process left; format in `JOURNAL.md`), and
//! recordings: the `.clrec` format (byte map in [`mod@format`]), its writer and its readers. A
//! recording carries its provenance, its instrument table (the first frames) and a digest.
//!
//! Must never: trust a byte of a file it reads, allocate by a length a file claims before checking
//! it against a bound, hand out a frame that is not whole, or rewrite a byte it has written. Runs
//! on housekeeping threads; only the tape's writing end runs in the order loop, where it makes no
//! system call and allocates nothing. Unsafe code is in `sys` alone.
//!
//! ```
//! use corelane_tape::{Compression, Header, RecordingReader, RecordingWriter};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("day.clrec");
//! let frame = wire::station::Timer {
//!     header: wire::FrameHeader::new::<wire::station::Timer>(),
//!     ..bytemuck::Zeroable::zeroed()
//! };
//! let mut writer = RecordingWriter::create(&path, &Header::default(), Compression::Zstd(3))?;
//! writer.push(bytemuck::bytes_of(&frame))?;
//! writer.finish()?;
//!
//! let mut reader = RecordingReader::open(&path)?;
//! while let Some(frame) = reader.next_frame()? {
//!     wire::decode(frame)?;
//! }
//! # Ok(())
//! # }
//! ```

pub mod error;
pub mod format;
pub mod header;
pub mod journal;
pub mod reader;
pub mod recording;
mod sys;
pub mod tape;
pub mod writer;

pub use error::TapeError;
pub use header::{Header, SourceFile, Summary};
pub use reader::RecordingReader;
pub use recording::{Recording, read_all, read_all_limited, recover};
pub use writer::{Compression, RecordingWriter};
