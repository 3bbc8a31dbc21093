//! The backtest against hftbacktest: the market maker of `tests/maker` over a recorded Binance
//! USD-M session in both, submits, cancels, fills and rejects compared line by line.
//!
//! The package comes from `PyPI` (`make hftbacktest`) and is asked by `tests/hftbacktest/maker.py`,
//! which reads the raw file itself. Without it or the recording the tests are skipped by name.
//!
//! Two rules differ on purpose, and are the only causes a difference may have, each checked against
//! the recording where it is claimed:
//!
//! - hftbacktest fills a resting order when the book crosses its price; our venue only on a trade.
//! - With its exchange shown one side of the book (`--one-sided`, which takes the first rule away)
//!   hftbacktest cannot refuse a post-only order that would take; our venue does.
//!
//! A difference of a side lasts until both makers place the same order at the same tick again.

use crate::maker::{Maker, NAME, Params};
use crate::support::{clean, corelane, root};
use engine::OwnStrategy;
use engine::book::{BookConfig, L2Book, Part};
use station::backtest::{Options, Ticks, backtest_on};
use station::config::{Config, Overrides};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Command;
use tape::{Compression, Header, Recording, RecordingWriter};
use wire::market::AggressorSide;
use wire::order::{ExecType, Side};
use wire::{Frame, FrameKind, InstrumentId};

const RAW: &str = "usdm_ethusdt_20240808.jsonl.gz";
const PERIOD: NonZeroU64 = NonZeroU64::new(10_000_000).expect("not 0");
const LATENCY_NS: u64 = 1_000_000;

fn raw() -> PathBuf {
    let shared = std::env::var_os("CORELANE_SHARED_DATA")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from);
    shared.join("binance-raw").join(RAW)
}

/// Imports the session and leaves the quotes out: hftbacktest is given none.
fn recording(dir: &Path) -> Recording {
    let (whole, path) = (dir.join("whole.clrec"), dir.join("ethusdt.clrec"));
    let words = [
        "import",
        "--format=binance-jsonl",
        "--symbol=ETHUSDT",
        "--type=linear-perp",
        "--tick=0.01",
        "--lot=0.001",
    ];
    let files = [format!("--in={}", raw().display()), format!("--out={}", whole.display())];
    let args: Vec<&str> = words.into_iter().chain(files.iter().map(String::as_str)).collect();
    clean(corelane(&args));
    let whole = tape::read_all(whole).unwrap();
    let mut writer = RecordingWriter::create(&path, &Header::default(), Compression::None).unwrap();
    for frame in whole.frames() {
        if wire::frame::header(frame).unwrap().kind != FrameKind::Quote.code() {
            writer.push(frame).unwrap();
        }
    }
    writer.finish().unwrap();
    tape::read_all(path).unwrap()
}

/// The maker's configuration with another symbol and queue model.
fn config(dir: &Path, queue: &str) -> Config {
    let read = |name: &str| std::fs::read_to_string(root().join("tests/maker").join(name)).unwrap();
    let limits = read("limits.toml").replace("BTCUSDT", "ETHUSDT");
    std::fs::write(dir.join("limits.toml"), limits).unwrap();
    let text = read("maker.toml")
        .replace("../../config/demo/btcusdt-20240809.clrec", "ethusdt.clrec")
        .replace("\"power-3\"", &format!("\"{queue}\""));
    let file = dir.join("maker.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(&file, &Overrides::default()).unwrap()
}

const CLOCK: Ticks = Ticks { period_ns: PERIOD, phase_ns: 0 };

/// The maker so many ticks outside the touch.
const fn params(offset_ticks: i64) -> Params {
    Params { qty_lots: 1, max_lots: 1_000_000, offset_ticks, clock: Some(CLOCK) }
}

/// What is compared.
#[derive(Clone, Copy, Debug)]
struct Case {
    test: &'static str,
    queue: &'static str,
    /// How far outside the touch the maker quotes, ticks.
    offset: i64,
    /// Whether hftbacktest's exchange sees one side of the book only.
    one_sided: bool,
}

/// What was done, as the script prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    at: u64,
    kind: &'static str,
    side: &'static str,
    price: i64,
}

fn side_name(code: u8) -> &'static str {
    if Side::from_code(code) == Some(Side::Sell) { "sell" } else { "buy" }
}

/// The lines of our own backtest.
fn ours(config: &Config, recording: &Recording, offset: i64) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut orders = BTreeMap::new();
    let mut observer = |frame: &[u8]| match wire::decode(frame) {
        Ok(Frame::NewOrder(order)) => {
            let (side, price) = (side_name(order.side), order.price_ticks.get());
            orders.insert(order.cl_ord_id, (side, price));
            lines.push(Line { at: order.header.ts_recv_ns.get(), kind: "submit", side, price });
        }
        Ok(Frame::CancelOrder(cancel)) => {
            let (side, price) = orders[&cancel.orig_cl_ord_id];
            lines.push(Line { at: cancel.header.ts_recv_ns.get(), kind: "cancel", side, price });
        }
        Ok(Frame::ExecutionReport(report)) => {
            let kind = match ExecType::from_code(report.exec_type) {
                Some(ExecType::Trade) => "fill",
                Some(ExecType::Rejected) => "reject",
                _ => return,
            };
            let (side, price) = orders[&report.cl_ord_id];
            lines.push(Line { at: report.header.ts_event_ns.get(), kind, side, price });
        }
        _ => {}
    };
    let own = OwnStrategy {
        name: NAME.to_owned(),
        instrument: InstrumentId(0),
        uses_signal: false,
        logic: Box::new(Maker::new(params(offset))),
    };
    let options = Options {
        observer: Some(&mut observer),
        own: vec![own],
        clock: Some(CLOCK),
        ..Options::default()
    };
    let done = backtest_on(config, recording, options).unwrap();
    assert_eq!(done.summary["denied"], serde_json::json!({}), "the gate lets all of it pass");
    lines
}

/// The lines of hftbacktest; `None` where it is not there.
fn theirs(case: Case) -> Option<Vec<Line>> {
    let Case { test, queue, offset, one_sided } = case;
    let max_lots = params(offset).max_lots;
    let python = root().join(".venv-hftbacktest/bin/python");
    if !python.is_file() {
        eprintln!("SKIPPED {test}: no .venv-hftbacktest, which `make hftbacktest` makes");
        return None;
    }
    if !raw().is_file() {
        eprintln!("SKIPPED {test}: the recording {RAW} is not in ../shared/data/binance-raw");
        return None;
    }
    let output = Command::new(python)
        .arg(root().join("tests/hftbacktest/maker.py"))
        .arg(format!("--raw={}", raw().display()))
        .arg(format!("--queue={queue}"))
        .arg(format!("--period-ns={PERIOD}"))
        .args(["--tick=0.01", "--lot=0.001"])
        .arg(format!("--most={max_lots}"))
        .arg(format!("--offset={offset}"))
        .arg(format!("--latency-ns={LATENCY_NS}"))
        .args(one_sided.then_some("--one-sided"))
        .output()
        .unwrap();
    let printed = clean(output);
    let line = |text: &str| {
        let words: Vec<&str> = text.split(' ').collect();
        let of = |names: [&'static str; 4], word: &str| {
            names.into_iter().find(|name| *name == word).unwrap()
        };
        Line {
            at: words[1].parse().unwrap(),
            kind: of(["submit", "cancel", "fill", "reject"], words[0]),
            side: of(["buy", "sell", "", ""], words[2]),
            price: words[3].parse().unwrap(),
        }
    };
    Some(printed.lines().map(line).collect())
}

/// What the recording says of a moment.
struct Market {
    /// Time, price and whether the buyer took, of every trade.
    trades: BTreeMap<u64, Vec<(i64, bool)>>,
    /// Best bid and ask after each depth message, by time.
    touches: Vec<(u64, i64, i64)>,
    /// Receive time of the last event.
    end: u64,
}

impl Market {
    #[expect(clippy::wildcard_enum_match_arm, reason = "trades and depth are what counts")]
    fn of(recording: &Recording) -> Self {
        let mut market = Self { trades: BTreeMap::new(), touches: Vec::new(), end: 0 };
        let mut book = L2Book::new(BookConfig::default());
        for frame in recording.frames() {
            let header = wire::frame::header(frame).unwrap();
            let at = header.ts_recv_ns.get();
            let part = Part::from_flags(header.flags);
            match wire::decode(frame).unwrap() {
                Frame::Trade(trade) => {
                    let bought = AggressorSide::from_code(trade.aggressor);
                    let row = (trade.price_ticks.get(), bought == Some(AggressorSide::Buy));
                    market.trades.entry(at).or_default().push(row);
                }
                Frame::BookSnapshot(depth) => {
                    book.on_snapshot_frame(part, depth.bids, depth.asks, depth.head.last_update_id);
                }
                Frame::DepthDelta(depth) => {
                    book.on_delta_frame(part, depth.bids, depth.asks, depth.head.last_update_id);
                }
                _ => continue,
            }
            if let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) {
                market.touches.push((at, bid.price_ticks.get(), ask.price_ticks.get()));
            }
            market.end = at;
        }
        market
    }

    /// Whether a trade at this very moment was at or through the price of a resting order.
    fn traded(&self, line: &Line) -> bool {
        let hits = |(price, bought): &(i64, bool)| match line.side {
            "buy" => !bought && *price <= line.price,
            _ => *bought && *price >= line.price,
        };
        self.trades.get(&line.at).is_some_and(|trades| trades.iter().any(hits))
    }

    /// Whether an order at this price would have taken.
    fn crosses(&self, line: &Line) -> bool {
        let next = self.touches.partition_point(|(at, ..)| *at <= line.at);
        let (_, bid, ask) = self.touches[next - 1];
        if line.side == "buy" { line.price >= ask } else { line.price <= bid }
    }

    /// Why the lists may begin to differ here.
    fn cause(&self, ours: &[Line], theirs: &[Line]) -> Option<&'static str> {
        let crossed = |line: &&Line| line.kind == "fill" && !self.traded(line);
        let refused = |line: &&Line| line.kind == "reject" && self.crosses(line);
        if theirs.iter().any(|line| crossed(&line)) {
            Some("the book crossed the price without a trade")
        } else if ours.iter().any(|line| refused(&line)) && theirs.is_empty() {
            Some("post-only that would take")
        } else {
            None
        }
    }
}

/// What a comparison found.
#[derive(Debug, Default)]
struct Found {
    /// Lines both have, by kind.
    equal: BTreeMap<&'static str, usize>,
    /// Differences with a cause of their own, by cause.
    causes: BTreeMap<&'static str, usize>,
    /// Lines that differ because of an earlier one.
    consequences: usize,
    unexplained: Vec<String>,
}

/// Compares the lines of one side moment by moment.
fn compare_side(side: &str, ours: &[Line], theirs: &[Line], market: &Market, found: &mut Found) {
    // The last decisions: what became of them is not told by both.
    let end = market.end - 3 * PERIOD.get();
    let by_time = |lines: &[Line]| {
        let mut map: BTreeMap<u64, Vec<Line>> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.side == side && line.at < end) {
            map.entry(line.at).or_default().push(line.clone());
        }
        for lines in map.values_mut() {
            lines.sort();
        }
        map
    };
    let (ours, theirs) = (by_time(ours), by_time(theirs));
    let moments: BTreeSet<u64> = ours.keys().chain(theirs.keys()).copied().collect();
    let mut differs = false;
    for at in moments {
        let none = Vec::new();
        let (a, b) = (ours.get(&at).unwrap_or(&none), theirs.get(&at).unwrap_or(&none));
        if a == b {
            for line in a {
                *found.equal.entry(line.kind).or_default() += 1;
            }
            differs &= !a.iter().any(|line| line.kind == "submit");
        } else if differs {
            found.consequences += a.len() + b.len();
        } else if let Some(cause) = market.cause(a, b) {
            *found.causes.entry(cause).or_default() += 1;
            differs = true;
        } else {
            found.unexplained.push(format!("ours {a:?} theirs {b:?}"));
        }
    }
}

fn compare(case: Case) -> Option<Found> {
    let theirs = theirs(case)?;
    let dir = tempfile::tempdir().unwrap();
    let recording = recording(dir.path());
    let ours = ours(&config(dir.path(), case.queue), &recording, case.offset);
    let market = Market::of(&recording);
    let mut found = Found::default();
    for side in ["buy", "sell"] {
        compare_side(side, &ours, &theirs, &market, &mut found);
    }
    eprintln!("{case:?}: {found:?}");
    assert_eq!(found.unexplained, Vec::<String>::new(), "differences without a cause: {case:?}");
    Some(found)
}

/// Queue, latency and trades alone: all is equal but for the orders that would have taken.
fn is_equal(case: Case) -> Option<Found> {
    let found = compare(Case { one_sided: true, ..case })?;
    assert!(found.causes.keys().all(|cause| cause.starts_with("post-only")), "{found:?}");
    assert!(found.causes.values().sum::<usize>() <= 20, "{found:?}");
    let equal: usize = found.equal.values().sum();
    assert!(found.consequences * 50 <= equal, "{found:?}");
    Some(found)
}

#[test]
fn a_maker_outside_the_touch_fills_as_in_hftbacktest() {
    let test = "a_maker_outside_the_touch_fills_as_in_hftbacktest";
    let case = Case { test, queue: "power-3", offset: 1, one_sided: true };
    let Some(found) = is_equal(case) else { return };
    assert!(found.equal["submit"] >= 1_000 && found.equal["fill"] >= 500, "{found:?}");
}

/// At the touch the queue decides, so that the two powers do not give the same fills.
#[test]
fn a_maker_at_the_touch_fills_as_in_hftbacktest() {
    let test = "a_maker_at_the_touch_fills_as_in_hftbacktest";
    for queue in ["power-2", "power-3"] {
        let case = Case { test, queue, offset: 0, one_sided: true };
        let Some(found) = is_equal(case) else { return };
        assert!(found.equal["submit"] >= 1_000 && found.equal["fill"] >= 500, "{found:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let recording = recording(dir.path());
    let [square, cubic, none] = ["power-2", "power-3", "risk-averse"]
        .map(|queue| ours(&config(dir.path(), queue), &recording, 0));
    assert!(square != cubic && cubic != none, "the queue model matters here");
}

/// With the whole book hftbacktest fills more: wherever the book crosses an order, which here
/// waits for a trade. Every such fill is found in the recording to have had none.
#[test]
fn against_the_whole_of_hftbacktest_only_fills_without_a_trade_differ() {
    let test = "against_the_whole_of_hftbacktest_only_fills_without_a_trade_differ";
    let case = Case { test, queue: "power-3", offset: 1, one_sided: false };
    let Some(found) = compare(case) else { return };
    assert!(found.equal["submit"] >= 1_000 && found.equal["fill"] >= 100, "{found:?}");
    assert!(found.causes.keys().all(|cause| cause.starts_with("the book")), "{found:?}");
}
