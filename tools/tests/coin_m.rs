//! `corelane import` of COIN-M recordings: inverse contracts, quantities in whole contracts.
#![expect(clippy::wildcard_enum_match_arm, reason = "depth and quotes are what counts")]
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use clap::Parser;
use corelane_tools::import::{ImportArgs, ImportSummary, import};
use engine::book::{BookConfig, L2Book, Part};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wire::Frame;
use wire::instrument::InstrumentType;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ImportArgs,
}

/// Imports with the increments of the venue's perpetual: 0.1 USD, one contract of 100 USD.
fn run(input: &Path, out: &Path) -> ImportSummary {
    let files = [format!("--in={}", input.display()), format!("--out={}", out.display())];
    let words = ["import", "--format=binance-jsonl", "--type=inverse-perp"];
    let instrument = ["--symbol=BTCUSD_PERP", "--tick=0.1", "--lot=1"];
    let words = words.into_iter().chain(instrument).map(str::to_owned).chain(files);
    import(&Line::try_parse_from(words).unwrap().args).unwrap()
}

/// A snapshot as the venue's REST gives it, a difference that continues it, a trade, a quote.
const FRAMES: &str = r#"1000 {"lastUpdateId":1007198631835,"E":1723161257000,"T":1723161256990,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[["61798.5","12"],["61786.5","5"]],"asks":[["61801.4","7"]]}
1001 {"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1723161257476,"T":1723161257462,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1007198631800,"u":1007198631985,"pu":1007198631790,"b":[["61786.5","89"],["61798.5","0"]],"a":[["61801.4","0"],["61817.7","44"]]}}
1002 {"stream":"btcusd_perp@trade","data":{"e":"trade","E":1723161257687,"T":1723161257679,"s":"BTCUSD_PERP","t":849714402,"p":"61804.8","q":"4","X":"MARKET","m":false}}
1003 {"stream":"btcusd_perp@bookTicker","data":{"e":"bookTicker","u":1007198631990,"s":"BTCUSD_PERP","ps":"BTCUSD","b":"61786.5","B":"89","a":"61817.7","A":"40","T":1723161257700,"E":1723161257701}}
"#;

#[test]
fn contracts_and_prices_come_out_exact() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("cm.jsonl"), dir.path().join("cm.clrec"));
    std::fs::write(&input, FRAMES).unwrap();
    run(&input, &out);
    let recording = tape::read_all(out).unwrap();
    let row = recording.instruments()[0];
    assert_eq!(row.instrument_type, InstrumentType::InversePerp.code());
    assert_eq!(row.tick_value_e9(), Some(100_000_000));
    let mut seen = Vec::new();
    for frame in recording.frames() {
        seen.push(match wire::decode(frame).unwrap() {
            Frame::BookSnapshot(s) => {
                format!("snapshot {}x{}", s.bids[0].price_ticks, s.bids[0].qty_lots)
            }
            Frame::DepthDelta(d) => {
                format!("delta {}x{}", d.bids[0].price_ticks, d.bids[0].qty_lots)
            }
            Frame::Trade(t) => format!("trade {}x{}", t.price_ticks, t.qty_lots),
            Frame::Quote(q) => format!("quote {}x{}", q.ask_price_ticks, q.ask_qty_lots),
            _ => continue,
        });
    }
    assert_eq!(
        seen,
        ["snapshot 617985x12", "delta 617865x89", "trade 618048x4", "quote 618177x40"]
    );
}

/// A recorded session: no gap, and after every difference the book's best levels are those of the
/// venue's own newest quote by update number.
#[test]
fn a_recorded_session_equals_the_venue_s_quotes() {
    let shared = std::env::var_os("CORELANE_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let input = shared.join("binance-raw/cm_btcusd_perp_20240808.jsonl.gz");
    if !input.is_file() {
        let why = "the COIN-M recording is not in ../shared/data/binance-raw";
        eprintln!("SKIPPED a_recorded_session_equals_the_venue_s_quotes: {why}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("cm.clrec");
    let summary = run(&input, &out);
    assert_eq!(summary.feed.unwrap().gaps, 0);
    let recording = tape::read_all(out).unwrap();
    let mut quotes = BTreeMap::new();
    for frame in recording.frames() {
        if let Frame::Quote(q) = wire::decode(frame).unwrap() {
            let bid = (q.bid_price_ticks, q.bid_qty_lots);
            quotes.insert(q.update_id, (bid, (q.ask_price_ticks, q.ask_qty_lots)));
        }
    }
    let mut book = L2Book::new(BookConfig::default());
    let mut compared = 0;
    for frame in recording.frames() {
        let part = Part::from_flags(wire::frame::header(frame).unwrap().flags);
        match wire::decode(frame).unwrap() {
            Frame::BookSnapshot(s) => {
                book.on_snapshot_frame(part, s.bids, s.asks, s.head.last_update_id);
            }
            Frame::DepthDelta(d) => {
                book.on_delta_frame(part, d.bids, d.asks, d.head.last_update_id);
                let newest = quotes.range(..=d.head.last_update_id).next_back();
                if let (Some((_, quote)), true) = (newest, part.last) {
                    let best = [book.best_bid().unwrap(), book.best_ask().unwrap()]
                        .map(|level| (level.price_ticks, level.qty_lots));
                    assert_eq!(best, [quote.0, quote.1], "at update {}", d.head.last_update_id);
                    compared += 1;
                }
            }
            _ => {}
        }
    }
    assert!(compared > 25_000, "{compared}");
}
