//! `SHORT_SALE`: a sale beyond what is owned is covered by a locate where one is due; a missing
//! locate denies.
use super::{Check, Inquiry, Measure, When};
use wire::order::Side;

pub(super) const CHECK: Check = Check {
    id: 21,
    code: "SHORT_SALE",
    rule: "lots short with every sell filled <= lots located, where a locate is due",
    unit: "lots",
    key: "symbol.locate",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let s = i.symbol;
    let short = i.reach_lots.max(0);
    let applies = (i.order.side == Side::Sell) & s.rules.locate_due;
    Measure::at_most(s.locate_lots.max(0), short).only_if(applies)
}
