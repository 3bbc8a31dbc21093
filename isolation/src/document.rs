//! The part of HOST.md that is the table: what each check is, and its runbook. A test holds the
//! file to it.

use crate::check::{Check, Group};
use crate::checks::all;
use std::fmt::Write as _;

/// Every check as Markdown, group by group: the table, then what to do about each.
#[must_use]
pub fn document() -> String {
    let mut md = String::new();
    for group in Group::ALL {
        let _ = write!(
            md,
            "### {}\n\n| id | check | need | good | where read | kernel |\n\
             | --- | --- | --- | --- | --- | --- |\n",
            group.title()
        );
        for check in of(group) {
            let Check { id, name, need, good, read, .. } = check;
            let (need, read) = (need.name(), read.replace('|', "\\|"));
            let _ =
                writeln!(md, "| {id} | {name} | {need} | {good} | `{read}` | {} |", kernels(check));
        }
        md.push('\n');
        for check in of(group) {
            let Check { id, name, why, now, keep, source, moves, .. } = check;
            let _ = write!(md, "**{id} {name}**: {why}. ");
            let _ = write!(md, "Now: {now}. For good: {keep}. ");
            if *moves {
                md.push_str("Its answer may change from one look to the next. ");
            }
            let _ = writeln!(md, "Source: {source}.\n");
        }
    }
    md.trim_end().to_owned() + "\n"
}

fn of(group: Group) -> impl Iterator<Item = &'static Check> {
    all().filter(move |check| check.group == group)
}

fn kernels(check: &Check) -> String {
    let since = check.since.map(|kernel| format!("since {kernel}"));
    let until = check.until.map(|kernel| format!("until {kernel}"));
    since.into_iter().chain(until).collect::<Vec<_>>().join(", ")
}
