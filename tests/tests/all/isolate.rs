//! The systemd units as `corelane isolate render` writes them: what systemd says of them, how
//! closed they are, and that every command in them is one of this build.

use crate::support::{clean, corelane, program, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) const NO_GPU: &str = "[topology]\nhot = \"5-7\"\nhousekeeping = \"0-4\"\ncpus = \"0-7\"\n\
                      siblings = []\n";

/// The folder of units, rendered with the programs of this build.
pub(crate) fn rendered(dir: &Path, topology: &Path, more: &[&str]) -> (PathBuf, String) {
    let bin = program("corelane").parent().unwrap().display().to_string();
    let (topology, bin) =
        (format!("--topology={}", topology.display()), format!("--bin-dir={bin}"));
    let to = dir.join("tree");
    let mut args = vec!["isolate", "render", to.to_str().unwrap(), &topology, &bin];
    args.extend(more);
    let said = clean(corelane(&args));
    (to.join("etc/systemd/system"), said)
}

/// The line of a key in the engine's unit.
pub(crate) fn engine_line(key: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (folder, _) = rendered(dir.path(), &example(), &[]);
    let text = fs::read_to_string(folder.join("corelane-engine.service")).unwrap();
    text.lines().find(|line| line.starts_with(key)).unwrap().to_owned()
}

#[test]
fn the_folder_of_tapes_outlives_the_engine_s_unit() {
    assert_eq!(engine_line("RuntimeDirectoryPreserve="), "RuntimeDirectoryPreserve=yes");
}

fn example() -> PathBuf {
    root().join("config/topology-8core.toml")
}

/// Runs `systemd-analyze`, where it is.
fn analyze(name: &str, args: &[&str], units: &[PathBuf]) -> Option<Output> {
    match Command::new("systemd-analyze").args(args).args(units).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("SKIPPED {name}: systemd-analyze: {error}");
            None
        }
    }
}

/// Version of the systemd here.
fn version(name: &str) -> Option<u32> {
    let output = analyze(name, &["--version"], &[])?;
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.split_whitespace().nth(1).unwrap().parse().unwrap())
}

fn units(folder: &Path) -> Vec<PathBuf> {
    let mut units: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    units.sort();
    assert!(units.len() >= 10, "{units:?}");
    units
}

/// What `verify` says of our units; what it says of the host's own is not ours.
fn complaints(name: &str, folder: &Path) -> Option<Vec<String>> {
    let output = analyze(name, &["verify", "--man=no"], &units(folder))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours = |line: &&str| line.contains("corelane") || line.contains("hot.slice");
    Some(said.lines().filter(ours).map(str::to_owned).collect())
}

#[test]
fn systemd_takes_every_rendered_unit_and_knows_every_key() {
    let name = "systemd_takes_every_rendered_unit";
    let Some(version) = version(name) else { return };
    let none = tempfile::tempdir().unwrap();
    let no_gpu = none.path().join("topology.toml");
    fs::write(&no_gpu, NO_GPU).unwrap();
    for topology in [example(), no_gpu] {
        for profile in ["--profile=live", "--profile=paper"] {
            let dir = tempfile::tempdir().unwrap();
            let wanted = format!("--systemd-version={version}");
            let (folder, _) = rendered(dir.path(), &topology, &[&wanted, profile]);
            assert_eq!(complaints(name, &folder).unwrap(), Vec::<String>::new());
            // And it sees what is wrong with one.
            let engine = folder.join("corelane-engine.service");
            let text = fs::read_to_string(&engine).unwrap();
            fs::write(&engine, text.replace("OOMScoreAdjust=-900", "OOMScoreAdjust=x")).unwrap();
            assert_eq!(complaints(name, &folder).unwrap().len(), 1);
        }
    }
    // The table of versions is right about this one: of all keys it does not know the newer ones.
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let wanted = format!("--systemd-version={version}");
    let (_, left_out) = rendered(old.path(), &example(), &[&wanted]);
    let (folder, _) = rendered(new.path(), &example(), &["--systemd-version=999"]);
    let unknown: BTreeSet<String> = complaints(name, &folder)
        .unwrap()
        .iter()
        .map(|line| line.split('\'').nth(1).unwrap_or(line).to_owned())
        .collect();
    let listed: BTreeSet<String> = left_out
        .lines()
        .filter_map(|line| line.strip_prefix("left out: ")?.split_once(" in "))
        .map(|(key, _)| key.to_owned())
        .collect();
    assert_eq!(unknown, listed);
}

/// Tenths of exposure each unit may have, where a GPU is served and where none is.
const BARS: [(&str, u32, u32); 3] = [
    ("corelane-engine.service", 25, 25),
    ("corelane-signal.service", 25, 15),
    ("corelane-notary.service", 15, 15),
];

#[test]
fn every_unit_is_as_closed_as_its_kind_allows() {
    let name = "every_unit_is_as_closed";
    let Some(version) = version(name) else { return };
    let dir = tempfile::tempdir().unwrap();
    let no_gpu = dir.path().join("topology.toml");
    fs::write(&no_gpu, NO_GPU).unwrap();
    let wanted = format!("--systemd-version={version}");
    for (with_gpu, topology) in [(true, example()), (false, no_gpu)] {
        let dir = tempfile::tempdir().unwrap();
        let (folder, _) = rendered(dir.path(), &topology, &[&wanted]);
        for (unit, gpu, cpu) in BARS {
            let most = if with_gpu { gpu } else { cpu };
            let judged = |most: u32| {
                let threshold = format!("--threshold={most}");
                let args = ["security", "--offline=true", "--no-pager", &threshold];
                analyze(name, &args, &[folder.join(unit)]).unwrap()
            };
            let output = judged(most);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let last = said.lines().last().unwrap_or_default();
            assert!(output.status.success() && last.contains(unit), "{unit} {most}: {last}");
            assert!(!judged(1).status.success(), "{unit}: nothing is that closed");
        }
    }
}

/// Command lines of our programs in the units.
fn commands(folder: &Path) -> Vec<String> {
    let mut commands = Vec::new();
    for unit in units(folder) {
        let text = fs::read_to_string(&unit).unwrap();
        for line in text.lines().filter(|line| line.starts_with("Exec")) {
            let command = line.split_once('=').unwrap().1.trim_start_matches('+').to_owned();
            let program = command.split(' ').next().unwrap();
            if Path::new(program).file_name().unwrap().to_str().unwrap().starts_with("corelane") {
                commands.push(command);
            }
        }
    }
    commands
}

#[test]
fn every_command_of_a_unit_is_one_of_this_build() {
    let dir = tempfile::tempdir().unwrap();
    let no_gpu = dir.path().join("topology.toml");
    fs::write(&no_gpu, NO_GPU).unwrap();
    let mut seen = BTreeSet::new();
    for topology in [example(), no_gpu] {
        let dir = tempfile::tempdir().unwrap();
        let (folder, _) = rendered(dir.path(), &topology, &[]);
        for command in commands(&folder) {
            let mut words = command.split(' ');
            let program = words.next().unwrap();
            let (flags, verbs): (Vec<&str>, Vec<&str>) =
                words.partition(|word| word.starts_with("--"));
            let help = Command::new(program).args(&verbs).arg("--help").output().unwrap();
            let text = String::from_utf8_lossy(&help.stdout).into_owned();
            if verbs == ["doctor", "gate"] && !help.status.success() {
                eprintln!("SKIPPED every_command_of_a_unit: this build has no `doctor gate`");
                continue;
            }
            assert!(help.status.success(), "{command}");
            for flag in flags {
                let name = flag.split('=').next().unwrap();
                let is_there = text.split([' ', '\n']).any(|word| word == name);
                assert!(is_there, "{command}: no {name} in\n{text}");
            }
            seen.insert(Path::new(program).file_name().unwrap().to_owned());
        }
    }
    assert_eq!(seen.len(), 4, "corelane, engine, signal, notary: {seen:?}");
}

#[test]
fn an_apply_is_asked_for_and_a_topology_that_cannot_be_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    for (text, code, part) in [
        ("hot = \"0-2\"\nhousekeeping = \"3-5\"", 11, "without CPU 0"),
        ("hot = \"5-7\"\nhousekeeping = \"0\"", 11, "two CPUs or more"),
        ("hot = \"5-8\"\nhousekeeping = \"0-4\"", 11, "no such CPU: cpus=8"),
        ("hot = \"5,7\"\nhousekeeping = \"0-4\"", 11, "a core is split: hot=5,7 siblings=5-6"),
        ("hot = \"5-7\"\nhousekeeping = \"0-4\"\nhots = 1", 11, "hots"),
    ] {
        let file = dir.path().join("topology.toml");
        let head = "[topology]\ncpus = \"0-7\"\nsiblings = [\"5-6\"]\n";
        fs::write(&file, format!("{head}{text}\n")).unwrap();
        let topology = format!("--topology={}", file.display());
        let to = dir.path().join("tree");
        let output = corelane(&["isolate", "render", to.to_str().unwrap(), &topology]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(part) && said.lines().count() == 1, "{part}: {said}");
        assert!(!to.exists(), "nothing is rendered");
    }
    // A box whose boot loader is not known, and one that is: not without --yes.
    let root = dir.path().join("box");
    make_box(&root);
    let at = format!("--root={}", root.display());
    let code = |args: &[&str]| {
        let output = corelane(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() || said.lines().count() == 1, "{said}");
        output.status.code()
    };
    assert_eq!(code(&["isolate", "plan", &at]), Some(12), "no boot loader");
    fs::create_dir_all(root.join("etc/default")).unwrap();
    fs::write(root.join("etc/default/grub"), "GRUB_CMDLINE_LINUX=\"\"\n").unwrap();
    assert_eq!(code(&["isolate", "plan", &at]), Some(0));
    assert_eq!(code(&["isolate", "plan", "--check", &at]), Some(31));
    assert_eq!(code(&["isolate", "apply", &at]), Some(10), "not without --yes");
    assert!(!root.join("etc/systemd").exists());
    assert_eq!(code(&["isolate", "apply", "--yes", &at]), Some(0));
    assert_eq!(code(&["isolate", "plan", "--check", &at]), Some(0));
    // A card that was reset has an interrupt of its own; one that cannot be bound may arrive where
    // it should.
    let irq = root.join("proc/irq/40");
    fs::create_dir_all(&irq).unwrap();
    fs::write(irq.join("smp_affinity_list"), "0-7\n").unwrap();
    for (arrives, wanted) in [("7\n", 31), ("2\n", 0)] {
        fs::write(irq.join("effective_affinity_list"), arrives).unwrap();
        let check = ["isolate", "plan", "--runtime", "--check", &at];
        assert_eq!(code(&check), Some(wanted), "arrives on {arrives}");
    }
    assert_eq!(code(&["isolate", "rollback", &at]), Some(0));
    assert!(!root.join("etc/systemd").exists() && !root.join("etc/corelane").exists());
}

/// A box of eight cores, without a boot loader.
fn make_box(root: &Path) {
    for cpu in 0..8 {
        let folder = root.join(format!("sys/devices/system/cpu/cpu{cpu}/topology"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("thread_siblings_list"), format!("{cpu}\n")).unwrap();
    }
    fs::write(root.join("sys/devices/system/cpu/online"), "0-7\n").unwrap();
}

#[test]
fn what_was_done_and_what_is_left_to_do_is_told_both_ways_and_after_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    make_box(root);
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("etc/default/grub", "GRUB_CMDLINE_LINUX=\"\"\n");
    put("proc/sys/vm/swappiness", "60\n");
    // What cannot be opened under lockdown: nobody reads a folder.
    fs::create_dir_all(root.join("sys/kernel/debug/sched/fair_server/cpu5/runtime")).unwrap();
    // Its owner's own file, under the name one would take.
    let own = "# the box in the cage\n[topology]\nhot = \"5-7\"\nhousekeeping = \"0-4\"\n\
               nic = \"eth0.100\"\n";
    put("etc/corelane/topology.toml", own);
    put("run/corelane-isolate.json", "{\"version\": 2, \"fold");
    let (at, file) = (
        format!("--root={}", root.display()),
        format!("--topology={}", root.join("etc/corelane/topology.toml").display()),
    );
    let said = |args: &[&str], code: i32| {
        let output = corelane(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let fault = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}{fault}");
        (text, fault)
    };
    let has = |text: &str, parts: &[&str]| {
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
    };
    // The half of the running kernel has a torn journal: that of the files is told all the same.
    let apply = ["isolate", "apply", "--yes", "--kernel=6.12", &at, &file];
    let (text, fault) = said(&apply, 14);
    has(&text, &["etc/default/grub: written", "next: run update-grub"]);
    has(&fault, &["journal of prior values is damaged"]);
    fs::remove_file(root.join("run/corelane-isolate.json")).unwrap();
    let (text, _) = said(&apply, 0);
    has(&text, &["cpu5/runtime: left as it is (cannot be read", "vm/swappiness: written"]);
    // No reboot and no other file makes it another topology.
    let (text, _) = said(&["isolate", "plan", "--check", "--kernel=6.12", &at], 0);
    let from = "topology: /etc/corelane/applied-topology.toml\n";
    has(&text, &[from, "card eth0.100", "0 to change, 1 unknown"]);
    // One half cannot be taken back: the other is, and what is to be done is said.
    let journal = fs::read(root.join("run/corelane-isolate.json")).unwrap();
    put("run/corelane-isolate.json", "");
    let (text, fault) = said(&["isolate", "rollback", &at], 14);
    has(&text, &["etc/default/grub: restored", "next: run update-grub", "daemon-reload"]);
    has(&text, &["multi-user.target.wants"]);
    has(&fault, &["journal of prior values is damaged"]);
    fs::write(root.join("run/corelane-isolate.json"), journal).unwrap();
    let (text, _) = said(&["isolate", "rollback", &at], 0);
    has(&text, &["vm/swappiness: restored"]);
    assert_eq!(fs::read_to_string(root.join("etc/corelane/topology.toml")).unwrap(), own);
    assert!(!root.join("etc/corelane/applied-topology.toml").exists());
    let (text, _) = said(&["isolate", "rollback", &at], 0);
    has(&text, &["nothing to take back"]);
}
