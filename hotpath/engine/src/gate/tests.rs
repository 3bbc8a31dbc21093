//! Every check at its limit and one past it, what lets it through, and its figures; the table; the
//! gate beside a naive oracle.
//!
//! Owns: [`Rig`], one world in which a buy passes every check with limits that are not trivial. Each
//! group of checks has its file.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::type_complexity,
    reason = "a test that overflows or misses fails, as it should"
)]

use super::*;
use crate::limits::{
    FirmLimits, FxSource, StrategyLimits, SymbolLimits, SymbolRules, VenueLimits, pair_bit,
};
use crate::risk::{BookState, FirmRisk, FxRate, StrategyRisk, SymbolRisk, VenueRisk};
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, InstrumentType, padded};
use wire::order::{ExecInst, OrdStatus, Side, TimeInForce};
use wire::station::Mode;
use wire::{ClOrdId, InstrumentId, PriceTicks, QtyLots, StrategyId, TsNs, VenueId};

mod authority;
mod behaviour;
mod breaches;
mod data;
mod exposure;
mod fat_finger;
mod joined;
mod oracle;
mod table;
mod tighter;
mod validity;

/// Engine time of every test.
const NOW: u64 = 1_000_000_000_000;
/// Billionths.
const E9: i64 = 1_000_000_000;

/// An order and its world, all of it open to change.
#[derive(Clone, Debug)]
struct Rig {
    order: OrderRequest,
    symbol: SymbolRisk,
    strategy: StrategyRisk,
    venue: VenueRisk,
    firm: FirmRisk,
    parent: Option<(i64, i64)>,
    amend: Option<Amend>,
    linked_lots: i64,
    signal_ttl_ns: u64,
    now: u64,
}

impl Rig {
    /// A live world in which a buy of 100 lots at 10,000 ticks (10 units of money) passes.
    fn new() -> Self {
        let mut strategy = StrategyRisk::new(true);
        strategy.set_limits(strategy_limits(), 1);
        let mut venue = VenueRisk::new(VenueId(1));
        venue.set_limits(venue_limits(), 1);
        venue.set_balance(200 * E9, 5_000);
        (venue.session_up, venue.reconciled) = (true, true);
        let mut firm = FirmRisk::new();
        firm.set_limits(firm_limits(), 1);
        firm.mode = Mode::Live;
        (firm.checked_ns, firm.clock_offset_ns) = (NOW, 0);
        Self {
            order: buy(),
            symbol: symbol(),
            strategy,
            venue,
            firm,
            parent: None,
            amend: None,
            linked_lots: 0,
            signal_ttl_ns: 500,
            now: NOW,
        }
    }

    /// The same world with 300 lots short: the buy opens nothing.
    fn reducing() -> Self {
        let mut rig = Self::new();
        rig.hold(-300);
        rig
    }

    /// Position of instrument and strategy.
    fn hold(&mut self, lots: i64) {
        (self.symbol.position_lots, self.strategy.position_lots) = (lots, lots);
    }

    fn world(&self) -> World<'_> {
        World {
            symbol: &self.symbol,
            strategy: &self.strategy,
            venue: &self.venue,
            firm: &self.firm,
            parent: self.parent,
            amend: self.amend,
            linked_lots: self.linked_lots,
            signal_ttl_ns: self.signal_ttl_ns,
            now: TsNs(self.now),
        }
    }

    fn ask<R>(&self, with: impl FnOnce(&Inquiry<'_>) -> R) -> R {
        with(&Inquiry::new(&self.order, &self.world()))
    }

    /// The verdict; its mask, its primary check and the check's own figures agree, and so does the
    /// verdict on a plain order by the checks compiled for those.
    fn verdict(&self) -> Verdict {
        self.ask(|inquiry| {
            let verdict = evaluate(inquiry);
            assert_eq!(verdict.mask, mask(inquiry));
            assert_eq!(verdict, judge(&self.order, &self.world()));
            for check in &CHECKS {
                let failed = verdict.mask >> check.id & 1 == 1;
                assert_eq!((check.run)(inquiry).is_good, !failed, "{}", check.code);
            }
            match verdict.primary {
                None => assert_eq!(verdict.mask, 0),
                Some((id, breach)) => {
                    assert_eq!(u32::from(id), verdict.mask.trailing_zeros(), "the lowest bit");
                    let found = (CHECKS[usize::from(id)].run)(inquiry);
                    assert_eq!((breach.limit, breach.actual), (found.limit, found.actual));
                }
            }
            assert_eq!(Approval::of(&verdict, inquiry.order, 7).is_some(), verdict.mask == 0);
            verdict
        })
    }

    /// The codes of every failed check, by number.
    fn codes(&self) -> Vec<&'static str> {
        codes(self.verdict().mask)
    }

    /// Every check passes.
    #[track_caller]
    fn passes(&self) {
        assert_eq!(self.codes(), [""; 0]);
    }

    /// Exactly these checks fail.
    #[track_caller]
    fn fails(&self, expected: &[&str]) {
        assert_eq!(self.codes(), expected);
    }

    /// This check alone fails, with this limit and this value.
    #[track_caller]
    fn denies(&self, code: &str, limit: i64, actual: i64) {
        let verdict = self.verdict();
        assert_eq!(codes(verdict.mask), [code]);
        let breach = verdict.primary.expect("denied").1;
        assert_eq!((breach.limit, breach.actual), (limit, actual), "{code}: limit and value");
    }
}

fn codes(mask: u64) -> Vec<&'static str> {
    (0..64).filter(|bit| mask >> bit & 1 == 1).filter_map(code_of).collect()
}

/// A changed world passes.
#[track_caller]
fn passes(change: impl FnOnce(&mut Rig)) {
    let mut rig = Rig::new();
    change(&mut rig);
    rig.passes();
}

/// A changed world fails this check alone, with these figures.
#[track_caller]
fn denies(code: &str, limit: i64, actual: i64, change: impl FnOnce(&mut Rig)) {
    let mut rig = Rig::new();
    change(&mut rig);
    rig.denies(code, limit, actual);
}

/// A changed world fails exactly these checks.
#[track_caller]
fn fails(expected: &[&str], change: impl FnOnce(&mut Rig)) {
    let mut rig = Rig::new();
    change(&mut rig);
    rig.fails(expected);
}

fn buy() -> OrderRequest {
    OrderRequest {
        instrument: InstrumentId(0),
        strategy: StrategyId(2),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        time_in_force: TimeInForce::Ioc,
        exec_inst: ExecInst::None,
        price_ticks: PriceTicks(10_000),
        stop_px_ticks: PriceTicks::UNDEF,
        qty_lots: QtyLots(100),
        expire_ns: TsNs::UNDEF,
        parent_id: 0,
        link_id: 0,
    }
}

fn instrument(kind: InstrumentType) -> Instrument {
    Instrument {
        header: FrameHeader::new::<Instrument>(),
        symbol: padded("TESTUSDT").expect("short"),
        tick_size_e9: 10_000_000,
        lot_size_e9: 1_000_000,
        min_qty_lots: QtyLots(5),
        max_qty_lots: QtyLots(100_000),
        min_notional_e9: E9,
        instrument_type: kind.code(),
        reserved: [0; 23],
    }
}

/// Every pair but a market order good till cancel.
fn order_types() -> u32 {
    let mut bits = 0;
    for ord_type in OrdType::ALL {
        for tif in TimeInForce::ALL {
            bits |= pair_bit(*ord_type, *tif);
        }
    }
    bits & !pair_bit(OrdType::Market, TimeInForce::Gtc)
}

fn symbol() -> SymbolRisk {
    let mut s = SymbolRisk::new(&instrument(InstrumentType::Spot));
    s.rules = SymbolRules {
        order_types: order_types(),
        strategies: 0b1_0100,
        fx: FxSource::Feed,
        band_due: true,
        locate_due: true,
    };
    s.set_limits(symbol_limits(), 1);
    s.set_touch(9_999, 10_001);
    (s.ask_depth_lots, s.bid_depth_lots) = (10_000, 8_000);
    (s.last_trade_ticks, s.prior_close_ticks) = (10_000, 9_990);
    (s.band_low_ticks, s.band_high_ticks) = (9_000, 11_000);
    (s.adv_lots, s.locate_lots) = (1_000_000, 500);
    (s.fx, s.fx_ns, s.last_market_ns) = (FxRate::ONE, NOW, NOW);
    s.var_slope_e9 = 1_000_000;
    s.signal.requested_ns = NOW;
    (s.signal.model_hash, s.signal.pinned_hash) = (7, 7);
    (s.signal.score_e6, s.signal.lag, s.signal.repeats) = (-250_000, 1, 1);
    s
}

fn symbol_limits() -> SymbolLimits {
    SymbolLimits {
        max_order_qty_lots: 400,
        max_order_notional_e9: 50 * E9,
        max_adv_bp: 5,
        max_depth_bp: 1_000,
        price_collar_bp: 100,
        price_collar_ticks: 10,
        max_aggression_ticks: 50,
        max_long_lots: 900,
        max_short_lots: 800,
        max_open_orders: 10,
        max_open_notional_e9: 90 * E9,
        max_market_age_ns: 1_000,
        max_spread_ticks: 20,
        max_spread_medians: 5,
        max_signal_lag: 3,
        max_signal_repeats: 4,
        order_rate_per_s: 10,
        order_burst: 5,
        max_duplicates: 2,
        duplicate_window_ns: 1_000,
        max_fill_lots: 10_000,
        fill_window_ns: E9,
        qty_step_lots: 1,
        price_step_ticks: 1,
    }
}

fn strategy_limits() -> StrategyLimits {
    StrategyLimits {
        max_long_lots: 950,
        max_short_lots: 850,
        max_open_orders: 20,
        order_rate_per_s: 10,
        order_burst: 8,
        capital_e9: 100 * E9,
        max_daily_loss_e9: E9,
        max_drawdown_e9: 2 * E9,
        max_loss_streak: 3,
        max_loss_per_min_e9: E9 / 2,
        max_order_to_trade: 4,
        max_executions: 50,
        max_consecutive_rejects: 5,
        max_daily_turnover_e9: 500 * E9,
        max_daily_orders: 1_000,
    }
}

fn venue_limits() -> VenueLimits {
    VenueLimits {
        max_open_orders: 30,
        order_rate_per_s: 20,
        order_burst: 16,
        message_rate_per_s: 100,
        message_burst: 100,
        order_share_bp: 5_000,
    }
}

fn firm_limits() -> FirmLimits {
    FirmLimits {
        max_order_notional_e9: 60 * E9,
        max_open_orders: 40,
        max_open_notional_e9: 300 * E9,
        max_gross_e9: 400 * E9,
        max_net_e9: 200 * E9,
        max_concentration_bp: 5_000,
        credit_use_bp: 5_000,
        var_limit_e9: 50 * E9,
        max_unknown_orders: 1,
        max_unknown_notional_e9: 20 * E9,
        max_daily_loss_e9: 3 * E9,
        max_drawdown_e9: 4 * E9,
        max_loss_per_min_e9: E9,
        max_daily_turnover_e9: 900 * E9,
        max_daily_orders: 5_000,
        max_risk_age_ns: 5_000,
        max_fx_age_ns: 6_000,
        max_clock_offset_ns: 100,
    }
}

#[test]
fn the_rig_passes_both_ways() {
    Rig::new().passes();
    Rig::reducing().passes();
    Rig::new().ask(|i| assert!(i.opens && i.is_exact && i.value_e9 == 10 * E9));
    Rig::reducing().ask(|i| assert!(!i.opens && i.reducible_lots == 300));
}

#[test]
fn a_loss_is_held_against_its_limit_exactly() {
    let extremes = [i64::MIN, i64::MIN + 1, -E9, -1, 0, 1, E9, i64::MAX - 1, i64::MAX];
    for limit in extremes {
        for profit in extremes {
            let exact = -i128::from(profit) <= i128::from(limit);
            assert_eq!(Measure::loss_at_most(limit, profit).is_good, exact, "{limit} {profit}");
        }
    }
}
