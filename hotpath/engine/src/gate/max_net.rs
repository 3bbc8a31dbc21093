//! `MAX_NET`: the station's worst-case net exposure on the order's side.
use super::{Check, Inquiry, Measure, When};
use core::hint::select_unpredictable;
use wire::order::Side;

pub(super) const CHECK: Check = Check {
    id: 44,
    code: "MAX_NET",
    rule: "net exposure with every order of the side filled + this one <= max_net_e9, or the order opens nothing",
    unit: "1e-9 base currency",
    key: "max_net_e9",
    when: When::Opens,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let exposure = &i.firm.exposure;
    let is_buy = i.order.side == Side::Buy;
    let side = select_unpredictable(is_buy, exposure.up_e9, exposure.down_e9);
    Measure::sum_at_most(i.firm.limits.max_net_e9, side, i.added_base_e9)
}
