//! `MAX_OPEN_ORDERS`: so many orders that are not done, of the instrument, the strategy, the venue
//! and the station. An amendment adds none.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 41,
    code: "MAX_OPEN_ORDERS",
    rule: "orders not done + 1 <= max_open_orders of instrument, strategy, venue and station",
    unit: "orders",
    key: "max_open_orders",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let is_one_more = i.amend.is_none();
    let with = |limit: i64, open: i64| {
        let more = Measure::one_more(limit, open);
        if is_one_more { more } else { Measure::at_most(limit, open) }
    };
    with(i.symbol.limits.max_open_orders, i.symbol.open_orders)
        .and(with(i.strategy.limits.max_open_orders, i.strategy.open_orders))
        .and(with(i.venue.limits.max_open_orders, i.venue.open_orders))
        .and(with(i.firm.limits.max_open_orders, i.firm.open_orders))
}
