//! The market as the engine sees it, one instrument: book, touch, last trade, age, position and
//! reserved exposure.

use crate::bars::BarAggregator;
use crate::book::L2Book;
use crate::hash::StateHasher;
use crate::position::Position;
use crate::sampler::Sampler;
use crate::setup::Limits;
use wire::instrument::Instrument;
use wire::market::{Level, Quote, TradingStatus};
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

/// Exposure reserved by orders that are not done, lots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// Working buys.
    pub buy_lots: i64,
    /// Working sells.
    pub sell_lots: i64,
    /// Working orders.
    pub orders: u32,
}

/// A token bucket in integer engine time: one order costs one second divided by the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateBucket {
    /// Engine time at which the bucket is (or would be) full again, nanoseconds.
    full_at_ns: u64,
}

impl RateBucket {
    /// Whether an order may pass at `now`: how many orders' worth is used, after this one.
    #[must_use]
    pub fn used_after(self, now: TsNs, rate_per_s: u32) -> u64 {
        let cost = 1_000_000_000 / u64::from(rate_per_s.max(1));
        let backlog = self.full_at_ns.saturating_sub(now.get());
        backlog.div_ceil(cost.max(1)).saturating_add(1)
    }

    /// Takes one order's worth.
    pub fn take(&mut self, now: TsNs, rate_per_s: u32) {
        let cost = 1_000_000_000 / u64::from(rate_per_s.max(1));
        self.full_at_ns = self.full_at_ns.max(now.get()).saturating_add(cost);
    }

    pub(crate) fn hash_into(self, h: &mut StateHasher) {
        h.u64(self.full_at_ns);
    }
}

/// Everything the engine holds for one instrument.
#[derive(Debug)]
pub struct InstrumentState {
    /// The row of the instrument table.
    pub row: Instrument,
    /// Value of one tick on one lot, billionths of the quote currency.
    pub tick_value_e9: i64,
    /// The limits, or none: then every order is denied.
    pub limits: Option<Limits>,
    /// The book, from depth messages only.
    pub book: L2Book,
    /// The venue's own best quote, where it sends one.
    pub quote: Option<Quote>,
    /// Last trade price, ticks.
    pub last_trade_ticks: PriceTicks,
    /// Trading status.
    pub status: TradingStatus,
    /// Engine time of the last market event that touched book, quote or trade.
    pub last_market_ns: TsNs,
    /// Bars of 1 s, 1 min and 1 h.
    pub bars: BarAggregator,
    /// Position of the whole station in this instrument.
    pub position: Position,
    /// Exposure of orders that are not done.
    pub reserved: Reserved,
    /// Order rate.
    pub rate: RateBucket,
    /// Sampler for signal requests, where a strategy on this instrument uses signals.
    pub sampler: Option<Sampler>,
    /// Latest usable score.
    pub signal: Option<Signal>,
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

    /// The reference for the price collar and for marking: twice the mid of the touch.
    #[must_use]
    pub fn reference_x2(&self) -> Option<i64> {
        self.touch()?.mid_x2()
    }

    /// The price at which the position would be closed: the bid for a long, the ask for a short.
    #[must_use]
    pub fn mark(&self) -> Option<PriceTicks> {
        let touch = self.touch()?;
        Some(if self.position.lots().get() >= 0 {
            touch.bid.price_ticks
        } else {
            touch.ask.price_ticks
        })
    }

    /// Changes the reserved exposure of one order.
    ///
    /// # Panics
    /// When more would be released than was reserved: exposure must never be understated.
    pub fn reserve(&mut self, side: Side, qty: QtyLots, orders: i32) {
        let lots = match side {
            Side::Buy => &mut self.reserved.buy_lots,
            Side::Sell => &mut self.reserved.sell_lots,
        };
        *lots = lots.saturating_add(qty.get());
        assert!(*lots >= 0, "no more exposure is released than was reserved");
        self.reserved.orders = self
            .reserved
            .orders
            .checked_add_signed(orders)
            .expect("no more orders are released than were reserved");
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.book.hash_into(&mut |word| h.u64(word));
        if let Some(quote) = &self.quote {
            h.i64(quote.bid_price_ticks.get());
            h.i64(quote.bid_qty_lots.get());
            h.i64(quote.ask_price_ticks.get());
            h.i64(quote.ask_qty_lots.get());
            h.u64(quote.update_id);
        }
        h.bool(self.quote.is_some());
        h.i64(self.last_trade_ticks.get());
        h.u64(u64::from(self.status.code()));
        h.u64(self.last_market_ns.get());
        self.bars.hash_into(&mut |word| h.u64(word));
        self.position.hash_into(h);
        h.i64(self.reserved.buy_lots);
        h.i64(self.reserved.sell_lots);
        h.u64(u64::from(self.reserved.orders));
        self.rate.hash_into(h);
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
        h.bool(self.limits.is_some());
        if let Some(l) = &self.limits {
            h.i64(l.max_order_qty_lots.get());
            h.i64(l.max_order_notional_e9);
            h.i64(l.max_long_lots);
            h.i64(l.max_short_lots);
            h.u64(u64::from(l.max_open_orders));
            h.u64(u64::from(l.price_collar_bp));
            h.u64(u64::from(l.order_rate_per_s));
            h.u64(u64::from(l.order_burst));
            h.u64(l.max_market_age_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_bucket_lets_the_burst_through_then_the_rate() {
        let mut bucket = RateBucket::default();
        let (rate, burst) = (10, 3_u64);
        let now = TsNs(1_000_000_000_000);
        let mut passed = 0;
        while bucket.used_after(now, rate) <= burst {
            bucket.take(now, rate);
            passed += 1;
        }
        assert_eq!(passed, burst, "a full bucket holds exactly the burst");
        // One order's worth comes back each tenth of a second, no sooner.
        assert!(bucket.used_after(TsNs(now.get() + 99_999_999), rate) > burst);
        assert!(bucket.used_after(TsNs(now.get() + 100_000_000), rate) <= burst);
        // A clock that stands still or a long pause never gives more than the burst.
        let later = TsNs(now.get() + 3_600_000_000_000);
        assert_eq!(bucket.used_after(later, rate), 1);
    }
}
