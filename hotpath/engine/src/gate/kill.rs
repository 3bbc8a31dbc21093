//! `KILL_SWITCH`: nothing new while a kill switch over the order is latched: station 1, venue 2,
//! strategy 4, instrument 8. It clears only by an operator with a reason, never by time, restart,
//! advice or a model.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 0,
    code: "KILL_SWITCH",
    rule: "no kill switch over the order is latched",
    unit: "scopes: 1 station, 2 venue, 4 strategy, 8 instrument",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let scopes = i64::from(i.firm.killed)
        | (i64::from(i.venue.killed) << 1_u32)
        | (i64::from(i.strategy.killed) << 2_u32)
        | (i64::from(i.symbol.killed) << 3_u32);
    let killed = i.firm.killed | i.venue.killed | i.strategy.killed | i.symbol.killed;
    Measure::new(!killed, 0, scopes)
}
