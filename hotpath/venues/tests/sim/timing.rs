//! The total order of what happens at and around one nanosecond, latencies, and repeatability.

use crate::support::*;
use corelane_venues::sim::{Latency, SimConfig};
use wire::TsNs;
use wire::market::AggressorSide;
use wire::order::Side;

const SELLS: AggressorSide = AggressorSide::Sell;

fn slow(entry: u64, response: u64) -> SimConfig {
    SimConfig {
        entry_latency: Latency::Constant(entry),
        response_latency: Latency::Constant(response),
        ..plain()
    }
}

#[test]
fn a_request_takes_effect_after_market_frames_of_its_own_nanosecond() {
    // Arrives at 20. A trade at 19 or 20 is missed, one at 21 fills.
    for (traded_at, fills) in [(19, 0), (20, 0), (21, 1)] {
        let mut world = World::open(slow(10, 0));
        world.order(limit(1, Side::Buy, 101, 5), 10);
        world.feed(&trade(traded_at, 101, 5, SELLS));
        world.advance(30);
        let texts = world.texts();
        assert_eq!(texts.len(), 1 + fills, "{traded_at}: {texts:?}");
    }
}

#[test]
fn a_report_is_delivered_at_its_time_and_not_before() {
    let mut world = World::open(slow(10, 5));
    world.order(limit(1, Side::Buy, 101, 5), 10);
    assert_eq!(world.venue.next_due(), Some(TsNs(20)), "the arrival");
    world.advance(20);
    assert_eq!(world.venue.next_due(), Some(TsNs(25)), "the report");
    world.advance(24);
    assert!(world.texts().is_empty());
    // A market frame at 25 comes first, the report at 25 after it.
    world.feed(&trade(25, 101, 1, SELLS));
    assert!(world.texts().is_empty());
    world.advance(25);
    assert_eq!(world.texts(), ["new 1 5/0"]);
    assert_eq!(world.venue.next_due(), Some(TsNs(30)));
    world.feed(&trade(31, 101, 1, SELLS));
    assert_eq!(world.texts(), ["fill 1 1@101 maker 4/1"], "due before 31");
    world.advance(1_000);
    assert_eq!(world.texts().len(), 1);
    assert_eq!((world.venue.next_due(), world.venue.now()), (None, TsNs(1_000)));
}

#[test]
fn one_long_step_gives_what_many_short_ones_give() {
    let run = |step: usize| {
        let mut world = World::open(SimConfig {
            entry_latency: Latency::Samples(vec![3, 40, 200]),
            response_latency: Latency::Samples(vec![1, 30, 90]),
            ..plain()
        });
        for id in 1..60 {
            let at = id * 10;
            world.order(limit(id, Side::Buy, 101, 3), at);
            world.send(&cancel(id + 1_000, id), at + 5);
            world.feed(&trade(at + 9, 101, 2, SELLS));
            if step > 0 {
                (at..at + 9).step_by(step).for_each(|now| world.advance(now));
            }
        }
        world.advance(5_000);
        world.answers()
    };
    let all = run(0);
    assert!(all.len() > 118, "{}", all.len());
    assert_eq!(all, run(0), "the same seed repeats");
    // Steps that close a time before its requests were sent would differ: these do not.
    assert_eq!(all, run(9));
}

#[test]
fn messages_of_one_direction_never_overtake() {
    let mut world = World::open(SimConfig {
        entry_latency: Latency::Samples(vec![1, 500]),
        response_latency: Latency::Samples(vec![1, 500]),
        seed: 9,
        ..plain()
    });
    let mut last = TsNs(0);
    for id in 1..200 {
        let arrival = world.order(limit(id, Side::Buy, 90, 1), id * 3);
        assert!(arrival >= last);
        last = arrival;
    }
    world.advance(5_000);
    let answers = world.answers();
    assert_eq!(answers.len(), 199);
    let mut due = TsNs(0);
    for (id, answer) in (1..).zip(answers) {
        let report = answer.report();
        assert_eq!(report.cl_ord_id.get(), id, "reports keep the order of the requests");
        assert!(report.header.ts_recv_ns >= due);
        assert!(report.header.ts_recv_ns > report.header.ts_event_ns);
        due = report.header.ts_recv_ns;
    }
}

#[test]
fn what_comes_late_is_applied_at_the_present() {
    let mut world = World::open(slow(10, 0));
    world.advance(1_000);
    assert_eq!(world.order(limit(1, Side::Buy, 101, 5), 5), TsNs(1_000));
    world.advance(1_000);
    world.feed(&trade(20, 101, 5, SELLS));
    world.advance(1_000);
    let fill = world.answers()[1].report();
    assert_eq!(fill.header.ts_event_ns, TsNs(1_000));
    let mut untimed = trade(0, 101, 5, SELLS);
    untimed = match untimed.frame() {
        wire::Frame::Trade(trade) => {
            let mut trade = *trade;
            trade.header.ts_recv_ns = TsNs::UNDEF;
            framed(&trade, &[])
        }
        other => panic!("{other:?}"),
    };
    world.feed(&untimed);
    assert_eq!(world.venue.now(), TsNs(1_000));
}

#[test]
fn frames_of_other_instruments_and_kinds_are_passed_over() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 101, 5), 2);
    let foreign = match trade(3, 101, 5, SELLS).frame() {
        wire::Frame::Trade(trade) => {
            let mut trade = *trade;
            trade.header.instrument_id = wire::InstrumentId(9);
            framed(&trade, &[])
        }
        other => panic!("{other:?}"),
    };
    assert!(world.see(&foreign, 3).is_empty());
    assert!(world.see(&cancel(8, 1), 4).is_empty());
    assert_eq!(world.venue.open_orders(), 1);
}
