/*
 * The wire format of Corelane for C11 and C++11: frames, codes, constants.
 * All integers are little-endian; structs have no padding; a frame starts on 8 bytes.
 * See WIRE.md for what a frame is. Check what you read: length, version, kind, codes.
 *
 * Generated from the Rust definitions; do not edit. Regenerate with:
 *   cargo run -p corelane-wire --example wire-bindings
 */
#ifndef CORELANE_H
#define CORELANE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define CORELANE_ASSERT(condition, text) static_assert(condition, text)
#else
#define CORELANE_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define CORELANE_SIZE(type, size) CORELANE_ASSERT(sizeof(struct type) == size, #type)
#define CORELANE_AT(type, field, offset) \
    CORELANE_ASSERT(offsetof(struct type, field) == offset, #type "." #field)

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Corelane's frames are little-endian memory images"
#endif

/* Version of every layout. */
#define CORELANE_WIRE_VERSION 1
/* Hash of every layout, compared in the handshake. */
#define CORELANE_SCHEMA_HASH UINT64_C(0x3af3e5cb075f4bbb)
/* Size of the frame header. */
#define CORELANE_HEADER_BYTES 40
/* Largest frame. */
#define CORELANE_MAX_FRAME_BYTES 65536
/* Header flag: first frame of a depth message. */
#define CORELANE_FLAG_FIRST 1
/* Header flag: last frame of a depth message. */
#define CORELANE_FLAG_LAST 2
/* Header flag: a depth delta of one order. */
#define CORELANE_FLAG_ORDER 4
/* Most levels a writer puts in one frame. */
#define CORELANE_MAX_LEVELS 4000
/* Snapshots in a signal request. */
#define CORELANE_SIGNAL_WINDOW 10
/* Levels a side in each snapshot. */
#define CORELANE_SIGNAL_DEPTH 10
/* Numbers a snapshot. */
#define CORELANE_SIGNAL_FEATURES 40
/* Parts in which a relative price is counted. */
#define CORELANE_OFFSET_SCALE INT64_C(1000000000)
/* Bound of a score, up and down. */
#define CORELANE_SCORE_LIMIT_E6 INT64_C(1000000)
/* First eight bytes of a counters page. */
#define CORELANE_COUNTERS_MAGIC UINT64_C(0x315352544e434c43)
/* Slots of a counters page. */
#define CORELANE_COUNTER_SLOTS 80
/* First eight bytes of a journal segment. */
#define CORELANE_SEGMENT_MAGIC UINT64_C(0xa314745534a4c43)
/* First four bytes of a journal record. */
#define CORELANE_RECORD_MAGIC UINT32_C(0x31524c43)
/* First eight bytes of a checkpoint. */
#define CORELANE_CHECKPOINT_MAGIC UINT64_C(0x3154504b48434c43)
/* Version of the journal's layouts. */
#define CORELANE_JOURNAL_VERSION 1
/* Billionths in one. */
#define CORELANE_E9 INT64_C(1000000000)
/* No price. */
#define CORELANE_PRICE_TICKS_UNDEF INT64_MIN
/* No instrument. */
#define CORELANE_INSTRUMENT_ID_UNDEF UINT32_C(0xffffffff)
/* No venue. */
#define CORELANE_VENUE_ID_UNDEF UINT16_C(0xffff)
/* No strategy. */
#define CORELANE_STRATEGY_ID_UNDEF UINT16_C(0xffff)
/* No client order id. */
#define CORELANE_CL_ORD_ID_UNDEF UINT64_C(0xffffffffffffffff)
/* Time not known. */
#define CORELANE_TS_NS_UNDEF UINT64_C(0xffffffffffffffff)
/* A venue's sequence or order number is not known. */
#define CORELANE_SEQ_UNDEF UINT64_C(0xffffffffffffffff)

/* What a frame is. Numbers are stable; a retired one keeps its place. */
enum corelane_frame_kind {
    /* "depth-delta": corelane_depth_delta. */
    CORELANE_FRAME_KIND_DEPTH_DELTA = 1,
    /* "book-snapshot": corelane_book_snapshot. */
    CORELANE_FRAME_KIND_BOOK_SNAPSHOT = 2,
    /* "trade": corelane_trade. */
    CORELANE_FRAME_KIND_TRADE = 3,
    /* "quote": corelane_quote. */
    CORELANE_FRAME_KIND_QUOTE = 4,
    /* "gap": corelane_gap. */
    CORELANE_FRAME_KIND_GAP = 5,
    /* "status": corelane_status. */
    CORELANE_FRAME_KIND_STATUS = 6,
    /* "instrument": corelane_instrument. */
    CORELANE_FRAME_KIND_INSTRUMENT = 7,
    /* "new-order": corelane_new_order. */
    CORELANE_FRAME_KIND_NEW_ORDER = 16,
    /* "cancel-order": corelane_cancel_order. */
    CORELANE_FRAME_KIND_CANCEL_ORDER = 17,
    /* "replace-order": corelane_replace_order. */
    CORELANE_FRAME_KIND_REPLACE_ORDER = 18,
    /* "mass-status-request": corelane_mass_status_request. */
    CORELANE_FRAME_KIND_MASS_STATUS_REQUEST = 19,
    /* "order-status-request": corelane_order_status_request. */
    CORELANE_FRAME_KIND_ORDER_STATUS_REQUEST = 20,
    /* "parent-order": corelane_parent_order. */
    CORELANE_FRAME_KIND_PARENT_ORDER = 21,
    /* "execution-report": corelane_execution_report. */
    CORELANE_FRAME_KIND_EXECUTION_REPORT = 24,
    /* "cancel-reject": corelane_cancel_reject. */
    CORELANE_FRAME_KIND_CANCEL_REJECT = 25,
    /* "denied": corelane_denied. */
    CORELANE_FRAME_KIND_DENIED = 26,
    /* "order-status-report": corelane_order_status_report. */
    CORELANE_FRAME_KIND_ORDER_STATUS_REPORT = 27,
    /* "position-report": corelane_position_report. */
    CORELANE_FRAME_KIND_POSITION_REPORT = 28,
    /* "mass-status-end": corelane_mass_status_end. */
    CORELANE_FRAME_KIND_MASS_STATUS_END = 29,
    /* "venue-session": corelane_venue_session. */
    CORELANE_FRAME_KIND_VENUE_SESSION = 30,
    /* "signal-request": corelane_signal_request. */
    CORELANE_FRAME_KIND_SIGNAL_REQUEST = 32,
    /* "signal-response": corelane_signal_response. */
    CORELANE_FRAME_KIND_SIGNAL_RESPONSE = 33,
    /* "hello": corelane_hello. */
    CORELANE_FRAME_KIND_HELLO = 34,
    /* "hello-ack": corelane_hello_ack. */
    CORELANE_FRAME_KIND_HELLO_ACK = 35,
    /* "model-command": corelane_model_command. */
    CORELANE_FRAME_KIND_MODEL_COMMAND = 36,
    /* "model-change": corelane_model_change. */
    CORELANE_FRAME_KIND_MODEL_CHANGE = 37,
    /* "doorbell": corelane_doorbell. */
    CORELANE_FRAME_KIND_DOORBELL = 39,
    /* "advice": corelane_advice. */
    CORELANE_FRAME_KIND_ADVICE = 40,
    /* "risk-input": corelane_risk_input. */
    CORELANE_FRAME_KIND_RISK_INPUT = 41,
    /* "control": corelane_control. */
    CORELANE_FRAME_KIND_CONTROL = 48,
    /* "control-reply": corelane_control_reply. */
    CORELANE_FRAME_KIND_CONTROL_REPLY = 49,
    /* "limit-change": corelane_limit_change. */
    CORELANE_FRAME_KIND_LIMIT_CHANGE = 50,
    /* "limits-epoch": corelane_limits_epoch. */
    CORELANE_FRAME_KIND_LIMITS_EPOCH = 51,
    /* "timer": corelane_timer. */
    CORELANE_FRAME_KIND_TIMER = 56,
    /* "mode-change": corelane_mode_change. */
    CORELANE_FRAME_KIND_MODE_CHANGE = 57,
    /* "session-start": corelane_session_start. */
    CORELANE_FRAME_KIND_SESSION_START = 58,
    /* "session-end": corelane_session_end. */
    CORELANE_FRAME_KIND_SESSION_END = 59,
    /* "alarm": corelane_alarm. */
    CORELANE_FRAME_KIND_ALARM = 60,
    /* "kill-report": corelane_kill_report. */
    CORELANE_FRAME_KIND_KILL_REPORT = 61,
};

/* What kind of contract an instrument is. */
enum corelane_instrument_type {
    /* "spot": Spot pair: quantity in base currency, money in quote currency. */
    CORELANE_INSTRUMENT_TYPE_SPOT = 0x53 /* 'S' */,
    /* "linear-perp": Linear perpetual: quantity in base currency, profit in quote currency. */
    CORELANE_INSTRUMENT_TYPE_LINEAR_PERP = 0x4c /* 'L' */,
    /*
     * "inverse-perp": Inverse perpetual: contracts worth a fixed sum of quote currency. Market data
     * only: orders for it are denied.
     */
    CORELANE_INSTRUMENT_TYPE_INVERSE_PERP = 0x49 /* 'I' */,
};

/* A side of the book. */
enum corelane_book_side {
    /* "bid": Buyers. */
    CORELANE_BOOK_SIDE_BID = 0x42 /* 'B' */,
    /* "ask": Sellers. */
    CORELANE_BOOK_SIDE_ASK = 0x41 /* 'A' */,
};

/* Who crossed the spread in a trade. */
enum corelane_aggressor_side {
    /* "buy": The buyer took liquidity. */
    CORELANE_AGGRESSOR_SIDE_BUY = 0x42 /* 'B' */,
    /* "sell": The seller took liquidity. */
    CORELANE_AGGRESSOR_SIDE_SELL = 0x53 /* 'S' */,
    /* "unknown": The venue did not say. */
    CORELANE_AGGRESSOR_SIDE_UNKNOWN = 0x55 /* 'U' */,
};

/* Why the feed handler lost continuity. */
enum corelane_gap_reason {
    /* "sequence": The venue's update numbers skipped. */
    CORELANE_GAP_REASON_SEQUENCE = 0x53 /* 'S' */,
    /* "ring-full": The market ring was full and events were merged or dropped. */
    CORELANE_GAP_REASON_RING_FULL = 0x52 /* 'R' */,
    /* "disconnected": The session to the venue was lost. */
    CORELANE_GAP_REASON_DISCONNECTED = 0x44 /* 'D' */,
    /* "malformed": A message could not be decoded. */
    CORELANE_GAP_REASON_MALFORMED = 0x4d /* 'M' */,
};

/* Trading status of an instrument. */
enum corelane_trading_status {
    /* "trading": Continuous trading. */
    CORELANE_TRADING_STATUS_TRADING = 0x54 /* 'T' */,
    /* "halted": Halted by the venue. */
    CORELANE_TRADING_STATUS_HALTED = 0x48 /* 'H' */,
    /* "closed": Outside trading hours. */
    CORELANE_TRADING_STATUS_CLOSED = 0x43 /* 'C' */,
    /* "auction": Auction or pre-open: crossed books are genuine. */
    CORELANE_TRADING_STATUS_AUCTION = 0x41 /* 'A' */,
    /* "unknown": Not known; to be taken as halted. */
    CORELANE_TRADING_STATUS_UNKNOWN = 0x55 /* 'U' */,
};

/* Order side (FIX 54). */
enum corelane_side {
    /* "buy": Buy. */
    CORELANE_SIDE_BUY = 0x31 /* '1' */,
    /* "sell": Sell. */
    CORELANE_SIDE_SELL = 0x32 /* '2' */,
};

/* Order type (FIX 40). */
enum corelane_ord_type {
    /* "market": Market. */
    CORELANE_ORD_TYPE_MARKET = 0x31 /* '1' */,
    /* "limit": Limit. */
    CORELANE_ORD_TYPE_LIMIT = 0x32 /* '2' */,
    /* "stop": Stop: becomes a market order when the market trades at or through the trigger. */
    CORELANE_ORD_TYPE_STOP = 0x33 /* '3' */,
    /*
     * "stop-limit": Stop-limit: becomes a limit order when the market trades at or through the
     * trigger.
     */
    CORELANE_ORD_TYPE_STOP_LIMIT = 0x34 /* '4' */,
};

/* Time in force (FIX 59). */
enum corelane_time_in_force {
    /* "day": Day: until the venue's session ends. */
    CORELANE_TIME_IN_FORCE_DAY = 0x30 /* '0' */,
    /* "gtc": Good till cancel. */
    CORELANE_TIME_IN_FORCE_GTC = 0x31 /* '1' */,
    /* "ioc": Immediate or cancel. */
    CORELANE_TIME_IN_FORCE_IOC = 0x33 /* '3' */,
    /* "fok": Fill or kill. */
    CORELANE_TIME_IN_FORCE_FOK = 0x34 /* '4' */,
    /* "gtd": Good till date: until the moment in the order. */
    CORELANE_TIME_IN_FORCE_GTD = 0x36 /* '6' */,
};

/* Execution instruction (FIX 18). */
enum corelane_exec_inst {
    /* "none": None. */
    CORELANE_EXEC_INST_NONE = 0,
    /* "post-only": Participate, do not initiate: post-only. */
    CORELANE_EXEC_INST_POST_ONLY = 0x36 /* '6' */,
    /* "reduce-only": Do not increase: reduce-only. */
    CORELANE_EXEC_INST_REDUCE_ONLY = 0x45 /* 'E' */,
};

/* What an execution report tells (FIX 150). */
enum corelane_exec_type {
    /* "new": Accepted by the venue. */
    CORELANE_EXEC_TYPE_NEW = 0x30 /* '0' */,
    /* "canceled": Canceled. */
    CORELANE_EXEC_TYPE_CANCELED = 0x34 /* '4' */,
    /* "replaced": Replaced. */
    CORELANE_EXEC_TYPE_REPLACED = 0x35 /* '5' */,
    /* "pending-cancel": Cancel accepted, not done yet. */
    CORELANE_EXEC_TYPE_PENDING_CANCEL = 0x36 /* '6' */,
    /* "rejected": Rejected by the venue. */
    CORELANE_EXEC_TYPE_REJECTED = 0x38 /* '8' */,
    /* "pending-new": Received, not accepted yet. */
    CORELANE_EXEC_TYPE_PENDING_NEW = 0x41 /* 'A' */,
    /* "expired": Expired (an IOC remainder among others). */
    CORELANE_EXEC_TYPE_EXPIRED = 0x43 /* 'C' */,
    /* "pending-replace": Replace accepted, not done yet. */
    CORELANE_EXEC_TYPE_PENDING_REPLACE = 0x45 /* 'E' */,
    /* "trade": A fill, partial or full. */
    CORELANE_EXEC_TYPE_TRADE = 0x46 /* 'F' */,
    /* "trade-cancel": A fill was taken back; the report carries that fill's execution id. */
    CORELANE_EXEC_TYPE_TRADE_CANCEL = 0x48 /* 'H' */,
    /* "order-status": Answer to a status query. */
    CORELANE_EXEC_TYPE_ORDER_STATUS = 0x49 /* 'I' */,
};

/* State of an order (FIX 39). */
enum corelane_ord_status {
    /* "new": Working, nothing filled. */
    CORELANE_ORD_STATUS_NEW = 0x30 /* '0' */,
    /* "partially-filled": Working, part filled. */
    CORELANE_ORD_STATUS_PARTIALLY_FILLED = 0x31 /* '1' */,
    /* "filled": Done: all filled. */
    CORELANE_ORD_STATUS_FILLED = 0x32 /* '2' */,
    /* "canceled": Done: canceled. */
    CORELANE_ORD_STATUS_CANCELED = 0x34 /* '4' */,
    /* "pending-cancel": Cancel asked for. */
    CORELANE_ORD_STATUS_PENDING_CANCEL = 0x36 /* '6' */,
    /* "rejected": Done: rejected by the venue. */
    CORELANE_ORD_STATUS_REJECTED = 0x38 /* '8' */,
    /* "pending-new": Sent, no word from the venue yet. */
    CORELANE_ORD_STATUS_PENDING_NEW = 0x41 /* 'A' */,
    /* "expired": Done: expired. */
    CORELANE_ORD_STATUS_EXPIRED = 0x43 /* 'C' */,
    /* "pending-replace": Replace asked for. */
    CORELANE_ORD_STATUS_PENDING_REPLACE = 0x45 /* 'E' */,
    /* "unknown": The venue's view is not known; counts at its worst case until evidence comes. */
    CORELANE_ORD_STATUS_UNKNOWN = 0x55 /* 'U' */,
};

/* Whether a fill added or removed liquidity (FIX 851). */
enum corelane_liquidity {
    /* "none": Not a fill, or not told. */
    CORELANE_LIQUIDITY_NONE = 0,
    /* "maker": Added: maker. */
    CORELANE_LIQUIDITY_MAKER = 0x31 /* '1' */,
    /* "taker": Removed: taker. */
    CORELANE_LIQUIDITY_TAKER = 0x32 /* '2' */,
};

/* Why the venue refused (FIX 103 and 102, and our own for the simulated venue). */
enum corelane_reject_reason {
    /* "none": Not a reject. */
    CORELANE_REJECT_REASON_NONE = 0,
    /* "unknown-symbol": Unknown symbol. */
    CORELANE_REJECT_REASON_UNKNOWN_SYMBOL = 1,
    /* "unknown-order": Unknown order. */
    CORELANE_REJECT_REASON_UNKNOWN_ORDER = 2,
    /* "exceeds-limit": Exceeds a venue limit. */
    CORELANE_REJECT_REASON_EXCEEDS_LIMIT = 3,
    /* "too-late": Too late: the order is done. */
    CORELANE_REJECT_REASON_TOO_LATE = 4,
    /* "would-take": A post-only order would have taken liquidity. */
    CORELANE_REJECT_REASON_WOULD_TAKE = 5,
    /* "duplicate-order": Duplicate client order id. */
    CORELANE_REJECT_REASON_DUPLICATE_ORDER = 6,
    /* "unsupported": Not supported: type, time in force or instruction. */
    CORELANE_REJECT_REASON_UNSUPPORTED = 11,
    /* "bad-quantity": Quantity not acceptable. */
    CORELANE_REJECT_REASON_BAD_QUANTITY = 13,
    /* "bad-price": Price not acceptable. */
    CORELANE_REJECT_REASON_BAD_PRICE = 14,
    /* "market-closed": The market is not open. */
    CORELANE_REJECT_REASON_MARKET_CLOSED = 15,
    /* "no-liquidity": No liquidity for a market or fill-or-kill order. */
    CORELANE_REJECT_REASON_NO_LIQUIDITY = 16,
    /* "would-increase": A reduce-only order would have opened or enlarged a position. */
    CORELANE_REJECT_REASON_WOULD_INCREASE = 17,
    /* "wrong-trigger": The trigger has been passed already. */
    CORELANE_REJECT_REASON_WRONG_TRIGGER = 18,
    /* "expired": The expiry lies in the past. */
    CORELANE_REJECT_REASON_EXPIRED = 19,
    /* "throttled": More messages than the session may send. */
    CORELANE_REJECT_REASON_THROTTLED = 20,
};

/* Outcome of a request. */
enum corelane_signal_status {
    /* "ok": A score. */
    CORELANE_SIGNAL_STATUS_OK = 0x30 /* '0' */,
    /* "abstain": The model gave no usable number; score_e6 is 0. */
    CORELANE_SIGNAL_STATUS_ABSTAIN = 0x41 /* 'A' */,
    /* "refused": The request was refused: malformed, wrong shape or wrong version. */
    CORELANE_SIGNAL_STATUS_REFUSED = 0x52 /* 'R' */,
    /* "shed": The server dropped the request because newer ones waited. */
    CORELANE_SIGNAL_STATUS_SHED = 0x53 /* 'S' */,
    /*
     * "expired": The server dropped the request, unread by the model, because its deadline had
     * passed.
     */
    CORELANE_SIGNAL_STATUS_EXPIRED = 0x45 /* 'E' */,
};

/* The part a process plays. */
enum corelane_role {
    /* "engine": The engine's bridge. */
    CORELANE_ROLE_ENGINE = 0x45 /* 'E' */,
    /* "signal": The signal sidecar. */
    CORELANE_ROLE_SIGNAL = 0x53 /* 'S' */,
    /* "agents": The agents sidecar. */
    CORELANE_ROLE_AGENTS = 0x41 /* 'A' */,
    /* "ctl": The command line. */
    CORELANE_ROLE_CTL = 0x43 /* 'C' */,
};

/* Whether a handshake was accepted. */
enum corelane_hello_status {
    /* "accepted": Accepted. */
    CORELANE_HELLO_STATUS_ACCEPTED = 0x30 /* '0' */,
    /* "version": Another wire version. */
    CORELANE_HELLO_STATUS_VERSION = 0x56 /* 'V' */,
    /* "schema": Another schema hash. */
    CORELANE_HELLO_STATUS_SCHEMA = 0x48 /* 'H' */,
    /* "role": This role is not served here. */
    CORELANE_HELLO_STATUS_ROLE = 0x52 /* 'R' */,
    /* "busy": Too many peers. */
    CORELANE_HELLO_STATUS_BUSY = 0x42 /* 'B' */,
    /* "memory": The shared memory offered is not there, not sealed, or of another size. */
    CORELANE_HELLO_STATUS_MEMORY = 0x4d /* 'M' */,
};

/* What the command line wants of a sidecar. */
enum corelane_model_action {
    /* "status": Tell which model serves, what is being tried, and the counts. */
    CORELANE_MODEL_ACTION_STATUS = 0x53 /* 'S' */,
    /* "serve": Load the named object of the store, try it on live requests, and let it serve. */
    CORELANE_MODEL_ACTION_SERVE = 0x4c /* 'L' */,
    /*
     * "shadow": Load the named object of the store and try it on live requests; it does not serve.
     */
    CORELANE_MODEL_ACTION_SHADOW = 0x57 /* 'W' */,
};

/* The limit an advice concerns. The value's unit is the limit's own. */
enum corelane_advice_field {
    /* "max-order-qty": Largest order, lots. */
    CORELANE_ADVICE_FIELD_MAX_ORDER_QTY = 0x51 /* 'Q' */,
    /* "max-position": Largest position, lots. */
    CORELANE_ADVICE_FIELD_MAX_POSITION = 0x50 /* 'P' */,
    /* "order-rate": Orders per second. */
    CORELANE_ADVICE_FIELD_ORDER_RATE = 0x52 /* 'R' */,
    /* "price-collar": Price collar, basis points. */
    CORELANE_ADVICE_FIELD_PRICE_COLLAR = 0x43 /* 'C' */,
    /* "reduce-only": Reduce only: value 1. */
    CORELANE_ADVICE_FIELD_REDUCE_ONLY = 0x4f /* 'O' */,
};

/* What the operator wants. */
enum corelane_command {
    /* "status": Tell the state. */
    CORELANE_COMMAND_STATUS = 0x53 /* 'S' */,
    /* "halt": Stop all trading: latch the kill switch. */
    CORELANE_COMMAND_HALT = 0x48 /* 'H' */,
    /* "resume": Leave HALTED, with a reason. */
    CORELANE_COMMAND_RESUME = 0x52 /* 'R' */,
    /* "mode": Change the mode; argument is the mode's code. */
    CORELANE_COMMAND_MODE = 0x4d /* 'M' */,
    /* "shutdown": End the session in good order. */
    CORELANE_COMMAND_SHUTDOWN = 0x58 /* 'X' */,
    /* "flatten": Close every position with reduce-only orders, in REDUCING. */
    CORELANE_COMMAND_FLATTEN = 0x46 /* 'F' */,
    /* "rearm": Let a disabled strategy trade again, with a reason. */
    CORELANE_COMMAND_REARM = 0x41 /* 'A' */,
    /* "roll": Begin a new trading day: the day's counts and losses start anew, with a reason. */
    CORELANE_COMMAND_ROLL = 0x44 /* 'D' */,
    /* "adopt": Take an external order over: argument is the venue's order id. */
    CORELANE_COMMAND_ADOPT = 0x4f /* 'O' */,
    /* "accept": Take the venue's positions for ours, with a reason. */
    CORELANE_COMMAND_ACCEPT = 0x50 /* 'P' */,
    /* "mute": Listen no more to an advice source: argument is its index. */
    CORELANE_COMMAND_MUTE = 0x55 /* 'U' */,
    /* "model": The model whose scores may be used from here: argument is its hash. */
    CORELANE_COMMAND_MODEL = 0x47 /* 'G' */,
};

/* Outcome of a command. */
enum corelane_reply_code {
    /* "ok": Done, or taken up. */
    CORELANE_REPLY_CODE_OK = 0x30 /* '0' */,
    /* "refused": Refused in the present state. */
    CORELANE_REPLY_CODE_REFUSED = 0x52 /* 'R' */,
    /* "malformed": Not understood. */
    CORELANE_REPLY_CODE_MALFORMED = 0x4d /* 'M' */,
};

/* Operating mode of the station. Order by restriction is not implied. */
enum corelane_mode {
    /* "BOOT": Starting up. */
    CORELANE_MODE_BOOT = 0x42 /* 'B' */,
    /* "RECONCILE": Comparing with the venue. */
    CORELANE_MODE_RECONCILE = 0x52 /* 'R' */,
    /* "MAINTENANCE": Connected, not trading: model swaps happen here. */
    CORELANE_MODE_MAINTENANCE = 0x4d /* 'M' */,
    /* "LIVE": Trading. */
    CORELANE_MODE_LIVE = 0x4c /* 'L' */,
    /* "REDUCING": Only orders that reduce exposure. */
    CORELANE_MODE_REDUCING = 0x44 /* 'D' */,
    /* "DRAINING": Canceling what works, then MAINTENANCE. */
    CORELANE_MODE_DRAINING = 0x4e /* 'N' */,
    /* "HALTED": Stopped; only an operator leads out. */
    CORELANE_MODE_HALTED = 0x48 /* 'H' */,
};

/* How a parent order is sliced. */
enum corelane_parent_style {
    /* "twap": Equal slices over equal times. */
    CORELANE_PARENT_STYLE_TWAP = 0x54 /* 'T' */,
    /* "vwap": Slices in proportion to a volume curve. */
    CORELANE_PARENT_STYLE_VWAP = 0x56 /* 'V' */,
};

/* Where a parent order stands. */
enum corelane_parent_state {
    /* "started": Taken up. */
    CORELANE_PARENT_STATE_STARTED = 0x53 /* 'S' */,
    /* "filled": All of it is filled. */
    CORELANE_PARENT_STATE_FILLED = 0x46 /* 'F' */,
    /* "expired": Its time is over with quantity left. */
    CORELANE_PARENT_STATE_EXPIRED = 0x45 /* 'E' */,
    /* "canceled": Stopped by its strategy, a kill or a mode. */
    CORELANE_PARENT_STATE_CANCELED = 0x43 /* 'C' */,
};

/* State of the order session with a venue. */
enum corelane_session_state {
    /* "up": Logged on: orders can be sent and reports come. */
    CORELANE_SESSION_STATE_UP = 0x55 /* 'U' */,
    /* "down": Lost: what was sent may or may not have arrived. */
    CORELANE_SESSION_STATE_DOWN = 0x44 /* 'D' */,
};

/* What a limit row or a kill switch covers. */
enum corelane_scope {
    /* "firm": The whole station. */
    CORELANE_SCOPE_FIRM = 0x46 /* 'F' */,
    /* "venue": One venue. */
    CORELANE_SCOPE_VENUE = 0x56 /* 'V' */,
    /* "strategy": One strategy. */
    CORELANE_SCOPE_STRATEGY = 0x53 /* 'S' */,
    /* "symbol": One instrument. */
    CORELANE_SCOPE_SYMBOL = 0x59 /* 'Y' */,
};

/* A limit. The number is stable; which scopes have it stands in brackets. */
enum corelane_limit_field {
    /* "max_order_qty_lots": Largest order, lots (symbol). */
    CORELANE_LIMIT_FIELD_MAX_ORDER_QTY = 1,
    /*
     * "max_order_notional_e9": Largest order value, billionths of the quote currency (symbol) or of
     * the base currency (firm).
     */
    CORELANE_LIMIT_FIELD_MAX_ORDER_NOTIONAL = 2,
    /* "max_adv_bp": Largest order as a share of the average daily volume, basis points (symbol). */
    CORELANE_LIMIT_FIELD_MAX_ADV_BP = 3,
    /*
     * "max_depth_bp": Largest order as a share of the displayed depth it would take from, basis
     * points (symbol).
     */
    CORELANE_LIMIT_FIELD_MAX_DEPTH_BP = 4,
    /* "price_collar_bp": Farthest a price may lie from the reference, basis points (symbol). */
    CORELANE_LIMIT_FIELD_PRICE_COLLAR_BP = 5,
    /* "price_collar_ticks": The collar is at least this wide, ticks (symbol). */
    CORELANE_LIMIT_FIELD_PRICE_COLLAR_TICKS = 6,
    /*
     * "max_aggression_ticks": Farthest a price may lie beyond the opposite touch, ticks (symbol).
     */
    CORELANE_LIMIT_FIELD_MAX_AGGRESSION_TICKS = 7,
    /* "max_long_lots": Largest long position, lots (symbol, strategy). */
    CORELANE_LIMIT_FIELD_MAX_LONG = 8,
    /* "max_short_lots": Largest short position, lots (symbol, strategy). */
    CORELANE_LIMIT_FIELD_MAX_SHORT = 9,
    /* "max_open_orders": Most orders that are not done (symbol, strategy, venue, firm). */
    CORELANE_LIMIT_FIELD_MAX_OPEN_ORDERS = 10,
    /*
     * "max_open_notional_e9": Largest value of orders that are not done, billionths (symbol: quote
     * currency; firm: base currency).
     */
    CORELANE_LIMIT_FIELD_MAX_OPEN_NOTIONAL = 11,
    /* "max_market_age_ns": Oldest market data an order may be based on, nanoseconds (symbol). */
    CORELANE_LIMIT_FIELD_MAX_MARKET_AGE = 12,
    /* "max_spread_ticks": Widest spread, ticks (symbol). */
    CORELANE_LIMIT_FIELD_MAX_SPREAD_TICKS = 13,
    /* "max_spread_medians": Widest spread, medians of the spread (symbol). */
    CORELANE_LIMIT_FIELD_MAX_SPREAD_MEDIANS = 14,
    /*
     * "max_signal_lag": Requests that may have gone unanswered since the one the score answers
     * (symbol).
     */
    CORELANE_LIMIT_FIELD_MAX_SIGNAL_LAG = 15,
    /* "max_signal_repeats": Equal scores in a row (symbol). */
    CORELANE_LIMIT_FIELD_MAX_SIGNAL_REPEATS = 16,
    /*
     * "order_rate_per_s": New and amended orders per second, sustained (symbol, strategy, venue).
     */
    CORELANE_LIMIT_FIELD_ORDER_RATE_PER_S = 17,
    /* "order_burst": New and amended orders at once (symbol, strategy, venue). */
    CORELANE_LIMIT_FIELD_ORDER_BURST = 18,
    /* "max_duplicates": Equal orders within the duplicate window (symbol). */
    CORELANE_LIMIT_FIELD_MAX_DUPLICATES = 19,
    /*
     * "duplicate_window_ns": Window in which equal orders count as duplicates, nanoseconds
     * (symbol).
     */
    CORELANE_LIMIT_FIELD_DUPLICATE_WINDOW = 20,
    /* "max_fill_lots": Lots filled within the fill window (symbol). */
    CORELANE_LIMIT_FIELD_MAX_FILL_LOTS = 21,
    /* "fill_window_ns": Window of the fill rate, nanoseconds (symbol). */
    CORELANE_LIMIT_FIELD_FILL_WINDOW = 22,
    /* "max_gross_e9": Largest worst-case gross exposure, billionths of the base currency (firm). */
    CORELANE_LIMIT_FIELD_MAX_GROSS = 23,
    /*
     * "max_net_e9": Largest worst-case net exposure either way, billionths of the base currency
     * (firm).
     */
    CORELANE_LIMIT_FIELD_MAX_NET = 24,
    /*
     * "max_concentration_bp": Largest share of the gross limit in one instrument, basis points
     * (firm).
     */
    CORELANE_LIMIT_FIELD_MAX_CONCENTRATION_BP = 25,
    /*
     * "credit_use_bp": Share of the venue's free balance that orders may claim, basis points
     * (firm).
     */
    CORELANE_LIMIT_FIELD_CREDIT_USE_BP = 26,
    /* "capital_e9": Capital allotted, billionths of the base currency (strategy). */
    CORELANE_LIMIT_FIELD_CAPITAL = 27,
    /* "var_limit_e9": Largest value at risk, billionths of the base currency (firm). */
    CORELANE_LIMIT_FIELD_VAR_LIMIT = 28,
    /* "max_unknown_orders": Orders whose state is unknown before opening stops (firm). */
    CORELANE_LIMIT_FIELD_MAX_UNKNOWN_ORDERS = 29,
    /*
     * "max_unknown_notional_e9": Value of orders whose state is unknown before opening stops,
     * billionths of the base currency (firm).
     */
    CORELANE_LIMIT_FIELD_MAX_UNKNOWN_NOTIONAL = 30,
    /* "max_daily_loss_e9": Loss of the day, billionths of the base currency (strategy, firm). */
    CORELANE_LIMIT_FIELD_MAX_DAILY_LOSS = 31,
    /*
     * "max_drawdown_e9": Fall from the high-water mark, billionths of the base currency (strategy,
     * firm).
     */
    CORELANE_LIMIT_FIELD_MAX_DRAWDOWN = 32,
    /* "max_loss_streak": Losing round trips in a row (strategy). */
    CORELANE_LIMIT_FIELD_MAX_LOSS_STREAK = 33,
    /*
     * "max_loss_per_min_e9": Loss within one minute, billionths of the base currency (strategy,
     * firm).
     */
    CORELANE_LIMIT_FIELD_MAX_LOSS_PER_MIN = 34,
    /* "message_rate_per_s": Messages per second, sustained (venue). */
    CORELANE_LIMIT_FIELD_MESSAGE_RATE_PER_S = 35,
    /* "message_burst": Messages at once (venue). */
    CORELANE_LIMIT_FIELD_MESSAGE_BURST = 36,
    /*
     * "order_share_bp": Share of the message burst that orders may use; the rest is kept for
     * cancels, basis points (venue).
     */
    CORELANE_LIMIT_FIELD_ORDER_SHARE_BP = 37,
    /*
     * "max_order_to_trade": Order messages a fill, counted from the hundredth message (strategy).
     */
    CORELANE_LIMIT_FIELD_MAX_ORDER_TO_TRADE = 38,
    /* "max_executions": Fills before an operator must look (strategy). */
    CORELANE_LIMIT_FIELD_MAX_EXECUTIONS = 39,
    /* "max_consecutive_rejects": Denials and rejects in a row (strategy). */
    CORELANE_LIMIT_FIELD_MAX_CONSECUTIVE_REJECTS = 40,
    /*
     * "max_daily_turnover_e9": Traded value of the day, billionths of the base currency (strategy,
     * firm).
     */
    CORELANE_LIMIT_FIELD_MAX_DAILY_TURNOVER = 41,
    /* "max_daily_orders": Orders of the day (strategy, firm). */
    CORELANE_LIMIT_FIELD_MAX_DAILY_ORDERS = 42,
    /* "max_risk_age_ns": Oldest reconciliation and risk figures, nanoseconds (firm). */
    CORELANE_LIMIT_FIELD_MAX_RISK_AGE = 43,
    /* "max_fx_age_ns": Oldest exchange rate, nanoseconds (firm). */
    CORELANE_LIMIT_FIELD_MAX_FX_AGE = 44,
    /* "max_clock_offset_ns": Largest clock error against UTC, nanoseconds (firm). */
    CORELANE_LIMIT_FIELD_MAX_CLOCK_OFFSET = 45,
    /* "qty_step_lots": Order quantities are a multiple of this, lots (symbol). */
    CORELANE_LIMIT_FIELD_QTY_STEP = 46,
    /* "price_step_ticks": Order prices are a multiple of this, ticks (symbol). */
    CORELANE_LIMIT_FIELD_PRICE_STEP = 47,
};

/* Where a limit change comes from. */
enum corelane_change_source {
    /* "runtime": An operator at run time: may only tighten. */
    CORELANE_CHANGE_SOURCE_RUNTIME = 0x52 /* 'R' */,
    /* "epoch": Part of a limits file between the begin and the commit of its epoch. */
    CORELANE_CHANGE_SOURCE_EPOCH = 0x45 /* 'E' */,
};

/* Stage of taking a limits file. */
enum corelane_epoch_stage {
    /* "begin": The values of this epoch follow. */
    CORELANE_EPOCH_STAGE_BEGIN = 0x42 /* 'B' */,
    /* "commit": All values came: they hold from here. */
    CORELANE_EPOCH_STAGE_COMMIT = 0x43 /* 'C' */,
    /* "running": The epoch a session starts with; its values are in the configuration. */
    CORELANE_EPOCH_STAGE_RUNNING = 0x52 /* 'R' */,
};

/* A figure the checks need from outside the engine. */
enum corelane_risk_field {
    /* "fx-rate": Base currency for one unit of the instrument's quote currency, billionths. */
    CORELANE_RISK_FIELD_FX_RATE = 1,
    /* "short-lots": Lots that may be sold short (a locate). */
    CORELANE_RISK_FIELD_SHORT_LOTS = 2,
    /* "band-low": Lowest price the venue's band allows, ticks. */
    CORELANE_RISK_FIELD_BAND_LOW = 3,
    /* "band-high": Highest price the venue's band allows, ticks. */
    CORELANE_RISK_FIELD_BAND_HIGH = 4,
    /* "adv": Average daily volume, lots. */
    CORELANE_RISK_FIELD_ADV = 5,
    /* "var": Value at risk of the whole portfolio, billionths of the base currency. */
    CORELANE_RISK_FIELD_VAR = 6,
    /*
     * "var-slope": Change of the value at risk for one lot more of the instrument, billionths of
     * the base currency; negative for a lot that hedges.
     */
    CORELANE_RISK_FIELD_VAR_SLOPE = 7,
    /* "balance": Free balance at the venue, billionths of the base currency. */
    CORELANE_RISK_FIELD_BALANCE = 8,
    /* "audit-fill": How full the audit trail's buffers are, thousandths. */
    CORELANE_RISK_FIELD_AUDIT_FILL = 9,
    /* "clock-offset": Largest clock error against UTC, nanoseconds. */
    CORELANE_RISK_FIELD_CLOCK_OFFSET = 10,
    /* "wire-count": Approvals the edge has spent. */
    CORELANE_RISK_FIELD_WIRE_COUNT = 11,
    /*
     * "high-water": High-water mark carried over from an earlier session, billionths of the base
     * currency; of the strategy in the header, or of the firm.
     */
    CORELANE_RISK_FIELD_HIGH_WATER = 12,
    /* "prior-close": Reference price where there is no market yet (the prior close), ticks. */
    CORELANE_RISK_FIELD_PRIOR_CLOSE = 13,
    /*
     * "carried-profit": Profit of earlier sessions, billionths of the base currency; of the
     * strategy in the header, or of the firm.
     */
    CORELANE_RISK_FIELD_CARRIED_PROFIT = 14,
};

/* What an alarm is about. */
enum corelane_alarm_code {
    /* "UNATTRIBUTED_FILL": A fill that names no order of ours: booked on the instrument. */
    CORELANE_ALARM_CODE_UNATTRIBUTED_FILL = 1,
    /* "OVERFILL": More was filled than ordered. */
    CORELANE_ALARM_CODE_OVERFILL = 2,
    /* "FILL_AFTER_DONE": A fill of an order that was done. */
    CORELANE_ALARM_CODE_FILL_AFTER_DONE = 3,
    /* "CONTRADICTION": The venue contradicts itself or us about an order. */
    CORELANE_ALARM_CODE_CONTRADICTION = 4,
    /* "FILL_BUSTED": A fill was taken back. */
    CORELANE_ALARM_CODE_FILL_BUSTED = 5,
    /* "ACK_TIMEOUT": No word from the venue about a sent order in time: it is unknown. */
    CORELANE_ALARM_CODE_ACK_TIMEOUT = 6,
    /*
     * "MISSING_AT_VENUE": An order we hold for working is not in the venue's list: it is unknown.
     */
    CORELANE_ALARM_CODE_MISSING_AT_VENUE = 7,
    /* "EXTERNAL_ORDER": The venue lists an order that is not ours. */
    CORELANE_ALARM_CODE_EXTERNAL_ORDER = 8,
    /* "FILL_MISMATCH": Filled quantity of an order differs from the venue's. */
    CORELANE_ALARM_CODE_FILL_MISMATCH = 9,
    /* "POSITION_MISMATCH": Position differs from the venue's. */
    CORELANE_ALARM_CODE_POSITION_MISMATCH = 10,
    /* "RECONCILE_TIMEOUT": A mass status was not answered in time. */
    CORELANE_ALARM_CODE_RECONCILE_TIMEOUT = 11,
    /* "CANCEL_UNCONFIRMED": A cancel was not confirmed in time. */
    CORELANE_ALARM_CODE_CANCEL_UNCONFIRMED = 12,
    /* "SESSION_LOST": The order session was lost. */
    CORELANE_ALARM_CODE_SESSION_LOST = 13,
    /* "DAILY_LOSS": The loss of the day reached its limit. */
    CORELANE_ALARM_CODE_DAILY_LOSS = 14,
    /* "DRAWDOWN": The fall from the high-water mark reached its limit. */
    CORELANE_ALARM_CODE_DRAWDOWN = 15,
    /* "LOSS_STREAK": Too many losing round trips in a row. */
    CORELANE_ALARM_CODE_LOSS_STREAK = 16,
    /* "LOSS_VELOCITY": Too much was lost within a minute. */
    CORELANE_ALARM_CODE_LOSS_VELOCITY = 17,
    /* "REPEATED_EXECUTION": A strategy has had as many fills as it may without an operator. */
    CORELANE_ALARM_CODE_REPEATED_EXECUTION = 18,
    /* "FILL_RATE": Too much was filled within the window. */
    CORELANE_ALARM_CODE_FILL_RATE = 19,
    /* "CONSECUTIVE_REJECTS": Too many denials and rejects in a row. */
    CORELANE_ALARM_CODE_CONSECUTIVE_REJECTS = 20,
    /* "WIRE_MISMATCH": Orders on the wire and approvals differ. */
    CORELANE_ALARM_CODE_WIRE_MISMATCH = 21,
    /*
     * "UNPROTECTED": A protective order of a bracket was denied or rejected: the position stands
     * alone.
     */
    CORELANE_ALARM_CODE_UNPROTECTED = 22,
    /* "ADVICE_REFUSED": An advice was refused. */
    CORELANE_ALARM_CODE_ADVICE_REFUSED = 23,
    /* "ADVICE_TAKEN": An advice tightened a limit. */
    CORELANE_ALARM_CODE_ADVICE_TAKEN = 24,
    /* "LIMIT_REFUSED": A limit change was refused. */
    CORELANE_ALARM_CODE_LIMIT_REFUSED = 25,
    /* "OVERFLOW": A sum left its range: nothing more may be added. */
    CORELANE_ALARM_CODE_OVERFLOW = 26,
    /* "PARENT_INCOMPLETE": A parent order ended with quantity left. */
    CORELANE_ALARM_CODE_PARENT_INCOMPLETE = 27,
};

/* Who pulled a kill switch. */
enum corelane_kill_cause {
    /* "command": A command: operator, process signal or halt file; its reason is in the command. */
    CORELANE_KILL_CAUSE_COMMAND = 0x43 /* 'C' */,
    /* "rule": A rule of the engine; the alarm before it says which. */
    CORELANE_KILL_CAUSE_RULE = 0x52 /* 'R' */,
};

/* How far a kill has come. */
enum corelane_kill_stage {
    /* "latched": Latched: nothing new passes from here. */
    CORELANE_KILL_STAGE_LATCHED = 0x4c /* 'L' */,
    /* "confirmed": Every order of the scope is done, on the venue's word. */
    CORELANE_KILL_STAGE_CONFIRMED = 0x43 /* 'C' */,
    /* "unconfirmed": Some order was not confirmed in time; it counts on. */
    CORELANE_KILL_STAGE_UNCONFIRMED = 0x55 /* 'U' */,
    /* "released": An operator released the latch. */
    CORELANE_KILL_STAGE_RELEASED = 0x4f /* 'O' */,
};

/* What a journal record holds. */
enum corelane_record_kind {
    /* "frame": One input or output frame of the engine, as it was on the tape. */
    CORELANE_RECORD_KIND_FRAME = 1,
    /* "open": What the session is, as a JSON object padded with spaces; the first record. */
    CORELANE_RECORD_KIND_OPEN = 2,
    /* "synced": A JournalSynced: everything up to there is on the disk. */
    CORELANE_RECORD_KIND_SYNCED = 3,
    /* "seal": A JournalSeal: the last record of a segment. */
    CORELANE_RECORD_KIND_SEAL = 4,
    /* "recovered": A JournalRecovered: a later start went on where a killed one had stopped. */
    CORELANE_RECORD_KIND_RECOVERED = 5,
};

/* Every counter of the station. Written by the thread its name begins with. */
enum corelane_counter {
    /* "loop.inputs": Inputs the loop took. */
    CORELANE_COUNTER_LOOP_INPUTS = 0,
    /* "loop.turns": Turns of the loop, idle ones included. */
    CORELANE_COUNTER_LOOP_TURNS = 1,
    /* "loop.turn_cycles_max": Longest turn, cycles of the loop's counter. */
    CORELANE_COUNTER_LOOP_TURN_CYCLES_MAX = 2,
    /* "loop.stalls": Turns longer than the stall threshold. */
    CORELANE_COUNTER_LOOP_STALLS = 3,
    /* "loop.market_events": Market events among the inputs. */
    CORELANE_COUNTER_LOOP_MARKET_EVENTS = 4,
    /* "loop.orders": New orders approved. */
    CORELANE_COUNTER_LOOP_ORDERS = 5,
    /* "loop.denied": Orders denied by the gate. */
    CORELANE_COUNTER_LOOP_DENIED = 6,
    /* "loop.fills": Fills. */
    CORELANE_COUNTER_LOOP_FILLS = 7,
    /* "loop.cancels": Cancels sent. */
    CORELANE_COUNTER_LOOP_CANCELS = 8,
    /* "loop.rejects": Rejects of the venue. */
    CORELANE_COUNTER_LOOP_REJECTS = 9,
    /* "loop.signal_requests": Signal requests made. */
    CORELANE_COUNTER_LOOP_SIGNAL_REQUESTS = 10,
    /* "loop.signal_answers": Signal answers taken. */
    CORELANE_COUNTER_LOOP_SIGNAL_ANSWERS = 11,
    /* "loop.signal_stale": Signal answers too old when they came. */
    CORELANE_COUNTER_LOOP_SIGNAL_STALE = 12,
    /* "loop.back_pressure": Turns that could not run because an output ring lacked room. */
    CORELANE_COUNTER_LOOP_BACK_PRESSURE = 13,
    /* "loop.mode": Mode, its wire code. */
    CORELANE_COUNTER_LOOP_MODE = 14,
    /* "loop.engine_time_ns": Engine time of the last input, nanoseconds since the UNIX epoch. */
    CORELANE_COUNTER_LOOP_ENGINE_TIME = 15,
    /* "loop.alarms": Alarms raised. */
    CORELANE_COUNTER_LOOP_ALARMS = 16,
    /* "loop.replaces": Amendments sent. */
    CORELANE_COUNTER_LOOP_REPLACES = 17,
    /* "loop.open_orders": Orders that are not done. */
    CORELANE_COUNTER_LOOP_OPEN_ORDERS = 18,
    /* "loop.unknown_orders": Orders whose state is unknown. */
    CORELANE_COUNTER_LOOP_UNKNOWN_ORDERS = 19,
    /* "edge.events": Market events the edge pushed. */
    CORELANE_COUNTER_EDGE_EVENTS = 20,
    /* "edge.orders": Orders the edge sent to the venue. */
    CORELANE_COUNTER_EDGE_ORDERS = 21,
    /* "edge.ring_full": Times the market ring was full. */
    CORELANE_COUNTER_EDGE_RING_FULL = 22,
    /* "edge.events_total": Market events in the recording. */
    CORELANE_COUNTER_EDGE_EVENTS_TOTAL = 23,
    /* "edge.unapproved": Order frames refused because their approval was not the next. */
    CORELANE_COUNTER_EDGE_UNAPPROVED = 24,
    /* "edge.reports": Execution reports delivered. */
    CORELANE_COUNTER_EDGE_REPORTS = 25,
    /* "bridge.signal_overwritten": Signal requests overwritten before the bridge took them. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_OVERWRITTEN = 30,
    /* "bridge.signal_sent": Signal requests sent. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_SENT = 31,
    /* "bridge.signal_dropped": Signal requests dropped: socket full or no sidecar. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_DROPPED = 32,
    /* "bridge.refused": Frames of sidecars refused by the bridge. */
    CORELANE_COUNTER_BRIDGE_REFUSED = 33,
    /* "bridge.signal_connects": Connections made to the signal sidecar. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_CONNECTS = 34,
    /* "bridge.signal_up": 1 while the signal sidecar is connected. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_UP = 35,
    /* "bridge.commands": Control commands taken. */
    CORELANE_COUNTER_BRIDGE_COMMANDS = 36,
    /* "bridge.signal_received": Signal answers received. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_RECEIVED = 37,
    /*
     * "bridge.signal_expired": Signal requests the sidecar dropped because their deadline had
     * passed.
     */
    CORELANE_COUNTER_BRIDGE_SIGNAL_EXPIRED = 38,
    /* "bridge.signal_shed": Signal requests the sidecar dropped because newer ones waited. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_SHED = 39,
    /* "recorder.frames": Frames written to the record. */
    CORELANE_COUNTER_RECORDER_FRAMES = 40,
    /* "recorder.bytes": Bytes written to the record. */
    CORELANE_COUNTER_RECORDER_BYTES = 41,
    /* "loop.positions": Instruments with a position. */
    CORELANE_COUNTER_LOOP_POSITIONS = 42,
    /* "loop.gross_e9": Worst-case gross exposure, billionths of the base currency. */
    CORELANE_COUNTER_LOOP_GROSS = 43,
    /* "loop.limits_epoch": Epoch of the limits that run. */
    CORELANE_COUNTER_LOOP_LIMITS_EPOCH = 44,
    /* "loop.limit_changes": Limit changes the engine took, each value of a limits file counted. */
    CORELANE_COUNTER_LOOP_LIMIT_CHANGES = 45,
    /* "tape.frame": Last frame on the tape: its number in the session, from 1. */
    CORELANE_COUNTER_TAPE_FRAME = 46,
    /* "tape.fill_e3": How full the tape is, thousandths. */
    CORELANE_COUNTER_TAPE_FILL = 47,
    /* "done": 1 when the session ended. */
    CORELANE_COUNTER_DONE = 48,
    /*
     * "journal.written_frame": Last frame written to the journal: it survives the death of the
     * process.
     */
    CORELANE_COUNTER_JOURNAL_WRITTEN = 49,
    /* "journal.synced_frame": Last frame synced to the disk: it survives a loss of power. */
    CORELANE_COUNTER_JOURNAL_SYNCED = 50,
    /* "journal.syncs": Batches synced. */
    CORELANE_COUNTER_JOURNAL_SYNCS = 51,
    /* "journal.sync_ns_max": Longest sync, nanoseconds. */
    CORELANE_COUNTER_JOURNAL_SYNC_MAX = 52,
    /* "journal.segment": Segment being written. */
    CORELANE_COUNTER_JOURNAL_SEGMENT = 53,
    /* "journal.failed": 1 since a write or a sync failed. */
    CORELANE_COUNTER_JOURNAL_FAILED = 54,
    /* "bridge.signal_late": Signal requests whose deadline had passed before they were sent. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_LATE = 55,
    /* "bridge.signal_shared": 1 while requests and answers go through shared memory. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_SHARED = 56,
    /*
     * "bridge.signal_faults": Times the sidecar broke the rules of the shared memory, and was
     * disconnected.
     */
    CORELANE_COUNTER_BRIDGE_SIGNAL_FAULTS = 57,
    /*
     * "bridge.signal_wrong_model": Signal answers refused because they name another model or
     * generation than announced.
     */
    CORELANE_COUNTER_BRIDGE_SIGNAL_WRONG_MODEL = 59,
    /* "bridge.signal_unasked": Signal answers refused because no open request is theirs. */
    CORELANE_COUNTER_BRIDGE_SIGNAL_UNASKED = 60,
    /* "bridge.model_changes": Changes of the model that sidecars announced and the bridge took. */
    CORELANE_COUNTER_BRIDGE_MODEL_CHANGES = 61,
    /*
     * "bridge.model_refused": Changes of the model that were refused: the generation did not rise,
     * or it is not allowed.
     */
    CORELANE_COUNTER_BRIDGE_MODEL_REFUSED = 62,
    /* "bridge.standby_ready": 1 while the standby sidecar is connected with the model in effect. */
    CORELANE_COUNTER_BRIDGE_STANDBY_READY = 64,
    /* "bridge.standby_serves": 1 while the standby sidecar is the one that answers. */
    CORELANE_COUNTER_BRIDGE_STANDBY_SERVES = 65,
    /*
     * "bridge.standby_sent": Signal requests sent to the standby sidecar, those asked again
     * included.
     */
    CORELANE_COUNTER_BRIDGE_STANDBY_SENT = 66,
    /* "bridge.standby_received": Answers of the standby sidecar handed to the loop. */
    CORELANE_COUNTER_BRIDGE_STANDBY_RECEIVED = 67,
    /* "bridge.failovers": Times the signal sidecar was left for the standby. */
    CORELANE_COUNTER_BRIDGE_FAILOVERS = 68,
    /* "bridge.failbacks": Times the signal sidecar was taken back. */
    CORELANE_COUNTER_BRIDGE_FAILBACKS = 69,
};

/* Why a process ended. */
enum corelane_exit {
    /* "OK": Everything asked for was done. */
    CORELANE_EXIT_CLEAN = 0,
    /* "BUG": A panic: a bug in Corelane (the value of Rust's own runtime). */
    CORELANE_EXIT_BUG = 101,
    /* "ARGUMENTS": Command-line arguments not understood. */
    CORELANE_EXIT_ARGUMENTS = 10,
    /* "CONFIGURATION": Configuration refused. */
    CORELANE_EXIT_CONFIGURATION = 11,
    /* "HOST": The host is not as the profile demands. */
    CORELANE_EXIT_HOST = 12,
    /* "WIRE_VERSION": A peer or a file speaks another wire version. */
    CORELANE_EXIT_WIRE_VERSION = 13,
    /* "RESOURCE": A file, model, socket or other resource is missing or damaged. */
    CORELANE_EXIT_RESOURCE = 14,
    /* "JOURNAL": The journal or record cannot be written. */
    CORELANE_EXIT_JOURNAL = 15,
    /* "TAPE_FULL": The tape is full: the journal did not take its frames in time. */
    CORELANE_EXIT_TAPE_FULL = 16,
    /* "KILLED": The kill rule tripped. */
    CORELANE_EXIT_KILLED = 20,
    /* "VENUE_LOST": The venue session was lost. */
    CORELANE_EXIT_VENUE_LOST = 21,
    /* "CLOCK": The clock cannot be trusted. */
    CORELANE_EXIT_CLOCK = 23,
    /* "DIVERGED": A replay diverged from the record. */
    CORELANE_EXIT_DIVERGED = 30,
    /* "CHECK_FAILED": A check failed. */
    CORELANE_EXIT_CHECK_FAILED = 31,
};

/* The head of every frame. */
struct corelane_frame_header {
    /* Whole frame, header and trailing levels or text included; a multiple of 8. */
    uint32_t len_bytes;
    /* Frame kind. */
    uint16_t kind;
    /* Wire version: 1. */
    uint8_t version;
    /* Flags of the kind; else 0. */
    uint8_t flags;
    /* Instrument, or undefined (all ones). */
    uint32_t instrument_id;
    /* Venue, or undefined (all ones). */
    uint16_t venue_id;
    /* Strategy, or undefined (all ones). */
    uint16_t strategy_id;
    /*
     * Position in the stream that carries the frame: stamped by the loop on inputs and outputs; 0
     * before.
     */
    uint64_t seq;
    /*
     * When it happened, by the clock of the venue or peer that says so; undefined (all ones) where
     * it does not say.
     */
    uint64_t ts_event_ns;
    /* When this host took it in, by this host's clock; in a replay the recorded time. */
    uint64_t ts_recv_ns;
};
CORELANE_SIZE(corelane_frame_header, 40);
CORELANE_AT(corelane_frame_header, len_bytes, 0);
CORELANE_AT(corelane_frame_header, kind, 4);
CORELANE_AT(corelane_frame_header, version, 6);
CORELANE_AT(corelane_frame_header, flags, 7);
CORELANE_AT(corelane_frame_header, instrument_id, 8);
CORELANE_AT(corelane_frame_header, venue_id, 12);
CORELANE_AT(corelane_frame_header, strategy_id, 14);
CORELANE_AT(corelane_frame_header, seq, 16);
CORELANE_AT(corelane_frame_header, ts_event_ns, 24);
CORELANE_AT(corelane_frame_header, ts_recv_ns, 32);

/* One row of the instrument table. */
struct corelane_instrument {
    /* Kind 7; instrument_id is the row's index, venue_id the venue. */
    struct corelane_frame_header header;
    /* Venue symbol, UTF-8, zero-padded (BTCUSDT). */
    uint8_t symbol[24];
    /* Price increment, billionths of the quote currency; positive. */
    int64_t tick_size_e9;
    /* Size increment, billionths of the base currency (contracts for inverse); positive. */
    int64_t lot_size_e9;
    /* Smallest order, lots; at least 1. */
    int64_t min_qty_lots;
    /* Largest order the venue takes, lots. */
    int64_t max_qty_lots;
    /* Smallest order value, billionths of the quote currency; 0 where the venue has none. */
    int64_t min_notional_e9;
    /* Instrument type: 'S' spot, 'L' linear perpetual, 'I' inverse perpetual. */
    uint8_t instrument_type;
    /* Zero. */
    uint8_t reserved[23];
};
CORELANE_SIZE(corelane_instrument, 128);
CORELANE_AT(corelane_instrument, header, 0);
CORELANE_AT(corelane_instrument, symbol, 40);
CORELANE_AT(corelane_instrument, tick_size_e9, 64);
CORELANE_AT(corelane_instrument, lot_size_e9, 72);
CORELANE_AT(corelane_instrument, min_qty_lots, 80);
CORELANE_AT(corelane_instrument, max_qty_lots, 88);
CORELANE_AT(corelane_instrument, min_notional_e9, 96);
CORELANE_AT(corelane_instrument, instrument_type, 104);
CORELANE_AT(corelane_instrument, reserved, 105);

/* One price level: an absolute quantity; 0 removes the level. */
struct corelane_level {
    /* Price, ticks. */
    int64_t price_ticks;
    /* Quantity at that price, lots; 0 removes. */
    int64_t qty_lots;
};
CORELANE_SIZE(corelane_level, 16);
CORELANE_AT(corelane_level, price_ticks, 0);
CORELANE_AT(corelane_level, qty_lots, 8);

/* A change of the book: absolute quantities for the levels it names. */
struct corelane_depth_delta {
    /* Kind 1. */
    struct corelane_frame_header header;
    /* First venue update number in this message. */
    uint64_t first_update_id;
    /* Last venue update number in this message. */
    uint64_t last_update_id;
    /*
     * Last update number of the message before, where the venue says so; else undefined. With the
     * flag for one order: the venue's number of that order.
     */
    uint64_t prev_update_id;
    /* Bid levels that follow. */
    uint16_t bid_count;
    /* Ask levels that follow the bids. */
    uint16_t ask_count;
    /* Zero. */
    uint8_t reserved[4];
};
CORELANE_SIZE(corelane_depth_delta, 72);
CORELANE_AT(corelane_depth_delta, header, 0);
CORELANE_AT(corelane_depth_delta, first_update_id, 40);
CORELANE_AT(corelane_depth_delta, last_update_id, 48);
CORELANE_AT(corelane_depth_delta, prev_update_id, 56);
CORELANE_AT(corelane_depth_delta, bid_count, 64);
CORELANE_AT(corelane_depth_delta, ask_count, 66);
CORELANE_AT(corelane_depth_delta, reserved, 68);

/* A whole book: replaces everything known of the instrument. */
struct corelane_book_snapshot {
    /* Kind 2. */
    struct corelane_frame_header header;
    /* Venue update number the snapshot stands at. */
    uint64_t last_update_id;
    /* Bid levels that follow. */
    uint16_t bid_count;
    /* Ask levels that follow the bids. */
    uint16_t ask_count;
    /* Zero. */
    uint8_t reserved[4];
};
CORELANE_SIZE(corelane_book_snapshot, 56);
CORELANE_AT(corelane_book_snapshot, header, 0);
CORELANE_AT(corelane_book_snapshot, last_update_id, 40);
CORELANE_AT(corelane_book_snapshot, bid_count, 48);
CORELANE_AT(corelane_book_snapshot, ask_count, 50);
CORELANE_AT(corelane_book_snapshot, reserved, 52);

/* A trade on the venue. */
struct corelane_trade {
    /* Kind 3. */
    struct corelane_frame_header header;
    /* Price, ticks. */
    int64_t price_ticks;
    /* Quantity, lots; positive. */
    int64_t qty_lots;
    /* Venue trade number (of an aggregate: the last one in it). */
    uint64_t trade_id;
    /* Aggressor: 'B', 'S' or 'U'. */
    uint8_t aggressor;
    /* Zero. */
    uint8_t reserved[7];
};
CORELANE_SIZE(corelane_trade, 72);
CORELANE_AT(corelane_trade, header, 0);
CORELANE_AT(corelane_trade, price_ticks, 40);
CORELANE_AT(corelane_trade, qty_lots, 48);
CORELANE_AT(corelane_trade, trade_id, 56);
CORELANE_AT(corelane_trade, aggressor, 64);
CORELANE_AT(corelane_trade, reserved, 65);

/* The venue's own best bid and offer. */
struct corelane_quote {
    /* Kind 4. */
    struct corelane_frame_header header;
    /* Best bid, ticks; undefined where there is none. */
    int64_t bid_price_ticks;
    /* Quantity at the best bid, lots. */
    int64_t bid_qty_lots;
    /* Best ask, ticks; undefined where there is none. */
    int64_t ask_price_ticks;
    /* Quantity at the best ask, lots. */
    int64_t ask_qty_lots;
    /* Venue update number, in the numbering of the depth messages. */
    uint64_t update_id;
};
CORELANE_SIZE(corelane_quote, 80);
CORELANE_AT(corelane_quote, header, 0);
CORELANE_AT(corelane_quote, bid_price_ticks, 40);
CORELANE_AT(corelane_quote, bid_qty_lots, 48);
CORELANE_AT(corelane_quote, ask_price_ticks, 56);
CORELANE_AT(corelane_quote, ask_qty_lots, 64);
CORELANE_AT(corelane_quote, update_id, 72);

/* Continuity was lost: the book is unusable until the next snapshot. */
struct corelane_gap {
    /* Kind 5. */
    struct corelane_frame_header header;
    /* Update number that was due. */
    uint64_t expected_id;
    /* Update number that came. */
    uint64_t received_id;
    /* Reason: 'S' sequence, 'R' ring full, 'D' disconnected, 'M' malformed. */
    uint8_t reason;
    /* Zero. */
    uint8_t reserved[7];
};
CORELANE_SIZE(corelane_gap, 64);
CORELANE_AT(corelane_gap, header, 0);
CORELANE_AT(corelane_gap, expected_id, 40);
CORELANE_AT(corelane_gap, received_id, 48);
CORELANE_AT(corelane_gap, reason, 56);
CORELANE_AT(corelane_gap, reserved, 57);

/* Trading status of an instrument. */
struct corelane_status {
    /* Kind 6. */
    struct corelane_frame_header header;
    /* Status: 'T' trading, 'H' halted, 'C' closed, 'A' auction, 'U' unknown. */
    uint8_t status;
    /* Zero. */
    uint8_t reserved[7];
};
CORELANE_SIZE(corelane_status, 48);
CORELANE_AT(corelane_status, header, 0);
CORELANE_AT(corelane_status, status, 40);
CORELANE_AT(corelane_status, reserved, 41);

/* Place an order. */
struct corelane_new_order {
    /* Kind 16; instrument, venue and strategy are in the header. */
    struct corelane_frame_header header;
    /* Client order id (11). */
    uint64_t cl_ord_id;
    /* Number of the gate's approval: the next of a sequence without holes. */
    uint64_t approval_seq;
    /* Limit price (44), ticks; undefined for a market or a stop order. */
    int64_t price_ticks;
    /* Trigger (99), ticks; undefined where the order is no stop. */
    int64_t stop_px_ticks;
    /* Quantity, lots; positive. */
    int64_t qty_lots;
    /* When a good-till-date order ends (126), venue clock; undefined for all others. */
    uint64_t expire_ns;
    /* The parent this order is a slice of; 0 where it stands for itself. */
    uint32_t parent_id;
    /* Orders of one link group cancel each other when one fills; 0 where it is in none. */
    uint32_t link_id;
    /* Side (54): '1' buy, '2' sell. */
    uint8_t side;
    /* Type (40): '1' market, '2' limit, '3' stop, '4' stop-limit. */
    uint8_t ord_type;
    /* Time in force (59): '0' day, '1' GTC, '3' IOC, '4' FOK, '6' GTD. */
    uint8_t time_in_force;
    /* Instruction (18): 0 none, '6' post-only, 'E' reduce-only. */
    uint8_t exec_inst;
    /* Zero. */
    uint8_t reserved[4];
};
CORELANE_SIZE(corelane_new_order, 104);
CORELANE_AT(corelane_new_order, header, 0);
CORELANE_AT(corelane_new_order, cl_ord_id, 40);
CORELANE_AT(corelane_new_order, approval_seq, 48);
CORELANE_AT(corelane_new_order, price_ticks, 56);
CORELANE_AT(corelane_new_order, stop_px_ticks, 64);
CORELANE_AT(corelane_new_order, qty_lots, 72);
CORELANE_AT(corelane_new_order, expire_ns, 80);
CORELANE_AT(corelane_new_order, parent_id, 88);
CORELANE_AT(corelane_new_order, link_id, 92);
CORELANE_AT(corelane_new_order, side, 96);
CORELANE_AT(corelane_new_order, ord_type, 97);
CORELANE_AT(corelane_new_order, time_in_force, 98);
CORELANE_AT(corelane_new_order, exec_inst, 99);
CORELANE_AT(corelane_new_order, reserved, 100);

/* Cancel a working order. */
struct corelane_cancel_order {
    /* Kind 17. */
    struct corelane_frame_header header;
    /* Id of this request (11). */
    uint64_t cl_ord_id;
    /* The order to cancel (41). */
    uint64_t orig_cl_ord_id;
    /* The venue's order id (37); undefined before the venue gave one. */
    uint64_t order_id;
};
CORELANE_SIZE(corelane_cancel_order, 64);
CORELANE_AT(corelane_cancel_order, header, 0);
CORELANE_AT(corelane_cancel_order, cl_ord_id, 40);
CORELANE_AT(corelane_cancel_order, orig_cl_ord_id, 48);
CORELANE_AT(corelane_cancel_order, order_id, 56);

/* Replace price and quantity of a working order. */
struct corelane_replace_order {
    /* Kind 18. */
    struct corelane_frame_header header;
    /* Id of the order after the replace (11). */
    uint64_t cl_ord_id;
    /* The order to replace (41). */
    uint64_t orig_cl_ord_id;
    /* The venue's order id (37); undefined before the venue gave one. */
    uint64_t order_id;
    /* Number of the gate's approval: the next of a sequence without holes. */
    uint64_t approval_seq;
    /* New limit price, ticks. */
    int64_t price_ticks;
    /* New total quantity, lots. */
    int64_t qty_lots;
};
CORELANE_SIZE(corelane_replace_order, 88);
CORELANE_AT(corelane_replace_order, header, 0);
CORELANE_AT(corelane_replace_order, cl_ord_id, 40);
CORELANE_AT(corelane_replace_order, orig_cl_ord_id, 48);
CORELANE_AT(corelane_replace_order, order_id, 56);
CORELANE_AT(corelane_replace_order, approval_seq, 64);
CORELANE_AT(corelane_replace_order, price_ticks, 72);
CORELANE_AT(corelane_replace_order, qty_lots, 80);

/* What the venue says of an order. */
struct corelane_execution_report {
    /* Kind 24; ts_event_ns is the venue's transaction time. */
    struct corelane_frame_header header;
    /* Client order id (11). */
    uint64_t cl_ord_id;
    /* The order a cancel or replace was for (41); undefined otherwise. */
    uint64_t orig_cl_ord_id;
    /* The venue's order id (37). */
    uint64_t order_id;
    /* The venue's execution id (17); unique. */
    uint64_t exec_id;
    /* Price of this fill (31), ticks; undefined where this is no fill. */
    int64_t last_px_ticks;
    /* Quantity of this fill (32), lots; 0 where this is no fill. */
    int64_t last_qty_lots;
    /* Still working (151), lots. */
    int64_t leaves_qty_lots;
    /* Filled so far (14), lots. */
    int64_t cum_qty_lots;
    /* Fee of this fill, billionths of the quote currency; negative is a rebate. */
    int64_t fee_e9;
    /* Report type (150). */
    uint8_t exec_type;
    /* Order state (39). */
    uint8_t ord_status;
    /* Side (54). */
    uint8_t side;
    /* Liquidity (851): 0 none, '1' maker, '2' taker. */
    uint8_t liquidity;
    /* Reject reason. */
    uint8_t reject_reason;
    /* Zero. */
    uint8_t reserved[11];
};
CORELANE_SIZE(corelane_execution_report, 128);
CORELANE_AT(corelane_execution_report, header, 0);
CORELANE_AT(corelane_execution_report, cl_ord_id, 40);
CORELANE_AT(corelane_execution_report, orig_cl_ord_id, 48);
CORELANE_AT(corelane_execution_report, order_id, 56);
CORELANE_AT(corelane_execution_report, exec_id, 64);
CORELANE_AT(corelane_execution_report, last_px_ticks, 72);
CORELANE_AT(corelane_execution_report, last_qty_lots, 80);
CORELANE_AT(corelane_execution_report, leaves_qty_lots, 88);
CORELANE_AT(corelane_execution_report, cum_qty_lots, 96);
CORELANE_AT(corelane_execution_report, fee_e9, 104);
CORELANE_AT(corelane_execution_report, exec_type, 112);
CORELANE_AT(corelane_execution_report, ord_status, 113);
CORELANE_AT(corelane_execution_report, side, 114);
CORELANE_AT(corelane_execution_report, liquidity, 115);
CORELANE_AT(corelane_execution_report, reject_reason, 116);
CORELANE_AT(corelane_execution_report, reserved, 117);

/* The venue refused a cancel or replace. */
struct corelane_cancel_reject {
    /* Kind 25. */
    struct corelane_frame_header header;
    /* Id of the refused request (11). */
    uint64_t cl_ord_id;
    /* The order it was for (41). */
    uint64_t orig_cl_ord_id;
    /* The venue's order id (37); undefined where it knows none. */
    uint64_t order_id;
    /* State of the order (39); 'U' where the venue knows none. */
    uint8_t ord_status;
    /* Reason. */
    uint8_t reject_reason;
    /* Zero. */
    uint8_t reserved[6];
};
CORELANE_SIZE(corelane_cancel_reject, 72);
CORELANE_AT(corelane_cancel_reject, header, 0);
CORELANE_AT(corelane_cancel_reject, cl_ord_id, 40);
CORELANE_AT(corelane_cancel_reject, orig_cl_ord_id, 48);
CORELANE_AT(corelane_cancel_reject, order_id, 56);
CORELANE_AT(corelane_cancel_reject, ord_status, 64);
CORELANE_AT(corelane_cancel_reject, reject_reason, 65);
CORELANE_AT(corelane_cancel_reject, reserved, 66);

/* The gate refused an order: every check that failed, and the first with its numbers. */
struct corelane_denied {
    /* Kind 26. */
    struct corelane_frame_header header;
    /* Client order id the order would have had. */
    uint64_t cl_ord_id;
    /* One bit a failed check; bit n is check n. */
    uint64_t mask;
    /* Price asked for, ticks. */
    int64_t price_ticks;
    /* Quantity asked for, lots. */
    int64_t qty_lots;
    /* The limit of the primary check, in the check's unit. */
    int64_t limit;
    /* The value that broke it. */
    int64_t actual;
    /* The primary check: the lowest bit set in mask. */
    uint8_t primary;
    /* Side (54). */
    uint8_t side;
    /* Zero. */
    uint8_t reserved[14];
};
CORELANE_SIZE(corelane_denied, 104);
CORELANE_AT(corelane_denied, header, 0);
CORELANE_AT(corelane_denied, cl_ord_id, 40);
CORELANE_AT(corelane_denied, mask, 48);
CORELANE_AT(corelane_denied, price_ticks, 56);
CORELANE_AT(corelane_denied, qty_lots, 64);
CORELANE_AT(corelane_denied, limit, 72);
CORELANE_AT(corelane_denied, actual, 80);
CORELANE_AT(corelane_denied, primary, 88);
CORELANE_AT(corelane_denied, side, 89);
CORELANE_AT(corelane_denied, reserved, 90);

/* One level of a sampled book, both sides. */
struct corelane_snapshot_level {
    /* Ask price at this level, ticks. */
    int64_t ask_price_ticks;
    /* Ask quantity, lots. */
    int64_t ask_qty_lots;
    /* Bid price at this level, ticks. */
    int64_t bid_price_ticks;
    /* Bid quantity, lots. */
    int64_t bid_qty_lots;
};
CORELANE_SIZE(corelane_snapshot_level, 32);
CORELANE_AT(corelane_snapshot_level, ask_price_ticks, 0);
CORELANE_AT(corelane_snapshot_level, ask_qty_lots, 8);
CORELANE_AT(corelane_snapshot_level, bid_price_ticks, 16);
CORELANE_AT(corelane_snapshot_level, bid_qty_lots, 24);

/* Ask for a score. */
struct corelane_signal_request {
    /* Kind 32; instrument and strategy are in the header, ts_recv_ns is the engine time. */
    struct corelane_frame_header header;
    /* Number of the request: rises by one per station, never reused in a session. */
    uint64_t request_id;
    /* Engine time between two snapshots, nanoseconds. */
    uint64_t sample_interval_ns;
    /*
     * Moment from which an answer is of no use, nanoseconds of the host's CLOCK_MONOTONIC, which
     * every process of the box reads alike; 0: none. The bridge writes it into what it sends; the
     * engine's own frame, and so every record, has 0.
     */
    uint64_t expires_mono_ns;
    /* Snapshots that follow: 10. */
    uint16_t snapshots;
    /* Levels a side in each: 10. */
    uint16_t levels;
    /* Zero. */
    uint8_t reserved[4];
    /* Snapshots oldest first, levels best first. */
    struct corelane_snapshot_level window[100];
};
CORELANE_SIZE(corelane_signal_request, 3272);
CORELANE_AT(corelane_signal_request, header, 0);
CORELANE_AT(corelane_signal_request, request_id, 40);
CORELANE_AT(corelane_signal_request, sample_interval_ns, 48);
CORELANE_AT(corelane_signal_request, expires_mono_ns, 56);
CORELANE_AT(corelane_signal_request, snapshots, 64);
CORELANE_AT(corelane_signal_request, levels, 66);
CORELANE_AT(corelane_signal_request, reserved, 68);
CORELANE_AT(corelane_signal_request, window, 72);

/* A score. */
struct corelane_signal_response {
    /* Kind 33; ts_recv_ns is stamped by the bridge with the engine time of arrival. */
    struct corelane_frame_header header;
    /* The request this answers. */
    uint64_t request_id;
    /* First eight bytes of the model file's SHA-256, little-endian. */
    uint64_t model_hash;
    /* Time the server spent in inference for the batch, nanoseconds of its own clock. */
    uint64_t infer_ns;
    /* Score, millionths: up minus down, within -1000000 to 1000000. */
    int32_t score_e6;
    /* Probability of a rise, millionths. */
    uint32_t p_up_e6;
    /* Probability of a fall, millionths. */
    uint32_t p_down_e6;
    /* Model generation: rises by one with every swap, from 1. */
    uint32_t generation;
    /* Requests answered together with this one, itself included. */
    uint16_t batch;
    /* Outcome: '0' ok, 'A' abstain, 'R' refused, 'S' shed, 'E' expired. */
    uint8_t status;
    /* Zero. */
    uint8_t reserved[13];
};
CORELANE_SIZE(corelane_signal_response, 96);
CORELANE_AT(corelane_signal_response, header, 0);
CORELANE_AT(corelane_signal_response, request_id, 40);
CORELANE_AT(corelane_signal_response, model_hash, 48);
CORELANE_AT(corelane_signal_response, infer_ns, 56);
CORELANE_AT(corelane_signal_response, score_e6, 64);
CORELANE_AT(corelane_signal_response, p_up_e6, 68);
CORELANE_AT(corelane_signal_response, p_down_e6, 72);
CORELANE_AT(corelane_signal_response, generation, 76);
CORELANE_AT(corelane_signal_response, batch, 80);
CORELANE_AT(corelane_signal_response, status, 82);
CORELANE_AT(corelane_signal_response, reserved, 83);

/* First frame of the connecting side. */
struct corelane_hello {
    /* Kind 34. */
    struct corelane_frame_header header;
    /* Hash of every layout; see schema_hash. */
    uint64_t schema_hash;
    /* Process id, as the peer says; the kernel's word is checked besides. */
    uint32_t pid;
    /* Wire version. */
    uint16_t wire_version;
    /* Role: 'E', 'S', 'A' or 'C'. */
    uint8_t role;
    /* 1: shared memory is offered, its descriptor comes with this frame; 0: the socket alone. */
    uint8_t shared_memory;
    /* Zero. */
    uint8_t reserved[8];
};
CORELANE_SIZE(corelane_hello, 64);
CORELANE_AT(corelane_hello, header, 0);
CORELANE_AT(corelane_hello, schema_hash, 40);
CORELANE_AT(corelane_hello, pid, 48);
CORELANE_AT(corelane_hello, wire_version, 52);
CORELANE_AT(corelane_hello, role, 54);
CORELANE_AT(corelane_hello, shared_memory, 55);
CORELANE_AT(corelane_hello, reserved, 56);

/* The answer. */
struct corelane_hello_ack {
    /* Kind 35. */
    struct corelane_frame_header header;
    /* Hash of every layout. */
    uint64_t schema_hash;
    /* First eight bytes of the model file's SHA-256; 0 where the role serves no model. */
    uint64_t model_hash;
    /* Process id. */
    uint32_t pid;
    /* Model generation, from 1; 0 where the role serves no model. */
    uint32_t generation;
    /* Wire version. */
    uint16_t wire_version;
    /* Role of the answering side. */
    uint8_t role;
    /* Outcome: '0' accepted, else the reason. */
    uint8_t status;
    /* Back end and provider that are live, UTF-8, zero-padded (tract/cpu). */
    uint8_t backend[48];
    /* 1: requests and answers go through the shared memory offered; 0: through the socket. */
    uint8_t shared_memory;
    /* Zero. */
    uint8_t reserved[11];
};
CORELANE_SIZE(corelane_hello_ack, 128);
CORELANE_AT(corelane_hello_ack, header, 0);
CORELANE_AT(corelane_hello_ack, schema_hash, 40);
CORELANE_AT(corelane_hello_ack, model_hash, 48);
CORELANE_AT(corelane_hello_ack, pid, 56);
CORELANE_AT(corelane_hello_ack, generation, 60);
CORELANE_AT(corelane_hello_ack, wire_version, 64);
CORELANE_AT(corelane_hello_ack, role, 66);
CORELANE_AT(corelane_hello_ack, status, 67);
CORELANE_AT(corelane_hello_ack, backend, 68);
CORELANE_AT(corelane_hello_ack, shared_memory, 116);
CORELANE_AT(corelane_hello_ack, reserved, 117);

/* A wish about a sidecar's model; answered by a ControlReply with JSON text. */
struct corelane_model_command {
    /* Kind 36. */
    struct corelane_frame_header header;
    /* Number of the command, from the sender. */
    uint64_t request_id;
    /* Live requests the model is tried on; 0 none, all ones as many as the sidecar is set to. */
    uint32_t answers;
    /* Action: 'S', 'L' or 'W'. */
    uint8_t action;
    /* Zero. */
    uint8_t reserved[3];
    /* SHA-256 of the manifest, lower-case hex; empty for what current points at. */
    uint8_t address[64];
};
CORELANE_SIZE(corelane_model_command, 120);
CORELANE_AT(corelane_model_command, header, 0);
CORELANE_AT(corelane_model_command, request_id, 40);
CORELANE_AT(corelane_model_command, answers, 48);
CORELANE_AT(corelane_model_command, action, 52);
CORELANE_AT(corelane_model_command, reserved, 53);
CORELANE_AT(corelane_model_command, address, 56);

/* Another model answers from here: every later answer on this connection is of it. */
struct corelane_model_change {
    /* Kind 37. */
    struct corelane_frame_header header;
    /* First eight bytes of the model file's SHA-256, little-endian. */
    uint64_t model_hash;
    /* Model generation: above every one before it on this connection. */
    uint32_t generation;
    /* Zero. */
    uint8_t reserved[4];
    /* Back end and provider that are live, UTF-8, zero-padded (tract/cpu). */
    uint8_t backend[48];
};
CORELANE_SIZE(corelane_model_change, 104);
CORELANE_AT(corelane_model_change, header, 0);
CORELANE_AT(corelane_model_change, model_hash, 40);
CORELANE_AT(corelane_model_change, generation, 48);
CORELANE_AT(corelane_model_change, reserved, 52);
CORELANE_AT(corelane_model_change, backend, 56);

/* Wakes a reader of shared memory that sleeps on its socket. Says nothing else. */
struct corelane_doorbell {
    /* Kind 39. */
    struct corelane_frame_header header;
};
CORELANE_SIZE(corelane_doorbell, 40);
CORELANE_AT(corelane_doorbell, header, 0);

/* One piece of advice. */
struct corelane_advice {
    /* Kind 40; the instrument it concerns, or undefined for all. */
    struct corelane_frame_header header;
    /* Number of the advice: rises per source. */
    uint64_t advice_id;
    /* The tighter value. */
    int64_t value;
    /* Engine time after which the operator's value holds again. */
    uint64_t expires_ns;
    /* Field: 'Q', 'P', 'R', 'C' or 'O'. */
    uint8_t field;
    /* Zero. */
    uint8_t reserved[7];
    /* Stable code of the reason, from the source's own list. */
    uint32_t reason_code;
    /* Source: index of the agent role. */
    uint32_t source;
};
CORELANE_SIZE(corelane_advice, 80);
CORELANE_AT(corelane_advice, header, 0);
CORELANE_AT(corelane_advice, advice_id, 40);
CORELANE_AT(corelane_advice, value, 48);
CORELANE_AT(corelane_advice, expires_ns, 56);
CORELANE_AT(corelane_advice, field, 64);
CORELANE_AT(corelane_advice, reserved, 65);
CORELANE_AT(corelane_advice, reason_code, 72);
CORELANE_AT(corelane_advice, source, 76);

/* A command. */
struct corelane_control {
    /*
     * Kind 48; a halt, resume, flatten or rearm concerns the venue, strategy or instrument named
     * here, or the whole station where none is.
     */
    struct corelane_frame_header header;
    /* Number of the command, from the sender. */
    uint64_t request_id;
    /* Argument of the command. */
    uint64_t argument;
    /* Command. */
    uint8_t command;
    /* Zero. */
    uint8_t reserved[7];
    /* Why, UTF-8, zero-padded; a resume needs one. */
    uint8_t reason[64];
};
CORELANE_SIZE(corelane_control, 128);
CORELANE_AT(corelane_control, header, 0);
CORELANE_AT(corelane_control, request_id, 40);
CORELANE_AT(corelane_control, argument, 48);
CORELANE_AT(corelane_control, command, 56);
CORELANE_AT(corelane_control, reserved, 57);
CORELANE_AT(corelane_control, reason, 64);

/* The answer; text_len bytes of UTF-8 follow (JSON for a status), zero-padded to 8. */
struct corelane_control_reply {
    /* Kind 49. */
    struct corelane_frame_header header;
    /* The command this answers. */
    uint64_t request_id;
    /* Bytes of text that follow. */
    uint32_t text_len;
    /* Outcome: '0', 'R' or 'M'. */
    uint8_t code;
    /* Zero. */
    uint8_t reserved[3];
};
CORELANE_SIZE(corelane_control_reply, 56);
CORELANE_AT(corelane_control_reply, header, 0);
CORELANE_AT(corelane_control_reply, request_id, 40);
CORELANE_AT(corelane_control_reply, text_len, 48);
CORELANE_AT(corelane_control_reply, code, 52);
CORELANE_AT(corelane_control_reply, reserved, 53);

/* A timer came due. Timer inputs are inputs like all others: they are numbered and recorded. */
struct corelane_timer {
    /* Kind 56; ts_recv_ns is the deadline. */
    struct corelane_frame_header header;
    /* When it was due, engine time. */
    uint64_t deadline_ns;
    /* Which timer: the engine's own number. */
    uint32_t timer_id;
    /* Zero. */
    uint8_t reserved[4];
};
CORELANE_SIZE(corelane_timer, 56);
CORELANE_AT(corelane_timer, header, 0);
CORELANE_AT(corelane_timer, deadline_ns, 40);
CORELANE_AT(corelane_timer, timer_id, 48);
CORELANE_AT(corelane_timer, reserved, 52);

/* The mode changed. */
struct corelane_mode_change {
    /* Kind 57. */
    struct corelane_frame_header header;
    /* Mode before. */
    uint8_t from;
    /* Mode after. */
    uint8_t to;
    /* Kind of the input frame that caused it, lower byte. */
    uint8_t cause_kind;
    /* Zero. */
    uint8_t reserved[5];
};
CORELANE_SIZE(corelane_mode_change, 48);
CORELANE_AT(corelane_mode_change, header, 0);
CORELANE_AT(corelane_mode_change, from, 40);
CORELANE_AT(corelane_mode_change, to, 41);
CORELANE_AT(corelane_mode_change, cause_kind, 42);
CORELANE_AT(corelane_mode_change, reserved, 43);

/* A session begins: the first frame of a record after its instrument table. */
struct corelane_session_start {
    /* Kind 58. */
    struct corelane_frame_header header;
    /* Session epoch: upper half of every client order id. */
    uint64_t epoch;
    /* Hash of every layout. */
    uint64_t schema_hash;
    /* First eight bytes of the SHA-256 of the effective configuration. */
    uint64_t config_hash;
    /* First eight bytes of the SHA-256 of the recording; 0 for a live feed. */
    uint64_t data_hash;
    /* First eight bytes of the hash of the doctor's report on the host; 0 where none was made. */
    uint64_t host_hash;
    /* Instruments in the table. */
    uint32_t instruments;
    /* Strategies. */
    uint32_t strategies;
};
CORELANE_SIZE(corelane_session_start, 88);
CORELANE_AT(corelane_session_start, header, 0);
CORELANE_AT(corelane_session_start, epoch, 40);
CORELANE_AT(corelane_session_start, schema_hash, 48);
CORELANE_AT(corelane_session_start, config_hash, 56);
CORELANE_AT(corelane_session_start, data_hash, 64);
CORELANE_AT(corelane_session_start, host_hash, 72);
CORELANE_AT(corelane_session_start, instruments, 80);
CORELANE_AT(corelane_session_start, strategies, 84);

/* A session ends: the last frame of a record. */
struct corelane_session_end {
    /* Kind 59. */
    struct corelane_frame_header header;
    /* Inputs the engine took. */
    uint64_t inputs;
    /* Frames the engine gave out. */
    uint64_t outputs;
    /* Hash of the engine's whole state. */
    uint64_t state_hash;
};
CORELANE_SIZE(corelane_session_end, 64);
CORELANE_AT(corelane_session_end, header, 0);
CORELANE_AT(corelane_session_end, inputs, 40);
CORELANE_AT(corelane_session_end, outputs, 48);
CORELANE_AT(corelane_session_end, state_hash, 56);

/* Head of the counters page. */
struct corelane_counters_header {
    /* CLCNTRS1. */
    uint64_t magic;
    /* Process id of the engine. */
    uint64_t pid;
    /* Start of the session, wall clock, nanoseconds since the UNIX epoch. */
    uint64_t start_ns;
    /* Counters that follow. */
    uint32_t count;
    /* Wire version. */
    uint32_t wire_version;
    /* Zero. */
    uint8_t reserved[32];
};
CORELANE_SIZE(corelane_counters_header, 64);
CORELANE_AT(corelane_counters_header, magic, 0);
CORELANE_AT(corelane_counters_header, pid, 8);
CORELANE_AT(corelane_counters_header, start_ns, 16);
CORELANE_AT(corelane_counters_header, count, 24);
CORELANE_AT(corelane_counters_header, wire_version, 28);
CORELANE_AT(corelane_counters_header, reserved, 32);

/*
 * A parent order began or ended. It never leaves the station: its slices do, as orders that name
 * it.
 */
struct corelane_parent_order {
    /* Kind 21. */
    struct corelane_frame_header header;
    /* First slice not before, engine time. */
    uint64_t start_ns;
    /* Last slice not after, engine time. */
    uint64_t end_ns;
    /* Worst price of any slice, ticks. */
    int64_t limit_px_ticks;
    /* Whole quantity, lots. */
    int64_t qty_lots;
    /* Filled so far, lots. */
    int64_t cum_qty_lots;
    /* Still working, in flight or unknown, lots. */
    int64_t working_lots;
    /* Number of the parent, from 1. */
    uint32_t parent_id;
    /* Slices planned. */
    uint32_t slices;
    /* Side (54). */
    uint8_t side;
    /* Style: 'T' or 'V'. */
    uint8_t style;
    /* State. */
    uint8_t state;
    /* Zero. */
    uint8_t reserved[13];
};
CORELANE_SIZE(corelane_parent_order, 112);
CORELANE_AT(corelane_parent_order, header, 0);
CORELANE_AT(corelane_parent_order, start_ns, 40);
CORELANE_AT(corelane_parent_order, end_ns, 48);
CORELANE_AT(corelane_parent_order, limit_px_ticks, 56);
CORELANE_AT(corelane_parent_order, qty_lots, 64);
CORELANE_AT(corelane_parent_order, cum_qty_lots, 72);
CORELANE_AT(corelane_parent_order, working_lots, 80);
CORELANE_AT(corelane_parent_order, parent_id, 88);
CORELANE_AT(corelane_parent_order, slices, 92);
CORELANE_AT(corelane_parent_order, side, 96);
CORELANE_AT(corelane_parent_order, style, 97);
CORELANE_AT(corelane_parent_order, state, 98);
CORELANE_AT(corelane_parent_order, reserved, 99);

/* Asks for everything open at the venue (FIX AF). */
struct corelane_mass_status_request {
    /* Kind 19. */
    struct corelane_frame_header header;
    /* Number of the request (584): rises from 1. */
    uint32_t mass_status_id;
    /* Zero. */
    uint8_t reserved[4];
};
CORELANE_SIZE(corelane_mass_status_request, 48);
CORELANE_AT(corelane_mass_status_request, header, 0);
CORELANE_AT(corelane_mass_status_request, mass_status_id, 40);
CORELANE_AT(corelane_mass_status_request, reserved, 44);

/* Asks for one order (FIX H). */
struct corelane_order_status_request {
    /* Kind 20. */
    struct corelane_frame_header header;
    /* The order (11). */
    uint64_t cl_ord_id;
    /* The venue's order id (37); undefined before the venue gave one. */
    uint64_t order_id;
};
CORELANE_SIZE(corelane_order_status_request, 56);
CORELANE_AT(corelane_order_status_request, header, 0);
CORELANE_AT(corelane_order_status_request, cl_ord_id, 40);
CORELANE_AT(corelane_order_status_request, order_id, 48);

/* The venue's view of one order: an answer to a mass status or a status request. */
struct corelane_order_status_report {
    /* Kind 27; ts_event_ns is the venue's time of the answer. */
    struct corelane_frame_header header;
    /* Client order id (11), as the venue has it; undefined where it has none. */
    uint64_t cl_ord_id;
    /* The venue's order id (37); undefined where it knows no such order. */
    uint64_t order_id;
    /* Limit price (44), ticks; undefined for an order without one. */
    int64_t price_ticks;
    /* Order quantity (38), lots. */
    int64_t qty_lots;
    /* Filled so far (14), lots. */
    int64_t cum_qty_lots;
    /* Still working (151), lots. */
    int64_t leaves_qty_lots;
    /* The mass status it belongs to (584); 0 for the answer to a status request. */
    uint32_t mass_status_id;
    /* Order state (39); 'U' where the venue knows no such order. */
    uint8_t ord_status;
    /* Side (54). */
    uint8_t side;
    /* Type (40). */
    uint8_t ord_type;
    /* Time in force (59). */
    uint8_t time_in_force;
    /* Zero. */
    uint8_t reserved[8];
};
CORELANE_SIZE(corelane_order_status_report, 104);
CORELANE_AT(corelane_order_status_report, header, 0);
CORELANE_AT(corelane_order_status_report, cl_ord_id, 40);
CORELANE_AT(corelane_order_status_report, order_id, 48);
CORELANE_AT(corelane_order_status_report, price_ticks, 56);
CORELANE_AT(corelane_order_status_report, qty_lots, 64);
CORELANE_AT(corelane_order_status_report, cum_qty_lots, 72);
CORELANE_AT(corelane_order_status_report, leaves_qty_lots, 80);
CORELANE_AT(corelane_order_status_report, mass_status_id, 88);
CORELANE_AT(corelane_order_status_report, ord_status, 92);
CORELANE_AT(corelane_order_status_report, side, 93);
CORELANE_AT(corelane_order_status_report, ord_type, 94);
CORELANE_AT(corelane_order_status_report, time_in_force, 95);
CORELANE_AT(corelane_order_status_report, reserved, 96);

/* The venue's view of one instrument's position (FIX AP). */
struct corelane_position_report {
    /* Kind 28. */
    struct corelane_frame_header header;
    /* Signed position, lots. */
    int64_t position_lots;
    /* Average price of the position, ticks; undefined when flat or not told. */
    int64_t avg_px_ticks;
    /* Free balance the venue would let us use, billionths of the quote currency. */
    int64_t balance_e9;
    /* Fills the venue has reported for the instrument in this session. */
    uint64_t fills;
    /* The mass status it belongs to (584). */
    uint32_t mass_status_id;
    /* Zero. */
    uint8_t reserved[4];
};
CORELANE_SIZE(corelane_position_report, 80);
CORELANE_AT(corelane_position_report, header, 0);
CORELANE_AT(corelane_position_report, position_lots, 40);
CORELANE_AT(corelane_position_report, avg_px_ticks, 48);
CORELANE_AT(corelane_position_report, balance_e9, 56);
CORELANE_AT(corelane_position_report, fills, 64);
CORELANE_AT(corelane_position_report, mass_status_id, 72);
CORELANE_AT(corelane_position_report, reserved, 76);

/* The mass status is complete. */
struct corelane_mass_status_end {
    /* Kind 29. */
    struct corelane_frame_header header;
    /* Number of the request (584). */
    uint32_t mass_status_id;
    /* Order status reports sent for it (911). */
    uint32_t orders;
    /* Position reports sent for it. */
    uint32_t positions;
    /* Zero. */
    uint8_t reserved[4];
};
CORELANE_SIZE(corelane_mass_status_end, 56);
CORELANE_AT(corelane_mass_status_end, header, 0);
CORELANE_AT(corelane_mass_status_end, mass_status_id, 40);
CORELANE_AT(corelane_mass_status_end, orders, 44);
CORELANE_AT(corelane_mass_status_end, positions, 48);
CORELANE_AT(corelane_mass_status_end, reserved, 52);

/* The order session with a venue came up or went down. */
struct corelane_venue_session {
    /* Kind 30; the venue is in the header. */
    struct corelane_frame_header header;
    /* 'U' up, 'D' down. */
    uint8_t state;
    /* 1 where the venue cancels what works when the session goes down. */
    uint8_t cancels_on_disconnect;
    /* Zero. */
    uint8_t reserved[6];
};
CORELANE_SIZE(corelane_venue_session, 48);
CORELANE_AT(corelane_venue_session, header, 0);
CORELANE_AT(corelane_venue_session, state, 40);
CORELANE_AT(corelane_venue_session, cancels_on_disconnect, 41);
CORELANE_AT(corelane_venue_session, reserved, 42);

/* A figure the checks need from outside. */
struct corelane_risk_input {
    /* Kind 41; instrument, strategy or venue as the field needs. */
    struct corelane_frame_header header;
    /* The figure, in the field's unit. */
    int64_t value;
    /* Field. */
    uint8_t field;
    /* Zero. */
    uint8_t reserved[7];
};
CORELANE_SIZE(corelane_risk_input, 56);
CORELANE_AT(corelane_risk_input, header, 0);
CORELANE_AT(corelane_risk_input, value, 40);
CORELANE_AT(corelane_risk_input, field, 48);
CORELANE_AT(corelane_risk_input, reserved, 49);

/* One limit becomes another value. */
struct corelane_limit_change {
    /* Kind 50; instrument, strategy or venue as the scope needs. */
    struct corelane_frame_header header;
    /* The new value, in the field's unit. */
    int64_t value;
    /* Number of the change, from the sender. */
    uint64_t change_id;
    /* Field. */
    uint16_t field;
    /* Scope: 'F', 'V', 'S' or 'Y'. */
    uint8_t scope;
    /* Source: 'R' run time, 'E' part of an epoch. */
    uint8_t source;
    /* Zero. */
    uint8_t reserved[4];
};
CORELANE_SIZE(corelane_limit_change, 64);
CORELANE_AT(corelane_limit_change, header, 0);
CORELANE_AT(corelane_limit_change, value, 40);
CORELANE_AT(corelane_limit_change, change_id, 48);
CORELANE_AT(corelane_limit_change, field, 56);
CORELANE_AT(corelane_limit_change, scope, 58);
CORELANE_AT(corelane_limit_change, source, 59);
CORELANE_AT(corelane_limit_change, reserved, 60);

/* A limits file, identified. */
struct corelane_limits_epoch {
    /* Kind 51. */
    struct corelane_frame_header header;
    /* Epoch: rises with every file. */
    uint64_t epoch;
    /* SHA-256 of the file, lower-case hex. */
    uint8_t sha256[64];
    /* Stage: 'B', 'C' or 'R'. */
    uint8_t stage;
    /* Zero. */
    uint8_t reserved[7];
};
CORELANE_SIZE(corelane_limits_epoch, 120);
CORELANE_AT(corelane_limits_epoch, header, 0);
CORELANE_AT(corelane_limits_epoch, epoch, 40);
CORELANE_AT(corelane_limits_epoch, sha256, 48);
CORELANE_AT(corelane_limits_epoch, stage, 112);
CORELANE_AT(corelane_limits_epoch, reserved, 113);

/* Something an operator must know. */
struct corelane_alarm {
    /* Kind 60; instrument, strategy and venue as far as they are concerned. */
    struct corelane_frame_header header;
    /* The order concerned; undefined where there is none. */
    uint64_t cl_ord_id;
    /* The limit or our view, in the alarm's unit. */
    int64_t limit;
    /* What was found. */
    int64_t actual;
    /* Code. */
    uint8_t code;
    /* Zero. */
    uint8_t reserved[7];
};
CORELANE_SIZE(corelane_alarm, 72);
CORELANE_AT(corelane_alarm, header, 0);
CORELANE_AT(corelane_alarm, cl_ord_id, 40);
CORELANE_AT(corelane_alarm, limit, 48);
CORELANE_AT(corelane_alarm, actual, 56);
CORELANE_AT(corelane_alarm, code, 64);
CORELANE_AT(corelane_alarm, reserved, 65);

/* A kill switch moved, or the cancels it caused are settled. */
struct corelane_kill_report {
    /* Kind 61; instrument, strategy or venue as the scope needs. */
    struct corelane_frame_header header;
    /* Worst-case gross exposure left in the scope, billionths of the base currency. */
    int64_t residual_e9;
    /* Orders that are not done. */
    uint32_t working;
    /* Orders whose state is unknown. */
    uint32_t unknown;
    /* Cancels sent for this kill so far. */
    uint32_t cancels;
    /* Instruments with a position that is not flat. */
    uint32_t positions;
    /* Scope. */
    uint8_t scope;
    /* Cause. */
    uint8_t cause;
    /* Stage. */
    uint8_t stage;
    /* Zero. */
    uint8_t reserved[13];
};
CORELANE_SIZE(corelane_kill_report, 80);
CORELANE_AT(corelane_kill_report, header, 0);
CORELANE_AT(corelane_kill_report, residual_e9, 40);
CORELANE_AT(corelane_kill_report, working, 48);
CORELANE_AT(corelane_kill_report, unknown, 52);
CORELANE_AT(corelane_kill_report, cancels, 56);
CORELANE_AT(corelane_kill_report, positions, 60);
CORELANE_AT(corelane_kill_report, scope, 64);
CORELANE_AT(corelane_kill_report, cause, 65);
CORELANE_AT(corelane_kill_report, stage, 66);
CORELANE_AT(corelane_kill_report, reserved, 67);

/* Head of a segment file. */
struct corelane_journal_segment {
    /* CLJSEG1 and a line feed. */
    uint64_t magic;
    /* 1. */
    uint32_t version;
    /* Bytes of this head: 256. */
    uint32_t header_bytes;
    /* Random, drawn once a session: which journal the segment belongs to. */
    uint8_t instance[16];
    /* Number of the segment, from 1. */
    uint64_t segment;
    /* Sequence of its first record. */
    uint64_t first_seq;
    /* Number its first frame has among all frames of the journal, from 1. */
    uint64_t first_frame;
    /* When it was begun, monotonic clock of the host, nanoseconds. */
    uint64_t mono_ns;
    /* When it was begun, wall clock. */
    uint64_t utc_ns;
    /* Bytes the file was given before its first record. */
    uint64_t capacity_bytes;
    /* Hash of every wire layout. */
    uint64_t schema_hash;
    /* Session epoch: upper half of every client order id. */
    uint64_t epoch;
    /* Chain head after the segment before; of the first, the genesis of the instance. */
    uint8_t prev_head[32];
    /* Zero. */
    uint8_t reserved[120];
    /* CRC-32C of the bytes before this field. */
    uint32_t crc32c;
    /* Zero. */
    uint8_t reserved_end[4];
};
CORELANE_SIZE(corelane_journal_segment, 256);
CORELANE_AT(corelane_journal_segment, magic, 0);
CORELANE_AT(corelane_journal_segment, version, 8);
CORELANE_AT(corelane_journal_segment, header_bytes, 12);
CORELANE_AT(corelane_journal_segment, instance, 16);
CORELANE_AT(corelane_journal_segment, segment, 32);
CORELANE_AT(corelane_journal_segment, first_seq, 40);
CORELANE_AT(corelane_journal_segment, first_frame, 48);
CORELANE_AT(corelane_journal_segment, mono_ns, 56);
CORELANE_AT(corelane_journal_segment, utc_ns, 64);
CORELANE_AT(corelane_journal_segment, capacity_bytes, 72);
CORELANE_AT(corelane_journal_segment, schema_hash, 80);
CORELANE_AT(corelane_journal_segment, epoch, 88);
CORELANE_AT(corelane_journal_segment, prev_head, 96);
CORELANE_AT(corelane_journal_segment, reserved, 128);
CORELANE_AT(corelane_journal_segment, crc32c, 248);
CORELANE_AT(corelane_journal_segment, reserved_end, 252);

/* Head of a record; the payload follows. */
struct corelane_journal_record {
    /* CLR1. */
    uint32_t magic;
    /* CRC-32C of this head with a zero in this place, and of the payload. */
    uint32_t crc32c;
    /* Bytes of payload, a multiple of 8, at most the largest frame. */
    uint32_t len_bytes;
    /* 1. */
    uint8_t version;
    /* RecordKind. */
    uint8_t kind;
    /* Zero. */
    uint8_t reserved[2];
    /* First half of the instance. */
    uint8_t instance[8];
    /* Number of the segment it stands in. */
    uint64_t segment;
    /* Its number among all records of the journal, from 1, without a hole. */
    uint64_t seq;
    /*
     * When the loop wrote it to the tape, monotonic clock of the host, nanoseconds; of the
     * journal's own records, when they were written.
     */
    uint64_t mono_ns;
    /* The same moment by the wall clock. */
    uint64_t utc_ns;
};
CORELANE_SIZE(corelane_journal_record, 56);
CORELANE_AT(corelane_journal_record, magic, 0);
CORELANE_AT(corelane_journal_record, crc32c, 4);
CORELANE_AT(corelane_journal_record, len_bytes, 8);
CORELANE_AT(corelane_journal_record, version, 12);
CORELANE_AT(corelane_journal_record, kind, 13);
CORELANE_AT(corelane_journal_record, reserved, 14);
CORELANE_AT(corelane_journal_record, instance, 16);
CORELANE_AT(corelane_journal_record, segment, 24);
CORELANE_AT(corelane_journal_record, seq, 32);
CORELANE_AT(corelane_journal_record, mono_ns, 40);
CORELANE_AT(corelane_journal_record, utc_ns, 48);

/* Payload of a synced record. */
struct corelane_journal_synced {
    /* Every record up to this sequence was on the disk when this one was written. */
    uint64_t seq;
};
CORELANE_SIZE(corelane_journal_synced, 8);
CORELANE_AT(corelane_journal_synced, seq, 0);

/* Payload of a seal. */
struct corelane_journal_seal {
    /* Frames in the journal up to here. */
    uint64_t frames;
    /* Number of the segment that follows; 0 where the journal ends here in good order. */
    uint64_t next_segment;
};
CORELANE_SIZE(corelane_journal_seal, 16);
CORELANE_AT(corelane_journal_seal, frames, 0);
CORELANE_AT(corelane_journal_seal, next_segment, 8);

/* Payload of a recovered record. */
struct corelane_journal_recovered {
    /* Frames the journal held when it was opened again. */
    uint64_t frames;
    /* Bytes that were cut from its end and kept aside. */
    uint64_t cut_bytes;
    /* Frames the tape gave back; they follow. */
    uint64_t from_tape;
};
CORELANE_SIZE(corelane_journal_recovered, 24);
CORELANE_AT(corelane_journal_recovered, frames, 0);
CORELANE_AT(corelane_journal_recovered, cut_bytes, 8);
CORELANE_AT(corelane_journal_recovered, from_tape, 16);

/* What the notary signs: so many records, this chain head. */
struct corelane_journal_checkpoint {
    /* CLCHKPT1. */
    uint64_t magic;
    /* The journal's instance. */
    uint8_t instance[16];
    /* Number of the checkpoint, from 1, without a hole. */
    uint64_t number;
    /* Segment the last covered record stands in. */
    uint64_t segment;
    /* Sequence of the last covered record: the journal's size in records. */
    uint64_t seq;
    /* Bytes of the segment up to the end of that record. */
    uint64_t segment_bytes;
    /* Chain head after that record. */
    uint8_t head[32];
    /* When it was signed, wall clock. */
    uint64_t utc_ns;
    /* SHA-256 of the checkpoint before, signature included; zeros before the first. */
    uint8_t prev_checkpoint[32];
    /* First eight bytes of the SHA-256 of the public key. */
    uint8_t key_id[8];
    /* Zero. */
    uint8_t reserved[8];
    /* Ed25519 over the bytes before this field. */
    uint8_t signature[64];
};
CORELANE_SIZE(corelane_journal_checkpoint, 208);
CORELANE_AT(corelane_journal_checkpoint, magic, 0);
CORELANE_AT(corelane_journal_checkpoint, instance, 8);
CORELANE_AT(corelane_journal_checkpoint, number, 24);
CORELANE_AT(corelane_journal_checkpoint, segment, 32);
CORELANE_AT(corelane_journal_checkpoint, seq, 40);
CORELANE_AT(corelane_journal_checkpoint, segment_bytes, 48);
CORELANE_AT(corelane_journal_checkpoint, head, 56);
CORELANE_AT(corelane_journal_checkpoint, utc_ns, 88);
CORELANE_AT(corelane_journal_checkpoint, prev_checkpoint, 96);
CORELANE_AT(corelane_journal_checkpoint, key_id, 128);
CORELANE_AT(corelane_journal_checkpoint, reserved, 136);
CORELANE_AT(corelane_journal_checkpoint, signature, 144);

/*
 * Head of a snapshot: the engine's whole state after a frame of the journal. The state's words
 * follow, 8 bytes each, little-endian, in the order in which the engine feeds them to its state
 * hash; nothing follows them.
 */
struct corelane_journal_snapshot {
    /* CLSNAP1 and a line feed. */
    uint64_t magic;
    /* 1. */
    uint32_t version;
    /* Bytes of this head: 160. */
    uint32_t header_bytes;
    /* The journal's instance. */
    uint8_t instance[16];
    /* Segment at whose end it was taken. */
    uint64_t segment;
    /* Sequence of the record it stands after. */
    uint64_t seq;
    /* Number of the frame it stands after. */
    uint64_t frame;
    /* Segment the next frame stands in: from there the journal is read. */
    uint64_t tail_segment;
    /*
     * SHA-256 of that segment up to the end of the frame it stands after, of its head alone where
     * that frame stands before it: the history the state came from.
     */
    uint8_t tail_head[32];
    /* First eight bytes of the SHA-256 of the effective configuration, as in the session start. */
    uint64_t config_hash;
    /* Hash of every wire layout. */
    uint64_t schema_hash;
    /* The engine's state hash. */
    uint64_t state_hash;
    /* Words that follow. */
    uint64_t words;
    /* Zero. */
    uint8_t reserved[28];
    /* CRC-32C of the bytes before this field, and of the words. */
    uint32_t crc32c;
};
CORELANE_SIZE(corelane_journal_snapshot, 160);
CORELANE_AT(corelane_journal_snapshot, magic, 0);
CORELANE_AT(corelane_journal_snapshot, version, 8);
CORELANE_AT(corelane_journal_snapshot, header_bytes, 12);
CORELANE_AT(corelane_journal_snapshot, instance, 16);
CORELANE_AT(corelane_journal_snapshot, segment, 32);
CORELANE_AT(corelane_journal_snapshot, seq, 40);
CORELANE_AT(corelane_journal_snapshot, frame, 48);
CORELANE_AT(corelane_journal_snapshot, tail_segment, 56);
CORELANE_AT(corelane_journal_snapshot, tail_head, 64);
CORELANE_AT(corelane_journal_snapshot, config_hash, 96);
CORELANE_AT(corelane_journal_snapshot, schema_hash, 104);
CORELANE_AT(corelane_journal_snapshot, state_hash, 112);
CORELANE_AT(corelane_journal_snapshot, words, 120);
CORELANE_AT(corelane_journal_snapshot, reserved, 128);
CORELANE_AT(corelane_journal_snapshot, crc32c, 156);

#endif /* CORELANE_H */
