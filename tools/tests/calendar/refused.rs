//! Bad calendar files: one line a problem, with line, key, what was found and what is allowed, and
//! all of them in one run.

use corelane_tools::calendar::Calendar;
use std::path::Path;
use wire::exit::Exit;

const GOOD: &str = r#"
[calendar]
name = "x"
time_zone = "America/New_York"
trading_days = ["mon", "tue", "wed", "thu", "fri"]
first_date = "2026-01-01"
last_date = "2026-12-31"
[holidays]
2026-07-03 = "Independence Day (observed)"
[half_days]
2026-11-27 = "day after Thanksgiving"
[day.full]
"00:00" = "night"
"09:30" = "market"
[day.half]
"00:00" = "night"
[day.closed]
"00:00" = "night"
[window.market]
kind = "market-hours"
station = "live"
serving = "m"
[[window.market.model]]
name = "m"
device = "gpu"
priority = "critical"
[window.night]
kind = "after-hours"
station = "maintenance"
"#;

fn lines(text: &str) -> Vec<String> {
    match Calendar::parse(Path::new("c.toml"), text) {
        Ok(_) => Vec::new(),
        Err(failure) => {
            assert_eq!(failure.exit, Exit::Configuration);
            failure.to_string().lines().map(str::to_owned).collect()
        }
    }
}

#[test]
fn a_good_file_has_no_line() {
    assert_eq!(lines(GOOD), Vec::<String>::new());
}

/// Each change of the good file gives exactly one line, which names place, key and what is allowed.
#[test]
fn each_problem_is_one_line() {
    let changed = [
        ("name = \"x\"", "", "key=calendar.name found=nothing"),
        (
            "America/New_York",
            "America/Gotham",
            "line=4 key=calendar.time_zone found=\"America/Gotham\"",
        ),
        ("\"mon\", ", "\"monday\", ", "key=calendar.trading_days found=\"monday\""),
        ("\"mon\", ", "\"tue\", ", "key=calendar.trading_days found=\"tue\""),
        ("[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]", "5", "key=calendar.trading_days found=5"),
        ("first_date = \"2026-01-01\"\n", "", "key=calendar.first_date found=nothing"),
        ("\"2026-12-31\"", "\"2026-12-32\"", "key=calendar.last_date found=\"2026-12-32\""),
        ("\"2026-12-31\"", "\"2026-1-1\"", "key=calendar.last_date found=\"2026-1-1\""),
        ("2026-07-03 =", "2026-07-04 =", "line=9 key=holidays.2026-07-04 found=2026-07-04 (sat)"),
        ("2026-07-03 =", "2025-07-03 =", "calendar.first_date to calendar.last_date"),
        ("2026-07-03 =", "2026-07 =", "key=holidays.2026-07 found=\"2026-07\""),
        ("2026-11-27 =", "2026-07-03 =", "key=half_days.2026-07-03 found=2026-07-03 (fri)"),
        ("= \"day after Thanksgiving\"", "= 13", "key=half_days.2026-11-27 found=13"),
        (
            "\"00:00\" = \"night\"\n\"09:30\"",
            "\"09:30\"",
            "line=13 key=day.full found=no window at 00:00",
        ),
        ("[day.half]\n\"00:00\" = \"night\"", "", "key=day.half found=nothing"),
        ("\"09:30\"", "\"9:30\"", "key=day.full.9:30 found=\"9:30\""),
        ("\"09:30\"", "\"24:00\"", "key=day.full.24:00 found=\"24:00\""),
        ("\"09:30\"", "\"00:00:00\"", "found=this time again"),
        (
            "= \"market\"\n",
            "= \"lunch\"\n",
            "found=\"lunch\" allowed=(one of the windows market, night)",
        ),
        ("\"market-hours\"", "\"market\"", "line=20 key=window.market.kind found=\"market\""),
        ("\"market-hours\"", "\"transition\"", "key=window.market.station found=\"live\""),
        ("station = \"live\"", "station = \"on\"", "key=window.market.station found=\"on\""),
        ("station = \"live\"\n", "", "key=window.market.station found=nothing"),
        ("serving = \"m\"", "serving = \"n\"", "key=window.market.serving found=\"n\""),
        ("\"gpu\"", "\"tpu\"", "key=window.market.model[0].device found=\"tpu\""),
        ("\"critical\"", "\"high\"", "key=window.market.model[0].priority found=\"high\""),
        ("station = \"maintenance\"", "station = \"maintenance\"\nidle = 1", "found=unknown key"),
        (
            "[window.night]",
            "[window.noon]\nkind = \"after-hours\"\nstation = \"live\"\n[window.night]",
            "key=window.noon found=named by no day",
        ),
        ("[calendar]", "[calendar", "key=(syntax)"),
    ];
    for (from, to, part) in changed {
        assert!(GOOD.contains(from), "{from}");
        let said = lines(&GOOD.replacen(from, to, 1));
        let named = said.iter().filter(|line| line.contains(part)).count();
        assert_eq!(named, 1, "{to:?}: {part:?} in {said:#?}");
        for line in &said {
            assert!(line.starts_with("CONFIGURATION: ") && line.contains("file=c.toml"), "{line}");
            assert!(line.contains("; next: "), "{line}");
        }
        // A window that lost its only mention is a second, true line.
        let mentioned = said.iter().filter(|line| !line.contains("named by no day")).count();
        assert!(mentioned <= 1, "{to:?}: {said:#?}");
    }
}

#[test]
fn all_problems_are_told_in_one_run_in_the_order_of_the_file() {
    let text = GOOD
        .replace("New_York", "Gotham")
        .replace("2026-07-03", "2026-07-04")
        .replace("\"gpu\"", "\"tpu\"")
        .replace("\"after-hours\"", "\"late\"");
    let said = lines(&text);
    let keys: Vec<&str> =
        said.iter().map(|l| l.split("key=").nth(1).unwrap().split(' ').next().unwrap()).collect();
    let expected = [
        "calendar.time_zone",
        "holidays.2026-07-04",
        "window.market.model[0].device",
        "window.night.kind",
    ];
    assert_eq!(keys, expected, "{said:#?}");
}

#[test]
fn a_model_twice_on_one_device_is_refused() {
    let again =
        "[[window.market.model]]\nname = \"m\"\ndevice = \"gpu\"\npriority = \"optional\"\n";
    let said = lines(&GOOD.replace("[window.night]", &format!("{again}[window.night]")));
    assert!(said.iter().any(|line| line.contains("key=window.market.model[1].name")), "{said:#?}");
}

#[test]
fn a_file_that_is_not_there_is_a_resource_failure() {
    let failure = Calendar::load(Path::new("/nowhere/calendar.toml")).unwrap_err();
    assert_eq!(failure.exit, Exit::Resource);
    assert!(failure.to_string().contains("/nowhere/calendar.toml"), "{failure}");
}
