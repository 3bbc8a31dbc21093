//! The table of checks, one file a group, and what their functions share.
//!
//! Must never: guess. A value that was not read stops the check ([`Stop::Unknown`]); a value that
//! this kernel does not have is skipped with that reason.

use crate::check::{Check, Look, Outcome, Status, Stop, skip};
use crate::host::Missing;

mod cpu;
mod gpu;
mod memory;
mod network;
mod noise;
mod power;
mod scheduler;
mod services;

/// Every check, group by group.
pub const CHECKS: [&[Check]; 8] = [
    cpu::CHECKS,
    noise::CHECKS,
    power::CHECKS,
    memory::CHECKS,
    scheduler::CHECKS,
    network::CHECKS,
    gpu::CHECKS,
    services::CHECKS,
];

/// The whole table, in its order.
pub fn all() -> impl Iterator<Item = &'static Check> {
    CHECKS.into_iter().flatten()
}

type Found = Result<Outcome, Stop>;

/// The text at a path; skipped where its folder is there and it is not: this kernel has it not.
fn value(look: &Look<'_>, path: &str) -> Result<String, Stop> {
    match look.host.text(path) {
        Err(Missing::Absent(path)) => {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if look.host.is_there(folder) {
                return skip(format!("this host has no {path}"));
            }
            Err(Missing::Absent(path).into())
        }
        other => Ok(other?),
    }
}

/// The whole number at a path.
fn number(look: &Look<'_>, path: &str) -> Result<i64, Stop> {
    let text = value(look, path)?;
    text.parse().map_err(|_| Missing::Strange(path.to_owned(), text).into())
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
