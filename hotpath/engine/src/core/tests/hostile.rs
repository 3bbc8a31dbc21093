//! A venue that answers anything: the engine stays up, opens nothing it cannot account for, and finds
//! back when the venue does.

use super::script::{Desk, Dice, SECOND};
use super::*;
use crate::strategy::Placement;
use wire::control::Command;
use wire::order::{NewOrder, OrdStatus, OrdType, Side, TimeInForce};
use wire::reconcile::{OrderStatusReport, SessionState};
use wire::{PriceTicks, QtyLots};

fn amount(dice: &mut Dice) -> i64 {
    match dice.below(8) {
        0 => i64::MAX,
        1 => i64::MAX / 2,
        2 => 1_000_000_000_000_000,
        3 => 0,
        _ => i64::try_from(dice.below(12)).expect("small"),
    }
}

pub(super) fn pick<T: Copy>(dice: &mut Dice, all: &[T]) -> T {
    all[usize::try_from(dice.below(all.len() as u64)).expect("few")]
}

pub(super) fn status(
    dice: &mut Dice,
    orders: &[NewOrder],
    venue: u16,
    listed: u32,
) -> OrderStatusReport {
    let mut report = OrderStatusReport::zeroed();
    report.header = FrameHeader::new::<OrderStatusReport>();
    report.header.instrument_id = InstrumentId(u32::try_from(dice.below(4)).expect("few"));
    report.header.venue_id = if dice.below(9) == 0 { VenueId::UNDEF } else { VenueId(venue) };
    report.cl_ord_id = match dice.below(6) {
        0 => ClOrdId::UNDEF,
        1 => ClOrdId(dice.next()),
        2 => ClOrdId::new(6, u32::try_from(dice.below(90)).expect("few")),
        _ if orders.is_empty() => ClOrdId::new(5, 1),
        _ => pick(dice, orders).cl_ord_id,
    };
    report.order_id = dice.below(80);
    report.price_ticks =
        pick(dice, &[9_990, 9_990, 10_010, 0, -7, i64::MIN, i64::MAX].map(PriceTicks));
    (report.qty_lots, report.cum_qty_lots) = (QtyLots(amount(dice)), QtyLots(amount(dice)));
    report.leaves_qty_lots = QtyLots(amount(dice));
    report.mass_status_id = pick(dice, &[listed, listed, listed, 0, 0, listed + 1, u32::MAX]);
    report.ord_status = pick(dice, OrdStatus::ALL).code();
    report.side = pick(dice, Side::ALL).code();
    report.ord_type = pick(dice, OrdType::ALL).code();
    report.time_in_force = pick(dice, TimeInForce::ALL).code();
    report
}

#[test]
fn answers_of_every_kind_leave_the_engine_sound() {
    let (mut adopted, mut alarms, mut clean) = (0, 0, 0);
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut desk = Desk::live(&[1, 1, 2], &[0, 1, 2], |s| {
            (s.patience.reconcile_ns, s.patience.status_ns) = (SECOND, SECOND / 2);
        });
        let mut orders: Vec<NewOrder> = Vec::new();
        for _ in 0..250 {
            let venue = 1 + u16::try_from(dice.below(2)).expect("few");
            let listed = desk.newest(venue);
            match dice.below(14) {
                0 => desk.wait(dice.below(2 * SECOND)),
                1 => {
                    let up = if dice.below(3) > 0 { SessionState::Up } else { SessionState::Down };
                    desk.session(venue, up);
                }
                2 => {
                    let on = u32::try_from(dice.below(4)).expect("few");
                    let lots = pick(&mut dice, &[0, 1, -1, 5, i64::MAX, i64::MIN]);
                    let px = pick(&mut dice, &[None, Some(9_000), Some(i64::MAX), Some(-1)]);
                    desk.position(venue, listed, on, lots, px);
                }
                3 => {
                    let count = |dice: &mut Dice| u32::try_from(dice.below(4)).expect("few");
                    let (orders, positions) = (count(&mut dice), count(&mut dice));
                    desk.end(venue, listed, orders, positions);
                }
                4 => {
                    let known = desk.engine().externals().first().map(|e| e.order_id);
                    let id = known.filter(|_| dice.below(4) > 0).unwrap_or(dice.below(80));
                    adopted += u64::from(desk.control(Command::Adopt, id, "", |_| {}));
                }
                5 => {
                    desk.control(Command::Accept, 0, "looked", |_| {});
                }
                6 => desk.mode(Mode::Live),
                7 | 8 => {
                    let want = Placement::limit(Side::Buy, PriceTicks(9_990), QtyLots(2));
                    let strategy = usize::try_from(dice.below(3)).expect("few");
                    orders.extend(desk.place(strategy, want));
                }
                9 if !orders.is_empty() => {
                    let id = pick(&mut dice, &orders).cl_ord_id;
                    desk.wish(usize::try_from(dice.below(3)).expect("few"), Intent::Cancel(id));
                }
                _ => {
                    let report = status(&mut dice, &orders, venue, listed);
                    desk.feed(report);
                }
            }
            let firm = desk.engine().firm();
            assert!(firm.open_orders >= 0 && firm.unknown_orders >= 0, "seed {seed}");
            let unknown = desk.engine().orders().iter_working();
            let unknown = unknown.filter(|o| o.status == OrdStatus::Unknown).count();
            let counted = usize::try_from(firm.unknown_orders).expect("checked");
            assert_eq!(counted, unknown + desk.engine().externals().len(), "seed {seed}");
            alarms += desk.take().alarms().len();
        }
        clean += desk.engine().counters().reconciled;
    }
    assert!(adopted > 2 && alarms > 1_000 && clean > 60, "{adopted} {alarms} {clean}");
}
