//! The venue's message budget, to the message and the nanosecond.

use crate::support::*;
use corelane_venues::sim::{Budget, SimConfig, SimError, SimVenue, Throttle};
use wire::VenueId;
use wire::order::Side;

fn throttled(messages: Budget, cancels: Option<Budget>) -> World {
    let config = SimConfig { throttle: Some(Throttle { messages, cancels }), ..plain() };
    World::open(config)
}

const TWO: Budget = Budget { per_s: 1, burst: 2 };
const SECOND: u64 = 1_000_000_000;

#[test]
fn what_is_beyond_the_burst_is_refused_until_the_budget_is_back() {
    let mut world = throttled(TWO, None);
    assert_eq!(world.place(limit(1, Side::Buy, 100, 1), 2), ["new 1 1/0"]);
    assert_eq!(world.ask(&replace(2, 1, 99, 1), 2), ["replaced 2 1/0"]);
    assert_eq!(world.place(limit(3, Side::Buy, 100, 1), 2), ["rejected 3 throttled"]);
    assert_eq!(world.ask(&replace(4, 2, 98, 1), 2), ["cancel-reject 4 throttled new"]);
    assert_eq!(world.ask(&cancel(5, 2), 2), ["cancel-reject 5 throttled new"]);
    assert_eq!(world.ask(&cancel(6, 77), 2), ["cancel-reject 6 throttled unknown"]);
    // One message a second: a nanosecond short of it none is back.
    assert_eq!(world.ask(&cancel(7, 2), SECOND + 1), ["cancel-reject 7 throttled new"]);
    assert_eq!(world.ask(&cancel(8, 2), SECOND + 2), ["canceled 8 0/0"]);
    assert_eq!(
        world.place(limit(3, Side::Buy, 100, 1), 9 * SECOND),
        ["rejected 3 duplicate-order"],
        "a throttled order's id is used up"
    );
}

#[test]
fn cancels_may_have_a_budget_of_their_own() {
    let mut world = throttled(TWO, Some(Budget { per_s: 1, burst: 1 }));
    assert_eq!(world.place(limit(1, Side::Buy, 100, 1), 2), ["new 1 1/0"]);
    assert_eq!(world.place(limit(2, Side::Buy, 100, 1), 2), ["new 2 1/0"]);
    assert_eq!(world.place(limit(3, Side::Buy, 100, 1), 2), ["rejected 3 throttled"]);
    assert_eq!(world.ask(&cancel(4, 1), 2), ["canceled 4 0/0"], "orders do not spend it");
    assert_eq!(world.ask(&cancel(5, 2), 2), ["cancel-reject 5 throttled new"]);
    let later = 2 + 2 * SECOND;
    assert_eq!(world.place(limit(6, Side::Buy, 100, 1), later), ["new 6 1/0"]);
    assert_eq!(world.place(limit(7, Side::Buy, 100, 1), later), ["new 7 1/0"]);
    assert_eq!(world.ask(&cancel(8, 2), later), ["canceled 8 0/0"]);
    assert_eq!(world.ask(&cancel(9, 6), later), ["cancel-reject 9 throttled new"]);
}

#[test]
fn questions_spend_nothing_and_a_budget_of_nothing_is_refused() {
    let mut world = throttled(TWO, None);
    for id in 1..20 {
        world.ask(&mass_status(id, VenueId(7)), 2);
        world.ask(&order_status(9, wire::units::SEQ_UNDEF), 2);
    }
    assert_eq!(world.place(limit(1, Side::Buy, 100, 1), 2), ["new 1 1/0"]);
    let throttle = Throttle { messages: Budget { per_s: 0, burst: 1 }, cancels: None };
    let config = SimConfig { throttle: Some(throttle), ..plain() };
    assert_eq!(SimVenue::new(config, &[]).map(|_| ()), Err(SimError::BadThrottle));
}
