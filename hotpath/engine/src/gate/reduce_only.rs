//! `REDUCE_ONLY`: a reduce-only order takes off the position and nothing more, other working
//! reducers counted; an order of the same link group is its alternative and does not count.
use super::{Check, Inquiry, Measure, When};
use wire::order::ExecInst;

pub(super) const CHECK: Check = Check {
    id: 22,
    code: "REDUCE_ONLY",
    rule: "a reduce-only order asks for no more than may still be reduced",
    unit: "lots",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let asked = i.order.exec_inst == ExecInst::ReduceOnly;
    Measure::new(!(asked & i.opens), i.reducible_lots, i.leaves_lots)
}
