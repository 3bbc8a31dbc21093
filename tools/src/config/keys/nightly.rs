//! The keys of the nightly pipeline's file. `sidecars/NIGHTLY.md` says what each stage does.

use super::Absent::{Means, Refused, Value};
use super::Allowed::{Flag, Said, Text, Whole, Words};
use super::{Row, Section};

const READER: &str = "corelane train nightly";
const METRICS: &[&str] = &["log_loss", "brier", "accuracy", "pnl_bps"];

pub(super) const SECTIONS: &[Section] = &[
    Section {
        path: "",
        reader: READER,
        rows: &[Row(
            "archive",
            "folder",
            Text,
            Refused,
            "Where nights are kept, a folder each. Seen from the working directory.",
        )],
    },
    Section { path: "model", reader: READER, rows: MODEL },
    Section { path: "data", reader: READER, rows: DATA },
    Section { path: "train", reader: READER, rows: TRAIN },
    Section { path: "judge", reader: READER, rows: JUDGE },
    Section { path: "promote", reader: READER, rows: PROMOTE },
    Section {
        path: "host",
        reader: READER,
        rows: &[
            Row("nice", "nice value", Whole(0, 19), Value("19"), "Rank of all of the night."),
            Row(
                "idle",
                "-",
                Flag,
                Value("true"),
                "Whether it takes the idle class of CPU and disk.",
            ),
        ],
    },
];

const MODEL: &[Row] = &[
    Row("store", "folder", Text, Refused, "The store of models. Seen from the working directory."),
    Row("name", "-", Text, Refused, "The name in it whose model is tuned: [a-z0-9_-], at most 64."),
    Row(
        "key",
        "file",
        Text,
        Means("candidates are not signed"),
        "Private key that a candidate is signed with.",
    ),
    Row(
        "public_key",
        "file",
        Text,
        Means("models of the store need no signature"),
        "Public key that models of the store must be signed by.",
    ),
    Row(
        "backend",
        "-",
        Text,
        Value("\"auto\""),
        "What both models are scored on, as signal.backend of the station.",
    ),
];

const DATA: &[Row] = &[
    Row("runs", "folder", Text, Refused, "Runs of the night's UTC date are taken from here."),
    Row(
        "gaps_max",
        "gaps",
        Whole(0, 1_000_000),
        Value("0"),
        "A journal with more gaps in its market data is refused.",
    ),
    Row("repeat", "-", Flag, Value("true"), "Whether each journal must repeat in a fresh engine."),
    Row(
        "leave_out",
        "-",
        Flag,
        Value("false"),
        "Whether the night goes on without a journal that is refused.",
    ),
    Row(
        "held_out_s",
        "seconds",
        Whole(1, 604_800),
        Refused,
        "Time at the end of the data that is not trained on: twenty blocks of ten label horizons or \
         more.",
    ),
];

const TRAIN: &[Row] = &[
    Row("python", "program", Text, Refused, "An interpreter with the packages of the training."),
    Row("script", "file", Text, Refused, "The script that tunes. Seen from this file."),
    Row("epochs", "-", Whole(1, 1_000), Value("8"), "Passes over the data."),
    Row("batch", "windows", Whole(1, 65_536), Value("128"), "Windows of a step."),
    Row("learning_rate_e6", "millionths", Whole(1, 1_000_000), Value("300"), "Learning rate."),
    Row(
        "validation_percent",
        "percent",
        Whole(5, 50),
        Value("20"),
        "Share of what is trained on that chooses the pass.",
    ),
    Row("seed", "-", Whole(0, 4_294_967_295), Value("1"), "Seed of the training."),
    Row("threads", "-", Whole(1, 64), Value("1"), "Threads of the training."),
    Row(
        "limit_s",
        "seconds",
        Whole(1, 86_400),
        Value("7200"),
        "The script is ended after so long.",
    ),
];

const JUDGE: &[Row] = &[
    Row(
        "window_ms",
        "milliseconds",
        Whole(1, 86_400_000),
        Value("1000"),
        "Scores are means over windows of so much time.",
    ),
    Row(
        "main",
        "-",
        Words(METRICS),
        Value("\"log_loss\""),
        "The metric that must be better with 95 % confidence.",
    ),
    Row(
        "others",
        "-",
        Said("a list without the main metric, each once, of log_loss, brier, accuracy, pnl_bps"),
        Means("all but the main one"),
        "The metrics that must be at least as good.",
    ),
    Row(
        "entry_score_e6",
        "millionths",
        Whole(0, 1_000_000),
        Value("350000"),
        "Score from which pnl_bps trades.",
    ),
    Row(
        "cost_bps_e6",
        "millionths of a basis point",
        Whole(0, 1_000_000_000),
        Value("0"),
        "What a trade of pnl_bps costs beside the spread.",
    ),
    Row("seed", "-", Whole(0, 4_294_967_295), Value("1"), "Seed of the bootstrap."),
];

const PROMOTE: &[Row] = &[
    Row(
        "calendar",
        "file",
        Text,
        Means("no calendar is asked"),
        "No winner takes its place while this calendar says LIVE. Seen from this file.",
    ),
    Row("while_live", "-", Flag, Value("false"), "Whether one may all the same."),
    Row(
        "answers",
        "answers",
        Whole(0, 1_000_000),
        Value("0"),
        "Live requests that a running sidecar tries a winner on first.",
    ),
    Row(
        "socket",
        "file",
        Text,
        Means("that of the newest run below runs/, if one answers there"),
        "The sidecar's socket. Seen from the working directory.",
    ),
];
