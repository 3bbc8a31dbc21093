//! Positions as a venue reports them, against our own.
//!
//! The first comparison of a session takes the venue's position over at its price; after it a
//! position must be explained by fills, and one that is not waits for an operator. Must never:
//! book a position at a price nobody named. Loop thread; no allocation.

use super::{Concern, Engine, index_of};
use crate::instrument::InstrumentState;
use crate::sink::Sink;
use wire::order::Side;
use wire::reconcile::PositionReport;
use wire::risk::AlarmCode;
use wire::{InstrumentId, MoneyE9, PriceTicks, QtyLots};

impl Engine {
    pub(super) fn on_position_report<S: Sink>(&mut self, report: &PositionReport, out: &mut S) {
        let index = index_of(report.header.instrument_id);
        let own = self.instruments.get(index).map(|state| state.venue);
        let Some(venue) = own.or_else(|| self.venue_of(report.header.venue_id)) else {
            self.counters.ignored += 1;
            return;
        };
        let r = &mut self.venues[venue].reconcile;
        if r.id != report.mass_status_id || !r.is_open {
            self.counters.late_reports += 1;
            return;
        }
        r.positions = r.positions.saturating_add(1);
        let is_first = !r.is_taken;
        let Some(state) = self.instruments.get_mut(index) else {
            // Something the account holds that is not in our table: not ours to compare.
            self.counters.ignored += 1;
            return;
        };
        let (ours, theirs) = (state.position.lots().get(), report.position_lots.get());
        state.venue_lots = Some(theirs);
        state.unexplained_lots = theirs.saturating_sub(ours);
        let balance = state.risk.fx.convert(report.balance_e9.get().max(0));
        let use_bp = self.firm.limits.credit_use_bp;
        self.venues[venue].risk.set_balance(balance, use_bp);
        if ours == theirs {
            return;
        }
        if is_first && ours == 0 {
            if self.open_position(index, theirs, report.avg_px_ticks) {
                return;
            }
            self.venues[venue].reconcile.is_unpriced = true;
        }
        let mut concern = Concern::of(AlarmCode::PositionMismatch, ours, theirs);
        (concern.instrument, concern.venue) =
            (report.header.instrument_id, self.venues[venue].risk.id);
        self.found_difference(Some(venue), &concern, out);
    }

    /// The position a session begins with, at the venue's average price or else at the market.
    /// `false`: there is no price for it yet, and a made-up one would be a made-up profit.
    fn open_position(&mut self, index: usize, lots: i64, avg_px: PriceTicks) -> bool {
        let Some(state) = self.instruments.get_mut(index) else { return false };
        let market = state.risk.reference_x2().map(|x2| PriceTicks(x2 / 2));
        let Some(price) = Some(avg_px).filter(|px| px.is_defined()).or(market) else {
            return false;
        };
        if !book_difference(state, lots, price) {
            return false;
        }
        state.opening = Some((lots, price.get()));
        self.refresh(index);
        true
    }

    /// What the venue's last list left unexplained may be explained since: only its next word is to
    /// be accepted.
    pub(super) fn doubt_position(&mut self, instrument: InstrumentId) {
        if let Some(state) = self.instruments.get_mut(index_of(instrument)) {
            state.unexplained_lots = 0;
        }
    }

    /// An operator takes the venue's positions for ours: what its last word left unexplained is
    /// booked at the market. Where there is none yet it stays different.
    pub(super) fn accept_positions(&mut self) {
        for index in 0..self.instruments.len() {
            let state = &mut self.instruments[index];
            let market = state.risk.reference_x2().map(|x2| PriceTicks(x2 / 2));
            let Some(price) = market.filter(|_| state.unexplained_lots != 0) else { continue };
            if book_difference(state, state.unexplained_lots, price) {
                self.refresh(index);
            }
        }
    }
}

/// Books lots that no fill explains; whether they could be.
fn book_difference(state: &mut InstrumentState, lots: i64, price: PriceTicks) -> bool {
    let side = if lots > 0 { Side::Buy } else { Side::Sell };
    let qty = QtyLots(lots.saturating_abs());
    let booked = state.position.fill(side, price, qty, MoneyE9(0)).is_ok();
    if booked {
        state.unexplained_lots = 0;
    }
    booked
}
