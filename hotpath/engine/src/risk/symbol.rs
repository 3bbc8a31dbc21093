//! What the gate knows of an instrument: a few cache lines, so that thousands of instruments in any
//! order stay cheap.

use super::{
    Bucket, Contribution, DuplicateLog, FxRate, NO_PRICE, NO_SLOPE, Volatility, WindowSum,
    value_e9, worst_lots,
};
use crate::hash::StateHasher;
use crate::limits::{FxSource, Row, SymbolLimits, SymbolRow, SymbolRules};
use crate::state::{StateError, StateReader};
use core::hint::select_unpredictable;
use wire::market::TradingStatus;
use wire::order::Side;

/// State of the book, as far as the gate cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookState {
    /// Whole, with both sides.
    Good,
    /// Nothing yet, a gap, a snapshot pending, or a side empty.
    Gapped,
    /// Best bid at or above best ask.
    Crossed,
}

/// The newest usable score, and what came after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalView {
    /// Engine time of the request it answers, nanoseconds; 0 where there is none.
    pub requested_ns: u64,
    /// Model of the answer.
    pub model_hash: u64,
    /// Model whose answers may be used; 0 until one is pinned.
    pub pinned_hash: u64,
    /// Score, millionths.
    pub score_e6: i32,
    /// Requests made since the one it answers.
    pub lag: u32,
    /// Equal scores in a row, this one included.
    pub repeats: u32,
}

/// What advice in force allows for orders that open something; at its loosest where there is none. An
/// order that opens nothing is never held against it: advice must not keep a position in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advised {
    /// Largest order, lots.
    pub max_order_qty_lots: i64,
    /// Largest long position, lots.
    pub max_long_lots: i64,
    /// Largest short position, lots.
    pub max_short_lots: i64,
    /// Farthest a price may lie from the reference, basis points.
    pub price_collar_bp: i64,
    /// Orders, at the advised rate.
    pub orders: Bucket,
}

impl Advised {
    fn loosest() -> Self {
        let mut loosest = Self {
            max_order_qty_lots: 0,
            max_long_lots: 0,
            max_short_lots: 0,
            price_collar_bp: 0,
            orders: Bucket::new(1, 1),
        };
        loosest.set(&SymbolLimits::LOOSEST);
        loosest
    }

    fn set(&mut self, limits: &SymbolLimits) {
        self.max_order_qty_lots = limits.max_order_qty_lots;
        self.max_long_lots = limits.max_long_lots;
        self.max_short_lots = limits.max_short_lots;
        self.price_collar_bp = limits.price_collar_bp;
        self.orders.set(limits.order_rate_per_s, limits.order_burst);
    }

    fn hash_into(&self, h: &mut StateHasher) {
        h.i64(self.max_order_qty_lots);
        h.i64(self.max_long_lots);
        h.i64(self.max_short_lots);
        h.i64(self.price_collar_bp);
        self.orders.hash_into(h);
    }

    fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.max_order_qty_lots = from.i64()?;
        self.max_long_lots = from.i64()?;
        self.max_short_lots = from.i64()?;
        self.price_collar_bp = from.i64()?;
        self.orders.load_from(from)
    }
}

/// Figures of one instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct SymbolRisk {
    // Rules.
    /// Effective limits, advice aside.
    pub limits: SymbolLimits,
    /// What advice in force allows beyond that.
    pub advised: Advised,
    /// Rules that are no numbers.
    pub rules: SymbolRules,
    /// Epoch of its row; 0 where it has none.
    pub epoch: u64,
    /// Whether orders for it are possible at all: in the table, and no inverse contract.
    pub tradable: bool,
    /// Whether its kill switch is latched.
    pub killed: bool,
    /// Whether advice allows only reducing orders.
    pub reduce_only: bool,
    // The instrument.
    /// Value of one tick on one lot, quote currency.
    pub tick_value_e9: i64,
    /// Smallest order of the venue, lots.
    pub min_qty_lots: i64,
    /// Largest order of the venue, lots.
    pub max_qty_lots: i64,
    /// Smallest order value of the venue, quote currency.
    pub min_notional_e9: i64,
    // The market.
    /// Trading status.
    pub status: TradingStatus,
    /// Book.
    pub book: BookState,
    /// Best bid, ticks; undefined where there is none.
    pub bid_ticks: i64,
    /// Best ask, ticks; undefined where there is none.
    pub ask_ticks: i64,
    /// Displayed lots a buy could take within the ten best levels, as of the last that asked: all, or
    /// as many as its limit needs.
    pub ask_depth_lots: i64,
    /// Displayed lots a sell could take within the ten best levels, as of the last that asked: all, or
    /// as many as its limit needs.
    pub bid_depth_lots: i64,
    /// Last trade, ticks; undefined before the first.
    pub last_trade_ticks: i64,
    /// Close before the session, ticks; undefined where nobody told.
    pub prior_close_ticks: i64,
    /// Engine time of the last market event, nanoseconds.
    pub last_market_ns: u64,
    /// Running median of the spread, 256ths of a tick; 0 before the first.
    pub spread_median_x256: i64,
    /// Lowest price of the venue's band, ticks; undefined where there is none.
    pub band_low_ticks: i64,
    /// Highest price of the venue's band, ticks; undefined where there is none.
    pub band_high_ticks: i64,
    /// Average daily volume, lots; negative where it is not known.
    pub adv_lots: i64,
    /// Lots that may be sold short; negative where no locate is there.
    pub locate_lots: i64,
    /// Base currency for a unit of quote currency.
    pub fx: FxRate,
    /// Engine time of the rate, nanoseconds.
    pub fx_ns: u64,
    // Exposure.
    /// Position, lots.
    pub position_lots: i64,
    /// Buys that are not done, lots.
    pub buy_lots: i64,
    /// Sells that are not done, lots.
    pub sell_lots: i64,
    /// Orders that are not done.
    pub open_orders: i64,
    /// Value of orders that are not done, quote currency.
    pub open_e9: i64,
    /// Value of orders whose state is unknown, quote currency.
    pub unknown_e9: i64,
    /// Highest own working buy price, ticks; undefined where there is none.
    pub own_bid_ticks: i64,
    /// Lowest own working sell price, ticks; undefined where there is none.
    pub own_ask_ticks: i64,
    /// Value at risk of one lot more, base currency; signed where it comes from outside; the
    /// largest number until it is known, which denies.
    pub var_slope_e9: i64,
    /// What it adds to the station's sums now.
    pub contribution: Contribution,
    // Signal and behaviour.
    /// Newest score.
    pub signal: SignalView,
    /// New and amended orders.
    pub orders: Bucket,
    /// Newest orders.
    pub duplicates: DuplicateLog,
    /// Lots filled in the window.
    pub fills: WindowSum,
    /// Its own volatility.
    pub volatility: Volatility,
}

impl SymbolRisk {
    /// An instrument without a row and without a market.
    #[must_use]
    pub fn new(row: &wire::instrument::Instrument) -> Self {
        let limits = SymbolLimits::LOOSEST;
        let inverse = wire::instrument::InstrumentType::InversePerp.code();
        Self {
            limits,
            advised: Advised::loosest(),
            rules: SymbolRules {
                order_types: 0,
                strategies: 0,
                fx: FxSource::Feed,
                band_due: true,
                locate_due: true,
            },
            epoch: 0,
            tradable: row.instrument_type != inverse && row.tick_value_e9().is_some(),
            killed: false,
            reduce_only: false,
            tick_value_e9: row.tick_value_e9().unwrap_or(1),
            min_qty_lots: row.min_qty_lots.get(),
            max_qty_lots: row.max_qty_lots.get(),
            min_notional_e9: row.min_notional_e9,
            status: TradingStatus::Trading,
            book: BookState::Gapped,
            bid_ticks: NO_PRICE,
            ask_ticks: NO_PRICE,
            ask_depth_lots: 0,
            bid_depth_lots: 0,
            last_trade_ticks: NO_PRICE,
            prior_close_ticks: NO_PRICE,
            last_market_ns: 0,
            spread_median_x256: 0,
            band_low_ticks: NO_PRICE,
            band_high_ticks: NO_PRICE,
            adv_lots: -1,
            locate_lots: -1,
            fx: FxRate::default(),
            fx_ns: 0,
            position_lots: 0,
            buy_lots: 0,
            sell_lots: 0,
            open_orders: 0,
            open_e9: 0,
            unknown_e9: 0,
            own_bid_ticks: NO_PRICE,
            own_ask_ticks: NO_PRICE,
            var_slope_e9: NO_SLOPE,
            contribution: Contribution::default(),
            signal: SignalView::default(),
            orders: Bucket::new(limits.order_rate_per_s, limits.order_burst),
            duplicates: DuplicateLog::default(),
            fills: WindowSum::default(),
            volatility: Volatility::default(),
        }
    }

    /// Takes an operator's row.
    pub fn set_row(&mut self, row: &SymbolRow, epoch: u64) {
        self.rules = row.rules;
        if let Some(adv) = row.adv_lots {
            self.adv_lots = adv;
        }
        if row.rules.fx == FxSource::Base {
            self.fx = FxRate::ONE;
        }
        self.set_limits(row.limits, epoch);
    }

    /// Takes what advice makes of the limits.
    pub fn set_advised(&mut self, limits: &SymbolLimits) {
        self.advised.set(limits);
    }

    /// Takes effective limits.
    pub fn set_limits(&mut self, limits: SymbolLimits, epoch: u64) {
        (self.limits, self.epoch) = (limits, epoch);
        self.orders.set(limits.order_rate_per_s, limits.order_burst);
    }

    /// Twice the reference price, ticks: the mid, else the last trade, else the prior close. None
    /// where that, or the bid, is not above 0: such a market cannot be valued.
    #[inline]
    #[must_use]
    pub fn reference_x2(&self) -> Option<i64> {
        let x2 = self.reference_or_none_x2();
        (x2 > 0).then_some(x2)
    }

    /// The same; not above 0 where there is none.
    #[inline]
    pub(crate) fn reference_or_none_x2(&self) -> i64 {
        let has_trade = self.last_trade_ticks != NO_PRICE;
        let old = if has_trade { self.last_trade_ticks } else { self.prior_close_ticks };
        let is_good = self.book == BookState::Good;
        let low = if is_good { self.bid_ticks } else { old };
        let high = if is_good { self.ask_ticks } else { old };
        let (x2, is_cut) = low.overflowing_add(high);
        if is_cut | (low <= 0) { 0 } else { x2 }
    }

    /// Takes a new touch; the spread's median follows by small steps. Without one of the sides the
    /// book is lost.
    #[inline]
    pub fn set_touch(&mut self, bid_ticks: i64, ask_ticks: i64) {
        if (bid_ticks == NO_PRICE) | (ask_ticks == NO_PRICE) {
            return self.lose_book();
        }
        if (bid_ticks, ask_ticks) == (self.bid_ticks, self.ask_ticks)
            && self.book == BookState::Good
        {
            return;
        }
        (self.bid_ticks, self.ask_ticks) = (bid_ticks, ask_ticks);
        let spread = ask_ticks.saturating_sub(bid_ticks);
        if spread <= 0 {
            self.book = BookState::Crossed;
            return;
        }
        self.book = BookState::Good;
        let now = spread.saturating_mul(256);
        let median = self.spread_median_x256;
        self.spread_median_x256 = if median == 0 {
            now
        } else {
            // A step of a 64th towards where the new one lies: the fixed point is the median.
            let step = (median >> 6_u32).max(1);
            match now.cmp(&median) {
                core::cmp::Ordering::Greater => median.saturating_add(step).min(now),
                core::cmp::Ordering::Less => median.saturating_sub(step).max(now),
                core::cmp::Ordering::Equal => median,
            }
        };
    }

    /// The book can no longer be used.
    pub fn lose_book(&mut self) {
        self.book = BookState::Gapped;
        (self.bid_ticks, self.ask_ticks) = (NO_PRICE, NO_PRICE);
    }

    /// Whether anything is at risk in it.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        (self.position_lots | self.buy_lots | self.sell_lots) != 0
            || self.contribution != Contribution::default()
    }

    /// What it adds to the station's sums at the present reference. What cannot be valued, for want
    /// of a reference or a rate, counts as the largest number and denies; it offsets nothing.
    #[must_use]
    pub fn contribution_now(&self) -> Contribution {
        // Half of a price per half a tick: rounded up.
        let price = self.reference_x2().and_then(|x2| x2.checked_add(1)).map(|x2| x2 >> 1_u32);
        let money = |lots: i64| {
            let value = price.and_then(|p| value_e9(p, lots.saturating_abs(), self.tick_value_e9));
            match value.filter(|_| self.fx.is_known()) {
                _ if lots == 0 => 0,
                Some(value) if lots > 0 => self.fx.convert(value),
                Some(value) => self.fx.convert(value).saturating_neg(),
                None if lots > 0 => i64::MAX,
                None => 0,
            }
        };
        let sum = |e9: i64| {
            if (e9 != 0) & !self.fx.is_known() { i64::MAX } else { self.fx.convert(e9) }
        };
        let worst = worst_lots(self.position_lots, self.buy_lots, self.sell_lots);
        Contribution {
            gross_e9: money(worst),
            up_e9: money(self.position_lots.saturating_add(self.buy_lots)),
            down_e9: money(self.sell_lots.saturating_sub(self.position_lots)),
            open_e9: sum(self.open_e9),
            unknown_e9: sum(self.unknown_e9),
            var_e9: self.var_slope_e9.saturating_abs().saturating_mul(worst),
        }
    }

    /// Displayed lots an order of this side could take.
    #[inline]
    #[must_use]
    pub fn depth_lots(&self, side: Side) -> i64 {
        select_unpredictable(side == Side::Buy, self.ask_depth_lots, self.bid_depth_lots)
    }

    /// The touch that an order of this side would meet, ticks.
    #[inline]
    #[must_use]
    pub fn across_ticks(&self, side: Side) -> i64 {
        select_unpredictable(side == Side::Buy, self.ask_ticks, self.bid_ticks)
    }

    pub(crate) fn hash_into(&self, h: &mut StateHasher) {
        self.limits.hash_into(h);
        self.advised.hash_into(h);
        self.rule_words().into_iter().for_each(|word| h.u64(word));
        h.bool(self.killed);
        h.bool(self.reduce_only);
        h.u64(u64::from(self.status.code()));
        h.u64(match self.book {
            BookState::Good => 0,
            BookState::Gapped => 1,
            BookState::Crossed => 2,
        });
        for word in [self.epoch, self.last_market_ns, self.fx.raw(), self.fx_ns] {
            h.u64(word);
        }
        for figure in [
            self.bid_ticks,
            self.ask_ticks,
            self.ask_depth_lots,
            self.bid_depth_lots,
            self.last_trade_ticks,
            self.prior_close_ticks,
            self.spread_median_x256,
            self.band_low_ticks,
            self.band_high_ticks,
            self.adv_lots,
            self.locate_lots,
            self.position_lots,
            self.buy_lots,
            self.sell_lots,
            self.open_orders,
            self.open_e9,
            self.unknown_e9,
            self.own_bid_ticks,
            self.own_ask_ticks,
            self.var_slope_e9,
        ] {
            h.i64(figure);
        }
        self.contribution.hash_into(h);
        let s = &self.signal;
        for word in [s.requested_ns, s.model_hash, s.pinned_hash, u64::from(s.lag)] {
            h.u64(word);
        }
        h.i64(i64::from(s.score_e6));
        h.u64(u64::from(s.repeats));
        self.orders.hash_into(h);
        self.duplicates.hash_into(h);
        self.fills.hash_into(h);
        self.volatility.hash_into(h);
    }

    /// What setup and limits file give and no input changes.
    fn rule_words(&self) -> [u64; 10] {
        [
            u64::from(self.rules.order_types),
            self.rules.strategies,
            u64::from(self.rules.fx == FxSource::Base),
            u64::from(self.rules.band_due),
            u64::from(self.rules.locate_due),
            u64::from(self.tradable),
            self.tick_value_e9.cast_unsigned(),
            self.min_qty_lots.cast_unsigned(),
            self.max_qty_lots.cast_unsigned(),
            self.min_notional_e9.cast_unsigned(),
        ]
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.limits.load_from(from)?;
        self.advised.load_from(from)?;
        for word in self.rule_words() {
            from.same(word)?;
        }
        self.killed = from.bool()?;
        self.reduce_only = from.bool()?;
        self.status = from.code(TradingStatus::from_code)?;
        self.book = from.code(|code| match code {
            0 => Some(BookState::Good),
            1 => Some(BookState::Gapped),
            2 => Some(BookState::Crossed),
            _ => None,
        })?;
        self.epoch = from.u64()?;
        self.last_market_ns = from.u64()?;
        let fx = from.u64()?;
        self.fx = FxRate::from_raw(fx).ok_or_else(|| from.bad())?;
        self.fx_ns = from.u64()?;
        for figure in [
            &mut self.bid_ticks,
            &mut self.ask_ticks,
            &mut self.ask_depth_lots,
            &mut self.bid_depth_lots,
            &mut self.last_trade_ticks,
            &mut self.prior_close_ticks,
            &mut self.spread_median_x256,
            &mut self.band_low_ticks,
            &mut self.band_high_ticks,
            &mut self.adv_lots,
            &mut self.locate_lots,
            &mut self.position_lots,
            &mut self.buy_lots,
            &mut self.sell_lots,
            &mut self.open_orders,
            &mut self.open_e9,
            &mut self.unknown_e9,
            &mut self.own_bid_ticks,
            &mut self.own_ask_ticks,
            &mut self.var_slope_e9,
        ] {
            *figure = from.i64()?;
        }
        self.contribution = Contribution::loaded(from)?;
        let s = &mut self.signal;
        s.requested_ns = from.u64()?;
        s.model_hash = from.u64()?;
        s.pinned_hash = from.u64()?;
        s.lag = from.fit()?;
        s.score_e6 = from.i32()?;
        s.repeats = from.fit()?;
        self.orders.load_from(from)?;
        self.duplicates.load_from(from)?;
        self.fills.load_from(from)?;
        self.volatility.load_from(from)
    }
}
