//! `ARITH_OVERFLOW`: the order's value, and the worst case with it, fit 64 bits. A sum that does
//! not fit is refused, never cut.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 14,
    code: "ARITH_OVERFLOW",
    rule: "value and worst case fit 64 bits",
    unit: "flag",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(0, i64::from(!i.is_exact))
}
