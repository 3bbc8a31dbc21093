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
    for found in &report.checks {
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
    assert_eq!((ids.len(), count), (count, 84));
}

#[test]
fn a_stock_server_is_not_fit_for_money() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    put(root, "proc/cmdline", "ro quiet");
    put(root, "proc/sys/kernel/osrelease", "6.8.0");
    put(root, "sys/devices/system/cpu/isolated", "");
    put(root, "sys/devices/system/cpu/online", "0-3");
    put(root, "etc/sysctl.conf", "");
    let host = Host::at(root).expect("a tree");
    let plan = Plan::of(&host);
    for (profile, wanted) in [(Profile::Live, Status::Fail), (Profile::Paper, Status::Warn)] {
        let report = examine(&host, &plan, profile);
        assert_eq!(status(&report, "I01"), wanted);
        assert_eq!(report.exit == 2, profile == Profile::Live);
    }
}

#[test]
fn a_thread_of_a_process_is_a_stray_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    let task = |pid: u32, tid: u32, name: &str, rest: &str, flags: u32| {
        let folder = format!("proc/{pid}/task/{tid}");
        put(root, &format!("proc/{pid}/comm"), name);
        put(root, &format!("{folder}/status"), &format!("Name:\t{name}\n{rest}"));
        let stat = format!("{tid} ({name}) S 2 0 0 0 -1 {flags} 0 0");
        put(root, &format!("{folder}/stat"), &stat);
    };
    task(9, 9, "db", "VmSize: 1 kB\nCpus_allowed_list:\t0-1", 0);
    task(20, 20, "migration/2", "Cpus_allowed_list:\t2", 0);
    task(21, 21, "kworker/u8:0", "Cpus_allowed_list:\t0-3", 0x0400_0000);
    task(30, 30, "corelane-engine", "VmSize: 1 kB\nCpus_allowed_list:\t2", 0);
    let judged = || {
        let report = report(root, Profile::Live);
        let found = report.checks.iter().find(|found| found.id == "I08").expect("in the table");
        (found.status, found.live.clone())
    };
    assert_eq!(judged(), (Status::Pass, "none".into()));
    task(9, 11, "db flush", "VmSize: 1 kB\nCpus_allowed_list:\t0-3", 0);
    task(22, 22, "kswapd0", "Cpus_allowed_list:\t0-3", 0);
    assert_eq!(judged(), (Status::Fail, "22 kswapd0, 11 db flush".into()));
}
