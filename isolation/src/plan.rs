//! The topology: which cores are hot, which keep house, which card trades. From a file, or as far
//! as the host itself says.

use crate::cpus::CpuSet;
use crate::host::Host;
use serde::Deserialize;
use std::fmt;

/// What the host should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// CPUs of the hot threads.
    pub hot: CpuSet,
    /// CPUs of everything else.
    pub housekeeping: CpuSet,
    /// Interface of the exchange link.
    pub nic: Option<String>,
    /// Whether its sockets are to be accelerated by Onload.
    pub onload: bool,
    /// Pages of 2 MiB to be reserved.
    pub hugepages_2m: i64,
    /// Whether a file said so, and not the host.
    pub is_file: bool,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    topology: Topology,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topology {
    hot: String,
    housekeeping: String,
    nic: Option<String>,
    #[serde(default)]
    onload: bool,
    #[serde(default)]
    hugepages_2m: u32,
}

/// A topology that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// What is wrong, with key, found and allowed.
    pub what: String,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for PlanError {}

impl Plan {
    /// Reads a topology.
    ///
    /// # Errors
    /// Text that is no topology, CPU 0 among the hot ones, fewer than two that keep house, a CPU on
    /// both sides.
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        let bad = |what: String| PlanError { what };
        let file: File = toml::from_str(text).map_err(|error| {
            bad(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
        })?;
        let Topology { hot, housekeeping, nic, onload, hugepages_2m } = file.topology;
        let set = |key: &str, text: &str| {
            CpuSet::from_list(text).filter(|set| !set.is_empty()).ok_or_else(|| {
                bad(format!("{key}={text:?} allowed=a list of CPUs such as \"2-3\""))
            })
        };
        let (hot, rest) = (set("hot", &hot)?, set("housekeeping", &housekeeping)?);
        if hot.has(0) {
            return Err(bad(format!("hot={hot} allowed=without CPU 0, which boots and ticks")));
        }
        if rest.len() < 2 {
            return Err(bad(format!("housekeeping={rest} allowed=two CPUs or more")));
        }
        let both = hot.and(&rest);
        if !both.is_empty() {
            return Err(bad(format!(
                "hot={hot} housekeeping={rest} allowed=no CPU in both ({both})"
            )));
        }
        let is_name = |name: &String| {
            !name.is_empty() && name.len() < 16 && !name.contains(['/', '.']) && name.is_ascii()
        };
        if let Some(name) = nic.as_ref().filter(|name| !is_name(name)) {
            return Err(bad(format!("nic={name:?} allowed=the name of a network interface")));
        }
        let hugepages_2m = i64::from(hugepages_2m);
        Ok(Self { hot, housekeeping: rest, nic, onload, hugepages_2m, is_file: true })
    }

    /// What the host itself says: hot is what it isolates, the rest of the present CPUs keeps
    /// house.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        let list = |path: &str| {
            host.text(path).ok().and_then(|text| CpuSet::from_list(&text)).unwrap_or_default()
        };
        let booted = list("sys/devices/system/cpu/isolated");
        let isolated = booted.or(&list("sys/fs/cgroup/cpuset.cpus.isolated"));
        let housekeeping = list("sys/devices/system/cpu/online").less(&isolated);
        Self { hot: isolated, housekeeping, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Plan::from_toml(text).expect_err(text).what
    }

    #[test]
    fn a_topology_is_read_whole_or_refused_by_key() {
        let head = "[topology]\n";
        let plan = Plan::from_toml(
            "[topology]\nhot = \"2-3\"\nhousekeeping = \"0-1\"\nnic = \"eth0\"\n\
             hugepages_2m = 64\n",
        )
        .expect("sound");
        assert_eq!(
            (plan.hot.to_string(), plan.housekeeping.to_string()),
            ("2-3".into(), "0-1".into())
        );
        assert_eq!(
            (plan.nic.as_deref(), plan.hugepages_2m, plan.onload),
            (Some("eth0"), 64, false)
        );
        for (rest, part) in [
            ("hot = \"0-1\"\nhousekeeping = \"2-3\"", "without CPU 0"),
            ("hot = \"2-3\"\nhousekeeping = \"0\"", "two CPUs or more"),
            ("hot = \"1-3\"\nhousekeeping = \"0-1\"", "no CPU in both (1)"),
            ("hot = \"\"\nhousekeeping = \"0-1\"", "hot=\"\""),
            ("hot = \"2-3\"\nhousekeeping = \"x\"", "housekeeping=\"x\""),
            ("hot = \"2-3\"\nhousekeeping = \"0-1\"\nnic = \"../x\"", "nic="),
            ("hot = \"2-3\"\nhousekeeping = \"0-1\"\nhott = 1", "hott"),
        ] {
            let what = refused(&format!("{head}{rest}\n"));
            assert!(what.contains(part) && !what.contains('\n'), "{part}: {what}");
        }
    }
}
