//! Walks TOML and collects what is wrong with it, so that one reading tells every problem.
//!
//! Must never: end at the first problem, or pass over a key nobody asked for. Runs once at start;
//! allocates.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is not as it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1; 0 where the thing is absent from it.
    pub line: usize,
    /// Dotted key, `role.risk-manager.latency_ms`.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What may.
    pub allowed: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, found, allowed } = self;
        write!(f, "line={line} key={key} found={found} allowed=({allowed})")
    }
}

/// The problems of one text.
#[derive(Debug)]
pub(super) struct Ledger<'t> {
    text: &'t str,
    list: RefCell<Vec<Problem>>,
}

impl<'t> Ledger<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, list: RefCell::new(Vec::new()) }
    }

    pub(super) fn add(
        &self,
        line: usize,
        key: impl Into<String>,
        found: impl fmt::Display,
        allowed: &str,
    ) {
        let (found, allowed) = (found.to_string(), allowed.to_owned());
        self.list.borrow_mut().push(Problem { line, key: key.into(), found, allowed });
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.bytes().take(offset);
        1 + before.filter(|byte| *byte == b'\n').count()
    }

    /// All problems in the order of the file.
    pub(super) fn close(self) -> Vec<Problem> {
        let mut list = self.list.into_inner();
        list.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
        list
    }
}

/// A table of the file, which remembers the keys it was asked for.
#[derive(Debug)]
pub(super) struct Section<'a> {
    ledger: &'a Ledger<'a>,
    path: String,
    line: usize,
    table: Option<&'a DeTable<'a>>,
    asked: RefCell<Vec<&'static str>>,
}

/// A key's value that a caller may still want to find fault with.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) line: usize,
}

impl<'a> Section<'a> {
    pub(super) fn document(table: &'a DeTable<'a>, ledger: &'a Ledger<'a>) -> Self {
        Self { ledger, path: String::new(), line: 0, table: Some(table), asked: RefCell::default() }
    }

    fn below(&self, path: String, value: Option<&'a Spanned<DeValue<'a>>>) -> Self {
        let line = value.map_or(0, |value| self.ledger.line(value.span().start));
        let table = value.and_then(|value| value.get_ref().as_table());
        if let Some(value) = value
            && table.is_none()
        {
            self.ledger.add(line, &path, shown(value.get_ref()), "a table");
        }
        Self { ledger: self.ledger, path, line, table, asked: RefCell::default() }
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn value(&self, name: &'static str) -> Option<(&'a DeValue<'a>, usize)> {
        self.asked.borrow_mut().push(name);
        let value = self.table?.get(name)?;
        Some((value.get_ref(), self.ledger.line(value.span().start)))
    }

    fn wrong(&self, name: &str, value: &DeValue<'_>, line: usize, allowed: &str) {
        self.ledger.add(line, self.key(name), shown(value), allowed);
    }

    /// The table of this name; empty where there is none.
    pub(super) fn section(&self, name: &'static str) -> Self {
        self.asked.borrow_mut().push(name);
        self.below(self.key(name), self.table.and_then(|table| table.get(name)))
    }

    /// Each table below the table of this name, with its own name; names are checked.
    pub(super) fn named(&self, name: &'static str) -> Vec<(String, Self)> {
        let group = self.section(name);
        let mut list = Vec::new();
        for (key, value) in group.table.into_iter().flatten() {
            let own = key.get_ref().to_string();
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if own.is_empty() || own.len() > 40 || !own.chars().all(good) {
                let line = self.ledger.line(key.span().start);
                let allowed = "a name of 1 to 40 small letters, digits and dashes";
                self.ledger.add(line, self.key(name), format!("{own:?}"), allowed);
                continue;
            }
            let section = group.below(format!("{}.{own}", group.path), Some(value));
            list.push((own, section));
        }
        list
    }

    /// A whole number; `absent` where the key is not there, and after a problem.
    pub(super) fn whole(
        &self,
        name: &'static str,
        bounds: RangeInclusive<u32>,
        absent: u32,
    ) -> u32 {
        let Some((value, line)) = self.value(name) else { return absent };
        let number = value
            .as_integer()
            .and_then(|text| u32::from_str_radix(text.as_str(), text.radix()).ok())
            .filter(|number| bounds.contains(number));
        number.unwrap_or_else(|| {
            let allowed = format!("a whole number from {} to {}", bounds.start(), bounds.end());
            self.wrong(name, value, line, &allowed);
            absent
        })
    }

    /// A whole number that must be there.
    pub(super) fn whole_needed(&self, name: &'static str, bounds: RangeInclusive<u32>) -> u32 {
        if !self.has(name) {
            let allowed = format!("a whole number from {} to {}", bounds.start(), bounds.end());
            self.ledger.add(self.line, self.key(name), "nothing", &allowed);
        }
        let absent = *bounds.start();
        self.whole(name, bounds, absent)
    }

    /// `true` or `false`; `false` where the key is not there.
    pub(super) fn flag(&self, name: &'static str) -> bool {
        let Some((value, line)) = self.value(name) else { return false };
        value.as_bool().unwrap_or_else(|| {
            self.wrong(name, value, line, "true or false");
            false
        })
    }

    /// Text, not empty; `None` where the key is not there, and after a problem.
    pub(super) fn word(&self, name: &'static str) -> Option<Word> {
        let (value, line) = self.value(name)?;
        match value.as_str() {
            Some(text) if !text.is_empty() => Some(Word { text: text.to_owned(), line }),
            _ => {
                self.wrong(name, value, line, "text, not empty");
                None
            }
        }
    }

    /// Text that must be there.
    pub(super) fn word_needed(&self, name: &'static str) -> Option<Word> {
        if !self.has(name) {
            self.ledger.add(self.line, self.key(name), "nothing", "text, not empty");
        }
        self.word(name)
    }

    /// One of a set of words that must be there.
    pub(super) fn choice<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let allowed = quoted(words);
        let Some((value, line)) = self.value(name) else {
            self.ledger.add(self.line, self.key(name), "nothing", &allowed);
            return None;
        };
        let hit = words.iter().find(|(word, _)| value.as_str() == Some(word));
        if hit.is_none() {
            self.wrong(name, value, line, &allowed);
        }
        hit.map(|(_, choice)| *choice)
    }

    /// A list of texts; `None` where the key is not there.
    pub(super) fn words(&self, name: &'static str) -> Option<Vec<Word>> {
        let (value, line) = self.value(name)?;
        let Some(list) = value.as_array() else {
            self.wrong(name, value, line, "a list of texts");
            return Some(Vec::new());
        };
        let mut words = Vec::new();
        for (i, value) in list.iter().enumerate() {
            let line = self.ledger.line(value.span().start);
            match value.get_ref().as_str() {
                Some(text) if !text.is_empty() => words.push(Word { text: text.to_owned(), line }),
                _ => {
                    let found = shown(value.get_ref());
                    self.ledger.add(
                        line,
                        self.key(&format!("{name}[{i}]")),
                        found,
                        "text, not empty",
                    );
                }
            }
        }
        Some(words)
    }

    /// A list out of a set of words, each once.
    pub(super) fn choices<T: Copy>(&self, name: &'static str, set: &[(&str, T)]) -> Vec<T> {
        let mut chosen: Vec<(&str, T)> = Vec::new();
        for word in self.words(name).unwrap_or_default() {
            match set.iter().find(|(text, _)| *text == word.text) {
                Some(hit) if !chosen.iter().any(|(text, _)| *text == hit.0) => chosen.push(*hit),
                Some(_) => {
                    let found = format!("{:?} twice", word.text);
                    self.ledger.add(word.line, self.key(name), found, "each word once");
                }
                None => {
                    let found = format!("{:?}", word.text);
                    self.ledger.add(word.line, self.key(name), found, &quoted(set));
                }
            }
        }
        chosen.into_iter().map(|(_, value)| value).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.get(name).is_some())
    }

    /// Reports the keys nobody asked for.
    pub(super) fn close(self) {
        let mut asked = self.asked.borrow().clone();
        asked.sort_unstable();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if !asked.contains(&name) {
                let line = self.ledger.line(key.span().start);
                let name = name.escape_debug().to_string();
                let allowed = format!("one of the keys {}", asked.join(", "));
                self.ledger.add(line, self.key(&name), "unknown key", &allowed);
            }
        }
    }
}

fn quoted<T>(words: &[(&str, T)]) -> String {
    words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ")
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => value.type_str().to_owned(),
    }
}
