//! Pairs and brackets: what one leg's fate does to the other, and to an unguarded position.

use super::super::*;
use super::rig::*;
use super::say::*;
use crate::orders::Order;
use crate::strategy::{Bracket, Placement};
use wire::order::{ExecType, NewOrder, OrdStatus, OrdType, RejectReason, Side};
use wire::{PriceTicks, QtyLots};

fn buy(price: i64, lots: i64) -> Placement {
    Placement::limit(Side::Buy, PriceTicks(price), QtyLots(lots))
}

/// A pair of resting buys that work at the venue.
fn pair(rig: &mut Rig) -> [Order; 2] {
    rig.engine.place_pair(OWN, &buy(9_998, 10), &buy(9_997, 10), &mut rig.record);
    let sent = rig.new_orders();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].link_id != 0 && sent[0].link_id == sent[1].link_id);
    [0, 1].map(|n| {
        let order = rig.order(sent[n].cl_ord_id);
        rig.say(word(&order, ExecType::New));
        rig.order(order.cl_ord_id)
    })
}

fn canceled(rig: &mut Rig) -> Vec<ClOrdId> {
    let mut ids = Vec::new();
    rig.drain(|f| {
        if let Frame::CancelOrder(c) = f {
            ids.push(c.orig_cl_ord_id);
        }
    });
    ids
}

fn groups(rig: &Rig) -> usize {
    // What is left of the room for groups, asked for as a strategy would.
    rig.engine.links.taken()
}

#[test]
fn the_first_to_fill_whole_ends_the_other_and_a_part_does_not() {
    let mut rig = Rig::live();
    let [one, other] = pair(&mut rig);
    assert_eq!(rig.reserved(), (20, 0, 2), "both count in full");
    rig.fill(one.cl_ord_id, 4, 1);
    assert_eq!(canceled(&mut rig), []);
    rig.fill(one.cl_ord_id, 6, 2);
    assert_eq!(canceled(&mut rig), [other.cl_ord_id]);
    assert_eq!((rig.reserved(), groups(&rig)), ((10, 0, 1), 1), "reserved until confirmed");
    rig.say(word(&other, ExecType::Canceled));
    assert_eq!((rig.reserved(), rig.lots(), groups(&rig)), ((0, 0, 0), 10, 0));
    assert_eq!(rig.engine.counters().anomalies, 0);
}

#[test]
fn a_leg_that_is_denied_or_rejected_does_not_leave_the_other_alone() {
    let mut rig = Rig::live();
    rig.engine.place_pair(OWN, &buy(9_998, 10), &buy(9_997, 1_001), &mut rig.record);
    let sent = rig.new_orders();
    assert_eq!((sent.len(), rig.denied("MAX_ORDER_QTY")), (1, 1));
    let first = rig.order(sent[0].cl_ord_id);
    assert_eq!((first.status, groups(&rig)), (OrdStatus::PendingCancel, 0));
    // The first denied: nothing goes out at all.
    rig.engine.place_pair(OWN, &buy(9_998, 1_001), &buy(9_997, 10), &mut rig.record);
    assert_eq!((rig.new_orders().len(), groups(&rig)), (0, 0));
    // Rejected by the venue.
    let [one, other] = pair(&mut rig);
    rig.engine.change(one.cl_ord_id, |o| o.status = OrdStatus::PendingNew);
    rig.say(word(&one, ExecType::Rejected));
    assert_eq!(canceled(&mut rig), [other.cl_ord_id]);
    rig.say(word(&other, ExecType::Canceled));
    assert_eq!(groups(&rig), 0);
}

#[test]
fn both_legs_filling_in_a_race_are_booked_and_counted() {
    let mut rig = Rig::live();
    let [one, other] = pair(&mut rig);
    rig.fill(one.cl_ord_id, 10, 1);
    assert_eq!(canceled(&mut rig), [other.cl_ord_id]);
    rig.fill(other.cl_ord_id, 10, 2);
    assert_eq!((rig.lots(), rig.reserved(), groups(&rig)), (20, (0, 0, 0), 0));
    assert_eq!((rig.engine.counters().anomalies, rig.alarmed(AlarmCode::Overfill)), (1, 1));
    assert_eq!(rig.order(other.cl_ord_id).status, OrdStatus::Filled);
    // Too late, says the venue: no news.
    rig.refuse(ClOrdId(5), other.cl_ord_id, RejectReason::UnknownOrder);
    assert_eq!(rig.order(other.cl_ord_id).status, OrdStatus::Filled);
}

#[test]
fn a_leg_that_was_amended_is_followed_under_its_new_id() {
    let mut rig = Rig::live();
    let [one, other] = pair(&mut rig);
    let (price, qty) = (PriceTicks(9_996), QtyLots(8));
    rig.engine.replace(OWN, one.cl_ord_id, price, qty, &mut rig.record);
    let new = rig.order(one.cl_ord_id).replacing.expect("on its way").id;
    rig.say(replaced_by(&one, new, 0, 8));
    rig.kinds();
    rig.fill(other.cl_ord_id, 10, 1);
    assert_eq!(canceled(&mut rig), [new]);
    rig.say(word(&rig.order(new), ExecType::Canceled));
    assert_eq!((rig.reserved(), groups(&rig)), ((0, 0, 0), 0));
    // Amended down to what is filled already: that is a leg filled whole.
    let [one, other] = pair(&mut rig);
    rig.fill(one.cl_ord_id, 8, 2);
    rig.engine.replace(OWN, one.cl_ord_id, PriceTicks(9_998), QtyLots(9), &mut rig.record);
    let new = rig.order(one.cl_ord_id).replacing.expect("on its way").id;
    rig.fill(one.cl_ord_id, 1, 3);
    rig.kinds();
    rig.say(replaced_by(&one, new, 9, 0));
    assert_eq!(canceled(&mut rig), [other.cl_ord_id]);
}

fn bracket(lots: i64) -> Bracket {
    Bracket {
        entry: Placement::ioc(Side::Buy, PriceTicks(10_001), QtyLots(lots)),
        target_px_ticks: PriceTicks(10_050),
        stop_px_ticks: PriceTicks(9_950),
        stop_limit_px_ticks: PriceTicks(9_940),
    }
}

/// A bracket's entry, just sent.
fn entered(rig: &mut Rig, lots: i64) -> Order {
    rig.engine.place_bracket(OWN, &bracket(lots), &mut rig.record);
    let sent = rig.new_orders();
    assert_eq!(sent.len(), 1);
    rig.order(sent[0].cl_ord_id)
}

fn legs(rig: &mut Rig) -> Vec<NewOrder> {
    let sent = rig.new_orders();
    for leg in &sent {
        assert_eq!((leg.side, leg.exec_inst), (Side::Sell.code(), b'E'), "{leg:?}");
    }
    sent
}

#[test]
fn every_fill_of_an_entry_is_guarded_by_a_pair_of_its_own() {
    let mut rig = Rig::live();
    let entry = entered(&mut rig, 10);
    rig.fill(entry.cl_ord_id, 4, 1);
    let first = legs(&mut rig);
    rig.fill(entry.cl_ord_id, 6, 2);
    let second = legs(&mut rig);
    for (sent, lots) in [(&first, 4), (&second, 6)] {
        assert_eq!(sent.len(), 2, "{lots}: {:?}", rig.denials());
        assert_eq!((sent[0].ord_type, sent[1].ord_type), (OrdType::StopLimit.code(), b'2'));
        assert_eq!((sent[0].stop_px_ticks.get(), sent[0].price_ticks.get()), (9_950, 9_940));
        assert_eq!(sent[1].price_ticks.get(), 10_050);
        assert_eq!((sent[0].qty_lots.get(), sent[1].qty_lots.get()), (lots, lots));
    }
    assert_eq!((rig.lots(), rig.reserved()), (10, (0, 20, 4)));
    // The target of the first fills: its own stop goes, the second pair stands.
    let target = rig.order(first[1].cl_ord_id);
    rig.say(word(&target, ExecType::New));
    rig.fill(target.cl_ord_id, 4, 3);
    assert_eq!(canceled(&mut rig), [first[0].cl_ord_id]);
    rig.say(word(&rig.order(first[0].cl_ord_id), ExecType::Canceled));
    assert_eq!((rig.lots(), rig.reserved()), (6, (0, 12, 2)));
    assert_eq!(rig.alarmed(AlarmCode::Unprotected), 0, "the stop went because we asked");
}

#[test]
fn a_fill_that_comes_after_the_entry_s_end_is_guarded_too() {
    let mut rig = Rig::live();
    let entry = entered(&mut rig, 10);
    rig.say(word(&entry, ExecType::Expired));
    rig.fill(entry.cl_ord_id, 10, 1);
    assert_eq!((rig.lots(), legs(&mut rig).len()), (10, 2));
    assert_eq!((rig.engine.mode(), rig.alarmed(AlarmCode::FillAfterDone)), (Mode::Reducing, 1));
}

#[test]
fn a_stop_that_is_rejected_or_ended_by_the_venue_raises_an_alarm_and_an_exit() {
    for exec in [ExecType::Rejected, ExecType::Canceled, ExecType::Expired] {
        let mut rig = Rig::live();
        let entry = entered(&mut rig, 10);
        rig.fill(entry.cl_ord_id, 10, 1);
        let sent = legs(&mut rig);
        let stop = rig.order(sent[0].cl_ord_id);
        rig.say(word(&stop, exec));
        let from = rig.read;
        let exits = rig.new_orders();
        rig.read = from;
        let cancels = canceled(&mut rig);
        assert_eq!((rig.alarmed(AlarmCode::Unprotected), cancels), (1, vec![sent[1].cl_ord_id]));
        assert_eq!(exits.len(), 1, "{exec:?}: {:?}", rig.engine.counters().denied);
        let exit = &exits[0];
        assert_eq!((exit.side, exit.qty_lots, exit.time_in_force), (b'2', QtyLots(10), b'3'));
        assert_eq!(exit.exec_inst, b'E');
        rig.fill(exit.cl_ord_id, 10, 2);
        rig.say(word(&rig.order(sent[1].cl_ord_id), ExecType::Canceled));
        assert_eq!((rig.lots(), rig.reserved(), rig.engine.orders().working()), (0, (0, 0, 0), 0));
    }
}

#[test]
fn a_target_that_is_rejected_or_denied_leaves_the_stop() {
    let mut rig = Rig::live();
    let entry = entered(&mut rig, 10);
    rig.fill(entry.cl_ord_id, 10, 1);
    let sent = legs(&mut rig);
    rig.say(word(&rig.order(sent[1].cl_ord_id), ExecType::Rejected));
    assert_eq!((canceled(&mut rig), rig.reserved()), (vec![], (0, 10, 1)));
    rig.fill(sent[0].cl_ord_id, 10, 2);
    assert_eq!((rig.lots(), rig.alarmed(AlarmCode::Unprotected)), (0, 0));

    let mut rig = Rig::live();
    // Denied: a third order at the same time is one too many.
    let entry = entered(&mut rig, 10);
    rig.engine.instruments[0].risk.limits.max_open_orders = 2;
    rig.fill(entry.cl_ord_id, 4, 1);
    let sent = legs(&mut rig);
    assert_eq!((sent.len(), sent[0].ord_type), (1, OrdType::StopLimit.code()));
    assert_eq!((canceled(&mut rig), rig.reserved()), (vec![], (6, 4, 2)));
    rig.fill(sent[0].cl_ord_id, 4, 2);
    assert_eq!(rig.lots(), 0);
}

#[test]
fn a_stop_that_is_denied_raises_an_alarm_and_an_exit() {
    let mut rig = Rig::live();
    let entry = entered(&mut rig, 10);
    let allowed = rig.engine.instruments[0].risk.rules.order_types;
    let stops = 0xff << 24;
    rig.engine.instruments[0].risk.rules.order_types = allowed & !stops;
    rig.fill(entry.cl_ord_id, 10, 1);
    assert_eq!((rig.alarmed(AlarmCode::Unprotected), rig.denied("UNSUPPORTED_TYPE")), (1, 1));
    let exits = rig.new_orders();
    assert_eq!(exits.len(), 1, "no target without a stop");
    assert_eq!((exits[0].qty_lots, exits[0].time_in_force), (QtyLots(10), b'3'));
}

#[test]
fn a_protective_leg_may_not_grow_beyond_the_position() {
    let mut rig = Rig::live();
    let entry = entered(&mut rig, 10);
    rig.fill(entry.cl_ord_id, 10, 1);
    let sent = legs(&mut rig);
    let target = rig.order(sent[1].cl_ord_id);
    rig.say(word(&target, ExecType::New));
    let mut amend = |lots| {
        let (price, qty) = (PriceTicks(10_060), QtyLots(lots));
        rig.engine.replace(OWN, target.cl_ord_id, price, qty, &mut rig.record);
        (rig.engine.counters().replaces, rig.denied("REDUCE_ONLY"))
    };
    assert_eq!(amend(11), (0, 1));
    assert_eq!(amend(10), (1, 1));
}

#[test]
fn a_full_table_of_groups_takes_no_pair_and_leaves_no_fill_unguarded() {
    let mut rig = Rig::live();
    let entry = entered(&mut rig, 10);
    let full = rig.engine.links.fill_up();
    assert!(full > 200);
    let suppressed = rig.engine.counters().suppressed;
    rig.engine.place_pair(OWN, &buy(9_998, 10), &buy(9_997, 10), &mut rig.record);
    rig.engine.place_bracket(OWN, &bracket(5), &mut rig.record);
    assert_eq!((rig.new_orders().len(), rig.engine.counters().suppressed), (0, suppressed + 2));
    rig.fill(entry.cl_ord_id, 10, 1);
    let exits = rig.new_orders();
    assert_eq!((exits.len(), exits[0].time_in_force), (1, b'3'), "no room to guard it: taken off");
    assert_eq!(rig.alarmed(AlarmCode::Unprotected), 1);
}

#[test]
fn a_bracket_the_wrong_way_round_is_not_placed() {
    let mut rig = Rig::live();
    let good = bracket(5);
    for bad in [
        Bracket { target_px_ticks: PriceTicks(9_950), ..good },
        Bracket { stop_limit_px_ticks: PriceTicks(9_951), ..good },
    ] {
        rig.engine.place_bracket(OWN, &bad, &mut rig.record);
    }
    assert_eq!((rig.new_orders().len(), rig.engine.counters().suppressed), (0, 2));
}
