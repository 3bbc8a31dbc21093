//! When to try a lost connection again: exponential backoff with jitter, no storm.
//!
//! Must never: read a clock, sleep, or draw from the system's randomness: moments and the seed come
//! from the caller, so a simulation repeats. Any thread; allocates nothing.

/// The timetable's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Wait after the first failure, nanoseconds.
    pub initial_ns: u64,
    /// Longest wait, nanoseconds.
    pub max_ns: u64,
    /// A connection that lived shorter than this, nanoseconds, counts as one more failure: a peer
    /// that accepts and dies at once is not hammered.
    pub stable_ns: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial_ns: 10_000_000, max_ns: 2_000_000_000, stable_ns: 1_000_000_000 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until_ns: u64 },
    Connected { since_ns: u64 },
}

/// Says when to connect. All moments are nanoseconds of one clock of the caller.
#[derive(Clone, Debug)]
pub struct Reconnector {
    backoff: Backoff,
    failures: u32,
    random: u64,
    state: State,
}

impl Reconnector {
    /// Due at once. `seed` decides the jitter: give each peer its own.
    #[must_use]
    pub fn new(backoff: Backoff, seed: u64) -> Self {
        Self { backoff, failures: 0, random: seed, state: State::Waiting { until_ns: 0 } }
    }

    /// Whether to try now.
    #[must_use]
    pub fn is_due(&self, now_ns: u64) -> bool {
        matches!(self.state, State::Waiting { until_ns } if until_ns <= now_ns)
    }

    /// Nanoseconds until the next try; `None` while connected.
    #[must_use]
    pub fn wait_ns(&self, now_ns: u64) -> Option<u64> {
        match self.state {
            State::Waiting { until_ns } => Some(until_ns.saturating_sub(now_ns)),
            State::Connected { .. } => None,
        }
    }

    /// Failures in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The connection is up and its handshake done.
    pub fn connected(&mut self, now_ns: u64) {
        self.state = State::Connected { since_ns: now_ns };
    }

    /// A try failed, or a connection ended. Returns the wait until the next try, nanoseconds.
    pub fn failed(&mut self, now_ns: u64) -> u64 {
        if let State::Connected { since_ns } = self.state
            && now_ns.saturating_sub(since_ns) >= self.backoff.stable_ns
        {
            self.failures = 0;
        }
        let doublings = self.failures.min(32);
        self.failures = self.failures.saturating_add(1);
        let ceiling =
            self.backoff.initial_ns.saturating_mul(1 << doublings).min(self.backoff.max_ns);
        // Between half and all of it, so that peers that fell together do not come back together.
        let half = ceiling / 2;
        let wait_ns = half + self.draw() % (ceiling - half + 1);
        self.state = State::Waiting { until_ns: now_ns.saturating_add(wait_ns) };
        wait_ns
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { initial_ns: 100, max_ns: 1000, stable_ns: 500 };

    #[test]
    fn waits_double_within_jitter_up_to_the_limit() {
        let mut r = Reconnector::new(BACKOFF, 7);
        assert!(r.is_due(0));
        for ceiling in [100, 200, 400, 800, 1000, 1000] {
            let wait = r.failed(0);
            assert!((ceiling / 2..=ceiling).contains(&wait), "{wait} of {ceiling}");
        }
        assert_eq!(r.failures(), 6);
    }

    #[test]
    fn is_due_exactly_at_the_moment() {
        let mut r = Reconnector::new(BACKOFF, 7);
        let wait = r.failed(1_000);
        assert!(!r.is_due(1_000 + wait - 1));
        assert!(r.is_due(1_000 + wait));
        assert_eq!(r.wait_ns(1_000), Some(wait));
    }

    #[test]
    fn the_same_seed_gives_the_same_waits_and_another_seed_others() {
        let waits = |seed| {
            let mut r = Reconnector::new(Backoff::default(), seed);
            (0..8).map(|_| r.failed(0)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }

    #[test]
    fn a_stable_connection_forgives_and_a_short_one_does_not() {
        let mut r = Reconnector::new(BACKOFF, 7);
        for _ in 0..4 {
            r.failed(0);
        }
        r.connected(1_000);
        assert_eq!(r.wait_ns(1_000), None);
        assert!(!r.is_due(u64::MAX));
        assert!(r.failed(1_000 + BACKOFF.stable_ns - 1) >= 500, "still the long wait");
        r.connected(2_000);
        assert!(r.failed(2_000 + BACKOFF.stable_ns) <= 100, "back to the first wait");
    }

    #[test]
    fn extreme_limits_do_not_overflow() {
        let limits = Backoff { initial_ns: u64::MAX, max_ns: u64::MAX - 1, stable_ns: 0 };
        let mut r = Reconnector::new(limits, 0);
        for _ in 0..70 {
            r.failed(u64::MAX);
        }
        assert!(r.is_due(u64::MAX));
    }
}
