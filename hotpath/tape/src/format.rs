//! The `.clrec` byte map, and the two fixed heads in it. All integers are little-endian.
//!
//! ```text
//! file    = preamble  block*  end                    (append-only: nothing is ever rewritten)
//!
//! preamble  0  8  magic: "CLREC", format version (1), CR, LF
//!           8  4  header_len: bytes of JSON, at most 1 MiB
//!          12  4  crc32c of bytes 0..12 and of the JSON
//!          16  n  JSON object: see `Header`
//!
//! block     0  4  magic "BLK1"
//!           4  4  raw_len: bytes of frames, a multiple of 8, at most 4 MiB
//!           8  4  stored_len: bytes as stored
//!          12  4  crc32c of this head (these 4 bytes as zero) and of the stored bytes
//!          16  4  frame_count, at least 1
//!          20  1  compression: 0 none, 1 zstd
//!          21  3  zero
//!          24  8  first_record: number of the block's first frame in the file, from 0
//!          32  n  stored bytes: whole frames, one after the other
//!
//! end       0  4  magic "END1"
//!           4  4  summary_len: bytes of JSON, at most 64 KiB
//!           8  4  crc32c of this head (these 4 bytes as zero) and of the JSON
//!          12  4  zero
//!          16  n  JSON object: see `Summary`; nothing follows it
//! ```
//!
//! Time range, counts and digest stand in the end block because they are known only then: a file
//! that is only ever appended to keeps every block already written when its writer is killed.
//!
//! Must never: perform I/O. Runs on housekeeping threads; does not allocate.

use wire::frame::MAX_FRAME_BYTES;

/// First five bytes of every recording, whatever its format version.
pub const MAGIC: [u8; 5] = *b"CLREC";
/// Format version this build writes and reads.
pub const FORMAT_VERSION: u8 = 1;
/// Whole magic: name, version, and a line end that a text-mode copy would break.
pub const PREAMBLE_MAGIC: [u8; 8] = *b"CLREC\x01\r\n";
/// Bytes before the JSON header.
pub const PREAMBLE_BYTES: usize = 16;
/// Largest JSON header.
pub const MAX_HEADER_BYTES: usize = 1 << 20;
/// Bytes of a block's head.
pub const BLOCK_HEAD_BYTES: usize = 32;
/// Largest block, as frames.
pub const MAX_BLOCK_BYTES: usize = 4 << 20;
/// Bytes of frames after which a writer closes its block if not told otherwise.
pub const DEFAULT_BLOCK_BYTES: usize = 256 << 10;
/// Bytes of the end block before its JSON.
pub const END_HEAD_BYTES: usize = 16;
/// Largest JSON summary.
pub const MAX_SUMMARY_BYTES: usize = 64 << 10;
/// Block magic.
pub const BLOCK_MAGIC: [u8; 4] = *b"BLK1";
/// End magic.
pub const END_MAGIC: [u8; 4] = *b"END1";

const _: () = assert!(DEFAULT_BLOCK_BYTES + MAX_FRAME_BYTES <= MAX_BLOCK_BYTES);

/// Stored as it is.
pub const COMPRESSION_NONE: u8 = 0;
/// Stored as one zstd frame.
pub const COMPRESSION_ZSTD: u8 = 1;

/// The head of a block, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHead {
    /// Bytes of frames.
    pub raw_len: u32,
    /// Bytes as stored.
    pub stored_len: u32,
    /// CRC-32C of the head with a zero in this place, and of the stored bytes.
    pub crc32c: u32,
    /// Frames in the block.
    pub frame_count: u32,
    /// Compression code.
    pub compression: u8,
    /// Number of the block's first frame in the file.
    pub first_record: u64,
}

/// Why four bytes and what follows are no block.
pub type Bad = &'static str;

impl BlockHead {
    /// The head as bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; BLOCK_HEAD_BYTES] {
        let mut out = [0; BLOCK_HEAD_BYTES];
        out[0..4].copy_from_slice(&BLOCK_MAGIC);
        out[4..8].copy_from_slice(&self.raw_len.to_le_bytes());
        out[8..12].copy_from_slice(&self.stored_len.to_le_bytes());
        out[12..16].copy_from_slice(&self.crc32c.to_le_bytes());
        out[16..20].copy_from_slice(&self.frame_count.to_le_bytes());
        out[20] = self.compression;
        out[24..32].copy_from_slice(&self.first_record.to_le_bytes());
        out
    }

    /// Reads and bounds a head whose magic has been seen.
    ///
    /// # Errors
    /// What is out of bounds.
    pub fn parse(bytes: &[u8; BLOCK_HEAD_BYTES]) -> Result<Self, Bad> {
        let head = Self {
            raw_len: le32(bytes, 4),
            stored_len: le32(bytes, 8),
            crc32c: le32(bytes, 12),
            frame_count: le32(bytes, 16),
            compression: bytes[20],
            first_record: u64::from(le32(bytes, 24)) | u64::from(le32(bytes, 28)) << 32,
        };
        if bytes[0..4] != BLOCK_MAGIC {
            return Err("neither a block nor the end begins here");
        }
        if bytes[21..24] != [0; 3] {
            return Err("reserved bytes of the block are not zero");
        }
        let raw = head.raw_len as usize;
        if raw == 0 || !raw.is_multiple_of(8) || raw > MAX_BLOCK_BYTES {
            return Err("the block's raw length is out of bounds");
        }
        let stored_limit = match head.compression {
            COMPRESSION_NONE if head.stored_len != head.raw_len => {
                return Err("an uncompressed block's two lengths differ");
            }
            COMPRESSION_NONE => raw,
            COMPRESSION_ZSTD => raw + raw / 128 + 1024,
            _ => return Err("the block's compression is not known"),
        };
        if head.stored_len as usize > stored_limit {
            return Err("the block's stored length is out of bounds");
        }
        Ok(head)
    }

    /// The checksum this head and these stored bytes should carry.
    #[must_use]
    pub fn checksum(self, stored: &[u8]) -> u32 {
        let head = Self { crc32c: 0, ..self }.to_bytes();
        crc32c::crc32c_append(crc32c::crc32c(&head), stored)
    }
}

/// The head of the end block for a summary.
#[must_use]
pub fn end_head(summary: &[u8]) -> [u8; END_HEAD_BYTES] {
    let mut out = [0; END_HEAD_BYTES];
    out[0..4].copy_from_slice(&END_MAGIC);
    let len = u32::try_from(summary.len()).unwrap_or(u32::MAX);
    out[4..8].copy_from_slice(&len.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&out), summary);
    out[8..12].copy_from_slice(&crc.to_le_bytes());
    out
}

/// The bytes before the JSON header.
#[must_use]
pub fn preamble(header: &[u8]) -> [u8; PREAMBLE_BYTES] {
    let mut out = [0; PREAMBLE_BYTES];
    out[0..8].copy_from_slice(&PREAMBLE_MAGIC);
    let len = u32::try_from(header.len()).unwrap_or(u32::MAX);
    out[8..12].copy_from_slice(&len.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&out[0..12]), header);
    out[12..16].copy_from_slice(&crc.to_le_bytes());
    out
}

/// The little-endian `u32` at `at`; 0 beyond the end.
#[must_use]
pub fn le32(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}
