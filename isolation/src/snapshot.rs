//! A snapshot: all that the checks read of a host, whatever topology they are held against later.
//!
//! Must never: hold what no check reads, or what `redact` leaves out. It has process names and
//! settings of the kernel; no address, serial number, key or password.

use crate::check::Profile;
use crate::cpus::CpuSet;
use crate::host::Host;
use crate::plan::Plan;
use crate::report::{Report, examine};
use crate::tree::Tree;

/// Runs the checks with the topology given, and with every interface and every CPU that could be
/// chosen; gives the report of the first and the tree of all that was read. The tree answers as the
/// host did at that moment: the same checks give the same report of it.
#[must_use]
pub fn snapshot(host: Host, plan: &Plan, profile: Profile) -> (Report, Tree) {
    let host = host.recorded();
    let report = examine(&host, plan, profile);
    for other in others(&host) {
        let _ = examine(&host, &other, profile);
    }
    (report, host.heard())
}

/// Topologies that make checks read what the one at hand does not ask for.
fn others(host: &Host) -> Vec<Plan> {
    let found = Plan::of(host);
    let all = found.hot.or(&found.housekeeping).less(&CpuSet::from_iter([0]));
    let is_card = |name: &String| host.is_there(&format!("sys/class/net/{name}/device"));
    let names = host.names("sys/class/net").unwrap_or_default().into_iter().filter(is_card);
    let cards = names.map(Some).chain([None]);
    let wide =
        |nic| Plan { hot: all.clone(), nic, onload: true, hugepages_2m: 1, ..Plan::default() };
    // A check stops at the first CPU that it cannot read: each of them is asked alone, too.
    let alone = |cpu| Plan { hot: CpuSet::from_iter([cpu]), ..Plan::default() };
    cards.map(wide).chain(all.iter().map(alone)).chain([found.clone()]).collect()
}
