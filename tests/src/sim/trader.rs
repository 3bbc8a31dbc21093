//! A strategy that wishes anything: every type of order, sound and nonsensical, pairs, brackets,
//! parents, amendments and cancels of its own orders. Its chance is part of its state, so it is a
//! pure function of what it sees, and a journal's inputs make a fresh one wish the same.

use super::dice::Dice;
use super::plan::Plan;
use super::setup::{START_TICKS, uses_signal};
use engine::hash::StateHasher;
use engine::order::is_done;
use engine::parents::ParentSpec;
use engine::strategy::{
    Bracket, Context, Event, Intent, Intents, OrderUpdate, Placement, Strategy,
};
use wire::order::{ExecInst, OrdType, ParentStyle, Side, TimeInForce};
use wire::{ClOrdId, PriceTicks, QtyLots, TsNs};

/// Own orders it remembers.
const MEMORY: usize = 32;

/// The strategy.
#[derive(Debug)]
pub(crate) struct Trader {
    dice: Dice,
    wishes: u64,
    nonsense: u64,
    uses_signal: bool,
    mine: Vec<ClOrdId>,
    parent: u32,
}

impl Trader {
    pub(crate) fn new(plan: &Plan, strategy: usize, epoch: u32) -> Self {
        let actor = 1_000 + u64::from(epoch) * 64 + strategy as u64;
        Self {
            dice: Dice::of(plan.seed, actor),
            wishes: plan.wishes,
            nonsense: plan.nonsense,
            uses_signal: uses_signal(plan, strategy),
            mine: Vec::with_capacity(MEMORY),
            parent: 0,
        }
    }

    fn side(&mut self) -> Side {
        if self.dice.one_in(2) { Side::Buy } else { Side::Sell }
    }

    /// A side that more often than not takes off what is held.
    fn lean(&mut self, context: &Context<'_>) -> Side {
        let held = context.instrument.position.lots().get();
        match held {
            0 => self.side(),
            _ if self.dice.one_in(3) => self.side(),
            h if h > 0 => Side::Sell,
            _ => Side::Buy,
        }
    }

    fn qty(&mut self) -> QtyLots {
        QtyLots(if self.dice.per_mille(self.nonsense) {
            self.dice.pick(&[0, -5, 1, 7, 1_000, 100_001, i64::MAX / 3, i64::MAX]).unwrap_or(0)
        } else {
            self.dice.from(1, 30)
        })
    }

    /// A price for a side: `off` ticks worse than the opposite touch is passive, below 0 crosses.
    fn price(&mut self, context: &Context<'_>, side: Side, off: i64) -> i64 {
        if self.dice.per_mille(self.nonsense / 2) {
            return self.dice.pick(&[0, -1, 1, 5_000, 20_000, i64::MAX / 2]).unwrap_or(0);
        }
        let touch = context.instrument.touch();
        let (bid, ask) = touch.map_or((START_TICKS - 1, START_TICKS + 1), |t| {
            (t.bid.price_ticks.get(), t.ask.price_ticks.get())
        });
        match side {
            Side::Buy => ask.saturating_sub(off),
            Side::Sell => bid.saturating_add(off),
        }
    }

    fn placement(&mut self, context: &Context<'_>) -> Placement {
        let side = self.lean(context);
        let qty = self.qty();
        let plain = |px| Placement::limit(side, PriceTicks(px), qty);
        let mut want = match self.dice.below(10) {
            0..=3 => {
                let off = self.dice.from(1, 12);
                plain(self.price(context, side, off))
            }
            4..=5 => {
                let off = self.dice.from(-3, 1);
                Placement::ioc(side, PriceTicks(self.price(context, side, off)), qty)
            }
            6 => {
                let off = self.dice.from(0, 8);
                Placement::post_only(side, PriceTicks(self.price(context, side, off)), qty)
            }
            7 => {
                let ioc = Placement::ioc(side, PriceTicks::UNDEF, qty);
                Placement { ord_type: OrdType::Market, ..ioc }
            }
            _ => self.stop(context, side, qty),
        };
        if self.dice.one_in(6) {
            want.time_in_force = self.time_in_force();
        }
        if want.time_in_force == TimeInForce::Gtd {
            let ahead = self.dice.below(4_000_000_000);
            want.expire_ns = context.now.saturating_add(ahead);
        }
        if self.dice.one_in(10) {
            want = want.reduce_only();
        }
        if self.dice.per_mille(self.nonsense / 4) {
            want.exec_inst = ExecInst::PostOnly;
            want.expire_ns = TsNs(5);
        }
        want
    }

    fn time_in_force(&mut self) -> TimeInForce {
        self.dice.pick(TimeInForce::ALL).unwrap_or(TimeInForce::Gtc)
    }

    fn stop(&mut self, context: &Context<'_>, side: Side, qty: QtyLots) -> Placement {
        let away = self.dice.from(1, 10);
        let trigger = self.price(context, side, -away);
        let beyond = self.dice.from(0, 4);
        let limit = match side {
            Side::Buy => trigger.saturating_add(beyond),
            Side::Sell => trigger.saturating_sub(beyond),
        };
        let stop = Placement::stop_limit(side, PriceTicks(trigger), PriceTicks(limit), qty);
        if self.dice.one_in(3) {
            Placement { ord_type: OrdType::Stop, price_ticks: PriceTicks::UNDEF, ..stop }
        } else {
            stop
        }
    }

    fn bracket(&mut self, context: &Context<'_>) -> Bracket {
        let side = self.side();
        let (off, qty) = (self.dice.from(-2, 3), QtyLots(self.dice.from(1, 20)));
        let entry = self.price(context, side, off);
        let (gain, loss) = (self.dice.from(2, 8), self.dice.from(3, 10));
        let up = if side == Side::Buy { 1 } else { -1 };
        let at = |ticks: i64| PriceTicks(entry.saturating_add(up * ticks));
        Bracket {
            entry: Placement::limit(side, PriceTicks(entry), qty),
            target_px_ticks: at(gain),
            stop_px_ticks: at(-loss),
            stop_limit_px_ticks: at(-loss - 4),
        }
    }

    fn parent(&mut self, context: &Context<'_>) -> ParentSpec {
        let side = self.lean(context);
        let off = self.dice.from(-6, -1);
        let limit = PriceTicks(self.price(context, side, off));
        let (qty, span) = (QtyLots(self.dice.from(5, 60)), self.dice.span(1, 3_000) * 1_000_000);
        let slices = u32::try_from(self.dice.span(1, 8)).unwrap_or(1);
        let mut spec = ParentSpec::twap(side, qty, limit, span, slices);
        if self.dice.one_in(2) {
            spec.style = ParentStyle::Vwap;
            spec.curve[self.dice.index(16)] = 9;
        }
        spec
    }

    fn wish(&mut self, context: &Context<'_>, wishes: &mut Intents) {
        let own = self.dice.pick(&self.mine);
        let intent = match (self.dice.below(20), own) {
            (0..=3, Some(id)) => Intent::Cancel(id),
            (4..=6, Some(id)) => {
                let side = self.side();
                let off = self.dice.from(-1, 10);
                Intent::Replace(id, PriceTicks(self.price(context, side, off)), self.qty())
            }
            (7, _) => Intent::Bracket(self.bracket(context)),
            (8, _) => Intent::OneCancelsOther(self.placement(context), self.placement(context)),
            (9, _) => Intent::Work(self.parent(context)),
            (10, _) => Intent::StopWork(self.parent),
            (11, _) => {
                let ahead = self.dice.below(2_000_000_000);
                Intent::Timer(self.dice.index(4), context.now.saturating_add(ahead))
            }
            _ => Intent::Place(self.placement(context)),
        };
        wishes.push(intent);
        // Now and then the same again, at once: duplicates, and cancels of what is being canceled.
        if self.dice.one_in(12) {
            wishes.push(intent);
            wishes.push(intent);
        }
    }

    fn forget(&mut self, id: ClOrdId) {
        self.mine.retain(|own| *own != id);
    }

    fn remember(&mut self, id: ClOrdId) {
        if self.mine.len() == MEMORY {
            self.mine.remove(0);
        }
        self.mine.push(id);
    }
}

impl Strategy for Trader {
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        let eager = match event {
            Event::Signal(_) if self.uses_signal => 8,
            Event::Timer(_) => 8,
            Event::Signal(_) | Event::Trade(_) | Event::Quote | Event::Book | Event::Bar(_) => 1,
        };
        if self.dice.per_mille(self.wishes * eager) {
            self.wish(context, wishes);
        }
    }

    fn on_order(&mut self, update: &OrderUpdate<'_>) {
        match update {
            OrderUpdate::Sent(order) => self.remember(order.cl_ord_id),
            // Some that are done stay remembered: wishes about them come too late.
            OrderUpdate::Changed(order) if is_done(order.status) => {
                if !self.dice.one_in(8) {
                    self.forget(order.cl_ord_id);
                }
            }
            OrderUpdate::Replaced { from, order } => {
                self.forget(*from);
                self.remember(order.cl_ord_id);
            }
            OrderUpdate::Parent(parent) => self.parent = parent.id,
            OrderUpdate::Changed(_) | OrderUpdate::Denied(_) => {}
        }
    }

    fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.dice.clone().next());
        self.mine.iter().for_each(|id| h.u64(id.get()));
        h.u64(u64::from(self.parent));
    }
}
