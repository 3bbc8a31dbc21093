//! Captured trees: the doctor objects to the harmful lines of old guides, and guesses nothing.

use corelane_isolation::{Host, Plan, Profile, Report, Status, all, examine};
use std::fs;
use std::path::Path;

const TOPOLOGY: &str = "[topology]\nhot = \"2-3\"\nhousekeeping = \"0-1\"\n";

fn report(root: &Path, profile: Profile) -> Report {
    let plan = Plan::from_toml(TOPOLOGY).expect("a topology");
    examine(&Host::at(root).expect("a tree"), &plan, profile)
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn status(report: &Report, id: &str) -> Status {
    report.checks.iter().find(|found| found.id == id).expect("in the table").status
}

#[test]
fn nothing_read_is_nothing_claimed() {
    let dir = tempfile::tempdir().expect("a folder");
    let report = report(dir.path(), Profile::Live);
    // What asks nothing of the host but written lines has none to object to.
    let free = ["C01"];
    for found in report.checks.iter().filter(|found| !free.contains(&found.id)) {
        let is_open = matches!(found.status, Status::Unknown | Status::Skip);
        assert!(is_open && found.live.is_empty(), "{} says {:?}", found.id, found.status);
    }
    assert_eq!(report.exit, 3);
}

#[test]
fn harmful_lines_are_objected_to() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    put(
        root,
        "proc/cmdline",
        "isolcpus=2-3 nohz_full=all idle=poll processor.max_cstate=1 pcie_aspm=off",
    );
    put(root, "proc/sys/kernel/osrelease", "6.8.0");
    put(root, "proc/sys/vm/dirty_ratio", "5");
    put(root, "proc/sys/vm/dirty_background_ratio", "5");
    put(root, "proc/sys/vm/dirty_bytes", "0");
    put(root, "proc/sys/vm/dirty_background_bytes", "0");
    put(root, "proc/sys/net/ipv4/tcp_timestamps", "0");
    put(root, "proc/sys/net/ipv4/tcp_window_scaling", "0");
    put(root, "proc/sys/net/core/rmem_max", "134217728");
    put(root, "proc/irq/9/effective_affinity_list", "2");
    put(root, "sys/devices/system/cpu/isolated", "2-3");
    put(root, "sys/devices/system/cpu/nohz_full", "1-3");
    put(root, "sys/module/pcie_aspm/parameters/policy", "[default] performance");
    put(root, "etc/sysctl.d/9.conf", "kernel.sched_migration_cost_ns=5000000\n");
    put(root, "etc/redis/redis.conf", "maxmemory-policy allkeys-lru\nunixsocketperm 777\n");
    let unit = "[Service]\nType=simple\nExecStart=/opt/questdb/bin/questdb.sh start\n";
    put(root, "etc/systemd/system/questdb.service", unit);
    let report = report(root, Profile::Live);
    for (id, wanted) in [
        ("I01", Status::Fail),
        ("I02", Status::Conflict),
        ("I05", Status::Fail),
        ("W03", Status::Conflict),
        ("M07", Status::Conflict),
        ("C01", Status::Stale),
        ("N01", Status::Warn),
        ("N02", Status::Conflict),
        ("N13", Status::Conflict),
        ("O03", Status::Fail),
        ("O04", Status::Conflict),
    ] {
        assert_eq!(status(&report, id), wanted, "{id}");
    }
    assert_eq!(report.exit, 2);
}

#[test]
fn every_row_of_the_table_is_whole_and_its_id_its_own() {
    let mut ids: Vec<&str> = all().map(|check| check.id).collect();
    for check in all() {
        let parts = [check.name, check.why, check.read, check.good, check.now, check.keep];
        assert!(
            parts.iter().all(|part| !part.is_empty()) && !check.source.is_empty(),
            "{}",
            check.id
        );
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), count), (count, 74));
}
