//! Draws of a quantile: what else it might have been.
//!
//! Over time (Kuensch, 1989, with blocks that do not overlap): the log's rows of one stage, in
//! order, make up to [`BLOCKS_MAX`] stretches; each draw takes as many of them with replacement.
//! Over samples: the rank a resample's quantile has in the sample is the k-th of n uniform numbers,
//! that is Beta(k, n - k + 1), made of two gammas (Marsaglia and Tsang, 2000); so a draw costs the
//! same for ten samples and for a billion.

use super::ratio;
use crate::latency::counts::Ranked;
use crate::latency::input::Input;
use crate::latency::series::{Counted, Series};
use crate::random::Random;
use std::collections::BTreeSet;

/// Draws of each side.
pub(super) const DRAWS: usize = 2_000;
/// Stretches of time a side needs for a bootstrap over time.
const BLOCKS_MIN: usize = 20;
/// Stretches at most: more of them are put together.
const BLOCKS_MAX: usize = 100;

/// One side: its samples, and the stretches of time they came in.
#[derive(Debug)]
pub(super) struct Side {
    ranked: Ranked,
    /// Samples, the unseen among them.
    total: u64,
    /// High edges of the cells hit in any stretch, rising.
    edges: Vec<u64>,
    /// Counts by edge, one list a stretch; empty for a bootstrap over samples.
    blocks: Vec<Vec<u64>>,
}

impl Side {
    /// A series of an input; `None` without counts.
    pub(super) fn of(input: &Input, series: &Series) -> Option<Self> {
        let counted: &Counted = series.as_counted()?;
        let (ranked, total) = (counted.counts.ranked(), counted.total());
        let rows: Vec<_> = input
            .log
            .iter()
            .flat_map(|log| &log.rows)
            .filter(|row| row.tag.as_deref().unwrap_or("untagged") == series.name)
            .filter(|row| row.counts.total() > 0)
            .map(|row| row.counts.ranked())
            .collect();
        let mut side = Self { ranked, total, edges: Vec::new(), blocks: Vec::new() };
        if rows.len() >= BLOCKS_MIN {
            let edges: BTreeSet<u64> =
                rows.iter().flat_map(Ranked::edges).map(|(_, edge)| *edge).collect();
            side.edges = edges.into_iter().collect();
            for part in rows.chunks(rows.len().div_ceil(BLOCKS_MAX)) {
                let mut counts = vec![0_u64; side.edges.len()];
                for row in part {
                    let mut before = 0;
                    for (sum, edge) in row.edges() {
                        let at = side.edges.binary_search(edge).unwrap_or(0);
                        if let Some(slot) = counts.get_mut(at) {
                            *slot += sum - before;
                        }
                        before = *sum;
                    }
                }
                side.blocks.push(counts);
            }
        }
        Some(side)
    }

    /// What is drawn.
    pub(super) fn ground(&self) -> String {
        match self.blocks.len() {
            0 => format!("{} samples as independent", self.total),
            n => format!("{n} stretches of time"),
        }
    }

    /// One draw of every quantile wanted.
    fn draw(&self, random: &mut Random, wanted: &[u64], out: &mut Vec<u64>) {
        out.clear();
        if self.blocks.is_empty() {
            out.extend(wanted.iter().map(|one_in| self.draw_rank(random, *one_in)));
            return;
        }
        let mut sum = vec![0_u64; self.edges.len()];
        for _ in 0..self.blocks.len() {
            let block = self.blocks.get(random.below(self.blocks.len()));
            for (slot, more) in sum.iter_mut().zip(block.into_iter().flatten()) {
                *slot = slot.saturating_add(*more);
            }
        }
        let total = sum.iter().fold(0_u64, |total, n| total.saturating_add(*n));
        let mut up_to = 0;
        for slot in &mut sum {
            up_to += *slot;
            *slot = up_to;
        }
        out.extend(wanted.iter().map(|one_in| {
            let rank = (total - total / one_in).max(1);
            let at = sum.partition_point(|up_to| *up_to < rank);
            self.edges.get(at).copied().unwrap_or(0)
        }));
    }

    fn draw_rank(&self, random: &mut Random, one_in: u64) -> u64 {
        let beyond = self.total / one_in;
        let k = (self.total - beyond).max(1);
        let (below, above) = (gamma(random, k), gamma(random, beyond + 1));
        self.ranked.value(rank(below / (below + above), self.total))
    }
}

/// The draws of two sides, by quantile.
#[derive(Debug)]
pub(super) struct Draws<'a> {
    sides: [&'a Side; 2],
    seed: u64,
    /// Relative changes, sorted, one list a quantile; made at the first question.
    changes: Vec<(u64, Vec<f64>)>,
}

impl<'a> Draws<'a> {
    pub(super) fn new(a: &'a Side, b: &'a Side, seed: u64) -> Self {
        Self { sides: [a, b], seed, changes: Vec::new() }
    }

    /// The interval of the relative change of a quantile.
    pub(super) fn interval(&mut self, one_in: u64) -> (f64, f64) {
        if self.changes.is_empty() {
            self.make();
        }
        let list = self.changes.iter().find(|(known, _)| *known == one_in).map(|(_, list)| list);
        let tail = DRAWS * (100 - super::CONFIDENCE) / 200;
        let at = |place: usize| list.and_then(|list| list.get(place)).copied().unwrap_or(f64::NAN);
        (at(tail), at(DRAWS - 1 - tail))
    }

    fn make(&mut self) {
        let wanted = crate::latency::counts::QUANTILES.map(|(_, one_in)| one_in);
        let mut changes = wanted.map(|one_in| (one_in, Vec::with_capacity(DRAWS)));
        let mut random = Random(self.seed);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..DRAWS {
            self.sides[0].draw(&mut random, &wanted, &mut a);
            self.sides[1].draw(&mut random, &wanted, &mut b);
            for ((_, list), (a, b)) in changes.iter_mut().zip(a.iter().zip(&b)) {
                list.push(ratio(*a, *b));
            }
        }
        for (_, list) in &mut changes {
            list.sort_by(f64::total_cmp);
        }
        self.changes = changes.into();
    }
}

/// A gamma variate of a whole shape, scale 1 (Marsaglia and Tsang, 2000).
fn gamma(random: &mut Random, shape: u64) -> f64 {
    let d = to_f64(shape) - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    loop {
        let x = normal(random);
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        if libm::log(uniform(random)) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

/// A normal variate (Box and Muller, 1958).
fn normal(random: &mut Random) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(uniform(random)));
    radius * libm::cos(std::f64::consts::TAU * uniform(random))
}

/// Above 0, at most 1.
fn uniform(random: &mut Random) -> f64 {
    (to_f64(random.next() >> 11) + 1.0) / 9_007_199_254_740_992.0
}

#[expect(clippy::cast_precision_loss, reason = "a chance, not an amount")]
fn to_f64(value: u64) -> f64 {
    value as f64
}

/// The rank, from 1, at a share of all.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 1 and total, and so clamped"
)]
fn rank(share: f64, total: u64) -> u64 {
    (libm::ceil(share * to_f64(total)) as u64).clamp(1, total.max(1))
}
