//! `INVALID_PRICE`: a limit price is there and positive. Prices are whole ticks by type, so a price
//! off the tick cannot be expressed.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 6,
    code: "INVALID_PRICE",
    rule: "the price is defined and above 0",
    unit: "ticks",
    key: "-",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let price = i.order.price_ticks.get();
    (price <= 0).then_some(Breach::new(1, price))
}
