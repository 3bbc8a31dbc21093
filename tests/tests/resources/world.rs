//! The station's loop and edge over the bundled recording, driven turn by turn, with a strategy
//! that uses every kind of order, a venue that fails, scores, and a script of what operators do.

use crate::busy::{self, Busy};
use crate::script::Script;
use bytemuck::Zeroable as _;
use clock::Clock;
use engine::OwnStrategy;
use ring::{Consumer, SlotReader};
use station::assembly::{Parts, Tasks, assemble};
use station::bridge::BridgePorts;
use station::config::{Config, Overrides};
use station::counters::Counters;
use station::edge_task::EdgeTask;
use station::limits::LimitsFile;
use station::link::LinkTx;
use station::loop_task::{LoopTask, RequestCell, Turn};
use station::prepare::{Ready, ready};
use station::shared::Shared;
use station::stamps::{EventStamp, INPUT_STAMPS, OrderStamp};
use std::path::Path;
use std::sync::Arc;
use tape::Recording;
use tape::tape::{Tape, TapeReader};
use venues::player::Speed;
use venues::sim::{Fault, FaultPlan, Outage, Requests, Scripted, When, Which};
use wire::counters::Counter;
use wire::order::ExecType;
use wire::risk::{AlarmCode, KillStage};
use wire::signal::{SignalResponse, SignalStatus};
use wire::station::Mode;
use wire::{Frame, FrameHeader, FrameKind, InstrumentId, StrategyId, TsNs};

/// What must have gone through the loop before and after warm-up: else nothing was proved.
const REQUIRED: [FrameKind; 19] = [
    FrameKind::NewOrder,
    FrameKind::ReplaceOrder,
    FrameKind::CancelOrder,
    FrameKind::Denied,
    FrameKind::MassStatusRequest,
    FrameKind::OrderStatusRequest,
    FrameKind::ParentOrder,
    FrameKind::ExecutionReport,
    FrameKind::OrderStatusReport,
    FrameKind::PositionReport,
    FrameKind::MassStatusEnd,
    FrameKind::VenueSession,
    FrameKind::SignalResponse,
    FrameKind::Advice,
    FrameKind::LimitChange,
    FrameKind::LimitsEpoch,
    FrameKind::ModeChange,
    FrameKind::Alarm,
    FrameKind::KillReport,
];

/// What the record showed.
#[derive(Clone)]
struct Seen {
    kinds: [u64; 256],
    stages: [u64; 256],
}

/// Everything but the loop's thread.
pub(crate) struct World<'a> {
    order_loop: Option<LoopTask>,
    edge: EdgeTask<'a>,
    tape: TapeReader,
    to_loop: LinkTx<INPUT_STAMPS>,
    requests: Vec<SlotReader<RequestCell>>,
    events: Consumer<EventStamp>,
    orders: Consumer<OrderStamp>,
    counters: Counters,
    script: Script,
    total: u64,
    /// Before and after warm-up.
    seen: [Seen; 2],
    refused: u64,
}

/// The demo's configuration with the busy strategy's limits and a venue that fails.
fn config(recording: &Recording) -> Config {
    let mut config = demo();
    let file = &config.limits_file;
    let text = String::from_utf8(file.bytes.clone()).expect("text");
    let part = text.split("[strategy.momentum]").nth(1).and_then(|rest| rest.split("\n[").next());
    let row = part.expect("momentum's row");
    let changed = text
        .replace("strategies = [", &format!("strategies = [\"{}\", ", busy::NAME))
        .replace("\"limit/ioc\"]", "\"limit/ioc\", \"stop-limit/gtc\"]");
    let changed = format!("{changed}\n[strategy.{}]{row}", busy::NAME);
    config.limits_file =
        LimitsFile::parse(&file.path, changed.into_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let start = start_of(recording);
    let at = |second: u64| When::At(start.saturating_add(second * 1_000_000_000));
    let down = Fault::SessionDown(Outage {
        span_ns: 300_000_000,
        requests: Requests::Lost,
        cancels_on_disconnect: false,
    });
    let faults = Script::faults().flat_map(|(lost, silent)| {
        let ack = Fault::Lose(Which::Exec(ExecType::New));
        let acks = vec![Scripted { when: at(silent), fault: ack }; ACKS_LOST];
        core::iter::once(Scripted { when: at(lost), fault: down }).chain(acks)
    });
    config.venue.faults = FaultPlan(faults.collect());
    config
}

/// More than one round of the busy strategy brings: one of them is of an order that rests.
const ACKS_LOST: usize = 24;

fn demo() -> Config {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent");
    Config::load(&root.join("config/demo.toml"), &Overrides::default()).expect("demo.toml")
}

fn start_of(recording: &Recording) -> TsNs {
    let headers = recording.frames().filter_map(|frame| wire::frame::header(frame).ok());
    let event = |header: &&FrameHeader| header.kind != FrameKind::Instrument.code();
    headers.into_iter().find(event).expect("an event").ts_recv_ns
}

/// The bundled recording.
pub(crate) fn recording() -> Recording {
    tape::read_all(demo().data.recording).expect("the bundled recording")
}

impl<'a> World<'a> {
    /// A station that plays the recording as fast as it can.
    pub(crate) fn new(recording: &'a Recording) -> Self {
        // Both live as long as the test program: the tasks borrow them.
        let config: &'static Config = Box::leak(Box::new(config(recording)));
        let own = OwnStrategy {
            name: busy::NAME.to_owned(),
            instrument: InstrumentId(0),
            uses_signal: false,
            logic: Box::new(Busy::default()),
        };
        let Ready { plan, engine, venue, start, events } =
            ready(config, recording, vec![own]).unwrap_or_else(|e| panic!("{e}"));
        let last = engine.strategies().count() - 1;
        let busy = StrategyId(u16::try_from(last).expect("few strategies"));
        let script = Script::new(start, busy, &plan.limits);
        let setup: &'static _ = Box::leak(Box::new(plan.setup));
        let counters = Counters::default();
        // Small enough that warming up goes round it.
        let (writer, tape) = Tape::in_memory(20 << 20).split();
        let Tasks { order_loop, edge, bridge } = assemble(Parts {
            recording,
            speed: Speed::Max,
            engine,
            setup,
            venue,
            entry_latency: &config.venue.entry_latency,
            start_mode: Mode::Live,
            start,
            carried: &[],
            tape: writer,
            clock: Clock::calibrate(),
            counters: counters.clone(),
            shared: Arc::new(Shared::default()),
        });
        let BridgePorts { to_loop, requests, events: stamps, orders, .. } = bridge;
        let nothing = Seen { kinds: [0; 256], stages: [0; 256] };
        Self {
            order_loop: Some(order_loop),
            edge,
            tape,
            to_loop,
            requests,
            events: stamps,
            orders,
            counters,
            script,
            total: events,
            seen: [nothing.clone(), nothing],
            refused: 0,
        }
    }

    /// Market events that warm the loop up: by then its rings have gone round.
    pub(crate) fn warm(&self) -> u64 {
        self.total * 7 / 10
    }

    /// The loop, to run it on another thread.
    pub(crate) fn take_loop(&mut self) -> LoopTask {
        self.order_loop.take().expect("taken once")
    }

    /// A turn of the edge and of the script, scores, and the tape and the bridge's rings emptied.
    pub(crate) fn play_edge(&mut self) {
        self.edge.turn();
        let now = TsNs(self.counters.get(Counter::LoopEngineTime));
        let mode = u8::try_from(self.counters.get(Counter::LoopMode)).ok();
        self.script.play(
            now,
            mode.and_then(Mode::from_code).unwrap_or(Mode::Boot),
            &mut self.to_loop,
        );
        for slot in &mut self.requests {
            if let Some(cell) = slot.take() {
                let answer = score(cell, now);
                // A full ring costs the answer, as it would in the bridge.
                let _ = self.to_loop.push([0; INPUT_STAMPS], bytemuck::bytes_of(&answer));
            }
        }
        self.look_at_the_record();
        while self.events.try_pop().is_some() {}
        while self.orders.try_pop().is_some() {}
    }

    fn look_at_the_record(&mut self) {
        let is_warm = self.counters.get(Counter::LoopMarketEvents) > self.warm();
        let seen = &mut self.seen[usize::from(is_warm)];
        while let Some(record) = self.tape.next() {
            let kind = wire::frame::header(record.frame).map_or(0, |header| header.kind);
            seen.kinds[usize::from(kind)] += 1;
            match wire::decode(record.frame) {
                Ok(Frame::KillReport(report)) => seen.stages[usize::from(report.stage)] += 1,
                Ok(Frame::Alarm(alarm)) => {
                    self.refused += u64::from(alarm.code == AlarmCode::LimitRefused.code());
                }
                _ => {}
            }
        }
        self.tape.free_taken();
    }

    /// Plays to the end; `turn` runs the loop's turns, numbered.
    pub(crate) fn play(&mut self, mut turn: impl FnMut(u64, &mut LoopTask) -> Turn) {
        let mut order_loop = self.take_loop();
        for n in 0.. {
            self.play_edge();
            if turn(n, &mut order_loop).done {
                break;
            }
        }
        self.play_edge();
    }

    /// Whether everything went through, before and after warm-up: else nothing was proved.
    pub(crate) fn check(&self) -> Result<(), String> {
        let events = self.counters.get(Counter::LoopMarketEvents);
        if events != self.total {
            return Err(format!("{events} of {} events: no proof", self.total));
        }
        if let Some(left) = self.script.next() {
            return Err(format!("the script did not end: {left}"));
        }
        if self.refused > 0 {
            return Err(format!(
                "{} limit changes refused: no proof of their taking",
                self.refused
            ));
        }
        for (seen, when) in self.seen.iter().zip(["before", "after"]) {
            let missing = REQUIRED.iter().find(|kind| seen.kinds[usize::from(kind.code())] == 0);
            if let Some(kind) = missing {
                return Err(format!("no {} {when} warm-up: no proof", kind.name()));
            }
            for stage in [KillStage::Latched, KillStage::Confirmed, KillStage::Released] {
                if seen.stages[usize::from(stage.code())] == 0 {
                    return Err(format!("no kill {} {when} warm-up: no proof", stage.name()));
                }
            }
        }
        Ok(())
    }
}

/// An answer whose score goes up and down, so that the taker turns.
fn score(cell: &RequestCell, now: TsNs) -> SignalResponse {
    let RequestCell { request, .. } = cell;
    let phase = i32::try_from(request.request_id % 120).expect("small");
    let score_e6 = ((phase - 60).abs() - 30) * 30_000;
    let mut header = FrameHeader::new::<SignalResponse>();
    header.instrument_id = request.header.instrument_id;
    header.ts_recv_ns = now.max(request.header.ts_recv_ns);
    let side = |score: i32| u32::try_from(score.max(0)).expect("not negative");
    SignalResponse {
        header,
        request_id: request.request_id,
        model_hash: 1,
        score_e6,
        p_up_e6: side(score_e6),
        p_down_e6: side(-score_e6),
        generation: 1,
        batch: 1,
        status: SignalStatus::Ok.code(),
        ..SignalResponse::zeroed()
    }
}
