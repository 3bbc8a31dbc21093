//! `CONCENTRATION`: one instrument holds at most a share of the gross limit.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 45,
    code: "CONCENTRATION",
    rule: "the instrument's worst case + what the order may add <= max_concentration_bp x max_gross_e9 / 10000, or the order opens nothing",
    unit: "1e-9 base currency",
    key: "max_concentration_bp, max_gross_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let worst = i.symbol.contribution.gross_e9;
    Measure::sum_at_most(i.firm.name_limit_e9, worst, i.increase_base_e9)
}
