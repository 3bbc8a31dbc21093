//! Approvals against what the edge says it spent.

use super::script::{Desk, SECOND};
use super::*;
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::Side;
use wire::risk::{KillCause, KillStage, RiskField};
use wire::{PriceTicks, QtyLots};

fn desk() -> Desk {
    Desk::live(&[1], &[0], |s| (s.patience.wire_ns, s.order_capacity) = (SECOND, 256))
}

fn order(desk: &mut Desk) {
    let want = Placement::limit(Side::Buy, PriceTicks(9_990), QtyLots(1));
    desk.place(0, want).expect("passes");
    desk.wait(1);
}

#[test]
fn one_more_than_approved_trips_at_once() {
    let mut desk = desk();
    order(&mut desk);
    desk.risk(RiskField::WireCount, 1);
    assert!(!desk.engine().killed());
    desk.take();
    desk.risk(RiskField::WireCount, 2);
    let outs = desk.take();
    assert_eq!(outs.alarms(), [AlarmCode::WireMismatch]);
    assert_eq!((outs.concerns()[0].limit, outs.concerns()[0].actual), (1, 2));
    assert_eq!(outs.kills()[0].cause, KillCause::Rule.code());
    assert_eq!((outs.stages()[0], outs.modes()), (KillStage::Latched, vec![Mode::Halted]));
    assert_eq!(outs.cancels().len(), 1);
    // Repeated it is not said again; grown it is.
    desk.risk(RiskField::WireCount, 2);
    assert_eq!(desk.take().alarms(), []);
    desk.risk(RiskField::WireCount, 3);
    assert_eq!(desk.take().alarms(), [AlarmCode::WireMismatch]);
}

#[test]
fn an_order_nobody_approved_trips_an_engine_that_never_sent_one() {
    let mut desk = desk();
    desk.risk(RiskField::WireCount, 1);
    assert!(desk.engine().killed());
}

#[test]
fn an_approval_that_is_not_spent_trips_when_its_time_is_over() {
    let mut desk = desk();
    order(&mut desk);
    desk.take();
    desk.wait(SECOND - 2);
    assert_eq!(desk.take().alarms(), []);
    desk.wait(1);
    assert_eq!(desk.take().alarms(), [AlarmCode::WireMismatch]);
    assert_eq!((desk.engine().killed(), desk.engine().mode()), (true, Mode::Halted));
}

#[test]
fn a_count_without_progress_buys_no_time() {
    let mut desk = desk();
    order(&mut desk);
    for _ in 0..9 {
        desk.wait(SECOND / 10);
        desk.risk(RiskField::WireCount, 0);
        assert!(!desk.engine().killed());
    }
    desk.wait(SECOND / 10);
    assert!(desk.engine().killed());
}

/// The edge stops spending while others are approved behind.
#[test]
fn an_edge_that_stands_still_is_found_while_orders_flow() {
    for before in 0..3 {
        let mut desk = desk();
        for n in 0..before {
            order(&mut desk);
            desk.risk(RiskField::WireCount, n + 1);
        }
        let mut waited = 0;
        while !desk.engine().killed() {
            order(&mut desk);
            desk.risk(RiskField::WireCount, before);
            desk.wait(SECOND / 20 - 1);
            waited += SECOND / 20;
            assert!(waited <= SECOND, "never found");
        }
        assert!(waited >= SECOND, "{waited}");
    }
}

#[test]
fn an_edge_that_spent_some_and_stopped_is_found_within_twice_the_time() {
    let mut desk = desk();
    for _ in 0..3 {
        order(&mut desk);
    }
    desk.wait(SECOND / 2);
    desk.risk(RiskField::WireCount, 2);
    desk.wait(SECOND - 1);
    assert!(!desk.engine().killed());
    desk.wait(1);
    assert!(desk.engine().killed());
}

#[test]
fn what_is_in_flight_is_no_mismatch() {
    let mut desk = desk();
    // Each spent within its time, and hardly a moment at which both counts agree.
    order(&mut desk);
    for n in 2..100 {
        desk.wait(SECOND / 3);
        order(&mut desk);
        desk.wait(SECOND / 3);
        desk.risk(RiskField::WireCount, n - 1);
        assert!(!desk.engine().killed(), "order {n}");
    }
    desk.risk(RiskField::WireCount, 99);
    desk.wait(1_000 * SECOND);
    assert!(!desk.engine().killed(), "equal: nothing waits");
}

#[test]
fn a_mismatch_outlives_the_resume_until_the_counts_agree() {
    let mut desk = desk();
    order(&mut desk);
    desk.wait(2 * SECOND);
    assert!(desk.engine().killed());
    let want = Placement::limit(Side::Buy, PriceTicks(9_990), QtyLots(1));
    let back = |desk: &mut Desk| {
        assert!(desk.control(Command::Resume, 0, "looked", |_| {}));
        let id = desk.engine().orders().iter().next().expect("one").cl_ord_id;
        let order = desk.engine().orders().get(id).copied().expect("one");
        if !crate::order::is_done(order.status) {
            let mut gone = wire::order::ExecutionReport::zeroed();
            gone.header = FrameHeader::new::<wire::order::ExecutionReport>();
            gone.header.instrument_id = InstrumentId(0);
            (gone.cl_ord_id, gone.orig_cl_ord_id) = (id, ClOrdId::UNDEF);
            gone.exec_type = wire::order::ExecType::Canceled.code();
            (gone.ord_status, gone.side) = (wire::order::OrdStatus::Canceled.code(), b'1');
            desk.feed(gone);
        }
        desk.answer(1, &[], &[]);
        desk.mode(Mode::Live);
        assert_eq!(desk.engine().mode(), Mode::Live);
    };
    back(&mut desk);
    let denied = desk.place(0, want).expect_err("still one missing").expect("by the gate");
    assert_eq!(denied.primary, gate::id_of("UNAPPROVED_WIRE").expect("known"));
    assert_eq!(denied.actual, 1);
    desk.risk(RiskField::WireCount, 1);
    assert!(desk.place(0, want).is_ok(), "it came late");
}
