//! `SIGNAL_SEQ`: the score answers one of the newest requests: a model that falls behind is not
//! followed.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 37,
    code: "SIGNAL_SEQ",
    rule: "requests made since the one answered <= max_signal_lag, or the order opens nothing",
    unit: "requests",
    key: "max_signal_lag",
    when: When::Scored,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(i.symbol.limits.max_signal_lag, i64::from(i.symbol.signal.lag))
}
