//! The lattice: a tighter limit, in any row and field, never turns a denial into a pass.

use super::breaches::BREACHES;
use super::oracle::{Draws, draws, shake};
use super::*;
use crate::limits::{Row, Tighter};
use proptest::prelude::*;

/// The row with one field tighter, by about `amount`.
fn tightened<R: Row>(row: &R, place: usize, amount: i64) -> R {
    let spec = &R::fields()[place % R::fields().len()];
    let old = row.get(spec.field).expect("of this row");
    let new = match spec.tighter {
        Tighter::Lower => old.saturating_sub(amount),
        Tighter::Higher => old.saturating_add(amount),
    };
    let mut other = *row;
    assert!(other.set(spec.field, new.clamp(*spec.range.start(), *spec.range.end())));
    row.tightest(&other)
}

/// The same world with one tighter limit, taken in as the engine takes it in.
fn tighter(rig: &Rig, row: u8, place: usize, amount: i64) -> Rig {
    let mut r = rig.clone();
    match row {
        0 => r.symbol.set_limits(tightened(&r.symbol.limits, place, amount), r.symbol.epoch),
        1 => r.strategy.set_limits(tightened(&r.strategy.limits, place, amount), r.strategy.epoch),
        2 => r.venue.set_limits(tightened(&r.venue.limits, place, amount), r.venue.epoch),
        _ => {
            r.firm.set_limits(tightened(&r.firm.limits, place, amount), r.firm.epoch);
            r.venue.set_balance(r.venue.balance_e9, r.firm.limits.credit_use_bp);
        }
    }
    r
}

#[track_caller]
fn holds(rig: &Rig, row: u8, place: usize, amount: i64) {
    let before = rig.verdict().mask;
    let after = tighter(rig, row, place, amount).verdict().mask;
    let lost = codes(before & !after);
    assert_eq!(lost, [""; 0], "row {row}, field {place}, tighter by {amount}");
}

#[test]
fn no_field_loosens_any_breach() {
    for (code, breach) in BREACHES {
        let mut rig = Rig::new();
        breach(&mut rig);
        assert!(rig.codes().contains(&code));
        for row in 0..4 {
            for place in 0..24 {
                for amount in [0, 1, 2, 9, 5_000, 1 << 40] {
                    holds(&rig, row, place, amount);
                }
            }
        }
    }
}

/// Found by the property below: a smaller share of a debt was a smaller debt.
#[test]
fn a_smaller_share_of_a_debt_lets_nothing_through() {
    let mut rig = Rig::new();
    for (balance_e9, whole, half) in [(-10, -10, -10), (i64::MIN, i64::MIN, i64::MIN), (10, 10, 5)]
    {
        rig.venue.set_balance(balance_e9, 10_000);
        assert_eq!(rig.venue.credit_e9, whole);
        rig.venue.set_balance(balance_e9, 5_000);
        assert_eq!(rig.venue.credit_e9, half);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn no_field_loosens_anything(
        words in draws(),
        breaches in prop::collection::vec(0_usize..64, 0..4),
        taken in 0_usize..20,
        row in 0_u8..4,
        place in 0_usize..24,
        amount in prop_oneof![0_i64..20, 0_i64..20_000, 0..i64::MAX],
    ) {
        let mut rig = Rig::new();
        shake(&mut rig, &mut Draws::new(words), 1 << 60);
        for place in breaches {
            BREACHES[place].1(&mut rig);
        }
        for _ in 0..taken {
            rig.symbol.orders.take(TsNs(NOW));
            rig.strategy.orders.take(TsNs(NOW - 100_000_000));
            rig.venue.orders.take(TsNs(NOW));
            rig.venue.messages.take(TsNs(NOW));
        }
        holds(&rig, row, place, amount);
    }
}
