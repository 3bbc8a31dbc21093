//! The feed on real recordings: no gap, the book equal to the venue's own best quotes, a planted
//! gap found, every line read alike by both parsers. Needs the raw data; skipped by name without.
#![expect(clippy::wildcard_enum_match_arm, reason = "a kind that is not due fails the test")]
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use corelane_venues::binance::{BookState, Decoder, Feed};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::PathBuf;
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, padded};
use wire::market::Level;
use wire::{Frame, FrameSink, InstrumentId, QtyLots, TsNs, VenueId};

struct Set {
    file: &'static str,
    symbol: &'static str,
    tick_e9: i64,
    lot_e9: i64,
    kind: u8,
}

/// Spot quantities rest in finer lots than one may order today (244.566304 at 80000).
const SPOT: Set = Set {
    file: "spot_btcusdt_20240808.jsonl.gz",
    symbol: "BTCUSDT",
    tick_e9: 10_000_000,
    lot_e9: 1_000,
    kind: b'S',
};
const USDM: Set = Set {
    file: "usdm_ethusdt_20240808.jsonl.gz",
    symbol: "ETHUSDT",
    tick_e9: 10_000_000,
    lot_e9: 1_000_000,
    kind: b'L',
};
const COINM: Set = Set {
    file: "cm_btcusd_perp_20240808.jsonl.gz",
    symbol: "BTCUSD_PERP",
    tick_e9: 100_000_000,
    lot_e9: 1_000_000_000,
    kind: b'I',
};

impl Set {
    fn instrument(&self) -> Instrument {
        let mut header = FrameHeader::new::<Instrument>();
        header.instrument_id = InstrumentId(0);
        header.venue_id = VenueId(1);
        Instrument {
            header,
            symbol: padded(self.symbol).unwrap(),
            tick_size_e9: self.tick_e9,
            lot_size_e9: self.lot_e9,
            min_qty_lots: QtyLots(1),
            max_qty_lots: QtyLots(1_000_000_000),
            min_notional_e9: 0,
            instrument_type: self.kind,
            reserved: [0; 23],
        }
    }

    /// The whole file as text, or why the test is skipped.
    fn lines_for(&self, test: &str) -> Option<String> {
        let root = std::env::var_os("CORELANE_SHARED_DATA").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
            PathBuf::from,
        );
        let path = root.join("binance-raw").join(self.file);
        let Ok(file) = std::fs::File::open(&path) else {
            eprintln!("SKIPPED {test}: raw recording {} is not here", self.file);
            return None;
        };
        let mut whole = String::new();
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut whole).unwrap();
        Some(whole)
    }
}

fn split(line: &str) -> (TsNs, &[u8]) {
    let (ns, json) = line.split_once(' ').unwrap();
    (TsNs(ns.parse().unwrap()), json.as_bytes())
}

/// A naive book and the venue's own quotes beside it.
#[derive(Default)]
struct Oracle {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    usable: bool,
    /// Best bid and ask with sizes after each depth message, by last update number.
    depth: Vec<(u64, [i64; 4])>,
    quotes: BTreeMap<u64, [i64; 4]>,
    kinds: HashMap<&'static str, u64>,
    last_recv: TsNs,
}

impl Oracle {
    fn take(&mut self, bids: &[Level], asks: &[Level]) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                side.remove(&level.price_ticks.get());
                if level.qty_lots.get() > 0 {
                    side.insert(level.price_ticks.get(), level.qty_lots.get());
                }
            }
        }
    }

    fn best(&self) -> [i64; 4] {
        let (bid, bid_qty) = self.bids.last_key_value().unwrap();
        let (ask, ask_qty) = self.asks.first_key_value().unwrap();
        assert!(bid < ask, "crossed");
        [*bid, *bid_qty, *ask, *ask_qty]
    }

    /// Depth messages whose best quote equals the venue's last one at or before, and all compared.
    fn agreement(&self) -> (usize, usize) {
        let mut compared = 0;
        let mut equal = 0;
        for (id, best) in &self.depth {
            if let Some((_, quote)) = self.quotes.range(..=*id).next_back() {
                compared += 1;
                equal += usize::from(quote == best);
            }
        }
        (equal, compared)
    }
}

impl FrameSink for Oracle {
    fn push(&mut self, frame: &[u8]) {
        let header = wire::frame::header(frame).unwrap();
        assert!(header.ts_recv_ns >= self.last_recv, "time runs backwards");
        self.last_recv = header.ts_recv_ns;
        assert_eq!((header.instrument_id, header.venue_id), (InstrumentId(0), VenueId(1)));
        let kind = wire::FrameKind::from_code(header.kind).unwrap().name();
        *self.kinds.entry(kind).or_default() += 1;
        match wire::decode(frame).unwrap() {
            Frame::BookSnapshot(snapshot) => {
                self.bids.clear();
                self.asks.clear();
                self.take(snapshot.bids, snapshot.asks);
                self.usable = true;
            }
            Frame::DepthDelta(delta) => {
                assert!(self.usable, "a difference for an unusable book");
                self.take(delta.bids, delta.asks);
                self.depth.push((delta.head.last_update_id, self.best()));
            }
            Frame::Quote(q) => {
                let quote = [
                    q.bid_price_ticks.get(),
                    q.bid_qty_lots.get(),
                    q.ask_price_ticks.get(),
                    q.ask_qty_lots.get(),
                ];
                self.quotes.insert(q.update_id, quote);
            }
            Frame::Gap(_) => self.usable = false,
            Frame::Trade(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Counts of the README: depth differences after the snapshot, quotes, trades, stale ones.
fn plays_whole(set: &Set, test: &str, [depth, quotes, trades, stale]: [u64; 4]) {
    let Some(lines) = set.lines_for(test) else { return };
    let mut feed = Feed::new(&[set.instrument()]).unwrap();
    let mut oracle = Oracle::default();
    for line in lines.lines() {
        let (ns, json) = split(line);
        feed.message(json, ns, &mut oracle).unwrap();
    }
    let counters = feed.counters();
    assert_eq!(counters.general, 0, "the fast path knows every recorded shape");
    assert_eq!((counters.gaps, counters.refused, counters.snapshots), (0, 0, 1));
    assert_eq!(counters.stale, stale);
    let count = |kind| oracle.kinds.get(kind).copied().unwrap_or(0);
    assert_eq!(count("depth-delta") + stale, depth);
    assert_eq!((count("quote"), count("trade"), count("book-snapshot")), (quotes, trades, 1));
    let (equal, compared) = oracle.agreement();
    assert!(compared as u64 > depth * 9 / 10);
    assert!(equal * 1000 >= compared * 999, "{equal} of {compared} best quotes agree");
    eprintln!("{test}: {equal} of {compared} depth messages agree with bookTicker");
}

#[test]
fn spot_book_equals_the_venues_best_quote() {
    plays_whole(&SPOT, "spot_book_equals_the_venues_best_quote", [3451, 28_040, 9757, 2]);
}

#[test]
fn usdm_book_equals_the_venues_best_quote() {
    plays_whole(&USDM, "usdm_book_equals_the_venues_best_quote", [6586, 53_992, 14_076, 5]);
}

#[test]
fn coinm_book_equals_the_venues_best_quote() {
    plays_whole(&COINM, "coinm_book_equals_the_venues_best_quote", [26_847, 19_136, 2286, 23]);
}

/// Deletes one depth message, then hands the snapshot over again at the end.
fn finds_a_planted_gap(set: &Set, test: &str) {
    let Some(lines) = set.lines_for(test) else { return };
    let mut feed = Feed::new(&[set.instrument()]).unwrap();
    let mut oracle = Oracle::default();
    let id = InstrumentId(0);
    let (mut depth, mut after_gap, mut snapshot) = (0, 0, None);
    for line in lines.lines().take(6000) {
        let (ns, json) = split(line);
        if json.starts_with(b"{\"lastUpdateId\"") {
            snapshot = Some(json);
        }
        if line.contains("depthUpdate") {
            depth += 1;
            if depth == 60 {
                continue;
            }
        }
        let gaps = oracle.kinds.get("gap").copied().unwrap_or(0);
        feed.message(json, ns, &mut oracle).unwrap();
        if depth < 60 {
            assert_eq!(gaps, 0);
        } else if depth > 60 {
            after_gap += 1;
            assert_eq!(feed.book_state(id), Some(BookState::NeedsSnapshot));
            assert_eq!(feed.wants_snapshot().collect::<Vec<_>>(), [id]);
            assert!(!oracle.usable);
        }
    }
    assert!(after_gap > 100);
    assert_eq!(oracle.kinds.get("gap"), Some(&1), "one loss is one gap");
    // The old snapshot is older than everything kept: refused, the book stays unusable.
    feed.message(snapshot.unwrap(), oracle.last_recv, &mut oracle).unwrap();
    assert!(!oracle.usable);
    assert_eq!(feed.counters().snapshots_unused, 1);
    // A snapshot that the kept differences continue makes it usable, and they follow it.
    let last_kept = lines.lines().take(6000).filter(|l| l.contains("depthUpdate")).last().unwrap();
    let value: serde_json::Value = serde_json::from_slice(split(last_kept).1).unwrap();
    let newer = format!(
        r#"{{"lastUpdateId":{},"bids":[["1.0","1"]],"asks":[["999999.0","1"]]}}"#,
        value["data"]["U"]
    );
    let deltas = oracle.kinds["depth-delta"];
    feed.snapshot(id, newer.as_bytes(), oracle.last_recv, &mut oracle).unwrap();
    assert!(oracle.usable);
    assert_eq!(oracle.kinds["depth-delta"], deltas + 1);
    assert!(matches!(feed.book_state(id), Some(BookState::Synced { .. })));
}

#[test]
fn a_gap_in_a_spot_recording_is_found() {
    finds_a_planted_gap(&SPOT, "a_gap_in_a_spot_recording_is_found");
}

#[test]
fn a_gap_in_a_futures_recording_is_found() {
    finds_a_planted_gap(&USDM, "a_gap_in_a_futures_recording_is_found");
}

#[test]
fn a_lost_session_makes_the_book_unusable_once() {
    let test = "a_lost_session_makes_the_book_unusable_once";
    let Some(lines) = SPOT.lines_for(test) else { return };
    let mut feed = Feed::new(&[SPOT.instrument()]).unwrap();
    let mut oracle = Oracle::default();
    for line in lines.lines().take(500) {
        let (ns, json) = split(line);
        feed.message(json, ns, &mut oracle).unwrap();
    }
    assert!(oracle.usable);
    let now = oracle.last_recv;
    feed.disconnected(now, &mut oracle);
    feed.disconnected(now, &mut oracle);
    assert!(!oracle.usable);
    assert_eq!(oracle.kinds["gap"], 1);
}

#[test]
fn recorded_lines_whole_and_damaged_are_read_alike_by_both_parsers() {
    let test = "recorded_lines_whole_and_damaged_are_read_alike_by_both_parsers";
    for set in [SPOT, USDM, COINM] {
        let Some(lines) = set.lines_for(test) else { return };
        let mut decoder = Decoder::new(&[set.instrument()]).unwrap();
        // Fixed seed: the same damage in every run.
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 16).unwrap() % below
        };
        for line in lines.lines().step_by(23) {
            let (_, json) = split(line);
            let mut damaged = json.to_vec();
            for round in 0..4 {
                let fast = format!("{:?}", decoder.decode(&damaged));
                let general = format!("{:?}", decoder.decode_general(&damaged));
                assert_eq!(fast, general, "{}", String::from_utf8_lossy(&damaged));
                damaged.clear();
                damaged.extend_from_slice(json);
                let at = next(damaged.len().min(400));
                match round {
                    0 => damaged[at] = b"0123456789.\",[]{}-"[next(18)],
                    1 => damaged.truncate(at),
                    _ => damaged.insert(at, b"0123456789.\",[]{}-"[next(18)]),
                }
            }
        }
    }
}
