//! The arithmetic of BiN-CTABL on one window, every size known at compile time.
//!
//! Each sum has one fixed order and is made of single multiplications and additions, never a fused
//! one, and logarithm and exponential are code of this workspace and of `libm`: the same window
//! gives the same bits in debug and release on every machine. Loops run over fixed-length arrays
//! whose elements do not depend on each other, so that the compiler can do several at a time.
//!
//! The network computes `L (X R)` where the file says `(L X) R`: the same in exact arithmetic, half
//! the multiplications.
//!
//! Must never: allocate, branch on a weight, or turn NaN into a number: it must reach the score,
//! which then abstains.

use crate::backend::Probabilities;
use crate::manifest::CLASSES;
use wire::signal::{FEATURES, InputWindow, WINDOW};

/// Rows of the first layer, and as they are stored: whole blocks, the rest zero.
const FIRST: usize = 60;
const FIRST_STORED: usize = 64;
/// Rows of the second layer.
const SECOND: usize = 120;
/// Steps of time the second layer leaves.
const STEPS: usize = 5;
/// Rows of a left matrix computed together.
const BLOCK: usize = 8;
/// Partial sums of a sum over many numbers.
const PARTS: usize = 8;

/// The constants of the graph that are no weights; [`super::graph`] holds the file to them.
const OFFSET_UNIT: f32 = 20_000.0;
const OFFSET_LIMIT: f32 = 50.0;
const QTY_LIMIT: f32 = 8.0;
const VARIANCE_FLOOR: f32 = 0.01;

/// A left matrix, cut into blocks of rows, each block column by column.
type Left<const COLUMNS: usize> = Vec<[[f32; BLOCK]; COLUMNS]>;

/// The weights in the order the kernel reads them.
#[derive(Debug)]
pub(super) struct Weights {
    time_gain: [f32; FEATURES],
    feature_gain: [f32; WINDOW],
    /// Bias of both normalisations together.
    norm_bias: [[f32; FEATURES]; WINDOW],
    first_left: Left<FEATURES>,
    first_right: [[f32; WINDOW]; WINDOW],
    first_bias: [[f32; FIRST_STORED]; WINDOW],
    second_left: Left<FIRST>,
    second_right: [[f32; STEPS]; WINDOW],
    second_bias: [[f32; SECOND]; STEPS],
    head_left: [[f32; SECOND]; CLASSES],
    attention: [[f32; STEPS]; STEPS],
    blend: f32,
    head_right: [f32; STEPS],
    head_bias: [f32; CLASSES],
}

/// What stands between the layers of one run.
#[derive(Debug)]
pub(super) struct Scratch {
    scaled: [[f32; FEATURES]; WINDOW],
    mixed: [[f32; FEATURES]; WINDOW],
    first: [[f32; FIRST_STORED]; WINDOW],
    narrow: [[f32; FIRST_STORED]; STEPS],
    second: [[f32; SECOND]; STEPS],
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            scaled: [[0.0; FEATURES]; WINDOW],
            mixed: [[0.0; FEATURES]; WINDOW],
            first: [[0.0; FIRST_STORED]; WINDOW],
            narrow: [[0.0; FIRST_STORED]; STEPS],
            second: [[0.0; SECOND]; STEPS],
        }
    }
}

impl Weights {
    /// Orders the weights of [`super::graph::weights`]: seventeen, of the shapes written there.
    pub(super) fn arrange(weights: &[Vec<f32>]) -> Self {
        let w = |n: usize| weights.get(n).map_or(&[][..], Vec::as_slice);
        let one = |n: usize| w(n).first().copied().unwrap_or(0.0);
        let (time_mix, feature_mix) = (one(4), one(5));
        let (time_bias, feature_bias): ([f32; FEATURES], [f32; WINDOW]) = (row(w(1)), row(w(3)));
        let norm_bias = feature_bias.map(|of_time| {
            time_bias.map(|of_feature| time_mix * of_feature + feature_mix * of_time)
        });
        let first_bias: [[f32; WINDOW]; FIRST] = matrix(w(8));
        let second_bias: [[f32; STEPS]; SECOND] = matrix(w(11));
        Self {
            time_gain: row(w(0)).map(|gain| time_mix * gain),
            feature_gain: row(w(2)).map(|gain| feature_mix * gain),
            norm_bias,
            first_left: blocks(w(6)),
            first_right: matrix(w(7)),
            first_bias: transposed(&first_bias),
            second_left: blocks(w(9)),
            second_right: matrix(w(10)),
            second_bias: transposed(&second_bias),
            head_left: matrix(w(12)),
            attention: matrix(w(13)),
            blend: one(14).clamp(0.0, 1.0),
            head_right: row(w(15)),
            head_bias: row(w(16)),
        }
    }

    /// Probabilities of down, flat, up.
    pub(super) fn run(&self, window: &InputWindow, scratch: &mut Scratch) -> Probabilities {
        let Scratch { scaled, mixed, first, narrow, second } = scratch;
        scale(window, scaled);
        self.normalise(scaled, mixed);
        right(mixed, &self.first_right, scaled);
        let halves = halves(scaled).iter().zip(halves(&self.first_bias)).zip(halves_mut(first));
        for ((x, bias), out) in halves {
            left(&self.first_left, x, bias, out);
        }
        right(first, &self.second_right, narrow);
        left(&self.second_left, narrow, &self.second_bias, second);
        self.head(second)
    }

    /// The learned mix of normalisation along time and along features.
    fn normalise(&self, x: &[[f32; FEATURES]; WINDOW], mixed: &mut [[f32; FEATURES]; WINDOW]) {
        let mut mean = [0.0; FEATURES];
        for row in x {
            add(&mut mean, row);
        }
        mean = mean.map(|sum| sum / count(WINDOW));
        let mut gain = [0.0; FEATURES];
        for row in x {
            for ((sum, x), mean) in gain.iter_mut().zip(row).zip(&mean) {
                *sum += (x - mean) * (x - mean);
            }
        }
        for (gain, weight) in gain.iter_mut().zip(&self.time_gain) {
            *gain = weight / (*gain / count(WINDOW) + VARIANCE_FLOOR).sqrt();
        }
        let rows = x.iter().zip(&self.feature_gain).zip(&self.norm_bias).zip(mixed);
        for (((x, weight), bias), out) in rows {
            let along = total(x) / count(FEATURES);
            let variance = total(&x.map(|x| (x - along) * (x - along))) / count(FEATURES);
            let across = weight / (variance + VARIANCE_FLOOR).sqrt();
            let cells = out.iter_mut().zip(x).zip(&mean).zip(&gain).zip(bias);
            for ((((out, x), mean), gain), bias) in cells {
                *out = (x - mean) * gain + ((x - along) * across + bias);
            }
        }
    }

    /// Temporal attention, the last layer and the softmax.
    fn head(&self, x: &[[f32; SECOND]; STEPS]) -> Probabilities {
        let mut logits = self.head_bias;
        for (logit, weights) in logits.iter_mut().zip(&self.head_left) {
            let row: [f32; STEPS] = x.each_ref().map(|x| dot(weights, x));
            let mut attended = [0.0; STEPS];
            for (by, weights) in row.iter().zip(&self.attention) {
                scaled_add(&mut attended, weights, *by);
            }
            let attention = softmax(attended);
            let mut sum = 0.0;
            for ((row, share), weight) in row.iter().zip(&attention).zip(&self.head_right) {
                let mixed = self.blend * (row * share) + (1.0 - self.blend) * row;
                sum += mixed * weight;
            }
            *logit += sum;
        }
        softmax(logits)
    }
}

/// Integers to numbers near one: prices in units of mid, quantities as logarithms.
#[expect(clippy::cast_precision_loss, reason = "the model was trained on the same cast")]
fn scale(window: &InputWindow, scaled: &mut [[f32; FEATURES]; WINDOW]) {
    let (rows, _) = window.as_chunks::<FEATURES>();
    let mut parts = [0.0; FEATURES];
    for (row, out) in rows.iter().zip(scaled.iter_mut()) {
        for (cell, out) in row.iter().zip(out.iter_mut()) {
            *out = *cell as f32;
        }
        for (part, cell) in parts.iter_mut().zip(out) {
            *part += at_least_one(*cell);
        }
    }
    let sum: f32 = parts.iter().skip(1).step_by(2).sum();
    let mean = sum / count(WINDOW * FEATURES / 2);
    for row in scaled {
        // Both ways for every cell: the compiler then does several at a time.
        let prices = row.map(|cell| (cell / OFFSET_UNIT).clamp(-OFFSET_LIMIT, OFFSET_LIMIT));
        let qtys = row.map(|cell| ln(at_least_one(cell) / mean).clamp(-QTY_LIMIT, QTY_LIMIT));
        for (n, (out, (price, qty))) in row.iter_mut().zip(prices.into_iter().zip(qtys)).enumerate()
        {
            *out = if n % 2 == 0 { price } else { qty };
        }
    }
}

fn at_least_one(cell: f32) -> f32 {
    if cell < 1.0 { 1.0 } else { cell }
}

/// `out = relu(left x + bias)` for [`STEPS`] times, all of it transposed: time first.
///
/// Five times eight sums are what the registers of any x86-64 hold. Not inlined: within the whole
/// run the compiler no longer saw that, and the kernel took 11.2 us instead of 4.6.
#[inline(never)]
fn left<const COLUMNS: usize, const STORED: usize, const ROWS: usize>(
    left: &[[[f32; BLOCK]; COLUMNS]],
    x: &[[f32; STORED]; STEPS],
    bias: &[[f32; ROWS]; STEPS],
    out: &mut [[f32; ROWS]; STEPS],
) {
    for (n, block) in left.iter().enumerate() {
        let mut sums = [[0.0; BLOCK]; STEPS];
        for (k, column) in block.iter().enumerate() {
            for (sums, x) in sums.iter_mut().zip(x) {
                scaled_add(sums, column, x[k]);
            }
        }
        let rows = n * BLOCK..(n + 1) * BLOCK;
        for ((out, bias), sums) in out.iter_mut().zip(bias).zip(&sums) {
            let cells = out[rows.clone()].iter_mut().zip(&bias[rows.clone()]).zip(sums);
            for ((out, bias), sum) in cells {
                *out = relu(sum + bias);
            }
        }
    }
}

/// `out = x right`, time first.
#[inline(never)]
fn right<const FROM: usize, const TO: usize, const STORED: usize>(
    x: &[[f32; STORED]; FROM],
    right: &[[f32; TO]; FROM],
    out: &mut [[f32; STORED]; TO],
) {
    for (to, out) in out.iter_mut().enumerate() {
        for (n, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let mut sums = [0.0; BLOCK];
            for (x, weights) in x.iter().zip(right) {
                scaled_add(&mut sums, &x.as_chunks::<BLOCK>().0[n], weights[to]);
            }
            *out = sums;
        }
    }
}

fn halves<const N: usize>(x: &[[f32; N]; WINDOW]) -> &[[[f32; N]; STEPS]] {
    x.as_chunks().0
}

fn halves_mut<const N: usize>(x: &mut [[f32; N]; WINDOW]) -> &mut [[[f32; N]; STEPS]] {
    x.as_chunks_mut().0
}

/// Keeps NaN.
#[inline]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline]
fn add<const N: usize>(sums: &mut [f32; N], x: &[f32; N]) {
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += x;
    }
}

#[inline]
fn scaled_add<const N: usize>(sums: &mut [f32; N], x: &[f32; N], by: f32) {
    for (sum, x) in sums.iter_mut().zip(x) {
        *sum += x * by;
    }
}

/// The sum of many numbers in eight partial sums, which are then added in order.
#[inline]
fn total<const N: usize>(x: &[f32; N]) -> f32 {
    let mut parts = [0.0; PARTS];
    let (chunks, rest) = x.as_chunks::<PARTS>();
    for chunk in chunks {
        add(&mut parts, chunk);
    }
    parts.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

#[inline]
fn dot(a: &[f32; SECOND], b: &[f32; SECOND]) -> f32 {
    let mut parts = [0.0; PARTS];
    for (a, b) in a.as_chunks::<PARTS>().0.iter().zip(b.as_chunks::<PARTS>().0) {
        for ((part, a), b) in parts.iter_mut().zip(a).zip(b) {
            *part += a * b;
        }
    }
    parts.iter().sum()
}

const _: () = assert!(SECOND.is_multiple_of(PARTS) && SECOND.is_multiple_of(BLOCK));
const _: () = assert!(FIRST_STORED.is_multiple_of(BLOCK) && FIRST_STORED >= FIRST);
const _: () = assert!(WINDOW.is_multiple_of(STEPS));

fn softmax<const N: usize>(logits: [f32; N]) -> [f32; N] {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits.map(|logit| libm::expf(logit - highest));
    let sum: f32 = powers.iter().sum();
    powers.map(|power| power / sum)
}

/// Natural logarithm of a normal number above zero, within two units of the last place.
///
/// x = m 2^e with m from sqrt(1/2) to sqrt(2); ln m = 2 artanh s with s = (m - 1) / (m + 1), by its
/// series to s^9 (|s| <= 0.172: the next term is below 1e-9 of the first).
#[inline]
#[expect(clippy::cast_precision_loss, reason = "an exponent has eight bits")]
fn ln(x: f32) -> f32 {
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    /// ln 2 in two parts, the first of so few bits that its product with an exponent is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let from_sqrt_half = x.to_bits().wrapping_sub(SQRT_HALF_BITS).cast_signed();
    let exponent = from_sqrt_half >> 23;
    let mantissa = f32::from_bits(x.to_bits().wrapping_sub((exponent << 23).cast_unsigned()));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let series = q * (2.0 / 3.0 + q * (2.0 / 5.0 + q * (2.0 / 7.0 + q * (2.0 / 9.0))));
    let exponent = exponent as f32;
    exponent * LN_2_HIGH + (2.0 * s + (s * series + exponent * LN_2_LOW))
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
const fn count(n: usize) -> f32 {
    n as f32
}

fn row<const N: usize>(numbers: &[f32]) -> [f32; N] {
    std::array::from_fn(|n| numbers.get(n).copied().unwrap_or(0.0))
}

fn matrix<const COLUMNS: usize, const ROWS: usize>(numbers: &[f32]) -> [[f32; COLUMNS]; ROWS] {
    std::array::from_fn(|n| row(numbers.get(n * COLUMNS..).unwrap_or(&[])))
}

/// Rows become columns; a row that is longer there ends in zeros.
fn transposed<const COLUMNS: usize, const ROWS: usize, const STORED: usize>(
    of: &[[f32; COLUMNS]; ROWS],
) -> [[f32; STORED]; COLUMNS] {
    std::array::from_fn(|column| {
        std::array::from_fn(|row| of.get(row).map_or(0.0, |row| row[column]))
    })
}

fn blocks<const COLUMNS: usize>(numbers: &[f32]) -> Left<COLUMNS> {
    let rows: Vec<&[f32]> = numbers.chunks_exact(COLUMNS).collect();
    let of = |block: &[&[f32]]| {
        std::array::from_fn(|column| {
            std::array::from_fn(|row| block.get(row).map_or(0.0, |row| row[column]))
        })
    };
    rows.chunks(BLOCK).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_that_of_f64_within_two_units() {
        let mut worst = 0.0_f64;
        // Every 97th float from the smallest normal number to the largest.
        for bits in (0x0080_0000..0x7f80_0000_u32).step_by(97) {
            let x = f32::from_bits(bits);
            let exact = libm::log(f64::from(x));
            let unit = (exact.abs() * f64::from(f32::EPSILON)).max(f64::from(f32::MIN_POSITIVE));
            worst = worst.max((f64::from(ln(x)) - exact).abs() / unit);
        }
        assert!(worst <= 2.0, "{worst} units of the last place");
        assert!(ln(1.0).abs() <= 0.0);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        assert!(relu(f32::NAN).is_nan());
        assert!(softmax([f32::NAN, 1.0, 2.0]).iter().all(|p| p.is_nan()));
        assert!(softmax([f32::INFINITY, 1.0, 2.0]).iter().any(|p| p.is_nan()));
    }
}
