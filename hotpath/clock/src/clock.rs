//! The host's clock: `quanta`'s counter with a conversion that was checked at start.
//!
//! Owns: calibration and conversion. Must never: convert with a rate it did not compare with
//! `CLOCK_MONOTONIC_RAW`. [`Clock`] is `Copy` and used on every thread; only `calibrate` waits.

use crate::drift::{Anchor, Drift};
use crate::source::Source;
use crate::tsc;
use std::sync::OnceLock;

/// The one `quanta` clock; its calibration is global, so more than one gains nothing.
static QUANTA: OnceLock<quanta::Clock> = OnceLock::new();

/// Fractional bits of nanoseconds per cycle: resolves 1e-12 ns, exact enough for years.
const SHIFT: u32 = 40;

/// Length of the check at start. With anchors a hundred nanoseconds wide it resolves 4 ppm, and
/// usually 1.
const CHECK_NS: u64 = 25_000_000;

/// A calibrated cycle counter with the wall clock beside it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    quanta: &'static quanta::Clock,
    source: Source,
    /// Nanoseconds per cycle, times two to the power of [`SHIFT`].
    ns_per_cycle: u64,
    calibration: Drift,
}

impl Clock {
    /// Calibrates the counter: `quanta` finds it and its rate, then that rate is checked against
    /// `CLOCK_MONOTONIC_RAW` for 25 ms and corrected by what the check showed
    /// ([`calibration`](Self::calibration)). `quanta` measures for one millisecond or so, which on
    /// a busy host leaves it tens of parts per million off.
    ///
    /// Spins for 25 ms, up to 200 ms more the first time in a process.
    #[must_use]
    pub fn calibrate() -> Self {
        let quanta = QUANTA.get_or_init(quanta::Clock::new);
        let source = Source::detect(quanta);
        let by_quanta = Self {
            quanta,
            source,
            ns_per_cycle: Self::rate_of(quanta),
            calibration: Drift { ppm: 0.0, error_ppm: 0.0, counted_ns: 0, elapsed_ns: 0 },
        };
        let start = by_quanta.anchor();
        while tsc::monotonic_raw_ns() < start.raw_ns + CHECK_NS {
            core::hint::spin_loop();
        }
        let end = by_quanta.anchor();
        let counted_ns = by_quanta.cycles_to_ns(end.cycles.saturating_sub(start.cycles));
        let calibration = Drift::between(&start, &end, counted_ns);
        let ns_per_cycle = match source {
            // The kernel's clock counts nanoseconds by definition.
            Source::ClockMonotonic => by_quanta.ns_per_cycle,
            Source::Tsc | Source::TscUntrusted | Source::SystemCounter => {
                corrected(by_quanta.ns_per_cycle, &calibration)
            }
        };
        Self { ns_per_cycle, calibration, ..by_quanta }
    }

    /// The cycle counter now. Its unit is [`cycles_to_ns`](Self::cycles_to_ns)'s business.
    ///
    /// # Latency
    /// One counter read and one predicted branch; the floor printed by every bench is twice this.
    #[inline]
    #[must_use]
    pub fn cycles(&self) -> u64 {
        self.quanta.raw()
    }

    /// Nanoseconds that `cycles` of the counter take.
    #[inline]
    #[must_use]
    pub fn cycles_to_ns(&self, cycles: u64) -> u64 {
        let ns = (u128::from(cycles) * u128::from(self.ns_per_cycle)) >> SHIFT;
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// Cycles of the counter that pass in `ns` nanoseconds.
    #[must_use]
    pub fn ns_to_cycles(&self, ns: u64) -> u64 {
        let cycles = (u128::from(ns) << SHIFT) / u128::from(self.ns_per_cycle);
        u64::try_from(cycles).unwrap_or(u64::MAX)
    }

    /// The wall clock, UNIX nanoseconds. Steps when the host's clock is set.
    #[must_use]
    pub fn wall_ns(&self) -> u64 {
        tsc::realtime_ns()
    }

    /// `CLOCK_MONOTONIC`: nanoseconds since boot, never backwards, slewed by NTP.
    #[must_use]
    pub fn monotonic_ns(&self) -> u64 {
        tsc::monotonic_ns()
    }

    /// UNIX nanoseconds of a reading of the counter, by the wall clock as it stood at `anchor`.
    #[must_use]
    pub fn wall_ns_at(&self, anchor: &Anchor, cycles: u64) -> u64 {
        if cycles >= anchor.cycles {
            anchor.wall_ns.saturating_add(self.cycles_to_ns(cycles - anchor.cycles))
        } else {
            anchor.wall_ns.saturating_sub(self.cycles_to_ns(anchor.cycles - cycles))
        }
    }

    /// This moment on all clocks: the start of an interval for [`check_drift`](Self::check_drift).
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor::take(|| self.cycles())
    }

    /// How far this clock went from `CLOCK_MONOTONIC_RAW` since `start`. The longer the interval,
    /// the surer the answer: over a second the anchors' error is a fraction of a part per million.
    #[must_use]
    pub fn check_drift(&self, start: &Anchor) -> Drift {
        let end = self.anchor();
        let counted_ns = self.cycles_to_ns(end.cycles.saturating_sub(start.cycles));
        Drift::between(start, &end, counted_ns)
    }

    /// The check at start: how far `quanta`'s own rate was off before it was corrected.
    #[must_use]
    pub fn calibration(&self) -> Drift {
        self.calibration
    }

    /// Name of what [`cycles`](Self::cycles) reads: "tsc", "`tsc_untrusted`", "`system_counter`"
    /// or "`clock_monotonic`".
    #[must_use]
    pub fn source(&self) -> &'static str {
        self.source.name()
    }

    /// What [`cycles`](Self::cycles) reads.
    #[must_use]
    pub fn source_kind(&self) -> Source {
        self.source
    }

    /// Cycles per second of the counter: its nominal frequency as calibrated.
    #[must_use]
    pub fn cycles_per_second(&self) -> u64 {
        self.ns_to_cycles(1_000_000_000)
    }

    /// `quanta`'s nanoseconds per cycle in our fixed point.
    fn rate_of(quanta: &quanta::Clock) -> u64 {
        // INVARIANT: counters run at 1 MHz to 1 THz, so the product is 2^SHIFT times 1e3 to 1e-3.
        quanta.delta_as_nanos(0, 1 << SHIFT).max(1)
    }
}

/// A rate corrected by what its check showed; left alone where the check showed nonsense.
fn corrected(ns_per_cycle: u64, check: &Drift) -> u64 {
    if check.counted_ns == 0 || check.elapsed_ns == 0 {
        return ns_per_cycle;
    }
    let rate =
        u128::from(ns_per_cycle) * u128::from(check.elapsed_ns) / u128::from(check.counted_ns);
    u64::try_from(rate).unwrap_or(ns_per_cycle).max(1)
}

#[cfg(test)]
mod tests {
    use super::{Clock, SHIFT, corrected};
    use crate::drift::Drift;
    use crate::source::Source;

    fn checked(counted_ns: u64, elapsed_ns: u64) -> Drift {
        Drift { ppm: 0.0, error_ppm: 0.0, counted_ns, elapsed_ns }
    }

    #[test]
    fn a_rate_is_corrected_to_what_the_check_showed() {
        assert_eq!(corrected(1_000_000, &checked(1_000_100, 1_000_000)), 999_900);
        assert_eq!(corrected(1_000_000, &checked(999_900, 1_000_000)), 1_000_100);
        assert_eq!(corrected(1_000_000, &checked(0, 1_000_000)), 1_000_000, "no reading");
        assert_eq!(corrected(1_000_000, &checked(1_000_000, 0)), 1_000_000, "no time");
    }

    #[test]
    fn conversion_is_exact_and_never_wraps() {
        let mut clock = Clock::calibrate();
        clock.ns_per_cycle = 1 << (SHIFT - 1); // 2 GHz
        assert_eq!(clock.cycles_to_ns(3), 1);
        assert_eq!(clock.cycles_to_ns(u64::MAX), u64::MAX / 2);
        assert_eq!(clock.ns_to_cycles(1), 2);
        assert_eq!(clock.cycles_per_second(), 2_000_000_000);
        clock.ns_per_cycle = 1 << (SHIFT + 1); // half a GHz
        assert_eq!(clock.cycles_to_ns(u64::MAX), u64::MAX, "saturates");
    }

    #[test]
    fn the_wall_clock_extends_both_ways_from_an_anchor() {
        let clock = Clock::calibrate();
        let anchor = clock.anchor();
        assert_eq!(clock.wall_ns_at(&anchor, anchor.cycles), anchor.wall_ns);
        let second = clock.cycles_per_second();
        let (later, earlier) = (anchor.cycles + second, anchor.cycles - second);
        assert!(clock.wall_ns_at(&anchor, later).abs_diff(anchor.wall_ns + 1_000_000_000) <= 1);
        assert!(clock.wall_ns_at(&anchor, earlier).abs_diff(anchor.wall_ns - 1_000_000_000) <= 1);
    }

    #[test]
    fn a_fall_back_counts_nanoseconds() {
        let clock = Clock::calibrate();
        if clock.source_kind() == Source::ClockMonotonic {
            assert_eq!(clock.cycles_per_second(), 1_000_000_000);
        } else {
            assert_ne!(clock.source(), "clock_monotonic");
        }
    }
}
