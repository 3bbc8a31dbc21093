//! `MAX_GROSS`: the station's worst-case gross exposure, linked to order entry as it was not at
//! Knight in 2012.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 43,
    code: "MAX_GROSS",
    rule: "gross exposure + what the order may add <= max_gross_e9, or the order opens nothing",
    unit: "1e-9 base currency",
    key: "max_gross_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let gross = i.firm.exposure.gross_e9;
    Measure::sum_at_most(i.firm.limits.max_gross_e9, gross, i.increase_base_e9)
}
