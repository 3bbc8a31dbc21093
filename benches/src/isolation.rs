//! Judges a loop measured beside a quiet peer and beside one that misbehaves.
//!
//! Owns the rule: pairs taken in turns, the ratio of a high quantile in each, the 95 % interval of
//! the median ratio (exact, from order statistics), and what a control without any difference and
//! a planted delay must show before a word about the rest counts. Must never: call a difference
//! found, or absent, that the control or the plant says cannot be told here. Pure.

use crate::Ratio;
use core::fmt;

/// The upper 95 % bound of a ratio that still counts as undisturbed.
pub const LIMIT: f64 = 1.10;
/// Pairs without which nothing is judged.
pub const FEWEST_PAIRS: usize = 30;

/// What one ratio shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The upper bound is within the limit.
    Holds,
    /// Too few pairs, or an interval that reaches over the limit and below 1 as well.
    Unclear,
    /// The upper bound is beyond the limit, and the whole interval above 1.
    Slower,
}

impl Finding {
    /// What the ratio of condition to quiet shows.
    #[must_use]
    pub fn of(ratio: Option<&Ratio>) -> Self {
        match ratio {
            Some(ratio) if ratio.pairs < FEWEST_PAIRS => Self::Unclear,
            Some(ratio) if ratio.high <= LIMIT => Self::Holds,
            Some(ratio) if ratio.low > 1.0 => Self::Slower,
            Some(_) | None => Self::Unclear,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Unclear => "unclear",
            Self::Slower => "SLOWER",
        })
    }
}

/// One condition beside the quiet one: all its ratios are held against the limit.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Name in the table.
    pub name: String,
    /// A ratio a figure, `None` where it could not be had.
    pub ratios: Vec<Option<Ratio>>,
}

impl Condition {
    /// The worst finding of its figures.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let findings = self.ratios.iter().map(|ratio| Finding::of(ratio.as_ref()));
        findings.max().unwrap_or(Finding::Unclear)
    }

    /// Whether quiet against quiet shows no difference, and could have shown one: every interval
    /// lies within the limit on both sides.
    fn is_flat(&self) -> bool {
        self.finding() == Finding::Holds
            && self.ratios.iter().flatten().all(|ratio| ratio.low >= 1.0 / LIMIT)
    }

    /// Whether every figure shows the planted delay.
    fn is_caught(&self) -> bool {
        self.ratios.iter().all(|ratio| Finding::of(ratio.as_ref()) == Finding::Slower)
    }
}

/// The end of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that was tried makes the loop slower than the limit.
    Holds,
    /// These conditions do.
    Slower(Vec<String>),
    /// This machine cannot tell, for these reasons.
    Inconclusive(Vec<String>),
}

/// Judges all conditions. `control` is quiet against quiet, `planted` quiet against a loop that
/// is delayed on purpose: without a flat control and a caught plant nothing else is believed.
#[must_use]
pub fn judge(control: &Condition, planted: &Condition, rest: &[Condition]) -> Verdict {
    let mut reasons = Vec::new();
    if !control.is_flat() {
        reasons.push(format!("{}: two quiet runs differ, or too much to tell", control.name));
    }
    if !planted.is_caught() {
        reasons.push(format!("{}: the planted delay is not found", planted.name));
    }
    if !reasons.is_empty() {
        return Verdict::Inconclusive(reasons);
    }
    let named = |finding| {
        let found = rest.iter().filter(|condition| condition.finding() == finding);
        found.map(|condition| condition.name.clone()).collect::<Vec<_>>()
    };
    let (slower, unclear) = (named(Finding::Slower), named(Finding::Unclear));
    if !slower.is_empty() {
        Verdict::Slower(slower)
    } else if !unclear.is_empty() {
        let reason = |name: String| format!("{name}: the interval reaches over the limit");
        Verdict::Inconclusive(unclear.into_iter().map(reason).collect())
    } else {
        Verdict::Holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of a quantile of about 4,000 ns with noise of up to `noise` (a share of it, either
    /// way) in each member; the first of each pair is `delay` ns slower.
    fn pairs(count: usize, seed: u64, noise: f64, delay: f64) -> Vec<(f64, f64)> {
        let mut state = seed;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let unit = crate::float(state >> 40) / crate::float(1 << 24);
            4_000.0 * (1.0 + noise * (2.0 * unit - 1.0))
        };
        (0..count).map(|_| (draw() + delay, draw())).collect()
    }

    fn condition(name: &str, pairs: &[(f64, f64)]) -> Condition {
        Condition { name: name.to_owned(), ratios: vec![Ratio::of(pairs)] }
    }

    fn flat(name: &str, seed: u64) -> Condition {
        condition(name, &pairs(30, seed, 0.04, 0.0))
    }

    fn planted() -> Condition {
        condition("planted", &pairs(30, 7, 0.1, 2_000.0))
    }

    #[test]
    fn a_planted_delay_is_found_and_none_where_there_is_none() {
        for seed in 0..200 {
            assert_eq!(flat("same", seed).finding(), Finding::Holds, "seed {seed}");
            let slow = condition("slow", &pairs(30, seed, 0.1, 2_000.0));
            assert_eq!(slow.finding(), Finding::Slower, "seed {seed}");
            let rest = [flat("a", seed + 1_000), slow];
            let verdict = judge(&flat("control", seed + 2_000), &planted(), &rest);
            assert_eq!(verdict, Verdict::Slower(vec!["slow".to_owned()]), "seed {seed}");
            let verdict = judge(&flat("control", seed), &planted(), &rest[..1]);
            assert_eq!(verdict, Verdict::Holds, "seed {seed}");
        }
    }

    #[test]
    fn a_bound_at_the_limit_holds_and_one_above_does_not() {
        let at = |high: f64, low: f64, pairs| Ratio { median: 1.0, low, high, pairs };
        let finding = |ratio: Ratio| Finding::of(Some(&ratio));
        assert_eq!(finding(at(LIMIT, 0.9, 30)), Finding::Holds);
        assert_eq!(finding(at(LIMIT + 1e-9, 1.0 + 1e-9, 30)), Finding::Slower);
        assert_eq!(finding(at(LIMIT + 1e-9, 1.0, 30)), Finding::Unclear);
        assert_eq!(finding(at(1.0, 1.0, 29)), Finding::Unclear, "too few pairs");
        assert_eq!(Finding::of(None), Finding::Unclear);
    }

    #[test]
    fn a_noisy_machine_is_inconclusive_whatever_the_rest_shows() {
        let noisy = condition("control", &pairs(30, 3, 0.9, 0.0));
        assert!(noisy.ratios[0].is_some_and(|ratio| ratio.high > LIMIT), "{noisy:?}");
        let slow = [condition("slow", &pairs(30, 9, 0.1, 2_000.0))];
        assert!(matches!(judge(&noisy, &planted(), &slow), Verdict::Inconclusive(_)));
        // One of the two quiet runs is always the quicker one: within the limit above, not below.
        let tilted: Vec<_> = pairs(30, 3, 0.01, 0.0).iter().map(|(a, b)| (a * 0.8, *b)).collect();
        let tilted = condition("control", &tilted);
        assert_eq!(tilted.finding(), Finding::Holds);
        assert!(matches!(judge(&tilted, &planted(), &slow), Verdict::Inconclusive(_)));
    }

    #[test]
    fn a_test_that_misses_the_plant_says_nothing() {
        let missed = flat("planted", 11);
        let Verdict::Inconclusive(why) = judge(&flat("control", 1), &missed, &[flat("a", 2)])
        else {
            panic!("a plant was missed");
        };
        assert_eq!(why.len(), 1);
        let few = condition("planted", &pairs(29, 7, 0.1, 2_000.0));
        assert!(matches!(judge(&flat("control", 1), &few, &[]), Verdict::Inconclusive(_)));
        // One figure shows it and the other does not.
        let mut half = planted();
        half.ratios.extend(flat("", 5).ratios);
        assert!(matches!(judge(&flat("control", 1), &half, &[]), Verdict::Inconclusive(_)));
    }

    #[test]
    fn an_unclear_row_leaves_no_verdict_and_a_slow_one_wins_over_it() {
        let unclear = condition("wide", &pairs(30, 3, 0.9, 0.0));
        assert_eq!(unclear.finding(), Finding::Unclear, "{unclear:?}");
        let slow = condition("slow", &pairs(30, 9, 0.1, 2_000.0));
        let control = flat("control", 1);
        let verdict = judge(&control, &planted(), &[flat("a", 2), unclear.clone()]);
        assert!(matches!(verdict, Verdict::Inconclusive(why) if why[0].starts_with("wide")));
        let verdict = judge(&control, &planted(), &[unclear, slow]);
        assert_eq!(verdict, Verdict::Slower(vec!["slow".to_owned()]));
        let mut both = flat("both", 4);
        both.ratios.extend(condition("", &pairs(30, 9, 0.1, 2_000.0)).ratios);
        assert_eq!(both.finding(), Finding::Slower, "the worst of its figures");
    }
}
