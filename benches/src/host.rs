//! Which host, which tree, and why a table from it may not stand for others.

use std::process::Command;

/// The stamp of a table.
#[derive(Clone, Debug)]
pub struct Host {
    /// Processor, CPUs, kernel: one line.
    pub summary: String,
    /// Commit of the tree, or "unknown".
    pub commit: String,
    /// Reasons why the table is not representative; empty on a fit host with a clean tree.
    pub unfit: Vec<String>,
    /// Short name for the record's folder: processor, CPUs and whether it is virtual.
    pub name: String,
}

impl Host {
    /// Looks at the host and the tree. `clock_source` other than "tsc" makes the host unfit.
    #[must_use]
    pub fn look(clock_source: &str) -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu_model(&cpuinfo);
        let is_virtual = cpuinfo.split_ascii_whitespace().any(|flag| flag == "hypervisor");
        let cpus = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
        let kernel = first_line("/proc/sys/kernel/osrelease");
        let load = first_line("/proc/loadavg");
        let mut unfit = Vec::new();
        if is_virtual {
            unfit.push("virtual machine".to_owned());
        }
        if clock_source != "tsc" {
            unfit.push(format!("clock source {clock_source}"));
        }
        let isolated = first_line("/sys/devices/system/cpu/isolated");
        if isolated.is_empty() {
            unfit.push("no isolated CPU".to_owned());
        }
        match git(&["status", "--porcelain"]) {
            Some(changes) if changes.is_empty() => {}
            Some(_) => unfit.push("dirty tree".to_owned()),
            None => unfit.push("no git tree".to_owned()),
        }
        if cfg!(debug_assertions) {
            unfit.push("debug build".to_owned());
        }
        let one_minute = load.split(' ').next().unwrap_or("").to_owned();
        if one_minute.parse::<f64>().is_ok_and(|load| load > 0.5) {
            unfit.push(format!("load {one_minute}"));
        }
        let kind = if is_virtual { "vm" } else { "metal" };
        Self {
            summary: format!("{model}, {cpus} cpus ({kind}), Linux {kernel}, load {load}"),
            commit: git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned()),
            unfit,
            name: slug(&format!("{model} {cpus}cpu {kind}")),
        }
    }

    /// The lines at the head of a table.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("host: {}", self.summary), format!("tree: {}", self.commit)];
        if !self.unfit.is_empty() {
            lines.push(format!("UNREPRESENTATIVE: {}", self.unfit.join(", ")));
        }
        lines
    }
}

fn cpu_model(cpuinfo: &str) -> String {
    let named = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = named.and_then(|line| line.split_once(':')).map_or("unknown processor", |x| x.1);
    model.trim().to_owned()
}

fn first_line(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("").trim().to_owned()
}

/// Output of a git command in this crate's folder; `None` where it fails.
fn git(args: &[&str]) -> Option<String> {
    let run = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output();
    let output = run.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Lower case, digits and single hyphens.
fn slug(text: &str) -> String {
    let plain = text.replace("(R)", "").replace("(TM)", "").to_ascii_lowercase();
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// CPU time of all threads of this process, microseconds.
#[must_use]
pub fn cpu_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec) * 1_000_000 + part(time.tv_nsec) / 1_000
}

#[cfg(test)]
mod tests {
    use super::{cpu_model, slug};

    #[test]
    fn a_host_has_a_plain_name() {
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: ACME 9\nflags\t: a b\n"), "ACME 9");
        assert_eq!(cpu_model(""), "unknown processor");
        assert_eq!(slug("ACME(R) Core(TM) i9 @ 3.0GHz 2cpu vm"), "acme-core-i9-3-0ghz-2cpu-vm");
    }
}
