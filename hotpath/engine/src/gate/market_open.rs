//! `MARKET_NOT_OPEN`: continuous trading and a usable book. An unknown status counts as halted; a
//! book between a gap and the next snapshot is not usable.
use super::{Breach, Check, Inquiry};
use wire::market::TradingStatus;

pub(super) const CHECK: Check = Check {
    id: 8,
    code: "MARKET_NOT_OPEN",
    rule: "status is trading, the book is whole and not crossed",
    unit: "status code, 0 for an unusable book",
    key: "-",
    run,
};

fn run(i: &Inquiry<'_>) -> Option<Breach> {
    let state = i.instrument?;
    let open = i64::from(TradingStatus::Trading.code());
    if state.status != TradingStatus::Trading {
        return Some(Breach::new(open, i64::from(state.status.code())));
    }
    let sound = state.touch().and_then(|t| t.spread_ticks()).is_some_and(|s| s > 0);
    (!sound).then_some(Breach::new(open, 0))
}
