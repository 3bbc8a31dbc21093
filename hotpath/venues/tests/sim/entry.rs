//! Checks of new, cancel and replace, by hand: each at, below and above its limit.

use crate::support::*;
use corelane_venues::sim::{
    Fees, Latency, OrderError, Quantile, QueueModel, SimConfig, SimError, SimVenue,
};
use wire::instrument::InstrumentType;
use wire::market::{AggressorSide, TradingStatus};
use wire::order::{Side, TimeInForce};
use wire::{ClOrdId, DecodeError, InstrumentId, PriceTicks, QtyLots, StrategyId, TsNs, VenueId};

const SELLS: AggressorSide = AggressorSide::Sell;

#[test]
fn quantities_are_checked_at_both_ends() {
    let mut row = instrument(InstrumentType::LinearPerp);
    (row.min_qty_lots, row.max_qty_lots) = (QtyLots(5), QtyLots(8));
    let mut world = World::with(plain(), row);
    world.feed(&book_10());
    for (id, qty, good) in [(1, 4, false), (2, 5, true), (3, 8, true), (4, 9, false)] {
        let expected =
            if good { format!("new {id} {qty}/0") } else { format!("rejected {id} bad-quantity") };
        assert_eq!(world.place(limit(id, Side::Buy, 100, qty), 2), [expected]);
    }
}

#[test]
fn value_is_checked_at_the_limit_or_the_touch() {
    let mut row = instrument(InstrumentType::Spot);
    // A tick on a lot is 100e-9: 5 lots at 100 are 50,000e-9.
    row.min_notional_e9 = 50_000;
    let mut world = World::with(plain(), row);
    world.feed(&book_10());
    assert_eq!(world.place(limit(1, Side::Buy, 99, 5), 2), ["rejected 1 bad-quantity"]);
    assert_eq!(world.place(limit(2, Side::Buy, 100, 5), 2), ["new 2 5/0"]);
    assert_eq!(world.place(limit(3, Side::Buy, 101, 5), 2), ["new 3 5/0"]);
    // A market sale is valued at the best bid, 100.
    assert_eq!(world.place(market(4, Side::Sell, 4), 2), ["rejected 4 bad-quantity"]);
    assert_eq!(world.place(market(5, Side::Sell, 5), 2), ["new 5 5/0", "fill 5 5@100 taker 0/5"]);
    let huge = limit(6, Side::Buy, i64::MAX, 1_000);
    assert_eq!(world.place(huge, 2), ["rejected 6 exceeds-limit"]);
}

#[test]
fn prices_are_positive_and_belong_to_limit_orders() {
    let mut world = World::open(plain());
    for (id, price, answer) in
        [(1, -1, "rejected 1 bad-price"), (2, 0, "rejected 2 bad-price"), (3, 1, "new 3 1/0")]
    {
        assert_eq!(world.place(limit(id, Side::Buy, price, 1), 2), [answer]);
    }
    let mut priced = market(4, Side::Buy, 1);
    priced.0.price_ticks = PriceTicks(102);
    assert_eq!(world.place(priced, 2), ["rejected 4 bad-price"]);
    let mut unpriced = limit(5, Side::Buy, 1, 1);
    unpriced.0.price_ticks = PriceTicks::UNDEF;
    assert_eq!(world.place(unpriced, 2), ["rejected 5 bad-price"]);
}

#[test]
fn unknown_symbols_and_used_ids_are_refused() {
    let mut world = World::open(plain());
    let mut foreign = limit(1, Side::Buy, 100, 1);
    foreign.0.header.instrument_id = InstrumentId(1);
    assert_eq!(world.place(foreign, 2), ["rejected 1 unknown-symbol"]);
    assert_eq!(world.place(limit(1, Side::Buy, 100, 1), 2), ["rejected 1 duplicate-order"]);
    assert_eq!(world.place(limit(2, Side::Buy, 100, 1), 2), ["new 2 1/0"]);
    assert_eq!(world.place(limit(2, Side::Buy, 100, 1), 2), ["rejected 2 duplicate-order"]);
    assert_eq!(world.ask(&cancel(3, 2), 3), ["canceled 3 0/0"]);
    assert_eq!(world.place(limit(2, Side::Buy, 100, 1), 4), ["rejected 2 duplicate-order"]);
    assert_eq!(
        world.place(limit(u64::MAX, Side::Buy, 100, 1), 5),
        [format!("rejected {} unsupported", u64::MAX)]
    );
    assert_eq!(world.venue.open_orders(), 0);
}

#[test]
fn post_only_rests_or_is_refused() {
    let mut world = World::open(plain());
    let po = |id, price| limit(id, Side::Buy, price, 1).post_only();
    assert_eq!(world.place(po(1, 101), 2), ["new 1 1/0"]);
    assert_eq!(world.place(po(2, 102), 2), ["rejected 2 would-take"]);
    assert_eq!(world.place(po(3, 103), 2), ["rejected 3 would-take"]);
    assert_eq!(world.place(limit(4, Side::Sell, 100, 1).post_only(), 2), ["rejected 4 would-take"]);
    assert_eq!(world.place(limit(5, Side::Sell, 101, 1).post_only(), 2), ["new 5 1/0"]);
    for spec in [
        po(6, 101).tif(TimeInForce::Ioc),
        po(7, 101).tif(TimeInForce::Fok),
        market(8, Side::Buy, 1).post_only(),
    ] {
        let id = spec.0.cl_ord_id;
        assert_eq!(world.place(spec, 2), [format!("rejected {id} unsupported")]);
    }
}

#[test]
fn a_market_that_is_not_open_takes_no_order_but_lets_go() {
    let mut world = World::new(plain());
    assert_eq!(world.place(limit(1, Side::Buy, 100, 1), 0), ["rejected 1 market-closed"]);
    world.feed(&delta(1, 5, [&[(100, 10)], &[(102, 10)]]));
    assert_eq!(world.place(limit(2, Side::Buy, 100, 1), 1), ["rejected 2 market-closed"]);
    world.feed(&book_10());
    assert_eq!(world.place(limit(3, Side::Buy, 101, 9), 2), ["new 3 9/0"]);
    assert_eq!(world.place(limit(4, Side::Buy, 101, 9), 2), ["new 4 9/0"]);
    world.feed(&gap(3));
    assert_eq!(world.place(market(5, Side::Buy, 1), 3), ["rejected 5 market-closed"]);
    assert_eq!(
        world.ask(&replace(6, 3, 101, 5), 3),
        ["cancel-reject 6 market-closed new"],
        "a replace needs the market"
    );
    assert_eq!(world.ask(&cancel(7, 3), 3), ["canceled 7 0/0"], "a cancel does not");
    // A trade in the gap is still a trade.
    assert_eq!(world.see(&trade(4, 101, 2, SELLS), 4), ["fill 4 2@101 maker 7/2"]);
    world.feed(&snapshot(5, 50, [&[(100, 10)], &[(102, 10)]]));
    assert_eq!(world.place(limit(8, Side::Buy, 100, 1), 5), ["new 8 1/0"]);
    for (id, trading) in [
        (20, TradingStatus::Halted),
        (21, TradingStatus::Closed),
        (22, TradingStatus::Auction),
        (23, TradingStatus::Unknown),
    ] {
        world.feed(&status(6, trading));
        let answer = format!("rejected {id} market-closed");
        assert_eq!(world.place(limit(id, Side::Buy, 100, 1), 6), [answer]);
    }
    world.feed(&status(7, TradingStatus::Trading));
    assert_eq!(world.place(limit(30, Side::Buy, 100, 1), 7), ["new 30 1/0"]);
}

#[test]
fn a_cancel_that_loses_the_race_is_too_late() {
    let mut world = World::open(SimConfig { entry_latency: Latency::Constant(10), ..plain() });
    world.order(limit(1, Side::Buy, 101, 5), 0);
    world.order(limit(2, Side::Buy, 101, 5), 0);
    world.advance(10);
    world.texts();
    // Both cancels are on their way when the trade comes; at the same nanosecond the trade wins.
    world.send(&cancel(3, 1), 20);
    world.send(&cancel(4, 2), 21);
    world.feed(&trade(30, 101, 7, SELLS));
    world.advance(30);
    assert_eq!(
        world.texts(),
        ["fill 1 5@101 maker 0/5", "fill 2 2@101 maker 3/2", "cancel-reject 3 too-late filled"]
    );
    world.feed(&trade(32, 101, 7, SELLS));
    world.advance(32);
    assert_eq!(world.texts(), ["canceled 4 0/2"], "a nanosecond before the trade");
    assert_eq!(world.ask(&cancel(5, 2), 40), [""; 0]);
    world.advance(50);
    assert_eq!(world.texts(), ["cancel-reject 5 too-late canceled"]);
}

#[test]
fn requests_for_what_never_was_are_unknown() {
    let mut world = World::open(plain());
    assert_eq!(world.ask(&cancel(2, 1), 2), ["cancel-reject 2 unknown-order unknown"]);
    assert_eq!(world.ask(&replace(3, 1, 100, 1), 2), ["cancel-reject 3 unknown-order unknown"]);
    world.place(limit(4, Side::Buy, -1, 1), 2);
    assert_eq!(world.ask(&cancel(5, 4), 2), ["cancel-reject 5 too-late rejected"]);
    world.order(limit(6, Side::Buy, 100, 1), 2);
    world.advance(2);
    let order_id = world.answers()[0].report().order_id;
    let mut request = *match cancel(7, 6).frame() {
        wire::Frame::CancelOrder(frame) => frame,
        other => panic!("{other:?}"),
    };
    request.order_id = order_id + 1;
    let answers = world.ask(&framed(&request, &[]), 3);
    assert_eq!(answers, ["cancel-reject 7 unknown-order unknown"]);
    request.order_id = order_id;
    assert_eq!(world.ask(&framed(&request, &[]), 3), ["canceled 7 0/0"]);
}

#[test]
fn a_replace_keeps_the_queue_only_where_it_asks_for_no_more() {
    // (price, quantity, queue ahead afterwards); order 1 stands 6 deep, 16 are displayed.
    for (price, qty, ahead) in [(100, 4, 6), (100, 5, 6), (100, 6, 16), (99, 4, 20), (101, 4, 0)] {
        let mut world = World::open(plain());
        world.place(limit(1, Side::Buy, 100, 5), 2);
        world.feed(&trade(3, 100, 4, SELLS));
        world.feed(&delta(4, 11, [&[(100, 16)], &[]]));
        let answer = format!("replaced 2 {qty}/0");
        assert_eq!(world.ask(&replace(2, 1, price, qty), 5), [answer]);
        assert_eq!(world.venue.queue_ahead(ClOrdId(2)), Some(QtyLots(ahead)), "{price} {qty}");
        let fill = format!("fill 2 {qty}@{price} maker 0/{qty}");
        assert_eq!(world.see(&trade(6, 98, 50, SELLS), 6), [fill]);
    }
}

#[test]
fn a_replace_counts_what_was_filled_and_may_take() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 101, 5), 2);
    world.see(&trade(3, 101, 3, SELLS), 3);
    let refused = ["cancel-reject 2 too-late partially-filled"];
    assert_eq!(world.ask(&replace(2, 1, 101, 3), 4), refused, "no more than is filled");
    assert_eq!(world.ask(&replace(3, 1, 101, 4), 4), ["replaced 3 1/3"]);
    assert_eq!(
        world.ask(&replace(4, 3, 102, 20), 5),
        ["replaced 4 17/3", "fill 4 10@102 taker 7/13"]
    );
    assert_eq!(world.see(&trade(6, 102, 9, SELLS), 6), ["fill 4 7@102 maker 0/20"]);
    assert_eq!(world.ask(&replace(5, 4, 102, 30), 7), ["cancel-reject 5 too-late filled"]);
}

#[test]
fn a_refused_replace_changes_nothing() {
    let mut row = instrument(InstrumentType::Spot);
    row.max_qty_lots = QtyLots(50);
    row.min_notional_e9 = 200;
    let mut world = World::with(plain(), row);
    world.feed(&book_10());
    world.place(limit(1, Side::Buy, 100, 5).post_only(), 2);
    world.place(limit(2, Side::Buy, 99, 5), 2);
    for (id, price, qty, reason) in [
        (10, 102, 5, "would-take"),
        (11, 100, 51, "bad-quantity"),
        (12, 0, 5, "bad-price"),
        (13, i64::MIN, 5, "bad-price"),
        (14, i64::MAX, 5, "exceeds-limit"),
        (15, 1, 1, "bad-quantity"),
        (2, 100, 4, "duplicate-order"),
    ] {
        let answer = format!("cancel-reject {id} {reason} new");
        assert_eq!(world.ask(&replace(id, 1, price, qty), 3), [answer]);
        assert_eq!(world.venue.queue_ahead(ClOrdId(1)), Some(QtyLots(10)));
    }
    assert_eq!(world.see(&trade(4, 100, 15, SELLS), 4), ["fill 1 5@100 maker 0/5"]);
}

#[test]
fn after_a_replace_the_old_id_can_only_be_canceled() {
    let mut world = World::open(plain());
    world.place(limit(1, Side::Buy, 100, 5), 2);
    world.ask(&replace(2, 1, 99, 5), 3);
    assert_eq!(world.ask(&replace(3, 1, 98, 5), 4), ["cancel-reject 3 too-late new"]);
    world.send(&cancel(4, 1), 5);
    world.advance(5);
    let report = world.answers()[0].report();
    assert_eq!((report.cl_ord_id, report.orig_cl_ord_id), (ClOrdId(4), ClOrdId(1)));
    assert_eq!(world.venue.open_orders(), 0);
}

#[test]
fn reports_carry_their_owner_and_both_times() {
    let latency = |ns| Latency::Constant(ns);
    let config = SimConfig { entry_latency: latency(30), response_latency: latency(7), ..plain() };
    let mut world = World::open(config);
    assert_eq!(world.order(limit(1, Side::Buy, 102, 1), 100), TsNs(130));
    world.advance(1_000);
    for answer in world.answers() {
        let header = answer.report().header;
        assert_eq!((header.ts_event_ns, header.ts_recv_ns), (TsNs(130), TsNs(137)));
        assert_eq!((header.instrument_id, header.venue_id), (InstrumentId(0), VenueId(7)));
        assert_eq!(header.strategy_id, StrategyId(3));
    }
    world.send(&cancel(2, 1), 1_000);
    world.advance(1_037);
    let header = world.answers()[0].reject().header;
    assert_eq!((header.ts_event_ns, header.ts_recv_ns), (TsNs(1_030), TsNs(1_037)));
}

#[test]
fn what_is_no_request_is_an_error_and_changes_nothing() {
    let mut world = World::open(plain());
    let error = world.venue.on_order(&[0; 8], TsNs(1));
    assert_eq!(error, Err(OrderError::Frame(DecodeError::Truncated)));
    let error = world.venue.on_order(trade(1, 1, 1, SELLS).bytes(), TsNs(1));
    assert_eq!(error, Err(OrderError::NotARequest(3)));
    assert_eq!(world.venue.next_due(), None);
}

#[test]
fn a_venue_that_cannot_be_exact_is_not_built() {
    let row = instrument(InstrumentType::Spot);
    let build = |config, rows: &[_]| SimVenue::new(config, rows).map(|_| ());
    assert_eq!(build(plain(), &[row]), Ok(()));
    let mut moved = row;
    moved.header.instrument_id = InstrumentId(4);
    assert_eq!(build(plain(), &[moved]), Err(SimError::BadTable { row: 0, found: 4 }));
    let mut odd = row;
    (odd.tick_size_e9, odd.lot_size_e9) = (7, 7);
    let error = SimError::NotAccountable { symbol: "BTCUSDT".into() };
    assert_eq!(build(plain(), &[odd]), Err(error));
    let quantiles = vec![Quantile { at_e6: 0, ns: 1 }];
    for (config, error) in [
        (SimConfig { entry_latency: Latency::Samples(vec![]), ..plain() }, SimError::NoSamples),
        (
            SimConfig { response_latency: Latency::Quantiles(quantiles), ..plain() },
            SimError::BadQuantiles,
        ),
        (
            SimConfig { queue_model: QueueModel::Power { exponent: 4 }, ..plain() },
            SimError::BadExponent(4),
        ),
        (
            SimConfig { fees: Fees { maker_rate_e6: 0, taker_rate_e6: 100_001 }, ..plain() },
            SimError::BadFeeRate(100_001),
        ),
    ] {
        assert_eq!(build(config, &[row]), Err(error));
    }
}
