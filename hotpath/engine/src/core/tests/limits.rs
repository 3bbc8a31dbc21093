//! Limits: tightened at run time, replaced by a whole file in MAINTENANCE, effective as the
//! tightest of all layers.

use super::script::{Desk, Dice, SECOND};
use super::*;
use crate::limits::{
    FieldSpec, FirmLimits, Row, StrategyLimits, SymbolLimits, Tighter, VenueLimits,
};
use wire::advice::AdviceField;
use wire::risk::{ChangeSource, EpochStage, LimitField, RiskField, Scope};

const SCOPES: [Scope; 4] = [Scope::Firm, Scope::Symbol, Scope::Strategy, Scope::Venue];

fn fields(scope: Scope) -> &'static [FieldSpec] {
    match scope {
        Scope::Firm => FirmLimits::fields(),
        Scope::Symbol => SymbolLimits::fields(),
        Scope::Strategy => StrategyLimits::fields(),
        Scope::Venue => VenueLimits::fields(),
    }
}

/// What the gate compares with.
fn effective(engine: &Engine, scope: Scope, field: LimitField) -> i64 {
    let value = match scope {
        Scope::Firm => engine.firm().limits.get(field),
        Scope::Symbol => engine.effective_limits(InstrumentId(0)).and_then(|r| r.get(field)),
        Scope::Strategy => engine.strategy_risk(StrategyId(0)).and_then(|r| r.limits.get(field)),
        Scope::Venue => engine.venues().next().and_then(|v| v.limits.get(field)),
    };
    value.expect("a row with the field")
}

fn operator(engine: &Engine, scope: Scope, field: LimitField) -> i64 {
    let set = engine.operator_limits();
    let value = match scope {
        Scope::Firm => set.firm.get(field),
        Scope::Symbol => set.symbols[0].and_then(|r| r.limits.get(field)),
        Scope::Strategy => set.strategies[0].and_then(|r| r.get(field)),
        Scope::Venue => set.venues[0].1.get(field),
    };
    value.expect("a row with the field")
}

fn at_least_as_tight(spec: &FieldSpec, a: i64, b: i64) -> bool {
    match spec.tighter {
        Tighter::Lower => a <= b,
        Tighter::Higher => a >= b,
    }
}

/// A value so much tighter than another, within the range.
fn tighter_by(spec: &FieldSpec, from: i64, by: i64) -> i64 {
    match spec.tighter {
        Tighter::Lower => (from - by).max(*spec.range.start()),
        Tighter::Higher => (from + by).min(*spec.range.end()),
    }
}

fn maintenance() -> Desk {
    let mut desk = Desk::new(&[1], &[0], |_| {});
    desk.open_up();
    desk.take();
    desk
}

#[test]
fn each_field_of_each_scope_is_tightened_and_never_loosened_at_run_time() {
    let mut desk = Desk::live(&[1], &[0], |_| {});
    for scope in SCOPES {
        for spec in fields(scope) {
            let field = spec.field;
            let what = format!("{scope:?} {field:?}");
            let was = effective(desk.engine(), scope, field);
            let taken = desk.engine().counters().limit_changes;
            let now = tighter_by(spec, was, 3);
            desk.change(ChangeSource::Runtime, scope, field, now);
            assert_eq!(effective(desk.engine(), scope, field), now, "{what}");
            assert_eq!(desk.engine().counters().limit_changes, taken + 1, "{what}");
            assert_eq!(desk.take().kinds(), [], "{what}");
            let (one, beyond) = match spec.tighter {
                Tighter::Lower => (now + 1, *spec.range.start() - 1),
                Tighter::Higher => (now - 1, *spec.range.end() + 1),
            };
            for bad in [one, beyond] {
                let hash = desk.engine().layers.hash();
                desk.change(ChangeSource::Runtime, scope, field, bad);
                let outs = desk.take();
                assert_eq!(outs.alarms(), [AlarmCode::LimitRefused], "{what} = {bad}");
                let concern = outs.concerns()[0];
                assert_eq!((concern.limit, concern.actual), (now, bad), "{what}");
                assert_eq!(desk.engine().layers.hash(), hash, "{what}");
            }
            assert_eq!(operator(desk.engine(), scope, field), was, "{what}: the file's stands");
        }
        let foreign = SCOPES.iter().flat_map(|s| fields(*s)).map(|s| s.field);
        for field in foreign.filter(|f| fields(scope).iter().all(|s| s.field != *f)) {
            desk.change(ChangeSource::Runtime, scope, field, 1);
            assert_eq!(desk.take().alarms(), [AlarmCode::LimitRefused], "{scope:?} {field:?}");
        }
    }
}

#[test]
fn what_is_tightened_holds_for_the_next_order() {
    let mut desk = Desk::live(&[1], &[0], |_| {});
    let want = |qty| {
        crate::strategy::Placement::limit(
            wire::order::Side::Buy,
            wire::PriceTicks(9_980),
            wire::QtyLots(qty),
        )
    };
    assert!(desk.place(0, want(50)).is_ok());
    desk.change(ChangeSource::Runtime, Scope::Symbol, LimitField::MaxOrderQty, 20);
    let denied = desk.place(0, want(21)).expect_err("above").expect("by the gate");
    assert_eq!((denied.limit, denied.actual), (20, 21));
    assert!(desk.place(0, want(20)).is_ok());
}

/// A file: begin, values, commit.
fn file(desk: &mut Desk, epoch: u64, values: &[(Scope, LimitField, i64)]) {
    desk.epoch(EpochStage::Begin, epoch, b'a');
    for (scope, field, value) in values {
        desk.change(ChangeSource::Epoch, *scope, *field, *value);
    }
    desk.epoch(EpochStage::Commit, epoch, b'a');
}

const QTY: (Scope, LimitField, i64) = (Scope::Symbol, LimitField::MaxOrderQty, 500);

fn running(desk: &Desk) -> (u64, i64) {
    let engine = desk.engine();
    (engine.operator_limits().epoch, effective(engine, Scope::Symbol, LimitField::MaxOrderQty))
}

#[test]
fn a_whole_file_takes_effect_at_its_commit_and_ends_the_session_s_tightenings() {
    let mut desk = maintenance();
    desk.change(ChangeSource::Runtime, Scope::Symbol, LimitField::MaxOrderQty, 7);
    desk.change(ChangeSource::Runtime, Scope::Firm, LimitField::MaxGross, 9);
    desk.epoch(EpochStage::Begin, 2, b'a');
    desk.change(ChangeSource::Epoch, Scope::Symbol, LimitField::MaxOrderQty, 500);
    assert_eq!(running(&desk), (1, 7), "not before the commit");
    desk.epoch(EpochStage::Commit, 2, b'a');
    assert_eq!(running(&desk), (2, 500));
    let gross = effective(desk.engine(), Scope::Firm, LimitField::MaxGross);
    assert_eq!(gross, FirmLimits::LOOSEST.max_gross_e9);
    assert_eq!(desk.engine().operator_limits().sha256, [b'a'; 64]);
    assert_eq!(desk.take().kinds(), []);
    let engine = desk.engine();
    let epochs = (engine.firm().epoch, engine.instruments()[0].risk.epoch);
    assert_eq!(epochs, (2, 2), "every row is of the running epoch");
    // Looser again, with the next one.
    file(&mut desk, 9, &[(Scope::Symbol, LimitField::MaxOrderQty, 600)]);
    assert_eq!(running(&desk), (9, 600));
}

#[test]
fn a_file_is_refused_outside_maintenance_at_either_end() {
    let mut desk = Desk::live(&[1], &[0], |_| {});
    let was = running(&desk);
    file(&mut desk, 2, &[QTY]);
    let refused = vec![AlarmCode::LimitRefused; 3];
    assert_eq!((running(&desk), desk.take().alarms()), (was, refused));
    let mut desk = maintenance();
    desk.epoch(EpochStage::Begin, 2, b'a');
    desk.change(ChangeSource::Epoch, QTY.0, QTY.1, QTY.2);
    desk.mode(Mode::Live);
    desk.epoch(EpochStage::Commit, 2, b'a');
    assert_eq!(running(&desk), was);
    assert_eq!(desk.take().alarms(), [AlarmCode::LimitRefused]);
    // What was staged is gone with it.
    desk.mode(Mode::Draining);
    assert_eq!(desk.engine().mode(), Mode::Maintenance);
    desk.epoch(EpochStage::Commit, 2, b'a');
    assert_eq!((running(&desk), desk.take().alarms()), (was, vec![AlarmCode::LimitRefused]));
}

#[test]
fn an_epoch_only_rises() {
    let mut desk = maintenance();
    file(&mut desk, 5, &[QTY]);
    assert_eq!(running(&desk), (5, 500));
    for old in [0, 4, 5] {
        file(&mut desk, old, &[(QTY.0, QTY.1, 600)]);
        assert_eq!(running(&desk), (5, 500), "epoch {old}");
        assert_eq!(desk.take().alarms().first(), Some(&AlarmCode::LimitRefused));
    }
    file(&mut desk, 6, &[(QTY.0, QTY.1, 600)]);
    assert_eq!(running(&desk), (6, 600));
}

#[test]
fn a_commit_of_something_else_and_a_bad_value_refuse_the_whole_file() {
    let mut desk = maintenance();
    let was = running(&desk);
    for (epoch, sha) in [(3, b'a'), (2, b'b')] {
        desk.epoch(EpochStage::Begin, 2, b'a');
        desk.change(ChangeSource::Epoch, QTY.0, QTY.1, QTY.2);
        desk.epoch(EpochStage::Commit, epoch, sha);
        assert_eq!(running(&desk), was);
        assert_eq!(desk.take().alarms(), [AlarmCode::LimitRefused]);
        desk.epoch(EpochStage::Commit, 2, b'a');
        assert_eq!(running(&desk), was, "a refused file does not wait");
        assert_eq!(desk.take().alarms(), [AlarmCode::LimitRefused]);
    }
    for scope in SCOPES {
        for spec in fields(scope) {
            for bad in [*spec.range.start() - 1, *spec.range.end() + 1] {
                file(&mut desk, 2, &[QTY, (scope, spec.field, bad), QTY]);
                assert_eq!(running(&desk), was, "{scope:?} {:?} = {bad}", spec.field);
                // The value, what follows it, and the commit of nothing.
                let refused = desk.take();
                assert_eq!(refused.alarms(), [AlarmCode::LimitRefused; 3]);
                assert_eq!(refused.concerns()[0].actual, bad);
            }
        }
    }
    file(&mut desk, 2, &[(Scope::Venue, LimitField::MaxGross, 5)]);
    assert_eq!(running(&desk), was, "a field the row does not have");
    desk.take();
    file(&mut desk, 2, &[QTY]);
    assert_eq!(running(&desk), (2, 500), "a sound one still goes");
}

#[test]
fn a_file_that_begins_anew_takes_nothing_from_the_one_before() {
    let mut desk = maintenance();
    desk.epoch(EpochStage::Begin, 2, b'a');
    desk.change(ChangeSource::Epoch, Scope::Firm, LimitField::MaxGross, 5);
    file(&mut desk, 3, &[QTY]);
    assert_eq!(running(&desk), (3, 500));
    let gross = effective(desk.engine(), Scope::Firm, LimitField::MaxGross);
    assert_eq!(gross, FirmLimits::LOOSEST.max_gross_e9);
}

#[test]
fn values_without_a_begin_and_another_file_than_the_session_s_are_refused() {
    let mut desk = maintenance();
    let was = desk.engine().layers.hash();
    desk.change(ChangeSource::Epoch, QTY.0, QTY.1, QTY.2);
    assert_eq!(desk.take().alarms(), [AlarmCode::LimitRefused]);
    desk.epoch(EpochStage::Running, 1, b'0');
    assert_eq!(desk.take().alarms(), [], "the one of the setup");
    for (epoch, sha) in [(2, b'0'), (1, b'1')] {
        desk.epoch(EpochStage::Running, epoch, sha);
        assert_eq!(desk.take().alarms(), [AlarmCode::LimitRefused]);
    }
    assert_eq!(desk.engine().layers.hash(), was);
}

#[test]
fn the_state_hash_sees_every_value_of_a_staged_file() {
    let begin = |sha| {
        let mut desk = maintenance();
        desk.epoch(EpochStage::Begin, 2, sha);
        desk
    };
    assert_ne!(begin(b'a').engine().layers.hash(), begin(b'b').engine().layers.hash());
    assert_ne!(begin(b'a').engine().layers.hash(), maintenance().engine().layers.hash());
    let mut desk = begin(b'a');
    for scope in SCOPES {
        for spec in fields(scope) {
            let (was, now) =
                (desk.engine().layers.hash(), effective(desk.engine(), scope, spec.field));
            desk.change(ChangeSource::Epoch, scope, spec.field, tighter_by(spec, now, 1));
            assert_ne!(desk.engine().layers.hash(), was, "{scope:?} {:?}", spec.field);
            assert_eq!(effective(desk.engine(), scope, spec.field), now, "not in force yet");
        }
    }
}

#[test]
fn a_commit_moves_memory_and_takes_none() {
    let mut desk = maintenance();
    let mut before = desk.engine().layers.memory();
    before.sort_unstable();
    for epoch in 2..12 {
        file(&mut desk, epoch, &[QTY]);
        if epoch % 3 == 0 {
            desk.epoch(EpochStage::Begin, epoch + 1, b'a');
            desk.epoch(EpochStage::Commit, epoch, b'a');
        }
        let mut after = desk.engine().layers.memory();
        after.sort_unstable();
        assert_eq!(after, before, "epoch {epoch}");
    }
    assert_eq!(running(&desk).0, 11);
}

/// Random files, tightenings and advice against a model that keeps one number a layer and field.
#[test]
fn the_effective_value_is_the_tightest_of_all_layers() {
    // Two steps meet in their least common multiple, not in one of both: see `limits`' own tests.
    let is_step = |f: LimitField| matches!(f, LimitField::QtyStep | LimitField::PriceStep);
    let all: Vec<(Scope, &FieldSpec)> = SCOPES
        .iter()
        .flat_map(|s| fields(*s).iter().map(|spec| (*s, spec)))
        .filter(|(_, spec)| !is_step(spec.field))
        .collect();
    for seed in 0..30 {
        let mut dice = Dice(seed);
        let mut desk = maintenance();
        let mut model: Vec<(i64, i64)> =
            all.iter().map(|(s, f)| (operator(desk.engine(), *s, f.field), loosest(f))).collect();
        let mut epoch = 1;
        for _ in 0..120 {
            let n = usize::try_from(dice.below(all.len() as u64)).expect("few");
            let (scope, spec) = all[n];
            let value = random_value(spec, &mut dice);
            match dice.below(8) {
                0 => {
                    epoch += 1;
                    file(&mut desk, epoch, &[(scope, spec.field, value)]);
                    if spec.range.contains(&value) {
                        model[n].0 = value;
                        model.iter_mut().zip(&all).for_each(|(m, (_, f))| m.1 = loosest(f));
                    } else {
                        epoch -= 1;
                    }
                }
                1 => desk.advise(AdviceField::MaxOrderQty, value.max(1), SECOND),
                2 => desk.advise(AdviceField::MaxPosition, value.max(1), SECOND),
                3 => desk.wait(SECOND + 1),
                _ => {
                    desk.change(ChangeSource::Runtime, scope, spec.field, value);
                    let now = tightest(spec, model[n]);
                    if spec.range.contains(&value) && at_least_as_tight(spec, value, now) {
                        model[n].1 = value;
                    }
                }
            }
            for ((scope, spec), layers) in all.iter().zip(&model) {
                let found = effective(desk.engine(), *scope, spec.field);
                let without_advice = tightest(spec, *layers);
                let what = format!("seed {seed}: {scope:?} {:?}", spec.field);
                assert!(spec.range.contains(&found), "{what}: the compiled cap");
                assert!(at_least_as_tight(spec, found, without_advice), "{what}: {found}");
                assert_eq!(operator(desk.engine(), *scope, spec.field), layers.0, "{what}");
            }
            if desk.engine().advice.is_empty() {
                for ((scope, spec), layers) in all.iter().zip(&model) {
                    let found = effective(desk.engine(), *scope, spec.field);
                    assert_eq!(found, tightest(spec, *layers), "seed {seed}: {scope:?}");
                }
            }
        }
    }
}

fn loosest(spec: &FieldSpec) -> i64 {
    match spec.tighter {
        Tighter::Lower => *spec.range.end(),
        Tighter::Higher => *spec.range.start(),
    }
}

fn tightest(spec: &FieldSpec, (operator, session): (i64, i64)) -> i64 {
    if at_least_as_tight(spec, operator, session) { operator } else { session }
}

fn random_value(spec: &FieldSpec, dice: &mut Dice) -> i64 {
    let (low, high) = (*spec.range.start(), *spec.range.end());
    match dice.below(10) {
        0 => low - 1,
        1 => high + 1,
        2 => low,
        3 => high,
        _ => {
            let span = u64::try_from(high - low).expect("a range").max(1);
            let wide = i64::try_from(dice.below(span)).expect("within");
            low + if dice.below(2) == 0 { wide } else { wide % 1_000 }
        }
    }
}

#[test]
fn a_balance_follows_the_share_that_may_be_used() {
    let mut desk = Desk::live(&[1], &[0], |_| {});
    let mut input = wire::risk::RiskInput::new(RiskField::Balance, 1_000);
    input.header.venue_id = VenueId(1);
    desk.feed(input);
    let credit = |desk: &Desk| desk.engine().venues().next().map(|v| v.credit_e9);
    assert_eq!(credit(&desk), Some(1_000));
    desk.change(ChangeSource::Runtime, Scope::Firm, LimitField::CreditUseBp, 2_500);
    assert_eq!(credit(&desk), Some(250));
}
