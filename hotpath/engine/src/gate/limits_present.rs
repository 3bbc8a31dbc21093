//! `LIMITS_MISSING`: an order needs a row of the instrument (1), the strategy (2), the venue (4)
//! and the station (8). There is no default row and no bypass.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 6,
    code: "LIMITS_MISSING",
    rule: "there is a row for instrument, strategy, venue and station",
    unit: "rows missing: 1 instrument, 2 strategy, 4 venue, 8 station",
    key: "the rows themselves",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let missing = i64::from(i.symbol.epoch == 0)
        | (i64::from(i.strategy.epoch == 0) << 1_u32)
        | (i64::from(i.venue.epoch == 0) << 2_u32)
        | (i64::from(i.firm.epoch == 0) << 3_u32);
    Measure::at_most(0, missing)
}
