//! Wake mode: a thread sleeps to an absolute time again and again; how late it is counts.
//!
//! Must never: allocate between the start and the end, or count a wake during which the request for
//! short wake-ups changed. One thread a CPU; the collector holds the request and lets it go.

use super::cause::Seen;
use super::gap::{Gate, settle};
use super::series::Series;
use clock::Clock;
use rustix::thread::{ClockId, clock_nanosleep_absolute, set_current_timer_slack};
use rustix::time::Timespec;
use std::fs::File;
use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Wakes after a change of the request that do not count.
const SETTLING: u32 = 5;
/// Where the kernel takes the request.
pub const REQUEST: &str = "/dev/cpu_dma_latency";

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Nanoseconds to measure.
    pub time_ns: u64,
    /// Nanoseconds between two wakes.
    pub interval_ns: u64,
    /// How far the kernel may put a wake off to join it with others, nanoseconds.
    pub slack_ns: NonZeroU64,
    /// Real-time priority.
    pub fifo: Option<u8>,
}

/// The request's state, as the lanes see it: an even number while it is let go, odd while held.
#[derive(Debug, Default)]
pub struct Request {
    block: AtomicU64,
}

impl Request {
    fn now(&self) -> u64 {
        // ORDERING: acquire; pairs with the release in `set`: the request is held, or let go.
        self.block.load(Ordering::Acquire)
    }

    /// Goes on to the next block.
    fn next(&self) {
        // ORDERING: release; pairs with the acquire in `now`.
        self.block.fetch_add(1, Ordering::Release);
    }
}

/// Asks the kernel for the shortest wake-ups until the file is closed.
///
/// # Errors
/// No such file, or no right to it.
pub fn hold() -> io::Result<File> {
    let mut file = File::options().write(true).open(REQUEST)?;
    file.write_all(&0_i32.to_le_bytes())?;
    Ok(file)
}

/// Sleeps until a moment of the monotonic clock, through signals.
pub fn sleep_until(ns: u64) {
    let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let until = Timespec {
        tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(rest).unwrap_or_default(),
    };
    while clock_nanosleep_absolute(ClockId::Monotonic, &until) == Err(rustix::io::Errno::INTR) {}
}

/// What a lane shows: while the request is let go, and while it is held.
pub type Pair = [Series; 2];

/// Runs one lane on the calling thread; `None` where another failed before the start.
///
/// # Errors
/// A CPU or a policy refused.
pub fn watch(
    cpu: usize,
    plan: &Plan,
    clock: &Clock,
    gate: &Gate,
    request: &Request,
) -> io::Result<Option<Pair>> {
    let settled = settle(cpu, plan.fifo)
        .and_then(|()| set_current_timer_slack(Some(plan.slack_ns)).map_err(io::Error::from));
    if settled.is_err() {
        gate.fail();
    }
    settled?;
    let name = |held: &str| Series::new(format!("cpu {cpu}{held}"), tag(cpu, held), cpu);
    let mut pair = [name(""), name(" held")];
    for series in &mut pair {
        series.worst.reserve_exact(16);
    }
    if !gate.pass() {
        return Ok(None);
    }
    let anchor = clock.anchor();
    let start = clock.monotonic_ns();
    let mut intended = start;
    let (mut block, mut since) = (request.now(), 0);
    while intended.saturating_sub(start) < plan.time_ns && !gate.is_stopped() {
        intended += plan.interval_ns;
        sleep_until(intended);
        let now = clock.monotonic_ns();
        let late = now.saturating_sub(intended);
        let after = request.now();
        since = if after == block { since + 1 } else { 0 };
        block = after;
        if since > SETTLING {
            let place = usize::try_from(block % 2).unwrap_or_default();
            if let Some(series) = pair.get_mut(place) {
                let wall_ns = clock.wall_ns_at(&anchor, clock.cycles());
                series.take(late, wall_ns, None::<Seen>);
                series.observed_ns += plan.interval_ns;
            }
        }
        // Wakes that were slept through are not made up for.
        intended += late / plan.interval_ns * plan.interval_ns;
    }
    Ok(Some(pair))
}

fn tag(cpu: usize, held: &str) -> String {
    format!("wake_cpu{cpu}{}", held.replace(' ', "_"))
}

/// Holds the request and lets it go in turn, a block each, until the time is over or told to stop.
///
/// # Errors
/// The request is refused.
pub fn alternate(
    clock: &Clock,
    time_ns: u64,
    block_ns: u64,
    gate: &Gate,
    request: &Request,
) -> io::Result<()> {
    let start = clock.monotonic_ns();
    let mut held = None;
    let mut until = start;
    while until.saturating_sub(start) < time_ns && !gate.is_stopped() {
        until += block_ns;
        sleep_until(until.min(start + time_ns));
        if station::sys::stop_signal().is_some() {
            gate.stop();
        }
        held = match held {
            None => Some(hold()?),
            Some(file) => {
                drop::<File>(file);
                None
            }
        };
        request.next();
    }
    drop(held);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_never_short() {
        let clock = Clock::calibrate();
        let until = clock.monotonic_ns() + 1_000_000;
        sleep_until(until);
        assert!(clock.monotonic_ns() >= until);
        sleep_until(0);
    }

    #[test]
    fn wakes_are_counted_by_the_state_of_the_request() {
        let clock = Clock::calibrate();
        let (gate, request) = (Gate::default(), Request::default());
        let plan = Plan {
            time_ns: 1_000_000_000,
            interval_ns: 5_000_000,
            slack_ns: NonZeroU64::MIN,
            fifo: None,
        };
        let cpu = station::sys::affinity().unwrap()[0];
        request.next();
        let pair = std::thread::scope(|scope| {
            let lane = scope.spawn(|| watch(cpu, &plan, &clock, &gate, &request));
            assert!(gate.wait_for(1));
            gate.open();
            lane.join().unwrap().unwrap().unwrap()
        });
        assert_eq!(pair[0].histogram.len(), 0, "the request was held throughout");
        assert_eq!(pair[1].tag, format!("wake_cpu{cpu}_held"));
        // Of two hundred the first five settle, and what was slept through is left out.
        assert!((1..=195).contains(&pair[1].histogram.len()), "{}", pair[1].histogram.len());
    }
}
