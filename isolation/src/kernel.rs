//! Kernel versions and boot lines, read from text.

use std::fmt;

/// A kernel version, as far as settings depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kernel {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl Kernel {
    /// A version.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The first two numbers of a release (`6.8.0-45-generic`).
    #[must_use]
    pub fn from_release(release: &str) -> Option<Self> {
        let (major, rest) = release.trim().split_once('.')?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some(Self { major: major.parse().ok()?, minor: rest.get(..end)?.parse().ok()? })
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The words of a boot line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootLine(Vec<String>);

impl BootLine {
    /// A line as the kernel shows it; quotes keep blanks together.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for c in text.chars() {
            match c {
                '"' => quoted = !quoted,
                c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
                c => word.push(c),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        Self(words)
    }

    /// The value of a word; of several the last, which is the one most of the kernel keeps. A word
    /// without a value has the empty one. `-` and `_` are the same in a name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let same = |found: &str| found.replace('-', "_") == name.replace('-', "_");
        self.0.iter().rev().find_map(|word| {
            let (found, value) = word.split_once('=').unwrap_or((word, ""));
            same(found).then_some(value)
        })
    }

    /// The words of these names, as a line.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> String {
        let is_named = |word: &&String| {
            let found = word.split('=').next().unwrap_or_default().replace('-', "_");
            names.iter().any(|name| name.replace('-', "_") == found)
        };
        let quoted = |word: &String| {
            let has_blank = word.contains(char::is_whitespace);
            if has_blank { format!("\"{word}\"") } else { word.clone() }
        };
        self.0.iter().filter(is_named).map(quoted).collect::<Vec<_>>().join(" ")
    }

    /// Whether a word is there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_give_two_numbers() {
        for (release, kernel) in [
            ("6.8.0-45-generic", Some(Kernel::new(6, 8))),
            ("7.0-rc3", Some(Kernel::new(7, 0))),
            ("5.15.0\n", Some(Kernel::new(5, 15))),
            ("linux", None),
            ("6.x", None),
        ] {
            assert_eq!(Kernel::from_release(release), kernel, "{release}");
        }
        assert!(Kernel::new(6, 9) < Kernel::new(6, 12) && Kernel::new(6, 18) < Kernel::new(7, 0));
    }

    #[test]
    fn boot_lines_give_the_last_value_and_know_both_spellings() {
        let line = BootLine::from_text("ro quiet a.b-c=1 isolcpus=1 isolcpus=2-3 x=\"1 2\"\n");
        assert_eq!(line.value("isolcpus"), Some("2-3"));
        assert_eq!(line.value("a.b_c"), Some("1"));
        assert_eq!(line.value("quiet"), Some(""));
        assert_eq!(line.value("x"), Some("1 2"));
        assert!(!line.has("nohz_full"));
    }
}
