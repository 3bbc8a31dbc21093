//! Open-high-low-close bars of one instrument's trades, by engine time.
//!
//! Owns: the open bar of each interval. Bars lie on whole multiples of their interval since the
//! UNIX epoch, and a bar exists only where a trade fell into it: nobody may assume a dense grid.
//! A bar closes by time, not by the next trade: [`BarAggregator::advance`] closes what has ended.
//!
//! Must never: use a float, wrap a sum, reopen a closed bar, or allocate. Runs on the order loop.

use crate::state::{StateError, StateReader};
use wire::market::AggressorSide;
use wire::{PriceTicks, QtyLots, TsNs};

/// Length of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarInterval {
    /// One second.
    Second,
    /// One minute.
    Minute,
    /// One hour.
    Hour,
}

impl BarInterval {
    /// Every interval, shortest first.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// The length, ns.
    #[must_use]
    pub const fn ns(self) -> u64 {
        match self {
            Self::Second => 1_000_000_000,
            Self::Minute => 60_000_000_000,
            Self::Hour => 3_600_000_000_000,
        }
    }

    /// Start of the bar a moment falls into.
    const fn start_of(self, ts: TsNs) -> TsNs {
        TsNs(ts.0 - ts.0 % self.ns())
    }
}

/// What the trades of one interval came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Length of the bar.
    pub interval: BarInterval,
    /// Start of the bar, engine time; a multiple of the interval. The end is exclusive.
    pub start_ns: TsNs,
    /// Price of the first trade, ticks.
    pub open_ticks: PriceTicks,
    /// Highest price, ticks.
    pub high_ticks: PriceTicks,
    /// Lowest price, ticks.
    pub low_ticks: PriceTicks,
    /// Price of the last trade, ticks.
    pub close_ticks: PriceTicks,
    /// Quantity traded, lots.
    pub volume_lots: i64,
    /// Part of it in which the buyer was the aggressor, lots.
    pub buy_volume_lots: i64,
    /// Sum of price times quantity, ticks times lots: over `volume_lots` it is the volume-weighted
    /// average price.
    pub notional_tick_lots: i128,
    /// Trades in the bar, at least 1.
    pub trades: u32,
    /// Trades left out because a sum would have wrapped: where it is not 0 the bar is not exact.
    pub left_out: u32,
}

impl Bar {
    const NONE: Self = Self {
        interval: BarInterval::Second,
        start_ns: TsNs::UNDEF,
        open_ticks: PriceTicks::UNDEF,
        high_ticks: PriceTicks::UNDEF,
        low_ticks: PriceTicks::UNDEF,
        close_ticks: PriceTicks::UNDEF,
        volume_lots: 0,
        buy_volume_lots: 0,
        notional_tick_lots: 0,
        trades: 0,
        left_out: 0,
    };

    /// First moment after the bar.
    #[must_use]
    pub const fn end_ns(&self) -> TsNs {
        self.start_ns.saturating_add(self.interval.ns())
    }

    /// Volume-weighted average price, millionths of a tick, rounded down; `None` where it does not
    /// fit.
    #[must_use]
    pub fn vwap_e6(&self) -> Option<i64> {
        let scaled = self.notional_tick_lots.checked_mul(1_000_000)?;
        i64::try_from(scaled.checked_div_euclid(i128::from(self.volume_lots))?).ok()
    }

    /// A bar of one trade.
    fn opened(interval: BarInterval, ts: TsNs, trade: &Traded) -> Self {
        let mut bar = Self {
            interval,
            start_ns: interval.start_of(ts),
            open_ticks: trade.price,
            high_ticks: trade.price,
            low_ticks: trade.price,
            ..Self::NONE
        };
        bar.add(trade);
        bar
    }

    fn add(&mut self, trade: &Traded) {
        let bought = if trade.buy { trade.qty } else { 0 };
        let sums = self
            .volume_lots
            .checked_add(trade.qty)
            .zip(self.notional_tick_lots.checked_add(trade.notional))
            .zip(self.trades.checked_add(1));
        let Some(((volume, notional), trades)) = sums else {
            self.left_out = self.left_out.saturating_add(1);
            return;
        };
        self.volume_lots = volume;
        // At most the volume, so it cannot wrap where the volume does not.
        self.buy_volume_lots = self.buy_volume_lots.saturating_add(bought);
        self.notional_tick_lots = notional;
        self.trades = trades;
        self.high_ticks = self.high_ticks.max(trade.price);
        self.low_ticks = self.low_ticks.min(trade.price);
        self.close_ticks = trade.price;
    }

    fn hash_into(&self, add: &mut impl FnMut(u64)) {
        add(self.start_ns.0);
        for price in [self.open_ticks, self.high_ticks, self.low_ticks, self.close_ticks] {
            add(price.0.cast_unsigned());
        }
        add(self.volume_lots.cast_unsigned());
        add(self.buy_volume_lots.cast_unsigned());
        for half in self.notional_tick_lots.to_le_bytes().chunks_exact(8) {
            add(half.try_into().map_or(0, u64::from_le_bytes));
        }
        add(u64::from(self.trades) | u64::from(self.left_out) << 32);
    }

    fn loaded(interval: BarInterval, from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let mut bar = Self { interval, start_ns: from.time()?, ..Self::NONE };
        for price in
            [&mut bar.open_ticks, &mut bar.high_ticks, &mut bar.low_ticks, &mut bar.close_ticks]
        {
            *price = PriceTicks(from.i64()?);
        }
        bar.volume_lots = from.i64()?;
        bar.buy_volume_lots = from.i64()?;
        bar.notional_tick_lots = from.i128()?;
        let counts = from.u64()?.to_le_bytes();
        let half = |n: usize| counts.as_chunks::<4>().0.get(n).copied().map(u32::from_le_bytes);
        (bar.trades, bar.left_out) = (half(0).unwrap_or(0), half(1).unwrap_or(0));
        Ok(bar)
    }
}

/// The bars that closed at one step, at most one of each interval, shortest first.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ClosedBars([Option<Bar>; 3]);

impl ClosedBars {
    /// Made at every event: an option tells with one byte that there is no bar, and this way only
    /// that byte is written.
    #[inline]
    fn none() -> Self {
        Self(core::array::from_fn(|_| None))
    }

    /// The bars, in the order of [`BarInterval::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = &Bar> {
        self.0.iter().flatten()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// Why a trade was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTrade {
    /// The quantity is not positive.
    Quantity,
    /// The price is undefined.
    Price,
    /// The time is undefined.
    Time,
}

/// A checked trade.
struct Traded {
    price: PriceTicks,
    qty: i64,
    notional: i128,
    buy: bool,
}

/// Builds the bars of one instrument.
#[derive(Clone, Debug)]
pub struct BarAggregator {
    /// The latest engine time seen; never goes back.
    now: TsNs,
    open: [Option<Bar>; 3],
    /// When the next open bar ends; undefined where none is open. Asked at every event.
    next_close: TsNs,
}

impl Default for BarAggregator {
    fn default() -> Self {
        Self::new()
    }
}

impl BarAggregator {
    /// No bar open.
    #[must_use]
    pub const fn new() -> Self {
        Self { now: TsNs(0), open: [None; 3], next_close: TsNs::UNDEF }
    }

    /// Takes a trade at engine time `ts` and returns the bars that closed before it. A trade whose
    /// time lies before one already seen counts at the latest time: a closed bar stays closed.
    ///
    /// # Errors
    /// [`BadTrade`]; nothing was changed.
    pub fn on_trade(
        &mut self,
        ts: TsNs,
        price_ticks: PriceTicks,
        qty_lots: QtyLots,
        aggressor: AggressorSide,
    ) -> Result<ClosedBars, BadTrade> {
        if ts == TsNs::UNDEF {
            return Err(BadTrade::Time);
        }
        if qty_lots.get() <= 0 {
            return Err(BadTrade::Quantity);
        }
        if !price_ticks.is_defined() {
            return Err(BadTrade::Price);
        }
        let trade = Traded {
            price: price_ticks,
            qty: qty_lots.get(),
            // 63 bits times 63 bits: fits.
            notional: i128::from(price_ticks.get()) * i128::from(qty_lots.get()),
            buy: aggressor == AggressorSide::Buy,
        };
        let closed = self.advance(ts);
        for (open, interval) in self.open.iter_mut().zip(BarInterval::ALL) {
            match open {
                Some(bar) => bar.add(&trade),
                None => *open = Some(Bar::opened(interval, self.now, &trade)),
            }
        }
        self.next_close = self.earliest_end();
        Ok(closed)
    }

    /// Moves engine time on and returns the bars that have ended. An undefined time or one before
    /// the latest changes nothing.
    #[inline]
    pub fn advance(&mut self, ts: TsNs) -> ClosedBars {
        let mut closed = ClosedBars::none();
        if ts == TsNs::UNDEF || ts <= self.now {
            return closed;
        }
        self.now = ts;
        // Undefined is later than any time that is not.
        if ts < self.next_close {
            return closed;
        }
        for (open, closed) in self.open.iter_mut().zip(&mut closed.0) {
            if open.as_ref().is_some_and(|bar| bar.end_ns() <= ts) {
                *closed = open.take();
            }
        }
        self.next_close = self.earliest_end();
        closed
    }

    /// When the next open bar ends: a timer set for then closes it on time. `None` where no bar is
    /// open.
    #[must_use]
    pub fn next_close_ns(&self) -> Option<TsNs> {
        (self.next_close != TsNs::UNDEF).then_some(self.next_close)
    }

    fn earliest_end(&self) -> TsNs {
        self.open.iter().flatten().map(Bar::end_ns).min().unwrap_or(TsNs::UNDEF)
    }

    /// The bar of an interval that is still open.
    #[must_use]
    pub fn open_bar(&self, interval: BarInterval) -> Option<&Bar> {
        self.open.iter().flatten().find(|bar| bar.interval == interval)
    }

    /// Feeds the whole state to a hash.
    pub fn hash_into(&self, add: &mut impl FnMut(u64)) {
        add(self.now.0);
        for open in &self.open {
            add(u64::from(open.is_some()));
            if let Some(bar) = open {
                bar.hash_into(add);
            }
        }
    }

    /// Takes back what [`BarAggregator::hash_into`] fed.
    ///
    /// # Errors
    /// [`StateError`]; then it is half loaded.
    pub fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.now = from.time()?;
        for (open, interval) in self.open.iter_mut().zip(BarInterval::ALL) {
            *open = if from.bool()? { Some(Bar::loaded(interval, from)?) } else { None };
        }
        self.next_close = self.earliest_end();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = BarInterval::Second.ns();
    const MINUTE: u64 = BarInterval::Minute.ns();
    const HOUR: u64 = BarInterval::Hour.ns();
    /// A whole hour.
    const T0: u64 = 480_000 * HOUR;

    fn trade(bars: &mut BarAggregator, ts: u64, price: i64, qty: i64) -> Vec<Bar> {
        let side = if qty % 2 == 0 { AggressorSide::Buy } else { AggressorSide::Sell };
        bars.on_trade(TsNs(ts), PriceTicks(price), QtyLots(qty), side)
            .unwrap()
            .iter()
            .copied()
            .collect()
    }

    #[test]
    fn sums_what_falls_into_a_bar() {
        let mut bars = BarAggregator::new();
        for (at, price, qty) in [(0, 100, 4), (1, 120, 1), (2, 90, 2), (SECOND - 1, 95, 3)] {
            assert!(trade(&mut bars, T0 + at, price, qty).is_empty());
        }
        let closed = trade(&mut bars, T0 + SECOND, 96, 2);
        let want = Bar {
            interval: BarInterval::Second,
            start_ns: TsNs(T0),
            open_ticks: PriceTicks(100),
            high_ticks: PriceTicks(120),
            low_ticks: PriceTicks(90),
            close_ticks: PriceTicks(95),
            volume_lots: 10,
            buy_volume_lots: 6,
            notional_tick_lots: 400 + 120 + 180 + 285,
            trades: 4,
            left_out: 0,
        };
        assert_eq!(closed, [want]);
        assert_eq!(want.vwap_e6(), Some(98_500_000));
        assert_eq!(bars.open_bar(BarInterval::Second).unwrap().start_ns, TsNs(T0 + SECOND));
        assert_eq!(bars.open_bar(BarInterval::Minute).unwrap().volume_lots, 12);
    }

    #[test]
    fn closes_by_time_at_the_end_and_not_before() {
        let mut bars = BarAggregator::new();
        assert!(bars.advance(TsNs(T0)).is_empty());
        trade(&mut bars, T0 + 5, 100, 1);
        assert_eq!(bars.next_close_ns(), Some(TsNs(T0 + SECOND)));
        assert!(bars.advance(TsNs(T0 + SECOND - 1)).is_empty());
        assert_eq!(bars.advance(TsNs(T0 + SECOND)).len(), 1);
        assert!(bars.advance(TsNs(T0 + SECOND)).is_empty());
        assert_eq!(bars.next_close_ns(), Some(TsNs(T0 + MINUTE)));
        let late = bars.advance(TsNs(T0 + 3 * HOUR));
        let intervals: Vec<_> = late.iter().map(|bar| bar.interval).collect();
        assert_eq!(intervals, [BarInterval::Minute, BarInterval::Hour]);
        assert_eq!(bars.next_close_ns(), None);
    }

    #[test]
    fn leaves_no_bar_where_there_was_no_trade() {
        let mut bars = BarAggregator::new();
        trade(&mut bars, T0, 100, 1);
        let closed = trade(&mut bars, T0 + 10 * MINUTE, 101, 1);
        assert_eq!(closed.len(), 2);
        assert!(closed.iter().all(|bar| bar.start_ns == TsNs(T0)));
        let closed = trade(&mut bars, T0 + 10 * MINUTE + SECOND, 101, 1);
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].start_ns, TsNs(T0 + 10 * MINUTE));
    }

    #[test]
    fn counts_a_late_trade_at_the_latest_time() {
        let mut bars = BarAggregator::new();
        trade(&mut bars, T0, 100, 1);
        assert_eq!(bars.advance(TsNs(T0 + SECOND)).len(), 1);
        assert!(trade(&mut bars, T0 + 7, 200, 1).is_empty());
        assert_eq!(bars.open_bar(BarInterval::Second).unwrap().start_ns, TsNs(T0 + SECOND));
    }

    #[test]
    fn refuses_bad_trades_and_changes_nothing() {
        let mut bars = BarAggregator::new();
        trade(&mut bars, T0, 100, 1);
        let mut before = Vec::new();
        bars.hash_into(&mut |word| before.push(word));
        let late = TsNs(T0 + HOUR);
        let side = AggressorSide::Unknown;
        for (ts, price, qty, why) in [
            (TsNs::UNDEF, PriceTicks(1), QtyLots(1), BadTrade::Time),
            (late, PriceTicks::UNDEF, QtyLots(1), BadTrade::Price),
            (late, PriceTicks(1), QtyLots(0), BadTrade::Quantity),
            (late, PriceTicks(1), QtyLots(-1), BadTrade::Quantity),
        ] {
            assert_eq!(bars.on_trade(ts, price, qty, side).unwrap_err(), why);
        }
        let mut after = Vec::new();
        bars.hash_into(&mut |word| after.push(word));
        assert_eq!(before, after);
    }

    #[test]
    fn a_sum_that_would_wrap_leaves_the_trade_out_and_says_so() {
        let mut bars = BarAggregator::new();
        trade(&mut bars, T0, i64::MAX, i64::MAX);
        trade(&mut bars, T0 + 1, 5, 1);
        let bar = *bars.open_bar(BarInterval::Hour).unwrap();
        assert_eq!((bar.volume_lots, bar.trades, bar.left_out), (i64::MAX, 1, 1));
        assert_eq!(bar.low_ticks, PriceTicks(i64::MAX));
        assert_eq!(bar.vwap_e6(), None);
    }

    #[test]
    fn every_field_is_in_the_hash() {
        let mut bars = BarAggregator::new();
        trade(&mut bars, T0, 100, 2);
        let hash = |bars: &BarAggregator| {
            let mut words = Vec::new();
            bars.hash_into(&mut |word| words.push(word));
            words
        };
        let changes: [fn(&mut Bar); 10] = [
            |bar| bar.start_ns.0 += 1,
            |bar| bar.open_ticks.0 += 1,
            |bar| bar.high_ticks.0 += 1,
            |bar| bar.low_ticks.0 += 1,
            |bar| bar.close_ticks.0 += 1,
            |bar| bar.volume_lots += 1,
            |bar| bar.buy_volume_lots += 1,
            |bar| bar.notional_tick_lots += 1 << 64,
            |bar| bar.trades += 1,
            |bar| bar.left_out += 1,
        ];
        for (interval, change) in (0..3).flat_map(|i| changes.map(|change| (i, change))) {
            let mut other = bars.clone();
            change(other.open[interval].as_mut().unwrap());
            assert_ne!(hash(&bars), hash(&other));
        }
        let mut other = bars.clone();
        assert!(other.advance(TsNs(T0 + 1)).is_empty());
        assert_ne!(hash(&bars), hash(&other));
        other.open[2] = None;
        assert_ne!(hash(&bars), hash(&other));
    }
}
