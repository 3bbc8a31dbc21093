//! What the venue says: reports, refusals, lists.

use super::super::cover::Fault;
use super::super::setup::instrument_id;
use super::{Scene, Venue};
use bytemuck::Zeroable;
use wire::frame::{FrameHeader, WireFrame};
use wire::order::{
    CancelReject, ExecType, ExecutionReport, Liquidity, OrdStatus, RejectReason, Side,
};
use wire::reconcile::{MassStatusEnd, OrderStatusReport, PositionReport};
use wire::units::SEQ_UNDEF;
use wire::{ClOrdId, InstrumentId, MoneyE9, PositionLots, PriceTicks, QtyLots, TsNs};

/// Words of the largest message.
const WORDS: usize = 16;

/// A message of the venue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    words: [u64; WORDS],
    len: usize,
}

impl Said {
    pub(crate) fn of<T: WireFrame>(frame: &T) -> Self {
        let bytes = bytemuck::bytes_of(frame);
        let mut words = [0; WORDS];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, len: bytes.len() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

/// What is said of an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) exec: ExecType,
    /// The request it answers.
    pub(super) request: Option<u64>,
    /// The id the request named, where it is not the order's present one.
    pub(super) named: Option<u64>,
    pub(super) reason: RejectReason,
    /// The fill: number, price, lots.
    pub(super) fill: Option<(u64, i64, i64)>,
}

impl Word {
    pub(super) const fn of(exec: ExecType) -> Self {
        Self { exec, request: None, named: None, reason: RejectReason::None, fill: None }
    }
}

impl Venue {
    fn head<T: WireFrame>(&self, instrument: InstrumentId, now: u64) -> FrameHeader {
        let mut header = FrameHeader::new::<T>();
        (header.instrument_id, header.venue_id) = (instrument, self.id);
        header.ts_event_ns = TsNs(now);
        header
    }

    /// Sends a message, or what the line makes of it.
    fn send<T: WireFrame>(frame: &T, exec: Option<ExecType>, scene: &mut Scene<'_>) {
        let (lost, double) = match exec {
            Some(ExecType::New) => (Fault::LostAck, Fault::DoubleAck),
            Some(ExecType::Trade) => (Fault::LostFill, Fault::DoubleFill),
            _ => (Fault::LostReport, Fault::DoubleReport),
        };
        if scene.faults.strikes(lost) {
            return;
        }
        let said = Said::of(frame);
        scene.out.push(said);
        if scene.faults.strikes(double) {
            scene.out.push(said);
        }
    }

    /// Says something of an order.
    pub(super) fn say(&mut self, number: usize, word: &Word, scene: &mut Scene<'_>) {
        let order = &self.orders[number];
        let mut report = ExecutionReport::zeroed();
        report.header = self.head::<ExecutionReport>(instrument_id(order.instrument), scene.now);
        report.cl_ord_id = ClOrdId(word.request.unwrap_or(order.id));
        let named = word.named.or(word.request.map(|_| order.id));
        report.orig_cl_ord_id = named.map_or(ClOrdId::UNDEF, ClOrdId);
        report.order_id = order.number;
        report.last_px_ticks = PriceTicks::UNDEF;
        report.liquidity = Liquidity::None.code();
        if let Some((exec_id, px, lots)) = word.fill {
            report.exec_id = exec_id;
            (report.last_px_ticks, report.last_qty_lots) = (PriceTicks(px), QtyLots(lots));
            report.fee_e9 = MoneyE9(lots * 1_000 - 500);
            report.liquidity = Liquidity::Taker.code();
        }
        (report.leaves_qty_lots, report.cum_qty_lots) =
            (QtyLots(order.leaves()), QtyLots(order.cum));
        (report.exec_type, report.ord_status) = (word.exec.code(), order.status().code());
        (report.side, report.reject_reason) = (order.side.code(), word.reason.code());
        Self::send(&report, Some(word.exec), scene);
    }

    /// Tells a fill.
    pub(super) fn tell(&mut self, fill: usize, scene: &mut Scene<'_>) {
        let f = self.fills[fill].clone();
        let word = Word { fill: Some((f.exec_id, f.px, f.qty)), ..Word::of(ExecType::Trade) };
        self.say(f.order, &word, scene);
    }

    /// Tells that a fill was taken back.
    pub(super) fn tell_bust(&mut self, fill: usize, scene: &mut Scene<'_>) {
        let f = self.fills[fill].clone();
        let word = Word { fill: Some((f.exec_id, f.px, f.qty)), ..Word::of(ExecType::TradeCancel) };
        self.say(f.order, &word, scene);
    }

    /// Tells the fills of an order that were kept back.
    pub(super) fn tell_kept(&mut self, number: usize, scene: &mut Scene<'_>) {
        while let Some(at) = self.kept.iter().position(|(order, _)| *order == number) {
            let (_, fill) = self.kept.remove(at);
            self.tell(fill, scene);
        }
    }

    /// Refuses a cancel or a replace: the request's id and the one it named.
    pub(super) fn refuse(
        &mut self,
        (request, named): (u64, u64),
        number: Option<usize>,
        reason: RejectReason,
        scene: &mut Scene<'_>,
    ) {
        let order = number.map(|n| &self.orders[n]);
        let mut reject = CancelReject::zeroed();
        let instrument = order.map_or(InstrumentId::UNDEF, |o| instrument_id(o.instrument));
        reject.header = self.head::<CancelReject>(instrument, scene.now);
        (reject.cl_ord_id, reject.orig_cl_ord_id) = (ClOrdId(request), ClOrdId(named));
        reject.order_id = order.map_or(SEQ_UNDEF, |o| o.number);
        reject.ord_status = order.map_or(OrdStatus::Unknown, super::Order::status).code();
        reject.reject_reason = reason.code();
        Self::send(&reject, None, scene);
        if let Some(number) = number {
            self.tell_kept(number, scene);
        }
    }

    /// Says how an order stands, in a list or by name (`list` 0).
    pub(super) fn list(&mut self, number: usize, list: u32, scene: &mut Scene<'_>) {
        let order = &self.orders[number];
        let mut report = OrderStatusReport::zeroed();
        report.header = self.head::<OrderStatusReport>(instrument_id(order.instrument), scene.now);
        (report.cl_ord_id, report.order_id) = (ClOrdId(order.id), order.number);
        report.price_ticks = PriceTicks(order.px);
        (report.qty_lots, report.cum_qty_lots) = (QtyLots(order.qty), QtyLots(order.cum));
        report.leaves_qty_lots = QtyLots(order.leaves());
        (report.mass_status_id, report.ord_status) = (list, order.status().code());
        (report.side, report.ord_type) = (order.side.code(), order.ord_type.code());
        report.time_in_force = order.time_in_force.code();
        Self::send(&report, None, scene);
    }

    /// Says that it knows no order under an id.
    pub(super) fn list_unknown(
        &mut self,
        id: ClOrdId,
        instrument: InstrumentId,
        scene: &mut Scene<'_>,
    ) {
        let mut report = OrderStatusReport::zeroed();
        report.header = self.head::<OrderStatusReport>(instrument, scene.now);
        (report.cl_ord_id, report.order_id) = (id, SEQ_UNDEF);
        report.price_ticks = PriceTicks::UNDEF;
        report.ord_status = OrdStatus::Unknown.code();
        (report.side, report.ord_type, report.time_in_force) = (Side::Buy.code(), b'2', b'1');
        Self::send(&report, None, scene);
    }

    /// Ends a list with the positions and the counts.
    pub(super) fn list_positions(&mut self, list: u32, scene: &mut Scene<'_>) {
        let mut positions = 0;
        for instrument in self.listed.clone() {
            positions += 1;
            let mut report = PositionReport::zeroed();
            report.header = self.head::<PositionReport>(instrument_id(instrument), scene.now);
            report.position_lots = PositionLots(self.positions[instrument]);
            report.avg_px_ticks = PriceTicks::UNDEF;
            report.balance_e9 = MoneyE9(1_000_000_000_000);
            report.fills = self.counts[instrument];
            report.mass_status_id = list;
            Self::send(&report, None, scene);
        }
        let mut end = MassStatusEnd::zeroed();
        end.header = self.head::<MassStatusEnd>(InstrumentId::UNDEF, scene.now);
        (end.mass_status_id, end.positions) = (list, positions);
        end.orders = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        Self::send(&end, None, scene);
    }

    /// The station heard a report: what it says of fills is known to it now. Whether that was news
    /// is for the checkers, which keep a count of their own.
    pub(crate) fn heard(&mut self, report: &ExecutionReport) {
        let instrument = usize::try_from(report.header.instrument_id.get()).unwrap_or(usize::MAX);
        let Some(n) = self.execs.get(&(instrument, report.exec_id)).copied() else { return };
        let fill = &mut self.fills[n];
        let order = &mut self.orders[fill.order];
        if report.exec_type == ExecType::Trade.code() && !fill.is_heard {
            fill.is_heard = true;
            if fill.is_owed && !fill.is_busted {
                order.unheard -= fill.qty;
            }
            if fill.is_busted && !fill.is_bust_heard {
                // It counts as filled with us now, until the bust is heard.
                order.back += fill.qty;
            }
        } else if report.exec_type == ExecType::TradeCancel.code() && !fill.is_bust_heard {
            fill.is_bust_heard = true;
            if fill.is_heard {
                order.back = (order.back - fill.qty).max(0);
            }
        }
        if order.unheard == 0 && !order.is_open() {
            let number = fill.order;
            self.untold.retain(|n| *n != number);
        }
    }
}
