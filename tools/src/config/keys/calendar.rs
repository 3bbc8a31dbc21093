//! The keys of a calendar and of the file `corelane calendar run` follows. `config/CALENDAR.md`
//! says what they come to.

use super::Absent::{Means, Refused, Value};
use super::Allowed::{Said, Text, Whole, Words};
use super::{Absent, Row, Section};

const READER: &str = "corelane calendar, corelane train nightly";
const RUNNER: &str = "corelane calendar run";
const DATE: &str = "a date, YYYY-MM-DD";
const TIME: &str = "a time of day, \"HH:MM\" or \"HH:MM:SS\"";
const NEVER: Absent = Means("such a day may not come then; one that comes needs 00:00");
const DEVICES: &[&str] = &["cpu", "gpu"];

pub(super) const SECTIONS: &[Section] = &[
    Section {
        path: "calendar",
        reader: READER,
        rows: &[
            Row("name", "-", Text, Refused, "Name of the calendar."),
            Row("time_zone", "-", Text, Refused, "IANA name of the exchange's time zone."),
            Row(
                "trading_days",
                "weekdays",
                Said("a list of mon, tue, wed, thu, fri, sat, sun, each once"),
                Refused,
                "Weekdays with trading.",
            ),
            Row(
                "first_date",
                "date",
                Text,
                Means("every day is answered for; with last_date or not at all"),
                "First day the file vouches for.",
            ),
            Row(
                "last_date",
                "date",
                Text,
                Means("every day is answered for; with first_date or not at all"),
                "Last day the file vouches for.",
            ),
        ],
    },
    Section {
        path: "holidays",
        reader: READER,
        rows: &[Row("DATE", "-", Said(DATE), Means("the day is no holiday"), "A holiday's name.")],
    },
    Section {
        path: "half_days",
        reader: READER,
        rows: &[Row("DATE", "-", Said(DATE), Means("the day is a full one"), "A half day's name.")],
    },
    Section {
        path: "day",
        reader: READER,
        rows: &[
            Row("full.TIME", "-", Said(TIME), NEVER, "The window from then on, on a full day."),
            Row("half.TIME", "-", Said(TIME), NEVER, "The window from then on, on a half day."),
            Row("closed.TIME", "-", Said(TIME), NEVER, "The window from then on, on a closed day."),
        ],
    },
    Section {
        path: "window.NAME",
        reader: READER,
        rows: &[
            Row(
                "kind",
                "-",
                Words(&["market-hours", "transition", "pre-market", "after-hours", "tournament"]),
                Refused,
                "What the window is.",
            ),
            Row(
                "station",
                "-",
                Words(&["live", "maintenance"]),
                Refused,
                "The station's mode in it, once its models are verified.",
            ),
            Row("serving", "-", Text, Means("no score is used"), "The model the scores come from."),
            Row("model.name", "-", Text, Refused, "A model that is resident, by its manifest."),
            Row("model.device", "-", Words(DEVICES), Refused, "Where it is resident."),
            Row(
                "model.priority",
                "-",
                Words(&["optional", "normal", "critical"]),
                Refused,
                "How dear it is: the least dear leaves first.",
            ),
        ],
    },
];

pub(super) const RUN: &[Section] = &[
    Section {
        path: "run",
        reader: RUNNER,
        rows: &[
            Row("calendar", "file", Text, Refused, "The calendar; paths are seen from this file."),
            Row("state_dir", "folder", Text, Refused, "Where state and record are kept."),
            Row("control", "file", Text, Means("the newest run's"), "The engine's control socket."),
            Row(
                "runs",
                "folder",
                Text,
                Value("\"runs\""),
                "Where runs are, for sockets not named.",
            ),
            Row(
                "on_failure",
                "-",
                Words(&["maintenance", "live"]),
                Value("\"maintenance\""),
                "What the station is left in where a change came to nothing.",
            ),
            Row(
                "patience_s",
                "s",
                Whole(1, 3_600),
                Value("30"),
                "Longest wait for a mode or a model.",
            ),
        ],
    },
    Section {
        path: "sidecar",
        reader: RUNNER,
        rows: &[
            Row("role", "-", Text, Refused, "The name in the store whose current model it serves."),
            Row("socket", "file", Text, Means("that of the newest run"), "Its socket."),
            Row("store", "folder", Text, Refused, "The model store."),
            Row(
                "public_key",
                "file",
                Text,
                Means("signatures are not checked"),
                "The key its models must be signed by.",
            ),
            Row("device", "-", Words(DEVICES), Value("\"cpu\""), "Where it computes."),
        ],
    },
];
