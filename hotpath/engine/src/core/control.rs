//! Modes, operator commands and signals.

use super::{Engine, REQUEST_LOG, Request, index_of, kind_code};
use crate::instrument::Signal;
use crate::mode::{ModeEvent, transition};
use crate::sink::Sink;
use crate::strategy::Event;
use wire::FrameKind;
use wire::control::{Command, Control};
use wire::instrument::text_of;
use wire::signal::{SignalResponse, SignalStatus};
use wire::station::{Mode, ModeChange};

impl Engine {
    /// Moves the mode where the table allows it; entering HALTED or DRAINING cancels all orders.
    pub(super) fn change_mode<S: Sink>(
        &mut self,
        event: ModeEvent,
        cause: u8,
        out: &mut S,
    ) -> bool {
        let from = self.mode;
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
        self.mode = to;
        match to {
            Mode::Halted | Mode::Draining => {
                self.cancel_all(out);
                self.settle_mode(out);
            }
            Mode::Reconcile => self.settle_mode(out),
            Mode::Boot | Mode::Maintenance | Mode::Live | Mode::Reducing => {}
        }
        true
    }

    pub(super) fn on_control<S: Sink>(&mut self, control: &Control, out: &mut S) {
        let cause = kind_code(FrameKind::Control);
        let done = match Command::from_code(control.command) {
            Some(Command::Halt) => {
                // The latch first: whatever follows, no new order passes.
                self.killed = true;
                self.change_mode(ModeEvent::Halt, cause, out);
                true
            }
            Some(Command::Resume) => {
                let reasoned = !text_of(&control.reason).trim().is_empty();
                let resumed = reasoned
                    && self.mode == Mode::Halted
                    && self.change_mode(ModeEvent::Resume, cause, out);
                if resumed {
                    self.killed = false;
                }
                resumed
            }
            Some(Command::Mode) => u8::try_from(control.argument)
                .ok()
                .and_then(Mode::from_code)
                .is_some_and(|mode| self.change_mode(ModeEvent::Command(mode), cause, out)),
            Some(Command::Shutdown) => {
                self.change_mode(ModeEvent::Command(Mode::Draining), cause, out);
                true
            }
            Some(Command::Status) => true,
            // Not built yet: refused and counted.
            Some(
                Command::Flatten
                | Command::Rearm
                | Command::Roll
                | Command::Adopt
                | Command::Accept
                | Command::Mute
                | Command::Model,
            )
            | None => false,
        };
        self.counters.refused_commands += u64::from(!done);
    }

    /// Asks for a score of the instrument's newest window, once the window is full.
    pub(super) fn ask_for_signal<S: Sink>(&mut self, index: usize, out: &mut S) {
        let state = &self.instruments[index];
        let Some(window) = state.sampler.as_ref().and_then(|s| s.window()) else {
            return;
        };
        self.scratch.window = *window;
        let instrument = state.row.header.instrument_id;
        self.request_ids += 1;
        let id = self.request_ids;
        self.requests[slot_of(id)] = Request { id, instrument: instrument.get(), at: self.now };
        self.seq += 1;
        let scratch = &mut self.scratch;
        scratch.request_id = id;
        scratch.header.seq = self.seq;
        scratch.header.ts_recv_ns = self.now;
        scratch.header.instrument_id = instrument;
        self.counters.signal_requests += 1;
        self.counters.outputs += 1;
        out.output(bytemuck::bytes_of(&*self.scratch));
    }

    pub(super) fn on_signal<S: Sink>(&mut self, response: &SignalResponse, out: &mut S) {
        let request = self.requests[slot_of(response.request_id)];
        let index = index_of(wire::InstrumentId(request.instrument));
        let usable = request.id == response.request_id
            && response.header.instrument_id.get() == request.instrument
            && response.status == SignalStatus::Ok.code()
            && index < self.instruments.len();
        if !usable {
            self.counters.signal_unusable += 1;
            return;
        }
        let overtaken = self.instruments[index]
            .signal
            .is_some_and(|latest| latest.request_id >= response.request_id);
        if overtaken || self.now.since(request.at) > self.signal_ttl_ns {
            self.counters.signal_stale += 1;
            return;
        }
        self.counters.signal_answers += 1;
        let signal = Signal {
            score_e6: response.score_e6,
            request_id: response.request_id,
            requested_ns: request.at,
            model_hash: response.model_hash,
        };
        self.instruments[index].signal = Some(signal);
        for n in 0..self.on_instrument[index].len() {
            let strategy = self.on_instrument[index][n];
            if self.strategies[strategy].uses_signal {
                self.run_strategy(strategy, &Event::Signal(&signal), out);
            }
        }
    }
}

fn slot_of(request_id: u64) -> usize {
    usize::try_from(request_id % REQUEST_LOG as u64).unwrap_or(0)
}
