//! What the engine counts for show: read by the station, part of no decision but for one
//! ([`Counters::advice_refused`]: how often a flood of refused advice is told), and of no hash but for
//! that one. A saved state holds all of it.

use crate::gate;
use crate::hash::StateHasher;
use crate::state::{StateError, StateReader};

/// What the engine has counted since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Inputs taken, timers included.
    pub inputs: u64,
    /// Outputs given.
    pub outputs: u64,
    /// Market events among the inputs.
    pub market_events: u64,
    /// New orders approved and sent.
    pub orders: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Orders denied, by primary check.
    pub denied: [u64; gate::CHECKS.len()],
    /// Fills booked.
    pub fills: u64,
    /// Orders the venue rejected.
    pub rejects: u64,
    /// Signal requests made.
    pub signal_requests: u64,
    /// Usable answers taken.
    pub signal_answers: u64,
    /// Answers older than their time to live, or overtaken by a newer one.
    pub signal_stale: u64,
    /// Answers without a score, or for no known request.
    pub signal_unusable: u64,
    /// Reports for an order or execution already dealt with.
    pub late_reports: u64,
    /// Reports that contradict what we hold, or name no order of ours.
    pub anomalies: u64,
    /// Inputs a live engine has no use for: frames of other kinds, instruments not in the table.
    pub ignored: u64,
    /// Control commands refused in the present mode.
    pub refused_commands: u64,
    /// Amendments sent.
    pub replaces: u64,
    /// Wishes of strategies dropped because a kill switch over them is latched.
    pub suppressed: u64,
    /// Alarms raised.
    pub alarms: u64,
    /// Times a rule of the engine stopped the station.
    pub rule_kills: u64,
    /// Comparisons with a venue that ended clean.
    pub reconciled: u64,
    /// Advice taken.
    pub advice_taken: u64,
    /// Advice refused.
    pub advice_refused: u64,
    /// Limit changes taken, each value of a limits file counted.
    pub limit_changes: u64,
}

impl Counters {
    pub(super) const ZERO: Self = Self {
        inputs: 0,
        outputs: 0,
        market_events: 0,
        orders: 0,
        cancels: 0,
        denied: [0; gate::CHECKS.len()],
        fills: 0,
        rejects: 0,
        signal_requests: 0,
        signal_answers: 0,
        signal_stale: 0,
        signal_unusable: 0,
        late_reports: 0,
        anomalies: 0,
        ignored: 0,
        refused_commands: 0,
        replaces: 0,
        suppressed: 0,
        alarms: 0,
        rule_kills: 0,
        reconciled: 0,
        advice_taken: 0,
        advice_refused: 0,
        limit_changes: 0,
    };

    pub(super) fn hash_into(&self, h: &mut StateHasher) {
        h.u64(self.advice_refused);
        let mut all = *self;
        for count in all.shown().into_iter().flatten() {
            h.note(*count);
        }
    }

    pub(super) fn load_from(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.advice_refused = from.counter()?;
        for count in self.shown().into_iter().flatten() {
            *count = from.counter()?;
        }
        Ok(())
    }

    /// Every count but the one that is hashed. Named one by one, so that none is forgotten.
    fn shown(&mut self) -> [&mut [u64]; 23] {
        let Self {
            inputs,
            outputs,
            market_events,
            orders,
            cancels,
            denied,
            fills,
            rejects,
            signal_requests,
            signal_answers,
            signal_stale,
            signal_unusable,
            late_reports,
            anomalies,
            ignored,
            refused_commands,
            replaces,
            suppressed,
            alarms,
            rule_kills,
            reconciled,
            advice_taken,
            limit_changes,
            advice_refused: _,
        } = self;
        let one = core::slice::from_mut;
        [
            one(inputs),
            one(outputs),
            one(market_events),
            one(orders),
            one(cancels),
            denied,
            one(fills),
            one(rejects),
            one(signal_requests),
            one(signal_answers),
            one(signal_stale),
            one(signal_unusable),
            one(late_reports),
            one(anomalies),
            one(ignored),
            one(refused_commands),
            one(replaces),
            one(suppressed),
            one(alarms),
            one(rule_kills),
            one(reconciled),
            one(advice_taken),
            one(limit_changes),
        ]
    }

    /// Orders denied, all checks together.
    #[must_use]
    pub fn denied_total(&self) -> u64 {
        self.denied.iter().sum()
    }
}
