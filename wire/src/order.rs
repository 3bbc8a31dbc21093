//! Orders and what comes back: codes equal the FIX characters, so a hexdump reads.
//!
//! *Denied* is our gate, *rejected* is the venue. A [`NewOrder`] is written only by the engine's
//! approval function; its `approval_seq` counts approvals without a hole, and the edge refuses any
//! but the next.

use crate::frame::FrameHeader;
use crate::layout::{wire_code, wire_struct};
use crate::units::{ClOrdId, MoneyE9, PriceTicks, QtyLots, TsNs};

wire_code! {
    /// Order side (FIX 54).
    Side: u8 {
        /// Buy.
        Buy = b'1', "buy";
        /// Sell.
        Sell = b'2', "sell";
    }
}

wire_code! {
    /// Order type (FIX 40).
    OrdType: u8 {
        /// Market.
        Market = b'1', "market";
        /// Limit.
        Limit = b'2', "limit";
        /// Stop: becomes a market order when the market trades at or through the trigger.
        Stop = b'3', "stop";
        /// Stop-limit: becomes a limit order when the market trades at or through the trigger.
        StopLimit = b'4', "stop-limit";
    }
}

wire_code! {
    /// Time in force (FIX 59).
    TimeInForce: u8 {
        /// Day: until the venue's session ends.
        Day = b'0', "day";
        /// Good till cancel.
        Gtc = b'1', "gtc";
        /// Immediate or cancel.
        Ioc = b'3', "ioc";
        /// Fill or kill.
        Fok = b'4', "fok";
        /// Good till date: until the moment in the order.
        Gtd = b'6', "gtd";
    }
}

wire_code! {
    /// Execution instruction (FIX 18).
    ExecInst: u8 {
        /// None.
        None = 0, "none";
        /// Participate, do not initiate: post-only.
        PostOnly = b'6', "post-only";
        /// Do not increase: reduce-only.
        ReduceOnly = b'E', "reduce-only";
    }
}

wire_code! {
    /// What an execution report tells (FIX 150).
    ExecType: u8 {
        /// Accepted by the venue.
        New = b'0', "new";
        /// Canceled.
        Canceled = b'4', "canceled";
        /// Replaced.
        Replaced = b'5', "replaced";
        /// Cancel accepted, not done yet.
        PendingCancel = b'6', "pending-cancel";
        /// Rejected by the venue.
        Rejected = b'8', "rejected";
        /// Received, not accepted yet.
        PendingNew = b'A', "pending-new";
        /// Expired (an IOC remainder among others).
        Expired = b'C', "expired";
        /// Replace accepted, not done yet.
        PendingReplace = b'E', "pending-replace";
        /// A fill, partial or full.
        Trade = b'F', "trade";
        /// A fill was taken back; the report carries that fill's execution id.
        TradeCancel = b'H', "trade-cancel";
        /// Answer to a status query.
        OrderStatus = b'I', "order-status";
    }
}

wire_code! {
    /// State of an order (FIX 39).
    OrdStatus: u8 {
        /// Working, nothing filled.
        New = b'0', "new";
        /// Working, part filled.
        PartiallyFilled = b'1', "partially-filled";
        /// Done: all filled.
        Filled = b'2', "filled";
        /// Done: canceled.
        Canceled = b'4', "canceled";
        /// Cancel asked for.
        PendingCancel = b'6', "pending-cancel";
        /// Done: rejected by the venue.
        Rejected = b'8', "rejected";
        /// Sent, no word from the venue yet.
        PendingNew = b'A', "pending-new";
        /// Done: expired.
        Expired = b'C', "expired";
        /// Replace asked for.
        PendingReplace = b'E', "pending-replace";
        /// The venue's view is not known; counts at its worst case until evidence comes.
        Unknown = b'U', "unknown";
    }
}

wire_code! {
    /// Whether a fill added or removed liquidity (FIX 851).
    Liquidity: u8 {
        /// Not a fill, or not told.
        None = 0, "none";
        /// Added: maker.
        Maker = b'1', "maker";
        /// Removed: taker.
        Taker = b'2', "taker";
    }
}

wire_code! {
    /// Why the venue refused (FIX 103 and 102, and our own for the simulated venue).
    RejectReason: u8 {
        /// Not a reject.
        None = 0, "none";
        /// Unknown symbol.
        UnknownSymbol = 1, "unknown-symbol";
        /// Unknown order.
        UnknownOrder = 2, "unknown-order";
        /// Exceeds a venue limit.
        ExceedsLimit = 3, "exceeds-limit";
        /// Too late: the order is done.
        TooLate = 4, "too-late";
        /// A post-only order would have taken liquidity.
        WouldTake = 5, "would-take";
        /// Duplicate client order id.
        DuplicateOrder = 6, "duplicate-order";
        /// Not supported: type, time in force or instruction.
        Unsupported = 11, "unsupported";
        /// Quantity not acceptable.
        BadQuantity = 13, "bad-quantity";
        /// Price not acceptable.
        BadPrice = 14, "bad-price";
        /// The market is not open.
        MarketClosed = 15, "market-closed";
        /// No liquidity for a market or fill-or-kill order.
        NoLiquidity = 16, "no-liquidity";
        /// A reduce-only order would have opened or enlarged a position.
        WouldIncrease = 17, "would-increase";
        /// The trigger has been passed already.
        WrongTrigger = 18, "wrong-trigger";
        /// The expiry lies in the past.
        Expired = 19, "expired";
        /// More messages than the session may send.
        Throttled = 20, "throttled";
    }
}

wire_struct! {
    /// Place an order.
    NewOrder, size = 104 {
        /// Kind 16; instrument, venue and strategy are in the header.
        header: FrameHeader,
        /// Client order id (11).
        cl_ord_id: ClOrdId,
        /// Number of the gate's approval: the next of a sequence without holes.
        approval_seq: u64,
        /// Limit price (44), ticks; undefined for a market or a stop order.
        price_ticks: PriceTicks,
        /// Trigger (99), ticks; undefined where the order is no stop.
        stop_px_ticks: PriceTicks,
        /// Quantity, lots; positive.
        qty_lots: QtyLots,
        /// When a good-till-date order ends (126), venue clock; undefined for all others.
        expire_ns: TsNs,
        /// The parent this order is a slice of; 0 where it stands for itself.
        parent_id: u32,
        /// Orders of one link group cancel each other when one fills; 0 where it is in none.
        link_id: u32,
        /// Side (54): '1' buy, '2' sell.
        side: u8,
        /// Type (40): '1' market, '2' limit, '3' stop, '4' stop-limit.
        ord_type: u8,
        /// Time in force (59): '0' day, '1' GTC, '3' IOC, '4' FOK, '6' GTD.
        time_in_force: u8,
        /// Instruction (18): 0 none, '6' post-only, 'E' reduce-only.
        exec_inst: u8,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// Cancel a working order.
    CancelOrder, size = 64 {
        /// Kind 17.
        header: FrameHeader,
        /// Id of this request (11).
        cl_ord_id: ClOrdId,
        /// The order to cancel (41).
        orig_cl_ord_id: ClOrdId,
        /// The venue's order id (37); undefined before the venue gave one.
        order_id: u64,
    }
}

wire_struct! {
    /// Replace price and quantity of a working order.
    ReplaceOrder, size = 88 {
        /// Kind 18.
        header: FrameHeader,
        /// Id of the order after the replace (11).
        cl_ord_id: ClOrdId,
        /// The order to replace (41).
        orig_cl_ord_id: ClOrdId,
        /// The venue's order id (37); undefined before the venue gave one.
        order_id: u64,
        /// Number of the gate's approval: the next of a sequence without holes.
        approval_seq: u64,
        /// New limit price, ticks.
        price_ticks: PriceTicks,
        /// New total quantity, lots.
        qty_lots: QtyLots,
    }
}

wire_struct! {
    /// What the venue says of an order.
    ExecutionReport, size = 128 {
        /// Kind 24; `ts_event_ns` is the venue's transaction time.
        header: FrameHeader,
        /// Client order id (11).
        cl_ord_id: ClOrdId,
        /// The order a cancel or replace was for (41); undefined otherwise.
        orig_cl_ord_id: ClOrdId,
        /// The venue's order id (37).
        order_id: u64,
        /// The venue's execution id (17); unique.
        exec_id: u64,
        /// Price of this fill (31), ticks; undefined where this is no fill.
        last_px_ticks: PriceTicks,
        /// Quantity of this fill (32), lots; 0 where this is no fill.
        last_qty_lots: QtyLots,
        /// Still working (151), lots.
        leaves_qty_lots: QtyLots,
        /// Filled so far (14), lots.
        cum_qty_lots: QtyLots,
        /// Fee of this fill, billionths of the quote currency; negative is a rebate.
        fee_e9: MoneyE9,
        /// Report type (150).
        exec_type: u8,
        /// Order state (39).
        ord_status: u8,
        /// Side (54).
        side: u8,
        /// Liquidity (851): 0 none, '1' maker, '2' taker.
        liquidity: u8,
        /// Reject reason.
        reject_reason: u8,
        /// Zero.
        reserved: [u8; 11],
    }
}

wire_struct! {
    /// The venue refused a cancel or replace.
    CancelReject, size = 72 {
        /// Kind 25.
        header: FrameHeader,
        /// Id of the refused request (11).
        cl_ord_id: ClOrdId,
        /// The order it was for (41).
        orig_cl_ord_id: ClOrdId,
        /// The venue's order id (37); undefined where it knows none.
        order_id: u64,
        /// State of the order (39); 'U' where the venue knows none.
        ord_status: u8,
        /// Reason.
        reject_reason: u8,
        /// Zero.
        reserved: [u8; 6],
    }
}

wire_struct! {
    /// The gate refused an order: every check that failed, and the first with its numbers.
    Denied, size = 104 {
        /// Kind 26.
        header: FrameHeader,
        /// Client order id the order would have had.
        cl_ord_id: ClOrdId,
        /// One bit a failed check; bit n is check n.
        mask: u64,
        /// Price asked for, ticks.
        price_ticks: PriceTicks,
        /// Quantity asked for, lots.
        qty_lots: QtyLots,
        /// The limit of the primary check, in the check's unit.
        limit: i64,
        /// The value that broke it.
        actual: i64,
        /// The primary check: the lowest bit set in `mask`.
        primary: u8,
        /// Side (54).
        side: u8,
        /// Zero.
        reserved: [u8; 14],
    }
}

wire_code! {
    /// How a parent order is sliced.
    ParentStyle: u8 {
        /// Equal slices over equal times.
        Twap = b'T', "twap";
        /// Slices in proportion to a volume curve.
        Vwap = b'V', "vwap";
    }
}

wire_code! {
    /// Where a parent order stands.
    ParentState: u8 {
        /// Taken up.
        Started = b'S', "started";
        /// All of it is filled.
        Filled = b'F', "filled";
        /// Its time is over with quantity left.
        Expired = b'E', "expired";
        /// Stopped by its strategy, a kill or a mode.
        Canceled = b'C', "canceled";
    }
}

wire_struct! {
    /// A parent order began or ended. It never leaves the station: its slices do, as orders that
    /// name it.
    ParentOrder, size = 112 {
        /// Kind 21.
        header: FrameHeader,
        /// First slice not before, engine time.
        start_ns: TsNs,
        /// Last slice not after, engine time.
        end_ns: TsNs,
        /// Worst price of any slice, ticks.
        limit_px_ticks: PriceTicks,
        /// Whole quantity, lots.
        qty_lots: QtyLots,
        /// Filled so far, lots.
        cum_qty_lots: QtyLots,
        /// Still working, in flight or unknown, lots.
        working_lots: QtyLots,
        /// Number of the parent, from 1.
        parent_id: u32,
        /// Slices planned.
        slices: u32,
        /// Side (54).
        side: u8,
        /// Style: 'T' or 'V'.
        style: u8,
        /// State.
        state: u8,
        /// Zero.
        reserved: [u8; 13],
    }
}
