//! The line probe: what one cache line's round trip between two CPUs costs right now.
//!
//! On shared virtual CPUs the two cores may sit side by side or far apart and move without notice.
//! A figure between cores is worth something only between two probes that agree, and travels to
//! another machine only as a ratio to them.
//!
//! Must never: pin a thread itself (the caller says how), or measure where one of the two CPUs has
//! another spinning thread. Spins on the calling thread and on one it starts; allocates.

use crate::Clock;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

/// A word with its cache line to itself, and the line beside it that is fetched along.
#[repr(align(128))]
struct Line(AtomicU64);

/// Round trips in one batch; the probe is the median of batches, free of timer cost.
const TRIPS: u64 = 32;
/// Batches in one probe.
const BATCHES: usize = 48;
/// Batches before those that count.
const WARM_UP: usize = 8;
/// Round trips below this many nanoseconds are called near. Measured: 77 with one third-level
/// cache between the cores, 375 without.
const NEAR_BELOW_NS: f64 = 200.0;
/// Two probes agree within this factor.
const AGREE: f64 = 1.25;

/// Where the two CPUs are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placement {
    /// A line's round trip is short: the cores share a cache.
    Near,
    /// A line's round trip is long.
    Far,
}

impl Placement {
    /// Both placements.
    pub const ALL: [Self; 2] = [Self::Near, Self::Far];
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Near => "near",
            Self::Far => "far",
        })
    }
}

/// One probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineProbe {
    /// Nanoseconds of one round trip of a line: the median of several batches.
    pub round_trip_ns: f64,
}

impl LineProbe {
    /// Bounces a line between the calling thread, which must be pinned, and a thread that `settle`
    /// pins to the other CPU.
    #[must_use]
    pub fn take(clock: &Clock, settle: impl FnOnce() + Send) -> Self {
        let Line(line) = &Line(AtomicU64::new(0));
        let turns = (WARM_UP + BATCHES) as u64 * TRIPS;
        let mut batches = Vec::with_capacity(WARM_UP + BATCHES);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                settle();
                (0..turns).for_each(|turn| answer(line, turn, 2 * turn + 2));
            });
            for batch in 0..(WARM_UP + BATCHES) as u64 {
                let start = clock.cycles();
                for turn in batch * TRIPS..(batch + 1) * TRIPS {
                    // ORDERING: pairs with the acquire load in `answer`.
                    line.store(2 * turn + 1, Ordering::Release);
                    // ORDERING: pairs with the release store in `answer`.
                    while line.load(Ordering::Acquire) != 2 * turn + 2 {
                        core::hint::spin_loop();
                    }
                }
                let ns = clock.cycles_to_ns(clock.cycles().saturating_sub(start));
                batches.push(float(ns) / float(TRIPS));
            }
        });
        let counted = batches.get_mut(WARM_UP..).unwrap_or_default();
        counted.sort_unstable_by(f64::total_cmp);
        Self { round_trip_ns: counted.get(BATCHES / 2).copied().unwrap_or_default() }
    }

    /// The placement if this probe and a later one agree; `None` is a burst to drop.
    #[must_use]
    pub fn agrees(&self, later: &Self) -> Option<Placement> {
        let (a, b) = (self.round_trip_ns, later.round_trip_ns);
        if a > b * AGREE || b > a * AGREE {
            return None;
        }
        match (a < NEAR_BELOW_NS, b < NEAR_BELOW_NS) {
            (true, true) => Some(Placement::Near),
            (false, false) => Some(Placement::Far),
            _ => None,
        }
    }
}

/// Waits for the line's odd number of this turn and answers.
fn answer(line: &AtomicU64, turn: u64, reply: u64) {
    // ORDERING: pairs with the other side's release store.
    while line.load(Ordering::Acquire) != 2 * turn + 1 {
        core::hint::spin_loop();
    }
    // ORDERING: pairs with the other side's acquire load.
    line.store(reply, Ordering::Release);
}

/// How far the peer's cycle counter is ahead of the caller's, and how sure that is.
#[derive(Clone, Copy, Debug)]
pub struct CounterOffset {
    /// Nanoseconds that the peer's counter is ahead; negative when behind.
    pub ahead_ns: i64,
    /// The true offset lies within this many nanoseconds of `ahead_ns`.
    pub bound_ns: u64,
}

/// Measures the offset between the cycle counters of this CPU and the one that `settle` pins to: a
/// one-way figure is off by it. The shortest of 4096 round trips counts.
#[must_use]
pub fn counter_offset(clock: &Clock, settle: impl FnOnce() + Send) -> CounterOffset {
    const ROUNDS: u64 = 4_096;
    let (Line(line), Line(stamp)) = (&Line(AtomicU64::new(0)), &Line(AtomicU64::new(0)));
    let mut best: Option<(u64, u64, u64)> = None;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            settle();
            for turn in 0..ROUNDS {
                // ORDERING: pairs with the caller's release store of the odd number.
                while line.load(Ordering::Acquire) != 2 * turn + 1 {
                    core::hint::spin_loop();
                }
                // ORDERING: relaxed: published by the release store of `line` that follows.
                stamp.store(clock.cycles(), Ordering::Relaxed);
                // ORDERING: pairs with the caller's acquire load of the even number.
                line.store(2 * turn + 2, Ordering::Release);
            }
        });
        for turn in 0..ROUNDS {
            let start = clock.cycles();
            // ORDERING: pairs with the peer's acquire load.
            line.store(2 * turn + 1, Ordering::Release);
            // ORDERING: pairs with the peer's release store.
            while line.load(Ordering::Acquire) != 2 * turn + 2 {
                core::hint::spin_loop();
            }
            let end = clock.cycles();
            // ORDERING: relaxed: ordered by the acquire load of `line` before it.
            let peers = stamp.load(Ordering::Relaxed);
            if best.is_none_or(|(from, to, _)| end - start < to - from) {
                best = Some((start, end, peers));
            }
        }
    });
    let (start, end, peers) = best.unwrap_or_default();
    let middle = start.midpoint(end);
    let ns = |cycles: u64| i64::try_from(clock.cycles_to_ns(cycles)).unwrap_or(i64::MAX);
    let ahead_ns = if peers >= middle { ns(peers - middle) } else { -ns(middle - peers) };
    CounterOffset { ahead_ns, bound_ns: clock.cycles_to_ns((end - start) / 2) }
}

#[expect(clippy::cast_precision_loss, reason = "a median of short times, shown with two digits")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::{LineProbe, Placement};

    #[test]
    fn only_probes_that_agree_place_a_burst() {
        let probe = |round_trip_ns| LineProbe { round_trip_ns };
        assert_eq!(probe(80.0).agrees(&probe(90.0)), Some(Placement::Near));
        assert_eq!(probe(350.0).agrees(&probe(400.0)), Some(Placement::Far));
        assert_eq!(probe(80.0).agrees(&probe(370.0)), None, "moved in between");
        assert_eq!(probe(190.0).agrees(&probe(210.0)), None, "on the border");
        assert_eq!(probe(400.0).agrees(&probe(300.0)), None, "same side, but apart");
    }
}
