//! The systemd units of the nightly pipeline: what `systemd-analyze verify` and the host's rules say.

use crate::support::{program, root};
use std::fs;
use std::process::Command;

const UNITS: [&str; 2] = ["corelane-nightly.service", "corelane-nightly.timer"];

/// The units with their program where this build has it, so that only what they say is judged.
fn copied(dir: &std::path::Path) {
    for unit in UNITS {
        let text = fs::read_to_string(root().join("config/systemd").join(unit)).unwrap();
        let text = text.replace("/usr/local/bin/corelane", program("corelane").to_str().unwrap());
        fs::write(dir.join(unit), text).unwrap();
    }
}

#[test]
fn systemd_takes_the_units() {
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    let paths = UNITS.map(|unit| dir.path().join(unit));
    let output = match Command::new("systemd-analyze").arg("verify").args(&paths).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED systemd_takes_the_units: systemd-analyze: {error}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // What it says of the host's own units is not ours.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("corelane-nightly")).collect();
    assert!(ours.is_empty(), "{said}");
    // And it sees what is wrong with one.
    let broken = dir.path().join(UNITS[0]);
    let text = fs::read_to_string(&broken).unwrap().replace("Nice=19", "Nice=99");
    fs::write(&broken, text).unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg(&broken).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("corelane-nightly"), "a wrong value is told: {said}");
}

/// What the units promise, and what the command they start does with its arguments.
#[test]
fn the_service_runs_the_documented_command_at_the_lowest_rank() {
    let service =
        fs::read_to_string(root().join("config/systemd/corelane-nightly.service")).unwrap();
    for line in [
        "ExecStart=/usr/local/bin/corelane train nightly --config=/etc/corelane/nightly.toml",
        "Nice=19",
        "CPUSchedulingPolicy=idle",
        "IOSchedulingClass=idle",
        "Restart=on-abnormal",
    ] {
        assert!(service.lines().any(|found| found == line), "{line}");
    }
    let timer = fs::read_to_string(root().join("config/systemd/corelane-nightly.timer")).unwrap();
    assert!(timer.contains("OnCalendar=") && timer.contains("Unit=corelane-nightly.service"));
    let help = crate::support::clean(crate::support::corelane(&["train", "nightly", "--help"]));
    assert!(help.contains("--config"), "{help}");
}
