//! Checks 0 to 11: who may trade at all.

use super::*;
use crate::risk::Disabled;

#[test]
fn a_kill_switch_of_any_scope_stops_everything() {
    denies("KILL_SWITCH", 0, 1, |r| r.firm.killed = true);
    denies("KILL_SWITCH", 0, 2, |r| r.venue.killed = true);
    denies("KILL_SWITCH", 0, 4, |r| r.strategy.killed = true);
    denies("KILL_SWITCH", 0, 8, |r| r.symbol.killed = true);
    denies("KILL_SWITCH", 0, 15, |r| {
        (r.firm.killed, r.venue.killed, r.strategy.killed, r.symbol.killed) =
            (true, true, true, true);
    });
}

#[test]
fn live_lets_orders_through_and_reducing_what_opens_nothing() {
    let live = i64::from(Mode::Live.code());
    for mode in Mode::ALL {
        let (mut opening, mut closing) = (Rig::new(), Rig::reducing());
        (opening.firm.mode, closing.firm.mode) = (*mode, *mode);
        match mode {
            Mode::Live => (opening.passes(), closing.passes()),
            Mode::Reducing => (opening.denies("MODE_NOT_LIVE", 0, 100), closing.passes()),
            Mode::Boot | Mode::Reconcile | Mode::Maintenance | Mode::Draining | Mode::Halted => (
                opening.denies("MODE_NOT_LIVE", live, mode.code().into()),
                closing.denies("MODE_NOT_LIVE", live, mode.code().into()),
            ),
        };
    }
}

#[test]
fn reducing_and_advice_let_exactly_the_position_through() {
    let set: [fn(&mut Rig); 2] =
        [|r| r.firm.mode = Mode::Reducing, |r| r.symbol.reduce_only = true];
    for set in set {
        // Short 300 of which 40 are being bought back; mirrored for a sell.
        let buy = |qty| {
            let mut rig = Rig::reducing();
            (rig.symbol.buy_lots, rig.strategy.buy_lots) = (40, 40);
            rig.order.qty_lots = QtyLots(qty);
            set(&mut rig);
            rig
        };
        buy(260).passes();
        buy(261).denies("MODE_NOT_LIVE", 260, 261);
        let sell = |qty| {
            let mut rig = Rig::new();
            rig.hold(300);
            (rig.symbol.sell_lots, rig.symbol.buy_lots) = (40, 9);
            rig.order.side = Side::Sell;
            rig.order.qty_lots = QtyLots(qty);
            set(&mut rig);
            rig
        };
        sell(260).passes();
        sell(261).denies("MODE_NOT_LIVE", 260, 261);
    }
    // Both at once are no more than one.
    passes(|r| {
        r.hold(-100);
        r.firm.mode = Mode::Reducing;
        r.symbol.reduce_only = true;
    });
}

#[test]
fn venue_and_strategy_must_be_ready() {
    denies("NOT_RECONCILED", 1, 0, |r| r.venue.reconciled = false);
    denies("SESSION_DOWN", 1, 0, |r| r.venue.session_up = false);
    let reasons = [
        (Disabled::DailyLoss, 1),
        (Disabled::Drawdown, 2),
        (Disabled::LossStreak, 3),
        (Disabled::LossVelocity, 4),
        (Disabled::Executions, 5),
        (Disabled::Rejects, 6),
    ];
    for (reason, number) in reasons {
        denies("STRATEGY_DISABLED", 0, number, |r| r.strategy.disabled = reason);
    }
}

#[test]
fn only_strategies_that_the_row_names_may_trade() {
    for id in 0..130 {
        let set = |r: &mut Rig| r.order.strategy = StrategyId(id);
        if id == 2 || id == 4 {
            passes(set);
        } else {
            denies("UNAUTHORIZED_ORIGIN", 0b1_0100, i64::from(id), set);
        }
    }
    passes(|r| {
        r.symbol.rules.strategies = 1 << 63;
        r.order.strategy = StrategyId(63);
    });
    denies("UNAUTHORIZED_ORIGIN", -1, 64, |r| {
        r.symbol.rules.strategies = u64::MAX;
        r.order.strategy = StrategyId(64);
    });
}

#[test]
fn every_row_is_there_and_of_one_epoch() {
    // A row that is missing while others are there is of another epoch too.
    let missing: [(fn(&mut Rig), i64); 4] = [
        (|r| r.symbol.epoch = 0, 1),
        (|r| r.strategy.epoch = 0, 2),
        (|r| r.venue.epoch = 0, 4),
        (|r| r.firm.epoch = 0, 8),
    ];
    for (set, bit) in missing {
        let mut rig = Rig::new();
        set(&mut rig);
        rig.fails(&["LIMITS_MISSING", "LIMITS_EPOCH"]);
        let (_, breach) = rig.verdict().primary.expect("denied");
        assert_eq!((breach.limit, breach.actual), (0, bit));
    }
    denies("LIMITS_MISSING", 0, 15, |r| {
        (r.symbol.epoch, r.strategy.epoch, r.venue.epoch, r.firm.epoch) = (0, 0, 0, 0);
    });
    denies("LIMITS_EPOCH", 1, 2, |r| r.symbol.epoch = 2);
    denies("LIMITS_EPOCH", 1, 3, |r| r.strategy.epoch = 3);
    denies("LIMITS_EPOCH", 1, 4, |r| r.venue.epoch = 4);
    denies("LIMITS_EPOCH", i64::MAX, 1, |r| r.firm.epoch = u64::MAX);
    denies("LIMITS_EPOCH", 1, 2, |r| (r.symbol.epoch, r.strategy.epoch) = (2, 3));
    passes(|r| {
        (r.symbol.epoch, r.strategy.epoch, r.venue.epoch, r.firm.epoch) = (9, 9, 9, 9);
    });
}

#[test]
fn the_state_of_risk_is_young() {
    passes(|r| r.firm.checked_ns = NOW - 5_000);
    denies("RISK_STATE_STALE", 5_000, 5_001, |r| r.firm.checked_ns = NOW - 5_001);
    // An outside value at risk counts only where there is one.
    let outside = |r: &mut Rig, age| (r.firm.var_external, r.firm.var_ns) = (true, NOW - age);
    passes(|r| outside(r, 5_000));
    denies("RISK_STATE_STALE", 5_000, 5_001, |r| outside(r, 5_001));
    denies("RISK_STATE_STALE", 5_000, 5_001, |r| {
        outside(r, 1);
        r.firm.checked_ns = NOW - 5_001;
    });
    passes(|r| r.firm.var_ns = 0);
}

/// Also where engine time starts at 0: what never happened is not young.
#[test]
fn what_never_was_is_as_old_as_can_be() {
    for never in [0, u64::MAX] {
        denies("RISK_STATE_STALE", 5_000, i64::MAX, |r| {
            r.now = 10;
            (r.firm.checked_ns, r.symbol.fx_ns) = (never, 1);
            (r.symbol.last_market_ns, r.symbol.signal.requested_ns) = (1, 1);
        });
        denies("RISK_STATE_STALE", 5_000, i64::MAX, |r| {
            (r.firm.var_external, r.firm.var_ns) = (true, never);
        });
        denies("FX_RATE", 6_000, i64::MAX, |r| r.symbol.fx_ns = never);
        denies("STALE_MARKET_DATA", 1_000, i64::MAX, |r| r.symbol.last_market_ns = never);
        denies("SIGNAL_STALE", 500, i64::MAX, |r| r.symbol.signal.requested_ns = never);
        denies("SIGNAL_STALE", i64::MAX - 1, i64::MAX, |r| {
            r.signal_ttl_ns = u64::MAX;
            r.symbol.signal.requested_ns = never;
        });
    }
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let fill = |mut rig: Rig, thousandths| {
        rig.firm.audit_fill = thousandths;
        rig
    };
    fill(Rig::new(), 749).passes();
    fill(Rig::new(), 750).denies("AUDIT_BACKPRESSURE", 749, 750);
    fill(Rig::reducing(), 999).passes();
    fill(Rig::reducing(), 1_000).denies("AUDIT_BACKPRESSURE", 999, 1_000);
}

#[test]
fn the_clock_is_known_and_close() {
    passes(|r| r.firm.clock_offset_ns = 100);
    denies("CLOCK_UNSYNC", 100, 101, |r| r.firm.clock_offset_ns = 101);
    denies("CLOCK_UNSYNC", 100, i64::MAX, |r| r.firm.clock_offset_ns = -1);
}

#[test]
fn the_instrument_can_be_traded() {
    denies("UNKNOWN_INSTRUMENT", 1, 0, |r| r.symbol.tradable = false);
    for (kind, tradable) in [
        (InstrumentType::Spot, true),
        (InstrumentType::LinearPerp, true),
        (InstrumentType::InversePerp, false),
    ] {
        assert_eq!(SymbolRisk::new(&instrument(kind)).tradable, tradable, "{kind:?}");
    }
    let mut odd = instrument(InstrumentType::Spot);
    odd.tick_size_e9 = 1;
    assert!(!SymbolRisk::new(&odd).tradable, "no whole value of a tick");
}
