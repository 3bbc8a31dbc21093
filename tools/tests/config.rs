//! The table behind `corelane config explain` and the loaders say the same: which keys there are,
//! what may stand there, and what holds without them.
//!
//! Each loader is asked: a key it cannot know makes it list those it knows, a value that cannot be
//! makes it say what may be there, and a file without a key is held against one with the default.
#![expect(clippy::unwrap_used, reason = "tests")]

use corelane_tools::calendar::Calendar;
use corelane_tools::calendar::run::RunFile;
use corelane_tools::config::keys::{self, Absent, Allowed, FileKind, Key};
use corelane_tools::config::kind_of;
use corelane_tools::nightly::NightConfig;
use station::config::{Config, Overrides};
use station::limits::LimitsFile;
use station::operator::Failure;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const STRANGER: &str = "zz_stranger";

/// Keys that are there together or not at all.
const PAIRS: [(&str, &str); 2] = [("first_date", "last_date"), ("last_date", "first_date")];

const STATION: &str = r#"
[session]
name = "t"
[data]
recording = "r.clrec"
[venue]
[station]
[signal]
[limits]
file = "limits.toml"
[record]
[tape]
[journal]
[notary]
key = "notary.key"
[[strategy]]
name = "momentum"
instrument = "BTCUSDT"
kind = "KIND"
PARAMETERS"#;

/// Each kind of strategy with all its parameters.
const KINDS: [(&str, &str); 4] = [
    (
        "signal-taker",
        "qty_lots = 1\nentry_score_e6 = 2\nexit_score_e6 = 1\nmax_spread_ticks = 1\n\
         slip_ticks = 1\nhold_ms = 1\ncooldown_ms = 1\n",
    ),
    (
        "momentum",
        "qty_lots = 1\nfast_bars = 1\nslow_bars = 2\nthreshold_e6 = 1\norder_ttl_ms = 1\n",
    ),
    (
        "quoting",
        "qty_lots = 1\nmax_inventory_lots = 1\ngamma_e6 = 1\nkappa_e6 = 1\nhorizon_ms = 1\n\
         sigma_bars = 2\nrequote_ticks = 1\npause_ms = 1\n",
    ),
    (
        "mean-reversion",
        "qty_lots = 1\nwindow_bars = 3\nentry_z_e3 = 2\nexit_z_e3 = 1\norder_ttl_ms = 1\n\
         hold_ms = 1\n",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn station_of(kind: &str) -> String {
    let (_, parameters) = KINDS.iter().find(|(name, _)| *name == kind).unwrap();
    STATION.replace("KIND", kind).replace("PARAMETERS", parameters)
}

fn text_of(kind: FileKind) -> String {
    let file = |name| std::fs::read_to_string(root().join("config").join(name)).unwrap();
    match kind {
        FileKind::Station => station_of("momentum"),
        FileKind::Limits => file("limits.toml"),
        FileKind::Topology => "[topology]\nhot = \"2-3\"\nhousekeeping = \"0-1\"\n".to_owned(),
        FileKind::Calendar => file("calendar.toml"),
        FileKind::CalendarRun => file("calendar-run.toml"),
        FileKind::Nightly => file("nightly.toml"),
    }
}

/// What the loader makes of a text, as text, or what it says.
fn loaded(kind: FileKind, text: &str) -> Result<String, String> {
    let file = root().join("config/test.toml");
    let said = |failure: Failure| failure.to_string();
    match kind {
        FileKind::Station => Config::parse(&file, text, &Overrides::default())
            .map(|c| {
                // Without the lines they stand on.
                let strategies: Vec<_> =
                    c.strategies.iter().map(|s| (&s.name, &s.symbol, &s.params)).collect();
                // A speed of 1 is a thousand thousandths too.
                let data = (&c.data.recording, c.effective()["data"]["speed"].to_string());
                format!(
                    "{:?}",
                    (
                        (&c.session, data, &c.venue, &c.station, &c.signal, strategies),
                        (&c.limits, &c.record_dir, &c.tape, &c.journal, &c.notary),
                    )
                )
            })
            .map_err(said),
        FileKind::Limits => LimitsFile::parse(&file, text.as_bytes().to_vec())
            .map(|limits| limits.effective().to_string())
            .map_err(said),
        FileKind::Topology => isolation::Plan::from_toml(text)
            .map(|plan| format!("{plan:?}"))
            .map_err(|error| error.to_string()),
        FileKind::Calendar => {
            Calendar::parse(&file, text).map(|calendar| format!("{calendar:?}")).map_err(said)
        }
        FileKind::CalendarRun => {
            RunFile::parse(&file, text).map(|run| format!("{run:?}")).map_err(said)
        }
        FileKind::Nightly => {
            NightConfig::parse(&file, text).map(|night| format!("{:?}", night.keys())).map_err(said)
        }
    }
}

/// The heads of tables in a text, by the names the key table has for them.
fn head(kind: FileKind, path: &str) -> &'static str {
    match (kind, path) {
        (FileKind::Limits, "venue.NAME") => "[venue.sim]",
        (FileKind::Limits, "strategy.NAME") => "[strategy.momentum]",
        (FileKind::Limits, "symbol.SYMBOL") => "[symbol.BTCUSDT]",
        (FileKind::Calendar, "window.NAME") => "[window.market]",
        (FileKind::Calendar, "window.NAME.model") => "[[window.market.model]]",
        (FileKind::Station, "strategy") => "[[strategy]]",
        (FileKind::CalendarRun, "sidecar") => "[[sidecar]]",
        (_, "") => "",
        (_, other) => Box::leak(format!("[{other}]").into_boxed_str()),
    }
}

/// A text with a line put first into a table.
fn with(text: &str, head: &str, line: &str) -> String {
    if head.is_empty() {
        return format!("{line}\n{text}");
    }
    let at = text.lines().position(|l| l.trim() == head).unwrap_or_else(|| panic!("no {head}"));
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(at + 1, line);
    lines.join("\n") + "\n"
}

/// A text without a key of a table.
fn without(text: &str, head: &str, key: &str) -> String {
    let mut is_inside = head.is_empty();
    let keep = |line: &&str| {
        if line.trim_start().starts_with('[') {
            is_inside = line.trim() == head;
        }
        !is_inside || line.split('=').next().is_none_or(|name| name.trim() != key)
    };
    text.lines().filter(keep).collect::<Vec<_>>().join("\n") + "\n"
}

fn split(key: &Key) -> (&str, &str) {
    key.name.rsplit_once('.').unwrap_or(("", &key.name))
}

/// Everything the loader may be asked about a key: its file's text, for each kind of strategy.
fn texts(key: &Key) -> Vec<String> {
    let kinds = key.more.iter().find(|(head, _)| *head == "of kind");
    kinds.map_or_else(
        || vec![text_of(key.file)],
        |(_, kinds)| kinds.split(", ").map(station_of).collect(),
    )
}

/// The keys a loader lists when it meets one it cannot know.
fn listed(said: &str) -> BTreeSet<String> {
    let line = said.lines().find(|line| line.contains(STRANGER)).expect(said);
    if let Some((_, rest)) = line.split_once("one of the keys ") {
        return rest.split(')').next().unwrap().split(", ").map(str::to_owned).collect();
    }
    let (_, rest) = line.split_once("expected").expect(line);
    rest.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn documented(keys: &[Key], kind: FileKind, path: &str, strategy: &str) -> BTreeSet<String> {
    let is_of = |key: &&Key| {
        let kinds = key.more.iter().find(|(head, _)| *head == "of kind");
        kinds.is_none_or(|(_, kinds)| kinds.split(", ").any(|kind| kind == strategy))
    };
    let mine = keys.iter().filter(|key| key.file == kind).filter(is_of);
    mine.filter_map(|key| {
        let rest = if path.is_empty() {
            &key.name
        } else {
            key.name.strip_prefix(path)?.strip_prefix('.')?
        };
        Some(rest.split('.').next().unwrap().to_owned())
    })
    .collect()
}

#[test]
fn every_key_a_loader_takes_is_in_the_table_and_none_besides() {
    let keys = keys::all();
    let mut tables = 0;
    for kind in FileKind::ALL {
        let mut paths: BTreeSet<&str> =
            keys.iter().filter(|key| key.file == kind).map(|key| split(key).0).collect();
        paths.insert("");
        for path in paths {
            // Their keys are names of the file's own.
            if ["holidays", "half_days", "day.full", "day.half", "day.closed"].contains(&path) {
                continue;
            }
            let strategies = if (kind, path) == (FileKind::Station, "strategy") { 4 } else { 1 };
            for (strategy, _) in KINDS.iter().take(strategies) {
                let is_station = kind == FileKind::Station;
                let text = if is_station { station_of(strategy) } else { text_of(kind) };
                let asked = with(&text, head(kind, path), &format!("{STRANGER} = 1"));
                let known = listed(&loaded(kind, &asked).expect_err(&asked));
                let named = documented(&keys, kind, path, strategy);
                assert_eq!(known, named, "{} [{path}] {strategy}", kind.name());
                tables += 1;
            }
        }
    }
    assert!(tables >= 25, "{tables} tables were asked about");
}

#[test]
fn what_the_table_allows_is_what_the_loader_says() {
    for key in keys::all() {
        let (path, name) = split(&key);
        for text in texts(&key) {
            let wrong = match key.allowed {
                _ if ["DATE", "TIME"].contains(&name) => "\"zz\" = \"zz\"".to_owned(),
                Allowed::Words(_) => format!("{name} = \"zz\""),
                _ if key.name == "topology.siblings" => format!("{name} = [\"../zz\"]"),
                _ if key.file == FileKind::Topology => format!("{name} = \"../zz\""),
                Allowed::Whole(..) | Allowed::Flag | Allowed::Text | Allowed::Said(_) => {
                    format!("{name} = 1979-05-27")
                }
            };
            let head = head(key.file, path);
            let said = loaded(key.file, &with(&without(&text, head, name), head, &wrong));
            let said = said.expect_err(&key.name);
            let allowed = match (key.file, key.allowed) {
                // serde's words.
                (FileKind::Topology, Allowed::Flag) => "expected a boolean".to_owned(),
                (FileKind::Topology, Allowed::Whole(..)) => "expected u32".to_owned(),
                _ => key.allowed.to_string(),
            };
            let line = said.lines().find(|line| line.contains(&allowed) && line.contains(name));
            let is_named = ["DATE", "TIME"].contains(&name) && said.contains(&allowed);
            assert!(line.is_some() || is_named, "{}: {allowed:?} is not in: {said}", key.name);
        }
    }
}

#[test]
fn the_ends_of_a_topologys_numbers_are_taken_and_nothing_beyond() {
    let text = text_of(FileKind::Topology);
    let takes = |value: i64| {
        let line = format!("hugepages_2m = {value}");
        loaded(FileKind::Topology, &with(&text, "[topology]", &line)).is_ok()
    };
    let keys = keys::all();
    let key = keys.iter().find(|key| key.name == "topology.hugepages_2m").unwrap();
    let Allowed::Whole(low, high) = key.allowed else { panic!("{key:?}") };
    assert_eq!([low - 1, low, high, high + 1].map(takes), [false, true, true, false]);
}

#[test]
fn what_holds_without_a_key_is_what_the_table_says() {
    let (mut refused, mut values) = (0, 0);
    for key in keys::all() {
        let (path, name) = split(&key);
        let head = head(key.file, path);
        for text in texts(&key) {
            let mut bare = without(&text, head, name);
            if let Some((_, other)) = PAIRS.iter().find(|(one, _)| *one == name) {
                bare = without(&bare, head, other);
            }
            let result = loaded(key.file, &bare);
            match key.absent {
                Absent::Refused => {
                    let said = result.expect_err(&key.name);
                    assert!(said.contains(name) || said.contains("cannot"), "{}: {said}", key.name);
                    refused += 1;
                }
                Absent::Value(value) => {
                    let given = loaded(key.file, &with(&bare, head, &format!("{name} = {value}")));
                    let (given, bare) = (given.expect(&key.name), result.expect(&key.name));
                    assert_eq!(given, bare, "{} = {value}", key.name);
                    values += 1;
                }
                Absent::Means(_) => assert!(result.is_ok(), "{}: {result:?}", key.name),
            }
        }
    }
    assert!(refused > 90 && values > 30, "{refused} refused, {values} with a value");
}

#[test]
fn each_file_is_known_by_its_sections() {
    for kind in FileKind::ALL {
        assert_eq!(kind_of(&text_of(kind)), Some(kind), "{kind:?}");
    }
    for name in ["demo.toml", "strategies.toml"] {
        let text = std::fs::read_to_string(root().join("config").join(name)).unwrap();
        assert_eq!(kind_of(&text), Some(FileKind::Station), "{name}");
    }
    assert_eq!(kind_of("[package]\nname = \"x\"\n"), None);
}

/// CALENDAR.md is the document of the calendar's keys.
#[test]
fn the_calendars_document_names_every_key() {
    let document = std::fs::read_to_string(root().join("config/CALENDAR.md")).unwrap();
    for key in keys::all() {
        if [FileKind::Calendar, FileKind::CalendarRun].contains(&key.file) {
            let (path, name) = split(&key);
            let word = if ["DATE", "TIME"].contains(&name) {
                format!("[{path}]")
            } else {
                name.to_owned()
            };
            assert!(document.contains(&word), "{} is not in CALENDAR.md", key.name);
        }
    }
}
