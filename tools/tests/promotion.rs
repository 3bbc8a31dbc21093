//! The promotion rule over seeded worlds: without an edge at most one in twenty is promoted, a better
//! model is, a worse one never, and the same seed gives the same verdict to the last bit.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use corelane_tools::promotion::{Better, Metric, NoVerdict, Refusal, Trial, Verdict, judge};

const WORLDS: u64 = 400;
/// A minute, and labels that look three of them ahead: blocks of thirty windows.
const TRIAL: Trial = Trial { window_ns: 60, horizon_ns: 180, seed: 1 };
const WINDOWS: usize = 1_200;

/// Random numbers of a world, apart from those of the rule.
struct World(u64);

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        world.uniform();
        world
    }

    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / 4_294_967_296.0
    }

    /// Near enough to normal: mean 0, variance 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// Each number the mean of `overlap` draws, as the returns of overlapping labels are.
    fn overlapping(&mut self, overlap: u8, n: usize) -> Vec<f64> {
        let width = usize::from(overlap);
        let draws: Vec<f64> = (0..n + width).map(|_| self.normal()).collect();
        let sums = draws.windows(width).take(n).map(|window| window.iter().sum::<f64>());
        sums.map(|sum| sum / f64::from(overlap)).collect()
    }
}

fn metric<'s>(name: &'s str, candidate: &'s [f64], incumbent: &'s [f64]) -> Metric<'s> {
    Metric { name, better: Better::Higher, candidate, incumbent }
}

fn verdict(trial: Trial, candidate: &[f64], incumbent: &[f64]) -> Verdict {
    judge(trial, &metric("pnl", candidate, incumbent), &[]).unwrap()
}

/// The candidate is the incumbent and noise: no edge.
fn noise(seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut world = World::new(seed);
    let incumbent = world.overlapping(3, WINDOWS);
    let noise = world.overlapping(3, WINDOWS);
    let candidate = incumbent.iter().zip(&noise).map(|(score, noise)| score + noise).collect();
    (candidate, incumbent)
}

/// Two models that know nothing of the returns they are paid by: a world whose labels were shuffled.
fn shuffled(seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut world = World::new(seed);
    let returns = world.overlapping(3, WINDOWS);
    // Positions are held for a while, so what they earn hangs together.
    let mut earned = || {
        let wishes = world.overlapping(6, WINDOWS);
        wishes.iter().zip(&returns).map(|(wish, paid)| wish.signum() * paid).collect()
    };
    (earned(), earned())
}

#[test]
fn without_an_edge_at_most_one_world_in_twenty_promotes() {
    for (name, world) in [("noise", noise as fn(u64) -> _), ("shuffled", shuffled)] {
        let (mut promoted, mut ahead) = (0, 0);
        for seed in 0..WORLDS {
            let (candidate, incumbent) = world(seed);
            let verdict = verdict(Trial { seed, ..TRIAL }, &candidate, &incumbent);
            promoted += u64::from(verdict.promotes());
            ahead += u64::from(verdict.gains[0].mean > 0.0);
        }
        eprintln!("{name}: {promoted} of {WORLDS} promoted, {ahead} ahead by chance");
        assert!(promoted * 20 <= WORLDS, "{name}: {promoted} of {WORLDS}");
        // The worlds are hard: whoever takes the better mean is fooled in about half of them.
        assert!(ahead * 10 > WORLDS * 4 && ahead * 10 < WORLDS * 6, "{name}: {ahead}");
    }
}

/// Blocks are what makes it honest: as if windows were independent, too many are promoted.
#[test]
fn blocks_of_one_window_would_promote_too_many() {
    let alone = Trial { horizon_ns: 6, ..TRIAL };
    let promoted = (0..WORLDS).filter(|seed| {
        let (candidate, incumbent) = noise(*seed);
        let verdict = verdict(Trial { seed: *seed, ..alone }, &candidate, &incumbent);
        assert_eq!(verdict.block, 1);
        verdict.promotes()
    });
    let promoted = promoted.count() as u64;
    assert!(promoted * 20 > WORLDS, "{promoted} of {WORLDS}");
}

#[test]
fn a_better_candidate_is_promoted_and_a_worse_one_never() {
    let (mut up, mut down) = (0, 0);
    for seed in 0..WORLDS {
        let (candidate, incumbent) = noise(seed);
        let shifted = |by: f64| candidate.iter().map(|score| score + by).collect::<Vec<_>>();
        let trial = Trial { seed, ..TRIAL };
        // A fifth of the noise's spread.
        up += u64::from(verdict(trial, &shifted(0.12), &incumbent).promotes());
        down += u64::from(verdict(trial, &shifted(-0.12), &incumbent).promotes());
    }
    assert!(up * 100 >= WORLDS * 95, "{up} of {WORLDS} better ones promoted");
    assert_eq!(down, 0);
}

#[test]
fn every_metric_must_be_at_least_as_good() {
    let (candidate, incumbent) = noise(7);
    let better: Vec<f64> = candidate.iter().map(|score| score + 1.0).collect();
    let main = metric("pnl", &better, &incumbent);
    // A loss that is larger by next to nothing, in one window.
    let calm = vec![0.5; WINDOWS];
    let mut worse = calm.clone();
    worse[17] += 1e-9;
    let loss = |candidate| Metric {
        name: "loss",
        better: Better::Lower,
        candidate,
        incumbent: calm.as_slice(),
    };
    assert!(judge(TRIAL, &main, &[loss(&calm)]).unwrap().promotes());
    let refused = judge(TRIAL, &main, &[loss(&calm), loss(&worse)]).unwrap();
    assert_eq!(refused.refusals, [Refusal::Worse("loss".to_owned())]);
    assert_eq!(refused.refusals[0].to_string(), "worse by loss");
}

#[test]
fn a_tie_stays_with_the_incumbent_and_a_gain_without_spread_counts() {
    let (_, scores) = noise(3);
    let tie = verdict(TRIAL, &scores, &scores);
    assert_eq!(tie.refusals, [Refusal::NotSurelyBetter("pnl".to_owned())]);
    let flat = vec![1.0; WINDOWS];
    let more = vec![1.5; WINDOWS];
    let sure = verdict(TRIAL, &more, &flat);
    assert!(sure.promotes() && sure.gains[0].low.to_bits() == 0.5_f64.to_bits(), "{sure:?}");
}

#[test]
fn what_cannot_be_judged_is_named_and_promotes_nothing() {
    fn of(candidate: &[f64], incumbent: &[f64]) -> Result<Verdict, NoVerdict> {
        judge(TRIAL, &metric("pnl", candidate, incumbent), &[])
    }
    let (candidate, incumbent) = noise(5);
    let short = &candidate[..599];
    let error = of(short, &incumbent[..599]).unwrap_err();
    assert_eq!(error, NoVerdict::TooShort { windows: 599, wanted: 600 });
    assert!(of(&candidate[..600], &incumbent[..600]).is_ok());
    let error = of(short, &incumbent).unwrap_err();
    assert!(error.to_string().contains("candidate=599 incumbent=1200"), "{error}");
    for bad in [f64::NAN, f64::INFINITY] {
        let mut scores = candidate.clone();
        scores[9] = bad;
        let error = of(&scores, &incumbent).unwrap_err();
        assert_eq!(error, NoVerdict::NotFinite { metric: "pnl".to_owned(), window: 9 });
    }
    for trial in [Trial { window_ns: 0, ..TRIAL }, Trial { horizon_ns: u64::MAX, ..TRIAL }] {
        let error = judge(trial, &metric("pnl", &candidate, &incumbent), &[]).unwrap_err();
        assert!(matches!(error, NoVerdict::NoBlock { .. }));
    }
}

#[test]
fn a_block_spans_ten_horizons_and_the_seed_decides_all() {
    let (candidate, incumbent) = noise(11);
    for (horizon_ns, block) in [(180, 30), (181, 31), (6, 1), (1, 1), (0, 1)] {
        let trial = Trial { horizon_ns, ..TRIAL };
        let verdict = verdict(trial, &candidate, &incumbent);
        assert_eq!(verdict.block, block, "{horizon_ns}");
        assert!(horizon_ns * 10 <= 60 * u64::try_from(block).unwrap());
    }
    let bits = |seed| {
        let verdict = verdict(Trial { seed, ..TRIAL }, &candidate, &incumbent);
        (verdict.gains[0].low.to_bits(), verdict.gains[0].high.to_bits())
    };
    assert_eq!(bits(1), bits(1));
    assert_ne!(bits(1), bits(2));
    // The interval lies round the mean.
    let gain = verdict(TRIAL, &candidate, &incumbent).gains.remove(0);
    assert!(gain.low < gain.mean && gain.mean < gain.high, "{gain:?}");
}
