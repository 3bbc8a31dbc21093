//! The engine driven frame by frame: lives of orders, modes, timers, signals, determinism.

mod advice;
mod amend;
mod exposure;
mod external;
mod figures;
mod flatten;
mod hostile;
mod incidents;
mod kill;
mod life;
mod limits;
mod links;
mod modes;
mod reconcile;
mod reports;
mod rig;
mod saved;
mod say;
mod script;
mod slices;
mod venue_model;
mod wire_count;

use super::*;
use crate::gate;
use rig::*;
use wire::control::Command;
use wire::market::{Level, Trade};
use wire::order::{
    CancelOrder, CancelReject, Denied, ExecType, ExecutionReport, OrdStatus, RejectReason, Side,
};
use wire::station::ModeChange;
use wire::{ClOrdId, MoneyE9, PriceTicks, QtyLots};

#[test]
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest do not matter here")]
fn a_start_is_never_live() {
    let mut rig = Rig::new();
    rig.snapshot(0);
    rig.connect();
    assert_eq!(rig.engine.mode(), Mode::Reconcile, "until the venue has answered");
    rig.answer_mass_status(&[], 0, 0);
    assert_eq!(rig.engine.mode(), Mode::Maintenance);
    let (id, at) = rig.request();
    rig.answer(id, 900_000, at + 1);
    let mut denied = Vec::new();
    let mut modes = Vec::new();
    rig.drain(|f| match f {
        Frame::Denied(Denied { primary, .. }) => denied.push(*primary),
        Frame::ModeChange(ModeChange { to, .. }) => modes.push(*to),
        Frame::NewOrder(_) => panic!("an order before LIVE"),
        _ => {}
    });
    assert_eq!(denied, [gate::id_of("MODE_NOT_LIVE").expect("known")]);
    assert_eq!(modes, [Mode::Reconcile.code(), Mode::Maintenance.code()]);
}

#[test]
fn a_signal_becomes_an_order_and_a_fill_a_position() {
    let mut rig = Rig::live();
    let (order, at) = rig.one_order();
    assert_eq!(order.side, Side::Buy.code());
    assert_eq!((order.price_ticks, order.qty_lots), (PriceTicks(10_001), QtyLots(10)));
    assert_eq!((order.approval_seq, order.cl_ord_id), (1, ClOrdId::new(7, 1)));
    assert_eq!(rig.record.marks, [Stage::Decided, Stage::Gated, Stage::Framed]);
    assert_eq!(rig.reserved(), (10, 0, 1), "reserved at approval");
    rig.report(&order, ExecType::New, 0, 1, at + 1);
    rig.report(&order, ExecType::Trade, 4, 2, at + 2);
    assert_eq!((rig.lots(), rig.reserved()), (4, (6, 0, 1)));
    rig.report(&order, ExecType::Expired, 0, 3, at + 3);
    assert_eq!((rig.lots(), rig.reserved()), (4, (0, 0, 0)), "the rest is released");
    let taker = rig.engine.strategies().next().expect("taker").1;
    assert_eq!((taker.lots().get(), taker.fees_e9()), (4, MoneyE9(3)));
}

#[test]
fn a_repeated_fill_is_booked_once() {
    let mut rig = Rig::live();
    let (order, at) = rig.one_order();
    rig.report(&order, ExecType::Trade, 4, 2, at + 1);
    rig.report(&order, ExecType::Trade, 4, 2, at + 2);
    assert_eq!((rig.lots(), rig.engine.counters().fills), (4, 1));
    assert_eq!(rig.engine.counters().late_reports, 1);
}

#[test]
fn a_fill_after_the_end_is_booked_and_stops_new_exposure() {
    let mut rig = Rig::live();
    let (order, at) = rig.one_order();
    rig.report(&order, ExecType::Expired, 0, 1, at + 1);
    rig.report(&order, ExecType::Trade, 10, 2, at + 2);
    assert_eq!((rig.lots(), rig.reserved()), (10, (0, 0, 0)));
    assert_eq!(rig.engine.mode(), Mode::Reducing);
    assert_eq!(rig.engine.counters().anomalies, 1);
}

#[test]
fn a_fill_of_a_stranger_is_booked_and_stops_new_exposure() {
    let mut rig = Rig::live();
    let (mut order, at) = rig.one_order();
    order.cl_ord_id = ClOrdId(12_345);
    rig.report(&order, ExecType::Trade, 5, 2, at + 1);
    assert_eq!((rig.lots(), rig.engine.mode()), (5, Mode::Reducing));
    assert_eq!(rig.reserved(), (10, 0, 1), "our own order is untouched");
}

#[test]
fn an_overfill_is_booked_in_full() {
    let mut rig = Rig::live();
    let (order, at) = rig.one_order();
    rig.report(&order, ExecType::Trade, 15, 2, at + 1);
    assert_eq!((rig.lots(), rig.reserved()), (15, (0, 0, 0)));
}

#[test]
fn halt_cancels_everything_and_only_a_reason_leads_out() {
    let mut rig = Rig::live();
    let (order, at) = rig.one_order();
    rig.command(Command::Halt, 0, "");
    let mut cancels = Vec::new();
    rig.drain(|f| {
        if let Frame::CancelOrder(CancelOrder { orig_cl_ord_id, .. }) = f {
            cancels.push(*orig_cl_ord_id);
        }
    });
    assert_eq!(cancels, [order.cl_ord_id]);
    assert_eq!((rig.engine.mode(), rig.engine.killed()), (Mode::Halted, true));
    assert_eq!(rig.reserved(), (10, 0, 1), "reserved until the venue speaks");
    rig.command(Command::Mode, u64::from(Mode::Live.code()), "");
    rig.command(Command::Resume, 0, "  ");
    assert_eq!((rig.engine.mode(), rig.engine.killed()), (Mode::Halted, true));
    assert_eq!(rig.engine.counters().refused_commands, 2);
    rig.report(&order, ExecType::Canceled, 0, 1, at + 1);
    rig.command(Command::Resume, 0, "checked with the venue");
    assert_eq!((rig.engine.mode(), rig.engine.killed()), (Mode::Reconcile, false));
    rig.answer_mass_status(&[], 0, at + 2);
    assert_eq!(rig.engine.mode(), Mode::Maintenance);
}

#[test]
fn a_refused_cancel_leaves_the_order_working() {
    let mut rig = Rig::live();
    let (order, at) = rig.one_order();
    rig.report(&order, ExecType::New, 0, 1, at + 1);
    rig.command(Command::Mode, u64::from(Mode::Draining.code()), "");
    let mut reject = CancelReject::zeroed();
    reject.header = FrameHeader::new::<CancelReject>();
    reject.orig_cl_ord_id = order.cl_ord_id;
    reject.order_id = 900;
    reject.ord_status = OrdStatus::New.code();
    reject.reject_reason = RejectReason::ExceedsLimit.code();
    rig.send(reject, at + 2);
    assert_eq!(rig.engine.orders().get(order.cl_ord_id).map(|o| o.status), Some(OrdStatus::New));
    assert_eq!(rig.engine.mode(), Mode::Draining);
    // The venue knows no such order: unknown, reserved, never silently dead.
    reject.reject_reason = RejectReason::UnknownOrder.code();
    rig.send(reject, at + 3);
    let status = rig.engine.orders().get(order.cl_ord_id).map(|o| o.status);
    assert_eq!((status, rig.reserved()), (Some(OrdStatus::Unknown), (10, 0, 1)));
    rig.report(&order, ExecType::Canceled, 0, 9, at + 4);
    assert_eq!((rig.reserved(), rig.engine.mode()), ((0, 0, 0), Mode::Maintenance));
}

/// FIX: the report of a cancel carries the request's id in 11 and the order's in 41.
#[test]
fn a_cancel_is_confirmed_under_the_request_s_id() {
    let mut rig = Rig::live();
    let (order, at) = rig.one_order();
    rig.command(Command::Halt, 0, "");
    let mut report = ExecutionReport::zeroed();
    report.header = FrameHeader::new::<ExecutionReport>();
    report.cl_ord_id = ClOrdId::new(7, 2);
    report.orig_cl_ord_id = order.cl_ord_id;
    report.exec_type = ExecType::Canceled.code();
    report.ord_status = OrdStatus::Canceled.code();
    report.side = order.side;
    rig.send(report, at + 1);
    assert_eq!(rig.reserved(), (0, 0, 0));
    let status = rig.engine.orders().get(order.cl_ord_id).map(|o| o.status);
    assert_eq!(status, Some(OrdStatus::Canceled));
}

#[test]
fn a_reject_of_a_second_order_under_the_same_id_does_not_end_the_first() {
    let mut rig = Rig::live();
    let (order, at) = rig.one_order();
    rig.report(&order, ExecType::New, 0, 1, at + 1);
    let mut report = ExecutionReport::zeroed();
    report.header = FrameHeader::new::<ExecutionReport>();
    report.cl_ord_id = order.cl_ord_id;
    report.orig_cl_ord_id = ClOrdId::UNDEF;
    report.exec_type = ExecType::Rejected.code();
    report.ord_status = OrdStatus::Rejected.code();
    report.reject_reason = RejectReason::DuplicateOrder.code();
    report.side = order.side;
    rig.send(report, at + 2);
    assert_eq!(rig.reserved(), (10, 0, 1));
}

#[test]
fn timers_are_numbered_inputs_at_their_deadline() {
    let mut rig = Rig::live();
    let (order, at) = rig.one_order();
    rig.report(&order, ExecType::Trade, 10, 2, at + 1);
    // The holding ends five seconds after the order; the next event comes later.
    let due = rig.engine.next_deadline().expect("hold timer").get();
    assert_eq!(due, T0 + at + 5 * SECOND);
    rig.record.inputs.clear();
    rig.delta(at + 6 * SECOND);
    let frames: Vec<(u16, u64, u64)> = rig
        .record
        .inputs
        .iter()
        .map(|f| frame::header(bytemuck::cast_slice(f)).expect("header"))
        .map(|h| (h.kind, h.ts_recv_ns.get(), h.seq))
        .collect();
    let timer = FrameKind::Timer.code();
    assert_eq!((frames[0].0, frames[0].1), (timer, due), "before the event, at its deadline");
    assert!(frames.windows(2).all(|w| w[0].2 < w[1].2), "one rising sequence: {frames:?}");
    // Market data is 5 s old at the deadline: the gate says so, the strategy asks again.
    let last = frames.last().expect("the delta");
    assert_eq!(last.0, FrameKind::DepthDelta.code());
    let stale = gate::id_of("STALE_MARKET_DATA").expect("known");
    assert!(rig.engine.counters().denied[usize::from(stale)] > 0);
    rig.delta(at + 6 * SECOND + 2_000_000);
    let closing = rig.new_orders();
    assert_eq!(closing.len(), 1);
    assert_eq!((closing[0].side, closing[0].qty_lots), (Side::Sell.code(), QtyLots(10)));
}

#[test]
fn stale_and_overtaken_answers_change_nothing() {
    let mut rig = Rig::live();
    let (old, _) = rig.request();
    let (new, at) = rig.request();
    rig.answer(new, 0, at + 1);
    rig.answer(old, 900_000, at + 2);
    assert_eq!(rig.engine.counters().signal_stale, 1, "overtaken");
    let (id, at) = rig.request();
    rig.answer(id, 900_000, at + SECOND / 2 + 1);
    assert_eq!(rig.engine.counters().signal_stale, 2, "past its time to live");
    rig.answer(id + 1_000, 900_000, at);
    assert_eq!(rig.engine.counters().signal_unusable, 1, "never asked");
    assert!(rig.new_orders().is_empty());
    // Exactly at its time to live it still counts.
    let (id, at) = rig.request();
    rig.answer(id, 900_000, at + SECOND / 2);
    assert_eq!(rig.new_orders().len(), 1);
}

#[test]
fn a_request_carries_the_last_ten_books_and_a_gap_empties_the_window() {
    let mut rig = Rig::live();
    let (_, at) = rig.request();
    let mut windows = Vec::new();
    rig.drain(|f| {
        if let Frame::SignalRequest(r) = f {
            windows.push((r.input(), r.window[90].ask_price_ticks, r.window[99].bid_price_ticks));
        }
    });
    assert_eq!(windows.len(), 1);
    let (input, ask, bid) = &windows[0];
    assert_eq!((*ask, *bid), (PriceTicks(10_001), PriceTicks(9_990)));
    assert_eq!(input.expect("positive mid")[360], 100_000, "one tick of 10,000 above the mid");
    let mut gap = wire::market::Gap::zeroed();
    gap.header = FrameHeader::new::<wire::market::Gap>();
    gap.reason = b'S';
    rig.send(gap, at + 1);
    rig.snapshot(at + 2);
    let before = rig.engine.counters().signal_requests;
    for n in 1..=9 {
        rig.delta(at + n * INTERVAL);
    }
    assert_eq!(rig.engine.counters().signal_requests, before, "nine samples are no window");
    rig.delta(at + 10 * INTERVAL);
    assert_eq!(rig.engine.counters().signal_requests, before + 1);
}

#[test]
fn momentum_rests_at_the_touch_and_cancels_in_time() {
    let mut rig = Rig::live();
    for (n, price) in [10_000, 10_010, 10_020, 10_040].into_iter().enumerate() {
        let at = n as u64 * SECOND;
        rig.delta(at + 1);
        rig.trade(price, at + 2);
    }
    rig.delta(4 * SECOND + 1);
    let orders = rig.new_orders();
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!((orders[0].price_ticks, orders[0].exec_inst), (PriceTicks(9_999), b'6'));
    assert_eq!(orders[0].header.strategy_id, StrategyId(1));
    rig.delta(7 * SECOND);
    let mut canceled = Vec::new();
    rig.drain(|f| {
        if let Frame::CancelOrder(c) = f {
            canceled.push(c.orig_cl_ord_id);
        }
    });
    assert_eq!(canceled, [orders[0].cl_ord_id]);
}

/// A busy script touching every kind of input.
fn script(rig: &mut Rig) {
    let (order, at) = rig.one_order();
    rig.report(&order, ExecType::New, 0, 1, at + 1);
    rig.report(&order, ExecType::Trade, 4, 2, at + 2);
    for n in 0..6 {
        rig.delta(at + n * SECOND + 3);
        rig.trade(10_000 + i64::try_from(n * n).expect("small"), at + n * SECOND + 4);
    }
    rig.report(&order, ExecType::Trade, 6, 3, at + 6 * SECOND);
    let (id, at) = rig.request();
    rig.answer(id, -900_000, at + 1);
}

#[test]
fn the_same_inputs_give_the_same_outputs_and_state() {
    let (mut a, mut b) = (Rig::live(), Rig::live());
    script(&mut a);
    script(&mut b);
    assert_eq!(a.record.outputs, b.record.outputs);
    assert_eq!(a.engine.state_hash(), b.engine.state_hash());
    // And the record alone rebuilds it: inputs fed again, timers included by the engine itself.
    let mut c = Engine::new(setup()).expect("sound");
    let mut record = Record::default();
    for input in &a.record.inputs {
        let header = frame::header(bytemuck::cast_slice(input)).expect("header");
        if header.kind != FrameKind::Timer.code() {
            let mut frame = input.clone();
            c.input(bytemuck::cast_slice_mut(&mut frame), &mut record).expect("sound");
        }
    }
    assert_eq!(record.inputs, a.record.inputs);
    assert_eq!(record.outputs, a.record.outputs);
    assert_eq!(c.state_hash(), a.engine.state_hash());
}

#[test]
#[expect(clippy::too_many_lines, reason = "one line a part")]
fn the_state_hash_sees_every_part_of_the_state() {
    type Change = (&'static str, fn(&mut Engine));
    let changes: [Change; 50] = [
        ("now", |e| e.now.0 += 1),
        ("seq", |e| e.seq += 1),
        ("approvals", |e| e.approvals += 1),
        ("mode", |e| e.firm.mode = Mode::Reducing),
        ("killed", |e| e.firm.killed = true),
        ("wire count", |e| e.wire_spent += 1),
        ("loss latch", |e| e.loss_latched = true),
        ("flatten", |e| {
            let firm = super::kill::Target::Firm;
            e.flatten = Some(super::flatten::Flatten::begin(firm, 3));
        }),
        ("firm exposure", |e| {
            let more = crate::risk::Contribution { gross_e9: 1, ..Default::default() };
            e.firm.exposure.replace(&crate::risk::Contribution::default(), &more);
        }),
        ("firm profit", |e| e.firm.pnl_e9 += 1),
        ("high-water mark", |e| e.firm.high_water_e9 += 1),
        ("firm limits", |e| e.firm.limits.max_gross_e9 -= 1),
        ("venue session", |e| e.venues[0].risk.session_up = false),
        ("venue messages", |e| e.venues[0].risk.messages.take(TsNs(u64::MAX / 2))),
        ("venue balance", |e| e.venues[0].risk.set_balance(5, 10_000)),
        ("strategy profit", |e| e.strategies[0].risk.pnl_e9 += 1),
        ("strategy disabled", |e| e.strategies[0].risk.disabled = crate::risk::Disabled::Rejects),
        ("strategy day", |e| e.strategies[0].day_base_e9 += 1),
        ("parents", |e| {
            let spec =
                crate::parents::ParentSpec::twap(Side::Buy, QtyLots(1), PriceTicks(1), 10, 1);
            e.parents.start(StrategyId(0), spec, TsNs(1)).expect("room");
        }),
        ("advice", |e| {
            e.advice.mute(3);
        }),
        ("duplicates", |e| e.instruments[0].risk.duplicates.add(1, TsNs(1))),
        ("fill window", |e| e.instruments[0].risk.fills.add(TsNs(1), 10, 1)),
        ("signal view", |e| e.instruments[0].risk.signal.lag += 1),
        ("open value", |e| e.instruments[0].risk.open_e9 += 1),
        ("order reservation", |e| {
            let id = ClOrdId::new(7, 1);
            e.orders.update(id, |o| o.reserved_lots += 1).expect("the first order");
        }),
        ("book level", |e| {
            let level = [Level { price_ticks: PriceTicks(5), qty_lots: QtyLots(1) }];
            e.instruments[0].book.apply_delta(&level, &[]);
        }),
        ("book gap", |e| e.instruments[0].book.mark_gapped()),
        ("quote", |e| e.instruments[0].quote = Some(wire::market::Quote::zeroed())),
        ("last trade", |e| e.instruments[0].risk.last_trade_ticks += 1),
        ("status", |e| e.instruments[0].risk.status = TradingStatus::Halted),
        ("market age", |e| e.instruments[0].risk.last_market_ns += 1),
        ("bars", |e| {
            let later = TsNs(e.now.0 + 1);
            let side = AggressorSide::Buy;
            let _ = e.instruments[0].bars.on_trade(later, PriceTicks(1), QtyLots(1), side);
        }),
        ("position", |e| {
            let fee = MoneyE9(0);
            e.instruments[0].position.fill(Side::Buy, PriceTicks(1), QtyLots(1), fee).expect("ok");
        }),
        ("fees", |e| {
            e.instruments[0]
                .position
                .fill(Side::Buy, PriceTicks(1), QtyLots(0), MoneyE9(1))
                .expect("ok");
        }),
        ("reserved buys", |e| e.instruments[0].risk.buy_lots += 1),
        ("reserved sells", |e| e.instruments[0].risk.sell_lots += 1),
        ("reserved orders", |e| e.instruments[0].risk.open_orders += 1),
        ("rate", |e| {
            let now = e.now;
            e.instruments[0].risk.orders.take(now);
        }),
        ("signal", |e| e.instruments[0].signal = None),
        ("limits", |e| {
            e.instruments[0].risk.limits.max_short_lots += 1;
        }),
        ("sampler", |e| {
            if let Some(sampler) = &mut e.instruments[0].sampler {
                sampler.reset();
            }
        }),
        ("strategy position", |e| {
            let fee = MoneyE9(0);
            e.strategies[1].position.fill(Side::Buy, PriceTicks(1), QtyLots(1), fee).expect("ok");
        }),
        ("order", |e| {
            let id = ClOrdId::new(7, 1);
            e.orders.update(id, |o| o.order_id += 1).expect("the first order");
        }),
        ("order counter", |e| {
            e.orders.take_request_id();
        }),
        ("timer", |e| e.timers.set(3, TsNs(77))),
        ("requests", |e| e.requests[5].at.0 ^= 1),
        ("links", |e| assert!(e.links.fill_up() > 0)),
        ("advice refused", |e| e.counters.advice_refused += 1),
        ("orders of the day", |e| e.firm.orders_today += 1),
        ("executions", |e| e.executions[900].id = 5),
    ];
    let base = || {
        let mut rig = Rig::live();
        script(&mut rig);
        rig.engine
    };
    let reference = base().state_hash();
    assert_eq!(base().state_hash(), reference);
    for (what, change) in changes {
        let mut engine = base();
        change(&mut engine);
        assert_ne!(engine.state_hash(), reference, "{what} is not in the hash");
    }
}

#[test]
fn a_bad_frame_changes_nothing() {
    let mut rig = Rig::live();
    let before = (rig.engine.state_hash(), rig.engine.counters().inputs);
    let mut short = [0_u64; 3];
    let got = rig.engine.input(bytemuck::cast_slice_mut(&mut short), &mut rig.record);
    assert_eq!(got, Err(DecodeError::Truncated));
    let mut trade = Trade::zeroed();
    trade.header = FrameHeader::new::<Trade>();
    trade.aggressor = b'?';
    trade.header.ts_recv_ns = TsNs(u64::MAX - 1);
    let got = rig.engine.input(bytemuck::bytes_of_mut(&mut trade), &mut rig.record);
    assert!(matches!(got, Err(DecodeError::BadValue(_))));
    assert_eq!((rig.engine.state_hash(), rig.engine.counters().inputs), before);
}

#[test]
fn a_setup_names_everything_that_is_wrong() {
    let mut bad = setup();
    bad.instruments[0].lot_size_e9 = 1;
    bad.strategies[0].instrument = InstrumentId(4);
    bad.signal = None;
    if let Some(row) = &mut bad.limits.symbols[0] {
        row.limits.price_collar_bp = 0;
        row.limits.max_open_orders = 0;
    }
    let lines: Vec<String> = bad.problems().iter().map(ToString::to_string).collect();
    let all = lines.join("\n");
    for part in ["TESTUSDT", "price_collar_bp", "max_open_orders", "taker", "signals"] {
        assert!(all.contains(part), "{part} is not named in:\n{all}");
    }
    assert_eq!(lines.len(), 5, "{all}");
    assert!(Engine::new(bad).is_err());
}
