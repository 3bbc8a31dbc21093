//! A checker that sees only what a client sees: reports against each other, and passive fills
//! against the trades that were fed. Shares no code with the venue.

use crate::support::*;
use std::collections::{BTreeMap, BTreeSet};
use wire::ClOrdId;
use wire::market::AggressorSide;
use wire::order::{ExecType, ExecutionReport, OrdStatus, Side};

/// What a client can know of one order.
#[derive(Debug)]
pub(crate) struct Known {
    side: u8,
    pub(crate) leaves: i64,
    cum: i64,
    done: bool,
}

/// Price, quantity, aggressor.
pub(crate) type TradeRow = (i64, i64, AggressorSide);

/// Checks reports against each other and against the trades that were fed.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By time (in nearly all recorded cases one trade): price, quantity, aggressor.
    pub(crate) trades: BTreeMap<u64, Vec<TradeRow>>,
    pub(crate) orders: BTreeMap<u64, Known>,
    exec_ids: BTreeSet<u64>,
    given: BTreeMap<u64, i64>,
    last_delivery: u64,
}

impl Ledger {
    pub(crate) fn check_all(&mut self, answers: &[Answer]) {
        for answer in answers {
            self.check(answer);
        }
    }

    fn check(&mut self, answer: &Answer) {
        let header = answer.header();
        assert!(header.ts_recv_ns.get() >= self.last_delivery, "delivered in order");
        assert!(header.ts_recv_ns >= header.ts_event_ns);
        self.last_delivery = header.ts_recv_ns.get();
        let Answer::Report(r) = answer else { return };
        assert!(self.exec_ids.insert(r.exec_id), "exec id used twice");
        let exec_type = ExecType::from_code(r.exec_type).expect("known");
        if exec_type == ExecType::Rejected {
            return;
        }
        if exec_type == ExecType::New {
            let leaves = r.leaves_qty_lots.get();
            let known = Known { side: r.side, leaves, cum: 0, done: false };
            assert!(self.orders.insert(r.order_id, known).is_none(), "order id used twice");
            return;
        }
        let known = self.orders.get_mut(&r.order_id).expect("an order it accepted");
        assert!(!known.done, "a report for a finished order");
        let (leaves, cum) = (r.leaves_qty_lots.get(), r.cum_qty_lots.get());
        match exec_type {
            ExecType::Trade => {
                let last = r.last_qty_lots.get();
                assert!(last > 0);
                assert_eq!((leaves, cum), (known.leaves - last, known.cum + last));
                known.done = leaves == 0;
                let filled = r.ord_status == OrdStatus::Filled.code();
                assert_eq!(filled, leaves == 0);
                if r.liquidity == b'1' {
                    Self::check_maker_of(&self.trades, &mut self.given, r);
                }
            }
            ExecType::Replaced => assert!(cum == known.cum && leaves > 0),
            ExecType::Canceled | ExecType::Expired => {
                assert_eq!((leaves, cum), (0, known.cum));
                known.done = true;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(r.side, known.side);
        (known.leaves, known.cum) = (leaves, cum);
    }

    /// A passive fill has a trade at its venue time, at or through its price, that hits its side;
    /// all passive fills of that moment together are no more than its trades.
    fn check_maker_of(
        trades: &BTreeMap<u64, Vec<TradeRow>>,
        given: &mut BTreeMap<u64, i64>,
        r: &ExecutionReport,
    ) {
        let time = r.header.ts_event_ns.get();
        let rows = trades.get(&time).expect("a trade at the fill's time");
        let limit = r.last_px_ticks.get();
        let hits = |(price, _, aggressor): &TradeRow| {
            if r.side == Side::Buy.code() {
                *price <= limit && *aggressor != AggressorSide::Buy
            } else {
                *price >= limit && *aggressor != AggressorSide::Sell
            }
        };
        assert!(rows.iter().any(hits), "{r:?} without a trade at or through it: {rows:?}");
        let sum = given.entry(time).or_default();
        *sum += r.last_qty_lots.get();
        let total: i64 = rows.iter().map(|row| row.1).sum();
        assert!(*sum <= total, "{sum} lots given of {total} traded");
    }

    /// As for reports, for a fill of the venue's own books.
    pub(crate) fn check_maker(&mut self, fill: &ExecutionReport) {
        Self::check_maker_of(&self.trades, &mut self.given, fill);
    }

    pub(crate) fn passive_lots(&self) -> i64 {
        self.given.values().sum()
    }
}

#[test]
fn the_checkers_see_what_they_are_there_for() {
    let mut world = World::open(plain());
    world.order(limit(1, Side::Buy, 101, 5), 2);
    world.feed(&trade(3, 101, 5, AggressorSide::Sell));
    world.advance(3);
    let answers = world.answers();
    let caught = |planted: (u64, TradeRow)| {
        let answers = answers.clone();
        std::panic::catch_unwind(move || {
            let trades = BTreeMap::from([(planted.0, vec![planted.1])]);
            let mut ledger = Ledger { trades, ..Ledger::default() };
            ledger.check_all(&answers);
        })
        .is_err()
    };
    assert!(!caught((3, (101, 5, AggressorSide::Sell))));
    assert!(caught((4, (101, 5, AggressorSide::Sell))), "no trade at that time");
    assert!(caught((3, (102, 5, AggressorSide::Sell))), "a trade beyond the limit");
    assert!(caught((3, (101, 4, AggressorSide::Sell))), "more than was traded");
    assert!(caught((3, (101, 5, AggressorSide::Buy))), "the wrong aggressor");
    assert_eq!(world.venue.queue_ahead(ClOrdId(1)), None);
}
