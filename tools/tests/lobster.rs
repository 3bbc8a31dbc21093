//! `corelane import --format=lobster`: order by order, held against LOBSTER's own order book file.
#![expect(clippy::wildcard_enum_match_arm, reason = "a kind that is not due fails the test")]
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a skip is told")]

use clap::Parser;
use corelane_tools::import::{ImportArgs, ImportError, ImportSummary, import};
use engine::book::{BookConfig, L2Book, Part};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use tape::Recording;
use wire::Frame;
use wire::exit::Exit;
use wire::market::{BookSide, FLAG_ORDER, Level};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ImportArgs,
}

/// Made by hand in the documented format: an order, a partial cancel, an execution of an order from
/// before the file, a hidden execution at the mid, a deletion that brings a level in sight, a halt.
const MESSAGES: &str = "34200.000000001,1,11,20,1000100,1\n\
    34200.5,2,11,5,1000100,1\n\
    34201.000000002,4,7,30,1000300,-1\n\
    34201.1,5,0,40,1000200,1\n\
    34202,3,11,15,1000100,1\n\
    34203,7,0,0,-1,-1\n";

/// Two levels: ask, size, bid, size.
const BOOK: &str = "1000300,100,1000100,20,1000400,50,1000000,60\n\
    1000300,100,1000100,15,1000400,50,1000000,60\n\
    1000300,70,1000100,15,1000400,50,1000000,60\n\
    1000300,70,1000100,15,1000400,50,1000000,60\n\
    1000300,70,1000000,60,1000400,50,999900,10\n\
    1000300,70,1000000,60,1000400,50,999900,10\n";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out.clrec")
    }

    fn run(&self, messages: &Path, more: &[&str]) -> Result<ImportSummary, ImportError> {
        let mut words = vec!["import".to_owned(), "--format=lobster".to_owned()];
        words.push(format!("--in={}", messages.display()));
        words.push(format!("--out={}", self.out().display()));
        words.extend(["--symbol=AAPL", "--tick=0.01", "--lot=1"].map(str::to_owned));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        import(&Line::try_parse_from(words).unwrap().args)
    }

    /// Imports the hand-made files, with another order book file where one is given.
    fn both(&self, book: &str) -> Result<ImportSummary, ImportError> {
        let (messages, book) = (self.file("m.csv", MESSAGES), self.file("b.csv", book));
        let book = format!("--orderbook={}", book.display());
        self.run(&messages, &["--midnight=2012-06-21T04:00:00Z", &book])
    }

    fn made(&self) -> Recording {
        tape::read_all(self.out()).unwrap()
    }
}

fn show(frame: &[u8]) -> String {
    let levels = |levels: &[Level]| {
        let one = |l: &Level| format!("{}x{}", l.price_ticks, l.qty_lots);
        levels.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    match wire::decode(frame).unwrap() {
        Frame::Instrument(row) => row.symbol().to_owned(),
        Frame::BookSnapshot(s) => format!("snapshot: {} | {}", levels(s.bids), levels(s.asks)),
        Frame::DepthDelta(d) => {
            let by = if d.head.header.flags & FLAG_ORDER == 0 {
                "all".to_owned()
            } else {
                d.head.prev_update_id.to_string()
            };
            format!("{} by {by}: {} | {}", d.head.last_update_id, levels(d.bids), levels(d.asks))
        }
        Frame::Trade(t) => {
            format!("trade {}x{} {}", t.price_ticks, t.qty_lots, char::from(t.aggressor))
        }
        Frame::Status(status) => format!("status {}", char::from(status.status)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_become_changes_of_orders_and_the_book_equals_every_row() {
    let place = Place::new();
    let summary = place.both(BOOK).unwrap();
    let made: Vec<String> = place.made().frames().map(show).collect();
    assert_eq!(
        made,
        [
            "AAPL",
            "snapshot: 10000x60 | 10003x100 10004x50",
            "1 by 11: 10001x20 | ",
            "2 by 11: 10001x15 | ",
            "trade 10003x30 B",
            "3 by 7:  | 10003x70",
            "trade 10002x40 S",
            "5 by 11: 10001x0 | ",
            "5 by all: 9999x10 | ",
            "status H",
        ]
    );
    let orders = summary.orders.unwrap();
    assert_eq!((orders.rows_equal, orders.revealed, orders.unknown), (6, 1, 1));
    let first = place.made().frames().nth(1).map(|f| wire::frame::header(f).unwrap().ts_recv_ns);
    // 2012-06-21T13:30:00.000000001Z.
    assert_eq!(first.unwrap().get(), 1_340_285_400_000_000_001);
    assert_eq!(place.made().header.source_files.len(), 2, "both files are named in the recording");
}

#[test]
fn a_row_that_differs_is_refused_and_nothing_is_left() {
    for (right, wrong, complaint) in [
        ("1000300,70,1000100,15,1000400", "1000300,71,1000100,15,1000400", "line 3"),
        ("1000300,100,1000100,15,", "1000300,100,1000200,15,", "bid level 1"),
    ] {
        let place = Place::new();
        let error = place.both(&BOOK.replacen(right, wrong, 1)).unwrap_err();
        assert_eq!(error.exit(), Exit::Resource);
        assert!(error.to_string().contains(complaint), "{error}");
        assert!(!place.out().exists() && !place.dir.path().join("out.clrec.partial").exists());
    }
    let place = Place::new();
    let error = place.both(BOOK.rsplit_once("1000300").unwrap().0).unwrap_err();
    assert!(error.to_string().contains("fewer rows"), "{error}");
}

#[test]
fn without_the_order_book_file_the_book_begins_empty() {
    let place = Place::new();
    let messages = place.file("m.csv", &format!("seconds,type,id,size,price,side\n{MESSAGES}"));
    let summary = place.run(&messages, &["--midnight=0"]).unwrap();
    let made: Vec<String> = place.made().frames().map(show).collect();
    assert_eq!(made[1..4], ["snapshot:  | ", "1 by 11: 10001x20 | ", "2 by 11: 10001x15 | "]);
    assert_eq!(made[4..6], ["trade 10003x30 B", "trade 10002x40 S"]);
    assert_eq!(summary.orders.unwrap().unknown, 1);
}

#[test]
fn lines_and_options_that_are_not_understood_are_refused() {
    for (line, complaint) in [
        ("34200.1,6,1,1,1000000,1", "message type 6"),
        ("34200.1,1,1,1,1000050,1", "its price 1000050"),
        ("34200.1,1,1,0,1000000,1", "its size 0"),
        ("34200.1,1,1,1,1000000,0", "it is no `seconds,type"),
        ("34200.1x,1,1,1,1000000,1", "it is no `seconds,type"),
        ("34199.1,1,1,1,1000000,1", "before the last one"),
    ] {
        let place = Place::new();
        let first = "34200,1,9,1,1000000,1\n";
        let messages = place.file("m.csv", &format!("{first}{line}\n"));
        let error = place.run(&messages, &["--midnight=0"]).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains(complaint), "{error}");
    }
    let place = Place::new();
    let messages = place.file("m.csv", MESSAGES);
    let error = place.run(&messages, &[]).unwrap_err();
    assert!(error.to_string().contains("--midnight"), "{error}");
    assert_eq!(error.exit(), Exit::Arguments);
}

fn recorded(name: &str, test: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("CORELANE_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let path = shared.join("equities-l3-lobster").join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("SKIPPED {test}: {name} is not in ../shared/data/equities-l3-lobster");
    None
}

/// The first 999 messages of a day: the book the recording makes shows, after each of them, the ten
/// levels of LOBSTER's own order book file.
#[test]
fn the_recorded_book_equals_the_venue_s_row_by_row() {
    let test = "the_recorded_book_equals_the_venue_s_row_by_row";
    let name = |kind| format!("AAPL_2012-06-21_first999_{kind}_10.csv");
    let Some(messages) = recorded(&name("message"), test) else { return };
    let Some(book_file) = recorded(&name("orderbook"), test) else { return };
    let place = Place::new();
    let option = format!("--orderbook={}", book_file.display());
    let summary = place.run(&messages, &["--midnight=2012-06-21T04:00:00Z", &option]).unwrap();
    assert_eq!(summary.orders.unwrap().rows_equal, 999);
    let file = std::io::BufReader::new(std::fs::File::open(book_file).unwrap());
    let rows: Vec<Vec<i64>> = file
        .lines()
        .map(|line| line.unwrap().split(',').map(|n| n.parse().unwrap()).collect())
        .collect();
    let mut book = L2Book::new(BookConfig::default());
    // What the book shows after the last frame of each row; rows without one change nothing.
    let mut shown: Vec<Vec<i64>> = Vec::new();
    let recording = place.made();
    for frame in recording.frames() {
        let part = Part::from_flags(wire::frame::header(frame).unwrap().flags);
        let row = match wire::decode(frame).unwrap() {
            Frame::BookSnapshot(s) => {
                book.on_snapshot_frame(part, s.bids, s.asks, s.head.last_update_id);
                continue;
            }
            Frame::DepthDelta(d) => {
                book.on_delta_frame(part, d.bids, d.asks, d.head.last_update_id);
                usize::try_from(d.head.last_update_id).unwrap()
            }
            _ => continue,
        };
        let before = shown.last().cloned().unwrap_or_default();
        shown.resize(row, before);
        *shown.last_mut().unwrap() = as_a_row(&book);
    }
    let last = shown.last().cloned().unwrap();
    shown.resize(rows.len(), last);
    let different = shown.iter().zip(&rows).position(|(ours, theirs)| ours != theirs);
    assert_eq!(different, None, "the first row that differs");
}

/// Ten levels as the order book file writes them.
fn as_a_row(book: &L2Book) -> Vec<i64> {
    let (asks, bids) = (book.levels(BookSide::Ask), book.levels(BookSide::Bid));
    let both = asks.zip(bids).take(10);
    let four = |(ask, bid): (Level, Level)| {
        [ask, bid].map(|l| [l.price_ticks.get() * 100, l.qty_lots.get()])
    };
    both.flat_map(four).flatten().collect()
}

/// Half an hour at 50 levels, without an order book file: most orders are known.
#[test]
fn half_an_hour_of_messages_is_taken_without_an_order_book_file() {
    let test = "half_an_hour_of_messages_is_taken_without_an_order_book_file";
    let name = "AAPL_2012-06-21_0930-1000_message_50.csv.zst";
    let Some(messages) = recorded(name, test) else { return };
    let place = Place::new();
    let summary = place.run(&messages, &["--midnight=2012-06-21T04:00:00Z"]).unwrap();
    let orders = summary.orders.unwrap();
    assert_eq!(summary.lines, 42_203);
    assert!(orders.unknown < 100, "{orders:?}");
}
