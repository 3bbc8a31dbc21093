//! The approval: made only by the gate for an order that passed, taken by value by the one
//! function that writes a `NewOrder` frame.
use super::{Inquiry, Verdict};
use crate::orders::OrderRequest;
use wire::frame::FrameHeader;
use wire::order::NewOrder;
use wire::{ClOrdId, PriceTicks, TsNs, VenueId};

/// Proof that an order passed the gate. It cannot be copied and cannot be made elsewhere.
#[derive(Debug)]
pub(crate) struct Approval {
    order: OrderRequest,
    seq: u64,
}

impl Approval {
    /// An approval for an order that passed, numbered `seq`; `None` where a check failed.
    pub(crate) fn of(verdict: &Verdict, inquiry: &Inquiry<'_>, seq: u64) -> Option<Self> {
        (verdict.mask == 0).then_some(Self { order: *inquiry.order, seq })
    }

    /// Writes the frame; the approval is used up.
    pub(crate) fn into_frame(
        self,
        cl_ord_id: ClOrdId,
        venue: VenueId,
        now: TsNs,
        seq: u64,
    ) -> NewOrder {
        let mut header = FrameHeader::new::<NewOrder>();
        header.instrument_id = self.order.instrument;
        header.strategy_id = self.order.strategy;
        header.venue_id = venue;
        header.seq = seq;
        header.ts_recv_ns = now;
        NewOrder {
            header,
            cl_ord_id,
            approval_seq: self.seq,
            price_ticks: self.order.price_ticks,
            stop_px_ticks: PriceTicks::UNDEF,
            expire_ns: TsNs::UNDEF,
            parent_id: 0,
            link_id: 0,
            qty_lots: self.order.qty_lots,
            side: self.order.side.code(),
            ord_type: self.order.ord_type.code(),
            time_in_force: self.order.time_in_force.code(),
            exec_inst: self.order.exec_inst.code(),
            reserved: [0; 4],
        }
    }
}

/// Value of the order, billionths of the quote currency; `None` where it leaves 64 bits.
pub(super) fn notional_e9(i: &Inquiry<'_>) -> Option<i64> {
    let tick_value = i.instrument?.tick_value_e9;
    let value = i128::from(i.order.price_ticks.get())
        .checked_mul(i128::from(i.order.qty_lots.get()))?
        .checked_mul(i128::from(tick_value))?;
    i64::try_from(value).ok()
}
