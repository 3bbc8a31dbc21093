//! `UNAUTHORIZED_ORIGIN`: the instrument's row names the strategies that may trade it; nobody else
//! may.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 5,
    code: "UNAUTHORIZED_ORIGIN",
    rule: "the instrument's row names the strategy",
    unit: "bits of the strategies allowed, number of the strategy",
    key: "symbol.strategies",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let id = u32::from(i.order.strategy.get());
    let named = i.symbol.rules.strategies.wrapping_shr(id) & 1 == 1;
    let allowed = named & (id < u64::BITS);
    Measure::new(allowed, i.symbol.rules.strategies.cast_signed(), i64::from(id))
}
