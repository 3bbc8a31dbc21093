//! The journal of a run, walked once: touches, orders, fills and scores in order, for the exports
//! and the report.
//!
//! Owns no rule of its own: books, touches and positions are the engine's code.

use engine::book::{BookConfig, L2Book, Part};
use engine::instrument::{Touch, touch_of};
use station::operator::Failure;
use station::run_dir::JOURNAL;
use std::path::{Path, PathBuf};
use tape::Recording;
use wire::exit::Exit;
use wire::instrument::Instrument;
use wire::market::Quote;
use wire::order::{CancelOrder, Denied, ExecType, ExecutionReport, NewOrder, ReplaceOrder};
use wire::risk::{Alarm, KillReport};
use wire::signal::SignalResponse;
use wire::station::ModeChange;
use wire::{Frame, FrameHeader, InstrumentId, decode};

/// Something of a run worth showing.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// The touch of an instrument changed.
    Touch(&'a FrameHeader, Touch),
    /// An order went out.
    Order(&'a NewOrder),
    /// An amendment went out.
    Replace(&'a ReplaceOrder),
    /// A cancel went out.
    Cancel(&'a CancelOrder),
    /// The gate denied an order.
    Denied(&'a Denied),
    /// A fill came.
    Fill(&'a ExecutionReport),
    /// A model answered.
    Score(&'a SignalResponse),
    /// The engine raised an alarm.
    Alarm(&'a Alarm),
    /// A kill switch moved.
    Kill(&'a KillReport),
    /// The mode changed.
    Mode(&'a ModeChange),
}

/// Path of the record of a run.
///
/// # Errors
/// ARGUMENTS where the directory holds none.
pub fn path_of(run_dir: &Path) -> Result<PathBuf, Failure> {
    let path = run_dir.join(JOURNAL);
    if path.is_dir() {
        return Ok(path);
    }
    Err(Failure::new(
        Exit::Arguments,
        "no record of a run here",
        format!("path={}", path.display()),
        "name a directory below runs/, as `corelane run` prints it",
    ))
}

/// The books of a table of instruments and the touches they come to.
#[derive(Debug, Default)]
pub(crate) struct Markets(Vec<Market>);

#[derive(Debug)]
struct Market {
    book: L2Book,
    quote: Option<Quote>,
    touch: Option<Touch>,
}

impl Markets {
    /// One more instrument, the next of the table.
    pub(crate) fn add(&mut self) {
        let book = L2Book::new(BookConfig::default());
        self.0.push(Market { book, quote: None, touch: None });
    }

    /// Applies a market frame; the new touch where it changed.
    pub(crate) fn take<'a>(&mut self, frame: &Frame<'a>) -> Option<(&'a FrameHeader, Touch)> {
        market_event(&mut self.0, frame)
    }

    /// The touch of an instrument, by its place in the table.
    pub(crate) fn touch(&self, index: usize) -> Option<Touch> {
        self.0.get(index).and_then(|market| market.touch)
    }
}

/// Walks a record; `visit` returns `false` to stop.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest are market frames or not shown")]
pub fn walk(recording: &Recording, mut visit: impl FnMut(&Item<'_>) -> bool) {
    let mut markets = Markets::default();
    recording.instruments().iter().for_each(|_| markets.add());
    for frame in recording.frames() {
        let Ok(decoded) = decode(frame) else { continue };
        let go_on = match &decoded {
            Frame::NewOrder(order) => visit(&Item::Order(order)),
            Frame::ReplaceOrder(replace) => visit(&Item::Replace(replace)),
            Frame::CancelOrder(cancel) => visit(&Item::Cancel(cancel)),
            Frame::Denied(denied) => visit(&Item::Denied(denied)),
            Frame::ExecutionReport(report) if report.exec_type == ExecType::Trade.code() => {
                visit(&Item::Fill(report))
            }
            Frame::SignalResponse(response) => visit(&Item::Score(response)),
            Frame::Alarm(alarm) => visit(&Item::Alarm(alarm)),
            Frame::KillReport(report) => visit(&Item::Kill(report)),
            Frame::ModeChange(change) => visit(&Item::Mode(change)),
            _ => match markets.take(&decoded) {
                Some((header, touch)) => visit(&Item::Touch(header, touch)),
                None => true,
            },
        };
        if !go_on {
            return;
        }
    }
}

/// Applies a market frame; the new touch where it changed.
fn market_event<'a>(markets: &mut [Market], frame: &Frame<'a>) -> Option<(&'a FrameHeader, Touch)> {
    let quote = if let Frame::Quote(quote) = frame { Some(*quote) } else { None };
    let header = quote.map(|q| &q.header).or_else(|| book_header(frame))?;
    let market = markets.get_mut(index(header.instrument_id))?;
    let whole = quote.is_some() || apply(&mut market.book, frame);
    market.quote = quote.copied().or(market.quote);
    let touch = touch_of(&market.book, market.quote.as_ref());
    let changed = whole && touch != market.touch;
    market.touch = touch;
    touch.filter(|_| changed).map(|touch| (header, touch))
}

/// The header of a frame that changes a book: a depth delta, a snapshot or a gap.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "all other frames change no book")]
pub fn book_header<'a>(frame: &Frame<'a>) -> Option<&'a FrameHeader> {
    match frame {
        Frame::DepthDelta(depth) => Some(&depth.head.header),
        Frame::BookSnapshot(depth) => Some(&depth.head.header),
        Frame::Gap(gap) => Some(&gap.header),
        _ => None,
    }
}

/// Applies a frame to the book of its instrument; whether it ended a book message.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other frames change no book")]
pub fn apply(book: &mut L2Book, frame: &Frame<'_>) -> bool {
    match frame {
        Frame::DepthDelta(depth) => {
            let part = Part::from_flags(depth.head.header.flags);
            book.on_delta_frame(part, depth.bids, depth.asks, depth.head.last_update_id);
            part.last
        }
        Frame::BookSnapshot(depth) => {
            let part = Part::from_flags(depth.head.header.flags);
            book.on_snapshot_frame(part, depth.bids, depth.asks, depth.head.last_update_id);
            part.last
        }
        Frame::Gap(_) => {
            book.mark_gapped();
            true
        }
        _ => false,
    }
}

/// Index of an instrument in a table.
#[must_use]
pub fn index(id: InstrumentId) -> usize {
    usize::try_from(id.get()).unwrap_or(usize::MAX)
}

/// The row of an instrument.
#[must_use]
pub fn row(recording: &Recording, id: InstrumentId) -> Option<&Instrument> {
    recording.instruments().get(index(id))
}
