//! What a seed's world is like: how large, how fast, which faults it has and how often. Drawn once;
//! the same seed is the same world.

use super::cover::{Cover, Fault};
use super::dice::Dice;
use engine::Patience;
use std::fmt;

const MS: u64 = 1_000_000;

/// The shape of a world.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The seed.
    pub(crate) seed: u64,
    /// Things that happen before the faults end.
    pub(crate) events: u64,
    /// Instruments.
    pub(crate) instruments: usize,
    /// Venues.
    pub(crate) venues: usize,
    /// Strategies.
    pub(crate) strategies: usize,
    /// Mean time between two things that happen, nanoseconds.
    pub(crate) gap_ns: u64,
    /// Mean time a message takes to a venue or back, nanoseconds.
    pub(crate) latency_ns: u64,
    /// How long the engine waits.
    pub(crate) patience: Patience,
    /// Wishes of a strategy in a thousand events.
    pub(crate) wishes: u64,
    /// Wishes in a thousand that are nonsense.
    pub(crate) nonsense: u64,
    /// Whether the second strategy trades on scores.
    pub(crate) uses_signal: bool,
    /// Limits that are tightened, of a hundred.
    pub(crate) tight_percent: u64,
    /// Whether a venue counts its executions by instrument.
    pub(crate) execs_by_instrument: bool,
    /// Slots of the order table.
    pub(crate) order_capacity: usize,
    /// Rates of the faults, of a million chances.
    rates: [u32; Fault::COUNT],
}

impl Plan {
    /// The world of a seed.
    pub(crate) fn of(seed: u64, events: u64) -> Self {
        let mut dice = Dice::of(seed, 1);
        let latency_ns = dice.pick(&[MS / 5, 2 * MS, 20 * MS, 100 * MS]).unwrap_or(MS);
        let patience = Patience {
            ack_ns: 6 * latency_ns + dice.span(50, 2_000) * MS,
            status_ns: 6 * latency_ns + dice.span(100, 5_000) * MS,
            reconcile_ns: dice.span(500, 30_000) * MS,
            kill_ns: 6 * latency_ns + dice.span(100, 5_000) * MS,
            // Beyond every stall of the edge: only a wrong count is to trip the rule.
            wire_ns: 600_000 * MS,
        };
        let mut rates = [0; Fault::COUNT];
        // A third of the worlds are calm, a third have few faults, a third many.
        let share = dice.pick(&[8, 30, 70]).unwrap_or(30);
        for fault in Fault::ALL {
            let weight = dice.pick(&[2_u64, 5, 10, 10, 20, 40]).unwrap_or(10);
            if dice.below(100) < share {
                let rate = u64::from(fault.rate()) * weight / 10;
                rates[*fault as usize] = u32::try_from(rate).unwrap_or(u32::MAX);
            }
        }
        Self {
            seed,
            events,
            instruments: dice.pick(&[1, 1, 2, 2, 3]).unwrap_or(1),
            venues: dice.pick(&[1, 1, 2]).unwrap_or(1),
            strategies: dice.pick(&[1, 2, 3, 4]).unwrap_or(2),
            gap_ns: dice.pick(&[MS / 2, 2 * MS, 8 * MS, 30 * MS]).unwrap_or(MS),
            latency_ns,
            patience,
            wishes: dice.pick(&[20, 60, 150]).unwrap_or(60),
            nonsense: dice.pick(&[0, 30, 200]).unwrap_or(30),
            uses_signal: dice.one_in(2),
            tight_percent: dice.pick(&[0, 10, 30, 60]).unwrap_or(10),
            execs_by_instrument: dice.one_in(3),
            order_capacity: dice.pick(&[32, 64, 256]).unwrap_or(64),
            rates,
        }
    }

    /// Which faults the world has, by name.
    pub(crate) fn faults(&self) -> Vec<&'static str> {
        let has = |fault: &&Fault| self.rates[**fault as usize] > 0;
        Fault::ALL.iter().filter(has).map(|fault| fault.text()).collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed={} events={} instruments={} venues={} strategies={} gap_us={} latency_us={} \
             wishes={} nonsense={} signal={} tight={}%",
            self.seed,
            self.events,
            self.instruments,
            self.venues,
            self.strategies,
            self.gap_ns / 1000,
            self.latency_ns / 1000,
            self.wishes,
            self.nonsense,
            self.uses_signal,
            self.tight_percent,
        )
    }
}

/// Draws the faults, and counts those that strike.
#[derive(Debug)]
pub(crate) struct Faults {
    rates: [u32; Fault::COUNT],
    dice: Dice,
    /// Whether nothing goes wrong any more.
    pub(crate) healed: bool,
    /// What was seen, faults and all else.
    pub(crate) cover: Cover,
}

impl Faults {
    pub(crate) fn of(plan: &Plan) -> Self {
        let dice = Dice::of(plan.seed, 2);
        Self { rates: plan.rates, dice, healed: false, cover: Cover::default() }
    }

    /// Whether a fault strikes that now could. Ask only where it would make a difference.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        let rate = u64::from(self.rates[fault as usize]);
        let strikes = !self.healed && self.dice.per_million(rate);
        if strikes {
            self.cover.fault(fault);
        }
        strikes
    }
}
