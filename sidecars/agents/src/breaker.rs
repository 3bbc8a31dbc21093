//! The circuit breaker of one (server, model, role).
//!
//! It opens when half of the last answers failed, and when more than one in twenty of them was
//! slower than the role's budget; it stays open for a second, doubled with each opening up to a
//! minute, then lets one question through as a probe. A pure machine on the time it is given, so
//! that what it did can be repeated. Must never: read a clock, or let through more than one probe.

/// What the breaker goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Outcomes that are looked at together, at most 32.
    pub window: u32,
    /// Fewest outcomes that can open it.
    pub least: u32,
    /// Failures that open it, percent of the window.
    pub failed_pct: u32,
    /// Slow answers that open it, percent of the window: 5 is p95 over budget.
    pub slow_pct: u32,
    /// First stay in the open state, nanoseconds.
    pub open_ns: u64,
    /// Longest, nanoseconds.
    pub open_ns_max: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            window: 20,
            least: 4,
            failed_pct: 50,
            slow_pct: 5,
            open_ns: 1_000_000_000,
            open_ns_max: 60_000_000_000,
        }
    }
}

/// How a question went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered within the budget.
    Good,
    /// Answered, but slower than the budget.
    Slow,
    /// Failed.
    Failed,
    /// Ended before it could be judged: the slot was not had, the asker left.
    Unjudged,
}

/// Whether a question may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// As any other.
    Pass,
    /// As the one that decides.
    Probe,
    /// Not before this time, nanoseconds.
    Refused(u64),
}

/// Where the breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything passes.
    Closed,
    /// Nothing passes before this time, nanoseconds.
    Open(u64),
    /// A probe is out.
    Probing,
}

/// One breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    policy: Policy,
    state: State,
    /// The newest outcome is the lowest bit.
    failed: u32,
    slow: u32,
    seen: u32,
    openings: u32,
}

impl Breaker {
    /// Closed.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let window = policy.window.clamp(1, 32);
        let policy = Policy { window, ..policy };
        Self { policy, state: State::Closed, failed: 0, slow: 0, seen: 0, openings: 0 }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether a question would be let through; changes nothing.
    #[must_use]
    pub fn would_admit(&self, now_ns: u64) -> bool {
        match self.state {
            State::Closed => true,
            State::Open(until_ns) => now_ns >= until_ns,
            State::Probing => false,
        }
    }

    /// Asks to be let through. Whoever is must [`record`](Self::record) how it went.
    pub fn admit(&mut self, now_ns: u64) -> Admission {
        match self.state {
            State::Closed => Admission::Pass,
            State::Open(until_ns) if now_ns >= until_ns => {
                self.state = State::Probing;
                Admission::Probe
            }
            State::Open(until_ns) => Admission::Refused(until_ns),
            State::Probing => Admission::Refused(now_ns.saturating_add(self.policy.open_ns)),
        }
    }

    /// Takes how a question went that was admitted as `admission`.
    pub fn record(&mut self, now_ns: u64, admission: Admission, outcome: Outcome) {
        match (admission, outcome) {
            (Admission::Refused(_), _) | (Admission::Pass, Outcome::Unjudged) => {}
            // The next may try at once.
            (Admission::Probe, Outcome::Unjudged) => self.state = State::Open(now_ns),
            (Admission::Probe, Outcome::Good) => {
                (self.failed, self.slow, self.seen, self.openings) = (0, 0, 0, 0);
                self.state = State::Closed;
            }
            (Admission::Probe, Outcome::Slow | Outcome::Failed) => self.open(now_ns),
            (Admission::Pass, Outcome::Good | Outcome::Slow | Outcome::Failed) => {
                // An answer to a question from before it opened changes nothing.
                if self.state == State::Closed {
                    self.count(now_ns, outcome);
                }
            }
        }
    }

    fn count(&mut self, now_ns: u64, outcome: Outcome) {
        let Policy { window, least, failed_pct, slow_pct, .. } = self.policy;
        let mask = u32::MAX >> (32 - window);
        let push = |bits: u32, bit: bool| ((bits << 1) | u32::from(bit)) & mask;
        self.failed = push(self.failed, outcome == Outcome::Failed);
        self.slow = push(self.slow, outcome != Outcome::Good);
        self.seen = (self.seen + 1).min(window);
        if self.seen < least {
            return;
        }
        let failed = self.failed.count_ones() * 100 >= failed_pct * self.seen;
        // One slow answer among few is no quantile: it is judged over the whole window.
        let slow = self.slow.count_ones() * 100 > slow_pct * window;
        if failed || (slow && self.seen == window) {
            self.open(now_ns);
        }
    }

    fn open(&mut self, now_ns: u64) {
        let doubled = self.policy.open_ns.saturating_mul(1 << self.openings.min(32));
        self.openings = self.openings.saturating_add(1);
        (self.failed, self.slow, self.seen) = (0, 0, 0);
        self.state = State::Open(now_ns.saturating_add(doubled.min(self.policy.open_ns_max)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;

    fn fed(outcomes: &[Outcome]) -> Breaker {
        let mut breaker = Breaker::new(Policy::default());
        for outcome in outcomes {
            let admission = breaker.admit(0);
            breaker.record(0, admission, *outcome);
        }
        breaker
    }

    #[test]
    fn it_opens_at_half_failed_and_not_below() {
        use Outcome::{Failed, Good};
        assert_eq!(fed(&[Failed, Failed, Failed]).state(), State::Closed, "too few");
        assert_eq!(fed(&[Failed, Good, Good, Failed]).state(), State::Open(S));
        assert_eq!(fed(&[Good, Good, Good, Failed]).state(), State::Closed);
    }

    #[test]
    fn it_opens_on_p95_over_budget_and_not_at_it() {
        let mut outcomes = [Outcome::Good; 20];
        outcomes[3] = Outcome::Slow;
        assert_eq!(fed(&outcomes).state(), State::Closed, "one in twenty is p95 at budget");
        outcomes[17] = Outcome::Slow;
        assert_eq!(fed(&outcomes[..19]).state(), State::Closed, "the window is not full");
        assert_eq!(fed(&outcomes).state(), State::Open(S));
    }

    #[test]
    fn a_probe_decides_and_the_stay_doubles_to_a_minute() {
        let mut breaker = fed(&[Outcome::Failed; 4]);
        let mut now = 0;
        for stay in [1, 2, 4, 8, 16, 32, 60, 60] {
            let State::Open(until) = breaker.state() else { panic!("open") };
            assert_eq!(until - now, stay * S);
            assert_eq!(breaker.admit(until - 1), Admission::Refused(until));
            assert_eq!(breaker.admit(until), Admission::Probe);
            assert!(matches!(breaker.admit(until), Admission::Refused(_)), "one at a time");
            now = until;
            breaker.record(now, Admission::Probe, Outcome::Failed);
        }
        let State::Open(until) = breaker.state() else { panic!("open") };
        assert_eq!(breaker.admit(until), Admission::Probe);
        breaker.record(until, Admission::Probe, Outcome::Unjudged);
        assert_eq!(
            breaker.admit(until),
            Admission::Probe,
            "a probe that was given up is no verdict"
        );
        breaker.record(until, Admission::Probe, Outcome::Good);
        assert_eq!(breaker, Breaker::new(Policy::default()), "as if nothing had been");
    }

    fn any_outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Good),
            Just(Outcome::Slow),
            Just(Outcome::Failed),
            Just(Outcome::Unjudged)
        ]
    }

    proptest! {
        /// Against any order of questions and answers: never two probes out, nothing passes while
        /// open, and a stay is never longer than a minute.
        #[test]
        fn whatever_happens(steps in prop::collection::vec((0..3_000_000_000_u64, any::<bool>(),
            any_outcome()), 1..300)) {
            let mut breaker = Breaker::new(Policy::default());
            let (mut now, mut out): (u64, Vec<Admission>) = (0, Vec::new());
            for (gap, asks, outcome) in steps {
                now += gap;
                if asks {
                    let before = breaker.state();
                    let would = breaker.would_admit(now);
                    let admission = breaker.admit(now);
                    prop_assert_eq!(would, !matches!(admission, Admission::Refused(_)));
                    match (before, admission) {
                        (State::Closed, a) => prop_assert_eq!(a, Admission::Pass),
                        (State::Open(until), Admission::Probe) => prop_assert!(now >= until),
                        (State::Open(until), a) => {
                            prop_assert!(now < until);
                            prop_assert_eq!(a, Admission::Refused(until));
                        }
                        (State::Probing, a) => prop_assert!(matches!(a, Admission::Refused(_))),
                    }
                    if !matches!(admission, Admission::Refused(_)) { out.push(admission); }
                } else if let Some(admission) = out.pop() {
                    breaker.record(now, admission, outcome);
                    if let State::Open(until) = breaker.state() {
                        prop_assert!(until <= now + 60 * S);
                    }
                }
                let probes = out.iter().filter(|a| **a == Admission::Probe).count();
                prop_assert!(probes <= 1);
                prop_assert_eq!(probes == 1, breaker.state() == State::Probing);
            }
        }
    }
}
