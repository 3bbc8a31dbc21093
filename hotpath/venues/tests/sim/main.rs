//! The simulated venue against its stated rules: hand-computed scenarios, an independent oracle
//! under random streams, and a recorded day. Must never: use the venue's own arithmetic to say
//! what is right. Test process; may allocate.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test panics on what it does not expect")]

mod entry;
mod faults;
mod fifo;
mod fills;
mod forgetting;
mod ledger;
mod lots;
mod oracle;
mod recorded;
mod status;
mod stream;
mod support;
mod throttle;
mod timing;
mod truth;
mod types;
