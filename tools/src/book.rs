//! `corelane book`: the best bid and offer after every book message, as CSV.
//!
//! The same book code the engine runs; prices and quantities as exact decimal text, empty where
//! the book is unusable or a side is empty.

use crate::cli::BookArgs;
use crate::output::Output;
use crate::{record, recording};
use engine::book::{BookConfig, L2Book};
use station::operator::Failure;
use wire::decimal::Increments;
use wire::instrument::Instrument;
use wire::market::Level;
use wire::units::SEQ_UNDEF;
use wire::{Frame, TsNs, decode};

/// Runs the command.
///
/// # Errors
/// A failure of the recording, the instrument or the output.
#[expect(clippy::wildcard_enum_match_arm, reason = "depth frames leave their number in the book")]
pub fn book(args: &BookArgs) -> Result<(), Failure> {
    let (recording, fault) = recording::open(&args.data)?;
    let (id, row) = recording::instrument(&recording, Some(&args.instrument))?;
    let mut out = Output::stdout();
    out.line(format_args!("venue_seq,ts_event_ns,bid_price,bid_qty,ask_price,ask_qty"))?;
    let mut book = L2Book::new(BookConfig::default());
    for frame in recording.frames() {
        let Ok(decoded) = decode(frame) else { continue };
        let header = record::book_header(&decoded).filter(|h| h.instrument_id == id);
        let Some(header) = header else { continue };
        if !record::apply(&mut book, &decoded) {
            continue;
        }
        let seq = match &decoded {
            Frame::Gap(gap) => gap.received_id,
            _ => book.last_update_id(),
        };
        let wrote = out.line(format_args!(
            "{},{},{},{}",
            Known(seq, SEQ_UNDEF),
            Known(header.ts_event_ns.get(), TsNs::UNDEF.get()),
            Side(book.best_bid(), row),
            Side(book.best_ask(), row),
        ))?;
        if !wrote {
            break;
        }
    }
    out.finish()?;
    recording::settle(fault)
}

/// A number, or nothing where it is not known.
struct Known(u64, u64);

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == self.1 { Ok(()) } else { write!(f, "{}", self.0) }
    }
}

/// `price,qty` as decimal text, or `,`.
struct Side<'a>(Option<Level>, &'a Instrument);

impl std::fmt::Display for Side<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(level) = self.0 else { return f.write_str(",") };
        let price =
            Increments { count: level.price_ticks.get(), increment_e9: self.1.tick_size_e9 };
        let qty = Increments { count: level.qty_lots.get(), increment_e9: self.1.lot_size_e9 };
        write!(f, "{price},{qty}")
    }
}
