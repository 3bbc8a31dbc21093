//! Each rule at, below and above its limit, in windows whose z is known.

use super::*;
use crate::strategy::testing::{Rig, SECOND, canceled, placed};
use wire::order::{ExecInst, OrdStatus};
use wire::{ClOrdId, PriceTicks};

/// In a window of `n` closes of which one stands out, its z is exactly `sqrt(n - 1)`: five closes,
/// two standard deviations.
const PARAMS: Params = Params {
    qty_lots: QtyLots(10),
    window_bars: 5,
    entry_z_e3: 2_000,
    exit_z_e3: 500,
    order_ttl_ns: 3 * SECOND,
    hold_ns: 20 * SECOND,
};

fn rig(params: Params) -> Rig<MeanReversion> {
    let mut rig = Rig::new(MeanReversion::new(params));
    rig.touch(999, 1_001);
    rig
}

/// Four closes at 1000, then one at `close`: what that bar makes it ask.
fn after_four(params: Params, close: i64) -> (Rig<MeanReversion>, Vec<Intent>) {
    let mut rig = rig(params);
    for _ in 0..4 {
        assert_eq!(rig.bar(1_000), []);
    }
    let wishes = rig.bar(close);
    (rig, wishes)
}

/// A position of +10 or -10 lots from an entry that filled whole.
fn entered(params: Params, close: i64) -> Rig<MeanReversion> {
    let (mut rig, wishes) = after_four(params, close);
    let id = rig.send(placed(&wishes)[0]);
    rig.fill(id, 10);
    rig
}

#[test]
fn it_enters_at_the_level_and_not_below_it() {
    let enters = |entry_z_e3, close| {
        let (_, wishes) = after_four(Params { entry_z_e3, ..PARAMS }, close);
        placed(&wishes).first().map(|p| (p.side, p.price_ticks.get()))
    };
    for (level, high, low) in [
        (1_999, Some((Side::Sell, 1_001)), Some((Side::Buy, 999))),
        (2_000, Some((Side::Sell, 1_001)), Some((Side::Buy, 999))),
        (2_001, None, None),
    ] {
        // One tick or a hundred: z knows no distance.
        for distance in [1, 100] {
            assert_eq!(enters(level, 1_000 + distance), high, "{level}");
            assert_eq!(enters(level, 1_000 - distance), low, "{level}");
        }
    }
}

#[test]
fn the_entry_rests_and_is_canceled_in_time() {
    let (mut rig, wishes) = after_four(PARAMS, 1_010);
    let order = placed(&wishes)[0];
    assert_eq!((order.exec_inst, order.qty_lots), (ExecInst::PostOnly, QtyLots(10)));
    let at = |span| TsNs(rig.now + span);
    let timers = [Intent::Timer(EXPIRE, at(3 * SECOND)), Intent::Timer(HOLD, at(20 * SECOND))];
    assert_eq!(wishes[1..], timers);
    let id = rig.send(order);
    assert_eq!(rig.bar(1_100), [], "one order at a time");
    assert_eq!(rig.event(&Event::Timer(EXPIRE)), [Intent::Cancel(id)]);
    rig.end(id, OrdStatus::Canceled);
    assert_eq!(rig.event(&Event::Timer(EXPIRE)), []);
    assert_eq!(rig.event(&Event::Timer(HOLD)), [], "flat: nothing to close");
}

#[test]
fn nothing_before_the_window_is_full_or_while_the_price_stands_still() {
    let mut rig = rig(PARAMS);
    for close in [1_000, 1_000, 1_000, 1_100] {
        assert_eq!(rig.bar(close), [], "four closes are no window of five");
    }
    let (mut rig, wishes) = after_four(PARAMS, 1_000);
    assert_eq!(wishes, []);
    for _ in 0..200 {
        assert_eq!(rig.bar(1_000), [], "no movement, no z");
    }
    assert_eq!(placed(&rig.bar(1_001)).len(), 1, "and the ring of closes went round");
}

/// Closes 1000 1000 1000 1010 and then `close`: z of 1002 is -0.1015, of 1000 -0.5, of 999 -0.7.
#[test]
fn it_leaves_inside_the_exit_level_or_beyond_the_mean() {
    let exit = |exit_z_e3, close| {
        let mut rig = entered(Params { exit_z_e3, ..PARAMS }, 1_010);
        placed(&rig.bar(close)).first().map(|p| (p.side, p.price_ticks, p.exec_inst))
    };
    // Short from 1010: it leaves across the spread at the ask once z is at or below the level.
    let out = Some((Side::Buy, PriceTicks(1_001), ExecInst::None));
    // 1000 1000 1000 1010 1005: sum 15 about 1000, squares 125; z = 10 / sqrt(400) = 0.5.
    assert_eq!(exit(499, 1_005), None, "above the level");
    assert_eq!(exit(500, 1_005), out, "at the level");
    assert_eq!(exit(501, 1_005), out, "below the level");
    assert_eq!(exit(0, 1_000), out, "beyond the mean, 1002");
    // The mirror: long from 990.
    let exit = |exit_z_e3| {
        let mut rig = entered(Params { exit_z_e3, ..PARAMS }, 990);
        placed(&rig.bar(995)).first().map(|p| (p.side, p.price_ticks))
    };
    assert_eq!(exit(499), None);
    assert_eq!(exit(500), Some((Side::Sell, PriceTicks(999))));
}

#[test]
fn leaving_cancels_what_rests_first_and_waits_for_its_own_exit() {
    let (mut rig, wishes) = after_four(PARAMS, 1_010);
    let entry = rig.send(placed(&wishes)[0]);
    rig.fill(entry, 4);
    assert_eq!(rig.bar(1_000), [Intent::Cancel(entry)]);
    rig.end(entry, OrdStatus::Canceled);
    let exit = placed(&rig.bar(1_000));
    assert_eq!((exit[0].side, exit[0].qty_lots), (Side::Buy, QtyLots(4)));
    rig.send(exit[0]);
    assert_eq!(rig.bar(1_000), [], "its exit is on the way");
    assert_eq!(rig.event(&Event::Timer(EXPIRE)), [], "the timer of entries leaves exits alone");
}

#[test]
fn a_holding_ends_in_time_and_the_next_waits_for_the_way_back() {
    let mut rig = entered(Params { entry_z_e3: 1_900, ..PARAMS }, 1_010);
    let hold = rig.event(&Event::Timer(HOLD));
    let exit = placed(&hold)[0];
    assert_eq!((exit.side, exit.price_ticks), (Side::Buy, PriceTicks(1_001)));
    let again = Intent::Timer(HOLD, TsNs(rig.now + AGAIN_NS));
    assert!(hold.contains(&again), "it asks again until it is flat: {hold:?}");
    let id: ClOrdId = rig.send(exit);
    rig.fill(id, 10);
    assert_eq!(rig.event(&Event::Timer(HOLD)), [], "flat");
    // Still far out: a hundred times the last distance keeps z at two.
    let mut far = 1_010;
    for _ in 0..3 {
        far *= 100;
        assert!(rig.strategy.spent);
        assert_eq!(placed(&rig.bar(far)), [], "spent");
    }
    assert_eq!(placed(&rig.bar(far)), []);
    assert!(!rig.strategy.spent, "back inside the entry level");
    assert_eq!(canceled(&rig.asked), []);
}

#[test]
fn numbers_beyond_the_arithmetic_ask_nothing() {
    let (_, wishes) = after_four(PARAMS, i64::MAX);
    assert_eq!(wishes, []);
}

#[test]
fn every_parameter_is_refused_just_outside_its_range() {
    for good in [
        PARAMS,
        Params { window_bars: 3, entry_z_e3: 1, exit_z_e3: 0, ..PARAMS },
        Params { window_bars: 128, entry_z_e3: 10_000, exit_z_e3: 9_999, ..PARAMS },
        Params { hold_ns: 3 * SECOND + 1, ..PARAMS },
    ] {
        assert_eq!(good.problem(), None, "{good:?}");
    }
    for (bad, key) in [
        (Params { qty_lots: QtyLots(0), ..PARAMS }, "qty_lots"),
        (Params { window_bars: 2, ..PARAMS }, "window_bars"),
        (Params { window_bars: 129, ..PARAMS }, "window_bars"),
        (Params { entry_z_e3: 0, ..PARAMS }, "entry_z_e3"),
        (Params { entry_z_e3: 10_001, ..PARAMS }, "entry_z_e3"),
        (Params { exit_z_e3: -1, ..PARAMS }, "exit_z_e3"),
        (Params { exit_z_e3: 2_000, ..PARAMS }, "exit_z_e3"),
        (Params { order_ttl_ns: 0, ..PARAMS }, "order_ttl_ms"),
        (Params { hold_ns: 3 * SECOND, ..PARAMS }, "hold_ms"),
    ] {
        assert_eq!(bad.problem().map(|(key, _)| key), Some(key), "{bad:?}");
    }
}

#[test]
fn the_state_hash_sees_every_part() {
    let before = entered(PARAMS, 1_010).hash();
    assert_eq!(entered(PARAMS, 1_010).hash(), before, "the same life gives the same state");
    let changes: [fn(&mut MeanReversion); 11] = [
        |s| s.params.qty_lots.0 += 1,
        |s| s.params.window_bars += 1,
        |s| s.params.entry_z_e3 += 1,
        |s| s.params.exit_z_e3 += 1,
        |s| s.params.order_ttl_ns += 1,
        |s| s.params.hold_ns += 1,
        |s| s.closes[2] += 1,
        |s| s.seen += 1,
        |s| s.resting = !s.resting,
        |s| s.spent = !s.spent,
        |s| s.closes[127] = 1,
    ];
    for (n, change) in changes.iter().enumerate() {
        let mut rig = entered(PARAMS, 1_010);
        change(&mut rig.strategy);
        assert_ne!(rig.hash(), before, "change {n}");
    }
}
