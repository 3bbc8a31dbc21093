//! Checks 12 to 22: an order the venue would take.

use super::*;
use wire::market::TradingStatus;

fn quantity(lots: i64) -> impl Fn(&mut Rig) {
    move |r| {
        r.symbol.limits.max_order_qty_lots = 1_000_000;
        r.symbol.limits.max_order_notional_e9 = i64::MAX;
        r.order.qty_lots = QtyLots(lots);
        r.symbol.min_notional_e9 = i64::MIN;
    }
}

/// Wide of every check of size, so that quantity alone decides.
fn wide(r: &mut Rig) {
    let limits = &mut r.symbol.limits;
    (limits.max_order_qty_lots, limits.max_order_notional_e9) = (i64::MAX, i64::MAX);
    (limits.max_long_lots, limits.max_open_notional_e9) = (i64::MAX, i64::MAX);
    (r.strategy.limits.max_long_lots, r.strategy.limits.capital_e9) = (i64::MAX, i64::MAX);
    r.strategy.limits.max_daily_turnover_e9 = i64::MAX;
    let firm = &mut r.firm.limits;
    (firm.max_order_notional_e9, firm.max_open_notional_e9) = (i64::MAX, i64::MAX);
    (firm.max_gross_e9, firm.max_net_e9, firm.var_limit_e9) = (i64::MAX, i64::MAX, i64::MAX);
    firm.max_daily_turnover_e9 = i64::MAX;
    (r.firm.name_limit_e9, r.venue.credit_e9) = (i64::MAX, i64::MAX);
    (r.symbol.adv_lots, r.symbol.ask_depth_lots) = (i64::MAX / 10_000, i64::MAX / 10_000);
}

#[test]
fn quantity_is_within_the_venues_bounds_and_on_the_step() {
    denies("INVALID_QTY", 5, 4, quantity(4));
    passes(quantity(5));
    let most = |lots: i64| {
        move |r: &mut Rig| {
            wide(r);
            r.order.qty_lots = QtyLots(lots);
        }
    };
    passes(most(100_000));
    denies("INVALID_QTY", 100_000, 100_001, most(100_001));
    let step = |step, lots: i64| {
        move |r: &mut Rig| {
            r.symbol.limits.qty_step_lots = step;
            r.order.qty_lots = QtyLots(lots);
        }
    };
    passes(step(25, 100));
    denies("INVALID_QTY", 25, 99, step(25, 99));
    denies("INVALID_QTY", 25, 101, step(25, 101));
    denies("INVALID_QTY", 0, 100, step(0, 100));
    // At a bound but off the step: the step is what it breaks.
    denies("INVALID_QTY", 25, 5, |r| {
        quantity(5)(r);
        r.symbol.limits.qty_step_lots = 25;
    });
    denies("INVALID_QTY", 3, 100_000, |r| {
        most(100_000)(r);
        r.symbol.limits.qty_step_lots = 3;
    });
}

/// However the instrument's row reads: nothing, and less than nothing, is no order.
#[test]
fn a_quantity_that_is_not_above_nothing_is_none() {
    for lots in [0, -1, -100, i64::MIN] {
        for least in [0, -200, i64::MIN] {
            let mut rig = Rig::new();
            rig.order.qty_lots = QtyLots(lots);
            (rig.symbol.min_qty_lots, rig.symbol.min_notional_e9) = (least, i64::MIN);
            let verdict = rig.verdict();
            assert!(codes(verdict.mask).contains(&"INVALID_QTY"), "{lots} with {least}");
            let breach = verdict.primary.expect("denied").1;
            assert_eq!((breach.limit, breach.actual), (1, lots));
        }
    }
}

#[test]
fn prices_are_there_exactly_where_the_type_has_them() {
    let undef = PriceTicks::UNDEF.get();
    let cases = [
        (OrdType::Limit, 10_000, undef, true),
        (OrdType::Limit, undef, undef, false),
        (OrdType::Limit, 10_000, 10_050, false),
        (OrdType::Market, undef, undef, true),
        (OrdType::Market, 10_000, undef, false),
        (OrdType::Market, undef, 10_050, false),
        (OrdType::Stop, undef, 10_050, true),
        (OrdType::Stop, undef, undef, false),
        (OrdType::Stop, 10_060, 10_050, false),
        (OrdType::StopLimit, 10_060, 10_050, true),
        (OrdType::StopLimit, undef, 10_050, false),
        (OrdType::StopLimit, 10_060, undef, false),
    ];
    for (ord_type, price, stop, good) in cases {
        let mut rig = Rig::new();
        rig.order.ord_type = ord_type;
        (rig.order.price_ticks, rig.order.stop_px_ticks) = (PriceTicks(price), PriceTicks(stop));
        if good {
            rig.passes();
        } else {
            assert!(rig.codes().contains(&"INVALID_PRICE"), "{ord_type:?} {price} {stop}");
        }
    }
}

#[test]
fn prices_are_above_nothing_and_on_the_step() {
    let on_step = |price: i64| {
        move |r: &mut Rig| {
            r.symbol.limits.price_step_ticks = 5;
            r.order.price_ticks = PriceTicks(price);
        }
    };
    passes(on_step(10_005));
    denies("INVALID_PRICE", 5, 10_004, on_step(10_004));
    denies("INVALID_PRICE", 5, 10_006, on_step(10_006));
    let stop = |trigger: i64| {
        move |r: &mut Rig| {
            r.symbol.limits.price_step_ticks = 5;
            r.order.ord_type = OrdType::StopLimit;
            (r.order.price_ticks, r.order.stop_px_ticks) =
                (PriceTicks(10_060), PriceTicks(trigger));
        }
    };
    passes(stop(10_050));
    denies("INVALID_PRICE", 5, 10_051, stop(10_051));
    denies("INVALID_PRICE", 0, 10_000, |r| r.symbol.limits.price_step_ticks = 0);
    // Nothing and less is also below the smallest value, the band and the collar.
    for price in [0, -5, -10_000] {
        fails(&["INVALID_PRICE", "MIN_NOTIONAL", "PRICE_BAND", "PRICE_COLLAR"], on_step(price));
    }
    passes(|r| {
        // A price of one tick is a price.
        r.order.price_ticks = PriceTicks(1);
        r.symbol.set_touch(1, 2);
        r.symbol.spread_median_x256 = 256;
        (r.symbol.min_notional_e9, r.symbol.band_low_ticks) = (0, 1);
    });
}

#[test]
fn value_and_worst_case_fit_64_bits() {
    // Each cause alone, for an order that opens nothing: capital and gross do not apply.
    let mut rig = Rig::reducing();
    rig.strategy.sell_lots = i64::MAX;
    rig.denies("ARITH_OVERFLOW", 0, 1);
    // The whole value: beyond every limit of value as well.
    let mut rig = Rig::reducing();
    wide(&mut rig);
    (rig.symbol.max_qty_lots, rig.order.qty_lots) = (i64::MAX, QtyLots(i64::MAX / 2));
    assert!(rig.codes().contains(&"ARITH_OVERFLOW"));
    // The increase of the worst case alone: at prices a million times those of the strategy's.
    let mut rig = Rig::new();
    wide(&mut rig);
    (rig.symbol.buy_lots, rig.symbol.position_lots) = (i64::MAX / 2, i64::MIN / 2);
    rig.ask(|i| assert!(i.is_exact));
    // At the edge: 9,223,372,036 x 10^9 fits, one lot more does not.
    for (lots, fits) in [(9_223_372_036, true), (9_223_372_037, false)] {
        let mut rig = Rig::new();
        rig.symbol.tick_value_e9 = 1;
        rig.order.price_ticks = PriceTicks(1_000_000_000);
        rig.order.qty_lots = QtyLots(lots);
        rig.ask(|i| {
            assert_eq!(i.is_exact, fits);
            assert_eq!(i.value_e9, if fits { lots * 1_000_000_000 } else { i64::MAX });
        });
    }
}

#[test]
fn the_value_is_at_least_the_venues_smallest() {
    let lots = |lots: i64| move |r: &mut Rig| r.order.qty_lots = QtyLots(lots);
    passes(lots(10));
    denies("MIN_NOTIONAL", E9, 9 * E9 / 10, lots(9));
}

#[test]
fn the_row_allows_the_pair_of_type_and_time() {
    let market = |r: &mut Rig, tif| {
        (r.order.ord_type, r.order.time_in_force) = (OrdType::Market, tif);
        r.order.price_ticks = PriceTicks::UNDEF;
    };
    passes(|r| market(r, TimeInForce::Ioc));
    denies("UNSUPPORTED_TYPE", i64::from(order_types()), 2, |r| market(r, TimeInForce::Gtc));
    for ord_type in OrdType::ALL {
        for tif in TimeInForce::ALL {
            let mut rig = Rig::new();
            (rig.order.ord_type, rig.order.time_in_force) = (*ord_type, *tif);
            let bit = pair_bit(*ord_type, *tif);
            rig.symbol.rules.order_types = bit;
            assert!(!rig.codes().contains(&"UNSUPPORTED_TYPE"));
            rig.symbol.rules.order_types = !bit;
            assert!(rig.codes().contains(&"UNSUPPORTED_TYPE"));
        }
    }
}

#[test]
fn post_only_is_a_resting_limit_order() {
    for ord_type in OrdType::ALL {
        for tif in TimeInForce::ALL {
            let mut rig = Rig::new();
            (rig.order.ord_type, rig.order.time_in_force) = (*ord_type, *tif);
            rig.order.exec_inst = ExecInst::PostOnly;
            rig.symbol.rules.order_types = u32::MAX;
            let rests = matches!(tif, TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd);
            let good = *ord_type == OrdType::Limit && rests;
            assert_eq!(!rig.codes().contains(&"UNSUPPORTED_TYPE"), good, "{ord_type:?} {tif:?}");
        }
    }
}

#[test]
fn a_good_till_date_order_ends_ahead_and_no_other_ends() {
    let now = NOW.cast_signed();
    let ends =
        |tif, end| move |r: &mut Rig| (r.order.time_in_force, r.order.expire_ns) = (tif, end);
    passes(ends(TimeInForce::Gtd, TsNs(NOW + 1)));
    denies("EXPIRE_IN_PAST", now, now, ends(TimeInForce::Gtd, TsNs(NOW)));
    denies("EXPIRE_IN_PAST", now, now - 1, ends(TimeInForce::Gtd, TsNs(NOW - 1)));
    denies("EXPIRE_IN_PAST", now, i64::MAX, ends(TimeInForce::Gtd, TsNs::UNDEF));
    for tif in [TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok] {
        passes(ends(tif, TsNs::UNDEF));
        denies("EXPIRE_IN_PAST", now, now + 1, ends(tif, TsNs(NOW + 1)));
    }
}

#[test]
fn a_stop_waits_on_its_side_of_touch_and_last_trade() {
    let stop = |side, ord_type, trigger: i64, last: i64| {
        move |r: &mut Rig| {
            r.symbol.last_trade_ticks = last;
            (r.order.side, r.order.ord_type) = (side, ord_type);
            r.order.stop_px_ticks = PriceTicks(trigger);
            let limited = ord_type == OrdType::StopLimit;
            r.order.price_ticks = if limited { PriceTicks(trigger) } else { PriceTicks::UNDEF };
        }
    };
    for ord_type in [OrdType::Stop, OrdType::StopLimit] {
        // Touch 9,999 to 10,001; the last trade inside it, beyond it, or not there.
        passes(stop(Side::Buy, ord_type, 10_002, 10_000));
        denies("TRIGGER_WRONG_SIDE", 10_001, 10_001, stop(Side::Buy, ord_type, 10_001, 10_000));
        passes(stop(Side::Buy, ord_type, 10_006, 10_005));
        denies("TRIGGER_WRONG_SIDE", 10_005, 10_005, stop(Side::Buy, ord_type, 10_005, 10_005));
        passes(stop(Side::Buy, ord_type, 10_002, i64::MIN));
        passes(stop(Side::Sell, ord_type, 9_998, 10_000));
        denies("TRIGGER_WRONG_SIDE", 9_999, 9_999, stop(Side::Sell, ord_type, 9_999, 10_000));
        passes(stop(Side::Sell, ord_type, 9_989, 9_990));
        denies("TRIGGER_WRONG_SIDE", 9_990, 9_990, stop(Side::Sell, ord_type, 9_990, 9_990));
        passes(stop(Side::Sell, ord_type, 9_998, i64::MIN));
        denies("TRIGGER_WRONG_SIDE", 9_999, 10_002, stop(Side::Sell, ord_type, 10_002, i64::MIN));
    }
    // Without touch and last trade no trigger is on its side.
    for side in [Side::Buy, Side::Sell] {
        let mut rig = Rig::new();
        stop(side, OrdType::Stop, 10_000, i64::MIN)(&mut rig);
        rig.symbol.lose_book();
        rig.fails(&["TRIGGER_WRONG_SIDE", "BOOK_GAPPED"]);
    }
}

#[test]
fn only_trading_is_trading() {
    for status in TradingStatus::ALL {
        let set = |r: &mut Rig| r.symbol.status = *status;
        if *status == TradingStatus::Trading {
            passes(set);
        } else {
            denies("SYMBOL_STATUS", i64::from(b'T'), i64::from(status.code()), set);
        }
    }
}

#[test]
fn the_price_lies_in_the_venues_band() {
    let band = |low, high| {
        move |r: &mut Rig| (r.symbol.band_low_ticks, r.symbol.band_high_ticks) = (low, high)
    };
    passes(band(10_000, 10_000));
    denies("PRICE_BAND", 10_001, 10_000, band(10_001, 10_010));
    denies("PRICE_BAND", 9_999, 10_000, band(9_900, 9_999));
    // A band that is due and not there denies, half of one as well; one not due need not be there.
    for (low, high) in [(i64::MIN, i64::MIN), (9_000, i64::MIN), (i64::MIN, 11_000)] {
        fails(&["PRICE_BAND"], band(low, high));
        passes(|r| {
            band(low, high)(r);
            r.symbol.rules.band_due = false;
        });
    }
    denies("PRICE_BAND", 9_999, 10_000, |r| {
        band(9_900, 9_999)(r);
        r.symbol.rules.band_due = false;
    });
    // Without a limit price: the opposite touch, or the trigger.
    let market = |side| {
        move |r: &mut Rig| {
            (r.order.side, r.order.ord_type) = (side, OrdType::Market);
            r.order.price_ticks = PriceTicks::UNDEF;
        }
    };
    for (side, touch) in [(Side::Buy, 10_001), (Side::Sell, 9_999)] {
        passes(|r| {
            market(side)(r);
            band(touch, touch)(r);
        });
        denies("PRICE_BAND", touch - 1, touch, |r| {
            market(side)(r);
            band(touch - 5, touch - 1)(r);
        });
    }
    denies("PRICE_BAND", 10_049, 10_050, |r| {
        r.order.ord_type = OrdType::Stop;
        (r.order.price_ticks, r.order.stop_px_ticks) = (PriceTicks::UNDEF, PriceTicks(10_050));
        band(9_000, 10_049)(r);
    });
}

#[test]
fn a_short_sale_is_located() {
    let sell = |position, working, located, lots: i64| {
        move |r: &mut Rig| {
            r.hold(position);
            r.symbol.sell_lots = working;
            r.symbol.locate_lots = located;
            (r.order.side, r.order.qty_lots) = (Side::Sell, QtyLots(lots));
        }
    };
    passes(sell(0, 0, 100, 100));
    denies("SHORT_SALE", 99, 100, sell(0, 0, 99, 100));
    passes(sell(-50, 30, 180, 100));
    denies("SHORT_SALE", 179, 180, sell(-50, 30, 179, 100));
    // What is owned needs none; beyond it, one lot does.
    passes(sell(100, 0, -1, 100));
    denies("SHORT_SALE", 0, 1, sell(99, 0, -1, 100));
    denies("SHORT_SALE", 0, 1, sell(100, 1, 0, 100));
    passes(|r| {
        sell(0, 0, -1, 100)(r);
        r.symbol.rules.locate_due = false;
    });
    // A sum that would come round at 64 bits, in either step, is not a small one.
    for (position, working) in [(-i64::MAX, i64::MAX), (0, i64::MAX), (i64::MIN, 0)] {
        let mut rig = Rig::new();
        sell(position, working, i64::MAX - 1, 100)(&mut rig);
        assert!(rig.codes().contains(&"SHORT_SALE"), "{position} {working}");
    }
    passes(|r| r.symbol.locate_lots = -1);
}

#[test]
fn reduce_only_takes_off_what_is_there() {
    let reduce = |position, buys, lots: i64| {
        move |r: &mut Rig| {
            r.hold(position);
            r.symbol.buy_lots = buys;
            r.order.exec_inst = ExecInst::ReduceOnly;
            r.order.qty_lots = QtyLots(lots);
        }
    };
    passes(reduce(-100, 0, 100));
    denies("REDUCE_ONLY", 100, 101, reduce(-100, 0, 101));
    passes(reduce(-100, 40, 60));
    denies("REDUCE_ONLY", 60, 61, reduce(-100, 40, 61));
    denies("REDUCE_ONLY", 0, 100, reduce(0, 0, 100));
    denies("REDUCE_ONLY", 0, 100, reduce(100, 0, 100));
    denies("REDUCE_ONLY", 0, 100, reduce(-50, 60, 100));
}
