//! Parent orders: started by a strategy, worked in slices by the clock, each slice an immediate
//! order at the parent's price through the gate.

use super::orders::Group;
use super::{Concern, Engine, strategy_id};
use crate::orders::Order;
use crate::parents::{Parent, ParentSpec};
use crate::sink::Sink;
use crate::strategy::{OrderUpdate, Placement};
use crate::timers::EngineTimer;
use wire::order::{ParentOrder, ParentState, Side};
use wire::risk::AlarmCode;
use wire::{PriceTicks, QtyLots, TsNs};

impl Engine {
    /// Takes a parent up; what cannot be worked is dropped and counted.
    pub(super) fn start_parent<S: Sink>(&mut self, strategy: usize, spec: ParentSpec, out: &mut S) {
        if spec.problem().is_some() || self.is_stopped(strategy) {
            self.counters.suppressed += 1;
            return;
        }
        match self.parents.start(strategy_id(strategy), spec, self.now) {
            Some(parent) => {
                self.report_parent(&parent, out);
                self.work_parents(out);
            }
            None => self.counters.suppressed += 1,
        }
    }

    /// Stops a parent of the strategy; its working slices are canceled.
    pub(super) fn stop_parent<S: Sink>(&mut self, strategy: usize, id: u32, out: &mut S) {
        let own = self.parents.get(id).is_some_and(|p| p.strategy == strategy_id(strategy));
        if own {
            self.end_parent(id, ParentState::Canceled, out);
        }
    }

    /// Stops every parent whose orders fit the filter: a kill, a drain.
    pub(super) fn stop_parents<S: Sink>(
        &mut self,
        wanted: impl Fn(&Self, &Parent) -> bool,
        out: &mut S,
    ) {
        for n in 0..crate::parents::MAX_PARENTS {
            let parent = self.parents.iter().nth(n).copied().filter(Parent::is_working);
            if let Some(parent) = parent.filter(|p| wanted(self, p)) {
                self.end_parent(parent.id, ParentState::Canceled, out);
            }
        }
    }

    /// Sends the slices that are due, ends the parents whose time is over, and sets the timer.
    pub(super) fn work_parents<S: Sink>(&mut self, out: &mut S) {
        // Bounded: each round begins a slice of a finite schedule or ends a parent.
        for _ in 0..crate::parents::MAX_PARENTS * 4 {
            let Some((id, due)) = self.parents.next_due().filter(|(_, at)| *at <= self.now) else {
                break;
            };
            let Some(parent) = self.parents.get_mut(id) else { break };
            debug_assert!(due <= self.now);
            if parent.is_over() {
                parent.state = ParentState::Expired;
                if parent.working_lots == 0 {
                    self.end_parent(id, ParentState::Expired, out);
                }
                // Else the end of the last slice, whatever that is, settles the parent.
                continue;
            }
            let lots = parent.begin_slice();
            let (strategy, spec) = (usize::from(parent.strategy.get()), parent.spec);
            self.send_slice(strategy, id, &spec, lots, out);
        }
        let next = self.parents.next_due().map_or(TsNs::UNDEF, |(_, at)| at);
        self.timers.set_engine(EngineTimer::Parents, next.max(self.now.saturating_add(1)));
        if next == TsNs::UNDEF {
            self.timers.set_engine(EngineTimer::Parents, TsNs::UNDEF);
        }
    }

    fn send_slice<S: Sink>(
        &mut self,
        strategy: usize,
        id: u32,
        spec: &ParentSpec,
        lots: i64,
        out: &mut S,
    ) {
        let index = self.instrument_of(strategy);
        let Some(state) = self.instruments.get(index) else { return };
        let (limits, venue) = (&state.risk.limits, state.risk.max_qty_lots);
        let step = limits.qty_step_lots.max(1);
        // What a slice may not carry is caught up by the next.
        let lots = lots.min(limits.max_order_qty_lots).min(venue) / step * step;
        let Some(touch) = state.touch().filter(|_| lots > 0) else { return };
        let slack = state.risk.limits.max_aggression_ticks;
        let limit = spec.limit_px_ticks.get();
        let price = match spec.side {
            Side::Buy => limit.min(touch.ask.price_ticks.get().saturating_add(slack)),
            Side::Sell => limit.max(touch.bid.price_ticks.get().saturating_sub(slack)),
        };
        let slice = Placement::ioc(spec.side, PriceTicks(price), QtyLots(lots));
        self.place(strategy, &slice, Group { parent_id: id, link_id: 0 }, out);
    }

    /// A slice is done: a parent that is filled, or whose last slice this was, ends.
    pub(super) fn follow_parent<S: Sink>(&mut self, order: &Order, out: &mut S) {
        let Some(parent) = self.parents.get(order.request.parent_id).copied() else { return };
        if parent.cum_lots >= parent.spec.qty_lots.get() {
            self.end_parent(parent.id, ParentState::Filled, out);
        } else if parent.state == ParentState::Expired && parent.working_lots == 0 {
            self.end_parent(parent.id, ParentState::Expired, out);
        }
    }

    /// Ends a parent, once: later fills of its slices are counted and change its end no more.
    fn end_parent<S: Sink>(&mut self, id: u32, state: ParentState, out: &mut S) {
        let Some(parent) = self.parents.get_mut(id) else { return };
        if parent.is_told {
            return;
        }
        (parent.state, parent.is_told) = (state, true);
        let parent = *parent;
        self.report_parent(&parent, out);
        let (whole, filled) = (parent.spec.qty_lots.get(), parent.cum_lots);
        if state == ParentState::Expired && filled < whole {
            let strategy = parent.strategy;
            let code = AlarmCode::ParentIncomplete;
            self.alarm(&Concern { strategy, ..Concern::of(code, whole, filled) }, out);
        }
        if state != ParentState::Filled {
            self.cancel_where(|o| o.parent_id == id, out);
        }
    }

    fn report_parent<S: Sink>(&mut self, parent: &Parent, out: &mut S) {
        let index = self.instrument_of(usize::from(parent.strategy.get()));
        let mut header = self.next_header::<ParentOrder>();
        header.strategy_id = parent.strategy;
        if let Some(state) = self.instruments.get(index) {
            header.instrument_id = state.row.header.instrument_id;
            header.venue_id = state.row.header.venue_id;
        }
        let spec = &parent.spec;
        let frame = ParentOrder {
            header,
            start_ns: parent.start_ns,
            end_ns: parent.start_ns.saturating_add(spec.duration_ns),
            limit_px_ticks: spec.limit_px_ticks,
            qty_lots: spec.qty_lots,
            cum_qty_lots: QtyLots(parent.cum_lots),
            working_lots: QtyLots(parent.working_lots),
            parent_id: parent.id,
            slices: spec.slices,
            side: spec.side.code(),
            style: spec.style.code(),
            state: parent.state.code(),
            reserved: [0; 13],
        };
        self.emit(&frame, out);
        if let Some(slot) = self.strategies.get_mut(usize::from(parent.strategy.get())) {
            slot.logic.on_order(&OrderUpdate::Parent(parent));
        }
    }
}
