//! `SIGNAL_MODEL`: the score is of the model that was pinned: the first that answered in the
//! session, or the one an operator named since.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 39,
    code: "SIGNAL_MODEL",
    rule: "the score's model is the pinned one, or the order opens nothing",
    unit: "model hash",
    key: "-",
    when: When::Scored,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let signal = &i.symbol.signal;
    let same = (signal.model_hash == signal.pinned_hash) & (signal.pinned_hash != 0);
    Measure::new(same, signal.pinned_hash.cast_signed(), signal.model_hash.cast_signed())
}
