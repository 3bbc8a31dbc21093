//! `UNSUPPORTED_TYPE`: limit orders only; a market order has no price to check.
use super::{Breach, Check, Inquiry};
use wire::order::{ExecInst, OrdType, TimeInForce};

pub(super) const CHECK: Check = Check {
    id: 4,
    code: "UNSUPPORTED_TYPE",
    rule: "the type is limit, and post-only goes with GTC",
    unit: "FIX 40 code",
    key: "-",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let post_only = i.order.exec_inst == ExecInst::PostOnly;
    let good = i.order.ord_type == OrdType::Limit
        && (!post_only || i.order.time_in_force == TimeInForce::Gtc);
    (!good).then_some(Breach::new(
        i64::from(OrdType::Limit.code()),
        i64::from(i.order.ord_type.code()),
    ))
}
