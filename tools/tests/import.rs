//! `corelane import`: what it makes of frames and bars, the cut with its carried-over book, and one
//! clear line for everything it refuses, with nothing left behind.
#![expect(clippy::wildcard_enum_match_arm, reason = "a kind that is not due fails the test")]
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use clap::Parser;
use corelane_tools::import::{ImportArgs, ImportError, import};
use std::io::Write;
use std::path::{Path, PathBuf};
use wire::Frame;
use wire::exit::Exit;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ImportArgs,
}

const FRAMES: &str = r#"1000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":9,"u":10,"b":[["100.00000000","1.00000000"]],"a":[]}}
1001 {"lastUpdateId":10,"bids":[["100.00000000","2.00000000"],["99.50000000","5.00000000"]],"asks":[["100.01000000","3.00000000"]]}
1002 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":7,"p":"100.01000000","q":"0.50000000","T":1723161255342,"m":false,"M":true}}
1003 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255408,"s":"BTCUSDT","U":11,"u":12,"b":[["99.50000000","0.00000000"]],"a":[["100.02000000","4.00000000"]]}}
1004 {"stream":"btcusdt@bookTicker","data":{"u":12,"s":"BTCUSDT","b":"100.00000000","B":"2.00000000","a":"100.01000000","A":"3.00000000"}}
1005 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255508,"s":"BTCUSDT","U":13,"u":13,"b":[["100.00000000","1.00000000"]],"a":[]}}
"#;

const BARS: &str = "ts_ms,open,high,low,close,volume\n\
    60000,10.00,10.05,9.99,10.02,1.0007\n\
    120000,10.02,10.03,9.50,9.60,1e-05\n\
    240000,9.60,9.60,9.60,9.60,0\n";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out.clrec")
    }

    /// Imports with the words of a command line.
    fn run(&self, format: &str, inputs: &[&Path], more: &[&str]) -> Result<(), ImportError> {
        let mut words = vec!["import".to_owned(), format!("--format={format}")];
        words.extend(inputs.iter().map(|path| format!("--in={}", path.display())));
        words.push(format!("--out={}", self.out().display()));
        words.extend(["--symbol=BTCUSDT", "--tick=0.01", "--lot=0.001"].map(str::to_owned));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        import(&Line::try_parse_from(words).unwrap().args).map(|_| ())
    }

    /// The frames of the recording, as kind names with what tells them apart.
    fn made(&self) -> Vec<String> {
        let recording = tape::read_all(self.out()).unwrap();
        recording.frames().map(|frame| show(&wire::decode(frame).unwrap())).collect()
    }

    /// Asserts that nothing is left but the inputs.
    fn assert_nothing_made(&self) {
        let left: Vec<_> = std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("clrec"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn show(frame: &Frame<'_>) -> String {
    let levels = |levels: &[wire::market::Level]| {
        let one = |l: &wire::market::Level| format!("{}x{}", l.price_ticks, l.qty_lots);
        levels.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    match frame {
        Frame::Instrument(row) => format!("instrument {}", row.symbol()),
        Frame::BookSnapshot(s) => {
            let header = &s.head.header;
            let (id, ts) = (s.head.last_update_id, header.ts_recv_ns);
            format!("snapshot {id} at {ts}: {} | {}", levels(s.bids), levels(s.asks))
        }
        Frame::DepthDelta(d) => {
            let id = d.head.last_update_id;
            format!("delta {id}: {} | {}", levels(d.bids), levels(d.asks))
        }
        Frame::Trade(t) => {
            let ms = t.header.ts_recv_ns.get() / 1_000_000;
            format!("trade {ms}: {}x{}", t.price_ticks, t.qty_lots)
        }
        Frame::Quote(q) => format!("quote {}", q.update_id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_come_out_in_order_with_the_table_first() {
    let place = Place::new();
    let input = place.file("a.jsonl", FRAMES.as_bytes());
    place.run("binance-jsonl", &[&input], &["--source=here", "--licence=MIT"]).unwrap();
    assert_eq!(
        place.made(),
        [
            "instrument BTCUSDT",
            "snapshot 10 at 1001: 10000x2000 9950x5000 | 10001x3000",
            "trade 0: 10001x500",
            "delta 12: 9950x0 | 10002x4000",
            "quote 12",
            "delta 13: 10000x1000 | ",
        ]
    );
    let header = tape::read_all(place.out()).unwrap().header;
    assert_eq!((header.source.as_str(), header.licence.as_str()), ("here", "MIT"));
    assert_eq!(header.instruments, ["BTCUSDT"]);
    let file = &header.source_files[0];
    assert_eq!((file.name.as_str(), file.bytes), ("a.jsonl", FRAMES.len() as u64));
    assert_eq!(file.sha256.len(), 64);
}

#[test]
fn a_cut_begins_with_the_book_as_it_stood() {
    let place = Place::new();
    let input = place.file("a.jsonl", FRAMES.as_bytes());
    place.run("binance-jsonl", &[&input], &["--from=1004", "--to=1005"]).unwrap();
    assert_eq!(
        place.made(),
        [
            "instrument BTCUSDT",
            "snapshot 12 at 1004: 10000x2000 | 10001x3000 10002x4000",
            "quote 12",
        ]
    );
    let notes = tape::read_all(place.out()).unwrap().header.notes.join("\n");
    assert!(notes.contains("book carried over the cut: 1 bids, 2 asks"), "{notes}");
}

#[test]
fn gzip_and_zstd_and_several_files_give_the_same_recording() {
    let place = Place::new();
    let plain = place.file("a.jsonl", FRAMES.as_bytes());
    place.run("binance-jsonl", &[&plain], &[]).unwrap();
    let want = place.made();

    let (first, second) = FRAMES.split_at(FRAMES.find("1003 ").unwrap());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(first.as_bytes()).unwrap();
    let gzip = place.file("a.gz", &gzip.finish().unwrap());
    let zstd = zstd::bulk::compress(second.as_bytes(), 1).unwrap();
    let zstd = place.file("a.zst", &zstd);
    place.run("binance-jsonl", &[&gzip, &zstd], &[]).unwrap();
    assert_eq!(place.made(), want);
}

#[test]
fn bars_become_derived_trades_by_the_stated_rule() {
    let place = Place::new();
    let input = place.file("a.csv", BARS.as_bytes());
    place.run("ohlcv-csv", &[&input], &[]).unwrap();
    assert_eq!(
        place.made(),
        [
            "instrument BTCUSDT",
            // Rose: open, low, high, close; 1000 lots in four quarters.
            "trade 60000: 1000x250",
            "trade 75000: 999x250",
            "trade 90000: 1005x250",
            "trade 119999: 1002x250",
            // Fell: open, high, low, close; less than a lot in all gives nothing.
        ]
    );
    let fell = BARS.replace("1e-05", "1.1e-2");
    let input = place.file("b.csv", fell.as_bytes());
    place.run("ohlcv-csv", &[&input], &["--from=120000000000"]).unwrap();
    assert_eq!(
        place.made()[1..],
        [
            "trade 120000: 1002x2",
            "trade 135000: 1003x2",
            "trade 150000: 950x2",
            "trade 179999: 960x5"
        ]
    );
    let derived = tape::read_all(place.out()).unwrap().header.derived;
    assert!(derived.starts_with("ohlcv: four trades a bar"), "{derived}");
}

#[test]
fn prices_off_the_tick_are_rounded_only_when_asked_and_then_it_is_said() {
    let place = Place::new();
    let input = place.file("a.csv", BARS.replace("10.00,", "10.006,").as_bytes());
    let error = place.run("ohlcv-csv", &[&input], &[]).unwrap_err();
    assert!(error.to_string().contains("`10.006` of `BTCUSDT` is not on its tick 0.01"), "{error}");
    place.run("ohlcv-csv", &[&input], &["--round"]).unwrap();
    assert_eq!(place.made()[1], "trade 60000: 1001x250");
    let derived = tape::read_all(place.out()).unwrap().header.derived;
    assert!(derived.contains("rounded to the nearest tick"), "{derived}");
}

#[test]
fn what_is_refused_names_file_line_and_next_step_and_leaves_nothing() {
    let place = Place::new();
    let edit = |from: &str, to: &str| {
        assert!(FRAMES.contains(from), "{from}");
        place.file("bad.jsonl", FRAMES.replace(from, to).as_bytes())
    };
    let cases: [(&str, &str, &str); 6] = [
        ("100.02000000", "100.02500000", "line 4 "),
        ("\"4.00000000", "\"4.00000001", "line 4 "),
        ("\"t\":7", "\"t\":", "line 3 "),
        ("1004 ", "0999 ", "line 5 "),
        ("1002 ", "", "line 3 "),
        ("\"s\":\"BTCUSDT\",\"t\"", "\"s\":\"ETHUSDT\",\"t\"", "`ETHUSDT`"),
    ];
    for (from, to, part) in cases {
        let input = edit(from, to);
        let error = place.run("binance-jsonl", &[&input], &[]).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ImportError::Line { .. }), "{text}");
        for part in [part, "bad.jsonl", "; next: "] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains('\n'), "{text}");
        place.assert_nothing_made();
    }
    let input = place.file("a.jsonl", FRAMES.as_bytes());
    let empty = place.run("binance-jsonl", &[&input], &["--from=2000"]).unwrap_err();
    assert!(matches!(empty, ImportError::Empty { .. }), "{empty}");
    let missing = place.dir.path().join("none.gz");
    let missing = place.run("binance-jsonl", &[&missing], &[]).unwrap_err();
    assert_eq!(missing.exit(), Exit::Resource);
    place.assert_nothing_made();
}

#[test]
fn options_that_cannot_be_are_refused_by_name() {
    let place = Place::new();
    let input = place.file("a.jsonl", FRAMES.as_bytes());
    for (word, key) in [
        ("--min-qty=0.0005", "--min-qty"),
        ("--min-notional=x", "--min-notional"),
        ("--from=yesterday", "--from"),
        ("--level=99", "--level"),
        ("--to=0", "--to"),
    ] {
        let error = place.run("binance-jsonl", &[&input], &[word]).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
        assert_eq!(error.exit(), Exit::Arguments);
    }
    place.assert_nothing_made();
}

#[test]
fn an_import_that_fails_keeps_the_recording_that_was_there() {
    let place = Place::new();
    let good = place.file("a.jsonl", FRAMES.as_bytes());
    place.run("binance-jsonl", &[&good], &[]).unwrap();
    let want = place.made();
    let bad = place.file("b.jsonl", FRAMES.replace("\"t\":7", "\"t\":").as_bytes());
    place.run("binance-jsonl", &[&bad], &[]).unwrap_err();
    assert_eq!(place.made(), want);
}

#[test]
fn the_bundled_recording_is_made_again_bit_for_bit() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared = std::env::var_os("CORELANE_SHARED_DATA")
        .map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let inputs = ["spot_btcusdt_20240808.jsonl.gz", "spot_btcusdt_20240809.jsonl.gz"]
        .map(|name| shared.join("binance-raw").join(name));
    if !inputs.iter().all(|path| path.exists()) {
        eprintln!("SKIPPED the_bundled_recording_is_made_again_bit_for_bit: no raw recordings");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("again.clrec");
    let mut words = vec!["import".to_owned(), "--format=binance-jsonl".to_owned()];
    words.extend(inputs.iter().map(|path| format!("--in={}", path.display())));
    words.push(format!("--out={}", out.display()));
    // The options of PROVENANCE.md, word for word, but for the fast level.
    for word in [
        "--from=2024-08-09T00:00:00Z",
        "--symbol=BTCUSDT",
        "--type=spot",
        "--tick=0.01",
        "--lot=0.000001",
        "--min-qty=0.00001",
        "--max-qty=9000",
        "--min-notional=5",
        "--level=1",
    ] {
        words.push(word.to_owned());
    }
    let made = import(&Line::try_parse_from(words).unwrap().args).unwrap();
    let bundled = tape::read_all(root.join("config/demo/btcusdt-20240809.clrec")).unwrap();
    assert_eq!(made.frames, bundled.summary);
    assert_eq!(made.carried, Some((1209, 2196)));
}
