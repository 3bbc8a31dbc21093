//! What the venue forgets of orders that are done, and what it never does.

use crate::support::*;
use corelane_venues::sim::{Fault, FaultPlan, REMEMBERED, Scripted, SimConfig, When};
use wire::order::Side;
use wire::units::SEQ_UNDEF;
use wire::{InstrumentId, TsNs};

const BTC: InstrumentId = InstrumentId(0);
/// Orders of one side and then the other.
const ORDERS: u64 = 3 * REMEMBERED as u64;

/// Buys and sells a lot in turn, each order filled at once, with the ids from `first` on.
fn trade_much(world: &mut World, first: u64) -> u64 {
    for n in first..first + ORDERS {
        let at = 10 * n;
        let lots = i64::try_from(100_000 + n).expect("few");
        world.feed(&snapshot(at, at, [&[(100, lots)], &[(102, lots)]]));
        let side = if n % 2 == 0 { Side::Buy } else { Side::Sell };
        let told = world.place(market(n, side, 1), at + 1);
        assert!(told.len() == 2, "order {n} is taken and filled: {told:?}");
    }
    10 * (first + ORDERS)
}

#[test]
fn orders_that_are_done_are_forgotten_and_their_money_is_not() {
    let mut world = World::open(plain());
    let start = world.venue.ledger().balance_e9(BTC).get();
    let end = trade_much(&mut world, 10);
    let held = world.venue.orders().count();
    assert!((REMEMBERED / 2..=REMEMBERED).contains(&held), "{held} orders");
    assert!(world.venue.ledger().fills().len() <= REMEMBERED, "as many fills");
    assert_eq!(
        world.ask(&order_status(10, SEQ_UNDEF), end),
        ["status 0 10 unknown 0/0"],
        "the first order"
    );
    let last = 10 + ORDERS - 1;
    assert_eq!(world.ask(&order_status(last, SEQ_UNDEF), end + 1).len(), 2, "fill and status");
    let ledger = world.venue.ledger();
    assert_eq!(ledger.position(BTC).get(), 0);
    assert_eq!(ledger.fill_count(BTC), ORDERS);
    // Bought at 102 and sold at 100, a lot each; a tick of a lot is 100.
    let pairs = i64::try_from(ORDERS / 2).expect("few");
    assert_eq!(start - ledger.balance_e9(BTC).get(), pairs * 2 * 100);
}

#[test]
fn an_open_order_is_never_forgotten_nor_any_behind_it() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 90, 4), 2);
    let end = trade_much(&mut world, 10);
    assert_eq!(world.venue.orders().count() as u64, ORDERS + 1);
    assert_eq!(world.ask(&order_status(1, SEQ_UNDEF), end), ["status 0 1 new 4/0"]);
    assert_eq!(world.ask(&cancel(2, 1), end + 1), ["canceled 2 0/0"]);
    world.feed(&snapshot(end + 2, end + 2, [&[(100, 10)], &[(102, 10)]]));
    assert_eq!(world.venue.orders().count(), REMEMBERED / 2, "now they all may be");
}

#[test]
fn a_fill_taken_back_leaves_what_was_forgotten_in_the_books() {
    let bust = Scripted { when: When::At(TsNs(10_000_000)), fault: Fault::Bust };
    let mut world = World::open(SimConfig { faults: FaultPlan(vec![bust]), ..plain() });
    let start = world.venue.ledger().balance_e9(BTC).get();
    trade_much(&mut world, 10);
    let before = world.venue.ledger().balance_e9(BTC).get();
    world.advance(10_000_000);
    let ledger = world.venue.ledger();
    // The last one sold a lot at 100.
    assert_eq!((ledger.position(BTC).get(), ledger.fill_count(BTC)), (1, ORDERS));
    assert_eq!(before - ledger.balance_e9(BTC).get(), 100 * 100);
    assert!(start > before);
}
