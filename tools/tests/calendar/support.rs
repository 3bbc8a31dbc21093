//! What the calendar's tests share.

use corelane_tools::calendar::Calendar;
use std::path::Path;

pub(crate) const SECOND: u64 = 1_000_000_000;

/// One of the calendars in `config/`.
pub(crate) fn shipped(name: &str) -> Calendar {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name);
    Calendar::load(&file).unwrap()
}

/// UTC nanoseconds of an RFC 3339 time.
pub(crate) fn ns(text: &str) -> u64 {
    let at: jiff::Timestamp = text.parse().unwrap();
    u64::try_from(at.as_nanosecond()).unwrap()
}

/// The other way, for messages.
pub(crate) fn time(at_ns: u64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at_ns)).unwrap().to_string()
}

/// Name of the window at a time.
pub(crate) fn window<'c>(calendar: &'c Calendar, at: &str) -> &'c str {
    &calendar.at(ns(at)).unwrap().window.name
}

/// A calendar from text that has no problem.
pub(crate) fn parsed(text: &str) -> Calendar {
    Calendar::parse(Path::new("calendar.toml"), text).unwrap()
}
