//! `MAX_ORDER_QTY`: the whole quantity is within the instrument's hard bound.
use super::{Check, Inquiry, Measure, When};
use core::hint::select_unpredictable;

pub(super) const CHECK: Check = Check {
    id: 23,
    code: "MAX_ORDER_QTY",
    rule: "qty <= max_order_qty_lots, and as advised where the order opens something",
    unit: "lots",
    key: "max_order_qty_lots",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let (limit, advised) =
        (i.symbol.limits.max_order_qty_lots, i.symbol.advised.max_order_qty_lots);
    let most = limit.min(select_unpredictable(i.opens, advised, i64::MAX));
    Measure::at_most(most, i.order.qty_lots.get())
}
