//! `STRATEGY_CAPITAL`: a strategy's worst case, valued at this order's price, stays within its
//! allotted capital.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 47,
    code: "STRATEGY_CAPITAL",
    rule: "worst case of the strategy x price <= capital_e9, or the order opens nothing",
    unit: "1e-9 base currency",
    key: "capital_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(i.strategy.limits.capital_e9, i.strategy_base_e9)
}
