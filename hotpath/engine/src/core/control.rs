//! Modes and operator commands.

use super::kill::Target;
use super::{Engine, kind_code};
use crate::mode::{ModeEvent, transition};
use crate::risk::Disabled;
use crate::sink::Sink;
use wire::control::{Command, Control};
use wire::instrument::text_of;
use wire::risk::KillCause;
use wire::station::{Mode, ModeChange};
use wire::{FrameKind, StrategyId};

impl Engine {
    /// Moves the mode where the table allows it; entering HALTED or DRAINING cancels all orders.
    pub(super) fn change_mode<S: Sink>(
        &mut self,
        event: ModeEvent,
        cause: u8,
        out: &mut S,
    ) -> bool {
        let from = self.firm.mode;
        let Some(to) = transition(from, event) else {
            return false;
        };
        let header = self.next_header::<ModeChange>();
        let frame = ModeChange {
            header,
            from: from.code(),
            to: to.code(),
            cause_kind: cause,
            reserved: [0; 5],
        };
        // On the record before it takes effect.
        self.emit(&frame, out);
        self.firm.mode = to;
        match to {
            Mode::Halted | Mode::Draining => {
                self.stop_parents(|_, _| true, out);
                self.cancel_where(|_| true, out);
                self.settle_mode(out);
            }
            Mode::Reconcile => self.compare_afresh(out),
            Mode::Boot | Mode::Maintenance | Mode::Live | Mode::Reducing => {}
        }
        true
    }

    pub(super) fn on_control<S: Sink>(&mut self, control: &Control, out: &mut S) {
        let cause = kind_code(FrameKind::Control);
        let reasoned = !text_of(&control.reason).trim().is_empty();
        let target = Target::of(&control.header);
        let done = match Command::from_code(control.command) {
            Some(Command::Halt) => {
                // A halt that names more than one thing stops everything: the safe side.
                self.kill(target.unwrap_or(Target::Firm), KillCause::Command, out)
            }
            Some(Command::Resume) => reasoned && self.resume(target, cause, out),
            Some(Command::Mode) => u8::try_from(control.argument)
                .ok()
                .and_then(Mode::from_code)
                .is_some_and(|mode| self.command_mode(mode, cause, out)),
            Some(Command::Shutdown) => {
                self.change_mode(ModeEvent::Command(Mode::Draining), cause, out);
                true
            }
            Some(Command::Status) => true,
            Some(Command::Flatten) => self.begin_flatten(target, out),
            Some(Command::Rearm) => reasoned && self.rearm(control.header.strategy_id),
            Some(Command::Roll) => {
                let may = reasoned && self.firm.mode == Mode::Maintenance;
                if may {
                    self.roll_day();
                }
                may
            }
            Some(Command::Adopt) => self.adopt(control.argument, control.header.venue_id),
            Some(Command::Accept) => {
                if reasoned {
                    self.accept_positions();
                    self.ask_all_venues(out);
                }
                reasoned
            }
            Some(Command::Mute) => self.mute(control.argument),
            Some(Command::Model) => {
                for state in &mut self.instruments {
                    state.risk.signal.pinned_hash = control.argument;
                }
                true
            }
            None => false,
        };
        self.counters.refused_commands += u64::from(!done);
    }

    fn command_mode<S: Sink>(&mut self, mode: Mode, cause: u8, out: &mut S) -> bool {
        // A loss of the station is left only over a new trading day.
        if mode == Mode::Live && self.loss_latched {
            return false;
        }
        self.change_mode(ModeEvent::Command(mode), cause, out)
    }

    fn resume<S: Sink>(&mut self, target: Option<Target>, cause: u8, out: &mut S) -> bool {
        match target {
            Some(Target::Firm) => {
                if self.firm.mode != Mode::Halted {
                    return false;
                }
                // A mismatch of wire and approvals outlives the resume: only the edge's own count
                // takes it back.
                self.release(Target::Firm, out);
                self.change_mode(ModeEvent::Resume, cause, out)
            }
            Some(target) => self.release(target, out),
            None => false,
        }
    }

    /// Lets a disabled strategy trade again: what disabled it counts from zero, a fall from the profit
    /// of now. Without a strategy, the same for the station's fall, in MAINTENANCE.
    fn rearm(&mut self, strategy: StrategyId) -> bool {
        if strategy == StrategyId::UNDEF {
            // The station: its fall is measured from here on. The day's loss stays until a new day.
            let may = self.firm.mode == Mode::Maintenance;
            if may {
                let total = self.firm.carried_e9.saturating_add(self.firm.pnl_e9);
                self.firm.high_water_e9 = total;
            }
            return may;
        }
        let Some(slot) = self.strategies.get_mut(usize::from(strategy.get())) else { return false };
        let risk = &mut slot.risk;
        if risk.disabled == Disabled::Drawdown {
            risk.high_water_e9 = risk.carried_e9.saturating_add(risk.pnl_e9);
        }
        risk.disabled = Disabled::No;
        (risk.executions, risk.rejects, risk.loss_streak) = (0, 0, 0);
        true
    }
}
