//! The calendar of the New York Stock Exchange as it comes with the station, held against the
//! exchange's rules and against hours known from outside.

use crate::support::{SECOND, ns, parsed, shipped, time, window};
use corelane_tools::calendar::{DayKind, StationMode, WindowKind};
use jiff::civil::{Date, Weekday, date};
use jiff::{Span, ToSpan};
use std::collections::BTreeSet;

fn nth(year: i16, month: i8, weekday: Weekday, n: i8) -> Date {
    date(year, month, 1).nth_weekday_of_month(n, weekday).unwrap()
}

/// Western Easter by the method of Meeus, Jones and Butcher.
fn easter(year: i16) -> Date {
    let year_no = i32::from(year);
    let (golden, century, short) = (year_no % 19, year_no / 100, year_no % 100);
    let moon = (8 * century + 13) / 25;
    let epact = (19 * golden + century - century / 4 - moon + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (short / 4) - epact - short % 4) % 7;
    let late = (golden + 11 * epact + 19 * weekday) / 433;
    let month = (epact + weekday - 7 * late + 90) / 25;
    let day = (epact + weekday - 7 * late + 33 * month + 19) % 32;
    date(year, i8::try_from(month).unwrap(), i8::try_from(day).unwrap())
}

/// Saturday's holiday on Friday, Sunday's on Monday.
fn observed(day: Date) -> Date {
    match day.weekday() {
        Weekday::Saturday => day - 1.day(),
        Weekday::Sunday => day + 1.day(),
        Weekday::Monday
        | Weekday::Tuesday
        | Weekday::Wednesday
        | Weekday::Thursday
        | Weekday::Friday => day,
    }
}

fn holidays_by_rule(year: i16) -> BTreeSet<Date> {
    let mut days = BTreeSet::from([
        nth(year, 1, Weekday::Monday, 3),
        nth(year, 2, Weekday::Monday, 3),
        easter(year) - 2.days(),
        nth(year, 5, Weekday::Monday, -1),
        observed(date(year, 6, 19)),
        observed(date(year, 7, 4)),
        nth(year, 9, Weekday::Monday, 1),
        nth(year, 11, Weekday::Thursday, 4),
        observed(date(year, 12, 25)),
    ]);
    // The last day of a year stays a trading day: a New Year's Day on a Saturday is not observed.
    let new_year = date(year, 1, 1);
    if new_year.weekday() != Weekday::Saturday {
        days.insert(observed(new_year));
    }
    days
}

/// The day after Thanksgiving; 3 July and 24 December where they and the day after are weekdays.
fn half_days_by_rule(year: i16) -> BTreeSet<Date> {
    let mut days = BTreeSet::from([nth(year, 11, Weekday::Thursday, 4) + 1.day()]);
    for eve in [date(year, 7, 3), date(year, 12, 24)] {
        let day = Span::new().days(1);
        if observed(eve) == eve && observed(eve + day) == eve + day {
            days.insert(eve);
        }
    }
    days
}

#[test]
fn holidays_and_half_days_are_what_the_exchange_s_rules_give() {
    let calendar = shipped("calendar.toml");
    assert_eq!(calendar.covers(), Some((date(2025, 1, 1), date(2027, 12, 31))));
    for year in 2025..=2027 {
        let mut holidays = holidays_by_rule(year);
        if year == 2025 {
            holidays.insert(date(2025, 1, 9)); // A day of mourning: no rule gives it.
        }
        let half_days = half_days_by_rule(year);
        let mut day = date(year, 1, 1);
        while day.year() == year {
            let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            let expected = if weekend || holidays.contains(&day) {
                DayKind::Closed
            } else if half_days.contains(&day) {
                DayKind::Half
            } else {
                DayKind::Full
            };
            assert_eq!(calendar.day_kind(day), expected, "{day}");
            assert_eq!(calendar.special(day).is_some(), expected != DayKind::Full && !weekend);
            day += 1.day();
        }
    }
}

/// Dates announced for the future, so that the rules above are not only held against themselves.
#[test]
fn observed_days_are_those_announced() {
    let calendar = shipped("calendar.toml");
    for (day, kind) in [
        (date(2026, 7, 2), DayKind::Full),
        (date(2026, 7, 3), DayKind::Closed),
        (date(2026, 11, 27), DayKind::Half),
        (date(2027, 6, 18), DayKind::Closed),
        (date(2027, 7, 5), DayKind::Closed),
        (date(2027, 12, 23), DayKind::Full),
        (date(2027, 12, 24), DayKind::Closed),
        (date(2027, 12, 31), DayKind::Full),
    ] {
        assert_eq!(calendar.day_kind(day), kind, "{day}");
    }
}

#[test]
fn the_market_opens_at_the_same_local_time_on_both_sides_of_each_clock_change() {
    let calendar = shipped("calendar.toml");
    for (before, open, close) in [
        ("2025-03-07T14:29:59.999999999Z", "2025-03-07T14:30:00Z", "2025-03-07T21:00:00Z"),
        ("2025-03-10T13:29:59.999999999Z", "2025-03-10T13:30:00Z", "2025-03-10T20:00:00Z"),
        ("2025-10-31T13:29:59.999999999Z", "2025-10-31T13:30:00Z", "2025-10-31T20:00:00Z"),
        ("2025-11-03T14:29:59.999999999Z", "2025-11-03T14:30:00Z", "2025-11-03T21:00:00Z"),
        // An early close.
        ("2026-11-27T14:29:59.999999999Z", "2026-11-27T14:30:00Z", "2026-11-27T18:00:00Z"),
    ] {
        assert_eq!(window(&calendar, before), "to-market", "{before}");
        let market = calendar.at(ns(open)).unwrap();
        assert_eq!(market.window.kind, WindowKind::MarketHours);
        assert_eq!(market.window.station, StationMode::Live);
        assert_eq!(market.begin_ns, Some(ns(open)));
        assert_eq!(market.end_ns.map(time), Some(close.to_owned()));
        let last = calendar.at(ns(close) - 1).unwrap();
        assert_eq!(last, market);
        assert_eq!(window(&calendar, close), "from-market");
        let next = calendar.next(ns(open)).unwrap().unwrap();
        assert_eq!((next.window.kind, next.begin_ns), (WindowKind::Transition, market.end_ns));
    }
}

#[test]
fn a_long_weekend_is_one_window_and_its_length_counts_the_clock_change() {
    let calendar = shipped("calendar.toml");
    // Good Friday 2027 to Easter Sunday: from Friday's midnight to Monday's, three days of 24 hours.
    let easter = calendar.at(ns("2027-03-27T12:00:00Z")).unwrap();
    assert_eq!(easter.window.kind, WindowKind::Tournament);
    assert_eq!(easter.end_ns.unwrap() - easter.begin_ns.unwrap(), 72 * 3_600 * SECOND);
    // 8 and 9 March 2025: the clock goes forward on Sunday. 1 and 2 November: back.
    for (at, hours) in [("2025-03-09T12:00:00Z", 47), ("2025-11-02T12:00:00Z", 49)] {
        let weekend = calendar.at(ns(at)).unwrap();
        assert_eq!(weekend.window.name, "tournament");
        assert_eq!(weekend.end_ns.unwrap() - weekend.begin_ns.unwrap(), hours * 3_600 * SECOND);
    }
}

#[test]
fn a_night_is_one_window_over_midnight_and_over_the_year_s_end() {
    let calendar = shipped("calendar.toml");
    let night = calendar.at(ns("2025-12-31T02:00:00Z")).unwrap();
    assert_eq!(night.window.name, "night");
    assert_eq!(night.begin_ns.map(time), Some("2025-12-31T01:00:00Z".to_owned()));
    assert_eq!(night.end_ns.map(time), Some("2025-12-31T09:00:00Z".to_owned()));
    // New Year's Day 2026 begins at midnight in New York, not in Greenwich.
    assert_eq!(window(&calendar, "2026-01-01T04:59:59.999999999Z"), "night");
    assert_eq!(window(&calendar, "2026-01-01T05:00:00Z"), "tournament");
    assert_eq!(window(&calendar, "2026-01-02T05:00:00Z"), "night");
}

#[test]
fn nothing_is_said_of_a_day_the_file_does_not_vouch_for() {
    let calendar = shipped("calendar.toml");
    let (first, after) = (ns("2025-01-01T05:00:00Z"), ns("2028-01-01T05:00:00Z"));
    assert!(calendar.at(first - 1).is_err());
    assert_eq!(calendar.at(first).unwrap().begin_ns, Some(first));
    let last = calendar.at(after - 1).unwrap();
    assert_eq!((last.window.name.as_str(), last.end_ns), ("night", Some(after)));
    assert_eq!(calendar.next(after - 1).unwrap(), None);
    let error = calendar.at(after).unwrap_err();
    assert!(error.to_string().contains("nyse covers=2025-01-01..2027-12-31"), "{error}");
}

#[test]
fn the_crypto_calendar_is_live_at_every_instant_of_every_year() {
    let calendar = shipped("calendar.crypto.toml");
    for at in ["1970-01-01T00:00:00Z", "2026-11-25T09:00:00Z", "2500-01-01T00:00:00Z"] {
        assert_eq!(calendar.at(ns(at)).unwrap().window.station, StationMode::Live);
    }
    let sunday = calendar.at(ns("2026-11-29T06:00:00Z")).unwrap();
    assert_eq!(sunday.window.kind, WindowKind::Tournament);
    assert_eq!(sunday.begin_ns, Some(ns("2026-11-29T06:00:00Z")));
    assert_eq!(sunday.end_ns, Some(ns("2026-11-29T18:00:00Z")));
    let week = calendar.next(ns("2026-11-29T06:00:00Z")).unwrap().unwrap();
    assert_eq!(week.end_ns, Some(ns("2026-12-06T06:00:00Z")));
}

/// Windows that begin in the hour the clock skips, and in the one it shows twice.
#[test]
fn windows_in_the_skipped_and_in_the_repeated_hour() {
    let calendar = parsed(
        r#"
        [calendar]
        name = "early"
        time_zone = "America/New_York"
        trading_days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        [day.full]
        "00:00" = "a"
        "01:30" = "b"
        "02:30" = "c"
        "03:00" = "d"
        [window.a]
        kind = "after-hours"
        station = "live"
        [window.b]
        kind = "after-hours"
        station = "live"
        [window.c]
        kind = "after-hours"
        station = "live"
        [window.d]
        kind = "after-hours"
        station = "live"
        "#,
    );
    // Spring: c is over as it begins, d follows b at the jump.
    let b = calendar.at(ns("2025-03-09T06:59:59.999999999Z")).unwrap();
    assert_eq!((b.window.name.as_str(), b.end_ns), ("b", Some(ns("2025-03-09T07:00:00Z"))));
    let d = calendar.at(ns("2025-03-09T07:00:00Z")).unwrap();
    assert_eq!((d.window.name.as_str(), d.begin_ns), ("d", b.end_ns));
    // Autumn: b begins at the first 01:30 and is not begun anew at the second.
    let b = calendar.at(ns("2025-11-02T06:10:00Z")).unwrap();
    assert_eq!(b.window.name, "b");
    assert_eq!(b.begin_ns.map(time), Some("2025-11-02T05:30:00Z".to_owned()));
    assert_eq!(b.end_ns.map(time), Some("2025-11-02T07:30:00Z".to_owned()));
}
