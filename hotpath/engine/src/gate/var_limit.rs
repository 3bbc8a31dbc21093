//! `VAR_LIMIT`: the portfolio's value at risk (99 %, one day), computed in the background, plus
//! the order's lots times the instrument's slope. A slope that is not known denies.
use super::{Check, Inquiry, Measure, When};
use crate::risk::NO_SLOPE;

pub(super) const CHECK: Check = Check {
    id: 48,
    code: "VAR_LIMIT",
    rule: "value at risk + slope x lots added to the worst case <= var_limit_e9, or the order opens nothing",
    unit: "1e-9 base currency",
    key: "var_limit_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let slope = i.symbol.var_slope_e9;
    let (var, lots) = if i.firm.var_external {
        (i.firm.var_e9, i.signed_added_lots())
    } else {
        (i.firm.exposure.var_e9, i.increase_lots)
    };
    let (more, is_cut) = slope.overflowing_mul(lots);
    let (after, is_cut_too) = var.overflowing_add(more);
    let unknown = is_cut | is_cut_too | (slope == NO_SLOPE);
    let after = if unknown { i64::MAX } else { after };
    Measure::at_most(i.firm.limits.var_limit_e9, after)
}
