//! The settings of the running kernel: what a driver sets meanwhile stops nothing, what the kernel
//! refuses is not forgotten, and what somebody reserved is not taken away.

use crate::support::{OTHER, Sysfs, TOPOLOGY, a_box, apply_all, changes, put, rollback_all, text};
use corelane_isolation::isolate::{self, Changes, Disk, Done, Real, Scope, Site, What};
use std::fs;
use std::io;
use std::path::Path;

const IRQ: &str = "proc/irq/6/smp_affinity_list";

fn what(done: &[Done], path: &str) -> Option<What> {
    done.iter().find(|done| done.path == path).map(|done| done.what.clone())
}

#[test]
fn an_interrupt_that_a_card_brought_back_is_set_again_and_its_first_value_kept() {
    let dir = a_box();
    let root = dir.path();
    put(root, IRQ, "0-7\n");
    let before = text(root, IRQ);
    let site = Site { root, is_live: false };
    let all = changes(root, TOPOLOGY);
    isolate::apply(site, &all, Scope::Live, false, &mut Real).expect("applied");
    // The card resets; `corelane-tune` stops and starts.
    put(root, IRQ, "6\n");
    let done = isolate::rollback(site, Scope::Live, false, &mut Real).expect("the rest");
    assert_eq!(what(&done, IRQ), Some(What::Foreign));
    let all = changes(root, TOPOLOGY);
    let done = isolate::apply(site, &all, Scope::Live, false, &mut Real).expect("applied again");
    assert_eq!((what(&done, IRQ), text(root, IRQ).as_str()), (Some(What::Written), "0-4\n"));
    isolate::rollback(site, Scope::Live, false, &mut Real).expect("taken back");
    assert_eq!(text(root, IRQ), before);
}

#[test]
fn what_only_the_first_topology_asked_for_goes_back_whoever_set_it_since() {
    let dir = a_box();
    let root = dir.path();
    let latency = "sys/devices/system/cpu/cpu5/power/pm_qos_resume_latency_us";
    let site = Site { root, is_live: false };
    isolate::apply(site, &changes(root, TOPOLOGY), Scope::Live, false, &mut Real).expect("first");
    put(root, latency, "70\n");
    // Else no later start of `corelane-tune` would end well.
    let all = changes(root, OTHER);
    let done = isolate::apply(site, &all, Scope::Live, false, &mut Real).expect("second");
    assert_eq!((what(&done, latency), text(root, latency).as_str()), (Some(What::Restored), "0\n"));
    assert!(done.iter().all(|done| done.what != What::Foreign), "{done:?}");
}

#[test]
fn pages_that_somebody_else_reserved_are_not_given_up() {
    let dir = a_box();
    let root = dir.path();
    let pages = "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages";
    put(root, "sys/devices/system/node/node0/cpulist", "0-7\n");
    put(root, pages, "0\n");
    let topology = format!("{TOPOLOGY}hugepages_2m = 512\nnode = 0\n");
    apply_all(root, &changes(root, &topology), false, &mut Real).expect("applied");
    assert_eq!(text(root, pages), "512\n");
    put(root, pages, "8192\n");
    apply_all(root, &changes(root, &topology), false, &mut Real).expect("applied");
    let done = rollback_all(root, false, &mut Real).expect("the rest");
    assert_eq!((what(&done, pages), text(root, pages).as_str()), (Some(What::Foreign), "8192\n"));
}

/// A kernel with a driver of frequencies that takes no preference but one while the governor is
/// `performance`; with `is_stubborn`, none at all.
fn pstate(root: &Path, is_stubborn: bool) -> impl Disk {
    let governor = root.join(GOVERNOR);
    Sysfs(move |path: &Path, text: &str| {
        let is_preference = path.ends_with("energy_performance_preference");
        let is_fixed = is_stubborn || fs::read_to_string(&governor)?.trim() == "performance";
        if is_preference && is_fixed && text != "performance" {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        fs::write(path, text)
    })
}

const GOVERNOR: &str = "sys/devices/system/cpu/cpu5/cpufreq/scaling_governor";
const PREFERENCE: &str = "sys/devices/system/cpu/cpu5/cpufreq/energy_performance_preference";

/// A tree of one CPU's frequency, as live, and what is asked of it.
fn frequency() -> (tempfile::TempDir, Changes) {
    let dir = tempfile::tempdir().expect("a folder");
    put(dir.path(), "run/utmp", "");
    put(dir.path(), GOVERNOR, "powersave");
    put(dir.path(), PREFERENCE, "balance_power");
    let mut all = changes(a_box().path(), TOPOLOGY);
    all.settings.retain(|setting| [GOVERNOR, PREFERENCE].contains(&setting.path.as_str()));
    (dir, all)
}

#[test]
fn a_preference_is_taken_back_after_its_governor() {
    let (dir, all) = frequency();
    let site = Site { root: dir.path(), is_live: true };
    let mut disk = pstate(dir.path(), false);
    isolate::apply(site, &all, Scope::Live, false, &mut disk).expect("applied");
    assert_eq!(text(dir.path(), PREFERENCE), "performance");
    let done = isolate::rollback(site, Scope::Live, false, &mut disk).expect("taken back");
    assert!(done.iter().all(|done| done.what == What::Restored), "{done:?}");
    assert_eq!(text(dir.path(), PREFERENCE), "balance_power");
    assert_eq!(text(dir.path(), GOVERNOR), "powersave");
}

#[test]
fn what_the_kernel_refuses_to_take_back_is_still_known_the_next_time() {
    let (dir, all) = frequency();
    let site = Site { root: dir.path(), is_live: true };
    let mut disk = pstate(dir.path(), false);
    isolate::apply(site, &all, Scope::Live, false, &mut disk).expect("applied");
    let mut stubborn = pstate(dir.path(), true);
    let done = isolate::rollback(site, Scope::Live, false, &mut stubborn).expect("it ends");
    assert!(matches!(what(&done, PREFERENCE), Some(What::Refused(_))), "{done:?}");
    assert_eq!(what(&done, GOVERNOR), Some(What::Restored));
    let done = isolate::rollback(site, Scope::Live, false, &mut disk).expect("taken back");
    assert_eq!(what(&done, PREFERENCE), Some(What::Restored));
    assert_eq!(text(dir.path(), PREFERENCE), "balance_power");
    assert_eq!(isolate::rollback(site, Scope::Live, false, &mut disk).expect("none"), []);
}

/// A kernel that is locked down (Secure Boot): `EPERM` for what nobody may write.
fn locked_down() -> impl Disk {
    Sysfs(|_: &Path, _: &str| Err(io::Error::from_raw_os_error(1)))
}

#[test]
fn what_a_locked_down_kernel_lets_nobody_at_is_told_apart_from_a_refusal() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    put(root, "run/utmp", "");
    let (server, aspm, swappiness) = (
        "sys/kernel/debug/sched/fair_server/cpu5/runtime",
        "sys/module/pcie_aspm/parameters/policy",
        "proc/sys/vm/swappiness",
    );
    // As it cannot be opened there: nobody reads a folder.
    fs::create_dir_all(root.join(server)).expect("a folder");
    put(root, aspm, "[default] performance\n");
    put(root, swappiness, "60\n");
    let mut all = changes(a_box().path(), TOPOLOGY);
    all.settings.retain(|setting| [server, aspm, swappiness].contains(&setting.path.as_str()));
    let site = Site { root, is_live: true };
    let done = isolate::apply(site, &all, Scope::Live, false, &mut locked_down()).expect("it ends");
    for path in [server, aspm] {
        assert!(matches!(what(&done, path), Some(What::Locked(_))), "{path}: {done:?}");
    }
    assert!(matches!(what(&done, swappiness), Some(What::Refused(_))), "{done:?}");
    let done = isolate::rollback(site, Scope::Live, false, &mut locked_down()).expect("it ends");
    assert_eq!(done, []);
}
