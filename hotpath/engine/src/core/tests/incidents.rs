//! What happened to others, as tests of the figures it would come to here.

use super::super::*;
use super::rig::*;
use super::say::*;
use crate::gate;
use crate::orders::Order;
use crate::parents::ParentSpec;
use crate::risk::Disabled;
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::{ExecType, ExecutionReport, OrdStatus, OrdType, RejectReason, Side, TimeInForce};
use wire::reconcile::{OrderStatusReport, SessionState};
use wire::risk::RiskField;
use wire::{PriceTicks, QtyLots};

/// Sets a limit to a value.
type Limit = fn(&mut Engine, i64);

fn buy(price: i64, lots: i64) -> Placement {
    Placement::limit(Side::Buy, PriceTicks(price), QtyLots(lots))
}

/// Knight 2012: 212 parents became millions of child orders, because a server no longer counted
/// what had filled. Here the gate counts, whoever slices: 1,000 attempts on a parent of 100 lots.
#[test]
fn knight_2012_runaway_children() {
    let mut rig = Rig::live();
    rig.engine.instruments[0].risk.limits.max_long_lots = 1_000_000;
    let spec = ParentSpec::twap(Side::Buy, QtyLots(100), PriceTicks(10_001), SECOND, 1);
    rig.engine.start_parent(OWN, spec, &mut rig.record);
    let first = rig.new_orders();
    assert_eq!(first[0].qty_lots, QtyLots(100));
    rig.fill(first[0].cl_ord_id, 100, 1);
    // The old code comes back: it slices on as if nothing had filled.
    let group = super::super::orders::Group { parent_id: first[0].parent_id, link_id: 0 };
    for _ in 0..1_000 {
        assert_eq!(rig.engine.place(OWN, &buy(10_001, 1), group, &mut rig.record), None);
    }
    assert_eq!((rig.lots(), rig.engine.counters().orders), (100, 1));
    assert_eq!(rig.denied("PARENT_CONSERVATION"), 1_000);
    // Approvals and orders on the wire agree; one order more out than approved stops everything.
    rig.risk(RiskField::WireCount, 1);
    assert!(!rig.engine.killed());
    rig.risk(RiskField::WireCount, 2);
    assert!(rig.engine.killed());
    assert_eq!((rig.alarmed(AlarmCode::WireMismatch), rig.engine.mode()), (1, Mode::Halted));
}

/// Knight 2012: the capital limit was not linked to order entry. A strategy that buys as fast as it
/// can, every order filled at once, is stopped by the gross limit after so many orders, by the
/// capital limit, and by the count of executions.
#[test]
fn knight_2012_gross_limit_stops_a_runaway_strategy_within_n_orders() {
    // Ten lots at 10,001 ticks of 0.01 and lots of 0.001: 1 000.10 a order.
    let each = 10_001 * 10 * instrument().tick_value_e9().expect("whole");
    let limits: [(&str, Limit); 3] = [
        ("MAX_GROSS", |e, each| e.firm.limits.max_gross_e9 = 7 * each),
        ("STRATEGY_CAPITAL", |e, each| e.strategies[OWN].risk.limits.capital_e9 = 7 * each),
        ("STRATEGY_DISABLED", |e, _| e.strategies[OWN].risk.limits.max_executions = 7),
    ];
    for (code, set) in limits {
        let mut rig = Rig::live();
        set(&mut rig.engine, each);
        for n in 0..500 {
            let want = Placement::ioc(Side::Buy, PriceTicks(10_001), QtyLots(10));
            if let Some(id) = rig.engine.wish(OWN, &want, &mut rig.record) {
                rig.fill(id, 10, n);
            }
        }
        assert_eq!((rig.engine.counters().orders, rig.lots()), (7, 70), "{code}");
        assert_eq!(rig.engine.counters().denied_total(), 493, "{code}");
        assert!(rig.denied(code) > 0, "{code}: {:?}", rig.denials());
        // Without a fill the reservation alone stops it.
        let mut rig = Rig::live();
        set(&mut rig.engine, each);
        if code != "STRATEGY_DISABLED" {
            for _ in 0..500 {
                rig.engine.wish(OWN, &buy(10_001, 10), &mut rig.record);
            }
            assert_eq!((rig.engine.counters().orders, rig.reserved().0), (7, 70), "{code}");
        }
    }
}

/// Knight 2012: a flag was reused and woke old code. Codes on the wire keep their meaning for ever:
/// new ones are added, none moves.
#[test]
fn knight_2012_codes_are_append_only() {
    let codes: Vec<&str> = gate::CHECKS.iter().map(|c| c.code).collect();
    let expected = "KILL_SWITCH MODE_NOT_LIVE NOT_RECONCILED SESSION_DOWN STRATEGY_DISABLED";
    assert_eq!(codes[..5].join(" "), expected);
    assert_eq!((gate::id_of("PARENT_CONSERVATION"), gate::id_of("AMEND")), (Some(30), Some(63)));
    for (n, check) in gate::CHECKS.iter().enumerate() {
        assert_eq!(usize::from(check.id), n, "{}: an id is its place for good", check.code);
    }
    let numbers = |all: &[AlarmCode]| all.iter().map(|c| c.code()).collect::<Vec<u8>>();
    let alarms = [AlarmCode::UnattributedFill, AlarmCode::Contradiction, AlarmCode::AckTimeout];
    assert_eq!(numbers(&alarms), [1, 4, 6]);
    assert_eq!(numbers(&[AlarmCode::WireMismatch, AlarmCode::Unprotected]), [21, 22]);
    let fix = |all: &[OrdStatus]| all.iter().map(|s| s.code()).collect::<Vec<u8>>();
    let done = [OrdStatus::Filled, OrdStatus::Canceled, OrdStatus::Rejected, OrdStatus::Expired];
    assert_eq!(fix(&done), b"248C");
    assert_eq!(fix(&[OrdStatus::New, OrdStatus::PartiallyFilled, OrdStatus::Unknown]), b"01U");
    assert_eq!(
        [OrdType::Market, OrdType::Limit, OrdType::Stop, OrdType::StopLimit].map(OrdType::code),
        *b"1234"
    );
    let lives =
        [TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::Gtd];
    assert_eq!(lives.map(TimeInForce::code), *b"01346");
}

/// Citi 2022: 58 million meant as money became a basket of 444 billion; 711 warnings could be
/// passed. Here a notional typed as a quantity meets hard limits, each enough by itself, and no
/// override.
#[test]
fn citi_2022_notional_typed_as_quantity() {
    // Meant: 58,000 worth, 580 lots. Typed: 58,000 lots.
    let tick = instrument().tick_value_e9().expect("whole");
    let limits: [(&str, Limit); 5] = [
        ("MAX_ORDER_QTY", |e, _| e.instruments[0].risk.limits.max_order_qty_lots = 1_000),
        ("MAX_ORDER_NOTIONAL", |e, v| e.instruments[0].risk.limits.max_order_notional_e9 = v),
        ("MAX_POSITION", |e, _| e.instruments[0].risk.limits.max_long_lots = 1_000),
        ("MAX_GROSS", |e, v| e.firm.limits.max_gross_e9 = v),
        ("MAX_OPEN_NOTIONAL", |e, v| e.firm.limits.max_open_notional_e9 = v),
    ];
    for (code, set) in limits {
        let mut rig = Rig::live();
        let l = &mut rig.engine.instruments[0].risk.limits;
        (l.max_order_qty_lots, l.max_long_lots) = (1_000_000, 1_000_000);
        l.max_depth_bp = 1_000_000;
        set(&mut rig.engine, 1_000 * 9_998 * tick);
        // Again and again, as someone who clicks warnings away would.
        for _ in 0..711 {
            assert_eq!(rig.engine.wish(OWN, &buy(9_998, 58_000), &mut rig.record), None);
        }
        assert_eq!(rig.engine.counters().denied_total(), 711, "{code}");
        assert_eq!(rig.failed(code), 711, "{code}: {:?}", rig.denials());
        assert_eq!((rig.reserved(), rig.engine.counters().orders), ((0, 0, 0), 0));
        assert!(rig.engine.wish(OWN, &buy(9_998, 580), &mut rig.record).is_some(), "as meant");
    }
}

/// A venue's view of an order, as it answers a question by name.
fn status(order: &Order, status: OrdStatus, cum: i64) -> OrderStatusReport {
    let mut report = OrderStatusReport::zeroed();
    report.header = FrameHeader::new::<OrderStatusReport>();
    (report.header.venue_id, report.header.ts_recv_ns) = (VenueId(1), TsNs::UNDEF);
    (report.cl_ord_id, report.order_id) = (order.cl_ord_id, 900);
    report.cum_qty_lots = QtyLots(cum);
    (report.ord_status, report.side) = (status.code(), order.request.side.code());
    (report.ord_type, report.time_in_force) = (b'2', b'1');
    report
}

/// Hummingbot 493 and 601: no answer was taken for no order, and it was sent again. Here silence
/// makes the order unknown, it is asked after by name for as long as it takes, and never sent
/// again.
#[test]
fn lost_ack_is_unknown_and_never_sent_again() {
    let mut setup = setup();
    setup.patience.ack_ns = SECOND;
    let mut rig = Rig::of(Engine::new(setup).expect("sound")).go_live();
    rig.engine.firm.limits.max_unknown_orders = 0;
    let order = rig.placed(&buy(9_998, 10));
    rig.kinds();
    for n in 1..=5 {
        rig.delta(n * SECOND + 1);
        assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::Unknown);
        let kinds = rig.kinds();
        assert_eq!(kinds.iter().filter(|k| **k == FrameKind::OrderStatusRequest).count(), 1, "{n}");
        assert!(!kinds.contains(&FrameKind::NewOrder), "{n}: sent again");
    }
    assert_eq!((rig.reserved(), rig.engine.firm.unknown_orders), ((10, 0, 1), 1));
    assert_eq!(rig.alarmed(AlarmCode::AckTimeout), 5);
    // A strategy that would try again is held while one is unknown.
    assert_eq!(rig.engine.wish(OWN, &buy(9_998, 10), &mut rig.record), None);
    assert_eq!(rig.denied("UNKNOWN_EXPOSURE"), 1);
    // The venue never saw it: now, and only now, it is over, and another may go.
    rig.feed(bytemuck::bytes_of(&status(&order, OrdStatus::Unknown, 0)));
    assert_eq!(
        (rig.order(order.cl_ord_id).status, rig.reserved()),
        (OrdStatus::Rejected, (0, 0, 0))
    );
    let next = rig.placed(&buy(9_998, 10));
    assert!(next.cl_ord_id > order.cl_ord_id, "under an id never used");
    assert_eq!(rig.engine.counters().orders, 2);
}

/// Hummingbot 462: a loop of rejects became 100,000 orders a day and a ban.
#[test]
fn reject_spam_stops_the_strategy() {
    let mut rig = Rig::live();
    rig.engine.strategies[OWN].risk.limits.max_consecutive_rejects = 5;
    for _ in 0..100_000 {
        let Some(id) = rig.engine.wish(OWN, &buy(9_998, 10), &mut rig.record) else { break };
        let order = rig.order(id);
        let reason = RejectReason::ExceedsLimit.code();
        let report = ExecutionReport { reject_reason: reason, ..word(&order, ExecType::Rejected) };
        rig.say(report);
        // The same word twice is one reject.
        rig.say(report);
    }
    let c = rig.engine.counters();
    assert_eq!((c.orders, c.rejects, rig.denied("STRATEGY_DISABLED")), (6, 6, 1));
    assert_eq!(rig.engine.strategies[OWN].risk.disabled, Disabled::Rejects);
    assert_eq!((rig.alarmed(AlarmCode::ConsecutiveRejects), rig.reserved()), (1, (0, 0, 0)));
    for _ in 0..1_000 {
        rig.engine.wish(OWN, &buy(9_998, 10), &mut rig.record);
    }
    assert_eq!(rig.engine.counters().orders, 6);
    // An acknowledged order in between begins the count anew.
    rig.rearm(strategy_id(OWN));
    for n in 0..20 {
        let order = rig.placed(&buy(9_970 + n, 10));
        let exec = if n % 5 == 4 { ExecType::New } else { ExecType::Rejected };
        rig.say(word(&order, exec));
    }
    assert_eq!(rig.engine.strategies[OWN].risk.disabled, Disabled::No);
    assert_eq!((rig.engine.counters().orders, rig.reserved()), (26, (40, 0, 4)));
}

/// Hummingbot 3374 and 8457: an order lost in an outage was forgotten and filled later.
#[test]
fn an_order_lost_in_an_outage_fills_later_and_is_counted_all_along() {
    let mut rig = Rig::live();
    rig.engine.instruments[0].risk.limits.max_long_lots = 25;
    let order = rig.placed(&buy(9_998, 10));
    rig.session(SessionState::Down, SECOND / 10);
    let now = rig.order(order.cl_ord_id);
    assert_eq!((now.status, rig.engine.mode()), (OrdStatus::Unknown, Mode::Reducing));
    assert_eq!((rig.reserved(), rig.alarmed(AlarmCode::SessionLost)), ((10, 0, 1), 1));
    // Back up; the list does not show it (it is still on its way inside the venue).
    rig.session(SessionState::Up, SECOND / 5);
    rig.answer_mass_status(&[], 0, SECOND / 5 + 1);
    assert_eq!((rig.reserved(), rig.engine.firm.unknown_orders), ((10, 0, 1), 1), "not dropped");
    // The operator wants to go on: what is unknown counts against the limit of 25.
    rig.command(Command::Mode, u64::from(Mode::Live.code()), "");
    rig.engine.venues[0].risk.reconciled = true;
    assert_eq!(rig.engine.wish(OWN, &buy(9_997, 16), &mut rig.record), None);
    assert_eq!(rig.denied("MAX_POSITION"), 1);
    let next = rig.working(&buy(9_997, 15));
    assert_eq!(rig.reserved(), (25, 0, 2));
    // It fills. Position and reservation are what they would have been without the outage.
    rig.fill(order.cl_ord_id, 10, 1);
    assert_eq!((rig.lots(), rig.reserved()), (10, (15, 0, 1)));
    rig.fill(next.cl_ord_id, 15, 2);
    assert_eq!((rig.lots(), rig.reserved(), rig.engine.firm.unknown_orders), (25, (0, 0, 0), 0));
    assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::Filled);
    assert_eq!(rig.alarmed(AlarmCode::UnattributedFill), 0);
}
