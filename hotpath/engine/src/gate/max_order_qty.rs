//! `MAX_ORDER_QTY`: the operator's bound on one order.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 11,
    code: "MAX_ORDER_QTY",
    rule: "qty <= max_order_qty_lots",
    unit: "lots",
    key: "max_order_qty",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let limit = i.limits?.max_order_qty_lots;
    let qty = i.order.qty_lots;
    (qty > limit).then_some(Breach::new(limit.get(), qty.get()))
}
