//! The whole in-process path: a market frame goes into the ring to the loop, an order frame comes
//! out of the ring to the edge. Book, strategy, all checks of the gate, the tape and every
//! stamp are in it; the venue is not.
//!
//! The events are those of the bundled recording, in order. A strategy of the bench asks for an
//! order on every one, and the bench lets each order expire outside the timed span, so every event
//! leads to one order. Loop and edge run on one thread (no core is crossed), and on two pinned CPUs
//! with one event each 20 us, counted from the intended push (open loop: what a late event makes
//! the next ones wait is in it) and from the push itself (without that wait). Two crossings lie in
//! the second figure; the line probes of the same second say what part of it they are.
//!
//! A machine whose floor has gaps shows them in every tail. The recording is therefore played
//! several times, and each event's median over the passes is a row of its own: what the work itself
//! takes from the plainest event to the largest, without what another pass did not meet again.

use clock::Clock;
use corelane_benches::{
    LineProbe, Report, Sample, Size, allowed_cpus, float, jitter, line_probe, pin, timer_cost,
};
use engine::advice::AdvicePolicy;
use engine::hash::StateHasher;
use engine::strategy::{Context, Event, Intent, Intents, OrderUpdate, Placement, Strategy};
use engine::testing::open_limits;
use engine::{Engine, OwnStrategy, Patience, Setup};
use ring::Consumer;
use station::counters::Counters;
use station::inputs::{StartMode, start_inputs};
use station::link::{LinkRx, LinkTx, link};
use station::loop_task::{LoopPorts, LoopTask, Reserve};
use station::shared::Shared;
use station::stamps::{EventStamp, INPUT_STAMPS, ORDER_STAMPS};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tape::Recording;
use tape::tape::{Tape, TapeReader};
use venue::nothing_is_open;
use wire::order::{ExecType, ExecutionReport, NewOrder, OrdStatus, Side};
use wire::station::Mode;
use wire::{ClOrdId, Frame, FrameHeader, InstrumentId, MoneyE9, PriceTicks, QtyLots, TsNs, decode};

#[path = "isolation/venue.rs"]
mod venue;

/// Time between two events of the open loop, nanoseconds.
const EVERY_NS: u64 = 20_000;
/// Times the recording is played; odd, for the median.
const PASSES: usize = 9;

/// Asks for one order on every event, ten ticks behind the touch.
#[derive(Debug)]
struct EveryEvent;

impl Strategy for EveryEvent {
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        if matches!(event, Event::Timer(_) | Event::Signal(_) | Event::Bar(_)) {
            return;
        }
        if let Some(touch) = context.instrument.touch() {
            let price = PriceTicks(touch.bid.price_ticks.get() - 10);
            wishes.push(Intent::Place(Placement::ioc(Side::Buy, price, QtyLots(1_000))));
        }
    }
    fn on_order(&mut self, _update: &OrderUpdate<'_>) {}
    fn hash_into(&self, _h: &mut StateHasher) {}
}

/// The edge's side of the rings.
struct Edge {
    to_loop: LinkTx<INPUT_STAMPS>,
    orders: LinkRx<ORDER_STAMPS>,
    tape: TapeReader,
    events: Consumer<EventStamp>,
    clock: Clock,
    execs: u64,
}

fn main() {
    let size = Size::from_args();
    let clock = Clock::calibrate();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/demo/btcusdt-20240809.clrec");
    let recording = match tape::read_all(&path) {
        Ok(recording) => recording,
        Err(error) => {
            eprintln!("SKIPPED path bench: {error}");
            return;
        }
    };
    let cpus = allowed_cpus();
    let pinned = cpus.first().is_some_and(|cpu| pin(*cpu));
    let mut report = Report::start("path", &clock, size);
    report.line(&Sample::headings("ns"));
    report.line(&timer_cost(&clock, size.pick(20_000, 200_000)).row("floor: pair of readings"));
    let mut gaps = jitter(&clock, size.pick(5_000_000, 500_000_000));
    report.line(&gaps.row("floor: gaps > 1 us of an empty loop"));
    let events = size.pick(5_000, usize::MAX);
    let one: Vec<_> = (0..PASSES).map(|_| one_thread(&recording, clock, events)).collect();
    let mut median = medians(&one);
    let mut one = all(&one);
    report.line(&one.row("one thread: event to order"));
    report.line(&median.row("    each event's median of 9 passes"));
    match cpus[..] {
        [_, peer, ..] if pinned => {
            let before = line_probe(&clock, peer);
            let events = size.pick(2_000, usize::MAX);
            let (intended, pushed): (Vec<_>, Vec<_>) =
                (0..PASSES).map(|_| two_threads(&recording, clock, events, peer)).unzip();
            let after = line_probe(&clock, peer);
            report.line(&all(&intended).row("two CPUs, 50,000 events/s: to order"));
            let mut two = all(&pushed);
            report.line(&two.row("    counted from the push itself"));
            report.line(&medians(&pushed).row("    each event's median of 9 passes"));
            show_crossings(&mut report, &mut one, &mut two, (before, after));
        }
        _ => report.line("two CPUs: not run, this process may not pin itself to two"),
    }
    report.line(&format!("pinned: {pinned}; every event led to exactly one order"));
    if let Err(fault) = report.finish() {
        eprintln!("the record could not be written: {fault}");
    }
}

/// What the two crossings cost, beside the line probes before and after.
fn show_crossings(
    report: &mut Report,
    one: &mut Sample,
    two: &mut Sample,
    (before, after): (LineProbe, LineProbe),
) {
    match before.agrees(&after) {
        Some(placement) => report.line(&format!("placement of the CPUs: {placement:?}")),
        None => report.line("placement of the CPUs changed during the row: read it so"),
    }
    let line_ns = f64::midpoint(before.round_trip_ns, after.round_trip_ns);
    let medians = one.quantile(5_000).zip(two.quantile(5_000));
    let crossings = medians.map_or("n/a".to_owned(), |(one, two)| {
        let ns = float(two.saturating_sub(one));
        format!("{ns:.0} ns = {:.2} of it", ns / line_ns)
    });
    report.line(&format!(
        "a line's round trip: {:.0} ns before, {:.0} after; both crossings at p50: {crossings}",
        before.round_trip_ns, after.round_trip_ns
    ));
}

/// Every span of every pass.
fn all(passes: &[Vec<u64>]) -> Sample {
    let mut sample = Sample::with_capacity(passes.iter().map(Vec::len).sum());
    passes.iter().flatten().for_each(|ns| sample.push(*ns));
    sample
}

/// Each event's median over the passes.
fn medians(passes: &[Vec<u64>]) -> Sample {
    let events = passes.iter().map(Vec::len).min().unwrap_or(0);
    let mut sample = Sample::with_capacity(events);
    for event in 0..events {
        let mut spans: Vec<u64> = passes.iter().map(|pass| pass[event]).collect();
        spans.sort_unstable();
        sample.push(spans[spans.len() / 2]);
    }
    sample
}

fn setup(recording: &Recording) -> Setup {
    let instruments = recording.instruments().to_vec();
    let venues = instruments.first().map(|row| row.header.venue_id);
    let day = 86_400_000_000_000;
    Setup {
        epoch: 1,
        limits: open_limits(instruments.len(), 1, venues.as_slice()),
        advice: AdvicePolicy::default(),
        patience: Patience {
            ack_ns: day,
            status_ns: day,
            reconcile_ns: 0,
            kill_ns: day,
            wire_ns: day,
        },
        instruments,
        strategies: Vec::new(),
        signal: None,
        order_capacity: 1_024,
    }
}

fn station(recording: &Recording, clock: Clock) -> (LoopTask, Edge) {
    let setup = setup(recording);
    let reserve = Reserve::of(&setup, 1);
    let own = OwnStrategy {
        name: "every-event".into(),
        instrument: InstrumentId(0),
        uses_signal: false,
        logic: Box::new(EveryEvent),
    };
    let engine = Engine::with_strategies(setup, vec![own]).expect("the bench's setup is sound");
    let (mut bridge_tx, from_bridge) = link(1_024);
    let (to_loop, from_edge) = link(8_192);
    let (order_tx, orders) = link(8_192);
    let (tape_writer, tape) = Tape::in_memory(64 << 20).split();
    let (stamps, events) = ring::ring(16_384);
    let (hiccups, _) = ring::ring(64);
    let at = market(recording).find_map(received_at).expect("the recording has a market frame");
    for frame in start_inputs(&engine, &[], at) {
        assert!(bridge_tx.push([0, 0], &frame), "a fresh ring has room");
    }
    let rows = engine.instruments().len();
    let ports = LoopPorts {
        from_bridge,
        from_edge,
        orders: order_tx,
        tape: tape_writer,
        requests: Vec::new(),
        stamps,
        hiccups,
    };
    let shared = Arc::new(Shared::default());
    let hands = (clock, Counters::default(), shared);
    let start = StartMode::new(Mode::Live);
    let mut order_loop = LoopTask::new(engine, reserve, ports, (start, false), hands);
    let mut edge = Edge { to_loop, orders, tape, events, clock, execs: 0 };
    order_loop.turn();
    nothing_is_open(&mut edge.to_loop, &mut edge.orders, rows, at);
    order_loop.turn();
    edge.drain();
    (order_loop, edge)
}

/// The market frames of a recording.
fn market(recording: &Recording) -> impl Iterator<Item = &[u8]> {
    recording.frames().filter(|frame| {
        matches!(
            decode(frame),
            Ok(Frame::BookSnapshot(_) | Frame::DepthDelta(_) | Frame::Quote(_) | Frame::Trade(_))
        )
    })
}

fn received_at(frame: &[u8]) -> Option<TsNs> {
    wire::frame::header(frame).ok().map(|header| header.ts_recv_ns)
}

/// Nanoseconds from each event to its order.
fn one_thread(recording: &Recording, clock: Clock, events: usize) -> Vec<u64> {
    let (mut order_loop, mut edge) = station(recording, clock);
    let mut spans = Vec::with_capacity(200_000);
    for frame in market(recording).take(events) {
        let start = clock.cycles();
        assert!(edge.to_loop.push([start, 0], frame), "the loop keeps up");
        order_loop.turn();
        let order = edge.take_order();
        let end = clock.cycles();
        let order = order.expect("an order for every event");
        spans.push(clock.cycles_to_ns(end.saturating_sub(start)));
        edge.expire(&order);
        order_loop.turn();
        edge.drain();
    }
    spans
}

/// Nanoseconds from each event's intended push, and from its push, to its order.
fn two_threads(
    recording: &Recording,
    clock: Clock,
    events: usize,
    peer: usize,
) -> (Vec<u64>, Vec<u64>) {
    let (mut order_loop, mut edge) = station(recording, clock);
    let over = AtomicBool::new(false);
    let (ready, started) = std::sync::mpsc::channel();
    let mut spans = (Vec::with_capacity(200_000), Vec::with_capacity(200_000));
    let stop = &over;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let pinned = pin(peer);
            // The receiver waits for this before the first event.
            let _ = ready.send(pinned);
            // ORDERING: relaxed; the flag orders nothing, it only ends the spin.
            while !stop.load(Ordering::Relaxed) {
                order_loop.turn();
            }
        });
        assert_eq!(started.recv(), Ok(true), "the loop's thread is pinned");
        let every = clock.ns_to_cycles(EVERY_NS);
        let mut intended = clock.cycles() + every;
        for frame in market(recording).take(events) {
            while clock.cycles() < intended {
                std::hint::spin_loop();
            }
            let start = clock.cycles();
            assert!(edge.to_loop.push([intended, intended], frame), "the loop keeps up");
            let order = loop {
                if let Some(order) = edge.take_order() {
                    break order;
                }
            };
            let end = clock.cycles();
            spans.0.push(clock.cycles_to_ns(end.saturating_sub(intended)));
            spans.1.push(clock.cycles_to_ns(end.saturating_sub(start)));
            edge.expire(&order);
            edge.drain();
            intended += every;
        }
        // ORDERING: relaxed; as above.
        over.store(true, Ordering::Relaxed);
    });
    spans
}

impl Edge {
    fn take_order(&mut self) -> Option<NewOrder> {
        let message = self.orders.take()?;
        bytemuck::try_from_bytes(message.frame).ok().copied()
    }

    /// Lets an order expire: the loop takes the report before the next event.
    fn expire(&mut self, order: &NewOrder) {
        self.execs += 1;
        let mut header = FrameHeader::new::<ExecutionReport>();
        header.instrument_id = order.header.instrument_id;
        header.ts_recv_ns = order.header.ts_recv_ns;
        let report = ExecutionReport {
            header,
            cl_ord_id: order.cl_ord_id,
            orig_cl_ord_id: ClOrdId::UNDEF,
            order_id: self.execs,
            exec_id: self.execs,
            last_px_ticks: PriceTicks::UNDEF,
            last_qty_lots: QtyLots(0),
            leaves_qty_lots: QtyLots(0),
            cum_qty_lots: QtyLots(0),
            fee_e9: MoneyE9(0),
            exec_type: ExecType::Expired.code(),
            ord_status: OrdStatus::Expired.code(),
            side: order.side,
            liquidity: 0,
            reject_reason: 0,
            reserved: [0; 11],
        };
        let now = self.clock.cycles();
        assert!(self.to_loop.push([now, 0], bytemuck::bytes_of(&report)), "the loop keeps up");
    }

    fn drain(&mut self) {
        while self.tape.next().is_some() {}
        self.tape.free_taken();
        while self.events.try_pop().is_some() {}
    }
}
