//! `corelane features`: the samples a model is trained on, made by the code that serves it.
//!
//! The file is a 64-byte header and rows of 42 little-endian `i64`; the byte map is in
//! `sidecars/signal/training/README.md`. One row a sample of [`engine::sampler::Sampler`], so a
//! request the engine makes from the same book holds exactly these numbers.

use crate::cli::FeaturesArgs;
use crate::output::Output;
use crate::{record, recording};
use engine::book::{BookConfig, L2Book};
use engine::sampler::{Sampler, Snapshot};
use station::operator::Failure;
use std::path::Path;
use tape::Recording;
use wire::exit::Exit;
use wire::instrument::{Instrument, padded};
use wire::{Frame, InstrumentId, TsNs, decode};

/// First bytes of a feature file.
pub const MAGIC: [u8; 8] = *b"CLFEAT01";
/// Columns of a row: time, flags, and 10 levels of 4 numbers.
pub const COLUMNS: u32 = 42;

/// Runs the command.
///
/// # Errors
/// A failure of the recording, the instrument or the output.
pub fn features(args: &FeaturesArgs) -> Result<(), Failure> {
    let (recording, fault) = recording::open(&args.data)?;
    let (id, row) = recording::instrument(&recording, args.instrument.as_deref())?;
    if args.interval_ms == 0 {
        return Err(Failure::new(
            Exit::Arguments,
            "interval out of range",
            "interval_ms=0 allowed=1 and above",
            "name an interval with --interval-ms",
        ));
    }
    let interval_ns = args.interval_ms.saturating_mul(1_000_000);
    write(&recording, (id, row), interval_ns, &args.out)?;
    recording::settle(fault)
}

/// Writes the feature file of one instrument of a recording.
///
/// # Errors
/// `RESOURCE` where it cannot be written.
pub fn write(
    recording: &Recording,
    (id, row): (InstrumentId, &Instrument),
    interval_ns: u64,
    path: &Path,
) -> Result<(), Failure> {
    let rows = sample(recording, id, interval_ns);
    let mut out = Output::file(path)?;
    out.write(&header(row, rows.len() as u64, interval_ns))?;
    for (at, snapshot) in &rows {
        out.write(&at.get().to_le_bytes())?;
        out.write(&0_i64.to_le_bytes())?;
        out.write(bytemuck::cast_slice(snapshot))?;
    }
    out.finish()
}

/// Every sample of one instrument of a recording, with its engine time.
#[must_use]
pub fn sample(recording: &Recording, id: InstrumentId, interval_ns: u64) -> Vec<(TsNs, Snapshot)> {
    let mut book = L2Book::new(BookConfig::default());
    let mut sampler = Sampler::new(interval_ns);
    let mut rows = Vec::new();
    for frame in recording.frames() {
        let Ok(decoded) = decode(frame) else { continue };
        let header = record::book_header(&decoded).filter(|h| h.instrument_id == id);
        let Some(header) = header else { continue };
        let whole = record::apply(&mut book, &decoded);
        if matches!(decoded, Frame::Gap(_)) {
            sampler.reset();
        }
        if !whole || !book.usable() {
            continue;
        }
        if let Some(snapshot) = sampler.on_book(&book, header.ts_recv_ns) {
            rows.push((header.ts_recv_ns, *snapshot));
        }
    }
    rows
}

fn header(row: &Instrument, rows: u64, interval_ns: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(&COLUMNS.to_le_bytes());
    bytes.extend_from_slice(&rows.to_le_bytes());
    bytes.extend_from_slice(&interval_ns.to_le_bytes());
    bytes.extend_from_slice(&row.tick_size_e9.to_le_bytes());
    bytes.extend_from_slice(&row.lot_size_e9.to_le_bytes());
    let symbol = padded::<16>(row.symbol()).unwrap_or([0; 16]);
    bytes.extend_from_slice(&symbol);
    bytes
}
