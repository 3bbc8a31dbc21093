//! Every strategy of the project on one instrument: books in one frame and in several, gaps, quotes,
//! trades, a model that answers late or not, a venue that fills in parts.

use super::super::rig::{INTERVAL, Rig, SECOND, T0, setup};
use super::super::script::Dice;
use super::*;
use crate::setup::{StrategyParams, StrategySetup};
use crate::strategy::{mean_reversion, momentum, quoting};
use crate::testing::open_limits;
use wire::frame::WireFrame;
use wire::market::{BookSnapshot, DepthDelta, FLAG_FIRST, Gap, Level, Quote, Status, Trade};
use wire::order::{CancelReject, ExecType, NewOrder, OrdStatus, RejectReason};
use wire::units::SEQ_UNDEF;
use wire::{PriceTicks, QtyLots};

fn engine() -> Engine {
    let mut setup = setup();
    setup.limits = open_limits(1, 4, &[VenueId(1)]);
    let more = [
        StrategyParams::Quoting(quoting::Params {
            qty_lots: QtyLots(5),
            max_inventory_lots: 50,
            gamma_e6: 1_000,
            kappa_e6: 300_000,
            horizon_ns: 60 * SECOND,
            sigma_bars: 3,
            requote_ticks: 1,
            pause_ns: SECOND / 4,
        }),
        StrategyParams::MeanReversion(mean_reversion::Params {
            qty_lots: QtyLots(5),
            window_bars: 4,
            entry_z_e3: 900,
            exit_z_e3: 100,
            order_ttl_ns: 2 * SECOND,
            hold_ns: 5 * SECOND,
        }),
    ];
    setup.strategies.extend(more.into_iter().enumerate().map(|(n, params)| StrategySetup {
        name: format!("more {n}"),
        instrument: InstrumentId(0),
        params,
    }));
    if let StrategyParams::Momentum(momentum::Params { threshold_e6, .. }) =
        &mut setup.strategies[1].params
    {
        *threshold_e6 = 1;
    }
    Engine::new(setup).expect("sound")
}

/// The market, and what is on its way to the engine.
struct World {
    rig: Rig,
    dice: Dice,
    at: u64,
    mid: i64,
    update: u64,
    read: usize,
    execs: u64,
    working: Vec<NewOrder>,
    asked: Vec<u64>,
}

impl World {
    fn new(seed: u64, reload: Option<u64>) -> Self {
        let rig = Rig::of(engine()).go_live();
        let (read, dice) = (rig.record.outputs.len(), Dice(seed));
        let (working, asked) = (Vec::new(), Vec::new());
        let mut world =
            Self { rig, dice, at: 0, mid: 10_000, update: 10, read, execs: 0, working, asked };
        world.rig.reload = reload.map(|one_in| Reload::one_in(one_in, seed, engine));
        world
    }

    fn from(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.dice.below(u64::try_from(high - low + 1).expect("a span")))
            .expect("small")
    }

    fn depth<T: WireFrame>(&mut self, mut head: T, flags: u8, levels: &[Level]) {
        let bytes = bytemuck::bytes_of_mut(&mut head);
        let header: &mut FrameHeader =
            bytemuck::from_bytes_mut(bytes.split_at_mut(size_of::<FrameHeader>()).0);
        *header = FrameHeader::with_len(T::KIND, size_of::<T>() + size_of_val(levels));
        (header.flags, header.instrument_id) = (flags, InstrumentId(0));
        header.ts_recv_ns = TsNs(T0 + self.at);
        let mut frame = bytemuck::bytes_of(&head).to_vec();
        frame.extend_from_slice(bytemuck::cast_slice(levels));
        self.rig.feed(&frame);
    }

    /// A whole book in two frames, or the first of them alone, with levels far away too.
    fn snapshot(&mut self, is_whole: bool) {
        let level = |price, qty| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
        let mid = self.mid;
        let bids: Vec<Level> =
            (1..30).map(|n| level(mid - n * n, 40 + n)).chain([level(-900_000, 3)]).collect();
        let asks: Vec<Level> =
            (1..30).map(|n| level(mid + n * n, 40 + n)).chain([level(900_000, 3)]).collect();
        self.update += 1;
        let mut head = BookSnapshot::zeroed();
        head.last_update_id = self.update;
        (head.bid_count, head.ask_count) = (30, 0);
        self.depth(head, FLAG_FIRST, &bids);
        if is_whole {
            (head.bid_count, head.ask_count) = (0, 30);
            self.depth(head, FLAG_LAST, &asks);
        }
    }

    fn delta(&mut self) {
        let (bid, ask) = (self.mid - self.from(1, 12), self.mid + self.from(1, 12));
        let levels = [bid, ask].map(|price| Level {
            price_ticks: PriceTicks(price),
            qty_lots: QtyLots(self.from(0, 60)),
        });
        self.update += 1;
        let mut head = DepthDelta::zeroed();
        (head.first_update_id, head.last_update_id) = (self.update, self.update);
        (head.bid_count, head.ask_count) = (1, 1);
        self.depth(head, FLAG_FIRST | FLAG_LAST, &levels);
    }

    fn market(&mut self) {
        self.mid += self.from(-2, 2);
        match self.dice.below(40) {
            0 => {
                let mut gap = Gap::zeroed();
                gap.header = FrameHeader::new::<Gap>();
                gap.reason = b'S';
                self.rig.send(gap, self.at);
            }
            1 => self.snapshot(false),
            2..=5 => self.snapshot(true),
            6 => {
                let mut status = Status::zeroed();
                status.header = FrameHeader::new::<Status>();
                let all = TradingStatus::ALL;
                let n = usize::try_from(self.dice.below(all.len() as u64)).expect("few");
                status.status = if self.dice.below(2) == 0 { all[n] } else { all[0] }.code();
                self.rig.send(status, self.at);
            }
            7..=14 => {
                let mut quote = Quote::zeroed();
                quote.header = FrameHeader::new::<Quote>();
                quote.header.ts_event_ns = TsNs(self.at);
                (quote.bid_price_ticks, quote.ask_price_ticks) =
                    (PriceTicks(self.mid - 1), PriceTicks(self.mid + 1));
                (quote.bid_qty_lots, quote.ask_qty_lots) = (QtyLots(9), QtyLots(8));
                quote.update_id = self.update + self.dice.below(2);
                self.rig.send(quote, self.at);
            }
            15..=26 => {
                let mut trade = Trade::zeroed();
                trade.header = FrameHeader::new::<Trade>();
                trade.price_ticks = PriceTicks(self.mid);
                trade.qty_lots = QtyLots(self.from(1, 9));
                trade.aggressor = if self.dice.below(2) == 0 { b'B' } else { b'S' };
                self.rig.send(trade, self.at);
            }
            _ => self.delta(),
        }
    }

    /// What the engine said reaches venue and model.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for neither")]
    fn collect(&mut self) {
        for n in self.read..self.rig.record.outputs.len() {
            let frame = self.rig.record.outputs[n].clone();
            match decode(bytemuck::cast_slice(&frame)).expect("sound") {
                Frame::NewOrder(order) => self.working.push(*order),
                Frame::SignalRequest(request) => self.asked.push(request.request_id),
                Frame::CancelOrder(cancel) => {
                    let place =
                        self.working.iter().position(|o| o.cl_ord_id == cancel.orig_cl_ord_id);
                    match place.filter(|_| self.dice.below(8) > 0) {
                        Some(place) => {
                            let order = self.working.remove(place);
                            self.report(&order, ExecType::Canceled, 0);
                        }
                        None => self.refuse(cancel.cl_ord_id, cancel.orig_cl_ord_id),
                    }
                }
                _ => {}
            }
        }
        self.read = self.rig.record.outputs.len();
    }

    fn refuse(&mut self, request: ClOrdId, order: ClOrdId) {
        let mut reject = CancelReject::zeroed();
        reject.header = FrameHeader::new::<CancelReject>();
        (reject.cl_ord_id, reject.orig_cl_ord_id, reject.order_id) = (request, order, SEQ_UNDEF);
        reject.ord_status = OrdStatus::New.code();
        reject.reject_reason = RejectReason::TooLate.code();
        self.rig.send(reject, self.at);
    }

    fn report(&mut self, order: &NewOrder, exec: ExecType, fill: i64) {
        self.execs += 1;
        self.rig.report(order, exec, fill, self.execs, self.at);
    }

    fn venue(&mut self) {
        if self.working.is_empty() {
            return;
        }
        let n = usize::try_from(self.dice.below(self.working.len() as u64)).expect("few");
        let order = self.working[n];
        match self.dice.below(6) {
            0 | 1 => self.report(&order, ExecType::New, 0),
            2 => {
                let part = 1 + order.qty_lots.get() / 3;
                self.report(&order, ExecType::Trade, part);
            }
            3 => {
                self.working.remove(n);
                self.report(&order, ExecType::Expired, 0);
            }
            _ => {
                self.working.remove(n);
                let known = self.rig.engine.orders().get(order.cl_ord_id);
                let rest = known.map_or(1, |o| o.leaves_qty_lots.get().max(1));
                self.report(&order, ExecType::Trade, rest);
            }
        }
    }

    fn run(mut self, steps: u64) -> Rig {
        self.snapshot(true);
        for _ in 0..steps {
            self.at += self.dice.below(INTERVAL * 3);
            match self.dice.below(8) {
                0 | 7 if !self.asked.is_empty() => {
                    let score = i32::try_from(self.from(-1_000_000, 1_000_000)).expect("fits");
                    if let Some(id) = self.asked.pop() {
                        self.rig.answer(id, score, self.at);
                    }
                }
                1 | 2 => self.venue(),
                _ => self.market(),
            }
            self.collect();
            // Modes are tested elsewhere: here the strategies always may.
            self.rig.engine.firm.mode = Mode::Live;
        }
        self.rig
    }
}

#[test]
fn every_strategy_of_the_project_goes_on_the_same() {
    let (mut done, mut sent) = (0, [0_u64; 4]);
    for seed in 0..12 {
        let (one, other) =
            (World::new(seed, None).run(1_200), World::new(seed, Some(12)).run(1_200));
        assert_eq!(one.record.inputs, other.record.inputs, "seed {seed}");
        assert_eq!(one.record.outputs, other.record.outputs, "seed {seed}");
        assert_eq!(one.engine.state_hash(), other.engine.state_hash(), "seed {seed}");
        let (a, b) = (&one.engine.instruments[0], &other.engine.instruments[0]);
        assert_eq!(a.quote, b.quote, "seed {seed}: its header too");
        let counters = |state: &InstrumentState| {
            let c = state.book.counters();
            [c.snapshots, c.gaps, c.overflows, c.malformed, c.ignored]
        };
        assert_eq!(counters(a), counters(b), "seed {seed}");
        done += other.reload.map_or(0, |r| r.done);
        for frame in &one.record.outputs {
            if let Ok(Frame::NewOrder(order)) = decode(bytemuck::cast_slice(frame)) {
                sent[usize::from(order.header.strategy_id.get())] += 1;
            }
        }
    }
    assert!(done > 800 && sent.iter().all(|n| *n > 20), "{done} loads, orders {sent:?}");
}

/// Beyond every log and round the order table more than once.
#[test]
fn a_long_session_goes_on_the_same() {
    let steps = 40_000;
    let (one, other) = (World::new(77, None).run(steps), World::new(77, Some(600)).run(steps));
    assert_eq!(one.record.outputs, other.record.outputs);
    assert_eq!(one.engine.state_hash(), other.engine.state_hash());
    assert!(other.reload.is_some_and(|r| r.done > 40));
    let (engine, asked) = (&one.engine, REQUEST_LOG as u64);
    let counts = (engine.executions_next, engine.request_ids);
    assert!(counts.0 > EXEC_LOG && counts.1 > asked, "{counts:?}");
    assert!(engine.counters.orders > 2 * engine.orders.capacity() as u64);
}
