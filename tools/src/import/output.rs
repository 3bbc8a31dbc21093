//! The recording being made: created with its first event, when its header is known.

use super::ImportError;
use super::carried::Carried;
use super::input::Source;
use super::options::Spec;
use std::path::{Path, PathBuf};
use tape::{Compression, Header, RecordingWriter, Summary, TapeError};
use venues::binance::{Frames, Stamp};
use wire::{FrameSink, TsNs};

/// Bytes of frames a block: recordings are read from the start, so large ones cost nothing.
const BLOCK_BYTES: usize = 1 << 20;

/// Takes the feed's frames, before and after the cut.
pub(super) struct Target<'a> {
    path: PathBuf,
    spec: &'a Spec,
    sources: &'a [Source],
    carried_book: Carried,
    writer: Option<RecordingWriter>,
    /// The first failure of a push, which has no result to give it back in.
    error: Option<TapeError>,
    /// What the header says of derived frames.
    pub(super) derived: String,
    /// Lines read so far.
    pub(super) lines: u64,
    /// Levels carried over the cut.
    pub(super) carried: Option<(usize, usize)>,
}

impl<'a> Target<'a> {
    pub(super) fn new(path: &Path, spec: &'a Spec, sources: &'a [Source]) -> Self {
        Self {
            path: path.to_path_buf(),
            spec,
            sources,
            carried_book: Carried::default(),
            writer: None,
            error: None,
            derived: String::new(),
            lines: 0,
            carried: None,
        }
    }

    /// From here on frames are kept: writes the instrument table, and the book if one is carried.
    pub(super) fn start(&mut self, ts_recv_ns: TsNs) -> Result<(), ImportError> {
        if self.writer.is_some() {
            return Ok(());
        }
        let at_cut = self.carried_book.at_cut();
        self.carried = at_cut.as_ref().map(|book| (book.bids.len(), book.asks.len()));
        let mut header = Header {
            source: self.spec.source.clone(),
            licence: self.spec.licence.clone(),
            derived: self.derived.clone(),
            source_files: self.sources.iter().map(|source| source.file.clone()).collect(),
            instruments: vec![self.spec.symbol.clone()],
            ..Header::default()
        };
        if self.spec.from_ns > 0 {
            header.notes.push(format!("Cut: ts_recv_ns from {} on.", self.spec.from_ns));
        }
        if self.spec.to_ns < u64::MAX {
            header.notes.push(format!("Cut: ts_recv_ns before {}.", self.spec.to_ns));
        }
        if let Some((bids, asks)) = self.carried {
            header.notes.push(format!(
                "Begins with a snapshot of the book carried over the cut: {bids} bids, {asks} asks."
            ));
        }
        let compression = Compression::Zstd(self.spec.level);
        let mut writer = RecordingWriter::create(&self.path, &header, compression)?
            .with_block_bytes(BLOCK_BYTES);
        writer.push(bytemuck::bytes_of(&self.spec.instrument))?;
        self.writer = Some(writer);
        if let Some(book) = at_cut {
            let stamp = Stamp {
                id: self.spec.instrument.header.instrument_id,
                venue: self.spec.instrument.header.venue_id,
                ts_event_ns: book.ts_event_ns,
                ts_recv_ns,
            };
            Frames::new().snapshot(stamp, book.last_update_id, &book.bids, &book.asks, self);
        }
        self.check()
    }

    /// The failure of an earlier push, if there was one.
    pub(super) fn check(&mut self) -> Result<(), ImportError> {
        self.error.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Ends the recording.
    pub(super) fn finish(mut self) -> Result<Summary, ImportError> {
        self.check()?;
        let empty = || ImportError::Empty { symbol: self.spec.symbol.clone() };
        Ok(self.writer.take().ok_or_else(empty)?.finish()?)
    }
}

impl FrameSink for Target<'_> {
    fn push(&mut self, frame: &[u8]) {
        match &mut self.writer {
            None => self.carried_book.apply(frame),
            Some(writer) => {
                if let Err(error) = writer.push(frame) {
                    self.error.get_or_insert(error);
                }
            }
        }
    }
}
