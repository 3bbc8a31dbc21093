//! Gap mode: a thread does nothing but read the cycle counter; what lies between two readings was
//! taken from it.
//!
//! Must never: allocate, sleep or write to memory of another thread but its ring between the start
//! and the end. One thread a CPU, all started together; the collector runs elsewhere where it can.

use super::cause::Seen;
use super::watch::Watch;
use crate::probes::Machine;
use clock::Clock;
use ring::{Consumer, Producer};
use station::pin::{Pinned, pin_current};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Events a lane's ring holds until the collector takes them.
const ROOM: usize = 1 << 16;
/// Turns timed together: a counter may move in steps as long as a turn.
const TURNS: u64 = 64;
/// Times that so many turns are timed, of which the shortest counts.
const SIZING: u32 = 20_000;
/// A gap counts above so many times the shortest turn.
const TIMES_SHORTEST: u64 = 8;
/// Reading the kernel's counters takes at most one part in so many of the time.
const READING_SHARE: u64 = 20;

/// One gap.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gap {
    /// Counter at its end.
    pub end_cycles: u64,
    /// Its length.
    pub cycles: u64,
    /// Counters of the kernel that moved in it.
    pub seen: Seen,
}

/// What a lane's thread tells when it is done.
#[derive(Debug)]
pub struct Told {
    /// The CPU.
    pub cpu: usize,
    /// Id of the thread.
    pub thread: i32,
    /// The shortest turn seen before the start, picoseconds.
    pub turn_ps: u64,
    /// Gaps above this count, nanoseconds.
    pub threshold_ns: u64,
    /// From start to end, nanoseconds.
    pub elapsed_ns: u64,
    /// Time that was watched, nanoseconds: without that of reading counters.
    pub observed_ns: u64,
    /// Time spent on reading the kernel's counters, nanoseconds.
    pub reading_ns: u64,
    /// Every gap.
    pub count: u64,
    /// All gaps together, nanoseconds.
    pub total_ns: u64,
    /// The longest, nanoseconds.
    pub max_ns: u64,
    /// Gaps that found the ring full: counted here, absent from the distribution.
    pub dropped: u64,
    /// The kernel's counters, and whether they stayed the same rows.
    pub watch: Watch,
}

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Nanoseconds to watch.
    pub time_ns: u64,
    /// Gaps above this count; eight times the shortest turn without it.
    pub threshold_ns: Option<u64>,
    /// Real-time priority.
    pub fifo: Option<u8>,
}

/// What lanes and collector share.
#[derive(Debug, Default)]
pub struct Gate {
    ready: AtomicUsize,
    failed: AtomicBool,
    is_open: AtomicBool,
    stop: AtomicBool,
}

impl Gate {
    /// Waits until so many lanes are ready; whether all are.
    pub fn wait_for(&self, lanes: usize) -> bool {
        loop {
            // ORDERING: acquire; pairs with the release in `pass`: what a lane did is done.
            if self.failed.load(Ordering::Acquire) {
                return false;
            }
            // ORDERING: acquire; as above.
            if self.ready.load(Ordering::Acquire) == lanes {
                return true;
            }
            std::thread::yield_now();
        }
    }

    /// Starts all lanes.
    pub fn open(&self) {
        // ORDERING: release; pairs with the acquire in `pass`.
        self.is_open.store(true, Ordering::Release);
    }

    /// Ends all lanes at their next gap, or within a tenth of a second.
    pub fn stop(&self) {
        // ORDERING: relaxed; the word alone is the message.
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the lanes are to end.
    pub fn is_stopped(&self) -> bool {
        // ORDERING: relaxed; as in `stop`.
        self.stop.load(Ordering::Relaxed)
    }

    /// Says that a lane failed.
    pub fn fail(&self) {
        // ORDERING: release; pairs with the acquire in `wait_for`.
        self.failed.store(true, Ordering::Release);
    }

    /// Says that this lane is ready and waits for the start; `false` where another failed.
    pub fn pass(&self) -> bool {
        // ORDERING: release; pairs with the acquire in `wait_for`.
        self.ready.fetch_add(1, Ordering::Release);
        // ORDERING: acquire; pairs with the release in `open`.
        while !self.is_open.load(Ordering::Acquire) {
            // ORDERING: acquire; pairs with the release in `fail`.
            if self.failed.load(Ordering::Acquire) {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }
}

/// A ring between lane and collector.
#[must_use]
pub fn lane() -> (Producer<Gap>, Consumer<Gap>) {
    ring::ring(ROOM)
}

/// Pins the calling thread and gives it its policy.
///
/// # Errors
/// A CPU or a policy refused.
pub fn settle(cpu: usize, fifo: Option<u8>) -> io::Result<()> {
    if let Pinned::Refused(cpu) = pin_current(Some(cpu)) {
        return Err(io::Error::other(format!("cpu {cpu} refused")));
    }
    fifo.map_or(Ok(()), crate::sys::real_time)
}

/// Runs one lane on the calling thread; `None` where another lane failed before the start.
///
/// # Errors
/// A CPU or a policy refused.
pub fn watch(
    cpu: usize,
    plan: &Plan,
    clock: &Clock,
    gate: &Gate,
    mut out: Producer<Gap>,
) -> io::Result<Option<Told>> {
    let settled = settle(cpu, plan.fifo);
    if settled.is_err() {
        gate.fail();
    }
    settled?;
    let mut watch = Watch::open(cpu);
    let shortest = shortest_turns(clock);
    let by_turn = (shortest.saturating_mul(TIMES_SHORTEST) / TURNS).max(1);
    let threshold = plan.threshold_ns.map_or(by_turn, |ns| clock.ns_to_cycles(ns));
    watch.look();
    if !gate.pass() {
        return Ok(None);
    }
    watch.look();
    let tally =
        spin(clock, clock.ns_to_cycles(plan.time_ns), threshold, gate, &mut watch, &mut out);
    Ok(Some(Told {
        cpu,
        thread: rustix::thread::gettid().as_raw_nonzero().get(),
        turn_ps: clock.cycles_to_ns(shortest.saturating_mul(1_000)) / TURNS,
        threshold_ns: clock.cycles_to_ns(threshold),
        elapsed_ns: clock.cycles_to_ns(tally.elapsed),
        observed_ns: clock.cycles_to_ns(tally.elapsed.saturating_sub(tally.reading)),
        reading_ns: clock.cycles_to_ns(tally.reading),
        count: tally.count,
        total_ns: clock.cycles_to_ns(tally.total),
        max_ns: clock.cycles_to_ns(tally.max),
        dropped: tally.dropped,
        watch,
    }))
}

/// Cycles of [`TURNS`] turns where nothing came between.
fn shortest_turns(clock: &Clock) -> u64 {
    let mut shortest = u64::MAX;
    for _ in 0..SIZING {
        let start = clock.cycles();
        let mut last = start;
        for _ in 0..TURNS {
            last = clock.cycles();
        }
        shortest = shortest.min(last.saturating_sub(start));
    }
    shortest
}

/// Sums of a lane, cycles.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    total: u64,
    max: u64,
    dropped: u64,
    reading: u64,
    elapsed: u64,
}

/// How often a CPU without gaps looks whether it is to end, nanoseconds.
const STOP_LOOK_NS: u64 = 100_000_000;

/// The loop. A gap's counters are read only where they were read right after the gap before it too,
/// and where reading keeps within its share of the time.
fn spin(
    clock: &Clock,
    time: u64,
    threshold: u64,
    gate: &Gate,
    watch: &mut Watch,
    out: &mut Producer<Gap>,
) -> Tally {
    let mut tally = Tally::default();
    let start = clock.cycles();
    let (mut last, mut next_look, mut is_fresh) = (start, start, true);
    let mut cheapest = u64::MAX;
    let stop_look = clock.ns_to_cycles(STOP_LOOK_NS);
    let mut next_stop_look = start.saturating_add(stop_look);
    while last.wrapping_sub(start) < time {
        let now = clock.cycles();
        let cycles = now.saturating_sub(last);
        if cycles <= threshold {
            last = now;
            if now >= next_stop_look {
                if gate.is_stopped() {
                    break;
                }
                next_stop_look = now.saturating_add(stop_look);
            }
            continue;
        }
        tally.count += 1;
        tally.total += cycles;
        tally.max = tally.max.max(cycles);
        let is_due = now >= next_look && !watch.is_lost();
        let moved = if is_due { watch.look() } else { Seen::NOT };
        let seen = if is_due && is_fresh { moved } else { Seen::NOT };
        is_fresh = is_due;
        if out.try_push(Gap { end_cycles: now, cycles, seen }).is_err() {
            tally.dropped += 1;
        }
        if gate.is_stopped() {
            last = now;
            break;
        }
        last = clock.cycles();
        let took = last.saturating_sub(now);
        tally.reading += took;
        if is_due {
            // A reading that was itself interrupted does not keep the next ones away.
            cheapest = cheapest.min(took);
            let cost = took.min(cheapest.saturating_mul(4));
            next_look = last.saturating_add(cost.saturating_mul(READING_SHARE - 1));
        }
    }
    tally.elapsed = last.saturating_sub(start);
    tally
}

/// The CPU that collects: allowed and not measured, if there is one.
#[must_use]
pub fn collector_cpu(machine: &Machine, measured: &[usize]) -> Option<usize> {
    machine.allowed.iter().copied().find(|cpu| !measured.contains(cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_without_gaps_ends_when_told_to() {
        let clock = Clock::calibrate();
        let gate = Gate::default();
        let minute_ns = 60_000_000_000;
        let plan = Plan { time_ns: minute_ns, threshold_ns: Some(minute_ns), fifo: None };
        let cpu = station::sys::affinity().unwrap()[0];
        let told = std::thread::scope(|scope| {
            let (out, _taken) = lane();
            let lane = scope.spawn(|| watch(cpu, &plan, &clock, &gate, out));
            assert!(gate.wait_for(1));
            gate.open();
            gate.stop();
            lane.join().unwrap().unwrap().unwrap()
        });
        assert_eq!(told.count, 0, "no gap is a minute long");
        assert!(told.elapsed_ns < minute_ns, "{told:?}");
    }
}
