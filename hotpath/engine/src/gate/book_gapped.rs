//! `BOOK_GAPPED`: the book is whole: a snapshot came, nothing is missing since, both sides are
//! there.
use super::{Check, Inquiry, Measure, When};
use crate::risk::BookState;

pub(super) const CHECK: Check = Check {
    id: 34,
    code: "BOOK_GAPPED",
    rule: "the book is whole, with both sides",
    unit: "flag",
    key: "-",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    Measure::at_most(0, i64::from(i.symbol.book == BookState::Gapped))
}
