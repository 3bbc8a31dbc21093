//! Checks 23 to 31: the order that nobody meant.

use super::*;

#[test]
fn quantity_has_a_hard_bound() {
    let lots = |lots: i64| move |r: &mut Rig| r.order.qty_lots = QtyLots(lots);
    passes(lots(400));
    denies("MAX_ORDER_QTY", 400, 401, lots(401));
}

#[test]
fn value_has_a_hard_bound_of_instrument_and_station() {
    let symbol = |limit| move |r: &mut Rig| r.symbol.limits.max_order_notional_e9 = limit;
    passes(symbol(10 * E9));
    denies("MAX_ORDER_NOTIONAL", 10 * E9 - 1, 10 * E9, symbol(10 * E9 - 1));
    let firm = |limit| move |r: &mut Rig| r.firm.limits.max_order_notional_e9 = limit;
    passes(firm(10 * E9));
    denies("MAX_ORDER_NOTIONAL", 10 * E9 - 1, 10 * E9, firm(10 * E9 - 1));
    // Both fail: the instrument's figures are shown.
    denies("MAX_ORDER_NOTIONAL", 9, 10 * E9, |r| {
        (r.symbol.limits.max_order_notional_e9, r.firm.limits.max_order_notional_e9) = (9, 8);
    });
    // The instrument's bound is in its own currency, the station's in the base currency.
    let twice = |r: &mut Rig| r.symbol.fx = FxRate::from_e9(2 * E9).expect("positive");
    denies("MAX_ORDER_NOTIONAL", 20 * E9 - 1, 20 * E9, |r| {
        twice(r);
        firm(20 * E9 - 1)(r);
    });
    passes(|r| {
        twice(r);
        firm(20 * E9)(r);
        symbol(10 * E9)(r);
    });
}

#[test]
fn a_rate_is_known_and_young() {
    passes(|r| r.symbol.fx_ns = NOW - 6_000);
    denies("FX_RATE", 6_000, 6_001, |r| r.symbol.fx_ns = NOW - 6_001);
    denies("FX_RATE", 6_000, i64::MAX, |r| r.symbol.fx = FxRate::default());
    // The base currency itself has no age.
    passes(|r| (r.symbol.rules.fx, r.symbol.fx_ns) = (FxSource::Base, 0));
    denies("FX_RATE", 6_000, i64::MAX, |r| {
        (r.symbol.rules.fx, r.symbol.fx) = (FxSource::Base, FxRate::default());
    });
}

#[test]
fn the_order_is_a_small_part_of_the_days_volume() {
    // 5 basis points: 100 lots of 200,000.
    let adv = |lots| move |r: &mut Rig| r.symbol.adv_lots = lots;
    passes(adv(200_000));
    denies("MAX_PCT_ADV", 5, 6, adv(199_999));
    for unknown in [0, -1, i64::MIN] {
        denies("MAX_PCT_ADV", 5, i64::MAX, adv(unknown));
    }
    // More volume than 64 bits of basis points hold is more than enough.
    passes(adv(i64::MAX));
    // 1,000 lots of a million are 10 basis points exactly, 1,001 are eleven begun.
    let mut rig = Rig::new();
    (rig.symbol.limits.max_adv_bp, rig.order.qty_lots) = (9, QtyLots(1_000));
    let run = CHECKS[26].run;
    rig.ask(|i| assert_eq!(run(i), Measure { is_good: false, limit: 9, actual: 10 }));
    rig.order.qty_lots = QtyLots(1_001);
    rig.ask(|i| assert_eq!(run(i), Measure { is_good: false, limit: 9, actual: 11 }));
    rig.order.qty_lots = QtyLots(i64::MAX);
    rig.ask(|i| assert!(!run(i).is_good));
}

#[test]
fn the_order_is_a_share_of_what_is_shown_across() {
    let depth = |ask, bid| {
        move |r: &mut Rig| (r.symbol.ask_depth_lots, r.symbol.bid_depth_lots) = (ask, bid)
    };
    passes(depth(1_000, 0));
    denies("MAX_PCT_DEPTH", 1_000, 1_002, depth(999, 8_000));
    denies("MAX_PCT_DEPTH", 1_000, i64::MAX, depth(0, 8_000));
    let sell = |r: &mut Rig| r.order.side = Side::Sell;
    passes(|r| {
        sell(r);
        depth(0, 1_000)(r);
    });
    denies("MAX_PCT_DEPTH", 1_000, 1_002, |r| {
        sell(r);
        depth(8_000, 999)(r);
    });
    // Post-only takes nothing.
    passes(|r| {
        depth(0, 0)(r);
        (r.order.exec_inst, r.order.time_in_force) = (ExecInst::PostOnly, TimeInForce::Gtc);
    });
    denies("MAX_PCT_DEPTH", 1_000, 1_002, |r| {
        depth(999, 0)(r);
        r.hold(-50);
        r.order.exec_inst = ExecInst::None;
    });
}

#[test]
fn the_price_is_near_the_reference() {
    // Touch 9,999 to 10,001; 100 basis points are 100 ticks either way.
    let price = |side, ticks: i64| {
        move |r: &mut Rig| {
            r.symbol.limits.max_aggression_ticks = 1_000;
            (r.order.side, r.order.price_ticks) = (side, PriceTicks(ticks));
        }
    };
    for side in [Side::Buy, Side::Sell] {
        passes(price(side, 10_100));
        denies("PRICE_COLLAR", 100, 101, price(side, 10_101));
        passes(price(side, 9_900));
        denies("PRICE_COLLAR", 100, 101, price(side, 9_899));
    }
    // Ticks instead, where they are wider.
    let ticks = |ticks: i64| {
        move |r: &mut Rig| {
            price(Side::Buy, ticks)(r);
            r.symbol.limits.price_collar_bp = 1;
        }
    };
    passes(ticks(10_010));
    denies("PRICE_COLLAR", 1, 11, ticks(10_011));
    passes(ticks(9_990));
    denies("PRICE_COLLAR", 1, 11, ticks(9_989));
}

#[test]
fn the_reference_is_the_mid_else_the_last_trade_else_the_prior_close() {
    let limited = |last, close| {
        move |r: &mut Rig| {
            r.symbol.lose_book();
            (r.symbol.last_trade_ticks, r.symbol.prior_close_ticks) = (last, close);
        }
    };
    fails(&["BOOK_GAPPED"], limited(9_901, 5));
    fails(&["PRICE_COLLAR", "BOOK_GAPPED"], limited(9_900, 10_000));
    fails(&["BOOK_GAPPED"], limited(i64::MIN, 9_901));
    fails(&["PRICE_COLLAR", "BOOK_GAPPED"], limited(i64::MIN, 9_900));
    // No reference, no order: of a market order as well.
    fails(&["PRICE_COLLAR", "BOOK_GAPPED"], limited(i64::MIN, i64::MIN));
    for bad in [0, -10_000] {
        fails(&["PRICE_COLLAR", "BOOK_GAPPED"], limited(bad, 10_000));
    }
    let mut market = Rig::new();
    (market.order.ord_type, market.order.price_ticks) = (OrdType::Market, PriceTicks::UNDEF);
    market.passes();
    limited(i64::MIN, i64::MIN)(&mut market);
    assert!(market.codes().contains(&"PRICE_COLLAR"));
    // Even a mid above nothing is none where the bid is below it.
    fails(&["PRICE_COLLAR"], |r| {
        (r.symbol.bid_ticks, r.symbol.ask_ticks) = (0, 20_000);
        r.symbol.limits.max_spread_ticks = i64::MAX / 256;
        r.symbol.spread_median_x256 = 20_000 * 256;
    });
}

#[test]
fn a_stop_limit_is_near_its_own_trigger() {
    let stop = |trigger: i64, price: i64| {
        move |r: &mut Rig| {
            r.order.ord_type = OrdType::StopLimit;
            r.symbol.limits.max_aggression_ticks = 1_000;
            (r.order.stop_px_ticks, r.order.price_ticks) = (PriceTicks(trigger), PriceTicks(price));
        }
    };
    passes(stop(10_500, 10_605));
    denies("PRICE_COLLAR", 100, 101, stop(10_500, 10_606));
    passes(stop(10_500, 10_395));
    denies("PRICE_COLLAR", 100, 101, stop(10_500, 10_394));
}

#[test]
fn a_limit_reaches_so_far_beyond_the_touch_or_its_trigger() {
    let limit = |side, price: i64| {
        move |r: &mut Rig| (r.order.side, r.order.price_ticks) = (side, PriceTicks(price))
    };
    passes(limit(Side::Buy, 10_051));
    denies("AGGRESSION", 50, 51, limit(Side::Buy, 10_052));
    passes(limit(Side::Sell, 9_949));
    denies("AGGRESSION", 50, 51, limit(Side::Sell, 9_948));
    let stop = |side, trigger: i64, price: i64| {
        move |r: &mut Rig| {
            (r.order.side, r.order.ord_type) = (side, OrdType::StopLimit);
            (r.order.stop_px_ticks, r.order.price_ticks) = (PriceTicks(trigger), PriceTicks(price));
        }
    };
    passes(stop(Side::Buy, 10_500, 10_550));
    denies("AGGRESSION", 50, 51, stop(Side::Buy, 10_500, 10_551));
    passes(stop(Side::Sell, 9_500, 9_450));
    denies("AGGRESSION", 50, 51, stop(Side::Sell, 9_500, 9_449));
}

#[test]
fn slices_never_add_up_to_more_than_their_parent() {
    let slice =
        |parent: Option<(i64, i64)>| move |r: &mut Rig| (r.order.parent_id, r.parent) = (1, parent);
    passes(slice(Some((1_000, 900))));
    denies("PARENT_CONSERVATION", 1_000, 1_001, slice(Some((1_000, 901))));
    denies("PARENT_CONSERVATION", -1, 100, slice(None));
    denies("PARENT_CONSERVATION", 1_000, i64::MAX, slice(Some((1_000, i64::MAX))));
    denies("PARENT_CONSERVATION", i64::MAX, i64::MAX, slice(Some((i64::MAX, i64::MAX))));
    // An order that is no slice has no parent to exceed.
    passes(|r| r.parent = Some((1, 1)));
}

#[test]
fn the_wire_and_the_approvals_agree() {
    passes(|r| r.firm.wire_difference = 0);
    denies("UNAPPROVED_WIRE", 0, 1, |r| r.firm.wire_difference = 1);
    denies("UNAPPROVED_WIRE", 0, 1, |r| r.firm.wire_difference = -1);
    denies("UNAPPROVED_WIRE", 0, i64::MAX, |r| r.firm.wire_difference = i64::MIN);
}

/// Advice binds what opens; an order that opens nothing leaves whatever advice says.
#[test]
fn advice_binds_what_opens_and_nothing_that_reduces() {
    type Advise = fn(&mut SymbolLimits);
    let advised = |advise: Advise| {
        move |r: &mut Rig| {
            let mut limits = r.symbol.limits;
            advise(&mut limits);
            r.symbol.set_advised(&limits);
        }
    };
    let qty: Advise = |l| l.max_order_qty_lots = 99;
    let long: Advise = |l| l.max_long_lots = 99;
    let collar: Advise = |l| (l.price_collar_bp, l.price_collar_ticks) = (1, 0);
    let rate: Advise = |l| (l.order_rate_per_s, l.order_burst) = (1, 1);
    let off_the_middle = |r: &mut Rig| {
        r.symbol.limits.price_collar_ticks = 0;
        r.order.price_ticks = PriceTicks(9_990);
    };
    let busy = |r: &mut Rig| r.symbol.advised.orders.take(TsNs(NOW));
    denies("MAX_ORDER_QTY", 99, 100, advised(qty));
    denies("MAX_POSITION", 99, 100, advised(long));
    denies("PRICE_COLLAR", 1, 10, |r| {
        advised(collar)(r);
        off_the_middle(r);
    });
    denies("ORDER_RATE", 1, 2, |r| {
        advised(rate)(r);
        busy(r);
    });
    let mut rig = Rig::reducing();
    for advise in [qty, long, collar, rate] {
        advised(advise)(&mut rig);
        off_the_middle(&mut rig);
        busy(&mut rig);
        assert!(!rig.ask(|inquiry| inquiry.opens), "it opens nothing");
        rig.passes();
    }
}
