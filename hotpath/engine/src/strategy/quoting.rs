//! Quoting: one resting bid and one resting ask round a price that leans against the inventory.
//!
//! After M. Avellaneda and S. Stoikov, "High-frequency trading in a limit order book",
//! Quantitative Finance 8(3), 2008, 217-224:
//!
//! - reservation price (3.17): `r = s - q gamma sigma^2 (T - t)`,
//! - optimal spread (3.18): `gamma sigma^2 (T - t) + (2 / gamma) ln(1 + gamma / kappa)`,
//!
//! with the bid half a spread below `r` and the ask half a spread above. Here `s` is the mid of the
//! touch in ticks, `q` the strategy's position over its greatest inventory (-1 to 1), `gamma` the
//! risk aversion and `kappa` the decay of the fill rate with distance, both for one tick. This
//! market never closes, so `T - t` is a constant horizon that rolls with the clock.
//!
//! `sigma^2` is measured, ticks squared a second: whenever a one-second bar closes, the change `d`
//! of the mid since the last such moment, `n` seconds of bars ago, is a sample `d^2 / n`, and the
//! variance moves by `(sample - variance) / min(samples, sigma_bars)`: a plain average at first, an
//! exponential one with weight `1 / sigma_bars` after. It quotes from `sigma_bars` samples on.
//!
//! Floats stay inside, with `+ - * /` and `libm`. At the edge the bid is rounded down and the ask
//! up to a whole tick; what is no finite price from 1 up is not quoted. Must never: quote at or
//! through the opposite touch or its own other order, or a side whose fill would pass the greatest
//! inventory. Asks one thing of a side, then pauses.

use super::{Context, Event, Intent, Intents, OrderUpdate, Placement, Strategy};
use crate::bars::{Bar, BarInterval};
use crate::hash::StateHasher;
use crate::instrument::Touch;
use crate::order::is_done;
use crate::orders::Order;
use crate::state::{StateError, StateReader};
use wire::order::Side;
use wire::{ClOrdId, PriceTicks, QtyLots, TsNs};

/// Largest price or inventory a float holds exactly with its half: above it nothing is quoted.
const EXACT: f64 = 4_503_599_627_370_496.0;
/// Longest the variance may remember, bars.
pub const MAX_SIGMA_BARS: u32 = 3_600;
/// Greatest inventory, lots: exact as a float.
pub const MAX_INVENTORY: i64 = 1_000_000_000_000_000;
const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Size of each quote, lots.
    pub qty_lots: QtyLots,
    /// Greatest position to either side, lots; `q` is the position over it.
    pub max_inventory_lots: i64,
    /// Risk aversion `gamma`, millionths for one tick.
    pub gamma_e6: u32,
    /// Decay of the fill rate `kappa`, millionths for one tick.
    pub kappa_e6: u32,
    /// The horizon `T - t`, nanoseconds of engine time.
    pub horizon_ns: u64,
    /// Samples of the variance before the first quote, and its memory after.
    pub sigma_bars: u32,
    /// A quote is moved once the wanted price is this far from it, ticks.
    pub requote_ticks: i64,
    /// Engine time between two requests for one side, nanoseconds.
    pub pause_ns: u64,
}

impl Params {
    /// The first parameter outside its range, and what is allowed.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        let lots = self.qty_lots.get()..=MAX_INVENTORY;
        [
            (self.qty_lots.get() > 0, "qty_lots", "above 0"),
            (lots.contains(&self.max_inventory_lots), "max_inventory_lots", "qty_lots to 10^15"),
            ((1..=1_000_000).contains(&self.gamma_e6), "gamma_e6", "1 to 1000000"),
            ((1..=1_000_000).contains(&self.kappa_e6), "kappa_e6", "1 to 1000000"),
            (self.horizon_ns > 0, "horizon_ms", "above 0"),
            ((2..=MAX_SIGMA_BARS).contains(&self.sigma_bars), "sigma_bars", "2 to 3600"),
            ((1..=1_000_000).contains(&self.requote_ticks), "requote_ticks", "1 to 1000000"),
            (self.pause_ns > 0, "pause_ms", "above 0"),
        ]
        .into_iter()
        .find(|(good, ..)| !good)
        .map(|(_, key, allowed)| (key, allowed))
    }

    fn words(&self) -> [u64; 8] {
        [
            self.qty_lots.get().cast_unsigned(),
            self.max_inventory_lots.cast_unsigned(),
            u64::from(self.gamma_e6),
            u64::from(self.kappa_e6),
            self.horizon_ns,
            u64::from(self.sigma_bars),
            self.requote_ticks.cast_unsigned(),
            self.pause_ns,
        ]
    }
}

/// The strategy.
#[derive(Debug)]
pub struct Quoting {
    params: Params,
    model: Model,
    variance: Variance,
    bid: Quote,
    ask: Quote,
}

/// The two formulas with everything but market and inventory put in.
#[derive(Clone, Copy, Debug)]
struct Model {
    /// `gamma (T - t)`: times the variance it is the inventory's part of both formulas.
    risk: f64,
    /// `(2 / gamma) ln(1 + gamma / kappa)`, ticks.
    base_spread: f64,
}

impl Model {
    fn new(params: &Params) -> Self {
        let gamma = f64::from(params.gamma_e6) / 1e6;
        let kappa = f64::from(params.kappa_e6) / 1e6;
        let horizon = real_ns(params.horizon_ns) / 1e9;
        Self { risk: gamma * horizon, base_spread: 2.0 / gamma * libm::log1p(gamma / kappa) }
    }

    /// Bid and ask before any rule but the formulas, ticks; `None` where a number is no price.
    fn prices(&self, mid_x2: i64, q: f64, variance: f64) -> (Option<i64>, Option<i64>) {
        let risk = self.risk * variance;
        let reservation = real(mid_x2) / 2.0 - q * risk;
        let half_spread = 0.5 * (risk + self.base_spread);
        let bid = libm::floor(reservation - half_spread);
        let ask = libm::ceil(reservation + half_spread);
        (price_of(bid), price_of(ask))
    }
}

/// The running variance of the mid.
#[derive(Clone, Copy, Debug, Default)]
struct Variance {
    per_s: f64,
    samples: u32,
    last: Option<(i64, TsNs)>,
}

impl Variance {
    fn on_bar(&mut self, bar: &Bar, mid_x2: i64, memory: u32) {
        let end = bar.end_ns();
        let seconds = |from: TsNs| end.get().saturating_sub(from.get()) / BarInterval::Second.ns();
        if let Some((last, from)) = self.last
            && let Some(change_x2) = mid_x2.checked_sub(last)
            && let Ok(seconds @ 1..) = u32::try_from(seconds(from))
        {
            let change = real(change_x2) / 2.0;
            let sample = change * change / f64::from(seconds);
            self.samples = self.samples.saturating_add(1).min(memory);
            self.per_s += (sample - self.per_s) / f64::from(self.samples);
        }
        self.last = Some((mid_x2, end));
    }
}

/// The order of one side.
#[derive(Clone, Copy, Debug)]
struct Quote {
    working: Option<Working>,
    quiet_until: TsNs,
}

#[derive(Clone, Copy, Debug)]
struct Working {
    id: ClOrdId,
    price: i64,
    leaves: i64,
    cancel_wanted: bool,
}

impl Working {
    fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            id: ClOrdId(from.u64()?),
            price: from.i64()?,
            leaves: from.i64()?,
            cancel_wanted: from.bool()?,
        })
    }
}

impl Quote {
    const NONE: Self = Self { working: None, quiet_until: TsNs(0) };

    fn follow(&mut self, order: &Order) {
        self.working = (!is_done(order.status)).then_some(Working {
            id: order.cl_ord_id,
            price: order.request.price_ticks.get(),
            leaves: order.leaves_qty_lots.get(),
            cancel_wanted: order.cancel_wanted,
        });
    }

    fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.quiet_until.get());
        h.bool(self.working.is_some());
        if let Some(working) = &self.working {
            h.u64(working.id.get());
            h.i64(working.price);
            h.i64(working.leaves);
            h.bool(working.cancel_wanted);
        }
    }

    fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.quiet_until = from.time()?;
        self.working = if from.bool()? { Some(Working::loaded(from)?) } else { None };
        Ok(())
    }
}

impl Quoting {
    /// A flat strategy that has seen nothing.
    #[must_use]
    pub fn new(params: Params) -> Self {
        let model = Model::new(&params);
        let variance = Variance::default();
        Self { params, model, variance, bid: Quote::NONE, ask: Quote::NONE }
    }

    /// The prices wanted now, bid and ask, each inside the opposite touch.
    fn wanted(&self, touch: &Touch, lots: i64) -> (Option<i64>, Option<i64>) {
        let open = touch.spread_ticks().is_some_and(|spread| spread > 0);
        let (true, Some(mid_x2)) = (open, touch.mid_x2()) else {
            return (None, None);
        };
        if self.variance.samples < self.params.sigma_bars {
            return (None, None);
        }
        let q = real(lots) / real(self.params.max_inventory_lots);
        let (bid, ask) = self.model.prices(mid_x2, q, self.variance.per_s);
        let highest = touch.ask.price_ticks.get().checked_sub(1);
        let lowest = touch.bid.price_ticks.get().checked_add(1);
        let bid = bid.zip(highest).map(|(bid, highest)| bid.min(highest));
        let ask = ask.zip(lowest).map(|(ask, lowest)| ask.max(lowest));
        (bid.filter(|price| *price > 0), ask.filter(|price| *price > 0))
    }

    /// Whether a fill of `qty` on this side stays within the greatest inventory.
    fn fits(&self, side: Side, lots: i64, qty: i64) -> bool {
        let after = match side {
            Side::Buy => lots.checked_add(qty),
            Side::Sell => lots.checked_sub(qty).and_then(i64::checked_neg),
        };
        after.is_some_and(|after| after <= self.params.max_inventory_lots)
    }

    fn requote(&mut self, context: &Context<'_>, wishes: &mut Intents) {
        let lots = context.position.lots().get();
        let touch = context.instrument.touch();
        let (bid, ask) = touch.map_or((None, None), |touch| self.wanted(&touch, lots));
        for (side, wanted) in SIDES.into_iter().zip([bid, ask]) {
            self.requote_side(side, wanted, lots, context.now, wishes);
        }
    }

    fn requote_side(
        &mut self,
        side: Side,
        wanted: Option<i64>,
        lots: i64,
        now: TsNs,
        wishes: &mut Intents,
    ) {
        let params = self.params;
        let (own, other) = match side {
            Side::Buy => (self.bid, self.ask),
            Side::Sell => (self.ask, self.bid),
        };
        let Some(working) = own.working else {
            let qty = params.qty_lots;
            let clear = |price: &i64| match (side, other.working) {
                (_, None) => true,
                (Side::Buy, Some(ask)) => *price < ask.price,
                (Side::Sell, Some(bid)) => *price > bid.price,
            };
            let price = wanted.filter(clear).filter(|_| self.fits(side, lots, qty.get()));
            if let Some(price) = price.filter(|_| now >= own.quiet_until) {
                wishes.push(Intent::Place(Placement::post_only(side, PriceTicks(price), qty)));
                self.pause(side, now);
            }
            return;
        };
        if working.cancel_wanted {
            return;
        }
        let far = wanted.is_none_or(|price| price.abs_diff(working.price) >= gap(&params));
        // The bound does not wait for the pause.
        let beyond = !self.fits(side, lots, working.leaves);
        if beyond || (far && now >= own.quiet_until) {
            wishes.push(Intent::Cancel(working.id));
            self.pause(side, now);
        }
    }

    fn pause(&mut self, side: Side, now: TsNs) {
        self.quote_of(side).quiet_until = now.saturating_add(self.params.pause_ns);
    }

    fn quote_of(&mut self, side: Side) -> &mut Quote {
        match side {
            Side::Buy => &mut self.bid,
            Side::Sell => &mut self.ask,
        }
    }
}

impl Strategy for Quoting {
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        match event {
            Event::Bar(bar) if bar.interval == BarInterval::Second => {
                let touch = context.instrument.touch();
                if let Some(mid_x2) = touch.and_then(|touch| touch.mid_x2()) {
                    self.variance.on_bar(bar, mid_x2, self.params.sigma_bars);
                }
                self.requote(context, wishes);
            }
            Event::Book | Event::Quote => self.requote(context, wishes),
            Event::Bar(_) | Event::Trade(_) | Event::Signal(_) | Event::Timer(_) => {}
        }
    }

    fn on_order(&mut self, update: &OrderUpdate<'_>) {
        match update {
            OrderUpdate::Sent(order) => self.quote_of(order.request.side).follow(order),
            OrderUpdate::Changed(order) => {
                let quote = self.quote_of(order.request.side);
                // News of an order that ended long ago must not displace the one that works.
                if quote.working.is_some_and(|working| working.id == order.cl_ord_id) {
                    quote.follow(order);
                }
            }
            // It never amends, and works no parents.
            OrderUpdate::Denied(_) | OrderUpdate::Replaced { .. } | OrderUpdate::Parent(_) => {}
        }
    }

    fn hash_into(&self, h: &mut StateHasher) {
        self.params.words().into_iter().for_each(|word| h.u64(word));
        h.u64(bits(self.variance.per_s));
        h.u64(u64::from(self.variance.samples));
        h.bool(self.variance.last.is_some());
        if let Some((mid_x2, end)) = self.variance.last {
            h.i64(mid_x2);
            h.u64(end.get());
        }
        self.bid.hash_into(h);
        self.ask.hash_into(h);
    }

    fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for word in self.params.words() {
            from.same(word)?;
        }
        self.variance.per_s = f64::from_bits(from.u64()?);
        self.variance.samples = from.fit()?;
        self.variance.last = if from.bool()? { Some((from.i64()?, from.time()?)) } else { None };
        self.bid.load_from(from)?;
        self.ask.load_from(from)
    }
}

fn gap(params: &Params) -> u64 {
    params.requote_ticks.unsigned_abs()
}

/// The bits of a float, one pattern for every NaN and one for both zeros.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() }
}

/// A whole float as a price; `None` where it is none.
#[expect(clippy::cast_possible_truncation, reason = "whole and far inside an i64 by the check")]
fn price_of(value: f64) -> Option<i64> {
    // No range contains a NaN.
    (1.0..EXACT).contains(&value).then_some(value as i64)
}

#[expect(clippy::cast_precision_loss, reason = "prices and lots are checked to be below 2^52")]
fn real(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "a span of days is exact to the microsecond")]
fn real_ns(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests;
