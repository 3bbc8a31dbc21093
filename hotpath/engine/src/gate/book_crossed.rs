//! `BOOK_CROSSED`: the best bid is below the best ask.
use super::{Check, Inquiry, Measure, When};
use crate::risk::BookState;

pub(super) const CHECK: Check = Check {
    id: 33,
    code: "BOOK_CROSSED",
    rule: "best bid < best ask",
    unit: "ticks",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let s = i.symbol;
    Measure::new(s.book != BookState::Crossed, s.ask_ticks, s.bid_ticks)
}
