//! `MAX_PCT_ADV`: an order that opens is a small part of what trades in a day. An unknown volume
//! denies.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 26,
    code: "MAX_PCT_ADV",
    rule: "qty x 10000 <= max_adv_bp x average daily volume, or the order opens nothing",
    unit: "basis points",
    key: "max_adv_bp",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::share(i.symbol.limits.max_adv_bp, i.order.qty_lots.get(), i.symbol.adv_lots)
}
