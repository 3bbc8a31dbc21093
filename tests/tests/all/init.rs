//! `corelane init`: what it writes passes `corelane config check` and plays, and nothing is
//! overwritten.

use crate::support::{clean, command, json, root, set};
use std::fs;
use std::path::Path;
use std::process::Output;

/// Ports where nobody listens: the test looks at no server of the host's.
const NOBODY: [&str; 2] = ["--ollama=127.0.0.1:1", "--vllm=127.0.0.1:1"];

fn init(dir: &Path, more: &[&str]) -> Output {
    let mut args = vec!["init", dir.to_str().unwrap()];
    args.extend(NOBODY);
    args.extend(more);
    command(&args).output().unwrap()
}

#[test]
fn what_is_written_checks_clean_and_plays() {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("mine");
    let said = clean(init(&files, &[]));
    for part in ["found    cpus ", "found    gpu ", "found    nic ", "found    Ollama ", "refused"]
    {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert!(said.contains("left out agents.toml: this version has no agents program"), "{said}");
    // A topology is there where the host has the cores for one, and told of where it has not.
    let has_topology = files.join("topology.toml").exists();
    assert_ne!(has_topology, said.contains("left out topology.toml: of CPUs "), "{said}");
    let check = command(&["config", "check", files.to_str().unwrap()]).output().unwrap();
    let ok = clean(check).lines().filter(|line| line.starts_with("OK ")).count();
    assert_eq!(ok, if has_topology { 3 } else { 2 });
    let station = files.join("station.toml");
    let text = fs::read_to_string(&station).unwrap();
    fs::write(&station, set(&text, "speed", "\"max\"")).unwrap();
    let config = format!("--config={}", station.display());
    let run = command(&["run", "--json", &config]).current_dir(dir.path()).output().unwrap();
    let summary = json(&clean(run));
    assert!(summary["events"].as_u64() > Some(3_000), "{summary}");
    assert!(summary["orders"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["exit"]["code"], 0, "{summary}");
    assert!(dir.path().join("runs").is_dir());
}

#[test]
fn nothing_is_overwritten_and_nothing_half_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("limits.toml");
    fs::write(&mine, "# mine\n").unwrap();
    let output = init(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(10), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("ARGUMENTS: files are there already: files=("), "{said}");
    assert!(said.contains("limits.toml") && said.contains("; next: "), "{said}");
    assert!(!said.contains("station.toml"), "it is not there: {said}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "# mine\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    // A model that is none: the files are checked before they stay.
    let other = dir.path().join("other");
    let output = init(&other, &[&format!("--model={}", dir.path().display())]);
    assert_eq!(output.status.code(), Some(14), "{output:?}");
    assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
    for (argument, code) in [("--instrument=ETHUSDT", 10), ("--recording=/nowhere.clrec", 14)] {
        let output = init(&dir.path().join("third"), &[argument]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    assert!(!dir.path().join("third").exists());
}

/// Another host's cores: a captured tree of a box with four cores and both threads of each.
#[test]
fn a_box_with_cores_to_spare_gets_a_topology_its_station_agrees_with() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    let put = |path: &str, text: &str| {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("sys/devices/system/cpu/online", "0-7\n");
    for cpu in 0..8 {
        let threads = format!("{},{}\n", cpu % 4, cpu % 4 + 4);
        put(&format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"), &threads);
    }
    put("sys/class/net/enp1s0/type", "1\n");
    put("sys/class/net/enp1s0/operstate", "up\n");
    put("sys/class/net/enp1s0/device/vendor", "0x1924\n");
    put("usr/lib/libonnxruntime.so.1.24.0", "");
    let files = dir.path().join("mine");
    let said = clean(init(&files, &[&format!("--root={}", tree.display())]));
    for part in [
        "cpus         0-7 (4 cores, SMT on)",
        "nic          enp1s0 (driver unknown, up)",
        "onnxruntime  /usr/lib/libonnxruntime.so.1.24.0",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    let text = fs::read_to_string(files.join("topology.toml")).unwrap();
    let plan = isolation_lines(&text);
    assert_eq!(plan, ["hot = \"2-3,6-7\"", "housekeeping = \"0-1,4-5\"", "nic = \"enp1s0\""]);
    let station = fs::read_to_string(files.join("station.toml")).unwrap();
    assert!(station.contains("\nloop_cpu = 2\nedge_cpu = 3\n"), "{station}");
    assert!(station.contains("\nidle = \"busy\"\n"), "{station}");
    assert!(station.contains("\ntopology = \"topology.toml\"\n"), "{station}");
    let topology = files.join("topology.toml");
    clean(command(&["config", "check", files.to_str().unwrap()]).output().unwrap());
    let doctor = [
        "doctor",
        &format!("--root={}", tree.display()),
        &format!("--topology={}", topology.display()),
        "--json",
    ];
    let report = command(&doctor).current_dir(root()).output().unwrap();
    let report = json(&String::from_utf8(report.stdout).unwrap());
    assert!(report["checks"].as_array().unwrap().len() > 50, "the doctor takes it: {report}");
}

fn isolation_lines(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| ["hot", "housekeeping", "nic"].iter().any(|key| line.starts_with(key)))
        .collect()
}
