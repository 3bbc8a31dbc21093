//! `KILL_SWITCH`: nothing new while the kill switch is latched. It clears only by an operator with a
//! reason, never by time, restart, advice or a model.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 0,
    code: "KILL_SWITCH",
    rule: "the kill switch is not latched",
    unit: "flag",
    key: "-",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    i.killed.then_some(Breach::new(0, 1))
}
