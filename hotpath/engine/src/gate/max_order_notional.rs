//! `MAX_ORDER_NOTIONAL`: the operator's bound on the value of one order. A product that leaves 64
//! bits is above every limit.
use super::{Breach, Check, Inquiry, approval::notional_e9};

pub(super) const CHECK: Check = Check {
    id: 12,
    code: "MAX_ORDER_NOTIONAL",
    rule: "price x qty <= max_order_notional_e9",
    unit: "1e-9 quote currency",
    key: "max_order_notional",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    i.instrument?;
    let limit = i.limits?.max_order_notional_e9;
    let value = notional_e9(i).unwrap_or(i64::MAX);
    (value > limit).then_some(Breach::new(limit, value))
}
