//! The comparison with a venue: orders, fills, positions, sessions, and answers that do not fit.

use super::script::{Desk, SECOND};
use super::*;
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::{ExecType, NewOrder, OrdStatus, Side};
use wire::reconcile::SessionState;
use wire::{PriceTicks, QtyLots};

pub(super) fn one() -> Desk {
    Desk::live(&[1], &[0], |s| {
        (s.patience.reconcile_ns, s.patience.status_ns) = (60 * SECOND, 5 * SECOND);
    })
}

/// Lets the next comparison begin.
pub(super) fn due(desk: &mut Desk) {
    desk.wait(60 * SECOND);
}

pub(super) fn buy() -> Placement {
    Placement::limit(Side::Buy, PriceTicks(9_980), QtyLots(1))
}

pub(super) fn opens(desk: &mut Desk) -> bool {
    desk.wait(1);
    desk.place(0, buy()).is_ok()
}

pub(super) fn status(desk: &Desk, order: &NewOrder) -> OrdStatus {
    desk.engine().orders().get(order.cl_ord_id).expect("known").status
}

pub(super) fn reconciled(desk: &Desk) -> bool {
    desk.engine().venues().all(|v| v.reconciled)
}

#[test]
fn a_clean_comparison_says_nothing_and_comes_again_in_time() {
    let mut desk = one();
    let order = desk.rest(0, Side::Buy, 5);
    desk.hold(0, 3);
    desk.take();
    for round in 1..=3 {
        let before = desk.engine().counters().reconciled;
        desk.wait(60 * SECOND - 1);
        assert_eq!(desk.take().kinds(), [], "not before its time");
        desk.wait(1);
        assert_eq!(desk.take().asked(), [(1, 1 + round)]);
        desk.answer(1, &[Desk::view(&order, OrdStatus::New, 0)], &[(0, 3, Some(10_001))]);
        assert_eq!(desk.take().kinds(), []);
        assert_eq!(desk.engine().counters().reconciled, before + 1);
        assert_eq!(desk.engine().firm().checked_ns, desk.engine().now().get());
        assert_eq!(desk.engine().mode(), Mode::Live);
    }
}

#[test]
fn an_order_the_venue_does_not_list_is_unknown_until_it_is_asked_by_name() {
    let mut desk = one();
    let order = desk.rest(0, Side::Buy, 5);
    due(&mut desk);
    desk.take();
    desk.answer(1, &[], &[]);
    let outs = desk.take();
    assert_eq!(outs.alarms(), [AlarmCode::MissingAtVenue]);
    assert_eq!(outs.concerns()[0].cl_ord_id, order.cl_ord_id);
    assert_eq!(outs.modes(), [Mode::Reducing]);
    assert_eq!(outs.asked_orders().len(), 1);
    assert_eq!((status(&desk, &order), reconciled(&desk)), (OrdStatus::Unknown, false));
    assert_eq!(desk.engine().instruments()[0].risk.buy_lots, 5, "reserved still");
    assert!(!opens(&mut desk));
    // The venue knows no such order: it never arrived.
    desk.feed(Desk::view(&order, OrdStatus::Unknown, 0));
    assert_eq!(status(&desk, &order), OrdStatus::Rejected);
    assert_eq!(desk.engine().instruments()[0].risk.buy_lots, 0);
    desk.take();
    desk.wait(SECOND);
    assert_eq!(desk.take().asked().len(), 1, "a second after a comparison that was not clean");
    desk.answer(1, &[], &[]);
    assert!(reconciled(&desk));
    assert_eq!(desk.engine().mode(), Mode::Reducing, "an operator leads back to LIVE");
    desk.mode(Mode::Live);
    assert!(opens(&mut desk));
}

#[test]
fn an_order_sent_after_the_question_is_not_missing() {
    let mut desk = one();
    due(&mut desk);
    desk.wait(1);
    let order = desk.rest(0, Side::Buy, 5);
    desk.take();
    desk.answer(1, &[], &[]);
    assert_eq!((desk.take().alarms(), status(&desk, &order)), (vec![], OrdStatus::New));
    // With the next question it would be.
    due(&mut desk);
    desk.answer(1, &[], &[]);
    assert_eq!(desk.take().alarms(), [AlarmCode::MissingAtVenue]);
}

/// A list is of open orders: one it calls done is missing, and asked about by name.
#[test]
fn an_order_listed_as_done_counts_as_missing() {
    for done in [OrdStatus::Canceled, OrdStatus::Rejected, OrdStatus::Expired, OrdStatus::Filled] {
        let mut desk = one();
        let order = desk.rest(0, Side::Buy, 5);
        due(&mut desk);
        desk.take();
        desk.answer(1, &[Desk::view(&order, done, 0)], &[]);
        let outs = desk.take();
        assert_eq!(outs.alarms(), [AlarmCode::MissingAtVenue], "{done:?}");
        assert_eq!((outs.asked_orders().len(), status(&desk, &order)), (1, OrdStatus::Unknown));
        assert!(desk.engine().externals().is_empty());
    }
}

#[test]
fn an_order_that_works_though_we_hold_it_for_done_is_a_difference() {
    let mut desk = one();
    let order = desk.rest(0, Side::Buy, 5);
    desk.report(&order, ExecType::Canceled, 0);
    due(&mut desk);
    desk.take();
    desk.answer(1, &[Desk::view(&order, OrdStatus::New, 0)], &[]);
    let outs = desk.take();
    assert_eq!(
        (outs.alarms(), outs.modes()),
        (vec![AlarmCode::Contradiction], vec![Mode::Reducing])
    );
    assert_eq!((status(&desk, &order), outs.asked_orders().len()), (OrdStatus::Unknown, 1));
    assert_eq!(desk.engine().instruments()[0].risk.buy_lots, 5, "it counts again");
    assert!(!reconciled(&desk));
    desk.feed(Desk::view(&order, OrdStatus::New, 0));
    assert_eq!(status(&desk, &order), OrdStatus::New);
}

#[test]
fn fills_we_never_heard_of_come_with_the_answer_by_name() {
    let mut desk = one();
    let order = desk.rest(0, Side::Buy, 5);
    let known = desk.report(&order, ExecType::Trade, 1);
    due(&mut desk);
    desk.take();
    desk.answer(1, &[Desk::view(&order, OrdStatus::PartiallyFilled, 4)], &[(0, 4, None)]);
    let outs = desk.take();
    assert_eq!(outs.alarms(), [AlarmCode::FillMismatch, AlarmCode::PositionMismatch]);
    assert_eq!((outs.concerns()[0].limit, outs.concerns()[0].actual), (1, 4));
    assert_eq!((outs.asked_orders().len(), reconciled(&desk)), (1, false));
    // Sent again from the beginning: what is known is recognised.
    desk.report_as(&order, ExecType::Trade, 1, known);
    desk.report(&order, ExecType::Trade, 3);
    desk.feed(Desk::view(&order, OrdStatus::PartiallyFilled, 4));
    assert_eq!(desk.engine().instruments()[0].position.lots().get(), 4);
    assert_eq!(status(&desk, &order), OrdStatus::PartiallyFilled);
    desk.wait(SECOND);
    desk.answer(1, &[Desk::view(&order, OrdStatus::PartiallyFilled, 4)], &[(0, 4, None)]);
    assert_eq!((desk.take().alarms(), reconciled(&desk)), (vec![], true));
}

#[test]
fn fills_the_venue_does_not_know_are_a_difference_too() {
    let mut desk = one();
    let order = desk.rest(0, Side::Buy, 5);
    desk.report(&order, ExecType::Trade, 2);
    due(&mut desk);
    desk.take();
    desk.answer(1, &[Desk::view(&order, OrdStatus::PartiallyFilled, 1)], &[(0, 2, None)]);
    let outs = desk.take();
    assert_eq!((outs.alarms(), reconciled(&desk)), (vec![AlarmCode::FillMismatch], false));
    desk.feed(Desk::view(&order, OrdStatus::Unknown, 0));
    assert_eq!(desk.take().alarms(), [AlarmCode::FillMismatch], "filled, and yet not known");
    assert_eq!(status(&desk, &order), OrdStatus::Unknown, "no answer that could end it");
}

/// The venue told a fill under two ids, and later says that the order ended with one of them: it is
/// over; the lots it denies are a matter of the position.
#[test]
fn an_order_that_is_over_ends_though_the_venue_denies_a_fill() {
    let mut desk = one();
    let order = desk.rest(0, Side::Buy, 5);
    let first = desk.report(&order, ExecType::Trade, 2);
    desk.report(&order, ExecType::Trade, 2);
    due(&mut desk);
    desk.take();
    desk.answer(1, &[], &[(0, 2, None)]);
    assert_eq!(status(&desk, &order), OrdStatus::Unknown);
    desk.report_as(&order, ExecType::Trade, 2, first);
    let mut over = Desk::view(&order, OrdStatus::Canceled, 2);
    over.leaves_qty_lots = QtyLots(0);
    desk.feed(over);
    assert_eq!(status(&desk, &order), OrdStatus::Canceled);
    assert_eq!(desk.engine().instruments()[0].risk.buy_lots, 0);
    assert!(desk.take().alarms().contains(&AlarmCode::FillMismatch));
    assert!(!reconciled(&desk), "the position differs still");
    desk.wait(SECOND);
    desk.answer(1, &[], &[(0, 2, None)]);
    assert_eq!(
        (desk.take().alarms(), reconciled(&desk)),
        (vec![AlarmCode::PositionMismatch], false)
    );
    assert!(desk.control(Command::Accept, 0, "one fill, told twice", |_| {}));
    desk.answer(1, &[], &[(0, 2, None)]);
    assert!(reconciled(&desk));
}

/// A fill of an order that was unknown may be one the last list had counted: only the next list
/// says what is left to accept.
#[test]
fn what_an_unknown_order_filled_is_not_accepted_a_second_time() {
    let mut desk = one();
    let order = desk.rest(0, Side::Buy, 5);
    due(&mut desk);
    desk.answer(1, &[], &[(0, 5, None)]);
    assert_eq!(status(&desk, &order), OrdStatus::Unknown);
    desk.report(&order, ExecType::Trade, 5);
    assert!(desk.control(Command::Accept, 0, "the venue is right", |_| {}));
    assert_eq!(desk.engine().instruments()[0].position.lots().get(), 5, "explained by the fill");
    desk.answer(1, &[], &[(0, 5, None)]);
    assert!(reconciled(&desk));
}

#[test]
fn a_list_that_is_not_whole_proves_nothing() {
    for (orders, positions) in [(1, 1), (0, 2), (0, 0)] {
        let mut desk = one();
        let order = desk.rest(0, Side::Buy, 5);
        due(&mut desk);
        let id = desk.newest(1);
        desk.take();
        desk.position(1, id, 0, 0, None);
        desk.end(1, id, orders, positions);
        let outs = desk.take();
        assert_eq!(outs.alarms(), [AlarmCode::ReconcileTimeout]);
        let counts = (outs.concerns()[0].limit, outs.concerns()[0].actual);
        assert_eq!(counts, (i64::from(orders + positions), 1));
        assert_eq!((reconciled(&desk), desk.engine().mode()), (false, Mode::Reducing));
        assert_eq!(status(&desk, &order), OrdStatus::New, "not missing in half a list");
        desk.wait(SECOND);
        assert_eq!(desk.take().asked().len(), 1, "asked again");
        desk.answer(1, &[Desk::view(&order, OrdStatus::New, 0)], &[]);
        assert!(reconciled(&desk));
    }
}

#[test]
fn answers_to_another_question_are_counted_and_ignored() {
    let mut desk = one();
    let order = desk.rest(0, Side::Buy, 5);
    due(&mut desk);
    let id = desk.newest(1);
    let before = desk.engine().counters().late_reports;
    let kept = (desk.engine().counters().reconciled, desk.engine().firm().checked_ns);
    desk.take();
    for other in [id - 1, id + 1, u32::MAX] {
        let mut theirs = Desk::view(&order, OrdStatus::New, 3);
        theirs.mass_status_id = other;
        desk.feed(theirs);
        desk.position(1, other, 0, 99, None);
        desk.end(1, other, 1, 1);
    }
    assert_eq!(desk.take().kinds(), []);
    assert_eq!(desk.engine().counters().late_reports, before + 9);
    assert_eq!((desk.engine().counters().reconciled, desk.engine().firm().checked_ns), kept);
    // And they count for nothing in the one that is open.
    desk.answer(1, &[], &[]);
    assert_eq!(desk.take().alarms(), [AlarmCode::MissingAtVenue]);
    // After its end the same number is late as well.
    desk.end(1, id, 0, 1);
    assert_eq!(desk.engine().counters().late_reports, before + 10);
}

#[test]
fn a_venue_that_does_not_answer_is_said_and_asked_again() {
    let mut desk = one();
    due(&mut desk);
    desk.take();
    desk.wait(5 * SECOND - 1);
    assert_eq!(desk.take().kinds(), []);
    desk.wait(1);
    let outs = desk.take();
    assert_eq!(
        (outs.alarms(), outs.modes()),
        (vec![AlarmCode::ReconcileTimeout], vec![Mode::Reducing])
    );
    let second = 5_000_000_000;
    assert_eq!((outs.concerns()[0].limit, outs.concerns()[0].actual), (second, second));
    assert_eq!((outs.asked().len(), reconciled(&desk)), (1, false));
    desk.answer(1, &[], &[]);
    assert!(reconciled(&desk));
    desk.wait(30 * SECOND);
    assert_eq!(desk.take().alarms(), [], "answered: nothing is overdue");
}

#[test]
fn a_lost_session_makes_every_order_unknown_until_the_venue_speaks_again() {
    let mut desk = one();
    let orders: Vec<NewOrder> = (0..4).map(|_| desk.rest(0, Side::Buy, 5)).collect();
    desk.wait(1);
    let flying = desk.place(0, buy()).expect("passes");
    desk.take();
    desk.session(1, SessionState::Down);
    let outs = desk.take();
    assert_eq!((outs.alarms(), outs.modes()), (vec![AlarmCode::SessionLost], vec![Mode::Reducing]));
    assert_eq!(outs.concerns()[0].actual, 5);
    let all = orders.iter().chain([&flying]);
    assert!(all.clone().all(|o| status(&desk, o) == OrdStatus::Unknown));
    assert_eq!(desk.engine().firm().unknown_orders, 5);
    assert!(!opens(&mut desk));
    desk.session(1, SessionState::Down);
    assert_eq!(desk.take().alarms(), [], "once");
    desk.session(1, SessionState::Up);
    assert_eq!(desk.take().asked().len(), 1);
    // Listed: one works, one has filled in part meanwhile. The others must be asked by name.
    let part = Desk::view(&orders[1], OrdStatus::PartiallyFilled, 2);
    desk.answer(1, &[Desk::view(&orders[0], OrdStatus::New, 0), part], &[(0, 2, None)]);
    assert_eq!(status(&desk, &orders[0]), OrdStatus::New);
    let asked: Vec<ClOrdId> = desk.take().asked_orders().iter().map(|r| r.cl_ord_id).collect();
    let expected =
        [orders[1].cl_ord_id, orders[2].cl_ord_id, orders[3].cl_ord_id, flying.cl_ord_id];
    assert_eq!(asked, expected);
    desk.report(&orders[1], ExecType::Trade, 2);
    desk.feed(Desk::view(&orders[1], OrdStatus::PartiallyFilled, 2));
    desk.feed(Desk::view(&orders[2], OrdStatus::Canceled, 0));
    desk.report(&orders[3], ExecType::Trade, 5);
    desk.feed(Desk::view(&orders[3], OrdStatus::Filled, 5));
    desk.feed(Desk::view(&flying, OrdStatus::Unknown, 0));
    let found: Vec<OrdStatus> = all.map(|o| status(&desk, o)).collect();
    let expected = *b"01428";
    assert_eq!(found.iter().map(|s| s.code()).collect::<Vec<_>>(), expected);
    assert_eq!(desk.engine().firm().unknown_orders, 0);
    assert_eq!(desk.engine().instruments()[0].position.lots().get(), 7);
    desk.wait(SECOND);
    let part = Desk::view(&orders[1], OrdStatus::PartiallyFilled, 2);
    desk.answer(1, &[Desk::view(&orders[0], OrdStatus::New, 0), part], &[(0, 7, None)]);
    assert!(reconciled(&desk));
    desk.mode(Mode::Live);
    assert!(opens(&mut desk));
}

#[test]
fn a_cancel_wanted_while_the_session_was_down_goes_out_when_it_is_up() {
    let mut desk = one();
    let order = desk.rest(0, Side::Buy, 5);
    desk.session(1, SessionState::Down);
    desk.wish(0, Intent::Cancel(order.cl_ord_id));
    desk.take();
    desk.session(1, SessionState::Up);
    desk.answer(1, &[Desk::view(&order, OrdStatus::New, 0)], &[]);
    assert_eq!(desk.take().cancels(), [order.cl_ord_id]);
}

#[test]
fn questions_stay_within_the_message_budget_and_all_get_asked() {
    let mut desk = Desk::live(&[1], &[0], |s| {
        let (_, venue) = &mut s.limits.venues[0];
        (venue.message_rate_per_s, venue.message_burst) = (10, 20);
    });
    desk.wait(10 * SECOND);
    let mut orders = Vec::new();
    for _ in 0..30 {
        orders.push(desk.rest(0, Side::Buy, 5));
        desk.wait(SECOND);
    }
    desk.session(1, SessionState::Down);
    desk.session(1, SessionState::Up);
    desk.take();
    let mut asked = Vec::new();
    desk.answer(1, &[], &[]);
    asked.extend(desk.take().asked_orders());
    assert_eq!(asked.len(), 19, "the burst less the mass status");
    for _ in 0..100 {
        desk.wait(SECOND / 10);
        let outs = desk.take();
        assert!(outs.asked_orders().len() + outs.asked().len() <= 1, "the rate");
        asked.extend(outs.asked_orders());
        if !outs.asked().is_empty() {
            break;
        }
    }
    for request in &asked {
        let order = orders.iter().find(|o| o.cl_ord_id == request.cl_ord_id).expect("ours");
        desk.feed(Desk::view(order, OrdStatus::Canceled, 0));
    }
    assert_eq!(asked.len(), 30, "each once, then the next comparison");
    desk.answer(1, &[], &[]);
    assert!(reconciled(&desk));
}

#[test]
fn two_venues_do_not_answer_for_each_other() {
    let mut desk = Desk::live(&[1, 2], &[0, 1], |s| {
        (s.patience.reconcile_ns, s.patience.status_ns) = (60 * SECOND, 5 * SECOND);
    });
    let at_1 = desk.rest(0, Side::Buy, 5);
    let at_2 = desk.rest(1, Side::Buy, 5);
    due(&mut desk);
    assert_eq!(desk.take().asked().len(), 2);
    // The second lists the first one's order: it is none of the second's.
    desk.answer(1, &[], &[]);
    let mut stray = Desk::view(&at_1, OrdStatus::New, 0);
    stray.header.instrument_id = InstrumentId(1);
    desk.answer(2, &[stray, Desk::view(&at_2, OrdStatus::New, 0)], &[]);
    let outs = desk.take();
    assert_eq!(outs.alarms(), [AlarmCode::MissingAtVenue, AlarmCode::ExternalOrder]);
    let at: Vec<VenueId> = outs.concerns().iter().map(|a| a.header.venue_id).collect();
    assert_eq!(at[1], VenueId(2));
    // The first becomes clean again whatever the second still has, and asks only for itself.
    desk.feed(Desk::view(&at_1, OrdStatus::Canceled, 0));
    desk.wait(SECOND);
    assert_eq!(desk.take().asked().len(), 2);
    desk.answer(1, &[], &[]);
    let clean: Vec<bool> = desk.engine().venues().map(|v| v.reconciled).collect();
    assert_eq!(clean, [true, false]);
    // A clean answer of one does not put off what the other needs soon.
    desk.answer(2, &[stray, Desk::view(&at_2, OrdStatus::New, 0)], &[]);
    desk.wait(SECOND);
    assert!(desk.take().asked().iter().any(|(v, _)| *v == 2));
}

#[test]
fn a_slow_venue_is_waited_for_and_only_the_late_one_is_called_late() {
    let mut desk = Desk::live(&[1, 2], &[0, 1], |s| {
        (s.patience.reconcile_ns, s.patience.status_ns) = (SECOND, 5 * SECOND);
    });
    desk.wait(SECOND);
    let slow = desk.newest(2);
    for _ in 0..4 {
        desk.answer(1, &[], &[]);
        desk.wait(SECOND);
        assert_eq!(desk.newest(2), slow, "not asked anew while it answers");
    }
    let outs = desk.take();
    assert_eq!(outs.alarms(), []);
    // The first was asked a moment ago, the second is late.
    desk.wait(SECOND);
    let outs = desk.take();
    assert_eq!(outs.alarms(), [AlarmCode::ReconcileTimeout]);
    assert_eq!(outs.concerns()[0].header.venue_id, VenueId(2));
    desk.answer(2, &[], &[]);
    desk.answer(1, &[], &[]);
    assert!(reconciled(&desk));
}
