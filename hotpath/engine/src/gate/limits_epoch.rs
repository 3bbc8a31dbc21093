//! `LIMITS_EPOCH`: every row is of the epoch that runs: half a limits file is no limits file.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 7,
    code: "LIMITS_EPOCH",
    rule: "every row is of the running epoch",
    unit: "epoch",
    key: "epoch",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let running = i.firm.epoch;
    let (symbol, strategy, venue) = (i.symbol.epoch, i.strategy.epoch, i.venue.epoch);
    let good = (symbol == running) & (strategy == running) & (venue == running);
    let odd = [symbol, strategy, venue].into_iter().find(|epoch| *epoch != running);
    let number = |epoch: u64| i64::try_from(epoch).unwrap_or(i64::MAX);
    Measure::new(good, number(running), number(odd.unwrap_or(running)))
}
