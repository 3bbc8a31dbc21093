//! Reports that do not fit: quantities beyond all sense, executions of others, ends that count
//! fills we never heard of.

use super::super::*;
use super::exposure::{check_sums, wide_rig};
use super::rig::*;
use super::say::*;
use crate::strategy::Placement;
use wire::order::{ExecType, ExecutionReport, OrdStatus, RejectReason, Side};
use wire::{PriceTicks, QtyLots};

#[test]
fn a_quantity_beyond_64_bits_is_the_worst_case_and_comes_down_again() {
    let mut rig = Rig::live();
    let near = Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10));
    let (one, other) = (rig.working(&near), rig.working(&near));
    for order in [&one, &other] {
        rig.say(replaced_by(order, order.cl_ord_id, 0, i64::MAX));
    }
    let r = &rig.engine.instruments[0].risk;
    assert_eq!((r.buy_lots, r.open_e9), (i64::MAX, i64::MAX));
    assert_eq!(rig.engine.firm.exposure.open_e9, i64::MAX);
    assert_eq!(rig.engine.venues[0].risk.claimed_e9, i64::MAX);
    rig.say(word(&one, ExecType::Canceled));
    assert_eq!(rig.engine.instruments[0].risk.buy_lots, i64::MAX);
    rig.say(replaced_by(&other, other.cl_ord_id, 0, 7));
    assert_eq!(rig.reserved(), (7, 0, 1));
    check_sums(&rig.engine, "after");
    rig.say(word(&other, ExecType::Canceled));
    assert_eq!(rig.reserved(), (0, 0, 0));
    check_sums(&rig.engine, "at the end");
}

/// The same number on two instruments is two executions; some venues count by instrument.
#[test]
fn executions_are_told_apart_by_instrument() {
    let mut rig = wide_rig(16);
    let near = Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10));
    for strategy in [0, 2, 0] {
        let id = rig.engine.wish(strategy, &near, &mut rig.record).expect("approved");
        rig.fill(id, 10, 77);
    }
    let lots = [0, 1].map(|i| rig.engine.instruments[i].position.lots().get());
    assert_eq!((lots, rig.engine.counters().late_reports), ([10, 10], 1));
}

/// A fill whose side or instrument is not the order's is nobody's: booked where it says.
#[test]
fn a_fill_that_does_not_fit_its_order_is_a_stranger_s() {
    let mut rig = wide_rig(16);
    let near = Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10));
    let id = rig.engine.wish(0, &near, &mut rig.record).expect("approved");
    let order = rig.order(id);
    let fill = fill_of(&order, 10, 1);
    rig.say(ExecutionReport { side: Side::Sell.code(), ..fill });
    let mut elsewhere = ExecutionReport { exec_id: 2, ..fill };
    elsewhere.header.instrument_id = InstrumentId(1);
    rig.say(elsewhere);
    let lots = [0, 1].map(|i| rig.engine.instruments[i].position.lots().get());
    assert_eq!((lots, rig.reserved()), ([-10, 10], (10, 0, 1)));
    assert_eq!(rig.engine.strategies[0].position.lots().get(), 0);
    assert_eq!(rig.alarmed(AlarmCode::UnattributedFill), 2);
}

/// A cancel may leave before the venue has judged the order: its refusal then is an end as any.
#[test]
fn an_order_refused_after_its_cancel_left_is_over_and_nothing_is_odd() {
    let mut rig = Rig::live();
    let near = Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10));
    let order = rig.placed(&near);
    rig.engine.cancel(order.cl_ord_id, &mut rig.record);
    assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::PendingCancel);
    rig.say(word(&order, ExecType::Rejected));
    assert_eq!((rig.reserved(), rig.engine.mode()), ((0, 0, 0), Mode::Live));
    assert_eq!(rig.engine.counters().rejects, 1);
    rig.refuse(ClOrdId::new(7, 2), order.cl_ord_id, RejectReason::UnknownOrder);
    assert_eq!((rig.reserved(), rig.engine.mode()), ((0, 0, 0), Mode::Live));
    assert_eq!(rig.alarmed(AlarmCode::Contradiction), 0);
}

/// Of an order that is filled in part it cannot be the truth.
#[test]
fn a_refusal_of_what_is_filled_in_part_is_no_end() {
    let mut rig = Rig::live();
    let near = Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10));
    let order = rig.placed(&near);
    rig.fill(order.cl_ord_id, 4, 1);
    rig.engine.cancel(order.cl_ord_id, &mut rig.record);
    rig.say(word(&order, ExecType::Rejected));
    assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::Unknown);
    assert_eq!(rig.alarmed(AlarmCode::Contradiction), 1);
}

/// The end of an order that counts fills we never heard of is no end yet.
#[test]
fn an_end_with_unheard_fills_keeps_the_reservation() {
    for exec in [ExecType::Canceled, ExecType::Expired] {
        let mut rig = Rig::live();
        let near = Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10));
        let order = rig.working(&near);
        rig.kinds();
        let report = ExecutionReport { cum_qty_lots: QtyLots(4), ..word(&order, exec) };
        rig.say(report);
        assert_eq!(rig.reserved(), (10, 0, 1));
        assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::Unknown);
        assert!(rig.kinds().contains(&FrameKind::OrderStatusRequest), "asked by name");
        rig.fill(order.cl_ord_id, 4, 1);
        rig.say(report);
        assert_eq!((rig.lots(), rig.reserved()), (4, (0, 0, 0)));
        assert_eq!(rig.alarmed(AlarmCode::FillMismatch), 1);
    }
}

fn bust_of(fill: &ExecutionReport) -> ExecutionReport {
    ExecutionReport { exec_type: ExecType::TradeCancel.code(), ..*fill }
}

/// A fill that no order of ours explains is booked as a fact, and so is the taking back of it.
#[test]
fn a_strangers_fill_that_is_taken_back_goes_back() {
    let mut rig = wide_rig(16);
    let near = Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10));
    let id = rig.engine.wish(0, &near, &mut rig.record).expect("approved");
    let stranger = ExecutionReport { cl_ord_id: ClOrdId(77), ..fill_of(&rig.order(id), 4, 1) };
    rig.say(stranger);
    assert_eq!(rig.lots(), 4);
    rig.say(bust_of(&stranger));
    rig.say(bust_of(&stranger));
    assert_eq!((rig.lots(), rig.alarmed(AlarmCode::FillBusted)), (0, 1));
    rig.say(bust_of(&ExecutionReport { exec_id: 2, ..stranger }));
    assert_eq!((rig.lots(), rig.alarmed(AlarmCode::FillBusted)), (0, 1), "never booked");
    assert_eq!(rig.reserved(), (10, 0, 1));
}

/// Its place in the table was given to another order: the fill still goes back.
#[test]
fn a_fill_of_an_order_that_is_forgotten_can_be_taken_back() {
    let mut rig = wide_rig(16);
    let near = Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10));
    let first = rig.engine.wish(0, &near, &mut rig.record).expect("approved");
    let fill = fill_of(&rig.order(first), 10, 1);
    rig.say(fill);
    for n in 0..16 {
        let other = Placement::limit(Side::Buy, PriceTicks(9_980 + n), QtyLots(1));
        let id = rig.engine.wish(0, &other, &mut rig.record).expect("approved");
        let order = rig.order(id);
        rig.say(word(&order, ExecType::Canceled));
    }
    assert!(rig.engine.orders().get(first).is_none());
    rig.say(bust_of(&fill));
    assert_eq!((rig.lots(), rig.alarmed(AlarmCode::FillBusted)), (0, 1));
}

/// The taking back came, the fill did not: other fills of the order stay, and the fill does not
/// count when it comes at last.
#[test]
fn a_fill_that_was_taken_back_before_it_came_never_counts() {
    let mut rig = Rig::live();
    let near = Placement::limit(Side::Buy, PriceTicks(9_998), QtyLots(10));
    let order = rig.working(&near);
    rig.fill(order.cl_ord_id, 5, 1);
    let lost = fill_of(&rig.order(order.cl_ord_id), 3, 2);
    rig.kinds();
    rig.say(bust_of(&lost));
    assert_eq!((rig.lots(), rig.reserved()), (5, (5, 0, 1)));
    assert_eq!(rig.alarmed(AlarmCode::FillBusted), 1);
    assert!(rig.kinds().contains(&FrameKind::OrderStatusRequest), "asked by name");
    rig.say(lost);
    rig.say(bust_of(&lost));
    assert_eq!((rig.lots(), rig.reserved()), (5, (5, 0, 1)));
    assert_eq!(rig.order(order.cl_ord_id).cum_qty_lots, QtyLots(5));
}
