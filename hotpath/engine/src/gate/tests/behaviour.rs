//! Checks 50 to 62: losses, rates and habits.

use super::*;
use crate::risk::DuplicateLog;

#[test]
fn the_days_loss_of_strategy_and_station_is_bounded() {
    passes(|r| r.strategy.pnl_e9 = -E9);
    denies("DAILY_LOSS", E9, E9 + 1, |r| r.strategy.pnl_e9 = -E9 - 1);
    passes(|r| r.firm.pnl_e9 = -3 * E9);
    denies("DAILY_LOSS", 3 * E9, 3 * E9 + 1, |r| r.firm.pnl_e9 = -3 * E9 - 1);
    fails(&["DAILY_LOSS", "MAX_DRAWDOWN"], |r| r.strategy.pnl_e9 = i64::MIN);
    passes(|r| (r.strategy.pnl_e9, r.firm.pnl_e9) = (i64::MAX, i64::MAX));
}

#[test]
fn the_fall_from_the_high_water_mark_is_bounded() {
    // Highest 5, of which 4 from earlier sessions; 1 lost today.
    let strategy = |high, carried, today| {
        move |r: &mut Rig| {
            let s = &mut r.strategy;
            (s.high_water_e9, s.carried_e9, s.pnl_e9) = (high, carried, today);
        }
    };
    passes(strategy(5 * E9, 4 * E9, -E9));
    denies("MAX_DRAWDOWN", 2 * E9, 2 * E9 + 1, strategy(5 * E9 + 1, 4 * E9, -E9));
    denies("MAX_DRAWDOWN", 2 * E9, 2 * E9 + 1, strategy(5 * E9, 4 * E9 - 1, -E9));
    let firm = |high, carried, today| {
        move |r: &mut Rig| {
            let s = &mut r.firm;
            (s.high_water_e9, s.carried_e9, s.pnl_e9) = (high, carried, today);
        }
    };
    passes(firm(7 * E9, 4 * E9, -E9));
    denies("MAX_DRAWDOWN", 4 * E9, 4 * E9 + 1, firm(7 * E9 + 1, 4 * E9, -E9));
    denies("MAX_DRAWDOWN", 4 * E9, 4 * E9 + 1, firm(7 * E9, 4 * E9, -E9 - 1));
}

#[test]
fn losing_round_trips_are_counted() {
    passes(|r| r.strategy.loss_streak = 3);
    denies("LOSS_STREAK", 3, 4, |r| r.strategy.loss_streak = 4);
}

#[test]
fn the_fall_within_a_minute_is_bounded() {
    passes(|r| r.strategy.minute_loss_e9 = E9 / 2);
    denies("PNL_VELOCITY", E9 / 2, E9 / 2 + 1, |r| r.strategy.minute_loss_e9 = E9 / 2 + 1);
    passes(|r| r.firm.minute_loss_e9 = E9);
    denies("PNL_VELOCITY", E9, E9 + 1, |r| r.firm.minute_loss_e9 = E9 + 1);
}

#[test]
fn orders_fit_into_three_buckets() {
    let buckets: [(fn(&mut Rig), i64, u64); 3] = [
        (|r| r.symbol.orders.take(TsNs(NOW)), 5, 100_000_000),
        (|r| r.strategy.orders.take(TsNs(NOW)), 8, 100_000_000),
        (|r| r.venue.orders.take(TsNs(NOW)), 16, 50_000_000),
    ];
    for (take, burst, one_ns) in buckets {
        let taken = |n: i64| {
            let mut rig = Rig::new();
            (0..n).for_each(|_| take(&mut rig));
            rig
        };
        taken(burst - 1).passes();
        let mut full = taken(burst);
        full.denies("ORDER_RATE", burst, burst + 1);
        // One comes back after one message's time, no sooner.
        let later = |r: &mut Rig, ns: u64| {
            r.now = NOW + ns;
            (r.symbol.last_market_ns, r.symbol.signal.requested_ns) = (r.now, r.now);
            (r.firm.checked_ns, r.symbol.fx_ns) = (r.now, r.now);
        };
        later(&mut full, one_ns - 1);
        full.denies("ORDER_RATE", burst, burst + 1);
        later(&mut full, one_ns);
        full.passes();
    }
}

#[test]
fn orders_leave_part_of_the_message_budget_to_cancels() {
    // Half of 100.
    let sent = |n: i64| move |r: &mut Rig| (0..n).for_each(|_| r.venue.messages.take(TsNs(NOW)));
    passes(sent(49));
    denies("MESSAGE_RATE", 50, 51, sent(50));
    let mut venue = VenueRisk::new(VenueId(3));
    assert_eq!((venue.order_depth_ns, venue.id), (0, VenueId(3)));
    venue.set_limits(VenueLimits { message_burst: 3, order_share_bp: 3_333, ..venue_limits() }, 9);
    // 30 ms of three messages, a third of it rounded down: less than one message.
    assert_eq!((venue.order_depth_ns, venue.epoch), (9_999_000, 9));
    assert!(venue.messages.fits(TsNs(NOW)));
    denies("MESSAGE_RATE", 0, 1, |r| {
        r.venue.order_depth_ns = venue.order_depth_ns;
        r.venue.limits = venue.limits;
    });
}

#[test]
fn messages_are_followed_by_trades() {
    let sent = |messages, fills| {
        move |r: &mut Rig| (r.strategy.messages, r.strategy.fills) = (messages, fills)
    };
    // Four for each fill, but not before the hundredth message.
    passes(sent(98, 0));
    denies("ORDER_TO_TRADE", 99, 100, sent(99, 0));
    passes(sent(98, 24));
    denies("ORDER_TO_TRADE", 99, 100, sent(99, 24));
    passes(sent(99, 25));
    denies("ORDER_TO_TRADE", 100, 101, sent(100, 25));
    passes(sent(399, 100));
    denies("ORDER_TO_TRADE", 400, 401, sent(400, 100));
    denies("ORDER_TO_TRADE", 99, i64::MAX, sent(i64::MAX, 1));
    // A ratio that alone is above a hundred counts without a fill.
    passes(|r| {
        sent(499, 0)(r);
        r.strategy.limits.max_order_to_trade = 500;
    });
    denies("ORDER_TO_TRADE", 500, 501, |r| {
        sent(500, 0)(r);
        r.strategy.limits.max_order_to_trade = 500;
    });
}

#[test]
fn equal_orders_in_a_short_time_are_too_many() {
    let before = |n: usize, at: u64| {
        move |r: &mut Rig| {
            let key = DuplicateLog::key(&r.order);
            (0..n).for_each(|_| r.symbol.duplicates.add(key, TsNs(at)));
        }
    };
    passes(before(1, NOW));
    denies("DUPLICATE_ORDER", 2, 3, before(2, NOW));
    denies("DUPLICATE_ORDER", 2, 3, before(2, NOW - 1_000));
    passes(before(2, NOW - 1_001));
    // The most a limit may allow is still told apart from one more.
    let most = |n: usize| {
        move |r: &mut Rig| {
            r.symbol.limits.max_duplicates = 8;
            before(n, NOW)(r);
        }
    };
    passes(most(7));
    denies("DUPLICATE_ORDER", 8, 9, most(8));
    // Whatever makes an order another one makes its key another one.
    let changes: [fn(&mut OrderRequest); 8] = [
        |o| o.strategy = StrategyId(4),
        |o| o.side = Side::Sell,
        |o| o.ord_type = OrdType::StopLimit,
        |o| o.time_in_force = TimeInForce::Gtc,
        |o| o.exec_inst = ExecInst::ReduceOnly,
        |o| o.price_ticks = PriceTicks(10_001),
        |o| o.stop_px_ticks = PriceTicks(10_050),
        |o| o.qty_lots = QtyLots(101),
    ];
    let key = DuplicateLog::key(&buy());
    for change in changes {
        let mut other = buy();
        change(&mut other);
        assert_ne!(DuplicateLog::key(&other), key, "{other:?}");
    }
    assert_eq!(DuplicateLog::key(&OrderRequest { parent_id: 9, link_id: 9, ..buy() }), key);
}

#[test]
fn an_order_does_not_meet_an_own_one() {
    let buy = |own| move |r: &mut Rig| r.symbol.own_ask_ticks = own;
    passes(buy(10_001));
    denies("SELF_TRADE", 10_000, 10_000, buy(10_000));
    denies("SELF_TRADE", 9_990, 10_000, buy(9_990));
    let sell = |own| {
        move |r: &mut Rig| {
            r.order.side = Side::Sell;
            r.symbol.own_bid_ticks = own;
        }
    };
    passes(sell(9_999));
    denies("SELF_TRADE", 10_000, 10_000, sell(10_000));
    denies("SELF_TRADE", 10_010, 10_000, sell(10_010));
    // Own orders of the same side are none of its business.
    passes(|r| r.symbol.own_bid_ticks = 10_000);
    passes(|r| {
        r.order.side = Side::Sell;
        r.symbol.own_ask_ticks = 10_000;
    });
    // A market order meets whatever is there, a stop and a stop-limit nothing yet.
    for (side, far) in [(Side::Buy, 11_000), (Side::Sell, 9_000)] {
        let typed = |ord_type, stop: i64, price: i64| {
            move |r: &mut Rig| {
                (r.order.side, r.order.ord_type) = (side, ord_type);
                (r.order.stop_px_ticks, r.order.price_ticks) =
                    (PriceTicks(stop), PriceTicks(price));
                (r.symbol.own_ask_ticks, r.symbol.own_bid_ticks) = (far, far);
            }
        };
        let undef = i64::MIN;
        denies("SELF_TRADE", far, undef, typed(OrdType::Market, undef, undef));
        passes(|r| {
            typed(OrdType::Market, undef, undef)(r);
            (r.symbol.own_ask_ticks, r.symbol.own_bid_ticks) = (undef, undef);
        });
        passes(typed(OrdType::Stop, far, undef));
        // Once triggered it would meet what still stands there; by then that has traded.
        passes(typed(OrdType::StopLimit, far, far));
    }
}

#[test]
fn a_person_looks_after_so_many_fills() {
    passes(|r| r.strategy.executions = 49);
    denies("REPEATED_EXECUTION", 50, 51, |r| r.strategy.executions = 50);
}

#[test]
fn lots_filled_within_the_window_are_bounded() {
    passes(|r| r.symbol.fills.add(TsNs(NOW), E9, 10_000));
    denies("FILL_RATE", 10_000, 10_001, |r| r.symbol.fills.add(TsNs(NOW), E9, 10_001));
    passes(|r| {
        r.symbol.fills.add(TsNs(NOW), E9, 10_001);
        r.symbol.fills.advance(TsNs(NOW + 2 * E9.cast_unsigned()), E9);
    });
}

#[test]
fn denials_and_rejects_in_a_row_are_bounded() {
    passes(|r| r.strategy.rejects = 5);
    denies("CONSECUTIVE_REJECTS", 5, 6, |r| r.strategy.rejects = 6);
}

#[test]
fn the_days_orders_and_turnover_are_bounded() {
    let counts: [(fn(&mut Rig, i64), i64, i64); 4] = [
        (|r, n| r.strategy.orders_today = n, 1_000, 1),
        (|r, n| r.firm.orders_today = n, 5_000, 1),
        (|r, n| r.strategy.turnover_e9 = n, 500 * E9, 10 * E9),
        (|r, n| r.firm.turnover_e9 = n, 900 * E9, 10 * E9),
    ];
    for (set, limit, more) in counts {
        passes(|r| set(r, limit - more));
        denies("DAILY_ACTIVITY", limit, limit + 1, |r| set(r, limit - more + 1));
        denies("DAILY_ACTIVITY", limit, i64::MAX, |r| set(r, i64::MAX));
    }
    // Turnover in base currency.
    let mut rig = Rig::new();
    rig.symbol.fx = FxRate::from_e9(2 * E9).expect("positive");
    rig.strategy.turnover_e9 = 480 * E9;
    rig.passes();
    rig.strategy.turnover_e9 += 1;
    rig.denies("DAILY_ACTIVITY", 500 * E9, 500 * E9 + 1);
}
