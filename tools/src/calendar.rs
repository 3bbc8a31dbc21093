//! The GPU calendar: which window it is at an instant, what is resident in it, what comes next.
//!
//! A calendar is data (`config/calendar.toml`, described in `config/CALENDAR.md`): an exchange's time
//! zone, trading days, holidays and half days, a schedule for each kind of day, and windows that name
//! the models that are resident. Owns the answers, not the doing ([`plan`] says the steps). Must
//! never: read a clock or the host's time zone data, or answer for a day its file does not vouch for.
//! Pure but for [`Calendar::load`]; any thread; allocates.

pub mod args;
mod file;
mod plan;
pub mod run;
pub mod show;
mod zone;

pub use plan::{State, Step, plan};

use jiff::civil::Date;
use signal::resident::Resident;
use std::collections::BTreeMap;
use zone::Zone;

/// Days looked at beyond the last special day: after a week without one every week is the same.
const REPEATS_AFTER_DAYS: i32 = 8;

/// What a window is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// The exchange trades.
    MarketHours,
    /// Models are swapped and verified; the station is in MAINTENANCE.
    Transition,
    /// Before the exchange opens.
    PreMarket,
    /// After it closed, the night included.
    AfterHours,
    /// Models and agents are compared with each other.
    Tournament,
}

impl WindowKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::MarketHours, Self::Transition, Self::PreMarket, Self::AfterHours, Self::Tournament];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MarketHours => "market-hours",
            Self::Transition => "transition",
            Self::PreMarket => "pre-market",
            Self::AfterHours => "after-hours",
            Self::Tournament => "tournament",
        }
    }
}

/// The mode the station is to have in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StationMode {
    /// LIVE, once the window's models are verified.
    Live,
    /// MAINTENANCE.
    Maintenance,
}

impl StationMode {
    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Maintenance => "maintenance",
        }
    }
}

/// One window: what is resident, and what the station does meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its name, unique.
    pub name: String,
    /// What it is for.
    pub kind: WindowKind,
    /// The station's mode.
    pub station: StationMode,
    /// The model whose scores the station uses; one of `models`.
    pub serving: Option<String>,
    /// What is resident, the dearest first.
    pub models: Vec<Resident>,
}

/// What kind of day a date is at the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DayKind {
    /// A whole trading day.
    Full,
    /// One with an early close.
    Half,
    /// A holiday, or a weekday without trading.
    Closed,
}

impl DayKind {
    /// Every kind, as `Calendar::schedule` is indexed.
    pub const ALL: [Self; 3] = [Self::Full, Self::Half, Self::Closed];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Half => "half",
            Self::Closed => "closed",
        }
    }
}

/// From one change of the window to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<'c> {
    /// The window.
    pub window: &'c Window,
    /// First instant, UTC nanoseconds; `None` where the window has always been.
    pub begin_ns: Option<u64>,
    /// First instant after it, UTC nanoseconds; `None` where it never changes. At the end of what the
    /// file vouches for no window follows.
    pub end_ns: Option<u64>,
}

/// The instant lies on a day the file does not vouch for: its holidays are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calendar does not cover this day: calendar={name} covers={first}..{last}")]
pub struct NotCovered {
    /// The calendar.
    pub name: String,
    /// First day covered.
    pub first: Date,
    /// Last day covered.
    pub last: Date,
}

/// One change of a day's schedule: time of day, seconds, and the window from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    second: u32,
    window: usize,
}

/// A checked calendar.
#[derive(Clone, Debug)]
pub struct Calendar {
    name: String,
    zone: Zone,
    /// By weekday, Monday first.
    trading: [bool; 7],
    covers: Option<(Date, Date)>,
    holidays: BTreeMap<Date, String>,
    half_days: BTreeMap<Date, String>,
    /// By [`DayKind::ALL`]; each begins at midnight and rises.
    schedule: [Vec<Change>; 3],
    windows: Vec<Window>,
}

impl Calendar {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name of its time zone, as the IANA data base has it.
    #[must_use]
    pub fn zone(&self) -> &str {
        self.zone.name()
    }

    /// First and last day it vouches for; `None` where every week is like every other for ever.
    #[must_use]
    pub fn covers(&self) -> Option<(Date, Date)> {
        self.covers
    }

    /// Its windows.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// What kind of day a date is.
    #[must_use]
    pub fn day_kind(&self, date: Date) -> DayKind {
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        if self.holidays.contains_key(&date) || self.trading.get(weekday) != Some(&true) {
            DayKind::Closed
        } else if self.half_days.contains_key(&date) {
            DayKind::Half
        } else {
            DayKind::Full
        }
    }

    /// The name of a holiday or half day.
    #[must_use]
    pub fn special(&self, date: Date) -> Option<&str> {
        self.holidays.get(&date).or_else(|| self.half_days.get(&date)).map(String::as_str)
    }

    /// The window at an instant, from the change that began it to the next.
    ///
    /// # Errors
    /// [`NotCovered`].
    pub fn at(&self, at_ns: u64) -> Result<Span<'_>, NotCovered> {
        let (first_ns, after_ns) = self.covered_ns();
        if at_ns < first_ns || after_ns.is_some_and(|after| at_ns >= after) {
            let (first, last) = self.covers.unwrap_or((Date::MIN, Date::MAX));
            return Err(NotCovered { name: self.name.clone(), first, last });
        }
        let date = self.zone.date(at_ns);
        // A clock that is set back over midnight shows yesterday's date after today has begun.
        let near = [-1, 0, 1].into_iter().filter_map(|days| shift(date, days));
        let now = near
            .flat_map(|day| self.changes(day))
            .take_while(|(begin_ns, _)| *begin_ns <= at_ns)
            .last();
        let index = now.map_or(0, |(_, window)| window);
        let begin_ns = self.begin_of(index, date, at_ns).filter(|begin| *begin > 0);
        let begin_ns = match begin_ns {
            Some(begin) => Some(begin.max(first_ns)),
            None => Some(first_ns).filter(|first| *first > 0),
        };
        let end_ns = self.end_of(index, date, at_ns);
        let end_ns = match (end_ns, after_ns) {
            (Some(end), Some(after)) => Some(end.min(after)),
            (end, after) => end.or(after),
        };
        Ok(Span { window: &self.windows[index], begin_ns, end_ns })
    }

    /// The window after the one at an instant; `None` where none follows.
    ///
    /// # Errors
    /// [`NotCovered`] for the instant itself.
    pub fn next(&self, at_ns: u64) -> Result<Option<Span<'_>>, NotCovered> {
        let end_ns = self.at(at_ns)?.end_ns;
        Ok(end_ns.and_then(|end_ns| self.at(end_ns).ok()))
    }

    /// The changes of a day: first instant and window, rising.
    fn changes(&self, day: Date) -> impl Iterator<Item = (u64, usize)> + '_ {
        let kind = self.day_kind(day) as usize;
        let schedule = self.schedule.get(kind).map_or(&[][..], Vec::as_slice);
        schedule.iter().map(move |change| (self.zone.first_ns(day, change.second), change.window))
    }

    /// First and first uncovered nanosecond.
    fn covered_ns(&self) -> (u64, Option<u64>) {
        let Some((first, last)) = self.covers else { return (0, None) };
        let after = shift(last, 1).map(|day| self.zone.first_ns(day, 0));
        (self.zone.first_ns(first, 0), after)
    }

    /// When the window that is at `at_ns` began: the change to it after the last one to another.
    fn begin_of(&self, window: usize, date: Date, at_ns: u64) -> Option<u64> {
        let earliest = self.special_days().min().unwrap_or(date).min(date);
        let mut begin = None;
        for back in -1.. {
            let day = shift(date, -back)?;
            for (begin_ns, other) in self.changes(day).collect::<Vec<_>>().into_iter().rev() {
                if begin_ns > at_ns {
                    continue;
                }
                // A change that another replaces at the same instant never was.
                if other != window && begin != Some(begin_ns) {
                    return begin;
                }
                if other == window {
                    begin = Some(begin_ns);
                }
            }
            if shift(day, REPEATS_AFTER_DAYS).is_some_and(|day| day < earliest) {
                return None;
            }
        }
        None
    }

    /// When it ends: the first change after `at_ns` that leaves another in force.
    fn end_of(&self, window: usize, date: Date, at_ns: u64) -> Option<u64> {
        let latest = self.special_days().max().unwrap_or(date).max(date);
        let last = shift(latest, REPEATS_AFTER_DAYS)?;
        let mut day = shift(date, -1)?;
        let mut other: Option<u64> = None;
        while day <= last {
            for (begin_ns, to) in self.changes(day).filter(|(begin_ns, _)| *begin_ns > at_ns) {
                if other.is_some_and(|end| begin_ns > end) {
                    return other;
                }
                other = (to != window).then_some(begin_ns);
            }
            day = shift(day, 1)?;
        }
        other
    }

    fn special_days(&self) -> impl Iterator<Item = Date> + '_ {
        self.holidays.keys().chain(self.half_days.keys()).copied()
    }
}

/// The date so many days later; `None` beyond the ends of the calendar.
fn shift(date: Date, days: i32) -> Option<Date> {
    date.checked_add(jiff::Span::new().days(i64::from(days))).ok()
}
