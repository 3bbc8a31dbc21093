//! Modes: each pair of mode and event, what each transition puts on the record before it acts, and
//! what a mode lets through.

use super::script::{Desk, SECOND};
use super::*;
use crate::mode::transition;
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::{ExecType, Side};
use wire::reconcile::SessionState;
use wire::risk::RiskField;
use wire::{PriceTicks, QtyLots};

/// Every pair: rows are modes; columns `Started`, `Reconciled`, `Halt`, `Resume`, `Anomaly`,
/// `AllDone`, then the commands for BOOT, RECONCILE, MAINTENANCE, LIVE, REDUCING, DRAINING,
/// HALTED. A letter is the mode after, a point a refusal.
const TABLE: [(Mode, &str); 7] = [
    (Mode::Boot, "R.H.........."),
    (Mode::Reconcile, ".MH.........."),
    (Mode::Maintenance, "..H....R.LE.."),
    (Mode::Live, "..H.E..RD.ED."),
    (Mode::Reducing, "..H....RDL.D."),
    (Mode::Draining, "..H..M.R....."),
    (Mode::Halted, "...R........."),
];

#[test]
fn every_pair_of_mode_and_event_is_as_written() {
    use ModeEvent as E;
    let mut events = vec![E::Started, E::Reconciled, E::Halt, E::Resume, E::Anomaly, E::AllDone];
    events.extend(
        [
            Mode::Boot,
            Mode::Reconcile,
            Mode::Maintenance,
            Mode::Live,
            Mode::Reducing,
            Mode::Draining,
            Mode::Halted,
        ]
        .map(E::Command),
    );
    assert_eq!((events.len(), TABLE.len()), (E::all().len(), Mode::ALL.len()));
    assert!(E::all().iter().all(|e| events.contains(e)));
    let letter = |mode: Option<Mode>| match mode {
        None => '.',
        Some(Mode::Boot) => 'B',
        Some(Mode::Reconcile) => 'R',
        Some(Mode::Maintenance) => 'M',
        Some(Mode::Live) => 'L',
        Some(Mode::Reducing) => 'E',
        Some(Mode::Draining) => 'D',
        Some(Mode::Halted) => 'H',
    };
    for (mode, row) in TABLE {
        let found: String = events.iter().map(|e| letter(transition(mode, *e))).collect();
        assert_eq!(found, row, "{mode:?}");
    }
}

fn buy() -> Placement {
    Placement::limit(Side::Buy, PriceTicks(9_980), QtyLots(1))
}

fn in_mode(mode: Mode) -> Desk {
    let mut desk = Desk::new(&[1], &[0], |_| {});
    match mode {
        Mode::Boot => return desk,
        Mode::Reconcile => desk.risk(RiskField::ClockOffset, 0),
        Mode::Maintenance => desk.open_up(),
        Mode::Live | Mode::Reducing | Mode::Draining => {
            desk.open_up();
            desk.mode(Mode::Live);
            desk.rest(0, Side::Buy, 5);
            if mode != Mode::Live {
                desk.mode(mode);
            }
        }
        Mode::Halted => {
            desk.open_up();
            desk.control(Command::Halt, 0, "", |_| {});
        }
    }
    assert_eq!(desk.engine().mode(), mode);
    desk
}

/// Through the engine: a command does what the table says and is refused where it says so.
#[test]
fn a_command_for_each_mode_in_each_mode_follows_the_table() {
    for mode in Mode::ALL.iter().filter(|m| **m != Mode::Boot) {
        for wanted in Mode::ALL {
            let mut desk = in_mode(*mode);
            desk.take();
            let expected = transition(*mode, ModeEvent::Command(*wanted));
            let done = desk.control(Command::Mode, u64::from(wanted.code()), "", |_| {});
            let what = format!("{mode:?} to {wanted:?}");
            assert_eq!(done, expected.is_some(), "{what}");
            let outs = desk.take();
            assert_eq!(outs.modes().first().copied(), expected, "{what}");
            if let Some(change) = outs.mode_changes().first() {
                assert_eq!(change.from, mode.code(), "{what}");
                assert_eq!(outs.kinds()[0], FrameKind::ModeChange, "{what}: before its effect");
                assert_eq!(change.cause_kind, kind_code(FrameKind::Control), "{what}");
            } else {
                assert_eq!(outs.kinds(), [], "{what}");
                assert_eq!(desk.engine().mode(), *mode, "{what}");
            }
        }
    }
    let mut desk = in_mode(Mode::Live);
    for bad in [0, u64::from(b'?'), 256 + u64::from(Mode::Reducing.code()), u64::MAX] {
        assert!(!desk.control(Command::Mode, bad, "", |_| {}), "{bad}");
    }
    assert_eq!(desk.engine().mode(), Mode::Live);
}

#[test]
fn the_first_input_leads_out_of_boot_whatever_it_is() {
    let mut desk = in_mode(Mode::Boot);
    desk.control(Command::Mode, u64::from(Mode::Live.code()), "", |_| {});
    let outs = desk.take();
    assert_eq!(outs.modes(), [Mode::Reconcile]);
    assert_eq!(desk.engine().counters().refused_commands, 1);
}

#[test]
fn each_transition_is_on_the_record_before_it_acts() {
    // Draining: the mode, then the cancels; then, in the report's input, the way out.
    let mut desk = in_mode(Mode::Live);
    desk.take();
    desk.mode(Mode::Draining);
    assert_eq!(desk.take().kinds(), [FrameKind::ModeChange, FrameKind::CancelOrder]);
    let id = desk.engine().orders().iter().next().expect("one").cl_ord_id;
    let mut gone = wire::order::ExecutionReport::zeroed();
    gone.header = FrameHeader::new::<wire::order::ExecutionReport>();
    gone.header.instrument_id = InstrumentId(0);
    (gone.cl_ord_id, gone.orig_cl_ord_id) = (id, ClOrdId::UNDEF);
    (gone.exec_type, gone.side) = (ExecType::Canceled.code(), Side::Buy.code());
    gone.ord_status = wire::order::OrdStatus::Canceled.code();
    desk.feed(gone);
    let outs = desk.take();
    assert_eq!(
        (outs.kinds(), outs.modes()),
        (vec![FrameKind::ModeChange], vec![Mode::Maintenance])
    );
    // Reconciling: the mode, then the question.
    desk.mode(Mode::Reconcile);
    assert_eq!(desk.take().kinds(), [FrameKind::ModeChange, FrameKind::MassStatusRequest]);
    // With nothing working, draining is over at once, and both steps are told.
    let mut desk = Desk::live(&[1], &[0], |_| {});
    desk.mode(Mode::Maintenance);
    assert_eq!(desk.take().modes(), [Mode::Draining, Mode::Maintenance]);
    // A difference: the alarm, then REDUCING.
    let mut desk = in_mode(Mode::Live);
    desk.take();
    desk.session(1, SessionState::Down);
    assert_eq!(desk.take().kinds(), [FrameKind::Alarm, FrameKind::ModeChange]);
}

#[test]
fn what_a_venue_refused_to_cancel_does_not_keep_draining_for_ever() {
    let mut desk = Desk::live(&[1], &[0], |s| s.patience.reconcile_ns = 10 * SECOND);
    let order = desk.rest(0, Side::Buy, 5);
    desk.mode(Mode::Draining);
    let mut reject = wire::order::CancelReject::zeroed();
    reject.header = FrameHeader::new::<wire::order::CancelReject>();
    (reject.orig_cl_ord_id, reject.order_id) = (order.cl_ord_id, 900);
    reject.ord_status = wire::order::OrdStatus::New.code();
    reject.reject_reason = wire::order::RejectReason::ExceedsLimit.code();
    desk.feed(reject);
    desk.wait(10 * SECOND);
    desk.take();
    desk.answer(1, &[Desk::view(&order, wire::order::OrdStatus::New, 0)], &[]);
    assert_eq!(desk.take().cancels(), [order.cl_ord_id]);
    desk.report(&order, ExecType::Canceled, 0);
    assert_eq!(desk.engine().mode(), Mode::Maintenance);
}

#[test]
fn orders_leave_in_live_and_only_reducing_ones_in_reducing() {
    for mode in Mode::ALL {
        let mut desk = in_mode(*mode);
        desk.book(0, 9_999, 10_001);
        desk.wait(1);
        let opened = desk.place(0, buy()).is_ok();
        assert_eq!(opened, *mode == Mode::Live, "{mode:?}");
        let may = matches!(mode, Mode::Live | Mode::Reducing);
        assert_eq!(crate::mode::may_trade(*mode), may, "{mode:?}");
    }
    let mut desk = in_mode(Mode::Live);
    desk.hold(0, 10);
    desk.mode(Mode::Reducing);
    let sell = |qty| Placement::ioc(Side::Sell, PriceTicks(9_999), QtyLots(qty));
    desk.wait(1);
    assert!(desk.place(0, sell(11)).is_err(), "through zero");
    desk.wait(1);
    assert!(desk.place(0, sell(10)).is_ok());
}

#[test]
fn a_loss_of_the_station_is_left_only_over_a_new_day() {
    let mut desk = Desk::live(&[1], &[0], |s| s.limits.firm.max_daily_loss_e9 = 30_000_000);
    desk.hold(0, 1_000);
    // The spread costs 1,000 lots 0.02 of the base currency, the fall as much again: 0.03 is the
    // limit.
    desk.book(0, 9_997, 9_999);
    desk.trade(0);
    desk.wait(2 * SECOND);
    desk.take();
    desk.trade(0);
    let outs = desk.take();
    assert_eq!((outs.alarms(), outs.modes()), (vec![AlarmCode::DailyLoss], vec![Mode::Reducing]));
    let live = u64::from(Mode::Live.code());
    let go = |desk: &mut Desk| desk.control(Command::Mode, live, "it comes back", |_| {});
    assert!(!go(&mut desk), "from REDUCING");
    assert!(!desk.control(Command::Roll, 0, "new day", |_| {}), "not in REDUCING");
    desk.mode(Mode::Draining);
    assert_eq!(desk.engine().mode(), Mode::Maintenance);
    assert!(!go(&mut desk), "from MAINTENANCE");
    desk.control(Command::Halt, 0, "", |_| {});
    desk.control(Command::Resume, 0, "looked", |_| {});
    desk.answer(1, &[], &[(0, 1_000, None)]);
    assert_eq!(desk.engine().mode(), Mode::Maintenance);
    assert!(!go(&mut desk), "after a halt");
    assert!(!desk.control(Command::Roll, 0, "", |_| {}), "without a reason");
    assert!(desk.control(Command::Roll, 0, "new day", |_| {}));
    assert!(go(&mut desk));
    assert_eq!(desk.engine().mode(), Mode::Live);
}

#[test]
fn a_shutdown_drains_and_every_command_tells_whether_it_was_done() {
    let mut desk = in_mode(Mode::Live);
    assert!(desk.control(Command::Shutdown, 0, "", |_| {}));
    assert_eq!(desk.engine().mode(), Mode::Draining);
    assert!(desk.control(Command::Status, 0, "", |_| {}));
    assert!(!desk.control(Command::Rearm, 0, "", |h| h.strategy_id = StrategyId(0)));
    assert!(!desk.control(Command::Rearm, 0, "looked", |_| {}), "which one");
    assert!(desk.control(Command::Rearm, 0, "looked", |h| h.strategy_id = StrategyId(0)));
    assert!(desk.control(Command::Model, 5, "", |_| {}));
    assert_eq!(desk.engine().instruments()[0].risk.signal.pinned_hash, 5);
    assert!(!desk.control(Command::Mute, 32, "", |_| {}));
    assert!(!desk.control(Command::Mute, u64::MAX, "", |_| {}));
    assert!(desk.control(Command::Mute, 31, "", |_| {}));
}
