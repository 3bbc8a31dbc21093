//! How many messages a second the venue takes: token buckets in venue time, integers only.
//!
//! Must never: read a clock. Runs wherever the simulated venue runs; allocates nothing.

use super::config::SimError;
use wire::TsNs;

/// A rate with a burst: the bucket starts full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Messages a second, at least 1.
    pub per_s: u32,
    /// Messages at once after a pause, at least 1.
    pub burst: u32,
}

/// What a session may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// New orders and replaces, and cancels where they have no budget of their own.
    pub messages: Budget,
    /// A budget only cancels spend, and all they spend.
    pub cancels: Option<Budget>,
}

impl Throttle {
    /// Checks the rates and bursts.
    ///
    /// # Errors
    /// [`SimError::BadThrottle`].
    pub fn validate(self) -> Result<(), SimError> {
        let good = |budget: Budget| budget.per_s > 0 && budget.burst > 0;
        let is_good = good(self.messages) && self.cancels.is_none_or(good);
        if is_good { Ok(()) } else { Err(SimError::BadThrottle) }
    }
}

/// One message, in the unit of a bucket: a nanosecond adds `per_s` of them.
const MESSAGE: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    budget: Budget,
    level: u64,
    as_of: TsNs,
}

impl Bucket {
    fn full(budget: Budget) -> Self {
        Self { budget, level: u64::from(budget.burst) * MESSAGE, as_of: TsNs(0) }
    }

    /// Spends one message; `false` where the bucket lacks it.
    fn spend(&mut self, at: TsNs) -> bool {
        let added = at.since(self.as_of).saturating_mul(u64::from(self.budget.per_s));
        let full = u64::from(self.budget.burst) * MESSAGE;
        self.level = self.level.saturating_add(added).min(full);
        self.as_of = self.as_of.max(at);
        let spends = self.level >= MESSAGE;
        if spends {
            self.level -= MESSAGE;
        }
        spends
    }
}

/// The buckets of one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throttling {
    messages: Bucket,
    cancels: Option<Bucket>,
}

impl Throttling {
    pub(crate) fn new(throttle: Throttle) -> Self {
        Self {
            messages: Bucket::full(throttle.messages),
            cancels: throttle.cancels.map(Bucket::full),
        }
    }

    /// Whether a new order, a replace or a cancel passes at `at`; it is spent where it does.
    pub(crate) fn passes(&mut self, is_cancel: bool, at: TsNs) -> bool {
        match &mut self.cancels {
            Some(bucket) if is_cancel => bucket.spend(at),
            Some(_) | None => self.messages.spend(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_refills_to_the_nanosecond_and_never_above_its_burst() {
        let mut bucket = Bucket::full(Budget { per_s: 4, burst: 2 });
        let spends: Vec<_> =
            [0, 0, 0, 249_999_999, 250_000_000].map(|at| bucket.spend(TsNs(at))).to_vec();
        assert_eq!(spends, [true, true, false, false, true]);
        let later = TsNs(60_000_000_000);
        assert_eq!([0; 3].map(|_| bucket.spend(later)), [true, true, false]);
        assert!(!bucket.spend(TsNs(5)), "time that goes back gives nothing");
        assert!(Bucket::full(Budget { per_s: u32::MAX, burst: u32::MAX }).spend(TsNs(u64::MAX)));
    }

    #[test]
    fn a_budget_of_nothing_is_refused() {
        let budget = |per_s, burst| Budget { per_s, burst };
        let check = |messages, cancels| Throttle { messages, cancels }.validate();
        assert_eq!(check(budget(1, 1), None), Ok(()));
        assert_eq!(check(budget(1, 1), Some(budget(1, 1))), Ok(()));
        for (messages, cancels) in [
            (budget(0, 1), None),
            (budget(1, 0), None),
            (budget(1, 1), Some(budget(0, 1))),
            (budget(1, 1), Some(budget(1, 0))),
        ] {
            assert_eq!(check(messages, cancels), Err(SimError::BadThrottle));
        }
    }
}
