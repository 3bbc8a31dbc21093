//! `MAX_PCT_DEPTH`: an order that opens and may take is no more than a share of what the ten best
//! levels across show. Levels are counted until the order fits: a denial shows the share of all ten,
//! a pass a share that is within the limit.
use super::{Check, Inquiry, Measure, When};
use wire::order::ExecInst;

pub(super) const CHECK: Check = Check {
    id: 27,
    code: "MAX_PCT_DEPTH",
    rule: "qty x 10000 <= max_depth_bp x lots shown on the ten best levels across, unless post-only or opening nothing",
    unit: "basis points",
    key: "max_depth_bp",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let s = i.symbol;
    let takes = i.order.exec_inst != ExecInst::PostOnly;
    let depth = s.depth_lots(i.order.side);
    Measure::share(s.limits.max_depth_bp, i.order.qty_lots.get(), depth).only_if(takes)
}
