//! The settings of the running kernel: what each should be, and what makes it last.
//!
//! Owns the tables. Must never: name a setting a kernel does not have, since it would be a line
//! that does nothing; `since` and `until` say which have it.

use super::Wish;
use crate::cpus::CpuSet;
use crate::host::{Host, Missing};
use crate::kernel::Kernel;
use crate::plan::Plan;

/// How a value is written and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As it stands.
    Text,
    /// A list of CPUs.
    List,
    /// A hexadecimal mask of CPUs.
    Mask,
    /// Words, the one in force in brackets.
    Choice,
    /// A number, or more.
    Least,
}

impl Form {
    /// A value in the one form that is compared.
    #[must_use]
    pub fn canonical(self, text: &str) -> String {
        let text = text.trim();
        let set = match self {
            Self::List => CpuSet::from_list(text),
            Self::Mask => CpuSet::from_mask(text),
            Self::Choice => {
                let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
                return chosen.map_or(text, |(word, _)| word).to_owned();
            }
            Self::Text | Self::Least => None,
        };
        set.map_or_else(|| text.to_owned(), |set| set.to_string())
    }

    /// Whether what was read is what is wanted.
    #[must_use]
    pub fn holds(self, found: &str, wanted: &str) -> bool {
        let (found, wanted) = (self.canonical(found), self.canonical(wanted));
        let number = |text: &str| text.parse::<u64>().ok();
        match (self, number(&found), number(&wanted)) {
            (Self::Least, Some(found), Some(wanted)) => found >= wanted,
            _ => found == wanted,
        }
    }
}

/// What makes a setting last over a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// A line of sysctl.d.
    Sysctl,
    /// A line of tmpfiles.d.
    Tmpfiles,
    /// `corelane-tune.service`, since it depends on what the kernel finds.
    Tune,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Path beneath the root.
    pub path: String,
    /// What it should hold.
    pub wanted: String,
    /// How it is compared.
    pub form: Form,
    /// What makes it last.
    pub keeper: Keeper,
    /// The doctor's check that looks at it.
    pub check: &'static str,
    /// A second path: writing this one makes that one 0, and only writing that one undoes it.
    pub twin: Option<String>,
}

/// A row of the table of sysctls: key, value, check, first kernel that has it and first that has it
/// no more (or needs it no more).
type Sysctl = (&'static str, &'static str, &'static str, Option<Kernel>, Option<Kernel>);

const SYSCTLS: &[Sysctl] = &[
    ("kernel.nmi_watchdog", "0", "I16", None, None),
    ("kernel.numa_balancing", "0", "I19", None, None),
    // Later kernels have a deadline server in its place (I11).
    ("kernel.sched_rt_runtime_us", "-1", "I12", None, Some(Kernel::new(6, 12))),
    ("net.core.busy_poll", "0", "N04", None, None),
    ("net.core.busy_read", "0", "N04", None, None),
    ("net.core.rmem_max", "134217728", "N03", None, None),
    ("net.core.wmem_max", "134217728", "N03", None, None),
    ("net.ipv4.tcp_autocorking", "0", "N10", None, None),
    ("net.ipv4.tcp_slow_start_after_idle", "0", "N10", None, None),
    ("net.ipv4.tcp_timestamps", "1", "N01", None, None),
    ("net.ipv4.tcp_window_scaling", "1", "N02", None, None),
    ("vm.compact_unevictable_allowed", "0", "M05", None, None),
    ("vm.compaction_proactiveness", "0", "M04", Some(Kernel::new(5, 9)), None),
    ("vm.dirty_background_bytes", "67108864", "M07", None, None),
    ("vm.dirty_bytes", "536870912", "M07", None, None),
    ("vm.stat_interval", "10", "I18", None, None),
    ("vm.swappiness", "1", "M06", None, None),
];

/// Whether a kernel has it; one that did not say has all.
fn has(kernel: Option<Kernel>, since: Option<Kernel>, until: Option<Kernel>) -> bool {
    let Some(kernel) = kernel else { return true };
    since.is_none_or(|since| kernel >= since) && until.is_none_or(|until| kernel < until)
}

fn setting(path: String, wanted: &str, form: Form, keeper: Keeper, check: &'static str) -> Setting {
    Setting { path, wanted: wanted.to_owned(), form, keeper, check, twin: None }
}

/// What lasts of one hot CPU.
fn of_cpu(cpu: u32) -> [Setting; 4] {
    let folder = format!("sys/devices/system/cpu/cpu{cpu}");
    let check_interval =
        format!("sys/devices/system/machinecheck/machinecheck{cpu}/check_interval");
    [
        // Before its governor, and so taken back after it: under `performance` a driver of Intel's
        // takes no other preference.
        (format!("{folder}/cpufreq/energy_performance_preference"), "performance", "W01"),
        (format!("{folder}/cpufreq/scaling_governor"), "performance", "W01"),
        // `n/a` is no latency at all; 0 would be no limit.
        (format!("{folder}/power/pm_qos_resume_latency_us"), "n/a", "W06"),
        (check_interval, "0", "I17"),
    ]
    .map(|(path, wanted, check)| setting(path, wanted, Form::Text, Keeper::Tmpfiles, check))
}

/// What depends on the division alone.
#[must_use]
pub fn known(wish: &Wish) -> Vec<Setting> {
    let (hot, rest) = (&wish.layout.plan.hot, &wish.layout.plan.housekeeping);
    let mut all = Vec::new();
    for (key, value, check, since, until) in SYSCTLS {
        if has(wish.kernel, *since, *until) {
            let path = format!("proc/sys/{}", key.replace('.', "/"));
            let mut row = setting(path, value, Form::Text, Keeper::Sysctl, check);
            let twin = key.strip_prefix("vm.").and_then(|key| key.strip_suffix("_bytes"));
            row.twin = twin.map(|key| format!("proc/sys/vm/{key}_ratio"));
            all.push(row);
        }
    }
    let list = rest.to_string();
    let path = "proc/sys/kernel/watchdog_cpumask".to_owned();
    all.push(setting(path, &list, Form::List, Keeper::Sysctl, "I16"));
    let mask = rest.to_mask();
    for path in
        ["sys/devices/virtual/workqueue/cpumask", "sys/bus/workqueue/devices/writeback/cpumask"]
    {
        all.push(setting(path.to_owned(), &mask, Form::Mask, Keeper::Tmpfiles, "I10"));
    }
    for (path, wanted, form, check) in [
        ("sys/kernel/mm/ksm/run", "0", Form::Text, "M09"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "madvise", Form::Choice, "M01"),
        ("sys/module/pcie_aspm/parameters/policy", "performance", Form::Choice, "N13"),
    ] {
        all.push(setting(path.to_owned(), wanted, form, Keeper::Tmpfiles, check));
    }
    all.extend(hot.iter().flat_map(of_cpu));
    let (pages, node) = (wish.layout.plan.hugepages_2m, wish.layout.plan.node.unwrap_or(0));
    if pages > 0 {
        let path =
            format!("sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages");
        all.push(setting(path, &pages.to_string(), Form::Least, Keeper::Tmpfiles, "M02"));
    }
    all.push(setting(
        "proc/irq/default_smp_affinity".to_owned(),
        &mask,
        Form::Mask,
        Keeper::Tune,
        "I04",
    ));
    if has(wish.kernel, Some(Kernel::new(6, 12)), None) {
        for cpu in hot.iter() {
            let path = format!("sys/kernel/debug/sched/fair_server/cpu{cpu}/runtime");
            all.push(setting(path, "0", Form::Text, Keeper::Tune, "I11"));
        }
    }
    // What systemd sets by itself from version 261 on.
    let path = "sys/fs/cgroup/hot.slice/cpuset.cpus.partition".to_owned();
    all.push(setting(path, "isolated", Form::Text, Keeper::Tune, "I06"));
    all
}

/// What a host has that no list can name beforehand: its interrupts, the sizes of its huge pages,
/// the highest frequency of its CPUs.
///
/// # Errors
/// What is there and could not be read.
pub fn on_host(wish: &Wish, host: &Host) -> Result<Vec<Setting>, Missing> {
    let Plan { hot: ours, housekeeping: rest, .. } = &wish.layout.plan;
    let mut all = Vec::new();
    for name in names(host, "proc/irq")? {
        let path = format!("proc/irq/{name}/smp_affinity_list");
        if !name.bytes().all(|b| b.is_ascii_digit()) || !host.is_there(&path) {
            continue;
        }
        let text = host.text(&path)?;
        let cpus = CpuSet::from_list(&text).ok_or_else(|| Missing::Strange(path.clone(), text))?;
        let kept = cpus.and(rest);
        let wanted = match () {
            () if cpus.and(ours).is_empty() => &cpus,
            () if kept.is_empty() => rest,
            () => &kept,
        };
        all.push(setting(path, &wanted.to_string(), Form::List, Keeper::Tune, "I05"));
    }
    let folder = "sys/kernel/mm/transparent_hugepage";
    for name in names(host, folder)?.iter().filter(|name| name.starts_with("hugepages-")) {
        let path = format!("{folder}/{name}/enabled");
        if host.is_there(&path) {
            // The largest may inherit what `enabled` says; of the others none is asked for.
            let wanted = if name == "hugepages-2048kB" { "inherit" } else { "never" };
            all.push(setting(path, wanted, Form::Choice, Keeper::Tune, "M01"));
        }
    }
    for cpu in ours.iter() {
        let folder = format!("sys/devices/system/cpu/cpu{cpu}/cpufreq");
        if let Some(most) = host.optional(&format!("{folder}/scaling_max_freq"))? {
            let path = format!("{folder}/scaling_min_freq");
            all.push(setting(path, &most, Form::Text, Keeper::Tune, "W02"));
        }
    }
    Ok(all)
}

fn names(host: &Host, folder: &str) -> Result<Vec<String>, Missing> {
    match host.names(folder) {
        Err(missing) if missing.is_absent() => Ok(Vec::new()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_the_kernel_means_them() {
        for (form, found, wanted, holds) in [
            (Form::Mask, "00000000,0000001f\n", "1f", true),
            (Form::Mask, "ff", "1f", false),
            (Form::List, "0,1,2", "0-2", true),
            (Form::Choice, "always [madvise] never", "madvise", true),
            (Form::Choice, "[always] madvise never", "madvise", false),
            (Form::Least, "600", "512", true),
            (Form::Least, "511", "512", false),
            (Form::Text, "n/a", "0", false),
            (Form::Text, "isolated invalid (reason)", "isolated", false),
        ] {
            assert_eq!(form.holds(found, wanted), holds, "{found} {wanted}");
        }
    }
}
