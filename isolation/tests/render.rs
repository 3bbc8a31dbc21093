//! What is rendered: the same files each time, keys that the named systemd knows, codes that are
//! `wire::exit`'s, and no division that leaves the system without CPUs or splits a core.

use corelane_isolation::isolate::restart::{Next, Process};
use corelane_isolation::isolate::{self, Layout, Machine, Profile, Wish, keys, units};
use corelane_isolation::kernel::Kernel;
use corelane_isolation::{CpuSet, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

const TOPOLOGY: &str = include_str!("../../config/topology-8core.toml");

fn wish(plan: &Plan, systemd: u32) -> Wish {
    let machine = Machine::told(plan).expect("a machine");
    Wish {
        layout: Layout::of(plan, &machine).expect("a layout"),
        systemd,
        kernel: Some(Kernel::new(6, 12)),
        bin: units::BIN.into(),
        profile: Profile::Live,
    }
}

fn example() -> Plan {
    Plan::from_toml(TOPOLOGY).expect("a topology")
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/8core")
}

fn on_disk(root: &Path) -> BTreeMap<String, String> {
    let (mut all, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("beneath").display().to_string();
                all.insert(name, fs::read_to_string(path).expect("a file"));
            }
        }
    }
    all
}

/// `corelane isolate render DIR --topology=config/topology-8core.toml --systemd-version=261
/// --kernel=6.12` writes the files anew.
#[test]
fn the_example_is_rendered_as_it_always_was() {
    let (files, _) = isolate::files(&wish(&example(), 261));
    let files: BTreeMap<String, String> = files.into_iter().collect();
    let kept = on_disk(&golden());
    assert_eq!(files.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    for (path, text) in &files {
        assert_eq!(text, &kept[path], "{path}");
    }
    assert_eq!(isolate::files(&wish(&example(), 261)), isolate::files(&wish(&example(), 261)));
}

/// Keys of a unit's text.
fn keys_of(text: &str) -> BTreeSet<&str> {
    let is_key = |key: &&str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric());
    text.lines()
        .filter_map(|line| line.split_once('=').map(|(key, _)| key))
        .filter(is_key)
        .collect()
}

fn unit_files(files: &[(String, String)]) -> impl Iterator<Item = &(String, String)> {
    files.iter().filter(|(path, _)| path.starts_with("etc/systemd/system/"))
}

#[test]
fn every_key_has_a_version_and_newer_ones_are_left_out_and_listed() {
    let (all, none) = isolate::files(&wish(&example(), 999));
    assert!(none.iter().all(|left| units::MISSING.iter().any(|(unit, _)| *unit == left.what)));
    let used: BTreeSet<&str> = unit_files(&all).flat_map(|(_, text)| keys_of(text)).collect();
    for key in &used {
        assert!(keys::since(key).is_some(), "{key} is in no list of keys");
    }
    for version in [240, 252, 260, 261] {
        let (files, left_out) = isolate::files(&wish(&example(), version));
        let used: BTreeSet<&str> = unit_files(&files).flat_map(|(_, text)| keys_of(text)).collect();
        for key in keys::KEYS {
            let listed = left_out.iter().any(|l| l.what.starts_with(&format!("{} in ", key.name)));
            assert_eq!(used.contains(key.name), key.since <= version, "{} {version}", key.name);
            assert_eq!(listed, key.since > version, "{} {version}", key.name);
        }
    }
}

#[test]
fn no_mark_and_no_condition_is_left_in_a_file() {
    let gpu = example();
    let mut cpu = example();
    (cpu.gpu, cpu.node, cpu.onload) = (None, None, true);
    for plan in [gpu, cpu] {
        let (files, _) = isolate::files(&wish(&plan, 261));
        for (path, text) in files {
            for line in text.lines() {
                let is_mark = |word: &str| {
                    word.split_once('@').is_some_and(|(name, _)| {
                        !name.is_empty()
                            && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                    })
                };
                let marks = line.split('@').skip(1).map(|rest| format!("{rest}@"));
                let found =
                    marks.filter(|rest| is_mark(rest) && line.contains(&format!("@{rest}")));
                assert_eq!(found.count(), 0, "{path}: {line}");
                assert!(!line.starts_with('?'), "{path}: {line}");
            }
        }
    }
}

fn listed(text: &str, key: &str) -> BTreeSet<u8> {
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
    let codes = value.unwrap_or_default().split_whitespace();
    codes.map(|code| code.parse().expect("a code")).collect()
}

#[test]
fn units_and_exit_codes_say_the_same() {
    let (files, _) = isolate::files(&wish(&example(), 261));
    for process in Process::ALL {
        let unit = format!("etc/systemd/system/{}", process.unit());
        let text = &files.iter().find(|(path, _)| *path == unit).expect("a unit").1;
        let (good, stay) =
            (listed(text, "SuccessExitStatus"), listed(text, "RestartPreventExitStatus"));
        for exit in Exit::ALL {
            let next = match (good.contains(&exit.code()), stay.contains(&exit.code())) {
                (true, false) => Next::Done,
                (false, true) => Next::Stay,
                (false, false) => Next::StartAgain,
                (true, true) => panic!("{unit}: {exit:?} in both lists"),
            };
            assert_eq!(process.after(exit), next, "{unit}: {exit:?}");
            assert_eq!(next == Next::Done, exit == Exit::Clean, "{unit}: {exit:?}");
        }
        let ours = |code: &u8| Exit::from_code(i32::from(*code)).is_some();
        assert!(good.union(&stay).all(ours), "{unit}");
        // What no second try can change is never tried again, whatever the process.
        for exit in [Exit::Arguments, Exit::Configuration, Exit::WireVersion, Exit::Killed] {
            assert!(stay.contains(&exit.code()), "{unit}: {exit:?}");
        }
    }
    let engine = |profile| {
        let wish = Wish { profile, ..wish(&example(), 261) };
        let (files, _) = isolate::files(&wish);
        files.into_iter().find(|(path, _)| path.ends_with("engine.service")).expect("a unit").1
    };
    assert!(engine(Profile::Live).contains("\nRestart=no\n"));
    assert!(engine(Profile::Paper).contains("\nRestart=on-failure\n"));
}

#[test]
fn no_secret_is_in_an_environment_and_every_hot_cpu_is_fenced_off() {
    let (files, _) = isolate::files(&wish(&example(), 261));
    for (path, text) in unit_files(&files) {
        for line in text.lines().filter(|line| line.starts_with("Environment=")) {
            let line = line.to_ascii_lowercase();
            assert!(!["key", "secret", "token", "pass"].iter().any(|w| line.contains(w)), "{path}");
        }
    }
    let text = |path: &str| &files.iter().find(|(found, _)| found == path).expect(path).1;
    let notary = text("etc/systemd/system/corelane-notary.service");
    assert!(notary.contains("\nLoadCredential=notary-key:/etc/corelane/notary.key\n"));
    for (slice, _) in units::FENCED {
        let fence = text(&format!("etc/systemd/system/{slice}.d/10-corelane.conf"));
        assert!(fence.contains("\nAllowedCPUs=0-4\n"), "{slice}");
    }
    assert!(text("etc/systemd/system/hot.slice").contains("\nCPUSetPartition=isolated\n"));
}

/// A machine of `cores` cores with `threads` CPUs each, numbered as `is_dense` says.
fn machine(cores: u32, threads: u32, is_dense: bool) -> Machine {
    let cpu = |core: u32, thread: u32| {
        if is_dense { core * threads + thread } else { thread * cores + core }
    };
    let all: Vec<CpuSet> =
        (0..cores).map(|core| (0..threads).map(|thread| cpu(core, thread)).collect()).collect();
    let cpus = all.iter().fold(CpuSet::default(), |all, core| all.or(core));
    Machine { cpus, cores: all, ..Machine::default() }
}

#[test]
fn no_division_takes_cpu_0_splits_a_core_or_leaves_less_than_two() {
    let (mut seed, mut held, mut refused) = (1_u64, 0, 0);
    let mut random = move |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    for _ in 0..20_000 {
        let cores = u32::try_from(random(8)).expect("small") + 1;
        let machine = machine(cores, u32::try_from(random(2)).expect("small") + 1, random(2) == 0);
        let (mut hot, mut rest) = (Vec::new(), Vec::new());
        // By whole cores mostly, else there is hardly one that holds.
        for core in &machine.cores {
            let side = random(3);
            for cpu in core.iter() {
                match if random(20) == 0 { random(3) } else { side } {
                    0 => hot.push(cpu),
                    1 => rest.push(cpu),
                    _ => {}
                }
            }
        }
        let (hot, rest): (CpuSet, CpuSet) = (hot.into_iter().collect(), rest.into_iter().collect());
        let plan = Plan { hot: hot.clone(), housekeeping: rest.clone(), ..Plan::default() };
        let Ok(layout) = Layout::of(&plan, &machine) else {
            refused += 1;
            continue;
        };
        held += 1;
        assert!(!hot.has(0) && rest.len() >= 2 && hot.and(&rest).is_empty(), "{hot} {rest}");
        for core in &machine.cores {
            assert!(core.and(&hot).is_empty() || hot.covers(core), "{hot} splits {core}");
        }
        let mut threads: Vec<u32> = layout.edge.into_iter().collect();
        threads.extend([layout.first, layout.order_loop]);
        let of = |cpu: &u32| machine.cores.iter().position(|core| core.has(*cpu));
        let on: BTreeSet<Option<usize>> = threads.iter().map(of).collect();
        assert_eq!(on.len(), threads.len(), "two threads share a core: {layout:?}");
        assert!(threads.iter().all(|cpu| hot.has(*cpu)));
    }
    assert!(held > 500 && refused > 500, "{held} held, {refused} refused");
}
