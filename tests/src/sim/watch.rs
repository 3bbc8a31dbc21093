//! The checkers: what must hold in every world after everything that happens. They follow the
//! engine's inputs and outputs and the venue's truth, and keep accounts of their own; of the engine
//! they read what it says of itself, to hold it against them.
//!
//! Must never: share code with what they check, or change anything.

mod books;
mod orders;
mod truth;

use super::cover::Cover;
use super::frames::Trace;
use super::plan::Plan;
use super::setup::{self, venue_of};
use engine::limits::LimitSet;
use engine::{Engine, gate};
use orders::{Pace, Sent};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wire::control::{Command, Control};
use wire::instrument::text_of;
use wire::order::{ExecType, ExecutionReport, Side};
use wire::reconcile::{PositionReport, SessionState};
use wire::risk::{KillReport, KillStage, RiskField};
use wire::signal::{SignalResponse, SignalStatus};
use wire::station::Mode;
use wire::{Frame, FrameHeader, TsNs};

pub(crate) use truth::Underway;

/// Frames that are remembered in words.
const LOG: usize = 400;

/// What the checkers know of an instrument.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Sum of the fills heard, each once, less those taken back.
    position: i64,
    /// The position the session began with was taken.
    is_opened: bool,
    /// What the venue's last list had beyond that.
    unexplained: i64,
    /// Engine time of the last market event, nanoseconds.
    market_ns: u64,
    /// The venue's word on trading.
    status: u8,
    /// Engine time of the request that the last usable score answers.
    score_ns: Option<u64>,
    pace: Pace,
}

/// The checkers.
#[derive(Debug)]
pub(crate) struct Watch {
    plan: Plan,
    /// First thing that did not hold.
    pub(crate) failure: Option<String>,
    /// Hash of everything the engine took and gave.
    pub(crate) trace: Trace,
    seq: u64,
    now: u64,
    mode: Mode,
    approvals: u64,
    /// Orders the gate let through that are not out yet.
    passed: u64,
    firm_latched: bool,
    latches: BTreeSet<(u8, u32)>,
    session_up: Vec<bool>,
    messages: Vec<Pace>,
    /// The list each venue was asked for last; 0 once it is over.
    lists: Vec<u32>,
    seen: Vec<Seen>,
    fills: BTreeMap<(u32, u64), i64>,
    busts: BTreeSet<(u32, u64)>,
    sent: BTreeMap<u64, Sent>,
    requests: BTreeMap<u64, (usize, u64)>,
    clock_offset: i64,
    audit_fill: i64,
    limits: LimitSet,
    ttl_ns: u64,
    /// Orders that went out since the last look: instrument, side, and lots held then.
    pub(crate) placed: Vec<(usize, Side, i64)>,
    /// Market frames that come now are no news: something plays old ones again.
    pub(crate) is_deaf: bool,
    /// What the last denial failed.
    last_denial: u64,
    /// The newest frames in words, where a person asked for them.
    pub(crate) log: Option<VecDeque<String>>,
    /// Counts for the table.
    pub(crate) totals: Totals,
}

/// What came to pass, for the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) inputs: u64,
    pub(crate) outputs: u64,
    pub(crate) orders: u64,
    pub(crate) replaces: u64,
    pub(crate) cancels: u64,
    pub(crate) denials: u64,
    pub(crate) fills: u64,
    pub(crate) sessions: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.inputs, other.inputs),
            (&mut self.outputs, other.outputs),
            (&mut self.orders, other.orders),
            (&mut self.replaces, other.replaces),
            (&mut self.cancels, other.cancels),
            (&mut self.denials, other.denials),
            (&mut self.fills, other.fills),
            (&mut self.sessions, other.sessions),
        ] {
            *sum += more;
        }
    }
}

fn place(header: &FrameHeader) -> usize {
    usize::try_from(header.instrument_id.get()).unwrap_or(usize::MAX)
}

impl Watch {
    pub(crate) fn new(plan: &Plan, limits: &LimitSet) -> Self {
        Self {
            plan: plan.clone(),
            failure: None,
            trace: Trace(plan.seed),
            seq: 0,
            now: 0,
            mode: Mode::Boot,
            approvals: 0,
            passed: 0,
            firm_latched: false,
            latches: BTreeSet::new(),
            session_up: vec![false; plan.venues],
            messages: vec![Pace::default(); plan.venues],
            lists: vec![0; plan.venues],
            seen: vec![Seen { status: b'T', ..Seen::default() }; plan.instruments],
            fills: BTreeMap::new(),
            busts: BTreeSet::new(),
            sent: BTreeMap::new(),
            requests: BTreeMap::new(),
            clock_offset: -1,
            audit_fill: 0,
            ttl_ns: setup::setup(plan, 1, limits.clone()).signal.map_or(0, |s| s.ttl_ns),
            limits: limits.clone(),
            placed: Vec::new(),
            is_deaf: false,
            log: None,
            last_denial: 0,
            totals: Totals::default(),
        }
    }

    /// A new session of the engine: it knows nothing, and numbers from 1.
    pub(crate) fn begin_session(&mut self, limits: &LimitSet) {
        let fresh = Self::new(&self.plan, limits);
        let old = std::mem::replace(self, fresh);
        (self.failure, self.trace, self.totals) = (old.failure, old.trace, old.totals);
        self.log = old.log;
        self.totals.sessions += 1;
    }

    /// Remembers a frame in words; market frames are too many.
    fn note(&mut self, frame: &Frame<'_>, is_input: bool) {
        let Some(log) = self.log.as_mut().filter(|_| self.failure.is_none()) else { return };
        let is_market = matches!(
            frame,
            Frame::DepthDelta(_) | Frame::BookSnapshot(_) | Frame::Trade(_) | Frame::Quote(_)
        );
        if is_market || matches!(frame, Frame::SignalRequest(_) | Frame::Denied(_)) {
            return;
        }
        if log.len() == LOG {
            log.pop_front();
        }
        log.push_back(format!("{} {frame:?}", if is_input { ">" } else { "<" }));
    }

    /// The checks the last denial failed, for messages.
    pub(crate) fn last_denial(&self) -> Vec<&'static str> {
        let failed = |check: &&gate::Check| (self.last_denial >> check.id) & 1 == 1;
        gate::CHECKS.iter().filter(failed).map(|check| check.code).collect()
    }

    /// Something does not hold; the first is kept.
    pub(crate) fn fail(&mut self, what: impl FnOnce() -> String) {
        if self.failure.is_none() {
            self.failure =
                Some(format!("{} (frame {}, engine time {})", what(), self.seq, self.now));
        }
    }

    pub(crate) fn hold(&mut self, good: bool, what: impl FnOnce() -> String) {
        if !good {
            self.fail(what);
        }
    }

    /// New limits run.
    pub(crate) fn new_limits(&mut self, limits: &LimitSet) {
        self.limits = limits.clone();
        self.seen.iter_mut().for_each(|s| s.pace = Pace::default());
        self.messages.fill(Pace::default());
    }

    /// The gate judged an order.
    pub(crate) fn judged(&mut self, mask: u64) {
        self.passed += u64::from(mask == 0);
    }

    /// One frame the engine took or gave, in order; `engine` as it stands after all of them.
    pub(crate) fn frame(
        &mut self,
        frame: &[u8],
        is_input: bool,
        engine: &Engine,
        cover: &mut Cover,
    ) {
        self.trace.bytes(frame);
        let decoded = match wire::decode(frame) {
            Ok(decoded) => decoded,
            Err(why) => return self.fail(|| format!("the engine gave out no frame: {why}")),
        };
        self.note(&decoded, is_input);
        let header = frame_header(frame);
        self.seq += 1;
        let due = self.seq;
        self.hold(header.seq == due, || format!("frame numbered {} in place {due}", header.seq));
        if is_input {
            self.totals.inputs += 1;
            if header.ts_recv_ns != TsNs::UNDEF {
                self.now = self.now.max(header.ts_recv_ns.get());
            }
            self.on_input(&decoded, engine);
        } else {
            self.totals.outputs += 1;
            self.on_output(&decoded, engine, cover);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest changes nothing here")]
    fn on_input(&mut self, frame: &Frame<'_>, engine: &Engine) {
        match frame {
            Frame::DepthDelta(depth) => self.heard_market(place(&depth.head.header)),
            Frame::BookSnapshot(depth) => self.heard_market(place(&depth.head.header)),
            Frame::Trade(trade) => self.heard_market(place(&trade.header)),
            Frame::Quote(quote) => self.heard_market(place(&quote.header)),
            Frame::Status(status) => {
                if let Some(seen) = self.seen.get_mut(place(&status.header)) {
                    seen.status = status.status;
                }
            }
            Frame::ExecutionReport(report) => self.on_report(report),
            Frame::PositionReport(report) => self.on_position(report, engine),
            Frame::VenueSession(session) => {
                let venue = usize::from(session.header.venue_id.get()).wrapping_sub(1);
                self.list_over(&session.header, None);
                if let Some(up) = self.session_up.get_mut(venue) {
                    *up = session.state == SessionState::Up.code();
                }
            }
            Frame::MassStatusEnd(end) => self.list_over(&end.header, Some(end.mass_status_id)),
            Frame::SignalResponse(answer) => self.on_score(answer),
            Frame::RiskInput(input) => match RiskField::from_code(input.field) {
                Some(RiskField::ClockOffset) => self.clock_offset = input.value,
                Some(RiskField::AuditFill) => self.audit_fill = input.value,
                _ => {}
            },
            Frame::Control(control) => self.on_control(control, engine),
            _ => {}
        }
    }

    fn heard_market(&mut self, instrument: usize) {
        let now = self.now;
        if self.is_deaf {
            return;
        }
        if let Some(seen) = self.seen.get_mut(instrument) {
            seen.market_ns = now;
        }
    }

    /// Fills count once; one that was taken back does not count, whichever word came first.
    fn on_report(&mut self, report: &ExecutionReport) {
        let instrument = report.header.instrument_id.get();
        let key = (instrument, report.exec_id);
        let lots = report.last_qty_lots.get();
        let signed = if report.side == Side::Buy.code() { lots } else { -lots };
        let mut moved = 0;
        if report.exec_type == ExecType::Trade.code() && !self.fills.contains_key(&key) {
            self.fills.insert(key, signed);
            self.totals.fills += 1;
            moved = if self.busts.contains(&key) { 0 } else { signed };
        } else if report.exec_type == ExecType::TradeCancel.code() && self.busts.insert(key) {
            moved = -self.fills.get(&key).copied().unwrap_or(0);
        }
        if let Some(seen) = self.seen.get_mut(place(&report.header)) {
            seen.position += moved;
        }
    }

    /// A session begins with what the venue holds; later a difference is only remembered.
    fn on_position(&mut self, report: &PositionReport, engine: &Engine) {
        let index = place(&report.header);
        let state = engine.instrument(report.header.instrument_id);
        let (Some(seen), Some(state)) = (self.seen.get_mut(index), state) else { return };
        let said = report.position_lots.get();
        let opened = state.opening.map(|(lots, _)| lots).filter(|_| !seen.is_opened);
        let mut good = true;
        if let Some(lots) = opened {
            seen.is_opened = true;
            seen.position += lots;
            good = lots == said;
        }
        let venue = venue_of(&self.plan, index);
        if self.lists.get(venue).copied() == Some(report.mass_status_id) {
            seen.unexplained = said - seen.position;
        }
        self.hold(good, || format!("a session began with {opened:?} lots, the venue said {said}"));
    }

    /// A list is whole, or will never be: what comes for it later is not taken.
    fn list_over(&mut self, header: &FrameHeader, number: Option<u32>) {
        let venue = usize::from(header.venue_id.get()).wrapping_sub(1);
        let is_it = |list: &&mut u32| number.is_none_or(|n| n == **list);
        if let Some(list) = self.lists.get_mut(venue).filter(is_it) {
            *list = 0;
        }
    }

    fn on_score(&mut self, answer: &SignalResponse) {
        let asked = self.requests.get(&answer.request_id).copied();
        let Some((instrument, at)) = asked else { return };
        let is_good = place(&answer.header) == instrument
            && answer.status == SignalStatus::Ok.code()
            && self.now.saturating_sub(at) <= self.ttl_ns;
        if let Some(seen) = self.seen.get_mut(instrument).filter(|_| is_good) {
            seen.score_ns = seen.score_ns.max(Some(at));
        }
    }

    fn on_control(&mut self, control: &Control, engine: &Engine) {
        let is_reasoned = !text_of(&control.reason).trim().is_empty();
        match Command::from_code(control.command) {
            Some(Command::Accept) if is_reasoned => self.accepted(engine),
            Some(Command::Halt) if is_for_all(&control.header) => self.halted(engine),
            _ => {}
        }
    }

    /// After "the venue is right" a position is what it was, or what the venue had said.
    fn accepted(&mut self, engine: &Engine) {
        for (n, state) in engine.instruments().iter().enumerate() {
            let (held, seen) = (state.position.lots().get(), &mut self.seen[n]);
            if held != seen.position {
                let good = held == seen.position + seen.unexplained;
                let (was, more) = (seen.position, seen.unexplained);
                (seen.position, seen.unexplained) = (held, 0);
                self.hold(good, || format!("accepted {held} lots, from {was} and {more} more"));
            }
        }
    }

    /// After a halt everything that works within its scope is to be canceled.
    fn halted(&mut self, engine: &Engine) {
        if !engine.killed() {
            return;
        }
        for order in engine.orders().iter_working() {
            let asked =
                order.cancel_wanted || order.status == wire::order::OrdStatus::PendingCancel;
            self.hold(asked, || format!("halted, and {order:?} is not to be canceled"));
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for others")]
    fn on_output(&mut self, frame: &Frame<'_>, engine: &Engine, cover: &mut Cover) {
        match frame {
            Frame::ModeChange(change) => {
                let to = Mode::from_code(change.to).unwrap_or(Mode::Boot);
                let from = self.mode.code();
                self.hold(change.from == from, || format!("mode left {} in {from}", change.from));
                self.mode = to;
                cover.mode(to);
            }
            Frame::Alarm(alarm) => cover.alarm(alarm.code),
            Frame::Denied(denied) => {
                self.totals.denials += 1;
                cover.denial(denied.mask);
                self.last_denial = denied.mask;
                let room = i64::try_from(engine.orders().capacity()).unwrap_or(i64::MAX);
                if Some(denied.primary) == gate::id_of("MAX_OPEN_ORDERS") && denied.limit == room {
                    // It passed, and the table of orders had no place for it.
                    self.passed -= 1;
                }
                self.hold(denied.mask != 0, || "denied without a reason".into());
            }
            Frame::KillReport(kill) => self.on_kill(kill),
            Frame::SignalRequest(request) => {
                let at = (place(&request.header), self.now);
                self.requests.insert(request.request_id, at);
            }
            Frame::NewOrder(order) => self.on_new_order(order, engine),
            Frame::ReplaceOrder(order) => self.on_replace(order, engine),
            Frame::CancelOrder(cancel) => {
                self.totals.cancels += 1;
                self.on_message(&cancel.header);
            }
            Frame::MassStatusRequest(ask) => {
                let venue = usize::from(ask.header.venue_id.get()).wrapping_sub(1);
                if let Some(list) = self.lists.get_mut(venue) {
                    *list = ask.mass_status_id;
                }
                self.on_message(&ask.header);
            }
            Frame::OrderStatusRequest(ask) => self.on_message(&ask.header),
            _ => {}
        }
    }

    fn on_kill(&mut self, kill: &KillReport) {
        let header = &kill.header;
        let id = match kill.scope {
            b'V' => u32::from(header.venue_id.get()),
            b'S' => u32::from(header.strategy_id.get()),
            b'Y' => header.instrument_id.get(),
            _ => 0,
        };
        let is_firm = kill.scope == b'F';
        match KillStage::from_code(kill.stage) {
            Some(KillStage::Latched) if is_firm => self.firm_latched = true,
            Some(KillStage::Released) if is_firm => self.firm_latched = false,
            Some(KillStage::Latched) => {
                self.latches.insert((kill.scope, id));
            }
            Some(KillStage::Released) => {
                self.latches.remove(&(kill.scope, id));
            }
            Some(KillStage::Confirmed | KillStage::Unconfirmed) | None => {}
        }
    }

    /// Whether a latch stands over a strategy's orders for an instrument.
    fn is_latched(&self, instrument: usize, strategy: u16) -> bool {
        let venue = setup::venue_id(venue_of(&self.plan, instrument));
        let symbol = setup::instrument_id(instrument).get();
        self.firm_latched
            || self.latches.contains(&(b'Y', symbol))
            || self.latches.contains(&(b'S', u32::from(strategy)))
            || self.latches.contains(&(b'V', u32::from(venue.get())))
    }

    /// The end of one input: every approval became an order, every position is the sum of fills.
    pub(crate) fn settled(&mut self, engine: &Engine) {
        let (passed, out) = (self.passed, self.approvals);
        self.hold(passed == out, || format!("{passed} orders passed the gate, {out} went out"));
        for n in 0..self.seen.len() {
            let held = engine.instruments()[n].position.lots().get();
            let due = self.seen[n].position;
            self.hold(held == due, || {
                format!("instrument {n}: {held} lots held, fills make {due}")
            });
        }
        let mode = engine.mode();
        let due = self.mode;
        self.hold(mode == due, || format!("mode {mode:?}, told {due:?}"));
    }

    /// The station heard a report that its engine never got to see.
    pub(crate) fn heard_elsewhere(&mut self, report: &ExecutionReport) {
        self.on_report(report);
    }
}

/// Whether a halt is for the whole station: it names nothing, or more than one thing.
fn is_for_all(header: &FrameHeader) -> bool {
    let named = [
        header.instrument_id != wire::InstrumentId::UNDEF,
        header.strategy_id != wire::StrategyId::UNDEF,
        header.venue_id != wire::VenueId::UNDEF,
    ];
    named.into_iter().filter(|is_named| *is_named).count() != 1
}

/// The head of a frame that decodes.
pub(crate) fn frame_header(frame: &[u8]) -> FrameHeader {
    wire::frame::header(frame).copied().unwrap_or(FrameHeader::new::<wire::station::Timer>())
}
