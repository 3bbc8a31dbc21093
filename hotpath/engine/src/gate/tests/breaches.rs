//! One breach for each check: alone it denies with that code and no other, and the check's row in
//! GATE.md says whether an order that opens nothing is let through. Both are tested for all 64.

use super::*;
use crate::risk::{Disabled, DuplicateLog};

/// A change that makes one check fail.
pub(super) type Breach = (&'static str, fn(&mut Rig));

/// In the order of their numbers.
pub(super) const BREACHES: [Breach; 64] = [
    ("KILL_SWITCH", |r| r.firm.killed = true),
    ("MODE_NOT_LIVE", |r| r.firm.mode = Mode::Reducing),
    ("NOT_RECONCILED", |r| r.venue.reconciled = false),
    ("SESSION_DOWN", |r| r.venue.session_up = false),
    ("STRATEGY_DISABLED", |r| r.strategy.disabled = Disabled::Rejects),
    ("UNAUTHORIZED_ORIGIN", |r| r.order.strategy = StrategyId(3)),
    ("LIMITS_MISSING", |r| {
        // Every row gone at once: they then are of one epoch.
        (r.symbol.epoch, r.strategy.epoch, r.venue.epoch, r.firm.epoch) = (0, 0, 0, 0);
    }),
    ("LIMITS_EPOCH", |r| r.venue.epoch = 2),
    ("RISK_STATE_STALE", |r| r.firm.checked_ns = NOW - 5_001),
    ("AUDIT_BACKPRESSURE", |r| r.firm.audit_fill = 750),
    ("CLOCK_UNSYNC", |r| r.firm.clock_offset_ns = -1),
    ("UNKNOWN_INSTRUMENT", |r| r.symbol.tradable = false),
    ("INVALID_QTY", |r| r.symbol.min_qty_lots = 101),
    ("INVALID_PRICE", |r| r.symbol.limits.price_step_ticks = 3),
    ("ARITH_OVERFLOW", |r| r.strategy.sell_lots = i64::MAX),
    ("MIN_NOTIONAL", |r| r.symbol.min_notional_e9 = 10 * E9 + 1),
    ("UNSUPPORTED_TYPE", |r| r.order.exec_inst = ExecInst::PostOnly),
    ("EXPIRE_IN_PAST", |r| r.order.time_in_force = TimeInForce::Gtd),
    ("TRIGGER_WRONG_SIDE", |r| {
        r.order.ord_type = OrdType::Stop;
        r.order.price_ticks = PriceTicks::UNDEF;
        r.order.stop_px_ticks = PriceTicks(10_001);
    }),
    ("SYMBOL_STATUS", |r| r.symbol.status = wire::market::TradingStatus::Auction),
    ("PRICE_BAND", |r| r.symbol.band_high_ticks = i64::MIN),
    ("SHORT_SALE", |r| {
        r.order.side = Side::Sell;
        r.symbol.locate_lots = -1;
    }),
    ("REDUCE_ONLY", |r| r.order.exec_inst = ExecInst::ReduceOnly),
    ("MAX_ORDER_QTY", |r| r.symbol.limits.max_order_qty_lots = 99),
    ("MAX_ORDER_NOTIONAL", |r| r.firm.limits.max_order_notional_e9 = 10 * E9 - 1),
    ("FX_RATE", |r| r.symbol.fx_ns = 0),
    ("MAX_PCT_ADV", |r| r.symbol.adv_lots = -1),
    ("MAX_PCT_DEPTH", |r| r.symbol.ask_depth_lots = 999),
    ("PRICE_COLLAR", |r| {
        r.symbol.limits.price_collar_bp = 1;
        r.order.price_ticks = PriceTicks(10_011);
    }),
    ("AGGRESSION", |r| r.order.price_ticks = PriceTicks(10_052)),
    ("PARENT_CONSERVATION", |r| r.order.parent_id = 1),
    ("UNAPPROVED_WIRE", |r| r.firm.wire_difference = -1),
    ("STALE_MARKET_DATA", |r| r.symbol.last_market_ns = 0),
    ("BOOK_CROSSED", |r| r.symbol.book = BookState::Crossed),
    ("BOOK_GAPPED", |r| r.symbol.book = BookState::Gapped),
    ("SPREAD_TOO_WIDE", |r| r.symbol.spread_median_x256 = 0),
    ("SIGNAL_STALE", |r| r.symbol.signal.requested_ns = 0),
    ("SIGNAL_SEQ", |r| r.symbol.signal.lag = 4),
    ("SIGNAL_RANGE", |r| r.symbol.signal.score_e6 = i32::MIN),
    ("SIGNAL_MODEL", |r| (r.symbol.signal.model_hash, r.symbol.signal.pinned_hash) = (0, 0)),
    ("MAX_POSITION", |r| r.strategy.buy_lots = 851 - r.strategy.position_lots),
    ("MAX_OPEN_ORDERS", |r| r.firm.open_orders = 40),
    ("MAX_OPEN_NOTIONAL", |r| r.firm.exposure.open_e9 = 300 * E9),
    ("MAX_GROSS", |r| r.firm.exposure.gross_e9 = 400 * E9 + 1),
    ("MAX_NET", |r| r.firm.exposure.up_e9 = 200 * E9),
    ("CONCENTRATION", |r| r.symbol.contribution.gross_e9 = 200 * E9 + 1),
    ("CREDIT_INSUFFICIENT", |r| r.venue.set_balance(-1, 5_000)),
    ("STRATEGY_CAPITAL", |r| r.strategy.limits.capital_e9 = 10 * E9 - 1),
    ("VAR_LIMIT", |r| r.symbol.var_slope_e9 = i64::MAX),
    ("UNKNOWN_EXPOSURE", |r| r.firm.unknown_orders = 2),
    ("DAILY_LOSS", |r| r.firm.pnl_e9 = -3 * E9 - 1),
    ("MAX_DRAWDOWN", |r| r.firm.high_water_e9 = 4 * E9 + 1),
    ("LOSS_STREAK", |r| r.strategy.loss_streak = 4),
    ("PNL_VELOCITY", |r| r.firm.minute_loss_e9 = E9 + 1),
    ("ORDER_RATE", |r| (0..5).for_each(|_| r.symbol.orders.take(TsNs(NOW)))),
    ("MESSAGE_RATE", |r| (0..50).for_each(|_| r.venue.messages.take(TsNs(NOW)))),
    ("ORDER_TO_TRADE", |r| r.strategy.messages = 99),
    ("DUPLICATE_ORDER", |r| {
        let key = DuplicateLog::key(&r.order);
        (0..2).for_each(|_| r.symbol.duplicates.add(key, TsNs(NOW)));
    }),
    ("SELF_TRADE", |r| r.symbol.own_ask_ticks = 10_000),
    ("REPEATED_EXECUTION", |r| r.strategy.executions = 50),
    ("FILL_RATE", |r| r.symbol.fills.add(TsNs(NOW), E9, 10_001)),
    ("CONSECUTIVE_REJECTS", |r| r.strategy.rejects = 6),
    ("DAILY_ACTIVITY", |r| r.firm.orders_today = 5_000),
    ("AMEND", |r| r.amend = Some(working(OrdStatus::Unknown))),
];

/// A working order of 100 lots with nothing filled, which the order changes.
fn working(status: OrdStatus) -> Amend {
    Amend { cl_ord_id: ClOrdId::UNDEF, status, cum_lots: 0, leaves_lots: 100, value_e9: 10 * E9 }
}

/// Breaches that are about opening, so that they are none for an order that opens nothing.
const ABOUT_OPENING: [&str; 3] = ["SHORT_SALE", "REDUCE_ONLY", "AUDIT_BACKPRESSURE"];

#[test]
fn every_check_denies_alone() {
    for (check, (code, breach)) in CHECKS.iter().zip(BREACHES) {
        assert_eq!(check.code, code);
        let mut rig = Rig::new();
        breach(&mut rig);
        // A worst case that does not fit is above every capital; alone it stands where that does
        // not apply, in the next test.
        let expected: &[&str] =
            if code == "ARITH_OVERFLOW" { &[code, "STRATEGY_CAPITAL"] } else { &[code] };
        assert_eq!(rig.codes(), expected);
        assert_eq!(rig.verdict().primary.map(|(id, _)| id), Some(check.id));
    }
}

/// An order that opens nothing is let through exactly where the row says so.
#[test]
fn what_opens_nothing_is_let_through_where_the_row_says_so() {
    for (check, (code, breach)) in CHECKS.iter().zip(BREACHES) {
        let mut rig = Rig::reducing();
        breach(&mut rig);
        if code == "SHORT_SALE" {
            rig.hold(300);
        }
        let may = check.rule.contains("opens nothing")
            | check.rule.contains("opening nothing")
            | ABOUT_OPENING.contains(&code);
        let expected: &[&str] = if may { &[] } else { &[code] };
        assert_eq!(rig.codes(), expected, "{code}: {}", check.rule);
    }
}

/// Two breaches give both codes, and the lower number is the primary one.
#[test]
fn everything_is_evaluated_and_the_lowest_number_is_primary() {
    for (low, first) in BREACHES.iter().enumerate() {
        for second in BREACHES.iter().skip(low + 1) {
            let mut rig = Rig::new();
            first.1(&mut rig);
            second.1(&mut rig);
            let verdict = rig.verdict();
            // Some changes undo or entail others (a stop has no limit price, a sell no buy's
            // depth): the first at least, or the second, stays.
            let found = codes(verdict.mask);
            assert!(found.contains(&first.0) | found.contains(&second.0), "{first:?} {second:?}");
            let primary = verdict.primary.and_then(|(id, _)| code_of(id));
            assert_eq!(primary, found.first().copied());
        }
    }
    fails(&["KILL_SWITCH", "MAX_ORDER_QTY", "MAX_DRAWDOWN", "DAILY_ACTIVITY"], |r| {
        for id in [0, 23, 51, 62] {
            BREACHES[id].1(r);
        }
    });
}
