//! The simulated clock of tests and backtests: time is what the caller says it is.
//!
//! Owns: one moment. Must never: read the host's clocks or go backwards. Shared by reference
//! between threads where a test needs it; no allocation.

use core::sync::atomic::{AtomicU64, Ordering};

/// A clock that only the caller moves. One cycle is one nanosecond, and time is UNIX time.
///
/// # Examples
/// ```
/// let clock = corelane_clock::SimClock::new(1_000);
/// clock.advance(500);
/// assert_eq!(clock.now_ns(), 1_500);
/// assert_eq!(clock.set(1_200), 1_500, "it never goes back");
/// ```
#[derive(Debug, Default)]
pub struct SimClock {
    now_ns: AtomicU64,
}

impl SimClock {
    /// A clock that stands at `start_ns`, UNIX nanoseconds.
    #[must_use]
    pub const fn new(start_ns: u64) -> Self {
        Self { now_ns: AtomicU64::new(start_ns) }
    }

    /// The time, UNIX nanoseconds.
    #[inline]
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        // ORDERING: relaxed: the number is all that is shared; it publishes no other memory.
        self.now_ns.load(Ordering::Relaxed)
    }

    /// Moves the time to `ns` if that is later. Returns the time after.
    pub fn set(&self, ns: u64) -> u64 {
        // ORDERING: relaxed, as in `now_ns`; the maximum makes concurrent moves safe.
        self.now_ns.fetch_max(ns, Ordering::Relaxed).max(ns)
    }

    /// Moves the time on by `ns`, to the end of time at most. Returns the time after.
    pub fn advance(&self, ns: u64) -> u64 {
        let add = |now: u64| Some(now.saturating_add(ns));
        // ORDERING: relaxed twice, as in `now_ns`: load and store of the same number.
        let before = self.now_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        before.unwrap_or_default().saturating_add(ns)
    }
}

#[cfg(test)]
mod tests {
    use super::SimClock;

    #[test]
    fn moves_forward_only() {
        let clock = SimClock::new(10);
        assert_eq!(clock.set(9), 10);
        assert_eq!(clock.set(11), 11);
        assert_eq!(clock.advance(4), 15);
        assert_eq!(clock.now_ns(), 15);
        assert_eq!(clock.advance(u64::MAX), u64::MAX, "the end of time is not passed");
        assert_eq!(clock.now_ns(), u64::MAX);
    }

    #[test]
    fn concurrent_moves_all_count() {
        let clock = SimClock::default();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        clock.advance(3);
                    }
                });
            }
        });
        assert_eq!(clock.now_ns(), 60_000);
    }
}
