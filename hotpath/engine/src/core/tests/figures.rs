//! Figures from outside: each lands where the checks look for it, and nowhere else.

use super::script::Desk;
use super::*;
use crate::limits::FxSource;
use wire::risk::{RiskField, RiskInput};

fn feed(desk: &mut Desk, field: RiskField, value: i64, name: impl FnOnce(&mut FrameHeader)) {
    let mut input = RiskInput::new(field, value);
    name(&mut input.header);
    desk.feed(input);
}

#[test]
fn a_figure_of_an_instrument_is_that_instrument_s() {
    type Read = fn(&SymbolRisk) -> i64;
    let cases: [(RiskField, Read); 6] = [
        (RiskField::ShortLots, |r| r.locate_lots),
        (RiskField::BandLow, |r| r.band_low_ticks),
        (RiskField::BandHigh, |r| r.band_high_ticks),
        (RiskField::Adv, |r| r.adv_lots),
        (RiskField::VarSlope, |r| r.var_slope_e9),
        (RiskField::PriorClose, |r| r.prior_close_ticks),
    ];
    let mut desk = Desk::live(&[1, 1], &[0, 1], |_| {});
    for (n, (field, read)) in cases.into_iter().enumerate() {
        let value = 1_000 + i64::try_from(n).expect("few");
        let other = read(&desk.engine().instruments()[0].risk);
        feed(&mut desk, field, value, |h| h.instrument_id = InstrumentId(1));
        assert_eq!(read(&desk.engine().instruments()[1].risk), value, "{field:?}");
        assert_eq!(read(&desk.engine().instruments()[0].risk), other, "{field:?}");
        let ignored = desk.engine().counters().ignored;
        feed(&mut desk, field, value, |h| h.instrument_id = InstrumentId(2));
        assert_eq!(desk.engine().counters().ignored, ignored + 1, "{field:?}: no such instrument");
    }
    assert!(desk.engine().firm().var_external, "a slope from outside");
}

#[test]
fn a_rate_counts_where_one_is_due_and_one_that_cannot_be_is_none() {
    let mut desk = Desk::live(&[1, 1], &[0, 1], |s| {
        if let Some(row) = &mut s.limits.symbols[1] {
            row.rules.fx = FxSource::Feed;
        }
    });
    let known = |desk: &Desk, n: usize| desk.engine().instruments()[n].risk.fx;
    assert!(!known(&desk, 1).is_known());
    feed(&mut desk, RiskField::FxRate, 500_000_000, |h| h.instrument_id = InstrumentId(1));
    assert_eq!(known(&desk, 1).convert(10), 5);
    let risk = &desk.engine().instruments()[1].risk;
    assert_eq!(risk.fx_ns, desk.engine().now().get());
    feed(&mut desk, RiskField::FxRate, -1, |h| h.instrument_id = InstrumentId(1));
    assert!(!known(&desk, 1).is_known(), "no rate is better than a wrong one");
    let ignored = desk.engine().counters().ignored;
    feed(&mut desk, RiskField::FxRate, 2, |h| h.instrument_id = InstrumentId(0));
    assert_eq!(known(&desk, 0).convert(10), 10, "its quote currency is the base currency");
    assert_eq!(desk.engine().counters().ignored, ignored + 1);
}

#[test]
fn figures_of_the_station_a_strategy_and_a_venue() {
    let mut desk = Desk::live(&[1, 2], &[0, 1], |_| {});
    desk.wait(5);
    for (field, value) in [
        (RiskField::Var, 70),
        (RiskField::AuditFill, 71),
        (RiskField::ClockOffset, 72),
        (RiskField::HighWater, 73),
    ] {
        desk.risk(field, value);
    }
    let (firm, now) = (desk.engine().firm().clone(), desk.engine().now().get());
    assert_eq!((firm.var_e9, firm.var_ns, firm.var_external), (70, now, true));
    assert_eq!((firm.audit_fill, firm.clock_offset_ns, firm.high_water_e9), (71, 72, 73));
    desk.risk(RiskField::HighWater, 10);
    assert_eq!(desk.engine().firm().high_water_e9, 73, "it only rises");
    feed(&mut desk, RiskField::HighWater, 80, |h| h.strategy_id = StrategyId(1));
    let of = |desk: &Desk, s| desk.engine().strategy_risk(StrategyId(s)).map(|r| r.high_water_e9);
    assert_eq!((of(&desk, 0), of(&desk, 1)), (Some(0), Some(80)));
    assert_eq!(desk.engine().firm().high_water_e9, 73);
    feed(&mut desk, RiskField::Balance, 90, |h| h.venue_id = VenueId(2));
    let balances: Vec<i64> = desk.engine().venues().map(|v| v.balance_e9).collect();
    assert_eq!(balances, [i64::MAX, 90]);
}
