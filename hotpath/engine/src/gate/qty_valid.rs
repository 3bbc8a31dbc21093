//! `INVALID_QTY`: the quantity is within the venue's bounds and a multiple of the order step.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 12,
    code: "INVALID_QTY",
    rule: "0 < min_qty <= qty <= max_qty of the instrument, and qty a multiple of qty_step_lots",
    unit: "lots",
    key: "qty_step_lots",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let (qty, s) = (i.order.qty_lots.get(), i.symbol);
    let step = s.limits.qty_step_lots;
    let on_step = (step > 0) & i.qty_on_step;
    let least = s.min_qty_lots.max(1);
    let good = (qty >= least) & (qty <= s.max_qty_lots) & on_step;
    let limit = if qty < least {
        least
    } else if qty > s.max_qty_lots {
        s.max_qty_lots
    } else {
        step
    };
    Measure::new(good, limit, qty)
}
