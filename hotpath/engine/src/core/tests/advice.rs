//! Advice: bounded, ending, and never more than a tightening.

use super::script::{Desk, Dice, SECOND, advice_frame};
use super::*;
use crate::limits::{Row, SymbolLimits, Tighter};
use crate::strategy::Placement;
use std::collections::VecDeque;
use wire::advice::{Advice, AdviceField};
use wire::control::Command;
use wire::order::Side;
use wire::risk::{ChangeSource, LimitField, Scope};
use wire::signal::{SignalResponse, SignalStatus};
use wire::{PriceTicks, QtyLots};

fn effective(desk: &Desk, on: u32) -> SymbolLimits {
    desk.engine().effective_limits(InstrumentId(on)).expect("a row")
}

fn refused(desk: &mut Desk, frame: Advice) -> bool {
    let before = desk.engine().counters().advice_taken;
    desk.feed(frame);
    desk.engine().counters().advice_taken == before
}

/// An operator's row with room above and below.
fn desk() -> Desk {
    Desk::live(&[1, 1], &[0, 1], |s| {
        for row in s.limits.symbols.iter_mut().flatten() {
            let l = &mut row.limits;
            (l.max_order_qty_lots, l.max_long_lots, l.max_short_lots) = (1_000, 5_000, 4_000);
            (l.order_rate_per_s, l.price_collar_bp) = (500, 1_000);
        }
    })
}

#[test]
fn each_field_is_tightened_and_comes_back_exactly_when_its_time_is_over() {
    type Read = fn(&SymbolLimits) -> i64;
    let cases: [(AdviceField, i64, &[Read]); 4] = [
        (AdviceField::MaxOrderQty, 300, &[|l| l.max_order_qty_lots]),
        (AdviceField::MaxPosition, 600, &[|l| l.max_long_lots, |l| l.max_short_lots]),
        (AdviceField::OrderRate, 90, &[|l| l.order_rate_per_s]),
        (AdviceField::PriceCollar, 200, &[|l| l.price_collar_bp]),
    ];
    for session in [false, true] {
        for (field, value, reads) in cases {
            let mut desk = desk();
            if session {
                for (field, value) in [
                    (LimitField::MaxOrderQty, 900),
                    (LimitField::MaxLong, 4_900),
                    (LimitField::OrderRatePerS, 450),
                    (LimitField::PriceCollarBp, 999),
                ] {
                    desk.change(ChangeSource::Runtime, Scope::Symbol, field, value);
                }
            }
            let before = effective(&desk, 0);
            desk.take();
            desk.advise(field, value, 30 * SECOND);
            assert_eq!(desk.take().alarms(), [AlarmCode::AdviceTaken], "{field:?}");
            for on in 0..2 {
                let now = effective(&desk, on);
                assert!(reads.iter().all(|read| read(&now) == value), "{field:?}: {now:?}");
            }
            desk.wait(30 * SECOND - 1);
            assert!(reads.iter().all(|read| read(&effective(&desk, 0)) == value), "{field:?}");
            desk.wait(1);
            assert_eq!(effective(&desk, 0), before, "{field:?}");
            assert_eq!(desk.engine().next_deadline(), None, "nothing waits any more");
        }
    }
}

#[test]
fn an_advice_for_one_instrument_leaves_the_others() {
    let mut desk = desk();
    let before = effective(&desk, 0);
    let end = desk.engine().now().saturating_add(SECOND);
    let mut one = advice_frame(1, AdviceField::MaxOrderQty.code(), 300, end);
    one.header.instrument_id = InstrumentId(1);
    assert!(!refused(&mut desk, one));
    assert_eq!((effective(&desk, 0), effective(&desk, 1).max_order_qty_lots), (before, 300));
}

#[test]
fn the_floor_is_a_share_of_the_operator_s_value_and_no_more_than_the_session_s() {
    let mut desk = desk();
    desk.advise(AdviceField::MaxOrderQty, 1, 60 * SECOND);
    assert_eq!(effective(&desk, 0).max_order_qty_lots, 100, "a tenth");
    desk.change(ChangeSource::Runtime, Scope::Symbol, LimitField::MaxOrderQty, 40);
    assert_eq!(effective(&desk, 0).max_order_qty_lots, 40, "the session's is tighter");
    desk.wait(60 * SECOND);
    assert_eq!(effective(&desk, 0).max_order_qty_lots, 40);
    // A looser one changes nothing.
    desk.advise(AdviceField::MaxOrderQty, i64::MAX, SECOND);
    assert_eq!(effective(&desk, 0).max_order_qty_lots, 40);
}

#[test]
fn what_is_out_of_bounds_is_refused_and_changes_nothing() {
    let mut desk = desk();
    let now = desk.engine().now().get();
    let end = TsNs(now + SECOND);
    let good = advice_frame(5, AdviceField::MaxOrderQty.code(), 300, end);
    let before = effective(&desk, 0);
    let cases: [(&str, Advice); 8] = [
        ("a source nobody knows", Advice { source: 32, ..good }),
        ("the largest source", Advice { source: u32::MAX, ..good }),
        ("over already", Advice { expires_ns: TsNs(now), ..good }),
        ("for ever", Advice { expires_ns: TsNs::UNDEF, ..good }),
        ("a moment too long", Advice { expires_ns: TsNs(now + 600 * SECOND + 1), ..good }),
        ("no value", Advice { value: 0, ..good }),
        ("a value below 0", Advice { value: i64::MIN, ..good }),
        ("reduce-only by halves", Advice { field: b'O', value: 2, ..good }),
    ];
    for (what, frame) in cases {
        assert!(refused(&mut desk, frame), "{what}");
    }
    let mut stray = good;
    stray.header.instrument_id = InstrumentId(2);
    assert!(refused(&mut desk, stray), "an instrument nobody knows");
    assert_eq!((effective(&desk, 0), desk.engine().advice.len()), (before, 0));
    assert_eq!(desk.engine().counters().advice_refused, 9);
    // A flood is not a flood of alarms: 1, 2, 4 and 8 are told.
    let outs = desk.take();
    assert_eq!(outs.alarms(), [AlarmCode::AdviceRefused; 4]);
    let told: Vec<(i64, i64)> = outs.concerns().iter().map(|a| (a.limit, a.actual)).collect();
    let (source, life, value) = (1, 5, 7);
    let all = i64::from(u32::MAX);
    assert_eq!(told, [(32, source), (all, source), (0, life), (0, value)], "source and reason");
    assert!(!refused(&mut desk, good));
    assert!(refused(&mut desk, good), "the same number");
    assert!(refused(&mut desk, Advice { advice_id: 4, ..good }), "an older one");
    assert!(refused(&mut desk, Advice { advice_id: 6, ..good }), "too soon");
    assert!(!refused(&mut desk, Advice { advice_id: 1, source: 1, ..good }), "another source");
    desk.wait(SECOND);
    let later = TsNs(now + 3 * SECOND);
    assert!(!refused(&mut desk, Advice { advice_id: 6, expires_ns: later, ..good }));
}

#[test]
fn a_muted_source_is_heard_no_more_and_what_it_said_is_gone() {
    let mut desk = desk();
    let before = effective(&desk, 0);
    let end = desk.engine().now().saturating_add(100 * SECOND);
    let of = |source, id| Advice {
        source,
        ..advice_frame(id, AdviceField::MaxOrderQty.code(), 200 + i64::from(source), end)
    };
    assert!(!refused(&mut desk, of(3, 1)) && !refused(&mut desk, of(4, 1)));
    assert_eq!(effective(&desk, 0).max_order_qty_lots, 203);
    assert!(desk.control(Command::Mute, 3, "", |_| {}));
    assert_eq!(effective(&desk, 0).max_order_qty_lots, 204, "the other's stands");
    desk.wait(2 * SECOND);
    assert!(refused(&mut desk, of(3, 2)));
    desk.control(Command::Mute, 4, "", |_| {});
    assert_eq!(effective(&desk, 0), before);
}

#[test]
fn no_advice_clears_a_latch_or_moves_a_mode() {
    for field in AdviceField::ALL {
        let mut desk = desk();
        desk.control(Command::Halt, 0, "", |h| h.strategy_id = StrategyId(0));
        desk.control(Command::Halt, 0, "", |_| {});
        desk.advise(*field, 1, 2 * SECOND);
        desk.wait(3 * SECOND);
        assert_eq!((desk.engine().killed(), desk.engine().mode()), (true, Mode::Halted));
        assert!(desk.engine().strategy_risk(StrategyId(0)).is_some_and(|r| r.killed));
    }
}

#[test]
fn reduce_only_lets_cancels_and_reducing_orders_through() {
    let mut desk = desk();
    desk.hold(0, 60);
    let resting = desk.rest(0, Side::Buy, 5);
    desk.advise(AdviceField::ReduceOnly, 1, 60 * SECOND);
    assert_eq!(desk.engine().mode(), Mode::Live);
    desk.wait(1);
    let buy = Placement::limit(Side::Buy, PriceTicks(9_980), QtyLots(1));
    let denied = desk.place(0, buy).expect_err("opens").expect("by the gate");
    assert_eq!(denied.primary, gate::id_of("MODE_NOT_LIVE").expect("known"));
    desk.take();
    desk.wish(0, Intent::Cancel(resting.cl_ord_id));
    assert_eq!(desk.take().cancels(), [resting.cl_ord_id]);
    let sell = |qty| Placement::ioc(Side::Sell, PriceTicks(9_999), QtyLots(qty));
    desk.wait(1);
    assert!(desk.place(0, sell(61)).is_err(), "through zero");
    desk.wait(1);
    assert!(desk.place(0, sell(60)).is_ok());
    desk.wait(60 * SECOND);
    assert!(desk.place(0, buy).is_ok(), "over");
}

#[test]
fn a_position_above_the_advised_one_may_only_shrink() {
    let mut desk = desk();
    desk.hold(0, 800);
    desk.advise(AdviceField::MaxPosition, 1, 60 * SECOND);
    assert_eq!(effective(&desk, 0).max_long_lots, 500);
    desk.wait(1);
    let buy = Placement::limit(Side::Buy, PriceTicks(9_980), QtyLots(1));
    assert!(desk.place(0, buy).is_err());
    desk.wait(1);
    let sell = Placement::ioc(Side::Sell, PriceTicks(9_999), QtyLots(100));
    assert!(desk.place(0, sell).is_ok());
}

/// Frames of an adversary that speaks as every agent and as the model, valid and not.
struct Adversary {
    dice: Dice,
    ids: [u64; 34],
    requests: u64,
}

impl Adversary {
    fn advice(&mut self, now: TsNs) -> Advice {
        let dice = &mut self.dice;
        let source = u32::try_from(dice.below(34)).expect("few");
        let id = &mut self.ids[source as usize];
        let id = match dice.below(4_096) {
            0 => dice.next(),
            1..256 => *id,
            _ => {
                *id += 1;
                *id
            }
        };
        let value = match dice.below(6) {
            0 => 1,
            1 => dice.next().cast_signed(),
            2 => [0, -1, i64::MIN, i64::MAX][usize::try_from(dice.below(4)).expect("few")],
            _ => i64::try_from(dice.below(3_000)).expect("small"),
        };
        let life = match dice.below(8) {
            0 => dice.next(),
            1 => 600 * SECOND + dice.below(2),
            2 => 0,
            _ => dice.below(5 * SECOND),
        };
        let fields = AdviceField::ALL;
        let field = fields[usize::try_from(dice.below(fields.len() as u64)).expect("few")];
        let mut frame = advice_frame(id, field.code(), value, now.saturating_add(life));
        frame.header.instrument_id = match dice.below(4) {
            0 => InstrumentId::UNDEF,
            1 => InstrumentId(u32::try_from(dice.below(5)).expect("few")),
            _ => InstrumentId(u32::try_from(dice.below(2)).expect("few")),
        };
        frame.header.strategy_id = StrategyId(u16::try_from(dice.below(4)).expect("few"));
        (frame.source, frame.reason_code) = (source, u32::try_from(dice.below(9)).expect("few"));
        frame
    }

    fn signal(&mut self) -> SignalResponse {
        let dice = &mut self.dice;
        let mut response = SignalResponse::zeroed();
        response.header = FrameHeader::new::<SignalResponse>();
        response.header.instrument_id = InstrumentId(u32::try_from(dice.below(3)).expect("few"));
        let back = if dice.below(4) == 0 { dice.below(70) } else { dice.below(3) };
        response.request_id =
            if dice.below(8) == 0 { dice.next() } else { self.requests.saturating_sub(back) };
        let score = i32::try_from(dice.below(2_000_001)).expect("in range") - 1_000_000;
        response.score_e6 = score;
        response.model_hash = dice.below(3);
        response.status =
            if dice.below(5) == 0 { SignalStatus::Abstain.code() } else { SignalStatus::Ok.code() };
        response
    }
}

/// No row's effective value is looser than the operator's, in the direction of each field.
fn within_the_operator_s(desk: &Desk) {
    let engine = desk.engine();
    for (n, row) in engine.operator_limits().symbols.iter().enumerate() {
        let row = row.expect("a row").limits;
        let found = &engine.instruments()[n].risk.limits;
        for spec in SymbolLimits::fields() {
            let (own, now) = (row.get(spec.field), found.get(spec.field));
            let good = match spec.tighter {
                Tighter::Lower => now <= own,
                Tighter::Higher => now >= own,
            };
            assert!(good, "{:?}: {now:?} against {own:?}", spec.field);
        }
    }
    let set = engine.operator_limits();
    assert_eq!(engine.firm().limits, set.firm, "advice reaches no other row");
    assert!(engine.venues().all(|v| v.limits == set.venues[0].1));
    assert_eq!(engine.strategy_risk(StrategyId(0)).map(|r| r.limits), set.strategies[0]);
}

/// One million frames of an adversary in the place of every agent and of the model. Strategies here
/// do not listen to signals, so that each order on the wire must answer a wish of theirs.
#[test]
fn a_million_hostile_frames() {
    const BATCH: u64 = 1_000;
    let mut desk = Desk::live(&[1, 1], &[0, 1], |s| {
        s.advice.min_interval_ns = 1_000_000;
        for row in s.limits.symbols.iter_mut().flatten() {
            let l = &mut row.limits;
            (l.max_order_qty_lots, l.max_long_lots, l.max_short_lots) = (1_000, 5_000, 4_000);
            (l.order_rate_per_s, l.price_collar_bp) = (500, 1_000);
        }
    });
    let mut adversary = Adversary { dice: Dice(2026), ids: [0; 34], requests: 0 };
    desk.hold(0, 100);
    desk.take();
    for batch in 0..1_000 {
        let frames = desk.rig.record.outputs.len();
        for n in 0..BATCH {
            if n % 100 == 0 {
                desk.wait(1_000_000);
            }
            if adversary.dice.below(4) == 0 {
                let frame = adversary.signal();
                desk.feed(frame);
            } else {
                let now = desk.engine().now();
                let frame = adversary.advice(now);
                desk.feed(frame);
            }
            adversary.requests = desk.engine().counters().signal_requests;
        }
        within_the_operator_s(&desk);
        // Alarms are all it leads to.
        let quiet = [FrameKind::Alarm];
        let kinds = desk.take().kinds();
        assert!(kinds.iter().all(|k| quiet.contains(k)), "batch {batch}: {kinds:?}");
        assert_eq!((desk.engine().mode(), desk.engine().killed()), (Mode::Live, false));
        // A cancel always goes out, and what reduces by no more than the floor always passes.
        let step = adversary.dice.below(300_000_000);
        desk.wait(1 + step);
        let sell = Placement::limit(Side::Sell, PriceTicks(10_010), QtyLots(1));
        let order = desk.place(0, sell).unwrap_or_else(|d| panic!("batch {batch}: {d:?}"));
        desk.take();
        desk.wish(0, Intent::Cancel(order.cl_ord_id));
        assert_eq!(desk.take().cancels(), [order.cl_ord_id], "batch {batch}");
        desk.report(&order, wire::order::ExecType::Canceled, 0);
        let grown = desk.rig.record.outputs.len() - frames;
        assert!(grown < 3_000, "batch {batch}: {grown} outputs");
        desk.forget();
    }
    let counters = *desk.engine().counters();
    assert!(counters.advice_taken > 5_000, "it is heard: {}", counters.advice_taken);
    assert!(counters.advice_refused > 400_000, "and bounded: {}", counters.advice_refused);
    // With the adversary silent, everything is the operator's again, to the last number.
    desk.wait(600 * SECOND);
    for on in 0..2 {
        let row = desk.engine().operator_limits().symbols[on as usize].expect("a row").limits;
        assert_eq!(effective(&desk, on), row);
        assert!(!desk.engine().instruments()[on as usize].risk.reduce_only);
    }
}

/// The same with a strategy that trades on signals: its orders answer usable signals and stay
/// within the operator's limits, whatever is advised meanwhile.
#[test]
fn hostile_signals_lead_to_no_more_than_the_strategy_s_own_orders() {
    use super::rig::{INTERVAL, Rig};
    let mut adversary = Adversary { dice: Dice(7), ids: [0; 34], requests: 0 };
    let mut rig = Rig::live();
    let mut seen = VecDeque::new();
    for round in 0..3_000 {
        let at = rig.engine.now().get() - super::rig::T0 + INTERVAL;
        rig.delta(at);
        let _ = rig.new_orders();
        for n in 0..20 {
            let now = rig.engine.now();
            let mut advice = adversary.advice(now);
            advice.header.ts_recv_ns = now;
            // The model alone first: with every agent against it the station hardly trades.
            if round >= 1_500 {
                rig.feed(bytemuck::bytes_of(&advice));
            }
            assert!(rig.new_orders().is_empty(), "advice {n} caused an order");
            let answers = rig.engine.counters().signal_answers;
            let response = adversary.signal();
            rig.send(response, at);
            adversary.requests = rig.engine.counters().signal_requests;
            let usable = rig.engine.counters().signal_answers - answers;
            let orders = rig.new_orders();
            assert!(orders.len() as u64 <= usable, "an order without a signal");
            assert!(orders.iter().all(|o| o.qty_lots.get() <= 20));
            seen.extend(orders);
        }
        while let Some(order) = seen.pop_front() {
            let fill = order.qty_lots.get();
            let id = 1_000_000 + order.cl_ord_id.get();
            rig.report(&order, wire::order::ExecType::Trade, fill, id, at);
        }
        assert!(rig.lots().abs() <= 1_000, "the operator's largest position");
    }
    assert!(rig.engine.counters().orders > 20, "{}", rig.engine.counters().orders);
    assert!(!rig.engine.killed());
}
