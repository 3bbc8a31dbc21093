//! Order types, instructions and times in force, by hand: each rule at, below and above its edge.

use crate::support::*;
use corelane_venues::sim::{Latency, SimConfig};
use wire::market::{AggressorSide, TradingStatus};
use wire::order::{Side, TimeInForce};
use wire::{ClOrdId, PriceTicks, QtyLots, TsNs};

const SELLS: AggressorSide = AggressorSide::Sell;
const BUYS: AggressorSide = AggressorSide::Buy;
const NOTHING: [&str; 0] = [];
const DAY_NS: u64 = 86_400_000_000_000;

#[test]
fn a_stop_needs_a_trigger_the_last_trade_has_not_reached() {
    let mut world = World::open(plain());
    // Before the first trade no trigger is wrong.
    assert_eq!(world.place(stop(1, Side::Buy, 1, 5), 2), ["new 1 5/0"]);
    world.ask(&cancel(2, 1), 2);
    world.feed(&trade(3, 102, 1, BUYS));
    for (id, side, trigger, good) in [
        (10, Side::Buy, 101, false),
        (11, Side::Buy, 102, false),
        (12, Side::Buy, 103, true),
        (13, Side::Sell, 101, true),
        (14, Side::Sell, 102, false),
        (15, Side::Sell, 103, false),
    ] {
        let answer =
            if good { format!("new {id} 1/0") } else { format!("rejected {id} wrong-trigger") };
        assert_eq!(world.place(stop(id, side, trigger, 1), 3), [answer]);
    }
    assert_eq!(
        world.place(stop_limit(16, Side::Sell, (102, 90), 1), 3),
        ["rejected 16 wrong-trigger"]
    );
    assert_eq!(world.venue.open_orders(), 2);
}

#[test]
fn prices_and_triggers_belong_where_the_type_has_them() {
    let mut world = World::open(plain());
    let with = |mut spec: Spec, price: Option<i64>, trigger: Option<i64>| {
        spec.0.price_ticks = price.map_or(PriceTicks::UNDEF, PriceTicks);
        spec.0.stop_px_ticks = trigger.map_or(PriceTicks::UNDEF, PriceTicks);
        spec
    };
    let limited = |id| limit(id, Side::Buy, 100, 1);
    let marketed = |id| market(id, Side::Buy, 1);
    let stopped = |id| stop(id, Side::Buy, 110, 1);
    let both = |id| stop_limit(id, Side::Buy, (110, 111), 1);
    for spec in [
        with(limited(1), Some(100), Some(110)),
        with(limited(2), None, None),
        with(marketed(3), None, Some(110)),
        with(stopped(4), None, None),
        with(stopped(5), Some(100), Some(110)),
        with(both(6), Some(111), None),
        with(both(7), None, Some(110)),
        with(stopped(8), None, Some(0)),
        with(stopped(9), None, Some(-1)),
        with(both(10), Some(0), Some(110)),
    ] {
        let id = spec.0.cl_ord_id;
        assert_eq!(world.place(spec, 2), [format!("rejected {id} bad-price")]);
    }
    assert_eq!(world.place(with(stopped(11), None, Some(1)), 2), ["new 11 1/0"]);
    for spec in [both(12).post_only(), stopped(13).post_only()] {
        let id = spec.0.cl_ord_id;
        assert_eq!(world.place(spec, 2), [format!("rejected {id} unsupported")]);
    }
}

#[test]
fn only_a_recorded_trade_at_or_through_the_trigger_sets_a_stop_off() {
    // Quotes and depth beyond the trigger, and our own fills, do not.
    let mut world = World::open(plain());
    world.place(stop(1, Side::Buy, 103, 5), 2);
    assert_eq!(world.see(&quote(3, 11, (104, 1), (105, 40)), 3), NOTHING);
    assert_eq!(world.see(&delta(4, 12, [&[(104, 5)], &[(102, 0), (103, 0)]]), 4), NOTHING);
    world.place(market(2, Side::Buy, 3), 4);
    assert_eq!(world.see(&trade(5, 102, 9, BUYS), 5), NOTHING, "a tick short");
    assert_eq!(
        world.see(&trade(6, 103, 1, SELLS), 6),
        ["fill 1 5@105 taker 0/5"],
        "at it, whoever was the aggressor"
    );
    for (trigger, price, acts) in [(98, 99, false), (98, 98, true), (98, 97, true)] {
        let mut world = World::open(plain());
        world.place(stop(1, Side::Sell, trigger, 15), 2);
        let answers = world.see(&trade(3, price, 1, BUYS), 3);
        if acts {
            let fills = ["fill 1 10@100 taker 5/10", "fill 1 5@99 taker 0/15"];
            assert_eq!(answers, fills);
        } else {
            assert_eq!(answers, NOTHING);
            assert_eq!(world.venue.open_orders(), 1);
        }
    }
}

#[test]
fn a_stop_takes_what_is_there_and_expires_and_a_stop_limit_rests() {
    let mut world = World::open(plain());
    world.place(stop(1, Side::Buy, 104, 71), 2);
    world.place(stop_limit(2, Side::Sell, (98, 99), 40), 2);
    assert_eq!(
        world.see(&trade(3, 104, 1, BUYS), 3),
        [
            "fill 1 10@102 taker 61/10",
            "fill 1 20@103 taker 41/30",
            "fill 1 40@105 taker 1/70",
            "expired 1 0/70"
        ]
    );
    // No lot of the trade that sets it off is its own, though it would hit it.
    assert_eq!(
        world.see(&trade(4, 98, 50, AggressorSide::Unknown), 4),
        ["fill 2 10@100 taker 30/10", "fill 2 20@99 taker 10/30"]
    );
    assert_eq!(world.venue.queue_ahead(ClOrdId(2)), Some(QtyLots(0)));
    assert_eq!(world.see(&trade(5, 99, 4, BUYS), 5), ["fill 2 4@99 maker 6/34"]);
    assert_eq!(world.see(&trade(6, 98, 50, BUYS), 6), NOTHING, "below its limit");
}

#[test]
fn stops_act_in_order_of_arrival_after_the_fills_of_the_trade() {
    let mut world = World::open(plain());
    world.place(stop(3, Side::Buy, 103, 8), 2);
    world.place(limit(1, Side::Sell, 103, 2), 2);
    world.place(stop(2, Side::Buy, 102, 8), 2);
    assert_eq!(
        world.see(&trade(3, 104, 2, BUYS), 3),
        [
            "fill 1 2@103 maker 0/2",
            "fill 3 8@102 taker 0/8",
            "fill 2 2@102 taker 6/2",
            "fill 2 6@103 taker 0/8"
        ]
    );
}

#[test]
fn a_trigger_in_a_gap_or_halt_acts_when_the_market_is_open() {
    for is_gap in [true, false] {
        let mut world = World::open(plain());
        world.place(stop(1, Side::Buy, 104, 5), 2);
        world.place(stop_limit(2, Side::Buy, (104, 101), 5), 2);
        world.feed(&if is_gap { gap(3) } else { status(3, TradingStatus::Halted) });
        assert_eq!(world.see(&trade(4, 104, 1, BUYS), 4), NOTHING);
        assert_eq!(world.see(&trade(5, 90, 1, SELLS), 5), NOTHING, "once set off it stays so");
        assert_eq!(world.venue.open_orders(), 2);
        let book: [&[(i64, i64)]; 2] = [&[(101, 7)], &[(106, 10)]];
        if is_gap {
            world.feed(&snapshot(7, 20, book));
        } else {
            assert_eq!(world.see(&snapshot(6, 20, book), 6), NOTHING, "still halted");
            world.feed(&status(7, TradingStatus::Trading));
        }
        world.advance(7);
        assert_eq!(world.texts(), ["fill 1 5@106 taker 0/5"]);
        assert_eq!(world.venue.queue_ahead(ClOrdId(2)), Some(QtyLots(7)));
    }
}

#[test]
fn immediate_and_all_or_nothing_stops_speak_of_the_moment_after_the_trigger() {
    let mut world = World::open(plain());
    let tif = |spec: Spec, tif| spec.tif(tif);
    world.place(tif(stop_limit(1, Side::Buy, (104, 102), 15), TimeInForce::Ioc), 2);
    world.place(tif(stop_limit(2, Side::Buy, (104, 103), 21), TimeInForce::Fok), 2);
    world.place(tif(stop_limit(3, Side::Buy, (104, 103), 20), TimeInForce::Fok), 2);
    assert_eq!(world.venue.open_orders(), 3);
    assert_eq!(
        world.see(&trade(3, 104, 1, BUYS), 3),
        ["fill 1 10@102 taker 5/10", "expired 1 0/10", "expired 2 0/0", "fill 3 20@103 taker 0/20"]
    );
}

#[test]
fn a_waiting_stop_can_be_canceled_and_replaced_but_its_trigger_stays() {
    let mut world = World::open(plain());
    world.place(stop_limit(1, Side::Buy, (104, 104), 5), 2);
    world.place(stop(2, Side::Buy, 104, 5), 2);
    assert_eq!(world.ask(&replace(3, 1, 103, 12), 3), ["replaced 3 12/0"]);
    assert_eq!(world.ask(&replace(4, 2, 103, 1), 3), ["cancel-reject 4 bad-price new"]);
    assert_eq!(world.ask(&replace(5, 2, i64::MIN, 1), 3), ["replaced 5 1/0"]);
    assert_eq!(
        world.see(&trade(4, 104, 1, BUYS), 4),
        ["fill 3 10@102 taker 2/10", "fill 3 2@103 taker 0/12", "fill 5 1@103 taker 0/1"]
    );
    world.place(stop(6, Side::Sell, 99, 5), 5);
    assert_eq!(world.ask(&cancel(7, 6), 5), ["canceled 7 0/0"]);
    assert_eq!(world.see(&trade(6, 90, 1, SELLS), 6), NOTHING);
    assert_eq!(world.venue.open_orders(), 0);
}

#[test]
fn a_good_till_date_order_ends_at_its_expiry_and_not_before() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 101, 9).gtd(50), 2);
    assert_eq!(world.venue.next_due(), Some(TsNs(50)));
    assert_eq!(world.venue.next_in_flight(), None, "nothing is on its way");
    world.feed(&trade(49, 101, 1, SELLS));
    world.feed(&trade(50, 101, 1, SELLS));
    world.advance(49);
    assert_eq!(world.texts(), ["fill 1 1@101 maker 8/1"]);
    world.advance(50);
    let last = ["fill 1 1@101 maker 7/2", "expired 1 0/2"];
    assert_eq!(world.texts(), last, "after the frames of its last nanosecond");
    assert_eq!((world.venue.next_due(), world.venue.open_orders()), (None, 0));
    // A market frame past it finds it gone, at its own time.
    world.place(limit(2, Side::Buy, 101, 9).gtd(60), 51);
    world.feed(&trade(61, 101, 9, SELLS));
    let report = world.answers()[0].report();
    assert_eq!(report.header.ts_event_ns, TsNs(60));
    assert_eq!(Answer::Report(report).text(), "expired 2 0/0");
    assert_eq!(world.ask(&cancel(3, 2), 62), ["cancel-reject 3 too-late expired"]);
    // A cancel or replace in its last nanosecond still reaches it.
    world.place(limit(4, Side::Buy, 101, 9).gtd(70), 63);
    assert_eq!(world.ask(&replace(5, 4, 101, 5), 69), ["replaced 5 5/0"]);
    assert_eq!(world.ask(&cancel(6, 5), 70), ["canceled 6 0/0"]);
    assert_eq!(world.venue.next_due(), None);
    // A stop too, before its trigger and after.
    world.place(stop(7, Side::Buy, 110, 1).gtd(80), 71);
    world.place(stop_limit(8, Side::Buy, (103, 101), 3).gtd(80), 71);
    assert_eq!(world.see(&trade(72, 103, 1, BUYS), 72), NOTHING);
    world.advance(80);
    assert_eq!(world.texts(), ["expired 7 0/0", "expired 8 0/0"]);
}

#[test]
fn an_expiry_lies_in_the_future_and_belongs_to_good_till_date() {
    let mut world = World::open(plain());
    for (id, expire, good) in [(1, 9, false), (2, 10, false), (3, 11, true)] {
        let answer = if good { format!("new {id} 1/0") } else { format!("rejected {id} expired") };
        assert_eq!(world.place(limit(id, Side::Buy, 100, 1).gtd(expire), 10), [answer]);
    }
    let unsupported = |spec: Spec| (spec.0.cl_ord_id.get(), spec);
    let none = limit(4, Side::Buy, 100, 1).tif(TimeInForce::Gtd);
    let mut cases = vec![unsupported(none)];
    for (id, tif) in
        (5..).zip([TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok])
    {
        cases.push(unsupported(limit(id, Side::Buy, 102, 1).gtd(1_000).tif(tif)));
    }
    for (id, spec) in cases {
        assert_eq!(world.place(spec, 10), [format!("rejected {id} unsupported")]);
    }
    // The venue's clock counts, not the sender's.
    let mut slow = World::open(SimConfig { entry_latency: Latency::Constant(5), ..plain() });
    slow.order(limit(1, Side::Buy, 100, 1).gtd(15), 10);
    slow.advance(15);
    assert_eq!(slow.texts(), ["rejected 1 expired"]);
}

#[test]
fn a_day_order_ends_with_the_utc_day_of_venue_time() {
    for (placed, ends) in [(2, DAY_NS), (DAY_NS - 1, DAY_NS), (DAY_NS, 2 * DAY_NS)] {
        let mut world = World::open(plain());
        world.place(limit(1, Side::Buy, 100, 1).tif(TimeInForce::Day), placed);
        world.place(stop(2, Side::Buy, 110, 1).tif(TimeInForce::Day), placed);
        world.place(limit(3, Side::Buy, 100, 1), placed);
        assert_eq!(world.venue.next_due(), Some(TsNs(ends)), "{placed}");
        world.advance(ends - 1);
        assert_eq!(world.texts(), NOTHING);
        world.advance(ends);
        assert_eq!(world.texts(), ["expired 1 0/0", "expired 2 0/0"]);
        assert_eq!(world.venue.open_orders(), 1, "good till cancel stays");
    }
    // What never rested has no end to wait for.
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 102, 1).tif(TimeInForce::Day), 2);
    world.place(market(2, Side::Buy, 1).tif(TimeInForce::Day), 2);
    assert_eq!((world.venue.next_due(), world.venue.open_orders()), (None, 0));
}

#[test]
fn post_only_rests_under_any_time_in_force_that_rests() {
    let mut world = World::open(plain());
    let po = |id, price| limit(id, Side::Buy, price, 1).post_only();
    assert_eq!(world.place(po(1, 101).tif(TimeInForce::Day), 2), ["new 1 1/0"]);
    assert_eq!(world.place(po(2, 101).gtd(9), 2), ["new 2 1/0"]);
    assert_eq!(world.place(po(3, 102).gtd(9), 2), ["rejected 3 would-take"]);
}

/// A world that is long or short by this much.
fn holding(position: i64) -> World {
    let mut world = World::open(plain());
    let side = if position > 0 { Side::Buy } else { Side::Sell };
    if position != 0 {
        world.place(market(1, side, position.abs()), 2);
    }
    let id = wire::InstrumentId(0);
    assert_eq!(world.venue.ledger().position(id).get(), position);
    world
}

#[test]
fn reduce_only_takes_no_more_than_flattens_the_position() {
    for (position, side, qty, good) in [
        (0, Side::Buy, 1, false),
        (0, Side::Sell, 1, false),
        (5, Side::Buy, 1, false),
        (5, Side::Sell, 4, true),
        (5, Side::Sell, 5, true),
        (5, Side::Sell, 6, false),
        (-5, Side::Sell, 1, false),
        (-5, Side::Buy, 5, true),
        (-5, Side::Buy, 6, false),
    ] {
        let mut world = holding(position);
        let price = if side == Side::Buy { 90 } else { 110 };
        for spec in [limit(10, side, price, qty).reduce_only(), {
            let trigger = if side == Side::Buy { 120 } else { 80 };
            stop(11, side, trigger, qty).reduce_only()
        }] {
            let id = spec.0.cl_ord_id;
            let answer = if good {
                format!("new {id} {qty}/0")
            } else {
                format!("rejected {id} would-increase")
            };
            assert_eq!(world.place(spec, 3), [answer], "{position} {side:?} {qty}");
        }
    }
}

#[test]
fn a_resting_reduce_only_order_goes_when_the_position_has_no_room_for_it() {
    // The others before it at its price close the position within one trade.
    let mut world = holding(5);
    world.place(limit(2, Side::Sell, 101, 3), 3);
    world.place(limit(3, Side::Sell, 101, 5).reduce_only(), 3);
    assert_eq!(
        world.see(&trade(4, 101, 20, BUYS), 4),
        ["fill 2 3@101 maker 0/3", "canceled 3 0/0"]
    );
    // Alone it may flatten, in parts.
    let mut world = holding(5);
    world.place(limit(3, Side::Sell, 101, 5).reduce_only(), 3);
    assert_eq!(world.see(&trade(4, 101, 2, BUYS), 4), ["fill 3 2@101 maker 3/2"]);
    // One lot of room less, and it goes.
    assert_eq!(
        world.place(market(4, Side::Sell, 1), 5),
        ["new 4 1/0", "fill 4 1@100 taker 0/1", "canceled 3 0/2"]
    );
    // Two of them: the second only until the first has filled.
    let mut world = holding(-5);
    world.place(limit(2, Side::Buy, 101, 5).reduce_only(), 3);
    world.place(limit(3, Side::Buy, 101, 5).reduce_only(), 3);
    assert_eq!(world.venue.open_orders(), 2);
    assert_eq!(
        world.see(&trade(4, 101, 7, SELLS), 4),
        ["fill 2 5@101 maker 0/5", "canceled 3 0/0"]
    );
    // A replace may not ask for more than there is.
    let mut world = holding(5);
    world.place(limit(2, Side::Sell, 101, 3).reduce_only(), 3);
    assert_eq!(world.ask(&replace(3, 2, 101, 6), 4), ["cancel-reject 3 would-increase new"]);
    assert_eq!(world.ask(&replace(4, 2, 101, 5), 4), ["replaced 4 5/0"]);
}

#[test]
fn a_reduce_only_stop_is_asked_again_at_its_trigger() {
    for (sold, answers) in [(0, vec!["fill 2 5@99 taker 0/5"]), (1, vec!["canceled 2 0/0"])] {
        let mut world = holding(5);
        world.place(stop(2, Side::Sell, 95, 5).reduce_only(), 3);
        world.feed(&delta(3, 11, [&[(100, 0)], &[]]));
        if sold > 0 {
            world.place(market(3, Side::Sell, sold), 4);
        }
        assert_eq!(world.venue.open_orders(), 1, "it waits whatever the position");
        assert_eq!(world.see(&trade(5, 95, 1, SELLS), 5), answers);
        assert_eq!(world.venue.open_orders(), 0);
    }
}
