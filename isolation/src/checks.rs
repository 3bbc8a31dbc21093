//! The table of checks, one file a group, and what their functions share.
//!
//! Must never: guess. A value that was not read stops the check ([`Stop::Unknown`]); a value that
//! this kernel does not have is skipped with that reason.

use crate::check::{Check, Look, Outcome, Status, Stop, skip};
use crate::host::Missing;

mod card;
mod cpu;
mod engine;
mod gpu;
mod memory;
mod network;
mod noise;
mod nvidia;
mod power;
mod scheduler;
mod services;

/// Every check, group by group.
pub const CHECKS: [&[Check]; 11] = [
    cpu::CHECKS,
    noise::CHECKS,
    power::CHECKS,
    memory::CHECKS,
    scheduler::CHECKS,
    engine::CHECKS,
    network::CHECKS,
    card::CHECKS,
    gpu::CHECKS,
    nvidia::CHECKS,
    services::CHECKS,
];

/// The whole table, in its order.
pub fn all() -> impl Iterator<Item = &'static Check> {
    CHECKS.into_iter().flatten()
}

type Found = Result<Outcome, Stop>;

/// The text at a path; skipped where this host has no such thing.
fn value(look: &Look<'_>, path: &str) -> Result<String, Stop> {
    look.host.text(path).map_err(|missing| lacking(look, missing))
}

/// The names in a folder; skipped where this host has no such thing.
fn listed(look: &Look<'_>, path: &str) -> Result<Vec<String>, Stop> {
    look.host.names(path).map_err(|missing| lacking(look, missing))
}

/// What is not there although the part of the tree that would hold it is: this kernel has it not.
/// Of a tree that has not even that part nothing is known.
fn lacking(look: &Look<'_>, missing: Missing) -> Stop {
    let Missing::Absent(path) = &missing else { return missing.into() };
    // `sys` and `proc/sys` alone are no part: every captured tree has them. A debugfs that is not
    // mounted is an empty folder.
    let parts = path.rmatch_indices('/').filter_map(|(at, _)| path.get(..at));
    let mut parts = parts.filter(|part| part.contains('/') && *part != "proc/sys");
    if !path.starts_with("sys/kernel/debug/") && parts.any(|part| look.host.is_there(part)) {
        return Stop::Skip(format!("this host has no {path}"));
    }
    missing.into()
}

/// The whole number at a path.
fn number(look: &Look<'_>, path: &str) -> Result<i64, Stop> {
    let text = value(look, path)?;
    text.parse().map_err(|_| Missing::Strange(path.to_owned(), text).into())
}

/// The folder of the hot slice; skipped where control groups are there and it is not.
fn hot_slice(look: &Look<'_>) -> Result<&'static str, Stop> {
    let (groups, slice) = ("sys/fs/cgroup", "sys/fs/cgroup/hot.slice");
    if look.host.is_there(slice) {
        return Ok(slice);
    }
    if look.host.is_there(groups) {
        return skip("there is no hot.slice; I01 says whether the boot line isolates");
    }
    Err(Missing::Absent(groups.into()).into())
}

/// Judges the text at a path.
fn judge(look: &Look<'_>, path: &str, good: impl Fn(&str) -> bool, note: &str) -> Found {
    let text = value(look, path)?;
    Ok(Outcome::good(good(&text), text, note))
}

/// Judges a sysctl, live and written down.
fn sysctl(look: &Look<'_>, key: &str, good: impl Fn(i64) -> bool, note: &str) -> Found {
    let live = number(look, &format!("proc/sys/{}", key.replace('.', "/")))?;
    let outcome = Outcome::good(good(live), live.to_string(), note);
    Ok(kept(look, key, &live.to_string(), outcome))
}

/// Adds what is written down for a sysctl; a difference is drift.
fn kept(look: &Look<'_>, key: &str, live: &str, outcome: Outcome) -> Outcome {
    let Some(entry) = look.kept.sysctl(key) else {
        let fault = look.kept.fault.as_ref();
        return outcome.persisted(fault.map(|fault| format!("not read: {fault}")));
    };
    let shown = format!("{} ({})", entry.value, entry.file);
    let is_same = entry.value.split_whitespace().eq(live.split_whitespace());
    drift(outcome, is_same, shown)
}

/// Adds what the loader's configuration holds for a word of the boot line; a difference is drift.
fn booted(look: &Look<'_>, word: &str, outcome: Outcome) -> Outcome {
    let (Ok((file, next)), Ok(live)) = (&look.kept.boot, &look.line) else { return outcome };
    let next = next.value(word);
    let shown = format!("{word}={} ({file})", next.unwrap_or("unset"));
    drift(outcome, next == live.value(word), shown)
}

fn drift(outcome: Outcome, is_same: bool, shown: String) -> Outcome {
    let mut outcome = outcome.persisted(Some(shown));
    if outcome.status == Status::Pass && !is_same {
        outcome.status = Status::Drift;
        outcome.note = "good now, and the next boot brings another value".into();
    }
    outcome
}

/// Judges the file of every hot CPU; what is live names the CPUs that miss it.
fn each_hot(look: &Look<'_>, file: &str, good: impl Fn(&str) -> bool, note: &str) -> Found {
    let (mut bad, mut last) = (Vec::new(), String::new());
    for cpu in look.hot()?.iter() {
        last = value(look, &format!("sys/devices/system/cpu/cpu{cpu}/{file}"))?;
        if !good(&last) {
            bad.push(format!("cpu{cpu}={last}"));
        }
    }
    let live = if bad.is_empty() { last } else { bad.join(" ") };
    Ok(Outcome::good(bad.is_empty(), live, note).planned(format!("CPUs {}", look.hot()?)))
}

/// The choice in brackets of `always [madvise] never`.
fn chosen(text: &str) -> &str {
    text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or(text, |(word, _)| word)
}

/// At most eight of many, and how many more.
fn some(mut items: Vec<String>) -> String {
    let more = items.len().saturating_sub(8);
    items.truncate(8);
    if more > 0 {
        items.push(format!("and {more} more"));
    }
    items.join(", ")
}
