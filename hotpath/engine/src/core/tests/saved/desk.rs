//! Scripted strategies with every kind of wish, an operator with every command, limits, advice,
//! figures from outside, and venues that list orders that are not ours.

use super::super::hostile::{pick, status};
use super::super::script::{Desk, Dice, SECOND};
use super::*;
use crate::orders::Order;
use crate::parents::ParentSpec;
use crate::strategy::{Bracket, Placement};
use wire::advice::AdviceField;
use wire::control::Command;
use wire::market::Gap;
use wire::order::{ExecType, NewOrder, OrdStatus, Side};
use wire::reconcile::{OrderStatusReport, SessionState};
use wire::risk::{ChangeSource, EpochStage, LimitField, RiskField, Scope};
use wire::{PriceTicks, QtyLots};

const STEPS: usize = 220;

fn lots(dice: &mut Dice, most: u64) -> QtyLots {
    QtyLots(1 + i64::try_from(dice.below(most)).expect("few"))
}

fn side(dice: &mut Dice) -> Side {
    pick(dice, &[Side::Buy, Side::Sell])
}

fn limit(dice: &mut Dice) -> Placement {
    let side = side(dice);
    let px = if side == Side::Buy { 9_985 } else { 10_000 };
    let px = PriceTicks(px + i64::try_from(dice.below(15)).expect("few"));
    // A few sizes, so that some order is one that was sent already.
    Placement::limit(side, px, lots(dice, 3))
}

fn bracket(dice: &mut Dice) -> Bracket {
    Bracket {
        entry: Placement::limit(Side::Buy, PriceTicks(9_999), lots(dice, 9)),
        target_px_ticks: PriceTicks(10_040),
        stop_px_ticks: PriceTicks(9_950),
        stop_limit_px_ticks: PriceTicks(9_940),
    }
}

/// Any wish of a strategy.
fn wish(dice: &mut Dice, known: ClOrdId) -> Intent {
    match dice.below(12) {
        0 => Intent::Cancel(known),
        1 => Intent::Replace(known, PriceTicks(9_990), lots(dice, 30)),
        2 => Intent::OneCancelsOther(limit(dice), limit(dice)),
        3 | 4 => Intent::Bracket(bracket(dice)),
        5 => {
            let slices = 1 + u32::try_from(dice.below(6)).expect("few");
            let side = side(dice);
            let px = PriceTicks(10_000);
            Intent::Work(ParentSpec::twap(side, lots(dice, 50), px, 3 * SECOND, slices))
        }
        6 => Intent::StopWork(u32::try_from(dice.below(9)).expect("few")),
        7 => {
            let (timer, at) = (usize::try_from(dice.below(4)).expect("few"), dice.below(SECOND));
            Intent::Timer(timer, TsNs(super::super::rig::T0 + at))
        }
        8 => {
            let side = side(dice);
            let px = if side == Side::Buy { 10_002 } else { 9_998 };
            Intent::Place(Placement::ioc(side, PriceTicks(px), lots(dice, 20)))
        }
        _ => Intent::Place(limit(dice)),
    }
}

/// An operator's command, or what a limits file, an adviser or a figure from outside changes.
fn operator(dice: &mut Dice, desk: &mut Desk) {
    let strategy = StrategyId(u16::try_from(dice.below(4)).expect("few"));
    let on = InstrumentId(u32::try_from(dice.below(3)).expect("few"));
    let named = dice.below(4);
    let name = |h: &mut FrameHeader| match named {
        0 => h.instrument_id = on,
        1 => h.strategy_id = strategy,
        2 => h.venue_id = VenueId(2),
        _ => {}
    };
    match dice.below(16) {
        0 if dice.below(4) == 0 => drop(desk.control(Command::Halt, 0, "", name)),
        1 | 2 => drop(desk.control(Command::Resume, 0, "looked", name)),
        3 => drop(desk.control(Command::Flatten, 0, "", name)),
        4 => desk.mode(pick(dice, &[Mode::Live, Mode::Live, Mode::Reducing, Mode::Maintenance])),
        5 => drop(desk.control(Command::Rearm, 0, "looked", |h| h.strategy_id = strategy)),
        6 => drop(desk.control(pick(dice, &[Command::Roll, Command::Accept]), 0, "day", |_| {})),
        7 if dice.below(6) == 0 => drop(desk.control(Command::Mute, 0, "", |_| {})),
        8 | 9 => {
            let field = pick(dice, AdviceField::ALL);
            let value = if field == AdviceField::ReduceOnly { 1 } else { 3 };
            desk.advise(field, value, dice.below(3 * SECOND));
        }
        10 => {
            let (scope, field) = pick(
                dice,
                &[
                    (Scope::Symbol, LimitField::MaxOrderQty),
                    (Scope::Firm, LimitField::MaxOpenOrders),
                    (Scope::Strategy, LimitField::MaxLong),
                    (Scope::Venue, LimitField::OrderRatePerS),
                ],
            );
            let value = 20 + i64::try_from(dice.below(60)).expect("few");
            desk.change(pick(dice, ChangeSource::ALL), scope, field, value);
        }
        11 => {
            let epoch = 2 + dice.below(3);
            desk.epoch(pick(dice, EpochStage::ALL), epoch, b'a');
        }
        12 => {
            // Such as stop nothing for good.
            let field = pick(dice, &[RiskField::Adv, RiskField::Var, RiskField::PriorClose]);
            desk.risk(field, 10_000 + i64::try_from(dice.below(9)).expect("few"));
        }
        _ => desk.mode(Mode::Live),
    }
}

/// A venue's word: about a session, an order of ours, or one that is not.
fn venue(dice: &mut Dice, desk: &mut Desk, orders: &[NewOrder]) {
    let venue = 1 + u16::try_from(dice.below(2)).expect("few");
    let listed = desk.newest(venue);
    match dice.below(14) {
        0 => {
            let up = if dice.below(3) > 0 { SessionState::Up } else { SessionState::Down };
            desk.session(venue, up);
        }
        1 => desk.feed(status(dice, orders, venue, listed)),
        2 => {
            let known = desk.engine().externals().first().map_or(1, |e| e.order_id);
            desk.control(Command::Adopt, known, "", |_| {});
        }
        3 | 4 => desk.answer(venue, &[], &[]),
        5 => {
            let on = u32::try_from(dice.below(3)).expect("few");
            let held = i64::try_from(dice.below(5)).expect("few") - 2;
            desk.position(venue, listed, on, held, Some(10_000));
        }
        _ if orders.is_empty() => {}
        n => {
            let order = pick(dice, orders);
            let exec = match n {
                6 | 7 => ExecType::New,
                8 => ExecType::Canceled,
                9 => pick(dice, &[ExecType::Expired, ExecType::Rejected, ExecType::Replaced]),
                _ => ExecType::Trade,
            };
            let fill = 1 + i64::try_from(dice.below(6)).expect("few");
            desk.report(&order, exec, if exec == ExecType::Trade { fill } else { 0 });
        }
    }
}

fn market(dice: &mut Dice, desk: &mut Desk) {
    let on = u32::try_from(dice.below(3)).expect("few");
    match dice.below(6) {
        0 => {
            let mut gap = Gap::zeroed();
            gap.header = FrameHeader::new::<Gap>();
            gap.header.instrument_id = InstrumentId(on);
            gap.reason = b'S';
            desk.feed(gap);
        }
        1 => desk.trade(on),
        n => {
            let px = 9_990 + i64::try_from(dice.below(12)).expect("few");
            desk.book(on, px, if n == 2 { px - 1 } else { px + 2 });
        }
    }
}

fn desk() -> Desk {
    Desk::live(&[1, 1, 2], &[0, 1, 2, 0], |s| {
        let patience = Patience::default();
        s.patience = Patience { wire_ns: 1 << 60, reconcile_ns: 3 * SECOND, ..patience };
        s.order_capacity = 32;
        s.limits.firm.max_daily_loss_e9 = 5_000_000_000_000;
        for row in s.limits.symbols.iter_mut().flatten() {
            let l = &mut row.limits;
            (l.order_rate_per_s, l.order_burst) = (2, 4);
            (l.max_duplicates, l.duplicate_window_ns) = (1, 5_000_000_000);
        }
        s.advice.min_interval_ns = SECOND / 4;
    })
}

/// A venue's word that an order works, as we have it.
fn listed(order: &Order) -> OrderStatusReport {
    let mut report = OrderStatusReport::zeroed();
    report.header = FrameHeader::new::<OrderStatusReport>();
    report.header.instrument_id = order.request.instrument;
    (report.cl_ord_id, report.order_id) = (order.cl_ord_id, 900 + order.cl_ord_id.get());
    (report.price_ticks, report.qty_lots) = (order.request.price_ticks, order.request.qty_lots);
    (report.cum_qty_lots, report.leaves_qty_lots) = (order.cum_qty_lots, order.leaves_qty_lots);
    let is_new = order.cum_qty_lots == QtyLots(0);
    let status = if is_new { OrdStatus::New } else { OrdStatus::PartiallyFilled };
    (report.ord_status, report.side) = (status.code(), order.request.side.code());
    report.ord_type = order.request.ord_type.code();
    report.time_in_force = order.request.time_in_force.code();
    report
}

impl Desk {
    /// Sessions up, every book whole, every question answered as the engine sees it, LIVE again.
    fn calm(&mut self) {
        self.risk(RiskField::ClockOffset, 0);
        for on in 0..3 {
            self.book(on, 9_999, 10_001);
        }
        self.control(Command::Resume, 0, "calm", |_| {});
        for venue in [1, 2] {
            self.session(venue, SessionState::Up);
            let held = self.engine().instruments().iter().zip(0..);
            let held: Vec<_> =
                held.map(|(state, n)| (n, state.position.lots().get(), Some(10_000))).collect();
            let open = self.engine().orders().iter_working();
            let on = |o: &&Order| self.engine().instruments()[index_of(o.request.instrument)].venue;
            let open: Vec<_> =
                open.filter(|o| on(o) + 1 == usize::from(venue)).map(listed).collect();
            self.answer(venue, &open, &held);
        }
        self.mode(Mode::Live);
    }
}

/// A long session of all that; after how many of its steps orders that are not ours were known.
fn session(seed: u64, reload: Option<u64>) -> (Desk, u64) {
    let (mut dice, mut desk) = (Dice(seed), desk());
    if let Some(one_in) = reload {
        desk.reload(one_in, seed + 1);
    }
    let (mut orders, mut strangers) = (Vec::<NewOrder>::new(), 0);
    for _ in 0..STEPS {
        match dice.below(12) {
            0 | 1 => {
                operator(&mut dice, &mut desk);
                desk.mode(Mode::Live);
            }
            2..=4 => {
                let strategy = usize::try_from(dice.below(4)).expect("few");
                let own = |o: &&Order| {
                    usize::from(o.request.strategy.get()) == strategy && o.status == OrdStatus::New
                };
                let known = desk.engine().orders().iter_working().find(own).map(|o| o.cl_ord_id);
                let wish = wish(&mut dice, known.unwrap_or(ClOrdId(3)));
                desk.wish(strategy, wish);
            }
            5..=7 => venue(&mut dice, &mut desk, &orders),
            8 => market(&mut dice, &mut desk),
            9 | 10 => desk.calm(),
            _ => desk.wait(dice.below(2 * SECOND)),
        }
        orders.extend(desk.take().orders());
        let old = orders.len().saturating_sub(12);
        orders.drain(..old);
        strangers += u64::from(!desk.engine().externals().is_empty());
    }
    (desk, strangers)
}

#[test]
fn a_session_with_every_wish_and_command_goes_on_the_same() {
    let (mut loads, mut sum) = (0, [0_u64; 7]);
    for seed in 0..50 {
        let ((one, strangers), (other, _)) = (session(seed, None), session(seed, Some(14)));
        assert_eq!(one.rig.record.inputs, other.rig.record.inputs, "seed {seed}");
        assert_eq!(one.rig.record.outputs, other.rig.record.outputs, "seed {seed}");
        loads += other.rig.reload.as_ref().map_or(0, |reload| reload.done);
        let (one, other) = (one.engine(), other.engine());
        assert_eq!(one.state_hash(), other.state_hash(), "seed {seed}");
        assert_eq!(one.counters(), other.counters(), "seed {seed}");
        let c = one.counters();
        let all =
            [c.orders, c.fills, c.replaces, c.advice_taken, c.advice_refused, c.limit_changes];
        sum.iter_mut().zip(all).for_each(|(sum, n)| *sum += n);
        sum[6] += strangers;
    }
    // A session in which nothing happens proves nothing.
    assert!(loads > 1_000 && sum.iter().all(|n| *n > 20), "{loads} loads, {sum:?}");
    assert!(sum[0] > 1_000 && sum[1] > 300, "{sum:?}");
}

#[test]
fn each_corner_is_saved() {
    // Half a limits file, a kill on its way, a flattening, a parent, advice, an adopted order, a
    // pair: each in force at the moment of the save, and seen to go on.
    let run = |reload: bool| {
        let mut desk = desk();
        desk.mode(Mode::Draining);
        desk.epoch(EpochStage::Begin, 2, b'a');
        desk.change(ChangeSource::Epoch, Scope::Symbol, LimitField::MaxOrderQty, 77);
        let mut saved = 0;
        let mut save = |desk: &mut Desk| {
            if reload {
                desk.reload(1, 1);
                saved += 1;
            }
        };
        save(&mut desk);
        desk.epoch(EpochStage::Commit, 2, b'a');
        let row = desk.engine().effective_limits(InstrumentId(0)).expect("a row");
        assert_eq!(row.max_order_qty_lots, 77, "the staged value counts");
        desk.mode(Mode::Live);
        desk.advise(AdviceField::MaxOrderQty, 40, SECOND);
        let order = desk.rest(0, Side::Buy, 9);
        desk.wish(1, Intent::Bracket(bracket(&mut Dice(1))));
        let spec = ParentSpec::twap(Side::Buy, QtyLots(40), PriceTicks(10_000), 4 * SECOND, 4);
        desk.wish(2, Intent::Work(spec));
        desk.wait(2 * SECOND);
        let row = desk.engine().effective_limits(InstrumentId(0)).expect("a row");
        assert_eq!(row.max_order_qty_lots, 77, "the advice is over");
        desk.control(Command::Halt, 0, "", |h| h.strategy_id = StrategyId(0));
        desk.wait(10 * SECOND);
        desk.report(&order, ExecType::Canceled, 0);
        desk.mode(Mode::Reducing);
        desk.control(Command::Flatten, 0, "", |h| h.instrument_id = InstrumentId(2));
        desk.wait(3 * SECOND);
        desk
    };
    let (one, other) = (run(false), run(true));
    assert!(other.rig.reload.as_ref().is_some_and(|r| r.done > 12));
    assert_eq!(one.rig.record.outputs, other.rig.record.outputs);
    assert_eq!(one.engine().state_hash(), other.engine().state_hash());
    let stages = desk_stages(&one);
    assert!(stages >= 2, "latched and confirmed or overdue: {stages}");
    assert_eq!(one.engine().parents().iter().count(), 1);
}

fn desk_stages(desk: &Desk) -> usize {
    let is_kill =
        |frame: &&Vec<u64>| matches!(decode(bytemuck::cast_slice(frame)), Ok(Frame::KillReport(_)));
    desk.rig.record.outputs.iter().filter(is_kill).count()
}
