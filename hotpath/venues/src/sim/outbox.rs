//! The venue's messages to the client, and the session back to it with its latency.
//!
//! Owns: the frames made from orders, execution ids, the link back, and what faults do to it.
//! Must never: change an order. Runs wherever the simulated venue runs; may allocate.

use super::faults::{Fate, Faults};
use super::fees::{Fees, Valuation};
use super::latency::Link;
use super::order::{Order, Owner};
use std::collections::VecDeque;
use wire::order::{
    CancelReject, ExecType, ExecutionReport, Liquidity, OrdStatus, RejectReason, Side,
};
use wire::reconcile::{MassStatusEnd, OrderStatusReport, PositionReport, VenueSession};
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, FrameHeader, FrameSink, MoneyE9, PriceTicks, QtyLots, TsNs};

/// A fill to report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) price_ticks: PriceTicks,
    pub(crate) qty_lots: QtyLots,
    pub(crate) liquidity: Liquidity,
}

/// One frame to the client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    Report(ExecutionReport),
    Reject(CancelReject),
    /// A fill or bust said again to one who asks.
    Again(ExecutionReport),
    Status(OrderStatusReport),
    Position(PositionReport),
    End(MassStatusEnd),
    Session(VenueSession),
}

impl Message {
    fn header_mut(&mut self) -> &mut FrameHeader {
        match self {
            Self::Report(f) | Self::Again(f) => &mut f.header,
            Self::Reject(f) => &mut f.header,
            Self::Status(f) => &mut f.header,
            Self::Position(f) => &mut f.header,
            Self::End(f) => &mut f.header,
            Self::Session(f) => &mut f.header,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Report(f) | Self::Again(f) => bytemuck::bytes_of(f),
            Self::Reject(f) => bytemuck::bytes_of(f),
            Self::Status(f) => bytemuck::bytes_of(f),
            Self::Position(f) => bytemuck::bytes_of(f),
            Self::End(f) => bytemuck::bytes_of(f),
            Self::Session(f) => bytemuck::bytes_of(f),
        }
    }

    /// Type of an execution report that tells something new.
    pub(crate) fn exec_type(&self) -> Option<ExecType> {
        let Self::Report(report) = self else { return None };
        ExecType::from_code(report.exec_type)
    }

    /// Whether it answers a status request or a mass status.
    pub(crate) const fn is_status(&self) -> bool {
        matches!(self, Self::Again(_) | Self::Status(_) | Self::Position(_) | Self::End(_))
    }

    /// The order it is about, where it is about one.
    pub(crate) fn order_id(&self) -> Option<u64> {
        let id = match self {
            Self::Report(f) | Self::Again(f) => f.order_id,
            Self::Reject(f) => f.order_id,
            Self::Status(f) => f.order_id,
            Self::Position(_) | Self::End(_) | Self::Session(_) => SEQ_UNDEF,
        };
        (id != SEQ_UNDEF).then_some(id)
    }
}

/// Why a cancel or replace was refused, and how the order stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) order_id: u64,
    pub(crate) status: OrdStatus,
    pub(crate) reason: RejectReason,
}

/// Messages on their way back: first in, first out, each due at venue time plus response latency.
#[derive(Debug)]
pub(crate) struct Outbox {
    link: Link,
    fees: Fees,
    pub(crate) faults: Faults,
    /// Whether the session is lost: nothing made now is ever sent.
    pub(crate) is_down: bool,
    waiting: VecDeque<(TsNs, Message)>,
    last_exec_id: u64,
}

impl Outbox {
    pub(crate) fn new(link: Link, fees: Fees, faults: Faults) -> Self {
        Self { link, fees, faults, is_down: false, waiting: VecDeque::new(), last_exec_id: 0 }
    }

    /// When the next message is due.
    pub(crate) fn next_due(&self) -> Option<TsNs> {
        self.waiting.front().map(|(due, _)| *due)
    }

    /// Hands over what is due at or before `now` (`inclusive`), or strictly before.
    pub(crate) fn deliver(&mut self, now: TsNs, inclusive: bool, out: &mut impl FrameSink) {
        while let Some((due, _)) = self.waiting.front() {
            if *due > now || (*due == now && !inclusive) {
                return;
            }
            if let Some((_, message)) = self.waiting.pop_front() {
                out.push(message.bytes());
            }
        }
    }

    /// Sends a message the venue made, unless a fault has it otherwise.
    pub(crate) fn send(&mut self, at: TsNs, message: Message) {
        self.faults.count_message();
        if self.is_down {
            return;
        }
        let (before, after) = self.faults.release(&message);
        for earlier in before {
            self.post(at, earlier);
        }
        match self.faults.judge(&message) {
            Fate::Sent => self.post(at, message),
            Fate::Twice => {
                self.post(at, message);
                self.post(at, message);
            }
            Fate::Lost | Fate::Held => {}
        }
        for later in after {
            self.post(at, later);
        }
    }

    /// Puts a message on the link.
    pub(crate) fn post(&mut self, at: TsNs, mut message: Message) {
        let due = self.link.arrival(at, at);
        message.header_mut().ts_recv_ns = due;
        self.waiting.push_back((due, message));
    }

    fn next_exec_id(&mut self) -> u64 {
        self.last_exec_id += 1;
        self.last_exec_id
    }

    /// An accepted order, or what became of it without a request.
    pub(crate) fn event(&mut self, order: &Order, exec_type: ExecType, at: TsNs) {
        let exec_id = self.next_exec_id();
        self.about_order(order, report_of(order, exec_type, exec_id, at), at);
    }

    /// Canceled or replaced at the request `cl_ord_id` for the order known as `orig`.
    pub(crate) fn on_request(
        &mut self,
        order: &Order,
        exec_type: ExecType,
        (cl_ord_id, orig_cl_ord_id): (ClOrdId, ClOrdId),
        at: TsNs,
    ) {
        let exec_id = self.next_exec_id();
        let report = report_of(order, exec_type, exec_id, at);
        self.about_order(order, ExecutionReport { cl_ord_id, orig_cl_ord_id, ..report }, at);
    }

    /// The report of a fill that [`Order::credit`] or [`Order::overfill`] has booked; not sent.
    pub(crate) fn fill(
        &mut self,
        order: &Order,
        fill: Fill,
        value: Valuation,
        at: TsNs,
    ) -> ExecutionReport {
        let exec_id = self.next_exec_id();
        let value_e9 = value.wide_e9(fill.price_ticks, fill.qty_lots).unwrap_or(i128::MAX);
        ExecutionReport {
            last_px_ticks: fill.price_ticks,
            last_qty_lots: fill.qty_lots,
            liquidity: fill.liquidity.code(),
            fee_e9: self.fees.of(value_e9, fill.liquidity),
            ..report_of(order, ExecType::Trade, exec_id, at)
        }
    }

    /// A copy of a fill's report under an execution id of its own.
    pub(crate) fn renumbered(&mut self, report: ExecutionReport) -> ExecutionReport {
        ExecutionReport { exec_id: self.next_exec_id(), ..report }
    }

    /// Sends a report about an order, unless the client is not to hear of the order.
    pub(crate) fn about_order(&mut self, order: &Order, report: ExecutionReport, at: TsNs) {
        if !order.is_silent {
            self.send(at, Message::Report(report));
        }
    }

    /// A new order is refused: it never gets an order id.
    pub(crate) fn rejected(
        &mut self,
        owner: Owner,
        (cl_ord_id, side): (ClOrdId, Side),
        reason: RejectReason,
        at: TsNs,
    ) {
        let exec_id = self.next_exec_id();
        let report = ExecutionReport {
            reject_reason: reason.code(),
            ..blank(owner, (cl_ord_id, side), exec_id, at)
        };
        self.send(at, Message::Report(report));
    }

    /// A cancel or replace is refused; nothing changed.
    pub(crate) fn request_rejected(
        &mut self,
        owner: Owner,
        (cl_ord_id, orig_cl_ord_id): (ClOrdId, ClOrdId),
        refusal: Refusal,
        at: TsNs,
    ) {
        let frame = CancelReject {
            header: owner.header(FrameHeader::new::<CancelReject>(), at),
            cl_ord_id,
            orig_cl_ord_id,
            order_id: refusal.order_id,
            ord_status: refusal.status.code(),
            reject_reason: refusal.reason.code(),
            reserved: [0; 6],
        };
        self.send(at, Message::Reject(frame));
    }
}

fn blank(
    owner: Owner,
    (cl_ord_id, side): (ClOrdId, Side),
    exec_id: u64,
    at: TsNs,
) -> ExecutionReport {
    ExecutionReport {
        header: owner.header(FrameHeader::new::<ExecutionReport>(), at),
        cl_ord_id,
        orig_cl_ord_id: ClOrdId::UNDEF,
        order_id: SEQ_UNDEF,
        exec_id,
        last_px_ticks: PriceTicks::UNDEF,
        last_qty_lots: QtyLots(0),
        leaves_qty_lots: QtyLots(0),
        cum_qty_lots: QtyLots(0),
        fee_e9: MoneyE9(0),
        exec_type: ExecType::Rejected.code(),
        ord_status: OrdStatus::Rejected.code(),
        side: side.code(),
        liquidity: Liquidity::None.code(),
        reject_reason: RejectReason::None.code(),
        reserved: [0; 11],
    }
}

/// How an order stands, as a report of this type.
pub(crate) fn report_of(
    order: &Order,
    exec_type: ExecType,
    exec_id: u64,
    at: TsNs,
) -> ExecutionReport {
    let leaves = order.leaves();
    if leaves.get() > 0 {
        let total = leaves.get() + order.cum_qty_lots.get();
        assert_eq!(total, order.qty_lots.get(), "leaves + cum = quantity while working");
    }
    let within = order.cum_qty_lots.get() - order.over_lots;
    assert!(within <= order.qty_lots.get(), "filled beyond the quantity");
    ExecutionReport {
        order_id: order.order_id,
        leaves_qty_lots: leaves,
        cum_qty_lots: order.cum_qty_lots,
        exec_type: exec_type.code(),
        ord_status: order.status().code(),
        ..blank(order.owner, (order.cl_ord_id, order.kind.side), exec_id, at)
    }
}
