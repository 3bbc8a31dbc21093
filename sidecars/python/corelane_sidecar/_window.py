"""A request as the numbers a model was trained on: 10 snapshots of 40 features, oldest first.

It must never differ from what `corelane features` writes and what the Rust server feeds its models:
both are `wire.signal_input`. NumPy is imported when `array` is first called, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corelane_sidecar import wire

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

#: Ask price, ask quantity, bid price, bid quantity of each level, best level first.
FEATURES = 4 * wire.SIGNAL_DEPTH


def rows(request: wire.SignalRequest) -> list[list[int]] | None:
    """The window as lists, one a snapshot.

    A price is its distance from the newest mid in billionths of it, a quantity is lots. None where
    the newest mid is not positive or a number leaves 64 bits: abstain then.
    """
    cells = wire.signal_input(request)
    if cells is None:
        return None
    return [cells[at : at + FEATURES] for at in range(0, len(cells), FEATURES)]


def array(request: wire.SignalRequest) -> NDArray[numpy.float32] | None:
    """The same as a NumPy array of shape (10, 40), 32-bit floats, as a network takes them.

    Raises `ImportError` where NumPy is missing.
    """
    import numpy

    window = rows(request)
    return None if window is None else numpy.array(window, dtype=numpy.float32)
