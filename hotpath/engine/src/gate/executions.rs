//! `REPEATED_EXECUTION`: after so many fills a person looks before the strategy goes on (RTS 6,
//! article 15(3)).
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 59,
    code: "REPEATED_EXECUTION",
    rule: "fills since the operator last looked + 1 <= max_executions, or the order opens nothing",
    unit: "fills",
    key: "max_executions",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::one_more(i.strategy.limits.max_executions, i.strategy.executions)
}
