//! What several checks need of order and world: amendments by their difference, link groups, the
//! price an order without a limit is valued at, and the approval.

use super::*;
use crate::gate::approval::Envelope;
use wire::ClOrdId;

/// A working buy of 100 lots at 10,000, of which `filled` are in the position.
fn amending(filled: i64) -> Rig {
    let mut rig = Rig::new();
    let left = 100 - filled;
    rig.hold(filled);
    (rig.symbol.buy_lots, rig.strategy.buy_lots) = (left, left);
    let value_e9 = left * E9 / 10;
    (rig.symbol.open_e9, rig.firm.exposure.open_e9) = (value_e9, value_e9);
    rig.venue.claimed_e9 = value_e9;
    let status = if filled == 0 { OrdStatus::New } else { OrdStatus::PartiallyFilled };
    rig.amend = Some(Amend {
        cl_ord_id: ClOrdId::UNDEF,
        status,
        cum_lots: filled,
        leaves_lots: left,
        value_e9,
    });
    rig
}

#[test]
fn an_amendment_adds_only_its_difference() {
    for filled in [0, 40] {
        let mut rig = amending(filled);
        rig.passes();
        rig.ask(|i| {
            assert_eq!((i.added_lots, i.leaves_lots), (0, 100 - filled));
            assert_eq!((i.added_value_e9, i.increase_lots), (0, 0));
            assert_eq!(i.value_e9, 10 * E9, "the whole order");
        });
        rig.order.qty_lots = QtyLots(130);
        rig.ask(|i| {
            assert_eq!((i.added_lots, i.leaves_lots), (30, 130 - filled));
            assert_eq!((i.added_value_e9, i.added_base_e9), (3 * E9, 3 * E9));
            assert_eq!((i.increase_lots, i.increase_base_e9), (30, 3 * E9));
            assert_eq!(i.strategy_base_e9, 13 * E9);
        });
        rig.order.qty_lots = QtyLots(60);
        rig.ask(|i| assert_eq!((i.added_lots, i.added_value_e9), (0, 0)));
        // At another price the same lots are worth more.
        rig.order.qty_lots = QtyLots(100);
        rig.order.price_ticks = PriceTicks(10_010);
        let more = 10 * 10_000 * (100 - filled);
        rig.ask(|i| assert_eq!((i.added_lots, i.added_value_e9), (0, more)));
    }
}

#[test]
fn an_amendment_is_held_to_the_limits_by_its_difference() {
    let mut rig = amending(40);
    rig.order.qty_lots = QtyLots(150);
    rig.symbol.limits.max_long_lots = 150;
    rig.passes();
    rig.symbol.limits.max_long_lots = 149;
    rig.denies("MAX_POSITION", 149, 150);
    // The number of orders does not grow.
    let mut rig = amending(0);
    rig.symbol.open_orders = 10;
    rig.passes();
    rig.symbol.open_orders = 11;
    rig.denies("MAX_OPEN_ORDERS", 10, 11);
    // Its size does: the whole new quantity counts.
    let mut rig = amending(40);
    rig.order.qty_lots = QtyLots(401);
    rig.denies("MAX_ORDER_QTY", 400, 401);
    // Value and claim by the difference: 6 reserved, 11 wanted.
    let mut rig = amending(40);
    rig.order.qty_lots = QtyLots(150);
    rig.symbol.open_e9 = 85 * E9;
    rig.passes();
    rig.symbol.open_e9 += 1;
    rig.denies("MAX_OPEN_NOTIONAL", 90 * E9, 90 * E9 + 1);
    let mut rig = amending(40);
    rig.order.qty_lots = QtyLots(150);
    rig.venue.claimed_e9 = 95 * E9 + 1;
    rig.denies("CREDIT_INSUFFICIENT", 100 * E9, 100 * E9 + 1);
    // A slice's parent as well.
    let mut rig = amending(40);
    rig.order.qty_lots = QtyLots(150);
    (rig.order.parent_id, rig.parent) = (1, Some((1_000, 950)));
    rig.passes();
    rig.parent = Some((1_000, 951));
    rig.denies("PARENT_CONSERVATION", 1_000, 1_001);
}

#[test]
fn an_amendment_goes_to_a_working_order_and_leaves_it_something() {
    for status in OrdStatus::ALL {
        let mut rig = amending(40);
        rig.amend = rig.amend.map(|a| Amend { status: *status, ..a });
        if matches!(status, OrdStatus::New | OrdStatus::PartiallyFilled) {
            rig.passes();
        } else {
            rig.denies("AMEND", i64::from(b'0'), i64::from(status.code()));
        }
    }
    let mut rig = amending(40);
    rig.order.qty_lots = QtyLots(41);
    rig.passes();
    rig.order.qty_lots = QtyLots(40);
    rig.denies("AMEND", 41, 40);
    rig.order.qty_lots = QtyLots(39);
    rig.denies("AMEND", 41, 39);
    let mut rig = amending(0);
    rig.amend = rig.amend.map(|a| Amend { cum_lots: i64::MAX, ..a });
    rig.order.qty_lots = QtyLots(i64::MAX);
    assert!(rig.codes().contains(&"AMEND"), "nothing can be above the largest number");
}

/// While nothing may open, a working order that opens cannot be moved to a better price: it would
/// open all the same. One that closes can.
#[test]
fn moving_an_order_that_opens_opens() {
    let mut rig = amending(0);
    rig.order.price_ticks = PriceTicks(10_010);
    rig.passes();
    rig.firm.mode = Mode::Reducing;
    rig.denies("MODE_NOT_LIVE", 0, 100);
    rig.firm.mode = Mode::Live;
    rig.firm.pnl_e9 = -3 * E9 - 1;
    rig.denies("DAILY_LOSS", 3 * E9, 3 * E9 + 1);
    // Short 100, being bought back: moved freely, by any quantity up to the position.
    let closing = |qty: i64, held: i64| {
        let mut rig = amending(0);
        rig.hold(held);
        rig.order.price_ticks = PriceTicks(10_010);
        rig.order.qty_lots = QtyLots(qty);
        rig.firm.mode = Mode::Reducing;
        rig
    };
    closing(100, -100).passes();
    closing(40, -100).passes();
    closing(101, -100).denies("MODE_NOT_LIVE", 100, 101);
    closing(150, -150).passes();
    closing(151, -150).denies("MODE_NOT_LIVE", 150, 151);
    // Another closing order of 60 leaves room for 90.
    let mut rig = closing(90, -150);
    (rig.symbol.buy_lots, rig.strategy.buy_lots) = (160, 160);
    rig.passes();
    rig.order.qty_lots = QtyLots(91);
    rig.denies("MODE_NOT_LIVE", 90, 91);
    // Partly filled: 40 of 100 bought back, 60 short, 60 working.
    let mut rig = amending(40);
    rig.hold(-60);
    (rig.firm.mode, rig.order.price_ticks) = (Mode::Reducing, PriceTicks(10_010));
    rig.passes();
    rig.order.qty_lots = QtyLots(101);
    rig.denies("MODE_NOT_LIVE", 60, 61);
}

#[test]
fn an_order_of_the_same_link_group_is_an_alternative() {
    // Long 100, a target of 100 works; its stop may be as large, but not larger.
    let stop = |qty: i64, linked| {
        let mut rig = Rig::new();
        rig.hold(100);
        (rig.symbol.sell_lots, rig.strategy.sell_lots) = (100, 100);
        (rig.order.side, rig.order.exec_inst) = (Side::Sell, ExecInst::ReduceOnly);
        rig.order.qty_lots = QtyLots(qty);
        rig.linked_lots = linked;
        rig
    };
    stop(100, 100).passes();
    stop(101, 100).denies("REDUCE_ONLY", 100, 101);
    stop(40, 40).passes();
    stop(41, 40).denies("REDUCE_ONLY", 40, 41);
    stop(100, 0).denies("REDUCE_ONLY", 0, 100);
    // However much is said to be linked, no more than the position can be taken off.
    stop(101, i64::MAX).denies("REDUCE_ONLY", 100, 101);
    let mut flat = stop(100, 500);
    flat.hold(0);
    flat.denies("REDUCE_ONLY", 0, 100);
}

#[test]
fn an_order_without_a_limit_is_valued_at_trigger_or_touch() {
    let value = |side, ord_type, stop: i64| {
        let mut rig = Rig::new();
        (rig.order.side, rig.order.ord_type) = (side, ord_type);
        (rig.order.price_ticks, rig.order.stop_px_ticks) = (PriceTicks::UNDEF, PriceTicks(stop));
        rig.passes();
        rig.ask(|i| (i.asked_ticks, i.price_ticks, i.value_e9))
    };
    let undef = i64::MIN;
    // A buy at 10,001 with a 32nd and a tick on top.
    assert_eq!(value(Side::Buy, OrdType::Market, undef), (10_001, 10_314, 10_314_000_000));
    assert_eq!(value(Side::Sell, OrdType::Market, undef), (9_999, 9_999, 9_999_000_000));
    assert_eq!(value(Side::Buy, OrdType::Stop, 10_050), (10_050, 10_365, 10_365_000_000));
    assert_eq!(value(Side::Sell, OrdType::Stop, 9_950), (9_950, 9_950, 9_950_000_000));
    let mut rig = Rig::new();
    rig.order.ord_type = OrdType::StopLimit;
    (rig.order.price_ticks, rig.order.stop_px_ticks) = (PriceTicks(10_060), PriceTicks(10_050));
    rig.ask(|i| assert_eq!((i.asked_ticks, i.price_ticks), (10_060, 10_060)));
    // The value is what the limits are held against.
    rig.order.ord_type = OrdType::Market;
    (rig.order.price_ticks, rig.order.stop_px_ticks) = (PriceTicks::UNDEF, PriceTicks::UNDEF);
    rig.firm.limits.max_order_notional_e9 = 10_314_000_000;
    rig.passes();
    rig.firm.limits.max_order_notional_e9 -= 1;
    rig.denies("MAX_ORDER_NOTIONAL", 10_313_999_999, 10_314_000_000);
}

#[test]
fn sums_in_base_currency_are_rounded_up() {
    let mut rig = Rig::new();
    rig.symbol.fx = FxRate::from_e9(333_333_333).expect("positive");
    rig.ask(|i| {
        let exact = (10 * i128::from(E9) * 333_333_333 + 999_999_999) / 1_000_000_000;
        let base = i128::from(i.base_e9);
        assert!(base >= exact && base <= exact + 3, "{base} {exact}");
        assert_eq!((i.added_base_e9, i.increase_base_e9), (i.base_e9, i.base_e9));
        assert_eq!(i.strategy_base_e9, i.base_e9);
    });
}

/// The approval holds what was asked, so the frame is the order that passed.
#[test]
fn an_approval_becomes_the_frame_of_the_order_that_passed() {
    let mut rig = Rig::new();
    (rig.order.ord_type, rig.order.time_in_force) = (OrdType::StopLimit, TimeInForce::Gtd);
    (rig.order.stop_px_ticks, rig.order.expire_ns) = (PriceTicks(10_002), TsNs(NOW + 5));
    (rig.order.price_ticks, rig.order.link_id) = (PriceTicks(10_003), 6);
    (rig.order.parent_id, rig.parent) = (5, Some((1_000, 0)));
    let to = Envelope { cl_ord_id: ClOrdId::new(1, 2), venue: VenueId(3), now: TsNs(NOW), seq: 44 };
    let approve = || rig.ask(|i| Approval::of(&evaluate(i), i.order, 9)).expect("passes");
    let frame = approve().into_frame(&to);
    assert_eq!((frame.header.venue_id, frame.header.seq), (VenueId(3), 44));
    assert_eq!((frame.header.ts_recv_ns, frame.header.strategy_id), (TsNs(NOW), StrategyId(2)));
    assert_eq!((frame.cl_ord_id, frame.approval_seq), (ClOrdId::new(1, 2), 9));
    assert_eq!((frame.price_ticks, frame.stop_px_ticks), (PriceTicks(10_003), PriceTicks(10_002)));
    assert_eq!((frame.qty_lots, frame.expire_ns), (QtyLots(100), TsNs(NOW + 5)));
    assert_eq!((frame.parent_id, frame.link_id), (5, 6));
    let codes = [frame.side, frame.ord_type, frame.time_in_force, frame.exec_inst];
    assert_eq!(codes, [b'1', b'4', b'6', 0]);
    let replace = approve().into_replace(&to, ClOrdId::new(1, 1), 77);
    assert_eq!(
        (replace.cl_ord_id, replace.orig_cl_ord_id),
        (ClOrdId::new(1, 2), ClOrdId::new(1, 1))
    );
    assert_eq!((replace.order_id, replace.approval_seq), (77, 9));
    assert_eq!((replace.price_ticks, replace.qty_lots), (PriceTicks(10_003), QtyLots(100)));
    assert_eq!((replace.header.seq, replace.header.instrument_id), (44, InstrumentId(0)));
}
