//! `MODE_NOT_LIVE`: LIVE lets orders through; REDUCING, and an instrument that advice made reduce-
//! only, lets through what cannot enlarge the position, working orders of the same side included;
//! every other mode lets nothing through.
use super::{Check, Inquiry, Measure};
use wire::station::Mode;

pub(super) const CHECK: Check = Check {
    id: 1,
    code: "MODE_NOT_LIVE",
    rule: "mode is LIVE, or REDUCING (or advised reduce-only) and the order opens nothing",
    unit: "lots that may still be reduced and lots asked for, or mode codes",
    key: "-",
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let reducing = Measure::new(!i.opens, i.reducible_lots, i.leaves_lots);
    match i.firm.mode {
        Mode::Live if i.symbol.reduce_only => reducing,
        Mode::Live => Measure::PASS,
        Mode::Reducing => reducing,
        Mode::Boot | Mode::Reconcile | Mode::Maintenance | Mode::Draining | Mode::Halted => {
            Measure::new(false, i64::from(Mode::Live.code()), i64::from(i.firm.mode.code()))
        }
    }
}
