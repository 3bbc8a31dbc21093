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
from typing import Any, NamedTuple


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

    def __new__(cls, value: int, text: str):
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


def decode(data: bytes | bytearray | memoryview) -> Frame:
    """Decodes exactly one frame. Raises `WireError` where anything in it is not right."""
    head = _header(data)
    if len(data) < head.len_bytes:
        raise WireError("Truncated")
    if len(data) > head.len_bytes:
        raise WireError("BadLength")
    layout = _LAYOUTS.get(head.kind)
    if layout is None:
        raise WireError("UnknownKind", head.kind)
    has_levels = layout.cls in (DepthDelta, BookSnapshot)
    if head.flags & ~((FLAG_FIRST | FLAG_LAST) if has_levels else 0):
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


def frames(data: bytes | bytearray | memoryview) -> Iterator[Frame]:
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


def _header(data) -> FrameHeader:
    if len(data) < HEADER_BYTES:
        raise WireError("Truncated")
    head = FrameHeader(*_HEADER.unpack_from(data))
    if head.version != WIRE_VERSION:
        raise WireError("BadVersion", head.version)
    if head.len_bytes % 8 or not HEADER_BYTES <= head.len_bytes <= MAX_FRAME_BYTES:
        raise WireError("BadLength")
    return head


def _decode_levels(data, layout: _Layout, values: dict[str, Any]) -> None:
    bid_count, ask_count = values["bid_count"], values["ask_count"]
    if len(data) != layout.size + _LEVEL.size * (bid_count + ask_count):
        raise WireError("BadLength")
    levels = tuple(Level(*pair) for pair in _LEVEL.iter_unpack(data[layout.size :]))
    for index, level in enumerate(levels):
        if level.qty_lots < 0 or level.price_ticks == PRICE_TICKS_UNDEF:
            raise WireError("BadValue", min(layout.size + index * _LEVEL.size, 0xFFFF))
    values["bids"], values["asks"] = levels[:bid_count], levels[bid_count:]


def _decode_text(data, layout: _Layout, values: dict[str, Any]) -> None:
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
    values = {field.name: getattr(frame, field.name) for field in fields(frame)}
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
    cell: tuple[type, int] | None


class _Layout:
    """How the fixed part of one kind stands in memory, and what its fields may be."""

    def __init__(self, cls: type[Frame], fields: tuple[_Field, ...], rules: tuple):
        self.cls = cls
        self.fields = fields
        self.rules = rules
        self.offsets = {field.name: field.offset for field in fields}
        self.struct = struct.Struct(
            _HEADER.format + "".join(f.format * (f.cell[1] if f.cell else 1) for f in fields)
        )
        self.size = self.struct.size
        self.has_tail = cls in (DepthDelta, BookSnapshot, ControlReply)

    def unpack(self, data) -> dict[str, Any]:
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
        for field in fields(self.cls):
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


def _that(offset: int, values: dict[str, Any], _: str, holds: Callable[[dict], bool]) -> None:
    if not holds(values):
        raise WireError("BadValue", offset)


def _instrument_symbol(values: dict[str, Any]) -> bool:
    return values["symbol"][0] != 0


def _instrument_max_qty_lots(values: dict[str, Any]) -> bool:
    return values["max_qty_lots"] >= values["min_qty_lots"]


def _denied_primary(values: dict[str, Any]) -> bool:
    mask = values["mask"]
    return mask != 0 and values["primary"] == (mask & -mask).bit_length() - 1


# BEGIN GENERATED tables

#: Version of every layout.
WIRE_VERSION = 1
#: Hash of every layout, compared in the handshake.
SCHEMA_HASH = 0x7400982b02529e08
#: Size of the frame header.
HEADER_BYTES = 40
#: Largest frame.
MAX_FRAME_BYTES = 65536
#: Header flag: first frame of a depth message.
FLAG_FIRST = 1
#: Header flag: last frame of a depth message.
FLAG_LAST = 2
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
COUNTER_SLOTS = 64
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
    EXECUTION_REPORT = 24, "execution-report"
    CANCEL_REJECT = 25, "cancel-reject"
    DENIED = 26, "denied"
    SIGNAL_REQUEST = 32, "signal-request"
    SIGNAL_RESPONSE = 33, "signal-response"
    HELLO = 34, "hello"
    HELLO_ACK = 35, "hello-ack"
    ADVICE = 40, "advice"
    CONTROL = 48, "control"
    CONTROL_REPLY = 49, "control-reply"
    TIMER = 56, "timer"
    MODE_CHANGE = 57, "mode-change"
    SESSION_START = 58, "session-start"
    SESSION_END = 59, "session-end"


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


class TimeInForce(_Code):
    """Time in force (FIX 59)."""

    #: Good till cancel.
    GTC = ord("1"), "gtc"
    #: Immediate or cancel.
    IOC = ord("3"), "ioc"
    #: Fill or kill.
    FOK = ord("4"), "fok"


class ExecInst(_Code):
    """Execution instruction (FIX 18)."""

    #: None.
    NONE = 0, "none"
    #: Participate, do not initiate: post-only.
    POST_ONLY = ord("6"), "post-only"


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
    #: A fill was taken back.
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
    #: Frames written to the record.
    RECORDER_FRAMES = 40, "recorder.frames"
    #: Bytes written to the record.
    RECORDER_BYTES = 41, "recorder.bytes"
    #: 1 when the session ended.
    DONE = 48, "done"


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
    #: Last update number of the message before, where the venue says so; else undefined.
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
    #: Limit price, ticks; undefined for a market order.
    price_ticks: int
    #: Quantity, lots; positive.
    qty_lots: int
    #: Side (54): '1' buy, '2' sell.
    side: int
    #: Type (40): '1' market, '2' limit.
    ord_type: int
    #: Time in force (59): '1' GTC, '3' IOC, '4' FOK.
    time_in_force: int
    #: Instruction (18): 0 none, '6' post-only.
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
    #: Outcome: '0' ok, 'A' abstain, 'R' refused, 'S' shed.
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

    #: Kind 48.
    header: FrameHeader
    #: Number of the command, from the sender.
    request_id: int
    #: Argument of the command.
    argument: int
    #: Command: 'S', 'H', 'R', 'M' or 'X'.
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
    count: int
    #: Wire version.
    wire_version: int


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
            _Field("qty_lots", 64, "q", None),
            _Field("side", 72, "B", None),
            _Field("ord_type", 73, "B", None),
            _Field("time_in_force", 74, "B", None),
            _Field("exec_inst", 75, "B", None),
            _Field("reserved", 76, "4s", None),
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
            _Field("snapshots", 56, "H", None),
            _Field("levels", 58, "H", None),
            _Field("reserved", 60, "4s", None),
            _Field("window", 64, "qqqq", (SnapshotLevel, 100)),
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
            _Field("reserved", 55, "9s", None),
        ),
        rules=(
            (_code, "role", Role),
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
            _Field("reserved", 116, "12s", None),
        ),
        rules=(
            (_code, "role", Role),
            (_code, "status", HelloStatus),
            (_text, "backend", None),
            (_zero, "reserved", None),
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
            _Field("instruments", 72, "I", None),
            _Field("strategies", 76, "I", None),
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
}

# END GENERATED tables

_KINDS = {layout.cls: kind for kind, layout in _LAYOUTS.items()}
