//! A time zone from the data in this program: dates of instants, and instants of times of day.
//!
//! A time of day is the first instant of its date at which the local clock shows it or a later one.
//! So a time the clock skips in spring is the instant of the jump, a time it shows twice in autumn is
//! the first of both, and later times of day are never earlier instants. Must never: look at the
//! host's zone files. Pure.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

/// A named time zone.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The zone of an IANA name, or why there is none.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|error| error.to_string())?;
        Ok(Self { name: name.to_owned(), zone })
    }

    /// UTC.
    pub(super) fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The local date and time at an instant.
    pub(super) fn local(&self, at_ns: u64) -> DateTime {
        self.zone.to_datetime(timestamp(at_ns))
    }

    /// The local date at an instant.
    pub(super) fn date(&self, at_ns: u64) -> Date {
        self.local(at_ns).date()
    }

    /// The local offset at an instant, as `-05` or `+05:30`.
    pub(super) fn offset(&self, at_ns: u64) -> String {
        self.zone.to_offset(timestamp(at_ns)).to_string()
    }

    /// The first instant of `date` at which the local clock shows `second` of the day or later, UTC
    /// nanoseconds; 0 before the epoch.
    pub(super) fn first_ns(&self, date: Date, second: u32) -> u64 {
        let local = date.to_datetime(time_of(second));
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let instant = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local),
            // The larger offset comes first.
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local),
            // By the clock after the jump the time lies before the jump: the jump is what follows.
            AmbiguousOffset::Gap { after, .. } => after
                .to_timestamp(local)
                .map(|early| self.zone.following(early).next().map_or(early, |t| t.timestamp())),
        };
        instant.map_or(0, |instant| u64::try_from(instant.as_nanosecond()).unwrap_or(0))
    }
}

/// UTC nanoseconds as a timestamp; every `u64` is one.
pub(super) fn timestamp(at_ns: u64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(at_ns)).unwrap_or(Timestamp::MAX)
}

fn time_of(second: u32) -> Time {
    let part = |value: u32| i8::try_from(value).unwrap_or(0);
    let parts = (part(second / 3_600), part(second / 60 % 60), part(second % 60));
    Time::new(parts.0, parts.1, parts.2, 0).unwrap_or(Time::midnight())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(zone: &str, day: Date, second: u32) -> String {
        timestamp(Zone::named(zone).unwrap().first_ns(day, second)).to_string()
    }

    #[test]
    fn a_skipped_time_is_the_jump_and_a_repeated_one_the_first() {
        let hour = 3_600;
        let spring = |second| at("America/New_York", date(2025, 3, 9), second);
        assert_eq!(spring(2 * hour - 1), "2025-03-09T06:59:59Z");
        for skipped in [2 * hour, 2 * hour + 1_800, 3 * hour - 1, 3 * hour] {
            assert_eq!(spring(skipped), "2025-03-09T07:00:00Z", "{skipped}");
        }
        assert_eq!(spring(3 * hour + 1), "2025-03-09T07:00:01Z");
        let autumn = |second| at("America/New_York", date(2025, 11, 2), second);
        assert_eq!(autumn(hour), "2025-11-02T05:00:00Z");
        assert_eq!(autumn(2 * hour - 1), "2025-11-02T05:59:59Z");
        assert_eq!(autumn(2 * hour), "2025-11-02T07:00:00Z");
    }

    #[test]
    fn midnight_is_skipped_or_repeated_where_a_zone_jumps_there() {
        // Beirut goes from 24:00 to 01:00 in spring, and from 24:00 back to 23:00 in autumn.
        assert_eq!(at("Asia/Beirut", date(2025, 3, 30), 0), "2025-03-29T22:00:00Z");
        assert_eq!(at("Asia/Beirut", date(2025, 10, 25), 23 * 3_600), "2025-10-25T20:00:00Z");
        assert_eq!(at("Asia/Beirut", date(2025, 10, 26), 0), "2025-10-25T22:00:00Z");
        // Samoa had no 30 December 2011: it is over as it begins.
        let (none, next) = (date(2011, 12, 30), date(2011, 12, 31));
        assert_eq!(at("Pacific/Apia", none, 0), at("Pacific/Apia", next, 0));
    }

    #[test]
    fn the_data_is_the_program_s_own() {
        assert!(Zone::named("America/New_York").is_ok());
        assert!(Zone::named("America/Gotham").unwrap_err().contains("Gotham"));
    }
}
