//! How fast does one recorded depth message become integers, and frames?
//!
//! Every row takes the same lines (all recorded depth differences of a market, or a few literal
//! ones where the raw recordings are not here), one timed reading each, rows interleaved round by
//! round; the cost of the timer is in every figure and shown. A row whose levels differ in number
//! or sum is void. The last table is the size the target speaks of: lines of about 2 kB.

use clock::Clock;
use corelane_benches::book_data::{SOURCES, Source, data_dir};
use corelane_benches::{Report, Sample, Size, timer_cost};
use flate2::read::GzDecoder;
use serde::Deserialize;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader};
use venues::binance::{Decoder, Event, Feed};
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, padded};
use wire::market::{DepthDelta, Level};
use wire::{FrameSink, InstrumentId, QtyLots, TsNs, VenueId};

const ROUNDS: (usize, usize) = (3, 25);
/// "About 2 kB", bytes.
const TWO_KB: std::ops::Range<usize> = 1_800..2_200;

const LITERAL: [&str; 2] = [
    r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":2,"u":3,"b":[["55653.87000000","0.00000000"]],"a":[["61838.04000000","0.32332000"],["61844.30000000","0.40163000"],["61862.51000000","0.00000000"]]}}"#,
    r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255408,"s":"BTCUSDT","U":4,"u":5,"b":[["61837.63000000","3.78826000"],["61820.99000000","0.00000000"]],"a":[["61837.64000000","1.60520000"],["61838.04000000","0.00000000"]]}}"#,
];

/// The messages of one market.
struct Lines {
    name: &'static str,
    instrument: Instrument,
    snapshot: String,
    depth: Vec<String>,
}

fn main() -> io::Result<()> {
    let size = Size::from_args();
    let clock = Clock::calibrate();
    let mut report = Report::start("decode", &clock, size);
    report.line(&timer_cost(&clock, 100_000).row("timer"));
    for (source, symbol) in SOURCES.into_iter().zip(["BTCUSDT", "ETHUSDT", "BTCUSD_PERP"]) {
        match load(&source, symbol) {
            Ok(lines) => bench(&mut report, &clock, size, &lines),
            Err(why) => report.line(&format!("SKIPPED decode bench on {}: {why}", source.name)),
        }
    }
    bench(&mut report, &clock, size, &literal());
    report.finish()
}

fn instrument(source: &Source, symbol: &str) -> Result<Instrument, String> {
    let mut header = FrameHeader::new::<Instrument>();
    header.instrument_id = InstrumentId(0);
    header.venue_id = VenueId(1);
    Ok(Instrument {
        header,
        symbol: padded(symbol).ok_or("symbol too long")?,
        tick_size_e9: source.tick_size_e9,
        // The bundled recording's lot: the finest that spot quantities rest in.
        lot_size_e9: source.lot_size_e9.max(1_000),
        min_qty_lots: QtyLots(1),
        max_qty_lots: QtyLots(1_000_000_000),
        min_notional_e9: 0,
        instrument_type: if symbol == "BTCUSDT" { b'S' } else { b'L' },
        reserved: [0; 23],
    })
}

fn load(source: &Source, symbol: &str) -> Result<Lines, String> {
    let instrument = instrument(source, symbol)?;
    let mut lines =
        Lines { name: source.name, instrument, snapshot: String::new(), depth: Vec::new() };
    for name in source.files {
        let path = data_dir().join("binance-raw").join(name);
        let file = File::open(&path).map_err(|e| format!("cannot open {name}: {e}"))?;
        for line in BufReader::new(GzDecoder::new(file)).lines() {
            let line = line.map_err(|e| format!("cannot read {name}: {e}"))?;
            let (_, json) = line.split_once(' ').ok_or("a line without a time")?;
            if json.starts_with("{\"lastUpdateId\"") {
                json.clone_into(&mut lines.snapshot);
            } else if json.contains("\"depthUpdate\"") {
                lines.depth.push(json.to_owned());
            }
        }
    }
    // What the snapshot already holds gives no frame: every row leaves it out.
    let mut feed = synced(&lines);
    lines.depth.retain(|line| {
        let made = feed.counters().frames;
        feed.message(line.as_bytes(), TsNs(0), &mut Count(0)).is_ok()
            && feed.counters().frames > made
    });
    Ok(lines)
}

fn literal() -> Lines {
    Lines {
        name: "two literal spot lines",
        instrument: instrument(&SOURCES[0], "BTCUSDT").unwrap_or_else(|why| panic!("{why}")),
        snapshot: r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#.to_owned(),
        depth: LITERAL.map(str::to_owned).to_vec(),
    }
}

/// What a line came to: levels, and the sum of their integers where a row makes integers.
type Levels = (usize, Option<i64>);

/// A way to decode; `start` is called untimed before each round.
trait Way {
    fn start(&mut self) {}
    fn decode(&mut self, line: &str) -> Levels;
}

struct Row {
    name: &'static str,
    way: Box<dyn Way>,
    all: Sample,
    two_kb: Sample,
}

impl Row {
    fn new(name: &'static str, way: impl Way + 'static) -> Self {
        let (all, two_kb) = (Sample::default(), Sample::default());
        Self { name, way: Box::new(way), all, two_kb }
    }
}

fn bench(report: &mut Report, clock: &Clock, size: Size, lines: &Lines) {
    let mut rows = [
        Row::new("Corelane, JSON to integers", Fast(decoder(lines))),
        Row::new("Corelane, JSON to frames", Frames::new(lines)),
        Row::new("Corelane's general parser", General(decoder(lines))),
        Row::new("serde_json, to borrowed text", SerdeText),
        Row::new("serde_json, to f64", SerdeFloats),
    ];
    let depth = match size {
        Size::Smoke => lines.depth.get(..lines.depth.len().min(300)).unwrap_or(&[]),
        Size::Real => &lines.depth,
    };
    let expected: Vec<Levels> = depth.iter().map(|line| rows[0].way.decode(line)).collect();
    for _ in 0..size.pick(ROUNDS.0, ROUNDS.1) {
        for row in &mut rows {
            row.way.start();
            for (line, expected) in depth.iter().zip(&expected) {
                let start = clock.cycles();
                let got = black_box(row.way.decode(black_box(line)));
                let ns = clock.cycles_to_ns(clock.cycles().saturating_sub(start));
                assert_eq!(got.0, expected.0, "{} is void", row.name);
                assert!(got.1.is_none() || got.1 == expected.1, "{} is void", row.name);
                row.all.push(ns);
                if TWO_KB.contains(&line.len()) {
                    row.two_kb.push(ns);
                }
            }
        }
    }
    show(report, lines, depth, &expected, &mut rows);
}

fn show(report: &mut Report, lines: &Lines, depth: &[String], levels: &[Levels], rows: &mut [Row]) {
    let bytes: usize = depth.iter().map(String::len).sum();
    let levels: usize = levels.iter().map(|(count, _)| count).sum();
    report.line("");
    report.line(&format!(
        "{}: {} depth messages, {bytes} bytes, {levels} levels; ns a message",
        lines.name,
        depth.len()
    ));
    report.line(&Sample::headings("all lines"));
    for row in &mut *rows {
        report.line(&row.all.row(row.name));
    }
    if rows.iter().all(|row| !row.two_kb.is_empty()) {
        report.line(&Sample::headings("lines of 1.8 to 2.2 kB"));
        for row in rows {
            report.line(&row.two_kb.row(row.name));
        }
    }
}

fn sum(bids: &[Level], asks: &[Level]) -> i64 {
    let one = |level: &Level| level.price_ticks.get() ^ level.qty_lots.get();
    bids.iter().chain(asks).map(one).fold(0, i64::wrapping_add)
}

fn counted(event: &Event<'_>) -> Levels {
    match event {
        Event::Depth(d) => (d.bids.len() + d.asks.len(), Some(sum(d.bids, d.asks))),
        Event::Snapshot(_)
        | Event::Trade(_)
        | Event::Quote(_)
        | Event::Reply
        | Event::ServerShutdown => panic!("{event:?}"),
    }
}

fn decoder(lines: &Lines) -> Decoder {
    Decoder::new(&[lines.instrument]).unwrap_or_else(|why| panic!("{why}"))
}

struct Fast(Decoder);

impl Way for Fast {
    fn decode(&mut self, line: &str) -> Levels {
        match self.0.decode(line.as_bytes()) {
            Ok(event) => counted(&event),
            Err(why) => panic!("{why}"),
        }
    }
}

struct General(Decoder);

impl Way for General {
    fn decode(&mut self, line: &str) -> Levels {
        match self.0.decode_general(line.as_bytes()) {
            Ok(event) => counted(&event),
            Err(why) => panic!("{why}"),
        }
    }
}

/// The whole feed handler, synced to the snapshot at the start of each round.
struct Frames {
    synced: Feed,
    feed: Feed,
}

impl Frames {
    fn new(lines: &Lines) -> Self {
        let synced = synced(lines);
        Self { feed: synced.clone(), synced }
    }
}

impl Way for Frames {
    fn start(&mut self) {
        self.feed.clone_from(&self.synced);
    }

    fn decode(&mut self, line: &str) -> Levels {
        let mut count = Count(0);
        if let Err(why) = self.feed.message(line.as_bytes(), TsNs(1), &mut count) {
            panic!("{why}");
        }
        (count.0, None)
    }
}

fn synced(lines: &Lines) -> Feed {
    let mut feed = Feed::new(&[lines.instrument]).unwrap_or_else(|why| panic!("{why}"));
    if let Err(why) = feed.message(lines.snapshot.as_bytes(), TsNs(0), &mut Count(0)) {
        panic!("{why}");
    }
    feed
}

/// Counts the levels of the frames it is handed.
struct Count(usize);

impl FrameSink for Count {
    fn push(&mut self, frame: &[u8]) {
        self.0 += (frame.len() - size_of::<DepthDelta>().min(frame.len())) / size_of::<Level>();
        black_box(frame);
    }
}

#[derive(Deserialize)]
struct Combined<'a> {
    #[serde(borrow)]
    data: Depth<'a>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed, as a program that uses them would")]
struct Depth<'a> {
    #[serde(rename = "E")]
    event_ms: u64,
    s: &'a str,
    #[serde(rename = "U")]
    first: u64,
    u: u64,
    #[serde(borrow)]
    b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    a: Vec<(&'a str, &'a str)>,
}

fn parse(line: &str) -> Depth<'_> {
    serde_json::from_str::<Combined<'_>>(line).unwrap_or_else(|why| panic!("{why}")).data
}

struct SerdeText;

impl Way for SerdeText {
    fn decode(&mut self, line: &str) -> Levels {
        let depth = black_box(parse(line));
        (depth.b.len() + depth.a.len(), None)
    }
}

struct SerdeFloats;

impl Way for SerdeFloats {
    fn decode(&mut self, line: &str) -> Levels {
        let depth = parse(line);
        let float = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let sides = depth.b.iter().chain(&depth.a);
        let levels: Vec<(f64, f64)> = sides.map(|(p, q)| (float(p), float(q))).collect();
        (black_box(levels).len(), None)
    }
}
