//! The book against the venue's own best bid and offer, on real recordings.
//!
//! Snapshot and differences build the book; after each difference with last update number `u` its
//! best levels must equal, in price and quantity, the last `bookTicker` numbered at most `u`. The
//! venue sends both streams on their own, so a few moments may truly differ: at most one in 1,000.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use corelane_engine::book::{BookConfig, L2Book};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use wire::decimal::parse_increments;
use wire::market::{BookSide, Level};
use wire::{PriceTicks, QtyLots};

/// Price and size increments, billionths.
#[derive(Clone, Copy)]
struct Increments {
    tick: i64,
    lot: i64,
}

impl Increments {
    fn level(self, price: &Value, qty: &Value) -> Level {
        let parse = |text: &Value, increment| {
            parse_increments(text.as_str().unwrap().as_bytes(), increment).unwrap()
        };
        Level {
            price_ticks: PriceTicks(parse(price, self.tick)),
            qty_lots: QtyLots(parse(qty, self.lot)),
        }
    }

    fn levels(self, levels: &Value) -> Vec<Level> {
        levels.as_array().unwrap().iter().map(|level| self.level(&level[0], &level[1])).collect()
    }
}

/// The best bid and offer at a venue update number.
type Quote = (u64, [Level; 2]);

/// What a recording says, each stream in its own order.
#[derive(Default)]
struct Recording {
    /// Snapshot: update number, bids, asks.
    snapshot: Option<(u64, Vec<Level>, Vec<Level>)>,
    deltas: Vec<(u64, Vec<Level>, Vec<Level>)>,
    quotes: Vec<Quote>,
}

impl Recording {
    fn read(paths: &[PathBuf], increments: Increments) -> Self {
        let mut recording = Self::default();
        for path in paths {
            let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
            for line in lines {
                let line = line.unwrap();
                let value: Value = serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
                recording.take(value.get("data").unwrap_or(&value), increments);
            }
        }
        recording.quotes.sort_by_key(|quote| quote.0);
        recording
    }

    fn take(&mut self, data: &Value, increments: Increments) {
        let number = |name: &str| data[name].as_u64();
        if let Some(id) = number("lastUpdateId") {
            let side = |name: &str| increments.levels(&data[name]);
            self.snapshot = Some((id, side("bids"), side("asks")));
        } else if data["e"] == "depthUpdate" {
            let side = |name: &str| increments.levels(&data[name]);
            self.deltas.push((number("u").unwrap(), side("b"), side("a")));
        } else if data.get("B").is_some() && data.get("A").is_some() {
            let bid = increments.level(&data["b"], &data["B"]);
            let ask = increments.level(&data["a"], &data["A"]);
            self.quotes.push((number("u").unwrap(), [bid, ask]));
        }
    }

    /// Plays the differences and returns how many moments were compared and how many differed.
    fn compare(&self, config: BookConfig) -> (u32, u32) {
        let mut book = L2Book::new(config);
        let (start, bids, asks) = self.snapshot.as_ref().expect("a snapshot");
        book.apply_snapshot(bids, asks, *start);
        let (mut compared, mut differed) = (0, 0);
        for (last_id, bids, asks) in self.deltas.iter().filter(|delta| delta.0 > *start) {
            book.apply_delta(bids, asks);
            assert!(book.usable() && !book.is_crossed(), "at update {last_id}");
            let known = self.quotes.partition_point(|quote| quote.0 <= *last_id);
            let Some(at) = known.checked_sub(1) else { continue };
            let ours = [book.best_bid(), book.best_ask()];
            compared += 1;
            differed += u32::from(ours != self.quotes[at].1.map(Some));
        }
        // A book in constant use neither loses nor invents levels.
        for side in [BookSide::Bid, BookSide::Ask] {
            assert_eq!(book.levels(side).count(), book.depth(side));
        }
        assert!(book.counters().ignored == 0 && book.counters().overflows == 0);
        (compared, differed)
    }
}

/// Paths of the recording, or `None` after a line that says what is missing.
fn find(test: &str, names: &[&str]) -> Option<Vec<PathBuf>> {
    let data = std::env::var_os("CORELANE_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let paths: Vec<_> = names.iter().map(|name| data.join("binance-raw").join(name)).collect();
    if let Some(missing) = paths.iter().find(|path| !path.is_file()) {
        let name = missing.file_name().unwrap_or_default().display();
        eprintln!("SKIPPED {test}: the recording {name} is not in ../shared/data/binance-raw");
        return None;
    }
    Some(paths)
}

fn check(test: &str, names: &[&str], increments: Increments, at_least: u32) {
    let Some(paths) = find(test, names) else { return };
    let recording = Recording::read(&paths, increments);
    let small = BookConfig { window_ticks: 4096, ..BookConfig::default() };
    for config in [BookConfig::default(), small] {
        let (compared, differed) = recording.compare(config);
        assert!(compared >= at_least, "only {compared} compared");
        assert!(differed * 1000 <= compared, "{differed} of {compared} differ");
    }
}

#[test]
fn spot_btcusdt_equals_the_venues_quotes() {
    // A few resting quantities in this book have six decimals, below the pair's own increment.
    let increments = Increments { tick: 10_000_000, lot: 1_000 };
    let names = ["spot_btcusdt_20240808.jsonl.gz", "spot_btcusdt_20240809.jsonl.gz"];
    check("spot_btcusdt_equals_the_venues_quotes", &names, increments, 6_400);
}

#[test]
fn usdm_ethusdt_equals_the_venues_quotes() {
    let increments = Increments { tick: 10_000_000, lot: 1_000_000 };
    let names = ["usdm_ethusdt_20240808.jsonl.gz"];
    check("usdm_ethusdt_equals_the_venues_quotes", &names, increments, 6_500);
}

#[test]
fn coinm_btcusd_perp_equals_the_venues_quotes() {
    let increments = Increments { tick: 100_000_000, lot: 1_000_000_000 };
    let names = ["cm_btcusd_perp_20240808.jsonl.gz"];
    check("coinm_btcusd_perp_equals_the_venues_quotes", &names, increments, 26_000);
}
