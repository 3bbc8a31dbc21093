//! `MAX_OPEN_ORDERS`: working, in flight, pending and unknown orders of the instrument, this one
//! included.
use super::{Breach, Check, Inquiry};

pub(super) const CHECK: Check = Check {
    id: 15,
    code: "MAX_OPEN_ORDERS",
    rule: "orders not done + 1 <= max_open_orders",
    unit: "orders",
    key: "max_open_orders",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let limit = i64::from(i.limits?.max_open_orders);
    let open = i64::from(i.instrument?.reserved.orders).saturating_add(1);
    (open > limit).then_some(Breach::new(limit, open))
}
