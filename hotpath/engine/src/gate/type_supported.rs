//! `UNSUPPORTED_TYPE`: the pair of type and time in force is in the instrument's row (market
//! orders are off unless it says so); post-only goes with a resting limit order.
use super::{Check, Inquiry, Measure, When};
use crate::limits::pair_bit;
use wire::order::{ExecInst, OrdType, TimeInForce};

pub(super) const CHECK: Check = Check {
    id: 16,
    code: "UNSUPPORTED_TYPE",
    rule: "the row allows the type with the time in force, and post-only is a resting limit order",
    unit: "bits of the pairs allowed, bit of the pair",
    key: "symbol.order_types",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let bit = pair_bit(i.order.ord_type, i.order.time_in_force);
    let rests =
        matches!(i.order.time_in_force, TimeInForce::Gtc | TimeInForce::Day | TimeInForce::Gtd);
    let post_only_fits =
        (i.order.exec_inst != ExecInst::PostOnly) | ((i.order.ord_type == OrdType::Limit) & rests);
    let allowed = i.symbol.rules.order_types;
    Measure::new((allowed & bit != 0) & post_only_fits, i64::from(allowed), i64::from(bit))
}
