//! `LIMITS_MISSING`: no row of limits, no order. There is no default row and no bypass.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 2,
    code: "LIMITS_MISSING",
    rule: "the instrument has a row of limits",
    unit: "rows",
    key: "limits.SYMBOL",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    i.limits.is_none().then_some(Breach::new(1, 0))
}
