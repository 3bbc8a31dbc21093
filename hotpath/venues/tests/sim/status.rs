//! What the venue says of itself: mass status, order status, external orders, money.

use crate::support::*;
use corelane_venues::sim::{Fees, Latency, SimConfig};
use wire::instrument::{Instrument, InstrumentType};
use wire::market::AggressorSide;
use wire::order::{ExecutionReport, RejectReason, Side, TimeInForce};
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, InstrumentId, MoneyE9, PriceTicks, QtyLots, TsNs, VenueId};

const SELLS: AggressorSide = AggressorSide::Sell;
const BUYS: AggressorSide = AggressorSide::Buy;
const HERE: VenueId = VenueId(7);
const BTC: InstrumentId = InstrumentId(0);

#[test]
fn a_mass_status_is_every_open_order_every_position_and_their_count() {
    let mut world = World::open(plain());
    assert_eq!(world.ask(&mass_status(1, HERE), 2), ["position 1 0@- fills 0", "end 1 0+1"]);
    world.place(limit(3, Side::Buy, 102, 15), 2);
    world.place(limit(1, Side::Sell, 110, 4), 2);
    world.place(stop(2, Side::Sell, 90, 5).tif(TimeInForce::Day), 2);
    world.place(limit(4, Side::Buy, 99, 4), 2);
    world.ask(&cancel(5, 4), 2);
    world.ask(&replace(6, 1, 111, 3), 2);
    world.send(&mass_status(9, HERE), 3);
    world.advance(3);
    let answers = world.answers();
    let texts: Vec<_> = answers.iter().map(|answer| answer.text()).collect();
    assert_eq!(
        texts,
        [
            "status 9 3 partially-filled 5/10",
            "status 9 6 new 3/0",
            "status 9 2 new 5/0",
            "position 9 10@102 fills 1",
            "end 9 3+1"
        ]
    );
    let Answer::Status(stop) = answers[2] else { panic!("{:?}", answers[2]) };
    assert_eq!((stop.side, stop.ord_type, stop.time_in_force), (b'2', b'3', b'0'));
    assert_eq!((stop.price_ticks, stop.qty_lots), (PriceTicks::UNDEF, QtyLots(5)));
    let Answer::Status(moved) = answers[1] else { panic!("{:?}", answers[1]) };
    assert_eq!((moved.price_ticks, moved.header.instrument_id), (PriceTicks(111), BTC));
    assert!(answers.iter().all(|answer| answer.header().venue_id == HERE));
    // Of a venue the table does not have there is nothing; undefined asks for all.
    assert_eq!(world.ask(&mass_status(10, VenueId(8)), 4), ["end 10 0+0"]);
    assert_eq!(world.ask(&mass_status(11, VenueId::UNDEF), 4).last().expect("some"), "end 11 3+1");
}

#[test]
fn a_mass_status_is_of_one_venue() {
    let mut rows = [instrument(InstrumentType::Spot); 3];
    for (id, row) in (0..).zip(&mut rows) {
        row.header.instrument_id = InstrumentId(id);
    }
    rows[1].header.venue_id = VenueId(9);
    let mut world = World::of(plain(), &rows);
    let orders = (0..3).map(|id| {
        let mut spec = limit(u64::from(id) + 1, Side::Buy, 100, 1);
        spec.0.header.instrument_id = InstrumentId(id);
        spec
    });
    world.feed(&book_10());
    let answers: Vec<_> = orders.flat_map(|spec| world.place(spec, 2)).collect();
    assert_eq!(answers, ["new 1 1/0", "rejected 2 market-closed", "rejected 3 market-closed"]);
    let here =
        ["status 1 1 new 1/0", "position 1 0@- fills 0", "position 1 0@- fills 0", "end 1 1+2"];
    assert_eq!(world.ask(&mass_status(1, HERE), 3), here);
    let there = ["position 2 0@- fills 0", "end 2 0+1"];
    assert_eq!(world.ask(&mass_status(2, VenueId(9)), 3), there);
}

#[test]
fn questions_take_the_way_of_orders_and_answers_that_of_reports() {
    let latency = |ns| Latency::Constant(ns);
    let config = SimConfig { entry_latency: latency(10), response_latency: latency(5), ..plain() };
    let mut world = World::open(config);
    world.order(limit(1, Side::Buy, 101, 4), 20);
    assert_eq!(world.send(&mass_status(1, HERE), 20), TsNs(30));
    world.order(limit(2, Side::Buy, 101, 4), 20);
    world.feed(&trade(31, 101, 1, SELLS));
    world.advance(100);
    let answers = world.answers();
    let texts: Vec<_> = answers.iter().map(|answer| answer.text()).collect();
    // First in, first out: the question knows the order before it and not the one after.
    assert_eq!(
        texts,
        [
            "new 1 4/0",
            "status 1 1 new 4/0",
            "position 1 0@- fills 0",
            "end 1 1+1",
            "new 2 4/0",
            "fill 1 1@101 maker 3/1"
        ]
    );
    let header = answers[1].header();
    assert_eq!((header.ts_event_ns, header.ts_recv_ns), (TsNs(30), TsNs(35)));
}

fn fills_of(answers: &[Answer]) -> Vec<ExecutionReport> {
    let report = |answer: &Answer| match answer {
        Answer::Report(report) if report.last_qty_lots.get() > 0 => Some(*report),
        _ => None,
    };
    answers.iter().filter_map(report).collect()
}

#[test]
fn an_order_status_is_every_fill_again_and_how_the_order_stands() {
    let mut world = World::open(plain());
    world.order(limit(1, Side::Buy, 102, 15), 2);
    world.feed(&trade(3, 102, 2, SELLS));
    world.advance(3);
    let told = fills_of(&world.answers());
    assert_eq!(told.len(), 2);
    world.send(&order_status(1, SEQ_UNDEF), 9);
    world.advance(9);
    let answers = world.answers();
    let again = fills_of(&answers);
    assert_eq!(answers.last().expect("some").text(), "status 0 1 partially-filled 3/12");
    let same = |a: &ExecutionReport, b: &ExecutionReport| {
        let when = (a.header.ts_event_ns, b.header.ts_event_ns);
        let late = ExecutionReport { header: b.header, ..*a } == *b;
        late && when.0 == when.1 && b.header.ts_recv_ns == TsNs(9)
    };
    assert_eq!(again.len(), told.len());
    assert!(told.iter().zip(&again).all(|(a, b)| same(a, b)), "but for the delivery the same");
    // By the venue's id alone, under an old id, and done.
    let order_id = told[0].order_id;
    world.ask(&replace(2, 1, 102, 14), 10);
    for question in [order_status(1, SEQ_UNDEF), order_status(u64::MAX, order_id)] {
        let last = world.ask(&question, 11).pop().expect("some");
        assert_eq!(last, "status 0 2 partially-filled 2/12");
    }
    world.ask(&cancel(3, 2), 12);
    let last = world.ask(&order_status(2, order_id), 13).pop().expect("some");
    assert_eq!(last, "status 0 2 canceled 0/12");
}

#[test]
fn of_what_it_never_accepted_the_venue_says_so() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 100, 1), 2);
    world.place(limit(2, Side::Buy, -1, 1), 2);
    for (question, answer) in [
        (order_status(9, SEQ_UNDEF), "status 0 9 unknown 0/0"),
        (order_status(1, 77), "status 0 1 unknown 0/0"),
        (order_status(u64::MAX, 77), "status 0 - unknown 0/0"),
        (order_status(u64::MAX, SEQ_UNDEF), "status 0 - unknown 0/0"),
        (order_status(2, SEQ_UNDEF), "status 0 2 rejected 0/0"),
    ] {
        assert_eq!(world.ask(&question, 3), [answer]);
    }
}

#[test]
fn an_external_order_shows_in_the_mass_status_and_fills() {
    let mut world = World::open(plain());
    world.advance(2);
    let foreign = ClOrdId::new(77, 5).get();
    // Silent: the client learns of it only by asking.
    let mut silent = limit(u64::MAX, Side::Buy, 101, 4).0;
    let order_id = world.venue.place_external(&silent, false).expect("accepted");
    let reported = limit(foreign, Side::Sell, 102, 3).0;
    world.venue.place_external(&reported, true).expect("accepted");
    world.advance(2);
    assert_eq!(world.texts(), [format!("new {foreign} 3/0")]);
    assert_eq!(
        world.ask(&mass_status(1, HERE), 3),
        [
            "status 1 - new 4/0".to_owned(),
            format!("status 1 {foreign} new 3/0"),
            "position 1 0@- fills 0".to_owned(),
            "end 1 2+1".to_owned()
        ]
    );
    world.feed(&trade(4, 101, 3, SELLS));
    world.feed(&trade(4, 103, 1, BUYS));
    world.advance(4);
    assert_eq!(world.texts(), [format!("fill {foreign} 1@102 maker 2/1")]);
    let ledger = world.venue.ledger();
    assert_eq!((ledger.position(BTC).get(), ledger.fills().len()), (2, 2));
    assert_eq!(ledger.fill_count(BTC), 1, "what was reported");
    assert_eq!(
        world.ask(&order_status(u64::MAX, order_id), 5),
        ["fill - 3@101 maker 1/3", "status 0 - partially-filled 1/3"]
    );
    // It can be canceled by the venue's id alone.
    let mut request = *match cancel(8, u64::MAX).frame() {
        wire::Frame::CancelOrder(frame) => frame,
        other => panic!("{other:?}"),
    };
    assert_eq!(world.ask(&framed(&request, &[]), 6), ["cancel-reject 8 unknown-order unknown"]);
    request.order_id = order_id;
    assert_eq!(world.ask(&framed(&request, &[]), 6), [""; 0], "silent to its end");
    assert_eq!(world.venue.open_orders(), 1);
    // A refused one leaves no trace.
    silent.price_ticks = PriceTicks(-1);
    assert_eq!(world.venue.place_external(&silent, true), Err(RejectReason::BadPrice));
    world.advance(7);
    assert_eq!((world.texts().len(), world.venue.orders().count()), (0, 2));
}

fn balance(world: &World) -> i64 {
    world.venue.ledger().balance_e9(BTC).get()
}

#[test]
fn spot_money_is_the_start_plus_every_flow_less_fees() {
    let fees = Fees { maker_rate_e6: 0, taker_rate_e6: 1_000 };
    let mut world = World::open(SimConfig { fees, starting_balance_e9: 5_000_000, ..plain() });
    // A tick on a lot is 100e-9. 10 x 102 x 100 = 102,000 and a fee of 102.
    world.place(market(1, Side::Buy, 10), 2);
    assert_eq!(balance(&world), 5_000_000 - 102_000 - 102);
    let ledger = world.venue.ledger();
    assert_eq!(ledger.avg_px_ticks(BTC), PriceTicks(102));
    // 10 at 103 more: the average of 102 and 103 in whole ticks is 102.
    world.place(market(2, Side::Buy, 10), 3);
    assert_eq!(world.venue.ledger().avg_px_ticks(BTC), PriceTicks(102));
    // 10 at 100 sold: 100,000 less 100.
    world.place(market(3, Side::Sell, 10), 4);
    assert_eq!(balance(&world), 5_000_000 - 102_102 - 103_103 + 100_000 - 100);
    world.send(&mass_status(1, HERE), 5);
    world.advance(5);
    let answers = world.answers();
    let position = answers.iter().rev().find_map(|answer| match answer {
        Answer::Position(position) => Some(*position),
        _ => None,
    });
    let position = position.expect("one");
    assert_eq!(position.balance_e9, MoneyE9(balance(&world)));
    assert_eq!((position.position_lots.get(), position.fills), (10, 3));
}

#[test]
fn perpetual_money_moves_by_what_is_realised() {
    let world = |kind, row: fn(&mut Instrument)| {
        let mut instrument = instrument(kind);
        row(&mut instrument);
        let config = SimConfig { starting_balance_e9: 0, ..plain() };
        let mut world = World::with(config, instrument);
        world.feed(&book_10());
        world
    };
    let mut linear = world(InstrumentType::LinearPerp, |_| ());
    linear.place(market(1, Side::Sell, 10), 2);
    assert_eq!(balance(&linear), 0, "nothing is realised");
    // 4 bought back at 102 that were sold at 100: -2 x 4 x 100.
    linear.place(market(2, Side::Buy, 4), 3);
    assert_eq!(balance(&linear), -800);
    // Through zero: 6 more closed at 102, 6 opened there.
    linear.feed(&delta(4, 11, [&[], &[(102, 50)]]));
    linear.place(market(3, Side::Buy, 12), 4);
    assert_eq!(balance(&linear), -2_000);
    let ledger = linear.venue.ledger();
    assert_eq!((ledger.position(BTC).get(), ledger.avg_px_ticks(BTC)), (6, PriceTicks(102)));
    // Inverse: 2 contracts of 100 from 102 to 100: 200 x (100 - 102) / 102.
    let lot = |row: &mut Instrument| row.lot_size_e9 = 1_000_000_000;
    let mut inverse = world(InstrumentType::InversePerp, lot);
    inverse.place(market(1, Side::Buy, 2), 2);
    inverse.place(market(2, Side::Sell, 2), 3);
    assert_eq!(balance(&inverse), -3_921_568_627);
    assert_eq!(inverse.venue.ledger().avg_px_ticks(BTC), PriceTicks::UNDEF);
}
