//! Mean reversion on bars: how far the last one-second close lies from the mean of the last N, in
//! standard deviations of those N. Far out, a resting post-only order at the own touch bets on the
//! way back; back inside, or after the longest holding, an order across the spread leaves.
//!
//! Integers only. With `S` the sum and `Q` the sum of squares of the N closes, each less the last
//! one, `z = -S / sqrt(N Q - S^2)`; it is compared squared, with its sign, and in thousandths. A
//! window without movement has no z and opens nothing. After a holding that ran out of time, z must
//! come back inside the entry level before the next entry.

use super::{
    Context, Event, Intent, Intents, OneOrder, OrderUpdate, Placement, Strategy, order_between,
    taking_price,
};
use crate::bars::BarInterval;
use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use wire::order::{Side, TimeInForce};
use wire::{QtyLots, TsNs};

/// Most bars the window may span.
pub const MAX_BARS: usize = 128;
/// Largest level for z, thousandths.
pub const MAX_Z_E3: i64 = 10_000;
/// The timer that ends a resting entry.
const EXPIRE: usize = 0;
/// The timer that ends a holding.
const HOLD: usize = 1;
/// How soon a holding that is over asks again to be closed: the order may be denied or fill in part.
const AGAIN_NS: u64 = 1_000_000_000;

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Size of the position, lots.
    pub qty_lots: QtyLots,
    /// Bars of the window.
    pub window_bars: usize,
    /// At or beyond this many standard deviations it opens, thousandths.
    pub entry_z_e3: i64,
    /// At or inside this many, or beyond the mean, it closes, thousandths.
    pub exit_z_e3: i64,
    /// Life of a resting entry, nanoseconds of engine time.
    pub order_ttl_ns: u64,
    /// Longest holding, counted from the entry order, nanoseconds of engine time.
    pub hold_ns: u64,
}

impl Params {
    /// The first parameter outside its range, and what is allowed.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        let inside = 0..self.entry_z_e3;
        [
            (self.qty_lots.get() > 0, "qty_lots", "above 0"),
            ((3..=MAX_BARS).contains(&self.window_bars), "window_bars", "3 to 128"),
            ((1..=MAX_Z_E3).contains(&self.entry_z_e3), "entry_z_e3", "1 to 10000"),
            (inside.contains(&self.exit_z_e3), "exit_z_e3", "0 to entry_z_e3 - 1"),
            (self.order_ttl_ns > 0, "order_ttl_ms", "above 0"),
            (self.hold_ns > self.order_ttl_ns, "hold_ms", "above order_ttl_ms"),
        ]
        .into_iter()
        .find(|(good, ..)| !good)
        .map(|(_, key, allowed)| (key, allowed))
    }

    fn words(&self) -> [u64; 6] {
        [
            self.qty_lots.get().cast_unsigned(),
            self.window_bars as u64,
            self.entry_z_e3.cast_unsigned(),
            self.exit_z_e3.cast_unsigned(),
            self.order_ttl_ns,
            self.hold_ns,
        ]
    }
}

/// z as its numerator and the square of its denominator: `z = above / sqrt(spread)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Score {
    /// N times the last close, less the sum of closes.
    above: i128,
    /// N times the sum of squares, less the square of the sum.
    spread: i128,
}

impl Score {
    /// Whether `z >= level`, thousandths of either sign; `None` where a product leaves 128 bits.
    fn at_least(self, level_e3: i64) -> Option<bool> {
        let square = |x: i128| x.checked_mul(x)?.checked_mul(x.signum());
        let level = square(i128::from(level_e3))?;
        Some(square(self.above)?.checked_mul(1_000_000)? >= level.checked_mul(self.spread)?)
    }

    /// The same for the mirrored market.
    fn mirrored(self) -> Self {
        Self { above: -self.above, ..self }
    }
}

/// The strategy.
#[derive(Debug)]
pub struct MeanReversion {
    params: Params,
    closes: [i64; MAX_BARS],
    seen: usize,
    working: OneOrder,
    /// Whether the working order is an entry that rests, not an exit.
    resting: bool,
    /// Set when a holding ran out of time, until z is back inside the entry level.
    spent: bool,
}

impl MeanReversion {
    /// A flat strategy without history.
    #[must_use]
    pub fn new(params: Params) -> Self {
        let working = OneOrder::default();
        Self { params, closes: [0; MAX_BARS], seen: 0, working, resting: false, spent: false }
    }

    /// The last close against its window; `None` before the window is full.
    fn score(&self) -> Option<Score> {
        let bars = self.params.window_bars;
        if self.seen < bars {
            return None;
        }
        let close = |back: usize| self.closes.get((self.seen - 1 - back) % MAX_BARS).copied();
        let last = close(0)?;
        let (mut sum, mut squares) = (0_i128, 0_i128);
        for back in 0..bars {
            let from_last = i128::from(close(back)?) - i128::from(last);
            sum += from_last;
            squares = squares.checked_add(from_last.checked_mul(from_last)?)?;
        }
        let n = i128::try_from(bars).ok()?;
        let spread = n.checked_mul(squares)?.checked_sub(sum.checked_mul(sum)?)?;
        Some(Score { above: -sum, spread })
    }

    /// The side an entry would take: against the excursion; `None` inside the entry level.
    fn entry(&self, score: Score) -> Option<Side> {
        let level = self.params.entry_z_e3;
        if score.spread <= 0 {
            None
        } else if score.at_least(level)? {
            Some(Side::Sell)
        } else if score.mirrored().at_least(level)? {
            Some(Side::Buy)
        } else {
            None
        }
    }

    /// Whether a position of this sign has had its way back.
    fn is_back(&self, score: Score, lots: i64) -> bool {
        let toward = if lots > 0 { score } else { score.mirrored() };
        toward.at_least(-self.params.exit_z_e3) == Some(true)
    }

    fn on_bar(&mut self, context: &Context<'_>, wishes: &mut Intents) {
        let Some(score) = self.score() else {
            return;
        };
        let entry = self.entry(score);
        self.spent &= entry.is_some();
        let lots = context.position.lots().get();
        if lots != 0 {
            if self.is_back(score, lots) {
                self.leave(context, wishes);
            }
            return;
        }
        let Some(touch) = context.instrument.touch() else {
            return;
        };
        let Some(side) = entry.filter(|_| !self.spent && self.working.id().is_none()) else {
            return;
        };
        let price = match side {
            Side::Buy => touch.bid.price_ticks,
            Side::Sell => touch.ask.price_ticks,
        };
        wishes.push(Intent::Place(Placement::post_only(side, price, self.params.qty_lots)));
        let after = |span| context.now.saturating_add(span);
        wishes.push(Intent::Timer(EXPIRE, after(self.params.order_ttl_ns)));
        wishes.push(Intent::Timer(HOLD, after(self.params.hold_ns)));
    }

    fn cancel_resting(&self, wishes: &mut Intents) {
        if let Some(id) = self.working.id().filter(|_| self.resting) {
            wishes.push(Intent::Cancel(id));
        }
    }

    /// Takes the position off: first what still rests, then an order across the spread.
    fn leave(&self, context: &Context<'_>, wishes: &mut Intents) {
        if self.working.id().is_some() {
            self.cancel_resting(wishes);
            return;
        }
        if let Some((side, qty)) = order_between(context.position.lots().get(), 0)
            && let Some(touch) = context.instrument.touch()
            && let Some(price) = taking_price(&touch, side, 0)
        {
            wishes.push(Intent::Place(Placement::ioc(side, price, qty)));
        }
    }
}

impl Strategy for MeanReversion {
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        match event {
            Event::Bar(bar) if bar.interval == BarInterval::Second => {
                if let Some(slot) = self.closes.get_mut(self.seen % MAX_BARS) {
                    *slot = bar.close_ticks.get();
                }
                self.seen += 1;
                self.on_bar(context, wishes);
            }
            Event::Timer(EXPIRE) => self.cancel_resting(wishes),
            Event::Timer(HOLD) if context.position.lots().get() != 0 => {
                self.spent = true;
                self.leave(context, wishes);
                let again: TsNs = context.now.saturating_add(AGAIN_NS);
                wishes.push(Intent::Timer(HOLD, again));
            }
            Event::Timer(_)
            | Event::Bar(_)
            | Event::Signal(_)
            | Event::Book
            | Event::Quote
            | Event::Trade(_) => {}
        }
    }

    fn on_order(&mut self, update: &OrderUpdate<'_>) {
        if let OrderUpdate::Sent(order) = update {
            self.resting = order.request.time_in_force == TimeInForce::Gtc;
        }
        self.working.follow(update);
    }

    fn hash_into(&self, h: &mut StateHasher) {
        self.params.words().into_iter().for_each(|word| h.u64(word));
        self.closes.iter().for_each(|c| h.i64(*c));
        h.u64(self.seen as u64);
        self.working.hash_into(h);
        h.bool(self.resting);
        h.bool(self.spent);
    }

    fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for word in self.params.words() {
            from.same(word)?;
        }
        for close in &mut self.closes {
            *close = from.i64()?;
        }
        let seen = from.counter()?;
        self.seen = usize::try_from(seen).map_err(|_| from.bad())?;
        self.working.load_from(from)?;
        self.resting = from.bool()?;
        self.spent = from.bool()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
