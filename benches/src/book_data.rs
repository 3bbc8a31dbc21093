//! Recorded level-2 updates for the book bench, parsed once and kept in memory.
//!
//! Owns: turning a raw Binance recording (`shared/data/binance-raw`) into messages of levels, in
//! the order and with the cut a feed handler makes: from the snapshot on, without the differences
//! the snapshot already holds. Must never: run inside a measured section. May allocate.

use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use wire::decimal::parse_increments;
use wire::market::Level;
use wire::{PriceTicks, QtyLots};

/// A recording of one instrument: files in order of time, and its increments.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Name in the table.
    pub name: &'static str,
    /// File names under `binance-raw`; a later file continues the one before.
    pub files: &'static [&'static str],
    /// Price increment, billionths.
    pub tick_size_e9: i64,
    /// Size increment, billionths.
    pub lot_size_e9: i64,
}

/// The recordings the bench plays.
pub const SOURCES: [Source; 3] = [
    Source {
        name: "spot BTCUSDT",
        files: &["spot_btcusdt_20240808.jsonl.gz", "spot_btcusdt_20240809.jsonl.gz"],
        tick_size_e9: 10_000_000,
        lot_size_e9: 10,
    },
    Source {
        name: "USD-M ETHUSDT",
        files: &["usdm_ethusdt_20240808.jsonl.gz"],
        tick_size_e9: 10_000_000,
        lot_size_e9: 1_000_000,
    },
    Source {
        name: "COIN-M BTCUSD_PERP",
        files: &["cm_btcusd_perp_20240808.jsonl.gz"],
        tick_size_e9: 100_000_000,
        lot_size_e9: 1_000_000_000,
    },
];

/// One depth message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// It replaces the book.
    pub snapshot: bool,
    /// Last venue update number in it.
    pub last_update_id: u64,
    /// Bid levels.
    pub bids: &'a [Level],
    /// Ask levels.
    pub asks: &'a [Level],
}

#[derive(Clone, Debug)]
struct Span {
    snapshot: bool,
    last_update_id: u64,
    bids: Range<usize>,
    asks: Range<usize>,
}

/// The depth messages of a recording.
#[derive(Clone, Debug, Default)]
pub struct Updates {
    levels: Vec<Level>,
    spans: Vec<Span>,
}

impl Updates {
    /// Reads a recording.
    ///
    /// # Errors
    /// A line that says which file is missing, or what in it could not be read.
    pub fn load(source: &Source) -> Result<Self, String> {
        let mut updates = Self::default();
        let mut waiting = Vec::new();
        for name in source.files {
            let path = data_dir().join("binance-raw").join(name);
            let file = File::open(&path).map_err(|e| format!("cannot open {name}: {e}"))?;
            for line in BufReader::new(GzDecoder::new(file)).lines() {
                let line = line.map_err(|e| format!("cannot read {name}: {e}"))?;
                updates.take(source, &line, &mut waiting).ok_or(format!("{name}: {line}"))?;
            }
        }
        Ok(updates)
    }

    /// Keeps the first `count` messages.
    pub fn cut(&mut self, count: usize) {
        self.spans.truncate(count);
    }

    /// Lowest and highest price that any message names, ticks.
    #[must_use]
    pub fn price_range(&self) -> (i64, i64) {
        let prices = self.levels.iter().map(|level| level.price_ticks.get());
        prices.fold((i64::MAX, i64::MIN), |(low, high), price| (low.min(price), high.max(price)))
    }

    /// The messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> + '_ {
        self.spans.iter().map(|span| Message {
            snapshot: span.snapshot,
            last_update_id: span.last_update_id,
            bids: &self.levels[span.bids.clone()],
            asks: &self.levels[span.asks.clone()],
        })
    }

    /// Messages.
    #[must_use]
    pub fn message_count(&self) -> usize {
        self.spans.len()
    }

    /// Levels in all messages.
    #[must_use]
    pub fn level_count(&self) -> usize {
        self.spans.iter().map(|span| span.bids.len() + span.asks.len()).sum()
    }

    /// Takes one line; `None` where it cannot be read.
    fn take(&mut self, source: &Source, line: &str, waiting: &mut Vec<Value>) -> Option<()> {
        let (_, json) = line.split_once(' ')?;
        let mut whole: Value = serde_json::from_str(json).ok()?;
        let data = match whole.get_mut("data") {
            Some(data) => data.take(),
            None => whole,
        };
        if let Some(id) = data.get("lastUpdateId").and_then(Value::as_u64) {
            self.push(source, true, id, &data["bids"], &data["asks"])?;
            for delta in waiting.drain(..).filter(|d| d["u"].as_u64().is_some_and(|u| u > id)) {
                self.push(source, false, delta["u"].as_u64()?, &delta["b"], &delta["a"])?;
            }
        } else if data["e"] == "depthUpdate" {
            if self.spans.is_empty() {
                waiting.push(data);
            } else if data["u"].as_u64()? > self.spans.last()?.last_update_id {
                self.push(source, false, data["u"].as_u64()?, &data["b"], &data["a"])?;
            }
        }
        Some(())
    }

    fn push(
        &mut self,
        source: &Source,
        snapshot: bool,
        last_update_id: u64,
        bids: &Value,
        asks: &Value,
    ) -> Option<()> {
        let bids = self.push_levels(source, bids)?;
        let asks = self.push_levels(source, asks)?;
        self.spans.push(Span { snapshot, last_update_id, bids, asks });
        Some(())
    }

    fn push_levels(&mut self, source: &Source, levels: &Value) -> Option<Range<usize>> {
        let start = self.levels.len();
        for level in levels.as_array()? {
            let number = |index: usize, increment| {
                parse_increments(level.get(index)?.as_str()?.as_bytes(), increment).ok()
            };
            let price_ticks = PriceTicks(number(0, source.tick_size_e9)?);
            let qty_lots = QtyLots(number(1, source.lot_size_e9)?);
            self.levels.push(Level { price_ticks, qty_lots });
        }
        Some(start..self.levels.len())
    }
}

/// Where the shared recordings lie: `CORELANE_SHARED_DATA`, or `../shared/data` beside the
/// repository.
#[must_use]
pub fn data_dir() -> PathBuf {
    std::env::var_os("CORELANE_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    )
}
