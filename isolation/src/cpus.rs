//! Sets of CPU numbers, as the kernel writes them: lists (`0-3,8`) and hexadecimal masks
//! (`ff,00000003`). Must never: take more than [`MOST`] CPUs for true.

use std::collections::BTreeSet;
use std::fmt;

/// CPUs a set may name: the kernel's own upper bound.
pub const MOST: u32 = 8_192;

/// A set of CPU numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuSet(BTreeSet<u32>);

impl CpuSet {
    /// A list: `0-3,8`; empty and `(null)`, which kernels write for no CPU, give the empty set.
    /// `None` for anything else.
    #[must_use]
    pub fn from_list(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut set = BTreeSet::new();
        if text.is_empty() || text == "(null)" {
            return Some(Self(set));
        }
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
            if first > last || last >= MOST {
                return None;
            }
            set.extend(first..=last);
        }
        Some(Self(set))
    }

    /// A mask: hexadecimal words of 32 bits, the highest first, separated by commas.
    #[must_use]
    pub fn from_mask(text: &str) -> Option<Self> {
        let mut set = BTreeSet::new();
        for (word, digits) in text.trim().trim_start_matches("0x").rsplit(',').enumerate() {
            let bits = u32::from_str_radix(digits, 16).ok()?;
            let base = u32::try_from(word).ok()?.checked_mul(32)?;
            for bit in (0..32).filter(|bit| bits >> bit & 1 == 1) {
                let cpu = base.checked_add(bit).filter(|cpu| *cpu < MOST)?;
                set.insert(cpu);
            }
        }
        Some(Self(set))
    }

    /// As a mask, which [`CpuSet::from_mask`] reads to the same.
    #[must_use]
    pub fn to_mask(&self) -> String {
        let words = self.0.last().map_or(0, |last| last / 32);
        let word = |n: u32| {
            let bits = (0..32).filter(|bit| self.has(n * 32 + bit));
            bits.fold(0_u32, |word, bit| word | 1 << bit)
        };
        let first = format!("{:x}", word(words));
        (0..words).rev().fold(first, |text, n| format!("{text},{:08x}", word(n)))
    }

    /// Whether it names no CPU.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it names this CPU.
    #[must_use]
    pub fn has(&self, cpu: u32) -> bool {
        self.0.contains(&cpu)
    }

    /// Whether it names every CPU of `other`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// What is in one of them.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).copied().collect())
    }

    /// What is in it and not in `other`.
    #[must_use]
    pub fn less(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }

    /// The CPUs in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<u32> for CpuSet {
    fn from_iter<I: IntoIterator<Item = u32>>(cpus: I) -> Self {
        Self(cpus.into_iter().collect())
    }
}

/// As a list with ranges; `none` for the empty set.
impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.0.iter().copied().peekable();
        if cpus.peek().is_none() {
            return f.write_str("none");
        }
        let mut separator = "";
        while let Some(first) = cpus.next() {
            let mut last = first;
            while cpus.next_if(|cpu| *cpu == last + 1).is_some() {
                last += 1;
            }
            if first == last {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> CpuSet {
        CpuSet::from_list(text).expect(text)
    }

    #[test]
    fn lists_are_read_and_written_as_the_kernel_does() {
        for text in ["0", "2-3", "0-3,8", "0,2,4,6-127"] {
            assert_eq!(list(text).to_string(), text);
        }
        for (text, shown) in [("", "none"), ("(null)", "none"), ("1,2,3\n", "1-3")] {
            assert_eq!(list(text).to_string(), shown);
        }
        for bad in ["x", "3-2", "1,", "-1", "0-8192", "1-2-3", "99999999999"] {
            assert_eq!(CpuSet::from_list(bad), None, "{bad}");
        }
    }

    #[test]
    fn masks_are_read_word_by_word() {
        for (mask, shown) in [
            ("3", "0-1"),
            ("ff", "0-7"),
            ("00000001,80000000", "31-32"),
            ("0x5", "0,2"),
            ("0", "none"),
        ] {
            assert_eq!(CpuSet::from_mask(mask).expect(mask).to_string(), shown);
        }
        for text in ["0", "1", "0-7", "31-32", "5,64", "0-127"] {
            let set = list(if text == "0" { "" } else { text });
            assert_eq!(CpuSet::from_mask(&set.to_mask()), Some(set), "{text}");
        }
        assert_eq!(list("31-32").to_mask(), "1,80000000");
        for bad in ["", "g", "123456789", "1,,2"] {
            assert_eq!(CpuSet::from_mask(bad), None, "{bad}");
        }
    }

    #[test]
    fn sets_are_compared() {
        let (all, hot) = (list("0-7"), list("2-3"));
        assert!(all.covers(&hot) && !hot.covers(&all) && all.covers(&CpuSet::default()));
        assert_eq!(all.less(&hot).to_string(), "0-1,4-7");
        assert_eq!(all.and(&hot), hot);
        assert_eq!(hot.or(&list("7")).to_string(), "2-3,7");
        assert_eq!((hot.len(), hot.has(3), hot.has(4)), (2, true, false));
    }
}
