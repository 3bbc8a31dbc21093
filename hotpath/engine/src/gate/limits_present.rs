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
    let epochs = [i.symbol.epoch, i.strategy.epoch, i.venue.epoch, i.firm.epoch];
    let missing = epochs.map(|epoch| i64::from(epoch == 0));
    let [symbol, strategy, venue, firm] = missing;
    let rows = symbol | (strategy << 1_u32) | (venue << 2_u32) | (firm << 3_u32);
    Measure::new(epochs.iter().all(|epoch| *epoch != 0), 0, rows)
}
