//! `DUPLICATE_ORDER`: the same order again and again: equal strategy, side, type, prices and
//! quantity within a short window.
use super::{Check, Inquiry, Measure};
use crate::risk::DuplicateLog;

pub(super) const CHECK: Check = Check {
    id: 57,
    code: "DUPLICATE_ORDER",
    rule: "equal orders within duplicate_window_ns, this one included, <= max_duplicates",
    unit: "orders",
    key: "max_duplicates, duplicate_window_ns",
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let limits = &i.symbol.limits;
    let key = DuplicateLog::key(i.order);
    let before = i.symbol.duplicates.count(key, i.now, limits.duplicate_window_ns);
    Measure::one_more(limits.max_duplicates, before)
}
