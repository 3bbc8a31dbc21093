//! Kill switches: what they latch, cancel, confirm, report and let go of.

use super::script::{Desk, Dice, SECOND};
use super::*;
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::{CancelReject, ExecType, NewOrder, OrdStatus, RejectReason, Side};
use wire::reconcile::SessionState;
use wire::risk::{KillCause, KillStage, RiskField, Scope};
use wire::{PriceTicks, QtyLots};

const VENUES: [u16; 3] = [1, 1, 2];
const STRATEGIES: [u32; 4] = [0, 0, 1, 2];

fn firm(_: &mut FrameHeader) {}
fn venue_1(h: &mut FrameHeader) {
    h.venue_id = VenueId(1);
}
fn strategy_1(h: &mut FrameHeader) {
    h.strategy_id = StrategyId(1);
}
fn symbol_0(h: &mut FrameHeader) {
    h.instrument_id = InstrumentId(0);
}

type Name = fn(&mut FrameHeader);
/// Each scope, and which of the four strategies it covers.
const SCOPES: [(Scope, Name, [bool; 4]); 4] = [
    (Scope::Firm, firm, [true; 4]),
    (Scope::Venue, venue_1, [true, true, true, false]),
    (Scope::Strategy, strategy_1, [false, true, false, false]),
    (Scope::Symbol, symbol_0, [true, true, false, false]),
];

fn small_buy() -> Placement {
    Placement::limit(Side::Buy, PriceTicks(9_980), QtyLots(1))
}

#[test]
fn each_scope_latches_first_and_cancels_exactly_its_orders() {
    for (scope, name, covered) in SCOPES {
        let mut desk = Desk::live(&VENUES, &STRATEGIES, |_| {});
        let orders: Vec<NewOrder> = (0..4).map(|s| desk.rest(s, Side::Buy, 5)).collect();
        desk.take();
        assert!(desk.control(Command::Halt, 0, "", name), "{scope:?}");
        let outs = desk.take();
        let kinds = outs.kinds();
        let is_firm = scope == Scope::Firm;
        assert_eq!(kinds[0], FrameKind::KillReport, "{scope:?}: the latch comes first");
        if is_firm {
            assert_eq!(kinds[1], FrameKind::ModeChange, "the mode before its effect");
        }
        let report = outs.kills()[0];
        let inside = covered.iter().filter(|c| **c).count();
        let cause = (report.scope, report.cause, report.stage);
        let stage = KillStage::Latched.code();
        assert_eq!(cause, (scope.code(), KillCause::Command.code(), stage));
        assert_eq!((report.working as usize, report.cancels), (inside, 0));
        let expected: Vec<ClOrdId> =
            orders.iter().zip(covered).filter(|(_, c)| *c).map(|(o, _)| o.cl_ord_id).collect();
        assert_eq!(outs.cancels(), expected, "{scope:?}");
        assert_eq!(desk.engine().mode() == Mode::Halted, is_firm);
        for (s, is_covered) in covered.into_iter().enumerate() {
            let before = desk.engine().counters().suppressed;
            let placed = desk.place(s, small_buy());
            let suppressed = desk.engine().counters().suppressed - before;
            assert_eq!((placed.is_err(), suppressed == 1), (is_covered, is_covered), "{scope:?}");
        }
        // Confirmed with the venue's last word, and with no word before.
        let (last, others) = expected.split_last().expect("one at least");
        let of = |id: &ClOrdId| *orders.iter().find(|o| o.cl_ord_id == *id).expect("ours");
        for id in others {
            desk.report(&of(id), ExecType::Canceled, 0);
        }
        assert_eq!(desk.take().stages(), []);
        desk.report(&of(last), ExecType::Canceled, 0);
        let confirmed = desk.take().kills();
        assert_eq!(confirmed.len(), 1, "{scope:?}");
        let counts = (confirmed[0].working, confirmed[0].cancels as usize);
        assert_eq!((confirmed[0].stage, counts), (KillStage::Confirmed.code(), (0, inside)));
    }
}

/// Follows the messages of a venue with a count of its own: never more than the burst and the rate.
struct Meter {
    full_at: u64,
    cost: u64,
    depth: u64,
    seen: usize,
    count: usize,
}

impl Meter {
    fn follow(&mut self, record: &[Vec<u64>]) {
        for frame in &record[self.seen..] {
            let header = frame::header(bytemuck::cast_slice(frame)).expect("header");
            let spends = [
                FrameKind::NewOrder,
                FrameKind::CancelOrder,
                FrameKind::ReplaceOrder,
                FrameKind::MassStatusRequest,
                FrameKind::OrderStatusRequest,
            ];
            if spends.iter().any(|kind| kind.code() == header.kind) {
                let now = header.ts_recv_ns.get();
                self.full_at = self.full_at.max(now) + self.cost;
                self.count += 1;
                assert!(self.full_at - now <= self.depth, "message {} is one too many", self.count);
            }
        }
        self.seen = record.len();
    }
}

#[test]
fn a_thousand_orders_are_canceled_within_the_venue_s_budget() {
    let mut desk = Desk::live(&[1], &[0], |setup| {
        setup.order_capacity = 2_048;
        setup.patience.kill_ns = 3 * SECOND;
        let (_, venue) = &mut setup.limits.venues[0];
        (venue.message_rate_per_s, venue.message_burst, venue.order_share_bp) = (100, 50, 8_000);
    });
    let mut meter = Meter { full_at: 0, cost: 10_000_000, depth: 500_000_000, seen: 0, count: 0 };
    let mut orders = Vec::new();
    while orders.len() < 1_000 {
        match desk.place(0, small_buy()) {
            Ok(order) => {
                orders.push(order);
                desk.wait(1);
            }
            Err(denied) => {
                let id = gate::id_of("MESSAGE_RATE");
                assert_eq!(denied.map(|d| d.primary), id, "nothing else denies");
                desk.wait(5_000_000);
            }
        }
        meter.follow(&desk.rig.record.outputs);
    }
    // Orders have used all they may: the rest of the burst is the cancels'.
    while let Ok(order) = desk.place(0, small_buy()) {
        orders.push(order);
        desk.wait(1);
    }
    desk.take();
    assert!(desk.control(Command::Halt, 0, "", firm));
    let mut canceled = desk.take().cancels();
    assert_eq!(canceled.len(), 10, "a fifth of the burst is kept for cancels");
    meter.follow(&desk.rig.record.outputs);
    let mut rounds = 0;
    while canceled.len() < orders.len() {
        desk.wait(7_000_000);
        canceled.extend(desk.take().cancels());
        meter.follow(&desk.rig.record.outputs);
        rounds += 1;
        assert!(rounds < 2_000, "{} of {}", canceled.len(), orders.len());
    }
    // As fast as the rate allows: at 100 a second, but for the few questions between.
    assert!(rounds * 7 <= 10 * (orders.len() + 20), "{rounds} rounds");
    let ids: Vec<ClOrdId> = orders.iter().map(|o| o.cl_ord_id).collect();
    assert!(canceled.iter().all(|id| ids.contains(id)));
    desk.take();
    for order in &orders {
        assert_eq!(desk.take().stages(), []);
        desk.report(order, ExecType::Canceled, 0);
    }
    let confirmed = desk.take().kills();
    assert_eq!(confirmed.len(), 1);
    assert_eq!((confirmed[0].working, confirmed[0].cancels as usize), (0, orders.len()));
}

#[test]
fn what_is_not_confirmed_in_time_is_said_once_asked_after_and_canceled_again() {
    let mut desk = Desk::live(&VENUES, &STRATEGIES, |s| s.patience.kill_ns = 5 * SECOND);
    let order = desk.rest(1, Side::Buy, 5);
    desk.control(Command::Halt, 0, "", strategy_1);
    let mut reject = CancelReject::zeroed();
    reject.header = FrameHeader::new::<CancelReject>();
    reject.orig_cl_ord_id = order.cl_ord_id;
    (reject.order_id, reject.ord_status) = (900, OrdStatus::New.code());
    reject.reject_reason = RejectReason::ExceedsLimit.code();
    desk.feed(reject);
    desk.take();
    desk.wait(5 * SECOND - 1);
    assert_eq!(desk.take().kinds(), []);
    desk.wait(1);
    let outs = desk.take();
    assert_eq!(outs.stages(), [KillStage::Unconfirmed]);
    assert_eq!(outs.kills()[0].working, 1);
    let alarm = outs.concerns()[0];
    assert_eq!(alarm.code, AlarmCode::CancelUnconfirmed.code());
    assert_eq!((alarm.header.strategy_id, alarm.actual), (StrategyId(1), 1), "the scope is named");
    assert_eq!(outs.cancels(), [order.cl_ord_id], "the refused cancel goes out again");
    let asked: Vec<u16> = outs.asked().iter().map(|a| a.0).collect();
    assert_eq!(asked, [1, 2], "every venue is asked");
    desk.feed(reject);
    desk.take();
    desk.wait(5 * SECOND);
    let outs = desk.take();
    assert_eq!((outs.stages(), outs.alarms()), (vec![], vec![]), "said once");
    assert_eq!(outs.cancels(), [order.cl_ord_id], "but not given up");
    desk.report(&order, ExecType::Canceled, 0);
    assert_eq!(desk.take().stages(), [KillStage::Confirmed]);
    desk.wait(60 * SECOND);
    assert_eq!(desk.take().kinds(), []);
}

#[test]
fn the_residual_is_that_of_the_scope() {
    for (scope, name, _) in SCOPES {
        let mut desk = Desk::live(&VENUES, &STRATEGIES, |_| {});
        for (strategy, lots) in [(0, 10), (1, -4), (2, 7), (3, 3)] {
            desk.hold(strategy, lots);
        }
        desk.rest(1, Side::Sell, 5);
        desk.take();
        desk.control(Command::Halt, 0, "", name);
        let report = desk.take().kills()[0];
        // Worst lots at the mid of 10,000 ticks of 1e-2 x lots of 1e-3: 0.1 a lot.
        let (lots, positions, working) = match scope {
            Scope::Firm => (6 + 7 + 3, 3, 1),
            Scope::Venue => (6 + 7, 2, 1),
            Scope::Strategy => (9, 1, 1),
            Scope::Symbol => (6, 1, 1),
        };
        assert_eq!(report.residual_e9, lots * 100_000_000, "{scope:?}");
        assert_eq!((report.positions, report.working), (positions, working), "{scope:?}");
    }
}

#[test]
fn a_second_halt_starts_nothing_anew() {
    for (scope, name, _) in SCOPES {
        let mut desk = Desk::live(&VENUES, &STRATEGIES, |_| {});
        let order = desk.rest(1, Side::Buy, 5);
        desk.control(Command::Halt, 0, "", name);
        desk.take();
        assert!(desk.control(Command::Halt, 0, "", name), "{scope:?}");
        assert_eq!(desk.take().kinds(), [], "{scope:?}");
        desk.report(&order, ExecType::Canceled, 0);
        let confirmed = desk.take().kills();
        assert_eq!((confirmed.len(), confirmed[0].cancels), (1, 1), "{scope:?}");
        assert!(desk.control(Command::Halt, 0, "", name));
        assert_eq!(desk.take().kinds(), [], "{scope:?}: nothing is left to stop");
    }
}

#[test]
fn a_halt_that_names_two_things_stops_everything_and_one_that_names_nothing_known_is_refused() {
    let mut desk = Desk::live(&VENUES, &STRATEGIES, |_| {});
    for unknown in [
        (|h: &mut FrameHeader| h.venue_id = VenueId(9)) as Name,
        |h| h.strategy_id = StrategyId(4),
        |h| h.instrument_id = InstrumentId(3),
    ] {
        assert!(!desk.control(Command::Halt, 0, "", unknown));
    }
    assert_eq!((desk.take().kinds(), desk.engine().mode()), (vec![], Mode::Live));
    assert!(desk.control(Command::Halt, 0, "", |h| {
        (h.instrument_id, h.strategy_id) = (InstrumentId(0), StrategyId(0));
    }));
    assert_eq!((desk.engine().mode(), desk.engine().killed()), (Mode::Halted, true));
}

#[test]
fn a_resume_needs_a_reason_one_target_and_a_latch() {
    let mut desk = Desk::live(&VENUES, &STRATEGIES, |_| {});
    assert!(!desk.control(Command::Resume, 0, "why not", firm), "not halted");
    assert!(!desk.control(Command::Resume, 0, "why not", strategy_1), "not latched");
    assert_eq!(desk.take().kinds(), []);
    desk.control(Command::Halt, 0, "", strategy_1);
    desk.control(Command::Halt, 0, "", firm);
    desk.take();
    let two = |h: &mut FrameHeader| (h.strategy_id, h.venue_id) = (StrategyId(1), VenueId(1));
    for (reason, name) in [("", firm as Name), (" \t ", firm), ("", strategy_1), ("checked", two)] {
        assert!(!desk.control(Command::Resume, 0, reason, name), "{reason:?}");
    }
    assert_eq!((desk.take().kinds(), desk.engine().killed()), (vec![], true));
    assert!(desk.control(Command::Resume, 0, "checked", strategy_1));
    let released = desk.take().kills();
    let of = |k: &wire::risk::KillReport| (k.stage, k.scope, k.header.strategy_id);
    let expected = (KillStage::Released.code(), Scope::Strategy.code(), StrategyId(1));
    assert_eq!(released.iter().map(of).collect::<Vec<_>>(), [expected]);
    assert_eq!(desk.engine().mode(), Mode::Halted, "the station's own latch stands");
    assert!(!desk.control(Command::Resume, 0, "checked", strategy_1), "released already");
}

#[test]
fn the_station_comes_back_over_a_clean_comparison_with_every_venue() {
    let mut desk = Desk::live(&VENUES, &STRATEGIES, |_| {});
    desk.control(Command::Halt, 0, "", firm);
    desk.take();
    assert!(desk.control(Command::Resume, 0, "checked", firm));
    let outs = desk.take();
    assert_eq!((outs.stages(), outs.modes()), (vec![KillStage::Released], vec![Mode::Reconcile]));
    assert_eq!(outs.asked().len(), 2);
    // One venue's clean answer is not the other's.
    desk.answer(1, &[], &[]);
    assert_eq!(desk.engine().mode(), Mode::Reconcile);
    desk.answer(2, &[], &[(2, 5, None)]);
    assert_eq!(desk.engine().mode(), Mode::Reconcile, "a difference");
    assert_eq!(desk.take().alarms(), [AlarmCode::PositionMismatch]);
    assert!(desk.place(0, small_buy()).is_err());
    desk.wait(SECOND);
    desk.answer(1, &[], &[]);
    desk.answer(2, &[], &[]);
    assert_eq!(desk.engine().mode(), Mode::Maintenance, "never LIVE by itself");
    assert!(desk.place(0, small_buy()).is_err());
    desk.mode(Mode::Live);
    assert!(desk.place(0, small_buy()).is_ok());
}

#[test]
fn a_released_scope_trades_again_and_others_do_not() {
    let mut desk = Desk::live(&VENUES, &STRATEGIES, |_| {});
    desk.control(Command::Halt, 0, "", symbol_0);
    desk.control(Command::Halt, 0, "", strategy_1);
    desk.control(Command::Resume, 0, "looked", symbol_0);
    assert!(desk.place(0, small_buy()).is_ok());
    assert!(desk.place(1, small_buy()).is_err(), "its own latch");
    desk.control(Command::Resume, 0, "looked", strategy_1);
    assert!(desk.place(1, small_buy()).is_ok());
    assert_eq!(desk.engine().mode(), Mode::Live, "a scope does not move the mode");
}

#[test]
fn an_order_the_venue_brings_back_under_a_latch_is_canceled() {
    for (scope, name, covered) in SCOPES {
        let mut desk = Desk::live(&VENUES, &STRATEGIES, |_| {});
        let orders: Vec<NewOrder> = (0..4).map(|s| desk.rest(s, Side::Buy, 5)).collect();
        for order in &orders {
            desk.report(order, ExecType::Canceled, 0);
        }
        desk.control(Command::Halt, 0, "", name);
        assert_eq!(desk.take().stages(), [KillStage::Latched, KillStage::Confirmed]);
        for (order, is_covered) in orders.iter().zip(covered) {
            desk.feed(Desk::view(order, OrdStatus::New, 0));
            let outs = desk.take();
            let expected = if is_covered { vec![order.cl_ord_id] } else { vec![] };
            assert_eq!(outs.cancels(), expected, "{scope:?}");
            assert_eq!(outs.alarms(), [AlarmCode::Contradiction]);
        }
        assert!(desk.control(Command::Halt, 0, "", name));
        assert_eq!(desk.take().stages(), [KillStage::Latched], "{scope:?}: followed anew");
        for order in &orders {
            desk.report(order, ExecType::Canceled, 0);
        }
        assert_eq!(desk.take().stages(), [KillStage::Confirmed], "{scope:?}");
    }
}

/// Random wishes, fills, cancels, sessions and commands: whatever comes, no order leaves under a
/// latch, and every strategy's cancel does.
#[test]
fn nothing_opens_between_latch_and_release() {
    let names: [Name; 4] = [firm, venue_1, strategy_1, symbol_0];
    let (mut sent, mut suppressed) = (0, 0);
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let mut desk = Desk::live(&VENUES, &STRATEGIES, |s| s.patience.kill_ns = SECOND);
        let mut open: Vec<NewOrder> = Vec::new();
        let mut latched = [false; 4];
        for _ in 0..150 {
            let strategy = usize::try_from(dice.below(4)).expect("few");
            let n = usize::try_from(dice.below(4)).expect("few");
            match dice.below(12) {
                0 => latched[n] |= desk.control(Command::Halt, 0, "", names[n]),
                1 => latched[n] &= !desk.control(Command::Resume, 0, "tested", names[n]),
                2 => desk.wait(dice.below(2 * SECOND)),
                3 => {
                    let up = if dice.below(3) > 0 { SessionState::Up } else { SessionState::Down };
                    desk.session(1 + u16::try_from(n % 2).expect("few"), up);
                }
                4 => {
                    let views: Vec<_> = [1, 2].into_iter().collect();
                    for venue in views {
                        let _ = desk.newest(venue);
                        desk.answer(venue, &[], &[]);
                    }
                }
                5 => desk.mode(Mode::Live),
                6 | 7 if !open.is_empty() => {
                    let at = usize::try_from(dice.below(open.len() as u64)).expect("few");
                    let order = open.swap_remove(at);
                    let fill = order.qty_lots.get();
                    if dice.below(2) == 0 {
                        desk.report(&order, ExecType::Trade, fill);
                    } else {
                        desk.report(&order, ExecType::Canceled, 0);
                    }
                }
                8 => desk.risk(RiskField::AuditFill, 0),
                _ => {
                    let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
                    let price = if side == Side::Buy { 9_990 } else { 10_010 };
                    let want = Placement::limit(side, PriceTicks(price), QtyLots(2));
                    desk.wish(strategy, Intent::Place(want));
                }
            }
            let covered = |s: StrategyId| match s.get() {
                0 => latched[0] || latched[1] || latched[3],
                1 => latched.contains(&true),
                2 => latched[0] || latched[1],
                _ => latched[0],
            };
            for order in desk.take().orders() {
                assert!(!covered(order.header.strategy_id), "seed {seed}: {latched:?}");
                sent += 1;
                open.push(order);
            }
            assert_eq!(desk.engine().killed(), latched[0], "seed {seed}");
            if latched[0] {
                assert!(desk.engine().mode() == Mode::Halted, "seed {seed}");
            }
        }
        suppressed += desk.engine().counters().suppressed;
    }
    assert!(sent > 200 && suppressed > 200, "both sides are walked: {sent} {suppressed}");
}

#[test]
fn a_parent_ends_with_the_latch_over_its_strategy() {
    for (scope, name, covered) in SCOPES {
        let mut desk = Desk::live(&VENUES, &STRATEGIES, |_| {});
        let (side, limit) = (Side::Buy, PriceTicks(10_001));
        let spec = crate::parents::ParentSpec::twap(side, QtyLots(100), limit, 10 * SECOND, 10);
        for strategy in [0, 1] {
            desk.wish(strategy, Intent::Work(spec));
        }
        let slices = desk.take().orders();
        assert_eq!(slices.len(), 2);
        for slice in &slices {
            desk.report(slice, ExecType::Expired, 0);
        }
        assert!(desk.control(Command::Halt, 0, "", name));
        desk.wait(5 * SECOND);
        let mut running: Vec<u16> =
            desk.take().orders().iter().map(|o| o.header.strategy_id.get()).collect();
        running.dedup();
        let expected: Vec<u16> = (0..2).filter(|s| !covered[usize::from(*s)]).collect();
        assert_eq!(running, expected, "{scope:?}");
        let parents = desk.engine().parents().iter().filter(|p| p.is_working()).count();
        assert_eq!(parents, expected.len(), "{scope:?}");
    }
}

#[test]
fn the_station_s_kill_is_followed_whatever_else_is_killed() {
    let mut desk = Desk::live(&[1], &[0; 40], |_| {});
    let orders: Vec<NewOrder> = (0..40).map(|s| desk.rest(s, Side::Buy, 1)).collect();
    desk.control(Command::Halt, 0, "", firm);
    for s in 0..40 {
        assert!(desk.control(Command::Halt, 0, "", |h| h.strategy_id = StrategyId(s)));
    }
    desk.take();
    for order in &orders {
        desk.report(order, ExecType::Canceled, 0);
    }
    let kills = desk.take().kills();
    let confirmed = kills.iter().filter(|k| k.stage == KillStage::Confirmed.code());
    let scopes: Vec<u8> = confirmed.map(|k| k.scope).collect();
    assert_eq!(scopes.len(), 32, "as many as are followed at once");
    assert!(scopes.contains(&Scope::Firm.code()));
}

#[test]
fn orders_of_a_lost_session_are_unknown_in_the_report_and_settled_by_the_venue() {
    let mut desk = Desk::live(&[1], &[0], |s| s.patience.kill_ns = 5 * SECOND);
    let order = desk.rest(0, Side::Buy, 5);
    desk.session(1, SessionState::Down);
    desk.take();
    desk.control(Command::Halt, 0, "", firm);
    let report = desk.take().kills()[0];
    assert_eq!((report.working, report.unknown), (1, 1));
    desk.wait(5 * SECOND);
    assert_eq!(desk.take().stages(), [KillStage::Unconfirmed]);
    desk.session(1, SessionState::Up);
    desk.answer(1, &[], &[]);
    assert_eq!(desk.take().stages(), [], "a list that does not name it ends nothing");
    desk.feed(Desk::view(&order, OrdStatus::Unknown, 0));
    assert_eq!(desk.take().stages(), [KillStage::Confirmed]);
}
