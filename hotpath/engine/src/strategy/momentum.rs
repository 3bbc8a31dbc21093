//! Momentum on bars: a fast and a slow average of one-second closes. When the fast one leaves the
//! slow one by more than a threshold, a resting post-only order at the own touch tries to enter;
//! when it comes back or turns, an order across the spread leaves.
//!
//! Integers only: averages are compared as sums, cross-multiplied.

use super::{
    Context, Event, Intent, Intents, OneOrder, OrderUpdate, Placement, Strategy, order_between,
    taking_price,
};
use crate::bars::BarInterval;
use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use wire::QtyLots;
use wire::order::Side;

/// Most bars the slow average may span.
pub const MAX_BARS: usize = 128;
/// The timer that ends a resting order.
const EXPIRE: usize = 0;

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Size of the position, lots.
    pub qty_lots: QtyLots,
    /// Bars of the fast average.
    pub fast_bars: usize,
    /// Bars of the slow average.
    pub slow_bars: usize,
    /// How far fast must leave slow to enter, millionths of slow.
    pub threshold_e6: i64,
    /// Life of a resting entry, nanoseconds of engine time.
    pub order_ttl_ns: u64,
}

impl Params {
    /// The first parameter outside its range, and what is allowed.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        [
            (self.qty_lots.get() > 0, "qty", "above 0"),
            ((1..self.slow_bars).contains(&self.fast_bars), "fast_bars", "1 to slow_bars - 1"),
            ((2..=MAX_BARS).contains(&self.slow_bars), "slow_bars", "2 to 128"),
            ((0..=1_000_000).contains(&self.threshold_e6), "threshold_e6", "0 to 1000000"),
            (self.order_ttl_ns > 0, "order_ttl_ms", "above 0"),
        ]
        .into_iter()
        .find(|(good, ..)| !good)
        .map(|(_, key, allowed)| (key, allowed))
    }

    fn words(&self) -> [u64; 5] {
        [
            self.qty_lots.get().cast_unsigned(),
            self.fast_bars as u64,
            self.slow_bars as u64,
            self.threshold_e6.cast_unsigned(),
            self.order_ttl_ns,
        ]
    }
}

/// The strategy.
#[derive(Debug)]
pub struct Momentum {
    params: Params,
    closes: [i64; MAX_BARS],
    seen: usize,
    working: OneOrder,
}

impl Momentum {
    /// A flat strategy without history.
    #[must_use]
    pub fn new(params: Params) -> Self {
        Self { params, closes: [0; MAX_BARS], seen: 0, working: OneOrder::default() }
    }

    fn sum_of_last(&self, bars: usize) -> i128 {
        (0..bars)
            .map(|back| i128::from(self.closes[(self.seen + MAX_BARS - 1 - back) % MAX_BARS]))
            .sum()
    }

    /// +1, 0 or -1: which side of the band round the slow average the fast one is on.
    fn direction(&self) -> i64 {
        if self.seen < self.params.slow_bars {
            return 0;
        }
        let (fast, slow) = (self.params.fast_bars, self.params.slow_bars);
        // fast_sum / fast against slow_sum / slow, both times fast * slow * 1e6.
        let fast_side = self.sum_of_last(fast) * slow as i128 * 1_000_000;
        let slow_sum = self.sum_of_last(slow) * fast as i128;
        let threshold = i128::from(self.params.threshold_e6);
        if fast_side > slow_sum * (1_000_000 + threshold) {
            1
        } else if fast_side < slow_sum * (1_000_000 - threshold) {
            -1
        } else {
            0
        }
    }

    fn on_bar(&mut self, context: &Context<'_>, wishes: &mut Intents) {
        let direction = self.direction();
        let lots = context.position.lots().get();
        let Some(touch) = context.instrument.touch() else {
            return;
        };
        if self.working.id().is_some() {
            return;
        }
        if lots != 0 && lots.signum() != direction {
            // The move is over: leave across the spread.
            if let Some((side, qty)) = order_between(lots, 0)
                && let Some(price) = taking_price(&touch, side, 0)
            {
                wishes.push(Intent::Place(Placement::ioc(side, price, qty)));
            }
        } else if lots == 0 && direction != 0 {
            let (side, price) = if direction > 0 {
                (Side::Buy, touch.bid.price_ticks)
            } else {
                (Side::Sell, touch.ask.price_ticks)
            };
            wishes.push(Intent::Place(Placement::post_only(side, price, self.params.qty_lots)));
            let end = context.now.saturating_add(self.params.order_ttl_ns);
            wishes.push(Intent::Timer(EXPIRE, end));
        }
    }
}

impl Strategy for Momentum {
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        match event {
            Event::Bar(bar) if bar.interval == BarInterval::Second => {
                self.closes[self.seen % MAX_BARS] = bar.close_ticks.get();
                self.seen += 1;
                self.on_bar(context, wishes);
            }
            Event::Timer(EXPIRE) => {
                if let Some(id) = self.working.id() {
                    wishes.push(Intent::Cancel(id));
                }
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
        self.working.follow(update);
    }

    fn hash_into(&self, h: &mut StateHasher) {
        self.params.words().into_iter().for_each(|word| h.u64(word));
        self.closes.iter().for_each(|c| h.i64(*c));
        h.u64(self.seen as u64);
        self.working.hash_into(h);
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
        self.working.load_from(from)
    }
}
