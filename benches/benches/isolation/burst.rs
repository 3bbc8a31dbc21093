//! One burst: a fresh station plays the recording with one sidecar beside it, and every event's
//! spans and the counters are kept.
//!
//! The real loop runs alone on its CPU. This thread, on the other CPU with the bridge's and the
//! sidecar, feeds it: an event at a time and each on its time. A feeder that was kept from its CPU
//! does not catch up but begins the gap anew, so that what other processes do to the feeder is not
//! taken for what they do to the loop; the gaps vary, so that events do not follow the timer's
//! tick. Each event leads to one order, which expires before the next event.

use crate::sidecar::Manner;
use crate::world::{Edge, Market, Station, station};
use clock::Clock;
use corelane_benches::{Sample, pin};
use ipc::BackendKind;
use station::bridge::Bridge;
use station::counters::Counters;
use station::latency::Latency;
use station::loop_task::LoopTask;
use station::stamps::EventStamp;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use wire::counters::Counter;

/// Least time between two events, nanoseconds; the mean is one and a half of it.
const GAP_NS: u64 = 15_000;
/// An event later than this, nanoseconds, is put off.
const LATE_NS: u64 = 2_000;
/// Spins for an order between two looks whether the loop still runs.
const LOOK_EVERY: u32 = 1 << 20;

/// What is measured where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) clock: Clock,
    /// CPU of the loop.
    pub(crate) loop_cpu: usize,
    /// Events before those that count, and those.
    pub(crate) events: (usize, usize),
}

/// What runs beside the loop, and what it must be seen to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    pub(crate) name: &'static str,
    pub(crate) manner: Manner,
    /// Stopped with SIGSTOP after its greeting.
    pub(crate) stopped: bool,
    /// Busy wait of the strategy in each event, nanoseconds.
    pub(crate) plant_ns: u64,
    /// Counters that must come to so much.
    pub(crate) rises: &'static [(Counter, u64)],
    /// Counters that must stay 0.
    pub(crate) stays: &'static [Counter],
}

/// What a burst gave.
#[derive(Debug)]
pub(crate) struct Burst {
    /// Loop takes the event from the ring to loop done with it, its order in the ring: ns.
    pub(crate) inside: Sample,
    /// Event is in the ring to loop done with it: ns.
    pub(crate) whole: Sample,
    /// Events put off because the feeder was late.
    pub(crate) put_off: u64,
    pub(crate) counters: Counters,
    pub(crate) events: usize,
}

/// Plays one burst.
///
/// # Panics
/// If an event or an order is lost, or the sidecar does not do what its condition says.
pub(crate) fn play(plan: &Plan, market: &Market<'_>, condition: &Condition) -> Burst {
    let dir = tempfile::tempdir().expect("a private folder");
    let path = dir.path().join("signal.sock");
    let mut sidecar = Process::start(condition.manner, &path);
    let Station { order_loop, mut edge, bridge, stamps, counters, shared } =
        station(market, plan.clock, condition.plant_ns);
    let (to_bridge, ports) = bridge;
    let over = AtomicBool::new(false);
    let room = market.frames.len();
    let kept = Vec::with_capacity(room);
    let mut feeder = Feeder::new(plan.clock, room);
    let (ready, started) = std::sync::mpsc::channel();
    let (order_loop, kept) = std::thread::scope(|scope| {
        let (stop, cpu, path) = (&over, plan.loop_cpu, path.clone());
        let looping = scope.spawn(move || {
            // The feeder waits for this before the first event.
            let _ = ready.send(pin(cpu));
            run_loop(order_loop, stamps, to_bridge, kept, stop)
        });
        assert_eq!(started.recv(), Ok(true), "the loop's thread is pinned");
        let (clock, of_bridge, flags) = (plan.clock, counters.clone(), shared.clone());
        scope.spawn(move || {
            let io = ipc::open(BackendKind::Libc).expect("epoll");
            let histograms = Latency::new(false);
            let bridge =
                Bridge::new(io, None, Some(path), ports, histograms, None, clock, of_bridge, flags);
            let mut bridge = bridge.expect("a bridge without a listener");
            // ORDERING: relaxed; the flag orders nothing, it only ends the loop.
            while !stop.load(Ordering::Relaxed) {
                bridge.turn(true).expect("the back end works");
                let _said = bridge.take_lines();
            }
            bridge.finish()
        });
        while counters.get(Counter::BridgeSignalConnects) == 0 {
            sidecar.is_alive();
            std::thread::yield_now();
        }
        if condition.stopped {
            sidecar.stop();
        }
        // What is mapped now is what a turn touches; without the right to it, faults may be in.
        let _locked = station::sys::lock_memory();
        let counted = plan.events.0 + plan.events.1;
        let is_seen = || condition.rises.iter().all(|(counter, n)| counters.get(*counter) >= *n);
        for (nth, frame) in market.frames.iter().enumerate() {
            if nth >= counted {
                if is_seen() {
                    break;
                }
                // Only what the sidecar does is waited for now.
                std::thread::yield_now();
            }
            feeder.feed(&mut edge, frame, || assert!(!looping.is_finished(), "the loop ended"));
        }
        // ORDERING: relaxed; as above.
        over.store(true, Ordering::Relaxed);
        looping.join().expect("the loop's thread")
    });
    drop(sidecar);
    check(condition, &counters, &order_loop, feeder.pushes.len());
    feeder.burst(&kept, plan, counters)
}

/// The loop's thread: turns until the end. The stamps of its market events are kept here and go on
/// to the bridge, between two turns.
fn run_loop(
    mut order_loop: LoopTask,
    mut stamps: ring::Consumer<EventStamp>,
    mut to_bridge: ring::Producer<EventStamp>,
    mut kept: Vec<EventStamp>,
    over: &AtomicBool,
) -> (LoopTask, Vec<EventStamp>) {
    // ORDERING: relaxed; the flag orders nothing, it only ends the loop.
    while !over.load(Ordering::Relaxed) {
        order_loop.turn();
        while let Some(stamp) = stamps.try_pop() {
            kept.push(stamp);
            // A full ring loses stamps of the bridge's histograms, which nobody reads here.
            let _ = to_bridge.try_push(stamp);
        }
    }
    order_loop.finish();
    (order_loop, kept)
}

fn check(condition: &Condition, counters: &Counters, order_loop: &LoopTask, events: usize) {
    let name = condition.name;
    let engine = order_loop.engine().counters();
    let events = u64::try_from(events).expect("few");
    assert_eq!(engine.market_events, events, "{name}: every event is processed");
    assert_eq!(engine.orders, events, "{name}: every event leads to one order");
    assert_eq!(order_loop.bad_inputs(), 0, "{name}: nothing bad reaches the engine");
    assert_eq!(order_loop.stamps_lost() + order_loop.inputs_lost(), 0, "{name}: nothing is lost");
    for (counter, least) in condition.rises {
        let (what, found) = (counter.name(), counters.get(*counter));
        assert!(found >= *least, "{name}: {what} is {found} after {events} events, not {least}");
    }
    for counter in condition.stays {
        assert_eq!(counters.get(*counter), 0, "{name}: {}", counter.name());
    }
}

/// Pushes events on their time.
struct Feeder {
    clock: Clock,
    due: u64,
    random: u64,
    put_off: u64,
    /// Cycle counter before and after each push.
    pushes: Vec<(u64, u64)>,
}

impl Feeder {
    fn new(clock: Clock, room: usize) -> Self {
        let due = clock.cycles();
        Self { clock, due, random: 1, put_off: 0, pushes: Vec::with_capacity(room) }
    }

    fn feed(&mut self, edge: &mut Edge, frame: &[u8], is_alive: impl Fn()) {
        let start = self.wait();
        edge.push_event(start, frame);
        self.pushes.push((start, self.clock.cycles()));
        let mut spins = 0_u32;
        let order = loop {
            if let Some(order) = edge.take_order() {
                break order;
            }
            spins = spins.wrapping_add(1);
            if spins.is_multiple_of(LOOK_EVERY) {
                is_alive();
            }
        };
        edge.expire(&order);
        edge.drain();
        self.due = self.clock.cycles() + self.gap();
    }

    fn wait(&mut self) -> u64 {
        let late = self.clock.ns_to_cycles(LATE_NS);
        loop {
            let now = self.clock.cycles();
            if now < self.due {
                std::hint::spin_loop();
            } else if now - self.due <= late {
                return now;
            } else {
                self.put_off += 1;
                self.due = now + self.gap();
            }
        }
    }

    /// From one to two times the least gap, evenly.
    fn gap(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.clock.ns_to_cycles(GAP_NS + (self.random >> 33) % GAP_NS)
    }

    fn burst(&self, kept: &[EventStamp], plan: &Plan, counters: Counters) -> Burst {
        assert_eq!(kept.len(), self.pushes.len(), "a stamp for every event");
        let (skipped, counted) = plan.events;
        let mut burst = Burst {
            inside: Sample::with_capacity(counted),
            whole: Sample::with_capacity(counted),
            put_off: self.put_off,
            counters,
            events: kept.len(),
        };
        for (stamp, (start, end)) in kept.iter().zip(&self.pushes).skip(skipped).take(counted) {
            assert_eq!(stamp.recv_cycles, *start, "events are taken in order");
            // The push is the feeder's, on its busy CPU: what counts begins where it is done, or
            // where the loop has the event, if the feeder was kept from saying so.
            let in_ring = stamp.dequeue_cycles.min(*end);
            let ns = |from: u64| self.clock.cycles_to_ns(stamp.done_cycles.saturating_sub(from));
            burst.inside.push(ns(stamp.dequeue_cycles));
            burst.whole.push(ns(in_ring));
        }
        burst
    }
}

/// The sidecar's process; dropping it kills it.
struct Process(Child);

impl Process {
    fn start(manner: Manner, path: &Path) -> Self {
        let program = std::env::current_exe().expect("this program's path");
        let mut command = Command::new(program);
        command.args(["sidecar", manner.word()]).arg(path);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Self(child.expect("the sidecar starts"))
    }

    fn is_alive(&mut self) {
        let ended = self.0.try_wait().expect("a child of ours");
        assert_eq!(ended, None, "the sidecar ended");
    }

    /// Stops it and waits until the kernel says it is stopped.
    fn stop(&self) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-STOP", &id]).status();
        assert!(sent.expect("kill runs").success());
        let path = format!("/proc/{id}/stat");
        while !std::fs::read_to_string(&path).expect("its state").contains(") T ") {
            std::thread::yield_now();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have died with the bench's own failure, which is what will be told.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
