//! Verdicts on samples whose truth is known.

use super::*;
use crate::latency::counts::{Cells, Counts};
use crate::latency::hlog::{Log, Row as LogRow};
use crate::latency::input::Kind;
use crate::latency::series::Counted;
use crate::random::Random;
use std::path::PathBuf;

/// `rows` seconds of `each` samples near `base` with a tail; `wander` moves whole seconds.
fn input(seed: u64, base: u64, rows: u64, each: u64, wander: u64) -> Input {
    let mut random = Random(seed);
    let mut log = Log::default();
    let mut sum = Counts::new(Cells::NS);
    for second in 0..rows {
        let mut counts = Counts::new(Cells::NS);
        let moved = random.next() % (wander + 1);
        for _ in 0..each {
            let tail = 1 << (random.next() % 64).leading_zeros().saturating_sub(58);
            counts.add(base + moved + random.next() % (base / 4 * tail), 1).expect("few");
        }
        sum.take(&counts).expect("same cells");
        let tag = Some("event".to_owned());
        let offset_ns = second * 1_000_000_000;
        log.rows.push(LogRow { tag, offset_ns, length_ns: 1_000_000_000, counts });
    }
    Input {
        path: PathBuf::from("x"),
        kind: Kind::Hlog,
        series: vec![Series::counted("event", "", Counted::whole(sum))],
        notes: Vec::new(),
        log: Some(log),
        summary: None,
    }
}

fn verdicts(a: &Input, b: &Input) -> Vec<(&'static str, Option<Verdict>)> {
    let (x, y) = (&a.series[0], &b.series[0]);
    let sides = (Side::of(a, x).expect("counts"), Side::of(b, y).expect("counts"));
    let mut draws = Draws::new(&sides.0, &sides.1, 1);
    let rows = QUANTILES.map(|(name, one_in)| row(x, y, name, one_in, &mut draws, 2.0));
    rows.map(|row| (row.quantile, row.change.map(|(_, _, verdict)| verdict))).to_vec()
}

#[test]
fn a_known_change_is_seen_and_none_is_not() {
    for rows in [1, 40] {
        let each = 200_000 / rows;
        let before = input(1, 10_000, rows, each, 0);
        let again = input(2, 10_000, rows, each, 0);
        let slow = input(3, 11_000, rows, each, 0);
        assert_eq!(verdicts(&before, &again)[0], ("p50", Some(Verdict::Same)), "{rows} rows");
        assert!(verdicts(&before, &again).iter().all(|(_, v)| *v != Some(Verdict::Slower)));
        assert_eq!(verdicts(&before, &slow)[0], ("p50", Some(Verdict::Slower)));
        assert_eq!(verdicts(&slow, &before)[0], ("p50", Some(Verdict::Faster)));
        assert_eq!(verdicts(&before, &again)[5], ("p99.999", None), "two samples beyond");
    }
}

/// Seconds that wander together say less than their samples would: over samples this would be
/// called a change.
#[test]
fn samples_of_one_second_are_not_taken_for_many() {
    let a = input(4, 10_000, 40, 5_000, 4_000);
    let b = input(5, 10_000, 40, 5_000, 4_000);
    assert_ne!(verdicts(&a, &b)[0].1, Some(Verdict::Slower));
    assert_ne!(verdicts(&a, &b)[0].1, Some(Verdict::Faster));
    let strip = |input: &Input| Input { log: None, ..input.clone() };
    let (x, y) = (strip(&a), strip(&b));
    let wide = |a: &Input, b: &Input| {
        let sides = (Side::of(a, &a.series[0]), Side::of(b, &b.series[0]));
        let (a, b) = (sides.0.expect("counts"), sides.1.expect("counts"));
        let (low, high) = Draws::new(&a, &b, 1).interval(2);
        high - low
    };
    assert!(wide(&a, &b) > 3.0 * wide(&x, &y), "over time the interval is wider");
}

/// The interval over samples against a plain bootstrap that draws every sample.
#[test]
fn drawing_ranks_is_drawing_samples() {
    let a = Input { log: None, ..input(6, 10_000, 1, 3_000, 0) };
    let b = Input { log: None, ..input(7, 10_000, 1, 3_000, 0) };
    let flat = |input: &Input| {
        let ranked = input.series[0].as_counted().expect("counts").counts.ranked();
        (1..=3_000).map(|rank| ranked.value(rank)).collect::<Vec<u64>>()
    };
    let (xs, ys) = (flat(&a), flat(&b));
    let mut random = Random(9);
    let mut plain: Vec<f64> = (0..bootstrap::DRAWS)
        .map(|_| {
            let mut p90 = |values: &[u64]| {
                let mut drawn: Vec<u64> =
                    values.iter().map(|_| values[random.below(values.len())]).collect();
                drawn.sort_unstable();
                drawn[2_699]
            };
            ratio(p90(&xs), p90(&ys))
        })
        .collect();
    plain.sort_by(f64::total_cmp);
    let sides = (Side::of(&a, &a.series[0]).expect("a"), Side::of(&b, &b.series[0]).expect("b"));
    let (low, high) = Draws::new(&sides.0, &sides.1, 1).interval(10);
    let width = plain[1_989] - plain[10];
    assert!((low - plain[10]).abs() < 0.25 * width, "{low} and {}", plain[10]);
    assert!((high - plain[1_989]).abs() < 0.25 * width, "{high} and {}", plain[1_989]);
}

#[test]
fn verdicts_at_below_and_above_the_tolerance() {
    assert_eq!(Verdict::of(-0.02, 0.02, 0.02), Verdict::Same);
    assert_eq!(Verdict::of(0.0201, 0.05, 0.02), Verdict::Slower);
    assert_eq!(Verdict::of(0.02, 0.05, 0.02), Verdict::Inconclusive);
    assert_eq!(Verdict::of(-0.05, -0.0201, 0.02), Verdict::Faster);
    assert_eq!(Verdict::of(f64::NAN, f64::NAN, 0.02), Verdict::Inconclusive);
    let all = |list: &[Verdict]| Verdict::all(list.iter().copied());
    assert_eq!(all(&[Verdict::Faster, Verdict::Same]), Verdict::Faster);
    assert_eq!(all(&[Verdict::Faster, Verdict::Slower, Verdict::Inconclusive]), Verdict::Slower);
    assert_eq!(all(&[]), Verdict::Inconclusive);
}
