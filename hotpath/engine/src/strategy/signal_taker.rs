//! Signal taker: follows the model. A score beyond the entry level takes liquidity into a position
//! of one size; a score back inside the exit level, or the end of the holding time, takes it off.
//!
//! It trades only on a fresh answer and only while the spread is narrow; with no answers it does
//! nothing but let the holding timer close what is open.

use super::{
    Context, Event, Intent, Intents, OneOrder, OrderUpdate, Placement, Strategy, order_between,
    taking_price,
};
use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use wire::{QtyLots, TsNs};

/// The timer that ends a holding.
const HOLD: usize = 0;

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Size of the position, lots.
    pub qty_lots: QtyLots,
    /// A score at or beyond this opens, millionths.
    pub entry_score_e6: i32,
    /// A score closer to zero than this closes, millionths.
    pub exit_score_e6: i32,
    /// Widest spread to take across, ticks.
    pub max_spread_ticks: i64,
    /// Ticks beyond the touch the limit may lie.
    pub slip_ticks: i64,
    /// Longest holding, nanoseconds of engine time.
    pub hold_ns: u64,
    /// Pause after an order before the next, nanoseconds of engine time.
    pub cooldown_ns: u64,
}

impl Params {
    /// The first parameter outside its range, and what is allowed.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        let limit = wire::signal::SCORE_LIMIT_E6;
        [
            (self.qty_lots.get() > 0, "qty", "above 0"),
            ((1..=limit).contains(&self.entry_score_e6), "entry_score_e6", "1 to 1000000"),
            (
                (0..=self.entry_score_e6).contains(&self.exit_score_e6),
                "exit_score_e6",
                "0 to entry_score_e6",
            ),
            (self.max_spread_ticks > 0, "max_spread_ticks", "above 0"),
            ((0..=1_000_000).contains(&self.slip_ticks), "slip_ticks", "0 to 1000000"),
            (self.hold_ns > 0, "hold_ms", "above 0"),
        ]
        .into_iter()
        .find(|(good, ..)| !good)
        .map(|(_, key, allowed)| (key, allowed))
    }

    fn words(&self) -> [u64; 7] {
        [
            self.qty_lots.get().cast_unsigned(),
            i64::from(self.entry_score_e6).cast_unsigned(),
            i64::from(self.exit_score_e6).cast_unsigned(),
            self.max_spread_ticks.cast_unsigned(),
            self.slip_ticks.cast_unsigned(),
            self.hold_ns,
            self.cooldown_ns,
        ]
    }
}

/// The strategy.
#[derive(Debug)]
pub struct SignalTaker {
    params: Params,
    working: OneOrder,
    quiet_until: TsNs,
}

impl SignalTaker {
    /// A flat strategy.
    #[must_use]
    pub fn new(params: Params) -> Self {
        Self { params, working: OneOrder::default(), quiet_until: TsNs(0) }
    }

    fn target(&self, score_e6: i32, lots: i64) -> i64 {
        let size = self.params.qty_lots.get();
        if score_e6 >= self.params.entry_score_e6 {
            size
        } else if score_e6 <= -self.params.entry_score_e6 {
            -size
        } else if score_e6.abs() < self.params.exit_score_e6 {
            0
        } else {
            lots
        }
    }

    fn take(&mut self, target: i64, context: &Context<'_>, wishes: &mut Intents) {
        if self.working.id().is_some() || context.now < self.quiet_until {
            return;
        }
        let Some((side, qty)) = order_between(context.position.lots().get(), target) else {
            return;
        };
        let Some(touch) = context.instrument.touch() else {
            return;
        };
        let narrow = touch.spread_ticks().is_some_and(|s| s <= self.params.max_spread_ticks);
        let Some(price) = taking_price(&touch, side, self.params.slip_ticks) else {
            return;
        };
        if narrow {
            wishes.push(Intent::Place(Placement::ioc(side, price, qty)));
            self.quiet_until = context.now.saturating_add(self.params.cooldown_ns);
        }
        if target != 0 {
            let end = context.now.saturating_add(self.params.hold_ns);
            wishes.push(Intent::Timer(HOLD, end));
        }
    }
}

impl Strategy for SignalTaker {
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        match event {
            Event::Signal(signal) => {
                let lots = context.position.lots().get();
                self.take(self.target(signal.score_e6, lots), context, wishes);
            }
            Event::Timer(HOLD) if context.position.lots().get() != 0 => {
                // Asks again until flat: the order may be denied, or fill in part.
                let again = context.now.saturating_add(self.params.cooldown_ns.max(1_000_000));
                wishes.push(Intent::Timer(HOLD, again));
                self.take(0, context, wishes);
            }
            Event::Timer(_) | Event::Book | Event::Quote | Event::Trade(_) | Event::Bar(_) => {}
        }
    }

    fn on_order(&mut self, update: &OrderUpdate<'_>) {
        self.working.follow(update);
    }

    fn hash_into(&self, h: &mut StateHasher) {
        self.params.words().into_iter().for_each(|word| h.u64(word));
        self.working.hash_into(h);
        h.u64(self.quiet_until.get());
    }

    fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for word in self.params.words() {
            from.same(word)?;
        }
        self.working.load_from(from)?;
        self.quiet_until = from.time()?;
        Ok(())
    }
}
