//! The edge of a replay: plays the recording into the loop's ring, carries orders to the simulated
//! venue and its reports back.
//!
//! Owns the player and the venue. Must never: drop or reorder a recorded event (a full ring makes
//! it wait, and is counted), or send an order whose approval is not the very next. One pinned
//! thread runs it, or the loop's own thread between the loop's turns. It may allocate.
//!
//! At full speed there is no clock to keep edge and loop together, so the edge looks ahead no
//! further than the shortest entry latency: what the loop decides on an event still reaches the
//! venue in time. Without a sidecar such a run ends in the same state as a backtest.

use crate::approval::{ApprovalCheck, Checked};
use crate::counters::Counters;
use crate::inputs::{control, wire_count};
use crate::link::{LinkRx, LinkTx, cells_max};
use crate::shared::Shared;
use crate::stamps::{INPUT_STAMPS, ORDER_STAMPS, OrderStamp};
use clock::Clock;
use ring::Producer;
use std::collections::VecDeque;
use std::sync::Arc;
use tape::recording::Frames;
use venues::player::{PlayError, Player};
use venues::sim::{OrderError, SimVenue};
use wire::control::Command;
use wire::counters::Counter;
use wire::{DecodeError, FrameKind, FrameSink, TsNs};

/// Recorded events and orders a turn handles at most, each.
const BATCH: usize = 16;
/// Words of the largest frame the venue or the edge itself makes.
const SMALL_WORDS: usize = 16;

/// The edge's ends of the rings.
#[derive(Debug)]
pub struct EdgePorts {
    /// Market events and reports to the loop.
    pub to_loop: LinkTx<INPUT_STAMPS>,
    /// Orders of the loop.
    pub orders: LinkRx<ORDER_STAMPS>,
    /// Stamps to the bridge.
    pub stamps: Producer<OrderStamp>,
}

/// Why the edge ended the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeFault {
    /// The recording cannot be played on.
    Play(PlayError),
    /// A recorded event is no frame.
    Event {
        /// Number of the record, from 0.
        record: u64,
        /// What is wrong with it.
        why: DecodeError,
    },
    /// An order frame carried another approval than the next.
    Unapproved {
        /// The number that was due.
        expected: u64,
        /// The number it carried.
        found: u64,
    },
    /// Something that is no request came over the order ring.
    NotAnOrder,
    /// The venue could not read a request.
    Venue(OrderError),
}

impl EdgeFault {
    /// Whether the kill rule is tripped; else the feed is at fault.
    #[must_use]
    pub const fn kills(&self) -> bool {
        matches!(self, Self::Unapproved { .. } | Self::NotAnOrder | Self::Venue(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Playing,
    Ending,
    Done,
}

/// A recorded event that was taken from the player and is not with the loop yet.
#[derive(Clone, Copy, Debug)]
struct Held<'a> {
    frame: &'a [u8],
    record: u64,
    at: TsNs,
    stamps: [u64; INPUT_STAMPS],
    /// Whether the venue has seen it: from then on it must reach the loop.
    is_applied: bool,
}

/// Frames of the venue and of the edge itself on their way to the loop, in order.
#[derive(Debug, Default)]
struct Outbox(VecDeque<([u64; SMALL_WORDS], usize)>);

impl FrameSink for Outbox {
    fn push(&mut self, frame: &[u8]) {
        let mut words = [0; SMALL_WORDS];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        assert!(frame.len() <= bytes.len(), "reports and commands fit the outbox");
        let (head, _) = bytes.split_at_mut(frame.len());
        head.copy_from_slice(frame);
        self.0.push_back((words, frame.len()));
    }
}

/// The edge of a replay.
#[derive(Debug)]
pub struct EdgeTask<'a> {
    player: Player<'a, Frames<'a>>,
    venue: SimVenue,
    ports: EdgePorts,
    approval: ApprovalCheck,
    outbox: Outbox,
    held: Option<Held<'a>>,
    phase: Phase,
    fault: Option<EdgeFault>,
    clock: Clock,
    start_cycles: u64,
    pushed: u64,
    lookahead: Option<Lookahead>,
    last_ns: TsNs,
    work: usize,
    stamps_lost: u64,
    counters: Counters,
    shared: Arc<Shared>,
}

/// At full speed: how far the venue may be ahead of what the loop has not answered yet.
#[derive(Debug)]
struct Lookahead {
    ns: u64,
    /// Number and time of each message the loop may not be done with.
    open: VecDeque<(u64, TsNs)>,
}

impl<'a> EdgeTask<'a> {
    /// An edge at the start of a recording. `lookahead_ns` is the shortest entry latency at full
    /// speed, and `None` where the wall clock paces the run.
    #[must_use]
    pub fn new(
        player: Player<'a, Frames<'a>>,
        venue: SimVenue,
        lookahead_ns: Option<u64>,
        ports: EdgePorts,
        clock: Clock,
        counters: Counters,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            player,
            venue,
            ports,
            approval: ApprovalCheck::default(),
            outbox: Outbox::default(),
            held: None,
            phase: Phase::Playing,
            fault: None,
            clock,
            start_cycles: clock.cycles(),
            pushed: 0,
            lookahead: lookahead_ns.map(|ns| Lookahead { ns, open: VecDeque::new() }),
            last_ns: TsNs(0),
            work: 0,
            stamps_lost: 0,
            counters,
            shared,
        }
    }

    /// One turn: orders first, then reports, then what the recording has due. Returns how much it
    /// did; 0 means idle.
    pub fn turn(&mut self) -> usize {
        let before = self.work;
        self.take_orders();
        match self.phase {
            Phase::Playing if self.shared.is_stopping() || self.fault.is_some() => {
                self.begin_end();
            }
            Phase::Playing => {
                for _ in 0..BATCH {
                    if !self.play_one() {
                        break;
                    }
                    self.take_orders();
                }
            }
            Phase::Ending => self.end_one(),
            Phase::Done => {}
        }
        self.work - before
    }

    /// Whether the session is over for the edge.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Why it ended before the recording did, if it did so on its own account.
    #[must_use]
    pub fn fault(&self) -> Option<EdgeFault> {
        self.fault
    }

    /// Stamps lost to a full ring: samples the histograms lack.
    #[must_use]
    pub fn stamps_lost(&self) -> u64 {
        self.stamps_lost
    }

    /// Approvals spent: new orders and replaces that went to the venue.
    #[must_use]
    pub fn approvals_spent(&self) -> u64 {
        self.approval.spent()
    }

    fn wall_ns(&self, cycles: u64) -> u64 {
        self.clock.cycles_to_ns(cycles.saturating_sub(self.start_cycles))
    }

    /// Brings one recorded event to venue and loop, or does what is due before it. `false`:
    /// nothing more to do now.
    fn play_one(&mut self) -> bool {
        if !self.flush() {
            return false;
        }
        let Some(held) = self.held else { return self.take_due() };
        if !held.is_applied {
            if let Some(due) = self.venue.next_due().filter(|due| *due < held.at) {
                return self.may_reach(due) && self.run_venue(due);
            }
            if !self.may_reach(held.at) {
                return false;
            }
            match wire::decode(held.frame) {
                Ok(event) => self.venue.on_market(&event, &mut self.outbox),
                Err(why) => return self.fail(EdgeFault::Event { record: held.record, why }),
            }
            self.last_ns = self.last_ns.max(held.at);
            self.held = Some(Held { is_applied: true, ..held });
        }
        if !self.flush() || !self.push(held.stamps, held.frame, held.at) {
            return false;
        }
        self.held = None;
        self.counters.add(Counter::EdgeEvents, 1);
        true
    }

    /// Takes the next due event from the player; between two events runs the venue.
    fn take_due(&mut self) -> bool {
        let cycles = self.clock.cycles();
        let wall_ns = self.wall_ns(cycles);
        let due = match self.player.poll(wall_ns) {
            Ok(Some(due)) => due,
            Ok(None) if self.player.is_finished() => {
                self.begin_end();
                return false;
            }
            Ok(None) => {
                let now = self.player.recorded_now(wall_ns);
                let next = self.venue.next_due();
                return next.zip(now).is_some_and(|(next, now)| next <= now && self.run_venue(now));
            }
            Err(error) => return self.fail(EdgeFault::Play(error)),
        };
        self.work += 1;
        match wire::frame::header(due.frame) {
            // The station knows the table already.
            Ok(header) if header.kind == FrameKind::Instrument.code() => true,
            Ok(header) => {
                let intended = due
                    .intended_wall_ns
                    .map_or(0, |ns| self.start_cycles.saturating_add(self.clock.ns_to_cycles(ns)));
                self.held = Some(Held {
                    frame: due.frame,
                    record: due.record,
                    at: header.ts_recv_ns,
                    stamps: [cycles, intended],
                    is_applied: false,
                });
                true
            }
            Err(why) => self.fail(EdgeFault::Event { record: due.record, why }),
        }
    }

    /// Whether the venue may go to `at`: an order the loop can still make on a message it is not
    /// done with would arrive later.
    fn may_reach(&mut self, at: TsNs) -> bool {
        let Some(lookahead) = &mut self.lookahead else { return true };
        let consumed = self.shared.consumed();
        while lookahead.open.front().is_some_and(|(number, _)| *number <= consumed) {
            lookahead.open.pop_front();
        }
        let limit = lookahead.open.front().map(|(_, at)| at.saturating_add(lookahead.ns));
        // The orders of all that is consumed are in the ring by now, and change what is due.
        self.take_orders() == 0 && limit.is_none_or(|limit| at <= limit)
    }

    /// Takes the venue to `at` and sends its reports.
    fn run_venue(&mut self, at: TsNs) -> bool {
        self.venue.advance(at, &mut self.outbox);
        self.last_ns = self.last_ns.max(at);
        self.work += 1;
        self.flush()
    }

    fn fail(&mut self, fault: EdgeFault) -> bool {
        self.fault.get_or_insert(fault);
        if fault.kills() {
            self.shared.trip_kill();
        } else {
            self.shared.fail_feed();
        }
        false
    }

    /// Takes the loop's orders to the venue.
    /// Returns how many.
    fn take_orders(&mut self) -> usize {
        for taken in 0..BATCH {
            let Some(message) = self.ports.orders.take() else { return taken };
            self.work += 1;
            let fault = match self.approval.judge(message.frame) {
                Ok(Checked::Send { counts }) => {
                    let stamp = OrderStamp::from_words(message.stamps, 0);
                    let taken = TsNs(stamp.taken_ns);
                    // Paced, the wall says when it leaves; at full speed it leaves at once.
                    let cycles = self.clock.cycles().saturating_sub(self.start_cycles);
                    let wall_ns = self.clock.cycles_to_ns(cycles);
                    let now = self.player.recorded_now(wall_ns);
                    let now = now.filter(|_| self.lookahead.is_none());
                    let sent_at = now.map_or(taken, |now| now.max(taken));
                    let sent = self.venue.on_order(message.frame, sent_at);
                    let stamp = OrderStamp { sent_cycles: self.clock.cycles(), ..stamp };
                    if counts {
                        // One for each, so that how many inputs the loop gets does not hang on
                        // how many orders the edge happens to find at once.
                        let count = wire_count(self.approval.spent(), self.last_ns);
                        self.outbox.push(bytemuck::bytes_of(&count));
                        self.stamps_lost += u64::from(self.ports.stamps.try_push(stamp).is_err());
                    }
                    // New orders and replaces: comparable with what the gate approved.
                    self.counters.set(Counter::EdgeOrders, self.approval.spent());
                    sent.err().map(EdgeFault::Venue)
                }
                Ok(Checked::Unapproved { expected, found }) => {
                    Some(EdgeFault::Unapproved { expected, found })
                }
                Ok(Checked::NotAnOrder) | Err(_) => Some(EdgeFault::NotAnOrder),
            };
            if let Some(fault) = fault {
                self.counters.add(Counter::EdgeUnapproved, 1);
                self.fail(fault);
            }
        }
        BATCH
    }

    /// Sends what waits; `false` where something still does.
    fn flush(&mut self) -> bool {
        while let Some((words, len)) = self.outbox.0.pop_front() {
            let bytes: &[u8] = bytemuck::cast_slice(&words);
            let frame = bytes.get(..len).unwrap_or(bytes);
            let header = wire::frame::header(frame).map(|h| (h.kind, h.ts_recv_ns));
            let (kind, at) = header.unwrap_or((0, TsNs(0)));
            let stamps = [self.clock.cycles(), 0];
            if !self.push(stamps, frame, at) {
                self.outbox.0.push_front((words, len));
                return false;
            }
            let own = [FrameKind::Control.code(), FrameKind::RiskInput.code()];
            let is_report = !own.contains(&kind);
            self.counters.add(Counter::EdgeReports, u64::from(is_report));
        }
        true
    }

    fn push(&mut self, stamps: [u64; INPUT_STAMPS], frame: &[u8], at: TsNs) -> bool {
        // Room for a largest frame is asked for, so that one full ring is one wait.
        let pushed = self.ports.to_loop.has_room(cells_max(INPUT_STAMPS))
            && self.ports.to_loop.push(stamps, frame);
        if pushed {
            self.pushed += 1;
            self.work += 1;
            if let Some(lookahead) = &mut self.lookahead {
                lookahead.open.push_back((self.pushed, at));
            }
        } else {
            self.counters.add(Counter::EdgeRingFull, 1);
        }
        pushed
    }

    /// Turns from playing to ending: the engine cancels what works, or halts on a tripped rule.
    fn begin_end(&mut self) {
        let (command, reason) = match self.fault {
            Some(fault) if fault.kills() => (Command::Halt, "kill rule tripped at the edge"),
            Some(_) => (Command::Halt, "feed failed"),
            None if self.shared.is_stopping() => (Command::Shutdown, "stop asked for"),
            None => (Command::Shutdown, "end of the recording"),
        };
        // An event the venue has seen goes to the loop as well, after the reports before it.
        if let Some(held) = self.held.filter(|held| held.is_applied)
            && (!self.flush() || !self.push(held.stamps, held.frame, held.at))
        {
            return;
        }
        self.held = None;
        let at = self.last_ns.max(self.venue.now());
        self.outbox.push(bytemuck::bytes_of(&control(command, 0, reason, at)));
        self.phase = Phase::Ending;
        self.work += 1;
        self.shared.begin_end();
    }

    /// One step towards quiet: reports out, the loop done with all, its orders at the venue.
    fn end_one(&mut self) {
        if !self.flush() || self.shared.consumed() != self.pushed {
            return;
        }
        // The loop is done with every message, so each order it made is in the ring by now.
        if self.take_orders() > 0 {
            return;
        }
        // Only what is on its way: an order that would expire tomorrow keeps no session waiting.
        if let Some(due) = self.venue.next_in_flight() {
            self.run_venue(due);
            return;
        }
        self.phase = Phase::Done;
        self.work += 1;
        self.shared.finish_edge();
    }
}
