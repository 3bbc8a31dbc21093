//! The venue against independent oracles under random streams: a queue kept lot by lot, the closed
//! form of a single order, and the ledger of reports. None uses the venue's code.

use crate::ledger::Ledger;
use crate::lots::LotByLot;
use crate::stream::{
    Driver, Kind, STEP_NS, Step, aggressor, anything, depth, passive, side, traded,
};
use crate::support::*;
use corelane_venues::sim::{Latency, QueueModel, SimConfig};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use wire::market::AggressorSide;
use wire::order::{ExecType, ExecutionReport, Side, TimeInForce};

proptest! {
    #[test]
    fn passive_fills_equal_a_queue_kept_lot_by_lot(steps in passive()) {
        let mut driver = Driver::new(plain());
        let mut model = LotByLot::new();
        let mut filled = BTreeMap::new();
        let mut ends = Vec::new();
        for step in &steps {
            let target = if let Step::Cancel { nth } = step { driver.pick(*nth) } else { 0 };
            let answers = driver.step(step);
            maker_fills(&answers, &mut filled);
            match step {
                Step::Depth { bid, ask } => {
                    model.show(Side::Buy, *bid);
                    model.show(Side::Sell, *ask);
                }
                Step::Trade { price, qty, aggressor } => model.trade(*price, *qty, *aggressor),
                Step::Place { side, price, qty, kind } => {
                    let rests = model.place(driver.placed, *side, *price, *qty);
                    prop_assert_eq!(rests, answers[0].text().starts_with("new"));
                    if let Kind::PassiveGtd(steps) = kind {
                        ends.push((driver.now + steps * STEP_NS, driver.placed));
                    }
                }
                Step::Cancel { .. } => model.cancel(target),
                Step::Quote { .. } | Step::Gap | Step::Snapshot | Step::Replace { .. } => {}
            }
            // An order's last nanosecond is still its own.
            ends.iter().filter(|end| end.0 == driver.now).for_each(|end| model.cancel(end.1));
            prop_assert_eq!(&filled, &model.filled, "after {:?}", step);
        }
    }

    #[test]
    fn a_single_order_fills_by_the_closed_form(
        ahead in 0..40_i64,
        qty in 1..30_i64,
        trades in vec((98..=102_i64, 1..20_i64, aggressor()), 0..40),
    ) {
        let mut world = World::new(plain());
        world.feed(&snapshot(1, 1, [&[(100, ahead)], &[(200, 1)]]));
        world.order(limit(1, Side::Buy, 100, qty), 2);
        let mut filled = BTreeMap::new();
        for (i, (price, traded, aggressor)) in (3..).zip(&trades) {
            world.feed(&trade(i, *price, *traded, *aggressor));
        }
        world.advance(1_000);
        maker_fills(&world.answers(), &mut filled);
        // Before the first trade through: what traded at the price, less the queue. From then on
        // everything at or through it.
        let hits: Vec<(i64, i64)> = trades
            .iter()
            .filter(|(price, _, a)| *price <= 100 && *a != AggressorSide::Buy)
            .map(|(price, traded, _)| (*price, *traded))
            .collect();
        let first_through = hits.iter().position(|hit| hit.0 < 100).unwrap_or(hits.len());
        let (before, after) = hits.split_at(first_through);
        let sum = |part: &[(i64, i64)]| part.iter().map(|hit| hit.1).sum::<i64>();
        let expected = qty.min((sum(before) - ahead).max(0) + sum(after));
        prop_assert_eq!(filled.get(&1).copied().unwrap_or(0), expected);
    }

    /// A stop-limit fills as a limit order does that is sent right after the trade that sets the
    /// stop off; a day order as one that is good till cancel.
    #[test]
    fn a_stop_limit_fills_as_a_limit_order_sent_at_its_trigger(
        side in side(),
        (short, price, qty) in (0..4_i64, 98..=104_i64, 1..30_i64),
        before in vec(traded(), 0..20),
        after in vec(prop_oneof![depth(), traded()], 0..60),
        day in any::<bool>(),
    ) {
        let trigger = if side == Side::Buy { price - short } else { price + short };
        let crosses = |traded: i64| match side {
            Side::Buy => traded >= trigger,
            Side::Sell => traded <= trigger,
        };
        let mut stopped = Driver::new(plain());
        let mut limited = Driver::new(plain());
        let order = limit(1, side, price, qty);
        let order = if day { order.tif(TimeInForce::Day) } else { order };
        let placed = stopped.world.place(stop_limit(1, side, (trigger, price), qty), 1);
        prop_assert_eq!(placed, [format!("new 1 {qty}/0")]);
        let mut is_sent = false;
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for step in before.iter().chain(&after) {
            a.extend(stopped.step(step));
            b.extend(limited.step(step));
            if let Step::Trade { price, .. } = step && crosses(*price) && !is_sent {
                is_sent = true;
                limited.world.order(order, limited.now);
                limited.world.advance(limited.now);
                b.extend(limited.world.answers());
            }
        }
        let fills = |answers: &[Answer]| -> Vec<_> {
            let fills = answers.iter().filter_map(fill_of);
            let row = |r: ExecutionReport| (r.header.ts_event_ns, r.last_px_ticks, r.last_qty_lots);
            fills.map(row).collect()
        };
        prop_assert_eq!(fills(&a), fills(&b));
    }

    #[test]
    fn whatever_happens_every_report_adds_up(
        steps in anything(),
        model in prop_oneof![
            Just(QueueModel::RiskAverse),
            Just(QueueModel::Proportional),
            Just(QueueModel::Power { exponent: 3 })
        ],
        samples in prop_oneof![Just(vec![0]), vec(0..90_u64, 1..5)],
    ) {
        let config = SimConfig {
            queue_model: model,
            entry_latency: Latency::Samples(samples.clone()),
            response_latency: Latency::Samples(samples),
            ..plain()
        };
        let mut driver = Driver::new(config);
        let mut ledger = Ledger::default();
        for step in &steps {
            let answers = driver.step(step);
            if let Step::Trade { price, qty, aggressor } = step {
                ledger.trades.insert(driver.now, vec![(*price, *qty, *aggressor)]);
            }
            ledger.check_all(&answers);
        }
        driver.world.advance(1_000_000);
        ledger.check_all(&driver.world.answers());
        let working = ledger.orders.values().filter(|order| order.leaves > 0).count();
        prop_assert_eq!(working, driver.world.venue.open_orders());
    }

    #[test]
    fn displayed_liquidity_is_taken_once(steps in anything()) {
        let mut driver = Driver::new(plain());
        let mut shown = LotByLot::new().shown;
        let mut used: BTreeMap<(usize, i64), i64> = BTreeMap::new();
        for step in steps.iter().filter(|step| !matches!(step, Step::Quote { .. } | Step::Gap)) {
            let answers = driver.step(step);
            let before = shown.clone();
            match step {
                Step::Depth { bid, ask } => {
                    let mut model = LotByLot { shown, ..LotByLot::default() };
                    model.show(Side::Buy, *bid);
                    model.show(Side::Sell, *ask);
                    shown = model.shown;
                }
                Step::Snapshot => {
                    shown[0] = BTreeMap::from([(100, 10), (99, 20)]);
                    shown[1] = BTreeMap::from([(102, 10), (103, 20)]);
                }
                _ => {}
            }
            used.retain(|(side, price), _| before[*side].get(price) == shown[*side].get(price));
            for report in answers.iter().filter_map(fill_of).filter(|r| r.liquidity == b'2') {
                let book = usize::from(report.side == Side::Buy.code());
                let price = report.last_px_ticks.get();
                let taken = used.entry((book, price)).or_default();
                *taken += report.last_qty_lots.get();
                prop_assert!(Some(&*taken) <= shown[book].get(&price), "{}", report.last_px_ticks);
            }
        }
    }
}

pub(crate) fn maker_fills(answers: &[Answer], filled: &mut BTreeMap<u64, i64>) {
    for answer in answers {
        if let Answer::Report(report) = answer
            && report.liquidity == b'1'
        {
            *filled.entry(report.cl_ord_id.get()).or_default() += report.last_qty_lots.get();
        }
    }
}

fn fill_of(answer: &Answer) -> Option<ExecutionReport> {
    match answer {
        Answer::Report(report) if report.exec_type == ExecType::Trade.code() => Some(*report),
        _ => None,
    }
}
