//! `MODE_NOT_LIVE`: LIVE lets orders through; REDUCING, and an instrument that advice made reduce-
//! only, lets through what cannot enlarge the position, working orders of the same side included;
//! every other mode lets nothing through.
use super::{Check, Inquiry, Measure, When};
use wire::station::Mode;

pub(super) const CHECK: Check = Check {
    id: 1,
    code: "MODE_NOT_LIVE",
    rule: "mode is LIVE, or REDUCING (or advised reduce-only) and the order opens nothing",
    unit: "lots that may still be reduced and lots asked for, or mode codes",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let mode = i.firm.mode;
    let opens_too = (mode == Mode::Live) & !i.symbol.reduce_only;
    let trades = (mode == Mode::Live) | (mode == Mode::Reducing);
    let good = opens_too | (trades & !i.opens);
    if opens_too {
        Measure::PASS
    } else if trades {
        Measure::new(good, i.reducible_lots, i.leaves_lots)
    } else {
        Measure::new(good, i64::from(Mode::Live.code()), i64::from(mode.code()))
    }
}
