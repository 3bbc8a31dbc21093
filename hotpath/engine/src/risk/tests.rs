//! The figures by their own methods, and that each of them is in the state hash.

use super::*;
use crate::hash::StateHasher;
use crate::limits::{
    FirmLimits, FxSource, Row as _, StrategyLimits, SymbolLimits, SymbolRow, SymbolRules,
    VenueLimits,
};
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, InstrumentType, padded};
use wire::market::TradingStatus;
use wire::order::Side;
use wire::station::Mode;
use wire::{QtyLots, TsNs, VenueId};

fn symbol() -> SymbolRisk {
    SymbolRisk::new(&Instrument {
        header: FrameHeader::new::<Instrument>(),
        symbol: padded("TESTUSDT").expect("short"),
        tick_size_e9: 10_000_000,
        lot_size_e9: 1_000_000,
        min_qty_lots: QtyLots(5),
        max_qty_lots: QtyLots(100_000),
        min_notional_e9: 7,
        instrument_type: InstrumentType::Spot.code(),
        reserved: [0; 23],
    })
}

fn row(fx: FxSource, adv_lots: Option<i64>) -> SymbolRow {
    let rules =
        SymbolRules { order_types: 2, strategies: 3, fx, band_due: false, locate_due: false };
    let limits = SymbolLimits { order_rate_per_s: 10, order_burst: 2, ..SymbolLimits::LOOSEST };
    SymbolRow { limits, rules, adv_lots }
}

/// Whatever is not known yet denies: the figures begin at their worst.
#[test]
fn figures_begin_at_their_worst() {
    let s = symbol();
    assert_eq!((s.tick_value_e9, s.min_qty_lots, s.max_qty_lots), (10_000, 5, 100_000));
    assert_eq!((s.min_notional_e9, s.epoch, s.book), (7, 0, BookState::Gapped));
    assert_eq!((s.rules.order_types, s.rules.strategies), (0, 0));
    assert!(s.tradable && s.rules.band_due && s.rules.locate_due && !s.fx.is_known());
    assert_eq!((s.adv_lots, s.locate_lots, s.var_slope_e9), (-1, -1, i64::MAX));
    assert_eq!((s.last_market_ns, s.fx_ns, s.spread_median_x256), (0, 0, 0));
    assert_eq!([s.bid_ticks, s.ask_ticks, s.last_trade_ticks], [NO_PRICE; 3]);
    assert_eq!([s.own_bid_ticks, s.own_ask_ticks, s.prior_close_ticks], [NO_PRICE; 3]);
    let v = VenueRisk::new(VenueId(1));
    assert_eq!((v.epoch, v.session_up, v.reconciled, v.order_depth_ns), (0, false, false, 0));
    let f = FirmRisk::default();
    assert_eq!((f.epoch, f.mode, f.clock_offset_ns, f.checked_ns), (0, Mode::Boot, -1, 0));
    assert_eq!(f.name_limit_e9, 0);
    assert_eq!(StrategyRisk::new(true).epoch, 0);
    assert!(StrategyRisk::new(true).uses_signal && !StrategyRisk::new(false).uses_signal);
}

#[test]
fn a_row_brings_rules_limits_volume_and_rate() {
    let mut s = symbol();
    s.set_row(&row(FxSource::Feed, None), 4);
    assert_eq!((s.epoch, s.adv_lots, s.rules.strategies), (4, -1, 3));
    assert!(!s.fx.is_known(), "a rate from outside is not there yet");
    s.set_row(&row(FxSource::Base, Some(77)), 5);
    assert_eq!((s.epoch, s.adv_lots, s.fx), (5, 77, FxRate::ONE));
    s.set_row(&row(FxSource::Base, None), 6);
    assert_eq!(s.adv_lots, 77, "figures from outside stay");
    // Burst and rate are those of the row.
    s.orders.take(TsNs(1_000));
    assert!(s.orders.fits(TsNs(1_000)));
    s.orders.take(TsNs(1_000));
    assert!(!s.orders.fits(TsNs(100_000_999)));
    assert!(s.orders.fits(TsNs(100_001_000)));
    let mut t = StrategyRisk::new(false);
    t.set_limits(StrategyLimits { order_burst: 1, order_rate_per_s: 1, ..t.limits }, 9);
    t.orders.take(TsNs(0));
    assert_eq!((t.epoch, t.orders.ready_at()), (9, TsNs(1_000_000_000)));
    let mut v = VenueRisk::new(VenueId(1));
    let limits = VenueLimits { order_burst: 1, order_rate_per_s: 1, ..v.limits };
    v.set_limits(VenueLimits { message_burst: 4, message_rate_per_s: 2, ..limits }, 9);
    v.orders.take(TsNs(0));
    assert_eq!((v.epoch, v.orders.ready_at()), (9, TsNs(1_000_000_000)));
    assert_eq!((v.messages.depth_ns(), v.order_depth_ns), (2_000_000_000, 2_000_000_000));
}

#[test]
fn the_reference_is_the_first_that_is_there() {
    let mut s = symbol();
    assert_eq!(s.reference_x2(), None);
    s.prior_close_ticks = 40;
    assert_eq!(s.reference_x2(), Some(80));
    s.last_trade_ticks = 50;
    assert_eq!(s.reference_x2(), Some(100));
    s.set_touch(60, 63);
    assert_eq!(s.reference_x2(), Some(123));
    s.set_touch(63, 63);
    assert_eq!((s.book, s.reference_x2()), (BookState::Crossed, Some(100)), "crossed is no mid");
    s.set_touch(i64::MAX - 1, i64::MAX);
    assert_eq!(s.reference_x2(), None, "does not fit");
    s.set_touch(0, 9);
    assert_eq!(s.reference_x2(), None, "a bid of nothing");
    s.set_touch(1, 2);
    assert_eq!(s.reference_x2(), Some(3));
    s.lose_book();
    assert_eq!((s.bid_ticks, s.ask_ticks, s.reference_x2()), (NO_PRICE, NO_PRICE, Some(100)));
    s.last_trade_ticks = 0;
    assert_eq!(s.reference_x2(), None);
    s.last_trade_ticks = i64::MAX;
    assert_eq!(s.reference_x2(), None, "does not fit");
    (s.ask_depth_lots, s.bid_depth_lots) = (3, 4);
    assert_eq!((s.depth_lots(Side::Buy), s.depth_lots(Side::Sell)), (3, 4));
}

#[test]
fn the_spreads_median_follows_by_small_steps() {
    let mut s = symbol();
    s.set_touch(1_000, 1_004);
    assert_eq!(s.spread_median_x256, 4 * 256, "the first is taken whole");
    s.set_touch(1_000, 1_008);
    assert_eq!(s.spread_median_x256, 4 * 256 + 16);
    s.set_touch(1_000, 1_008);
    assert_eq!(s.spread_median_x256, 4 * 256 + 16, "the same touch again is nothing new");
    s.set_touch(1_001, 1_003);
    assert_eq!(s.spread_median_x256, 4 * 256);
    s.set_touch(1_000, 1_004);
    assert_eq!(s.spread_median_x256, 4 * 256);
    // Never past where it goes.
    s.spread_median_x256 = 4 * 256 - 3;
    s.set_touch(1_001, 1_005);
    assert_eq!(s.spread_median_x256, 4 * 256);
    s.spread_median_x256 = 4 * 256 + 3;
    s.set_touch(1_000, 1_004);
    assert_eq!(s.spread_median_x256, 4 * 256);
    // A small one still moves.
    s.spread_median_x256 = 20;
    s.set_touch(1_001, 1_005);
    assert_eq!(s.spread_median_x256, 21);
    // A lost book and a crossed one leave it; the same touch then counts again.
    s.lose_book();
    s.set_touch(1_005, 1_005);
    assert_eq!((s.spread_median_x256, s.book), (21, BookState::Crossed));
    s.set_touch(1_006, 1_005);
    assert_eq!((s.spread_median_x256, s.book), (21, BookState::Crossed));
    s.set_touch(NO_PRICE, 1_005);
    assert_eq!((s.spread_median_x256, s.book, s.ask_ticks), (21, BookState::Gapped, NO_PRICE));
    s.set_touch(1_001, 1_005);
    assert_eq!((s.spread_median_x256, s.book), (22, BookState::Good));
    s.book = BookState::Gapped;
    s.set_touch(1_001, 1_005);
    assert_eq!((s.spread_median_x256, s.book), (23, BookState::Good));
    // Against the sorted list: between the quartiles of what it saw.
    let (mut s, mut seed) = (symbol(), 5_u64);
    for _ in 0..20_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        s.set_touch(1_000, 1_001 + i64::try_from((seed >> 33) % 100).expect("small"));
    }
    let median = s.spread_median_x256 / 256;
    assert!((25..=76).contains(&median), "{median}");
}

#[test]
fn a_contribution_is_valued_at_the_reference_rounded_up() {
    let mut s = symbol();
    s.fx = FxRate::ONE;
    s.set_touch(100, 103);
    assert!(!s.is_exposed());
    s.var_slope_e9 = 3;
    (s.position_lots, s.buy_lots, s.sell_lots) = (10, 5, 30);
    (s.open_e9, s.unknown_e9) = (77, 66);
    assert!(s.is_exposed());
    // A mid of 101.5 counts as 102, at 10,000 a tick and lot.
    let unit = 102 * 10_000;
    let expected = Contribution {
        gross_e9: 20 * unit,
        up_e9: 15 * unit,
        down_e9: 20 * unit,
        open_e9: 77,
        unknown_e9: 66,
        var_e9: 60,
    };
    assert_eq!(s.contribution_now(), expected);
    (s.position_lots, s.var_slope_e9) = (-10, -3);
    let short = s.contribution_now();
    assert_eq!((short.gross_e9, short.up_e9, short.down_e9), (40 * unit, -5 * unit, 40 * unit));
    assert_eq!(short.var_e9, 120);
    s.fx = FxRate::from_e9(2_000_000_000).expect("positive");
    let twice = s.contribution_now();
    assert_eq!((twice.gross_e9, twice.up_e9, twice.open_e9), (80 * unit, -10 * unit, 154));
    for set in [
        |s: &mut SymbolRisk| s.position_lots = 1,
        |s: &mut SymbolRisk| s.buy_lots = 1,
        |s: &mut SymbolRisk| s.sell_lots = 1,
        |s: &mut SymbolRisk| s.contribution.open_e9 = 1,
    ] {
        let mut s = symbol();
        set(&mut s);
        assert!(s.is_exposed());
    }
}

/// What is held and cannot be valued is not worth nothing: it counts as the largest number, and
/// offsets nothing.
#[test]
fn what_cannot_be_valued_counts_as_the_largest_number() {
    let lost: [fn(&mut SymbolRisk); 3] = [
        SymbolRisk::lose_book,
        |s| s.fx = FxRate::default(),
        |s| s.set_touch(i64::MAX / 8, i64::MAX / 8 + 1),
    ];
    for lose in lost {
        let mut s = symbol();
        (s.fx, s.var_slope_e9) = (FxRate::from_e9(1).expect("positive"), 0);
        s.set_touch(100, 103);
        lose(&mut s);
        assert_eq!(s.contribution_now(), Contribution::default(), "nothing is worth nothing");
        s.position_lots = 10;
        let long = s.contribution_now();
        assert_eq!((long.gross_e9, long.up_e9, long.down_e9), (i64::MAX, i64::MAX, 0));
        s.position_lots = -10;
        let short = s.contribution_now();
        assert_eq!((short.gross_e9, short.up_e9, short.down_e9), (i64::MAX, 0, i64::MAX));
    }
    let mut s = symbol();
    (s.open_e9, s.unknown_e9) = (1, 0);
    let figures = s.contribution_now();
    assert_eq!((figures.open_e9, figures.unknown_e9), (i64::MAX, 0), "no rate");
    (s.fx, s.position_lots) = (FxRate::ONE, 1);
    s.set_touch(100, 103);
    assert_eq!(s.contribution_now().var_e9, i64::MAX, "no slope");
}

#[test]
fn a_drawdown_that_does_not_fit_is_the_largest() {
    let strategy = |high, carried, today| {
        let mut t = StrategyRisk::new(false);
        (t.high_water_e9, t.carried_e9, t.pnl_e9) = (high, carried, today);
        t.drawdown_e9()
    };
    let firm = |high, carried, today| {
        let mut f = FirmRisk::new();
        (f.high_water_e9, f.carried_e9, f.pnl_e9) = (high, carried, today);
        f.drawdown_e9()
    };
    let both: [&dyn Fn(i64, i64, i64) -> i64; 2] = [&strategy, &firm];
    for drawdown in both {
        assert_eq!(drawdown(10, 3, 4), 3);
        assert_eq!(drawdown(0, 3, 4), -7);
        assert_eq!(drawdown(i64::MIN / 2, i64::MIN, -1), i64::MAX);
        assert_eq!(drawdown(i64::MAX, -1, 0), i64::MAX);
    }
}

/// The hash after each change differs from the hash without it, and from all others.
fn all_differ<T: Clone>(base: &T, hash: impl Fn(&T, &mut StateHasher), changes: &[fn(&mut T)]) {
    let of = |value: &T| {
        let mut h = StateHasher::default();
        hash(value, &mut h);
        h.finish()
    };
    assert_ne!(of(base), StateHasher::default().finish());
    let mut seen = vec![of(base)];
    for (index, change) in changes.iter().enumerate() {
        let mut other = base.clone();
        change(&mut other);
        assert!(!seen.contains(&of(&other)), "change {index} is not in the hash");
        seen.push(of(&other));
    }
}

#[test]
fn every_figure_of_an_instrument_is_in_the_hash() {
    let changes: &[fn(&mut SymbolRisk)] = &[
        |s| s.limits.max_adv_bp = 1,
        |s| s.rules.order_types = 1,
        |s| s.rules.strategies = 1,
        |s| s.rules.fx = FxSource::Base,
        |s| s.rules.band_due = false,
        |s| s.rules.locate_due = false,
        |s| s.epoch = 1,
        |s| s.tradable = false,
        |s| s.killed = true,
        |s| s.reduce_only = true,
        |s| s.tick_value_e9 = 1,
        |s| s.min_qty_lots = 1,
        |s| s.max_qty_lots = 1,
        |s| s.min_notional_e9 = 1,
        |s| s.status = TradingStatus::Halted,
        |s| s.book = BookState::Good,
        |s| s.book = BookState::Crossed,
        |s| s.bid_ticks = 1,
        |s| s.ask_ticks = 1,
        |s| s.ask_depth_lots = 1,
        |s| s.bid_depth_lots = 1,
        |s| s.last_trade_ticks = 1,
        |s| s.prior_close_ticks = 1,
        |s| s.last_market_ns = 1,
        |s| s.spread_median_x256 = 1,
        |s| s.band_low_ticks = 1,
        |s| s.band_high_ticks = 1,
        |s| s.adv_lots = 1,
        |s| s.locate_lots = 1,
        |s| s.fx = FxRate::ONE,
        |s| s.fx_ns = 1,
        |s| s.position_lots = 1,
        |s| s.buy_lots = 1,
        |s| s.sell_lots = 1,
        |s| s.open_orders = 1,
        |s| s.open_e9 = 1,
        |s| s.unknown_e9 = 1,
        |s| s.own_bid_ticks = 1,
        |s| s.own_ask_ticks = 1,
        |s| s.var_slope_e9 = 1,
        |s| s.contribution.gross_e9 = 1,
        |s| s.contribution.up_e9 = 1,
        |s| s.contribution.down_e9 = 1,
        |s| s.contribution.open_e9 = 1,
        |s| s.contribution.unknown_e9 = 1,
        |s| s.contribution.var_e9 = 1,
        |s| s.signal.requested_ns = 1,
        |s| s.signal.model_hash = 1,
        |s| s.signal.pinned_hash = 1,
        |s| s.signal.score_e6 = 1,
        |s| s.signal.lag = 1,
        |s| s.signal.repeats = 1,
        |s| s.orders.take(TsNs(1)),
        |s| s.orders.set(1, 1),
        |s| s.duplicates.add(1, TsNs(1)),
        |s| s.duplicates.add(1, TsNs(2)),
        |s| s.fills.add(TsNs(1), 1, 1),
        |s| s.fills.advance(TsNs(1), 150),
        |s| s.volatility.on_second(1),
        |s| (0..3).for_each(|_| s.volatility.on_second(1)),
        |s| (1..4).for_each(|mid| s.volatility.on_second(mid)),
    ];
    all_differ(&symbol(), SymbolRisk::hash_into, changes);
}

#[test]
fn every_figure_of_strategy_venue_and_station_is_in_the_hash() {
    let changes: &[fn(&mut StrategyRisk)] = &[
        |t| t.limits.capital_e9 = 1,
        |t| t.epoch = 1,
        |t| t.killed = true,
        |t| t.disabled = Disabled::Drawdown,
        |t| t.uses_signal = true,
        |t| t.position_lots = 1,
        |t| t.buy_lots = 1,
        |t| t.sell_lots = 1,
        |t| t.open_orders = 1,
        |t| t.orders.take(TsNs(1)),
        |t| t.messages = 1,
        |t| t.fills = 1,
        |t| t.executions = 1,
        |t| t.rejects = 1,
        |t| t.loss_streak = 1,
        |t| t.orders_today = 1,
        |t| t.turnover_e9 = 1,
        |t| t.pnl_e9 = 1,
        |t| t.high_water_e9 = 1,
        |t| t.carried_e9 = 1,
        |t| t.minute_loss_e9 = 1,
        |t| t.flat_pnl_e9 = 1,
        |t| assert_eq!(t.minute.fall(TsNs(1), 1), 0),
        |t| assert_eq!(t.minute.fall(TsNs(5_000_000_001), 1), 0),
    ];
    all_differ(&StrategyRisk::new(false), StrategyRisk::hash_into, changes);
    let changes: &[fn(&mut VenueRisk)] = &[
        |v| v.id = VenueId(2),
        |v| v.limits.order_share_bp = 1,
        |v| v.epoch = 1,
        |v| v.killed = true,
        |v| v.session_up = true,
        |v| v.reconciled = true,
        |v| v.open_orders = 1,
        |v| v.orders.take(TsNs(1)),
        |v| v.messages.take(TsNs(1)),
        |v| v.order_depth_ns = 1,
        |v| v.balance_e9 = 1,
        |v| v.credit_e9 = 1,
        |v| v.claimed_e9 = 1,
    ];
    all_differ(&VenueRisk::new(VenueId(1)), VenueRisk::hash_into, changes);
    let changes: &[fn(&mut FirmRisk)] = &[
        |f| f.limits.max_gross_e9 = 1,
        |f| f.epoch = 1,
        |f| f.killed = true,
        |f| f.mode = Mode::Live,
        |f| f.checked_ns = 1,
        |f| f.audit_fill = 1,
        |f| f.clock_offset_ns = 1,
        |f| f.wire_difference = 1,
        |f| {
            f.exposure.replace(
                &Contribution::default(),
                &Contribution { gross_e9: 1, ..Contribution::default() },
            );
        },
        |f| {
            f.exposure.replace(
                &Contribution::default(),
                &Contribution { var_e9: 1, ..Contribution::default() },
            );
        },
        |f| f.name_limit_e9 = 1,
        |f| f.open_orders = 1,
        |f| f.unknown_orders = 1,
        |f| f.var_e9 = 1,
        |f| f.var_ns = 1,
        |f| f.var_external = true,
        |f| f.orders_today = 1,
        |f| f.turnover_e9 = 1,
        |f| f.pnl_e9 = 1,
        |f| f.carried_e9 = 1,
        |f| f.high_water_e9 = 1,
        |f| f.minute_loss_e9 = 1,
        |f| assert_eq!(f.minute.fall(TsNs(1), 1), 0),
    ];
    let mut base = FirmRisk::new();
    base.set_limits(FirmLimits::LOOSEST, 3);
    all_differ(&base, FirmRisk::hash_into, changes);
}

#[test]
fn reasons_have_numbers_of_their_own() {
    let all = [
        Disabled::No,
        Disabled::DailyLoss,
        Disabled::Drawdown,
        Disabled::LossStreak,
        Disabled::LossVelocity,
        Disabled::Executions,
        Disabled::Rejects,
    ];
    for (number, reason) in (0_u8..).zip(all) {
        assert_eq!(disabled_code(reason), number);
    }
}
