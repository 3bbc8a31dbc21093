//! Signals: requests for a model's score, and the answers that are usable.

use super::{Engine, REQUEST_LOG, Request, index_of};
use crate::instrument::Signal;
use crate::sink::Sink;
use crate::strategy::Event;
use wire::signal::{SignalResponse, SignalStatus};

impl Engine {
    /// Asks for a score of the instrument's newest window, once the window is full.
    pub(super) fn ask_for_signal<S: Sink>(&mut self, index: usize, out: &mut S) {
        let state = &mut self.instruments[index];
        let Some(window) = state.sampler.as_ref().and_then(|s| s.window()) else {
            return;
        };
        self.scratch.window = *window;
        state.requests_made += 1;
        state.risk.signal.lag = state.risk.signal.lag.saturating_add(1);
        let (instrument, nth) = (state.row.header.instrument_id, state.requests_made);
        self.request_ids += 1;
        let id = self.request_ids;
        self.requests[slot_of(id)] =
            Request { id, instrument: instrument.get(), nth, at: self.now };
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
        let state = &mut self.instruments[index];
        let overtaken = state.signal.is_some_and(|latest| latest.request_id >= response.request_id);
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
        let view = &mut state.risk.signal;
        let same = state.signal.is_some_and(|latest| latest.score_e6 == signal.score_e6);
        view.repeats = if same { view.repeats.saturating_add(1) } else { 1 };
        view.requested_ns = request.at.get();
        view.score_e6 = signal.score_e6;
        view.model_hash = signal.model_hash;
        if view.pinned_hash == 0 {
            // The first model that answers is the session's, until an operator names another.
            view.pinned_hash = signal.model_hash;
        }
        let lag = state.requests_made.saturating_sub(request.nth);
        view.lag = u32::try_from(lag).unwrap_or(u32::MAX);
        state.signal = Some(signal);
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
