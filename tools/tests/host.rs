//! `corelane doctor` as a user runs it: exit statuses, the gate, forms, snapshots, no other
//! program.

extern crate isolation as corelane_isolation;

#[expect(dead_code, reason = "of the fixtures only the trees are of use here")]
#[path = "../../isolation/tests/all/fixture.rs"]
mod fixture;

use fixture::Fixture;
use isolation::{Node, Tree};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TOPOLOGY: &str = "[topology]\nhot = \"2-3\"\nhousekeeping = \"0-1,4-7\"\nnic = \"eth0\"\n\
                        onload = true\nhugepages_2m = 64\n";

fn corelane(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_corelane")).args(args).output().expect("the command runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn add(fixture: &mut Fixture, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../isolation/tests/fixtures/boxes");
    let text = fs::read_to_string(folder.join(format!("{name}.txt"))).expect("a box");
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("include: ") {
            Some(other) => add(fixture, other),
            None => fixture.add(line),
        }
    }
}

/// A box of the fixtures as an archive, and the topology it is held against.
fn archive(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let mut fixture = Fixture::default();
    add(&mut fixture, name);
    let mut tree: Tree = fixture.tree.clone();
    tree.put("DENIED", Node::File(fixture.denied.into_bytes()));
    let (tar, topology) = (folder.join(format!("{name}.tar")), folder.join("topology.toml"));
    fs::write(&tar, tree.to_tar().expect("short paths")).expect("a file");
    fs::write(&topology, TOPOLOGY).expect("a file");
    (tar, topology)
}

#[test]
fn the_gate_opens_for_the_good_box_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, profile, wanted) in [
        ("good", "live", 0),
        ("drifted", "live", 0),
        ("old-guides", "live", 12),
        ("locked", "live", 12),
        ("virtual", "live", 12),
        ("old-guides", "paper", 0),
        ("locked", "dev", 0),
    ] {
        let (tar, topology) = archive(dir.path(), name);
        let (root, topology) = (format!("--root={}", tar.display()), topology.display());
        let profile = format!("--profile={profile}");
        let topology = format!("--topology={topology}");
        let gate = corelane(&["doctor", "gate", &profile, &root, &topology]);
        assert_eq!(gate.status.code(), Some(wanted), "{name} {profile}: {}", out(&gate));
        let report = corelane(&["doctor", &profile, &root, &topology, "--json"]);
        let report: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
        let count = |test: &dyn Fn(&serde_json::Value) -> bool| {
            report["checks"].as_array().expect("checks").iter().filter(|check| test(check)).count()
        };
        let closed = count(&|check| {
            let status = check["status"].as_str().expect("a status");
            let is_unread = status == "UNKNOWN" && check["need"] == "must";
            is_unread || status == "FAIL" || status == "CONFLICT"
        });
        let lines = if wanted == 0 { 0 } else { closed };
        assert_eq!(out(&gate).lines().count(), lines, "{name} {profile}: {}", out(&gate));
        let said = String::from_utf8_lossy(&gate.stderr).into_owned();
        let is_closed = said.starts_with("HOST: host is not as the profile says");
        assert_eq!(is_closed, wanted == 12, "{said}");
    }
}

#[test]
fn the_exit_status_and_each_form_are_the_report_s() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, wanted) in [("good", 0), ("kernel-7.0", 1), ("old-guides", 2), ("locked", 3)] {
        let (tar, topology) = archive(dir.path(), name);
        let (root, topology) =
            (format!("--root={}", tar.display()), format!("--topology={}", topology.display()));
        for (form, start) in [
            ("--json", "{\n  \"version\": 1,"),
            ("--md", "# Host: "),
            ("--junit", "<?xml "),
            ("--prometheus", "# HELP corelane_doctor_info"),
        ] {
            let output = corelane(&["doctor", form, &root, &topology]);
            assert_eq!(output.status.code(), Some(wanted), "{name} {form}");
            assert!(out(&output).starts_with(start), "{name} {form}");
        }
    }
    let both = corelane(&["doctor", "--json", "--md"]);
    assert_eq!(both.status.code(), Some(10), "one form at a time");
    let unknown = corelane(&["doctor", "--explain=I99"]);
    assert_eq!(unknown.status.code(), Some(10));
}

#[test]
fn a_snapshot_of_this_host_is_judged_as_the_host_is() {
    let name = "a_snapshot_of_this_host_is_judged_as_the_host_is";
    let dir = tempfile::tempdir().expect("a folder");
    let tar = dir.path().join("host.tar");
    let shown = tar.display().to_string();
    let made = corelane(&["doctor", "snapshot", "--output", &shown]);
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let moves = |id: &str| isolation::all().any(|check| check.id == id && check.moves);
    let checks = |args: &[&str]| {
        let output = corelane(args);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let all = report["checks"].as_array().expect("checks").clone();
        let still = all.into_iter().filter(|check| !moves(check["id"].as_str().expect("an id")));
        still.collect::<Vec<_>>()
    };
    let root = format!("--root={shown}");
    let (captured, live) = (checks(&["doctor", "--json", &root]), checks(&["doctor", "--json"]));
    assert!(captured.len() > 60);
    assert_eq!(captured, live);
    // The archive is one that others can read.
    match Command::new("tar").arg("-tf").arg(&tar).output() {
        Ok(listed) => {
            assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
            assert!(out(&listed).lines().any(|path| path == "proc/cmdline"));
        }
        Err(error) => eprintln!("SKIPPED {name}: no tar: {error}"),
    }
    fs::write(&tar, b"no archive").expect("a file");
    assert_eq!(corelane(&["doctor", &root]).status.code(), Some(14));
}

#[test]
fn it_starts_no_program_and_writes_nothing() {
    let name = "it_starts_no_program_and_writes_nothing";
    let dir = tempfile::tempdir().expect("a folder");
    let trace = dir.path().join("trace");
    let run = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&trace)
        .args(["-e", "trace=process,file,connect,bind,sendto"])
        .arg(env!("CARGO_BIN_EXE_corelane"))
        .arg("doctor")
        .output();
    let Ok(run) = run else {
        eprintln!("SKIPPED {name}: no strace");
        return;
    };
    let text = fs::read_to_string(&trace).unwrap_or_default();
    if !text.contains("execve(") {
        eprintln!("SKIPPED {name}: {}", String::from_utf8_lossy(&run.stderr).trim());
        return;
    }
    // Where there is a GPU its driver's library has devices of its own.
    let ours = text.lines().filter(|line| !line.contains("/dev/nvidia"));
    let ours: Vec<&str> = ours.collect();
    let calls = |name: &str| ours.iter().filter(|line| line.contains(name)).collect::<Vec<_>>();
    assert_eq!(calls("execve(").len(), 1, "its own start alone");
    for other in ["fork(", "clone(", "clone3(", "connect(", "bind(", "sendto("] {
        assert_eq!(calls(other), Vec::<&&str>::new(), "{other}");
    }
    for write in ["O_WRONLY", "O_RDWR", "O_CREAT", "unlink", "mkdir", "rename"] {
        assert_eq!(calls(write), Vec::<&&str>::new(), "{write}");
    }
    assert!(!calls("/proc/cmdline").is_empty(), "the trace saw it read");
}
