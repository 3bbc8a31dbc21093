//! The no-edge control over real scores: the bundled model's answers on the bundled recording, each
//! given to another moment than its own, through windows, metrics and rule as in a night.
//!
//! Candidate and incumbent answer with lags drawn alike, so neither knows anything of what follows and
//! neither is better; the answers keep the correlation in time that real ones have.

use super::config::JudgeKeys;
use super::evaluate::{Evaluated, trading};
use super::gather::{Gathered, Parent};
use super::held::{LabelRule, Rows, Sample};
use super::metrics::{MetricKind, Pair, by_window};
use super::verdict::{Judged, PROMOTE, judged};
use signal::model::Model;
use signal::store::Bundle;
use signal::{BackendChoice, RuntimeOptions, runtime};
use std::path::Path;

const TRIALS: u64 = 200;
/// Samples a lag is at least: two blocks of ten seconds.
const LAG_MIN: usize = 200;

/// Held-out samples of the bundled recording, the bundled model's answers, how labels are made.
fn scored() -> (Vec<Sample>, Vec<[f32; 3]>, LabelRule) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let recording = tape::read_all(root.join("config/demo/btcusdt-20240809.clrec")).unwrap();
    let bundle = Bundle::open(&root.join("sidecars/signal/models/bin_ctabl"), None).unwrap();
    let rule = LabelRule::of(bundle.manifest_bytes()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("day.feat");
    let row = &recording.instruments()[0];
    let id = row.header.instrument_id;
    crate::features::write(&recording, (id, row), rule.sample_interval_ns, &file).unwrap();
    let rows = Rows::parse(&std::fs::read(&file).unwrap()).unwrap();
    let (samples, inputs) = rows.held_out(&rule, 0);
    let live = runtime::start(&RuntimeOptions::from_environment(BackendChoice::Fused)).unwrap();
    let mut answers = Vec::new();
    Model::of(bundle, live).unwrap().run(&inputs, &mut answers).unwrap();
    (samples, answers, rule)
}

fn gathered(labels: LabelRule) -> Gathered {
    let parent =
        Parent { address: String::new(), previous: None, model_sha256: String::new(), labels };
    Gathered { parent, journals: Vec::new(), refused: Vec::new() }
}

/// Judges by one metric or by all.
fn verdict(
    others: &[MetricKind],
    (samples, rule): (&[Sample], LabelRule),
    pair: Pair<'_>,
    seed: u64,
) -> Judged {
    let keys = JudgeKeys {
        window_ns: 1_000_000_000,
        main: MetricKind::LogLoss,
        others: others.to_vec(),
        entry_score_e6: 350_000,
        cost_bps_e6: 0,
        seed,
    };
    let kinds: Vec<_> = std::iter::once(keys.main).chain(others.iter().copied()).collect();
    let (metrics, counts) = by_window(&kinds, samples, pair, keys.window_ns, trading(&keys));
    let scores = Evaluated { backends: Default::default(), samples: counts, metrics };
    judged(&keys, &gathered(rule), &scores)
}

#[test]
fn without_an_edge_at_most_one_night_in_twenty_promotes() {
    let (samples, answers, rule) = scored();
    let (mut promoted, mut by_main, mut ahead) = (0, 0, 0);
    for seed in 0..TRIALS {
        let mut draw = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut lagged = || {
            for (left, right) in [(true, 13), (false, 7), (true, 17)] {
                draw ^= if left { draw << right } else { draw >> right };
            }
            let range = (answers.len() - 2 * LAG_MIN) as u64;
            let lag = LAG_MIN + usize::try_from((draw >> 16) % range).unwrap();
            let mut shifted = answers.clone();
            shifted.rotate_right(lag);
            shifted
        };
        lagged();
        let (candidate, incumbent) = (lagged(), lagged());
        let pair = Pair { candidate: &candidate, incumbent: &incumbent };
        let alone = verdict(&[], (&samples, rule), pair, seed);
        by_main += u64::from(alone.word == PROMOTE);
        ahead += u64::from(alone.gains[0].gain > 0.0);
        let others = [MetricKind::Brier, MetricKind::Accuracy, MetricKind::Pnl];
        promoted += u64::from(verdict(&others, (&samples, rule), pair, seed).word == PROMOTE);
    }
    eprintln!("{promoted} of {TRIALS} promoted, {by_main} by log loss alone, {ahead} ahead");
    assert!(promoted <= by_main && by_main * 20 <= TRIALS, "{by_main} of {TRIALS}");
    // Whoever takes the better mean is fooled in about half of them.
    assert!(ahead * 10 > TRIALS * 4 && ahead * 10 < TRIALS * 6, "{ahead}");
}

/// The same scores with an edge: the model in its own time against itself a while late.
#[test]
fn a_model_that_knows_more_is_promoted_and_never_the_other_way_round() {
    let (samples, answers, rule) = scored();
    let mut late = answers.clone();
    late.rotate_right(LAG_MIN);
    let others = [MetricKind::Brier, MetricKind::Accuracy, MetricKind::Pnl];
    let judge =
        |candidate, incumbent| verdict(&others, (&samples, rule), Pair { candidate, incumbent }, 1);
    let won = judge(&answers, &late);
    assert_eq!((won.word.as_str(), won.block), (PROMOTE, 10), "{won:?}");
    let lost = judge(&late, &answers);
    assert_eq!(lost.reasons.len(), 5, "worse by each, and not surely better: {lost:?}");
}

#[test]
fn held_out_time_that_is_too_short_is_no_verdict() {
    let (samples, answers, rule) = scored();
    let few = 500;
    let pair = Pair { candidate: &answers[..few], incumbent: &answers[..few] };
    let short = verdict(&[], (&samples[..few], rule), pair, 1);
    assert_eq!(short.word, super::verdict::NO_VERDICT);
    assert!(short.reasons[0].starts_with("held-out time is too short: windows="), "{short:?}");
}
