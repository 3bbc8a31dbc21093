"""Feature files: reading, the integer model input, labels and the split by time.

Owns the Python side of the data contract in README.md. `input_windows` must stay equal, number for
number, to `input_window` in `wire/src/signal.rs`. Must never: touch a float before the labels and
the integer input are made.
"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAGIC = b"CLFEAT01"
VERSION = 1
HEADER = struct.Struct("<8sIIQqqq16s")
COLUMNS = 42
WINDOW = 10
DEPTH = 10
FEATURES = DEPTH * 4
OFFSET_SCALE = 1_000_000_000
MAX_GAP_NS = 1_000_000_000
DOWN, FLAT, UP = 0, 1, 2
CLASSES = ("down", "flat", "up")


class FeatureFileError(ValueError):
    """A feature file that is not what README.md says; the text names the file and the fault."""


@dataclass(frozen=True)
class FeatureFile:
    """One recording's samples."""

    path: Path
    sha256: str
    symbol: str
    sample_interval_ns: int
    tick_size_e9: int
    lot_size_e9: int
    ts_recv_ns: np.ndarray  # [rows], engine time of each sample
    books: np.ndarray  # [rows, 40]: ask ticks, ask lots, bid ticks, bid lots from the best down


def read(path: Path) -> FeatureFile:
    """Reads and checks a feature file. Raises FeatureFileError."""
    data = path.read_bytes()
    if len(data) < HEADER.size:
        raise FeatureFileError(f"{path}: {len(data)} bytes, a header has {HEADER.size}")
    magic, version, columns, rows, interval, tick, lot, symbol = HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION or columns != COLUMNS:
        raise FeatureFileError(f"{path}: magic {magic!r} version {version} columns {columns}")
    if len(data) != HEADER.size + rows * columns * 8:
        raise FeatureFileError(f"{path}: header says {rows} rows, the file has {len(data)} bytes")
    if rows == 0 or interval <= 0 or tick <= 0 or lot <= 0:
        raise FeatureFileError(f"{path}: rows {rows} interval {interval} tick {tick} lot {lot}")
    table = np.frombuffer(data, dtype="<i8", offset=HEADER.size).reshape(rows, columns)
    ts, flags, books = table[:, 0], table[:, 1], table[:, 2:]
    ask, bid = books[:, 0::4], books[:, 2::4]
    faults = {
        "flags are not zero": (flags != 0).any(),
        "ts_recv_ns does not rise": (np.diff(ts) <= 0).any(),
        "a boundary holds two samples": (np.diff(ts // interval) < 1).any(),
        "a quantity is below one lot": (books[:, 1::2] < 1).any(),
        "ask levels do not rise": (np.diff(ask, axis=1) <= 0).any(),
        "bid levels do not fall": (np.diff(bid, axis=1) >= 0).any(),
        "a book is crossed": (ask[:, 0] <= bid[:, 0]).any(),
    }
    for fault, found in faults.items():
        if found:
            raise FeatureFileError(f"{path}: {fault}")
    return FeatureFile(
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        symbol=symbol.rstrip(b"\0").decode("ascii"),
        sample_interval_ns=interval,
        tick_size_e9=tick,
        lot_size_e9=lot,
        ts_recv_ns=ts.astype(np.int64),
        books=books.astype(np.int64),
    )


def trunc_div(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Integer division rounding toward zero, as Rust's `/`; denominators are positive."""
    quotient = np.abs(numerator) // denominator
    return np.where(numerator < 0, -quotient, quotient)


def input_windows(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The integer model input of `[n, 10, 40]` raw windows, and which of them have one.

    A price p becomes trunc((2 p - m) * 1e9 / m), m = best bid + best ask of the newest snapshot.
    A window has none where m is not positive or a product leaves 64 bits.
    """
    newest = windows[:, -1]
    ask, bid = newest[:, 0], newest[:, 2]
    small = (np.abs(windows) < 2**62).all(axis=(1, 2))
    mid_x2 = np.where(small, ask + bid, 0)
    valid = small & (mid_x2 > 0)
    safe_mid = np.where(valid, mid_x2, 1)[:, None, None]
    difference = np.where(valid[:, None, None], 2 * windows[:, :, 0::2] - safe_mid, 0)
    limit = (2**63 - 1) // OFFSET_SCALE
    valid &= (np.abs(difference) <= limit).all(axis=(1, 2))
    difference = np.where(valid[:, None, None], difference, 0)
    out = windows.copy()
    out[:, :, 0::2] = trunc_div(difference * OFFSET_SCALE, safe_mid)
    return out, valid


def mirror(inputs: np.ndarray) -> np.ndarray:
    """The same market seen from the other side: bids and asks change places, offsets their sign."""
    cells = inputs.reshape(*inputs.shape[:-1], DEPTH, 4)[..., [2, 3, 0, 1]].copy()
    cells[..., 0::2] *= -1
    return cells.reshape(inputs.shape)


@dataclass(frozen=True)
class Windows:
    """Model inputs with their labels; row i belongs to one sample of one file."""

    inputs: np.ndarray  # [n, 10, 40] i64
    books: np.ndarray  # [n, 10, 40] i64, raw
    labels: np.ndarray  # [n]
    index: np.ndarray  # [n], row of the newest sample in its file
    move_bps: np.ndarray  # [n], mid after the horizon against mid now, basis points


def label(books: np.ndarray, horizon: int, spread_halves: int) -> np.ndarray:
    """Up, flat or down of every sample that has one `horizon` samples later.

    Up where mid moves by more than `spread_halves` half spreads of the newest book, all in exact
    integers: m' - m > spread_halves * spread with m = best bid + best ask.
    """
    mid_x2 = books[:, 0] + books[:, 2]
    threshold = spread_halves * (books[:, 0] - books[:, 2])[:-horizon]
    move = mid_x2[horizon:] - mid_x2[:-horizon]
    return np.where(move > threshold, UP, np.where(move < -threshold, DOWN, FLAT))


def windows(file: FeatureFile, horizon: int, spread_halves: int) -> Windows:
    """All windows of a file whose samples, label included, hang together without a long gap."""
    rows = len(file.books)
    gap = np.concatenate([[0], np.cumsum(np.diff(file.ts_recv_ns) > MAX_GAP_NS)])
    newest = np.arange(WINDOW - 1, rows - horizon)
    newest = newest[gap[newest + horizon] == gap[newest - WINDOW + 1]]
    raw = file.books[newest[:, None] + np.arange(1 - WINDOW, 1)]
    inputs, valid = input_windows(raw)
    mid = (file.books[:, 0] + file.books[:, 2]).astype(np.float64)
    move_bps = (mid[newest + horizon] / mid[newest] - 1.0) * 1e4
    labels = label(file.books, horizon, spread_halves)[newest]
    return Windows(inputs[valid], raw[valid], labels[valid], newest[valid], move_bps[valid])


def take(source: Windows, mask: np.ndarray) -> Windows:
    """The windows a mask chooses."""
    return Windows(
        source.inputs[mask],
        source.books[mask],
        source.labels[mask],
        source.index[mask],
        source.move_bps[mask],
    )


def join(parts: list[Windows]) -> Windows:
    """Windows of several files one after the other."""
    names = Windows.__annotations__
    return Windows(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def split_by_time(
    file: FeatureFile, source: Windows, horizon: int, validation_share: float
) -> tuple[Windows, Windows]:
    """Earlier windows to train on and later ones to validate with.

    The cut is a point in time. No sample used by one side, label included, is used by the other.
    """
    first, last = int(file.ts_recv_ns[0]), int(file.ts_recv_ns[-1])
    cut_ns = last - int((last - first) * validation_share)
    cut = int(np.searchsorted(file.ts_recv_ns, cut_ns))
    before = source.index + horizon < cut
    after = source.index - (WINDOW - 1) >= cut
    return take(source, before), take(source, after)
