//! The systemd units, from their files in `config/systemd`.
//!
//! A unit's file is its text with marks: `@hot@` for a value, and `?word ` before a line that
//! stands only where the word holds. Must never: name a command that does not exist; what the
//! station does not have yet is in [`MISSING`] with the reason.

use super::Wish;
use super::keys;
use super::restart::{Next, Process};

/// Folder of the units on a host.
const FOLDER: &str = "etc/systemd/system";
/// Where the programs are, in the units' files.
pub const BIN: &str = "/usr/local/bin";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../config/systemd/", $name)))),*]
    };
}

/// Name and text of every unit.
pub const UNITS: &[(&str, &str)] = files![
    "corelane-drift.service",
    "corelane-drift.timer",
    "corelane-engine.service",
    "corelane-nightly.service",
    "corelane-nightly.timer",
    "corelane-notary.service",
    "corelane-run.service",
    "corelane-signal.service",
    "corelane-tune.service",
    "corelane.target",
    "hot.slice",
];

/// Units that are not written, and why.
pub const MISSING: &[(&str, &str)] = &[
    ("corelane-agents.service", "the station has no program of agents yet"),
    ("corelane-recorder.service", "the station has no program that records a venue yet"),
    ("corelane-tournament.timer", "the station has no tournament of models yet"),
];

/// Parts of the system that are kept off the hot CPUs, and the section of their drop-in.
pub const FENCED: [(&str, &str); 5] = [
    ("init.scope", "Scope"),
    ("kubepods.slice", "Slice"),
    ("machine.slice", "Slice"),
    ("system.slice", "Slice"),
    ("user.slice", "Slice"),
];

const FENCE: &str = include_str!("../../../config/systemd/fence.conf");
const MANAGER: &str = include_str!("../../../config/systemd/system.conf");

/// Something that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Unit, or unit and key.
    pub what: String,
    /// Why.
    pub why: String,
}

/// The files of the units, and what they leave out.
#[must_use]
pub fn files(wish: &Wish) -> (Vec<(String, String)>, Vec<LeftOut>) {
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    for (name, text) in UNITS {
        let text = fill(wish, name, text, "", &mut left_out);
        files.push((format!("{FOLDER}/{name}"), text));
    }
    for (name, section) in FENCED {
        let text = fill(wish, name, FENCE, section, &mut left_out);
        files.push((format!("{FOLDER}/{name}.d/10-corelane.conf"), text));
    }
    let text = fill(wish, "system.conf", MANAGER, "", &mut left_out);
    files.push(("etc/systemd/system.conf.d/10-corelane.conf".to_owned(), text));
    left_out.extend(MISSING.iter().map(|(what, why)| {
        let (what, why) = ((*what).to_owned(), (*why).to_owned());
        LeftOut { what, why }
    }));
    (files, left_out)
}

fn fill(wish: &Wish, name: &str, text: &str, section: &str, left_out: &mut Vec<LeftOut>) -> String {
    let mut filled = String::new();
    for line in text.lines() {
        let Some(line) = conditional(wish, line) else { continue };
        let key = line.split_once('=').map(|(key, _)| key).filter(|key| is_key(key));
        if let Some(since) = key.and_then(keys::since).filter(|since| *since > wish.systemd) {
            let key = key.unwrap_or_default();
            let why = format!("systemd {since} is the first to know it, this is {}", wish.systemd);
            left_out.push(LeftOut { what: format!("{key} in {name}"), why });
            continue;
        }
        filled.push_str(&values(wish, name, section, line));
        filled.push('\n');
    }
    filled
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The line without its condition, where that holds.
fn conditional<'l>(wish: &Wish, line: &'l str) -> Option<&'l str> {
    let Some(rest) = line.strip_prefix('?') else { return Some(line) };
    let (word, line) = rest.split_once(' ')?;
    let plan = &wish.layout.plan;
    let holds = match word {
        "gpu" => plan.gpu.is_some(),
        "cpu" => plan.gpu.is_none(),
        "node" => plan.node.is_some(),
        "onload" => plan.onload,
        "live" => wish.profile == Profile::Live,
        "paper" => wish.profile == Profile::Paper,
        _ => false,
    };
    holds.then_some(line)
}

fn values(wish: &Wish, name: &str, section: &str, line: &str) -> String {
    let layout = &wish.layout;
    let plan = &layout.plan;
    let number = |cpu: Option<u32>| cpu.map_or_else(String::new, |cpu| cpu.to_string());
    let process = Process::ALL.into_iter().find(|process| process.unit() == name);
    let codes = |next| process.map_or_else(String::new, |process| process.codes(next));
    let edge = layout.edge.unwrap_or(layout.order_loop);
    let marks = [
        ("hot", plan.hot.to_string()),
        ("housekeeping", plan.housekeeping.to_string()),
        ("first", layout.first.to_string()),
        ("first_housekeeping", number(plan.housekeeping.iter().next())),
        ("edge", edge.to_string()),
        ("loop", layout.order_loop.to_string()),
        ("node", number(plan.node)),
        ("profile", wish.profile.name().to_owned()),
        ("section", section.to_owned()),
        ("success", codes(Next::Done)),
        ("prevent", codes(Next::Stay)),
    ];
    let mut line = line.replace(BIN, &wish.bin);
    for (mark, value) in marks {
        line = line.replace(&format!("@{mark}@"), &value);
    }
    line
}

/// What the engine's unit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Money: it never starts again by itself, and not on a box that was not booted for it.
    Live,
    /// Paper: what may pass by itself is tried again.
    Paper,
}

impl Profile {
    /// Lower-case name, which the doctor knows too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Paper => "paper",
        }
    }
}
