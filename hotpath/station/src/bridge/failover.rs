//! Which of two sidecars answers: when the first is left for the standby, and when it is taken back.
//!
//! Owns the counts of it. The first is left at once where it is gone, silent or takes no more, and
//! after [`BAD_ANSWERS`] answers in a row that are no score in time; it comes back after [`PROBES`]
//! live requests in a row that it answered as well as the standby did beside it. Must never: read a
//! clock, or know how frames travel. The bridge's thread runs it; it allocates nothing.

use serde_json::{Value, json};

/// Answers in a row without a score in time for which the first is left.
pub(crate) const BAD_ANSWERS: u32 = 3;
/// Live requests in a row that the first must answer well, unheard, before it serves again.
pub(crate) const PROBES: u32 = 16;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The one that is meant to answer.
    First,
    /// The one that is warm beside it.
    Standby,
}

impl Lane {
    pub(crate) const BOTH: [Self; 2] = [Self::First, Self::Standby];

    /// What the operator's lines call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::First => "signal sidecar",
            Self::Standby => "standby sidecar",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::First => Self::Standby,
            Self::Standby => Self::First,
        }
    }
}

/// Why the first was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It closed its socket, broke the rules, or was never there.
    Gone,
    /// It left what it was asked without an answer for too long.
    Silent,
    /// It answered, and not with scores in time.
    NoScore,
    /// It took no more requests.
    Full,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Gone, Self::Silent, Self::NoScore, Self::Full];

    /// As status, summary and the operator's line spell it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Silent => "silent",
            Self::NoScore => "no_score",
            Self::Full => "full",
        }
    }
}

/// What happened, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    by_fault: [u64; Fault::ALL.len()],
    /// Times the first was taken back.
    pub(crate) failbacks: u64,
    /// Requests sent to the standby.
    pub(crate) sent: u64,
    /// Answers of the standby handed to the loop.
    pub(crate) received: u64,
    /// The part of `sent` that the first had been asked before.
    pub(crate) again: u64,
    probes_good: u64,
    probes_bad: u64,
    /// From the last answer before a change to the first one after it, nanoseconds.
    gap_ns_last: u64,
    gap_ns_max: u64,
}

impl Counts {
    /// Times the first was left.
    pub(crate) fn failovers(&self) -> u64 {
        self.by_fault.iter().sum()
    }

    pub(crate) fn to_json(self) -> Value {
        let faults = Fault::ALL.iter().zip(self.by_fault);
        let faults = faults.map(|(fault, count)| (fault.name().to_owned(), json!(count)));
        json!({
            "failovers": faults.collect::<serde_json::Map<_, _>>(),
            "failbacks": self.failbacks,
            "sent": self.sent,
            "received": self.received,
            "asked_again": self.again,
            "probes_good": self.probes_good,
            "probes_bad": self.probes_bad,
            "gap_ns_last": self.gap_ns_last,
            "gap_ns_max": self.gap_ns_max,
        })
    }
}

/// The two, as far as it matters who answers.
#[derive(Debug)]
pub(crate) struct Failover {
    lane: Lane,
    bad: u32,
    good: u32,
    passed_ns: Option<u64>,
    gap_from_ns: Option<u64>,
    /// What happened.
    pub(crate) counts: Counts,
}

impl Default for Failover {
    fn default() -> Self {
        Self {
            lane: Lane::First,
            bad: 0,
            good: 0,
            passed_ns: None,
            gap_from_ns: None,
            counts: Counts::default(),
        }
    }
}

impl Failover {
    /// Who is asked for answers.
    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }

    /// From here on the standby is asked.
    pub(crate) fn leave(&mut self, why: Fault, now_ns: u64) {
        self.turn_to(Lane::Standby, now_ns);
        for (fault, count) in Fault::ALL.iter().zip(&mut self.counts.by_fault) {
            *count += u64::from(*fault == why);
        }
    }

    /// From here on the first is asked.
    pub(crate) fn come_back(&mut self, now_ns: u64) {
        self.turn_to(Lane::First, now_ns);
        self.counts.failbacks += 1;
    }

    fn turn_to(&mut self, lane: Lane, now_ns: u64) {
        self.lane = lane;
        (self.bad, self.good) = (0, 0);
        self.gap_from_ns = self.gap_from_ns.or(self.passed_ns).or(Some(now_ns));
    }

    /// An answer of the first while it serves; `true`: it is to be left.
    pub(crate) fn answered(&mut self, well: bool) -> bool {
        self.bad = if well { 0 } else { self.bad + 1 };
        self.bad >= BAD_ANSWERS
    }

    /// An answer of the first to what the standby was asked too; `true`: it may serve again.
    pub(crate) fn probed(&mut self, well: bool) -> bool {
        self.counts.probes_good += u64::from(well);
        self.counts.probes_bad += u64::from(!well);
        self.good = if well { self.good + 1 } else { 0 };
        self.good >= PROBES
    }

    /// The first is not what it was: its probes count from the start.
    pub(crate) fn forget_probes(&mut self) {
        self.good = 0;
    }

    /// An answer went to the loop.
    pub(crate) fn passed(&mut self, lane: Lane, now_ns: u64) {
        self.counts.received += u64::from(lane == Lane::Standby);
        if lane == self.lane
            && let Some(from_ns) = self.gap_from_ns.take()
        {
            self.counts.gap_ns_last = now_ns.saturating_sub(from_ns);
            self.counts.gap_ns_max = self.counts.gap_ns_max.max(self.counts.gap_ns_last);
        }
        self.passed_ns = Some(now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_answers_count_in_a_row() {
        let mut failover = Failover::default();
        for _ in 0..100 {
            for _ in 1..BAD_ANSWERS {
                assert!(!failover.answered(false));
            }
            assert!(!failover.answered(true), "one good answer and it is as before");
        }
        let left = (0..BAD_ANSWERS).map(|_| failover.answered(false)).collect::<Vec<_>>();
        assert_eq!(left, [false, false, true]);
    }

    #[test]
    fn the_first_comes_back_after_so_many_good_probes_in_a_row_and_not_before() {
        let mut failover = Failover::default();
        failover.leave(Fault::Silent, 10);
        for _ in 1..PROBES {
            assert!(!failover.probed(true));
        }
        assert!(!failover.probed(false), "a bad one and they count from the start");
        for _ in 1..PROBES {
            assert!(!failover.probed(true));
        }
        failover.forget_probes();
        for _ in 1..PROBES {
            assert!(!failover.probed(true), "after another connection too");
        }
        assert!(failover.probed(true));
        failover.come_back(20);
        assert_eq!(failover.lane(), Lane::First);
        let counts = failover.counts.to_json();
        assert_eq!(counts["probes_bad"], 1);
        assert_eq!((&counts["failovers"]["silent"], &counts["failbacks"]), (&1.into(), &1.into()));
        assert_eq!(failover.counts.failovers(), 1);
    }

    #[test]
    fn a_gap_runs_from_the_last_answer_of_the_one_to_the_first_of_the_other() {
        let mut failover = Failover::default();
        failover.passed(Lane::First, 100);
        failover.leave(Fault::Gone, 150);
        failover.passed(Lane::First, 160);
        assert_eq!(failover.counts.gap_ns_max, 0, "a late answer of the first ends no gap");
        failover.passed(Lane::Standby, 190);
        assert_eq!((failover.counts.gap_ns_last, failover.counts.received), (90, 1));
        failover.passed(Lane::Standby, 1_000);
        failover.come_back(1_010);
        failover.passed(Lane::First, 1_020);
        assert_eq!((failover.counts.gap_ns_last, failover.counts.gap_ns_max), (20, 90));
    }
}
