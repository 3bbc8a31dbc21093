//! The venue over a recorded Binance session: passive orders all day long, checked against the
//! recorded trades by the ledger and by the closed form. Reads the raw text with a general parser
//! of its own, so that it does not lean on the feed handler.

use crate::ledger::Ledger;
use crate::support::*;
use corelane_venues::sim::{Latency, QueueModel, SimConfig};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use wire::ClOrdId;
use wire::decimal::parse_increments;
use wire::market::AggressorSide;
use wire::order::{ExecType, ExecutionReport, Side, TimeInForce};

const TICK_E9: i64 = 10_000_000;

/// One recorded message.
struct Event {
    at: u64,
    frame: Framed,
    /// Price, quantity, aggressor, where it is a trade.
    trade: Option<(i64, i64, AggressorSide)>,
    /// Best bid and ask with quantities, where it is a quote.
    quote: Option<[(i64, i64); 2]>,
}

fn recording(name: &str, lot_e9: i64, test: &str) -> Option<Vec<Event>> {
    let root = std::env::var_os("CORELANE_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join("binance-raw").join(name);
    let Ok(file) = File::open(&path) else {
        eprintln!("SKIPPED {test}: no {}", path.display());
        return None;
    };
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    Some(lines.filter_map(|line| event(&line.expect("text"), lot_e9)).collect())
}

fn event(line: &str, lot_e9: i64) -> Option<Event> {
    let (at, json) = line.split_once(' ').expect("time and message");
    let at: u64 = at.parse().expect("nanoseconds");
    let message: Value = serde_json::from_str(json).expect("JSON");
    let number = |value: &Value, unit| {
        parse_increments(value.as_str().expect("text").as_bytes(), unit).expect("on the increment")
    };
    let levels = |value: &Value| -> Vec<(i64, i64)> {
        let rows = value.as_array().expect("levels").iter();
        rows.map(|row| (number(&row[0], TICK_E9), number(&row[1], lot_e9))).collect()
    };
    let id = |value: &Value| value.as_u64().expect("a number");
    let plain = |frame| Event { at, frame, trade: None, quote: None };
    if message.get("lastUpdateId").is_some() {
        let (bids, asks) = (levels(&message["bids"]), levels(&message["asks"]));
        return Some(plain(snapshot(at, id(&message["lastUpdateId"]), [&bids, &asks])));
    }
    let data = &message["data"];
    let stream = message["stream"].as_str().expect("a stream");
    if stream.contains("@depth") {
        let (bids, asks) = (levels(&data["b"]), levels(&data["a"]));
        return Some(plain(delta(at, id(&data["u"]), [&bids, &asks])));
    }
    if stream.ends_with("@bookTicker") {
        let side = |p, q| (number(&data[p], TICK_E9), number(&data[q], lot_e9));
        let (bid, ask) = (side("b", "B"), side("a", "A"));
        let frame = quote(at, id(&data["u"]), bid, ask);
        return Some(Event { quote: Some([bid, ask]), ..plain(frame) });
    }
    if stream.ends_with("@trade") {
        let (price, qty) = (number(&data["p"], TICK_E9), number(&data["q"], lot_e9));
        let buyer_made = data["m"].as_bool().expect("a flag");
        let aggressor = if buyer_made { AggressorSide::Sell } else { AggressorSide::Buy };
        if price <= 0 || qty <= 0 {
            return None;
        }
        let frame = trade(at, price, qty, aggressor);
        return Some(Event { trade: Some((price, qty, aggressor)), ..plain(frame) });
    }
    None
}

/// The snapshot has old far orders in millionths, below today's size increment of 0.00001.
const SPOT: (&str, i64) = ("spot_btcusdt_20240808.jsonl.gz", 1_000);
const PERP: (&str, i64) = ("usdm_ethusdt_20240808.jsonl.gz", 1_000_000);

/// A quoter with both sides up at three distances, canceling and replacing as it goes, and a taker
/// now and then. Returns everything the venue said, checked.
fn quote_all_day(events: &[Event], queue_model: QueueModel) -> (Vec<Answer>, Ledger) {
    let mut world = World::new(SimConfig {
        queue_model,
        entry_latency: Latency::Samples(vec![300_000, 900_000, 4_000_000, 25_000_000]),
        response_latency: Latency::Constant(700_000),
        ..plain()
    });
    let (mut ledger, mut all) = (Ledger::default(), Vec::new());
    let mut ids = 0_u64;
    let mut last_quote = None;
    let mut stops = Vec::new();
    for (i, event) in events.iter().enumerate() {
        if let Some(row) = event.trade {
            ledger.trades.entry(event.at).or_default().push(row);
        }
        world.feed(&event.frame);
        last_quote = event.quote.or(last_quote);
        let Some([bid, ask]) = last_quote else {
            continue;
        };
        let at = event.at;
        if i % 60 == 0 {
            for (side, price, step) in [(Side::Buy, bid.0, -1), (Side::Sell, ask.0, 1)] {
                for distance in 0..3 {
                    ids += 1;
                    let qty = i64::try_from(ids % 7 + 1).expect("small") * 100;
                    let spec = limit(ids, side, price + step * distance * 20, qty);
                    let spec = match ids % 4 {
                        0 => spec.gtd(at + 30_000_000_000),
                        1 => spec.tif(TimeInForce::Day),
                        _ => spec,
                    };
                    world.order(if ids.is_multiple_of(5) { spec } else { spec.post_only() }, at);
                }
            }
        }
        if i % 90 == 0 && ids > 20 {
            world.send(&cancel(1_000_000 + ids, ids - 17), at);
            world.send(&replace(2_000_000 + ids, ids - 8, bid.0, 250), at);
        }
        if i % 300 == 0 {
            // A tick or more beyond the touch, and back at the touch once it is set off.
            for (side, (trigger, price)) in
                [(Side::Buy, (ask.0 + 10, bid.0)), (Side::Sell, (bid.0 - 10, ask.0))]
            {
                ids += 1;
                stops.push(ids);
                world.order(stop_limit(ids, side, (trigger, price), 300), at);
            }
        }
        if i % 1_500 == 0 {
            ids += 1;
            world.order(market(ids, if i % 3_000 == 0 { Side::Buy } else { Side::Sell }, 500), at);
        }
        all.extend(world.answers());
    }
    world.advance(u64::MAX - 1);
    all.extend(world.answers());
    ledger.check_all(&all);
    stops_fill_and_orders_expire(&all, &stops);
    let working = ledger.orders.values().filter(|order| order.leaves > 0).count();
    assert_eq!(working, world.venue.open_orders());
    (all, ledger)
}

/// The day set off stops that then filled at rest, and saw orders to their end.
fn stops_fill_and_orders_expire(all: &[Answer], stops: &[u64]) {
    let reports = || {
        all.iter().filter_map(|answer| match answer {
            Answer::Report(report) => Some(report),
            _ => None,
        })
    };
    let of_stop = |r: &&ExecutionReport| stops.contains(&r.cl_ord_id.get());
    let fills = reports().filter(of_stop).filter(|r| r.liquidity == b'1').count();
    let expired = reports().filter(|r| r.exec_type == ExecType::Expired.code()).count();
    assert!(fills > 10 && expired > 10, "{fills} fills of stops, {expired} expired");
}

fn passive_fills_have_their_trade(name: &str, lot_e9: i64, test: &str) {
    let Some(events) = recording(name, lot_e9, test) else {
        return;
    };
    assert!(events.len() > 40_000, "{} events", events.len());
    let mut lots = Vec::new();
    for model in
        [QueueModel::RiskAverse, QueueModel::Proportional, QueueModel::Power { exponent: 3 }]
    {
        let (all, ledger) = quote_all_day(&events, model);
        assert!(ledger.passive_lots() > 1_000, "{model:?}: {} lots", ledger.passive_lots());
        eprintln!(
            "{name} {model:?}: {} events, {} answers, {} lots filled passively",
            events.len(),
            all.len(),
            ledger.passive_lots()
        );
        lots.push(ledger.passive_lots());
        if model == QueueModel::Proportional {
            assert!(all == quote_all_day(&events, model).0, "a run repeats to the byte");
        }
    }
    assert!(lots[0] < lots[1], "waiting for trades only must fill less: {lots:?}");
}

#[test]
fn passive_fills_have_their_trade_on_recorded_spot() {
    passive_fills_have_their_trade(SPOT.0, SPOT.1, "sim recorded spot");
}

#[test]
fn passive_fills_have_their_trade_on_recorded_futures() {
    passive_fills_have_their_trade(PERP.0, PERP.1, "sim recorded futures");
}

fn feed_all(world: &mut World, events: &[Event]) {
    for event in events {
        world.feed(&event.frame);
    }
}

/// One buy at the best bid at a time: its fills must be the recorded trades at and through its
/// price, less the quantity the newest quote showed there when it joined.
#[test]
fn a_recorded_bid_fills_by_the_closed_form() {
    let test = "sim recorded closed form";
    let Some(events) = recording(SPOT.0, SPOT.1, test) else {
        return;
    };
    let mut world = World::new(plain());
    let (mut id, mut orders, mut lots) = (0, 0, 0);
    let mut rest = events.as_slice();
    while let Some(start) = rest.iter().position(|event| event.quote.is_some()) {
        let (before, after) = rest.split_at(start + 1);
        feed_all(&mut world, before);
        let joined = &before[start];
        let (price, shown) = joined.quote.expect("a quote")[0];
        let (watched, later) = after.split_at(after.len().min(700));
        rest = later;
        id += 2;
        let qty = 250_000;
        world.order(limit(id, Side::Buy, price, qty).post_only(), joined.at);
        world.advance(joined.at);
        if world.texts() != [format!("new {id} {qty}/0")] {
            // The snapshot has not come yet.
            feed_all(&mut world, watched);
            continue;
        }
        let ahead = world.venue.queue_ahead(ClOrdId(id)).expect("rests").get();
        assert_eq!(ahead, shown, "order {id} joins behind what the newest quote shows");
        feed_all(&mut world, watched);
        let last = watched.last().map_or(joined.at, |event| event.at);
        world.advance(last);
        let fills = world.answers().into_iter().map(|a| a.report().last_qty_lots.get());
        let filled: i64 = fills.sum();
        let hits: Vec<_> = watched
            .iter()
            .filter_map(|event| event.trade)
            .filter(|(p, _, aggressor)| *p <= price && *aggressor == AggressorSide::Sell)
            .collect();
        let through = hits.iter().position(|hit| hit.0 < price).unwrap_or(hits.len());
        let sum = |part: &[(i64, i64, AggressorSide)]| part.iter().map(|hit| hit.1).sum::<i64>();
        let expected = (sum(&hits[..through]) - ahead).max(0) + sum(&hits[through..]);
        assert_eq!(filled, expected.min(qty), "order {id} at {price} behind {ahead}");
        world.ask(&cancel(id + 1, id), last);
        (orders, lots) = (orders + 1, lots + filled);
    }
    assert!(orders > 30 && lots > 0, "{orders} orders, {lots} lots");
    eprintln!("{test}: {orders} orders, {lots} lots filled");
}
