//! Random requests and random faults: whatever the client was told, the venue's own books add up,
//! resting orders fill only with a trade, and questions are answered with the truth. The sums here
//! are made from the fills alone, not with the venue's arithmetic.

use crate::ledger::Ledger;
use crate::stream::{Driver, STEP_NS, Step, anything};
use crate::support::*;
use corelane_venues::sim::{Budget, FaultPlan, Latency, SimConfig, Throttle, VenueFill};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use wire::order::{ExecType, OrdStatus, Side};
use wire::units::SEQ_UNDEF;
use wire::{InstrumentId, PriceTicks, TsNs, VenueId};

const BTC: InstrumentId = InstrumentId(0);
/// When the last outage is over.
const LATE: u64 = 1_000_000;

fn signed(report: &wire::order::ExecutionReport) -> i64 {
    let lots = report.last_qty_lots.get();
    if report.side == Side::Buy.code() { lots } else { -lots }
}

fn config(seed: u64, faults: usize, throttled: bool, latency: u64) -> SimConfig {
    let budget = Budget { per_s: 20_000_000, burst: 3 };
    let throttle = Throttle { messages: budget, cancels: None };
    SimConfig {
        faults: FaultPlan::drawn(seed, TsNs(1), 120 * STEP_NS, faults),
        throttle: throttled.then_some(throttle),
        entry_latency: Latency::Samples(vec![0, latency]),
        response_latency: Latency::Samples(vec![0, latency]),
        seed,
        ..plain()
    }
}

/// Plays the steps and lets every outage end.
fn played(config: SimConfig, steps: &[Step]) -> (Driver, Ledger) {
    let mut driver = Driver::new(config);
    let mut fed = Ledger::default();
    for step in steps {
        driver.step(step);
        if let Step::Trade { price, qty, aggressor } = step {
            fed.trades.insert(driver.now, vec![(*price, *qty, *aggressor)]);
        }
    }
    driver.world.advance(LATE);
    driver.world.answers();
    (driver, fed)
}

fn standing(fills: &[VenueFill]) -> impl Iterator<Item = &VenueFill> {
    fills.iter().filter(|fill| fill.bust.is_none())
}

/// The fills of each order, less what was taken back, are what the order says it filled.
fn orders_add_up(driver: &Driver) {
    let venue = &driver.world.venue;
    let mut cum: BTreeMap<u64, i64> = BTreeMap::new();
    for fill in standing(venue.ledger().fills()) {
        *cum.entry(fill.report.order_id).or_default() += fill.report.last_qty_lots.get();
    }
    let mut open = 0;
    for order in venue.orders() {
        let filled = cum.remove(&order.order_id).unwrap_or(0);
        assert_eq!(order.cum_qty_lots.get(), filled, "{order:?}");
        if order.leaves_qty_lots.get() > 0 {
            open += 1;
            let works = order.leaves_qty_lots.get() + filled;
            assert_eq!(works, order.qty_lots.get(), "{order:?}");
            assert!(matches!(order.status, OrdStatus::New | OrdStatus::PartiallyFilled));
        }
    }
    assert!(cum.is_empty(), "fills of no order: {cum:?}");
    assert_eq!(open, venue.open_orders());
}

/// What a client that lost everything rebuilds from a mass status and an order status each.
fn questions_tell_the_truth(driver: &mut Driver) {
    let world = &mut driver.world;
    world.venue.heal();
    world.send(&mass_status(5, VenueId(7)), LATE);
    world.advance(2 * LATE);
    let answers = world.answers();
    let mut told = Vec::new();
    for answer in &answers {
        match answer {
            Answer::Status(s) => {
                told.push((s.order_id, s.leaves_qty_lots, s.cum_qty_lots, s.price_ticks));
            }
            Answer::Position(p) => {
                let ledger = world.venue.ledger();
                assert_eq!(p.position_lots, ledger.position(BTC));
                assert_eq!(p.fills, u64::try_from(ledger.fills().len()).expect("few"));
            }
            Answer::End(end) => {
                assert_eq!((end.mass_status_id, end.positions), (5, 1));
                assert_eq!(usize::try_from(end.orders).expect("few"), told.len());
            }
            other => panic!("{other:?}"),
        }
    }
    let open = world.venue.orders().filter(|order| order.leaves_qty_lots.get() > 0);
    let open: Vec<_> =
        open.map(|o| (o.order_id, o.leaves_qty_lots, o.cum_qty_lots, o.price_ticks)).collect();
    assert_eq!(told, open);
    let ids: Vec<_> = world.venue.orders().map(|order| (order.cl_ord_id, order.order_id)).collect();
    let (mut position, mut seen) = (0, BTreeSet::new());
    for (asked_at, (cl_ord_id, order_id)) in (2 * LATE..).step_by(1_000).zip(ids) {
        world.send(&order_status(cl_ord_id.get(), order_id), asked_at);
        world.send(&order_status(cl_ord_id.get(), SEQ_UNDEF), asked_at);
        world.advance(asked_at + 999);
        for answer in world.answers() {
            match answer {
                Answer::Report(r) if seen.insert((r.exec_id, r.exec_type)) => {
                    let back = r.exec_type == ExecType::TradeCancel.code();
                    position += if back { -signed(&r) } else { signed(&r) };
                }
                Answer::Report(_) => {}
                Answer::Status(s) => {
                    let order = world.venue.order(s.cl_ord_id).expect("accepted");
                    assert_eq!(s.ord_status, order.status.code());
                    assert_eq!(s.order_id, order_id);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(position, world.venue.ledger().position(BTC).get());
}

proptest! {
    #[test]
    fn the_books_add_up_whatever_goes_wrong(
        steps in anything(),
        seed in any::<u64>(),
        faults in 0..30_usize,
        throttled in any::<bool>(),
        latency in 0..40_u64,
    ) {
        let (mut driver, mut fed) = played(config(seed, faults, throttled, latency), &steps);
        let ledger = driver.world.venue.ledger();
        let position: i64 = standing(ledger.fills()).map(|fill| signed(&fill.report)).sum();
        prop_assert_eq!(ledger.position(BTC).get(), position);
        prop_assert_eq!(ledger.avg_px_ticks(BTC) == PriceTicks::UNDEF, position == 0);
        // Resting orders fill with a trade, or by a fault that says so.
        let made = ledger.fills().iter().filter(|fill| !fill.is_overfill);
        for fill in made.filter(|fill| fill.report.liquidity == b'1') {
            fed.check_maker(&fill.report);
        }
        orders_add_up(&driver);
        questions_tell_the_truth(&mut driver);
    }

    #[test]
    fn a_seed_repeats_to_the_byte(
        steps in anything(),
        seed in any::<u64>(),
        faults in 0..30_usize,
    ) {
        let run = || played(config(seed, faults, true, 30), &steps).0.world.out;
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn reduce_only_never_turns_or_enlarges_a_position(steps in anything()) {
        let mut driver = Driver::new(plain());
        let mut position = 0_i64;
        let mut read = 0;
        for step in &steps {
            driver.step(step);
            let venue = &driver.world.venue;
            let kinds: BTreeMap<_, _> = venue.orders().map(|o| (o.order_id, o)).collect();
            for fill in &venue.ledger().fills()[read..] {
                let after = position + signed(&fill.report);
                let id = kinds[&fill.report.order_id].cl_ord_id.get();
                if driver.is_reduce_only(id) {
                    prop_assert!(after.abs() < position.abs());
                    prop_assert!(after == 0 || after.signum() == position.signum());
                }
                position = after;
            }
            read = venue.ledger().fills().len();
        }
    }
}
