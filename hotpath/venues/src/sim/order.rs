//! The venue's record of an order, and the reports it sends about one.
//!
//! Owns: the venue's own two states (resting, done; an order on its way is only a message), the
//! frames made from them, and the session back to the client with its latency. Must never: know
//! how the engine sees an order. Runs wherever the simulated venue runs; may allocate.

use super::fees::{Fees, Valuation};
use super::latency::Link;
use super::queue::QueuePosition;
use std::collections::VecDeque;
use wire::order::{
    CancelReject, ExecType, ExecutionReport, Liquidity, OrdStatus, RejectReason, Side,
};
use wire::units::SEQ_UNDEF;
use wire::{
    ClOrdId, FrameHeader, FrameSink, InstrumentId, MoneyE9, PriceTicks, QtyLots, StrategyId, TsNs,
    VenueId,
};

/// Where an order stands with the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Being matched on arrival; no other message sees this.
    Taking,
    /// In the book.
    Resting(QueuePosition),
    /// Finished, with the status reports name from now on.
    Done(OrdStatus),
}

/// Who an order or a request belongs to, as every report repeats it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "named as in the frame header")]
pub(crate) struct Owner {
    pub(crate) instrument_id: InstrumentId,
    pub(crate) venue_id: VenueId,
    pub(crate) strategy_id: StrategyId,
}

impl Owner {
    pub(crate) fn of(header: &FrameHeader) -> Self {
        Self {
            instrument_id: header.instrument_id,
            venue_id: header.venue_id,
            strategy_id: header.strategy_id,
        }
    }

    fn header(self, mut header: FrameHeader, at: TsNs) -> FrameHeader {
        header.instrument_id = self.instrument_id;
        header.venue_id = self.venue_id;
        header.strategy_id = self.strategy_id;
        header.ts_event_ns = at;
        header
    }
}

/// An accepted order.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "named as in FIX")]
pub(crate) struct Order {
    pub(crate) owner: Owner,
    pub(crate) cl_ord_id: ClOrdId,
    pub(crate) order_id: u64,
    pub(crate) side: Side,
    /// Limit, ticks; undefined for a market order.
    pub(crate) price_ticks: PriceTicks,
    pub(crate) qty_lots: QtyLots,
    pub(crate) cum_qty_lots: QtyLots,
    pub(crate) is_post_only: bool,
    /// Arrival rank in time priority: lower came first.
    pub(crate) rank: u64,
    pub(crate) state: State,
}

impl Order {
    /// Lots not filled yet; 0 once done.
    pub(crate) fn leaves(&self) -> QtyLots {
        match self.state {
            State::Taking | State::Resting(_) => {
                QtyLots(self.qty_lots.get() - self.cum_qty_lots.get())
            }
            State::Done(_) => QtyLots(0),
        }
    }

    /// Status as reports name it.
    pub(crate) fn status(&self) -> OrdStatus {
        match self.state {
            State::Done(status) => status,
            State::Taking | State::Resting(_) if self.cum_qty_lots.get() > 0 => {
                OrdStatus::PartiallyFilled
            }
            State::Taking | State::Resting(_) => OrdStatus::New,
        }
    }

    /// Credits a fill exactly; the order is done when nothing is left.
    pub(crate) fn credit(&mut self, qty: QtyLots) {
        assert!(qty.get() > 0 && qty <= self.leaves(), "fill beyond what is left of an order");
        self.cum_qty_lots = QtyLots(self.cum_qty_lots.get() + qty.get());
        if self.leaves().get() == 0 {
            self.state = State::Done(OrdStatus::Filled);
        }
    }
}

/// A fill to report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) price_ticks: PriceTicks,
    pub(crate) qty_lots: QtyLots,
    pub(crate) liquidity: Liquidity,
}

#[derive(Clone, Copy, Debug)]
enum Message {
    Report(ExecutionReport),
    Reject(CancelReject),
}

/// Reports on their way back: first in, first out, each due at venue time plus response latency.
#[derive(Debug)]
pub(crate) struct Outbox {
    link: Link,
    fees: Fees,
    waiting: VecDeque<(TsNs, Message)>,
    last_exec_id: u64,
}

impl Outbox {
    pub(crate) fn new(link: Link, fees: Fees) -> Self {
        Self { link, fees, waiting: VecDeque::new(), last_exec_id: 0 }
    }

    /// When the next report is due.
    pub(crate) fn next_due(&self) -> Option<TsNs> {
        self.waiting.front().map(|(due, _)| *due)
    }

    /// Hands over what is due at or before `now` (`inclusive`), or strictly before.
    pub(crate) fn deliver(&mut self, now: TsNs, inclusive: bool, out: &mut impl FrameSink) {
        while let Some((due, _)) = self.waiting.front() {
            if *due > now || (*due == now && !inclusive) {
                return;
            }
            match self.waiting.pop_front() {
                Some((_, Message::Report(frame))) => out.push(bytemuck::bytes_of(&frame)),
                Some((_, Message::Reject(frame))) => out.push(bytemuck::bytes_of(&frame)),
                None => return,
            }
        }
    }

    fn send(&mut self, at: TsNs, message: Message) {
        let due = self.link.arrival(at, at);
        let message = match message {
            Message::Report(mut frame) => {
                frame.header.ts_recv_ns = due;
                Message::Report(frame)
            }
            Message::Reject(mut frame) => {
                frame.header.ts_recv_ns = due;
                Message::Reject(frame)
            }
        };
        self.waiting.push_back((due, message));
    }

    fn next_exec_id(&mut self) -> u64 {
        self.last_exec_id += 1;
        self.last_exec_id
    }

    fn blank(&mut self, owner: Owner, cl_ord_id: ClOrdId, side: Side, at: TsNs) -> ExecutionReport {
        ExecutionReport {
            header: owner.header(FrameHeader::new::<ExecutionReport>(), at),
            cl_ord_id,
            orig_cl_ord_id: ClOrdId::UNDEF,
            order_id: SEQ_UNDEF,
            exec_id: self.next_exec_id(),
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

    fn about(&mut self, order: &Order, exec_type: ExecType, at: TsNs) -> ExecutionReport {
        let leaves = order.leaves();
        if leaves.get() > 0 {
            let total = leaves.get() + order.cum_qty_lots.get();
            assert_eq!(total, order.qty_lots.get(), "leaves + cum = quantity while working");
        }
        assert!(order.cum_qty_lots <= order.qty_lots, "filled beyond the quantity");
        let mut report = self.blank(order.owner, order.cl_ord_id, order.side, at);
        report.order_id = order.order_id;
        report.leaves_qty_lots = leaves;
        report.cum_qty_lots = order.cum_qty_lots;
        report.exec_type = exec_type.code();
        report.ord_status = order.status().code();
        report
    }

    /// Accepted, or expired: an event that concerns the order's own id.
    pub(crate) fn event(&mut self, order: &Order, exec_type: ExecType, at: TsNs) {
        let report = self.about(order, exec_type, at);
        self.send(at, Message::Report(report));
    }

    /// Canceled or replaced at the request `cl_ord_id` for the order known as `orig`.
    pub(crate) fn on_request(
        &mut self,
        order: &Order,
        exec_type: ExecType,
        (cl_ord_id, orig): (ClOrdId, ClOrdId),
        at: TsNs,
    ) {
        let mut report = self.about(order, exec_type, at);
        report.cl_ord_id = cl_ord_id;
        report.orig_cl_ord_id = orig;
        self.send(at, Message::Report(report));
    }

    /// A fill that [`Order::credit`] has booked.
    pub(crate) fn fill(&mut self, order: &Order, fill: Fill, value: Valuation, at: TsNs) {
        let mut report = self.about(order, ExecType::Trade, at);
        report.last_px_ticks = fill.price_ticks;
        report.last_qty_lots = fill.qty_lots;
        report.liquidity = fill.liquidity.code();
        let value_e9 = value.wide_e9(fill.price_ticks, fill.qty_lots).unwrap_or(i128::MAX);
        report.fee_e9 = self.fees.of(value_e9, fill.liquidity);
        self.send(at, Message::Report(report));
    }

    /// A new order is refused: it never gets an order id.
    pub(crate) fn rejected(
        &mut self,
        owner: Owner,
        (cl_ord_id, side): (ClOrdId, Side),
        reason: RejectReason,
        at: TsNs,
    ) {
        let mut report = self.blank(owner, cl_ord_id, side, at);
        report.reject_reason = reason.code();
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

/// Why a cancel or replace was refused, and how the order stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) order_id: u64,
    pub(crate) status: OrdStatus,
    pub(crate) reason: RejectReason,
}
