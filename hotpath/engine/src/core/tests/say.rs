//! More of the rig: orders placed straight through the gate, and a venue told what to say.

use super::super::*;
use super::rig::*;
use crate::gate;
use crate::orders::Order;
use crate::strategy::Placement;
use wire::control::{Command, Control};
use wire::frame::WireFrame;
use wire::instrument::padded;
use wire::market::{BookSnapshot, DepthDelta, FLAG_FIRST, Level};
use wire::order::{CancelReject, ExecType, ExecutionReport, OrdStatus, RejectReason};
use wire::{PriceTicks, QtyLots};

/// The strategy whose wishes tests word themselves: it needs no signal.
pub(super) const OWN: usize = 1;

impl Rig {
    /// A wish of strategy [`OWN`] that the gate lets through: the order.
    pub(super) fn placed(&mut self, want: &Placement) -> Order {
        let id = self.engine.wish(OWN, want, &mut self.record);
        self.order(id.unwrap_or_else(|| panic!("denied so far: {:?}", self.denials())))
    }

    /// The primary checks that denied something so far.
    pub(super) fn denials(&self) -> Vec<&'static str> {
        let denied = self.engine.counters().denied;
        let counts = denied.iter().zip(&gate::CHECKS).filter(|(n, _)| **n > 0);
        counts.map(|(_, check)| check.code).collect()
    }

    /// An order of strategy [`OWN`] that works at the venue.
    pub(super) fn working(&mut self, want: &Placement) -> Order {
        let order = self.placed(want);
        self.say(word(&order, ExecType::New));
        self.order(order.cl_ord_id)
    }

    /// The order with this id.
    pub(super) fn order(&self, id: ClOrdId) -> Order {
        *self.engine.orders().get(id).expect("in the table")
    }

    /// A report of the venue, now.
    pub(super) fn say(&mut self, report: ExecutionReport) {
        self.feed(bytemuck::bytes_of(&report));
    }

    /// A fill of an order.
    pub(super) fn fill(&mut self, id: ClOrdId, lots: i64, exec_id: u64) {
        let order = self.order(id);
        let report = fill_of(&order, lots, exec_id);
        self.say(ExecutionReport { cl_ord_id: id, ..report });
    }

    /// The venue refuses a request about an order.
    pub(super) fn refuse(&mut self, request: ClOrdId, order: ClOrdId, reason: RejectReason) {
        let mut reject = CancelReject::zeroed();
        reject.header = FrameHeader::new::<CancelReject>();
        reject.header.ts_recv_ns = self.engine.now();
        (reject.cl_ord_id, reject.orig_cl_ord_id) = (request, order);
        reject.order_id = wire::units::SEQ_UNDEF;
        (reject.ord_status, reject.reject_reason) = (OrdStatus::New.code(), reason.code());
        self.feed(bytemuck::bytes_of(&reject));
    }

    /// A book of 12 levels a side round 10,000 ticks on any instrument.
    pub(super) fn snapshot_of(&mut self, id: InstrumentId) {
        let level = |price, qty| Level { price_ticks: PriceTicks(price), qty_lots: QtyLots(qty) };
        let mut levels: Vec<Level> = (0..12).map(|n| level(9_999 - n, 50)).collect();
        levels.extend((0..12).map(|n| level(10_001 + n, 50)));
        let mut head = BookSnapshot::zeroed();
        head.last_update_id = 1;
        (head.bid_count, head.ask_count) = (12, 12);
        self.depth_of(id, head, &levels, 0);
    }

    /// A change far from the touch on any instrument.
    pub(super) fn delta_of(&mut self, id: InstrumentId, at: u64) {
        let level = Level { price_ticks: PriceTicks(9_990), qty_lots: QtyLots(51) };
        let mut head = DepthDelta::zeroed();
        (head.first_update_id, head.last_update_id, head.bid_count) = (2, 2, 1);
        self.depth_of(id, head, &[level], at);
    }

    fn depth_of<T: WireFrame>(&mut self, id: InstrumentId, head: T, levels: &[Level], at: u64) {
        let mut frame = bytemuck::bytes_of(&head).to_vec();
        frame.extend_from_slice(bytemuck::cast_slice(levels));
        let mut header = FrameHeader::with_len(T::KIND, size_of::<T>() + size_of_val(levels));
        header.flags = FLAG_FIRST | FLAG_LAST;
        (header.instrument_id, header.ts_recv_ns) = (id, TsNs(T0 + at));
        frame[..size_of::<FrameHeader>()].copy_from_slice(bytemuck::bytes_of(&header));
        self.feed(&frame);
    }

    /// An operator lets a strategy trade again.
    pub(super) fn rearm(&mut self, strategy: StrategyId) {
        let mut control = Control::zeroed();
        control.header = FrameHeader::new::<Control>();
        (control.header.strategy_id, control.header.ts_recv_ns) = (strategy, TsNs::UNDEF);
        control.command = Command::Rearm.code();
        control.reason = padded("looked at it").expect("short");
        self.feed(bytemuck::bytes_of(&control));
    }

    /// The venue quotes this touch, now.
    pub(super) fn touch(&mut self, bid: i64, ask: i64) {
        let mut quote = wire::market::Quote::zeroed();
        quote.header = FrameHeader::new::<wire::market::Quote>();
        (quote.bid_price_ticks, quote.ask_price_ticks) = (PriceTicks(bid), PriceTicks(ask));
        (quote.bid_qty_lots, quote.ask_qty_lots) = (QtyLots(50), QtyLots(50));
        quote.update_id = 1 << 40;
        let at = self.engine.now().get() - T0;
        self.send(quote, at);
    }

    /// Every output since the last look, by kind.
    pub(super) fn kinds(&mut self) -> Vec<FrameKind> {
        let kind = |frame: &Vec<u64>| {
            let header = frame::header(bytemuck::cast_slice(frame)).expect("a header");
            FrameKind::from_code(header.kind).expect("known")
        };
        let kinds = self.record.outputs[self.read..].iter().map(kind).collect();
        self.read = self.record.outputs.len();
        kinds
    }

    /// Alarms of this code since the start.
    pub(super) fn alarmed(&self, code: AlarmCode) -> usize {
        let is = |frame: &&Vec<u64>| matches!(decode(bytemuck::cast_slice(frame)), Ok(Frame::Alarm(a)) if a.code == code.code());
        self.record.outputs.iter().filter(is).count()
    }

    /// Denials in which this check failed, first or not, since the start.
    pub(super) fn failed(&self, code: &str) -> usize {
        let id = gate::id_of(code).expect("known");
        let is = |frame: &&Vec<u64>| {
            matches!(
                decode(bytemuck::cast_slice(frame)),
                Ok(Frame::Denied(d)) if (d.mask >> id) & 1 == 1
            )
        };
        self.record.outputs.iter().filter(is).count()
    }

    /// Denials with this primary check since the start.
    pub(super) fn denied(&self, code: &str) -> u64 {
        let id = gate::id_of(code).expect("known");
        self.engine.counters().denied[usize::from(id)]
    }
}

/// What the venue says of an order: nothing filled by it.
pub(super) fn word(order: &Order, exec: ExecType) -> ExecutionReport {
    let mut report = ExecutionReport::zeroed();
    report.header = FrameHeader::new::<ExecutionReport>();
    report.header.instrument_id = order.request.instrument;
    report.header.ts_recv_ns = TsNs::UNDEF;
    (report.cl_ord_id, report.orig_cl_ord_id) = (order.cl_ord_id, ClOrdId::UNDEF);
    report.order_id = 900;
    report.last_px_ticks = PriceTicks::UNDEF;
    report.exec_type = exec.code();
    report.ord_status = OrdStatus::New.code();
    report.side = order.request.side.code();
    report
}

/// A fill of an order at its price, without a fee.
pub(super) fn fill_of(order: &Order, lots: i64, exec_id: u64) -> ExecutionReport {
    let price = order.request.price_ticks;
    ExecutionReport {
        exec_id,
        last_px_ticks: if price.is_defined() { price } else { PriceTicks(10_000) },
        last_qty_lots: QtyLots(lots),
        ..word(order, ExecType::Trade)
    }
}

/// The venue made `new` of `order`, of which so much is filled and so much works.
pub(super) fn replaced_by(order: &Order, new: ClOrdId, cum: i64, leaves: i64) -> ExecutionReport {
    ExecutionReport {
        cl_ord_id: new,
        orig_cl_ord_id: order.cl_ord_id,
        cum_qty_lots: QtyLots(cum),
        leaves_qty_lots: QtyLots(leaves),
        ..word(order, ExecType::Replaced)
    }
}
