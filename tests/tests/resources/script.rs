//! What happens to the loop while it plays: everything an operator, an adviser and the bridge can
//! bring, once before and once after warm-up.
//!
//! Each step waits for its engine time and, where one is named, for its mode, so that the script
//! plays through whatever the threads do. A script that does not come to its end proves nothing.

use engine::limits::LimitSet;
use station::inputs::{ask_mode, control};
use station::limits::changes::{self, Target};
use station::link::LinkTx;
use station::stamps::INPUT_STAMPS;
use std::collections::VecDeque;
use wire::advice::{Advice, AdviceField};
use wire::control::Command;
use wire::risk::{ChangeSource, LimitField};
use wire::station::Mode;
use wire::{FrameHeader, InstrumentId, StrategyId, TsNs};

const SECOND: u64 = 1_000_000_000;
/// When the two rounds begin, seconds after the first event: one lies after warm-up.
const ROUNDS: [u64; 2] = [10, 225];

/// Frames that are due at a time and in a mode.
struct Step {
    at: TsNs,
    mode: Option<Mode>,
    frames: VecDeque<Vec<u8>>,
}

/// The steps still to come.
pub(crate) struct Script(VecDeque<Step>);

fn bytes<T: bytemuck::NoUninit>(frame: &T) -> Vec<u8> {
    bytemuck::bytes_of(frame).to_vec()
}

/// A command of a scope, with a reason.
fn scoped(command: Command, target: Target) -> Vec<u8> {
    let mut frame = control(command, 0, "script", TsNs::UNDEF);
    target.put(&mut frame.header);
    bytes(&frame)
}

fn mode(mode: Mode) -> Vec<u8> {
    bytes(&ask_mode(mode, "script", TsNs::UNDEF))
}

/// Advice that lets nothing open for three seconds.
fn advice(id: u64, now: TsNs) -> Vec<u8> {
    let mut header = FrameHeader::new::<Advice>();
    header.instrument_id = InstrumentId(0);
    bytes(&Advice {
        header,
        advice_id: id,
        value: 1,
        expires_ns: now.saturating_add(3 * SECOND),
        field: AdviceField::ReduceOnly.code(),
        reserved: [0; 7],
        reason_code: 1,
        source: 1,
    })
}

impl Script {
    /// The script of a recording that starts at `start`; `busy` is stopped, `limits` are taken anew.
    pub(crate) fn new(start: TsNs, busy: StrategyId, limits: &LimitSet) -> Self {
        let mut steps = VecDeque::new();
        for (round, begin) in (1_u64..).zip(ROUNDS) {
            let at = |second: u64| start.saturating_add((begin + second) * SECOND);
            let mut step = |second, mode, frames: Vec<Vec<u8>>| {
                steps.push_back(Step { at: at(second), mode, frames: frames.into() });
            };
            let (symbol, field) = (Target::Symbol(InstrumentId(0)), LimitField::PriceCollarBp);
            let tighter = changes::change(symbol, field, 49, round, ChangeSource::Runtime);
            let mut next = limits.clone();
            next.epoch += round;
            let strategy = Target::Strategy(busy);
            step(0, None, vec![bytes(&tighter)]);
            step(2, None, vec![advice(round, at(2))]);
            step(8, Some(Mode::Live), vec![scoped(Command::Halt, strategy)]);
            step(10, None, vec![scoped(Command::Resume, strategy)]);
            step(14, Some(Mode::Live), vec![scoped(Command::Halt, Target::Firm)]);
            step(16, Some(Mode::Halted), vec![scoped(Command::Resume, Target::Firm)]);
            step(18, Some(Mode::Maintenance), changes::frames(&next));
            step(19, Some(Mode::Maintenance), vec![mode(Mode::Live)]);
            step(24, Some(Mode::Live), vec![mode(Mode::Reconcile)]);
            step(26, Some(Mode::Maintenance), vec![mode(Mode::Live)]);
            step(30, Some(Mode::Live), vec![mode(Mode::Reducing)]);
            step(31, Some(Mode::Reducing), vec![scoped(Command::Flatten, Target::Firm)]);
            step(36, Some(Mode::Reducing), vec![mode(Mode::Live)]);
            // The session is lost before this, acks are after it (`world.rs`).
            step(43, Some(Mode::Reducing), vec![mode(Mode::Live)]);
            step(58, None, vec![mode(Mode::Live)]);
        }
        Self(steps)
    }

    /// When the session is lost and when acks are, in each round: seconds after the first event.
    pub(crate) fn faults() -> impl Iterator<Item = (u64, u64)> {
        ROUNDS.iter().map(|begin| (begin + 40, begin + 46))
    }

    /// Pushes what is due, as far as there is room.
    pub(crate) fn play(&mut self, now: TsNs, mode: Mode, to_loop: &mut LinkTx<INPUT_STAMPS>) {
        let Some(step) = self.0.front_mut() else { return };
        if now < step.at || step.mode.is_some_and(|wanted| wanted != mode) {
            return;
        }
        while let Some(frame) = step.frames.front() {
            if !to_loop.push([0; INPUT_STAMPS], frame) {
                return;
            }
            step.frames.pop_front();
        }
        // One step at a time: the mode is read anew before the next.
        self.0.pop_front();
    }

    /// Where it stands: nothing once all was played.
    pub(crate) fn next(&self) -> Option<String> {
        self.0.front().map(|step| format!("{} steps left, mode {:?}", self.0.len(), step.mode))
    }
}
