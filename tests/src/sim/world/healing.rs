//! The end of a world: the faults end, and everything must come right. The station and the venues
//! agree on every order and every position, nothing is unknown, every position can be closed, every
//! order canceled, and the journal proves it.

use super::super::desk::{ask_mode, control};
use super::super::venue::{Said, Venue};
use super::World;
use engine::{Engine, Sink};
use wire::FrameKind;
use wire::control::Command;
use wire::market::TradingStatus;
use wire::station::Mode;

/// Steps it may take for the station and its venues to agree.
const PATIENCE: usize = 40_000;

impl World {
    /// The faults end.
    pub(super) fn heal(&mut self) {
        self.faults.healed = true;
        (self.skew, self.edge.stalled_until) = (self.skew.max(0), 0);
        self.tap.store.heal();
        self.sidecars.heal();
        self.venues.iter_mut().for_each(Venue::heal);
        for market in &mut self.markets {
            market.heal(self.now);
        }
        for link in &mut self.links {
            link.heal(self.now);
        }
        if let Some(end) = self.tap.store.failure {
            self.crash(end);
            self.links.iter_mut().for_each(|link| link.heal(self.now));
        }
        self.agree();
        if self.watch.failure.is_none() {
            self.flatten();
        }
        if self.watch.failure.is_none() {
            self.stop();
        }
    }

    /// A step without faults; time goes on as fast as the station waits.
    fn calm_step(&mut self) {
        self.now += self.plan.latency_ns / 2 + self.plan.gap_ns;
        self.arrive();
        for n in 0..self.markets.len() {
            self.market_of(n);
        }
        for n in 0..self.venues.len() {
            self.at_venue(n, Venue::act);
        }
        self.is_moved = true;
        let mut out = Vec::new();
        if self.dice.one_in(4) {
            self.desk.all_figures(&mut out);
            out.push(self.wire_count(0));
        }
        self.inbox.extend(out);
        self.carry();
        self.keep();
        self.look();
    }

    /// Whether a condition comes true in time.
    fn comes(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) -> bool {
        for _ in 0..PATIENCE {
            if self.watch.failure.is_some() {
                return false;
            }
            if is_so(self) {
                return true;
            }
            self.calm_step();
        }
        let state = self.state();
        self.watch.fail(|| format!("after the faults {what} does not come: {state}"));
        false
    }

    /// What keeps a world from coming right, for the message.
    fn state(&self) -> String {
        let venues: Vec<_> = self.engine.venues().map(|v| (v.session_up, v.reconciled)).collect();
        let held = self.engine.instruments().iter().map(|i| i.position.lots().get());
        let true_held: Vec<_> = self.venues.iter().map(|v| v.positions.clone()).collect();
        let working: Vec<_> = self.engine.orders().iter_working().collect();
        format!(
            "mode {:?}, venues {venues:?}, unknown {}, held {:?} of {true_held:?}, externals {:?}, \
             killed {}, last denial {:?}, working {working:?}",
            self.engine.mode(),
            self.engine.firm().unknown_orders,
            held.collect::<Vec<_>>(),
            self.engine.externals(),
            self.engine.killed(),
            self.watch.last_denial(),
        )
    }

    /// Sends a command.
    fn ask(&mut self, said: Said) {
        self.inbox.push_back(said);
    }

    /// The station is led to MAINTENANCE, and agrees with every venue.
    fn agree(&mut self) {
        let agreed = |world: &mut Self| {
            if world.dice.one_in(32) {
                for n in 0..world.venues.len() {
                    world.at_venue(n, Venue::cancel_foreign);
                }
                let next = match world.engine.mode() {
                    Mode::Halted => Some(control(Command::Resume, 0, "over")),
                    Mode::Live | Mode::Reducing => Some(ask_mode(Mode::Maintenance)),
                    Mode::Boot | Mode::Reconcile | Mode::Maintenance | Mode::Draining => None,
                };
                if let Some(next) = next {
                    world.ask(Said::of(&next));
                }
                world.ask(Said::of(&control(Command::Accept, 0, "over")));
            }
            world.engine.mode() == Mode::Maintenance && world.do_agree()
        };
        self.comes("agreement with the venues", agreed);
    }

    /// Whether station and venues hold the same, and know it.
    fn do_agree(&self) -> bool {
        let engine = &self.engine;
        let is_clean = engine.venues().all(|v| v.session_up && v.reconciled)
            && engine.firm().unknown_orders == 0
            && engine.externals().is_empty();
        is_clean && self.same_orders() && self.same_positions()
    }

    fn same_positions(&self) -> bool {
        self.engine.instruments().iter().enumerate().all(|(n, state)| {
            let venue = super::venue_of(&self.plan, n);
            state.position.lots().get() == self.venues[venue].positions[n]
        })
    }

    fn same_orders(&self) -> bool {
        let mut theirs = Vec::new();
        for venue in &self.venues {
            theirs.extend(venue.open.iter().map(|n| {
                let order = &venue.orders[*n];
                (order.id, order.leaves())
            }));
        }
        let working = self.engine.orders().iter_working();
        let mut ours: Vec<_> = working.map(|o| (o.cl_ord_id.get(), o.reserved_lots)).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        ours == theirs
    }

    /// Every position that may be traded can be closed.
    fn flatten(&mut self) {
        let mut asked = 0_u32;
        let flat = |world: &mut Self| {
            if asked.is_multiple_of(512) {
                world.release_all();
                if world.engine.mode() == Mode::Maintenance {
                    world.ask(Said::of(&ask_mode(Mode::Reducing)));
                }
                world.ask(Said::of(&control(Command::Flatten, 0, "over")));
            }
            asked += 1;
            world.is_flat()
        };
        self.comes("a flat book", flat);
    }

    /// Latches and switches that drills left behind are cleared.
    fn release_all(&mut self) {
        let mut out = Vec::new();
        self.desk.clear_latches(&self.engine, &mut out);
        self.inbox.extend(out);
    }

    /// Whether nothing is held that may be sold.
    fn is_flat(&self) -> bool {
        let limits = self.engine.operator_limits();
        self.engine.instruments().iter().enumerate().all(|(n, state)| {
            let strategies = (0..self.plan.strategies).filter(|s| {
                super::setup::instrument_of(&self.plan, *s) == n
                    && limits.strategies.get(*s).is_some_and(Option::is_some)
                    && state.risk.rules.strategies >> s & 1 == 1
            });
            let may = strategies.count() > 0 && Self::is_tradable(&self.engine, n);
            !may || state.position.lots().get() == 0
        })
    }

    /// Whether every order to close a position could pass: what the instrument's rules forbid for
    /// good, and lots below the smallest order or off its step, stay.
    fn is_tradable(engine: &Engine, n: usize) -> bool {
        let state = &engine.instruments()[n];
        let risk = &state.risk;
        let lots = state.position.lots().get().abs();
        let step = risk.limits.qty_step_lots.max(1);
        let pair =
            engine::limits::pair_bit(wire::order::OrdType::Limit, wire::order::TimeInForce::Ioc);
        risk.tradable
            && risk.status == TradingStatus::Trading
            && lots % step == 0
            && lots >= risk.min_qty_lots
            && lots <= risk.limits.max_order_qty_lots
            && state.row.min_notional_e9 <= lots * risk.tick_value_e9 * 8_000
            && risk.rules.order_types & pair != 0
    }

    /// A halt leaves no order of ours at any venue.
    fn stop(&mut self) {
        self.ask(Said::of(&control(Command::Halt, 0, "over")));
        let stopped = |world: &mut Self| {
            world.engine.killed()
                && world.engine.orders().working() == 0
                && world.venues.iter().all(|v| v.open.iter().all(|n| !v.is_ours(&v.orders[*n])))
        };
        self.comes("an end of every order", stopped);
    }

    /// The journal ends in good order and proves what happened; now and then a fresh engine is given
    /// its inputs and must give its outputs.
    pub(super) fn close(&mut self) {
        let is_rerun = self.plan.seed.is_multiple_of(8);
        let mut frames: Vec<Vec<u64>> = Vec::new();
        let closed = self.tap.store.close(&mut |frame| {
            if is_rerun {
                let mut words = vec![0; frame.len() / 8];
                bytemuck::cast_slice_mut(&mut words).copy_from_slice(frame);
                frames.push(words);
            }
        });
        if let Err(why) = closed {
            self.watch.fail(|| why);
        } else if is_rerun {
            self.rerun(&frames);
        }
    }

    fn rerun(&mut self, frames: &[Vec<u64>]) {
        struct Compare<'a>(std::slice::Iter<'a, Vec<u64>>, Option<u64>, u64);
        impl Sink for Compare<'_> {
            fn input(&mut self, frame: &[u8]) {
                self.output(frame);
            }
            fn output(&mut self, frame: &[u8]) {
                self.2 += 1;
                let same =
                    self.0.next().is_some_and(|w| bytemuck::cast_slice::<u64, u8>(w) == frame);
                if !same && self.1.is_none() {
                    self.1 = Some(self.2);
                }
            }
        }
        let mut engine = super::build(&self.plan, self.session, self.session_limits.clone());
        let mut compare = Compare(frames.iter(), None, 0);
        for words in frames {
            let kind = wire::frame::header(bytemuck::cast_slice(words)).map_or(0, |h| h.kind);
            if FrameKind::from_code(kind).is_some_and(FrameKind::is_outer_input) {
                let mut frame = words.clone();
                let taken = engine.input(bytemuck::cast_slice_mut(&mut frame), &mut compare);
                self.watch.hold(taken.is_ok(), || "a journaled input is none".into());
            }
        }
        let (differs, count) = (compare.1, compare.2);
        self.watch.hold(differs.is_none() && count == frames.len() as u64, || {
            format!("the journal's inputs make other outputs: frame {differs:?} of {count}")
        });
        let same = engine.state_hash() == self.engine.state_hash();
        self.watch.hold(same, || "the journal's inputs make another state".into());
    }
}
