//! What must hold of an order as it leaves: approved, in a mode and a market that allow it, within
//! the limits, at a pace the limits allow.

use super::super::setup::{uses_signal, venue_of};
use super::Watch;
use engine::Engine;
use wire::FrameHeader;
use wire::order::{ExecInst, NewOrder, OrdType, ReplaceOrder, Side};
use wire::station::Mode;

/// What is remembered of an order that went out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    strategy: u16,
}

/// Messages over time: as many at once as the burst, then as many as the rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    busy_until: u64,
}

impl Pace {
    /// Takes one more at `now`; whether it fits. A little is given for rounding.
    fn take(&mut self, now: u64, rate: i64, burst: i64) -> bool {
        let cost = 1_000_000_000 / u64::try_from(rate).unwrap_or(1).max(1);
        self.busy_until = self.busy_until.max(now) + cost;
        let depth = cost.saturating_mul(u64::try_from(burst).unwrap_or(0));
        self.busy_until - now <= depth.saturating_add(cost / 1_000 + 64)
    }
}

/// An order on its way out: a new one or an amendment.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    id: u64,
    instrument: usize,
    strategy: u16,
    qty: i64,
    approval: u64,
}

impl Watch {
    pub(super) fn on_new_order(&mut self, order: &NewOrder, engine: &Engine) {
        self.totals.orders += 1;
        let side = Side::from_code(order.side).unwrap_or(Side::Buy);
        let leaving = Leaving {
            id: order.cl_ord_id.get(),
            instrument: super::place(&order.header),
            strategy: order.header.strategy_id.get(),
            qty: order.qty_lots.get(),
            approval: order.approval_seq,
        };
        self.sent.insert(leaving.id, Sent { strategy: leaving.strategy });
        self.on_message(&order.header);
        self.leaves(&leaving, engine);
        let is_limited = order.ord_type == OrdType::Limit.code();
        self.hold(!is_limited || order.price_ticks.get() > 0, || format!("no price: {order:?}"));
        let held = self.seen.get(leaving.instrument).map_or(0, |s| s.position);
        let against = if side == Side::Buy { -held } else { held };
        if self.mode == Mode::Reducing || order.exec_inst == ExecInst::ReduceOnly.code() {
            let reduces = leaving.qty <= against;
            self.hold(reduces, || format!("{held} lots held, and to reduce: {order:?}"));
        }
        if against <= 0 {
            self.opens(&leaving);
        }
        self.placed.push((leaving.instrument, side, held));
    }

    pub(super) fn on_replace(&mut self, order: &ReplaceOrder, engine: &Engine) {
        self.totals.replaces += 1;
        let Some(sent) = self.sent.get(&order.orig_cl_ord_id.get()).copied() else {
            // Taken over from the venue: its side is in the table alone.
            let known = engine.orders().get(order.orig_cl_ord_id).is_some();
            self.hold(known, || format!("amends an order that never was: {order:?}"));
            self.on_message(&order.header);
            self.count_approval(order.approval_seq);
            return;
        };
        let leaving = Leaving {
            id: order.cl_ord_id.get(),
            instrument: super::place(&order.header),
            strategy: sent.strategy,
            qty: order.qty_lots.get(),
            approval: order.approval_seq,
        };
        self.sent.insert(leaving.id, sent);
        self.on_message(&order.header);
        self.leaves(&leaving, engine);
    }

    fn count_approval(&mut self, approval: u64) {
        self.approvals += 1;
        let due = self.approvals;
        self.hold(approval == due, || format!("approval {approval} in place of {due}"));
    }

    /// What holds of every order.
    fn leaves(&mut self, order: &Leaving, engine: &Engine) {
        self.count_approval(order.approval);
        let (mode, n) = (self.mode, order.instrument);
        let may = matches!(mode, Mode::Live | Mode::Reducing);
        self.hold(may, || format!("an order left in {mode:?}: {order:?}"));
        let latched = self.is_latched(n, order.strategy);
        self.hold(!latched, || format!("an order left under a latch: {order:?}"));
        let venue = venue_of(&self.plan, n);
        let up = self.session_up.get(venue).copied().unwrap_or(false);
        self.hold(up, || format!("an order left without a session: {order:?}"));
        let audit = self.audit_fill;
        self.hold(audit < 1_000, || format!("an order left with the audit trail full: {order:?}"));
        let Some(state) = engine.instruments().get(n) else {
            return self.fail(|| format!("an order for no instrument: {order:?}"));
        };
        let book = (state.book.best_bid(), state.book.best_ask());
        let whole = matches!(book, (Some(bid), Some(ask)) if bid.price_ticks < ask.price_ticks);
        self.hold(whole, || format!("an order left on a book {book:?}: {order:?}"));
        let trading = self.seen.get(n).is_some_and(|s| s.status == b'T');
        self.hold(trading, || format!("an order left while the instrument stood: {order:?}"));
        let Some(row) = self.limits.symbols.get(n).copied().flatten() else {
            return self.fail(|| format!("an order left without a row: {order:?}"));
        };
        let l = row.limits;
        let least = state.row.min_qty_lots.get();
        let sized =
            (least..=l.max_order_qty_lots).contains(&order.qty) && order.qty % l.qty_step_lots == 0;
        self.hold(sized, || format!("an order left of a wrong size: {order:?}"));
        let age = self.now.saturating_sub(self.seen.get(n).map_or(0, |s| s.market_ns));
        let young = i64::try_from(age).is_ok_and(|age| age <= l.max_market_age_ns);
        self.hold(young, || format!("an order left on a market {age} ns old: {order:?}"));
        let now = self.now;
        let paced = self
            .seen
            .get_mut(n)
            .is_some_and(|s| s.pace.take(now, l.order_rate_per_s, l.order_burst));
        self.hold(paced, || format!("orders left faster than the limit: {order:?}"));
    }

    /// What holds of an order that opens or enlarges a position for certain.
    fn opens(&mut self, order: &Leaving) {
        let (offset, most) = (self.clock_offset, self.limits.firm.max_clock_offset_ns);
        self.hold((0..=most).contains(&offset), || format!("clock off by {offset}: {order:?}"));
        let audit = self.audit_fill;
        self.hold(audit < 750, || format!("audit trail at {audit}: {order:?}"));
        if uses_signal(&self.plan, usize::from(order.strategy)) {
            let at = self.seen.get(order.instrument).and_then(|s| s.score_ns);
            let age = at.map(|at| self.now.saturating_sub(at));
            let young = age.is_some_and(|age| age <= self.ttl_ns);
            self.hold(young, || format!("an order left on a score {age:?} ns old: {order:?}"));
        }
    }

    /// A message to a venue, whatever it is.
    pub(super) fn on_message(&mut self, header: &FrameHeader) {
        let venue = usize::from(header.venue_id.get()).wrapping_sub(1);
        let row = self.limits.venues.get(venue).map(|(_, row)| *row);
        let (Some(pace), Some(row)) = (self.messages.get_mut(venue), row) else {
            return self.fail(|| format!("a message to no venue: {header:?}"));
        };
        let paced = pace.take(self.now, row.message_rate_per_s, row.message_burst);
        let up = self.session_up.get(venue).copied().unwrap_or(false);
        self.hold(paced, || "messages left faster than the venue's budget".into());
        self.hold(up, || "a message left without a session".into());
    }
}
