//! Checks 40 to 49: the worst case of everything that is not done, this order included.

use super::*;
use crate::risk::Contribution;

fn sell(r: &mut Rig) {
    r.order.side = Side::Sell;
}

#[test]
fn the_worst_case_of_instrument_and_strategy_is_bounded() {
    // Long 900 of the instrument, 950 of the strategy.
    let symbol = |position, buys| {
        move |r: &mut Rig| (r.symbol.position_lots, r.symbol.buy_lots) = (position, buys)
    };
    passes(symbol(500, 300));
    denies("MAX_POSITION", 900, 901, symbol(501, 300));
    denies("MAX_POSITION", 900, 901, symbol(-100, 901));
    let strategy = |position, buys| {
        move |r: &mut Rig| (r.strategy.position_lots, r.strategy.buy_lots) = (position, buys)
    };
    passes(strategy(500, 350));
    denies("MAX_POSITION", 950, 951, strategy(501, 350));
    // Working sells make no room for buys: they may never fill.
    denies("MAX_POSITION", 900, 901, |r| {
        symbol(801, 0)(r);
        r.symbol.sell_lots = 800;
    });
    // Mirrored: short 800 and 850.
    let symbol = |position, sells| {
        move |r: &mut Rig| {
            sell(r);
            r.symbol.rules.locate_due = false;
            (r.symbol.position_lots, r.symbol.sell_lots) = (position, sells);
        }
    };
    passes(symbol(-400, 300));
    denies("MAX_POSITION", 800, 801, symbol(-401, 300));
    let strategy = |position, sells| {
        move |r: &mut Rig| {
            sell(r);
            (r.strategy.position_lots, r.strategy.sell_lots) = (position, sells);
        }
    };
    passes(strategy(-450, 300));
    denies("MAX_POSITION", 850, 851, strategy(-451, 300));
    denies("MAX_POSITION", 800, 801, |r| {
        symbol(-701, 0)(r);
        r.symbol.buy_lots = 700;
    });
    // What goes beyond 64 bits is beyond every bound.
    for (side, position) in [(Side::Buy, i64::MAX), (Side::Sell, i64::MIN)] {
        let mut rig = Rig::new();
        rig.order.side = side;
        rig.symbol.position_lots = position;
        rig.symbol.limits.max_long_lots = i64::MAX - 1;
        rig.symbol.limits.max_short_lots = i64::MAX - 1;
        assert!(rig.codes().contains(&"MAX_POSITION"));
    }
}

#[test]
fn orders_not_done_are_counted_in_four_scopes() {
    let scopes: [(fn(&mut Rig, i64), i64); 4] = [
        (|r, n| r.symbol.open_orders = n, 10),
        (|r, n| r.strategy.open_orders = n, 20),
        (|r, n| r.venue.open_orders = n, 30),
        (|r, n| r.firm.open_orders = n, 40),
    ];
    for (set, limit) in scopes {
        passes(|r| set(r, limit - 1));
        denies("MAX_OPEN_ORDERS", limit, limit + 1, |r| set(r, limit));
        denies("MAX_OPEN_ORDERS", limit, i64::MAX, |r| set(r, i64::MAX));
    }
}

#[test]
fn value_not_done_is_bounded_for_instrument_and_station() {
    let symbol = |e9| move |r: &mut Rig| r.symbol.open_e9 = e9;
    passes(symbol(80 * E9));
    denies("MAX_OPEN_NOTIONAL", 90 * E9, 90 * E9 + 1, symbol(80 * E9 + 1));
    let firm = |e9| move |r: &mut Rig| r.firm.exposure.open_e9 = e9;
    passes(firm(290 * E9));
    denies("MAX_OPEN_NOTIONAL", 300 * E9, 300 * E9 + 1, firm(290 * E9 + 1));
    for full in [symbol(i64::MAX), symbol(i64::MAX - 1)] {
        denies("MAX_OPEN_NOTIONAL", 90 * E9, i64::MAX, full);
    }
    // The station's sum is in base currency, the instrument's in its own.
    let mut rig = Rig::new();
    rig.symbol.fx = FxRate::from_e9(E9 / 2).expect("positive");
    (rig.symbol.open_e9, rig.firm.exposure.open_e9) = (80 * E9, 295 * E9);
    rig.passes();
    rig.firm.exposure.open_e9 += 1;
    rig.denies("MAX_OPEN_NOTIONAL", 300 * E9, 300 * E9 + 1);
}

#[test]
fn gross_exposure_counts_what_the_order_may_add() {
    let gross = |e9| move |r: &mut Rig| r.firm.exposure.gross_e9 = e9;
    passes(gross(390 * E9));
    denies("MAX_GROSS", 400 * E9, 400 * E9 + 1, gross(390 * E9 + 1));
    // A buy while more is short than it could make long adds nothing to the worst case, but opens.
    let shorted = |e9| {
        move |r: &mut Rig| {
            gross(e9)(r);
            r.symbol.sell_lots = 100;
        }
    };
    passes(shorted(400 * E9));
    denies("MAX_GROSS", 400 * E9, 400 * E9 + 1, shorted(400 * E9 + 1));
    // Half of it adds.
    let half = |e9| {
        move |r: &mut Rig| {
            gross(e9)(r);
            r.symbol.sell_lots = 50;
        }
    };
    passes(half(395 * E9));
    denies("MAX_GROSS", 400 * E9, 400 * E9 + 1, half(395 * E9 + 1));
}

#[test]
fn net_exposure_counts_the_orders_side() {
    let net =
        |up, down| move |r: &mut Rig| (r.firm.exposure.up_e9, r.firm.exposure.down_e9) = (up, down);
    passes(net(190 * E9, i64::MAX));
    denies("MAX_NET", 200 * E9, 200 * E9 + 1, net(190 * E9 + 1, 0));
    denies("MAX_NET", 200 * E9, i64::MAX, net(i64::MAX, 0));
    passes(net(-900 * E9, 900 * E9));
    let sold = |up, down| {
        move |r: &mut Rig| {
            sell(r);
            net(up, down)(r);
        }
    };
    passes(sold(i64::MAX, 190 * E9));
    denies("MAX_NET", 200 * E9, 200 * E9 + 1, sold(0, 190 * E9 + 1));
}

#[test]
fn one_instrument_is_a_share_of_the_gross_limit() {
    // 5,000 of 10,000 basis points of 400.
    let worst = |gross_e9| {
        move |r: &mut Rig| {
            r.symbol.contribution = Contribution { gross_e9, ..Contribution::default() };
        }
    };
    passes(worst(190 * E9));
    denies("CONCENTRATION", 200 * E9, 200 * E9 + 1, worst(190 * E9 + 1));
    denies("CONCENTRATION", 200 * E9, i64::MAX, worst(i64::MAX));
    // The share is rounded down.
    let mut firm = FirmRisk::new();
    firm.set_limits(
        FirmLimits { max_gross_e9: 19_999, max_concentration_bp: 1, ..firm_limits() },
        3,
    );
    assert_eq!((firm.name_limit_e9, firm.epoch), (1, 3));
    firm.set_limits(
        FirmLimits { max_gross_e9: i64::MAX, max_concentration_bp: 10_001, ..firm_limits() },
        3,
    );
    assert_eq!(firm.name_limit_e9, i64::MAX);
}

#[test]
fn orders_claim_a_share_of_the_free_balance() {
    let claimed = |e9| move |r: &mut Rig| r.venue.claimed_e9 = e9;
    passes(claimed(90 * E9));
    denies("CREDIT_INSUFFICIENT", 100 * E9, 100 * E9 + 1, claimed(90 * E9 + 1));
    denies("CREDIT_INSUFFICIENT", 100 * E9, i64::MAX, claimed(i64::MAX));
    for (balance, share, credit) in
        [(-1, 5_000, -1), (-1, 1, -1), (19_999, 1, 1), (0, 10_000, 0), (-20_000, 5_000, -20_000)]
    {
        let mut venue = VenueRisk::new(VenueId(1));
        assert_eq!((venue.balance_e9, venue.credit_e9), (-1, -1), "unknown at first");
        venue.set_balance(balance, share);
        assert_eq!((venue.balance_e9, venue.credit_e9), (balance, credit));
    }
    let mut venue = VenueRisk::new(VenueId(1));
    venue.set_balance(i64::MAX, 20_000);
    assert_eq!(venue.credit_e9, i64::MAX);
    venue.set_balance(i64::MIN, 20_000);
    assert_eq!(venue.credit_e9, i64::MIN);
    // An unknown balance covers nothing: not even an order that claims no more than it did.
    for share in [1, 5_000, 10_000] {
        denies("CREDIT_INSUFFICIENT", -1, 0, |r| {
            r.venue.set_balance(-1, share);
            r.symbol.buy_lots = 100;
            let amend = Amend {
                cl_ord_id: ClOrdId::UNDEF,
                status: OrdStatus::New,
                cum_lots: 0,
                leaves_lots: 100,
                value_e9: 10 * E9,
            };
            r.amend = Some(amend);
        });
    }
}

#[test]
fn a_strategys_worst_case_stays_within_its_capital() {
    let capital = |e9| move |r: &mut Rig| r.strategy.limits.capital_e9 = e9;
    passes(capital(10 * E9));
    denies("STRATEGY_CAPITAL", 10 * E9 - 1, 10 * E9, capital(10 * E9 - 1));
    // The other side's worst case counts where it is the larger.
    let with = |position, buys, sells, e9| {
        move |r: &mut Rig| {
            capital(e9)(r);
            let s = &mut r.strategy;
            (s.position_lots, s.buy_lots, s.sell_lots) = (position, buys, sells);
        }
    };
    passes(with(-100, 0, 300, 40 * E9));
    denies("STRATEGY_CAPITAL", 40 * E9 - 1, 40 * E9, with(-100, 0, 300, 40 * E9 - 1));
    denies("STRATEGY_CAPITAL", 40 * E9 - 1, 40 * E9, with(100, 200, 0, 40 * E9 - 1));
    denies("STRATEGY_CAPITAL", 40 * E9 - 1, 40 * E9, |r| {
        with(-100, 0, 200, 40 * E9 - 1)(r);
        sell(r);
    });
    // In base currency, rounded up.
    denies("STRATEGY_CAPITAL", 5 * E9 - 1, 5 * E9, |r| {
        capital(5 * E9 - 1)(r);
        r.symbol.fx = FxRate::from_e9(E9 / 2).expect("positive");
    });
}

#[test]
fn value_at_risk_adds_slope_times_lots() {
    // 100 lots at a slope of a million.
    let own = |e9| move |r: &mut Rig| r.firm.exposure.var_e9 = e9;
    let limit = 50 * E9;
    passes(own(limit - 100_000_000));
    denies("VAR_LIMIT", limit, limit + 1, own(limit - 100_000_000 + 1));
    denies("VAR_LIMIT", limit, i64::MAX, own(i64::MAX));
    // Only what adds to the worst case counts.
    passes(|r| {
        own(limit)(r);
        r.symbol.sell_lots = 100;
    });
    // From outside: signed by side, of everything added.
    let outside = |side, e9, slope| {
        move |r: &mut Rig| {
            (r.firm.var_external, r.firm.var_ns, r.firm.var_e9) = (true, NOW, e9);
            (r.order.side, r.symbol.var_slope_e9) = (side, slope);
            r.firm.exposure.var_e9 = i64::MAX;
        }
    };
    passes(outside(Side::Buy, limit - 500, 5));
    denies("VAR_LIMIT", limit, limit + 1, outside(Side::Buy, limit - 499, 5));
    passes(outside(Side::Buy, limit + 500, -5));
    denies("VAR_LIMIT", limit, limit + 1, outside(Side::Buy, limit + 501, -5));
    passes(outside(Side::Sell, limit - 500, -5));
    denies("VAR_LIMIT", limit, limit + 1, outside(Side::Sell, limit - 499, -5));
    passes(outside(Side::Sell, limit + 500, 5));
    denies("VAR_LIMIT", limit, limit + 1, outside(Side::Sell, limit + 501, 5));
    // A slope that is not known denies on either side.
    for side in [Side::Buy, Side::Sell] {
        denies("VAR_LIMIT", limit, i64::MAX, outside(side, 0, i64::MAX));
    }
    denies("VAR_LIMIT", limit, i64::MAX, |r| {
        r.symbol.var_slope_e9 = SymbolRisk::new(&instrument(InstrumentType::Spot)).var_slope_e9;
        r.symbol.sell_lots = 100;
    });
}

#[test]
fn orders_in_doubt_stop_what_opens() {
    passes(|r| r.firm.unknown_orders = 1);
    denies("UNKNOWN_EXPOSURE", 1, 2, |r| r.firm.unknown_orders = 2);
    passes(|r| r.firm.exposure.unknown_e9 = 20 * E9);
    denies("UNKNOWN_EXPOSURE", 20 * E9, 20 * E9 + 1, |r| r.firm.exposure.unknown_e9 = 20 * E9 + 1);
}
