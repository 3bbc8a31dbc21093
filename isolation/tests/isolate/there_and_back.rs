//! What is written is what was planned, what is taken back is what was, and a kill at any call can
//! be taken back.

use crate::support::{
    Killed, OTHER, Sysfs, TOPOLOGY, Work, a_box, apply_all, calls, changes, is_ended, put,
    rollback_all, text, tree, wish,
};
use corelane_isolation::Host;
use corelane_isolation::isolate::{self, Changes, Disk, Fault, Planned, Real, Scope, Site, What};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

#[test]
fn what_is_applied_is_what_was_planned_and_the_way_back_gives_the_same_tree() {
    let dir = a_box();
    let root = dir.path();
    let before = tree(root);
    let changes = changes(root, TOPOLOGY);
    apply_all(root, &changes, false, &mut Real).expect("applied");
    for planned in &changes.files {
        let wanted = String::from_utf8_lossy(&planned.bytes);
        assert_eq!(text(root, &planned.path), wanted, "{}", planned.path);
    }
    for (path, value) in [
        ("proc/irq/default_smp_affinity", "1f\n"),
        ("proc/irq/6/smp_affinity_list", "0-4\n"),
        ("proc/irq/3/smp_affinity_list", "3\n"),
        ("sys/devices/system/cpu/cpu7/power/pm_qos_resume_latency_us", "n/a\n"),
        ("sys/devices/system/cpu/cpu4/power/pm_qos_resume_latency_us", "0\n"),
        ("sys/devices/system/cpu/cpu5/cpufreq/scaling_min_freq", "4800000\n"),
        ("sys/kernel/debug/sched/fair_server/cpu5/runtime", "0\n"),
        ("sys/fs/cgroup/hot.slice/cpuset.cpus.partition", "isolated\n"),
        ("proc/sys/vm/dirty_bytes", "536870912\n"),
    ] {
        assert_eq!(text(root, path), value, "{path}");
    }
    let line = text(root, "etc/default/grub");
    assert!(
        line.contains("\"quiet splash isolcpus=managed_irq,domain,5-7 nohz_full=5-7"),
        "{line}"
    );
    assert!(text(root, "etc/default/irqbalance").ends_with("\nIRQBALANCE_BANNED_CPULIST=5-7\n"));
    assert!(!root.join("sys/devices/virtual").exists(), "no setting is made");
    // Again: nothing is left to do, and the way back is the same.
    let host = Host::at(root).expect("a tree");
    let again = Changes::of(&wish(&host, TOPOLOGY), &host, true).expect("changes");
    let done = apply_all(root, &again, false, &mut Real).expect("applied twice");
    assert!(done.iter().all(|done| done.what == What::Absent), "{done:?}");
    rollback_all(root, false, &mut Real).expect("taken back");
    assert_eq!(tree(root), before);
    assert_eq!(rollback_all(root, false, &mut Real).expect("nothing there"), []);
}

#[test]
fn another_topology_takes_back_what_only_the_first_asked_for() {
    let dir = a_box();
    let root = dir.path();
    let before = tree(root);
    apply_all(root, &changes(root, TOPOLOGY), false, &mut Real).expect("applied");
    apply_all(root, &changes(root, OTHER), false, &mut Real).expect("applied");
    let latency = |cpu| {
        text(root, &format!("sys/devices/system/cpu/cpu{cpu}/power/pm_qos_resume_latency_us"))
    };
    assert_eq!((latency(5), latency(6)), ("0\n".into(), "n/a\n".into()));
    assert!(text(root, "etc/default/grub").contains("nohz_full=6-7 "));
    rollback_all(root, false, &mut Real).expect("taken back");
    assert_eq!(tree(root), before);
}

#[test]
fn what_somebody_else_changed_is_told_and_left() {
    let dir = a_box();
    let root = dir.path();
    let before = tree(root);
    apply_all(root, &changes(root, TOPOLOGY), false, &mut Real).expect("applied");
    let unit = "etc/systemd/system/corelane-engine.service";
    let edited = text(root, unit) + "# mine\n";
    put(root, unit, &edited);
    put(root, "proc/sys/vm/swappiness", "7\n");
    let after = tree(root);
    let Err(Fault::Foreign(paths)) = apply_all(root, &changes(root, OTHER), false, &mut Real)
    else {
        panic!("a foreign edit was not seen");
    };
    assert_eq!(paths, [unit]);
    assert_eq!(tree(root), after, "nothing was written");
    let done = rollback_all(root, false, &mut Real).expect("the rest is taken back");
    let foreign: Vec<&str> = done
        .iter()
        .filter(|done| done.what == What::Foreign)
        .map(|done| done.path.as_str())
        .collect();
    assert_eq!(foreign, ["proc/sys/vm/swappiness", unit]);
    assert_eq!(text(root, unit), edited);
    // Told to, it goes all the way.
    rollback_all(root, true, &mut Real).expect("taken back");
    assert_eq!(tree(root), before);
}

#[test]
fn a_kill_at_any_call_of_an_apply_can_be_taken_back() {
    let count = {
        let dir = a_box();
        let changes = changes(dir.path(), TOPOLOGY);
        calls(|disk| drop(apply_all(dir.path(), &changes, false, disk).expect("applied")))
    };
    assert!(count > 100, "{count} calls");
    for left in 1..=count {
        let dir = a_box();
        let root = dir.path();
        let before = tree(root);
        let changes = changes(root, TOPOLOGY);
        let mut disk = Killed { left, calls: 0 };
        assert!(is_ended(&apply_all(root, &changes, false, &mut disk)), "killed at call {left}");
        rollback_all(root, false, &mut Real).expect("taken back");
        assert_eq!(tree(root), before, "killed at call {left}");
    }
}

#[test]
fn a_kill_at_any_call_of_a_second_apply_or_of_the_way_back_can_be_taken_back() {
    let prepared = || {
        let dir = a_box();
        apply_all(dir.path(), &changes(dir.path(), TOPOLOGY), false, &mut Real).expect("applied");
        dir
    };
    let before = tree(a_box().path());
    let shown = |root: &Path| -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let relative = |path: &Path| path.strip_prefix(root).expect("beneath").to_owned();
        tree(root).into_iter().map(|(path, entry)| (relative(&path), entry)).collect()
    };
    let first = a_box();
    let wanted = shown(first.path());
    assert_eq!(before.len(), wanted.len());
    let second =
        |root: &Path, disk: &mut dyn Disk| apply_all(root, &changes(root, OTHER), false, disk);
    let back = |root: &Path, disk: &mut dyn Disk| rollback_all(root, false, disk);
    let works: [&Work; 2] = [&second, &back];
    for work in works {
        let dir = prepared();
        let count = calls(|disk| drop(work(dir.path(), disk).expect("it ends")));
        for left in 1..=count {
            let dir = prepared();
            let root = dir.path();
            let ended = work(root, &mut Killed { left, calls: 0 });
            assert!(is_ended(&ended), "killed at call {left}");
            rollback_all(root, false, &mut Real).expect("taken back");
            assert_eq!(shown(root), wanted, "killed at call {left} of {count}");
        }
    }
}

/// In place, as the kernel's own files are written: its word counts, and one refusal is no end.
#[test]
fn a_live_setting_is_written_in_place_and_read_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    put(root, "run/utmp", "");
    let latency = "sys/devices/system/cpu/cpu7/power/pm_qos_resume_latency_us";
    put(root, latency, "0\n");
    let inode = |path: &str| fs::metadata(root.join(path)).expect(path).ino();
    let before = inode(latency);
    // What is longer than the word that comes keeps its end: as if the kernel had not taken it.
    let pages = "sys/kernel/mm/transparent_hugepage/enabled";
    put(root, pages, "always madvise [never]\n");
    let settings = changes(a_box().path(), TOPOLOGY).settings;
    let only = |path: &str| settings.iter().find(|s| s.path == path).expect(path).clone();
    let changes = Changes {
        files: Vec::new(),
        settings: vec![only(pages), only(latency)],
        left_out: Vec::new(),
        next: Vec::new(),
    };
    let site = Site { root, is_live: true };
    let done = isolate::apply(site, &changes, Scope::Live, false, &mut Real).expect("applied");
    let what = |path: &str| done.iter().find(|done| done.path == path).map(|d| d.what.clone());
    assert_eq!(what(latency), Some(What::Written));
    assert_eq!((text(root, latency), inode(latency)), ("n/a".into(), before));
    let Some(What::Refused(why)) = what(pages) else { panic!("{done:?}") };
    assert!(why.starts_with("it holds ") && why.contains("[never]"), "{why}");
}

/// A kernel in which `dirty_bytes` and `dirty_ratio` undo each other, and 0 bytes is no value.
fn undoing(root: &Path) -> impl Disk {
    let folder = root.join("proc/sys/vm");
    Sysfs(move |path: &Path, text: &str| {
        let other = if path.ends_with("dirty_bytes") { "dirty_ratio" } else { "dirty_bytes" };
        if text == "0" {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        fs::write(path, text)?;
        fs::write(folder.join(other), "0")
    })
}

#[test]
fn a_value_that_another_path_undoes_is_taken_back_by_that_path() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    put(root, "run/utmp", "");
    put(root, "proc/sys/vm/dirty_bytes", "0");
    put(root, "proc/sys/vm/dirty_ratio", "20");
    let mut all = changes(a_box().path(), TOPOLOGY);
    all.settings.retain(|setting| setting.path.ends_with("vm/dirty_bytes"));
    let site = Site { root, is_live: true };
    let mut disk = undoing(root);
    isolate::apply(site, &all, Scope::Live, false, &mut disk).expect("applied");
    let now = || (text(root, "proc/sys/vm/dirty_bytes"), text(root, "proc/sys/vm/dirty_ratio"));
    assert_eq!(now(), ("536870912".into(), "0".into()));
    isolate::rollback(site, Scope::Live, false, &mut disk).expect("taken back");
    assert_eq!(now(), ("0".into(), "20".into()));
}

#[test]
fn no_path_and_no_link_leads_out_of_a_tree() {
    let (dir, out) = (a_box(), tempfile::tempdir().expect("a folder"));
    let root = dir.path();
    fs::remove_dir_all(root.join("etc/systemd")).expect("removed");
    symlink(out.path(), root.join("etc/systemd")).expect("a link");
    let fault = apply_all(root, &changes(root, TOPOLOGY), false, &mut Real);
    assert!(matches!(fault, Err(Fault::Path(..))), "{fault:?}");
    assert_eq!(fs::read_dir(out.path()).expect("a folder").count(), 0);
}

#[test]
fn every_known_loader_is_edited_and_any_other_refused() {
    let text = "linux /a\noptions root=/dev/a ro\n";
    for (files, named) in [
        (vec![("etc/default/grub", "GRUB_CMDLINE_LINUX=\"\"\n")], "grub"),
        (
            vec![
                ("etc/default/grub", "GRUB_ENABLE_BLSCFG=true\n"),
                ("boot/loader/entries/a.conf", text),
            ],
            "grubby",
        ),
        (vec![("efi/loader/loader.conf", ""), ("efi/loader/entries/a.conf", text)], "systemd-boot"),
        (vec![("boot/loader/loader.conf", ""), ("etc/kernel/cmdline", "ro\n")], "systemd-boot"),
        (vec![("etc/lilo.conf", "")], ""),
        (vec![("etc/default/grub", ""), ("run/ostree-booted", "")], ""),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, text) in &files {
            put(dir.path(), path, text);
        }
        let host = Host::at(dir.path()).expect("a tree");
        let loader = isolate::boot::Loader::of(&host);
        assert_eq!(loader.as_ref().map_or("", |loader| loader.name), named, "{files:?}");
        if let Ok(loader) = loader {
            let edited = loader.edited(&host, &["nohz_full=2".into()]).expect(named);
            assert!(!edited.is_empty());
            let text = |planned: &Planned| String::from_utf8_lossy(&planned.bytes).into_owned();
            assert!(edited.iter().all(|file| text(file).contains("nohz_full=2")), "{edited:?}");
        } else {
            assert_eq!(loader.expect_err("refused").exit, wire::exit::Exit::Host);
        }
    }
}
