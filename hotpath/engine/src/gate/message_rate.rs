//! `MESSAGE_RATE`: orders use only their share of the venue's message budget; the rest is kept for
//! cancels.
use super::{Check, Inquiry, Measure, When};

pub(super) const CHECK: Check = Check {
    id: 55,
    code: "MESSAGE_RATE",
    rule: "the order fits into order_share_bp of message_burst at message_rate_per_s",
    unit: "messages in the bucket",
    key: "message_rate_per_s, message_burst, order_share_bp",
    when: When::Always,
    run,
};

#[inline]
pub(super) fn run(i: &Inquiry<'_>) -> Measure {
    let limits = &i.venue.limits;
    let fits = i.venue.messages.fits_within(i.now, i.venue.order_depth_ns);
    let share = limits.message_burst.saturating_mul(limits.order_share_bp) / 10_000;
    Measure::new(fits, share, i.venue.messages.used_after(i.now))
}
