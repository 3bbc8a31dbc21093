//! What can go wrong at the venue: the plan, and the faults that are armed.
//!
//! Owns: which fault waits for which message. Must never: change what is true at the venue except
//! where a fault says so (bust, real overfill, reject, what an outage loses or cancels), or draw on
//! any chance but a plan's own seed. Runs wherever the simulated venue runs; may allocate.

use super::latency::SplitMix64;
use super::outbox::Message;
use std::collections::VecDeque;
use wire::TsNs;
use wire::order::{ExecType, RejectReason};

/// When a fault is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this venue time, after the requests of that nanosecond.
    At(TsNs),
    /// As the venue takes up this request, counted from 1, before it looks at it.
    Request(u64),
    /// As the venue makes this message to the client, counted from 1, before it sends it.
    Message(u64),
}

/// Which of the venue's messages a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The next, whatever it is.
    Any,
    /// The next execution report of this type.
    Exec(ExecType),
    /// The next cancel reject.
    CancelReject,
    /// The next answer to a status request or a mass status.
    Status,
}

/// What happens to requests while the session is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// A request any part of whose way lies in the time is lost.
    Lost,
    /// They arrive and take effect, and nobody hears of it.
    Processed,
}

/// A time without session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// How long, nanoseconds.
    pub span_ns: u64,
    /// What happens to requests in it.
    pub requests: Requests,
    /// Whether the venue cancels what works as it begins, external orders apart.
    pub cancels_on_disconnect: bool,
}

/// One thing that goes wrong. Those for a message wait, once armed, until it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The message is never sent. `Lose(Which::Exec(ExecType::New))` loses an ack.
    Lose(Which),
    /// The message is sent twice, one right after the other.
    Duplicate(Which),
    /// The next ack waits for the next message about its order, and goes after it if that is a
    /// fill, else before it.
    FillBeforeAck,
    /// The next fill waits until a cancel or replace of its order is answered or the order
    /// expires, and goes after that; where nothing of the kind comes it is lost.
    FillAfterCancel,
    /// The latest fill not yet taken back is taken back, where there is none the next one.
    Bust,
    /// The next fill that completes its order is reported once more under an execution id of its
    /// own.
    Overfill {
        /// Whether it really happened, so that it is in the ledger as well.
        is_real: bool,
    },
    /// The next so many new orders are rejected.
    Reject {
        /// How many.
        orders: u32,
        /// With this reason.
        reason: RejectReason,
    },
    /// The session is lost for a time. One that comes while it is down makes it longer.
    SessionDown(Outage),
}

/// A fault and when it is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scripted {
    /// When it is armed.
    pub when: When,
    /// What it is.
    pub fault: Fault,
}

/// Everything that is to go wrong; empty: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan(pub Vec<Scripted>);

impl FaultPlan {
    /// A plan drawn from a seed: `count` faults of every kind at times in `span_ns` from `from`.
    /// An outage takes up to a 16th of the span.
    #[must_use]
    pub fn drawn(seed: u64, from: TsNs, span_ns: u64, count: usize) -> Self {
        let mut random = SplitMix64::new(seed);
        let drawn = |_| {
            let at = from.saturating_add(random.below(span_ns.max(1)));
            let fault = draw_fault(&mut random, span_ns);
            Scripted { when: When::At(at), fault }
        };
        Self((0..count).map(drawn).collect())
    }
}

fn draw_fault(random: &mut SplitMix64, span_ns: u64) -> Fault {
    match random.below(10) {
        0 => Fault::Lose(Which::Exec(ExecType::New)),
        1 => Fault::Lose(Which::Exec(ExecType::Trade)),
        2 => Fault::Lose(Which::Any),
        3 => Fault::Duplicate(Which::Any),
        4 => Fault::FillBeforeAck,
        5 => Fault::FillAfterCancel,
        6 => Fault::Bust,
        7 => Fault::Overfill { is_real: random.below(2) == 0 },
        8 => {
            let orders = u32::try_from(1 + random.below(5)).unwrap_or(1);
            Fault::Reject { orders, reason: RejectReason::ExceedsLimit }
        }
        _ => Fault::SessionDown(Outage {
            span_ns: random.below(span_ns / 16 + 1),
            requests: if random.below(2) == 0 { Requests::Lost } else { Requests::Processed },
            cancels_on_disconnect: random.below(2) == 0,
        }),
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent,
    Lost,
    Twice,
    /// Kept until another message about its order.
    Held,
}

/// A message kept back.
#[derive(Clone, Copy, Debug)]
struct Held {
    order_id: u64,
    message: Message,
}

/// The plan's rest and what is armed.
#[derive(Debug)]
pub(crate) struct Faults {
    /// By time, then by place in the plan.
    timed: VecDeque<(TsNs, Fault)>,
    counted: Vec<Scripted>,
    requests: u64,
    messages: u64,
    armed: Vec<Fault>,
    held: Vec<Held>,
}

impl Faults {
    pub(crate) fn new(plan: &FaultPlan) -> Self {
        let mut timed = Vec::new();
        let mut counted = Vec::new();
        for scripted in &plan.0 {
            match scripted.when {
                When::At(at) => timed.push((at, scripted.fault)),
                When::Request(_) | When::Message(_) => counted.push(*scripted),
            }
        }
        // A stable sort: faults of one time keep the order of the plan.
        timed.sort_by_key(|(at, _)| *at);
        Self {
            timed: timed.into(),
            counted,
            requests: 0,
            messages: 0,
            armed: Vec::new(),
            held: Vec::new(),
        }
    }

    pub(crate) fn next_timed(&self) -> Option<TsNs> {
        self.timed.front().map(|(at, _)| *at)
    }

    /// Arms the first of the timed faults.
    pub(crate) fn arm_timed(&mut self) {
        if let Some((_, fault)) = self.timed.pop_front() {
            self.armed.push(fault);
        }
    }

    pub(crate) fn count_request(&mut self) {
        self.requests += 1;
        self.arm_counted(When::Request(self.requests));
    }

    pub(crate) fn count_message(&mut self) {
        self.messages += 1;
        self.arm_counted(When::Message(self.messages));
    }

    fn arm_counted(&mut self, now: When) {
        let due = self.counted.iter().filter(|scripted| scripted.when == now);
        self.armed.extend(due.map(|scripted| scripted.fault));
    }

    /// Uses up the first armed fault that `pick` makes something of.
    fn take<T>(&mut self, pick: impl Fn(Fault) -> Option<T>) -> Option<T> {
        let found = self.armed.iter().enumerate().find_map(|(i, f)| Some((i, pick(*f)?)));
        let (at, picked) = found?;
        self.armed.remove(at);
        Some(picked)
    }

    /// Whether a new order is rejected, and why.
    pub(crate) fn rejects_order(&mut self) -> Option<RejectReason> {
        let is_storm = |fault: &&mut Fault| matches!(fault, Fault::Reject { .. });
        let Some(Fault::Reject { orders, reason }) = self.armed.iter_mut().find(is_storm) else {
            return None;
        };
        let (left, reason) = (*orders, *reason);
        *orders = left.saturating_sub(1);
        if left <= 1 {
            self.take(|fault| matches!(fault, Fault::Reject { .. }).then_some(()));
        }
        (left > 0).then_some(reason)
    }

    /// Whether a fill is to be taken back.
    pub(crate) fn wants_bust(&self) -> bool {
        self.armed.contains(&Fault::Bust)
    }

    pub(crate) fn take_bust(&mut self) {
        self.take(|fault| (fault == Fault::Bust).then_some(()));
    }

    /// Whether the fill that completes an order is reported once more, and if so whether it is
    /// real.
    pub(crate) fn take_overfill(&mut self) -> Option<bool> {
        self.take(
            |fault| if let Fault::Overfill { is_real } = fault { Some(is_real) } else { None },
        )
    }

    pub(crate) fn take_outage(&mut self) -> Option<Outage> {
        self.take(|fault| if let Fault::SessionDown(outage) = fault { Some(outage) } else { None })
    }

    /// What becomes of a message; a held one is kept here.
    pub(crate) fn judge(&mut self, message: &Message) -> Fate {
        let exec_type = message.exec_type();
        let fate = self.take(|fault| match fault {
            Fault::Lose(which) => which.is_for(message).then_some(Fate::Lost),
            Fault::Duplicate(which) => which.is_for(message).then_some(Fate::Twice),
            Fault::FillBeforeAck => (exec_type == Some(ExecType::New)).then_some(Fate::Held),
            Fault::FillAfterCancel => (exec_type == Some(ExecType::Trade)).then_some(Fate::Held),
            Fault::Bust | Fault::Overfill { .. } | Fault::Reject { .. } | Fault::SessionDown(_) => {
                None
            }
        });
        if fate == Some(Fate::Held)
            && let Some(order_id) = message.order_id()
        {
            self.held.push(Held { order_id, message: *message });
        }
        fate.unwrap_or(Fate::Sent)
    }

    /// What was kept for `message` to come: to be sent before it, and after it.
    pub(crate) fn release(&mut self, message: &Message) -> (Vec<Message>, Vec<Message>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if self.held.is_empty() {
            return (before, after);
        }
        let exec_type = message.exec_type();
        self.held.retain(|held| {
            if message.order_id() != Some(held.order_id) || message.is_status() {
                return true;
            }
            let is_ack = held.message.exec_type() == Some(ExecType::New);
            if is_ack {
                let is_fill = exec_type == Some(ExecType::Trade);
                if is_fill { &mut after } else { &mut before }.push(held.message);
                return false;
            }
            let ends = matches!(
                exec_type,
                None | Some(ExecType::Canceled | ExecType::Expired | ExecType::Replaced)
            );
            if ends {
                after.push(held.message);
            }
            !ends
        });
        (before, after)
    }

    /// Nothing more goes wrong; what was kept back is lost.
    pub(crate) fn heal(&mut self) {
        self.timed.clear();
        self.counted.clear();
        self.armed.clear();
        self.held.clear();
    }

    /// The session is lost: what was kept is lost with it.
    pub(crate) fn lose_held(&mut self) {
        self.held.clear();
    }
}

impl Which {
    fn is_for(self, message: &Message) -> bool {
        match self {
            Self::Any => true,
            Self::Exec(exec_type) => message.exec_type() == Some(exec_type),
            Self::CancelReject => matches!(message, Message::Reject(_)),
            Self::Status => message.is_status(),
        }
    }
}
