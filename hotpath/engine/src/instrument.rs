//! One instrument as the engine sees it: book, touch, bars, position, signal, and the figures the
//! gate looks at.

use crate::bars::BarAggregator;
use crate::book::{BookCounters, L2Book};
use crate::hash::StateHasher;
use crate::position::Position;
use crate::risk::SymbolRisk;
use crate::sampler::Sampler;
use crate::state::{StateError, StateReader};
use bytemuck::Zeroable;
use wire::frame::HEADER_BYTES;
use wire::instrument::Instrument;
use wire::market::{BookSide, Level, Quote};
use wire::order::Side;
use wire::{PriceTicks, QtyLots, TsNs};

/// Best bid and offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}

impl Touch {
    /// Best bid plus best ask, ticks: twice the mid, exactly.
    #[must_use]
    pub fn mid_x2(&self) -> Option<i64> {
        self.bid.price_ticks.get().checked_add(self.ask.price_ticks.get())
    }

    /// Ask less bid, ticks; not positive where the market is locked or crossed.
    #[must_use]
    pub fn spread_ticks(&self) -> Option<i64> {
        self.ask.price_ticks.get().checked_sub(self.bid.price_ticks.get())
    }
}

/// The freshest touch: the venue's own quote where it is at least as new as the book, else the book;
/// `None` while the book is unusable or a side is empty.
#[must_use]
pub fn touch_of(book: &L2Book, quote: Option<&Quote>) -> Option<Touch> {
    if !book.usable() {
        return None;
    }
    if let Some(quote) = quote
        && quote.update_id >= book.last_update_id()
        && quote.bid_price_ticks.is_defined()
        && quote.ask_price_ticks.is_defined()
    {
        return Some(Touch {
            bid: Level { price_ticks: quote.bid_price_ticks, qty_lots: quote.bid_qty_lots },
            ask: Level { price_ticks: quote.ask_price_ticks, qty_lots: quote.ask_qty_lots },
        });
    }
    Some(Touch { bid: book.best_bid()?, ask: book.best_ask()? })
}

/// Everything the engine holds for one instrument.
#[derive(Debug)]
pub struct InstrumentState {
    /// The row of the instrument table.
    pub row: Instrument,
    /// Value of one tick on one lot, billionths of the quote currency.
    pub tick_value_e9: i64,
    /// Its venue, an index into the engine's venues.
    pub(crate) venue: usize,
    /// The book, from depth messages only.
    pub book: L2Book,
    /// The venue's own best quote, where it sends one.
    pub quote: Option<Quote>,
    /// Bars of 1 s, 1 min and 1 h.
    pub bars: BarAggregator,
    /// Position of the whole station in this instrument.
    pub position: Position,
    /// Position and average price the session began with, as the venue told.
    pub opening: Option<(i64, i64)>,
    /// What the venue last said the position is, lots.
    pub venue_lots: Option<i64>,
    /// What the venue then had beyond our own position, lots: not explained by any fill.
    pub(crate) unexplained_lots: i64,
    /// Profit of the day, marked at the adverse side, billionths of the base currency.
    pub pnl_e9: i64,
    /// Profit of the days before, as the position counts it.
    pub(crate) day_base_e9: i64,
    /// Sampler for signal requests, where a strategy on this instrument uses signals.
    pub sampler: Option<Sampler>,
    /// Latest usable score.
    pub signal: Option<Signal>,
    /// Signal requests made for it.
    pub(crate) requests_made: u64,
    /// What the gate looks at.
    pub risk: SymbolRisk,
}

/// A model's answer, as the engine keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Score, millionths.
    pub score_e6: i32,
    /// The request it answers.
    pub request_id: u64,
    /// Engine time of the request: the age of the signal counts from here.
    pub requested_ns: TsNs,
    /// Model hash of the answer.
    pub model_hash: u64,
}

impl InstrumentState {
    /// The freshest touch; see [`touch_of`].
    #[must_use]
    pub fn touch(&self) -> Option<Touch> {
        touch_of(&self.book, self.quote.as_ref())
    }

    /// The price at which the position would be closed: the bid for a long, the ask for a short.
    #[must_use]
    pub fn mark(&self) -> Option<PriceTicks> {
        self.mark_of(self.position.lots().get())
    }

    /// The price at which a position of so many lots would be closed; without a touch the reference.
    #[must_use]
    pub fn mark_of(&self, lots: i64) -> Option<PriceTicks> {
        let Some(touch) = self.touch() else {
            return self.risk.reference_x2().map(|x2| PriceTicks(x2 / 2));
        };
        let level = if lots >= 0 { touch.bid } else { touch.ask };
        Some(level.price_ticks)
    }

    /// Tells the gate's figures what the touch is now.
    pub(crate) fn publish_touch(&mut self) {
        match self.touch() {
            Some(touch) => {
                self.risk.set_touch(touch.bid.price_ticks.get(), touch.ask.price_ticks.get());
            }
            None => self.risk.lose_book(),
        }
    }

    /// Tells the gate's figures what of the ten best levels an order of this side could take: all of
    /// them, or as many as its share of them needs.
    pub(crate) fn publish_depth(&mut self, side: Side, qty: QtyLots) {
        let (limit, asked) = (i128::from(self.risk.limits.max_depth_bp), i128::from(qty.get()));
        let is_enough = |lots: i64| asked * 10_000 <= limit * i128::from(lots);
        match side {
            Side::Buy => {
                self.risk.ask_depth_lots = self.book.best_lots(BookSide::Ask, 10, is_enough);
            }
            Side::Sell => {
                self.risk.bid_depth_lots = self.book.best_lots(BookSide::Bid, 10, is_enough);
            }
        }
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.book.hash_into(&mut |word| h.u64(word));
        self.book.counters().words().into_iter().for_each(|word| h.note(word));
        h.bool(self.quote.is_some());
        if let Some(quote) = &self.quote {
            // What stands in its header is shown and decides nothing.
            for word in header_words(quote) {
                h.note(word);
            }
            h.i64(quote.bid_price_ticks.get());
            h.i64(quote.bid_qty_lots.get());
            h.i64(quote.ask_price_ticks.get());
            h.i64(quote.ask_qty_lots.get());
            h.u64(quote.update_id);
        }
        self.bars.hash_into(&mut |word| h.u64(word));
        self.position.hash_into(h);
        h.bool(self.opening.is_some());
        if let Some((lots, price)) = self.opening {
            h.i64(lots);
            h.i64(price);
        }
        h.bool(self.venue_lots.is_some());
        h.i64(self.venue_lots.unwrap_or(0));
        h.i64(self.pnl_e9);
        h.i64(self.day_base_e9);
        h.i64(self.unexplained_lots);
        h.u64(self.requests_made);
        self.risk.hash_into(h);
        h.bool(self.sampler.is_some());
        if let Some(sampler) = &self.sampler {
            sampler.hash_into(h);
        }
        h.bool(self.signal.is_some());
        if let Some(signal) = &self.signal {
            h.i64(i64::from(signal.score_e6));
            h.u64(signal.request_id);
            h.u64(signal.requested_ns.get());
            h.u64(signal.model_hash);
        }
    }

    /// Takes back what was fed; row, tick value, venue and whether there is a sampler are the setup's.
    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.book.load_from(from)?;
        self.book.set_counters(BookCounters::loaded(from)?);
        self.quote = if from.bool()? { Some(quote_of(from)?) } else { None };
        self.bars.load_from(from)?;
        self.position.load_from(from)?;
        self.opening = if from.bool()? { Some((from.i64()?, from.i64()?)) } else { None };
        let is_known = from.bool()?;
        self.venue_lots = Some(from.i64()?).filter(|_| is_known);
        self.pnl_e9 = from.i64()?;
        self.day_base_e9 = from.i64()?;
        self.unexplained_lots = from.i64()?;
        self.requests_made = from.counter()?;
        self.risk.load_from(from)?;
        from.same(u64::from(self.sampler.is_some()))?;
        if let Some(sampler) = &mut self.sampler {
            sampler.load_from(from)?;
        }
        self.signal = if from.bool()? { Some(Signal::loaded(from)?) } else { None };
        Ok(())
    }
}

impl Signal {
    fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            score_e6: from.i32()?,
            request_id: from.u64()?,
            requested_ns: from.time()?,
            model_hash: from.u64()?,
        })
    }
}

/// Words of a frame's header.
const HEADER_WORDS: usize = HEADER_BYTES / 8;

/// The header of a quote as words.
fn header_words(quote: &Quote) -> [u64; HEADER_WORDS] {
    let mut words = [0; HEADER_WORDS];
    let bytes = bytemuck::bytes_of(&quote.header).as_chunks::<8>().0;
    for (word, bytes) in words.iter_mut().zip(bytes) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

fn quote_of(from: &mut StateReader<'_>) -> Result<Quote, StateError> {
    let mut quote = Quote::zeroed();
    for bytes in bytemuck::bytes_of_mut(&mut quote.header).as_chunks_mut::<8>().0 {
        *bytes = from.u64()?.to_le_bytes();
    }
    quote.bid_price_ticks = PriceTicks(from.i64()?);
    quote.bid_qty_lots = QtyLots(from.i64()?);
    quote.ask_price_ticks = PriceTicks(from.i64()?);
    quote.ask_qty_lots = QtyLots(from.i64()?);
    quote.update_id = from.u64()?;
    Ok(quote)
}
