//! Kill switches: latch, stop, cancel everything in scope within the venue's message budget, wait
//! for the venue's confirmation, report what is left. Flattening is another act (`flatten.rs`).
//!
//! A latch is left only by an operator with a reason. Works without any sidecar.

use super::{Concern, Engine, index_of, kind_code};
use crate::hash::StateHasher;
use crate::mode::ModeEvent;
use crate::order::is_done;
use crate::orders::{Order, OrderRequest};
use crate::risk::{value_e9, worst_lots};
use crate::sink::Sink;
use crate::state::{StateError, StateReader};
use crate::timers::EngineTimer;
use wire::risk::{AlarmCode, KillCause, KillReport, KillStage, Scope};
use wire::{FrameHeader, FrameKind, InstrumentId, StrategyId, TsNs, VenueId};

/// Kills that may be on their way at once: beyond that the oldest is no longer followed.
pub(super) const MAX_KILLS: usize = 32;
/// Shortest engine time after which what a kill left working is canceled again, nanoseconds.
const AGAIN_NS: u64 = 1_000_000_000;

/// What a kill covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Firm,
    Venue(VenueId),
    Strategy(StrategyId),
    Symbol(InstrumentId),
}

impl Target {
    /// The target a command's header names; `None` where it names more than one.
    pub(super) fn of(header: &FrameHeader) -> Option<Self> {
        let (i, s, v) = (header.instrument_id, header.strategy_id, header.venue_id);
        let named = [i != InstrumentId::UNDEF, s != StrategyId::UNDEF, v != VenueId::UNDEF];
        match named {
            [false, false, false] => Some(Self::Firm),
            [true, false, false] => Some(Self::Symbol(i)),
            [false, true, false] => Some(Self::Strategy(s)),
            [false, false, true] => Some(Self::Venue(v)),
            _ => None,
        }
    }

    const fn scope(self) -> Scope {
        match self {
            Self::Firm => Scope::Firm,
            Self::Venue(_) => Scope::Venue,
            Self::Strategy(_) => Scope::Strategy,
            Self::Symbol(_) => Scope::Symbol,
        }
    }

    /// Instrument, strategy and venue as a header names them.
    const fn names(self) -> (InstrumentId, StrategyId, VenueId) {
        let (i, s, v) = (InstrumentId::UNDEF, StrategyId::UNDEF, VenueId::UNDEF);
        match self {
            Self::Firm => (i, s, v),
            Self::Venue(venue) => (i, s, venue),
            Self::Strategy(strategy) => (i, strategy, v),
            Self::Symbol(instrument) => (instrument, s, v),
        }
    }

    pub(super) fn concern(self, code: AlarmCode, limit: i64, actual: i64) -> Concern {
        let (instrument, strategy, venue) = self.names();
        Concern { instrument, strategy, venue, ..Concern::of(code, limit, actual) }
    }

    pub(super) fn hash_into(self, h: &mut StateHasher) {
        let (i, s, v) = self.names();
        h.u64(u64::from(self.scope().code()));
        h.u64(u64::from(i.get()));
        h.u64(u64::from(s.get()));
        h.u64(u64::from(v.get()));
    }

    pub(super) fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let scope = from.code(Scope::from_code)?;
        let (i, s) = (InstrumentId(from.fit()?), StrategyId(from.fit()?));
        let v = VenueId(from.fit()?);
        let target = match scope {
            Scope::Firm => Self::Firm,
            Scope::Venue => Self::Venue(v),
            Scope::Strategy => Self::Strategy(s),
            Scope::Symbol => Self::Symbol(i),
        };
        if target.names() == (i, s, v) { Ok(target) } else { Err(from.bad()) }
    }
}

/// A kill whose cancels are not settled yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kill {
    target: Target,
    cause: KillCause,
    cancels: u32,
    due_ns: TsNs,
    overdue: bool,
}

impl Kill {
    pub(super) fn hash_into(&self, h: &mut StateHasher) {
        self.target.hash_into(h);
        h.u64(u64::from(self.cause.code()));
        h.u64(u64::from(self.cancels));
        h.u64(self.due_ns.get());
        h.bool(self.overdue);
    }

    pub(super) fn loaded(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            target: Target::loaded(from)?,
            cause: from.code(KillCause::from_code)?,
            cancels: from.fit()?,
            due_ns: from.time()?,
            overdue: from.bool()?,
        })
    }
}

impl Engine {
    /// The latch of a target; `None` where there is no such target.
    pub(super) fn latch_of(&mut self, target: Target) -> Option<&mut bool> {
        match target {
            Target::Firm => Some(&mut self.firm.killed),
            Target::Venue(id) => {
                self.venues.iter_mut().find(|v| v.risk.id == id).map(|v| &mut v.risk.killed)
            }
            Target::Strategy(id) => {
                self.strategies.get_mut(usize::from(id.get())).map(|slot| &mut slot.risk.killed)
            }
            Target::Symbol(id) => {
                self.instruments.get_mut(index_of(id)).map(|state| &mut state.risk.killed)
            }
        }
    }

    /// Whether a latch stands over an order.
    pub(super) fn is_killed(&self, order: &OrderRequest) -> bool {
        let state = self.instruments.get(index_of(order.instrument));
        let slot = self.strategies.get(usize::from(order.strategy.get()));
        self.firm.killed
            || slot.is_some_and(|s| s.risk.killed)
            || state.is_some_and(|s| {
                s.risk.killed || self.venues.get(s.venue).is_some_and(|v| v.risk.killed)
            })
    }

    /// Whether an order lies within a target.
    fn covers(&self, target: Target, order: &OrderRequest) -> bool {
        match target {
            Target::Firm => true,
            Target::Venue(id) => {
                let state = self.instruments.get(index_of(order.instrument));
                state.is_some_and(|s| s.row.header.venue_id == id)
            }
            Target::Strategy(id) => order.strategy == id,
            Target::Symbol(id) => order.instrument == id,
        }
    }

    /// Pulls a kill switch. `false`: there is no such target. Pulled again, it cancels again what
    /// is left and starts nothing anew.
    pub(super) fn kill<S: Sink>(&mut self, target: Target, cause: KillCause, out: &mut S) -> bool {
        // The latch first: whatever follows, no new order passes.
        let Some(latch) = self.latch_of(target) else { return false };
        let was_latched = core::mem::replace(latch, true);
        self.flatten = None;
        let is_followed = self.kills.iter().any(|k| k.target == target);
        if !was_latched || (!is_followed && self.left_in(target).0 > 0) {
            self.begin_kill(target, cause, out);
        }
        if target == Target::Firm {
            let kind =
                if cause == KillCause::Command { FrameKind::Control } else { FrameKind::Alarm };
            self.change_mode(ModeEvent::Halt, kind_code(kind), out);
        }
        self.stop_parents(|engine, p| engine.covers_parent(target, p), out);
        self.cancel_in(target, out);
        self.follow_kills(out);
        true
    }

    /// Says that a target is latched, and follows its orders from here.
    fn begin_kill<S: Sink>(&mut self, target: Target, cause: KillCause, out: &mut S) {
        self.kills.retain(|k| k.target != target);
        if self.kills.len() == MAX_KILLS {
            // The station's own is never the one that is lost.
            let oldest = self.kills.iter().position(|k| k.target != Target::Firm);
            self.kills.remove(oldest.unwrap_or(0));
        }
        let due_ns = self.now.saturating_add(self.patience.kill_ns);
        let kill = Kill { target, cause, cancels: 0, due_ns, overdue: false };
        self.report_kill(&kill, KillStage::Latched, out);
        self.kills.push(kill);
        self.timers.pull_engine(EngineTimer::Kill, due_ns);
    }

    /// Cancels what is not done within a target and not being canceled already.
    pub(super) fn cancel_in<S: Sink>(&mut self, target: Target, out: &mut S) {
        for slot in 0..self.orders.capacity() {
            let order = self.orders.at(slot).filter(|o| !is_done(o.status)).copied();
            if let Some(order) = order.filter(|o| self.covers(target, &o.request)) {
                self.cancel(order.cl_ord_id, out);
            }
        }
    }

    pub(super) fn covers_parent(&self, target: Target, parent: &crate::parents::Parent) -> bool {
        let index = self.instrument_of(usize::from(parent.strategy.get()));
        let Some(state) = self.instruments.get(index) else { return true };
        let header = &state.row.header;
        match target {
            Target::Firm => true,
            Target::Venue(id) => header.venue_id == id,
            Target::Strategy(id) => parent.strategy == id,
            Target::Symbol(id) => header.instrument_id == id,
        }
    }

    /// Releases a latch; `false` where none is latched. The station's goes on through RECONCILE.
    pub(super) fn release<S: Sink>(&mut self, target: Target, out: &mut S) -> bool {
        match self.latch_of(target) {
            Some(latch) if *latch => *latch = false,
            _ => return false,
        }
        self.kills.retain(|k| k.target != target);
        let due_ns = self.now;
        let kill = Kill { target, cause: KillCause::Command, cancels: 0, due_ns, overdue: false };
        self.report_kill(&kill, KillStage::Released, out);
        true
    }

    /// A rule of the engine stops the station.
    pub(super) fn trip_firm<S: Sink>(&mut self, out: &mut S) {
        if !self.firm.killed {
            self.counters.rule_kills += 1;
            self.kill(Target::Firm, KillCause::Rule, out);
        }
    }

    /// Counts a cancel towards the kills that cover its order.
    pub(super) fn count_kill_cancel(&mut self, order: &Order) {
        for n in 0..self.kills.len() {
            if self.covers(self.kills[n].target, &order.request) {
                self.kills[n].cancels = self.kills[n].cancels.saturating_add(1);
            }
        }
    }

    /// Orders of a target that are not done, and those among them whose state is unknown.
    fn left_in(&self, target: Target) -> (u32, u32) {
        let (mut working, mut unknown) = (0, 0);
        for order in self.orders.iter_working().filter(|o| self.covers(target, &o.request)) {
            working += 1;
            unknown += u32::from(order.status == wire::order::OrdStatus::Unknown);
        }
        (working, unknown)
    }

    /// Confirms the kills whose orders are all done, on the venue's word.
    pub(super) fn follow_kills<S: Sink>(&mut self, out: &mut S) {
        let mut n = 0;
        while n < self.kills.len() {
            let kill = self.kills[n];
            if self.left_in(kill.target).0 == 0 {
                self.kills.remove(n);
                self.report_kill(&kill, KillStage::Confirmed, out);
            } else {
                n += 1;
            }
        }
    }

    /// Kills whose cancels were not confirmed in time: said once, and the orders are asked after.
    /// What a venue refused to cancel is canceled again, until nothing is left.
    pub(super) fn kills_overdue<S: Sink>(&mut self, out: &mut S) {
        let (mut next, mut is_news) = (TsNs::UNDEF, false);
        for n in 0..self.kills.len() {
            let Some(kill) = self.kills.get(n).copied() else { continue };
            if kill.due_ns > self.now {
                next = next.min(kill.due_ns);
                continue;
            }
            let due_ns = self.now.saturating_add(self.patience.kill_ns.max(AGAIN_NS));
            next = next.min(due_ns);
            (self.kills[n].due_ns, self.kills[n].overdue) = (due_ns, true);
            if !kill.overdue {
                is_news = true;
                self.report_kill(&kill, KillStage::Unconfirmed, out);
                let left = i64::from(self.left_in(kill.target).0);
                let concern = kill.target.concern(AlarmCode::CancelUnconfirmed, 0, left);
                self.alarm(&concern, out);
            }
            self.cancel_in(kill.target, out);
        }
        self.timers.set_engine(EngineTimer::Kill, next);
        if is_news {
            self.ask_all_venues(out);
        }
    }

    /// Worst-case gross exposure within a target, base currency, and its positions that are not
    /// flat.
    fn residual(&mut self, target: Target) -> (i64, u32) {
        let (mut residual_e9, mut positions) = (0_i64, 0_u32);
        for index in 0..self.instruments.len() {
            self.refresh(index);
            let state = &self.instruments[index];
            let header = &state.row.header;
            let (worst_e9, lots) = match target {
                Target::Venue(id) if header.venue_id != id => continue,
                Target::Symbol(id) if header.instrument_id != id => continue,
                Target::Firm | Target::Venue(_) | Target::Symbol(_) => {
                    (state.risk.contribution.gross_e9, state.position.lots().get())
                }
                Target::Strategy(id) => {
                    let slot = self.strategies.get(usize::from(id.get()));
                    let Some(slot) = slot.filter(|s| s.instrument == index) else { continue };
                    let (risk, lots) = (&slot.risk, slot.position.lots().get());
                    let worst = worst_lots(lots, risk.buy_lots, risk.sell_lots);
                    let price = state.risk.reference_x2().map_or(0, |x2| x2 / 2 + x2 % 2);
                    let value = value_e9(price, worst, state.tick_value_e9).unwrap_or(i64::MAX);
                    (state.risk.fx.convert(value), lots)
                }
            };
            residual_e9 = residual_e9.saturating_add(worst_e9);
            positions += u32::from(lots != 0);
        }
        (residual_e9, positions)
    }

    fn report_kill<S: Sink>(&mut self, kill: &Kill, stage: KillStage, out: &mut S) {
        let (working, unknown) = self.left_in(kill.target);
        let (residual_e9, positions) = self.residual(kill.target);
        let mut header = self.next_header::<KillReport>();
        (header.instrument_id, header.strategy_id, header.venue_id) = kill.target.names();
        let frame = KillReport {
            header,
            residual_e9,
            working,
            unknown,
            cancels: kill.cancels,
            positions,
            scope: kill.target.scope().code(),
            cause: kill.cause.code(),
            stage: stage.code(),
            reserved: [0; 13],
        };
        self.emit(&frame, out);
    }

    /// The edge is to have sent what was approved.
    pub(super) fn check_wire<S: Sink>(&mut self, out: &mut S) {
        if self.wire_spent < self.approvals {
            self.wire_mismatch(out);
        }
    }

    /// The edge says how many approvals it has spent. One that stays unspent is found when its time
    /// is over; with others on their way after it, within twice that.
    pub(super) fn on_wire_count<S: Sink>(&mut self, spent: u64, out: &mut S) {
        self.wire_spent = spent;
        if spent > self.approvals {
            self.wire_mismatch(out);
        } else if spent == self.approvals {
            self.wire_mark = spent.saturating_add(1);
            self.firm.wire_difference = 0;
            self.timers.set_engine(EngineTimer::Wire, TsNs::UNDEF);
        } else if spent >= self.wire_mark {
            // The one waited for has left: the newest of the others is waited for next.
            self.wire_mark = self.approvals;
            let due = self.now.saturating_add(self.patience.wire_ns);
            self.timers.set_engine(EngineTimer::Wire, due);
        } else {
            let due = self.now.saturating_add(self.patience.wire_ns);
            self.timers.pull_engine(EngineTimer::Wire, due);
        }
    }

    fn wire_mismatch<S: Sink>(&mut self, out: &mut S) {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (approved, spent) = (number(self.approvals), number(self.wire_spent));
        let difference = spent.saturating_sub(approved);
        // Each difference is said once, however often the edge repeats it.
        if core::mem::replace(&mut self.firm.wire_difference, difference) != difference {
            self.alarm(&Concern::of(AlarmCode::WireMismatch, approved, spent), out);
        }
        self.trip_firm(out);
    }
}
