//! The floor under every figure: what the timer costs, and what the core does to an empty loop.

use crate::Sample;
use clock::Clock;

/// Nanoseconds between two readings of the clock with nothing between them.
#[must_use]
pub fn timer_cost(clock: &Clock, samples: usize) -> Sample {
    let mut cost = Sample::with_capacity(samples);
    for _ in 0..samples {
        let start = clock.cycles();
        let end = clock.cycles();
        cost.push(clock.cycles_to_ns(end.saturating_sub(start)));
    }
    cost
}

/// Gaps of more than a microsecond between the turns of an empty loop on this core, nanoseconds,
/// over `ns` nanoseconds: what interrupts, the hypervisor and other threads take.
#[must_use]
pub fn jitter(clock: &Clock, ns: u64) -> Sample {
    let mut gaps = Sample::with_capacity(1 << 16);
    let threshold = clock.ns_to_cycles(1_000);
    let start = clock.cycles();
    let end = start + clock.ns_to_cycles(ns);
    let mut last = start;
    while last < end {
        let now = clock.cycles();
        if now.saturating_sub(last) > threshold {
            gaps.push(clock.cycles_to_ns(now - last));
        }
        last = now;
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::{jitter, timer_cost};
    use clock::Clock;

    #[test]
    fn a_timer_pair_is_measured_and_gaps_are_above_the_threshold() {
        let clock = Clock::calibrate();
        assert_eq!(timer_cost(&clock, 100).len(), 100);
        let mut gaps = jitter(&clock, 2_000_000);
        assert!(gaps.min().is_none_or(|gap| gap >= 999));
    }
}
