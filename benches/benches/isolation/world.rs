//! The station of one burst: the real engine, loop and rings over the bundled recording, and the
//! edge's side of them.
//!
//! Must never: put anything of the bench inside a turn but the strategy, which asks for an order on
//! every event and can be delayed on purpose. Built on one thread before the others start.

use crate::venue::nothing_is_open;
use bytemuck::Zeroable;
use clock::Clock;
use engine::advice::AdvicePolicy;
use engine::hash::StateHasher;
use engine::strategy::{Context, Event, Intent, Intents, OrderUpdate, Placement, Strategy};
use engine::testing::open_limits;
use engine::{Engine, OwnStrategy, Patience, Setup, SignalSetup};
use ring::{Consumer, Producer};
use station::assembly::least_tape_bytes;
use station::bridge::BridgePorts;
use station::counters::Counters;
use station::inputs::{StartMode, start_inputs};
use station::link::{LinkRx, LinkTx, link};
use station::loop_task::{LoopPorts, LoopTask, RequestCell, Reserve};
use station::shared::Shared;
use station::stamps::{EventStamp, INPUT_STAMPS, ORDER_STAMPS, OrderStamp};
use std::sync::Arc;
use tape::Recording;
use tape::tape::{Tape, TapeReader};
use wire::instrument::Instrument;
use wire::order::{ExecType, ExecutionReport, NewOrder, OrdStatus, Side};
use wire::station::Mode;
use wire::{ClOrdId, Frame, FrameHeader, InstrumentId, PriceTicks, QtyLots, TsNs, decode};

/// As in training: a request each tenth of a second of engine time.
const SAMPLE_NS: u64 = 100_000_000;
/// An answer lives a second of engine time.
const TTL_NS: u64 = 1_000_000_000;

/// Asks for one order on every market event, ten ticks behind the touch.
#[derive(Debug)]
struct EveryEvent {
    clock: Clock,
    plant_cycles: u64,
}

impl Strategy for EveryEvent {
    fn on_event(&mut self, event: &Event<'_>, context: &Context<'_>, wishes: &mut Intents) {
        if matches!(event, Event::Timer(_) | Event::Signal(_) | Event::Bar(_)) {
            return;
        }
        if self.plant_cycles > 0 {
            let start = self.clock.cycles();
            while self.clock.cycles() - start < self.plant_cycles {}
        }
        if let Some(touch) = context.instrument.touch() {
            let price = PriceTicks(touch.bid.price_ticks.get() - 10);
            wishes.push(Intent::Place(Placement::ioc(Side::Buy, price, QtyLots(1_000))));
        }
    }
    fn on_order(&mut self, _update: &OrderUpdate<'_>) {}
    fn hash_into(&self, _h: &mut StateHasher) {}
}

/// Is there for the scores: with it the engine asks for them, and it hears every one.
#[derive(Debug)]
struct Listener;

impl Strategy for Listener {
    fn on_event(&mut self, _event: &Event<'_>, _context: &Context<'_>, _wishes: &mut Intents) {}
    fn on_order(&mut self, _update: &OrderUpdate<'_>) {}
    fn hash_into(&self, _h: &mut StateHasher) {}
}

/// What every burst plays.
pub(crate) struct Market<'a> {
    instruments: &'a [Instrument],
    /// The market frames, in order.
    pub(crate) frames: Vec<&'a [u8]>,
}

impl<'a> Market<'a> {
    /// Of a recording; `None` where it has no market frame.
    pub(crate) fn of(recording: &'a Recording) -> Option<Self> {
        let frames: Vec<_> = recording.frames().filter(|frame| is_market(frame)).collect();
        let is_some = !frames.is_empty();
        is_some.then(|| Self { instruments: recording.instruments(), frames })
    }

    fn start(&self) -> TsNs {
        let first = self.frames.first().and_then(|frame| wire::frame::header(frame).ok());
        first.map_or(TsNs(0), |header| header.ts_recv_ns)
    }
}

/// Everything of one burst.
pub(crate) struct Station {
    pub(crate) order_loop: LoopTask,
    pub(crate) edge: Edge,
    /// The ring of event stamps to the bridge, and the bridge's ends of all rings.
    pub(crate) bridge: (Producer<EventStamp>, BridgePorts),
    /// The loop's stamps of market events.
    pub(crate) stamps: Consumer<EventStamp>,
    pub(crate) counters: Counters,
    pub(crate) shared: Arc<Shared>,
}

/// A station that is live; its strategy waits so long in each event.
pub(crate) fn station(market: &Market<'_>, clock: Clock, plant_ns: u64) -> Station {
    let setup = setup(market.instruments.to_vec());
    let reserve = Reserve::of(&setup, 2);
    let tape_bytes = least_tape_bytes(&setup, 2).max(8 << 20);
    let every = EveryEvent { clock, plant_cycles: clock.ns_to_cycles(plant_ns) };
    let own = [
        strategy("every-event", false, Box::new(every)),
        strategy("listener", true, Box::new(Listener)),
    ];
    let engine = Engine::with_strategies(setup, own.into()).expect("the bench's setup is sound");
    let (mut to_loop_tx, from_bridge) = link(1_024);
    let (to_loop, from_edge) = link(8_192);
    let (order_tx, orders) = link(8_192.max(2 * reserve.orders));
    let (tape_writer, tape) = Tape::in_memory(tape_bytes).split();
    let (stamps_tx, stamps) = ring::ring(16_384);
    let (to_bridge, events) = ring::ring(16_384);
    let (order_stamps, sent) = ring::ring(16_384);
    let (hiccups_tx, hiccups) = ring::ring(16_384);
    let slots = market.instruments.iter().map(|_| ring::slot(RequestCell::zeroed()));
    let (requests, readers) = slots.unzip();
    let at = market.start();
    for frame in start_inputs(&engine, &[], at) {
        assert!(to_loop_tx.push([0, 0], &frame), "a fresh ring has room");
    }
    let rows = engine.instruments().len();
    let (counters, shared) = (Counters::default(), Arc::new(Shared::default()));
    let ports = LoopPorts {
        from_bridge,
        from_edge,
        orders: order_tx,
        tape: tape_writer,
        requests,
        stamps: stamps_tx,
        hiccups: hiccups_tx,
    };
    let hands = (clock, counters.clone(), Arc::clone(&shared));
    let start = StartMode::new(Mode::Live);
    let mut order_loop = LoopTask::new(engine, reserve, ports, (start, false), hands);
    let mut edge = Edge { to_loop, orders, tape, stamps: order_stamps, clock, execs: 0 };
    order_loop.turn();
    nothing_is_open(&mut edge.to_loop, &mut edge.orders, rows, at);
    order_loop.turn();
    edge.drain();
    let bridge =
        BridgePorts { to_loop: to_loop_tx, requests: readers, events, orders: sent, hiccups };
    Station { order_loop, edge, bridge: (to_bridge, bridge), stamps, counters, shared }
}

fn strategy(name: &str, uses_signal: bool, logic: Box<dyn Strategy>) -> OwnStrategy {
    OwnStrategy { name: name.into(), instrument: InstrumentId(0), uses_signal, logic }
}

fn setup(instruments: Vec<Instrument>) -> Setup {
    let venues = instruments.first().map(|row| row.header.venue_id);
    let day = 86_400_000_000_000;
    Setup {
        epoch: 1,
        limits: open_limits(instruments.len(), 2, venues.as_slice()),
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
        signal: Some(SignalSetup { sample_interval_ns: SAMPLE_NS, ttl_ns: TTL_NS }),
        order_capacity: 64,
    }
}

fn is_market(frame: &[u8]) -> bool {
    matches!(
        decode(frame),
        Ok(Frame::BookSnapshot(_) | Frame::DepthDelta(_) | Frame::Quote(_) | Frame::Trade(_))
    )
}

/// The edge's side of the rings.
pub(crate) struct Edge {
    to_loop: LinkTx<INPUT_STAMPS>,
    orders: LinkRx<ORDER_STAMPS>,
    tape: TapeReader,
    stamps: Producer<OrderStamp>,
    clock: Clock,
    execs: u64,
}

impl Edge {
    pub(crate) fn push_event(&mut self, recv_cycles: u64, frame: &[u8]) {
        assert!(self.to_loop.push([recv_cycles, 0], frame), "the loop keeps up");
    }

    pub(crate) fn take_order(&mut self) -> Option<NewOrder> {
        let message = self.orders.take()?;
        let stamp = OrderStamp::from_words(message.stamps, self.clock.cycles());
        // A full ring loses a sample of histograms nobody reads here.
        let _ = self.stamps.try_push(stamp);
        bytemuck::try_from_bytes(message.frame).ok().copied()
    }

    /// Lets an order expire: the loop takes the report before the next event.
    pub(crate) fn expire(&mut self, order: &NewOrder) {
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
            exec_type: ExecType::Expired.code(),
            ord_status: OrdStatus::Expired.code(),
            side: order.side,
            ..ExecutionReport::zeroed()
        };
        let now = self.clock.cycles();
        assert!(self.to_loop.push([now, 0], bytemuck::bytes_of(&report)), "the loop keeps up");
    }

    /// Takes what is on the tape.
    pub(crate) fn drain(&mut self) {
        while self.tape.next().is_some() {}
        self.tape.free_taken();
    }
}
