//! The bench's world: instruments, strategies, venues and stations with limits that are not trivial,
//! an order for each instrument, and one breach for each check.

use engine::gate::{Amend, Verdict, World, judge};
use engine::limits::{
    FirmLimits, FxSource, StrategyLimits, SymbolLimits, SymbolRules, VenueLimits, pair_bit,
};
use engine::orders::OrderRequest;
use engine::risk::{
    BookState, Disabled, DuplicateLog, FirmRisk, FxRate, StrategyRisk, SymbolRisk, VenueRisk,
};
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, InstrumentType, padded};
use wire::market::TradingStatus;
use wire::order::{ExecInst, OrdStatus, OrdType, Side, TimeInForce};
use wire::station::Mode;
use wire::{InstrumentId, PriceTicks, QtyLots, StrategyId, TsNs, VenueId};

/// Engine time of every order.
const NOW: u64 = 1_000_000_000_000;
const E9: i64 = 1_000_000_000;
/// Strategies and venues that orders are spread over.
const STRATEGIES: u16 = 16;
const VENUES: u16 = 4;

/// One order and where its figures are.
pub(crate) struct Case {
    order: OrderRequest,
    symbol: usize,
    strategy: usize,
    venue: usize,
    firm: usize,
    amend: Option<Amend>,
    /// The check that it is made to fail, if any.
    pub(crate) breach: Option<u8>,
}

/// Everything orders are asked against.
pub(crate) struct Desk {
    pub(crate) symbols: Vec<SymbolRisk>,
    strategies: Vec<StrategyRisk>,
    venues: Vec<VenueRisk>,
    firms: Vec<FirmRisk>,
    pub(crate) cases: Vec<Case>,
}

/// One case while it is made.
struct Draft {
    order: OrderRequest,
    symbol: SymbolRisk,
    strategy: StrategyRisk,
    venue: VenueRisk,
    firm: FirmRisk,
    amend: Option<Amend>,
}

impl Desk {
    /// `count` instruments with one order each; every eighth order fails one check, the checks in
    /// turn.
    pub(crate) fn new(count: usize) -> Self {
        let mut desk = Self {
            symbols: (0..count).map(symbol).collect(),
            strategies: (0..STRATEGIES).map(|_| strategy()).collect(),
            venues: (0..VENUES).map(|id| venue(VenueId(id))).collect(),
            firms: vec![firm()],
            cases: Vec::with_capacity(count),
        };
        for index in 0..count {
            desk.cases.push(Case {
                order: order(index),
                symbol: index,
                strategy: index % usize::from(STRATEGIES),
                venue: index % usize::from(VENUES),
                firm: 0,
                amend: None,
                breach: None,
            });
            if index % 8 == 7 {
                desk.breach(index, index / 8 % BREACHES.len());
            }
        }
        desk
    }

    /// Makes an order fail a check; what it shares with others gets a copy of its own.
    fn breach(&mut self, index: usize, check: usize) {
        let case = &mut self.cases[index];
        let mut draft = Draft {
            order: case.order,
            symbol: self.symbols[case.symbol].clone(),
            strategy: self.strategies[case.strategy].clone(),
            venue: self.venues[case.venue].clone(),
            firm: self.firms[case.firm].clone(),
            amend: None,
        };
        BREACHES[check](&mut draft);
        (case.order, case.amend, case.breach) =
            (draft.order, draft.amend, u8::try_from(check).ok());
        self.symbols[case.symbol] = draft.symbol;
        case.strategy = place(&mut self.strategies, draft.strategy);
        case.venue = place(&mut self.venues, draft.venue);
        case.firm = place(&mut self.firms, draft.firm);
    }

    /// Asks the gate about a case's order: the world is put together from the tables, as the engine
    /// does for every order.
    #[inline]
    pub(crate) fn ask(&self, case: usize) -> Verdict {
        let case = &self.cases[case];
        let world = World {
            symbol: &self.symbols[case.symbol],
            strategy: &self.strategies[case.strategy],
            venue: &self.venues[case.venue],
            firm: &self.firms[case.firm],
            parent: None,
            amend: case.amend,
            linked_lots: 0,
            signal_ttl_ns: 500,
            now: TsNs(NOW),
        };
        judge(&case.order, &world)
    }
}

/// Where an equal one is, or a new place.
fn place<T: PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    all.iter().position(|other| *other == one).unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    })
}

/// Both sides and several sizes.
fn order(index: usize) -> OrderRequest {
    let id = u16::try_from(index % usize::from(STRATEGIES)).unwrap_or(0);
    let is_buy = index % 16 < 8;
    OrderRequest {
        instrument: InstrumentId(u32::try_from(index).unwrap_or(0)),
        strategy: StrategyId(id),
        side: if is_buy { Side::Buy } else { Side::Sell },
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

fn symbol(index: usize) -> SymbolRisk {
    let mut s = SymbolRisk::new(&Instrument {
        header: FrameHeader::new::<Instrument>(),
        symbol: padded("TESTUSDT").unwrap_or_default(),
        tick_size_e9: 10_000_000,
        lot_size_e9: 1_000_000,
        min_qty_lots: QtyLots(5),
        max_qty_lots: QtyLots(100_000),
        min_notional_e9: E9,
        instrument_type: InstrumentType::Spot.code(),
        reserved: [0; 23],
    });
    s.rules = SymbolRules {
        order_types: !pair_bit(OrdType::Market, TimeInForce::Gtc),
        strategies: (1 << STRATEGIES) - 1,
        fx: FxSource::Feed,
        band_due: true,
        locate_due: true,
    };
    s.set_limits(symbol_limits(), 1);
    // A spread of two ticks round 10,000, moved by up to 20.
    let shift = i64::try_from(index % 41).unwrap_or(0) - 20;
    s.set_touch(9_999 + shift, 10_001 + shift);
    (s.ask_depth_lots, s.bid_depth_lots) = (10_000, 8_000);
    (s.last_trade_ticks, s.prior_close_ticks) = (10_000, 9_990);
    (s.band_low_ticks, s.band_high_ticks) = (9_000, 11_000);
    (s.adv_lots, s.locate_lots) = (1_000_000, 500);
    // Every second one has a rate that is not one.
    s.fx = FxRate::from_e9(E9 - i64::from(index % 2 == 1) * 9_999).unwrap_or_default();
    (s.fx_ns, s.last_market_ns) = (NOW, NOW);
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
        qty_step_lots: 5,
        price_step_ticks: 2,
    }
}

fn strategy() -> StrategyRisk {
    let mut t = StrategyRisk::new(true);
    let limits = StrategyLimits {
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
    };
    t.set_limits(limits, 1);
    t
}

fn venue(id: VenueId) -> VenueRisk {
    let mut v = VenueRisk::new(id);
    let limits = VenueLimits {
        max_open_orders: 30,
        order_rate_per_s: 20,
        order_burst: 16,
        message_rate_per_s: 100,
        message_burst: 100,
        order_share_bp: 5_000,
    };
    v.set_limits(limits, 1);
    v.set_balance(200 * E9, 5_000);
    (v.session_up, v.reconciled) = (true, true);
    v
}

fn firm() -> FirmRisk {
    let mut f = FirmRisk::new();
    let limits = FirmLimits {
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
    };
    f.set_limits(limits, 1);
    (f.mode, f.checked_ns, f.clock_offset_ns) = (Mode::Live, NOW, 0);
    f
}

/// A change for each check, by number, that makes it fail.
const BREACHES: [fn(&mut Draft); 64] = [
    |d| d.firm.killed = true,
    |d| d.firm.mode = Mode::Reducing,
    |d| d.venue.reconciled = false,
    |d| d.venue.session_up = false,
    |d| d.strategy.disabled = Disabled::Rejects,
    |d| d.order.strategy = StrategyId(63),
    |d| d.symbol.epoch = 0,
    |d| d.venue.epoch = 2,
    |d| d.firm.checked_ns = NOW - 5_001,
    |d| d.firm.audit_fill = 750,
    |d| d.firm.clock_offset_ns = -1,
    |d| d.symbol.tradable = false,
    |d| d.symbol.min_qty_lots = 101,
    |d| d.symbol.limits.price_step_ticks = 3,
    |d| d.strategy.sell_lots = i64::MAX,
    |d| d.symbol.min_notional_e9 = 10 * E9 + 1,
    |d| d.order.exec_inst = ExecInst::PostOnly,
    |d| d.order.time_in_force = TimeInForce::Gtd,
    |d| {
        d.order.ord_type = OrdType::Stop;
        d.order.price_ticks = PriceTicks::UNDEF;
        d.order.stop_px_ticks = PriceTicks(10_000);
        d.symbol.set_touch(9_999, 10_001);
    },
    |d| d.symbol.status = TradingStatus::Auction,
    |d| d.symbol.band_high_ticks = i64::MIN,
    |d| {
        d.order.side = Side::Sell;
        d.symbol.locate_lots = -1;
    },
    |d| d.order.exec_inst = ExecInst::ReduceOnly,
    |d| d.symbol.limits.max_order_qty_lots = 99,
    |d| d.firm.limits.max_order_notional_e9 = 9 * E9,
    |d| d.symbol.fx_ns = 0,
    |d| d.symbol.adv_lots = -1,
    |d| (d.symbol.ask_depth_lots, d.symbol.bid_depth_lots) = (999, 999),
    |d| d.order.price_ticks = PriceTicks(10_200),
    |d| d.order.price_ticks = PriceTicks(if d.order.side == Side::Buy { 10_074 } else { 9_926 }),
    |d| d.order.parent_id = 1,
    |d| d.firm.wire_difference = -1,
    |d| d.symbol.last_market_ns = 0,
    |d| d.symbol.book = BookState::Crossed,
    |d| d.symbol.book = BookState::Gapped,
    |d| d.symbol.spread_median_x256 = 0,
    |d| d.symbol.signal.requested_ns = 0,
    |d| d.symbol.signal.lag = 4,
    |d| d.symbol.signal.score_e6 = i32::MIN,
    |d| d.symbol.signal.pinned_hash = 0,
    |d| (d.strategy.buy_lots, d.strategy.sell_lots) = (851, 751),
    |d| d.firm.open_orders = 40,
    |d| d.firm.exposure.open_e9 = 300 * E9,
    |d| d.firm.exposure.gross_e9 = 400 * E9 + 1,
    |d| (d.firm.exposure.up_e9, d.firm.exposure.down_e9) = (200 * E9, 200 * E9),
    |d| d.symbol.contribution.gross_e9 = 200 * E9 + 1,
    |d| d.venue.set_balance(-1, 5_000),
    |d| d.strategy.limits.capital_e9 = 9 * E9,
    |d| d.symbol.var_slope_e9 = i64::MAX,
    |d| d.firm.unknown_orders = 2,
    |d| d.firm.pnl_e9 = -3 * E9 - 1,
    |d| d.firm.high_water_e9 = 4 * E9 + 1,
    |d| d.strategy.loss_streak = 4,
    |d| d.firm.minute_loss_e9 = E9 + 1,
    |d| (0..5).for_each(|_| d.symbol.orders.take(TsNs(NOW))),
    |d| (0..50).for_each(|_| d.venue.messages.take(TsNs(NOW))),
    |d| d.strategy.messages = 99,
    |d| {
        let key = DuplicateLog::key(&d.order);
        (0..2).for_each(|_| d.symbol.duplicates.add(key, TsNs(NOW)));
    },
    |d| (d.symbol.own_ask_ticks, d.symbol.own_bid_ticks) = (10_000, 10_000),
    |d| d.strategy.executions = 50,
    |d| d.symbol.fills.add(TsNs(NOW), E9, 10_001),
    |d| d.strategy.rejects = 6,
    |d| d.firm.orders_today = 5_000,
    |d| {
        let status = OrdStatus::Unknown;
        d.amend = Some(Amend {
            cl_ord_id: wire::ClOrdId::UNDEF,
            status,
            cum_lots: 0,
            leaves_lots: 100,
            value_e9: 10 * E9,
        });
    },
];
