//! A strategy that asks for everything a strategy can ask for, in turn, five times a second.
//!
//! It is here to make the loop work, not to earn: resting orders that are amended and canceled,
//! pairs, brackets, parents, and orders the gate must deny.

use engine::hash::StateHasher;
use engine::instrument::Touch;
use engine::parents::ParentSpec;
use engine::strategy::{Bracket, Context, Event, Intent, Intents, OneOrder, OrderUpdate};
use engine::strategy::{Placement, Strategy};
use wire::order::Side;
use wire::{PriceTicks, QtyLots};

/// Name: its row in the limits is `[strategy.busy]`.
pub(crate) const NAME: &str = "busy";
/// Engine time between two wishes, nanoseconds.
const STEP_NS: u64 = 200_000_000;
const STEP: usize = 0;
const LOTS: QtyLots = QtyLots(1_000);
/// Only an anchor is of this size.
const ANCHOR: QtyLots = QtyLots(700);
/// More than any limit allows.
const FAR_TOO_MANY: QtyLots = QtyLots(1_000_000);

#[derive(Debug, Default)]
pub(crate) struct Busy {
    working: OneOrder,
    /// An order far from the touch that rests for most of a round.
    anchor: OneOrder,
    step: u64,
    parent: u32,
}

impl Busy {
    /// The next wish, against the position so that it stays small.
    fn wish(&self, touch: &Touch, lots: i64) -> Option<Intent> {
        let (bid, ask) = (touch.bid.price_ticks.get(), touch.ask.price_ticks.get());
        // `away` of a buyer is down.
        let (side, here, across, up) =
            if lots > 0 { (Side::Sell, ask, bid, -1) } else { (Side::Buy, bid, ask, 1) };
        let at = |price: i64, ticks: i64| PriceTicks(price + ticks * up);
        let rest = |ticks: i64| Placement::limit(side, at(here, -ticks), LOTS);
        Some(match self.step % 16 {
            0 | 5 => Intent::Place(Placement::post_only(side, at(here, -40), LOTS)),
            1 | 6 => Intent::Replace(self.working.id()?, at(here, -30), QtyLots(1_200)),
            2 | 7 => Intent::Replace(self.working.id()?, at(here, -20), LOTS),
            4 => Intent::Place(Placement::limit(side, at(here, 0), FAR_TOO_MANY)),
            // With the position, or its protection would have nothing to reduce.
            9 if lots < 0 => Intent::Bracket(bracket(Side::Sell, bid, -1)),
            9 => Intent::Bracket(bracket(Side::Buy, ask, 1)),
            10 => Intent::Cancel(self.anchor.id()?),
            11 => Intent::OneCancelsOther(rest(50), rest(80)),
            13 => {
                let span_ns = 4 * STEP_NS;
                Intent::Work(ParentSpec::twap(side, LOTS, at(across, 50), span_ns, 4))
            }
            14 => Intent::Place(Placement::limit(side, at(here, -400), ANCHOR)),
            15 => Intent::StopWork(self.parent),
            _ => Intent::Cancel(self.working.id()?),
        })
    }
}

/// An entry across the spread with a target and a stop.
fn bracket(side: Side, across: i64, up: i64) -> Bracket {
    let at = |ticks: i64| PriceTicks(across + ticks * up);
    Bracket {
        entry: Placement::ioc(side, at(5), LOTS),
        target_px_ticks: at(300),
        stop_px_ticks: at(-300),
        stop_limit_px_ticks: at(-400),
    }
}

impl Strategy for Busy {
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        match event {
            Event::Timer(STEP) => {
                if let Some(touch) = context.instrument.touch()
                    && let Some(wish) = self.wish(&touch, context.position.lots().get())
                {
                    wishes.push(wish);
                }
                self.step += 1;
            }
            Event::Book if self.step == 0 => self.step = 1,
            Event::Book
            | Event::Quote
            | Event::Trade(_)
            | Event::Signal(_)
            | Event::Bar(_)
            | Event::Timer(_) => return,
        }
        wishes.push(Intent::Timer(STEP, context.now.saturating_add(STEP_NS)));
    }

    fn on_order(&mut self, update: &OrderUpdate<'_>) {
        if let OrderUpdate::Parent(parent) = update {
            self.parent = parent.id;
        }
        match update {
            OrderUpdate::Sent(order) if order.request.qty_lots == ANCHOR => {
                self.anchor.follow(update);
            }
            OrderUpdate::Sent(_) => self.working.follow(update),
            OrderUpdate::Denied(_)
            | OrderUpdate::Changed(_)
            | OrderUpdate::Replaced { .. }
            | OrderUpdate::Parent(_) => {
                self.anchor.follow(update);
                self.working.follow(update);
            }
        }
    }

    fn hash_into(&self, h: &mut StateHasher) {
        self.working.hash_into(h);
        self.anchor.hash_into(h);
        h.u64(self.step);
        h.u64(u64::from(self.parent));
    }
}
