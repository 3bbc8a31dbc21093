//! Amendments: the worse of both until the venue decides, then exactly what it decided.

use super::super::*;
use super::rig::*;
use super::say::*;
use crate::orders::Order;
use crate::strategy::Placement;
use wire::order::{ExecType, ExecutionReport, OrdStatus, RejectReason, Side};
use wire::reconcile::{OrderStatusReport, OrderStatusRequest, SessionState};
use wire::{PriceTicks, QtyLots};

/// A buy of ten that works one tick below the best bid.
fn resting(rig: &mut Rig) -> Order {
    rig.working(&Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10)))
}

/// Asks for an amendment; the id the order will have.
fn amend(rig: &mut Rig, order: &Order, price: i64, lots: i64) -> ClOrdId {
    let (price, qty) = (PriceTicks(price), QtyLots(lots));
    rig.engine.replace(OWN, order.cl_ord_id, price, qty, &mut rig.record);
    rig.order(order.cl_ord_id).replacing.expect("on its way").id
}

fn value(rig: &Rig) -> i64 {
    rig.engine.instruments[0].risk.open_e9 / rig.engine.instruments[0].tick_value_e9
}

#[test]
fn the_worse_of_both_is_reserved_until_the_venue_decides() {
    for (price, lots, worst, worst_value) in [
        (9_999, 20, 20, 9_999 * 20),
        (9_999, 4, 10, 9_999 * 10),
        (9_990, 20, 20, 9_998 * 20),
        (9_990, 4, 10, 9_998 * 10),
    ] {
        let mut rig = Rig::live();
        let order = resting(&mut rig);
        let new = amend(&mut rig, &order, price, lots);
        assert_eq!((rig.reserved(), value(&rig)), ((worst, 0, 1), worst_value));
        assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::PendingReplace);
        assert_eq!(rig.engine.instruments[0].risk.own_bid_ticks, price.max(9_998));
        // Taken: exactly the new one.
        rig.say(replaced_by(&order, new, 0, lots));
        assert_eq!((rig.reserved(), value(&rig)), ((lots, 0, 1), price * lots));
        assert_eq!(rig.engine.instruments[0].risk.own_bid_ticks, price);
        let (old, now) = (rig.order(order.cl_ord_id), rig.order(new));
        assert_eq!((old.status, old.went_on_as), (OrdStatus::Canceled, new));
        assert_eq!((now.status, now.request.qty_lots), (OrdStatus::New, QtyLots(lots)));
        assert_eq!(rig.engine.counters().anomalies, 0);
    }
}

#[test]
fn a_refused_amendment_leaves_the_order_as_it_was() {
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_999, 20);
    rig.refuse(new, order.cl_ord_id, RejectReason::ExceedsLimit);
    let now = rig.order(order.cl_ord_id);
    assert_eq!((now.status, now.replacing, now.request), (OrdStatus::New, None, order.request));
    assert_eq!((rig.reserved(), value(&rig)), ((10, 0, 1), 9_998 * 10));
    assert_eq!(rig.engine.instruments[0].risk.own_bid_ticks, 9_998);
    assert!(rig.engine.orders().get(new).is_none(), "the id is nobody's");
    assert_eq!(rig.engine.counters().anomalies, 0);
    // Refused by a report instead of a cancel reject: the same.
    let new = amend(&mut rig, &order, 9_999, 20);
    let refusal = ExecutionReport { cl_ord_id: new, ..word(&order, ExecType::Rejected) };
    rig.say(ExecutionReport { orig_cl_ord_id: order.cl_ord_id, ..refusal });
    assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::New);
    assert_eq!((rig.reserved(), rig.engine.counters().rejects), ((10, 0, 1), 0));
}

#[test]
fn fills_while_it_is_on_its_way_carry_over() {
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_999, 20);
    rig.fill(order.cl_ord_id, 4, 1);
    assert_eq!((rig.lots(), rig.reserved()), (4, (16, 0, 1)));
    rig.say(replaced_by(&order, new, 4, 16));
    let now = rig.order(new);
    assert_eq!((now.status, now.cum_qty_lots), (OrdStatus::PartiallyFilled, QtyLots(4)));
    assert_eq!(rig.reserved(), (16, 0, 1));
    // A fill the venue reports late, under the old id, is one of the order as it goes on.
    rig.fill(order.cl_ord_id, 3, 2);
    assert_eq!((rig.lots(), rig.reserved(), rig.order(new).cum_qty_lots.get()), (7, (13, 0, 1), 7));
    rig.fill(new, 13, 3);
    assert_eq!((rig.lots(), rig.reserved()), (20, (0, 0, 0)));
    assert_eq!(rig.order(new).status, OrdStatus::Filled);
    assert_eq!((rig.engine.counters().anomalies, rig.engine.mode()), (0, Mode::Live));
}

#[test]
fn a_fill_of_the_whole_old_order_is_not_the_end_while_more_is_asked_for() {
    for is_refused in [true, false] {
        let mut rig = Rig::live();
        let order = resting(&mut rig);
        let new = amend(&mut rig, &order, 9_999, 25);
        rig.fill(order.cl_ord_id, 10, 1);
        assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::PendingReplace);
        assert_eq!((rig.lots(), rig.reserved()), (10, (15, 0, 1)), "it may yet be 25");
        if is_refused {
            rig.refuse(new, order.cl_ord_id, RejectReason::ExceedsLimit);
            assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::Filled);
            assert_eq!(rig.reserved(), (0, 0, 0));
        } else {
            rig.say(replaced_by(&order, new, 10, 15));
            assert_eq!(rig.order(new).status, OrdStatus::PartiallyFilled);
            assert_eq!(rig.reserved(), (15, 0, 1));
        }
        assert_eq!(rig.engine.counters().anomalies, 0);
    }
}

#[test]
fn a_fill_under_the_new_id_says_that_it_took_effect() {
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_999, 20);
    let fill = fill_of(&order, 12, 1);
    rig.say(ExecutionReport { cl_ord_id: new, ..fill });
    let now = rig.order(new);
    assert_eq!((now.cl_ord_id, now.cum_qty_lots, now.status.code()), (new, QtyLots(12), b'1'));
    assert_eq!((rig.lots(), rig.reserved()), (12, (8, 0, 1)));
    // Its own word comes late, and twice: nothing more.
    for _ in 0..2 {
        rig.say(replaced_by(&order, new, 0, 20));
    }
    assert_eq!((rig.reserved(), rig.engine.counters().anomalies), ((8, 0, 1), 0));
    assert_eq!(rig.engine.counters().late_reports, 2);
}

#[test]
fn a_cancel_and_an_amendment_on_their_way_together() {
    // The amendment wins: the cancel is asked for again under the new id.
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_999, 20);
    rig.engine.cancel(order.cl_ord_id, &mut rig.record);
    assert_eq!(
        (rig.order(order.cl_ord_id).status, rig.reserved().0),
        (OrdStatus::PendingCancel, 20)
    );
    rig.kinds();
    rig.say(replaced_by(&order, new, 0, 20));
    assert_eq!(rig.kinds(), [FrameKind::CancelOrder]);
    assert_eq!(rig.order(new).status, OrdStatus::PendingCancel);
    rig.refuse(ClOrdId(77), order.cl_ord_id, RejectReason::UnknownOrder);
    assert_eq!(rig.order(new).status, OrdStatus::PendingCancel, "said of the old id: late");
    rig.say(word(&rig.order(new), ExecType::Canceled));
    assert_eq!(rig.reserved(), (0, 0, 0));

    // The cancel wins: the end is the end.
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_999, 20);
    rig.engine.cancel(order.cl_ord_id, &mut rig.record);
    rig.say(word(&order, ExecType::Canceled));
    assert_eq!(rig.reserved(), (0, 0, 0));
    rig.refuse(new, order.cl_ord_id, RejectReason::UnknownOrder);
    assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::Canceled);

    // The amendment is refused, the cancel still on its way, then refused as well.
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_999, 20);
    rig.engine.cancel(order.cl_ord_id, &mut rig.record);
    rig.refuse(new, order.cl_ord_id, RejectReason::ExceedsLimit);
    assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::PendingCancel);
    assert_eq!(rig.reserved(), (10, 0, 1));
    rig.refuse(ClOrdId(78), order.cl_ord_id, RejectReason::ExceedsLimit);
    assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::New);

    // The cancel is refused, the amendment still on its way.
    let new = amend(&mut rig, &order, 9_999, 20);
    rig.engine.cancel(order.cl_ord_id, &mut rig.record);
    rig.refuse(ClOrdId(79), order.cl_ord_id, RejectReason::ExceedsLimit);
    assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::PendingReplace);
    assert_eq!(rig.reserved(), (20, 0, 1));
    rig.say(replaced_by(&order, new, 0, 20));
    assert_eq!((rig.order(new).status, rig.engine.mode()), (OrdStatus::New, Mode::Live));
}

#[test]
fn what_the_venue_replaced_by_itself_stays_in_sight() {
    // Under an id we can take, under the same id, and under an id whose place is taken.
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    let other = resting(&mut rig);
    assert_eq!(rig.reserved(), (20, 0, 2));
    rig.say(replaced_by(&order, ClOrdId(12_345), 0, 30));
    let now = rig.order(ClOrdId(12_345));
    assert_eq!((now.status, now.request.qty_lots), (OrdStatus::Unknown, QtyLots(30)));
    assert_eq!((rig.reserved(), rig.engine.mode()), ((40, 0, 2), Mode::Reducing));
    assert_eq!(rig.alarmed(AlarmCode::Contradiction), 1);
    rig.fill(ClOrdId(12_345), 5, 1);
    assert_eq!((rig.lots(), rig.reserved()), (5, (35, 0, 2)));

    rig.say(replaced_by(&other, other.cl_ord_id, 0, 6));
    assert_eq!((rig.order(other.cl_ord_id).status, rig.reserved().0), (OrdStatus::Unknown, 31));

    let taken = ClOrdId(now.cl_ord_id.get() + 64);
    rig.say(replaced_by(&other, taken, 0, 7));
    let kept = rig.order(other.cl_ord_id);
    assert_eq!((kept.status, kept.reserved_lots), (OrdStatus::Unknown, 7), "kept under its own id");
    assert_eq!(rig.reserved(), (32, 0, 2));
}

#[test]
fn an_end_and_then_a_replacement_is_a_contradiction_that_is_reserved() {
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_999, 20);
    rig.say(word(&order, ExecType::Canceled));
    assert_eq!(rig.reserved(), (0, 0, 0));
    rig.say(replaced_by(&order, new, 0, 20));
    assert_eq!((rig.reserved(), rig.order(new).status), ((20, 0, 1), OrdStatus::Unknown));
    assert_eq!(rig.alarmed(AlarmCode::Contradiction), 1);
}

#[test]
fn a_replacement_at_or_below_what_is_filled_is_the_end() {
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_998, 5);
    rig.fill(order.cl_ord_id, 7, 1);
    assert_eq!(rig.reserved(), (3, 0, 1), "the ten still stand");
    rig.say(replaced_by(&order, new, 7, 0));
    let now = rig.order(new);
    assert_eq!(
        (now.status, now.cum_qty_lots, now.leaves_qty_lots.get()),
        (OrdStatus::Filled, QtyLots(7), 0)
    );
    assert_eq!((rig.reserved(), rig.lots()), ((0, 0, 0), 7));
    assert_eq!(rig.engine.orders().working(), 0);
    // Nothing filled, nothing left.
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_998, 5);
    rig.say(replaced_by(&order, new, 0, 0));
    assert_eq!((rig.order(new).status, rig.reserved()), (OrdStatus::Canceled, (0, 0, 0)));
    // Fills it counts that we have not heard of are still to come.
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_998, 5);
    rig.say(replaced_by(&order, new, 5, 0));
    assert_eq!((rig.order(new).status, rig.reserved()), (OrdStatus::New, (5, 0, 1)));
    rig.fill(new, 5, 2);
    assert_eq!((rig.order(new).status, rig.reserved()), (OrdStatus::Filled, (0, 0, 0)));
    assert_eq!(rig.engine.mode(), Mode::Live);
}

#[test]
fn only_an_order_that_works_may_be_amended() {
    let mut rig = Rig::live();
    let order = rig.placed(&Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10)));
    let mut denied = 0;
    let mut try_amend = |rig: &mut Rig, what: &str| {
        rig.engine.replace(OWN, order.cl_ord_id, PriceTicks(9_997), QtyLots(9), &mut rig.record);
        denied += 1;
        assert_eq!(rig.denied("AMEND"), denied, "{what}");
        assert_eq!(rig.engine.counters().replaces, 0, "{what}");
    };
    try_amend(&mut rig, "pending");
    rig.say(word(&order, ExecType::New));
    rig.session(SessionState::Down, 0);
    rig.session(SessionState::Up, 0);
    let listed = OrderStatusReport { ..status(&order, OrdStatus::New, 0) };
    // The comparison that found the order unknown is not clean: the next one is.
    rig.answer_mass_status(&[listed], 0, 0);
    rig.engine.ask_all_venues(&mut rig.record);
    rig.answer_mass_status(&[listed], 0, 0);
    rig.command(wire::control::Command::Mode, u64::from(Mode::Live.code()), "");
    assert_eq!(
        (rig.order(order.cl_ord_id).status, rig.engine.mode()),
        (OrdStatus::New, Mode::Live)
    );
    rig.engine.change(order.cl_ord_id, |o| o.status = OrdStatus::Unknown);
    try_amend(&mut rig, "unknown");
    rig.engine.change(order.cl_ord_id, |o| o.status = OrdStatus::New);
    rig.engine.change(order.cl_ord_id, |o| o.cancel_wanted = true);
    try_amend(&mut rig, "to be canceled");
    rig.engine.change(order.cl_ord_id, |o| o.cancel_wanted = false);
    // A second one while the first is undecided; a stranger's; none that is left with nothing.
    amend(&mut rig, &order, 9_997, 9);
    rig.engine.replace(OWN, order.cl_ord_id, PriceTicks(9_997), QtyLots(8), &mut rig.record);
    assert_eq!((rig.denied("AMEND"), rig.engine.counters().replaces), (4, 1));
    rig.engine.replace(0, order.cl_ord_id, PriceTicks(9_997), QtyLots(8), &mut rig.record);
    assert_eq!(rig.engine.counters().denied_total(), 4, "not its order: not even asked");
    rig.engine.cancel_own(0, order.cl_ord_id, &mut rig.record);
    assert_eq!(rig.engine.counters().cancels, 0, "nor may it cancel it");
    rig.refuse(
        rig.order(order.cl_ord_id).replacing.expect("there").id,
        order.cl_ord_id,
        RejectReason::Throttled,
    );
    rig.fill(order.cl_ord_id, 4, 1);
    rig.engine.replace(OWN, order.cl_ord_id, PriceTicks(9_997), QtyLots(4), &mut rig.record);
    assert_eq!(rig.denied("AMEND"), 5);
}

fn status(order: &Order, status: OrdStatus, cum: i64) -> OrderStatusReport {
    let mut report = OrderStatusReport::zeroed();
    report.header = FrameHeader::new::<OrderStatusReport>();
    report.header.venue_id = VenueId(1);
    report.header.ts_recv_ns = TsNs::UNDEF;
    (report.cl_ord_id, report.order_id) = (order.cl_ord_id, 900);
    (report.price_ticks, report.qty_lots) = (order.request.price_ticks, order.request.qty_lots);
    report.cum_qty_lots = QtyLots(cum);
    (report.ord_status, report.side) = (status.code(), order.request.side.code());
    (report.ord_type, report.time_in_force) =
        (order.request.ord_type.code(), order.request.time_in_force.code());
    report
}

/// The ids asked about by name since the last look.
fn questions(rig: &mut Rig) -> Vec<ClOrdId> {
    let mut asked = Vec::new();
    rig.drain(|f| {
        if let Frame::OrderStatusRequest(OrderStatusRequest { cl_ord_id, .. }) = f {
            asked.push(*cl_ord_id);
        }
    });
    asked
}

#[test]
fn a_session_lost_with_an_amendment_on_its_way_is_settled_under_either_id() {
    for took_effect in [true, false] {
        let mut rig = Rig::live();
        let order = resting(&mut rig);
        let new = amend(&mut rig, &order, 9_999, 20);
        rig.session(SessionState::Down, 0);
        assert_eq!(
            (rig.order(order.cl_ord_id).status, rig.reserved()),
            (OrdStatus::Unknown, (20, 0, 1))
        );
        rig.session(SessionState::Up, 1);
        questions(&mut rig);
        // The list shows it under neither id; asked by name, the venue knows the old id no more.
        rig.answer_mass_status(&[], 0, 1);
        assert_eq!(questions(&mut rig), [order.cl_ord_id]);
        rig.feed(bytemuck::bytes_of(&status(&order, OrdStatus::Unknown, 0)));
        assert_eq!(questions(&mut rig), [new], "it may live under the new one");
        assert_eq!(rig.reserved(), (20, 0, 1), "no evidence of an end");
        let named = OrderStatusReport { cl_ord_id: new, ..status(&order, OrdStatus::New, 0) };
        if took_effect {
            rig.feed(bytemuck::bytes_of(&named));
            assert_eq!((rig.order(new).status, rig.reserved()), (OrdStatus::New, (20, 0, 1)));
            assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::Canceled);
        } else {
            let unknown = OrderStatusReport { ord_status: OrdStatus::Unknown.code(), ..named };
            rig.feed(bytemuck::bytes_of(&unknown));
            assert_eq!(questions(&mut rig), [order.cl_ord_id], "neither: the old one decides");
            assert_eq!(rig.reserved(), (10, 0, 1));
            rig.feed(bytemuck::bytes_of(&status(&order, OrdStatus::Unknown, 0)));
            assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::Rejected);
            assert_eq!(rig.reserved(), (0, 0, 0));
        }
        assert!(rig.engine.externals().is_empty(), "never taken for a stranger's");
    }
}

#[test]
fn an_amendment_lost_with_the_session_is_over_when_the_old_id_is_listed_again() {
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    amend(&mut rig, &order, 9_999, 20);
    rig.session(SessionState::Down, 0);
    rig.session(SessionState::Up, 1);
    rig.answer_mass_status(&[status(&order, OrdStatus::New, 0)], 0, 2);
    let now = rig.order(order.cl_ord_id);
    assert_eq!((now.status, now.replacing, rig.reserved()), (OrdStatus::New, None, (10, 0, 1)));
    // A list asked for before an amendment was sent says nothing of it.
    rig.command(wire::control::Command::Mode, u64::from(Mode::Live.code()), "");
    rig.engine.ask_all_venues(&mut rig.record);
    rig.engine.venues[0].risk.reconciled = true;
    amend(&mut rig, &order, 9_999, 20);
    rig.answer_mass_status(&[status(&order, OrdStatus::New, 0)], 0, 3);
    assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::PendingReplace);
    assert_eq!(rig.reserved(), (20, 0, 1));
}

/// A venue's refusal of a cancel that comes twice refuses no amendment that is on its way.
#[test]
fn a_cancels_refusal_told_twice_is_no_word_about_the_amendment() {
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    let new = amend(&mut rig, &order, 9_999, 20);
    rig.drain(|_| {});
    rig.engine.cancel_own(OWN, order.cl_ord_id, &mut rig.record);
    let mut cancel = ClOrdId::UNDEF;
    rig.drain(|f| {
        if let Frame::CancelOrder(c) = f {
            cancel = c.cl_ord_id;
        }
    });
    for _ in 0..2 {
        rig.refuse(cancel, order.cl_ord_id, RejectReason::Throttled);
        assert_eq!(rig.reserved(), (20, 0, 1));
        assert_eq!(rig.order(order.cl_ord_id).replacing.map(|r| r.id), Some(new));
    }
    rig.say(replaced_by(&order, new, 0, 20));
    assert_eq!((rig.order(new).status, rig.reserved()), (OrdStatus::New, (20, 0, 1)));
}

#[test]
fn amendments_hold_their_place_in_a_full_table() {
    let mut rig = Rig::live();
    rig.engine.instruments[0].risk.limits.max_open_orders = 1_000;
    let want = Placement::limit(Side::Buy, PriceTicks(9_990), QtyLots(1));
    let orders: Vec<Order> = (0..63)
        .map(|n| {
            let order = Placement { price_ticks: PriceTicks(9_990 - n), ..want };
            rig.working(&order)
        })
        .collect();
    let new = amend(&mut rig, &orders[0], 9_980, 2);
    // The only free place is held: no order and no other amendment takes it.
    let last = Placement { price_ticks: PriceTicks(9_900), ..want };
    assert_eq!(rig.engine.wish(OWN, &last, &mut rig.record), None);
    rig.engine.replace(OWN, orders[1].cl_ord_id, PriceTicks(9_901), QtyLots(1), &mut rig.record);
    assert_eq!((rig.denied("MAX_OPEN_ORDERS"), rig.engine.counters().replaces), (2, 1));
    rig.say(replaced_by(&orders[0], new, 0, 2));
    assert_eq!((rig.order(new).status, rig.reserved()), (OrdStatus::New, (64, 0, 63)));
    assert!(rig.engine.wish(OWN, &last, &mut rig.record).is_some(), "the old one's place is free");
}

#[test]
fn a_bust_while_an_amendment_is_on_its_way_reserves_the_worse() {
    let mut rig = Rig::live();
    let order = resting(&mut rig);
    rig.fill(order.cl_ord_id, 4, 1);
    let new = amend(&mut rig, &order, 9_999, 20);
    let bust = ExecutionReport { exec_type: ExecType::TradeCancel.code(), ..fill_of(&order, 4, 1) };
    rig.say(bust);
    rig.say(bust);
    assert_eq!((rig.lots(), rig.reserved()), (0, (20, 0, 1)), "taken back once");
    rig.say(replaced_by(&order, new, 0, 20));
    assert_eq!((rig.order(new).status, rig.reserved()), (OrdStatus::New, (20, 0, 1)));
    // A bust that names the old id is one of the order as it goes on.
    rig.fill(new, 20, 2);
    assert_eq!((rig.lots(), rig.reserved()), (20, (0, 0, 0)));
    rig.say(ExecutionReport { exec_id: 2, ..bust });
    assert_eq!((rig.lots(), rig.reserved()), (16, (4, 0, 1)));
    assert_eq!(rig.order(new).status, OrdStatus::Unknown);
}
