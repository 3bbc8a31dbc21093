//! The people and feeds round the station: an operator who leads it to LIVE, halts it, tightens it,
//! gives it new limits, and now and then what makes no sense; and the figures that checks need from
//! outside, clock included.

use super::cover::Fault;
use super::dice::Dice;
use super::plan::{Faults, Plan};
use super::setup::{self, START_TICKS, instrument_id, venue_id};
use super::venue::Said;
use bytemuck::Zeroable;
use engine::Engine;
use engine::limits::{FirmLimits, LimitSet, Row, StrategyLimits, SymbolLimits, VenueLimits};
use wire::control::{Command, Control};
use wire::frame::FrameHeader;
use wire::instrument::padded;
use wire::risk::{
    ChangeSource, EpochStage, LimitChange, LimitField, LimitsEpoch, RiskField, RiskInput, Scope,
};
use wire::station::Mode;
use wire::{InstrumentId, StrategyId, VenueId};

/// The desk.
#[derive(Debug)]
pub(crate) struct Desk {
    plan: Plan,
    dice: Dice,
    epoch: u64,
    /// The limits file last sent, until it runs.
    pub(crate) staged: Option<LimitSet>,
    offset_ns: i64,
    is_pressed: bool,
}

pub(crate) fn control(command: Command, argument: u64, reason: &str) -> Control {
    let mut frame = Control::zeroed();
    frame.header = FrameHeader::new::<Control>();
    (frame.command, frame.argument) = (command.code(), argument);
    frame.reason = padded(reason).unwrap_or([b'x'; 64]);
    frame
}

pub(crate) fn ask_mode(mode: Mode) -> Control {
    control(Command::Mode, u64::from(mode.code()), "simulation")
}

/// A figure of an instrument.
pub(crate) fn figure(field: RiskField, instrument: usize, value: i64) -> RiskInput {
    let mut input = RiskInput::new(field, value);
    input.header.instrument_id = instrument_id(instrument);
    input
}

impl Desk {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            dice: Dice::of(plan.seed, 500),
            epoch: 1,
            staged: None,
            offset_ns: 0,
            is_pressed: false,
        }
    }

    /// The next epoch of a limits file.
    pub(crate) fn running(&mut self, epoch: u64) {
        self.epoch = self.epoch.max(epoch);
        self.staged = None;
    }

    /// The clock's error, as the host tells it.
    pub(crate) fn clock(&self) -> RiskInput {
        RiskInput::new(RiskField::ClockOffset, self.offset_ns)
    }

    /// What an engine must know before its first event.
    pub(crate) fn at_start(&mut self, out: &mut Vec<Said>) {
        (self.offset_ns, self.is_pressed) = (0, false);
        out.push(Said::of(&self.clock()));
        for n in 0..self.plan.instruments {
            self.plain_figures(n, out);
        }
    }

    fn plain_figures(&mut self, n: usize, out: &mut Vec<Said>) {
        for (field, value) in [
            (RiskField::FxRate, 1_000_000_000 + self.dice.from(-50_000_000, 50_000_000)),
            (RiskField::BandLow, START_TICKS - 3_000),
            (RiskField::BandHigh, START_TICKS + 3_000),
            (RiskField::ShortLots, 100_000),
            (RiskField::Adv, 1_000_000_000),
        ] {
            out.push(Said::of(&figure(field, n, value)));
        }
    }

    /// Every figure as it should be.
    pub(crate) fn all_figures(&mut self, out: &mut Vec<Said>) {
        self.offset_ns = 0;
        out.push(Said::of(&self.clock()));
        for n in 0..self.plan.instruments {
            self.plain_figures(n, out);
        }
    }

    /// The figures as they come now.
    pub(crate) fn figures(&mut self, faults: &mut Faults, out: &mut Vec<Said>) {
        let n = self.dice.index(self.plan.instruments);
        if self.dice.one_in(8) {
            self.plain_figures(n, out);
        }
        if faults.strikes(Fault::FigureMissing) {
            let value = self.dice.pick(&[0, -1, 1, 5, i64::MIN, i64::MAX]).unwrap_or(0);
            let fields = [
                RiskField::FxRate,
                RiskField::ShortLots,
                RiskField::BandLow,
                RiskField::BandHigh,
                RiskField::Adv,
                RiskField::VarSlope,
                RiskField::PriorClose,
            ];
            let field = self.dice.pick(&fields).unwrap_or(RiskField::Adv);
            out.push(Said::of(&figure(field, n, value)));
            if self.dice.one_in(6) {
                out.push(Said::of(&RiskInput::new(RiskField::Var, self.dice.from(0, 1 << 40))));
            }
        }
        if faults.strikes(Fault::ClockOff) {
            self.offset_ns = self.dice.pick(&[-1, 1_000_000, 80_000_000, i64::MAX]).unwrap_or(-1);
        } else if self.dice.one_in(6) {
            self.offset_ns = 0;
        }
        out.push(Said::of(&self.clock()));
        if faults.strikes(Fault::AuditPressure) {
            self.is_pressed = true;
            let fill = self.dice.pick(&[749, 750, 999, 1_000]).unwrap_or(750);
            out.push(Said::of(&RiskInput::new(RiskField::AuditFill, fill)));
        } else if self.is_pressed && self.dice.one_in(4) {
            self.is_pressed = false;
            out.push(Said::of(&RiskInput::new(RiskField::AuditFill, 0)));
        }
    }

    /// What the operator does now.
    pub(crate) fn act(&mut self, engine: &Engine, faults: &mut Faults, out: &mut Vec<Said>) {
        if faults.strikes(Fault::OperatorOdd) {
            self.odd(out);
        }
        if faults.strikes(Fault::OperatorHalt) {
            out.push(Said::of(&control(Command::Halt, 0, "drill")));
        }
        if faults.strikes(Fault::OperatorScope) {
            let mut halt = control(Command::Halt, 0, "drill");
            self.aim(&mut halt.header);
            out.push(Said::of(&halt));
        }
        if faults.strikes(Fault::OperatorTighten) {
            self.change(engine, false, out);
        }
        if faults.strikes(Fault::OperatorLoosen) {
            self.change(engine, true, out);
        }
        if faults.strikes(Fault::OperatorFlatten) && engine.mode() == Mode::Live {
            out.push(Said::of(&ask_mode(Mode::Reducing)));
            out.push(Said::of(&control(Command::Flatten, 0, "home")));
        }
        if self.dice.one_in(2) {
            self.tend(engine, faults, out);
        }
    }

    /// Leads the station back to LIVE, step by step.
    pub(crate) fn tend(&mut self, engine: &Engine, faults: &mut Faults, out: &mut Vec<Said>) {
        self.release(engine, out);
        match engine.mode() {
            Mode::Halted => out.push(Said::of(&control(Command::Resume, 0, "looked at"))),
            Mode::Maintenance => {
                if faults.strikes(Fault::OperatorDay) {
                    out.push(Said::of(&control(Command::Roll, 0, "new day")));
                    out.push(Said::of(&control(Command::Rearm, 0, "new day")));
                }
                if faults.strikes(Fault::OperatorEpoch) {
                    self.new_epoch(false, out);
                } else if faults.strikes(Fault::OperatorBadEpoch) {
                    self.new_epoch(true, out);
                }
                out.push(Said::of(&ask_mode(Mode::Live)));
            }
            Mode::Reducing if self.dice.one_in(3) => {
                out.push(Said::of(&ask_mode(Mode::Live)));
                // A loss that is latched is left over a new day alone.
                if self.dice.one_in(4) {
                    out.push(Said::of(&ask_mode(Mode::Maintenance)));
                }
            }
            Mode::Boot | Mode::Reconcile | Mode::Live | Mode::Reducing | Mode::Draining => {}
        }
    }

    /// Clears every latch and switch, and begins a new day.
    pub(crate) fn clear_latches(&mut self, engine: &Engine, out: &mut Vec<Said>) {
        self.is_pressed = false;
        out.push(Said::of(&RiskInput::new(RiskField::AuditFill, 0)));
        for _ in 0..8 {
            self.release(engine, out);
        }
    }

    /// Clears what keeps the station from trading: positions nobody explains, orders of somebody
    /// else, latches, strategies that were switched off.
    fn release(&mut self, engine: &Engine, out: &mut Vec<Said>) {
        let differs = |i: &engine::instrument::InstrumentState| {
            i.venue_lots.is_some_and(|lots| lots != i.position.lots().get())
        };
        if engine.instruments().iter().any(differs) && self.dice.one_in(2) {
            out.push(Said::of(&control(Command::Accept, 0, "the venue is right")));
        }
        if let Some(external) = engine.externals().first()
            && self.dice.one_in(3)
        {
            let mut adopt = control(Command::Adopt, external.order_id, "ours");
            adopt.header.venue_id = external.venue;
            out.push(Said::of(&adopt));
        }
        for n in 0..self.plan.strategies {
            let id = StrategyId(u16::try_from(n).unwrap_or(0));
            let is_off = engine
                .strategy_risk(id)
                .is_some_and(|r| r.disabled != engine::risk::Disabled::No || r.killed);
            if is_off && self.dice.one_in(3) {
                for command in [Command::Rearm, Command::Resume] {
                    let mut frame = control(command, 0, "looked at");
                    frame.header.strategy_id = id;
                    out.push(Said::of(&frame));
                }
            }
        }
        for state in engine.instruments().iter().filter(|i| i.risk.killed) {
            let mut frame = control(Command::Resume, 0, "looked at");
            frame.header.instrument_id = state.row.header.instrument_id;
            out.push(Said::of(&frame));
        }
        for venue in engine.venues().filter(|v| v.killed) {
            let mut frame = control(Command::Resume, 0, "looked at");
            frame.header.venue_id = venue.id;
            out.push(Said::of(&frame));
        }
        let answers = engine.instruments().iter().filter_map(|i| i.signal);
        let wrong = answers.zip(engine.instruments().iter().map(|i| i.risk.signal.pinned_hash));
        if let Some((signal, _)) = wrong.clone().find(|(s, pinned)| s.model_hash != *pinned)
            && self.dice.one_in(8)
        {
            out.push(Said::of(&control(Command::Model, signal.model_hash, "swap")));
        }
    }

    /// A header that names a strategy, an instrument, a venue, or more than one.
    fn aim(&mut self, header: &mut FrameHeader) {
        let kind = self.dice.below(8);
        if kind < 3 || kind == 7 {
            header.strategy_id =
                StrategyId(u16::try_from(self.dice.index(self.plan.strategies)).unwrap_or(0));
        }
        if (3..5).contains(&kind) || kind == 7 {
            header.instrument_id = instrument_id(self.dice.index(self.plan.instruments));
        }
        if (5..7).contains(&kind) {
            header.venue_id = venue_id(self.dice.index(self.plan.venues));
        }
    }

    /// Any command at any time.
    fn odd(&mut self, out: &mut Vec<Said>) {
        let command = self.dice.pick(Command::ALL).unwrap_or(Command::Status);
        let mode = self.dice.pick(Mode::ALL).map_or(0, |m| u64::from(m.code()));
        let argument = if self.dice.one_in(2) { mode } else { self.dice.below(40) };
        let reason = if self.dice.one_in(2) { "" } else { "why not" };
        let mut frame = control(command, argument, reason);
        if command == Command::Model {
            // A model nobody has would keep its strategy out for good.
            frame.argument = 0x5eed_0001;
        }
        if self.dice.one_in(2) {
            self.aim(&mut frame.header);
        }
        out.push(Said::of(&frame));
    }

    /// One limit, at run time.
    fn change(&mut self, engine: &Engine, is_loose: bool, out: &mut Vec<Said>) {
        let operator = engine.operator_limits();
        let field = self.dice.pick(LimitField::ALL).unwrap_or(LimitField::MaxOrderQty);
        let mut change = LimitChange::zeroed();
        change.header = FrameHeader::new::<LimitChange>();
        (change.field, change.source) = (field.code(), ChangeSource::Runtime.code());
        let n = self.dice.index(self.plan.instruments);
        let s = self.dice.index(self.plan.strategies);
        let v = self.dice.index(self.plan.venues);
        change.header.instrument_id = InstrumentId::UNDEF;
        let dice = &mut self.dice;
        let scope = dice.pick(Scope::ALL).unwrap_or(Scope::Firm);
        change.scope = scope.code();
        let value = match scope {
            Scope::Firm => setup::tighter_value(&operator.firm, field, dice),
            Scope::Symbol => {
                change.header.instrument_id = instrument_id(n);
                let row = operator.symbols.get(n).copied().flatten();
                row.and_then(|r| setup::tighter_value(&r.limits, field, dice))
            }
            Scope::Strategy => {
                change.header.strategy_id = StrategyId(u16::try_from(s).unwrap_or(0));
                let row = operator.strategies.get(s).copied().flatten();
                row.and_then(|r| setup::tighter_value(&r, field, dice))
            }
            Scope::Venue => {
                change.header.venue_id = venue_id(v);
                let row = operator.venues.get(v).map(|(_, r)| *r);
                row.and_then(|r| setup::tighter_value(&r, field, dice))
            }
        };
        change.value = if is_loose { i64::MAX } else { value.unwrap_or(1) };
        out.push(Said::of(&change));
    }

    /// A new limits file, whole; or one with a value that cannot be.
    fn new_epoch(&mut self, is_bad: bool, out: &mut Vec<Said>) {
        let set = setup::limits(&self.plan, self.epoch + 1, &mut self.dice);
        let stage = |stage: EpochStage| {
            let mut frame = LimitsEpoch::zeroed();
            frame.header = FrameHeader::new::<LimitsEpoch>();
            (frame.epoch, frame.sha256, frame.stage) = (set.epoch, set.sha256, stage.code());
            frame
        };
        out.push(Said::of(&stage(EpochStage::Begin)));
        let mut changes = Vec::new();
        let none = (InstrumentId::UNDEF, StrategyId::UNDEF, VenueId::UNDEF);
        values::<FirmLimits>(&set.firm, none, &mut changes);
        for (n, row) in set.symbols.iter().enumerate() {
            let to = (instrument_id(n), none.1, none.2);
            if let Some(row) = row {
                values::<SymbolLimits>(&row.limits, to, &mut changes);
            }
        }
        for (n, row) in set.strategies.iter().enumerate() {
            let to = (none.0, StrategyId(u16::try_from(n).unwrap_or(0)), none.2);
            if let Some(row) = row {
                values::<StrategyLimits>(row, to, &mut changes);
            }
        }
        for (id, row) in &set.venues {
            values::<VenueLimits>(row, (none.0, none.1, *id), &mut changes);
        }
        if is_bad {
            let n = self.dice.index(changes.len());
            changes[n].value = -1;
        }
        out.extend(changes.iter().map(Said::of));
        out.push(Said::of(&stage(EpochStage::Commit)));
        self.staged = (!is_bad).then_some(set);
    }
}

/// Every value of a row as a change of the epoch that is on its way.
fn values<R: Row>(row: &R, to: (InstrumentId, StrategyId, VenueId), out: &mut Vec<LimitChange>) {
    for spec in R::fields() {
        let mut change = LimitChange::zeroed();
        change.header = FrameHeader::new::<LimitChange>();
        (change.header.instrument_id, change.header.strategy_id, change.header.venue_id) = to;
        change.value = row.get(spec.field).unwrap_or(0);
        (change.field, change.scope) = (spec.field.code(), R::SCOPE.code());
        change.source = ChangeSource::Epoch.code();
        out.push(change);
    }
}
