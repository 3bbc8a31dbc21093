//! What is wrong with a file of measurements, so that its owner can put a finger on the line.
//!
//! Owns the one error of every reader below `latency/`. Must never: stand for a file that could
//! not be opened; that is a `Failure` of its own. Ordinary threads; allocates.

use station::operator::Failure;
use std::borrow::Cow;
use std::path::Path;
use wire::exit::Exit;

/// A damaged or foreign file: where, what, and what would have been right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}: found {found:?}; allowed: {allowed}")]
pub struct Fault {
    /// Line, from 1; the line after the last where something is missing at the end.
    pub line: usize,
    /// What is wrong.
    pub what: Cow<'static, str>,
    /// What stands there, shortened.
    pub found: String,
    /// What may stand there.
    pub allowed: Cow<'static, str>,
}

/// Characters of the file that a fault shows.
const SHOWN: usize = 60;

impl Fault {
    /// A fault of one line.
    pub fn new(
        line: usize,
        what: impl Into<Cow<'static, str>>,
        found: &str,
        allowed: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut shown: String = found.chars().take(SHOWN).collect();
        if shown.len() < found.len() {
            shown.push_str("...");
        }
        Self { line, what: what.into(), found: shown, allowed: allowed.into() }
    }

    /// The fault as the operator reads it, with its file.
    #[must_use]
    pub fn of(&self, path: &Path) -> Failure {
        let Self { line, what, found, allowed } = self;
        Failure::new(
            Exit::Resource,
            what.clone().into_owned(),
            format!("file={} line={line} found={found:?} allowed={allowed:?}", path.display()),
            "take the file again from where it was made",
        )
    }
}

/// The bytes as text.
///
/// # Errors
/// The line with the first byte that is no UTF-8.
pub fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        Fault::new(line, "not text", "a byte that is no UTF-8", "UTF-8")
    })
}

/// A whole number without sign, digits only, not above `i64::MAX`: what C tools print as `%d`.
///
/// # Errors
/// A fault that names `what`.
pub fn number(line: usize, what: &'static str, found: &str) -> Result<u64, Fault> {
    let wrong = || Fault::new(line, what, found, "a whole number, digits only");
    if found.is_empty() || !found.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let value: u64 = found.parse().map_err(|_| wrong())?;
    if i64::try_from(value).is_err() { Err(wrong()) } else { Ok(value) }
}

/// A decimal of this file in units of a millionth of the number it shows, exactly.
///
/// # Errors
/// A fault that names `what`; more than six decimals are one.
pub fn micro(line: usize, what: &'static str, found: &str) -> Result<u64, Fault> {
    let wrong = || Fault::new(line, what, found, "a decimal with at most six places");
    let (whole, part) = found.split_once('.').unwrap_or((found, ""));
    let is_empty_part = found.ends_with('.');
    if part.len() > 6 || is_empty_part || part.bytes().any(|byte| !byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole = number(line, what, whole).map_err(|_| wrong())?;
    let padded = format!("{part:0<6}");
    let part: u64 = padded.parse().map_err(|_| wrong())?;
    whole.checked_mul(1_000_000).and_then(|w| w.checked_add(part)).ok_or_else(wrong)
}

/// The lines of a text with their numbers, which must end with a line end.
///
/// # Errors
/// An empty text, or a last line that was cut.
pub fn lines(text: &str) -> Result<impl Iterator<Item = (usize, &str)>, Fault> {
    if text.is_empty() {
        return Err(Fault::new(1, "the file is empty", "", "at least one line"));
    }
    if !text.ends_with('\n') {
        let count = text.lines().count();
        let last = text.lines().last().unwrap_or_default();
        return Err(Fault::new(count, "the file is cut in its last line", last, "a line end"));
    }
    Ok(text.lines().enumerate().map(|(index, line)| (index + 1, line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(number(1, "n", "0042"), Ok(42));
        for bad in ["", "+1", "-1", "1e3", "1 ", "9223372036854775808", "99999999999999999999"] {
            let fault = number(7, "iter", bad).expect_err(bad);
            assert_eq!((fault.line, fault.what.as_ref()), (7, "iter"), "{bad}");
        }
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(micro(1, "n", "99.9"), Ok(99_900_000));
        assert_eq!(micro(1, "n", "62.472"), Ok(62_472_000));
        assert_eq!(micro(1, "n", "7"), Ok(7_000_000));
        for bad in ["", ".", "1.", ".5", "1.0000001", "1.2.3", "-1.0", "1.-5", "nan", "1e3"] {
            assert!(micro(1, "n", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fault_names_file_line_thing_and_what_is_allowed() {
        let fault = Fault::new(3, "size", "x", "a whole number, digits only");
        assert_eq!(
            fault.of(Path::new("a.txt")).to_string(),
            "RESOURCE: size: file=a.txt line=3 found=\"x\" \
             allowed=\"a whole number, digits only\"; \
             next: take the file again from where it was made"
        );
        assert_eq!(text(b"a\nb\xff").expect_err("no text").line, 2);
        assert!(lines("a\nb").is_err(), "a cut line");
    }
}
