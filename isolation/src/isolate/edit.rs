//! Words of ours in a file that is somebody else's: put in, and taken out again of whatever its
//! owner has made of it meanwhile.
//!
//! Pure. Must never: change a byte that is not a word of ours, or one of the same name that ours
//! replace. A byte is a character here, so that what is no text stays as it is.

mod words;

use serde::{Deserialize, Serialize};
pub(super) use words::name;
use words::{line_with, line_without, lines_with, lines_without};

/// In which form of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Shell assignments of `GRUB_CMDLINE_LINUX` and `GRUB_CMDLINE_LINUX_DEFAULT`.
    Grub,
    /// The line `options` of an entry.
    Entry,
    /// The line itself.
    Line,
    /// Whole lines: each word is one.
    Lines,
}

/// An edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// In which form of file.
    pub how: How,
    /// Names whose words give way to ours.
    pub names: Vec<String>,
    /// Words that stand there or stood there once, a list an apply, the newest last; an empty list
    /// takes only out.
    pub words: Vec<Vec<String>>,
}

const KEYS: [&str; 2] = ["GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"];
const SPREAD: &str = "words of ours stand in it in a form that cannot be edited";

/// What becomes of a line: its key, and what stands there.
type Change<'c> = dyn FnMut(&str, &str) -> String + 'c;

impl Edit {
    /// One that puts words in.
    #[must_use]
    pub fn new(how: How, words: &[String]) -> Self {
        let names = words.iter().map(|word| name(word)).collect();
        Self { how, names, words: vec![words.to_vec()] }
    }

    /// One that takes words of the same names out, and puts none in.
    #[must_use]
    pub fn out(how: How, words: &[String]) -> Self {
        Self { words: vec![Vec::new()], ..Self::new(how, words) }
    }

    /// This one after an earlier one of the same file, whose words it knows too.
    #[must_use]
    pub fn after(&self, earlier: &Self) -> Self {
        let mut both = self.clone();
        both.words = earlier.words.iter().filter(|w| !self.words.contains(w)).cloned().collect();
        both.words.extend(self.words.iter().cloned());
        both.names.extend(earlier.names.iter().filter(|n| !self.names.contains(n)).cloned());
        both
    }

    /// The text with the newest words in it, each once, and none other of their names.
    ///
    /// # Errors
    /// A form that is not known, in the owner's terms.
    pub fn merged(&self, text: &[u8]) -> Result<Vec<u8>, &'static str> {
        static NONE: Vec<String> = Vec::new();
        self.with(text, self.words.last().unwrap_or(&NONE))
    }

    /// Whether the newest words stand in the text, and no other of ours.
    #[must_use]
    pub fn holds(&self, text: &[u8]) -> bool {
        let newest = self.words.last().map_or(&[][..], Vec::as_slice);
        let older: Vec<String> =
            self.words.iter().flatten().filter(|word| !newest.contains(word)).cloned().collect();
        self.merged(text).is_ok_and(|merged| merged == text) && !has_any(text, self.how, &older)
    }

    /// The text without our words, and with those of the prior text that ours replaced. What was
    /// not touched since is the prior text to the byte.
    ///
    /// # Errors
    /// Words of ours in a form that cannot be edited.
    pub fn taken_back(&self, text: &[u8], prior: &[u8]) -> Result<Vec<u8>, &'static str> {
        let is_untouched =
            |words: &Vec<String>| self.with(prior, words).is_ok_and(|merged| merged == text);
        if text == prior || self.words.iter().any(is_untouched) {
            return Ok(prior.to_vec());
        }
        let ours: Vec<String> = self.words.iter().flatten().cloned().collect();
        let mut before: Vec<(String, String)> = Vec::new();
        let _ = each(self.how, &latin(prior), false, &mut |key, line| {
            before.push((key.to_owned(), line.to_owned()));
            line.to_owned()
        });
        let mut gone = Vec::new();
        let edited = each(self.how, &latin(text), false, &mut |key, line| {
            let at = before.iter().position(|(found, _)| found == key);
            let old = at.map(|at| before.remove(at).1);
            let is_new = old.is_none();
            let prior = old.as_deref().unwrap_or_default();
            let taken = self.how.without(line, &ours, &self.names, prior);
            if is_new && taken.trim().is_empty() && taken != line {
                gone.push(key.to_owned());
            }
            taken
        })?;
        let edited = if self.how == How::Grub { less(&edited, &gone) } else { edited };
        let edited = bytes(&edited);
        let theirs = |word: &String| latin(prior).contains(word.as_str());
        let left: Vec<String> = ours.into_iter().filter(|word| !theirs(word)).collect();
        if has_any(&edited, self.how, &left) { Err(SPREAD) } else { Ok(edited) }
    }

    /// The text of a file that was made from one of ours, without our words; words that `owned`
    /// has stay.
    #[must_use]
    pub fn freed(&self, text: &[u8], owned: &[Vec<u8>]) -> Vec<u8> {
        let is_owned = |word: &&String| owned.iter().any(|text| has(&latin(text), word));
        let ours: Vec<String> =
            self.words.iter().flatten().filter(|w| !is_owned(w)).cloned().collect();
        let edited = each(self.how, &latin(text), false, &mut |_, line| {
            self.how.without(line, &ours, &[], "")
        });
        edited.map_or_else(|_| text.to_vec(), |edited| bytes(&edited))
    }

    fn with(&self, text: &[u8], words: &[String]) -> Result<Vec<u8>, &'static str> {
        let text = latin(text);
        let is_strict = !words.is_empty();
        let mut keys = Vec::new();
        let plain = each(self.how, &text, is_strict, &mut |key, line| {
            keys.push(key.to_owned());
            line.to_owned()
        })?;
        let twice = keys.iter().any(|key| keys.iter().filter(|found| *found == key).count() > 1);
        if is_strict && twice && self.how != How::Lines {
            return Err("it sets the line more than once");
        }
        let main = match self.how {
            How::Grub => KEYS.into_iter().find(|key| keys.iter().any(|found| found == key)),
            How::Entry | How::Line | How::Lines => Some(""),
        };
        let Some(main) = main else {
            if words.is_empty() {
                return Ok(bytes(&plain));
            }
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            return Ok(bytes(&format!("{text}{gap}{}=\"{}\"\n", KEYS[0], words.join(" "))));
        };
        let edited = each(self.how, &text, is_strict, &mut |key, line| {
            let words = if key == main { words } else { &[] };
            match self.how {
                How::Lines => lines_with(line, words, &self.names),
                How::Grub | How::Entry | How::Line => line_with(line, words, &self.names),
            }
        })?;
        let is_spread = self.how == How::Grub && has_named(&edited, &self.names);
        if is_spread { Err(SPREAD) } else { Ok(bytes(&edited)) }
    }
}

impl How {
    fn without(self, line: &str, ours: &[String], names: &[String], prior: &str) -> String {
        match self {
            Self::Lines => lines_without(line, ours, names, prior),
            Self::Grub | Self::Entry | Self::Line => line_without(line, ours, names, prior),
        }
    }
}

/// A byte a character.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    // Ours are ASCII, and every other was a byte.
    text.chars().filter_map(|c| u8::try_from(c).ok()).collect()
}

/// Changes each line that holds the boot line; `is_strict` refuses forms that are not known.
fn each(
    how: How,
    text: &str,
    is_strict: bool,
    change: &mut Change<'_>,
) -> Result<String, &'static str> {
    match how {
        How::Grub => grub(text, is_strict, change),
        How::Entry => entry(text, is_strict, change),
        How::Line => line(text, is_strict, change),
        How::Lines => Ok(change("", text)),
    }
}

fn line(text: &str, is_strict: bool, change: &mut Change<'_>) -> Result<String, &'static str> {
    let is_line = |line: &&str| !line.trim().is_empty();
    let count = text.split('\n').filter(is_line).count();
    if is_strict && text.contains('#') {
        return Err("it has a comment, which would be part of the line");
    }
    if is_strict && count > 1 {
        return Err("it is more than one line");
    }
    if count == 0 {
        let edited = change("", "");
        return Ok(if edited.is_empty() { text.to_owned() } else { edited + "\n" });
    }
    let edited = text
        .split('\n')
        .map(|found| if is_line(&found) { change("", found) } else { found.to_owned() });
    Ok(edited.collect::<Vec<_>>().join("\n"))
}

fn entry(text: &str, is_strict: bool, change: &mut Change<'_>) -> Result<String, &'static str> {
    let is_options =
        |line: &str| line.split([' ', '\t']).find(|w| !w.is_empty()) == Some("options");
    if is_strict {
        let found: Vec<&str> = text.split('\n').filter(|line| is_options(line)).collect();
        match found.as_slice() {
            [line] if line.contains('$') => {
                return Err(
                    "its options are a variable of grubenv: use grubby --update-kernel=ALL",
                );
            }
            [_] => {}
            _ => return Err("it has not one line of options"),
        }
    }
    let edited = text
        .split('\n')
        .map(|found| if is_options(found) { change("", found) } else { found.to_owned() });
    Ok(edited.collect::<Vec<_>>().join("\n"))
}

fn grub(text: &str, is_strict: bool, change: &mut Change<'_>) -> Result<String, &'static str> {
    let mut lines = Vec::new();
    for found in text.split('\n') {
        let Some((key, inner, is_quoted)) = assignment(found) else {
            if is_strict && mentions(found) {
                return Err("it sets the line in another form than one plain assignment");
            }
            lines.push(found.to_owned());
            continue;
        };
        let edited = change(key, &found[inner.clone()]);
        if edited == found[inner.clone()] {
            lines.push(found.to_owned());
            continue;
        }
        let quote = if is_quoted { "" } else { "\"" };
        let (head, tail) = (&found[..inner.start], &found[inner.end..]);
        lines.push(format!("{head}{quote}{edited}{quote}{tail}"));
    }
    Ok(lines.join("\n"))
}

/// A plain assignment: its key, where its value is, and whether that is in quotes.
fn assignment(line: &str) -> Option<(&'static str, std::ops::Range<usize>, bool)> {
    let start = line.len() - line.trim_start().len();
    let end = line.trim_end().len();
    let whole = line.get(start..end)?;
    let (key, value) = KEYS.into_iter().find_map(|key| {
        whole.strip_prefix(key).and_then(|rest| rest.strip_prefix('=')).map(|value| (key, value))
    })?;
    let at = end - value.len();
    match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => {
            let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
            (!inner.contains([quote, '\\'])).then_some((key, at + 1..end - 1, true))
        }
        None if value.contains([' ', '\t', '#', ';', '\\', '"', '\'']) => None,
        None => Some((key, at..end, false)),
    }
}

/// Whether a line that is no comment names one of the keys.
fn mentions(line: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let names = |key: &str| {
        line.match_indices(key).any(|(at, _)| {
            let (before, after) =
                (line[..at].chars().next_back(), line[at + key.len()..].chars().next());
            !is_part(before) && !is_part(after)
        })
    };
    !line.trim_start().starts_with('#') && KEYS.into_iter().any(names)
}

/// The text without the assignments of these keys, which are ours alone.
fn less(text: &str, keys: &[String]) -> String {
    let is_ours = |line: &&str| {
        assignment(line).is_some_and(|(key, inner, _)| {
            line[inner].trim().is_empty() && keys.iter().any(|found| found == key)
        })
    };
    text.split('\n').filter(|line| !is_ours(line)).collect::<Vec<_>>().join("\n")
}

/// Words of these names in a line of GRUB's that is no plain assignment and no comment.
fn has_named(text: &str, names: &[String]) -> bool {
    let is_odd = |line: &&str| assignment(line).is_none() && !line.trim_start().starts_with('#');
    text.split('\n').filter(is_odd).any(|line| has_name(line, names))
}

/// Whether a word of one of these names stands in a line.
pub(super) fn has_name(line: &str, names: &[String]) -> bool {
    line.split([' ', '\t', '"', '\'']).any(|word| names.contains(&name(word)))
}

/// Whether a word stands in a text, in a line that is no comment.
fn has(text: &str, word: &str) -> bool {
    let mut lines = text.split('\n').filter(|line| !line.trim_start().starts_with('#'));
    let end = |c: char| matches!(c, ' ' | '\t' | '\r' | '"' | '\'');
    lines.any(|line| line.split(end).any(|found| found == word))
}

fn has_any(text: &[u8], how: How, words: &[String]) -> bool {
    let text = latin(text);
    let is_line = |word: &String| text.split('\n').any(|line| line.trim() == word);
    words.iter().any(|word| if how == How::Lines { is_line(word) } else { has(&text, word) })
}

#[cfg(test)]
mod tests {
    use super::words::split;
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn sorted(line: &str) -> Vec<String> {
        let mut words: Vec<String> =
            split(line).iter().map(|(_, word)| (*word).to_owned()).collect();
        words.sort();
        words
    }

    /// Whatever the line was, whichever of two applies stands, and wherever its owner has put a
    /// word since: ours go, his stay, and what was not touched is the line to the byte.
    #[test]
    fn any_line_comes_back_and_keeps_what_was_put_into_it() {
        const POOL: [&str; 8] = [
            "quiet",
            "ro",
            "nohz_full=7",
            "nohz-full=6",
            "skew_tick=1",
            "a=\"x y\"",
            "irqaffinity=0",
            "isolcpus=managed_irq,domain,5-7",
        ];
        let mut seed = 7_u64;
        let mut random = move |most: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            usize::try_from(seed >> 33).expect("small") % most
        };
        let first = Edit::new(
            How::Line,
            &list(&["isolcpus=managed_irq,domain,5-7", "nohz_full=5-7", "skew_tick=1"]),
        );
        let second = Edit::new(How::Line, &list(&["nohz_full=6-7", "skew_tick=1"]));
        let both = second.after(&first);
        for _ in 0..5_000 {
            let count = random(6) + 1;
            let words: Vec<&str> = (0..count).map(|_| POOL[random(POOL.len())]).collect();
            let gap = [" ", "  ", "\t"][random(3)];
            let tail = ["", " -- single"][random(2)];
            let prior = words.join(gap) + tail;
            for edit in [&first, &both] {
                let merged = edit.merged(prior.as_bytes()).expect("one line");
                assert!(edit.holds(&merged), "{prior:?}");
                assert_eq!(edit.merged(&merged).as_ref(), Ok(&merged), "{prior:?}");
                // The journal may know of the second while the first still stands.
                let back = both.taken_back(&merged, prior.as_bytes()).expect("one line");
                assert_eq!(latin(&back), prior);
                let merged = latin(&merged);
                let at = split(&merged)[random(split(&merged).len())].1.as_ptr() as usize;
                let at = at - merged.as_ptr() as usize;
                let edited = format!("{}mine=1 {}", &merged[..at], &merged[at..]);
                let back = both.taken_back(edited.as_bytes(), prior.as_bytes()).expect("one line");
                let back = latin(&back);
                assert_eq!(sorted(&back), sorted(&format!("mine=1 {prior}")), "{edited:?}");
                let again = both.taken_back(back.as_bytes(), prior.as_bytes()).expect("one line");
                assert_eq!(sorted(&latin(&again)), sorted(&back), "{edited:?}");
            }
        }
    }
}
