//! What the station asks a venue about itself, and the answers: open orders, one order, positions,
//! the state of the order session.
//!
//! A mass status is a [`MassStatusRequest`] answered by one [`OrderStatusReport`] for each open
//! order, one [`PositionReport`] for each instrument, and a [`MassStatusEnd`] that counts them. An
//! [`OrderStatusRequest`] is answered by every fill of the order as an execution report (known ones
//! are recognised by their id) and one [`OrderStatusReport`].

use crate::frame::FrameHeader;
use crate::layout::{wire_code, wire_struct};
use crate::units::{ClOrdId, MoneyE9, PositionLots, PriceTicks, QtyLots};

wire_code! {
    /// State of the order session with a venue.
    SessionState: u8 {
        /// Logged on: orders can be sent and reports come.
        Up = b'U', "up";
        /// Lost: what was sent may or may not have arrived.
        Down = b'D', "down";
    }
}

wire_struct! {
    /// Asks for everything open at the venue (FIX AF).
    MassStatusRequest, size = 48 {
        /// Kind 19.
        header: FrameHeader,
        /// Number of the request (584): rises from 1.
        mass_status_id: u32,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// Asks for one order (FIX H).
    OrderStatusRequest, size = 56 {
        /// Kind 20.
        header: FrameHeader,
        /// The order (11).
        cl_ord_id: ClOrdId,
        /// The venue's order id (37); undefined before the venue gave one.
        order_id: u64,
    }
}

wire_struct! {
    /// The venue's view of one order: an answer to a mass status or a status request.
    OrderStatusReport, size = 104 {
        /// Kind 27; `ts_event_ns` is the venue's time of the answer.
        header: FrameHeader,
        /// Client order id (11), as the venue has it; undefined where it has none.
        cl_ord_id: ClOrdId,
        /// The venue's order id (37); undefined where it knows no such order.
        order_id: u64,
        /// Limit price (44), ticks; undefined for an order without one.
        price_ticks: PriceTicks,
        /// Order quantity (38), lots.
        qty_lots: QtyLots,
        /// Filled so far (14), lots.
        cum_qty_lots: QtyLots,
        /// Still working (151), lots.
        leaves_qty_lots: QtyLots,
        /// The mass status it belongs to (584); 0 for the answer to a status request.
        mass_status_id: u32,
        /// Order state (39); 'U' where the venue knows no such order.
        ord_status: u8,
        /// Side (54).
        side: u8,
        /// Type (40).
        ord_type: u8,
        /// Time in force (59).
        time_in_force: u8,
        /// Zero.
        reserved: [u8; 8],
    }
}

wire_struct! {
    /// The venue's view of one instrument's position (FIX AP).
    PositionReport, size = 80 {
        /// Kind 28.
        header: FrameHeader,
        /// Signed position, lots.
        position_lots: PositionLots,
        /// Average price of the position, ticks; undefined when flat or not told.
        avg_px_ticks: PriceTicks,
        /// Free balance the venue would let us use, billionths of the quote currency.
        balance_e9: MoneyE9,
        /// Fills the venue has reported for the instrument in this session.
        fills: u64,
        /// The mass status it belongs to (584).
        mass_status_id: u32,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// The mass status is complete.
    MassStatusEnd, size = 56 {
        /// Kind 29.
        header: FrameHeader,
        /// Number of the request (584).
        mass_status_id: u32,
        /// Order status reports sent for it (911).
        orders: u32,
        /// Position reports sent for it.
        positions: u32,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// The order session with a venue came up or went down.
    VenueSession, size = 48 {
        /// Kind 30; the venue is in the header.
        header: FrameHeader,
        /// 'U' up, 'D' down.
        state: u8,
        /// 1 where the venue cancels what works when the session goes down.
        cancels_on_disconnect: u8,
        /// Zero.
        reserved: [u8; 6],
    }
}

impl VenueSession {
    /// The session with `venue` is in this state; orders outlive it unless told otherwise.
    #[must_use]
    pub fn new(venue: crate::VenueId, state: SessionState) -> Self {
        let mut header = FrameHeader::new::<Self>();
        header.venue_id = venue;
        Self { header, state: state.code(), cancels_on_disconnect: 0, reserved: [0; 6] }
    }
}
