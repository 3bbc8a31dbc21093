//! A small synthetic recording and a configuration that trades on it.
//!
//! Ten levels a side, a mid that swings so that momentum turns, trades at both touches.
#![allow(dead_code, reason = "each test file uses its own part of this module")]

use bytemuck::{Zeroable, bytes_of};
use clock::Clock;
use corelane_station::config::{Config, Overrides};
use corelane_station::counters::Counters;
use corelane_station::journaler::{Journaler, Moments};
use corelane_station::shared::Shared;
use engine::limits::{FieldSpec, FirmLimits, Row, StrategyLimits, SymbolLimits, VenueLimits};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tape::journal::model::ModelDisk;
use tape::journal::{JournalWriter, Options};
use tape::tape::{Tape, TapeReader, TapeWriter};
use tape::{Compression, Header, RecordingWriter};
use wire::instrument::{Instrument, padded};
use wire::market::{AggressorSide, BookSnapshot, DepthDelta, FLAG_FIRST, FLAG_LAST, Level, Trade};
use wire::risk::LimitField;
use wire::signal::{SignalRequest, SignalResponse, SignalStatus};
use wire::{FrameHeader, FrameKind, InstrumentId, PriceTicks, QtyLots, TsNs, VenueId};

/// Receive time of the first event.
pub(crate) const START_NS: u64 = 1_723_161_600_000_000_000;
/// Time between two events.
pub(crate) const STEP_NS: u64 = 10_000_000;

/// The instrument table: one spot pair.
pub(crate) fn instrument() -> Instrument {
    Instrument {
        header: FrameHeader {
            instrument_id: InstrumentId(0),
            venue_id: VenueId(1),
            ..FrameHeader::new::<Instrument>()
        },
        symbol: padded("BTCUSDT").expect("fits"),
        tick_size_e9: 10_000_000,
        lot_size_e9: 10_000,
        min_qty_lots: QtyLots(1),
        max_qty_lots: QtyLots(900_000_000),
        min_notional_e9: 0,
        instrument_type: b'S',
        reserved: [0; 23],
    }
}

fn header(kind: FrameKind, len: usize, at: u64) -> FrameHeader {
    FrameHeader {
        instrument_id: InstrumentId(0),
        venue_id: VenueId(1),
        ts_event_ns: TsNs(at),
        ts_recv_ns: TsNs(at),
        ..FrameHeader::with_len(kind, len)
    }
}

fn levels(mid: i64) -> Vec<Level> {
    let level = |price| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(50_000) };
    let bids = (1..=10).map(|n| level(mid - n * 10));
    let asks = (1..=10).map(|n| level(mid + n * 10));
    bids.chain(asks).collect()
}

fn depth(kind: FrameKind, at: u64, id: u64, mid: i64) -> Vec<u8> {
    let levels = levels(mid);
    let delta = kind == FrameKind::DepthDelta;
    let head_len = if delta { size_of::<DepthDelta>() } else { size_of::<BookSnapshot>() };
    let mut header = header(kind, head_len + levels.len() * 16, at);
    header.flags = FLAG_FIRST | FLAG_LAST;
    let mut bytes = if delta {
        let head = DepthDelta {
            header,
            first_update_id: id,
            last_update_id: id,
            prev_update_id: id - 1,
            bid_count: 10,
            ask_count: 10,
            reserved: [0; 4],
        };
        bytes_of(&head).to_vec()
    } else {
        let head = BookSnapshot {
            header,
            last_update_id: id,
            bid_count: 10,
            ask_count: 10,
            reserved: [0; 4],
        };
        bytes_of(&head).to_vec()
    };
    bytes.extend_from_slice(bytemuck::cast_slice(&levels));
    bytes
}

fn trade(at: u64, id: u64, price: i64, aggressor: AggressorSide) -> Vec<u8> {
    let trade = Trade {
        header: header(FrameKind::Trade, size_of::<Trade>(), at),
        price_ticks: PriceTicks(price),
        qty_lots: QtyLots(70_000),
        trade_id: id,
        aggressor: aggressor.code(),
        ..Zeroable::zeroed()
    };
    bytes_of(&trade).to_vec()
}

/// Writes a recording of `events` events to `path`.
pub(crate) fn record(path: &Path, events: u64) {
    let mut writer =
        RecordingWriter::create(path, &Header::default(), Compression::Zstd(1)).expect("recording");
    writer.push(bytes_of(&instrument())).expect("table");
    for n in 0..events {
        let at = START_NS + n * STEP_NS;
        // Up for ten seconds, down for ten: a triangle of 300 ticks about 6,000,000.
        let phase = i64::try_from(n % 2_000).expect("small");
        let mid = 6_000_000 + 3 * if phase < 1_000 { phase } else { 2_000 - phase };
        let frame = match n {
            0 => depth(FrameKind::BookSnapshot, at, 1, mid),
            n if n % 3 == 0 => trade(at, n, mid - 10, AggressorSide::Sell),
            n if n % 3 == 1 => trade(at, n, mid + 10, AggressorSide::Buy),
            // A snapshot keeps the book at ten levels whatever the mid did.
            n => depth(FrameKind::BookSnapshot, at, n, mid),
        };
        writer.push(&frame).expect("event");
    }
    writer.finish().expect("recording");
}

/// The text of a configuration that trades the recording `name`.
pub(crate) fn text(name: &str, extra_station: &str, signal: bool) -> String {
    let taker = if signal {
        "[[strategy]]\nname = \"taker\"\nkind = \"signal-taker\"\ninstrument = \"BTCUSDT\"\n\
         qty_lots = 100\nentry_score_e6 = 300000\nexit_score_e6 = 100000\n\
         max_spread_ticks = 100\nslip_ticks = 5\nhold_ms = 5000\ncooldown_ms = 100\n"
    } else {
        ""
    };
    format!(
        "[session]\nname = \"test\"\nstart_mode = \"LIVE\"\n\
         [data]\nrecording = \"{name}\"\nspeed = \"max\"\n\
         [venue]\nentry_latency_ns = 2000000\nresponse_latency_ns = 1000000\n\
         maker_fee_e6 = 0\ntaker_fee_e6 = 500\n\
         [station]\nidle = \"yield\"\n{extra_station}\n\
         [signal]\nenabled = {signal}\nmodel = \"m.onnx\"\nttl_ms = 500\n\
         sample_interval_ms = 100\n{taker}\
         [[strategy]]\nname = \"mom\"\nkind = \"momentum\"\ninstrument = \"BTCUSDT\"\n\
         qty_lots = 100\nfast_bars = 2\nslow_bars = 5\nthreshold_e6 = 0\norder_ttl_ms = 3000\n\
         [limits]\nfile = \"limits.toml\"\n\
         [record]\ndir = \"runs\"\n"
    )
}

/// The text of a limits file for the strategies of [`text`]: narrow where the tests look, else the
/// widest there is.
pub(crate) fn limits(signal: bool) -> String {
    fn row<R: Row>(name: &str, narrow: &[(LimitField, i64)]) -> String {
        let value = |spec: &FieldSpec| {
            let narrow = narrow.iter().find(|(field, _)| *field == spec.field);
            narrow.map_or_else(|| R::LOOSEST.get(spec.field).expect("its own"), |(_, v)| *v)
        };
        let line = |spec| format!("{} = {}\n", FieldSpec::clone(spec).field.name(), value(spec));
        format!("[{name}]\n{}", R::fields().iter().map(line).collect::<String>())
    }
    let symbol = [
        (LimitField::MaxOrderQty, 1_000),
        (LimitField::MaxOrderNotional, 5_000_000_000_000),
        (LimitField::MaxLong, 500),
        (LimitField::MaxShort, 500),
        (LimitField::MaxOpenOrders, 8),
        (LimitField::PriceCollarBp, 500),
        (LimitField::OrderRatePerS, 50),
        (LimitField::OrderBurst, 50),
        (LimitField::MaxMarketAge, 5_000_000_000),
    ];
    let names = if signal { vec!["taker", "mom"] } else { vec!["mom"] };
    let strategies =
        names.iter().map(|name| row::<StrategyLimits>(&format!("strategy.{name}"), &[]));
    format!(
        "epoch = 1\n{}{}{}{}order_types = [\"limit/gtc\", \"limit/ioc\"]\nstrategies = {names:?}\n\
         fx = \"base\"\nband = \"none\"\nlocate = \"free\"\nadv_lots = 1000000000000\n",
        row::<FirmLimits>("firm", &[]),
        row::<VenueLimits>("venue.sim", &[]),
        strategies.collect::<String>(),
        row::<SymbolLimits>("symbol.BTCUSDT", &symbol),
    )
}

/// A folder with a recording and the configuration for it.
pub(crate) struct World {
    /// Kept so that the folder lives as long as the test.
    pub(crate) dir: tempfile::TempDir,
    /// The configuration.
    pub(crate) config: Config,
}

impl World {
    /// A world of `events` events.
    pub(crate) fn new(events: u64, extra_station: &str, signal: bool) -> Self {
        let dir = tempfile::tempdir().expect("folder");
        record(&dir.path().join("day.clrec"), events);
        let config = config(dir.path(), &text("day.clrec", extra_station, signal));
        Self { dir, config }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Parses a configuration as if it lay in `dir`, with limits beside it.
pub(crate) fn config(dir: &Path, text: &str) -> Config {
    let limits = limits(text.contains("signal-taker"));
    std::fs::write(dir.join("limits.toml"), limits).expect("limits");
    Config::parse(&dir.join("test.toml"), text, &Overrides::default())
        .unwrap_or_else(|failure| panic!("{failure}"))
}

/// A tape in memory, large enough for every configuration of these tests.
pub(crate) fn tape() -> (TapeWriter, TapeReader) {
    Tape::in_memory(64 << 20).split()
}

/// A journaler over a disk in memory.
pub(crate) fn journaler(
    tape: TapeReader,
    clock: Clock,
    counters: &Counters,
    shared: &Arc<Shared>,
) -> Journaler<ModelDisk> {
    journaler_on(ModelDisk::default(), tape, clock, counters, shared)
}

/// A journaler over a disk of the test's.
pub(crate) fn journaler_on(
    disk: ModelDisk,
    tape: TapeReader,
    clock: Clock,
    counters: &Counters,
    shared: &Arc<Shared>,
) -> Journaler<ModelDisk> {
    let options = Options { instance: [7; 16], epoch: 1, segment_bytes: 1 << 20 };
    let moments = Moments::new(clock);
    let journal = JournalWriter::create(disk, Path::new("test"), options, "{}", moments.now());
    let journal = journal.expect("a good disk");
    let (counters, shared) = (counters.clone(), Arc::clone(shared));
    Journaler::new(tape, journal, moments, Duration::ZERO, counters, shared)
}

/// The model of the sidecars in these tests.
pub(crate) const MODEL_HASH: u64 = 0xabcd;

/// Its answer: up for twenty requests, down for the next.
pub(crate) fn response(request: &SignalRequest) -> SignalResponse {
    SignalResponse {
        header: FrameHeader {
            instrument_id: request.header.instrument_id,
            ..FrameHeader::new::<SignalResponse>()
        },
        request_id: request.request_id,
        model_hash: MODEL_HASH,
        score_e6: if (request.request_id / 20).is_multiple_of(2) { 600_000 } else { -600_000 },
        generation: 1,
        batch: 1,
        status: SignalStatus::Ok.code(),
        ..Zeroable::zeroed()
    }
}
