//! Random streams of market frames and requests, and the driver that plays one to a venue.
//! Holds no rule of the venue.

use crate::support::*;
use corelane_venues::sim::SimConfig;
use proptest::collection::vec;
use proptest::prelude::*;
use wire::market::AggressorSide;
use wire::order::{ExecType, Side, TimeInForce};

pub(crate) const PRICES: std::ops::RangeInclusive<i64> = 97..=103;

/// One step of a random stream; the step's number is its time.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Depth { bid: Option<(i64, i64)>, ask: Option<(i64, i64)> },
    Quote { bid: (i64, i64), ask: (i64, i64), lag: u64 },
    Trade { price: i64, qty: i64, aggressor: AggressorSide },
    Gap,
    Snapshot,
    Place { side: Side, price: i64, qty: i64, kind: Kind },
    Cancel { nth: usize },
    Replace { nth: usize, price: i64, qty: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    PostOnly,
    Limit,
    Ioc,
    Fok,
    Market,
    Day,
    /// Ends after this many steps.
    Gtd(u64),
    /// The price is the trigger.
    Stop,
    /// The price is the limit; the trigger lies this many ticks short of it, for the side.
    StopLimit(i64),
    ReduceOnly,
    /// Post-only that ends after this many steps.
    PassiveGtd(u64),
}

/// Nanoseconds from step to step.
pub(crate) const STEP_NS: u64 = 10;

pub(crate) fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

pub(crate) fn aggressor() -> impl Strategy<Value = AggressorSide> {
    prop_oneof![
        4 => Just(AggressorSide::Buy),
        4 => Just(AggressorSide::Sell),
        1 => Just(AggressorSide::Unknown)
    ]
}

pub(crate) fn depth() -> impl Strategy<Value = Step> {
    let level = |prices| proptest::option::of((prices, prop_oneof![1 => Just(0), 4 => 1..30_i64]));
    (level(97..=100_i64), level(101..=104_i64)).prop_map(|(bid, ask)| Step::Depth { bid, ask })
}

pub(crate) fn traded() -> impl Strategy<Value = Step> {
    (PRICES, 1..25_i64, aggressor()).prop_map(|(price, qty, aggressor)| Step::Trade {
        price,
        qty,
        aggressor,
    })
}

pub(crate) fn place(kind: impl Strategy<Value = Kind>) -> impl Strategy<Value = Step> {
    (side(), PRICES, 1..12_i64, kind).prop_map(|(side, price, qty, kind)| Step::Place {
        side,
        price,
        qty,
        kind,
    })
}

/// Passive orders only: what the lot-by-lot queue can follow.
pub(crate) fn passive() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => depth(),
        5 => traded(),
        2 => place(prop_oneof![Just(Kind::PostOnly), (1..20_u64).prop_map(Kind::PassiveGtd)]),
        1 => (0..8_usize).prop_map(|nth| Step::Cancel { nth }),
    ];
    vec(step, 1..120)
}

/// Everything.
pub(crate) fn anything() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        Just(Kind::PostOnly),
        Just(Kind::Limit),
        Just(Kind::Ioc),
        Just(Kind::Fok),
        Just(Kind::Market),
        Just(Kind::Day),
        (1..9_u64).prop_map(Kind::Gtd),
        Just(Kind::Stop),
        (-2..3_i64).prop_map(Kind::StopLimit),
        Just(Kind::ReduceOnly)
    ];
    let quote = ((97..=100_i64, 0..9_i64), (101..=104_i64, 0..9_i64), 0..3_u64)
        .prop_map(|(bid, ask, lag)| Step::Quote { bid, ask, lag });
    let replace = (0..8_usize, PRICES, 1..15_i64).prop_map(|(nth, price, qty)| Step::Replace {
        nth,
        price,
        qty,
    });
    let step = prop_oneof![
        6 => depth(),
        4 => quote,
        8 => traded(),
        8 => place(kind),
        2 => replace,
        2 => (0..8_usize).prop_map(|nth| Step::Cancel { nth }),
        1 => Just(Step::Gap),
        2 => Just(Step::Snapshot),
    ];
    vec(step, 1..120)
}

/// The frames of a stream fed to one venue; ids of orders count from 1, of requests from 1,000.
pub(crate) struct Driver {
    pub(crate) world: World,
    pub(crate) now: u64,
    pub(crate) placed: u64,
    asked: u64,
    /// The id each placed order has now, as the client believes.
    ids: Vec<u64>,
    reduce_only: Vec<bool>,
}

impl Driver {
    pub(crate) fn new(config: SimConfig) -> Self {
        Self {
            world: World::open(config),
            now: 1,
            placed: 0,
            asked: 1_000,
            ids: Vec::new(),
            reduce_only: Vec::new(),
        }
    }

    pub(crate) fn pick(&self, nth: usize) -> u64 {
        self.ids.len().checked_sub(1 + nth).map_or(999, |at| self.ids[at])
    }

    /// Whether the order that goes by this id now was placed as reduce-only.
    pub(crate) fn is_reduce_only(&self, id: u64) -> bool {
        self.ids.iter().zip(&self.reduce_only).any(|(now, is)| *now == id && *is)
    }

    /// Plays one step at the next nanosecond, times 10, and returns what came back.
    pub(crate) fn step(&mut self, step: &Step) -> Vec<Answer> {
        self.now += STEP_NS;
        let (now, update) = (self.now, self.now + 20);
        let levels = |level: &Option<(i64, i64)>| level.iter().copied().collect::<Vec<_>>();
        match step {
            Step::Depth { bid, ask } => {
                self.world.feed(&delta(now, update, [&levels(bid), &levels(ask)]));
            }
            Step::Quote { bid, ask, lag } => {
                self.world.feed(&quote(now, update - lag * 10, *bid, *ask));
            }
            Step::Trade { price, qty, aggressor } => {
                self.world.feed(&trade(now, *price, *qty, *aggressor));
            }
            Step::Gap => self.world.feed(&gap(now)),
            Step::Snapshot => {
                let sides: [&[(i64, i64)]; 2] = [&[(100, 10), (99, 20)], &[(102, 10), (103, 20)]];
                self.world.feed(&snapshot(now, update, sides));
            }
            Step::Place { side, price, qty, kind } => {
                self.placed += 1;
                self.ids.push(self.placed);
                self.reduce_only.push(*kind == Kind::ReduceOnly);
                self.world.order(spec(self.placed, *side, (*price, *qty), *kind, now), now);
            }
            Step::Cancel { nth } => {
                self.asked += 1;
                let request = cancel(self.asked, self.pick(*nth));
                self.world.send(&request, now);
            }
            Step::Replace { nth, price, qty } => {
                self.asked += 1;
                let request = replace(self.asked, self.pick(*nth), *price, *qty);
                self.world.send(&request, now);
            }
        }
        self.world.advance(now);
        let answers = self.world.answers();
        self.follow(&answers);
        answers
    }

    /// A replaced order goes by its new id.
    pub(crate) fn follow(&mut self, answers: &[Answer]) {
        for answer in answers {
            if let Answer::Report(report) = answer
                && report.exec_type == ExecType::Replaced.code()
            {
                let old = report.orig_cl_ord_id.get();
                // A report said twice finds no order by the old id any more.
                if let Some(known) = self.ids.iter_mut().find(|id| **id == old) {
                    *known = report.cl_ord_id.get();
                }
            }
        }
    }
}

pub(crate) fn spec(id: u64, side: Side, (price, qty): (i64, i64), kind: Kind, now: u64) -> Spec {
    match kind {
        Kind::PostOnly => limit(id, side, price, qty).post_only(),
        Kind::Limit => limit(id, side, price, qty),
        Kind::Ioc => limit(id, side, price, qty).tif(TimeInForce::Ioc),
        Kind::Fok => limit(id, side, price, qty).tif(TimeInForce::Fok),
        Kind::Market => market(id, side, qty),
        Kind::Day => limit(id, side, price, qty).tif(TimeInForce::Day),
        Kind::Gtd(steps) => limit(id, side, price, qty).gtd(now + steps * STEP_NS),
        Kind::Stop => stop(id, side, price, qty),
        Kind::StopLimit(short) => {
            let trigger = if side == Side::Buy { price - short } else { price + short };
            stop_limit(id, side, (trigger, price), qty)
        }
        Kind::ReduceOnly => limit(id, side, price, qty).reduce_only(),
        Kind::PassiveGtd(steps) => {
            limit(id, side, price, qty).gtd(now + steps * STEP_NS).post_only()
        }
    }
}
