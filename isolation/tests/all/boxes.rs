//! Whole boxes: what every check says of each, exactly.
//!
//! `fixtures/boxes/NAME.txt` is a box, one entry of `fixture.rs` a line, `include: NAME` first
//! where it starts from another; `NAME.status` is what the checks say under live, and the exit
//! status.

use crate::fixture::Fixture;
use crate::forms::same;
use corelane_isolation::{Profile, Report, Status, examine};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/boxes")
}

fn add(fixture: &mut Fixture, name: &str) {
    let text = fs::read_to_string(folder().join(format!("{name}.txt"))).expect(name);
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("include: ") {
            Some(other) => add(fixture, other),
            None => fixture.add(line),
        }
    }
}

fn judged(name: &str, profile: Profile) -> Report {
    let mut fixture = Fixture::default();
    add(&mut fixture, name);
    examine(&fixture.host(), &fixture.plan, profile)
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the folder");
    let files = entries.map(|entry| entry.expect("an entry").file_name());
    let names = files.filter_map(|file| Some(file.to_str()?.strip_suffix(".txt")?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn every_box_is_judged_exactly() {
    let names = names();
    assert!(names.len() >= 12, "{names:?}");
    let mut differ = Vec::new();
    for name in &names {
        let report = judged(name, Profile::Live);
        let mut text = format!("exit {}\n", report.exit);
        for found in &report.checks {
            let _ = writeln!(text, "{} {}", found.id, found.status.name());
        }
        differ.extend(same(&format!("boxes/{name}.status"), &text).err());
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn the_good_box_is_fit_and_no_other_that_is_not() {
    for name in names() {
        let exit = judged(&name, Profile::Live).exit;
        let is_fit = ["good", "amd", "no-nic", "kernel-6.1"].contains(&name.as_str());
        assert_eq!(exit == 0, is_fit, "{name} exits {exit}");
    }
    assert_eq!(judged("stock", Profile::Live).exit, 2);
    assert_eq!(judged("locked", Profile::Live).exit, 3, "what must be good could not be read");
    assert_eq!(judged("locked", Profile::Dev).exit, 0);
}

#[test]
fn every_objection_of_the_old_guides_is_raised() {
    let report = judged("old-guides", Profile::Live);
    let found = |id: &str| report.checks.iter().find(|found| found.id == id).expect(id);
    for (id, status, words) in [
        (
            "C01",
            Status::Stale,
            "not a sysctl since 5.13; line ignored; no effect on pinned threads",
        ),
        ("C03", Status::Stale, "this kernel ignores the lines"),
        ("N01", Status::Warn, "saves 12 B; loses PAWS"),
        ("N02", Status::Conflict, "caps every TCP window at 65,535 B, makes rmem_max pointless"),
        ("N04", Status::Warn, "global; taxes housekeeping; does nothing for Onload"),
        ("N06", Status::Conflict, "jumbo frames keep XDP"),
        ("N13", Status::Conflict, "does not disable"),
        ("M07", Status::Conflict, "halves"),
        ("W03", Status::Conflict, "redundant, costs turbo"),
        ("I01", Status::Fail, "a bare list is domain only"),
        ("I02", Status::Conflict, "nohz_full=all"),
        ("I05", Status::Fail, "interrupts are bound to hot CPUs"),
        ("I26", Status::Warn, "keys can leak"),
        ("M08", Status::Pass, "harmless, no measurable effect here"),
        ("C02", Status::Pass, "harmless, no measurable effect here"),
        ("G01", Status::Warn, "legacy"),
        ("G03", Status::Conflict, "-ac is ignored"),
        ("O03", Status::Fail, "others may write the socket"),
        ("O04", Status::Conflict, "puts the server into the background"),
    ] {
        let found = found(id);
        assert_eq!(found.status, status, "{id}");
        assert!(found.note.contains(words), "{id}: {}", found.note);
        if status != Status::Pass {
            assert!(!found.keep.is_empty(), "{id} says what to do instead");
        }
    }
}
