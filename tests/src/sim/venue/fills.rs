//! How orders fill: at arrival against what is shown, at rest by trades, and what is told of it.

use super::super::cover::Fault;
use super::super::market::Print;
use super::answers::Word;
use super::{Fill, Scene, State, Venue};
use wire::order::{ExecType, OrdStatus, OrdType, Side, TimeInForce};

/// Whether a price is at or through an order's limit, from its side.
fn reaches(side: Side, limit: i64, px: i64) -> bool {
    match side {
        Side::Buy => px <= limit,
        Side::Sell => px >= limit,
    }
}

impl Venue {
    /// An order enters: it is acknowledged, and takes what it may.
    pub(super) fn enter(&mut self, number: usize, scene: &mut Scene<'_>) {
        let order = &self.orders[number];
        let is_open = order.state == State::Open;
        let takes = is_open && self.takes(number, scene).is_some();
        if takes && scene.faults.strikes(Fault::FillBeforeAck) {
            self.meet(number, scene);
            self.say(number, &Word::of(ExecType::New), scene);
            return;
        }
        self.say(number, &Word::of(ExecType::New), scene);
        if is_open {
            self.meet(number, scene);
        }
    }

    /// What an order could take at once: price and lots.
    fn takes(&self, number: usize, scene: &Scene<'_>) -> Option<(i64, i64)> {
        let order = &self.orders[number];
        let (px, shown) = scene.markets[order.instrument].shown(order.side)?;
        let has_limit = matches!(order.ord_type, OrdType::Limit | OrdType::StopLimit);
        let may = !has_limit || reaches(order.side, order.px, px);
        let lots = shown.min(order.leaves());
        (may && lots > 0).then_some((px, lots))
    }

    /// An open order meets what is shown; what is immediate and does not fill is over.
    pub(super) fn meet(&mut self, number: usize, scene: &mut Scene<'_>) {
        let tif = self.orders[number].time_in_force;
        let found = self.takes(number, scene);
        let is_whole = found.is_some_and(|(_, lots)| lots == self.orders[number].leaves());
        if let Some((px, lots)) = found.filter(|_| tif != TimeInForce::Fok || is_whole) {
            self.fill(number, px, lots, scene);
        }
        let order = &self.orders[number];
        let has_limit = matches!(order.ord_type, OrdType::Limit | OrdType::StopLimit);
        let is_immediate = matches!(tif, TimeInForce::Ioc | TimeInForce::Fok) || !has_limit;
        if order.is_open() && is_immediate {
            self.end(number, OrdStatus::Expired, None, scene);
        }
    }

    /// A trade on the market: what rests in its way fills, stops it reaches are set off.
    pub(crate) fn on_print(&mut self, instrument: usize, print: &Print, scene: &mut Scene<'_>) {
        for n in self.open.clone() {
            let order = &self.orders[n];
            if order.instrument != instrument || !order.is_open() {
                continue;
            }
            match order.state {
                State::Open => {
                    let hit =
                        order.side != print.aggressor && reaches(order.side, order.px, print.px);
                    if hit && !self.dice.one_in(3) {
                        let (px, lots) = (order.px, print.qty.min(order.leaves()));
                        self.fill(n, px, lots, scene);
                    }
                }
                State::Waiting => {
                    let is_set_off = match order.side {
                        Side::Buy => print.px >= order.stop,
                        Side::Sell => print.px <= order.stop,
                    };
                    if is_set_off {
                        self.orders[n].state = State::Open;
                        self.meet(n, scene);
                    }
                }
                State::Done(_) => {}
            }
        }
    }

    /// Fills some of an order, in truth; and tells it, or not yet.
    pub(super) fn fill(&mut self, number: usize, px: i64, lots: i64, scene: &mut Scene<'_>) {
        let lots = lots.min(self.orders[number].leaves());
        if lots <= 0 {
            return;
        }
        let n = self.book(number, px, lots, true);
        let order = &mut self.orders[number];
        order.cum += lots;
        let is_whole = order.cum >= order.qty;
        if is_whole {
            self.finish(number, OrdStatus::Filled);
        }
        if !is_whole && scene.faults.strikes(Fault::FillAfterCancel) {
            self.kept.push((number, n));
            return;
        }
        self.tell(n, scene);
        if !is_whole {
            return;
        }
        self.tell_kept(number, scene);
        if scene.faults.strikes(Fault::VenueOverfill) {
            let more = self.dice.from(1, 5);
            let n = self.book(number, px, more, false);
            self.orders[number].cum += more;
            self.disown(number);
            self.tell(n, scene);
        } else if scene.faults.strikes(Fault::VenueGhostFill) {
            let instrument = self.orders[number].instrument;
            let id = self.next_exec(instrument);
            // Whoever hears it under either id has booked it, or takes it for one still untold.
            self.disown(number);
            self.execs.insert((instrument, id), n);
            let word = Word { fill: Some((id, px, lots)), ..Word::of(ExecType::Trade) };
            self.say(number, &word, scene);
        }
    }

    /// Of an order that filled beyond its size nobody can reserve what is still to be told.
    fn disown(&mut self, number: usize) {
        self.orders[number].unheard = 0;
        self.untold.retain(|n| *n != number);
        for n in &self.orders[number].fills {
            self.fills[*n].is_owed = false;
        }
    }

    fn next_exec(&mut self, instrument: usize) -> u64 {
        self.counts[instrument] += 1;
        if self.execs_by_instrument { self.counts[instrument] } else { self.counts.iter().sum() }
    }

    /// Books a fill; its number.
    fn book(&mut self, number: usize, px: i64, qty: i64, is_regular: bool) -> usize {
        let (instrument, side) = (self.orders[number].instrument, self.orders[number].side);
        let exec_id = self.next_exec(instrument);
        let is_owed = is_regular && self.is_ours(&self.orders[number]);
        let n = self.fills.len();
        self.fills.push(Fill {
            order: number,
            exec_id,
            qty,
            px,
            is_owed,
            is_heard: false,
            is_busted: false,
            is_bust_heard: false,
        });
        self.execs.insert((instrument, exec_id), n);
        self.orders[number].fills.push(n);
        self.positions[instrument] += if side == Side::Buy { qty } else { -qty };
        if is_owed {
            self.orders[number].unheard += qty;
        }
        n
    }

    /// Takes a fill back: it works again where the order still does.
    pub(super) fn bust(&mut self, n: usize, scene: &mut Scene<'_>) {
        let (number, qty) = (self.fills[n].order, self.fills[n].qty);
        let (is_owed, is_heard) = (self.fills[n].is_owed, self.fills[n].is_heard);
        self.fills[n].is_busted = true;
        let order = &mut self.orders[number];
        let (instrument, side) = (order.instrument, order.side);
        order.cum -= qty;
        if is_heard {
            order.back += qty;
        } else if is_owed {
            order.unheard -= qty;
        }
        if let State::Done(OrdStatus::Filled) = order.state {
            order.state = State::Done(OrdStatus::Canceled);
        }
        self.positions[instrument] -= if side == Side::Buy { qty } else { -qty };
        self.tell_bust(n, scene);
    }
}
