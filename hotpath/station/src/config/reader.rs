//! Reads TOML key by key and keeps every problem it meets, so that one run reports all of them.
//!
//! Must never: stop at the first problem, or accept a key nobody asked for. Runs once at start on
//! the main thread; may allocate. serde's `deny_unknown_fields` ends at its first error, which is
//! why the tables are walked by hand.

use std::fmt;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1; 0 where the problem has no place (a missing section).
    pub line: usize,
    /// Dotted key, `station.idle`.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, found, allowed } = self;
        write!(f, "line={line} key={key} found={found} allowed={allowed}")
    }
}

/// The problems so far, and the text their places are counted in.
#[derive(Debug)]
pub struct Problems<'t> {
    text: &'t str,
    list: Vec<Problem>,
}

impl<'t> Problems<'t> {
    /// No problem yet with this text.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        Self { text, list: Vec::new() }
    }

    /// Keeps a problem; `line` 0 where it has no place.
    pub fn add(&mut self, line: usize, key: &str, found: impl fmt::Display, allowed: &str) {
        self.list.push(Problem {
            line,
            key: key.to_owned(),
            found: found.to_string(),
            allowed: allowed.to_owned(),
        });
    }

    /// The line of a place in the text, from 1.
    #[must_use]
    pub fn line_of(&self, offset: usize) -> usize {
        let head = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        head.iter().fold(1, |lines, byte| lines + usize::from(*byte == b'\n'))
    }

    /// The problems in the order of the file.
    #[must_use]
    pub fn into_list(mut self) -> Vec<Problem> {
        self.list.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
        self.list
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// What stands there.
    pub value: T,
    /// Line in the file, from 1.
    pub line: usize,
}

/// One table of the file. Each `take` marks its key as known; [`Table::finish`] reports the rest.
#[derive(Debug)]
pub struct Table<'a, 't> {
    path: String,
    line: usize,
    entries: Option<&'a DeTable<'t>>,
    known: Vec<&'static str>,
}

impl<'a, 't> Table<'a, 't> {
    /// The whole document.
    #[must_use]
    pub fn root(entries: &'a DeTable<'t>) -> Self {
        Self { path: String::new(), line: 0, entries: Some(entries), known: Vec::new() }
    }

    /// The line the table begins on; 0 for the document and for a table that is not there.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether the file has no such table.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.entries.is_none()
    }

    /// The dotted name of one of its keys.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn take(&mut self, name: &'static str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.known.push(name);
        self.entries?.get(name)
    }

    /// A table of its own below this one; empty where the file has none.
    #[must_use]
    pub fn table(&mut self, name: &'static str, problems: &mut Problems<'_>) -> Self {
        let path = self.key(name);
        let found = self.take(name);
        Self::from_value(path, found, problems)
    }

    fn from_value(
        path: String,
        found: Option<&'a Spanned<DeValue<'t>>>,
        problems: &mut Problems<'_>,
    ) -> Self {
        let line = found.map_or(0, |value| problems.line_of(value.span().start));
        let entries = found.and_then(|value| value.get_ref().as_table());
        if let Some(value) = found
            && entries.is_none()
        {
            problems.add(line, &path, value.get_ref().type_str(), "a table");
        }
        Self { path, line, entries, known: Vec::new() }
    }

    /// Every entry of a table of tables (`[limits.BTCUSDT]`), in the order of its names.
    pub fn named(
        &mut self,
        name: &'static str,
        problems: &mut Problems<'_>,
    ) -> Vec<(String, Self)> {
        let group = self.table(name, problems);
        let entries = group.entries.into_iter().flatten();
        entries
            .map(|(key, value)| {
                let key = key.get_ref().to_string();
                let path = format!("{}.{}", group.path, key.escape_debug());
                (key, Self::from_value(path, Some(value), problems))
            })
            .collect()
    }

    /// Every table of an array of tables (`[[strategy]]`).
    pub fn list(&mut self, name: &'static str, problems: &mut Problems<'_>) -> Vec<Self> {
        let path = self.key(name);
        let Some(found) = self.take(name) else { return Vec::new() };
        let Some(array) = found.get_ref().as_array() else {
            let line = problems.line_of(found.span().start);
            problems.add(line, &path, found.get_ref().type_str(), "an array of tables");
            return Vec::new();
        };
        let tables = array.iter().enumerate();
        tables
            .map(|(i, value)| Self::from_value(format!("{path}[{i}]"), Some(value), problems))
            .collect()
    }

    /// Text, or `None` where there is none.
    pub fn text(&mut self, name: &'static str, problems: &mut Problems<'_>) -> Option<At<String>> {
        let value = self.take(name)?;
        let line = problems.line_of(value.span().start);
        match value.get_ref().as_str() {
            Some(text) if !text.is_empty() => Some(At { value: text.to_owned(), line }),
            _ => {
                problems.add(line, &self.key(name), shown(value.get_ref()), "text, not empty");
                None
            }
        }
    }

    /// Text that must be there; empty after a problem.
    pub fn text_required(&mut self, name: &'static str, problems: &mut Problems<'_>) -> At<String> {
        let absent = self.entries.is_none_or(|entries| entries.get(name).is_none());
        if absent {
            problems.add(self.line, &self.key(name), "nothing", "text, not empty");
        }
        self.text(name, problems).unwrap_or(At { value: String::new(), line: self.line })
    }

    /// Every entry of a table of texts (`2027-01-01 = "New Year's Day"`), each with its key, in the
    /// order of the keys.
    pub fn texts(
        &mut self,
        name: &'static str,
        problems: &mut Problems<'_>,
    ) -> Vec<(String, At<String>)> {
        let group = self.table(name, problems);
        let mut list = Vec::new();
        for (key, value) in group.entries.into_iter().flatten() {
            let key = key.get_ref().to_string();
            let line = problems.line_of(value.span().start);
            match value.get_ref().as_str() {
                Some(text) if !text.is_empty() => {
                    list.push((key, At { value: text.to_owned(), line }));
                }
                _ => {
                    let path = format!("{}.{}", group.path, key.escape_debug());
                    problems.add(line, &path, shown(value.get_ref()), "text, not empty");
                }
            }
        }
        list
    }

    /// A whole number within bounds, or `None` where there is none.
    pub fn integer(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<i64>,
        problems: &mut Problems<'_>,
    ) -> Option<At<i64>> {
        let value = self.take(name)?;
        let line = problems.line_of(value.span().start);
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|text| i64::from_str_radix(text.as_str(), text.radix()).ok())
            .filter(|number| bounds.contains(number));
        if number.is_none() {
            let allowed = format!("a whole number from {} to {}", bounds.start(), bounds.end());
            problems.add(line, &self.key(name), shown(value.get_ref()), &allowed);
        }
        number.map(|value| At { value, line })
    }

    /// A whole number within bounds, with a default.
    pub fn integer_or(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<i64>,
        default: i64,
        problems: &mut Problems<'_>,
    ) -> i64 {
        self.integer(name, bounds, problems).map_or(default, |at| at.value)
    }

    /// A whole number that must be there; the lower bound after a problem.
    pub fn integer_required(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<i64>,
        problems: &mut Problems<'_>,
    ) -> i64 {
        let (low, high) = (*bounds.start(), *bounds.end());
        if self.entries.is_none_or(|entries| entries.get(name).is_none()) {
            let allowed = format!("a whole number from {low} to {high}");
            problems.add(self.line, &self.key(name), "nothing", &allowed);
        }
        self.integer_or(name, bounds, low, problems)
    }

    /// Yes or no, with a default.
    pub fn boolean_or(
        &mut self,
        name: &'static str,
        default: bool,
        problems: &mut Problems<'_>,
    ) -> bool {
        let Some(value) = self.take(name) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            let line = problems.line_of(value.span().start);
            problems.add(line, &self.key(name), shown(value.get_ref()), "true or false");
            default
        })
    }

    /// One of a list of words, with a default.
    pub fn choice_or<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        default: T,
        problems: &mut Problems<'_>,
    ) -> T {
        let Some(value) = self.take(name) else { return default };
        let found = value.get_ref().as_str();
        let hit = words.iter().find(|(word, _)| Some(*word) == found);
        hit.map_or_else(
            || {
                let line = problems.line_of(value.span().start);
                let list: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                let allowed = list.join(" or ");
                problems.add(line, &self.key(name), shown(value.get_ref()), &allowed);
                default
            },
            |(_, choice)| *choice,
        )
    }

    /// One of a list of words that must be there; `stand_in` after a problem.
    pub fn choice_required<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        stand_in: T,
        problems: &mut Problems<'_>,
    ) -> T {
        if self.entries.is_none_or(|entries| entries.get(name).is_none()) {
            let list: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            problems.add(self.line, &self.key(name), "nothing", &list.join(" or "));
        }
        self.choice_or(name, words, stand_in, problems)
    }

    /// The bare value, for keys that take more than one type.
    pub fn value(
        &mut self,
        name: &'static str,
        problems: &Problems<'_>,
    ) -> Option<At<&'a DeValue<'t>>> {
        let value = self.take(name)?;
        Some(At { value: value.get_ref(), line: problems.line_of(value.span().start) })
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self, problems: &mut Problems<'_>) {
        let mut known = self.known.clone();
        known.sort_unstable();
        known.dedup();
        for (key, value) in self.entries.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let line = problems.line_of(key.span().start);
                let allowed = format!("one of the keys {}", known.join(", "));
                let found = format!("unknown key ({})", value.get_ref().type_str());
                let name = name.escape_debug().to_string();
                problems.add(line, &self.key(&name), found, &allowed);
            }
        }
    }
}

/// A value as an operator line shows it: short, on one line.
#[must_use]
pub fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{}\"", text.escape_debug()),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) if number.as_str().contains(['n', 'N']) => {
            format!("{} (not finite)", number.as_str())
        }
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => value.type_str().to_owned(),
    }
}
