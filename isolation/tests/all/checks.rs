//! Every check has a fixture that it passes, one that it objects to and one that it cannot read.
//!
//! `fixtures/checks/*.txt`: `ID STATUS | ENTRY | ENTRY ...`, further lines of a case indented;
//! STATUS is what the check says under live, or `NOTE` where a check that never warns has something
//! to say.

use crate::fixture::Fixture;
use corelane_isolation::{Check, Profile, Status, all, check::Look};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// One line of a file of cases.
struct Case {
    at: String,
    id: String,
    wanted: String,
    fixture: Fixture,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checks");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("text");
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (head, entries) = line.split_once('|').unwrap_or((line, ""));
            if !line.starts_with(' ') {
                let (id, wanted) = head.trim().split_once(' ').expect("ID STATUS");
                cases.push(Case {
                    at: format!("{name}:{}", number + 1),
                    id: id.to_owned(),
                    wanted: wanted.trim().to_owned(),
                    fixture: Fixture::default(),
                });
            }
            let case: &mut Case = cases.last_mut().expect("a case before its further lines");
            let entries = entries.split(" | ").map(str::trim).filter(|entry| !entry.is_empty());
            entries.for_each(|entry| case.fixture.add(entry));
        }
    }
    cases
}

/// What a check says of a fixture, and its words.
fn said(check: &Check, fixture: &Fixture) -> (String, String) {
    let host = fixture.host();
    let look = Look::at(&host, &fixture.plan);
    let found = check.find(&look, Profile::Live);
    let is_miss = check.outcome(&look).status == Status::Fail;
    let has_note = is_miss && found.status == Status::Pass;
    let status = if has_note { "NOTE" } else { found.status.name() };
    (status.to_owned(), format!("{}: {}", found.live, found.note))
}

#[test]
fn every_fixture_gives_its_status() {
    let table: BTreeMap<&str, &Check> = all().map(|check| (check.id, check)).collect();
    let mut wrong = Vec::new();
    for case in cases() {
        let check = table.get(case.id.as_str()).unwrap_or_else(|| panic!("no check {}", case.id));
        let (status, words) = said(check, &case.fixture);
        if status != case.wanted {
            let Case { at, id, wanted, .. } = case;
            wrong.push(format!("{at}: {id} is to be {wanted} and is {status} ({words})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_check_has_a_good_a_bad_and_an_unread_fixture() {
    let mut seen: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for case in cases() {
        let kind = match case.wanted.as_str() {
            "PASS" => "good",
            "UNKNOWN" => "unread",
            "SKIP" => "skipped",
            _ => "bad",
        };
        seen.entry(case.id).or_default().insert(kind);
    }
    let lacks = |id: &str| {
        let has = seen.get(id).cloned().unwrap_or_default();
        ["good", "bad", "unread"].into_iter().filter(|kind| !has.contains(kind)).collect::<Vec<_>>()
    };
    let short: Vec<String> = all()
        .map(|check| (check.id, lacks(check.id)))
        .filter(|(_, lacks)| !lacks.is_empty())
        .map(|(id, lacks)| format!("{id} has no fixture: {}", lacks.join(", ")))
        .collect();
    assert!(short.is_empty(), "{}", short.join("\n"));
}

#[test]
fn what_cannot_be_read_never_has_a_value() {
    let table: BTreeMap<&str, &Check> = all().map(|check| (check.id, check)).collect();
    for case in cases().iter().filter(|case| case.wanted == "UNKNOWN") {
        let host = case.fixture.host();
        let found =
            table[case.id.as_str()].find(&Look::at(&host, &case.fixture.plan), Profile::Live);
        assert!(found.live.is_empty() && !found.note.is_empty(), "{}: {found:?}", case.at);
    }
}
