//! The station's end without a word, and its next start: recovery of what it left, then a new engine
//! under the next session epoch that takes the venue's word for where it stands.

use super::super::cover::Fault;
use super::super::store::{End, Store};
use super::super::venue::Said;
use super::{World, build};
use wire::risk::{RiskField, RiskInput};

impl World {
    /// Kills, power cuts, and a journal that cannot be written any more.
    pub(super) fn trouble(&mut self) {
        if self.faults.strikes(Fault::Kill) {
            self.crash(End::Killed);
        } else if self.faults.strikes(Fault::PowerLoss) {
            self.crash(End::PowerLost);
        } else if let Some(end) = self.tap.store.failure {
            self.crash(end);
        }
    }

    /// The journaler's turn, and what the engine is told of how full the tape is.
    pub(super) fn keep(&mut self) {
        self.tap.store.turn(self.now, &mut self.faults);
        let lost = self.tap.store.has_overflowed();
        self.watch.hold(!lost, || "a frame found no room on the tape".into());
        let fill = self.tap.store.fill_e3();
        let told = self.told_fill;
        if (fill >= 750) != (told >= 750) {
            self.told_fill = fill;
            self.inbox.push_back(Said::of(&RiskInput::new(RiskField::AuditFill, fill)));
        }
    }

    /// The station ends, and starts again.
    pub(super) fn crash(&mut self, end: End) {
        let limits = self.engine.operator_limits().clone();
        self.session += 1;
        let store = Store::new(&self.plan, self.session, self.plant, &mut self.faults);
        let left = std::mem::replace(&mut self.tap.store, store);
        if let Err(why) = left.recover(end, &mut self.faults) {
            self.watch.fail(|| why);
        }
        self.engine = build(&self.plan, self.session, limits.clone());
        self.session_limits = limits.clone();
        self.watch.begin_session(&limits);
        self.edge = super::Edge::default();
        self.inbox.clear();
        self.told_fill = 0;
        self.sidecars.restart();
        self.desk.running(limits.epoch);
        for market in &mut self.markets {
            market.restart(self.now);
        }
        for (venue, link) in self.venues.iter_mut().zip(&mut self.links) {
            let cancels = self.faults.strikes(Fault::CancelOnDisconnect);
            venue.disconnect(cancels);
            venue.begin_session(self.session);
            link.drop_session(self.now);
        }
        self.start();
    }
}
