//! `FX_RATE`: sums over instruments need an exchange rate: it is one by definition, or it is there
//! and young enough.
use super::{Check, Inquiry, Measure, When};
use crate::limits::FxSource;
use core::hint::select_unpredictable;

pub(super) const CHECK: Check = Check {
    id: 25,
    code: "FX_RATE",
    rule: "an exchange rate to the base currency is there, at most max_fx_age_ns old",
    unit: "ns of engine time",
    key: "max_fx_age_ns",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let s = i.symbol;
    let age = select_unpredictable(s.rules.fx == FxSource::Base, 0, i.age_ns(s.fx_ns));
    let limit = i.firm.limits.max_fx_age_ns;
    Measure::new(
        s.fx.is_known() & (age <= limit),
        limit,
        if s.fx.is_known() { age } else { i64::MAX },
    )
}
