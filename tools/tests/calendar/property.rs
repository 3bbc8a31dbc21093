//! Every instant belongs to exactly one window, and the spans tell of it without a gap.

use crate::support::{SECOND, shipped, time};
use corelane_tools::calendar::Calendar;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::Path;

const DAY: u64 = 86_400 * SECOND;

/// Walks the spans from an instant on and holds each against the next.
fn walk(calendar: &Calendar, from_ns: u64, until_ns: u64) -> Result<u64, TestCaseError> {
    let mut count = 0;
    let mut span = calendar.at(from_ns).unwrap();
    prop_assert!(span.begin_ns.is_none_or(|begin| begin <= from_ns), "{}", time(from_ns));
    while let Some(end_ns) = span.end_ns.filter(|end| *end < until_ns) {
        prop_assert!(end_ns > from_ns && span.begin_ns.is_none_or(|begin| begin < end_ns));
        // The same window to its last nanosecond, asked from its first and from its middle.
        for at in [span.begin_ns.unwrap_or(from_ns), end_ns - (end_ns - from_ns) / 2, end_ns - 1] {
            let asked = at.clamp(span.begin_ns.unwrap_or(0), end_ns - 1);
            prop_assert_eq!(calendar.at(asked).unwrap(), span, "{}", time(asked));
        }
        let next = calendar.at(end_ns).unwrap();
        prop_assert_eq!(next.begin_ns, Some(end_ns), "{}", time(end_ns));
        prop_assert_ne!(&next.window.name, &span.window.name, "{}", time(end_ns));
        span = next;
        count += 1;
    }
    Ok(count)
}

#[test]
fn three_years_of_the_exchange_without_a_gap() {
    let calendar = shipped("calendar.toml");
    let from = 1_735_707_600 * SECOND; // 2025-01-01 in New York.
    let changes = walk(&calendar, from, from + 1_095 * DAY).unwrap();
    // 752 trading days of seven changes at most, and the weekends.
    assert!((4_000..6_000).contains(&changes), "{changes}");
}

/// A calendar of windows at random seconds of the day, in a zone whose clock changes at an odd time.
fn text(zone: &str, full: &[u32], closed: &[u32]) -> String {
    let mut text = format!(
        "[calendar]\nname = \"p\"\ntime_zone = \"{zone}\"\n\
         trading_days = [\"mon\", \"wed\", \"thu\", \"sun\"]\n"
    );
    for (kind, seconds) in [("full", full), ("closed", closed)] {
        let _infallible = write!(text, "[day.{kind}]\n\"00:00\" = \"w0\"\n");
        let mut seconds: Vec<u32> = seconds.iter().copied().filter(|s| *s > 0).collect();
        seconds.sort_unstable();
        seconds.dedup();
        for (n, second) in seconds.iter().enumerate() {
            let (hour, minute) = (second / 3_600, second / 60 % 60);
            let _infallible = writeln!(
                text,
                "\"{hour:02}:{minute:02}:{:02}\" = \"w{}\"",
                second % 60,
                (n + 1) % 3
            );
        }
    }
    for n in 0..3 {
        let _infallible =
            writeln!(text, "[window.w{n}]\nkind = \"tournament\"\nstation = \"live\"");
    }
    // Every window is named somewhere.
    text.replace("[day.closed]\n", "[day.closed]\n\"23:59:58\" = \"w1\"\n\"23:59:59\" = \"w2\"\n")
}

const ZONES: [&str; 6] = [
    "America/New_York",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Europe/London",
    "America/Havana",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Also over clock changes at midnight, half an hour wide, and a day that was left out.
    #[test]
    fn any_calendar_tiles_time(
        zone in 0..ZONES.len(),
        full in prop::collection::vec(0..86_398_u32, 0..6),
        closed in prop::collection::vec(0..86_398_u32, 0..3),
        start_day in 14_600..21_000_u64,
        offset in 0..DAY,
    ) {
        let calendar = Calendar::parse(Path::new("p.toml"), &text(ZONES[zone], &full, &closed)).unwrap();
        let from = start_day * DAY + offset;
        walk(&calendar, from, from + 40 * DAY)?;
    }

    /// The schedule is what the file says, by the clock on the wall: an oracle that knows no spans.
    #[test]
    fn the_window_is_the_last_one_the_wall_clock_has_passed(
        full in prop::collection::vec(0..86_398_u32, 0..6),
        at in 1_735_707_600..1_830_000_000_u64,
        nanos in 0..SECOND,
    ) {
        let text = text("America/New_York", &full, &[]);
        let calendar = Calendar::parse(Path::new("p.toml"), &text).unwrap();
        let at_ns = at * SECOND + nanos;
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("America/New_York").unwrap();
        let stamp = jiff::Timestamp::from_nanosecond(i128::from(at_ns)).unwrap();
        let local = zone.to_datetime(stamp);
        // Not in the hours round a clock change, where a wall clock alone cannot tell.
        let near = |later: i64| zone.to_offset(stamp + jiff::SignedDuration::from_hours(later));
        prop_assume!(near(-4) == near(4));
        let open = ["Mon", "Wed", "Thu", "Sun"];
        let name = format!("{:?}", local.weekday());
        let kind = if open.iter().any(|day| name.starts_with(day)) { "[day.full]" } else { "[day.closed]" };
        let section = text.split(kind).nth(1).unwrap().split('[').next().unwrap();
        let clock = local.time().strftime("%H:%M:%S").to_string();
        let rows = section.lines().filter_map(|line| line.split_once(" = "));
        let rows = rows.map(|(time, name)| {
            let time = time.trim_matches('"');
            (if time.len() == 5 { format!("{time}:00") } else { time.to_owned() }, name)
        });
        let last = rows.filter(|(time, _)| *time <= clock).max().unwrap();
        prop_assert_eq!(&calendar.at(at_ns).unwrap().window.name, last.1.trim_matches('"'));
    }
}
