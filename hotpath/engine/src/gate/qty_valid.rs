//! `INVALID_QTY`: the quantity lies within the venue's own bounds for the instrument.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 5,
    code: "INVALID_QTY",
    rule: "min_qty_lots <= qty <= max_qty_lots of the instrument",
    unit: "lots",
    key: "-",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let row = &i.instrument?.row;
    let qty = i.order.qty_lots;
    if qty < row.min_qty_lots {
        return Some(Breach::new(row.min_qty_lots.get(), qty.get()));
    }
    (qty > row.max_qty_lots).then_some(Breach::new(row.max_qty_lots.get(), qty.get()))
}
