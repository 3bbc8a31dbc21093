//! `UNKNOWN_EXPOSURE`: while too many orders, or too much value, are in doubt, nothing opens.
//! Unknown is not dead.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 49,
    code: "UNKNOWN_EXPOSURE",
    rule: "orders unknown <= max_unknown_orders and their value <= max_unknown_notional_e9, or the order opens nothing",
    unit: "orders, or 1e-9 base currency",
    key: "max_unknown_orders, max_unknown_notional_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let limits = &i.firm.limits;
    Measure::at_most(limits.max_unknown_orders, i.firm.unknown_orders)
        .and(Measure::at_most(limits.max_unknown_notional_e9, i.firm.exposure.unknown_e9))
}
