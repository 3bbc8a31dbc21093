//! From when an answer is of no use, in the clock a sidecar can read.
//!
//! The engine judges an answer's age in engine time, which a replay runs faster or slower than the
//! wall. The bridge, which knows the pace, turns the lifetime into a moment of `CLOCK_MONOTONIC`,
//! the clock that every process of the box shares. At full speed engine time has no pace: requests
//! then carry no deadline, and the engine alone judges. Must never: read a clock. The bridge's
//! thread runs it; it allocates nothing.

use venues::player::Speed;

const NS_PER_MS: u64 = 1_000_000;
/// Longest silence of a sidecar beside which another one could answer, nanoseconds.
const PATIENCE_MAX_NS: u64 = 500 * NS_PER_MS;

/// How long an answer is of use, nanoseconds of the wall; none where engine time has no pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime(Option<u64>);

impl Lifetime {
    /// Of answers that the engine takes up to an age of `ttl_ms` milliseconds of engine time.
    #[must_use]
    pub fn new(ttl_ms: u32, speed: Speed) -> Self {
        let Speed::Ratio { num, den } = speed else { return Self(None) };
        let engine_ns = u128::from(ttl_ms) * u128::from(NS_PER_MS);
        let wall_ns = engine_ns * u128::from(den.get()) / u128::from(num.get());
        Self(Some(u64::try_from(wall_ns).unwrap_or(u64::MAX)))
    }

    /// How long an answer may take where another sidecar could give it: half of its lifetime, so that
    /// the other half is left for that one, and at most half a second.
    pub(super) fn patience_ns(self) -> u64 {
        self.0.map_or(PATIENCE_MAX_NS, |lifetime_ns| (lifetime_ns / 2).min(PATIENCE_MAX_NS))
    }

    /// The deadline as the frame carries it, 0 for none, of a request that has waited so long
    /// already; `None` where that was too long.
    pub(super) fn deadline_ns(self, mono_now_ns: u64, waited_ns: u64) -> Option<u64> {
        let Some(lifetime_ns) = self.0 else { return Some(0) };
        let left_ns = lifetime_ns.checked_sub(waited_ns).filter(|left| *left > 0)?;
        Some(mono_now_ns.saturating_add(left_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_time_becomes_time_of_the_wall() {
        for (speed, wall_ns) in [("1", 500_000_000), ("8", 62_500_000), ("0.5", 1_000_000_000)] {
            let speed = speed.parse().expect("a speed");
            assert_eq!(Lifetime::new(500, speed), Lifetime(Some(wall_ns)));
        }
        let longest = Lifetime::new(u32::MAX, "0.001".parse().expect("a speed"));
        assert!(longest.deadline_ns(u64::MAX, 0) == Some(u64::MAX), "no overflow");
    }

    #[test]
    fn at_full_speed_a_request_has_no_deadline() {
        let lifetime = Lifetime::new(500, Speed::Max);
        assert_eq!(lifetime.deadline_ns(7, u64::MAX), Some(0));
    }

    #[test]
    fn patience_leaves_half_of_the_lifetime_and_has_an_end() {
        for (ttl_ms, speed, patience_ms) in
            [(500, "1", 250), (500, "8", 31), (1, "1", 0), (60_000, "1", 500), (7, "max", 500)]
        {
            let lifetime = Lifetime::new(ttl_ms, speed.parse().expect("a speed"));
            assert_eq!(lifetime.patience_ns() / NS_PER_MS, patience_ms, "{ttl_ms} at {speed}");
        }
    }

    #[test]
    fn what_has_waited_its_whole_life_is_late() {
        let lifetime = Lifetime::new(1, Speed::REAL_TIME);
        assert_eq!(lifetime.deadline_ns(10, 0), Some(1_000_010));
        assert_eq!(lifetime.deadline_ns(10, 999_999), Some(11));
        assert_eq!(lifetime.deadline_ns(10, 1_000_000), None);
        assert_eq!(lifetime.deadline_ns(10, u64::MAX), None);
    }
}
