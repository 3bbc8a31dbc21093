//! Each fault of the script, by hand: what the client sees and what is true.

use crate::support::*;
use corelane_venues::sim::{
    Fault, FaultPlan, Fees, Latency, Outage, Requests, Scripted, SimConfig, When, Which,
};
use wire::market::AggressorSide;
use wire::order::{ExecType, RejectReason, Side};
use wire::units::SEQ_UNDEF;
use wire::{InstrumentId, PriceTicks, TsNs, VenueId};

const SELLS: AggressorSide = AggressorSide::Sell;
const NOTHING: [&str; 0] = [];
const HERE: VenueId = VenueId(7);
const BTC: InstrumentId = InstrumentId(0);

/// A world in which these faults come at these times.
fn with(script: &[(When, Fault)]) -> World {
    World::open(SimConfig { faults: plan(script), ..plain() })
}

fn plan(script: &[(When, Fault)]) -> FaultPlan {
    FaultPlan(script.iter().map(|&(when, fault)| Scripted { when, fault }).collect())
}

fn at(ns: u64) -> When {
    When::At(TsNs(ns))
}

const ACK: Which = Which::Exec(ExecType::New);
const FILL: Which = Which::Exec(ExecType::Trade);

#[test]
fn a_lost_ack_leaves_an_order_that_works() {
    let mut world = with(&[(at(1), Fault::Lose(ACK))]);
    assert_eq!(world.place(limit(1, Side::Buy, 101, 4), 2), NOTHING);
    assert_eq!(world.place(limit(2, Side::Buy, 90, 4), 2), ["new 2 4/0"], "one ack only");
    assert_eq!(world.ask(&order_status(1, SEQ_UNDEF), 3), ["status 0 1 new 4/0"]);
    assert_eq!(world.see(&trade(4, 101, 1, SELLS), 4), ["fill 1 1@101 maker 3/1"]);
}

#[test]
fn any_chosen_message_can_be_lost_or_said_twice() {
    for (which, kept) in [
        (Which::Any, vec![0, 2, 3, 4]),
        (FILL, vec![0, 2, 3, 4]),
        (Which::Exec(ExecType::Canceled), vec![0, 1, 3, 4]),
        (Which::CancelReject, vec![0, 1, 2, 4]),
        (Which::Status, vec![0, 1, 2, 3]),
    ] {
        let all = [
            "new 1 12/0",
            "fill 1 10@102 taker 2/10",
            "canceled 2 0/10",
            "cancel-reject 3 too-late canceled",
            "end 1 0+0",
        ];
        let say = |fault| {
            let mut world = with(&[(When::Message(2), fault)]);
            let mut texts = world.place(limit(1, Side::Buy, 102, 12), 2);
            texts.extend(world.ask(&cancel(2, 1), 3));
            texts.extend(world.ask(&cancel(3, 1), 3));
            texts.extend(world.ask(&mass_status(1, VenueId(8)), 3));
            texts
        };
        let lost: Vec<_> = kept.iter().map(|i| all[*i]).collect();
        assert_eq!(say(Fault::Lose(which)), lost, "{which:?}");
        let twice: Vec<_> =
            (0..all.len()).flat_map(|i| vec![all[i]; 2 - usize::from(kept.contains(&i))]).collect();
        assert_eq!(say(Fault::Duplicate(which)), twice, "{which:?}");
    }
}

#[test]
fn a_duplicate_is_the_same_report() {
    let mut world = with(&[(at(1), Fault::Duplicate(FILL))]);
    world.order(market(1, Side::Buy, 3), 2);
    world.advance(2);
    let answers = world.answers();
    assert_eq!((answers.len(), answers[1]), (3, answers[2]));
    assert_eq!(world.venue.ledger().position(BTC).get(), 3);
}

#[test]
fn a_fill_can_come_before_its_ack() {
    let mut world = with(&[(at(1), Fault::FillBeforeAck)]);
    assert_eq!(
        world.place(limit(1, Side::Buy, 102, 12), 2),
        ["fill 1 10@102 taker 2/10", "new 1 12/0"]
    );
    // Where no fill comes, the ack goes before what does come.
    let mut world = with(&[(at(1), Fault::FillBeforeAck)]);
    assert_eq!(world.place(limit(1, Side::Buy, 101, 12), 2), NOTHING);
    assert_eq!(world.ask(&order_status(1, SEQ_UNDEF), 2), ["status 0 1 new 12/0"]);
    assert_eq!(world.ask(&cancel(2, 1), 3), ["new 1 12/0", "canceled 2 0/0"]);
}

#[test]
fn a_fill_can_come_after_the_cancel_it_was_before() {
    let mut world = with(&[(at(1), Fault::FillAfterCancel)]);
    world.place(limit(1, Side::Buy, 101, 5), 2);
    assert_eq!(world.see(&trade(3, 101, 2, SELLS), 3), NOTHING);
    assert_eq!(world.venue.ledger().position(BTC).get(), 2, "it is true already");
    assert_eq!(world.see(&trade(4, 101, 1, SELLS), 4), ["fill 1 1@101 maker 2/3"]);
    world.send(&cancel(2, 1), 5);
    world.advance(5);
    let answers = world.answers();
    assert_eq!(answers[0].text(), "canceled 2 0/3");
    assert_eq!(answers[1].text(), "fill 1 2@101 maker 3/2");
    let fill = answers[1].report().header;
    assert_eq!((fill.ts_event_ns, fill.ts_recv_ns), (TsNs(3), TsNs(5)));
    // A whole fill: the cancel is too late, and the client hears why last.
    let mut world = with(&[(at(1), Fault::FillAfterCancel)]);
    world.place(limit(1, Side::Buy, 101, 5), 2);
    assert_eq!(world.see(&trade(3, 101, 9, SELLS), 3), NOTHING);
    assert_eq!(
        world.ask(&cancel(2, 1), 5),
        ["cancel-reject 2 too-late filled", "fill 1 5@101 maker 0/5"]
    );
}

#[test]
fn a_fill_taken_back_leaves_ledger_and_order_without_it() {
    // A working order gets its lots back to work.
    let fees = Fees { maker_rate_e6: 1_000, taker_rate_e6: 1_000 };
    let faults = plan(&[(at(4), Fault::Bust)]);
    let mut world = World::open(SimConfig { faults, fees, ..plain() });
    let start = world.venue.ledger().balance_e9(BTC);
    world.order(limit(1, Side::Buy, 102, 13), 2);
    world.feed(&trade(3, 102, 2, SELLS));
    world.advance(3);
    let fills = world.answers();
    assert_eq!(fills[2].text(), "fill 1 2@102 maker 1/12");
    world.advance(4);
    let answers = world.answers();
    assert_eq!(answers[0].text(), "bust 1 2@102 3/10");
    let (bust, fill) = (answers[0].report(), fills[2].report());
    assert_eq!((bust.exec_id, bust.fee_e9), (fill.exec_id, fill.fee_e9));
    let ledger = world.venue.ledger();
    assert_eq!((ledger.position(BTC).get(), ledger.fill_count(BTC)), (10, 2));
    assert_eq!(start.get() - ledger.balance_e9(BTC).get(), 102_000 + 102);
    assert_eq!(
        world.ask(&order_status(1, SEQ_UNDEF), 5),
        [
            "fill 1 10@102 taker 3/10",
            "fill 1 2@102 maker 1/12",
            "bust 1 2@102 3/10",
            "status 0 1 partially-filled 3/10"
        ]
    );
    assert_eq!(world.see(&trade(6, 102, 9, SELLS), 6), ["fill 1 3@102 maker 0/13"]);
    // One that was filled ends as canceled. Armed before there is a fill, the next one goes.
    let mut world = with(&[(at(1), Fault::Bust)]);
    assert_eq!(
        world.place(market(1, Side::Buy, 3), 2),
        ["new 1 3/0", "fill 1 3@102 taker 0/3", "bust 1 3@102 0/0"]
    );
    let last = world.ask(&order_status(1, SEQ_UNDEF), 3).pop().expect("some");
    assert_eq!(last, "status 0 1 canceled 0/0");
    let ledger = world.venue.ledger();
    assert_eq!((ledger.position(BTC).get(), ledger.avg_px_ticks(BTC)), (0, PriceTicks::UNDEF));
}

#[test]
fn a_bust_that_ends_the_position_ends_what_only_reduces_it() {
    let mut world = with(&[(at(4), Fault::Bust)]);
    world.place(market(1, Side::Buy, 3), 2);
    world.place(limit(2, Side::Sell, 110, 3).reduce_only(), 3);
    world.advance(4);
    assert_eq!(world.texts(), ["bust 1 3@102 0/0", "canceled 2 0/0"]);
}

#[test]
fn a_fill_can_be_said_again_under_another_execution_id() {
    for (is_real, position, again) in
        [(false, 10, "fill 1 10@102 taker 0/10"), (true, 20, "fill 1 10@102 taker 0/20")]
    {
        let mut world = with(&[(at(1), Fault::Overfill { is_real })]);
        world.order(limit(1, Side::Buy, 102, 10), 2);
        world.advance(2);
        let answers = world.answers();
        let texts: Vec<_> = answers.iter().map(|answer| answer.text()).collect();
        assert_eq!(texts, ["new 1 10/0", "fill 1 10@102 taker 0/10", again]);
        assert_ne!(answers[1].report().exec_id, answers[2].report().exec_id);
        let ledger = world.venue.ledger();
        assert_eq!(ledger.position(BTC).get(), position);
        assert_eq!(ledger.fills().iter().filter(|fill| fill.is_overfill).count(), {
            usize::from(is_real)
        });
        let answers = world.ask(&order_status(1, SEQ_UNDEF), 3);
        assert_eq!(answers.len(), if is_real { 3 } else { 2 }, "only what is true");
    }
    // A fill that leaves something to work is not the one it waits for.
    let mut world = with(&[(at(1), Fault::Overfill { is_real: true })]);
    assert_eq!(world.place(limit(1, Side::Buy, 102, 11), 2).len(), 2);
    assert_eq!(
        world.see(&trade(3, 102, 9, SELLS), 3),
        ["fill 1 1@102 maker 0/11", "fill 1 1@102 maker 0/12"]
    );
}

#[test]
fn a_storm_rejects_so_many_orders_and_no_more() {
    let storm = Fault::Reject { orders: 2, reason: RejectReason::ExceedsLimit };
    let mut world = with(&[(When::Request(2), storm)]);
    let order = |id| limit(id, Side::Buy, 100, 1);
    assert_eq!(world.place(order(1), 2), ["new 1 1/0"]);
    assert_eq!(world.place(order(2), 2), ["rejected 2 exceeds-limit"]);
    assert_eq!(world.ask(&cancel(3, 1), 2), ["canceled 3 0/0"], "cancels pass");
    assert_eq!(world.place(order(4), 2), ["rejected 4 exceeds-limit"]);
    assert_eq!(world.place(order(5), 2), ["new 5 1/0"]);
    let nothing = Fault::Reject { orders: 0, reason: RejectReason::ExceedsLimit };
    assert_eq!(with(&[(at(1), nothing)]).place(order(1), 2), ["new 1 1/0"]);
}

fn down(span_ns: u64, requests: Requests, cancels_on_disconnect: bool) -> Fault {
    Fault::SessionDown(Outage { span_ns, requests, cancels_on_disconnect })
}

#[test]
fn a_session_that_is_down_says_nothing_and_then_the_truth() {
    for (requests, cancels) in [
        (Requests::Lost, false),
        (Requests::Lost, true),
        (Requests::Processed, false),
        (Requests::Processed, true),
    ] {
        let mut world = with(&[(at(10), down(10, requests, cancels))]);
        world.place(limit(1, Side::Buy, 101, 5), 2);
        world.place(stop(2, Side::Sell, 90, 1), 2);
        let mut foreign = limit(77, Side::Buy, 95, 1).0;
        foreign.cl_ord_id = wire::ClOrdId::UNDEF;
        world.venue.place_external(&foreign, false).expect("accepted");
        world.advance(10);
        let flag = if cancels { " cancels" } else { "" };
        assert_eq!(world.texts(), [format!("session down{flag}")]);
        assert!(world.venue.is_down());
        assert_eq!(world.venue.open_orders(), if cancels { 1 } else { 3 });
        assert_eq!(world.venue.next_due(), Some(TsNs(20)));
        world.feed(&trade(11, 101, 2, SELLS));
        world.order(limit(3, Side::Buy, 99, 1), 12);
        world.advance(19);
        assert_eq!(world.texts(), NOTHING);
        world.advance(20);
        assert_eq!(world.texts(), [format!("session up{flag}")]);
        let is_known = requests == Requests::Processed;
        assert_eq!(world.venue.order(wire::ClOrdId(3)).is_some(), is_known);
        let expected = if cancels {
            ["status 0 1 canceled 0/0"; 1].map(str::to_owned).to_vec()
        } else {
            ["fill 1 2@101 maker 3/2", "status 0 1 partially-filled 3/2"]
                .map(str::to_owned)
                .to_vec()
        };
        assert_eq!(world.ask(&order_status(1, SEQ_UNDEF), 21), expected);
        let open = 1 + 2 * usize::from(!cancels) + usize::from(is_known);
        let end = world.ask(&mass_status(4, HERE), 22).pop();
        assert_eq!(end, Some(format!("end 4 {open}+1")));
    }
}

#[test]
fn a_request_is_lost_if_any_part_of_its_way_lies_in_the_outage() {
    // Down from 100 to 200; the way takes 20.
    for (sent, lost) in
        [(79, false), (80, false), (81, true), (100, true), (190, true), (199, true), (200, false)]
    {
        let faults = plan(&[(at(100), down(100, Requests::Lost, false))]);
        let entry_latency = Latency::Constant(20);
        let mut world = World::open(SimConfig { faults, entry_latency, ..plain() });
        world.order(limit(1, Side::Buy, 100, 1), sent);
        world.advance(300);
        let is_known = world.venue.order(wire::ClOrdId(1)).is_some();
        assert_eq!(is_known, !lost, "sent at {sent}");
    }
}

#[test]
fn what_was_on_its_way_comes_and_an_outage_in_an_outage_makes_it_longer() {
    let faults = plan(&[
        (at(10), down(20, Requests::Lost, false)),
        (at(15), down(30, Requests::Processed, true)),
        (at(20), down(1, Requests::Lost, false)),
    ]);
    let response_latency = Latency::Constant(8);
    let mut world = World::open(SimConfig { faults, response_latency, ..plain() });
    world.order(limit(1, Side::Buy, 100, 1), 5);
    world.order(limit(2, Side::Buy, 100, 1), 11);
    world.advance(44);
    assert_eq!(world.texts(), ["new 1 1/0", "session down"], "made before, sent before");
    assert!(world.venue.is_down());
    world.advance(100);
    assert_eq!(world.texts(), ["session up"]);
    assert_eq!(world.venue.open_orders(), 1);
}

#[test]
fn what_is_kept_back_is_lost_with_the_session_or_when_nothing_more_goes_wrong() {
    for heals in [false, true] {
        let outage = down(1, Requests::Lost, false);
        let mut world = with(&[(at(1), Fault::FillBeforeAck), (at(5), outage)]);
        assert_eq!(world.place(limit(1, Side::Buy, 101, 5), 2), NOTHING);
        if heals {
            world.venue.heal();
            world.advance(9);
            assert_eq!(world.texts(), NOTHING, "the outage is off");
        } else {
            world.advance(9);
            assert_eq!(world.texts(), ["session down", "session up"]);
        }
        assert_eq!(world.see(&trade(10, 101, 1, SELLS), 10), ["fill 1 1@101 maker 4/1"]);
    }
}

#[test]
fn a_plan_follows_its_seed_and_covers_every_fault() {
    let drawn = |seed| FaultPlan::drawn(seed, TsNs(100), 1_000, 200);
    assert_eq!(drawn(3), drawn(3));
    assert_ne!(drawn(3), drawn(4));
    let kinds: std::collections::HashSet<_> =
        drawn(3).0.iter().map(|scripted| std::mem::discriminant(&scripted.fault)).collect();
    assert_eq!(kinds.len(), 8);
    let within = |s: &Scripted| matches!(s.when, When::At(at) if (100..1_100).contains(&at.get()));
    assert!(drawn(3).0.iter().all(within));
}
