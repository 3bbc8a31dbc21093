//! The recording in `config/demo` is whole, is what its PROVENANCE.md says, and the book rebuilt
//! from it equals the venue's own best quotes.
#![expect(clippy::wildcard_enum_match_arm, reason = "a kind that is not due fails the test")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use wire::Frame;
use wire::market::Level;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config/demo")
}

#[derive(Default)]
struct Book {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Book {
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
}

#[test]
fn the_bundled_recording_rebuilds_the_venues_best_quotes() {
    let recording = corelane_tape::read_all(folder().join("btcusdt-20240809.clrec")).unwrap();
    assert_eq!(recording.instruments().len(), 1);
    let instrument = &recording.instruments()[0];
    assert_eq!(instrument.symbol(), "BTCUSDT");
    assert!(instrument.tick_value_e9().is_some());
    let mut book = Book::default();
    let mut quotes = BTreeMap::new();
    let mut bests = Vec::new();
    let mut last_recv = wire::TsNs(0);
    for (record, frame) in recording.frames().enumerate().skip(1) {
        let header = wire::frame::header(frame).unwrap();
        assert!(header.ts_recv_ns >= last_recv, "time runs backwards at record {record}");
        last_recv = header.ts_recv_ns;
        match wire::decode(frame).unwrap() {
            Frame::BookSnapshot(snapshot) => {
                assert_eq!(record, 1, "the snapshot comes first");
                book.take(snapshot.bids, snapshot.asks);
            }
            Frame::DepthDelta(delta) => {
                book.take(delta.bids, delta.asks);
                let (bid, bid_qty) = book.bids.last_key_value().unwrap();
                let (ask, ask_qty) = book.asks.first_key_value().unwrap();
                bests.push((delta.head.last_update_id, [*bid, *bid_qty, *ask, *ask_qty]));
            }
            Frame::Quote(q) => {
                let quote = [
                    q.bid_price_ticks.get(),
                    q.bid_qty_lots.get(),
                    q.ask_price_ticks.get(),
                    q.ask_qty_lots.get(),
                ];
                quotes.insert(q.update_id, quote);
            }
            Frame::Trade(_) => {}
            other => panic!("record {record}: {other:?}"),
        }
    }
    let (mut compared, mut equal) = (0, 0);
    for (id, best) in &bests {
        if let Some((_, quote)) = quotes.range(..=*id).next_back() {
            compared += 1;
            equal += usize::from(quote == best);
        }
    }
    assert!(compared > 3_000 && equal * 1000 >= compared * 999, "{equal} of {compared} agree");
    let text = std::fs::read_to_string(folder().join("PROVENANCE.md")).unwrap();
    let said = format!("{} of {} agree", thousands(equal), thousands(compared));
    assert!(text.contains(&said), "PROVENANCE.md does not say: {said}");
}

#[test]
fn provenance_says_what_the_recording_says() {
    let path = folder().join("btcusdt-20240809.clrec");
    let recording = corelane_tape::read_all(&path).unwrap();
    let text = std::fs::read_to_string(folder().join("PROVENANCE.md")).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert!(bytes < 4 << 20);
    let mut said = vec![format!("{} bytes", thousands(usize::try_from(bytes).unwrap()))];
    for source in &recording.header.source_files {
        said.push(source.sha256.clone());
        said.push(source.name.clone());
    }
    said.extend(recording.summary.counts.values().map(|n| thousands(usize::try_from(*n).unwrap())));
    said.push(recording.header.source.clone());
    for part in said {
        assert!(text.contains(&part), "PROVENANCE.md does not say `{part}`");
    }
    assert_eq!(recording.header.licence, "MIT");
    assert!(recording.header.derived.is_empty());
}

fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
