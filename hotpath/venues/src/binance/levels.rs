//! Price levels at full speed: both numbers of a level read where they are expected to stand.
//!
//! A venue writes all levels of an instrument alike: the same digits before the price's dot, the
//! same number after every dot. A [`Form`] holds what follows from that. A level that differs is
//! left to the caller ([`super::fast`]). Must never: take a level that
//! [`super::decimal::increments`] would refuse or read differently. Runs on the edge; allocates
//! only while the caller's buffer grows.
#![expect(clippy::inline_always, reason = "measured: calls cost a fifth of a depth message")]

use super::decimal::{
    Scale, Shape, ZEROS, digit_bits, load, low_mask, non_digits, number, on_step,
};
use wire::market::Level;
use wire::{PriceTicks, QtyLots};

/// Bytes looked at for one level: [`BEFORE`] its price, the level, the start of the next one.
const WINDOW: usize = 64;

/// Bytes before the first digit of a price that are looked at with it: `,"b":[["`.
pub(super) const BEFORE: usize = 8;

/// Where reading levels stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Behind the `]]` of the side.
    End,
    /// At a level that the form does not read.
    Level,
}

/// How the levels of an instrument are expected to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    price: Places,
    qty: Places,
}

impl Form {
    /// The form of levels written like one with these shapes.
    pub(super) fn new(tick: Scale, price: Shape, lot: Scale, qty: Shape) -> Self {
        Self { price: Places::new(tick, price), qty: Places::new(lot, qty) }
    }

    /// Whether the numbers fit their words; without that every level is read one number a time.
    pub(super) fn fits(&self) -> bool {
        self.price.fits() && self.qty.most > 0
    }

    /// Whether a form of these shapes is this one.
    pub(super) fn is_of(&self, price: Shape, qty: Shape) -> bool {
        self.price.whole == price.whole()
            && self.price.tail == tail(price)
            && self.qty.tail == tail(qty)
    }

    /// Reads levels from `text`, which starts [`BEFORE`] bytes before the first digit of a price.
    /// Returns why it stopped and how many bytes it went on: to the end of the side, or to
    /// [`BEFORE`] bytes before the first digit of the level it did not read.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8], out: &mut Vec<Level>) -> (Stop, usize) {
        let (stop, rest) = self.read_on(text, out);
        if stop == Stop::End || rest.len() >= WINDOW {
            return (stop, text.len() - rest.len());
        }
        // The last levels of a message: no byte of the padding is part of any level.
        let mut padded = [0; 2 * WINDOW];
        padded[..rest.len()].copy_from_slice(rest);
        let (stop, left) = self.read_on(&padded, out);
        (stop, text.len() - rest.len() + padded.len() - left.len())
    }

    /// Reads levels while a whole window is left, whatever the digits before the price's dot.
    fn read_on<'a>(&mut self, text: &'a [u8], out: &mut Vec<Level>) -> (Stop, &'a [u8]) {
        let (mut stop, mut rest) = self.read_windows(text, out);
        while stop == Stop::Level && self.price.adopt(rest) {
            (stop, rest) = self.read_windows(rest, out);
        }
        (stop, rest)
    }

    fn read_windows<'a>(&self, text: &'a [u8], out: &mut Vec<Level>) -> (Stop, &'a [u8]) {
        match (self.price.tail > 0, self.qty.tail > 0) {
            (true, true) => self.read_as::<true, true>(text, out),
            (true, false) => self.read_as::<true, false>(text, out),
            (false, true) => self.read_as::<false, true>(text, out),
            (false, false) => self.read_as::<false, false>(text, out),
        }
    }

    /// Reads levels while a whole window is left. The parameters say which number has a dot.
    fn read_as<'a, const PRICE_DOT: bool, const QTY_DOT: bool>(
        &self,
        text: &'a [u8],
        out: &mut Vec<Level>,
    ) -> (Stop, &'a [u8]) {
        let Self { price, qty } = self;
        let mut rest = text;
        if !self.fits() {
            return (Stop::Level, rest);
        }
        // INVARIANT: no part of a number has more than eight digits, so `& 15` and `& 31` change
        // nothing here; they let the compiler see that every access lies inside the window.
        let price_end = (price.whole + price.tail) & 31;
        let price_at = (price.whole + price.decimals) & 15;
        let price_dot = BEFORE + (price.whole & 15);
        let price_mask = price.masks[(price.whole - 1) & 7];
        let qty_start = BEFORE + price_end + 3;
        let qty_at = (price_end + 3 + qty.decimals) & 31;
        let level_end = (price_end + 3 + qty.tail) & 31;
        let finer = price.beyond | qty.beyond != 0;
        let plain = price.scale.is_plain() && qty.scale.is_plain();
        while let Some(window) = rest.first_chunk::<WINDOW>() {
            let apart = has(window, qty_start - 3, *b"\",") && window[qty_start - 1] == b'"';
            if !apart || (PRICE_DOT && window[price_dot] != b'.') {
                break;
            }
            // Digits have this bit set, dot and quote have not; others are found out below.
            let ends = !word(window, qty_start) & 0x1010_1010_1010_1010;
            let whole = (ends.trailing_zeros() / 8) as usize & 15;
            let fits = whole.wrapping_sub(1) < qty.most;
            if !fits || (QTY_DOT && window[qty_start + whole] != b'.') {
                break;
            }
            let at = qty_at + whole;
            let end = level_end + whole;
            let price_digits = price.digits::<PRICE_DOT>(window, price_at, price_mask);
            let qty_digits = qty.digits::<QTY_DOT>(window, at, qty.masks[(whole - 1) & 7]);
            // Bytes after the first that is no digit may be wrong; here one is enough.
            if non_digits(price_digits) | non_digits(qty_digits) != 0
                || finer && (price.is_finer(window, price_at) || qty.is_finer(window, at))
            {
                break;
            }
            let (mut price_ticks, mut qty_lots) = (number(price_digits), number(qty_digits));
            if !plain {
                let ticks = on_step(price_ticks, &price.scale);
                let Some((ticks, lots)) = ticks.zip(on_step(qty_lots, &qty.scale)) else { break };
                (price_ticks, qty_lots) = (ticks.cast_unsigned(), lots.cast_unsigned());
            }
            let behind = BEFORE + end;
            let more = has(window, behind, *b"\"],[") && window[behind + 4] == b'"';
            if !more && !ends_side(window, behind) {
                break;
            }
            out.push(Level {
                price_ticks: PriceTicks(price_ticks.cast_signed()),
                qty_lots: QtyLots(qty_lots.cast_signed()),
            });
            if !more {
                return (Stop::End, rest.get(behind + 3..).unwrap_or_default());
            }
            rest = &rest[end + 5..];
        }
        (Stop::Level, rest)
    }
}

/// Where the digits of a number stand, and which bytes make the eight digits of its word: the
/// last decimal of the increment in the highest byte.
#[derive(Clone, Copy, Debug)]
struct Places {
    scale: Scale,
    /// Decimals of the increment.
    decimals: usize,
    /// Expected digits before the dot.
    whole: usize,
    /// Bytes behind them: dot and fraction, or none.
    tail: usize,
    /// Digits before the dot that fit beside the decimals.
    most: usize,
    /// Of one to eight digits before the dot: their bytes.
    masks: [u64; 8],
    /// The bytes of the fraction's digits.
    fraction: u64,
    /// The bytes, of a word that starts behind the decimals, that must be zeros.
    beyond: u64,
}

impl Places {
    fn new(scale: Scale, shape: Shape) -> Self {
        let (whole, fraction) = (shape.whole(), shape.fraction());
        let decimals = scale.decimals();
        let most = 8_usize.saturating_sub(decimals);
        let bytes = |from: usize, to: usize| mask(to) & !mask(from);
        Self {
            scale,
            decimals,
            whole,
            tail: tail(shape),
            most,
            masks: core::array::from_fn(|i| bytes(most.saturating_sub(i + 1), most)),
            fraction: bytes(most, most + fraction.min(decimals)),
            beyond: mask(fraction.saturating_sub(decimals)),
        }
    }

    /// Whether the expected digits before the dot fit beside the decimals.
    fn fits(&self) -> bool {
        self.whole.wrapping_sub(1) < self.most
    }

    /// Expects as many digits before the dot as the number has that starts [`BEFORE`] bytes on in
    /// `window`. `false` if they are no others than expected, or none that fit.
    #[cold]
    fn adopt(&mut self, window: &[u8]) -> bool {
        let Some(window) = window.first_chunk::<WINDOW>() else { return false };
        let whole = (digit_bits(word(window, BEFORE) ^ ZEROS) / 8) as usize;
        let new = whole != self.whole && whole.wrapping_sub(1) < self.most;
        if new {
            self.whole = whole;
        }
        new
    }

    /// The digits that make the number. `at` is where a word starts that holds the digits before
    /// the dot in their places, `whole` their bytes.
    #[inline(always)]
    fn digits<const DOT: bool>(&self, window: &[u8; WINDOW], at: usize, whole: u64) -> u64 {
        let digits = (word(window, at) ^ ZEROS) & whole;
        if !DOT {
            return digits;
        }
        // One byte on: the dot is no digit.
        digits | ((word(window, at + 1) ^ ZEROS) & self.fraction)
    }

    /// Whether digits beyond the increment's decimals are not all zero; `at` as above.
    #[inline(always)]
    fn is_finer(&self, window: &[u8; WINDOW], at: usize) -> bool {
        (word(window, at + 9) ^ ZEROS) & self.beyond != 0
    }
}

/// Bytes of dot and fraction.
fn tail(shape: Shape) -> usize {
    if shape.fraction() > 0 { 1 + shape.fraction() } else { 0 }
}

/// The low `bytes` bytes, at most eight.
fn mask(bytes: usize) -> u64 {
    low_mask(8 * u32::try_from(bytes).unwrap_or(8))
}

#[inline(always)]
fn word(window: &[u8; WINDOW], at: usize) -> u64 {
    load(&window[at..])
}

/// Whether the last level of a side ends at `at`.
#[inline(always)]
fn ends_side(window: &[u8; WINDOW], at: usize) -> bool {
    has(window, at, *b"\"]") && window[at + 2] == b']'
}

/// Whether this text stands at `at`.
#[inline(always)]
fn has<const N: usize>(window: &[u8; WINDOW], at: usize, text: [u8; N]) -> bool {
    window[at..].first_chunk::<N>() == Some(&text)
}

#[cfg(test)]
mod tests {
    use super::super::decimal::increments;
    use super::*;
    use proptest::prelude::*;
    use wire::decimal::parse_increments;

    const KEY: &str = ",\"b\":[[\"";

    fn shape(text: &str, scale: &Scale) -> Shape {
        let mut shape = Shape::default();
        let text = format!("{text}\"");
        assert!(increments(text.as_bytes(), scale, &mut shape).is_some(), "{text}");
        shape
    }

    fn form(level: (&str, &str), sizes: (i64, i64)) -> Form {
        let (tick, lot) = (Scale::new(sizes.0).unwrap(), Scale::new(sizes.1).unwrap());
        Form::new(tick, shape(level.0, &tick), lot, shape(level.1, &lot))
    }

    fn side(levels: &[(String, String)]) -> Vec<u8> {
        let texts: Vec<String> = levels.iter().map(|(p, q)| format!("{p}\",\"{q}")).collect();
        format!("{KEY}{}\"]]", texts.join("\"],[\"")).into_bytes()
    }

    /// The next level, by the exact parser: what it is and how far it reaches.
    fn exact(text: &[u8], sizes: (i64, i64)) -> Option<(Level, Stop, usize)> {
        let number = |at: usize, increment_e9| {
            let end = at + text.get(at..)?.iter().position(|byte| *byte == b'"')?;
            Some((parse_increments(text.get(at..end)?, increment_e9).ok()?, end))
        };
        let (price, end) = number(BEFORE, sizes.0)?;
        let (qty, end) =
            text.get(end..)?.starts_with(b"\",\"").then(|| number(end + 3, sizes.1))??;
        let level = Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
        let behind = text.get(end..)?;
        if behind.starts_with(b"\"],[\"") {
            return Some((level, Stop::Level, end + 5 - BEFORE));
        }
        behind.starts_with(b"\"]]").then_some((level, Stop::End, end + 3))
    }

    /// Whatever is read is what the exact parser reads, and ends where that ends.
    fn agrees(text: &[u8], form: &mut Form, sizes: (i64, i64)) -> (Stop, usize) {
        let mut levels = Vec::new();
        let (stop, went) = form.read(text, &mut levels);
        let (mut at, mut last) = (0, Stop::Level);
        for level in &levels {
            let (expected, then, far) = exact(&text[at..], sizes).unwrap();
            assert_eq!((*level, last), (expected, Stop::Level), "{}", text.escape_ascii());
            (at, last) = (at + far, then);
        }
        assert_eq!((last, at), (stop, went), "{}", text.escape_ascii());
        (stop, levels.len())
    }

    fn owned(levels: &[(&str, &str)]) -> Vec<(String, String)> {
        levels.iter().map(|(p, q)| ((*p).to_owned(), (*q).to_owned())).collect()
    }

    #[test]
    fn reads_whole_sides_as_the_venue_writes_them() {
        for (levels, sizes) in [
            (
                [("61826.02000000", "0.00009000"), ("61826.01000000", "12.50000000")],
                (10_000_000, 10_000),
            ),
            ([("2681.63", "26.346"), ("707.81", "0.000")], (10_000_000, 1_000_000)),
            ([("61824.3", "163"), ("61824.4", "0")], (100_000_000, 1_000_000_000)),
            ([("3", "99999999"), ("99999999", "7")], (1_000_000_000, 1_000_000_000)),
            ([("16.25", "2.5"), ("7.75", "5.0")], (250_000_000, 2_500_000_000)),
            ([("0.2", "5.0"), ("0.3", "7.0")], (10_000_000, 1_000_000_000)),
        ] {
            for count in 1..12 {
                let all: Vec<_> = owned(&levels).into_iter().cycle().take(count).collect();
                let mut form = form(levels[0], sizes);
                let read = agrees(&side(&all), &mut form, sizes);
                assert_eq!(read, (Stop::End, count), "{levels:?}");
            }
        }
    }

    #[test]
    fn leaves_what_is_written_otherwise_or_wrong() {
        let sizes = (10_000_000, 1_000_000);
        for other in [
            ("2681.6", "26.346"),
            ("2681.63", "26.34"),
            ("2681", "26.346"),
            ("2681.63", "26"),
            ("1234567.00", "1.000"),
            ("2681.63", "123456.000"),
            (".63", "26.346"),
            ("2681.63", ".346"),
            ("268a.63", "26.346"),
            ("2681.63", "2 .346"),
            ("2681.63", "26.3x6"),
            ("-681.63", "26.346"),
            ("2681,63", "26.346"),
        ] {
            let good = ("2681.63", "26.346");
            let mut form = form(good, sizes);
            let read = agrees(&side(&owned(&[good, other, good])), &mut form, sizes);
            assert_eq!(read, (Stop::Level, 1), "{other:?}");
        }
        // Between two increments: here the digits beyond the decimals, there the last of them.
        for (size, good, other) in [(1_000_000, "1.0000", "1.0001"), (5_000_000, "1.005", "1.006")]
        {
            let mut form = form(("2681.63", good), (10_000_000, size));
            let text = side(&owned(&[("2681.63", good), ("2681.63", other)]));
            assert_eq!(agrees(&text, &mut form, (10_000_000, size)), (Stop::Level, 1));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn never_differs_from_the_exact_parser(
            levels in prop::collection::vec(("[0-9]{1,9}", "[0-9]{1,9}"), 1..9),
            dots in (0_usize..9, 0_usize..9),
            sizes in prop::sample::select(&[
                (10_000_000, 10_000),
                (1_000_000_000, 1_000_000_000),
                (250_000_000, 5_000_000),
                (10, 100_000_000),
            ][..]),
            zeros in 0_usize..5,
            edits in prop::collection::vec(
                (any::<prop::sample::Index>(), prop::sample::select(&b"0179.,\"[]-e \x10\xb1"[..])),
                0..3,
            ),
        ) {
            let number = |digits: &str, fraction: usize| {
                let zeros = "0".repeat(if fraction == 0 { 0 } else { zeros.min(8 - fraction) });
                let digits = format!("{digits:0>width$}{zeros}", width = fraction + 1);
                let (whole, fraction) = digits.split_at(digits.len() - fraction - zeros.len());
                if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
            };
            let levels: Vec<_> =
                levels.iter().map(|(p, q)| (number(p, dots.0), number(q, dots.1))).collect();
            let (tick, lot) = (Scale::new(sizes.0).unwrap(), Scale::new(sizes.1).unwrap());
            // The form of the first level, where that is one.
            let (mut price, mut qty) = (Shape::default(), Shape::default());
            let quoted = |text: &str| format!("{text}\"").into_bytes();
            increments(&quoted(&levels[0].0), &tick, &mut price);
            increments(&quoted(&levels[0].1), &lot, &mut qty);
            let mut text = side(&levels);
            agrees(&text, &mut Form::new(tick, price, lot, qty), sizes);
            for (place, byte) in edits {
                let at = KEY.len() + place.index(text.len() - KEY.len());
                text[at] = byte;
                agrees(&text, &mut Form::new(tick, price, lot, qty), sizes);
            }
            for cut in 0..text.len() {
                agrees(&text[..cut], &mut Form::new(tick, price, lot, qty), sizes);
            }
        }
    }
}
