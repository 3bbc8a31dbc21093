"""A signal sidecar in Python: you write `score(request)`, this package does the socket.

    import corelane_sidecar as sidecar

    def score(request: sidecar.Request) -> sidecar.Score | None:
        return sidecar.Score.from_probabilities(up=0.6, down=0.3)

    if __name__ == "__main__":
        raise SystemExit(sidecar.run(score, backend="python/mine", model_file=__file__))

The engine asks, the sidecar answers; a sidecar that is slow, silent or wrong costs its signal and
nothing else. Standard library only, Python 3.10 or later, Linux; `array` needs NumPy. `wire` holds
every frame of the protocol.
"""

from corelane_sidecar import wire
from corelane_sidecar._server import (
    BATCH,
    Counts,
    Score,
    Scorer,
    SidecarError,
    SignalServer,
    model_hash_of,
    run,
)
from corelane_sidecar._window import array, rows
from corelane_sidecar.wire import SignalRequest as Request

__all__ = [
    "BATCH",
    "Counts",
    "Request",
    "Score",
    "Scorer",
    "SidecarError",
    "SignalServer",
    "array",
    "model_hash_of",
    "rows",
    "run",
    "wire",
]
