//! A token bucket in integer engine time: one message costs one second divided by the rate. It
//! survives a clock that stands still and never gives more than its burst.

use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};
use wire::TsNs;

/// A token bucket. Its rate and burst are part of it, so that asking needs no division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "all are times, and the unit goes last")]
pub struct Bucket {
    /// Engine time at which the bucket is (or would be) full again, nanoseconds.
    full_at_ns: u64,
    /// Engine time of the last message taken, from where a new rate counts, nanoseconds.
    taken_at_ns: u64,
    /// What one message costs, nanoseconds.
    cost_ns: u64,
    /// What the whole burst costs, nanoseconds.
    depth_ns: u64,
    /// Engine time from which one more message fits, nanoseconds: asked for with every order.
    ready_at_ns: u64,
}

impl Bucket {
    /// A full bucket of `rate_per_s` messages a second and `burst` at once.
    #[must_use]
    pub fn new(rate_per_s: i64, burst: i64) -> Self {
        let mut bucket =
            Self { full_at_ns: 0, taken_at_ns: 0, cost_ns: 1, depth_ns: 0, ready_at_ns: 0 };
        bucket.set(rate_per_s, burst);
        bucket
    }

    /// Changes rate and burst. As many messages stay used as were after the last one: at a lower
    /// rate they come back later, so a tighter rate never lets through what the old one would not.
    pub fn set(&mut self, rate_per_s: i64, burst: i64) {
        let rate = u64::try_from(rate_per_s).unwrap_or(0).max(1);
        let cost_ns = 1_000_000_000_u64.div_ceil(rate);
        let used = u128::from(self.full_at_ns.saturating_sub(self.taken_at_ns));
        let used =
            used.saturating_mul(u128::from(cost_ns)).div_ceil(u128::from(self.cost_ns.max(1)));
        let used = u64::try_from(used).unwrap_or(u64::MAX);
        self.full_at_ns = self.taken_at_ns.saturating_add(used);
        self.cost_ns = cost_ns;
        self.depth_ns = self.cost_ns.saturating_mul(u64::try_from(burst).unwrap_or(0));
        self.ready_at_ns = self.ready_ns();
    }

    /// Whether one more message fits at `now` into `depth_ns` of the burst.
    #[inline]
    #[must_use]
    pub fn fits_within(&self, now: TsNs, depth_ns: u64) -> bool {
        let backlog = self.full_at_ns.saturating_sub(now.get());
        backlog.saturating_add(self.cost_ns) <= depth_ns
    }

    /// Whether one more message fits at `now`.
    #[inline]
    #[must_use]
    pub fn fits(&self, now: TsNs) -> bool {
        now.get() >= self.ready_at_ns
    }

    /// When one more message fits; never where not even one fits into the burst.
    fn ready_ns(&self) -> u64 {
        if self.cost_ns > self.depth_ns {
            return u64::MAX;
        }
        self.full_at_ns.saturating_add(self.cost_ns).saturating_sub(self.depth_ns)
    }

    /// Messages used at `now`, one more included.
    #[must_use]
    pub fn used_after(&self, now: TsNs) -> i64 {
        let backlog = self.full_at_ns.saturating_sub(now.get());
        let used = backlog.div_ceil(self.cost_ns.max(1)).saturating_add(1);
        i64::try_from(used).unwrap_or(i64::MAX)
    }

    /// Takes one message's worth.
    pub fn take(&mut self, now: TsNs) {
        self.taken_at_ns = self.taken_at_ns.max(now.get());
        self.full_at_ns = self.full_at_ns.max(now.get()).saturating_add(self.cost_ns);
        self.ready_at_ns = self.ready_ns();
    }

    /// When one more message will fit, engine time; undefined where never.
    #[must_use]
    pub fn ready_at(&self) -> TsNs {
        TsNs(self.ready_at_ns)
    }

    /// Messages at once.
    #[must_use]
    pub fn burst(&self) -> i64 {
        let burst = self.depth_ns.checked_div(self.cost_ns).unwrap_or(0);
        i64::try_from(burst).unwrap_or(i64::MAX)
    }

    /// What the whole burst costs, nanoseconds.
    #[must_use]
    pub const fn depth_ns(&self) -> u64 {
        self.depth_ns
    }

    pub(crate) fn hash_into(self, h: &mut StateHasher) {
        h.u64(self.full_at_ns);
        h.u64(self.taken_at_ns);
        h.u64(self.cost_ns);
        h.u64(self.depth_ns);
    }

    pub(crate) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.full_at_ns = from.u64()?;
        self.taken_at_ns = from.u64()?;
        self.cost_ns = from.u64()?;
        if self.cost_ns == 0 {
            return Err(from.bad());
        }
        self.depth_ns = from.u64()?;
        self.ready_at_ns = self.ready_ns();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_the_burst_through_then_the_rate() {
        let mut bucket = Bucket::new(10, 3);
        let now = TsNs(1_000_000_000_000);
        let mut passed = 0;
        while bucket.fits(now) {
            assert!(bucket.used_after(now) <= 3);
            bucket.take(now);
            passed += 1;
        }
        assert_eq!(passed, 3, "a full bucket holds exactly the burst");
        assert_eq!(bucket.used_after(now), 4);
        // One message's worth comes back each tenth of a second, no sooner.
        assert!(!bucket.fits(TsNs(now.get() + 99_999_999)));
        assert!(bucket.fits(TsNs(now.get() + 100_000_000)));
        assert_eq!(bucket.ready_at(), TsNs(now.get() + 100_000_000));
        for at in [0, now.get() + 99_999_999, now.get() + 100_000_000, u64::MAX - 1] {
            let slow = bucket.fits_within(TsNs(at), bucket.depth_ns());
            assert_eq!(bucket.fits(TsNs(at)), slow, "at {at}");
        }
        // A long pause never gives more than the burst, and a clock going back none.
        assert_eq!(bucket.used_after(TsNs(now.get() + 3_600_000_000_000)), 1);
        assert!(!bucket.fits(TsNs(0)));
    }

    #[test]
    fn a_new_rate_keeps_what_was_used() {
        let mut bucket = Bucket::new(1, 2);
        bucket.take(TsNs(0));
        bucket.take(TsNs(0));
        assert!(!bucket.fits(TsNs(0)));
        bucket.set(1, 3);
        assert!(bucket.fits(TsNs(0)));
        bucket.set(1, 1);
        assert!(!bucket.fits(TsNs(1_000_000_000)), "two seconds' worth is still out");
    }

    #[test]
    fn a_lower_rate_gives_nothing_back_and_the_old_one_restores_what_was() {
        let mut bucket = Bucket::new(10, 3);
        let now = TsNs(5_000_000_000);
        (0..3).for_each(|_| bucket.take(now));
        let before = bucket;
        bucket.set(1, 3);
        assert_eq!(bucket.used_after(now), 4);
        assert!(!bucket.fits(now), "three of three are used at any rate");
        assert_eq!(bucket.ready_at(), TsNs(6_000_000_000));
        assert!(!bucket.fits(TsNs(5_999_999_999)));
        assert!(bucket.fits(TsNs(6_000_000_000)));
        bucket.set(10, 3);
        assert_eq!(bucket, before);
        bucket.set(1_000_000_000, 1);
        assert_eq!((bucket.depth_ns(), bucket.ready_at()), (1, TsNs(5_000_000_003)));
        // No rate and no burst: nothing fits, nothing divides by zero.
        bucket.set(0, 0);
        assert!(!bucket.fits(TsNs(u64::MAX - 1)));
        bucket.set(-1, -1);
        assert_eq!(bucket.depth_ns(), 0);
    }
}
