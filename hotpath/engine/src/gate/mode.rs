//! `MODE_NOT_LIVE`: LIVE lets orders through; REDUCING only those that cannot enlarge the position,
//! working orders of the same side included; every other mode none.
use super::{Breach, Check, Inquiry};
use wire::station::Mode;

pub(super) const CHECK: Check = Check {
    id: 1,
    code: "MODE_NOT_LIVE",
    rule: "mode is LIVE, or REDUCING and position less working reducers covers the order",
    unit: "mode code, or lots that may still be reduced",
    key: "-",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    match i.mode {
        Mode::Live => None,
        Mode::Reducing => {
            (!i.reduces()).then(|| Breach::new(i.reducible_lots(), i.order.qty_lots.get()))
        }
        Mode::Boot | Mode::Reconcile | Mode::Maintenance | Mode::Draining | Mode::Halted => {
            Some(Breach::new(i64::from(Mode::Live.code()), i64::from(i.mode.code())))
        }
    }
}
