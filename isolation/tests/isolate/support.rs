//! A box as a distribution leaves it, and what is done to it: for every test of the way there and
//! back. Must never: judge anything.

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

pub(crate) const TOPOLOGY: &str = "[topology]\nhot = \"5-7\"\nhousekeeping = \"0-4\"\n";
pub(crate) const OTHER: &str = "[topology]\nhot = \"6-7\"\nhousekeeping = \"0-5\"\n";

pub(crate) fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// A box of eight cores with GRUB, as a distribution leaves it.
pub(crate) fn a_box() -> TempDir {
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
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
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

pub(crate) fn wish(host: &Host, topology: &str) -> Wish {
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

pub(crate) fn changes(root: &Path, topology: &str) -> Changes {
    let host = Host::at(root).expect("a tree");
    Changes::of(&wish(&host, topology), &host, true).expect("changes")
}

pub(crate) const SCOPES: [Scope; 2] = [Scope::Files, Scope::Live];

pub(crate) fn apply_all(
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

pub(crate) fn rollback_all(
    root: &Path,
    overwrite: bool,
    disk: &mut dyn Disk,
) -> Result<Vec<Done>, Fault> {
    let site = Site { root, is_live: false };
    let mut done = Vec::new();
    for scope in SCOPES.into_iter().rev() {
        done.extend(isolate::rollback(site, scope, overwrite, disk)?);
    }
    Ok(done)
}

pub(crate) fn text(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).expect(path)
}

/// Ends the process, as it were, at its `left`-th call: that call is half done, none comes after
/// it.
pub(crate) struct Killed {
    pub(crate) left: usize,
    pub(crate) calls: usize,
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

/// A disk whose settings of the kernel are written as the kernel of a test would.
pub(crate) struct Sysfs<F>(pub(crate) F);

impl<F: FnMut(&Path, &str) -> io::Result<()>> Disk for Sysfs<F> {
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
        (self.0)(path, text)
    }
}

/// Work on a tree.
pub(crate) type Work<'w> = dyn Fn(&Path, &mut dyn Disk) -> Result<Vec<Done>, Fault> + 'w;

/// How many calls work takes that nothing ends.
pub(crate) fn calls(work: impl FnOnce(&mut dyn Disk)) -> usize {
    let mut disk = Killed { left: usize::MAX, calls: 0 };
    work(&mut disk);
    disk.calls
}

/// Whether a kill is seen in what work says of itself.
pub(crate) fn is_ended(said: &Result<Vec<Done>, Fault>) -> bool {
    let is_failed = |done: &Done| matches!(done.what, What::Failed(_));
    said.as_ref().map_or(true, |done| done.iter().any(is_failed))
}
