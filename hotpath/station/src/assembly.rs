//! Puts the hot tasks and their rings together.
//!
//! Owns the ring sizes. Tests and benches drive the same tasks on one thread with this. Runs once
//! at start; the only place where the hot threads' memory is taken.

use crate::bridge::BridgePorts;
use crate::counters::Counters;
use crate::edge_task::{EdgePorts, EdgeTask};
use crate::inputs::{StartMode, start_inputs};
use crate::link::link;
use crate::loop_task::{LoopPorts, LoopTask, RequestCell, Reserve};
use crate::pressure::Pressure;
use crate::shared::Shared;
use bytemuck::Zeroable;
use clock::Clock;
use engine::{Engine, Setup};
use std::sync::Arc;
use tape::Recording;
use tape::tape::TapeWriter;
use venues::player::{Player, Speed};
use venues::sim::{Latency, SimVenue};
use wire::TsNs;
use wire::risk::RiskInput;
use wire::station::Mode;

/// Cells of the ring from edge to loop: 1 MiB.
const TO_LOOP_CELLS: usize = 8_192;
/// Cells of the ring from bridge to loop: 128 KiB.
const FROM_BRIDGE_CELLS: usize = 1_024;
/// Cells of the ring from loop to edge, at least: 512 KiB.
const ORDER_CELLS: usize = 4_096;
/// Stamps on their way to the bridge, a ring.
const STAMPS: usize = 16_384;

/// What the tasks are made from.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The recording to play.
    pub recording: &'a Recording,
    /// How fast.
    pub speed: Speed,
    /// The engine, in BOOT.
    pub engine: Engine,
    /// What it was made from: the bound of its outputs follows.
    pub setup: &'a Setup,
    /// The simulated venue.
    pub venue: SimVenue,
    /// Its entry latency: at full speed the edge looks ahead by the shortest.
    pub entry_latency: &'a Latency,
    /// The mode to ask for once the engine has reconciled.
    pub start_mode: Mode,
    /// Engine time of the start.
    pub start: TsNs,
    /// Figures carried over from earlier sessions.
    pub carried: &'a [RiskInput],
    /// Where every input and output goes, at least [`least_tape_bytes`] large.
    pub tape: TapeWriter,
    /// Cycle counter.
    pub clock: Clock,
    /// Counters of the run.
    pub counters: Counters,
    /// Flags of the run.
    pub shared: Arc<Shared>,
}

/// The hot tasks and the other ends of their rings.
#[derive(Debug)]
pub struct Tasks<'a> {
    /// The order loop.
    pub order_loop: LoopTask,
    /// The edge.
    pub edge: EdgeTask<'a>,
    /// For the bridge.
    pub bridge: BridgePorts,
}

/// The smallest tape for an engine made from `setup` with so many strategies.
#[must_use]
pub fn least_tape_bytes(setup: &Setup, strategies: usize) -> usize {
    let least = Pressure::least_capacity(Reserve::of(setup, strategies).tape);
    least.max(tape::tape::MIN_BYTES)
}

/// Makes every ring and the tasks at their hot ends.
///
/// # Panics
/// If the inputs of a start do not fit a fresh ring (more strategies than an engine takes), or the
/// tape is too small.
#[must_use]
pub fn assemble(parts: Parts<'_>) -> Tasks<'_> {
    let Parts { recording, speed, engine, setup, venue, entry_latency, start_mode, .. } = parts;
    let Parts { clock, counters, shared, start, carried, tape, .. } = parts;
    let lookahead_ns = (speed == Speed::Max).then(|| shortest(entry_latency));
    let reserve = Reserve::of(setup, engine.strategies().count());
    let (mut bridge_tx, bridge_rx) = link(FROM_BRIDGE_CELLS);
    let (edge_tx, edge_rx) = link(TO_LOOP_CELLS);
    let (order_tx, order_rx) = link(ORDER_CELLS.max(2 * reserve.orders));
    let (event_stamps, events) = ring::ring(STAMPS);
    let (order_stamps, orders) = ring::ring(STAMPS);
    let (hiccup_cycles, hiccups) = ring::ring(STAMPS);
    let slots = recording.instruments().iter().map(|_| ring::slot(RequestCell::zeroed()));
    let (writers, readers) = slots.unzip();
    for frame in start_inputs(&engine, carried, start) {
        let pushed = bridge_tx.push([clock.cycles(), 0], &frame);
        assert!(pushed, "a fresh ring has room for the inputs of a start");
    }
    let loop_ends = LoopPorts {
        from_bridge: bridge_rx,
        from_edge: edge_rx,
        orders: order_tx,
        tape,
        requests: writers,
        stamps: event_stamps,
        hiccups: hiccup_cycles,
    };
    let start_mode = StartMode::new(start_mode);
    let parts = (clock, counters.clone(), Arc::clone(&shared));
    let order_loop =
        LoopTask::new(engine, reserve, loop_ends, (start_mode, speed == Speed::Max), parts);
    let edge_ends = EdgePorts { to_loop: edge_tx, orders: order_rx, stamps: order_stamps };
    let player = Player::new(recording.frames(), speed);
    let edge = EdgeTask::new(player, venue, lookahead_ns, edge_ends, clock, counters, shared);
    let bridge = BridgePorts { to_loop: bridge_tx, requests: readers, events, orders, hiccups };
    Tasks { order_loop, edge, bridge }
}

/// The shortest latency a distribution can draw, nanoseconds.
fn shortest(latency: &Latency) -> u64 {
    match latency {
        Latency::Constant(ns) => *ns,
        Latency::Samples(samples) => samples.iter().copied().min().unwrap_or(0),
        Latency::Quantiles(rows) => rows.first().map_or(0, |row| row.ns),
    }
}
