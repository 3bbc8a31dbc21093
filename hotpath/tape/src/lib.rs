//! Recordings: files of whole wire frames, in the order they were taken in or put out.
//!
//! Owns: the `.clrec` format (byte map in [`mod@format`]), its writer and its readers. A recording
//! carries its provenance, its instrument table (the first frames) and a digest of all frames.
//!
//! Must never: trust a byte of a file it reads, allocate by a length a file claims before checking
//! it against a bound, hand out a frame that is not whole, or rewrite a byte it has written. Runs
//! on housekeeping threads only; it allocates and makes system calls.
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
pub mod reader;
pub mod recording;
pub mod writer;

pub use error::TapeError;
pub use header::{Header, SourceFile, Summary};
pub use reader::RecordingReader;
pub use recording::{Recording, read_all, read_all_limited, recover};
pub use writer::{Compression, RecordingWriter};
