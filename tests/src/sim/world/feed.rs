//! The way of a frame into the engine, and of what comes out: kept on the tape first, then looked
//! at by the checkers, then carried on.

use super::super::cover::Fault;
use super::super::frames::Frames;
use super::super::plant::Plant;
use super::super::store::Store;
use super::super::venue::Said;
use super::{RESERVE, RING, World};
use engine::gate::{Inquiry, Verdict};
use engine::orders::OrderRequest;
use engine::{Engine, Sink};
use std::mem::offset_of;
use wire::order::{ExecType, ExecutionReport, NewOrder};
use wire::{Frame, FrameHeader, FrameKind, TsNs};

/// The engine's sink: everything goes to the tape, and is remembered for the checkers.
pub(crate) struct Tap {
    pub(super) store: Store,
    seen: Frames,
    inputs: Vec<bool>,
    masks: Vec<u64>,
}

impl Tap {
    pub(super) fn new(store: Store) -> Self {
        Self { store, seen: Frames::default(), inputs: Vec::new(), masks: Vec::new() }
    }

    fn take(&mut self, frame: &[u8], is_input: bool) {
        self.store.record(frame);
        self.seen.push(frame);
        self.inputs.push(is_input);
    }
}

impl Sink for Tap {
    fn input(&mut self, frame: &[u8]) {
        self.take(frame, true);
    }

    fn output(&mut self, frame: &[u8]) {
        self.take(frame, false);
    }

    fn judging(&mut self, _: &Engine, _: &OrderRequest) {}

    fn judged(&mut self, _: &Inquiry<'_>, verdict: &Verdict) {
        self.masks.push(verdict.mask);
    }
}

fn kind_of(frame: &[u8]) -> Option<FrameKind> {
    wire::frame::header(frame).ok().and_then(|h| FrameKind::from_code(h.kind))
}

impl World {
    /// Whether the loop takes an input: every ring has room for the worst it can lead to.
    pub(super) fn has_room(&mut self) -> bool {
        let (ring, tape) = (self.edge.ring.len() + RESERVE <= RING, self.tap.store.has_room());
        if !ring {
            self.faults.cover.fault(Fault::RingFull);
        }
        if !tape {
            self.faults.cover.fault(Fault::TapeWaits);
        }
        ring && tape
    }

    /// What waits in the ring from the bridge and the edge.
    pub(super) fn take_inbox(&mut self) {
        while self.has_room() {
            let Some(mut said) = self.inbox.pop_front() else { return };
            self.feed(said.bytes_mut());
        }
    }

    /// One word of a venue reaches the station.
    pub(super) fn report(&mut self, frame: &mut [u8]) {
        if let Ok(Frame::ExecutionReport(report)) = wire::decode(frame) {
            let report = *report;
            let instrument = usize::try_from(report.header.instrument_id.get()).unwrap_or(0);
            let venue = super::venue_of(&self.plan, instrument);
            self.venues[venue].heard(&report);
            if self.plant_in_report(&report, frame) {
                return;
            }
        }
        self.feed(frame);
    }

    /// One frame into the engine, at the station's time.
    pub(super) fn feed(&mut self, frame: &mut [u8]) {
        const AT: usize = offset_of!(FrameHeader, ts_recv_ns);
        self.events += 1;
        let wall = self.wall();
        if let Some(field) = frame.get_mut(AT..AT + 8) {
            field.copy_from_slice(&TsNs(wall).get().to_le_bytes());
        }
        let before = self.engine.seq();
        let is_market = kind_of(frame).is_some_and(|k| k.code() <= 6);
        let taken = self.engine.input(frame, &mut self.tap);
        if taken.is_err() {
            let after = self.engine.seq();
            self.watch.hold(before == after, || "a frame that is none changed something".into());
            return;
        }
        self.is_moved |= !is_market || self.tap.seen.len() > 1;
        self.follow();
    }

    /// The checkers look at what happened; what is for others goes on its way.
    fn follow(&mut self) {
        for mask in self.tap.masks.drain(..) {
            self.watch.judged(mask);
        }
        let staged = self.desk.staged.as_ref();
        if let Some(set) = staged.filter(|s| self.engine.operator_limits().epoch == s.epoch) {
            self.watch.new_limits(set);
            self.desk.running(self.engine.operator_limits().epoch);
        }
        let seen = std::mem::take(&mut self.tap.seen);
        for (n, is_input) in self.tap.inputs.iter().enumerate() {
            let frame = seen.get(n);
            self.watch.frame(frame, *is_input, &self.engine, &mut self.faults.cover);
            if *is_input {
                continue;
            }
            match wire::decode(frame) {
                Ok(Frame::NewOrder(f)) => self.edge.ring.push_back(Said::of(f)),
                Ok(Frame::ReplaceOrder(f)) => self.edge.ring.push_back(Said::of(f)),
                Ok(Frame::CancelOrder(f)) => self.edge.ring.push_back(Said::of(f)),
                Ok(Frame::MassStatusRequest(f)) => self.edge.ring.push_back(Said::of(f)),
                Ok(Frame::OrderStatusRequest(f)) => self.edge.ring.push_back(Said::of(f)),
                Ok(Frame::SignalRequest(f)) => {
                    let (id, on) = (f.request_id, f.header.instrument_id);
                    self.sidecars.ask(id, on, self.now, &mut self.faults);
                }
                Ok(_) | Err(_) => {}
            }
        }
        self.tap.inputs.clear();
        self.tap.seen = seen;
        self.tap.seen.clear();
        let fits = self.edge.ring.len() <= RING;
        self.watch
            .hold(fits, || "one input led to more orders than the ring was kept free for".into());
        self.watch.settled(&self.engine);
        if !self.watch.placed.is_empty() {
            self.look();
        }
    }

    /// A planted bug on the way of a report; whether the engine does not get to see it.
    fn plant_in_report(&mut self, report: &ExecutionReport, frame: &mut [u8]) -> bool {
        let is_fill = report.exec_type == ExecType::Trade.code();
        match self.plant {
            Some(Plant::DropFill) if is_fill && self.dice.one_in(4) => {
                self.watch.heard_elsewhere(report);
                true
            }
            Some(Plant::DoubleFill) if is_fill && self.dice.one_in(4) => {
                let mut again = ExecutionReport { exec_id: report.exec_id + (1 << 40), ..*report };
                self.feed(frame);
                self.feed(bytemuck::bytes_of_mut(&mut again));
                true
            }
            Some(Plant::ForgetReservation)
                if report.exec_type == ExecType::New.code() && self.dice.one_in(4) =>
            {
                self.feed(frame);
                let (exec_type, ord_status) = (ExecType::Canceled.code(), b'4');
                let mut end = ExecutionReport { exec_type, ord_status, ..*report };
                self.feed(bytemuck::bytes_of_mut(&mut end));
                true
            }
            _ => false,
        }
    }

    /// A planted bug at the edge: an order leaves under the id of the one before.
    pub(super) fn plant_old_id(&mut self, said: &mut Said) {
        const AT: usize = offset_of!(NewOrder, cl_ord_id);
        let Some(field) = said.bytes_mut().get_mut(AT..AT + 8) else { return };
        let old = self.edge.last_id.to_le_bytes();
        self.edge.last_id = field.try_into().map_or(0, u64::from_le_bytes);
        if self.plant == Some(Plant::ReuseId) && old != [0; 8] && self.dice.one_in(4) {
            field.copy_from_slice(&old);
        }
    }

    /// A planted bug at the edge: where the market is silent, what is known is sent as new.
    pub(super) fn plant_old_market(&mut self, n: usize) {
        if self.plant != Some(Plant::IgnoreStaleness) {
            return;
        }
        let mut frames = Frames::default();
        self.markets[n].repeat(&mut frames);
        self.watch.is_deaf = true;
        for at in 0..frames.len() {
            self.feed(frames.get_mut(at));
        }
        self.watch.is_deaf = false;
    }
}
