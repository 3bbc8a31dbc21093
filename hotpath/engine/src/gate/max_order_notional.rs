//! `MAX_ORDER_NOTIONAL`: the whole value is within the instrument's bound in its own currency, and
//! within the station's in the base currency.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 24,
    code: "MAX_ORDER_NOTIONAL",
    rule: "price x qty <= max_order_notional_e9 of the instrument, and of the station in base currency",
    unit: "1e-9 quote or base currency",
    key: "max_order_notional_e9",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let symbol = Measure::at_most(i.symbol.limits.max_order_notional_e9, i.value_e9);
    symbol.and(Measure::at_most(i.firm.limits.max_order_notional_e9, i.base_e9))
}
