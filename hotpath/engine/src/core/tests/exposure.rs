//! Exposure under a venue that says anything: after every input the sums equal those counted anew
//! from the orders, the positions equal a ledger of our own, and two engines stay the same.

use super::super::orders::Group;
use super::super::*;
use super::rig::*;
use super::say::*;
use crate::orders::Order;
use crate::parents::ParentSpec;
use crate::setup::{StrategyParams, StrategySetup};
use crate::strategy::{Bracket, Placement, momentum};
use crate::testing::open_limits;
use std::collections::BTreeSet;
use wire::control::Command;
use wire::order::{CancelReject, ExecType, ExecutionReport, OrdStatus, RejectReason, Side};
use wire::reconcile::{MassStatusEnd, OrderStatusReport, SessionState, VenueSession};
use wire::{PriceTicks, QtyLots};

const CASES: u64 = 2_000;
const STEPS: usize = 200;

/// A stream of numbers from a seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number from 0 up to and without `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    pub(super) fn from(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low + 1).expect("a span");
        low + i64::try_from(self.below(span)).expect("small")
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("small")]
    }
}

/// Two instruments on two venues, two strategies on each.
pub(super) fn wide_setup(capacity: usize) -> Setup {
    let mut second = instrument();
    second.header.instrument_id = InstrumentId(1);
    second.header.venue_id = VenueId(2);
    let params = momentum::Params {
        qty_lots: QtyLots(1),
        fast_bars: 1,
        slow_bars: 3,
        threshold_e6: 100,
        order_ttl_ns: 2 * SECOND,
    };
    let strategy = |n: u32| StrategySetup {
        name: format!("s{n}"),
        instrument: InstrumentId(n / 2),
        params: StrategyParams::Momentum(params),
    };
    Setup {
        instruments: vec![instrument(), second],
        limits: open_limits(2, 4, &[VenueId(1), VenueId(2)]),
        strategies: (0..4).map(strategy).collect(),
        signal: None,
        order_capacity: capacity,
        ..setup()
    }
}

/// Both venues up, compared, a market on both, LIVE.
pub(super) fn wide_rig(capacity: usize) -> Rig {
    let mut rig = Rig::of(Engine::new(wide_setup(capacity)).expect("sound"));
    rig.snapshot_of(InstrumentId(0));
    rig.snapshot_of(InstrumentId(1));
    rig.connect();
    session(&mut rig, VenueId(2), SessionState::Up);
    go_live(&mut rig);
    assert_eq!(rig.engine.mode(), Mode::Live);
    rig
}

fn session(rig: &mut Rig, venue: VenueId, state: SessionState) {
    let mut frame = VenueSession::new(venue, state);
    frame.header.ts_recv_ns = TsNs::UNDEF;
    rig.feed(bytemuck::bytes_of(&frame));
}

/// Ends every open comparison as if it had found nothing, and asks for LIVE.
fn go_live(rig: &mut Rig) {
    for venue in [VenueId(1), VenueId(2)] {
        let mut end = MassStatusEnd::zeroed();
        end.header = FrameHeader::new::<MassStatusEnd>();
        (end.header.venue_id, end.header.ts_recv_ns) = (venue, TsNs::UNDEF);
        for id in 1..=rig.asked() {
            end.mass_status_id = id;
            rig.feed(bytemuck::bytes_of(&end));
        }
    }
    for venue in &mut rig.engine.venues {
        venue.risk.set_balance(i64::MAX, 10_000);
    }
    let mode = if rig.engine.mode() == Mode::Halted { Command::Resume } else { Command::Mode };
    rig.command(mode, u64::from(Mode::Live.code()), "again");
}

/// What the positions must be, counted beside the engine.
#[derive(Default)]
struct Ledger {
    lots: [i64; 2],
    seen: BTreeSet<(u32, bool, u64)>,
}

impl Ledger {
    fn take(&mut self, engine: &Engine, report: &ExecutionReport) {
        let exec = ExecType::from_code(report.exec_type).expect("known");
        let is_bust = exec == ExecType::TradeCancel;
        if exec != ExecType::Trade && !is_bust {
            return;
        }
        let instrument = report.header.instrument_id.get();
        if !self.seen.insert((instrument, is_bust, report.exec_id)) {
            return;
        }
        let mut lots = report.last_qty_lots.get();
        let knows_other = self.seen.contains(&(instrument, !is_bust, report.exec_id));
        if knows_other != is_bust {
            // Taken back before it came, or never there to be taken back.
            return;
        }
        if is_bust {
            let order = engine.orders().get(report.orig_cl_ord_id);
            let order = order.or_else(|| engine.orders().get(report.cl_ord_id));
            let fits = |o: &&Order| {
                o.request.instrument.get() == instrument && o.request.side.code() == report.side
            };
            // Of an order that is forgotten, or that it does not fit, all of it goes back.
            let cum = order.filter(fits).map(|o| engine.orders().newest(o).cum_qty_lots.get());
            lots = -lots.min(cum.unwrap_or(lots));
        }
        let sign = if report.side == Side::Buy.code() { 1 } else { -1 };
        self.lots[usize::try_from(instrument).expect("small")] += sign * lots;
    }
}

/// Every sum, counted anew from the orders.
pub(super) fn check_sums(engine: &Engine, what: &str) {
    let none = PriceTicks::UNDEF.get();
    let (mut all, mut unknown) = (0, i64::try_from(engine.externals.len()).expect("few"));
    for (n, state) in engine.instruments.iter().enumerate() {
        let (mut lots, mut count, mut value, mut unknown_value) = ([0, 0], 0, 0_i128, 0_i128);
        let (mut bid, mut ask) = (none, none);
        for o in engine.orders().iter_working() {
            if index_of(o.request.instrument) != n {
                continue;
            }
            let amended = o.replacing.map_or(0, |r| r.qty_lots.get());
            let whole = o.request.qty_lots.get().max(amended);
            let may_fill = (whole - o.cum_qty_lots.get()).max(0);
            assert_eq!(o.reserved_lots, may_fill, "{what}: {o:?}");
            let dearer = o.replacing.map_or(i64::MIN, |r| r.value_px_ticks).max(o.value_px_ticks);
            let worth = i128::from(dearer) * i128::from(may_fill) * i128::from(state.tick_value_e9);
            let is_unknown = o.status == OrdStatus::Unknown;
            lots[usize::from(o.request.side == Side::Sell)] += may_fill;
            count += 1;
            value += worth;
            unknown_value += if is_unknown { worth } else { 0 };
            unknown += i64::from(is_unknown);
            if o.request.ord_type == wire::order::OrdType::Limit {
                let prices = [Some(o.request.price_ticks), o.replacing.map(|r| r.price_ticks)];
                for px in prices.into_iter().flatten().map(PriceTicks::get) {
                    if o.request.side == Side::Buy {
                        bid = bid.max(px);
                    } else if ask == none || px < ask {
                        ask = px;
                    }
                }
            }
        }
        all += count;
        // Beyond 64 bits a sum stands at the largest number.
        let [value, unknown_value] =
            [value, unknown_value].map(|sum| i64::try_from(sum).unwrap_or(i64::MAX));
        let r = &state.risk;
        assert_eq!([r.buy_lots, r.sell_lots], lots, "{what}");
        assert_eq!(
            (r.open_orders, r.open_e9, r.unknown_e9),
            (count, value, unknown_value),
            "{what}"
        );
        assert_eq!((r.own_bid_ticks, r.own_ask_ticks), (bid, ask), "{what}");
        assert_eq!(r.position_lots, state.position.lots().get(), "{what}");
        assert_eq!((r.contribution.open_e9, r.contribution.unknown_e9), (value, unknown_value));
    }
    for (n, slot) in engine.strategies.iter().enumerate() {
        let own =
            engine.orders().iter_working().filter(|o| usize::from(o.request.strategy.get()) == n);
        let (mut buys, mut sells, mut count) = (0, 0, 0);
        for o in own {
            let side = if o.request.side == Side::Buy { &mut buys } else { &mut sells };
            *side += o.reserved_lots;
            count += 1;
        }
        let r = &slot.risk;
        assert_eq!((r.buy_lots, r.sell_lots, r.open_orders), (buys, sells, count), "{what}");
        assert_eq!(r.position_lots, slot.position.lots().get(), "{what}");
    }
    for (n, venue) in engine.venues.iter().enumerate() {
        let its = engine.instruments.iter().filter(|s| s.venue == n);
        let (count, claimed) = its.fold((0, 0_i64), |(count, claimed), s| {
            (count + s.risk.open_orders, claimed.saturating_add(s.risk.contribution.open_e9))
        });
        assert_eq!((venue.risk.open_orders, venue.risk.claimed_e9), (count, claimed), "{what}");
    }
    assert_eq!((engine.firm.open_orders, engine.firm.unknown_orders), (all, unknown), "{what}");
    let mut sum = crate::risk::Exposure::default();
    for state in &engine.instruments {
        sum.replace(&crate::risk::Contribution::default(), &state.risk.contribution);
    }
    assert_eq!(engine.firm.exposure, sum, "{what}");
    for parent in engine.parents().iter() {
        let its = engine.orders().iter_working().filter(|o| o.request.parent_id == parent.id);
        assert_eq!(parent.working_lots, its.map(|o| o.reserved_lots).sum::<i64>(), "{what}");
    }
}

/// What happens next: one thing, to any engine the same.
#[derive(Clone, Copy, Debug)]
enum Step {
    Place(usize, Placement, Group),
    Pair(usize, Placement, Placement),
    Bracket(usize, Bracket),
    Parent(usize, ParentSpec),
    Cancel(usize, ClOrdId),
    Replace(usize, ClOrdId, i64, i64),
    Report(ExecutionReport),
    Refusal(CancelReject),
    Status(OrderStatusReport),
    Session(VenueId, SessionState),
    GoLive,
    Rearm(u16),
    Time(u64),
}

fn apply(rig: &mut Rig, step: &Step) {
    let is_wish = matches!(
        step,
        Step::Place(..) | Step::Pair(..) | Step::Bracket(..) | Step::Parent(..) | Step::Replace(..)
    );
    if is_wish {
        // Modes are not what is tested here: with them a mad venue would see no second order.
        rig.engine.firm.mode = Mode::Live;
        rig.engine.venues.iter_mut().for_each(|v| v.risk.reconciled = true);
    }
    let out = &mut rig.record;
    match *step {
        Step::Place(s, want, group) => drop(rig.engine.place(s, &want, group, out)),
        Step::Pair(s, one, other) => rig.engine.place_pair(s, &one, &other, out),
        Step::Bracket(s, bracket) => rig.engine.place_bracket(s, &bracket, out),
        Step::Parent(s, spec) => rig.engine.start_parent(s, spec, out),
        Step::Cancel(s, id) => rig.engine.cancel_own(s, id, out),
        Step::Replace(s, id, px, qty) => {
            rig.engine.replace(s, id, PriceTicks(px), QtyLots(qty), out);
        }
        Step::Report(report) => rig.feed(bytemuck::bytes_of(&report)),
        Step::Refusal(reject) => rig.feed(bytemuck::bytes_of(&reject)),
        Step::Status(status) => rig.feed(bytemuck::bytes_of(&status)),
        Step::Session(venue, state) => session(rig, venue, state),
        Step::GoLive => go_live(rig),
        Step::Rearm(s) => rig.rearm(StrategyId(s)),
        Step::Time(ns) => {
            let at = rig.engine.now().get() - T0 + ns;
            rig.delta(at);
            rig.delta_of(InstrumentId(1), at);
        }
    }
}

pub(super) fn placement(dice: &mut Dice) -> Placement {
    let (side, qty) = (dice.pick(&[Side::Buy, Side::Sell]), QtyLots(dice.from(1, 20)));
    // Mostly clear of the other side, so that few wishes are own crosses.
    let px = match side {
        Side::Buy => PriceTicks(dice.from(9_980, 10_000)),
        Side::Sell => PriceTicks(dice.from(10_000, 10_020)),
    };
    let limit = Placement::limit(side, px, qty);
    match dice.below(8) {
        0 => Placement::ioc(side, px, qty),
        1 => limit.reduce_only(),
        2 => Placement::stop_limit(side, px, px, qty),
        _ => limit,
    }
}

fn any_step(rig: &Rig, ids: &[(ClOrdId, usize)], execs: &mut u64, dice: &mut Dice) -> Step {
    let strategy = usize::try_from(dice.below(4)).expect("small");
    let works = |o: &Order| (o.cl_ord_id, usize::from(o.request.strategy.get()));
    let working: Vec<_> = rig.engine.orders().iter_working().map(works).collect();
    let (id, owner) = if !working.is_empty() && !dice.one_in(3) {
        dice.pick(&working)
    } else if ids.is_empty() {
        (ClOrdId(5), 0)
    } else {
        dice.pick(ids)
    };
    match dice.below(22) {
        0..=3 => Step::Place(strategy, placement(dice), Group::default()),
        4 => match dice.below(3) {
            0 => Step::Pair(strategy, placement(dice), placement(dice)),
            1 => {
                let entry =
                    Placement::limit(Side::Buy, PriceTicks(9_999), QtyLots(dice.from(1, 9)));
                let [target_px_ticks, stop_px_ticks, stop_limit_px_ticks] =
                    [10_040, 9_950, 9_940].map(PriceTicks);
                let bracket =
                    Bracket { entry, target_px_ticks, stop_px_ticks, stop_limit_px_ticks };
                Step::Bracket(strategy, bracket)
            }
            _ => {
                let (side, lots) = (Side::Buy, QtyLots(dice.from(1, 50)));
                let spec = ParentSpec::twap(side, lots, PriceTicks(10_000), SECOND, 4);
                Step::Parent(strategy, spec)
            }
        },
        5 => Step::Cancel(owner, id),
        6..=14 => Step::Report(any_report(rig, id, execs, dice)),
        15 => {
            let mut reject = CancelReject::zeroed();
            reject.header = FrameHeader::new::<CancelReject>();
            reject.header.ts_recv_ns = TsNs::UNDEF;
            let amended = rig.engine.orders().get(id).and_then(|o| o.replacing).map(|r| r.id);
            reject.cl_ord_id = amended.filter(|_| dice.one_in(2)).unwrap_or(ClOrdId(9));
            reject.orig_cl_ord_id = id;
            reject.order_id = dice.pick(&[900, wire::units::SEQ_UNDEF]);
            reject.ord_status = dice.pick(OrdStatus::ALL).code();
            reject.reject_reason = dice.pick(RejectReason::ALL).code();
            Step::Refusal(reject)
        }
        16 => Step::Status(any_status(rig, id, dice)),
        17 if dice.one_in(4) => {
            let state = dice.pick(&[SessionState::Up, SessionState::Down]);
            Step::Session(dice.pick(&[VenueId(1), VenueId(2)]), state)
        }
        18 if dice.one_in(4) => Step::Rearm(u16::try_from(strategy).expect("small")),
        19 => Step::Time(dice.below(SECOND)),
        20 | 21 => {
            let calm = |o: &&Order| matches!(o.status, OrdStatus::New | OrdStatus::PartiallyFilled);
            let of: Vec<_> = rig.engine.orders().iter_working().filter(calm).map(works).collect();
            let (id, owner) = if of.is_empty() { (id, owner) } else { dice.pick(&of) };
            Step::Replace(owner, id, dice.from(9_980, 10_020), dice.from(1, 30))
        }
        _ => Step::GoLive,
    }
}

fn any_report(rig: &Rig, id: ClOrdId, execs: &mut u64, dice: &mut Dice) -> ExecutionReport {
    use ExecType as E;
    let exec = dice.pick(&[
        E::New,
        E::New,
        E::Trade,
        E::Trade,
        E::Trade,
        E::Trade,
        E::Canceled,
        E::Expired,
        E::Rejected,
        E::Replaced,
        E::Replaced,
        E::PendingCancel,
        E::PendingReplace,
        E::TradeCancel,
        E::OrderStatus,
        E::PendingNew,
    ]);
    let Some(order) = rig.engine.orders().get(id).copied() else {
        let mut report = ExecutionReport::zeroed();
        report.header = FrameHeader::new::<ExecutionReport>();
        (report.header.instrument_id, report.header.ts_recv_ns) = (InstrumentId(0), TsNs::UNDEF);
        (report.cl_ord_id, report.orig_cl_ord_id) = (id, ClOrdId::UNDEF);
        (report.exec_type, report.ord_status) = (exec.code(), OrdStatus::New.code());
        (report.side, report.last_px_ticks) = (Side::Buy.code(), PriceTicks(10_000));
        *execs += 1;
        (report.exec_id, report.last_qty_lots) = (*execs, QtyLots(dice.from(1, 5)));
        return report;
    };
    let amended = order.replacing.map(|r| r.id);
    let named = amended.filter(|_| dice.one_in(2)).unwrap_or(id);
    *execs += u64::from(!dice.one_in(6));
    let rest = (order.request.qty_lots.get() - order.cum_qty_lots.get()).max(0);
    // Rarely more than there is.
    let lots = if dice.one_in(12) { rest + dice.from(1, 9) } else { dice.from(0, rest) };
    let is_execution = matches!(exec, E::Trade | E::TradeCancel);
    let mut report = ExecutionReport {
        cl_ord_id: named,
        exec_id: *execs,
        last_px_ticks: PriceTicks(10_000),
        last_qty_lots: QtyLots(if is_execution { lots } else { 0 }),
        ord_status: dice.pick(OrdStatus::ALL).code(),
        ..word(&order, exec)
    };
    if dice.one_in(4) {
        (report.cum_qty_lots, report.leaves_qty_lots) = (order.cum_qty_lots, QtyLots(rest));
    }
    if exec == E::Replaced {
        let (cum, leaves) = (order.cum_qty_lots.get() + dice.from(-1, 1), dice.from(0, 30));
        report = ExecutionReport {
            cl_ord_id: if dice.one_in(9) { ClOrdId(dice.below(1 << 34)) } else { named },
            cum_qty_lots: QtyLots(cum.max(0)),
            ..replaced_by(&order, named, 0, leaves)
        };
    }
    if dice.one_in(40) {
        report.side = dice.pick(&[Side::Buy, Side::Sell]).code();
    }
    if dice.one_in(40) {
        report.header.instrument_id = InstrumentId(1 - order.request.instrument.get());
    }
    if dice.one_in(200) {
        (report.leaves_qty_lots, report.cum_qty_lots) = (QtyLots(1 << 40), QtyLots(0));
    }
    report
}

fn any_status(rig: &Rig, id: ClOrdId, dice: &mut Dice) -> OrderStatusReport {
    let mut report = OrderStatusReport::zeroed();
    report.header = FrameHeader::new::<OrderStatusReport>();
    report.header.ts_recv_ns = TsNs::UNDEF;
    (report.cl_ord_id, report.order_id) = (id, 900);
    report.header.instrument_id = InstrumentId(0);
    if let Some(order) = rig.engine.orders().get(id) {
        report.header.instrument_id = order.request.instrument;
        report.cum_qty_lots = QtyLots((order.cum_qty_lots.get() + dice.from(-1, 1)).max(0));
        let amended = order.replacing.map(|r| r.id).filter(|_| dice.one_in(2));
        report.cl_ord_id = amended.unwrap_or(id);
    }
    report.header.venue_id =
        VenueId(u16::try_from(report.header.instrument_id.get() + 1).expect("small"));
    (report.ord_status, report.side) = (dice.pick(OrdStatus::ALL).code(), Side::Buy.code());
    (report.ord_type, report.time_in_force) = (b'2', b'1');
    report.mass_status_id = if dice.one_in(3) { rig.asked() } else { 0 };
    report
}

/// Walks two rigs through the same steps: sums and positions hold at every one, and both give the
/// same outputs and end in the same state.
pub(super) fn walk(seed: u64, rigs: &mut [Rig; 2]) {
    let mut dice = Dice::new(seed);
    let (mut ledger, mut ids, mut read, mut execs) = (Ledger::default(), Vec::new(), 0, 0);
    for n in 0..STEPS {
        let step = any_step(&rigs[0], &ids, &mut execs, &mut dice);
        if let Step::Report(report) = &step {
            ledger.take(&rigs[0].engine, report);
        }
        for rig in &mut *rigs {
            apply(rig, &step);
        }
        for frame in &rigs[0].record.outputs[read..] {
            if let Ok(Frame::NewOrder(o)) = decode(bytemuck::cast_slice(frame)) {
                ids.push((o.cl_ord_id, usize::from(o.header.strategy_id.get())));
            }
        }
        read = rigs[0].record.outputs.len();
        let working = rigs[0].engine.orders().iter_working();
        ids.extend(working.map(|o| (o.cl_ord_id, usize::from(o.request.strategy.get()))));
        ids.sort_unstable();
        ids.dedup();
        let old = ids.len().saturating_sub(40);
        ids.drain(..old);
        let what = format!("seed {seed}, step {n}: {step:?}");
        check_sums(&rigs[0].engine, &what);
        let lots = [0, 1].map(|i| rigs[0].engine.instruments[i].position.lots().get());
        assert_eq!(lots, ledger.lots, "{what}");
    }
    let [one, other] = rigs;
    assert_eq!(one.engine.state_hash(), other.engine.state_hash(), "seed {seed}");
    assert_eq!(one.record.outputs, other.record.outputs, "seed {seed}");
}

#[test]
fn the_sums_follow_the_orders_whatever_the_venue_says() {
    let cases = std::env::var("CORELANE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
    let (mut orders, mut fills, mut replaces, mut anomalies) = (0, 0, 0, 0);
    for seed in 1..=cases {
        let mut rigs = [wide_rig(16), wide_rig(16)];
        walk(seed, &mut rigs);
        let c = rigs[0].engine.counters();
        orders += c.orders;
        fills += c.fills;
        replaces += c.replaces;
        anomalies += c.anomalies;
    }
    // A walk that is denied everything proves nothing.
    assert!(orders > cases * 20 && fills > cases * 8, "{orders} orders, {fills} fills");
    assert!(replaces > cases && anomalies > cases * 5, "{replaces} replaces, {anomalies} odd");
}
