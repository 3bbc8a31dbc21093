"""The wire format of Corelane in Python: decode, check and encode every frame. Standard library
only, Python 3.10 or later.

    import corelane_wire as wire

    for frame in wire.frames(open("frames.bin", "rb").read()):
        if isinstance(frame, wire.Trade):
            print(frame.header.instrument_id, frame.price_ticks, frame.qty_lots)

`decode` checks what Rust's decoder checks, in the same order, and raises `WireError` with the same
code. A field `*_UNDEF` names is not known. Prices are ticks, quantities lots: integers, never
floats; the `Instrument` frame says what one is worth.

The part between the markers is generated from the Rust definitions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, NamedTuple, cast

_Bytes = bytes | bytearray | memoryview
#: A check of a field: it, the field's name, what else it needs.
_Rule = tuple[Callable[[int, dict[str, Any], str, Any], None], str, Any]


class WireError(ValueError):
    """Bytes that are no frame, or a frame that must not be sent.

    `code` is the name of Rust's `DecodeError`, `value` its number: the version, the kind, or the
    byte offset of the field.
    """

    def __init__(self, code: str, value: int | None = None):
        super().__init__(code if value is None else f"{code}({value})")
        self.code = code
        self.value = value


class _Code(IntEnum):
    """A code: its number as it stands on the wire, and `text` as files and reports print it."""

    text: str

    def __new__(cls, value: int, text: str) -> _Code:
        code = int.__new__(cls, value)
        code._value_ = value
        code.text = text
        return code


class Frame:
    """A frame of any kind. The first field of each is `header`."""

    header: FrameHeader

    @property
    def kind(self) -> FrameKind:
        """The kind of the frame."""
        return _KINDS[type(self)]

    def encode(self) -> bytes:
        """The frame's bytes. Kind, version, length and counts are set here.

        Raises `WireError` where a field holds what the decoder would refuse.
        """
        data = _encode(self, _LAYOUTS[self.kind])
        decode(data)
        return data


def header(kind: FrameKind, **known: int) -> FrameHeader:
    """A header with everything undefined but what is given; `encode` sets the length."""
    return FrameHeader(
        **{
            "len_bytes": 0,
            "kind": kind,
            "version": WIRE_VERSION,
            "flags": 0,
            "instrument_id": INSTRUMENT_ID_UNDEF,
            "venue_id": VENUE_ID_UNDEF,
            "strategy_id": STRATEGY_ID_UNDEF,
            "seq": 0,
            "ts_event_ns": TS_NS_UNDEF,
            "ts_recv_ns": TS_NS_UNDEF,
            **known,
        }
    )


def decode(data: _Bytes) -> Frame:
    """Decodes exactly one frame. Raises `WireError` where anything in it is not right."""
    head = _header(data)
    if len(data) < head.len_bytes:
        raise WireError("Truncated")
    if len(data) > head.len_bytes:
        raise WireError("BadLength")
    layout = _LAYOUTS.get(cast(FrameKind, head.kind))
    if layout is None:
        raise WireError("UnknownKind", head.kind)
    has_levels = layout.cls in (DepthDelta, BookSnapshot)
    flags = (FLAG_FIRST | FLAG_LAST) if has_levels else 0
    if layout.cls is DepthDelta:
        flags |= FLAG_ORDER
    if head.flags & ~flags:
        raise WireError("BadValue", 7)
    if len(data) < layout.size or (len(data) > layout.size and not layout.has_tail):
        raise WireError("BadLength")
    values = layout.unpack(data)
    for check, name, argument in layout.rules:
        check(layout.offsets[name], values, name, argument)
    if has_levels:
        _decode_levels(data, layout, values)
    elif layout.cls is ControlReply:
        _decode_text(data, layout, values)
    return layout.build(head, values)


def frames(data: _Bytes) -> Iterator[Frame]:
    """Decodes frames that stand one after the other."""
    view = memoryview(data)
    while view:
        length = _header(view).len_bytes
        yield decode(view[:length])
        view = view[length:]


def signal_input(request: SignalRequest) -> list[int] | None:
    """The model's integer input of a request, row by row, oldest first; each row is ask price,
    ask quantity, bid price, bid quantity from the best level down. A price is its distance from
    the newest mid in billionths of it, a quantity is lots.

    None where the newest mid is not positive or a product leaves 64 bits. The same numbers as
    Rust's `input_window`, which training uses.
    """
    newest = request.window[(SIGNAL_WINDOW - 1) * SIGNAL_DEPTH]
    mid_x2 = newest.bid_price_ticks + newest.ask_price_ticks
    if not 0 < mid_x2 <= _I64_MAX:
        return None
    row: list[int] = []
    for level in request.window:
        for price, qty in (
            (level.ask_price_ticks, level.ask_qty_lots),
            (level.bid_price_ticks, level.bid_qty_lots),
        ):
            steps = (2 * price, 2 * price - mid_x2, (2 * price - mid_x2) * OFFSET_SCALE)
            if not all(-_I64_MAX - 1 <= step <= _I64_MAX for step in steps):
                return None
            # Rust's division cuts toward zero, Python's goes down.
            offset = abs(steps[2]) // mid_x2
            row += (offset if steps[2] >= 0 else -offset, qty)
    return row


def counters(page: bytes) -> dict[str, int]:
    """The counters of a running station by name, from the bytes of its counters page."""
    head = struct.Struct("<QQQII32x")
    if len(page) < head.size:
        raise WireError("Truncated")
    magic, _pid, _start_ns, count, version = head.unpack_from(page)
    if magic != COUNTERS_MAGIC:
        raise WireError("BadValue", 0)
    if version != WIRE_VERSION:
        raise WireError("BadVersion", version)
    if len(page) < head.size + 8 * count:
        raise WireError("Truncated")
    slots = struct.unpack_from(f"<{count}Q", page, head.size)
    return {counter.text: slots[counter] for counter in Counter if counter < count}


_I64_MAX = (1 << 63) - 1
_HEADER = struct.Struct("<IHBBIHHQQQ")
_LEVEL = struct.Struct("<qq")


def _header(data: _Bytes) -> FrameHeader:
    if len(data) < HEADER_BYTES:
        raise WireError("Truncated")
    head = FrameHeader(*_HEADER.unpack_from(data))
    if head.version != WIRE_VERSION:
        raise WireError("BadVersion", head.version)
    if head.len_bytes % 8 or not HEADER_BYTES <= head.len_bytes <= MAX_FRAME_BYTES:
        raise WireError("BadLength")
    return head


def _decode_levels(data: _Bytes, layout: _Layout, values: dict[str, Any]) -> None:
    bid_count, ask_count = values["bid_count"], values["ask_count"]
    if len(data) != layout.size + _LEVEL.size * (bid_count + ask_count):
        raise WireError("BadLength")
    levels = tuple(Level(*pair) for pair in _LEVEL.iter_unpack(data[layout.size :]))
    for index, level in enumerate(levels):
        if level.qty_lots < 0 or level.price_ticks == PRICE_TICKS_UNDEF:
            raise WireError("BadValue", min(layout.size + index * _LEVEL.size, 0xFFFF))
    values["bids"], values["asks"] = levels[:bid_count], levels[bid_count:]


def _decode_text(data: _Bytes, layout: _Layout, values: dict[str, Any]) -> None:
    tail, length = bytes(data[layout.size :]), values["text_len"]
    if length > len(tail):
        raise WireError("BadLength")
    if len(tail) - length >= 8:
        raise WireError("BadValue", layout.offsets["text_len"])
    if any(tail[length:]):
        raise WireError("ReservedNotZero", layout.offsets["text_len"])
    try:
        values["text"] = tail[:length].decode()
    except UnicodeDecodeError:
        raise WireError("BadValue", layout.size) from None


def _encode(frame: Frame, layout: _Layout) -> bytes:
    values = {field.name: getattr(frame, field.name) for field in fields(cast(Any, frame))}
    tail = b""
    if layout.cls in (DepthDelta, BookSnapshot):
        values["bid_count"], values["ask_count"] = len(values["bids"]), len(values["asks"])
        tail = b"".join(_LEVEL.pack(*level) for level in (*values["bids"], *values["asks"]))
    elif layout.cls is ControlReply:
        tail = values["text"].encode()
        values["text_len"] = len(tail)
        tail += bytes(-len(tail) % 8)
    head = frame.header._replace(
        len_bytes=layout.size + len(tail), kind=frame.kind, version=WIRE_VERSION
    )
    cells: list[Any] = list(head)
    for field in layout.fields:
        value = values.get(field.name, b"")
        if field.cell:
            cells += (number for item in value for number in item)
        elif isinstance(value, str):
            encoded = value.encode()
            if len(encoded) > struct.calcsize(field.format):
                raise WireError("BadValue", field.offset)
            cells.append(encoded)
        else:
            cells.append(value)
    try:
        return layout.struct.pack(*cells) + tail
    except struct.error as error:
        raise WireError(f"BadValue: {error}") from None


class _Field(NamedTuple):
    """A field: its place, its struct format, and for an array the class and count of its items."""

    name: str
    offset: int
    format: str
    cell: tuple[type[Any], int] | None


class _Layout:
    """How the fixed part of one kind stands in memory, and what its fields may be."""

    def __init__(self, cls: type[Frame], fields: tuple[_Field, ...], rules: tuple[_Rule, ...]):
        self.cls = cls
        self.fields = fields
        self.rules = rules
        self.offsets = {field.name: field.offset for field in fields}
        self.struct = struct.Struct(
            _HEADER.format + "".join(f.format * (f.cell[1] if f.cell else 1) for f in fields)
        )
        self.size = self.struct.size
        self.has_tail = cls in (DepthDelta, BookSnapshot, ControlReply)

    def unpack(self, data: _Bytes) -> dict[str, Any]:
        """The fields as they stand, bytes still bytes."""
        raw = self.struct.unpack_from(data)[len(FrameHeader._fields) :]
        values: dict[str, Any] = {}
        at = 0
        for field in self.fields:
            if field.cell:
                cls, count = field.cell
                width = len(cls._fields)
                cells = raw[at : at + width * count]
                values[field.name] = tuple(
                    cls(*cells[i : i + width]) for i in range(0, len(cells), width)
                )
                at += width * count
            else:
                values[field.name] = raw[at]
                at += 1
        return values

    def build(self, head: FrameHeader, values: dict[str, Any]) -> Frame:
        """The frame of checked values: what was bytes becomes text."""
        values["header"] = head
        known = {}
        for field in fields(cast(Any, self.cls)):
            value = values[field.name]
            known[field.name] = (
                value.split(b"\0", 1)[0].decode() if isinstance(value, bytes) else value
            )
        return self.cls(**known)


def _code(offset: int, values: dict[str, Any], name: str, code: type[_Code]) -> None:
    if values[name] not in code._value2member_map_:
        raise WireError("BadValue", offset)


def _range(offset: int, values: dict[str, Any], name: str, bounds: tuple[int, int]) -> None:
    if not bounds[0] <= values[name] <= bounds[1]:
        raise WireError("BadValue", offset)


def _zero(offset: int, values: dict[str, Any], name: str, _: None) -> None:
    if any(values[name]):
        raise WireError("ReservedNotZero", offset)


def _text(offset: int, values: dict[str, Any], name: str, _: None) -> None:
    text, _, padding = values[name].partition(b"\0")
    try:
        text.decode()
    except UnicodeDecodeError:
        raise WireError("BadValue", offset) from None
    if any(padding):
        raise WireError("BadValue", offset)


def _that(offset: int, values: dict[str, Any], _: str, holds: Callable[[dict[str, Any]], bool]) -> None:
    if not holds(values):
        raise WireError("BadValue", offset)


def _instrument_symbol(values: dict[str, Any]) -> bool:
    return bool(values["symbol"][0] != 0)


def _instrument_max_qty_lots(values: dict[str, Any]) -> bool:
    return bool(values["max_qty_lots"] >= values["min_qty_lots"])


def _denied_primary(values: dict[str, Any]) -> bool:
    mask = values["mask"]
    return bool(mask != 0 and values["primary"] == (mask & -mask).bit_length() - 1)


# BEGIN GENERATED tables

#: Version of every layout.
WIRE_VERSION = 1
#: Hash of every layout, compared in the handshake.
SCHEMA_HASH = 0x3af3e5cb075f4bbb
#: Size of the frame header.
HEADER_BYTES = 40
#: Largest frame.
MAX_FRAME_BYTES = 65536
#: Header flag: first frame of a depth message.
FLAG_FIRST = 1
#: Header flag: last frame of a depth message.
FLAG_LAST = 2
#: Header flag: a depth delta of one order.
FLAG_ORDER = 4
#: Most levels a writer puts in one frame.
MAX_LEVELS = 4000
#: Snapshots in a signal request.
SIGNAL_WINDOW = 10
#: Levels a side in each snapshot.
SIGNAL_DEPTH = 10
#: Numbers a snapshot.
SIGNAL_FEATURES = 40
#: Parts in which a relative price is counted.
OFFSET_SCALE = 1000000000
#: Bound of a score, up and down.
SCORE_LIMIT_E6 = 1000000
#: First eight bytes of a counters page.
COUNTERS_MAGIC = 0x315352544e434c43
#: Slots of a counters page.
COUNTER_SLOTS = 80
#: First eight bytes of a journal segment.
SEGMENT_MAGIC = 0xa314745534a4c43
#: First four bytes of a journal record.
RECORD_MAGIC = 0x31524c43
#: First eight bytes of a checkpoint.
CHECKPOINT_MAGIC = 0x3154504b48434c43
#: Version of the journal's layouts.
JOURNAL_VERSION = 1
#: Billionths in one.
E9 = 1000000000
#: No price.
PRICE_TICKS_UNDEF = -(1 << 63)
#: No instrument.
INSTRUMENT_ID_UNDEF = 0xffffffff
#: No venue.
VENUE_ID_UNDEF = 0xffff
#: No strategy.
STRATEGY_ID_UNDEF = 0xffff
#: No client order id.
CL_ORD_ID_UNDEF = 0xffffffffffffffff
#: Time not known.
TS_NS_UNDEF = 0xffffffffffffffff
#: A venue's sequence or order number is not known.
SEQ_UNDEF = 0xffffffffffffffff


class FrameKind(_Code):
    """What a frame is. Numbers are stable; a retired one keeps its place."""

    DEPTH_DELTA = 1, "depth-delta"
    BOOK_SNAPSHOT = 2, "book-snapshot"
    TRADE = 3, "trade"
    QUOTE = 4, "quote"
    GAP = 5, "gap"
    STATUS = 6, "status"
    INSTRUMENT = 7, "instrument"
    NEW_ORDER = 16, "new-order"
    CANCEL_ORDER = 17, "cancel-order"
    REPLACE_ORDER = 18, "replace-order"
    MASS_STATUS_REQUEST = 19, "mass-status-request"
    ORDER_STATUS_REQUEST = 20, "order-status-request"
    PARENT_ORDER = 21, "parent-order"
    EXECUTION_REPORT = 24, "execution-report"
    CANCEL_REJECT = 25, "cancel-reject"
    DENIED = 26, "denied"
    ORDER_STATUS_REPORT = 27, "order-status-report"
    POSITION_REPORT = 28, "position-report"
    MASS_STATUS_END = 29, "mass-status-end"
    VENUE_SESSION = 30, "venue-session"
    SIGNAL_REQUEST = 32, "signal-request"
    SIGNAL_RESPONSE = 33, "signal-response"
    HELLO = 34, "hello"
    HELLO_ACK = 35, "hello-ack"
    MODEL_COMMAND = 36, "model-command"
    MODEL_CHANGE = 37, "model-change"
    DOORBELL = 39, "doorbell"
    ADVICE = 40, "advice"
    RISK_INPUT = 41, "risk-input"
    CONTROL = 48, "control"
    CONTROL_REPLY = 49, "control-reply"
    LIMIT_CHANGE = 50, "limit-change"
    LIMITS_EPOCH = 51, "limits-epoch"
    TIMER = 56, "timer"
    MODE_CHANGE = 57, "mode-change"
    SESSION_START = 58, "session-start"
    SESSION_END = 59, "session-end"
    ALARM = 60, "alarm"
    KILL_REPORT = 61, "kill-report"


class InstrumentType(_Code):
    """What kind of contract an instrument is."""

    #: Spot pair: quantity in base currency, money in quote currency.
    SPOT = ord("S"), "spot"
    #: Linear perpetual: quantity in base currency, profit in quote currency.
    LINEAR_PERP = ord("L"), "linear-perp"
    #: Inverse perpetual: contracts worth a fixed sum of quote currency. Market data only: orders
    #: for it are denied.
    INVERSE_PERP = ord("I"), "inverse-perp"


class BookSide(_Code):
    """A side of the book."""

    #: Buyers.
    BID = ord("B"), "bid"
    #: Sellers.
    ASK = ord("A"), "ask"


class AggressorSide(_Code):
    """Who crossed the spread in a trade."""

    #: The buyer took liquidity.
    BUY = ord("B"), "buy"
    #: The seller took liquidity.
    SELL = ord("S"), "sell"
    #: The venue did not say.
    UNKNOWN = ord("U"), "unknown"


class GapReason(_Code):
    """Why the feed handler lost continuity."""

    #: The venue's update numbers skipped.
    SEQUENCE = ord("S"), "sequence"
    #: The market ring was full and events were merged or dropped.
    RING_FULL = ord("R"), "ring-full"
    #: The session to the venue was lost.
    DISCONNECTED = ord("D"), "disconnected"
    #: A message could not be decoded.
    MALFORMED = ord("M"), "malformed"


class TradingStatus(_Code):
    """Trading status of an instrument."""

    #: Continuous trading.
    TRADING = ord("T"), "trading"
    #: Halted by the venue.
    HALTED = ord("H"), "halted"
    #: Outside trading hours.
    CLOSED = ord("C"), "closed"
    #: Auction or pre-open: crossed books are genuine.
    AUCTION = ord("A"), "auction"
    #: Not known; to be taken as halted.
    UNKNOWN = ord("U"), "unknown"


class Side(_Code):
    """Order side (FIX 54)."""

    #: Buy.
    BUY = ord("1"), "buy"
    #: Sell.
    SELL = ord("2"), "sell"


class OrdType(_Code):
    """Order type (FIX 40)."""

    #: Market.
    MARKET = ord("1"), "market"
    #: Limit.
    LIMIT = ord("2"), "limit"
    #: Stop: becomes a market order when the market trades at or through the trigger.
    STOP = ord("3"), "stop"
    #: Stop-limit: becomes a limit order when the market trades at or through the trigger.
    STOP_LIMIT = ord("4"), "stop-limit"


class TimeInForce(_Code):
    """Time in force (FIX 59)."""

    #: Day: until the venue's session ends.
    DAY = ord("0"), "day"
    #: Good till cancel.
    GTC = ord("1"), "gtc"
    #: Immediate or cancel.
    IOC = ord("3"), "ioc"
    #: Fill or kill.
    FOK = ord("4"), "fok"
    #: Good till date: until the moment in the order.
    GTD = ord("6"), "gtd"


class ExecInst(_Code):
    """Execution instruction (FIX 18)."""

    #: None.
    NONE = 0, "none"
    #: Participate, do not initiate: post-only.
    POST_ONLY = ord("6"), "post-only"
    #: Do not increase: reduce-only.
    REDUCE_ONLY = ord("E"), "reduce-only"


class ExecType(_Code):
    """What an execution report tells (FIX 150)."""

    #: Accepted by the venue.
    NEW = ord("0"), "new"
    #: Canceled.
    CANCELED = ord("4"), "canceled"
    #: Replaced.
    REPLACED = ord("5"), "replaced"
    #: Cancel accepted, not done yet.
    PENDING_CANCEL = ord("6"), "pending-cancel"
    #: Rejected by the venue.
    REJECTED = ord("8"), "rejected"
    #: Received, not accepted yet.
    PENDING_NEW = ord("A"), "pending-new"
    #: Expired (an IOC remainder among others).
    EXPIRED = ord("C"), "expired"
    #: Replace accepted, not done yet.
    PENDING_REPLACE = ord("E"), "pending-replace"
    #: A fill, partial or full.
    TRADE = ord("F"), "trade"
    #: A fill was taken back; the report carries that fill's execution id.
    TRADE_CANCEL = ord("H"), "trade-cancel"
    #: Answer to a status query.
    ORDER_STATUS = ord("I"), "order-status"


class OrdStatus(_Code):
    """State of an order (FIX 39)."""

    #: Working, nothing filled.
    NEW = ord("0"), "new"
    #: Working, part filled.
    PARTIALLY_FILLED = ord("1"), "partially-filled"
    #: Done: all filled.
    FILLED = ord("2"), "filled"
    #: Done: canceled.
    CANCELED = ord("4"), "canceled"
    #: Cancel asked for.
    PENDING_CANCEL = ord("6"), "pending-cancel"
    #: Done: rejected by the venue.
    REJECTED = ord("8"), "rejected"
    #: Sent, no word from the venue yet.
    PENDING_NEW = ord("A"), "pending-new"
    #: Done: expired.
    EXPIRED = ord("C"), "expired"
    #: Replace asked for.
    PENDING_REPLACE = ord("E"), "pending-replace"
    #: The venue's view is not known; counts at its worst case until evidence comes.
    UNKNOWN = ord("U"), "unknown"


class Liquidity(_Code):
    """Whether a fill added or removed liquidity (FIX 851)."""

    #: Not a fill, or not told.
    NONE = 0, "none"
    #: Added: maker.
    MAKER = ord("1"), "maker"
    #: Removed: taker.
    TAKER = ord("2"), "taker"


class RejectReason(_Code):
    """Why the venue refused (FIX 103 and 102, and our own for the simulated venue)."""

    #: Not a reject.
    NONE = 0, "none"
    #: Unknown symbol.
    UNKNOWN_SYMBOL = 1, "unknown-symbol"
    #: Unknown order.
    UNKNOWN_ORDER = 2, "unknown-order"
    #: Exceeds a venue limit.
    EXCEEDS_LIMIT = 3, "exceeds-limit"
    #: Too late: the order is done.
    TOO_LATE = 4, "too-late"
    #: A post-only order would have taken liquidity.
    WOULD_TAKE = 5, "would-take"
    #: Duplicate client order id.
    DUPLICATE_ORDER = 6, "duplicate-order"
    #: Not supported: type, time in force or instruction.
    UNSUPPORTED = 11, "unsupported"
    #: Quantity not acceptable.
    BAD_QUANTITY = 13, "bad-quantity"
    #: Price not acceptable.
    BAD_PRICE = 14, "bad-price"
    #: The market is not open.
    MARKET_CLOSED = 15, "market-closed"
    #: No liquidity for a market or fill-or-kill order.
    NO_LIQUIDITY = 16, "no-liquidity"
    #: A reduce-only order would have opened or enlarged a position.
    WOULD_INCREASE = 17, "would-increase"
    #: The trigger has been passed already.
    WRONG_TRIGGER = 18, "wrong-trigger"
    #: The expiry lies in the past.
    EXPIRED = 19, "expired"
    #: More messages than the session may send.
    THROTTLED = 20, "throttled"


class SignalStatus(_Code):
    """Outcome of a request."""

    #: A score.
    OK = ord("0"), "ok"
    #: The model gave no usable number; score_e6 is 0.
    ABSTAIN = ord("A"), "abstain"
    #: The request was refused: malformed, wrong shape or wrong version.
    REFUSED = ord("R"), "refused"
    #: The server dropped the request because newer ones waited.
    SHED = ord("S"), "shed"
    #: The server dropped the request, unread by the model, because its deadline had passed.
    EXPIRED = ord("E"), "expired"


class Role(_Code):
    """The part a process plays."""

    #: The engine's bridge.
    ENGINE = ord("E"), "engine"
    #: The signal sidecar.
    SIGNAL = ord("S"), "signal"
    #: The agents sidecar.
    AGENTS = ord("A"), "agents"
    #: The command line.
    CTL = ord("C"), "ctl"


class HelloStatus(_Code):
    """Whether a handshake was accepted."""

    #: Accepted.
    ACCEPTED = ord("0"), "accepted"
    #: Another wire version.
    VERSION = ord("V"), "version"
    #: Another schema hash.
    SCHEMA = ord("H"), "schema"
    #: This role is not served here.
    ROLE = ord("R"), "role"
    #: Too many peers.
    BUSY = ord("B"), "busy"
    #: The shared memory offered is not there, not sealed, or of another size.
    MEMORY = ord("M"), "memory"


class ModelAction(_Code):
    """What the command line wants of a sidecar."""

    #: Tell which model serves, what is being tried, and the counts.
    STATUS = ord("S"), "status"
    #: Load the named object of the store, try it on live requests, and let it serve.
    SERVE = ord("L"), "serve"
    #: Load the named object of the store and try it on live requests; it does not serve.
    SHADOW = ord("W"), "shadow"


class AdviceField(_Code):
    """The limit an advice concerns. The value's unit is the limit's own."""

    #: Largest order, lots.
    MAX_ORDER_QTY = ord("Q"), "max-order-qty"
    #: Largest position, lots.
    MAX_POSITION = ord("P"), "max-position"
    #: Orders per second.
    ORDER_RATE = ord("R"), "order-rate"
    #: Price collar, basis points.
    PRICE_COLLAR = ord("C"), "price-collar"
    #: Reduce only: value 1.
    REDUCE_ONLY = ord("O"), "reduce-only"


class Command(_Code):
    """What the operator wants."""

    #: Tell the state.
    STATUS = ord("S"), "status"
    #: Stop all trading: latch the kill switch.
    HALT = ord("H"), "halt"
    #: Leave HALTED, with a reason.
    RESUME = ord("R"), "resume"
    #: Change the mode; argument is the mode's code.
    MODE = ord("M"), "mode"
    #: End the session in good order.
    SHUTDOWN = ord("X"), "shutdown"
    #: Close every position with reduce-only orders, in REDUCING.
    FLATTEN = ord("F"), "flatten"
    #: Let a disabled strategy trade again, with a reason.
    REARM = ord("A"), "rearm"
    #: Begin a new trading day: the day's counts and losses start anew, with a reason.
    ROLL = ord("D"), "roll"
    #: Take an external order over: argument is the venue's order id.
    ADOPT = ord("O"), "adopt"
    #: Take the venue's positions for ours, with a reason.
    ACCEPT = ord("P"), "accept"
    #: Listen no more to an advice source: argument is its index.
    MUTE = ord("U"), "mute"
    #: The model whose scores may be used from here: argument is its hash.
    MODEL = ord("G"), "model"


class ReplyCode(_Code):
    """Outcome of a command."""

    #: Done, or taken up.
    OK = ord("0"), "ok"
    #: Refused in the present state.
    REFUSED = ord("R"), "refused"
    #: Not understood.
    MALFORMED = ord("M"), "malformed"


class Mode(_Code):
    """Operating mode of the station. Order by restriction is not implied."""

    #: Starting up.
    BOOT = ord("B"), "BOOT"
    #: Comparing with the venue.
    RECONCILE = ord("R"), "RECONCILE"
    #: Connected, not trading: model swaps happen here.
    MAINTENANCE = ord("M"), "MAINTENANCE"
    #: Trading.
    LIVE = ord("L"), "LIVE"
    #: Only orders that reduce exposure.
    REDUCING = ord("D"), "REDUCING"
    #: Canceling what works, then MAINTENANCE.
    DRAINING = ord("N"), "DRAINING"
    #: Stopped; only an operator leads out.
    HALTED = ord("H"), "HALTED"


class ParentStyle(_Code):
    """How a parent order is sliced."""

    #: Equal slices over equal times.
    TWAP = ord("T"), "twap"
    #: Slices in proportion to a volume curve.
    VWAP = ord("V"), "vwap"


class ParentState(_Code):
    """Where a parent order stands."""

    #: Taken up.
    STARTED = ord("S"), "started"
    #: All of it is filled.
    FILLED = ord("F"), "filled"
    #: Its time is over with quantity left.
    EXPIRED = ord("E"), "expired"
    #: Stopped by its strategy, a kill or a mode.
    CANCELED = ord("C"), "canceled"


class SessionState(_Code):
    """State of the order session with a venue."""

    #: Logged on: orders can be sent and reports come.
    UP = ord("U"), "up"
    #: Lost: what was sent may or may not have arrived.
    DOWN = ord("D"), "down"


class Scope(_Code):
    """What a limit row or a kill switch covers."""

    #: The whole station.
    FIRM = ord("F"), "firm"
    #: One venue.
    VENUE = ord("V"), "venue"
    #: One strategy.
    STRATEGY = ord("S"), "strategy"
    #: One instrument.
    SYMBOL = ord("Y"), "symbol"


class LimitField(_Code):
    """A limit. The number is stable; which scopes have it stands in brackets."""

    #: Largest order, lots (symbol).
    MAX_ORDER_QTY = 1, "max_order_qty_lots"
    #: Largest order value, billionths of the quote currency (symbol) or of the base currency
    #: (firm).
    MAX_ORDER_NOTIONAL = 2, "max_order_notional_e9"
    #: Largest order as a share of the average daily volume, basis points (symbol).
    MAX_ADV_BP = 3, "max_adv_bp"
    #: Largest order as a share of the displayed depth it would take from, basis points (symbol).
    MAX_DEPTH_BP = 4, "max_depth_bp"
    #: Farthest a price may lie from the reference, basis points (symbol).
    PRICE_COLLAR_BP = 5, "price_collar_bp"
    #: The collar is at least this wide, ticks (symbol).
    PRICE_COLLAR_TICKS = 6, "price_collar_ticks"
    #: Farthest a price may lie beyond the opposite touch, ticks (symbol).
    MAX_AGGRESSION_TICKS = 7, "max_aggression_ticks"
    #: Largest long position, lots (symbol, strategy).
    MAX_LONG = 8, "max_long_lots"
    #: Largest short position, lots (symbol, strategy).
    MAX_SHORT = 9, "max_short_lots"
    #: Most orders that are not done (symbol, strategy, venue, firm).
    MAX_OPEN_ORDERS = 10, "max_open_orders"
    #: Largest value of orders that are not done, billionths (symbol: quote currency; firm: base
    #: currency).
    MAX_OPEN_NOTIONAL = 11, "max_open_notional_e9"
    #: Oldest market data an order may be based on, nanoseconds (symbol).
    MAX_MARKET_AGE = 12, "max_market_age_ns"
    #: Widest spread, ticks (symbol).
    MAX_SPREAD_TICKS = 13, "max_spread_ticks"
    #: Widest spread, medians of the spread (symbol).
    MAX_SPREAD_MEDIANS = 14, "max_spread_medians"
    #: Requests that may have gone unanswered since the one the score answers (symbol).
    MAX_SIGNAL_LAG = 15, "max_signal_lag"
    #: Equal scores in a row (symbol).
    MAX_SIGNAL_REPEATS = 16, "max_signal_repeats"
    #: New and amended orders per second, sustained (symbol, strategy, venue).
    ORDER_RATE_PER_S = 17, "order_rate_per_s"
    #: New and amended orders at once (symbol, strategy, venue).
    ORDER_BURST = 18, "order_burst"
    #: Equal orders within the duplicate window (symbol).
    MAX_DUPLICATES = 19, "max_duplicates"
    #: Window in which equal orders count as duplicates, nanoseconds (symbol).
    DUPLICATE_WINDOW = 20, "duplicate_window_ns"
    #: Lots filled within the fill window (symbol).
    MAX_FILL_LOTS = 21, "max_fill_lots"
    #: Window of the fill rate, nanoseconds (symbol).
    FILL_WINDOW = 22, "fill_window_ns"
    #: Largest worst-case gross exposure, billionths of the base currency (firm).
    MAX_GROSS = 23, "max_gross_e9"
    #: Largest worst-case net exposure either way, billionths of the base currency (firm).
    MAX_NET = 24, "max_net_e9"
    #: Largest share of the gross limit in one instrument, basis points (firm).
    MAX_CONCENTRATION_BP = 25, "max_concentration_bp"
    #: Share of the venue's free balance that orders may claim, basis points (firm).
    CREDIT_USE_BP = 26, "credit_use_bp"
    #: Capital allotted, billionths of the base currency (strategy).
    CAPITAL = 27, "capital_e9"
    #: Largest value at risk, billionths of the base currency (firm).
    VAR_LIMIT = 28, "var_limit_e9"
    #: Orders whose state is unknown before opening stops (firm).
    MAX_UNKNOWN_ORDERS = 29, "max_unknown_orders"
    #: Value of orders whose state is unknown before opening stops, billionths of the base currency
    #: (firm).
    MAX_UNKNOWN_NOTIONAL = 30, "max_unknown_notional_e9"
    #: Loss of the day, billionths of the base currency (strategy, firm).
    MAX_DAILY_LOSS = 31, "max_daily_loss_e9"
    #: Fall from the high-water mark, billionths of the base currency (strategy, firm).
    MAX_DRAWDOWN = 32, "max_drawdown_e9"
    #: Losing round trips in a row (strategy).
    MAX_LOSS_STREAK = 33, "max_loss_streak"
    #: Loss within one minute, billionths of the base currency (strategy, firm).
    MAX_LOSS_PER_MIN = 34, "max_loss_per_min_e9"
    #: Messages per second, sustained (venue).
    MESSAGE_RATE_PER_S = 35, "message_rate_per_s"
    #: Messages at once (venue).
    MESSAGE_BURST = 36, "message_burst"
    #: Share of the message burst that orders may use; the rest is kept for cancels, basis points
    #: (venue).
    ORDER_SHARE_BP = 37, "order_share_bp"
    #: Order messages a fill, counted from the hundredth message (strategy).
    MAX_ORDER_TO_TRADE = 38, "max_order_to_trade"
    #: Fills before an operator must look (strategy).
    MAX_EXECUTIONS = 39, "max_executions"
    #: Denials and rejects in a row (strategy).
    MAX_CONSECUTIVE_REJECTS = 40, "max_consecutive_rejects"
    #: Traded value of the day, billionths of the base currency (strategy, firm).
    MAX_DAILY_TURNOVER = 41, "max_daily_turnover_e9"
    #: Orders of the day (strategy, firm).
    MAX_DAILY_ORDERS = 42, "max_daily_orders"
    #: Oldest reconciliation and risk figures, nanoseconds (firm).
    MAX_RISK_AGE = 43, "max_risk_age_ns"
    #: Oldest exchange rate, nanoseconds (firm).
    MAX_FX_AGE = 44, "max_fx_age_ns"
    #: Largest clock error against UTC, nanoseconds (firm).
    MAX_CLOCK_OFFSET = 45, "max_clock_offset_ns"
    #: Order quantities are a multiple of this, lots (symbol).
    QTY_STEP = 46, "qty_step_lots"
    #: Order prices are a multiple of this, ticks (symbol).
    PRICE_STEP = 47, "price_step_ticks"


class ChangeSource(_Code):
    """Where a limit change comes from."""

    #: An operator at run time: may only tighten.
    RUNTIME = ord("R"), "runtime"
    #: Part of a limits file between the begin and the commit of its epoch.
    EPOCH = ord("E"), "epoch"


class EpochStage(_Code):
    """Stage of taking a limits file."""

    #: The values of this epoch follow.
    BEGIN = ord("B"), "begin"
    #: All values came: they hold from here.
    COMMIT = ord("C"), "commit"
    #: The epoch a session starts with; its values are in the configuration.
    RUNNING = ord("R"), "running"


class RiskField(_Code):
    """A figure the checks need from outside the engine."""

    #: Base currency for one unit of the instrument's quote currency, billionths.
    FX_RATE = 1, "fx-rate"
    #: Lots that may be sold short (a locate).
    SHORT_LOTS = 2, "short-lots"
    #: Lowest price the venue's band allows, ticks.
    BAND_LOW = 3, "band-low"
    #: Highest price the venue's band allows, ticks.
    BAND_HIGH = 4, "band-high"
    #: Average daily volume, lots.
    ADV = 5, "adv"
    #: Value at risk of the whole portfolio, billionths of the base currency.
    VAR = 6, "var"
    #: Change of the value at risk for one lot more of the instrument, billionths of the base
    #: currency; negative for a lot that hedges.
    VAR_SLOPE = 7, "var-slope"
    #: Free balance at the venue, billionths of the base currency.
    BALANCE = 8, "balance"
    #: How full the audit trail's buffers are, thousandths.
    AUDIT_FILL = 9, "audit-fill"
    #: Largest clock error against UTC, nanoseconds.
    CLOCK_OFFSET = 10, "clock-offset"
    #: Approvals the edge has spent.
    WIRE_COUNT = 11, "wire-count"
    #: High-water mark carried over from an earlier session, billionths of the base currency; of the
    #: strategy in the header, or of the firm.
    HIGH_WATER = 12, "high-water"
    #: Reference price where there is no market yet (the prior close), ticks.
    PRIOR_CLOSE = 13, "prior-close"
    #: Profit of earlier sessions, billionths of the base currency; of the strategy in the header,
    #: or of the firm.
    CARRIED_PROFIT = 14, "carried-profit"


class AlarmCode(_Code):
    """What an alarm is about."""

    #: A fill that names no order of ours: booked on the instrument.
    UNATTRIBUTED_FILL = 1, "UNATTRIBUTED_FILL"
    #: More was filled than ordered.
    OVERFILL = 2, "OVERFILL"
    #: A fill of an order that was done.
    FILL_AFTER_DONE = 3, "FILL_AFTER_DONE"
    #: The venue contradicts itself or us about an order.
    CONTRADICTION = 4, "CONTRADICTION"
    #: A fill was taken back.
    FILL_BUSTED = 5, "FILL_BUSTED"
    #: No word from the venue about a sent order in time: it is unknown.
    ACK_TIMEOUT = 6, "ACK_TIMEOUT"
    #: An order we hold for working is not in the venue's list: it is unknown.
    MISSING_AT_VENUE = 7, "MISSING_AT_VENUE"
    #: The venue lists an order that is not ours.
    EXTERNAL_ORDER = 8, "EXTERNAL_ORDER"
    #: Filled quantity of an order differs from the venue's.
    FILL_MISMATCH = 9, "FILL_MISMATCH"
    #: Position differs from the venue's.
    POSITION_MISMATCH = 10, "POSITION_MISMATCH"
    #: A mass status was not answered in time.
    RECONCILE_TIMEOUT = 11, "RECONCILE_TIMEOUT"
    #: A cancel was not confirmed in time.
    CANCEL_UNCONFIRMED = 12, "CANCEL_UNCONFIRMED"
    #: The order session was lost.
    SESSION_LOST = 13, "SESSION_LOST"
    #: The loss of the day reached its limit.
    DAILY_LOSS = 14, "DAILY_LOSS"
    #: The fall from the high-water mark reached its limit.
    DRAWDOWN = 15, "DRAWDOWN"
    #: Too many losing round trips in a row.
    LOSS_STREAK = 16, "LOSS_STREAK"
    #: Too much was lost within a minute.
    LOSS_VELOCITY = 17, "LOSS_VELOCITY"
    #: A strategy has had as many fills as it may without an operator.
    REPEATED_EXECUTION = 18, "REPEATED_EXECUTION"
    #: Too much was filled within the window.
    FILL_RATE = 19, "FILL_RATE"
    #: Too many denials and rejects in a row.
    CONSECUTIVE_REJECTS = 20, "CONSECUTIVE_REJECTS"
    #: Orders on the wire and approvals differ.
    WIRE_MISMATCH = 21, "WIRE_MISMATCH"
    #: A protective order of a bracket was denied or rejected: the position stands alone.
    UNPROTECTED = 22, "UNPROTECTED"
    #: An advice was refused.
    ADVICE_REFUSED = 23, "ADVICE_REFUSED"
    #: An advice tightened a limit.
    ADVICE_TAKEN = 24, "ADVICE_TAKEN"
    #: A limit change was refused.
    LIMIT_REFUSED = 25, "LIMIT_REFUSED"
    #: A sum left its range: nothing more may be added.
    OVERFLOW = 26, "OVERFLOW"
    #: A parent order ended with quantity left.
    PARENT_INCOMPLETE = 27, "PARENT_INCOMPLETE"


class KillCause(_Code):
    """Who pulled a kill switch."""

    #: A command: operator, process signal or halt file; its reason is in the command.
    COMMAND = ord("C"), "command"
    #: A rule of the engine; the alarm before it says which.
    RULE = ord("R"), "rule"


class KillStage(_Code):
    """How far a kill has come."""

    #: Latched: nothing new passes from here.
    LATCHED = ord("L"), "latched"
    #: Every order of the scope is done, on the venue's word.
    CONFIRMED = ord("C"), "confirmed"
    #: Some order was not confirmed in time; it counts on.
    UNCONFIRMED = ord("U"), "unconfirmed"
    #: An operator released the latch.
    RELEASED = ord("O"), "released"


class RecordKind(_Code):
    """What a journal record holds."""

    #: One input or output frame of the engine, as it was on the tape.
    FRAME = 1, "frame"
    #: What the session is, as a JSON object padded with spaces; the first record.
    OPEN = 2, "open"
    #: A JournalSynced: everything up to there is on the disk.
    SYNCED = 3, "synced"
    #: A JournalSeal: the last record of a segment.
    SEAL = 4, "seal"
    #: A JournalRecovered: a later start went on where a killed one had stopped.
    RECOVERED = 5, "recovered"


class Counter(_Code):
    """Every counter of the station. Written by the thread its name begins with."""

    #: Inputs the loop took.
    LOOP_INPUTS = 0, "loop.inputs"
    #: Turns of the loop, idle ones included.
    LOOP_TURNS = 1, "loop.turns"
    #: Longest turn, cycles of the loop's counter.
    LOOP_TURN_CYCLES_MAX = 2, "loop.turn_cycles_max"
    #: Turns longer than the stall threshold.
    LOOP_STALLS = 3, "loop.stalls"
    #: Market events among the inputs.
    LOOP_MARKET_EVENTS = 4, "loop.market_events"
    #: New orders approved.
    LOOP_ORDERS = 5, "loop.orders"
    #: Orders denied by the gate.
    LOOP_DENIED = 6, "loop.denied"
    #: Fills.
    LOOP_FILLS = 7, "loop.fills"
    #: Cancels sent.
    LOOP_CANCELS = 8, "loop.cancels"
    #: Rejects of the venue.
    LOOP_REJECTS = 9, "loop.rejects"
    #: Signal requests made.
    LOOP_SIGNAL_REQUESTS = 10, "loop.signal_requests"
    #: Signal answers taken.
    LOOP_SIGNAL_ANSWERS = 11, "loop.signal_answers"
    #: Signal answers too old when they came.
    LOOP_SIGNAL_STALE = 12, "loop.signal_stale"
    #: Turns that could not run because an output ring lacked room.
    LOOP_BACK_PRESSURE = 13, "loop.back_pressure"
    #: Mode, its wire code.
    LOOP_MODE = 14, "loop.mode"
    #: Engine time of the last input, nanoseconds since the UNIX epoch.
    LOOP_ENGINE_TIME = 15, "loop.engine_time_ns"
    #: Alarms raised.
    LOOP_ALARMS = 16, "loop.alarms"
    #: Amendments sent.
    LOOP_REPLACES = 17, "loop.replaces"
    #: Orders that are not done.
    LOOP_OPEN_ORDERS = 18, "loop.open_orders"
    #: Orders whose state is unknown.
    LOOP_UNKNOWN_ORDERS = 19, "loop.unknown_orders"
    #: Market events the edge pushed.
    EDGE_EVENTS = 20, "edge.events"
    #: Orders the edge sent to the venue.
    EDGE_ORDERS = 21, "edge.orders"
    #: Times the market ring was full.
    EDGE_RING_FULL = 22, "edge.ring_full"
    #: Market events in the recording.
    EDGE_EVENTS_TOTAL = 23, "edge.events_total"
    #: Order frames refused because their approval was not the next.
    EDGE_UNAPPROVED = 24, "edge.unapproved"
    #: Execution reports delivered.
    EDGE_REPORTS = 25, "edge.reports"
    #: Signal requests overwritten before the bridge took them.
    BRIDGE_SIGNAL_OVERWRITTEN = 30, "bridge.signal_overwritten"
    #: Signal requests sent.
    BRIDGE_SIGNAL_SENT = 31, "bridge.signal_sent"
    #: Signal requests dropped: socket full or no sidecar.
    BRIDGE_SIGNAL_DROPPED = 32, "bridge.signal_dropped"
    #: Frames of sidecars refused by the bridge.
    BRIDGE_REFUSED = 33, "bridge.refused"
    #: Connections made to the signal sidecar.
    BRIDGE_SIGNAL_CONNECTS = 34, "bridge.signal_connects"
    #: 1 while the signal sidecar is connected.
    BRIDGE_SIGNAL_UP = 35, "bridge.signal_up"
    #: Control commands taken.
    BRIDGE_COMMANDS = 36, "bridge.commands"
    #: Signal answers received.
    BRIDGE_SIGNAL_RECEIVED = 37, "bridge.signal_received"
    #: Signal requests the sidecar dropped because their deadline had passed.
    BRIDGE_SIGNAL_EXPIRED = 38, "bridge.signal_expired"
    #: Signal requests the sidecar dropped because newer ones waited.
    BRIDGE_SIGNAL_SHED = 39, "bridge.signal_shed"
    #: Frames written to the record.
    RECORDER_FRAMES = 40, "recorder.frames"
    #: Bytes written to the record.
    RECORDER_BYTES = 41, "recorder.bytes"
    #: Instruments with a position.
    LOOP_POSITIONS = 42, "loop.positions"
    #: Worst-case gross exposure, billionths of the base currency.
    LOOP_GROSS = 43, "loop.gross_e9"
    #: Epoch of the limits that run.
    LOOP_LIMITS_EPOCH = 44, "loop.limits_epoch"
    #: Limit changes the engine took, each value of a limits file counted.
    LOOP_LIMIT_CHANGES = 45, "loop.limit_changes"
    #: Last frame on the tape: its number in the session, from 1.
    TAPE_FRAME = 46, "tape.frame"
    #: How full the tape is, thousandths.
    TAPE_FILL = 47, "tape.fill_e3"
    #: 1 when the session ended.
    DONE = 48, "done"
    #: Last frame written to the journal: it survives the death of the process.
    JOURNAL_WRITTEN = 49, "journal.written_frame"
    #: Last frame synced to the disk: it survives a loss of power.
    JOURNAL_SYNCED = 50, "journal.synced_frame"
    #: Batches synced.
    JOURNAL_SYNCS = 51, "journal.syncs"
    #: Longest sync, nanoseconds.
    JOURNAL_SYNC_MAX = 52, "journal.sync_ns_max"
    #: Segment being written.
    JOURNAL_SEGMENT = 53, "journal.segment"
    #: 1 since a write or a sync failed.
    JOURNAL_FAILED = 54, "journal.failed"
    #: Signal requests whose deadline had passed before they were sent.
    BRIDGE_SIGNAL_LATE = 55, "bridge.signal_late"
    #: 1 while requests and answers go through shared memory.
    BRIDGE_SIGNAL_SHARED = 56, "bridge.signal_shared"
    #: Times the sidecar broke the rules of the shared memory, and was disconnected.
    BRIDGE_SIGNAL_FAULTS = 57, "bridge.signal_faults"
    #: Signal answers refused because they name another model or generation than announced.
    BRIDGE_SIGNAL_WRONG_MODEL = 59, "bridge.signal_wrong_model"
    #: Signal answers refused because no open request is theirs.
    BRIDGE_SIGNAL_UNASKED = 60, "bridge.signal_unasked"
    #: Changes of the model that sidecars announced and the bridge took.
    BRIDGE_MODEL_CHANGES = 61, "bridge.model_changes"
    #: Changes of the model that were refused: the generation did not rise, or it is not allowed.
    BRIDGE_MODEL_REFUSED = 62, "bridge.model_refused"
    #: 1 while the standby sidecar is connected with the model in effect.
    BRIDGE_STANDBY_READY = 64, "bridge.standby_ready"
    #: 1 while the standby sidecar is the one that answers.
    BRIDGE_STANDBY_SERVES = 65, "bridge.standby_serves"
    #: Signal requests sent to the standby sidecar, those asked again included.
    BRIDGE_STANDBY_SENT = 66, "bridge.standby_sent"
    #: Answers of the standby sidecar handed to the loop.
    BRIDGE_STANDBY_RECEIVED = 67, "bridge.standby_received"
    #: Times the signal sidecar was left for the standby.
    BRIDGE_FAILOVERS = 68, "bridge.failovers"
    #: Times the signal sidecar was taken back.
    BRIDGE_FAILBACKS = 69, "bridge.failbacks"


class Exit(_Code):
    """Why a process ended."""

    #: Everything asked for was done.
    CLEAN = 0, "OK"
    #: A panic: a bug in Corelane (the value of Rust's own runtime).
    BUG = 101, "BUG"
    #: Command-line arguments not understood.
    ARGUMENTS = 10, "ARGUMENTS"
    #: Configuration refused.
    CONFIGURATION = 11, "CONFIGURATION"
    #: The host is not as the profile demands.
    HOST = 12, "HOST"
    #: A peer or a file speaks another wire version.
    WIRE_VERSION = 13, "WIRE_VERSION"
    #: A file, model, socket or other resource is missing or damaged.
    RESOURCE = 14, "RESOURCE"
    #: The journal or record cannot be written.
    JOURNAL = 15, "JOURNAL"
    #: The tape is full: the journal did not take its frames in time.
    TAPE_FULL = 16, "TAPE_FULL"
    #: The kill rule tripped.
    KILLED = 20, "KILLED"
    #: The venue session was lost.
    VENUE_LOST = 21, "VENUE_LOST"
    #: The clock cannot be trusted.
    CLOCK = 23, "CLOCK"
    #: A replay diverged from the record.
    DIVERGED = 30, "DIVERGED"
    #: A check failed.
    CHECK_FAILED = 31, "CHECK_FAILED"


class FrameHeader(NamedTuple):
    """The head of every frame."""

    #: Whole frame, header and trailing levels or text included; a multiple of 8.
    len_bytes: int
    #: Frame kind.
    kind: int
    #: Wire version: 1.
    version: int
    #: Flags of the kind; else 0.
    flags: int
    #: Instrument, or undefined (all ones).
    instrument_id: int
    #: Venue, or undefined (all ones).
    venue_id: int
    #: Strategy, or undefined (all ones).
    strategy_id: int
    #: Position in the stream that carries the frame: stamped by the loop on inputs and outputs; 0
    #: before.
    seq: int
    #: When it happened, by the clock of the venue or peer that says so; undefined (all ones) where
    #: it does not say.
    ts_event_ns: int
    #: When this host took it in, by this host's clock; in a replay the recorded time.
    ts_recv_ns: int


@dataclass(frozen=True)
class Instrument(Frame):
    """One row of the instrument table."""

    #: Kind 7; instrument_id is the row's index, venue_id the venue.
    header: FrameHeader
    #: Venue symbol, UTF-8, zero-padded (BTCUSDT).
    symbol: str
    #: Price increment, billionths of the quote currency; positive.
    tick_size_e9: int
    #: Size increment, billionths of the base currency (contracts for inverse); positive.
    lot_size_e9: int
    #: Smallest order, lots; at least 1.
    min_qty_lots: int
    #: Largest order the venue takes, lots.
    max_qty_lots: int
    #: Smallest order value, billionths of the quote currency; 0 where the venue has none.
    min_notional_e9: int
    #: Instrument type: 'S' spot, 'L' linear perpetual, 'I' inverse perpetual.
    instrument_type: int


class Level(NamedTuple):
    """One price level: an absolute quantity; 0 removes the level."""

    #: Price, ticks.
    price_ticks: int
    #: Quantity at that price, lots; 0 removes.
    qty_lots: int


@dataclass(frozen=True)
class DepthDelta(Frame):
    """A change of the book: absolute quantities for the levels it names."""

    #: Kind 1.
    header: FrameHeader
    #: First venue update number in this message.
    first_update_id: int
    #: Last venue update number in this message.
    last_update_id: int
    #: Last update number of the message before, where the venue says so; else undefined. With the
    #: flag for one order: the venue's number of that order.
    prev_update_id: int
    #: Bid levels as the venue sent them.
    bids: tuple[Level, ...]
    #: Ask levels as the venue sent them.
    asks: tuple[Level, ...]


@dataclass(frozen=True)
class BookSnapshot(Frame):
    """A whole book: replaces everything known of the instrument."""

    #: Kind 2.
    header: FrameHeader
    #: Venue update number the snapshot stands at.
    last_update_id: int
    #: Bid levels as the venue sent them.
    bids: tuple[Level, ...]
    #: Ask levels as the venue sent them.
    asks: tuple[Level, ...]


@dataclass(frozen=True)
class Trade(Frame):
    """A trade on the venue."""

    #: Kind 3.
    header: FrameHeader
    #: Price, ticks.
    price_ticks: int
    #: Quantity, lots; positive.
    qty_lots: int
    #: Venue trade number (of an aggregate: the last one in it).
    trade_id: int
    #: Aggressor: 'B', 'S' or 'U'.
    aggressor: int


@dataclass(frozen=True)
class Quote(Frame):
    """The venue's own best bid and offer."""

    #: Kind 4.
    header: FrameHeader
    #: Best bid, ticks; undefined where there is none.
    bid_price_ticks: int
    #: Quantity at the best bid, lots.
    bid_qty_lots: int
    #: Best ask, ticks; undefined where there is none.
    ask_price_ticks: int
    #: Quantity at the best ask, lots.
    ask_qty_lots: int
    #: Venue update number, in the numbering of the depth messages.
    update_id: int


@dataclass(frozen=True)
class Gap(Frame):
    """Continuity was lost: the book is unusable until the next snapshot."""

    #: Kind 5.
    header: FrameHeader
    #: Update number that was due.
    expected_id: int
    #: Update number that came.
    received_id: int
    #: Reason: 'S' sequence, 'R' ring full, 'D' disconnected, 'M' malformed.
    reason: int


@dataclass(frozen=True)
class Status(Frame):
    """Trading status of an instrument."""

    #: Kind 6.
    header: FrameHeader
    #: Status: 'T' trading, 'H' halted, 'C' closed, 'A' auction, 'U' unknown.
    status: int


@dataclass(frozen=True)
class NewOrder(Frame):
    """Place an order."""

    #: Kind 16; instrument, venue and strategy are in the header.
    header: FrameHeader
    #: Client order id (11).
    cl_ord_id: int
    #: Number of the gate's approval: the next of a sequence without holes.
    approval_seq: int
    #: Limit price (44), ticks; undefined for a market or a stop order.
    price_ticks: int
    #: Trigger (99), ticks; undefined where the order is no stop.
    stop_px_ticks: int
    #: Quantity, lots; positive.
    qty_lots: int
    #: When a good-till-date order ends (126), venue clock; undefined for all others.
    expire_ns: int
    #: The parent this order is a slice of; 0 where it stands for itself.
    parent_id: int
    #: Orders of one link group cancel each other when one fills; 0 where it is in none.
    link_id: int
    #: Side (54): '1' buy, '2' sell.
    side: int
    #: Type (40): '1' market, '2' limit, '3' stop, '4' stop-limit.
    ord_type: int
    #: Time in force (59): '0' day, '1' GTC, '3' IOC, '4' FOK, '6' GTD.
    time_in_force: int
    #: Instruction (18): 0 none, '6' post-only, 'E' reduce-only.
    exec_inst: int


@dataclass(frozen=True)
class CancelOrder(Frame):
    """Cancel a working order."""

    #: Kind 17.
    header: FrameHeader
    #: Id of this request (11).
    cl_ord_id: int
    #: The order to cancel (41).
    orig_cl_ord_id: int
    #: The venue's order id (37); undefined before the venue gave one.
    order_id: int


@dataclass(frozen=True)
class ReplaceOrder(Frame):
    """Replace price and quantity of a working order."""

    #: Kind 18.
    header: FrameHeader
    #: Id of the order after the replace (11).
    cl_ord_id: int
    #: The order to replace (41).
    orig_cl_ord_id: int
    #: The venue's order id (37); undefined before the venue gave one.
    order_id: int
    #: Number of the gate's approval: the next of a sequence without holes.
    approval_seq: int
    #: New limit price, ticks.
    price_ticks: int
    #: New total quantity, lots.
    qty_lots: int


@dataclass(frozen=True)
class ExecutionReport(Frame):
    """What the venue says of an order."""

    #: Kind 24; ts_event_ns is the venue's transaction time.
    header: FrameHeader
    #: Client order id (11).
    cl_ord_id: int
    #: The order a cancel or replace was for (41); undefined otherwise.
    orig_cl_ord_id: int
    #: The venue's order id (37).
    order_id: int
    #: The venue's execution id (17); unique.
    exec_id: int
    #: Price of this fill (31), ticks; undefined where this is no fill.
    last_px_ticks: int
    #: Quantity of this fill (32), lots; 0 where this is no fill.
    last_qty_lots: int
    #: Still working (151), lots.
    leaves_qty_lots: int
    #: Filled so far (14), lots.
    cum_qty_lots: int
    #: Fee of this fill, billionths of the quote currency; negative is a rebate.
    fee_e9: int
    #: Report type (150).
    exec_type: int
    #: Order state (39).
    ord_status: int
    #: Side (54).
    side: int
    #: Liquidity (851): 0 none, '1' maker, '2' taker.
    liquidity: int
    #: Reject reason.
    reject_reason: int


@dataclass(frozen=True)
class CancelReject(Frame):
    """The venue refused a cancel or replace."""

    #: Kind 25.
    header: FrameHeader
    #: Id of the refused request (11).
    cl_ord_id: int
    #: The order it was for (41).
    orig_cl_ord_id: int
    #: The venue's order id (37); undefined where it knows none.
    order_id: int
    #: State of the order (39); 'U' where the venue knows none.
    ord_status: int
    #: Reason.
    reject_reason: int


@dataclass(frozen=True)
class Denied(Frame):
    """The gate refused an order: every check that failed, and the first with its numbers."""

    #: Kind 26.
    header: FrameHeader
    #: Client order id the order would have had.
    cl_ord_id: int
    #: One bit a failed check; bit n is check n.
    mask: int
    #: Price asked for, ticks.
    price_ticks: int
    #: Quantity asked for, lots.
    qty_lots: int
    #: The limit of the primary check, in the check's unit.
    limit: int
    #: The value that broke it.
    actual: int
    #: The primary check: the lowest bit set in mask.
    primary: int
    #: Side (54).
    side: int


class SnapshotLevel(NamedTuple):
    """One level of a sampled book, both sides."""

    #: Ask price at this level, ticks.
    ask_price_ticks: int
    #: Ask quantity, lots.
    ask_qty_lots: int
    #: Bid price at this level, ticks.
    bid_price_ticks: int
    #: Bid quantity, lots.
    bid_qty_lots: int


@dataclass(frozen=True)
class SignalRequest(Frame):
    """Ask for a score."""

    #: Kind 32; instrument and strategy are in the header, ts_recv_ns is the engine time.
    header: FrameHeader
    #: Number of the request: rises by one per station, never reused in a session.
    request_id: int
    #: Engine time between two snapshots, nanoseconds.
    sample_interval_ns: int
    #: Moment from which an answer is of no use, nanoseconds of the host's CLOCK_MONOTONIC, which
    #: every process of the box reads alike; 0: none. The bridge writes it into what it sends; the
    #: engine's own frame, and so every record, has 0.
    expires_mono_ns: int
    #: Snapshots that follow: 10.
    snapshots: int
    #: Levels a side in each: 10.
    levels: int
    #: Snapshots oldest first, levels best first.
    window: tuple[SnapshotLevel, ...]


@dataclass(frozen=True)
class SignalResponse(Frame):
    """A score."""

    #: Kind 33; ts_recv_ns is stamped by the bridge with the engine time of arrival.
    header: FrameHeader
    #: The request this answers.
    request_id: int
    #: First eight bytes of the model file's SHA-256, little-endian.
    model_hash: int
    #: Time the server spent in inference for the batch, nanoseconds of its own clock.
    infer_ns: int
    #: Score, millionths: up minus down, within -1000000 to 1000000.
    score_e6: int
    #: Probability of a rise, millionths.
    p_up_e6: int
    #: Probability of a fall, millionths.
    p_down_e6: int
    #: Model generation: rises by one with every swap, from 1.
    generation: int
    #: Requests answered together with this one, itself included.
    batch: int
    #: Outcome: '0' ok, 'A' abstain, 'R' refused, 'S' shed, 'E' expired.
    status: int


@dataclass(frozen=True)
class Hello(Frame):
    """First frame of the connecting side."""

    #: Kind 34.
    header: FrameHeader
    #: Hash of every layout; see schema_hash.
    schema_hash: int
    #: Process id, as the peer says; the kernel's word is checked besides.
    pid: int
    #: Wire version.
    wire_version: int
    #: Role: 'E', 'S', 'A' or 'C'.
    role: int
    #: 1: shared memory is offered, its descriptor comes with this frame; 0: the socket alone.
    shared_memory: int


@dataclass(frozen=True)
class HelloAck(Frame):
    """The answer."""

    #: Kind 35.
    header: FrameHeader
    #: Hash of every layout.
    schema_hash: int
    #: First eight bytes of the model file's SHA-256; 0 where the role serves no model.
    model_hash: int
    #: Process id.
    pid: int
    #: Model generation, from 1; 0 where the role serves no model.
    generation: int
    #: Wire version.
    wire_version: int
    #: Role of the answering side.
    role: int
    #: Outcome: '0' accepted, else the reason.
    status: int
    #: Back end and provider that are live, UTF-8, zero-padded (tract/cpu).
    backend: str
    #: 1: requests and answers go through the shared memory offered; 0: through the socket.
    shared_memory: int


@dataclass(frozen=True)
class ModelCommand(Frame):
    """A wish about a sidecar's model; answered by a ControlReply with JSON text."""

    #: Kind 36.
    header: FrameHeader
    #: Number of the command, from the sender.
    request_id: int
    #: Live requests the model is tried on; 0 none, all ones as many as the sidecar is set to.
    answers: int
    #: Action: 'S', 'L' or 'W'.
    action: int
    #: SHA-256 of the manifest, lower-case hex; empty for what current points at.
    address: str


@dataclass(frozen=True)
class ModelChange(Frame):
    """Another model answers from here: every later answer on this connection is of it."""

    #: Kind 37.
    header: FrameHeader
    #: First eight bytes of the model file's SHA-256, little-endian.
    model_hash: int
    #: Model generation: above every one before it on this connection.
    generation: int
    #: Back end and provider that are live, UTF-8, zero-padded (tract/cpu).
    backend: str


@dataclass(frozen=True)
class Doorbell(Frame):
    """Wakes a reader of shared memory that sleeps on its socket. Says nothing else."""

    #: Kind 39.
    header: FrameHeader


@dataclass(frozen=True)
class Advice(Frame):
    """One piece of advice."""

    #: Kind 40; the instrument it concerns, or undefined for all.
    header: FrameHeader
    #: Number of the advice: rises per source.
    advice_id: int
    #: The tighter value.
    value: int
    #: Engine time after which the operator's value holds again.
    expires_ns: int
    #: Field: 'Q', 'P', 'R', 'C' or 'O'.
    field: int
    #: Stable code of the reason, from the source's own list.
    reason_code: int
    #: Source: index of the agent role.
    source: int


@dataclass(frozen=True)
class Control(Frame):
    """A command."""

    #: Kind 48; a halt, resume, flatten or rearm concerns the venue, strategy or instrument named
    #: here, or the whole station where none is.
    header: FrameHeader
    #: Number of the command, from the sender.
    request_id: int
    #: Argument of the command.
    argument: int
    #: Command.
    command: int
    #: Why, UTF-8, zero-padded; a resume needs one.
    reason: str


@dataclass(frozen=True)
class ControlReply(Frame):
    """The answer; text_len bytes of UTF-8 follow (JSON for a status), zero-padded to 8."""

    #: Kind 49.
    header: FrameHeader
    #: The command this answers.
    request_id: int
    #: Outcome: '0', 'R' or 'M'.
    code: int
    #: Text that follows the fixed part.
    text: str


@dataclass(frozen=True)
class Timer(Frame):
    """A timer came due. Timer inputs are inputs like all others: they are numbered and recorded."""

    #: Kind 56; ts_recv_ns is the deadline.
    header: FrameHeader
    #: When it was due, engine time.
    deadline_ns: int
    #: Which timer: the engine's own number.
    timer_id: int


@dataclass(frozen=True)
class ModeChange(Frame):
    """The mode changed."""

    #: Kind 57.
    header: FrameHeader
    #: Mode before.
    from_: int
    #: Mode after.
    to: int
    #: Kind of the input frame that caused it, lower byte.
    cause_kind: int


@dataclass(frozen=True)
class SessionStart(Frame):
    """A session begins: the first frame of a record after its instrument table."""

    #: Kind 58.
    header: FrameHeader
    #: Session epoch: upper half of every client order id.
    epoch: int
    #: Hash of every layout.
    schema_hash: int
    #: First eight bytes of the SHA-256 of the effective configuration.
    config_hash: int
    #: First eight bytes of the SHA-256 of the recording; 0 for a live feed.
    data_hash: int
    #: First eight bytes of the hash of the doctor's report on the host; 0 where none was made.
    host_hash: int
    #: Instruments in the table.
    instruments: int
    #: Strategies.
    strategies: int


@dataclass(frozen=True)
class SessionEnd(Frame):
    """A session ends: the last frame of a record."""

    #: Kind 59.
    header: FrameHeader
    #: Inputs the engine took.
    inputs: int
    #: Frames the engine gave out.
    outputs: int
    #: Hash of the engine's whole state.
    state_hash: int


class CountersHeader(NamedTuple):
    """Head of the counters page."""

    #: CLCNTRS1.
    magic: int
    #: Process id of the engine.
    pid: int
    #: Start of the session, wall clock, nanoseconds since the UNIX epoch.
    start_ns: int
    #: Counters that follow.
    count: int  # type: ignore[assignment]
    #: Wire version.
    wire_version: int


@dataclass(frozen=True)
class ParentOrder(Frame):
    """A parent order began or ended. It never leaves the station: its slices do, as orders that
    name it.
    """

    #: Kind 21.
    header: FrameHeader
    #: First slice not before, engine time.
    start_ns: int
    #: Last slice not after, engine time.
    end_ns: int
    #: Worst price of any slice, ticks.
    limit_px_ticks: int
    #: Whole quantity, lots.
    qty_lots: int
    #: Filled so far, lots.
    cum_qty_lots: int
    #: Still working, in flight or unknown, lots.
    working_lots: int
    #: Number of the parent, from 1.
    parent_id: int
    #: Slices planned.
    slices: int
    #: Side (54).
    side: int
    #: Style: 'T' or 'V'.
    style: int
    #: State.
    state: int


@dataclass(frozen=True)
class MassStatusRequest(Frame):
    """Asks for everything open at the venue (FIX AF)."""

    #: Kind 19.
    header: FrameHeader
    #: Number of the request (584): rises from 1.
    mass_status_id: int


@dataclass(frozen=True)
class OrderStatusRequest(Frame):
    """Asks for one order (FIX H)."""

    #: Kind 20.
    header: FrameHeader
    #: The order (11).
    cl_ord_id: int
    #: The venue's order id (37); undefined before the venue gave one.
    order_id: int


@dataclass(frozen=True)
class OrderStatusReport(Frame):
    """The venue's view of one order: an answer to a mass status or a status request."""

    #: Kind 27; ts_event_ns is the venue's time of the answer.
    header: FrameHeader
    #: Client order id (11), as the venue has it; undefined where it has none.
    cl_ord_id: int
    #: The venue's order id (37); undefined where it knows no such order.
    order_id: int
    #: Limit price (44), ticks; undefined for an order without one.
    price_ticks: int
    #: Order quantity (38), lots.
    qty_lots: int
    #: Filled so far (14), lots.
    cum_qty_lots: int
    #: Still working (151), lots.
    leaves_qty_lots: int
    #: The mass status it belongs to (584); 0 for the answer to a status request.
    mass_status_id: int
    #: Order state (39); 'U' where the venue knows no such order.
    ord_status: int
    #: Side (54).
    side: int
    #: Type (40).
    ord_type: int
    #: Time in force (59).
    time_in_force: int


@dataclass(frozen=True)
class PositionReport(Frame):
    """The venue's view of one instrument's position (FIX AP)."""

    #: Kind 28.
    header: FrameHeader
    #: Signed position, lots.
    position_lots: int
    #: Average price of the position, ticks; undefined when flat or not told.
    avg_px_ticks: int
    #: Free balance the venue would let us use, billionths of the quote currency.
    balance_e9: int
    #: Fills the venue has reported for the instrument in this session.
    fills: int
    #: The mass status it belongs to (584).
    mass_status_id: int


@dataclass(frozen=True)
class MassStatusEnd(Frame):
    """The mass status is complete."""

    #: Kind 29.
    header: FrameHeader
    #: Number of the request (584).
    mass_status_id: int
    #: Order status reports sent for it (911).
    orders: int
    #: Position reports sent for it.
    positions: int


@dataclass(frozen=True)
class VenueSession(Frame):
    """The order session with a venue came up or went down."""

    #: Kind 30; the venue is in the header.
    header: FrameHeader
    #: 'U' up, 'D' down.
    state: int
    #: 1 where the venue cancels what works when the session goes down.
    cancels_on_disconnect: int


@dataclass(frozen=True)
class RiskInput(Frame):
    """A figure the checks need from outside."""

    #: Kind 41; instrument, strategy or venue as the field needs.
    header: FrameHeader
    #: The figure, in the field's unit.
    value: int
    #: Field.
    field: int


@dataclass(frozen=True)
class LimitChange(Frame):
    """One limit becomes another value."""

    #: Kind 50; instrument, strategy or venue as the scope needs.
    header: FrameHeader
    #: The new value, in the field's unit.
    value: int
    #: Number of the change, from the sender.
    change_id: int
    #: Field.
    field: int
    #: Scope: 'F', 'V', 'S' or 'Y'.
    scope: int
    #: Source: 'R' run time, 'E' part of an epoch.
    source: int


@dataclass(frozen=True)
class LimitsEpoch(Frame):
    """A limits file, identified."""

    #: Kind 51.
    header: FrameHeader
    #: Epoch: rises with every file.
    epoch: int
    #: SHA-256 of the file, lower-case hex.
    sha256: str
    #: Stage: 'B', 'C' or 'R'.
    stage: int


@dataclass(frozen=True)
class Alarm(Frame):
    """Something an operator must know."""

    #: Kind 60; instrument, strategy and venue as far as they are concerned.
    header: FrameHeader
    #: The order concerned; undefined where there is none.
    cl_ord_id: int
    #: The limit or our view, in the alarm's unit.
    limit: int
    #: What was found.
    actual: int
    #: Code.
    code: int


@dataclass(frozen=True)
class KillReport(Frame):
    """A kill switch moved, or the cancels it caused are settled."""

    #: Kind 61; instrument, strategy or venue as the scope needs.
    header: FrameHeader
    #: Worst-case gross exposure left in the scope, billionths of the base currency.
    residual_e9: int
    #: Orders that are not done.
    working: int
    #: Orders whose state is unknown.
    unknown: int
    #: Cancels sent for this kill so far.
    cancels: int
    #: Instruments with a position that is not flat.
    positions: int
    #: Scope.
    scope: int
    #: Cause.
    cause: int
    #: Stage.
    stage: int


class JournalSegment(NamedTuple):
    """Head of a segment file."""

    #: CLJSEG1 and a line feed.
    magic: int
    #: 1.
    version: int
    #: Bytes of this head: 256.
    header_bytes: int
    #: Random, drawn once a session: which journal the segment belongs to.
    instance: str
    #: Number of the segment, from 1.
    segment: int
    #: Sequence of its first record.
    first_seq: int
    #: Number its first frame has among all frames of the journal, from 1.
    first_frame: int
    #: When it was begun, monotonic clock of the host, nanoseconds.
    mono_ns: int
    #: When it was begun, wall clock.
    utc_ns: int
    #: Bytes the file was given before its first record.
    capacity_bytes: int
    #: Hash of every wire layout.
    schema_hash: int
    #: Session epoch: upper half of every client order id.
    epoch: int
    #: Chain head after the segment before; of the first, the genesis of the instance.
    prev_head: str
    #: CRC-32C of the bytes before this field.
    crc32c: int
    #: Zero.
    reserved_end: str


class JournalRecord(NamedTuple):
    """Head of a record; the payload follows."""

    #: CLR1.
    magic: int
    #: CRC-32C of this head with a zero in this place, and of the payload.
    crc32c: int
    #: Bytes of payload, a multiple of 8, at most the largest frame.
    len_bytes: int
    #: 1.
    version: int
    #: RecordKind.
    kind: int
    #: First half of the instance.
    instance: str
    #: Number of the segment it stands in.
    segment: int
    #: Its number among all records of the journal, from 1, without a hole.
    seq: int
    #: When the loop wrote it to the tape, monotonic clock of the host, nanoseconds; of the
    #: journal's own records, when they were written.
    mono_ns: int
    #: The same moment by the wall clock.
    utc_ns: int


class JournalSynced(NamedTuple):
    """Payload of a synced record."""

    #: Every record up to this sequence was on the disk when this one was written.
    seq: int


class JournalSeal(NamedTuple):
    """Payload of a seal."""

    #: Frames in the journal up to here.
    frames: int
    #: Number of the segment that follows; 0 where the journal ends here in good order.
    next_segment: int


class JournalRecovered(NamedTuple):
    """Payload of a recovered record."""

    #: Frames the journal held when it was opened again.
    frames: int
    #: Bytes that were cut from its end and kept aside.
    cut_bytes: int
    #: Frames the tape gave back; they follow.
    from_tape: int


class JournalCheckpoint(NamedTuple):
    """What the notary signs: so many records, this chain head."""

    #: CLCHKPT1.
    magic: int
    #: The journal's instance.
    instance: str
    #: Number of the checkpoint, from 1, without a hole.
    number: int
    #: Segment the last covered record stands in.
    segment: int
    #: Sequence of the last covered record: the journal's size in records.
    seq: int
    #: Bytes of the segment up to the end of that record.
    segment_bytes: int
    #: Chain head after that record.
    head: str
    #: When it was signed, wall clock.
    utc_ns: int
    #: SHA-256 of the checkpoint before, signature included; zeros before the first.
    prev_checkpoint: str
    #: First eight bytes of the SHA-256 of the public key.
    key_id: str
    #: Ed25519 over the bytes before this field.
    signature: str


class JournalSnapshot(NamedTuple):
    """Head of a snapshot: the engine's whole state after a frame of the journal. The state's words
    follow, 8 bytes each, little-endian, in the order in which the engine feeds them to its state
    hash; nothing follows them.
    """

    #: CLSNAP1 and a line feed.
    magic: int
    #: 1.
    version: int
    #: Bytes of this head: 160.
    header_bytes: int
    #: The journal's instance.
    instance: str
    #: Segment at whose end it was taken.
    segment: int
    #: Sequence of the record it stands after.
    seq: int
    #: Number of the frame it stands after.
    frame: int
    #: Segment the next frame stands in: from there the journal is read.
    tail_segment: int
    #: SHA-256 of that segment up to the end of the frame it stands after, of its head alone where
    #: that frame stands before it: the history the state came from.
    tail_head: str
    #: First eight bytes of the SHA-256 of the effective configuration, as in the session start.
    config_hash: int
    #: Hash of every wire layout.
    schema_hash: int
    #: The engine's state hash.
    state_hash: int
    #: Words that follow.
    words: int
    #: CRC-32C of the bytes before this field, and of the words.
    crc32c: int


_LAYOUTS = {
    FrameKind.INSTRUMENT: _Layout(
        cls=Instrument,
        fields=(
            _Field("symbol", 40, "24s", None),
            _Field("tick_size_e9", 64, "q", None),
            _Field("lot_size_e9", 72, "q", None),
            _Field("min_qty_lots", 80, "q", None),
            _Field("max_qty_lots", 88, "q", None),
            _Field("min_notional_e9", 96, "q", None),
            _Field("instrument_type", 104, "B", None),
            _Field("reserved", 105, "23s", None),
        ),
        rules=(
            (_text, "symbol", None),
            (_that, "symbol", _instrument_symbol),
            (_range, "tick_size_e9", (1, 9223372036854775807)),
            (_range, "lot_size_e9", (1, 9223372036854775807)),
            (_range, "min_qty_lots", (1, 9223372036854775807)),
            (_that, "max_qty_lots", _instrument_max_qty_lots),
            (_range, "min_notional_e9", (0, 9223372036854775807)),
            (_code, "instrument_type", InstrumentType),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.DEPTH_DELTA: _Layout(
        cls=DepthDelta,
        fields=(
            _Field("first_update_id", 40, "Q", None),
            _Field("last_update_id", 48, "Q", None),
            _Field("prev_update_id", 56, "Q", None),
            _Field("bid_count", 64, "H", None),
            _Field("ask_count", 66, "H", None),
            _Field("reserved", 68, "4s", None),
        ),
        rules=(
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.BOOK_SNAPSHOT: _Layout(
        cls=BookSnapshot,
        fields=(
            _Field("last_update_id", 40, "Q", None),
            _Field("bid_count", 48, "H", None),
            _Field("ask_count", 50, "H", None),
            _Field("reserved", 52, "4s", None),
        ),
        rules=(
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.TRADE: _Layout(
        cls=Trade,
        fields=(
            _Field("price_ticks", 40, "q", None),
            _Field("qty_lots", 48, "q", None),
            _Field("trade_id", 56, "Q", None),
            _Field("aggressor", 64, "B", None),
            _Field("reserved", 65, "7s", None),
        ),
        rules=(
            (_range, "price_ticks", (-9223372036854775807, 9223372036854775807)),
            (_range, "qty_lots", (1, 9223372036854775807)),
            (_code, "aggressor", AggressorSide),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.QUOTE: _Layout(
        cls=Quote,
        fields=(
            _Field("bid_price_ticks", 40, "q", None),
            _Field("bid_qty_lots", 48, "q", None),
            _Field("ask_price_ticks", 56, "q", None),
            _Field("ask_qty_lots", 64, "q", None),
            _Field("update_id", 72, "Q", None),
        ),
        rules=(
            (_range, "bid_qty_lots", (0, 9223372036854775807)),
            (_range, "ask_qty_lots", (0, 9223372036854775807)),
        ),
    ),
    FrameKind.GAP: _Layout(
        cls=Gap,
        fields=(
            _Field("expected_id", 40, "Q", None),
            _Field("received_id", 48, "Q", None),
            _Field("reason", 56, "B", None),
            _Field("reserved", 57, "7s", None),
        ),
        rules=(
            (_code, "reason", GapReason),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.STATUS: _Layout(
        cls=Status,
        fields=(
            _Field("status", 40, "B", None),
            _Field("reserved", 41, "7s", None),
        ),
        rules=(
            (_code, "status", TradingStatus),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.NEW_ORDER: _Layout(
        cls=NewOrder,
        fields=(
            _Field("cl_ord_id", 40, "Q", None),
            _Field("approval_seq", 48, "Q", None),
            _Field("price_ticks", 56, "q", None),
            _Field("stop_px_ticks", 64, "q", None),
            _Field("qty_lots", 72, "q", None),
            _Field("expire_ns", 80, "Q", None),
            _Field("parent_id", 88, "I", None),
            _Field("link_id", 92, "I", None),
            _Field("side", 96, "B", None),
            _Field("ord_type", 97, "B", None),
            _Field("time_in_force", 98, "B", None),
            _Field("exec_inst", 99, "B", None),
            _Field("reserved", 100, "4s", None),
        ),
        rules=(
            (_range, "qty_lots", (1, 9223372036854775807)),
            (_code, "side", Side),
            (_code, "ord_type", OrdType),
            (_code, "time_in_force", TimeInForce),
            (_code, "exec_inst", ExecInst),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.CANCEL_ORDER: _Layout(
        cls=CancelOrder,
        fields=(
            _Field("cl_ord_id", 40, "Q", None),
            _Field("orig_cl_ord_id", 48, "Q", None),
            _Field("order_id", 56, "Q", None),
        ),
        rules=(
        ),
    ),
    FrameKind.REPLACE_ORDER: _Layout(
        cls=ReplaceOrder,
        fields=(
            _Field("cl_ord_id", 40, "Q", None),
            _Field("orig_cl_ord_id", 48, "Q", None),
            _Field("order_id", 56, "Q", None),
            _Field("approval_seq", 64, "Q", None),
            _Field("price_ticks", 72, "q", None),
            _Field("qty_lots", 80, "q", None),
        ),
        rules=(
            (_range, "qty_lots", (1, 9223372036854775807)),
        ),
    ),
    FrameKind.EXECUTION_REPORT: _Layout(
        cls=ExecutionReport,
        fields=(
            _Field("cl_ord_id", 40, "Q", None),
            _Field("orig_cl_ord_id", 48, "Q", None),
            _Field("order_id", 56, "Q", None),
            _Field("exec_id", 64, "Q", None),
            _Field("last_px_ticks", 72, "q", None),
            _Field("last_qty_lots", 80, "q", None),
            _Field("leaves_qty_lots", 88, "q", None),
            _Field("cum_qty_lots", 96, "q", None),
            _Field("fee_e9", 104, "q", None),
            _Field("exec_type", 112, "B", None),
            _Field("ord_status", 113, "B", None),
            _Field("side", 114, "B", None),
            _Field("liquidity", 115, "B", None),
            _Field("reject_reason", 116, "B", None),
            _Field("reserved", 117, "11s", None),
        ),
        rules=(
            (_range, "last_qty_lots", (0, 9223372036854775807)),
            (_range, "leaves_qty_lots", (0, 9223372036854775807)),
            (_range, "cum_qty_lots", (0, 9223372036854775807)),
            (_code, "exec_type", ExecType),
            (_code, "ord_status", OrdStatus),
            (_code, "side", Side),
            (_code, "liquidity", Liquidity),
            (_code, "reject_reason", RejectReason),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.CANCEL_REJECT: _Layout(
        cls=CancelReject,
        fields=(
            _Field("cl_ord_id", 40, "Q", None),
            _Field("orig_cl_ord_id", 48, "Q", None),
            _Field("order_id", 56, "Q", None),
            _Field("ord_status", 64, "B", None),
            _Field("reject_reason", 65, "B", None),
            _Field("reserved", 66, "6s", None),
        ),
        rules=(
            (_code, "ord_status", OrdStatus),
            (_code, "reject_reason", RejectReason),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.DENIED: _Layout(
        cls=Denied,
        fields=(
            _Field("cl_ord_id", 40, "Q", None),
            _Field("mask", 48, "Q", None),
            _Field("price_ticks", 56, "q", None),
            _Field("qty_lots", 64, "q", None),
            _Field("limit", 72, "q", None),
            _Field("actual", 80, "q", None),
            _Field("primary", 88, "B", None),
            _Field("side", 89, "B", None),
            _Field("reserved", 90, "14s", None),
        ),
        rules=(
            (_that, "primary", _denied_primary),
            (_code, "side", Side),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.SIGNAL_REQUEST: _Layout(
        cls=SignalRequest,
        fields=(
            _Field("request_id", 40, "Q", None),
            _Field("sample_interval_ns", 48, "Q", None),
            _Field("expires_mono_ns", 56, "Q", None),
            _Field("snapshots", 64, "H", None),
            _Field("levels", 66, "H", None),
            _Field("reserved", 68, "4s", None),
            _Field("window", 72, "qqqq", (SnapshotLevel, 100)),
        ),
        rules=(
            (_range, "snapshots", (10, 10)),
            (_range, "levels", (10, 10)),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.SIGNAL_RESPONSE: _Layout(
        cls=SignalResponse,
        fields=(
            _Field("request_id", 40, "Q", None),
            _Field("model_hash", 48, "Q", None),
            _Field("infer_ns", 56, "Q", None),
            _Field("score_e6", 64, "i", None),
            _Field("p_up_e6", 68, "I", None),
            _Field("p_down_e6", 72, "I", None),
            _Field("generation", 76, "I", None),
            _Field("batch", 80, "H", None),
            _Field("status", 82, "B", None),
            _Field("reserved", 83, "13s", None),
        ),
        rules=(
            (_range, "score_e6", (-1000000, 1000000)),
            (_range, "p_up_e6", (0, 1000000)),
            (_range, "p_down_e6", (0, 1000000)),
            (_code, "status", SignalStatus),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.HELLO: _Layout(
        cls=Hello,
        fields=(
            _Field("schema_hash", 40, "Q", None),
            _Field("pid", 48, "I", None),
            _Field("wire_version", 52, "H", None),
            _Field("role", 54, "B", None),
            _Field("shared_memory", 55, "B", None),
            _Field("reserved", 56, "8s", None),
        ),
        rules=(
            (_code, "role", Role),
            (_range, "shared_memory", (0, 1)),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.HELLO_ACK: _Layout(
        cls=HelloAck,
        fields=(
            _Field("schema_hash", 40, "Q", None),
            _Field("model_hash", 48, "Q", None),
            _Field("pid", 56, "I", None),
            _Field("generation", 60, "I", None),
            _Field("wire_version", 64, "H", None),
            _Field("role", 66, "B", None),
            _Field("status", 67, "B", None),
            _Field("backend", 68, "48s", None),
            _Field("shared_memory", 116, "B", None),
            _Field("reserved", 117, "11s", None),
        ),
        rules=(
            (_code, "role", Role),
            (_code, "status", HelloStatus),
            (_text, "backend", None),
            (_range, "shared_memory", (0, 1)),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.MODEL_COMMAND: _Layout(
        cls=ModelCommand,
        fields=(
            _Field("request_id", 40, "Q", None),
            _Field("answers", 48, "I", None),
            _Field("action", 52, "B", None),
            _Field("reserved", 53, "3s", None),
            _Field("address", 56, "64s", None),
        ),
        rules=(
            (_code, "action", ModelAction),
            (_zero, "reserved", None),
            (_text, "address", None),
        ),
    ),
    FrameKind.MODEL_CHANGE: _Layout(
        cls=ModelChange,
        fields=(
            _Field("model_hash", 40, "Q", None),
            _Field("generation", 48, "I", None),
            _Field("reserved", 52, "4s", None),
            _Field("backend", 56, "48s", None),
        ),
        rules=(
            (_range, "generation", (1, 9223372036854775807)),
            (_zero, "reserved", None),
            (_text, "backend", None),
        ),
    ),
    FrameKind.DOORBELL: _Layout(
        cls=Doorbell,
        fields=(
        ),
        rules=(
        ),
    ),
    FrameKind.ADVICE: _Layout(
        cls=Advice,
        fields=(
            _Field("advice_id", 40, "Q", None),
            _Field("value", 48, "q", None),
            _Field("expires_ns", 56, "Q", None),
            _Field("field", 64, "B", None),
            _Field("reserved", 65, "7s", None),
            _Field("reason_code", 72, "I", None),
            _Field("source", 76, "I", None),
        ),
        rules=(
            (_code, "field", AdviceField),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.CONTROL: _Layout(
        cls=Control,
        fields=(
            _Field("request_id", 40, "Q", None),
            _Field("argument", 48, "Q", None),
            _Field("command", 56, "B", None),
            _Field("reserved", 57, "7s", None),
            _Field("reason", 64, "64s", None),
        ),
        rules=(
            (_code, "command", Command),
            (_zero, "reserved", None),
            (_text, "reason", None),
        ),
    ),
    FrameKind.CONTROL_REPLY: _Layout(
        cls=ControlReply,
        fields=(
            _Field("request_id", 40, "Q", None),
            _Field("text_len", 48, "I", None),
            _Field("code", 52, "B", None),
            _Field("reserved", 53, "3s", None),
        ),
        rules=(
            (_code, "code", ReplyCode),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.TIMER: _Layout(
        cls=Timer,
        fields=(
            _Field("deadline_ns", 40, "Q", None),
            _Field("timer_id", 48, "I", None),
            _Field("reserved", 52, "4s", None),
        ),
        rules=(
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.MODE_CHANGE: _Layout(
        cls=ModeChange,
        fields=(
            _Field("from_", 40, "B", None),
            _Field("to", 41, "B", None),
            _Field("cause_kind", 42, "B", None),
            _Field("reserved", 43, "5s", None),
        ),
        rules=(
            (_code, "from_", Mode),
            (_code, "to", Mode),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.SESSION_START: _Layout(
        cls=SessionStart,
        fields=(
            _Field("epoch", 40, "Q", None),
            _Field("schema_hash", 48, "Q", None),
            _Field("config_hash", 56, "Q", None),
            _Field("data_hash", 64, "Q", None),
            _Field("host_hash", 72, "Q", None),
            _Field("instruments", 80, "I", None),
            _Field("strategies", 84, "I", None),
        ),
        rules=(
        ),
    ),
    FrameKind.SESSION_END: _Layout(
        cls=SessionEnd,
        fields=(
            _Field("inputs", 40, "Q", None),
            _Field("outputs", 48, "Q", None),
            _Field("state_hash", 56, "Q", None),
        ),
        rules=(
        ),
    ),
    FrameKind.PARENT_ORDER: _Layout(
        cls=ParentOrder,
        fields=(
            _Field("start_ns", 40, "Q", None),
            _Field("end_ns", 48, "Q", None),
            _Field("limit_px_ticks", 56, "q", None),
            _Field("qty_lots", 64, "q", None),
            _Field("cum_qty_lots", 72, "q", None),
            _Field("working_lots", 80, "q", None),
            _Field("parent_id", 88, "I", None),
            _Field("slices", 92, "I", None),
            _Field("side", 96, "B", None),
            _Field("style", 97, "B", None),
            _Field("state", 98, "B", None),
            _Field("reserved", 99, "13s", None),
        ),
        rules=(
            (_range, "qty_lots", (1, 9223372036854775807)),
            (_range, "cum_qty_lots", (0, 9223372036854775807)),
            (_range, "working_lots", (0, 9223372036854775807)),
            (_code, "side", Side),
            (_code, "style", ParentStyle),
            (_code, "state", ParentState),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.MASS_STATUS_REQUEST: _Layout(
        cls=MassStatusRequest,
        fields=(
            _Field("mass_status_id", 40, "I", None),
            _Field("reserved", 44, "4s", None),
        ),
        rules=(
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.ORDER_STATUS_REQUEST: _Layout(
        cls=OrderStatusRequest,
        fields=(
            _Field("cl_ord_id", 40, "Q", None),
            _Field("order_id", 48, "Q", None),
        ),
        rules=(
        ),
    ),
    FrameKind.ORDER_STATUS_REPORT: _Layout(
        cls=OrderStatusReport,
        fields=(
            _Field("cl_ord_id", 40, "Q", None),
            _Field("order_id", 48, "Q", None),
            _Field("price_ticks", 56, "q", None),
            _Field("qty_lots", 64, "q", None),
            _Field("cum_qty_lots", 72, "q", None),
            _Field("leaves_qty_lots", 80, "q", None),
            _Field("mass_status_id", 88, "I", None),
            _Field("ord_status", 92, "B", None),
            _Field("side", 93, "B", None),
            _Field("ord_type", 94, "B", None),
            _Field("time_in_force", 95, "B", None),
            _Field("reserved", 96, "8s", None),
        ),
        rules=(
            (_range, "qty_lots", (0, 9223372036854775807)),
            (_range, "cum_qty_lots", (0, 9223372036854775807)),
            (_range, "leaves_qty_lots", (0, 9223372036854775807)),
            (_code, "ord_status", OrdStatus),
            (_code, "side", Side),
            (_code, "ord_type", OrdType),
            (_code, "time_in_force", TimeInForce),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.POSITION_REPORT: _Layout(
        cls=PositionReport,
        fields=(
            _Field("position_lots", 40, "q", None),
            _Field("avg_px_ticks", 48, "q", None),
            _Field("balance_e9", 56, "q", None),
            _Field("fills", 64, "Q", None),
            _Field("mass_status_id", 72, "I", None),
            _Field("reserved", 76, "4s", None),
        ),
        rules=(
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.MASS_STATUS_END: _Layout(
        cls=MassStatusEnd,
        fields=(
            _Field("mass_status_id", 40, "I", None),
            _Field("orders", 44, "I", None),
            _Field("positions", 48, "I", None),
            _Field("reserved", 52, "4s", None),
        ),
        rules=(
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.VENUE_SESSION: _Layout(
        cls=VenueSession,
        fields=(
            _Field("state", 40, "B", None),
            _Field("cancels_on_disconnect", 41, "B", None),
            _Field("reserved", 42, "6s", None),
        ),
        rules=(
            (_code, "state", SessionState),
            (_range, "cancels_on_disconnect", (0, 1)),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.RISK_INPUT: _Layout(
        cls=RiskInput,
        fields=(
            _Field("value", 40, "q", None),
            _Field("field", 48, "B", None),
            _Field("reserved", 49, "7s", None),
        ),
        rules=(
            (_code, "field", RiskField),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.LIMIT_CHANGE: _Layout(
        cls=LimitChange,
        fields=(
            _Field("value", 40, "q", None),
            _Field("change_id", 48, "Q", None),
            _Field("field", 56, "H", None),
            _Field("scope", 58, "B", None),
            _Field("source", 59, "B", None),
            _Field("reserved", 60, "4s", None),
        ),
        rules=(
            (_code, "field", LimitField),
            (_code, "scope", Scope),
            (_code, "source", ChangeSource),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.LIMITS_EPOCH: _Layout(
        cls=LimitsEpoch,
        fields=(
            _Field("epoch", 40, "Q", None),
            _Field("sha256", 48, "64s", None),
            _Field("stage", 112, "B", None),
            _Field("reserved", 113, "7s", None),
        ),
        rules=(
            (_text, "sha256", None),
            (_code, "stage", EpochStage),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.ALARM: _Layout(
        cls=Alarm,
        fields=(
            _Field("cl_ord_id", 40, "Q", None),
            _Field("limit", 48, "q", None),
            _Field("actual", 56, "q", None),
            _Field("code", 64, "B", None),
            _Field("reserved", 65, "7s", None),
        ),
        rules=(
            (_code, "code", AlarmCode),
            (_zero, "reserved", None),
        ),
    ),
    FrameKind.KILL_REPORT: _Layout(
        cls=KillReport,
        fields=(
            _Field("residual_e9", 40, "q", None),
            _Field("working", 48, "I", None),
            _Field("unknown", 52, "I", None),
            _Field("cancels", 56, "I", None),
            _Field("positions", 60, "I", None),
            _Field("scope", 64, "B", None),
            _Field("cause", 65, "B", None),
            _Field("stage", 66, "B", None),
            _Field("reserved", 67, "13s", None),
        ),
        rules=(
            (_code, "scope", Scope),
            (_code, "cause", KillCause),
            (_code, "stage", KillStage),
            (_zero, "reserved", None),
        ),
    ),
}

# END GENERATED tables

_KINDS = {layout.cls: kind for kind, layout in _LAYOUTS.items()}
