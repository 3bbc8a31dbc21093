//! The order session at the venue: outages, and the faults that act on the venue itself.
//!
//! Owns: when the session is down, what is lost with it, bust fills. Must never: lose what the
//! venue itself knows. Runs wherever the simulated venue runs; may allocate.

use super::faults::{Outage, Requests};
use super::market::Market;
use super::order::State;
use super::outbox::{Message, report_of};
use super::{IdUse, SimVenue};
use wire::order::{ExecType, ExecutionReport, OrdStatus};
use wire::reconcile::{SessionState, VenueSession};
use wire::{FrameHeader, TsNs, VenueId};

/// Where the session stands.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The outage it is in, and when that ends.
    down: Option<(Outage, TsNs)>,
    /// End of the last outage in which requests were lost.
    lost_until: TsNs,
}

impl Session {
    /// When it comes up again, while it is down.
    pub(crate) fn up_at(&self) -> Option<TsNs> {
        self.down.map(|(_, up_at)| up_at)
    }

    /// Whether a request that left at `sent_at` and arrives now is lost.
    pub(crate) fn loses(&self, sent_at: TsNs) -> bool {
        match self.down {
            Some((outage, _)) => outage.requests == Requests::Lost,
            None => sent_at < self.lost_until,
        }
    }
}

impl SimVenue {
    /// Does what armed faults want of the venue itself.
    pub(super) fn after_event(&mut self, at: TsNs) {
        while self.outbox.faults.wants_bust() {
            let Some(fill) = self.ledger.last_standing() else { break };
            self.outbox.faults.take_bust();
            self.bust(fill, at);
        }
        while let Some(outage) = self.outbox.faults.take_outage() {
            self.lose_session(outage, at);
        }
        self.forget();
    }

    /// Forgets what is done long since: orders, the ids they had, and their fills.
    fn forget(&mut self) {
        let Some((first, order_id)) = self.orders.forget() else { return };
        self.ids.retain(|_, of| match of {
            IdUse::Order(place) | IdUse::Rejected(place) => *place >= first,
        });
        self.ledger.forget_before(order_id);
    }

    fn bust(&mut self, fill: usize, at: TsNs) {
        let Some(done) = self.ledger.fills().get(fill).copied() else { return };
        let was = done.report;
        let Some(index) = self.index_of(was.order_id) else { return };
        let order = &mut self.orders[index];
        order.cum_qty_lots.0 -= was.last_qty_lots.get();
        if done.is_overfill {
            order.over_lots -= was.last_qty_lots.get();
        }
        if order.state == State::Done(OrdStatus::Filled) && order.cum_qty_lots < order.qty_lots {
            // It is not put back to work.
            order.state = State::Done(OrdStatus::Canceled);
        }
        let report = ExecutionReport {
            last_px_ticks: was.last_px_ticks,
            last_qty_lots: was.last_qty_lots,
            liquidity: was.liquidity,
            fee_e9: was.fee_e9,
            ..report_of(order, ExecType::TradeCancel, was.exec_id, at)
        };
        self.ledger.bust(fill, report);
        self.outbox.about_order(&self.orders[index], report, at);
        if let Some(market) = self.market_index(was.header.instrument_id) {
            self.drop_what_increases(market, at);
        }
    }

    fn lose_session(&mut self, outage: Outage, at: TsNs) {
        let up_at = at.saturating_add(outage.span_ns);
        if let Some((_, until)) = &mut self.session.down {
            *until = up_at.max(*until);
            return;
        }
        self.tell_session(SessionState::Down, outage, at);
        self.session.down = Some((outage, up_at));
        self.outbox.is_down = true;
        self.outbox.faults.lose_held();
        if !outage.cancels_on_disconnect {
            return;
        }
        for index in self.open_indices() {
            if self.orders[index].is_open() && !self.orders[index].is_external {
                self.end(index, OrdStatus::Canceled, ExecType::Canceled, at);
            }
        }
    }

    /// The session comes back.
    pub(super) fn restore_session(&mut self, at: TsNs) {
        let Some((outage, _)) = self.session.down.take() else { return };
        if outage.requests == Requests::Lost {
            self.session.lost_until = at;
        }
        self.outbox.is_down = false;
        self.tell_session(SessionState::Up, outage, at);
    }

    /// Tells the client, once for each venue in the table. No fault touches these.
    fn tell_session(&mut self, state: SessionState, outage: Outage, at: TsNs) {
        let mut told: Vec<VenueId> = Vec::new();
        for market in &self.markets {
            let venue_id = market.row.header.venue_id;
            if told.contains(&venue_id) {
                continue;
            }
            told.push(venue_id);
            let mut header = FrameHeader::new::<VenueSession>();
            (header.venue_id, header.ts_event_ns) = (venue_id, at);
            let frame = VenueSession {
                header,
                state: state.code(),
                cancels_on_disconnect: u8::from(outage.cancels_on_disconnect),
                reserved: [0; 6],
            };
            self.outbox.post(at, Message::Session(frame));
        }
    }

    /// Orders that are not done, by arrival.
    pub(super) fn open_indices(&self) -> Vec<usize> {
        let mut open: Vec<usize> = self.markets.iter().flat_map(Market::open).collect();
        open.sort_unstable();
        open
    }

    /// From now on nothing goes wrong: the rest of the script and what waits for its message are
    /// dropped. A session that is down comes back at its time.
    pub fn heal(&mut self) {
        self.outbox.faults.heal();
    }

    /// Whether the session is down.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.outbox.is_down
    }
}
