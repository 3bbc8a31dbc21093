//! The queue order by order: who leaves ahead of us moves us, who leaves behind us does not.

use crate::support::*;
use corelane_venues::sim::{QueueModel, SimConfig};
use wire::market::AggressorSide;
use wire::order::Side;
use wire::{ClOrdId, QtyLots};

/// 10 at 100 that nobody knows by order, 4 of order 7 behind them, then ours, then 6 of order 8.
fn world() -> World {
    let mut world = World::open(SimConfig { queue_model: QueueModel::L3Fifo, ..plain() });
    world.feed(&order_delta(2, 7, [&[(100, 14)], &[]]));
    world.place(limit(1, Side::Buy, 100, 3), 3);
    world.feed(&order_delta(4, 8, [&[(100, 20)], &[]]));
    world
}

const SELLS: AggressorSide = AggressorSide::Sell;

fn ahead(world: &World) -> i64 {
    world.venue.queue_ahead(ClOrdId(1)).map_or(-1, QtyLots::get)
}

#[test]
fn who_leaves_is_known() {
    let mut world = world();
    assert_eq!(ahead(&world), 14);
    world.feed(&order_delta(5, 8, [&[(100, 17)], &[]]));
    assert_eq!(ahead(&world), 14, "half of the order behind us left");
    world.feed(&order_delta(6, 7, [&[(100, 13)], &[]]));
    assert_eq!(ahead(&world), 10, "the order just ahead of us left");
    world.feed(&order_delta(7, 99, [&[(100, 9)], &[]]));
    assert_eq!(ahead(&world), 6, "one that was there before the recording left");
    world.feed(&delta(8, 108, [&[(100, 8)], &[]]));
    assert_eq!(ahead(&world), 6, "whoever it was, it was the last");
    world.feed(&delta(9, 109, [&[(101, 5)], &[]]));
    assert_eq!(ahead(&world), 6, "another price");
}

#[test]
fn a_trade_and_the_change_it_makes_count_once() {
    let mut world = world();
    world.feed(&trade(5, 100, 10, SELLS));
    assert_eq!(ahead(&world), 4);
    world.feed(&order_delta(5, 99, [&[(100, 10)], &[]]));
    assert_eq!(ahead(&world), 4);
    world.feed(&trade(6, 100, 6, SELLS));
    world.feed(&order_delta(6, 7, [&[(100, 6)], &[]]));
    world.advance(6);
    // 4 for order 7, 2 for us.
    assert_eq!(world.answers().len(), 1);
    assert_eq!(ahead(&world), 0);
}

#[test]
fn after_a_snapshot_all_it_shows_is_ahead() {
    let mut world = world();
    world.feed(&order_delta(5, 7, [&[(100, 16)], &[]]));
    assert_eq!(ahead(&world), 10);
    world.feed(&snapshot(6, 200, [&[(100, 12)], &[(102, 10)]]));
    assert_eq!(ahead(&world), 12);
    world.feed(&order_delta(7, 9, [&[(100, 15)], &[]]));
    assert_eq!(ahead(&world), 12);
}
