//! The decoder on a few literal lines of each market: exact integers, errors that name the thing,
//! and the fast path never different from the general parser, however a line is damaged.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use corelane_venues::binance::{Decoder, Event, Feed, FeedError, MessageError};
use proptest::prelude::*;
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, padded};
use wire::market::{AggressorSide, Level};
use wire::units::SEQ_UNDEF;
use wire::{InstrumentId, PriceTicks, QtyLots, TsNs, VenueId};

const LINES: &[&str] = &[
    r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":50093239203,"u":50093239207,"b":[["55653.87000000","0.00000000"]],"a":[["61838.04000000","0.32332000"],["61844.30000000","0.40163000"],["61862.51000000","0.00000000"]]}}"#,
    r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#,
    r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#,
    r#"{"e":"aggTrade","E":1723161255343,"s":"BTCUSDT","a":12345,"p":"61837.63000000","q":"0.02000000","f":100,"l":105,"T":1723161255342,"m":false,"M":true}"#,
    r#"{"stream":"ethusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256303,"T":1723161256302,"s":"ETHUSDT","U":5123107832349,"u":5123107837896,"pu":5123107832175,"b":[["200.00","10.229"],["2671.65","20.506"],["2676.24","61.833"]],"a":[]}}"#,
    r#"{"stream":"ethusdt@bookTicker","data":{"e":"bookTicker","u":5123107838717,"s":"ETHUSDT","b":"2681.62","B":"1.165","a":"2681.63","A":"73.077","T":1723161256310,"E":1723161256311}}"#,
    r#"{"stream":"ethusdt@trade","data":{"e":"trade","E":1723161256560,"T":1723161256559,"s":"ETHUSDT","t":4308068523,"p":"2681.62","q":"1.000","X":"MARKET","m":true}}"#,
    r#"{"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1723161257476,"T":1723161257462,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1007198631847,"u":1007198631985,"pu":1007198631835,"b":[["61786.5","89"],["61798.5","0"]],"a":[["61801.4","0"],["61817.7","44"]]}}"#,
    r#"{"stream":"btcusd_perp@bookTicker","data":{"u":1007198632021,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,"E":1723161257476}}"#,
    r#"{"lastUpdateId":1007198632353,"E":1723161257514,"T":1723161257508,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[["61804.7","35"],["61804.6","2"]],"asks":[["61804.8","1649"]]}"#,
];

fn instrument(row: u32, symbol: &str, tick: i64, lot: i64, kind: u8) -> Instrument {
    let mut header = FrameHeader::new::<Instrument>();
    header.instrument_id = InstrumentId(row);
    header.venue_id = VenueId(1);
    Instrument {
        header,
        symbol: padded(symbol).unwrap(),
        tick_size_e9: tick,
        lot_size_e9: lot,
        min_qty_lots: QtyLots(1),
        max_qty_lots: QtyLots(1_000_000_000),
        min_notional_e9: 0,
        instrument_type: kind,
        reserved: [0; 23],
    }
}

fn table() -> Vec<Instrument> {
    vec![
        instrument(0, "BTCUSDT", 10_000_000, 1_000, b'S'),
        instrument(1, "ETHUSDT", 10_000_000, 1_000_000, b'L'),
        instrument(2, "BTCUSD_PERP", 100_000_000, 1_000_000_000, b'I'),
    ]
}

fn levels(pairs: &[(i64, i64)]) -> Vec<Level> {
    let level = |&(price, qty)| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
    pairs.iter().map(level).collect()
}

#[test]
fn spot_lines_become_exact_integers() {
    let mut decoder = Decoder::new(&table()).unwrap();
    let Event::Depth(depth) = decoder.decode(LINES[0].as_bytes()).unwrap() else { panic!() };
    assert_eq!((depth.row, depth.ts_event_ns), (0, TsNs(1_723_161_255_308_000_000)));
    assert_eq!((depth.first_update_id, depth.last_update_id), (50_093_239_203, 50_093_239_207));
    assert_eq!(depth.prev_update_id, SEQ_UNDEF);
    assert_eq!(depth.bids, levels(&[(5_565_387, 0)]));
    assert_eq!(depth.asks, levels(&[(6_183_804, 323_320), (6_184_430, 401_630), (6_186_251, 0)]));

    let Event::Quote(quote) = decoder.decode(LINES[1].as_bytes()).unwrap() else { panic!() };
    assert_eq!((quote.ts_event_ns, quote.update_id), (TsNs::UNDEF, 50_093_239_212));
    assert_eq!(
        (quote.bid_price_ticks, quote.bid_qty_lots),
        (PriceTicks(6_183_763), QtyLots(3_788_260))
    );
    assert_eq!(
        (quote.ask_price_ticks, quote.ask_qty_lots),
        (PriceTicks(6_183_764), QtyLots(1_546_980))
    );

    let Event::Trade(trade) = decoder.decode(LINES[2].as_bytes()).unwrap() else { panic!() };
    assert_eq!(trade.ts_event_ns, TsNs(1_723_161_255_342_000_000));
    assert_eq!((trade.price_ticks, trade.qty_lots), (PriceTicks(6_183_763), QtyLots(20_000)));
    assert_eq!((trade.trade_id, trade.aggressor), (3_735_683_259, AggressorSide::Sell));

    let Event::Trade(trade) = decoder.decode(LINES[3].as_bytes()).unwrap() else { panic!() };
    assert_eq!((trade.trade_id, trade.aggressor), (105, AggressorSide::Buy));
    assert_eq!(decoder.general_count(), 0, "these are the shapes the fast path is for");
}

#[test]
fn futures_lines_become_exact_integers() {
    let mut decoder = Decoder::new(&table()).unwrap();
    let Event::Depth(depth) = decoder.decode(LINES[4].as_bytes()).unwrap() else { panic!() };
    assert_eq!((depth.row, depth.ts_event_ns), (1, TsNs(1_723_161_256_302_000_000)));
    assert_eq!(depth.prev_update_id, 5_123_107_832_175);
    assert_eq!(depth.bids, levels(&[(20_000, 10_229), (267_165, 20_506), (267_624, 61_833)]));
    assert!(depth.asks.is_empty());
    let Event::Quote(quote) = decoder.decode(LINES[5].as_bytes()).unwrap() else { panic!() };
    assert_eq!(quote.ts_event_ns, TsNs(1_723_161_256_310_000_000));
    let Event::Trade(trade) = decoder.decode(LINES[6].as_bytes()).unwrap() else { panic!() };
    assert_eq!((trade.row, trade.qty_lots), (1, QtyLots(1_000)));
    assert_eq!(trade.ts_event_ns, TsNs(1_723_161_256_559_000_000));
    let Event::Depth(depth) = decoder.decode(LINES[7].as_bytes()).unwrap() else { panic!() };
    assert_eq!((depth.row, depth.bids), (2, &levels(&[(617_865, 89), (617_985, 0)])[..]));
    let Event::Quote(quote) = decoder.decode(LINES[8].as_bytes()).unwrap() else { panic!() };
    assert_eq!(quote.ask_qty_lots, QtyLots(1645));
    let Event::Snapshot(snapshot) = decoder.decode(LINES[9].as_bytes()).unwrap() else { panic!() };
    assert_eq!((snapshot.row, snapshot.last_update_id), (2, 1_007_198_632_353));
    assert_eq!((snapshot.bids.len(), snapshot.asks.len()), (2, 1));
    assert_eq!(decoder.general_count(), 0);
}

#[test]
fn every_refusal_names_the_thing() {
    let mut decoder = Decoder::new(&table()).unwrap();
    let mut refuse = |from: &str, to: &str| {
        let line = LINES[0].replace(from, to);
        assert_ne!(line, LINES[0]);
        decoder.decode(line.as_bytes()).unwrap_err()
    };
    let text = refuse("61838.04000000", "61838.04500000").to_string();
    for part in ["BTCUSDT", "61838.04500000", "0.01"] {
        assert!(text.contains(part), "{text}");
    }
    let on_lot = refuse("0.32332000", "0.32332010");
    assert!(matches!(on_lot, MessageError::QtyNotOnLot { .. }), "{on_lot}");
    let unknown = refuse("\"s\":\"BTCUSDT\"", "\"s\":\"BTCUSDC\"");
    assert_eq!(unknown, MessageError::UnknownSymbol { symbol: "BTCUSDC".into() });
    let event = refuse("depthUpdate", "kline");
    assert_eq!(event, MessageError::UnknownEvent { event: "kline".into() });
    assert!(matches!(refuse("0.32332000", "-0.3233200"), MessageError::BadDecimal { .. }));
    assert!(matches!(refuse("0.32332000", "1e5"), MessageError::BadDecimal { .. }));
    let micros = refuse("1723161255308", "1723161255308000");
    assert_eq!(micros, MessageError::BadTime { value: 1_723_161_255_308_000 });
    assert!(matches!(refuse("\"u\":50093239207,", ""), MessageError::Malformed { .. }));
    assert!(matches!(refuse("]]}}", "]]}"), MessageError::Malformed { .. }));

    let mut decode = |text: &str| decoder.decode(text.as_bytes()).map(|_| ());
    assert_eq!(decode(r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#), Err(MessageError::NoSymbol));
    let partial = r#"{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"bids":[],"asks":[]}}"#;
    assert!(matches!(decode(partial), Err(MessageError::UnknownEvent { .. })));
    let venue = decode(r#"{"code":2,"msg":"Invalid request"}"#).unwrap_err();
    assert_eq!(venue, MessageError::Venue { code: 2, text: "Invalid request".into() });
    assert_eq!(decode(r#"{"result":null,"id":1}"#), Ok(()));
    assert_eq!(decode(r#"{"e":"serverShutdown","E":1770123456789}"#), Ok(()));
    assert!(decode("[1,2]").is_err() && decode("").is_err());
}

#[test]
fn another_field_order_and_spaces_give_the_same_event() {
    let mut decoder = Decoder::new(&table()).unwrap();
    let want = format!("{:?}", decoder.decode(LINES[2].as_bytes()).unwrap());
    let other = r#" { "data" : {"M":true, "q":"0.0200", "p":"61837.63", "m":true,
        "T":1723161255342, "t":3735683259, "new":[{}], "s":"BTC\u0055SDT", "e":"trade",
        "E":1723161255343}, "stream":"btcusdt@trade" } "#;
    assert_eq!(format!("{:?}", decoder.decode(other.as_bytes()).unwrap()), want);
    assert_eq!(decoder.general_count(), 1);
}

#[test]
fn a_futures_event_of_quantity_zero_is_no_trade() {
    let mut feed = Feed::new(&table()).unwrap();
    let mut out: Vec<Vec<u8>> = Vec::new();
    let line = LINES[6].replace("1.000", "0.000").replace("MARKET", "NA");
    feed.message(line.as_bytes(), TsNs(1), &mut out).unwrap();
    assert_eq!((out.len(), feed.counters().zero_trades), (0, 1));
    feed.message(LINES[6].as_bytes(), TsNs(1), &mut out).unwrap();
    assert_eq!(out.len(), 1);
}

#[test]
fn a_table_that_cannot_be_used_and_an_unknown_instrument_are_refused() {
    let twice = [table()[0], table()[0]];
    assert!(Feed::new(&twice).unwrap_err().to_string().contains("`BTCUSDT`"));
    let zero = instrument(0, "X", 0, 1, b'S');
    assert!(Feed::new(&[zero]).is_err());
    assert!(Feed::new(&[instrument(0, "", 1, 1, b'S')]).is_err());
    assert!(Feed::new(&[instrument(0, "X", 1, 1, b'?')]).is_err());
    let mut feed = Feed::new(&table()).unwrap();
    let mut out: Vec<Vec<u8>> = Vec::new();
    let error = feed.snapshot(InstrumentId(9), b"{}", TsNs(1), &mut out);
    assert_eq!(error, Err(FeedError::UnknownInstrument(InstrumentId(9))));
}

/// Both ways of decoding, as text so that borrowed levels can be compared.
fn both(decoder: &mut Decoder, text: &[u8]) -> (String, String) {
    let fast = format!("{:?}", decoder.decode(text));
    (fast, format!("{:?}", decoder.decode_general(text)))
}

#[test]
fn every_single_byte_change_is_read_alike_by_both_parsers() {
    let mut decoder = Decoder::new(&table()).unwrap();
    for line in LINES {
        let mut text = line.as_bytes().to_vec();
        for at in 0..text.len() {
            let was = text[at];
            for byte in *b"0919.-+eE\",:[]{} \\x\0\xff" {
                text[at] = byte;
                let (fast, general) = both(&mut decoder, &text);
                assert_eq!(fast, general, "{}", String::from_utf8_lossy(&text));
            }
            text[at] = was;
        }
        for cut in 0..text.len() {
            let (fast, general) = both(&mut decoder, &text[..cut]);
            assert_eq!(fast, general, "cut at {cut}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn damaged_lines_are_read_alike_by_both_parsers(
        line in prop::sample::select(LINES),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
        other in prop::sample::select(LINES),
    ) {
        let mut decoder = Decoder::new(&table()).unwrap();
        let mut text = line.as_bytes().to_vec();
        for (place, byte, how) in edits {
            let at = place.index(text.len());
            match how {
                0 => text[at] = byte,
                1 => text.insert(at, byte % 128),
                2 => { text.remove(at); }
                // A stretch of another line over this one: mixed shapes, doubled fields.
                _ => {
                    let from = place.index(other.len());
                    let len = usize::from(byte % 40).min(other.len() - from);
                    let end = (at + usize::from(byte % 7)).min(text.len());
                    text.splice(at..end, other.as_bytes()[from..from + len].iter().copied());
                }
            }
            if text.is_empty() {
                break;
            }
        }
        let (fast, general) = both(&mut decoder, &text);
        prop_assert_eq!(fast, general, "{}", String::from_utf8_lossy(&text));
    }
}
