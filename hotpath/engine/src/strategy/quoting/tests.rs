//! The formulas against values worked out apart, and each rule at, below and above its limit.

use super::*;
use crate::strategy::testing::{Rig, SECOND, canceled, placed};
use wire::order::{ExecInst, OrdStatus};

const PARAMS: Params = Params {
    qty_lots: QtyLots(10),
    max_inventory_lots: 30,
    gamma_e6: 100_000,
    kappa_e6: 500_000,
    horizon_ns: 2 * SECOND,
    sigma_bars: 3,
    requote_ticks: 4,
    pause_ns: SECOND / 10,
};

/// Three samples of 16 ticks squared a second: the mid at 1000, 1004, 1000, 1004.
fn warm(params: Params) -> Rig<Quoting> {
    let mut rig = Rig::new(Quoting::new(params));
    for mid in [1_000, 1_004, 1_000] {
        rig.touch(mid - 1, mid + 1);
        assert_eq!(rig.bar(mid), [], "no quote before the third sample");
    }
    rig.touch(1_003, 1_005);
    rig
}

fn prices(wishes: &[Intent]) -> Vec<(Side, i64)> {
    placed(wishes).iter().map(|p| (p.side, p.price_ticks.get())).collect()
}

/// Both quotes out, acknowledged: bid, ask.
fn quoted(params: Params) -> (Rig<Quoting>, ClOrdId, ClOrdId) {
    let mut rig = warm(params);
    let both = placed(&rig.bar(1_004));
    assert_eq!(both.len(), 2);
    let (bid, ask) = (rig.send(both[0]), rig.send(both[1]));
    rig.now += SECOND;
    (rig, bid, ask)
}

/// By hand: gamma sigma^2 (T - t) = 0.1 x 16 x 2 = 3.2; (2 / 0.1) ln(1 + 0.1 / 0.5) =
/// 20 x 0.1823215568 = 3.6464311; the half spread is 3.4232156.
#[test]
fn the_formulas_give_the_worked_example() {
    let model = Model::new(&PARAMS);
    assert!((model.base_spread - 3.646_431_136).abs() < 1e-9, "{model:?}");
    // Flat: 1004 -+ 3.42, the bid down and the ask up.
    assert_eq!(model.prices(2_008, 0.0, 16.0), (Some(1_000), Some(1_008)));
    // Half long: r = 1004 - 0.5 x 3.2 = 1002.4; full short: r = 1007.2.
    assert_eq!(model.prices(2_008, 0.5, 16.0), (Some(998), Some(1_006)));
    assert_eq!(model.prices(2_008, -1.0, 16.0), (Some(1_003), Some(1_011)));
    // A mid of half a tick.
    assert_eq!(model.prices(2_009, 0.0, 16.0), (Some(1_001), Some(1_008)));
}

#[test]
fn what_is_no_price_is_not_quoted() {
    let model = Model::new(&PARAMS);
    for variance in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
        assert_eq!(model.prices(2_008, 1.0, variance), (None, None), "{variance}");
    }
    assert_eq!(price_of(0.0), None);
    assert_eq!(price_of(1.0), Some(1));
    assert_eq!(price_of(EXACT), None);
    assert_eq!(price_of(EXACT - 1.0), Some(4_503_599_627_370_495));
    // A NaN that got into the state reaches no order either.
    let mut rig = warm(PARAMS);
    rig.bar(1_004);
    rig.now += SECOND;
    rig.strategy.variance.per_s = f64::NAN;
    assert_eq!(rig.event(&Event::Book), []);
}

#[test]
fn the_variance_is_an_average_first_and_exponential_after() {
    let mut rig = Rig::new(Quoting::new(PARAMS));
    for mid in [1_000, 1_004, 1_010] {
        rig.touch(mid - 1, mid + 1);
        rig.bar(mid);
    }
    // (16 + 36) / 2.
    assert_eq!(bits(rig.strategy.variance.per_s), bits(26.0));
    // Two seconds without a bar: 8 squared over 3 seconds weighs in with one third.
    rig.now += 2 * SECOND;
    rig.touch(1_001, 1_003);
    rig.bar(1_002);
    let third = 26.0 + (64.0 / 3.0 - 26.0) / 3.0;
    assert_eq!(bits(rig.strategy.variance.per_s), bits(third));
    // The fourth sample weighs a third as well.
    rig.bar(1_002);
    assert_eq!(bits(rig.strategy.variance.per_s), bits(third + (0.0 - third) / 3.0));
    assert_eq!(rig.strategy.variance.samples, 3);
}

#[test]
fn one_post_only_order_a_side_and_no_second() {
    let mut rig = warm(PARAMS);
    let wishes = rig.bar(1_004);
    assert_eq!(prices(&wishes), [(Side::Buy, 1_000), (Side::Sell, 1_008)]);
    for order in placed(&wishes) {
        assert_eq!((order.exec_inst, order.qty_lots), (ExecInst::PostOnly, QtyLots(10)));
        rig.send(order);
    }
    for _ in 0..20 {
        rig.now += SECOND;
        assert_eq!(rig.event(&Event::Book), [], "nothing moved");
    }
}

/// Bid 1000 and ask 1008 stand; a mid 3 ticks up wants 1003 and 1011, 4 ticks up 1004 and 1012.
#[test]
fn a_quote_moves_at_the_requote_distance_and_not_below() {
    let (mut rig, bid, ask) = quoted(PARAMS);
    rig.touch(1_006, 1_008);
    assert_eq!(rig.event(&Event::Quote), [], "three ticks are below the limit of four");
    rig.touch(1_007, 1_009);
    assert_eq!(rig.event(&Event::Quote), [Intent::Cancel(bid), Intent::Cancel(ask)]);
    // While the cancels fly it asks nothing, however far the price goes.
    rig.cancel_wanted(bid, true);
    rig.cancel_wanted(ask, true);
    rig.now += SECOND;
    rig.touch(1_050, 1_052);
    assert_eq!(rig.event(&Event::Quote), []);
    // The bid is gone: quoted anew; the ask's cancel was refused: asked again.
    rig.end(bid, OrdStatus::Canceled);
    rig.cancel_wanted(ask, false);
    let wishes = rig.event(&Event::Quote);
    assert_eq!(canceled(&wishes), [ask]);
    assert_eq!(prices(&wishes), [], "1047 would lie through our own ask at 1008");
    rig.end(ask, OrdStatus::Canceled);
    assert_eq!(prices(&rig.event(&Event::Quote)), [(Side::Buy, 1_047)]);
}

#[test]
fn a_side_pauses_after_each_request() {
    let mut rig = warm(PARAMS);
    assert_eq!(placed(&rig.bar(1_004)).len(), 2);
    // Both were denied: nothing before the pause is over, then again.
    rig.strategy.on_order(&OrderUpdate::Denied(1));
    rig.now += PARAMS.pause_ns - 1;
    assert_eq!(rig.event(&Event::Book), []);
    rig.now += 1;
    let again = placed(&rig.event(&Event::Book));
    assert_eq!(again.len(), 2);
    let (bid, ask) = (rig.send(again[0]), rig.send(again[1]));
    rig.touch(1_103, 1_105);
    rig.now += PARAMS.pause_ns - 1;
    assert_eq!(rig.event(&Event::Book), [], "too early to move them");
    rig.now += 1;
    assert_eq!(canceled(&rig.event(&Event::Book)), [bid, ask]);
}

#[test]
fn the_side_that_would_pass_the_greatest_inventory_is_not_quoted() {
    for (lots, sides) in [
        (0, vec![Side::Buy, Side::Sell]),
        (20, vec![Side::Buy, Side::Sell]),
        (21, vec![Side::Sell]),
        (30, vec![Side::Sell]),
        (-20, vec![Side::Buy, Side::Sell]),
        (-21, vec![Side::Buy]),
    ] {
        let mut rig = warm(PARAMS);
        rig.hold(lots);
        let wishes = rig.bar(1_004);
        let got: Vec<Side> = placed(&wishes).iter().map(|p| p.side).collect();
        assert_eq!(got, sides, "{lots} lots");
    }
}

#[test]
fn the_bound_cancels_at_once_and_counts_what_is_left_to_fill() {
    let (mut rig, bid, ask) = quoted(Params { requote_ticks: 1_000, ..PARAMS });
    // 24 held and 6 of the bid left: 30 at most.
    rig.fill(bid, 4);
    rig.hold(24);
    assert_eq!(rig.event(&Event::Book), []);
    rig.hold(25);
    // Even inside the pause.
    rig.strategy.pause(Side::Buy, TsNs(rig.now));
    assert_eq!(rig.event(&Event::Book), [Intent::Cancel(bid)]);
    rig.fill(ask, 10);
    assert!(rig.strategy.ask.working.is_none(), "a filled order is done");
}

#[test]
fn no_quote_reaches_the_opposite_touch_and_none_stands_in_a_closed_market() {
    // Full short and a wild market: the bid would lie far above the ask.
    let mut rig = warm(Params { gamma_e6: 1_000_000, ..PARAMS });
    rig.hold(-30);
    assert_eq!(prices(&rig.bar(1_004)), [(Side::Buy, 1_004)], "r = 1004 + 32: held to ask - 1");
    let mut rig = warm(Params { gamma_e6: 1_000_000, ..PARAMS });
    rig.hold(30);
    assert_eq!(prices(&rig.bar(1_004)).first(), Some(&(Side::Sell, 1_004)), "r = 1004 - 32");
    for (bid, ask) in [(1_004, 1_004), (1_005, 1_003)] {
        let (mut rig, own_bid, own_ask) = quoted(PARAMS);
        rig.touch(bid, ask);
        assert_eq!(canceled(&rig.event(&Event::Quote)), [own_bid, own_ask]);
        rig.end(own_bid, OrdStatus::Canceled);
        rig.end(own_ask, OrdStatus::Canceled);
        rig.now += SECOND;
        assert_eq!(rig.event(&Event::Quote), [], "locked or crossed");
    }
}

#[test]
fn every_parameter_is_refused_just_outside_its_range() {
    assert_eq!(PARAMS.problem(), None);
    let edges = [
        Params { max_inventory_lots: 10, ..PARAMS },
        Params { max_inventory_lots: MAX_INVENTORY, ..PARAMS },
        Params { gamma_e6: 1, kappa_e6: 1, requote_ticks: 1, sigma_bars: 2, ..PARAMS },
        Params { gamma_e6: 1_000_000, kappa_e6: 1_000_000, sigma_bars: 3_600, ..PARAMS },
    ];
    for good in edges {
        assert_eq!(good.problem(), None, "{good:?}");
    }
    for (bad, key) in [
        (Params { qty_lots: QtyLots(0), ..PARAMS }, "qty_lots"),
        (Params { max_inventory_lots: 9, ..PARAMS }, "max_inventory_lots"),
        (Params { max_inventory_lots: MAX_INVENTORY + 1, ..PARAMS }, "max_inventory_lots"),
        (Params { gamma_e6: 0, ..PARAMS }, "gamma_e6"),
        (Params { gamma_e6: 1_000_001, ..PARAMS }, "gamma_e6"),
        (Params { kappa_e6: 0, ..PARAMS }, "kappa_e6"),
        (Params { kappa_e6: 1_000_001, ..PARAMS }, "kappa_e6"),
        (Params { horizon_ns: 0, ..PARAMS }, "horizon_ms"),
        (Params { sigma_bars: 1, ..PARAMS }, "sigma_bars"),
        (Params { sigma_bars: 3_601, ..PARAMS }, "sigma_bars"),
        (Params { requote_ticks: 0, ..PARAMS }, "requote_ticks"),
        (Params { requote_ticks: 1_000_001, ..PARAMS }, "requote_ticks"),
        (Params { pause_ns: 0, ..PARAMS }, "pause_ms"),
    ] {
        assert_eq!(bad.problem().map(|(key, _)| key), Some(key), "{bad:?}");
    }
}

#[test]
fn the_state_hash_sees_every_part_and_one_nan() {
    let (rig, ..) = quoted(PARAMS);
    let before = rig.hash();
    assert_eq!(quoted(PARAMS).0.hash(), before, "the same life gives the same state");
    let changes: [fn(&mut Quoting); 19] = [
        |s| s.params.qty_lots.0 += 1,
        |s| s.params.max_inventory_lots += 1,
        |s| s.params.gamma_e6 += 1,
        |s| s.params.kappa_e6 += 1,
        |s| s.params.horizon_ns += 1,
        |s| s.params.sigma_bars += 1,
        |s| s.params.requote_ticks += 1,
        |s| s.params.pause_ns += 1,
        |s| s.variance.per_s += 1.0,
        |s| s.variance.samples += 1,
        |s| s.variance.last = None,
        |s| s.variance.last = s.variance.last.map(|(mid, at)| (mid + 1, at)),
        |s| s.bid.quiet_until.0 += 1,
        |s| s.ask.quiet_until.0 += 1,
        |s| s.bid.working = None,
        |s| s.bid.working = s.ask.working,
        |s| s.ask.working.iter_mut().for_each(|w| w.price += 1),
        |s| s.ask.working.iter_mut().for_each(|w| w.leaves += 1),
        |s| s.ask.working.iter_mut().for_each(|w| w.cancel_wanted = true),
    ];
    for (n, change) in changes.iter().enumerate() {
        let (mut rig, ..) = quoted(PARAMS);
        change(&mut rig.strategy);
        assert_ne!(rig.hash(), before, "change {n}");
    }
    assert_eq!(bits(f64::NAN), bits(-f64::NAN));
    assert_eq!(bits(0.0), bits(-0.0));
    assert_ne!(bits(1.0), bits(1.000_000_000_000_000_2));
}
