//! A week with a weekend on which the clocks go back, a holiday and a half day, played through.

use crate::world::{Played, PlayedStation, World, follow};
use corelane_tools::calendar::Calendar;
use serde_json::Value;
use std::path::Path;
use wire::station::Mode;

/// New York: the clocks go back on 1 November 2026. The holiday and the half day are made up.
const CALENDAR: &str = r#"
[calendar]
name = "week"
time_zone = "America/New_York"
trading_days = ["mon", "tue", "wed", "thu", "fri"]
first_date = "2026-10-30"
last_date = "2026-11-06"
[holidays]
2026-11-03 = "a holiday"
[half_days]
2026-11-04 = "a half day"
[day.full]
"00:00" = "night"
"09:15" = "to-market"
"09:30" = "market"
"12:00" = "lunch"
"13:00" = "market"
"16:00" = "from-market"
"16:15" = "night"
[day.half]
"00:00" = "night"
"09:15" = "to-market"
"09:30" = "market"
"12:00" = "lunch"
"13:00" = "from-market"
"13:15" = "night"
[day.closed]
"00:00" = "tournament"
[window.night]
kind = "after-hours"
station = "maintenance"
[window.to-market]
kind = "transition"
station = "maintenance"
serving = "bin_ctabl"
[[window.to-market.model]]
name = "bin_ctabl"
device = "cpu"
priority = "critical"
[window.market]
kind = "market-hours"
station = "live"
serving = "bin_ctabl"
[[window.market.model]]
name = "bin_ctabl"
device = "cpu"
priority = "critical"
[window.lunch]
kind = "market-hours"
station = "live"
serving = "small"
[[window.lunch.model]]
name = "small"
device = "cpu"
priority = "critical"
[window.from-market]
kind = "transition"
station = "maintenance"
[window.tournament]
kind = "tournament"
station = "maintenance"
serving = "small"
[[window.tournament.model]]
name = "small"
device = "cpu"
priority = "normal"
"#;

fn ns(text: &str) -> u64 {
    let at: jiff::Timestamp = text.parse().unwrap();
    u64::try_from(at.as_nanosecond()).unwrap()
}

/// What a trading day does: from when on, in UTC with its offset of that day, and to which window.
fn day(date: &str, offset: u32, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let at = |time: &str| {
        let (hour, minute) = time.split_once(':').unwrap();
        format!("{date}T{:02}:{minute}", hour.parse::<u32>().unwrap() + offset)
    };
    changes.iter().map(|(time, window)| (at(time), (*window).to_owned())).collect()
}

const FULL: [(&str, &str); 5] = [
    ("09:15", "to-market"),
    ("09:30", "market"),
    ("12:00", "lunch"),
    ("13:00", "market"),
    ("16:00", "from-market"),
];
const HALF: [(&str, &str); 4] =
    [("09:15", "to-market"), ("09:30", "market"), ("12:00", "lunch"), ("13:00", "from-market")];
const CLOSED: [(&str, &str); 1] = [("00:00", "tournament")];

#[test]
fn a_week_goes_by_with_a_holiday_a_half_day_and_clocks_that_go_back() {
    let calendar = Calendar::parse(Path::new("week.toml"), CALENDAR).unwrap();
    let world = World::new();
    let file = world.file("maintenance");
    let mut station = PlayedStation::new(&world, Mode::Maintenance);
    let (load, tally) = world.serve(|| {
        let mut clock = Played { now_ns: ns("2026-10-30T04:00:00Z") };
        let until = ns("2026-11-06T05:00:00Z");
        follow(&calendar, &file, &mut clock, &mut station, Some(until)).unwrap()
    });
    // Summer time is four hours behind, winter time five. Nothing is to be done at night: what is
    // resident stays, and the station is held already.
    let expected: Vec<(String, String)> = [
        day("2026-10-30", 4, &FULL),
        day("2026-10-31", 4, &CLOSED),
        day("2026-11-02", 5, &FULL),
        day("2026-11-03", 5, &CLOSED),
        day("2026-11-04", 5, &HALF),
        day("2026-11-05", 5, &FULL),
    ]
    .concat();
    let record = world.record();
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let made: Vec<_> = record
        .iter()
        .map(|line| (text(line, "at")[..16].to_owned(), text(line, "window")))
        .collect();
    // The first day's early change finds its model serving, and the station held.
    let nothing = ("2026-10-30T13:15".to_owned(), "to-market".to_owned());
    let expected: Vec<_> = expected.into_iter().filter(|change| *change != nothing).collect();
    assert_eq!(made, expected);
    assert!(record.iter().all(|line| line["outcome"] == "done"), "{record:#?}");
    assert_eq!((tally.failed, tally.left), (0, 0));
    // From LIVE to LIVE it costs a downtime, and nowhere else.
    let with_downtime: Vec<_> = record.iter().filter(|line| line["downtime_ns"].is_u64()).collect();
    assert_eq!(with_downtime.len(), 7, "into four lunches and out of three");
    for line in with_downtime {
        assert_eq!((&line["from_mode"], &line["to_mode"]), (&"LIVE".into(), &"LIVE".into()));
        assert!(line["downtime_ns"].as_u64() > Some(0), "{line}");
    }
    let lives = record.iter().filter(|line| line["to_mode"] == "LIVE").count();
    assert_eq!(lives, 4 + 4 + 3, "opens, lunches, and back from them");
    assert_eq!(station.exposed, 0, "never LIVE with another model than the named one");
    assert_eq!((load.answered, load.wrong), (load.sent, 0));
    let swaps = record.iter().filter(|line| line["models"] != serde_json::json!([])).count();
    assert_eq!(load.changes, swaps as u64);
    assert_eq!(station.mode, Mode::Maintenance);
}

#[test]
fn where_the_calendar_ends_the_station_is_held() {
    let calendar = Calendar::parse(Path::new("week.toml"), CALENDAR).unwrap();
    let world = World::new();
    let file = world.file("live");
    let mut station = PlayedStation::new(&world, Mode::Live);
    let mut clock = Played { now_ns: ns("2026-11-07T05:00:00Z") };
    let failure = follow(&calendar, &file, &mut clock, &mut station, None).unwrap_err();
    assert!(failure.to_string().contains("does not vouch for this day"), "{failure}");
    assert_eq!(station.mode, Mode::Draining);
    assert_eq!(world.record()[0]["outcome"], "not-covered");
}
