//! `CLOCK_UNSYNC`: the clock's error against UTC is known and small, else nothing opens.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 10,
    code: "CLOCK_UNSYNC",
    rule: "0 <= clock error <= max_clock_offset_ns, or the order opens nothing",
    unit: "ns",
    key: "max_clock_offset_ns",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let offset = i.firm.clock_offset_ns;
    let offset = if offset < 0 { i64::MAX } else { offset };
    Measure::at_most(i.firm.limits.max_clock_offset_ns, offset)
}
