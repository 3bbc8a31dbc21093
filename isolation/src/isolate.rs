//! The way from a topology to a box that is so: what every file and setting should be, the
//! difference to what it is, and the two steps that change it and take that back.
//!
//! Owns the plan ([`Wish`] to [`Changes`]), the journal of prior values and the writer. Everything
//! but [`apply`] and [`rollback`] is pure. Must never: start a program, write what the journal does
//! not hold the prior value of, overwrite what somebody else has changed since without being told
//! to, or create a file beneath `proc` or `sys`. Off the hot path; allocates.

mod back;
pub mod boot;
pub mod diff;
pub mod disk;
pub mod edit;
pub mod journal;
pub mod keys;
pub mod layout;
pub mod machine;
pub mod restart;
pub mod settings;
pub mod site;
pub mod units;
mod work;

pub use back::rollback;
pub use disk::{Disk, Real};
pub use layout::Layout;
pub use machine::Machine;
pub use settings::{Keeper, Setting};
pub use site::{Planned, Site};
pub use units::{LeftOut, Profile};
pub use work::{Done, Fault, Scope, What, apply};

use crate::host::{Host, Missing};
use crate::kernel::Kernel;
use edit::{Edit, How};
use std::fmt::{self, Write as _};
use wire::exit::Exit;

/// The topology a host was made by, which the units read: ours, beside whatever its owner writes.
pub const APPLIED: &str = "etc/corelane/applied-topology.toml";

/// Something that was refused, as one line for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How the process ends.
    pub exit: Exit,
    /// What was refused.
    pub what: &'static str,
    /// `key=value` pairs.
    pub fields: String,
    /// What to do.
    pub next: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; next: {}", self.what, self.fields, self.next)
    }
}

impl std::error::Error for Refusal {}

/// What a box is to become.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who gets which CPU.
    pub layout: Layout,
    /// Version of systemd the units are for.
    pub systemd: u32,
    /// Kernel the settings are for; `None` names all of them.
    pub kernel: Option<Kernel>,
    /// Folder of the programs.
    pub bin: String,
    /// What the engine's unit is for.
    pub profile: Profile,
}

/// The version of systemd a host has, from the name of its library.
#[must_use]
pub fn systemd_of(host: &Host) -> Option<u32> {
    let mut folders = vec!["usr/lib/systemd".to_owned(), "usr/lib64/systemd".to_owned()];
    let archs = host.names("usr/lib").unwrap_or_default();
    folders.extend(archs.iter().map(|arch| format!("usr/lib/{arch}/systemd")));
    let version = |name: &str| {
        let rest = name.strip_prefix("libsystemd-shared-")?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    };
    let names = folders.iter().flat_map(|folder| host.names(folder).unwrap_or_default());
    names.filter_map(|name| version(&name)).max()
}

/// Files of a wish that are wholly ours, in the order of their paths, and what they leave out.
#[must_use]
pub fn files(wish: &Wish) -> (Vec<(String, String)>, Vec<LeftOut>) {
    let (mut files, left_out) = units::files(wish);
    let settings = settings::known(wish);
    files.push(("etc/corelane/boot-line".into(), boot::words(wish).join(" ") + "\n"));
    files.push(("etc/corelane/live-settings".into(), live_text(wish)));
    files.push((APPLIED.into(), wish.layout.plan.to_toml()));
    files.push(("etc/sysctl.d/90-corelane.conf".into(), sysctls(&settings)));
    files.push(("etc/tmpfiles.d/corelane.conf".into(), tmpfiles(&settings)));
    let user =
        "# Who the station's processes run as.\nu corelane - \"Corelane\" /var/lib/corelane\n";
    files.push(("etc/sysusers.d/corelane.conf".into(), user.into()));
    files.sort();
    (files, left_out)
}

fn sysctls(settings: &[Setting]) -> String {
    let mut text = "# Written by `corelane isolate`; each line's check is in `corelane doctor \
                    --explain=ID`.\n"
        .to_owned();
    let mut lines: Vec<(String, &Setting)> = settings
        .iter()
        .filter(|setting| setting.keeper == Keeper::Sysctl)
        .map(|setting| (setting.path.trim_start_matches("proc/sys/").replace('/', "."), setting))
        .collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    for (key, setting) in lines {
        let _ = writeln!(text, "# {}\n{key} = {}", setting.check, setting.wanted);
    }
    text
}

fn tmpfiles(settings: &[Setting]) -> String {
    let mut text =
        "# Written by `corelane isolate`: settings of /sys, at each boot, where the kernel \
                    has them.\n"
            .to_owned();
    for setting in settings.iter().filter(|setting| setting.keeper == Keeper::Tmpfiles) {
        let _ = writeln!(text, "w- /{} - - - - {}", setting.path, setting.wanted);
    }
    text + "# The engine holds it open while it trades.\n\
            z /dev/cpu_dma_latency 0660 root corelane -\n\
            # Here before the first unit that writes there.\n\
            d /var/lib/corelane 0700 corelane corelane -\n\
            d /var/lib/corelane/runs 0700 corelane corelane -\n"
}

/// What setting the running kernel as wished takes, the static part as text: for people, and for
/// the difference between two renderings.
#[must_use]
pub fn live_text(wish: &Wish) -> String {
    let mut text =
        "# What corelane-tune.service writes, once hot.slice and the cards are there.\n".to_owned();
    for setting in settings::known(wish).iter().filter(|s| s.keeper == Keeper::Tune) {
        let _ = writeln!(text, "{} = {}", setting.path, setting.wanted);
    }
    let rest = &wish.layout.plan.housekeeping;
    let _ = writeln!(text, "proc/irq/*/smp_affinity_list = {rest} (those that name a hot CPU)");
    text + "sys/devices/system/cpu/cpu*/cpufreq/scaling_min_freq = scaling_max_freq (hot CPUs)\n"
}

/// The hot CPUs banned in the file of irqbalance: its other lines as they are.
#[must_use]
pub fn irqbalance(wish: &Wish) -> Edit {
    let ours = format!("IRQBALANCE_BANNED_CPULIST={}", wish.layout.plan.hot);
    Edit::new(How::Lines, &[ours])
}

/// What has to be done by hand after something was taken back.
#[must_use]
pub fn next_after(done: &[Done]) -> Vec<&'static str> {
    let paths = || {
        let is_back = |done: &&Done| done.what == What::Restored;
        done.iter().filter(is_back).map(|done| done.path.as_str())
    };
    let any = |starts: &[&str]| paths().any(|path| starts.iter().any(|s| path.starts_with(s)));
    let mut next = Vec::new();
    if any(&["etc/default/grub"]) {
        next.push(boot::GRUB_NEXT);
    } else if boot::ENTRIES.iter().any(|folder| any(&[folder])) || any(&[boot::CMDLINE]) {
        next.push("reboot: the kernel still runs with the words it was booted with");
    }
    if paths().any(|path| path == "etc/systemd/system/corelane.target") {
        next.push(
            "remove the links to units that are gone (systemctl disable corelane.target, or \
             /etc/systemd/system/multi-user.target.wants/corelane.target)",
        );
    }
    if any(&["etc/systemd/"]) {
        next.push("run systemctl daemon-reload");
    }
    if any(&["etc/default/irqbalance", "etc/sysconfig/irqbalance"]) {
        next.push("run systemctl restart irqbalance");
    }
    next
}

/// Whatever can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Files.
    pub files: Vec<Planned>,
    /// Settings of the running kernel.
    pub settings: Vec<Setting>,
    /// What was left out.
    pub left_out: Vec<LeftOut>,
    /// What has to be done by hand afterwards.
    pub next: Vec<&'static str>,
}

impl Changes {
    /// All that a wish asks of a host; its boot line where `with_boot`.
    ///
    /// # Errors
    /// What [`boot::Loader`] refuses; RESOURCE where something could not be read.
    pub fn of(wish: &Wish, host: &Host, with_boot: bool) -> Result<Self, Refusal> {
        let (all, left_out) = files(wish);
        let mut all: Vec<Planned> = all.into_iter().map(Planned::from).collect();
        let mut next = vec![
            "run systemd-sysusers, systemd-tmpfiles --create and systemctl daemon-reload",
            "run systemctl enable corelane.target, once its configuration is in /etc/corelane",
        ];
        if with_boot {
            let loader = boot::Loader::of(host)?;
            all.extend(loader.edited(host, &boot::words(wish))?);
            next.push(loader.next);
        }
        for path in ["etc/default/irqbalance", "etc/sysconfig/irqbalance"] {
            match host.whole(path) {
                Ok(bytes) => {
                    let edit = irqbalance(wish);
                    let bytes = edit.merged(&bytes).unwrap_or(bytes);
                    let path = path.to_owned();
                    all.push(Planned { path, bytes, edit: Some(edit) });
                    next.push("run systemctl restart irqbalance");
                }
                Err(missing) if missing.is_absent() => {}
                Err(missing) => return Err(unread(missing)),
            }
        }
        all.sort_by(|a, b| a.path.cmp(&b.path));
        let mut settings = settings::known(wish);
        settings.extend(settings::on_host(wish, host).map_err(unread)?);
        Ok(Self { files: all, settings, left_out, next })
    }

    /// The settings of the running kernel alone.
    ///
    /// # Errors
    /// RESOURCE where something could not be read.
    pub fn live(wish: &Wish, host: &Host) -> Result<Self, Refusal> {
        let mut settings = settings::known(wish);
        settings.extend(settings::on_host(wish, host).map_err(unread)?);
        Ok(Self { files: Vec::new(), settings, left_out: Vec::new(), next: Vec::new() })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn unread(missing: Missing) -> Refusal {
    Refusal {
        exit: Exit::Resource,
        what: "the host cannot be read",
        fields: format!("error=\"{missing}\""),
        next: "run it as root",
    }
}
