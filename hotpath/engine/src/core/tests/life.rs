//! What losses, streaks and rates trip: at the limit nothing, past it once; how it is left again.

use super::super::*;
use super::rig::*;
use super::say::*;
use crate::orders::Order;
use crate::risk::Disabled;
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::{ExecType, ExecutionReport, OrdStatus, Side};
use wire::risk::RiskField;
use wire::{MoneyE9, PriceTicks, QtyLots};

/// One tick of one lot: a hundred-thousandth of the quote currency.
fn tick() -> i64 {
    instrument().tick_value_e9().expect("whole")
}

fn limit(side: Side, price: i64, lots: i64) -> Placement {
    Placement::limit(side, PriceTicks(price), QtyLots(lots))
}

/// A strategy with a position of so many lots bought at 10,001, an opening order and a guard.
fn holding(rig: &mut Rig, lots: i64) -> [Order; 2] {
    let entry = rig.placed(&Placement::ioc(Side::Buy, PriceTicks(10_001), QtyLots(lots)));
    rig.fill(entry.cl_ord_id, lots, 1_000);
    let opening = rig.working(&limit(Side::Buy, 9_900, 5));
    let guard = rig.working(&limit(Side::Sell, 10_500, lots).reduce_only());
    rig.kinds();
    [opening, guard]
}

/// A whole second of the market goes by: what it is marked at.
fn mark_at(rig: &mut Rig, bid: i64) {
    rig.touch(bid, bid + 2);
    let index = index_of(InstrumentId(0));
    rig.engine.mark(index, &mut rig.record);
}

fn canceled(rig: &Rig, order: &Order) -> bool {
    rig.order(order.cl_ord_id).status == OrdStatus::PendingCancel
}

#[test]
fn a_strategy_trips_past_its_loss_limits_and_not_at_them() {
    // Bought 100 at 10,001; marked at the bid: at 9,991 it has lost 1,000 tick-lots.
    type Limit = fn(&mut crate::limits::StrategyLimits, i64);
    let trips: [(Disabled, AlarmCode, Limit); 3] = [
        (Disabled::DailyLoss, AlarmCode::DailyLoss, |l, v| l.max_daily_loss_e9 = v),
        (Disabled::Drawdown, AlarmCode::Drawdown, |l, v| l.max_drawdown_e9 = v),
        (Disabled::LossVelocity, AlarmCode::LossVelocity, |l, v| l.max_loss_per_min_e9 = v),
    ];
    for (why, code, set) in trips {
        let mut rig = Rig::live();
        // The last minute's peak is what the entry left: 200 tick-lots down at the bid.
        let lost = if why == Disabled::LossVelocity { 800 } else { 1_000 };
        set(&mut rig.engine.strategies[OWN].risk.limits, lost * tick());
        let [opening, guard] = holding(&mut rig, 100);
        if why == Disabled::LossVelocity {
            // The fall is counted from the highest mark, the zero before the fill forgotten.
            rig.engine.strategies[OWN].risk.minute = crate::risk::MinutePeak::default();
            mark_at(&mut rig, 9_999);
        }
        mark_at(&mut rig, 9_991);
        assert_eq!(rig.engine.strategies[OWN].risk.disabled, Disabled::No, "{why:?} at the limit");
        mark_at(&mut rig, 9_990);
        assert_eq!(rig.engine.strategies[OWN].risk.disabled, why);
        mark_at(&mut rig, 9_980);
        assert_eq!(rig.alarmed(code), 1, "{why:?}: said once");
        assert!(canceled(&rig, &opening) && !canceled(&rig, &guard), "{why:?}");
        assert_eq!(rig.engine.mode(), Mode::Live, "the station goes on");
        // What opens is denied, what reduces passes, the other strategy trades.
        assert_eq!(rig.engine.wish(OWN, &limit(Side::Buy, 9_901, 5), &mut rig.record), None);
        assert_eq!(rig.denied("STRATEGY_DISABLED"), 1);
        rig.engine.cancel(guard.cl_ord_id, &mut rig.record);
        rig.say(word(&guard, ExecType::Canceled));
        let out = limit(Side::Sell, 10_000, 100).reduce_only();
        assert!(rig.engine.wish(OWN, &out, &mut rig.record).is_some(), "{why:?}");
    }
}

#[test]
fn round_trips_that_lose_are_counted_also_through_zero() {
    let mut rig = Rig::live();
    rig.engine.strategies[OWN].risk.limits.max_loss_streak = 3;
    let mut exec = 0;
    let mut trade = |rig: &mut Rig, side, price: i64, lots| {
        exec += 1;
        let (want, at) =
            (Placement::ioc(side, PriceTicks(price), QtyLots(lots)), PriceTicks(price));
        let order = rig.placed(&want);
        rig.say(ExecutionReport { last_px_ticks: at, ..fill_of(&order, lots, exec) });
        let risk = &rig.engine.strategies[OWN].risk;
        (risk.loss_streak, risk.disabled)
    };
    assert_eq!(trade(&mut rig, Side::Buy, 10_001, 10), (0, Disabled::No));
    assert_eq!(trade(&mut rig, Side::Sell, 9_999, 10), (1, Disabled::No));
    // Turned round in one fill each time: a trip is over, the next has begun.
    assert_eq!(trade(&mut rig, Side::Buy, 10_001, 11), (1, Disabled::No));
    assert_eq!(trade(&mut rig, Side::Sell, 9_999, 20), (2, Disabled::No));
    assert_eq!(trade(&mut rig, Side::Buy, 10_001, 20), (3, Disabled::No), "at the limit");
    // One that wins begins the count anew.
    assert_eq!(trade(&mut rig, Side::Sell, 10_003, 11), (0, Disabled::No));
    for n in 1..=3 {
        trade(&mut rig, Side::Buy, 10_005, 1);
        assert_eq!(trade(&mut rig, Side::Sell, 9_999 - n, 1).0, n);
    }
    assert_eq!(rig.alarmed(AlarmCode::LossStreak), 0);
    trade(&mut rig, Side::Buy, 10_005, 2);
    assert_eq!(trade(&mut rig, Side::Sell, 9_995, 2), (4, Disabled::LossStreak));
    assert_eq!(rig.alarmed(AlarmCode::LossStreak), 1);
    rig.rearm(strategy_id(OWN));
    assert_eq!(rig.engine.strategies[OWN].risk.loss_streak, 0);
    assert!(rig.engine.wish(OWN, &limit(Side::Buy, 9_990, 1), &mut rig.record).is_some());
}

/// Rearmed, a fall is measured from the profit of now: else it would trip again at the next mark. The
/// station's is rearmed in MAINTENANCE alone; a loss of the day is not forgotten by either.
#[test]
fn a_drawdown_is_rearmed_from_the_profit_of_now() {
    let mut rig = Rig::live();
    holding(&mut rig, 100);
    let risk = &mut rig.engine.strategies[OWN].risk;
    risk.limits.max_drawdown_e9 = 8 * 100 * tick();
    mark_at(&mut rig, 9_980);
    assert_eq!(rig.engine.strategies[OWN].risk.disabled, Disabled::Drawdown);
    rig.rearm(strategy_id(OWN));
    mark_at(&mut rig, 9_980);
    let risk = &rig.engine.strategies[OWN].risk;
    assert_eq!((risk.disabled, risk.drawdown_e9()), (Disabled::No, 0));
    assert!(risk.pnl_e9 < 0, "the loss itself stands");
    assert!(rig.engine.firm.drawdown_e9() > 0);
    rig.rearm(StrategyId::UNDEF);
    assert!(rig.engine.firm.drawdown_e9() > 0, "not while LIVE");
    rig.engine.firm.mode = Mode::Maintenance;
    rig.rearm(StrategyId::UNDEF);
    assert_eq!(rig.engine.firm.drawdown_e9(), 0);
    assert!(rig.engine.firm.pnl_e9 < 0);
}

#[test]
fn executions_rejects_and_the_fill_rate_trip_once() {
    let mut rig = Rig::live();
    rig.engine.strategies[OWN].risk.limits.max_executions = 3;
    let order = rig.working(&limit(Side::Buy, 9_998, 50));
    for n in 1..=2 {
        rig.fill(order.cl_ord_id, 1, n);
    }
    assert_eq!(rig.engine.strategies[OWN].risk.disabled, Disabled::No);
    rig.fill(order.cl_ord_id, 1, 3);
    assert_eq!(rig.engine.strategies[OWN].risk.disabled, Disabled::Executions, "no fourth");
    rig.fill(order.cl_ord_id, 1, 4);
    assert_eq!((rig.alarmed(AlarmCode::RepeatedExecution), canceled(&rig, &order)), (1, true));
    rig.rearm(strategy_id(OWN));
    assert_eq!(rig.engine.strategies[OWN].risk.executions, 0);

    // The fill rate: pulled at once, said when passed, said again when passed again.
    let mut rig = Rig::live();
    let l = &mut rig.engine.instruments[0].risk.limits;
    (l.max_fill_lots, l.fill_window_ns) = (10, i64::try_from(SECOND).expect("small"));
    let order = rig.working(&limit(Side::Buy, 9_998, 50));
    let other = rig.working(&limit(Side::Buy, 9_990, 5));
    rig.fill(order.cl_ord_id, 10, 1);
    assert_eq!((rig.alarmed(AlarmCode::FillRate), canceled(&rig, &other)), (0, false));
    rig.fill(order.cl_ord_id, 1, 2);
    rig.fill(order.cl_ord_id, 1, 3);
    assert_eq!((rig.alarmed(AlarmCode::FillRate), canceled(&rig, &other)), (1, true));
    assert_eq!(rig.engine.wish(OWN, &limit(Side::Buy, 9_991, 5), &mut rig.record), None);
    assert_eq!(rig.denied("FILL_RATE"), 1);
    rig.delta(3 * SECOND);
    rig.fill(order.cl_ord_id, 11, 4);
    assert_eq!(rig.alarmed(AlarmCode::FillRate), 2, "passed a second time");
    // A bust is no execution.
    let executions = rig.engine.strategies[OWN].risk.executions;
    let bust = ExecutionReport { exec_type: b'H', ..fill_of(&order, 11, 4) };
    rig.say(bust);
    assert_eq!(rig.engine.strategies[OWN].risk.executions, executions);
    assert_eq!((rig.alarmed(AlarmCode::FillRate), rig.lots()), (2, 12));
}

#[test]
fn the_station_trips_into_reducing_and_only_a_new_day_leads_back_to_live() {
    type Limit = fn(&mut crate::limits::FirmLimits, i64);
    let trips: [(AlarmCode, Limit); 3] = [
        (AlarmCode::DailyLoss, |l, v| l.max_daily_loss_e9 = v),
        (AlarmCode::Drawdown, |l, v| l.max_drawdown_e9 = v),
        (AlarmCode::LossVelocity, |l, v| l.max_loss_per_min_e9 = v),
    ];
    for (code, set) in trips {
        let mut rig = Rig::live();
        let is_velocity = code == AlarmCode::LossVelocity;
        set(&mut rig.engine.firm.limits, if is_velocity { 800 } else { 1_000 } * tick());
        let [opening, guard] = holding(&mut rig, 100);
        if is_velocity {
            rig.engine.firm.minute = crate::risk::MinutePeak::default();
            mark_at(&mut rig, 9_999);
        }
        mark_at(&mut rig, 9_991);
        assert_eq!(rig.engine.mode(), Mode::Live, "{code:?} at the limit");
        mark_at(&mut rig, 9_990);
        assert_eq!((rig.engine.mode(), rig.engine.loss_latched), (Mode::Reducing, true));
        mark_at(&mut rig, 9_980);
        assert_eq!(rig.alarmed(code), 1, "{code:?}: said once");
        assert!(canceled(&rig, &opening) && !canceled(&rig, &guard), "{code:?}");
        // The latch: LIVE is refused from REDUCING and from MAINTENANCE, a roll only there.
        let live = u64::from(Mode::Live.code());
        rig.command(Command::Mode, live, "please");
        rig.command(Command::Roll, 0, "new day");
        assert_eq!((rig.engine.mode(), rig.engine.loss_latched), (Mode::Reducing, true));
        rig.fill(guard.cl_ord_id, 100, 2_000);
        rig.say(word(&opening, ExecType::Canceled));
        rig.command(Command::Mode, u64::from(Mode::Maintenance.code()), "");
        assert_eq!(rig.engine.mode(), Mode::Maintenance);
        rig.command(Command::Mode, live, "please");
        rig.command(Command::Roll, 0, "  ");
        assert_eq!((rig.engine.mode(), rig.engine.loss_latched), (Mode::Maintenance, true));
        rig.command(Command::Roll, 0, "new day");
        rig.command(Command::Mode, live, "");
        assert_eq!((rig.engine.mode(), rig.engine.loss_latched), (Mode::Live, false));
        assert_eq!(rig.engine.counters().refused_commands, 4);
    }
}

#[test]
fn a_new_day_keeps_what_was_earned_and_the_high_water_mark() {
    let mut rig = Rig::live();
    let entry = rig.placed(&Placement::ioc(Side::Buy, PriceTicks(10_001), QtyLots(10)));
    rig.fill(entry.cl_ord_id, 10, 1);
    mark_at(&mut rig, 10_031);
    mark_at(&mut rig, 10_021);
    let figures = |rig: &Rig| {
        let (f, s) = (&rig.engine.firm, &rig.engine.strategies[OWN].risk);
        assert_eq!(
            (f.pnl_e9, f.carried_e9, f.high_water_e9),
            (s.pnl_e9, s.carried_e9, s.high_water_e9)
        );
        assert_eq!(rig.engine.marked_e9(InstrumentId(0)), f.pnl_e9);
        [f.pnl_e9, f.carried_e9, f.high_water_e9, f.drawdown_e9()].map(|sum| sum / tick())
    };
    assert_eq!(figures(&rig), [200, 0, 300, 100]);
    rig.command(Command::Mode, u64::from(Mode::Maintenance.code()), "");
    rig.command(Command::Roll, 0, "new day");
    assert_eq!(figures(&rig), [0, 200, 300, 100]);
    assert_eq!(rig.engine.firm.orders_today + rig.engine.firm.turnover_e9, 0);
    mark_at(&mut rig, 10_021);
    assert_eq!(figures(&rig), [0, 200, 300, 100], "the same mark is no profit of the new day");
    mark_at(&mut rig, 10_041);
    assert_eq!(figures(&rig), [200, 200, 400, 0]);
    mark_at(&mut rig, 10_001);
    assert_eq!(figures(&rig), [-200, 200, 400, 400], "from the mark of the day before, too");
    rig.command(Command::Roll, 0, "another");
    assert_eq!(figures(&rig), [0, 0, 400, 400]);
}

#[test]
fn without_a_price_or_a_rate_the_last_mark_stands() {
    let mut rig = Rig::live();
    let entry = rig.placed(&Placement::ioc(Side::Buy, PriceTicks(10_001), QtyLots(10)));
    let fill = fill_of(&entry, 10, 1);
    rig.say(ExecutionReport { fee_e9: MoneyE9(7 * tick()), ..fill });
    mark_at(&mut rig, 9_951);
    let lost = |rig: &Rig| rig.engine.firm.pnl_e9 / tick();
    assert_eq!(lost(&rig), -507);
    let mut gap = wire::market::Gap::zeroed();
    gap.header = FrameHeader::new::<wire::market::Gap>();
    gap.reason = b'S';
    let at = rig.engine.now().get() - T0;
    rig.send(gap, at);
    rig.engine.instruments[0].quote = None;
    rig.engine.mark(0, &mut rig.record);
    assert_eq!(lost(&rig), -507, "a book that is gone is no profit");
    rig.engine.instruments[0].risk.fx = crate::risk::FxRate::default();
    rig.touch(9_951, 9_953);
    rig.engine.mark(0, &mut rig.record);
    assert_eq!(lost(&rig), -507, "nor is a rate that is gone");
    assert_eq!(rig.engine.firm.high_water_e9, 0);
    // What trips without a price trips without one.
    rig.engine.strategies[OWN].risk.limits.max_executions = 1;
    rig.engine.mark(0, &mut rig.record);
    assert_eq!(rig.engine.strategies[OWN].risk.disabled, Disabled::Executions);
    rig.risk(RiskField::AuditFill, 0);
}
