//! Each check at, below and above its limit, on a real instrument state.

use super::*;
use crate::bars::BarAggregator;
use crate::book::{BookConfig, L2Book};
use crate::instrument::{RateBucket, Reserved, Signal};
use crate::position::Position;
use wire::frame::FrameHeader;
use wire::instrument::{Instrument, InstrumentType, padded};
use wire::market::{Level, TradingStatus};
use wire::order::{ExecInst, OrdType, TimeInForce};
use wire::{InstrumentId, MoneyE9, PriceTicks, QtyLots, StrategyId};

const NOW: TsNs = TsNs(1_000_000_000_000);

struct World {
    order: OrderRequest,
    state: InstrumentState,
    limits: Option<Limits>,
    known: bool,
    killed: bool,
    mode: Mode,
    signal_ttl_ns: Option<u64>,
}

fn row() -> Instrument {
    let mut header = FrameHeader::new::<Instrument>();
    header.instrument_id = InstrumentId(0);
    Instrument {
        header,
        symbol: padded("TESTUSDT").expect("short"),
        tick_size_e9: 10_000_000,
        lot_size_e9: 1_000_000,
        min_qty_lots: QtyLots(2),
        max_qty_lots: QtyLots(1_000),
        min_notional_e9: 5_000_000_000,
        instrument_type: InstrumentType::Spot.code(),
        reserved: [0; 23],
    }
}

/// A live world in which a buy of 100 lots at 10,000 ticks (100.00) passes everything.
fn world() -> World {
    let level = |price, qty| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
    let mut book = L2Book::new(BookConfig { window_ticks: 4096, max_levels: 64 });
    book.apply_snapshot(&[level(9_999, 50)], &[level(10_001, 50)], 1);
    World {
        order: OrderRequest {
            instrument: InstrumentId(0),
            strategy: StrategyId(0),
            side: Side::Buy,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::Ioc,
            exec_inst: ExecInst::None,
            price_ticks: PriceTicks(10_000),
            qty_lots: QtyLots(100),
        },
        state: InstrumentState {
            row: row(),
            tick_value_e9: 10_000,
            limits: None,
            book,
            quote: None,
            last_trade_ticks: PriceTicks(10_000),
            status: TradingStatus::Trading,
            last_market_ns: NOW,
            bars: BarAggregator::new(),
            position: Position::default(),
            reserved: Reserved::default(),
            rate: RateBucket::default(),
            sampler: None,
            signal: None,
        },
        limits: Some(Limits {
            max_order_qty_lots: QtyLots(500),
            max_order_notional_e9: 50_000_000_000,
            max_long_lots: 300,
            max_short_lots: 200,
            max_open_orders: 3,
            price_collar_bp: 100,
            order_rate_per_s: 10,
            order_burst: 2,
            max_market_age_ns: 1_000,
        }),
        known: true,
        killed: false,
        mode: Mode::Live,
        signal_ttl_ns: None,
    }
}

/// The codes of every failed check, in order of their numbers.
fn denied(w: &World) -> Vec<&'static str> {
    let verdict = evaluate(&Inquiry {
        order: &w.order,
        instrument: w.known.then_some(&w.state),
        limits: w.limits.as_ref(),
        killed: w.killed,
        mode: w.mode,
        signal_ttl_ns: w.signal_ttl_ns,
        now: NOW,
    });
    assert_eq!(verdict.mask == 0, verdict.primary.is_none());
    if let Some((id, _)) = verdict.primary {
        assert_eq!(u32::from(id), verdict.mask.trailing_zeros(), "primary is the lowest bit");
    }
    (0..64).filter(|b| verdict.mask & (1 << b) != 0).filter_map(code_of).collect()
}

/// `change` applied to the passing world gives exactly these codes.
fn check(codes: &[&str], change: impl FnOnce(&mut World)) {
    let mut w = world();
    change(&mut w);
    assert_eq!(denied(&w), codes);
}

fn position(w: &mut World, lots: i64) {
    let side = if lots > 0 { Side::Buy } else { Side::Sell };
    w.state
        .position
        .fill(side, PriceTicks(10_000), QtyLots(lots.abs()), MoneyE9(0))
        .expect("small");
}

#[test]
fn the_world_passes() {
    check(&[], |_| {});
}

#[test]
fn authority() {
    check(&["KILL_SWITCH"], |w| w.killed = true);
    for mode in Mode::ALL {
        let codes: &[&str] = if *mode == Mode::Live { &[] } else { &["MODE_NOT_LIVE"] };
        check(codes, |w| w.mode = *mode);
    }
    check(&["LIMITS_MISSING"], |w| w.limits = None);
}

#[test]
fn reducing_lets_exactly_the_position_through() {
    let sell = |qty, working, codes: &[&str]| {
        check(codes, |w| {
            w.mode = Mode::Reducing;
            position(w, 150);
            w.state.reserved.sell_lots = working;
            w.order.side = Side::Sell;
            w.order.qty_lots = QtyLots(qty);
        });
    };
    sell(149, 0, &[]);
    sell(150, 0, &[]);
    sell(151, 0, &["MODE_NOT_LIVE"]);
    sell(100, 50, &[]);
    sell(100, 51, &["MODE_NOT_LIVE"]);
    check(&["MODE_NOT_LIVE"], |w| {
        w.mode = Mode::Reducing;
        position(w, 50);
    });
}

#[test]
fn instrument_and_type() {
    check(&["UNKNOWN_INSTRUMENT"], |w| w.known = false);
    check(&["UNKNOWN_INSTRUMENT"], |w| {
        w.state.row.instrument_type = InstrumentType::InversePerp.code();
    });
    check(&["UNSUPPORTED_TYPE"], |w| w.order.ord_type = OrdType::Market);
    check(&["UNSUPPORTED_TYPE"], |w| w.order.exec_inst = ExecInst::PostOnly);
    check(&[], |w| {
        w.order.exec_inst = ExecInst::PostOnly;
        w.order.time_in_force = TimeInForce::Gtc;
    });
}

#[test]
fn quantity_and_price() {
    let qty = |lots, codes: &[&str]| {
        check(codes, |w| {
            w.state.row.min_notional_e9 = 0;
            w.limits = w.limits.map(|l| Limits {
                max_order_qty_lots: QtyLots(5_000),
                max_order_notional_e9: i64::MAX,
                max_long_lots: 5_000,
                ..l
            });
            w.order.qty_lots = QtyLots(lots);
        });
    };
    qty(1, &["INVALID_QTY"]);
    qty(2, &[]);
    qty(1_000, &[]);
    qty(1_001, &["INVALID_QTY"]);
    qty(-5, &["INVALID_QTY", "MIN_NOTIONAL"]);
    check(&["INVALID_PRICE", "MIN_NOTIONAL", "PRICE_COLLAR"], |w| {
        w.order.price_ticks = PriceTicks(0);
    });
    check(&["INVALID_PRICE", "MAX_ORDER_NOTIONAL", "PRICE_COLLAR"], |w| {
        w.order.price_ticks = PriceTicks::UNDEF;
    });
}

#[test]
fn notional_bounds() {
    // 10,000 ticks x 50 lots x 10,000 = 5e9: exactly the minimum.
    let qty = |lots, codes: &[&str]| check(codes, |w| w.order.qty_lots = QtyLots(lots));
    qty(49, &["MIN_NOTIONAL"]);
    qty(50, &[]);
    let max = |limit, codes: &[&str]| {
        check(codes, |w| {
            w.limits = w.limits.map(|l| Limits { max_order_notional_e9: limit, ..l });
        });
    };
    max(9_999_999_999, &["MAX_ORDER_NOTIONAL"]);
    max(10_000_000_000, &[]);
    // A value that leaves 64 bits is above every limit, never wrapped.
    check(&["MAX_ORDER_NOTIONAL", "PRICE_COLLAR"], |w| {
        w.order.price_ticks = PriceTicks(i64::MAX / 2);
        w.limits = w.limits.map(|l| Limits { max_order_notional_e9: i64::MAX - 1, ..l });
    });
}

#[test]
fn market_state() {
    for status in TradingStatus::ALL {
        let open = *status == TradingStatus::Trading;
        let codes: &[&str] = if open { &[] } else { &["MARKET_NOT_OPEN"] };
        check(codes, |w| w.state.status = *status);
    }
    check(&["MARKET_NOT_OPEN", "PRICE_COLLAR"], |w| w.state.book.mark_gapped());
    check(&["MARKET_NOT_OPEN"], |w| {
        let bid = Level { price_ticks: PriceTicks(10_001), qty_lots: QtyLots(1) };
        w.state.book.apply_delta(&[bid], &[]);
    });
    let age = |ns, codes: &[&str]| {
        check(codes, |w| w.state.last_market_ns = TsNs(NOW.get() - ns));
    };
    age(1_000, &[]);
    age(1_001, &["STALE_MARKET_DATA"]);
}

#[test]
fn signal_age() {
    let aged = |age: Option<u64>, codes: &[&str]| {
        check(codes, |w| {
            w.signal_ttl_ns = Some(500);
            w.state.signal = age.map(|a| Signal {
                score_e6: 1,
                request_id: 1,
                requested_ns: TsNs(NOW.get() - a),
                model_hash: 1,
            });
        });
    };
    aged(Some(500), &[]);
    aged(Some(501), &["SIGNAL_STALE"]);
    aged(None, &["SIGNAL_STALE"]);
    // Closing needs no signal.
    check(&[], |w| {
        w.signal_ttl_ns = Some(500);
        position(w, 100);
        w.order.side = Side::Sell;
    });
}

#[test]
fn collar() {
    let price = |ticks, codes: &[&str]| check(codes, |w| w.order.price_ticks = PriceTicks(ticks));
    price(10_100, &[]);
    price(10_101, &["PRICE_COLLAR"]);
    price(9_900, &[]);
    price(9_899, &["PRICE_COLLAR"]);
}

#[test]
fn operator_size() {
    let max = |lots, codes: &[&str]| {
        check(codes, |w| {
            w.limits = w.limits.map(|l| Limits { max_order_qty_lots: QtyLots(lots), ..l });
        });
    };
    max(100, &[]);
    max(99, &["MAX_ORDER_QTY"]);
}

#[test]
fn worst_case_position() {
    let long = |held, working, codes: &[&str]| {
        check(codes, |w| {
            if held != 0 {
                position(w, held);
            }
            w.state.reserved.buy_lots = working;
        });
    };
    long(200, 0, &[]);
    long(201, 0, &["MAX_POSITION"]);
    long(100, 100, &[]);
    long(100, 101, &["MAX_POSITION"]);
    // Working sells do not make room for buys: they may never fill.
    check(&["MAX_POSITION"], |w| {
        position(w, 201);
        w.state.reserved.sell_lots = 200;
    });
    let short = |held, codes: &[&str]| {
        check(codes, |w| {
            position(w, held);
            w.order.side = Side::Sell;
        });
    };
    short(-100, &[]);
    short(-101, &["MAX_POSITION"]);
}

#[test]
fn open_orders_and_rate() {
    let open = |orders, codes: &[&str]| check(codes, |w| w.state.reserved.orders = orders);
    open(2, &[]);
    open(3, &["MAX_OPEN_ORDERS"]);
    let taken = |orders, codes: &[&str]| {
        check(codes, |w| {
            for _ in 0..orders {
                w.state.rate.take(NOW, 10);
            }
        });
    };
    taken(1, &[]);
    taken(2, &["ORDER_RATE"]);
}

#[test]
fn everything_is_evaluated_at_once() {
    check(&["KILL_SWITCH", "MODE_NOT_LIVE", "MAX_ORDER_QTY", "PRICE_COLLAR"], |w| {
        w.killed = true;
        w.mode = Mode::Halted;
        w.order.price_ticks = PriceTicks(11_000);
        w.limits = w.limits.map(|l| Limits { max_order_qty_lots: QtyLots(1), ..l });
    });
}

#[test]
fn numbers_and_codes_are_unique_and_in_order() {
    for (index, check) in CHECKS.iter().enumerate() {
        assert_eq!(usize::from(check.id), index, "{} stands at its number", check.code);
        assert_eq!(CHECKS.iter().filter(|c| c.code == check.code).count(), 1);
    }
}

/// GATE.md and the code say the same.
#[test]
fn the_document_is_in_step() {
    let document = include_str!("../../GATE.md");
    let rows: Vec<&str> = document.lines().filter(|l| l.starts_with("| ")).skip(1).collect();
    let expected: Vec<String> = CHECKS
        .iter()
        .map(|c| format!("| {} | `{}` | {} | {} | {} |", c.id, c.code, c.rule, c.unit, c.key))
        .collect();
    assert_eq!(rows, expected, "copy the right-hand side into hotpath/engine/GATE.md");
}
