//! The engine against the venue's truth: what it has reserved, what it may come to hold.

use super::super::venue::{Said, Venue, side_index};
use super::Watch;
use engine::Engine;
use wire::order::Side;
use wire::{Frame, FrameKind};

/// Requests on their way to a venue, from the engine's output to the venue's door.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Underway {
    /// Lots, by side.
    lots: [i64; 2],
    /// New orders.
    orders: i64,
}

impl Underway {
    /// What the requests of one session for one instrument may still become.
    pub(crate) fn of<'a>(
        requests: impl Iterator<Item = &'a Said>,
        instrument: usize,
        session: u32,
        venue: &Venue,
    ) -> Self {
        let mut underway = Self::default();
        let kinds = [FrameKind::NewOrder.code(), FrameKind::ReplaceOrder.code()];
        for said in requests {
            let header = super::frame_header(said.bytes());
            if super::place(&header) != instrument || !kinds.contains(&header.kind) {
                continue;
            }
            match wire::decode(said.bytes()) {
                Ok(Frame::NewOrder(new)) if new.cl_ord_id.get() >> 32 == u64::from(session) => {
                    let side = Side::from_code(new.side).unwrap_or(Side::Buy);
                    underway.lots[side_index(side)] += new.qty_lots.get();
                    underway.orders += 1;
                }
                Ok(Frame::ReplaceOrder(replace)) => {
                    let order = venue.order(replace.orig_cl_ord_id);
                    let is_there = |o: &&super::super::venue::Order| {
                        o.is_open() && o.id == replace.orig_cl_ord_id.get() && venue.is_ours(o)
                    };
                    if let Some(order) = order.filter(is_there) {
                        let more = (replace.qty_lots.get() - order.qty).max(0);
                        underway.lots[side_index(order.side)] += more;
                    }
                }
                _ => {}
            }
        }
        underway
    }
}

impl Watch {
    /// What orders of this session have filled unheard, may still fill at the venue, or may once
    /// they get there, is reserved; and an order that just left keeps within position and count.
    pub(crate) fn exposure(
        &mut self,
        instrument: usize,
        engine: &Engine,
        venue: &Venue,
        underway: &Underway,
    ) {
        let owed = venue.owed(instrument);
        let risk = &engine.instruments()[instrument].risk;
        let reserved = [risk.buy_lots, risk.sell_lots];
        for side in 0..2 {
            let due = owed[side] + underway.lots[side];
            let name = ["buy", "sell"][side];
            let have = reserved[side];
            self.hold(have >= due, || {
                format!(
                    "instrument {instrument}: {have} lots reserved to {name}, {due} may fill: \
                     {underway:?}, {:?}",
                    venue.open.iter().map(|n| &venue.orders[*n]).collect::<Vec<_>>(),
                )
            });
        }
        let placed = std::mem::take(&mut self.placed);
        for (_, side, held) in placed.iter().filter(|(n, ..)| *n == instrument) {
            let (held, at) = (*held, side_index(*side));
            let Some(row) = self.limits.symbols.get(instrument).copied().flatten() else {
                continue;
            };
            let most = if at == 0 { row.limits.max_long_lots } else { row.limits.max_short_lots };
            let worst = if at == 0 { held } else { -held } + owed[at] + underway.lots[at];
            self.hold(worst <= most, || {
                let (owed, way) = (owed[at], underway.lots[at]);
                format!(
                    "instrument {instrument}: {worst} lots at worst, {most} allowed: {held} held, \
                     {owed} at the venue, {way} on the way, {:?} reserved",
                    reserved[at]
                )
            });
            let ours = |n: &&usize| {
                let order = &venue.orders[**n];
                order.instrument == instrument && venue.is_ours(order)
            };
            let count = venue.open.iter().filter(ours).count();
            let count = i64::try_from(count).unwrap_or(i64::MAX) + underway.orders;
            let most = row.limits.max_open_orders.min(self.limits.firm.max_open_orders);
            self.hold(count <= most, || {
                format!("instrument {instrument}: {count} orders open, {most} allowed")
            });
        }
        self.placed.extend(placed.into_iter().filter(|(n, ..)| *n != instrument));
    }

    /// No order came to a venue under an id that was used, or that never left the engine.
    pub(crate) fn ids(&mut self, venue: &Venue, session: u32) {
        if let Some(id) = venue.reused.first() {
            let id = *id;
            self.fail(|| format!("order id {id:#x} came to the venue twice"));
        }
        if let Some(order) = venue.orders.last()
            && order.session == session
        {
            let known = self.sent.contains_key(&order.id);
            self.hold(known, || format!("an order at the venue that never left: {order:?}"));
        }
    }
}
