//! The command line an sfnettest tool repeats in its header, as far as its figures depend on it.
//!
//! Must never: guess; what cannot be understood is `None`. Ordinary threads; allocates.

/// Messages of a stream socket double from one byte to here, where no size is asked for.
const STREAM_MAX: u64 = 64 * 1024;
/// The same of datagrams, from none.
const DATAGRAM_MAX: u64 = 32 * 1024;
/// Sizes, or rates, a list may name: a range with a mistake in it must not fill the memory.
const LIST_MAX: usize = 10_000;

/// The words of a command line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cmdline<'a>(pub(super) &'a str);

impl<'a> Cmdline<'a> {
    /// Whether a flag is set.
    pub(super) fn has(self, flag: &str) -> bool {
        self.0.split_whitespace().any(|word| word == flag || word == format!("{flag}=1"))
    }

    /// The value of an option, as `--name=value` or as two words.
    pub(super) fn value(self, name: &str) -> Option<&'a str> {
        let mut words = self.0.split_whitespace();
        while let Some(word) = words.next() {
            let Some(rest) = word.strip_prefix(name) else { continue };
            if let Some(value) = rest.strip_prefix('=') {
                return Some(value);
            }
            if rest.is_empty() {
                return words.next();
            }
        }
        None
    }

    /// Message sizes that `sfnt-pingpong` measures, in order.
    pub(super) fn sizes(self) -> Option<Vec<u64>> {
        if let Some(list) = self.value("--sizes") {
            return ints(list);
        }
        let is_stream = self.0.split_whitespace().find_map(|word| match word {
            "tcp" | "pipe" | "unix_stream" => Some(true),
            "udp" | "unix_datagram" => Some(false),
            _ => None,
        })?;
        let bound = |name, otherwise| match self.value(name) {
            None | Some("0") => Some(otherwise),
            Some(text) => text.parse().ok(),
        };
        let (first, last) = if is_stream { (1, STREAM_MAX) } else { (0, DATAGRAM_MAX) };
        let (first, last) = (bound("--minmsg", first)?, bound("--maxmsg", last)?);
        let next = |size: &u64| -> Option<u64> {
            match size {
                _ if is_stream => size.checked_mul(2),
                0 => Some(1),
                // The largest datagram in one Ethernet frame, and the first that is not.
                1_024 => Some(1_472),
                1_472 => Some(1_473),
                size => size.checked_add(1)?.checked_next_power_of_two(),
            }
        };
        Some(std::iter::successors(Some(first), next).take_while(|size| *size <= last).collect())
    }
}

/// A list of the tools: `1,2`, `1-4`, `10-50+10`, `1-64x2`.
pub(super) fn ints(text: &str) -> Option<Vec<u64>> {
    let mut out = Vec::new();
    for item in text.split(',').filter(|item| !item.is_empty()) {
        let Some((low, rest)) = item.split_once('-') else {
            out.push(item.parse().ok()?);
            continue;
        };
        let at = rest.find(['+', 'x']);
        let (high, step) = rest.split_at(at.unwrap_or(rest.len()));
        let (low, high): (u64, u64) = (low.parse().ok()?, high.parse().ok()?);
        let by: u64 = if step.is_empty() { 1 } else { step.get(1..)?.parse().ok()? };
        let is_times = step.starts_with('x');
        if high < low || by == 0 || (is_times && (by == 1 || low == 0)) {
            return None;
        }
        let next = |at: &u64| if is_times { at.checked_mul(by) } else { at.checked_add(by) };
        let range = std::iter::successors(Some(low), next).take_while(|at| *at <= high);
        out.extend(range.take(LIST_MAX));
        if out.len() >= LIST_MAX {
            return None;
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_the_tool_reads_them() {
        assert_eq!(ints("8,16,,32"), Some(vec![8, 16, 32]));
        assert_eq!(ints("3-5"), Some(vec![3, 4, 5]));
        assert_eq!(ints("10-50+20,7"), Some(vec![10, 30, 50, 7]));
        assert_eq!(ints("10000-400000+390000"), Some(vec![10_000, 400_000]));
        assert_eq!(ints("1-9x2"), Some(vec![1, 2, 4, 8]));
        for bad in ["", "a", "5-3", "1-9x1", "0-9x2", "1-9+0", "1-", "0-4000000000"] {
            assert_eq!(ints(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_nobody_asked_for_are_those_of_the_tool() {
        let stream = Cmdline("sfnt-pingpong --spin tcp host:1").sizes().expect("known mode");
        assert_eq!((stream.first(), stream.last(), stream.len()), (Some(&1), Some(&65_536), 17));
        let datagrams = Cmdline("sfnt-pingpong udp").sizes().expect("known mode");
        assert_eq!(datagrams.get(..3), Some(&[0, 1, 2][..]));
        let big = [1_024, 1_472, 1_473, 2_048, 4_096, 8_192, 16_384, 32_768];
        assert!(datagrams.ends_with(&big), "{datagrams:?}");
        assert_eq!(Cmdline("sfnt-pingpong --maxmsg=4 pipe").sizes(), Some(vec![1, 2, 4]));
        assert_eq!(Cmdline("sfnt-pingpong").sizes(), None);
    }

    #[test]
    fn options_have_their_value_beside_them_or_after_them() {
        let line = Cmdline("x --sizes=4 --percentile 99.9 --n-pings=2 --rtt udp");
        assert_eq!(line.value("--sizes"), Some("4"));
        assert_eq!(line.value("--percentile"), Some("99.9"));
        assert_eq!(line.value("--n"), None, "no prefix of a name");
        assert!(line.has("--rtt") && !line.has("--more"));
    }
}
