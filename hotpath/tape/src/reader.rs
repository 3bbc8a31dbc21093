//! Reads recordings as a stream, one block in memory at a time.
//!
//! Must never: trust the file, or hand out a frame of a block whose checksum is wrong. Runs on
//! housekeeping threads; allocates at most one block and its stored form, whatever the file says.

use crate::error::TapeError;
use crate::format::{
    self, BLOCK_HEAD_BYTES, BLOCK_MAGIC, BlockHead, COMPRESSION_NONE, END_HEAD_BYTES, END_MAGIC,
    FORMAT_VERSION, MAGIC, MAX_HEADER_BYTES, MAX_SUMMARY_BYTES, PREAMBLE_BYTES, PREAMBLE_MAGIC,
    le32,
};
use crate::header::{Header, Summary, hex};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use wire::FrameKind;
use wire::frame::{self, WIRE_VERSION};

/// What may go wrong while reading, before the file and place are put to it.
enum Fault {
    Io(std::io::Error),
    /// The bytes end here.
    Cut,
    Bad(&'static str),
    /// Frame number within the block.
    Frame(u64, wire::DecodeError),
}

/// A recording being read.
pub struct RecordingReader<R = BufReader<File>> {
    path: PathBuf,
    input: R,
    /// Bytes of the file consumed up to the start of the part being read.
    offset: u64,
    header: Header,
    /// Kinds of frames whose layout in the file is not this build's.
    changed: Vec<FrameKind>,
    /// Frames of the current block, as words so that each frame is aligned to 8 bytes.
    block: Vec<u64>,
    block_words: usize,
    next_word: usize,
    stored: Vec<u8>,
    frames: u64,
    raw_bytes: u64,
    digest: Sha256,
    summary: Option<Summary>,
    failed: bool,
}

impl<R> std::fmt::Debug for RecordingReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordingReader")
            .field("path", &self.path)
            .field("offset", &self.offset)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl RecordingReader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`TapeError::Io`], or what is wrong with the header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TapeError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| TapeError::Io {
            op: "open",
            path: path.to_path_buf(),
            source,
        })?;
        Self::new(BufReader::new(file), path)
    }
}

impl<R: Read> RecordingReader<R> {
    /// Reads the header from any byte source; `path` is what errors call it.
    ///
    /// # Errors
    /// [`TapeError::Io`], or what is wrong with the header.
    pub fn new(mut input: R, path: impl AsRef<Path>) -> Result<Self, TapeError> {
        let path = path.as_ref().to_path_buf();
        let (header, offset) = read_header(&mut input, &path)?;
        let changed = changed_kinds(&header, &path)?;
        Ok(Self {
            changed,
            path,
            input,
            offset,
            header,
            block: Vec::new(),
            block_words: 0,
            next_word: 0,
            stored: Vec::new(),
            frames: 0,
            raw_bytes: 0,
            digest: Sha256::new(),
            summary: None,
            failed: false,
        })
    }

    /// What the recording says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The totals; there only once the end has been read and found right.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// Frames handed out so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The next frame, aligned to 8 bytes, its header checked; `None` after the end block.
    ///
    /// # Errors
    /// [`TapeError::Truncated`] or [`TapeError::Corrupt`] after the last good block's frames;
    /// [`TapeError::BadFrame`], [`TapeError::Layout`], [`TapeError::Io`]; [`TapeError::Failed`] on any
    /// call after one.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, TapeError> {
        if self.failed {
            return Err(TapeError::Failed { path: self.path.clone() });
        }
        if self.next_word == self.block_words {
            if self.summary.is_some() {
                return Ok(None);
            }
            if let Err(fault) = self.next_block() {
                self.failed = true;
                return Err(self.error(fault));
            }
            if self.summary.is_some() {
                return Ok(None);
            }
        }
        let words = self.block.get(self.next_word..self.block_words).unwrap_or(&[]);
        let rest: &[u8] = bytemuck::cast_slice(words);
        let header = frame::header(rest).map_err(|why| TapeError::BadFrame {
            path: self.path.clone(),
            record: self.frames,
            why,
        })?;
        let is_changed = |kind: &&FrameKind| kind.code() == header.kind;
        if let Some(kind) = self.changed.iter().find(is_changed) {
            self.failed = true;
            let name = format!("{kind:?}");
            return Err(TapeError::Layout { path: self.path.clone(), name });
        }
        let len = header.len_bytes as usize;
        self.next_word += len / 8;
        self.frames += 1;
        Ok(rest.get(..len))
    }

    /// Loads the next block, or the end.
    fn next_block(&mut self) -> Result<(), Fault> {
        let mut head = [0; BLOCK_HEAD_BYTES];
        fill(&mut self.input, &mut head[..END_HEAD_BYTES])?;
        if head[..4] == END_MAGIC {
            return self.read_end(&head[..END_HEAD_BYTES]);
        }
        if head[..4] != BLOCK_MAGIC {
            return Err(Fault::Bad("neither a block nor the end begins here"));
        }
        fill(&mut self.input, &mut head[END_HEAD_BYTES..])?;
        let head = BlockHead::parse(&head).map_err(Fault::Bad)?;
        self.stored.resize(head.stored_len as usize, 0);
        fill(&mut self.input, &mut self.stored)?;
        if head.checksum(&self.stored) != head.crc32c {
            return Err(Fault::Bad("the block's checksum is wrong"));
        }
        if head.first_record != self.frames {
            return Err(Fault::Bad("blocks are missing or out of order"));
        }
        let words = head.raw_len as usize / 8;
        self.block.resize(words.max(self.block.len()), 0);
        let raw: &mut [u8] =
            bytemuck::cast_slice_mut(self.block.get_mut(..words).unwrap_or(&mut []));
        if head.compression == COMPRESSION_NONE {
            raw.copy_from_slice(&self.stored);
        } else {
            let done = zstd::bulk::decompress_to_buffer(&self.stored, raw);
            if done.ok() != Some(raw.len()) {
                return Err(Fault::Bad("the block does not decompress to its raw length"));
            }
        }
        check_frames(raw, head.frame_count)?;
        self.digest.update(&*raw);
        self.raw_bytes += u64::from(head.raw_len);
        self.offset += BLOCK_HEAD_BYTES as u64 + u64::from(head.stored_len);
        self.block_words = words;
        self.next_word = 0;
        Ok(())
    }

    fn read_end(&mut self, head: &[u8]) -> Result<(), Fault> {
        let len = le32(head, 4) as usize;
        if len > MAX_SUMMARY_BYTES {
            return Err(Fault::Bad("the end block's length is out of bounds"));
        }
        let mut json = vec![0; len];
        fill(&mut self.input, &mut json)?;
        if format::end_head(&json) != *head {
            return Err(Fault::Bad("the end block's checksum is wrong"));
        }
        let summary: Summary =
            serde_json::from_slice(&json).map_err(|_| Fault::Bad("the end block is not JSON"))?;
        let digest = hex(&self.digest.clone().finalize());
        if summary.frames != self.frames
            || summary.raw_bytes != self.raw_bytes
            || summary.sha256 != digest
        {
            return Err(Fault::Bad("the totals or the digest of the end block do not hold"));
        }
        match fill(&mut self.input, &mut [0]) {
            Err(Fault::Cut) => {
                self.summary = Some(summary);
                Ok(())
            }
            Err(fault) => Err(fault),
            Ok(()) => Err(Fault::Bad("bytes follow the end block")),
        }
    }

    fn error(&self, fault: Fault) -> TapeError {
        let (path, offset, frames) = (self.path.clone(), self.offset, self.frames);
        match fault {
            Fault::Io(source) => TapeError::Io { op: "read", path, source },
            Fault::Cut => TapeError::Truncated { path, offset, frames },
            Fault::Bad(what) => TapeError::Corrupt { path, offset, frames, what },
            Fault::Frame(n, why) => TapeError::BadFrame { path, record: frames + n, why },
        }
    }
}

/// A block's bytes must be exactly `count` whole frames.
fn check_frames(raw: &[u8], count: u32) -> Result<(), Fault> {
    let mut rest = raw;
    let mut seen = 0_u64;
    while !rest.is_empty() {
        let header = frame::header(rest).map_err(|why| Fault::Frame(seen, why))?;
        rest = rest
            .get(header.len_bytes as usize..)
            .ok_or(Fault::Frame(seen, wire::DecodeError::Truncated))?;
        seen += 1;
    }
    if seen == u64::from(count) {
        Ok(())
    } else {
        Err(Fault::Bad("the block's frame count does not hold"))
    }
}

fn read_header<R: Read>(input: &mut R, path: &Path) -> Result<(Header, u64), TapeError> {
    let place = |fault| {
        let path = path.to_path_buf();
        match fault {
            Fault::Io(source) => TapeError::Io { op: "read", path, source },
            Fault::Cut => TapeError::Truncated { path, offset: 0, frames: 0 },
            Fault::Bad(what) => TapeError::Corrupt { path, offset: 0, frames: 0, what },
            Fault::Frame(record, why) => TapeError::BadFrame { path, record, why },
        }
    };
    let mut head = [0; PREAMBLE_BYTES];
    let mut magic = Vec::with_capacity(8);
    let got = input.take(8).read_to_end(&mut magic).map_err(|error| place(Fault::Io(error)))?;
    if got < 8 && PREAMBLE_MAGIC.starts_with(&magic) {
        return Err(place(Fault::Cut));
    }
    head[..got].copy_from_slice(&magic);
    if head[..5] != MAGIC || head[6..8] != PREAMBLE_MAGIC[6..] {
        return Err(TapeError::NotARecording { path: path.to_path_buf() });
    }
    if head[5] != FORMAT_VERSION {
        return Err(TapeError::FormatVersion {
            path: path.to_path_buf(),
            found: head[5],
            expected: FORMAT_VERSION,
        });
    }
    fill(input, &mut head[8..]).map_err(place)?;
    let len = le32(&head, 8) as usize;
    if len > MAX_HEADER_BYTES {
        return Err(place(Fault::Bad("the header's length is out of bounds")));
    }
    let mut json = vec![0; len];
    fill(input, &mut json).map_err(place)?;
    if format::preamble(&json) != head {
        return Err(place(Fault::Bad("the header's checksum is wrong")));
    }
    let header: Header = serde_json::from_slice(&json)
        .map_err(|_| place(Fault::Bad("the header is not the JSON object it should be")))?;
    if header.wire_version != WIRE_VERSION {
        return Err(TapeError::WireVersion {
            path: path.to_path_buf(),
            found: header.wire_version,
            expected: WIRE_VERSION,
        });
    }
    Ok((header, (PREAMBLE_BYTES + len) as u64))
}

/// The kinds of frames whose struct the writing build knew otherwise.
///
/// # Errors
/// [`TapeError::Layout`] for a struct that is part of other frames.
fn changed_kinds(header: &Header, path: &Path) -> Result<Vec<FrameKind>, TapeError> {
    let kind_of = |name: &str| {
        let kind = FrameKind::ALL.iter().find(|kind| format!("{kind:?}") == name).copied();
        let refused = || TapeError::Layout { path: path.to_path_buf(), name: name.to_owned() };
        kind.ok_or_else(refused)
    };
    let not_a_frame = |name: &&str| *name != "CountersHeader";
    header.layout_mismatches().into_iter().filter(not_a_frame).map(kind_of).collect()
}

/// Fills the buffer, or says that the bytes end before it is full.
fn fill<R: Read>(input: &mut R, buffer: &mut [u8]) -> Result<(), Fault> {
    input.read_exact(buffer).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            Fault::Cut
        } else {
            Fault::Io(error)
        }
    })
}
