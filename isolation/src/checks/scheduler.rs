//! Scheduler: lines of old guides that do nothing, and quotas that stop a thread.

use super::{Found, some, sysctl};
use crate::check::Need;
use crate::check::{Check, Group, Look, Outcome, Status};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "C01",
        name: "sched_migration_cost_ns",
        why: "not a sysctl since 5.13: the line is ignored, and pinned threads do not migrate",
        read: "etc/sysctl.d, run/sysctl.d, usr/local/lib/sysctl.d, usr/lib/sysctl.d, \
            etc/sysctl.conf",
        good: "no line",
        now: "none",
        keep: "remove the line",
        source: "kernel 5.13: moved to debugfs",
        run: migration_cost,
        ..SCHEDULER
    },
    Check {
        id: "C02",
        name: "automatic groups",
        why: "units have groups of their own: no effect on them",
        read: "proc/sys/kernel/sched_autogroup_enabled",
        good: "0, or 1, which is as good",
        now: "none",
        keep: "remove the line",
        need: Need::Tell,
        source: "sched(7)",
        run: autogroup,
        ..SCHEDULER
    },
    Check {
        id: "C03",
        name: "lines for settings that are gone",
        why: "a line that this kernel ignores says something that is not so",
        read: "etc/sysctl.d, run/sysctl.d, usr/local/lib/sysctl.d, usr/lib/sysctl.d, \
            etc/sysctl.conf",
        good: "every key is there",
        now: "none",
        keep: "remove the lines",
        source: "sysctl.d(5)",
        run: dead_lines,
        ..SCHEDULER
    },
    Check {
        id: "C06",
        name: "quota of the hot slice",
        why: "a quota stops every thread of it until the next period",
        read: "sys/fs/cgroup/hot.slice/cpu.max",
        good: "max",
        now: "write max to the file",
        keep: "no CPUQuota= in the slice and its units",
        source: "kernel admin-guide/cgroup-v2.rst",
        run: quota,
        ..SCHEDULER
    },
];

const SCHEDULER: Check = Check::base(Group::Scheduler);

fn migration_cost(look: &Look<'_>) -> Found {
    if let Some(fault) = &look.kept.fault {
        return Err(fault.clone().into());
    }
    let Some(line) = look.kept.sysctl("kernel.sched_migration_cost_ns") else {
        return Ok(Outcome::new(Status::Pass, "no line", ""));
    };
    if look.host.is_there("proc/sys/kernel/sched_migration_cost_ns") {
        let note = "no effect on pinned threads: remove the line";
        return Ok(Outcome::new(Status::Fail, line.value.clone(), note));
    }
    let note = "not a sysctl since 5.13; line ignored; no effect on pinned threads. Remove";
    let kept = Some(format!("{} ({})", line.value, line.file));
    Ok(Outcome::new(Status::Stale, "not there", note).persisted(kept))
}

fn autogroup(look: &Look<'_>) -> Found {
    let note = "harmless, no measurable effect here";
    sysctl(look, "kernel.sched_autogroup_enabled", |n| n == 1, note)
}

fn dead_lines(look: &Look<'_>) -> Found {
    if let Some(fault) = &look.kept.fault {
        return Err(fault.clone().into());
    }
    // Without the folder nothing can be said of what is in it.
    look.host.names("proc/sys/kernel")?;
    look.host.names("proc/sys/vm")?;
    if look.kept.lines.iter().any(|line| line.key.starts_with("net.ipv4.tcp_")) {
        look.host.names("proc/sys/net/ipv4")?;
    }
    let mut dead: Vec<String> = Vec::new();
    for line in &look.kept.lines {
        // Of the other branches some appear with a module or an interface.
        let ours = ["kernel.", "vm.", "net.ipv4.tcp_"];
        let is_ours = ours.iter().any(|start| line.key.starts_with(start));
        let path = format!("proc/sys/{}", line.key.replace('.', "/"));
        if is_ours && !line.key.contains('*') && !look.host.is_there(&path) {
            dead.push(format!("{} ({})", line.key, line.file));
        }
    }
    if dead.is_empty() {
        return Ok(Outcome::new(Status::Pass, "every key is there", ""));
    }
    let note = "this kernel ignores the lines: remove them";
    Ok(Outcome::new(Status::Stale, "not there", note).persisted(Some(some(dead))))
}

fn quota(look: &Look<'_>) -> Found {
    let path = format!("{}/cpu.max", super::hot_slice(look)?);
    super::judge(look, &path, |text| text.starts_with("max"), "hot threads are stopped by quota")
}
