//! `SHORT_SALE`: a sale beyond what is owned is covered by a locate where one is due; a missing
//! locate denies.
use super::{Check, Inquiry, Measure};
use wire::order::Side;

pub(super) const CHECK: Check = Check {
    id: 21,
    code: "SHORT_SALE",
    rule: "lots short with every sell filled <= lots located, where a locate is due",
    unit: "lots",
    key: "symbol.locate",
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let s = i.symbol;
    let (sells, is_cut) = s.sell_lots.overflowing_add(i.added_lots);
    let (short, is_cut_too) = sells.overflowing_sub(s.position_lots);
    let short = if is_cut | is_cut_too { i64::MAX } else { short.max(0) };
    let applies = (i.order.side == Side::Sell) & s.rules.locate_due;
    Measure::at_most(s.locate_lots.max(0), short).only_if(applies)
}
