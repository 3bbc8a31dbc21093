//! Runs to explain: the demo played once, copies of its folder to spoil, the same session with
//! limits tightened and advice taken in it, and a session of a strategy that amends its order.

use crate::support::{clean, config, corelane, only_run, root, set};
use engine::hash::StateHasher;
use engine::strategy::{
    Context, Event, Intent, Intents, OneOrder, OrderUpdate, Placement, Strategy,
};
use engine::{Engine, OwnStrategy, Sink};
use station::backtest::{self, backtest_on};
use station::config::{Config, Overrides};
use station::limits::changes::{Target, change};
use station::prepare;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tape::journal::{Folder, JournalWriter, Moment, Options};
use tape::{Header, Recording};
use tempfile::TempDir;
use venues::player::Speed;
use wire::advice::{Advice, AdviceField};
use wire::order::Side;
use wire::risk::{ChangeSource, LimitField};
use wire::station::SessionStart;
use wire::{Frame, FrameHeader, FrameKind, InstrumentId, PriceTicks, QtyLots, decode};

/// The folder of one run of the demo, as fast as it goes.
pub(crate) fn run() -> &'static Path {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, dir) = RUN.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let file = config(dir.path(), |text| set(&text, "speed", "\"max\""));
        clean(corelane(&["run", "--quiet", &format!("--config={}", file.display())]));
        let run = only_run(dir.path());
        // The run's folder is enough: the operator's own files may go.
        fs::remove_file(file).unwrap();
        (dir, run)
    });
    dir
}

/// The files of that run that explain it, in a folder of their own.
pub(crate) fn run_copy() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["config.toml", "limits.toml", "overrides.json"] {
        fs::copy(run().join(name), dir.path().join(name)).unwrap();
    }
    fs::create_dir(dir.path().join("journal")).unwrap();
    for file in fs::read_dir(run().join("journal")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join("journal").join(file.file_name())).unwrap();
    }
    dir
}

/// The words of a frame.
pub(crate) fn words(frame: &[u8]) -> Vec<u64> {
    let mut words = vec![0; frame.len() / 8];
    bytemuck::cast_slice_mut(&mut words).copy_from_slice(frame);
    words
}

/// Writes a journal of one segment into a folder, in place of the one that is there.
pub(crate) fn write(dir: &Path, header: &Header, frames: &[Vec<u64>]) -> PathBuf {
    let bytes: usize = frames.iter().map(|frame| frame.len() * 8 + 56).sum();
    write_in_segments(dir, header, frames, u64::try_from(bytes).unwrap() + (1 << 20))
}

/// Writes a journal into a folder, in place of the one that is there, in segments of so many bytes.
pub(crate) fn write_in_segments(
    dir: &Path,
    header: &Header,
    frames: &[Vec<u64>],
    segment_bytes: u64,
) -> PathBuf {
    let path = dir.join("journal");
    if path.exists() {
        fs::remove_dir_all(&path).unwrap();
    }
    let options = Options { instance: [1; 16], epoch: 1, segment_bytes };
    let about = serde_json::to_string(header).unwrap();
    let at = Moment::default();
    let folder = Folder::open(&path).unwrap();
    let mut writer = JournalWriter::create(folder, &path, options, &about, at).unwrap();
    for frame in frames {
        writer.push(bytemuck::cast_slice(frame), at).unwrap();
    }
    writer.finish(at).unwrap();
    path
}

/// What the first frame gives that gives anything.
pub(super) fn first<T>(recording: &Recording, f: impl Fn(&Frame<'_>) -> Option<T>) -> T {
    recording.frames().find_map(|frame| f(&decode(frame).unwrap())).unwrap()
}

#[derive(Default)]
struct Made(Vec<Vec<u64>>);

impl Sink for Made {
    fn input(&mut self, frame: &[u8]) {
        self.0.push(words(frame));
    }
    fn output(&mut self, frame: &[u8]) {
        self.0.push(words(frame));
    }
}

/// The demo's session with two limits tightened and one advice taken before its first order; none
/// of them stands in the way of an order.
pub(super) fn layered() -> TempDir {
    let dir = run_copy();
    let recording = tape::read_all(dir.path().join("journal")).unwrap();
    let plan = Config::of_run(dir.path()).unwrap().plan(recording.instruments(), dir.path());
    let mut engine = Engine::new(plan.unwrap().setup).unwrap();
    let mut made = Made::default();
    let mut frames: Vec<Vec<u64>> = Vec::new();
    let is_order = |frame: &[u8]| matches!(decode(frame), Ok(Frame::NewOrder(_)));
    let order = recording.frames().position(is_order).unwrap();
    let mut tightened = false;
    for (n, frame) in recording.frames().enumerate() {
        let header = *wire::frame::header(frame).unwrap();
        let kind = FrameKind::from_code(header.kind).unwrap();
        if matches!(kind, FrameKind::Instrument | FrameKind::SessionStart) {
            frames.push(words(frame));
        }
        if !kind.is_outer_input() {
            continue;
        }
        if !tightened && n + 500 > order {
            tightened = true;
            for mut more in tightenings(&header) {
                engine.input(bytemuck::cast_slice_mut(&mut more), &mut made).unwrap();
            }
        }
        let mut frame = words(frame);
        engine.input(bytemuck::cast_slice_mut(&mut frame), &mut made).unwrap();
    }
    frames.append(&mut made.0);
    write(dir.path(), &recording.header, &frames);
    dir
}

fn tightenings(at: &FrameHeader) -> [Vec<u64>; 3] {
    let tighten = |target, value| {
        let field = LimitField::MaxOpenOrders;
        let mut frame = change(target, field, value, 1, ChangeSource::Runtime);
        frame.header.ts_recv_ns = at.ts_recv_ns;
        words(bytemuck::bytes_of(&frame))
    };
    let mut header = FrameHeader::new::<Advice>();
    header.ts_recv_ns = at.ts_recv_ns;
    header.instrument_id = InstrumentId(0);
    let advice = Advice {
        header,
        advice_id: 1,
        value: 15_000,
        expires_ns: at.ts_recv_ns.saturating_add(599_000_000_000),
        field: AdviceField::MaxOrderQty.code(),
        reserved: [0; 7],
        reason_code: 0,
        source: 3,
    };
    [
        tighten(Target::Symbol(InstrumentId(0)), 7),
        tighten(Target::Firm, 11),
        words(bytemuck::bytes_of(&advice)),
    ]
}

/// Bids once, far from the market, and makes the order larger as soon as the venue has it.
#[derive(Debug, Default)]
pub(super) struct Amender {
    order: OneOrder,
    is_new: bool,
    asked: bool,
    amended: bool,
}

impl Amender {
    /// Its name.
    pub(super) const NAME: &'static str = "amender";
    /// Its order, lots.
    pub(super) const FIRST: i64 = 1_000;
    /// Its order after the amendment, lots.
    pub(super) const SECOND: i64 = 3_000;
}

impl Strategy for Amender {
    fn on_event(&mut self, _event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        let Some(touch) = context.instrument.touch() else { return };
        let bid = touch.bid.price_ticks.get();
        match self.order.id() {
            None if !self.asked => {
                let price = PriceTicks(bid - 10_000);
                self.asked = true;
                let bid = Placement::limit(Side::Buy, price, QtyLots(Self::FIRST));
                wishes.push(Intent::Place(bid));
            }
            Some(id) if self.is_new && !self.amended => {
                self.amended = true;
                let price = PriceTicks(bid - 9_000);
                wishes.push(Intent::Replace(id, price, QtyLots(Self::SECOND)));
            }
            _ => {}
        }
    }

    fn on_order(&mut self, update: &OrderUpdate<'_>) {
        self.order.follow(update);
        match update {
            OrderUpdate::Changed(order) => {
                self.is_new = order.status == wire::order::OrdStatus::New;
            }
            // Not LIVE yet: asked for again.
            OrderUpdate::Denied(_) => self.asked = false,
            OrderUpdate::Sent(_) | OrderUpdate::Replaced { .. } | OrderUpdate::Parent(_) => {}
        }
    }

    fn hash_into(&self, h: &mut StateHasher) {
        self.order.hash_into(h);
        for flag in [self.is_new, self.asked, self.amended] {
            h.bool(flag);
        }
    }
}

/// A configuration whose only strategy is the test's own, with limits for it.
fn of_amender(dir: &Path) -> Config {
    let limits = fs::read_to_string(root().join("config/limits.toml")).unwrap();
    let limits = limits
        .replace("strategies = [\"signal-taker\", \"momentum\"]", "strategies = [\"amender\"]")
        .replace("[strategy.momentum]", "[strategy.amender]");
    let (head, rest) = limits.split_once("[strategy.signal-taker]").unwrap();
    let (_, rest) = rest.split_once("[strategy.amender]").unwrap();
    let limits = format!("{head}[strategy.amender]{rest}");
    fs::write(dir.join("limits.toml"), limits).unwrap();
    let file = config(dir, |text| {
        let (head, rest) = text.split_once("# Takes liquidity in the direction").unwrap();
        let (_, rest) = rest.split_once("\n[limits]\n").unwrap();
        let file = format!("\"{}\"", dir.join("limits.toml").display());
        set(&format!("{head}[limits]\n{rest}"), "file", &file)
    });
    // As a backtest has it: the engine's patience depends on the replay's speed.
    let overrides = Overrides { speed: Some(Speed::Max), ..Overrides::default() };
    Config::load(&file, &overrides).unwrap()
}

fn amender() -> Vec<OwnStrategy> {
    vec![OwnStrategy {
        name: Amender::NAME.to_owned(),
        instrument: InstrumentId(0),
        uses_signal: false,
        logic: Box::<Amender>::default(),
    }]
}

/// The record of its session on the demo's recording, and what makes a fresh engine for it.
pub(super) fn amended() -> (Recording, impl Fn() -> Engine) {
    let dir = tempfile::tempdir().unwrap();
    let config = of_amender(dir.path());
    let data = prepare::read(&config).unwrap();
    let mut made = Made::default();
    let mut observer = |frame: &[u8]| made.0.push(words(frame));
    let options = backtest::Options {
        observer: Some(&mut observer),
        own: amender(),
        ..backtest::Options::default()
    };
    backtest_on(&config, &data, options).unwrap();
    let mut frames: Vec<Vec<u64>> =
        data.instruments().iter().map(|row| words(bytemuck::bytes_of(row))).collect();
    let start = SessionStart {
        header: FrameHeader::new::<SessionStart>(),
        epoch: 1,
        schema_hash: wire::frame::schema_hash(),
        config_hash: config.hash(),
        data_hash: 0,
        host_hash: 0,
        instruments: 1,
        strategies: 1,
    };
    frames.push(words(bytemuck::bytes_of(&start)));
    frames.append(&mut made.0);
    let record = tape::read_all(write(dir.path(), &data.header, &frames)).unwrap();
    let engine = move || {
        let _kept = &dir;
        prepare::ready(&config, &data, amender()).unwrap().engine
    };
    (record, engine)
}
