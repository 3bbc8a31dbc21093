//! The calendar file: read key by key, every problem of it told in one run.
//!
//! Must never: accept a key nobody asked for, a schedule that leaves a time of day without a window,
//! or a holiday on a day without trading (the observed day was forgotten).

use super::zone::Zone;
use super::{Calendar, Change, DayKind, StationMode, Window, WindowKind};
use jiff::civil::Date;
use signal::resident::{Device, Priority, Resident};
use station::config::document;
use station::config::reader::{At, Problems, Table, shown};
use station::operator::Failure;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use wire::exit::Exit;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DATE: &str = "a date, YYYY-MM-DD";
const SCHEDULE: &str = "times of day and their windows, from \"00:00\" on";
const TIME: &str = "a time of day, \"HH:MM\" or \"HH:MM:SS\"";

impl Calendar {
    /// Loads and checks a file.
    ///
    /// # Errors
    /// A [`Failure`] with one line a problem: `CONFIGURATION`, or `RESOURCE` where the file cannot be
    /// read.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            let fields = format!("file={} error=\"{error}\"", file.display());
            let next = "name an existing file with --calendar=";
            Failure::new(Exit::Resource, "calendar file cannot be read", fields, next)
        })?;
        Self::parse(file, &text)
    }

    /// Checks the text of a file; `file` is for messages.
    ///
    /// # Errors
    /// A [`Failure`] with one line a problem.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Failure> {
        document(file, text, read)
    }
}

fn read(root: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Calendar {
    let mut head = root.table("calendar", problems);
    let name = head.text_required("name", problems).value;
    let zone = zone(&mut head, problems);
    let trading = trading(&mut head, problems);
    let covers = covers(&mut head, problems);
    head.finish(problems);
    let windows = windows(root, problems);
    let schedule = schedule(root, &windows, problems);
    let mut calendar = Calendar {
        name,
        zone,
        trading,
        covers,
        holidays: BTreeMap::new(),
        half_days: BTreeMap::new(),
        schedule,
        windows: windows.into_iter().map(|(window, _)| window).collect(),
    };
    // In this order: a half day on a holiday is a problem.
    calendar.holidays = special_days(&calendar, "holidays", root, problems);
    calendar.half_days = special_days(&calendar, "half_days", root, problems);
    for (kind, schedule) in DayKind::ALL.into_iter().zip(&calendar.schedule) {
        if schedule.is_empty() && has_days(&calendar, kind) {
            problems.add(0, &format!("day.{}", kind.name()), "nothing", SCHEDULE);
        }
    }
    calendar
}

/// Whether any day can be of a kind.
fn has_days(calendar: &Calendar, kind: DayKind) -> bool {
    match kind {
        DayKind::Full => calendar.trading.contains(&true),
        DayKind::Half => !calendar.half_days.is_empty(),
        DayKind::Closed => calendar.trading.contains(&false) || !calendar.holidays.is_empty(),
    }
}

fn zone(head: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Zone {
    let name = head.text_required("time_zone", problems);
    if name.value.is_empty() {
        return Zone::utc();
    }
    Zone::named(&name.value).unwrap_or_else(|_| {
        let found = format!("\"{}\"", name.value.escape_debug());
        let allowed = "a time zone of the IANA data base, \"America/New_York\"";
        problems.add(name.line, &head.key("time_zone"), found, allowed);
        Zone::utc()
    })
}

fn trading(head: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> [bool; 7] {
    const ALLOWED: &str = "a list of mon, tue, wed, thu, fri, sat, sun, each once";
    let key = head.key("trading_days");
    // After a problem every day passes for one, so that no holiday looks wrong for it.
    let unknown = [true; 7];
    let Some(found) = head.value("trading_days", problems) else {
        problems.add(head.line(), &key, "nothing", ALLOWED);
        return unknown;
    };
    let Some(list) = found.value.as_array() else {
        problems.add(found.line, &key, shown(found.value), ALLOWED);
        return unknown;
    };
    let mut days = [false; 7];
    let mut good = true;
    for value in list {
        let word = value.get_ref().as_str();
        let day = WEEKDAYS.iter().position(|day| Some(*day) == word);
        if let Some(day) = day.and_then(|day| days.get_mut(day)).filter(|taken| !**taken) {
            *day = true;
        } else {
            let line = problems.line_of(value.span().start);
            problems.add(line, &key, shown(value.get_ref()), ALLOWED);
            good = false;
        }
    }
    if good { days } else { unknown }
}

/// First and last day, both or neither.
fn covers(head: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Option<(Date, Date)> {
    let first = date_at(head, "first_date", problems);
    let last = date_at(head, "last_date", problems);
    match (first, last) {
        (None, None) => None,
        (Some(first), Some(last)) => {
            let (from, to) = (first.value?, last.value?);
            if from > to {
                let allowed = format!("{from} (first_date) or later");
                problems.add(last.line, &head.key("last_date"), to, &allowed);
            }
            Some((from, to))
        }
        (Some(_), None) => {
            problems.add(head.line(), &head.key("last_date"), "nothing", DATE);
            None
        }
        (None, Some(_)) => {
            problems.add(head.line(), &head.key("first_date"), "nothing", DATE);
            None
        }
    }
}

fn date_at(
    head: &mut Table<'_, '_>,
    name: &'static str,
    problems: &mut Problems<'_>,
) -> Option<At<Option<Date>>> {
    let text = head.text(name, problems)?;
    let date = date(&text.value);
    if date.is_none() {
        let found = format!("\"{}\"", text.value.escape_debug());
        problems.add(text.line, &head.key(name), found, DATE);
    }
    Some(At { value: date, line: text.line })
}

fn date(text: &str) -> Option<Date> {
    let shape = text.len() == 10 && text.is_ascii();
    shape.then(|| text.parse().ok()).flatten()
}

fn special_days(
    calendar: &Calendar,
    section: &'static str,
    root: &mut Table<'_, '_>,
    problems: &mut Problems<'_>,
) -> BTreeMap<Date, String> {
    let mut days = BTreeMap::new();
    for (key, name) in root.texts(section, problems) {
        let path = format!("{section}.{}", key.escape_debug());
        let Some(date) = date(&key) else {
            problems.add(name.line, &path, format!("\"{}\"", key.escape_debug()), DATE);
            continue;
        };
        let found = || format!("{date} ({})", weekday(date));
        if calendar.covers.is_some_and(|(first, last)| date < first || date > last) {
            let allowed = "a day from calendar.first_date to calendar.last_date";
            problems.add(name.line, &path, found(), allowed);
        } else if calendar.holidays.contains_key(&date) {
            problems.add(name.line, &path, found(), "a day that is no holiday as well");
        } else if calendar.day_kind(date) == DayKind::Closed {
            let allowed =
                "a trading day: what falls on another is observed before or after, or not";
            problems.add(name.line, &path, found(), allowed);
        }
        days.insert(date, name.value);
    }
    days
}

fn weekday(date: Date) -> &'static str {
    let index = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
    WEEKDAYS.get(index).copied().unwrap_or("")
}

/// Every window with the line it begins on.
fn windows(root: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Vec<(Window, usize)> {
    let found = root.named("window", problems);
    if found.is_empty() {
        problems.add(0, "window", "nothing", "at least one table [window.NAME]");
    }
    let mut list = Vec::new();
    for (name, mut table) in found {
        list.push((window(name, &mut table, problems), table.line()));
        table.finish(problems);
    }
    list
}

fn window(name: String, table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Window {
    let kinds = WindowKind::ALL.map(|kind| (kind.name(), kind));
    let kind = table.choice_required("kind", &kinds, WindowKind::MarketHours, problems);
    let choices = [StationMode::Live, StationMode::Maintenance].map(|mode| (mode.name(), mode));
    let station = table.choice_required("station", &choices, StationMode::Maintenance, problems);
    if kind == WindowKind::Transition && station == StationMode::Live {
        let allowed = "\"maintenance\" in a window of the kind transition";
        problems.add(table.line(), &table.key("station"), "\"live\"", allowed);
    }
    let mut models: Vec<Resident> = Vec::new();
    for mut entry in table.list("model", problems) {
        let model = model(&mut entry, problems);
        let again = |other: &Resident| other.model == model.model && other.device == model.device;
        if models.iter().any(again) {
            let found = format!("\"{}\" on {} again", model.model, model.device.name());
            problems.add(entry.line(), &entry.key("name"), found, "each model once on a device");
        }
        entry.finish(problems);
        models.push(model);
    }
    models.sort_by(|a, b| {
        (Reverse(a.priority), &a.model, a.device).cmp(&(Reverse(b.priority), &b.model, b.device))
    });
    let serving = table.text("serving", problems);
    if let Some(serving) = &serving
        && models.iter().filter(|model| model.model == serving.value).count() != 1
    {
        let found = format!("\"{}\"", serving.value.escape_debug());
        let allowed = "a model of this window that is on one device";
        problems.add(serving.line, &table.key("serving"), found, allowed);
    }
    Window { name, kind, station, serving: serving.map(|at| at.value), models }
}

fn model(entry: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Resident {
    let devices = Device::ALL.map(|device| (device.name(), device));
    let priorities = Priority::ALL.map(|priority| (priority.name(), priority));
    Resident {
        model: entry.text_required("name", problems).value,
        device: entry.choice_required("device", &devices, Device::Cpu, problems),
        priority: entry.choice_required("priority", &priorities, Priority::Optional, problems),
    }
}

fn schedule(
    root: &mut Table<'_, '_>,
    windows: &[(Window, usize)],
    problems: &mut Problems<'_>,
) -> [Vec<Change>; 3] {
    let mut days = root.table("day", problems);
    let names: Vec<&str> = windows.iter().map(|(window, _)| window.name.as_str()).collect();
    let mut used = vec![false; names.len()];
    let schedule = DayKind::ALL.map(|kind| {
        let list = day(&mut days, kind, &names, problems);
        for change in &list {
            used[change.window] = true;
        }
        list
    });
    for ((window, line), _) in windows.iter().zip(used).filter(|(_, used)| !used) {
        let allowed = "a window that a day's schedule names";
        let key = format!("window.{}", window.name.escape_debug());
        problems.add(*line, &key, "named by no day", allowed);
    }
    days.finish(problems);
    schedule
}

/// The schedule of one kind of day; empty where the file has none.
fn day(
    days: &mut Table<'_, '_>,
    kind: DayKind,
    names: &[&str],
    problems: &mut Problems<'_>,
) -> Vec<Change> {
    let path = days.key(kind.name());
    let mut list: Vec<Change> = Vec::new();
    let found = days.texts(kind.name(), problems);
    let line = found.iter().map(|(_, window)| window.line).min().unwrap_or(0);
    for (time, window) in found {
        let key = format!("{path}.{}", time.escape_debug());
        let Some(second) = second_of(&time) else {
            let found = format!("\"{}\"", time.escape_debug());
            problems.add(window.line, &key, found, TIME);
            continue;
        };
        let Some(index) = names.iter().position(|name| *name == window.value) else {
            let found = format!("\"{}\"", window.value.escape_debug());
            let allowed = format!("one of the windows {}", names.join(", "));
            problems.add(window.line, &key, found, &allowed);
            continue;
        };
        if list.iter().any(|change| change.second == second) {
            problems.add(window.line, &key, "this time again", "each time of day once");
        }
        list.push(Change { second, window: index });
    }
    list.sort_by_key(|change| change.second);
    if list.first().is_some_and(|change| change.second != 0) {
        problems.add(line, &path, "no window at 00:00", SCHEDULE);
    }
    list
}

/// Seconds after midnight of `HH:MM` or `HH:MM:SS`.
fn second_of(text: &str) -> Option<u32> {
    let parts: Vec<&str> = text.split(':').collect();
    let digits = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(digits) {
        return None;
    }
    let part = |index: usize| parts.get(index).map_or(Some(0), |part| part.parse::<u32>().ok());
    let (hour, minute, second) = (part(0)?, part(1)?, part(2)?);
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3_600 + minute * 60 + second)
}
