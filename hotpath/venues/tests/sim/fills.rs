//! Taking and resting, by hand: each rule at, below and above its edge.

use crate::support::*;
use corelane_venues::sim::{Fees, QueueModel, SimConfig};
use wire::instrument::InstrumentType;
use wire::market::{AggressorSide, FLAG_FIRST, FLAG_LAST};
use wire::order::{Side, TimeInForce};
use wire::{ClOrdId, MoneyE9, QtyLots};

const SELLS: AggressorSide = AggressorSide::Sell;
const BUYS: AggressorSide = AggressorSide::Buy;
const NOTHING: [&str; 0] = [];

#[test]
fn a_limit_order_takes_level_by_level_up_to_its_limit_and_rests_the_remainder() {
    let mut world = World::open(plain());
    let buy = limit(1, Side::Buy, 103, 35);
    assert_eq!(
        world.place(buy, 2),
        ["new 1 35/0", "fill 1 10@102 taker 25/10", "fill 1 20@103 taker 5/30"]
    );
    assert_eq!(world.venue.open_orders(), 1);
    assert_eq!(world.venue.queue_ahead(ClOrdId(1)), Some(QtyLots(0)));
    // Below the next level: 105 is beyond the limit, so nothing more until someone sells.
    assert_eq!(world.see(&trade(3, 105, 40, BUYS), 3), NOTHING);
    assert_eq!(world.see(&trade(4, 103, 9, SELLS), 4), ["fill 1 5@103 maker 0/35"]);
    assert_eq!(world.venue.open_orders(), 0);
}

#[test]
fn a_sell_takes_bids_from_the_best_down() {
    let mut world = World::open(plain());
    assert_eq!(
        world.place(limit(1, Side::Sell, 99, 15).tif(TimeInForce::Ioc), 2),
        ["new 1 15/0", "fill 1 10@100 taker 5/10", "fill 1 5@99 taker 0/15"]
    );
}

#[test]
fn what_was_taken_is_not_there_twice_until_the_venue_shows_another_quantity() {
    let mut world = World::open(plain());
    let ioc = |id, qty| limit(id, Side::Buy, 102, qty).tif(TimeInForce::Ioc);
    assert_eq!(world.place(ioc(1, 7), 2), ["new 1 7/0", "fill 1 7@102 taker 0/7"]);
    assert_eq!(world.place(ioc(2, 7), 3), ["new 2 7/0", "fill 2 3@102 taker 4/3", "expired 2 0/3"]);
    // The same quantity stated again, by depth or quote, and a gap, are no refresh.
    world.feed(&delta(4, 11, [&[], &[(102, 10)]]));
    assert_eq!(world.place(ioc(3, 7), 4), ["new 3 7/0", "expired 3 0/0"]);
    world.feed(&quote(5, 12, (100, 10), (102, 10)));
    assert_eq!(world.place(ioc(4, 7), 5), ["new 4 7/0", "expired 4 0/0"]);
    world.feed(&gap(6));
    world.feed(&snapshot(6, 20, [&[(100, 10)], &[(102, 10)]]));
    assert_eq!(world.place(ioc(5, 7), 6), ["new 5 7/0", "expired 5 0/0"]);
    // Another quantity is.
    world.feed(&delta(7, 21, [&[], &[(102, 9)]]));
    assert_eq!(world.place(ioc(6, 7), 7), ["new 6 7/0", "fill 6 7@102 taker 0/7"]);
    world.feed(&quote(8, 22, (100, 10), (102, 4)));
    assert_eq!(world.place(ioc(7, 7), 8), ["new 7 7/0", "fill 7 4@102 taker 3/4", "expired 7 0/4"]);
    // Gone and back is new liquidity, though the quantity is the same.
    world.feed(&quote(9, 23, (100, 10), (103, 4)));
    world.feed(&quote(10, 24, (100, 10), (102, 4)));
    assert_eq!(world.place(ioc(8, 4), 10), ["new 8 4/0", "fill 8 4@102 taker 0/4"]);
}

#[test]
fn market_orders_sweep_and_expire_the_rest() {
    let mut world = World::open(plain());
    assert_eq!(
        world.place(market(1, Side::Buy, 71), 2),
        [
            "new 1 71/0",
            "fill 1 10@102 taker 61/10",
            "fill 1 20@103 taker 41/30",
            "fill 1 40@105 taker 1/70",
            "expired 1 0/70"
        ]
    );
    assert_eq!(world.place(market(2, Side::Buy, 1), 3), ["rejected 2 no-liquidity"]);
}

#[test]
fn fill_or_kill_is_all_or_nothing_against_what_is_displayed() {
    let fok = |id, price, qty| limit(id, Side::Buy, price, qty).tif(TimeInForce::Fok);
    let mut world = World::open(plain());
    assert_eq!(world.place(fok(1, 103, 31), 2), ["rejected 1 no-liquidity"]);
    assert_eq!(
        world.place(fok(2, 103, 30), 3),
        ["new 2 30/0", "fill 2 10@102 taker 20/10", "fill 2 20@103 taker 0/30"]
    );
    assert_eq!(world.place(fok(3, 103, 1), 4), ["rejected 3 no-liquidity"]);
    assert_eq!(
        world.place(market(4, Side::Buy, 41).tif(TimeInForce::Fok), 5),
        ["rejected 4 no-liquidity"]
    );
    assert_eq!(
        world.place(market(5, Side::Buy, 40).tif(TimeInForce::Fok), 6),
        ["new 5 40/0", "fill 5 40@105 taker 0/40"]
    );
}

#[test]
fn a_newer_quote_is_the_touch_and_an_older_one_is_nothing() {
    let ioc = |id, price, qty| limit(id, Side::Buy, price, qty).tif(TimeInForce::Ioc);
    // At the depth's own update number the depth knows better.
    let mut world = World::open(plain());
    world.feed(&quote(2, 10, (100, 10), (101, 5)));
    assert_eq!(world.place(ioc(1, 101, 1), 2), ["new 1 1/0", "expired 1 0/0"]);
    // Newer: a better ask appears, what lies behind it stands.
    world.feed(&quote(3, 11, (100, 10), (101, 5)));
    assert_eq!(
        world.place(ioc(2, 102, 8), 3),
        ["new 2 8/0", "fill 2 5@101 taker 3/5", "fill 2 3@102 taker 0/8"]
    );
    // Newer still: the ask moved away, the better levels of the depth are gone.
    world.feed(&quote(4, 12, (100, 10), (103, 2)));
    assert_eq!(
        world.place(ioc(3, 105, 5), 4),
        ["new 3 5/0", "fill 3 2@103 taker 3/2", "fill 3 3@105 taker 0/5"]
    );
    // An older quote that comes late changes nothing.
    world.feed(&quote(5, 11, (100, 10), (101, 5)));
    assert_eq!(world.place(ioc(4, 102, 1), 5), ["new 4 1/0", "expired 4 0/0"]);
    // A depth message older than the quote leaves the touch, a newer one ends it.
    world.feed(&delta(6, 11, [&[], &[(102, 50)]]));
    assert_eq!(world.place(ioc(5, 102, 1), 6), ["new 5 1/0", "expired 5 0/0"]);
    world.feed(&delta(7, 12, [&[], &[]]));
    assert_eq!(world.place(ioc(6, 102, 1), 7), ["new 6 1/0", "fill 6 1@102 taker 0/1"]);
    // No ask at all.
    world.feed(&quote(8, 13, (100, 10), (0, 0)));
    assert_eq!(world.place(market(7, Side::Buy, 1), 8), ["rejected 7 no-liquidity"]);
}

#[test]
fn a_trade_at_the_price_eats_the_queue_first() {
    for (traded, expected) in [
        (9, vec![]),
        (10, vec![]),
        (11, vec!["fill 1 1@100 maker 4/1"]),
        (15, vec!["fill 1 5@100 maker 0/5"]),
        (99, vec!["fill 1 5@100 maker 0/5"]),
    ] {
        let mut world = World::open(plain());
        assert_eq!(world.place(limit(1, Side::Buy, 100, 5), 2), ["new 1 5/0"]);
        assert_eq!(world.venue.queue_ahead(ClOrdId(1)), Some(QtyLots(10)));
        assert_eq!(world.see(&trade(3, 100, traded, SELLS), 3), expected, "{traded}");
    }
}

#[test]
fn only_the_aggressor_on_the_other_side_and_a_price_at_or_through_fills() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 101, 5), 2);
    world.place(limit(2, Side::Sell, 102, 5), 2);
    assert_eq!(world.venue.queue_ahead(ClOrdId(1)), Some(QtyLots(0)));
    for (price, aggressor) in [(101, BUYS), (100, BUYS), (102, SELLS), (103, SELLS), (101, BUYS)] {
        assert_eq!(world.see(&trade(3, price, 50, aggressor), 3), NOTHING, "{price}");
    }
    assert_eq!(world.see(&trade(4, 101, 2, SELLS), 4), ["fill 1 2@101 maker 3/2"]);
    // Through: the queue of ten at 102 is gone, and the fill is at our limit.
    assert_eq!(world.see(&trade(5, 103, 2, BUYS), 5), ["fill 2 2@102 maker 3/2"]);
    assert_eq!(world.venue.queue_ahead(ClOrdId(2)), Some(QtyLots(0)));
    // Without an aggressor both sides are eligible, buys first, the trade's lots once.
    assert_eq!(world.see(&trade(6, 101, 4, AggressorSide::Unknown), 6), ["fill 1 3@101 maker 0/5"]);
    assert_eq!(world.see(&trade(7, 102, 4, AggressorSide::Unknown), 7), ["fill 2 3@102 maker 0/5"]);
}

#[test]
fn quotes_and_depth_through_a_resting_order_fill_nothing() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 101, 5), 2);
    assert_eq!(world.see(&quote(3, 11, (98, 1), (99, 50)), 3), NOTHING);
    assert_eq!(world.see(&delta(4, 12, [&[(100, 0), (99, 0)], &[(98, 5)]]), 4), NOTHING);
    assert_eq!(world.see(&snapshot(5, 13, [&[(90, 1)], &[(91, 1)]]), 5), NOTHING);
    assert_eq!(world.see(&trade(6, 101, 1, SELLS), 6), ["fill 1 1@101 maker 4/1"]);
}

#[test]
fn our_own_orders_share_a_trade_by_price_then_time() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 100, 4), 2);
    world.place(limit(2, Side::Buy, 101, 3), 3);
    world.feed(&delta(4, 11, [&[(100, 16)], &[]]));
    world.place(limit(3, Side::Buy, 100, 4), 4);
    assert_eq!(world.venue.queue_ahead(ClOrdId(3)), Some(QtyLots(16)));
    // 20 lots at 100: 3 to the better price, 10 to the queue, 4 to order 1, 3 to the six between.
    assert_eq!(
        world.see(&trade(5, 100, 20, SELLS), 5),
        ["fill 2 3@101 maker 0/3", "fill 1 4@100 maker 0/4"]
    );
    assert_eq!(world.venue.queue_ahead(ClOrdId(3)), Some(QtyLots(3)));
    assert_eq!(world.see(&trade(6, 100, 4, SELLS), 6), ["fill 3 1@100 maker 3/1"]);
    // A trade through fills up to its quantity.
    assert_eq!(world.see(&trade(7, 99, 2, SELLS), 7), ["fill 3 2@100 maker 1/3"]);
}

#[test]
fn a_later_own_order_never_stands_ahead_of_an_earlier_one() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 100, 4), 2);
    world.feed(&delta(3, 11, [&[(100, 2)], &[]]));
    world.place(limit(2, Side::Buy, 100, 4), 3);
    assert_eq!(world.venue.queue_ahead(ClOrdId(2)), Some(QtyLots(10)));
}

#[test]
fn a_model_never_lets_a_later_own_order_pass_an_earlier_one() {
    let power = QueueModel::Power { exponent: 3 };
    let mut world = World::open(SimConfig { queue_model: power, ..plain() });
    for (time, shown) in [(2, 15), (3, 20)] {
        world.feed(&delta(time, time + 10, [&[(100, shown)], &[]]));
        world.place(limit(time, Side::Buy, 100, 1), time);
    }
    world.feed(&delta(4, 14, [&[(100, 30)], &[]]));
    world.feed(&delta(5, 15, [&[(100, 10)], &[]]));
    // 20 of 30 leave. 15 ahead, 15 behind: 10, so 5 are left. 20 ahead, 10 behind: 17, so 3 would
    // be left, which is ahead of our own earlier order: 5.
    assert_eq!(world.venue.queue_ahead(ClOrdId(2)), Some(QtyLots(5)));
    assert_eq!(world.venue.queue_ahead(ClOrdId(3)), Some(QtyLots(5)));
}

#[test]
fn the_queue_moves_with_depth_by_the_model_and_never_with_quotes() {
    let config = |queue_model| SimConfig { queue_model, ..plain() };
    for (model, after_delta, after_newcomers) in [
        (QueueModel::RiskAverse, 10, 10),
        (QueueModel::Proportional, 5, 5),
        (QueueModel::Power { exponent: 3 }, 5, 5),
        (QueueModel::Log, 5, 5),
    ] {
        let mut world = World::open(config(model));
        world.place(limit(1, Side::Buy, 100, 4), 2);
        let ahead = |world: &World| world.venue.queue_ahead(ClOrdId(1)).expect("rests").get();
        world.feed(&quote(3, 11, (100, 1), (102, 10)));
        assert_eq!(ahead(&world), 10, "a quote never moves a queue");
        world.feed(&delta(4, 12, [&[(100, 5)], &[]]));
        assert_eq!(ahead(&world), after_delta, "{model:?}");
        world.feed(&delta(5, 13, [&[(100, 25)], &[]]));
        assert_eq!(ahead(&world), after_newcomers, "{model:?}");
    }
}

#[test]
fn a_queue_joined_at_a_newer_quote_waits_for_depth_as_new() {
    let mut world = World::open(SimConfig { queue_model: QueueModel::Proportional, ..plain() });
    world.feed(&quote(2, 20, (100, 30), (102, 10)));
    world.place(limit(1, Side::Buy, 100, 4), 2);
    assert_eq!(world.venue.queue_ahead(ClOrdId(1)), Some(QtyLots(30)));
    world.feed(&delta(3, 19, [&[(100, 12)], &[]]));
    assert_eq!(world.venue.queue_ahead(ClOrdId(1)), Some(QtyLots(30)), "older than the quote");
    world.feed(&delta(4, 20, [&[(100, 12)], &[]]));
    assert_eq!(world.venue.queue_ahead(ClOrdId(1)), Some(QtyLots(12)));
}

#[test]
fn a_message_in_two_frames_moves_the_queue_at_its_end() {
    let mut world = World::open(SimConfig { queue_model: QueueModel::Proportional, ..plain() });
    world.place(limit(1, Side::Buy, 100, 4), 2);
    world.feed(&delta_part(3, 11, [&[(100, 6)], &[]], FLAG_FIRST));
    assert_eq!(world.venue.queue_ahead(ClOrdId(1)), Some(QtyLots(10)));
    assert_eq!(world.place(limit(2, Side::Buy, 99, 1), 3), ["rejected 2 market-closed"]);
    world.feed(&delta_part(3, 11, [&[], &[(102, 1)]], FLAG_LAST));
    assert_eq!(world.venue.queue_ahead(ClOrdId(1)), Some(QtyLots(6)));
    assert_eq!(world.place(limit(3, Side::Buy, 99, 1), 4), ["new 3 1/0"]);
}

#[test]
fn fees_are_exact_and_round_against_us() {
    let fees = Fees { maker_rate_e6: -20, taker_rate_e6: 1_000 };
    let mut world = World::open(SimConfig { fees, ..plain() });
    world.order(limit(1, Side::Buy, 102, 13), 2);
    world.feed(&trade(3, 102, 1, SELLS));
    world.feed(&trade(4, 101, 1, SELLS));
    world.advance(4);
    let reports: Vec<_> = world.answers().into_iter().map(Answer::report).collect();
    // Value of a tick on a lot is 100e-9. Taker: 10 x 102 x 100 = 102,000; 0.1 % = 102.
    assert_eq!(reports[1].fee_e9, MoneyE9(102));
    // Maker: 1 x 102 x 100 = 10,200; -0.002 % = -0.204, a rebate of nothing.
    assert_eq!(reports[2].fee_e9, MoneyE9(0));
    assert_eq!((reports[0].fee_e9, reports.len()), (MoneyE9(0), 4));
    assert!(reports.iter().all(|r| r.order_id == reports[0].order_id && r.header.seq == 0));
    let mut exec_ids: Vec<_> = reports.iter().map(|r| r.exec_id).collect();
    exec_ids.dedup();
    assert_eq!(exec_ids.len(), 4, "exec ids are unique");
}

#[test]
fn inverse_contracts_are_taken_at_their_fixed_value() {
    let fees = Fees { maker_rate_e6: 0, taker_rate_e6: 500 };
    let mut row = instrument(InstrumentType::InversePerp);
    row.lot_size_e9 = 1_000_000_000;
    row.min_notional_e9 = 200_000_000_000;
    let mut world = World::with(SimConfig { fees, ..plain() }, row);
    world.feed(&book_10());
    assert_eq!(world.place(limit(1, Side::Buy, 102, 1), 2), ["rejected 1 bad-quantity"]);
    world.order(limit(2, Side::Buy, 102, 2), 3);
    world.advance(3);
    let fill = world.answers()[1].report();
    // Two contracts of 100: 200; 0.05 % is 0.1.
    assert_eq!(fill.fee_e9, MoneyE9(100_000_000));
}
