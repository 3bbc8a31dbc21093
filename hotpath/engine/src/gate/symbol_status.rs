//! `SYMBOL_STATUS`: the venue says that the instrument trades. An auction, a halt, a close and an
//! unknown status do not.
use super::{Check, Inquiry, Measure, When};
use wire::market::TradingStatus;

pub(super) const CHECK: Check = Check {
    id: 19,
    code: "SYMBOL_STATUS",
    rule: "status is trading",
    unit: "status code",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let trading = i.symbol.status == TradingStatus::Trading;
    let wanted = i64::from(TradingStatus::Trading.code());
    Measure::new(trading, wanted, i64::from(i.symbol.status.code()))
}
