//! What the venue does by itself: orders expire, late cancels come through, somebody trades with
//! what rests, fills are taken back, somebody else trades on our account.

use super::super::cover::Fault;
use super::super::market::Market;
use super::super::setup::START_TICKS;
use super::answers::Word;
use super::{Order, Scene, State, Venue};
use wire::order::{ExecType, OrdStatus, OrdType, Side, TimeInForce};

impl Venue {
    /// Time goes on.
    pub(crate) fn act(&mut self, scene: &mut Scene<'_>) {
        let due = self.late.iter().position(|(at, ..)| *at <= scene.now);
        if let Some(at) = due {
            let (_, number, request) = self.late.remove(at);
            if self.orders[number].is_open() {
                self.end(number, OrdStatus::Canceled, Some(request), scene);
            }
        }
        let now = scene.now;
        let over = |n: &&usize| {
            let order = &self.orders[**n];
            order.time_in_force == TimeInForce::Gtd && order.expire_ns <= now
        };
        if let Some(number) = self.open.iter().find(over).copied() {
            self.end(number, OrdStatus::Expired, None, scene);
        }
        if self.dice.one_in(24) {
            self.trade_at_rest(scene);
        }
        if scene.faults.healed {
            return;
        }
        if !self.open.is_empty() && scene.faults.strikes(Fault::VenueCancels) {
            for number in self.open.clone() {
                self.end(number, OrdStatus::Canceled, None, scene);
            }
        }
        if !self.fills.is_empty() && self.dice.one_in(40) && scene.faults.strikes(Fault::VenueBust)
        {
            let from = self.fills.len().saturating_sub(12);
            let n = from + self.dice.index(self.fills.len() - from);
            if !self.fills[n].is_busted && self.fills[n].qty <= self.orders[self.fills[n].order].cum
            {
                self.bust(n, scene);
            }
        }
        if scene.faults.strikes(Fault::VenueExternal) {
            self.external(scene);
        }
    }

    /// Somebody takes some of what rests, unseen by the feed.
    fn trade_at_rest(&mut self, scene: &mut Scene<'_>) {
        let Some(number) = self.dice.pick(&self.open) else { return };
        let order = &self.orders[number];
        let (px, leaves) = (order.px, order.leaves());
        let is_far =
            scene.markets[order.instrument].touch().is_none_or(|(bid, ask)| match order.side {
                Side::Buy => px < bid - 6,
                Side::Sell => px > ask + 6,
            });
        if order.state == State::Open && order.ord_type == OrdType::Limit && !is_far {
            let lots = if self.dice.one_in(2) { leaves } else { self.dice.from(1, leaves.max(1)) };
            self.fill(number, px, lots, scene);
        }
    }

    /// Somebody else places an order on our account.
    fn external(&mut self, scene: &mut Scene<'_>) {
        let Some(instrument) = self.dice.pick(&self.listed) else { return };
        let number = self.orders.len();
        let side = if self.dice.one_in(2) { Side::Buy } else { Side::Sell };
        let px = |m: &Market| match (m.touch(), side) {
            (Some((bid, _)), Side::Buy) => bid - 2,
            (Some((_, ask)), Side::Sell) => ask + 2,
            (None, _) => START_TICKS,
        };
        // An id of nobody's session, or none.
        let id = if self.dice.one_in(4) { u64::MAX } else { 10_000 + number as u64 };
        self.orders.push(Order {
            id,
            session: 0,
            instrument,
            side,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Gtc,
            px: px(&scene.markets[instrument]),
            stop: i64::MIN,
            qty: self.dice.from(1, 20),
            cum: 0,
            state: State::Open,
            number: 1_000 * (self.index as u64 + 1) + number as u64 * 10,
            expire_ns: u64::MAX,
            back: 0,
            unheard: 0,
            fills: Vec::new(),
        });
        if id != u64::MAX {
            self.by_id.insert(id, number);
        }
        self.open.push(number);
        if self.dice.one_in(2) {
            self.say(number, &Word::of(ExecType::New), scene);
        }
    }

    /// The session is lost; the venue may cancel what is ours.
    pub(crate) fn disconnect(&mut self, cancels: bool) {
        self.kept.clear();
        if cancels {
            for number in self.open.clone() {
                if self.orders[number].session != 0 {
                    self.finish(number, OrdStatus::Canceled);
                }
            }
        }
    }

    /// Somebody else's orders, and those of earlier sessions, are canceled by hand.
    pub(crate) fn cancel_foreign(&mut self, scene: &mut Scene<'_>) {
        for number in self.open.clone() {
            if !self.is_ours(&self.orders[number]) {
                self.end(number, OrdStatus::Canceled, None, scene);
            }
        }
    }
}
