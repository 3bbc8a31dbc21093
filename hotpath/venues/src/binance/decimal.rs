//! Decimal text to whole increments, eight digits at a time, without a float or a division.
//!
//! Only the plain shape `digits[.digits]` with at most eight digits a part is taken here; anything
//! else is left to [`wire::decimal`], which decides what is wrong with it. Must never: accept what
//! `wire::decimal::parse_increments` refuses, or give another number. Runs on the edge; does not
//! allocate.
#![expect(clippy::inline_always, reason = "measured: calls cost a fifth of a depth message")]

use wire::decimal::Increments;

pub(super) const ZEROS: u64 = 0x3030_3030_3030_3030;
const POW10: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// How to read a decimal that must be a whole number of one increment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// The increment, billionths.
    pub(super) increment_e9: i64,
    /// Decimals of the increment as bits of text; 9 decimals are left to the slow path.
    bits: u32,
    /// The bytes of a fraction that lie beyond those decimals.
    beyond: u64,
    /// 10 to the power of the decimals; 0 where they are 9.
    per_unit: u64,
    /// The increment in units of its last decimal: 1 for 0.01, 25 for 0.25.
    step: u64,
}

impl Scale {
    /// The scale of an increment; `None` unless it is positive.
    pub(super) fn new(increment_e9: i64) -> Option<Self> {
        if increment_e9 <= 0 {
            return None;
        }
        let decimals = Increments::decimals(increment_e9);
        let bits = 8 * u32::try_from(decimals).ok()?;
        let unit_e9 = 10_u64.checked_pow(9_u32.checked_sub(bits / 8)?)?;
        Some(Self {
            increment_e9,
            bits,
            beyond: !low_mask(bits),
            per_unit: POW10.get(decimals).copied().unwrap_or(0),
            step: increment_e9.cast_unsigned() / unit_e9,
        })
    }

    /// Whether units of the last decimal are increments.
    pub(super) fn is_plain(&self) -> bool {
        self.step == 1
    }

    /// Decimals of the increment, 0 to 9.
    pub(super) fn decimals(&self) -> usize {
        (self.bits / 8) as usize
    }
}

/// The low `bits` bits.
#[inline]
pub(super) fn low_mask(bits: u32) -> u64 {
    1_u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1)
}

/// The first eight bytes, zero where the text ends before.
#[inline(always)]
pub(super) fn load(text: &[u8]) -> u64 {
    match text.first_chunk::<8>() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => load_tail(text),
    }
}

#[cold]
fn load_tail(text: &[u8]) -> u64 {
    text.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// The high bit of each byte (already XOR `0`) that is no digit. Bytes after the first of them may
/// be wrong: a carry out of a byte reaches later ones.
#[inline(always)]
pub(super) fn non_digits(word: u64) -> u64 {
    // A digit is 0..=9 here: adding 0x76 sets its high bit only from 10 on.
    (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080
}

/// How many of the eight bytes are digits from the front, as bits: 0, 8, 16 to 64.
#[inline(always)]
pub(super) fn digit_bits(word: u64) -> u32 {
    non_digits(word).trailing_zeros() & 0x78
}

/// The number in the first `bits` bits, 8 to 64; bytes behind are ignored.
#[inline]
fn leading_number(word: u64, bits: u32) -> u64 {
    // Shifts count modulo 64: 64 minus `bits`.
    number(word.wrapping_shl(bits.wrapping_neg()))
}

/// Eight digit values, the first character in the lowest byte, as one number.
#[inline(always)]
pub(super) fn number(word: u64) -> u64 {
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// How many digits stood before and after the dot of the decimal read last in this place, as bits.
///
/// A venue keeps the shape from one level to the next. Expecting it turns the position of the next
/// field from a chain of data dependencies into predicted branches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    whole_bits: u32,
    /// 0: no dot.
    fraction_bits: u32,
    fraction_mask: u64,
}

impl Shape {
    fn new(whole_bits: u32, fraction_bits: u32) -> Self {
        Self { whole_bits, fraction_bits, fraction_mask: low_mask(fraction_bits) }
    }

    /// Digits before the dot.
    pub(super) fn whole(self) -> usize {
        (self.whole_bits / 8) as usize
    }

    /// Digits behind the dot; 0: no dot.
    pub(super) fn fraction(self) -> usize {
        (self.fraction_bits / 8) as usize
    }
}

/// Reads `digits[.digits]` at the front as a whole number of increments: the number and the bytes
/// it took. `None` leaves the text to the slow path.
pub(super) fn increments(text: &[u8], scale: &Scale, shape: &mut Shape) -> Option<(i64, usize)> {
    let word = load(text) ^ ZEROS;
    let whole_bits = digit_bits(word);
    if whole_bits == 0 || scale.per_unit == 0 {
        return None;
    }
    let whole = leading_number(word, whole_bits);
    let mut taken = (whole_bits / 8) as usize;
    let mut fraction = 0;
    let mut fraction_bits = 0;
    if text.get(taken) == Some(&b'.') {
        let word = load(text.get(taken + 1..)?) ^ ZEROS;
        fraction_bits = digit_bits(word);
        fraction = scaled_fraction(word & low_mask(fraction_bits), scale)?;
        taken += 1 + (fraction_bits / 8) as usize;
    }
    *shape = Shape::new(whole_bits, fraction_bits);
    Some((whole_increments(whole, fraction, scale)?, taken))
}

/// As [`increments`] where the text has the expected shape and ends with a quote, else `None`.
/// `WHOLE`: the digits before the dot are expected as well, not counted.
#[inline(always)]
pub(super) fn increments_as<const WHOLE: bool>(
    text: &[u8],
    scale: &Scale,
    shape: Shape,
) -> Option<(i64, usize)> {
    let window = text.first_chunk::<32>()?;
    let word = load(window) ^ ZEROS;
    let whole_bits = if WHOLE { shape.whole_bits } else { digit_bits(word) };
    // Digits before the dot and the increment's decimals must fit one word.
    if whole_bits == 0 || whole_bits + scale.bits > 64 {
        return None;
    }
    // Shifts count modulo 64. The whole digits go behind the place of the decimals.
    let whole = word.wrapping_shl(whole_bits.wrapping_neg()) >> scale.bits;
    // At most 8 digits a part: the masks change nothing but spare the bounds checks.
    let mut taken = ((whole_bits / 8) & 15) as usize;
    let mut fraction = 0;
    if shape.fraction_bits > 0 {
        let decimals = (load(&window[taken + 1..]) ^ ZEROS) & shape.fraction_mask;
        if window[taken] != b'.' || decimals & scale.beyond != 0 {
            return None;
        }
        // Without decimals nothing is left here, and shifting by 64 is shifting by 0.
        fraction = decimals.wrapping_shl(scale.bits.wrapping_neg());
        taken += 1 + ((shape.fraction_bits / 8) & 15) as usize;
    }
    let digits = whole | fraction;
    if non_digits(digits) != 0 || window[taken] != b'"' {
        return None;
    }
    Some((on_step(number(digits), scale)?, taken))
}

/// Digit values as units of the scale's last decimal; `None` where one beyond it is not zero.
#[inline]
fn scaled_fraction(digits: u64, scale: &Scale) -> Option<u64> {
    // Without decimals nothing may be left, and shifting by 64 is shifting by 0.
    (digits & scale.beyond == 0).then(|| leading_number(digits, scale.bits))
}

#[inline]
fn whole_increments(whole: u64, fraction: u64, scale: &Scale) -> Option<i64> {
    // At most 8 digits each: no overflow.
    on_step(whole.wrapping_mul(scale.per_unit).wrapping_add(fraction), scale)
}

#[inline(always)]
pub(super) fn on_step(units: u64, scale: &Scale) -> Option<i64> {
    if scale.step == 1 {
        return Some(units.cast_signed());
    }
    units.is_multiple_of(scale.step).then(|| (units / scale.step).cast_signed())
}

/// Reads a JSON unsigned integer of at most fifteen digits at the front.
#[inline]
pub(super) fn integer(text: &[u8]) -> Option<(u64, usize)> {
    let word = load(text) ^ ZEROS;
    let first = digit_bits(word);
    if first == 0 || (first > 8 && word.trailing_zeros() >= 8) {
        return None;
    }
    let value = leading_number(word, first);
    if first < 64 {
        return Some((value, (first / 8) as usize));
    }
    let word = load(text.get(8..)?) ^ ZEROS;
    let more = digit_bits(word);
    match more {
        0 => Some((value, 8)),
        64 => None,
        _ => {
            let digits = (more / 8) as usize;
            let power = POW10.get(digits).copied()?;
            // At most 15 digits: no overflow.
            let value = value.wrapping_mul(power).wrapping_add(leading_number(word, more));
            Some((value, 8 + digits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wire::decimal::parse_increments;

    const SIZES: [i64; 9] =
        [10_000_000, 10_000, 1_000_000_000, 100_000_000, 250_000_000, 5_000_000_000, 10, 1, 50_000];

    const BYTES: &[u8] = b"0123456789.-e\"\xff\x00";

    /// What is taken must be what the exact parser gives for the same bytes.
    fn agrees(text: &[u8], increment_e9: i64) {
        let scale = Scale::new(increment_e9).unwrap();
        let mut shape = Shape::default();
        let got = increments(text, &scale, &mut shape);
        if let Some((value, taken)) = got {
            assert_eq!(parse_increments(&text[..taken], increment_e9), Ok(value), "{text:?}");
        }
        // Expecting a shape gives the same or nothing; the right shape gives the same.
        let mut long = text.to_vec();
        long.extend_from_slice(b"],[\"61838.04000000\",\"0.32332000\"]");
        let quoted = got.filter(|(_, taken)| long.get(*taken) == Some(&b'"'));
        for bits in (0..9).flat_map(|w| (0..9).map(move |f| (8 * w, 8 * f))) {
            let expected = Shape::new(bits.0, bits.1);
            for as_expected in [
                increments_as::<true>(&long, &scale, expected),
                increments_as::<false>(&long, &scale, expected),
            ] {
                assert!(as_expected.is_none() || as_expected == quoted, "{text:?} {bits:?}");
            }
        }
        let fits = shape.whole_bits + scale.bits <= 64;
        if quoted.is_some_and(|(_, taken)| fits && text.get(taken - 1) != Some(&b'.')) {
            assert_eq!(increments_as::<true>(&long, &scale, shape), quoted, "{text:?}");
            assert_eq!(increments_as::<false>(&long, &scale, shape), quoted, "{text:?}");
        }
    }

    #[test]
    fn takes_the_shapes_the_venue_sends() {
        let read = |text: &str, size| {
            increments(text.as_bytes(), &Scale::new(size).unwrap(), &mut Shape::default())
        };
        assert_eq!(read("61737.63000000\",\"", 10_000_000), Some((6_173_763, 14)));
        assert_eq!(read("0.00000000\"]", 10_000), Some((0, 10)));
        assert_eq!(read("1.54698000\"]]}}", 10_000), Some((154_698, 10)));
        assert_eq!(read("412\"]", 1_000_000_000), Some((412, 3)));
        assert_eq!(read("2681.62\"", 10_000_000), Some((268_162, 7)));
        assert_eq!(read("16.5\"", 250_000_000), Some((66, 4)));
        assert_eq!(read("12345678.12345678\"", 10), Some((1_234_567_812_345_678, 17)));
        assert_eq!(read("61737.63500000\"", 10_000_000), None, "off the tick");
        assert_eq!(read("16.6\"", 250_000_000), None, "off the tick");
        assert_eq!(read("-1\"", 10), None);
        assert_eq!(read("\"", 10), None);
        assert_eq!(read("5.5", 1_000_000_000), None);
        assert_eq!(Scale::new(0).map(|s| s.step), None);
    }

    #[test]
    fn takes_json_integers_only() {
        assert_eq!(integer(b"0,"), Some((0, 1)));
        assert_eq!(integer(b"50093239189,"), Some((50_093_239_189, 11)));
        assert_eq!(integer(b"12345678}"), Some((12_345_678, 8)));
        assert_eq!(integer(b"123456789012345,"), Some((123_456_789_012_345, 15)));
        assert_eq!(integer(b"1234567890123456,"), None, "left to the slow path");
        for bad in [&b"01,"[..], b"-1", b"", b"x", b"00"] {
            assert_eq!(integer(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn never_differs_from_the_exact_parser(
            whole in 0_u64..1_000_000_000,
            fraction in "[0-9]{0,10}",
            zeros in 0_usize..8,
            size in prop::sample::select(&SIZES[..]),
        ) {
            let padding = "0".repeat(zeros);
            agrees(format!("{whole}.{fraction}{padding}\",\"").as_bytes(), size);
            agrees(format!("{whole}\"]").as_bytes(), size);
            let exact = Increments { count: whole.cast_signed(), increment_e9: size }.to_string();
            agrees(exact.as_bytes(), size);
        }

        #[test]
        fn never_differs_on_any_bytes(
            text in prop::collection::vec(prop::sample::select(BYTES), 0..24),
            size in prop::sample::select(&SIZES[..]),
        ) {
            agrees(&text, size);
        }
    }
}
