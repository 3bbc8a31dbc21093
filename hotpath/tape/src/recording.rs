//! A whole recording in memory: what the player, the backtest and the tools work on. It comes from
//! a `.clrec` file or from the folder of a journal.
//!
//! Must never: hold more than its limit. Runs on housekeeping threads; allocates.

use crate::error::TapeError;
use crate::header::{Header, Summary, hex};
use crate::journal::JournalReader;
use crate::reader::RecordingReader;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use wire::frame;
use wire::instrument::Instrument;
use wire::{Frame, FrameKind};

/// Most bytes of frames [`read_all`] takes into memory.
pub const READ_ALL_LIMIT_BYTES: u64 = 4 << 30;

/// A recording in memory.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Where it came from.
    pub path: PathBuf,
    /// What it says of itself.
    pub header: Header,
    /// Its totals; those of the part that could be read where the file is truncated.
    pub summary: Summary,
    words: Vec<u64>,
    instruments: Vec<Instrument>,
}

impl Recording {
    /// The instrument table: the rows at the start of the recording, row `n` has id `n`.
    #[must_use]
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// Every frame in order, the instrument table included, each aligned to 8 bytes and with a
    /// checked header; [`wire::decode`] checks the rest.
    #[must_use]
    pub fn frames(&self) -> Frames<'_> {
        Frames { words: &self.words }
    }

    /// Bytes of all frames.
    #[must_use]
    pub fn raw_bytes(&self) -> usize {
        self.words.len() * 8
    }
}

/// Walks the frames of a [`Recording`].
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    words: &'a [u64],
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let bytes: &'a [u8] = bytemuck::cast_slice(self.words);
        // Headers were checked when the words were read, so this ends only at the end.
        let len = frame::header(bytes).ok()?.len_bytes as usize;
        let this = bytes.get(..len)?;
        self.words = self.words.get(len / 8..)?;
        Some(this)
    }
}

/// Reads a whole recording, or a journal that ended in good order, of at most
/// [`READ_ALL_LIMIT_BYTES`].
///
/// # Errors
/// Any [`TapeError`]; see [`recover`] for one that is truncated.
pub fn read_all(path: impl AsRef<Path>) -> Result<Recording, TapeError> {
    read_all_limited(path, READ_ALL_LIMIT_BYTES)
}

/// The same of at most `limit` bytes of frames.
///
/// # Errors
/// Any [`TapeError`].
pub fn read_all_limited(path: impl AsRef<Path>, limit: u64) -> Result<Recording, TapeError> {
    match take(Source::open(path.as_ref())?, path.as_ref(), limit) {
        (recording, None) => Ok(recording),
        (_, Some(error)) => Err(error),
    }
}

/// Reads what is good of a recording or journal: every frame before the first fault, and the fault.
///
/// # Errors
/// A [`TapeError`] only where not even the header can be read.
pub fn recover(path: impl AsRef<Path>) -> Result<(Recording, Option<TapeError>), TapeError> {
    let path = path.as_ref();
    Ok(take(Source::open(path)?, path, READ_ALL_LIMIT_BYTES))
}

/// Where frames come from.
enum Source {
    File(Box<RecordingReader<BufReader<File>>>),
    Journal(Box<JournalReader>),
}

impl Source {
    fn open(path: &Path) -> Result<Self, TapeError> {
        if path.is_dir() {
            return Ok(Self::Journal(Box::new(JournalReader::open(path)?)));
        }
        Ok(Self::File(Box::new(RecordingReader::open(path)?)))
    }

    fn next_frame(&mut self) -> Result<Option<&[u8]>, TapeError> {
        match self {
            Self::File(reader) => reader.next_frame(),
            Self::Journal(reader) => Ok(reader.next_frame()?.map(|entry| entry.frame)),
        }
    }

    /// What is wrong with its end, once all frames are read.
    fn fault_at_end(&self) -> Option<TapeError> {
        match self {
            Self::File(_) => None,
            Self::Journal(reader) => reader.fault_at_end(),
        }
    }

    fn header(&self) -> Header {
        match self {
            Self::File(reader) => reader.header().clone(),
            // What else a station writes there is for people.
            Self::Journal(reader) => serde_json::from_str(reader.about()).unwrap_or_default(),
        }
    }

    /// Digest of all frames, where the end of the file does not hold one; of a cut file none.
    fn digest(&self, words: &[u64]) -> String {
        match self {
            Self::File(_) => String::new(),
            Self::Journal(_) => hex(&Sha256::digest(bytemuck::cast_slice::<u64, u8>(words))),
        }
    }

    fn summary(&self) -> Option<Summary> {
        match self {
            Self::File(reader) => reader.summary().cloned(),
            Self::Journal(_) => None,
        }
    }
}

fn take(mut source: Source, path: &Path, limit: u64) -> (Recording, Option<TapeError>) {
    let mut words: Vec<u64> = Vec::new();
    let mut instruments = Vec::new();
    let mut in_table = true;
    let mut record = 0;
    let fault = loop {
        let frame = match source.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => break source.fault_at_end(),
            Err(error) => break Some(error),
        };
        if (words.len() * 8 + frame.len()) as u64 > limit {
            break Some(TapeError::TooLarge { path: path.to_path_buf(), limit });
        }
        if in_table {
            match table_row(frame, record, path) {
                Ok(Some(row)) => instruments.push(row),
                Ok(None) => in_table = false,
                Err(error) => break Some(error),
            }
        }
        words.extend_from_slice(bytemuck::cast_slice(frame));
        record += 1;
    };
    let summary = source.summary().unwrap_or_else(|| Summary {
        frames: record,
        raw_bytes: (words.len() * 8) as u64,
        sha256: source.digest(&words),
        ..Summary::default()
    });
    let header = source.header();
    let recording = Recording { path: path.to_path_buf(), header, summary, words, instruments };
    (recording, fault)
}

fn table_row(frame: &[u8], record: u64, path: &Path) -> Result<Option<Instrument>, TapeError> {
    let is_row = frame::header(frame).is_ok_and(|h| h.kind == FrameKind::Instrument.code());
    if !is_row {
        return Ok(None);
    }
    let path = path.to_path_buf();
    match wire::decode(frame) {
        Ok(Frame::Instrument(row)) if u64::from(row.header.instrument_id.get()) == record => {
            Ok(Some(*row))
        }
        Ok(Frame::Instrument(row)) => {
            let found = row.header.instrument_id.get();
            Err(TapeError::BadTable { path, record, found, expected: record })
        }
        Ok(_) => Ok(None),
        Err(why) => Err(TapeError::BadFrame { path, record, why }),
    }
}
