//! Every key of the configuration files: what it is, its unit, what is allowed, its default, and
//! which process reads it.
//!
//! One table. The keys of limits files are made from the engine's own rows; the rest is written
//! down here and held in step with the loaders by `tools/tests/config.rs`, which asks each loader
//! what it accepts. Must never: name a key no loader takes, or leave one out.

mod calendar;
mod limits;
mod nightly;
mod station;
mod topology;

use std::fmt;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// What the engine and `corelane run` are started with.
    Station,
    /// The limits a station names.
    Limits,
    /// Which CPUs are hot: the doctor's.
    Topology,
    /// Which models are resident when.
    Calendar,
    /// What `corelane calendar run` follows.
    CalendarRun,
    /// What `corelane train nightly` does.
    Nightly,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Station,
        Self::Limits,
        Self::Topology,
        Self::Calendar,
        Self::CalendarRun,
        Self::Nightly,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Station => "station",
            Self::Limits => "limits",
            Self::Topology => "topology",
            Self::Calendar => "calendar",
            Self::CalendarRun => "calendar run",
            Self::Nightly => "nightly",
        }
    }
}

/// What may stand at a key, said as its loader says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A whole number, both ends included.
    Whole(i64, i64),
    /// One of these words.
    Words(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// Text, not empty.
    Text,
    /// What the loader says.
    Said(&'static str),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Words(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                f.write_str(&words.join(" or "))
            }
            Self::Flag => f.write_str("true or false"),
            Self::Text => f.write_str("text, not empty"),
            Self::Said(text) => f.write_str(text),
        }
    }
}

/// What holds without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Nothing: the file is refused.
    Refused,
    /// This value, as TOML.
    Value(&'static str),
    /// What the words say.
    Means(&'static str),
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("none: it must be there"),
            Self::Value(text) | Self::Means(text) => f.write_str(text),
        }
    }
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub file: FileKind,
    /// Its dotted name; `NAME`, `SYMBOL`, `DATE` and `TIME` stand for names of the file's own.
    pub name: String,
    /// What it is.
    pub what: String,
    /// Unit; `-` where it has none.
    pub unit: String,
    /// What may stand there.
    pub allowed: Allowed,
    /// Its default.
    pub absent: Absent,
    /// Who reads it.
    pub reader: String,
    /// What else is to be known, one line each: heading and text.
    pub more: Vec<(&'static str, String)>,
}

/// A key as the tables of this folder write it.
struct Row(&'static str, &'static str, Allowed, Absent, &'static str);

/// Keys of one table of a file: its path, who reads them, the keys.
struct Section {
    path: &'static str,
    reader: &'static str,
    rows: &'static [Row],
}

impl Section {
    fn keys(&self, file: FileKind) -> impl Iterator<Item = Key> {
        self.rows.iter().map(move |Row(name, unit, allowed, absent, what)| Key {
            file,
            name: if self.path.is_empty() {
                (*name).to_owned()
            } else {
                format!("{}.{name}", self.path)
            },
            what: (*what).to_owned(),
            unit: (*unit).to_owned(),
            allowed: *allowed,
            absent: *absent,
            reader: self.reader.to_owned(),
            more: Vec::new(),
        })
    }
}

fn of(file: FileKind, sections: &[Section]) -> impl Iterator<Item = Key> {
    sections.iter().flat_map(move |section| section.keys(file))
}

/// Every key there is, in the order of the files.
#[must_use]
pub fn all() -> Vec<Key> {
    let mut keys: Vec<Key> = station::keys().collect();
    keys.extend(limits::keys());
    keys.extend(of(FileKind::Topology, topology::SECTIONS));
    keys.extend(of(FileKind::Calendar, calendar::SECTIONS));
    keys.extend(of(FileKind::CalendarRun, calendar::RUN));
    keys.extend(of(FileKind::Nightly, nightly::SECTIONS));
    keys
}
