//! Held-out samples: a feature file read again, and of it every window that lies whole after the cut,
//! with what happened after it.
//!
//! Windows and labels are those of `sidecars/signal/training/features.py`, the input is
//! [`wire::signal::input_window`], which also serves. Must never: give a window with a sample before
//! the cut, or across a gap the model's manifest forbids. Pure; allocates.

use serde::{Deserialize, Serialize};
use wire::signal::{DEPTH, FEATURES, InputWindow, SnapshotLevel, WINDOW, input_window};

/// Down, flat and up, as probabilities are ordered.
const DOWN: usize = 0;
const FLAT: usize = 1;
const UP: usize = 2;
const HEADER_BYTES: usize = 64;
const COLUMNS: usize = 42;
const BEST_ASK: usize = 0;
const BEST_BID: usize = 2;

/// How a model's labels are made, as its manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LabelRule {
    /// Samples a label looks ahead.
    pub(super) horizon_samples: u64,
    /// The same in time, nanoseconds.
    pub(super) horizon_ns: u64,
    /// Half spreads that mid must move by to have moved.
    pub(super) spread_halves: u64,
    /// Longest time between two neighbours of a window, nanoseconds.
    pub(super) max_gap_ns: u64,
    /// Time between two samples, nanoseconds.
    pub(super) sample_interval_ns: u64,
}

impl LabelRule {
    /// The rule in a manifest, or the key it lacks.
    pub(super) fn of(manifest: &[u8]) -> Result<Self, &'static str> {
        let value: serde_json::Value = serde_json::from_slice(manifest).unwrap_or_default();
        let number = |key: &'static str| {
            let pointer = format!("/{}", key.replace('.', "/"));
            value.pointer(&pointer).and_then(serde_json::Value::as_u64).ok_or(key)
        };
        let above = |key| number(key).and_then(|n| if n > 0 { Ok(n) } else { Err(key) });
        Ok(Self {
            horizon_samples: above("horizon_samples")?,
            horizon_ns: above("horizon_ns")?,
            spread_halves: number("label.spread_halves")?,
            max_gap_ns: above("max_gap_ns")?,
            sample_interval_ns: above("sample_interval_ns")?,
        })
    }
}

/// One window's truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Engine time of its newest snapshot, nanoseconds.
    pub(super) ts_ns: u64,
    /// Index of what happened: down, flat, up.
    pub(super) label: usize,
    /// Move of mid within the horizon, basis points.
    pub(super) move_bps: f64,
    /// Spread at the newest snapshot, basis points of mid.
    pub(super) spread_bps: f64,
}

/// The samples of one feature file.
#[derive(Debug)]
pub(super) struct Rows {
    ts_ns: Vec<u64>,
    books: Vec<[i64; FEATURES]>,
}

impl Rows {
    /// Reads a feature file of this program; `None` where the bytes are none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, rows) = bytes.split_at_checked(HEADER_BYTES)?;
        let known = crate::features::MAGIC;
        if !head.starts_with(&known) || rows.len() % (COLUMNS * 8) != 0 {
            return None;
        }
        let mut all = Self { ts_ns: Vec::new(), books: Vec::new() };
        for row in rows.chunks_exact(COLUMNS * 8) {
            let mut numbers = row.as_chunks::<8>().0.iter().map(|word| i64::from_le_bytes(*word));
            all.ts_ns.push(u64::try_from(numbers.next()?).ok()?);
            let _flags = numbers.next()?;
            let mut book = [0; FEATURES];
            for (to, from) in book.iter_mut().zip(numbers) {
                *to = from;
            }
            all.books.push(book);
        }
        Some(all)
    }

    /// Rows and the times of the first and the last.
    pub(super) fn span(&self) -> (u64, Option<(u64, u64)>) {
        let ends = self.ts_ns.first().copied().zip(self.ts_ns.last().copied());
        (self.ts_ns.len() as u64, ends)
    }

    /// Every window that lies whole, label included, at or after `cut_ns`, in the order of time.
    pub(super) fn held_out(
        &self,
        rule: &LabelRule,
        cut_ns: u64,
    ) -> (Vec<Sample>, Vec<InputWindow>) {
        let (mut samples, mut inputs) = (Vec::new(), Vec::new());
        let Ok(horizon) = usize::try_from(rule.horizon_samples) else { return (samples, inputs) };
        let whole = WINDOW + horizon;
        let spans = self.ts_ns.windows(whole).zip(self.books.windows(whole));
        for (times, books) in spans {
            let begins = times.first().is_some_and(|first| *first >= cut_ns);
            let near = |pair: &[u64]| match pair {
                [one, next] => next.saturating_sub(*one) <= rule.max_gap_ns,
                _ => true,
            };
            if !begins || !times.windows(2).all(near) {
                continue;
            }
            let (window, _) = books.split_at(WINDOW);
            let (Some(newest), Some(after)) = (window.last(), books.last()) else { continue };
            let Some(ts_ns) = times.get(WINDOW - 1) else { continue };
            let Some(input) = input_of(window) else { continue };
            let Some(sample) = truth(newest, after, *ts_ns, rule.spread_halves) else { continue };
            samples.push(sample);
            inputs.push(input);
        }
        (samples, inputs)
    }
}

/// The integer input of raw snapshots.
fn input_of(window: &[[i64; FEATURES]]) -> Option<InputWindow> {
    let levels: &[SnapshotLevel] = bytemuck::try_cast_slice(window.as_flattened()).ok()?;
    let levels: &[SnapshotLevel; WINDOW * DEPTH] = levels.try_into().ok()?;
    input_window(levels)
}

/// What happened; `None` where a number leaves 64 bits.
#[expect(clippy::cast_precision_loss, reason = "prices in ticks are far below 2^53")]
fn truth(
    newest: &[i64; FEATURES],
    after: &[i64; FEATURES],
    ts_ns: u64,
    spread_halves: u64,
) -> Option<Sample> {
    let mid_x2 = |book: &[i64; FEATURES]| book[BEST_ASK].checked_add(book[BEST_BID]);
    let (now, then) = (mid_x2(newest)?, mid_x2(after)?);
    let spread = newest[BEST_ASK].checked_sub(newest[BEST_BID])?;
    let threshold = spread.checked_mul(i64::try_from(spread_halves).ok()?)?;
    let moved = then.checked_sub(now)?;
    let label = match moved {
        up if up > threshold => UP,
        down if down < threshold.checked_neg()? => DOWN,
        _ => FLAT,
    };
    let (now, then) = (now as f64, then as f64);
    Some(Sample {
        ts_ns,
        label,
        move_bps: (then / now - 1.0) * 1e4,
        spread_bps: 2.0 * spread as f64 / now * 1e4,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: LabelRule = LabelRule {
        horizon_samples: 2,
        horizon_ns: 200,
        spread_halves: 1,
        max_gap_ns: 150,
        sample_interval_ns: 100,
    };

    /// A book of ten levels with this best ask and a spread of 2 ticks.
    fn book(ask: i64) -> [i64; FEATURES] {
        let mut cells = [0; FEATURES];
        for (level, cell) in (0..).zip(cells.chunks_exact_mut(4)) {
            cell.copy_from_slice(&[ask + level, 5, ask - 2 - level, 7]);
        }
        cells
    }

    fn file(rows: &[(i64, i64)]) -> Vec<u8> {
        let mut bytes = crate::features::MAGIC.to_vec();
        bytes.resize(HEADER_BYTES, 0);
        for (ts, ask) in rows {
            let numbers = [*ts, 0].into_iter().chain(book(*ask));
            bytes.extend(numbers.flat_map(i64::to_le_bytes));
        }
        bytes
    }

    #[test]
    fn labels_are_at_below_and_above_the_threshold() {
        for (move_x2, label) in [(2, FLAT), (3, UP), (-2, FLAT), (-3, DOWN), (0, FLAT)] {
            let (now, mut then) = (book(1_000), book(1_000));
            then[BEST_ASK] += move_x2;
            let sample = truth(&now, &then, 7, 1).unwrap();
            assert_eq!((sample.label, sample.ts_ns), (label, 7), "{move_x2}");
            assert!(sample.move_bps.total_cmp(&0.0) == move_x2.cmp(&0));
            assert!((sample.spread_bps - 2.0 / 999.0 * 1e4).abs() < 1e-9);
        }
    }

    #[test]
    fn no_window_reaches_before_the_cut_or_over_a_gap() {
        let times = (0..40).map(|n| (n * 100 + if n >= 25 { 60 } else { 0 }, 1_000 + n));
        let rows = Rows::parse(&file(&times.collect::<Vec<_>>())).unwrap();
        assert_eq!(rows.span(), (40, Some((0, 3_960))));
        let (samples, inputs) = rows.held_out(&RULE, 301);
        let times: Vec<u64> = samples.iter().map(|sample| sample.ts_ns).collect();
        // Oldest at 400 and label before the gap; then the first window after it.
        assert_eq!(times.first(), Some(&1_300));
        let wanted = (13..=22).map(|n| n * 100).chain((34..=37).map(|n| n * 100 + 60));
        assert_eq!(times, wanted.collect::<Vec<u64>>());
        assert_eq!(inputs.len(), samples.len());
        assert!(rows.held_out(&RULE, 300).0.len() == samples.len() + 1);
    }

    #[test]
    fn what_is_no_feature_file_is_none() {
        let good = file(&[(1, 1_000)]);
        assert!(Rows::parse(&good).is_some());
        for bad in [&good[..good.len() - 8], &good[1..], &good[..40], &file(&[(-1, 1_000)])] {
            assert!(Rows::parse(bad).is_none());
        }
    }

    #[test]
    fn a_manifest_says_how_labels_are_made_or_what_it_lacks() {
        let text = r#"{"horizon_samples":2,"horizon_ns":200,"label":{"spread_halves":1},
                       "max_gap_ns":150,"sample_interval_ns":100}"#;
        assert_eq!(LabelRule::of(text.as_bytes()), Ok(RULE));
        let lacks = text.replace("spread_halves", "spread");
        assert_eq!(LabelRule::of(lacks.as_bytes()), Err("label.spread_halves"));
        let zero = text.replace("\"horizon_ns\":200", "\"horizon_ns\":0");
        assert_eq!(LabelRule::of(zero.as_bytes()), Err("horizon_ns"));
    }
}
