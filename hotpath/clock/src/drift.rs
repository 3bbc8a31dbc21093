//! The check of the cycle counter's rate against `CLOCK_MONOTONIC_RAW`.
//!
//! Owns: anchors (one moment on three clocks), drift and its limit. Must never: hide a drift: it
//! reports, the caller decides. Called at start and end of a run, off the hot path; no allocation.

use crate::tsc;
use core::fmt;

/// Drift beyond this many parts per million is reported.
pub const DRIFT_LIMIT_PPM: f64 = 50.0;

/// Attempts to read all clocks close together; the closest counts.
const ATTEMPTS: usize = 16;

/// One moment, read on three clocks within [`width_ns`](Self::width_ns).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The cycle counter.
    pub cycles: u64,
    /// `CLOCK_MONOTONIC_RAW`, nanoseconds since boot.
    pub raw_ns: u64,
    /// The wall clock, UNIX nanoseconds.
    pub wall_ns: u64,
    /// How far apart the readings can lie at most, nanoseconds: a bound of the anchor's error.
    pub width_ns: u64,
}

impl Anchor {
    /// Reads all clocks, several times, and keeps the readings that lie closest together: one
    /// interrupt between two of them would look like drift.
    pub(crate) fn take(cycles: impl Fn() -> u64) -> Self {
        let attempt = || {
            let before = tsc::monotonic_raw_ns();
            let cycles = cycles();
            let wall_ns = tsc::realtime_ns();
            let after = tsc::monotonic_raw_ns();
            let width_ns = after.saturating_sub(before);
            Self { cycles, raw_ns: before + width_ns / 2, wall_ns, width_ns }
        };
        let first = attempt();
        (1..ATTEMPTS)
            .map(|_| attempt())
            .fold(first, |best, next| if next.width_ns < best.width_ns { next } else { best })
    }
}

/// How far the converted cycle counter went from `CLOCK_MONOTONIC_RAW` over an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Parts per million; positive when the cycle counter, converted, runs fast. Clamped to
    /// two million either way.
    pub ppm: f64,
    /// How far `ppm` can be off either way, from the widths of the two anchors. A short interval
    /// says little.
    pub error_ppm: f64,
    /// Nanoseconds by the converted cycle counter.
    pub counted_ns: u64,
    /// Nanoseconds by `CLOCK_MONOTONIC_RAW`.
    pub elapsed_ns: u64,
}

impl Drift {
    /// Compares `counted_ns` by our counter with the time between two anchors.
    pub(crate) fn between(start: &Anchor, end: &Anchor, counted_ns: u64) -> Self {
        let elapsed_ns = end.raw_ns.saturating_sub(start.raw_ns);
        let error_ns = start.width_ns.midpoint(end.width_ns);
        Self {
            ppm: ppm(i128::from(counted_ns) - i128::from(elapsed_ns), elapsed_ns),
            error_ppm: ppm(i128::from(error_ns), elapsed_ns),
            counted_ns,
            elapsed_ns,
        }
    }

    /// Whether the drift is beyond [`DRIFT_LIMIT_PPM`] by more than the anchors can explain.
    #[must_use]
    pub fn is_excessive(&self) -> bool {
        self.ppm.abs() - self.error_ppm > DRIFT_LIMIT_PPM
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:+.3} ppm (+-{:.3}) against CLOCK_MONOTONIC_RAW over {} ns, limit {DRIFT_LIMIT_PPM}",
            self.ppm, self.error_ppm, self.elapsed_ns
        )
    }
}

/// `part` of `whole` in parts per million, to a thousandth, clamped to two million.
fn ppm(part: i128, whole: u64) -> f64 {
    let ppb = part * 1_000_000_000 / i128::from(whole.max(1));
    let clamped = ppb.clamp(-2_000_000_000, 2_000_000_000);
    // INVARIANT: the clamp fits 32 bits, so the fall-back is never used.
    f64::from(i32::try_from(clamped).unwrap_or(i32::MAX)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::{Anchor, Drift};

    fn anchor(raw_ns: u64, width_ns: u64) -> Anchor {
        Anchor { cycles: 0, raw_ns, wall_ns: 0, width_ns }
    }

    fn drift(counted_ns: u64, width_ns: u64) -> Drift {
        let (start, end) = (anchor(5_000, width_ns), anchor(1_000_005_000, width_ns));
        Drift::between(&start, &end, counted_ns)
    }

    #[test]
    fn drift_is_signed_and_in_parts_per_million() {
        assert!((drift(1_000_000_000, 0).ppm).abs() < 1e-9);
        assert!((drift(1_000_012_345, 0).ppm - 12.345).abs() < 1e-9);
        assert!((drift(999_987_655, 0).ppm + 12.345).abs() < 1e-9);
        assert!((drift(1_000_000_000, 100).error_ppm - 0.1).abs() < 1e-9);
    }

    #[test]
    fn limit_is_exclusive_and_leaves_room_for_the_anchors() {
        assert!(!drift(1_000_050_000, 0).is_excessive(), "at the limit");
        assert!(drift(1_000_050_001, 0).is_excessive(), "above");
        assert!(drift(999_949_999, 0).is_excessive(), "above, slow");
        assert!(!drift(1_000_050_001, 100).is_excessive(), "within the anchors' error");
    }

    #[test]
    fn absurd_readings_are_clamped_not_wrapped() {
        let (start, end) = (anchor(5, 0), anchor(5, 0));
        assert!(Drift::between(&start, &end, u64::MAX).ppm >= 2_000_000.0);
        assert!(Drift::between(&end, &start, 0).ppm.abs() < 1e-9);
    }
}
