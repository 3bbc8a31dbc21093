//! Flattening: only in REDUCING, only reducing, again and again, and not for ever.

use super::script::{Desk, SECOND};
use super::*;
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::{ExecInst, ExecType, NewOrder, Side};
use wire::reconcile::SessionState;
use wire::risk::RiskField;
use wire::{PriceTicks, QtyLots};

fn all(_: &mut FrameHeader) {}

/// Fills what flattening sends until nothing more comes; the orders it sent.
fn run(desk: &mut Desk, fill: bool) -> Vec<NewOrder> {
    let mut sent = Vec::new();
    for _ in 0..200 {
        desk.wait(SECOND);
        for n in 0..3 {
            desk.book(n, 9_999, 10_001);
        }
        let new = desk.take().orders();
        for order in &new {
            let exec = if fill { ExecType::Trade } else { ExecType::Expired };
            desk.report(order, exec, if fill { order.qty_lots.get() } else { 0 });
        }
        sent.extend(new);
        if desk.engine().flatten.is_none() {
            return sent;
        }
    }
    panic!("does not end");
}

#[test]
fn it_is_refused_outside_reducing_under_a_latch_and_for_nothing_known() {
    let mut desk = Desk::live(&[1, 1, 2], &[0, 1, 2], |_| {});
    desk.hold(0, 10);
    assert!(!desk.control(Command::Flatten, 0, "", all), "LIVE");
    desk.mode(Mode::Reducing);
    assert!(!desk.control(Command::Flatten, 0, "", |h| h.instrument_id = InstrumentId(3)));
    assert!(!desk.control(Command::Flatten, 0, "", |h| h.strategy_id = StrategyId(9)));
    let two = |h: &mut FrameHeader| (h.strategy_id, h.venue_id) = (StrategyId(0), VenueId(1));
    assert!(!desk.control(Command::Flatten, 0, "", two), "two things");
    let own = |h: &mut FrameHeader| h.strategy_id = StrategyId(0);
    desk.control(Command::Halt, 0, "", own);
    assert!(!desk.control(Command::Flatten, 0, "", own), "latched");
    desk.control(Command::Resume, 0, "looked", own);
    assert!(desk.control(Command::Flatten, 0, "", own));
}

/// A position no strategy holds goes to one that may trade it.
#[test]
fn what_nobody_holds_is_closed_by_a_strategy_that_may() {
    let mut desk = Desk::new(&[1], &[0, 0, 0], |setup| {
        setup.limits.symbols.iter_mut().flatten().for_each(|r| r.rules.strategies = 0b110);
        setup.limits.strategies[1] = None;
    });
    desk.risk(RiskField::ClockOffset, 0);
    desk.book(0, 9_999, 10_001);
    desk.session(1, SessionState::Up);
    desk.answer(1, &[], &[(0, 7, Some(10_000))]);
    desk.mode(Mode::Reducing);
    desk.take();
    assert!(desk.control(Command::Flatten, 0, "", all));
    desk.wait(SECOND);
    let sent = desk.take().orders();
    assert_eq!(
        sent.iter().map(|o| (o.header.strategy_id.get(), o.qty_lots.get())).collect::<Vec<_>>(),
        [(2, 7)]
    );
}

/// Who asks again and again does not put it off.
#[test]
fn asking_again_does_not_put_the_first_attempt_off() {
    let mut desk = Desk::live(&[1], &[0], |_| {});
    desk.hold(0, 10);
    desk.mode(Mode::Reducing);
    desk.take();
    for _ in 0..4 {
        assert!(desk.control(Command::Flatten, 0, "", all));
        desk.wait(SECOND / 4);
    }
    assert_eq!(desk.take().orders().len(), 1, "a second after it was first asked for");
}

#[test]
fn it_closes_the_target_and_nothing_else_reduce_only() {
    type Case = (fn(&mut FrameHeader), [i64; 3]);
    let cases: [Case; 4] = [
        (all, [0, 0, 0]),
        (|h| h.venue_id = VenueId(1), [0, 0, 3]),
        (|h| h.strategy_id = StrategyId(1), [10, 0, 3]),
        (|h| h.instrument_id = InstrumentId(2), [10, -4, 0]),
    ];
    for (name, left) in cases {
        let mut desk = Desk::live(&[1, 1, 2], &[0, 1, 2], |_| {});
        for (strategy, lots) in [(0, 10), (1, -4), (2, 3)] {
            desk.hold(strategy, lots);
        }
        desk.mode(Mode::Reducing);
        desk.take();
        assert!(desk.control(Command::Flatten, 0, "", name));
        let sent = run(&mut desk, true);
        assert!(sent.iter().all(|o| o.exec_inst == ExecInst::ReduceOnly.code()));
        let held: Vec<i64> =
            desk.engine().instruments().iter().map(|i| i.position.lots().get()).collect();
        assert_eq!(held, left);
        let own: Vec<i64> = desk.engine().strategies().map(|(_, p)| p.lots().get()).collect();
        assert_eq!(own, left);
        assert_eq!(desk.take().alarms(), []);
    }
}

#[test]
fn a_position_above_the_largest_order_goes_in_parts_and_progress_does_not_tire() {
    let mut desk = Desk::live(&[1], &[0], |setup| {
        if let Some(row) = &mut setup.limits.symbols[0] {
            row.limits.max_order_qty_lots = 10;
        }
    });
    for _ in 0..30 {
        desk.hold(0, 10);
        desk.wait(1);
    }
    desk.mode(Mode::Reducing);
    desk.take();
    assert!(desk.control(Command::Flatten, 0, "", all));
    assert_eq!(run(&mut desk, true).len(), 30, "more parts than attempts without progress");
    assert_eq!(desk.engine().instruments()[0].position.lots().get(), 0);
}

#[test]
fn it_gives_up_with_an_alarm_and_leaves_the_position_as_it_is() {
    let mut desk = Desk::live(&[1], &[0], |_| {});
    desk.hold(0, 10);
    desk.mode(Mode::Reducing);
    desk.take();
    assert!(desk.control(Command::Flatten, 0, "", all));
    let mut attempts = 0;
    loop {
        desk.wait(SECOND);
        let outs = desk.take();
        for order in outs.orders() {
            attempts += 1;
            desk.report(&order, ExecType::Expired, 0);
        }
        if outs.alarms() == [AlarmCode::Unprotected] {
            assert_eq!(outs.concerns()[0].actual, 10);
            break;
        }
        assert!(attempts < 100);
    }
    assert_eq!(attempts, 20);
    desk.wait(60 * SECOND);
    assert_eq!(desk.take().orders(), []);
}

#[test]
fn working_orders_go_first_and_a_busy_strategy_waits() {
    let mut desk = Desk::live(&[1], &[0], |_| {});
    desk.hold(0, 10);
    let resting = desk.rest(0, Side::Buy, 5);
    desk.mode(Mode::Reducing);
    desk.take();
    desk.control(Command::Flatten, 0, "", all);
    assert_eq!(desk.take().cancels(), [resting.cl_ord_id]);
    desk.wait(SECOND);
    assert_eq!(desk.take().orders(), [], "its order is not done");
    desk.report(&resting, ExecType::Canceled, 0);
    desk.wait(SECOND);
    let sent = desk.take().orders();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].side, sent[0].qty_lots), (Side::Sell.code(), QtyLots(10)));
}

#[test]
fn what_no_strategy_holds_is_closed_too_and_strategies_against_each_other_are_flat() {
    let mut desk = Desk::new(&[1, 1], &[0, 0, 1], |_| {});
    desk.risk(wire::risk::RiskField::ClockOffset, 0);
    desk.book(0, 9_999, 10_001);
    desk.book(1, 9_999, 10_001);
    desk.session(1, wire::reconcile::SessionState::Up);
    desk.answer(1, &[], &[(0, 7, Some(9_000))]);
    desk.mode(Mode::Live);
    desk.hold(0, 5);
    desk.hold(1, -2);
    assert_eq!(desk.engine().instruments()[0].position.lots().get(), 10);
    desk.mode(Mode::Reducing);
    desk.take();
    desk.control(Command::Flatten, 0, "", all);
    run(&mut desk, true);
    assert_eq!(desk.engine().instruments()[0].position.lots().get(), 0);
    let own: Vec<i64> = desk.engine().strategies().map(|(_, p)| p.lots().get()).collect();
    assert_eq!(own.iter().sum::<i64>(), 0, "the strategies' sum is the station's: {own:?}");
}

#[test]
fn a_kill_or_another_mode_ends_it() {
    for ends in [Command::Halt, Command::Mode] {
        let mut desk = Desk::live(&[1, 2], &[0, 1], |_| {});
        desk.hold(0, 10);
        desk.mode(Mode::Reducing);
        desk.control(Command::Flatten, 0, "", all);
        desk.take();
        let live = u64::from(Mode::Live.code());
        // Even a kill of something else: whoever halts wants to look first.
        assert!(desk.control(ends, live, "", |h| {
            if ends == Command::Halt {
                h.venue_id = VenueId(2);
            }
        }));
        desk.wait(60 * SECOND);
        assert_eq!(desk.take().orders(), [], "{ends:?}");
        assert!(desk.engine().flatten.is_none());
    }
    let buy = Placement::limit(Side::Buy, PriceTicks(9_990), QtyLots(1));
    let mut desk = Desk::live(&[1], &[0], |_| {});
    desk.mode(Mode::Reducing);
    desk.control(Command::Flatten, 0, "", all);
    assert!(desk.place(0, buy).is_err(), "nothing opens meanwhile");
}
