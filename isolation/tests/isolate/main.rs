//! The way there and back on captured trees: what is written is what was planned, what is taken
//! back is what was, a kill at any call can be taken back, and nobody else's edit is lost.

use corelane_isolation::isolate::disk::Owner;
use corelane_isolation::isolate::{
    self, Changes, Disk, Done, Fault, Layout, Machine, Real, Scope, Site, What, Wish,
};
use corelane_isolation::kernel::Kernel;
use corelane_isolation::{Host, Plan};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const TOPOLOGY: &str = "[topology]\nhot = \"5-7\"\nhousekeeping = \"0-4\"\n";
const OTHER: &str = "[topology]\nhot = \"6-7\"\nhousekeeping = \"0-5\"\n";

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// A box of eight cores with GRUB, as a distribution leaves it.
fn a_box() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    put(root, "var/lib/dpkg/status", "");
    put(root, "run/utmp", "");
    put(root, "proc/sys/kernel/osrelease", "6.12.5\n");
    put(root, "etc/default/grub", "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash\"\n");
    put(root, "etc/default/irqbalance", "# banned\nIRQBALANCE_ARGS=\n");
    put(root, "usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so", "");
    put(root, "sys/devices/system/cpu/online", "0-7\n");
    put(root, "proc/irq/default_smp_affinity", "ff\n");
    for cpu in 0..8 {
        let folder = format!("sys/devices/system/cpu/cpu{cpu}");
        put(root, &format!("{folder}/topology/thread_siblings_list"), &format!("{cpu}\n"));
        put(root, &format!("{folder}/power/pm_qos_resume_latency_us"), "0\n");
        put(root, &format!("{folder}/cpufreq/scaling_governor"), "schedutil\n");
        put(root, &format!("{folder}/cpufreq/scaling_min_freq"), "800000\n");
        put(root, &format!("{folder}/cpufreq/scaling_max_freq"), "4800000\n");
        put(root, &format!("proc/irq/{cpu}/smp_affinity_list"), &format!("{cpu}\n"));
        let server = format!("sys/kernel/debug/sched/fair_server/cpu{cpu}/runtime");
        put(root, &server, "50000000\n");
    }
    put(root, "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
    put(root, "sys/fs/cgroup/hot.slice/cpuset.cpus.partition", "member\n");
    put(root, "proc/sys/vm/dirty_bytes", "0\n");
    put(root, "proc/sys/vm/dirty_ratio", "20\n");
    put(root, "proc/sys/vm/swappiness", "60\n");
    // One of ours that an operator has masked, one that stands there already, with a mode of its
    // own.
    fs::create_dir_all(root.join("etc/systemd/system")).expect("a folder");
    symlink("/dev/null", root.join("etc/systemd/system/corelane-nightly.timer")).expect("a link");
    put(root, "etc/sysctl.d/90-corelane.conf", "vm.swappiness = 10\n");
    let mode = fs::Permissions::from_mode(0o640);
    fs::set_permissions(root.join("etc/sysctl.d/90-corelane.conf"), mode).expect("a mode");
    dir
}

/// Everything beneath a root: kind, mode and content by path.
fn tree(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let (mut all, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("an entry");
            let content = if meta.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else if meta.is_symlink() {
                fs::read_link(&path).expect("a link").as_os_str().as_encoded_bytes().to_vec()
            } else {
                fs::read(&path).expect("a file")
            };
            all.insert(path, (meta.mode(), content));
        }
    }
    all
}

fn wish(host: &Host, topology: &str) -> Wish {
    let plan = Plan::from_toml(topology).expect("a topology");
    let layout = Layout::of(&plan, &Machine::of(host).expect("a machine")).expect("a layout");
    Wish {
        layout,
        systemd: isolate::systemd_of(host).expect("a version"),
        kernel: Some(Kernel::new(6, 12)),
        bin: isolate::units::BIN.into(),
        profile: isolate::Profile::Live,
    }
}

fn changes(root: &Path, topology: &str) -> Changes {
    let host = Host::at(root).expect("a tree");
    Changes::of(&wish(&host, topology), &host, true).expect("changes")
}

const SCOPES: [Scope; 2] = [Scope::Files, Scope::Live];

fn apply_all(
    root: &Path,
    changes: &Changes,
    overwrite: bool,
    disk: &mut dyn Disk,
) -> Result<Vec<Done>, Fault> {
    let site = Site { root, is_live: false };
    let mut done = Vec::new();
    for scope in SCOPES {
        done.extend(isolate::apply(site, changes, scope, overwrite, disk)?);
    }
    Ok(done)
}

fn rollback_all(root: &Path, overwrite: bool, disk: &mut dyn Disk) -> Result<Vec<Done>, Fault> {
    let site = Site { root, is_live: false };
    let mut done = Vec::new();
    for scope in SCOPES.into_iter().rev() {
        done.extend(isolate::rollback(site, scope, overwrite, disk)?);
    }
    Ok(done)
}

fn text(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).expect(path)
}

#[test]
fn what_is_applied_is_what_was_planned_and_the_way_back_gives_the_same_tree() {
    let dir = a_box();
    let root = dir.path();
    let before = tree(root);
    let changes = changes(root, TOPOLOGY);
    apply_all(root, &changes, false, &mut Real).expect("applied");
    for (path, wanted) in &changes.files {
        assert_eq!(&text(root, path), wanted, "{path}");
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
fn an_overwritten_edit_is_what_the_way_back_leads_to() {
    let dir = a_box();
    let root = dir.path();
    apply_all(root, &changes(root, TOPOLOGY), false, &mut Real).expect("applied");
    let unit = "etc/systemd/system/corelane-engine.service";
    put(root, unit, "# mine\n");
    apply_all(root, &changes(root, TOPOLOGY), true, &mut Real).expect("applied");
    assert_ne!(text(root, unit), "# mine\n");
    rollback_all(root, false, &mut Real).expect("taken back");
    assert_eq!(text(root, unit), "# mine\n");
}

/// Ends the process, as it were, at its `left`-th call: that call is half done, none comes after
/// it.
struct Killed {
    left: usize,
    calls: usize,
}

impl Killed {
    fn call(&mut self, half: impl FnOnce()) -> io::Result<()> {
        self.calls += 1;
        match self.left {
            0 => Err(io::Error::other("killed")),
            1 => {
                self.left = 0;
                half();
                Err(io::Error::other("killed"))
            }
            _ => {
                self.left -= 1;
                Ok(())
            }
        }
    }
}

impl Disk for Killed {
    fn make_dir(&mut self, path: &Path) -> io::Result<()> {
        self.call(|| ())?;
        Real.make_dir(path)
    }
    fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        self.call(|| ())?;
        Real.remove_dir(path)
    }
    fn put(&mut self, path: &Path, bytes: &[u8], owner: Owner) -> io::Result<()> {
        self.call(|| fs::write(path, &bytes[..bytes.len() / 2]).expect("half of it"))?;
        Real.put(path, bytes, owner)
    }
    fn link(&mut self, to: &Path, path: &Path) -> io::Result<()> {
        self.call(|| Real.link(to, path).expect("a link"))?;
        Real.link(to, path)
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|| ())?;
        Real.rename(from, to)
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.call(|| ())?;
        Real.remove(path)
    }
    fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        self.call(|| ())?;
        Real.sync_dir(path)
    }
    fn poke(&mut self, path: &Path, text: &str) -> io::Result<()> {
        self.call(|| ())?;
        Real.poke(path, text)
    }
}

/// Work on a tree.
type Work<'w> = dyn Fn(&Path, &mut dyn Disk) -> Result<(), Fault> + 'w;

/// How many calls work takes that nothing ends.
fn calls(work: impl FnOnce(&mut dyn Disk)) -> usize {
    let mut disk = Killed { left: usize::MAX, calls: 0 };
    work(&mut disk);
    disk.calls
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
        apply_all(root, &changes, false, &mut disk).expect_err("killed");
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
    let second = |root: &Path, disk: &mut dyn Disk| {
        apply_all(root, &changes(root, OTHER), false, disk).map(drop)
    };
    let back = |root: &Path, disk: &mut dyn Disk| rollback_all(root, false, disk).map(drop);
    let works: [&Work; 2] = [&second, &back];
    for work in works {
        let dir = prepared();
        let count = calls(|disk| work(dir.path(), disk).expect("it ends"));
        for left in (1..=count).step_by(3) {
            let dir = prepared();
            let root = dir.path();
            work(root, &mut Killed { left, calls: 0 }).expect_err("killed");
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
struct Kernelish(PathBuf);

impl Disk for Kernelish {
    fn make_dir(&mut self, path: &Path) -> io::Result<()> {
        Real.make_dir(path)
    }
    fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        Real.remove_dir(path)
    }
    fn put(&mut self, path: &Path, bytes: &[u8], owner: Owner) -> io::Result<()> {
        Real.put(path, bytes, owner)
    }
    fn link(&mut self, to: &Path, path: &Path) -> io::Result<()> {
        Real.link(to, path)
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        Real.rename(from, to)
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        Real.remove(path)
    }
    fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        Real.sync_dir(path)
    }
    fn poke(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let other = if path.ends_with("dirty_bytes") { "dirty_ratio" } else { "dirty_bytes" };
        if text == "0" {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        fs::write(path, text)?;
        fs::write(self.0.join("proc/sys/vm").join(other), "0")
    }
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
    let mut disk = Kernelish(root.to_owned());
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
    let text = "options root=/dev/a ro\n";
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
            assert!(edited.iter().all(|(_, text)| text.contains("nohz_full=2")), "{edited:?}");
        } else {
            assert_eq!(loader.expect_err("refused").exit, wire::exit::Exit::Host);
        }
    }
}
