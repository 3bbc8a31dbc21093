//! A snapshot of this host, unpacked, gives the report of the host.

use crate::fixture::Fixture;
use corelane_isolation::{Host, Node, Plan, Profile, Report, Status, Tree, all, examine, snapshot};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn unpack(tree: &Tree, root: &Path) {
    for (path, node) in tree.iter() {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("beneath the root")).expect("a folder");
        match node {
            Node::File(bytes) => fs::write(path, bytes).expect("a file"),
            Node::Link(to) => symlink(to, path).expect("a link"),
            Node::Folder => fs::create_dir_all(path).expect("a folder"),
        }
    }
}

fn same(one: &Report, other: &Report, what: &str) {
    for (one, other) in one.checks.iter().zip(&other.checks) {
        assert_eq!(one, other, "{what}");
    }
}

#[test]
fn a_snapshot_of_this_host_gives_its_report() {
    let plan = Plan::of(&Host::live());
    let (report, tree) = snapshot(Host::live(), &plan, Profile::Live);
    assert!(report.checks.iter().any(|found| found.status == Status::Pass), "something was read");
    let tar = tree.to_tar().expect("short paths");
    let again = Tree::from_tar(&tar).expect("an archive");
    assert_eq!(again, tree);
    same(&examine(&Host::in_tree(again), &plan, Profile::Live), &report, "in memory");

    let dir = tempfile::tempdir().expect("a folder");
    unpack(&tree, dir.path());
    let unpacked = Host::at(dir.path()).expect("a tree");
    same(&examine(&unpacked, &plan, Profile::Live), &report, "unpacked");
    // Of the tree a snapshot can be taken, too, and it holds the same.
    assert_eq!(snapshot(unpacked, &plan, Profile::Live).1.to_tar().expect("short paths"), tar);

    // Another look at the host differs in nothing but what changes from one look to the next.
    let later = examine(&Host::live(), &plan, Profile::Live);
    for check in all().filter(|check| !check.moves) {
        let of = |report: &Report| report.checks.iter().find(|f| f.id == check.id).cloned();
        assert_eq!(of(&later), of(&report), "{} is not said to move", check.id);
    }
}

#[test]
fn a_snapshot_serves_a_topology_that_is_chosen_later() {
    let mut fixture = Fixture::default();
    for entry in [
        "C/online: 0-3",
        "C/isolated:",
        "C/cpu{2,3}/power/pm_qos_resume_latency_us: n/a",
        "S/class/net/eth0/mtu: 9000",
        "S/class/net/eth0/device/power/control: auto",
    ] {
        fixture.add(entry);
    }
    let host = fixture.host();
    let (_, tree) = snapshot(host.clone(), &Plan::of(&host), Profile::Live);
    fixture.add("plan: nic=eth0 onload");
    let captured = examine(&Host::in_tree(tree), &fixture.plan, Profile::Live);
    same(&captured, &examine(&host, &fixture.plan, Profile::Live), "with a topology");
    let status = |id| captured.checks.iter().find(|found| found.id == id).map(|f| f.status);
    assert_eq!(status("W06"), Some(Status::Pass));
    assert_eq!(status("N06"), Some(Status::Conflict));
}

#[test]
fn a_snapshot_holds_no_secret_and_nothing_unread() {
    let mut fixture = Fixture::default();
    for entry in [
        "P/cmdline: isolcpus=2-3 token=hunter2",
        "E/redis/redis.conf: requirepass hunter2\\nmaxmemory-policy noeviction",
        "E/systemd/system/a.service: [Service]\\nEnvironment=KEY=hunter2\\nExecStart=/x hunter2",
        "E/shadow: hunter2",
        "P/7/environ: KEY=hunter2",
        "P/7/comm: sh",
    ] {
        fixture.add(entry);
    }
    let (_, tree) = snapshot(fixture.host(), &fixture.plan, Profile::Live);
    let tar = tree.to_tar().expect("short paths");
    let has = |text: &[u8]| tar.windows(text.len()).any(|window| window == text);
    assert!(has(b"isolcpus=2-3") && has(b"noeviction"), "what checks read is there");
    assert!(!has(b"hunter2"));
    assert!(tree.get("etc/shadow").is_none());
}
