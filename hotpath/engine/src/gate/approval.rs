//! The approval: made only by the gate for an order that passed, taken by value by the functions that
//! write a `NewOrder` or a `ReplaceOrder` frame.
use super::Verdict;
use crate::orders::OrderRequest;
use wire::frame::FrameHeader;
use wire::order::{NewOrder, ReplaceOrder};
use wire::{ClOrdId, TsNs, VenueId};

/// Proof that an order passed the gate. It cannot be copied and cannot be made elsewhere.
#[derive(Debug)]
pub(crate) struct Approval {
    order: OrderRequest,
    seq: u64,
}

/// Where a frame goes and what it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    /// Client order id of the order.
    pub(crate) cl_ord_id: ClOrdId,
    /// Venue.
    pub(crate) venue: VenueId,
    /// Engine time.
    pub(crate) now: TsNs,
    /// Number of the output.
    pub(crate) seq: u64,
}

impl Approval {
    /// An approval for an order that passed, numbered `seq`; `None` where a check failed.
    pub(crate) fn of(verdict: &Verdict, order: &OrderRequest, seq: u64) -> Option<Self> {
        (verdict.mask == 0).then_some(Self { order: *order, seq })
    }

    fn header<T: wire::frame::WireFrame>(&self, to: &Envelope) -> FrameHeader {
        let mut header = FrameHeader::new::<T>();
        header.instrument_id = self.order.instrument;
        header.strategy_id = self.order.strategy;
        header.venue_id = to.venue;
        header.seq = to.seq;
        header.ts_recv_ns = to.now;
        header
    }

    /// Writes a new order; the approval is used up.
    pub(crate) fn into_frame(self, to: &Envelope) -> NewOrder {
        NewOrder {
            header: self.header::<NewOrder>(to),
            cl_ord_id: to.cl_ord_id,
            approval_seq: self.seq,
            price_ticks: self.order.price_ticks,
            stop_px_ticks: self.order.stop_px_ticks,
            qty_lots: self.order.qty_lots,
            expire_ns: self.order.expire_ns,
            parent_id: self.order.parent_id,
            link_id: self.order.link_id,
            side: self.order.side.code(),
            ord_type: self.order.ord_type.code(),
            time_in_force: self.order.time_in_force.code(),
            exec_inst: self.order.exec_inst.code(),
            reserved: [0; 4],
        }
    }

    /// Writes an amendment of the order `orig`; the approval is used up.
    pub(crate) fn into_replace(self, to: &Envelope, orig: ClOrdId, order_id: u64) -> ReplaceOrder {
        ReplaceOrder {
            header: self.header::<ReplaceOrder>(to),
            cl_ord_id: to.cl_ord_id,
            orig_cl_ord_id: orig,
            order_id,
            approval_seq: self.seq,
            price_ticks: self.order.price_ticks,
            qty_lots: self.order.qty_lots,
        }
    }
}
