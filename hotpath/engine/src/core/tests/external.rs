//! What a venue has that is not ours: orders to show and adopt, positions to take over or explain.

use super::reconcile::{due, one, opens, reconciled};
use super::script::{Desk, SECOND};
use super::*;
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::{ExecType, NewOrder, OrdStatus, Side};
use wire::reconcile::SessionState;
use wire::risk::RiskField;
use wire::{PriceTicks, QtyLots};

#[test]
fn an_order_that_is_not_ours_is_shown_counted_adopted_or_gone() {
    let mut desk = one();
    let mut theirs = Desk::view(&desk.rest(0, Side::Buy, 5), OrdStatus::New, 0);
    let own = theirs;
    (theirs.cl_ord_id, theirs.order_id) = (ClOrdId::new(6, 3), 77);
    (theirs.qty_lots, theirs.cum_qty_lots) = (QtyLots(9), QtyLots(2));
    theirs.leaves_qty_lots = QtyLots(7);
    theirs.ord_status = OrdStatus::PartiallyFilled.code();
    due(&mut desk);
    desk.take();
    desk.answer(1, &[own, theirs], &[]);
    let outs = desk.take();
    assert_eq!(
        (outs.alarms(), outs.modes()),
        (vec![AlarmCode::ExternalOrder], vec![Mode::Reducing])
    );
    assert_eq!((outs.concerns()[0].cl_ord_id, outs.concerns()[0].actual), (theirs.cl_ord_id, 7));
    assert_eq!(desk.engine().firm().unknown_orders, 1);
    let shown = desk.engine().externals()[0];
    assert_eq!((shown.order_id, shown.venue, shown.qty_lots), (77, VenueId(1), QtyLots(9)));
    // Seen again it is no second alarm, and stays a difference.
    desk.wait(SECOND);
    desk.answer(1, &[own, theirs], &[]);
    assert_eq!((desk.take().alarms(), reconciled(&desk)), (vec![], false));
    assert!(!opens(&mut desk));
    // A fill of it is a fact of the instrument.
    let mut fill = wire::order::ExecutionReport::zeroed();
    fill.header = FrameHeader::new::<wire::order::ExecutionReport>();
    fill.header.instrument_id = InstrumentId(0);
    (fill.cl_ord_id, fill.orig_cl_ord_id) = (theirs.cl_ord_id, ClOrdId::UNDEF);
    (fill.order_id, fill.exec_id, fill.last_px_ticks) = (77, 5_000, PriceTicks(10_000));
    (fill.last_qty_lots, fill.cum_qty_lots) = (QtyLots(1), QtyLots(3));
    (fill.exec_type, fill.ord_status) = (ExecType::Trade.code(), OrdStatus::PartiallyFilled.code());
    fill.side = Side::Buy.code();
    desk.feed(fill);
    assert_eq!(desk.take().alarms(), [AlarmCode::UnattributedFill]);
    assert_eq!(desk.engine().externals()[0].cum_qty_lots, QtyLots(3));
    let mut gone = desk;
    gone.wait(SECOND);
    gone.answer(1, &[own], &[(0, 1, None)]);
    assert!(gone.engine().externals().is_empty());
    assert_eq!((gone.engine().firm().unknown_orders, reconciled(&gone)), (0, true));
}

#[test]
fn an_adopted_order_is_ours_in_every_way() {
    let mut desk = one();
    let template = desk.rest(0, Side::Buy, 5);
    desk.report(&template, ExecType::Canceled, 0);
    let mut theirs = Desk::view(&template, OrdStatus::PartiallyFilled, 2);
    (theirs.cl_ord_id, theirs.order_id) = (ClOrdId::new(6, 3), 77);
    due(&mut desk);
    desk.answer(1, &[theirs], &[]);
    assert!(!desk.control(Command::Adopt, 76, "", |_| {}), "no such order");
    assert!(!desk.control(Command::Adopt, 77, "", |h| h.venue_id = VenueId(2)), "not there");
    assert!(desk.control(Command::Adopt, 77, "", |_| {}));
    assert!(!desk.control(Command::Adopt, 77, "", |_| {}), "once");
    let risk = &desk.engine().instruments()[0].risk;
    assert_eq!((risk.buy_lots, risk.open_orders), (3, 1));
    assert_eq!(desk.engine().firm().unknown_orders, 0);
    desk.take();
    desk.wait(SECOND);
    desk.answer(1, &[theirs], &[]);
    assert_eq!((desk.take().alarms(), reconciled(&desk)), (vec![], true));
    // It fills and cancels like any other.
    let adopted = NewOrder { cl_ord_id: theirs.cl_ord_id, ..template };
    desk.report(&adopted, ExecType::Trade, 1);
    assert_eq!(desk.engine().instruments()[0].risk.buy_lots, 2);
    desk.take();
    desk.control(Command::Halt, 0, "", |_| {});
    assert_eq!(desk.take().cancels(), [theirs.cl_ord_id]);
    desk.report(&adopted, ExecType::Canceled, 0);
    assert_eq!(desk.engine().instruments()[0].risk.buy_lots, 0);
}

#[test]
fn what_cannot_be_held_is_not_adopted() {
    type Change = fn(&mut wire::reconcile::OrderStatusReport);
    let cases: [(&str, Change); 6] = [
        ("no client order id", |r| r.cl_ord_id = ClOrdId::UNDEF),
        ("an id still to come", |r| r.cl_ord_id = ClOrdId::new(7, 1_000)),
        ("a later session's id", |r| r.cl_ord_id = ClOrdId::new(8, 1)),
        ("a price below 0", |r| r.price_ticks = PriceTicks(-5)),
        ("a size beyond all sums", |r| r.qty_lots = QtyLots(i64::MAX)),
        ("an unknown instrument", |r| r.header.instrument_id = InstrumentId(8)),
    ];
    for (what, change) in cases {
        let mut desk = one();
        let template = desk.rest(0, Side::Buy, 5);
        desk.report(&template, ExecType::Canceled, 0);
        let mut theirs = Desk::view(&template, OrdStatus::New, 0);
        (theirs.cl_ord_id, theirs.order_id) = (ClOrdId::new(6, 3), 77);
        change(&mut theirs);
        due(&mut desk);
        desk.answer(1, &[theirs], &[]);
        assert_eq!(desk.engine().externals().len(), 1, "{what}");
        assert!(!desk.control(Command::Adopt, 77, "", |_| {}), "{what}");
        assert_eq!(desk.engine().externals().len(), 1, "{what}: still shown");
        desk.wait(SECOND);
        desk.answer(1, &[], &[]);
        assert_eq!((desk.engine().externals().len(), reconciled(&desk)), (0, true), "{what}");
    }
}

#[test]
fn more_external_orders_than_can_be_remembered_are_alarmed_each_time() {
    let mut desk = one();
    let template = Desk::view(&desk.rest(0, Side::Buy, 5), OrdStatus::New, 0);
    let many: Vec<_> = (0..66_u32)
        .map(|n| {
            let mut theirs = template;
            (theirs.cl_ord_id, theirs.order_id) = (ClOrdId::new(6, n), 10_000 + u64::from(n));
            theirs
        })
        .chain([template])
        .collect();
    due(&mut desk);
    desk.take();
    desk.answer(1, &many, &[]);
    assert_eq!(desk.take().alarms().len(), 66);
    desk.wait(SECOND);
    desk.answer(1, &many, &[]);
    assert_eq!(desk.take().alarms().len(), 2);
    assert_eq!((desk.engine().externals().len(), reconciled(&desk)), (64, false));
}

#[test]
fn a_position_must_be_explained_or_accepted_with_a_reason() {
    let mut desk = one();
    desk.hold(0, 10);
    due(&mut desk);
    desk.take();
    desk.answer(1, &[], &[(0, 12, None)]);
    let outs = desk.take();
    assert_eq!(outs.alarms(), [AlarmCode::PositionMismatch]);
    assert_eq!((outs.concerns()[0].limit, outs.concerns()[0].actual), (10, 12));
    assert_eq!((desk.engine().mode(), reconciled(&desk)), (Mode::Reducing, false));
    let lots = |desk: &Desk| desk.engine().instruments()[0].position.lots().get();
    assert!(!desk.control(Command::Accept, 0, " ", |_| {}));
    assert_eq!(lots(&desk), 10);
    // A fill between the venue's word and the acceptance is explained and stays.
    let sell = Placement::ioc(Side::Sell, PriceTicks(9_999), QtyLots(4));
    let order = desk.place(0, sell).expect("reduces");
    desk.report(&order, ExecType::Trade, 4);
    desk.take();
    assert!(desk.control(Command::Accept, 0, "moved by hand", |_| {}));
    assert_eq!((lots(&desk), desk.take().asked().len()), (8, 1), "and asked at once");
    desk.answer(1, &[], &[(0, 8, None)]);
    assert!(reconciled(&desk));
    assert!(desk.control(Command::Accept, 0, "again", |_| {}));
    assert_eq!(lots(&desk), 8, "booked once");
}

#[test]
fn the_first_position_is_taken_over_at_its_price_and_no_price_is_made_up() {
    let mut desk = Desk::new(&[1, 1], &[0, 1], |_| {});
    desk.risk(RiskField::ClockOffset, 0);
    desk.book(0, 9_999, 10_001);
    desk.session(1, SessionState::Up);
    desk.answer(1, &[], &[(0, 10, Some(9_000)), (1, -5, None)]);
    let of = |desk: &Desk, n: usize| {
        let position = &desk.engine().instruments()[n].position;
        (position.lots().get(), position.average_price_e6())
    };
    assert_eq!(of(&desk, 0), (10, Some(9_000_000_000)));
    assert_eq!(desk.engine().instruments()[0].opening, Some((10, 9_000)));
    // No average and no market: it waits, and the station with it.
    assert_eq!(of(&desk, 1), (0, None));
    assert_eq!(desk.take().alarms(), [AlarmCode::PositionMismatch]);
    assert_eq!(desk.engine().mode(), Mode::Reconcile);
    desk.book(1, 499, 501);
    desk.wait(SECOND);
    desk.answer(1, &[], &[(0, 10, Some(9_000)), (1, -5, None)]);
    assert_eq!(of(&desk, 1), (-5, Some(500_000_000)), "at the market");
    assert_eq!((desk.take().alarms(), desk.engine().mode()), (vec![], Mode::Maintenance));
    // From here on it must be explained.
    desk.control(Command::Mode, u64::from(Mode::Live.code()), "", |_| {});
    desk.session(1, SessionState::Up);
    desk.answer(1, &[], &[(0, 11, Some(9_000)), (1, -5, None)]);
    assert_eq!((desk.take().alarms(), of(&desk, 0).0), (vec![AlarmCode::PositionMismatch], 10));
}

#[test]
fn holdings_outside_the_table_count_and_do_not_matter() {
    let mut desk = one();
    due(&mut desk);
    let id = desk.newest(1);
    desk.position(1, id, 0, 0, None);
    desk.position(1, id, 40, 1_000, None);
    desk.take();
    desk.end(1, id, 0, 2);
    assert_eq!((desk.take().alarms(), reconciled(&desk)), (vec![], true));
}
