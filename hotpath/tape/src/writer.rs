//! Writes recordings: append-only, block by block.
//!
//! Must never: rewrite a byte, or put a frame into the file that is no frame. Runs on housekeeping
//! threads; allocates and makes system calls. When its process is killed, every block already
//! written stays readable.

use crate::error::TapeError;
use crate::format::{
    self, BlockHead, COMPRESSION_NONE, COMPRESSION_ZSTD, DEFAULT_BLOCK_BYTES, MAX_BLOCK_BYTES,
    MAX_HEADER_BYTES,
};
use crate::header::{Header, Summary, hex};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use wire::frame::{self, MAX_FRAME_BYTES};
use wire::{DecodeError, FrameKind, TsNs};

/// How blocks are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// One zstd frame a block, at this level (1 to 22; 3 is quick, 19 is small).
    Zstd(i32),
}

/// A recording being written. [`RecordingWriter::finish`] makes it whole; dropping it without
/// writes out the open block and leaves the file truncated but readable up to there.
pub struct RecordingWriter {
    path: PathBuf,
    file: File,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    block_bytes: usize,
    block: Vec<u8>,
    stored: Vec<u8>,
    frames_in_block: u32,
    counts: [u64; 64],
    digest: Sha256,
    summary: Summary,
    failed: bool,
}

impl std::fmt::Debug for RecordingWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordingWriter")
            .field("path", &self.path)
            .field("frames", &self.summary.frames)
            .finish_non_exhaustive()
    }
}

impl RecordingWriter {
    /// Creates the file (an existing one is emptied) and writes the header.
    ///
    /// # Errors
    /// [`TapeError::Io`], [`TapeError::HeaderTooLarge`].
    pub fn create(
        path: impl AsRef<Path>,
        header: &Header,
        compression: Compression,
    ) -> Result<Self, TapeError> {
        let path = path.as_ref().to_path_buf();
        let io = |op, source| TapeError::Io { op, path: path.clone(), source };
        let json = serde_json::to_vec(&header.stamped())
            .map_err(|error| io("create", std::io::Error::other(error)))?;
        if json.len() > MAX_HEADER_BYTES {
            return Err(TapeError::HeaderTooLarge {
                path,
                len: json.len(),
                limit: MAX_HEADER_BYTES,
            });
        }
        let compressor = match compression {
            Compression::None => None,
            Compression::Zstd(level) => {
                Some(zstd::bulk::Compressor::new(level).map_err(|error| io("create", error))?)
            }
        };
        let mut file = File::create(&path).map_err(|error| io("create", error))?;
        let mut head = format::preamble(&json).to_vec();
        head.extend_from_slice(&json);
        file.write_all(&head).map_err(|error| io("write", error))?;
        Ok(Self {
            path,
            file,
            compressor,
            block_bytes: DEFAULT_BLOCK_BYTES,
            block: Vec::with_capacity(DEFAULT_BLOCK_BYTES + MAX_FRAME_BYTES),
            stored: Vec::new(),
            frames_in_block: 0,
            counts: [0; 64],
            digest: Sha256::new(),
            summary: Summary::default(),
            failed: false,
        })
    }

    /// Closes blocks at about `bytes` of frames instead of the default: larger blocks compress
    /// better, smaller ones lose less when the process is killed.
    #[must_use]
    pub fn with_block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes.clamp(1, MAX_BLOCK_BYTES - MAX_FRAME_BYTES);
        self
    }

    /// Frames taken so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.summary.frames
    }

    /// Adds one whole frame, aligned to 8 bytes. It reaches the file with its block.
    ///
    /// # Errors
    /// [`TapeError::BadFrame`] (nothing was added), [`TapeError::Io`], [`TapeError::Failed`].
    pub fn push(&mut self, frame: &[u8]) -> Result<(), TapeError> {
        self.usable()?;
        let header = frame::header(frame).map_err(|why| self.bad(why))?;
        let kind = FrameKind::from_code(header.kind)
            .ok_or_else(|| self.bad(DecodeError::UnknownKind(header.kind)))?;
        if header.len_bytes as usize != frame.len() {
            return Err(self.bad(DecodeError::BadLength));
        }
        if header.ts_recv_ns != TsNs::UNDEF {
            let ts = header.ts_recv_ns.get();
            let summary = &mut self.summary;
            summary.first_ts_recv_ns =
                Some(summary.first_ts_recv_ns.map_or(ts, |first| first.min(ts)));
            summary.last_ts_recv_ns = Some(summary.last_ts_recv_ns.map_or(ts, |last| last.max(ts)));
        }
        if let Some(count) = self.counts.get_mut(usize::from(kind.code())) {
            *count += 1;
        }
        self.block.extend_from_slice(frame);
        self.frames_in_block += 1;
        self.summary.frames += 1;
        if self.block.len() >= self.block_bytes { self.flush() } else { Ok(()) }
    }

    /// Closes the open block and writes it to the file.
    ///
    /// # Errors
    /// [`TapeError::Io`], [`TapeError::Failed`].
    pub fn flush(&mut self) -> Result<(), TapeError> {
        self.usable()?;
        if self.frames_in_block == 0 {
            return Ok(());
        }
        let result = self.write_block();
        self.failed = result.is_err();
        result
    }

    /// Writes the open block and the end block, and syncs the file to disk.
    ///
    /// # Errors
    /// [`TapeError::Io`], [`TapeError::Failed`].
    pub fn finish(mut self) -> Result<Summary, TapeError> {
        self.flush()?;
        self.summary.sha256 = hex(&self.digest.clone().finalize());
        self.summary.counts = FrameKind::ALL
            .iter()
            .filter_map(|kind| {
                let count = *self.counts.get(usize::from(kind.code()))?;
                (count > 0).then(|| (kind.name().to_owned(), count))
            })
            .collect();
        let json = serde_json::to_vec(&self.summary)
            .map_err(|error| self.io("write", std::io::Error::other(error)))?;
        let mut end = format::end_head(&json).to_vec();
        end.extend_from_slice(&json);
        self.file.write_all(&end).map_err(|error| self.io("write", error))?;
        self.file.sync_data().map_err(|error| self.io("sync", error))?;
        self.failed = true;
        Ok(std::mem::take(&mut self.summary))
    }

    fn write_block(&mut self) -> Result<(), TapeError> {
        let (compression, raw_len) = match &mut self.compressor {
            None => (COMPRESSION_NONE, self.block.len()),
            Some(compressor) => {
                self.stored.clear();
                self.stored.reserve(zstd::zstd_safe::compress_bound(self.block.len()));
                let done = compressor.compress_to_buffer(&self.block, &mut self.stored);
                done.map_err(|error| self.io("write", error))?;
                (COMPRESSION_ZSTD, self.block.len())
            }
        };
        let stored = if compression == COMPRESSION_NONE { &self.block } else { &self.stored };
        let mut head = BlockHead {
            raw_len: u32::try_from(raw_len).unwrap_or(u32::MAX),
            stored_len: u32::try_from(stored.len()).unwrap_or(u32::MAX),
            crc32c: 0,
            frame_count: self.frames_in_block,
            compression,
            first_record: self.summary.frames - u64::from(self.frames_in_block),
        };
        head.crc32c = head.checksum(stored);
        self.file.write_all(&head.to_bytes()).map_err(|error| self.io("write", error))?;
        self.file.write_all(stored).map_err(|error| self.io("write", error))?;
        self.digest.update(&self.block);
        self.summary.raw_bytes += self.block.len() as u64;
        self.block.clear();
        self.frames_in_block = 0;
        Ok(())
    }

    fn usable(&self) -> Result<(), TapeError> {
        if self.failed { Err(TapeError::Failed { path: self.path.clone() }) } else { Ok(()) }
    }

    fn bad(&self, why: DecodeError) -> TapeError {
        TapeError::BadFrame { path: self.path.clone(), record: self.summary.frames, why }
    }

    fn io(&self, op: &'static str, source: std::io::Error) -> TapeError {
        TapeError::Io { op, path: self.path.clone(), source }
    }
}

impl Drop for RecordingWriter {
    fn drop(&mut self) {
        if !self.failed {
            // The error has nowhere to go: the missing end block already says "truncated".
            let _ = self.flush();
        }
    }
}
