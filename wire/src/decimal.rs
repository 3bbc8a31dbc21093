//! Exact conversion between a venue's decimal text and integers: no float on the way, and text
//! that does not fall on the increment is an error, never rounded.
//!
//! Must never: allocate on the parse side. Runs on the edge.

#![deny(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::indexing_slicing
)]

use core::fmt;

/// Billionths per unit: prices and sizes of an instrument's increments are stated in `e9`.
pub const E9: i64 = 1_000_000_000;
/// Decimals of a billionth.
const DECIMALS: usize = 9;
/// Powers of ten up to one billion.
const POW10: [i64; DECIMALS + 1] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, E9];

/// Why a decimal text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// Empty, a sign without digits, a second dot, or a byte that is no digit.
    Malformed,
    /// More digits than an `i64` of billionths holds, or more than nine non-zero decimals.
    OutOfRange,
    /// The value is not a whole multiple of the increment.
    NotOnIncrement,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a decimal number",
            Self::OutOfRange => "out of range for billionths in 64 bits",
            Self::NotOnIncrement => "not a whole multiple of the increment",
        })
    }
}

impl core::error::Error for DecimalError {}

/// Parses plain decimal text (`-12.5`, no exponent) into billionths.
///
/// # Errors
/// [`DecimalError::Malformed`] or [`DecimalError::OutOfRange`].
pub fn parse_e9(text: &[u8]) -> Result<i64, DecimalError> {
    let (negative, digits) = match text.first() {
        Some(b'-') => (true, text.get(1..).unwrap_or(&[])),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    let mut decimals: usize = 0;
    let mut seen_dot = false;
    let mut seen_digit = false;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            seen_digit = true;
            if seen_dot {
                if decimals == DECIMALS {
                    if digit == 0 {
                        continue;
                    }
                    return Err(DecimalError::OutOfRange);
                }
                decimals = decimals.saturating_add(1);
            }
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(i64::from(digit)))
                .ok_or(DecimalError::OutOfRange)?;
        } else if byte == b'.' && !seen_dot {
            seen_dot = true;
        } else {
            return Err(DecimalError::Malformed);
        }
    }
    if !seen_digit {
        return Err(DecimalError::Malformed);
    }
    let scale = POW10.get(DECIMALS.saturating_sub(decimals)).ok_or(DecimalError::OutOfRange)?;
    let value = value.checked_mul(*scale).ok_or(DecimalError::OutOfRange)?;
    Ok(if negative { value.wrapping_neg() } else { value })
}

/// Parses decimal text into a whole number of increments of `increment_e9` billionths.
///
/// # Errors
/// As [`parse_e9`], and [`DecimalError::NotOnIncrement`].
pub fn parse_increments(text: &[u8], increment_e9: i64) -> Result<i64, DecimalError> {
    let value = parse_e9(text)?;
    if increment_e9 <= 0 || value.checked_rem(increment_e9) != Some(0) {
        return Err(DecimalError::NotOnIncrement);
    }
    value.checked_div(increment_e9).ok_or(DecimalError::NotOnIncrement)
}

/// A count of increments as exact decimal text with no trailing zeros beyond the increment's own
/// decimals.
#[derive(Clone, Copy, Debug)]
pub struct Increments {
    /// How many increments.
    pub count: i64,
    /// Size of one, billionths.
    pub increment_e9: i64,
}

impl Increments {
    /// Decimals needed to write any multiple of the increment exactly (0 to 9).
    #[must_use]
    pub fn decimals(increment_e9: i64) -> usize {
        let is_multiple = |scale: &i64| increment_e9.checked_rem(*scale) == Some(0);
        let trailing_zeros = POW10.iter().skip(1).take_while(|scale| is_multiple(scale)).count();
        DECIMALS.saturating_sub(trailing_zeros)
    }
}

impl fmt::Display for Increments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = Self::decimals(self.increment_e9);
        // The product of two 64-bit numbers fits 128 bits.
        let value = i128::from(self.count).saturating_mul(self.increment_e9.into());
        let sign = if value < 0 { "-" } else { "" };
        let value = value.unsigned_abs();
        let unit = u128::from(E9.unsigned_abs());
        let whole = value.checked_div(unit).unwrap_or(0);
        if decimals == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = value.checked_rem(unit).unwrap_or(0);
        let unused = POW10.get(DECIMALS.saturating_sub(decimals)).map_or(1, |p| p.unsigned_abs());
        let fraction = fraction.checked_div(unused.into()).unwrap_or(0);
        write!(f, "{sign}{whole}.{fraction:0decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_exactly_or_refuses() {
        assert_eq!(parse_e9(b"61737.63000000"), Ok(61_737_630_000_000));
        assert_eq!(parse_e9(b"-0.000000001"), Ok(-1));
        assert_eq!(parse_e9(b"0.0000000010000"), Ok(1));
        assert_eq!(parse_e9(b"0.0000000001"), Err(DecimalError::OutOfRange));
        assert_eq!(parse_e9(b"9223372036.854775807"), Ok(i64::MAX));
        assert_eq!(parse_e9(b"9223372036.854775808"), Err(DecimalError::OutOfRange));
        for bad in [&b""[..], b"-", b".", b"1.2.3", b"1e5", b" 1", b"+1", b"NaN"] {
            assert_eq!(parse_e9(bad), Err(DecimalError::Malformed), "{bad:?}");
        }
        assert_eq!(parse_increments(b"61737.63", 10_000_000), Ok(6_173_763));
        assert_eq!(parse_increments(b"61737.635", 10_000_000), Err(DecimalError::NotOnIncrement));
        assert_eq!(parse_increments(b"1", 0), Err(DecimalError::NotOnIncrement));
    }

    #[test]
    fn prints_what_it_parsed() {
        let text = |count, increment_e9| Increments { count, increment_e9 }.to_string();
        assert_eq!(text(6_173_763, 10_000_000), "61737.63");
        assert_eq!(text(-5, 10_000_000), "-0.05");
        assert_eq!(text(154_698, 10_000), "1.54698");
        assert_eq!(text(12, 250_000_000), "3.00");
        assert_eq!(text(7, 5_000_000_000), "35");
        for count in [0, 1, 99, 100, -1, -12_345, i64::MAX / 10_000_000] {
            let printed = text(count, 10_000_000);
            assert_eq!(parse_increments(printed.as_bytes(), 10_000_000), Ok(count), "{printed}");
        }
    }
}
