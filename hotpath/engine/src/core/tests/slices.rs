//! Parents: slices that add up exactly, at the parent's price, under the gate's own count.

use super::super::orders::Group;
use super::super::*;
use super::rig::*;
use super::say::*;
use crate::orders::Order;
use crate::parents::{CURVE, Parent, ParentSpec};
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::{ExecType, NewOrder, OrdStatus, ParentOrder, ParentState, ParentStyle, Side};
use wire::reconcile::SessionState;
use wire::{PriceTicks, QtyLots};

/// A buy of so many lots in slices, one a second.
fn twap(lots: i64, slices: u32) -> ParentSpec {
    let duration = u64::from(slices) * SECOND;
    ParentSpec::twap(Side::Buy, QtyLots(lots), PriceTicks(10_003), duration, slices)
}

/// Starts a parent; its number.
fn start(rig: &mut Rig, spec: ParentSpec) -> u32 {
    rig.engine.start_parent(OWN, spec, &mut rig.record);
    rig.engine.parents().iter().map(|p| p.id).max().expect("taken up")
}

fn lots(orders: &[NewOrder]) -> Vec<i64> {
    orders.iter().map(|o| o.qty_lots.get()).collect()
}

/// What a parent said of itself since the start: state, filled, still working.
fn told(rig: &Rig, id: u32) -> Vec<(ParentState, i64, i64)> {
    let mut told = Vec::new();
    for frame in &rig.record.outputs {
        if let Ok(Frame::ParentOrder(p)) = decode(bytemuck::cast_slice(frame))
            && p.parent_id == id
        {
            let ParentOrder { state, cum_qty_lots, working_lots, .. } = *p;
            let state = ParentState::from_code(state).expect("known");
            told.push((state, cum_qty_lots.get(), working_lots.get()));
        }
    }
    told
}

fn end(rig: &Rig, id: u32) -> Vec<(ParentState, i64, i64)> {
    told(rig, id).split_off(1)
}

/// Fills an order whole, or as much as is said, and lets the rest expire.
fn answer(rig: &mut Rig, order: &NewOrder, filled: i64, exec_id: u64) {
    if filled > 0 {
        rig.fill(order.cl_ord_id, filled, exec_id);
    }
    let order = rig.order(order.cl_ord_id);
    if order.status != OrdStatus::Filled {
        rig.say(word(&order, ExecType::Expired));
    }
}

fn second(rig: &mut Rig, n: u64) -> Vec<NewOrder> {
    // The market first: at the deadline of the slice the data may be a second old.
    rig.delta(n * SECOND - SECOND / 2);
    rig.delta(n * SECOND);
    rig.new_orders()
}

#[test]
fn slices_add_up_exactly_and_catch_up() {
    let mut rig = Rig::live();
    let id = start(&mut rig, twap(100, 3));
    let first = rig.new_orders();
    assert_eq!(lots(&first), [33]);
    assert_eq!((first[0].parent_id, first[0].time_in_force), (id, b'3'));
    answer(&mut rig, &first[0], 13, 1);
    let next = second(&mut rig, 1);
    assert_eq!(lots(&next), [53], "33 due and 20 missing");
    answer(&mut rig, &next[0], 53, 2);
    let last = second(&mut rig, 2);
    assert_eq!(lots(&last), [34]);
    answer(&mut rig, &last[0], 34, 3);
    assert_eq!((rig.lots(), rig.reserved()), (100, (0, 0, 0)));
    assert_eq!(end(&rig, id), [(ParentState::Filled, 100, 0)]);
    assert!(second(&mut rig, 3).is_empty());
    assert_eq!(rig.alarmed(AlarmCode::ParentIncomplete), 0);
}

#[test]
fn a_volume_curve_is_worked_as_it_is_drawn() {
    let mut rig = Rig::live();
    let mut curve = [0; CURVE];
    (curve[0], curve[15]) = (1, 3);
    let spec = ParentSpec { style: ParentStyle::Vwap, curve, ..twap(400, 16) };
    let id = start(&mut rig, spec);
    let mut sent = lots(&rig.new_orders());
    for n in 1..16 {
        sent.extend(lots(&second(&mut rig, n)));
    }
    assert_eq!(sent, [100, 300], "a quarter in the first bucket, the rest in the last");
    assert_eq!(rig.engine.parents().get(id).map(Parent::used_lots), Some(400));
}

#[test]
fn no_slice_is_worse_than_the_parent_s_price_or_larger_than_an_order_may_be() {
    for (limit, price) in [(10_003, 10_003), (9_000, 9_000), (10_500, 10_051)] {
        let mut rig = Rig::live();
        rig.engine.instruments[0].risk.limits.max_aggression_ticks = 50;
        start(&mut rig, ParentSpec { limit_px_ticks: PriceTicks(limit), ..twap(10, 1) });
        assert_eq!(rig.new_orders()[0].price_ticks, PriceTicks(price));
    }
    let mut rig = Rig::live();
    let l = &mut rig.engine.instruments[0].risk.limits;
    (l.max_order_qty_lots, l.qty_step_lots) = (40, 7);
    let id = start(&mut rig, twap(100, 4));
    let mut exec = 0;
    let mut sent = Vec::new();
    let mut orders = rig.new_orders();
    for n in 1..=4 {
        for order in &orders {
            exec += 1;
            sent.push(order.qty_lots.get());
            answer(&mut rig, order, if n < 3 { 0 } else { order.qty_lots.get() }, exec);
        }
        orders = second(&mut rig, n);
    }
    // 50 are due with the second slice, 75 with the third: no more than 35 (five steps) at once.
    assert_eq!(sent, [21, 35, 35, 35]);
    assert_eq!(end(&rig, id), [(ParentState::Expired, 70, 0)]);
    assert_eq!(rig.alarmed(AlarmCode::ParentIncomplete), 1);
}

#[test]
fn the_gate_counts_the_slices_itself() {
    let mut rig = Rig::live();
    let id = start(&mut rig, twap(100, 4));
    let first = rig.new_orders();
    // Whoever slices wrongly: 25 are used, 75 are left, 76 are one too many.
    let slice = |lots| Placement::limit(Side::Buy, PriceTicks(9_990), QtyLots(lots));
    let group = Group { parent_id: id, link_id: 0 };
    let place = |rig: &mut Rig, lots| {
        let placed = rig.engine.place(OWN, &slice(lots), group, &mut rig.record);
        (placed, rig.denied("PARENT_CONSERVATION"))
    };
    assert_eq!(place(&mut rig, 76), (None, 1));
    let (extra, _) = place(&mut rig, 75);
    let extra = extra.expect("exactly what is left");
    assert_eq!(place(&mut rig, 1), (None, 2), "nothing is left");
    // What fills stays used, what ends unfilled is free again.
    rig.fill(extra, 70, 1);
    assert_eq!(place(&mut rig, 1), (None, 3));
    rig.say(word(&rig.order(extra), ExecType::Canceled));
    assert_eq!(place(&mut rig, 6), (None, 4));
    assert!(place(&mut rig, 5).0.is_some());
    // An amendment of a slice counts as well.
    rig.say(word(&rig.order(first[0].cl_ord_id), ExecType::New));
    rig.engine.replace(OWN, first[0].cl_ord_id, PriceTicks(10_001), QtyLots(26), &mut rig.record);
    assert_eq!(rig.denied("PARENT_CONSERVATION"), 5);
    // A parent that is over, or never was, has nothing left.
    rig.engine.stop_parent(OWN, id, &mut rig.record);
    assert_eq!(place(&mut rig, 1), (None, 6));
    let nobody = Group { parent_id: 99, link_id: 0 };
    assert_eq!(rig.engine.place(OWN, &slice(1), nobody, &mut rig.record), None);
    assert_eq!(rig.denied("PARENT_CONSERVATION"), 7);
}

#[test]
fn a_slice_that_is_unknown_counts_as_used_until_the_venue_speaks() {
    let mut rig = Rig::live();
    let id = start(&mut rig, twap(90, 3));
    let first = rig.new_orders();
    rig.session(SessionState::Down, 1);
    assert_eq!(rig.order(first[0].cl_ord_id).status, OrdStatus::Unknown);
    rig.session(SessionState::Up, 2);
    rig.answer_mass_status(&[], 0, 3);
    rig.command(Command::Mode, u64::from(Mode::Live.code()), "");
    // Back in LIVE with the slice still unknown: 60 are due, 30 of them may have filled.
    rig.engine.venues[0].risk.reconciled = true;
    rig.delta(SECOND - 1);
    assert_eq!(lots(&second(&mut rig, 1)), [30]);
    let parent = *rig.engine.parents().get(id).expect("there");
    assert_eq!((parent.working_lots, parent.cum_lots), (60, 0));
    // It filled in the outage.
    rig.fill(first[0].cl_ord_id, 30, 1);
    assert_eq!(rig.engine.parents().get(id).map(|p| (p.working_lots, p.cum_lots)), Some((30, 30)));
}

#[test]
fn the_end_waits_for_the_last_slice_and_is_told_once() {
    // The last slice fills, part fills, or is never answered until a status ends it.
    for (filled, state) in
        [(50, ParentState::Filled), (20, ParentState::Expired), (0, ParentState::Expired)]
    {
        let mut rig = Rig::live();
        let id = start(&mut rig, twap(100, 2));
        let first = rig.new_orders();
        answer(&mut rig, &first[0], 50, 1);
        let last = second(&mut rig, 1);
        second(&mut rig, 2);
        second(&mut rig, 3);
        assert_eq!(end(&rig, id), [], "the last slice is on its way");
        assert!(rig.new_orders().is_empty(), "and nothing follows it");
        answer(&mut rig, &last[0], filled, 2);
        assert_eq!(end(&rig, id), [(state, 50 + filled, 0)]);
        let alarms = usize::from(filled < 50);
        assert_eq!(rig.alarmed(AlarmCode::ParentIncomplete), alarms);
        // A fill after the end is booked and counted; the end stays told.
        let late = rig.order(last[0].cl_ord_id);
        rig.say(fill_of(&late, 50, 3));
        assert_eq!((rig.lots(), end(&rig, id).len()), (100 + filled, 1));
        let parent = rig.engine.parents().get(id).expect("there");
        assert_eq!((parent.cum_lots, parent.working_lots), (100 + filled, 0));
        assert_eq!(rig.alarmed(AlarmCode::ParentIncomplete), alarms);
    }
}

#[test]
fn a_stop_a_kill_and_a_drain_end_a_parent_and_its_slices() {
    type End = fn(&mut Rig, u32);
    let ends: [End; 3] = [
        |rig, id| rig.engine.stop_parent(OWN, id, &mut rig.record),
        |rig, _| rig.command(Command::Halt, 0, ""),
        |rig, _| rig.command(Command::Mode, u64::from(Mode::Draining.code()), ""),
    ];
    for finish in ends {
        let mut rig = Rig::live();
        let id = start(&mut rig, twap(100, 2));
        let first = rig.new_orders();
        let order: Order = rig.order(first[0].cl_ord_id);
        // Another strategy has no say.
        rig.engine.stop_parent(0, id, &mut rig.record);
        assert_eq!(end(&rig, id), []);
        finish(&mut rig, id);
        assert_eq!(end(&rig, id), [(ParentState::Canceled, 0, 50)]);
        assert_eq!(rig.order(order.cl_ord_id).status, OrdStatus::PendingCancel);
        rig.fill(order.cl_ord_id, 50, 1);
        rig.engine.stop_parent(OWN, id, &mut rig.record);
        assert!(second(&mut rig, 1).is_empty() && second(&mut rig, 2).is_empty());
        assert_eq!((end(&rig, id).len(), rig.lots(), rig.reserved()), (1, 50, (0, 0, 0)));
        assert_eq!(rig.alarmed(AlarmCode::ParentIncomplete), 0, "stopped, not failed");
    }
}

#[test]
fn what_cannot_be_worked_is_dropped_and_counted() {
    let mut rig = Rig::live();
    rig.engine.start_parent(OWN, twap(0, 1), &mut rig.record);
    assert_eq!((rig.engine.counters().suppressed, rig.engine.parents().iter().count()), (1, 0));
    for _ in 0..crate::parents::MAX_PARENTS {
        start(&mut rig, twap(1, 1));
    }
    rig.engine.start_parent(OWN, twap(1, 1), &mut rig.record);
    assert_eq!(rig.engine.counters().suppressed, 2);
    rig.command(Command::Halt, 0, "");
    rig.engine.start_parent(OWN, twap(1, 1), &mut rig.record);
    assert_eq!(rig.engine.counters().suppressed, 3);
}
