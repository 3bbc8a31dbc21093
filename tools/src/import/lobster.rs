//! LOBSTER message files into frames, order by order, held against LOBSTER's own order book file.
//!
//! Each message that changes the book becomes the change of one order (`FLAG_ORDER`), an execution
//! a trade before it; a hidden execution is a trade alone, a halt a status. The files say seconds
//! after midnight at the exchange: `--midnight` says when that was.
//!
//! # The order book file
//! Its row n is the book after message n, so many levels deep. With it the recording begins with the
//! book of row 1, and after every message the book built from the messages must show exactly what
//! the row shows, as far as it can know: messages deeper than the last level are not in the files, so
//! beyond the worst price that was in sight all the time a row *reveals* levels, which are taken as
//! they are, their orders unknown. Without it the book begins empty.
//!
//! Owns: the two formats and that comparison. Must never: go on past a row that differs. Ordinary
//! threads; allocates.

mod book;
mod message;

use super::input::{Lines, Source};
use super::options::Spec;
use super::output::Target;
use super::{ImportError, each_line};
use book::Checked;
use message::{Kind, Message};
use std::path::{Path, PathBuf};
use venues::binance::{Frames, Stamp, TradeEvent};
use wire::market::{
    AggressorSide, BookSide, DepthDelta, FLAG_FIRST, FLAG_LAST, FLAG_ORDER, Level, Status,
};
use wire::units::SEQ_UNDEF;
use wire::{FrameHeader, FrameKind, FrameSink, PriceTicks, QtyLots, TsNs};

/// What an import by order met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCounts {
    /// Rows of the order book file that the book was equal to.
    pub rows_equal: u64,
    /// Levels that came in sight with their orders unknown.
    pub revealed: u64,
    /// Messages of orders that were not known: there before the file or out of sight when they
    /// came.
    pub unknown: u64,
    /// Hidden executions between two ticks, left out.
    pub between_ticks: u64,
}

/// The import in progress.
struct Import<'s, 't, 'o> {
    spec: &'s Spec,
    target: &'t mut Target<'o>,
    frames: Frames,
    words: Vec<u64>,
    book: Checked,
    oracle: Option<Oracle>,
    row: u64,
    last_ns: u64,
    counts: OrderCounts,
}

/// The order book file.
struct Oracle {
    path: PathBuf,
    lines: Lines,
}

/// Runs over all messages.
pub(super) fn run(
    spec: &Spec,
    sources: &[Source],
    orderbook: Option<&Path>,
    target: &mut Target<'_>,
) -> Result<OrderCounts, ImportError> {
    let open = |path: &Path| -> Result<_, ImportError> {
        Ok(Oracle { path: path.to_path_buf(), lines: Lines::open(path)? })
    };
    let mut import = Import {
        spec,
        target,
        frames: Frames::new(),
        words: Vec::new(),
        book: Checked::new(),
        oracle: orderbook.map(open).transpose()?,
        row: 0,
        last_ns: 0,
        counts: OrderCounts::default(),
    };
    each_line(sources, |source, number, line| {
        let is_heading = number == 1 && !line.first().is_some_and(u8::is_ascii_digit);
        if is_heading || line.is_empty() {
            return Ok(true);
        }
        import.target.lines += 1;
        let refused = |(what, next): (String, &str)| ImportError::Line {
            path: source.path.clone(),
            line: number,
            what,
            next: next.to_owned(),
        };
        let message = Message::parse(line, spec).map_err(refused)?;
        let at = spec.midnight_ns.saturating_add(message.ns);
        if at < import.last_ns {
            let what = format!("its time {at} is before the last one, {}", import.last_ns);
            return Err(refused((what, "give the files in their order of time")));
        }
        import.last_ns = at;
        if at >= spec.to_ns {
            return Ok(false);
        }
        import.take(&message, TsNs(at))
    })?;
    Ok(import.counts)
}

impl Import<'_, '_, '_> {
    fn take(&mut self, message: &Message, at: TsNs) -> Result<bool, ImportError> {
        self.row += 1;
        let row = self.oracle.as_mut().map(|oracle| oracle.row(self.spec)).transpose()?;
        if at.get() >= self.spec.from_ns {
            self.target.start(at)?;
        }
        let stamp = self.stamp(at);
        if self.row == 1 {
            let [bids, asks] = match &row {
                Some(row) => self.book.begin(row, message),
                None => Default::default(),
            };
            self.frames.snapshot(stamp, 0, &bids, &asks, self.target);
        }
        self.apply(message, stamp);
        if let (Some(row), Some(oracle)) = (&row, &self.oracle) {
            if let Some(what) = self.book.difference(row) {
                return Err(ImportError::Line {
                    path: oracle.path.clone(),
                    line: self.row,
                    what,
                    next: "check that both files are of one day and number of levels".to_owned(),
                });
            }
            self.counts.rows_equal += 1;
            let revealed = self.book.reveal(row);
            let count = revealed.iter().map(Vec::len).sum::<usize>() as u64;
            self.counts.revealed += count;
            if count > 0 {
                let [bids, asks] = revealed;
                self.delta(stamp, None, &bids, &asks);
            }
        }
        self.target.check()?;
        Ok(true)
    }

    /// What a message does to book and recording.
    fn apply(&mut self, message: &Message, stamp: Stamp) {
        match message.kind {
            Kind::Halt(status) => self.status(stamp, status.code()),
            Kind::Hidden => match message.price {
                Some(price) => self.trade(message, price, stamp),
                None => self.counts.between_ticks += 1,
            },
            Kind::Add | Kind::Reduce { .. } => {
                let Some(price) = message.price else { return };
                if message.kind == (Kind::Reduce { is_trade: true }) {
                    self.trade(message, price, stamp);
                }
                let (level, was_known) = self.book.apply(message, price);
                self.counts.unknown += u64::from(!was_known);
                if let Some(level) = level {
                    let one = [level];
                    let [bids, asks]: [&[Level]; 2] = match message.side {
                        BookSide::Bid => [&one, &[]],
                        BookSide::Ask => [&[], &one],
                    };
                    self.delta(stamp, Some(message.order_id), bids, asks);
                }
            }
        }
    }

    fn stamp(&self, at: TsNs) -> Stamp {
        let header = &self.spec.instrument.header;
        Stamp { id: header.instrument_id, venue: header.venue_id, ts_event_ns: at, ts_recv_ns: at }
    }

    /// A trade with a resting order of the message's side.
    fn trade(&mut self, message: &Message, price_ticks: PriceTicks, stamp: Stamp) {
        let aggressor = match message.side {
            BookSide::Bid => AggressorSide::Sell,
            BookSide::Ask => AggressorSide::Buy,
        };
        let (qty_lots, trade_id) = (message.qty, self.row);
        let trade = TradeEvent {
            row: 0,
            ts_event_ns: stamp.ts_event_ns,
            trade_id,
            price_ticks,
            qty_lots,
            aggressor,
        };
        self.frames.trade(stamp, &trade, self.target);
    }

    fn status(&mut self, stamp: Stamp, status: u8) {
        let header = FrameHeader::new::<Status>();
        let header = stamped(header, stamp);
        let frame = Status { header, status, reserved: [0; 7] };
        self.target.push(bytemuck::bytes_of(&frame));
    }

    /// A change of levels, by one order where it is known.
    fn delta(&mut self, stamp: Stamp, order: Option<u64>, bids: &[Level], asks: &[Level]) {
        let len = size_of::<DepthDelta>() + (bids.len() + asks.len()) * size_of::<Level>();
        let mut header = stamped(FrameHeader::with_len(FrameKind::DepthDelta, len), stamp);
        header.flags = FLAG_FIRST | FLAG_LAST | if order.is_some() { FLAG_ORDER } else { 0 };
        let count = |levels: &[Level]| u16::try_from(levels.len()).unwrap_or(u16::MAX);
        let head = DepthDelta {
            header,
            first_update_id: self.row,
            last_update_id: self.row,
            prev_update_id: order.unwrap_or(SEQ_UNDEF),
            bid_count: count(bids),
            ask_count: count(asks),
            reserved: [0; 4],
        };
        self.words.clear();
        self.words.extend_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&head)));
        for levels in [bids, asks] {
            self.words.extend_from_slice(bytemuck::cast_slice(levels));
        }
        self.target.push(bytemuck::cast_slice(&self.words));
    }
}

fn stamped(header: FrameHeader, stamp: Stamp) -> FrameHeader {
    FrameHeader {
        instrument_id: stamp.id,
        venue_id: stamp.venue,
        ts_event_ns: stamp.ts_event_ns,
        ts_recv_ns: stamp.ts_recv_ns,
        ..header
    }
}

/// A row of the order book file: bids and asks, best first, and how many levels it has room for.
#[derive(Clone, Debug)]
struct Row {
    sides: [Vec<Level>; 2],
    depth: usize,
}

impl Oracle {
    fn row(&mut self, spec: &Spec) -> Result<Row, ImportError> {
        loop {
            let refused = |line, what: &str| ImportError::Line {
                path: self.path.clone(),
                line,
                what: what.to_owned(),
                next: "give the order book file of the message file".to_owned(),
            };
            let Some((number, line)) = self.lines.next_line()? else {
                return Err(refused(0, "it has fewer rows than there are messages"));
            };
            let is_heading = number == 1 && !line.first().is_some_and(u8::is_ascii_digit);
            if is_heading || line.is_empty() {
                continue;
            }
            let row = message::book_row(line, spec);
            return row.ok_or_else(|| refused(number, "it is no row of prices and sizes"));
        }
    }
}

/// A level of so many lots.
fn level(price: PriceTicks, lots: i64) -> Level {
    Level { price_ticks: price, qty_lots: QtyLots(lots) }
}
